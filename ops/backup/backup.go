// Package backup holds what a backup is: its manifest, how far it has been
// verified, and where its parts lie in a store. It only knows values; the
// packages beneath it make, check, keep and give back.
//
//	store     where objects are kept: S3 or a directory
//	stream    compression, encryption and sums, both ways
//	take      one run, from pg_dump to a manifest
//	catalog   what a store has, pins, removal
//	retain    which backups may go, and why
//	verify    proving that one is good
//	restore   getting one back, beside the original
//	archive   reading pg_dump's custom format
//	load      giving an archive to pg_restore
//	tables    what a live database holds
//	sample    backups of real databases, for tests
//	schedule  what runs it
//	notice    who is told
//
// A backup exists if and only if its manifest does. The manifest is written
// last and removed first, so that a crash at any point leaves either a whole
// backup or rubbish that the next sweep finds.
package backup

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path"
	"strings"
	"time"

	"github.com/oklog/ulid/v2"
)

// Format is the version of the manifest that this program writes. It reads no later one.
const Format = 1

// ID names a backup: a ULID, whose order is that of the starts.
type ID string

// NewID is a new name for a run that starts at t. entropy nil means crypto/rand.
func NewID(t time.Time, entropy io.Reader) (ID, error) {
	if entropy == nil {
		entropy = rand.Reader
	}
	u, err := ulid.New(ulid.Timestamp(t), entropy)
	if err != nil {
		return "", fmt.Errorf("naming a backup: %w", err)
	}
	return ID(u.String()), nil
}

// ParseID checks the form of an ID, in either case of its letters.
func ParseID(s string) (ID, error) {
	u, err := ulid.ParseStrict(strings.ToUpper(s))
	if err != nil {
		return "", fmt.Errorf("%q names no backup: an ID has 26 letters and digits, as `backup list` shows", s)
	}
	return ID(u.String()), nil
}

// Time is when the run started, to the millisecond; zero for what is no ID.
func (id ID) Time() time.Time {
	u, err := ulid.ParseStrict(string(id))
	if err != nil {
		return time.Time{}
	}
	return ulid.Time(u.Time()).UTC()
}

// Source names what is backed up. Retention never looks across two of them.
type Source struct {
	App      string `json:"app"`
	Database string `json:"db"`
}

// Names of the objects of one backup, beneath its directory.
const (
	ManifestName = "manifest.json"
	// TombstoneName is written before anything is removed: a manifest beside it counts no more.
	TombstoneName = "tombstone.json"
	// PinName holds why retention must leave the backup alone.
	PinName = "pin.json"
	// VerifyPrefix starts the name of each Verification; the time follows.
	VerifyPrefix = "verify-"
)

// Dir is where the objects of a backup lie: app/db/yyyy/mm/ID.
func Dir(s Source, id ID) string {
	t := id.Time()
	return path.Join(segment(s.App), segment(s.Database), t.Format("2006"), t.Format("01"), string(id))
}

// SourceDir is above all backups of a source.
func SourceDir(s Source) string { return path.Join(segment(s.App), segment(s.Database)) }

// segment makes a name fit between two slashes of a key: whatever is no letter, digit, dot, hyphen or underscore is written
// as =XX, so that two names never share one.
func segment(s string) string {
	var b strings.Builder
	for i := range len(s) {
		c := s[i]
		plain := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '-' || c == '_' || c == '.' && i > 0
		if plain {
			b.WriteByte(c)
			continue
		}
		fmt.Fprintf(&b, "=%02X", c)
	}
	if b.Len() == 0 {
		return "="
	}
	return b.String()
}

// Reason is why a backup was taken.
type Reason string

const (
	Manual    Reason = "manual"
	Scheduled Reason = "schedule"
	PreDeploy Reason = "predeploy"
)

// Manifest is all that is known of a finished backup. The bucket alone suffices to restore: nothing else is consulted.
type Manifest struct {
	Format   int    `json:"format"`
	ID       ID     `json:"id"`
	Source          // app, db
	Reason   Reason `json:"reason"`
	DeployID string `json:"deploy_id,omitempty"` // of the deploy that it was taken for
	Remote   string `json:"remote,omitempty"`    // the machine that ran it, where that was not the operator's own

	Started    time.Time `json:"started"`
	SnapshotAt time.Time `json:"snapshot_at"` // what the data is true of
	Finished   time.Time `json:"finished"`

	Server   Server    `json:"source"`
	Tool     Tool      `json:"tool"`
	Payload  []Payload `json:"payload"` // the dump first
	Tables   []Table   `json:"tables"`  // by name
	LargeObj int64     `json:"large_objects"`
	Timings  Timings   `json:"timings"`
	// Notes are what pg_dump warned of, and what could not be had and is not needed to restore, as the roles are. Safe to show.
	Notes []string `json:"notes,omitempty"`

	// Prev is the newest backup of the source when this one was taken, and the sum of its manifest's bytes: one that
	// vanished without a tombstone is noticed.
	Prev       ID     `json:"prev,omitempty"`
	PrevSHA256 string `json:"prev_manifest_sha256,omitempty"`
}

