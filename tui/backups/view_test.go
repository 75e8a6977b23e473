package backups

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

	"ops-console/ops/backup/watch"
	"ops-console/ops/feed"
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

// with is a pane that has taken a snapshot.
func with(o tuitest.Store) *Pane {
	p := New("changelog")
	p.Update(pane.BackupsMsg{Known: true, Snapshot: tuitest.BackupsFeed(1, tuitest.Backups(o))})
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
		if said = nil; a.Disabled != "" {
			continue
		}
		if cmd := a.Run(""); cmd != nil {
			said = cmd()
		}
	}
	return said
}

// opened is a pane that shows the detail of the nth backup.
func opened(p *Pane, n int) *Pane {
	p.Update(pane.OpenMsg{Address: "backups?id=" + string(p.all[n].Manifest.ID)})
	return p
}

// scenes are what the pane can have to show.
func scenes() map[string]func() *Pane {
	now := tuitest.Now()
	unread := func(err error, job string) *Pane {
		p := New("changelog")
		s := &watch.Snapshot{Encrypted: true}
		if job != "" {
			s.Job = tuitest.Backups(tuitest.Store{Job: job}).Job
		}
		p.Update(pane.BackupsMsg{Known: true, Snapshot: feed.Snapshot[*watch.Snapshot]{Seq: 1, At: now.Add(-9 * time.Second), Value: s, Err: err}})
		return p
	}
	refused := errors.New("list s3://changelog-backups/db: the store refuses the credentials (InvalidAccessKeyId): see $AWS_ACCESS_KEY_ID")
	return map[string]func() *Pane{
		"calm":     func() *Pane { return with(tuitest.Store{Schedule: true}) },
		"many":     func() *Pane { return with(tuitest.Store{Count: 90, Schedule: true}) },
		"none":     func() *Pane { return with(tuitest.Store{None: true}) },
		"overdue":  func() *Pane { return with(tuitest.Store{Overdue: true}) },
		"broken":   func() *Pane { return with(tuitest.Store{Broken: true, Strange: true}) },
		"frozen":   func() *Pane { return with(tuitest.Store{Failed: true}) },
		"plain":    func() *Pane { return with(tuitest.Store{Plain: true, Strange: true}) },
		"dumping":  func() *Pane { return with(tuitest.Store{Job: "dump"}) },
		"stuck":    func() *Pane { return with(tuitest.Store{Job: "stuck"}) },
		"stopping": func() *Pane { return with(tuitest.Store{Job: "stopping"}) },
		"early":    func() *Pane { return with(tuitest.Store{Job: "early", None: true}) },
		"proving":  func() *Pane { return with(tuitest.Store{Job: "verify"}) },
		"failed":   func() *Pane { return with(tuitest.Store{Job: "failed", Failed: true}) },
		"restored": func() *Pane { return with(tuitest.Store{Job: "restored"}) },
		"detail":   func() *Pane { return opened(with(tuitest.Store{}), 1) },
		"pinned":   func() *Pane { return opened(with(tuitest.Store{}), 9) },
		"bad":      func() *Pane { return opened(with(tuitest.Store{Broken: true, Plain: true, Job: "verify"}), 0) },
		"going": func() *Pane {
			p := with(tuitest.Store{Count: 20})
			p.Update(pane.OpenMsg{Address: "backups?show=going"})
			return p
		},
		"old": func() *Pane { return with(tuitest.Store{Now: now.Add(-9 * time.Minute)}) },
		"failing": func() *Pane {
			p := with(tuitest.Store{})
			f := p.feed
			f.Seq, f.At, f.Err = 2, now, refused
			p.Update(pane.BackupsMsg{Known: true, Snapshot: f})
			return p
		},
		"unconfigured": func() *Pane {
			p := New("changelog")
			p.Update(pane.BackupsMsg{})
			return p
		},
		"first": func() *Pane {
			p := New("changelog")
			p.Update(pane.BackupsMsg{Known: true})
			return p
		},
		"unread":         func() *Pane { return unread(refused, "") },
		"unread-running": func() *Pane { return unread(refused, "dump") },
		"nothing":        func() *Pane { return New("changelog") },
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

func TestFramesWithoutColourWithoutUnicodeAndInLight(t *testing.T) {
	e := env(t)
	e.Theme = theme(t, colorprofile.TrueColor, themes.DefaultLight)
	golden.Frame(t, "light-120x36", with(tuitest.Store{Broken: true, Job: "dump"}).View(e, 120, 36))
	e.Theme = theme(t, colorprofile.ASCII, themes.DefaultDark)
	golden.Frame(t, "mono-120x36", with(tuitest.Store{Broken: true, Job: "dump"}).View(e, 120, 36))
	e.Glyphs, e.Theme = glyph.ASCII(), nil
	lines := with(tuitest.Store{Broken: true, Job: "dump"}).View(e, 120, 36)
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
var keys = []string{"j", "k", "enter", "f", "G", "g", "ctrl+d", "ctrl+u", "pgdown"}

func TestFramesAreOfTheSizeTheyAreAskedFor(t *testing.T) {
	th := theme(t, colorprofile.TrueColor, themes.DefaultDark)
	sets := []*glyph.Set{glyph.Unicode(), glyph.Blocks(), glyph.ASCII()}
	rapid.Check(t, func(t *rapid.T) {
		bit := rapid.Bool()
		p := with(tuitest.Store{
			Count: rapid.SampledFrom([]int{1, 2, 12, 60}).Draw(t, "count"), None: bit.Draw(t, "none"), Overdue: bit.Draw(t, "overdue"), Broken: bit.Draw(t, "broken"),
			Failed: bit.Draw(t, "failed"), Strange: bit.Draw(t, "strange"), Plain: bit.Draw(t, "plain"), Schedule: bit.Draw(t, "schedule"), Hostile: bit.Draw(t, "hostile"),
			Job: rapid.SampledFrom([]string{"", "early", "dump", "stuck", "stopping", "verify", "failed", "cancelled", "restored", "pruned"}).Draw(t, "job"),
		})
		if bit.Draw(t, "open") && len(p.all) > 0 {
			opened(p, rapid.IntRange(0, len(p.all)-1).Draw(t, "which"))
		}
		for range rapid.IntRange(1, 5).Draw(t, "frames") {
			w, h := rapid.IntRange(0, 210).Draw(t, "w"), rapid.IntRange(0, 60).Draw(t, "h")
			e := &pane.Env{Theme: th, Glyphs: rapid.SampledFrom(sets).Draw(t, "glyphs"), Now: tuitest.Now().Add(time.Duration(rapid.IntRange(0, 2000).Draw(t, "later")) * time.Second)}
			lines := p.View(e, w, h)
			if len(lines) != h {
				t.Fatalf("%d lines, want %d", len(lines), h)
			}
			for i, l := range lines {
				if a, b := ansi.StringWidth(l), ansi.StringWidthWc(l); a != w || b != w {
					t.Fatalf("line %d has %d or %d cells, want %d: %q", i, a, b, w, l)
				}
				if s := ansi.Strip(l); strings.ContainsAny(s, "\x1b\x07\r\n\u202e\u200b\ufeff") {
					t.Fatalf("line %d: %q", i, s)
				}
			}
			if again := p.View(e, w, h); strings.Join(again, "\n") != strings.Join(lines, "\n") {
				t.Fatal("a second frame differs")
			}
			press(t, p, rapid.SampledFrom(keys).Draw(t, "key"))
			if w > 0 && h > 0 {
				p.Update(tea.MouseClickMsg{X: rapid.IntRange(0, w-1).Draw(t, "x"), Y: rapid.IntRange(0, h-1).Draw(t, "y"), Button: tea.MouseLeft})
				p.Update(tea.MouseWheelMsg{X: w - 2, Y: h / 2, Button: tea.MouseWheelDown})
			}
			if bit.Draw(t, "filter") {
				p.Filter(rapid.SampledFrom([]string{"", "restored", "before deploy", "nowhere"}).Draw(t, "text"))
			}
			_, _, _, _ = p.Address(), p.Badge(), p.Copies(), p.Actions()
		}
	})
}

// BenchmarkView is a frame of 200×60 with as many backups as the default policy keeps, and a dump of a hundred tables.
func BenchmarkView(b *testing.B) {
	e := env(b)
	snapshot := func() *watch.Snapshot {
		s := tuitest.Backups(tuitest.Store{Count: 60, Job: "dump", Failed: true})
		for i := range 100 {
			s.Job.Tables = append(s.Job.Tables, watch.Table{Name: fmt.Sprintf("public.t%03d", i), Total: int64(i) * 1e6})
		}
		return s
	}
	b.Run("key", func(b *testing.B) {
		p := New("changelog")
		p.Update(pane.BackupsMsg{Known: true, Snapshot: tuitest.BackupsFeed(1, snapshot())})
		p.View(e, 200, 56)
		b.ReportAllocs()
		for b.Loop() {
			press(b, p, "j")
			p.View(e, 200, 56)
		}
	})
	b.Run("progress", func(b *testing.B) {
		snaps := []*watch.Snapshot{snapshot(), snapshot()}
		p, seq := New("changelog"), uint64(0)
		b.ReportAllocs()
		for b.Loop() {
			seq++
			p.Update(pane.BackupsMsg{Known: true, Snapshot: tuitest.BackupsFeed(seq, snaps[seq%2])})
			p.View(e, 200, 56)
		}
	})
	b.Run("detail", func(b *testing.B) {
		p := opened(with(tuitest.Store{Count: 60}), 1)
		b.ReportAllocs()
		for b.Loop() {
			p.View(e, 200, 56)
		}
	})
}
