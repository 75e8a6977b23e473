package measure

import (
	"fmt"
	"slices"
	"strings"

	"ops-console/ops/ecto"
	"ops-console/ops/ecto/locks"
	"ops-console/ops/ecto/schema"
)

// Predict gives the effects that are predicted for the operations of one statement, and applies them to s, as what comes
// after sees what came before. by is what made the tables that nobody else sees yet.
func Predict(ops []ecto.Operation, s *schema.State, by string, t locks.Target) []locks.Effect {
	var out []locks.Effect
	for _, o := range ops {
		effects := locks.Predict(o, s, by, t)
		for i := range effects {
			// A truncated table gets new, empty files: that is measured as a rewrite.
			if known := s.Table(effects[i].Table); o.Kind == ecto.Truncate && (known == nil || !known.Partitioned) {
				effects[i].Rewrite = true
			}
		}
		out = append(out, effects...)
		s.Apply(by, o)
	}
	return out
}

// expected joins the effects of a statement by table.
type expected struct {
	mode          locks.Mode
	rewrite, scan bool
	maybe         bool
	build         []string
}

func (e expected) String() string {
	return describe(e.mode, e.rewrite, e.scan)
}

func describe(m locks.Mode, rewrite, scan bool) string {
	s := m.String()
	if s == "" {
		s = "no lock"
	}
	if rewrite {
		s += ", rewritten"
	}
	if scan && !rewrite {
		s += ", scanned"
	}
	return s
}

// Differences says where prediction and measurement of a statement disagree, one line each; none: they agree. What the
// prediction leaves open is no disagreement.
func Differences(ops []ecto.Operation, predicted []locks.Effect, measured []Effect, m *Meter) []string {
	if opaque(ops) {
		return nil
	}
	want := map[ecto.Name]expected{}
	for _, e := range predicted {
		if e.New || e.Mode == locks.None {
			continue
		}
		name := bare(e.Table, m.standard)
		x := want[name]
		x.mode = max(x.mode, e.Mode)
		x.rewrite = x.rewrite || e.Rewrite
		x.scan = x.scan || e.Scan
		x.maybe = x.maybe || e.Maybe != ""
		x.build = append(x.build, e.Build...)
		want[name] = x
	}
	var out []string
	for _, got := range measured {
		x, ok := want[got.Table]
		delete(want, got.Table)
		if !ok && got.Mode <= got.Before && !got.Rewrite && !got.Scan {
			continue // its index belongs to what the statement did to another table, such as a partition's
		}
		if !ok && got.Mode <= locks.RowExclusive && writes(ops) {
			continue // by a trigger, or to look up what rows refer to
		}
		x.mode = max(x.mode, got.Before)
		if got.Empty || got.Rewrite && x.rewrite || looksUp(ops, got.Table) || seeks(ops) || x.maybe {
			x.scan = got.Scan
		}
		if x.maybe {
			x.rewrite = got.Rewrite
		}
		if x.mode != got.Mode || x.rewrite != got.Rewrite || !x.rewrite && x.scan != got.Scan {
			out = append(out, fmt.Sprintf("%s: predicted %s, measured %s", got.Table, x, describe(got.Mode, got.Rewrite, got.Scan)))
			continue
		}
		if again := m.again(got.Build); !x.rewrite && !x.maybe && !slices.Contains(x.build, "") && slices.ContainsFunc(again, func(i string) bool { return !slices.Contains(x.build, i) }) {
			out = append(out, fmt.Sprintf("%s: indexes %s were built again, which was not predicted", got.Table, strings.Join(again, ", ")))
		}
	}
	for name, x := range want {
		if optional(ops) {
			continue // there was nothing to be done
		}
		if x.mode <= m.Held(name) && !x.rewrite && (!x.scan || m.Empty(name) || looksUp(ops, name) || seeks(ops) || x.maybe) {
			continue
		}
		if x.rewrite && m.Empty(name) && x.mode <= m.Held(name) {
			continue
		}
		out = append(out, fmt.Sprintf("%s: predicted %s, measured nothing", name, x))
	}
	slices.Sort(out)
	return out
}

// again is which of some indexes were there before.
func (m *Meter) again(indexes []string) []string {
	return slices.DeleteFunc(slices.Clone(indexes), func(name string) bool {
		for _, r := range m.before {
			if r.kind == "i" && r.name.Name == name {
				return false
			}
		}
		return true
	})
}

func bare(n ecto.Name, standard string) ecto.Name {
	if n.Prefix == standard {
		n.Prefix = ""
	}
	return n
}

// looksUp says whether a table is one that rows of another are looked up in, which the planner may do by reading all of it.
func looksUp(ops []ecto.Operation, table ecto.Name) bool {
	return slices.ContainsFunc(ops, func(o ecto.Operation) bool {
		r := o.Column.References
		return o.Constraint == ecto.ForeignKey && o.To.Name == table.Name || r != nil && r.Table.Name == table.Name
	})
}

// opaque says whether a statement runs code that nobody predicts: blocks, functions, procedures.
func opaque(ops []ecto.Operation) bool {
	return slices.ContainsFunc(ops, func(o ecto.Operation) bool {
		return o.Kind == ecto.Do || o.Kind == ecto.OtherSQL || o.Kind == ecto.Select || o.Kind == ecto.Dynamic
	})
}

// writes says whether a statement changes rows.
func writes(ops []ecto.Operation) bool {
	return slices.ContainsFunc(ops, func(o ecto.Operation) bool {
		return o.Kind == ecto.Insert || o.Kind == ecto.Update || o.Kind == ecto.Delete || o.Kind == ecto.Copy
	})
}

// optional says whether a statement may find that there is nothing to do.
func optional(ops []ecto.Operation) bool {
	return slices.ContainsFunc(ops, func(o ecto.Operation) bool { return o.IfExists || o.IfNotExists })
}

// seeks says whether a statement has a condition: on few rows the planner reads all of them.
func seeks(ops []ecto.Operation) bool {
	return slices.ContainsFunc(ops, func(o ecto.Operation) bool {
		return (o.Kind == ecto.Update || o.Kind == ecto.Delete) && o.Where != "" || o.Kind == ecto.Insert
	})
}
