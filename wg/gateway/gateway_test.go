package gateway_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/miekg/dns"
	"go.uber.org/goleak"
	"golang.org/x/net/websocket"
	"golang.zx2c4.com/wireguard/conn"
	"golang.zx2c4.com/wireguard/device"

	"ops-console/wg/conf"
	"ops-console/wg/gateway"
	"ops-console/wg/netstack"
	"ops-console/wg/wsbind"
)

var prefix = netip.MustParsePrefix("fdaa:0:18::/48")

// longTXT answers with about 3,000 bytes.
func longTXT(w dns.ResponseWriter, r *dns.Msg) {
	m := new(dns.Msg).SetReply(r)
	for i := range 15 {
		m.Answer = append(m.Answer, &dns.TXT{
			Hdr: dns.RR_Header{Name: r.Question[0].Name, Rrtype: dns.TypeTXT, Class: dns.ClassINET, Ttl: 5},
			Txt: []string{strings.Repeat(fmt.Sprint(i%10), 200)},
		})
	}
	_ = w.WriteMsg(m)
}

func start(t testing.TB, o gateway.Options) *gateway.Gateway {
	t.Helper()
	o.PrivateKey, o.Prefix = conf.GenerateKey(), prefix
	o.Listen = netip.MustParseAddrPort("127.0.0.1:0")
	o.DNS = dns.HandlerFunc(longTXT)
	g, err := gateway.Start(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = g.Close() })
	return g
}

type peer struct {
	key   conf.Key
	stack *netstack.Stack
	dev   *device.Device
	own   netip.Addr
}

// join connects a peer the way wireguard-go does by itself, with addresses prefix:a:N00 and :N02.
func join(t testing.TB, g *gateway.Gateway, n byte, bind conn.Bind) peer {
	t.Helper()
	b := prefix.Addr().As16()
	b[11], b[14], b[15] = 0xa, n, 2
	own := netip.AddrFrom16(b)
	p := peer{key: conf.GenerateKey(), own: own}
	allowed := netip.PrefixFrom(own, 120)
	if err := g.AddPeer(p.key.Public(), allowed); err != nil {
		t.Fatal(err)
	}
	var err error
	p.stack, err = netstack.New([]netip.Addr{own, allowed.Masked().Addr()}, netstack.Options{})
	if err != nil {
		t.Fatal(err)
	}
	p.dev = device.NewDevice(p.stack, bind, device.NewLogger(device.LogLevelError, "peer "))
	t.Cleanup(p.dev.Close)
	c := conf.Config{PrivateKey: p.key, Peers: []conf.Peer{{
		PublicKey: g.PublicKey(), AllowedIPs: []netip.Prefix{prefix}, Endpoint: g.Endpoint().String(), Keepalive: 15,
	}}}
	if err := p.dev.IpcSet(string(c.AppendUAPI(nil, conf.FixedEndpoint))); err != nil {
		t.Fatal(err)
	}
	if err := p.dev.Up(); err != nil {
		t.Fatal(err)
	}
	return p
}

func (p peer) ask(ctx context.Context, g *gateway.Gateway, network string, size uint16) (*dns.Msg, error) {
	at := netip.AddrPortFrom(g.DNSAddr(), 53)
	var c net.Conn
	var err error
	if network == "udp" {
		c, err = p.stack.DialUDP(at)
	} else {
		c, err = p.stack.DialTCP(ctx, at)
	}
	if err != nil {
		return nil, err
	}
	defer func() { _ = c.Close() }()
	deadline, _ := ctx.Deadline()
	_ = c.SetDeadline(deadline)
	q := new(dns.Msg).SetQuestion("vms.app.internal.", dns.TypeTXT)
	if size > 0 {
		q.SetEdns0(size, false)
	}
	d := &dns.Conn{Conn: c, UDPSize: size}
	if err := d.WriteMsg(q); err != nil {
		return nil, err
	}
	return d.ReadMsg()
}

func within(t testing.TB, d time.Duration) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), d)
	t.Cleanup(cancel)
	return ctx
}

func TestAnswersAreCutForTheTransport(t *testing.T) {
	g := start(t, gateway.Options{})
	p := join(t, g, 1, conn.NewDefaultBind())
	type answer struct {
		Records   int
		Truncated bool
	}
	for _, tt := range []struct {
		name, network string
		size          uint16
		want          answer
	}{
		{"without EDNS", "udp", 0, answer{2, true}},
		{"EDNS", "udp", 1232, answer{5, true}},
		{"EDNS larger than any packet", "udp", 4096, answer{5, true}},
		{"TCP", "tcp", 0, answer{15, false}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			m, err := p.ask(within(t, 5*time.Second), g, tt.network, tt.size)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, answer{len(m.Answer), m.Truncated}); diff != "" {
				t.Errorf("answer (-want +got):\n%s", diff)
			}
			if n := m.Len(); tt.network == "udp" && n > 1232 {
				t.Errorf("%d bytes in a datagram", n)
			}
		})
	}
}

