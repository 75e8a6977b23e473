package compare

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"ops-console/ops/phoenix"
	"ops-console/ops/phoenix/merge"
	"ops-console/ops/phoenix/phoenixtest"
	"ops-console/ops/phoenix/source"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// fixtures is the snapshot of testdata/phoenix.
func fixtures() source.Source {
	return source.Chain{source.NewSnapshot(phoenixtest.Dir(), source.Options{Cache: &source.Cache{}})}
}

// orchard is a directory with the application of testdata/orchard.
func orchard(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	phoenixtest.Write(t, dir, phoenixtest.Orchard(t).Files)
	return dir
}

func start(t *testing.T, o Options) *Watcher {
	t.Helper()
	if o.Rand == nil {
		o.Rand = strings.NewReader(strings.Repeat("0123456789abcdef", 10_000))
	}
	if l, ok := o.Source.(source.Lister); ok {
		o.Listed, o.Whole = l, true
	}
	w := Start(t.Context(), o)
	t.Cleanup(w.Close)
	return w
}

// until waits for a snapshot.
func until(t *testing.T, w *Watcher, what string, is func(*Snapshot) bool) *Snapshot {
	t.Helper()
	deadline := time.After(20 * time.Second)
	for {
		changed := w.Changed()
		s := w.Latest().Value
		if is(s) {
			return s
		}
		select {
		case <-changed:
		case <-deadline:
			t.Fatalf("%s never came; there is %+v, error %v", what, s.Choice, s.Err)
		}
	}
}

func loaded(s *Snapshot) bool { return !s.Loading && len(s.Pairs) > 0 }

func v(s string) phoenix.Version { return phoenix.MustVersion(s) }

func TestNothingIsLoadedBeforeSomebodyLooks(t *testing.T) {
	asked := make(chan struct{}, 100)
	w := start(t, Options{Source: slow{Source: fixtures(), asked: asked}})
	w.Refresh()
	if s := w.Latest(); s.Value.Loading || len(s.Value.Pairs) > 0 || s.Value.Source == "" || len(asked) > 0 {
		t.Errorf("%+v, asked %d times", s.Value, len(asked))
	}
	w.Attend(true)
	until(t, w, "the comparison", loaded)
	if len(asked) != 2 {
		t.Errorf("%d trees were asked for, want 2", len(asked))
	}
	w.Refresh()
	w.Attend(true)
	until(t, w, "the comparison again", loaded)
	if len(asked) != 2 {
		t.Errorf("trees that are there were asked for again: %d", len(asked))
	}
}

func TestAComparisonBeginsAtWhatTheProjectsFilesComeFrom(t *testing.T) {
	dir := orchard(t)
	w := start(t, Options{Source: fixtures(), Dir: dir})
	w.Attend(true)
	s := until(t, w, "the comparison", loaded)
	if s.Choice.From != v("1.6.16") || s.Choice.To != v("1.8.8") || !strings.Contains(s.Base, "confidence") {
		t.Errorf("%+v, because %q", s.Choice, s.Base)
	}
	if s.App != "orchard" || s.Plan == nil || s.ProjectErr != nil || s.Dir != dir {
		t.Fatalf("app %q, plan %v, %v", s.App, s.Plan != nil, s.ProjectErr)
	}
	if f, ok := s.Plan.File("lib/orchard_web/router.ex"); !ok || f.State != merge.Conflicts && f.State != merge.Merges {
		t.Errorf("router.ex is %v", f.State)
	}
	if !s.New.Provenance.Substituted || s.New.Spec.App != "orchard" {
		t.Errorf("%+v", s.New)
	}
	if d := cmp.Diff([]phoenix.Version{v("1.5.8"), v("1.6.16"), v("1.7.14"), v("1.8.8")}, s.Versions); d != "" {
		t.Error(d)
	}
}

func TestTheProfileHasTheLastWordOnTheBase(t *testing.T) {
	w := start(t, Options{Source: fixtures(), Dir: orchard(t), Base: v("1.5.8")})
	w.Attend(true)
	if s := until(t, w, "the comparison", loaded); s.Choice.From != v("1.5.8") || s.Old.Spec.Flags["live"] != "true" || len(s.Notes) == 0 {
		t.Errorf("%+v from %+v, notes %q", s.Choice, s.Old.Spec, s.Notes)
	}
}

