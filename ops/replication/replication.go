// Package replication tells how far the replicas of a PostgreSQL primary are behind, why, and what somebody who writes
// from their regions feels. Lag has bounds that contain the truth; what is not known is absent, never zero.
//
// Readings of single nodes go into a Tracker, which knows no network and no clock of its own, and Snapshots come out.
// Watch and Read feed one from real servers.
//
// # What the bounds of a lag claim
//
// A replica that has replayed up to R shows the primary as it was at T, the last moment at which the primary had flushed
// nothing beyond R. Its lag at a moment m is m − T, and none while the primary has nothing beyond R.
//
// The primary's flush LSN is read again and again, and each answer kept with when it was asked for and when it came. The
// last answer that is not beyond R was asked for before T, the first that is beyond R came after T: so T lies between,
// by our clock alone. For a reading of the replica that was asked for at s and came at e,
//
//	Hi = e − asked(last answer ≤ R)      holds at e, and R can only have grown until then
//	Lo = s − came(first answer > R)      holds at the moment the replica answered, at most one round trip before e
//
// Where no answer is beyond R yet, the reading waits for one that was asked for after e. If that is still not beyond R,
// the lag at e was zero, exactly; until it comes, the lag told is that of the reading before. Lag.At is e. Nothing is
// claimed for later moments: the replica may have caught up a millisecond after.
//
// A replica that cannot be read is judged by what its upstream last heard of it (FromPrimary); At is then when the
// upstream was read. Hi counts from the replay LSN it last told. Lo counts from everything that it can have got: all that
// the upstream had when there was, for the first time, no new reply, or no connection. So the lag of a replica that is cut
// off or stopped grows, and that of one that is merely hidden from us does not.
//
// WAL counts when it is flushed. A transaction that runs for a long time is not lag, and neither is a commit that the
// primary shows before it is flushed (synchronous_commit = off). Timelines are not compared: across a fork there is no lag,
// but a state.
package replication

import (
	"time"

	"ops-console/ops"
	"ops-console/ops/postgres"
)

// Snapshot is everything known of a cluster at one moment. It is immutable once published, and its JSON form is the
// documented output of `ops-console replication --format json`. Durations are in seconds, sizes in bytes.
type Snapshot struct {
	App           string    `json:"app"`
	PrimaryRegion string    `json:"primary_region,omitempty"` // as configured
	At            time.Time `json:"at"`
	Verdict       Verdict   `json:"verdict"`
	Interval      float64   `json:"interval"`           // between two readings of a node, in seconds
	Warn          float64   `json:"warn,omitempty"`     // lag that is a warning, in seconds
	Critical      float64   `json:"critical,omitempty"` // and that at which rpc_and_wait raises

	SystemID string   `json:"system_id,omitempty"` // of the cluster; empty: unknown
	Timeline uint32   `json:"timeline,omitempty"`  // of the primary
	Primary  string   `json:"primary,omitempty"`   // name of the node; empty: unknown, or more than one
	Flush    LSN      `json:"flush_lsn,omitempty"` // of the primary, the newest known
	FlushAge *float64 `json:"flush_age,omitempty"` // how old that is
	WALRate  *Rate    `json:"wal_rate,omitempty"`  // what the primary writes

	Problems  []ops.Problem `json:"problems"` // sorted, what needs a human first
	Nodes     []Node        `json:"nodes"`    // primaries first, each followed by what streams from it; then the rest
	Slots     []Slot        `json:"slots"`
	Regions   []Region      `json:"regions"` // by code
	Readiness *Readiness    `json:"readiness,omitempty"`
	Events    []Event       `json:"events,omitempty"` // newest first
	Notes     []string      `json:"notes,omitempty"`  // what limits this snapshot and how to mend it: a missing GRANT
}

// LSN is a position in the write-ahead log.
type LSN = postgres.LSN

// Verdict sums a snapshot up.
type Verdict string

// The verdicts are the exit statuses of `ops-console replication`: 0, 1 where a critical problem holds, and 3 where the
// primary's state is unknown.
const (
	Healthy   Verdict = "healthy"
	Unhealthy Verdict = "unhealthy"
	NotKnown  Verdict = "unknown"
)

// Rate is bytes per second, over the last ten seconds and the last five minutes.
type Rate struct {
	Now  float64 `json:"now"`
	Long float64 `json:"long"`
}

