package replication

import (
	"slices"
	"time"
)

// How much of the past the distribution of write to visible is made from.
const (
	visiblePast = 5 * time.Minute
	visibleMost = 600
	// It is made anew that often, and with each measurement while there are few.
	visibleAnew = 5 * time.Second
	visibleFew  = 10
)

// visibility remembers how long what a replica showed had taken to get there. Each reading that finds newer writes on the
// primary than the replica shows gives one measurement: the age of the newest write that is visible, which is how long it
// took where WAL flows, and at least how long the next one takes where it does not. A reading that finds a replica level
// with its primary measures nothing: how soon the last write got there is not known.
type visibility struct {
	seen  [visibleMost]measured
	n     int
	dirty bool
	last  *Distribution
	lastN time.Time // when last was made
}

type measured struct {
	at         time.Time
	took, wide float64 // seconds
}

func (v *visibility) note(l Lag) {
	if l.Kind != LagBounded || l.Est == nil {
		return
	}
	v.seen[v.n%visibleMost] = measured{l.At, *l.Est, *l.Hi - *l.Lo}
	v.n++
	v.dirty = true
}

// distribution of what was measured in the last five minutes; nil: nothing.
func (v *visibility) distribution(now time.Time) *Distribution {
	if v.n == 0 {
		return nil
	}
	if age := now.Sub(v.lastN); age < visibleAnew && (!v.dirty || v.n > visibleFew) {
		return v.last
	}
	var took [visibleMost]float64
	n, wide := 0, 0.0
	for i := range min(v.n, visibleMost) {
		if m := v.seen[i]; now.Sub(m.at) <= visiblePast {
			took[n] = m.took
			wide += m.wide
			n++
		}
	}
	v.dirty, v.lastN, v.last = false, now, nil
	if n > 0 {
		tt := took[:n]
		slices.Sort(tt)
		v.last = &Distribution{
			P50: tt[rank(n, 50)], P95: tt[rank(n, 95)], Max: tt[n-1],
			N: n, Resolution: wide / float64(n),
		}
	}
	return v.last
}

// rank is the index of a percentile in n sorted values (nearest rank).
func rank(n, percent int) int { return max((n*percent+99)/100, 1) - 1 }
