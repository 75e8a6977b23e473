package lint

import (
	"slices"

	"ops-console/ops/ecto"
)

// suppressRules are those about the comments that suppress.
var suppressRules = []rule{
	{Rule: Rule{ID: "suppression-no-reason", Title: "a comment that suppresses a rule gives no reason", Severity: Warning, Group: "structure"}},
	{Rule: Rule{ID: "suppression-unknown", Title: "a comment suppresses a rule that there is not", Severity: Warning, Group: "structure"}},
	{Rule: Rule{ID: "suppression-unused", Title: "a comment suppresses what is not found", Severity: Info, Group: "structure"}},
}

// suppress marks the findings that comments and the baseline keep quiet, and reports what is wrong with the comments. It
// gives what was written and not needed.
func (r *run) suppress() []Suppression {
	var unused []Suppression
	for i := range r.Migrations {
		m := &r.Migrations[i]
		if r.Options.Check != nil && !r.Options.Check(m.Version) {
			continue
		}
		gg, faults := ignores(m.Path, r.Sources[m.Path])
		if len(gg) > 0 {
			r.quieten(m, gg)
		}
		for _, f := range faults {
			f.Version = m.Version
			r.complain(f)
		}
		for _, g := range gg {
			unused = append(unused, r.unneeded(m, g)...)
		}
	}
	return append(unused, r.knownBefore()...)
}

// quieten marks the findings of one file that its comments are about.
func (r *run) quieten(m *ecto.Migration, gg []*ignore) {
	for i := range r.out {
		f := &r.out[i]
		if f.Path != m.Path {
			continue
		}
		for _, g := range gg {
			rule, ok := g.covers(*f, m)
			if !ok {
				continue
			}
			g.used[rule] = true
			if f.Suppressed == nil {
				f.Suppressed = &Suppression{Reason: g.reason, Path: g.path, Line: g.at.Line}
			}
		}
	}
}

// covers says by which of its rules a comment is about a finding.
func (g *ignore) covers(f Finding, m *ecto.Migration) (rule string, ok bool) {
	if !g.reaches(f.At) {
		return "", false
	}
	if slices.Contains(g.rules, f.Rule) {
		return f.Rule, true
	}
	if slices.Contains(g.rules, anyRawSQL) && isRaw(m, f.At) {
		if a, known := Find(f.Rule); known && about[a.Group] {
			return anyRawSQL, true
		}
	}
	return "", false
}

// reaches says whether a comment is about a place.
func (g *ignore) reaches(at ecto.Span) bool {
	switch {
	case g.file:
		return true
	case g.tail:
		return at.Line <= g.from && g.from <= max(at.Line, at.EndLine)
	}
	return g.from <= at.Line && at.Line <= g.to
}

// isRaw says whether SQL, or what is not known, is executed at a place.
func isRaw(m *ecto.Migration, at ecto.Span) bool {
	raw := func(o ecto.Operation) bool { return o.At == at && (o.Raw || o.Kind == ecto.Dynamic) }
	return slices.ContainsFunc(m.Up, raw) || slices.ContainsFunc(m.Down, raw)
}

// unneeded is the rules of a comment that found nothing there, though they looked.
func (r *run) unneeded(m *ecto.Migration, g *ignore) []Suppression {
	var out []Suppression
	if g.foreign {
		return nil
	}
	for _, id := range g.rules {
		if g.used[id] || !r.looked(id, g.back) {
			continue
		}
		out = append(out, Suppression{Reason: id + ": " + g.reason, Path: g.path, Line: g.at.Line})
		r.complain(Finding{
			Rule: "suppression-unused", Path: g.path, Version: m.Version, At: g.at,
			Text: id + " finds nothing here", Recipe: "remove it from the comment",
		})
	}
	return out
}

// looked says whether a rule could have found something.
func (r *run) looked(id string, back bool) bool {
	for _, a := range r.active {
		if a.ID == id {
			return (!back || r.Options.Down || a.always) && (a.Group != "live" || r.Live != nil)
		}
	}
	return false
}

// complain reports a finding of one of suppressRules.
func (r *run) complain(f Finding) {
	for _, a := range r.active {
		if a.ID == f.Rule {
			r.emit(a, f)
		}
	}
}

// knownBefore marks the findings of the baseline, each entry one, and gives the entries that none needed.
func (r *run) knownBefore() []Suppression {
	b := r.Options.Baseline
	if b == nil {
		return nil
	}
	open := map[BaselineEntry][]string{} // reasons, by entry without one
	for _, e := range b.Entries {
		k := e
		k.Reason = ""
		open[k] = append(open[k], e.Reason)
	}
	lines := lineCache{}
	for i := range r.out {
		f := &r.out[i]
		if f.Suppressed != nil {
			continue
		}
		k := lines.entry(r.Sources, *f)
		if reasons := open[k]; len(reasons) > 0 {
			f.Suppressed = &Suppression{Reason: reasons[0], Path: b.Path}
			open[k] = reasons[1:]
		}
	}
	var unused []Suppression
	for _, e := range b.Entries {
		k := e
		k.Reason = ""
		if n := len(open[k]); n > 0 && r.has(e.Path) {
			open[k] = open[k][:n-1]
			unused = append(unused, Suppression{Reason: e.Rule + " in " + e.Path + ": " + e.Reason, Path: b.Path})
		}
	}
	return unused
}

// has says whether a path is among what was looked at; a file that is gone needs no entry either.
func (r *run) has(path string) bool {
	for i := range r.Migrations {
		if r.Migrations[i].Path == path {
			return r.Options.Check == nil || r.Options.Check(r.Migrations[i].Version)
		}
	}
	return true
}
