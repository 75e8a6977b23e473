package sixpn

import (
	"fmt"
	"net"
	"net/netip"
	"strings"
	"testing"

	"ops-console/ops/fly/flysim/platform"

	"github.com/google/go-cmp/cmp"
	"github.com/miekg/dns"
)

func testView() View {
	at := func(n int) netip.Addr { return netip.MustParseAddr(fmt.Sprintf("fdaa:0:2f:a7b:1:2:3:%x", n)) }
	return View{
		Prefix: netip.MustParsePrefix("fdaa:0:2f::/48"),
		Apps:   []string{"changelog", "pghero", "empty"},
		Instances: []platform.Instance{
			{ID: "d3", App: "changelog", Region: "fra", Group: "worker", Addr: at(3), Started: true},
			{ID: "a1", App: "changelog", Region: "iad", Group: "app", Addr: at(1), Started: true, Metadata: map[string]string{"Tier": "web.front", "role": "primary"}},
			{ID: "b2", App: "changelog", Region: "iad", Group: "app", Addr: at(2)},
			{ID: "e4", App: "changelog", Region: "syd", Group: "app", Addr: at(4), Started: true, Behaviour: platform.Behaviour{Health: 503}},
			{ID: "f5", App: "changelog", Region: "nrt", Group: "app", Addr: at(5), Started: true, SkipDNS: true},
			{ID: "p1", App: "pghero", Region: "iad", Group: "app", Addr: at(6), Started: true},
		},
		Peers: []Peer{
			{"static-laptop", netip.MustParseAddr("fdaa:0:2f:a7b:8cfd:0:a:2")},
			{"interactive-host-someone", netip.MustParseAddr("fdaa:0:2f:a7b:8cfd:0:a:3")},
		},
		Nearest: []string{"syd", "fra", "iad"},
	}
}

// ask asks a zone directly, as if over TCP, and gives the answer in one line per record, or the error's name.
func ask(t *testing.T, z *Zone, name string, qtype uint16) string {
	t.Helper()
	m := exchange(z, name, qtype, &net.TCPAddr{}, 0)
	if m == nil {
		return "(silence)"
	}
	return show(m)
}

func show(m *dns.Msg) string {
	if m.Rcode != dns.RcodeSuccess {
		return dns.RcodeToString[m.Rcode]
	}
	var out []string
	for _, rr := range m.Answer {
		switch rr := rr.(type) {
		case *dns.AAAA:
			out = append(out, rr.AAAA.String())
		case *dns.TXT:
			out = append(out, strings.Join(rr.Txt, ""))
		default:
			out = append(out, rr.String())
		}
	}
	return strings.Join(out, " ")
}

func exchange(z *Zone, name string, qtype uint16, from net.Addr, edns uint16) *dns.Msg {
	q := new(dns.Msg)
	q.SetQuestion(name, qtype)
	if edns > 0 {
		q.SetEdns0(edns, false)
	}
	w := &writer{from: from}
	z.ServeDNS(w, q)
	return w.msg
}

type writer struct {
	dns.ResponseWriter
	from net.Addr
	msg  *dns.Msg
}

func (w *writer) RemoteAddr() net.Addr { return w.from }

func (w *writer) WriteMsg(m *dns.Msg) error {
	// As it would arrive.
	b, err := m.Pack()
	if err != nil {
		return err
	}
	w.msg = new(dns.Msg)
	return w.msg.Unpack(b)
}

