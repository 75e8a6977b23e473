package catalog

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"ops-console/ops/backup"
	"ops-console/ops/backup/store"
)

// Listing is what a store has.
type Listing struct {
	Records  []backup.Record  // newest first; each can be restored as far as a listing can tell
	Failures []backup.Failure // runs that came to nothing, newest first
	Problems []Problem        // by source and ID
}

// Kind is what a Problem is about.
type Kind string

// What can be wrong with what lies in a store.
const (
	// Garbled: a manifest or a note that cannot be read. It is never removed by a rule.
	Garbled Kind = "garbled"
	// Later: written by a later version of this program.
	Later Kind = "later"
	// Misplaced: a manifest that speaks of another backup than the place it lies at.
	Misplaced Kind = "misplaced"
	// Incomplete: a manifest whose objects are not there, or have another size.
	Incomplete Kind = "incomplete"
	// Tombstoned: a removal that did not come to its end. Sweep finishes it.
	Tombstoned Kind = "tombstoned"
	// Orphan: objects without a manifest: of a run that is still going on, or that died.
	Orphan Kind = "orphan"
	// MissingPrev: the backup before this one vanished, and nobody said that he removed it.
	MissingPrev Kind = "missing-prev"
	// ChangedPrev: the manifest of the backup before this one is not the one that was there when this one was taken.
	ChangedPrev Kind = "changed-prev"
	// Unread: the store did not give what it listed.
	Unread Kind = "unread"
)

// Problem is something in the store that is no good backup, or casts doubt on one.
type Problem struct {
	Kind   Kind          `json:"kind"`
	Source backup.Source `json:"source"`
	ID     backup.ID     `json:"id"`
	Detail string        `json:"detail"` // safe to show
	Bytes  int64         `json:"bytes"`  // that lie there
	At     time.Time     `json:"at"`     // of the newest object there, by the store's clock
}

// place is the directory of one backup, as it was listed.
type place struct {
	source  backup.Source
	id      backup.ID
	objects map[string]store.Info // by name
}

func (p *place) has(name string) bool { _, ok := p.objects[name]; return ok }

// left is how many objects there are beside manifest, tombstone, and the note of a failure.
func (p *place) left() int {
	n := len(p.objects)
	for _, name := range []string{backup.ManifestName, backup.TombstoneName, backup.FailureName} {
		if p.has(name) {
			n--
		}
	}
	return n
}

// newest is when the last of its objects was written, bytes how much there is.
func (p *place) newest() (at time.Time, bytes int64) {
	for _, o := range p.objects {
		bytes += o.Size
		if o.ModTime.After(at) {
			at = o.ModTime
		}
	}
	return at, bytes
}

func (p *place) problem(k Kind, detail string) Problem {
	at, bytes := p.newest()
	return Problem{Kind: k, Source: p.source, ID: p.id, Detail: detail, Bytes: bytes, At: at}
}

// read is what a place turned out to hold.
type read struct {
	place     *place
	record    *backup.Record
	failure   *backup.Failure
	tombstone bool
	problems  []Problem
}

// readers is how many objects are read at once.
const readers = 16

// List reads what there is of a source; of all where s is zero. An error means that the store could not be listed; single
// objects that could not be read are problems, and never make another backup look newer or older than it is.
func (c *Catalog) List(ctx context.Context, s backup.Source) (Listing, error) {
	places, err := c.places(ctx, s)
	if err != nil {
		return Listing{}, err
	}
	reads := make([]read, len(places))
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(readers)
	for i, p := range places {
		g.Go(func() error {
			reads[i] = c.readPlace(gctx, p)
			return gctx.Err()
		})
	}
	if err := g.Wait(); err != nil {
		return Listing{}, fmt.Errorf("read the backups in %s: %w", c.store, err)
	}
	c.forget(places, s)

	var l Listing
	for _, r := range reads {
		if r.record != nil {
			l.Records = append(l.Records, *r.record)
		}
		if r.failure != nil {
			l.Failures = append(l.Failures, *r.failure)
		}
		l.Problems = append(l.Problems, r.problems...)
	}
	l.Problems = append(l.Problems, chain(reads)...)
	slices.SortFunc(l.Records, func(a, b backup.Record) int {
		return cmp.Or(cmp.Compare(b.Manifest.ID, a.Manifest.ID), cmp.Compare(a.Manifest.App, b.Manifest.App), cmp.Compare(a.Manifest.Database, b.Manifest.Database))
	})
	slices.SortFunc(l.Failures, func(a, b backup.Failure) int { return cmp.Compare(b.ID, a.ID) })
	slices.SortFunc(l.Problems, func(a, b Problem) int {
		return cmp.Or(cmp.Compare(a.Source.App, b.Source.App), cmp.Compare(a.Source.Database, b.Source.Database), cmp.Compare(a.ID, b.ID), cmp.Compare(a.Kind, b.Kind))
	})
	return l, nil
}

