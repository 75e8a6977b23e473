package netstack

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"sync/atomic"
	"syscall"

	"gvisor.dev/gvisor/pkg/tcpip"
	"gvisor.dev/gvisor/pkg/tcpip/adapters/gonet"
	"gvisor.dev/gvisor/pkg/tcpip/transport/tcp"
	"gvisor.dev/gvisor/pkg/waiter"
)

// DialTCP connects to an address of the network. The connection has CloseWrite.
func (t *Stack) DialTCP(ctx context.Context, to netip.AddrPort) (net.Conn, error) {
	fail := func(err error) (net.Conn, error) {
		return nil, &net.OpError{Op: "dial", Net: "tcp", Addr: net.TCPAddrFromAddrPort(to), Err: err}
	}
	if err := dialable(to); err != nil {
		return fail(err)
	}
	if ctx.Err() != nil { // gonet forgets the endpoint in this case
		return fail(ctx.Err())
	}
	c, err := gonet.DialContextTCP(ctx, t.s, full(to), protocolOf(to.Addr().Unmap()))
	switch {
	case err == nil:
		return newTCPConn(t, c), nil // never c itself: a nil *TCPConn in a net.Conn is not nil
	case t.ctx.Err() != nil:
		return fail(ErrClosed)
	case ctx.Err() != nil:
		return fail(ctx.Err())
	}
	if oe := (*net.OpError)(nil); errors.As(err, &oe) {
		err = oe.Err
	}
	return fail(standard(err))
}

// DialUDP makes a socket that sends to, and hears from, one address.
func (t *Stack) DialUDP(to netip.AddrPort) (net.Conn, error) {
	if err := dialable(to); err != nil {
		return nil, &net.OpError{Op: "dial", Net: "udp", Addr: net.UDPAddrFromAddrPort(to), Err: err}
	}
	fa := full(to)
	c, err := gonet.DialUDP(t.s, nil, &fa, protocolOf(to.Addr().Unmap()))
	if err != nil {
		return nil, t.mapError(err, false)
	}
	return &udpConn{wrapped{t: t, Conn: c}, c}, nil
}

// ListenTCP listens on one of our addresses, or with an unspecified or zero Addr on all of them, present and future.
// Port 0 picks one.
func (t *Stack) ListenTCP(at netip.AddrPort) (net.Listener, error) {
	l, err := t.listenTCP(at)
	if err != nil {
		return nil, t.mapError(err, false)
	}
	return &listener{TCPListener: l, t: t}, nil
}

// backlog is how many connections wait to be accepted.
const backlog = 4096

// listenTCP is gonet.ListenTCP with the address reusable, as package net has it: connections of an earlier listener
// that are not over would keep a port from being listened at again.
func (t *Stack) listenTCP(at netip.AddrPort) (*gonet.TCPListener, error) {
	var wq waiter.Queue
	ep, e := t.s.NewEndpoint(tcp.ProtocolNumber, protocolOf(at.Addr().Unmap()), &wq)
	if e != nil {
		return nil, errors.New(e.String())
	}
	ep.SocketOptions().SetReuseAddress(true)
	fail := func(op string, e tcpip.Error) (*gonet.TCPListener, error) {
		ep.Close()
		return nil, &net.OpError{Op: op, Net: "tcp", Addr: net.TCPAddrFromAddrPort(at), Err: errors.New(e.String())}
	}
	if e := ep.Bind(full(at)); e != nil {
		return fail("bind", e)
	}
	if e := ep.Listen(backlog); e != nil {
		return fail("listen", e)
	}
	return gonet.NewTCPListener(t.s, &wq, ep), nil
}

// ListenUDP is ListenTCP for datagrams. A promiscuous stack needs the address said: its replies from a wildcard
// socket leave from any address that it heard of.
func (t *Stack) ListenUDP(at netip.AddrPort) (net.PacketConn, error) {
	fa := full(at)
	c, err := gonet.DialUDP(t.s, &fa, nil, protocolOf(at.Addr().Unmap()))
	if err != nil {
		return nil, t.mapError(err, false)
	}
	return &udpConn{wrapped{t: t, Conn: c}, c}, nil
}

// dialable refuses what gVisor would send somewhere else than meant.
func dialable(to netip.AddrPort) error {
	switch a := to.Addr(); {
	case !a.IsValid() || a.IsUnspecified():
		return errors.New("no address")
	case a.Zone() != "":
		return fmt.Errorf("zone %q has no meaning inside the tunnel", a.Zone())
	case to.Port() == 0:
		return errors.New("no port")
	}
	return nil
}

// full gives an empty address for the unspecified one: 16 zero bytes are a "bad local address" to gVisor.
func full(ap netip.AddrPort) tcpip.FullAddress {
	f := tcpip.FullAddress{NIC: nic, Port: ap.Port()}
	if a := ap.Addr().Unmap(); a.IsValid() && !a.IsUnspecified() {
		f.Addr = tcpip.AddrFromSlice(a.AsSlice())
	}
	return f
}

// wrapped is a connection whose errors are those of package net.
type wrapped struct {
	net.Conn
	t      *Stack
	closed atomic.Bool
}

func (c *wrapped) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	return n, c.t.mapError(err, c.closed.Load())
}

func (c *wrapped) Write(b []byte) (int, error) {
	n, err := c.Conn.Write(b)
	return n, c.t.mapError(err, c.closed.Load())
}

