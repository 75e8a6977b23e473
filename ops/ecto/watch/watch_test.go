package watch

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"ops-console/ops/ecto"
	"ops-console/ops/ecto/catalog"
	"ops-console/ops/ecto/lint"
	"ops-console/ops/ecto/project"
	"ops-console/ops/ecto/rehearse"
	"ops-console/ops/feed"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const migrations = "priv/repo/migrations"

// small is an engine that takes every file of one directory for a migration, and finds something in each that is checked.
func small(reads *atomic.Int64) engine {
	return engine{
		open: func(dir string) (*project.Project, error) {
			reads.Add(1)
			p := &project.Project{Dir: dir}
			names, err := filepath.Glob(filepath.Join(dir, migrations, "*.exs"))
			if err != nil || len(names) == 0 {
				return p, err
			}
			r := project.Repo{Module: "Shop.Repo", Root: ".", Dirs: []string{migrations}, Settings: project.DefaultSettings()}
			for _, n := range names {
				base := filepath.Base(n)
				version, name, _ := strings.Cut(strings.TrimSuffix(base, ".exs"), "_")
				v, err := strconv.ParseInt(version, 10, 64)
				if err != nil {
					return nil, err
				}
				r.Files = append(r.Files, project.File{Path: migrations + "/" + base, Version: v, Name: name})
			}
			p.Repos = []project.Repo{r}
			return p, nil
		},
		load: func(_ context.Context, p *project.Project, r project.Repo) (lint.Input, error) {
			in := lint.Input{Repo: r, Sources: map[string][]byte{}}
			for _, f := range r.Files {
				b, err := os.ReadFile(filepath.Join(p.Dir, f.Path))
				if err != nil {
					return in, err
				}
				in.Sources[f.Path] = b
				in.Migrations = append(in.Migrations, ecto.Migration{Path: f.Path, Version: f.Version, Name: f.Name})
			}
			return in, nil
		},
		run: func(_ context.Context, in lint.Input) (*lint.Result, error) {
			res := &lint.Result{}
			for _, m := range in.Migrations {
				if in.Options.Check == nil || in.Options.Check(m.Version) {
					res.Findings = append(res.Findings, lint.Finding{Path: m.Path, Version: m.Version, Text: string(in.Sources[m.Path])})
				}
			}
			return res, nil
		},
		statuses: func(in lint.Input) []lint.Status { return make([]lint.Status, len(in.Migrations)) },
		suppress: func(src []byte, _ ecto.Span, rule, reason string) []byte {
			return append([]byte("# ops-console: ignore "+rule+" — "+reason+"\n"), src...)
		},
	}
}

func write(t *testing.T, dir, name, text string) string {
	t.Helper()
	path := filepath.Join(dir, filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o640); err != nil {
		t.Fatal(err)
	}
	return path
}

// until waits for a snapshot that cond accepts.
func until(t *testing.T, w *Watcher, what string, cond func(feed.Snapshot[*Snapshot]) bool) feed.Snapshot[*Snapshot] {
	t.Helper()
	deadline := time.NewTimer(15 * time.Second)
	defer deadline.Stop()
	for {
		changed, latest := w.Changed(), w.Latest()
		if latest.Seq > 0 && cond(latest) {
			return latest
		}
		select {
		case <-changed:
		case <-deadline.C:
			t.Fatalf("never: %s; the latest is %+v", what, latest)
		}
	}
}

func start(t *testing.T, o Options) (*Watcher, *atomic.Int64) {
	t.Helper()
	var reads atomic.Int64
	w := watch(t.Context(), o, small(&reads))
	t.Cleanup(w.Close)
	return w, &reads
}

func texts(s *Snapshot) string {
	if len(s.Repos) == 0 {
		return "no repo"
	}
	var out []string
	for _, f := range s.Repos[0].Result.Findings {
		out = append(out, f.Text)
	}
	return strings.Join(out, " ")
}

func says(want string) func(feed.Snapshot[*Snapshot]) bool {
	return func(s feed.Snapshot[*Snapshot]) bool { return s.Err == nil && texts(s.Value) == want }
}

