package replication

import (
	"encoding/csv"
	"errors"
	"strings"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"
	"github.com/google/go-cmp/cmp"

	"ops-console/ops/replication"
	"ops-console/tui/action"
	"ops-console/tui/pane"
	"ops-console/tui/tuitest"
)

func text(lines []string) string { return ansi.Strip(strings.Join(lines, "\n")) }

func names(p *Pane) (out []string) {
	for i := range p.rows {
		out = append(out, p.rows[i].Name)
	}
	return out
}

func TestNodesAreATreeWithWhatIsNotWellFirst(t *testing.T) {
	p := with(6, tuitest.Database{Cascade: true, Incident: true})
	// iad streams from ams and lhr from iad; jnb is not there, so ord, the last one, is the one that is far behind.
	if d := cmp.Diff([]string{"fra-1", "ams-1", "iad-1", "lhr-1", "ord-1", "nrt-1"}, names(p)); d != "" {
		t.Error(d)
	}
	if p.rows[2].below != 2 || p.rows[3].below != 3 {
		t.Errorf("depths %d and %d", p.rows[2].below, p.rows[3].below)
	}
}

func TestCirclesOfUpstreamsLoseNobody(t *testing.T) {
	nn := []replication.Node{{Name: "a", Upstream: "b"}, {Name: "b", Upstream: "a"}, {Name: "c", Upstream: "c"}, {Name: "d", Upstream: "gone"}, {Name: "d", Upstream: "a"}}
	seen := 0
	tree(nn, func(*replication.Node, int) { seen++ })
	if seen != len(nn) {
		t.Errorf("%d of %d", seen, len(nn))
	}
}

func TestTheCursorBeginsWhereItIsWorst(t *testing.T) {
	p := with(6, tuitest.Database{Incident: true})
	if _, got := p.Selected(); got != "iad-1" {
		t.Errorf("on %q", got)
	}
	press(t, p, "n")
	if _, got := p.Selected(); got != "ord-1" {
		t.Errorf("the next problem is %q", got)
	}
}

func TestWhatIsUnknownIsNeitherZeroNorWell(t *testing.T) {
	p := with(4, tuitest.Database{Headless: true})
	out := text(p.View(env(t), 120, 36))
	for _, l := range strings.Split(out, "\n") {
		if f := strings.Fields(l); len(f) > 3 && f[1] == "ams" && (f[0] != "◌" || !strings.Contains(l, "?")) {
			t.Errorf("row %q", l)
		}
	}
	if strings.Contains(out, " 0 B ") || strings.Contains(out, "●") {
		t.Errorf("something is well, or not behind:\n%s", out)
	}
}

func TestWhatIsOldIsShownWithItsAgeAndNotAsWell(t *testing.T) {
	p := with(4, tuitest.Database{})
	e := env(t)
	e.Now = e.Now.Add(9 * time.Second)
	if out := text(p.View(e, 120, 36)); !strings.Contains(out, "9s old") || strings.Contains(out, "● ams") {
		t.Errorf("nodes that were read 9s ago:\n%s", out)
	}
	e.Now = e.Now.Add(3 * time.Minute)
	if out := text(p.View(e, 120, 36)); !strings.Contains(out, "Nothing new was read for 3m 9s") || !strings.Contains(out, "3m 9s old") || strings.Contains(out, "●") {
		t.Errorf("a picture of 3 minutes ago:\n%s", out)
	}
}

func TestAddressesLeadBack(t *testing.T) {
	p := with(4, tuitest.Database{})
	for _, a := range []string{"replication", "replication?range=1h", "replication?node=lhr-1", "replication?node=iad-1&range=1m"} {
		q := with(4, tuitest.Database{})
		q.Update(pane.OpenMsg{Address: a})
		if got := q.Address(); got != a {
			t.Errorf("%s became %s", a, got)
		}
	}
	p.Update(pane.OpenMsg{Address: "replication?node=lhr-1&range=4y"})
	if got := p.Address(); got != "replication?node=lhr-1" {
		t.Errorf("a range that is none: %s", got)
	}
	if !p.Back() || p.Back() {
		t.Error("the detail is not one level")
	}
}

