package locks_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"ops-console/ops/ecto"
	"ops-console/ops/ecto/locks"
	"ops-console/ops/ecto/pgsql"
	"ops-console/ops/ecto/rehearse/measure"
	"ops-console/ops/ecto/schema"
	"ops-console/ops/postgres/pgcluster"
)

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

			mustExec(t, conn, "begin")
			defer mustExec(t, conn, "rollback")
			meter, err := measure.Start(ctx, conn, "public")
			if err != nil {
				t.Fatal(err)
			}
			fails := ""
			for _, sql := range statements(measured) {
				if _, err := conn.Exec(ctx, sql); err != nil {
					fails = err.Error()
					break
				}
			}
			predicted := measure.Predict(measured, s, "m", target)
			refused := slices.ContainsFunc(predicted, func(e locks.Effect) bool { return e.Fails != "" })
			switch {
			case fails != "" && strings.Contains(line, "-- fails for the rows that are there"):
				return
			case fails != "" && !refused:
				t.Fatalf("the server refuses it (%s), which was not predicted", fails)
			case fails == "" && refused:
				t.Fatalf("the server does it, which was predicted to fail")
			case fails != "":
				return
			}
			effects, err := meter.Read(ctx, conn)
			if err != nil {
				t.Fatal(err)
			}
			for _, d := range measure.Differences(measured, predicted, effects, meter) {
				t.Error(d)
			}
		})
	}
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
