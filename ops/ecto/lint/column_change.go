package lint

import (
	"fmt"
	"slices"
	"strings"

	"ops-console/ops/ecto"
	"ops-console/ops/ecto/locks"
)

// typeBefore is the type of the operation's column: what the state knows, or what from: says.
func (s *site) typeBefore() string {
	if c := s.Column(); c != nil && c.Type != "" {
		return stored(c.Type)
	}
	if s.Op.From != nil {
		return s.Op.From.Type
	}
	return ""
}

// stored is the type that a column has after it was made: serial is none.
func stored(t string) string {
	switch strings.ToLower(t) {
	case "smallserial", "serial2":
		return "smallint"
	case "serial", "serial4":
		return "integer"
	case "bigserial", "serial8":
		return "bigint"
	}
	return t
}

// typeOnly is the effect of the operation's change of type alone, without what else modify does.
func (s *site) typeOnly() *locks.Effect {
	if s.Op.Kind != ecto.ModifyColumn {
		return s.Main()
	}
	o := *s.Op
	o.Column.Null, o.Column.References = nil, nil
	if o.From != nil {
		from := *o.From
		from.References, o.From = nil, &from
	}
	for _, e := range locks.Predict(o, s.State, s.Migration.Path, s.target) {
		if e.Table == o.Table {
			return &e
		}
	}
	return &locks.Effect{Table: o.Table}
}

// retyped says whether the operation means to change the type: another one, or one that nobody knows to be the same.
func (s *site) retyped() bool {
	from, to := s.typeBefore(), s.Op.Column.Type
	return s.Op.Kind == ecto.AlterType || from == "" || locks.Change(from, to, false, true) != locks.TypeSame
}

func (s *site) modifyRewrites() {
	o := s.Op
	e := s.typeOnly()
	from := s.typeBefore()
	f := Finding{
		Recipe: "add a column of the new type, write both, fill it in batches, read it, then drop the old one",
		Code:   s.expand(from),
	}
	switch {
	case e.Fails != "":
		if locks.Change(from, o.Column.Type, o.Using != "", !s.target.NotUTC) != locks.TypeRefused {
			return
		}
		f.Text = fmt.Sprintf("%s cannot become %s without USING: the migration fails (42804)", from, o.Column.Type)
		f.Recipe = "say how with ALTER COLUMN … TYPE … USING in SQL, which writes the table again; or by a second column"
		s.remark(never, f)
		return
	case e.Rewrite:
		if o.Statement != 0 && !s.Once("rewritten by statement", o.Statement) {
			return // the table is written once for all columns of a statement
		}
		f.Text = s.changes(from) + ": " + rewritten(o.Table)
		if others := s.alsoRewritten(); len(others) > 0 {
			f.Text = fmt.Sprintf("%s; %s: %s, once for all of them", s.changes(from), few(others, 4), rewritten(o.Table))
			f.Code += "\n\n# and so for the other columns"
		}
		if o.Column.References != nil && from != "" {
			f.Recipe = fmt.Sprintf("if only the foreign key is meant, say its type in references: %s; else %s", keepType(from), f.Recipe)
		}
	case s.retyped() && len(e.Build) > 0:
		f.Text = fmt.Sprintf("%s changes from %s to %s: %s of %s %s built again under an ACCESS EXCLUSIVE lock, and reads and writes wait",
			o.Column.Name, from, o.Column.Type, built(e.Build), o.Table, when(len(e.Build) > 1, "are", "is"))
	case e.Maybe != "" && s.unsaid(from):
		f.Severity = Warning
		f.Text = fmt.Sprintf("whether %s.%s becomes %s without a rewrite depends on its type before, which is not known here", o.Table, o.Column.Name, o.Column.Type)
		if from != "" {
			f.Text = fmt.Sprintf("whether %s.%s is written again to become %s is not known: %s is no type of PostgreSQL's own", o.Table, o.Column.Name, o.Column.Type, from)
		}
		f.Recipe = "say it with from:, or look it up; if the table would be written again, use a second column"
	default:
		return
	}
	effect := *e
	s.emitEffect(effect, f)
}

