package wg

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"sync"
	"time"

	"golang.zx2c4.com/wireguard/conn"
	"golang.zx2c4.com/wireguard/device"

	"ops-console/wg/conf"
	"ops-console/wg/netstack"
	"ops-console/wg/wsbind"
)

// probeName exists in every network, also in one without apps.
const probeName = "_api.internal"

// userOptions of openUser. The zero value is that of a program in use.
type userOptions struct {
	why string // for Status.Why
	// transport is auto (or empty), udp or websocket.
	transport string
	// websocketURL replaces wss://<endpoint's host>:443/.
	websocketURL string
	// lookup resolves the endpoint's name outside of the tunnel; nil asks the machine's resolver.
	lookup func(ctx context.Context, host string) ([]netip.Addr, error)
	// udp makes the UDP transport; nil takes wireguard-go's.
	udp     func() conn.Bind
	timings timings
	logger  *slog.Logger // gets debug messages, never a key; nil drops them
}

// userNetwork is WireGuard in this process: a device, a TCP/IP stack behind it, and a monitor over both.
type userNetwork struct {
	cfg     *conf.Config // our own copy
	o       userOptions
	peer    conf.Peer // the one that leads to the DNS server
	stack   *netstack.Stack
	bind    *switchBind
	webHost string // where the websocket leads to
	dev     *device.Device
	dialer  *dialer
	monitor *monitor
	cancel  context.CancelFunc
	wg      sync.WaitGroup
	closing sync.Once
	located chan struct{} // closed when the endpoint has an address

	mu         sync.Mutex
	endpoint   netip.AddrPort // the last one set, guarded by mu
	resolveErr error          // of the endpoint's name, guarded by mu
	rival      string         // interface of this machine that came up with our address, guarded by mu
}

var _ Network = (*userNetwork)(nil)

// openUser starts a tunnel. It waits neither for a handshake nor for the endpoint's name: the Network starts as
// connecting and goes on trying. An error is one of the configuration or of this machine. ctx bounds the opening only.
func openUser(ctx context.Context, cfg *conf.Config, o userOptions) (*userNetwork, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if o.logger == nil {
		o.logger = slog.New(slog.DiscardHandler)
	}
	u := &userNetwork{cfg: cfg.Clone(), o: o, located: make(chan struct{})}
	servers, err := u.choose()
	if err == nil {
		err = u.chooseTransport()
	}
	if err == nil {
		err = u.start()
	}
	if err != nil {
		u.cfg.Zero()
		return nil, err
	}
	u.watch(servers)
	return u, nil
}

// choose finds the DNS servers of the network and the peer that leads to them.
func (u *userNetwork) choose() ([]netip.AddrPort, error) {
	own := *u.cfg
	own.DNS = nil // then Nameservers is what the network itself has
	var servers []netip.AddrPort
	for _, a := range slices.Concat(u.cfg.DNS, own.Nameservers()) {
		s := netip.AddrPortFrom(a, 53)
		if u.cfg.Allowed(a) && !slices.Contains(servers, s) && (len(u.cfg.DNS) == 0 || len(servers) < len(u.cfg.DNS)) {
			servers = append(servers, s)
		}
	}
	if len(servers) == 0 {
		return nil, errors.New("wireguard configuration: no DNS server inside of AllowedIPs: add DNS = <prefix>::3 to [Interface]")
	}
	for _, p := range u.cfg.Peers {
		for _, a := range p.AllowedIPs {
			if a.Contains(servers[0].Addr()) {
				u.peer = p
			}
		}
	}
	if u.peer.Endpoint == "" {
		return nil, fmt.Errorf("wireguard configuration: peer %s has no Endpoint: nowhere to connect to", u.peer.PublicKey.Short())
	}
	return servers, nil
}

