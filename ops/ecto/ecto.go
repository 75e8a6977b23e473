// Package ecto holds what Ecto migrations are made of: files, and the operations that they send to the database, one
// vocabulary for the migration DSL and for raw SQL. It reads nothing and judges nothing.
//
//	elixir     source text to syntax trees
//	project    an application's repos, their settings and their migration files
//	pgsql      raw SQL to operations, by PostgreSQL's own grammar
//	sqltext    literals, comments and quoted names in SQL text
//	lower      the migration DSL to operations, as ecto_sql sends them
//	schema     what the database looks like after operations, as far as that can be known
//	app        the Ecto schemas of the running code
//	lint       the rules, and what they find
//	catalog    what a live database says: sizes, locks, constraints, the migrations that ran
//	additive   whether the release before can go on working after migrations
//	rehearse   pending migrations run on a throw-away cluster, measured
//	scope      which projects and migrations are meant: by path, by version, changed against a commit
//	report     findings as text, JSON, SARIF and for code hosts
package ecto

import "fmt"

// Migration is one file of a repo's migrations, and what it does.
type Migration struct {
	Path    string // as it was found, relative to the project
	Repo    string // module name: Changelog.Repo
	Version int64  // the number before the first _ of the file's name
	Name    string // the rest of it, without extension
	Module  string // defined in it; empty: none that is a migration

	DisableDDLTransaction bool     // @disable_ddl_transaction true
	DisableMigrationLock  bool     // @disable_migration_lock true
	Callbacks             []string // after_begin, before_commit, as far as the file defines them

	Up   []Operation
	Down []Operation
	// DownFrom says where Down comes from: "down", "change" reversed, or empty where there is none.
	DownFrom string
	// Irreversible is why change cannot be reversed; nil: it can.
	Irreversible []Note
	Notes        []Note // what could not be read or followed
}

// Span is a part of a file, lines and columns counted from 1. The end is behind the last character; zero: not known.
type Span struct {
	Line, Column       int
	EndLine, EndColumn int
}

// String is LINE:COLUMN.
func (s Span) String() string { return fmt.Sprintf("%d:%d", s.Line, s.Column) }

// Note is something to be said about a place.
type Note struct {
	At   Span
	Code string // stable: parse-error, dynamic-sql, …
	Text string
}

// Name of an object. An empty Prefix is the default schema.
type Name struct {
	Prefix string
	Name   string
}

// String is prefix.name, for people; it is not quoted.
func (n Name) String() string {
	if n.Prefix == "" {
		return n.Name
	}
	return n.Prefix + "." + n.Name
}

// Operation is one thing that a migration does. Which fields mean something depends on its Kind, as the constants say.
// A statement of SQL that does several things, such as ALTER TABLE with two subcommands, is several operations with the
// same Statement.
type Operation struct {
	Kind Kind
	At   Span
	// SQL is what reaches the server for it, each string by itself, as ecto_sql writes it. An operation that is part of a
	// statement that another one carries has none.
	SQL       []string
	Statement int  // operations of one statement have the same number, counted from 1 within a direction
	Raw       bool // written as SQL, not in the DSL
	Nth       int  // which of several statements in one string, counted from 1; 0: it is the only one

	Table       Name   // what it is done to
	Name        Name   // of the index, constraint, type, trigger, function, view, sequence, extension, role
	To          Name   // the new name; the referenced table; the partition
	Column      Column // added or modified; its Name alone where one is removed, renamed or altered
	ToColumn    string // the new name of a column
	Columns     []IndexColumn
	Include     []string
	Columnset   []string // of a foreign key that is more than one column: referencing
	ToColumns   []string // referenced
	Constraint  ConstraintKind
	Expression  string  // check, exclusion, default, generated, where, using
	Where       string  // of a partial index, of an UPDATE or DELETE
	Using       string  // index method; USING of a type change
	UsingIndex  string  // ADD CONSTRAINT … USING INDEX
	From        *Column // what modify or remove say it was before
	Unique      bool
	Concurrent  bool
	NotValid    bool
	IfExists    bool
	IfNotExists bool
	Cascade     bool
	Only        bool // ON ONLY, ALTER TABLE ONLY
	OnDelete    string
	OnUpdate    string
	Setting     string // SET name, with Expression the value
	Local       bool   // SET LOCAL

	Conditional bool   // under an if, case or cond that was not decided
	Repeated    bool   // in a loop that was not unrolled
	Immediate   bool   // runs when it is reached, not when the queue is flushed: Repo calls
	Flushed     bool   // a flush stands between it and what was queued before
	Partial     bool   // something in it is only known when it runs, and stands as #{source}, in SQL and names alike
	Callback    string // after_begin or before_commit, where it is theirs; both run on the way up and on the way back
	Text        string // the SQL as written, for raw SQL; the source, for what is dynamic
}

