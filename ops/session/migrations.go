package session

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"ops-console/ops/ecto/catalog"
	"ops-console/ops/ecto/project"
	"ops-console/ops/ecto/watch"
	"ops-console/ops/postgres"
)

// MigrationOptions is how the project's migrations are watched. Where no project's directory is known, there are none and
// ok is false.
func (s *Session) MigrationOptions() (o watch.Options, ok bool) {
	p := s.Profile
	if p.Project == "" {
		return watch.Options{}, false
	}
	o = watch.Options{Dir: p.Project}
	if l, dialer, ok := s.locator(); ok {
		o.OnDemand = p.Database.Poll == "pane"
		// Readings come one after the other: each measures traffic against the one before.
		last := map[versions]*catalog.Snapshot{}
		o.Catalog = func(ctx context.Context, r project.Repo) (*catalog.Snapshot, error) {
			key := versions{r.Settings.Source, r.Settings.Prefix}
			s, err := readCatalog(ctx, l, dialer, catalog.Options{Source: key.table, Prefix: key.schema, Before: last[key]})
			if err == nil {
				last[key] = s
			}
			return s, err
		}
	}
	return o, true
}

// versions names a table of versions.
type versions struct{ table, schema string }

// readCatalog reads what the primary says; a standby, where none answers as the primary.
func readCatalog(ctx context.Context, l postgres.Locator, d postgres.Dialer, o catalog.Options) (*catalog.Snapshot, error) {
	c, err := primary(ctx, l, d)
	if err != nil {
		return nil, err
	}
	defer c.Close(context.WithoutCancel(ctx)) //nolint:errcheck // all is read by then
	return catalog.Read(ctx, c, o)
}

// primary connects to the node that takes writes; to a standby, where no other answers.
func primary(ctx context.Context, l postgres.Locator, d postgres.Dialer) (*postgres.Conn, error) {
	nodes, err := l.Nodes(ctx)
	if len(nodes) == 0 {
		return nil, cmp.Or(err, errors.New("no node of the database is known"))
	}
	order := map[postgres.Role]int{postgres.RolePrimary: 0, postgres.RoleUnknown: 1}
	place := func(n postgres.Node) int {
		if i, ok := order[n.Expect]; ok {
			return i
		}
		return len(order)
	}
	slices.SortStableFunc(nodes, func(a, b postgres.Node) int { return cmp.Compare(place(a), place(b)) })
	var (
		standby *postgres.Conn
		failed  error
	)
	drop := func(c *postgres.Conn) {
		if c != nil {
			_ = c.Close(context.WithoutCancel(ctx)) // another one is used
		}
	}
	for _, n := range nodes {
		c, err := postgres.Connect(ctx, n, d)
		if err != nil {
			failed = cmp.Or(failed, fmt.Errorf("%s: %w", n.Name, err))
			continue
		}
		a, err := c.Ask(ctx, "select pg_is_in_recovery()", 0)
		switch {
		case err != nil:
			failed = cmp.Or(failed, fmt.Errorf("%s: %w", n.Name, err))
			drop(c)
		case a.Value == "f" || a.Value == "false":
			drop(standby)
			return c, nil
		case standby == nil:
			standby = c
		default:
			drop(c)
		}
	}
	if standby != nil {
		return standby, nil
	}
	return nil, failed
}
