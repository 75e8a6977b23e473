package generator

import (
	"strconv"
	"strings"

	"ops-console/ops/phoenix"
	"ops-console/ops/phoenix/diff"
	"ops-console/ops/phoenix/merge"
	"ops-console/themes"
	"ops-console/tui/paint"
	"ops-console/tui/pane"
	"ops-console/tui/prose"
	"ops-console/tui/stack"
)

// The widths from which the list is beside the changes.
const (
	wideAt  = 104
	leftMin = 34
	leftMax = 48
)

// View draws the pane: exactly h lines of exactly w cells.
func (p *Pane) View(env *pane.Env, w, h int) []string {
	p.glyphs, p.now = env.Glyphs, env.Now
	p.hits = p.hits[:0]
	inner := max(w-2, 0)
	wide := w >= wideAt
	if p.grouped != wide {
		p.grouped = wide
		p.regroup()
	}
	s := p.value()
	r := p.row()
	if s == nil || len(s.Pairs) == 0 || p.mine && s.Plan == nil {
		return p.without(env, w, h, wide)
	}
	top := p.headSection(env, inner, h)
	var lines []string
	switch {
	case p.pick == nil && r != nil && p.open:
		lines = stack.Column(env, inner, h, 1, []stack.Section{top, p.textSection(env, r, inner)})
	case wide:
		left := min(max(inner*3/10, leftMin), leftMax)
		right := inner - left - 3
		head := min(top.Most, h)
		b := paint.NewBlock(env.Theme, env.Glyphs, inner, head+1)
		b.Blank()
		top.Draw(b, inner, 1, 1)
		rest := h - head - 1
		list := p.listSection(env, left, rest)
		if p.pick != nil {
			list = p.pickSection(env, left)
		}
		main := []stack.Section{p.noMatch(env, right)}
		if r != nil {
			main = []stack.Section{p.textSection(env, r, right)}
		}
		below := paint.Beside(env.Theme, env.Glyphs, p.column(env, left, rest, 1, head+1, list), p.column(env, right, rest, 1+left+3, head+1, main...))
		lines = append(b.Lines(), below...)
		lines = lines[:min(len(lines), h)]
	case p.pick != nil:
		lines = stack.Column(env, inner, h, 1, []stack.Section{top, p.pickSection(env, inner)})
	case r == nil:
		lines = stack.Column(env, inner, h, 1, []stack.Section{top, p.listSection(env, inner, h)})
	default:
		lines = stack.Column(env, inner, h, 1, []stack.Section{top, p.listSection(env, inner, h), p.textSection(env, r, inner)})
	}
	for len(lines) < h {
		lines = append(lines, paint.New(env.Theme, env.Glyphs, inner).String())
	}
	return paint.Margins(env.Theme, env.Glyphs, lines, w)
}

// column stacks sections that begin y lines below the pane's top.
func (p *Pane) column(env *pane.Env, w, h, x, y int, sections ...stack.Section) []string {
	from := len(p.hits)
	out := stack.Column(env, w, h, x, sections)
	for i := from; i < len(p.hits); i++ {
		p.hits[i].y += y
	}
	return out
}

// without is the pane where there is nothing to compare: why, what to do, and the choices.
func (p *Pane) without(env *pane.Env, w, h int, wide bool) []string {
	inner := max(w-2, 0)
	g := p.missing(env, inner)
	sections := []stack.Section{{Least: min(g.Len(), 3), Most: g.Len(), Draw: func(b *paint.Block, _, _, _ int) { b.Append(g.View(0, b.Rest())...) }}}
	if p.pick != nil {
		sections = append([]stack.Section{p.pickSection(env, inner)}, sections...)
		sections[0].Most = min(sections[0].Most, max(h*2/3, 6))
	}
	return paint.Margins(env.Theme, env.Glyphs, stack.Column(env, inner, h, 1, sections), w)
}

// headSection says what is compared, and what it comes to.
func (p *Pane) headSection(env *pane.Env, w, h int) stack.Section {
	s := p.value()
	under := p.under(h)
	var lines []paint.Part
	most, room := 2, len(under)*2
	if h < 24 {
		most, room = 1, 1
		if p.taken != nil { // until it was seen
			most, room = 2, 3
		}
	}
	for _, u := range under {
		for _, text := range prose.Wrap(env.Glyphs, u.Text, w-2, most) {
			lines = append(lines, paint.Part{Role: u.Role, Text: text})
		}
	}
	lines = lines[:min(len(lines), room)]
	return stack.Section{Least: 1, Most: 1 + len(lines), Draw: func(b *paint.Block, w, _, _ int) {
		l := b.Line()
		c := p.choice()
		title := "PHOENIX"
		if axisWord(c) != "" {
			title = strings.ToUpper(c.Generator().Task())
		}
		l.Text(themes.Title, title).Gap(1)
		p.versionPart(l, "from ", c.From, s.Choice.From)
		l.Text(themes.Muted, " "+arrow(env)+" ")
		p.versionPart(l, "to ", c.To, s.Choice.To)
		names := c.Names
		if names == (phoenix.Names{}) && c.Generator() == s.Choice.Generator() {
			names = s.New.Spec.Names
		}
		for _, text := range []string{names.String(), c.Flags.String()} {
			if text != "" {
				l.Gap(1).Max(themes.String, text, max(l.Rest()/2, 0))
			}
		}
		l.Gap(1).Rule("", p.tally(s.Pairs)...)
		for _, part := range lines[:min(len(lines), b.Rest())] {
			b.Line().Gap(2).Parts(part)
		}
	}}
}