// Node is one server, or one address that should lead to one.
type Node struct {
	Name     string        `json:"name"`
	Region   string        `json:"region,omitempty"`
	Address  string        `json:"address,omitempty"` // HOST:PORT; empty: known only from what another node says
	Role     postgres.Role `json:"role"`              // what it says it is; empty: unknown
	Expected postgres.Role `json:"expected,omitempty"`
	Upstream string        `json:"upstream,omitempty"` // name of the node it streams from
	Depth    int           `json:"depth"`              // 0: a primary, or nobody's standby

	State      State     `json:"state"`
	StateSince time.Time `json:"state_since"` // zero: unknown
	Level      Level     `json:"level"`
	Reason     string    `json:"reason,omitempty"` // why the state is what it is, in one line

	Version      string        `json:"version,omitempty"` // 15.18
	SystemID     string        `json:"system_id,omitempty"`
	Timeline     uint32        `json:"timeline,omitempty"`
	TimelineFrom string        `json:"timeline_from,omitempty"` // walfile, receiver, control (may be old)
	BootAt       time.Time     `json:"boot_at"`                 // by its own clock
	ReadAt       time.Time     `json:"read_at"`                 // of the newest good reading; zero: never
	RTT          *float64      `json:"rtt,omitempty"`           // seconds
	Skew         *Skew         `json:"clock_skew,omitempty"`
	Privileges   string        `json:"privileges,omitempty"` // full or basic
	ReadOnly     []string      `json:"read_only,omitempty"`  // databases whose default is read-only; * is all of them
	Failure      *NodeFailure  `json:"failure,omitempty"`    // why it cannot be read now
	LSN          Positions     `json:"lsn"`
	Behind       Behind        `json:"behind"`
	Lag          Lag           `json:"lag"`
	ReplayLag    *float64      `json:"pg_replay_lag,omitempty"` // pg_stat_replication.replay_lag, for comparison
	Receive      *Rate         `json:"receive_rate,omitempty"`
	Replay       *Rate         `json:"replay_rate,omitempty"`
	ETA          *float64      `json:"eta,omitempty"` // seconds until it has caught up; absent: never at this rate, or its state is good
	Paused       string        `json:"paused,omitempty"`
	ApplyDelay   float64       `json:"apply_delay,omitempty"`
	Sync         string        `json:"sync,omitempty"` // sync_state of pg_stat_replication
	Waiters      int           `json:"sync_waiters,omitempty"`
	Receiver     *Receiver     `json:"receiver,omitempty"`
	Sender       *Sender       `json:"sender,omitempty"` // what its upstream says of it
	WaitEvent    string        `json:"wait_event,omitempty"`
	Blocker      *Blocker      `json:"blocker,omitempty"`
	Conflicts    *float64      `json:"conflicts_per_minute,omitempty"` // queries cancelled by recovery
	Feedback     bool          `json:"hot_standby_feedback,omitempty"`
	Visible      *Distribution `json:"write_to_visible,omitempty"`
	Watcher      string        `json:"fly_watcher,omitempty"` // of fly_postgres: 0.3, none, unknown
	Slot         string        `json:"slot,omitempty"`

	Trail []Point `json:"-"` // oldest first, at most an hour
}

// Level says how bad a state is.
type Level string

// The levels, worst first.
const (
	LevelCritical Level = "critical"
	LevelWarning  Level = "warning"
	LevelUnknown  Level = "unknown"
	LevelOK       Level = "ok"
)

// State of a node. Of those that hold the first in this order is the one that is told.
type State string

// The states.
const (
	Unreachable   State = "unreachable"    // no answer; Failure says why
	Foreign       State = "foreign"        // another system identifier: not of this cluster
	Misrouted     State = "misrouted"      // a replica's address where the primary answers, or another node
	Primary       State = "primary"        //
	SplitBrain    State = "split_brain"    // a second primary of the same cluster
	Restored      State = "restored"       // same system identifier, but its WAL went back in time: a restored backup
	Diverged      State = "diverged"       // replayed WAL that the primary's timeline does not have
	Orphaned      State = "orphaned"       // on an older timeline, can still follow
	Lost          State = "lost"           // needs WAL that is gone
	Paused        State = "paused"         // replay is paused
	Detached      State = "detached"       // no receiver, and no sender knows it
	Silent        State = "silent"         // the link carries nothing although there is something to carry
	Blocked       State = "blocked"        // replay waits for a query
	Delayed       State = "delayed"        // recovery_min_apply_delay, and as far behind as that says
	CatchUp       State = "catching_up"    // behind, and getting nearer
	FallingBehind State = "falling_behind" // behind, and not getting nearer
	Lagging       State = "lagging"        // more than a second behind
	Streaming     State = "streaming"      //
	StateUnknown  State = "unknown"        //
)

