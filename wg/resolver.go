package wg

import (
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strings"
	"time"

	"github.com/miekg/dns"
)

// udpSize is the largest answer asked for in a datagram: it fits every path without fragments.
const udpSize = 1232

// Resolver asks the private network's own DNS servers, through the network. The system's resolver, its search list
// and its hosts file have no part in it: names are taken as complete.
type Resolver struct {
	// Dial connects to a server, which is always an address. network is udp or tcp.
	Dial func(ctx context.Context, network, addr string) (net.Conn, error)
	// Servers are tried in order, in each of the rounds.
	Servers []netip.AddrPort
	// Try bounds one question by UDP; 0: 700 ms.
	Try time.Duration
	// TryTCP bounds one by TCP, asked when the answer was truncated; 0: 3 s.
	TryTCP time.Duration
	// Rounds is how often all servers are asked; 0: 3.
	Rounds int

	// check, where set, fails lookups at once while the network is known to be dead. Ping does not ask it.
	check func(context.Context) error
}

// Exchange asks one question and returns the answer and its round trip. NXDOMAIN and an empty answer are answers;
// SERVFAIL and its like, silence, and answers that cannot be read are a *net.DNSError after all rounds.
func (r *Resolver) Exchange(ctx context.Context, name string, qtype uint16) (*dns.Msg, time.Duration, error) {
	fail := func(server string, err error) (*dns.Msg, time.Duration, error) {
		return nil, 0, dnsError(name, server, err)
	}
	if _, ok := dns.IsDomainName(name); !ok || name == "" {
		return fail("", errors.New("malformed name"))
	}
	if len(r.Servers) == 0 {
		return fail("", errors.New("no DNS server configured"))
	}
	if r.check != nil {
		if err := r.check(ctx); err != nil {
			return fail("", err)
		}
	}
	var last error
	var server string
	for range cmp.Or(r.Rounds, 3) {
		for _, s := range r.Servers {
			in, rtt, err := r.ask(ctx, s, name, qtype)
			if err == nil {
				return in, rtt, nil
			}
			last, server = err, s.String()
			if ctx.Err() != nil {
				return fail(server, ctx.Err())
			}
		}
	}
	return fail(server, last)
}

// ask puts the question to one server once, and again by TCP when the answer did not fit.
func (r *Resolver) ask(ctx context.Context, s netip.AddrPort, name string, qtype uint16) (*dns.Msg, time.Duration, error) {
	m := new(dns.Msg)
	m.SetQuestion(dns.Fqdn(name), qtype)
	m.SetEdns0(udpSize, false)
	in, rtt, err := r.once(ctx, "udp", s, m, cmp.Or(r.Try, 700*time.Millisecond))
	if err == nil && in.Truncated {
		in, rtt, err = r.once(ctx, "tcp", s, m, cmp.Or(r.TryTCP, 3*time.Second))
	}
	if err != nil {
		return nil, 0, err
	}
	if in.Rcode != dns.RcodeSuccess && in.Rcode != dns.RcodeNameError {
		return nil, 0, RcodeError{in.Rcode}
	}
	return in, rtt, nil
}

