package instances

import (
	"strings"
	"testing"

	"github.com/charmbracelet/x/ansi"
	"github.com/google/go-cmp/cmp"

	"ops-console/ops/health"
	"ops-console/tui/action"
	"ops-console/tui/pane"
	"ops-console/tui/tuitest"
)

func text(p *Pane, t testing.TB, w, h int) string {
	return ansi.Strip(strings.Join(p.View(env(t), w, h), "\n"))
}

func TestDisagreement(t *testing.T) {
	checks := func(status ...string) []health.Check {
		var out []health.Check
		for _, s := range status {
			out = append(out, health.Check{Status: s})
		}
		return out
	}
	ok, refused := health.Probe{State: health.ProbeOK, Status: 200}, health.Probe{State: health.ProbeRefused}
	listed, unlisted := health.DNS{Known: true, Listed: true}, health.DNS{Known: true}
	for _, c := range []struct {
		name string
		in   health.Instance
		want string
	}{
		{"all well", health.Instance{State: "started", Checks: checks("passing"), Probe: ok, DNS: listed}, ""},
		{"nothing known", health.Instance{}, ""},
		{"probe refused", health.Instance{State: "started", Checks: checks("passing", "passing"), Probe: refused, DNS: listed}, "checks pass, probe refused"},
		{"bad status", health.Instance{State: "started", Checks: checks("passing"), Probe: health.Probe{State: health.ProbeBadStatus, Status: 502}, DNS: listed}, "checks pass, probe 502"},
		{"no network says nothing", health.Instance{State: "started", Checks: checks("passing"), Probe: health.Probe{State: health.ProbeNoNetwork}}, ""},
		{"both bad agree", health.Instance{State: "started", Checks: checks("critical"), Probe: refused, DNS: listed}, ""},
		{"check fails, answers", health.Instance{State: "started", Checks: checks("critical", "passing"), Probe: ok, DNS: listed}, "checks 1/2, probe ok"},
		{"no checks", health.Instance{State: "started", HostStatus: "ok", Probe: refused}, "platform started, probe refused"},
		{"stopped, answers", health.Instance{State: "stopped", Probe: ok, DNS: listed}, "platform stopped, probe ok; stopped, still in DNS"},
		{"host unreachable, answers", health.Instance{State: "started", HostStatus: "unreachable", Probe: ok, DNS: listed}, "host unreachable, probe ok"},
		{"not in DNS", health.Instance{State: "started", Checks: checks("passing"), Probe: ok, DNS: unlisted}, "started, not in DNS"},
		{"DNS unknown", health.Instance{State: "started", Checks: checks("passing"), Probe: ok}, ""},
		{"another address", health.Instance{State: "started", Address: "fdaa::3", Probe: ok, DNS: health.DNS{Known: true, Listed: true, Address: "fdaa::4"}}, "DNS has another address"},
		{"another release", health.Instance{State: "started", Release: 1482, Probe: health.Probe{State: health.ProbeOK, Release: "v1481"}}, "platform v1482, probe v1481"},
		{"a release that is no number", health.Instance{State: "started", Release: 1482, Probe: health.Probe{State: health.ProbeOK, Release: "abc"}}, ""},
	} {
		passed := 0
		for _, k := range c.in.Checks {
			if k.Status == passing {
				passed++
			}
		}
		if got := disagreement(&c.in, passed); got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}

func TestProblemRowsComeFirstWithinTheirRegion(t *testing.T) {
	s := torn()
	p := with(s)
	var got []string
	seen := map[string]bool{}
	for _, r := range p.all {
		if !seen[r.Region] {
			seen[r.Region] = true
			got = append(got, r.Region+" "+string(r.Level))
		}
	}
	want := []string{"ams critical", "nrt critical", "syd critical", "iad warning", "ord warning", "fra ok", "lhr ok", "sjc ok"}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

func TestAMixedFleetIsMarkedInWords(t *testing.T) {
	s := torn()
	p := with(s)
	for id, want := range map[string][]string{
		s.Instances[5].ID: {"cordoned"},
		s.Instances[6].ID: {"another image"},
		s.Instances[8].ID: {"stopped by autostop"},
		s.Instances[9].ID: {"checks pass, probe refused"},
	} {
		for i := range p.all {
			if p.all[i].ID == id {
				for _, w := range want {
					if got := p.all[i].note(); !strings.Contains(got, w) {
						t.Errorf("%s: note %q does not say %q", id, got, w)
					}
				}
			}
		}
	}
	frame := text(p, t, 200, 56)
	for _, want := range []string{"v1481 old", "77ab01e9 odd", "restarting"} {
		if !strings.Contains(frame, want) {
			t.Errorf("the table does not say %q", want)
		}
	}
}

func TestAddressesOpenWhatTheyName(t *testing.T) {
	s := torn()
	id := s.Instances[1].ID
	for _, address := range []string{
		"instances", "instances?region=ams", "instances?id=" + id, "instances?filter=check_failing&region=ams", "instances?view=agreement",
	} {
		p := with(s)
		p.Update(pane.OpenMsg{Address: address})
		if got := p.Address(); got != address {
			t.Errorf("%s is %s afterwards", address, got)
		}
		text(p, t, 120, 36)
	}

	p := New()
	p.Update(pane.OpenMsg{Address: "instances?id=" + id})
	p.Update(pane.HealthMsg{Snapshot: tuitest.Feed(1, s)})
	if got := p.selectedID(); got != id {
		t.Errorf("an instance that comes later is not selected: %q", got)
	}
	p.Update(pane.OpenMsg{Address: "overview?region=ams"})
	if p.region != "" {
		t.Error("an address of another pane was followed")
	}
}

func TestBackLeavesOneLevelAtATime(t *testing.T) {
	p := with(torn())
	p.Update(pane.OpenMsg{Address: "instances?region=ams&filter=critical"})
	p.Filter("check")
	press(t, p, "enter", "c")
	got := []string{p.Address()}
	for p.Back() {
		got = append(got, p.Address())
	}
	want := []string{
		"instances?filter=critical+check&region=ams&view=agreement",
		"instances?filter=critical+check&id=" + torn().Instances[1].ID + "&region=ams",
		"instances?filter=critical+check&region=ams",
		"instances?filter=check",
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

func TestAnAddressGoesToItsPath(t *testing.T) {
	p := with(torn())
	p.Update(pane.OpenMsg{Address: "instances?view=agreement&path=%2Fapi%2Fversion"})
	if first := strings.Split(text(p, t, 80, 10), "\n")[0]; !strings.Contains(first, "CONTENT /api/version") {
		t.Errorf("the first line is %q", first)
	}
}

func TestAnInstanceLeadsToItsLog(t *testing.T) {
	p := New()
	if a, _ := action.Find(p.Actions(), "l"); a.Disabled == "" {
		t.Error("there is a log of no instance")
	}
	p.Update(pane.HealthMsg{Snapshot: tuitest.Feed(1, tuitest.Snapshot(8, tuitest.Options{}))})
	a, _ := action.Find(p.Actions(), "l")
	if got, want := a.Run("")(), (pane.OpenMsg{Address: "logs?machine=" + p.selectedID()}); got != want {
		t.Errorf("%v, want %v", got, want)
	}
}

func TestNextProblemGoesAround(t *testing.T) {
	p := with(torn())
	var got []string
	for range 6 {
		press(t, p, "n")
		got = append(got, p.selected().Region)
	}
	want := []string{"nrt", "syd", "iad", "ord", "ams", "nrt"}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	calm := with(tuitest.Snapshot(8, tuitest.Options{}))
	for _, a := range calm.Actions() {
		if a.Name == "next problem" && a.Disabled == "" {
			t.Error("it can be asked for where there is none")
		}
	}
}

func TestGroupingKeepsCursorAndOrder(t *testing.T) {
	p := with(torn())
	press(t, p, "G", "s", "s")
	id := p.selectedID()
	by, desc := p.table.Sort()
	press(t, p, "b")
	if got := p.selectedID(); got != id {
		t.Errorf("cursor on %s, want %s", got, id)
	}
	if b, d := p.table.Sort(); b != by || d != desc {
		t.Errorf("sorted by %s %v, want %s %v", b, d, by, desc)
	}
	if frame := text(p, t, 120, 36); strings.Contains(frame, " primary ──") || !strings.Contains(frame, "REGION") {
		t.Error("it is still grouped")
	}
}

func TestFilterLooksAtEverythingThatNamesAnInstance(t *testing.T) {
	s := torn()
	p := with(s)
	for _, c := range []struct {
		text string
		n    int
	}{
		{"", 24},
		{"ams", 3},
		{s.Instances[3].ID, 1},
		{"calm-river-0004", 1},
		{"crash_loop", 1},
		{"v1481", 1},
		{"refused", 1},
		{"worker", 2},
		{"stopped", 1},
		{"cordoned", 1},
		{"odd", 1},
		{"!started", 2},
		{"nowhere", 0},
	} {
		if n, total := p.Filter(c.text); n != c.n || total != 24 {
			t.Errorf("%q leaves %d of %d, want %d of 24", c.text, n, total, c.n)
		}
	}
}

func TestTheMinorityStandsOut(t *testing.T) {
	frame := text(scenes()["agreement"](), t, 120, 60)
	for _, want := range []string{"▲ 2 answers", "▲ 1 of 24", "iad 091857a26", "■ split into 2", "could not be asked", "timeout after 5s"} {
		if !strings.Contains(frame, want) {
			t.Errorf("the comparison does not say %q:\n%s", want, frame)
		}
	}
	frame = text(scenes()["refused"](), t, 200, 80)
	for _, want := range []string{"they disagree", "checks pass, probe refused", "refuses connections", "9 failed", "connection refused", "timeout after 5s"} {
		if !strings.Contains(frame, want) {
			t.Errorf("the detail does not say %q:\n%s", want, frame)
		}
	}
}

func TestTheDetailScrollsToItsEndAndNoFurther(t *testing.T) {
	p := with(torn())
	press(t, p, "enter")
	text(p, t, 80, 20)
	press(t, p, "G")
	end := text(p, t, 80, 20)
	if !strings.Contains(end, "by user") {
		t.Errorf("the end is not shown:\n%s", end)
	}
	press(t, p, "j", "pgdown")
	if got := text(p, t, 80, 20); got != end {
		t.Errorf("it went past the end:\n%s", got)
	}
	press(t, p, "g")
	if got := text(p, t, 80, 20); !strings.Contains(got, "091857a03d8d97") {
		t.Errorf("the beginning is not shown:\n%s", got)
	}
}

func TestLateSnapshotsAreDropped(t *testing.T) {
	p := New()
	p.Update(pane.HealthMsg{Snapshot: tuitest.Feed(7, tuitest.Snapshot(8, tuitest.Options{Incident: true}))})
	p.Update(pane.HealthMsg{Snapshot: tuitest.Feed(6, tuitest.Snapshot(8, tuitest.Options{}))})
	if p.Badge() == 0 {
		t.Error("an older snapshot replaced a newer one")
	}
}
