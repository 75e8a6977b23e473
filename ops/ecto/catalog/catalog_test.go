package catalog

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"ops-console/ops/ecto"
	"ops-console/ops/ecto/schema"
	"ops-console/ops/postgres/pgcluster"
)

// described is a table in a few lines, so that differences can be read.
func described(t *schema.Table) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s whole=%v", t.Name, t.Whole)
	if t.Partitioned {
		b.WriteString(" partitioned")
	}
	if t.PartitionOf.Name != "" {
		fmt.Fprintf(&b, " partition of %s", t.PartitionOf)
	}
	if t.RowSecurity {
		b.WriteString(" row security")
	}
	if t.Rows != nil {
		fmt.Fprintf(&b, " %d rows", *t.Rows)
	}
	fmt.Fprintf(&b, " measured=%v triggers=%v\n", t.Bytes != nil && (*t.Bytes > 0 || *t.Rows == 0), t.Triggers)
	for _, c := range t.Columns {
		fmt.Fprintf(&b, "  %s %s", c.Name, c.Type)
		if *c.NotNull {
			b.WriteString(" not null")
		}
		if c.Default != nil {
			fmt.Fprintf(&b, " default %s expression=%v", c.Default.SQL, c.Default.Expression)
		}
		if c.Identity {
			b.WriteString(" identity")
		}
		b.WriteString(strings.TrimSuffix(" "+c.Generated, " ") + "\n")
	}
	for _, i := range t.Indexes {
		fmt.Fprintf(&b, "  index %s (", i.Name)
		for _, c := range i.Columns {
			fmt.Fprintf(&b, " %s", strings.Join(strings.Fields(c.Name+" "+c.Expression+" "+c.Suffix), " "))
		}
		fmt.Fprintf(&b, " ) unique=%v where=%s invalid=%v part=%v key=%v\n", i.Unique, i.Where, i.Invalid, i.Multiple, i.OfConstraint)
	}
	for _, k := range t.Constraints {
		fmt.Fprintf(&b, "  constraint %+v\n", k)
	}
	for _, d := range t.Dependents {
		fmt.Fprintf(&b, "  %s %s %v\n", d.Kind, d.Name, d.Columns)
	}
	return b.String()
}

const postsTable = `posts whole=true row security 3000 rows measured=true triggers=[touched]
  id bigint not null identity
  user_id bigint not null
  title character varying(255) default 'it''s'::character varying expression=false
  body text
  n integer default 7 expression=false
  price numeric(8,2) default '-1.5'::numeric expression=false
  slug text
  ts timestamp(0) without time zone default now() expression=true
  meta jsonb default '{}'::jsonb expression=false
  tags text[] default ARRAY[]::text[] expression=true
  at timestamp with time zone
  p positive
  loud text ALWAYS AS (upper((title)::text)) STORED
  index posts_at_index ( at DESC slug text_pattern_ops NULLS FIRST n DESC NULLS LAST ) unique=false where= invalid=false part=false key=false
  index posts_pkey ( id ) unique=true where= invalid=false part=false key=true
  index posts_slug_index ( lower(slug) n ) unique=true where=(slug IS NOT NULL) invalid=false part=false key=false
  index posts_user_id_index ( user_id ) unique=false where= invalid=false part=false key=false
  constraint {Name:body_there Kind:check Columns:[body] Expression:(body IS NOT NULL) To: ToColumns:[] NotValid:true MadeBy:}
  constraint {Name:n_positive Kind:check Columns:[n] Expression:(n > 0) To: ToColumns:[] NotValid:false MadeBy:}
  constraint {Name:posts_pkey Kind:primary_key Columns:[id] Expression: To: ToColumns:[] NotValid:false MadeBy:}
  constraint {Name:posts_user_id_fkey Kind:foreign_key Columns:[user_id] Expression: To:users ToColumns:[id] NotValid:false MadeBy:}
  generated column loud [title]
  materialized view counted [user_id]
  policy own [user_id]
  trigger touched [body]
  view titles [id title]
`

