package main

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"ops-console/ops/ecto/lint"
	"ops-console/ops/ecto/report"
	"ops-console/ops/ecto/scope"
	"ops-console/ops/ecto/watch"
	"ops-console/ops/session"
)

// migrationsFlags say how the state is told.
type migrationsFlags struct {
	format  string
	watch   bool
	timeout time.Duration
}

func migrationsCommand(e *env, t *target) *cobra.Command {
	o := &migrationsFlags{}
	c := &cobra.Command{
		Use:   "migrations",
		Short: "Say which Ecto migrations ran, which are pending, and what is found in those",
		Long: `Compares the files of the project with what each repo's table of versions says: up, down
(pending), out of order (pending, though a later one ran), file not found. It only reads.

Exit status: 0 all is well, pending migrations included; 1 a file is not found, a migration is
out of order, or a pending one has a finding that is an error; 3 no database says what ran.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return o.run(c.Context(), e, t) },
	}
	formatFlag(c, &o.format)
	c.Flags().BoolVarP(&o.watch, "watch", "w", false, "go on, and print again when files or the database change")
	c.Flags().DurationVar(&o.timeout, "timeout", 20*time.Second, "how long asking the database may take")
	return c
}

func (o *migrationsFlags) writer(e *env) (func(*report.Migrations) error, error) {
	switch o.format {
	case "text":
		return func(m *report.Migrations) error {
			return report.MigrationsText(e.stdout, m, report.Options{Width: e.width(), Color: e.color()})
		}, nil
	case "json":
		return func(m *report.Migrations) error { return report.MigrationsJSON(e.stdout, m) }, nil
	}
	return nil, badFormat(o.format)
}

func (o *migrationsFlags) run(ctx context.Context, e *env, t *target) (err error) {
	write, err := o.writer(e)
	if err != nil {
		return err
	}
	s, err := openSource(e, t, nil)
	if err != nil {
		return err
	}
	connected := s.connect(ctx, e)
	defer func() { err = errors.Join(err, s.close()) }()
	if o.watch {
		return s.watchMigrations(ctx, e, connected, write)
	}
	if err := s.load(ctx); err != nil {
		return err
	}
	if connected {
		s.read(ctx, o.timeout)
	} else {
		s.readErr = errNoDatabase
	}
	m, err := s.migrations(ctx, e)
	if err != nil {
		return err
	}
	if err := write(m); err != nil {
		return unknown(err)
	}
	return migrationsVerdict(m)
}

// migrations joins files, database and findings of those that are pending.
func (s *source) migrations(ctx context.Context, e *env) (*report.Migrations, error) {
	m := &report.Migrations{At: e.now(), Dir: s.scopes[0].Project.Dir, Err: s.readErr}
	for _, r := range s.repos {
		if l := r.in.Live; l != nil {
			m.Node, m.Read = l.Node, l.At
		}
		r.in.Options = session.LintOptions(s.profile)
		r.in.Options.Check, _ = r.scope.Check(r.in.Repo, scope.Options{Since: int64(s.profile.Lint.Since), Pending: pending(r.in)})
		res, err := lint.Run(ctx, r.in)
		if err != nil {
			return nil, unknown(err)
		}
		m.Repos = append(m.Repos, report.NewStatus(r.in, nil, res))
	}
	return m, nil
}

// migrationsVerdict is the exit status of a state.
func migrationsVerdict(m *report.Migrations) error {
	switch {
	case !m.Known():
		return &exit{status: statusUnknown} // the output says why
	case m.Bad():
		return &exit{status: statusBadNews}
	}
	return nil
}

// watchMigrations prints every state that reads differently from the one before, until interrupted.
func (s *source) watchMigrations(ctx context.Context, e *env, connected bool, write func(*report.Migrations) error) error {
	options := watch.Options{Dir: s.scopes[0].Project.Dir, Lint: session.LintOptions(s.profile), Now: e.now}
	if connected {
		options, _ = s.session.MigrationOptions()
		options.OnDemand = false
	}
	w := watch.Watch(ctx, options)
	defer w.Close()
	var (
		last  *report.Migrations
		shown string
	)
	for {
		changed := w.Changed()
		latest := w.Latest()
		if latest.Value == nil && latest.Err != nil {
			return unknown(latest.Err)
		}
		if v := latest.Value; v != nil && (!connected || v.Database.Err != nil || v.Database.Node != "") {
			m := watched(v, connected)
			key, err := reading(m)
			if err != nil {
				return unknown(err)
			}
			if key != shown {
				if err := write(m); err != nil {
					return unknown(err)
				}
				shown = key
			}
			last = m
		}
		select {
		case <-ctx.Done():
			if last == nil {
				return unknown(errors.New("nothing was found out before the interrupt"))
			}
			return migrationsVerdict(last)
		case <-changed:
		}
	}
}

// watched is a watcher's snapshot as a state.
func watched(v *watch.Snapshot, connected bool) *report.Migrations {
	m := &report.Migrations{At: v.At, Dir: v.Dir, Node: v.Database.Node, Read: v.Database.At, Err: v.Database.Err}
	if !connected {
		m.Err = errNoDatabase
	}
	for _, r := range v.Repos {
		m.Repos = append(m.Repos, report.NewStatus(r.Input, r.Statuses, r.Result))
	}
	return m
}

// reading is what a state says apart from when.
func reading(m *report.Migrations) (string, error) {
	same := *m
	same.At, same.Read = time.Time{}, time.Time{}
	var b strings.Builder
	err := report.MigrationsJSON(&b, &same)
	return b.String(), err
}
