package rehearse

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"ops-console/ops/plaintext"
	"ops-console/ops/postgres"
	"ops-console/ops/postgres/pgcluster"
)

// maxDump is how large a schema may be. One of 5,000 tables is about 10 MB.
const maxDump = 128 << 20

var errNoDump = errors.New("there is no pg_dump of a fitting version: apt-get install postgresql-client")

// dumper finds a pg_dump that is not older than a server, the oldest of them.
func dumper(ctx context.Context, major int) (string, error) {
	var dirs []string
	if all, err := pgcluster.Find(); err == nil {
		for _, b := range all {
			dirs = append(dirs, b.Dir)
		}
	}
	found, best := "", 0
	for _, dir := range append(dirs, filepath.SplitList(os.Getenv("PATH"))...) {
		path := filepath.Join(dir, "pg_dump")
		if _, err := os.Stat(path); dir == "" || err != nil {
			continue
		}
		cmd := exec.CommandContext(ctx, path, "--version")
		cmd.Env = environment(path)
		out, err := cmd.Output()
		if err != nil {
			continue
		}
		if v := dumpVersion(string(out)); v >= major && (found == "" || v < best) {
			found, best = path, v
		}
	}
	if found == "" {
		return "", fmt.Errorf("%w (%d or later)", errNoDump, major)
	}
	return found, nil
}

var versionText = regexp.MustCompile(`\) ([0-9]+)`)

func dumpVersion(text string) int {
	m := versionText.FindStringSubmatch(text)
	if m == nil {
		return 0
	}
	n, err := strconv.Atoi(m[1])
	if err != nil {
		return 0
	}
	return n
}

// environment of a client program: nothing of ours, whose PG variables would change what it does.
func environment(program string, more ...string) []string {
	env := []string{"LC_ALL=C", "TZ=UTC", "PATH=" + os.Getenv("PATH"), "PGPASSFILE=/dev/null", "PGSERVICEFILE=/dev/null", "PGAPPNAME=ops-console"}
	if dir := filepath.Dir(program); filepath.Base(dir) == "bin" && !strings.HasPrefix(dir, "/usr/bin") {
		env = append(env, "LD_LIBRARY_PATH="+filepath.Join(filepath.Dir(dir), "lib"))
	}
	return append(env, more...)
}

// dump is the definitions of the live database, as SQL. pg_dump reaches it through a socket of ours that only this user can
// open, behind which is the way that the console itself takes.
func (s *scratch) dump(ctx context.Context) (string, error) {
	conn, err := postgres.Connect(ctx, *s.o.Live, s.o.Network)
	if err != nil {
		return "", err
	}
	caps := conn.Capabilities()
	if err := conn.Close(ctx); err != nil {
		return "", err
	}
	if caps.Pooler {
		return "", errors.New("it is behind a pooler, which must not be dumped through: pg_dump changes settings that the next client would inherit")
	}
	program, err := dumper(ctx, caps.Version/10_000)
	if err != nil {
		return "", err
	}
	f, err := forward(ctx, s.cluster.Dir(), *s.o.Live, s.o.Network)
	if err != nil {
		return "", err
	}
	defer f.close()
	cmd := exec.CommandContext(ctx, program, "--schema-only", "--no-owner", "--no-privileges", "--no-tablespaces", "--no-comments",
		"--no-security-labels", "--no-publications", "--no-subscriptions", "--lock-wait-timeout=2s", "--no-password")
	live := s.o.Live.Config
	cmd.Env = environment(program, "PGHOST="+f.dir, "PGPORT="+forwardPort, "PGUSER="+live.User, "PGDATABASE="+live.Database,
		"PGPASSWORD="+live.Password, "PGCONNECT_TIMEOUT=10", "PGOPTIONS=-c default_transaction_read_only=on -c statement_timeout=60000")
	cmd.WaitDelay = time.Second
	var out, says bytes.Buffer
	cmd.Stdout, cmd.Stderr = &limited{&out, maxDump}, &limited{&says, 4096}
	if err := cmd.Run(); err != nil {
		text := strings.ReplaceAll(says.String(), f.dir, s.o.Live.Key())
		if p := live.Password; len(p) > 2 {
			text = strings.ReplaceAll(text, p, "***")
		}
		return "", fmt.Errorf("pg_dump of %s: %w: %s", s.o.Live.Name, err, plaintext.Line(text, 300))
	}
	return out.String(), nil
}

// limited is a writer that takes no more than so much.
type limited struct {
	to   *bytes.Buffer
	left int
}

