// Package s3server runs a real S3 server, versitygw, for tests and for the simulated world: on loopback, with keys of its
// own, its data in a directory. It checks signatures and checksums and knows conditional writes, as Amazon's does. A server
// never outlives the process that started it.
//
// It is for throw-away data, and reached by this machine only.
package s3server

import (
	"bytes"
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"ops-console/ops/backup/store"
	"ops-console/ops/plaintext"
)

// Version of versitygw that this is tested with.
const Version = "v1.8.0"

// Env names the environment variable with the program's path.
const Env = "OPS_CONSOLE_VERSITYGW"

// ErrMissing says that the program is not installed.
var ErrMissing = errors.New("the S3 server versitygw is not installed (go install github.com/versity/versitygw/cmd/versitygw@" +
	Version + ", or run .ci/setup test; or name the program in $" + Env + ")")

// patience bounds the start, and each way of stopping.
const patience = 20 * time.Second

// Find gives the program: that of the environment, of PATH, of Go's own directory of programs, or of .tools in the checkout
// that this runs in or was built in. The error is ErrMissing.
func Find() (string, error) {
	if named := os.Getenv(Env); named != "" {
		if !program(named) {
			return "", fmt.Errorf("%w: %s, which $%s names, is no program", ErrMissing, named, Env)
		}
		return named, nil
	}
	const name = "versitygw"
	if path, err := exec.LookPath(name); err == nil {
		return filepath.Abs(path)
	}
	var places []string
	if dir, err := os.Getwd(); err == nil {
		places = append(places, tools(dir)...)
	}
	if exe, err := os.Executable(); err == nil {
		places = append(places, tools(filepath.Dir(exe))...)
	}
	if home, err := os.UserHomeDir(); err == nil {
		places = append(places, filepath.Join(home, "go", "bin"))
	}
	for _, dir := range places {
		if path := filepath.Join(dir, name); program(path) {
			return path, nil
		}
	}
	return "", ErrMissing
}

func program(path string) bool {
	st, err := os.Stat(path)
	return err == nil && st.Mode().IsRegular() && st.Mode().Perm()&0o111 != 0
}

// tools are .tools of the checkout that a directory is in.
func tools(dir string) []string {
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return []string{filepath.Join(dir, ".tools")}
		}
		up := filepath.Dir(dir)
		if up == dir {
			return nil
		}
		dir = up
	}
}

// Options of Start. The zero value starts a server on a free port with keys of its own and a bucket called "backups".
type Options struct {
	Program string     // empty: what Find gives
	Addr    string     // host:port on loopback; empty: a free port of 127.0.0.1
	Keys    store.Keys // zero: made up
	Bucket  string     // made where it is not there; empty: backups
	Region  string     // empty: us-east-1
	// Temporary removes the directory in the end, also when this process is killed.
	Temporary bool
	// FileSize is the largest file that the server may write, in bytes: what exceeds it fails as on a full disk; 0: any.
	FileSize int64
}

// Server is a running one. Its methods are safe for concurrent use.
type Server struct {
	opt  Options
	dir  string
	addr string // set by Start only

	mu    sync.Mutex // guards the fields below
	keys  store.Keys
	cmd   *exec.Cmd // nil: it does not run
	done  chan struct{}
	said  *tail
	guard *guard
}

// Start runs a server on what lies in dir, which is made where it is not there. ctx bounds the start only.
func Start(ctx context.Context, dir string, o Options) (*Server, error) {
	o.Bucket, o.Region = cmp.Or(o.Bucket, "backups"), cmp.Or(o.Region, "us-east-1")
	if o.Program == "" {
		var err error
		if o.Program, err = Find(); err != nil {
			return nil, err
		}
	}
	if o.Keys == (store.Keys{}) {
		o.Keys = store.Keys{Access: rand.Text(), Secret: rand.Text() + rand.Text()}
	}
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	for _, d := range []string{"data", "meta"} {
		if err := os.MkdirAll(filepath.Join(dir, d), 0o700); err != nil {
			return nil, fmt.Errorf("making the directory of the S3 server: %w", err)
		}
	}
	s := &Server{opt: o, dir: dir, keys: o.Keys}
	remove := ""
	if o.Temporary {
		remove = dir
	}
	if s.guard, err = newGuard(remove); err != nil {
		return nil, err
	}
	if err := s.start(ctx); err != nil {
		s.guard.close()
		return nil, err
	}
	return s, nil
}

// start chooses a port and runs the program; another program may take the port in between.
func (s *Server) start(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	const tries = 5
	var err error
	for range tries {
		addr := cmp.Or(s.opt.Addr, s.addr)
		if addr == "" {
			if addr, err = freePort(ctx); err != nil {
				return err
			}
		}
		if err = s.run(ctx, addr); err == nil {
			if s.addr == "" {
				s.addr = addr
			}
			break
		}
		if ctx.Err() != nil || s.opt.Addr != "" || s.addr != "" {
			return err
		}
	}
	if err != nil {
		return err
	}
	st, err := store.Open(ctx, s.Address(""), store.Options{Keys: store.StaticKeys(s.Keys()), Create: true, Patience: patience})
	if err != nil {
		s.stop(syscall.SIGKILL)
		return err
	}
	return st.Close()
}

func freePort(ctx context.Context) (string, error) {
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", fmt.Errorf("finding a port for the S3 server: %w", err)
	}
	defer l.Close()
	return l.Addr().String(), nil
}

