// Package take makes one backup: from the choice of a node to the manifest that says
// that it exists.
//
//	choose a node → lock the database against a second run → look whether all can be
//	read → hold a snapshot → pg_dump → stream → store → roles → manifest
//
// pg_dump is the real one, of a version that fits the server, and sees the snapshot
// that the manifest describes. A run that fails at any point leaves no manifest and
// removes what it wrote; what it cannot remove, and what a killed one leaves, is no
// backup and is found by catalog.Sweep. The package writes nothing to disk but a
// socket, gives no program a password, and changes nothing in the database.
package take

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"ops-console/ops/backup"
	"ops-console/ops/backup/catalog"
	"ops-console/ops/backup/store"
	"ops-console/ops/backup/stream"
	"ops-console/ops/plaintext"
	"ops-console/ops/postgres"
	"ops-console/ops/postgres/client"
)

// Choice is which node is dumped.
type Choice string

const (
	// Primary is the default: nothing cancels a dump there.
	Primary Choice = "primary"
	// Replica is a replica that is fit for it, and nothing else.
	Replica Choice = "replica"
	// Auto is a replica where one is fit, else the primary.
	Auto Choice = "auto"
)

// Limits keep a run from harming the database. Zero values stand for the defaults.
type Limits struct {
	// MaxSnapshot is how long the snapshot may be held: vacuum cleans nothing up meanwhile. Default: 2 h.
	MaxSnapshot time.Duration
	// LockTimeout is how long a table that somebody has locked is waited for. Default: 10 s.
	LockTimeout time.Duration
	// Yield is how long others may queue behind one that waits for us, as readers do behind an ALTER TABLE that waits for
	// the dump. Then the run gives up, and they go on. Default: 10 s; below 0: it never gives up.
	Yield time.Duration
	// Rate is how many bytes go to the store in a second at most; 0: as fast as it goes.
	Rate int
}

// Options of Run.
type Options struct {
	Nodes  []postgres.Node // of the database, whatever their roles are
	Choice Choice          // empty: Primary
	Dialer postgres.Dialer
	Store  store.Store

	ID         backup.ID // empty: a new one
	Source     backup.Source
	Reason     backup.Reason // empty: backup.Manual
	DeployID   string
	Remote     string // the machine that runs it, where that is not the operator's own
	AppImage   string
	Migrations string         // Ecto's table; empty: schema_migrations
	Prev       *backup.Record // the newest backup of the source, by whose tables progress is reckoned; nil: it is read from the store
	Version    string         // of ops-console

	Recipients stream.Recipients // empty: not encrypted
	Level      int               // of compression; 0: stream.DefaultLevel
	Limits     Limits

	// KeepFailure leaves a note in the store when the run comes to nothing, for whoever looks there next. Being refused
	// because of another run is no failure.
	KeepFailure bool

	Dir      string           // where the socket's directory is made; empty: the system's for temporary files
	Now      func() time.Time // nil: time.Now
	Entropy  io.Reader        // of the ID; nil: crypto/rand
	Progress func(Progress)   // called from one goroutine at a time, a few times a second; nil: nobody is told
}

var (
	// ErrBusy says that a backup or another pg_dump of the database is under way.
	ErrBusy = errors.New("the database is being dumped already")
	// ErrMigrating says that a migration runs: a dump would make it, and everybody behind it, wait.
	ErrMigrating = errors.New("a migration is running")
	// ErrPooler says that the node is behind a pooler.
	ErrPooler = errors.New("it is behind a pooler, which must not be dumped through: give the server's own address and port")
	// ErrDenied says that the role may not read all of it.
	ErrDenied = errors.New("the role may not read everything")
	// ErrNoNode says that there is no node to dump.
	ErrNoNode = errors.New("no node can be dumped")
	// ErrLocked says that somebody holds a lock that a dump would have to wait for.
	ErrLocked = errors.New("a table is locked")
	// ErrTooLong says that the snapshot was held as long as it may be.
	ErrTooLong = errors.New("the snapshot was held as long as it may be")
	// ErrYielded says that others had to wait because of the dump.
	ErrYielded = errors.New("others were waiting because of the dump")
	// ErrLost says that the session which keeps others out is gone, or the one that holds the snapshot.
	ErrLost = errors.New("a session with the database was lost")
)

