// Package plot draws lines over time: dots of Braille, of blocks or of ASCII, in lines of an exact width. Values that are
// missing are missing in the picture: it never joins what lies further apart than two readings do, and a single extreme
// value is never averaged away. It knows nothing of what the values are.
package plot

import (
	"math"
	"time"

	"ops-console/themes"
)

// Series is one line. T is ascending, in nanoseconds of Unix time, and as long as V is.
type Series struct {
	Name  string // said at the right end of its line
	Role  themes.Role
	Style int  // 0 to 5: how it differs from others where there is no colour
	Rank  int  // a higher one is drawn over a lower one, and keeps its name where there is no room for all
	Quiet bool // its name is not said
	T     []int64
	V     []float64     // NaN: not known
	Gap   time.Duration // values further apart are not joined; 0: all are

	// Lo and Hi are bounds of V that are shaded; nil: none. An infinite Hi has no end.
	Lo, Hi []float64
}

// Limit is a value that should not be crossed.
type Limit struct {
	Value float64
	Name  string
	Role  themes.Role
}

// Mark is something that happened, shown on the time axis.
type Mark struct {
	At    time.Time
	Glyph string // one cell
	Role  themes.Role
	Rank  int // the highest of those in one column is shown
}

// Chart is what to draw. It must not be changed while its Version stays the same, nor the values of
// its series while Data does.
type Chart struct {
	Version uint64 // 0: it is drawn anew each time
	Data    uint64 // version of the values alone; 0: they may have changed
	Series  []Series
	Limits  []Limit
	Marks   []Mark
	Scale   Scale
	To      time.Time // right end
	Span    time.Duration
	Cursor  time.Time // zero: none
	Bare    bool      // without names at the right
}

// Max is the largest value of any series, and of the bounds that have an end, between two moments; 0 where there is none.
func (c *Chart) Max(from, to time.Time) float64 {
	top := 0.0
	for i := range c.Series {
		s := &c.Series[i]
		a, b := s.between(from.UnixNano(), to.UnixNano())
		for _, vv := range [][]float64{s.V, s.Lo, s.Hi} {
			if len(vv) < b {
				continue
			}
			for _, v := range vv[a:b] {
				if v > top && !math.IsInf(v, 1) {
					top = v
				}
			}
		}
	}
	return top
}

// between are the indices of the values from one moment to before another.
func (s *Series) between(from, to int64) (a, b int) {
	n := min(len(s.T), len(s.V))
	return search(s.T[:n], from), search(s.T[:n], to)
}

// search is the first index at or after t.
func search(tt []int64, t int64) int {
	a, b := 0, len(tt)
	for a < b {
		if m := int(uint(a+b) >> 1); tt[m] < t {
			a = m + 1
		} else {
			b = m
		}
	}
	return a
}

// Worst is the index of the largest value from one moment to before another; where there is none, of the last one before,
// if the line goes on from there. It is -1 where nothing is known.
func (s *Series) Worst(from, to time.Time) int {
	a, b := s.between(from.UnixNano(), to.UnixNano())
	worst := -1
	for i := a; i < b; i++ {
		if !math.IsNaN(s.V[i]) && (worst < 0 || s.V[i] > s.V[worst]) {
			worst = i
		}
	}
	if worst >= 0 || a == 0 || math.IsNaN(s.V[a-1]) {
		return worst
	}
	n := min(len(s.T), len(s.V))
	if a < n && !math.IsNaN(s.V[a]) && s.joined(s.T[a-1], s.T[a]) {
		return a - 1
	}
	return -1
}

// joined says whether the line goes on from one value to the next.
func (s *Series) joined(from, to int64) bool { return s.Gap <= 0 || to-from <= int64(s.Gap) }

// Window is where time lies on the columns of a plot. Columns begin at multiples of their length, so that a value stays
// with its neighbours while the plot moves on.
type Window struct {
	X     int           // column of the first cell
	Cells int           // how many there are
	Step  time.Duration // of one cell
	first int64         // number of the first cell, counted from 1970
}

// window is the one of cells columns that ends with the cell that holds the right end.
func window(to time.Time, span time.Duration, x, cells, dots int) Window {
	w := Window{X: x, Cells: max(cells, 0)}
	if cells <= 0 {
		return w
	}
	step := max(int64(span)/int64(cells), 1)
	step = max(step/int64(dots), 1) * int64(dots)
	w.Step = time.Duration(step)
	w.first = floorDiv(to.UnixNano(), step) - int64(cells) + 1
	return w
}

func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}

// From and To are the ends.
func (w Window) From() time.Time { return time.Unix(0, w.first*int64(w.Step)) }

// To is the end of the last cell.
func (w Window) To() time.Time { return time.Unix(0, (w.first+int64(w.Cells))*int64(w.Step)) }

// Cell is the cell of a moment, counted from the first one; it may lie outside.
func (w Window) Cell(t time.Time) int {
	if w.Step <= 0 {
		return -1
	}
	c := floorDiv(t.UnixNano(), int64(w.Step)) - w.first
	return int(min(max(c, -1), int64(w.Cells)))
}

// Start is when a cell begins.
func (w Window) Start(cell int) time.Time {
	return time.Unix(0, (w.first+int64(cell))*int64(w.Step))
}

// At is the moment of a column of the drawn lines; false where it is not on the plot.
func (w Window) At(x int) (time.Time, bool) {
	c := x - w.X
	if c < 0 || c >= w.Cells {
		return time.Time{}, false
	}
	return w.Start(c), true
}
