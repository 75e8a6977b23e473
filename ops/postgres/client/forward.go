package client

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"net"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"

	"ops-console/ops/postgres"
)

// port names the socket of a forward, as libpq wants it.
const port = "5432"

// maxSocket is how long the path of a socket may be on the system that allows the least, its end included.
const maxSocket = 103

// Forward is a socket behind which is a node. Whoever connects is let in as the node's role without being asked, and what
// it says from then on goes there and back as it is. All methods are safe for concurrent use.
type Forward struct {
	node   postgres.Node
	dialer postgres.Dialer
	dir    string

	listener net.Listener
	cancel   context.CancelFunc
	wait     sync.WaitGroup

	mu       sync.Mutex // guards what follows
	err      error
	sessions map[string]session // by what a program is told to cancel with
}

// session is what a real one is cancelled with.
type session struct {
	config *pgconn.Config
	addr   net.Addr
	pid    uint32
	key    []byte
}

// NewForward listens in a directory of its own that nobody else can enter, below parent (empty: the system's for temporary
// files), until Close or the end of ctx.
func NewForward(ctx context.Context, parent string, n postgres.Node, d postgres.Dialer) (*Forward, error) {
	dir, err := privateDir(ctx, parent)
	if err != nil {
		return nil, fmt.Errorf("a way to %s for PostgreSQL's programs: %w", n.Name, err)
	}
	l, err := (&net.ListenConfig{}).Listen(ctx, "unix", filepath.Join(dir, ".s.PGSQL."+port))
	if err != nil {
		return nil, errors.Join(fmt.Errorf("a way to %s for PostgreSQL's programs: %w", n.Name, err), os.RemoveAll(dir))
	}
	ctx, cancel := context.WithCancel(ctx)
	f := &Forward{node: n, dialer: d, dir: dir, listener: l, cancel: cancel, sessions: map[string]session{}}
	context.AfterFunc(ctx, func() { l.Close() })
	f.wait.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			f.wait.Go(func() { f.serve(ctx, c) })
		}
	})
	return f, nil
}

// prefix of the names of directories for sockets.
const prefix = "opsfwd"

// privateDir makes a directory whose path is short enough for a socket.
func privateDir(ctx context.Context, parent string) (string, error) {
	if parent == "" {
		parent = os.TempDir()
	}
	if len(parent)+len("/"+prefix+"1234567890/.s.PGSQL."+port) > maxSocket {
		parent = "/tmp"
	}
	tidy(ctx, parent)
	return os.MkdirTemp(parent, prefix)
}

// stale is how old a directory is at least that nobody is just making.
const stale = time.Minute

// tidy removes the directories of processes that were killed: their sockets take no connections. What cannot be removed is
// another user's.
func tidy(ctx context.Context, parent string) {
	old, err := filepath.Glob(filepath.Join(parent, prefix+"*", ".s.PGSQL."+port))
	if err != nil {
		return
	}
	for _, socket := range old {
		st, err := os.Lstat(socket)
		if err != nil || st.Mode().Type() != fs.ModeSocket || time.Since(st.ModTime()) < stale {
			continue
		}
		c, err := (&net.Dialer{Timeout: time.Second}).DialContext(ctx, "unix", socket)
		switch {
		case err == nil:
			c.Close()
		case errors.Is(err, syscall.ECONNREFUSED):
			_ = os.Remove(socket)
			_ = os.Remove(filepath.Dir(socket))
		}
	}
}

// Close ends every session and takes the socket away.
func (f *Forward) Close() error {
	f.cancel()
	f.listener.Close()
	f.wait.Wait()
	return os.RemoveAll(f.dir)
}

// Err is the last failure to reach the node, nil if there was none. It is safe to show.
func (f *Forward) Err() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.err
}

// Node is what is behind it.
func (f *Forward) Node() postgres.Node { return f.node }

// serve is one connection of a program.
func (f *Forward) serve(ctx context.Context, local net.Conn) {
	defer local.Close()
	stop := context.AfterFunc(ctx, func() { local.Close() })
	defer stop()
	b := pgproto3.NewBackend(local, local)
	asks, ok := startup(local, b)
	switch m := asks.(type) {
	case *pgproto3.CancelRequest:
		f.pass(ctx, m)
	case *pgproto3.StartupMessage:
		if ok {
			f.begin(ctx, local, b, m)
		}
	}
}

// startup reads how a program begins. It is told that encryption is not needed here.
func startup(local net.Conn, b *pgproto3.Backend) (pgproto3.FrontendMessage, bool) {
	for range 3 {
		m, err := b.ReceiveStartupMessage()
		if err != nil {
			return nil, false
		}
		switch m.(type) {
		case *pgproto3.SSLRequest, *pgproto3.GSSEncRequest:
			if _, err := local.Write([]byte{'N'}); err != nil {
				return nil, false
			}
		default:
			return m, true
		}
	}
	return nil, false
}