func (u *userNetwork) chooseTransport() error {
	newUDP := conn.NewDefaultBind
	if u.o.udp != nil {
		newUDP = u.o.udp
	}
	u.bind = &switchBind{udp: newUDP()}
	if u.o.transport == transportUDP {
		return nil
	}
	at := u.o.websocketURL
	if at == "" {
		host, _, err := net.SplitHostPort(u.peer.Endpoint)
		if err != nil {
			return fmt.Errorf("wireguard configuration: endpoint: %w", err)
		}
		at = "wss://" + net.JoinHostPort(host, "443") + "/"
	}
	if parsed, err := url.Parse(at); err == nil { // otherwise connecting says what is wrong
		u.webHost = parsed.Host
	}
	u.bind.web = wsbind.New(wsbind.Options{URL: at, Logger: u.o.logger})
	u.bind.next = u.o.transport == transportWeb
	return nil
}

func (u *userNetwork) start() error {
	var err error
	u.stack, err = netstack.New(u.cfg.HostAddrs(), netstack.Options{MTU: u.cfg.MTU})
	if err != nil {
		return err
	}
	u.dev = device.NewDevice(u.stack, u.bind, deviceLogger(u.o.logger))
	if u.endpoint = conf.FixedEndpoint(u.peer); u.endpoint.IsValid() {
		close(u.located)
	}
	if err := u.configure(u.endpoint); err != nil {
		u.dev.Close()
		return err
	}
	if err := u.dev.Up(); err != nil {
		u.dev.Close()
		if u.cfg.ListenPort != 0 {
			return fmt.Errorf("open UDP port %d for WireGuard: %w: leave ListenPort out of the configuration", u.cfg.ListenPort, err)
		}
		return fmt.Errorf("open a UDP port for WireGuard: %w", err)
	}
	return nil
}

// configure gives the device the whole configuration. Peers are made anew, without session keys and without
// remembering when they asked for a handshake last.
func (u *userNetwork) configure(endpoint netip.AddrPort) error {
	b := u.cfg.AppendUAPI(nil, func(p conf.Peer) netip.AddrPort {
		if p.PublicKey == u.peer.PublicKey {
			return endpoint
		}
		return conf.FixedEndpoint(p)
	})
	defer clear(b)
	if err := u.dev.IpcSetOperation(bytes.NewReader(b)); err != nil {
		return errors.New("configure the WireGuard device: it refused the configuration") // its error quotes the line
	}
	return nil
}

func (u *userNetwork) watch(servers []netip.AddrPort) {
	var ctx context.Context
	ctx, u.cancel = context.WithCancel(context.Background())
	u.dialer = &dialer{connect: u.connect, allowed: allowedIPs(u.cfg.Peers)}
	r := &Resolver{Dial: u.dialer.dialServer, Servers: servers}
	u.dialer.resolver = r
	mtu, _ := u.stack.MTU()
	o := monitorOptions{
		base: Status{
			Kind: KindUser, Why: u.o.why, Device: "user-mode", Transport: transportUDP, Endpoint: u.peer.Endpoint,
			PublicKey: u.cfg.PrivateKey.Public().String(), Addresses: u.cfg.Addresses, DNS: servers[0].String(), MTU: mtu,
		},
		timings:  u.o.timings,
		probe:    u.probe,
		counters: u.counters, ask: u.ask, resolve: u.resolve, rebind: u.rebind, reason: u.reason, advice: u.advice,
	}
	if u.bind.onWeb() {
		o.base.Transport, o.base.Endpoint = transportWeb, u.webHost
	}
	if u.bind.web != nil && u.o.transport != transportWeb {
		o.change = u.changeTransport
	}
	u.monitor = startMonitor(o)
	u.dialer.ready, r.check = u.monitor.ready, u.monitor.ready
	u.wg.Go(func() { u.firstEndpoint(ctx) })
	u.wg.Go(func() { u.checkMTU(ctx) })
}

// DialContext is part of Network.
func (u *userNetwork) DialContext(ctx context.Context, network, addr string) (net.Conn, error) {
	return u.dialer.DialContext(ctx, network, addr)
}