// changes is NAME changes from TYPE to TYPE.
func (s *site) changes(from string) string {
	o := s.Op
	if o.Using != "" {
		return fmt.Sprintf("%s becomes %s by USING", o.Column.Name, o.Column.Type)
	}
	return fmt.Sprintf("%s changes from %s to %s", o.Column.Name, orUnknown(from), o.Column.Type)
}

// alsoRewritten is what the rest of the statement does to the types of columns that has the table written again too.
func (s *site) alsoRewritten() []string {
	var out []string
	for i := s.Index + 1; i < len(s.Ops); i++ {
		x := *s
		x.Index, x.Op = i, &s.Ops[i]
		if x.Op.Kind != ecto.ModifyColumn && x.Op.Kind != ecto.AlterType || x.Op.Statement != s.Op.Statement || x.Op.Table != s.Op.Table {
			continue
		}
		x.Effects = locks.Predict(*x.Op, s.State, s.Migration.Path, s.target)
		if e := x.typeOnly(); e.Rewrite && e.Fails == "" {
			out = append(out, fmt.Sprintf("%s to %s", x.Op.Column.Name, x.Op.Column.Type))
		}
	}
	return out
}

// few is the first of a list, and how many others there are.
func few(list []string, most int) string {
	if len(list) > most+1 {
		list = append(slices.Clone(list[:most]), fmt.Sprintf("%d others", len(list)-most))
	}
	return enumerate(list)
}

// keepType is the option of references that leaves a column's type as it is.
func keepType(from string) string { return "type: " + atom(from) }

// unsaid says whether the operation looks as if it were about the type: one that also sets null, a default or a foreign
// key may have named the type only because modify has to.
func (s *site) unsaid(from string) bool {
	c := &s.Op.Column
	if s.Op.Kind == ecto.AlterType || from != "" {
		return from == "" || !strings.EqualFold(from, c.Type)
	}
	return c.Null == nil && c.Default == nil && c.References == nil
}

func orUnknown(t string) string {
	if t == "" {
		return "an unknown type"
	}
	return t
}

// emitEffect is Emit with the hold of an effect that is not the operation's whole one.
func (s *site) emitEffect(e locks.Effect, f Finding) {
	f.Hold = s.hold(e)
	s.Emit(f)
}

// expand is the beginning of the way over a second column.
func (s *site) expand(from string) string {
	o := s.Op
	c := o.Column
	c.Name, c.Null, c.Default, c.References = o.Column.Name+"_new", nil, nil, nil
	table, old, after := qualified(o.Table), ident(o.Column.Name), ident(c.Name)
	cast := ""
	if from != "" && locks.ParseType(from).Base != locks.ParseType(c.Type).Base {
		cast = "::" + c.Type
	}
	return migrations(
		"# 1\n"+change(alterTo(o.Table, add(&c))),
		"# 2 the code writes both columns",
		fmt.Sprintf("# 3 in batches, outside of a migration's transaction\n# UPDATE %s SET %s = %s%s WHERE id > $1 AND id <= $2", table, after, old, cast),
		fmt.Sprintf("# 4 the code reads %s\n# 5 the code no longer names %s\n# 6", c.Name, o.Column.Name)+"\n"+change(alterTo(o.Table, "remove "+atom(o.Column.Name)+before(from))),
	)
}

// before is the type of a column that goes, so that its removal can be undone.
func before(t string) string {
	if t == "" {
		return ""
	}
	return ", " + atom(t)
}

// modifyImplicit is about modify that means null, a default or a foreign key only, and costs for the ALTER COLUMN TYPE
// that Ecto sends along. Where nothing hangs on the column that is a matter of milliseconds.
func (s *site) modifyImplicit() {
	o := s.Op
	if s.typeBefore() == "" || s.retyped() {
		return
	}
	e := s.typeOnly()
	f := Finding{
		Recipe: "say what is meant in SQL, without the type",
		Code:   s.withoutType(),
	}
	intro := fmt.Sprintf("modify also sends ALTER COLUMN %s TYPE %s, which it is already", ident(o.Column.Name), o.Column.Type)
	switch {
	case e.Fails != "":
		f.Severity = Error
		f.Text = fmt.Sprintf("%s, and that fails: %s", intro, e.Fails)
		s.remark(never, f)
		return
	case len(e.Build) > 0:
		f.Severity = Error
		f.Text = fmt.Sprintf("%s: %s of %s %s built again for it under an ACCESS EXCLUSIVE lock", intro, built(e.Build), o.Table, when(len(e.Build) > 1, "are", "is"))
	case e.Scan:
		f.Text = fmt.Sprintf("%s: every row of %s is checked again for it under an ACCESS EXCLUSIVE lock (%s)", intro, o.Table, e.Why)
	default:
		other := s.rebuiltKeys()
		if len(other) == 0 {
			return
		}
		f.Text = fmt.Sprintf("%s: foreign keys on it are made again for it, which locks reads and writes out of %s too", intro, enumerate(other))
	}
	s.emitEffect(*e, f)
}