func TestTheProbeNeedsArmingAndSaysWhatItMeasured(t *testing.T) {
	p := with(4, tuitest.Database{})
	a, ok := action.Named(p.Actions(), "probe")
	if !ok || a.Danger != action.Changes || a.Disabled != "" {
		t.Fatalf("the action is %+v", a)
	}
	if _, ok := press(t, p, "p").(pane.ProbeMsg); !ok {
		t.Fatal("nothing was asked for")
	}
	if a, _ := action.Named(p.Actions(), "probe"); a.Disabled == "" {
		t.Error("it can be asked for twice")
	}
	slow := 2.5
	cmd := p.Update(pane.ProbedMsg{Result: &replication.ProbeResult{At: tuitest.Now(), Visible: map[string]*float64{"ams-1": &slow, "iad-1": nil}}})
	if got, ok := cmd().(pane.ToastMsg); !ok || got.Text != "write to visible: iad-1 not seen, ams-1 2.5s" {
		t.Errorf("said %+v", got)
	}
	if out := text(p.View(env(t), 120, 36)); !strings.Contains(out, "iad-1 not seen") {
		t.Errorf("the result is not shown:\n%s", out)
	}
	press(t, p, "p")
	cmd = p.Update(pane.ProbedMsg{Err: errors.New("the primary does not answer")})
	if got, ok := cmd().(pane.ToastMsg); !ok || got.Err == nil {
		t.Errorf("said %+v", got)
	}
	if out := text(p.View(env(t), 120, 36)); !strings.Contains(out, "the primary does not answer") {
		t.Errorf("the error is not shown:\n%s", out)
	}
	split := with(4, tuitest.Database{Split: true})
	if a, _ := action.Named(split.Actions(), "probe"); a.Disabled == "" {
		t.Error("it can be asked for with two primaries")
	}
}

func TestTheCursorReadsEveryLine(t *testing.T) {
	p := with(4, tuitest.Database{Incident: true})
	p.View(env(t), 120, 36)
	press(t, p, "left")
	out := text(p.View(env(t), 120, 36))
	if !strings.Contains(out, "iad ≥2m 1") || !strings.Contains(out, "lhr 4") || !strings.Contains(out, "ams ") {
		t.Errorf("at the right end:\n%s", out)
	}
	at := p.cursor
	press(t, p, "]")
	if !p.cursor.IsZero() {
		t.Errorf("the cursor is at %v beyond the right end, and was at %v", p.cursor, at)
	}
	press(t, p, "left", "[", "[", "[", "[", "[", "[", "[", "[", "[", "[", "[")
	if got, want := p.cursor, p.plot.Window.From(); !got.Equal(want) {
		t.Errorf("the cursor is at %v, the left end at %v", got, want)
	}
	if !p.Back() || !p.cursor.IsZero() {
		t.Error("esc does not take it away")
	}
}

func TestClicks(t *testing.T) {
	p := with(4, tuitest.Database{Incident: true})
	lines := strings.Split(text(p.View(env(t), 120, 36)), "\n")
	row := func(what string) int {
		for y, l := range lines {
			if strings.Contains(l, what) {
				return y
			}
		}
		t.Fatalf("no line has %q", what)
		return 0
	}
	click := func(x, y int) { p.Update(tea.MouseClickMsg{X: x, Y: y, Button: tea.MouseLeft}) }
	click(20, row("ams-1   "))
	if _, got := p.Selected(); got != "ams-1" || p.open {
		t.Errorf("on %q, open %v", got, p.open)
	}
	click(60, row("rpc raises"))
	if p.cursor.IsZero() {
		t.Error("a click on the plot puts no cursor")
	}
	p.cursor = time.Time{}
	p.View(env(t), 120, 36)
	click(20, row("ams-1   "))
	if !p.open {
		t.Error("a second click does not open it")
	}
}

