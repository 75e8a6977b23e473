package overview

import (
	"fmt"
	"strings"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"
	"github.com/google/go-cmp/cmp"

	"ops-console/ops"
	"ops-console/ops/health"
	"ops-console/tui/pane"
	"ops-console/tui/tuitest"
)

func text(p *Pane, t testing.TB, w, h int) string {
	return ansi.Strip(strings.Join(p.View(env(t), w, h), "\n"))
}

// failing is a snapshot in which n machines of ams fail the same check, and one of fra another.
func failing(n int) *health.Snapshot {
	s := tuitest.Snapshot(80, tuitest.Options{})
	for i := range s.Instances {
		in := &s.Instances[i]
		if in.Region == "ams" && n > 0 {
			n--
			s.Problems = append(s.Problems, ops.Problem{
				Code: "instance.check_failing", Severity: ops.Critical, Title: "check failing", Detail: "503 on /readyz",
				Subject: ops.Subject{Region: "ams", Instance: in.ID}, Since: tuitest.Now().Add(-time.Duration(i) * time.Second),
			})
		}
	}
	s.Problems = append(s.Problems, ops.Problem{Code: "content.differs", Severity: ops.Warning, Title: "differs", Subject: ops.Subject{Path: "/pricing"}})
	ops.SortProblems(s.Problems)
	return s
}

func TestManyProblemsOfOneKindAreOneEntry(t *testing.T) {
	type entry struct {
		Subject, Title, Detail, Address string
		Members                         int
	}
	list := func(n int) []entry {
		var out []entry
		for _, e := range with(failing(n)).problems {
			out = append(out, entry{e.subject, e.title, e.detail, e.address, len(e.members)})
		}
		return out
	}
	differs := entry{"/pricing", "differs", "", "instances?path=%2Fpricing&view=agreement", 1}
	want := []entry{
		{"ams 091857a22", "check failing", "503 on /readyz", "instances?id=091857a229fa4f", 1},
		{"ams 091857a03", "check failing", "503 on /readyz", "instances?id=091857a03d8d97", 1},
		differs,
	}
	if d := cmp.Diff(want, list(2)); d != "" {
		t.Errorf("two: %s", d)
	}
	want = []entry{{"ams", "4 of 10 machines: check failing", "091857a60: 503 on /readyz", "instances?filter=instance.check_failing&region=ams", 4}, differs}
	if d := cmp.Diff(want, list(4)); d != "" {
		t.Errorf("four: %s", d)
	}
	if got, want := with(failing(4)).problems[0].since, tuitest.Now().Add(-25*time.Second); !got.Equal(want) {
		t.Errorf("since %v, want the longest standing, %v", got, want)
	}
}

func TestAcknowledgedUntilSomethingChanges(t *testing.T) {
	s := failing(4)
	p := with(s)
	if got := p.Badge(); got != 2 {
		t.Fatalf("badge %d, want 2", got)
	}
	press(t, p, "a")
	if got := p.Badge(); got != 1 {
		t.Errorf("after ack: badge %d, want 1", got)
	}
	if !strings.Contains(text(p, t, 120, 36), "ACKED") {
		t.Error("an acknowledged problem does not say so")
	}

	next := failing(4)
	p.Update(pane.HealthMsg{Snapshot: tuitest.Feed(2, next)})
	if got := p.Badge(); got != 1 {
		t.Errorf("after a snapshot that says the same: badge %d, want 1", got)
	}
	p.Update(pane.HealthMsg{Snapshot: tuitest.Feed(3, failing(5))})
	if got := p.Badge(); got != 2 {
		t.Errorf("after one more machine failed: badge %d, want 2", got)
	}
	press(t, p, "a")
	changed := failing(5)
	for i := range changed.Problems {
		changed.Problems[i].Severity = ops.Warning
	}
	p.Update(pane.HealthMsg{Snapshot: tuitest.Feed(4, changed)})
	if got := p.Badge(); got != 2 {
		t.Errorf("after it changed severity: badge %d, want 2", got)
	}
	press(t, p, "a", "a")
	if got := p.Badge(); got != 2 {
		t.Errorf("after taking the ack back: badge %d, want 2", got)
	}
	press(t, p, "a")
	p.Update(pane.HealthMsg{Snapshot: tuitest.Feed(5, tuitest.Snapshot(80, tuitest.Options{}))})
	p.Update(pane.HealthMsg{Snapshot: tuitest.Feed(6, changed)})
	if got := p.Badge(); got != 2 {
		t.Errorf("after it went and came back: badge %d, want 2", got)
	}
}

