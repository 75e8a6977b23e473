package flysim

import (
	"context"
	"sync"
	"time"

	"ops-console/ops/fly/flysim/sixpn"
)

const (
	// visitorsPerSecond is the traffic of a world: little, but enough for a share of a hundredth to be seen in a minute.
	visitorsPerSecond = 20
	// visited is how long before the start visitors begin to come: as long as whoever compares looks back.
	visited = 12 * time.Minute
	// mostVisitors is how many wait for an answer at once; more give up at the door.
	mostVisitors = 200
	// visitTimeout is how long one waits.
	visitTimeout = 15 * time.Second
)

// visit lets visitors come until ctx ends. The proxy sends them to instances, which really answer them; what it counts is in
// the platform's metrics.
func (s *Sim) visit(ctx context.Context) {
	var wg sync.WaitGroup
	defer wg.Wait()
	paths := sixpn.AgreePaths()
	room := make(chan struct{}, mostVisitors)
	tick := time.NewTicker(time.Second / visitorsPerSecond)
	defer tick.Stop()
	for n := 0; ; n++ {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		i, ok := s.world.Route(DefaultApp)
		if !ok {
			continue
		}
		select {
		case room <- struct{}{}:
		default:
			continue
		}
		path := paths[n%len(paths)]
		wg.Go(func() {
			defer func() { <-room }()
			ctx, cancel := context.WithTimeout(ctx, visitTimeout)
			defer cancel()
			if status, took, ok := s.hosts.Visit(ctx, i, path); ok {
				s.world.Served(i.ID, status, took)
			}
		})
	}
}
