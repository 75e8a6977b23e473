// Package flex is the database of the simulated world: what the machines of a Fly Postgres (flex) app are, hold and
// answer. Behind them runs a real PostgreSQL cluster (pgcluster), with contents, light traffic, repmgr's tables and a
// fly_postgres watcher in each region, and what can go wrong with replication as faults. It listens nowhere: whoever
// composes the world hands it the connections that reach its machines.
package flex

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	"ops-console/ops/fly"
	"ops-console/ops/fly/flysim/platform"
	"ops-console/ops/postgres/pgcluster"
)

// The databases, and the roles that clients of the network log in with. All of them have passwords.
const (
	DatabaseName = "changelog" // the application's
	OwnerRole    = "changelog" // owns it; what the application logs in with
	ConsoleRole  = "console"   // may look: a member of pg_monitor
	BackupRole   = "backup"    // may read all of it, and make databases: for backups and restores
	SuperRole    = "flypgadmin"
	repmgrName   = "repmgr" // database and role of repmgr
)

// Ports of a machine.
const (
	PortPrimary = 5432 // leads to the primary, from every machine
	PortDirect  = 5433 // the machine's own server
	PortChecks  = 5500 // HTTP: the checks of the platform
)

// ErrNone says that a world has no database.
var ErrNone = errors.New("this world has no database: it needs PostgreSQL's server binaries, and --database")

// ErrNoReplica says that a fault is to happen to a replica that there is not.
var ErrNoReplica = errors.New("no such replica")

// Member is a machine of the app, and the server that it stands for.
type Member struct {
	ID       string
	Region   string
	Upstream string // id of the member it streams from; empty: it is the primary
	Priority int    // in an election; 0: never promoted by itself
}

// Session is an application instance that uses the database.
type Session struct {
	Name   string // application_name
	Region string
}

// Platform knows how the machines are, and is told what checks find. platform.World is one.
type Platform interface {
	Instance(id string) (platform.Instance, bool)
	Report(id, check, status, output string) error
	Up(id string) error
}

// Options of Start.
type Options struct {
	App      string
	Binaries pgcluster.Binaries
	Members  []Member  // the primary first, upstreams before those that stream from them
	Sessions []Session // at least one
	Platform Platform
	Way      func(from, to string) time.Duration // one way between two regions; nil: no time
	Plays    int                                 // rows of plays, the largest table, which come once all is ready
	Logger   *slog.Logger

	limit func() time.Duration // of one attempt to bring the cluster to what is wanted; nil: patience
	retry time.Duration        // from one that failed to the next; 0: a second
}

// Database is a cluster that runs, or is about to. All methods are safe for concurrent use.
type Database struct {
	o         Options
	passwords map[string]string // by role
	nodes     []*node           // in the order of Options.Members
	cluster   *pgcluster.Cluster
	router    router
	traffic   *traffic

	cancel context.CancelFunc // of everything in the background
	ctx    context.Context
	work   sync.WaitGroup
	ready  chan struct{} // closed when start-up ended
	failed error         // why it did; set before ready is closed

	mu      sync.Mutex // guards all below
	plan    int        // counts changes of what is wanted
	done    int        // the plan that the cluster has been brought to
	outcome error      // of that
	changed chan struct{}
	wishes  []*wish
}

// Start begins to make a database and returns at once; Ready says when it is there. Close ends it.
func Start(o Options) *Database {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Way == nil {
		o.Way = func(string, string) time.Duration { return 0 }
	}
	if o.limit == nil {
		o.limit = func() time.Duration { return patience }
	}
	o.retry = cmp.Or(o.retry, time.Second)
	d := &Database{
		o: o, passwords: map[string]string{}, ready: make(chan struct{}), changed: make(chan struct{}),
	}
	for _, role := range []string{OwnerRole, ConsoleRole, BackupRole, SuperRole, repmgrName} {
		d.passwords[role] = strings.ToLower(rand.Text())
	}
	byID := map[string]*node{}
	for _, m := range o.Members {
		n := &node{Member: m, repmgrID: repmgrID(m.ID), upstream: byID[m.Upstream]}
		byID[m.ID] = n
		d.nodes = append(d.nodes, n)
	}
	d.traffic = newTraffic(d)
	d.ctx, d.cancel = context.WithCancel(context.Background())
	d.work.Go(func() {
		d.failed = d.start(d.ctx)
		close(d.ready)
		if d.failed != nil {
			return
		}
		d.direct(d.ctx)
	})
	return d
}

// Ready waits until the database answers and suffers what it is to suffer, and says why it never will.
func (d *Database) Ready(ctx context.Context) error {
	select {
	case <-d.ready:
	case <-ctx.Done():
		return fmt.Errorf("wait for the simulated database: %w", ctx.Err())
	}
	d.mu.Lock()
	plan := d.plan
	d.mu.Unlock()
	return d.await(ctx, plan)
}

