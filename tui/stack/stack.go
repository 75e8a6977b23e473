// Package stack lays the sections of a column out: which of them are shown, and how many lines each gets. It knows
// nothing of what they show.
package stack

import (
	"ops-console/tui/paint"
	"ops-console/tui/pane"
)

// Section is a part of a column: a heading and what is under it. It gets at least Least lines or is left out, and no
// more than Most. Draw is told the position of its block in the pane.
type Section struct {
	Least, Most int
	Aside       bool // shown only where the others have all they want
	Patient     bool // wants more only after the others
	Draw        func(b *paint.Block, w, x, y int)
}

// Beside makes a section one that is shown only where the others have all they want.
func Beside(s Section) Section {
	s.Aside = true
	return s
}

// Column stacks sections in h lines of w cells, in their order. Blank lines between them go before any section does.
func Column(env *pane.Env, w, h, x int, sections []Section) []string {
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
		sections[i].Draw(part, w, x, y)
		b.Append(part.Lines()...)
		y += n
	}
	return b.Lines()
}

// share says how many lines of h each section gets; none means that it is left out.
func share(sections []Section, h, gap int) []int {
	out := make([]int, len(sections))
	spare := h + gap // the first one has no gap before it
	grow := func(i, n int) {
		n = min(n, spare)
		out[i] += n
		spare -= n
	}
	admit := func(aside bool) {
		for i, s := range sections {
			if least := min(s.Least, s.Most); s.Aside == aside && (spare >= least+gap || spare == h+gap) {
				spare -= gap
				grow(i, least)
			}
		}
		for _, patient := range []bool{false, true} {
			for i, s := range sections {
				if out[i] > 0 && s.Patient == patient && s.Aside == aside {
					grow(i, max(s.Most-out[i], 0))
				}
			}
		}
	}
	admit(false)
	admit(true)
	return out
}
