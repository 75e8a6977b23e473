package migrations

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/colorprofile"
	"github.com/charmbracelet/x/ansi"
	"pgregory.net/rapid"

	"ops-console/ops/ecto/watch"
	"ops-console/ops/feed"
	"ops-console/themes"
	"ops-console/tui/action"
	"ops-console/tui/glyph"
	"ops-console/tui/golden"
	"ops-console/tui/pane"
	"ops-console/tui/tuitest"
)

func theme(t testing.TB, name string, p colorprofile.Profile) *themes.Theme {
	t.Helper()
	f, err := themes.Load(name, nil)
	if err != nil {
		t.Fatal(err)
	}
	return f.Compile(p)
}

func env(t testing.TB) *pane.Env {
	t.Helper()
	return &pane.Env{Theme: theme(t, "catppuccin-mocha", colorprofile.TrueColor), Glyphs: glyph.Unicode(), Now: tuitest.Now(), Focused: true}
}

// with is a pane that has taken a snapshot.
func with(o tuitest.Project) *Pane {
	p := New(tuitest.Explain)
	p.now = tuitest.Now()
	p.Update(pane.MigrationsMsg{Known: true, Snapshot: tuitest.MigrationsFeed(1, tuitest.Migrations(o))})
	return p
}

type tester interface {
	Helper()
	Errorf(string, ...any)
}

// press runs the actions that keys stand for, and gives what the last one said.
func press(t tester, p *Pane, keys ...string) (said tea.Msg) {
	t.Helper()
	for _, k := range keys {
		a, ok := action.Find(p.Actions(), k)
		if !ok {
			t.Errorf("no action has the key %q", k)
			continue
		}
		if a.Disabled != "" {
			continue
		}
		said = nil
		if cmd := a.Run(""); cmd != nil {
			said = cmd()
		}
	}
	return said
}

func only(s *watch.Snapshot) feed.Snapshot[*watch.Snapshot] { return tuitest.MigrationsFeed(1, s) }

// scenes are what the pane can have to show.
func scenes(t testing.TB) map[string]func() *Pane {
	pressed := func(o tuitest.Project, keys ...string) func() *Pane {
		return func() *Pane {
			p := with(o)
			p.View(env(t), 120, 36)
			press(t, p, keys...)
			return p
		}
	}
	says := func(m pane.MigrationsMsg) func() *Pane {
		return func() *Pane {
			p := New(tuitest.Explain)
			p.Update(m)
			return p
		}
	}
	return map[string]func() *Pane{
		"pending":    func() *Pane { return with(tuitest.Project{}) },
		"second":     pressed(tuitest.Project{}, "j"),
		"update":     pressed(tuitest.Project{}, "n"),
		"clean":      pressed(tuitest.Project{}, "n", "n"),
		"late":       pressed(tuitest.Project{}, "n", "n", "n"),
		"applied":    pressed(tuitest.Project{}, "n", "n", "n", "n"),
		"calm":       func() *Pane { return with(tuitest.Project{Calm: true}) },
		"filesonly":  func() *Pane { return with(tuitest.Project{NoDatabase: true}) },
		"failing":    func() *Pane { return with(tuitest.Project{Failing: true}) },
		"broken":     pressed(tuitest.Project{Broken: true}, "g"),
		"gone":       pressed(tuitest.Project{Gone: true}, "n", "n", "n", "n"),
		"repos":      func() *Pane { return with(tuitest.Project{Repos: true}) },
		"source":     pressed(tuitest.Project{}, "j", "enter"),
		"explained":  pressed(tuitest.Project{}, "j", "x"),
		"rehearsing": func() *Pane { return rehearsing(with(tuitest.Project{})) },
		"rehearsed": func() *Pane {
			p := rehearsing(with(tuitest.Project{}))
			p.Update(pane.RehearsalMsg{Repo: "Shop.Repo", Done: true, Steps: tuitest.Rehearsed()})
			return p
		},
		"filtered": func() *Pane {
			p := with(tuitest.Project{Past: 300})
			p.Filter("part_2")
			return p
		},
		"nomatch": func() *Pane {
			p := with(tuitest.Project{})
			p.Filter("nothing like it")
			return p
		},
		"noproject": says(pane.MigrationsMsg{}),
		"first":     says(pane.MigrationsMsg{Known: true}),
		"failed": says(pane.MigrationsMsg{Known: true, Snapshot: feed.Snapshot[*watch.Snapshot]{
			Seq: 1, At: tuitest.Now().Add(-4 * time.Second), Err: errors.New("read the migrations of /src/shop: open /src/shop/config: permission denied"),
		}}),
		"noecto":  says(pane.MigrationsMsg{Known: true, Snapshot: only(&watch.Snapshot{At: tuitest.Now(), Dir: "/src/static-site"})}),
		"nothing": func() *Pane { return New(tuitest.Explain) },
	}
}

func rehearsing(p *Pane) *Pane {
	p.Update(pane.RehearsalMsg{Repo: "Shop.Repo", Doing: "2 of 4: add_kind_to_events"})
	return p
}

