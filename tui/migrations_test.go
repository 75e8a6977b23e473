package tui_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"ops-console/ops/ecto/lint"
	"ops-console/ops/ecto/rehearse"
	"ops-console/ops/ecto/watch"
	"ops-console/tui"
	"ops-console/tui/migrations"
	"ops-console/tui/pane"
	"ops-console/tui/tuitest"
)

var _ tui.Migrations = (*watch.Watcher)(nil)

// project is the last thing a pane was told of the project.
func project(p *rows) (pane.MigrationsMsg, bool) {
	for i := len(p.seen) - 1; i >= 0; i-- {
		if m, ok := p.seen[i].(pane.MigrationsMsg); ok {
			return m, true
		}
	}
	return pane.MigrationsMsg{}, false
}

// inProject is a console whose second pane is that of the migrations.
func inProject(t *testing.T, change func(*tui.Options)) *console {
	t.Helper()
	c := connected(t, incident(), func(o *tui.Options) {
		o.Panes, o.Open = append(o.Panes, migrations.New(lint.Find)), "migrations"
		if change != nil {
			change(o)
		}
	})
	c.sess.PublishMigrations(tuitest.MigrationsFeed(1, tuitest.Migrations(tuitest.Project{})))
	c.press("ctrl+r")
	c.until("the migrations", func() bool { return strings.Contains(c.text(), "4 pending") })
	return c
}

func TestPanesLearnWhetherThereIsAProject(t *testing.T) {
	without, with := tuitest.NewSession(), tuitest.NewSession()
	with.Project()
	c := newConsole(t, func(o *tui.Options) { o.Connect = inTurn(without, with) })
	c.sess = without
	c.publish(incident())
	if m, ok := project(c.pane); !ok || m.Known {
		t.Fatalf("told %+v %v, want that there is none", m, ok)
	}
	c.press("ctrl+r")
	c.until("the project", func() bool { m, _ := project(c.pane); return m.Known && m.Snapshot.Seq == 0 })
	with.PublishMigrations(tuitest.MigrationsFeed(1, tuitest.Migrations(tuitest.Project{})))
	c.until("its reading", func() bool { m, _ := project(c.pane); return m.Snapshot.Seq == 1 })
	c.press("space")
	with.PublishMigrations(tuitest.MigrationsFeed(2, tuitest.Migrations(tuitest.Project{Calm: true})))
	c.until("the reading behind the frozen picture", func() bool {
		c.press("space")
		m, _ := project(c.pane)
		if m.Snapshot.Seq != 2 {
			c.press("space")
		}
		return m.Snapshot.Seq == 2
	})
}

func TestAFindingIsSuppressedForAReason(t *testing.T) {
	c := inProject(t, nil)
	asks := func() bool { return strings.Contains(c.text(), "Ignore index-not-concurrent") }
	c.press("j", "s")
	c.until("the question", asks)
	c.press("enter")
	c.has("Ignore index-not-concurrent") // not without a reason
	c.typeText("q is no key here")
	c.press("enter")
	c.until("the toast", func() bool { return strings.Contains(c.row(-1), "wrote the comment") })
	got := c.sess.Silenced()
	if len(got) != 1 || got[0].Rule != "index-not-concurrent" || got[0].Reason != "q is no key here" {
		t.Errorf("%+v", got)
	}
	c.press("s")
	c.until("the question again", asks)
	c.press("esc")
	c.hasNot("Ignore")
	if got := c.sess.Silenced(); len(got) != 1 {
		t.Errorf("%+v", got)
	}
}

func TestNothingIsWrittenWhereNothingMayBeChanged(t *testing.T) {
	c := inProject(t, func(o *tui.Options) { o.ReadOnly = true })
	c.press("s")
	c.until("the question", func() bool { return strings.Contains(c.text(), "Ignore ") })
	c.typeText("why")
	c.press("enter")
	c.until("the refusal", func() bool { return strings.Contains(c.row(-1), "--read-only") })
	if got := c.sess.Silenced(); len(got) != 0 {
		t.Errorf("%+v", got)
	}
}

