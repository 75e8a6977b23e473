// Package app reads the Ecto schemas of an application's lib directories: which tables and columns the running code
// names. It runs nothing; what macros of the application add to a schema is not seen, and a schema that uses such a macro
// says so.
package app

import (
	"cmp"
	"slices"

	"ops-console/ops/ecto"
)

// Schemas is all that were found.
type Schemas struct {
	List  []Schema // by path and place
	Files int      // that were read
	// Queries are the places that name a table without a schema: from(x in "posts"), Repo.insert_all("posts", …), and
	// join_through: "posts_tags" of many_to_many, with the columns of that table that it names.
	Queries []Query
	Notes   []Note // files that could not be read, or not in full
}

// Query is a table, or a column of it, that code names without a schema.
type Query struct {
	Table  ecto.Name
	Column string // empty: the table alone
	Use    Use
}

// Note is something about a file that the reader of a result has to know.
type Note struct {
	Path string
	ecto.Note
}

// Schema is one schema block, or an embedded one, whose columns no table has.
type Schema struct {
	Path     string // relative to the project, with slashes
	At       ecto.Span
	Module   string
	Table    ecto.Name // prefix from @schema_prefix; without a name where that is only known when it is compiled
	Embedded bool
	Fields   []Field
	// Open says that a macro of the application's own may add fields that are not listed.
	Open bool
}

// Field is a column that a schema names.
type Field struct {
	Name   string // in Elixir
	Column string // source:, or the name
	Type   string // as the source has it: :string
	At     ecto.Span
}

// Use is a place where the application names a table or a column.
type Use struct {
	Path   string
	At     ecto.Span
	Module string
	Field  string // empty: the table alone
}

// Table is where the application names a table: its schemas and its queries, by path and place.
func (s *Schemas) Table(n ecto.Name) []Use {
	return s.uses(n, func(sc Schema) (Use, bool) {
		return Use{Path: sc.Path, At: sc.At, Module: sc.Module}, true
	}, func(q Query) bool { return q.Column == "" })
}

// Column is where the application names a column.
func (s *Schemas) Column(n ecto.Name, column string) []Use {
	return s.uses(n, func(sc Schema) (Use, bool) {
		for _, f := range sc.Fields {
			if f.Column == column {
				return Use{Path: sc.Path, At: f.At, Module: sc.Module, Field: f.Name}, true
			}
		}
		return Use{}, false
	}, func(q Query) bool { return q.Column == column && column != "" })
}

// Open is the schemas of a table that may have more fields than are listed.
func (s *Schemas) Open(n ecto.Name) []Use {
	return s.uses(n, func(sc Schema) (Use, bool) {
		return Use{Path: sc.Path, At: sc.At, Module: sc.Module}, sc.Open
	}, func(Query) bool { return false })
}

func (s *Schemas) uses(n ecto.Name, schema func(Schema) (Use, bool), query func(Query) bool) []Use {
	var out []Use
	for _, sc := range s.List {
		if sc.Embedded || !same(sc.Table, n) {
			continue
		}
		if u, ok := schema(sc); ok {
			out = append(out, u)
		}
	}
	for _, q := range s.Queries {
		if same(q.Table, n) && query(q) {
			out = append(out, q.Use)
		}
	}
	slices.SortStableFunc(out, func(a, b Use) int {
		return cmp.Or(cmp.Compare(a.Path, b.Path), cmp.Compare(a.At.Line, b.At.Line), cmp.Compare(a.At.Column, b.At.Column))
	})
	return slices.Compact(out)
}

// same tells whether code that names a table means a table of the database. Code without a prefix can run with any, as
// Repo options and put_query_prefix say one.
func same(code, table ecto.Name) bool {
	if code.Name != table.Name || code.Name == "" {
		return false
	}
	return code.Prefix == "" || prefix(code) == prefix(table)
}

func prefix(n ecto.Name) string { return cmp.Or(n.Prefix, "public") }
