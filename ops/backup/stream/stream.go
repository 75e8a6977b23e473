// Package stream is what lies between pg_dump and a store, and between a store and
// pg_restore: zstd, age and the sums of every stage.
//
//	raw → zstd → age, where there are recipients → stored
//
// What a Writer made is read by the stock programs, `age -d | zstd -d`, and by a
// Reader, which gives io.EOF only where every length and every sum is what the
// manifest says. The package never touches a disk, never holds more than a few
// blocks in memory, and never calls something whole that is not: a Writer ends its
// streams only when it is told that what was written is all of it.
package stream

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"sync/atomic"

	"ops-console/ops/backup"
)

// DefaultLevel of compression is the cheapest: three fifths of the CPU of level 3, so that it keeps up with COPY on the
// smallest machine.
const DefaultLevel = 1

// window is how far back the compression looks: also what a reader needs of memory for it.
const window = 4 << 20

// Counts is how many bytes came out of each stage so far.
type Counts struct {
	Raw, Zstd, Stored int64
}

// Corrupt says that what was read is not what was written. A store that could not be read is not that.
type Corrupt struct {
	Stage string // stored, age, zstd, raw: where it was noticed
	Why   string
	Err   error // nil: only the sums know
}

// Error implements error.
func (c *Corrupt) Error() string {
	s := "the backup is damaged (" + c.Stage + "): " + c.Why
	if c.Err != nil {
		s += ": " + c.Err.Error()
	}
	return s
}

// Unwrap gives what the stage said.
func (c *Corrupt) Unwrap() error { return c.Err }

var (
	// ErrWrongKey says that none of the identities can decrypt it.
	ErrWrongKey = errors.New("the private key is for none of the backup's recipients: name the file of another in backup.identity, or with --identity")
	// ErrNoKey says that there was no identity to try.
	ErrNoKey = errors.New("the backup is encrypted, and no private key was given: name its file in backup.identity, or with --identity")
)

// meter counts and sums what passes.
type meter struct {
	n   atomic.Int64
	sum hash.Hash
}

func newMeter() *meter { return &meter{sum: sha256.New()} }

func (m *meter) add(p []byte) {
	m.sum.Write(p)
	m.n.Add(int64(len(p)))
}

func (m *meter) hex() string { return hex.EncodeToString(m.sum.Sum(nil)) }

// agree compares with what a manifest says. An empty sum was not recorded.
func (m *meter) agree(stage string, bytes int64, sum string) error {
	switch n := m.n.Load(); {
	case n < bytes:
		return &Corrupt{Stage: stage, Why: fmt.Sprintf("%d bytes where the manifest says %d: it was cut off", n, bytes)}
	case n > bytes:
		return &Corrupt{Stage: stage, Why: fmt.Sprintf("more than the %d bytes that the manifest says", bytes)}
	case sum != "" && m.hex() != sum:
		return &Corrupt{Stage: stage, Why: "its SHA-256 is " + m.hex() + " where the manifest says " + sum}
	}
	return nil
}

// Sums reads a stored object to its end and compares length and sum: what can be said without a key.
func Sums(stored io.Reader, p backup.Payload) error {
	m := newMeter()
	if _, err := io.Copy(measured{m}, io.LimitReader(stored, p.Stored.Bytes+1)); err != nil {
		return fmt.Errorf("reading %s from the store: %w", p.Key, err)
	}
	return m.agree("stored", p.Stored.Bytes, p.Stored.SHA256)
}

// measured is a meter as a writer.
type measured struct{ *meter }

func (m measured) Write(p []byte) (int, error) {
	m.add(p)
	return len(p), nil
}
