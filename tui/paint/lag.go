package paint

import (
	"math"
	"strconv"
	"strings"
	"time"

	"ops-console/ops/health"
	"ops-console/ops/replication"
	"ops-console/tui/glyph"
)

// Lag is how far behind something is, with no more digits than its bounds allow: "<1s", "12.4s ±0.5", "≥2m 14s", "~3m"
// where it is only a hint, "?" where nothing is known.
func Lag(g *glyph.Set, l replication.Lag) string {
	lo, hi, est := figure(l.Lo), figure(l.Hi), figure(l.Est)
	switch l.Kind {
	case replication.LagCaughtUp:
		if math.IsNaN(hi) {
			return "caught up"
		}
		return "<" + ceiling(hi)
	case replication.LagAtLeast:
		return atLeast(g, lo)
	case replication.LagHint:
		if !math.IsNaN(est) {
			return "~" + Span(est)
		}
	case replication.LagBounded:
		switch {
		case math.IsNaN(lo) && math.IsNaN(hi), math.IsInf(lo, 0):
		case math.IsNaN(lo):
			return "<" + ceiling(hi)
		case math.IsNaN(hi), math.IsInf(hi, 1):
			return atLeast(g, lo)
		default:
			return bounded(g, lo, max(hi, lo), est)
		}
	}
	return "?"
}

func atLeast(g *glyph.Set, lo float64) string {
	switch {
	case math.IsNaN(lo):
		return "?"
	case g.ASCII:
		return ">=" + Span(lo)
	}
	return "≥" + Span(lo)
}

// bounded is a value between two others.
func bounded(g *glyph.Set, lo, hi, est float64) string {
	half := (hi - lo) / 2
	if math.IsNaN(est) || est < lo || est > hi {
		est = lo + half
	}
	sign := " ±"
	if g.ASCII {
		sign = " +-"
	}
	switch {
	case hi < 1 && (half > 0.05 || lo < 0.1), hi >= 1 && lo < hi/10:
		return "<" + ceiling(hi)
	case half <= 0.05:
		return Span(est)
	case hi < 100 && half < 1:
		return decimal(est, 1) + "s" + sign + decimal(math.Ceil(half*10)/10, 1)
	case hi < 100:
		return decimal(est, 0) + "s" + sign + decimal(math.Ceil(half), 0)
	case half < 0.5:
		return Span(est)
	case half < 60:
		return Span(est) + sign + decimal(math.Ceil(half), 0) + "s"
	}
	return "~" + Span(est)
}

// ceiling is the next whole number of seconds, so that a bound is never told better than it is.
func ceiling(v float64) string { return Span(max(math.Ceil(v), 1)) }

// Span is a number of seconds as people say it: "40ms", "12.4s", "3m 27s"; "?" where it is none.
func Span(v float64) string {
	switch {
	case math.IsNaN(v):
		return "?"
	case v >= 1e9:
		return ">30y"
	case v <= 0:
		return "0s"
	case v < 0.9995:
		return strconv.Itoa(max(int(math.Round(v*1000)), 1)) + "ms"
	case v < 99.95:
		return strings.TrimSuffix(decimal(v, 1), ".0") + "s"
	}
	return Duration(time.Duration(math.Round(v)) * time.Second)
}

func decimal(v float64, digits int) string { return strconv.FormatFloat(v, 'f', digits, 64) }

// figure is what a number of seconds says: NaN where it is not known, 0 where clocks made it negative.
func figure(v *float64) float64 {
	if v == nil || math.IsNaN(*v) {
		return math.NaN()
	}
	return max(*v, 0)
}

// State is the word for the state of a node.
func State(s replication.State) string {
	if s == "" {
		return "unknown"
	}
	return strings.ReplaceAll(string(s), "_", " ")
}

// StateLevel is how bad a state of a node is where nothing more is known of it.
func StateLevel(s replication.State) health.Level {
	switch s {
	case replication.Primary, replication.Streaming, replication.Delayed:
		return health.LevelOK
	case replication.Paused, replication.Silent, replication.Blocked, replication.CatchUp, replication.FallingBehind, replication.Lagging, replication.Orphaned:
		return health.LevelWarning
	case replication.StateUnknown, replication.Foreign, replication.Misrouted:
		return health.LevelUnknown
	}
	return health.LevelCritical
}