func TestTheCursorGoesThroughProblemsThenRegions(t *testing.T) {
	p := with(failing(1))
	got := press(t, p, "enter", "j", "enter", "j", "enter", "j", "enter", "k", "k", "enter", "G", "enter", "g", "enter")
	want := []string{
		"instances?id=091857a03d8d97", "instances?path=%2Fpricing&view=agreement",
		"instances?region=fra", "instances?region=ams", "instances?path=%2Fpricing&view=agreement",
		"instances?region=syd", "instances?id=091857a03d8d97",
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

func TestTheCursorStaysOnItsProblem(t *testing.T) {
	p := with(failing(1))
	press(t, p, "j")
	s := failing(2)
	p.Update(pane.HealthMsg{Snapshot: tuitest.Feed(2, s)})
	if e, ok := p.selected(); !ok || e.subject != "/pricing" {
		t.Errorf("the cursor is on %q, want /pricing", e.subject)
	}
	p.Update(pane.HealthMsg{Snapshot: tuitest.Feed(3, tuitest.Snapshot(80, tuitest.Options{}))})
	if _, ok := p.selected(); ok || !p.inside {
		t.Error("with no problem left the cursor is not in the regions")
	}
}

func TestAFirstProblemIsSelected(t *testing.T) {
	p := with(tuitest.Snapshot(80, tuitest.Options{}))
	text(p, t, 80, 20)
	p.Update(pane.HealthMsg{Snapshot: tuitest.Feed(2, failing(1))})
	if _, ok := p.selected(); !ok {
		t.Error("the cursor stayed in the regions, where nobody had put it")
	}
	p = with(tuitest.Snapshot(80, tuitest.Options{}))
	press(t, p, "j")
	p.Update(pane.HealthMsg{Snapshot: tuitest.Feed(2, failing(1))})
	if _, ok := p.selected(); ok {
		t.Error("the cursor left the region that somebody had chosen")
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

func TestEveryStateSaysWhatIsKnownAndWhatToDo(t *testing.T) {
	for name, wants := range map[string][]string{
		"calm":     {"42 machines in 8 regions are well", "content of 2 paths agrees", "1 cluster of 42"},
		"blackout": {"the platform's API does not answer", "4m", "UNKNOWN", "what instances answer is still read", "platform 4m old"},
		"tunnel":   {"the private network is down", "1m 35s", "check that UDP can get out", "probes 1m 35s old"},
		"token":    {"refuses the token", "fly auth login", "never answered", "asked 3s ago"},
		"empty":    {"lists no machine of changelog", "DNS knows none either"},
		"nothing":  {"not joined yet", "being asked"},
		"joining":  {"connecting", "for 4s", "no handshake yet", "after the network"},
		"failed":   {"could not be read", "for 9s", "certificate has expired", "clock"},
	} {
		for _, size := range [][2]int{{80, 20}, {120, 36}, {200, 56}} {
			frame := firstColumn(text(scenes()[name](), t, size[0], size[1]))
			for _, want := range wants {
				if !strings.Contains(frame, want) {
					t.Errorf("%s at %v does not say %q:\n%s", name, size, want, text(scenes()[name](), t, size[0], size[1]))
				}
			}
		}
	}
}

// firstColumn is a frame's first column as one line.
func firstColumn(frame string) string {
	var b strings.Builder
	for l := range strings.SplitSeq(frame, "\n") {
		first, _, _ := strings.Cut(l, "│")
		b.WriteString(first + " ")
	}
	return strings.Join(strings.Fields(b.String()), " ")
}

// TestNotKnowingIsNeverRed holds that what is only unknown has no critical glyph on the screen.
func TestNotKnowingIsNeverRed(t *testing.T) {
	for _, name := range []string{"blackout", "tunnel", "token", "nothing", "joining", "failed"} {
		if frame := text(scenes()[name](), t, 200, 56); strings.Contains(frame, "■") {
			t.Errorf("%s shows ■:\n%s", name, frame)
		}
	}
}

func TestClicksSelectThenOpen(t *testing.T) {
	p := with(failing(1))
	lines := strings.Split(text(p, t, 120, 36), "\n")
	at := func(what string) int {
		for y, l := range lines {
			if strings.Contains(l, what) {
				return y
			}
		}
		t.Fatalf("%q is not on the screen", what)
		return 0
	}
	click := func(y int) string {
		cmd := p.Update(tea.MouseClickMsg{X: 10, Y: y, Button: tea.MouseLeft})
		if cmd == nil {
			return ""
		}
		return cmd().(pane.OpenMsg).Address
	}
	if got := click(at("/pricing")); got != "" {
		t.Errorf("the first click opened %s", got)
	}
	if got := click(at("/pricing")); got != "instances?path=%2Fpricing&view=agreement" {
		t.Errorf("the second click opened %q", got)
	}
	click(at(" lhr  "))
	if got := click(at(" lhr  ")); got != "instances?region=lhr" {
		t.Errorf("two clicks on a region opened %q", got)
	}
}

func TestFilterCountsWhatIsLeft(t *testing.T) {
	p := with(failing(1))
	for _, c := range []struct {
		text     string
		n, total int
	}{{"", 10, 10}, {"pricing", 1, 10}, {"ams", 2, 10}, {"!ams", 8, 10}, {"nowhere", 0, 10}} {
		if n, total := p.Filter(c.text); n != c.n || total != c.total {
			t.Errorf("%q leaves %d of %d, want %d of %d", c.text, n, total, c.n, c.total)
		}
		text(p, t, 80, 20)
	}
}

func TestManyProblemsLeaveRoomForRegions(t *testing.T) {
	s := tuitest.Snapshot(80, tuitest.Options{})
	for i := range s.Instances {
		s.Problems = append(s.Problems, ops.Problem{
			Code: fmt.Sprintf("made.up%d", i), Severity: ops.Warning, Title: "is odd", Detail: "a detail",
			Subject: ops.Subject{Region: s.Instances[i].Region, Instance: s.Instances[i].ID},
		})
	}
	p := with(s)
	for range 85 {
		frame := text(p, t, 80, 20)
		if !strings.Contains(frame, "REGIONS") || !strings.Contains(frame, "10/10") {
			t.Fatalf("the regions are gone:\n%s", frame)
		}
		if !strings.Contains(frame, "▌") {
			t.Fatalf("the cursor is not on the screen:\n%s", frame)
		}
		press(t, p, "j")
	}
}

func TestNeitherACrashLoopNorARolloutFillsTheTimeline(t *testing.T) {
	loop, other := ops.Subject{Instance: "a"}, ops.Subject{Instance: "b"}
	var marks []health.Mark
	add := func(s ops.Subject, kind, text string) {
		marks = append(marks, health.Mark{Subject: s, Kind: kind, Text: text, At: tuitest.Now().Add(-time.Duration(len(marks)) * time.Second)})
	}
	for range 3 {
		add(loop, "start", "started")
		add(loop, "exit", "exit code 1")
	}
	add(other, "exit", "exit code 1")
	add(loop, "exit", "exit code 1")
	add(ops.Subject{}, "release", "v1")
	add(ops.Subject{}, "release", "v1")

	var got []string
	for _, m := range moments(marks) {
		got = append(got, fmt.Sprintf("%s %s %d", m.Subject.Instance, m.Text, m.times))
	}
	want := []string{"a started 3", "a exit code 1 3", "b exit code 1 1", "a exit code 1 1", " v1 1", " v1 1"}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}

	marks, got = nil, nil
	for _, id := range []string{"a", "b", "c"} {
		add(ops.Subject{Instance: id}, "start", "started")
		add(ops.Subject{Instance: id}, "update", "updated, now v2")
	}
	marks = append(marks, health.Mark{Subject: loop, Kind: "start", Text: "started", At: tuitest.Now().Add(-time.Hour)})
	for _, m := range moments(marks) {
		got = append(got, fmt.Sprintf("%s %s %d", m.Subject.Instance, m.Text, len(m.machines)))
	}
	want = []string{"a started 3", "a updated, now v2 3", "a started 1"}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}
