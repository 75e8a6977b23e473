package migrations

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	"ops-console/ops/ecto"
	"ops-console/ops/ecto/lint"
	"ops-console/ops/ecto/locks"
	"ops-console/ops/ecto/plan"
	"ops-console/ops/ecto/rehearse"
	"ops-console/themes"
	"ops-console/tui/paint"
	"ops-console/tui/pane"
	"ops-console/tui/prose"
	"ops-console/tui/stack"
)

// lockLine is one table that a statement locks.
type lockLine struct {
	line      int // of the source; 0: the same statement as the line above
	statement string
	mode      string
	modeRole  themes.Role
	table     string
	hold      string
	holdRole  themes.Role
	blocks    string
	blockRole themes.Role
	measured  string // a mark; empty: it was not
	after     []paint.Part
}

// planSection is which locks the migration takes, statement by statement.
func (p *Pane) planSection(env *pane.Env, r *row, w int) stack.Section {
	lines := p.lockLines(r)
	most := 2 + len(lines)
	for _, l := range lines {
		for _, a := range l.after {
			most += len(prose.Wrap(env.Glyphs, a.Text, w-6, 3))
		}
	}
	if len(lines) == 0 {
		most = 2
	}
	return stack.Section{Least: min(most, 5), Most: most, Draw: func(b *paint.Block, w, _, _ int) {
		b.Line().Rule("LOCK PLAN", p.basis(r)...)
		if len(lines) == 0 {
			b.Line().Gap(2).Text(themes.Muted, p.noLocks(r))
			return
		}
		drawLocks(env, b, w, lines)
	}}
}

// drawLocks draws as many lines as fit, as a table.
func drawLocks(env *pane.Env, b *paint.Block, w int, lines []lockLine) {
	width := func(of func(l *lockLine) string, title string, most int) int {
		n := len(title)
		for i := range lines {
			n = max(n, paint.Width(of(&lines[i]), env.Glyphs))
		}
		return min(n, most)
	}
	mark := 0
	for i := range lines {
		if lines[i].measured != "" {
			mark = 2
		}
	}
	mode := width(func(l *lockLine) string { return l.mode }, "LOCK", 22) + mark
	table := width(func(l *lockLine) string { return l.table }, "TABLE", max(w/5, 8))
	hold := width(func(l *lockLine) string { return l.hold }, "HOLD", 14)
	waits := width(func(l *lockLine) string { return l.blocks }, "BLOCKS", 13)
	statement := w - 5 - mode - table - hold - waits - 8
	if statement < 12 { // what waits is told by the lock too
		statement += waits + 2
		waits = 0
	}
	statement = max(statement, 8)
	l := b.Line().Cell(themes.Faint, "STATEMENT", statement+5, paint.Left).Gap(2).Cell(themes.Faint, "LOCK", mode, paint.Left).Gap(2)
	l.Cell(themes.Faint, "TABLE", table, paint.Left).Gap(2).Cell(themes.Faint, "HOLD", hold, paint.Left).Gap(2)
	if waits > 0 {
		l.Text(themes.Faint, "BLOCKS")
	}
	for i := range lines {
		k := &lines[i]
		if b.Rest() == 1 && i < len(lines)-1 {
			b.Line().Right(paint.Part{Role: themes.Faint, Text: paint.Count(len(lines)-i, "more lock", "more locks")})
			return
		}
		l := b.Line()
		if k.line > 0 {
			l.Cell(themes.Faint, strconv.Itoa(k.line), 4, paint.Right).Gap(1)
		}
		l.To(5).Cell(themes.Plain, k.statement, statement, paint.Left).Gap(2)
		l.Within(mode, func(l *paint.Line) {
			l.Text(k.modeRole, k.mode)
			if k.measured != "" {
				role := themes.OK
				if k.measured != env.Glyphs.Done {
					role = themes.Warn
				}
				l.Gap(1).Text(role, k.measured)
			}
		}).Gap(2)
		l.Cell(themes.Muted, k.table, table, paint.Left).Gap(2).Cell(k.holdRole, k.hold, hold, paint.Left).Gap(2)
		if waits > 0 {
			l.Text(k.blockRole, k.blocks)
		}
		for _, a := range k.after {
			for _, s := range prose.Wrap(env.Glyphs, a.Text, w-6, 3) {
				b.Line().Gap(6).Text(a.Role, s)
			}
		}
	}
}

// noLocks says why there is nothing in the plan.
func (p *Pane) noLocks(r *row) string {
	switch {
	case r.broken:
		return "what the file does is not known"
	case len(r.m.Up) == 0:
		return "no statement that is known"
	}
	return "no lock on a table that is there already"
}

