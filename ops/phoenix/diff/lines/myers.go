package lines

import "math"

// Limits of the comparison, as git has them: beyond them a good answer is taken instead of the shortest.
const (
	minEffort   = 256 // edits after which a search may be cut short
	goodSnake   = 20  // equal lines in a row that are worth stopping at
	goodPerEdit = 4   // how far a path must have come, per edit, to be taken early
)

// search is one comparison: the furthest points reached on each diagonal, forwards from the start and backwards from the
// end. Diagonal d holds the points with i - j = d, i in the old text and j in the new.
type search struct {
	x, y          *side
	forward, back []int
	shift         int // of a diagonal in the two
	effort        int
}

func compare(x, y *side) {
	n := len(x.kept) + len(y.kept) + 3
	s := &search{
		x: x, y: y,
		forward: make([]int, n+1),
		back:    make([]int, n+1),
		shift:   len(y.kept) + 1,
		effort:  max(root(n), minEffort),
	}
	s.compare(box{0, len(x.kept), 0, len(y.kept)}, false)
}

// box is a part of both texts: kept lines i0 to before i1 of the old, j0 to before j1 of the new.
type box struct{ i0, i1, j0, j1 int }

// compare marks what is changed within a box; exact asks for the shortest answer whatever the effort.
func (s *search) compare(b box, exact bool) {
	for b.i0 < b.i1 && b.j0 < b.j1 && s.x.at(b.i0) == s.y.at(b.j0) {
		b.i0++
		b.j0++
	}
	for b.i0 < b.i1 && b.j0 < b.j1 && s.x.at(b.i1-1) == s.y.at(b.j1-1) {
		b.i1--
		b.j1--
	}
	switch {
	case b.i0 == b.i1:
		for ; b.j0 < b.j1; b.j0++ {
			s.y.changed[s.y.kept[b.j0]] = true
		}
	case b.j0 == b.j1:
		for ; b.i0 < b.i1; b.i0++ {
			s.x.changed[s.x.kept[b.i0]] = true
		}
	default:
		m := s.middle(b, exact)
		s.compare(box{b.i0, m.i, b.j0, m.j}, m.exactBefore)
		s.compare(box{m.i, b.i1, m.j, b.j1}, m.exactAfter)
	}
}

// point is where a box is cut in two.
type point struct {
	i, j                    int
	exactBefore, exactAfter bool
}

// band is the diagonals that one direction has reached, in steps of two.
type band struct{ mid, min, max int }

// widen takes in one more diagonal at either end, or gives up one where the box ends; edge is what lies beyond.
func (w *band) widen(v []int, shift, dmin, dmax, edge int) {
	if w.min > dmin {
		w.min--
		v[w.min-1+shift] = edge
	} else {
		w.min++
	}
	if w.max < dmax {
		w.max++
		v[w.max+1+shift] = edge
	} else {
		w.max--
	}
}

// middle finds a point on a shortest path through the box, or on a good one once that has cost too much.
func (s *search) middle(b box, exact bool) point {
	dmin, dmax := b.i0-b.j1, b.i1-b.j0
	f := band{b.i0 - b.j0, b.i0 - b.j0, b.i0 - b.j0}
	k := band{b.i1 - b.j1, b.i1 - b.j1, b.i1 - b.j1}
	odd := (f.mid-k.mid)&1 != 0
	s.forward[f.mid+s.shift] = b.i0
	s.back[k.mid+s.shift] = b.i1

	for edits := 1; ; edits++ {
		f.widen(s.forward, s.shift, dmin, dmax, -1)
		p, long, met := s.forwards(b, f, k, odd)
		if met {
			return p
		}
		k.widen(s.back, s.shift, dmin, dmax, math.MaxInt)
		p, longBack, met := s.backwards(b, f, k, odd)
		if met {
			return p
		}
		if exact {
			continue
		}
		if (long || longBack) && edits > minEffort {
			if p, ok := s.goodForward(b, f, edits); ok {
				return p
			}
			if p, ok := s.goodBack(b, k, edits); ok {
				return p
			}
		}
		if edits >= s.effort {
			return s.furthest(b, f, k)
		}
	}
}

