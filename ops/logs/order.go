package logs

import (
	"slices"
	"time"
)

// order puts lines that come within a small window in order of their time. What comes later than that stays where it came:
// a line that was shown does not move.
type order struct {
	window  time.Duration
	waiting []Line
	since   time.Time // when the first of them came
}

func (o *order) add(ll ...Line) {
	for i := range ll {
		if at := ll[i].Received; len(o.waiting) == 0 && i == 0 || at.Before(o.since) {
			o.since = at
		}
	}
	o.waiting = append(o.waiting, ll...)
}

// ripe takes out the lines that waited as long as the window, with everything that was stamped before them, in order.
func (o *order) ripe(now time.Time) []Line {
	var until time.Time
	any := false
	for i := range o.waiting {
		l := &o.waiting[i]
		if now.Sub(l.Received) >= o.window && (!any || l.At.After(until)) {
			until, any = l.At, true
		}
	}
	if !any {
		return nil
	}
	byTime(o.waiting)
	n, _ := slices.BinarySearchFunc(o.waiting, until, func(l Line, t time.Time) int {
		if l.At.After(t) {
			return 1
		}
		return -1
	})
	out := slices.Clone(o.waiting[:n])
	rest := copy(o.waiting, o.waiting[n:])
	clear(o.waiting[rest:]) // their texts are not to be kept alive
	o.waiting = o.waiting[:0]
	o.add(o.waiting[:rest]...)
	return out
}

// due is how long it takes until something is ripe; false where nothing waits.
func (o *order) due(now time.Time) (time.Duration, bool) {
	if len(o.waiting) == 0 {
		return 0, false
	}
	return max(0, o.window-now.Sub(o.since)), true
}

// byTime sorts by time; lines of the same time stay in the order they came.
func byTime(ll []Line) {
	slices.SortStableFunc(ll, func(a, b Line) int { return a.At.Compare(b.At) })
}
