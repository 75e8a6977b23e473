// Package postgres finds the nodes of an application's PostgreSQL and connects to them: over the private network or
// directly, one backend each, read only, with a deadline on everything. It knows what a server can be asked, and never
// what the answers mean.
package postgres

import (
	"context"
	"log/slog"
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

// Node is a server that can be connected to. It holds a password, and does not print itself.
type Node struct {
	Name   string // unique in a list: a machine's id, a configured name, or HOST:PORT
	Region string // empty: unknown
	Host   string
	Port   uint16
	Expect Role     // what configuration or platform say it is
	From   string   // how it was found, in words: "profile", "app changelog-db", "repmgr.nodes"
	Direct bool     // dialled without the private network
	Notes  []string // what one should know of the way there, one line each

	Config *pgx.ConnConfig
}

// String is the name.
func (n Node) String() string { return n.Name }

// GoString is the name.
func (n Node) GoString() string { return "postgres.Node(" + n.Name + ")" }

// LogValue is the name.
func (n Node) LogValue() slog.Value { return slog.StringValue(n.Name) }

// Key tells two nodes apart: HOST:PORT.
func (n Node) Key() string { return net.JoinHostPort(n.Host, strconv.Itoa(int(n.Port))) }

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

// Deadlines of the parts of a conversation. A session takes up to five round trips to make (TCP, the beginning, three of
// SCRAM's): there are regions 400 ms apart.
const (
	ConnectTimeout = 2 * time.Second
	QueryTimeout   = 900 * time.Millisecond
)