// places lists the directories of a source. What is not ours is passed over.
func (c *Catalog) places(ctx context.Context, s backup.Source) ([]*place, error) {
	prefix := ""
	if s != (backup.Source{}) {
		prefix = backup.SourceDir(s) + "/"
	}
	var all []*place
	by := map[string]*place{}
	for info, err := range c.store.List(ctx, prefix) {
		if err != nil {
			return nil, fmt.Errorf("list the backups in %s: %w", c.store, err)
		}
		source, id, name, ok := backup.ParseKey(info.Key)
		if !ok {
			continue
		}
		dir := backup.Dir(source, id)
		p := by[dir]
		if p == nil {
			p = &place{source: source, id: id, objects: map[string]store.Info{}}
			by[dir] = p
			all = append(all, p)
		}
		p.objects[name] = info
	}
	return all, nil
}

// readPlace reads the small objects of one backup.
func (c *Catalog) readPlace(ctx context.Context, p *place) read {
	r := read{place: p}
	manifest := p.has(backup.ManifestName)
	if p.has(backup.TombstoneName) {
		r.tombstone = true
		r.noteOfFailure(ctx, c)
		if manifest || p.left() > 0 {
			r.problems = append(r.problems, p.problem(Tombstoned, "its removal has begun and did not come to its end"))
		}
		return r
	}
	if !manifest {
		r.noteOfFailure(ctx, c)
		if p.left() > 0 {
			r.problems = append(r.problems, p.problem(Orphan, "it has no manifest: its run goes on, or died"))
		}
		return r
	}
	m, err := cached(ctx, c, p.objects[backup.ManifestName], manifestLimit, parseManifest)
	if err != nil {
		r.refuse(err)
		return r
	}
	if m.Manifest.ID != p.id || m.Manifest.Source != p.source {
		r.problems = append(r.problems, p.problem(Misplaced, fmt.Sprintf("its manifest is that of %s of %s/%s", m.Manifest.ID, m.Manifest.App, m.Manifest.Database)))
		return r
	}
	if lack := lacking(p, m.Manifest); lack != "" {
		r.problems = append(r.problems, p.problem(Incomplete, lack))
		return r
	}
	rec := backup.Record{Manifest: m.Manifest, SHA256: m.SHA256}
	r.beside(ctx, c, &rec)
	r.record = &rec
	return r
}

// noteOfFailure reads what a failed run left.
func (r *read) noteOfFailure(ctx context.Context, c *Catalog) {
	o, ok := r.place.objects[backup.FailureName]
	if !ok {
		return
	}
	f, err := cached(ctx, c, o, noteLimit, backup.ParseFailure)
	switch {
	case err != nil:
		r.refuse(err)
	case f.ID != r.place.id || f.Source != r.place.source:
		r.problems = append(r.problems, r.place.problem(Misplaced, "its note of a failure is that of another run"))
	default:
		r.failure = &f
	}
}

// refuse notes why something could not be read.
func (r *read) refuse(err error) {
	var kind Kind
	switch {
	case errors.Is(err, store.ErrNotFound):
		return // removed since it was listed
	case errors.Is(err, backup.ErrLater):
		kind = Later
	case errors.Is(err, errContent):
		kind = Garbled
	default:
		kind = Unread
	}
	r.problems = append(r.problems, r.place.problem(kind, err.Error()))
}

// lacking is which object of a manifest is not as it should be, as far as a listing can tell.
func lacking(p *place, m backup.Manifest) string {
	for _, q := range m.Payload {
		o, ok := p.objects[q.Key]
		if !ok {
			return fmt.Sprintf("its %s is not there", q.Key)
		}
		if o.Size != q.Stored.Bytes {
			return fmt.Sprintf("its %s has %d bytes and should have %d", q.Key, o.Size, q.Stored.Bytes)
		}
	}
	return ""
}

