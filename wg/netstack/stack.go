// Package netstack is a TCP/IP stack in this process that a WireGuard device reads from and writes to: the inside
// end of a user-mode tunnel. Connections made on it never touch the machine's own network.
//
// It encrypts nothing, resolves no names, and knows no peers.
package netstack

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"golang.zx2c4.com/wireguard/conn"
	"golang.zx2c4.com/wireguard/tun"
	"gvisor.dev/gvisor/pkg/buffer"
	"gvisor.dev/gvisor/pkg/log"
	"gvisor.dev/gvisor/pkg/tcpip"
	"gvisor.dev/gvisor/pkg/tcpip/header"
	"gvisor.dev/gvisor/pkg/tcpip/network/ipv4"
	"gvisor.dev/gvisor/pkg/tcpip/network/ipv6"
	"gvisor.dev/gvisor/pkg/tcpip/stack"
	"gvisor.dev/gvisor/pkg/tcpip/transport/icmp"
	"gvisor.dev/gvisor/pkg/tcpip/transport/tcp"
	"gvisor.dev/gvisor/pkg/tcpip/transport/udp"
)

// DefaultMTU passes through every path that carries IPv6 at all, so that no path MTU needs to be found.
const DefaultMTU = 1280

// defaultQueue is a few windows of packets: a writer waits rather than loses when it is full.
const defaultQueue = 1024

const nic tcpip.NICID = 1

// ErrClosed is what connections and dials return once the Stack was closed. It is net.ErrClosed to errors.Is.
var ErrClosed error = closedError{}

type closedError struct{}

func (closedError) Error() string        { return "tunnel closed" }
func (closedError) Is(target error) bool { return target == os.ErrClosed || target == net.ErrClosed }

// Options of New. The zero value is good for a client.
type Options struct {
	MTU   int // of packets inside the tunnel; 0: DefaultMTU
	Queue int // packets waiting for the device before writers wait; 0: 1024
	// Promiscuous takes packets for every address and answers from them: a gateway that stands for many machines.
	Promiscuous bool
}

// Stack is a network of our own addresses, and the tun.Device through which it is reached. Give it to
// device.NewDevice, which from then on closes it. All methods are safe for concurrent use.
type Stack struct {
	s      *stack.Stack
	link   *link
	mtu    atomic.Int64
	ctx    context.Context
	cancel context.CancelFunc
	once   sync.Once

	mu     sync.Mutex // guards events against a send after close
	events chan tun.Event
}

var _ tun.Device = (*Stack)(nil)

// gVisor logs to standard error by default, in the middle of whatever is on the screen.
func init() { log.SetTarget(quiet{}) }

type quiet struct{}

func (quiet) Emit(int, log.Level, time.Time, string, ...any) {}

// New makes a stack with the given addresses of our own.
func New(addrs []netip.Addr, o Options) (*Stack, error) {
	if o.MTU == 0 {
		o.MTU = DefaultMTU
	}
	if o.Queue <= 0 {
		o.Queue = defaultQueue
	}
	if o.MTU < header.IPv4MinimumMTU || o.MTU > 65535 {
		return nil, fmt.Errorf("netstack: MTU %d out of range", o.MTU)
	}
	t := &Stack{events: make(chan tun.Event, 4)}
	t.ctx, t.cancel = context.WithCancel(context.Background())
	t.mtu.Store(int64(o.MTU))
	t.link = newLink(o.MTU, o.Queue, t.ctx.Done())
	t.s = stack.New(stack.Options{
		NetworkProtocols: []stack.NetworkProtocolFactory{ipv4.NewProtocol, ipv6.NewProtocol},
		TransportProtocols: []stack.TransportProtocolFactory{
			tcp.NewProtocol, udp.NewProtocol, icmp.NewProtocol4, icmp.NewProtocol6,
		},
		// A promiscuous NIC makes every address local, and replies would then loop back instead of leaving.
		HandleLocal: !o.Promiscuous,
	})
	if err := t.configure(addrs, o); err != nil {
		_ = t.Close()
		return nil, err
	}
	return t, nil
}

func (t *Stack) configure(addrs []netip.Addr, o Options) error {
	sack := tcpip.TCPSACKEnabled(true)
	// RACK turns a burst of lost packets (a full UDP receive buffer is enough) into thousands of timeouts.
	recovery := tcpip.TCPRecovery(0)
	for _, opt := range []tcpip.SettableTransportProtocolOption{&sack, &recovery} {
		if e := t.s.SetTransportProtocolOption(tcp.ProtocolNumber, opt); e != nil {
			return stackError("set tcp option", e)
		}
	}
	if e := t.s.CreateNIC(nic, t.link); e != nil {
		return stackError("create interface", e)
	}
	if o.Promiscuous {
		if e := t.s.SetPromiscuousMode(nic, true); e != nil {
			return stackError("promiscuous mode", e)
		}
		if e := t.s.SetSpoofing(nic, true); e != nil {
			return stackError("spoofing", e)
		}
	}
	t.s.AddRoute(tcpip.Route{Destination: header.IPv4EmptySubnet, NIC: nic})
	t.s.AddRoute(tcpip.Route{Destination: header.IPv6EmptySubnet, NIC: nic})
	for _, a := range addrs {
		if err := t.AddAddr(a); err != nil {
			return err
		}
	}
	return nil
}

