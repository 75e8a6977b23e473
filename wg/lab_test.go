package wg

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/miekg/dns"

	"ops-console/wg/conf"
	"ops-console/wg/gateway"
	"ops-console/wg/relay"
)

var (
	labPrefix   = netip.MustParsePrefix("fdaa:0:abcd::/48")
	labOwn      = netip.MustParsePrefix("fdaa:0:abcd:a7b:d6b:0:a:2/120")
	labInstance = netip.MustParseAddr("fdaa:0:abcd:a7b:1::1")
)

// quick are timings for tests. WireGuard's own 5 s between handshakes cannot be made shorter.
func quick() timings {
	return timings{
		tick: 20 * time.Millisecond, idle: 300 * time.Millisecond, fast: 60 * time.Millisecond, timeout: time.Second,
		quiet: 150 * time.Millisecond, verdict: 1200 * time.Millisecond, slow: 2 * time.Second,
		patience: 200 * time.Millisecond, udp: 2 * time.Second, web: 6 * time.Second,
		backoff: []time.Duration{200 * time.Millisecond, 400 * time.Millisecond, 600 * time.Millisecond},
	}
}

// lab is a gateway with one instance, a relay with faults before it, and the configuration of a peer that goes there.
type lab struct {
	t     testing.TB
	g     *gateway.Gateway
	relay *relay.Relay
	cfg   *conf.Config
	rcode atomic.Int32 // of the DNS server; -1: silent
	at    atomic.Pointer[netip.Addr]
}

type labOptions struct {
	websocket bool
	mtu       int
}

func newLab(t testing.TB, o labOptions) *lab {
	t.Helper()
	l := &lab{t: t}
	g := gateway.Options{
		PrivateKey: conf.GenerateKey(), Prefix: labPrefix, Listen: netip.MustParseAddrPort("127.0.0.1:0"),
		DNS: dns.HandlerFunc(l.serveDNS), MTU: o.mtu,
	}
	if o.websocket {
		g.Websocket = "127.0.0.1:0"
	}
	var err error
	if l.g, err = gateway.Start(t.Context(), g); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.g.Close() })
	if l.relay, err = relay.New("127.0.0.1:0", l.g.Endpoint()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.relay.Close() })
	a := l.relay.Addr().Addr()
	l.at.Store(&a)
	l.cfg = &conf.Config{
		PrivateKey: conf.GenerateKey(), Addresses: []netip.Prefix{labOwn}, DNS: []netip.Addr{l.g.DNSAddr()}, MTU: o.mtu,
		Peers: []conf.Peer{{
			PublicKey: l.g.PublicKey(), AllowedIPs: []netip.Prefix{labPrefix}, Keepalive: 15,
			Endpoint: net.JoinHostPort("gateway.test", strconv.Itoa(int(l.relay.Addr().Port()))),
		}},
	}
	if err := l.g.AddPeer(l.cfg.PrivateKey.Public(), labOwn); err != nil {
		t.Fatal(err)
	}
	l.serveHTTP()
	return l
}

func (l *lab) serveDNS(w dns.ResponseWriter, r *dns.Msg) {
	code := l.rcode.Load()
	if code < 0 {
		return
	}
	m := new(dns.Msg).SetRcode(r, int(code))
	q := r.Question[0]
	if code == dns.RcodeSuccess {
		h := dns.RR_Header{Name: q.Name, Rrtype: q.Qtype, Class: dns.ClassINET, Ttl: 5}
		switch {
		case q.Name == "web.internal." && q.Qtype == dns.TypeAAAA:
			m.Answer = append(m.Answer, &dns.AAAA{Hdr: h, AAAA: labInstance.AsSlice()})
		case q.Name == "long.internal." && q.Qtype == dns.TypeTXT:
			for range 20 {
				m.Answer = append(m.Answer, &dns.TXT{Hdr: h, Txt: []string{strings.Repeat("a", 255), `b\"\\\001`}})
			}
		case q.Name != "_api.internal.":
			m.Rcode = dns.RcodeNameError
		}
	}
	w.WriteMsg(m)
}

func (l *lab) serveHTTP() {
	l.t.Helper()
	if err := l.g.Stack().AddAddr(labInstance); err != nil {
		l.t.Fatal(err)
	}
	ln, err := l.g.Stack().ListenTCP(netip.AddrPortFrom(labInstance, 8080))
	if err != nil {
		l.t.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("/hello", func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "hello") })
	mux.HandleFunc("/bytes", func(w http.ResponseWriter, r *http.Request) {
		n, _ := strconv.Atoi(r.FormValue("n"))
		w.Header().Set("Content-Length", strconv.Itoa(n))
		io.CopyN(w, zeros{}, int64(n))
	})
	mux.HandleFunc("/sink", func(w http.ResponseWriter, r *http.Request) {
		n, _ := io.Copy(io.Discard, r.Body)
		fmt.Fprint(w, n)
	})
	s := &http.Server{Handler: mux}
	var wg sync.WaitGroup
	wg.Go(func() { s.Serve(ln) })
	l.t.Cleanup(func() { s.Close(); wg.Wait() })
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { return len(p), nil }

func (l *lab) options() userOptions {
	return userOptions{
		timings: quick(), transport: transportUDP,
		lookup: func(context.Context, string) ([]netip.Addr, error) { return []netip.Addr{*l.at.Load()}, nil },
	}
}

// open joins and waits until the network is up.
func (l *lab) open(o userOptions) *userNetwork {
	l.t.Helper()
	u := l.start(o)
	waitState(l.t, u, StateUp)
	return u
}

func (l *lab) start(o userOptions) *userNetwork {
	l.t.Helper()
	u, err := openUser(l.t.Context(), l.cfg, o)
	if err != nil {
		l.t.Fatal(err)
	}
	l.t.Cleanup(func() { u.Close() })
	return u
}

// patience is for machines that have no time for us; how soon things happen is held in simulated time (verdict_test.go).
const patience = 40 * time.Second

// waitState waits for a state and returns how long that took.
func waitState(t testing.TB, n Network, want State) time.Duration {
	t.Helper()
	start := time.Now()
	late := time.After(patience)
	for {
		changed := n.Changed()
		s := n.Status()
		if s.State == want {
			return time.Since(start)
		}
		select {
		case <-changed:
		case <-late:
			t.Fatalf("state is %s after %s, want %s: %s; heals %d, last %q", s.State, patience, want, s.Cause, s.Heals, s.LastHeal)
		}
	}
}

// client makes requests inside the network.
func client(t testing.TB, n Network) *http.Client {
	tr := &http.Transport{DialContext: n.DialContext}
	t.Cleanup(tr.CloseIdleConnections)
	return &http.Client{Transport: tr, Timeout: 20 * time.Second}
}

func get(t testing.TB, c *http.Client, url string) string {
	t.Helper()
	r, err := c.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	b, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func deadline(t testing.TB, d time.Duration) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), d)
	t.Cleanup(cancel)
	return ctx
}

// peer admits one more peer, with the same address, and returns its key.
func (l *lab) peer(t testing.TB) conf.Key {
	t.Helper()
	k := conf.GenerateKey()
	if err := l.g.AddPeer(k.Public(), labOwn); err != nil {
		t.Fatal(err)
	}
	return k
}
