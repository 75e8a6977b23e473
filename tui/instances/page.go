package instances

import (
	"ops-console/themes"
	"ops-console/tui/paint"
	"ops-console/tui/pane"
	"ops-console/tui/prose"
)

// page is a text of lines that are drawn only where they are visible.
type page struct {
	env   *pane.Env
	w     int
	lines []func(l *paint.Line)
}

// line appends a line.
func (g *page) line(draw func(l *paint.Line)) { g.lines = append(g.lines, draw) }

// heading appends a heading, with a blank line before it.
func (g *page) heading(title string, right ...paint.Part) {
	if len(g.lines) > 0 {
		g.line(func(l *paint.Line) {})
	}
	g.line(func(l *paint.Line) { l.Rule(title, right...) })
}

// text appends a sentence in at most n lines. lead stands before the first one, which begins at x.
func (g *page) text(r themes.Role, x int, lead paint.Part, s string, n int) {
	lines := prose.Wrap(g.env.Glyphs, s, g.w-x, n)
	for i, s := range lines {
		g.line(func(l *paint.Line) {
			if i == 0 && lead.Text != "" {
				l.To(x-paint.Width(lead.Text, l.Glyphs)-1).Text(lead.Role, lead.Text)
			}
			l.To(x).Text(r, s)
		})
	}
}

// labelX is where the values of labelled facts begin.
const labelX = 12

// fact appends "label  value", and how old it is at the end of the line.
func (g *page) fact(label, value string, r themes.Role, age string) {
	g.labelled(label, labelX-3, value, r, age)
}

// labelled is fact with a label of its own width.
func (g *page) labelled(label string, cells int, value string, r themes.Role, age string) {
	if value == "" {
		value, r = g.env.Glyphs.Dash, themes.Faint
	}
	g.line(func(l *paint.Line) {
		l.Gap(2).Cell(themes.Muted, label, cells, paint.Left).Gap(1)
		room := l.Rest()
		if age != "" {
			room -= len(age) + 2
		}
		l.Max(r, value, room)
		if age != "" {
			l.Right(paint.Part{Role: themes.Faint, Text: age})
		}
	})
}

// view draws h lines from the one at top.
func (g *page) view(top, h int) []string {
	b := paint.NewBlock(g.env.Theme, g.env.Glyphs, g.w, h)
	for i := top; i < len(g.lines) && b.Rest() > 0; i++ {
		g.lines[i](b.Line())
	}
	return b.Lines()
}

// scroll is a place in a page that knows how far it can go from the last time it was drawn.
type scroll struct {
	top, lines, height int
}

func (s *scroll) move(n int) { s.top = max(min(s.top+n, s.lines-s.height), 0) }

// fit takes the size of what is drawn now.
func (s *scroll) fit(lines, height int) {
	s.lines, s.height = lines, height
	s.move(0)
}
