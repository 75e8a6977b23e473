package health

import (
	"context"
	"sync"
	"time"

	"ops-console/ops/feed"
)

const (
	// publishEvery bounds how often a snapshot is published while results come in.
	publishEvery = 100 * time.Millisecond
	// settleEvery is how often one is published where nothing comes in: time alone changes what holds.
	settleEvery = 5 * time.Second
)

// Watcher reads every source at its own rhythm and publishes snapshots. Make one with Watch.
type Watcher struct {
	c       *collector
	cancel  context.CancelFunc
	wait    sync.WaitGroup
	sources []*feed.Feed[struct{}]

	mu      sync.Mutex // guards latest and changed
	latest  feed.Snapshot[*Snapshot]
	changed chan struct{}
}

// Watch begins to read at once and publishes until ctx ends or the Watcher is closed. With options that make no sense
// the one snapshot it publishes has the error.
func Watch(ctx context.Context, o Options) *Watcher {
	ctx, cancel := context.WithCancel(ctx)
	w := &Watcher{cancel: cancel, changed: make(chan struct{})}
	o, err := o.withDefaults()
	if err != nil {
		w.publish(nil, err, time.Now())
		return w
	}
	c := newCollector(o)
	w.c = c
	start := func(interval, timeout time.Duration, read func(context.Context) error) *feed.Feed[struct{}] {
		f := feed.Start(ctx, interval, timeout, func(ctx context.Context) (struct{}, error) { return struct{}{}, read(ctx) })
		w.sources = append(w.sources, f)
		return f
	}
	i := o.Interval
	platform := start(i.Platform, platformTimeout, c.readPlatform)
	start(i.Releases, platformTimeout, c.readReleases)
	dns := start(i.DNS, dnsTimeout, c.readDNS)
	var onNetwork []*feed.Feed[struct{}] // what a network that comes up makes worth reading
	onNetwork = append(onNetwork, dns)
	// A sweep ends by itself: every request in it has a timeout.
	onTargets := []*feed.Feed[struct{}]{start(i.Probe, time.Hour, c.readProbes)}
	if len(o.Agree) > 0 {
		onTargets = append(onTargets, start(i.Agreement, agreementTimeout, c.readAgreement))
	}
	onNetwork = append(onNetwork, onTargets...)
	if len(o.Cluster.Command) > 0 {
		// Commands run in machines, which only the platform names.
		onMachines := []*feed.Feed[struct{}]{start(i.Cluster, clusterTimeout, c.readCluster)}
		listed := func() bool { return len(c.known().platform.machines) > 0 }
		w.wait.Go(func() { w.first(ctx, listed, []*feed.Feed[struct{}]{platform}, onMachines) })
	}
	named := func() bool { return len(c.targets()) > 0 }
	w.wait.Go(func() { w.first(ctx, named, []*feed.Feed[struct{}]{platform, dns}, onTargets) })
	if o.Network != nil {
		start(peerCheckEvery, peerTimeout, c.readPeer)
		w.wait.Go(func() { w.followNetwork(ctx, onNetwork) })
	}
	w.wait.Go(func() { w.merge(ctx) })
	return w
}

// Latest is the newest snapshot. Its Value is nil before the first, and where its Err says so.
func (w *Watcher) Latest() feed.Snapshot[*Snapshot] {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.latest
}

// Changed is closed at the next publication. Take it before Latest, and none is missed.
func (w *Watcher) Changed() <-chan struct{} {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.changed
}

// Refresh asks every source to be read now.
func (w *Watcher) Refresh() { refresh(w.sources) }

// Close ends the watcher and waits for its goroutines. It is idempotent.
func (w *Watcher) Close() {
	w.cancel()
	w.wait.Wait()
	for _, f := range w.sources {
		f.Close()
	}
	if w.c != nil {
		w.c.close()
	}
}

func refresh(ff []*feed.Feed[struct{}]) {
	for _, f := range ff {
		f.Refresh()
	}
}

func (w *Watcher) publish(s *Snapshot, err error, now time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.latest.Seq++
	w.latest.At, w.latest.Err = now, err
	if err == nil {
		w.latest.Value, w.latest.GoodAt = s, now
	}
	close(w.changed)
	w.changed = make(chan struct{})
}

// merge publishes a snapshot soon after something was learnt, however much comes in.
func (w *Watcher) merge(ctx context.Context) {
	settle := time.NewTicker(settleEvery)
	defer settle.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-w.c.signal:
		case <-settle.C:
		}
		s := w.c.snapshot()
		w.publish(s, nil, s.At)
		if pause(ctx, publishEvery) != nil {
			return
		}
	}
}

// first has feeds read as soon as one of the sources has told what they wait for.
func (w *Watcher) first(ctx context.Context, told func() bool, sources, then []*feed.Feed[struct{}]) {
	for {
		// The channels first: what is told between the two lines closes one of them.
		changed := sources[0].Changed()
		other := sources[len(sources)-1].Changed()
		if told() {
			refresh(then)
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-changed:
		case <-other:
		}
	}
}

// followNetwork has everything read again when the network comes back, over connections made since.
func (w *Watcher) followNetwork(ctx context.Context, then []*feed.Feed[struct{}]) {
	n := w.c.o.Network
	up := false
	for {
		changed := n.Changed()
		was := up
		up = carries(n.Status().State)
		if up && !was {
			w.c.prober.forget()
			refresh(then)
		}
		w.c.learn(func(*facts) {})
		select {
		case <-ctx.Done():
			return
		case <-changed:
		}
	}
}