func TestZoneAnswersEveryName(t *testing.T) {
	z := &Zone{}
	z.Set(testView())
	const a, b, d, e = "fdaa:0:2f:a7b:1:2:3:1", "fdaa:0:2f:a7b:1:2:3:2", "fdaa:0:2f:a7b:1:2:3:3", "fdaa:0:2f:a7b:1:2:3:4"
	const p = "fdaa:0:2f:a7b:1:2:3:6"
	line := func(id, app, ip, region string) string {
		return fmt.Sprintf("instance=%s,app=%s,ip=%s,region=%s", id, app, ip, region)
	}
	tests := []struct {
		name  string
		qtype uint16
		want  string
	}{
		{"changelog.internal.", dns.TypeAAAA, a + " " + d + " " + e},
		{"CHANGELOG.Internal.", dns.TypeAAAA, a + " " + d + " " + e},
		{"changelog.internal.", dns.TypeA, ""},
		{"changelog.internal.", dns.TypeTXT, ""},
		{"global.changelog.internal.", dns.TypeAAAA, a + " " + d + " " + e},
		{"iad.changelog.internal.", dns.TypeAAAA, a},
		{"nrt.changelog.internal.", dns.TypeAAAA, "NXDOMAIN"},
		{"lhr.changelog.internal.", dns.TypeAAAA, "NXDOMAIN"},
		{"top1.nearest.of.changelog.internal.", dns.TypeAAAA, e},
		{"top2.nearest.of.changelog.internal.", dns.TypeAAAA, e + " " + d},
		{"top9.nearest.of.changelog.internal.", dns.TypeAAAA, e + " " + d + " " + a},
		{"top0.nearest.of.changelog.internal.", dns.TypeAAAA, "NXDOMAIN"},
		{"2.nearest.of.changelog.internal.", dns.TypeAAAA, "NXDOMAIN"},
		{"topx.nearest.of.changelog.internal.", dns.TypeAAAA, "NXDOMAIN"},
		{"a1.vm.changelog.internal.", dns.TypeAAAA, a},
		{"b2.vm.changelog.internal.", dns.TypeAAAA, "NXDOMAIN"},
		{"f5.vm.changelog.internal.", dns.TypeAAAA, "NXDOMAIN"},
		{"p1.vm.changelog.internal.", dns.TypeAAAA, "NXDOMAIN"},
		{"worker.process.changelog.internal.", dns.TypeAAAA, d},
		{"cron.process.changelog.internal.", dns.TypeAAAA, "NXDOMAIN"},
		{"primary.role.kv._metadata.changelog.internal.", dns.TypeAAAA, a},
		{"web.front.tier.kv._metadata.changelog.internal.", dns.TypeAAAA, a},
		{"replica.role.kv._metadata.changelog.internal.", dns.TypeAAAA, "NXDOMAIN"},
		{"role.kv._metadata.changelog.internal.", dns.TypeAAAA, "NXDOMAIN"},
		{"vms.changelog.internal.", dns.TypeTXT, "a1 iad,d3 fra,e4 syd"},
		{"all.vms.changelog.internal.", dns.TypeTXT, "a1 iad,b2 iad,d3 fra,e4 syd"},
		{"regions.changelog.internal.", dns.TypeTXT, "fra,iad,syd"},
		{"all.regions.changelog.internal.", dns.TypeTXT, "fra,iad,syd"},
		{"vms.empty.internal.", dns.TypeTXT, ""},
		{"empty.internal.", dns.TypeAAAA, ""},
		{"vms.other.internal.", dns.TypeTXT, "NXDOMAIN"},
		{"other.internal.", dns.TypeAAAA, "NXDOMAIN"},
		{"_apps.internal.", dns.TypeTXT, "changelog,empty,pghero"},
		{"_peer.internal.", dns.TypeTXT, "static-laptop"},
		{"static-laptop._peer.internal.", dns.TypeAAAA, "fdaa:0:2f:a7b:8cfd:0:a:2"},
		{"interactive-host-someone._peer.internal.", dns.TypeAAAA, "NXDOMAIN"},
		{"_instances.internal.", dns.TypeTXT, strings.Join([]string{line("a1", "changelog", a, "iad"), line("d3", "changelog", d, "fra"), line("e4", "changelog", e, "syd"), line("p1", "pghero", p, "iad")}, ";")},
		{"all._instances.internal.", dns.TypeTXT, strings.Join([]string{line("a1", "changelog", a, "iad"), line("b2", "changelog", b, "iad"), line("d3", "changelog", d, "fra"), line("e4", "changelog", e, "syd"), line("p1", "pghero", p, "iad")}, ";")},
		{"_api.internal.", dns.TypeAAAA, "fdaa:0:2f::3"},
		{"_api.internal.", dns.TypeTXT, ""},
		{"changelog.flycast.", dns.TypeAAAA, "fdaa:0:2f:1::2"},
		{"pghero.flycast.", dns.TypeAAAA, "fdaa:0:2f:1::3"},
		{"other.flycast.", dns.TypeAAAA, "NXDOMAIN"},
		{"internal.", dns.TypeAAAA, "NXDOMAIN"},
		{".", dns.TypeAAAA, "NXDOMAIN"},
		{"example.com.", dns.TypeAAAA, "NXDOMAIN"},
	}
	for _, tt := range tests {
		t.Run(tt.name+dns.TypeToString[tt.qtype], func(t *testing.T) {
			if diff := cmp.Diff(tt.want, ask(t, z, tt.name, tt.qtype)); diff != "" {
				t.Errorf("answer (-want +got):\n%s", diff)
			}
		})
	}
}

func TestZoneTTLAndFlags(t *testing.T) {
	z := &Zone{}
	z.Set(testView())
	m := exchange(z, "a1.vm.changelog.internal.", dns.TypeAAAA, &net.TCPAddr{}, 0)
	if got := m.Answer[0].Header().Ttl; got != 5 {
		t.Errorf("ttl %d, want 5", got)
	}
	if !m.Authoritative || !m.RecursionAvailable {
		t.Errorf("aa=%v ra=%v, want both: a stock resolver takes an empty answer without them for a lame referral", m.Authoritative, m.RecursionAvailable)
	}
}

