//go:build unix

package client

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"go.uber.org/goleak"

	"ops-console/ops/postgres"
	"ops-console/ops/postgres/pgcluster"
)

const password = "p@ss:word/1"

var lab struct {
	once    sync.Once
	cluster *pgcluster.Cluster
	port    int
	err     error
}

func TestMain(m *testing.M) {
	code := m.Run()
	if lab.cluster != nil {
		if err := lab.cluster.Close(); err != nil {
			println(err.Error())
			code = 1
		}
	}
	if code == 0 {
		if err := goleak.Find(); err != nil {
			println(err.Error())
			code = 1
		}
	}
	os.Exit(code)
}

// server is a cluster that speaks TCP with TLS only, and wants a password.
func server(t *testing.T) *pgcluster.Cluster {
	t.Helper()
	lab.once.Do(func() { lab.cluster, lab.port, lab.err = build() })
	if errors.Is(lab.err, pgcluster.ErrNoBinaries) {
		t.Skip("no PostgreSQL server: apt-get install postgresql, or run .ci/postgres")
	}
	if lab.err != nil {
		t.Fatal(lab.err)
	}
	return lab.cluster
}

func build() (*pgcluster.Cluster, int, error) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	free, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, 0, err
	}
	port := free.Addr().(*net.TCPAddr).Port
	free.Close()
	c, err := pgcluster.Start(ctx, pgcluster.Options{
		Settings: map[string]string{"listen_addresses": "127.0.0.1", "port": strconv.Itoa(port), "password_encryption": "scram-sha-256"},
		HBA:      []string{"local all app scram-sha-256", "hostssl all app 127.0.0.1/32 scram-sha-256", "host all app 127.0.0.1/32 reject"},
	})
	if err != nil {
		return nil, 0, err
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return c, port, err
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "db.example.com"}, NotAfter: time.Now().Add(time.Hour)}
	cert, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		return c, port, err
	}
	der, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		return c, port, err
	}
	st, err := os.Stat(c.Primary().DataDir())
	if err != nil {
		return c, port, err
	}
	for name, block := range map[string]*pem.Block{"server.crt": {Type: "CERTIFICATE", Bytes: cert}, "server.key": {Type: "EC PRIVATE KEY", Bytes: der}} {
		path := filepath.Join(c.Primary().DataDir(), name)
		if err := os.WriteFile(path, pem.EncodeToMemory(block), 0o600); err != nil {
			return c, port, err
		}
		owner := st.Sys().(*syscall.Stat_t)
		if err := os.Chown(path, int(owner.Uid), int(owner.Gid)); err != nil {
			return c, port, err
		}
	}
	return c, port, c.Primary().Exec(ctx, "postgres", "alter system set ssl = on", "select pg_reload_conf()",
		"create role app login password '"+password+"'", "create database shop owner app")
}

// node is the server over TCP, with settings in the form of a connection string.
func node(t *testing.T, sslmode string) postgres.Node {
	t.Helper()
	cfg, err := pgx.ParseConfig(fmt.Sprintf("host=127.0.0.1 port=%d user=app database=shop sslmode=%s", lab.port, sslmode))
	if err != nil {
		t.Fatal(err)
	}
	cfg.Password = password
	return postgres.Node{Name: "primary", Host: "127.0.0.1", Port: uint16(lab.port), Direct: true, Config: cfg}
}

func psql(t *testing.T) Program {
	t.Helper()
	p, err := Find(t.Context(), "psql", 0)
	if errors.Is(err, ErrNoProgram) {
		t.Skip("no psql: apt-get install postgresql-client")
	}
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func forward(t *testing.T, n postgres.Node, d postgres.Dialer) *Forward {
	t.Helper()
	f, err := NewForward(t.Context(), "", n, d)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := f.Close(); err != nil {
			t.Error(err)
		}
		if _, err := os.Stat(f.dir); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("the socket's directory is still there: %v", err)
		}
	})
	return f
}

func waitFor(t *testing.T, what string, done func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !done(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("waited in vain for " + what)
		}
	}
}

// alive says whether there is such a process that is not dead already.
func alive(pid string) bool {
	b, err := os.ReadFile("/proc/" + pid + "/stat")
	if err != nil {
		n, err := strconv.Atoi(pid)
		_, proc := os.Stat("/proc/self/stat")
		return err == nil && proc != nil && syscall.Kill(n, 0) == nil
	}
	return !strings.Contains(string(b), ") Z ")
}

