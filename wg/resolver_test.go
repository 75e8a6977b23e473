package wg

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/miekg/dns"
)

// fakeDNS answers over pipes, so that any bytes can be sent. answer gets the question and returns what to send, each
// element as one datagram or one framed message.
type fakeDNS struct {
	answer func(network string, q *dns.Msg) [][]byte
	asked  atomic.Int64
	wg     sync.WaitGroup
}

func newFakeDNS(t testing.TB, answer func(network string, q *dns.Msg) [][]byte) (*fakeDNS, *Resolver) {
	f := &fakeDNS{answer: answer}
	t.Cleanup(f.wg.Wait)
	return f, &Resolver{
		Dial: f.dial, Servers: []netip.AddrPort{netip.MustParseAddrPort("[fdaa::3]:53")},
		Try: 100 * time.Millisecond, TryTCP: 100 * time.Millisecond, Rounds: 2,
	}
}

func (f *fakeDNS) dial(_ context.Context, network, _ string) (net.Conn, error) {
	near, far := net.Pipe()
	f.wg.Go(func() {
		defer far.Close()
		buf := make([]byte, 65536)
		var b []byte
		if network == "tcp" {
			if _, err := io.ReadFull(far, buf[:2]); err != nil {
				return
			}
			b = buf[:binary.BigEndian.Uint16(buf)]
			if _, err := io.ReadFull(far, b); err != nil {
				return
			}
		} else {
			n, err := far.Read(buf)
			if err != nil {
				return
			}
			b = buf[:n]
		}
		q := new(dns.Msg)
		if err := q.Unpack(b); err != nil {
			return
		}
		f.asked.Add(1)
		for _, a := range f.answer(network, q) {
			if network == "tcp" {
				a = append(binary.BigEndian.AppendUint16(nil, uint16(len(a))), a...)
			}
			if _, err := far.Write(a); err != nil {
				return
			}
		}
		if network == "udp" {
			io.Copy(io.Discard, far) // datagrams have no end
		}
	})
	return near, nil
}

func reply(q *dns.Msg, rcode int, rrs ...string) *dns.Msg {
	m := new(dns.Msg).SetRcode(q, rcode)
	for _, s := range rrs {
		rr, err := dns.NewRR(s)
		if err != nil {
			panic(err)
		}
		m.Answer = append(m.Answer, rr)
	}
	return m
}

func wire(m *dns.Msg) []byte {
	b, err := m.Pack()
	if err != nil {
		panic(err)
	}
	return b
}

