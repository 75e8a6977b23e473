package replication

import (
	"context"
	"io"
	"time"

	"ops-console/ops/feed"
	"ops-console/ops/postgres"
)

// Options of Watch and Read.
type Options struct {
	Settings
	Locator postgres.Locator
	Dialer  postgres.Dialer // the private network; nil: only nodes that need none are asked
	// Sampling is how often the primary's flush LSN is read between two readings; 0: 200 ms.
	Sampling time.Duration
	// Attended reads only while somebody looks (Attend): for servers that sleep when nobody asks.
	Attended bool
	Record   io.Writer        // every reading as a line of JSON, for Replay; nil: none
	Now      func() time.Time // nil: time.Now
}

// Watcher reads every node at its own rhythm and publishes snapshots. Make one with Watch.
type Watcher struct{}

// Watch begins to read at once and publishes until ctx ends or the Watcher is closed.
func Watch(ctx context.Context, o Options) *Watcher { return &Watcher{} }

// Latest is the newest snapshot. Its Value is nil before the first.
func (w *Watcher) Latest() feed.Snapshot[*Snapshot] { return feed.Snapshot[*Snapshot]{} }

// Changed is closed at the next publication. Take it before Latest, and none is missed.
func (w *Watcher) Changed() <-chan struct{} { return nil }

// Refresh asks every node now, those too that are waited with.
func (w *Watcher) Refresh() {}

// Attend says whether somebody looks at the snapshots now.
func (w *Watcher) Attend(looking bool) {}

// AppRegions sets where instances run.
func (w *Watcher) AppRegions(codes []string) {}

// Probe writes one transactional logical message of a hundred bytes on the primary and measures how long it takes until
// each replica has replayed it. It costs a transaction id; consumers of logical decoding that want messages see it.
func (w *Watcher) Probe(ctx context.Context) (*ProbeResult, error) { return nil, nil }

// ProbeResult is what Probe measured: seconds by node name; absent: not visible within the time it waited.
type ProbeResult struct {
	At      time.Time           `json:"at"`
	LSN     LSN                 `json:"lsn"`
	Visible map[string]*float64 `json:"visible"`
}

// Close ends the watcher and its sessions, and waits for them. It is idempotent.
func (w *Watcher) Close() {}

// Read samples the cluster for a few seconds, until every node that answers has bounds, and gives one snapshot.
func Read(ctx context.Context, o Options) (*Snapshot, error) { return &Snapshot{}, nil }
