// Package store keeps objects: in a bucket of an S3-compatible service, in a directory, or in memory for tests. An object
// is there whole or not at all, and is never changed or written over: what is written under a key that is taken fails with
// ErrExists.
//
// Nothing is visible before Commit. What an upload that failed or died leaves behind is no object; Sweep finds and removes
// it. Every call has a deadline of its own beside its context's, is tried again where that can help, and what is in doubt
// after a lost answer is read back. Memory is bounded by the parts under way, whatever the size.
//
// It knows nothing of what the objects mean, never creates a bucket unless told to, and never shows a credential.
package store

import (
	"context"
	"fmt"
	"io"
	"iter"
	"time"
)

// Store is where objects are kept. It is safe for concurrent use.
type Store interface {
	// Begin starts writing an object. Nothing is visible until Commit. ctx bounds the whole upload: when it ends, so do
	// the upload's goroutines, and what was written is left for Abort.
	Begin(ctx context.Context, key string, o PutOpt) (Upload, error)

	// PutIfAbsent writes a small object in one step. ErrExists where the key is taken, of two at once by one of them. After
	// another error it may be there all the same, where the store could not be asked: delete it before what it refers to.
	PutIfAbsent(ctx context.Context, key string, b []byte) (Info, error)

	// Stat says what is there. ErrNotFound where nothing is.
	Stat(ctx context.Context, key string) (Info, error)

	// Open reads an object from an offset to its end; an offset at or past the end gives an empty reader. Info is of the
	// whole object. The reader goes on where it was after a lost connection, ends with io.EOF only after the last byte, and
	// fails with ErrCorrupt where the object changed meanwhile. ctx bounds the reading too.
	Open(ctx context.Context, key string, off int64) (io.ReadCloser, Info, error)

	// List gives the objects whose keys begin with prefix (of characters, not of names), in ascending order of the keys'
	// bytes. An error ends the sequence. Uploads under way are not in it. Sums are not.
	List(ctx context.Context, prefix string) iter.Seq2[Info, error]

	// Delete removes an object. One that is not there is removed already.
	Delete(ctx context.Context, key string) error

	// Sweep removes what unfinished uploads left under prefix longer ago than olderThan, by the store's own clock, and
	// says what. Age is all that tells a dead upload from a slow one, except in a directory, where one under way is known.
	// What could be removed is in the result also beside an error. MinIO's server lists unfinished uploads of a whole key
	// only, and removes them itself after a day: there nothing is found.
	Sweep(ctx context.Context, prefix string, olderThan time.Duration) ([]Leftover, error)

	// String names the store without secrets, as Open takes it.
	fmt.Stringer

	// Close ends idle connections. The store is of no use after it.
	Close() error
}

// Upload is one object being written, by one goroutine.
type Upload interface {
	// Write blocks while the store cannot follow. After an error every call gives it.
	io.Writer

	// Commit makes the object visible, whole, and has the store confirm its size and sum. After an error there is no
	// object, or Abort has still to remove it.
	Commit(ctx context.Context) (Info, error)

	// Abort removes what was written. It works after ctx has ended, can be repeated, and does nothing after a Commit that
	// succeeded: defer it. After its error, Sweep will do it.
	Abort(ctx context.Context) error
}

// PutOpt is what is known of an object beforehand.
type PutOpt struct {
	// Expect is about how many bytes there will be; 0: not known. It chooses the size of the parts, and so the memory
	// needed; an object may become larger, up to the limit that ErrTooLarge names.
	Expect int64
	// ContentType is kept where the store keeps such a thing.
	ContentType string
}

// Info is what a store says of an object.
type Info struct {
	Key     string
	Size    int64     // bytes
	ModTime time.Time // when it became visible, by the store's clock
	// CRC32C of the whole object: base64 of its four bytes, big-endian, as S3 writes it. Commit and PutIfAbsent always have
	// it, Stat and Open where the store keeps it of the whole; else empty.
	CRC32C string
	// Confirmed says that the store computed a sum of its own and it agreed. Only of Commit and PutIfAbsent.
	Confirmed bool
	// PartSize in bytes and Parts of an object that was sent in parts; 0: it was not. Only of Commit.
	PartSize int64
	Parts    int
}

// Leftover is what an upload that never ended left behind.
type Leftover struct {
	Key     string    // that it would have had; of a very long one, in a directory, its beginning
	ID      string    // the upload's, or the file's
	Started time.Time // by the store's clock; in a directory, when it was last written to
	Size    int64     // bytes; -1: not known
}

// Get reads an object that has at most limit bytes; ErrTooLarge where it has more.
func Get(ctx context.Context, s Store, key string, limit int64) ([]byte, Info, error) {
	r, info, err := s.Open(ctx, key, 0)
	if err != nil {
		return nil, Info{}, err
	}
	defer r.Close()
	if info.Size > limit {
		return nil, info, &Error{Op: "read", Key: key, Store: s.String(), Kind: ErrTooLarge, Text: fmt.Sprintf("it has %d bytes, more than the %d that one of its kind may have", info.Size, limit)}
	}
	b := make([]byte, info.Size)
	if _, err := io.ReadFull(r, b); err != nil {
		return nil, info, fmt.Errorf("read %s: %w", key, err)
	}
	return b, info, nil
}

// Put writes an object from a reader: Begin, copy, Commit, with Abort after a failure.
func Put(ctx context.Context, s Store, key string, r io.Reader, o PutOpt) (Info, error) {
	u, err := s.Begin(ctx, key, o)
	if err != nil {
		return Info{}, err
	}
	defer u.Abort(ctx) //nolint:errcheck // what it leaves is swept, and the first error is the one to tell
	if _, err := io.Copy(u, r); err != nil {
		return Info{}, err
	}
	return u.Commit(ctx)
}
