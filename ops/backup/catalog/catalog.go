// Package catalog says what backups a store has, and changes what lies beside them: verifications, pins, tombstones. It reads
// the store alone, so that a bucket is enough to know and to restore.
//
// It removes a backup in an order that a crash cannot turn into harm: a tombstone first, which makes the manifest count no
// more, then the manifest, then everything else. It never removes anything of another source than it was told, never what
// it cannot read, and never what is pinned.
package catalog

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"ops-console/ops/backup"
	"ops-console/ops/backup/store"
)

// Catalog reads a store. It remembers what it read, since an object never changes: a second List costs one listing and what
// is new. It is safe for concurrent use.
type Catalog struct {
	store store.Store

	mu   sync.Mutex // guards read
	read map[objectVersion]any
}

// objectVersion is an object as it was listed: one that was removed and written anew is another.
type objectVersion struct {
	key  string
	size int64
	mod  time.Time
}

// New is the catalog of a store.
func New(s store.Store) *Catalog {
	return &Catalog{store: s, read: map[objectVersion]any{}}
}

// Tombstone says that a backup was removed, by whom and why. It outlives the backup, so that the one taken after it does not
// miss its predecessor.
type Tombstone struct {
	ID            backup.ID `json:"id"`
	backup.Source           // app, db
	At            time.Time `json:"at"`
	By            string    `json:"by"`
	Why           string    `json:"why"`
}

// ParseTombstone reads what Remove wrote.
func ParseTombstone(b []byte) (Tombstone, error) {
	var t Tombstone
	if err := json.Unmarshal(b, &t); err != nil {
		return Tombstone{}, fmt.Errorf("the tombstone is garbled: %w", err)
	}
	if _, err := backup.ParseID(string(t.ID)); err != nil {
		return Tombstone{}, fmt.Errorf("the tombstone has no ID: %w", err)
	}
	return t, nil
}

var (
	// ErrNone: there is no such backup.
	ErrNone = errors.New("there is no such backup")
	// ErrAmbiguous: more than one is meant.
	ErrAmbiguous = errors.New("more than one backup is meant")
	// ErrPinned: a pin keeps it.
	ErrPinned = errors.New("the backup is pinned")
	// ErrRemoved: it is being removed, or was.
	ErrRemoved = errors.New("the backup is removed")
)

// limits of what is read into memory. A manifest has a line for each table.
const (
	manifestLimit = 32 << 20
	noteLimit     = 4 << 20
)

func key(s backup.Source, id backup.ID, name string) string { return backup.Dir(s, id) + "/" + name }

// AddVerification keeps the outcome of a check beside its backup.
func (c *Catalog) AddVerification(ctx context.Context, s backup.Source, v backup.Verification) error {
	if err := c.mustCount(ctx, s, v.ID); err != nil {
		return fmt.Errorf("keep the check of %s: %w", v.ID, err)
	}
	b, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("keep the check of %s: %w", v.ID, err)
	}
	name := backup.VerifyPrefix + v.At.UTC().Format("20060102T150405.000000000Z")
	// Two checks that ended in the same instant are told apart by a number.
	for i := 1; i <= 9; i++ {
		_, err = c.store.PutIfAbsent(ctx, key(s, v.ID, fmt.Sprintf("%s-%d.json", name, i)), b)
		if !errors.Is(err, store.ErrExists) {
			break
		}
	}
	if err != nil {
		return fmt.Errorf("keep the check of %s: %w", v.ID, err)
	}
	return nil
}

// mustCount says whether there is a manifest that no tombstone lies beside.
func (c *Catalog) mustCount(ctx context.Context, s backup.Source, id backup.ID) error {
	switch _, err := c.store.Stat(ctx, key(s, id, backup.TombstoneName)); {
	case err == nil:
		return ErrRemoved
	case !errors.Is(err, store.ErrNotFound):
		return err
	}
	_, err := c.store.Stat(ctx, key(s, id, backup.ManifestName))
	if errors.Is(err, store.ErrNotFound) {
		return ErrNone
	}
	return err
}

