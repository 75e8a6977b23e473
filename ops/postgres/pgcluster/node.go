package pgcluster

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
)

// Node is one server and its link to its upstream.
type Node struct {
	cluster *Cluster
	name    string
	replica Replica
	env     []string
	index   int
	data    string
	sockets string
	port    int
	up      chan struct{} // closed once it is up for the first time

	op sync.Mutex // held by what starts, stops or remakes the server

	mu        sync.Mutex // guards what follows
	proc      *process   // the last one; nil: never started
	upstream  *Node      // nil: none, ever
	link      *link
	links     int
	mode      linkMode
	delay     time.Duration
	overrides map[string]string // settings made by faults
	frozen    []int
}

// process is one run of a server.
type process struct {
	pid  int
	done chan struct{}
	err  error // valid after done
}

func (p *process) alive() bool {
	if p == nil {
		return false
	}
	select {
	case <-p.done:
		return false
	default:
		return true
	}
}

// Name of the node.
func (n *Node) Name() string { return n.name }

// URL is a connection string of the superuser over the unix socket, for a database.
func (n *Node) URL(database string) string {
	u := url.URL{
		Scheme: "postgres", User: url.User("postgres"), Path: "/" + database,
		RawQuery: url.Values{"host": {n.sockets}, "port": {strconv.Itoa(n.port)}}.Encode(),
	}
	return u.String()
}

// Dial opens a connection to the server, for gateways and proxies. To the server it is a local one: lines of pg_hba.conf
// that begin with "local" are for it.
func (n *Node) Dial(ctx context.Context) (net.Conn, error) {
	return (&net.Dialer{}).DialContext(ctx, "unix", n.socket())
}

func (n *Node) socket() string { return filepath.Join(n.sockets, socketName(n.port)) }

func socketName(port int) string { return fmt.Sprintf(".s.PGSQL.%d", port) }

// PID of the postmaster; 0: it does not run.
func (n *Node) PID() int {
	if p := n.process(); p.alive() {
		return p.pid
	}
	return 0
}

func (n *Node) process() *process {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.proc
}

func (n *Node) upstreamNode() *Node {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.upstream
}

// DataDir is where its files are.
func (n *Node) DataDir() string { return n.data }

func (n *Node) logFile() string { return n.data + ".log" }

// Log is the end of what the server said, as it said it, for messages of failing tests.
func (n *Node) Log() string {
	b, err := os.ReadFile(n.logFile())
	if err != nil {
		return ""
	}
	return tail(b, 8000)
}

// failed adds the end of the server's log to an error.
func (n *Node) failed(err error) error {
	return fmt.Errorf("%s: %w; the end of its log:\n%s", n.name, err, lastWords([]byte(n.Log())))
}

// bringUp starts the server as what its place says, and waits until it takes connections and streams. n.op is held.
func (n *Node) bringUp(ctx context.Context) error {
	upstream := n.upstreamNode()
	if upstream != nil {
		if err := n.makeSlot(ctx, upstream); err != nil {
			return err
		}
		if err := n.cluster.account.write(filepath.Join(n.data, "standby.signal"), ""); err != nil {
			return err
		}
	} else if n.cluster.options.NewTimeline && n.cluster.options.From != "" {
		if err := n.cluster.account.write(filepath.Join(n.data, "recovery.signal"), ""); err != nil {
			return err
		}
	}
	if err := n.launch(ctx); err != nil {
		return err
	}
	if upstream == nil {
		return n.until(ctx, "being a primary", "select not pg_is_in_recovery()")
	}
	return n.untilStreaming(ctx, upstream)
}

