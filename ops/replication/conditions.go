package replication

import (
	"slices"
	"time"

	"ops-console/ops"
)

// The codes of what can be wrong. They are stable: scripts match them.
const (
	codeSplitBrain       = "replication.split_brain"
	codePrimaryDown      = "replication.primary_down"
	codePrimaryUnread    = "replication.primary_unread"
	codeNoPrimary        = "replication.no_primary"
	codeRestored         = "replication.restored"
	codeForeign          = "replication.foreign"
	codeDiverged         = "replication.diverged"
	codeLost             = "replication.lost"
	codeOrphaned         = "replication.orphaned"
	codeMisrouted        = "replication.misrouted"
	codeRole             = "replication.role_unexpected"
	codeUnreachable      = "replication.unreachable"
	codePaused           = "replication.paused"
	codeDetached         = "replication.detached"
	codeSilent           = "replication.silent"
	codeBlocked          = "replication.blocked"
	codeLagCritical      = "replication.lag_critical"
	codeLag              = "replication.lag"
	codeSlotLost         = "replication.slot_lost"
	codeSlotNearLoss     = "replication.slot_near_loss"
	codeSlotInactive     = "replication.slot_inactive"
	codeSlotRetains      = "replication.slot_retains"
	codeReadOnly         = "replication.read_only"
	codeSyncBlocked      = "replication.sync_blocked"
	codeVisible          = "replication.slow_to_visible"
	codeInsertGap        = "replication.insert_gap"
	codeWatcher          = "replication.watcher_missing"
	codeSkew             = "replication.clock_skew"
	codeArchive          = "replication.archive_failing"
	skewWarns            = 500 * time.Millisecond
	visibleWarns         = 500 * time.Millisecond
	fewestForDistributon = 20
)

// broken roles explain what follows from them.
var badRole = []string{codeForeign, codeMisrouted, codeUnreachable, codeDiverged, codeLost}

