package compare

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"ops-console/ops/phoenix"
	"ops-console/ops/phoenix/merge"
	"ops-console/ops/phoenix/phoenixtest"
	"ops-console/ops/phoenix/source"
)

// repository makes a git repository of a directory, with all that is in it.
func repository(t *testing.T, dir string) string {
	t.Helper()
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("install git")
	}
	for _, args := range [][]string{{"init", "-q"}, {"add", "-A"}, {"commit", "-q", "-m", "all"}} {
		c := exec.CommandContext(t.Context(), "git", append([]string{"-c", "user.name=Test", "-c", "user.email=test@example.com"}, args...)...)
		c.Dir, c.Env = dir, append(os.Environ(), "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_SYSTEM=/dev/null")
		if out, err := c.CombinedOutput(); err != nil {
			t.Fatalf("git %v: %v: %s", args, err, out)
		}
	}
	return dir
}

func TestWhatIsChosenIsWrittenAndTheProjectComparedAgain(t *testing.T) {
	o := Options{Source: fixtures(), State: t.TempDir(), Dir: repository(t, orchard(t))}
	w := start(t, o)
	w.Attend(true)
	s := until(t, w, "the comparison", loaded)
	const endpoint, formatter = "lib/orchard_web/endpoint.ex", ".formatter.exs"
	written, err := w.Apply(t.Context(), s.Plan, []merge.Choice{{Path: formatter}, {Path: endpoint, Hunks: []int{0}}})
	if err != nil || len(written) != 2 || written[0].Path != formatter {
		t.Fatalf("%+v, %v", written, err)
	}
	got, err := os.ReadFile(filepath.Join(o.Dir, formatter))
	if want := phoenixtest.Named(t, "1.8.8/default", "orchard", "Orchard").Files[formatter].Data; err != nil || !bytes.Equal(got, want) {
		t.Errorf("%v\n%s", err, got)
	}
	after := until(t, w, "the comparison after it", func(s *Snapshot) bool {
		if !loaded(s) {
			return false
		}
		f, ok := s.Plan.File(formatter)
		return ok && f.State == merge.Has
	})
	if !after.Done[formatter] || after.Done[endpoint] {
		t.Errorf("done are %v: a file that was taken in part is not", after.Done)
	}
	if v, ok, err := merge.KeptBase(o.State, o.Dir, after.Choice.To); !ok || err != nil || v != s.Choice.From {
		t.Errorf("the upgrade began at %v, %v, %v", v, ok, err)
	}
	// The plan from before is another than the files are now.
	if _, err := w.Apply(t.Context(), s.Plan, []merge.Choice{{Path: endpoint, Hunks: []int{1}}}); err == nil || !strings.Contains(err.Error(), "since the plan was made") {
		t.Errorf("a plan that is out of date was written: %v", err)
	}
	if _, err := w.Apply(t.Context(), after.Plan, []merge.Choice{{Path: endpoint, Hunks: []int{1}}}); err != nil {
		t.Errorf("after what was written here, nothing can be: %v", err)
	}
}

