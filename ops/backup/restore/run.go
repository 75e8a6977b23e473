package restore

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"ops-console/ops/backup"
	"ops-console/ops/backup/archive"
	"ops-console/ops/backup/load"
	"ops-console/ops/backup/tables"
	"ops-console/ops/plaintext"
	"ops-console/ops/postgres/client"
)

// Result is a database that holds the backup.
type Result struct {
	Database     string
	Tables       []backup.Table // as counted in it
	LargeObjects int64
	Seconds      float64
	Notes        []string // what was left out or came otherwise, safe to show
}

// lockClass is the first half of the advisory locks that restores hold on the databases that they fill; the second is the
// database's OID. The lock is in the maintenance database.
const lockClass = 0x6f70_7372

// Run makes the plan's database, fills it and counts it. After a failure or when ctx ends, that database is dropped, and no
// other; where even that fails, the error says so, and Leftovers lists it.
func Run(ctx context.Context, o Options, p *Plan) (*Result, error) {
	o.fill()
	if len(p.Problems) > 0 {
		return nil, fmt.Errorf("%w: %s", ErrPlan, p.Problems[0].Text)
	}
	started := o.Now()
	s, err := maintain(ctx, o.Node, o.Network)
	if err != nil {
		return nil, err
	}
	defer s.close()
	o.Progress(Progress{Step: Creating, Text: shown(p.Target), OfEntries: p.Entries, OfBytes: p.Bytes})
	if err := create(ctx, s, p); err != nil {
		// A connection that broke may have made it.
		return nil, errors.Join(failed("make the database "+p.Target, err), dropUnmarked(ctx, &o, p.Target, err))
	}
	r := &restoring{Options: o, plan: p, admin: s}
	r.result.Database = p.Target
	if err := r.run(ctx); err != nil {
		if ctx.Err() != nil {
			err = context.Cause(ctx)
		}
		return nil, errors.Join(fmt.Errorf("restore %s to %s: %w", o.Record.Manifest.ID, shown(p.Target), err), r.drop(ctx))
	}
	r.result.Seconds = o.Now().Sub(started).Seconds()
	return &r.result, nil
}

// create makes the database. It is waited for even when ctx ends, since the server would go on.
func create(ctx context.Context, s *session, p *Plan) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), dropping)
	defer cancel()
	return s.do(ctx, "create database "+tables.Quote(p.Target)+" "+p.locale)
}

// restoring is one run.
type restoring struct {
	Options
	plan   *Plan
	admin  *session
	result Result
}

func (r *restoring) mark(state State) mark {
	m := &r.Record.Manifest
	return mark{
		State: state, Backup: m.ID, Original: r.Database, At: r.Now().UTC().Truncate(time.Second),
		Of: origin{Snapshot: m.SnapshotAt.UTC(), LSN: m.Server.LSN, SystemID: m.Server.SystemID, Migrations: m.Server.Migrations},
	}
}

func (r *restoring) run(ctx context.Context) error {
	target := tables.Quote(r.plan.Target)
	comment := "comment on database " + target + " is "
	if err := r.admin.lock(ctx, r.plan.Target); err != nil {
		return err
	}
	// Nobody else has a look before it is whole.
	for _, sql := range []string{comment + tables.Literal(r.mark(Filling).String()), "revoke all on database " + target + " from public"} {
		if err := r.admin.do(ctx, sql); err != nil {
			return failed("prepare "+r.plan.Target, err)
		}
	}
	counts, err := r.fill(ctx)
	if err != nil {
		return err
	}
	if err := r.settle(ctx, counts.Contents); err != nil {
		return err
	}
	if err := r.check(ctx, counts); err != nil {
		return err
	}
	if err := r.admin.do(ctx, comment+tables.Literal(r.mark(Restored).String())); err != nil {
		return failed("mark "+r.plan.Target+" as restored", err)
	}
	return nil
}

// lock says to others that somebody is at work on a database, for as long as the session lasts.
func (s *session) lock(ctx context.Context, name string) error {
	locked, err := s.value(ctx, fmt.Sprintf("select pg_catalog.pg_try_advisory_lock((%d::int8 << 32) | oid::int8) from pg_catalog.pg_database where datname = %s",
		lockClass, tables.Literal(name)))
	if err != nil {
		return failed("lock "+name, err)
	}
	if locked != "t" {
		return fmt.Errorf("lock %s: %w: a restore or a swap is at work on it", shown(name), ErrBusy)
	}
	return nil
}

