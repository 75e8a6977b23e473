// Package gateway is the gateway end of a private WireGuard network, in user mode: peers reach it by UDP or over a
// websocket, it serves the network's DNS, and its Stack carries the addresses of the instances behind it. The simulated
// platform and the tests of wg stand on it.
//
// It needs no rights and touches nothing of the machine but the two addresses it is told to listen at. It does not carry
// packets between peers, nor out of the network.
package gateway

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"net/netip"
	"sync"
	"time"

	"github.com/miekg/dns"
	"golang.zx2c4.com/wireguard/device"

	"ops-console/wg/conf"
	"ops-console/wg/netstack"
)

// DefaultMTU is the packet size of gateways as they run; clients with a smaller one announce it themselves.
const DefaultMTU = 1420

// Options describes a gateway.
type Options struct {
	PrivateKey conf.Key
	// Prefix is the /48 of the network. The gateway's own address is ::3 in it.
	Prefix netip.Prefix
	// Listen is the UDP address for peers; port 0 takes any free one.
	Listen netip.AddrPort
	// Websocket is the host:port for TLS websockets; empty for none.
	Websocket string
	// DNS answers at ::3 port 53, UDP and TCP. Answers too long for a datagram are cut for it. Nil: no DNS.
	DNS dns.Handler
	// MTU is that of packets inside; 0 takes DefaultMTU.
	MTU int
	// Logger gets WireGuard's errors at warning and its chatter at debug level; nil drops both.
	Logger *slog.Logger
}

// Gateway is one running gateway. All methods are safe for concurrent use.
type Gateway struct {
	o     Options
	own   netip.Addr
	stack *netstack.Stack
	mux   *mux
	dev   *device.Device
	web   *webServer // nil without Options.Websocket
	dns   []*dns.Server
	wg    sync.WaitGroup // of the DNS servers
	close sync.Once

	mu    sync.Mutex
	peers map[conf.PublicKey]netip.Prefix // guarded by mu
}

// Start starts a gateway without peers. When it returns, packets, websockets and DNS questions are taken. ctx bounds the
// start only: Close ends the gateway.
func Start(ctx context.Context, o Options) (*Gateway, error) {
	switch {
	case o.PrivateKey.IsZero():
		return nil, errors.New("gateway: no private key")
	case !o.Prefix.IsValid() || !o.Prefix.Addr().Is6() || o.Prefix.Bits() > 120:
		return nil, fmt.Errorf("gateway: network %s: want an IPv6 prefix, a /48", o.Prefix)
	case !o.Listen.IsValid():
		return nil, errors.New("gateway: no address to listen at")
	case ctx.Err() != nil:
		return nil, ctx.Err()
	}
	if o.MTU == 0 {
		o.MTU = DefaultMTU
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	o.Prefix = o.Prefix.Masked()
	g := &Gateway{o: o, own: At(o.Prefix, 3), peers: map[conf.PublicKey]netip.Prefix{}}
	if err := g.start(ctx); err != nil {
		_ = g.Close()
		return nil, fmt.Errorf("gateway: %w", err)
	}
	return g, nil
}

// At is the address of a prefix whose last 16 bits are n.
func At(p netip.Prefix, n uint16) netip.Addr {
	b := p.Addr().As16()
	b[14], b[15] = byte(n>>8), byte(n)
	return netip.AddrFrom16(b)
}

func (g *Gateway) start(ctx context.Context) (err error) {
	g.stack, err = netstack.New([]netip.Addr{g.own}, netstack.Options{MTU: g.o.MTU})
	if err != nil {
		return err
	}
	if g.mux, err = newMux(g.o.Listen); err != nil {
		_ = g.stack.Close()
		return err
	}
	g.dev = device.NewDevice(g.stack, g.mux, deviceLogger(g.o.Logger))
	if err := g.dev.SetPrivateKey(device.NoisePrivateKey(g.o.PrivateKey.Bytes())); err != nil {
		return errors.New("WireGuard does not take the private key")
	}
	if err := g.dev.Up(); err != nil {
		return err
	}
	if g.o.DNS != nil {
		if err := g.serveDNS(); err != nil {
			return err
		}
	}
	if g.o.Websocket != "" {
		if g.web, err = serveWeb(ctx, g.o.Websocket, g.mux, g.o.Logger); err != nil {
			return err
		}
	}
	return nil
}

// Close ends listeners, DNS and then the device, and waits for all of them. Listeners that others opened on Stack are
// closed with it. It is idempotent.
func (g *Gateway) Close() error {
	g.close.Do(func() {
		if g.web != nil {
			g.web.close()
		}
		for _, s := range g.dns {
			ctx, cancel := context.WithTimeout(context.Background(), time.Second)
			_ = s.ShutdownContext(ctx)
			cancel()
		}
		g.wg.Wait()
		switch {
		case g.dev != nil:
			g.dev.Close() // and with it the stack and the mux
		case g.stack != nil:
			_ = g.stack.Close()
		}
		if g.mux != nil {
			g.mux.release()
		}
	})
	return nil
}

// Stack is where instances get their addresses and listeners.
func (g *Gateway) Stack() *netstack.Stack { return g.stack }

// Prefix is the network's.
func (g *Gateway) Prefix() netip.Prefix { return g.o.Prefix }

// PublicKey is what peers know the gateway by.
func (g *Gateway) PublicKey() conf.PublicKey { return g.o.PrivateKey.Public() }

// Endpoint is the UDP address peers send to.
func (g *Gateway) Endpoint() netip.AddrPort { return g.mux.addr() }

// DNSAddr is the address of the network's DNS server, ::3, where other services of the platform listen as well.
func (g *Gateway) DNSAddr() netip.Addr { return g.own }

// WebsocketURL is where clients connect to; empty without a websocket listener.
func (g *Gateway) WebsocketURL() string {
	if g.web == nil {
		return ""
	}
	return "wss://" + g.web.addr + "/"
}

// Pause loses every packet in both directions until Resume, as a stopped process or a dead path does. Keys and
// connections stay.
func (g *Gateway) Pause() { g.mux.paused.Store(true) }

// Resume ends a Pause.
func (g *Gateway) Resume() { g.mux.paused.Store(false) }

// Lose loses a share of the packets, 0 to 1, in each direction from now on.
func (g *Gateway) Lose(share float64) { g.mux.loss.Store(math.Float64bits(max(0, min(share, 1)))) }

// Restart forgets every session and cuts the websockets, as a restarted gateway does: peers notice when their packets
// are not answered any more, and must shake hands again.
func (g *Gateway) Restart() error {
	if g.web != nil {
		g.web.cut()
	}
	if err := g.dev.Down(); err != nil {
		return fmt.Errorf("gateway: stop: %w", err)
	}
	if err := g.dev.Up(); err != nil {
		return fmt.Errorf("gateway: start again: %w", err)
	}
	return nil
}

func deviceLogger(l *slog.Logger) *device.Logger {
	return &device.Logger{
		Verbosef: func(format string, args ...any) {
			if l.Enabled(context.Background(), slog.LevelDebug) {
				l.Debug(fmt.Sprintf(format, args...))
			}
		},
		Errorf: func(format string, args ...any) { l.Warn(fmt.Sprintf(format, args...)) },
	}
}
