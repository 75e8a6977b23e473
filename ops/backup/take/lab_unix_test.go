//go:build unix

package take

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"filippo.io/age"
	"github.com/jackc/pgx/v5"
	"go.uber.org/goleak"

	"ops-console/ops/backup"
	"ops-console/ops/backup/store"
	"ops-console/ops/backup/stream"
	"ops-console/ops/postgres"
	"ops-console/ops/postgres/client"
	"ops-console/ops/postgres/pgcluster"
)

func TestMain(m *testing.M) {
	if os.Getenv(childEnv) != "" {
		child()
		return
	}
	code := m.Run()
	if lab.cluster != nil {
		if err := lab.cluster.Close(); err != nil {
			println(err.Error())
			code = 1
		}
	}
	if code == 0 {
		if err := goleak.Find(); err != nil {
			println(err.Error())
			code = 1
		}
	}
	os.Exit(code)
}

// password is what must be found nowhere.
const password = "s3cret:p@ss/word"

var lab struct {
	once    sync.Once
	cluster *pgcluster.Cluster
	err     error
	next    atomic.Int64
}

// cluster is a primary and two replicas, of which r2 is not fit.
func cluster(t testing.TB) *pgcluster.Cluster {
	t.Helper()
	lab.once.Do(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		var all []pgcluster.Binaries
		if all, lab.err = pgcluster.Find(); lab.err != nil {
			return
		}
		lab.err = errors.New("no pg_dump of the server's version: apt-get install postgresql-client")
		for _, b := range all {
			if _, err := client.Find(ctx, "pg_dump", b.Version); err == nil {
				lab.cluster, lab.err = pgcluster.Start(ctx, pgcluster.Options{
					Binaries: b, Settings: map[string]string{"password_encryption": "scram-sha-256", "max_connections": "100"},
					HBA:      []string{"local all app scram-sha-256", "local all reader scram-sha-256"},
					Replicas: []pgcluster.Replica{{Name: "r1", Settings: map[string]string{"hot_standby_feedback": "on"}}, {Name: "r2"}},
				})
				break
			}
		}
		if lab.err == nil {
			lab.err = lab.cluster.Primary().Exec(ctx, "postgres",
				"create role app login password '"+password+"'", "create role reader login password '"+password+"'")
		}
	})
	if errors.Is(lab.err, pgcluster.ErrNoBinaries) {
		t.Skip("no PostgreSQL server: apt-get install postgresql, or run .ci/postgres")
	}
	if lab.err != nil {
		t.Fatal(lab.err)
	}
	return lab.cluster
}

// base is a database of its own with something of everything.
type base struct {
	t    testing.TB
	name string
	node *pgcluster.Node
}

func newBase(t testing.TB, rows int, more ...string) *base {
	t.Helper()
	c := cluster(t)
	b := &base{t: t, name: fmt.Sprintf("shop%d", lab.next.Add(1)), node: c.Primary()}
	if err := b.node.Exec(t.Context(), "postgres", "create database "+b.name+" owner app"); err != nil {
		t.Fatal(err)
	}
	b.exec("create schema crm authorization app", "set role app",
		"create table schema_migrations (version bigint primary key, inserted_at timestamp(0))",
		"insert into schema_migrations values (20260101000000, now()), (20260202000000, now())",
		"create table users (id bigint primary key, email text)", "insert into users select i, 'u' || i || '@example.com' from generate_series(1, 500) i",
		`create table crm."Odd ""Name" (id int, v text)`, `insert into crm."Odd ""Name" values (1, E'a\tb\\c\n'), (2, null)`,
		"create table nobody (id int)",
		"create table parted (id int, at date) partition by range (at)",
		"create table parted_a partition of parted for values from ('2026-01-01') to ('2026-02-01')",
		"create table parted_b partition of parted for values from ('2026-02-01') to ('2026-03-01')",
		"insert into parted select i, date '2026-01-01' + i from generate_series(0, 50) i",
		"create table events (id bigint primary key, body text)",
		fmt.Sprintf("insert into events select i, md5(i::text) || repeat('x', 300) || md5((i * 7)::text) from generate_series(1, %d) i", rows),
		"create materialized view totals as select count(*) from users",
		"select lo_from_bytea(0, decode(repeat('ab', 10000), 'hex'))", "analyze users, events",
		"grant usage on schema crm to reader", "grant select on all tables in schema public, crm to reader")
	b.exec(more...)
	return b
}

// exec runs statements in one session, as the superuser.
func (b *base) exec(sql ...string) {
	b.t.Helper()
	conn := b.conn("postgres")
	defer conn.Close(b.t.Context())
	for _, s := range sql {
		if _, err := conn.Exec(b.t.Context(), s); err != nil {
			b.t.Fatalf("%s: %v", s, err)
		}
	}
}

// conn is a session of a role, until the test ends at the latest.
func (b *base) conn(user string) *pgx.Conn {
	b.t.Helper()
	conn, err := pgx.ConnectConfig(b.t.Context(), b.at(b.node, user).Config)
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(func() { _ = conn.Close(context.WithoutCancel(b.t.Context())) })
	return conn
}

