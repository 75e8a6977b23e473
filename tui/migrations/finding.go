package migrations

import (
	"strconv"
	"strings"

	"ops-console/ops/ecto/lint"
	"ops-console/themes"
	"ops-console/tui/page"
	"ops-console/tui/paint"
	"ops-console/tui/pane"
	"ops-console/tui/source"
	"ops-console/tui/stack"
)

// factX is where the values of a finding's facts begin.
const factX = 12

// findingSections say what was found in the migration under the cursor, one finding at a time.
func (p *Pane) findingSections(env *pane.Env, r *row, w int, roomy bool) []stack.Section {
	g := page.New(env, w)
	if f := p.current(); f != nil {
		p.findingPage(g, r, f, roomy)
	} else {
		p.nothing(g, r)
	}
	return []stack.Section{{Least: min(g.Len(), 4), Most: g.Len(), Draw: func(b *paint.Block, _, _, _ int) {
		h := b.Rest()
		lines := g.View(0, h)
		if below := g.Len() - h; below > 0 && h > 3 {
			lines[h-1] = paint.New(env.Theme, env.Glyphs, w).Right(
				paint.Part{Role: themes.Faint, Text: paint.Count(below+1, "more line", "more lines") + "  "}, paint.Part{Role: themes.Accent, Text: "x"},
			).String()
		}
		b.Append(lines...)
	}}}
}

func (p *Pane) findingPage(g *page.Page, r *row, f *lint.Finding, roomy bool) {
	at := strconv.Itoa(min(p.finding, len(r.findings)-1)+1) + " of " + strconv.Itoa(len(r.findings))
	var right []paint.Part
	if n := len(r.silenced); n > 0 {
		right = append(right, paint.Part{Role: themes.Faint, Text: strconv.Itoa(n) + " ignored"})
	}
	g.Heading("FINDING "+at, right...)
	m := severity(p.glyphs, f.Severity)
	title := f.Rule
	if f.Down {
		title += " (down)"
	}
	g.Line(func(l *paint.Line) { l.Text(m.Role, m.Glyph).Gap(1).Text(m.Role, title) })
	g.Text(themes.Plain, 2, paint.Part{}, f.Text, 8)
	p.facts(g, r, f)
	for _, why := range f.Why {
		g.Text(themes.Muted, 4, paint.Part{Role: themes.Faint, Text: p.glyphs.Dot}, why, 4)
	}
	p.safer(g, f, roomy)
}

// facts are the figures that a finding rests on.
func (p *Pane) facts(g *page.Page, r *row, f *lint.Finding) {
	in := p.repo(r).Input
	fact := func(label, value string, role themes.Role) {
		if value == "" {
			return
		}
		for i, s := range wrap(g, value, g.W-factX, 3) {
			g.Line(func(l *paint.Line) {
				if i == 0 {
					l.Gap(2).Text(themes.Muted, label)
				}
				l.To(factX).Text(role, s)
			})
		}
	}
	gap := g.Len()
	g.Line(func(*paint.Line) {})
	if f.Table.Name != "" {
		name := f.Table.String()
		if in.Live != nil && in.Live.State != nil {
			if t := in.Live.State.Table(f.Table); t != nil {
				name += sizes(t.Bytes, t.Rows)
			} else {
				name += ": not there yet"
			}
		}
		fact("table", name, themes.Plain)
		if in.Live != nil {
			if t, ok := in.Live.Traffic[f.Table]; ok {
				most := ""
				if t.AtMost {
					most = "at most "
				}
				fact("traffic", most+rate(t.Reads)+" scans, "+rate(t.Writes)+" writes", themes.Plain)
			}
		}
	}
	if f.Mode != 0 {
		fact("lock", f.Mode.String(), lockRole(f.Mode))
		if text, role := blocks(f.Mode); text != "" {
			fact("blocks", text, role)
		} else {
			fact("blocks", "other changes of the table", themes.Muted)
		}
	}
	if h := hold(p.glyphs, f.Hold); h != "" {
		if f.Hold.Basis != "" {
			h += ", " + f.Hold.Basis
		}
		fact("est. hold", h, themes.Plain)
	}
	if g.Len() == gap+1 && len(f.Why) == 0 && f.Recipe == "" {
		return
	}
}