func arrow(env *pane.Env) string {
	if env.Glyphs.ASCII {
		return "->"
	}
	return "→"
}

// versionPart is a version; one that is not what is shown below yet is said to be on its way.
func (p *Pane) versionPart(l *paint.Line, _ string, v, shown phoenix.Version) {
	role := themes.Strong
	if v != shown {
		role = themes.Info
	}
	l.Text(role, v.String())
}

// tally is what stands at the end of the heading.
func (p *Pane) tally(pairs []diff.Pair) []paint.Part {
	t := diff.Total(pairs)
	done := 0
	for i := range p.rows {
		if p.rows[i].done {
			done++
		}
	}
	out := []paint.Part{}
	if n, total := p.table.Len(); p.filter != "" {
		out = append(out, paint.Part{Role: themes.Plain, Text: strconv.Itoa(n) + " of " + strconv.Itoa(total) + " match  "})
	} else {
		if n := len(p.choices()); p.mine && len(p.picked) > 0 {
			out = append(out, paint.Part{Role: themes.Accent, Text: chosenGlyph + " " + paint.Count(n, "file", "files") + " chosen  "})
		}
		if done > 0 {
			out = append(out, paint.Part{Role: themes.OK, Text: strconv.Itoa(done) + " of " + strconv.Itoa(len(p.rows)) + " done  "})
		}
		out = append(out, paint.Part{Role: themes.Muted, Text: p.part.word() + ", " + strconv.Itoa(len(p.rows)) + "  "})
	}
	return append(out, paint.Part{Role: themes.OK, Text: "+" + strconv.Itoa(t.LinesAdded) + " "}, paint.Part{Role: themes.Crit, Text: minus(p.glyphs) + strconv.Itoa(t.LinesRemoved)})
}

// under is what is to be said below the heading: what is being done, where the trees come from, and what to know of them.
func (p *Pane) under(h int) []paint.Part {
	s := p.value()
	var out []paint.Part
	say := func(r themes.Role, text string) { out = append(out, paint.Part{Role: r, Text: text}) }
	out = append(out, p.takenWords()...)
	if p.mine && s.Plan != nil && !s.Loading && p.taken == nil {
		say(themes.Plain, p.planWords())
	}
	switch {
	case s.Question != nil:
		say(themes.Warn, p.glyphs.Warn+" "+s.Question.Package+" "+s.Question.Version+" waits to be run: somebody has to say whether it may")
	case s.Loading:
		say(themes.Info, p.glyphs.Running[0]+" loading "+p.wanted()+", since "+paint.Duration(p.now.Sub(s.At))+"; below is what was there before")
	case s.Base != "":
		text, role := "your files come from "+s.Choice.From.String()+": "+s.Base, themes.Muted
		if s.Unsure {
			text, role = text+"; f chooses another version", themes.Warn
		}
		say(role, text)
	}
	if h >= 24 {
		from := s.New.Provenance.Source
		if d := s.New.Provenance.Detail; d != "" {
			from += " " + d
		}
		if s.New.Provenance.Substituted {
			from += ", with the names of " + s.App + " put in"
		}
		say(themes.Faint, from)
	}
	for _, n := range s.Notes {
		say(themes.Faint, n)
	}
	if s.ProjectErr != nil && h >= 20 {
		say(themes.Stale, p.glyphs.Unknown+" your files are not compared: "+s.ProjectErr.Error())
	}
	if h < 30 {
		out = out[:min(len(out), max(2, len(p.takenWords())))]
	}
	return out
}

// planWords is what the application has before it, in a line.
func (p *Pane) planWords() string {
	n := map[merge.State]int{}
	for _, r := range p.own {
		n[r.file.State]++
	}
	text := ""
	for _, st := range []merge.State{merge.Marked, merge.Conflicts, merge.Merges, merge.Untouched, merge.New, merge.Own, merge.Absent} {
		if n[st] == 0 {
			continue
		}
		if text != "" {
			text += ", "
		}
		text += strconv.Itoa(n[st]) + " " + states[st].word
	}
	if k := n[merge.Dropped] + n[merge.Kept]; k > 0 {
		text += ", " + strconv.Itoa(k) + " dropped"
	}
	if text == "" {
		return "there is nothing to decide"
	}
	return text
}

