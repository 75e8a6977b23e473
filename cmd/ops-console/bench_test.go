//go:build unix

package main

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

// ofSorted is the value below which so many hundredths of a sorted list lie.
func ofSorted[T any](list []T, percent int) T { return list[(len(list)-1)*percent/100] }

// settle is how long a console is left alone after its start: everything is read once, which is most of what there is
// to read in a minute.
const settle = 8 * time.Second

func millis(d time.Duration) float64 { return d.Seconds() * 1000 }

// BenchmarkFirstFrame is the whole program from its start to its first frame in a terminal, which is when the network
// is first used: CPU and wall time, in the middle and at worst. At least 20 starts are made.
func BenchmarkFirstFrame(b *testing.B) {
	s := startSim(b, "--scenario", "calm")
	env := sandbox(b)
	var cpu, wall []time.Duration
	for b.Loop() {
		for range 20 {
			p := openBenched(b, s, env, false)
			p.when(b, 10*time.Second, "first frame", p.firstFrame)
			wall = append(wall, p.first.Sub(p.started))
			cpu = append(cpu, p.kill(b))
		}
	}
	slices.Sort(cpu)
	slices.Sort(wall)
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(millis(ofSorted(cpu, 50)), "cpu-ms/op")
	b.ReportMetric(millis(ofSorted(cpu, 100)), "cpu-max-ms")
	b.ReportMetric(millis(ofSorted(wall, 50)), "wall-ms/op")
	b.ReportMetric(millis(ofSorted(wall, 100)), "wall-max-ms")
}

// BenchmarkKeyToFrame is from a key pressed at the terminal until the selection has moved on its screen, while 1,000
// instances are being watched. 300 keys are pressed at least, when they want, at the instances' table.
func BenchmarkKeyToFrame(b *testing.B) {
	s := startSim(b, "--scenario", "big")
	p := openBenched(b, s, sandbox(b), true, "--theme", "catppuccin-mocha", "--open", "instances")
	defer p.kill(b)
	p.shows(b, 20*time.Second, "2 critical")
	p.press(b, "j")
	p.when(b, 5*time.Second, "selection", func() bool { return p.selected() >= 0 })
	time.Sleep(settle)
	rnd := rand.New(rand.NewPCG(1, 2))
	var took []time.Duration
	var per []int
	for b.Loop() {
		for range 300 {
			time.Sleep(time.Duration(10+rnd.IntN(50)) * time.Millisecond) // a key comes when it wants
			p.mu.Lock()
			at, before := p.selected(), p.bytes
			p.mu.Unlock()
			start := time.Now()
			p.press(b, []string{"j", "k"}[len(took)%2])
			p.when(b, 5*time.Second, fmt.Sprintf("move of the selection from row %d", at), func() bool { return p.selected() != at })
			took = append(took, time.Since(start))
			now, _ := p.counted()
			per = append(per, now-before)
		}
	}
	slices.Sort(took)
	slices.Sort(per)
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(millis(ofSorted(took, 50)), "p50-ms")
	b.ReportMetric(millis(ofSorted(took, 99)), "p99-ms")
	b.ReportMetric(millis(ofSorted(took, 100)), "max-ms")
	b.ReportMetric(float64(ofSorted(per, 50)), "bytes/frame")
	b.ReportMetric(float64(ofSorted(per, 99)), "bytes-p99")
}
