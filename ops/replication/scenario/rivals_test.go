package scenario_test

import (
	"context"
	"math"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"

	"ops-console/ops/postgres/pgcluster"
)

// The usual ways to tell a lag in seconds, and ours.
const (
	byTimestamp = "now() − last commit"
	byCase      = "the same, 0 if all received is replayed"
	byReplayLag = "replay_lag"
	byConsole   = "this console"
)

var methods = []string{byTimestamp, byCase, byReplayLag, byConsole}

// askEvery is how often the other methods are asked.
const askEvery = 250 * time.Millisecond

// rivals ask the same servers at the same time what other tools ask.
type rivals struct {
	mu       sync.Mutex
	claims   []claim
	scenario func(node string, at time.Time) string
}

// exactly is a claim as a method makes it: one figure.
func (r *rivals) exactly(node, method string, from, to time.Time, v float64) {
	s := r.scenario(node, from)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.claims = append(r.claims, claim{scenario: s, node: node, method: method, from: from, to: to, lo: v, hi: v, est: v})
}

// watch asks until ctx ends.
func (r *rivals) watch(ctx context.Context, wait *sync.WaitGroup, c *pgcluster.Cluster, upstream map[string]string) {
	below := map[string][]string{}
	for n, u := range upstream {
		below[u] = append(below[u], n)
		wait.Go(func() { again(ctx, c.Node(n), func(conn *pgx.Conn) error { return r.standby(ctx, conn, n) }) })
	}
	for u, nn := range below {
		wait.Go(func() { again(ctx, c.Node(u), func(conn *pgx.Conn) error { return r.sender(ctx, conn, nn) }) })
	}
}

// again asks again and again, over a new connection where the old one is of no use.
func again(ctx context.Context, n *pgcluster.Node, ask func(*pgx.Conn) error) {
	tick := time.NewTicker(askEvery)
	defer tick.Stop()
	var conn *pgx.Conn
	drop := func() {
		if conn != nil {
			end, cancel := context.WithTimeout(context.WithoutCancel(ctx), 100*time.Millisecond)
			conn.Close(end)
			cancel()
			conn = nil
		}
	}
	defer drop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if conn == nil {
			start, cancel := context.WithTimeout(ctx, time.Second)
			conn, _ = pgx.Connect(start, n.URL("postgres"))
			cancel()
		}
		if err := ask(conn); err != nil {
			drop()
		}
	}
}

func (r *rivals) standby(ctx context.Context, conn *pgx.Conn, node string) error {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	from := time.Now()
	var since *float64
	var same *bool
	err := context.DeadlineExceeded
	if conn != nil {
		err = conn.QueryRow(ctx, `select extract(epoch from now() - pg_last_xact_replay_timestamp())::float8,
			not pg_is_in_recovery() or pg_last_wal_receive_lsn() = pg_last_wal_replay_lsn()`).Scan(&since, &same)
	}
	to := time.Now()
	lag := math.NaN()
	if err == nil && since != nil {
		lag = *since
	}
	r.exactly(node, byTimestamp, from, to, lag)
	if err == nil && same != nil && *same {
		lag = 0
	}
	r.exactly(node, byCase, from, to, lag)
	return err
}

func (r *rivals) sender(ctx context.Context, conn *pgx.Conn, nodes []string) error {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	from := time.Now()
	said := map[string]float64{}
	err := context.DeadlineExceeded
	if conn != nil {
		var rows pgx.Rows
		rows, err = conn.Query(ctx, "select application_name, extract(epoch from replay_lag)::float8 from pg_stat_replication")
		var name string
		var lag *float64
		if err == nil {
			_, err = pgx.ForEachRow(rows, []any{&name, &lag}, func() error {
				if lag != nil {
					said[name] = *lag
				}
				return nil
			})
		}
	}
	to := time.Now()
	for _, n := range nodes {
		v, ok := said[n]
		if !ok {
			v = math.NaN()
		}
		r.exactly(n, byReplayLag, from, to, v)
	}
	return err
}
