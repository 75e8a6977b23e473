package generator

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

	"ops-console/ops/phoenix"
	"ops-console/ops/phoenix/compare"
	"ops-console/ops/phoenix/merge"
	"ops-console/ops/phoenix/source"
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
	return &pane.Env{Theme: theme(t, "gruvbox-dark", colorprofile.TrueColor), Glyphs: glyph.Unicode(), Now: tuitest.Now(), Focused: true}
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

// to puts the cursor on a file.
func to(p *Pane, path string) *Pane {
	p.table.Select(path)
	p.reset()
	return p
}

// scenes are what the pane can have to show.
func scenes(t testing.TB) map[string]func() *Pane {
	pressed := func(o sample, path string, keys ...string) func() *Pane {
		return func() *Pane {
			p := with(t, o)
			p.View(env(t), 120, 36)
			if path != "" {
				to(p, path)
			}
			press(t, p, keys...)
			return p
		}
	}
	says := func(change func(s *compare.Snapshot)) func() *Pane {
		return func() *Pane {
			p := New()
			p.Update(message(1, bare(change)))
			return p
		}
	}
	mine := func(path string, keys ...string) func() *Pane {
		return func() *Pane {
			p := with(t, sample{})
			p.setMine(true)
			to(p, path)
			press(t, p, keys...)
			return p
		}
	}
	return map[string]func() *Pane{
		"first":      pressed(sample{}, ""),
		"router":     pressed(sample{}, "lib/orchard_web/router.ex"),
		"second":     pressed(sample{}, "mix.exs", "j"),
		"moved":      pressed(sample{}, "lib/orchard_web/components/layouts/app.html.heex"),
		"removed":    pressed(sample{}, "lib/orchard_web/views/error_helpers.ex"),
		"beside":     pressed(sample{}, "assets/js/app.js", "u"),
		"open":       pressed(sample{}, "config/dev.exs", "enter"),
		"vendored":   pressed(sample{from: "1.7.14/default", to: "1.8.8/default"}, "assets/vendor/daisyui.js"),
		"all":        pressed(sample{}, "mix.exs", "c", "c"),
		"done":       pressed(sample{done: []string{"mix.exs", "config/dev.exs"}}, "mix.exs"),
		"config":     pressed(sample{}, "", "o"),
		"noauth":     pressed(sample{}, "", "o", "o"),
		"having":     pressed(sample{}, "", "o", "o", "o"),
		"undecided":  pressed(sample{done: []string{"mix.exs"}}, "", "o", "o", "o", "o"),
		"from":       pressed(sample{}, "", "f"),
		"flags":      pressed(sample{}, "", "F", "j"),
		"loading":    pressed(sample{loading: true}, ""),
		"noproject":  pressed(sample{noProject: true}, "", "m"),
		"brokenmine": pressed(sample{broken: true}, "", "m"),
		"minenew":    mine("lib/orchard_web/controllers/error_json.ex"),
		"conflict":   mine("lib/orchard_web/router.ex", "j"),
		"besidemine": mine("lib/orchard_web/router.ex", "enter", "u", "j"),
		"merges":     mine("lib/orchard_web/endpoint.ex"),
		"chosen":     mine("lib/orchard_web/endpoint.ex", "v", "j", "j", "v", "n", "V"),
		"clean":      mine("lib/orchard_web/endpoint.ex", "*"),
		"base": func() *Pane {
			p := with(t, sample{near: "config/dev.exs", reachable: true})
			p.setMine(true)
			press(t, to(p, "config/dev.exs"), "b")
			return p
		},
		"rebased": func() *Pane {
			p := with(t, sample{rebased: "config/dev.exs"})
			p.setMine(true)
			return to(p, "config/dev.exs")
		},
		"marked": func() *Pane {
			p := with(t, sample{marked: true})
			p.setMine(true)
			return to(p, "config/dev.exs")
		},
		"axis":  pressed(sample{}, "", "X", "j"),
		"reach": pressed(sample{reachable: true}, "", "t"),
		"asked": pressed(sample{asked: true}, ""),
		"taken": func() *Pane {
			p := with(t, sample{done: []string{"mix.exs"}})
			p.setMine(true)
			p.Update(pane.AppliedMsg{Written: []merge.Written{
				{Path: "mix.exs"}, {Path: "config/dev.exs", Conflicts: 2}, {Path: "lib/orchard_web/components/layouts/root.html.heex", Left: "lib/orchard_web/templates/layout/root.html.heex"},
			}})
			return p
		},
		"refused": func() *Pane {
			p := with(t, sample{})
			p.setMine(true)
			p.Update(pane.AppliedMsg{Err: errors.New("2 files have changes that are not committed (mix.exs, README.md): commit or stash them first")})
			return p
		},
		"askedfirst": says(func(s *compare.Snapshot) {
			s.Loading, s.Question = true, &source.Question{Package: "phx_new", Version: "1.8.7", URL: "https://repo.example.com/phx_new-1.8.7.tar", SHA256: strings.Repeat("ab12", 16), Elixir: "1.18.4", Program: "/usr/bin/elixir"}
		}),
		"filtered": func() *Pane {
			p := with(t, sample{})
			p.Filter("web !moved")
			return p
		},
		"nomatch": func() *Pane {
			p := with(t, sample{})
			p.Filter("nothing like it")
			return p
		},
		"nosource":  says(func(s *compare.Snapshot) { s.Source = "" }),
		"waiting":   says(func(*compare.Snapshot) {}),
		"beginning": says(func(s *compare.Snapshot) { s.Loading = true }),
		"failed": says(func(s *compare.Snapshot) {
			s.Err = errors.New("Phoenix 1.7.14 --umbrella: snapshot ~/trees: not there")
			s.Versions = []phoenix.Version{phoenix.MustVersion("1.6.16"), phoenix.MustVersion("1.7.14")}
			s.Wanted = compare.Choice{From: s.Versions[0], To: s.Versions[1], Flags: phoenix.Flags{"umbrella": "true"}}
			s.Specs = []phoenix.Spec{{Axis: phoenix.Project, Version: s.Versions[1]}, {Axis: phoenix.Project, Version: s.Versions[1], Flags: phoenix.Flags{"ecto": "false"}}}
		}),
		"unreadable": says(func(s *compare.Snapshot) {
			s.Err = errors.New("snapshot ~/trees: open /home/ops/trees: no such file or directory")
		}),
		"nothing": New,
	}
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

func TestFramesInOtherColoursAndWithoutUnicode(t *testing.T) {
	for name, th := range map[string]*themes.Theme{
		"mono":  theme(t, "gruvbox-dark", colorprofile.ASCII),
		"256":   theme(t, "gruvbox-dark", colorprofile.ANSI256),
		"16":    theme(t, "gruvbox-dark", colorprofile.ANSI),
		"light": theme(t, "solarized-light", colorprofile.TrueColor),
	} {
		e := env(t)
		e.Theme = th
		golden.Frame(t, name+"-120x36", to(with(t, sample{}), "assets/js/app.js").View(e, 120, 36))
	}
	e := env(t)
	e.Glyphs, e.Theme = glyph.ASCII(), nil
	for name, make := range scenes(t) {
		lines := make().View(e, 120, 36)
		for i, l := range lines {
			for _, r := range l {
				if r > 0x7e || r < 0x20 {
					t.Fatalf("%s: line %d has %q: %q", name, i, r, l)
				}
			}
		}
	}
	p := to(with(t, sample{}), "assets/js/app.js")
	press(t, p, "u")
	golden.Frame(t, "ascii-120x36", p.View(e, 120, 36))
}

// keys are those that change what is seen.
var keys = []string{
	"j", "k", "n", "p", "enter", "x", "g", "G", "J", "K", "pgdown", "pgup", "f", "t", "F", "m", "u", "o", "c", "e", "l", "h", "v", "V", "*", "a", "b", "X",
}

func TestFramesAreOfTheSizeTheyAreAskedFor(t *testing.T) {
	th := theme(t, "catppuccin-mocha", colorprofile.TrueColor)
	sets := []*glyph.Set{glyph.Unicode(), glyph.Blocks(), glyph.ASCII()}
	var worlds []*compare.Snapshot
	for _, o := range []sample{
		{},
		{noProject: true},
		{broken: true, loading: true},
		{hostile: true},
		{hostile: true, from: "1.5.8/live", to: "1.8.8/default"},
		{rebased: "config/dev.exs", near: "mix.exs", reachable: true},
		{marked: true, asked: true},
	} {
		worlds = append(worlds, o.make(t))
	}
	worlds = append(worlds, bare(func(s *compare.Snapshot) { s.Source = "" }), bare(func(s *compare.Snapshot) { s.Err = errors.New(strings.Join(tuitest.Hostile(), " ")) }))
	rapid.Check(t, func(t *rapid.T) {
		bit := rapid.Bool()
		p := New()
		p.Update(message(1, rapid.SampledFrom(worlds).Draw(t, "world")))
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
			for range rapid.IntRange(1, 4).Draw(t, "keys") {
				press(t, p, rapid.SampledFrom(keys).Draw(t, "key"))
			}
			if w > 0 && h > 0 {
				x, y := rapid.IntRange(0, w-1).Draw(t, "x"), rapid.IntRange(0, h-1).Draw(t, "y")
				p.Update(tea.MouseClickMsg{X: x, Y: y, Button: tea.MouseLeft})
				p.Update(tea.MouseWheelMsg{X: x, Y: y, Button: tea.MouseWheelDown})
			}
			_, _, _ = p.Address(), p.Badge(), p.Copies()
			if bit.Draw(t, "narrowed") {
				p.Filter(rapid.SampledFrom([]string{"", "lib", "zzz", "conflicts", "!moved"}).Draw(t, "filter"))
			}
			if bit.Draw(t, "other") {
				p.Update(message(p.feed.Seq+1, rapid.SampledFrom(worlds).Draw(t, "next")))
			}
			if bit.Draw(t, "answered") {
				m := pane.AppliedMsg{Written: []merge.Written{{Path: strings.Join(tuitest.Hostile(), " "), Conflicts: 1, Left: "mix.exs"}}}
				if bit.Draw(t, "failed") {
					m = pane.AppliedMsg{Err: errors.New(strings.Join(tuitest.Hostile(), " "))}
				}
				p.Update(m)
			}
			if bit.Draw(t, "back") {
				p.Back()
			}
		}
	})
}

// BenchmarkView is a frame of 200×60: after a key, and standing still.
func BenchmarkView(b *testing.B) {
	e := env(b)
	for name, keys := range map[string][]string{"change": {"j"}, "file": {"n"}, "still": nil} {
		b.Run(name, func(b *testing.B) {
			p := with(b, sample{})
			p.View(e, 200, 56)
			b.ReportAllocs()
			for b.Loop() {
				if keys != nil && p.id() == p.rows[len(p.rows)-1].id {
					press(b, p, "g")
				}
				press(b, p, keys...)
				p.View(e, 200, 56)
			}
		})
	}
}

// BenchmarkActions is what there is to do, with much of it chosen: it is asked for with every frame.
func BenchmarkActions(b *testing.B) {
	p := with(b, sample{})
	p.setMine(true)
	press(b, p, "*")
	b.ReportAllocs()
	for b.Loop() {
		p.Actions()
	}
}
