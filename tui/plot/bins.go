package plot

import "math"

// bin is what a series does within one column of dots.
type bin struct {
	col         int64 // number of the column, counted from 1970
	first, last float64
	min, max    float64
	joined      bool // first goes on from last of the bin before
}

// bins puts the values of the columns from first to before end into bins, in order. One bin before and one after come with
// them where the line goes on to there. It appends to out.
func (s *Series) bins(out []bin, first, end, step int64) []bin {
	n := min(len(s.T), len(s.V))
	a := max(search(s.T[:n], first*step)-1, 0)
	var (
		known bool  // the value before this one
		prev  int64 // when that was
		begun = false
		from  int64 // of the column being filled
		to    int64
	)
	for i := a; i < n; i++ {
		t, v := s.T[i], s.V[i]
		if math.IsNaN(v) {
			known = false
			continue
		}
		joined := known && s.joined(prev, t)
		known, prev = true, t
		if begun && t >= from && t < to {
			b := &out[len(out)-1]
			b.last = v
			b.min, b.max = min(b.min, v), max(b.max, v)
			continue
		}
		col := floorDiv(t, step)
		if col >= end && !joined {
			break
		}
		out = append(out, bin{col: col, first: v, last: v, min: v, max: v, joined: joined})
		if col >= end {
			break
		}
		begun, from, to = true, col*step, (col+1)*step
	}
	return out
}

// band is the span of a series' bounds within each of some cells: NaN where there are none.
func (s *Series) band(lo, hi []float64, first, step int64) {
	for i := range lo {
		lo[i], hi[i] = math.NaN(), math.NaN()
	}
	n := min(len(s.T), len(s.Lo), len(s.Hi))
	end := first + int64(len(lo))
	for i := search(s.T[:n], first*step); i < n; i++ {
		c := floorDiv(s.T[i], step)
		if c >= end {
			return
		}
		if math.IsNaN(s.Lo[i]) || math.IsNaN(s.Hi[i]) {
			continue
		}
		c -= first
		if !(lo[c] <= s.Lo[i]) {
			lo[c] = s.Lo[i]
		}
		if !(hi[c] >= s.Hi[i]) {
			hi[c] = s.Hi[i]
		}
	}
}
