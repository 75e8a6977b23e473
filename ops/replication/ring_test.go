package replication

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// instant is an answer that took no time.
func instant(s float64, l LSN) mark { return mark{at(s), at(s), l} }

func filled(size int, mm ...mark) *ring {
	r := &ring{size: size}
	for _, m := range mm {
		r.add(m)
	}
	return r
}

func TestRingFindsTheMomentOfAnLSN(t *testing.T) {
	r := filled(64, instant(0, 1000), instant(1, 1100), instant(2, 1100), instant(3, 1100), instant(4, 1100), instant(5, 1300), instant(6, 1500))
	tests := []struct {
		name string
		lsn  LSN
		want moment
	}{
		{"older than anything seen", 900, moment{to: at(0)}},
		{"between two, by bytes", 1050, moment{from: at(0), to: at(1), est: at(0.5)}},
		{"the end of an idle stretch: any moment after it", 1100, moment{from: at(4), to: at(5), est: at(4.5)}},
		{"after an idle stretch, any moment as well", 1200, moment{from: at(4), to: at(5), est: at(4.5)}},
		{"in traffic", 1400, moment{from: at(5), to: at(6), est: at(5.5)}},
		{"an answer's own LSN in traffic", 1300, moment{from: at(5), to: at(6), est: at(5)}},
		{"the newest", 1500, moment{from: at(6)}},
		{"beyond the newest", 9999, moment{from: at(6)}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, r.when(tt.lsn), cmp.AllowUnexported(moment{})); diff != "" {
				t.Errorf("when(%d) (-want +got):\n%s", tt.lsn, diff)
			}
		})
	}
	if diff := cmp.Diff(moment{}, (&ring{}).when(5), cmp.AllowUnexported(moment{})); diff != "" {
		t.Errorf("an empty ring knows something (-want +got):\n%s", diff)
	}
	if len(r.marks) != 5 {
		t.Errorf("an idle stretch takes %d marks in all, want 5", len(r.marks))
	}
}

func TestRingBeginsAnewWhenTheLSNFalls(t *testing.T) {
	r := filled(64, instant(0, 1000), instant(1, 2000))
	if r.add(mark{at(0.5), at(1.5), 1500}) {
		t.Error("an answer that was asked for before the newest came was taken for a fall")
	}
	if r.add(instant(0.2, 500)); len(r.marks) != 2 {
		t.Errorf("an answer out of order was taken in: %v", r.marks)
	}
	if !r.add(instant(2, 500)) {
		t.Error("a fall was not noticed")
	}
	if got := r.when(2000); got != (moment{from: at(2)}) {
		t.Errorf("after a fall: %+v", got)
	}
}

func TestRingAdoptsWhatItsPredecessorHadUpToTheFork(t *testing.T) {
	old := filled(64, instant(0, 1000), instant(1, 1100), instant(2, 1200), instant(5, 1900))
	r := filled(64, instant(4, 1250))
	r.adopt(old, 1240)
	if got, want := r.when(1150), (moment{from: at(1), to: at(2), est: at(1.5)}); got != want {
		t.Errorf("before the fork: got %+v, want %+v", got, want)
	}
	if got, want := r.when(1245), (moment{from: at(2), to: at(4), est: at(2.0)}); !got.from.Equal(want.from) || !got.to.Equal(want.to) {
		t.Errorf("across the fork: got %+v, want %+v", got, want)
	}
	if len(r.marks) != 4 {
		t.Errorf("marks beyond the fork were adopted: %v", r.marks)
	}
}

func TestSmallRingCoversHours(t *testing.T) {
	r := &ring{size: 64}
	const hours = 4 * 3600
	for s := range hours {
		r.add(instant(float64(s), LSN(s)*10+10))
	}
	if len(r.marks) > 64 {
		t.Fatalf("%d marks in a ring of 64", len(r.marks))
	}
	for _, s := range []int{1, 60, 3600, 2 * 3600, hours - 3600, hours - 60, hours - 2} {
		m := r.when(LSN(s)*10 + 10)
		if m.from.IsZero() || m.to.IsZero() || m.from.After(at(float64(s))) || m.to.Before(at(float64(s))) {
			t.Errorf("second %d lies outside of %s to %s", s, m.from.Sub(beginning), m.to.Sub(beginning))
		}
		if off := m.est.Sub(at(float64(s))); off.Abs() > 2*time.Second {
			t.Errorf("second %d estimated %s off, although writes were steady", s, off)
		}
	}
	if newest := r.when(LSN(hours-2) * 10); newest.to.Sub(newest.from) > 2*time.Second {
		t.Errorf("the newest part became coarse: %s", newest.to.Sub(newest.from))
	}
}

// history of a primary, and how it is asked: at random moments with random round trips.
func drawnRing(t *rapid.T) (log, *ring, time.Duration) {
	var l log
	p, s := LSN(1<<24), time.Duration(0)
	for range rapid.IntRange(1, 60).Draw(t, "writes") {
		s += time.Duration(rapid.IntRange(1, 5000).Draw(t, "pause")) * time.Millisecond
		p += LSN(rapid.IntRange(1, 1<<20).Draw(t, "bytes"))
		l = append(l, mark{sent: beginning.Add(s), lsn: p})
	}
	r := &ring{size: rapid.SampledFrom([]int{4, 16, 64, 4096}).Draw(t, "size")}
	var asked time.Duration
	for asked < s {
		asked += time.Duration(rapid.IntRange(10, 3000).Draw(t, "interval")) * time.Millisecond
		trip := time.Duration(rapid.IntRange(0, 800).Draw(t, "trip")) * time.Millisecond
		answered := asked + time.Duration(rapid.Float64Range(0, 1).Draw(t, "where")*float64(trip))
		r.add(mark{beginning.Add(asked), beginning.Add(asked + trip), l.upTo(beginning.Add(answered))})
		if rapid.Bool().Draw(t, "one at a time") {
			asked += trip
		}
	}
	return l, r, asked
}

