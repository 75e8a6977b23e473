package pgcluster

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
)

// AddReplica starts another standby, made by a base backup of its upstream, and returns once it streams.
func (c *Cluster) AddReplica(ctx context.Context, r Replica) (*Node, error) {
	upstream, err := c.upstream(r)
	if err != nil {
		return nil, err
	}
	ctx, done := c.bound(ctx)
	defer done()
	n, err := c.add(r, upstream)
	if err != nil {
		return nil, err
	}
	n.op.Lock()
	defer n.op.Unlock()
	if err := n.clone(ctx); err != nil {
		n.discard()
		c.forget(n)
		return nil, fmt.Errorf("adding replica %s: %w", r.Name, err)
	}
	n.Delay(r.Delay)
	return n, nil
}

// discard ends the server and removes its files. n.op is held.
func (n *Node) discard() {
	n.end(n.cluster.ctx, syscall.SIGQUIT)
	n.mu.Lock()
	k := n.link
	n.link = nil
	n.mu.Unlock()
	if k != nil {
		k.close()
	}
	for _, path := range []string{n.data, n.sockets, n.logFile()} {
		os.RemoveAll(path) //nolint:errcheck // Close removes what is left
	}
}

// Restore makes the node again from a base backup of its upstream, as one does with a standby that is lost. It returns
// once the node streams, or once it takes connections where its link is cut or a hole.
func (n *Node) Restore(ctx context.Context) error {
	n.op.Lock()
	defer n.op.Unlock()
	ctx, done := n.cluster.bound(ctx)
	defer done()
	if n.upstreamNode() == nil {
		return fmt.Errorf("restoring %s: it has no upstream; Follow gives it one", n.name)
	}
	err := n.independent(ctx, n.upstreamNode())
	if err == nil {
		err = n.clone(ctx)
	}
	if err != nil {
		return fmt.Errorf("restoring %s: %w", n.name, err)
	}
	return nil
}

// clone makes files and slot anew and starts the server. n.op is held.
func (n *Node) clone(ctx context.Context) error {
	n.end(ctx, syscall.SIGQUIT)
	upstream := n.upstreamNode()
	if err := n.dropSlot(ctx, upstream); err != nil {
		return err
	}
	if err := os.RemoveAll(n.data); err != nil {
		return err
	}
	n.mu.Lock()
	n.overrides = nil
	n.mu.Unlock()
	if err := upstream.backup(ctx, n.data, n.cluster.account); err != nil {
		return err
	}
	return n.bringUp(ctx)
}

// makeSlot makes the node's slot on its upstream, unless there is one.
func (n *Node) makeSlot(ctx context.Context, upstream *Node) error {
	if n.replica.Slot == "" {
		return nil
	}
	if err := upstream.query(ctx, `select pg_create_physical_replication_slot($1::text::name, true)
		where not exists (select from pg_replication_slots where slot_name = $1::text::name)`, []any{n.replica.Slot}); err != nil {
		return fmt.Errorf("making the slot of %s: %w", n.name, err)
	}
	return nil
}

// dropSlot drops the node's slot, whose walsender may not have noticed yet that the node is gone.
func (n *Node) dropSlot(ctx context.Context, upstream *Node) error {
	if n.replica.Slot == "" {
		return nil
	}
	if err := upstream.until(ctx, "the end of the slot's use",
		`select not exists (select from pg_replication_slots where slot_name = $1::text::name and active
			and pg_terminate_backend(active_pid))`, n.replica.Slot); err != nil {
		return err
	}
	if err := upstream.query(ctx, "select pg_drop_replication_slot(slot_name) from pg_replication_slots where slot_name = $1::text::name",
		[]any{n.replica.Slot}); err != nil {
		return fmt.Errorf("dropping the slot of %s: %w", n.name, err)
	}
	return nil
}

