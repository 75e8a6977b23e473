package verify

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"ops-console/ops/backup/archive"
	"ops-console/ops/backup/load"
	"ops-console/ops/backup/tables"
	"ops-console/ops/plaintext"
	"ops-console/ops/postgres/client"
)

// restored has a throw-away server take all of it.
func (v *run) restored(ctx context.Context) (err error) {
	program, err := v.pgRestore(ctx)
	if err != nil {
		return err
	}
	globals, err := v.globals(ctx)
	if err != nil {
		return err
	}
	s, err := v.place()
	if err != nil {
		return err
	}
	defer func() {
		v.tell(Destroying, "", 0, 0)
		if e := s.close(); e != nil && err == nil {
			err = fmt.Errorf("the throw-away server could not be removed: %w: what the backup holds lies in %s", e, s.dir)
		}
	}()
	v.tell(Starting, "the restored data lies in "+plaintext.Line(s.dir, 200)+" until it was compared, readable by nobody else", 0, 0)
	if err := s.start(ctx, v); err != nil {
		return err
	}
	if err := v.prepare(ctx, s, Roles(globals)); err != nil {
		return err
	}
	result, err := v.load(ctx, s, program)
	if err != nil {
		if e := s.alive(ctx); e != nil {
			return errors.Join(err, e)
		}
		return err
	}
	rowsErr := v.rows(result.Counts)
	if finding := (*broken)(nil); errors.As(rowsErr, &finding) {
		return rowsErr
	}
	if err := v.compare(ctx, s, result.Counts); err != nil {
		return err
	}
	return v.assert(ctx, s)
}

// prepare makes roles and the database, and looks whether the extensions are there.
func (v *run) prepare(ctx context.Context, s *scratch, roles []string) error {
	conn, err := s.connect(ctx, "postgres")
	if err != nil {
		return err
	}
	defer conn.Close(ctx) //nolint:errcheck // the server goes with it
	if err := s.available(ctx, conn, v.manifest.Server.Extensions); err != nil {
		return err
	}
	if err := createRoles(ctx, conn, roles); err != nil {
		return err
	}
	create := "create database " + database + " template template0"
	m := v.manifest.Server
	encoding := ""
	if m.Encoding != "" {
		encoding = " encoding " + tables.Literal(m.Encoding)
	}
	if m.Collate != "" {
		_, err = conn.Exec(ctx, create+encoding+" lc_collate "+tables.Literal(m.Collate)+" lc_ctype "+tables.Literal(m.Collate))
		if err == nil {
			return nil
		}
		s.notes = append(s.notes, "the locale "+plaintext.Line(m.Collate, 60)+" is not installed here: texts are compared as in C")
	}
	if _, err := conn.Exec(ctx, create+encoding+" lc_collate 'C' lc_ctype 'C'"); err != nil {
		return fmt.Errorf("make the throw-away database: %s", tables.Message(err))
	}
	return nil
}

// createRoles makes roles that nobody can log in as. What is there already stays.
func createRoles(ctx context.Context, conn *pgx.Conn, roles []string) error {
	for _, r := range roles {
		var there bool
		err := conn.QueryRow(ctx, "select exists (select from pg_catalog.pg_roles where rolname = $1)", r).Scan(&there)
		if err == nil && !there {
			_, err = conn.Exec(ctx, "create role "+pgx.Identifier{r}.Sanitize()+" nologin")
		}
		if err != nil {
			return fmt.Errorf("make the role %s on the throw-away server: %s", plaintext.Line(r, 63), tables.Message(err))
		}
	}
	return nil
}

// Roles are the names of the roles that SQL of pg_dumpall --globals-only creates.
func Roles(globals string) []string {
	const create = "CREATE ROLE "
	var all []string
	for rest := "\n" + globals; ; {
		_, after, ok := strings.Cut(rest, "\n"+create)
		if !ok {
			return all
		}
		name, more, ok := archive.CutName(after)
		if ok {
			all = append(all, name)
		}
		// The line's end that follows begins the next statement.
		rest = more
	}
}