func TestResolverAnswers(t *testing.T) {
	for _, tt := range []struct {
		name   string
		answer func(network string, q *dns.Msg) [][]byte
		want   []string
		err    string // part of it
		found  bool   // false with err: IsNotFound
	}{
		{"addresses behind a CNAME", func(_ string, q *dns.Msg) [][]byte {
			return [][]byte{wire(reply(q, 0, "x.internal. 5 IN CNAME y.internal.", "y.internal. 5 IN AAAA fdaa::1", "y.internal. 5 IN AAAA fdaa::2"))}
		}, []string{"fdaa::1", "fdaa::2"}, "", true},
		{"no such name", func(_ string, q *dns.Msg) [][]byte { return [][]byte{wire(reply(q, dns.RcodeNameError))} }, nil, "no such host", false},
		{"no records", func(_ string, q *dns.Msg) [][]byte { return [][]byte{wire(reply(q, 0))} }, nil, "no such host", false},
		{"records of other kinds", func(_ string, q *dns.Msg) [][]byte {
			return [][]byte{wire(reply(q, 0, "x.internal. 5 IN TXT \"a\"", "x.internal. 5 IN A 1.2.3.4"))}
		}, nil, "no such host", false},
		{"server failure", func(_ string, q *dns.Msg) [][]byte { return [][]byte{wire(reply(q, dns.RcodeServerFailure))} }, nil, "DNS server answers SERVFAIL", true},
		{"refused", func(_ string, q *dns.Msg) [][]byte { return [][]byte{wire(reply(q, dns.RcodeRefused))} }, nil, "REFUSED", true},
		{"unknown code", func(_ string, q *dns.Msg) [][]byte { return [][]byte{wire(reply(q, 14))} }, nil, "answers code 14", true},
		{"silence", func(string, *dns.Msg) [][]byte { return nil }, nil, "no answer", true},
		{"garbage", func(string, *dns.Msg) [][]byte { return [][]byte{[]byte("garbage"), {}, {1}} }, nil, "no answer", true},
		{"garbage under our id", func(_ string, q *dns.Msg) [][]byte {
			return [][]byte{append(binary.BigEndian.AppendUint16(nil, q.Id), bytes.Repeat([]byte{0xff}, 40)...)}
		}, nil, "answer cannot be read", true},
		{"cut in the middle", func(_ string, q *dns.Msg) [][]byte {
			b := wire(reply(q, 0, "x.internal. 5 IN AAAA fdaa::1"))
			return [][]byte{b[:len(b)-5]}
		}, nil, "answer cannot be read", true},
		{"answers to others come first", func(_ string, q *dns.Msg) [][]byte {
			wrongID, wrongName, wrongType, question := reply(q, 0, "x.internal. 5 IN AAAA fdaa::bad"), reply(q, 0), reply(q, 0), q.Copy()
			wrongID.Id++
			wrongName.Question = []dns.Question{{Name: "z.internal.", Qtype: dns.TypeAAAA, Qclass: dns.ClassINET}}
			wrongType.Question = []dns.Question{{Name: "x.internal.", Qtype: dns.TypeA, Qclass: dns.ClassINET}}
			return [][]byte{wire(question), wire(wrongID), wire(wrongName), wire(wrongType), wire(reply(q, 0, "X.internal. 5 IN AAAA fdaa::1"))}
		}, []string{"fdaa::1"}, "", true},
		{"too long for a datagram", func(network string, q *dns.Msg) [][]byte {
			m := reply(q, 0, "x.internal. 5 IN AAAA fdaa::7")
			if network == "udp" {
				m.Truncated, m.Answer = true, nil
			}
			return [][]byte{wire(m)}
		}, []string{"fdaa::7"}, "", true},
		{"too long, and no TCP", func(network string, q *dns.Msg) [][]byte {
			if network == "tcp" {
				return nil
			}
			m := reply(q, 0)
			m.Truncated = true
			return [][]byte{wire(m)}
		}, nil, "EOF", true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			f, r := newFakeDNS(t, tt.answer)
			got, err := r.LookupHost(deadline(t, 5*time.Second), "x.internal")
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if tt.err == "" {
				if err != nil {
					t.Error(err)
				}
				return
			}
			var de *net.DNSError
			if !errors.As(err, &de) || !strings.Contains(err.Error(), tt.err) || de.IsNotFound == tt.found {
				t.Errorf("got %v (not found: %v)", err, de != nil && de.IsNotFound)
			}
			if n := f.asked.Load(); !tt.found && n != 1 {
				t.Errorf("asked %d times for a name that does not exist", n)
			}
		})
	}
}

