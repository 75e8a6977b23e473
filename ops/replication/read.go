package replication

import (
	"context"
	"fmt"
	"time"
)

// readFor is how long Read samples at most: one attempt to connect that gets no answer, another one, and a question.
const readFor = 5 * time.Second

// haste is patience for one snapshot.
var haste = []time.Duration{200 * time.Millisecond}

// Read samples the cluster for a few seconds, until every node that answers has bounds, and gives one snapshot. The error
// says why there is none: no node was found, or ctx ended. Nodes that do not answer are in the snapshot.
func Read(ctx context.Context, o Options) (*Snapshot, error) {
	return read(ctx, o, dial(o.Dialer))
}

func read(ctx context.Context, o Options, c connect) (*Snapshot, error) {
	o.Attended = false
	if o.Interval <= 0 || o.Interval > time.Second {
		o.Interval = time.Second / 2
	}
	w := watch(ctx, o, haste, c)
	defer w.Close()
	var deadline <-chan time.Time // from when there are nodes on: to find them takes the time it takes
	for {
		changed := w.Changed()
		latest := w.Latest()
		if latest.Err != nil {
			return nil, latest.Err
		}
		if latest.Value != nil && deadline == nil {
			deadline = time.After(readFor)
		}
		if latest.Value != nil && w.enough(latest.Value) {
			return latest.Value, nil
		}
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("read the replicas: %w", context.Cause(ctx))
		case <-deadline:
			return latest.Value, nil
		case <-changed:
		}
	}
}

// enough tells whether a further reading would say no more: every node was read twice and has bounds where it can have
// any, or failed twice.
func (w *Watcher) enough(s *Snapshot) bool {
	lags := map[string]Lag{}
	for _, n := range s.Nodes {
		lags[n.Name] = n.Lag
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, n := range w.nodes {
		switch l := lags[n.node.Name]; {
		case n.failed >= 2:
		case n.good < 2 || n.last == nil:
			return false
		case !n.last.InRecovery:
		case l.Kind != LagCaughtUp && l.Kind != LagBounded:
			return false
		}
	}
	return true
}
