// Package verify proves that a backup is good, as far as it is told to: that the
// objects are there, that they decode, that pg_restore reads them and each table
// has its rows, that a throw-away server takes all of it.
//
// It tells two things apart that must never be confused. A Verification that is
// not OK says that the backup is broken. An error says that this could not be
// found out: no key, no pg_restore, no room, no network. It never changes a
// store, and leaves nothing behind: the one level that needs plaintext on a disk
// keeps it in a directory that nobody else may enter, says so, and removes it,
// also after a crash.
package verify

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"filippo.io/age"

	"ops-console/ops/backup"
	"ops-console/ops/backup/archive"
	"ops-console/ops/backup/load"
	"ops-console/ops/backup/store"
	"ops-console/ops/backup/stream"
	"ops-console/ops/plaintext"
)

// Options of Run.
type Options struct {
	Store  store.Store
	Record backup.Record
	Level  backup.Level
	By     string // the program and its version, for the Verification

	Identities []age.Identity // to decrypt with; may be empty where the backup is not encrypted
	Scratch    Scratch        // of level Restored
	Assertions []string       // SQL of one row and one column that must be true, at level Restored

	Progress func(Progress)   // nil: nobody is told. It is called by one goroutine at a time
	Now      func() time.Time // nil: time.Now
}

// Step is what is being done.
type Step string

// The steps, in their order.
const (
	Looking    Step = "look"    // sizes and sums that the store says
	Reading    Step = "read"    // objects are read back
	Starting   Step = "start"   // the throw-away server
	Restoring  Step = "restore" // into it
	Comparing  Step = "compare" // rows and definitions
	Asserting  Step = "assert"  // the profile's SQL
	Destroying Step = "destroy" // the throw-away server
)

// Progress is how far it is.
type Progress struct {
	Step     Step
	Text     string // what of, or a note, in one line that is safe to show; may be empty
	Done, Of int64  // bytes of what pg_dump wrote while reading and restoring, else things; Of 0: not known
}

// broken is what makes a Verification not OK.
type broken struct{ why string }

func (b *broken) Error() string { return b.why }

func bad(format string, args ...any) error {
	return &broken{plaintext.Line(fmt.Sprintf(format, args...), 500)}
}

// run is one verification.
type run struct {
	Options
	manifest *backup.Manifest
	dump     backup.Payload
	result   backup.Verification
}

// Run verifies a backup up to a level. What it finds out about a level comes with the result also where a later step failed.
func Run(ctx context.Context, o Options) (backup.Verification, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Progress == nil {
		o.Progress = func(Progress) {}
	}
	started := o.Now()
	v := &run{Options: o, manifest: &o.Record.Manifest}
	v.result = backup.Verification{ID: v.manifest.ID, Level: o.Level, By: o.By}
	levels := map[backup.Level]func(context.Context) error{
		backup.Present: v.present, backup.Decoded: v.decoded, backup.Counted: v.counted, backup.Restored: v.restored,
	}
	level, ok := levels[o.Level]
	if !ok {
		return backup.Verification{}, fmt.Errorf("level %d: there is no such level of verification", o.Level)
	}
	dump, ok := v.manifest.Dump()
	if !ok {
		return backup.Verification{}, errors.New("the manifest names no dump")
	}
	v.dump = dump
	// Missing or short objects are found before anything is read or started.
	err := v.present(ctx)
	if err == nil && o.Level != backup.Present {
		err = level(ctx)
	}
	err = v.judge(ctx, err)
	finding := (*broken)(nil)
	if err != nil && !errors.As(err, &finding) {
		return backup.Verification{}, fmt.Errorf("verify %s: %w", v.manifest.ID, err)
	}
	v.result.At = o.Now()
	v.result.Seconds = v.result.At.Sub(started).Seconds()
	v.result.OK = finding == nil
	if finding != nil {
		v.result.Failure = finding.why
	}
	return v.result, nil
}