// rebuiltKeys are the other tables that the change of type locks for foreign keys it does not mean.
func (s *site) rebuiltKeys() []string {
	var out []string
	for _, e := range s.Effects {
		if e.Table == s.Op.Table || e.Mode != locks.AccessExclusive || e.New || s.meant(e.Table) || slices.Contains(out, e.Table.String()) {
			continue
		}
		out = append(out, e.Table.String())
	}
	return out
}

// meant says whether the operation itself is about a foreign key to a table.
func (s *site) meant(n ecto.Name) bool {
	o := s.Op
	return o.Column.References != nil && o.Column.References.Table == n || o.From != nil && o.From.References != nil && o.From.References.Table == n
}

// withoutType is what a modify means besides its type, in SQL; empty where that is a foreign key.
func (s *site) withoutType() string {
	c := &s.Op.Column
	if c.References != nil {
		return ""
	}
	head := fmt.Sprintf("ALTER TABLE %s ALTER COLUMN %s ", qualified(s.Op.Table), ident(c.Name))
	var lines []string
	if c.Null != nil {
		set, undo := "SET NOT NULL", "DROP NOT NULL"
		if *c.Null {
			set, undo = undo, set
		}
		lines = append(lines, executeBoth(head+set, head+undo))
	}
	if c.Default != nil {
		undo := head + "DROP DEFAULT"
		if k := s.Column(); k != nil && k.Default != nil && !k.Default.Null {
			undo = head + "SET DEFAULT " + defaultSQL(k.Default)
		}
		lines = append(lines, executeBoth(head+"SET DEFAULT "+defaultSQL(c.Default), undo))
	}
	if len(lines) == 0 {
		return ""
	}
	return change(lines...)
}

// setNotNull is said once for a statement, however many columns it is about: it looks at the rows once.
func (s *site) setNotNull() {
	o := s.Op
	if !s.provesNotNull(o) || s.emptied() || o.Statement != 0 && !s.Once("set-not-null", o.Statement, o.Table) {
		return
	}
	columns := []string{o.Column.Name}
	for i := range s.Ops {
		x := &s.Ops[i]
		if i <= s.Index || x.Statement != o.Statement || x.Table != o.Table || !s.provesNotNull(x) {
			continue
		}
		columns = append(columns, x.Column.Name)
	}
	e := *s.Main()
	if e.Fails != "" || e.Rewrite || !e.Scan {
		return
	}
	f := Finding{
		Text: fmt.Sprintf("every row of %s is looked at for a null in %s under an ACCESS EXCLUSIVE lock: reads and writes wait, and one null makes it fail (23502)",
			o.Table, enumerate(columns)),
		Recipe: "add a check that it is not null with validate: false, fill the old rows, validate it in a later migration, then SET NOT NULL in SQL",
		Code:   s.notNullSteps(columns),
	}
	if k := s.Own().NotNullCheck(o.Column.Name); k != nil && !k.NotValid && len(columns) == 1 {
		f.Recipe = fmt.Sprintf("constraint %s proves it already: SET NOT NULL in SQL relies on it, and modify, which changes the type too, does not", k.Name)
	}
	if s.target.Version < 12 {
		f.Recipe = fmt.Sprintf("PostgreSQL %d always looks at every row: keep a validated check that it is not null instead", s.target.Version)
	}
	s.emitEffect(e, f)
}