// TestFrames compares with the frames that were looked at. The sizes are those of the pane at 80×24, 120×40, 200×60.
func TestFrames(t *testing.T) {
	for name, make := range scenes(t) {
		for _, size := range [][2]int{{80, 20}, {120, 36}, {200, 56}} {
			name := fmt.Sprintf("%s-%dx%d", name, size[0], size[1])
			t.Run(name, func(t *testing.T) { golden.Frame(t, name, make().View(env(t), size[0], size[1])) })
		}
	}
}

func TestFramesWithoutColourAndWithoutUnicode(t *testing.T) {
	e := env(t)
	e.Theme = theme(t, "catppuccin-mocha", colorprofile.ASCII)
	golden.Frame(t, "mono-120x36", with(tuitest.Project{}).View(e, 120, 36))
	e.Theme = theme(t, "solarized-light", colorprofile.TrueColor)
	golden.Frame(t, "light-120x36", with(tuitest.Project{}).View(e, 120, 36))
	e.Glyphs, e.Theme = glyph.ASCII(), nil
	p := rehearsing(with(tuitest.Project{Broken: true, Gone: true}))
	lines := p.View(e, 120, 36)
	for i, l := range lines {
		for _, r := range l {
			if r > 0x7e || r < 0x20 {
				t.Fatalf("line %d has %q: %q", i, r, l)
			}
		}
	}
	golden.Frame(t, "ascii-120x36", lines)
}

// keys are those that change what is seen.
var keys = []string{"j", "k", "n", "p", "enter", "x", "g", "G", "J", "K", "pgdown", "pgup", "R", "s", "e", "l", "h"}

func TestFramesAreOfTheSizeTheyAreAskedFor(t *testing.T) {
	th := theme(t, "catppuccin-mocha", colorprofile.TrueColor)
	sets := []*glyph.Set{glyph.Unicode(), glyph.Blocks(), glyph.ASCII()}
	rapid.Check(t, func(t *rapid.T) {
		bit := rapid.Bool()
		p := with(tuitest.Project{
			Calm: bit.Draw(t, "calm"), NoDatabase: bit.Draw(t, "files"), Failing: bit.Draw(t, "failing"), Broken: bit.Draw(t, "broken"), Gone: bit.Draw(t, "gone"),
			Repos: bit.Draw(t, "repos"), Hostile: bit.Draw(t, "hostile"), Past: rapid.SampledFrom([]int{0, 1, 40}).Draw(t, "past"),
		})
		if bit.Draw(t, "rehearsed") {
			rehearsing(p).Update(pane.RehearsalMsg{Repo: "Shop.Repo", Done: true, Steps: tuitest.Rehearsed()})
		}
		for range rapid.IntRange(1, 6).Draw(t, "frames") {
			w, h := rapid.IntRange(0, 220).Draw(t, "w"), rapid.IntRange(0, 60).Draw(t, "h")
			e := &pane.Env{Theme: th, Glyphs: rapid.SampledFrom(sets).Draw(t, "glyphs"), Now: tuitest.Now().Add(time.Duration(rapid.IntRange(0, 600).Draw(t, "later")) * time.Second)}
			lines := p.View(e, w, h)
			if len(lines) != h {
				t.Fatalf("%d lines, want %d", len(lines), h)
			}
			for i, l := range lines {
				if a, b := ansi.StringWidth(l), ansi.StringWidthWc(l); a != w || b != w {
					t.Fatalf("line %d has %d or %d cells, want %d: %q", i, a, b, w, l)
				}
			}
			if again := p.View(e, w, h); strings.Join(again, "\n") != strings.Join(lines, "\n") {
				t.Fatal("a second frame differs")
			}
			press(t, p, rapid.SampledFrom(keys).Draw(t, "key"))
			if w > 0 && h > 0 {
				x, y := rapid.IntRange(0, w-1).Draw(t, "x"), rapid.IntRange(0, h-1).Draw(t, "y")
				p.Update(tea.MouseClickMsg{X: x, Y: y, Button: tea.MouseLeft})
				p.Update(tea.MouseWheelMsg{X: x, Y: y, Button: tea.MouseWheelDown})
			}
			_, _, _ = p.Address(), p.Badge(), p.Copies()
			if bit.Draw(t, "narrowed") {
				p.Filter(rapid.SampledFrom([]string{"", "drop", "zzz", "error", "!pending"}).Draw(t, "filter"))
			}
			if bit.Draw(t, "back") {
				p.Back()
			}
		}
	})
}

// BenchmarkView is a frame of 200×60 of 300 migrations: after a key, and standing still.
func BenchmarkView(b *testing.B) {
	e := env(b)
	for name, keys := range map[string][]string{"key": {"j"}, "file": {"n"}, "still": nil} {
		b.Run(name, func(b *testing.B) {
			p := with(tuitest.Project{Past: 300})
			p.View(e, 200, 56)
			b.ReportAllocs()
			for b.Loop() {
				press(b, p, keys...)
				p.View(e, 200, 56)
			}
		})
	}
}
