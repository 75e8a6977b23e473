package lint

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"ops-console/ops/ecto"
	"ops-console/ops/ecto/locks"
	"ops-console/ops/ecto/schema"
)

// pass is one direction of one migration, while the rules look at it.
type pass struct {
	*run
	Migration *ecto.Migration
	Ops       []ecto.Operation // in the order in which they reach the server
	Written   []ecto.Operation // in the order of the source
	Down      bool
	// Sites are the operations that were reached so far, all of them when a rule's file function runs. An operation that
	// does nothing, because what it would create is there, has none.
	Sites []*site
	// State is the database as it is now: before the operation whose site is looked at, behind the last one in a file
	// function. On the way back it does not move unless Options.Down is set.
	State *schema.State

	timeout string // lock_timeout in effect
	current *active
	done    map[string]bool
	apart   [][]string // columns of unique indexes and keys that were dropped: their rows are not alike
}

// site is one operation where it stands.
type site struct {
	*pass
	Index   int // in Ops
	Op      *ecto.Operation
	Effects []locks.Effect // strongest first
	// LockTimeout is what lock_timeout is when the operation runs; empty or 0: there is none.
	LockTimeout string
	// dropped is the index that the operation drops; nil: it drops none that is known.
	dropped *schema.Index
}

// pass looks at one direction. It leaves state as the operations leave the database; on the way back only where
// Options.Down asks for more than what is wrong with the text itself.
func (r *run) pass(m *ecto.Migration, state *schema.State, ops []ecto.Operation, down bool) {
	written := ops
	ops = sequence(ops)
	p := &pass{run: r, Migration: m, Ops: ops, Written: written, Down: down, State: state, timeout: r.centralTimeout(), done: map[string]bool{}}
	moves := !down || r.Options.Down
	there := 0 // the statement of a table that is there already
	for i := range ops {
		o := &ops[i]
		if moves && o.Statement != 0 && o.Statement == there {
			continue
		}
		if moves && o.Kind == ecto.CreateTable && o.IfNotExists && state.Table(o.Table) != nil {
			there = o.Statement
			continue
		}
		s := &site{pass: p, Index: i, Op: o, LockTimeout: p.timeout}
		if o.Kind == ecto.DropIndex {
			if _, i := state.Index(o.Name); i != nil {
				d := *i
				s.dropped = &d
			}
		}
		if moves {
			s.Effects = locks.Predict(*o, state, m.Path, r.target)
		}
		p.Sites = append(p.Sites, s)
		p.each(s)
		p.set(o)
		if moves {
			state.Apply(m.Path, *o)
		}
	}
	for _, a := range r.active {
		if a.file != nil && p.concerns(a) {
			p.current = a
			a.file(p)
		}
	}
}

// sequence is ecto.Sequence, which only what is not queued makes another than the order of the source.
func sequence(ops []ecto.Operation) []ecto.Operation {
	if !slices.ContainsFunc(ops, func(o ecto.Operation) bool { return o.Immediate }) {
		return ops
	}
	return ecto.Sequence(ops)
}

// concerns says whether a rule looks at this direction.
func (p *pass) concerns(a *active) bool { return !p.Down || p.Options.Down || a.always }

func (p *pass) each(s *site) {
	for _, k := range []ecto.Kind{s.Op.Kind, anyKind} {
		for _, a := range p.byKind[k] {
			if p.concerns(a) && !(a.byName && s.Op.Partial && unnamed(s.Op)) {
				p.current = a
				a.each(s)
			}
		}
	}
}

// unnamed says whether the table or the column of an operation is only known when it runs.
func unnamed(o *ecto.Operation) bool {
	return slices.ContainsFunc([]string{o.Table.Prefix, o.Table.Name, o.To.Name, o.Name.Name, o.Column.Name, o.ToColumn},
		func(name string) bool { return strings.Contains(name, "#{") })
}

// centralTimeout is the lock_timeout that every migration of the repo begins with.
func (r *run) centralTimeout() string {
	switch {
	case r.Options.LockTimeout != "":
		return r.Options.LockTimeout
	case r.Repo.Settings.LockTimeout != "":
		return r.Repo.Settings.LockTimeout
	case r.Live != nil:
		return r.Live.LockTimeout
	}
	return ""
}

// set follows SET lock_timeout. SET LOCAL outside of a transaction is only a warning.
func (p *pass) set(o *ecto.Operation) {
	switch {
	case o.Kind != ecto.Set || o.Setting != "lock_timeout" && o.Setting != "all":
	case o.Local && !p.InTransaction():
	case o.Expression == "", o.Expression == "DEFAULT":
		p.timeout = p.centralTimeout()
	default:
		p.timeout = o.Expression
	}
}

