package health

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"ops-console/wg"
)

// How long one reading of a source may take.
const (
	platformTimeout  = 30 * time.Second
	dnsTimeout       = 10 * time.Second
	clusterTimeout   = 10 * time.Minute
	agreementTimeout = 2 * time.Minute
	readClusterFor   = 30 * time.Second
)

// Read asks every source once and says what they answered. It waits a bounded time for the network to come up; a
// source that cannot be asked is part of the snapshot and not an error. Where ctx has a deadline, the platform gets
// less than half of the time, and what could not be asked by then is unknown. An error means that the options make no
// sense or that ctx was cancelled.
func Read(ctx context.Context, o Options) (*Snapshot, error) {
	o, err := o.withDefaults()
	if err != nil {
		return nil, err
	}
	c := newCollector(o)
	defer c.close()
	c.facts.oneShot = true

	// What each source could not do is in the facts.
	first := share(ctx, platformTimeout, 40)
	var g sync.WaitGroup
	g.Go(func() { c.waitForNetwork(ctx, min(o.NetworkWait, first)) })
	g.Go(func() { bounded(ctx, first, c.readPlatform) })
	g.Go(func() { bounded(ctx, first, c.readReleases) })
	g.Wait()
	dns := share(ctx, dnsTimeout, 40)
	g.Go(func() { bounded(ctx, dns, c.readDNS) })
	g.Go(func() { bounded(ctx, min(dns, peerTimeout), c.readPeer) })
	g.Wait()
	if c.known().platform.doubt != "" { // DNS can be asked now
		bounded(ctx, share(ctx, platformTimeout, 40), c.readPlatform)
	}
	last := share(ctx, agreementTimeout, 95)
	g.Go(func() { bounded(ctx, last, c.probeTwice) })
	g.Go(func() { bounded(ctx, last, c.readAgreement) })
	g.Go(func() { bounded(ctx, min(last, readClusterFor), c.readCluster) })
	g.Wait()
	if errors.Is(ctx.Err(), context.Canceled) {
		return nil, fmt.Errorf("read the health of %s: %w", c.facts.app, context.Cause(ctx))
	}
	return c.snapshot(), nil
}

// share is how long something may take: d, or so many percent of what ctx has left.
func share(ctx context.Context, d time.Duration, percent int) time.Duration {
	if end, ok := ctx.Deadline(); ok {
		return min(d, time.Until(end)*time.Duration(percent)/100)
	}
	return d
}

// bounded runs one reading with a time of its own. Its error is in the facts.
func bounded(ctx context.Context, d time.Duration, read func(context.Context) error) {
	ctx, cancel := context.WithTimeout(ctx, d)
	defer cancel()
	_ = read(ctx)
}

// waitForNetwork returns when the network carries traffic, or the time for that is over.
func (c *collector) waitForNetwork(ctx context.Context, d time.Duration) {
	n := c.o.Network
	if n == nil {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, d)
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

// probeTwice sweeps, and asks once more those that do not answer well: with one look only, a lost packet would be bad
// news.
func (c *collector) probeTwice(ctx context.Context) error {
	if c.prober == nil {
		return c.o.NetworkErr
	}
	targets := c.targets()
	c.prober.askAll(ctx, targets, c.askTwice, func() {})
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	c.prober.swept(targets)
	results := c.prober.facts().results
	for _, t := range targets {
		switch results[t.id].State {
		case ProbeOK, ProbeNoNetwork:
		default:
			// It is the instance's fault where the network carries something else.
			return c.readDNS(ctx)
		}
	}
	return nil
}

// askTwice asks, and asks again over another connection where there is no good answer after a while. It returns what
// came of it, the first good answer last.
func (c *collector) askTwice(ctx context.Context, t target) []Probe {
	ctx, cancel := context.WithCancel(ctx)
	var tries sync.WaitGroup
	defer tries.Wait()
	defer cancel()
	answers := make(chan Probe, 2)
	try := func() { answers <- c.prober.ask(ctx, t) }
	tries.Go(try)
	again := time.NewTimer(c.o.RetryAfter)
	defer again.Stop()
	var got []Probe
	for {
		select {
		case <-again.C:
			tries.Go(try)
		case p := <-answers:
			got = append(got, p)
			if p.State == ProbeOK || p.State == ProbeNoNetwork || ctx.Err() != nil {
				return got
			}
			if len(got) == 2 {
				slices.SortFunc(got, func(a, b Probe) int { return a.At.Compare(b.At) })
				return got
			}
		}
	}
}