// Follow points a standby at another upstream, by a link with the same delay, and returns once it streams from there. A
// node that is a primary, the first one or a promoted one, is made a standby from a base backup of the upstream. The slot
// is made on the new upstream; the one on the old stays, as it would.
func (n *Node) Follow(ctx context.Context, upstream *Node) error {
	n.op.Lock()
	defer n.op.Unlock()
	ctx, done := n.cluster.bound(ctx)
	defer done()
	if upstream == nil || upstream.cluster != n.cluster {
		return fmt.Errorf("making %s follow a node that is not of its cluster", n.name)
	}
	err := n.independent(ctx, upstream)
	if err == nil {
		err = n.follow(ctx, upstream)
	}
	if err != nil {
		return fmt.Errorf("making %s follow %s: %w", n.name, upstream.name, err)
	}
	return nil
}

// independent says why the node cannot stream from an upstream: that is down, or streams from the node itself.
func (n *Node) independent(ctx context.Context, upstream *Node) error {
	standby, err := upstream.inRecovery(ctx)
	if err != nil {
		return err
	}
	for u := upstream; u != nil && standby; u = u.upstreamNode() {
		if u == n {
			return fmt.Errorf("%s streams from %s: promote it first", upstream.name, n.name)
		}
		// One that is down is asked nothing more: whatever streams from it, nothing comes.
		if standby, err = u.inRecovery(ctx); err != nil {
			return nil //nolint:nilerr // as said
		}
	}
	if upstream == n {
		return fmt.Errorf("%s cannot stream from itself", n.name)
	}
	return nil
}

func (n *Node) follow(ctx context.Context, upstream *Node) error {
	standby := n.upstreamNode() != nil
	if standby && n.process().alive() {
		var err error
		if standby, err = n.inRecovery(ctx); err != nil {
			return err
		}
	}
	n.mu.Lock()
	old, delay := n.link, n.delay
	err := n.connect(upstream, delay)
	n.mu.Unlock()
	if err != nil {
		return err
	}
	if old != nil {
		defer old.close()
	}
	if !standby {
		return n.clone(ctx)
	}
	if err := n.makeSlot(ctx, upstream); err != nil {
		return err
	}
	if n.cluster.bin.Version < 13 {
		// There only a start reads the connection's settings.
		n.end(ctx, syscall.SIGINT)
	}
	if !n.process().alive() {
		if err := n.launch(ctx); err != nil {
			return err
		}
	} else if err := n.reload(); err != nil {
		return err
	}
	return n.untilStreaming(ctx, upstream)
}

// connect makes the link to an upstream. n.mu is held, or n not yet shared.
func (n *Node) connect(upstream *Node, delay time.Duration) error {
	n.links++
	dir := filepath.Join(n.cluster.sockets, fmt.Sprintf("l%d-%d", n.index, n.links))
	k, err := newLink(n.cluster.account, dir, upstream.port, upstream.socket(), delay, n.mode)
	if err != nil {
		return err
	}
	n.link, n.upstream = k, upstream
	return nil
}

// Backup writes a base backup of the running node to a new directory, with all WAL that it needs: what Options.From takes.
func (n *Node) Backup(ctx context.Context, dir string) error {
	ctx, done := n.cluster.bound(ctx)
	defer done()
	if err := n.backup(ctx, dir, account{}); err != nil {
		return fmt.Errorf("base backup of %s: %w", n.name, err)
	}
	return nil
}

func (n *Node) backup(ctx context.Context, dir string, a account) error {
	// The end of the session is the end of a backup that failed.
	return n.with(ctx, "postgres", func(conn *pgx.Conn) error { return n.backupIn(ctx, conn, dir, a) })
}

func (n *Node) backupIn(ctx context.Context, conn *pgx.Conn, dir string, a account) error {
	start, stop := "pg_backup_start('pgcluster', true)", "pg_backup_stop(false)"
	if n.cluster.bin.Version < 15 {
		start, stop = "pg_start_backup('pgcluster', true, false)", "pg_stop_backup(false, false)"
	}
	if _, err := conn.Exec(ctx, "select "+start); err != nil {
		return err
	}
	if err := copyTree(ctx, a, n.data, dir, keepOfServer); err != nil {
		return err
	}
	// Last of all: in a backup of a standby it says how far recovery must come before the files fit together.
	if err := copyControl(a, n.data, dir); err != nil {
		return err
	}
	var end, label string
	if err := conn.QueryRow(ctx, "select lsn::text, labelfile from "+stop).Scan(&end, &label); err != nil {
		return err
	}
	if err := a.write(filepath.Join(dir, "backup_label"), label); err != nil {
		return err
	}
	return n.copyWAL(ctx, conn, a, dir, label, end)
}

