package platform

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"ops-console/ops/fly"
)

func machineEndpoints() map[string]endpoint {
	return map[string]endpoint{
		"GET /v1/apps/{app}/machines":                           {do: (*call).listMachines, limit: "machines_list"},
		"POST /v1/apps/{app}/machines":                          {do: (*call).createMachine, limit: "machine_create"},
		"GET /v1/orgs/{org}/machines":                           {do: (*call).listOrgMachines},
		"GET /v1/apps/{app}/machines/{machine}":                 {do: (*call).getMachine, limit: "machine_get"},
		"POST /v1/apps/{app}/machines/{machine}":                {do: (*call).updateMachine, changes: true, limit: "machine_update"},
		"DELETE /v1/apps/{app}/machines/{machine}":              {do: (*call).deleteMachine, changes: true, limit: "machine_destroy"},
		"POST /v1/apps/{app}/machines/{machine}/start":          {do: (*call).startMachine, changes: true, limit: "machine_start"},
		"POST /v1/apps/{app}/machines/{machine}/stop":           {do: (*call).stopMachine, changes: true, limit: "machine_stop"},
		"POST /v1/apps/{app}/machines/{machine}/restart":        {do: (*call).restartMachine, changes: true, limit: "machine_restart"},
		"POST /v1/apps/{app}/machines/{machine}/suspend":        {do: (*call).suspendMachine, changes: true, limit: "machine_suspend"},
		"POST /v1/apps/{app}/machines/{machine}/signal":         {do: (*call).signalMachine, changes: true, limit: "machine_signal"},
		"POST /v1/apps/{app}/machines/{machine}/cordon":         {do: (*call).cordon, changes: true, limit: "machine_cordon"},
		"POST /v1/apps/{app}/machines/{machine}/uncordon":       {do: (*call).uncordon, changes: true, limit: "machine_cordon"},
		"GET /v1/apps/{app}/machines/{machine}/events":          {do: (*call).machineEvents, limit: "machine_events"},
		"GET /v1/apps/{app}/machines/{machine}/versions":        {do: (*call).machineVersions, limit: "machine_versions"},
		"GET /v1/apps/{app}/machines/{machine}/ps":              {do: (*call).processes, limit: "machine_ps"},
		"GET /v1/apps/{app}/machines/{machine}/memory":          {do: (*call).memory},
		"PUT /v1/apps/{app}/machines/{machine}/memory":          {do: (*call).memory, changes: true},
		"POST /v1/apps/{app}/machines/{machine}/memory/reclaim": {do: (*call).memory, changes: true},
		"GET /v1/apps/{app}/machines/{machine}/wait":            {do: (*call).wait, open: true},
		"POST /v1/apps/{app}/machines/{machine}/exec":           {do: (*call).exec, open: true, limit: "machine_exec"},
	}
}

// listMachines is the machines of an app, filtered and paged.
func (c *call) listMachines() (reply, error) {
	q := c.URL.Query()
	limit := 0
	if s := q.Get("limit"); s != "" {
		n, err := limitOf(s, 1000)
		if err != nil {
			return reply{}, err
		}
		limit = n
	}
	after, err := decodeCursor(q.Get("cursor"))
	if err != nil {
		return reply{}, err
	}
	if raw, lied := c.w.listFault(c.app); lied {
		return reply{status: http.StatusOK, raw: raw}, nil
	}
	keep := machineFilter(q)
	var out []*machine
	next := ""
	for _, m := range c.w.listed(c.app) {
		if m.seq <= after || !keep(m) {
			continue
		}
		if limit > 0 && len(out) == limit {
			next = encodeCursor(out[len(out)-1].seq)
			break
		}
		out = append(out, m)
	}
	rep := reply{status: http.StatusOK, header: http.Header{}, raw: c.w.encodeMachines(out, q.Get("summary") == "true", q.Get("include_leases") == "true")}
	if next != "" {
		rep.header.Set("fly-next-cursor", next)
	}
	return rep, nil
}

// encodeMachines is a JSON array of machines.
func (w *World) encodeMachines(mm []*machine, summary, leases bool) []byte {
	var b bytes.Buffer
	b.WriteByte('[')
	for i, m := range mm {
		if i > 0 {
			b.WriteByte(',')
		}
		switch {
		case summary:
			// A struct of text and times: cannot fail.
			s, _ := json.Marshal(m.summary())
			b.Write(s)
		case leases && w.held(m) != nil:
			b.Write(m.jsonWith(w.held(m).view(""), ""))
		default:
			b.Write(m.json())
		}
	}
	b.WriteByte(']')
	return b.Bytes()
}

func encodeCursor(seq int) string {
	return base64.RawURLEncoding.EncodeToString([]byte("m" + strconv.Itoa(seq)))
}

func decodeCursor(s string) (int, error) {
	if s == "" {
		return 0, nil
	}
	b, err := base64.RawURLEncoding.DecodeString(s)
	n, err2 := strconv.Atoi(strings.TrimPrefix(string(b), "m"))
	if err != nil || err2 != nil || !strings.HasPrefix(string(b), "m") {
		return 0, errBadRequest("invalid cursor")
	}
	return n, nil
}