// basis is what the plan rests on.
func (p *Pane) basis(r *row) []paint.Part {
	switch h := p.rehearse[r.module]; {
	case h == nil:
	case h.running:
		text := "rehearsing"
		if h.doing != "" {
			text += ": " + h.doing
		}
		return []paint.Part{{Role: themes.Info, Text: text}}
	case len(h.of(r.key)) > 0:
		return []paint.Part{{Role: themes.Muted, Text: "predicted, "}, {Role: themes.Plain, Text: "rehearsed " + paint.Ago(p.now, h.at)}}
	}
	return []paint.Part{{Role: themes.Muted, Text: "predicted"}}
}

// lockLines are the locks of the way up.
func (p *Pane) lockLines(r *row) []lockLine {
	var out []lockLine
	measured := p.measured(r)
	steps := p.selection(r).plan.Up
	for i := range steps {
		s := &steps[i]
		var step *rehearse.Step
		if k := slices.IndexFunc(measured, func(m rehearse.Step) bool { return slices.Contains(s.SQL, m.SQL) }); k >= 0 {
			step = &measured[k]
		}
		first := len(out)
		for _, e := range s.Effects {
			if e.New || e.Mode == locks.None && e.Fails == "" {
				continue
			}
			out = append(out, p.lockLine(r, s, e, step))
		}
		if len(out) == first {
			if step == nil || step.Err == "" && len(step.Differs) == 0 {
				continue
			}
			out = append(out, lockLine{line: s.At.Line, statement: kindText(s.Kind), table: s.Table.String()})
		}
		out[first].line, out[first].statement = s.At.Line, statement(s)
		if step != nil {
			last := &out[len(out)-1]
			for _, d := range step.Differs {
				last.after = append(last.after, paint.Part{Role: themes.Warn, Text: p.glyphs.Warn + " " + d})
			}
			if step.Skipped != "" {
				last.after = append(last.after, paint.Part{Role: themes.Muted, Text: p.glyphs.Unknown + " not rehearsed: " + step.Skipped})
			}
			if step.Err != "" {
				last.after = append(last.after, paint.Part{Role: themes.Crit, Text: p.glyphs.Crit + " " + step.Err})
			}
		}
	}
	return out
}

func (p *Pane) lockLine(r *row, s *plan.Step, e locks.Effect, step *rehearse.Step) lockLine {
	k := lockLine{table: e.Table.String(), mode: e.Mode.String(), modeRole: lockRole(e.Mode), holdRole: themes.Plain}
	k.blocks, k.blockRole = blocks(e.Mode)
	k.hold = cmp.Or(p.held(r, s.At, e.Table), work(e))
	if e.Fails != "" {
		k.hold, k.holdRole = "fails", themes.Crit
		k.after = append(k.after, paint.Part{Role: themes.Crit, Text: p.glyphs.Crit + " " + e.Fails})
	}
	switch {
	case step == nil || step.Err != "" || step.Skipped != "":
	case len(step.Differs) > 0:
		k.measured = p.glyphs.Warn
	default:
		k.measured = p.glyphs.Done
	}
	return k
}

// held is how long a finding at the same place expects the table to be locked.
func (p *Pane) held(r *row, at ecto.Span, table ecto.Name) string {
	var best lint.Hold
	for i := range r.findings {
		f := &r.findings[i]
		if f.At.Line == at.Line && f.Table == table && !f.Down && f.Hold.Hi > best.Hi {
			best = f.Hold
		}
	}
	return hold(p.glyphs, best)
}

// work is what is done while the lock is held.
func work(e locks.Effect) string {
	switch {
	case e.Rewrite:
		return "a rewrite"
	case len(e.Build) > 1:
		return strconv.Itoa(len(e.Build)) + " indexes"
	case len(e.Build) == 1:
		return "index build"
	case e.Scan:
		return "a scan"
	case e.Waits:
		return "others end"
	}
	return "a moment"
}

// statement is what a step does, short: its SQL without the quotes, and without the table, which stands beside it.
func statement(s *plan.Step) string {
	if len(s.SQL) == 0 {
		return kindText(s.Kind)
	}
	words := strings.Fields(strings.ReplaceAll(s.SQL[0], `"`, ""))
	if len(words) > 3 && strings.EqualFold(words[0], "alter") && strings.EqualFold(words[1], "table") && strings.HasSuffix(words[2], s.Table.Name) {
		words = words[3:]
	}
	return strings.Join(words[:min(len(words), 12)], " ")
}

// measured are the steps of a rehearsal that belong to a migration.
func (p *Pane) measured(r *row) []rehearse.Step {
	h := p.rehearse[r.module]
	if h == nil || h.running {
		return nil
	}
	return h.of(r.key)
}