func TestResolverTXT(t *testing.T) {
	long := strings.Repeat("x", 255)
	_, r := newFakeDNS(t, func(_ string, q *dns.Msg) [][]byte {
		m := reply(q, 0)
		h := dns.RR_Header{Name: q.Question[0].Name, Rrtype: dns.TypeTXT, Class: dns.ClassINET}
		m.Answer = append(m.Answer, &dns.TXT{Hdr: h, Txt: []string{long, long, `y\"\\\027`}}, &dns.TXT{Hdr: h, Txt: []string{""}})
		return [][]byte{wire(m)}
	})
	got, err := r.LookupTXT(deadline(t, 5*time.Second), "x.internal")
	if diff := cmp.Diff([]string{long + long + "y\"\\\x1b", ""}, got); err != nil || diff != "" {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
}

func TestResolverAsksAllServers(t *testing.T) {
	f, r := newFakeDNS(t, func(_ string, q *dns.Msg) [][]byte {
		return [][]byte{wire(reply(q, 0, "x.internal. 5 IN AAAA fdaa::1"))}
	})
	r.Servers = append([]netip.AddrPort{netip.MustParseAddrPort("[fdaa::9]:53")}, r.Servers...)
	r.Dial = func(ctx context.Context, network, addr string) (net.Conn, error) {
		if addr == "[fdaa::9]:53" {
			return nil, syscall.ECONNREFUSED
		}
		return f.dial(ctx, network, addr)
	}
	if got, err := r.LookupNetIP(deadline(t, 5*time.Second), "x.internal"); err != nil || len(got) != 1 {
		t.Errorf("got %v, %v", got, err)
	}
}

func TestPingTakesEveryAnswer(t *testing.T) {
	for rcode, fails := range map[int]bool{dns.RcodeSuccess: false, dns.RcodeNameError: false, dns.RcodeServerFailure: true} {
		_, r := newFakeDNS(t, func(_ string, q *dns.Msg) [][]byte { return [][]byte{wire(reply(q, rcode))} })
		rtt, err := r.Ping(t.Context(), probeName, time.Second)
		if rtt <= 0 || errors.As(err, &RcodeError{}) != fails {
			t.Errorf("code %d: %v, %v", rcode, rtt, err)
		}
	}
}

func TestResolverRefusesBeforeItAsks(t *testing.T) {
	f, r := newFakeDNS(t, func(string, *dns.Msg) [][]byte { return nil })
	for _, name := range []string{"", ".." + strings.Repeat("a", 3), strings.Repeat("a", 64) + ".internal", strings.Repeat("a.", 200)} {
		if _, err := r.LookupTXT(t.Context(), name); err == nil {
			t.Errorf("%q was accepted", name)
		}
	}
	if _, err := (&Resolver{}).LookupTXT(t.Context(), "x"); err == nil {
		t.Error("no server is no error")
	}
	if got, err := r.LookupNetIP(t.Context(), "fdaa::1"); err != nil || len(got) != 1 {
		t.Errorf("an address: %v, %v", got, err)
	}
	if f.asked.Load() != 0 {
		t.Error("the server was asked")
	}
}

func FuzzResolverAnswer(f *testing.F) {
	q := new(dns.Msg)
	q.SetQuestion("x.internal.", dns.TypeTXT)
	f.Add(wire(reply(q, 0, "x.internal. 5 IN TXT \"a\" \"b\\\\\\\"\"")), true)
	f.Add(wire(reply(q, 0, "x.internal. 5 IN CNAME y.")), false)
	f.Add([]byte{}, false)
	f.Fuzz(func(t *testing.T, b []byte, stream bool) {
		q.Id = 7
		if len(b) > 1 {
			b[0], b[1] = 0, 7
		}
		if stream {
			b = append(binary.BigEndian.AppendUint16(nil, uint16(len(b))), b...)
		}
		in, err := roundTrip(&scriptConn{r: bytes.NewReader(b)}, stream, q, wire(q))
		if err != nil {
			return
		}
		for _, rr := range in.Answer {
			if txt, ok := rr.(*dns.TXT); ok {
				unescapeTXT(strings.Join(txt.Txt, ""))
			}
		}
	})
}

// scriptConn reads prepared bytes and forgets what is written.
type scriptConn struct {
	net.Conn
	r io.Reader
}

func (c *scriptConn) Read(p []byte) (int, error)  { return c.r.Read(p) }
func (c *scriptConn) Write(p []byte) (int, error) { return len(p), nil }

func TestDialer(t *testing.T) {
	_, r := newFakeDNS(t, func(_ string, q *dns.Msg) [][]byte {
		switch q.Question[0].Name {
		case "two.internal.":
			return [][]byte{wire(reply(q, 0, "two.internal. 5 IN AAAA fdaa:0:18::1", "two.internal. 5 IN AAAA fdaa:0:18::2"))}
		case "outside.internal.":
			return [][]byte{wire(reply(q, 0, "outside.internal. 5 IN AAAA 2001:db8::1"))}
		}
		return [][]byte{wire(reply(q, dns.RcodeNameError))}
	})
	var mu sync.Mutex
	var dialled []string
	var notReady error
	d := &dialer{
		resolver: r, allowed: []netip.Prefix{netip.MustParsePrefix("fdaa:0:18::/48")},
		connect: func(_ context.Context, network string, to netip.AddrPort) (net.Conn, error) {
			mu.Lock()
			defer mu.Unlock()
			dialled = append(dialled, network+" "+to.String())
			if to.Addr() == netip.MustParseAddr("fdaa:0:18::2") {
				a, b := net.Pipe()
				b.Close()
				return a, nil
			}
			return nil, &net.OpError{Op: "dial", Net: network, Err: syscall.ECONNREFUSED}
		},
		ready: func(context.Context) error { return notReady },
	}
	for _, tt := range []struct {
		network, addr string
		want          error  // nil: any error with text, or success without
		text          string // part of the error
	}{
		{"tcp", "[fdaa:0:18::2]:80", nil, ""},
		{"tcp6", "[fdaa:0:18::2]:http", nil, ""},
		{"tcp", "two.internal:80", nil, ""}, // whichever comes first
		{"tcp", "[fdaa:0:18::1]:80", syscall.ECONNREFUSED, "refused"},
		{"tcp", "10.1.2.3:80", ErrOutside, "10.1.2.3 is not in this network (fdaa:0:18::/48)"},
		{"tcp", "[::1]:80", ErrOutside, "::1 is not in this network"},
		{"tcp", "[::]:80", ErrOutside, ""},
		{"udp", "[fdaa:0:18::2%eth0]:80", ErrOutside, "zones have no meaning"},
		{"tcp", "outside.internal:80", ErrOutside, "2001:db8::1"},
		{"tcp4", "[fdaa:0:18::2]:80", nil, "is not an address for tcp4"},
		{"tcp", "nothing.internal:80", nil, "no such host"},
		{"tcp", "nothing.internal", nil, "missing port"},
		{"tcp", ":80", nil, "no host"},
		{"tcp", "[fdaa:0:18::2]:0", nil, "unknown port"},
		{"tcp", "[fdaa:0:18::2]:65536", nil, "unknown port"},
		{"ip", "[fdaa:0:18::2]:1", nil, "unknown network ip"},
		{"", "", nil, "unknown network"},
	} {
		c, err := d.DialContext(deadline(t, 5*time.Second), tt.network, tt.addr)
		if c != nil {
			c.Close()
		}
		ok := err == nil
		if tt.want != nil || tt.text != "" {
			ok = err != nil && strings.Contains(err.Error(), tt.text) && (tt.want == nil || errors.Is(err, tt.want)) && !strings.Contains(err.Error(), "\n")
		}
		if !ok || (c == nil) == (err == nil) {
			t.Errorf("%s %s: %v, %v", tt.network, tt.addr, c, err)
		}
	}
	for _, s := range dialled {
		if !strings.Contains(s, "[fdaa:0:18::1]:80") && !strings.Contains(s, "[fdaa:0:18::2]:80") {
			t.Errorf("dialled %s", s)
		}
	}
	notReady = ErrDead{Since: time.Now(), Cause: "tunnel silent for 34 s"}
	if _, err := d.DialContext(t.Context(), "tcp", "[fdaa:0:18::2]:80"); !errors.As(err, &ErrDead{}) {
		t.Errorf("dead: %v", err)
	}
	if _, err := d.DialContext(t.Context(), "tcp", "10.1.2.3:80"); !errors.Is(err, ErrOutside) {
		t.Errorf("outside while dead: %v", err)
	}
	if c, err := d.dialServer(t.Context(), "udp", "[fdaa:0:18::2]:53"); err != nil {
		t.Errorf("the DNS server is asked also while dead: %v", err)
	} else {
		c.Close()
	}
}
