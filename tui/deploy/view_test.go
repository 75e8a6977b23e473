package deploy

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/colorprofile"
	"github.com/charmbracelet/x/ansi"
	"pgregory.net/rapid"

	"ops-console/ops/deploy/watch"
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
			continue // the pane need not have it now
		}
		said = nil
		if a.Disabled != "" || a.Run == nil {
			continue
		}
		if cmd := a.Run(""); cmd != nil {
			said = cmd()
		}
	}
	return said
}

// scenes are what the pane can have to show.
func scenes(t testing.TB) map[string]func() *Pane {
	out := map[string]func() *Pane{
		"nothing": func() *Pane { return New("changelog") },
		"unknown": func() *Pane {
			p := New("changelog")
			p.Update(pane.DeploysMsg{})
			return p
		},
		"waiting": func() *Pane {
			p := New("changelog")
			p.Update(pane.DeploysMsg{Known: true})
			return p
		},
		"unread": func() *Pane {
			p := New("changelog")
			p.Update(pane.DeploysMsg{Known: true, Snapshot: feed.Snapshot[*watch.Snapshot]{Seq: 1, At: tuitest.Now(), Value: &watch.Snapshot{}, Err: errors.New("read the releases of changelog: 401 Unauthorized")}})
			return p
		},
	}
	for name, s := range worlds() {
		out[name] = func() *Pane { return with(s) }
	}
	pressed := func(world string, keys ...string) func() *Pane {
		return func() *Pane {
			p := with(worlds()[world])
			p.View(env(t), 120, 36)
			press(t, p, keys...)
			return p
		}
	}
	out["record"] = pressed("record", "H")
	out["checked"] = pressed("checked", "v")
	out["checking"] = pressed("checking", "c")
	out["machine"] = pressed("halted", "j", "j", "j", "enter")
	out["release"] = pressed("mixed", "j", "enter")
	out["releases"] = pressed("rolling", "t")
	out["filtered"] = func() *Pane {
		p := with(worlds()["rolling"])
		p.Filter("fra")
		return p
	}
	return out
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
		golden.Frame(t, name+"-120x36", with(worlds()["halted"]).View(e, 120, 36))
	}
	e := env(t)
	e.Glyphs, e.Theme = glyph.ASCII(), nil
	for name, make := range scenes(t) {
		for i, l := range make().View(e, 120, 36) {
			for _, r := range l {
				if r > 0x7e || r < 0x20 {
					t.Fatalf("%s: line %d has %q: %q", name, i, r, l)
				}
			}
		}
	}
	golden.Frame(t, "ascii-120x36", with(worlds()["rolling"]).View(e, 120, 36))
}

// keys are those that change what is seen.
var keys = []string{"j", "k", "enter", "g", "G", "J", "K", "pgdown", "pgup", "ctrl+d", "t", "H", "v", "c", "n", "x", "D", "R", "S", "a", "p", "u"}

func TestFramesAreOfTheSizeTheyAreAskedFor(t *testing.T) {
	th := theme(t, "catppuccin-mocha", colorprofile.TrueColor)
	sets := []*glyph.Set{glyph.Unicode(), glyph.Blocks(), glyph.ASCII()}
	all := worlds()
	names := slices.Sorted(maps.Keys(all))
	rapid.Check(t, func(t *rapid.T) {
		bit := rapid.Bool()
		p := New("changelog")
		p.Update(message(1, all[rapid.SampledFrom(names).Draw(t, "world")]))
		for range rapid.IntRange(1, 6).Draw(t, "frames") {
			w, h := rapid.IntRange(0, 220).Draw(t, "w"), rapid.IntRange(0, 60).Draw(t, "h")
			e := &pane.Env{Theme: th, Glyphs: rapid.SampledFrom(sets).Draw(t, "glyphs"), Now: tuitest.Now().Add(time.Duration(rapid.IntRange(0, 6000).Draw(t, "later")) * time.Second)}
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
			_, _, _ = p.Badge(), p.Copies(), p.Name()
			if bit.Draw(t, "addressed") {
				p.Update(pane.OpenMsg{Address: p.Address()})
			}
			if bit.Draw(t, "narrowed") {
				p.Filter(rapid.SampledFrom([]string{"", "fra", "zzz", "v1482", "!lhr"}).Draw(t, "filter"))
			}
			if bit.Draw(t, "other") {
				p.Update(message(p.feed.Seq+1, all[rapid.SampledFrom(names).Draw(t, "next")]))
			}
			if bit.Draw(t, "back") {
				p.Back()
			}
		}
	})
}

// BenchmarkView is a frame of 200×60 of a deployment to 42 machines: after a reading, and standing still.
func BenchmarkView(b *testing.B) {
	e := env(b)
	for _, name := range []string{"rolling", "calm", "noback"} {
		for _, fresh := range []bool{false, true} {
			b.Run(fmt.Sprintf("%s/fresh=%t", name, fresh), func(b *testing.B) {
				s := worlds()[name]
				p := with(s)
				b.ReportAllocs()
				for b.Loop() {
					if fresh {
						own := *s
						p.Update(message(p.feed.Seq+1, &own))
					}
					p.View(e, 200, 56)
				}
			})
		}
	}
}
