package lint

import (
	"cmp"
	"fmt"
	"path"
	"slices"

	"ops-console/ops/ecto"
	"ops-console/ops/plaintext"
)

// easing is which context makes a finding weaker.
type easing int

// The easings.
const (
	// never: the finding holds wherever it stands.
	never easing = iota
	// inUse: what is wrong concerns who uses the table, so that one that this migration makes is left out, and one made by
	// another that goes out with it is only a remark.
	inUse
	// bySize: as inUse, and a table that is small in the live database makes it a remark too.
	bySize
	// byRows: as inUse, and a table that is known to be empty makes it a remark.
	byRows
	// ofSize: a table that is small in the live database makes it a remark, and nothing else does.
	ofSize
)

// Emit reports a finding about the lock that the operation takes, or about what it does under it. What the rule leaves
// empty is filled in: where it is, the table, the lock, the SQL, how long the lock would be held, and the severity with
// what it rests on.
func (s *site) Emit(f Finding) {
	if f.Table.Name == "" {
		f.Table = s.Op.Table
	}
	if f.Table.Name == "" {
		f.Table = s.Main().Table
	}
	if effect := s.Effect(f.Table); effect != nil {
		f.Mode = max(f.Mode, effect.Mode)
		if f.Hold == (Hold{}) {
			f.Hold = s.hold(*effect)
		}
	}
	s.Remark(f)
}

// Remark reports a finding about the operation that no lock is the trouble of.
func (s *site) Remark(f Finding) {
	s.remark(s.current.eases, f)
}

// remark is Remark with another easing than the rule's: what fails does so wherever it stands.
func (s *site) remark(e easing, f Finding) {
	if f.Table.Name == "" {
		f.Table = s.Op.Table
	}
	f.At = cmp.Or(f.At, s.Op.At)
	if f.SQL == nil {
		f.SQL = s.SQL()
	}
	s.emit(e, f)
}

// Emit reports a finding about the migration. At is the file's first character where the rule gives none.
func (p *pass) Emit(f Finding) { p.emit(p.current.eases, f) }

func (p *pass) emit(e easing, f Finding) {
	a := p.current
	f.At = cmp.Or(f.At, ecto.Span{Line: 1, Column: 1})
	f.Path, f.Version, f.Down = cmp.Or(f.Path, p.Migration.Path), p.Migration.Version, p.Down
	if f.Severity == Off || a.asked {
		f.Severity = a.severity
	}
	severity, why, ok := p.weigh(e, f.Table, f.Severity)
	if !ok {
		return
	}
	f.Severity = severity
	f.Why = append(f.Why, why...)
	p.run.emit(a, f)
}

// Emit reports a finding about the repo as a whole. The rule says where.
func (r *run) emit(a *active, f Finding) {
	f.Rule, f.Repo = a.ID, r.Repo.Module
	if f.Severity == Off {
		f.Severity = a.severity
	}
	// What change does is undone at the same place: it is said once.
	same := func(o Finding) bool { return o.Rule == f.Rule && o.Path == f.Path && o.At == f.At && o.Down != f.Down }
	if f.Down && slices.ContainsFunc(r.out[r.mark:], same) {
		return
	}
	r.out = append(r.out, f.plain())
}

// Bounds on what a finding says. Names and SQL in it are the project's.
const (
	longestText = 2000
	mostLines   = 400
	longestCode = 40_000
)

// plain is the finding with nothing in it that a terminal would take for more than text.
func (f Finding) plain() Finding {
	f.Text = plaintext.Line(f.Text, longestText)
	f.Recipe = plaintext.Line(f.Recipe, longestText)
	f.Code = plaintext.Block(f.Code, mostLines, longestCode)
	f.Why = each(f.Why, func(s string) string { return plaintext.Line(s, longestText) })
	f.SQL = each(f.SQL, func(s string) string { return plaintext.Block(s, mostLines, longestCode) })
	return f
}

// each is a list of its own with f's values of another.
func each(list []string, f func(string) string) []string {
	if list == nil {
		return nil
	}
	out := make([]string, len(list))
	for i, s := range list {
		out[i] = f(s)
	}
	return out
}

// weigh says how severe a finding about a table is in its context, and what that rests on. It is the only place where
// context makes findings weaker. ok is false where there is nothing to be said.
func (p *pass) weigh(e easing, table ecto.Name, base Severity) (s Severity, why []string, ok bool) {
	if e == never || table.Name == "" {
		return base, nil, true
	}
	if e != ofSize && p.Fresh(table) {
		return Off, nil, false
	}
	if by := p.Batch(table); by != "" && e != ofSize {
		return min(base, Info), []string{madeWith(table, by)}, true
	}
	if e == inUse {
		return base, nil, true
	}
	size := p.size(table)
	switch {
	case !size.known() && p.Live == nil:
		return base, []string{assumed[e] + ": no database was asked"}, true
	case !size.known():
		return base, []string{assumed[e] + ": the database has no figures of " + table.String()}, true
	case e == byRows && size.empty(), e != byRows && size.small(p.rows, p.bytes):
		base = min(base, Info)
	}
	return base, []string{fmt.Sprintf("%s has %s", table, size)}, true
}

// madeWith says that a table is new to everybody.
func madeWith(table ecto.Name, by string) string {
	return fmt.Sprintf("%s is made by %s, which goes out together with this", table, path.Base(by))
}

// assumed is what is taken to be so where no figures are known.
var assumed = map[easing]string{bySize: "assumed large", byRows: "assumed to have rows", ofSize: "assumed large"}