// AddAddr makes a one of our own addresses. One that is there already is no error.
func (t *Stack) AddAddr(a netip.Addr) error {
	if !a.IsValid() || a.Zone() != "" {
		return fmt.Errorf("netstack: cannot take address %s", a)
	}
	a = a.Unmap()
	e := t.s.AddProtocolAddress(nic, tcpip.ProtocolAddress{
		Protocol:          protocolOf(a),
		AddressWithPrefix: tcpip.AddrFromSlice(a.AsSlice()).WithPrefix(),
	}, stack.AddressProperties{})
	if _, dup := e.(*tcpip.ErrDuplicateAddress); dup {
		return nil
	}
	return stackError("add "+a.String(), e)
}

// RemoveAddr takes an address away. Its connections die; wildcard listeners no longer answer for it.
func (t *Stack) RemoveAddr(a netip.Addr) error {
	return stackError("remove "+a.String(), t.s.RemoveAddress(nic, tcpip.AddrFromSlice(a.Unmap().AsSlice())))
}

// SetMTU changes the MTU of a live stack. New TCP connections announce a matching segment size, so that what the
// peer sends shrinks too.
func (t *Stack) SetMTU(n int) error {
	if n < header.IPv4MinimumMTU || n > 65535 {
		return fmt.Errorf("netstack: MTU %d out of range", n)
	}
	t.mtu.Store(int64(n))
	if e := t.s.SetNICMTU(nic, uint32(n)); e != nil {
		return stackError("set MTU", e)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.ctx.Err() == nil {
		select {
		case t.events <- tun.EventMTUUpdate:
		default: // events that the device has not read yet lead it to the same value
		}
	}
	return nil
}

// Linger waits, as long as ctx lets it, until the ends of all closed connections have arrived: what was written last, and that
// no more comes. Without, the other side of a connection that is closed right before the stack would wait for hours.
func (t *Stack) Linger(ctx context.Context) {
	tick := time.NewTicker(lingerEvery)
	defer tick.Stop()
	for t.leaving() {
		select {
		case <-ctx.Done():
			return
		case <-t.ctx.Done():
			return
		case <-tick.C:
		}
	}
}

const lingerEvery = 2 * time.Millisecond

// leaving says whether a connection was closed here whose end has not arrived yet.
func (t *Stack) leaving() bool {
	for _, e := range append(t.s.CleanupEndpoints(), t.s.RegisteredEndpoints()...) {
		if ep, ok := e.(tcpip.Endpoint); ok {
			switch tcp.EndpointState(ep.State()) {
			case tcp.StateFinWait1, tcp.StateClosing, tcp.StateLastAck:
				return true
			}
		}
	}
	return false
}

// Close aborts all connections and waits for the goroutines of the stack. It is idempotent, and safe under traffic.
func (t *Stack) Close() error {
	t.once.Do(func() {
		// First of all: writers that wait for room hold locks of the stack.
		t.cancel()
		t.s.RemoveNIC(nic)
		t.s.Close()
		t.s.Wait()
		t.link.drain()
		t.mu.Lock()
		close(t.events)
		t.mu.Unlock()
	})
	return nil
}

// Read hands the device packets that leave, as many as are there. It is part of tun.Device.
func (t *Stack) Read(bufs [][]byte, sizes []int, offset int) (int, error) {
	return t.link.read(bufs, sizes, offset)
}

// Write takes packets that arrived. It is part of tun.Device.
func (t *Stack) Write(bufs [][]byte, offset int) (int, error) {
	if t.ctx.Err() != nil {
		return 0, os.ErrClosed
	}
	for _, b := range bufs {
		p := b[offset:]
		if len(p) == 0 {
			continue
		}
		var pn tcpip.NetworkProtocolNumber
		switch header.IPVersion(p) {
		case header.IPv4Version:
			pn = header.IPv4ProtocolNumber
		case header.IPv6Version:
			pn = header.IPv6ProtocolNumber
		default:
			continue // not worth the rest of the batch
		}
		pkt := stack.NewPacketBuffer(stack.PacketBufferOptions{Payload: buffer.MakeWithData(p)})
		t.link.InjectInbound(pn, pkt)
		pkt.DecRef()
	}
	return len(bufs), nil
}

// File is part of tun.Device; there is none.
func (t *Stack) File() *os.File { return nil }

// MTU is part of tun.Device.
func (t *Stack) MTU() (int, error) { return int(t.mtu.Load()), nil }

// Name is part of tun.Device.
func (t *Stack) Name() (string, error) { return "user-mode", nil }

// Events is part of tun.Device. Only changes of the MTU are sent: bringing the device up is left to its owner.
func (t *Stack) Events() <-chan tun.Event { return t.events }

// BatchSize is part of tun.Device. Batches are what sendmmsg and UDP segmentation need.
func (t *Stack) BatchSize() int { return conn.IdealBatchSize }

func protocolOf(a netip.Addr) tcpip.NetworkProtocolNumber {
	if a.Is4() {
		return ipv4.ProtocolNumber
	}
	return ipv6.ProtocolNumber
}

func stackError(what string, e tcpip.Error) error {
	if e == nil {
		return nil
	}
	return fmt.Errorf("netstack: %s: %w", what, standard(errors.New(e.String())))
}
