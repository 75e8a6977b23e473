package sixpn

import (
	"net"
	"strings"
	"sync"

	"github.com/miekg/dns"
)

// ttl of every record, in seconds: what the platform gives.
const ttl = 5

// maxUDP is the largest answer sent in one datagram, whatever the client says it can take: the tunnel's MTU is 1280.
const maxUDP = 1232

// Fault is a way in which the zone can misbehave.
type Fault string

// The faults, as they are named on the command line. Of several at once the first of this list wins; stale and
// hostile can be combined.
const (
	FaultSilent   Fault = "dns-silent"   // questions are not answered
	FaultServFail Fault = "dns-servfail" // SERVFAIL to everything
	FaultNXDomain Fault = "dns-nxdomain" // NXDOMAIN to everything
	FaultStale    Fault = "dns-stale"    // answers as the network was when the fault began
	FaultHostile  Fault = "dns-hostile"  // TXT answers of 60 kB with escape sequences and records nobody asked for
)

// Zone answers questions about the network. The zero value answers NXDOMAIN until Set.
type Zone struct {
	mu     sync.Mutex // guards all below
	view   *index     // of the newest View
	stale  *index     // of the View when FaultStale began; nil: not stale
	faults map[Fault]bool
}

// Set makes v what the zone answers from.
func (z *Zone) Set(v View) {
	z.mu.Lock()
	defer z.mu.Unlock()
	z.view = newIndex(v)
}

// Fault switches a fault on or off.
func (z *Zone) Fault(f Fault, on bool) {
	z.mu.Lock()
	defer z.mu.Unlock()
	if z.faults == nil {
		z.faults = map[Fault]bool{}
	}
	z.faults[f] = on
	switch {
	case f == FaultStale && !on:
		z.stale = nil
	case f == FaultStale && z.stale == nil:
		z.stale = z.current()
	}
}

// current needs mu held.
func (z *Zone) current() *index {
	switch {
	case z.stale != nil:
		return z.stale
	case z.view != nil:
		return z.view
	}
	return newIndex(View{})
}

// state is what ServeDNS needs to know, taken at once.
func (z *Zone) state() (ix *index, mode Fault, hostile bool) {
	z.mu.Lock()
	defer z.mu.Unlock()
	for _, f := range []Fault{FaultSilent, FaultServFail, FaultNXDomain} {
		if z.faults[f] {
			mode = f
			break
		}
	}
	return z.current(), mode, z.faults[FaultHostile]
}

// ServeDNS answers one question.
func (z *Zone) ServeDNS(w dns.ResponseWriter, q *dns.Msg) {
	ix, mode, hostile := z.state()
	if mode == FaultSilent {
		return
	}
	m := new(dns.Msg)
	m.SetReply(q)
	m.Authoritative, m.RecursionAvailable = true, true
	switch {
	case mode == FaultServFail:
		m.Rcode = dns.RcodeServerFailure
	case mode == FaultNXDomain:
		m.Rcode = dns.RcodeNameError
	case q.Opcode != dns.OpcodeQuery:
		m.Rcode = dns.RcodeNotImplemented
	case len(q.Question) != 1 || q.Question[0].Qclass != dns.ClassINET:
		m.Rcode = dns.RcodeRefused
	default:
		ix.answer(m, q.Question[0])
		if hostile {
			poison(m, q.Question[0])
		}
	}
	// Compression pays: all answers repeat the name of the question.
	m.Compress = true
	if m.Len() > dns.MaxMsgSize { // an estimate, above the truth where text is escaped
		if _, err := m.Pack(); err != nil {
			// What fits into no message is an error rather than part of the truth.
			m.Answer, m.Rcode = nil, dns.RcodeServerFailure
		}
	}
	if _, udp := w.RemoteAddr().(*net.UDPAddr); udp {
		size := dns.MinMsgSize
		if o := q.IsEdns0(); o != nil {
			size = max(size, min(int(o.UDPSize()), maxUDP))
		}
		if q.IsEdns0() != nil {
			m.SetEdns0(maxUDP, false)
		}
		m.Truncate(size)
	}
	_ = w.WriteMsg(m) // a client that left is not this server's trouble
}

// answer fills in what the zone holds for one question. A name that has records of another type only is no error.
func (ix *index) answer(m *dns.Msg, q dns.Question) {
	name := strings.ToLower(strings.TrimSuffix(q.Name, "."))
	rec, ok := ix.lookup(name)
	if !ok {
		m.Rcode = dns.RcodeNameError
		return
	}
	hdr := dns.RR_Header{Name: q.Name, Rrtype: q.Qtype, Class: dns.ClassINET, Ttl: ttl}
	switch q.Qtype {
	case dns.TypeAAAA:
		for _, a := range rec.addrs {
			m.Answer = append(m.Answer, &dns.AAAA{Hdr: hdr, AAAA: a.AsSlice()})
		}
	case dns.TypeTXT:
		if rec.text != "" {
			m.Answer = append(m.Answer, &dns.TXT{Hdr: hdr, Txt: split(rec.text)})
		}
	}
}

// split cuts text into the strings of one TXT record, which hold at most 255 bytes each. miekg/dns reads the strings
// in presentation form, so what is special there is escaped.
func split(text string) []string {
	var out []string
	for len(text) > 255 {
		out, text = append(out, escape(text[:255])), text[255:]
	}
	return append(out, escape(text))
}

func escape(s string) string {
	var b strings.Builder
	for i := range len(s) {
		switch c := s[i]; {
		case c == '"' || c == '\\':
			b.WriteByte('\\')
			b.WriteByte(c)
		case c < ' ' || c > '~':
			b.WriteByte('\\')
			b.WriteByte('0' + c/100)
			b.WriteByte('0' + c/10%10)
			b.WriteByte('0' + c%10)
		default:
			b.WriteByte(c)
		}
	}
	return b.String()
}