func (r *Resolver) once(ctx context.Context, network string, s netip.AddrPort, m *dns.Msg, d time.Duration) (*dns.Msg, time.Duration, error) {
	ctx, cancel := context.WithTimeout(ctx, d)
	defer cancel()
	q, err := m.Pack()
	if err != nil {
		return nil, 0, errors.New("malformed name")
	}
	c, err := r.Dial(ctx, network, s.String())
	if err != nil {
		return nil, 0, err
	}
	defer c.Close()
	// Covers the deadline and the cancellation of ctx alike.
	stop := context.AfterFunc(ctx, func() { _ = c.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	start := time.Now()
	in, err := roundTrip(c, network == "tcp", m, q)
	if err != nil {
		if ctx.Err() != nil {
			err = ctx.Err()
		}
		return nil, 0, err
	}
	return in, time.Since(start), nil
}

// roundTrip frames by itself: dns.Conn guesses the framing from the type of the connection, which may be a wrapper.
func roundTrip(c net.Conn, stream bool, m *dns.Msg, q []byte) (*dns.Msg, error) {
	if stream {
		q = append(binary.BigEndian.AppendUint16(nil, uint16(len(q))), q...)
	}
	if _, err := c.Write(q); err != nil {
		return nil, err
	}
	size := 4 * udpSize // a server may send more than was asked for
	if stream {
		size = dns.MaxMsgSize
	}
	buf := make([]byte, size)
	for {
		var b []byte
		if stream {
			if _, err := io.ReadFull(c, buf[:2]); err != nil {
				return nil, err
			}
			b = buf[:binary.BigEndian.Uint16(buf)]
			if _, err := io.ReadFull(c, b); err != nil {
				return nil, err
			}
		} else {
			n, err := c.Read(buf)
			if err != nil {
				return nil, err
			}
			b = buf[:n]
		}
		in := new(dns.Msg)
		if err := in.Unpack(b); err != nil {
			if len(b) >= 2 && binary.BigEndian.Uint16(b) == m.Id {
				return nil, errors.New("answer cannot be read")
			}
			continue
		}
		if answers(in, m) {
			return in, nil
		}
	}
}

// answers is false for late answers to an earlier question.
func answers(in, m *dns.Msg) bool {
	if in.Id != m.Id || !in.Response || len(in.Question) > 1 {
		return false
	}
	if len(in.Question) == 0 { // some servers leave it out of errors
		return in.Rcode != dns.RcodeSuccess
	}
	q, want := in.Question[0], m.Question[0]
	return q.Qtype == want.Qtype && q.Qclass == want.Qclass && strings.EqualFold(q.Name, want.Name)
}

// Ping asks the first server once by UDP and returns the round trip. Every answer is one, also NXDOMAIN; with an
// answer that says that the server does not work the round trip comes with a RcodeError.
func (r *Resolver) Ping(ctx context.Context, name string, timeout time.Duration) (time.Duration, error) {
	if len(r.Servers) == 0 {
		return 0, errors.New("no DNS server configured")
	}
	m := new(dns.Msg)
	m.SetQuestion(dns.Fqdn(name), dns.TypeAAAA)
	in, rtt, err := r.once(ctx, "udp", r.Servers[0], m, timeout)
	if err != nil {
		return 0, err
	}
	if in.Rcode != dns.RcodeSuccess && in.Rcode != dns.RcodeNameError {
		return rtt, RcodeError{in.Rcode}
	}
	return rtt, nil
}

// LookupNetIP returns the IPv6 addresses (AAAA) of host in the order of the answer. An address is its own answer.
// A name without addresses is a *net.DNSError with IsNotFound.
func (r *Resolver) LookupNetIP(ctx context.Context, host string) ([]netip.Addr, error) {
	if a, err := netip.ParseAddr(host); err == nil {
		return []netip.Addr{a}, nil
	}
	in, _, err := r.Exchange(ctx, host, dns.TypeAAAA)
	if err != nil {
		return nil, err
	}
	var out []netip.Addr
	for _, rr := range in.Answer {
		if a, ok := rr.(*dns.AAAA); ok { // CNAMEs come too
			if ip, ok := netip.AddrFromSlice(a.AAAA); ok {
				out = append(out, ip)
			}
		}
	}
	if len(out) == 0 {
		return nil, notFound(host)
	}
	return out, nil
}

// LookupHost is LookupNetIP in the shape of pgconn.LookupFunc.
func (r *Resolver) LookupHost(ctx context.Context, host string) ([]string, error) {
	as, err := r.LookupNetIP(ctx, host)
	if err != nil {
		return nil, err
	}
	out := make([]string, len(as))
	for i, a := range as {
		out[i] = a.String()
	}
	return out, nil
}

// LookupTXT returns the TXT records of name, the strings of each joined: a string holds 255 bytes at most, and longer
// values are cut into several. The text is as hostile as its author: clean it before showing it.
func (r *Resolver) LookupTXT(ctx context.Context, name string) ([]string, error) {
	in, _, err := r.Exchange(ctx, name, dns.TypeTXT)
	if err != nil {
		return nil, err
	}
	var out []string
	for _, rr := range in.Answer {
		if t, ok := rr.(*dns.TXT); ok {
			out = append(out, unescapeTXT(strings.Join(t.Txt, "")))
		}
	}
	if len(out) == 0 {
		return nil, notFound(name)
	}
	return out, nil
}

// unescapeTXT undoes the presentation form (\" \\ \123) in which the DNS library hands strings out.
func unescapeTXT(s string) string {
	if strings.IndexByte(s, '\\') < 0 {
		return s
	}
	b := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		if s[i] != '\\' || i+1 == len(s) {
			b = append(b, s[i])
			continue
		}
		if d := s[i+1:]; len(d) >= 3 && digit(d[0]) && digit(d[1]) && digit(d[2]) {
			b = append(b, byte(int(d[0]-'0')*100+int(d[1]-'0')*10+int(d[2]-'0')))
			i += 3
			continue
		}
		i++
		b = append(b, s[i])
	}
	return string(b)
}

func digit(c byte) bool { return c >= '0' && c <= '9' }

func notFound(name string) error {
	return &net.DNSError{Err: "no such host", Name: name, IsNotFound: true}
}

func dnsError(name, server string, err error) *net.DNSError {
	e := &net.DNSError{Err: err.Error(), Name: name, Server: server, UnwrapErr: err}
	if ne := net.Error(nil); errors.As(err, &ne) && ne.Timeout() {
		e.IsTimeout, e.IsTemporary = true, true
		e.Err = fmt.Sprintf("no answer (%v)", err)
	}
	if re := (RcodeError{}); errors.As(err, &re) {
		e.IsTemporary = true
	}
	return e
}