// judge says whether an error is the backup's or ours. Where that depends on whether the bytes are those that were
// stored, they are read once more.
func (v *run) judge(ctx context.Context, err error) error {
	finding, corrupt, gone := (*broken)(nil), (*stream.Corrupt)(nil), (*lost)(nil)
	switch {
	case err == nil, errors.As(err, &finding), errors.As(err, &gone):
		return err
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case errors.As(err, &corrupt):
		return bad("%v", err)
	case errors.Is(err, store.ErrNotFound), errors.Is(err, store.ErrCorrupt):
		return v.gone(ctx, err)
	case errors.Is(err, stream.ErrWrongKey), errors.Is(err, stream.ErrNoKey):
		// A header that was damaged looks like one for somebody else.
		err = v.recheck(ctx, err, v.sums)
		if errors.Is(err, stream.ErrWrongKey) && v.addressed() {
			return bad("the private key is of one of its recipients, and cannot decrypt it")
		}
		return err
	case errors.Is(err, archive.ErrMalformed), errors.Is(err, archive.ErrVersion), errors.Is(err, archive.ErrCompressed), v.refused(err):
		again := v.recheck(ctx, err, v.decodeAll)
		if errors.As(again, &finding) || !errors.Is(err, archive.ErrMalformed) && !v.refused(err) {
			return again
		}
		return bad("the bytes are those that were stored, but %v", err)
	}
	return err
}

// addressed says whether the manifest names the public key of an identity.
func (v *run) addressed() bool {
	for _, id := range v.Identities {
		public := ""
		switch id := id.(type) {
		case *age.X25519Identity:
			public = id.Recipient().String()
		case *age.HybridIdentity:
			public = id.Recipient().String()
		}
		for _, p := range v.manifest.Payload {
			if p.Age != nil && public != "" && slices.Contains(p.Age.Recipients, public) {
				return true
			}
		}
	}
	return false
}

// refused says whether pg_restore gave up for a reason that lies in what it read.
func (v *run) refused(err error) bool {
	r := (*load.Refused)(nil)
	return errors.As(err, &r) && !ours(r)
}

// gone is an object that is not there, or not as it was: broken, but not where the backup was removed meanwhile.
func (v *run) gone(ctx context.Context, err error) error {
	dir := backup.Dir(v.manifest.Source, v.manifest.ID) + "/"
	_, stone := v.Store.Stat(ctx, dir+backup.TombstoneName)
	_, manifest := v.Store.Stat(ctx, dir+backup.ManifestName)
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case stone == nil, errors.Is(manifest, store.ErrNotFound):
		return fmt.Errorf("the backup was removed meanwhile: %w", err)
	case !errors.Is(stone, store.ErrNotFound), manifest != nil:
		return err
	}
	return bad("%v", err)
}

// recheck gives the finding of a check, if it has one, else the error that made one want it.
func (v *run) recheck(ctx context.Context, why error, check func(context.Context) error) error {
	corrupt, finding := (*stream.Corrupt)(nil), (*broken)(nil)
	err := check(ctx)
	switch {
	case errors.As(err, &corrupt):
		return bad("%v", err)
	case errors.As(err, &finding):
		return err
	case errors.Is(err, store.ErrNotFound), errors.Is(err, store.ErrCorrupt):
		return v.gone(ctx, err)
	}
	return why
}

func (v *run) tell(step Step, text string, done, of int64) {
	v.Progress(Progress{Step: step, Text: text, Done: done, Of: of})
}

// opened is a payload that is being decoded, and the object beneath.
type opened struct {
	*stream.Reader
	object io.Closer
}

// Close lets go of both.
func (o *opened) Close() error { return errors.Join(o.Reader.Close(), o.object.Close()) }

func (v *run) key(p backup.Payload) string {
	return backup.Dir(v.manifest.Source, v.manifest.ID) + "/" + p.Key
}

// open begins to decode a payload.
func (v *run) open(ctx context.Context, p backup.Payload) (io.ReadCloser, error) {
	object, _, err := v.Store.Open(ctx, v.key(p), 0)
	if err != nil {
		return nil, err
	}
	r, err := stream.NewReader(object, p, v.Identities)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("decode %s: %w", p.Key, err), object.Close())
	}
	return &opened{r, object}, nil
}