func TestAnUpgradeThatHasBegunGoesOnFromWhereItBegan(t *testing.T) {
	o := Options{Source: fixtures(), Dir: orchard(t), State: t.TempDir()}
	if err := merge.KeepBase(o.State, o.Dir, v("1.7.14"), v("1.8.8")); err != nil {
		t.Fatal(err)
	}
	w := start(t, o)
	w.Attend(true)
	if s := until(t, w, "the comparison", loaded); s.Choice.From != v("1.7.14") || s.Base == "" {
		t.Errorf("%+v, because %q", s.Choice, s.Base)
	}
}

func TestWithoutAProjectTheLastVersionOfTheLineBeforeIsCompared(t *testing.T) {
	w := start(t, Options{Source: fixtures()})
	w.Attend(true)
	s := until(t, w, "the comparison", loaded)
	if s.Choice.From != v("1.7.14") || s.Choice.To != v("1.8.8") || s.Plan != nil || s.ProjectErr != nil || s.Base != "" {
		t.Errorf("%+v", s)
	}
}

func TestAProjectThatCannotBeComparedIsSaidAndTheTreesAreCompared(t *testing.T) {
	for name, write := range map[string]map[string]phoenix.File{
		"no mix.exs":  {"README.md": {Data: []byte("x")}},
		"not Phoenix": {"mix.exs": {Data: []byte("defmodule Shop.MixProject do\n  use Mix.Project\n  def project, do: [app: :shop, deps: []]\nend\n")}},
	} {
		dir := t.TempDir()
		phoenixtest.Write(t, dir, write)
		w := start(t, Options{Source: fixtures(), Dir: dir})
		w.Attend(true)
		if s := until(t, w, "the comparison", loaded); s.ProjectErr == nil || s.Plan != nil {
			t.Errorf("%s: %v", name, s.ProjectErr)
		}
	}
}

func TestWithoutASnapshotTheRequirementIsTheBase(t *testing.T) {
	w := start(t, Options{Source: unlisted{fixtures()}, Dir: orchard(t)})
	w.Attend(true)
	s := until(t, w, "the comparison", loaded)
	if s.Choice.From != v("1.6.16") || s.Choice.To != v("1.8.8") || !strings.Contains(s.Base, "mix.exs asks for ~> 1.6.16") || s.Whole || len(s.Specs) > 0 || len(s.Choice.Flags) > 0 || len(s.Notes) == 0 {
		t.Errorf("%+v, because %q", s.Choice, s.Base)
	}
}

// unlisted is a source that cannot say what it has.
type unlisted struct{ source.Source }

func TestWhatIsAskedForLastIsCompared(t *testing.T) {
	hold := make(chan struct{})
	w := start(t, Options{Source: slow{Source: fixtures(), hold: hold, only: v("1.5.8")}})
	w.Attend(true)
	until(t, w, "the first", loaded)
	w.Ask(Choice{From: v("1.5.8"), To: v("1.8.8")})
	s := until(t, w, "word of loading", func(s *Snapshot) bool { return s.Loading })
	if s.Wanted.From != v("1.5.8") || s.Choice.From != v("1.7.14") || len(s.Pairs) == 0 {
		t.Errorf("while it loads there is %+v of %+v", s.Choice, s.Wanted)
	}
	w.Ask(Choice{From: v("1.6.16"), To: v("1.7.14")})
	if s := until(t, w, "the last", func(s *Snapshot) bool { return loaded(s) && s.Choice.To == v("1.7.14") }); s.Choice.From != v("1.6.16") {
		t.Errorf("%+v", s.Choice)
	}
	close(hold)
	w.Ask(Choice{From: v("1.5.8"), To: v("1.7.14")})
	until(t, w, "the one that was held", func(s *Snapshot) bool { return loaded(s) && s.Choice.From == v("1.5.8") })
}

func TestASourceThatHangsIsGivenUpAndSaidAndCanBeTriedAgain(t *testing.T) {
	hold := make(chan struct{})
	w := start(t, Options{Source: slow{Source: fixtures(), hold: hold}, Timeout: 30 * time.Millisecond})
	w.Attend(true)
	s := until(t, w, "the failure", func(s *Snapshot) bool { return s.Err != nil })
	if s.Loading || !strings.Contains(s.Err.Error(), "no answer within 30ms") || len(s.Versions) != 4 {
		t.Errorf("%v, versions %v", s.Err, s.Versions)
	}
	w.o.Timeout = time.Minute // nothing runs
	close(hold)
	w.Refresh()
	until(t, w, "the comparison", loaded)
}

