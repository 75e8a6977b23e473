package generator

import (
	"strconv"
	"strings"
	"unicode/utf8"

	"ops-console/ops/phoenix"
	"ops-console/ops/phoenix/diff"
	"ops-console/ops/phoenix/nearest"
	"ops-console/themes"
	"ops-console/tui/page"
	"ops-console/tui/paint"
	"ops-console/tui/pane"
	"ops-console/tui/source"
)

// drawn is what was made for the selected file, until something else is to be seen.
type drawn struct {
	of    drawnOf
	page  *page.Page
	hunks []int // the line that each change begins on
	ends  []int // and the one after its last
	split bool
}

// drawnOf is all that a drawn page depends on.
type drawnOf struct {
	seq     uint64
	id      string
	w       int
	context int
	mine    bool
	split   layout
	env     any // theme and glyphs
}

// looks is what lines are drawn with.
type looks struct{ theme, glyphs any }

// besideAt is the width from which changes are set side by side.
const besideAt = 110

// write is the text about the selected file.
func (p *Pane) write(env *pane.Env, r *row, w int) *drawn {
	of := drawnOf{p.feed.Seq, r.id, w, p.context, p.mine, p.split, looks{env.Theme, env.Glyphs}}
	d := &p.drawn
	if d.page != nil && d.of == of {
		return d
	}
	*d = drawn{of: of, page: page.New(env, w), split: p.split == beside || p.split == fitting && w >= besideAt}
	p.writeHead(d, r)
	switch {
	case p.byHunk(r):
		p.writeMine(d, r)
	case r.pair != nil:
		p.writePair(d, r.pair)
	}
	return d
}

// writeHead says what is to be known of the file before its changes.
func (p *Pane) writeHead(d *drawn, r *row) {
	g := d.page
	if r.file != nil && p.mine {
		st := states[r.file.State]
		m := st.mark(g.Env.Glyphs)
		g.Text(themes.Plain, 3, paint.Part{Role: m.Role, Text: m.Glyph}, st.sentence, 3)
		if r.file.Mine != "" && r.file.Mine != r.file.Target() {
			g.Text(themes.Muted, 3, paint.Part{}, "You have it as "+r.file.Mine+"; the generator makes it as "+r.file.New+" now.", 3)
		}
		s := p.value()
		switch near, known := s.Nearer[r.path]; {
		case r.base != (phoenix.Version{}):
			g.Text(themes.Muted, 3, paint.Part{}, "You said that it comes from "+r.base.String()+", not from "+s.Choice.From.String()+" as the rest; b changes that.", 3)
		case known:
			g.Text(themes.Muted, 3, paint.Part{}, "It is more like "+span(near)+" than like "+s.Choice.From.String()+", where the rest comes from; b sets it against that.", 3)
		}
		if r.file.OnlyFormat {
			g.Text(themes.Muted, 3, paint.Part{}, "Your changes are spaces, parentheses and commas only.", 2)
		}
	}
	for _, s := range remarks(r.pair) {
		g.Text(themes.Muted, 3, paint.Part{Role: themes.Muted, Text: g.Env.Glyphs.Dot}, s, 3)
	}
	if g.Len() > 0 {
		g.Line(func(*paint.Line) {})
	}
}

// span is the versions that a file is most like, in words.
func span(f nearest.File) string {
	if f.First == f.Last {
		return f.First.String()
	}
	return f.First.String() + " to " + f.Last.String()
}

// remarks are what a pair is besides its changes.
func remarks(d *diff.Pair) []string {
	if d == nil {
		return nil
	}
	var out []string
	if d.Moved() {
		how := map[diff.By]string{
			diff.ByContent: "the same content", diff.ByRule: "a move that Phoenix made in " + d.Since.String(), diff.ByLikeness: strconv.Itoa(d.Similarity) + " % alike",
		}[d.By]
		out = append(out, "was "+d.Old+" ("+how+")")
	}
	for _, rel := range d.Relations {
		out = append(out, string(rel.Kind)+" "+rel.Path+" since "+rel.Since.String())
	}
	switch d.Only {
	case diff.OnlyRequirement:
		out = append(out, "asks for another version of Phoenix, nothing else")
	case diff.OnlyFormat:
		out = append(out, "spaces, parentheses and commas only")
	case diff.OnlyMode:
		out = append(out, "executable or not, nothing else")
	}
	if d.OldFile.Executable != d.NewFile.Executable && d.Old != "" && d.New != "" && d.Only != diff.OnlyMode {
		out = append(out, "executable or not changed too")
	}
	return out
}