func TestTruthLiesWithinTheBounds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l, r, end := drawnRing(t)
		for range 20 {
			asked := time.Duration(rapid.Int64Range(0, int64(end)).Draw(t, "asked"))
			trip := time.Duration(rapid.IntRange(0, 800).Draw(t, "trip")) * time.Millisecond
			when := asked + time.Duration(rapid.Float64Range(0, 1).Draw(t, "where")*float64(trip))
			lag := time.Duration(rapid.IntRange(0, 20000).Draw(t, "lag")) * time.Millisecond
			// Replicas stop between the ends of two writes as well.
			p := l.upTo(beginning.Add(when-lag)) + LSN(rapid.IntRange(0, 50).Draw(t, "part"))
			if p > l.upTo(beginning.Add(when)) {
				p = l.upTo(beginning.Add(when))
			}
			got, ok := r.judge(p, beginning.Add(asked), beginning.Add(asked+trip))
			if !ok {
				if got.Lo != nil || got.Est != nil {
					t.Fatalf("something is claimed although it is too early: %+v", got)
				}
				if truth := l.lag(p, beginning.Add(when)); got.Hi != nil && truth.Seconds() > *got.Hi+1e-9 {
					t.Fatalf("at most %v, truth %v", *got.Hi, truth)
				}
				continue
			}
			holds(t, got, l.lag(p, beginning.Add(when)))
			// The upper bound holds when the answer came, too.
			if truth := l.lag(p, beginning.Add(asked+trip)); got.Hi != nil && truth.Seconds() > *got.Hi+1e-9 {
				t.Fatalf("at the end of the reading: truth %v, bounds %v", truth, show(got))
			}
		}
	})
}

// holds fails where a truth lies outside of bounds, or these are not in order.
func holds(t interface{ Fatalf(string, ...any) }, l Lag, truth time.Duration) {
	const eps = 1e-9
	s := truth.Seconds()
	switch {
	case l.Lo != nil && *l.Lo < 0, l.Hi != nil && *l.Hi < 0:
		t.Fatalf("negative: %v", show(l))
	case l.Lo != nil && s < *l.Lo-eps, l.Hi != nil && s > *l.Hi+eps:
		t.Fatalf("truth %v lies outside of %v", truth, show(l))
	case l.Est != nil && l.Lo != nil && *l.Est < *l.Lo-eps, l.Est != nil && l.Hi != nil && *l.Est > *l.Hi+eps:
		t.Fatalf("the estimate lies outside of the bounds: %v", show(l))
	case l.Kind == LagUnknown && (l.Lo != nil || l.Est != nil):
		t.Fatalf("unknown, and yet %v", show(l))
	}
}

func show(l Lag) []any {
	value := func(f *float64) any {
		if f == nil {
			return "?"
		}
		return *f
	}
	return []any{l.Kind, l.Source, "lo", value(l.Lo), "est", value(l.Est), "hi", value(l.Hi), "at", l.At.Sub(beginning)}
}

func TestRingStaysInOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := &ring{size: rapid.IntRange(4, 32).Draw(t, "size")}
		for range rapid.IntRange(1, 300).Draw(t, "n") {
			s := rapid.Float64Range(0, 100).Draw(t, "sent")
			r.add(mark{at(s), at(s + rapid.Float64Range(0, 3).Draw(t, "trip")), LSN(rapid.IntRange(1, 50).Draw(t, "lsn"))})
			if len(r.marks) > r.limit() {
				t.Fatalf("%d marks in a ring of %d", len(r.marks), r.limit())
			}
			if !slices.IsSortedFunc(r.marks, func(a, b mark) int { return a.sent.Compare(b.sent) }) ||
				!slices.IsSortedFunc(r.marks, func(a, b mark) int { return a.received.Compare(b.received) }) ||
				!slices.IsSortedFunc(r.marks, func(a, b mark) int { return int(int64(a.lsn) - int64(b.lsn)) }) {
				t.Fatalf("out of order: %v", r.marks)
			}
			for range 3 {
				p := LSN(rapid.IntRange(0, 60).Draw(t, "p"))
				if got, want := r.when(p), plainly(r, p); got.from != want.from || got.to != want.to {
					t.Fatalf("when(%d): got %+v, by looking at each %+v", p, got, want)
				}
			}
		}
	})
}

// plainly finds the bounds of a moment by looking at every mark.
func plainly(r *ring, p LSN) (m moment) {
	for _, k := range r.marks {
		if k.lsn <= p {
			m.from = k.sent
		} else if m.to.IsZero() {
			m.to = k.received
		}
	}
	return m
}

func BenchmarkRingLookup(b *testing.B) {
	r := &ring{}
	for i := range ringSize {
		r.add(instant(float64(i)/5, LSN(i)*1000))
	}
	b.Run("near the end", func(b *testing.B) {
		b.ReportAllocs()
		for i := 0; b.Loop(); i++ {
			r.when(LSN(ringSize-2-i%4) * 1000)
		}
	})
	b.Run("anywhere", func(b *testing.B) {
		b.ReportAllocs()
		for i := 0; b.Loop(); i++ {
			r.when(LSN(i%ringSize) * 1000)
		}
	})
}