// conditions is never written to. Its order is that of docs/replication-problems.md.
var conditions = []ops.Condition{
	{
		Code: codeSplitBrain, Severity: ops.Critical,
		Title: "two primaries",
		Hint:  "stop the one that should not take writes, before clients reach both; then pg_rewind it or copy it anew",
	},
	{
		Code: codePrimaryDown, Severity: ops.Critical,
		Title: "the primary is down",
		Hint:  "see its machine and logs; the readiness line says what a failover would cost",
	},
	{
		Code: codePrimaryUnread, Severity: ops.Unknown, After: 5 * time.Second,
		Title: "the primary cannot be read",
		Hint:  "whether it works is not known: lags are as old as shown, replicas are compared among themselves",
	},
	{
		Code: codeNoPrimary, Severity: ops.Critical, After: 10 * time.Second,
		Title:     "no node is a primary",
		Hint:      "all that answer are in recovery: writes fail; promote the candidate of the readiness line",
		DependsOn: []string{codePrimaryDown, codePrimaryUnread},
	},
	{
		Code: codeRestored, Severity: ops.Critical,
		Title: "WAL went back in time",
		Hint:  "a backup was restored there: replicas that have more cannot follow, and sessions that wait for an LSN read old data",
	},
	{
		Code: codeForeign, Severity: ops.Critical, After: 5 * time.Second,
		Title: "belongs to another cluster",
		Hint:  "check the address: reads from there are of another database",
	},
	{
		Code: codeDiverged, Severity: ops.Critical,
		Title:     "diverged from the primary",
		Hint:      "it holds writes that the primary does not: save what is needed, then pg_rewind or a new copy",
		DependsOn: []string{codeForeign, codeMisrouted, codeUnreachable},
	},
	{
		Code: codeLost, Severity: ops.Critical,
		Title:     "needs WAL that is gone",
		Hint:      "copy it anew (pg_basebackup, or destroy and clone the machine); drop its slot if it does not come back",
		DependsOn: []string{codeForeign, codeMisrouted, codeUnreachable, codeDiverged},
	},
	{
		Code: codeOrphaned, Severity: ops.Warning, After: time.Minute,
		Title:     "on an older timeline",
		Hint:      "point its primary_conninfo to the new primary; recovery_target_timeline has to be latest",
		DependsOn: badRole,
	},
	{
		Code: codeMisrouted, Severity: ops.Warning, After: 5 * time.Second,
		Title: "address leads to another node",
		Hint:  "on Fly Postgres port 5432 always leads to the primary: use 5433, the machine's own",
	},
	{
		Code: codeRole, Severity: ops.Warning, After: 10 * time.Second,
		Title:     "is not what it is listed as",
		Hint:      "after a failover: change PRIMARY_REGION and the list of nodes; otherwise check the address",
		DependsOn: []string{codeForeign, codeMisrouted, codeSplitBrain},
	},
	{
		Code: codeUnreachable, Severity: ops.Unknown, After: 10 * time.Second,
		Title: "replica cannot be read",
		Hint:  "its lag is what the primary last heard of it",
	},
	{
		Code: codePaused, Severity: ops.Warning, After: 5 * time.Second,
		Title:     "replay is paused",
		Hint:      "select pg_wal_replay_resume(); if nobody paused it: see recovery_target_action and whether parameters are lower than the primary's",
		DependsOn: badRole,
	},
	{
		Code: codeDetached, Severity: ops.Warning, After: 10 * time.Second,
		Title:     "does not stream",
		Hint:      "see its log for why the receiver does not start: the address in primary_conninfo, pg_hba.conf, a slot that is missing",
		DependsOn: append(slices.Clone(badRole), codePrimaryDown, codeOrphaned),
	},
	{
		Code: codeSilent, Severity: ops.Warning, After: 10 * time.Second,
		Title:     "link is dead",
		Hint:      "nothing arrives although there is something to send: wal_receiver_timeout (60 s) ends it; restarting the receiver is quicker",
		DependsOn: append(slices.Clone(badRole), codePrimaryDown),
	},
	{
		Code: codeBlocked, Severity: ops.Warning, After: 5 * time.Second,
		Title:     "replay waits for a query",
		Hint:      "end that query (pg_cancel_backend), or lower max_standby_streaming_delay",
		DependsOn: badRole,
	},
	{
		Code: codeLagCritical, Severity: ops.Critical, After: 10 * time.Second,
		Title: "is so far behind that rpc_and_wait raises",
		Hint:  "writes from that region are committed and then reported as failed: users may repeat them",
	},
	{
		Code: codeLag, Severity: ops.Warning, After: 15 * time.Second,
		Title:     "is behind",
		Hint:      "see the stages: unsent is the network or the sender, to replay is the replica itself",
		DependsOn: []string{codeLagCritical},
	},
	{
		Code: codeSlotLost, Severity: ops.Critical,
		Title: "slot is lost",
		Hint:  "who used it needs a new copy; drop it: select pg_drop_replication_slot('…')",
	},
	{
		Code: codeSlotNearLoss, Severity: ops.Critical, After: 5 * time.Second,
		Title: "slot will be lost",
		Hint:  "bring its user back, or raise max_slot_wal_keep_size (reload) while the disk has room",
	},
	{
		Code: codeSlotInactive, Severity: ops.Warning,
		Title:     "slot is not used",
		Hint:      "it keeps WAL until the disk is full: drop it if its user is gone for good",
		DependsOn: []string{codeSlotNearLoss, codeSlotLost},
	},
	{
		Code: codeSlotRetains, Severity: ops.Warning, After: 10 * time.Second,
		Title:     "slot keeps much WAL",
		Hint:      "its user is behind: see its lag, and how much room the disk has",
		DependsOn: []string{codeSlotNearLoss, codeSlotInactive, codeSlotLost},
	},
	{
		Code: codeReadOnly, Severity: ops.Critical, After: 3 * time.Second,
		Title: "database is read-only",
		Hint:  "writes fail with 25006: Fly Postgres does that at 90 % of the disk or without a quorum; make room, then alter database … reset default_transaction_read_only",
	},
	{
		Code: codeSyncBlocked, Severity: ops.Critical, After: 3 * time.Second,
		Title: "commits wait for a synchronous standby",
		Hint:  "none of synchronous_standby_names is connected: bring it back, or alter system set synchronous_standby_names and reload",
	},
	{
		Code: codeVisible, Severity: ops.Warning, After: 30 * time.Second,
		Title:     "writes are slow to become visible",
		Hint:      "rpc_and_wait takes that long in this region",
		DependsOn: []string{codeLagCritical, codeLag},
	},
	{
		Code: codeInsertGap, Severity: ops.Warning, After: 5 * time.Second,
		Title:     "waits that write nothing time out",
		Hint:      "fly_postgres waits for the insert LSN, which is now at a page's header that no replica replays until more is written",
		DependsOn: []string{codeLagCritical},
	},
	{
		Code: codeWatcher, Severity: ops.Warning, After: 30 * time.Second,
		Title:     "no fly_postgres watcher",
		Hint:      "the app has sessions there, and none runs watch_for_lsn_change: rpc_and_wait times out; see the app's log for its LSN tracker",
		DependsOn: []string{codeUnreachable},
	},
	{
		Code: codeSkew, Severity: ops.Warning, After: 10 * time.Second,
		Title: "clock is off",
		Hint:  "lag shown by tools that compare clocks is wrong by that much; check its time synchronization",
	},
	{
		Code: codeArchive, Severity: ops.Warning, After: 10 * time.Second,
		Title: "archiving fails",
		Hint:  "WAL piles up and restores end where it stopped: see archive_command in the log",
	},
}

// Conditions is everything that a snapshot can report as a problem.
func Conditions() []ops.Condition { return slices.Clone(conditions) }

func condition(code string) ops.Condition {
	i := slices.IndexFunc(conditions, func(c ops.Condition) bool { return c.Code == code })
	return conditions[i]
}
