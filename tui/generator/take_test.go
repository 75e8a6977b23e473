package generator

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"ops-console/ops/phoenix"
	"ops-console/ops/phoenix/compare"
	"ops-console/ops/phoenix/merge"
	"ops-console/tui/action"
	"ops-console/tui/pane"
)

// mineAt is a pane on one of the application's files.
func mineAt(t *testing.T, o sample, path string) *Pane {
	t.Helper()
	p := with(t, o)
	p.setMine(true)
	to(p, path)
	p.View(env(t), 120, 36)
	if p.id() != path {
		t.Fatalf("at %q, want %q", p.id(), path)
	}
	return p
}

func apply(t *testing.T, p *Pane) (action.Action, []merge.Choice) {
	t.Helper()
	a, ok := action.Find(p.Actions(), "a")
	if !ok || a.Danger != action.Changes {
		t.Fatalf("no action, or one that is not asked about: %+v", a)
	}
	if a.Disabled != "" {
		return a, nil
	}
	m, ok := a.Run("")().(pane.ApplyMsg)
	if !ok || m.Plan != p.value().Plan {
		t.Fatalf("%+v is not of the plan that is shown", m)
	}
	return a, m.Choices
}

func TestWithoutAChoiceTheChangeUnderTheCursorIsTaken(t *testing.T) {
	p := mineAt(t, sample{}, "lib/orchard_web/endpoint.ex")
	can := p.takeable(p.row())
	if len(can) < 2 {
		t.Fatalf("%d changes can be taken", len(can))
	}
	for p.hunk != can[1] {
		press(t, p, "j")
	}
	a, got := apply(t, p)
	want := []merge.Choice{{Path: "lib/orchard_web/endpoint.ex", Hunks: can[1:2]}}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff([]action.Touch{{What: "lib/orchard_web/endpoint.ex", How: "1 of " + count(len(can))}}, a.Touches); d != "" {
		t.Error(d)
	}
	if want := "ops-console phx upgrade 1.7.14 --from 1.6.16 lib/orchard_web/endpoint.ex:" + string(rune('0'+can[1])) + " --apply"; a.Command != want {
		t.Errorf("command %q, want %q", a.Command, want)
	}
	if a, _ := apply(t, p); a.Disabled == "" {
		t.Error("another one can be written while the first is being written")
	}
}

func count(n int) string { return string(rune('0'+n)) + " changes" }

func TestWhatIsChosenIsTaken(t *testing.T) {
	p := mineAt(t, sample{}, "lib/orchard_web/endpoint.ex")
	can := p.takeable(p.row())
	p.hunk = can[0]
	press(t, p, "v")
	to(p, "lib/orchard_web/controllers/error_json.ex")
	press(t, p, "v")
	to(p, "mix.exs") // whatever the cursor is on
	_, got := apply(t, p)
	want := []merge.Choice{{Path: "lib/orchard_web/endpoint.ex", Hunks: can[:1]}, {Path: "lib/orchard_web/controllers/error_json.ex"}}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	p.Update(pane.AppliedMsg{Choices: got, Err: errors.New("git status: not clean")})
	if _, again := apply(t, p); cmp.Diff(want, again) != "" {
		t.Errorf("what was not written is chosen no longer: %+v", again)
	}
	p.Update(pane.AppliedMsg{Choices: got, Written: []merge.Written{{Path: "x"}, {Path: "y"}}})
	if len(p.picked) != 0 || p.taken == nil {
		t.Errorf("after it was written there is %v to write", p.picked)
	}
	p.View(env(t), 120, 36)
	p.Update(pane.AppliedMsg{Choices: got, Written: []merge.Written{{Path: "x"}}, Err: errors.New("keep what the upgrade begins from: the disk is full")})
	if text := strings.Join(p.View(env(t), 120, 36), "\n"); !strings.Contains(text, "wrote x") || !strings.Contains(text, "the disk is full") || strings.Contains(text, "nothing was written") {
		t.Error("what was written, and could not be kept in mind, is not told so")
	}
	if !p.Back() || p.taken != nil {
		t.Error("esc does not put the result away")
	}
}

func TestAllChangesOfAFileAreTheFile(t *testing.T) {
	p := mineAt(t, sample{}, "lib/orchard_web/endpoint.ex")
	can := p.takeable(p.row())
	for _, i := range can {
		p.hunk = i
		press(t, p, "v")
	}
	if _, got := apply(t, p); len(got) != 1 || got[0].Hunks != nil {
		t.Errorf("%+v: a file of which all is taken would not be marked as done", got)
	}
	p.applying = false
	p.hunk = can[0]
	press(t, p, "v")
	if _, got := apply(t, p); len(got) != 1 || !slices.Equal(got[0].Hunks, can[1:]) {
		t.Errorf("%+v, without the first it should be %v", got, can[1:])
	}
	p.applying = false
	press(t, p, "V")
	to(p, "lib/orchard_web/endpoint.ex")
	press(t, p, "V")
	if !p.picked["lib/orchard_web/endpoint.ex"][whole] {
		t.Error("V does not choose the whole file")
	}
	to(p, "lib/orchard_web/endpoint.ex")
	p.hunk = can[0]
	press(t, p, "v")
	if p.picked.has("lib/orchard_web/endpoint.ex", can[0]) || !p.picked.has("lib/orchard_web/endpoint.ex", can[1]) {
		t.Errorf("of a whole file one change is left out: %v", p.picked)
	}
}

