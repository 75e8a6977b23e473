package wg

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"sync"
	"time"

	"ops-console/wg/conf"
)

// way is an interface of this machine that may lead into the network.
type way struct {
	name    string
	tunnel  bool           // it is no Ethernet: WireGuard of the kernel, or a program behind a TUN device
	mtu     int            //
	address []netip.Prefix // those inside the network
	network netip.Prefix   // around address
	servers []netip.AddrPort
	named   bool // by Options.Interface

	device    existingDevice // zero where it could not be read
	deviceErr error
	answerErr error // of the network's DNS; nil: it answered
	own       bool  // it has our key, or our address
}

// why says what speaks for the way.
func (w *way) why() string {
	kind := "this machine is inside the network through "
	if w.tunnel {
		kind = "an existing interface carries the network: "
	}
	s := kind + w.name
	if w.own {
		s += " has this peer's address"
		if w.answerErr != nil {
			s += ", although " + w.servers[0].Addr().String() + " does not answer through it"
		}
		return s
	}
	return s + ", and its DNS answers"
}

type ways []*way

// ours is the interface with our key: a second tunnel with it would break both.
func (ww ways) ours() *way {
	return ww.first(func(w *way) bool { return w.own && w.tunnel })
}

func (ww ways) answering(tunnel bool) *way {
	return ww.first(func(w *way) bool { return w.tunnel == tunnel && w.answerErr == nil })
}

func (ww ways) any(tunnel bool) *way {
	return ww.first(func(w *way) bool { return w.tunnel == tunnel })
}

func (ww ways) named(name string) *way {
	return ww.first(func(w *way) bool { return name != "" && w.name == name })
}

func (ww ways) first(ok func(*way) bool) *way {
	if i := slices.IndexFunc(ww, ok); i >= 0 {
		return ww[i]
	}
	return nil
}

// tried says why none of the ways was taken.
func (ww ways) tried(o Options) (out []string) {
	for _, w := range ww {
		out = append(out, fmt.Sprintf("DNS %s does not answer through %s", w.servers[0].Addr(), w.name))
	}
	if len(ww) == 0 {
		what := "no interface of this machine is in the network"
		if o.Interface != "" {
			what = fmt.Sprintf("no interface %s that is up and in the network", o.Interface)
		}
		out = append(out, what)
	}
	return out
}

// host is what findWays asks of the machine.
type host struct {
	interfaces func() ([]net.Interface, error)
	addresses  func(net.Interface) ([]net.Addr, error)
	device     func(ctx context.Context, name string) (existingDevice, error)
	dial       func(ctx context.Context, network, addr string) (net.Conn, error)
}

func machine() host {
	return host{
		interfaces: net.Interfaces,
		addresses:  func(i net.Interface) ([]net.Addr, error) { return i.Addrs() },
		device:     readDevice,
		dial:       new(net.Dialer).DialContext,
	}
}

// findWays looks at the machine's interfaces, and asks the DNS server behind each that has an address of the network.
func findWays(ctx context.Context, o Options, h host) ways {
	ctx, cancel := context.WithTimeout(ctx, lookWait)
	defer cancel()
	var found ways
	interfaces, err := h.interfaces()
	if err != nil {
		o.Logger.Debug("list interfaces", "err", err)
	}
	for _, i := range interfaces {
		if i.Flags&net.FlagUp == 0 || i.Flags&net.FlagLoopback != 0 || o.Interface != "" && i.Name != o.Interface {
			continue
		}
		addrs, err := h.addresses(i)
		if err != nil {
			continue
		}
		if w := newWay(i, addrs, o); w != nil {
			found = append(found, w)
		}
	}
	var wg sync.WaitGroup
	for _, w := range found {
		wg.Go(func() {
			r := &Resolver{Dial: h.dial, Servers: w.servers}
			w.answerErr = answered(ctx, r)
		})
		if w.tunnel {
			wg.Go(func() { w.device, w.deviceErr = h.device(ctx, w.name) })
		}
	}
	wg.Wait()
	for _, w := range found {
		w.own = isOurs(w, o.Config)
	}
	return found
}

