// Package lint finds what in migrations would hurt: locks on tables in use, rewrites, what the version that still runs
// cannot live with, what fails, what cannot be undone. It reads syntax trees and operations, and a live database's
// snapshot where there is one; without one it says what it assumed. It asks no server and runs no project code.
package lint

import (
	"time"

	"ops-console/ops/ecto"
	"ops-console/ops/ecto/app"
	"ops-console/ops/ecto/catalog"
	"ops-console/ops/ecto/locks"
	"ops-console/ops/ecto/project"
	"ops-console/ops/ecto/schema"
)

// Severity of a finding, weakest first.
type Severity int

// The severities. Off is a rule's that is only on where it is asked for.
const (
	Off Severity = iota
	Info
	Warning
	Error
)

// Rule is one thing that is looked for.
type Rule struct {
	ID       string // kebab-case, stable
	Title    string // a short sentence without full stop
	Severity Severity
	Group    string // indexes, columns, constraints, tables, transactions, data, structure, live, style
	Doc      Doc
}

// Doc is what lint --explain says.
type Doc struct {
	Lock     string   // and on what
	Blocks   string   // what waits meanwhile
	Versions string   // of PostgreSQL that it holds for, and what differs
	Why      string   // paragraphs
	Bad      string   // Ecto code
	Good     string   // Ecto code: the recipe
	Steps    []string // deploys, one after the other; empty where one will do
	See      []string // URLs of PostgreSQL's or Ecto's documentation
}

// Finding is one place where a rule holds.
type Finding struct {
	Rule     string
	Severity Severity
	Repo     string
	Path     string
	Version  int64
	At       ecto.Span
	Down     bool // on the way back
	Text     string
	Table    ecto.Name // empty: of none
	Mode     locks.Mode
	Why      []string // what the severity rests on: sizes, what was assumed, what softened it
	Recipe   string   // one line: what to do
	Code     string   // a safe version of this place, with its own names
	SQL      []string // the statements that it is about
	Hold     Hold
	// Suppressed is the reason that a comment or the baseline gives; nil: it counts.
	Suppressed *Suppression
}

// Hold is how long a lock would be held. The zero value is not known.
type Hold struct {
	Lo, Hi time.Duration
	Basis  string // 41 GB at 100–400 MB/s
}

// Suppression is why a finding does not count.
type Suppression struct {
	Reason string
	Path   string // of the comment, or of the baseline
	Line   int
}

// Input is what is looked at: all migrations of one repo.
type Input struct {
	Repo project.Repo
	// Migrations are all, ascending, so that the state before each is known. Findings are made for those that Check says.
	Migrations []ecto.Migration
	Sources    map[string][]byte // by path, for comments that suppress and for excerpts
	Dump       *schema.State     // what a structure dump says the database is like after Repo.Dumped; nil: there is none
	Notes      []project.Note    // for the Result
	App        *app.Schemas      // nil: lib was not read
	Live       *catalog.Snapshot // nil: no database
	// Changed is when the content of files last changed, by path, as version control knows; nil: nobody says.
	Changed map[string]time.Time
	Options Options
}

// Options of a run. The zero value checks all migrations with the rules that are on, for PostgreSQL 15.
type Options struct {
	Target      int                 // major version; 0: the live server's, or 15
	Check       func(v int64) bool  // nil: all
	Down        bool                // the rules for locks also on the way back
	Severity    map[string]Severity // by rule id or group: another one, or Off
	LockTimeout string              // set centrally: missing-lock-timeout is quiet
	SmallRows   int64               // tables with fewer rows soften findings; 0: 10,000
	SmallBytes  int64               // 0: 16 MiB
	Baseline    *Baseline
}

// Result is what a run found.
type Result struct {
	Findings []Finding // by version, place, rule
	Checked  int       // files
	Notes    []project.Note
	Unused   []Suppression // that no finding needed, or that name no rule
}