// provesNotNull says whether an operation makes a column NOT NULL that is not known to be.
func (s *site) provesNotNull(o *ecto.Operation) bool {
	switch o.Kind {
	case ecto.ModifyColumn:
		if o.Column.Null == nil || *o.Column.Null {
			return false
		}
	case ecto.SetNotNull:
		if k := s.Table(o.Table).NotNullCheck(o.Column.Name); k != nil && !k.NotValid && s.target.Version >= 12 {
			return false
		}
	default:
		return false
	}
	c := s.Table(o.Table).Column(o.Column.Name)
	return c == nil || c.NotNull == nil || !*c.NotNull
}

// notNullSteps is the migrations that make columns NOT NULL without a scan under an exclusive lock. Before version 12 they
// end with the check.
func (s *site) notNullSteps(columns []string) string {
	const most = 3
	o := s.Op
	var checks, validates, sets []string
	for i, name := range columns {
		if i == most {
			more := "# and so on"
			checks, validates, sets = append(checks, more), append(validates, more), append(sets, more)
			break
		}
		constraint := o.Table.Name + "_" + name + "_not_null"
		k := s.Own().NotNullCheck(name)
		if k != nil {
			constraint = k.Name
		} else {
			checks = append(checks, fmt.Sprintf("create constraint(%s, %s, check: %s, validate: false%s)",
				atom(o.Table.Name), atom(constraint), elixirText(ident(name)+" IS NOT NULL"), prefixOption(o.Table)))
		}
		table := qualified(o.Table)
		if k == nil || k.NotValid {
			validates = append(validates, executeBoth(fmt.Sprintf("ALTER TABLE %s VALIDATE CONSTRAINT %s", table, ident(constraint)), ""))
		}
		head := fmt.Sprintf("ALTER TABLE %s ALTER COLUMN %s ", table, ident(name))
		sets = append(sets, executeBoth(head+"SET NOT NULL", head+"DROP NOT NULL"),
			executeBoth(fmt.Sprintf("ALTER TABLE %s DROP CONSTRAINT %s", table, ident(constraint)),
				fmt.Sprintf("ALTER TABLE %s ADD CONSTRAINT %s CHECK (%s IS NOT NULL) NOT VALID", table, ident(constraint), ident(name))))
	}
	var parts []string
	if len(checks) > 0 {
		parts = append(parts, change(checks...))
	}
	if len(validates) > 0 {
		parts = append(parts, "# once the old rows are filled, in a later migration:\n"+change(validates...))
	}
	if s.target.Version >= 12 {
		parts = append(parts, "# then, in another one:\n"+change(sets...))
	}
	return migrations(parts...)
}

// built is the names of indexes, some of which the statement that made them left to PostgreSQL.
func built(indexes []string) string {
	var names []string
	unnamed := 0
	for _, n := range indexes {
		if n == "" {
			unnamed++
			continue
		}
		names = append(names, n)
	}
	switch {
	case unnamed == 1:
		names = append(names, "an index without a name")
	case unnamed > 1:
		names = append(names, fmt.Sprintf("%d indexes without names", unnamed))
	}
	return enumerate(names)
}

// enumerate is a, b and c.
func enumerate(names []string) string {
	if len(names) < 2 {
		return strings.Join(names, "")
	}
	return strings.Join(names[:len(names)-1], ", ") + " and " + names[len(names)-1]
}

func (s *site) dropNotNull() {
	o := s.Op
	if o.Kind == ecto.ModifyColumn && (o.Column.Null == nil || !*o.Column.Null) {
		return
	}
	if c := s.Column(); c != nil && c.NotNull != nil && !*c.NotNull {
		return
	}
	if o.From != nil && o.From.Null != nil && *o.From.Null {
		return
	}
	s.Remark(Finding{
		Mode:   s.Main().Mode,
		Text:   fmt.Sprintf("%s.%s may be null from now on: code that runs may not expect it", o.Table, o.Column.Name),
		Recipe: "deploy code that copes with nil first",
	})
}