func TestNothingIsWrittenIntoWhatGitCouldNotRestore(t *testing.T) {
	dir := orchard(t)
	w := start(t, Options{Source: fixtures(), State: t.TempDir(), Dir: dir})
	w.Attend(true)
	s := until(t, w, "the comparison", loaded)
	take := []merge.Choice{{Path: ".formatter.exs"}}
	before, err := os.ReadFile(filepath.Join(dir, ".formatter.exs"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Apply(t.Context(), s.Plan, take); err == nil || !strings.Contains(err.Error(), "git") {
		t.Errorf("without a repository: %v", err)
	}
	repository(t, dir)
	if err := os.WriteFile(filepath.Join(dir, "mix.exs"), append([]byte("# mine\n"), phoenixtest.Orchard(t).Files["mix.exs"].Data...), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Apply(t.Context(), s.Plan, take); err == nil || !strings.Contains(err.Error(), "not committed") {
		t.Errorf("with a change that is not committed: %v", err)
	}
	if after, err := os.ReadFile(filepath.Join(dir, ".formatter.exs")); err != nil || !bytes.Equal(before, after) {
		t.Errorf("%v: the file was written all the same", err)
	}
	if _, err := w.Apply(t.Context(), s.Plan, nil); err == nil {
		t.Error("nothing was chosen, and written")
	}
}

func TestAFileThatComesFromAnotherVersionIsKept(t *testing.T) {
	o := Options{Source: fixtures(), State: t.TempDir(), Dir: orchard(t)}
	w := start(t, o)
	w.Attend(true)
	const file = "config/dev.exs"
	first := until(t, w, "the comparison", loaded)
	if err := w.Rebase(file, v("1.5.8")); err != nil {
		t.Fatal(err)
	}
	differs := func(s *Snapshot) bool {
		if !loaded(s) {
			return false
		}
		was, _ := first.Plan.File(file)
		is, _ := s.Plan.File(file)
		return len(was.Hunks) != len(is.Hunks)
	}
	if s := until(t, w, "the file against the other version", differs); s.Bases[file] != v("1.5.8") {
		t.Errorf("%v", s.Bases)
	}
	w.Close()
	again := start(t, o)
	again.Attend(true)
	until(t, again, "the same in another run", differs)
	if err := again.Rebase(file, phoenix.Version{}); err != nil {
		t.Fatal(err)
	}
	until(t, again, "the file like the rest", func(s *Snapshot) bool { return loaded(s) && !differs(s) && len(s.Bases) == 0 })
	if err := again.Rebase(file, v("1.7.0")); err != nil {
		t.Fatal(err)
	}
	s := until(t, again, "word of the tree that is not there", func(s *Snapshot) bool { return loaded(s) && s.Bases[file] == v("1.7.0") })
	if !strings.Contains(strings.Join(s.Notes, "\n"), file+" is compared with 1.6.16 like the rest") {
		t.Errorf("notes %q", s.Notes)
	}
	without := start(t, Options{Source: fixtures(), Dir: orchard(t)})
	without.Attend(true)
	until(t, without, "the comparison", loaded)
	if err := without.Rebase(file, v("1.5.8")); err == nil {
		t.Error("what cannot be kept was taken")
	}
}

// asks is a source that asks before it gives a tree of one version.
type asks struct {
	source.Source
	desk *Desk
	only phoenix.Version
}

func (a asks) Specs(ctx context.Context) ([]phoenix.Spec, error) {
	return a.Source.(source.Lister).Specs(ctx)
}

func (a asks) Tree(ctx context.Context, spec phoenix.Spec) (*phoenix.Tree, error) {
	if spec.Version == a.only {
		switch ok, err := a.desk.Ask(ctx, source.Question{Package: "phx_new", Version: spec.Version.String(), SHA256: "ab"}); {
		case err != nil:
			return nil, err
		case !ok:
			return nil, source.ErrNone
		}
	}
	return a.Source.Tree(ctx, spec)
}

func TestASourceThatAsksWaitsForTheAnswerHoweverLongThatTakes(t *testing.T) {
	desk := &Desk{}
	w := start(t, Options{Source: asks{fixtures(), desk, v("1.5.8")}, Desk: desk, Timeout: 300 * time.Millisecond})
	w.Attend(true)
	until(t, w, "the first", loaded)
	begun := time.Now()
	w.Ask(Choice{From: v("1.5.8"), To: v("1.8.8")})
	asked := until(t, w, "the question", func(s *Snapshot) bool { return s.Question != nil })
	if !asked.Loading || asked.Question.Version != "1.5.8" || len(asked.Pairs) == 0 {
		t.Errorf("%+v", asked.Question)
	}
	deadline := time.After(2 * w.o.Timeout)
	for waiting := true; waiting; {
		changed := w.Changed()
		if s := w.Latest().Value; s.Question != asked.Question {
			t.Fatalf("%s after it was asked there is %v, %v", time.Since(begun), s.Question, s.Err)
		}
		select {
		case <-changed:
		case <-deadline:
			waiting = false
		}
	}
	w.Answer(&source.Question{}, false) // to another one
	w.Answer(asked.Question, true)
	w.Answer(asked.Question, false) // too late
	s := until(t, w, "the tree", func(s *Snapshot) bool { return loaded(s) && s.Choice.From == v("1.5.8") })
	if s.Question != nil {
		t.Error("the question is still there")
	}
}

func TestWhatWasRefusedIsAskedAgainOnlyAfterARefresh(t *testing.T) {
	desk := &Desk{}
	w := start(t, Options{Source: asks{fixtures(), desk, v("1.5.8")}, Desk: desk})
	w.Attend(true)
	until(t, w, "the first", loaded)
	want := Choice{From: v("1.5.8"), To: v("1.8.8")}
	w.Ask(want)
	w.Answer(until(t, w, "the question", func(s *Snapshot) bool { return s.Question != nil }).Question, false)
	failed := func(s *Snapshot) bool { return !s.Loading && s.Err != nil }
	until(t, w, "the failure", failed)
	w.Ask(want)
	changed := w.Changed()
	for s := w.Latest().Value; s.Loading; s = w.Latest().Value {
		if s.Question != nil {
			t.Fatal("it was asked again")
		}
		<-changed
		changed = w.Changed()
	}
	w.Refresh()
	q := until(t, w, "the question again", func(s *Snapshot) bool { return s.Question != nil }).Question
	w.Ask(Choice{From: v("1.6.16"), To: v("1.8.8")}) // something else is wanted: nobody waits any more
	if s := until(t, w, "something else", func(s *Snapshot) bool { return loaded(s) && s.Choice.From == v("1.6.16") }); s.Question != nil {
		t.Error("the question is still there")
	}
	w.Answer(q, true)
}

func TestWithoutAnybodyWhoLooksTheAnswerIsNo(t *testing.T) {
	desk := &Desk{}
	if ok, err := desk.Ask(t.Context(), source.Question{}); ok || err != nil {
		t.Errorf("%t, %v", ok, err)
	}
	w := start(t, Options{Source: asks{fixtures(), desk, v("1.8.8")}, Desk: desk})
	w.Attend(true)
	until(t, w, "the question", func(s *Snapshot) bool { return s.Question != nil })
	w.Close() // it does not wait for an answer
	if ok, err := desk.Ask(t.Context(), source.Question{}); ok || err != nil {
		t.Errorf("after it was closed: %t, %v", ok, err)
	}
}

func TestVersionsThatMayBeHadAreOfferedBesideThoseThatAreThere(t *testing.T) {
	src := fixtures()
	w := Start(t.Context(), Options{Source: src, Listed: src.(source.Lister)})
	t.Cleanup(w.Close)
	w.Attend(true)
	s := until(t, w, "the comparison", loaded)
	if len(s.Versions) != 4 || len(s.Others) < 100 || s.Choice.To != v("1.8.8") {
		t.Errorf("%v, %d others, to %s", s.Versions, len(s.Others), s.Choice.To)
	}
	for _, o := range s.Others {
		if o == v("1.8.8") {
			t.Error("a version is offered twice")
		}
	}
	if !s.Others[0].Before(v("1.5.8")) {
		t.Errorf("the oldest is %s", s.Others[0])
	}
}
