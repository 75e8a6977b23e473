package rehearse

import (
	"context"
	"errors"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"ops-console/ops/ecto"
	"ops-console/ops/ecto/catalog"
	"ops-console/ops/ecto/project"
	"ops-console/ops/postgres"
	"ops-console/ops/postgres/client"
	"ops-console/ops/postgres/pgcluster"
)

// base is what ran before.
func base(t testing.TB) []ecto.Migration {
	return []ecto.Migration{
		written(t, 1, "create table users (id bigserial primary key, email varchar(255) not null, boss_id bigint references users (id))",
			"create unique index users_email_index on users (email)",
			"create table posts (id bigserial primary key, user_id bigint not null references users (id), title varchar(255), body text, n int check (n > 0), at timestamp(0) not null)",
			"create index posts_title_index on posts (lower(title))",
			"create table odd (id bigint primary key, v int check (v between 1000 and 2000) not null)",
			"create view titles as select id, title from posts"),
	}
}

func TestWhatHappensIsMeasuredBesideWhatWasPredicted(t *testing.T) {
	t.Parallel()
	in := input(3, append(base(t),
		written(t, 3, "alter table posts add column a uuid default gen_random_uuid()", "alter table posts alter column body set not null",
			"create index posts_n_index on posts (n)", "create table tags (id bigserial primary key, post_id bigint references posts (id))"),
		written(t, 4, "create index posts_at_index on posts (at)"),
		outOfTransaction(written(t, 5, "alter table users add column age int default 3", "alter table odd add column x int")),
		written(t, 6, "alter table posts add constraint posts_title_there check (title is not null)", "alter table posts add constraint later check (n < 1000) not valid"),
		written(t, 7, "alter table posts validate constraint later", "comment on table users is 'people'"),
		written(t, 8, "update users set age = 4", "alter table users alter column email type text"),
		written(t, 9, "truncate odd", "drop table tags"),
	)...)
	steps, notes := run(t, in, Options{})
	want := `3 alter table posts add column a uuid default gen_random_uuid(
    posts: ACCESS EXCLUSIVE, rewritten, built posts_pkey posts_title_index
3 alter table posts alter column body set not null
    posts: ACCESS EXCLUSIVE held, scanned
3 create index posts_n_index on posts (n)
    posts: ACCESS EXCLUSIVE held, scanned, built posts_n_index
3 create table tags (id bigserial primary key, post_id bigint 
4 create index posts_at_index on posts (at)
    posts: SHARE, scanned, built posts_at_index
5 alter table users add column age int default 3
    users: ACCESS EXCLUSIVE
5 alter table odd add column x int
    odd: ACCESS EXCLUSIVE
6 alter table posts add constraint posts_title_there check (ti
    posts: ACCESS EXCLUSIVE, scanned
6 alter table posts add constraint later check (n < 1000) not 
7 alter table posts validate constraint later
    posts: SHARE UPDATE EXCLUSIVE, scanned
7 comment on table users is 'people'
    users: SHARE UPDATE EXCLUSIVE
8 update users set age = 4
    users: ROW EXCLUSIVE, scanned
8 alter table users alter column email type text
    users: ACCESS EXCLUSIVE
9 truncate odd
    odd: ACCESS EXCLUSIVE, rewritten, built odd_pkey
9 drop table tags
    posts: ACCESS EXCLUSIVE
    tags: ACCESS EXCLUSIVE
`
	if d := cmp.Diff(want, told(steps)); d != "" {
		t.Error(d)
	}
	if len(notes) != 1 || !strings.Contains(notes[0], "1 tables have no rows") || !strings.Contains(notes[0], "odd (") {
		t.Errorf("notes %q", notes)
	}
}

