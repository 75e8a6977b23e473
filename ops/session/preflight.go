package session

import (
	"context"
	"fmt"
	"time"

	"ops-console/ops/backup"
	"ops-console/ops/config"
	"ops-console/ops/postgres"
	"ops-console/ops/preflight"
	"ops-console/ops/preflight/gather"
	"ops-console/ops/preflight/registry"
	"ops-console/ops/replication"
)

// flyRegistry is the platform's own registry of images.
const flyRegistry = "registry.fly.io"

// Registry asks registries of images: the platform's with the profile's token, others as docker would.
func Registry(p *config.Profile, o Options) *registry.Client {
	docker := registry.DockerCredentials(o.Getenv)
	return registry.New(registry.Options{
		Base:      map[string]string{flyRegistry: p.API.Registry},
		UserAgent: "ops-console/" + o.Version,
		Credentials: func(ctx context.Context, host string) (user, password string, ok bool) {
			if host != flyRegistry {
				return docker(ctx, host)
			}
			t, err := p.TokenSource(o.Getenv)(ctx)
			if err != nil {
				return docker(ctx, host)
			}
			return "x", t.Reveal(), true
		},
	})
}

// PreflightOptions is how the facts of a preflight are found out. What the profile does not name is not asked.
func (s *Session) PreflightOptions() gather.Options {
	p := s.Profile
	o := gather.Options{
		Project: p.Project, App: p.App, Platform: s.Platform, Missing: map[string]string{},
		Registry: Registry(p, Options{Getenv: s.getenv}),
	}
	if l, dialer, ok := s.locator(); ok {
		o.Primary = func(ctx context.Context) (*postgres.Conn, error) {
			c, _, err := primary(ctx, l, dialer)
			if err != nil {
				return nil, fmt.Errorf("connect to the database: %w", err)
			}
			return c, nil
		}
	}
	if r, ok := s.ReplicationOptions(); ok {
		o.Replication = func(ctx context.Context) (*replication.Snapshot, error) { return replication.Read(ctx, r) }
	}
	if p.Backup.Store != "" {
		o.Backups = s.newestBackup
	}
	const unnamed = "the profile names no database"
	if m, ok := s.MigrationOptions(); ok {
		var read gather.Catalog
		if m.Catalog != nil {
			read = m.Catalog
		}
		o.Migrations = gather.Migrations(p.Project, m.Lint, read, unnamed)
	}
	return o
}

// newestBackup is what is known of the application's backups, as the newest of them goes.
func (s *Session) newestBackup(ctx context.Context) (preflight.Backups, error) {
	b, err := s.Backups(ctx, Options{}, time.Now)
	if err != nil {
		return preflight.Backups{}, err
	}
	defer b.Close() //nolint:errcheck // all is read by then
	l, err := b.Catalog.List(ctx, b.Source)
	if err != nil {
		return preflight.Backups{}, err
	}
	out := preflight.Backups{MaxAge: s.Profile.Backup.Overdue}
	out.Least, _ = backup.ParseLevel(s.Profile.Backup.Verify) // the profile has checked it
	for i := range l.Records {
		r := &l.Records[i]
		if _, broken := r.Broken(); broken {
			continue
		}
		out.Newest = &preflight.Backup{ID: string(r.Manifest.ID), SnapshotAt: r.Manifest.SnapshotAt}
		if v, ok := r.Proven(); ok {
			out.Newest.Level, out.Newest.VerifiedAt = v.Level, v.At
		}
		break
	}
	return out, nil
}
