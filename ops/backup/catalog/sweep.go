package catalog

import (
	"context"
	"errors"
	"fmt"
	"time"

	"ops-console/ops/backup"
	"ops-console/ops/backup/store"
)

// Ages say how long things lie before Sweep takes them for rubbish, by the store's clock. Age is all that tells a run that
// died from a slow one: they are far longer than any run may take. Zero values stand for those of DefaultAges.
type Ages struct {
	Uploads    time.Duration // that were never finished
	Orphans    time.Duration // objects without a manifest
	Removals   time.Duration // begun, and perhaps going on at another's
	Failures   time.Duration // notes of failed runs
	Tombstones time.Duration // at least; one that a later backup names as its predecessor stays as long as that one
}

// DefaultAges are what Sweep goes by where nothing else is said.
func DefaultAges() Ages {
	const day = 24 * time.Hour
	return Ages{Uploads: 2 * day, Orphans: 2 * day, Removals: time.Hour, Failures: 30 * day, Tombstones: 30 * day}
}

func (a Ages) orDefault() Ages {
	d := DefaultAges()
	for _, f := range [][2]*time.Duration{
		{&a.Uploads, &d.Uploads}, {&a.Orphans, &d.Orphans}, {&a.Removals, &d.Removals}, {&a.Failures, &d.Failures}, {&a.Tombstones, &d.Tombstones},
	} {
		if *f[0] <= 0 {
			*f[0] = *f[1]
		}
	}
	return a
}

// Swept is what Sweep removed.
type Swept struct {
	Uploads    []store.Leftover `json:"uploads"`
	Orphans    []Problem        `json:"orphans"`
	Removals   []backup.ID      `json:"removals"` // finished
	Failures   []backup.ID      `json:"failures"`
	Tombstones []backup.ID      `json:"tombstones"`
	Revived    []backup.ID      `json:"revived"` // pinned while a removal that died was beginning
}

// Sweep removes the rubbish of a source: uploads that never ended, objects without a manifest, what a removal left, old notes
// and tombstones. now is this machine's clock; where it runs ahead of the store's by more than the ages, a run that goes on
// could be taken for a dead one, and so what is that young by its ID is not touched either. What was removed is
// in the result also beside an error.
func (c *Catalog) Sweep(ctx context.Context, s backup.Source, ages Ages, now time.Time) (Swept, error) {
	var done Swept
	if s == (backup.Source{}) {
		return done, errors.New("sweep: say whose rubbish it is, app and database")
	}
	ages = ages.orDefault()
	errs := []error{}
	var err error
	if done.Uploads, err = c.store.Sweep(ctx, backup.SourceDir(s)+"/", ages.Uploads); err != nil {
		errs = append(errs, err)
	}
	places, err := c.places(ctx, s)
	if err != nil {
		return done, errors.Join(append(errs, err)...)
	}
	w := c.sweepOf(ctx, places, ages, now, &done)
	for _, p := range places {
		if err := w.place(ctx, p); err != nil {
			errs = append(errs, fmt.Errorf("sweep %s: %w", p.id, err))
		}
		if ctx.Err() != nil {
			break
		}
	}
	return done, errors.Join(errs...)
}

// sweep is one run of Sweep.
type sweep struct {
	*Catalog
	ages   Ages
	now    time.Time
	named  map[backup.ID]bool // by another one as the one before it
	all    bool               // whether every manifest could be asked whom it names
	newest backup.ID          // that has a manifest
	done   *Swept
}

func (c *Catalog) sweepOf(ctx context.Context, places []*place, ages Ages, now time.Time, done *Swept) *sweep {
	w := &sweep{Catalog: c, ages: ages, now: now, named: map[backup.ID]bool{}, all: true, done: done}
	for _, p := range places {
		if !p.has(backup.ManifestName) || p.has(backup.TombstoneName) {
			continue
		}
		w.newest = max(w.newest, p.id)
		m, err := cached(ctx, c, p.objects[backup.ManifestName], manifestLimit, parseManifest)
		if err != nil {
			w.all = false
			continue
		}
		w.named[m.Manifest.Prev] = true
	}
	return w
}

func (w *sweep) old(p *place, age time.Duration) bool {
	at, _ := p.newest()
	return w.now.Sub(at) >= age && w.now.Sub(p.id.Time()) >= age
}

func (w *sweep) place(ctx context.Context, p *place) error {
	if p.has(backup.TombstoneName) {
		return w.buried(ctx, p)
	}
	if p.has(backup.ManifestName) {
		return nil
	}
	if p.left() > 0 {
		return w.orphan(ctx, p)
	}
	// The newest run of all failed: as long as no other ended well, its note is what keeps retention from going on.
	if p.id > w.newest || !w.old(p, w.ages.Failures) {
		return nil
	}
	return w.remove(ctx, p, backup.FailureName, &w.done.Failures)
}

// remove is one object of a place.
func (w *sweep) remove(ctx context.Context, p *place, name string, into *[]backup.ID) error {
	if err := w.store.Delete(ctx, key(p.source, p.id, name)); err != nil {
		return err
	}
	*into = append(*into, p.id)
	return nil
}

// buried goes on with what has a tombstone.
func (w *sweep) buried(ctx context.Context, p *place) error {
	manifest := p.has(backup.ManifestName)
	switch {
	case manifest && p.has(backup.PinName):
		// A removal died between its tombstone and seeing the pin. The manifest goes first, so nothing is gone yet.
		if !w.old(p, w.ages.Removals) {
			return nil
		}
		return w.remove(ctx, p, backup.TombstoneName, &w.done.Revived)
	case manifest || p.left() > 0:
		if !w.old(p, w.ages.Removals) {
			return nil
		}
		if err := w.finish(ctx, p); err != nil {
			return err
		}
		w.done.Removals = append(w.done.Removals, p.id)
		return nil
	case w.named[p.id] || !w.all || p.id > w.newest || !w.old(p, max(w.ages.Tombstones, w.ages.Failures)):
		return nil
	}
	if p.has(backup.FailureName) {
		if err := w.remove(ctx, p, backup.FailureName, &w.done.Failures); err != nil {
			return err
		}
	}
	return w.remove(ctx, p, backup.TombstoneName, &w.done.Tombstones)
}

// orphan buries what has no manifest before it takes it away: a run that goes on after all and writes its manifest later has
// written one that does not count.
func (w *sweep) orphan(ctx context.Context, p *place) error {
	if !w.old(p, w.ages.Orphans) {
		return nil
	}
	if err := w.bury(ctx, Tombstone{ID: p.id, Source: p.source, At: w.now, By: "sweep", Why: "it had no manifest"}); err != nil {
		return err
	}
	again, err := w.look(ctx, p.source, p.id)
	if err != nil {
		return err
	}
	if again.has(backup.ManifestName) {
		return w.store.Delete(ctx, key(p.source, p.id, backup.TombstoneName))
	}
	if err := w.finish(ctx, again); err != nil {
		return err
	}
	w.done.Orphans = append(w.done.Orphans, p.problem(Orphan, "it had no manifest"))
	return nil
}
