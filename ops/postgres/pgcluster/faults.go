package pgcluster

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Delay sets the one-way delay of the link to the upstream. What is under way is late by the new one, too.
func (n *Node) Delay(d time.Duration) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.delay = max(d, 0)
	if n.link != nil {
		n.link.setDelay(n.delay)
	}
}

// Cut breaks the link to the upstream and refuses new ones, until Heal.
func (n *Node) Cut() { n.setMode(linkCut) }

// Hole makes the link to the upstream swallow everything, without a word, until Heal; then what was under way arrives.
func (n *Node) Hole() { n.setMode(linkHole) }

// Heal ends Cut and Hole.
func (n *Node) Heal() { n.setMode(linkOpen) }

func (n *Node) setMode(m linkMode) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.mode = m
	if n.link != nil {
		n.link.setMode(m)
	}
}

// Process is a part of a server.
type Process string

// The processes that can be frozen.
const (
	WholeServer Process = ""
	Startup     Process = "startup"
	WALReceiver Process = "walreceiver"
)

// Freeze stops processes of the server (SIGSTOP) until Thaw. Processes that the server starts later run.
func (n *Node) Freeze(p Process) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if !n.proc.alive() {
		return fmt.Errorf("freezing %s: it does not run", n.name)
	}
	var pids []int
	if p == WholeServer {
		// It first: then it starts no others, but one that it was just starting.
		kill(n.proc.pid, syscall.SIGSTOP)
		pids = append(pids, n.proc.pid)
	}
	for more := true; more; {
		more = false
		for pid, title := range children(n.proc.pid) {
			if (p == WholeServer || isProcess(title, p)) && !slices.Contains(pids, pid) {
				kill(pid, syscall.SIGSTOP)
				pids = append(pids, pid)
				more = true
			}
		}
	}
	if len(pids) == 0 {
		return fmt.Errorf("freezing the %s process of %s: it has none now", p, n.name)
	}
	n.frozen = append(n.frozen, pids...)
	n.cluster.guard.freeze(pids, true)
	return nil
}

// isProcess reads a title: "postgres: r1: startup recovering 000…", where the second word is the cluster's name.
func isProcess(title string, p Process) bool {
	rest, ok := strings.CutPrefix(title, "postgres: ")
	if !ok {
		return false
	}
	is := func(s string) bool { return s == string(p) || strings.HasPrefix(s, string(p)+" ") }
	if _, after, named := strings.Cut(rest, ": "); named && is(after) {
		return true
	}
	return is(rest)
}

// Thaw lets them run on.
func (n *Node) Thaw() error {
	n.thaw()
	return nil
}

func (n *Node) thaw() {
	n.mu.Lock()
	defer n.mu.Unlock()
	if len(n.frozen) == 0 || n.proc == nil {
		return
	}
	now := children(n.proc.pid)
	for _, pid := range n.frozen {
		if _, ours := now[pid]; ours || pid == n.proc.pid && n.proc.alive() {
			kill(pid, syscall.SIGCONT)
		}
	}
	n.cluster.guard.freeze(n.frozen, false)
	n.frozen = nil
}

// Pause pauses replay, and waits until nothing is replayed any more.
func (n *Node) Pause(ctx context.Context) error {
	ctx, done := n.cluster.bound(ctx)
	defer done()
	if err := n.Exec(ctx, "postgres", "select pg_wal_replay_pause()"); err != nil {
		return fmt.Errorf("pausing replay: %w", err)
	}
	if n.cluster.bin.Version < 14 {
		return nil
	}
	return n.until(ctx, "the pause of replay", "select pg_get_wal_replay_pause_state() = 'paused'")
}

// Resume lets replay go on.
func (n *Node) Resume(ctx context.Context) error {
	if err := n.Exec(ctx, "postgres", "select pg_wal_replay_resume()"); err != nil {
		return fmt.Errorf("resuming replay: %w", err)
	}
	return nil
}

// ApplyDelay sets recovery_min_apply_delay; 0 ends it.
func (n *Node) ApplyDelay(ctx context.Context, d time.Duration) error {
	ctx, done := n.cluster.bound(ctx)
	defer done()
	value, ms := "", strconv.FormatInt(max(d, 0).Milliseconds(), 10)
	if ms != "0" {
		value = ms + "ms"
	}
	if err := n.override(map[string]string{"recovery_min_apply_delay": value}); err != nil {
		return err
	}
	return n.untilSet(ctx, "recovery_min_apply_delay", ms)
}

// untilSet waits until new sessions see a setting, in its own unit.
func (n *Node) untilSet(ctx context.Context, name, value string) error {
	for {
		var is string
		if err := n.query(ctx, "select setting from pg_settings where name = $1", []any{name}, &is); err != nil {
			return fmt.Errorf("%s: asking for %s: %w", n.name, name, err)
		}
		if is == value {
			return nil
		}
		if err := rest(ctx, 5*time.Millisecond); err != nil {
			return n.failed(fmt.Errorf("waiting for %s = %s: %w", name, value, err))
		}
	}
}