func (s *site) addPrimaryKey() {
	o := s.Op
	e := s.Main()
	switch {
	case o.Kind == ecto.AddColumn:
		if !o.Column.PrimaryKey || s.Fresh(o.Table) || len(e.Build) == 0 {
			return
		}
	case o.Kind == ecto.ModifyColumn:
		if !o.Column.PrimaryKey || s.Fresh(o.Table) || s.alsoKey() {
			return
		}
	case o.Constraint != ecto.PrimaryKey || o.UsingIndex != "" || len(e.Build) == 0:
		return
	}
	f := Finding{
		Text:   fmt.Sprintf("the index of the primary key of %s is built under an ACCESS EXCLUSIVE lock: reads and writes wait", o.Table),
		Recipe: "build a unique index concurrently, then ADD CONSTRAINT … PRIMARY KEY USING INDEX",
	}
	if columns := s.keyColumns(); len(columns) > 0 {
		f.Code = s.usingIndex("PRIMARY KEY", o.Table.Name+"_pkey", columns)
	}
	s.Emit(f)
}

func (s *site) keyColumns() []string {
	o := s.Op
	if o.Kind != ecto.AddColumn && o.Kind != ecto.ModifyColumn {
		return o.Columnset
	}
	var out []string
	for i := range s.Ops {
		if x := &s.Ops[i]; x.Statement == o.Statement && x.Table == o.Table && x.Column.PrimaryKey {
			out = append(out, x.Column.Name)
		}
	}
	return out
}

// alsoKey says whether an operation of the same statement before makes the key: Ecto sends one for all of them.
func (s *site) alsoKey() bool {
	return slices.ContainsFunc(s.Ops[:s.Index], func(o ecto.Operation) bool {
		return o.Statement == s.Op.Statement && o.Table == s.Op.Table && o.Column.PrimaryKey
	})
}

// usingIndex is a key that takes an index which was built before.
func (s *site) usingIndex(kind, name string, columns []string) string {
	index := s.Op.Table.Name + "_" + strings.Join(columns, "_") + "_index"
	table := qualified(s.Op.Table)
	return migrations(
		s.outside(fmt.Sprintf("create unique_index(%s, %s, name: %s, concurrently: true)", atom(s.Op.Table.Name), atoms(columns...), atom(index))),
		"# in a later migration:\n"+change(executeBoth(
			fmt.Sprintf("ALTER TABLE %s ADD CONSTRAINT %s %s USING INDEX %s", table, ident(name), kind, ident(index)),
			fmt.Sprintf("ALTER TABLE %s DROP CONSTRAINT %s", table, ident(name)))),
	)
}

func (s *site) addUniqueConstraint() {
	o := s.Op
	if o.Constraint != ecto.UniqueKey || o.UsingIndex != "" || len(s.Main().Build) == 0 {
		return
	}
	name := o.Name.Name
	if name == "" {
		name = o.Table.Name + "_" + strings.Join(o.Columnset, "_") + "_key"
	}
	f := Finding{
		Text:   fmt.Sprintf("the index of unique constraint %s of %s is built under an ACCESS EXCLUSIVE lock: reads and writes wait", name, o.Table),
		Recipe: "build a unique index concurrently, then ADD CONSTRAINT … UNIQUE USING INDEX; or leave it at the index",
	}
	if len(o.Columnset) > 0 {
		f.Code = s.usingIndex("UNIQUE", name, o.Columnset)
	}
	if i := s.addedHere(); i >= 0 {
		c := s.Ops[i].Column
		f.Recipe = "add the column alone, build a unique index concurrently, then ADD CONSTRAINT … UNIQUE USING INDEX; or leave it at the index"
		f.Code = migrations(change(alterTo(o.Table, add(&c))), "# then\n"+f.Code)
	}
	s.Emit(f)
}

// addedHere is where the statement adds the only column of the operation's constraint, as ADD COLUMN … UNIQUE does; -1: nowhere.
func (s *site) addedHere() int {
	return slices.IndexFunc(s.Ops, func(o ecto.Operation) bool {
		return o.Kind == ecto.AddColumn && o.Statement == s.Op.Statement && slices.Equal(s.Op.Columnset, []string{o.Column.Name})
	})
}

func (s *site) keyOfNullable() {
	o := s.Op
	e := s.Main()
	if o.Constraint != ecto.PrimaryKey || o.UsingIndex == "" || !e.Scan {
		return
	}
	s.Emit(Finding{
		Text:   fmt.Sprintf("the columns of index %s may be null: every row of %s is looked at under an ACCESS EXCLUSIVE lock to make them NOT NULL", o.UsingIndex, o.Table),
		Recipe: "SET NOT NULL first, on the strength of a validated check",
	})
}