// launch starts the server and waits until it takes connections, if it ever shall. n.op is held.
func (n *Node) launch(ctx context.Context) error {
	if n.process().alive() {
		return nil
	}
	if n.cluster.ctx.Err() != nil {
		return ErrClosed
	}
	if err := n.configure(); err != nil {
		return fmt.Errorf("configuration of %s: %w", n.name, err)
	}
	//nolint:errcheck // it is there after a crash only, and a server removes its own at once
	os.Remove(filepath.Join(n.data, "postmaster.pid"))
	log, err := os.OpenFile(n.logFile(), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer log.Close()
	// It outlives what it was started by; end ends it.
	cmd := exec.CommandContext(context.WithoutCancel(ctx), filepath.Join(n.cluster.bin.Dir, "postgres"), "-D", n.data)
	cmd.SysProcAttr = attributes(n.cluster.account)
	cmd.Dir = n.cluster.root
	cmd.Env = append(environment(n.cluster.bin.Dir), n.env...)
	cmd.Stdout, cmd.Stderr = log, log
	if err := n.cluster.spawner.start(cmd); err != nil {
		return fmt.Errorf("starting %s: %w", cmd.Path, err)
	}
	p := &process{pid: cmd.Process.Pid, done: make(chan struct{})}
	n.cluster.guard.server(p.pid, true)
	go func() {
		p.err = cmd.Wait()
		n.cluster.guard.server(p.pid, false)
		close(p.done)
	}()
	n.mu.Lock()
	n.proc = p
	n.mu.Unlock()
	return n.untilReady(ctx, p)
}

// untilReady waits for the word that a server writes into its own file, which costs no connection and no line of its log.
func (n *Node) untilReady(ctx context.Context, p *process) error {
	for {
		// Line 1 is the process, line 8 how far it is.
		b, err := os.ReadFile(filepath.Join(n.data, "postmaster.pid"))
		if l := strings.Split(string(b), "\n"); err == nil && len(l) >= 8 && strings.TrimSpace(l[0]) == strconv.Itoa(p.pid) {
			if s := strings.TrimSpace(l[7]); s == "ready" || s == "standby" && n.setting("hot_standby") == "off" {
				return nil
			}
		}
		if !p.alive() {
			return n.failed(fmt.Errorf("the server ended while it started: %w", p.err))
		}
		if err := rest(ctx, 2*time.Millisecond); err != nil {
			return n.failed(fmt.Errorf("waiting for the server to take connections: %w", err))
		}
	}
}

// until waits until a query gives true.
func (n *Node) until(ctx context.Context, what, query string, args ...any) error {
	failed := func(err error) error { return n.failed(fmt.Errorf("waiting for %s: %w", what, err)) }
	err := n.with(ctx, "postgres", func(conn *pgx.Conn) error {
		for {
			var yes *bool
			err := conn.QueryRow(ctx, query, args...).Scan(&yes)
			if err != nil && !errors.Is(err, pgx.ErrNoRows) {
				return err
			}
			if yes != nil && *yes {
				return nil
			}
			if err := rest(ctx, 10*time.Millisecond); err != nil {
				return err
			}
		}
	})
	if err != nil {
		return failed(err)
	}
	return nil
}

// rest waits for a while.
func rest(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// untilStreaming waits for what an open link makes happen.
func (n *Node) untilStreaming(ctx context.Context, upstream *Node) error {
	n.mu.Lock()
	open := n.mode == linkOpen
	n.mu.Unlock()
	if !open {
		return nil
	}
	err := upstream.until(ctx, "streaming to "+n.name,
		"select true from pg_stat_replication where application_name = $1 and state = 'streaming'", n.name)
	if err != nil {
		return fmt.Errorf("%w\n%w", err, n.failed(errors.New("it does not stream")))
	}
	return nil
}

// with opens a session of the superuser for a while, whatever the environment says about PostgreSQL.
func (n *Node) with(ctx context.Context, database string, do func(*pgx.Conn) error) error {
	config, err := pgx.ParseConfig("sslmode=disable target_session_attrs=any passfile=/dev/null")
	if err != nil {
		return err
	}
	config.Host, config.Port = n.sockets, uint16(n.port)
	config.User, config.Password, config.Database = "postgres", "", database
	config.RuntimeParams = map[string]string{"application_name": "pgcluster"}
	conn, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		return fmt.Errorf("connecting to %s: %w", n.name, err)
	}
	defer conn.Close(context.WithoutCancel(ctx)) //nolint:errcheck // what it did is done
	return do(conn)
}

// query runs one statement, and reads its one row, if it gives any, into the values pointed to.
func (n *Node) query(ctx context.Context, sql string, args []any, values ...any) error {
	return n.with(ctx, "postgres", func(conn *pgx.Conn) error {
		if len(values) == 0 {
			_, err := conn.Exec(ctx, sql, args...)
			return err
		}
		return conn.QueryRow(ctx, sql, args...).Scan(values...)
	})
}

// Exec runs statements as the superuser, each on its own.
func (n *Node) Exec(ctx context.Context, database string, statements ...string) error {
	ctx, done := n.cluster.bound(ctx)
	defer done()
	return n.with(ctx, database, func(conn *pgx.Conn) error {
		for _, s := range statements {
			if _, err := conn.PgConn().Exec(ctx, s).ReadAll(); err != nil {
				return fmt.Errorf("%s: %s: %w", n.name, s, err)
			}
		}
		return nil
	})
}

// Stop ends the server as an administrator does, or at once when that takes more than ten seconds or ctx ends. Start
// starts it again.
func (n *Node) Stop(ctx context.Context) error {
	n.op.Lock()
	defer n.op.Unlock()
	ctx, done := n.cluster.bound(ctx)
	defer done()
	n.end(ctx, syscall.SIGINT)
	return nil
}

// Start starts a server that was stopped, and waits until it takes connections; a replica may not stream yet.
func (n *Node) Start(ctx context.Context) error {
	n.op.Lock()
	defer n.op.Unlock()
	ctx, done := n.cluster.bound(ctx)
	defer done()
	return n.launch(ctx)
}

// end ends the server. n.op is held.
func (n *Node) end(ctx context.Context, how syscall.Signal) {
	p := n.process()
	if !p.alive() {
		return
	}
	n.thaw()
	// Others may have frozen something, too.
	for pid := range children(p.pid) {
		kill(pid, syscall.SIGCONT)
	}
	n.signal(p, syscall.SIGCONT)
	for _, step := range []struct {
		signal syscall.Signal
		wait   time.Duration
	}{{how, 10 * time.Second}, {syscall.SIGQUIT, 7 * time.Second}} {
		n.signal(p, step.signal)
		limit := time.NewTimer(step.wait)
		defer limit.Stop()
		giveUp := ctx.Done()
		if step.signal == syscall.SIGQUIT {
			giveUp = nil
		}
		select {
		case <-p.done:
			return
		case <-limit.C:
		case <-giveUp:
		}
	}
	processes := children(p.pid)
	n.signal(p, syscall.SIGKILL)
	for pid := range processes {
		kill(pid, syscall.SIGKILL)
	}
	<-p.done
}

func (n *Node) signal(p *process, s syscall.Signal) {
	if p.alive() {
		kill(p.pid, s)
	}
}

func kill(pid int, s syscall.Signal) {
	//nolint:errcheck // what is signalled may just have ended
	syscall.Kill(pid, s)
}

// close ends server and link for good.
func (n *Node) close() {
	n.op.Lock()
	defer n.op.Unlock()
	n.end(n.cluster.ctx, syscall.SIGQUIT)
	n.mu.Lock()
	k := n.link
	n.mu.Unlock()
	if k != nil {
		k.close()
	}
}
