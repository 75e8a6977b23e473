package tui_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"

	"ops-console/ops/health"
	"ops-console/tui"
	"ops-console/tui/instances"
	"ops-console/tui/overview"
	"ops-console/tui/pane"
	"ops-console/tui/replication"
	"ops-console/tui/tuitest"
)

// thousand is a console over the real panes and 1,000 instances.
func thousand(b *testing.B, w, h int, open string) *tui.Model {
	b.Helper()
	m, err := tui.New(tui.Options{
		App: "changelog", Panes: []pane.Pane{overview.New(), instances.New(), replication.New()}, Open: open, Theme: "catppuccin-mocha", Glyphs: "unicode", Color: "true",
		Now: tuitest.Now, Env: []string{},
	})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = m.Close() })
	m.Update(tea.WindowSizeMsg{Width: w, Height: h})
	m.Update(pane.HealthMsg{Snapshot: tuitest.Feed(1, tuitest.Snapshot(1000, tuitest.Options{Incident: true}))})
	m.Update(pane.NetworkMsg{Status: tuitest.Network(tuitest.Options{})})
	return m
}

// BenchmarkView is a whole frame after a key.
func BenchmarkView(b *testing.B) {
	for _, name := range []string{"overview", "instances"} {
		for _, size := range [][2]int{{120, 40}, {200, 60}} {
			b.Run(fmt.Sprintf("%s/%dx%d", name, size[0], size[1]), func(b *testing.B) {
				m := thousand(b, size[0], size[1], name)
				b.ReportAllocs()
				for b.Loop() {
					m.Update(keyMsg("j"))
					m.View()
				}
			})
		}
	}
}

// BenchmarkSnapshot is a whole frame after a new reading.
func BenchmarkSnapshot(b *testing.B) {
	for _, name := range []string{"overview", "instances"} {
		b.Run(name, func(b *testing.B) {
			m := thousand(b, 120, 40, name)
			var snaps []*health.Snapshot
			for i := range 8 {
				snaps = append(snaps, tuitest.Snapshot(1000, tuitest.Options{Incident: true, Seed: uint64(i)}))
			}
			b.ReportAllocs()
			i := 0
			for b.Loop() {
				i++
				m.Update(pane.HealthMsg{Snapshot: tuitest.Feed(uint64(i+2), snaps[i%8])})
				m.View()
			}
		})
	}
}

// BenchmarkKeyToFrame is from a key pressed at a terminal to its frame there.
func BenchmarkKeyToFrame(b *testing.B) {
	s := start(b, 120, 40, nil)
	s.sess.Publish(tuitest.Snapshot(1000, tuitest.Options{Incident: true}))
	s.shows("3 critical")
	before := s.bytes()
	var took []time.Duration
	rnd := rand.New(rand.NewPCG(1, 2))
	for b.Loop() {
		time.Sleep(time.Duration(rnd.IntN(30)) * time.Millisecond) // keys come when they want
		next := s.next()
		begin := time.Now()
		s.em.SendText([]string{"j", "k"}[len(took)%2])
		<-next
		took = append(took, time.Since(begin))
	}
	slices.Sort(took)
	b.ReportMetric(float64(s.bytes()-before)/float64(len(took)), "bytes/frame")
	b.ReportMetric(took[len(took)/2].Seconds()*1000, "p50-ms")
	b.ReportMetric(took[len(took)*99/100].Seconds()*1000, "p99-ms")
}

// BenchmarkReadingToFrame is from a reading that changes every row to its frame on the terminal.
func BenchmarkReadingToFrame(b *testing.B) {
	s := start(b, 120, 40, nil)
	var snaps []*health.Snapshot
	for i := range 8 {
		snaps = append(snaps, tuitest.Snapshot(1000, tuitest.Options{Incident: true, Seed: uint64(i)}))
	}
	s.sess.Publish(snaps[0])
	s.shows("3 critical")
	before := s.bytes()
	n := 0
	for b.Loop() {
		n++
		next := s.next()
		s.sess.Publish(snaps[n%8])
		<-next
	}
	b.ReportMetric(float64(s.bytes()-before)/float64(n), "bytes/frame")
}

// BenchmarkFirstFrame is from nothing to the first frame on a terminal.
func BenchmarkFirstFrame(b *testing.B) {
	for b.Loop() {
		s := start(b, 120, 40, nil)
		s.until("the first frame", func() bool { return strings.Contains(s.written(), "changelog") })
		s.stop()
		s.over <- nil
	}
}
