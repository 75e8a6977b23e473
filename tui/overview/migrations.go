package overview

import (
	"cmp"
	"strconv"

	"ops-console/ops/ecto/lint"
	"ops-console/ops/ecto/watch"
	"ops-console/themes"
	"ops-console/tui/paint"
	"ops-console/tui/pane"
	"ops-console/tui/stack"
)

// takeMigrations shows a newer reading of the project's migrations, or that there is none.
func (p *Pane) takeMigrations(m pane.MigrationsMsg) {
	if m.Known && p.hasProject && m.Snapshot.Seq < p.project.Seq {
		return
	}
	p.hasProject, p.project = m.Known, m.Snapshot
}

// migrationsSection says how many migrations are pending and what the worst of them would do. Where no database says what
// is pending it is left out: what ran long ago hurts nobody.
func (p *Pane) migrationsSection() []stack.Section {
	s := p.project.Value
	if !p.hasProject || s == nil {
		return nil
	}
	sum := sumUp(s)
	if !sum.known {
		return nil
	}
	out := stack.Section{Least: 2, Most: 2, Draw: func(b *paint.Block, _, _, _ int) {
		head := "none pending"
		if sum.pending > 0 {
			head = strconv.Itoa(sum.pending) + " pending"
		}
		var right []paint.Part
		if s.Database.Err != nil {
			right = append(right, paint.Part{Role: themes.Stale, Text: p.glyphs.Unknown + " " + paint.Old(p.now, s.Database.At) + "  "})
		}
		b.Line().Rule("MIGRATIONS", append(right, paint.Part{Role: themes.Muted, Text: head})...)
		sum.draw(b.Line().Gap(1))
	}}
	if sum.pending == 0 {
		out = stack.Beside(out)
	}
	return []stack.Section{out}
}

// pendingSum is what is pending in all repos.
type pendingSum struct {
	known            bool // a database says what is pending
	pending, ran     int
	errors, warnings int
	worst            *lint.Finding // nil: nothing was found
}

func sumUp(s *watch.Snapshot) pendingSum {
	var out pendingSum
	for i := range s.Repos {
		r := &s.Repos[i]
		if r.Statuses == nil {
			continue
		}
		out.known = true
		waiting := map[string]bool{}
		for _, st := range r.Statuses {
			switch st.State {
			case lint.Down, lint.OutOfOrder:
				out.pending++
				waiting[st.Path] = true
			default:
				out.ran++
			}
		}
		if r.Result == nil {
			continue
		}
		for k := range r.Result.Findings {
			f := &r.Result.Findings[k]
			if f.Suppressed != nil || !waiting[f.Path] {
				continue
			}
			switch f.Severity {
			case lint.Error:
				out.errors++
			case lint.Warning:
				out.warnings++
			}
			if out.worst == nil || cmp.Or(cmp.Compare(f.Severity, out.worst.Severity), cmp.Compare(f.Hold.Hi, out.worst.Hold.Hi)) > 0 {
				out.worst = f
			}
		}
	}
	return out
}

// draw says it in a line.
func (s *pendingSum) draw(l *paint.Line) {
	f := s.worst
	switch {
	case s.pending == 0:
		l.Text(themes.OK, l.Glyphs.OK).Gap(1).Text(themes.Muted, paint.Count(s.ran, "migration", "migrations")+" ran.")
		return
	case f == nil || f.Severity < lint.Warning:
		l.Text(themes.OK, l.Glyphs.OK).Gap(1).Text(themes.Muted, "Nothing was found that would hurt.")
		return
	}
	shape, role := l.Glyphs.Warn, themes.Warn
	if f.Severity == lint.Error {
		shape, role = l.Glyphs.Crit, themes.Crit
	}
	var right []paint.Part
	if n := s.errors + s.warnings - 1; n > 0 {
		right = []paint.Part{{Role: themes.Muted, Text: strconv.Itoa(n) + " more"}}
	}
	text := f.Rule
	if f.Table.Name != "" {
		text += " on " + f.Table.String()
	}
	room := l.Rest() - 2
	for _, r := range right {
		room -= paint.Width(r.Text, l.Glyphs) + 2
	}
	l.Text(role, shape).Gap(1)
	from := l.X()
	l.Max(themes.Strong, text, room).Gap(2)
	if left := room - (l.X() - from); left > 12 {
		l.Max(themes.Muted, f.Text, left)
	}
	l.Right(right...)
}