func TestTablesAreReadWhole(t *testing.T) {
	t.Parallel()
	versions(t, func(t *testing.T, b pgcluster.Binaries) {
		c := lab(t, pgcluster.Options{Binaries: b})
		s := look(t, c.Primary(), Options{})
		if got := described(s.State.Table(ecto.Name{Name: "posts"})); got != postsTable {
			t.Error(cmp.Diff(postsTable, got))
		}
		var names []string
		for _, x := range s.State.Tables() {
			names = append(names, x.Name.String())
		}
		want := []string{"counted", "events", "events_1", "events_2", "fresh", "posts", "schema_migrations", "users", "tenant.things"}
		if d := cmp.Diff(want, names); d != "" {
			t.Error(d)
		}
		events := s.State.Table(ecto.Name{Name: "events"})
		if !events.Partitioned || *events.Rows != 3000 || len(events.Constraints) != 1 || *events.Bytes == 0 {
			t.Errorf("partitions do not add up: %s", described(events))
		}
		if p := s.State.Table(ecto.Name{Name: "events_1"}); p.PartitionOf.Name != "events" || *p.Rows != 1000 {
			t.Errorf("a partition is %s", described(p))
		}
		if k := s.State.Table(ecto.Name{Prefix: "tenant", Name: "things"}); k.Column("kind").Type != "mood" || k.Constraint("things_post_id_fkey").To.Name != "posts" {
			t.Errorf("another schema's table is %s", described(k))
		}
		if m, ok := s.State.Type(ecto.Name{Name: "mood"}); !ok || !m.Enum {
			t.Errorf("the type is %+v", m)
		}
		if d, ok := s.State.Type(ecto.Name{Name: "positive"}); !ok || !d.Domain || !d.Check {
			t.Errorf("the domain is %+v", d)
		}
		if s.Volatile["slow_id"] != 'v' || s.Volatile["steady"] != 's' || s.Volatile["touch"] != 0 {
			t.Errorf("volatilities %v", s.Volatile)
		}
		wantApplied := []Applied{
			{20260101000000, time.Date(2026, 1, 1, 10, 0, 0, 0, time.UTC)},
			{20260102000000, time.Date(2026, 1, 2, 10, 0, 0, 0, time.UTC)},
		}
		if d := cmp.Diff(wantApplied, s.Applied); d != "" || s.Missing || s.Unread != "" || s.Source.String() != "schema_migrations" {
			t.Errorf("applied: %s, missing %v, unread %q of %s", d, s.Missing, s.Unread, s.Source)
		}
		if !s.State.Complete || s.Version/10000 != b.Version || s.Database != "app" || s.TimeZone != "UTC" || s.LockTimeout != "" ||
			s.Standby || s.Default != "public" || len(s.Warnings) > 0 || len(s.Wraparound) > 0 || time.Since(s.At).Abs() > time.Minute {
			t.Errorf("got %+v", s)
		}
	})
}

