package rehearse

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"ops-console/ops/ecto/catalog"
	"ops-console/ops/ecto/lint"
	"ops-console/ops/ecto/locks"
	"ops-console/ops/ecto/schema"
	"ops-console/ops/plaintext"
	"ops-console/ops/postgres"
	"ops-console/ops/postgres/pgcluster"
)

// The throw-away's own names.
const (
	database = "rehearsal"
	role     = "rehearsal"
)

// scratch is the throw-away server and the sessions with it.
type scratch struct {
	in      lint.Input
	o       Options
	cluster *pgcluster.Cluster
	target  locks.Target
	source  string // the versions table, quoted

	admin  *pgx.Conn      // superuser: extensions, roles, statistics
	conn   *pgx.Conn      // what runs the migrations
	locker *pgx.Conn      // holds the migrator's lock
	reader *postgres.Conn // reads the catalog
	failed string         // what ended the rehearsal of migrations; empty: nothing

	leftOut bool // something did not run that may have made what others name
}

// best is the installed server that comes closest to a version: the same, the next newer one, the newest.
func best(all []pgcluster.Binaries, major int) pgcluster.Binaries {
	sorted := slices.SortedStableFunc(slices.Values(all), func(a, b pgcluster.Binaries) int { return cmp.Compare(a.Version, b.Version) })
	if major > 0 {
		for _, b := range sorted {
			if b.Version >= major {
				return b
			}
		}
	}
	newest := sorted[len(sorted)-1].Version
	return sorted[slices.IndexFunc(sorted, func(b pgcluster.Binaries) bool { return b.Version == newest })]
}

func newScratch(ctx context.Context, in lint.Input, o Options) (*scratch, error) {
	wanted := in.Options.Target
	if in.Live != nil {
		wanted = in.Live.Version / 10_000
	}
	if o.Binaries.Dir == "" {
		all, err := pgcluster.Find()
		if errors.Is(err, pgcluster.ErrNoBinaries) {
			return nil, ErrNoServer
		}
		if err != nil {
			return nil, fmt.Errorf("look for PostgreSQL's server programs: %w", err)
		}
		o.Binaries = best(all, wanted)
	}
	s := &scratch{in: in, o: o}
	o.Progress(fmt.Sprintf("starting a throw-away PostgreSQL %d", o.Binaries.Version))
	if wanted > 0 && o.Binaries.Version != wanted {
		o.Note(fmt.Sprintf("rehearsed on PostgreSQL %d, while the target is %d: install the server programs of %d to be sure", o.Binaries.Version, wanted, wanted))
	}
	var err error
	s.cluster, err = pgcluster.Start(ctx, pgcluster.Options{
		Binaries: o.Binaries, Dir: o.Dir,
		Settings: map[string]string{
			"max_locks_per_transaction": "4096", "max_connections": "10", "max_wal_senders": "0", "max_replication_slots": "0", "wal_level": "minimal",
			"shared_buffers": "32MB", "temp_file_limit": "262144", "max_worker_processes": "0", "log_min_messages": "panic",
			"statement_timeout": fmt.Sprint(o.Timeout.Milliseconds()),
		},
	})
	if err != nil {
		return nil, fmt.Errorf("start a throw-away PostgreSQL in %s: %w", o.Binaries.Dir, err)
	}
	if err := s.connect(ctx); err != nil {
		return nil, errors.Join(err, s.close())
	}
	s.target = locks.Target{Version: o.Binaries.Version}
	return s, nil
}

// connect makes database and role, and the sessions.
func (s *scratch) connect(ctx context.Context) error {
	p := s.cluster.Primary()
	if err := p.Exec(ctx, "postgres",
		"create role "+role+" login nosuperuser nocreaterole nocreatedb noreplication",
		"create database "+database+" owner "+role+" template template0 encoding 'UTF8'"); err != nil {
		return fmt.Errorf("make the throw-away database: %w", err)
	}
	settings := []string{"alter schema public owner to " + role}
	if l := s.in.Live; l != nil {
		if l.Default != "" && l.Default != "public" {
			settings = append(settings, "create schema "+quoted(l.Default)+" authorization "+role,
				"alter database "+database+" set search_path = "+quoted(l.Default)+", public")
		}
		if l.TimeZone != "" {
			settings = append(settings, "alter database "+database+" set timezone = "+literal(l.TimeZone))
		}
	}
	if err := p.Exec(ctx, database, settings...); err != nil {
		return fmt.Errorf("make the throw-away database: %w", err)
	}
	var err error
	for _, c := range []struct {
		into **pgx.Conn
		user string
	}{{&s.admin, "postgres"}, {&s.conn, role}, {&s.locker, role}} {
		if *c.into, err = s.session(ctx, c.user); err != nil {
			return err
		}
	}
	cfg, err := s.config("postgres")
	if err != nil {
		return err
	}
	s.reader, err = postgres.Connect(ctx, postgres.Node{Name: database, Host: cfg.Host, Port: cfg.Port, Direct: true, Config: cfg}, nil)
	return err
}