// load restores: from the stream, or from a file with some sessions at once.
func (v *run) load(ctx context.Context, s *scratch, program client.Program) (*load.Result, error) {
	node, err := s.node(database)
	if err != nil {
		return nil, err
	}
	forward, err := client.NewForward(ctx, s.cluster.Dir(), node, nil)
	if err != nil {
		return nil, err
	}
	defer forward.Close() //nolint:errcheck // a socket, in a directory that goes, too
	admin, err := s.connect(ctx, "postgres")
	if err != nil {
		return nil, err
	}
	defer admin.Close(ctx) //nolint:errcheck // the server goes with it
	o := load.Options{
		Run: client.Command{
			Program: program, Forward: forward, Name: "ops-console verify", Settings: []string{"statement_timeout=0"},
			Args: []string{"--dbname=" + database, "--no-tablespaces", "--no-subscriptions"},
		},
		Check: func(c *archive.Contents) error {
			wanted := map[string]string{}
			for _, e := range c.Extensions() {
				wanted[e] = v.manifest.Server.Extensions[e]
			}
			s.notes = nil
			if err := s.available(ctx, admin, wanted); err != nil {
				return err
			}
			return createRoles(ctx, admin, c.Roles())
		},
		Accept:   func(m string) bool { return load.Harmless(m) },
		Progress: v.loading(Restoring),
	}
	if v.Scratch.Jobs <= 1 {
		return load.Stream(ctx, o, v.openDump)
	}
	path := filepath.Join(s.dir, "dump")
	counts, err := v.spool(ctx, path)
	if err != nil {
		return nil, err
	}
	defer os.Remove(path) //nolint:errcheck // the directory goes, too
	o.Progress = func(p load.Progress) { v.tell(Restoring, p.Entry, int64(p.Entries), int64(p.OfEntries)) }
	return load.File(ctx, o, path, counts, v.Scratch.Jobs)
}

// spool writes the dump to a file.
func (v *run) spool(ctx context.Context, path string) (*archive.Counts, error) {
	in, err := v.openDump(ctx)
	if err != nil {
		return nil, err
	}
	defer in.Close()
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, fmt.Errorf("a file for the dump: %w", err)
	}
	counts, err := load.Retained(f, io.TeeReader(in, &meter{told: func(n int64) { v.tell(Reading, v.dump.Key, n, v.dump.Raw.Bytes) }}))
	return counts, errors.Join(err, f.Close())
}

// alive says what is wrong with the server itself; nil: nothing. A restore that it failed says nothing of the backup.
func (s *scratch) alive(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	conn, err := s.connect(ctx, "postgres")
	if err != nil {
		return &lost{err}
	}
	return conn.Close(ctx)
}

// lost is a throw-away server that is no more.
type lost struct{ err error }

func (l *lost) Error() string {
	return "the throw-away server does not answer any more: " + tables.Message(l.err)
}
func (l *lost) Unwrap() error { return l.err }

// environmental is what pg_restore says when the reason does not lie in the backup.
var environmental = regexp.MustCompile(`(?i)no space left on device|could not (extend|write|create|open|fsync|resize) |disk quota|out of memory|out of shared memory|` +
	`server closed the connection|terminating connection|connection to server|could not connect|the database system is|` +
	`shared_preload_libraries|could not (load|access) (library|file)|error while loading shared|did not say why|extension control file|extension ".*" (is not available|has no installation script)|` +
	`role ".*" does not exist|unsupported version|unrecognized data block type|could not read from input file: (Input/output|Is a dir)|too many clients|` +
	`collation ".*" for encoding|could not create locale|canceling statement due to`)

// ours says whether what pg_restore gave up for lies with this machine.
func ours(r *load.Refused) bool { return environmental.MatchString(r.Message) }