func TestTheVersionsTableIsFoundAsEctoFindsIt(t *testing.T) {
	t.Parallel()
	c := lab(t, pgcluster.Options{})
	p := c.Primary()
	run(t, p, "app", `create table tenant."Odd ""one""" (version bigint primary key, inserted_at timestamp(0))`,
		`insert into tenant."Odd ""one""" values (7, null)`, "create table wrong (x int)",
		"create role app login", "create schema app authorization app", "create table app.only (id int)", "create table app.users (mine int)",
		"alter role app set search_path = nowhere, \"$user\", public", "alter role app in database app set lock_timeout = '3s'",
		"alter database app set lock_timeout = '4s'", "alter database app set timezone = 'America/New_York'", "alter role app set lock_timeout = '5s'")
	for name, tt := range map[string]struct {
		o       Options
		missing bool
		source  string
		applied []Applied
		unread  string
	}{
		"prefix":          {Options{Source: `Odd "one"`, Prefix: "tenant"}, false, `tenant.Odd "one"`, []Applied{{Version: 7}}, ""},
		"another schema":  {Options{Source: `Odd "one"`}, true, `Odd "one"`, nil, ""},
		"none":            {Options{Source: "nothing"}, true, "nothing", nil, ""},
		"no such schema":  {Options{Prefix: "tenant2"}, true, "tenant2.schema_migrations", nil, ""},
		"not one":         {Options{Source: "wrong"}, false, "wrong", nil, "no column version"},
		"quoting is safe": {Options{Source: `'; drop table users; --\`}, true, `'; drop table users; --\`, nil, ""},
	} {
		s := look(t, p, tt.o)
		if s.Missing != tt.missing || s.Source.String() != tt.source || cmp.Diff(tt.applied, s.Applied) != "" ||
			!strings.Contains(s.Unread, tt.unread) || (tt.unread == "") != (s.Unread == "") {
			t.Errorf("%s: got missing %v, %s, %v, %q", name, s.Missing, s.Source, s.Applied, s.Unread)
		}
	}
	if s := look(t, p, Options{}); s.LockTimeout != "4s" || s.TimeZone != "America/New_York" {
		t.Errorf("lock_timeout %q, time zone %q of the database", s.LockTimeout, s.TimeZone)
	}
	s := look(t, p, Options{Role: "app"})
	if s.LockTimeout != "3s" || s.Default != "app" || s.Source.String() != "public.schema_migrations" || len(s.Applied) != 2 {
		t.Errorf("lock_timeout %q, schema %q, %s, %v of the role", s.LockTimeout, s.Default, s.Source, s.Applied)
	}
	if u := s.State.Table(ecto.Name{Name: "users"}); u.Column("mine") == nil {
		t.Errorf("users is the one of public, which the search path hides: %s", described(u))
	}
}

func TestARoleWithoutPrivilegesIsToldWhichItNeeds(t *testing.T) {
	t.Parallel()
	versions(t, func(t *testing.T, b pgcluster.Binaries) {
		c := lab(t, pgcluster.Options{Binaries: b})
		run(t, c.Primary(), "app", `create role "some one" login`)
		holder := hold(t, c.Primary(), "lock table posts in share mode")
		s, err := Read(t.Context(), open(t, node(t, c.Primary(), "some one", "app")), Options{})
		if err != nil {
			t.Fatal(err)
		}
		warnings := strings.Join(s.Warnings, "\n")
		for _, want := range []string{`GRANT pg_read_all_stats TO "some one"`, `GRANT SELECT ON "public"."schema_migrations" TO "some one"`} {
			if !strings.Contains(warnings, want) {
				t.Errorf("no %s in %s", want, warnings)
			}
		}
		if s.Missing || !strings.Contains(s.Unread, "GRANT SELECT") || s.Applied != nil {
			t.Errorf("missing %v, unread %q, applied %v", s.Missing, s.Unread, s.Applied)
		}
		if got := described(s.State.Table(ecto.Name{Name: "posts"})); got != postsTable {
			t.Error(cmp.Diff(postsTable, got))
		}
		if len(s.Activity) != 1 || s.Activity[0].PID != int(holder.PgConn().PID()) || s.Activity[0].Mode != "SHARE" || s.Activity[0].Query != "" || !s.Activity[0].Since.IsZero() {
			t.Errorf("activity %+v", s.Activity)
		}
	})
}

// hold opens a transaction, runs statements in it, and leaves it open until the test ends.
func hold(t testing.TB, n *pgcluster.Node, sql ...string) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(context.WithoutCancel(t.Context()), n.URL("app"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close(context.Background()) })
	for _, s := range append([]string{"set lock_timeout = '30s'", "begin"}, sql...) {
		if _, err := conn.Exec(t.Context(), s); err != nil {
			t.Fatalf("%s: %v", s, err)
		}
	}
	return conn
}

func TestAnExclusiveLockIsNotWaitedFor(t *testing.T) {
	t.Parallel()
	versions(t, func(t *testing.T, b pgcluster.Binaries) {
		c := lab(t, pgcluster.Options{Binaries: b})
		for _, what := range []string{"lock table posts, schema_migrations in access exclusive mode", "reindex index users_pkey", "alter table posts add column z int"} {
			holder := hold(t, c.Primary(), what)
			started := time.Now()
			s := look(t, c.Primary(), Options{Longer: time.Nanosecond})
			if took := time.Since(started); took > 5*time.Second {
				t.Errorf("%s: it took %s", what, took)
			}
			switch {
			case strings.HasPrefix(what, "lock"):
				if s.Unread == "" || s.Applied != nil || !strings.Contains(s.Unread, "lock timeout") {
					t.Errorf("%s: unread %q, %v", what, s.Unread, s.Applied)
				}
			case len(s.Applied) != 2:
				t.Errorf("%s: applied %v", what, s.Applied)
			}
			if !strings.HasPrefix(what, "reindex") {
				posts := s.State.Table(ecto.Name{Name: "posts"})
				if i := posts.Index("posts_slug_index"); i.Where != unread || !i.Multiple || posts.Constraint("n_positive").Expression != unread || posts.Column("loud").Generated != unread {
					t.Errorf("%s: %s", what, described(posts))
				}
				if *posts.Rows != 3000 || *posts.Bytes < 400_000 {
					t.Errorf("%s: what was written down is not used: %d, %d", what, *posts.Rows, *posts.Bytes)
				}
				if w := strings.Join(s.Warnings, " "); !strings.Contains(w, "posts were not read") {
					t.Errorf("%s: warnings %v", what, s.Warnings)
				}
			}
			if got := s.State.Table(ecto.Name{Name: "users"}); *got.Rows != 3000 || got.Column("id").Default.SQL != "nextval('public.users_id_seq'::regclass)" {
				t.Errorf("%s: users is %s", what, described(got))
			}
			if len(s.Activity) != 1 || s.Activity[0].State != "idle in transaction" || s.Activity[0].Query == "" {
				t.Errorf("%s: activity %+v", what, s.Activity)
			}
			if _, err := holder.Exec(t.Context(), "rollback"); err != nil {
				t.Fatal(err)
			}
		}
	})
}

func TestWaitingAndPreparedTransactionsAreSeen(t *testing.T) {
	t.Parallel()
	c := lab(t, pgcluster.Options{Settings: map[string]string{"max_prepared_transactions": "2"}})
	p := c.Primary()
	hold(t, p, "lock table users in share row exclusive mode", "select 'secret' as x, 42, $$more$$ /* trace='x' */ from posts where title = 'a''b'")
	prepared := hold(t, p, "update tenant.things set kind = 'ok'", "insert into posts (user_id, body) values (1, 'b')")
	if _, err := prepared.Exec(t.Context(), "prepare transaction 'p1'"); err != nil {
		t.Fatal(err)
	}
	waiter := hold(t, p)
	done := make(chan error, 1)
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		_, err := waiter.Exec(ctx, "lock table users in share mode")
		done <- err
	}()
	defer func() { cancel(); <-done }()
	var s *Snapshot
	for deadline := time.Now().Add(10 * time.Second); ; {
		s = look(t, p, Options{Longer: time.Nanosecond})
		if len(s.Activity) == 3 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("activity %+v", s.Activity)
		}
	}
	byKind := map[string]Activity{}
	for _, a := range s.Activity {
		kind := a.Kind
		if a.Waiting {
			kind = "waiting"
		}
		a.PID, a.Since = 0, time.Time{}
		byKind[kind] = a
	}
	users, posts, things := ecto.Name{Name: "users"}, ecto.Name{Name: "posts"}, ecto.Name{Prefix: "tenant", Name: "things"}
	want := map[string]Activity{
		"client backend": {
			Kind: "client backend", State: "idle in transaction", Mode: "SHARE ROW EXCLUSIVE", Tables: []ecto.Name{users, posts},
			Query: "select '…' as x, …, '…'   from posts where title = '…'",
		},
		"waiting":              {Kind: "client backend", State: "active", Mode: "SHARE", Tables: []ecto.Name{users}, Waiting: true, Query: "lock table users in share mode"},
		"prepared transaction": {Kind: "prepared transaction", State: "prepared", Mode: "ROW EXCLUSIVE", Tables: []ecto.Name{things, posts, users}},
	}
	byName := cmp.Transformer("sorted", func(nn []ecto.Name) map[ecto.Name]bool {
		m := map[ecto.Name]bool{}
		for _, n := range nn {
			m[n] = true
		}
		return m
	})
	if d := cmp.Diff(want, byKind, byName, cmp.FilterPath(func(p cmp.Path) bool { return p.Last().String() == ".Snapshot" }, cmp.Ignore())); d != "" {
		t.Error(d)
	}
}

