package migrations

import (
	"slices"
	"strconv"

	"ops-console/ops/ecto"
	"ops-console/ops/ecto/lint"
	"ops-console/themes"
	"ops-console/tui/page"
	"ops-console/tui/paint"
	"ops-console/tui/pane"
	"ops-console/tui/prose"
	"ops-console/tui/source"
	"ops-console/tui/stack"
)

// codeSection is the source with its findings. wordy says that there is no other place for what they say.
func (p *Pane) codeSection(env *pane.Env, r *row, w int, wordy bool) stack.Section {
	g, at, end := p.code1(env, r, w, wordy)
	most := max(g.Len()+1, 2)
	return stack.Section{Least: min(most, 8), Most: most, Draw: func(b *paint.Block, w, x, y int) {
		var right []paint.Part
		if t := transaction(r); t != "" {
			role := themes.Muted
			if r.m.DisableDDLTransaction {
				role = themes.Plain
			}
			right = []paint.Part{{Role: themes.Muted, Text: p.version(r) + "   "}, {Role: role, Text: t}}
		}
		l := b.Line()
		room := max(w-4, 0)
		for _, part := range right {
			room -= paint.Width(part.Text, env.Glyphs)
		}
		title := r.title()
		if paint.Width(title, env.Glyphs) > room {
			right = right[min(1, len(right)):]
		}
		l.Rule(title, right...)
		h := b.Rest()
		p.hits = append(p.hits, hit{partCode, x, y + 1, w, h})
		p.code.Fit(g.Len(), h)
		if p.jump {
			// The finding with what is said of it comes into sight, and its first line stays there where that is too much.
			if end > p.code.Top+h {
				p.code.Top = end - h
			}
			p.code.Top = min(p.code.Top, max(at-2, 0))
			if at < 0 {
				p.code.Top = 0
			}
			p.code.Move(0)
			p.jump = false
		}
		b.Append(p.code.Draw(g, h)...)
	}}
}

// remark is something said of a place in the source.
type remark struct {
	at      ecto.Span
	mark    paint.Mark
	title   string
	finding *lint.Finding // nil: a note
	now     bool          // it is the one under the cursor
}

// remarks are the findings and the notes of a migration by line; those of none are under 0.
func (p *Pane) remarks(r *row) map[int][]remark {
	out := map[int][]remark{}
	now := p.current()
	for i := range r.findings {
		f := &r.findings[i]
		title := f.Rule
		if f.Down {
			title += " (down)"
		}
		out[f.At.Line] = append(out[f.At.Line], remark{f.At, severity(p.glyphs, f.Severity), title, f, f == now})
	}
	for i := range r.silenced {
		f := &r.silenced[i]
		out[f.At.Line] = append(out[f.At.Line], remark{f.At, paint.Mark{Glyph: p.glyphs.Stopped, Role: themes.Faint}, f.Rule + " ignored: " + f.Suppressed.Reason, nil, false})
	}
	for _, n := range r.m.Notes {
		// What a rule says already, and what only follows from the file being broken, is not said again.
		if r.broken && n.Code != "parse-error" || slices.ContainsFunc(r.findings, func(f lint.Finding) bool { return f.Rule == n.Code && f.At.Line == n.At.Line }) {
			continue
		}
		m := paint.Mark{Glyph: p.glyphs.Unknown, Role: themes.Stale}
		if n.Code == "parse-error" {
			m = severity(p.glyphs, lint.Error)
		}
		out[n.At.Line] = append(out[n.At.Line], remark{n.At, m, n.Text, nil, false})
	}
	return out
}

// code1 is the source as a page, and between which of its lines the current finding is; -1: there is none.
func (p *Pane) code1(env *pane.Env, r *row, w int, wordy bool) (g *page.Page, at, end int) {
	g, at, end = page.New(env, w), -1, -1
	if r.m == nil {
		p.noFile(g, r)
		return g, at, end
	}
	text := p.selection(r).text
	d := &drawing{p: p, g: g, text: text, digits: max(len(strconv.Itoa(text.Len())), 3), wordy: wordy}
	marks := p.remarks(r)
	now := p.current()
	put := func(n int) {
		for _, m := range marks[n] {
			from := g.Len()
			d.remark(m)
			if m.now {
				at, end = max(from-1, 0), g.Len()
			}
		}
	}
	put(0)
	for n := 1; n <= text.Len(); n++ {
		lit := now != nil && now.At.Line <= n && n <= max(now.At.Line, now.At.EndLine) && now.At.Line > 0
		g.Line(func(l *paint.Line) {
			if lit {
				l.On(themes.Selection)
			}
			l.Cell(themes.Faint, strconv.Itoa(n), d.digits, paint.Right).Gap(1).Text(themes.Border, l.Glyphs.Col).Gap(1)
			text.Draw(l, n, p.shift)
		})
		put(n)
	}
	return g, at, end
}