// writePair appends what changed between the two trees.
func (p *Pane) writePair(d *drawn, pair *diff.Pair) {
	g := d.page
	say := func(text string) {
		g.Text(themes.Muted, 3, paint.Part{Role: themes.Muted, Text: g.Env.Glyphs.Dot}, text, 3)
	}
	whole := pair.Hunks(all)
	if p.collapsed(pair) && (len(whole) > 0 || pair.Status == diff.Same) {
		say(pair.Collapse + ": " + strconv.Itoa(pair.Added) + " lines added, " + strconv.Itoa(pair.Removed) + " removed. c shows them.")
		return
	}
	if len(whole) == 0 {
		switch {
		case pair.Status == diff.Same:
			say("Its content is the same.")
		case pair.Collapse != "":
			say(pair.Collapse + ": " + strconv.Itoa(len(pair.OldFile.Data)) + " bytes before, " + strconv.Itoa(len(pair.NewFile.Data)) + " now.")
		default:
			say("There is nothing to show: it is empty, or what differs differs from run to run.")
		}
		return
	}
	old, new := sides(pair, whole)
	s := &setting{p: p, d: d, old: old, new: new, digits: max(len(strconv.Itoa(max(old.Len(), new.Len()))), 3)}
	last := 0
	for i, h := range pair.Hunks(p.context) {
		if skipped := h.NewStart - 1 - last; skipped > 0 && h.NewLines > 0 && i > 0 {
			s.skipped(skipped)
		}
		last = h.NewStart - 1 + h.NewLines
		s.hunk(i, h)
	}
	if below := new.Len() - last; below > 0 && p.context != all {
		s.skipped(below)
	}
}

// sides are both texts of a pair, as its hunks show them.
func sides(pair *diff.Pair, whole []diff.Hunk) (old, new *source.Text) {
	var a, b strings.Builder
	for _, h := range whole {
		for _, l := range h.Lines {
			if l.Op != diff.Add {
				a.WriteString(l.Text + "\n")
			}
			if l.Op != diff.Remove {
				b.WriteString(l.Text + "\n")
			}
		}
	}
	return source.For(pair.Old, a.String()), source.For(pair.New, b.String())
}

// setting sets hunks into a page.
type setting struct {
	p        *Pane
	d        *drawn
	old, new *source.Text
	digits   int
	chosen   func() bool // whether the change is to be taken; nil: it cannot be
}

func (s *setting) skipped(n int) {
	s.d.page.Line(func(l *paint.Line) {
		l.Gap(s.digits+2).Text(themes.Faint, l.Glyphs.Ellipsis+" "+strconv.Itoa(n)+" unchanged")
	})
}

// heading begins change i.
func (s *setting) heading(i int, parts ...paint.Part) {
	s.d.hunks = append(s.d.hunks, s.d.page.Len())
	chosen := s.chosen
	s.d.page.Line(func(l *paint.Line) {
		if i == s.p.hunk {
			l.Text(themes.Accent, l.Glyphs.Gutter)
		}
		if chosen != nil && chosen() {
			l.To(1).Text(themes.Accent, chosenGlyph)
		}
		l.To(2).Parts(parts...)
		if chosen != nil && chosen() {
			l.Gap(2).Text(themes.Accent, "chosen")
		}
	})
}

func (s *setting) end() { s.d.ends = append(s.d.ends, s.d.page.Len()) }

func (s *setting) hunk(i int, h diff.Hunk) {
	g := s.d.page.Env.Glyphs
	where := "@@ " + minus(g) + strconv.Itoa(h.OldStart) + "," + strconv.Itoa(h.OldLines) + " +" + strconv.Itoa(h.NewStart) + "," + strconv.Itoa(h.NewLines)
	if h.Section != "" {
		where += "  " + h.Section
	}
	s.heading(i, paint.Part{Role: themes.Hunk, Text: where})
	if s.d.split {
		for _, row := range h.Rows() {
			s.d.page.Line(func(l *paint.Line) { s.pair(l, row) })
		}
	} else {
		for k := range h.Lines {
			s.d.page.Line(func(l *paint.Line) { s.line(l, &h.Lines[k]) })
		}
	}
	s.end()
}

