package health

import "context"

// Sweeper sweeps without the rhythm of a Watcher, for benchmarks.
type Sweeper struct{ c *collector }

// NewSweeper reads from the platform whom to ask.
func NewSweeper(ctx context.Context, o Options) (*Sweeper, error) {
	o, err := o.withDefaults()
	if err != nil {
		return nil, err
	}
	c := newCollector(o)
	c.waitForNetwork(ctx, o.NetworkWait)
	return &Sweeper{c}, c.readPlatform(ctx)
}

// Sweep asks every instance once and returns how many answered well, of how many.
func (s *Sweeper) Sweep(ctx context.Context) (ok, all int, err error) {
	err = s.c.readProbes(ctx)
	for _, r := range s.c.prober.facts().results {
		all++
		if r.State == ProbeOK {
			ok++
		}
	}
	return ok, all, err
}

// Close drops the connections.
func (s *Sweeper) Close() { s.c.close() }
