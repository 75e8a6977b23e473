package wg

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/miekg/dns"
	"golang.zx2c4.com/wireguard/conn"

	"ops-console/wg/relay"
)

func TestUserNetworkServesNamesAndAddresses(t *testing.T) {
	l := newLab(t, labOptions{})
	u := l.open(l.options())
	c := client(t, u)
	if got := get(t, c, "http://web.internal:8080/hello"); got != "hello" {
		t.Errorf("got %q", got)
	}
	if got := get(t, c, "http://"+net.JoinHostPort(labInstance.String(), "8080")+"/bytes?n=3000000"); len(got) != 3000000 {
		t.Errorf("got %d bytes", len(got))
	}
	if got := u.Status(); got.Kind != KindUser || got.Transport != "udp" || !got.HandshakeKnown || got.HandshakeAt.IsZero() ||
		got.RTT <= 0 || got.Rx == 0 || got.Tx == 0 || got.MTU != 1280 || got.Device != "user-mode" || got.Cause != "" ||
		got.Endpoint != l.relay.Addr().String() || got.PublicKey != l.cfg.PrivateKey.Public().String() || got.DNS != "[fdaa:0:abcd::3]:53" {
		t.Errorf("status is %+v", got)
	}
	if got := fmt.Sprintf("%+v %#v %+v", u.cfg, u.cfg, u.Status()); strings.Contains(got, l.cfg.PrivateKey.Base64()) || strings.Contains(got, fmt.Sprint(l.cfg.PrivateKey.Bytes())) {
		t.Error("printing the network prints its key")
	}
}

func TestResolverThroughTheTunnel(t *testing.T) {
	l := newLab(t, labOptions{})
	r := l.open(l.options()).Resolver()
	ctx := deadline(t, patience)
	hosts, err := r.LookupHost(ctx, "web.internal")
	if diff := cmp.Diff([]string{labInstance.String()}, hosts); err != nil || diff != "" {
		t.Errorf("%v %s", err, diff)
	}
	txt, err := r.LookupTXT(ctx, "long.internal") // does not fit a datagram
	if err != nil || len(txt) != 20 || txt[0] != strings.Repeat("a", 255)+"b\"\\\x01" {
		t.Errorf("%v, %d records, first %q", err, len(txt), txt[:min(1, len(txt))])
	}
	var de *net.DNSError
	if _, err := r.LookupNetIP(ctx, "nothing.internal"); !errors.As(err, &de) || !de.IsNotFound {
		t.Errorf("got %v, want no such host", err)
	}
	l.rcode.Store(-1)
	short, cancel := context.WithCancel(ctx)
	time.AfterFunc(50*time.Millisecond, cancel)
	start := time.Now()
	if _, err := r.LookupNetIP(short, "web.internal"); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want cancelled", err)
	}
	if d := time.Since(start); d > 2*time.Second { // three rounds would take 2.1 s
		t.Errorf("cancellation took %s", d)
	}
}