// sizes is ": 41 GB, 318 M rows", as far as it is known.
func sizes(bytes, rows *int64) string {
	var out []string
	if bytes != nil {
		out = append(out, paint.Bytes(*bytes))
	}
	if rows != nil {
		out = append(out, number(*rows)+" rows")
	}
	if len(out) == 0 {
		return ""
	}
	return ": " + strings.Join(out, ", ")
}

// safer is what to do instead.
func (p *Pane) safer(g *page.Page, f *lint.Finding, roomy bool) {
	var steps []string
	if rule, ok := p.explain(f.Rule); ok {
		steps = rule.Doc.Steps
	}
	if f.Recipe == "" && len(steps) == 0 && f.Code == "" {
		return
	}
	g.Line(func(*paint.Line) {})
	g.Line(func(l *paint.Line) { l.Gap(2).Text(themes.Info, "Safer") })
	g.Text(themes.Plain, 2, paint.Part{}, f.Recipe, 9)
	for i, s := range steps {
		g.Text(themes.Plain, 4, paint.Part{Role: themes.Muted, Text: strconv.Itoa(i + 1)}, s, 6)
	}
	if f.Code == "" || !roomy {
		return
	}
	g.Line(func(*paint.Line) {})
	t := source.Elixir(f.Code)
	for n := 1; n <= t.Len(); n++ {
		g.Line(func(l *paint.Line) { t.Draw(l.Gap(2), n, 0) })
	}
}

// example appends code under a heading, where there is any.
func (p *Pane) example(g *page.Page, title, code string) {
	if strings.TrimSpace(code) == "" {
		return
	}
	g.Heading(title)
	t := source.Elixir(strings.TrimRight(code, "\n"))
	for n := 1; n <= t.Len(); n++ {
		g.Line(func(l *paint.Line) { t.Draw(l.Gap(2), n, 0) })
	}
}

// nothing is said where nothing was found.
func (p *Pane) nothing(g *page.Page, r *row) {
	var right []paint.Part
	if n := len(r.silenced); n > 0 {
		right = append(right, paint.Part{Role: themes.Faint, Text: strconv.Itoa(n) + " ignored"})
	}
	g.Heading("FINDINGS", right...)
	m := p.mark(r)
	lead := paint.Part{Role: m.Role, Text: m.Glyph}
	switch {
	case r.broken:
		g.Text(themes.Plain, 2, lead, "The file cannot be read as Elixir: what it does is not known.", 4)
	case r.state == gone:
		g.Text(themes.Plain, 2, lead, "It ran, and there is no file of that version.", 4)
	case r.state == applied && r.at.IsZero():
		g.Text(themes.Muted, 2, lead, "It ran already, and is not judged any more.", 4)
	case r.state == applied:
		g.Text(themes.Muted, 2, lead, "It ran "+paint.Ago(p.now, r.at)+" ("+r.at.UTC().Format("2006-01-02 15:04Z")+"), and is not judged any more.", 4)
	case len(r.silenced) > 0:
		g.Text(themes.Muted, 2, lead, "What was found is ignored, for reasons that are given:", 4)
	default:
		g.Text(themes.Muted, 2, lead, "Nothing was found that would hurt "+p.whom(r)+".", 4)
	}
	if r.state == late {
		g.Text(themes.Warn, 2, paint.Part{}, "Later versions ran before it. Ecto runs it all the same, and a rollback takes back the latest version, not the one that ran last.", 6)
	}
	for i := range r.silenced {
		f := &r.silenced[i]
		g.Text(themes.Muted, 4, paint.Part{Role: themes.Faint, Text: p.glyphs.Dot}, f.Rule+": "+f.Suppressed.Reason, 3)
	}
}

// whom is what was judged for.
func (p *Pane) whom(r *row) string {
	if p.repo(r).Input.Live != nil {
		return "this database"
	}
	return "a " + strings.Replace(p.version(r), "postgres", "PostgreSQL", 1) + " in use"
}
