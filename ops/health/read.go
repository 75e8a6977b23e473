package health

import (
	"context"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"

	"ops-console/wg"
)

// How long one reading of a source may take.
const (
	platformTimeout  = 30 * time.Second
	dnsTimeout       = 10 * time.Second
	clusterTimeout   = 10 * time.Minute
	agreementTimeout = 2 * time.Minute
)

// Read asks every source once and says what they answered. It waits a bounded time for the network to come up; a
// source that cannot be asked is part of the snapshot and not an error. An error means that the options make no sense
// or that ctx ended first.
func Read(ctx context.Context, o Options) (*Snapshot, error) {
	o, err := o.withDefaults()
	if err != nil {
		return nil, err
	}
	c := newCollector(o)
	defer c.close()
	c.facts.oneShot = true

	// What each source could not do is in the facts.
	var g errgroup.Group
	g.Go(func() error { c.waitForNetwork(ctx); return nil })
	g.Go(func() error { bounded(ctx, platformTimeout, c.readPlatform); return nil })
	g.Go(func() error { bounded(ctx, platformTimeout, c.readReleases); return nil })
	_ = g.Wait()
	bounded(ctx, dnsTimeout, c.readDNS)
	if c.known().platform.doubt != "" { // DNS can be asked now
		bounded(ctx, platformTimeout, c.readPlatform)
	}

	g = errgroup.Group{}
	g.Go(func() error { c.probeTwice(ctx); return nil })
	g.Go(func() error { bounded(ctx, agreementTimeout, c.readAgreement); return nil })
	g.Go(func() error { bounded(ctx, 30*time.Second, c.readCluster); return nil })
	_ = g.Wait()
	if ctx.Err() != nil {
		return nil, fmt.Errorf("read the health of %s: %w", c.facts.app, context.Cause(ctx))
	}
	return c.snapshot(), nil
}

// bounded runs one reading with a time of its own. Its error is in the facts.
func bounded(ctx context.Context, d time.Duration, read func(context.Context) error) {
	ctx, cancel := context.WithTimeout(ctx, d)
	defer cancel()
	_ = read(ctx)
}

// waitForNetwork returns when the network carries traffic, or the time for that is over.
func (c *collector) waitForNetwork(ctx context.Context) {
	n := c.o.Network
	if n == nil {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, c.o.NetworkWait)
	defer cancel()
	for {
		changed := n.Changed()
		if s := n.Status().State; carries(s) || s == wg.StateClosed {
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-changed:
		}
	}
}

// probeTwice sweeps, and asks once more those that did not answer well: with one look only, a lost packet would be
// bad news.
func (c *collector) probeTwice(ctx context.Context) {
	if c.prober == nil {
		return
	}
	targets := c.targets()
	c.prober.sweep(ctx, targets, func() {})
	results := c.prober.facts().results
	var again []target
	for _, t := range targets {
		switch results[t.id].State {
		case ProbeOK, ProbeNoNetwork:
		default:
			again = append(again, t)
		}
	}
	if len(again) == 0 || pause(ctx, c.o.RetryAfter) != nil {
		return
	}
	c.prober.forget()
	c.prober.askAll(ctx, again, func() {})
	// What timed out is the instance's fault where the network carries something else.
	bounded(ctx, dnsTimeout, c.readDNS)
}