// Close ends pending reads and writes with net.ErrClosed. A second Close says so too.
func (c *wrapped) Close() error {
	if c.closed.Swap(true) {
		return &net.OpError{Op: "close", Net: c.network(), Err: net.ErrClosed}
	}
	return c.Conn.Close()
}

func (c *wrapped) network() string {
	if _, ok := c.Conn.(*gonet.UDPConn); ok {
		return "udp"
	}
	return "tcp"
}

// tcpConn can be closed by halves.
type tcpConn struct {
	wrapped
	tcp           *gonet.TCPConn
	local, remote net.Addr
}

// newTCPConn remembers the addresses: gonet has none any more once the connection is reset, and those who ask then, such
// as a driver that wants to cancel a query, do not expect nil.
func newTCPConn(t *Stack, c *gonet.TCPConn) *tcpConn {
	known := func(a net.Addr) net.Addr {
		if a == nil {
			return &net.TCPAddr{}
		}
		return a
	}
	return &tcpConn{wrapped{t: t, Conn: c}, c, known(c.LocalAddr()), known(c.RemoteAddr())}
}

// LocalAddr implements net.Conn.
func (c *tcpConn) LocalAddr() net.Addr { return c.local }

// RemoteAddr implements net.Conn.
func (c *tcpConn) RemoteAddr() net.Addr { return c.remote }

// CloseWrite sends FIN and leaves the reading half open.
func (c *tcpConn) CloseWrite() error { return c.t.mapError(c.tcp.CloseWrite(), c.closed.Load()) }

type udpConn struct {
	wrapped
	udp *gonet.UDPConn
}

// ReadFrom is part of net.PacketConn.
func (c *udpConn) ReadFrom(b []byte) (int, net.Addr, error) {
	n, a, err := c.udp.ReadFrom(b)
	return n, a, c.t.mapError(err, c.closed.Load())
}

// WriteTo is part of net.PacketConn; to must be a *net.UDPAddr.
func (c *udpConn) WriteTo(b []byte, to net.Addr) (int, error) {
	if _, ok := to.(*net.UDPAddr); !ok && to != nil {
		return 0, &net.OpError{Op: "write", Net: "udp", Addr: to, Err: syscall.EINVAL}
	}
	n, err := c.udp.WriteTo(b, to)
	return n, c.t.mapError(err, c.closed.Load())
}

type listener struct {
	*gonet.TCPListener
	t      *Stack
	closed atomic.Bool
}

// Accept waits for a connection.
func (l *listener) Accept() (net.Conn, error) {
	c, err := l.TCPListener.Accept()
	if err != nil {
		return nil, l.t.mapError(err, l.closed.Load())
	}
	tc := c.(*gonet.TCPConn)
	return newTCPConn(l.t, tc), nil
}

// Close ends a pending Accept with net.ErrClosed.
func (l *listener) Close() error {
	if l.closed.Swap(true) {
		return &net.OpError{Op: "close", Net: "tcp", Err: net.ErrClosed}
	}
	l.Shutdown()
	return l.TCPListener.Close()
}

// mapError puts the standard errors back where gonet has only texts.
func (t *Stack) mapError(err error, closed bool) error {
	if err == nil {
		return nil
	}
	oe := &net.OpError{}
	if errors.As(err, &oe) {
		oe = &net.OpError{Op: oe.Op, Net: oe.Net, Source: oe.Source, Addr: oe.Addr, Err: oe.Err}
	} else {
		oe = &net.OpError{Op: "use", Net: "tunnel", Err: err}
	}
	switch {
	case closed:
		oe.Err = net.ErrClosed
	case t.ctx.Err() != nil:
		oe.Err = ErrClosed
	case errors.Is(err, io.EOF):
		return err
	default:
		oe.Err = standard(oe.Err)
	}
	return oe
}

// standard translates the texts of gVisor's errors; others pass.
func standard(err error) error {
	switch err.Error() {
	case (*tcpip.ErrConnectionRefused)(nil).String():
		return syscall.ECONNREFUSED
	case (*tcpip.ErrConnectionReset)(nil).String():
		return syscall.ECONNRESET
	case (*tcpip.ErrConnectionAborted)(nil).String(), (*tcpip.ErrAborted)(nil).String():
		return syscall.ECONNABORTED
	case (*tcpip.ErrClosedForSend)(nil).String(), (*tcpip.ErrClosedForReceive)(nil).String():
		return syscall.EPIPE
	case (*tcpip.ErrHostUnreachable)(nil).String(), (*tcpip.ErrHostDown)(nil).String():
		return syscall.EHOSTUNREACH
	case (*tcpip.ErrNetworkUnreachable)(nil).String():
		return syscall.ENETUNREACH
	case (*tcpip.ErrTimeout)(nil).String():
		return syscall.ETIMEDOUT
	case (*tcpip.ErrPortInUse)(nil).String(), (*tcpip.ErrNoPortAvailable)(nil).String():
		return syscall.EADDRINUSE
	case (*tcpip.ErrBadLocalAddress)(nil).String(), (*tcpip.ErrBadAddress)(nil).String():
		return syscall.EADDRNOTAVAIL
	case (*tcpip.ErrNotConnected)(nil).String():
		return syscall.ENOTCONN
	case (*tcpip.ErrMessageTooLong)(nil).String():
		return syscall.EMSGSIZE
	case "i/o timeout":
		return os.ErrDeadlineExceeded
	}
	return err
}
