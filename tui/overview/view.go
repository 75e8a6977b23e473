package overview

import (
	"ops-console/ops/health"
	"ops-console/tui/paint"
	"ops-console/tui/pane"
	"ops-console/tui/stack"
)

// The widths at which there is room for a second and a third column beside the first.
const (
	twoColumns   = 120
	threeColumns = 160
)

// View draws the pane: exactly h lines of exactly w cells.
func (p *Pane) View(env *pane.Env, w, h int) []string {
	p.glyphs, p.now, p.oldDB = env.Glyphs, env.Now, p.databaseAge(env.Now) > 0 || p.db.Err != nil
	p.hits = p.hits[:0]
	if p.feed.Value == nil {
		return paint.Margins(env.Theme, env.Glyphs, stack.Column(env, max(w-2, 0), h, 1, p.waiting(env, w-2)), w)
	}
	s := p.feed.Value
	switch {
	case w >= threeColumns:
		right := 46
		middle := 48
		left := w - 2 - middle - right - 6
		lines := paint.Beside(env.Theme, env.Glyphs,
			stack.Column(env, left, h, 1, p.main(env, left)),
			stack.Column(env, middle, h, 1+left+3, []stack.Section{p.timeline(env)}))
		lines = paint.Beside(env.Theme, env.Glyphs, lines,
			stack.Column(env, right, h, 1+left+3+middle+3, []stack.Section{p.sources(env, s, right, 0), p.releases(env, s)}))
		return paint.Margins(env.Theme, env.Glyphs, lines, w)
	case w >= twoColumns:
		right := 41 + (w-twoColumns)/4
		left := w - 2 - right - 3
		side := []stack.Section{p.timeline(env), p.sources(env, s, right, 0), p.releases(env, s)}
		if len(s.Instances) == 0 {
			side = []stack.Section{p.timeline(env), p.releases(env, s)}
		}
		return paint.Margins(env.Theme, env.Glyphs, paint.Beside(env.Theme, env.Glyphs,
			stack.Column(env, left, h, 1, p.main(env, left)), stack.Column(env, right, h, 1+left+3, side)), w)
	}
	inner := max(w-2, 0)
	sections := p.main(env, inner)
	if len(s.Instances) > 0 {
		sections = append(sections, stack.Beside(p.sources(env, s, inner, 1)))
	}
	return paint.Margins(env.Theme, env.Glyphs, stack.Column(env, inner, h, 1, append(sections, stack.Beside(p.releases(env, s)), stack.Beside(p.timeline(env)))), w)
}

// main are the sections of the first column. Where no machine is known, how that came about takes their place.
func (p *Pane) main(env *pane.Env, w int) []stack.Section {
	out := []stack.Section{p.attention(env, w)}
	if len(p.feed.Value.Instances) == 0 && len(p.feed.Value.Regions) == 0 {
		return append(out, p.nothing(env, w), p.sources(env, p.feed.Value, w, 1))
	}
	out = append(out, p.regionsSection(env))
	out = append(append(out, p.migrationsSection()...), p.backupsSection(env)...)
	return append(out, stack.Beside(p.machines(env, w)))
}

// wrong says that an entry's facts are not well.
func wrong(l health.Level) bool { return l == health.LevelCritical || l == health.LevelWarning }
