package lint

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"ops-console/ops/ecto"
	"ops-console/ops/ecto/catalog"
	"ops-console/ops/ecto/locks"
	"ops-console/ops/ecto/schema"
)

// run is one call of Run.
type run struct {
	Input
	target  locks.Target
	rows    int64 // from here on a table is not small
	bytes   int64
	active  []*active
	byKind  map[ecto.Kind][]*active // those with a function for each operation
	applied map[int64]bool          // by version; nil: no database, or one that does not say
	batch   map[string]bool         // paths of the migrations that go out together, as far as that is known
	// history is the state as the files' operations make it, after that of a structure dump and what it does not have yet, live
	// that of the database and the pending ones so far.
	history *schema.State
	after   *schema.State
	live    *schema.State
	dumped  map[int64]bool
	late    []func()
	waits   int // migrations that wait for locks without end
	said    map[string]bool
	lost    map[string]bool // foreign keys whose index a migration that is looked at drops
	out     []Finding
	mark    int // in out, where the findings of the migration that is looked at begin
}

// active is a rule that is on, at the severity that was asked for.
type active struct {
	*rule
	severity Severity
	asked    bool // by the options
}

// Run looks at the migrations that the options choose. It fails only where the context ends.
func Run(ctx context.Context, in Input) (*Result, error) {
	r := newRun(in)
	res := &Result{Notes: in.Notes}
	for i := range in.Migrations {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if r.migration(&in.Migrations[i]) {
			res.Checked++
		}
	}
	for _, f := range r.late {
		f()
	}
	for _, a := range r.active {
		if a.repo != nil {
			a.repo(r, func(f Finding) { r.emit(a, f) })
		}
	}
	r.out = fold(r.out)
	res.Unused = r.suppress()
	res.Findings = r.out
	slices.SortStableFunc(res.Findings, compare)
	return res, nil
}

// fold makes one of the findings of a rule at one place: a loop, or a helper that is called many times, has as many
// operations there, and one place to mend. The first and worst stands for all.
func fold(ff []Finding) []Finding {
	type place struct {
		rule, path string
		at         ecto.Span
		down       bool
	}
	first := map[place]int{}
	others := map[int][]Finding{}
	var out []Finding
	for _, f := range ff {
		key := place{f.Rule, f.Path, f.At, f.Down}
		i, ok := first[key]
		switch {
		case !ok || f.Path == "":
			first[key] = len(out)
			out = append(out, f)
		case f.Severity > out[i].Severity:
			f, out[i] = out[i], f
			fallthrough
		default:
			others[i] = append(others[i], f)
		}
	}
	for i, more := range others {
		f := &out[i]
		var names []string
		for _, o := range more {
			f.SQL = append(slices.Clip(f.SQL), o.SQL...)
			if n := o.Table.String(); n != "" && o.Table != f.Table && !slices.Contains(names, n) {
				names = append(names, n)
			}
		}
		f.SQL = slices.Compact(f.SQL)
		f.Why = append(slices.Clip(f.Why), timesMore(len(more), names))
	}
	return out
}

// timesMore says how often a place does the same, and to which other tables.
func timesMore(n int, tables []string) string {
	const most = 4
	s := fmt.Sprintf("this place does the same %d times more", n)
	if n == 1 {
		s = "this place does the same once more"
	}
	if len(tables) > most {
		tables = append(slices.Clone(tables[:most]), fmt.Sprintf("%d others", len(tables)-most))
	}
	if len(tables) > 0 {
		s += ", to " + enumerate(tables)
	}
	return s
}

// compare puts findings in their order: by version and file, then place, then rule.
func compare(a, b Finding) int {
	return cmp.Or(
		cmp.Compare(a.Version, b.Version), cmp.Compare(a.Path, b.Path),
		cmp.Compare(a.At.Line, b.At.Line), cmp.Compare(a.At.Column, b.At.Column),
		cmp.Compare(a.Rule, b.Rule), cmp.Compare(a.Text, b.Text),
	)
}

// defaultTarget is the major version that is assumed where none is named and no server was asked.
const defaultTarget = 15