// InTransaction says whether the migration's operations run in a transaction of their own.
func (p *pass) InTransaction() bool { return !p.Migration.DisableDDLTransaction }

// HasTimeout says whether a lock_timeout is in effect that ends a wait.
func (s *site) HasTimeout() bool {
	switch s.LockTimeout {
	case "", "0", "0ms", "0s", "0min":
		return false
	}
	return true
}

// Table is what is known of a table; nil: nothing.
func (p *pass) Table(n ecto.Name) *schema.Table { return p.State.Table(n) }

// Own is what is known of the operation's own table; nil: nothing.
func (s *site) Own() *schema.Table { return s.Table(s.Op.Table) }

// Column is what is known of the operation's own column; nil: nothing.
func (s *site) Column() *schema.Column { return s.Own().Column(s.Op.Column.Name) }

// Fresh says whether this migration itself made a table: nobody uses it yet.
func (p *pass) Fresh(n ecto.Name) bool {
	t := p.Table(n)
	return t != nil && t.CreatedBy != "" && t.CreatedBy == p.Migration.Path
}

// Batch is the path of the earlier migration that makes a table and goes out together with this one; empty: none does.
func (p *pass) Batch(n ecto.Name) string {
	t := p.Table(n)
	if t == nil || t.CreatedBy == p.Migration.Path || !p.run.batch[t.CreatedBy] || !p.run.batch[p.Migration.Path] {
		return ""
	}
	return t.CreatedBy
}

// Effect is the strongest effect on a table; nil: none.
func (s *site) Effect(n ecto.Name) *locks.Effect {
	for i := range s.Effects {
		if s.Effects[i].Table == n {
			return &s.Effects[i]
		}
	}
	return nil
}

// Main is the strongest effect on the operation's own table, or on whichever it has; it is never nil.
func (s *site) Main() *locks.Effect {
	if e := s.Effect(s.Op.Table); e != nil {
		return e
	}
	if len(s.Effects) > 0 {
		return &s.Effects[0]
	}
	return &locks.Effect{Table: s.Op.Table}
}

// SQL is the statement that the operation is part of.
func (s *site) SQL() []string {
	if len(s.Op.SQL) > 0 || s.Op.Statement == 0 {
		return s.Op.SQL
	}
	i := slices.IndexFunc(s.Ops, func(o ecto.Operation) bool { return o.Statement == s.Op.Statement && len(o.SQL) > 0 })
	if i < 0 {
		return nil
	}
	return s.Ops[i].SQL
}

// Later calls f after all migrations, when State of the pass is what they leave behind.
func (s *site) Later(f func(final *schema.State)) {
	current := s.current
	s.late = append(s.late, func() {
		s.current = current
		f(s.final())
	})
}

// reported says whether something was said of these columns of a table before, and notes that it is now. It is of the whole
// run: a foreign key that two migrations make is one.
func (r *run) reported(what string, table ecto.Name, columns []string) bool {
	key := what + " " + table.String() + " " + strings.Join(columns, ",")
	before := r.said[key]
	r.said[key] = true
	return before
}

// Once says whether this is the first time that it is asked of the pass with these words.
func (p *pass) Once(words ...any) bool {
	key := fmt.Sprint(words...)
	before := p.done[key]
	p.done[key] = true
	return !before
}

// Attribute is where the migration sets an attribute; zero: nowhere that was found.
func (p *pass) Attribute(name string) ecto.Span {
	src := p.Sources[p.Migration.Path]
	for n, line := range bytes.Split(src, []byte("\n")) {
		at := bytes.TrimLeft(line, " \t")
		if rest, ok := bytes.CutPrefix(at, []byte("@"+name)); ok && len(rest) > 0 && (rest[0] == ' ' || rest[0] == '(') {
			column := len(line) - len(at) + 1
			return ecto.Span{Line: n + 1, Column: column, EndLine: n + 1, EndColumn: column + len(bytes.TrimRight(at, " \t\r"))}
		}
	}
	return ecto.Span{}
}

// Note looks for a note of the lowering, or of the reading, by its code.
func (p *pass) Note(code string) (ecto.Note, bool) {
	i := slices.IndexFunc(p.Migration.Notes, func(n ecto.Note) bool { return n.Code == code })
	if i < 0 {
		return ecto.Note{}, false
	}
	return p.Migration.Notes[i], true
}
