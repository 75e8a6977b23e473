package logs

import (
	"fmt"
	"strings"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/colorprofile"
	"github.com/charmbracelet/x/ansi"
	"pgregory.net/rapid"

	"ops-console/themes"
	"ops-console/tui/action"
	"ops-console/tui/glyph"
	"ops-console/tui/golden"
	"ops-console/tui/pane"
	"ops-console/tui/tuitest"
)

func theme(t testing.TB, p colorprofile.Profile, name string) *themes.Theme {
	t.Helper()
	f, err := themes.Load(name, nil)
	if err != nil {
		t.Fatal(err)
	}
	return f.Compile(p)
}

func env(t testing.TB) *pane.Env {
	t.Helper()
	return &pane.Env{Theme: theme(t, colorprofile.TrueColor, themes.DefaultDark), Glyphs: glyph.Unicode(), Now: tuitest.Now(), Focused: true}
}

// log is a pane and the log that it shows.
type log struct {
	*Pane
	ring *tuitest.LogRing
	seq  uint64
}

func with(o tuitest.Log) *log {
	l := &log{Pane: New(), ring: tuitest.NewLog(o)}
	l.Update(pane.HealthMsg{Snapshot: tuitest.Feed(1, tuitest.Snapshot(8, tuitest.Options{}))})
	l.say(0)
	return l
}

// say adds n lines to the log.
func (l *log) say(n int) *log {
	l.ring.Say(n)
	l.seq++
	l.Update(pane.LogsMsg{Known: true, Snapshot: tuitest.LogFeed(l.ring.Snapshot(l.seq))})
	return l
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
		if said = nil; a.Disabled != "" {
			continue
		}
		if cmd := a.Run(""); cmd != nil {
			said = cmd()
		}
	}
	return said
}

// after is a log after a look at it and some keys.
func after(t testing.TB, l *log, keys ...string) *log {
	t.Helper()
	l.View(env(t), 120, 36)
	press(t, l.Pane, keys...)
	return l
}

func open(address string, l *log) *log {
	l.Update(pane.OpenMsg{Address: address})
	return l
}

func filtered(text string, l *log) *log {
	l.Filter(text)
	return l
}

