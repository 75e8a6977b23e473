package schema

import (
	"maps"
	"slices"
	"strconv"
	"strings"

	"ops-console/ops/ecto"
)

// Apply makes the State what it is after operations, which may be all those of a statement or more. by is what does it,
// a migration's path: it is remembered with what is new. Operations on what is not known are taken at their word: the
// table they name is there from then on, in part.
func (s *State) Apply(by string, oo ...ecto.Operation) {
	skip := 0 // the statement of a table that was there already
	for _, o := range oo {
		if o.Statement == skip && skip != 0 {
			continue
		}
		if o.Kind == ecto.CreateTable && o.IfNotExists && s.Table(o.Table) != nil {
			skip = o.Statement
			continue
		}
		if f := changes[o.Kind]; f != nil {
			f(s, o, by)
		}
	}
}

// changes is what operations do to a State; those that are not in it leave it as it is.
var changes = map[ecto.Kind]func(s *State, o ecto.Operation, by string){
	ecto.CreateTable:     (*State).createTable,
	ecto.CreateTableAs:   (*State).createTable,
	ecto.CreatePartition: (*State).createTable,
	ecto.CreateMatview:   func(s *State, o ecto.Operation, by string) { s.createTable(relationOf(o), by) },
	ecto.DropTable:       (*State).dropTable,
	ecto.RenameTable:     (*State).renameTable,
	ecto.SetSchema:       (*State).renameTable,
	ecto.AddColumn:       (*State).addColumn,
	ecto.ModifyColumn:    (*State).modifyColumn,
	ecto.AlterType:       (*State).modifyColumn,
	ecto.RemoveColumn:    (*State).removeColumn,
	ecto.RenameColumn:    (*State).renameColumn,
	ecto.SetDefault:      (*State).setDefault,
	ecto.DropDefault:     (*State).setDefault,
	ecto.SetNotNull:      (*State).setNull,
	ecto.DropNotNull:     (*State).setNull,
	ecto.AddIdentity:     func(s *State, o ecto.Operation, by string) { s.column(o, by).Identity = true },
	ecto.CreateIndex:     (*State).createIndex,
	ecto.DropIndex:       (*State).dropIndex,
	ecto.RenameIndex:     (*State).renameIndex,
	ecto.AddConstraint:   (*State).addConstraint,
	ecto.DropConstraint:  (*State).dropConstraint,
	ecto.RenameConstr:    (*State).renameConstraint,
	ecto.Validate:        (*State).validate,
	ecto.AttachPartition: func(s *State, o ecto.Operation, _ string) { s.table(o.To).PartitionOf = o.Table },
	ecto.DetachPartition: func(s *State, o ecto.Operation, _ string) { s.table(o.To).PartitionOf = ecto.Name{} },
	ecto.CreateType:      (*State).createType,
	ecto.CreateDomain:    (*State).createType,
	ecto.DropType:        func(s *State, o ecto.Operation, _ string) { delete(s.types, key(o.Name)) },
	ecto.DropSchema:      (*State).dropSchema,
	ecto.CreateTrigger:   (*State).createTrigger,
	ecto.DropTrigger:     (*State).dropTrigger,
	ecto.DropView:        (*State).dropView,
	ecto.RowSecurity: func(s *State, o ecto.Operation, _ string) {
		s.table(o.Table).RowSecurity = strings.HasPrefix(o.Expression, "ENABLE")
	},
}

// table is the one with that name, which is made known where it was not.
func (s *State) table(n ecto.Name) *Table {
	t := s.Table(n)
	if t == nil {
		t = &Table{Name: n}
		s.Add(t)
	}
	return t
}

// column is the one that an operation is about, made known where it was not.
func (s *State) column(o ecto.Operation, by string) *Column {
	t := s.table(o.Table)
	if t.Column(o.Column.Name) == nil {
		t.Columns = append(t.Columns, Column{Name: o.Column.Name})
	}
	return t.Column(o.Column.Name)
}

func (s *State) createTable(o ecto.Operation, by string) {
	if o.IfNotExists && s.Table(o.Table) != nil {
		return
	}
	s.Add(&Table{
		Name: o.Table, CreatedBy: by, Whole: o.Kind == ecto.CreateTable, PartitionOf: o.To,
		Partitioned: strings.HasPrefix(o.Expression, "PARTITION BY"),
	})
}

