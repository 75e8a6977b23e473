package plot

import (
	"math"

	"ops-console/themes"
	"ops-console/tui/glyph"
	"ops-console/tui/paint"
	"ops-console/tui/pane"
)

// Plot draws charts, and remembers what it drew: the same chart costs nothing. The zero value is ready for use.
type Plot struct {
	Window Window // of the last View

	key    key
	lines  []string
	canvas canvas
	ground []under
	kept   []kept // by series
	lo, hi []float64
}

// kept are the bins of a series, and what they depend on.
type kept struct {
	version          uint64
	first, end, step int64
	bins             []bin
}

// key is everything a picture depends on.
type key struct {
	version uint64
	theme   *themes.Theme
	glyphs  *glyph.Set
	w, h    int
	window  Window
	cursor  int
	log     bool
	lo, hi  float64
	bare    bool
}

// Sizes below which parts of a plot are left out.
const (
	leastCells = 12 // of the lines themselves
	mostName   = 12 // cells of a name
	leastAxis  = 5  // lines, for the two of the time axis
)

// View draws a chart: exactly h lines of exactly w cells.
func (p *Plot) View(env *pane.Env, c *Chart, w, h int) []string {
	w, h = max(w, 0), max(h, 0)
	left, right := c.Scale.Cells+2, c.nameCells(env.Glyphs)
	if w < left+right+leastCells {
		right = 0
	}
	if w < left+leastCells {
		left = 0
	}
	rows := h
	if h >= leastAxis {
		rows -= 2
	}
	g := grainOf(env.Glyphs)
	p.Window = window(c.To, c.Span, left, w-left-right, g.x)
	k := key{
		version: c.Version, theme: env.Theme, glyphs: env.Glyphs, w: w, h: h, window: p.Window, cursor: -1,
		log: c.Scale.Log, lo: c.Scale.Lo, hi: c.Scale.Hi, bare: c.Bare,
	}
	if !c.Cursor.IsZero() {
		k.cursor = p.Window.Cell(c.Cursor)
	}
	if c.Version != 0 && k == p.key && len(p.lines) == h {
		return p.lines
	}
	p.key = k
	p.raster(env, c, g, rows)
	p.lines = p.paint(env, c, k, rows, right)
	return p.lines
}

// nameCells is the width of the names, with the blank before them.
func (c *Chart) nameCells(g *glyph.Set) int {
	if c.Bare {
		return 0
	}
	n := 0
	for i := range c.Series {
		if s := &c.Series[i]; !s.Quiet {
			n = max(n, paint.Width(clip(s.Name), g))
		}
	}
	for i := range c.Limits {
		n = max(n, paint.Width(clip(c.Limits[i].Name), g))
	}
	if n == 0 {
		return 0
	}
	return min(n, mostName) + 1
}

// clip keeps as much of a name as can matter for its width.
func clip(s string) string { return s[:min(len(s), 4*mostName)] }

// raster puts the dots of all lines on the canvas, the most important last.
func (p *Plot) raster(env *pane.Env, c *Chart, g grain, rows int) {
	p.canvas.reset(g, p.Window.Cells, rows)
	if rows == 0 || p.Window.Cells == 0 {
		return
	}
	step := int64(p.Window.Step) / int64(g.x)
	first := p.Window.first * int64(g.x)
	dashed := (env.Theme == nil || env.Theme.Mono) && !env.Glyphs.ASCII
	for len(p.kept) < len(c.Series) {
		p.kept = append(p.kept, kept{})
	}
	end := first + int64(p.Window.Cells*g.x)
	for _, i := range c.byRank(nil) {
		s, k := &c.Series[i], &p.kept[i]
		if c.Data == 0 || k.version != c.Data || k.first != first || k.end != end || k.step != step {
			*k = kept{c.Data, first, end, step, s.bins(k.bins[:0], first, end, step)}
		}
		p.canvas.line(k.bins, first, c.Scale, int16(min(i+1, math.MaxInt16)), s.Style, dashed)
	}
}

