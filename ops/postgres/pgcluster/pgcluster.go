// Package pgcluster runs real PostgreSQL clusters for tests and for the simulated world: a primary and streaming replicas,
// cascading ones too, in a temporary directory, as a non-root user, with faults to switch on. A cluster never outlives
// the process that started it. It is for throw-away data: fsync is off.
package pgcluster

import (
	"context"
	"errors"
	"net"
	"time"
)

// ErrNoBinaries says that no PostgreSQL server is installed.
var ErrNoBinaries = errors.New("no PostgreSQL server binaries found")

// Binaries is a directory with initdb, postgres and pg_ctl.
type Binaries struct {
	Dir     string
	Version int // major
}

// Find gives the installed servers, the newest first: those in $OPS_CONSOLE_POSTGRES (directories separated as in PATH),
// then those of the system. The error is ErrNoBinaries.
func Find() ([]Binaries, error) { return nil, ErrNoBinaries }

// Options of Start. The zero value is a primary alone.
type Options struct {
	Binaries Binaries  // zero: the first that Find gives
	Dir      string    // for data and sockets; empty: a temporary one that Close removes
	Replicas []Replica // upstreams before those that stream from them
	Settings map[string]string
	HBA      []string // lines before the default, which trusts local connections
}

// Replica is a standby to be started.
type Replica struct {
	Name     string
	Upstream string        // empty: the primary
	Delay    time.Duration // one way, of the link to its upstream
	Slot     string        // empty: none; made on the upstream before the replica starts
	Settings map[string]string
	Skew     time.Duration // its clock is ahead by so much (needs libfaketime)
}

// Cluster is running servers. All methods are safe for concurrent use.
type Cluster struct{}

// Start makes a cluster and returns once every server takes connections and every replica streams.
func Start(ctx context.Context, o Options) (*Cluster, error) { return nil, ErrNoBinaries }

// Primary is the node that was started as one.
func (c *Cluster) Primary() *Node { return nil }

// Node by name; the first primary is called "primary". nil: there is none.
func (c *Cluster) Node(name string) *Node { return nil }

// Nodes is all of them, in the order in which they were started.
func (c *Cluster) Nodes() []*Node { return nil }

// AddReplica starts another standby, made by a base backup of its upstream.
func (c *Cluster) AddReplica(ctx context.Context, r Replica) (*Node, error) { return nil, nil }

// Close ends every server, frozen ones too, and removes what Start made. It is idempotent.
func (c *Cluster) Close() error { return nil }

// Node is one server and its link to its upstream.
type Node struct{}

// Name of the node.
func (n *Node) Name() string { return "" }

// URL is a connection string of the superuser over the unix socket, for a database.
func (n *Node) URL(database string) string { return "" }

// Dial opens a connection to the server, for gateways and proxies.
func (n *Node) Dial(ctx context.Context) (net.Conn, error) { return nil, ErrNoBinaries }

// PID of the postmaster.
func (n *Node) PID() int { return 0 }

// DataDir is where its files are.
func (n *Node) DataDir() string { return "" }

// Log is the end of what the server said, for messages of failing tests.
func (n *Node) Log() string { return "" }

// Delay sets the one-way delay of the link to the upstream.
func (n *Node) Delay(d time.Duration) {}

// Cut breaks the link to the upstream and refuses new ones, until Heal.
func (n *Node) Cut() {}

// Hole makes the link to the upstream swallow everything, without a word, until Heal.
func (n *Node) Hole() {}

// Heal ends Cut and Hole.
func (n *Node) Heal() {}

// Process is a part of a server.
type Process string

// The processes that can be frozen.
const (
	WholeServer Process = ""
	Startup     Process = "startup"
	WALReceiver Process = "walreceiver"
)

// Freeze stops processes of the server (SIGSTOP) until Thaw.
func (n *Node) Freeze(p Process) error { return nil }

// Thaw lets them run on.
func (n *Node) Thaw() error { return nil }

// Pause pauses replay.
func (n *Node) Pause(ctx context.Context) error { return nil }

// Resume lets replay go on.
func (n *Node) Resume(ctx context.Context) error { return nil }

// ApplyDelay sets recovery_min_apply_delay.
func (n *Node) ApplyDelay(ctx context.Context, d time.Duration) error { return nil }

// Promote makes a primary of a replica, and waits until it is one.
func (n *Node) Promote(ctx context.Context) error { return nil }

// LoseSlot makes the upstream throw away WAL that the node still needs: its link is cut, max_slot_wal_keep_size made
// small, and WAL written until the slot is lost.
func (n *Node) LoseSlot(ctx context.Context) error { return nil }

// Restore makes the node again from a base backup of its upstream, as one does with a standby that is lost.
func (n *Node) Restore(ctx context.Context) error { return nil }

// Follow points a standby at another upstream.
func (n *Node) Follow(ctx context.Context, upstream *Node) error { return nil }

// Stop ends the server; Start starts it again.
func (n *Node) Stop(ctx context.Context) error { return nil }

// Start starts a server that was stopped.
func (n *Node) Start(ctx context.Context) error { return nil }

// Exec runs statements as the superuser, each on its own.
func (n *Node) Exec(ctx context.Context, database string, statements ...string) error { return nil }