// Sequence puts operations in the order in which they reach the server: what is queued waits for a flush, or for the end
// of the function or callback that queued it, and what is Immediate does not.
func Sequence(oo []Operation) []Operation {
	out := make([]Operation, 0, len(oo))
	var queued []Operation
	flush := func() { out, queued = append(out, queued...), nil }
	for i, o := range oo {
		if i > 0 && o.Callback != oo[i-1].Callback || o.Kind == Flush {
			flush()
		}
		if o.Immediate {
			out = append(out, o)
			continue
		}
		queued = append(queued, o)
	}
	flush()
	return out
}

// Column of a table.
type Column struct {
	Name       string
	Type       string // PostgreSQL's, as it is sent: varchar(255), timestamp(0), bigint[]
	EctoType   string // as the DSL says it: :string; empty for raw SQL
	Null       *bool  // what is said of it; nil: nothing
	Default    *Default
	PrimaryKey bool
	Generated  string // ALWAYS AS (…) STORED, as written
	Identity   bool   // GENERATED … AS IDENTITY
	Collation  string
	References *References // with the constraint in the same operation or in the next
}

// Default of a column.
type Default struct {
	SQL        string // as it is sent
	Expression bool   // a fragment or an expression, not a literal
	Null       bool
}

// References is a foreign key of a column.
type References struct {
	Table      Name
	Column     string
	Constraint string
	NotValid   bool
	OnDelete   string
	OnUpdate   string
	Inline     bool     // ADD COLUMN … REFERENCES in one subcommand, as only raw SQL has it
	With       []string // further columns: referencing, referenced by turns
}

// IndexColumn is a column of an index, or an expression.
type IndexColumn struct {
	Name       string
	Expression string
	Suffix     string // behind the name: operator class and order, as written
}

// ConstraintKind is what kind of constraint an operation is about.
type ConstraintKind string

// The kinds of constraints.
const (
	Check      ConstraintKind = "check"
	ForeignKey ConstraintKind = "foreign_key"
	UniqueKey  ConstraintKind = "unique"
	PrimaryKey ConstraintKind = "primary_key"
	Exclusion  ConstraintKind = "exclusion"
	NotNull    ConstraintKind = "not_null"
)

// Kind of an operation.
type Kind string