func TestTrafficIsMeasuredBetweenTwoLooks(t *testing.T) {
	t.Parallel()
	c := lab(t, pgcluster.Options{})
	p := c.Primary()
	before := look(t, p, Options{})
	users := ecto.Name{Name: "users"}
	for deadline := time.Now().Add(20 * time.Second); ; {
		run(t, p, "app", "update users set name = 'x' where id <= 10", "select count(*) from users")
		now := look(t, p, Options{Before: before})
		if tr := now.Traffic[users]; tr.Writes > 0 && tr.Reads > 0 {
			if tr.AtMost || tr.Over != now.At.Sub(before.At) || tr.Writes > 1e5 {
				t.Errorf("traffic %+v", tr)
			}
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("no traffic was seen: %+v", now.Traffic)
		}
	}
}

func TestAStandbyIsReadToo(t *testing.T) {
	t.Parallel()
	versions(t, func(t *testing.T, b pgcluster.Binaries) {
		c := lab(t, pgcluster.Options{Binaries: b, Replicas: []pgcluster.Replica{{Name: "r1"}}})
		replica := c.Node("r1")
		var s *Snapshot
		for deadline := time.Now().Add(20 * time.Second); ; {
			var err error
			conn := open(t, node(t, replica, "postgres", "postgres"))
			if a, askErr := conn.Ask(t.Context(), "select count(*) from pg_database where datname = 'app'", 0); askErr == nil && a.Value == "1" {
				if s, err = Read(t.Context(), open(t, node(t, replica, "postgres", "app")), Options{}); err == nil && s.State.Table(ecto.Name{Name: "fresh"}) != nil {
					break
				}
			}
			if time.Now().After(deadline) {
				t.Fatal("the replica never had the tables", err)
			}
		}
		if got := described(s.State.Table(ecto.Name{Name: "posts"})); got != postsTable || !s.Standby || len(s.Traffic) > 0 || len(s.Applied) != 2 {
			t.Errorf("%s\nstandby %v, traffic %v, applied %v", cmp.Diff(postsTable, got), s.Standby, s.Traffic, s.Applied)
		}
	})
}

func TestManySchemasAreNotAllRead(t *testing.T) {
	t.Parallel()
	c := lab(t, pgcluster.Options{})
	s := look(t, c.Primary(), Options{MaxTables: 8})
	if s.State.Complete || s.State.Table(ecto.Name{Prefix: "tenant", Name: "things"}) != nil || s.State.Table(ecto.Name{Name: "posts"}) == nil || len(s.Warnings) != 1 {
		t.Errorf("got %d tables, complete %v, warnings %v", len(s.State.Tables()), s.State.Complete, s.Warnings)
	}
	run(t, c.Primary(), "app", "create schema other", "create table other.things (id int)")
	s = look(t, c.Primary(), Options{Schemas: []string{"tenant"}})
	if s.State.Complete || s.State.Table(ecto.Name{Prefix: "other", Name: "things"}) != nil || s.State.Table(ecto.Name{Prefix: "tenant", Name: "things"}) == nil || len(s.Applied) != 2 {
		t.Errorf("got %d tables, complete %v, warnings %v", len(s.State.Tables()), s.State.Complete, s.Warnings)
	}
}
