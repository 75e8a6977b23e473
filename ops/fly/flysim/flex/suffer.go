package flex

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// promote makes a primary of a replica, as somebody does who believes the old one dead.
func (d *Database) promote(ctx context.Context, n *node) error {
	if err := n.pg.Promote(ctx); err != nil {
		d.spoil(n) // it may be a primary all the same
		return err
	}
	n.is.promoted, n.is.paused, n.is.delay = true, false, 0
	n.readOnly = d.nodes[0].readOnly
	highest := int64(0)
	for _, o := range d.nodes {
		highest = max(highest, o.rank.Load())
	}
	n.rank.Store(highest + 1)
	return nil
}

// announce tells repmgr of a promotion. Its rows are written here only: the old primary goes on believing what it did.
func (n *node) announce(ctx context.Context) error {
	err := n.pg.Exec(
		ctx, repmgrName,
		"UPDATE repmgr.nodes SET active = false WHERE type = 'primary'",
		fmt.Sprintf("UPDATE repmgr.nodes SET type = 'primary', upstream_node_id = NULL, active = true WHERE node_id = %d", n.repmgrID),
		fmt.Sprintf("INSERT INTO repmgr.events (node_id, event, details) VALUES (%d, 'standby_promote', 'server promoted to primary')", n.repmgrID),
	)
	n.is.announced = err == nil
	return err
}

// setReadOnly does to the application's database what the platform's image does when a disk is nearly full: sessions are
// read only from their beginning, and those that have begun are ended.
func (d *Database) setReadOnly(ctx context.Context, on bool) error {
	for _, n := range d.primaries() {
		if n.readOnly == on || !n.is.works() {
			continue
		}
		change := "RESET default_transaction_read_only"
		if on {
			change = "SET default_transaction_read_only = on"
		}
		err := n.pg.Exec(ctx, "postgres", "ALTER DATABASE "+DatabaseName+" "+change,
			"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = '"+OwnerRole+"'")
		if err != nil {
			return fmt.Errorf("read only: %w", err)
		}
		n.readOnly = on
	}
	return nil
}

// primaries are the nodes that take writes, by how they were brought up.
func (d *Database) primaries() []*node {
	var out []*node
	for _, n := range d.nodes {
		if n.upstream == nil || n.is.promoted {
			out = append(out, n)
		}
	}
	return out
}

// patient lets a replica wait for its queries as long as they take, or as long as the image's configuration says.
func (n *node) patient(ctx context.Context, on bool) error {
	change := "ALTER SYSTEM RESET max_standby_streaming_delay"
	if on {
		change = "ALTER SYSTEM SET max_standby_streaming_delay = -1"
	}
	return n.pg.Exec(ctx, "postgres", change, "SELECT pg_reload_conf()")
}

// report is a query that takes hours and next to no time of a processor: it looks at events one by one, and rests.
const report = `SELECT p.title, count(e.id) AS plays FROM posts p JOIN events e ON e.post_id = p.id
  CROSS JOIN LATERAL (SELECT pg_sleep(0.5) WHERE e.id IS NOT NULL) rest GROUP BY p.title ORDER BY plays DESC`

// blocker is a session that runs the report.
type blocker struct {
	cancel context.CancelFunc
	done   chan struct{}
}

// unblock ends the query that stands in the way of replay.
func (n *node) unblock() {
	if n.blocker == nil {
		return
	}
	n.blocker.cancel()
	<-n.blocker.done
	n.blocker = nil
}

// block lets a long query on a replica stand in the way of replay: the primary removes rows that the query may still
// look at, and replay waits until it ends.
func (d *Database) block(ctx context.Context, n *node) error {
	if err := n.patient(ctx, true); err != nil {
		return err
	}
	if err := d.runReport(ctx, n); err != nil {
		return err
	}
	for ctx.Err() == nil {
		for _, p := range d.primaries() {
			if !p.is.works() {
				continue
			}
			err := p.pg.Exec(
				ctx, DatabaseName,
				"UPDATE events SET payload = payload || '{\"seen\": true}' WHERE id IN (SELECT id FROM events ORDER BY id DESC LIMIT 200)",
				"VACUUM events",
			)
			if err != nil {
				return err
			}
		}
		if wait, err := d.ask(ctx, n, "postgres", "SELECT coalesce(max(wait_event), '') FROM pg_stat_activity WHERE backend_type = 'startup'"); err != nil {
			return err
		} else if wait == "RecoveryConflictSnapshot" {
			return nil
		}
		select {
		case <-ctx.Done():
		case <-n.blocker.done:
			return fmt.Errorf("the query that was to block replay has ended")
		case <-time.After(100 * time.Millisecond):
		}
	}
	return fmt.Errorf("no conflict came about: %w", ctx.Err())
}

// runReport starts the report on a replica, and returns once it has its snapshot.
func (d *Database) runReport(ctx context.Context, n *node) error {
	n.unblock()
	c, err := d.config(n, DatabaseName, OwnerRole)
	if err != nil {
		return err
	}
	c.RuntimeParams["application_name"] = "weekly report"
	conn, err := pgx.ConnectConfig(ctx, c)
	if err != nil {
		return fmt.Errorf("start the query that blocks replay: %w", err)
	}
	running, cancel := context.WithCancel(d.ctx)
	b := &blocker{cancel: cancel, done: make(chan struct{})}
	n.blocker = b
	d.work.Go(func() {
		defer close(b.done)
		defer conn.Close(context.Background()) //nolint:errcheck // nothing was written
		_, _ = conn.Exec(running, report)      // ends when it is cancelled, or with its server
	})
	pid := conn.PgConn().PID()
	for {
		state, err := d.ask(ctx, n, "postgres", "SELECT coalesce(max(backend_xmin::text), '') FROM pg_stat_activity WHERE pid = $1 AND state = 'active'", int(pid))
		if err != nil {
			return err
		}
		if state != "" {
			return nil
		}
		select {
		case <-b.done:
			return fmt.Errorf("the query that was to block replay has ended")
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// Connect logs in to the application's database on the primary, as a role.
func (d *Database) Connect(ctx context.Context, role string) (*pgx.Conn, error) {
	pp := d.primaries()
	if len(pp) == 0 {
		return nil, errors.New("the database has no primary")
	}
	c, err := d.config(pp[0], DatabaseName, role)
	if err != nil {
		return nil, err
	}
	conn, err := pgx.ConnectConfig(ctx, c)
	if err != nil {
		return nil, fmt.Errorf("connect to %s: %w", pp[0].ID, err)
	}
	return conn, nil
}
