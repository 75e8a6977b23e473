package replication

import (
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"sync"
	"time"

	"ops-console/ops/feed"
	"ops-console/ops/postgres"
)

// Options of Watch and Read.
type Options struct {
	Settings
	Locator postgres.Locator
	Dialer  postgres.Dialer // the private network; nil: only nodes that need none are asked
	// Sampling is how often the primary's flush LSN is read between two readings; 0: 200 ms. Where it is not less than
	// Interval, the readings are enough.
	Sampling time.Duration
	// Attended reads only while somebody looks (Attend), from the beginning: for servers that sleep when nobody asks.
	// Servers that are known to do so make it so by themselves.
	Attended bool
	Record   io.Writer        // every reading as a line of JSON, for Replay; nil: none
	Now      func() time.Time // nil: time.Now
}

// Watcher reads every node at its own rhythm and publishes snapshots. Make one with Watch. Besides one backend on every
// node it has a second one on the primary.
type Watcher struct {
	ctx    context.Context
	cancel context.CancelFunc
	wait   sync.WaitGroup
	events chan event

	connect connect

	mu      sync.Mutex // guards what follows
	latest  feed.Snapshot[*Snapshot]
	changed chan struct{}
	nodes   map[string]*watched // by key
}

// watched is what the Watcher itself knows of a node.
type watched struct {
	node   postgres.Node
	last   *Reading // the latest good one; nil: the latest was not good
	good   int      // readings
	failed int      // readings
}

// Watch begins to read at once and publishes until ctx ends or the Watcher is closed.
func Watch(ctx context.Context, o Options) *Watcher {
	return watch(ctx, o, patience, dial(o.Dialer))
}

// dial connects to nodes, through d where they are in the private network.
func dial(d postgres.Dialer) connect {
	return func(ctx context.Context, n postgres.Node) (conn, error) {
		c, err := postgres.Connect(ctx, n, d)
		if err != nil {
			return nil, err // c is a nil pointer, and no nil conn
		}
		return c, nil
	}
}

// patience is how long is waited after each failure in a row to connect to a node, the last one from then on.
var patience = []time.Duration{time.Second, 2 * time.Second, 5 * time.Second, 15 * time.Second}

func watch(ctx context.Context, o Options, backoff []time.Duration, c connect) *Watcher {
	if o.Interval <= 0 {
		o.Interval = time.Second
	}
	if o.Sampling <= 0 {
		o.Sampling = 200 * time.Millisecond
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	ctx, cancel := context.WithCancel(ctx)
	w := &Watcher{
		ctx: ctx, cancel: cancel, events: make(chan event, 64), connect: c,
		changed: make(chan struct{}), nodes: map[string]*watched{},
	}
	if o.Locator == nil {
		w.publish(nil, errors.New("read the replicas: nothing says where the database is; name it in the profile"), o.Now())
		return w
	}
	h := &hub{
		w: w, o: o, tracker: NewTracker(o.Settings), record: o.Record,
		rhythm:   &rhythm{interval: o.Interval, sampling: o.Sampling, backoff: backoff, jitter: rand.Float64, now: o.Now},
		samplers: map[string]*sampler{}, feeders: map[string]*feeder{}, full: map[string]time.Time{}, looking: !o.Attended, relocate: make(chan struct{}, 1),
	}
	w.wait.Go(func() { h.run(ctx) })
	return w
}

// Latest is the newest snapshot. Its Value is nil before the first.
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

// Refresh asks every node now, those too that are waited with.
func (w *Watcher) Refresh() { w.tell(event{refresh: true}) }

// Attend says whether somebody looks at the snapshots now. Where Attended is set, sessions are closed when nobody has
// looked for 15 s.
func (w *Watcher) Attend(looking bool) { w.tell(event{attend: &looking}) }

// AppRegions sets where instances run.
func (w *Watcher) AppRegions(codes []string) { w.tell(event{entry: entry{Regions: &codes}}) }

// Close ends the watcher and its sessions, and waits for them. It is idempotent.
func (w *Watcher) Close() {
	w.cancel()
	w.wait.Wait()
}

func (w *Watcher) tell(e event) { w.emit(w.ctx, e) }

func (w *Watcher) emit(ctx context.Context, e event) {
	select {
	case w.events <- e:
	case <-ctx.Done():
	}
}

func (w *Watcher) publish(s *Snapshot, err error, now time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.latest.Seq++
	w.latest.At, w.latest.Err = now, err
	if s != nil {
		w.latest.Value, w.latest.GoodAt = s, now
	}
	close(w.changed)
	w.changed = make(chan struct{})
}
