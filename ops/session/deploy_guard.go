package session

import (
	"context"
	"fmt"
	"sync"
	"time"

	"ops-console/ops/deploy"
	"ops-console/ops/replication"
)

// Of the guards: how often what they watch is read, and how long a reading may take.
const (
	guardEvery   = 15 * time.Second
	guardTimeout = 5 * time.Second
)

// lagGuard pauses a deployment while a replica is further behind than the profile bears: whoever writes there then waits for
// it in vain, and each machine that starts makes it worse. It reads now and then, and keeps what it read.
type lagGuard struct {
	read     func(context.Context) (*replication.Snapshot, error)
	critical time.Duration
	now      func() time.Time

	mu   sync.Mutex // guards what follows
	at   time.Time
	last deploy.Guard
}

// guards measures what pauses a deployment by itself; nil where the profile names no database.
func (s *Session) guards(now func() time.Time) func(context.Context) []deploy.Guard {
	o, ok := s.ReplicationOptions()
	if !ok {
		return nil
	}
	g := &lagGuard{now: now, critical: s.Profile.Database.Critical, read: func(ctx context.Context) (*replication.Snapshot, error) { return replication.Read(ctx, o) }}
	return func(ctx context.Context) []deploy.Guard { return []deploy.Guard{g.measure(ctx)} }
}

func (g *lagGuard) measure(ctx context.Context) deploy.Guard {
	g.mu.Lock()
	defer g.mu.Unlock()
	if now := g.now(); g.at.IsZero() || now.Sub(g.at) >= guardEvery {
		ctx, cancel := context.WithTimeout(ctx, guardTimeout)
		defer cancel()
		snap, err := g.read(ctx)
		g.at, g.last = now, lagOf(snap, err, g.critical)
	}
	return g.last
}

// lagOf is the replica that is furthest behind for sure. What is not known never pauses anything.
func lagOf(s *replication.Snapshot, err error, critical time.Duration) deploy.Guard {
	out := deploy.Guard{Name: "replica lag", Limit: critical.String(), Unknown: true, Value: "unknown"}
	if err != nil || s == nil || critical <= 0 {
		return out
	}
	for _, n := range s.Nodes {
		if n.Lag.Lo == nil || n.Depth == 0 {
			continue
		}
		if lo := *n.Lag.Lo; out.Unknown || lo > critical.Seconds() && !out.Over {
			out.Unknown, out.Value = false, fmt.Sprintf("%s %.1fs at least", n.Name, lo)
			out.Over = lo > critical.Seconds()
		}
	}
	return out
}