func TestWhatTakesCleanlyHasNoConflict(t *testing.T) {
	p := mineAt(t, sample{done: []string{"lib/orchard_web/controllers/error_json.ex"}}, "mix.exs")
	press(t, p, "*")
	a, got := apply(t, p)
	if len(got) < 5 {
		t.Errorf("%d files", len(got))
	}
	for _, touch := range a.Touches {
		if touch.Warn || strings.Contains(touch.How, "conflict") || touch.What == "lib/orchard_web/controllers/error_json.ex" {
			t.Errorf("%+v is chosen", touch)
		}
	}
	p.applying = false
	press(t, p, "*")
	if len(p.picked) != 0 {
		t.Error("nothing is not chosen")
	}
}

func TestConflictsAreSaidBeforeTheyAreWritten(t *testing.T) {
	p := mineAt(t, sample{}, "lib/orchard_web/router.ex")
	press(t, p, "V")
	a, _ := apply(t, p)
	if len(a.Touches) != 1 || !a.Touches[0].Warn || !strings.Contains(a.Touches[0].How, "between markers") {
		t.Errorf("%+v", a.Touches)
	}
}

func TestWhatCannotBeTakenSaysWhy(t *testing.T) {
	p := with(t, sample{})
	if a, _ := apply(t, p); !strings.Contains(a.Disabled, "m shows your files") {
		t.Errorf("%q", a.Disabled)
	}
	p = with(t, sample{noProject: true})
	p.setMine(true)
	if a, _ := apply(t, p); !strings.Contains(a.Disabled, "--project") {
		t.Errorf("%q", a.Disabled)
	}
	p = with(t, sample{marked: true})
	p.setMine(true)
	seen := map[merge.State]bool{}
	for i := range p.rows {
		r := p.rows[i]
		to(p, r.id)
		a, got := apply(t, p)
		if seen[r.file.State] = true; r.file.Actionable() {
			p.applying = false
			if len(got) != 1 && a.Disabled != "this change is there already" {
				t.Errorf("%s, %s: %q", r.path, r.file.State, a.Disabled)
			}
			continue
		}
		if a.Disabled == "" {
			t.Errorf("%s is %s, and can be taken", r.path, r.file.State)
		}
	}
	if !seen[merge.Marked] || !seen[merge.Kept] && !seen[merge.Dropped] {
		t.Errorf("the sample has %v", seen)
	}
	to(p, "config/dev.exs")
	if m, ok := press(t, p, "e").(pane.EditMsg); !ok || m.Line != 2 {
		t.Errorf("the editor opens %+v, the first marker is on line 2", m)
	}
}

func TestWhatWasChosenIsForgottenWhereTheFileIsAnother(t *testing.T) {
	p := mineAt(t, sample{}, "lib/orchard_web/endpoint.ex")
	press(t, p, "v")
	to(p, "config/dev.exs")
	press(t, p, "V")
	want := len(p.picked)
	p.Update(message(2, sample{}.compare(t))) // another plan that says the same
	if len(p.picked) != want {
		t.Errorf("%d of %d are chosen after the project was read again", len(p.picked), want)
	}
	p.Update(message(3, sample{marked: true}.make(t)))
	if len(p.picked) != 1 || !p.picked.any("lib/orchard_web/endpoint.ex") {
		t.Errorf("chosen are %v, and config/dev.exs is another now", p.picked)
	}
	p.Update(message(4, sample{from: "1.5.8/live", to: "1.8.8/default"}.make(t)))
	if len(p.picked) != 0 {
		t.Errorf("chosen are %v, of another comparison", p.picked)
	}
}

func TestAFileCanComeFromAnotherVersion(t *testing.T) {
	p := mineAt(t, sample{near: "config/dev.exs"}, "config/dev.exs")
	press(t, p, "b")
	if p.pick == nil || p.pick.items[0].version != (phoenix.Version{}) || !p.pick.items[0].on {
		t.Fatalf("%+v", p.pick)
	}
	if it := p.pick.items[p.pick.cursor]; !it.near || it.version != version("1.5.8") {
		t.Errorf("the cursor is on %+v, not on what the file is like", it)
	}
	if m := press(t, p, "enter"); m != (pane.RebaseMsg{Key: "config/dev.exs", Version: version("1.5.8")}) || p.pick != nil {
		t.Errorf("%+v", m)
	}
	p = mineAt(t, sample{rebased: "config/dev.exs"}, "config/dev.exs")
	if r := p.row(); r.base != version("1.5.8") || r.pair == nil {
		t.Errorf("base %s, changes of the generator: %t", r.base, r.pair != nil)
	}
	press(t, p, "b")
	if it := p.pick.items[p.pick.cursor]; it.version != version("1.5.8") {
		t.Errorf("the cursor is on %+v, not on what was said", it)
	}
	if m := press(t, p, "g", "enter"); m != (pane.RebaseMsg{Key: "config/dev.exs"}) {
		t.Errorf("%+v does not take it back", m)
	}
	a, _ := action.Named(p.Actions(), "base")
	for arg, want := range map[string]pane.RebaseMsg{"rest": {Key: "config/dev.exs"}, "1.6.16": {Key: "config/dev.exs"}, "1.5.8": {Key: "config/dev.exs", Version: version("1.5.8")}} {
		if m := a.Run(arg)(); m != want {
			t.Errorf("%s: %+v", arg, m)
		}
	}
}