// Resolver is part of Network.
func (u *userNetwork) Resolver() *Resolver { return u.dialer.resolver }

// Status is part of Network.
func (u *userNetwork) Status() Status { return u.monitor.Status() }

// Changed is part of Network.
func (u *userNetwork) Changed() <-chan struct{} { return u.monitor.Changed() }

// linger bounds how long the end of the last connections is waited for: a few round trips across the world.
const linger = time.Second

// Close is part of Network.
func (u *userNetwork) Close() error {
	u.closing.Do(func() {
		// Whoever was talked to learns that it is over: a database keeps a session, and its locks, until then.
		ctx, cancel := context.WithTimeout(context.Background(), linger)
		u.stack.Linger(ctx)
		cancel()
		u.cancel()
		u.monitor.close()
		u.dev.Close() // and the stack with it
		u.wg.Wait()
		u.cfg.Zero()
	})
	return nil
}

// probe asks when there is somewhere to ask: a question before that would be lost, and its timeout waited for.
func (u *userNetwork) probe(ctx context.Context, d time.Duration) (time.Duration, error) {
	name := rival(machine(), u.cfg)
	u.mu.Lock()
	u.rival = name
	u.mu.Unlock()
	bounded, cancel := context.WithTimeout(ctx, d)
	defer cancel()
	select {
	case <-u.located:
	case <-bounded.Done():
		return 0, bounded.Err()
	}
	return u.dialer.resolver.Ping(ctx, probeName, d)
}

func (u *userNetwork) connect(ctx context.Context, network string, to netip.AddrPort) (net.Conn, error) {
	if network == "udp" {
		return u.stack.DialUDP(to)
	}
	return u.stack.DialTCP(ctx, to)
}

func (u *userNetwork) counters() counters {
	p, err := readPeer(u.dev, u.peer.PublicKey)
	if err != nil {
		return counters{}
	}
	c := countersOf(p)
	if u.bind.onWeb() {
		c.endpoint = u.webHost
	}
	return c
}

// ask makes WireGuard send an initiation, unless it did in the last 5 s. Session keys stay as they are.
func (u *userNetwork) ask() {
	for _, p := range u.cfg.Peers {
		if dp := u.dev.LookupPeer(device.NoisePublicKey(p.PublicKey)); dp != nil {
			_ = dp.SendHandshakeInitiation(false) // it logs by itself; silence is noticed anyway
		}
	}
}

// rebind takes a new port. BindUpdate alone would open the old one again, and what stands in the way may know it.
func (u *userNetwork) rebind() error {
	if u.cfg.ListenPort != 0 {
		return u.dev.BindUpdate()
	}
	return u.dev.IpcSet("listen_port=0\n")
}

func (u *userNetwork) changeTransport() (string, error) {
	name := u.bind.toggle()
	if err := u.dev.BindUpdate(); err != nil {
		return name, err
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	// New peers may ask for a handshake at once. The session keys would outlive the change, but the network is dead.
	return name, u.configure(u.endpoint)
}

// reason is why this end alone knows that nothing will work.
func (u *userNetwork) reason(now Status) string {
	u.mu.Lock()
	err, other := u.resolveErr, u.rival
	u.mu.Unlock()
	switch {
	case err != nil:
		return "its name does not resolve: " + err.Error()
	case other != "":
		return "interface " + other + " has this peer's address as well"
	}
	w, ok := u.bind.web.(*wsbind.Bind)
	if ok && now.Transport == transportWeb {
		if s := w.State(); s.Err != nil {
			return s.Err.Error()
		}
	}
	return ""
}

// advice speaks up also while all seems well: of two users of one key each loses packets, not all.
func (u *userNetwork) advice(Status) string {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.rival == "" {
		return ""
	}
	return fmt.Sprintf("interface %s has this peer's address as well, and two users of one key break each other: "+
		"take it down (sudo wg-quick down %s), or start anew, and the console uses it", u.rival, u.rival)
}
