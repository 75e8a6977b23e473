// Package app reads the Ecto schemas of an application's lib directories: which tables and columns the running code
// names. It runs nothing; what macros of the application add to a schema is not seen, and a schema that uses such a macro
// says so.
package app

import "ops-console/ops/ecto"

// Schemas is all that were found.
type Schemas struct {
	List  []Schema // by path and place
	Files int      // that were read
}

// Schema is one schema block, or an embedded one, whose columns no table has.
type Schema struct {
	Path     string // relative to the project, with slashes
	At       ecto.Span
	Module   string
	Table    ecto.Name // prefix from @schema_prefix
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
