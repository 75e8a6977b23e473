// Package plan says statement by statement which locks a migration would take on tables that are there when it begins.
// It predicts, from the state that a live database or the migrations before lead to, and asks nobody.
package plan

import (
	"slices"

	"ops-console/ops/ecto"
	"ops-console/ops/ecto/lint"
	"ops-console/ops/ecto/locks"
	"ops-console/ops/ecto/schema"
)

// Plan is one migration in both directions.
type Plan struct {
	Up   []Step
	Down []Step
}

// Step is one statement, or one operation that sends none that is known.
type Step struct {
	At      ecto.Span
	Kind    ecto.Kind // of its first operation
	Table   ecto.Name // of its first operation
	SQL     []string
	Effects []locks.Effect // on tables, strongest first; none: it touches no table that is there
}

// Of is the plan of the migration at a path. One that is not among the migrations has none.
func Of(in lint.Input, path string) Plan {
	i := slices.IndexFunc(in.Migrations, func(m ecto.Migration) bool { return m.Path == path })
	if i < 0 {
		return Plan{}
	}
	state := before(in, i)
	m, t := &in.Migrations[i], Target(in)
	up := walk(ecto.Sequence(m.Up), state, path, t)
	// On the way back what the migration made is there for everybody.
	return Plan{Up: up, Down: walk(ecto.Sequence(m.Down), state, path+" down", t)}
}

// Target is the server that migrations are predicted for: the one that was asked for, the live one, or version 15.
func Target(in lint.Input) locks.Target {
	t := locks.Target{Version: in.Options.Target}
	if in.Live == nil {
		return t
	}
	if t.Version == 0 {
		t.Version = in.Live.Version / 10_000
	}
	t.NotUTC = in.Live.TimeZone != "" && !slices.Contains(utc, in.Live.TimeZone)
	return t
}

// utc is what PostgreSQL calls the time zone in which timestamps with and without one are the same bytes.
var utc = []string{"UTC", "Etc/UTC", "GMT", "Etc/GMT", "UCT", "Etc/UCT", "Zulu", "Etc/Zulu", "Universal", "Etc/Universal", "Greenwich", "Etc/Greenwich"}

// before is the database as migration i finds it. A live one has what ran already; what is pending before i is added.
func before(in lint.Input, i int) *schema.State {
	s := &schema.State{}
	ran := map[int64]bool{}
	if in.Live != nil && in.Live.State != nil && in.Live.Unread == "" && !in.Repo.Tenant {
		s = in.Live.State.Clone()
		for _, a := range in.Live.Applied {
			ran[a.Version] = true
		}
		if ran[in.Migrations[i].Version] {
			// What it did is in the live database already: what it found is not known any more but from the files.
			s, ran = &schema.State{}, nil
		}
	}
	for k := range i {
		if m := &in.Migrations[k]; !ran[m.Version] {
			s.Apply(m.Path, ecto.Sequence(m.Up)...)
		}
	}
	return s
}

// walk goes through operations and changes the state as they do.
func walk(oo []ecto.Operation, s *schema.State, by string, t locks.Target) []Step {
	var out []Step
	for i := 0; i < len(oo); {
		end := i + 1
		for end < len(oo) && oo[i].Statement != 0 && oo[end].Statement == oo[i].Statement {
			end++
		}
		step := Step{At: oo[i].At, Kind: oo[i].Kind, Table: oo[i].Table}
		// A table that is there already is not made again, nor are its columns; State knows that of a whole statement only.
		there := oo[i].Kind == ecto.CreateTable && oo[i].IfNotExists && s.Table(oo[i].Table) != nil
		for _, o := range oo[i:end] {
			step.SQL = append(step.SQL, o.SQL...)
			if there {
				continue
			}
			for _, e := range locks.Predict(o, s, by, t) {
				step.Effects = merge(step.Effects, e)
			}
			s.Apply(by, o)
		}
		slices.SortStableFunc(step.Effects, func(a, b locks.Effect) int { return int(b.Mode) - int(a.Mode) })
		out = append(out, step)
		i = end
	}
	return out
}

// merge joins effects on one table: the strongest lock, and all that is done under it.
func merge(ee []locks.Effect, e locks.Effect) []locks.Effect {
	i := slices.IndexFunc(ee, func(x locks.Effect) bool { return x.Table == e.Table && x.New == e.New })
	if i < 0 {
		return append(ee, e)
	}
	x := &ee[i]
	if e.Mode > x.Mode || e.Mode == x.Mode && weight(e) > weight(*x) {
		x.Why = e.Why
	}
	x.Mode = max(x.Mode, e.Mode)
	x.Rewrite, x.Scan, x.Waits = x.Rewrite || e.Rewrite, x.Scan || e.Scan, x.Waits || e.Waits
	for _, b := range e.Build {
		if !slices.Contains(x.Build, b) {
			x.Build = append(slices.Clip(x.Build), b)
		}
	}
	if x.Fails == "" {
		x.Fails = e.Fails
	}
	if x.Maybe == "" {
		x.Maybe = e.Maybe
	}
	return ee
}

// weight orders effects of one mode by how long they take.
func weight(e locks.Effect) int {
	switch {
	case e.Rewrite:
		return 3
	case len(e.Build) > 0:
		return 2
	case e.Scan:
		return 1
	}
	return 0
}