// Positions of a node in the WAL; zero is unknown. A primary has Flush and Write, a replica Receive and Replay.
type Positions struct {
	Flush   LSN `json:"flush,omitempty"`
	Write   LSN `json:"write,omitempty"`
	Insert  LSN `json:"insert,omitempty"`
	Receive LSN `json:"receive,omitempty"`
	Replay  LSN `json:"replay,omitempty"`
	Fork    LSN `json:"fork,omitempty"` // where its timeline left the one before
}

// Behind is how many bytes a replica is behind its primary, in all and by stage. Absent is unknown.
type Behind struct {
	Total    *int64 `json:"total,omitempty"`
	Unsent   *int64 `json:"unsent,omitempty"`    // not sent yet
	InFlight *int64 `json:"in_flight,omitempty"` // sent, not written there
	ToFlush  *int64 `json:"to_flush,omitempty"`  // written, not flushed there
	ToReplay *int64 `json:"to_replay,omitempty"` // flushed, not replayed
}

// Lag is how long ago the newest thing that a replica shows was the newest on the primary, in seconds. At the moment At the
// truth lay between Lo and Hi (see the package). Absent is unknown; Hi absent with Lo present is "at least Lo", Lo absent
// with Hi present "at most Hi".
type Lag struct {
	At     time.Time `json:"at"` // zero: never judged
	Lo     *float64  `json:"lo"`
	Hi     *float64  `json:"hi"`
	Est    *float64  `json:"est"`
	Kind   LagKind   `json:"kind"`
	Source LagSource `json:"source,omitempty"`
}

// LagKind says what the bounds of a Lag mean.
type LagKind string

// The kinds.
const (
	LagUnknown  LagKind = "unknown"
	LagCaughtUp LagKind = "caught_up" // nothing newer is known than what it has replayed
	LagBounded  LagKind = "bounded"
	LagAtLeast  LagKind = "at_least" // older than anything this console has seen
	LagHint     LagKind = "hint"     // from clocks, before there is anything better
)

// LagSource says what a Lag was made from.
type LagSource string

// The sources.
const (
	FromRing      LagSource = "ring"             // the replica's own replay LSN
	FromPrimary   LagSource = "primary_view"     // what its upstream last heard of it
	FromTimestamp LagSource = "commit_timestamp" // pg_last_xact_replay_timestamp, corrected for clock skew
	FromAurora    LagSource = "aurora"           // aurora_replica_status
)

// Skew is how far a node's clock is ahead of ours, in seconds, give or take Error.
type Skew struct {
	Offset float64 `json:"offset"`
	Error  float64 `json:"error"`
}

// NodeFailure is why a node cannot be read.
type NodeFailure struct {
	Kind     postgres.FailureKind `json:"kind"`
	SQLState string               `json:"sqlstate,omitempty"`
	Text     string               `json:"text"`
	Hint     string               `json:"hint,omitempty"`
	Since    time.Time            `json:"since"`
}

// Receiver is a replica's pg_stat_wal_receiver.
type Receiver struct {
	PID         int      `json:"pid"`
	Status      string   `json:"status,omitempty"`
	Host        string   `json:"sender_host,omitempty"` // name or address; "local socket" for any unix socket
	Port        int      `json:"sender_port,omitempty"`
	Slot        string   `json:"slot,omitempty"`
	LastMessage *float64 `json:"last_message_age,omitempty"` // seconds
}

// Sender is a replica's row in the pg_stat_replication of its upstream.
type Sender struct {
	Of        string    `json:"of"` // name of the upstream
	PID       int       `json:"pid"`
	State     string    `json:"state,omitempty"`
	Sent      LSN       `json:"sent_lsn,omitempty"`
	Write     LSN       `json:"write_lsn,omitempty"`
	Flush     LSN       `json:"flush_lsn,omitempty"`
	Replay    LSN       `json:"replay_lsn,omitempty"`
	LastReply *float64  `json:"last_reply_age,omitempty"`
	Gone      bool      `json:"gone,omitempty"` // the row is not there any more; these are its last values
	At        time.Time `json:"at"`
}