// machineFilter is what the query of a list asks for.
func machineFilter(q map[string][]string) func(*machine) bool {
	get := func(k string) string {
		if len(q[k]) > 0 {
			return q[k][0]
		}
		return ""
	}
	deleted := get("include_deleted") == "true"
	region := get("region")
	states := splitList(q["state"])
	metadata := map[string]string{}
	for k, v := range q {
		if name, isMetadata := strings.CutPrefix(k, "metadata."); isMetadata && len(v) > 0 {
			metadata[name] = v[0]
		}
	}
	return func(m *machine) bool {
		if m.gone() && !deleted && !slices.Contains(states, fly.StateDestroyed) {
			return false
		}
		if region != "" && m.region != region || len(states) > 0 && !slices.Contains(states, m.state) {
			return false
		}
		for k, v := range metadata {
			if m.cfg.Metadata[k] != v {
				return false
			}
		}
		return true
	}
}

// splitList joins repeated and comma-separated values.
func splitList(vv []string) []string {
	var out []string
	for _, v := range vv {
		for p := range strings.SplitSeq(v, ",") {
			if p = strings.TrimSpace(p); p != "" {
				out = append(out, p)
			}
		}
	}
	return out
}

// listOrgMachines is the machines of all apps.
func (c *call) listOrgMachines() (reply, error) {
	if org := c.PathValue("org"); org != c.w.opts.Org.Slug {
		return reply{}, errNotFound("organization not found: %s", org)
	}
	q := c.URL.Query()
	limit, err := limitOf(q.Get("limit"), 1000)
	if err != nil {
		return reply{}, err
	}
	after, err := decodeCursor(q.Get("cursor"))
	if err != nil {
		return reply{}, err
	}
	var since time.Time
	if s := q.Get("updated_after"); s != "" {
		if since, err = time.Parse(time.RFC3339, s); err != nil {
			return reply{}, errBadRequest("updated_after %q is not a time", s)
		}
	}
	keep := machineFilter(q)
	var mm []*machine
	for _, a := range c.w.appOrder {
		for _, m := range a.machines {
			if m.seq > after && m.updated.After(since) && keep(m) {
				mm = append(mm, m)
			}
		}
	}
	slices.SortFunc(mm, func(a, b *machine) int { return a.seq - b.seq })
	next := ""
	if len(mm) > limit {
		mm, next = mm[:limit], encodeCursor(mm[limit-1].seq)
	}
	last, lastID := "", ""
	for _, m := range mm {
		if u := stamp(m.updated); u > last {
			last, lastID = u, m.id
		}
	}
	return ok(map[string]any{
		"machines":        json.RawMessage(c.w.encodeMachines(mm, q.Get("summary") == "true", false)),
		"next_cursor":     next,
		"last_updated_at": last,
		"last_machine_id": lastID,
		"error_regions":   []string{},
	})
}

func (c *call) getMachine() (reply, error) {
	q := c.URL.Query()
	var l *leaseJSON
	if q.Get("include_leases") == "true" && c.w.held(c.m) != nil {
		l = c.w.held(c.m).view(c.nonce())
	}
	if v := q.Get("version"); v != "" && v != c.m.version {
		i := slices.IndexFunc(c.m.versions, func(x version) bool { return x.id == v })
		if i < 0 {
			return reply{}, errNotFound("machine version not found: %s", v)
		}
		j := c.m.view()
		j.InstanceID, j.Version, j.Config = v, v, c.m.versions[i].cfg.raw
		j.ImageRef = parseImage(c.m.versions[i].cfg.Image)
		return ok(j)
	}
	return reply{status: http.StatusOK, raw: c.m.jsonWith(l, "")}, nil
}

func (c *call) machineEvents() (reply, error) {
	n, err := limitOf(c.URL.Query().Get("limit"), keptEvents)
	if err != nil {
		return reply{}, err
	}
	if c.URL.Query().Get("limit") == "" {
		n = 20
	}
	return ok(c.m.newestEvents(n))
}

func (c *call) machineVersions() (reply, error) {
	type versionJSON struct {
		Version string          `json:"version"`
		Config  json.RawMessage `json:"user_config"`
	}
	vv := make([]versionJSON, 0, len(c.m.versions))
	for _, v := range slices.Backward(c.m.versions) {
		vv = append(vv, versionJSON{v.id, v.cfg.raw})
	}
	return ok(vv)
}

func (c *call) processes() (reply, error) {
	if c.m.state != fly.StateStarted {
		return reply{}, errPrecondition("machine not running")
	}
	type socket struct {
		Proto   string `json:"proto"`
		Address string `json:"address"`
	}
	type process struct {
		PID       int      `json:"pid"`
		STime     int      `json:"stime"`
		RTime     int      `json:"rtime"`
		Command   string   `json:"command"`
		Directory string   `json:"directory"`
		CPU       int      `json:"cpu"`
		RSS       int64    `json:"rss"`
		Listen    []socket `json:"listen_sockets"`
	}
	pp := []process{{PID: 301, Command: "/app/erts/bin/beam.smp", Directory: "/app", RSS: 180 << 20, Listen: []socket{}}}
	if up := c.w.now.Sub(c.m.started); up > 0 {
		pp[0].RTime, pp[0].STime = int(up/time.Second), int(up/time.Second/20)
	}
	for _, s := range c.m.cfg.Services {
		if c.m.booted && !c.w.behaviour(c.m).Dead {
			pp[0].Listen = append(pp[0].Listen, socket{"tcp", "[::]:" + strconv.Itoa(s.InternalPort)})
		}
	}
	return ok(pp)
}

func (c *call) memory() (reply, error) {
	mb := 256
	if c.m.cfg.Guest != nil && c.m.cfg.Guest.MemoryMB > 0 {
		mb = c.m.cfg.Guest.MemoryMB
	}
	return ok(map[string]any{"limit_mb": mb, "available_mb": mb / 3})
}