func newRun(in Input) *run {
	if in.Repo.Tenant && in.Live != nil {
		in.Live = ofServer(in.Live)
	}
	r := &run{
		Input:   in,
		target:  locks.Target{Version: cmp.Or(in.Options.Target, defaultTarget)},
		rows:    cmp.Or(in.Options.SmallRows, 10_000),
		bytes:   cmp.Or(in.Options.SmallBytes, 16<<20),
		byKind:  map[ecto.Kind][]*active{},
		history: &schema.State{},
		said:    map[string]bool{},
		lost:    map[string]bool{},
	}
	if in.Dump != nil {
		r.after, r.dumped = in.Dump.Clone(), map[int64]bool{}
		for _, v := range in.Repo.Dumped {
			r.dumped[v] = true
		}
	}
	if l := in.Live; l != nil {
		r.fromDatabase()
	}
	r.choose()
	r.together()
	return r
}

// fromDatabase takes over what the snapshot says of the server and of the migrations that ran.
func (r *run) fromDatabase() {
	l := r.Live
	if r.Options.Target == 0 && l.Version > 0 {
		r.target.Version = l.Version / 10000
	}
	r.target.NotUTC = l.TimeZone != "" && !utc[l.TimeZone]
	if l.Unread != "" {
		return // what is pending is not known, nor which migrations the state of the database has
	}
	r.applied = make(map[int64]bool, len(l.Applied))
	for _, a := range l.Applied {
		r.applied[a.Version] = true
	}
	if l.State != nil {
		r.live = l.State.Clone()
	}
}

// ofServer is what holds of a snapshot for the migrations of tenants: each has tables of its own, and of its own versions.
func ofServer(l *catalog.Snapshot) *catalog.Snapshot {
	c := *l
	c.State, c.Applied, c.Traffic, c.Activity, c.Wraparound = nil, nil, nil, nil, nil
	c.Unread = "each tenant's schema has its own"
	return &c
}

// utc are the names of it that a server's configuration may have.
var utc = map[string]bool{"UTC": true, "Etc/UTC": true, "GMT": true, "Etc/GMT": true, "Zulu": true, "Etc/Zulu": true, "UCT": true, "Universal": true}

// choose finds which rules are on. One that is asked for by its id or its group is, whatever it is by default.
func (r *run) choose() {
	for i := range rules {
		a := &active{rule: &rules[i], severity: rules[i].Severity}
		for _, name := range []string{a.Group, a.ID} {
			if s, ok := r.Options.Severity[name]; ok {
				a.severity, a.asked = s, true
			}
		}
		if a.severity == Off {
			continue
		}
		r.active = append(r.active, a)
		if a.each == nil {
			continue
		}
		kinds := a.kinds
		if kinds == nil {
			kinds = []ecto.Kind{anyKind}
		}
		for _, k := range kinds {
			r.byKind[k] = append(r.byKind[k], a)
		}
	}
}

// anyKind stands for all kinds of operations.
const anyKind ecto.Kind = ""

// together finds the migrations that go out at once: those that are pending, or, where no database was asked, those that
// the options choose. A table that one of them makes is in nobody's use when the next one changes it.
func (r *run) together() {
	r.batch = map[string]bool{}
	for i := range r.Migrations {
		m := &r.Migrations[i]
		switch {
		case r.applied != nil:
			r.batch[m.Path] = !r.applied[m.Version]
		case r.Options.Check != nil:
			r.batch[m.Path] = r.Options.Check(m.Version)
		}
	}
}

// states are those that a migration changes, the one that it is judged by first.
func (r *run) states(m *ecto.Migration) []*schema.State {
	var out []*schema.State
	if r.live != nil && !r.applied[m.Version] {
		out = append(out, r.live)
	}
	if r.after != nil && !r.dumped[m.Version] {
		out = append(out, r.after)
	}
	return append(out, r.history)
}

// final is the state after all migrations, as well as it is known.
func (r *run) final() *schema.State {
	switch {
	case r.live != nil:
		return r.live
	case r.after != nil:
		return r.after
	}
	return r.history
}

// migration looks at one file if it is to be looked at, and takes what it does into the states.
func (r *run) migration(m *ecto.Migration) bool {
	r.mark = len(r.out)
	states := r.states(m)
	state := states[0]
	checked := r.Options.Check == nil || r.Options.Check(m.Version)
	if checked {
		r.pass(m, state, m.Up, false)
	} else {
		state.Apply(m.Path, sequence(m.Up)...)
	}
	for _, other := range states[1:] {
		other.Apply(m.Path, sequence(m.Up)...)
	}
	if !checked {
		return false
	}
	back := state
	if r.Options.Down {
		back = state.Clone()
	}
	r.pass(m, back, m.Down, true)
	return true
}
