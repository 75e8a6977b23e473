package catalog

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"ops-console/ops/backup"
	"ops-console/ops/backup/store"
)

// Remove takes a backup away: tombstone, manifest, then the rest. Done twice, by two at once, or again after a crash, it
// comes to the same end. ErrPinned where a pin keeps it; ErrNone where there is nothing.
func (c *Catalog) Remove(ctx context.Context, t Tombstone) error {
	if err := c.remove(ctx, t); err != nil {
		return fmt.Errorf("remove backup %s: %w", t.ID, err)
	}
	return nil
}

func (c *Catalog) remove(ctx context.Context, t Tombstone) error {
	p, err := c.look(ctx, t.Source, t.ID)
	if err != nil {
		return err
	}
	switch {
	case p.has(backup.PinName):
		return ErrPinned
	case p.has(backup.TombstoneName):
		return c.finish(ctx, p)
	case !p.has(backup.ManifestName):
		// Without a manifest it is no backup; what lies there may be that of a run that goes on.
		return ErrNone
	}
	if err := c.bury(ctx, t); err != nil {
		return err
	}
	p, err = c.look(ctx, t.Source, t.ID)
	if err != nil {
		return err
	}
	if p.has(backup.PinName) {
		// Pinned while the tombstone was being written, and nothing is gone yet.
		if err := c.store.Delete(ctx, key(t.Source, t.ID, backup.TombstoneName)); err != nil {
			return err
		}
		return ErrPinned
	}
	return c.finish(ctx, p)
}

// bury writes the tombstone. One that is there already is as good.
func (c *Catalog) bury(ctx context.Context, t Tombstone) error {
	b, err := json.Marshal(t)
	if err != nil {
		return err
	}
	if _, err := c.store.PutIfAbsent(ctx, key(t.Source, t.ID, backup.TombstoneName), b); err != nil && !errors.Is(err, store.ErrExists) {
		return err
	}
	return nil
}

// look lists the directory of one backup.
func (c *Catalog) look(ctx context.Context, s backup.Source, id backup.ID) (*place, error) {
	if parsed, err := backup.ParseID(string(id)); err != nil || parsed != id {
		return nil, fmt.Errorf("%q: %w", id, ErrNone)
	}
	p := &place{source: s, id: id, objects: map[string]store.Info{}}
	for info, err := range c.store.List(ctx, backup.Dir(s, id)+"/") {
		if err != nil {
			return nil, err
		}
		if source, at, name, ok := backup.ParseKey(info.Key); ok && source == s && at == id {
			p.objects[name] = info
		}
	}
	return p, nil
}

// finish removes all but the tombstone and the note of a failure, the manifest first: after that a crash leaves what Sweep knows for rubbish, and
// before it what no one counts.
func (c *Catalog) finish(ctx context.Context, p *place) error {
	names := []string{backup.ManifestName}
	for name := range p.objects {
		if name != backup.ManifestName && name != backup.TombstoneName && name != backup.FailureName {
			names = append(names, name)
		}
	}
	slices.Sort(names[1:])
	for _, name := range names {
		if !p.has(name) {
			continue
		}
		if err := c.store.Delete(ctx, key(p.source, p.id, name)); err != nil {
			return err
		}
	}
	return nil
}
