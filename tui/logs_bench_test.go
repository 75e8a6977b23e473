package tui_test

import (
	"testing"

	"ops-console/tui"
	logpane "ops-console/tui/logs"
	"ops-console/tui/pane"
	"ops-console/tui/tuitest"
)

// BenchmarkLogToFrame is from ten new lines of a log of 10,000 to their frame on the terminal.
func BenchmarkLogToFrame(b *testing.B) {
	ring, sess := tuitest.NewLog(tuitest.Log{Lines: 12_000}), tuitest.NewSession()
	sess.PublishLog(ring.Snapshot(1))
	s := start(b, 120, 40, func(o *tui.Options) {
		o.Panes, o.Open, o.Connect = []pane.Pane{logpane.New()}, "logs", connectTo(sess)
	})
	s.shows("10000 of 10000")
	before := s.bytes()
	n := uint64(1)
	for b.Loop() {
		n++
		ring.Say(10)
		next := s.next()
		sess.PublishLog(ring.Snapshot(n))
		<-next
	}
	b.ReportMetric(float64(s.bytes()-before)/float64(n-1), "bytes/frame")
}