// Promote makes a primary of a replica, and waits until it is one. Its link stays, for Restore to make it a replica again.
func (n *Node) Promote(ctx context.Context) error {
	ctx, done := n.cluster.bound(ctx)
	defer done()
	if err := n.Exec(ctx, "postgres", fmt.Sprintf("select pg_promote(true, %d)", int(patience.Seconds()))); err != nil {
		return fmt.Errorf("promoting: %w", err)
	}
	return n.until(ctx, "being a primary", "select not pg_is_in_recovery()")
}

// LoseSlot makes the upstream throw away WAL that the node still needs: its link is cut, max_slot_wal_keep_size made
// small, and WAL written until the slot is lost. Then the settings and the link are again what they were, so that the
// node tries to go on in vain, until Restore; replicas that stream from it have lost as much. Other replicas of the upstream are waited for, so that they lose nothing.
func (n *Node) LoseSlot(ctx context.Context) error {
	upstream, slot := n.upstreamNode(), n.replica.Slot
	switch {
	case upstream == nil || slot == "":
		return fmt.Errorf("%s has no slot to lose", n.name)
	case n.cluster.bin.Version < 13:
		return fmt.Errorf("PostgreSQL %d keeps WAL for slots whatever happens: losing one needs 13 or later", n.cluster.bin.Version)
	}
	n.op.Lock()
	defer n.op.Unlock()
	ctx, done := n.cluster.bound(ctx)
	defer done()
	n.mu.Lock()
	n.link.setMode(linkCut)
	n.mu.Unlock()
	defer func() {
		n.mu.Lock()
		n.link.setMode(n.mode)
		n.mu.Unlock()
	}()
	err := upstream.override(map[string]string{"max_slot_wal_keep_size": "1MB", "wal_keep_size": "0"})
	if err == nil {
		err = upstream.lose(ctx, n, slot)
	}
	if err := errors.Join(err, upstream.override(map[string]string{"max_slot_wal_keep_size": "", "wal_keep_size": ""})); err != nil {
		return fmt.Errorf("making %s lose its slot: %w", n.name, err)
	}
	return nil
}

// lose writes WAL until a slot of the node is lost.
func (n *Node) lose(ctx context.Context, loser *Node, slot string) error {
	writer, err := n.writer(ctx)
	if err != nil {
		return err
	}
	write := slices.Repeat([]string{"select pg_logical_emit_message(true, 'pgcluster', repeat('x', 1000000))", "select pg_switch_wal()"}, 4)
	for ctx.Err() == nil {
		// The sizes are for the checkpointer, which learns of them when it will: round by round.
		if err := writer.Exec(ctx, "postgres", write...); err != nil {
			return err
		}
		if err := n.untilOthersHave(ctx, loser); err != nil {
			return err
		}
		// WAL is thrown away at checkpoints; a standby makes one only after the primary's.
		for _, at := range []*Node{writer, n} {
			if err := at.query(ctx, "checkpoint", nil); err != nil {
				return err
			}
		}
		var lost bool
		if err := n.query(ctx, "select coalesce(wal_status, 'lost') = 'lost' from pg_replication_slots where slot_name = $1::text::name",
			[]any{slot}, &lost); err != nil {
			return fmt.Errorf("slot %s: %w", slot, err)
		}
		if lost {
			return nil
		}
	}
	return ctx.Err()
}

// writer is the primary that a node's WAL comes from, itself perhaps.
func (n *Node) writer(ctx context.Context) (*Node, error) {
	for {
		standby, err := n.inRecovery(ctx)
		if err != nil {
			return nil, err
		}
		u := n.upstreamNode()
		if !standby || u == nil {
			return n, nil
		}
		n = u
	}
}

func (n *Node) inRecovery(ctx context.Context) (bool, error) {
	var yes bool
	if err := n.query(ctx, "select pg_is_in_recovery()", nil, &yes); err != nil {
		return false, fmt.Errorf("%s: is it in recovery: %w", n.name, err)
	}
	return yes, nil
}

// untilOthersHave waits until every replica that streams, but one, has the WAL that the node has; a replica that takes
// longer than its way is not waited for.
func (n *Node) untilOthersHave(ctx context.Context, loser *Node) error {
	var lsn string
	if err := n.query(ctx, `select (case when pg_is_in_recovery() then pg_last_wal_receive_lsn()
		else pg_current_wal_flush_lsn() end)::text`, nil, &lsn); err != nil {
		return err
	}
	way := 5 * time.Second
	for _, other := range n.cluster.Nodes() {
		other.mu.Lock()
		way = max(way, 5*time.Second+4*other.delay)
		other.mu.Unlock()
	}
	few, cancel := context.WithTimeout(ctx, way)
	defer cancel()
	err := n.until(few, "the other replicas", `select coalesce(bool_and(flush_lsn >= $1::text::pg_lsn), true)
		from pg_stat_replication where application_name <> $2 and state = 'streaming'`, lsn, loser.name)
	if few.Err() != nil {
		return ctx.Err()
	}
	return err
}
