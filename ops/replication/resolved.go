package replication

import (
	"fmt"
	"math"
)

// Text writes one of d's figures for people, in seconds, with no digit that was not measured: what is shorter than a
// measurement can tell from nothing is "<0.3s".
func (d Distribution) Text(v float64) string { return resolved(v, d.Resolution) }

// Text writes for people how long a write took until it was visible on a node, like that of Distribution; empty: it was
// not seen there within the time that was waited.
func (r *ProbeResult) Text(node string) string {
	v := r.Visible[node]
	if v == nil {
		return ""
	}
	return resolved(*v, r.Resolution[node])
}

// finest is what is told apart in milliseconds; where a measurement is coarser, tenths of a second are.
const finest = 0.1

// resolved is a length in seconds that was measured with a resolution; 0: that is unknown, or not worth a word. It is
// never a zero.
func resolved(v, resolution float64) string {
	text := func(s float64, to func(float64) float64) string {
		if resolution < finest && s < 0.9995 {
			return fmt.Sprintf("%.0fms", to(s*1000))
		}
		return spanText(s, to)
	}
	up := func(x float64) float64 { return math.Ceil(x - 1e-6) } // sums are a little more than they should be
	switch {
	case v <= 0 && resolution <= 0:
		return "<1ms"
	case v < resolution:
		return "<" + text(max(resolution, 0.001), up)
	case v < 0.001:
		return "<1ms"
	}
	if v < 2*resolution {
		return text(v, up) // or 0.23s would be written as less than the <0.3s beside it
	}
	return text(v, math.Round)
}
