// Package logstream is the live log stream of the simulated platform: a real NATS server, reached through whatever listener
// it is given, that takes the organization's name and a token and gives what is published to who subscribed.
//
// It costs next to nothing until somebody connects: only then is there a server. It opens no port of its own.
package logstream

import (
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
)

// Port is where the stream is, at the address of the network's DNS server.
const Port = 4223

const (
	// maxPayload is the longest message.
	maxPayload = 1 << 20
	// startWithin is how long a server may take to be ready.
	startWithin = 10 * time.Second
	// queued is how many messages wait to be passed on; what is more is dropped, as the platform does.
	queued = 8192
)

// Message is a line on its way.
type Message struct {
	Subject string // logs.APP.REGION.INSTANCE
	Data    []byte
}

// Stream passes messages on to its clients. Make one with New and Close it. All methods are safe for concurrent use.
type Stream struct {
	accepts func(user, password string) bool
	drop    atomic.Int64 // of 100 messages
	active  atomic.Bool  // there is a server
	queue   chan Message
	done    chan struct{} // closed by Close
	work    sync.WaitGroup

	mu     sync.Mutex // guards the rest
	closed bool
	how    Trouble
	lns    []net.Listener
	conns  map[net.Conn]bool
	server *server.Server
	own    *nats.Conn
}

// Trouble is a way in which the stream cannot be reached.
type Trouble string

// The troubles.
const (
	NoTrouble Trouble = ""
	Refuses   Trouble = "refuse" // connections are closed at once
	Hangs     Trouble = "hang"   // connections are accepted, and nothing is said
)

// New makes a stream for those whom accepts lets in.
func New(accepts func(user, password string) bool) *Stream {
	s := &Stream{accepts: accepts, queue: make(chan Message, queued), done: make(chan struct{}), conns: map[net.Conn]bool{}}
	s.work.Go(s.pass)
	return s
}

// Serve takes connections from ln until that or the stream is closed. It closes ln.
func (s *Stream) Serve(ln net.Listener) {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		_ = ln.Close()
		return
	}
	s.lns = append(s.lns, ln)
	s.work.Add(1)
	s.mu.Unlock()
	defer s.work.Done()
	for {
		c, err := ln.Accept()
		if err != nil {
			return
		}
		s.work.Go(func() { s.serve(c) })
	}
}

// serve carries a connection to the server and back until either end closes it.
func (s *Stream) serve(c net.Conn) {
	how, ok := s.enter(c)
	defer s.leave(c)
	if !ok || how == Refuses {
		return
	}
	if how == Hangs {
		_, _ = c.Read(make([]byte, 1))
		return
	}
	inner, err := s.dial()
	if err != nil {
		return
	}
	defer inner.Close()
	var both sync.WaitGroup
	both.Go(func() { carry(inner, c) })
	both.Go(func() { carry(c, inner) })
	both.Wait()
}

// carry copies until either end is closed, and closes both.
func carry(to, from net.Conn) {
	buf := make([]byte, 16<<10)
	defer to.Close()
	defer from.Close()
	for {
		n, err := from.Read(buf)
		if n > 0 {
			if _, err := to.Write(buf[:n]); err != nil {
				return
			}
		}
		if err != nil {
			return
		}
	}
}

func (s *Stream) enter(c net.Conn) (how Trouble, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return NoTrouble, false
	}
	s.conns[c] = true
	return s.how, true
}

func (s *Stream) leave(c net.Conn) {
	s.mu.Lock()
	delete(s.conns, c)
	s.mu.Unlock()
	_ = c.Close()
}

// dial is a connection to the server, which is started if there is none.
func (s *Stream) dial() (net.Conn, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, net.ErrClosed
	}
	if s.server == nil {
		if err := s.start(); err != nil {
			return nil, err
		}
	}
	return s.server.InProcessConn()
}