// lossy are the operations after which something is gone for good.
var lossy = map[ecto.Kind]string{
	ecto.RemoveColumn: "the values of column", ecto.DropTable: "the rows of", ecto.Truncate: "the rows of", ecto.Delete: "the deleted rows of",
	ecto.Update: "the old values in", ecto.DropSchema: "all that is in schema",
}

// wayBack is what rolling the migration back does.
func (p *Pane) wayBack(env *pane.Env, r *row, w int) stack.Section {
	said := p.back(r)
	var lines []paint.Part
	for _, s := range said {
		for i, text := range prose.Wrap(env.Glyphs, s.Text, w-2, 3) {
			lead := "  "
			if i == 0 {
				lead = s.lead + " "
			}
			lines = append(lines, paint.Part{Role: s.Role, Text: lead}, paint.Part{Role: themes.Plain, Text: text})
		}
	}
	most := 1 + len(lines)/2
	return stack.Section{Least: min(most, 2), Most: most, Draw: func(b *paint.Block, _, _, _ int) {
		var right []paint.Part
		if r.m.DownFrom != "" {
			right = []paint.Part{{Role: themes.Muted, Text: map[string]string{"down": "down/0", "change": "change/0, reversed"}[r.m.DownFrom]}}
		}
		b.Line().Rule("ROLLBACK", right...)
		for i := 0; i < len(lines) && b.Rest() > 0; i += 2 {
			b.Line().Text(lines[i].Role, lines[i].Text).Text(lines[i+1].Role, lines[i+1].Text)
		}
	}}
}

// backLine is something said of the way back.
type backLine struct {
	lead string
	paint.Part
}

// back is what there is to say of the way back.
func (p *Pane) back(r *row) []backLine {
	var out []backLine
	say := func(m paint.Mark, text string) {
		out = append(out, backLine{m.Glyph, paint.Part{Role: m.Role, Text: text}})
	}
	warn, bad := severity(p.glyphs, lint.Warning), severity(p.glyphs, lint.Error)
	if r.broken {
		say(paint.Mark{Glyph: p.glyphs.Unknown, Role: themes.Stale}, "What the file does is not known.")
		return out
	}
	if r.m.DownFrom == "" && len(r.m.Irreversible) == 0 {
		say(warn, "There is no down: mix ecto.rollback raises.")
	}
	for _, n := range r.m.Irreversible {
		text := n.Text
		if n.At.Line > 0 {
			text = "Line " + strconv.Itoa(n.At.Line) + ": " + text
		}
		say(warn, text)
	}
	var lost []string
	for i := range r.m.Up {
		o := &r.m.Up[i]
		if what, ok := lossy[o.Kind]; ok && !p.isNew(r, o.Table) {
			lost = append(lost, lostText(what, o))
		}
	}
	if len(lost) > 0 {
		say(warn, "Does not come back: "+list(lost, 3)+".")
	}
	lost = nil
	for i := range r.m.Down {
		o := &r.m.Down[i]
		if what, ok := lossy[o.Kind]; ok {
			lost = append(lost, lostText(what, o))
		}
	}
	if len(lost) > 0 {
		say(warn, "Rolling back loses "+list(lost, 3)+".")
	}
	worst := locks.None
	var table ecto.Name
	slow := ""
	for _, s := range p.selection(r).plan.Down {
		for _, e := range s.Effects {
			if e.Fails != "" {
				say(bad, "Rolling back fails, line "+strconv.Itoa(s.At.Line)+": "+e.Fails)
			}
			if e.Mode > worst {
				worst, table, slow = e.Mode, e.Table, work(e)
			}
		}
	}
	if text, role := blocks(worst); text != "" {
		say(paint.Mark{Glyph: p.glyphs.Dot, Role: role}, "Rolling back takes "+worst.String()+" on "+table.String()+" for "+slow+".")
	}
	if len(out) == 0 {
		say(severity(p.glyphs, lint.Off), "Rolls back without loss, and without a lock that anybody waits for.")
	}
	return out
}

// lostText is "column legacy_ref of orders".
func lostText(what string, o *ecto.Operation) string {
	if o.Kind == ecto.RemoveColumn {
		return what + " " + o.Table.String() + "." + o.Column.Name
	}
	return what + " " + cmp.Or(o.Table.String(), o.Name.String())
}

// list is "a, b, c and 2 more".
func list(ss []string, most int) string {
	ss = slices.Compact(ss)
	if len(ss) <= most {
		return strings.Join(ss, ", ")
	}
	return strings.Join(ss[:most], ", ") + " and " + strconv.Itoa(len(ss)-most) + " more"
}

// isNew says that the migration itself made a table.
func (p *Pane) isNew(r *row, table ecto.Name) bool {
	return slices.ContainsFunc(r.m.Up, func(o ecto.Operation) bool { return o.Kind == ecto.CreateTable && o.Table == table })
}
