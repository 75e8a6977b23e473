package replication

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"ops-console/ops/feed"
	"ops-console/ops/postgres"
	"ops-console/ops/postgres/pgcluster"
)

// startCluster starts real servers, and ends them with the test.
func startCluster(t testing.TB, o pgcluster.Options) *pgcluster.Cluster {
	t.Helper()
	c, err := pgcluster.Start(t.Context(), o)
	if errors.Is(err, pgcluster.ErrNoBinaries) {
		t.Skip("no PostgreSQL server: install the package postgresql")
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	return c
}

// list is a Locator of fixed nodes.
type list []postgres.Node

// Nodes implements postgres.Locator.
func (l list) Nodes(context.Context) ([]postgres.Node, error) { return l, nil }

func nodeAs(t testing.TB, n *pgcluster.Node, user string) postgres.Node {
	t.Helper()
	c, err := pgx.ParseConfig(n.URL("postgres"))
	if err != nil {
		t.Fatal(err)
	}
	c.User = user
	expect := postgres.RoleReplica
	if n.Name() == "primary" {
		expect = postgres.RolePrimary
	}
	return postgres.Node{Name: n.Name(), Region: "iad", Host: c.Host, Port: c.Port, Expect: expect, Direct: true, Config: c}
}

func nodesAs(t testing.TB, c *pgcluster.Cluster, user string) list {
	t.Helper()
	var l list
	for _, n := range c.Nodes() {
		l = append(l, nodeAs(t, n, user))
	}
	return l
}

// ours counts the console's sessions on a server.
func ours(t testing.TB, n *pgcluster.Node, user string) int {
	t.Helper()
	c, err := pgx.Connect(t.Context(), n.URL("postgres"))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close(context.Background())
	var count int
	err = c.QueryRow(t.Context(), "select count(*) from pg_stat_activity where application_name = 'ops-console' and usename = $1", user).Scan(&count)
	if err != nil {
		t.Fatal(err)
	}
	return count
}

// good is how many good readings there were of a node, and the latest of them; nil: the latest failed.
func (w *Watcher) seen(name string) (good, failed int, last *Reading) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, n := range w.nodes {
		if n.node.Name == name {
			return n.good, n.failed, n.last
		}
	}
	return 0, 0, nil
}

