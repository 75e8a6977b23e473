package pgcluster

import (
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"
)

const senders = "select string_agg(application_name || ' ' || state, ',' order by application_name) from pg_stat_replication"

func TestReplicasStreamInCascades(t *testing.T) {
	versions(t, func(t *testing.T, b Binaries) {
		c := start(t, Options{Binaries: b, Replicas: []Replica{
			{Name: "r1", Slot: "one", Settings: map[string]string{"work_mem": "7MB"}},
			{Name: "r2", Upstream: "r1", Slot: "two"},
			{Name: "r3", Upstream: "r1"},
		}})
		var names []string
		for _, n := range c.Nodes() {
			names = append(names, n.Name())
		}
		if diff := cmp.Diff([]string{"primary", "r1", "r2", "r3"}, names); diff != "" {
			t.Error(diff)
		}
		if c.Node("nobody") != nil {
			t.Error("there is a node called nobody")
		}
		p, r1 := c.Primary(), c.Node("r1")
		for _, q := range []struct {
			n           *Node
			want, query string
		}{
			{p, "r1 streaming", senders},
			{r1, "r2 streaming,r3 streaming", senders},
			{p, "one true", "select string_agg(slot_name || ' ' || active, ',') from pg_replication_slots"},
			{r1, "two true", "select string_agg(slot_name || ' ' || active, ',') from pg_replication_slots"},
			{r1, "7MB", "select current_setting('work_mem')"},
			{p, "4MB", "select current_setting('work_mem')"},
		} {
			if got := value(t, q.n, q.query); got != q.want {
				t.Errorf("%s: %s: got %q, want %q", q.n.Name(), q.query, got, q.want)
			}
		}
		id, query := row(t, p)
		for _, n := range c.Nodes() {
			wait(t, n, id, query)
			if n.PID() <= 0 || n.DataDir() == "" {
				t.Errorf("%s: pid %d, directory %q", n.Name(), n.PID(), n.DataDir())
			}
		}
		// A base backup of a standby, with a slot there.
		if _, err := c.AddReplica(t.Context(), Replica{Name: "r4", Upstream: "r3", Slot: "four"}); err != nil {
			t.Fatal(err)
		}
		id, query = row(t, p)
		wait(t, c.Node("r4"), id, query)
		for _, r := range []Replica{{Name: "r4"}, {Name: "r5", Upstream: "nobody"}, {Name: ""}, {Name: "new\nline"}} {
			if _, err := c.AddReplica(t.Context(), r); err == nil {
				t.Errorf("a replica %+v was added", r)
			}
		}
	})
}

func TestPasswordsByHBA(t *testing.T) {
	// A standby cannot have fewer connections than its primary was made with, which is PostgreSQL's affair and not the caller's.
	c := start(t, Options{
		Binaries: binaries(t)[0],
		HBA:      []string{"local postgres guest scram-sha-256"},
		Settings: map[string]string{"max_connections": "20", "port": "7654", "application_name": `it's a \ test`},
		Replicas: []Replica{{Name: "r1"}},
	})
	p := c.Primary()
	if err := p.Exec(t.Context(), "postgres", "create role guest login password 'sesame'", "create database app"); err != nil {
		t.Fatal(err)
	}
	for password, want := range map[string]bool{"sesame": true, "wrong": false} {
		config, err := pgx.ParseConfig("host=db.internal user=guest dbname=postgres sslmode=disable password=" + password)
		if err != nil {
			t.Fatal(err)
		}
		config.LookupFunc = func(context.Context, string) ([]string, error) { return []string{"192.0.2.1"}, nil }
		config.DialFunc = func(ctx context.Context, _, _ string) (net.Conn, error) { return p.Dial(ctx) }
		conn, err := pgx.ConnectConfig(t.Context(), config)
		if (err == nil) != want {
			t.Errorf("with the password %q: %v", password, err)
		}
		if err == nil {
			conn.Close(t.Context())
		}
	}
	if got, err := ask(t.Context(), p.URL("app"), "current_database() || current_setting('max_connections') || current_setting('application_name')"); err != nil ||
		got != `app20it's a \ test` {
		t.Errorf("got %q, %v", got, err)
	}
}

