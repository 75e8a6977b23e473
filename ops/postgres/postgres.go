// Package postgres finds the nodes of an application's PostgreSQL and connects to them: over the private network or
// directly, one backend each, read only, with a deadline on everything. It knows what a server can be asked, and never
// what the answers mean.
package postgres

import (
	"context"
	"net"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"
)

// Role is what a node is, or is said to be.
type Role string

// The roles.
const (
	RoleUnknown Role = ""
	RolePrimary Role = "primary"
	RoleReplica Role = "replica"
)

// Node is a server that can be connected to. It holds a password: never print it whole.
type Node struct {
	Name   string // unique in a list: a machine's id, a configured name, or HOST:PORT
	Region string // empty: unknown
	Host   string
	Port   uint16
	Expect Role   // what configuration or platform say it is
	From   string // how it was found, in words: "profile", "app changelog-db", "repmgr.nodes"
	Direct bool   // dialled without the private network

	Config *pgx.ConnConfig
}

// Key tells two nodes apart: HOST:PORT.
func (n Node) Key() string { return net.JoinHostPort(n.Host, itoa(n.Port)) }

// Dialer is the way into the private network: a wg.Network is one.
type Dialer interface {
	DialContext(ctx context.Context, network, address string) (net.Conn, error)
}

// Locator finds nodes. Implementations are safe for concurrent use.
type Locator interface {
	// Nodes lists the nodes as they are now. A list that could be read in part comes with an error that says what is
	// missing; what it holds is good.
	Nodes(ctx context.Context) ([]Node, error)
}

// Capabilities are what a server can be asked, probed once when a connection is made.
type Capabilities struct {
	Version       int    // server_version_num: 150018
	VersionText   string // "15.18 (Debian …)"
	User          string // session's role name
	Superuser     bool
	Monitor       bool   // may read all of pg_stat_*: pg_monitor or pg_read_all_stats
	Pooler        bool   // a pooler in transaction mode is in between: no startup parameters, no named statements
	Aurora        bool   // has aurora_replica_status
	Neon          bool   // runs on Neon: questions keep it awake
	Repmgr        bool   // has repmgr.nodes in a database that this role may connect to
	WatchFunction bool   // has fly_postgres' watch_for_lsn_change
	Database      string // connected to
}

// Failure is why a node could not be asked. It is an error.
type Failure struct {
	Kind     FailureKind
	SQLState string // five characters; empty: not the server's
	Text     string // one line, without secrets, safe to show
	Hint     string
	Err      error
}

// Error implements error.
func (f *Failure) Error() string { return f.Text }

// Unwrap gives the cause.
func (f *Failure) Unwrap() error { return f.Err }

// FailureKind sorts failures by what to do about them.
type FailureKind string

// The kinds.
const (
	FailRefused      FailureKind = "refused"        // nothing listens
	FailTimeout      FailureKind = "timeout"        // no answer: black hole, stopped, overloaded
	FailUnreachable  FailureKind = "unreachable"    // no route, no name, no network
	FailCut          FailureKind = "cut"            // the connection broke while it was used
	FailAuth         FailureKind = "auth"           // password, pg_hba.conf, certificate, no such role or database
	FailStarting     FailureKind = "starting"       // 57P03 while starting up
	FailShuttingDown FailureKind = "shutting_down"  // 57P01, 57P03 while shutting down
	FailNoHotStandby FailureKind = "no_hot_standby" // a standby that takes no connections
	FailTooMany      FailureKind = "too_many"       // 53300 and limits of roles and databases
	FailConfig       FailureKind = "config"         // what we were told cannot be right
	FailOther        FailureKind = "other"
)

// Deadlines of the parts of a conversation.
const (
	ConnectTimeout = 1500 * time.Millisecond
	QueryTimeout   = 900 * time.Millisecond
)

func itoa(p uint16) string { return strconv.Itoa(int(p)) }
