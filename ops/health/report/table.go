package report

import (
	"cmp"
	"slices"
	"strings"

	"ops-console/ops/health"
)

// column is a column of a table. Where the width does not suffice, the columns with the lowest drop above 0 go first.
type column struct {
	title string
	right bool // aligned to the right
	drop  int
	cells []string
	width int
}

type table []column

// row adds one cell to each column; an empty one is shown as a dash, so that every column has a word to be read out.
func (t table) row(values ...string) {
	for i := range t {
		t[i].cells = append(t[i].cells, cmp.Or(values[i], "-"))
	}
}

// table writes t with its head. Words that are levels get their colour.
func (p *printer) table(t table) {
	for i := range t {
		c := &t[i]
		c.width = cells(c.title)
		for j, s := range c.cells {
			c.cells[j] = p.ascii(s)
			c.width = max(c.width, min(cells(c.cells[j]), 60))
		}
	}
	t = p.fit(t)
	if len(t) == 0 {
		return
	}
	p.row(t, func(c column) string { return c.title })
	for j := range t[0].cells {
		p.row(t, func(c column) string { return c.cells[j] })
	}
}

// fit leaves out columns until the rest fits.
func (p *printer) fit(t table) table {
	t = slices.Clone(t)
	for p.o.Width > 0 {
		total := 1
		next := -1
		for i, c := range t {
			total += c.width + 2
			if c.drop > 0 && (next < 0 || c.drop < t[next].drop) {
				next = i
			}
		}
		if total-2 <= p.o.Width || next < 0 {
			break
		}
		t = slices.Delete(t, next, next+1)
	}
	return t
}

func (p *printer) row(t table, cell func(column) string) {
	used := 1
	p.b.WriteByte(' ')
	for i, c := range t {
		room := c.width
		if p.o.Width > 0 {
			room = min(room, p.o.Width-used)
		}
		if room <= 0 {
			break
		}
		s := cell(c)
		if cells(s) > room {
			s = truncate(s, room)
		}
		pad := strings.Repeat(" ", room-cells(s))
		if i == len(t)-1 && !c.right {
			pad = ""
		}
		if l := health.Level(s); known(l) {
			s = p.paint(l, s)
		}
		if c.right {
			s = pad + s
		} else {
			s += pad
		}
		p.b.WriteString(s)
		used += room + 2
		if i < len(t)-1 && (p.o.Width == 0 || used < p.o.Width) {
			p.b.WriteString("  ")
		}
	}
	p.b.WriteByte('\n')
}

func known(l health.Level) bool {
	switch l {
	case health.LevelCritical, health.LevelWarning, health.LevelUnknown, health.LevelOK, health.LevelStopped:
		return true
	}
	return false
}
