package migrations

import (
	"strconv"
	"time"

	"ops-console/ops/ecto/lint"
	"ops-console/ops/ecto/plan"
	"ops-console/themes"
	"ops-console/tui/page"
	"ops-console/tui/paint"
	"ops-console/tui/pane"
	"ops-console/tui/prose"
	"ops-console/tui/stack"
)

// The widths from which there is a second column, and a third.
const (
	besideAt = 104
	thirdAt  = 170
	readable = 48 // a column as wide as that can show code
)

// View draws the pane: exactly h lines of exactly w cells.
func (p *Pane) View(env *pane.Env, w, h int) []string {
	p.glyphs, p.now, p.wide = env.Glyphs, env.Now, w >= besideAt
	p.hits = p.hits[:0]
	inner := max(w-2, 0)
	r := p.row()
	if p.feed.Value == nil || len(p.feed.Value.Repos) == 0 || len(p.rows) == 0 {
		b := paint.NewBlock(env.Theme, env.Glyphs, inner, h)
		if h >= 16 {
			b.Blank()
		}
		b.Append(p.missing(env, inner).View(0, b.Rest())...)
		return paint.Margins(env.Theme, env.Glyphs, b.Lines(), w)
	}
	var lines []string
	switch {
	case r == nil:
		lines = stack.Column(env, inner, h, 1, []stack.Section{p.listSection(env, inner, h)})
	case p.open || p.doc && !p.wide:
		lines = stack.Column(env, inner, h, 1, p.main(env, r, inner, true))
	case w >= thirdAt:
		left, right := 46, min(max(inner/3, 50), 64)
		middle := inner - left - right - 6
		lines = paint.Beside(env.Theme, env.Glyphs, stack.Column(env, left, h, 1, []stack.Section{p.listSection(env, left, h)}),
			stack.Column(env, middle, h, 1+left+3, p.main(env, r, middle, false)))
		lines = paint.Beside(env.Theme, env.Glyphs, lines, stack.Column(env, right, h, 1+left+3+middle+3, p.findingSections(env, r, right, true)))
	case p.wide:
		left := min(max(inner*3/10, 34), 46)
		right := inner - left - 3
		lines = paint.Beside(env.Theme, env.Glyphs, stack.Column(env, left, h, 1, append([]stack.Section{p.listSection(env, left, h)}, p.findingSections(env, r, left, left >= readable)...)),
			stack.Column(env, right, h, 1+left+3, p.main(env, r, right, false)))
	default:
		lines = stack.Column(env, inner, h, 1, append([]stack.Section{p.listSection(env, inner, h)}, p.findingSections(env, r, inner, false)...))
	}
	return paint.Margins(env.Theme, env.Glyphs, lines, w)
}

// main are the sections about one file: its source, the locks, the way back; or what its rule is about. alone says that
// the list is not beside it.
func (p *Pane) main(env *pane.Env, r *row, w int, alone bool) []stack.Section {
	if f := p.current(); p.doc && f != nil {
		return []stack.Section{p.docSection(env, f, w)}
	}
	out := []stack.Section{p.codeSection(env, r, w, alone && !p.wide)}
	if r.m != nil {
		out = append(out, p.planSection(env, r, w), p.wayBack(env, r, w))
	}
	return out
}

// listSection is the list of migrations.
func (p *Pane) listSection(env *pane.Env, w, tall int) stack.Section {
	n, _ := p.table.Len()
	var under []paint.Part
	for _, s := range p.under() {
		for i, text := range prose.Wrap(env.Glyphs, s.Text, w-4, 3) {
			if i > 0 && s.Role == themes.Stale {
				text = "  " + text
			}
			under = append(under, paint.Part{Role: s.Role, Text: text})
		}
	}
	heads := 0
	if p.table.Group != nil {
		heads = len(p.feed.Value.Repos)
	}
	most := 1 + max(n+heads, 1) + len(under)
	least := min(most, max(tall/3, 7))
	return stack.Section{Least: least, Most: most, Patient: true, Draw: func(b *paint.Block, w, x, y int) {
		h := b.Rest()
		show := under[:min(len(under), max(h-4, 0))]
		rows := p.table.View(env, w, h-len(show)) // the line of titles is the heading's
		b.Line().Rule("MIGRATIONS", p.tally()...)
		if len(rows) > 1 {
			b.Append(rows[1:]...)
			p.hits = append(p.hits, hit{partList, x, y + 1, w, len(rows) - 1})
		}
		for _, s := range show {
			b.Line().Gap(2).Text(s.Role, s.Text)
		}
	}}
}

// tally is what stands at the end of the list's heading.
func (p *Pane) tally() []paint.Part {
	n, total := p.table.Len()
	var out []paint.Part
	if p.filter != "" {
		out = append(out, paint.Part{Role: themes.Muted, Text: strconv.Itoa(n) + " of "})
	}
	k, ok := p.pendingCount()
	switch {
	case !ok:
		return append(out, paint.Part{Role: themes.Muted, Text: paint.Count(total, "file", "files")})
	case k == 0:
		return append(out, paint.Part{Role: themes.Muted, Text: strconv.Itoa(total) + ", none pending"})
	case p.filter != "":
		return append(out, paint.Part{Role: themes.Muted, Text: strconv.Itoa(total) + ", "}, paint.Part{Role: themes.Plain, Text: strconv.Itoa(k) + " pending"})
	}
	return append(out, paint.Part{Role: themes.Plain, Text: strconv.Itoa(k) + " pending"})
}

