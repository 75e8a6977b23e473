package scenario_test

import (
	"context"
	"fmt"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"ops-console/ops/postgres"
	"ops-console/ops/postgres/pgcluster"
)

// network is how the console reaches the servers of a cluster: by names that only it knows, as in a private network. The
// way to the primary can be long.
type network struct {
	c   *pgcluster.Cluster
	far atomic.Int64 // one way to the primary, in nanoseconds
}

// DialContext implements postgres.Dialer.
func (n *network) DialContext(ctx context.Context, _, address string) (net.Conn, error) {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	node := n.c.Node(strings.TrimSuffix(host, ".internal"))
	if node == nil {
		return nil, &net.DNSError{Err: "no such host", Name: host, IsNotFound: true}
	}
	conn, err := node.Dial(ctx)
	if err != nil || node != n.c.Primary() {
		return conn, err
	}
	near, far := net.Pipe()
	go n.carry(far, conn)
	go n.carry(conn, far)
	return near, nil
}

// carry brings what comes from one connection to another, as late as the way is long when it sets out.
func (n *network) carry(from, to net.Conn) {
	type parcel struct {
		due  time.Time
		data []byte
	}
	way := make(chan parcel, 1024)
	var wait sync.WaitGroup
	wait.Go(func() {
		for p := range way {
			time.Sleep(time.Until(p.due))
			if _, err := to.Write(p.data); err != nil {
				break
			}
		}
		to.Close()
		from.Close()
		for range way { // what can be brought nowhere
		}
	})
	buf := make([]byte, 64<<10)
	for {
		k, err := from.Read(buf)
		if k > 0 {
			way <- parcel{time.Now().Add(time.Duration(n.far.Load())), append([]byte(nil), buf[:k]...)}
		}
		if err != nil {
			break
		}
	}
	close(way)
	wait.Wait()
}

// list is a fixed list of nodes.
type list []postgres.Node

// Nodes implements postgres.Locator.
func (l list) Nodes(context.Context) ([]postgres.Node, error) { return l, nil }

// node is how the console is told of a server.
func node(t *testing.T, name, region string, expect postgres.Role) postgres.Node {
	t.Helper()
	return nodeAs(t, name, region, expect, "postgres")
}

func nodeAs(t *testing.T, name, region string, expect postgres.Role, user string) postgres.Node {
	t.Helper()
	cfg, err := pgx.ParseConfig(fmt.Sprintf("postgres://%s@%s.internal:5432/postgres?sslmode=disable", user, name))
	if err != nil {
		t.Fatal(err)
	}
	return postgres.Node{Name: name, Region: region, Host: name + ".internal", Port: 5432, Expect: expect, From: "test", Config: cfg}
}

// start starts a cluster with the newest server, or with that of a major version, and ends it with the test.
func start(t *testing.T, o pgcluster.Options) *pgcluster.Cluster {
	t.Helper()
	c, err := pgcluster.Start(t.Context(), o)
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

// servers are those to test with.
func servers(t *testing.T) []pgcluster.Binaries {
	t.Helper()
	bb, err := pgcluster.Find()
	if err != nil {
		t.Skipf("%v: install postgresql, or name directories in OPS_CONSOLE_POSTGRES", err)
	}
	return bb
}
