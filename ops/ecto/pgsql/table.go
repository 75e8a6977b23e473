package pgsql

import (
	"strings"

	pg "github.com/pganalyze/pg_query_go/v6"

	"ops-console/ops/ecto"
)

// createTable is the table, then its columns and constraints.
func createTable(s *pg.CreateStmt) []ecto.Operation {
	table := relation(s.GetRelation())
	head := ecto.Operation{Kind: ecto.CreateTable, Table: table, IfNotExists: s.GetIfNotExists()}
	if s.GetPartbound() != nil && len(s.GetInhRelations()) > 0 {
		head.Kind, head.To = ecto.CreatePartition, relation(s.GetInhRelations()[0].GetRangeVar())
	}
	if s.GetPartspec() != nil {
		head.Expression = "PARTITION BY " + strings.TrimPrefix(s.GetPartspec().GetStrategy().String(), "PARTITION_STRATEGY_")
	}
	out := []ecto.Operation{head}
	for _, e := range s.GetTableElts() {
		switch {
		case e.GetColumnDef() != nil:
			o := ecto.Operation{Kind: ecto.AddColumn, Table: table}
			var more []ecto.Operation
			o.Column, more = column(table, e.GetColumnDef())
			out = append(append(out, o), more...)
		case e.GetConstraint() != nil:
			out = append(out, constraint(table, e.GetConstraint()))
		}
	}
	return out
}

// column is a column, and the operations that its constraints are besides: those that a reader would look for in their
// own right.
func column(table ecto.Name, d *pg.ColumnDef) (ecto.Column, []ecto.Operation) {
	c := ecto.Column{Name: d.GetColname(), Type: typeName(d.GetTypeName())}
	if d.GetCollClause() != nil {
		c.Collation = qualified(d.GetCollClause().GetCollname()).String()
	}
	var more []ecto.Operation
	for _, n := range d.GetConstraints() {
		k := n.GetConstraint()
		switch k.GetContype() {
		case pg.ConstrType_CONSTR_NOTNULL:
			c.Null = new(bool)
		case pg.ConstrType_CONSTR_NULL:
			null := true
			c.Null = &null
		case pg.ConstrType_CONSTR_DEFAULT:
			c.Default = defaultOf(k.GetRawExpr())
		case pg.ConstrType_CONSTR_IDENTITY:
			c.Identity = true
		case pg.ConstrType_CONSTR_GENERATED:
			c.Generated = "ALWAYS AS (" + expression(k.GetRawExpr()) + ") STORED"
		case pg.ConstrType_CONSTR_PRIMARY:
			c.PrimaryKey = true
		case pg.ConstrType_CONSTR_FOREIGN:
			c.References = references(k)
			c.References.Inline = true
		case pg.ConstrType_CONSTR_CHECK, pg.ConstrType_CONSTR_UNIQUE:
			o := constraint(table, k)
			o.Column = ecto.Column{Name: c.Name}
			if o.Constraint == ecto.UniqueKey && len(o.Columnset) == 0 {
				o.Columnset = []string{c.Name}
			}
			more = append(more, o)
		}
	}
	return c, more
}

func defaultOf(n *pg.Node) *ecto.Default {
	d := &ecto.Default{SQL: expression(n)}
	k := n.GetAConst()
	if k == nil {
		// A literal with a cast is still a literal: '{}'::jsonb.
		k = n.GetTypeCast().GetArg().GetAConst()
	}
	d.Expression = k == nil
	d.Null = k.GetIsnull()
	return d
}

func references(k *pg.Constraint) *ecto.References {
	r := &ecto.References{
		Table: relation(k.GetPktable()), Constraint: k.GetConname(), NotValid: k.GetSkipValidation(),
		OnDelete: referential(k.GetFkDelAction()), OnUpdate: referential(k.GetFkUpdAction()),
	}
	if cc := stringsOf(k.GetPkAttrs()); len(cc) > 0 {
		r.Column = cc[0]
	}
	return r
}

// referential is the action that a letter of pg_constraint.confdeltype stands for; empty: none.
func referential(letter string) string {
	return map[string]string{"r": "RESTRICT", "c": "CASCADE", "n": "SET NULL", "d": "SET DEFAULT"}[letter]
}

var constraintKinds = map[pg.ConstrType]ecto.ConstraintKind{
	pg.ConstrType_CONSTR_CHECK:     ecto.Check,
	pg.ConstrType_CONSTR_FOREIGN:   ecto.ForeignKey,
	pg.ConstrType_CONSTR_UNIQUE:    ecto.UniqueKey,
	pg.ConstrType_CONSTR_PRIMARY:   ecto.PrimaryKey,
	pg.ConstrType_CONSTR_EXCLUSION: ecto.Exclusion,
	pg.ConstrType_CONSTR_NOTNULL:   ecto.NotNull,
}

func constraint(table ecto.Name, k *pg.Constraint) ecto.Operation {
	o := ecto.Operation{
		Kind: ecto.AddConstraint, Table: table, Name: ecto.Name{Name: k.GetConname()}, Constraint: constraintKinds[k.GetContype()],
		NotValid: k.GetSkipValidation(), Columnset: stringsOf(k.GetKeys()), UsingIndex: k.GetIndexname(), Expression: expression(k.GetRawExpr()),
		Where: expression(k.GetWhereClause()),
	}
	if o.Constraint == ecto.ForeignKey {
		o.To, o.Columnset, o.ToColumns = relation(k.GetPktable()), stringsOf(k.GetFkAttrs()), stringsOf(k.GetPkAttrs())
		o.OnDelete, o.OnUpdate = referential(k.GetFkDelAction()), referential(k.GetFkUpdAction())
	}
	return o
}
