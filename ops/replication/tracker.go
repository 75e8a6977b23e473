package replication

import (
	"time"

	"ops-console/ops/postgres"
)

// Settings of a Tracker. The zero value of each field has a meaning.
type Settings struct {
	App           string
	PrimaryRegion string
	Interval      time.Duration // between two readings of a node; 0: 1 s
	Warn          time.Duration // lag that is a warning; 0: 1 s
	Critical      time.Duration // lag at which rpc_and_wait raises; 0: 5 s
	AppRegions    []string      // where instances run, whether there is a replica or not
}

// Tracker makes snapshots out of readings. It asks nobody and knows no clock: what time it is comes with each call. It is
// for one goroutine.
type Tracker struct{}

// NewTracker knows nothing yet.
func NewTracker(s Settings) *Tracker { return &Tracker{} }

// Nodes sets the list of nodes. One that is not in it any more is forgotten.
func (t *Tracker) Nodes(nn []postgres.Node, now time.Time) {}

// AppRegions sets where instances run.
func (t *Tracker) AppRegions(codes []string) {}

// Add takes a reading of the node with that key (postgres.Node.Key) in.
func (t *Tracker) Add(key string, r *Reading) {}

// Fail says that a node could not be read at a moment.
func (t *Tracker) Fail(key string, f *postgres.Failure, at time.Time) {}

// Sample takes a flush LSN of the node with that key in.
func (t *Tracker) Sample(key string, s Sample) {}

// Snapshot is what is known at now.
func (t *Tracker) Snapshot(now time.Time) *Snapshot { return &Snapshot{} }