// run starts the program and waits until it answers.
func (s *Server) run(ctx context.Context, addr string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	program := []string{
		s.opt.Program, "--port", addr, "--region", s.opt.Region, "--health", "/health", "--quiet", "--keep-alive",
		"posix", "--sidecar", filepath.Join(s.dir, "meta"), filepath.Join(s.dir, "data"),
	}
	if s.opt.FileSize > 0 {
		// The shell counts in blocks of 512 bytes. Go's runtime ignores SIGXFSZ, so that writing gives EFBIG.
		program = append([]string{"/bin/sh", "-c", fmt.Sprintf(`ulimit -f %d; exec "$@"`, s.opt.FileSize/512), "sh"}, program...)
	}
	//nolint:noctx // it lives longer than the start
	cmd := exec.Command(program[0], program[1:]...)
	cmd.Dir = s.dir
	// Not in the arguments, which everybody can read.
	cmd.Env = []string{"ROOT_ACCESS_KEY_ID=" + s.keys.Access, "ROOT_SECRET_ACCESS_KEY=" + s.keys.Secret, "HOME=" + s.dir, "TMPDIR=" + s.dir}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // a terminal's ^C is for us
	said := &tail{}
	cmd.Stdout, cmd.Stderr = said, said
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("starting the S3 server %s: %w", s.opt.Program, err)
	}
	s.guard.runs(cmd.Process.Pid)
	done := make(chan struct{})
	s.cmd, s.done, s.said = cmd, done, said
	go func() {
		cmd.Wait() //nolint:errcheck // how it ended is in what it said
		s.guard.runs(0)
		close(done)
	}()
	if err := s.answers(ctx, addr, done); err != nil {
		s.stopLocked(syscall.SIGKILL)
		return fmt.Errorf("starting the S3 server: %w: %s", err, plaintext.Line(said.String(), 300))
	}
	return nil
}

var errEnded = errors.New("it ended at once")

func (s *Server) answers(ctx context.Context, addr string, done <-chan struct{}) error {
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: time.Second}
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+addr+"/health", nil)
		if err != nil {
			return err
		}
		if resp, err := client.Do(req); err == nil {
			io.Copy(io.Discard, resp.Body) //nolint:errcheck // only whether it is one is of interest
			resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				break
			}
		}
		select {
		case <-done:
			return errEnded
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
	}
	select {
	case <-done: // somebody else answered on its port
		return errEnded
	default:
		return nil
	}
}

// Addr is where it listens, host:port.
func (s *Server) Addr() string { return s.addr }

// Keys are what it is opened with.
func (s *Server) Keys() store.Keys {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.keys
}

// Bucket is the one that was made.
func (s *Server) Bucket() string { return s.opt.Bucket }

// Pid of the server; 0: it does not run.
func (s *Server) Pid() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.cmd == nil {
		return 0
	}
	return s.cmd.Process.Pid
}

// Address is what store.Open takes, for keys beneath a prefix; none: the whole bucket.
func (s *Server) Address(prefix string) string { return s.AddressAt(s.addr, prefix) }

// AddressAt is Address for a server that is reached through another host:port, as by a proxy.
func (s *Server) AddressAt(addr, prefix string) string {
	q := url.Values{"endpoint": {"http://" + addr}, "region": {s.opt.Region}, "style": {"path"}}
	u := url.URL{Scheme: "s3", Host: s.opt.Bucket, RawQuery: q.Encode()}
	if prefix != "" {
		u.Path = "/" + prefix
	}
	return u.String()
}

// Data is the directory in which the bucket's objects lie as files, to tamper with.
func (s *Server) Data() string { return filepath.Join(s.dir, "data", s.opt.Bucket) }

// Stop kills the server; Restart starts it again on the same port.
func (s *Server) Stop() { s.stop(syscall.SIGKILL) }

// Restart starts a server that Stop has ended.
func (s *Server) Restart(ctx context.Context) error {
	s.stop(syscall.SIGKILL)
	return s.start(ctx)
}

// ChangeKeys restarts the server with other keys on the same port.
func (s *Server) ChangeKeys(ctx context.Context, k store.Keys) error {
	s.stop(syscall.SIGKILL)
	s.mu.Lock()
	s.keys = k
	s.mu.Unlock()
	return s.start(ctx)
}

// Signal sends one, like syscall.SIGSTOP, which makes it silent, and syscall.SIGCONT.
func (s *Server) Signal(sig syscall.Signal) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.cmd == nil {
		return os.ErrProcessDone
	}
	return s.cmd.Process.Signal(sig)
}

func (s *Server) stop(sig syscall.Signal) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stopLocked(sig)
}

func (s *Server) stopLocked(sig syscall.Signal) {
	if s.cmd == nil {
		return
	}
	s.cmd.Process.Signal(sig)             //nolint:errcheck // it may have ended
	s.cmd.Process.Signal(syscall.SIGCONT) //nolint:errcheck // the same
	t := time.NewTimer(patience / 4)
	defer t.Stop()
	select {
	case <-s.done:
	case <-t.C:
		s.cmd.Process.Kill() //nolint:errcheck // it may have ended
		<-s.done
	}
	s.cmd = nil
}

// Close ends the server, and removes its directory where that was Temporary. It can be called again.
func (s *Server) Close() error {
	s.stop(syscall.SIGTERM)
	s.guard.close()
	if s.opt.Temporary {
		return os.RemoveAll(s.dir)
	}
	return nil
}

// tail keeps the end of what the server said.
type tail struct {
	mu  sync.Mutex // guards the field below
	buf []byte
}

func (t *tail) Write(b []byte) (int, error) {
	const most = 4 << 10
	t.mu.Lock()
	defer t.mu.Unlock()
	t.buf = append(t.buf, b...)
	if len(t.buf) > most {
		t.buf = bytes.Clone(t.buf[len(t.buf)-most:])
	}
	return len(b), nil
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return strings.TrimSpace(string(t.buf))
}