// Pin has retention and Remove leave a backup alone. Where there is a pin already that one stays.
func (c *Catalog) Pin(ctx context.Context, s backup.Source, id backup.ID, p backup.Pin) error {
	if err := c.mustCount(ctx, s, id); err != nil {
		return fmt.Errorf("pin %s: %w", id, err)
	}
	b, err := json.Marshal(p)
	if err != nil {
		return fmt.Errorf("pin %s: %w", id, err)
	}
	if _, err := c.store.PutIfAbsent(ctx, key(s, id, backup.PinName), b); err != nil && !errors.Is(err, store.ErrExists) {
		return fmt.Errorf("pin %s: %w", id, err)
	}
	// Remove looks for a pin after it has written its tombstone, and this looks for the tombstone after the pin: at least
	// one of two at once sees the other.
	if err := c.mustCount(ctx, s, id); err != nil {
		if errors.Is(err, ErrRemoved) || errors.Is(err, ErrNone) {
			err = errors.Join(err, c.store.Delete(ctx, key(s, id, backup.PinName)))
		}
		return fmt.Errorf("pin %s: %w", id, err)
	}
	return nil
}

// Unpin lets retention decide again. No pin is no error.
func (c *Catalog) Unpin(ctx context.Context, s backup.Source, id backup.ID) error {
	if err := c.store.Delete(ctx, key(s, id, backup.PinName)); err != nil {
		return fmt.Errorf("unpin %s: %w", id, err)
	}
	return nil
}

// AddFailure leaves the note of a run that came to nothing.
func (c *Catalog) AddFailure(ctx context.Context, f backup.Failure) error {
	b, err := json.Marshal(f)
	if err == nil {
		_, err = c.store.PutIfAbsent(ctx, key(f.Source, f.ID, backup.FailureName), b)
	}
	if err != nil && !errors.Is(err, store.ErrExists) {
		return fmt.Errorf("keep why %s failed: %w", f.ID, err)
	}
	return nil
}

// Get is the backup of a source that is meant: see Listing.Find.
func (c *Catalog) Get(ctx context.Context, s backup.Source, which string) (backup.Record, error) {
	l, err := c.List(ctx, s)
	if err != nil {
		return backup.Record{}, err
	}
	return l.Find(which)
}

// shortest is how much of an ID has to be given. All that were taken within twelve days share the
// first four letters; the last ones are random.
const shortest = 4

// Find is the backup that is meant by its ID, the beginning or the end of it (four letters or more, in either case), "latest",
// or "latest verified".
func (l Listing) Find(which string) (backup.Record, error) {
	which = strings.TrimSpace(which)
	switch strings.Join(strings.Fields(strings.ToLower(which)), " ") {
	case "latest":
		if len(l.Records) > 0 {
			return l.Records[0], nil
		}
		return backup.Record{}, fmt.Errorf("latest: %w", ErrNone)
	case "latest verified", "latest-verified":
		for _, r := range l.Records {
			if v, ok := r.Proven(); ok && v.Level > backup.Present {
				return r, nil
			}
		}
		return backup.Record{}, fmt.Errorf("latest verified: %w", ErrNone)
	}
	id := strings.ToUpper(which)
	if len(id) < shortest {
		return backup.Record{}, fmt.Errorf("%q is no ID of a backup: give %d letters of it or more, \"latest\", or \"latest verified\"", which, shortest)
	}
	var found []backup.Record
	for _, r := range l.Records {
		if strings.HasPrefix(string(r.Manifest.ID), id) || strings.HasSuffix(string(r.Manifest.ID), id) {
			found = append(found, r)
		}
	}
	switch len(found) {
	case 0:
		return backup.Record{}, fmt.Errorf("%q: %w", which, l.without(id))
	case 1:
		return found[0], nil
	}
	var ids []string
	for _, r := range found[:min(len(found), 5)] {
		ids = append(ids, string(r.Manifest.ID))
	}
	if len(found) > 5 {
		ids = append(ids, fmt.Sprintf("%d more", len(found)-5))
	}
	return backup.Record{}, fmt.Errorf("%q: %w: %s", which, ErrAmbiguous, strings.Join(ids, ", "))
}

// without says what is wrong with a backup that is there and does not count.
func (l Listing) without(id string) error {
	for _, p := range l.Problems {
		if strings.HasPrefix(string(p.ID), id) || strings.HasSuffix(string(p.ID), id) {
			return fmt.Errorf("%w that counts: %s", ErrNone, p.Detail)
		}
	}
	return ErrNone
}