func TestUserNetworkHeals(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name     string
		breaking func(*lab, *userNetwork)
		want     State
		mending  func(*lab)
	}{
		{
			"the gateway restarts", func(l *lab, _ *userNetwork) {
				if err := l.g.Restart(); err != nil {
					l.t.Fatal(err)
				}
			}, "", nil,
		},
		{
			"UDP is blocked and unblocked", func(l *lab, _ *userNetwork) { l.relay.Set(relay.Faults{Drop: true}) }, StateDead,
			func(l *lab) { l.relay.Set(relay.Faults{}) },
		},
		{
			"only answers are blocked", func(l *lab, _ *userNetwork) { l.relay.Set(relay.Faults{DropOut: true}) }, StateDead,
			func(l *lab) { l.relay.Set(relay.Faults{}) },
		},
		{
			"the gateway stops and goes on", func(l *lab, _ *userNetwork) { l.g.Pause() }, StateDead,
			func(l *lab) { l.g.Resume() },
		},
		{"a NAT forgets us", func(l *lab, _ *userNetwork) { l.relay.Forget() }, "", nil},
		{
			"this port is blocked for good", func(l *lab, _ *userNetwork) {
				l.relay.Set(relay.Faults{BlockPort: l.relay.Clients()[0].Port()})
			}, StateDead, nil,
		},
		{
			"the peer is removed and added again", func(l *lab, _ *userNetwork) {
				if err := l.g.RemovePeer(l.cfg.PrivateKey.Public()); err != nil {
					l.t.Fatal(err)
				}
			}, StateDead,
			func(l *lab) {
				if err := l.g.AddPeer(l.cfg.PrivateKey.Public(), labOwn); err != nil {
					l.t.Fatal(err)
				}
			},
		},
		{
			"internal DNS is silent", func(l *lab, u *userNetwork) { l.rcode.Store(-1) }, StateDNSDown,
			func(l *lab) { l.rcode.Store(0) },
		},
		{
			"internal DNS answers SERVFAIL", func(l *lab, _ *userNetwork) { l.rcode.Store(dns.RcodeServerFailure) }, StateDNSDown,
			func(l *lab) { l.rcode.Store(0) },
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			l := newLab(t, labOptions{})
			u := l.open(l.options())
			k, err := u.DialContext(deadline(t, patience), "tcp", "web.internal:8080")
			if err != nil {
				t.Fatal(err)
			}
			defer k.Close()
			tt.breaking(l, u)
			if tt.want != "" {
				d := waitState(t, u, tt.want)
				t.Logf("noticed after %s: %s", d.Round(time.Millisecond), u.Status().Cause)
			}
			if tt.want == StateDNSDown { // addresses are dialled all the same
				c, err := u.DialContext(deadline(t, patience), "tcp", netip.AddrPortFrom(labInstance, 8080).String())
				if err != nil {
					t.Errorf("dial by address: %v", err)
				} else {
					c.Close()
				}
			}
			if tt.mending != nil {
				tt.mending(l)
			}
			before := time.Now()
			for u.Status().State != StateUp || !u.Status().LastOK.After(before) {
				if time.Since(before) > patience {
					t.Fatalf("not healed after %s: %+v", patience, u.Status())
				}
				wait(u.Changed(), 20*time.Millisecond)
			}
			t.Logf("healed after %s, %d repairs, last %q", time.Since(before).Round(time.Millisecond), u.Status().Heals, u.Status().LastHeal)
			k.SetDeadline(time.Now().Add(patience))
			io.WriteString(k, "GET /hello HTTP/1.0\r\n\r\n")
			if b, err := io.ReadAll(k); !strings.HasSuffix(string(b), "hello") {
				t.Errorf("the connection of before did not survive: %q, %v", b, err)
			}
		})
	}
}

func wait(c <-chan struct{}, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-c:
	case <-t.C:
	}
}

func TestUserNetworkFollowsTheEndpointsName(t *testing.T) {
	t.Parallel()
	l := newLab(t, labOptions{})
	u := l.open(l.options())
	second, err := relay.New(fmt.Sprintf("127.0.0.2:%d", l.relay.Addr().Port()), l.g.Endpoint())
	if err != nil {
		t.Fatal(err)
	}
	defer second.Close()
	l.relay.Set(relay.Faults{Drop: true})
	waitState(t, u, StateDead)
	a := second.Addr().Addr()
	l.at.Store(&a)
	waitState(t, u, StateUp)
	if got := u.Status(); got.Endpoint != second.Addr().String() {
		t.Errorf("endpoint is %s, want %s", got.Endpoint, second.Addr())
	}
}

func TestUserNetworkStartsBeforeItsEndpointResolves(t *testing.T) {
	t.Parallel()
	l := newLab(t, labOptions{})
	o := l.options()
	var ok atomic.Bool
	lookup := o.lookup
	o.lookup = func(ctx context.Context, h string) ([]netip.Addr, error) {
		if !ok.Load() {
			return nil, &net.DNSError{Err: "no such host", Name: h, IsNotFound: true}
		}
		return lookup(ctx, h)
	}
	u := l.start(o) // does not wait: the name resolves after it only
	for start := time.Now(); !strings.Contains(u.Status().Cause, "does not resolve"); wait(u.Changed(), 20*time.Millisecond) {
		if time.Since(start) > patience {
			t.Fatalf("status is %+v", u.Status())
		}
	}
	_, err := u.DialContext(deadline(t, 400*time.Millisecond), "tcp", "web.internal:8080")
	if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "does not resolve") {
		t.Errorf("dial while connecting: %v", err)
	}
	ok.Store(true)
	waitState(t, u, StateUp)
}

