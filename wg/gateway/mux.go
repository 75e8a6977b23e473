package gateway

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"net"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/net/ipv4"
	"golang.org/x/net/ipv6"
	"golang.zx2c4.com/wireguard/conn"

	"ops-console/wg/wsbind"
)

// mux is the conn.Bind of a gateway: one UDP socket at one address (wireguard-go's own Bind takes the port on all
// addresses of the machine) and any number of websockets. A peer is answered the way its last packet came.
type mux struct {
	listen netip.AddrPort
	paused atomic.Bool
	loss   atomic.Uint64 // bits of the float64 share that is lost
	web    chan packet   // from all websockets

	mu     sync.Mutex
	udp    *net.UDPConn  // nil after release, guarded by mu
	batch  batcher       // of udp, guarded by mu
	closed chan struct{} // of the open session, nil while closed, guarded by mu
}

type batcher interface {
	ReadBatch([]ipv4.Message, int) (int, error)
	WriteBatch([]ipv4.Message, int) (int, error)
}

type packet struct {
	data []byte
	from *endpoint
}

// endpoint is where a peer is answered.
type endpoint struct {
	wsbind.Endpoint
	link *wsbind.Link // nil for UDP
}

func endpointAt(ap netip.AddrPort, l *wsbind.Link) *endpoint {
	return &endpoint{wsbind.Endpoint{AddrPort: netip.AddrPortFrom(ap.Addr().Unmap(), ap.Port())}, l}
}

var (
	_ conn.Bind     = (*mux)(nil)
	_ conn.Endpoint = (*endpoint)(nil)
)

// newMux takes the port at once, so that the endpoint is known, and keeps it while the device is down.
func newMux(listen netip.AddrPort) (*mux, error) {
	network := "udp6"
	if listen.Addr().Unmap().Is4() {
		network = "udp4"
	}
	udp, err := net.ListenUDP(network, net.UDPAddrFromAddrPort(listen))
	if err != nil {
		return nil, fmt.Errorf("listen for peers: %w", err)
	}
	// What the kernel cannot queue is lost, and lost packets cost TCP inside dearly. The kernel cuts this to its own
	// bound without an error.
	_ = udp.SetReadBuffer(7 << 20)
	_ = udp.SetWriteBuffer(7 << 20)
	m := &mux{udp: udp, web: make(chan packet, 4*conn.IdealBatchSize)}
	if network == "udp4" {
		m.batch = ipv4.NewPacketConn(udp)
	} else {
		m.batch = ipv6.NewPacketConn(udp)
	}
	at := udp.LocalAddr().(*net.UDPAddr).AddrPort()
	m.listen = netip.AddrPortFrom(at.Addr().Unmap(), at.Port())
	return m, nil
}

func (m *mux) addr() netip.AddrPort { return m.listen }

// release gives the port back.
func (m *mux) release() {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.udp != nil {
		_ = m.udp.Close()
		m.udp = nil
	}
}

// Open ignores the port: it has been chosen already.
func (m *mux) Open(uint16) ([]conn.ReceiveFunc, uint16, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed != nil {
		return nil, 0, conn.ErrBindAlreadyOpen
	}
	if m.udp == nil {
		return nil, 0, net.ErrClosed
	}
	_ = m.udp.SetReadDeadline(time.Time{})
	closed := make(chan struct{})
	m.closed = closed
	return []conn.ReceiveFunc{m.receiveUDP(m.udp, m.batch, closed), m.receiveWeb(closed)}, m.listen.Port(), nil
}

// Close lets the receive functions return; the socket stays, so that a device that goes up again finds its port.
func (m *mux) Close() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed == nil {
		return nil
	}
	close(m.closed)
	m.closed = nil
	if m.udp != nil {
		_ = m.udp.SetReadDeadline(time.Unix(1, 0))
	}
	return nil
}