// fill puts defaults where nothing is said.
func (o *Options) fill() error {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Choice == "" {
		o.Choice = Primary
	}
	if o.Reason == "" {
		o.Reason = backup.Manual
	}
	if o.Migrations == "" {
		o.Migrations = "schema_migrations"
	}
	if o.Limits.MaxSnapshot <= 0 {
		o.Limits.MaxSnapshot = 2 * time.Hour
	}
	if o.Limits.LockTimeout <= 0 {
		o.Limits.LockTimeout = 10 * time.Second
	}
	if o.Limits.Yield == 0 {
		o.Limits.Yield = 10 * time.Second
	}
	switch {
	case o.Choice != Primary && o.Choice != Replica && o.Choice != Auto:
		return fmt.Errorf("%q is no choice of node: primary, replica, auto", o.Choice)
	case o.Source.App == "" || o.Source.Database == "":
		return errors.New("a backup needs the names of its application and its database")
	case o.Store == nil:
		return errors.New("a backup needs a store: name one with backup.store")
	}
	if o.ID == "" {
		id, err := backup.NewID(o.Now(), o.Entropy)
		if err != nil {
			return err
		}
		o.ID = id
	}
	return nil
}

// run is one backup on its way.
type run struct {
	o     Options
	track *track

	m       backup.Manifest
	written []string // keys of objects that are visible
}

// Run takes a backup, and gives its manifest once that is in the store. ctx ends it early, as a failure. A failure that the
// database or its role is the cause of is one of the errors above, that of a missing program client.ErrNoProgram, those of
// the store store's own; errors.Is finds them.
func Run(ctx context.Context, o Options) (backup.Manifest, error) {
	if err := o.fill(); err != nil {
		return backup.Manifest{}, err
	}
	r := &run{o: o, track: newTrack(o)}
	r.m = backup.Manifest{
		Format: backup.Format, ID: o.ID, Source: o.Source, Reason: o.Reason, DeployID: o.DeployID, Remote: o.Remote,
		Started: o.Now().UTC(), Tool: backup.Tool{Ops: o.Version},
	}
	asked := ctx
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	stop := r.track.watch(ctx)
	err := r.do(ctx, cancel)
	if err == nil {
		r.track.stage(Done)
		stop()
		return r.m, nil
	}
	switch cause := context.Cause(ctx); {
	case asked.Err() != nil:
		err = &ended{text: "it was cancelled", err: err}
		if r.o.Reason == backup.Manual {
			r.o.KeepFailure = false // whoever cancels knows
		}
	case cause != nil && errors.Is(err, cause):
		err = &ended{text: cause.Error(), err: err} // the rest is what came of it
	case cause != nil:
		err = fmt.Errorf("%w (%s)", cause, plaintext.Line(err.Error(), 300))
	}
	cancel(err)
	r.track.stage(Failed)
	stop()
	return backup.Manifest{}, r.undo(ctx, err)
}

// ended is an error that says why, and not what followed from it.
type ended struct {
	text string
	err  error
}

func (e *ended) Error() string { return e.text }
func (e *ended) Unwrap() error { return e.err }

// do is the run itself.
func (r *run) do(ctx context.Context, cancel context.CancelCauseFunc) error {
	r.track.stage(Choosing)
	c, err := choose(ctx, r.o)
	if err != nil {
		return err
	}
	r.track.node(c.node.Name)
	dump, err := client.Find(ctx, "pg_dump", c.version/10_000)
	if err != nil {
		return err
	}
	r.track.stage(Checking)
	l, err := lock(ctx, r.o, c)
	if err != nil {
		return err
	}
	defer l.close()
	if err := l.quiet(ctx, r.o); err != nil {
		return err
	}
	l.keep(ctx, cancel, r.track, r.o.Limits.Yield)
	if err := r.before(ctx); err != nil {
		return err
	}
	if err := r.dump(ctx, cancel, c, dump); err != nil {
		return err
	}
	r.track.stage(Roles)
	if err := r.globals(ctx, c); err != nil {
		return err
	}
	r.track.stage(Committing)
	return r.commit(ctx, l)
}