// begin makes the session that a program asks for, tells it so, and then only carries.
func (f *Forward) begin(ctx context.Context, local net.Conn, b *pgproto3.Backend, asks *pgproto3.StartupMessage) {
	params := maps.Clone(asks.Parameters)
	database := params["database"]
	delete(params, "database")
	delete(params, "user")
	pg, err := postgres.Open(ctx, f.node, f.dialer, database, params)
	if err != nil {
		f.refuse(b, err)
		return
	}
	h, err := raw(ctx, pg)
	if err != nil {
		f.refuse(b, err)
		return
	}
	defer h.Conn.Close()
	key := make([]byte, 4)
	_, _ = rand.Read(key) // it never fails
	told := ticket(h.PID, key)
	f.mu.Lock()
	f.sessions[told] = session{config: h.Config, addr: h.Conn.RemoteAddr(), pid: h.PID, key: h.SecretKey}
	f.mu.Unlock()
	defer func() {
		f.mu.Lock()
		delete(f.sessions, told)
		f.mu.Unlock()
	}()
	if asks.ProtocolVersion != pgproto3.ProtocolVersion30 {
		b.Send(&pgproto3.NegotiateProtocolVersion{NewestMinorProtocol: 0})
	}
	b.Send(&pgproto3.AuthenticationOk{})
	for name, value := range h.ParameterStatuses {
		b.Send(&pgproto3.ParameterStatus{Name: name, Value: value})
	}
	b.Send(&pgproto3.BackendKeyData{ProcessID: h.PID, SecretKey: key})
	b.Send(&pgproto3.ReadyForQuery{TxStatus: h.TxStatus})
	if b.Flush() != nil {
		return
	}
	f.carry(ctx, local, h.Conn)
}

// raw takes a session out of the driver's hands. After a write that took long the driver may be reading in the background
// still, and would keep the answer to what the program asks first.
func raw(ctx context.Context, pg *pgconn.PgConn) (*pgconn.HijackedConn, error) {
	ctx, cancel := context.WithTimeout(ctx, 15*time.Second)
	defer cancel()
	err := pg.SyncConn(ctx)
	if err == nil {
		var h *pgconn.HijackedConn
		if h, err = pg.Hijack(); err == nil {
			return h, nil
		}
	}
	return nil, errors.Join(err, pg.Close(ctx))
}

// ticket is what a program shows to have its session cancelled.
func ticket(pid uint32, key []byte) string { return fmt.Sprintf("%d %x", pid, key) }

// refuse tells a program what was wrong, in the way that a server does.
func (f *Forward) refuse(b *pgproto3.Backend, err error) {
	f.mu.Lock()
	f.err = err
	f.mu.Unlock()
	b.Send(&pgproto3.ErrorResponse{Severity: "FATAL", SeverityUnlocalized: "FATAL", Code: "08006", Message: err.Error()})
	_ = b.Flush()
}

// carry copies both ways until one side ends.
func (f *Forward) carry(ctx context.Context, local, remote net.Conn) {
	stop := context.AfterFunc(ctx, func() { remote.Close() })
	defer stop()
	var both sync.WaitGroup
	both.Go(func() { carryOne(remote, local); remote.Close(); local.Close() })
	both.Go(func() { carryOne(local, remote); local.Close(); remote.Close() })
	both.Wait()
}

// A server sends in pieces of 8 kB, and pg_dump writes in ones of 4 kB: to wake up for each costs more than what is done
// with it. In a flow of many pieces the next is waited for until there are more of them.
const (
	pieces = 256 << 10              // how much is taken at once
	small  = 64 << 10               // less than this is worth waiting for more
	flow   = 16                     // pieces in a row that make a flow
	least  = 4 << 10                // of a piece: the end of an answer is less, and ends the flow
	pause  = 300 * time.Microsecond // in which a fast server sends 50 kB
)

// carryOne copies one way.
func carryOne(to io.Writer, from io.Reader) {
	b := make([]byte, pieces)
	for row := 0; ; {
		n, err := from.Read(b)
		if n > 0 {
			if _, err := to.Write(b[:n]); err != nil {
				return
			}
		}
		if err != nil {
			return
		}
		if row++; n < least {
			row = 0
		}
		if row > flow && n < small {
			time.Sleep(pause)
		}
	}
}

// pass hands on that a program wants what it runs cancelled.
func (f *Forward) pass(ctx context.Context, m *pgproto3.CancelRequest) {
	f.mu.Lock()
	s, ok := f.sessions[ticket(m.ProcessID, m.SecretKey)]
	f.mu.Unlock()
	if !ok {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	c, err := s.config.DialFunc(ctx, s.addr.Network(), s.addr.String())
	if err != nil {
		return
	}
	defer c.Close()
	stop := context.AfterFunc(ctx, func() { c.Close() })
	defer stop()
	text, err := (&pgproto3.CancelRequest{ProcessID: s.pid, SecretKey: s.key}).Encode(nil)
	if err != nil {
		return
	}
	if _, err := c.Write(text); err == nil {
		_, _ = io.Copy(io.Discard, c) // until the server has taken it
	}
}
