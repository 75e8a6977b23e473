package replication

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"ops-console/ops/postgres"
	"ops-console/ops/postgres/pgcluster"
)

// BenchmarkWatch20Replicas watches a primary and twenty replicas at the usual intervals while about twenty rows a second are
// written. Its figures are per second; CPU is in hundredths of a core, without what writing the rows takes.
func BenchmarkWatch20Replicas(b *testing.B) {
	o := pgcluster.Options{Settings: map[string]string{"shared_buffers": "8MB", "max_wal_senders": "30", "max_replication_slots": "30"}}
	for i := range 20 {
		o.Replicas = append(o.Replicas, pgcluster.Replica{Name: fmt.Sprintf("r%02d", i)})
	}
	c := startCluster(b, o)
	unlink(b, c)
	insertRows(b, c)
	const during = 8 * time.Second
	before := ownCPU(b)
	time.Sleep(during)
	base := (ownCPU(b) - before) / during.Seconds()

	nodes := nodesAs(b, c, "postgres")
	n := &counts{primary: nodes[0].Key()}
	w := watch(b.Context(), Options{Locator: nodes}, patience, n.counting)
	defer w.Close()
	for _, node := range nodes {
		eventually(b, "every node's third reading", func() bool { good, _, _ := w.seen(node.Name); return good >= 3 })
	}
	pids := backends(b, c.Primary())
	var here, there, seconds float64
	for b.Loop() {
		own, primary, start := ownCPU(b), scheduled(b, pids), time.Now()
		n.reset()
		time.Sleep(during)
		d := time.Since(start).Seconds()
		here += ownCPU(b) - own - base*d
		there += scheduled(b, pids) - primary
		seconds += d
	}
	b.ReportMetric(100*here/seconds, "cpu-%")
	b.ReportMetric(100*there/seconds, "primary-cpu-%")
	b.ReportMetric(float64(n.in.Load())/during.Seconds(), "B-in/s")
	b.ReportMetric(float64(n.out.Load())/during.Seconds(), "B-out/s")
	b.ReportMetric(float64(n.fromPrimary.Load())/during.Seconds(), "B-primary/s")
	b.ReportMetric(float64(n.rows.Load())/during.Seconds(), "rows/s")
	b.ReportMetric(0, "ns/op")
}

// unlink has the replicas stream from the primary without the links to it, which are in this process.
func unlink(b *testing.B, c *pgcluster.Cluster) {
	b.Helper()
	p := nodeAs(b, c.Primary(), "postgres")
	for _, n := range c.Nodes()[1:] {
		own := fmt.Sprintf("host=%s port=%d user=postgres application_name=direct_%s", p.Host, p.Port, n.Name())
		if err := n.Exec(b.Context(), "postgres", "alter system set primary_conninfo = '"+own+"'", "select pg_reload_conf()"); err != nil {
			b.Fatal(err)
		}
	}
	conn, err := pgx.Connect(b.Context(), c.Primary().URL("postgres"))
	if err != nil {
		b.Fatal(err)
	}
	defer conn.Close(context.Background())
	eventually(b, "replicas without links", func() bool {
		var n int
		err := conn.QueryRow(b.Context(), "select count(*) from pg_stat_replication where application_name like 'direct%' and state = 'streaming'").Scan(&n)
		return err == nil && n == 20
	})
}

// insertRows inserts a row every 50 ms until the benchmark ends.
func insertRows(b *testing.B, c *pgcluster.Cluster) {
	b.Helper()
	conn, err := pgx.Connect(b.Context(), c.Primary().URL("postgres"))
	if err != nil {
		b.Fatal(err)
	}
	if _, err := conn.Exec(b.Context(), "create table t (x text)"); err != nil {
		b.Fatal(err)
	}
	ctx, cancel := context.WithCancel(b.Context())
	var wait sync.WaitGroup
	wait.Go(func() {
		defer conn.Close(context.Background())
		for range time.Tick(50 * time.Millisecond) {
			if _, err := conn.Exec(ctx, "insert into t values (repeat('x', 100))"); err != nil {
				return
			}
		}
	})
	b.Cleanup(func() {
		cancel()
		wait.Wait()
	})
}

// counts is what goes over all connections, without what the protocol adds.
type counts struct {
	primary                    string // key
	in, out, rows, fromPrimary atomic.Int64
}

func (n *counts) reset() {
	for _, v := range []*atomic.Int64{&n.in, &n.out, &n.rows, &n.fromPrimary} {
		v.Store(0)
	}
}

func (n *counts) counting(ctx context.Context, node postgres.Node) (conn, error) {
	c, err := dial(nil)(ctx, node)
	if err != nil {
		return nil, err
	}
	return &countingConn{conn: c, n: n, primary: node.Key() == n.primary}, nil
}

type countingConn struct {
	conn
	n       *counts
	primary bool
}

func (c *countingConn) Ask(ctx context.Context, query string, timeout time.Duration) (postgres.Answer, error) {
	a, err := c.conn.Ask(ctx, query, timeout)
	c.n.rows.Add(1)
	c.n.out.Add(int64(len(query)))
	c.n.in.Add(int64(len(a.Value)))
	if c.primary {
		c.n.fromPrimary.Add(int64(len(a.Value)))
	}
	return a, err
}

// ownCPU is what this process has used, in seconds.
func ownCPU(b *testing.B) float64 {
	b.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano()).Seconds()
}

// backends are the processes of a server that serve the console.
func backends(b *testing.B, n *pgcluster.Node) []int {
	b.Helper()
	c, err := pgx.Connect(b.Context(), n.URL("postgres"))
	if err != nil {
		b.Fatal(err)
	}
	defer c.Close(context.Background())
	rows, err := c.Query(b.Context(), "select pid from pg_stat_activity where application_name = 'ops-console'")
	if err != nil {
		b.Fatal(err)
	}
	pids, err := pgx.CollectRows(rows, pgx.RowTo[int])
	if err != nil || len(pids) != 2 {
		b.Fatal(pids, err)
	}
	return pids
}

// scheduled is for how long processes ran, in seconds.
func scheduled(b *testing.B, pids []int) float64 {
	b.Helper()
	sum := 0.0
	for _, pid := range pids {
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/schedstat", pid))
		if err != nil {
			b.Fatal(err)
		}
		ran, err := strconv.ParseInt(strings.Fields(string(text))[0], 10, 64)
		if err != nil {
			b.Fatal(err)
		}
		sum += time.Duration(ran).Seconds()
	}
	return sum
}
