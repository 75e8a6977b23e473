//go:build unix

package postgres

import (
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// pgbouncer starts one in transaction mode with two server connections in front of the primary, and gives the directory
// of its socket, whose port is 6432. It ends with the test, and with this process.
func pgbouncer(t *testing.T, l *lab, more string) string {
	t.Helper()
	binary, err := exec.LookPath("pgbouncer")
	if err != nil {
		if binary = "/usr/sbin/pgbouncer"; exec.Command(binary, "-V").Run() != nil {
			t.Skip("no pgbouncer: install the package pgbouncer")
		}
	}
	primary := l.cluster.Primary()
	dir, err := os.MkdirTemp("", "pgb") // short: the path of a socket has 107 bytes
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	users := filepath.Join(dir, "users.txt")
	ini := filepath.Join(dir, "pgbouncer.ini")
	for path, text := range map[string]string{
		users: `"plain" ""` + "\n" + `"postgres" ""` + "\n" + `"lim" ""` + "\n",
		ini: fmt.Sprintf(`[databases]
postgres = host=%s port=%d dbname=postgres
missing = host=%s port=%d dbname=missing
gone = host=%s port=1
[pgbouncer]
listen_addr =
unix_socket_dir = %s
listen_port = 6432
auth_type = trust
auth_file = %s
pool_mode = transaction
default_pool_size = 2
server_login_retry = 0.1
query_wait_timeout = 1
%s
`, filepath.Dir(socketOf(t, l)), l.port, filepath.Dir(socketOf(t, l)), l.port, dir, dir, users, more),
	} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := sameOwner(path, primary.DataDir()); err != nil {
			t.Fatal(err)
		}
	}
	if err := sameOwner(dir, primary.DataDir()); err != nil {
		t.Fatal(err)
	}
	// The shell ends it when its own input ends, which is at the latest when this process does.
	cmd := exec.Command("/bin/sh", "-c", `"$0" -q "$1" & p=$!; read _; kill -INT $p; wait $p`, binary, ini)
	cmd.Dir = dir
	if err := runAs(cmd, primary.DataDir()); err != nil {
		t.Fatal(err)
	}
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_, _ = io.WriteString(stdin, "\n")
		stdin.Close()
		_ = cmd.Wait()
		if t.Failed() {
			t.Log(out.String())
		}
	})
	eventually(t, "pgbouncer takes connections", func() bool {
		c, err := net.DialTimeout("unix", filepath.Join(dir, ".s.PGSQL.6432"), time.Second)
		if err == nil {
			c.Close()
		}
		return err == nil
	})
	return dir
}

func socketOf(t *testing.T, l *lab) string {
	n := as(t, l.cluster.Primary(), "")
	return filepath.Join(n.Host, ".s.PGSQL."+strconv.Itoa(int(n.Port)))
}

func TestThroughPgBouncerInTransactionMode(t *testing.T) {
	l := newLab(t)
	dir := pgbouncer(t, l, "")
	n := at(t, "host="+dir+" port=6432 user=plain")
	var cc []*Conn
	for range 5 { // more than there are connections to the server
		c := open(t, n, nil)
		if !c.Capabilities().Pooler {
			t.Error("the pooler was not noticed")
		}
		cc = append(cc, c)
	}
	var wait sync.WaitGroup
	for i, c := range cc {
		wait.Go(func() {
			for k := range 20 {
				want := strconv.Itoa(100*i + k)
				if a, err := c.Ask(t.Context(), "select "+want, 0); err != nil || a.Value != want {
					t.Errorf("got %q, %v, want %s", a.Value, err, want)
				}
			}
		})
	}
	wait.Wait()
	_, err := cc[0].Ask(t.Context(), "select pg_sleep(5)", 50*time.Millisecond)
	if f := failure(t, err); f.SQLState != "57014" || cc[0].Broken() {
		t.Errorf("got %s %q, broken %v", f.Kind, f.Text, cc[0].Broken())
	}
	// Neither the time limit nor a transaction that failed may stay behind in a connection that others use.
	for range 4 {
		for _, c := range cc {
			a, err := c.Ask(t.Context(), "select current_setting('statement_timeout') || ' ' || current_setting('transaction_read_only')", time.Second)
			if err != nil || a.Value != "1s on" {
				t.Fatalf("got %q, %v", a.Value, err)
			}
		}
	}
	if c := open(t, as(t, l.cluster.Primary(), "user=plain"), nil); c.Capabilities().Pooler {
		t.Error("a pooler where there is none")
	}
}

func TestWhatPgBouncerSays(t *testing.T) {
	l := newLab(t)
	dir := pgbouncer(t, l, "max_client_conn = 6")
	for _, tt := range []struct {
		login string
		kind  FailureKind
		text  string
	}{
		{"user=plain dbname=nothing", FailAuth, "no such database"},
		{"user=stranger", FailAuth, "authentication failed"},
		{"user=plain dbname=missing", FailAuth, `database "missing" does not exist`},
		{"user=plain dbname=gone", FailTimeout, "query_wait_timeout"},
		{"user=lim", FailTooMany, `too many connections for role "lim"`},
	} {
		_, err := Connect(t.Context(), at(t, "host="+dir+" port=6432 "+tt.login), nil)
		if f := failure(t, err); f.Kind != tt.kind || !strings.Contains(f.Text, tt.text) {
			t.Errorf("%s: got %s %s %q, hint %q, want %s", tt.login, f.Kind, f.SQLState, f.Text, f.Hint, tt.kind)
		}
	}
	for i := range 7 {
		c, err := Connect(t.Context(), at(t, "host="+dir+" port=6432 user=plain"), nil)
		if err == nil {
			defer func() { _ = c.Close(context.Background()) }()
			continue
		}
		if f := failure(t, err); f.Kind != FailTooMany {
			t.Errorf("full: got %s %s %q", f.Kind, f.SQLState, f.Text)
		}
		if i > 0 {
			return
		}
	}
	t.Error("never full")
}
