package wg

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/miekg/dns"

	"ops-console/wg/conf"
	"ops-console/wg/gateway"
	"ops-console/wg/wgtest"
)

// openAuto opens with everything left to Open.
func openAuto(t *testing.T, o Options) Network {
	t.Helper()
	o.RuntimeDir = shortDir(t)
	n, err := Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = n.Close() })
	return n
}

func wantKind(t *testing.T, n Network, kind Kind, why string) Status {
	t.Helper()
	s := n.Status()
	if s.Kind != kind || !strings.Contains(s.Why, why) {
		t.Fatalf("kind %s because %q, want %s because %q", s.Kind, s.Why, kind, why)
	}
	return s
}

func TestAutoUsesAnExistingInterface(t *testing.T) {
	t.Parallel()
	wgtest.Run(t, func(t *testing.T) {
		p := newPrivate(t, gateway.Options{})
		i := wgtest.New(t, "wg0", p.cfg)
		n := openAuto(t, Options{Config: p.cfg})
		wantKind(t, n, KindInterface, "wg0 has this peer's address")
		until(t, n, "up", isUp)
		if err := say(soon(t), n); err != nil {
			t.Error(err)
		}
		if txt, err := n.Resolver().LookupTXT(soon(t), "vms.app.internal"); err != nil || len(txt) != 1 || len(txt[0]) != 409 {
			t.Errorf("TXT %q, %v", txt, err)
		}
		if _, err := n.DialContext(soon(t), "tcp", "127.0.0.1:80"); !errors.Is(err, ErrOutside) {
			t.Errorf("dial outside: %v", err)
		}
		s := until(t, n, "counting", func(s Status) bool { return s.Rx > 0 && s.Tx > 0 && s.RTT > 0 && !s.HandshakeAt.IsZero() })
		got := s
		got.At, got.Since, got.HandshakeAt, got.RTT, got.LastOK = time.Time{}, time.Time{}, time.Time{}, 0, time.Time{}
		got.Rx, got.Tx, got.RxRate, got.TxRate = 0, 0, 0, 0
		want := Status{
			Kind: KindInterface, Why: "an existing interface carries the network: wg0 has this peer's address", State: StateUp,
			Device: "wg0", Transport: "udp", Endpoint: p.gw.Endpoint().String(), PublicKey: p.cfg.PrivateKey.Public().String(),
			Addresses: p.cfg.Addresses, DNS: netip.AddrPortFrom(p.gw.DNSAddr(), 53).String(), HandshakeKnown: true, MTU: 1420,
		}
		if diff := cmp.Diff(want, got, cmp.Comparer(func(a, b netip.Prefix) bool { return a == b })); diff != "" {
			t.Errorf("status (-want +got):\n%s", diff)
		}
		if age := time.Since(s.HandshakeAt); age < 0 || age > time.Minute {
			t.Errorf("handshake %s ago", age)
		}

		// The process behind the interface is stopped: what it would say is missing, the rest goes on.
		i.Freeze()
		s = until(t, n, "without handshake", func(s Status) bool { return !s.HandshakeKnown })
		if s.State != StateUp || s.Rx == 0 || !strings.Contains(s.Advice, "does not answer") {
			t.Errorf("status with a stopped process: %+v", s)
		}
		if err := say(soon(t), n); err != nil {
			t.Error(err)
		}
		m := openAuto(t, Options{Config: p.cfg}) // the address says that it is ours
		wantKind(t, m, KindInterface, "wg0")
		i.Thaw()
		until(t, n, "with handshake", func(s Status) bool { return s.HandshakeKnown })

		// A second tunnel with this key would break both.
		_, err := Open(t.Context(), Options{Mode: ModeUser, Config: p.cfg, RuntimeDir: shortDir(t)})
		if busy := (ErrKeyInUse{}); !errors.As(err, &busy) || busy.Interface != "wg0" {
			t.Errorf("user mode with the interface's key: %v", err)
		}
		// Another peer of the same network finds its way through it, and may have a tunnel of its own.
		other := p.join(t, 2)
		wantKind(t, openAuto(t, Options{Config: other}), KindInterface, "its DNS answers")
		wantKind(t, openAuto(t, Options{Config: other, Mode: ModeUser}), KindUser, "asked for")
		wantKind(t, openAuto(t, Options{}), KindInterface, "its DNS answers")

		// It goes away.
		if err := i.Close(); err != nil {
			t.Fatal(err)
		}
		until(t, n, "gone", func(s Status) bool { return strings.Contains(s.Cause, "wg0 is gone") && s.Advice != "" })
		u := openAuto(t, Options{Config: p.cfg})
		wantKind(t, u, KindUser, "no interface")
		until(t, u, "up", isUp)

		// It comes back while the console has a tunnel of its own with the same key.
		again := wgtest.New(t, "wg0", p.cfg)
		until(t, u, "warned of the second user of the key", func(s Status) bool { return strings.Contains(s.Advice, "wg-quick down wg0") })
		if err := again.Close(); err != nil {
			t.Fatal(err)
		}
		until(t, u, "alone again", func(s Status) bool { return s.Advice == "" && s.State == StateUp })
	})
}

