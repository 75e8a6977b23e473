package platform

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"time"

	"ops-console/ops/fly"
)

// MachineSpec says what machine to add. The zero value of every field has a usable default.
type MachineSpec struct {
	App      string            // the first app
	ID       string            // made up
	Name     string            // made up
	Region   string            // ord
	Group    string            // app
	Host     string            // one of the region's, few machines on each
	State    string            // started; created, stopped and suspended are possible too, and starting: see Up
	Release  int               // that of the app's newest complete release
	Image    string            // that of the release
	Port     uint16            // of the HTTP service; 4000 for the group app, none for others
	Path     string            // of the HTTP check; /health
	Env      map[string]string // added to the usual ones
	Metadata map[string]string // added to the usual ones
	Age      time.Duration     // since when it has existed; an hour
	Cordoned bool
	SkipDNS  bool
	Volume   bool   // a volume of its own at /data
	VolName  string // of that volume; data
	Autostop bool   // the proxy may stop it when idle

	// Config, where set, is used as it is, apart from release metadata and image.
	Config    json.RawMessage
	Behaviour Behaviour
}

// rolePostgres is the role of the apps that hold a database cluster.
const rolePostgres = "postgres_cluster"

// AddPostgresApp adds an application that the platform knows as a database cluster. What is said of all machines, or of
// those of a region, does not mean its machines, unless it happens to whole hosts.
func (w *World) AddPostgresApp(name string) {
	w.lock()
	defer w.unlock()
	w.addApp(fly.App{Name: name}).role = rolePostgres
}

// AddApp adds an application. Only Name is needed.
func (w *World) AddApp(a fly.App) {
	w.lock()
	defer w.unlock()
	w.addApp(a)
}

func (w *World) addApp(v fly.App) *app {
	if a, ok := w.apps[v.Name]; ok {
		return a
	}
	a := &app{
		id:        cmp.Or(v.ID, v.Name),
		name:      v.Name,
		numericID: 4_000_000 + len(w.apps),
		status:    cmp.Or(v.Status, "deployed"),
		network:   v.Network,
		role:      "app",
		created:   w.now.AddDate(-1, 0, 0),
	}
	w.apps[v.Name] = a
	w.appOrder = append(w.appOrder, a)
	w.dirty = true
	return a
}

func (w *World) appView(a *app) fly.App {
	return fly.App{
		ID: a.id, Name: a.name, Status: a.status, Network: a.network,
		MachineCount: a.machineCount(), VolumeCount: len(a.volumes), Organization: w.opts.Org,
	}
}

func (a *app) machineCount() int {
	n := 0
	for _, m := range a.machines {
		if !m.gone() {
			n++
		}
	}
	return n
}

func (w *World) appNamed(name string) (*app, error) {
	if name == "" {
		return w.appOrder[0], nil
	}
	a, ok := w.apps[name]
	if !ok {
		return nil, fmt.Errorf("no app %q", name)
	}
	return a, nil
}

// AddMachine adds a machine that has existed for a while, and returns its id.
func (w *World) AddMachine(s MachineSpec) (string, error) {
	w.lock()
	defer w.unlock()
	m, err := w.addMachine(s)
	if err != nil {
		return "", fmt.Errorf("add machine: %w", err)
	}
	return m.id, nil
}

// AddMachines adds n machines like s, in the given regions by turns (s.Region where there are none), and returns their
// ids.
func (w *World) AddMachines(n int, s MachineSpec, regions ...string) ([]string, error) {
	w.lock()
	defer w.unlock()
	ids := make([]string, 0, n)
	for i := range n {
		if len(regions) > 0 {
			s.Region = regions[i%len(regions)]
		}
		m, err := w.addMachine(s)
		if err != nil {
			return ids, fmt.Errorf("add machine %d of %d: %w", i+1, n, err)
		}
		ids = append(ids, m.id)
	}
	return ids, nil
}

func (w *World) addMachine(s MachineSpec) (*machine, error) {
	a, err := w.appNamed(s.App)
	if err != nil {
		return nil, err
	}
	s.Region = cmp.Or(s.Region, "ord")
	if _, ok := RegionNamed(s.Region); !ok {
		return nil, fmt.Errorf("no region %q", s.Region)
	}
	if _, taken := w.machines[s.ID]; taken {
		return nil, fmt.Errorf("id %q is taken", s.ID)
	}
	c, err := parseConfig(w.seedConfig(a, s))
	if err != nil {
		return nil, err
	}
	m := w.newMachine(a, s.ID, s.Name, s.Region, s.Host, c)
	m.cordoned = s.Cordoned
	m.base = s.Behaviour
	if s.Volume {
		v := w.newVolume(a, cmp.Or(s.VolName, "data"), s.Region, 3)
		v.machine, v.host = m.id, m.host
		m.setConfig(m.cfg.with("mounts", []fly.Mount{{Volume: v.id, Path: "/data", Name: v.name, SizeGB: v.sizeGB}}))
		m.cfg.Mounts = []fly.Mount{{Volume: v.id, Path: "/data", Name: v.name, SizeGB: v.sizeGB}}
		m.versions[0].cfg = m.cfg
	}
	w.seedHistory(m, cmp.Or(s.State, fly.StateStarted), cmp.Or(s.Age, time.Hour))
	return m, nil
}