func (b *base) text(sql string) string {
	b.t.Helper()
	var s string
	conn := b.conn("postgres")
	defer conn.Close(b.t.Context())
	if err := conn.QueryRow(b.t.Context(), sql).Scan(&s); err != nil {
		b.t.Fatalf("%s: %v", sql, err)
	}
	return s
}

// at is a node as a profile would have it.
func (b *base) at(n *pgcluster.Node, user string) postgres.Node {
	b.t.Helper()
	cfg, err := pgx.ParseConfig(n.URL(b.name))
	if err != nil {
		b.t.Fatal(err)
	}
	cfg.User = user
	if user != "postgres" {
		cfg.Password = password
	}
	return postgres.Node{Name: n.Name(), Host: cfg.Host, Port: cfg.Port, Direct: true, Config: cfg}
}

// options of a run as the owner of the database.
func (b *base) options(s store.Store) Options {
	return Options{
		Nodes: []postgres.Node{b.at(b.node, "app")}, Store: s, Source: backup.Source{App: "shop", Database: b.name}, Version: "1.2.3",
		Limits: Limits{LockTimeout: 500 * time.Millisecond},
	}
}

// checksums of all tables: their rows' number and content.
func checksums(t testing.TB, url string) map[string]string {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	names, err := conn.Query(t.Context(), `select format('%I.%I', n.nspname, c.relname) from pg_class c join pg_namespace n on n.oid = c.relnamespace
 where c.relkind in ('r', 'm') and n.nspname !~ '^pg_' and n.nspname <> 'information_schema'`)
	if err != nil {
		t.Fatal(err)
	}
	all, err := pgx.CollectRows(names, pgx.RowTo[string])
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for _, n := range append(all, "pg_largeobject") {
		var sum string
		if err := conn.QueryRow(t.Context(), "select count(*) || ' ' || coalesce(md5(string_agg(md5(t::text), '' order by md5(t::text))), '-') from (select * from "+n+") t").Scan(&sum); err != nil {
			t.Fatalf("%s: %v", n, err)
		}
		got[n] = sum
	}
	return got
}

// restore puts a backup into a new database and gives its connection string.
func (b *base) restore(s store.Store, m backup.Manifest, ids []age.Identity) string {
	b.t.Helper()
	name := b.name + "_restored"
	if err := b.node.Exec(b.t.Context(), "postgres", "create database "+name); err != nil {
		b.t.Fatal(err)
	}
	p, ok := m.Dump()
	if !ok {
		b.t.Fatal("no dump in the manifest")
	}
	raw := contents(b.t, s, m, p, ids)
	program, err := client.Find(b.t.Context(), "pg_restore", 0)
	if err != nil {
		b.t.Fatal(err)
	}
	f, err := client.NewForward(b.t.Context(), "", b.at(b.node, "postgres"), nil)
	if err != nil {
		b.t.Fatal(err)
	}
	defer f.Close()
	cmd := client.Command{Program: program, Forward: f, Database: name, Args: []string{"--exit-on-error", "-d", name}, Stdin: bytes.NewReader(raw)}
	if err := cmd.Run(b.t.Context()); err != nil {
		b.t.Fatal(err)
	}
	return b.node.URL(name)
}

// contents is what a payload held before it was compressed.
func contents(t testing.TB, s store.Store, m backup.Manifest, p backup.Payload, ids []age.Identity) []byte {
	t.Helper()
	stored, _, err := s.Open(t.Context(), backup.Dir(m.Source, m.ID)+"/"+p.Key, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer stored.Close()
	r, err := stream.NewReader(stored, p, ids)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	raw, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// keys of everything in a store.
func keys(t testing.TB, s store.Store) []string {
	t.Helper()
	var got []string
	for i, err := range s.List(context.WithoutCancel(t.Context()), "") {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, i.Key)
	}
	return got
}

// nothing fails where a store has any object or upload: a note of the failure aside.
func nothing(t testing.TB, s *store.Mem) {
	t.Helper()
	for _, k := range keys(t, s) {
		if !strings.HasSuffix(k, "/"+backup.FailureName) {
			t.Errorf("%s is left in the store", k)
		}
	}
	if n := s.Pending(); n > 0 {
		t.Errorf("%d uploads neither ended nor were given up", n)
	}
}

// free fails where a run left a session behind.
func (b *base) free() {
	b.t.Helper()
	waitFor(b.t, "the run's sessions to end", func() bool {
		return b.text("select count(*)::text from pg_stat_activity where datname = current_database() and application_name like 'ops-backup/%'") == "0"
	})
}

func waitFor(t testing.TB, what string, done func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !done(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("waited in vain for " + what)
		}
	}
}

func keyPair(t testing.TB) (stream.Recipients, []age.Identity) {
	t.Helper()
	id, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	r, err := stream.ParseRecipients([]string{id.Recipient().String()})
	if err != nil {
		t.Fatal(err)
	}
	return r, []age.Identity{id}
}