// Server is the node that was dumped, as it said of itself.
type Server struct {
	Version          string            `json:"server_version"`
	SystemID         string            `json:"system_id"`
	InRecovery       bool              `json:"in_recovery"` // a replica
	Node             string            `json:"node"`
	LSN              string            `json:"lsn"`
	Encoding         string            `json:"encoding"`
	Collate          string            `json:"collate"`
	CollationVersion string            `json:"collversion,omitempty"`
	Extensions       map[string]string `json:"extensions"`
	Migrations       Migrations        `json:"schema_migrations"`
	AppImage         string            `json:"app_image,omitempty"`
}

// Migrations is what Ecto's table of them held.
type Migrations struct {
	Max   int64 `json:"max"`
	Count int64 `json:"count"`
}

// Tool is what made the dump. Args never hold a secret.
type Tool struct {
	PgDump string   `json:"pg_dump"`
	Args   []string `json:"args"`
	Ops    string   `json:"ops"`
}

// Kind is what a payload holds.
type Kind string

const (
	// Dump is pg_dump's custom format, not compressed by pg_dump itself.
	Dump Kind = "pgdump-custom"
	// Globals is SQL of pg_dumpall: roles without their passwords, and tablespaces.
	Globals Kind = "globals-sql"
)

// Payload is one object and the sum of every stage that it went through.
type Payload struct {
	Key    string   `json:"key"` // beneath the backup's directory
	Kind   Kind     `json:"kind"`
	Raw    Stage    `json:"raw"`    // as pg_dump wrote it
	Zstd   Zstd     `json:"zstd"`   // after compression
	Age    *Age     `json:"age"`    // nil: not encrypted
	Stored StoredAs `json:"stored"` // as it lies in the store
}

// Stage is a stream that went by. SHA256 is in hex.
type Stage struct {
	Bytes  int64  `json:"bytes"`
	SHA256 string `json:"sha256,omitempty"`
}

// Zstd is a frame with its checksum. SHA256 is of the frame, in hex: what is left once the encryption is off.
type Zstd struct {
	Bytes    int64  `json:"bytes"`
	SHA256   string `json:"sha256,omitempty"`
	Level    int    `json:"level"`
	Checksum bool   `json:"checksum"`
}

// Age is who can decrypt it: public keys only.
type Age struct {
	Recipients []string `json:"recipients"`
	Bytes      int64    `json:"bytes"`
}

// StoredAs is what the store must have.
type StoredAs struct {
	Bytes  int64  `json:"bytes"`
	SHA256 string `json:"sha256"`
	CRC32C string `json:"crc32c,omitempty"` // base64, where the store computes it of the whole object
	Part   int64  `json:"part,omitempty"`   // bytes of a part
	Parts  int    `json:"parts,omitempty"`
}

// Table is one table of the dump.
type Table struct {
	Name  string `json:"n"`               // schema.table, quoted where SQL must
	Rows  int64  `json:"rows"`            // in the dump; -1: not counted yet
	Bytes int64  `json:"copy_bytes"`      // of its COPY; 0: not measured
	Est   int64  `json:"est_rows"`        // reltuples when it was taken
	Part  bool   `json:"child,omitempty"` // a partition: its rows are its own
}

// Timings in seconds.
type Timings struct {
	Dump     float64 `json:"dump_s"`
	Snapshot float64 `json:"snapshot_s"` // how long the server had to keep the snapshot
	Upload   float64 `json:"upload_s,omitempty"`
}

// Level is how far a backup was proven. Each includes those below.
type Level int

const (
	// Present: the object has the size and the sums that the manifest says.
	Present Level = iota
	// Decoded: read back whole; every sum, the encryption's and the compression's agree.
	Decoded
	// Counted: pg_restore read it to the end, and each table has the rows that are expected.
	Counted
	// Restored: a throw-away cluster took all of it, with the same rows and the assertions of the profile.
	Restored
)

