package replication

import (
	"slices"
	"strings"

	"ops-console/ops/postgres"
)

// block is one part of what a node is asked, with a name under which the answer has it. Blocks stand alone, so that one
// that a server refuses can be left out.
type block struct {
	name  string
	about string // what is not known without it, in a few words
	sql   string // an expression; r.rec says whether the server is in recovery
	since int    // server_version_num; 0: any
	until int    // the first version that does not have it; 0: none
	when  func(postgres.Capabilities) bool
	held  bool // asked only after a reading in which replay waited for a query
	// Before 15 it is known to the statistics collector alone. A backend waits ten seconds for one that has no time, as on
	// a machine whose disks are busy, which is when somebody looks (backend_read_statsfile).
	collected bool
}

// core is the block without which there is no reading.
const core = "core"

// blocks need no privilege to be asked: what a role may not see is null. Functions are asked rather than the views made
// of them where a view joins catalogues that are of no use here, which costs more to plan than to run. Columns that some
// version lacks are taken out of to_jsonb(row). Nothing here reads primary_conninfo, or conninfo of pg_stat_wal_receiver:
// they hold passwords.
//
// Within an expression the functions are evaluated from left to right: a position that can only be ahead of another is
// read after it.
var blocks = [...]block{
	{name: core, about: "anything", sql: `json_build_object(
 'version', current_setting('server_version_num')::int,
 'recovery', r.rec,
 'now', extract(epoch from clock_timestamp()),
 'boot', extract(epoch from pg_postmaster_start_time()),
 'address', host(inet_server_addr()),
 'monitor', pg_has_role('pg_read_all_stats', 'USAGE'))`},

	{name: "wal", about: "WAL positions", sql: `case when r.rec then json_build_object(
 'replay', pg_last_wal_replay_lsn(),
 'commit', extract(epoch from pg_last_xact_replay_timestamp()))
else json_build_object(
 'flush', pg_current_wal_flush_lsn(),
 'write', pg_current_wal_lsn(),
 'insert', pg_current_wal_insert_lsn()) end`},

	{name: "receive", about: "what was received", sql: `case when r.rec then pg_last_wal_receive_lsn() end`},

	// On a promoted server this is where its timeline begins; after a restart it is null, or where crash recovery ended.
	{name: "fork", about: "where its timeline forked", sql: `case when not r.rec then pg_last_wal_replay_lsn() end`},

	{name: "timeline", about: "the timeline", sql: `case when not r.rec then substr(pg_walfile_name(pg_current_wal_flush_lsn()), 1, 8) end`},

	{name: "control", about: "the control file", sql: `(select json_build_object(
 'system', s.system_identifier::text,
 'timeline', c.timeline_id,
 'checkpoint', extract(epoch from c.checkpoint_time))
 from pg_control_system() s, pg_control_checkpoint() c)`},

	{name: "pause", about: "whether replay is paused", since: 140000, sql: `case when r.rec then pg_get_wal_replay_pause_state() end`},

	{name: "pause", about: "whether replay is paused", until: 140000, sql: `case when r.rec then case when pg_is_wal_replay_paused() then 'paused' else 'not paused' end end`},

	{name: "settings", about: "settings", sql: `json_build_object(
 'apply_delay', extract(epoch from current_setting('recovery_min_apply_delay', true)::interval),
 'feedback', current_setting('hot_standby_feedback', true),
 'uses_slot', case when r.rec then current_setting('primary_slot_name', true) end,
 'sync_names', current_setting('synchronous_standby_names', true),
 'wal_level', current_setting('wal_level', true),
 'wal_log_hints', current_setting('wal_log_hints', true),
 'checksums', current_setting('data_checksums', true),
 'segment_size', pg_size_bytes(current_setting('wal_segment_size', true)),
 'max_slot_keep', pg_size_bytes(current_setting('max_slot_wal_keep_size', true)),
 'max_wal_size', pg_size_bytes(current_setting('max_wal_size', true)),
 'max_senders', current_setting('max_wal_senders', true)::int,
 'max_delay', current_setting('max_standby_streaming_delay', true))`},

	// A setting of a database for everybody, and the server's own where nothing of the database or role explains it.
	{name: "read_only", about: "read-only databases", sql: `(select json_build_object(
 'default', current_setting('default_transaction_read_only'),
 'explained', coalesce(bool_or(d.datname = current_database() or d.oid is null), false),
 'databases', json_agg(d.datname order by d.datname) filter (where s.setrole = 0))
 from pg_db_role_setting s left join pg_database d on d.oid = s.setdatabase, unnest(s.setconfig) c
 where c ~* '^default_transaction_read_only=(on|t|tr|tru|true|y|ye|yes|1)$'
 and (d.oid is not null or s.setdatabase = 0) and (s.setrole = 0 or pg_get_userbyid(s.setrole) = session_user))`},

	{name: "senders", about: "WAL senders", sql: `(select json_agg(json_build_object(
 'pid', w.pid, 'application', a.application_name, 'client', host(a.client_addr), 'state', w.state,
 'sent', w.sent_lsn, 'write', w.write_lsn, 'flush', w.flush_lsn, 'replay', w.replay_lsn,
 'replay_lag', extract(epoch from w.replay_lag), 'sync', w.sync_state, 'reply', extract(epoch from w.reply_time)))
 from pg_stat_get_wal_senders() w join pg_stat_get_activity(null) a on a.pid = w.pid)`},

	{name: "slots", about: "replication slots", sql: `(select json_agg(json_build_object(
 'name', s.slot_name, 'type', s.slot_type, 'active', s.active, 'pid', s.active_pid, 'restart', s.restart_lsn,
 'status', j->'wal_status', 'safe', j->'safe_wal_size', 'invalidation', j->'invalidation_reason',
 'inactive', extract(epoch from (j->>'inactive_since')::timestamptz)))
 from pg_get_replication_slots() s, to_jsonb(s) j)`},

	{name: "receiver", about: "the WAL receiver", sql: `case when r.rec then (select json_build_object(
 'pid', w.pid, 'status', w.status,
 'written', coalesce(j->'written_lsn', j->'received_lsn'), 'flushed', coalesce(j->'flushed_lsn', j->'received_lsn'),
 'timeline', w.received_tli, 'host', w.sender_host, 'port', w.sender_port, 'slot', w.slot_name,
 'sent', extract(epoch from w.last_msg_send_time), 'got', extract(epoch from w.last_msg_receipt_time))
 from pg_stat_get_wal_receiver() w, to_jsonb(w) j where w.pid is not null) end`},

	{name: "activity", about: "sessions", sql: `(select json_build_object(
 'startup', max(case wait_event_type when 'Lock' then 'RecoveryConflictLock' when 'BufferPin' then 'RecoveryConflictBufferPin' else wait_event end)
  filter (where backend_type = 'startup'),
 'sync_waiters', count(*) filter (where wait_event = 'SyncRep'),
 'watchers', count(*) filter (where watcher),
 'sessions', count(*) filter (where backend_type = 'client backend' and not watcher
  and application_name not in ('ops-console', 'psql', 'pg_dump', 'pg_basebackup')
  and pg_get_userbyid(usesysid) not in ('repmgr', 'flypgadmin', 'rdsadmin')))
 from (select *, coalesce(query ~* '^\s*select\s+(\w+\.)?watch_for_lsn_change\(', false) as watcher from pg_stat_get_activity(null)) a)`},

	// Who may hold up replay: those with the oldest snapshot, or who hold the lock that replay waits for.
	// pg_blocking_pids does not know the startup process. To plan this takes a quarter of what all takes.
	{name: "blockers", about: "what holds replay up", held: true, sql: `case when r.rec then (select json_agg(b) from (
 select a.pid, nullif(a.query, '<insufficient privilege>') as query, pg_get_userbyid(a.usesysid) as user,
  a.application_name as application, extract(epoch from clock_timestamp() - a.xact_start) as age
 from pg_stat_get_activity(null) s, pg_stat_get_activity(null) a
 where s.backend_type = 'startup' and a.pid <> pg_backend_pid() and a.backend_type = 'client backend'
  and (s.wait_event = 'RecoveryConflictSnapshot' and a.backend_xmin is not null
   or s.wait_event_type = 'Lock' and exists (select from pg_locks w join pg_locks h using (locktype, database, relation)
    where w.pid = s.pid and not w.granted and h.pid = a.pid and h.granted))
 order by age(a.backend_xmin) desc nulls last, a.xact_start limit 3) b) end`},

	{name: "conflicts", about: "cancelled queries", collected: true, sql: `case when r.rec then (select sum(conflicts) from pg_stat_database) end`},

	{name: "archiver", about: "the archiver", collected: true, sql: `(select json_build_object(
 'mode', current_setting('archive_mode', true),
 'failing', coalesce(last_failed_time > coalesce(last_archived_time, '-infinity'), false))
 from pg_stat_get_archiver())`},

	{name: "aurora", about: "Aurora's replicas", when: func(c postgres.Capabilities) bool { return c.Aurora }, sql: `(select json_agg(json_build_object(
 'server', j->>'server_id', 'session', j->>'session_id', 'lag', (j->>'replica_lag_in_msec')::float8 / 1000,
 'durable', (j->>'durable_lsn')::numeric, 'read', (j->>'current_read_lsn')::numeric,
 'at', extract(epoch from (j->>'last_update_timestamp')::timestamptz)))
 from aurora_replica_status() a, to_jsonb(a) j)`},
}