const control = "global/pg_control"

// emptied are directories whose contents are of no use to another server.
var emptied = map[string]bool{
	"pg_wal": true, "pg_replslot": true, "pg_dynshmem": true, "pg_notify": true, "pg_serial": true, "pg_snapshots": true,
	"pg_stat_tmp": true, "pg_subtrans": true,
}

// dropped are files that a copy must not have, since they say what the copied server is.
var dropped = map[string]bool{
	"postmaster.pid": true, "postmaster.opts": true, "standby.signal": true, "recovery.signal": true, "backup_manifest": true,
	"postgresql.auto.conf": true, "backup_label.old": true, "tablespace_map.old": true, "current_logfiles": true,
}

func keepOfServer(path string, dir bool) bool {
	top, _, nested := strings.Cut(path, "/")
	switch {
	case path == "pg_wal/archive_status":
		return true
	case nested && emptied[top], path == control, path == "backup_label":
		return false
	}
	return keepOfBackup(path, dir)
}

func keepOfBackup(path string, _ bool) bool {
	top, _, nested := strings.Cut(path, "/")
	return !dropped[path] && (!nested || top != "pg_replslot") && !strings.HasPrefix(filepath.Base(path), "pgsql_tmp")
}

// copyControl copies the control file, which the server may be writing: two same readings are a whole one.
func copyControl(a account, from, to string) error {
	var last []byte
	for range 100 {
		b, err := os.ReadFile(filepath.Join(from, control))
		if err != nil {
			return err
		}
		if last != nil && bytes.Equal(b, last) {
			return a.write(filepath.Join(to, control), string(b))
		}
		last = b
	}
	return errors.New("the control file does not stop changing")
}

var startOfBackup = regexp.MustCompile(`START WAL LOCATION: [0-9A-F/]+ \(file ([0-9A-F]{24})\)`)

// copyWAL copies the segments from the start of a backup to its end, and the histories of timelines.
func (n *Node) copyWAL(ctx context.Context, conn *pgx.Conn, a account, dir, label, end string) error {
	m := startOfBackup.FindStringSubmatch(label)
	if m == nil {
		return fmt.Errorf("a backup label of a form unknown: %q", label)
	}
	var segment int64
	if err := conn.QueryRow(ctx, "select setting::bigint from pg_settings where name = 'wal_segment_size'").Scan(&segment); err != nil {
		return err
	}
	last, err := segmentOf(end, uint64(segment))
	if err != nil {
		return err
	}
	entries, err := os.ReadDir(filepath.Join(n.data, "pg_wal"))
	if err != nil {
		return err
	}
	for _, e := range entries {
		name := e.Name()
		// The first eight digits are the timeline.
		wanted := len(name) == 24 && name[8:] >= m[1][8:] && name[8:] <= last
		if !wanted && filepath.Ext(name) != ".history" {
			continue
		}
		f, err := os.Open(filepath.Join(n.data, "pg_wal", name))
		if err != nil {
			return err
		}
		err = a.copy(filepath.Join(dir, "pg_wal", name), f)
		f.Close()
		if err != nil {
			return err
		}
	}
	return nil
}

// segmentOf names the segment that holds the byte before an LSN, without its timeline.
func segmentOf(lsn string, size uint64) (string, error) {
	high, low, ok := strings.Cut(lsn, "/")
	h, err1 := strconv.ParseUint(high, 16, 32)
	l, err2 := strconv.ParseUint(low, 16, 32)
	if !ok || err1 != nil || err2 != nil || size == 0 {
		return "", fmt.Errorf("an LSN of a form unknown: %q", lsn)
	}
	number, each := (h<<32|l-1)/size, (1<<32)/size
	return fmt.Sprintf("%08X%08X", number/each, number%each), nil
}