func TestARehearsalSaysWhatItDoesAndCanBeStopped(t *testing.T) {
	c := inProject(t, nil)
	next := make(chan string, 1)
	c.sess.Rehearse(func(ctx context.Context, progress func(string)) ([]rehearse.Step, error) {
		for {
			select {
			case s, ok := <-next:
				if !ok {
					return tuitest.Rehearsed(), nil
				}
				progress(s)
			case <-ctx.Done():
				return nil, ctx.Err()
			}
		}
	})
	c.press("R")
	c.until("its beginning", func() bool { return strings.Contains(c.text(), "rehearsing: starting") })
	next <- "2 of 4"
	c.until("its progress", func() bool { return strings.Contains(c.text(), "rehearsing: 2 of 4") })
	c.send(pane.RehearseMsg{Repo: "Shop.Repo"})
	c.until("a second one refused", func() bool { return strings.Contains(c.text(), "predicted") })
	c.send(pane.RehearseMsg{Repo: "Shop.Repo", Cancel: true})
	c.until("its end", func() bool { return strings.Contains(c.row(-1), "stopped") })
	c.press("R")
	c.until("its beginning again", func() bool { return strings.Contains(c.text(), "rehearsing") })
	close(next)
	c.until("the result", func() bool { return strings.Contains(c.text(), "rehearsed 0s ago") })
	if !strings.Contains(c.row(-1), "1 difference from what was predicted") {
		t.Errorf("row %q", c.row(-1))
	}
}

func TestARehearsalThatCannotBeSaysWhy(t *testing.T) {
	c := inProject(t, nil)
	c.press("R")
	c.until("the reason", func() bool { return strings.Contains(c.row(-1), "this session cannot rehearse") })
	c.has("predicted")
}

func TestTheEditorIsToldTheLine(t *testing.T) {
	for _, e := range []struct {
		visual, editor string
		line           int
		want           []string
	}{
		{"", "vim", 7, []string{"vim", "+7", "/p/a b.exs"}},
		{"code --wait", "vim", 7, []string{"code", "--wait", "--goto", "/p/a b.exs:7:3"}},
		{"", "/usr/bin/hx", 7, []string{"/usr/bin/hx", "/p/a b.exs:7:3"}},
		{" ", "someeditor", 7, []string{"someeditor", "/p/a b.exs"}},
		{"", "nano", 0, []string{"nano", "/p/a b.exs"}},
	} {
		getenv := func(k string) string { return map[string]string{"VISUAL": e.visual, "EDITOR": e.editor}[k] }
		got, err := tui.Editor(getenv, pane.EditMsg{Path: "/p/a b.exs", Line: e.line, Column: 3})
		if d := cmp.Diff(e.want, got); d != "" || err != nil {
			t.Error(err, d)
		}
	}
	if _, err := tui.Editor(func(string) string { return "" }, pane.EditMsg{}); err == nil || !strings.Contains(err.Error(), "EDITOR") {
		t.Errorf("%v", err)
	}
}

func TestAnEditorThatFailsIsSaid(t *testing.T) {
	c := newConsole(t, nil)
	c.send(pane.EditMsg{Path: "/nowhere"})
	if !strings.Contains(c.row(-1), "set EDITOR") {
		t.Errorf("row %q", c.row(-1))
	}
}

// The suppression's place comes from a real file, through the real watcher.
func TestACommentIsWrittenIntoTheFile(t *testing.T) {
	dir := t.TempDir()
	at := filepath.Join(dir, "priv/repo/migrations/20260101000000_add_index.exs")
	if err := os.MkdirAll(filepath.Dir(at), 0o755); err != nil {
		t.Fatal(err)
	}
	src := "defmodule Shop.Repo.Migrations.AddIndex do\n  use Ecto.Migration\n\n  def change do\n    create index(:orders, [:ref])\n  end\nend\n"
	for path, text := range map[string]string{filepath.Join(dir, "mix.exs"): "defmodule Shop.MixProject do\n  use Mix.Project\n  def project, do: [app: :shop]\nend\n", at: src} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	w := watch.Watch(t.Context(), watch.Options{Dir: dir})
	defer w.Close()
	found := func(suppressed bool) *lint.Finding {
		for {
			changed, s := w.Changed(), w.Latest()
			if s.Err != nil {
				t.Fatal(s.Err)
			}
			if s.Value != nil && len(s.Value.Repos) > 0 {
				for i := range s.Value.Repos[0].Result.Findings {
					if f := &s.Value.Repos[0].Result.Findings[i]; f.Rule == "index-not-concurrent" && (f.Suppressed != nil) == suppressed {
						return f
					}
				}
			}
			select {
			case <-changed:
			case <-t.Context().Done():
				t.Fatal("no finding")
			}
		}
	}
	f := found(false)
	if err := w.Suppress(f.Path, f.At, f.Rule, "the table is new"); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(at)
	if want := strings.Replace(src, "    create", "    # ops-console:ignore index-not-concurrent -- the table is new\n    create", 1); err != nil || string(b) != want {
		t.Fatalf("%v %s", err, cmp.Diff(want, string(b)))
	}
	f = found(true)
	if f.Suppressed.Reason != "the table is new" {
		t.Errorf("%+v", f.Suppressed)
	}
}
