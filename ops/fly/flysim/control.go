package flysim

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"
)

// maxSocketPath is what fits into a socket's address on every system.
const maxSocketPath = 100

// controlTimeout bounds one exchange: a change of scenario waits for the database twice, each time up to half a minute.
const controlTimeout = 75 * time.Second

// request and response are one exchange: a line of JSON each way.
type request struct {
	Args []string `json:"args"`
}

type response struct {
	Out string `json:"out"`
	Err string `json:"err,omitempty"`
}

// ErrNotRunning says that no world runs in the directory.
var ErrNotRunning = errors.New("no simulated world runs there")

// Control has the world that runs in dir carry out a command, and writes what it answers to out. The commands are those
// of `ops-console sim`: fault, clear, machines, scenario, peers; Help lists them. Those that only list what there is need
// no running world.
func Control(ctx context.Context, dir string, args []string, out io.Writer) error {
	ctx, cancel := context.WithTimeout(ctx, controlTimeout)
	defer cancel()
	path := filepath.Join(dir, controlFile)
	if to, err := os.Readlink(path); err == nil {
		path = to
	}
	c, err := new(net.Dialer).DialContext(ctx, "unix", path)
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ECONNREFUSED):
		if known, err := static(args, out); known {
			return err
		}
		return fmt.Errorf("%s: %w: start one with ops-console sim --dir %s", dir, ErrNotRunning, dir)
	case err != nil:
		return fmt.Errorf("reach the simulated world in %s: %w", dir, err)
	}
	defer c.Close()
	stop := context.AfterFunc(ctx, func() { _ = c.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	if err := json.NewEncoder(c).Encode(request{args}); err != nil {
		return fmt.Errorf("ask the simulated world in %s: %w", dir, err)
	}
	var a response
	if err := json.NewDecoder(c).Decode(&a); err != nil {
		if ctx.Err() != nil {
			err = ctx.Err()
		}
		return fmt.Errorf("the simulated world in %s did not answer: %w", dir, err)
	}
	if _, err := io.WriteString(out, a.Out); err != nil {
		return err
	}
	if a.Err != "" {
		return errors.New(a.Err)
	}
	return nil
}

// controller answers on the socket of a directory.
type controller struct {
	ln     net.Listener
	path   string // of the socket
	link   string // a name in the directory that leads to it; empty: path is there itself
	cancel context.CancelFunc
	wg     sync.WaitGroup
}

// listenControl takes the place of a socket that a killed world left. The caller holds the directory's lock. ctx
// bounds the start only.
func listenControl(ctx context.Context, dir string, do func(ctx context.Context, args []string, out io.Writer) error) (*controller, error) {
	c := &controller{path: filepath.Join(dir, controlFile)}
	if to, err := os.Readlink(c.path); err == nil {
		// Ours by its form: never anything else that a link in the directory may lead to.
		if filepath.Base(to) == controlFile && strings.HasPrefix(filepath.Base(filepath.Dir(to)), socketDir) {
			_ = os.RemoveAll(filepath.Dir(to))
		}
	}
	if err := os.Remove(c.path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("remove the stale control socket: %w", err)
	}
	if len(c.path) > maxSocketPath {
		tmp, err := os.MkdirTemp("", socketDir)
		if err != nil {
			return nil, fmt.Errorf("make a place for the control socket: %w", err)
		}
		c.link, c.path = c.path, filepath.Join(tmp, controlFile)
		if err := os.Symlink(c.path, c.link); err != nil {
			_ = os.RemoveAll(tmp)
			return nil, fmt.Errorf("link the control socket: %w", err)
		}
	}
	var err error
	if c.ln, err = new(net.ListenConfig).Listen(ctx, "unix", c.path); err != nil {
		c.remove()
		return nil, fmt.Errorf("listen on the control socket: %w", err)
	}
	if err := os.Chmod(c.path, 0o600); err != nil {
		_ = c.ln.Close()
		c.remove()
		return nil, fmt.Errorf("control socket: %w", err)
	}
	serving, cancel := context.WithCancel(context.Background())
	c.cancel = cancel
	c.wg.Go(func() {
		for {
			conn, err := c.ln.Accept()
			if err != nil {
				return
			}
			c.wg.Go(func() { serveControl(serving, conn, do) })
		}
	})
	return c, nil
}

const socketDir = "ops-console-sim-"

func (c *controller) remove() {
	_ = os.Remove(c.path)
	if c.link != "" {
		_ = os.Remove(c.link)
		_ = os.Remove(filepath.Dir(c.path))
	}
}

// close ends the socket, takes its name away and waits for running commands.
func (c *controller) close() {
	c.cancel()
	_ = c.ln.Close()
	c.wg.Wait()
	c.remove()
}

func serveControl(ctx context.Context, conn net.Conn, do func(context.Context, []string, io.Writer) error) {
	defer conn.Close()
	ctx, cancel := context.WithTimeout(ctx, controlTimeout)
	defer cancel()
	stop := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	var q request
	var a response
	line, err := bufio.NewReader(io.LimitReader(conn, 64<<10)).ReadBytes('\n')
	if err == nil {
		err = json.Unmarshal(line, &q)
	}
	var out strings.Builder
	if err == nil {
		err = do(ctx, q.Args, &out)
	}
	a.Out = out.String()
	if err != nil {
		a.Err = err.Error()
	}
	_ = json.NewEncoder(conn).Encode(a) // who asked may be gone
}
