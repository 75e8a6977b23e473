package instances

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/charmbracelet/colorprofile"
	"github.com/charmbracelet/x/ansi"
	"pgregory.net/rapid"

	"ops-console/ops/feed"
	"ops-console/ops/health"
	"ops-console/themes"
	"ops-console/tui/glyph"
	"ops-console/tui/golden"
	"ops-console/tui/pane"
	"ops-console/tui/tuitest"
)

func env(t testing.TB) *pane.Env {
	t.Helper()
	f, err := themes.Load("catppuccin-mocha", nil)
	if err != nil {
		t.Fatal(err)
	}
	return &pane.Env{Theme: f.Compile(colorprofile.TrueColor), Glyphs: glyph.Unicode(), Now: tuitest.Now(), Focused: true}
}

// with is a pane that has taken a snapshot.
func with(s *health.Snapshot) *Pane {
	p := New()
	p.Update(pane.HealthMsg{Snapshot: tuitest.Feed(1, s)})
	return p
}

type tester interface {
	Helper()
	Errorf(string, ...any)
}

// press runs the actions that keys stand for.
func press(t tester, p *Pane, keys ...string) {
	t.Helper()
	for _, k := range keys {
		found := false
		for _, a := range p.Actions() {
			for _, key := range a.Keys {
				if key == k && !found {
					found = true
					if a.Disabled == "" {
						a.Run("")
					}
				}
			}
		}
		if !found {
			t.Errorf("no action has the key %q", k)
		}
	}
}

// torn is a snapshot in which much is odd: a split cluster, a cordoned machine, another image, stopped ones.
func torn() *health.Snapshot {
	s := tuitest.Snapshot(24, tuitest.Options{Incident: true})
	c := s.Cluster
	lost := c.Groups[0].Instances[20:]
	c.Groups[0].Instances = c.Groups[0].Instances[:19]
	c.Groups[0].Nodes = c.Groups[0].Nodes[:19]
	c.Groups = append(c.Groups, health.ClusterGroup{Instances: lost, Nodes: lost})
	c.Unknown = []health.ClusterUnknown{{Instance: s.Instances[19].ID, Error: "exec: the machine is stopped"}}
	s.Instances[5].Cordoned = true
	s.Instances[6].Digest = "sha256:77ab01e9c3"
	in := &s.Instances[8]
	in.State, in.Level, in.Autostop, in.StartedAt, in.Checks = "stopped", health.LevelStopped, true, time.Time{}, nil
	in.Probe, in.DNS.Listed = health.Probe{State: health.ProbeNone}, false
	in = &s.Instances[9]
	in.Probe.State, in.Probe.Error = health.ProbeRefused, "dial tcp [fdaa:0:18:a7b:2::b]:4000: connection refused"
	for i := range in.Probe.History {
		if i%7 == 0 {
			in.Probe.History[i].State = health.ProbeRefused
		}
	}
	s.Agreement[1].Groups = append(s.Agreement[1].Groups, health.Group{Error: "timeout after 5s", Instances: []string{s.Instances[9].ID}})
	return s
}

// scenes are what the pane can have to show.
func scenes() map[string]func() *Pane {
	now := tuitest.Now()
	network := tuitest.Network(tuitest.Options{Offline: true})
	return map[string]func() *Pane{
		"calm":     func() *Pane { return with(tuitest.Snapshot(42, tuitest.Options{})) },
		"incident": func() *Pane { return with(tuitest.Snapshot(42, tuitest.Options{Incident: true})) },
		"blackout": func() *Pane { return with(tuitest.Snapshot(42, tuitest.Options{Blackout: true})) },
		"tunnel":   func() *Pane { return with(tuitest.Snapshot(42, tuitest.Options{Offline: true})) },
		"empty":    func() *Pane { return with(tuitest.Snapshot(0, tuitest.Options{})) },
		"detail": func() *Pane {
			p := with(torn())
			p.Update(pane.OpenMsg{Address: "instances?id=" + torn().Instances[1].ID})
			return p
		},
		"refused": func() *Pane {
			p := with(torn())
			p.Update(pane.OpenMsg{Address: "instances?id=" + torn().Instances[9].ID})
			return p
		},
		"agreement": func() *Pane {
			p := with(torn())
			p.Update(pane.OpenMsg{Address: "instances?view=agreement"})
			return p
		},
		"nothing": New,
		"dead": func() *Pane {
			p := New()
			p.Update(pane.NetworkMsg{Status: network})
			return p
		},
		"failed": func() *Pane {
			p := New()
			p.Update(pane.HealthMsg{Snapshot: feed.Snapshot[*health.Snapshot]{
				Seq: 1, At: now.Add(-9 * time.Second), Err: errors.New("list machines of changelog: no such host; check this machine's own network"),
			}})
			return p
		},
	}
}