// before sweeps up what runs that died have left, and reads which backup is the newest. Nobody else runs meanwhile.
func (r *run) before(ctx context.Context) error {
	c := catalog.New(r.o.Store)
	_, err := c.Sweep(ctx, r.o.Source, catalog.Ages{}, r.o.Now())
	switch {
	case errors.Is(err, store.ErrDenied):
		r.warn("what earlier runs left in the store could not be swept up: " + err.Error()) // keys that may not remove are good keys
	case err != nil:
		return fmt.Errorf("sweeping up what earlier runs left in the store: %w", err)
	}
	if r.o.Prev == nil {
		l, err := c.List(ctx, r.o.Source)
		if err != nil {
			return fmt.Errorf("looking for the newest backup: %w", err)
		}
		if len(l.Records) > 0 {
			r.o.Prev = &l.Records[0]
			r.track.before(r.o.Prev)
		}
	}
	if p := r.o.Prev; p != nil {
		r.m.Prev, r.m.PrevSHA256 = p.Manifest.ID, p.SHA256
	}
	return nil
}

// maxManifest is how large a manifest may be: that of 20,000 tables is 3 MB.
const maxManifest = 64 << 20

// commit writes the manifest, which makes a backup of what was stored. It holds the lock still.
func (r *run) commit(ctx context.Context, l *locked) error {
	if err := l.held(ctx); err != nil {
		return err
	}
	r.m.Finished = r.o.Now().UTC()
	b, err := json.MarshalIndent(&r.m, "", " ")
	if err != nil {
		return fmt.Errorf("writing the manifest: %w", err)
	}
	if _, err := backup.ParseManifest(b); err != nil {
		return fmt.Errorf("the manifest that was made could not be read: %w", err)
	}
	key := backup.Dir(r.o.Source, r.o.ID) + "/" + backup.ManifestName
	_, err = r.o.Store.PutIfAbsent(ctx, key, b)
	if err == nil {
		return nil
	}
	// Whether it is there decides whether what it names may be removed.
	ask, done := context.WithTimeout(context.WithoutCancel(ctx), undoTime)
	defer done()
	there, _, look := store.Get(ask, r.o.Store, key, maxManifest)
	switch {
	case look == nil && string(there) == string(b):
		return nil
	case errors.Is(look, store.ErrNotFound):
		return fmt.Errorf("writing the manifest: %w", err)
	}
	r.written = nil // a manifest may need them
	return fmt.Errorf("writing the manifest: %w; whether it was written is not known: run backup list later", err)
}

// undoTime bounds the cleaning up after a failure, which goes on after the run's own context has ended.
const undoTime = time.Minute

// undo removes what a failed run has written, and leaves a note of it.
func (r *run) undo(ctx context.Context, why error) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), undoTime)
	defer cancel()
	for _, key := range r.written {
		if err := r.o.Store.Delete(ctx, key); err != nil {
			why = fmt.Errorf("%w; what it had stored could not be removed, and will be by a later run (%s)", why, plaintext.Line(err.Error(), 200))
			break
		}
	}
	if !r.o.KeepFailure || errors.Is(why, ErrBusy) {
		return why
	}
	f := backup.Failure{
		ID: r.o.ID, Source: r.o.Source, Reason: r.o.Reason, Remote: r.o.Remote, At: r.o.Now().UTC(), Why: plaintext.Line(why.Error(), 600),
	}
	if err := catalog.New(r.o.Store).AddFailure(ctx, f); err != nil {
		return fmt.Errorf("%w; the store could not be told of it", why)
	}
	return why
}