func TestLongAnswersAreSplitAndTruncated(t *testing.T) {
	v := testView()
	for n := range 400 {
		v.Instances = append(v.Instances, platform.Instance{ID: fmt.Sprintf("%014x", n), App: "changelog", Region: "iad", Addr: netip.AddrFrom16([16]byte{0xfd, 15: byte(n)}), Started: true})
	}
	z := &Zone{}
	z.Set(v)
	m := exchange(z, "vms.changelog.internal.", dns.TypeTXT, &net.TCPAddr{}, 0)
	txt := m.Answer[0].(*dns.TXT)
	for n, s := range txt.Txt {
		if len(s) > 255 {
			t.Fatalf("string %d is %d bytes", n, len(s))
		}
	}
	if got := strings.Count(strings.Join(txt.Txt, ""), ","); got != 402 {
		t.Errorf("%d commas, want 402", got)
	}
	if m.Truncated {
		t.Error("truncated over TCP")
	}
	for n := range 1000 {
		v.Instances = append(v.Instances, platform.Instance{ID: fmt.Sprintf("a%013x", n), App: "changelog", Region: "iad", Addr: netip.AddrFrom16([16]byte{0xfd, 14: byte(n >> 8), 15: byte(n)}), Started: true})
	}
	z.Set(v)
	if got := ask(t, z, "_instances.internal.", dns.TypeTXT); got != "SERVFAIL" {
		t.Errorf("an answer of more than a message: %.40q, want SERVFAIL", got)
	}
	for _, edns := range []uint16{0, 1232, 65535} {
		u := exchange(z, "vms.changelog.internal.", dns.TypeTXT, &net.UDPAddr{}, edns)
		if !u.Truncated {
			t.Errorf("edns %d: not truncated over UDP", edns)
		}
		if b, _ := u.Pack(); len(b) > maxUDP {
			t.Errorf("edns %d: datagram of %d bytes", edns, len(b))
		}
	}
}

func TestZoneFaults(t *testing.T) {
	z := &Zone{}
	z.Set(testView())
	const name = "iad.changelog.internal."
	steps := []struct {
		do   func()
		want string
	}{
		{func() { z.Fault(FaultSilent, true) }, "(silence)"},
		{func() { z.Fault(FaultSilent, false); z.Fault(FaultServFail, true) }, "SERVFAIL"},
		{func() { z.Fault(FaultServFail, false); z.Fault(FaultNXDomain, true) }, "NXDOMAIN"},
		{func() { z.Fault(FaultNXDomain, false) }, "fdaa:0:2f:a7b:1:2:3:1"},
		{func() { z.Fault(FaultStale, true); z.Set(View{}) }, "fdaa:0:2f:a7b:1:2:3:1"},
		{func() { z.Fault(FaultStale, true) }, "fdaa:0:2f:a7b:1:2:3:1"},
		{func() { z.Fault(FaultStale, false) }, "NXDOMAIN"},
	}
	for n, s := range steps {
		s.do()
		if got := ask(t, z, name, dns.TypeAAAA); got != s.want {
			t.Errorf("step %d: %q, want %q", n, got, s.want)
		}
	}
}

func TestHostileAnswerIsLargeAndHoldsTheTruth(t *testing.T) {
	z := &Zone{}
	z.Set(testView())
	z.Fault(FaultHostile, true)
	m := exchange(z, "vms.changelog.internal.", dns.TypeTXT, &net.TCPAddr{}, 0)
	txt, ok := m.Answer[len(m.Answer)-1].(*dns.TXT)
	if !ok {
		t.Fatalf("no text in %v", m.Answer)
	}
	all := strings.Join(txt.Txt, "")
	if !strings.HasPrefix(all, "a1 iad,d3 fra,e4 syd,") {
		t.Errorf("begins with %.60q", all)
	}
	if !strings.Contains(all, `\027[2J`) {
		t.Error("no escape sequence in it")
	}
	if m.Len() < hostileTXT*9/10 {
		t.Errorf("%d bytes only", m.Len())
	}
	if u := exchange(z, "vms.changelog.internal.", dns.TypeTXT, &net.UDPAddr{}, 1232); !u.Truncated {
		t.Error("fits in a datagram")
	}
}

func TestUnknownQuestionsAreRefused(t *testing.T) {
	z := &Zone{}
	q := new(dns.Msg)
	q.SetQuestion("changelog.internal.", dns.TypeAAAA)
	q.Question[0].Qclass = dns.ClassCHAOS
	w := &writer{from: &net.TCPAddr{}}
	z.ServeDNS(w, q)
	if w.msg.Rcode != dns.RcodeRefused {
		t.Errorf("class chaos: %s", show(w.msg))
	}
	q.Question = nil
	z.ServeDNS(w, q)
	if w.msg.Rcode != dns.RcodeRefused {
		t.Errorf("no question: %s", show(w.msg))
	}
}

func FuzzZoneLookup(f *testing.F) {
	for _, s := range []string{"changelog.internal", "..internal", "top-1.nearest.of.changelog.internal", ".kv._metadata.changelog.internal", "._peer.internal", ".flycast"} {
		f.Add(s)
	}
	z := &Zone{}
	z.Set(testView())
	f.Fuzz(func(t *testing.T, name string) {
		m := new(dns.Msg)
		z.current().answer(m, dns.Question{Name: name, Qtype: dns.TypeAAAA, Qclass: dns.ClassINET})
		if m.Rcode == dns.RcodeNameError && len(m.Answer) > 0 {
			t.Errorf("%q: an answer to a name that does not exist", name)
		}
	})
}