func TestEveryClusterHasItsOwnIdentity(t *testing.T) {
	// Nobody has made a template yet, and all of them want one.
	t.Setenv("XDG_CACHE_HOME", shared(t))
	t.Setenv("HOME", os.Getenv("XDG_CACHE_HOME"))
	b := binaries(t)[0]
	var mu sync.Mutex
	seen := map[string]bool{}
	var wg sync.WaitGroup
	for range 3 {
		wg.Go(func() {
			c, err := Start(t.Context(), Options{Binaries: b, Replicas: []Replica{{Name: "r1"}}})
			if err != nil {
				t.Error(err)
				return
			}
			defer c.Close()
			for i, n := range c.Nodes() {
				id, err := ask(t.Context(), n.URL("postgres"), "select system_identifier from pg_control_system()")
				mu.Lock()
				if err != nil || seen[id] != (i > 0) {
					t.Errorf("node %d of a cluster has the identifier %q, others have %v, %v", i, id, seen, err)
				}
				seen[id] = true
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	cache, err := os.UserCacheDir()
	if err != nil {
		t.Fatal(err)
	}
	if kept := files(t, filepath.Join(cache, "ops-console", "pgcluster")); len(kept) != 1 {
		t.Errorf("kept are %v", kept)
	}
}

func TestBackupStartsAsTheSameCluster(t *testing.T) {
	const who = "select system_identifier || ' ' || (case when pg_is_in_recovery() then '-' else substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8) end) from pg_control_system()"
	versions(t, func(t *testing.T, b Binaries) {
		c := start(t, Options{Binaries: b, Replicas: []Replica{{Name: "r1"}}})
		p, r1 := c.Primary(), c.Node("r1")
		id, query := row(t, p)
		wait(t, r1, id, query)
		dir := shared(t)
		for _, n := range c.Nodes() {
			if err := n.Backup(t.Context(), filepath.Join(dir, n.Name())); err != nil {
				t.Fatal(err)
			}
		}
		row(t, p)
		system, _, _ := strings.Cut(value(t, p, who), " ")
		for _, o := range []struct {
			Options
			timeline string
		}{
			{Options{From: filepath.Join(dir, "primary")}, "00000001"},
			{Options{From: filepath.Join(dir, "primary"), NewTimeline: true, Replicas: []Replica{{Name: "r1"}}}, "00000002"},
			{Options{From: filepath.Join(dir, "r1"), Replicas: []Replica{{Name: "r1"}}}, "00000001"},
		} {
			o.Binaries = b
			restored := start(t, o.Options)
			if got, want := value(t, restored.Primary(), who), system+" "+o.timeline; got != want {
				t.Errorf("from %s, new timeline %t: got %q, want %q", o.From, o.NewTimeline, got, want)
			}
			for _, n := range restored.Nodes() {
				wait(t, n, id, query)
			}
		}
	})
}

func TestSocketsFitInDeepDirectories(t *testing.T) {
	dir := filepath.Join(shared(t), strings.Repeat("deep-", 20), strings.Repeat("deeper-", 10))
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	c := start(t, Options{Binaries: binaries(t)[0], Dir: dir, Replicas: []Replica{{Name: "r1", Delay: time.Millisecond}}})
	if got := value(t, c.Primary(), senders); got != "r1 streaming" {
		t.Errorf("got %q", got)
	}
	if !strings.HasPrefix(c.Primary().DataDir(), dir) {
		t.Errorf("files are in %s", c.Primary().DataDir())
	}
	if err := c.Close(); err != nil {
		t.Error(err)
	}
	if left := append(files(t, dir), running(t, dir)...); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

func TestClosedClusterRefuses(t *testing.T) {
	dir := shared(t)
	c := start(t, Options{Binaries: binaries(t)[0], Dir: dir, Replicas: []Replica{{Name: "r1", Slot: "r1"}, {Name: "r2"}, {Name: "r3"}}})
	for name, p := range map[string]Process{"primary": WholeServer, "r1": WholeServer, "r2": Startup} {
		if err := c.Node(name).Freeze(p); err != nil {
			t.Fatal(err)
		}
	}
	c.Node("r3").Hole()
	for range 2 {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	}
	if left := append(files(t, dir), running(t, dir)...); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
	r1 := c.Node("r1")
	if _, err := c.AddReplica(t.Context(), Replica{Name: "r5"}); !errors.Is(err, ErrClosed) {
		t.Errorf("AddReplica says %v", err)
	}
	if err := r1.Start(t.Context()); !errors.Is(err, ErrClosed) {
		t.Errorf("Start says %v", err)
	}
	for what, do := range map[string]func() error{
		"Exec":     func() error { return r1.Exec(t.Context(), "postgres", "select 1") },
		"Pause":    func() error { return r1.Pause(t.Context()) },
		"LoseSlot": func() error { return r1.LoseSlot(t.Context()) },
		"Restore":  func() error { return r1.Restore(t.Context()) },
		"Follow":   func() error { return r1.Follow(t.Context(), c.Primary()) },
		"Freeze":   func() error { return r1.Freeze(WholeServer) },
	} {
		if do() == nil {
			t.Errorf("%s works", what)
		}
	}
	if r1.PID() != 0 {
		t.Errorf("there is a process %d", r1.PID())
	}
	if left := append(files(t, dir), running(t, dir)...); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

func TestOptionsThatCannotBe(t *testing.T) {
	b := binaries(t)[0]
	dir := shared(t)
	for name, o := range map[string]Options{
		"no such directory": {Dir: filepath.Join(dir, "nowhere")},
		"no such binaries":  {Binaries: Binaries{Dir: dir}},
		"old":               {Binaries: Binaries{Dir: b.Dir, Version: 9}},
		"two of a name":     {Replicas: []Replica{{Name: "a"}, {Name: "a"}}},
		"upstream later":    {Replicas: []Replica{{Name: "a", Upstream: "b"}, {Name: "b"}}},
		"port":              {Settings: map[string]string{"port": "http"}},
		"setting":           {Settings: map[string]string{"no_such_setting": "1"}},
		"slot":              {Replicas: []Replica{{Name: "a", Slot: "Not A Slot"}}},
		"from nothing":      {From: filepath.Join(dir, "nowhere")},
	} {
		t.Run(name, func(t *testing.T) {
			if o.Binaries.Dir == "" {
				o.Binaries = b
			}
			if o.Dir == "" {
				o.Dir = dir
			}
			c, err := Start(t.Context(), o)
			if err == nil {
				c.Close()
				t.Fatal("it started")
			}
			t.Log(err)
			if left := append(files(t, dir), running(t, dir)...); len(left) > 0 {
				t.Errorf("left behind: %v", left)
			}
		})
	}
}
