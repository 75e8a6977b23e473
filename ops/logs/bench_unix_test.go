//go:build unix

package logs

import (
	"context"
	"encoding/json"
	"fmt"
	"runtime"
	"strconv"
	"syscall"
	"testing"
	"time"

	"ops-console/ops/fly/flysim/logstream"
)

// message is a line of a Phoenix application as the live stream has it.
func liveMessage(i int) []byte {
	data, err := json.Marshal(map[string]any{
		"event": map[string]any{"provider": "app"},
		"fly":   map[string]any{"app": map[string]any{"instance": fmt.Sprintf("148e21ab%06x", i%18), "name": "changelog"}, "region": []string{"ord", "iad", "fra"}[i%3]},
		"host":  fmt.Sprintf("host-%02d", i%18), "log": map[string]any{"level": "info"},
		"message":   fmt.Sprintf("20:00:01.123 request_id=GG281C4LIL8YQT%03d [info] Sent 200 in %dms, %d", i%1000, i%90, i),
		"timestamp": received.Add(time.Duration(i) * 100 * time.Microsecond).Format(time.RFC3339Nano),
	})
	if err != nil {
		panic(err)
	}
	return data
}

func BenchmarkDecode(b *testing.B) {
	data := liveMessage(1)
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		if _, whole := decodeLive("logs.changelog.ord.148e21ab", data, received); !whole {
			b.Fatal("not read")
		}
	}
}

// BenchmarkRing adds lines a hundred at a time, and takes a view each time.
func BenchmarkRing(b *testing.B) {
	r := NewRing(0, 0)
	batch := make([]Line, 100)
	for i := range batch {
		batch[i], _ = decodeLive("", liveMessage(i), received)
	}
	b.ReportAllocs()
	n := 0
	for b.Loop() {
		r.Add(batch...)
		n += r.View().Len()
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*len(batch)), "ns/line")
}

// BenchmarkKept is the memory of 10,000 lines.
func BenchmarkKept(b *testing.B) {
	for b.Loop() {
		var before, after runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		r := NewRing(0, 0)
		for i := range DefaultLines {
			l, _ := decodeLive("logs.changelog.ord.1", liveMessage(i), received)
			r.Add(l)
		}
		runtime.GC()
		runtime.ReadMemStats(&after)
		b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/1e6, "MB/10k-lines")
		runtime.KeepAlive(r)
	}
}

// BenchmarkFilter looks for a text in all that is kept, as a screen does whose filter has changed.
func BenchmarkFilter(b *testing.B) {
	r := NewRing(0, 0)
	for i := range DefaultLines {
		l, _ := decodeLive("logs.changelog.ord.1", liveMessage(i), received)
		r.Add(l)
	}
	re, err := Pattern("sent 5..|in 77ms, 9")
	if err != nil {
		b.Fatal(err)
	}
	v := r.View()
	for b.Loop() {
		v.Tail(Filter{Text: re}, DefaultLines)
	}
}

// BenchmarkStream is the CPU that a second of log costs the receiving end, of the stream that comes at 10,000 lines a second: the
// connection, reading, order, ring, publication. What the platform's end costs is measured too, and told apart.
func BenchmarkStream(b *testing.B) {
	const rate, seconds = 10_000, 4
	w := newWorld(b)
	o := w.options()
	o.timing = usual()
	o.timing.settle = 100 * time.Millisecond
	for b.Loop() {
		s, err := Start(b.Context(), o)
		if err != nil {
			b.Fatal(err)
		}
		waitFor(b, s, func(s Snapshot) bool { return s.State.Source == Live })
		time.Sleep(500 * time.Millisecond) // until there is no joint any more
		messages := make([]logstream.Message, rate)
		for i := range messages {
			messages[i] = logstream.Message{Subject: "logs.changelog.ord." + strconv.Itoa(i%18), Data: liveMessage(i)}
		}
		begin, cpu := time.Now(), cpuTime(b)
		before := s.Latest()
		pour(b.Context(), w.stream, messages, seconds)
		waitFor(b, s, func(now Snapshot) bool {
			return now.Lines.Last()+now.State.Lost >= before.Lines.Last()+rate*seconds
		})
		took := time.Since(begin).Seconds()
		both := (cpuTime(b) - cpu).Seconds() / took
		st := s.Latest()
		s.Close()
		// The same with nobody who follows: what is left is the platform's.
		cpu, begin = cpuTime(b), time.Now()
		pour(b.Context(), w.stream, messages, seconds)
		alone := (cpuTime(b) - cpu).Seconds() / time.Since(begin).Seconds()
		b.ReportMetric(100*(both-alone), "%core")
		b.ReportMetric(100*alone, "%core-platform")
		b.ReportMetric(float64(st.State.Lost-before.State.Lost), "lost")
		b.ReportMetric(float64(st.Seq-before.Seq)/took, "publications/s")
	}
}

// pour publishes messages evenly over a second, for some seconds.
func pour(ctx context.Context, s *logstream.Stream, messages []logstream.Message, seconds int) {
	const ticks = 100
	t := time.NewTicker(time.Second / ticks)
	defer t.Stop()
	per := len(messages) / ticks
	for n := range ticks * seconds {
		select {
		case <-ctx.Done():
			return
		case <-t.C:
		}
		i := n % ticks * per
		for _, m := range messages[i : i+per] {
			s.Publish(m)
		}
	}
}

func waitFor(b *testing.B, s *Stream, ok func(Snapshot) bool) {
	b.Helper()
	limit := time.After(30 * time.Second)
	for {
		changed := s.Changed()
		if ok(s.Latest()) {
			return
		}
		select {
		case <-changed:
		case <-limit:
			b.Fatalf("not in time: %+v, %d lines", s.Latest().State, s.Latest().Lines.Last())
		}
	}
}

func cpuTime(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
