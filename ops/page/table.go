package page

import (
	"cmp"
	"slices"
	"strings"
)

// Column is a column of a table. Where the width does not suffice, those with the lowest Drop above 0 are left out first.
type Column struct {
	Title string
	Right bool // aligned to the right
	Drop  int
}

// Table is rows of cells, some of which have text below them.
type Table struct {
	columns []Column
	rows    []row
}

type row struct {
	cells []string
	notes []string
}

// NewTable has no rows yet.
func NewTable(columns ...Column) *Table { return &Table{columns: columns} }

// Row adds a row with a cell for each column; an empty one is shown as a dash, so that every column has a word to be
// read out.
func (t *Table) Row(values ...string) {
	cc := make([]string, len(t.columns))
	for i := range cc {
		cc[i] = cmp.Or(values[i], "-")
	}
	t.rows = append(t.rows, row{cells: cc})
}

// Note adds a text below the latest row; an empty one is none.
func (t *Table) Note(s string) {
	if s != "" {
		r := &t.rows[len(t.rows)-1]
		r.notes = append(r.notes, s)
	}
}

// laid is a column that is shown, of the table's column i.
type laid struct {
	Column
	i, width int
}

// noted is how far notes are moved in.
const noted = 7

// Table writes t with its head. Cells that are levels get their colour. Spaces at the beginning of a cell in the first
// column stay: they show a tree.
func (p *Page) Table(t *Table) {
	if len(t.columns) == 0 {
		return
	}
	var all []laid
	for i, c := range t.columns {
		l := laid{Column: c, i: i, width: cells(c.Title)}
		for _, r := range t.rows {
			r.cells[i] = p.cell(r.cells[i])
			l.width = max(l.width, min(cells(r.cells[i]), 60))
		}
		all = append(all, l)
	}
	shown := p.fit(all)
	p.row(shown, func(c laid) string { return c.Title })
	for _, r := range t.rows {
		p.row(shown, func(c laid) string { return r.cells[c.i] })
		for _, n := range r.notes {
			p.Wrapped(noted, n)
		}
	}
}

func (p *Page) cell(s string) string {
	lead := len(s) - len(strings.TrimLeft(s, " "))
	return s[:lead] + p.Clean(s)
}

// fit leaves out columns until the rest fits.
func (p *Page) fit(cc []laid) []laid {
	for p.o.Width > 0 {
		total := 1
		next := -1
		for i, c := range cc {
			total += c.width + 2
			if c.Drop > 0 && (next < 0 || c.Drop < cc[next].Drop) {
				next = i
			}
		}
		if total-2 <= p.o.Width || next < 0 {
			break
		}
		cc = slices.Delete(cc, next, next+1)
	}
	return cc
}

func (p *Page) row(cc []laid, cell func(laid) string) {
	used := 1
	p.b.WriteByte(' ')
	for i, c := range cc {
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
		if i == len(cc)-1 && !c.Right {
			pad = ""
		}
		s = p.paint(s, s)
		if c.Right {
			s = pad + s
		} else {
			s += pad
		}
		p.b.WriteString(s)
		used += room + 2
		if i < len(cc)-1 && (p.o.Width == 0 || used < p.o.Width) {
			p.b.WriteString("  ")
		}
	}
	p.b.WriteByte('\n')
}