func TestFilesAreReadAgainWhenTheyChange(t *testing.T) {
	dir := t.TempDir()
	w, _ := start(t, Options{Dir: dir})
	until(t, w, "an empty project", says("no repo"))
	one := write(t, dir, migrations+"/1_one.exs", "a")
	until(t, w, "a directory that came later", says("a"))
	if err := os.WriteFile(one, []byte("b"), 0o600); err != nil {
		t.Fatal(err)
	}
	until(t, w, "a file written over", says("b"))
	// As editors do: a new file takes the place of the old one.
	other := write(t, dir, migrations+"/.1_one.exs.swp", "c")
	if err := os.Rename(other, one); err != nil {
		t.Fatal(err)
	}
	until(t, w, "a file replaced", says("c"))
	write(t, dir, migrations+"/2_two.exs", "d")
	until(t, w, "a second file", says("c d"))
	if err := os.Remove(one); err != nil {
		t.Fatal(err)
	}
	until(t, w, "a file gone", says("d"))
	if err := os.RemoveAll(filepath.Join(dir, "priv")); err != nil {
		t.Fatal(err)
	}
	until(t, w, "all gone", says("no repo"))
	write(t, dir, migrations+"/3_three.exs", "e")
	until(t, w, "back again", says("e"))
}

func TestWhatHasNoPartInItIsNotRead(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, migrations+"/1_one.exs", "a")
	write(t, dir, "lib/shop.ex", "")
	w, reads := start(t, Options{Dir: dir})
	until(t, w, "the first", says("a"))
	before := reads.Load()
	write(t, dir, "README.md", "x")
	write(t, dir, migrations+"/notes.txt", "x")
	write(t, dir, migrations+"/.#2_two.exs", "x")
	write(t, dir, migrations+"/2_two.exs~", "x")
	// What comes after all these is told once, and they have had their turn by then.
	write(t, dir, "lib/shop.ex", "defmodule Shop do end")
	for deadline := time.Now().Add(10 * time.Second); reads.Load() == before; {
		if time.Now().After(deadline) {
			t.Fatal("a change of lib was not told")
		}
		time.Sleep(5 * time.Millisecond)
	}
	if n := reads.Load() - before; n != 1 {
		t.Errorf("read %d times, want once", n)
	}
}

func TestAFailureKeepsWhatWasKnown(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, migrations+"/1_one.exs", "a")
	w, _ := start(t, Options{Dir: dir})
	until(t, w, "the first", says("a"))
	write(t, dir, migrations+"/x_two.exs", "b")
	s := until(t, w, "the failure", func(s feed.Snapshot[*Snapshot]) bool { return s.Err != nil })
	if s.Value == nil || texts(s.Value) != "a" {
		t.Errorf("what was known is lost: %+v", s)
	}
	if err := os.Remove(filepath.Join(dir, migrations, "x_two.exs")); err != nil {
		t.Fatal(err)
	}
	until(t, w, "well again", says("a"))
}

func TestTheFilesAreJudgedBeforeTheDatabaseAnswers(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, migrations+"/1_one.exs", "a")
	write(t, dir, migrations+"/2_two.exs", "b")
	answer := make(chan error)
	w, _ := start(t, Options{Dir: dir, Every: time.Millisecond, Catalog: func(ctx context.Context, r project.Repo) (*catalog.Snapshot, error) {
		if r.Settings.Source != "schema_migrations" {
			t.Errorf("asked for %+v", r.Settings)
		}
		select {
		case err := <-answer:
			return &catalog.Snapshot{Node: "fra-1", At: time.Unix(9, 0), Applied: []catalog.Applied{{Version: 1}}}, err
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}})
	s := until(t, w, "the files", says("a b"))
	if d := s.Value.Database; !d.Configured || !d.At.IsZero() || s.Value.Repos[0].Statuses != nil {
		t.Errorf("%+v", s.Value)
	}
	answer <- nil
	s = until(t, w, "what is pending", says("b"))
	if d := s.Value.Database; d.Node != "fra-1" || d.At.IsZero() || len(s.Value.Repos[0].Statuses) != 2 {
		t.Errorf("%+v", s.Value)
	}
	want := errors.New("the primary does not answer")
	answer <- want
	s = until(t, w, "the failure", func(s feed.Snapshot[*Snapshot]) bool { return s.Value.Database.Err != nil })
	if !errors.Is(s.Value.Database.Err, want) || texts(s.Value) != "b" {
		t.Errorf("%+v", s.Value)
	}
}