func TestAGeneratorIsChosen(t *testing.T) {
	s := sample{reachable: true}.make(t)
	auth := func(v string) phoenix.Spec { return phoenix.Spec{Axis: phoenix.Auth, Version: version(v)} }
	s.Specs = append(s.Specs, auth("1.6.16"), auth("1.7.14"))
	p := New()
	p.Update(message(1, s))
	p.View(env(t), 120, 36)
	press(t, p, "X")
	if p.pick == nil || p.pick.items[p.pick.cursor].axis != phoenix.Project {
		t.Fatalf("%+v", p.pick)
	}
	m, ok := press(t, p, "j", "enter").(pane.CompareMsg)
	want := compare.Choice{Axis: phoenix.Auth, From: version("1.6.16"), To: version("1.7.14")}
	if !ok || !m.Choice.Equal(want) || p.pick != nil {
		t.Errorf("asked for %+v, want %+v", m, want)
	}
	// Release files are not at hand, and both versions make some.
	want.Axis = phoenix.ReleaseFiles
	if m, ok := press(t, p, "X", "G", "enter").(pane.CompareMsg); !ok || !m.Choice.Equal(want) {
		t.Errorf("asked for %+v, want %+v", m, want)
	}
	// Where the older one does not, which versions there are is for the comparison to find out.
	press(t, p, "X", "g", "enter")
	a, _ := action.Named(p.Actions(), "from")
	a.Run("1.4.0")
	if m, ok := press(t, p, "X", "G", "enter").(pane.CompareMsg); !ok || !m.Choice.Equal(compare.Choice{Axis: phoenix.ReleaseFiles}) {
		t.Errorf("asked for %+v", m)
	}
	a, _ = action.Named(p.Actions(), "axis")
	if m, ok := a.Run("new")().(pane.CompareMsg); !ok || m.Choice.Generator() != phoenix.Project {
		t.Errorf("asked for %+v", m)
	}
	if m, ok := a.Run("html")().(pane.ToastMsg); !ok || m.Err == nil {
		t.Error("what is no generator was taken")
	}

	p = with(t, sample{}) // all trees are listed, and none is of another generator
	if m, ok := press(t, p, "X", "j", "enter").(pane.ToastMsg); !ok || m.Err == nil || p.pick == nil {
		t.Errorf("a generator without trees was taken: %+v", m)
	}
}

func TestNamesAreAskedOfAuthenticationOnly(t *testing.T) {
	p := with(t, sample{})
	if a, _ := action.Named(p.Actions(), "names"); a.Disabled == "" {
		t.Error("a project has no such names")
	}
	s := sample{}.make(t)
	s.Choice.Axis, s.Wanted.Axis, s.New.Spec.Axis, s.New.Spec.Names = phoenix.Auth, phoenix.Auth, phoenix.Auth, phoenix.DefaultNames
	p.Update(message(2, s))
	a, _ := action.Named(p.Actions(), "names")
	if q, ok := a.Run("")().(pane.AskMsg); !ok || q.Action.Name != "names" {
		t.Errorf("%+v", q)
	}
	m, ok := a.Run("Members Member members")().(pane.CompareMsg)
	if !ok || m.Choice.Names != (phoenix.Names{Context: "Members", Schema: "Member", Plural: "members"}) || m.Choice.Generator() != phoenix.Auth {
		t.Errorf("asked for %+v", m)
	}
	if e, ok := a.Run("Members")().(pane.ToastMsg); !ok || e.Err == nil {
		t.Error("one name was taken for three")
	}
	if text := strings.Join(p.View(env(t), 120, 36), "\n"); !strings.Contains(text, "PHX.GEN.AUTH") {
		t.Error("the heading does not say which generator it is")
	}
	c, ok := choiceOf(map[string][]string{"axis": {"auth"}, "from": {"1.6.16"}, "to": {"1.7.14"}, "names": {"Members Member members"}})
	if !ok || c.Generator() != phoenix.Auth || c.Names != m.Choice.Names {
		t.Errorf("an address leads to %+v", c)
	}
	if got := diffCommand(compare.Choice{Axis: phoenix.Auth, From: version("1.6.16"), To: version("1.7.14"), Flags: phoenix.Flags{"live": "false"}, Names: phoenix.DefaultNames}); got != "ops-console phx diff 1.6.16 1.7.14 --auth Accounts User users -- --no-live" {
		t.Errorf("%q", got)
	}
}
