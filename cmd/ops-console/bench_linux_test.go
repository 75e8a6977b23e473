package main

import (
	"bytes"
	"context"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"ops-console/ops/health"
	"ops-console/tui"
	"ops-console/tui/instances"
	"ops-console/tui/overview"
	"ops-console/tui/pane"
	"ops-console/tui/tuitest"
)

// The console's process is measured from outside and the world is another process, so that the figures are the
// console's alone.

// cpuTime is what a process has used until now.
func cpuTime(b *testing.B, pid int) time.Duration {
	b.Helper()
	const scheduled = 2 // which of a process's clocks: the time it was scheduled
	var t unix.Timespec
	if err := unix.ClockGettime(int32(^pid<<3|scheduled), &t); err != nil {
		b.Fatalf("read the CPU clock of process %d: %v", pid, err)
	}
	return time.Duration(t.Nano())
}

// memory is what a process holds now and what it held at most, in MB.
func memory(b *testing.B, pid int) (now, most float64) {
	b.Helper()
	text, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "status"))
	if err != nil {
		b.Fatal(err)
	}
	field := func(name string) float64 {
		_, rest, _ := strings.Cut(string(text), name+":")
		kb, err := strconv.ParseFloat(strings.Fields(rest + " -")[0], 64)
		if err != nil {
			b.Fatalf("no %s in the status of process %d", name, pid)
		}
		return kb / 1024
	}
	return field("VmRSS"), field("VmHWM")
}

// BenchmarkConsole is what the program costs while nobody types: CPU, memory and what it writes, from when everything
// was read once. Calm is the usual world. Big is 1,000 instances of which 832 are probed every 5 s, with pages compared
// and the cluster asked at the usual intervals.
func BenchmarkConsole(b *testing.B) {
	for _, c := range []struct {
		name, scenario, shows string
		lasts                 time.Duration
	}{
		{"calm", "calm", "are well", 20 * time.Second},
		{"big", "big", "2 critical", 30 * time.Second}, // in which the pages are compared once
	} {
		b.Run(c.name, func(b *testing.B) {
			s := startSim(b, "--scenario", c.scenario)
			p := openBenched(b, s, sandbox(b), true, "--theme", "catppuccin-mocha")
			defer p.kill(b)
			p.shows(b, 30*time.Second, c.shows)
			pid := p.cmd.Process.Pid
			time.Sleep(settle)
			var used, passed time.Duration
			bytesBefore, framesBefore := p.counted()
			for b.Loop() {
				before, start := cpuTime(b, pid), time.Now()
				time.Sleep(c.lasts)
				used += cpuTime(b, pid) - before
				passed += time.Since(start)
			}
			nowBytes, nowFrames := p.counted()
			now, most := memory(b, pid)
			b.ReportMetric(0, "ns/op")
			b.ReportMetric(100*used.Seconds()/passed.Seconds(), "cpu-%")
			b.ReportMetric(now, "rss-MB")
			b.ReportMetric(most, "rss-max-MB")
			b.ReportMetric(float64(nowFrames-framesBefore)/passed.Seconds(), "frames/s")
			b.ReportMetric(float64(nowBytes-bytesBefore)/float64(max(1, nowFrames-framesBefore)), "bytes/frame")
		})
	}
}

// BenchmarkTenReadingsASecond is the console without what it reads from: ten times a second a whole new reading of
// 1,000 instances arrives, each different from the one before, for 10 s. The console runs in this process.
func BenchmarkTenReadingsASecond(b *testing.B) {
	var readings []*health.Snapshot
	for i := range 8 {
		readings = append(readings, tuitest.Snapshot(1000, tuitest.Options{Incident: true, Seed: uint64(i)}))
	}
	for _, open := range []string{"overview", "instances"} {
		b.Run(open, func(b *testing.B) {
			s, out := tuitest.NewSession(), &countingWriter{}
			s.Publish(readings[0])
			ctx, cancel := context.WithCancel(b.Context())
			ended := make(chan error, 1)
			go func() {
				ended <- tui.Run(ctx, tui.Options{
					App: "changelog", Panes: []pane.Pane{overview.New(), instances.New()}, Open: open,
					Theme: "catppuccin-mocha", Glyphs: "unicode", Color: "true", Interval: 5 * time.Second, Now: tuitest.Now,
					Env: []string{"TERM=xterm-256color", "LANG=C.UTF-8"}, Input: silent{ctx}, Output: out, Size: [2]int{benchW, benchH},
					Connect: func(context.Context) (tui.Session, error) { return s, nil },
				})
			}()
			until(b, 10*time.Second, "a frame", func() bool { return out.frames.Load() > 1 })
			var used, passed time.Duration
			bytesBefore, framesBefore := out.bytes.Load(), out.frames.Load()
			tick := time.NewTicker(100 * time.Millisecond)
			defer tick.Stop()
			for b.Loop() {
				before, start := cpuTime(b, os.Getpid()), time.Now()
				for i := range 100 {
					<-tick.C
					s.Publish(readings[(i+1)%len(readings)])
				}
				used += cpuTime(b, os.Getpid()) - before
				passed += time.Since(start)
			}
			drawn := out.frames.Load() - framesBefore
			b.ReportMetric(0, "ns/op")
			b.ReportMetric(100*used.Seconds()/passed.Seconds(), "cpu-%")
			b.ReportMetric(float64(drawn)/passed.Seconds(), "frames/s")
			b.ReportMetric(float64(out.bytes.Load()-bytesBefore)/float64(max(1, drawn)), "bytes/frame")
			cancel()
			if err := <-ended; err != nil {
				b.Error(err)
			}
		})
	}
}

// silent is a terminal at which nobody types.
type silent struct{ ctx context.Context }

func (s silent) Read([]byte) (int, error) {
	<-s.ctx.Done()
	return 0, io.EOF
}

// countingWriter is a terminal that counts.
type countingWriter struct{ bytes, frames atomic.Int64 }

func (w *countingWriter) Write(b []byte) (int, error) {
	w.bytes.Add(int64(len(b)))
	w.frames.Add(int64(bytes.Count(b, frameEnd)))
	return len(b), nil
}
