package table

import "slices"

// layout is where the columns go at one width.
type layout struct {
	w     int
	cells []span
}

type span struct {
	col  int // index into Columns
	id   string
	x, w int
}

func (l layout) visible(id string) bool {
	return slices.ContainsFunc(l.cells, func(s span) bool { return s.id == id })
}

// fit places the columns in w cells, the first of which is the gutter. Columns are left out in the order of Drop
// until the rest has its minimum; what is left over goes to those with Flex. Data plays no part: nothing jumps when
// it changes.
func fit(cc []Column, w int) layout {
	keep := make([]int, len(cc))
	for i := range cc {
		keep[i] = i
	}
	for 1+need(cc, keep, minimum) > w {
		drop := -1
		for at, i := range keep {
			if cc[i].Drop > 0 && (drop < 0 || cc[i].Drop >= cc[keep[drop]].Drop) {
				drop = at
			}
		}
		if drop < 0 {
			break
		}
		keep = slices.Delete(keep, drop, drop+1)
	}
	widths := make([]int, len(keep))
	flex := 0
	for at, i := range keep {
		widths[at] = minimum(cc[i])
		flex += cc[i].Flex
	}
	spare := w - 1 - need(cc, keep, minimum)
	for at, i := range keep { // first everybody gets what they want, from left to right
		more := min(max(cc[i].Width-widths[at], 0), max(spare, 0))
		widths[at] += more
		spare -= more
	}
	for at, i := range keep {
		if cc[i].Flex > 0 && spare > 0 {
			more := spare * cc[i].Flex / flex
			widths[at] += more
			spare -= more
			flex -= cc[i].Flex
		}
	}
	l := layout{w: w}
	x := 1
	for at, i := range keep {
		l.cells = append(l.cells, span{col: i, id: cc[i].ID, x: x, w: widths[at]})
		x += widths[at] + gap(cc[i])
	}
	return l
}

func minimum(c Column) int {
	if c.Min > 0 {
		return min(c.Min, max(c.Width, c.Min))
	}
	return c.Width
}

func gap(c Column) int {
	if c.Tight {
		return 1
	}
	return 2
}

func need(cc []Column, keep []int, width func(Column) int) int {
	n := 0
	for at, i := range keep {
		n += width(cc[i])
		if at < len(keep)-1 {
			n += gap(cc[i])
		}
	}
	return n
}
