package session

import (
	"context"
	"errors"
	"fmt"

	"filippo.io/age"

	"ops-console/ops/backup"
	"ops-console/ops/backup/restore"
	"ops-console/ops/postgres"
)

// Primary is the node that takes writes, and the way there.
func (b *Backups) Primary(ctx context.Context) (postgres.Node, postgres.Dialer, error) {
	l, d, ok := b.locator()
	if !ok {
		return postgres.Node{}, nil, errNoDatabase
	}
	c, n, err := primary(ctx, l, d)
	if err != nil {
		return postgres.Node{}, nil, fmt.Errorf("find the primary: %w", err)
	}
	if err := c.Close(ctx); err != nil {
		return postgres.Node{}, nil, fmt.Errorf("find the primary: %w", err)
	}
	return n, d, nil
}

// RestoreOptions is how a backup is restored beside the original.
func (b *Backups) RestoreOptions(ctx context.Context, r backup.Record, ids []age.Identity, progress func(restore.Progress)) (restore.Options, error) {
	n, d, err := b.Primary(ctx)
	if err != nil {
		return restore.Options{}, err
	}
	return restore.Options{Store: b.Store, Record: r, Identities: ids, Node: n, Network: d, Progress: progress, Now: b.now}, nil
}

// SwapOptions is how a restored database takes the original's place.
func (b *Backups) SwapOptions(ctx context.Context, restored string, step func(string)) (restore.SwapOptions, error) {
	if restored == "" {
		return restore.SwapOptions{}, errors.New("which database is to take the place is not said")
	}
	n, d, err := b.Primary(ctx)
	if err != nil {
		return restore.SwapOptions{}, err
	}
	return restore.SwapOptions{Node: n, Network: d, Restored: restored, Now: b.now, Step: step}, nil
}
