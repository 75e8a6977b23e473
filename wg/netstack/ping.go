package netstack

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"time"

	"gvisor.dev/gvisor/pkg/tcpip"
	"gvisor.dev/gvisor/pkg/tcpip/adapters/gonet"
	"gvisor.dev/gvisor/pkg/tcpip/header"
	"gvisor.dev/gvisor/pkg/tcpip/transport/icmp"
	"gvisor.dev/gvisor/pkg/waiter"
)

// Ping sends one ICMP echo that makes an inner packet of size bytes (0: the smallest) and waits for the reply until
// ctx ends. It is the round trip, and with size the MTU that a path carries.
func (t *Stack) Ping(ctx context.Context, to netip.Addr, size int) (time.Duration, error) {
	to = to.Unmap()
	fail := func(err error) (time.Duration, error) {
		if t.ctx.Err() != nil {
			err = ErrClosed
		}
		return 0, &net.OpError{Op: "ping", Net: "icmp", Addr: &net.IPAddr{IP: to.AsSlice()}, Err: err}
	}
	if err := dialable(netip.AddrPortFrom(to, 1)); err != nil {
		return fail(err)
	}
	c, err := t.dialICMP(to)
	if err != nil {
		return fail(err)
	}
	defer c.Close()
	stop := context.AfterFunc(ctx, func() { _ = c.SetDeadline(time.Unix(1, 0)) })
	defer stop()

	const seq = 1
	msg := echoRequest(to, seq, size)
	start := time.Now()
	if _, err := c.Write(msg); err != nil {
		return fail(asContext(ctx, err))
	}
	buf := make([]byte, max(len(msg), 64))
	for {
		n, err := c.Read(buf)
		if err != nil {
			return fail(asContext(ctx, err))
		}
		if isEchoReply(to, buf[:n], seq) {
			return time.Since(start), nil
		}
	}
}

func asContext(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if oe := (*net.OpError)(nil); errors.As(err, &oe) {
		return standard(oe.Err)
	}
	return err
}

// dialICMP uses gonet's datagram connection, which is the same for every datagram endpoint.
func (t *Stack) dialICMP(to netip.Addr) (net.Conn, error) {
	proto := icmp.ProtocolNumber6
	if to.Is4() {
		proto = icmp.ProtocolNumber4
	}
	var wq waiter.Queue
	ep, e := t.s.NewEndpoint(proto, protocolOf(to), &wq)
	if e != nil {
		return nil, stackError("ping", e)
	}
	if e := ep.Connect(tcpip.FullAddress{NIC: nic, Addr: tcpip.AddrFromSlice(to.AsSlice())}); e != nil {
		ep.Close()
		return nil, stackError("ping", e)
	}
	return &wrapped{t: t, Conn: gonet.NewUDPConn(&wq, ep)}, nil
}

func echoRequest(to netip.Addr, seq uint16, size int) []byte {
	if to.Is4() {
		b := header.ICMPv4(make([]byte, max(header.ICMPv4MinimumSize, size-header.IPv4MinimumSize)))
		b.SetType(header.ICMPv4Echo)
		b.SetSequence(seq)
		return b
	}
	b := header.ICMPv6(make([]byte, max(header.ICMPv6EchoMinimumSize, size-header.IPv6MinimumSize)))
	b.SetType(header.ICMPv6EchoRequest)
	b.SetSequence(seq)
	return b
}

func isEchoReply(from netip.Addr, b []byte, seq uint16) bool {
	if from.Is4() {
		h := header.ICMPv4(b)
		return len(b) >= header.ICMPv4MinimumSize && h.Type() == header.ICMPv4EchoReply && h.Sequence() == seq
	}
	h := header.ICMPv6(b)
	return len(b) >= header.ICMPv6EchoMinimumSize && h.Type() == header.ICMPv6EchoReply && h.Sequence() == seq
}
