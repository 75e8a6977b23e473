package gather

import (
	"context"
	"sync"

	"golang.org/x/sync/errgroup"

	"ops-console/ops/fly"
	"ops-console/ops/preflight"
)

// platform asks the platform five questions at once.
func (g *gatherer) platform(ctx context.Context) {
	f := g.f
	why := ""
	switch {
	case f.App == "":
		why = "no application is named"
	case g.o.Platform == nil:
		why = g.missing("Platform", "the platform is not asked")
	}
	if why != "" {
		f.Fleet, f.Releases = preflight.NotKnown[preflight.Fleet](why), preflight.NotKnown[[]fly.Release](why)
		f.Secrets, f.Volumes = preflight.NotKnown[[]fly.Secret](why), preflight.NotKnown[[]fly.Volume](why)
		f.Regions = preflight.NotKnown[[]fly.Region](why)
		return
	}
	p, app := g.o.Platform, f.App
	g.start(ctx, func(ctx context.Context) { f.Fleet = preflight.Found(fleet(ctx, p, app)) })
	g.start(ctx, func(ctx context.Context) { f.Releases = preflight.Found(p.WebReleases(ctx, app, 20)) })
	g.start(ctx, func(ctx context.Context) { f.Secrets = preflight.Found(p.Secrets(ctx, app)) })
	g.start(ctx, func(ctx context.Context) { f.Volumes = preflight.Found(p.Volumes(ctx, app)) })
	g.start(ctx, func(ctx context.Context) {
		regions, _, err := p.Regions(ctx)
		f.Regions = preflight.Found(regions, err)
	})
}

const (
	leasesAtOnce = 8
	mostLeases   = 300 // one question each
)

// fleet reads the machines, and who holds them.
func fleet(ctx context.Context, p Platform, app string) (preflight.Fleet, error) {
	mm, err := p.Machines(ctx, app)
	if err != nil {
		return preflight.Fleet{}, err
	}
	l := preflight.Fleet{Machines: mm, Leases: map[string]fly.Lease{}}
	if a, err := p.App(ctx, app); err == nil {
		l.Counted = a.MachineCount
	}
	var (
		mu   sync.Mutex // guards l.Leases and l.Unread
		asks errgroup.Group
	)
	asks.SetLimit(leasesAtOnce)
	for i, m := range mm {
		if i == mostLeases {
			l.Unread = "there are too many machines to ask for each"
			break
		}
		asks.Go(func() error {
			lease, err := p.LeaseOf(ctx, app, m.ID)
			mu.Lock()
			defer mu.Unlock()
			switch {
			case err != nil && l.Unread == "":
				l.Unread = err.Error()
			case lease != nil:
				l.Leases[m.ID] = *lease
			}
			return nil
		})
	}
	return l, asks.Wait()
}