// drawing is a page of source being made.
type drawing struct {
	p      *Pane
	g      *page.Page
	text   *source.Text
	digits int
	wordy  bool
}

// remark appends what is said of a place: a line under it, and the rule; of the current finding what to do too.
func (d *drawing) remark(m remark) {
	g := d.g
	left := d.digits + 3
	column, width := 0, 0
	if m.at.Line > 0 {
		column = d.text.Cells(g.Env.Glyphs, m.at.Line, m.at.Column)
		hidden := d.text.Cells(g.Env.Glyphs, m.at.Line, d.p.shift+1)
		to := len([]rune(d.text.Line(m.at.Line))) + 1
		if m.at.EndLine == m.at.Line {
			to = m.at.EndColumn
		}
		end := max(d.text.Cells(g.Env.Glyphs, m.at.Line, to), column+1)
		column = max(column-hidden, 0)
		width = max(end-hidden-column, 1)
	}
	column = min(column, max(g.W-left-24, 0))
	width = min(width, max(g.W-left-column, 0))
	line := func(draw func(l *paint.Line)) {
		g.Line(func(l *paint.Line) {
			role := m.mark.Role
			l.Gap(d.digits+1).Text(role, l.Glyphs.Gutter).Gap(1)
			draw(l)
		})
	}
	// A place that leaves no room for words has them below it.
	room := g.W - left - column - width - 1
	beside := room >= min(paint.Width(m.title, g.Env.Glyphs), 40) && width > 0
	shape := "~"
	if m.now {
		shape = "^"
	}
	x := left + column
	if beside {
		lines := prose.Wrap(g.Env.Glyphs, m.title, room, 3)
		line(func(l *paint.Line) {
			l.To(x).Repeat(m.mark.Role, shape, width).Gap(1).Text(m.mark.Role, lines[0])
		})
		for _, s := range lines[1:] {
			line(func(l *paint.Line) { l.To(x+width+1).Text(m.mark.Role, s) })
		}
	} else {
		if width > 0 {
			line(func(l *paint.Line) { l.To(x).Repeat(m.mark.Role, shape, width) })
		}
		for _, s := range prose.Wrap(g.Env.Glyphs, m.title, g.W-x, 3) {
			line(func(l *paint.Line) { l.To(x).Text(m.mark.Role, s) })
		}
	}
	f := m.finding
	if f == nil || !m.now {
		return
	}
	x = min(x, left+max((g.W-left)/4, 0))
	say := func(lead, text string, n int) {
		for i, s := range prose.Wrap(g.Env.Glyphs, text, g.W-x-len(lead), n) {
			line(func(l *paint.Line) {
				l.To(x)
				if i == 0 {
					l.Text(themes.Info, lead)
				}
				l.To(x+len(lead)).Text(themes.Plain, s)
			})
		}
	}
	if d.wordy {
		say("", f.Text, 6)
	}
	if f.Recipe != "" {
		say("fix ", f.Recipe, 3)
	}
}

// noFile is what is said in the place of the source of a migration that has none.
func (p *Pane) noFile(g *page.Page, r *row) {
	unknown := paint.Part{Role: themes.Stale, Text: p.glyphs.Unknown}
	when := ""
	if !r.at.IsZero() {
		when = " " + paint.Ago(p.now, r.at) + " (" + r.at.UTC().Format("2006-01-02 15:04Z") + ")"
	}
	g.Text(themes.Plain, 3, unknown, "The database has run version "+strconv.FormatInt(r.version, 10)+when+", and no file of the project has that version.", 4)
	g.Text(themes.Muted, 3, paint.Part{}, "It may be on another branch, in a directory of migrations that is not looked at, or deleted. mix ecto.rollback cannot take it back without its file.", 6)
}
