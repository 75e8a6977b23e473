package gateway

import (
	"fmt"
	"net/netip"

	"github.com/miekg/dns"
)

// maxUDP is the longest answer in one datagram: what fits the smallest IPv6 packet whole.
const maxUDP = 1232

func (g *Gateway) serveDNS() error {
	at := netip.AddrPortFrom(g.own, 53)
	udp, err := g.stack.ListenUDP(at)
	if err != nil {
		return fmt.Errorf("DNS: %w", err)
	}
	tcp, err := g.stack.ListenTCP(at)
	if err != nil {
		_ = udp.Close()
		return fmt.Errorf("DNS: %w", err)
	}
	h := fitting{g.o.DNS}
	started := make(chan struct{}, 2)
	for _, s := range []*dns.Server{{PacketConn: udp, Handler: h, UDPSize: dns.MaxMsgSize}, {Listener: tcp, Handler: h}} {
		s.NotifyStartedFunc = func() { started <- struct{}{} }
		g.dns = append(g.dns, s)
		g.wg.Go(func() { _ = s.ActivateAndServe() })
	}
	// A server that has not started cannot be shut down either.
	for range cap(started) {
		<-started
	}
	return nil
}

// fitting cuts answers to what the asker's transport takes.
type fitting struct{ next dns.Handler }

func (f fitting) ServeDNS(w dns.ResponseWriter, r *dns.Msg) {
	if w.RemoteAddr().Network() == "udp" {
		w = cutting{w, r}
	}
	f.next.ServeDNS(w, r)
}

type cutting struct {
	dns.ResponseWriter
	question *dns.Msg
}

// WriteMsg writes m with as many records as fit; the rest is asked for again over TCP because of the TC bit.
func (c cutting) WriteMsg(m *dns.Msg) error {
	size := dns.MinMsgSize
	if o := c.question.IsEdns0(); o != nil {
		size = max(size, min(int(o.UDPSize()), maxUDP))
		if m.IsEdns0() == nil {
			m.SetEdns0(maxUDP, false)
		}
	}
	m.Truncate(size)
	return c.ResponseWriter.WriteMsg(m)
}