// relationOf is an operation on what can be locked and indexed like a table, but is named otherwise.
func relationOf(o ecto.Operation) ecto.Operation {
	o.Table = o.Name
	return o
}

func (s *State) dropTable(o ecto.Operation, by string) {
	delete(s.tables, key(o.Table))
	if s.gone == nil {
		s.gone = map[ecto.Name]string{}
	}
	s.gone[key(o.Table)] = by
	for _, r := range s.References(o.Table) {
		r.From.Constraints = slices.DeleteFunc(r.From.Constraints, func(c Constraint) bool {
			return c.Kind == ecto.ForeignKey && key(c.To) == key(o.Table)
		})
	}
}

func (s *State) renameTable(o ecto.Operation, _ string) {
	t := s.table(o.Table)
	for _, r := range s.References(o.Table) {
		for i := range r.From.Constraints {
			if c := &r.From.Constraints[i]; c.Kind == ecto.ForeignKey && key(c.To) == key(o.Table) {
				c.To = o.To
			}
		}
	}
	delete(s.tables, key(o.Table))
	t.Name = o.To
	s.Add(t)
}

func (s *State) addColumn(o ecto.Operation, by string) {
	t := s.table(o.Table)
	if o.IfNotExists && t.Column(o.Column.Name) != nil {
		return
	}
	c := Column{
		Name: o.Column.Name, Type: o.Column.Type, NotNull: notNull(o.Column), Default: o.Column.Default,
		Generated: o.Column.Generated, Identity: o.Column.Identity, AddedBy: by,
	}
	t.Columns = slices.DeleteFunc(t.Columns, func(x Column) bool { return x.Name == c.Name })
	t.Columns = append(t.Columns, c)
	if o.Column.PrimaryKey {
		t.primaryKey(c.Name, by)
	}
	s.references(t, o.Column, by)
}

// notNull is what a column says of itself: nothing said is nullable, but for keys and identities.
func notNull(c ecto.Column) *bool {
	yes := c.PrimaryKey || c.Identity || c.Null != nil && !*c.Null
	return &yes
}

// primaryKey adds a column to the key that the columns of a table make together.
func (t *Table) primaryKey(column, by string) {
	for i := range t.Constraints {
		if c := &t.Constraints[i]; c.Kind == ecto.PrimaryKey {
			if slices.Contains(c.Columns, column) {
				return
			}
			c.Columns = append(slices.Clip(c.Columns), column)
			return
		}
	}
	t.Constraints = append(t.Constraints, Constraint{
		Name: t.Name.Name + "_pkey", Kind: ecto.PrimaryKey, Columns: []string{column}, MadeBy: by,
	})
}

func (s *State) references(t *Table, c ecto.Column, by string) {
	r := c.References
	if r == nil {
		return
	}
	k := Constraint{
		Name: r.Constraint, Kind: ecto.ForeignKey, Columns: []string{c.Name}, To: r.Table, NotValid: r.NotValid, MadeBy: by,
	}
	if r.Column != "" {
		k.ToColumns = []string{r.Column}
	}
	if k.Name == "" {
		k.Name = t.Name.Name + "_" + c.Name + "_fkey"
	}
	t.constrain(k)
}

// constrain adds a constraint, in the place of one with its name.
func (t *Table) constrain(k Constraint) {
	t.Constraints = slices.DeleteFunc(t.Constraints, func(c Constraint) bool { return c.Name == k.Name })
	t.Constraints = append(t.Constraints, k)
}

func (s *State) modifyColumn(o ecto.Operation, by string) {
	c := s.column(o, by)
	if o.Column.Type != "" {
		c.Type = o.Column.Type
	}
	if o.Column.Null != nil {
		no := !*o.Column.Null
		c.NotNull = &no
	}
	if o.Column.Default != nil {
		c.Default = o.Column.Default
	}
	if o.Column.PrimaryKey {
		yes := true
		c.NotNull = &yes
		t := s.table(o.Table)
		// There is one key: that of another migration must be gone with this statement, or it fails.
		t.Constraints = slices.DeleteFunc(t.Constraints, func(k Constraint) bool { return k.Kind == ecto.PrimaryKey && k.MadeBy != by })
		t.primaryKey(c.Name, by)
	}
	if o.From != nil && o.From.References != nil && o.From.References.Constraint != "" {
		s.table(o.Table).unconstrain(o.From.References.Constraint)
	}
	s.references(s.table(o.Table), o.Column, by)
}

