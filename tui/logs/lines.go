package logs

import (
	"strings"
	"time"

	"ops-console/ops/logs"
	"ops-console/themes"
	"ops-console/tui/glyph"
	"ops-console/tui/paint"
	"ops-console/tui/pane"
)

// Widths from which there is more to see: milliseconds and the word of the level; which part of the platform said it.
const (
	medium = 100
	roomy  = 140
)

// columns is where what is said of a line goes. A width of 0 is a column that is not shown.
type columns struct {
	time, region, machine, level, from int
	text                               int // column at which the message begins
}

// columns is the layout for a width. What is the same in all lines has none.
func (p *Pane) columns(w int) columns {
	c := columns{time: 8, region: 4, machine: min(max(p.names.Len(), 7), 14)}
	if w >= medium {
		c.time, c.level = 12, 5
	}
	if w >= roomy {
		c.from = 6
	}
	if p.only.Machine != "" {
		c.machine, c.region = 0, 0
	}
	if p.only.Region != "" {
		c.region = 0
	}
	c.text = 3
	for _, n := range []int{c.time, c.region, c.machine, c.level, c.from} {
		if n > 0 {
			c.text += n + 1
		}
	}
	c.text++
	return c
}

func (c columns) titles(l *paint.Line) {
	l.Gap(3)
	for _, x := range []struct {
		title string
		n     int
	}{{"TIME", c.time}, {"REG", c.region}, {"MACHINE", c.machine}, {"LEVEL", c.level}, {"FROM", c.from}} {
		if x.n > 0 {
			l.Cell(themes.Faint, x.title, x.n, paint.Left).Gap(1)
		}
	}
	l.To(c.text).Text(themes.Faint, "TEXT")
}

// mark is how a level looks.
func mark(g *glyph.Set, l logs.Level) paint.Mark {
	switch l {
	case logs.Error:
		return paint.Mark{Glyph: g.Crit, Role: themes.Crit, Word: "error"}
	case logs.Warn:
		return paint.Mark{Glyph: g.Warn, Role: themes.Warn, Word: "warn"}
	case logs.Info:
		return paint.Mark{Glyph: g.Dot, Role: themes.Muted, Word: "info"}
	case logs.Debug:
		return paint.Mark{Glyph: " ", Role: themes.Muted, Word: "debug"}
	case logs.NoLevel:
	}
	return paint.Mark{Glyph: " ", Role: themes.Muted}
}

// lines draws as many lines as there is room for.
func (p *Pane) lines(env *pane.Env, b *paint.Block, c columns, w, h int) {
	p.height = h
	room := w - c.text
	p.arrange(room, h)
	for i := p.top; i < len(p.rows) && len(p.drawn) < h; i++ {
		l := p.line(p.rows[i])
		if l == nil {
			continue
		}
		if n := p.missing(i); n > 0 {
			b.Line().Gap(3).Text(themes.Stale, env.Glyphs.Ellipsis+" "+paint.Count(int(min(n, 1<<31)), "line was", "lines were")+" let go of here: too many came since")
			p.drawn = append(p.drawn, -1)
		}
		texts := []string{l.Brief()}
		if p.wrap {
			texts = broken(texts[0], room, h, env.Glyphs)
		}
		for k, text := range texts {
			if len(p.drawn) >= h {
				break
			}
			out := b.Line()
			p.gutter(env, out, i)
			if k == 0 {
				p.facts(env, out, c, l)
			}
			p.message(out.To(c.text), l, text, i == p.cursor && !p.following)
			p.drawn = append(p.drawn, i)
		}
	}
}

// gutter marks the line under the cursor.
func (p *Pane) gutter(env *pane.Env, l *paint.Line, i int) {
	if i != p.cursor {
		l.Gap(1)
		return
	}
	// While the newest is followed, the cursor is always there: a quiet mark will do.
	role := themes.Accent
	if p.following || !env.Focused {
		role = themes.Faint
	}
	if !p.following {
		l.On(themes.Selection)
	}
	l.Text(role, l.Glyphs.Gutter)
}

// facts draws what is known of a line besides what it says.
func (p *Pane) facts(env *pane.Env, out *paint.Line, c columns, l *logs.Line) {
	m := mark(out.Glyphs, l.Level)
	out.Text(m.Role, m.Glyph).Gap(1).Cell(themes.Muted, clock(env.Now, l.At, c.time), c.time, paint.Left).Gap(1)
	if c.region > 0 {
		out.Cell(themes.Muted, l.Region, c.region, paint.Left).Gap(1)
	}
	if c.machine > 0 {
		out.Cell(themes.Muted, p.names.Short(l.Machine), c.machine, paint.Left).Gap(1)
	}
	if c.level > 0 {
		out.Cell(m.Role, m.Word, c.level, paint.Left).Gap(1)
	}
	if c.from > 0 {
		out.Cell(themes.Faint, string(l.Provider), c.from, paint.Left)
	}
}