// wanted is what is being loaded, in words.
func (p *Pane) wanted() string {
	c := p.value().Wanted
	if c.From.Line() == "0.0" {
		return "what there is"
	}
	text := c.From.String() + " and " + c.To.String()
	if f := c.Flags.String(); f != "" {
		text += " " + f
	}
	return text
}

// listSection is the list of files.
func (p *Pane) listSection(env *pane.Env, w, tall int) stack.Section {
	n, _ := p.table.Len()
	groups := 0
	if p.table.Group != nil {
		groups = p.groups()
	}
	most := 1 + max(n+groups, 1)
	return stack.Section{Least: min(most, max(tall/3, 4)), Most: most, Patient: true, Draw: func(b *paint.Block, w, x, y int) {
		h := b.Rest()
		rows := p.table.View(env, w, h) // the line of titles is the heading's
		title := "FILES"
		if p.mine {
			title = "MY FILES"
		}
		b.Line().Rule(title, paint.Part{Role: themes.Muted, Text: p.table.Position()})
		if len(rows) > 1 {
			b.Append(rows[1:]...)
			p.hits = append(p.hits, hit{inList, x, y + 1, w, len(rows) - 1})
		}
	}}
}

// groups is how many headings the list has.
func (p *Pane) groups() int {
	seen := map[string]bool{}
	for i := range p.rows {
		seen[p.table.Group(i)] = true
	}
	return len(seen)
}

// noMatch is beside a list in which nothing is selected.
func (p *Pane) noMatch(*pane.Env, int) stack.Section {
	return stack.Section{Least: 1, Most: 1, Draw: func(b *paint.Block, _, _, _ int) {
		text := "no file matches; esc shows all again"
		if p.filter == "" && len(p.rows) == 0 {
			text = "nothing here: " + p.part.word() + " changed nothing; o shows another part"
			if p.part == everything {
				text = "the generator makes the same files in both versions"
			}
		}
		b.Line().Gap(2).Text(themes.Muted, text)
	}}
}

// textSection is the changes of the selected file.
func (p *Pane) textSection(env *pane.Env, r *row, w int) stack.Section {
	d := p.write(env, r, w)
	most := max(d.page.Len()+1, 2)
	return stack.Section{Least: min(most, 6), Most: most, Draw: func(b *paint.Block, w, x, y int) {
		p.title(b.Line(), r)
		h := b.Rest()
		p.hits = append(p.hits, hit{inText, x, y + 1, w, h})
		p.text.Fit(d.page.Len(), h)
		p.hunk = max(min(p.hunk, len(d.hunks)-1), 0)
		if p.jump {
			p.look(d, h)
		}
		b.Append(p.text.Draw(d.page, h)...)
	}}
}

// title is the heading of the changes.
func (p *Pane) title(l *paint.Line, r *row) {
	var right []paint.Part
	if n := p.hunks(r); n > 1 {
		right = append(right, paint.Part{Role: themes.Muted, Text: strconv.Itoa(min(p.hunk+1, n)) + " of " + strconv.Itoa(n) + " changes  "})
	}
	if r.base != (phoenix.Version{}) {
		right = append(right, paint.Part{Role: themes.Info, Text: "from " + r.base.String() + "  "})
	}
	if st := r.state(); st != "" {
		m := states[r.file.State].mark(l.Glyphs)
		right = append(right, paint.Part{Role: m.Role, Text: m.Glyph + " " + st + "  "})
	}
	if r.pair != nil {
		right = append(right, paint.Part{Role: themes.OK, Text: "+" + strconv.Itoa(r.pair.Added) + " "}, paint.Part{Role: themes.Crit, Text: minus(l.Glyphs) + strconv.Itoa(r.pair.Removed)})
	}
	room := l.Rest() - 4
	for _, part := range right {
		room -= paint.Width(part.Text, l.Glyphs)
	}
	if p.mine && p.picked[r.id][whole] {
		l.Text(themes.Accent, chosenGlyph).Gap(1)
		room -= 2
	}
	if r.done {
		l.Text(themes.OK, l.Glyphs.Done).Gap(1)
		room -= 2
	}
	l.Max(themes.Strong, short(r.path, l.Glyphs.Ellipsis, max(room, 12)), max(room, 12)).Gap(1).Rule("", right...)
}

// look brings the change under the cursor into sight: whole where it fits, else its beginning.
func (p *Pane) look(d *drawn, h int) {
	p.jump = false
	if len(d.hunks) == 0 || p.hunk == 0 {
		p.text.Top = 0
		return
	}
	at, end := d.hunks[p.hunk], d.ends[p.hunk]
	if end > p.text.Top+h-1 {
		p.text.Top = end - h + 1
	}
	p.text.Top = min(p.text.Top, at)
	p.text.Move(0)
}