// config is of a session, whatever the environment says about PostgreSQL.
func (s *scratch) config(user string) (*pgx.ConnConfig, error) {
	cfg, err := pgx.ParseConfig("sslmode=disable target_session_attrs=any passfile=/dev/null")
	if err != nil {
		return nil, err
	}
	own, err := pgx.ParseConfig(s.cluster.Primary().URL(database))
	if err != nil {
		return nil, err
	}
	cfg.Host, cfg.Port, cfg.Database, cfg.User, cfg.Password = own.Host, own.Port, database, user, ""
	cfg.RuntimeParams = map[string]string{"application_name": "rehearsal"}
	return cfg, nil
}

func (s *scratch) session(ctx context.Context, user string) (*pgx.Conn, error) {
	cfg, err := s.config(user)
	if err != nil {
		return nil, err
	}
	conn, err := pgx.ConnectConfig(ctx, cfg)
	if err != nil {
		return nil, fmt.Errorf("connect to the throw-away server: %w", err)
	}
	return conn, nil
}

func (s *scratch) close() error {
	ctx, cancel := context.WithTimeout(context.Background(), closing)
	defer cancel()
	for _, c := range []*pgx.Conn{s.admin, s.conn, s.locker} {
		if c != nil {
			_ = c.Close(ctx) // the server goes with it
		}
	}
	if s.reader != nil {
		_ = s.reader.Close(ctx)
	}
	return s.cluster.Close()
}

// state is what the catalog of the throw-away says, which is what is predicted from.
func (s *scratch) state(ctx context.Context) (*schema.State, string, error) {
	snapshot, err := catalog.Read(ctx, s.reader, catalog.Options{Role: role, MaxTables: 1 << 30, Timeout: s.o.Timeout})
	if err != nil {
		return nil, "", err
	}
	s.target.NotUTC = !utc(snapshot.TimeZone)
	return snapshot.State, snapshot.Default, nil
}

func utc(zone string) bool {
	switch strings.ToUpper(zone) {
	case "", "UTC", "ETC/UTC", "GMT", "ETC/GMT", "UCT", "ETC/UCT", "ZULU", "GMT0", "UNIVERSAL", "ETC/UNIVERSAL":
		return true
	}
	return false
}

// size ends the rehearsal when the database has grown too large.
func (s *scratch) size(ctx context.Context) error {
	var n int64
	if err := s.admin.QueryRow(ctx, "select pg_catalog.pg_database_size(current_database())").Scan(&n); err != nil {
		return fmt.Errorf("measure the throw-away database: %w", err)
	}
	if n > MaxBytes {
		return fmt.Errorf("the throw-away database grew beyond %d MiB: this migration is too large to be rehearsed", MaxBytes>>20)
	}
	return nil
}

// message is what a server says, clean, in one line.
func message(err error) string {
	if pe := pgError(err); pe != nil {
		text := pe.Message
		if pe.Detail != "" {
			text += ": " + pe.Detail
		}
		return plaintext.Line(text+" ("+pe.Code+")", 500)
	}
	return plaintext.Line(err.Error(), 500)
}

func pgError(err error) *pgconn.PgError {
	pe := (*pgconn.PgError)(nil)
	errors.As(err, &pe)
	return pe
}

// code is the SQLSTATE of an error; empty: it is not the server's.
func code(err error) string {
	if pe := pgError(err); pe != nil {
		return pe.Code
	}
	return ""
}

// quoted is a name as it stands in SQL.
func quoted(s string) string { return pgx.Identifier{s}.Sanitize() }

// literal is a text as it stands in SQL.
func literal(s string) string {
	s = strings.ReplaceAll(strings.ReplaceAll(s, "\x00", ""), `\`, `\\`)
	return "E'" + strings.ReplaceAll(s, "'", "''") + "'"
}
