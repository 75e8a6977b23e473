package pgcluster

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"go.uber.org/goleak"
)

// childEnv makes this test program a parent that dies: the value is the directory of its cluster.
const childEnv = "PGCLUSTER_TEST_CHILD"

func TestMain(m *testing.M) {
	if dir := os.Getenv(childEnv); dir != "" {
		die(dir)
	}
	goleak.VerifyTestMain(m)
}

// versions runs a test with every PostgreSQL that there is.
func versions(t *testing.T, test func(t *testing.T, b Binaries)) {
	t.Helper()
	for _, b := range binaries(t) {
		t.Run(fmt.Sprintf("PostgreSQL %d", b.Version), func(t *testing.T) {
			t.Parallel()
			test(t, b)
		})
	}
}

func binaries(t *testing.T) []Binaries {
	t.Helper()
	all, err := Find()
	if errors.Is(err, ErrNoBinaries) {
		t.Skip("no PostgreSQL server: install the package postgresql, or run .ci/postgres")
	}
	if err != nil {
		t.Fatal(err)
	}
	// One of each version.
	seen := map[int]bool{}
	var each []Binaries
	for _, b := range all {
		if !seen[b.Version] {
			each = append(each, b)
		}
		seen[b.Version] = true
	}
	return each
}

func start(t *testing.T, o Options) *Cluster {
	t.Helper()
	c, err := Start(t.Context(), o)
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

// shared is a directory that servers' users may enter, and that is in memory where clusters are.
func shared(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp(temporary(), "pgcluster-test-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}

// value asks a node one thing.
func value(t *testing.T, n *Node, query string) string {
	t.Helper()
	v, err := ask(t.Context(), n.URL("postgres"), query)
	if err != nil {
		t.Fatalf("%s: %s: %v\n%s", n.Name(), query, err, n.Log())
	}
	return v
}

func ask(ctx context.Context, url, query string) (string, error) {
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return "", err
	}
	defer conn.Close(ctx)
	var v *string
	err = conn.QueryRow(ctx, "select ("+query+")::text").Scan(&v)
	if errors.Is(err, pgx.ErrNoRows) || err == nil && v == nil {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	return *v, nil
}

// wait waits until a node answers as wanted.
func wait(t *testing.T, n *Node, want, query string) {
	t.Helper()
	until(t, fmt.Sprintf("%s: %s is %q", n.Name(), query, want), func() (bool, string) {
		got, err := ask(t.Context(), n.URL("postgres"), query)
		if err != nil {
			got = err.Error()
		}
		return got == want, got
	})
}

func until(t *testing.T, what string, ok func() (bool, string)) {
	t.Helper()
	deadline := time.Now().Add(20 * time.Second)
	for {
		yes, got := ok()
		if yes {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("waiting for: %s; it is %q", what, got)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// row adds a row on a primary, and gives a query whose answer is its number where it has arrived.
func row(t *testing.T, n *Node) (id, query string) {
	t.Helper()
	ctx := t.Context()
	if err := n.Exec(ctx, "postgres", "create table if not exists rows (id serial)", "insert into rows default values"); err != nil {
		t.Fatal(err)
	}
	query = "select max(id) from rows"
	return value(t, n, query), query
}

// running lists the processes that have a directory in their command line.
func running(t *testing.T, dir string) []string {
	t.Helper()
	out, err := exec.Command("ps", "-A", "-o", "pid=,stat=,command=").Output()
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	for line := range strings.Lines(string(out)) {
		if strings.Contains(line, dir) && !strings.Contains(line, "pgcluster.test") && !strings.Contains(line, " Z") {
			found = append(found, strings.TrimSpace(line))
		}
	}
	return found
}

func files(t *testing.T, dir string) []string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// child starts this program as a parent that dies.
func child(t *testing.T, dir string) (cmd *exec.Cmd, in io.WriteCloser, out io.ReadCloser) {
	t.Helper()
	cmd = exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childEnv+"="+dir)
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if out, err = cmd.StdoutPipe(); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
	})
	return cmd, in, out
}