// scenes are what the pane can have to show.
func scenes(t testing.TB) map[string]func() *log {
	return map[string]func() *log{
		"live":   func() *log { return with(tuitest.Log{Lines: 400}) },
		"few":    func() *log { return with(tuitest.Log{Lines: 4}) },
		"days":   func() *log { return with(tuitest.Log{Lines: 20, Days: true}) },
		"polled": func() *log { return with(tuitest.Log{Polled: true}) },
		"cut":    func() *log { return with(tuitest.Log{Cut: true, Lost: true}) },
		"lost":   func() *log { return with(tuitest.Log{Lost: true}) },
		"dead": func() *log {
			l := with(tuitest.Log{})
			l.Update(pane.NetworkMsg{Status: tuitest.Network(tuitest.Options{Offline: true})})
			return l
		},
		"quiet": func() *log {
			l := with(tuitest.Log{})
			s := l.ring.Snapshot(l.seq + 1)
			s.State.LastAt = tuitest.Now().Add(-3 * time.Minute)
			l.Update(pane.LogsMsg{Known: true, Snapshot: tuitest.LogFeed(s)})
			return l
		},
		"first":   func() *log { return with(tuitest.Log{First: true}) },
		"held":    func() *log { return after(t, with(tuitest.Log{Lines: 400}), "k", "k", "k").say(123) },
		"wrapped": func() *log { return after(t, with(tuitest.Log{Lines: 400}), "W", "k", "k") },
		"gone": func() *log {
			l := after(t, with(tuitest.Log{Lines: 400, Kept: 300}), "k").say(2000)
			l.Update(tea.MouseWheelMsg{Button: tea.MouseWheelDown, Y: 10})
			l.Update(tea.MouseWheelMsg{Button: tea.MouseWheelDown, Y: 10})
			return l
		},
		"machine": func() *log {
			return open("logs?machine="+tuitest.Snapshot(8, tuitest.Options{}).Instances[3].ID, with(tuitest.Log{Lines: 400}))
		},
		"past": func() *log {
			l := answered(t, 6).say(900)
			press(t, l.Pane, "g")
			return l
		},
		"region":  func() *log { return open("logs?region=lhr&level=warn", with(tuitest.Log{Lines: 900})) },
		"filter":  func() *log { return filtered("sent !20", with(tuitest.Log{Lines: 400})) },
		"context": func() *log { return after(t, filtered("terminated", with(tuitest.Log{Lines: 400})), "c", "N") },
		"none":    func() *log { return filtered("nowhere", with(tuitest.Log{Lines: 400})) },
		"detail":  func() *log { return after(t, with(tuitest.Log{Lines: 400}), "N", "N", "N", "N", "enter") },
		"request": func() *log { return after(t, filtered("PR04", with(tuitest.Log{Lines: 400})), "enter") },
		"silent": func() *log {
			l := with(tuitest.Log{Lines: 1})
			l.begin(tuitest.NewLog(tuitest.Log{First: true}).Snapshot(1).Lines)
			return l
		},
		"unfollowed": func() *log { l := &log{Pane: New()}; l.Update(pane.LogsMsg{}); return l },
		"nothing":    func() *log { return &log{Pane: New()} },
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

func TestFramesWithoutColourWithoutUnicodeAndInLight(t *testing.T) {
	e := env(t)
	e.Theme = theme(t, colorprofile.TrueColor, themes.DefaultLight)
	golden.Frame(t, "light-120x36", after(t, with(tuitest.Log{Lines: 400, Polled: true}), "k", "k").View(e, 120, 36))
	e.Theme = theme(t, colorprofile.ASCII, themes.DefaultDark)
	golden.Frame(t, "mono-120x36", after(t, filtered("terminated", with(tuitest.Log{Lines: 400})), "c", "N").View(e, 120, 36))
	e.Glyphs = glyph.ASCII()
	golden.Frame(t, "ascii-80x20", after(t, with(tuitest.Log{Lines: 400, Cut: true}), "k").View(e, 80, 20))
}

// TestEveryFrameIsExact draws every scene in many sizes, one after the other: each line is as wide as it was asked to be, and drawing twice
// draws the same.
func TestEveryFrameIsExact(t *testing.T) {
	all := scenes(t)
	all["hostile"] = func() *log { return with(tuitest.Log{Lines: 200, Hostile: true}) }
	all["hostile-detail"] = func() *log { return after(t, with(tuitest.Log{Lines: 200, Hostile: true}), "W", "k", "enter") }
	for name, make := range all {
		t.Run(name, func(t *testing.T) {
			l := make()
			rapid.Check(t, func(t *rapid.T) {
				w, h := rapid.IntRange(0, 210).Draw(t, "w"), rapid.IntRange(0, 60).Draw(t, "h")
				e := &pane.Env{Theme: &themes.Theme{}, Glyphs: glyph.Unicode(), Now: tuitest.Now()}
				if rapid.Bool().Draw(t, "ascii") {
					e.Glyphs = glyph.ASCII()
				}
				one := l.View(e, w, h)
				if len(one) != h {
					t.Fatalf("%d lines, want %d", len(one), h)
				}
				for y, s := range one {
					if n := ansi.StringWidth(s); n != w {
						t.Fatalf("line %d is %d cells, want %d: %q", y, n, w, s)
					}
				}
				if two := l.View(e, w, h); strings.Join(one, "\n") != strings.Join(two, "\n") {
					t.Fatal("drawn twice, it is not the same")
				}
			})
		})
	}
}

// BenchmarkView is a frame with all that is kept.
func BenchmarkView(b *testing.B) {
	for name, keys := range map[string][]string{"following": nil, "held": {"k", "k"}, "wrapped": {"W"}, "detail": {"enter"}} {
		for _, size := range [][2]int{{120, 36}, {200, 56}} {
			b.Run(fmt.Sprintf("%s/%dx%d", name, size[0], size[1]), func(b *testing.B) {
				e := env(b)
				l := with(tuitest.Log{Lines: 12_000})
				l.View(e, size[0], size[1])
				press(b, l.Pane, keys...)
				filtered("sent", l)
				b.ReportAllocs()
				for b.Loop() {
					l.View(e, size[0], size[1])
				}
			})
		}
	}
}

// BenchmarkReading is a reading with 100 new lines of 10,000, and the frame after it: ten of them a second are 1,000 lines.
func BenchmarkReading(b *testing.B) {
	for name, filter := range map[string]string{"all": "", "filter": "sent !404"} {
		b.Run(name, func(b *testing.B) {
			e := env(b)
			l := filtered(filter, with(tuitest.Log{Lines: 12_000}))
			b.ReportAllocs()
			for b.Loop() {
				b.StopTimer()
				l.ring.Say(100)
				s := l.ring.Snapshot(l.seq + 1)
				l.seq++
				b.StartTimer()
				l.Update(pane.LogsMsg{Known: true, Snapshot: tuitest.LogFeed(s)})
				l.View(e, 120, 36)
			}
		})
	}
}

// BenchmarkFilter is a key in the filter: all lines are looked at.
func BenchmarkFilter(b *testing.B) {
	l := with(tuitest.Log{Lines: 12_000})
	texts := []string{"sent", "sent 200 fra", `5\d\d`}
	i := 0
	for b.Loop() {
		i++
		l.Filter(texts[i%len(texts)])
	}
}
