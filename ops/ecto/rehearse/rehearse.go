// Package rehearse runs the SQL of pending migrations on a throw-away PostgreSQL of its own and measures which locks they
// take, what they rewrite and what they scan. It never writes to any other database.
package rehearse

import (
	"time"

	"ops-console/ops/ecto"
	"ops-console/ops/ecto/locks"
)

// Step is one statement as it went.
type Step struct {
	Path      string
	Version   int64
	At        ecto.Span
	SQL       string
	Took      time.Duration // on an empty table: no measure of the real one
	Measured  []Lock
	Predicted []locks.Effect
	// Differs says where the two disagree; empty: they agree.
	Differs []string
	Err     string // the server's message
}

// Lock is what a statement held on a table that was there before its migration.
type Lock struct {
	Table   ecto.Name
	Mode    locks.Mode
	Rewrite bool
	Scan    bool
	Build   []string
}