func TestCSVHoldsTheRangeAndNoFigureThatIsNotKnown(t *testing.T) {
	p := with(4, tuitest.Database{Incident: true})
	p.View(env(t), 120, 36)
	press(t, p, "-") // 5m
	m, ok := press(t, p, "W").(pane.SaveMsg)
	if !ok || m.Kind != "lag.csv" {
		t.Fatalf("got %+v", m)
	}
	all, err := csv.NewReader(strings.NewReader(m.Text)).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	if got, want := len(all), 1+4*301; got != want {
		t.Errorf("%d lines, want %d", got, want)
	}
	for _, want := range []string{
		"time,node,region,state,lag_lo,lag_est,lag_hi,replay_lsn,primary_flush_lsn\n",
		"2026-03-04T14:07:32.000Z,iad-1,iad,detached,134.000,,,", // at least
		"2026-03-04T14:05:20.000Z,iad-1,iad,detached,,,,,16/",    // not known
		"2026-03-04T14:07:32.000Z,lhr-1,lhr,blocked,32.960,41.200,49.640,",
	} {
		if !strings.Contains(m.Text, want) {
			t.Errorf("there is no %q", want)
		}
	}
}

func TestWhatCanBeCopied(t *testing.T) {
	p := with(4, tuitest.Database{Incident: true, Basic: true})
	p.table.Select("lhr-1")
	got := map[string]string{}
	for _, c := range p.Copies() {
		got[c.What] = c.Text
	}
	want := map[string]string{
		"the missing grant":                      "GRANT pg_monitor TO console;",
		"cancel what replay waits for, on lhr-1": "SELECT pg_cancel_backend(4411);",
		"the query that replay waits for":        "SELECT count(*) FROM events WHERE inserted_at > now() - interval '90 days' GROUP BY kind",
		"why lhr-1 is blocked":                   "replay waits for pid 4411, which reads public.events since 6m 2s",
		"its bytes behind, on the primary":       "SELECT application_name, state, pg_wal_lsn_diff(pg_current_wal_flush_lsn(), replay_lsn) AS bytes FROM pg_stat_replication;",
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	p.table.Select("iad-1")
	dropped := false
	for _, c := range p.Copies() {
		dropped = dropped || c.Text == "SELECT pg_drop_replication_slot('repmgr_slot_13500');"
	}
	if !dropped {
		t.Error("nothing drops the slot that nobody uses")
	}
	if got := literal(`it's \x`); got != ` E'it''s \\x'` {
		t.Errorf("a literal is %q", got)
	}
}

func TestOldReadingsAreDropped(t *testing.T) {
	p := with(4, tuitest.Database{})
	newer := tuitest.Replicas(6, tuitest.Database{})
	p.Update(pane.ReplicationMsg{Known: true, Snapshot: tuitest.ReplicaFeed(7, newer)})
	p.Update(pane.ReplicationMsg{Known: true, Snapshot: tuitest.ReplicaFeed(6, tuitest.Replicas(2, tuitest.Database{}))})
	if p.feed.Value != newer {
		t.Error("an older one took its place")
	}
	p.Update(pane.ReplicationMsg{})
	if n, total := p.Filter(""); n+total != 0 || p.Badge() != 0 {
		t.Error("something is left of a database that is not configured any more")
	}
}

func TestTheFilterLooksAtRegionsStatesAndReasons(t *testing.T) {
	p := with(10, tuitest.Database{Incident: true})
	for f, want := range map[string]int{"jnb": 1, "streaming": 6, "pid 4411": 1, "!streaming": 4, "nowhere": 0} {
		if n, total := p.Filter(f); n != want || total != 10 {
			t.Errorf("%q: %d of %d, want %d", f, n, total, want)
		}
	}
}