func TestAnExistingInterfaceThatDies(t *testing.T) {
	t.Parallel()
	wgtest.Run(t, func(t *testing.T) {
		p := newPrivate(t, gateway.Options{})
		wgtest.New(t, "wg0", p.cfg)
		o := Options{Config: p.cfg, Logger: slog.New(slog.DiscardHandler)}
		n := openInterface(o, findWays(t.Context(), o, machine()).ours(), "for the test", quickly())
		t.Cleanup(func() { _ = n.Close() })
		until(t, n, "up", isUp)
		p.gw.Pause()
		start := time.Now()
		s := until(t, n, "dead", func(s Status) bool { return s.State == StateDead })
		// TestVerdictWithoutRepairsIsReachedInTime holds the bound, in simulated time.
		t.Logf("dead after %s: %s; %s", time.Since(start).Round(time.Millisecond), s.Cause, s.Advice)
		p.gw.Resume()
		start = time.Now()
		until(t, n, "up", isUp)
		t.Logf("up after %s", time.Since(start).Round(time.Millisecond))

		// A silent DNS server is no dead network: its machine answers, and addresses are dialled.
		p.silent.Store(true)
		s = until(t, n, "without DNS", func(s Status) bool { return s.State == StateDNSDown })
		if !strings.HasPrefix(s.Cause, "tunnel works") {
			t.Errorf("cause %q", s.Cause)
		}
		c, err := n.DialContext(soon(t), "tcp", netip.AddrPortFrom(p.instance, 7).String())
		if err != nil {
			t.Fatal(err)
		}
		_ = c.Close()
		p.silent.Store(false)
		until(t, n, "up", isUp)
	})
}

func TestAutoPassesOverAnInterfaceOfAnotherNetwork(t *testing.T) {
	t.Parallel()
	wgtest.Run(t, func(t *testing.T) {
		p := newPrivate(t, gateway.Options{})
		elsewhere := *p.join(t, 3)
		elsewhere.Addresses = []netip.Prefix{netip.MustParsePrefix("fdaa:0:99:a7b::2/120")}
		elsewhere.Peers[0].AllowedIPs = []netip.Prefix{netip.MustParsePrefix("fdaa:0:99::/48")}
		wgtest.New(t, "wg0", &elsewhere)
		n := openAuto(t, Options{Config: p.cfg})
		wantKind(t, n, KindUser, "no interface")
		until(t, n, "up", isUp)

		// Without a configuration it is the only one there is, but nothing answers.
		_, err := Open(t.Context(), Options{RuntimeDir: shortDir(t)})
		if none := (ErrNoWay{}); !errors.As(err, &none) || !strings.Contains(err.Error(), "does not answer through wg0") {
			t.Errorf("without a configuration: %v", err)
		}
		_, err = Open(t.Context(), Options{Mode: ModeInterface, Interface: "wg7", Config: p.cfg, RuntimeDir: shortDir(t)})
		if none := (ErrNoWay{}); !errors.As(err, &none) || !strings.Contains(err.Error(), "wg7") {
			t.Errorf("an interface that is not there: %v", err)
		}
	})
}

