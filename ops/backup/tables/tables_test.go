package tables

import (
	"context"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"pgregory.net/rapid"

	"ops-console/ops/backup"
	"ops-console/ops/backup/archive"
	"ops-console/ops/backup/sample"
)

func TestWhatIsSummedUp(t *testing.T) {
	c := sample.Cluster(t, nil)
	p := c.Primary()
	exec := func(db string, sql ...string) {
		t.Helper()
		if err := p.Exec(t.Context(), db, sql...); err != nil {
			t.Fatal(err)
		}
	}
	exec("postgres", "create database one", "create database two", "create role reader login")
	setup := []string{
		"create table t (id int, f float8, at timestamptz, b bytea, j jsonb)",
		"insert into t select i, i / 3.0, timestamptz '2024-01-01 UTC' + i * interval '1 h', decode(md5(i::text), 'hex'), null from generate_series(1, 50) i",
		"create table nothing ()", "create sequence s", "create table parted (k int) partition by list (k)", "create table part1 partition of parted for values in (1)",
		"insert into parted values (1), (1)", "create table child () inherits (t)", "insert into child (id) values (1)", "select lo_from_bytea(70000, 'x')",
	}
	exec("one", setup...)
	// The same, in another order, seen with other settings.
	exec("two", setup...)
	exec("two", "create table u as select * from only t order by id desc", "delete from only t", "insert into t select * from u", "drop table u")
	exec("postgres", "alter database two set timezone = 'Asia/Tokyo'", "alter database two set datestyle = 'German'", "alter database two set extra_float_digits = 0",
		"alter database two set bytea_output = 'escape'")
	read := func(db string) *Content {
		t.Helper()
		content, err := Read(t.Context(), sample.Connect(t, p, db).PgConn(), Options{Sums: true})
		if err != nil {
			t.Fatal(err)
		}
		return content
	}
	one, two := read("one"), read("two")
	if diff := cmp.Diff(one, two); diff != "" || len(Diff(one, two)) > 0 {
		t.Error(diff)
	}
	want := []backup.Table{{Name: "public.child", Rows: 1}, {Name: "public.nothing"}, {Name: "public.part1", Rows: 2, Part: true}, {Name: "public.t", Rows: 50}}
	if diff := cmp.Diff(want, one.Manifest()); diff != "" {
		t.Error(diff)
	}
	for _, change := range []struct{ do, undo, says string }{
		{"update only t set j = '{}' where id = 7", "update only t set j = null where id = 7", "public.t: 50 rows each, with other contents"},
		{"insert into nothing default values", "truncate nothing", "public.nothing: 0 rows and 1"},
		{"select nextval('s')", "select setval('s', 1, false)", "public.s: 1 rows each"},
		{"create table more ()", "drop table more", "public.more is only in the second"},
		{"select lo_put(70000, 0, 'y')", "select lo_put(70000, 0, 'x')", "large objects: 1 each, with other contents"},
		{"select lo_create(70001)", "select lo_unlink(70001)", "large objects: 1 and 2"},
	} {
		exec("two", change.do)
		if diff := Diff(one, read("two")); len(diff) != 1 || !strings.HasPrefix(diff[0], change.says) {
			t.Errorf("%s: %q", change.do, diff)
		}
		exec("two", change.undo)
	}
	if diff := Diff(one, read("two")); len(diff) > 0 {
		t.Errorf("after all was undone: %q", diff)
	}
	t.Run("rows that a role may not see are no smaller number", func(t *testing.T) {
		exec("one", "alter table t enable row level security", "grant select on all tables in schema public to reader", "grant select on all sequences in schema public to reader", "grant usage on schema public to reader")
		cfg := sample.Connect(t, p, "one").Config().Copy()
		cfg.User = "reader"
		conn := connect(t, cfg)
		if content, err := Read(t.Context(), conn, Options{}); err == nil || !strings.Contains(err.Error(), "row-level security") {
			t.Errorf("%+v, %v", content, err)
		}
		// The session can be used on.
		if _, err := Ask(t.Context(), conn, "select 1"); err != nil {
			t.Error(err)
		}
	})
}

func TestWhatARestoreLacksIsSaid(t *testing.T) {
	counts := func() *archive.Counts {
		return &archive.Counts{
			Contents: &archive.Contents{Entries: []archive.Entry{{Desc: "SEQUENCE SET", Schema: "public", Tag: "s'", Definition: "SELECT pg_catalog.setval('public.\"s''\"', -5, true);\n"}}},
			Tables:   []backup.Table{{Name: `public."user"`, Rows: 3}, {Name: "public.inserts", Rows: -1}, {Name: "ext.config", Rows: 2}}, LargeObjects: 2,
		}
	}
	content := func() *Content {
		return &Content{LargeObjects: 2, Tables: []Table{
			{Name: "public.user", Rows: 3}, {Name: "public.inserts", Rows: 9}, {Name: "ext.config", Rows: 7, Extension: true}, {Name: `public."s'"`, Rows: 1, Sum: "-5 true", Sequence: true},
		}}
	}
	for says, change := range map[string]func(*archive.Counts, *Content){
		"": func(*archive.Counts, *Content) {},
		`public."user" has 3 rows in the dump and 2 in the restored database`:      func(_ *archive.Counts, c *Content) { c.Tables[0].Rows = 2 },
		`public."user" has 3 rows in the dump and is not in the restored database`: func(_ *archive.Counts, c *Content) { c.Tables = c.Tables[1:] },
		"ext.config has 9 rows in the dump and is not in the restored database":    func(a *archive.Counts, _ *Content) { a.Tables[2].Rows = 9 },
		"there are 2 large objects in the dump and 1 in the restored database":     func(_ *archive.Counts, c *Content) { c.LargeObjects = 1 },
		`the sequence public."s'" is at "-4 true" instead of "-5 true"`:            func(_ *archive.Counts, c *Content) { c.Tables[3].Sum = "-4 true" },
	} {
		a, c := counts(), content()
		change(a, c)
		if got := Missing(a, c); got != says {
			t.Errorf("got %q, want %q", got, says)
		}
	}
}

func TestCompareIsEmptyForTheSameAndOnlyForIt(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		names := rapid.SliceOfNDistinct(rapid.StringMatching(`[a-z"]{1,5}`), 1, 8, rapid.ID).Draw(t, "names")
		var all []backup.Table
		for _, n := range names {
			all = append(all, backup.Table{Name: archive.Name("public", n), Rows: int64(rapid.IntRange(0, 3).Draw(t, "rows"))})
		}
		if got := Compare(all, all, "a", "b"); got != "" {
			t.Fatal(got)
		}
		i := rapid.IntRange(0, len(all)-1).Draw(t, "which")
		other := append([]backup.Table{}, all...)
		other[i].Rows++
		if Compare(all, other, "a", "b") == "" {
			t.Fatal("a row too much was not noticed")
		}
	})
}

func connect(t *testing.T, cfg *pgx.ConnConfig) *pgconn.PgConn {
	t.Helper()
	conn, err := pgx.ConnectConfig(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close(context.WithoutCancel(t.Context())) })
	return conn.PgConn()
}
