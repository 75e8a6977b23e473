package replication

import (
	"fmt"
	"strings"

	"ops-console/ops/replication"
	"ops-console/tui/pane"
)

// statement is SQL that a human may want to run, and where.
type statement struct{ what, sql string }

// statements are those for a node: they are to be read and copied, never run by the console.
func (p *Pane) statements(r *row) []statement {
	var out []statement
	add := func(what, sql string) { out = append(out, statement{what, sql}) }
	if b := r.Blocker; b != nil && b.PID > 0 {
		add("cancel what replay waits for, on "+r.Name, fmt.Sprintf("SELECT pg_cancel_backend(%d);", b.PID))
	}
	if r.Paused != "" {
		add("let replay go on, on "+r.Name, "SELECT pg_wal_replay_resume();")
	}
	switch r.State {
	case replication.Detached, replication.Silent, replication.Lost:
		add("what the receiver does, on "+r.Name, "SELECT status, sender_host, sender_port, slot_name, latest_end_lsn, last_msg_receipt_time FROM pg_stat_wal_receiver;")
		if r.Upstream != "" {
			add("what keeps WAL, on "+r.Upstream, "SELECT slot_name, active, wal_status, safe_wal_size, restart_lsn FROM pg_replication_slots;")
		}
	}
	for i := range p.feed.Value.Slots {
		s := &p.feed.Value.Slots[i]
		if s.Active || s.Owner != r.Name && s.Name != r.Slot || s.Name == "" {
			continue
		}
		what := "drop slot " + s.Name + ", on " + s.Node + ": " + r.Name + " has to be rebuilt then"
		add(what, "SELECT pg_drop_replication_slot("+literal(s.Name)+");")
	}
	if !isPrimary(r.Node) {
		add("its bytes behind, on the primary", "SELECT application_name, state, pg_wal_lsn_diff(pg_current_wal_flush_lsn(), replay_lsn) AS bytes FROM pg_stat_replication;")
	}
	return out
}

// literal is a string as SQL.
func literal(s string) string {
	q := "'" + strings.ReplaceAll(s, "'", "''") + "'"
	if strings.Contains(s, `\`) {
		return " E" + strings.ReplaceAll(q, `\`, `\\`)
	}
	return q
}

// Copies are what else can be copied: why the node under the cursor is as it is, and SQL for it and for the notes.
func (p *Pane) Copies() []pane.Copy {
	var out []pane.Copy
	add := func(what, text string) {
		if text != "" {
			out = append(out, pane.Copy{What: what, Text: text})
		}
	}
	if p.feed.Value == nil {
		return nil
	}
	for _, n := range p.feed.Value.Notes {
		add("the missing grant", grant(n))
	}
	r := p.selected()
	if r == nil {
		return out
	}
	add("why "+r.Name+" is "+string(r.State), r.Reason)
	if r.Blocker != nil {
		add("the query that replay waits for", r.Blocker.Query)
	}
	for _, s := range p.statements(r) {
		add(s.what, s.sql)
	}
	return out
}

// grant is the statement in a note; empty where there is none.
func grant(note string) string {
	i := strings.Index(note, "GRANT ")
	if i < 0 {
		return ""
	}
	s := note[i:]
	if end := strings.IndexByte(s, ';'); end >= 0 {
		s = s[:end]
	}
	return strings.TrimSpace(s) + ";"
}
