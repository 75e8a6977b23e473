package migrations

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"ops-console/ops/ecto"
	"ops-console/ops/ecto/lint"
	"ops-console/ops/ecto/locks"
	"ops-console/tui/action"
	"ops-console/tui/glyph"
	"ops-console/tui/pane"
	"ops-console/tui/tuitest"
)

// at is the name of the file and the rule under the cursor.
func at(p *Pane) string {
	r := p.row()
	if r == nil {
		return ""
	}
	if f := p.current(); f != nil {
		return r.name + " " + f.Rule
	}
	return r.name
}

func TestFindingsAreWalkedThroughTheFiles(t *testing.T) {
	p := with(tuitest.Project{})
	var got []string
	for range 6 {
		got = append(got, at(p))
		press(t, p, "j")
	}
	want := []string{
		"drop_legacy_ref remove-column", "drop_legacy_ref index-not-concurrent", "add_kind_to_events backfill-in-ddl-tx", "create_tags", "create_labels", "add_part_28",
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	for range 4 {
		press(t, p, "k")
	}
	if got := at(p); got != want[2] {
		t.Errorf("back at %q", got)
	}
	press(t, p, "k")
	if got := at(p); got != want[1] {
		t.Errorf("back at %q, want the last finding of the file", got)
	}
	press(t, p, "k", "k", "k")
	if got := at(p); got != want[0] {
		t.Errorf("before the first: %q", got)
	}
	press(t, p, "G")
	if got := at(p); got != "add_part_1" {
		t.Errorf("the last is %q", got)
	}
}

func TestTheWorstThatRunsFirstIsSelected(t *testing.T) {
	for _, c := range []struct {
		o    tuitest.Project
		want string
	}{
		{tuitest.Project{}, "drop_legacy_ref remove-column"},
		{tuitest.Project{Calm: true}, "add_part_28"},
		{tuitest.Project{NoDatabase: true}, "drop_legacy_ref remove-column"},
	} {
		if got := at(with(c.o)); got != c.want {
			t.Errorf("%+v: %q, want %q", c.o, got, c.want)
		}
	}
}

func TestBadge(t *testing.T) {
	for _, c := range []struct {
		o    tuitest.Project
		want int
	}{{tuitest.Project{}, 2}, {tuitest.Project{Broken: true}, 3}, {tuitest.Project{Calm: true}, 0}, {tuitest.Project{NoDatabase: true}, 0}} {
		if got := with(c.o).Badge(); got != c.want {
			t.Errorf("%+v: %d, want %d", c.o, got, c.want)
		}
	}
}

func TestTheCursorStaysOnItsFindingWhenFilesChange(t *testing.T) {
	p := with(tuitest.Project{NoDatabase: true})
	p.Update(pane.MigrationsMsg{Known: true, Snapshot: tuitest.MigrationsFeed(1, tuitest.Migrations(tuitest.Project{}))})
	press(t, p, "j")
	next := tuitest.Migrations(tuitest.Project{})
	ff := next.Repos[0].Result.Findings
	moved := ff[1]
	moved.At.Line += 3
	next.Repos[0].Result.Findings = append([]lint.Finding{{Rule: "new-one", Severity: lint.Info, Path: moved.Path, At: ecto.Span{Line: 1, Column: 1}}, ff[0], moved}, ff[2:]...)
	p.Update(pane.MigrationsMsg{Known: true, Snapshot: tuitest.MigrationsFeed(2, next)})
	if got := at(p); got != "drop_legacy_ref index-not-concurrent" {
		t.Errorf("at %q", got)
	}
	old := tuitest.Migrations(tuitest.Project{Calm: true})
	p.Update(pane.MigrationsMsg{Known: true, Snapshot: tuitest.MigrationsFeed(1, old)})
	if got := at(p); got != "drop_legacy_ref index-not-concurrent" {
		t.Errorf("an older reading was taken: at %q", got)
	}
	p.Update(pane.MigrationsMsg{})
	if got := at(p); got != "" || p.Badge() != 0 {
		t.Errorf("without a project: at %q", got)
	}
}

func TestAddressesLeadBack(t *testing.T) {
	for _, keys := range [][]string{nil, {"j"}, {"j", "enter"}, {"n", "n"}, {"G"}} {
		p := with(tuitest.Project{})
		press(t, p, keys...)
		to := with(tuitest.Project{})
		to.Update(pane.OpenMsg{Address: p.Address()})
		if at(to) != at(p) || to.open != p.open || to.Address() != p.Address() {
			t.Errorf("%v: %s leads to %q, want %q", keys, p.Address(), at(to), at(p))
		}
	}
}

func TestSuppressAsksForAReason(t *testing.T) {
	p := with(tuitest.Project{})
	press(t, p, "j")
	q, ok := press(t, p, "s").(pane.AskMsg)
	if !ok || !strings.Contains(q.About, "above the statement at line 10") || !strings.Contains(q.About, "# ops-console:ignore index-not-concurrent") {
		t.Fatalf("%+v", q)
	}
	press(t, p, "n") // what is asked for is what was under the cursor then
	m, ok := q.Action.Run("it is empty still ")().(pane.SuppressMsg)
	if !ok || m.Rule != "index-not-concurrent" || m.At.Line != 10 || !strings.HasSuffix(m.Path, "_drop_legacy_ref.exs") || m.Reason != "it is empty still" {
		t.Errorf("%+v", m)
	}
	press(t, p, "n")
	if a, _ := action.Named(p.Actions(), "suppress"); a.Disabled == "" {
		t.Error("there is nothing to suppress")
	}
}

func TestEditOpensTheFileAtTheFinding(t *testing.T) {
	p := with(tuitest.Project{Gone: true})
	m, ok := press(t, p, "j", "e").(pane.EditMsg)
	if !ok || m.Path != "/src/shop/priv/repo/migrations/20260304110000_drop_legacy_ref.exs" || m.Line != 10 || m.Column != 5 {
		t.Errorf("%+v", m)
	}
	press(t, p, "n", "n", "n", "n")
	if a, _ := action.Named(p.Actions(), "edit"); a.Disabled == "" {
		t.Error("there is no file")
	}
}

func TestRehearsalBeginsAndEnds(t *testing.T) {
	p := with(tuitest.Project{})
	if m := press(t, p, "R"); m != (pane.RehearseMsg{Repo: "Shop.Repo"}) {
		t.Errorf("%+v", m)
	}
	p.Update(pane.RehearsalMsg{Repo: "Shop.Repo", Doing: "starting"})
	if m := press(t, p, "R"); m != (pane.RehearseMsg{Repo: "Shop.Repo", Cancel: true}) {
		t.Errorf("%+v", m)
	}
	p.Update(pane.RehearsalMsg{Repo: "Shop.Repo", Done: true, Steps: tuitest.Rehearsed()})
	if m := press(t, p, "R"); m != (pane.RehearseMsg{Repo: "Shop.Repo"}) {
		t.Errorf("%+v", m)
	}
	if a, _ := action.Named(with(tuitest.Project{Calm: true}).Actions(), "rehearse"); a.Disabled == "" {
		t.Error("nothing is pending")
	}
}

func TestTheSafeVersionCanBeCopied(t *testing.T) {
	p := with(tuitest.Project{})
	press(t, p, "j")
	got := map[string]string{}
	for _, c := range p.Copies() {
		got[c.What] = c.Text
	}
	if !strings.Contains(got["safe version"], "concurrently: true") || !strings.Contains(got["SQL of the migration"], `DROP COLUMN "legacy_ref";`) {
		t.Errorf("%q", got)
	}
	if what, text := p.Selected(); what != "place" || !strings.HasSuffix(text, "_drop_legacy_ref.exs:10:5") {
		t.Errorf("%q %q", what, text)
	}
}

func TestFilterFindsNamesStatesTablesAndRules(t *testing.T) {
	for filter, want := range map[string]int{
		"legacy": 1, "pending": 4, "index-not": 1, "orders": 1, "applied": 28, "out-of-order": 1, "error": 1, "20260302": 1, "ignored": 1, "zebra": 0,
	} {
		p := with(tuitest.Project{})
		if n, total := p.Filter(filter); n != want || total != 32 {
			t.Errorf("%q leaves %d of %d, want %d", filter, n, total, want)
		}
	}
}

func TestBackLeavesOneLevelAtATime(t *testing.T) {
	p := with(tuitest.Project{})
	press(t, p, "j", "enter", "x")
	if !p.Back() || p.doc || !p.open || !p.Back() || p.open || p.Back() {
		t.Errorf("%+v %+v", p.doc, p.open)
	}
}

func TestTheFindingComesIntoSight(t *testing.T) {
	p := with(tuitest.Project{})
	press(t, p, "j", "enter")
	if text := strings.Join(p.View(&pane.Env{Glyphs: glyph.Unicode(), Now: tuitest.Now()}, 80, 16), "\n"); !strings.Contains(text, "^^^^ ") {
		t.Errorf("it is not there:\n%s", text)
	}
}

func TestWords(t *testing.T) {
	g := glyph.Unicode()
	for want, got := range map[string]string{
		"318 M": number(318_000_000), "9.9 k": number(9_940), "10 k": number(9_960), "812": number(812), "0": number(0),
		"0.4/s": rate(0.4), "84/s": rate(84.2), "1.9 k/s": rate(1930),
		"90s–6m": hold(g, lint.Hold{Lo: 90 * time.Second, Hi: 6 * time.Minute}), "<5ms": hold(g, lint.Hold{Hi: 5 * time.Millisecond}), "2h": hold(g, lint.Hold{Lo: 2 * time.Hour, Hi: 2 * time.Hour}),
		"0.3s–4s": hold(g, lint.Hold{Lo: 300 * time.Millisecond, Hi: 4 * time.Second}), "": hold(g, lint.Hold{}),
	} {
		if got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
	for m, want := range map[locks.Mode]string{locks.AccessExclusive: "reads, writes", locks.Share: "writes", locks.ShareUpdateExclusive: ""} {
		if got, _ := blocks(m); got != want {
			t.Errorf("%s blocks %q, want %q", m, got, want)
		}
	}
	if got := list([]string{"a", "a", "b", "c", "d"}, 2); got != "a, b and 2 more" {
		t.Errorf("%q", got)
	}
}
