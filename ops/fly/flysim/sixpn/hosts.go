package sixpn

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"ops-console/ops/fly/flysim/platform"
)

// Stack is the end of the tunnel on which the instances live: a TCP/IP stack of its own, not the machine's.
type Stack interface {
	AddAddr(netip.Addr) error
	RemoveAddr(netip.Addr) error
	ListenTCP(netip.AddrPort) (net.Listener, error)
}

// Hosts keeps the addresses and listeners of a Stack as the instances are: a started one has its address and listens
// on its ports, a dead one has its address only, and packets to any other vanish. Make one with NewHosts.
type Hosts struct {
	stack  Stack
	site   *Site
	offers map[string][]Service // by app; those of others serve the site
	srv    *http.Server
	ctx    context.Context // ends with Close; hanging requests wait for it
	cancel context.CancelFunc
	serves sync.WaitGroup

	mu    sync.Mutex // guards hosts
	hosts map[netip.Addr]*host
}

// NewHosts serves nothing until Set: the instances of the apps that services name offer those, and all others the site.
func NewHosts(stack Stack, site *Site, services ...Service) *Hosts {
	h := &Hosts{stack: stack, site: site, hosts: map[netip.Addr]*host{}, offers: map[string][]Service{}}
	for _, s := range services {
		h.offers[s.App] = append(h.offers[s.App], s)
	}
	h.ctx, h.cancel = context.WithCancel(context.Background())
	h.srv = &http.Server{
		Handler:           behave(site),
		ReadHeaderTimeout: 10 * time.Second,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    64 << 10,
		BaseContext:       func(net.Listener) context.Context { return h.ctx },
		ConnContext: func(ctx context.Context, c net.Conn) context.Context {
			return context.WithValue(ctx, connKey{}, c)
		},
		// What breaks here was broken on purpose or by the client.
		ErrorLog: log.New(io.Discard, "", 0),
	}
	return h
}

// Set makes the stack carry exactly these instances. Connections to an instance that stays are kept; those to one
// that stopped, died or left are closed. What could not be done is in the error, the rest is done.
func (h *Hosts) Set(ii []platform.Instance) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.ctx.Err() != nil {
		return net.ErrClosed
	}
	want := make(map[netip.Addr]platform.Instance, len(ii))
	for _, i := range ii {
		if i.Started {
			want[i.Addr] = i
		}
	}
	var errs []error
	for addr, ho := range h.hosts {
		if _, ok := want[addr]; !ok {
			ho.hangUp()
			errs = append(errs, h.unassign(ho))
			delete(h.hosts, addr)
		}
	}
	for addr, i := range want {
		ho := h.hosts[addr]
		if ho == nil {
			ho = &host{addr: addr, lns: map[uint16]net.Listener{}, conns: map[*conn]bool{}}
			h.hosts[addr] = ho
		}
		errs = append(errs, h.apply(ho, i))
	}
	return errors.Join(errs...)
}

// apply brings one host to what its instance is now.
func (h *Hosts) apply(ho *host, i platform.Instance) error {
	ho.inst.Store(&i)
	if i.Behaviour.Silent {
		// Connections stay as they are: closing them would be an answer.
		ho.closeListeners()
		return h.unassign(ho)
	}
	if !ho.assigned {
		if err := h.stack.AddAddr(ho.addr); err != nil {
			return fmt.Errorf("address %s of instance %s: %w", ho.addr, i.ID, err)
		}
		ho.assigned = true
	}
	offers := h.offered(i)
	if i.Behaviour.Dead || len(offers) == 0 {
		ho.hangUp()
		return nil
	}
	for port, ln := range ho.lns {
		if !slices.ContainsFunc(offers, func(s Service) bool { return s.Port == port }) {
			_ = ln.Close()
			delete(ho.lns, port)
		}
	}
	for _, s := range offers {
		if ho.lns[s.Port] != nil {
			continue
		}
		inner, err := h.stack.ListenTCP(netip.AddrPortFrom(ho.addr, s.Port))
		if err != nil {
			return fmt.Errorf("listener of instance %s: %w", i.ID, err)
		}
		ln := &listener{Listener: inner, host: ho, service: s}
		ho.lns[s.Port] = ln
		// Both end when the listener is closed, by us.
		if s.Stream != nil {
			h.serves.Go(func() { h.streams(ln) })
			continue
		}
		h.serves.Go(func() { _ = h.srv.Serve(ln) })
	}
	return nil
}

// offered is what i listens for.
func (h *Hosts) offered(i platform.Instance) []Service {
	if ss := h.offers[i.App]; ss != nil {
		return ss
	}
	if i.Port == 0 {
		return nil
	}
	return []Service{{Port: i.Port}}
}

func (h *Hosts) unassign(ho *host) error {
	if !ho.assigned {
		return nil
	}
	ho.assigned = false
	if err := h.stack.RemoveAddr(ho.addr); err != nil {
		return fmt.Errorf("address %s: %w", ho.addr, err)
	}
	return nil
}

// Close closes every listener and connection and waits for all that served them.
func (h *Hosts) Close() error {
	h.cancel()
	h.mu.Lock()
	defer h.mu.Unlock()
	var errs []error
	for _, ho := range h.hosts {
		ho.hangUp()
		errs = append(errs, h.unassign(ho))
	}
	clear(h.hosts)
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	if err := h.srv.Shutdown(ctx); err != nil {
		errs = append(errs, h.srv.Close())
	}
	h.serves.Wait()
	return errors.Join(errs...)
}

// host is one address. All but inst and conns belong to the holder of Hosts.mu.
type host struct {
	addr     netip.Addr
	lns      map[uint16]net.Listener
	assigned bool
	inst     atomic.Pointer[platform.Instance]

	mu    sync.Mutex // guards conns
	conns map[*conn]bool
}

func (h *host) closeListeners() {
	for port, ln := range h.lns {
		_ = ln.Close()
		delete(h.lns, port)
	}
}

// hangUp is what happens to the network side of a process that ends.
func (h *host) hangUp() {
	h.closeListeners()
	h.mu.Lock()
	cc := make([]*conn, 0, len(h.conns))
	for c := range h.conns {
		cc = append(cc, c)
	}
	h.mu.Unlock()
	for _, c := range cc {
		_ = c.Close()
	}
}

type connKey struct{}

// listener makes connections that know their host.
type listener struct {
	net.Listener
	host    *host
	service Service
}

func (l *listener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	hc := &conn{Conn: c, host: l.host, service: l.service}
	l.host.mu.Lock()
	l.host.conns[hc] = true
	l.host.mu.Unlock()
	return hc, nil
}

type conn struct {
	net.Conn
	host    *host
	service Service
}

func (c *conn) Close() error {
	c.host.mu.Lock()
	delete(c.host.conns, c)
	c.host.mu.Unlock()
	return c.Conn.Close()
}
