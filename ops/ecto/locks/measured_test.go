package locks_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"ops-console/ops/ecto"
	"ops-console/ops/ecto/locks"
	"ops-console/ops/ecto/pgsql"
	"ops-console/ops/ecto/schema"
	"ops-console/ops/postgres/pgcluster"
)

// outcome is what happens to one table.
type outcome struct {
	mode          locks.Mode
	rewrite, scan bool
}

// TestPredictionsAreWhatAServerDoes runs every line of testdata/cases.sql on a real server and compares the locks that the
// last statement holds, the tables that were rewritten and those that were read whole with what is predicted.
func TestPredictionsAreWhatAServerDoes(t *testing.T) {
	c := start(t)
	ctx := t.Context()
	base, rows := read(t, "schema.sql"), read(t, "rows.sql")
	exec(t, c, "postgres", "create database lab")
	exec(t, c, "lab", base, rows)
	version := serverVersion(t, c)
	for i, line := range strings.Split(strings.TrimSpace(read(t, "cases.sql")), "\n") {
		t.Run(line, func(t *testing.T) {
			ops, err := pgsql.Parse(line)
			if err != nil {
				t.Fatal(err)
			}
			setup, measured := split(ops)
			database := "lab"
			if len(setup) > 0 {
				database = fmt.Sprintf("case_%d", i)
				exec(t, c, "postgres", "create database "+database+" template lab")
				defer exec(t, c, "postgres", "drop database "+database+" with (force)")
				exec(t, c, database, statements(setup)...)
			}
			conn, err := pgx.Connect(ctx, c.Primary().URL(database))
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close(ctx)
			for _, o := range setup {
				if o.Kind == ecto.Set { // a session's own
					mustExec(t, conn, o.SQL[0])
				}
			}
			s := state(t, base)
			s.Apply("", setup...)
			dependents(t, conn, s)
			target := locks.Target{Version: version, NotUTC: strings.Contains(line, "America")}

			want, fails := measure(t, conn, measured)
			got, predicted := predict(measured, s, target)
			switch {
			case fails != "" && strings.Contains(line, "-- fails for the rows that are there"):
				return
			case fails != "" && !predicted:
				t.Fatalf("the server refuses it (%s), which was not predicted", fails)
			case fails == "" && predicted:
				t.Fatalf("the server does it, which was predicted to fail")
			case fails != "":
				return
			}
			for _, table := range slices.Sorted(maps.Keys(want)) {
				w, g := want[table], got[table]
				if looksUp(measured, table) {
					w.scan = g.scan // the planner's choice, under a lock that is held anyway
				}
				if w != g {
					t.Errorf("%s: predicted %s, measured %s", table, g, w)
				}
			}
			for _, table := range slices.Sorted(maps.Keys(got)) {
				if _, ok := want[table]; !ok {
					t.Errorf("%s: predicted %s, measured nothing", table, got[table])
				}
			}
		})
	}
}

func (o outcome) String() string {
	s := cmp.Or(o.mode.String(), "no lock")
	if o.rewrite {
		s += ", rewritten"
	}
	if o.scan {
		s += ", scanned"
	}
	return s
}

// split takes the last statement off.
func split(ops []ecto.Operation) (before, last []ecto.Operation) {
	n := ops[len(ops)-1].Statement
	i := slices.IndexFunc(ops, func(o ecto.Operation) bool { return o.Statement == n })
	return ops[:i], ops[i:]
}

func statements(ops []ecto.Operation) []string {
	var out []string
	for _, o := range ops {
		out = append(out, o.SQL...)
	}
	return out
}

// predict joins the effects of a statement by table. A rewrite reads all there is, so that scans beside it say nothing.
func predict(ops []ecto.Operation, s *schema.State, target locks.Target) (map[string]outcome, bool) {
	out, fails := map[string]outcome{}, false
	for _, o := range ops {
		for _, e := range locks.Predict(o, s, "m", target) {
			fails = fails || e.Fails != ""
			if e.New || e.Mode == locks.None {
				continue
			}
			name := strings.TrimPrefix(e.Table.String(), "public.")
			x := out[name]
			x.mode = max(x.mode, e.Mode)
			x.rewrite = x.rewrite || e.Rewrite || o.Kind == ecto.Truncate // which gives a table new, empty files
			x.scan = (x.scan || e.Scan) && !x.rewrite
			out[name] = x
		}
		// Subcommands of one statement see what those before them made.
		s.Apply("m", o)
	}
	return out, fails
}

// looksUp says whether a table is one that rows of another are looked up in.
func looksUp(ops []ecto.Operation, table string) bool {
	return slices.ContainsFunc(ops, func(o ecto.Operation) bool {
		r := o.Column.References
		return o.Constraint == ecto.ForeignKey && o.To.Name == table || r != nil && r.Table.Name == table
	})
}

