package replication

import (
	"time"

	"ops-console/ops/postgres"
)

// Reading is what one node said at one moment, as it said it.
type Reading struct {
	Sent, Received time.Time // local clock, monotonic

	Version        int
	InRecovery     bool
	Now            time.Time // by the node's clock
	Boot           time.Time
	SystemID       string
	ControlTLI     uint32 // of the latest checkpoint: may be old
	WALFileTLI     uint32 // of a primary
	Address        string // of the server's end of the connection; empty: a unix socket
	ReadOnly       []string
	Positions      Positions
	LastCommit     time.Time // pg_last_xact_replay_timestamp, by the clock of the primary that committed
	Paused         string    // empty, "pause requested", "paused"
	ApplyDelay     time.Duration
	Feedback       bool
	SyncNames      string // synchronous_standby_names
	SyncWaiters    int
	Monitor        bool // may read everything
	Senders        []SenderRow
	Slots          []SlotRow
	Receiver       *ReceiverRow
	StartupWait    string // wait_event of the startup process
	Blockers       []Blocker
	Conflicts      int64 // cancelled queries since the statistics were reset; -1: unknown
	SegmentSize    int64
	WALLevel       string
	WALLogHints    bool  // or data checksums: pg_rewind can work
	MaxSlotKeep    int64 // max_slot_wal_keep_size in bytes; -1: no limit
	MaxWALSize     int64
	ArchiveFailing bool
	Watchers       int // sessions that run fly_postgres' watch_for_lsn_change; -1: unknown
	AppSessions    int // of other clients; -1: unknown
	FreeSenders    int // max_wal_senders less those in use; -1: unknown
	CheckpointAge  time.Duration
	Aurora         []AuroraRow

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