// under is what is to be said below the list: how the database is, and what keeps the console from knowing.
func (p *Pane) under() []paint.Part {
	s := p.feed.Value
	stale := func(text string) paint.Part {
		return paint.Part{Role: themes.Stale, Text: p.glyphs.Unknown + " " + text}
	}
	var out []paint.Part
	if p.feed.Err != nil {
		out = append(out, stale("not read again: "+p.feed.Err.Error()))
	}
	d := s.Database
	switch {
	case !d.Configured:
		out = append(out, paint.Part{Role: themes.Faint, Text: "no database: files alone are judged"})
	case d.At.IsZero() && d.Err != nil:
		out = append(out, stale("database not read: "+d.Err.Error()))
	case d.At.IsZero() && d.OnDemand:
		out = append(out, paint.Part{Role: themes.Faint, Text: "the database is read when r asks for it"})
	case d.At.IsZero():
		out = append(out, paint.Part{Role: themes.Faint, Text: "the database is being read"})
	case d.Err != nil:
		out = append(out, stale("database "+paint.Old(p.now, d.At)+": "+d.Err.Error()))
	case p.now.Sub(d.At) > 5*time.Minute:
		out = append(out, stale("database "+paint.Old(p.now, d.At)))
	default:
		text := "database read " + paint.Ago(p.now, d.At)
		if d.Node != "" {
			text = d.Node + " read " + paint.Ago(p.now, d.At)
		}
		out = append(out, paint.Part{Role: themes.Faint, Text: text})
	}
	for i := range s.Repos {
		if live := s.Repos[i].Input.Live; live != nil && live.Unread != "" {
			out = append(out, stale("what ran is not known: "+live.Unread))
			break
		}
	}
	if n := len(s.Notes); n > 0 {
		out = append(out, paint.Part{Role: themes.Faint, Text: noteText(s.Notes[0])})
	}
	return out
}

// version is the PostgreSQL that is judged for: "postgres 15".
func (p *Pane) version(r *row) string {
	v := plan.Target(p.repo(r).Input).Version
	if v == 0 {
		v = 15
	}
	return "postgres " + strconv.Itoa(v)
}

// transaction is how the migration is run.
func transaction(r *row) string {
	switch {
	case r.m == nil:
		return ""
	case r.m.DisableDDLTransaction && r.m.DisableMigrationLock:
		return "no transaction, no lock"
	case r.m.DisableDDLTransaction:
		return "no transaction"
	}
	return "in transaction"
}

// docSection explains the rule of a finding.
func (p *Pane) docSection(env *pane.Env, f *lint.Finding, w int) stack.Section {
	g := p.docPage(env, f, w)
	return stack.Section{Least: 3, Most: g.Len(), Draw: func(b *paint.Block, w, x, y int) {
		h := b.Rest()
		p.hits = append(p.hits, hit{partDoc, x, y, w, h})
		b.Append(p.rule.Draw(g, h)...)
	}}
}

// docPage is what there is to know of a rule.
func (p *Pane) docPage(env *pane.Env, f *lint.Finding, w int) *page.Page {
	g := page.New(env, w)
	rule, ok := p.explain(f.Rule)
	m := severity(env.Glyphs, f.Severity)
	if !ok {
		g.Heading(f.Rule)
		g.Text(themes.Plain, 3, paint.Part{Role: m.Role, Text: m.Glyph}, f.Text, 8)
		p.example(g, "HERE", f.Code)
		return g
	}
	g.Heading(f.Rule, paint.Part{Role: themes.Muted, Text: rule.Group})
	g.Text(themes.Strong, 3, paint.Part{Role: m.Role, Text: m.Glyph}, rule.Title+".", 3)
	blank := func() { g.Line(func(*paint.Line) {}) }
	d := rule.Doc
	if d.Lock+d.Blocks+d.Versions != "" {
		blank()
	}
	for _, fact := range [][2]string{{"lock", d.Lock}, {"blocks", d.Blocks}, {"versions", d.Versions}} {
		if fact[1] != "" {
			g.Told(fact[0], fact[1], themes.Plain, 6)
		}
	}
	if d.Why != "" {
		blank()
		g.Text(themes.Plain, 2, paint.Part{}, d.Why, 60)
	}
	p.example(g, "HERE", f.Code)
	p.example(g, "INSTEAD OF", d.Bad)
	p.example(g, "WRITE", d.Good)
	if len(d.Steps) > 0 {
		g.Heading("DEPLOYS")
		for i, s := range d.Steps {
			g.Text(themes.Plain, 4, paint.Part{Role: themes.Accent, Text: strconv.Itoa(i + 1)}, s, 6)
		}
	}
	if len(d.See) > 0 {
		g.Heading("SEE")
		for _, s := range d.See {
			g.Line(func(l *paint.Line) { l.Gap(2).Text(themes.Muted, s) })
		}
	}
	return g
}