func (l *limited) Write(p []byte) (int, error) {
	if len(p) > l.left {
		return 0, errors.New("more than was reckoned with")
	}
	l.left -= len(p)
	return l.to.Write(p)
}

// forwardPort names the socket of a forward, as libpq wants it.
const forwardPort = "5432"

// forwarding carries connections to a server, with TLS on the other side where the server's settings want it.
type forwarding struct {
	dir      string
	listener net.Listener
	cancel   context.CancelFunc
	wait     sync.WaitGroup
}

// forward listens in a directory of its own, below one that goes with the throw-away.
func forward(ctx context.Context, parent string, n postgres.Node, d postgres.Dialer) (*forwarding, error) {
	dir, err := os.MkdirTemp(parent, "f")
	if err != nil {
		return nil, fmt.Errorf("a way for pg_dump: %w", err)
	}
	l, err := (&net.ListenConfig{}).Listen(ctx, "unix", filepath.Join(dir, ".s.PGSQL."+forwardPort))
	if err != nil {
		return nil, errors.Join(fmt.Errorf("a way for pg_dump: %w", err), os.RemoveAll(dir))
	}
	ctx, cancel := context.WithCancel(ctx)
	f := &forwarding{dir: dir, listener: l, cancel: cancel}
	context.AfterFunc(ctx, func() { l.Close() })
	f.wait.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			f.wait.Go(func() { carry(ctx, c, n, d) })
		}
	})
	return f, nil
}

func (f *forwarding) close() {
	f.cancel()
	f.listener.Close()
	f.wait.Wait()
	_ = os.RemoveAll(f.dir) // it goes with the throw-away at the latest
}

func carry(ctx context.Context, local net.Conn, n postgres.Node, d postgres.Dialer) {
	defer local.Close()
	remote, err := reach(ctx, n, d)
	if err != nil {
		return // pg_dump says that the connection was closed
	}
	defer remote.Close()
	stop := context.AfterFunc(ctx, func() { local.Close(); remote.Close() })
	defer stop()
	var both sync.WaitGroup
	both.Go(func() { _, _ = io.Copy(remote, local); remote.Close(); local.Close() })
	both.Go(func() { _, _ = io.Copy(local, remote); local.Close(); remote.Close() })
	both.Wait()
}

// reach dials a server as package postgres does: with TLS where the settings have it, without where they fall back to that.
func reach(ctx context.Context, n postgres.Node, d postgres.Dialer) (net.Conn, error) {
	ways := []*tls.Config{n.Config.TLSConfig}
	for _, f := range n.Config.Fallbacks {
		if !slices.Contains(ways, f.TLSConfig) {
			ways = append(ways, f.TLSConfig)
		}
	}
	var errs []error
	for _, way := range ways {
		c, err := dial(ctx, n, d)
		if err != nil {
			return nil, err
		}
		if way == nil {
			return c, nil
		}
		secure, err := startTLS(ctx, c, way)
		if err == nil {
			return secure, nil
		}
		c.Close()
		errs = append(errs, err)
	}
	return nil, errors.Join(errs...)
}

func dial(ctx context.Context, n postgres.Node, d postgres.Dialer) (net.Conn, error) {
	if strings.HasPrefix(n.Host, "/") {
		return (&net.Dialer{}).DialContext(ctx, "unix", filepath.Join(n.Host, ".s.PGSQL."+strconv.Itoa(int(n.Port))))
	}
	switch {
	case n.Direct:
		return (&net.Dialer{}).DialContext(ctx, "tcp", n.Key())
	case d == nil:
		return nil, errors.New(n.Key() + " is in the private network, which was not joined")
	}
	return d.DialContext(ctx, "tcp", n.Key())
}

// startTLS asks for TLS as the protocol has it (SSLRequest) and begins it.
func startTLS(ctx context.Context, c net.Conn, cfg *tls.Config) (net.Conn, error) {
	const sslRequest = 80877103
	request := binary.BigEndian.AppendUint32(nil, 8)
	if _, err := c.Write(binary.BigEndian.AppendUint32(request, sslRequest)); err != nil {
		return nil, err
	}
	var answer [1]byte
	if _, err := io.ReadFull(c, answer[:]); err != nil {
		return nil, err
	}
	if answer[0] != 'S' {
		return nil, errors.New("the server does not speak TLS")
	}
	secure := tls.Client(c, cfg)
	return secure, secure.HandshakeContext(ctx)
}