// line of a unified view: the number in the new text, or in the old one for what it does not have.
func (s *setting) line(l *paint.Line, d *diff.Line) {
	n := d.New
	if d.Op == diff.Remove {
		n = d.Old
	}
	s.side(l, d, n)
}

// pair is a line of a view side by side.
func (s *setting) pair(l *paint.Line, row diff.Row) {
	s.halves(l, row, func(d *diff.Line, old bool) string {
		if old {
			return strconv.Itoa(d.Old)
		}
		return strconv.Itoa(d.New)
	})
}

// halves are both sides of a line, with their numbers; a side that has nothing there is hatched.
func (s *setting) halves(l *paint.Line, row diff.Row, number func(d *diff.Line, old bool) string) {
	put := func(d *diff.Line, old bool) func(l *paint.Line) {
		return func(l *paint.Line) {
			switch {
			case d != nil:
				s.labelled(l, d, number(d, old))
			case !l.Glyphs.ASCII:
				l.Gap(s.digits+3).Repeat(themes.Border, "╱", max(l.Rest()-1, 0))
			}
		}
	}
	l.Within(max((l.Width()-3)/2, 0), put(row.Old, true)).On(themes.Base)
	l.Gap(1).Text(themes.Border, l.Glyphs.Col).Gap(1)
	l.Within(l.Rest(), put(row.New, false))
}

// side is a line with its number and sign, on the ground of what happened to it.
func (s *setting) side(l *paint.Line, d *diff.Line, n int) { s.labelled(l, d, strconv.Itoa(n)) }

// labelled is side with a number of another file.
func (s *setting) labelled(l *paint.Line, d *diff.Line, number string) {
	sign, role, text, at := " ", themes.Faint, s.new, d.New
	ground, strong := themes.Base, themes.Base
	switch d.Op {
	case diff.Add:
		sign, role, ground, strong = "+", themes.Add, themes.Added, themes.AddedWord
	case diff.Remove:
		sign, role, ground, strong = minus(l.Glyphs), themes.Del, themes.Removed, themes.RemovedWord
		text, at = s.old, d.Old
	}
	l.On(ground).Cell(themes.Faint, number, s.digits, paint.Right).Gap(1).Text(role, sign).Gap(1)
	code(l, text, at, d.Words, ground, strong, s.p.shift)
}

// code draws a line of source in its colours, what changed of it on a ground of its own, without the first skip characters.
func code(l *paint.Line, text *source.Text, n int, ww []diff.Word, ground, strong themes.Ground, skip int) {
	line := text.Line(n)
	at := 0
	for ; skip > 0 && at < len(line); skip-- {
		_, size := utf8.DecodeRuneInString(line[at:])
		at += size
	}
	marks := changed(ww)
	for st := range text.Roles(n) {
		for from := max(st.From, at); from < st.To; {
			to, on := st.To, ground
			for _, m := range marks {
				switch {
				case m[1] <= from:
					continue
				case m[0] > from:
					to = min(to, m[0])
				default:
					to, on = min(to, m[1]), strong
				}
				break
			}
			if l.Rest() <= 0 {
				l.On(ground)
				return
			}
			l.On(on)
			if to < len(line) && paint.Width(line[from:to], l.Glyphs) >= l.Rest() {
				l.Text(st.Role, line[from:]).On(ground)
				return
			}
			l.Text(st.Role, line[from:to])
			from = to
		}
	}
	l.On(ground)
}

// changed are the stretches of a line that changed, by byte offsets. Where all of it did, nothing is marked: the line's own
// ground says so.
func changed(ww []diff.Word) [][2]int {
	var out [][2]int
	at, kept := 0, false
	for _, w := range ww {
		if w.Changed {
			out = append(out, [2]int{at, at + len(w.Text)})
		} else if strings.TrimSpace(w.Text) != "" {
			kept = true
		}
		at += len(w.Text)
	}
	if !kept {
		return nil
	}
	return out
}
