package tui

import (
	tea "charm.land/bubbletea/v2"

	"ops-console/themes"
	"ops-console/tui/menu"
	"ops-console/tui/paint"
	"ops-console/tui/pane"
)

// overlay is a box over the dimmed frame. It gets every key while it is open.
type overlay interface {
	key(m *Model, k tea.KeyPressMsg) tea.Cmd
	paste(text string)
	click(m *Model, y int) tea.Cmd // on a line of its inside
	wheel(m *Model, by int) tea.Cmd
	width(w int) int                             // of its inside, of w that there are
	view(env *pane.Env, w, h int) []string       // at most h lines of w cells
	frame() (border themes.Role, keys []keyHint) // how the box looks, and what can be pressed
}

type keyHint struct{ key, help string }

// list is an overlay with a menu.
type list struct {
	menu   *menu.Menu
	wide   bool
	choose func(i int) tea.Cmd // nil: there is nothing to choose
	move   func(i int)         // called when the cursor has moved
	cancel func()              // called when nothing was chosen
	last   int
}

func (l *list) key(m *Model, k tea.KeyPressMsg) tea.Cmd {
	switch s := k.String(); {
	case s == "esc" || s == "ctrl+c" || s == "?" && l.menu.Reading && l.menu.Typed() == "":
		return l.leave(m)
	case s == "enter":
		return l.take(m)
	}
	l.menu.Key(k)
	l.moved()
	return nil
}

func (l *list) leave(m *Model) tea.Cmd {
	m.over = nil
	if l.cancel != nil {
		l.cancel()
	}
	return nil
}

func (l *list) take(m *Model) tea.Cmd {
	i, ok := l.menu.Choice()
	if l.choose == nil || !ok {
		return l.leave(m)
	}
	m.over = nil
	return l.choose(i)
}

func (l *list) moved() {
	if i, ok := l.menu.Choice(); ok && l.move != nil && i != l.last {
		l.last = i
		l.move(i)
	}
}

func (l *list) paste(text string) { l.menu.Paste(text); l.moved() }

func (l *list) click(m *Model, y int) tea.Cmd {
	before, _ := l.menu.Choice()
	if !l.menu.Click(y) {
		return nil
	}
	if now, _ := l.menu.Choice(); now == before {
		return l.take(m)
	}
	l.moved()
	return nil
}

func (l *list) wheel(_ *Model, by int) tea.Cmd { l.menu.Move(3 * by); l.moved(); return nil }

func (l *list) width(w int) int {
	if l.wide {
		return min(w, 110)
	}
	return min(w, 76)
}

func (l *list) view(env *pane.Env, w, h int) []string { return l.menu.View(env, w, h) }

func (l *list) frame() (themes.Role, []keyHint) {
	if l.choose == nil {
		return themes.Border, []keyHint{{"type", "to search"}, {"esc", "close"}}
	}
	return themes.Border, []keyHint{{"type", "to search"}, {"enter", "choose"}, {"esc", "close"}}
}

// rect is a place on the screen.
type rect struct{ x, y, w, h int }

// compose draws a box in the middle of a frame, and dims the rest: nothing behind it competes. It returns where the
// inside of the box is.
func compose(env *pane.Env, lines []string, w, h int, o overlay) ([]string, rect) {
	inner := o.width(max(w-8, min(w-4, 40)))
	if inner < 10 || h < 5 {
		return lines, rect{}
	}
	border, keys := o.frame()
	body := o.view(env, inner, h-4)
	box := rect{x: (w - inner - 4) / 2, y: max((h-len(body)-3)/3, 0), w: inner + 4, h: len(body) + 3}

	g := env.Glyphs
	l := paint.New(env.Theme, g, box.w)
	drawn := make([]string, 0, box.h)
	drawn = append(drawn, l.On(themes.Over).Text(border, g.Corners[0]).Repeat(border, g.Rule, box.w-2).Text(border, g.Corners[1]).String())
	side := func(draw func(l *paint.Line)) {
		l.Reset(box.w).On(themes.Over).Text(border, g.Col).Gap(1)
		draw(l)
		drawn = append(drawn, l.To(box.w-2).Gap(1).Text(border, g.Col).String())
	}
	for _, s := range body {
		side(func(l *paint.Line) { l.Splice(s, inner) })
	}
	side(func(l *paint.Line) {
		l.Within(inner, func(l *paint.Line) {
			for i, k := range keys {
				if i > 0 {
					l.Gap(3)
				}
				l.Key(k.key, k.help)
			}
		})
	})
	drawn = append(drawn, l.Reset(box.w).On(themes.Over).Text(border, g.Corners[2]).Repeat(border, g.Rule, box.w-2).Text(border, g.Corners[3]).String())

	out := make([]string, len(lines))
	for y, s := range lines {
		if at := y - box.y; at >= 0 && at < len(drawn) {
			left, right := paint.Dim(env.Theme, g, s, box.x, box.x+box.w, w)
			out[y] = left + drawn[at] + right
			continue
		}
		left, _ := paint.Dim(env.Theme, g, s, w, w, w)
		out[y] = left
	}
	return out, rect{x: box.x + 2, y: box.y + 1, w: inner, h: len(body)}
}
