// Package schema keeps what a database looks like while operations go over it, one after the other: tables, columns,
// indexes and constraints, as far as they can be known. It knows of no file and of no server. What it was never told is
// unknown, which is not the same as absent: a State may begin in the middle of a history.
package schema

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"ops-console/ops/ecto"
)

// State is a database at one moment. The zero value is one of which nothing is known.
type State struct {
	// Complete says that there is nothing besides what the State holds, as after reading a catalog or all migrations.
	Complete bool

	tables map[ecto.Name]*Table
	gone   map[ecto.Name]string // dropped, by what
	types  map[ecto.Name]Type
}

// Table is a table, as far as it is known.
type Table struct {
	Name        ecto.Name
	CreatedBy   string // what created it, as Apply was told; empty: it was there before
	Partitioned bool
	PartitionOf ecto.Name
	Columns     []Column // in order
	Indexes     []Index
	Constraints []Constraint
	Triggers    []string
	Dependents  []Dependent // as far as a catalog said
	RowSecurity bool
	// Whole says that Columns, Indexes and Constraints are all there are.
	Whole bool

	Rows  *int64 // estimate of a live database; nil: unknown
	Bytes *int64 // with indexes and TOAST; nil: unknown
}

// Column of a table.
type Column struct {
	Name      string
	Type      string // PostgreSQL's; empty: unknown
	NotNull   *bool  // nil: unknown
	Default   *ecto.Default
	Generated string
	Identity  bool
	AddedBy   string
}

// Index of a table.
type Index struct {
	Name     string
	Columns  []ecto.IndexColumn
	Unique   bool
	Where    string
	Invalid  bool // known to be: a concurrent build that failed
	MadeBy   string
	Multiple bool // more than the columns that are named: the definition is only partly known
	// OfConstraint says that it belongs to the key or exclusion constraint of the same name, and comes and goes with it.
	OfConstraint bool
}

// Constraint of a table.
type Constraint struct {
	Name       string
	Kind       ecto.ConstraintKind
	Columns    []string
	Expression string
	To         ecto.Name
	ToColumns  []string
	NotValid   bool
	MadeBy     string
}

// Dependent is something that cannot go on as it is when columns of a table change or go: a view, a rule, a policy.
type Dependent struct {
	Kind    string // view, materialized view, rule, policy, trigger
	Name    ecto.Name
	Columns []string // of the table
}

// Type is a type that migrations made.
type Type struct {
	Name   ecto.Name
	Enum   bool
	Domain bool
	Check  bool // a domain with a constraint
	MadeBy string
}

// key makes the same of a name with and without the default schema.
func key(n ecto.Name) ecto.Name {
	if n.Prefix == "public" {
		n.Prefix = ""
	}
	return n
}

// Table by name; nil: none is known. It belongs to the State.
func (s *State) Table(n ecto.Name) *Table { return s.tables[key(n)] }

// Tables is all that are known, by prefix and name.
func (s *State) Tables() []*Table {
	return slices.SortedFunc(maps.Values(s.tables), byName)
}

func byName(a, b *Table) int {
	return cmp.Or(strings.Compare(a.Name.Prefix, b.Name.Prefix), strings.Compare(a.Name.Name, b.Name.Name))
}

// Dropped is what dropped a table; empty: nothing did.
func (s *State) Dropped(n ecto.Name) string { return s.gone[key(n)] }

// Type by name.
func (s *State) Type(n ecto.Name) (Type, bool) {
	t, ok := s.types[key(n)]
	return t, ok
}

// Index by name, and the table that has it. schema is that of the table, as PostgreSQL has it.
func (s *State) Index(n ecto.Name) (*Table, *Index) {
	var first *Table
	for _, t := range s.tables {
		if key(ecto.Name{Prefix: t.Name.Prefix}) != key(ecto.Name{Prefix: n.Prefix}) || t.Index(n.Name) == nil {
			continue
		}
		if first == nil || byName(t, first) < 0 {
			first = t
		}
	}
	return first, first.Index(n.Name)
}

// Reference is a foreign key seen from the table it leads to.
type Reference struct {
	From       *Table
	Constraint Constraint
}

// References is the foreign keys that lead to a table.
func (s *State) References(n ecto.Name) []Reference {
	var out []Reference
	for _, t := range s.tables {
		for _, c := range t.Constraints {
			if c.Kind == ecto.ForeignKey && key(c.To) == key(n) {
				out = append(out, Reference{t, c})
			}
		}
	}
	// By table, and each table's in the order that it has them.
	slices.SortStableFunc(out, func(a, b Reference) int { return byName(a.From, b.From) })
	return out
}

