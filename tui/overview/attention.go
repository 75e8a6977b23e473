package overview

import (
	"strconv"
	"strings"
	"time"

	"ops-console/ops"
	"ops-console/ops/health"
	"ops-console/ops/replication"
	"ops-console/themes"
	"ops-console/tui/paint"
	"ops-console/tui/pane"
	"ops-console/tui/prose"
	"ops-console/tui/stack"
)

const (
	subjectCells  = 18 // at most, of the subject column
	titleCells    = 18 // at least, or since when goes
	sinceCells    = 7  // "59m 59s"
	severityCells = 8  // "CRITICAL"
)

// attention is the list of problems.
func (p *Pane) attention(env *pane.Env, w int) stack.Section {
	if len(p.listed) == 0 {
		return p.calm(env, w)
	}
	most := 1
	sel := p.index()
	for i, e := range p.listed {
		most += p.height(env, e, w, !p.inside && i == sel)
	}
	return stack.Section{Least: min(most, 7), Most: most, Draw: func(b *paint.Block, w, x, y int) { p.drawAttention(env, b, w, x, y) }}
}

func (p *Pane) drawAttention(env *pane.Env, b *paint.Block, w, x, y int) {
	sel := p.index()
	h := b.Rest()
	room := h - 1
	height := func(i int) int { return p.height(env, p.listed[i], w, !p.inside && i == sel) }

	// The window of entries moves no further than it takes to show the selected one whole, and leaves no blank at the
	// end while entries are hidden above.
	p.top = max(min(p.top, sel), 0)
	for used, i := 0, sel; i >= p.top; i-- {
		if used += height(i); used > room && i < sel {
			p.top = i + 1
			break
		}
	}
	last, used := p.top-1, 0
	for i := p.top; i < len(p.listed) && used < room; i++ {
		used += height(i)
		last = i
	}
	for p.top > 0 && last == len(p.listed)-1 && used+height(p.top-1) <= room {
		p.top--
		used += height(p.top)
	}
	p.page = last - p.top + 1

	where := strconv.Itoa(len(p.listed)) + " of " + strconv.Itoa(len(p.problems))
	if p.page < len(p.listed) {
		where = strconv.Itoa(p.top+1) + "-" + strconv.Itoa(last+1) + " of " + strconv.Itoa(len(p.listed))
	}
	b.Line().Rule("NEEDS ATTENTION", paint.Part{Role: themes.Muted, Text: where})

	cells := 0
	for _, e := range p.listed {
		cells = max(cells, paint.Width(e.subject, env.Glyphs))
	}
	cells = min(cells, subjectCells, max(w/4, 6))
	for i := p.top; i <= last; i++ {
		n := min(height(i), b.Rest())
		p.hits = append(p.hits, hit{x, y + h - b.Rest(), w, n, p.listed[i].key})
		p.drawEntry(env, b, p.listed[i], cells, !p.inside && i == sel)
	}
}

// height is how many lines an entry takes: its first, one of detail, and where it is selected all of that and a hint.
func (p *Pane) height(env *pane.Env, e problem, w int, selected bool) int {
	if !selected {
		return 1 + min(len(e.detail), 1)
	}
	return 1 + len(p.below(env, e, w))
}

// below are the lines under a selected entry's first one.
func (p *Pane) below(env *pane.Env, e problem, w int) []paint.Part {
	var out []paint.Part
	for _, s := range prose.Wrap(env.Glyphs, e.detail, w-detailX-1, 3) {
		out = append(out, paint.Part{Role: themes.Plain, Text: s})
	}
	for i, s := range prose.Wrap(env.Glyphs, e.hint, w-detailX-3, 3) {
		lead := "  "
		if i == 0 {
			lead = env.Glyphs.Right + " "
		}
		out = append(out, paint.Part{Role: themes.Accent, Text: lead + s})
	}
	return out
}

// detailX is where the lines under an entry begin.
const detailX = 5

func (p *Pane) drawEntry(env *pane.Env, b *paint.Block, e problem, cells int, selected bool) {
	var (
		acked  = p.acks.holds(e)
		mark   = paint.Severity(env.Glyphs, e.severity)
		word   = strings.ToUpper(mark.Word)
		status = mark.Role
		name   = themes.Strong
		title  = themes.Plain
		detail = themes.Muted
	)
	switch {
	case acked:
		word, status, name, title, detail = "ACKED", themes.Faint, themes.Faint, themes.Faint, themes.Faint
	case e.severity == ops.Unknown:
		name, title = themes.Plain, themes.Muted
	}
	l := p.begin(env, b, selected)
	l.Text(status, mark.Glyph).Gap(1).Cell(name, e.subject, cells, paint.Left).Gap(2)
	if room := l.Rest() - sinceCells - severityCells - 4; room >= titleCells {
		l.Cell(title, e.title, room, paint.Left).Gap(2)
		l.Cell(themes.Muted, since(env.Now, e.since), sinceCells, paint.Right).Gap(2)
	} else {
		l.Cell(title, e.title, l.Rest()-severityCells-2, paint.Left).Gap(2)
	}
	l.Cell(status, word, severityCells, paint.Right)
	if selected {
		for _, part := range p.below(env, e, l.Width()) {
			p.begin(env, b, true).To(detailX).Text(part.Role, part.Text)
		}
		return
	}
	if e.detail != "" {
		l = p.begin(env, b, false).To(detailX)
		for _, text := range prose.Wrap(env.Glyphs, e.detail, l.Rest(), 1) {
			l.Text(detail, text)
		}
	}
}

