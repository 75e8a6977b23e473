package lint

import (
	"fmt"
	"slices"
	"strings"

	"ops-console/ops/ecto"
	"ops-console/ops/ecto/schema"
)

func (s *site) indexDropNotConcurrent() {
	o := s.Op
	if o.Concurrent {
		return
	}
	table := s.Main().Table
	if table.Name == "" {
		table = o.Table
	}
	if o.IfExists && s.Live != nil && s.State.Complete {
		if _, i := s.State.Index(ecto.Name{Prefix: table.Prefix, Name: o.Name.Name}); i == nil {
			return
		}
	}
	of := "its table"
	if table.Name != "" {
		of = table.String()
	}
	f := Finding{
		Table:  table,
		Text:   fmt.Sprintf("dropping %s locks %s against reads and writes: it takes a moment, but waits behind every open transaction, and all others behind it", indexName(o), of),
		Recipe: "drop it concurrently, in a migration of its own without a transaction",
		Code:   s.concurrentDrop(),
	}
	// For a moment, where nothing follows in the same transaction and nobody is known to suffer.
	if z := s.size(table); !z.known() || s.HasTimeout() {
		f.Severity = Info
	}
	s.Emit(f)
}

// concurrentDrop is the migration that drops the operation's index without locking anybody out. With its columns, where they
// are known, it can be undone.
func (s *site) concurrentDrop() string {
	o := *s.Op
	if d := s.dropped; d != nil && !d.Multiple {
		o.Table, o.Columns, o.Unique, o.Where = s.Main().Table, d.Columns, d.Unique, d.Where
	}
	if call := indexCall(&o, true); call != "" {
		return s.outside(when(o.IfExists, "drop_if_exists ", "drop ") + call)
	}
	if o.Name.Name == "" {
		return ""
	}
	if o.Table.Name != "" && !o.Raw {
		return s.outside(fmt.Sprintf("drop index(%s, [], name: %s, concurrently: true)", atom(o.Table.Name), atom(o.Name.Name)))
	}
	return s.outside("execute " + elixirText("DROP INDEX CONCURRENTLY "+qualified(o.Name)))
}

func when(yes bool, then, otherwise string) string {
	if yes {
		return then
	}
	return otherwise
}

// indexSwap looks for a drop and a concurrent build on one table that no transaction holds together.
func (p *pass) indexSwap() {
	if p.InTransaction() || p.Down {
		return
	}
	for _, d := range p.Sites {
		if d.Op.Kind != ecto.DropIndex || d.madeAgain() {
			continue
		}
		table := d.Main().Table
		for _, c := range p.Sites {
			if c.Op.Kind != ecto.CreateIndex || !c.Op.Concurrent || c.Op.Table != table || c.Op.Name.Name == d.Op.Name.Name || !d.akin(c.Op) {
				continue
			}
			text := fmt.Sprintf("if the build of %s fails or is left invalid, %s is gone all the same", indexName(c.Op), indexName(d.Op))
			if d.Index < c.Index {
				text = fmt.Sprintf("%s is gone before %s is built: queries scan %s meanwhile", indexName(d.Op), indexName(c.Op), table)
			}
			d.Emit(Finding{
				Table: table, Text: text,
				Recipe: "drop it in a later migration, once pg_index.indisvalid says that the new one is good",
				Code:   d.concurrentDrop(),
			})
			break
		}
	}
}

// madeAgain says whether the index that the site drops is built under its name behind it: what is dropped is what an earlier
// try left.
func (s *site) madeAgain() bool {
	return slices.ContainsFunc(s.Ops[s.Index:], func(o ecto.Operation) bool {
		return o.Kind == ecto.CreateIndex && o.Name.Name == s.Op.Name.Name
	})
}

// akin says whether the index that the site drops may serve what another one takes over: they begin with the same, or both
// keep values apart. What is dropped was noted when the site was reached, for afterwards nothing knows the index any more.
func (s *site) akin(o *ecto.Operation) bool {
	d := s.dropped
	if d == nil || len(d.Columns) == 0 {
		d = &schema.Index{Columns: s.Op.Columns, Unique: s.Op.Unique}
	}
	if len(d.Columns) == 0 || len(o.Columns) == 0 {
		return true
	}
	if d.Unique && o.Unique {
		return slices.ContainsFunc(d.Columns, func(c ecto.IndexColumn) bool {
			return slices.ContainsFunc(o.Columns, func(x ecto.IndexColumn) bool { return x.Name == c.Name && x.Expression == c.Expression })
		})
	}
	return d.Columns[0].Name == o.Columns[0].Name && d.Columns[0].Expression == o.Columns[0].Expression
}

// harmless are the kinds that leave nothing behind that a second run would stumble over, or that do nothing at all.
var harmless = map[ecto.Kind]bool{
	ecto.Set: true, ecto.Flush: true, ecto.Select: true, ecto.Comment: true, ecto.Analyze: true, ecto.Vacuum: true, ecto.Transaction: true,
	ecto.LockTable: true, ecto.Dangling: true, ecto.OtherSQL: true, ecto.BrokenSQL: true, ecto.Grant: true,
}

// repeatable are the kinds that can run again as they are.
var repeatable = map[ecto.Kind]bool{
	ecto.SetNotNull: true, ecto.DropNotNull: true, ecto.SetDefault: true, ecto.DropDefault: true, ecto.Validate: true, ecto.ModifyColumn: true,
	ecto.AlterColumn: true, ecto.AlterType: true, ecto.Reindex: true, ecto.Update: true, ecto.Delete: true, ecto.RefreshMatview: true, ecto.Truncate: true,
	ecto.RowSecurity: true, ecto.SetTrigger: true, ecto.AlterTable: true, ecto.RewriteTable: true, ecto.System: true,
}

// manyWithoutTransaction: what ran before a statement that fails stays, so it has to be such that it can run again.
func (p *pass) manyWithoutTransaction() {
	if p.InTransaction() || p.Down {
		return
	}
	var all, fragile []*site
	last := 0
	for _, s := range p.Sites {
		if harmless[s.Op.Kind] || s.Op.Statement != 0 && s.Op.Statement == last {
			continue
		}
		last = s.Op.Statement
		all = append(all, s)
		if !s.repeats() {
			fragile = append(fragile, s)
		}
	}
	if len(all) < 2 || len(fragile) == 0 || fragile[0] == all[len(all)-1] {
		return
	}
	f := fragile[0]
	again := strings.ReplaceAll(string(f.Op.Kind), "_", " ") + " cannot run a second time"
	if f.Op.IfNotExists {
		again = "a second run passes over an index that is left invalid"
	}
	f.Emit(Finding{
		Text:   fmt.Sprintf("%d statements run without a transaction: if one fails those before it stay, and %s", len(all), again),
		Recipe: "one statement a migration; or forms that can run again: drop_if_exists before a concurrent build, IF NOT EXISTS for the rest",
	})
}

// repeats says whether the operation can run again where it has run already.
func (s *site) repeats() bool {
	o := s.Op
	switch {
	case repeatable[o.Kind], o.IfExists:
		return true
	case o.Kind == ecto.CreateIndex && o.Concurrent:
		return s.clearedBefore()
	}
	return o.IfNotExists
}
