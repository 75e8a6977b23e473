package plot

import (
	"cmp"
	"math"
	"slices"
	"time"

	"ops-console/themes"
	"ops-console/tui/paint"
	"ops-console/tui/pane"
)

// tickRows are the values that have a label, by row: no two in rows next to each other.
func (c *Chart) tickRows(rows int) map[int]float64 {
	out := map[int]float64{}
	if rows == 0 || c.Scale.Ticks == nil {
		return out
	}
	last := rows + 2
	for _, v := range c.Scale.Ticks(rows) {
		pos := c.Scale.Pos(v)
		if math.IsNaN(pos) {
			continue
		}
		y := int(math.Round((1 - pos) * float64(rows-1)))
		if last-y < 2 {
			continue
		}
		out[y], last = v, y
	}
	return out
}

// names are what is said at the right, by row: where each line ends, or as near to there as there is room, in the order of
// the lines.
func (c *Chart) names(p *Plot, rows int) map[int]paint.Part {
	type name struct {
		paint.Part
		rank, row int
		pos       float64
	}
	var nn []name
	add := func(part paint.Part, rank int, v float64) {
		pos := c.Scale.Pos(v)
		if part.Text == "" || math.IsNaN(pos) || rows == 0 {
			return
		}
		nn = append(nn, name{part, rank, int(math.Round((1 - pos) * float64(rows-1))), pos})
	}
	from, to := p.Window.From(), p.Window.To()
	for i := range c.Series {
		s := &c.Series[i]
		if s.Quiet {
			continue
		}
		if last := s.last(from, to); last >= 0 {
			add(paint.Part{Role: s.Role, Text: s.Name}, s.Rank, s.V[last])
		}
	}
	// What there is no room for is left out from the least important on.
	slices.SortStableFunc(nn, func(a, b name) int { return cmp.Compare(b.rank, a.rank) })
	nn = nn[:min(len(nn), rows)]
	slices.SortStableFunc(nn, func(a, b name) int { return cmp.Or(cmp.Compare(b.pos, a.pos), cmp.Compare(a.Text, b.Text)) })
	for i := range nn {
		if i > 0 {
			nn[i].row = max(nn[i].row, nn[i-1].row+1)
		}
	}
	for i := len(nn) - 1; i >= 0; i-- {
		nn[i].row = min(nn[i].row, rows-(len(nn)-i))
	}
	out := make(map[int]paint.Part, len(nn))
	for _, n := range nn {
		out[n.row] = n.Part
	}
	for _, lim := range c.Limits {
		pos := c.Scale.Pos(lim.Value)
		if !(pos > 0 && pos < 1) || rows == 0 {
			continue
		}
		if y := int(math.Round((1 - pos) * float64(rows-1))); out[y].Text == "" {
			out[y] = paint.Part{Role: lim.Role, Text: lim.Name}
		}
	}
	return out
}

// last is the index of the last known value between two moments; -1 where there is none.
func (s *Series) last(from, to time.Time) int {
	a, b := s.between(from.UnixNano(), to.UnixNano())
	for i := b - 1; i >= a; i-- {
		if !math.IsNaN(s.V[i]) {
			return i
		}
	}
	return -1
}

// Steps of the time axis, and how far apart its labels are at least.
var timeSteps = []time.Duration{
	time.Second, 2 * time.Second, 5 * time.Second, 10 * time.Second, 15 * time.Second, 30 * time.Second, time.Minute, 2 * time.Minute,
	5 * time.Minute, 10 * time.Minute, 15 * time.Minute, 30 * time.Minute, time.Hour, 2 * time.Hour, 3 * time.Hour, 6 * time.Hour, 12 * time.Hour, 24 * time.Hour,
}

const labelsApart = 14

// timeStep is how much time lies between two labels, and how they are written.
func (w Window) timeStep() (step time.Duration, layout string) {
	step = timeSteps[len(timeSteps)-1]
	for _, s := range timeSteps {
		if s >= w.Step*labelsApart {
			step = s
			break
		}
	}
	switch {
	case step < time.Minute:
		return step, "15:04:05"
	case step < 24*time.Hour:
		return step, "15:04"
	}
	return step, "01-02"
}

// cell is one cell of a line that is put together out of order.
type cell struct {
	role themes.Role
	text string
}

// axis draws the two lines below a plot: the marks, and what time it is.
func (p *Plot) axis(env *pane.Env, c *Chart, k key, b *paint.Block) {
	w := p.Window
	line := make([]cell, w.Cells)
	for x := range line {
		line[x] = cell{themes.Border, env.Glyphs.Rule}
	}
	labels := make([]cell, k.w)
	step, layout := w.timeStep()
	for x := range w.Cells {
		from, to := w.Start(x), w.Start(x+1)
		at := to.Add(-1).Truncate(step)
		if at.Before(from) {
			continue
		}
		line[x].text = env.Glyphs.Hour
		write(labels, themes.Faint, at.UTC().Format(layout), w.X+x, false)
	}
	ranks := make([]int, w.Cells)
	for _, m := range c.Marks {
		x := w.Cell(m.At)
		if x < 0 || x >= w.Cells || m.Rank < ranks[x] {
			continue
		}
		line[x], ranks[x] = cell{m.Role, m.Glyph}, m.Rank
	}
	if x := k.cursor; x >= 0 && x < w.Cells {
		write(labels, themes.Accent, w.Start(x).UTC().Format("15:04:05Z"), w.X+x, true)
	}
	l := b.Line()
	if w.X > 0 {
		l.To(w.X-1).Text(themes.Border, env.Glyphs.Foot)
	}
	for _, cl := range line {
		l.Max(cl.role, cl.text, 1)
	}
	l = b.Line()
	for _, cl := range labels {
		if cl.text == "" {
			l.Gap(1)
		} else {
			l.Text(cl.role, cl.text)
		}
	}
}

// write puts an ASCII text around the middle of a line of cells, if there is room for all of it: with over, the words
// that are in its way are taken out whole.
func write(cc []cell, r themes.Role, text string, middle int, over bool) {
	x := middle - len(text)/2
	if over {
		x = max(min(x, len(cc)-len(text)), 0)
	}
	if x < 0 || x+len(text) > len(cc) {
		return
	}
	from, to := max(x-1, 0), min(x+len(text)+1, len(cc))
	for from > 0 && cc[from].text != "" {
		from--
	}
	for to < len(cc) && cc[to-1].text != "" {
		to++
	}
	clear(cc[from:to])
	for i := range len(text) {
		cc[x+i] = cell{r, text[i : i+1]}
	}
}
