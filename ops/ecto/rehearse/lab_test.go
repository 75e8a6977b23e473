package rehearse

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"go.uber.org/goleak"

	"ops-console/ops/ecto"
	"ops-console/ops/ecto/lint"
	"ops-console/ops/ecto/pgsql"
	"ops-console/ops/ecto/project"
	"ops-console/ops/postgres"
	"ops-console/ops/postgres/pgcluster"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// written makes one of SQL; each string is a statement.
func written(t testing.TB, version int64, sql ...string) ecto.Migration {
	t.Helper()
	return ecto.Migration{
		Path: fmt.Sprintf("priv/repo/migrations/%d_x.exs", version), Version: version, Name: "x",
		Up: operations(t, sql...),
	}
}

func operations(t testing.TB, sql ...string) []ecto.Operation {
	t.Helper()
	var out []ecto.Operation
	for i, q := range sql {
		if q == "" {
			continue // a number that is taken
		}
		ops, err := pgsql.Parse(q)
		if err != nil {
			t.Fatalf("%s: %v", q, err)
		}
		for n := range ops {
			ops[n].Statement = i + 1
			ops[n].At = ecto.Span{Line: i + 1, Column: 1}
		}
		ops[0].SQL = []string{q}
		out = append(out, ops...)
	}
	return out
}

// outOfTransaction is with @disable_ddl_transaction.
func outOfTransaction(m ecto.Migration) ecto.Migration {
	m.DisableDDLTransaction = true
	return m
}

// input has migrations of which those from a version on are to be checked.
func input(from int64, mm ...ecto.Migration) lint.Input {
	return lint.Input{
		Repo:       project.Repo{Module: "Demo.Repo", Settings: project.DefaultSettings()},
		Migrations: mm,
		Options:    lint.Options{Check: func(v int64) bool { return v >= from }},
	}
}

func start(t testing.TB, o pgcluster.Options) *pgcluster.Cluster {
	t.Helper()
	c, err := pgcluster.Start(t.Context(), o)
	if errors.Is(err, pgcluster.ErrNoBinaries) {
		t.Skip("needs a PostgreSQL server: apt-get install postgresql, or run .ci/postgres")
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

func node(t testing.TB, n *pgcluster.Node, user, database string) *postgres.Node {
	t.Helper()
	cfg, err := pgx.ParseConfig(n.URL(database))
	if err != nil {
		t.Fatal(err)
	}
	cfg.User = user
	return &postgres.Node{Name: n.Name(), Host: cfg.Host, Port: cfg.Port, Direct: true, Config: cfg}
}

// notes collects what is said.
type notes struct{ list []string }

func (n *notes) add(s string) { n.list = append(n.list, s) }

// run rehearses, and needs a server for it.
func run(t testing.TB, in lint.Input, o Options) ([]Step, []string) {
	t.Helper()
	var n notes
	o.Note = n.add
	steps, err := Run(t.Context(), in, o)
	if errors.Is(err, ErrNoServer) {
		t.Skip(err.Error())
	}
	if err != nil {
		t.Fatal(err)
	}
	return steps, n.list
}

// told is steps in a few lines.
func told(steps []Step) string {
	var b strings.Builder
	for _, s := range steps {
		fmt.Fprintf(&b, "%d", s.Version)
		if s.Down {
			b.WriteString(" down")
		}
		fmt.Fprintf(&b, " %.60s\n", s.SQL)
		for _, l := range s.Measured {
			fmt.Fprintf(&b, "    %s: %s", l.Table, l.Mode)
			if l.Held {
				b.WriteString(" held")
			}
			if l.Rewrite {
				b.WriteString(", rewritten")
			}
			if l.Scan {
				b.WriteString(", scanned")
			}
			if len(l.Build) > 0 {
				fmt.Fprintf(&b, ", built %s", strings.Join(l.Build, " "))
			}
			b.WriteByte('\n')
		}
		for _, d := range s.Differs {
			fmt.Fprintf(&b, "    DIFFERS %s\n", d)
		}
		if s.Err != "" {
			fmt.Fprintf(&b, "    ERROR %s\n", s.Err)
		}
		if s.Skipped != "" {
			fmt.Fprintf(&b, "    SKIPPED %s\n", s.Skipped)
		}
	}
	return b.String()
}
