package catalog

import (
	"context"
	"errors"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"go.uber.org/goleak"

	"ops-console/ops/postgres"
	"ops-console/ops/postgres/pgcluster"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// versions runs a test with every PostgreSQL that there is.
func versions(t *testing.T, test func(t *testing.T, b pgcluster.Binaries)) {
	t.Helper()
	all, err := pgcluster.Find()
	if errors.Is(err, pgcluster.ErrNoBinaries) {
		t.Skip("needs a PostgreSQL server: apt-get install postgresql, or run .ci/postgres")
	}
	if err != nil {
		t.Fatal(err)
	}
	seen := map[int]bool{}
	for _, b := range all {
		if !seen[b.Version] {
			seen[b.Version] = true
			t.Run(strconv.Itoa(b.Version), func(t *testing.T) { t.Parallel(); test(t, b) })
		}
	}
}

func start(t testing.TB, o pgcluster.Options) *pgcluster.Cluster {
	t.Helper()
	c, err := pgcluster.Start(context.WithoutCancel(t.Context()), o)
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

// lab is a server with testdata/schema.sql in the database app.
func lab(t testing.TB, o pgcluster.Options) *pgcluster.Cluster {
	t.Helper()
	c := start(t, o)
	run(t, c.Primary(), "postgres", "create database app")
	b, err := os.ReadFile("testdata/schema.sql")
	if err != nil {
		t.Fatal(err)
	}
	sql := string(b)
	if _, err := os.Stat(c.Primary().DataDir()); err != nil {
		t.Fatal(err)
	}
	if !has(t, c.Primary(), "citext") {
		sql = strings.Replace(sql, "create extension if not exists citext", "create domain citext as text", 1)
	}
	run(t, c.Primary(), "app", sql)
	return c
}

// has says whether a server comes with an extension: the smallest archives have none.
func has(t testing.TB, n *pgcluster.Node, extension string) bool {
	conn, err := pgx.Connect(t.Context(), n.URL("postgres"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	var yes bool
	if err := conn.QueryRow(t.Context(), "select exists (select from pg_available_extensions where name = $1)", extension).Scan(&yes); err != nil {
		t.Fatal(err)
	}
	return yes
}

func run(t testing.TB, n *pgcluster.Node, database string, sql ...string) {
	t.Helper()
	if err := n.Exec(context.WithoutCancel(t.Context()), database, sql...); err != nil {
		t.Fatal(err)
	}
}

// node is a server of the cluster as the console finds it.
func node(t testing.TB, n *pgcluster.Node, user, database string) postgres.Node {
	t.Helper()
	cfg, err := pgx.ParseConfig(n.URL(database))
	if err != nil {
		t.Fatal(err)
	}
	cfg.User = user
	return postgres.Node{Name: n.Name(), Host: cfg.Host, Port: cfg.Port, Direct: true, Config: cfg}
}

func open(t testing.TB, n postgres.Node) *postgres.Conn {
	t.Helper()
	c, err := postgres.Connect(context.WithoutCancel(t.Context()), n, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close(context.Background()) })
	return c
}

func look(t testing.TB, n *pgcluster.Node, o Options) *Snapshot {
	t.Helper()
	s, err := Read(t.Context(), open(t, node(t, n, "postgres", "app")), o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}