func TestAutoIsDirectInsideTheNetwork(t *testing.T) {
	t.Parallel()
	wgtest.Run(t, func(t *testing.T) {
		// The machine has an Ethernet address of the network, and the platform's server answers.
		wgtest.IP(t, "link", "add", "eth7", "type", "veth", "peer", "name", "eth8")
		for _, a := range []string{"fdaa:0:18:a7b::5/64", "fdaa:0:18:a7b::2/128", "fdaa::3/128"} {
			wgtest.IP(t, "address", "add", a, "dev", "eth7", "nodad")
		}
		wgtest.IP(t, "link", "set", "eth7", "up")
		wgtest.IP(t, "link", "set", "eth8", "up")
		instance := netip.MustParseAddr("fdaa:0:18:a7b::2")
		p := private{instance: instance, silent: new(atomic.Bool)}
		pc, err := net.ListenPacket("udp", "[fdaa::3]:53")
		if err != nil {
			t.Fatal(err)
		}
		server := &dns.Server{PacketConn: pc, Handler: dns.HandlerFunc(p.answer)}
		done := make(chan error, 1)
		go func() { done <- server.ActivateAndServe() }()
		t.Cleanup(func() { _ = pc.Close(); <-done })
		l, err := net.Listen("tcp", netip.AddrPortFrom(instance, 7).String())
		if err != nil {
			t.Fatal(err)
		}
		go func() {
			for {
				c, err := l.Accept()
				if err != nil {
					return
				}
				go func() {
					defer func() { _ = c.Close() }()
					b := make([]byte, 64)
					n, _ := c.Read(b)
					_, _ = c.Write(b[:n])
				}()
			}
		}()
		t.Cleanup(func() { _ = l.Close() })

		n := openAuto(t, Options{})
		wantKind(t, n, KindDirect, "inside the network through eth7")
		until(t, n, "up", isUp)
		if err := say(soon(t), n); err != nil {
			t.Error(err)
		}
		if s := n.Status(); s.HandshakeKnown || s.DNS != "[fdaa::3]:53" || s.Device != "eth7" || s.MTU == 0 {
			t.Errorf("status %+v", s)
		}
		key := conf.GenerateKey()
		wantKind(t, openAuto(t, Options{Config: &conf.Config{
			PrivateKey: key, Addresses: []netip.Prefix{netip.MustParsePrefix("fdaa:0:18:a7b::77/120")},
			Peers: []conf.Peer{{PublicKey: conf.GenerateKey().Public(), Endpoint: "127.0.0.1:1", AllowedIPs: []netip.Prefix{netip.MustParsePrefix("fdaa:0:18::/48")}}},
		}}), KindDirect, "its DNS answers")
	})
}

func TestOpenSaysWhatIsWrong(t *testing.T) {
	for _, tt := range []struct {
		name string
		o    Options
		want string
	}{
		{"mode", Options{Mode: "sideways"}, `unknown network mode "sideways": want auto, user, interface or direct`},
		{"transport", Options{Transport: "pigeon"}, `unknown transport "pigeon"`},
		{"user mode without a configuration", Options{Mode: ModeUser}, "ops-console wg join"},
		{"no such file", Options{ConfigPath: "/nowhere/peer.conf"}, "/nowhere/peer.conf"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			n, err := Open(t.Context(), tt.o)
			if err == nil {
				_ = n.Close()
			}
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %v, want %q in it", err, tt.want)
			}
		})
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Open(ctx, Options{}); !errors.Is(err, context.Canceled) {
		t.Errorf("with a canceled context: %v", err)
	}
}
