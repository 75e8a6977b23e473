package session

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"ops-console/ops/config"
	"ops-console/ops/ecto/catalog"
	"ops-console/ops/ecto/lint"
	"ops-console/ops/ecto/project"
	"ops-console/ops/ecto/rehearse"
	"ops-console/ops/ecto/watch"
	"ops-console/ops/postgres"
	"ops-console/ops/postgres/pgcluster"
)

// MigrationOptions is how the project's migrations are watched. Where no project's directory is known, there are none and
// ok is false.
func (s *Session) MigrationOptions() (o watch.Options, ok bool) {
	p := s.Profile
	if p.Project == "" {
		return watch.Options{}, false
	}
	o = watch.Options{Dir: p.Project, Lint: LintOptions(p)}
	if b, err := pgcluster.Find(); err == nil && len(b) > 0 {
		o.Rehearse = func(ctx context.Context, in lint.Input, progress func(string)) ([]rehearse.Step, error) {
			return s.Rehearse(ctx, in, rehearse.Options{Progress: progress})
		}
	}
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
	c, _, err := primary(ctx, l, d)
	if err != nil {
		return nil, err
	}
	defer c.Close(context.WithoutCancel(ctx)) //nolint:errcheck // all is read by then
	return catalog.Read(ctx, c, o)
}

// Rehearse runs the pending migrations of a repo on a throw-away server of this machine, which has the definitions of the
// live database where one was read, and else what the earlier migrations make.
func (s *Session) Rehearse(ctx context.Context, in lint.Input, o rehearse.Options) ([]rehearse.Step, error) {
	if l, dialer, ok := s.locator(); ok && in.Live != nil {
		c, node, err := primary(ctx, l, dialer)
		if err != nil {
			return nil, fmt.Errorf("rehearse: %w", err)
		}
		_ = c.Close(ctx) // it only told which node it is
		o.Live, o.Network = &node, dialer
	}
	return rehearse.Run(ctx, in, o)
}

// LintOptions is how a profile has migrations judged. Its baseline is not read.
func LintOptions(p *config.Profile) lint.Options {
	o := lint.Options{
		Target: p.Lint.Target, LockTimeout: p.Lint.LockTimeout, SmallRows: int64(p.Lint.SmallRows), SmallBytes: int64(p.Lint.SmallBytes),
		Severity: map[string]lint.Severity{},
	}
	if since := int64(p.Lint.Since); since > 0 {
		o.Check = func(v int64) bool { return v >= since }
	}
	for name, word := range p.Lint.Severity {
		if s, err := lint.ParseSeverity(word); err == nil {
			o.Severity[name] = s
		}
	}
	return o
}

// primary connects to the node that takes writes; to a standby, where no other answers.
func primary(ctx context.Context, l postgres.Locator, d postgres.Dialer) (*postgres.Conn, postgres.Node, error) {
	nodes, err := l.Nodes(ctx)
	if len(nodes) == 0 {
		return nil, postgres.Node{}, cmp.Or(err, errors.New("no node of the database is known"))
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
		other   postgres.Node // that standby is
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
			return c, n, nil
		case standby == nil:
			standby, other = c, n
		default:
			drop(c)
		}
	}
	if standby != nil {
		return standby, other, nil
	}
	return nil, postgres.Node{}, failed
}