func TestATreeThatIsNotThereIsNamed(t *testing.T) {
	w := start(t, Options{Source: fixtures()})
	w.Ask(Choice{From: v("1.6.16"), To: v("1.7.14"), Flags: phoenix.Flags{"umbrella": "true"}})
	s := until(t, w, "the failure", func(s *Snapshot) bool { return s.Err != nil })
	if !errors.Is(s.Err, source.ErrNone) || !strings.Contains(s.Err.Error(), "--umbrella") || len(s.Pairs) > 0 {
		t.Error(s.Err)
	}
	w.Ask(Choice{From: v("1.6.16"), To: v("1.7.14")})
	until(t, w, "what is there", loaded)
}

func TestMarksAreKept(t *testing.T) {
	state := filepath.Join(t.TempDir(), "phx")
	o := Options{Source: fixtures(), State: state, Dir: orchard(t)}
	w := start(t, o)
	if err := w.Mark("mix.exs", true); err == nil {
		t.Error("a file was marked before there was a comparison")
	}
	w.Attend(true)
	before := until(t, w, "the comparison", loaded)
	for _, path := range []string{"mix.exs", "config/dev.exs"} {
		if err := w.Mark(path, true); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Mark("mix.exs", false); err != nil {
		t.Fatal(err)
	}
	if len(before.Done) > 0 {
		t.Error("a snapshot was changed after it was published")
	}
	want := map[string]bool{"config/dev.exs": true}
	if d := cmp.Diff(want, w.Latest().Value.Done); d != "" {
		t.Error(d)
	}
	// A command marks another one while the console runs.
	p, err := merge.OpenProgress(filepath.Join(state, merge.ProgressName(before.Dir, before.Old.Spec, before.New.Spec)))
	if err == nil {
		err = p.Mark("README.md", true)
	}
	if err == nil {
		err = w.Mark("config/test.exs", true)
	}
	if err != nil {
		t.Fatal(err)
	}
	want["README.md"], want["config/test.exs"] = true, true
	if d := cmp.Diff(want, w.Latest().Value.Done); d != "" {
		t.Error(d)
	}
	w.Close()
	again := start(t, o)
	again.Attend(true)
	if d := cmp.Diff(want, until(t, again, "the comparison", loaded).Done); d != "" {
		t.Error(d)
	}
	again.Ask(Choice{From: v("1.5.8"), To: v("1.7.14")})
	if s := until(t, again, "another", func(s *Snapshot) bool { return loaded(s) && s.Choice.From == v("1.5.8") }); len(s.Done) > 0 {
		t.Errorf("marks of one comparison are in another: %v", s.Done)
	}
	if ee, err := os.ReadDir(state); err != nil || len(ee) != 1 {
		t.Errorf("%d files, %v", len(ee), err)
	}
}

func TestChoices(t *testing.T) {
	c := Choice{From: v("1.6.16"), To: v("1.7.14")}
	d := c.With("ecto", "false").With("live", "false").With("live", "true")
	if !d.Equal(Choice{From: c.From, To: c.To, Flags: phoenix.Flags{"ecto": "false"}}) || len(c.Flags) > 0 {
		t.Errorf("%+v of %+v", d, c)
	}
	if d.Equal(c) || !d.With("ecto", "true").Equal(c) {
		t.Error("a flag makes no difference, or a default does")
	}
}

// slow is a source that says when it is asked for a tree, and holds those of one version, or all, until it may give them.
type slow struct {
	source.Source
	asked chan struct{}
	hold  chan struct{}
	only  phoenix.Version
}

func (s slow) Specs(ctx context.Context) ([]phoenix.Spec, error) {
	return s.Source.(source.Lister).Specs(ctx)
}

func (s slow) Tree(ctx context.Context, spec phoenix.Spec) (*phoenix.Tree, error) {
	if s.asked != nil {
		s.asked <- struct{}{}
	}
	if s.hold != nil && (s.only == phoenix.Version{} || s.only == spec.Version) {
		select {
		case <-s.hold:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	return s.Source.Tree(ctx, spec)
}