func TestDialFailsAtOnceWhileDead(t *testing.T) {
	t.Parallel()
	l := newLab(t, labOptions{})
	u := l.open(l.options())
	l.g.Pause()
	waitState(t, u, StateDead)
	for time.Since(u.Status().Since) <= quick().patience {
		wait(nil, 20*time.Millisecond)
	}
	_, err := u.DialContext(deadline(t, 10*time.Second), "tcp", "web.internal:8080")
	var dead ErrDead // which is what was not tried returns
	if !errors.As(err, &dead) || !strings.Contains(err.Error(), "tunnel silent for") {
		t.Errorf("got %v", err)
	}
	if _, err := u.Resolver().LookupTXT(deadline(t, 10*time.Second), "x.internal"); !errors.As(err, &dead) {
		t.Errorf("lookup: %v", err)
	}
}

func TestWebsocketWhereUDPIsBlocked(t *testing.T) {
	t.Parallel()
	l := newLab(t, labOptions{websocket: true})
	o := l.options()
	o.transport, o.websocketURL = "auto", l.g.WebsocketURL()
	l.relay.Set(relay.Faults{Drop: true})
	u := l.start(o)
	d := waitState(t, u, StateUp)
	if s := u.Status(); s.Transport != "websocket" || s.Heals == 0 {
		t.Errorf("status is %+v", s)
	}
	t.Logf("up by websocket after %s", d)
	if got := get(t, client(t, u), "http://web.internal:8080/bytes?n=2000000"); len(got) != 2000000 {
		t.Errorf("got %d bytes", len(got))
	}
}

func TestConnectionsSurviveTheChangeToWebsocket(t *testing.T) {
	t.Parallel()
	l := newLab(t, labOptions{websocket: true})
	o := l.options()
	o.transport, o.websocketURL = "auto", l.g.WebsocketURL()
	u := l.open(o)
	k, err := u.DialContext(deadline(t, patience), "tcp", "web.internal:8080")
	if err != nil {
		t.Fatal(err)
	}
	defer k.Close()
	l.relay.Set(relay.Faults{Drop: true})
	waitState(t, u, StateDead)
	waitState(t, u, StateUp)
	k.SetDeadline(time.Now().Add(patience))
	io.WriteString(k, "GET /hello HTTP/1.0\r\n\r\n")
	if b, err := io.ReadAll(k); !strings.HasSuffix(string(b), "hello") {
		t.Errorf("got %q, %v", b, err)
	}
}

func TestWebsocketAlone(t *testing.T) {
	t.Parallel()
	l := newLab(t, labOptions{websocket: true})
	o := l.options()
	o.transport, o.websocketURL = transportWeb, l.g.WebsocketURL()
	u := l.open(o)
	if s := u.Status(); s.Transport != "websocket" {
		t.Errorf("transport is %s", s.Transport)
	}
	if n := l.relay.Stats().In; n != 0 {
		t.Errorf("%d datagrams were sent", n)
	}
}

// deafBind is UDP whose receivers die once, as after a permanent error.
type deafBind struct {
	conn.Bind
	deaf atomic.Bool
}

type permanent struct{}

func (permanent) Error() string   { return "permanent" }
func (permanent) Timeout() bool   { return false }
func (permanent) Temporary() bool { return false }

func (b *deafBind) Open(port uint16) ([]conn.ReceiveFunc, uint16, error) {
	fns, at, err := b.Bind.Open(port)
	for i, f := range fns {
		fns[i] = func(bufs [][]byte, sizes []int, eps []conn.Endpoint) (int, error) {
			n, err := f(bufs, sizes, eps)
			if b.deaf.Load() {
				return 0, permanent{}
			}
			return n, err
		}
	}
	return fns, at, err
}

