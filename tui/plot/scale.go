package plot

import (
	"math"
	"strconv"
)

// Scale says how high values lie: Lo at the bottom, Hi at the top, what is outside at the nearest of the two.
type Scale struct {
	Log    bool // Lo has to be positive
	Lo, Hi float64
	Cells  int                      // of the longest label
	Ticks  func(rows int) []float64 // ascending, for so many rows
	Label  func(v float64) string
}

// Pos is how high a value lies, 0 to 1; NaN for NaN.
func (s Scale) Pos(v float64) float64 {
	m := s.measure()
	return m.pos(v)
}

// measure is a scale for many values.
type measure struct {
	log    bool
	lo, hi float64
	from   float64 // logarithm of lo
	span   float64 // of hi, less that
}

func (s Scale) measure() measure {
	m := measure{log: s.Log, lo: s.Lo, hi: s.Hi, from: s.Lo, span: s.Hi - s.Lo}
	if s.Log {
		m.from = math.Log(s.Lo)
		m.span = math.Log(s.Hi) - m.from
	}
	return m
}

func (m *measure) pos(v float64) float64 {
	switch {
	case v >= m.hi: // also where there is no room between the two
		return 1
	case v <= m.lo:
		return 0
	case m.log:
		v = math.Log(v)
	}
	return min(max((v-m.from)/m.span, 0), 1)
}

const (
	minute = 60.0
	hour   = 60 * minute
	day    = 24 * hour
)

// Steps of durations that people count in, in seconds.
var (
	decades = []float64{0.01, 0.1, 1, 10, minute, 10 * minute, hour, 10 * hour, 4 * day, 40 * day, 400 * day}
	rounds  = []float64{
		0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 20, 30, minute, 2 * minute, 5 * minute, 10 * minute, 15 * minute, 20 * minute, 30 * minute,
		hour, 2 * hour, 3 * hour, 6 * hour, 12 * hour, day, 2 * day, 5 * day, 10 * day, 20 * day, 50 * day, 100 * day, 200 * day, 400 * day,
	}
)

// secondsCells is the longest label of a scale of seconds: "100ms".
const secondsCells = 5

// LogSeconds is a scale of durations from 10 ms to at least least and top, in seconds.
func LogSeconds(top, least float64) Scale {
	hi := above(decades, max(top, least))
	return Scale{
		Log: true, Lo: decades[0], Hi: hi, Cells: secondsCells, Label: Seconds,
		Ticks: func(int) []float64 {
			n := 0
			for n < len(decades) && decades[n] <= hi {
				n++
			}
			return decades[:n]
		},
	}
}

// LinearSeconds is a scale of durations from 0 to at least least and top, in seconds.
func LinearSeconds(top, least float64) Scale {
	hi := above(rounds, max(top, least))
	return Scale{Hi: hi, Cells: secondsCells, Label: Seconds, Ticks: func(rows int) []float64 {
		step := above(rounds, hi/float64(max(rows/3, 1)))
		var out []float64
		for v := 0.0; v <= hi*1.0001 && len(out) < 64; v += step {
			out = append(out, v)
		}
		return out
	}}
}

// above is the first of vv that is not less than v; the last one where all are.
func above(vv []float64, v float64) float64 {
	for _, x := range vv {
		if x >= v*0.9999 {
			return x
		}
	}
	return vv[len(vv)-1]
}

// Bytes is a scale from one count of bytes to another, with ticks at round binary numbers that label names.
func Bytes(lo, hi uint64, cells int, label func(uint64) string) Scale {
	hi = max(hi, lo+1)
	return Scale{
		Lo: float64(lo), Hi: float64(hi), Cells: cells, Label: func(v float64) string { return label(uint64(v)) },
		Ticks: func(rows int) []float64 {
			step := uint64(1)
			for step < 1<<62 && (hi-lo)/step > uint64(max(rows/3, 1)) {
				step *= 2
			}
			var out []float64
			for v := (lo + step - 1) / step * step; v >= lo && v <= hi && len(out) < 64; v += step {
				if x := float64(v); len(out) == 0 || x > out[len(out)-1] {
					out = append(out, x)
				}
			}
			return out
		},
	}
}

// Seconds is the label of a duration on an axis: "10ms", "0.5s", "2m", "1h", "4d".
func Seconds(v float64) string {
	in := func(unit float64, name string) string {
		return strconv.FormatFloat(math.Round(v/unit*10)/10, 'f', -1, 64) + name
	}
	switch {
	case v <= 0:
		return "0s"
	case v < 0.9995:
		return in(0.001, "ms")
	case v < minute:
		return in(1, "s")
	case v < hour:
		return in(minute, "m")
	case v < day:
		return in(hour, "h")
	}
	return in(day, "d")
}