// eventually waits for something, which may be true at any time.
func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	deadline := time.Now().Add(20 * time.Second)
	for !ok() {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain for %s", what)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

func nodeOf(s *Snapshot, name string) Node {
	if i := slices.IndexFunc(s.Nodes, func(n Node) bool { return n.Name == name }); i >= 0 {
		return s.Nodes[i]
	}
	return Node{}
}

func TestWatchRealServers(t *testing.T) {
	t.Parallel()
	c := startCluster(t, pgcluster.Options{Replicas: []pgcluster.Replica{{Name: "r1", Slot: "s1"}, {Name: "r2"}}})
	primary, r1, r2 := c.Primary(), c.Node("r1"), c.Node("r2")
	if err := primary.Exec(t.Context(), "postgres", "create role basic login", "create role watcher login in role pg_monitor", "create table t (x int)"); err != nil {
		t.Fatal(err)
	}
	interval := 200 * time.Millisecond
	o := Options{Settings: Settings{App: "shop", Interval: interval}, Locator: nodesAs(t, c, "watcher"), Sampling: 50 * time.Millisecond}
	w := Watch(t.Context(), o)
	defer w.Close()

	t.Run("all stream", func(t *testing.T) {
		s := until(t, w, "two streaming replicas", func(s feed.Snapshot[*Snapshot]) bool {
			return nodeOf(s.Value, "r1").State == Streaming && nodeOf(s.Value, "r2").State == Streaming
		})
		if len(s.Notes) != 0 || s.Primary != "primary" || s.Timeline != 1 || s.SystemID == "" {
			t.Errorf("%+v", s)
		}
		_, _, r := w.seen("r1")
		if r.Receiver == nil || r.Receiver.Status != "streaming" || r.Receiver.Slot != "s1" || r.StartupWait == "" || r.AppSessions < 0 {
			t.Errorf("r1 says %+v", r)
		}
		_, _, r = w.seen("primary")
		if len(r.Senders) != 2 || len(r.Slots) != 1 || r.WALFileTLI != 1 || r.FreeSenders < 1 || r.Refused != nil {
			t.Errorf("the primary says %+v", r)
		}
	})

	t.Run("sessions", func(t *testing.T) {
		for n, want := range map[*pgcluster.Node]int{primary: 2, r1: 1, r2: 1} {
			if got := ours(t, n, "watcher"); got != want {
				t.Errorf("%s: %d sessions, want %d", n.Name(), got, want)
			}
		}
	})

	t.Run("without pg_monitor", func(t *testing.T) {
		s, err := Read(t.Context(), Options{Locator: nodesAs(t, c, "basic")})
		if err != nil {
			t.Fatal(err)
		}
		if !slices.ContainsFunc(s.Notes, func(n string) bool {
			return strings.Contains(n, `GRANT pg_monitor TO "basic"`) || strings.Contains(n, "GRANT pg_monitor TO basic")
		}) {
			t.Errorf("notes %q", s.Notes)
		}
		for _, name := range []string{"r1", "r2"} {
			n := nodeOf(s, name)
			if n.LSN.Replay == 0 || n.LSN.Receive == 0 || n.Lag.Hi == nil || n.Behind.Total == nil || n.Privileges != "basic" {
				t.Errorf("%+v", n)
			}
		}
		if len(s.Slots) != 1 || s.Slots[0].WALStatus == "" {
			t.Errorf("slots %+v", s.Slots)
		}
	})

	t.Run("a probe", func(t *testing.T) {
		p, err := w.Probe(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{"r1", "r2"} {
			if v := p.Visible[name]; v == nil || *v > 1 {
				t.Errorf("%s: %+v", name, v)
			}
			if v := p.Resolution[name]; v < probeStep.Seconds() || v > 1 {
				t.Errorf("%s: resolution %v", name, v)
			}
		}
		if p.LSN == 0 || len(p.Visible) != 2 {
			t.Errorf("%+v", p)
		}
		if err := r2.Pause(t.Context()); err != nil {
			t.Fatal(err)
		}
		p, err = w.Probe(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if v, ok := p.Visible["r2"]; v != nil || !ok || p.Visible["r1"] == nil {
			t.Errorf("with r2 paused: %+v", p)
		}
		if err := r2.Resume(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := primary.Exec(t.Context(), "postgres", "alter database postgres set default_transaction_read_only = on"); err != nil {
			t.Fatal(err)
		}
		eventually(t, "a read-only database", func() bool {
			_, _, r := w.seen("primary")
			return r != nil && slices.Equal(r.ReadOnly, []string{"postgres"})
		})
		if p, err := w.Probe(t.Context()); err == nil || !strings.Contains(err.Error(), "read-only") {
			t.Errorf("on a read-only primary: %+v, %v", p, err)
		}
		if err := primary.Exec(t.Context(), "postgres", "set default_transaction_read_only = off", "begin read write; alter database postgres reset default_transaction_read_only; commit"); err != nil {
			t.Fatal(err)
		}
	})

	t.Run("a frozen replica holds nobody up", func(t *testing.T) {
		if err := r1.Freeze(pgcluster.WholeServer); err != nil {
			t.Fatal(err)
		}
		eventually(t, "r1 to fail", func() bool { _, _, r := w.seen("r1"); return r == nil })
		counts := func() []int {
			var nn []int
			for _, name := range []string{"primary", "r2"} {
				n, _, _ := w.seen(name)
				nn = append(nn, n)
			}
			return nn
		}
		before, start := counts(), time.Now()
		_, failed, _ := w.seen("r1")
		eventually(t, "another failure", func() bool { _, n, _ := w.seen("r1"); return n > failed })
		rounds := int(time.Since(start) / interval)
		for i, n := range counts() {
			// Half of them is plenty less than none for as long as one attempt takes, whatever else the machine does.
			if got := n - before[i]; got < rounds/2 {
				t.Errorf("%d readings while %d were due", got, rounds)
			}
		}
		if err := r1.Thaw(); err != nil {
			t.Fatal(err)
		}
		w.Refresh()
		eventually(t, "r1 to answer", func() bool { _, _, r := w.seen("r1"); return r != nil })
	})

	t.Run("what holds replay up", func(t *testing.T) {
		reader, err := pgx.Connect(t.Context(), r2.URL("postgres"))
		if err != nil {
			t.Fatal(err)
		}
		defer reader.Close(context.Background())
		if _, err := reader.Exec(t.Context(), "set application_name = 'report'; begin; select count(*) from t"); err != nil {
			t.Fatal(err)
		}
		if err := primary.Exec(t.Context(), "postgres", "drop table t"); err != nil {
			t.Fatal(err)
		}
		eventually(t, "a blocker", func() bool {
			_, _, r := w.seen("r2")
			return r != nil && r.StartupWait == "RecoveryConflictLock" && len(r.Blockers) == 1 &&
				r.Blockers[0].PID == int(reader.PgConn().PID()) && r.Blockers[0].Application == "report" &&
				strings.Contains(r.Blockers[0].Query, "select count(*) from t")
		})
	})

	t.Run("the primary restarts", func(t *testing.T) {
		if err := primary.Stop(t.Context()); err != nil {
			t.Fatal(err)
		}
		eventually(t, "the primary to fail", func() bool { _, _, r := w.seen("primary"); return r == nil })
		if err := primary.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		w.Refresh()
		eventually(t, "the primary to be sampled again", func() bool { return ours(t, primary, "watcher") == 2 })
	})

	t.Run("promotion", func(t *testing.T) {
		if err := primary.Stop(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := r1.Promote(t.Context()); err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		eventually(t, "the new primary to be sampled", func() bool { return ours(t, r1, "watcher") == 2 })
		t.Logf("after %s", time.Since(start))
		eventually(t, "where it forked", func() bool {
			_, _, r := w.seen("r1")
			return r != nil && r.WALFileTLI == 2 && r.Positions.Fork > 0
		})
	})

	t.Run("the end", func(t *testing.T) {
		w.Close()
		for _, n := range []*pgcluster.Node{r1, r2} {
			eventually(t, n.Name()+" without a session", func() bool { return ours(t, n, "watcher") == 0 && ours(t, n, "basic") == 0 })
		}
	})
}