// Add puts a table in, in the place of one with its name.
func (s *State) Add(t *Table) {
	if s.tables == nil {
		s.tables = map[ecto.Name]*Table{}
	}
	s.tables[key(t.Name)] = t
	delete(s.gone, key(t.Name))
}

// Clone is a State of its own.
func (s *State) Clone() *State {
	c := &State{Complete: s.Complete, gone: maps.Clone(s.gone), types: maps.Clone(s.types)}
	for _, t := range s.tables {
		c.Add(t.clone())
	}
	return c
}

func (t *Table) clone() *Table {
	c := *t
	c.Columns = slices.Clone(t.Columns)
	c.Indexes = slices.Clone(t.Indexes)
	c.Constraints = slices.Clone(t.Constraints)
	c.Triggers = slices.Clone(t.Triggers)
	c.Dependents = slices.Clone(t.Dependents)
	return &c
}

// Column by name; nil: none is known. It belongs to the Table.
func (t *Table) Column(name string) *Column {
	if t == nil {
		return nil
	}
	for i := range t.Columns {
		if t.Columns[i].Name == name {
			return &t.Columns[i]
		}
	}
	return nil
}

// DependsOn finds what depends on a column.
func (t *Table) DependsOn(column string) []Dependent {
	if t == nil {
		return nil
	}
	var out []Dependent
	for _, d := range t.Dependents {
		if slices.Contains(d.Columns, column) {
			out = append(out, d)
		}
	}
	return out
}

// Index by name; nil: none is known.
func (t *Table) Index(name string) *Index {
	if t == nil {
		return nil
	}
	for i := range t.Indexes {
		if t.Indexes[i].Name == name {
			return &t.Indexes[i]
		}
	}
	return nil
}

// AllIndexes is the indexes that are known, with those of keys that are known as constraints only.
func (t *Table) AllIndexes() []Index {
	if t == nil {
		return nil
	}
	out := slices.Clone(t.Indexes)
	for _, k := range t.Constraints {
		if (k.Kind != ecto.PrimaryKey && k.Kind != ecto.UniqueKey) || t.Index(k.Name) != nil {
			continue
		}
		i := Index{Name: k.Name, Unique: true, OfConstraint: true, MadeBy: k.MadeBy}
		for _, c := range k.Columns {
			i.Columns = append(i.Columns, ecto.IndexColumn{Name: c})
		}
		out = append(out, i)
	}
	return out
}

// Constraint by name; nil: none is known.
func (t *Table) Constraint(name string) *Constraint {
	if t == nil {
		return nil
	}
	for i := range t.Constraints {
		if t.Constraints[i].Name == name {
			return &t.Constraints[i]
		}
	}
	return nil
}

// Leading says whether a whole, valid index or key begins with these columns, in any order: what PostgreSQL needs to find
// the rows that refer to another.
func (t *Table) Leading(columns ...string) bool {
	if t == nil || len(columns) == 0 {
		return false
	}
	for _, i := range t.Indexes {
		if i.Where == "" && !i.Invalid && begins(names(i.Columns), columns) {
			return true
		}
	}
	for _, c := range t.Constraints {
		if (c.Kind == ecto.PrimaryKey || c.Kind == ecto.UniqueKey) && begins(c.Columns, columns) {
			return true
		}
	}
	return false
}

func begins(have, want []string) bool {
	if len(have) < len(want) {
		return false
	}
	for _, w := range want {
		if !slices.Contains(have[:len(want)], w) {
			return false
		}
	}
	return true
}

// names is the columns of an index; an expression has none.
func names(cc []ecto.IndexColumn) []string {
	out := make([]string, len(cc))
	for i, c := range cc {
		out[i] = c.Name
	}
	return out
}

// NotNullCheck finds a check constraint that says that a column is not null, which SET NOT NULL can rely on if it is
// valid.
func (t *Table) NotNullCheck(column string) *Constraint {
	if t == nil {
		return nil
	}
	for i := range t.Constraints {
		c := &t.Constraints[i]
		if c.Kind == ecto.Check && saysNotNull(c.Expression, column) {
			return c
		}
	}
	return nil
}

// saysNotNull compares words: (a IS NOT NULL), "a" is not null.
func saysNotNull(expression, column string) bool {
	e := strings.TrimSpace(expression)
	for strings.HasPrefix(e, "(") && strings.HasSuffix(e, ")") {
		e = strings.TrimSpace(e[1 : len(e)-1])
	}
	words := strings.Fields(e)
	if len(words) != 4 || !strings.EqualFold(strings.Join(words[1:], " "), "is not null") {
		return false
	}
	if quoted := strings.Trim(words[0], `"`); quoted != words[0] {
		return quoted == column
	}
	return strings.EqualFold(words[0], column)
}