// byRank are the indices of the series, the least important first.
func (c *Chart) byRank(out []int) []int {
	for i := range c.Series {
		at := len(out)
		out = append(out, i)
		for at > 0 && c.Series[out[at-1]].Rank > c.Series[i].Rank {
			out[at] = out[at-1]
			at--
		}
		out[at] = i
	}
	return out
}

// Kinds of what a cell shows where there is no line.
const (
	kindBlank uint8 = iota
	kindShade
	kindLimit
	kindCursor
)

type under struct {
	kind uint8
	role themes.Role
}

func (p *Plot) paint(env *pane.Env, c *Chart, k key, rows, right int) []string {
	var (
		cells = p.Window.Cells
		ticks = c.tickRows(rows)
		names = c.names(p, rows)
		b     = paint.NewBlock(env.Theme, env.Glyphs, k.w, k.h)
	)
	p.underlay(c, k, rows)
	for y := range rows {
		l := b.Line()
		if p.Window.X > 0 {
			label, tick := "", " "
			if t, ok := ticks[y]; ok {
				label, tick = c.Scale.Label(t), env.Glyphs.Tick
			}
			l.Cell(themes.Faint, label, c.Scale.Cells, paint.Right).Gap(1).Text(themes.Border, tick)
		}
		for x := range cells {
			i := y*cells + x
			switch bits := p.canvas.bits[i]; {
			case bits != 0:
				s := &c.Series[p.canvas.owner[i]-1]
				l.Repeat(s.Role, p.canvas.shape(bits, s.Style), 1)
			case p.ground[i].kind != kindBlank:
				l.Repeat(p.ground[i].role, underShape(env.Glyphs, p.ground[i].kind), 1)
			default:
				l.Repeat(themes.Plain, " ", 1)
			}
		}
		if right > 0 {
			l.Gap(1)
			if n, ok := names[y]; ok {
				l.Max(n.Role, n.Text, right-1)
			}
		}
	}
	if k.h > rows {
		p.axis(env, c, k, b)
	}
	return b.Lines()
}

func underShape(g *glyph.Set, kind uint8) string {
	switch kind {
	case kindLimit:
		return g.Limit
	case kindCursor:
		return g.Col
	}
	return g.Shade
}

// underlay is what lies under the lines: the shade between bounds, limits, and the cursor over both.
func (p *Plot) underlay(c *Chart, k key, rows int) {
	cells := p.Window.Cells
	p.ground = append(p.ground[:0], make([]under, cells*rows)...)
	if rows == 0 || cells == 0 {
		return
	}
	out := p.ground
	row := func(v float64) int { return int(math.Round((1 - c.Scale.Pos(v)) * float64(rows-1))) }
	for i := range c.Series {
		s := &c.Series[i]
		if s.Lo == nil || s.Hi == nil {
			continue
		}
		p.lo, p.hi = grown(p.lo, cells), grown(p.hi, cells)
		s.band(p.lo, p.hi, p.Window.first, int64(p.Window.Step))
		for x := range cells {
			if math.IsNaN(p.lo[x]) || math.IsNaN(p.hi[x]) {
				continue
			}
			for y := row(p.hi[x]); y <= row(p.lo[x]); y++ {
				out[y*cells+x] = under{kindShade, themes.Border}
			}
		}
	}
	for _, lim := range c.Limits {
		pos := c.Scale.Pos(lim.Value)
		if !(pos > 0 && pos < 1) {
			continue
		}
		for y, x := row(lim.Value), 0; x < cells; x += 2 {
			out[y*cells+x] = under{kindLimit, lim.Role}
		}
	}
	if x := k.cursor; x >= 0 && x < cells {
		for y := range rows {
			out[y*cells+x] = under{kindCursor, themes.Accent}
		}
	}
}

func grown(s []float64, n int) []float64 {
	if cap(s) < n {
		return make([]float64, n)
	}
	return s[:n]
}
