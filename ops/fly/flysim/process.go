package flysim

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/netip"
	"path"
	"strconv"
	"sync"
	"time"

	"ops-console/ops/fly/flysim/platform"
	"ops-console/wg"
	"ops-console/wg/netstack"
)

// ProgramName is the program that Options.Program stands for: machines that are to run it run that.
const ProgramName = "ops-console"

// Process is a run of our own program on a machine of the simulated world.
type Process struct {
	platform.Run

	// Network is the private network as the machine has it, which needs no tunnel. It is closed when the process ends.
	Network wg.Network
	// Output takes what the process prints: it goes to the app's log, line by line.
	Output io.Writer

	sim *Sim

	mu        sync.Mutex // guards listeners
	listeners []net.Listener
}

// Listen listens on a port of the machine's address in the network. The listener is closed when the process ends.
func (p *Process) Listen(port uint16) (net.Listener, error) {
	ln, err := p.sim.gateway.Stack().ListenTCP(netip.AddrPortFrom(p.Instance.Addr, port))
	if err != nil {
		return nil, fmt.Errorf("listen on machine %s: %w", p.Instance.ID, err)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.listeners = append(p.listeners, ln)
	return ln, nil
}

// program is platform.Options.Program of a world whose machines run f.
func (s *Sim) program(f func(context.Context, *Process) int) func(platform.Run) func(context.Context) int {
	return func(r platform.Run) func(context.Context) int {
		if s.database != nil && r.Instance.Group == releaseGroup {
			return func(ctx context.Context) int {
				ctx, cancel := context.WithCancel(ctx)
				defer cancel()
				defer context.AfterFunc(s.background, cancel)()
				out := &logWriter{world: s.world, app: r.Instance.App, machine: r.Instance.ID}
				defer out.flush()
				return s.migrate(ctx, out)
			}
		}
		if f == nil || len(r.Command) == 0 || path.Base(r.Command[0]) != ProgramName {
			return nil
		}
		return func(ctx context.Context) int {
			ctx, cancel := context.WithCancel(ctx)
			defer cancel()
			// The end of the world comes to programs before it comes to what they talk to.
			defer context.AfterFunc(s.background, cancel)()
			p := &Process{Run: r, sim: s, Network: newInside(s, r.Instance.Addr)}
			out := &logWriter{world: s.world, app: r.Instance.App, machine: r.Instance.ID}
			p.Output = out
			defer p.close(out)
			s.sync() // its address is there before it is
			return f(ctx, p)
		}
	}
}

func (p *Process) close(out *logWriter) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, ln := range p.listeners {
		_ = ln.Close()
	}
	_ = p.Network.Close()
	out.flush()
}

// inside is the network of a machine that is in it.
type inside struct {
	stack    *netstack.Stack
	resolver *wg.Resolver
	status   wg.Status
	closed   chan struct{} // closed by Close
	once     sync.Once
}

func newInside(s *Sim, own netip.Addr) *inside {
	n := &inside{stack: s.gateway.Stack(), closed: make(chan struct{})}
	dns := netip.AddrPortFrom(s.gateway.DNSAddr(), 53)
	n.resolver = &wg.Resolver{Dial: n.dialAddress, Servers: []netip.AddrPort{dns}}
	now := time.Now()
	n.status = wg.Status{
		At: now, Since: now, LastOK: now, Kind: wg.KindDirect, Why: "the machine is inside", State: wg.StateUp,
		DNS: dns.String(), Addresses: []netip.Prefix{netip.PrefixFrom(own, 128)},
	}
	return n
}

// dialAddress connects to an address. The stack carries both ends.
func (n *inside) dialAddress(ctx context.Context, network, addr string) (net.Conn, error) {
	select {
	case <-n.closed:
		return nil, wg.ErrClosed
	default:
	}
	to, err := netip.ParseAddrPort(addr)
	if err != nil {
		return nil, fmt.Errorf("dial %s: %w", addr, err)
	}
	if network[:3] == "udp" {
		return n.stack.DialUDP(to)
	}
	return n.stack.DialTCP(ctx, to)
}

// DialContext implements wg.Network.
func (n *inside) DialContext(ctx context.Context, network, addr string) (net.Conn, error) {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, fmt.Errorf("dial %s: %w", addr, err)
	}
	if _, err := netip.ParseAddr(host); err == nil {
		return n.dialAddress(ctx, network, addr)
	}
	number, err := strconv.ParseUint(port, 10, 16)
	if err != nil {
		return nil, fmt.Errorf("dial %s: %w", addr, err)
	}
	aa, err := n.resolver.LookupNetIP(ctx, host)
	if err != nil {
		return nil, fmt.Errorf("dial %s: %w", addr, err)
	}
	rand.Shuffle(len(aa), func(i, j int) { aa[i], aa[j] = aa[j], aa[i] })
	var errs []error
	for _, a := range aa {
		c, err := n.dialAddress(ctx, network, netip.AddrPortFrom(a, uint16(number)).String())
		if err == nil {
			return c, nil
		}
		errs = append(errs, err)
	}
	return nil, errors.Join(errs...)
}

// Resolver implements wg.Network.
func (n *inside) Resolver() *wg.Resolver { return n.resolver }

// Status implements wg.Network.
func (n *inside) Status() wg.Status {
	st := n.status
	st.At = time.Now()
	select {
	case <-n.closed:
		st.State = wg.StateClosed
	default:
	}
	return st
}

// Changed implements wg.Network.
func (n *inside) Changed() <-chan struct{} { return n.closed }

// Close implements wg.Network.
func (n *inside) Close() error {
	n.once.Do(func() { close(n.closed) })
	return nil
}

// longestLine is how much of a line without an end is kept together.
const longestLine = 8 << 10

// logWriter puts lines into an app's log.
type logWriter struct {
	world        *platform.World
	app, machine string

	mu   sync.Mutex // guards rest
	rest []byte
}

func (l *logWriter) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.rest = append(l.rest, b...)
	for {
		i := bytes.IndexByte(l.rest, '\n')
		if i < 0 && len(l.rest) < longestLine {
			return len(b), nil
		}
		if i < 0 {
			i = len(l.rest) - 1
		}
		l.line(string(l.rest[:i]))
		l.rest = l.rest[i+1:]
	}
}

func (l *logWriter) flush() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.rest) > 0 {
		l.line(string(l.rest))
		l.rest = nil
	}
}

func (l *logWriter) line(s string) {
	// The app is there: a machine of it runs.
	_ = l.world.AddLog(platform.LogLine{App: l.app, Instance: l.machine, Level: "info", Provider: "app", Message: s})
}
