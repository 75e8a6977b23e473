package flex

import (
	"context"
	"math/rand/v2"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
)

// How the application uses its database.
const (
	pace       = 400 * time.Millisecond // between the transactions of one session, on average
	batchEvery = 40                     // transactions from one larger batch to the next
	batchRows  = 800
	keptEvents = 20_000
	keptJobs   = 500
	stepLimit  = 2 * time.Second // of one transaction
	pause      = 500 * time.Millisecond
)

// traffic is the sessions of the application's instances.
type traffic struct {
	d     *Database
	burst atomic.Int64 // bytes of WAL that are still to be written at once
}

func newTraffic(d *Database) *traffic { return &traffic{d: d} }

// start lets the instances work: those near the primary write, and one in each region watches its replica.
func (t *traffic) start(ctx context.Context) {
	sessions := t.d.o.Sessions
	for i := range 3 {
		s := sessions[i%len(sessions)]
		work, stays := t.events, false
		if i == 2 {
			// A queue keeps its session: it goes on writing to a primary that does not lead any more.
			work, stays = t.jobs, true
		}
		t.d.work.Go(func() { t.keep(ctx, s.Name, t.primary, stays, work) })
	}
	t.d.work.Go(func() { t.keep(ctx, sessions[0].Name, t.primary, false, t.flood) })
	for _, n := range t.d.nodes {
		if n.upstream == nil || n.Region == t.d.nodes[0].Region {
			continue // there the application knows that it is at home, and has nothing to wait for
		}
		name := sessions[0].Name
		for _, s := range sessions {
			if s.Region == n.Region {
				name = s.Name
				break
			}
		}
		t.d.work.Go(func() { t.keep(ctx, name, func() *node { return n }, true, t.watch) })
	}
}

func (t *traffic) primary() *node {
	if l := t.d.router.primary(); l != nil {
		return l.node
	}
	return nil
}

// keep works on sessions with the node that where gives, one after the other: each as long as it lasts, or, where it does
// not stay, as where gives the same.
func (t *traffic) keep(ctx context.Context, name string, where func() *node, stays bool, work func(context.Context, *pgx.Conn) error) {
	for ctx.Err() == nil {
		if n := where(); n != nil {
			if conn := t.connect(ctx, n, name); conn != nil {
				for ctx.Err() == nil && work(ctx, conn) == nil && (stays || where() == n) {
				}
				closing, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
				_ = conn.Close(closing) // it is broken, or all is ending
				cancel()
			}
		}
		sleep(ctx, pause)
	}
}

// connect makes a session of the application; nil: it cannot be.
func (t *traffic) connect(ctx context.Context, n *node, name string) *pgx.Conn {
	c, err := t.d.config(n, DatabaseName, OwnerRole)
	if err != nil {
		return nil
	}
	c.RuntimeParams["application_name"] = name
	conn, err := pgx.ConnectConfig(ctx, c)
	if err != nil {
		return nil
	}
	return conn
}

// step is one transaction, after a while.
func step(ctx context.Context, conn *pgx.Conn, do func(context.Context, pgx.Tx) error) error {
	sleep(ctx, pace/2+rand.N(pace))
	ctx, cancel := context.WithTimeout(ctx, stepLimit)
	defer cancel()
	return pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error { return do(ctx, tx) })
}

// events is what a request leaves behind: a row, and a count that goes up.
func (t *traffic) events(ctx context.Context, conn *pgx.Conn) error {
	return step(ctx, conn, func(ctx context.Context, tx pgx.Tx) error {
		post := 1 + rand.IntN(800)
		kinds, regions := []string{"view", "view", "play", "share"}, []string{"ord", "iad", "fra", "sin", "syd"}
		_, err := tx.Exec(ctx, "INSERT INTO events (post_id, kind, region, payload) VALUES ($1, $2, $3, jsonb_build_object('ms', $4::int))",
			post, kinds[rand.IntN(len(kinds))], regions[rand.IntN(len(regions))], rand.IntN(900))
		if err == nil {
			_, err = tx.Exec(ctx, "UPDATE posts SET impressions = impressions + 1, updated_at = now() WHERE id = $1", post)
		}
		return err
	})
}

// jobs is what a queue does: a job comes, is taken and done; now and then a batch, and what is old goes.
func (t *traffic) jobs(ctx context.Context, conn *pgx.Conn) error {
	return step(ctx, conn, func(ctx context.Context, tx pgx.Tx) error {
		if rand.IntN(batchEvery) == 0 {
			return batch(ctx, tx, batchRows)
		}
		var id int64
		err := tx.QueryRow(ctx, `INSERT INTO oban_jobs (state, queue, worker, args, attempt, attempted_at)
		  VALUES ('executing', 'feeds', 'Changelog.ObanWorkers.FeedUpdater', jsonb_build_object('id', $1::int), 1, now() AT TIME ZONE 'utc') RETURNING id`,
			rand.IntN(800)).Scan(&id)
		if err == nil {
			_, err = tx.Exec(ctx, "UPDATE oban_jobs SET state = 'completed', completed_at = now() AT TIME ZONE 'utc' WHERE id = $1", id)
		}
		return err
	})
}

// batch is many events at once; what is older than enough goes.
func batch(ctx context.Context, tx pgx.Tx, rows int) error {
	_, err := tx.Exec(ctx, `INSERT INTO events (post_id, kind, region, payload)
	  SELECT 1 + n % 800, 'import', 'ord', jsonb_build_object('n', n, 'token', md5(random()::text)) FROM generate_series(1, $1::int) n`, rows)
	for _, old := range []struct {
		table string
		kept  int
	}{{"events", keptEvents}, {"oban_jobs", keptJobs}} {
		if err == nil {
			_, err = tx.Exec(ctx, "DELETE FROM "+old.table+" WHERE id < (SELECT max(id) FROM "+old.table+") - $1", old.kept)
		}
	}
	return err
}

// flood writes what a burst has ordered, as fast as it can.
func (t *traffic) flood(ctx context.Context, conn *pgx.Conn) error {
	const rows, perRow = 4000, 300 // bytes of WAL, about
	if t.burst.Load() <= 0 {
		sleep(ctx, pause)
		return ctx.Err()
	}
	ctx, cancel := context.WithTimeout(ctx, 10*stepLimit)
	defer cancel()
	err := pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error { return batch(ctx, tx, rows) })
	if left := t.burst.Add(-rows * perRow); left <= 0 {
		t.burst.Store(0)
	}
	return err
}

// watch is what fly_postgres does in a region: it waits in the replica for something to be replayed, over and over.
func (t *traffic) watch(ctx context.Context, conn *pgx.Conn) error {
	var known *string
	for ctx.Err() == nil {
		var now *string
		asking, cancel := context.WithTimeout(ctx, 5*time.Second)
		err := conn.QueryRow(asking, "SELECT watch_for_lsn_change($1, 2);", known).Scan(&now)
		cancel()
		if err != nil {
			return err
		}
		if now == nil {
			continue
		}
		if known != nil && *known == *now {
			return nil
		}
		known = now
	}
	return ctx.Err()
}

func sleep(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}
