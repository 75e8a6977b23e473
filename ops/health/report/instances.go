package report

import (
	"fmt"
	"strings"

	"ops-console/ops/health"
)

func (p *printer) regions() {
	if len(p.s.Regions) == 0 {
		p.section("REGIONS", "none known")
		return
	}
	p.section("REGIONS", fmt.Sprint(len(p.s.Regions)))
	t := table{
		{title: "REGION"},
		{title: "LEVEL"},
		{title: "OK", right: true},
		{title: "STOPPED", right: true, drop: 3},
		{title: "UNKNOWN", right: true},
		{title: "TOTAL", right: true},
		{title: "RESTARTS", right: true, drop: 2},
		{title: "RELEASES", drop: 5},
		{title: "P50", right: true},
		{title: "MAX", right: true, drop: 4},
		{title: "ROLE", drop: 1},
	}
	for _, r := range p.s.Regions {
		role := ""
		if r.Primary {
			role = "primary"
		}
		t.row(either(r.Code, "unknown"), string(r.Level), fmt.Sprint(r.OK), fmt.Sprint(r.Stopped), fmt.Sprint(r.Unknown),
			fmt.Sprint(r.Total), fmt.Sprint(r.Restarts), versions(r.Releases), millis(r.P50), millis(r.Max), role)
	}
	p.table(t)
}

func versions(vv []int) string {
	var out []string
	for _, v := range vv {
		out = append(out, fmt.Sprintf("v%d", v))
	}
	return strings.Join(out, " ")
}

func (p *printer) instances() {
	if len(p.s.Instances) == 0 {
		p.section("INSTANCES", "none known")
		return
	}
	p.section("INSTANCES", fmt.Sprint(len(p.s.Instances)))
	t := table{
		{title: "REGION"},
		{title: "INSTANCE"},
		{title: "GROUP", drop: 4},
		{title: "LEVEL"},
		{title: "STATE"},
		{title: "CHECKS", drop: 8},
		{title: "PROBE"},
		{title: "LATENCY", right: true, drop: 7},
		{title: "DNS", drop: 6},
		{title: "RELEASE", drop: 9},
		{title: "UP", right: true, drop: 5},
		{title: "RESTARTS", right: true, drop: 3},
		{title: "MARKS", drop: 2},
		{title: "NAME", drop: 1},
	}
	for _, i := range p.s.Instances {
		up, release := "", ""
		if !i.StartedAt.IsZero() {
			up = ago(p.o.Now.Sub(i.StartedAt))
		}
		if i.Release > 0 {
			release = fmt.Sprintf("v%d", i.Release)
		}
		t.row(either(i.Region, "unknown"), i.ID, i.ProcessGroup, string(i.Level), either(i.State, "not known"),
			checks(i.Checks), probe(i.Probe), millis(i.Probe.Latency), dns(i.DNS), release, up, restarts(i), marks(i), i.Name)
	}
	p.table(t)
}

// checks is how many pass, of how many.
func checks(cc []health.Check) string {
	if len(cc) == 0 {
		return ""
	}
	n := 0
	for _, c := range cc {
		if c.Status == "passing" {
			n++
		}
	}
	return fmt.Sprintf("%d/%d", n, len(cc))
}

func probe(p health.Probe) string {
	switch p.State {
	case "", health.ProbeNone:
		return ""
	case health.ProbeOK, health.ProbeBadStatus:
		return fmt.Sprint(p.Status)
	}
	return string(p.State)
}

func dns(d health.DNS) string {
	switch {
	case !d.Known:
		return "?"
	case d.Listed:
		return "listed"
	}
	return "absent"
}

// restarts is a number only where the platform said something of the instance at all.
func restarts(i health.Instance) string {
	if i.State == "" {
		return ""
	}
	s := fmt.Sprint(i.Restarts)
	if i.OOMKills > 0 {
		s += fmt.Sprintf(" (%d oom)", i.OOMKills)
	}
	return s
}

func marks(i health.Instance) string {
	var out []string
	for _, m := range []struct {
		set  bool
		word string
	}{
		{i.Cordoned, "cordoned"},
		{i.Autostop, "autostop"},
		{i.Standby, "standby"},
		{i.Unmanaged, "unmanaged"},
		{i.Retained, "retained"},
		{i.HostStatus != "" && i.HostStatus != "ok", "host " + i.HostStatus},
	} {
		if m.set {
			out = append(out, m.word)
		}
	}
	return strings.Join(out, ", ")
}

func either(s, fallback string) string {
	if s == "" {
		return fallback
	}
	return s
}
