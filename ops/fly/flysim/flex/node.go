package flex

import (
	"context"
	"fmt"
	"hash/fnv"
	"sync/atomic"
	"time"

	"ops-console/ops/postgres/pgcluster"

	"github.com/jackc/pgx/v5"
)

// node is a member with its server.
type node struct {
	Member
	repmgrID int
	upstream *node           // nil: the primary
	pg       *pgcluster.Node // set once, before start-up ends

	is       state // what it was brought to; the director's own, as are
	readOnly bool
	blocker  *blocker // the query that blocks replay

	role atomic.Value // a string: as the check found it; empty: it did not answer
	rank atomic.Int64 // counts promotions: the higher, the newer a primary it is
}

// name is what the cluster calls the node, which its walreceiver takes for its application_name.
func (n *node) name() string {
	if n.upstream == nil {
		return "primary"
	}
	return n.ID
}

func (n *node) upstreamName() string {
	if n.upstream == nil || n.upstream.upstream == nil {
		return ""
	}
	return n.upstream.ID
}

// slot is what repmgr calls the replication slot of the node.
func (n *node) slot() string { return fmt.Sprintf("repmgr_slot_%d", n.repmgrID) }

// repmgrID makes a node id as long as those that the platform's image draws.
func repmgrID(machine string) int {
	h := fnv.New32a()
	h.Write([]byte(machine))
	return int(h.Sum32()&0x3fffffff) + 0x20000000
}

// config is that of a connection of a role; empty: the servers' own superuser.
func (d *Database) config(n *node, database, role string) (*pgx.ConnConfig, error) {
	c, err := pgx.ParseConfig(n.pg.URL(database))
	if err != nil {
		return nil, fmt.Errorf("connect to %s: %w", n.ID, err)
	}
	if role != "" {
		c.User, c.Password = role, d.passwords[role]
	}
	c.ConnectTimeout = 3 * time.Second
	return c, nil
}

// ask gives the first value of a query's first row, as the servers' own superuser.
func (d *Database) ask(ctx context.Context, n *node, database, query string, args ...any) (value string, err error) {
	c, err := d.config(n, database, "")
	if err != nil {
		return "", err
	}
	conn, err := pgx.ConnectConfig(ctx, c)
	if err != nil {
		return "", err
	}
	defer conn.Close(context.WithoutCancel(ctx)) //nolint:errcheck // nothing was written
	err = conn.QueryRow(ctx, query, args...).Scan(&value)
	return value, err
}