// TestFrames compares with the frames that were looked at. The sizes are those of the pane at 80×24, 120×40, 200×60.
func TestFrames(t *testing.T) {
	for name, make := range scenes() {
		for _, size := range [][2]int{{80, 20}, {120, 36}, {200, 56}} {
			name := fmt.Sprintf("%s-%dx%d", name, size[0], size[1])
			t.Run(name, func(t *testing.T) { golden.Frame(t, name, make().View(env(t), size[0], size[1])) })
		}
	}
}

func TestASCIIFrame(t *testing.T) {
	e := env(t)
	e.Glyphs, e.Theme = glyph.ASCII(), nil
	lines := with(torn()).View(e, 80, 20)
	for i, l := range lines {
		for _, r := range l {
			if r > 0x7e || r < 0x20 {
				t.Fatalf("line %d has %q: %q", i, r, l)
			}
		}
	}
	golden.Frame(t, "ascii-80x20", lines)
}

// TestViewIsExact holds the contract of a pane whatever it has to show and whatever was done to it.
func TestViewIsExact(t *testing.T) {
	all := scenes()
	all["hostile"] = func() *Pane {
		return with(tuitest.Snapshot(30, tuitest.Options{Incident: true, Blackout: true, Offline: true, Hostile: true}))
	}
	all["torn"] = func() *Pane { return with(torn()) }
	all["many"] = func() *Pane { return with(tuitest.Snapshot(300, tuitest.Options{Incident: true})) }
	var names []string
	for name := range all {
		names = append(names, name)
	}
	keys := []string{"j", "k", "g", "G", "s", "S", "ctrl+d", "ctrl+u", "enter", "n", "c", "b", "pgdown"}
	e := env(t)
	rapid.Check(t, func(t *rapid.T) {
		p := all[rapid.SampledFrom(names).Draw(t, "scene")]()
		w, h := rapid.IntRange(60, 260).Draw(t, "w"), rapid.IntRange(10, 80).Draw(t, "h")
		if rapid.Bool().Draw(t, "tiny") {
			w, h = rapid.IntRange(0, 60).Draw(t, "w"), rapid.IntRange(0, 10).Draw(t, "h")
		}
		exact(t, p.View(e, w, h), w, h)
		for _, key := range rapid.SliceOfN(rapid.SampledFrom(keys), 0, 8).Draw(t, "keys") {
			for _, a := range p.Actions() {
				if a.Keys[0] == key && a.Disabled == "" {
					a.Run("")
					break
				}
			}
			exact(t, p.View(e, w, h), w, h)
		}
		p.Filter(rapid.SampledFrom([]string{"", "fra", "zzz", "!ok", "[", "check"}).Draw(t, "filter"))
		lines := p.View(e, w, h)
		exact(t, lines, w, h)
		if again := p.View(e, w, h); strings.Join(lines, "\n") != strings.Join(again, "\n") {
			t.Fatal("a second View draws something else")
		}
	})
}

func exact(t *rapid.T, lines []string, w, h int) {
	if len(lines) != h {
		t.Fatalf("%d lines, want %d", len(lines), h)
	}
	for i, l := range lines {
		plain := ansi.Strip(l)
		if a, b := ansi.StringWidth(plain), ansi.StringWidthWc(plain); a != w || b != w {
			t.Fatalf("line %d is %d cells by grapheme, %d by rune, want %d: %q", i, a, b, w, l)
		}
	}
}

func BenchmarkView(b *testing.B) {
	e := env(b)
	s := tuitest.Snapshot(1000, tuitest.Options{Incident: true})
	for _, c := range []struct {
		name string
		keys []string
	}{{"table", nil}, {"detail", []string{"enter"}}, {"agreement", []string{"c"}}} {
		for _, size := range [][2]int{{120, 36}, {200, 56}} {
			b.Run(fmt.Sprintf("%s-%dx%d", c.name, size[0], size[1]), func(b *testing.B) {
				p := with(s)
				press(b, p, c.keys...)
				b.ReportAllocs()
				for b.Loop() {
					p.View(e, size[0], size[1])
				}
			})
		}
	}
}

func BenchmarkTake(b *testing.B) {
	s := tuitest.Snapshot(1000, tuitest.Options{Incident: true})
	p := New()
	seq := uint64(0)
	for b.Loop() {
		seq++
		fresh := *s
		p.Update(pane.HealthMsg{Snapshot: tuitest.Feed(seq, &fresh)})
	}
}

func BenchmarkFilter(b *testing.B) {
	p := with(tuitest.Snapshot(1000, tuitest.Options{Incident: true}))
	for b.Loop() {
		p.Filter("fra check")
	}
}
