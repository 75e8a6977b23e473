package table

import (
	"ops-console/themes"
	"ops-console/tui/paint"
	"ops-console/tui/pane"
)

// View draws the column titles and as many rows as fit: exactly h lines of exactly w cells. It remembers where it
// put things, for Click and Page; a second call draws the same.
func (t *Table) View(env *pane.Env, w, h int) []string {
	if h <= 0 {
		return nil
	}
	if t.layout.w != w || t.layout.cells == nil {
		t.layout = fit(t.Columns, w)
	}
	out := make([]string, 0, h)
	l := paint.New(env.Theme, env.Glyphs, w)
	out = append(out, t.titles(l))
	t.height = h - 1
	t.scroll()
	if t.shown == 0 && h > 1 {
		out = append(out, l.Reset(w).Gap(2).Text(themes.Muted, t.Empty).String())
	}
	for e := t.top; e < len(t.entries) && len(out) < h; e++ {
		l.Reset(w)
		if en := t.entries[e]; en.row < 0 {
			t.header(l, t.groups[en.group])
		} else {
			t.row(l, en.row, e == t.cursor && !t.Blurred, env.Focused)
		}
		out = append(out, l.String())
	}
	for len(out) < h {
		out = append(out, l.Reset(w).String())
	}
	return out
}

// scroll keeps the cursor two entries away from the edges where there are more beyond them, and no blank below the
// last row while rows are hidden above the first.
func (t *Table) scroll() {
	margin := min(2, max(t.height-1, 0)/2)
	if t.cursor >= 0 {
		t.top = max(min(t.top, t.cursor-margin), t.cursor+margin-t.height+1)
	}
	t.top = max(min(t.top, len(t.entries)-t.height), 0)
}

func (t *Table) titles(l *paint.Line) string {
	for _, s := range t.layout.cells {
		c := &t.Columns[s.col]
		title, role := c.Title, themes.Faint
		if c.ID == t.sortBy && c.ID != "" {
			role = themes.Accent
			arrow := l.Glyphs.Up
			if t.desc {
				arrow = l.Glyphs.Down
			}
			if paint.Width(title, l.Glyphs)+2 <= s.w {
				title += " "
			}
			title += arrow
		}
		l.To(s.x).Cell(role, title, s.w, c.Align)
	}
	return l.String()
}

func (t *Table) row(l *paint.Line, i int, selected, focused bool) {
	if selected {
		l.On(themes.Selection)
		role := themes.Accent
		if !focused {
			role = themes.Faint
		}
		l.Text(role, l.Glyphs.Gutter)
	}
	for _, s := range t.layout.cells {
		c := &t.Columns[s.col]
		l.To(s.x)
		if c.Draw != nil {
			l.Within(s.w, func(l *paint.Line) { c.Draw(l, i, s.w) })
			continue
		}
		text, role := c.Cell(i)
		l.Cell(role, text, s.w, c.Align)
	}
}

func (t *Table) header(l *paint.Line, g group) {
	l.Gap(1)
	if t.GroupLine != nil {
		t.GroupLine(l, g.name, g.items)
		return
	}
	l.Rule(g.name, paint.Part{Role: themes.Muted, Text: paint.Count(len(g.items), "row", "rows")})
}

// Click takes a click at x, y of the last View. On a title it sorts by that column, or turns the order around; on a
// row it moves the cursor there and returns the row.
func (t *Table) Click(x, y int) (row int, ok bool) {
	if y == 0 {
		for _, s := range t.layout.cells {
			c := &t.Columns[s.col]
			if x < s.x || x >= s.x+s.w || c.Compare == nil {
				continue
			}
			if c.ID == t.sortBy {
				t.ReverseSort()
			} else {
				t.SetSort(c.ID, c.Desc)
			}
		}
		return 0, false
	}
	e := t.top + y - 1
	if y < 0 || y > t.height || e >= len(t.entries) || t.entries[e].row < 0 {
		return 0, false
	}
	t.place(e, 1)
	return t.entries[e].row, true
}