// serveWho answers on port 80 of every instance with its own and the asker's address.
func serveWho(t testing.TB, g *gateway.Gateway) {
	t.Helper()
	l, err := g.Stack().ListenTCP(netip.AddrPortFrom(netip.IPv6Unspecified(), 80))
	if err != nil {
		t.Fatal(err)
	}
	s := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		from, _ := netip.ParseAddrPort(r.RemoteAddr)
		_, _ = fmt.Fprintf(w, "%s %s", r.Context().Value(http.LocalAddrContextKey), from.Addr())
	})}
	done := make(chan struct{})
	go func() { defer close(done); _ = s.Serve(l) }()
	t.Cleanup(func() { _ = s.Close(); <-done })
}

func (p peer) get(ctx context.Context, to netip.Addr) (string, error) {
	tr := &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, _, addr string) (net.Conn, error) {
		ap, err := netip.ParseAddrPort(addr)
		if err != nil {
			return nil, err
		}
		return p.stack.DialTCP(ctx, ap)
	}}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+netip.AddrPortFrom(to, 80).String(), nil)
	if err != nil {
		return "", err
	}
	res, err := (&http.Client{Transport: tr}).Do(req)
	if err != nil {
		return "", err
	}
	defer func() { _ = res.Body.Close() }()
	b, err := io.ReadAll(res.Body)
	return string(b), err
}

func TestInstancesComeAndGo(t *testing.T) {
	g := start(t, gateway.Options{})
	p := join(t, g, 1, conn.NewDefaultBind())
	serveWho(t, g)
	instance := netip.MustParseAddr("fdaa:0:18:a7b:1::2")
	if err := g.Stack().AddAddr(instance); err != nil {
		t.Fatal(err)
	}
	got, err := p.get(within(t, 5*time.Second), instance)
	if err != nil {
		t.Fatal(err)
	}
	if want := fmt.Sprintf("[%s]:80 %s", instance, p.own); got != want {
		t.Errorf("instance says %q, want %q", got, want)
	}
	if err := g.Stack().RemoveAddr(instance); err != nil {
		t.Fatal(err)
	}
	if _, err := p.get(within(t, 200*time.Millisecond), instance); err == nil {
		t.Error("an instance that went away still answers")
	}
}

func TestPeersOverUDPAndWebsocketSideBySide(t *testing.T) {
	g := start(t, gateway.Options{Websocket: "127.0.0.1:0"})
	serveWho(t, g)
	instance := netip.MustParseAddr("fdaa:0:18:a7b:1::2")
	if err := g.Stack().AddAddr(instance); err != nil {
		t.Fatal(err)
	}
	peers := []peer{
		join(t, g, 1, conn.NewDefaultBind()),
		join(t, g, 2, wsbind.New(wsbind.Options{URL: g.WebsocketURL()})),
		join(t, g, 3, wsbind.New(wsbind.Options{URL: g.WebsocketURL()})),
	}
	for range 3 {
		for _, p := range peers {
			got, err := p.get(within(t, 8*time.Second), instance)
			if err != nil {
				t.Fatal(err)
			}
			if want := fmt.Sprintf("[%s]:80 %s", instance, p.own); got != want {
				t.Errorf("instance says %q, want %q", got, want)
			}
		}
	}
	list, err := g.Peers()
	if err != nil {
		t.Fatal(err)
	}
	if len(list) != 3 {
		t.Fatalf("%d peers, want 3", len(list))
	}
	for _, p := range list {
		if !p.Endpoint.IsValid() || time.Since(p.HandshakeAt) > time.Minute || p.Rx == 0 || p.Tx == 0 || p.Prefix.Bits() != 120 {
			t.Errorf("peer %+v", p)
		}
	}
}