// The kinds, with the fields that they use besides Table.
const (
	CreateTable     Kind = "create_table"      // IfNotExists; its columns and constraints follow as operations of the same Statement
	CreateTableAs   Kind = "create_table_as"   //
	DropTable       Kind = "drop_table"        // IfExists, Cascade
	RenameTable     Kind = "rename_table"      // To
	SetSchema       Kind = "set_schema"        // To.Prefix
	AddColumn       Kind = "add_column"        // Column, IfNotExists
	ModifyColumn    Kind = "modify_column"     // Column as the DSL has it: always a type, perhaps null and default; From
	RemoveColumn    Kind = "remove_column"     // Column, From, IfExists, Cascade
	RenameColumn    Kind = "rename_column"     // Column, ToColumn
	AlterType       Kind = "alter_type"        // Column, Using: raw ALTER COLUMN TYPE
	SetDefault      Kind = "set_default"       // Column
	DropDefault     Kind = "drop_default"      // Column
	SetNotNull      Kind = "set_not_null"      // Column
	DropNotNull     Kind = "drop_not_null"     // Column
	AddIdentity     Kind = "add_identity"      // Column
	AlterColumn     Kind = "alter_column"      // Column: statistics, storage, compression and the like
	CreateIndex     Kind = "create_index"      // Name, Columns, Include, Where, Using, Unique, Concurrent, IfNotExists, Only
	DropIndex       Kind = "drop_index"        // Name, Concurrent, IfExists, Cascade; in the DSL also Table, Columns, Unique, Where, as said there
	RenameIndex     Kind = "rename_index"      // Name, To
	AttachIndex     Kind = "attach_index"      // Name, To
	Reindex         Kind = "reindex"           // Name or Table, Concurrent
	AddConstraint   Kind = "add_constraint"    // Name, Constraint, Expression, Columnset, To, ToColumns, NotValid, UsingIndex
	DropConstraint  Kind = "drop_constraint"   // Name, IfExists, Cascade
	Validate        Kind = "validate"          // Name
	RenameConstr    Kind = "rename_constraint" // Name, To
	AlterTable      Kind = "alter_table"       // anything else ALTER TABLE does; Text says what
	RewriteTable    Kind = "rewrite_table"     // SET LOGGED, SET UNLOGGED, SET TABLESPACE, SET ACCESS METHOD, CLUSTER, VACUUM FULL
	CreatePartition Kind = "create_partition"  // CREATE TABLE … PARTITION OF: Table is the new one, To the parent
	AttachPartition Kind = "attach_partition"  // Table the parent, To the partition
	DetachPartition Kind = "detach_partition"  // the same; Concurrent
	Truncate        Kind = "truncate"          // Cascade
	CreateType      Kind = "create_type"       // Name
	AddEnumValue    Kind = "add_enum_value"    // Name, Expression the value
	RenameEnumValue Kind = "rename_enum_value" // Name, Expression the value
	DropType        Kind = "drop_type"         // Name, Cascade
	CreateDomain    Kind = "create_domain"     // Name
	CreateExtension Kind = "create_extension"  // Name
	CreateSchema    Kind = "create_schema"     // Name
	RenameSchema    Kind = "rename_schema"     // Name, To
	DropSchema      Kind = "drop_schema"       // Name, Cascade
	CreateFunction  Kind = "create_function"   // Name
	CreateTrigger   Kind = "create_trigger"    // Name
	DropTrigger     Kind = "drop_trigger"      // Name
	SetTrigger      Kind = "set_trigger"       // ENABLE, DISABLE
	CreateView      Kind = "create_view"       // Name
	DropView        Kind = "drop_view"         // Name
	CreateMatview   Kind = "create_matview"    // Name
	RefreshMatview  Kind = "refresh_matview"   // Name, Concurrent
	RowSecurity     Kind = "row_security"      // ENABLE, DISABLE, FORCE; Text
	CreatePolicy    Kind = "create_policy"     // Name
	CreateSequence  Kind = "create_sequence"   // Name
	Drop            Kind = "drop"              // anything else; Name, Cascade, Text
	Insert          Kind = "insert"            //
	Update          Kind = "update"            // Where
	Delete          Kind = "delete"            // Where
	Select          Kind = "select"            //
	Copy            Kind = "copy"              //
	LockTable       Kind = "lock_table"        // Expression the mode
	Set             Kind = "set"               // Setting, Expression, Local; RESET has no Expression
	Transaction     Kind = "transaction"       // BEGIN, COMMIT and the like; Text
	Vacuum          Kind = "vacuum"            //
	Analyze         Kind = "analyze"           //
	Comment         Kind = "comment"           //
	Grant           Kind = "grant"             // GRANT, REVOKE, ALTER DEFAULT PRIVILEGES, roles
	System          Kind = "system"            // ALTER SYSTEM, ALTER DATABASE, ALTER ROLE … SET: Setting, Expression
	Do              Kind = "do"                // an anonymous block
	OtherSQL        Kind = "other_sql"         // parsed, of no interest
	BrokenSQL       Kind = "broken_sql"        // does not parse; Text, Expression PostgreSQL's message
	Dynamic         Kind = "dynamic"           // SQL that is not known before it runs; Text
	Function        Kind = "function"          // execute with a function
	RepoCall        Kind = "repo_call"         // Repo.update_all and the like, other than with SQL: Name the function, Table and Where where known, Expression the schema's module
	ModuleCall      Kind = "module_call"       // another module's function, such as Oban.Migrations.up: Name with the module as Prefix, Text
	Flush           Kind = "flush"             //
	Dangling        Kind = "dangling"          // index, constraint or table that is made and dropped by nobody: Text
)
