package generator

import (
	"strconv"
	"strings"

	"ops-console/ops/phoenix/diff"
	"ops-console/ops/phoenix/merge"
	"ops-console/themes"
	"ops-console/tui/paint"
	"ops-console/tui/source"
)

// writeMine appends the generator's changes against the application's file: what each is to it, and the lines. A conflict has
// what both sides made of the same lines, side by side where there is room.
func (p *Pane) writeMine(d *drawn, r *row) {
	digits := 3
	for i := range r.file.Hunks {
		digits = max(digits, len(strconv.Itoa(r.file.Hunks[i].AtMine)))
	}
	for i := range r.file.Hunks {
		h := &r.file.Hunks[i]
		s := &setting{p: p, d: d, digits: digits, old: source.Plain(""), new: source.Plain("")}
		st := hunkStates[h.State]
		m := st.mark(d.page.Env.Glyphs)
		if i > 0 {
			d.page.Line(func(*paint.Line) {})
		}
		chosen := func() bool { return p.picked.has(r.id, i) && h.State != merge.Already }
		s.chosen = chosen
		s.heading(i, paint.Part{Role: m.Role, Text: m.Glyph + " "}, paint.Part{Role: themes.Hunk, Text: "your line " + strconv.Itoa(max(h.AtMine, 1)) + "  "}, paint.Part{Role: m.Role, Text: st.word})
		switch h.State {
		case merge.Already:
			s.block(r.path, h.New, h.AtMine)
		case merge.Applies:
			s.against(r.path, h.Mine, h.New, h.AtMine)
		default:
			s.conflict(r.path, h)
		}
		s.end()
	}
}

// conflict is what the old generator made, the application and the new generator.
func (s *setting) conflict(name string, h *merge.Hunk) {
	s.label("generated then", len(h.Base))
	s.block(name, h.Base, 0)
	s.label("yours, and what is generated now", max(len(h.Mine), len(h.New)))
	s.against(name, h.Mine, h.New, h.AtMine)
}

func (s *setting) label(text string, n int) {
	s.d.page.Line(func(l *paint.Line) {
		l.Gap(s.digits+3).Text(themes.Faint, text)
		if n == 0 {
			l.Text(themes.Faint, ": nothing")
		}
	})
}

// block is lines as they are.
func (s *setting) block(name string, lines []string, at int) {
	text := source.For(name, strings.Join(lines, "\n")+"\n")
	for k := range lines {
		s.d.page.Line(func(l *paint.Line) {
			n := ""
			if at > 0 {
				n = strconv.Itoa(at + k)
			}
			l.Cell(themes.Faint, n, s.digits, paint.Right).Gap(3)
			code(l, text, k+1, nil, themes.Base, themes.Base, s.p.shift)
		})
	}
}

// against sets the application's lines against the new generator's: what they share once, and what changed word by word.
func (s *setting) against(name string, mine, new []string, at int) {
	s.old, s.new = source.For(name, strings.Join(mine, "\n")+"\n"), source.For(name, strings.Join(new, "\n")+"\n")
	h := diff.Texts(mine, new)
	number := func(d *diff.Line, old bool) string {
		if (old || d.Op != diff.Add) && d.Old > 0 {
			return strconv.Itoa(max(at, 1) + d.Old - 1)
		}
		return ""
	}
	if !s.d.split {
		for k := range h.Lines {
			s.d.page.Line(func(l *paint.Line) { s.labelled(l, &h.Lines[k], number(&h.Lines[k], false)) })
		}
		return
	}
	for _, row := range h.Rows() {
		s.d.page.Line(func(l *paint.Line) {
			s.halves(l, row, func(d *diff.Line, old bool) string {
				if !old {
					return ""
				}
				return number(d, true)
			})
		})
	}
}