// TestPluggedClient speaks to the gateway as clients do that put a loopback UDP socket between an ordinary WireGuard and
// the websocket: another library, text messages, length and packet written apart, empty packets as keep-alive.
func TestPluggedClient(t *testing.T) {
	g := start(t, gateway.Options{Websocket: "127.0.0.1:0"})
	config, err := websocket.NewConfig(g.WebsocketURL(), g.WebsocketURL())
	if err != nil {
		t.Fatal(err)
	}
	config.TlsConfig = &tls.Config{InsecureSkipVerify: true}
	ws, err := websocket.DialConfig(config)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = ws.Close() }()
	plug, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = plug.Close() }()
	write := func(b []byte) {
		_, _ = ws.Write(binary.BigEndian.AppendUint32(nil, uint32(len(b))))
		if len(b) > 0 {
			_, _ = ws.Write(b)
		}
	}
	_, _ = ws.Write(binary.BigEndian.AppendUint32(nil, wsbind.Magic))
	write(nil)
	from := make(chan net.Addr, 1)
	go func() {
		buf := make([]byte, 2000)
		for {
			n, a, err := plug.ReadFrom(buf)
			if err != nil {
				return
			}
			select {
			case from <- a:
			default:
			}
			write(buf[:n])
		}
	}()
	go func() {
		var size [4]byte
		a := <-from
		for {
			if _, err := io.ReadFull(ws, size[:]); err != nil {
				return
			}
			b := make([]byte, binary.BigEndian.Uint32(size[:]))
			if _, err := io.ReadFull(ws, b); err != nil {
				return
			}
			_, _ = plug.WriteTo(b, a)
		}
	}()
	p := joinAt(t, g, 1, plug.LocalAddr().String())
	if _, err := p.ask(within(t, 8*time.Second), g, "tcp", 0); err != nil {
		t.Error(err)
	}
}

func joinAt(t testing.TB, g *gateway.Gateway, n byte, endpoint string) peer {
	t.Helper()
	p := join(t, g, n, conn.NewDefaultBind())
	k := g.PublicKey()
	if err := p.dev.IpcSet(fmt.Sprintf("public_key=%x\nendpoint=%s\n", k[:], endpoint)); err != nil {
		t.Fatal(err)
	}
	return p
}

func TestMaskedSourceIsAccepted(t *testing.T) {
	g := start(t, gateway.Options{})
	p := join(t, g, 1, conn.NewDefaultBind())
	// The stack prefers neither address; take away the one with the host part.
	if err := p.stack.RemoveAddr(p.own); err != nil {
		t.Fatal(err)
	}
	if _, err := p.ask(within(t, 5*time.Second), g, "udp", 0); err != nil {
		t.Error(err)
	}
}

func TestPauseKeepsAndRestartForgetsSessions(t *testing.T) {
	g := start(t, gateway.Options{Websocket: "127.0.0.1:0"})
	p := join(t, g, 1, wsbind.New(wsbind.Options{URL: g.WebsocketURL()}))
	if _, err := p.ask(within(t, 8*time.Second), g, "udp", 0); err != nil {
		t.Fatal(err)
	}
	g.Pause()
	if _, err := p.ask(within(t, 150*time.Millisecond), g, "udp", 0); err == nil {
		t.Error("a paused gateway answers")
	}
	g.Resume()
	if _, err := p.ask(within(t, 3*time.Second), g, "udp", 0); err != nil {
		t.Errorf("after resume: %v", err)
	}
	if err := g.Restart(); err != nil {
		t.Fatal(err)
	}
	if _, err := p.ask(within(t, 150*time.Millisecond), g, "udp", 0); err == nil {
		t.Error("a restarted gateway knows the old session")
	}
	peers, err := g.Peers()
	if err != nil || len(peers) != 1 {
		t.Fatalf("peers %+v, %v", peers, err)
	}
}

func TestRemovedPeersAreSilenced(t *testing.T) {
	g := start(t, gateway.Options{})
	p := join(t, g, 1, conn.NewDefaultBind())
	if _, err := p.ask(within(t, 5*time.Second), g, "udp", 0); err != nil {
		t.Fatal(err)
	}
	if err := g.RemovePeer(p.key.Public()); err != nil {
		t.Fatal(err)
	}
	if _, err := p.ask(within(t, 150*time.Millisecond), g, "udp", 0); err == nil {
		t.Error("a removed peer is answered")
	}
	if err := g.RemovePeer(p.key.Public()); err != nil {
		t.Errorf("second removal: %v", err)
	}
}