func (m *mux) receiveUDP(udp *net.UDPConn, b batcher, closed <-chan struct{}) conn.ReceiveFunc {
	msgs := make([]ipv4.Message, conn.IdealBatchSize)
	for i := range msgs {
		msgs[i].Buffers = make([][]byte, 1)
	}
	return func(bufs [][]byte, sizes []int, eps []conn.Endpoint) (int, error) {
		for {
			for i := range bufs {
				msgs[i].Buffers[0] = bufs[i]
			}
			n, err := b.ReadBatch(msgs[:len(bufs)], 0)
			select {
			case <-closed:
				return 0, net.ErrClosed
			default:
			}
			if err != nil {
				if errors.Is(err, net.ErrClosed) {
					return 0, net.ErrClosed
				}
				// What remains is the refusal of an earlier datagram, which concerns one peer only. wireguard-go would
				// stop listening for good after ten of them.
				continue
			}
			if m.paused.Load() {
				continue
			}
			for i := range n {
				at := msgs[i].Addr.(*net.UDPAddr).AddrPort()
				sizes[i] = msgs[i].N
				if m.loses() {
					sizes[i] = 0 // the device skips it
				}
				eps[i] = endpointAt(at, nil)
			}
			return n, nil
		}
	}
}

func (m *mux) receiveWeb(closed <-chan struct{}) conn.ReceiveFunc {
	return func(bufs [][]byte, sizes []int, eps []conn.Endpoint) (int, error) {
		var p packet
		select {
		case <-closed:
			return 0, net.ErrClosed
		case p = <-m.web:
		}
		for n := 0; ; {
			sizes[n], eps[n] = copy(bufs[n], p.data), p.from
			n++
			if n == len(bufs) {
				return n, nil
			}
			select {
			case p = <-m.web:
			default:
				return n, nil
			}
		}
	}
}

// fromWeb takes one packet of a websocket; it waits while the device is behind.
func (m *mux) fromWeb(e *endpoint, data []byte, ended <-chan struct{}) {
	m.mu.Lock()
	closed := m.closed
	m.mu.Unlock()
	if closed == nil || m.paused.Load() || m.loses() {
		return
	}
	select {
	case m.web <- packet{slices.Clone(data), e}:
	case <-closed:
	case <-ended:
	}
}

// Send answers a peer.
func (m *mux) Send(bufs [][]byte, to conn.Endpoint) error {
	e, ok := to.(*endpoint)
	if !ok {
		return conn.ErrWrongEndpointType
	}
	if m.paused.Load() {
		return nil
	}
	if bufs = m.survivors(bufs); len(bufs) == 0 {
		return nil
	}
	if e.link != nil {
		return e.link.Send(bufs)
	}
	m.mu.Lock()
	b := m.batch
	if m.closed == nil || m.udp == nil {
		b = nil
	}
	m.mu.Unlock()
	if b == nil {
		return net.ErrClosed
	}
	addr := net.UDPAddrFromAddrPort(e.AddrPort)
	msgs := make([]ipv4.Message, len(bufs))
	for i := range bufs {
		msgs[i].Buffers, msgs[i].Addr = bufs[i:i+1], addr
	}
	for len(msgs) > 0 {
		n, err := b.WriteBatch(msgs, 0)
		if err != nil {
			return err
		}
		msgs = msgs[n:]
	}
	return nil
}

// loses decides over one packet.
func (m *mux) loses() bool {
	share := math.Float64frombits(m.loss.Load())
	return share > 0 && rand.Float64() < share
}

// survivors is the packets of bufs that are not lost; bufs itself is left alone, for its packets belong to the device.
func (m *mux) survivors(bufs [][]byte) [][]byte {
	if m.loss.Load() == 0 {
		return bufs
	}
	var out [][]byte
	for _, b := range bufs {
		if !m.loses() {
			out = append(out, b)
		}
	}
	return out
}

func (*mux) SetMark(uint32) error { return nil }

func (*mux) BatchSize() int { return conn.IdealBatchSize }

func (*mux) ParseEndpoint(s string) (conn.Endpoint, error) {
	ap, err := netip.ParseAddrPort(s)
	if err != nil {
		return nil, err
	}
	return endpointAt(ap, nil), nil
}
