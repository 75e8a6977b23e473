package rehearse

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"ops-console/ops/ecto/locks"
	"ops-console/ops/ecto/rehearse/measure"
)

// hopeless is how long a statement may wait for the migrator's own transaction, which waits for it, until that is called for
// ever.
const hopeless = 300 * time.Millisecond

// glance is how often locks of a running statement are looked at.
const glance = 2 * time.Millisecond

// concurrently runs a statement that waits for others to finish, which is done in several transactions of its own. A bystander
// with a lock and a snapshot keeps it waiting until its locks were seen.
func (r *migration) concurrently(ctx context.Context, sql string, locked bool, s *Step) ([]measure.Effect, bool, error) {
	if err := r.meter.Mark(ctx, r.conn); err != nil {
		return nil, false, err
	}
	modes, hung, err := r.watch(ctx, sql)
	if hung {
		s.Err = hangs + " for the transaction in which the migrator holds its lock on " + r.source +
			", which in turn waits for it: set migration_lock: :pg_advisory_lock for the repo, or @disable_migration_lock true"
		if _, err := r.locker.Exec(ctx, "rollback"); err != nil {
			return nil, false, fmt.Errorf("end the migrator's transaction on the throw-away: %w", err)
		}
		// What it leaves behind is invalid. It is run again without the lock, so that what comes after it can be measured.
		if err := r.dropInvalid(ctx); err != nil {
			return nil, false, err
		}
		modes, _, err = r.watch(ctx, sql)
	}
	switch {
	case ctx.Err() != nil:
		return nil, false, fmt.Errorf("rehearse %d: %w", r.Version, ctx.Err())
	case err != nil && code(err) == "":
		return nil, false, fmt.Errorf("run a statement on the throw-away: %w", err)
	case err != nil && hung:
		s.Err += "; without that: " + message(err)
	case err != nil:
		s.Err, r.code = message(err), code(err)
	}
	if err != nil {
		return nil, false, nil //nolint:nilerr // it is told in the step
	}
	got, err := r.meter.ReadAfter(ctx, r.conn, modes)
	for i := range got {
		got[i].Scan = len(got[i].Build) > 0 && !got[i].Empty // an index is built from all rows
	}
	return got, true, err
}

// watch runs a statement and gives the locks on tables that it held while it waited. hung says that it waits for the
// migrator's transaction, and was cancelled.
func (r *migration) watch(ctx context.Context, sql string) (modes map[uint32]locks.Mode, hung bool, err error) {
	bystander, err := r.session(ctx, "postgres")
	if err != nil {
		return nil, false, err
	}
	defer func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), closing)
		defer cancel()
		_ = bystander.Close(ctx)
	}()
	if err := stand(ctx, bystander); err != nil {
		return nil, false, err
	}
	done := make(chan error, 1)
	go func() { done <- r.exec(ctx, sql) }()
	pid, lockerPID := r.conn.PgConn().PID(), r.locker.PgConn().PID()
	modes = map[uint32]locks.Mode{}
	free := false // the bystander is gone
	var since time.Time
	tick := time.NewTicker(glance)
	defer tick.Stop()
	for {
		select {
		case err := <-done:
			return modes, hung, err
		case <-tick.C:
		}
		waiting, forMigrator, err := r.glance(ctx, pid, lockerPID, modes)
		if err != nil {
			// The statement ends with the context or the server.
			return modes, hung, firstOf(<-done, err)
		}
		switch {
		case waiting && !free:
			free = true
			if _, err := bystander.Exec(ctx, "rollback"); err != nil {
				return modes, hung, firstOf(<-done, err)
			}
		case !forMigrator:
			since = time.Time{}
		case since.IsZero():
			since = time.Now()
		case time.Since(since) > hopeless && !hung:
			hung = true
			if _, err := r.admin.Exec(ctx, "select pg_catalog.pg_cancel_backend($1)", pid); err != nil {
				return modes, hung, firstOf(<-done, err)
			}
		}
	}
}

func firstOf(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// stand takes a snapshot, and a lock on every table that conflicts with ACCESS EXCLUSIVE only.
func stand(ctx context.Context, c *pgx.Conn) error {
	if _, err := c.Exec(ctx, "begin isolation level repeatable read"); err != nil {
		return fmt.Errorf("stand by on the throw-away: %w", err)
	}
	rows, err := c.Query(ctx, `select pg_catalog.format('%I.%I', n.nspname, c.relname) from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
 where c.relkind in ('r','p') and n.nspname !~ '^pg_' and n.nspname <> 'information_schema'`)
	if err != nil {
		return fmt.Errorf("stand by on the throw-away: %w", err)
	}
	names, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return fmt.Errorf("stand by on the throw-away: %w", err)
	}
	if len(names) > 0 {
		if _, err := c.Exec(ctx, "lock table "+strings.Join(names, ", ")+" in access share mode"); err != nil {
			return fmt.Errorf("stand by on the throw-away: %w", err)
		}
	}
	return nil
}

// glance adds the locks that a backend has on tables, and says whether it waits, and whether for the migrator.
func (r *migration) glance(ctx context.Context, pid, locker uint32, modes map[uint32]locks.Mode) (waiting, forMigrator bool, err error) {
	rows, err := r.admin.Query(ctx, `select coalesce(relation, 0), case when granted and locktype = 'relation' then coalesce(array_position(
 array['AccessShareLock','RowShareLock','RowExclusiveLock','ShareUpdateExclusiveLock','ShareLock','ShareRowExclusiveLock','ExclusiveLock','AccessExclusiveLock'], mode), 0) else 0 end,
 not granted, not granted and $2 = any(pg_catalog.pg_blocking_pids($1)) from pg_catalog.pg_locks where pid = $1`, int32(pid), int32(locker))
	if err != nil {
		return false, false, fmt.Errorf("look at the locks of a statement on the throw-away: %w", err)
	}
	var (
		oid         uint32
		mode        int64
		waits, onUs bool
	)
	_, err = pgx.ForEachRow(rows, []any{&oid, &mode, &waits, &onUs}, func() error {
		if m := locks.Mode(mode); m > locks.AccessShare {
			modes[oid] = max(modes[oid], m)
		}
		waiting, forMigrator = waiting || waits, forMigrator || onUs
		return nil
	})
	return waiting, forMigrator, err
}

// dropInvalid removes what a concurrent build that failed leaves behind.
func (s *scratch) dropInvalid(ctx context.Context) error {
	rows, err := s.admin.Query(ctx, `select pg_catalog.format('%I.%I', n.nspname, c.relname) from pg_catalog.pg_index i join pg_catalog.pg_class c on c.oid = i.indexrelid
 join pg_catalog.pg_namespace n on n.oid = c.relnamespace where not i.indisvalid and c.relkind = 'i' and n.nspname !~ '^pg_'`)
	if err != nil {
		return fmt.Errorf("look for invalid indexes on the throw-away: %w", err)
	}
	names, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return fmt.Errorf("look for invalid indexes on the throw-away: %w", err)
	}
	for _, n := range names {
		if _, err := s.admin.Exec(ctx, "drop index "+n); err != nil {
			return fmt.Errorf("drop an invalid index on the throw-away: %w", err)
		}
	}
	return nil
}