// start makes the server, and the connection over which messages reach it. It is called with mu held.
func (s *Stream) start() error {
	secret := rand.Text()
	srv, err := server.NewServer(&server.Options{
		ServerName: "simulated", DontListen: true, NoLog: true, NoSigs: true, MaxPayload: maxPayload,
		CustomClientAuthentication: gate{s, secret},
	})
	if err != nil {
		return fmt.Errorf("make the log stream's server: %w", err)
	}
	srv.Start()
	if !srv.ReadyForConnections(startWithin) {
		srv.Shutdown()
		return errors.New("the log stream's server does not start")
	}
	own, err := nats.Connect("", nats.InProcessServer(srv), nats.UserInfo(ownUser, secret), nats.NoReconnect())
	if err != nil {
		srv.Shutdown()
		return fmt.Errorf("connect to the log stream's server: %w", err)
	}
	s.server, s.own = srv, own
	s.active.Store(true)
	return nil
}

// ownUser is who publishes. No organization is called so.
const ownUser = "platform "

// gate lets clients in, as subscribers only.
type gate struct {
	s      *Stream
	secret string
}

// Check implements server.Authentication.
func (g gate) Check(c server.ClientAuthentication) bool {
	o := c.GetOpts()
	if o.Username == ownUser {
		return o.Password == g.secret
	}
	if !g.s.accepts(o.Username, o.Password) {
		return false
	}
	c.RegisterUser(&server.User{Username: o.Username, Permissions: &server.Permissions{
		Publish: &server.SubjectPermission{Deny: []string{">"}},
	}})
	return true
}

// Active tells whether anybody ever connected: until then there is no use in making messages.
func (s *Stream) Active() bool { return s.active.Load() }

// Publish passes a message on to who subscribed. It never waits: where messages come faster than they go, some are lost.
func (s *Stream) Publish(m Message) {
	if !s.Active() {
		return
	}
	select {
	case s.queue <- m:
	default:
	}
}

// pass hands the queue to the server.
func (s *Stream) pass() {
	n := int64(0)
	for {
		select {
		case <-s.done:
			return
		case m := <-s.queue:
			// Spread evenly, and the same each time: of 100 messages so many are lost.
			n = (n + 1) % 100
			if lost := s.drop.Load(); n*lost/100 != (n+1)*lost/100 {
				continue
			}
			s.mu.Lock()
			own := s.own
			s.mu.Unlock()
			_ = own.Publish(m.Subject, m.Data) // best effort, as the platform's
		}
	}
}

// Drop loses so many of 100 messages.
func (s *Stream) Drop(percent int) { s.drop.Store(int64(min(max(percent, 0), 100))) }

// Break makes the stream unreachable in one of the ways there are, and ends all connections; NoTrouble mends it.
func (s *Stream) Break(how Trouble) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.how = how
	for c := range s.conns {
		_ = c.Close()
	}
}

// Clients is how many connections there are.
func (s *Stream) Clients() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.conns)
}

// Close ends everything and waits for it. It is idempotent.
func (s *Stream) Close() error {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return nil
	}
	s.closed = true
	close(s.done)
	var errs []error
	for _, ln := range s.lns {
		errs = append(errs, ln.Close())
	}
	for c := range s.conns {
		_ = c.Close()
	}
	srv, own := s.server, s.own
	s.mu.Unlock()
	s.work.Wait()
	if srv != nil {
		own.Close()
		srv.Shutdown()
		srv.WaitForShutdown()
	}
	return errors.Join(errs...)
}

// Subject is that of an instance's lines.
func Subject(app, region, instance string) string {
	return strings.Join([]string{"logs", token(app), token(region), token(instance)}, ".")
}

// token is a part of a subject: what would not be one is an underscore.
func token(s string) string {
	if s == "" {
		return "_"
	}
	return strings.Map(func(r rune) rune {
		if r <= ' ' || r == '.' || r == '*' || r == '>' || r > '~' {
			return '_'
		}
		return r
	}, s)
}