// TestThroughTLSWithAPassword is what libpq alone would refuse: a server that offers to bind the password's proof to its
// TLS, behind a socket without.
func TestThroughTLSWithAPassword(t *testing.T) {
	server(t)
	for _, mode := range []string{"require", "prefer"} {
		f := forward(t, node(t, mode), nil)
		var out strings.Builder
		c := Command{
			Program: psql(t), Forward: f, Stdout: &out, Name: "ops-backup/x", Settings: []string{"statement_timeout=1234", `ops.words=a b\c`},
			Args: []string{"-XAtc", "select ssl, current_user, current_database(), current_setting('application_name'), current_setting('statement_timeout'), current_setting('ops.words') from pg_stat_ssl where pid = pg_backend_pid()"},
		}
		if err := c.Run(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got, want := out.String(), "t|app|shop|ops-backup/x|1234ms|a b\\c\n"; got != want {
			t.Errorf("%s: %q, want %q", mode, got, want)
		}
		out.Reset()
		c.Database = "postgres"
		c.Args = []string{"-XAtc", "select current_database()"}
		if err := c.Run(t.Context()); err != nil || out.String() != "postgres\n" {
			t.Errorf("another database: %q, %v", out.String(), err)
		}
		if f.Err() != nil {
			t.Error(f.Err())
		}
	}
}

// TestLargeAnswersPassWhole carries more than every buffer on the way holds.
func TestLargeAnswersPassWhole(t *testing.T) {
	server(t)
	f := forward(t, node(t, "require"), nil)
	var n counting
	c := Command{Program: psql(t), Forward: f, Stdout: &n, Args: []string{"-Xc", "copy (select repeat('x', 999) from generate_series(1, 30000)) to stdout"}}
	if err := c.Run(t.Context()); err != nil || n != 30_000_000 {
		t.Errorf("%d bytes, %v", n, err)
	}
}

type counting int

func (c *counting) Write(p []byte) (int, error) {
	*c += counting(len(p))
	return len(p), nil
}

// sluggish is a way whose writes take longer than the driver is patient with.
type sluggish struct{}

func (sluggish) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	c, err := (&net.Dialer{}).DialContext(ctx, network, address)
	return slowConn{c}, err
}

type slowConn struct{ net.Conn }

func (c slowConn) Write(p []byte) (int, error) {
	time.Sleep(25 * time.Millisecond)
	return c.Conn.Write(p)
}

// TestASluggishWayLosesNothing is where the driver reads in the background while it writes.
func TestASluggishWayLosesNothing(t *testing.T) {
	server(t)
	n := node(t, "require")
	n.Direct = false
	f := forward(t, n, sluggish{})
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	for range 5 {
		var out strings.Builder
		if err := (&Command{Program: psql(t), Forward: f, Args: []string{"-XAtc", "select 7"}, Stdout: &out}).Run(ctx); err != nil || out.String() != "7\n" {
			t.Fatalf("%q, %v", out.String(), err)
		}
	}
}

// TestNoSecretReachesAProgram looks at what a program was given while it runs, and at what lies about for it.
func TestNoSecretReachesAProgram(t *testing.T) {
	server(t)
	t.Setenv("PGPASSWORD", password)
	t.Setenv("OPS_SECRET", password)
	f := forward(t, node(t, "require"), nil)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	started := make(chan int, 1)
	done := make(chan error, 1)
	go func() {
		c := Command{Program: psql(t), Forward: f, Args: []string{"-Xc", "select pg_sleep(60)"}, Started: func(pid int) { started <- pid }}
		done <- c.Run(ctx)
	}()
	pid := <-started
	running := func() bool { return activity(t, "query = 'select pg_sleep(60)' and state = 'active'") == "1" }
	waitFor(t, "the query", running)
	for _, file := range []string{"cmdline", "environ"} {
		b, err := os.ReadFile(fmt.Sprintf("/proc/%d/%s", pid, file))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			t.Error(err)
		}
		if strings.Contains(string(b), password) || strings.Contains(string(b), "p%40ss") {
			t.Errorf("%s has the password: %q", file, b)
		}
	}
	st, err := os.Stat(f.dir)
	if err != nil || st.Mode().Perm() != 0o700 {
		t.Errorf("%v, %v: others may enter the socket's directory", st.Mode(), err)
	}
	entries, err := os.ReadDir(f.dir)
	if err != nil || len(entries) != 1 || entries[0].Type() != fs.ModeSocket {
		t.Errorf("%v, %v lie beside the socket", entries, err)
	}
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