// fill loads the dump into the new database, which must be empty.
func (r *restoring) fill(ctx context.Context) (*archive.Counts, error) {
	s, err := open(ctx, r.Node, r.Network, r.plan.Target)
	if err != nil {
		return nil, err
	}
	there, err := s.value(ctx, `select count(*) from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
 where n.nspname !~ '^pg_' and n.nspname <> 'information_schema'`)
	s.close()
	if err != nil {
		return nil, failed("look into "+r.plan.Target, err)
	}
	if there != "0" {
		return nil, fmt.Errorf("%s has %s tables and the like before anything was restored: does template0 of the server have any?", shown(r.plan.Target), there)
	}
	forward, err := client.NewForward(ctx, "", r.Node, r.Network)
	if err != nil {
		return nil, err
	}
	defer forward.Close() //nolint:errcheck // a socket in a directory for temporary files
	// What looks like a connection string would be taken for one.
	args := []string{"--dbname=dbname='" + strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(r.plan.Target) + "'", "--no-subscriptions"}
	if r.NoOwners {
		args = append(args, "--no-owner", "--no-privileges")
	}
	if r.plan.tablespace {
		args = append(args, "--no-tablespaces")
	}
	result, err := load.Stream(ctx, load.Options{
		Run: client.Command{
			Program: r.plan.program, Forward: forward, Name: appName, Args: args,
			Settings: []string{"statement_timeout=0", "lock_timeout=0", "idle_in_transaction_session_timeout=0", "default_transaction_read_only=off"},
		},
		Skip: func(e *archive.Entry) bool {
			// Comments on extensions belong to who installed them. What is about the database names the original.
			return !r.plan.superuser && e.Desc == "COMMENT" && strings.HasPrefix(e.Tag, "EXTENSION ") ||
				e.Desc != "DATABASE" && strings.HasPrefix(e.Tag, "DATABASE ")
		},
		Accept: load.Harmless,
		Progress: func(p load.Progress) {
			r.Progress(Progress{Step: Restoring, Text: p.Entry, Entries: p.Entries, OfEntries: p.OfEntries, Bytes: p.Bytes, OfBytes: r.plan.Bytes})
		},
	}, func(ctx context.Context) (io.ReadCloser, error) { return r.decode(ctx) })
	if err != nil {
		if e := forward.Err(); e != nil {
			err = errors.Join(err, e)
		}
		return nil, err
	}
	return result.Counts, nil
}

// settle does what pg_restore leaves out because the database has another name: its settings and grants; and has statistics
// collected.
func (r *restoring) settle(ctx context.Context, c *archive.Contents) error {
	target := tables.Quote(r.plan.Target)
	statements, skipped := c.OfDatabase(r.plan.Target, !r.NoOwners)
	for _, s := range append([]string{"grant connect, temporary on database " + target + " to public"}, statements...) {
		if err := r.admin.do(ctx, s); err != nil {
			if ctx.Err() != nil {
				return err
			}
			r.result.Notes = append(r.result.Notes, plaintext.Line("of the database's own settings this one could not be made: "+s+": "+tables.Message(err), 400))
		}
	}
	for _, s := range skipped {
		r.result.Notes = append(r.result.Notes, plaintext.Line("of the database's own settings this one was left out: "+s, 400))
	}
	s, err := open(ctx, r.Node, r.Network, r.plan.Target)
	if err != nil {
		return err
	}
	defer s.close()
	r.Progress(Progress{Step: Analyzing, Text: shown(r.plan.Target)})
	if err := s.do(ctx, "analyze"); err != nil {
		return failed("collect statistics of "+r.plan.Target, err)
	}
	return nil
}

// check counts what is in the new database.
func (r *restoring) check(ctx context.Context, counts *archive.Counts) error {
	s, err := open(ctx, r.Node, r.Network, r.plan.Target)
	if err != nil {
		return err
	}
	defer s.close()
	got, err := tables.Read(ctx, s.pg, tables.Options{Progress: func(done, of int, table string) {
		r.Progress(Progress{Step: Comparing, Text: table, Entries: done, OfEntries: of})
	}})
	if err != nil {
		return failed("count what was restored", err)
	}
	r.result.Tables, r.result.LargeObjects = got.Manifest(), got.LargeObjects
	if wrong := tables.Missing(counts, got); wrong != "" {
		return fmt.Errorf("%w: %s", ErrIncomplete, wrong)
	}
	if wrong := tables.Compare(r.Record.Manifest.Tables, counts.Tables, "the manifest", "the dump"); wrong != "" {
		return fmt.Errorf("%w: %s", ErrIncomplete, wrong)
	}
	return nil
}

// dropping is how long the removal of what was made may take, after ctx has ended, too.
const dropping = time.Minute

// drop removes the database that this run made.
func (r *restoring) drop(ctx context.Context) error {
	r.Progress(Progress{Step: Dropping, Text: shown(r.plan.Target)})
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), dropping)
	defer cancel()
	// The session may be what failed.
	s, err := maintain(ctx, r.Node, r.Network)
	if err == nil {
		defer s.close()
		err = s.drop(ctx, r.plan.Target)
	}
	if err != nil {
		return fmt.Errorf("what was made of %s could not be removed and is still there: %w", shown(r.plan.Target), err)
	}
	return nil
}

// drop ends the sessions of a database and removes it.
func (s *session) drop(ctx context.Context, name string) error {
	force, err := s.value(ctx, "select current_setting('server_version_num')::int >= 130000")
	if err != nil {
		return err
	}
	sql := "drop database if exists " + tables.Quote(name)
	if force == "t" {
		sql += " with (force)"
	} else if err := s.do(ctx, "select pg_catalog.pg_terminate_backend(pid) from pg_catalog.pg_stat_activity where datname = "+tables.Literal(name)); err != nil {
		return failed("end the sessions of "+name, err)
	}
	if err := s.do(ctx, sql); err != nil {
		return failed("drop "+name, err)
	}
	return nil
}

// dropUnmarked removes a database whose CREATE DATABASE was not answered: one of the name that has no mark and nothing in it
// was made by it. An answer that says no made nothing.
func dropUnmarked(ctx context.Context, o *Options, name string, why error) error {
	if answered(why) {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), dropping)
	defer cancel()
	s, err := maintain(ctx, o.Node, o.Network)
	if err != nil {
		return fmt.Errorf("whether %s was made is not known: %w", shown(name), err)
	}
	defer s.close()
	comment, err := s.value(ctx, "select pg_catalog.shobj_description(oid, 'pg_database') from pg_catalog.pg_database where datname = "+tables.Literal(name))
	if err != nil || comment != "" {
		return err
	}
	return s.drop(ctx, name)
}
