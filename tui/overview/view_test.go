package overview

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/charmbracelet/colorprofile"
	"github.com/charmbracelet/x/ansi"
	"pgregory.net/rapid"

	"ops-console/ops"
	"ops-console/ops/feed"
	"ops-console/ops/health"
	"ops-console/ops/replication"
	"ops-console/themes"
	"ops-console/tui/glyph"
	"ops-console/tui/golden"
	"ops-console/tui/pane"
	"ops-console/tui/tuitest"
	"ops-console/wg"
)

func env(t testing.TB) *pane.Env {
	t.Helper()
	f, err := themes.Load("catppuccin-mocha", nil)
	if err != nil {
		t.Fatal(err)
	}
	return &pane.Env{Theme: f.Compile(colorprofile.TrueColor), Glyphs: glyph.Unicode(), Now: tuitest.Now(), Focused: true}
}

// with is an overview that has taken a snapshot.
func with(s *health.Snapshot) *Pane {
	p := New()
	p.Update(pane.HealthMsg{Snapshot: tuitest.Feed(1, s)})
	return p
}

// withDB is an overview that has taken a snapshot of the instances and one of the database.
func withDB(s *health.Snapshot, db *replication.Snapshot) *Pane {
	p := with(s)
	p.Update(pane.ReplicationMsg{Known: true, Snapshot: tuitest.ReplicaFeed(1, db)})
	return p
}

// press runs the actions that keys stand for.
func press(t interface {
	Helper()
	Errorf(string, ...any)
}, p *Pane, keys ...string,
) (addresses []string) {
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
				if cmd := a.Run(""); cmd != nil {
					if m, ok := cmd().(pane.OpenMsg); ok {
						addresses = append(addresses, m.Address)
					}
				}
			}
		}
		if !found {
			t.Errorf("no action has the key %q", k)
		}
	}
	return addresses
}

// scenes are what an overview can have to show.
func scenes() map[string]func() *Pane {
	now := tuitest.Now()
	joining := tuitest.Network(tuitest.Options{})
	joining.State, joining.Since, joining.HandshakeAt, joining.RTT = wg.StateConnecting, now.Add(-4*time.Second), time.Time{}, 0
	joining.Rx, joining.RxRate = 0, 0
	joining.Cause, joining.Advice = "no handshake yet", "nothing: this takes a few seconds"
	refused := tuitest.Snapshot(0, tuitest.Options{})
	refused.Verdict = health.NotKnown
	refused.Agreement, refused.Cluster, refused.Releases, refused.Timeline = nil, nil, nil, nil
	refused.Sources.Platform = health.Source{
		At: now.Add(-3 * time.Second), Error: "list machines of changelog: 401 unauthorized (request 01J9)",
		Hint: "set FLY_ACCESS_TOKEN or log in again with `fly auth login`",
	}
	refused.Problems = []ops.Problem{{
		Code: "platform.unauthorized", Severity: ops.Unknown, Title: "platform API refuses the token",
		Detail: refused.Sources.Platform.Error, Hint: refused.Sources.Platform.Hint, Since: now.Add(-3 * time.Second),
	}}
	return map[string]func() *Pane{
		"calm":     func() *Pane { return with(tuitest.Snapshot(42, tuitest.Options{})) },
		"incident": func() *Pane { return with(tuitest.Snapshot(42, tuitest.Options{Incident: true})) },
		"blackout": func() *Pane { return with(tuitest.Snapshot(42, tuitest.Options{Blackout: true})) },
		"tunnel":   func() *Pane { return with(tuitest.Snapshot(42, tuitest.Options{Offline: true})) },
		"token":    func() *Pane { return with(refused) },
		"replicas": func() *Pane {
			return withDB(tuitest.Snapshot(24, tuitest.Options{}), tuitest.Replicas(10, tuitest.Database{Incident: true}))
		},
		"headless": func() *Pane {
			return withDB(tuitest.Snapshot(24, tuitest.Options{Incident: true}), tuitest.Replicas(5, tuitest.Database{Headless: true}))
		},
		"migrations": func() *Pane {
			p := withDB(tuitest.Snapshot(24, tuitest.Options{Incident: true}), tuitest.Replicas(4, tuitest.Database{}))
			p.Update(pane.MigrationsMsg{Known: true, Snapshot: tuitest.MigrationsFeed(1, tuitest.Migrations(tuitest.Project{Failing: true}))})
			return p
		},
		"ran": func() *Pane {
			p := with(tuitest.Snapshot(8, tuitest.Options{}))
			p.Update(pane.MigrationsMsg{Known: true, Snapshot: tuitest.MigrationsFeed(1, tuitest.Migrations(tuitest.Project{Calm: true}))})
			return p
		},
		"empty":   func() *Pane { return with(tuitest.Snapshot(0, tuitest.Options{})) },
		"nothing": New,
		"joining": func() *Pane {
			p := New()
			p.Update(pane.NetworkMsg{Status: joining})
			return p
		},
		"failed": func() *Pane {
			p := New()
			p.Update(pane.HealthMsg{Snapshot: feed.Snapshot[*health.Snapshot]{
				Seq: 1, At: now.Add(-9 * time.Second),
				Err: errors.New("list machines of changelog: x509: certificate has expired; check this machine's clock"),
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
	lines := scenes()["incident"]().View(e, 80, 20)
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
	all["many"] = func() *Pane { return with(tuitest.Snapshot(300, tuitest.Options{Incident: true})) }
	var names []string
	for name := range all {
		names = append(names, name)
	}
	e := env(t)
	rapid.Check(t, func(t *rapid.T) {
		p := all[rapid.SampledFrom(names).Draw(t, "scene")]()
		w, h := rapid.IntRange(60, 260).Draw(t, "w"), rapid.IntRange(10, 80).Draw(t, "h")
		if rapid.Bool().Draw(t, "tiny") {
			w, h = rapid.IntRange(0, 60).Draw(t, "w"), rapid.IntRange(0, 10).Draw(t, "h")
		}
		exact(t, p.View(e, w, h), w, h)
		for _, key := range rapid.SliceOfN(rapid.SampledFrom([]string{"j", "k", "g", "G", "a", "s", "S", "ctrl+d", "enter"}), 0, 12).Draw(t, "keys") {
			press(fatal{t}, p, key)
		}
		p.Filter(rapid.SampledFrom([]string{"", "fra", "zzz", "!ok", "[", "check"}).Draw(t, "filter"))
		lines := p.View(e, w, h)
		exact(t, lines, w, h)
		if again := p.View(e, w, h); strings.Join(lines, "\n") != strings.Join(again, "\n") {
			t.Fatal("a second View draws something else")
		}
	})
}

// fatal lends a rapid.T to helpers that want a testing.TB.
type fatal struct{ *rapid.T }

func (f fatal) Helper() {}

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
	for _, n := range []int{42, 1000} {
		for _, size := range [][2]int{{120, 36}, {200, 56}} {
			b.Run(fmt.Sprintf("%d-%dx%d", n, size[0], size[1]), func(b *testing.B) {
				p := with(tuitest.Snapshot(n, tuitest.Options{Incident: true}))
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
