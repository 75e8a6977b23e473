// Package restore gets a backup back: into a database of its own beside the
// original, proven to hold what the dump does, and then, when somebody wants it,
// in the original's place by a swap of names.
//
//	Make   looks at everything that could be in the way, and changes nothing
//	Run    makes DB_restore_TIME, fills it, and counts it
//	Swap   renames DB to DB_before_TIME and the restored one to DB, both at once
//	Undo   swaps back
//
// It never writes into a database that it did not make, never removes one but
// what it made itself and could not fill, and never leaves the original without
// its name: both names change in one transaction. What it makes has a mark in its
// comment, so that what a crash left is found, and is not taken for a restored
// one. It does not ask for confirmation; its caller does.
package restore

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"
	"unicode/utf8"

	"filippo.io/age"
	"github.com/jackc/pgx/v5/pgconn"

	"ops-console/ops/backup"
	"ops-console/ops/backup/store"
	"ops-console/ops/backup/stream"
	"ops-console/ops/backup/tables"
	"ops-console/ops/plaintext"
	"ops-console/ops/postgres"
)

// Options of Make and Run.
type Options struct {
	Store      store.Store
	Record     backup.Record
	Identities []age.Identity // to decrypt with; may be empty where the backup is not encrypted

	Node     postgres.Node   // the server that gets it: a primary
	Network  postgres.Dialer // the way there; nil where it is dialled directly
	Database string          // name of the original; empty: that of the backup
	// NoOwners gives everything to the role that restores, and leaves grants out: for a server without the backup's roles.
	NoOwners bool
	// Free asks how many bytes the server's disk has left. nil, or an error: that is not known.
	Free func(ctx context.Context) (int64, error)

	Progress func(Progress)   // nil: nobody is told. It is called by one goroutine at a time
	Now      func() time.Time // nil: time.Now
}

// Step is what is being done.
type Step string

// The steps of Run, in their order.
const (
	Creating  Step = "create"
	Restoring Step = "restore"
	Analyzing Step = "analyze" // statistics, without which the planner guesses
	Comparing Step = "compare"
	Dropping  Step = "drop" // after a failure: what was made
)

// Progress is how far it is.
type Progress struct {
	Step               Step
	Text               string // what of, safe to show; may be empty
	Entries, OfEntries int    // of the table of contents, or tables
	Bytes, OfBytes     int64  // of what pg_dump wrote
}

var (
	// ErrPlan says that something is in the way of a restore; Plan.Problems says what.
	ErrPlan = errors.New("the restore was not started")
	// ErrIncomplete says that what was restored is not what the dump holds.
	ErrIncomplete = errors.New("the restored database does not hold what the dump does")
	// ErrNotOurs says that a database was not made by a restore.
	ErrNotOurs = errors.New("it was not made by a restore")
	// ErrBusy says that a restore is at work on a database, or sessions would not leave it.
	ErrBusy = errors.New("it is in use")
)

func (o *Options) fill() {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Progress == nil {
		o.Progress = func(Progress) {}
	}
	if o.Database == "" {
		o.Database = o.Record.Manifest.Database
	}
}

// stamp is the form of times in names of databases.
const stamp = "20060102t150405"

// named is DB_kind_TIME, in the 63 bytes that a name may have.
func named(db, kind string, at time.Time) string {
	tail := "_" + kind + "_" + at.UTC().Format(stamp)
	for len(db)+len(tail) > 63 {
		_, size := utf8.DecodeLastRuneInString(db)
		db = db[:len(db)-size]
	}
	return db + tail
}

// State is what a database of ours is.
type State string

// The states.
const (
	Filling  State = "restoring" // it is being filled, or was when its process ended
	Restored State = "restored"  // it holds the backup
	Swapping State = "swapping"  // it is about to take the original's place
	Before   State = "before"    // it was the original, before a swap
)

// mark is what the comment of a database of ours says.
type mark struct {
	State    State     `json:"state"`
	Backup   backup.ID `json:"backup"`
	Original string    `json:"original"`
	At       time.Time `json:"at"`
	Restored string    `json:"restored,omitempty"` // of one from before a swap: the name that took its place had
	Comment  string    `json:"comment,omitempty"`  // of one from before a swap: its own
	Of       origin    `json:"of,omitzero"`
}