// Password of a role.
func (d *Database) Password(role string) string { return d.passwords[role] }

// Members are the machines with their servers.
func (d *Database) Members() []Member { return d.o.Members }

// Log is the end of what a machine's server said, for messages of failing tests.
func (d *Database) Log(id string) string {
	if n := d.node(id); n != nil && d.up() {
		return n.pg.Log()
	}
	return ""
}

// Close ends every server and session, and waits for them. It is idempotent.
func (d *Database) Close() error {
	d.cancel()
	var err error
	if d.waitStarted(); d.cluster != nil {
		// The servers first: what still talks to them then ends by itself.
		err = d.cluster.Close()
	}
	d.work.Wait()
	if err != nil {
		return fmt.Errorf("end the simulated database: %w", err)
	}
	return nil
}

func (d *Database) waitStarted() { <-d.ready }

// start makes the cluster, fills it, and lets its machines come up.
func (d *Database) start(ctx context.Context) error {
	var replicas []pgcluster.Replica
	for _, n := range d.nodes[1:] {
		replicas = append(replicas, pgcluster.Replica{
			Name: n.ID, Upstream: n.upstreamName(), Slot: n.slot(), Delay: d.o.Way(n.upstream.Region, n.Region),
		})
	}
	var err error
	d.cluster, err = pgcluster.Start(ctx, pgcluster.Options{
		Binaries: d.o.Binaries, Replicas: replicas, Settings: settings(), HBA: hba(),
	})
	if err != nil {
		return fmt.Errorf("start the simulated database: %w", err)
	}
	for _, n := range d.nodes {
		n.pg = d.cluster.Node(n.name())
	}
	if err := d.fill(ctx); err != nil {
		return fmt.Errorf("fill the simulated database: %w", err)
	}
	for _, n := range d.nodes {
		d.check(ctx, n)
	}
	d.router.choose(d.nodes)
	for _, n := range d.nodes {
		if err := d.o.Platform.Up(n.ID); err != nil {
			return err
		}
		d.work.Go(func() { d.watchChecks(ctx, n) })
	}
	d.traffic.start(ctx)
	d.work.Go(func() { d.play(ctx) })
	return nil
}

// settings are those of the platform's image, as far as they do not speak of its size.
func settings() map[string]string {
	return map[string]string{
		"max_connections":       "300",
		"max_replication_slots": "10",
		"random_page_cost":      "1.1",
		"wal_compression":       "on",
		"wal_level":             "replica",
		"wal_log_hints":         "on",
		"hot_standby":           "on",
		"password_encryption":   "scram-sha-256",
		"autovacuum":            "on",
		"max_wal_size":          "96MB",
	}
}

// hba lets the roles of the network in by password only. The servers' own superuser, who is trusted, cannot come from
// there: see gate.
func hba() []string {
	roles := strings.Join([]string{OwnerRole, ConsoleRole, BackupRole, SuperRole, repmgrName}, ",")
	return []string{"local all " + roles + " scram-sha-256", "local replication " + roles + " scram-sha-256"}
}

// MachineConfig is the configuration of a machine of such an app, as the platform's clients make it.
func MachineConfig(major int, primaryRegion string) map[string]any {
	service := func(port int) map[string]any {
		return map[string]any{
			"protocol": "tcp", "internal_port": port, "autostart": false,
			"ports":       []any{map[string]any{"port": port, "handlers": []string{"pg_tls"}}},
			"concurrency": fly.Concurrency{Type: "connections", HardLimit: 1000, SoftLimit: 1000},
		}
	}
	checks := map[string]any{}
	for _, name := range []string{"pg", "role", "vm"} {
		checks[name] = map[string]any{"type": "http", "port": PortChecks, "path": "/flycheck/" + name, "interval": "15s", "timeout": "10s"}
	}
	return map[string]any{
		"image":    fmt.Sprintf("flyio/postgres-flex:%d", cmp.Or(major, 17)),
		"env":      map[string]string{"PRIMARY_REGION": primaryRegion},
		"init":     map[string]any{},
		"guest":    fly.Guest{CPUKind: "shared", CPUs: 2, MemoryMB: 4096},
		"metadata": map[string]string{fly.MetaPlatformVersion: "v2", "fly-managed-postgres": "true", "managed-by-fly-deploy": "true", "fly_flyctl_version": "0.4.87"},
		"metrics":  map[string]any{"port": 9187, "path": "/metrics"},
		"restart":  fly.Restart{Policy: "always"},
		"services": []any{service(PortPrimary), service(PortDirect)},
		"checks":   checks,
	}
}