// answered asks a DNS server three times until ctx ends, each question a little after the one before, and takes any
// answer: one lost datagram must not decide over the way into the network, and a slow path has its time as well.
func answered(ctx context.Context, r *Resolver) error {
	ctx, cancel := context.WithCancel(ctx)
	const questions = 3
	results := make(chan error, questions)
	var wg sync.WaitGroup
	defer wg.Wait()
	defer cancel()
	for i := range questions {
		wg.Go(func() {
			if i > 0 && !pause(ctx, time.Duration(i)*lookWait/5) {
				results <- ctx.Err()
				return
			}
			_, err := r.Ping(ctx, probeName, lookWait)
			if re := (RcodeError{}); errors.As(err, &re) {
				err = nil // it is there; that it does not work is for the Status to say
			}
			results <- err
		})
	}
	var err error
	for range questions {
		if err = <-results; err == nil {
			return nil
		}
	}
	return err
}

// newWay is nil for an interface without an address of the network.
func newWay(i net.Interface, addrs []net.Addr, o Options) *way {
	w := &way{
		name: i.Name, mtu: i.MTU, named: i.Name == o.Interface,
		tunnel: len(i.HardwareAddr) == 0,
	}
	for _, a := range addrs {
		n, ok := a.(*net.IPNet)
		if !ok {
			continue
		}
		ip, ok := netip.AddrFromSlice(n.IP)
		if !ok {
			continue
		}
		ip = ip.Unmap()
		ones, _ := n.Mask.Size()
		if network := networkOf(ip, o.Config); network.IsValid() {
			w.address = append(w.address, netip.PrefixFrom(ip, ones))
			w.network = network
		}
	}
	if len(w.address) == 0 {
		return nil
	}
	w.servers = serversOf(w, o)
	return w
}

// networkOf is the network that an address is in: ours, or where we know none, any /48 of the platform's.
func networkOf(ip netip.Addr, c *conf.Config) netip.Prefix {
	if c == nil {
		if platform := netip.MustParsePrefix("fdaa::/16"); platform.Contains(ip) {
			return netip.PrefixFrom(ip, 48).Masked()
		}
		return netip.Prefix{}
	}
	if p := c.Prefix(); p.IsValid() && p.Contains(ip) {
		return p
	}
	for _, a := range c.Addresses {
		if p := a.Masked(); ip.Is4() && p.Contains(ip) {
			return p
		}
	}
	return netip.Prefix{}
}

func serversOf(w *way, o Options) []netip.AddrPort {
	var addrs []netip.Addr
	switch {
	case o.DNS.IsValid():
		addrs = []netip.Addr{o.DNS}
	case !w.tunnel:
		addrs = []netip.Addr{insideDNS()}
	case o.Config != nil:
		addrs = o.Config.Nameservers()
	default:
		b := w.network.Addr().As16()
		b[15] = 3
		addrs = []netip.Addr{netip.AddrFrom16(b)}
	}
	var out []netip.AddrPort
	for _, a := range addrs {
		out = append(out, netip.AddrPortFrom(a, 53))
	}
	if len(out) == 0 {
		out = []netip.AddrPort{netip.AddrPortFrom(insideDNS(), 53)}
	}
	return out
}

// insideDNS is the server that every machine of the platform has.
func insideDNS() netip.Addr { return netip.MustParseAddr("fdaa::3") }

// rival names a tunnel interface that is up with an address of ours, and so has our key: empty when there is none.
func rival(h host, c *conf.Config) string {
	interfaces, _ := h.interfaces()
	for _, i := range interfaces {
		if i.Flags&net.FlagUp == 0 || i.Flags&net.FlagLoopback != 0 || len(i.HardwareAddr) > 0 {
			continue
		}
		addrs, err := h.addresses(i)
		if err != nil {
			continue
		}
		if w := newWay(i, addrs, Options{Config: c}); w != nil && isOurs(w, c) {
			return i.Name
		}
	}
	return ""
}

func isOurs(w *way, c *conf.Config) bool {
	if c == nil {
		return false
	}
	if w.deviceErr == nil && !w.device.key.IsZero() {
		return w.device.key == c.PrivateKey.Public()
	}
	for _, a := range w.address {
		if slices.Contains(c.HostAddrs(), a.Addr()) {
			return true
		}
	}
	return false
}
