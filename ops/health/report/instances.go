package report

import (
	"cmp"
	"fmt"
	"strings"

	"ops-console/ops/health"
	"ops-console/ops/page"
)

func (p *printer) regions() {
	if len(p.s.Regions) == 0 {
		p.Section("REGIONS", "none known")
		return
	}
	p.Section("REGIONS", fmt.Sprint(len(p.s.Regions)))
	t := page.NewTable(
		page.Column{Title: "REGION"},
		page.Column{Title: "LEVEL"},
		page.Column{Title: "OK", Right: true},
		page.Column{Title: "STOPPED", Right: true, Drop: 3},
		page.Column{Title: "UNKNOWN", Right: true},
		page.Column{Title: "TOTAL", Right: true},
		page.Column{Title: "RESTARTS", Right: true, Drop: 2},
		page.Column{Title: "RELEASES", Drop: 5},
		page.Column{Title: "P50", Right: true},
		page.Column{Title: "MAX", Right: true, Drop: 4},
		page.Column{Title: "ROLE", Drop: 1},
	)
	for _, r := range p.s.Regions {
		role := ""
		if r.Primary {
			role = "primary"
		}
		t.Row(cmp.Or(r.Code, "unknown"), string(r.Level), fmt.Sprint(r.OK), fmt.Sprint(r.Stopped), fmt.Sprint(r.Unknown),
			fmt.Sprint(r.Total), fmt.Sprint(r.Restarts), versions(r.Releases), page.Millis(r.P50), page.Millis(r.Max), role)
	}
	p.Table(t)
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
		p.Section("INSTANCES", "none known")
		return
	}
	p.Section("INSTANCES", fmt.Sprint(len(p.s.Instances)))
	t := page.NewTable(
		page.Column{Title: "REGION"},
		page.Column{Title: "INSTANCE"},
		page.Column{Title: "GROUP", Drop: 4},
		page.Column{Title: "LEVEL"},
		page.Column{Title: "STATE"},
		page.Column{Title: "CHECKS", Drop: 8},
		page.Column{Title: "PROBE"},
		page.Column{Title: "LATENCY", Right: true, Drop: 7},
		page.Column{Title: "DNS", Drop: 6},
		page.Column{Title: "RELEASE", Drop: 9},
		page.Column{Title: "UP", Right: true, Drop: 5},
		page.Column{Title: "RESTARTS", Right: true, Drop: 3},
		page.Column{Title: "MARKS", Drop: 2},
		page.Column{Title: "NAME", Drop: 1},
	)
	for _, i := range p.s.Instances {
		up, release := "", ""
		if !i.StartedAt.IsZero() {
			up = page.Ago(p.now.Sub(i.StartedAt))
		}
		if i.Release > 0 {
			release = fmt.Sprintf("v%d", i.Release)
		}
		t.Row(cmp.Or(i.Region, "unknown"), i.ID, i.ProcessGroup, string(i.Level), cmp.Or(i.State, "not known"),
			checks(i.Checks), probe(i.Probe), page.Millis(i.Probe.Latency), dns(i.DNS), release, up, restarts(i), marks(i), i.Name)
	}
	p.Table(t)
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