func TestAConcurrentIndexUnderTheMigratorsLockHangs(t *testing.T) {
	t.Parallel()
	build := outOfTransaction(written(t, 3, "create index concurrently posts_n_index on posts (n)"))
	after := outOfTransaction(written(t, 4, "drop index concurrently posts_n_index"))
	in := input(3, append(base(t), build, after)...)
	steps, _ := run(t, in, Options{})
	if len(steps) != 2 || !strings.HasPrefix(steps[0].Err, hangs) || len(steps[0].Differs) > 0 || steps[1].Err != "" {
		t.Fatalf("under the lock on the table of versions:\n%s", told(steps))
	}
	want := `    posts: SHARE UPDATE EXCLUSIVE, scanned, built posts_n_index` + "\n"
	if got := told(steps[:1]); !strings.Contains(got, want) {
		t.Errorf("what it does without the lock is not shown:\n%s", got)
	}

	in.Repo.Settings.Lock = project.AdvisoryLock
	if steps, _ = run(t, in, Options{}); steps[0].Err != "" || !strings.Contains(told(steps), want) || strings.Contains(told(steps), "DIFFERS") {
		t.Errorf("with an advisory lock:\n%s", told(steps))
	}
	in.Repo.Settings.Lock = project.TableLock
	in.Migrations[1].DisableMigrationLock = true
	if steps, _ = run(t, in, Options{}); steps[0].Err != "" {
		t.Errorf("with the lock disabled:\n%s", told(steps))
	}
	in.Migrations[1].DisableDDLTransaction = false
	if steps, _ = run(t, in, Options{}); !strings.Contains(steps[0].Err, "25001") || steps[1].Skipped == "" {
		t.Errorf("in a transaction:\n%s", told(steps))
	}
}

func TestWhatCannotRunIsSaid(t *testing.T) {
	t.Parallel()
	dynamic := written(t, 3, "alter table posts add column a int")
	dynamic.Up = append(dynamic.Up,
		ecto.Operation{Kind: ecto.RepoCall, Statement: 2, Text: "Repo.update_all(\x1b[31mquery, [])", At: ecto.Span{Line: 7}},
		ecto.Operation{Kind: ecto.ModuleCall, Statement: 3, Text: "Oban.Migrations.up()"})
	dynamic.Up = append(dynamic.Up, operations(t, "", "", "", "alter table posts add column b int")...)
	in := input(3, append(base(t), dynamic,
		written(t, 4, "grant select on posts to reader", "create policy mine on posts to reader using (true)"),
		written(t, 5, "create extension postgres_fdw", "create extension no_such_extension", "copy posts to program 'touch /tmp/rehearsed'"),
		outOfTransaction(written(t, 5, "alter system set work_mem = '1MB'", "vacuum posts")),
		written(t, 6, "select 1; select 2"),
		written(t, 7, "alter table posts add column c int"),
	)...)
	steps, _ := run(t, in, Options{})
	want := `3 alter table posts add column a int
    posts: ACCESS EXCLUSIVE
3 Repo.update_all(query, [])
    SKIPPED not run: it asks the application's repo
3 Oban.Migrations.up()
    SKIPPED not run: it is another module's: Oban.Migrations.up()
3 alter table posts add column b int
4 grant select on posts to reader
4 create policy mine on posts to reader using (true)
    posts: ACCESS EXCLUSIVE
5 create extension postgres_fdw
    SKIPPED not run: the extension reaches other servers
5 create extension no_such_extension
`
	got := told(steps)
	if !strings.HasPrefix(got, want) {
		t.Error(cmp.Diff(want, got))
	}
	for _, s := range []string{"SKIPPED not run: the extension is not installed here", "SKIPPED not run: it needs a privilege", "5 vacuum posts\n6 ", "ERROR cannot insert multiple commands", "7 alter table posts add column c int\n    SKIPPED migration 6 fails before it"} {
		if !strings.Contains(got, s) {
			t.Errorf("no %q in\n%s", s, got)
		}
	}
	if _, err := os.Stat("/tmp/rehearsed"); err == nil {
		t.Error("SQL of a migration ran a program")
	}
}

