package replication

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"ops-console/ops/feed"
	"ops-console/ops/postgres"
	"ops-console/ops/postgres/pgcluster"
)

func TestThroughPgBouncer(t *testing.T) {
	t.Parallel()
	binary, err := exec.LookPath("pgbouncer")
	if err != nil {
		t.Skip("no pgbouncer: install the package pgbouncer")
	}
	c := startCluster(t, pgcluster.Options{Replicas: []pgcluster.Replica{{Name: "r1"}}})
	direct := nodesAs(t, c, "postgres")
	pooled := startPgBouncer(t, binary, c, direct[0])
	pooled.Name = "primary"
	var record bytes.Buffer
	w := Watch(t.Context(), Options{
		Settings: Settings{Interval: 100 * time.Millisecond}, Sampling: 20 * time.Millisecond, Locator: list{pooled, direct[1]}, Record: &record,
	})
	defer w.Close()
	s := until(t, w, "bounds", func(s feed.Snapshot[*Snapshot]) bool {
		n := nodeOf(s.Value, "r1")
		return n.State == Streaming && n.Lag.Hi != nil
	})
	if s.Primary != "primary" {
		t.Errorf("the primary is %q", s.Primary)
	}
	if !slices.ContainsFunc(s.Notes, func(n string) bool { return strings.Contains(n, "pooler") && strings.Contains(n, "primary") }) {
		t.Errorf("notes %q", s.Notes)
	}
	eventually(t, "twenty readings", func() bool { n, _, _ := w.seen("primary"); return n >= 20 })
	w.Close()
	for lines := json.NewDecoder(&record); ; {
		var e entry
		err := lines.Decode(&e)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		// On a busy machine a question may take too long: that is not the pooler's doing.
		if f := e.Failure; f != nil && f.Kind != postgres.FailTimeout {
			t.Errorf("a reading of %s failed: %s %s", e.Key, f.Kind, f.Text)
		}
	}
}

// startPgBouncer pools a node's connections, by transaction, over two sessions, and gives the node as it is reached
// through it.
func startPgBouncer(t *testing.T, binary string, c *pgcluster.Cluster, n postgres.Node) postgres.Node {
	t.Helper()
	// The server's own directory is its user's, who may be another than ours.
	dir, err := os.MkdirTemp(filepath.Dir(c.Primary().DataDir()), "pool")
	if err != nil {
		t.Fatal(err)
	}
	owner, err := os.Stat(c.Primary().DataDir())
	if err != nil {
		t.Fatal(err)
	}
	stat := owner.Sys().(*syscall.Stat_t)
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := l.Addr().(*net.TCPAddr).Port
	l.Close()
	ini := fmt.Sprintf(`[databases]
postgres = host=%s port=%d dbname=postgres user=postgres pool_size=2
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = %d
unix_socket_dir =
auth_type = any
pool_mode = transaction
`, n.Host, n.Port, port)
	file := filepath.Join(dir, "pgbouncer.ini")
	if err := os.WriteFile(file, []byte(ini), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{dir, file} {
		if err := os.Lchown(path, int(stat.Uid), int(stat.Gid)); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command(binary, "-q", file)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM}
	if os.Getuid() == 0 {
		cmd.SysProcAttr.Credential = &syscall.Credential{Uid: stat.Uid, Gid: stat.Gid}
	}
	var said strings.Builder
	cmd.Stderr = &said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var ended atomic.Bool
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = cmd.Wait() // its end is asked for
		ended.Store(true)
	}()
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		<-done
	})
	config, err := pgx.ParseConfig("postgres://postgres@127.0.0.1:" + strconv.Itoa(port) + "/postgres?sslmode=disable")
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, "pgbouncer to listen", func() bool {
		if ended.Load() {
			<-done
			t.Fatalf("pgbouncer ended: %s", said.String())
		}
		c, err := net.Dial("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
		if err == nil {
			c.Close()
		}
		return err == nil
	})
	return postgres.Node{Host: "127.0.0.1", Port: uint16(port), Expect: n.Expect, Direct: true, Config: config}
}
