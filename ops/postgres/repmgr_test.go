package postgres

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"ops-console/ops/config"
	"ops-console/ops/postgres/pgcluster"
)

// addresses is a private network: its servers by HOST:PORT.
type addresses map[string]*pgcluster.Node

func (a addresses) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	if n := a[address]; n != nil {
		return n.Dial(ctx)
	}
	return nil, &net.OpError{Op: "dial", Net: network, Err: syscall.ECONNREFUSED}
}

func TestReplicasThatRepmgrKnows(t *testing.T) {
	l := newLab(t)
	p, r := l.cluster.Primary(), l.cluster.Node("r1")
	run := func(database string, statements ...string) {
		t.Helper()
		if err := p.Exec(context.WithoutCancel(t.Context()), database, statements...); err != nil {
			t.Fatal(err)
		}
	}
	run("postgres", "create database repmgr")
	t.Cleanup(func() { run("postgres", "drop database repmgr with (force)") })
	run("repmgr", "create schema repmgr", `create table repmgr.nodes (node_id int, upstream_node_id int, active bool, node_name text,
		type text, location text, priority int, conninfo text, repluser text, slot_name text, config_file text)`,
		`insert into repmgr.nodes (node_id, active, node_name, type, location, conninfo) values
		(1, true, 'e286039f003867', 'primary', 'iad', 'user=repmgr host=fdaa:0:1::1 port=5433 password=hunter2 connect_timeout=5'),
		(2, true, '148ed55b5e2789', 'standby', 'lax', 'host = ''fdaa:0:1::2'' port=''5433'' user=repmgr'),
		(3, true, 'witness', 'witness', 'iad', 'host=fdaa:0:1::9'),
		(4, false, 'gone', 'standby', 'syd', 'host=fdaa:0:1::4'),
		(5, true, 'odd', 'standby', 'syd', 'service=x')`)

	network := addresses{"changelog-db.internal:5432": p, "[fdaa:0:1::1]:5433": p, "[fdaa:0:1::2]:5433": r}
	now := time.Unix(1_700_000_000, 0)
	finder := func(user string) *Finder {
		return NewLocator(Options{
			Database: config.Database{URL: config.ConnString("postgres://" + user + "@changelog-db.internal/app")},
			Network:  network, PrimaryRegion: "iad", Getenv: env{}.get, Now: func() time.Time { return now },
		})
	}
	proxy := seen{Name: "changelog-db.internal:5432", Region: "iad", Key: "changelog-db.internal:5432", From: "profile", Login: "postgres:@app", Expect: RolePrimary, Notes: []string{proxyNote}}
	want := []seen{
		{Name: "e286039f003867", Region: "iad", Key: "[fdaa:0:1::1]:5433", From: "repmgr.nodes", Login: "postgres:@app", Expect: RolePrimary},
		{Name: "148ed55b5e2789", Region: "lax", Key: "[fdaa:0:1::2]:5433", From: "repmgr.nodes", Login: "postgres:@app", Expect: RoleReplica},
	}
	f := finder("postgres")
	nn, err := f.Nodes(t.Context())
	if diff := cmp.Diff(want, look(nn)); err != nil || diff != "" {
		t.Errorf("%v %s", err, diff)
	}
	for _, n := range nn {
		a, err := open(t, n, network).Ask(t.Context(), "select pg_is_in_recovery()::text", 0)
		if err != nil || a.Value != fmt.Sprint(n.Expect == RoleReplica) {
			t.Errorf("%s: in recovery %s, %v", n, a.Value, err)
		}
	}

	// Who may not read repmgr's table gets what the profile says.
	mine := proxy
	mine.Login = "plain:@app"
	nn, err = finder("plain").Nodes(t.Context())
	if diff := cmp.Diff([]seen{mine}, look(nn)); err != nil || diff != "" {
		t.Errorf("%v %s", err, diff)
	}

	// What is known is remembered while nobody answers, and read again in time.
	delete(network, "changelog-db.internal:5432")
	now = now.Add(freshFor)
	if nn, err := f.Nodes(t.Context()); err != nil || len(nn) != 2 {
		t.Errorf("got %v, %v", nn, err)
	}
	network["changelog-db.internal:5432"] = p
	delete(network, "[fdaa:0:1::1]:5433")
	now = now.Add(repmgrEvery)
	nn, err = f.Nodes(t.Context())
	if diff := cmp.Diff([]seen{proxy}, look(nn)); diff != "" {
		t.Error(diff)
	}
	if err == nil || !strings.Contains(err.Error(), "its primary e286039f003867 does not answer at [fdaa:0:1::1]:5433: [fdaa:0:1::1]:5433 refuses connections") || strings.Contains(err.Error(), "hunter2") {
		t.Errorf("got %v", err)
	}
	if f := (*Failure)(nil); !errors.As(err, &f) || f.Kind != FailRefused {
		t.Errorf("got %v", err)
	}

	// Nobody answers: the profile's nodes, whose sessions will say why.
	nn, err = NewLocator(Options{Database: config.Database{URL: "postgres://nowhere.internal:5433"}, Network: network, Getenv: env{}.get}).Nodes(t.Context())
	if err != nil || len(nn) != 1 || nn[0].Name != "nowhere.internal:5433" {
		t.Errorf("got %v, %v", nn, err)
	}
}
