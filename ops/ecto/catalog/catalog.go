// Package catalog reads what decides how much a migration hurts from a live database: versions that ran, sizes, indexes,
// constraints, dependents, long transactions, settings. It only reads, in one read-only transaction with a statement
// timeout, and asks for nothing that takes a lock stronger than ACCESS SHARE.
package catalog

import (
	"time"

	"ops-console/ops/ecto"
	"ops-console/ops/ecto/schema"
)

// Snapshot is a database at one moment.
type Snapshot struct {
	At       time.Time
	Node     string // where it was read
	Database string
	Version  int // server_version_num
	Standby  bool

	// State has tables, columns, indexes, constraints and dependents, with rows and bytes. Complete for the schemas read.
	State *schema.State
	// Applied is the versions table's content; Source names it. Missing: there is none, and all is pending.
	Source  ecto.Name
	Applied []Applied
	Missing bool

	Activity    []Activity // transactions that hold or want locks on user tables, longest first
	Wraparound  []ecto.Name
	LockTimeout string // in effect for the role and database by pg_db_role_setting; empty: none
	TimeZone    string
	Traffic     map[ecto.Name]Traffic
	Volatile    map[string]byte // provolatile of the functions that are not PostgreSQL's own: i, s, v
	FreeBytes   *int64          // of the data volume; nil: nobody says
	Lag         *time.Duration  // lower bound of the furthest replica; nil: not known
	Warnings    []string        // what could not be read, and which GRANT would help
}

// Applied is a row of the versions table.
type Applied struct {
	Version    int64
	InsertedAt time.Time
}

// Traffic is how busy a table is, averaged since statistics began or between two looks.
type Traffic struct {
	Reads, Writes float64 // scans and rows changed per second
	Over          time.Duration
}

// Activity is a transaction with locks.
type Activity struct {
	PID     int
	Kind    string // client backend, autovacuum worker, …
	State   string
	Since   time.Time // its transaction's start
	Query   string    // cleaned and cut; empty without pg_read_all_stats
	Tables  []ecto.Name
	Mode    string // strongest on user tables
	Waiting bool
	Prevent bool // autovacuum to prevent wraparound: it does not give way
}
