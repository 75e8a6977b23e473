package replication

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"ops-console/ops/postgres"
)

const (
	// probeWait is how long a write is waited for on a replica.
	probeWait = 1500 * time.Millisecond
	// probeStep is the time between two looks of a replica at what it has replayed.
	probeStep = 2 * time.Millisecond
	// probePings is how often a node is asked for nothing, to know how long that takes.
	probePings = 3
)

// ProbeResult is what Probe measured: seconds by node name; null: not visible within the time it waited, or not reached.
type ProbeResult struct {
	At      time.Time           `json:"at"`
	LSN     LSN                 `json:"lsn"`
	Visible map[string]*float64 `json:"visible"`
	// Resolution is how far Visible may be off, in seconds by node name, by the time that answers take to come here: what
	// is below it cannot be told from nothing (Text).
	Resolution map[string]float64 `json:"resolution"`
}

// Probe writes one transactional logical message of a hundred bytes on the primary and measures how long it takes until
// each replica has replayed it: at most so long, as somebody who reads there once the write is acknowledged would find.
// It costs a transaction id; consumers of logical decoding that want messages see it. It takes up to four seconds, with
// sessions of its own. The error says why nothing was written.
func (w *Watcher) Probe(ctx context.Context) (*ProbeResult, error) {
	primary, replicas, err := w.probed()
	if err != nil {
		return nil, fmt.Errorf("probe the replicas: %w", err)
	}
	p, err := w.probeConn(ctx, primary)
	if err != nil {
		return nil, fmt.Errorf("probe the replicas: connect to the primary %s: %w", primary.Name, err)
	}
	defer end(ctx, p.c)
	ready := w.probeConns(ctx, replicas)
	defer func() {
		for _, r := range ready {
			end(ctx, r.c)
		}
	}()
	if len(ready) == 0 {
		return nil, errors.New("probe the replicas: none of them can be reached; nothing was written")
	}
	a, err := p.c.Exec(ctx, probeWrite, postgres.QueryTimeout)
	if err != nil {
		return nil, fmt.Errorf("probe the replicas: write on the primary %s: %w", primary.Name, err)
	}
	lsn, err := postgres.ParseLSN(a.Value)
	if err != nil {
		return nil, fmt.Errorf("probe the replicas: write on the primary %s: %w", primary.Name, err)
	}
	result := &ProbeResult{At: a.Received, LSN: lsn, Visible: map[string]*float64{}, Resolution: map[string]float64{}}
	for _, n := range replicas {
		result.Visible[n.Name] = nil
	}
	committed := a.Received.Add(-p.rtt / 2)
	var mu sync.Mutex // guards what result says of nodes
	var wait sync.WaitGroup
	for _, r := range ready {
		wait.Go(func() {
			a, err := r.c.Ask(ctx, probeQuery(lsn), probeWait+postgres.QueryTimeout)
			if err != nil || a.Value != "t" && a.Value != "true" {
				return
			}
			v := max(0, a.Received.Add(-r.rtt/2).Sub(committed).Seconds())
			mu.Lock()
			defer mu.Unlock()
			result.Visible[r.name] = &v
			result.Resolution[r.name] = ((p.rtt+r.rtt)/2 + probeStep).Seconds()
		})
	}
	wait.Wait()
	return result, nil
}

// probed gives the primary and the replicas, from what they said last.
func (w *Watcher) probed() (primary postgres.Node, replicas []postgres.Node, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	primaries := map[identity]*watched{}
	for _, s := range w.nodes {
		switch {
		case s.last == nil:
		case s.last.InRecovery:
			replicas = append(replicas, s.node)
		default:
			primaries[identity{s.last.SystemID, s.last.Boot.UnixMicro()}] = s
		}
	}
	switch {
	case len(primaries) == 0:
		return primary, nil, errors.New("no primary is known")
	case len(primaries) > 1:
		return primary, nil, errors.New("more than one server says it is the primary")
	case len(replicas) == 0:
		return primary, nil, errors.New("no replica answers")
	}
	slices.SortFunc(replicas, func(a, b postgres.Node) int { return cmp.Compare(a.Name, b.Name) })
	for _, s := range primaries {
		primary = s.node
		// Somebody, or what watches the disk, made it so; a message would be written all the same.
		if len(s.last.ReadOnly) > 0 {
			return primary, nil, fmt.Errorf("the primary %s is read-only (%s): a probe writes", primary.Name, strings.Join(s.last.ReadOnly, ", "))
		}
	}
	return primary, replicas, nil
}

// probeSession is a session for one probe.
type probeSession struct {
	name string
	c    conn
	rtt  time.Duration // the shortest seen
}

func (w *Watcher) probeConn(ctx context.Context, n postgres.Node) (probeSession, error) {
	c, err := w.connect(ctx, n)
	if err != nil {
		return probeSession{}, err
	}
	p := probeSession{name: n.Name, c: c}
	for range probePings {
		a, err := c.Ask(ctx, "select 1", postgres.QueryTimeout)
		if err != nil {
			end(ctx, c)
			return probeSession{}, err
		}
		if d := a.Received.Sub(a.Sent); p.rtt == 0 || d < p.rtt {
			p.rtt = d
		}
	}
	return p, nil
}

// probeConns connects to all of nn at once, and gives those that could be.
func (w *Watcher) probeConns(ctx context.Context, nn []postgres.Node) []probeSession {
	var mu sync.Mutex // guards ready
	var ready []probeSession
	var wait sync.WaitGroup
	for _, n := range nn {
		wait.Go(func() {
			p, err := w.probeConn(ctx, n)
			if err != nil {
				return // it is null in the result
			}
			mu.Lock()
			defer mu.Unlock()
			ready = append(ready, p)
		})
	}
	wait.Wait()
	return ready
}

// probeWrite gives the LSN of the end of the message. What is written next, on a quiet server, is that it was committed.
const probeWrite = `select pg_logical_emit_message(true, 'ops-console', '')::text`

// probeQuery waits on a replica, in steps, until something beyond lsn is replayed. It holds a snapshot
// meanwhile, and so is bounded by itself. Functions that are volatile are called in every step.
func probeQuery(lsn LSN) string {
	return fmt.Sprintf(`with recursive w(n, l, began, t) as (
 select 0, pg_last_wal_replay_lsn(), clock_timestamp(), clock_timestamp()
 union all
 select w.n + 1, pg_last_wal_replay_lsn(), w.began, clock_timestamp() from w, lateral (select pg_sleep(%[3]f), w.n offset 0) s
 where w.l <= '%[1]s'::pg_lsn and w.t < w.began + interval '%[2]d ms')
select bool_or(l > '%[1]s'::pg_lsn) from w`, lsn, probeWait.Milliseconds(), probeStep.Seconds())
}