// begin is a new line with the gutter of the selected row.
func (p *Pane) begin(env *pane.Env, b *paint.Block, selected bool) *paint.Line {
	l := b.Line()
	if !selected {
		return l.Gap(1)
	}
	role := themes.Accent
	if !env.Focused {
		role = themes.Faint
	}
	return l.On(themes.Selection).Text(role, env.Glyphs.Gutter)
}

// since is how long something has held; nothing where that is not known.
func since(now, t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return paint.Duration(now.Sub(t).Truncate(time.Second))
}

// calm is what is said where no problem is: what was looked at, when, and what was not found out.
func (p *Pane) calm(env *pane.Env, w int) stack.Section {
	s := p.feed.Value
	mark := paint.Level(env.Glyphs, health.LevelOK)
	head, text := "nothing", p.allWell(s)
	switch {
	case len(p.problems) > 0:
		head, mark, text = "0 of "+strconv.Itoa(len(p.problems)), paint.Mark{Glyph: env.Glyphs.Dot, Role: themes.Muted}, "No problem matches the filter."
	case s.Verdict == health.NotKnown || p.hasDB && (p.replicas() == nil || p.replicas().Verdict == replication.NotKnown || p.oldDB):
		head, mark = "unknown", paint.Level(env.Glyphs, health.LevelUnknown)
		text = "No problem is known, but not everything could be asked."
	case s.Verdict == health.Unhealthy:
		head, mark = "unhealthy", paint.Level(env.Glyphs, health.LevelWarning)
		text = "Something is not well, but no problem has held long enough to be named."
	}
	lines := append(prose.Wrap(env.Glyphs, text, w-3, 2), prose.Wrap(env.Glyphs, p.checked(env, s), w-3, 3)...)
	n := 1 + len(lines)
	return stack.Section{Least: min(n, 3), Most: n, Draw: func(b *paint.Block, w, x, y int) {
		b.Line().Rule("NEEDS ATTENTION", paint.Part{Role: themes.Muted, Text: head})
		for i, text := range lines {
			l := b.Line().Gap(1)
			if i == 0 {
				l.Text(mark.Role, mark.Glyph).Gap(1).Text(themes.Plain, text)
				continue
			}
			l.Gap(2).Text(themes.Muted, text)
		}
	}}
}

// allWell is "42 machines in 10 regions are well, 2 of them stopped on purpose.".
func (p *Pane) allWell(s *health.Snapshot) string {
	n := len(s.Instances)
	if n == 0 {
		return "Nothing is wrong, and there is no machine."
	}
	stopped := 0
	for i := range s.Regions {
		stopped += s.Regions[i].Stopped
	}
	are := " are well"
	if n == 1 {
		are = " is well"
	}
	text := paint.Count(n, "machine", "machines") + " in " + paint.Count(len(s.Regions), "region", "regions") + are
	if stopped > 0 {
		text += ", " + strconv.Itoa(stopped) + " of them stopped on purpose"
	}
	return text + "."
}

// checked says what was looked at and when.
func (p *Pane) checked(env *pane.Env, s *health.Snapshot) string {
	var said []string
	for _, src := range []struct {
		name string
		health.Source
	}{{"platform", s.Sources.Platform}, {"DNS", s.Sources.DNS}, {"probes", s.Sources.Probes}} {
		if src.OK {
			said = append(said, src.name+" "+paint.Ago(env.Now, src.GoodAt))
		} else {
			said = append(said, src.name+" not answered")
		}
	}
	if p.hasDB {
		text := "database not answered"
		if db := p.replicas(); db != nil {
			text = "database " + paint.Ago(env.Now, db.At)
		}
		said = append(said, text)
	}
	if n := len(s.Agreement); n > 0 {
		odd := 0
		for _, a := range s.Agreement {
			if !a.Agree {
				odd++
			}
		}
		if odd == 0 {
			said = append(said, "content of "+paint.Count(n, "path", "paths")+" agrees")
		} else {
			said = append(said, "content of "+strconv.Itoa(odd)+of(n)+" paths differs")
		}
	}
	if c := s.Cluster; c != nil && len(c.Groups) > 0 {
		said = append(said, paint.Count(len(c.Groups), "cluster", "clusters")+" of "+strconv.Itoa(len(c.Groups[0].Instances)))
	}
	return "Checked: " + strings.Join(said, ", ") + "."
}
