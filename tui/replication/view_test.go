package replication

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

	"ops-console/ops/feed"
	"ops-console/ops/replication"
	"ops-console/themes"
	"ops-console/tui/action"
	"ops-console/tui/glyph"
	"ops-console/tui/golden"
	"ops-console/tui/pane"
	"ops-console/tui/tuitest"
)

func theme(t testing.TB, p colorprofile.Profile) *themes.Theme {
	t.Helper()
	f, err := themes.Load("catppuccin-mocha", nil)
	if err != nil {
		t.Fatal(err)
	}
	return f.Compile(p)
}

func env(t testing.TB) *pane.Env {
	t.Helper()
	return &pane.Env{Theme: theme(t, colorprofile.TrueColor), Glyphs: glyph.Unicode(), Now: tuitest.Now(), Focused: true}
}

// with is a pane that has taken a snapshot.
func with(n int, o tuitest.Database) *Pane {
	p := New()
	p.Update(pane.HealthMsg{Snapshot: tuitest.Feed(1, tuitest.Snapshot(8, tuitest.Options{}))})
	p.Update(pane.ReplicationMsg{Known: true, Snapshot: tuitest.ReplicaFeed(1, tuitest.Replicas(n, o))})
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
		found := false
		for _, a := range p.Actions() {
			for _, key := range a.Keys {
				if key != k || found {
					continue
				}
				found = true
				if a.Disabled != "" {
					continue
				}
				said = nil
				if cmd := a.Run(""); cmd != nil {
					said = cmd()
				}
			}
		}
		if !found {
			t.Errorf("no action has the key %q", k)
		}
	}
	return said
}

func opened(p *Pane, node string) *Pane {
	p.Update(pane.OpenMsg{Address: "replication?node=" + node})
	return p
}

