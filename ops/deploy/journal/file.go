package journal

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// ErrInUse says that a living process writes to the journal.
var ErrInUse = errors.New("the journal is in use by another process")

// File is a journal on disk, open for writing by this process alone.
type File struct {
	f      *os.File
	chain  Chain
	size   int64 // of what is whole
	failed error // a write failed: the file may have a torn end, and nothing more is written
	buf    []byte
}

// Item is a record to append.
type Item struct {
	At   time.Time
	Kind string
	Data any
}

// Create makes a new journal, mode 0600. One that is there already is fs.ErrExist.
func Create(path string) (*File, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, fmt.Errorf("make the directory of the journal: %w", err)
	}
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, fmt.Errorf("make the journal: %w", err)
	}
	if err := lock(f, path); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	if err := syncDir(filepath.Dir(path)); err != nil {
		return nil, errors.Join(fmt.Errorf("make the journal: %w", err), f.Close())
	}
	return &File{f: f}, nil
}

// Open takes a journal to go on writing to, cuts a torn end off, and gives what is in it. With a DamageError it gives
// what could be read and no File. ErrInUse: somebody else has it.
func Open(path string) (*File, []Entry, error) {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return nil, nil, fmt.Errorf("open the journal: %w", err)
	}
	if err := lock(f, path); err != nil {
		return nil, nil, errors.Join(err, f.Close())
	}
	// Read behind the lock: before it, somebody may have been writing.
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, nil, errors.Join(fmt.Errorf("read the journal: %w", err), f.Close())
	}
	entries, good, err := Decode(data)
	if err != nil {
		return nil, entries, errors.Join(fmt.Errorf("%s: %w", path, err), f.Close())
	}
	j := &File{f: f, size: int64(good)}
	if len(entries) > 0 {
		j.chain = After(entries[len(entries)-1])
	}
	if good < len(data) {
		if err := f.Truncate(j.size); err != nil {
			return nil, entries, errors.Join(fmt.Errorf("cut the torn end off the journal: %w", err), f.Close())
		}
		if err := f.Sync(); err != nil {
			return nil, entries, errors.Join(fmt.Errorf("cut the torn end off the journal: %w", err), f.Close())
		}
	}
	return j, entries, nil
}

// Read gives what is in a journal, which may be in use. A torn end is left out; a DamageError comes with what is before it.
func Read(path string) ([]Entry, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read the journal: %w", err)
	}
	entries, _, err := Decode(data)
	if err != nil {
		return entries, fmt.Errorf("%s: %w", path, err)
	}
	return entries, nil
}

// Append writes records and returns when they are on disk. When it fails, none of them may be acted upon, and nothing
// more is written: the next Open cuts off what is torn.
func (j *File) Append(items ...Item) ([]Entry, error) {
	if j.failed != nil {
		return nil, j.failed
	}
	chain, out := j.chain, make([]Entry, 0, len(items))
	j.buf = j.buf[:0]
	for _, it := range items {
		var e Entry
		var err error
		if j.buf, e, err = chain.Append(j.buf, it.At, it.Kind, it.Data); err != nil {
			return nil, err // nothing was written: it can go on
		}
		out = append(out, e)
	}
	if _, err := j.f.WriteAt(j.buf, j.size); err != nil {
		return nil, j.fail(err)
	}
	if err := j.f.Sync(); err != nil {
		return nil, j.fail(err)
	}
	j.size += int64(len(j.buf))
	j.chain = chain
	return out, nil
}

func (j *File) fail(err error) error {
	// Cutting off what was written keeps lines whole that were never acknowledged from being taken for what happened.
	_ = j.f.Truncate(j.size)
	j.failed = fmt.Errorf("write the journal: %w (nothing is done that is not in it: make room, then resume)", err)
	return j.failed
}

// Head is the number and hash of the latest record; -1 and empty in an empty journal.
func (j *File) Head() (seq int, hash string) { return j.chain.Head() }

// Close gives the journal up.
func (j *File) Close() error { return j.f.Close() }

// InUse says whether a living process writes to a journal, as far as the system has locks that tell.
func InUse(path string) bool {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return false
	}
	defer f.Close() // which also lets go of the lock, where it was to be had
	return errors.Is(lock(f, path), ErrInUse)
}

func lock(f *os.File, path string) error {
	switch err := flock(f); {
	case errors.Is(err, errLocked):
		return fmt.Errorf("%s: %w: watch it there, or end that one first", path, ErrInUse)
	case err != nil:
		return fmt.Errorf("lock the journal: %w", err)
	}
	return nil
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
