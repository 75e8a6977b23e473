package replication

import (
	"time"

	"ops-console/ops/postgres"
)

// Reading is what one node said at one moment, as it said it: a receive position may be behind the replay position, where
// nothing was received since the node started.
type Reading struct {
	Sent     time.Time // local clock, monotonic
	Received time.Time

	Version        int           `json:",omitzero"`
	InRecovery     bool          `json:",omitzero"`
	Now            time.Time     `json:",omitzero"` // by the node's clock
	Boot           time.Time     `json:",omitzero"`
	SystemID       string        `json:",omitzero"`
	ControlTLI     uint32        `json:",omitzero"` // of the latest checkpoint: may be old
	WALFileTLI     uint32        `json:",omitzero"` // of a primary
	Address        string        `json:",omitzero"` // of the server's end of the connection; empty: a unix socket
	ReadOnly       []string      `json:",omitzero"` // databases whose default is read-only; * is all of them
	Positions      Positions     `json:",omitzero"`
	LastCommit     time.Time     `json:",omitzero"` // pg_last_xact_replay_timestamp, by the clock of the primary that committed
	Paused         string        `json:",omitzero"` // empty, "pause requested", "paused"
	ApplyDelay     time.Duration `json:",omitzero"`
	Feedback       bool          `json:",omitzero"`
	SyncNames      string        `json:",omitzero"` // synchronous_standby_names
	SyncWaiters    int           `json:",omitzero"` // at least so many; all of them where Monitor is set
	Monitor        bool          `json:",omitzero"` // may read everything
	Senders        []SenderRow   `json:",omitzero"`
	Slots          []SlotRow     `json:",omitzero"`
	Receiver       *ReceiverRow  `json:",omitzero"`
	UsesSlot       string        `json:",omitzero"` // of a replica: primary_slot_name
	StartupWait    string        `json:",omitzero"` // wait_event of the startup process; for a lock RecoveryConflictLock, for a pin RecoveryConflictBufferPin
	Blockers       []Blocker     `json:",omitzero"` // known from the second reading of a conflict on
	Conflicts      int64         // cancelled queries since the statistics were reset; -1: unknown
	SegmentSize    int64         `json:",omitzero"`
	WALLevel       string        `json:",omitzero"`
	WALLogHints    bool          `json:",omitzero"` // or data checksums: pg_rewind can work
	MaxSlotKeep    int64         // max_slot_wal_keep_size in bytes; -1: no limit
	MaxWALSize     int64         `json:",omitzero"`
	ArchiveFailing bool          `json:",omitzero"` // the newest attempt to archive WAL failed
	Watchers       int           // sessions that run fly_postgres' watch_for_lsn_change; -1: unknown
	AppSessions    int           // of other clients; -1: unknown
	FreeSenders    int           // max_wal_senders less those in use; -1: unknown
	CheckpointAge  time.Duration `json:",omitzero"`
	Aurora         []AuroraRow   `json:",omitzero"`

	Refused      []string `json:",omitzero"` // what the node does not answer, in words
	Capabilities postgres.Capabilities
}

// SenderRow is one row of pg_stat_replication. Without pg_monitor all but PID and Application is zero.
type SenderRow struct {
	PID         int
	Application string
	Client      string // address
	State       string
	Sent        LSN
	Write       LSN
	Flush       LSN
	Replay      LSN
	ReplayLag   *time.Duration
	Sync        string
	Reply       time.Time // by the node's clock
}

// SlotRow is one row of pg_replication_slots.
type SlotRow struct {
	Name         string
	Type         string
	Active       bool
	ActivePID    int
	Restart      LSN
	WALStatus    string
	Safe         *int64
	Invalidation string
	InactiveAt   time.Time // 17 and later
}

// ReceiverRow is pg_stat_wal_receiver. Without pg_monitor all but PID is zero.
type ReceiverRow struct {
	PID      int
	Status   string
	Written  LSN
	Flushed  LSN
	TLI      uint32
	Host     string
	Port     int
	Slot     string
	LastSent time.Time // last_msg_send_time, by the sender's clock
	LastGot  time.Time // last_msg_receipt_time, by the node's clock
}

// AuroraRow is one row of aurora_replica_status.
type AuroraRow struct {
	Server  string
	Writer  bool
	Lag     time.Duration
	Durable LSN
	Read    LSN
	At      time.Time
}

// Sample is the primary's flush LSN: it was that at some moment between Sent and Received.
type Sample struct {
	Sent, Received time.Time
	Flush          LSN
	Insert         LSN // 0: not asked
}
