package flysim

import (
	"context"
	"fmt"
	"io"
	"path/filepath"
	"time"

	"github.com/jackc/pgx/v5"

	"ops-console/ops/ecto"
	"ops-console/ops/ecto/lint"
	"ops-console/ops/ecto/project"
	"ops-console/ops/fly/flysim/flex"
)

// releaseGroup is the process group of machines that run a release command.
const releaseGroup = "fly_app_release_command"

// Limits of what a release command does here.
const (
	migrationTimeout = "20s"
	migrationLocks   = "5s"
)

// migrate is the application's release command: it runs the SQL of the migrations that are pending, as far as anything but
// the application itself can run them, and records all of them. There is no Elixir in this world: what only Elixir could do,
// and what fails, is said in the log and taken for done, so that a deployment goes on.
func (s *Sim) migrate(ctx context.Context, out io.Writer) int {
	mm, err := pendingIn(ctx, s)
	if err != nil {
		fmt.Fprintf(out, "** (Mix) %v\n", err)
		return 1
	}
	if len(mm) == 0 {
		fmt.Fprintln(out, "[info] Migrations already up")
		return 0
	}
	conn, err := s.database.Connect(ctx, flex.OwnerRole)
	if err != nil {
		fmt.Fprintf(out, "** (DBConnection.ConnectionError) %v\n", err)
		return 1
	}
	defer conn.Close(context.WithoutCancel(ctx)) //nolint:errcheck // what was written is committed
	for _, m := range mm {
		if ctx.Err() != nil {
			return 143
		}
		began := time.Now()
		fmt.Fprintf(out, "[info] == Running %d %s.change/0 forward\n", m.Version, m.Module)
		if err := run(ctx, conn, m); err != nil {
			fmt.Fprintf(out, "[warning] simulated from here on: %v\n", err)
		}
		if _, err := conn.Exec(ctx, "INSERT INTO schema_migrations (version, inserted_at) VALUES ($1, now() AT TIME ZONE 'UTC') ON CONFLICT DO NOTHING", m.Version); err != nil {
			fmt.Fprintf(out, "** (Postgrex.Error) %v\n", err)
			return 1
		}
		fmt.Fprintf(out, "[info] == Migrated %d in %.1fs\n", m.Version, time.Since(began).Seconds())
	}
	return 0
}

// pendingIn is the project's migrations that the database has not recorded.
func pendingIn(ctx context.Context, s *Sim) ([]ecto.Migration, error) {
	p, err := project.Open(filepath.Join(s.dir, projectDir), project.Options{})
	if err != nil {
		return nil, err
	}
	in, err := lint.Load(ctx, p, p.Repos[0])
	if err != nil {
		return nil, err
	}
	conn, err := s.database.Connect(ctx, flex.OwnerRole)
	if err != nil {
		return nil, err
	}
	defer conn.Close(context.WithoutCancel(ctx)) //nolint:errcheck // it was only read from
	rows, err := conn.Query(ctx, "SELECT version FROM schema_migrations")
	if err != nil {
		return nil, err
	}
	versions, err := pgx.CollectRows(rows, pgx.RowTo[int64])
	if err != nil {
		return nil, err
	}
	ran := map[int64]bool{}
	for _, v := range versions {
		ran[v] = true
	}
	var out []ecto.Migration
	for _, m := range in.Migrations {
		if !ran[m.Version] {
			out = append(out, m)
		}
	}
	return out, nil
}

// run executes a migration's SQL, in a transaction where the migration wants one.
func run(ctx context.Context, conn *pgx.Conn, m ecto.Migration) error {
	if _, err := conn.Exec(ctx, "SET lock_timeout = '"+migrationLocks+"'; SET statement_timeout = '"+migrationTimeout+"'"); err != nil {
		return err
	}
	all := func(exec func(sql string) error) error {
		for _, o := range ecto.Sequence(m.Up) {
			for _, sql := range o.SQL {
				if err := exec(sql); err != nil {
					return err
				}
			}
		}
		return nil
	}
	if m.DisableDDLTransaction {
		return all(func(sql string) error {
			_, err := conn.Exec(ctx, sql)
			return err
		})
	}
	return pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
		return all(func(sql string) error {
			_, err := tx.Exec(ctx, sql)
			return err
		})
	})
}