// beside reads the pin and the verifications.
func (r *read) beside(ctx context.Context, c *Catalog, rec *backup.Record) {
	for name, o := range r.place.objects {
		switch {
		case name == backup.PinName:
			// Never from memory: a pin may be taken away and set again, and S3 tells times to the second.
			pin, err := get(ctx, c, o, noteLimit, parseJSON[backup.Pin])
			if errors.Is(err, store.ErrNotFound) {
				continue
			}
			if err != nil {
				r.refuse(err)
				pin = backup.Pin{Why: "a pin that could not be read"} // it holds all the same
			}
			rec.Pin = &pin
		case strings.HasPrefix(name, backup.VerifyPrefix):
			v, err := cached(ctx, c, o, noteLimit, parseJSON[backup.Verification])
			if err == nil && v.ID != r.place.id {
				err = fmt.Errorf("%s is the check of another backup: %w", name, errContent)
			}
			if err != nil {
				r.refuse(err)
				continue
			}
			rec.Verifications = append(rec.Verifications, v)
		}
	}
	slices.SortFunc(rec.Verifications, func(a, b backup.Verification) int { return a.At.Compare(b.At) })
}

// chain notices a backup that vanished, or changed, since the one after it was taken.
func chain(reads []read) []Problem {
	type name struct {
		source backup.Source
		id     backup.ID
	}
	all := map[name]*read{}
	for i := range reads {
		all[name{reads[i].place.source, reads[i].place.id}] = &reads[i]
	}
	var pp []Problem
	for _, r := range reads {
		if r.record == nil || r.record.Manifest.Prev == "" {
			continue
		}
		m := r.record.Manifest
		prev := all[name{m.Source, m.Prev}]
		switch {
		case prev == nil || !prev.place.has(backup.ManifestName) && !prev.tombstone:
			pp = append(pp, r.place.problem(MissingPrev, fmt.Sprintf("the backup before it, %s, vanished; nobody is known to have removed it", m.Prev)))
		case prev.record != nil && m.PrevSHA256 != "" && prev.record.SHA256 != m.PrevSHA256:
			pp = append(pp, r.place.problem(ChangedPrev, fmt.Sprintf("the manifest of the backup before it, %s, was changed since", m.Prev)))
		}
	}
	return pp
}

// errContent is what a parser refused, beside what the store did not give.
var errContent = errors.New("not readable")

// parseManifest keeps of a record what its manifest says.
func parseManifest(b []byte) (backup.Record, error) {
	m, err := backup.ParseManifest(b)
	sum := sha256.Sum256(b)
	return backup.Record{Manifest: m, SHA256: hex.EncodeToString(sum[:])}, err
}

func parseJSON[T any](b []byte) (v T, err error) {
	err = json.Unmarshal(b, &v)
	return v, err
}

func get[T any](ctx context.Context, c *Catalog, o store.Info, limit int64, parse func([]byte) (T, error)) (T, error) {
	var none T
	b, _, err := store.Get(ctx, c.store, o.Key, limit)
	if err != nil {
		if errors.Is(err, store.ErrTooLarge) {
			err = fmt.Errorf("%w: %w", errContent, err)
		}
		return none, err
	}
	v, err := parse(b)
	if err != nil {
		return none, fmt.Errorf("%s is %w: %w", o.Key, errContent, err)
	}
	return v, nil
}

func cached[T any](ctx context.Context, c *Catalog, o store.Info, limit int64, parse func([]byte) (T, error)) (T, error) {
	at := objectVersion{o.Key, o.Size, o.ModTime}
	c.mu.Lock()
	v, ok := c.read[at].(T)
	c.mu.Unlock()
	if ok {
		return v, nil
	}
	v, err := get(ctx, c, o, limit, parse)
	if err == nil {
		c.mu.Lock()
		c.read[at] = v
		c.mu.Unlock()
	}
	return v, err
}

// forget drops from memory what is not in the store any more.
func (c *Catalog) forget(places []*place, s backup.Source) {
	there := map[string]bool{}
	for _, p := range places {
		for _, o := range p.objects {
			there[o.Key] = true
		}
	}
	prefix := backup.SourceDir(s) + "/"
	c.mu.Lock()
	defer c.mu.Unlock()
	for at := range c.read {
		listed := s == (backup.Source{}) || strings.HasPrefix(at.key, prefix)
		if listed && !there[at.key] {
			delete(c.read, at)
		}
	}
}
