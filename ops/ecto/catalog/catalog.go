// Package catalog reads what decides how much a migration hurts from a live database: versions that ran, sizes, indexes,
// constraints, dependents, long transactions, settings. It only reads, in one read-only transaction with a statement
// timeout, and asks for nothing that takes a lock stronger than ACCESS SHARE.
package catalog

import (
	"time"

	"ops-console/ops/ecto"
	"ops-console/ops/ecto/schema"
)

// Snapshot is a database at one moment. All text in it is clean.
type Snapshot struct {
	At       time.Time // by the server's clock
	Node     string    // where it was read
	Database string
	Version  int // server_version_num
	Standby  bool

	// State has tables and materialized views with columns, indexes, constraints and dependents, rows and bytes. Complete
	// says that no schema was left out.
	State *schema.State
	// Default is the schema whose tables have no prefix in State: the first of the search path.
	Default string
	// Applied is the versions table's content; Source names it. Missing: there is none, and all is pending.
	Source  ecto.Name
	Applied []Applied
	Missing bool
	// Unread is why Applied could not be read, so that nothing is known of what is pending; empty: it was read.
	Unread string

	Activity    []Activity  // long transactions that hold or want locks on user tables or have a snapshot, longest first
	Wraparound  []ecto.Name // tables so old that autovacuum works on them to prevent wraparound, or soon will
	LockTimeout string      // in effect for the role and database by pg_db_role_setting or configuration; empty: none
	TimeZone    string
	Traffic     map[ecto.Name]Traffic // empty on a standby, which does not know what the primary does
	Volatile    map[string]byte       // provolatile of the functions that are not PostgreSQL's own: i, s, v
	FreeBytes   *int64                // of the data volume; nil: nobody says
	Lag         *time.Duration        // lower bound of the furthest replica; nil: not known
	Warnings    []string              // what could not be read, and which GRANT would help

	counts map[ecto.Name]counts
}

// Applied is a row of the versions table.
type Applied struct {
	Version    int64
	InsertedAt time.Time // UTC; zero: not known
}

// Traffic is how busy a table is, averaged since statistics began or between two looks.
type Traffic struct {
	Reads, Writes float64 // scans and rows changed per second
	Over          time.Duration
	// AtMost says that the server does not know since when it counts: Over is since its start, which may be too short a
	// time for what was counted.
	AtMost bool
}

// counts are what a table's traffic is made of.
type counts struct{ reads, writes int64 }

// Activity is a transaction with locks.
type Activity struct {
	PID     int    // 0: a prepared transaction, which no backend holds any more
	Kind    string // client backend, autovacuum worker, prepared transaction, …; empty without pg_read_all_stats
	State   string
	Since   time.Time // its transaction's start, by the server's clock; zero without pg_read_all_stats
	Query   string    // cleaned and cut, without literals; empty without pg_read_all_stats
	Tables  []ecto.Name
	Mode    string // strongest on user tables
	Waiting bool
	// Snapshot says that concurrent index builds wait for it, whichever table they are on.
	Snapshot bool
	Prevent  bool // autovacuum to prevent wraparound: it does not give way
}

// Options of Read. The zero value reads all schemas, and schema_migrations where the search path finds it.
type Options struct {
	Source string // table of versions; empty: schema_migrations
	Prefix string // its schema; empty: the first of the search path that has it
	Role   string // whose settings count, the application's; empty: the session's own
	// Schemas are the only ones to be read beside the default schema and that of the versions table; empty: all.
	Schemas []string
	// MaxTables is from how many tables on only the default schema and that of the versions table are read; 0: 20,000.
	MaxTables int
	// Longer is how long a transaction has to be under way to be worth mentioning; 0: 1 s. One that waits always is.
	Longer time.Duration
	// Timeout is the server's limit for each question; 0: 10 s.
	Timeout time.Duration
	// Before is an earlier Snapshot of the same server, against which traffic is measured; nil: since statistics began.
	Before *Snapshot
}

func (o Options) filled() Options {
	if o.Source == "" {
		o.Source = "schema_migrations"
	}
	if o.MaxTables <= 0 {
		o.MaxTables = 20_000
	}
	if o.Longer <= 0 {
		o.Longer = time.Second
	}
	if o.Timeout <= 0 {
		o.Timeout = 10 * time.Second
	}
	return o
}