// refusals are what a server says to a question that it has no answer to, by version, privilege or kind.
var refusals = []string{
	"0A000", // feature_not_supported
	"42501", // insufficient_privilege
	"42883", // undefined_function
	"42703", // undefined_column
	"42P01", // undefined_table
	"42704", // undefined_object: a setting
}

// recoveryEnded is object_not_in_prerequisite_state: a server was promoted between two parts of one question.
const recoveryEnded = "55000"

// ask gives the blocks that a server with such capabilities can be asked.
func ask(c postgres.Capabilities) []block {
	var bb []block
	for _, b := range blocks {
		if c.Version >= b.since && (b.until == 0 || c.Version < b.until) && (b.when == nil || b.when(c)) {
			bb = append(bb, b)
		}
	}
	return bb
}

// query is one statement of one row and one column that asks for blocks.
func query(bb []block) string {
	var s strings.Builder
	s.WriteString("select json_build_object(")
	for i, b := range bb {
		if i > 0 {
			s.WriteString(",\n")
		}
		s.WriteString("'" + b.name + "', " + b.sql)
	}
	s.WriteString(")::text from (select pg_is_in_recovery() as rec) r")
	return s.String()
}

// sampleQuery asks a primary for its flush and insert LSN.
const sampleQuery = `select pg_current_wal_flush_lsn() || ' ' || pg_current_wal_insert_lsn()`

// refused tells whether a failure can be due to one of several blocks.
func refused(f *postgres.Failure) bool { return slices.Contains(refusals, f.SQLState) }
