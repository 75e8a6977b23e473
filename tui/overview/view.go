package overview

import (
	"ops-console/ops/health"
	"ops-console/tui/paint"
	"ops-console/tui/pane"
)

// The widths at which there is room for a second and a third column beside the first.
const (
	twoColumns   = 120
	threeColumns = 160
)

// section is a part of a column: a heading and what is under it. It gets at least least lines or is left out, and no
// more than most. draw is told the position of its block in the pane.
type section struct {
	least, most int
	aside       bool // shown only where the others have all they want
	patient     bool // wants more only after the others
	draw        func(b *paint.Block, w, x, y int)
}

// View draws the pane: exactly h lines of exactly w cells.
func (p *Pane) View(env *pane.Env, w, h int) []string {
	p.glyphs = env.Glyphs
	p.hits = p.hits[:0]
	if p.feed.Value == nil {
		return paint.Margins(env.Theme, env.Glyphs, p.column(env, max(w-2, 0), h, 1, p.waiting(env, w-2)), w)
	}
	s := p.feed.Value
	switch {
	case w >= threeColumns:
		right := 46
		middle := 48
		left := w - 2 - middle - right - 6
		lines := paint.Beside(env.Theme, env.Glyphs,
			p.column(env, left, h, 1, p.main(env, left)),
			p.column(env, middle, h, 1+left+3, []section{p.timeline(env)}))
		lines = paint.Beside(env.Theme, env.Glyphs, lines,
			p.column(env, right, h, 1+left+3+middle+3, []section{p.sources(env, s, right, 0), p.releases(env, s)}))
		return paint.Margins(env.Theme, env.Glyphs, lines, w)
	case w >= twoColumns:
		right := 41 + (w-twoColumns)/4
		left := w - 2 - right - 3
		side := []section{p.timeline(env), p.sources(env, s, right, 0), p.releases(env, s)}
		if len(s.Instances) == 0 {
			side = []section{p.timeline(env), p.releases(env, s)}
		}
		return paint.Margins(env.Theme, env.Glyphs, paint.Beside(env.Theme, env.Glyphs,
			p.column(env, left, h, 1, p.main(env, left)), p.column(env, right, h, 1+left+3, side)), w)
	}
	inner := max(w-2, 0)
	sections := p.main(env, inner)
	if len(s.Instances) > 0 {
		sections = append(sections, aside(p.sources(env, s, inner, 1)))
	}
	return paint.Margins(env.Theme, env.Glyphs, p.column(env, inner, h, 1, append(sections, aside(p.releases(env, s)), aside(p.timeline(env)))), w)
}

// main are the sections of the first column. Where no machine is known, how that came about takes their place.
func (p *Pane) main(env *pane.Env, w int) []section {
	out := []section{p.attention(env, w)}
	if len(p.feed.Value.Instances) == 0 && len(p.regions) == 0 {
		return append(out, p.nothing(env, w), p.sources(env, p.feed.Value, w, 1))
	}
	return append(out, p.regionsSection(env), aside(p.machines(env, w)))
}

func aside(s section) section {
	s.aside = true
	return s
}

// column stacks sections in h lines of w cells, in their order. Blank lines between them go before any section does.
func (p *Pane) column(env *pane.Env, w, h, x int, sections []section) []string {
	b := paint.NewBlock(env.Theme, env.Glyphs, w, h)
	lead, gap := 1, 1
	if h < 16 {
		lead = 0
	}
	if h < 12 {
		gap = 0
	}
	y := 0
	for i, n := range share(sections, h-lead, gap) {
		if n <= 0 {
			continue
		}
		if space := lead; y > 0 || space > 0 {
			if y > 0 {
				space = gap
			}
			for range space {
				b.Blank()
				y++
			}
		}
		part := paint.NewBlock(env.Theme, env.Glyphs, w, n)
		sections[i].draw(part, w, x, y)
		b.Append(part.Lines()...)
		y += n
	}
	return b.Lines()
}

// share says how many lines of h each section gets; none means that it is left out.
func share(sections []section, h, gap int) []int {
	out := make([]int, len(sections))
	spare := h + gap // the first one has no gap before it
	grow := func(i, n int) {
		n = min(n, spare)
		out[i] += n
		spare -= n
	}
	admit := func(aside bool) {
		for i, s := range sections {
			if least := min(s.least, s.most); s.aside == aside && (spare >= least+gap || spare == h+gap) {
				spare -= gap
				grow(i, least)
			}
		}
		for _, patient := range []bool{false, true} {
			for i, s := range sections {
				if out[i] > 0 && s.patient == patient && s.aside == aside {
					grow(i, max(s.most-out[i], 0))
				}
			}
		}
	}
	admit(false)
	admit(true)
	return out
}

// wrong says that an entry's facts are not well.
func wrong(l health.Level) bool { return l == health.LevelCritical || l == health.LevelWarning }
