// Package wsbind carries WireGuard's packets over a websocket, for networks that let no UDP out: a conn.Bind for
// wireguard-go on the client's side, and the Link that both ends are made of.
//
// The stream is that of the platform's gateways: the client opens with four magic bytes, then both ends send packets,
// each after its length in four bytes, big endian, cut into websocket messages anywhere. A packet of no bytes only keeps
// the connection open.
//
// The package encrypts and authenticates nothing itself: what it carries is WireGuard.
package wsbind

import (
	"context"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"sync"
	"time"

	"github.com/coder/websocket"
	"golang.zx2c4.com/wireguard/conn"
)

const (
	firstRetry = 250 * time.Millisecond
	lastRetry  = 10 * time.Second
	lasted     = 5 * time.Second // a connection that held so long starts the retries anew
	kept       = 64              // batches kept while there is no connection
	stale      = 5 * time.Second // after which WireGuard has sent the same again
)

var errNotConnected = errors.New("websocket: not connected")

// Options says how to reach the gateway.
type Options struct {
	// URL is the gateway's, such as wss://203.0.113.7:443/.
	URL string
	// Dial opens the TCP connection; nil takes net.Dialer, through the environment's HTTPS proxy if there is one.
	Dial func(ctx context.Context, network, addr string) (net.Conn, error)
	// Logger gets connects and losses at debug level; nil drops them.
	Logger *slog.Logger
}

// State says whether a Bind reaches the gateway now.
type State struct {
	Connected bool
	Since     time.Time // of Connected; zero before the first try
	Err       error     // of the latest failure, nil while connected
}

// Bind is a conn.Bind over one websocket connection, which it opens anew whenever it is lost. All packets go to the
// gateway of Options.URL, whatever endpoint wireguard-go was told; that endpoint only stays visible in its status.
type Bind struct {
	o Options

	mu       sync.Mutex
	open     *session      // nil while closed, guarded by mu
	endpoint *Endpoint     // the last one parsed, guarded by mu
	link     *Link         // nil while not connected, guarded by mu
	waiting  []batch       // what was sent without a connection, oldest first, guarded by mu
	state    State         // guarded by mu
	changed  chan struct{} // closed and replaced at each change of state, guarded by mu
}

var _ conn.Bind = (*Bind)(nil)

type session struct {
	cancel   context.CancelFunc
	closed   <-chan struct{}
	received chan []byte
	wg       sync.WaitGroup
}

type batch struct {
	at      time.Time
	packets [][]byte
}

// New makes a Bind. Nothing is dialed before Open. An URL that is not of scheme wss or ws is an error of every connect,
// shown by State.
func New(o Options) *Bind {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	return &Bind{o: o, changed: make(chan struct{}), endpoint: &Endpoint{}}
}

// State is the latest known state of the connection. It never blocks.
func (b *Bind) State() State {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.state
}

// Changed is closed at the next change of State.
func (b *Bind) Changed() <-chan struct{} {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.changed
}

// Open starts connecting. The port is only reported back: a websocket has none to listen on.
func (b *Bind) Open(port uint16) ([]conn.ReceiveFunc, uint16, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.open != nil {
		return nil, 0, conn.ErrBindAlreadyOpen
	}
	ctx, cancel := context.WithCancel(context.Background())
	s := &session{cancel: cancel, closed: ctx.Done(), received: make(chan []byte, 4*conn.IdealBatchSize)}
	b.open = s
	s.wg.Go(func() { b.run(ctx, s) })
	return []conn.ReceiveFunc{func(packets [][]byte, sizes []int, eps []conn.Endpoint) (int, error) {
		return b.receive(s, packets, sizes, eps)
	}}, port, nil
}

// Close ends the connection and waits for its goroutines. It is idempotent, and Open may follow.
func (b *Bind) Close() error {
	b.mu.Lock()
	s := b.open
	b.open, b.waiting = nil, nil
	b.mu.Unlock()
	if s == nil {
		return nil
	}
	s.cancel()
	s.wg.Wait()
	return nil
}

// SetMark does nothing: marks are for routing around a kernel interface, which a user-mode tunnel does not have.
func (*Bind) SetMark(uint32) error { return nil }

// BatchSize is how many packets one call of Send or a ReceiveFunc handles.
func (*Bind) BatchSize() int { return conn.IdealBatchSize }

// ParseEndpoint keeps the address for the status.
func (b *Bind) ParseEndpoint(s string) (conn.Endpoint, error) {
	ap, err := netip.ParseAddrPort(s)
	if err != nil {
		return nil, err
	}
	e := &Endpoint{ap}
	b.mu.Lock()
	b.endpoint = e
	b.mu.Unlock()
	return e, nil
}

// Send sends packets to the gateway. Without a connection the latest ones are kept for a moment, so that the handshake
// that asked for the connection goes out with it.
func (b *Bind) Send(packets [][]byte, _ conn.Endpoint) error {
	b.mu.Lock()
	if b.open == nil {
		b.mu.Unlock()
		return net.ErrClosed
	}
	l := b.link
	if l == nil {
		if len(b.waiting) == kept {
			b.waiting = slices.Delete(b.waiting, 0, 1)
		}
		c := batch{at: time.Now()}
		for _, p := range packets {
			c.packets = append(c.packets, slices.Clone(p))
		}
		b.waiting = append(b.waiting, c)
	}
	b.mu.Unlock()
	if l == nil {
		return nil
	}
	return l.Send(packets)
}