func TestADatabaseThatSleepsIsAskedOnDemand(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, migrations+"/1_one.exs", "a")
	var asked atomic.Int64
	w, _ := start(t, Options{Dir: dir, OnDemand: true, Catalog: func(context.Context, project.Repo) (*catalog.Snapshot, error) {
		asked.Add(1)
		return &catalog.Snapshot{At: time.Unix(9, 0), Applied: []catalog.Applied{{Version: 1}}}, nil
	}})
	until(t, w, "the files", says("a"))
	if asked.Load() != 0 {
		t.Error("asked without being told to")
	}
	for range 2 {
		before := asked.Load()
		w.Refresh()
		until(t, w, "the answer", func(s feed.Snapshot[*Snapshot]) bool { return asked.Load() > before && texts(s.Value) == "" })
	}
}

func TestSuppressWritesIntoTheProjectOnly(t *testing.T) {
	dir, outside := t.TempDir(), t.TempDir()
	one := write(t, dir, migrations+"/1_one.exs", "a\n")
	secret := write(t, outside, "secret.exs", "s\n")
	if err := os.Symlink(secret, filepath.Join(dir, migrations, "2_two.exs")); err != nil {
		t.Fatal(err)
	}
	w, _ := start(t, Options{Dir: dir})
	until(t, w, "both", says("a\n s\n"))
	for what, call := range map[string]func() error{
		"no reason":        func() error { return w.Suppress(migrations+"/1_one.exs", ecto.Span{}, "r", " \n ") },
		"no migration":     func() error { return w.Suppress("mix.exs", ecto.Span{}, "r", "why") },
		"outside":          func() error { return w.Suppress("../x.exs", ecto.Span{}, "r", "why") },
		"a link that goes": func() error { return w.Suppress(migrations+"/2_two.exs", ecto.Span{}, "r", "why") },
	} {
		if err := call(); err == nil {
			t.Errorf("%s was not refused", what)
		}
	}
	if b, err := os.ReadFile(secret); err != nil || string(b) != "s\n" {
		t.Errorf("a file outside was written: %q %v", b, err)
	}
	if err := w.Suppress(migrations+"/1_one.exs", ecto.Span{}, "r", "why\nnot"); err != nil {
		t.Fatal(err)
	}
	want := "# ops-console: ignore r — why not\na\n"
	until(t, w, "the comment", says(want+" s\n"))
	if st, err := os.Stat(one); err != nil || st.Mode().Perm() != 0o640 {
		t.Errorf("its mode is %v %v", st.Mode(), err)
	}
}

func TestSuppressDoesNotWriteOverAnEdit(t *testing.T) {
	dir := t.TempDir()
	one := write(t, dir, migrations+"/1_one.exs", "a\n")
	if err := replace(dir, migrations+"/1_one.exs", []byte("before\n"), []byte("after\n")); err == nil || !strings.Contains(err.Error(), "has changed") {
		t.Errorf("%v", err)
	}
	if b, err := os.ReadFile(one); err != nil || string(b) != "a\n" {
		t.Errorf("%q %v", b, err)
	}
}

func TestRehearsal(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, migrations+"/1_one.exs", "a")
	w, _ := start(t, Options{Dir: dir, Rehearse: func(_ context.Context, in lint.Input, progress func(string)) ([]rehearse.Step, error) {
		progress(in.Repo.Module)
		return []rehearse.Step{{Path: in.Migrations[0].Path}}, nil
	}})
	until(t, w, "the files", says("a"))
	said := ""
	steps, err := w.Rehearse(t.Context(), "Shop.Repo", func(s string) { said = s })
	if err != nil || len(steps) != 1 || said != "Shop.Repo" {
		t.Errorf("%v %v %q", steps, err, said)
	}
	if _, err := w.Rehearse(t.Context(), "Other.Repo", func(string) {}); err == nil {
		t.Error("a repo that is not there was rehearsed")
	}
}
