package scenario_test

import (
	"math"
	"testing"
	"time"
)

// written makes an oracle of a primary that commits a heartbeat every 25 ms for ten seconds, and of a replica that shows
// each as late as lag says and is looked at every 25 ms.
func written(begin time.Time, lag func(at time.Duration) time.Duration) *oracle {
	o := newOracle()
	o.beats = nil
	const ms = time.Millisecond
	for at := time.Duration(0); at < 10*time.Second; at += 25 * ms {
		o.beats = append(o.beats, beat{begin.Add(at), begin.Add(at + 2*ms)})
		o.flushes = append(o.flushes, flushed{begin.Add(at), begin.Add(at + 2*ms), uint64(1000 + at/ms)})
	}
	for at := time.Second; at < 9900*ms; at += 25 * ms {
		shown := max(0, at-lag(at))
		o.looks["r"] = append(o.looks["r"], look{begin.Add(at - ms), begin.Add(at + ms), int(shown / (25 * ms)), uint64(1000 + shown/ms)})
	}
	return o
}

func TestTheJudgeKnowsRightFromWrong(t *testing.T) {
	begin := time.Now()
	steady := func(d time.Duration) func(time.Duration) time.Duration {
		return func(time.Duration) time.Duration { return d }
	}
	// Replay stands still from the second second on.
	frozen := func(at time.Duration) time.Duration { return max(0, at-2*time.Second) }
	inf, none := math.NaN(), math.NaN()
	tests := []struct {
		name   string
		lag    func(time.Duration) time.Duration
		at     time.Duration
		lo, hi float64
		wrong  bool
	}{
		{"none, and nothing claimed", steady(0), 5 * time.Second, none, none, false},
		{"none, and told so", steady(0), 5 * time.Second, 0, 0, false},
		{"none, told 80 ms", steady(0), 5 * time.Second, 0.08, 0.08, false}, // within a heartbeat and the tolerance
		{"none, told 150 ms", steady(0), 5 * time.Second, 0.15, 0.15, true},
		{"three seconds, told 0 to 4", steady(3 * time.Second), 5 * time.Second, 0, 4, false},
		{"three seconds, told exactly", steady(3 * time.Second), 5 * time.Second, 3, 3, false},
		{"three seconds, told none", steady(3 * time.Second), 5 * time.Second, 0, 0, true},
		{"three seconds, told 2.8 at most", steady(3 * time.Second), 5 * time.Second, 0, 2.8, true},
		{"three seconds, told 3.2 at least", steady(3 * time.Second), 5 * time.Second, 3.2, inf, true},
		{"three seconds, told 2.9 at least", steady(3 * time.Second), 5 * time.Second, 2.9, inf, false},
		{"frozen for four, told 4", frozen, 6 * time.Second, 3.95, 4.05, false},
		{"frozen for four, told what held a second before", frozen, 6 * time.Second, 2.95, 3.05, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			o := written(begin, tt.lag)
			at := begin.Add(tt.at)
			for name, truth := range map[string]trueLag{"commits": o.commits, "wal": o.wal} {
				got := judge([]claim{{node: "r", from: at, to: at, lo: tt.lo, hi: tt.hi, est: tt.lo}}, truth)[0]
				if !got.known {
					t.Fatalf("%s: the oracle does not know", name)
				}
				if got.wrong() != tt.wrong {
					t.Errorf("%s: wrong is %v, want %v (truth in [%v, %v])", name, got.wrong(), tt.wrong, got.truth.lo, got.truth.hi)
				}
			}
		})
	}
}

func TestTheOracleSaysWhatItDoesNotKnow(t *testing.T) {
	begin := time.Now()
	o := written(begin, func(time.Duration) time.Duration { return 0 })
	at := begin.Add(5 * time.Second)
	if _, ok := o.commits("nobody", at, at); ok {
		t.Error("it knows of a replica that nobody looked at")
	}
	if _, ok := o.commits("r", begin, begin); ok {
		t.Error("it knows of a time before anybody looked")
	}
	ll := o.looks["r"]
	i := len(ll) / 2
	o.looks["r"] = append(append([]look(nil), ll[:i]...), ll[i+100:]...) // not looked for 2.5 s
	gap := ll[i+50].got
	if j := judge([]claim{{node: "r", from: gap, to: gap, lo: 9, hi: 9}}, o.commits)[0]; j.known {
		t.Errorf("it knows the truth in a gap: [%v, %v]", j.truth.lo, j.truth.hi)
	}
	// A replica that certainly stood still is known all the same.
	o.stood("r", ll[i].got, ll[i+99].got)
	j := judge([]claim{{node: "r", from: gap, to: gap, lo: 9, hi: 9}}, o.commits)[0]
	if want := gap.Sub(ll[i].got); !j.known || j.truth.lo > want || j.truth.hi < want || !j.wrong() {
		t.Errorf("standing still for %v: known %v, truth in [%v, %v]", want, j.known, j.truth.lo, j.truth.hi)
	}
}