func TestBadOptionsAndPeers(t *testing.T) {
	good := gateway.Options{PrivateKey: conf.GenerateKey(), Prefix: prefix, Listen: netip.MustParseAddrPort("127.0.0.1:0")}
	base := goleak.IgnoreCurrent()
	for name, change := range map[string]func(*gateway.Options){
		"no private key":          func(o *gateway.Options) { o.PrivateKey = conf.Key{} },
		"want an IPv6 prefix":     func(o *gateway.Options) { o.Prefix = netip.MustParsePrefix("10.0.0.0/8") },
		"no address to listen at": func(o *gateway.Options) { o.Listen = netip.AddrPort{} },
		"listen for peers":        func(o *gateway.Options) { o.Listen = netip.MustParseAddrPort("192.0.2.1:1") },
		"websocket address":       func(o *gateway.Options) { o.Websocket = "nonsense" },
		"listen for websockets":   func(o *gateway.Options) { o.Websocket = "192.0.2.1:1" },
	} {
		o := good
		change(&o)
		g, err := gateway.Start(t.Context(), o)
		if err == nil {
			_ = g.Close()
		}
		if err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("error %v, want %q", err, name)
		}
	}
	goleak.VerifyNone(t, base)

	g := start(t, gateway.Options{})
	key := conf.GenerateKey().Public()
	for _, tt := range []struct {
		key    conf.PublicKey
		prefix string
	}{
		{conf.PublicKey{}, "fdaa:0:18::/120"},
		{g.PublicKey(), "fdaa:0:18::/120"},
		{key, "fdaa:0:19::/120"},
		{key, "fdaa::/16"},
		{key, "10.0.0.1/32"},
	} {
		if err := g.AddPeer(tt.key, netip.MustParsePrefix(tt.prefix)); err == nil {
			t.Errorf("peer %s with %s was taken", tt.key.Short(), tt.prefix)
		}
	}
}

func TestCloseUnderTraffic(t *testing.T) {
	base := goleak.IgnoreCurrent()
	for range 20 {
		g, err := gateway.Start(t.Context(), gateway.Options{
			PrivateKey: conf.GenerateKey(), Prefix: prefix, Listen: netip.MustParseAddrPort("127.0.0.1:0"),
			Websocket: "127.0.0.1:0", DNS: dns.HandlerFunc(longTXT),
		})
		if err != nil {
			t.Fatal(err)
		}
		var peers []peer
		for i, b := range []conn.Bind{conn.NewDefaultBind(), wsbind.New(wsbind.Options{URL: g.WebsocketURL()})} {
			peers = append(peers, join(t, g, byte(i+1), b))
		}
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		done := make(chan struct{}, len(peers))
		answered := make(chan struct{}, 1024)
		for _, p := range peers {
			go func() {
				defer func() { done <- struct{}{} }()
				for ctx.Err() == nil {
					one, stop := context.WithTimeout(ctx, time.Second)
					if _, err := p.ask(one, g, "tcp", 0); err == nil {
						select {
						case answered <- struct{}{}:
						default:
						}
					} else if errors.Is(err, net.ErrClosed) {
						stop()
						return
					}
					stop()
				}
			}()
		}
		<-answered
		for range 2 {
			_ = g.Close()
		}
		cancel()
		for _, p := range peers {
			<-done
			p.dev.Close()
		}
	}
	goleak.VerifyNone(t, base)
}

// BenchmarkDownload measures one connection through the gateway; both ends are in this process.
func BenchmarkDownload(b *testing.B) {
	for name, bind := range map[string]func(*gateway.Gateway) conn.Bind{
		"udp": func(*gateway.Gateway) conn.Bind { return conn.NewDefaultBind() },
		"websocket": func(g *gateway.Gateway) conn.Bind {
			return wsbind.New(wsbind.Options{URL: g.WebsocketURL()})
		},
	} {
		b.Run(name, func(b *testing.B) {
			g := start(b, gateway.Options{Websocket: "127.0.0.1:0"})
			p := join(b, g, 1, bind(g))
			l, err := g.Stack().ListenTCP(netip.AddrPortFrom(g.DNSAddr(), 80))
			if err != nil {
				b.Fatal(err)
			}
			const size = 16 << 20
			go func() {
				for {
					c, err := l.Accept()
					if err != nil {
						return
					}
					_, _ = io.Copy(c, bytes.NewReader(make([]byte, size)))
					_ = c.Close()
				}
			}()
			b.SetBytes(size)
			for b.Loop() {
				c, err := p.stack.DialTCP(b.Context(), netip.AddrPortFrom(g.DNSAddr(), 80))
				if err != nil {
					b.Fatal(err)
				}
				if n, err := io.Copy(io.Discard, c); err != nil || n != size {
					b.Fatal(n, err)
				}
				_ = c.Close()
			}
			_ = l.Close()
		})
	}
}
