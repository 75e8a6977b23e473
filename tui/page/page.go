// Package page holds texts that are longer than the screen: headings, sentences and labelled facts, of which only the
// visible lines are drawn, and a place in them. It decides nothing about what is said.
package page

import (
	tea "charm.land/bubbletea/v2"

	"ops-console/themes"
	"ops-console/tui/action"
	"ops-console/tui/paint"
	"ops-console/tui/pane"
	"ops-console/tui/prose"
)

// Page is a text of lines that are drawn only where they are visible. Make one with New.
type Page struct {
	Env   *pane.Env
	W     int // cells
	lines []func(l *paint.Line)
}

// New is an empty page of w cells.
func New(env *pane.Env, w int) *Page { return &Page{Env: env, W: w} }

// Len is how many lines it has.
func (g *Page) Len() int { return len(g.lines) }

// Line appends a line.
func (g *Page) Line(draw func(l *paint.Line)) { g.lines = append(g.lines, draw) }

// Heading appends a heading, with a blank line before it.
func (g *Page) Heading(title string, right ...paint.Part) {
	if len(g.lines) > 0 {
		g.Line(func(l *paint.Line) {})
	}
	g.Line(func(l *paint.Line) { l.Rule(title, right...) })
}

// Text appends a sentence in at most n lines. lead stands before the first one, which begins at x.
func (g *Page) Text(r themes.Role, x int, lead paint.Part, s string, n int) {
	lines := prose.Wrap(g.Env.Glyphs, s, g.W-x, n)
	for i, s := range lines {
		g.Line(func(l *paint.Line) {
			if i == 0 && lead.Text != "" {
				l.To(x-paint.Width(lead.Text, l.Glyphs)-1).Text(lead.Role, lead.Text)
			}
			l.To(x).Text(r, s)
		})
	}
}

// LabelX is where the values of labelled facts begin.
const LabelX = 12

// Fact appends "label  value", and how old it is at the end of the line.
func (g *Page) Fact(label, value string, r themes.Role, age string) {
	g.Labelled(label, LabelX-3, value, r, age)
}

// Labelled is Fact with a label of its own width.
func (g *Page) Labelled(label string, cells int, value string, r themes.Role, age string) {
	if value == "" {
		value, r = g.Env.Glyphs.Dash, themes.Faint
	}
	g.Line(func(l *paint.Line) {
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

// Told appends "label  value", the value in at most n lines.
func (g *Page) Told(label, value string, r themes.Role, n int) {
	for i, s := range prose.Wrap(g.Env.Glyphs, value, g.W-LabelX, n) {
		g.Line(func(l *paint.Line) {
			if i == 0 {
				l.Gap(2).Cell(themes.Muted, label, LabelX-3, paint.Left)
			}
			l.To(LabelX).Text(r, s)
		})
	}
}

// View draws h lines from the one at top.
func (g *Page) View(top, h int) []string {
	b := paint.NewBlock(g.Env.Theme, g.Env.Glyphs, g.W, h)
	for i := top; i < len(g.lines) && b.Rest() > 0; i++ {
		g.lines[i](b.Line())
	}
	return b.Lines()
}

// Scroll is a place in a page that knows how far it can go from the last time it was drawn.
type Scroll struct {
	Top, Lines, Height int
}

// Move goes n lines down.
func (s *Scroll) Move(n int) { s.Top = max(min(s.Top+n, s.Lines-s.Height), 0) }

// Fit takes the size of what is drawn now.
func (s *Scroll) Fit(lines, height int) {
	s.Lines, s.Height = lines, height
	s.Move(0)
}

// Draw draws a page at the place, in h lines; the last one says how many more there are.
func (s *Scroll) Draw(g *Page, h int) []string {
	s.Fit(g.Len(), h)
	lines := g.View(s.Top, h)
	if below := g.Len() - s.Top - h; below > 0 && h > 2 {
		lines[h-1] = paint.New(g.Env.Theme, g.Env.Glyphs, g.W).Right(
			paint.Part{Role: themes.Faint, Text: paint.Count(below+1, "more line", "more lines") + "  "},
			paint.Part{Role: themes.Accent, Text: "J"},
		).String()
	}
	return lines
}

// Actions are what moves the place: half pages only where the other keys belong to something else on the screen.
func (s *Scroll) Actions(whole bool) []action.Action {
	do := func(n func() int) func(string) tea.Cmd {
		return func(string) tea.Cmd { s.Move(n()); return nil }
	}
	half := func() int { return max(s.Height/2, 1) }
	out := []action.Action{
		{Name: "half page down", Help: "scroll the detail down", Keys: []string{"ctrl+d", "J"}, Hidden: true, Run: do(half)},
		{Name: "half page up", Help: "scroll the detail up", Keys: []string{"ctrl+u", "K"}, Hidden: true, Run: do(func() int { return -half() })},
	}
	if !whole {
		return out
	}
	return append(out,
		action.Action{Name: "down", Help: "scroll down", Keys: []string{"j", "down"}, Hidden: true, Run: do(func() int { return 1 })},
		action.Action{Name: "up", Help: "scroll up", Keys: []string{"k", "up"}, Hidden: true, Run: do(func() int { return -1 })},
		action.Action{Name: "page down", Help: "a page down", Keys: []string{"pgdown", "ctrl+f"}, Hidden: true, Run: do(func() int { return s.Height })},
		action.Action{Name: "page up", Help: "a page up", Keys: []string{"pgup", "ctrl+b"}, Hidden: true, Run: do(func() int { return -s.Height })},
		action.Action{Name: "top", Help: "first line", Keys: []string{"g", "home"}, Hidden: true, Run: do(func() int { return -s.Lines })},
		action.Action{Name: "bottom", Help: "last line", Keys: []string{"G", "end"}, Hidden: true, Run: do(func() int { return s.Lines })},
	)
}