// scenes are what the pane can have to show.
func scenes(t testing.TB) map[string]func() *Pane {
	now := tuitest.Now()
	failed := feed.Snapshot[*replication.Snapshot]{Seq: 1, At: now.Add(-9 * time.Second), Err: errors.New("nodes of changelog-db: 401 Unauthorized; check FLY_ACCESS_TOKEN")}
	return map[string]func() *Pane{
		"calm":     func() *Pane { return with(4, tuitest.Database{}) },
		"alone":    func() *Pane { return with(1, tuitest.Database{}) },
		"incident": func() *Pane { return with(4, tuitest.Database{Incident: true}) },
		"ten":      func() *Pane { return with(10, tuitest.Database{Incident: true, Cascade: true}) },
		"thirty":   func() *Pane { return with(30, tuitest.Database{Incident: true}) },
		"every":    func() *Pane { return with(0, tuitest.Database{Every: true}) },
		"basic":    func() *Pane { return with(4, tuitest.Database{Basic: true}) },
		"split":    func() *Pane { return with(4, tuitest.Database{Split: true}) },
		"headless": func() *Pane { return with(4, tuitest.Database{Headless: true}) },
		"old": func() *Pane {
			return with(4, tuitest.Database{Now: now.Add(-4 * time.Minute)})
		},
		"detail":  func() *Pane { return opened(with(4, tuitest.Database{Incident: true}), "lhr-1") },
		"cut":     func() *Pane { return opened(with(4, tuitest.Database{Incident: true}), "iad-1") },
		"silent":  func() *Pane { return opened(with(0, tuitest.Database{Every: true}), "ams-1") },
		"primary": func() *Pane { return opened(with(4, tuitest.Database{}), "fra-1") },
		"cursor": func() *Pane {
			p := with(4, tuitest.Database{Incident: true})
			p.View(env(t), 120, 36)
			press(t, p, "[", "[", "left")
			return p
		},
		"probed": func() *Pane {
			p := with(4, tuitest.Database{})
			fast, slow := 0.041, 12.6
			p.probing = true
			p.Update(pane.ProbedMsg{Result: &replication.ProbeResult{At: now.Add(-3 * time.Second), Visible: map[string]*float64{"ams-1": &fast, "iad-1": &slow, "lhr-1": nil}}})
			return p
		},
		"unconfigured": func() *Pane {
			p := New()
			p.Update(pane.ReplicationMsg{})
			return p
		},
		"first": func() *Pane {
			p := New()
			p.Update(pane.ReplicationMsg{Known: true})
			return p
		},
		"failed": func() *Pane {
			p := New()
			p.Update(pane.ReplicationMsg{Known: true, Snapshot: failed})
			return p
		},
		"failing": func() *Pane {
			p := with(4, tuitest.Database{Now: now.Add(-12 * time.Second)})
			f := p.feed
			f.Seq, f.At, f.Err = 2, now, errors.New("nodes of changelog-db: the network is down")
			p.Update(pane.ReplicationMsg{Known: true, Snapshot: f})
			return p
		},
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

func TestFramesWithoutColourAndWithoutUnicode(t *testing.T) {
	e := env(t)
	e.Theme = theme(t, colorprofile.ASCII)
	golden.Frame(t, "mono-120x36", with(4, tuitest.Database{Incident: true}).View(e, 120, 36))
	e.Glyphs, e.Theme = glyph.ASCII(), nil
	lines := with(4, tuitest.Database{Incident: true}).View(e, 120, 36)
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
var keys = []string{"j", "k", "enter", "+", "-", "left", "right", "[", "]", "l", "m", "n", "N", "s", "S", "G", "g", "ctrl+d", "W", "p"}

func TestFramesAreOfTheSizeTheyAreAskedFor(t *testing.T) {
	th := theme(t, colorprofile.TrueColor)
	sets := []*glyph.Set{glyph.Unicode(), glyph.Blocks(), glyph.ASCII()}
	rapid.Check(t, func(t *rapid.T) {
		bit := rapid.Bool()
		o := tuitest.Database{
			Past: rapid.SampledFrom([]int{1, 7, 400}).Draw(t, "past"), Incident: bit.Draw(t, "incident"), Every: bit.Draw(t, "every"), Cascade: bit.Draw(t, "cascade"),
			Basic: bit.Draw(t, "basic"), Split: bit.Draw(t, "split"), Headless: bit.Draw(t, "headless"), Hostile: bit.Draw(t, "hostile"),
		}
		p := with(rapid.SampledFrom([]int{0, 1, 2, 3, 4, 10, 30}).Draw(t, "nodes"), o)
		if bit.Draw(t, "open") && len(p.rows) > 0 {
			p.Update(pane.OpenMsg{Address: "replication?range=5m&node=" + p.rows[rapid.IntRange(0, len(p.rows)-1).Draw(t, "node")].Name})
		}
		for range rapid.IntRange(1, 6).Draw(t, "frames") {
			w, h := rapid.IntRange(0, 210).Draw(t, "w"), rapid.IntRange(0, 60).Draw(t, "h")
			e := &pane.Env{Theme: th, Glyphs: rapid.SampledFrom(sets).Draw(t, "glyphs"), Now: tuitest.Now().Add(time.Duration(rapid.IntRange(0, 60).Draw(t, "later")) * time.Second)}
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
			key := rapid.SampledFrom(keys).Draw(t, "key")
			if _, ok := action.Find(p.Actions(), key); ok { // a page in place of the table has no order
				press(t, p, key)
			}
			if w > 0 && h > 0 {
				p.Update(tea.MouseClickMsg{X: rapid.IntRange(0, w-1).Draw(t, "x"), Y: rapid.IntRange(0, h-1).Draw(t, "y"), Button: tea.MouseLeft})
				p.Update(tea.MouseWheelMsg{X: 1, Y: h / 2, Button: tea.MouseWheelDown})
			}
			_, _, _ = p.Address(), p.Badge(), p.Copies()
		}
	})
}

// BenchmarkView is a frame of 200×60 with a primary and 20 replicas of an hour each: after a key, and after a new reading.
func BenchmarkView(b *testing.B) {
	e := env(b)
	b.Run("key", func(b *testing.B) {
		p := with(21, tuitest.Database{Incident: true})
		p.View(e, 200, 56)
		b.ReportAllocs()
		for b.Loop() {
			press(b, p, "j")
			p.View(e, 200, 56)
		}
	})
	b.Run("cursor", func(b *testing.B) {
		p := with(21, tuitest.Database{Incident: true})
		p.View(e, 200, 56)
		b.ReportAllocs()
		for b.Loop() {
			press(b, p, "left")
			p.View(e, 200, 56)
		}
	})
	b.Run("still", func(b *testing.B) {
		p := with(21, tuitest.Database{Incident: true})
		b.ReportAllocs()
		for b.Loop() {
			p.View(e, 200, 56)
		}
	})
	b.Run("reading", func(b *testing.B) {
		snaps := []*replication.Snapshot{tuitest.Replicas(21, tuitest.Database{Incident: true}), tuitest.Replicas(21, tuitest.Database{Incident: true})}
		p, seq := New(), uint64(0)
		b.ReportAllocs()
		for b.Loop() {
			seq++
			p.Update(pane.ReplicationMsg{Known: true, Snapshot: tuitest.ReplicaFeed(seq, snaps[seq%2])})
			p.View(e, 200, 56)
		}
	})
}