// Blocker is what replay waits for.
type Blocker struct {
	PID         int     `json:"pid"`
	Query       string  `json:"query"` // one line, safe to show
	User        string  `json:"user,omitempty"`
	Application string  `json:"application,omitempty"`
	Age         float64 `json:"age"` // seconds, of its transaction
	MaxDelay    string  `json:"max_standby_streaming_delay,omitempty"`
}

// Distribution of how long a write takes until it is visible, in seconds, over the last five minutes.
type Distribution struct {
	P50 float64 `json:"p50"`
	P95 float64 `json:"p95"`
	Max float64 `json:"max"`
	N   int     `json:"n"`
	// Resolution is how wide the bounds of a single measurement are in the mean: what is below it cannot be told from
	// nothing (Text).
	Resolution float64 `json:"resolution"`
}

// Slot is a replication slot of a node.
type Slot struct {
	Node         string   `json:"node"` // whose it is
	Name         string   `json:"name"`
	Type         string   `json:"type"` // physical or logical
	Active       bool     `json:"active"`
	Owner        string   `json:"owner,omitempty"` // name of the node, or application_name, that uses it or last did
	Retained     *int64   `json:"retained,omitempty"`
	Safe         *int64   `json:"safe,omitempty"`       // bytes until it may be lost; absent: no limit, or unknown
	WALStatus    string   `json:"wal_status,omitempty"` // reserved, extended, unreserved, lost
	Invalidation string   `json:"invalidation_reason,omitempty"`
	InactiveFor  *float64 `json:"inactive_for,omitempty"` // seconds, at least
	ETAToLoss    *float64 `json:"eta_to_loss,omitempty"`  // seconds, at the present rate
	Level        Level    `json:"level"`
}

// Region is what somebody who writes from there feels.
type Region struct {
	Code       string        `json:"code"`
	Nodes      []string      `json:"nodes"` // names; empty: instances without a replica
	Local      string        `json:"local,omitempty"`
	Lag        Lag           `json:"lag"` // of the one that is furthest behind
	Level      Level         `json:"level"`
	Visible    *Distribution `json:"write_to_visible,omitempty"`
	Waits      *Distribution `json:"rpc_and_wait,omitempty"`    // what rpc_and_wait takes at least: Visible and the watcher's own
	TimesOut   bool          `json:"times_out"`                 // rpc_and_wait raises: lag is at or above the limit for certain
	InsertGap  bool          `json:"insert_lsn_gap,omitempty"`  // a wait that writes nothing times out now: the insert LSN is past what can be replayed
	Verdict    string        `json:"verdict,omitempty"`         // in one line
	UntilRaise *float64      `json:"until_times_out,omitempty"` // seconds, if the lag grows as it does
}

// Readiness is what a failover now would mean.
type Readiness struct {
	Safe      bool     `json:"safe"`
	Candidate string   `json:"candidate,omitempty"` // name of the best node
	Region    string   `json:"region,omitempty"`
	LossBytes *int64   `json:"loss_bytes,omitempty"`
	Loss      *Lag     `json:"loss,omitempty"`    // in seconds, on the flush LSN
	Backlog   *float64 `json:"backlog,omitempty"` // seconds of replay before it can serve
	Missing   []string `json:"missing,omitempty"` // slots that the candidate lacks
	Obstacles []string `json:"obstacles,omitempty"`
	Verdict   string   `json:"verdict"` // in one line
}

// Event is something that changed.
type Event struct {
	At   time.Time `json:"at"`
	Node string    `json:"node,omitempty"`
	From State     `json:"from,omitempty"`
	To   State     `json:"to,omitempty"`
	Text string    `json:"text"`
	LSN  LSN       `json:"lsn,omitempty"`
}

// Point is one moment of a node's past.
type Point struct {
	At          time.Time
	Lo, Hi, Est float32 // seconds; NaN where unknown; Hi +Inf for "at least Lo"
	State       State
	Replay      LSN // of the replica; of a primary its flush LSN
	Flush       LSN // of the primary at that moment
}