func TestUserNetworkReplacesDeadReceivers(t *testing.T) {
	t.Parallel()
	l := newLab(t, labOptions{})
	o := l.options()
	b := &deafBind{Bind: conn.NewDefaultBind()}
	o.udp = func() conn.Bind { return b }
	u := l.open(o)
	b.deaf.Store(true)
	waitState(t, u, StateSuspect)
	b.deaf.Store(false)
	waitState(t, u, StateDead)
	waitState(t, u, StateUp)
}

func TestLargePacketsThatAreLostLowerTheMTU(t *testing.T) {
	t.Parallel()
	l := newLab(t, labOptions{mtu: 1420})
	l.relay.Set(relay.Faults{MaxSize: 1372}) // a path of 1400 bytes
	u := l.open(l.options())
	for start := time.Now(); u.Status().MTU != 1280; wait(nil, 20*time.Millisecond) {
		if time.Since(start) > patience {
			t.Fatalf("status is %+v", u.Status())
		}
	}
	if got := get(t, client(t, u), "http://web.internal:8080/bytes?n=1000000"); len(got) != 1000000 {
		t.Errorf("got %d bytes", len(got))
	}
}

func TestReopenWithTheSameKey(t *testing.T) {
	t.Parallel()
	l := newLab(t, labOptions{})
	u := l.open(l.options())
	u.Close()
	wait(nil, 60*time.Millisecond) // sooner, the gateway takes the second handshake for an attack
	if d := waitState(t, l.start(l.options()), StateUp); d >= 5*time.Second {
		t.Errorf("up again only after %s", d)
	}
}

func TestCloseIsFinal(t *testing.T) {
	l := newLab(t, labOptions{})
	u := l.open(l.options())
	changed := u.Changed()
	var wg sync.WaitGroup
	for range 3 {
		wg.Go(func() { u.Close() })
	}
	wg.Wait()
	select {
	case <-changed:
	default:
		t.Error("closing is no change of state")
	}
	if s := u.Status(); s.State != StateClosed {
		t.Errorf("state is %s", s.State)
	}
	if _, err := u.DialContext(deadline(t, time.Second), "tcp", "web.internal:8080"); !errors.Is(err, net.ErrClosed) {
		t.Errorf("dial: %v", err)
	}
	if _, err := u.Resolver().LookupHost(deadline(t, time.Second), "web.internal"); !errors.Is(err, net.ErrClosed) {
		t.Errorf("lookup: %v", err)
	}
	if l.cfg.PrivateKey.IsZero() {
		t.Error("closing has cleared the caller's key")
	}
}

var closes = flag.Int("closes", 10, "rounds of TestCloseUnderTraffic")

func TestCloseUnderTraffic(t *testing.T) {
	t.Parallel()
	l := newLab(t, labOptions{})
	o := l.options()
	worst := time.Duration(0)
	for i := range *closes {
		cfg := l.cfg.Clone()
		cfg.PrivateKey = l.peer(t) // a key of its own: see TestReopenWithTheSameKey
		u, err := openUser(t.Context(), cfg, o)
		if err != nil {
			t.Fatal(err)
		}
		waitState(t, u, StateUp)
		ctx, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		var moved atomic.Int64
		tr := &http.Transport{DialContext: u.DialContext}
		for range 8 {
			wg.Go(func() {
				for ctx.Err() == nil {
					req, _ := http.NewRequestWithContext(ctx, http.MethodGet, "http://web.internal:8080/bytes?n=300000", nil)
					r, err := tr.RoundTrip(req)
					if err != nil {
						return
					}
					n, _ := io.Copy(io.Discard, r.Body)
					r.Body.Close()
					moved.Add(n)
				}
			})
		}
		for start := time.Now(); moved.Load() < int64(i%7)*10_000 && time.Since(start) < 5*time.Second; {
			wait(nil, time.Millisecond)
		}
		start := time.Now()
		u.Close()
		worst = max(worst, time.Since(start))
		cancel()
		wg.Wait()
		tr.CloseIdleConnections()
		if err := l.g.RemovePeer(cfg.PrivateKey.Public()); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("worst close %s", worst)
	if worst > patience {
		t.Errorf("a close took %s", worst)
	}
}
