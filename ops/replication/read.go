package replication

import (
	"context"
	"fmt"
	"time"
)

// How long Read samples at most: one attempt to connect that gets no answer, another one, and a question; and where a
// replica has shown nothing but what was there before, until that is critical for certain, and a reading more.
const (
	readFor   = 5 * time.Second
	readMore  = 2 * time.Second
	readUntil = 12 * time.Second
)

// haste is patience for one snapshot.
var haste = []time.Duration{200 * time.Millisecond}

// Read samples the cluster for a few seconds, until every node that answers has bounds, and gives one snapshot. The error
// says why there is none: no node was found, or ctx ended. Nodes that do not answer are in the snapshot. As there is no
// past, what holds is told at once (Settings.Once).
func Read(ctx context.Context, o Options) (*Snapshot, error) {
	return read(ctx, o, dial(o.Dialer))
}

func read(ctx context.Context, o Options, c connect) (*Snapshot, error) {
	o.Attended, o.Once = false, true
	if o.Interval <= 0 || o.Interval > time.Second {
		o.Interval = time.Second / 2
	}
	w := watch(ctx, o, haste, c)
	defer w.Close()
	var began time.Time // when there were nodes: to find them takes the time it takes
	for {
		changed := w.Changed()
		latest := w.Latest()
		if latest.Err != nil {
			return nil, latest.Err
		}
		if latest.Value != nil && began.IsZero() {
			began = time.Now()
		}
		if latest.Value != nil && w.enough(latest.Value, time.Since(began)) {
			return latest.Value, nil
		}
		// A Watcher publishes at every interval, whether anybody answers or not.
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("read the replicas: %w", context.Cause(ctx))
		case <-changed:
		}
	}
}

// enough tells whether a further reading would say no more: every node was read twice and has bounds where it can have
// any, or failed twice. A replica that still shows what was there before the first reading is behind by at least the time
// since, and nothing else says whether that is critical.
func (w *Watcher) enough(s *Snapshot, waited time.Duration) bool {
	lags := map[string]Lag{}
	for _, n := range s.Nodes {
		lags[n.Name] = n.Lag
	}
	longest := min(duration(s.Critical)+readMore, readUntil)
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, n := range w.nodes {
		switch l := lags[n.node.Name]; {
		case n.failed >= 2:
		case n.good < 2 || n.last == nil:
			if waited < readFor {
				return false
			}
		case !n.last.InRecovery, l.Kind == LagCaughtUp, l.Kind == LagBounded:
		case l.Lo == nil || l.Kind == LagUnknown:
			if waited < readFor {
				return false
			}
		case *l.Lo < s.Critical && waited < longest:
			return false
		}
	}
	return true
}