func TestNamesAreThoseThatStatementsUse(t *testing.T) {
	t.Parallel()
	in := input(3, append(base(t),
		written(t, 3, "alter table posts rename to articles", "create index articles_n_index on articles (n)", "create table posts (id int)", "create index on posts (id)"),
		written(t, 4, "alter table articles rename column n to m", "create index concurrently on nothing (n)"),
	)...)
	steps, _ := run(t, in, Options{})
	want := `3 alter table posts rename to articles
    posts: ACCESS EXCLUSIVE
3 create index articles_n_index on articles (n)
    articles: ACCESS EXCLUSIVE held, scanned, built articles_n_index
3 create table posts (id int)
3 create index on posts (id)
4 alter table articles rename column n to m
    articles: ACCESS EXCLUSIVE
4 create index concurrently on nothing (n)
    ERROR CREATE INDEX CONCURRENTLY cannot run inside a transaction block (25001)
`
	if d := cmp.Diff(want, told(steps)); d != "" {
		t.Error(d)
	}
}

func TestTheLiveSchemaIsCopied(t *testing.T) {
	t.Parallel()
	all, err := pgcluster.Find()
	if err != nil {
		t.Skip("needs a PostgreSQL server: apt-get install postgresql, or run .ci/postgres")
	}
	dumpable := slices.IndexFunc(all, func(b pgcluster.Binaries) bool {
		_, err := client.Find(t.Context(), "pg_dump", b.Version)
		return err == nil
	})
	if dumpable < 0 {
		t.Skip("needs pg_dump of the server's version: apt-get install postgresql-client")
	}
	live := start(t, pgcluster.Options{Binaries: all[dumpable], HBA: []string{"local all app scram-sha-256"}, Settings: map[string]string{"password_encryption": "scram-sha-256"}})
	p := live.Primary()
	sql := []string{
		"create role app login password 'p@ss:word'", "create role reader", "create schema shop authorization app", "alter role app in database postgres set search_path = shop, public",
		"create extension citext", "set role app", "set search_path = shop, public",
		"create type mood as enum ('ok', 'sad')", "create function twice(int) returns int language sql immutable as 'select $1 * 2'",
		"create table schema_migrations (version bigint primary key, inserted_at timestamp(0))", "insert into schema_migrations values (1, now())",
		"create table users (id bigserial primary key, email public.citext not null, mood mood not null default 'ok', secret text)",
		"insert into users (email, secret) select 'u' || i, 'never copied' from generate_series(1, 10) i",
		"create table posts (id bigserial primary key, user_id bigint not null references users (id), n int, twice int generated always as (twice(n)) stored)",
		"create policy mine on posts to reader using (true)", "create view all_posts as select * from posts",
	}
	if err := p.Exec(t.Context(), "postgres", strings.Join(sql, ";")); err != nil {
		t.Fatal(err)
	}
	n := node(t, p, "app", "postgres")
	n.Config.Password = "p@ss:word"
	conn, err := postgres.Connect(t.Context(), *n, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	in := input(0, base(t)[0], written(t, 2, "alter table posts alter column n type bigint", "alter table users add column seen boolean"))
	in.Options.Check = nil
	if in.Live, err = catalog.Read(t.Context(), conn, catalog.Options{}); err != nil {
		t.Fatal(err)
	}
	steps, notes := run(t, in, Options{Live: n})
	want := `2 alter table posts alter column n type bigint
    ERROR cannot alter type of a column used by a generated column: Column "n" is used by generated column "twice". (CODE)
2 alter table users add column seen boolean
    SKIPPED a statement before it failed
`
	got := strings.NewReplacer("(0A000)", "(CODE)", "(42601)", "(CODE)").Replace(told(steps)) // the latter from version 18 on
	if d := cmp.Diff(want, got); d != "" || len(notes) > 0 {
		t.Errorf("%s\nnotes %q", d, notes)
	}
	in.Migrations[1] = written(t, 2, "alter table users add column seen boolean not null default false", "create index on posts (n)", "alter table users alter column mood type text using mood::text")
	steps, notes = run(t, in, Options{Live: n, Rows: 7})
	want = `2 alter table users add column seen boolean not null default f
    users: ACCESS EXCLUSIVE
2 create index on posts (n)
    posts: SHARE, scanned, built posts_n_idx
2 alter table users alter column mood type text using mood::te
    users: ACCESS EXCLUSIVE held, rewritten, built users_pkey
`
	if d := cmp.Diff(want, told(steps)); d != "" || len(notes) > 0 {
		t.Errorf("%s\nnotes %q", d, notes)
	}

	n.Config.Password = "wrong"
	steps, notes = run(t, in, Options{Live: n})
	if len(notes) == 0 || !strings.Contains(notes[0], "earlier migrations were replayed") || len(steps) != 3 {
		t.Errorf("notes %q, steps\n%s", notes, told(steps))
	}
}

func TestTheWayBackIsRunLatestFirst(t *testing.T) {
	t.Parallel()
	a, b := written(t, 3, "alter table posts add column a int"), outOfTransaction(written(t, 4, "create index concurrently posts_n_index on posts (n)"))
	a.Down, b.Down = operations(t, "alter table posts drop column a"), operations(t, "drop index concurrently posts_n_index")
	b.DisableMigrationLock = true
	steps, _ := run(t, input(3, append(base(t), a, b)...), Options{Down: true})
	want := `3 alter table posts add column a int
    posts: ACCESS EXCLUSIVE
4 create index concurrently posts_n_index on posts (n)
    posts: SHARE UPDATE EXCLUSIVE, scanned, built posts_n_index
4 down drop index concurrently posts_n_index
    posts: SHARE UPDATE EXCLUSIVE
3 down alter table posts drop column a
    posts: ACCESS EXCLUSIVE
`
	if d := cmp.Diff(want, told(steps)); d != "" {
		t.Error(d)
	}
}

func TestARehearsalEndsWithItsContext(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	in := input(3, append(base(t), written(t, 3, "select pg_sleep(60)"))...)
	_, err := Run(ctx, in, Options{Timeout: time.Minute, Dir: shared(t), Progress: func(s string) {
		if strings.HasPrefix(s, "running") {
			time.AfterFunc(50*time.Millisecond, cancel)
		}
	}})
	if errors.Is(err, ErrNoServer) {
		t.Skip(err.Error())
	}
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	steps, _ := run(t, input(3, append(base(t), written(t, 3, "select pg_sleep(60)"))...), Options{Timeout: 200 * time.Millisecond})
	if len(steps) != 1 || !strings.Contains(steps[0].Err, "57014") {
		t.Errorf("with a time limit:\n%s", told(steps))
	}
}

// shared is a directory that servers' users may enter, and that must be empty in the end.
func shared(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "rehearse-test-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		left, err := os.ReadDir(dir)
		if err != nil || len(left) > 0 {
			t.Errorf("left behind: %v, %v", left, err)
		}
		os.RemoveAll(dir)
	})
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestEveryVersionCanBeRehearsedOn(t *testing.T) {
	t.Parallel()
	all, err := pgcluster.Find()
	if err != nil {
		t.Skip("needs a PostgreSQL server: apt-get install postgresql, or run .ci/postgres")
	}
	for _, b := range all {
		steps, notes := run(t, input(3, append(base(t), written(t, 3, "create index posts_at_index on posts (at)", "alter table posts add column x serial"))...), Options{Binaries: b})
		want := `3 create index posts_at_index on posts (at)
    posts: SHARE, scanned, built posts_at_index
3 alter table posts add column x serial
    posts: ACCESS EXCLUSIVE, rewritten, built posts_at_index posts_pkey posts_title_index
`
		if d := cmp.Diff(want, told(steps)); d != "" {
			t.Errorf("%d: %s\n%q", b.Version, d, notes)
		}
	}
}

func TestTheServerThatFitsBest(t *testing.T) {
	all := []pgcluster.Binaries{{Dir: "18", Version: 18}, {Dir: "15a", Version: 15}, {Dir: "15b", Version: 15}, {Dir: "13", Version: 13}}
	for wanted, dir := range map[int]string{13: "13", 14: "15a", 15: "15a", 16: "18", 18: "18", 19: "18", 0: "18"} {
		if got := best(all, wanted); got.Dir != dir {
			t.Errorf("for %d: got %s, want %s", wanted, got.Dir, dir)
		}
	}
}