// clock is a line's time in so many cells: of another day, its date comes first.
func clock(now, at time.Time, cells int) string {
	at, now = at.UTC(), now.UTC()
	if y, m, d := at.Date(); y != now.Year() || m != now.Month() || d != now.Day() {
		if cells < 11 {
			return at.Format("01-02")
		}
		return at.Format("01-02 15:04")
	}
	if cells < 12 {
		return at.Format("15:04:05")
	}
	return at.Format("15:04:05.000")
}

// message draws what a line says, with what was looked for marked.
func (p *Pane) message(out *paint.Line, l *logs.Line, text string, selected bool) {
	role, ground, found := themes.Plain, themes.Base, themes.Active
	if selected {
		ground = themes.Selection
		if out.Theme.Mono { // both are reversed
			found = themes.Accent
		}
	}
	if l.Level == logs.Debug {
		role = themes.Muted
	}
	head, rest := paint.Cut(text, out.Rest(), out.Glyphs)
	dots := ""
	if rest != "" || paint.Width(head, out.Glyphs) > out.Rest() {
		dots = out.Glyphs.Ellipsis
		if n := out.Rest() - len([]rune(dots)); n > 0 {
			head, _ = paint.Cut(text, n, out.Glyphs)
		} else {
			head = ""
		}
	}
	at := 0
	for !p.match.Empty() {
		begin, end, ok := p.match.Find(head, at)
		if !ok {
			break
		}
		out.Text(role, head[at:begin]).On(themes.Base).Text(found, head[begin:end]).On(ground)
		at = end
	}
	out.Text(role, head[at:]).Text(role, dots)
}

// missing is how many lines between a row and the one before it are not kept any more.
func (p *Pane) missing(i int) uint64 {
	if i == 0 {
		return 0
	}
	before, at := p.rows[i-1], p.rows[i]
	first, last := p.now.First(), p.held.Last()
	if !p.following && last > 0 && first > last+1 && at >= born+place(first) && before > born && before <= born+place(last) {
		return first - last - 1
	}
	if oldest := p.oldest(); before <= born && at > born && oldest > p.past.before {
		return oldest - p.past.before
	}
	return 0
}

// oldest is the number of the oldest line of the log that is kept.
func (p *Pane) oldest() uint64 {
	if !p.following && p.held.First() > 0 {
		return min(p.held.First(), p.now.First())
	}
	return p.now.First()
}

// tall is how many lines a row takes.
func (p *Pane) tall(i, room, most int) int {
	n := 1
	if l := p.line(p.rows[i]); p.wrap && l != nil {
		n = len(broken(l.Brief(), room, most, p.glyphs))
	}
	if p.missing(i) > 0 {
		n++
	}
	return n
}

// arrange decides what is shown in h lines: the cursor's line always, the end where it is followed, and no blank below the
// last line while there are others above the first.
func (p *Pane) arrange(room, h int) {
	last := len(p.rows) - 1
	if p.following {
		p.cursor = last
	}
	p.cursor = max(min(p.cursor, last), 0)
	low, high := p.above(p.cursor, room, h), p.above(last, room, h)
	p.top = max(min(p.top, p.cursor, high), low)
}

// above is the first row that can be shown with row i whole, in h lines.
func (p *Pane) above(i, room, h int) int {
	h -= p.tall(i, room, h)
	for i > 0 {
		if h -= p.tall(i-1, room, h+1); h < 0 {
			break
		}
		i--
	}
	return i
}

// broken is a text in lines of w cells, most of them at most: broken at spaces where there are some, else anywhere. What is
// left over stays in the last one.
func broken(s string, w, most int, g *glyph.Set) []string {
	var out []string
	for w > 0 && len(out) < most-1 {
		head, rest := paint.Cut(s, w, g)
		if rest == "" {
			break
		}
		if at := strings.LastIndexByte(head, ' '); rest[0] != ' ' && at > len(head)/2 {
			head, rest = s[:at], s[at:]
		}
		out = append(out, head)
		s = strings.TrimLeft(rest, " ")
	}
	if s != "" || len(out) == 0 {
		out = append(out, s)
	}
	return out
}
