package lint

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"ops-console/ops/ecto"
	"ops-console/ops/ecto/locks"
)

// dropForeignKeys is said once for a migration: of its first drop, with all tables that are locked besides.
func (p *pass) dropForeignKeys() {
	var others []ecto.Name
	var first *site
	drops := 0
	for _, s := range p.Sites {
		oo := s.otherTables()
		if len(oo) == 0 {
			continue
		}
		drops++
		if first == nil {
			first = s
		}
		for _, o := range oo {
			if !slices.Contains(others, o) {
				others = append(others, o)
			}
		}
	}
	if first == nil {
		return
	}
	f := Finding{
		At: first.Op.At, Table: others[0], Mode: locks.AccessExclusive, SQL: first.SQL(),
		Text: fmt.Sprintf("dropping constraint %s of %s takes ACCESS EXCLUSIVE on %s too: reads and writes there wait for it",
			first.Op.Name.Name, first.Op.Table, tableList(others)),
		Recipe: "set a lock_timeout, and drop one foreign key in a migration",
	}
	switch {
	case first.Op.Kind == ecto.DropTable:
		f.Text = fmt.Sprintf("dropping %s takes ACCESS EXCLUSIVE on %s too, where its foreign keys lead: reads and writes there wait for it", first.Op.Table, tableList(others))
		f.Recipe = "set a lock_timeout, and drop its foreign keys one by one in migrations before"
	case drops > 1:
		f.Text = fmt.Sprintf("%d foreign keys are dropped in one transaction, which takes ACCESS EXCLUSIVE on the tables where they lead too: %s", drops, tableList(others))
	}
	if first.HasTimeout() {
		f.Severity, f.Why = Info, []string{"lock_timeout is " + first.LockTimeout + ", so that the wait ends"}
	}
	p.Emit(f)
}

// otherTables are the tables in use that an operation locks exclusively besides its own, for a foreign key that goes.
func (s *site) otherTables() []ecto.Name {
	if s.Op.Kind != ecto.DropConstraint && s.Op.Kind != ecto.DropTable || s.Fresh(s.Op.Table) {
		return nil
	}
	var out []ecto.Name
	for _, e := range s.Effects {
		if e.Table != s.Op.Table && e.Mode == locks.AccessExclusive && !e.New && !s.dropsToo(e.Table) {
			out = append(out, e.Table)
		}
	}
	return out
}

// tableList is the names of tables, the first few of them.
func tableList(nn []ecto.Name) string {
	const most = 4
	var out []string
	for i, n := range nn {
		if i == most && len(nn) > most+1 {
			return fmt.Sprintf("%s and %d more", strings.Join(out, ", "), len(nn)-most)
		}
		out = append(out, n.String())
	}
	return enumerate(out)
}

// dropsToo says whether the migration drops a table as well: then its lock is no surprise.
func (p *pass) dropsToo(n ecto.Name) bool {
	return slices.ContainsFunc(p.Ops, func(o ecto.Operation) bool { return o.Kind == ecto.DropTable && o.Table == n })
}

func (s *site) notValidPartitioned() {
	_, notValid := s.addsNotValid()
	t := s.Own()
	if !notValid || t == nil || !t.Partitioned || s.run.target.Version >= 18 {
		return
	}
	if s.Op.Kind == ecto.AddConstraint && s.Op.Constraint != ecto.ForeignKey {
		return
	}
	s.Emit(Finding{
		Text:   fmt.Sprintf("%s is partitioned: before PostgreSQL 18 its foreign keys cannot be NOT VALID, and the migration fails", s.Op.Table),
		Recipe: "add and validate the key on every partition, then add it to the parent, which takes those over",
	})
}

// comparable are the types that a foreign key can compare with each other, by family. Of types that are in none nothing is
// said.
var comparable = map[string]string{
	"int2": "a number", "int4": "a number", "int8": "a number", "uuid": "a UUID",
	"text": "text", "varchar": "text", "bpchar": "text", "citext": "text",
}

func (s *site) referenceType() {
	o := s.Op
	column, to, toColumn := o.Column.Name, o.To, ""
	own := o.Column.Type
	if r := o.Column.References; r != nil && o.Kind != ecto.AddConstraint {
		to, toColumn = r.Table, cmp.Or(r.Column, "id")
	} else {
		if o.Constraint != ecto.ForeignKey || len(o.Columnset) != 1 || len(o.ToColumns) != 1 {
			return
		}
		column, toColumn = o.Columnset[0], o.ToColumns[0]
		if c := s.Own().Column(column); c != nil {
			own = c.Type
		}
	}
	target := s.Table(to).Column(toColumn)
	if target == nil || own == "" || target.Type == "" {
		return
	}
	a, b := locks.ParseType(own), locks.ParseType(target.Type)
	fa, fb := comparable[a.Base], comparable[b.Base]
	if fa == "" || fb == "" || fa == fb || a.Dims+b.Dims > 0 {
		return
	}
	f := Finding{
		Text:   fmt.Sprintf("%s.%s is %s, and %s.%s, to which it leads, is %s: the migration fails (42804)", o.Table, column, own, to, toColumn, target.Type),
		Recipe: "give references the type of the column that it leads to",
	}
	if t := ectoTypes[b.Base]; t != "" {
		f.Code = fmt.Sprintf("references(%s, type: %s)", atom(to.Name), t)
	}
	s.Emit(f)
}

// ectoTypes are what references takes for the types of primary keys.
var ectoTypes = map[string]string{"int4": ":integer", "int8": ":bigint", "uuid": ":binary_id", "text": ":text", "varchar": ":string"}
