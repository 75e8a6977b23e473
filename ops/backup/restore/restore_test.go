package restore

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"filippo.io/age"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/jackc/pgx/v5"

	"ops-console/ops/backup"
	"ops-console/ops/backup/archive"
	"ops-console/ops/backup/sample"
	"ops-console/ops/backup/stream"
	"ops-console/ops/backup/tables"
	"ops-console/ops/postgres/pgcluster"
)

func TestARestoredDatabaseHoldsWhatTheOriginalDid(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	l.own(t)
	before := l.content(t, "shop")
	l.exec(t, "postgres", "comment on database shop is 'other than in the backup'", "alter database shop connection limit 11", "revoke create on database shop from shop_owner")
	untouched := l.value(t, "postgres", "select shobj_description(oid, 'pg_database') || ' ' || datconnlimit || ' ' || datacl::text from pg_database where datname = 'shop'")
	o, _ := l.options(t)
	o.Now = func() time.Time { return time.Date(2026, 11, 21, 18, 30, 5, 0, time.UTC) }
	steps := map[Step]bool{}
	var last Progress
	o.Progress = func(p Progress) {
		steps[p.Step] = true
		if p.Step == Restoring {
			if p.Entries < last.Entries || p.Bytes < last.Bytes || p.Entries > p.OfEntries || p.Bytes > p.OfBytes {
				t.Errorf("from %+v to %+v", last, p)
			}
			last = p
		}
	}
	p, err := Make(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	if len(p.Problems) > 0 || p.Target != "shop_restore_20261121t183005" || p.Entries < 100 || p.Bytes != int64(len(l.Raw)) || !contains(p.Notes, "never verified") {
		t.Fatalf("%+v", p)
	}
	if got := l.databases(t); len(got) != 1 {
		t.Errorf("the plan made %v", got)
	}
	r, err := Run(t.Context(), o, p)
	if err != nil {
		t.Fatal(err)
	}
	if diff := tables.Diff(before, l.content(t, r.Database)); len(diff) > 0 {
		t.Error(strings.Join(diff, "\n"))
	}
	if got := l.value(t, "postgres", "select shobj_description(oid, 'pg_database') || ' ' || datconnlimit || ' ' || datacl::text from pg_database where datname = 'shop'"); got != untouched {
		t.Errorf("the original was %s and is %s", untouched, got)
	}
	if diff := tables.Diff(before, l.content(t, "shop")); len(diff) > 0 {
		t.Error("the original changed:\n" + strings.Join(diff, "\n"))
	}
	if len(before.Tables) < 19 || before.LargeSum == "" {
		t.Errorf("%d tables, large objects %q", len(before.Tables), before.LargeSum)
	}
	want := append([]backup.Table{}, l.Manifest.Tables...)
	if diff := cmp.Diff(want, r.Tables, cmpopts.IgnoreFields(backup.Table{}, "Bytes", "Part"), cmpopts.SortSlices(func(a, b backup.Table) bool { return a.Name < b.Name })); diff != "" {
		t.Error(diff)
	}
	if len(r.Notes) > 0 || r.LargeObjects != 3 {
		t.Errorf("%+v", r)
	}
	for _, s := range []Step{Creating, Restoring, Analyzing, Comparing} {
		if !steps[s] {
			t.Errorf("step %s was not told", s)
		}
	}
	for sql, want := range map[string]string{
		"show search_path": `"Größe", public`,
		"select setconfig[1] from pg_db_role_setting where setrole = 'shop_owner'::regrole and setdatabase = (select oid from pg_database where datname = current_database())": "work_mem=5MB",
		"select has_database_privilege('shop_owner', current_database(), 'create')":                                                                                            "t",
		`select has_database_privilege('Report Reader', current_database(), 'connect')`:                                                                                        "t",
		"select pg_get_userbyid(relowner) from pg_class where oid = 'customers'::regclass":                                                                                     "shop_owner",
		"select count(*) > 0 from pg_statistic where starelid = 'public.customers'::regclass":                                                                                  "t",
		"select count(*)::text from by_kind": "3",
	} {
		if got := l.value(t, r.Database, sql); got != want {
			t.Errorf("%s: %q, want %q", sql, got, want)
		}
	}
	made, err := Leftovers(t.Context(), o.Node, nil)
	wantMade := []Made{{Name: r.Database, State: Restored, Backup: l.Manifest.ID, Original: "shop", At: o.Now()}}
	if diff := cmp.Diff(wantMade, made, cmpopts.IgnoreFields(Made{}, "Bytes")); err != nil || diff != "" {
		t.Errorf("%v\n%s", err, diff)
	}
	t.Run("sums notice one changed value", func(t *testing.T) {
		if err := l.cluster.Primary().Exec(t.Context(), r.Database, "update orders set total = total + 0.01 where total = 7", "select setval('alone', 6)"); err != nil {
			t.Fatal(err)
		}
		want := []string{"public.alone: 1 rows each, with other contents", "public.orders: 300 rows each, with other contents"}
		if diff := cmp.Diff(want, tables.Diff(before, l.content(t, r.Database))); diff != "" {
			t.Error(diff)
		}
	})
	t.Run("not a second time under the same name", func(t *testing.T) {
		if _, err := Run(t.Context(), o, p); err == nil || len(l.databases(t)) != 2 {
			t.Errorf("%v, %v", err, l.databases(t))
		}
	})
	t.Run("and is removed by name alone", func(t *testing.T) {
		for _, name := range []string{"shop", "postgres", "nothing"} {
			if err := Drop(t.Context(), o.Node, nil, name); !errors.Is(err, ErrNotOurs) {
				t.Errorf("%s: %v", name, err)
			}
		}
		if err := Drop(t.Context(), o.Node, nil, r.Database); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([]string{"shop"}, l.databases(t)); diff != "" {
			t.Error(diff)
		}
	})
}

func TestWhatIsInTheWayIsInThePlan(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	empty := &lab{l.Dump, sample.Cluster(t, nil), l.identity}
	if err := empty.cluster.Primary().Exec(t.Context(), "postgres", "create role small login", "create role maker login createdb"); err != nil {
		t.Fatal(err)
	}
	manifest := func(change func(*backup.Manifest)) func(*Options) {
		return func(o *Options) { change(&o.Record.Manifest) }
	}
	user := func(name string) func(*Options) {
		return func(o *Options) {
			o.Node.Config = o.Node.Config.Copy()
			o.Node.Config.User = name
			o.NoOwners = true
		}
	}
	for name, c := range map[string]struct {
		on     *lab
		change func(*Options)
		codes  []string
		says   string
	}{
		"roles":          {empty, func(*Options) {}, []string{"role"}, `lacks roles that the backup speaks of: "Report Reader", "shop_owner"`},
		"without owners": {empty, func(o *Options) { o.NoOwners = true }, nil, ""},
		"an old server":  {l, manifest(func(m *backup.Manifest) { m.Server.Version = "99.1" }), []string{"version"}, "PostgreSQL 99"},
		"no pg_restore":  {l, manifest(func(m *backup.Manifest) { m.Tool.PgDump = "99.1" }), []string{"tool"}, "postgresql-client-99"},
		"encoding":       {l, manifest(func(m *backup.Manifest) { m.Server.Encoding = "KLINGON" }), []string{"encoding"}, "KLINGON"},
		"locale":         {l, manifest(func(m *backup.Manifest) { m.Server.Collate = "xx_YY.utf8" }), []string{"locale"}, "xx_YY"},
		"room":           {l, func(o *Options) { o.Free = func(context.Context) (int64, error) { return 1000, nil } }, []string{"room"}, "0 MB left"},
		"enough room":    {l, func(o *Options) { o.Free = func(context.Context) (int64, error) { return 1 << 40, nil } }, nil, ""},
		"a small role":   {empty, user("small"), []string{"createdb"}, "may not create databases"},
		"a maker":        {empty, user("maker"), nil, ""},
	} {
		o, _ := c.on.options(t)
		c.change(&o)
		p, err := Make(t.Context(), o)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		var codes []string
		text := ""
		for _, problem := range p.Problems {
			codes = append(codes, problem.Code)
			text += problem.Text
		}
		if diff := cmp.Diff(c.codes, codes); diff != "" || !strings.Contains(text, c.says) {
			t.Errorf("%s: %s\n%s", name, text, diff)
		}
		if len(codes) > 0 {
			if _, err := Run(t.Context(), o, p); !errors.Is(err, ErrPlan) {
				t.Errorf("%s: it was started: %v", name, err)
			}
		}
	}
	t.Run("extension", func(t *testing.T) {
		other := &lab{&sample.Dump{Manifest: l.Manifest, Raw: bytes.ReplaceAll(l.Raw, []byte("pg_trgm"), []byte("pg_none")), Globals: l.Globals}, l.cluster, l.identity}
		o, _ := other.options(t)
		p, err := Make(t.Context(), o)
		if err != nil || len(p.Problems) != 1 || p.Problems[0].Code != "extension" || !strings.Contains(p.Problems[0].Text, "pg_none") {
			t.Errorf("%v %+v", err, p)
		}
	})
	for name, c := range map[string]struct {
		ids  []age.Identity
		want error
	}{"no key": {nil, stream.ErrNoKey}, "another's": {[]age.Identity{newLabIdentity(t)}, stream.ErrWrongKey}} {
		o, _ := l.options(t)
		o.Identities = c.ids
		if _, err := Make(t.Context(), o); !errors.Is(err, c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, on := range []*lab{l, empty} {
		for _, db := range on.databases(t) {
			if db != "shop" {
				t.Errorf("there is %s", db)
			}
		}
	}
}

func TestWithoutOwnersAnybodyWhoMayMakeDatabasesRestores(t *testing.T) {
	t.Parallel()
	c := sample.Cluster(t, nil)
	p := c.Primary()
	if err := p.Exec(t.Context(), "postgres", "create role maker login createdb", "create role teller", "create database small"); err != nil {
		t.Fatal(err)
	}
	if err := p.Exec(t.Context(), "small", "create extension pg_trgm", "comment on extension pg_trgm is 'mine'", "create table t (id int primary key)", "alter table t owner to teller",
		"grant select on t to teller", "insert into t select generate_series(1, 100)", "create table u (a text)", "alter table u enable row level security"); err != nil {
		t.Fatal(err)
	}
	l := &lab{sample.Take(t, sample.Node(t, p, "small"), "small"), c, newLabIdentity(t)}
	if err := p.Exec(t.Context(), "postgres", "drop database small", "drop role teller"); err != nil {
		t.Fatal(err)
	}
	o, _ := l.options(t)
	o.NoOwners = true
	o.Node.Config = o.Node.Config.Copy()
	o.Node.Config.User = "maker"
	plan, err := Make(t.Context(), o)
	if err != nil || len(plan.Problems) > 0 {
		t.Fatal(err, plan)
	}
	r, err := Run(t.Context(), o, plan)
	if err != nil {
		t.Fatal(err)
	}
	if got := l.value(t, r.Database, "select pg_get_userbyid(relowner) from pg_class where relname = 't'"); got != "maker" {
		t.Error(got)
	}
}

func TestNamesFitIntoWhatPostgreSQLKeeps(t *testing.T) {
	at := time.Date(2026, 11, 21, 19, 0, 5, 0, time.FixedZone("x", 3600))
	for db, want := range map[string]string{
		"shop":                              "shop_restore_20261121t180005",
		strings.Repeat("x", 63):             strings.Repeat("x", 39) + "_restore_20261121t180005",
		"a" + strings.Repeat("日", 20) + "b": "a" + strings.Repeat("日", 12) + "_restore_20261121t180005",
	} {
		if got := named(db, "restore", at); got != want || len(got) > 63 {
			t.Errorf("%s: %s (%d bytes)", db, got, len(got))
		}
	}
}

func TestEveryInstalledServerThatIsNotOlderTakesIt(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	all, err := pgcluster.Find()
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range all {
		if b.Version < archive.Major(l.Manifest.Server.Version) {
			continue
		}
		c, err := pgcluster.Start(t.Context(), pgcluster.Options{Binaries: b})
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		if err := c.Primary().Exec(t.Context(), "postgres", "create role shop_owner", `create role "Report Reader"`); err != nil {
			t.Fatal(err)
		}
		there := &lab{l.Dump, c, l.identity}
		o, _ := there.options(t)
		p, err := Make(t.Context(), o)
		if err != nil || len(p.Problems) > 0 {
			t.Fatalf("PostgreSQL %d: %v %+v", b.Version, err, p)
		}
		r, err := Run(t.Context(), o, p)
		if err != nil || len(r.Notes) > 0 {
			t.Fatalf("PostgreSQL %d: %v %+v", b.Version, err, r)
		}
		t.Logf("PostgreSQL %d", b.Version)
	}
}

func TestNamesThatLookLikeSomethingElse(t *testing.T) {
	t.Parallel()
	c := sample.Cluster(t, nil)
	const name = `user=x host=y 'z" \ "; -- 日本`
	for _, sql := range []string{"create database " + tables.Quote(name), "create database other"} {
		if err := c.Primary().Exec(t.Context(), "postgres", sql); err != nil {
			t.Fatal(err)
		}
	}
	if err := c.Primary().Exec(t.Context(), "other", "create table t as select 1 as i"); err != nil {
		t.Fatal(err)
	}
	l := &lab{sample.Take(t, sample.Node(t, c.Primary(), "other"), "other"), c, newLabIdentity(t)}
	o, _ := l.options(t)
	o.Database = name
	p, err := Make(t.Context(), o)
	if err != nil || len(p.Problems) > 0 {
		t.Fatal(err, p)
	}
	r, err := Run(t.Context(), o, p)
	if err != nil || r.Database != p.Target {
		t.Fatal(err, r)
	}
	swap, err := MakeSwap(t.Context(), SwapOptions{Node: o.Node, Restored: p.Target})
	if err != nil || swap.Original != name {
		t.Fatal(err, swap)
	}
	if err := Swap(t.Context(), SwapOptions{Node: o.Node, Restored: p.Target}, swap); err != nil {
		t.Fatal(err)
	}
	all := l.databases(t)
	if len(all) != 3 || !contains(all, name) || !contains(all, swap.Aside) {
		t.Errorf("%q", all)
	}
	conn := sample.Connect(t, c.Primary(), "other")
	got := 0
	cfg := conn.Config().Copy()
	cfg.Database = name
	there, err := pgx.ConnectConfig(t.Context(), cfg)
	if err == nil {
		defer there.Close(t.Context())
		err = there.QueryRow(t.Context(), "select i from t").Scan(&got)
	}
	if err != nil || got != 1 {
		t.Error(got, err)
	}
}

func TestTheNewDatabaseSortsAsTheOriginalDoes(t *testing.T) {
	t.Parallel()
	c := sample.Cluster(t, nil)
	for name, locale := range map[string]string{"shop_c": "", "shop_icu": " locale_provider icu icu_locale 'de-u-co-phonebk'", "shop_latin": " encoding 'LATIN1'"} {
		if strings.Contains(locale, "provider") && archive.Major(serverVersion(t, c)) < 15 {
			continue // it came with 15
		}
		if err := c.Primary().Exec(t.Context(), "postgres", "create database "+name+" template template0 lc_collate 'C' lc_ctype 'C'"+locale); err != nil {
			t.Fatal(err)
		}
		if err := c.Primary().Exec(t.Context(), name, "create table t as select 'x'::text as i", "create index on t (i)"); err != nil {
			t.Fatal(err)
		}
		l := &lab{sample.Take(t, sample.Node(t, c.Primary(), name), name), c, newLabIdentity(t)}
		o, _ := l.options(t)
		p, err := Make(t.Context(), o)
		if err != nil || len(p.Problems) > 0 {
			t.Fatal(err, p)
		}
		r, err := Run(t.Context(), o, p)
		if err != nil {
			t.Fatal(err)
		}
		const ask = "select jsonb_build_array(to_jsonb(d)->'datlocprovider', to_jsonb(d)->'daticulocale', to_jsonb(d)->'datlocale', datcollate, datctype, encoding)::text from pg_database d where datname = "
		if want, got := l.value(t, "postgres", ask+tables.Literal(name)), l.value(t, "postgres", ask+tables.Literal(r.Database)); got != want {
			t.Errorf("%s: %s, and restored: %s", name, want, got)
		}
	}
}

func serverVersion(t *testing.T, c *pgcluster.Cluster) string {
	t.Helper()
	return (&lab{cluster: c}).value(t, "postgres", "show server_version")
}
