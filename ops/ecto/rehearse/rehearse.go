// Package rehearse runs the SQL of pending migrations on a throw-away PostgreSQL of its own and measures which locks they
// take, what they rewrite and what they scan. It never writes to any other database.
//
// The throw-away has the live schema, or what the earlier migrations make, and a few made-up rows in each table. What runs
// there runs as a role without any privilege outside of its database: SQL of a migration cannot reach files or programs of
// this machine.
package rehearse

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"ops-console/ops/ecto"
	"ops-console/ops/ecto/lint"
	"ops-console/ops/ecto/locks"
	"ops-console/ops/plaintext"
	"ops-console/ops/postgres"
	"ops-console/ops/postgres/pgcluster"
)

// Step is one statement as it went.
type Step struct {
	Path      string
	Version   int64
	At        ecto.Span
	SQL       string
	Down      bool          // on the way back
	Took      time.Duration // on an empty table: no measure of the real one
	Measured  []Lock
	Predicted []locks.Effect
	// Differs says where the two disagree; empty: they agree, or there is nothing to compare.
	Differs []string
	Err     string // the server's message, or that it would wait for ever
	Skipped string // why it did not run: only the application could run it, or something before it failed
}

// Lock is what a statement held on a table that was there before its migration.
type Lock struct {
	Table   ecto.Name
	Mode    locks.Mode
	Held    bool // since a statement before: what this one took is no stronger
	Rewrite bool
	Scan    bool
	Build   []string // indexes that it built, new ones too
}

// Options of Run. The zero value replays the earlier migrations on the newest server that is installed.
type Options struct {
	Binaries pgcluster.Binaries // zero: of those that are installed, what fits the live server's version best
	// Live is where the schema is read from, by pg_dump and only its definitions, through Network as package postgres does.
	// nil: the earlier migrations are replayed.
	Live    *postgres.Node
	Network postgres.Dialer
	Dir     string        // for the throw-away; empty: as pgcluster chooses
	Rows    int           // that are made up for a table; 0: 100
	Timeout time.Duration // of one statement; 0: 10 s
	Down    bool          // also runs the way back, latest first
	// Progress is told what is being done, in a few words; Note what one should know of the rehearsal as a whole.
	Progress, Note func(string)
}

// MaxBytes is how large the throw-away database may become: what makes it larger ends the rehearsal.
const MaxBytes = 1 << 30

func (o Options) filled() Options {
	if o.Rows <= 0 {
		o.Rows = 100
	}
	if o.Timeout <= 0 {
		o.Timeout = 10 * time.Second
	}
	if o.Progress == nil {
		o.Progress = func(string) {}
	}
	if o.Note == nil {
		o.Note = func(string) {}
	}
	return o
}

// ErrNoServer says that there is nothing to rehearse on.
var ErrNoServer = errors.New("a rehearsal needs PostgreSQL's server programs on this machine: apt-get install postgresql, or name their directory in $" + pgcluster.Env)

// Run rehearses the migrations that are pending: those that in.Live says did not run, or without a database the first that
// in.Options.Check says and all after it. Steps are those of the migrations that Check says, in order. What cannot run, as
// it is not SQL or something before it failed, is a Step with a reason. An error that comes with steps says why there are no
// more.
func Run(ctx context.Context, in lint.Input, o Options) ([]Step, error) {
	o = o.filled()
	earlier, pending := split(in)
	if len(pending) == 0 {
		return nil, nil
	}
	s, err := newScratch(ctx, in, o)
	if err != nil {
		return nil, err
	}
	steps, err := s.rehearse(ctx, earlier, pending)
	if closeErr := s.close(); err == nil && closeErr != nil {
		err = fmt.Errorf("remove the throw-away server: %w", closeErr)
	}
	return slices.DeleteFunc(steps, func(t Step) bool { return in.Options.Check != nil && !in.Options.Check(t.Version) }), err
}

// split tells the migrations that ran from those that are pending.
func split(in lint.Input) (earlier, pending []ecto.Migration) {
	states := map[int64]lint.State{}
	for _, s := range lint.Statuses(in) {
		states[s.Version] = s.State
	}
	for _, m := range in.Migrations {
		ran := states[m.Version] == lint.Up
		if states[m.Version] == "" {
			ran = len(pending) == 0 && in.Options.Check != nil && !in.Options.Check(m.Version)
		}
		if ran {
			earlier = append(earlier, m)
		} else {
			pending = append(pending, m)
		}
	}
	return earlier, pending
}

func (s *scratch) rehearse(ctx context.Context, earlier, pending []ecto.Migration) ([]Step, error) {
	if err := s.prepare(ctx, earlier); err != nil {
		return nil, err
	}
	s.o.Progress("making up rows")
	if err := s.fill(ctx, pending); err != nil {
		return nil, err
	}
	var steps []Step
	for i, m := range pending {
		s.o.Progress(fmt.Sprintf("running %d of %d: %d %s", i+1, len(pending), m.Version, plaintext.Line(m.Name, 80)))
		ss, err := s.migrate(ctx, m, m.Up, false)
		steps = append(steps, ss...)
		if err != nil {
			return steps, err
		}
	}
	if !s.o.Down {
		return steps, nil
	}
	for _, m := range slices.Backward(pending) {
		s.o.Progress(fmt.Sprintf("taking back %d %s", m.Version, plaintext.Line(m.Name, 80)))
		ss, err := s.migrate(ctx, m, m.Down, true)
		steps = append(steps, ss...)
		if err != nil {
			return steps, err
		}
	}
	return steps, nil
}
