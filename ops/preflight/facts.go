package preflight

import (
	"errors"
	"time"

	"ops-console/ops/backup"
	"ops-console/ops/fly"
	"ops-console/ops/preflight/git"
	"ops-console/ops/preflight/registry"
	"ops-console/ops/preflight/source"
)

// Fact is something that was found out, or why it was not. The zero value is not known.
type Fact[T any] struct {
	value T
	known bool
	err   error
}

// Known is a fact that was found out.
func Known[T any](v T) Fact[T] { return Fact[T]{value: v, known: true} }

// NotKnown is a fact that was not found out, and why.
func NotKnown[T any](why string) Fact[T] { return Fact[T]{err: errors.New(why)} }

// Found is a fact as a call gave it.
func Found[T any](v T, err error) Fact[T] {
	if err != nil {
		return Fact[T]{err: err}
	}
	return Known(v)
}

// hinted is an error with what to do about it, where it says so. That there is no token is the same whatever was asked.
func hinted(err error) string {
	var e *fly.Error
	if errors.Is(err, fly.ErrNoToken) && errors.As(err, &e) && e.Message != "" {
		return e.Message
	}
	if h := fly.HintOf(err); h != "" {
		return err.Error() + " (" + h + ")"
	}
	return err.Error()
}

// Get is the fact; ok is false where it is not known.
func (f Fact[T]) Get() (v T, ok bool) { return f.value, f.known }

// Why is why it is not known.
func (f Fact[T]) Why() string {
	switch {
	case f.known:
		return ""
	case f.err == nil:
		return "nobody was asked"
	}
	return hinted(f.err)
}

// Err is the error that kept it from being known; nil where it is known, or nobody was asked.
func (f Fact[T]) Err() error { return f.err }

// Facts are what the judgement rests on.
type Facts struct {
	At       time.Time
	Project  string // directory; empty: there is none
	App      string // that is meant; empty: none is named
	Named    bool   // the application was named by hand, not taken from fly.toml
	ImageRef string // what would go out; empty: no image is named
	// MaxPerRegion is how many machines a region may have at any time; 0: as many as one likes.
	MaxPerRegion int
	// Own is the ID of the deployment that asks, if one does: the leases that it holds are in nobody's way.
	Own string
	// BackupFirst says that it takes a backup before it changes anything.
	BackupFirst bool

	Image    Fact[registry.Image]
	Source   Fact[*source.Tree]
	Git      Fact[git.State]
	Revision Fact[git.Revision] // of the image
	Fetch    string             // why the remote could not be asked, where that was wanted; empty: it was, or was not wanted

	Fleet    Fact[Fleet]
	Releases Fact[[]fly.Release]
	Secrets  Fact[[]fly.Secret]
	Volumes  Fact[[]fly.Volume]
	Regions  Fact[[]fly.Region] // of the platform

	HasDatabase Fact[bool] // whether the profile names one
	Server      Fact[Server]
	Replication Fact[Replication]
	Migrations  Fact[Migrations]
	Backups     Fact[Backups]
}

// Fleet is the machines of the application.
type Fleet struct {
	Machines []fly.Machine
	// Leases are who holds machines, by id. Unread says why some could not be asked for.
	Leases map[string]fly.Lease
	Unread string
	// Counted is how many machines the platform counts by itself.
	Counted int
}

// Server is the primary, as far as a deploy meets it.
type Server struct {
	Node           string
	Region         string // empty: not known
	Version        string // 16.8
	Standby        bool   // no primary answered: it is a standby
	Pooler         bool   // what was asked is a pooler before the server
	MaxConnections int
	Reserved       int // for superusers, and the roles that have reserved ones
	Used           int // by clients, now
	Own            int // of those, by the application's role or name
	Dumps          []Session
	// Hidden says that sessions of others are not shown to this role, so that a dump may go unseen.
	Hidden bool
}

// Session is a session of the database that stands in the way.
type Session struct {
	PID         int
	Application string
	Since       time.Time // zero: not known
}

// Replication is how far the replicas are behind.
type Replication struct {
	Primary  string // region of the primary; empty: not known
	Warn     time.Duration
	Critical time.Duration
	Replicas []Replica
}

// Replica is one of them.
type Replica struct {
	Name   string
	Region string
	Lag    time.Duration // upper bound
	Known  bool          // the lag is
	State  string        // in words
}

// Migrations is what would be migrated.
type Migrations struct {
	Known   string // why no database says what ran; empty: one does
	Pending []Pending
	Total   int // migrations there are
	Missing int // that ran and have no file
}

// Pending is a migration that has not run.
type Pending struct {
	Path       string
	OutOfOrder bool
	Findings   []Finding
}

// Finding is something that is wrong with a migration.
type Finding struct {
	Rule  string
	Text  string
	Line  int
	Error bool // else it is a warning
}

// Backups is what is known of the application's backups.
type Backups struct {
	Newest *Backup // that is whole; nil: there is none
	// Running says that one is being taken now.
	Running bool
	// MaxAge is how old the newest may be; 0: a day.
	MaxAge time.Duration
	// Least is how far it should be proven.
	Least backup.Level
}

// Backup is one backup.
type Backup struct {
	ID         string
	SnapshotAt time.Time    // what its data is true of
	Level      backup.Level // how far it was proven; Present where it never was
	VerifiedAt time.Time    // zero: never
}
