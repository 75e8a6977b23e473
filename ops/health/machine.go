package health

import (
	"cmp"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"ops-console/ops"
	"ops-console/ops/fly"
	"ops-console/ops/plaintext"
)

// How much text of the outside is kept.
const (
	maxWord   = 64  // names, states, codes
	maxLine   = 300 // errors, descriptions
	maxOutput = 4000
	maxEvents = 50
)

// machine is one machine of the platform's list, with what is derived from it alone. It is made once per reading and
// never changed.
type machine struct {
	Instance
	reserved bool          // a release command, a console: not an instance of the app
	skipDNS  bool          // keeps out of the network's DNS by configuration
	oneOff   bool          // scheduled, or destroyed when it exits
	byUser   bool          // the latest stop was asked for
	grace    time.Duration // how long its checks may fail after a start
	loop     crashLoop
	ooms     []time.Time // newest first
	marks    []Mark
	port     int // of its HTTP service; 0: it has none
	path     string
	opaque   bool // its configuration was never seen
}

// target is where an instance is probed.
type target struct {
	id, region string
	address    netip.AddrPort
	path       string
	hostLost   bool // the platform cannot reach its host
	guessed    bool // whether it serves HTTP at all is not known
}

// read makes a machine of what the platform gave. was is the configuration last seen where the platform now gives none.
func read(m fly.Machine, was *fly.MachineConfig, at time.Time) machine {
	c := m.Config
	if c == nil {
		c = was
	}
	opaque := c == nil
	if c == nil {
		c = m.IncompleteConfig
	}
	if c == nil {
		c = &fly.MachineConfig{}
	}
	out := machine{Instance: Instance{
		ID:           word(m.ID),
		Name:         word(m.Name),
		Region:       word(m.Region),
		ProcessGroup: word(group(c)),
		Address:      address(m.PrivateIP),
		State:        word(m.State),
		HostStatus:   word(m.HostStatus),
		Cordoned:     m.Cordoned,
		Autostop:     slices.ContainsFunc(c.Services, autostops),
		Standby:      len(c.Standbys) > 0,
		ReleaseID:    word(c.Metadata[fly.MetaReleaseID]),
		Image:        image(m.ImageRef, c),
		Digest:       plaintext.Line(m.ImageRef.Digest, 80),
		Version:      word(cmp.Or(m.InstanceID, m.Version)),
		CreatedAt:    moment(m.CreatedAt),
		PlatformAt:   at,
	}}
	out.Release, _ = strconv.Atoi(c.Metadata[fly.MetaReleaseVersion])
	out.Release = max(out.Release, 0)
	out.opaque = opaque
	out.Unmanaged = !opaque && c.Metadata[fly.MetaPlatformVersion] == ""
	if g := c.Guest; g != nil {
		out.CPUKind, out.CPUs, out.MemoryMB = word(g.CPUKind), g.CPUs, g.MemoryMB
	}
	out.reserved = strings.HasPrefix(group(c), "fly_app_")
	out.skipDNS = c.DNS != nil && c.DNS.SkipRegistration
	out.oneOff = c.Schedule != "" || c.AutoDestroy
	out.Checks = checks(m.Checks, c)
	out.grace = grace(c)
	out.port, out.path = endpoint(c)
	out.history(m)
	return out
}

// moment is a time of the outside in UTC. One that no calendar has is unknown: it could not be written out again.
func moment(t time.Time) time.Time {
	t = t.UTC()
	if y := t.Year(); y < 1970 || y > 9998 {
		return time.Time{}
	}
	return t
}

func word(s string) string { return plaintext.Line(s, maxWord) }

func group(c *fly.MachineConfig) string {
	return cmp.Or(c.Metadata[fly.MetaProcessGroup], c.Metadata["process_group"], c.Env["FLY_PROCESS_GROUP"])
}

func address(s string) string {
	a, err := netip.ParseAddr(s)
	if err != nil || a.Zone() != "" {
		return ""
	}
	return a.String()
}

func image(r fly.ImageRef, c *fly.MachineConfig) string {
	switch {
	case r.Repository == "":
		return plaintext.Line(c.Image, 120)
	case r.Tag == "":
		return plaintext.Line(r.Repository, 120)
	}
	return plaintext.Line(r.Repository+":"+r.Tag, 120)
}

// autostops tells whether the proxy may stop the machine when nobody uses the service. The platform writes the field
// as a boolean or as a word.
func autostops(s fly.Service) bool {
	switch string(s.Autostop) {
	case "", "null", "false", `"off"`, `"false"`, `""`:
		return false
	}
	return true
}

// checks are those of the platform, by name. Service checks are named by index, type and port; only they decide about
// routing. Those that a deploy makes for itself are left out.
func checks(cc []fly.CheckStatus, c *fly.MachineConfig) []Check {
	out := make([]Check, 0, len(cc))
	for _, k := range cc {
		if strings.HasPrefix(k.Name, "bg_deployments_") {
			continue
		}
		_, own := c.Checks[k.Name]
		check := Check{
			Name:    word(k.Name),
			Status:  word(k.Status),
			Output:  plaintext.Block(k.Output, 60, maxOutput),
			Routing: !own,
		}
		if k.UpdatedAt != nil {
			check.Since = moment(*k.UpdatedAt)
		}
		out = append(out, check)
	}
	slices.SortStableFunc(out, func(a, b Check) int { return cmp.Compare(a.Name, b.Name) })
	return out
}

// grace is the longest time that one of the checks allows after a start, between 10 s and 5 min.
func grace(c *fly.MachineConfig) time.Duration {
	d := 10 * time.Second
	for _, k := range c.Checks {
		d = max(d, time.Duration(k.GracePeriod))
	}
	for _, s := range c.Services {
		for _, k := range s.Checks {
			d = max(d, time.Duration(k.GracePeriod))
		}
	}
	return min(d, 5*time.Minute)
}

// endpoint is the port and the path at which the machine says it can be asked over HTTP: its service's check, else a
// check of its own, else its service.
func endpoint(c *fly.MachineConfig) (port int, path string) {
	for _, s := range c.Services {
		for _, k := range s.Checks {
			if k.Type == "http" {
				return cmp.Or(k.Port, s.InternalPort), cmp.Or(k.Path, "/")
			}
		}
	}
	names := make([]string, 0, len(c.Checks))
	for name := range c.Checks {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		if k := c.Checks[name]; k.Type == "http" && k.Port > 0 {
			return k.Port, cmp.Or(k.Path, "/")
		}
	}
	for _, s := range c.Services {
		if speaksHTTP(s) {
			return s.InternalPort, "/"
		}
	}
	return 0, ""
}

func speaksHTTP(s fly.Service) bool {
	return slices.ContainsFunc(s.Ports, func(p fly.Port) bool {
		return p.Port == 80 || slices.Contains(p.Handlers, "http")
	})
}

func (m *machine) subject() ops.Subject { return ops.Subject{Region: m.Region, Instance: m.ID} }