func (t *Table) unconstrain(name string) {
	t.Constraints = slices.DeleteFunc(t.Constraints, func(c Constraint) bool { return c.Name == name })
	t.Indexes = slices.DeleteFunc(t.Indexes, func(i Index) bool { return i.OfConstraint && i.Name == name })
}

// removeColumn takes with it what PostgreSQL does: indexes and constraints that have the column in them.
func (s *State) removeColumn(o ecto.Operation, _ string) {
	t, name := s.table(o.Table), o.Column.Name
	t.Columns = slices.DeleteFunc(t.Columns, func(c Column) bool { return c.Name == name })
	t.Indexes = slices.DeleteFunc(t.Indexes, func(i Index) bool { return slices.Contains(names(i.Columns), name) })
	t.Constraints = slices.DeleteFunc(t.Constraints, func(c Constraint) bool { return slices.Contains(c.Columns, name) })
}

func (s *State) renameColumn(o ecto.Operation, by string) {
	t := s.table(o.Table)
	t.Columns = slices.DeleteFunc(t.Columns, func(c Column) bool { return c.Name == o.ToColumn && o.ToColumn != o.Column.Name })
	s.column(o, by).Name = o.ToColumn
	renamed := func(list []string) []string {
		list = slices.Clone(list)
		for i := range list {
			if list[i] == o.Column.Name {
				list[i] = o.ToColumn
			}
		}
		return list
	}
	for i := range t.Constraints {
		t.Constraints[i].Columns = renamed(t.Constraints[i].Columns)
	}
	for i := range t.Indexes {
		cc := slices.Clone(t.Indexes[i].Columns)
		for n := range cc {
			if cc[n].Name == o.Column.Name {
				cc[n].Name = o.ToColumn
			}
		}
		t.Indexes[i].Columns = cc
	}
	for _, r := range s.References(o.Table) {
		for i := range r.From.Constraints {
			if k := &r.From.Constraints[i]; k.Kind == ecto.ForeignKey && key(k.To) == key(o.Table) {
				k.ToColumns = renamed(k.ToColumns)
			}
		}
	}
}

func (s *State) setDefault(o ecto.Operation, by string) { s.column(o, by).Default = o.Column.Default }

func (s *State) setNull(o ecto.Operation, by string) {
	no := o.Kind == ecto.SetNotNull
	s.column(o, by).NotNull = &no
}

func (s *State) createIndex(o ecto.Operation, by string) {
	t := s.table(o.Table)
	if o.IfNotExists && t.Index(o.Name.Name) != nil {
		return
	}
	name := o.Name.Name
	if name == "" {
		name = s.unnamed(t, o.Columns)
	}
	t.Indexes = append(t.Indexes, Index{Name: name, Columns: o.Columns, Unique: o.Unique, Where: o.Where, MadeBy: by})
}

// longest is how many bytes a name has at most.
const longest = 63

// unnamed is the name that PostgreSQL gives an index which has none (ChooseIndexName): TABLE_COLUMNS_idx, with a number where
// that is taken. Empty: it is not that simple.
func (s *State) unnamed(t *Table, cc []ecto.IndexColumn) string {
	parts := append([]string{t.Name.Name}, names(cc)...)
	name := strings.Join(append(parts, "idx"), "_")
	if len(cc) == 0 || slices.Contains(parts, "") || len(name) >= longest {
		return ""
	}
	for n := 0; ; n++ {
		candidate := name
		if n > 0 {
			candidate += strconv.Itoa(n)
		}
		if owner, _ := s.Index(ecto.Name{Prefix: t.Name.Prefix, Name: candidate}); owner == nil {
			return candidate
		}
	}
}

// dropIndex needs no table: SQL has none there.
func (s *State) dropIndex(o ecto.Operation, _ string) {
	for _, t := range s.tables {
		t.Indexes = slices.DeleteFunc(t.Indexes, func(i Index) bool { return i.Name == o.Name.Name })
	}
}

