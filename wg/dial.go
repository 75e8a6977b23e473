package wg

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"strings"
	"time"
)

// perAddress bounds the attempt at one address of a name with several.
const perAddress = 3 * time.Second

// dialer is how every kind of Network dials: names by its own resolver, addresses in turn, and nothing that the
// network does not carry.
type dialer struct {
	resolver *Resolver
	// allowed are the parts of the address space that the network carries.
	allowed []netip.Prefix
	// connect makes the connection. network is tcp or udp.
	connect func(ctx context.Context, network string, to netip.AddrPort) (net.Conn, error)
	// ready waits while the network is still connecting, and fails when it is known not to work. nil: always ready.
	ready func(context.Context) error
}

// DialContext connects to host:port. A name with several addresses is tried in random order, each for 3 s.
func (d *dialer) DialContext(ctx context.Context, network, addr string) (net.Conn, error) {
	fail := func(err error) (net.Conn, error) {
		return nil, &net.OpError{Op: "dial", Net: network, Addr: dialAddr{network, addr}, Err: err}
	}
	host, port, err := d.split(ctx, network, addr)
	if err != nil {
		return fail(err)
	}
	literal, err := netip.ParseAddr(host)
	if err == nil {
		if err := d.permits(network, literal); err != nil {
			return fail(err) // before ready: this will not become better
		}
	}
	if d.ready != nil {
		if err := d.ready(ctx); err != nil {
			return fail(err)
		}
	}
	if literal.IsValid() {
		c, err := d.connect(ctx, network[:3], netip.AddrPortFrom(literal.Unmap(), port))
		if err != nil {
			return nil, err
		}
		return c, nil
	}
	as, err := d.resolver.LookupNetIP(ctx, host)
	if err != nil {
		return fail(err)
	}
	rand.Shuffle(len(as), func(i, j int) { as[i], as[j] = as[j], as[i] })
	var errs attempts
	for _, a := range as {
		c, err := d.try(ctx, network, netip.AddrPortFrom(a.Unmap(), port))
		if err == nil {
			return c, nil
		}
		errs = append(errs, err)
		if ctx.Err() != nil {
			break
		}
	}
	return fail(errs)
}

// attempts are the failures at the addresses of one name, on one line.
type attempts []error

func (a attempts) Unwrap() []error { return a }

func (a attempts) Error() string {
	ss := make([]string, len(a))
	for i, err := range a {
		ss[i] = err.Error()
	}
	return strings.Join(ss, "; ")
}

func (d *dialer) try(ctx context.Context, network string, to netip.AddrPort) (net.Conn, error) {
	if err := d.permits(network, to.Addr()); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, perAddress)
	defer cancel()
	c, err := d.connect(ctx, network[:3], to)
	if err == nil {
		return c, nil
	}
	if oe := (*net.OpError)(nil); errors.As(err, &oe) {
		err = oe.Err
	}
	return nil, fmt.Errorf("%s: %w", to, err)
}

// dialServer is what a Resolver dials with: only addresses, and without waiting for the network to be well, since
// this is how that is found out.
func (d *dialer) dialServer(ctx context.Context, network, addr string) (net.Conn, error) {
	to, err := netip.ParseAddrPort(addr)
	if err == nil {
		err = d.permits(network, to.Addr())
	}
	if err != nil {
		return nil, &net.OpError{Op: "dial", Net: network, Addr: dialAddr{network, addr}, Err: err}
	}
	return d.connect(ctx, network[:3], to)
}

func (d *dialer) split(ctx context.Context, network, addr string) (host string, port uint16, err error) {
	switch network {
	case "tcp", "tcp4", "tcp6", "udp", "udp4", "udp6":
	default:
		return "", 0, net.UnknownNetworkError(network)
	}
	host, service, err := net.SplitHostPort(addr)
	if err != nil {
		return "", 0, err
	}
	n, err := (&net.Resolver{PreferGo: true}).LookupPort(ctx, network, service)
	if err != nil || n == 0 {
		return "", 0, fmt.Errorf("unknown port %q", service)
	}
	if host == "" {
		return "", 0, errors.New("no host")
	}
	return host, uint16(n), nil
}

// permits refuses what would hang until the deadline, or go elsewhere than meant.
func (d *dialer) permits(network string, a netip.Addr) error {
	if a.Zone() != "" {
		return fmt.Errorf("%s is %w: zones have no meaning here", a, ErrOutside)
	}
	a = a.Unmap()
	if (network[3:] == "4" && !a.Is4()) || (network[3:] == "6" && !a.Is6()) {
		return fmt.Errorf("%s is not an address for %s", a, network)
	}
	if !a.IsLoopback() && !a.IsUnspecified() && !a.IsMulticast() {
		for _, p := range d.allowed {
			if p.Contains(a) {
				return nil
			}
		}
	}
	return fmt.Errorf("%s is %w (%s)", a, ErrOutside, prefixList(d.allowed))
}

func prefixList(ps []netip.Prefix) string {
	ss := make([]string, len(ps))
	for i, p := range ps {
		ss[i] = p.String()
	}
	if len(ss) == 0 {
		return "no addresses are routed to it"
	}
	return strings.Join(ss, ", ")
}

// dialAddr is what was asked for, in errors.
type dialAddr struct{ network, addr string }

func (a dialAddr) Network() string { return a.network }
func (a dialAddr) String() string  { return a.addr }