func (b *Bind) receive(s *session, packets [][]byte, sizes []int, eps []conn.Endpoint) (int, error) {
	var p []byte
	select {
	case <-s.closed:
		return 0, net.ErrClosed
	case p = <-s.received:
	}
	b.mu.Lock()
	from := b.endpoint
	b.mu.Unlock()
	for n := 0; ; {
		sizes[n] = copy(packets[n], p)
		eps[n] = from
		n++
		if n == len(packets) {
			return n, nil
		}
		select {
		case p = <-s.received:
		default:
			return n, nil
		}
	}
}

// run keeps one connection open until ctx ends.
func (b *Bind) run(ctx context.Context, s *session) {
	defer b.report(nil, nil)
	wait := firstRetry
	for ctx.Err() == nil {
		start := time.Now()
		err := b.connect(ctx, s)
		if ctx.Err() != nil {
			return
		}
		if time.Since(start) > lasted {
			wait = firstRetry
		}
		b.report(nil, err)
		b.o.Logger.Debug("websocket lost", "url", b.o.URL, "err", err, "retry", wait)
		// Spread, or all clients of a restarted gateway come back at the same moment.
		timer := time.NewTimer(wait/2 + rand.N(wait/2+1))
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
		}
		wait = min(2*wait, lastRetry)
	}
}

func (b *Bind) connect(ctx context.Context, s *session) error {
	l, err := b.dial(ctx)
	if err != nil {
		return err
	}
	for _, w := range b.report(l, nil) {
		if time.Since(w.at) < stale {
			_ = l.Send(w.packets)
		}
	}
	b.o.Logger.Debug("websocket connected", "url", b.o.URL)
	return l.Run(ctx, false, func(packet []byte) {
		select {
		case s.received <- slices.Clone(packet):
		case <-ctx.Done():
		}
	})
}

func (b *Bind) dial(ctx context.Context) (*Link, error) {
	ctx, cancel := context.WithTimeout(ctx, handshakeWait)
	defer cancel()
	u, err := url.Parse(b.o.URL)
	if err != nil || u.Scheme != "wss" && u.Scheme != "ws" || u.Host == "" {
		return nil, fmt.Errorf("websocket: address %q: want wss://host:port/", b.o.URL)
	}
	transport := &http.Transport{
		DialContext: b.o.Dial,
		// Gateways have certificates of their own making for bare addresses. Nothing is lost by not looking at them: the
		// packets inside are WireGuard, which knows the gateway by its public key; whoever stands in between can only
		// drop them, as on the way of a datagram.
		TLSClientConfig:   &tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS12},
		DisableKeepAlives: true,
	}
	if b.o.Dial == nil {
		transport.Proxy = http.ProxyFromEnvironment
	}
	defer transport.CloseIdleConnections()
	ws, answer, err := websocket.Dial(ctx, b.o.URL, &websocket.DialOptions{ //nolint:bodyclose // the library closes it
		HTTPClient: &http.Client{Transport: transport},
		HTTPHeader: http.Header{"Origin": {b.o.URL}},
	})
	if err != nil {
		if answer != nil && answer.StatusCode != http.StatusSwitchingProtocols {
			return nil, fmt.Errorf("websocket: %s answered %s instead of a websocket", u.Host, answer.Status)
		}
		return nil, fmt.Errorf("websocket: connect to %s: %w", u.Host, err)
	}
	l := newLink(ws)
	if err := l.message(ctx, binary.BigEndian.AppendUint32(nil, Magic)); err != nil {
		_ = ws.CloseNow()
		return nil, fmt.Errorf("websocket: open the stream to %s: %w", u.Host, err)
	}
	return l, nil
}

// report stores the connection and the state, and hands over what waited for a connection.
func (b *Bind) report(l *Link, err error) (waiting []batch) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if s := (State{Connected: l != nil, Since: time.Now(), Err: err}); s.Connected != b.state.Connected || b.state.Since.IsZero() {
		b.state = s
	} else {
		b.state.Err = err
	}
	b.link = l
	close(b.changed)
	b.changed = make(chan struct{})
	if l != nil {
		waiting, b.waiting = b.waiting, nil
	}
	return waiting
}

// Endpoint is the address wireguard-go was told, for its status.
type Endpoint struct{ netip.AddrPort }

var _ conn.Endpoint = (*Endpoint)(nil)

// ClearSrc does nothing: there is no source address to choose.
func (*Endpoint) ClearSrc() {}

// SrcToString is empty.
func (*Endpoint) SrcToString() string { return "" }

// DstToString is the address and port.
func (e *Endpoint) DstToString() string { return e.String() }

// DstToBytes is the address and port in binary, for WireGuard's cookies.
func (e *Endpoint) DstToBytes() []byte {
	b, _ := e.MarshalBinary()
	return b
}

// DstIP is the address.
func (e *Endpoint) DstIP() netip.Addr { return e.Addr() }

// SrcIP is the zero address.
func (*Endpoint) SrcIP() netip.Addr { return netip.Addr{} }