func (s *State) renameIndex(o ecto.Operation, _ string) {
	if _, i := s.Index(o.Name); i != nil {
		i.Name = o.To.Name
	}
}

func (s *State) addConstraint(o ecto.Operation, by string) {
	t := s.table(o.Table)
	k := Constraint{
		Name: o.Name.Name, Kind: o.Constraint, Columns: o.Columnset, Expression: o.Expression, To: o.To, ToColumns: o.ToColumns,
		NotValid: o.NotValid, MadeBy: by,
	}
	if i := t.Index(o.UsingIndex); i != nil {
		k.Columns = names(i.Columns)
	}
	if k.Name == "" {
		k.Name = o.UsingIndex
	}
	if k.Name == "" {
		k.Name = generated(t, o)
	}
	if k.Kind == ecto.PrimaryKey {
		for _, name := range k.Columns {
			if c := t.Column(name); c != nil {
				yes := true
				c.NotNull = &yes
			}
		}
	}
	t.constrain(k)
}

// suffixes of the names that PostgreSQL makes up (ChooseConstraintName in src/backend/catalog/pg_constraint.c).
var suffixes = map[ecto.ConstraintKind]string{
	ecto.Check: "check", ecto.ForeignKey: "fkey", ecto.UniqueKey: "key", ecto.PrimaryKey: "pkey", ecto.Exclusion: "excl", ecto.NotNull: "not_null",
}

func generated(t *Table, o ecto.Operation) string {
	words := []string{t.Name.Name}
	switch {
	case o.Constraint == ecto.PrimaryKey:
	case len(o.Columnset) > 0:
		words = append(words, o.Columnset...)
	case o.Column.Name != "":
		words = append(words, o.Column.Name)
	}
	return strings.Join(append(words, suffixes[o.Constraint]), "_")
}

func (s *State) dropConstraint(o ecto.Operation, _ string) { s.table(o.Table).unconstrain(o.Name.Name) }

func (s *State) renameConstraint(o ecto.Operation, _ string) {
	t := s.table(o.Table)
	if c := t.Constraint(o.Name.Name); c != nil {
		c.Name = o.To.Name
	}
	if i := t.Index(o.Name.Name); i != nil && i.OfConstraint {
		i.Name = o.To.Name
	}
}

func (s *State) validate(o ecto.Operation, _ string) {
	if c := s.table(o.Table).Constraint(o.Name.Name); c != nil {
		c.NotValid = false
	}
}

func (s *State) createType(o ecto.Operation, by string) {
	if s.types == nil {
		s.types = map[ecto.Name]Type{}
	}
	s.types[key(o.Name)] = Type{
		Name: o.Name, Enum: o.Expression == "ENUM", Domain: o.Kind == ecto.CreateDomain, Check: o.Constraint == ecto.Check, MadeBy: by,
	}
}

func (s *State) dropSchema(o ecto.Operation, _ string) {
	of := func(n ecto.Name) bool { return n.Prefix == key(ecto.Name{Prefix: o.Name.Name}).Prefix }
	maps.DeleteFunc(s.tables, func(n ecto.Name, _ *Table) bool { return of(n) })
	maps.DeleteFunc(s.types, func(n ecto.Name, _ Type) bool { return of(n) })
}

func (s *State) createTrigger(o ecto.Operation, _ string) {
	t := s.table(o.Table)
	t.Triggers = append(t.Triggers, o.Name.Name)
}

func (s *State) dropTrigger(o ecto.Operation, _ string) {
	t := s.table(o.Table)
	t.Triggers = slices.DeleteFunc(t.Triggers, func(n string) bool { return n == o.Name.Name })
	t.Dependents = slices.DeleteFunc(t.Dependents, func(d Dependent) bool { return d.Kind == "trigger" && d.Name.Name == o.Name.Name })
}

// dropView lets go of the columns that the view held. A materialized one is known as a table.
func (s *State) dropView(o ecto.Operation, by string) {
	if s.Table(o.Name) != nil {
		s.dropTable(relationOf(o), by)
	}
	for _, t := range s.tables {
		t.Dependents = slices.DeleteFunc(t.Dependents, func(d Dependent) bool {
			return (d.Kind == "view" || d.Kind == "materialized view") && key(d.Name) == key(o.Name)
		})
	}
}
