// Package project finds what an application's source tree says about its migrations: repos, their settings in
// config/*.exs, the directories and the files in them. It reads files and runs none of them: what only running the
// configuration would tell is left at Ecto's default and noted.
package project

import "ops-console/ops/ecto"

// Project is a source tree as far as migrations go.
type Project struct {
	Dir   string // absolute
	Repos []Repo // by module name; those of tenants last
	// Sources are the directories with the application's own code, relative to Dir, with slashes: lib, apps/web/lib, …
	Sources []string
	Notes   []Note
}

// Options of Open. The zero value takes what the configuration of production says.
type Options struct {
	Repos []string // only these, by module name
	Dirs  []string // of migrations, instead of those that the repos have: mix ecto.migrate --migrations-path
}

// Repo is an Ecto repo and its migrations.
type Repo struct {
	Module   string   // Changelog.Repo; empty where the directory's owner is not known
	App      string   // changelog, without the colon
	Root     string   // the mix project that it is part of, relative to Dir: . or apps/NAME
	Dirs     []string // that have its migrations, relative to Dir, with slashes
	Tenant   bool     // run once for each tenant, in a schema of its own, where the versions are recorded too
	Files    []File   // by version, then path
	Skipped  []Note   // files that Ecto ignores in those directories, and why
	Settings Settings
	// Dumped is the versions that a structure dump (structure.sql) says it contains, so that their files may be gone.
	Dumped []int64
	// Dump is the path of that file, relative to Dir; empty: there is none.
	Dump string
}

// File is one migration file.
type File struct {
	Path    string // relative to the project's Dir, with slashes
	Version int64
	Name    string // what follows the version, without extension
}

// Note is something about a file or directory that the reader of a result has to know.
type Note struct {
	Path string // relative to Dir
	ecto.Note
}

// Lock is how Ecto's migrator keeps other migrators out.
type Lock string

// The locks (config :app, Repo, migration_lock: …).
const (
	TableLock    Lock = "table"    // the default: LOCK TABLE schema_migrations in a transaction of its own
	AdvisoryLock Lock = "advisory" // :pg_advisory_lock
	NoLock       Lock = "none"     // false or nil
)

// Settings is what the configuration of a repo says about migrations; DefaultSettings is what Ecto takes without one.
type Settings struct {
	Lock               Lock
	LockSet            ecto.Span // where the configuration says so; zero: it does not
	LockFile           string
	Source             string // table of versions: schema_migrations
	Prefix             string // migration_default_prefix
	MigrationRepo      string
	StrictVersionOrder bool
	PrimaryKey         Key
	ForeignKey         Key
	Timestamps         Timestamps
	// LockTimeout is what the connection's parameters or an after_connect say; empty: nothing.
	LockTimeout string
	// Macros maps the modules that migrations use instead of Ecto.Migration to the source file that defines them.
	Macros map[string]string
}

// Key is what Ecto makes of a primary or foreign key that a migration says nothing about.
type Key struct {
	Disabled bool // migration_primary_key: false
	Name     string
	EctoType string // bigserial, id, binary_id, …
	Default  string // SQL of a fragment; empty: none
}

// Timestamps is what timestamps() makes.
type Timestamps struct {
	EctoType   string // naive_datetime
	InsertedAt string // column; empty: none is made
	UpdatedAt  string
	Default    string // SQL; empty: none
	Nullable   bool   // null: true
}

// DefaultSettings is Ecto's.
func DefaultSettings() Settings {
	return Settings{
		Lock: TableLock, Source: "schema_migrations",
		PrimaryKey: Key{Name: "id", EctoType: "bigserial"},
		ForeignKey: Key{Name: "id", EctoType: "bigint"},
		Timestamps: Timestamps{EctoType: "naive_datetime", InsertedAt: "inserted_at", UpdatedAt: "updated_at"},
	}
}