const (
	names = `select c.oid::bigint::text || ' ' || case n.nspname when 'public' then '' else n.nspname || '.' end || c.relname, 1
		from pg_class c join pg_namespace n on n.oid = c.relnamespace
		where c.relkind in ('r', 'p', 'm') and n.nspname !~ '^(pg_|information_schema)'`
	filenodes = `select oid::bigint::text, pg_relation_filenode(oid)::bigint from pg_class where relkind in ('r', 'm') and pg_relation_filenode(oid) is not null`
	sizes     = `select oid::bigint::text, reltuples::bigint from pg_class where relkind in ('r', 'm')`
	held      = `select relation::bigint::text, max(array_position(array['AccessShareLock','RowShareLock','RowExclusiveLock','ShareUpdateExclusiveLock',
		'ShareLock','ShareRowExclusiveLock','ExclusiveLock','AccessExclusiveLock'], mode))
		from pg_locks where pid = pg_backend_pid() and locktype = 'relation' and mode <> 'AccessShareLock' group by 1`
	scanned = `select relid::bigint::text, seq_tup_read from pg_stat_xact_user_tables where seq_tup_read > 0`
)

// measure runs statements in a transaction that is rolled back, and looks at what happened to the tables that were there.
func measure(t *testing.T, conn *pgx.Conn, ops []ecto.Operation) (_ map[string]outcome, fails string) {
	t.Helper()
	there := map[string]string{} // name by oid
	for s := range pairs(t, conn, names) {
		oid, name, _ := strings.Cut(s, " ")
		there[oid] = name
	}
	before, size := pairs(t, conn, filenodes), pairs(t, conn, sizes)
	mustExec(t, conn, "begin")
	defer mustExec(t, conn, "rollback")
	for _, sql := range statements(ops) {
		if _, err := conn.Exec(t.Context(), sql); err != nil {
			return nil, err.Error()
		}
	}
	locked, after, reads := pairs(t, conn, held), pairs(t, conn, filenodes), pairs(t, conn, scanned)
	out := map[string]outcome{}
	for oid, name := range there {
		o := outcome{mode: locks.Mode(locked[oid])}
		node, exists := after[oid]
		o.rewrite = exists && before[oid] != node
		// Looking something up is not a scan, and what is read without a lock that matters is none of our business.
		o.scan = !o.rewrite && o.mode >= locks.RowExclusive && size[oid] > 0 && reads[oid] >= size[oid]*9/10
		if o != (outcome{}) {
			out[name] = o
		}
	}
	return out, ""
}

func pairs(t *testing.T, conn *pgx.Conn, sql string) map[string]int64 {
	t.Helper()
	rows, err := conn.Query(t.Context(), sql)
	if err != nil {
		t.Fatal(err)
	}
	m := map[string]int64{}
	var (
		name string
		n    int64
	)
	if _, err := pgx.ForEachRow(rows, []any{&name, &n}, func() error { m[name] = n; return nil }); err != nil {
		t.Fatal(err)
	}
	return m
}

// dependents is what a catalog knows of views.
func dependents(t *testing.T, conn *pgx.Conn, s *schema.State) {
	t.Helper()
	rows, err := conn.Query(t.Context(), `select v.relname, c.relname, array_agg(a.attname::text)
		from pg_depend d join pg_rewrite r on r.oid = d.objid join pg_class v on v.oid = r.ev_class
		join pg_class c on c.oid = d.refobjid join pg_attribute a on a.attrelid = c.oid and a.attnum = d.refobjsubid
		where d.classid = 'pg_rewrite'::regclass and d.refclassid = 'pg_class'::regclass and d.refobjsubid > 0 and v.oid <> c.oid group by 1, 2`)
	if err != nil {
		t.Fatal(err)
	}
	var (
		view, table string
		columns     []string
	)
	if _, err := pgx.ForEachRow(rows, []any{&view, &table, &columns}, func() error {
		if tb := s.Table(ecto.Name{Name: table}); tb != nil {
			tb.Dependents = append(tb.Dependents, schema.Dependent{Kind: "view", Name: ecto.Name{Name: view}, Columns: slices.Clone(columns)})
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
}

func state(t *testing.T, sql string) *schema.State {
	t.Helper()
	ops, err := pgsql.Parse(sql)
	if err != nil {
		t.Fatal(err)
	}
	s := &schema.State{}
	s.Apply("", ops...)
	return s
}

func start(t *testing.T) *pgcluster.Cluster {
	t.Helper()
	c, err := pgcluster.Start(t.Context(), pgcluster.Options{})
	if errors.Is(err, pgcluster.ErrNoBinaries) {
		t.Skip("needs a PostgreSQL server: apt-get install postgresql")
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	return c
}

func serverVersion(t *testing.T, c *pgcluster.Cluster) int {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), c.Primary().URL("postgres"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.WithoutCancel(t.Context()))
	var n int
	if err := conn.QueryRow(t.Context(), "select current_setting('server_version_num')::int / 10000").Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

func exec(t *testing.T, c *pgcluster.Cluster, database string, sql ...string) {
	t.Helper()
	conn, err := pgx.Connect(context.WithoutCancel(t.Context()), c.Primary().URL(database))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.WithoutCancel(t.Context()))
	for _, s := range sql {
		mustExec(t, conn, s)
	}
}

func mustExec(t *testing.T, conn *pgx.Conn, sql string) {
	t.Helper()
	if _, err := conn.PgConn().Exec(context.WithoutCancel(t.Context()), sql).ReadAll(); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
}

func read(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