// origin is what the backup is true of, by which it is said how far the original went on since.
type origin struct {
	Snapshot   time.Time         `json:"snapshot,omitzero"`
	LSN        string            `json:"lsn,omitempty"`
	SystemID   string            `json:"system_id,omitempty"`
	Migrations backup.Migrations `json:"schema_migrations,omitzero"`
}

const markPrefix = "ops-console restore: "

func (m mark) String() string {
	b, err := json.Marshal(m)
	if err != nil {
		return markPrefix // it has texts and times, and cannot fail
	}
	return markPrefix + string(b)
}

func parseMark(comment string) (mark, bool) {
	text, ok := strings.CutPrefix(comment, markPrefix)
	var m mark
	return m, ok && json.Unmarshal([]byte(text), &m) == nil && m.State != ""
}

// session is one with a database of the server.
type session struct {
	node postgres.Node
	pg   *pgconn.PgConn
}

// open makes a session. database empty is that of the node.
func open(ctx context.Context, n postgres.Node, d postgres.Dialer, database string) (*session, error) {
	pg, err := postgres.Open(ctx, n, d, database, map[string]string{
		"application_name": appName, "statement_timeout": "0", "lock_timeout": "0", "idle_in_transaction_session_timeout": "0", "default_transaction_read_only": "off",
	})
	if err != nil {
		return nil, err
	}
	return &session{n, pg}, nil
}

const appName = "ops-console restore"

// maintain makes a session with a database that is neither the original nor restored.
func maintain(ctx context.Context, n postgres.Node, d postgres.Dialer) (*session, error) {
	s, err := open(ctx, n, d, "postgres")
	if err == nil {
		return s, nil
	}
	if other, e := open(ctx, n, d, "template1"); e == nil {
		return other, nil
	}
	return nil, err
}

func (s *session) close() {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	_ = s.pg.Close(ctx) // the server notices, one way or another
}

// ask runs statements and gives their rows; NULL is the empty text.
func (s *session) ask(ctx context.Context, sql string) ([][]string, error) {
	rows, err := tables.Ask(ctx, s.pg, sql)
	if err != nil && ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	return rows, err
}

// do runs statements.
func (s *session) do(ctx context.Context, sql string) error {
	_, err := s.ask(ctx, sql)
	return err
}

// value is the answer to a question for one value; empty: there is none.
func (s *session) value(ctx context.Context, sql string) (string, error) {
	rows, err := s.ask(ctx, sql)
	if err != nil || len(rows) == 0 || len(rows[0]) == 0 {
		return "", err
	}
	return rows[0][0], nil
}

// shown is a name, safe to show.
func shown(name string) string { return plaintext.Line(name, 100) }

// failed is a failure of the server, safe to show, with what was tried.
func failed(what string, err error) error {
	pe := (*pgconn.PgError)(nil)
	if errors.As(err, &pe) {
		return fmt.Errorf("%s: %s", plaintext.Line(what, 200), tables.Message(err))
	}
	return fmt.Errorf("%s: %w", plaintext.Line(what, 200), err)
}

// decode begins to read the dump.
func (o *Options) decode(ctx context.Context) (io.ReadCloser, error) {
	m := &o.Record.Manifest
	p, ok := m.Dump()
	if !ok {
		return nil, errors.New("the manifest names no dump")
	}
	object, _, err := o.Store.Open(ctx, backup.Dir(m.Source, m.ID)+"/"+p.Key, 0)
	if err != nil {
		return nil, err
	}
	r, err := stream.NewReader(object, p, o.Identities)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("decode %s: %w", p.Key, err), object.Close())
	}
	return &decoding{r, object}, nil
}

type decoding struct {
	*stream.Reader
	object io.Closer
}

// Close lets go of the stream and the object beneath it.
func (d *decoding) Close() error { return errors.Join(d.Reader.Close(), d.object.Close()) }
