package scenario_test

import (
	"math"
	"slices"
	"time"
)

// tolerance is what a claim may be off beyond what the oracle itself does not know.
const tolerance = 60 * time.Millisecond

// blind is how much the oracle may not know of a moment; it is silent about a moment of which it knows less.
const blind = 400 * time.Millisecond

// claim is that the lag of a node was between lo and hi seconds at some moment between from and to.
type claim struct {
	scenario, node, method string
	from, to               time.Time
	lo, hi, est            float64 // NaN: nothing is claimed
}

// judged is a claim with the truth beside it.
type judged struct {
	claim
	truth truth
	known bool // whether the oracle knows
}

func (j judged) silent() bool { return math.IsNaN(j.lo) && math.IsNaN(j.hi) }

// wrong tells whether a claim cannot be true.
func (j judged) wrong() bool { return j.off() > 0 }

// off is how far the truth is outside of what is claimed, in seconds; 0 where it is not, or is not known.
func (j judged) off() float64 {
	if !j.known || j.silent() {
		return 0
	}
	over, under := 0.0, 0.0
	if !math.IsNaN(j.hi) {
		over = j.truth.lo.Seconds() - (j.hi + tolerance.Seconds())
	}
	if !math.IsNaN(j.lo) {
		under = (j.lo - tolerance.Seconds()) - j.truth.hi.Seconds()
	}
	return max(over, under, 0)
}

// error is how far the estimate is from the truth.
func (j judged) error() float64 {
	e := j.est
	switch {
	case !math.IsNaN(e):
	case !math.IsNaN(j.lo):
		e = j.lo
	default:
		e = j.hi
	}
	return math.Abs(e - j.truth.middle())
}

type trueLag func(node string, from, to time.Time) (truth, bool)

// judge puts the truth beside claims.
func judge(claims []claim, t trueLag) []judged {
	out := make([]judged, 0, len(claims))
	for _, c := range claims {
		j := judged{claim: c}
		j.truth, j.known = t(c.node, c.from, c.to)
		j.known = j.known && j.truth.hi-j.truth.lo <= blind+c.to.Sub(c.from)
		out = append(out, j)
	}
	return out
}

// tally sums up judged claims.
type tally struct {
	n, silent, blind, wrong int
	median, most            float64 // error
	worst                   judged  // of those that are wrong
	deepest                 float64 // truth
	width, unsure           float64 // mean of the claims' bounds and of the oracle's
}

func sum(jj []judged) tally {
	var t tally
	var errs []float64
	bounded := 0
	for _, j := range jj {
		t.n++
		switch {
		case j.silent():
			t.silent++
			continue
		case !j.known:
			t.blind++
			continue
		}
		errs = append(errs, j.error())
		t.deepest = max(t.deepest, j.truth.middle())
		t.unsure += (j.truth.hi - j.truth.lo).Seconds()
		if !math.IsNaN(j.hi - j.lo) {
			t.width += j.hi - j.lo
			bounded++
		}
		if j.wrong() {
			t.wrong++
			if j.off() > t.worst.off() {
				t.worst = j
			}
		}
	}
	slices.Sort(errs)
	if n := len(errs); n > 0 {
		t.median, t.most = errs[n/2], errs[n-1]
		t.unsure /= float64(n)
	}
	if bounded > 0 {
		t.width /= float64(bounded)
	}
	return t
}

func (t tally) sure() int { return t.n - t.silent - t.blind }