// forwards moves every forward path by one edit and along equal lines; met: one of them touched a backward path. long:
// one followed many equal lines.
func (s *search) forwards(b box, f, k band, odd bool) (p point, long, met bool) {
	v := s.forward
	for d := f.max; d >= f.min; d -= 2 {
		i := v[d+1+s.shift]
		if left := v[d-1+s.shift]; left >= i {
			i = left + 1
		}
		from := i
		for i < b.i1 && i-d < b.j1 && s.x.at(i) == s.y.at(i-d) {
			i++
		}
		long = long || i-from > goodSnake
		v[d+s.shift] = i
		if odd && k.min <= d && d <= k.max && s.back[d+s.shift] <= i {
			return point{i, i - d, true, true}, long, true
		}
	}
	return p, long, false
}

// backwards is forwards from the other end.
func (s *search) backwards(b box, f, k band, odd bool) (p point, long, met bool) {
	v := s.back
	for d := k.max; d >= k.min; d -= 2 {
		i := v[d-1+s.shift]
		if right := v[d+1+s.shift]; i >= right {
			i = right - 1
		}
		from := i
		for i > b.i0 && i-d > b.j0 && s.x.at(i-1) == s.y.at(i-d-1) {
			i--
		}
		long = long || from-i > goodSnake
		v[d+s.shift] = i
		if !odd && f.min <= d && d <= f.max && i <= s.forward[d+s.shift] {
			return point{i, i - d, true, true}, long, true
		}
	}
	return p, long, false
}

// goodForward is the forward path that came furthest for its edits, ending in many equal lines.
func (s *search) goodForward(b box, f band, edits int) (best point, found bool) {
	furthest := 0
	for d := f.max; d >= f.min; d -= 2 {
		i := s.forward[d+s.shift]
		j := i - d
		v := (i - b.i0) + (j - b.j0) - abs(d-f.mid)
		if v <= goodPerEdit*edits || v <= furthest || i < b.i0+goodSnake || i >= b.i1 || j < b.j0+goodSnake || j >= b.j1 {
			continue
		}
		if s.equal(i-goodSnake, j-goodSnake) {
			furthest, best, found = v, point{i, j, true, false}, true
		}
	}
	return best, found
}

// goodBack is goodForward for backward paths.
func (s *search) goodBack(b box, k band, edits int) (best point, found bool) {
	furthest := 0
	for d := k.max; d >= k.min; d -= 2 {
		i := s.back[d+s.shift]
		j := i - d
		v := (b.i1 - i) + (b.j1 - j) - abs(d-k.mid)
		if v <= goodPerEdit*edits || v <= furthest || i <= b.i0 || i > b.i1-goodSnake || j <= b.j0 || j > b.j1-goodSnake {
			continue
		}
		if s.equal(i, j) {
			furthest, best, found = v, point{i, j, false, true}, true
		}
	}
	return best, found
}

// equal says whether goodSnake lines from here are the same.
func (s *search) equal(i, j int) bool {
	for k := range goodSnake {
		if s.x.at(i+k) != s.y.at(j+k) {
			return false
		}
	}
	return true
}

// furthest is where to cut when the search has cost enough: the point that came furthest, from either end.
func (s *search) furthest(b box, f, k band) point {
	ahead, aheadI := -1, -1
	for d := f.max; d >= f.min; d -= 2 {
		i := min(s.forward[d+s.shift], b.i1)
		if b.j1 < i-d {
			i = b.j1 + d
		}
		if ahead < i+i-d {
			ahead, aheadI = i+i-d, i
		}
	}
	behind, behindI := math.MaxInt, math.MaxInt
	for d := k.max; d >= k.min; d -= 2 {
		i := max(b.i0, s.back[d+s.shift])
		if i-d < b.j0 {
			i = b.j0 + d
		}
		if i+i-d < behind {
			behind, behindI = i+i-d, i
		}
	}
	if b.i1+b.j1-behind < ahead-(b.i0+b.j0) {
		return point{aheadI, ahead - aheadI, true, false}
	}
	return point{behindI, behind - behindI, false, true}
}

func abs(n int) int { return max(n, -n) }