// activity counts sessions, as a superuser.
func activity(t *testing.T, where string) string {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), lab.cluster.Primary().URL("postgres"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	var n int
	if err := conn.QueryRow(t.Context(), "select count(*) from pg_stat_activity where pid <> pg_backend_pid() and "+where).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return strconv.Itoa(n)
}

// TestACancelReachesTheServer is what psql does when it is interrupted, and pg_dump when it is told to end.
func TestACancelReachesTheServer(t *testing.T) {
	server(t)
	f := forward(t, node(t, "require"), nil)
	started := make(chan int, 1)
	done := make(chan error, 1)
	go func() {
		c := Command{Program: psql(t), Forward: f, Args: []string{"-Xc", "select pg_sleep(61)"}, Started: func(pid int) { started <- pid }}
		done <- c.Run(t.Context())
	}()
	pid := <-started
	waitFor(t, "the query", func() bool { return activity(t, "query = 'select pg_sleep(61)' and state = 'active'") == "1" })
	if err := syscall.Kill(pid, syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err == nil || !strings.Contains(err.Error(), "canceling statement due to user request") {
		t.Error(err)
	}
}

func TestFailuresToReachTheNode(t *testing.T) {
	server(t)
	for name, c := range map[string]struct {
		change func(*postgres.Node)
		kind   postgres.FailureKind
		says   string
	}{
		"password": {func(n *postgres.Node) { n.Config.Password = "not it, really" }, postgres.FailAuth, "password authentication failed"},
		"no TLS":   {func(n *postgres.Node) { n.Config.TLSConfig, n.Config.Fallbacks = nil, nil }, postgres.FailAuth, "pg_hba.conf"},
		"nobody":   {func(n *postgres.Node) { n.Port = 1 }, postgres.FailRefused, "refuses connections"},
		"tunnel":   {func(n *postgres.Node) { n.Direct = false }, postgres.FailUnreachable, "private network"},
	} {
		t.Run(name, func(t *testing.T) {
			n := node(t, "require")
			c.change(&n)
			f := forward(t, n, nil)
			err := (&Command{Program: psql(t), Forward: f, Args: []string{"-Xc", "select 1"}}).Run(t.Context())
			if err == nil || !strings.Contains(err.Error(), c.says) || strings.Contains(err.Error(), n.Config.Password) || strings.Contains(err.Error(), f.dir) {
				t.Errorf("%v, want %q", err, c.says)
			}
			why := (*postgres.Failure)(nil)
			if !errors.As(f.Err(), &why) || why.Kind != c.kind {
				t.Errorf("%v is not %s", f.Err(), c.kind)
			}
		})
	}
}

// TestWhatKilledOnesLeftIsRemoved beside one that is in use, and one that has only just been made.
func TestWhatKilledOnesLeftIsRemoved(t *testing.T) {
	parent := t.TempDir()
	dirs := map[string]string{}
	for _, name := range []string{"dead", "young", "used"} {
		dir := filepath.Join(parent, prefix+name)
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		l, err := net.ListenUnix("unix", &net.UnixAddr{Name: filepath.Join(dir, ".s.PGSQL."+port), Net: "unix"})
		if err != nil {
			t.Fatal(err)
		}
		if name == "used" {
			defer l.Close()
		} else {
			l.SetUnlinkOnClose(false)
			l.Close()
		}
		if name != "young" {
			if err := os.Chtimes(filepath.Join(dir, ".s.PGSQL."+port), time.Time{}, time.Now().Add(-time.Hour)); err != nil {
				t.Fatal(err)
			}
		}
		dirs[name] = dir
	}
	f, err := NewForward(t.Context(), parent, postgres.Node{Name: "x"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	for name, dir := range dirs {
		if _, err := os.Stat(dir); errors.Is(err, fs.ErrNotExist) != (name == "dead") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestClosingEndsSessions leaves neither a program nor a session.
func TestClosingEndsSessions(t *testing.T) {
	server(t)
	f, err := NewForward(t.Context(), "", node(t, "require"), nil)
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() {
		c := Command{Program: psql(t), Forward: f, Args: []string{"-Xc", "select pg_sleep(62)"}}
		done <- c.Run(t.Context())
	}()
	waitFor(t, "the query", func() bool { return activity(t, "query = 'select pg_sleep(62)' and state = 'active'") == "1" })
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err == nil {
		t.Error("it ended well")
	}
}
