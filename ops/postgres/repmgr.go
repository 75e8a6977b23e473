package postgres

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"ops-console/ops/plaintext"
	"ops-console/ops/postgres/conninfo"
)

// repmgrDatabase is where repmgr keeps its tables in Fly Postgres, and by custom elsewhere.
const repmgrDatabase = "repmgr"

// repmgrQuery lists the servers that repmgr knows. Of their conninfo only host and port leave the server: it can hold a
// password.
const repmgrQuery = `select coalesce(pg_catalog.jsonb_agg(pg_catalog.jsonb_build_object(
'name', node_name, 'type', type, 'region', location,
'host', pg_catalog.substring(conninfo, '(?:^|\s)host\s*=\s*''?([^''\s]+)'),
'port', pg_catalog.substring(conninfo, '(?:^|\s)port\s*=\s*''?(\d{1,5})')) order by node_id), '[]')::text
from repmgr.nodes where active and type in ('primary', 'standby')`

// member is a row of repmgr.nodes.
type member struct{ Name, Type, Region, Host, Port string }

// withRepmgr replaces the nodes of the connection string by those that repmgr lists, if there are any and the primary
// among them can be reached where repmgr says. It asks rarely, and remembers what it was told.
func (f *Finder) withRepmgr(ctx context.Context, l login, nn []Node) ([]Node, error) {
	now := f.o.Now()
	if f.asked.IsZero() || now.Sub(f.asked) >= repmgrEvery {
		known, answered, err := f.repmgr(ctx, l, nn)
		if !answered {
			return nn, nil // who connects to the nodes says why
		}
		f.asked, f.known, f.unknown = now, known, err
	}
	if len(f.known) > 0 {
		return f.known, nil
	}
	return nn, f.unknown
}

// repmgr asks the first of the nodes in the private network that answers. It gives none where that has no tables of
// repmgr's.
func (f *Finder) repmgr(ctx context.Context, l login, nn []Node) (known []Node, answered bool, err error) {
	for _, n := range nn {
		if n.Direct { // what repmgr lists are addresses of the servers' own network
			continue
		}
		caps, err := f.capabilities(ctx, n)
		if err != nil {
			continue
		}
		if !caps.Repmgr {
			return nil, true, nil
		}
		mm, err := f.members(ctx, l, n)
		switch {
		case notRepmgr(err):
			return nil, true, nil
		case err != nil:
			return nil, true, fmt.Errorf("read which replicas repmgr knows: %w", err)
		}
		known, err = f.reachable(ctx, l, mm)
		return known, true, err
	}
	return nil, false, nil
}

// notRepmgr tells that there is a database of that name that is something else, or not for us.
func notRepmgr(err error) bool {
	f := (*Failure)(nil)
	return errors.As(err, &f) && (f.Kind == FailAuth || slices.Contains([]string{"42501", "42P01", "42703"}, f.SQLState))
}

func (f *Finder) capabilities(ctx context.Context, n Node) (Capabilities, error) {
	c, err := Connect(ctx, n, f.o.Network)
	if err != nil {
		return Capabilities{}, err
	}
	return c.Capabilities(), c.Close(ctx)
}

// members reads repmgr's table at a node.
func (f *Finder) members(ctx context.Context, l login, n Node) ([]member, error) {
	s := conninfo.Settings{"dbname": repmgrDatabase, "password": n.Config.Password}.Over(l.settings)
	there, err := l.node(s, conninfo.Host{Name: n.Host, Port: n.Port}, f.o.Database.Via)
	if err != nil {
		return nil, err
	}
	c, err := Connect(ctx, there, f.o.Network)
	if err != nil {
		return nil, err
	}
	defer func() { _ = c.Close(ctx) }()
	a, err := c.Ask(ctx, repmgrQuery, QueryTimeout)
	if err != nil {
		return nil, err
	}
	var mm []member
	if err := json.Unmarshal([]byte(a.Value), &mm); err != nil {
		return nil, err
	}
	return mm, nil
}

// reachable makes nodes of members if the primary among them answers.
func (f *Finder) reachable(ctx context.Context, l login, mm []member) ([]Node, error) {
	var nn []Node
	primary := false
	for _, m := range mm {
		hh, err := conninfo.Settings{"host": m.Host, "port": m.Port}.Hosts()
		if err != nil || len(hh) != 1 {
			continue
		}
		n, err := l.node(l.settings, hh[0], f.o.Database.Via)
		if err != nil {
			return nil, err
		}
		n.Name, n.Region, n.From, n.Expect = plaintext.Line(m.Name, 40), plaintext.Line(m.Region, 20), "repmgr.nodes", RoleReplica
		if m.Type == "primary" {
			n.Expect = RolePrimary
			if _, err := f.capabilities(ctx, n); err != nil {
				return nil, fmt.Errorf("the replicas that repmgr lists are not asked, as its primary %s does not answer at %s: %w", n.Name, n.Key(), err)
			}
			primary = true
		}
		nn = append(nn, n)
	}
	if !primary {
		return nil, nil
	}
	return nn, nil
}
