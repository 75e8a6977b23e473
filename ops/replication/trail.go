package replication

import (
	"math"
	"time"
)

// past is how long a trail is.
const past = time.Hour

// trail is what a node was lately. What was handed out is never written to again: the array grows behind what others see,
// and when it is full the part that is still of interest moves to a new one.
type trail struct {
	points []Point
	start  int
}

func (t *trail) add(p Point) {
	for t.start < len(t.points) && p.At.Sub(t.points[t.start].At) > past {
		t.start++
	}
	if len(t.points) == cap(t.points) {
		live := t.points[t.start:]
		next := make([]Point, len(live), max(64, len(live)+len(live)/2))
		copy(next, live)
		t.points, t.start = next, 0
	}
	t.points = append(t.points, p)
}

func (t *trail) last() (Point, bool) {
	if len(t.points) == 0 {
		return Point{}, false
	}
	return t.points[len(t.points)-1], true
}

// view is the trail as it is now, for keeps.
func (t *trail) view() []Point { return t.points[t.start:len(t.points):len(t.points)] }

// step adds a point for a new judgement, or when an interval has passed without one.
func (t *trail) step(l Lag, s State, replay, flush LSN, now time.Time, interval time.Duration) {
	last, some := t.last()
	switch {
	case !l.At.IsZero() && (!some || l.At.After(last.At)) && l.Kind != LagUnknown:
		t.add(point(l, l.At, s, replay, flush))
	case !some || now.Sub(last.At) >= 2*interval:
		// What was judged long ago says nothing of now.
		if now.Sub(l.At) >= 2*interval {
			l = Lag{}
		}
		t.add(point(l, now, s, replay, flush))
	}
}

func point(l Lag, at time.Time, s State, replay, flush LSN) Point {
	p := Point{At: at, Lo: float(l.Lo), Hi: float(l.Hi), Est: float(l.Est), State: s, Replay: replay, Flush: flush}
	if l.Hi == nil && l.Lo != nil {
		p.Hi = float32(math.Inf(1))
	}
	return p
}

func float(f *float64) float32 {
	if f == nil {
		return float32(math.NaN())
	}
	return float32(*f)
}