// seedHistory lets m have reached a state some time ago.
func (w *World) seedHistory(m *machine, state string, age time.Duration) {
	now := w.now
	w.now = now.Add(-age)
	m.created = w.now
	w.event(m, "launch", fly.StateCreated, byUser, nil)
	m.state, m.updated = fly.StateCreated, w.now
	if state != fly.StateCreated {
		w.now = now.Add(-age).Add(min(w.opts.Delays.Create+w.opts.Delays.Start, age))
		w.event(m, "start", fly.StateStarted, byFlyd, nil)
		m.started, m.booted = w.now, true
		m.state, m.updated = fly.StateStarted, w.now
	}
	switch state {
	case fly.StateCreated, fly.StateStarted:
	case fly.StateStopped, fly.StateSuspended:
		w.now = now.Add(-age / 2)
		m.booted = false
		w.event(m, "stop", state, byFlyd, nil)
		m.state, m.updated = state, w.now
	case fly.StateStarting:
		w.now = now
		m.booted = false
		w.event(m, "start", state, byFlyd, nil)
		m.state, m.updated = state, w.now
	default:
		w.event(m, "update", state, byFlyd, nil)
		m.booted = false
		m.state, m.updated = state, w.now
	}
	w.resetChecks(m)
	w.now = now
}

// seedConfig is the config of s in the form the platform's clients write.
func (w *World) seedConfig(a *app, s MachineSpec) json.RawMessage {
	group := cmp.Or(s.Group, "app")
	var rel *release
	for _, r := range a.releases {
		if r.version == s.Release || s.Release == 0 && r.status == "complete" {
			rel = r
			break
		}
	}
	n, relID, image := s.Release, "", s.Image
	if rel != nil {
		n, relID, image = rel.version, rel.id, cmp.Or(image, rel.image)
	}
	n = max(n, 1)
	relID = cmp.Or(relID, fmt.Sprintf("rel_%d", n))
	image = cmp.Or(image, fmt.Sprintf("registry.fly.io/%s:deployment-v%d", a.name, n))
	md := map[string]string{
		fly.MetaPlatformVersion: "v2",
		fly.MetaProcessGroup:    group,
		fly.MetaReleaseID:       relID,
		fly.MetaReleaseVersion:  fmt.Sprint(n),
		"fly_flyctl_version":    "0.4.87",
	}
	maps.Copy(md, s.Metadata)
	if s.Config != nil {
		c := config{raw: s.Config}
		raw := map[string]json.RawMessage{}
		_ = json.Unmarshal(s.Config, &raw)
		if _, ok := raw["image"]; !ok {
			c = c.with("image", image)
		}
		if _, ok := raw["metadata"]; !ok {
			c = c.with("metadata", md)
		}
		return c.raw
	}
	env := map[string]string{"FLY_PROCESS_GROUP": group, "PRIMARY_REGION": "ord", "PHX_HOST": a.name + ".example"}
	maps.Copy(env, s.Env)
	c := map[string]any{
		"image":    image,
		"env":      env,
		"init":     map[string]any{},
		"guest":    fly.Guest{CPUKind: "shared", CPUs: 2, MemoryMB: 1024},
		"metadata": md,
		"restart":  fly.Restart{Policy: "on-failure", MaxRetries: 10},
	}
	port := int(s.Port)
	if port == 0 && group == "app" {
		port = 4000
	}
	if port != 0 {
		autostop := any(false)
		if s.Autostop {
			autostop = "stop"
		}
		c["services"] = []any{map[string]any{
			"protocol":             "tcp",
			"internal_port":        port,
			"autostop":             autostop,
			"autostart":            true,
			"min_machines_running": 2,
			"ports": []any{
				map[string]any{"port": 80, "handlers": []string{"http"}, "force_https": true},
				map[string]any{"port": 443, "handlers": []string{"http", "tls"}},
			},
			"checks": []any{map[string]any{
				"type": "http", "interval": "15s", "timeout": "4s", "grace_period": "30s", "method": "get", "path": cmp.Or(s.Path, "/health"),
			}},
			"concurrency":        fly.Concurrency{Type: "connections", HardLimit: 2500, SoftLimit: 2000},
			"force_instance_key": nil,
		}}
		c["checks"] = map[string]any{"db": map[string]any{
			"type": "http", "port": port, "interval": "15s", "timeout": "5s", "grace_period": "10s", "method": "get", "path": "/health/db",
		}}
	}
	if s.SkipDNS {
		c["dns"] = fly.DNSConfig{SkipRegistration: true}
	}
	// Only strings, numbers and maps of them: cannot fail.
	b, _ := json.Marshal(c)
	return b
}

// newMachine makes a machine in state created, without history.
func (w *World) newMachine(a *app, id, name, region, host string, c config) *machine {
	w.seq++
	n := w.placed[region]
	w.placed[region]++
	if id == "" {
		id = w.newMachineID()
	}
	if host == "" {
		// A host takes a few machines of an app before the next one is used.
		host = fmt.Sprintf("%s-host-%02d", region, n/3+1)
	}
	m := &machine{
		seq: w.seq, app: a, id: id, name: cmp.Or(name, w.newName()), region: region, host: host,
		addr: w.machineAddr(host, w.seq), state: fly.StateCreated, version: w.newULID(),
		created: w.now, updated: w.now, mods: map[string]func(*Behaviour){}, forced: map[string]forcedCheck{},
	}
	m.setConfig(c)
	w.planNext(m)
	m.versions = []version{{m.version, c}}
	a.machines = append(a.machines, m)
	w.machines[id] = m
	w.dirty = true
	return m
}
