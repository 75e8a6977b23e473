package replication

import (
	"fmt"
	"math"
)

// String is l for people, with no digit that is not known and a zero nowhere:
//
//	<1s          somewhere between nothing and that
//	12.4s ±0.5   the truth is within that, in the unit before it
//	≥2m 14s      at least that
//	~3m 00s      from clocks, without bounds
//	?            unknown
func (l Lag) String() string {
	switch {
	case l.Kind == LagUnknown:
		return "?"
	case l.Kind == LagHint:
		return hint(l)
	case l.Lo != nil && l.Hi != nil:
		return bounded(l)
	case l.Lo != nil:
		return atLeast(*l.Lo)
	case l.Hi != nil:
		return lessThan(*l.Hi)
	}
	return "?"
}

func hint(l Lag) string {
	switch {
	case l.Est == nil:
		return "?"
	case *l.Est < 0.1:
		return "~<0.1s"
	}
	return "~" + spanText(*l.Est, math.Round)
}

// atLeast rounds down: what it says is certain.
func atLeast(lo float64) string {
	if lo < 0.1 {
		return "?"
	}
	return "≥" + spanText(lo, math.Floor)
}

// steps are what "less than" is said with: few, so that a figure on the screen rests.
var steps = []float64{0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 30, 60}

func lessThan(hi float64) string {
	for _, s := range steps {
		if hi <= s {
			return "<" + spanText(s, math.Ceil)
		}
	}
	return "<" + spanText(hi, math.Ceil)
}

// bounded writes the estimate and how far the farther bound is from it, rounded up.
func bounded(l Lag) string {
	lo, hi := *l.Lo, *l.Hi
	est := (lo + hi) / 2
	if l.Est != nil && *l.Est >= lo && *l.Est <= hi {
		est = *l.Est
	}
	fine := est < 60 && hi-lo < 2
	quantum := unit(est)
	if fine {
		quantum = 0.1
	}
	shown := math.Round(est/quantum) * quantum
	off := max(hi-shown, shown-lo)
	if lo <= 0 || off >= shown {
		return lessThan(hi)
	}
	off = max(math.Ceil(off/quantum-1e-9)*quantum, quantum)
	switch {
	case fine:
		return fmt.Sprintf("%.1fs ±%.1f", shown, off)
	case shown < 60:
		return fmt.Sprintf("%.0fs ±%.0f", shown, off)
	}
	return spanText(shown, math.Round) + " ±" + spanText(off, math.Ceil)
}

// unit is the smallest thing that spanText shows of a length.
func unit(v float64) float64 {
	switch {
	case v < 3600:
		return 1
	case v < 24*3600:
		return 60
	}
	return 3600
}

// spanText is a length in its two largest units, rounded by a function to what is shown.
func spanText(v float64, to func(float64) float64) string {
	if v < 10 {
		if t := to(v*10) / 10; t < 10 {
			if t == math.Trunc(t) && t >= 1 {
				return fmt.Sprintf("%.0fs", t)
			}
			return fmt.Sprintf("%.1fs", t)
		}
	}
	u := unit(v)
	n := to(v/u) * u
	s := int64(n)
	switch {
	case s < 60:
		return fmt.Sprintf("%ds", s)
	case s < 3600:
		return fmt.Sprintf("%dm %02ds", s/60, s%60)
	case s < 24*3600:
		return fmt.Sprintf("%dh %02dm", s/3600, s%3600/60)
	}
	return fmt.Sprintf("%dd %02dh", s/86400, s%86400/3600)
}