// String is how it is shown.
func (l Level) String() string {
	if n := int(l); n >= 0 && n < len(levels) {
		return levels[n]
	}
	return fmt.Sprintf("level %d", int(l))
}

var levels = [...]string{"present", "decoded", "counted", "restored"}

// ParseLevel reads the name of a level, or its number.
func ParseLevel(s string) (Level, error) {
	for i, name := range levels {
		if s == name || s == fmt.Sprint(i) {
			return Level(i), nil
		}
	}
	return 0, fmt.Errorf("%q is no level of verification: %s", s, strings.Join(levels[:], ", "))
}

// MarshalText gives the name of a level.
func (l Level) MarshalText() ([]byte, error) { return []byte(l.String()), nil }

// UnmarshalText reads what MarshalText wrote.
func (l *Level) UnmarshalText(b []byte) (err error) {
	*l, err = ParseLevel(string(b))
	return err
}

// Verification is one attempt to prove a backup, good or not.
type Verification struct {
	ID       ID        `json:"id"`
	Level    Level     `json:"level"` // what was tried
	OK       bool      `json:"ok"`
	At       time.Time `json:"at"` // when it ended
	Seconds  float64   `json:"seconds"`
	By       string    `json:"by"`      // the program that did it, and its version
	Failure  string    `json:"failure"` // empty: none; safe to show
	Tables   []Table   `json:"tables,omitempty"`
	Asserted []string  `json:"asserted,omitempty"` // SQL that held
}

// Pin is why a backup must be kept.
type Pin struct {
	Why string    `json:"why"`
	By  string    `json:"by"`
	At  time.Time `json:"at"`
}

// Record is a backup as a store has it.
type Record struct {
	Manifest Manifest
	// SHA256 of the manifest's bytes, in hex.
	SHA256        string
	Verifications []Verification // oldest first
	Pin           *Pin
}

// Proven is the newest verification of the highest level that held, and whether there is any. A later failure at any level
// takes back what an earlier one proved.
func (r *Record) Proven() (Verification, bool) {
	var best Verification
	found := false
	for _, v := range r.Verifications {
		switch {
		case !v.OK:
			found = false
		case !found || v.Level >= best.Level:
			best, found = v, true
		}
	}
	return best, found
}

// Broken is the newest verification, where it failed.
func (r *Record) Broken() (Verification, bool) {
	if n := len(r.Verifications); n > 0 && !r.Verifications[n-1].OK {
		return r.Verifications[n-1], true
	}
	return Verification{}, false
}

// Stored is how many bytes all payloads have in the store.
func (m *Manifest) Stored() int64 {
	var n int64
	for _, p := range m.Payload {
		n += p.Stored.Bytes
	}
	return n
}

// Dump is the payload with the data.
func (m *Manifest) Dump() (Payload, bool) {
	for _, p := range m.Payload {
		if p.Kind == Dump {
			return p, true
		}
	}
	return Payload{}, false
}

// ErrLater says that a manifest was written by a later version of this program.
var ErrLater = errors.New("written by a later version of ops-console")

// ParseManifest reads a manifest and refuses what could not be restored from: another format, an ID that is none, no dump, a
// key that leads outside the backup's directory.
func ParseManifest(b []byte) (Manifest, error) {
	var m Manifest
	if err := json.Unmarshal(b, &m); err != nil {
		return Manifest{}, fmt.Errorf("the manifest is garbled: %w", err)
	}
	if m.Format > Format {
		return Manifest{}, fmt.Errorf("manifest of format %d: %w", m.Format, ErrLater)
	}
	if m.Format < 1 {
		return Manifest{}, errors.New("the manifest does not say its format")
	}
	if _, err := ParseID(string(m.ID)); err != nil {
		return Manifest{}, fmt.Errorf("the manifest has no ID: %w", err)
	}
	if _, ok := m.Dump(); !ok {
		return Manifest{}, errors.New("the manifest names no dump")
	}
	for _, p := range m.Payload {
		if p.Key == "" || strings.ContainsAny(p.Key, "/\\\x00") || p.Key == "." || p.Key == ".." {
			return Manifest{}, fmt.Errorf("the manifest names an object %q that is not its own", p.Key)
		}
		if p.Raw.Bytes < 0 || p.Stored.Bytes < 0 {
			return Manifest{}, fmt.Errorf("the manifest gives %s a size below zero", p.Key)
		}
	}
	return m, nil
}
