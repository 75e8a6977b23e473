package wg

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"time"
)

// resolve looks where the endpoint is now.
func (u *userNetwork) resolve(ctx context.Context) (moved bool, err error) {
	host, port, err := net.SplitHostPort(u.peer.Endpoint)
	if err != nil {
		return false, err
	}
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil {
		return false, err
	}
	var as []netip.Addr
	if a, err := netip.ParseAddr(host); err == nil {
		as = []netip.Addr{a}
	} else {
		lookup := u.o.lookup
		if lookup == nil {
			lookup = func(ctx context.Context, host string) ([]netip.Addr, error) {
				return net.DefaultResolver.LookupNetIP(ctx, "ip", host)
			}
		}
		if as, err = lookup(ctx, host); err == nil && len(as) == 0 {
			err = fmt.Errorf("%s has no address", host)
		}
		u.mu.Lock()
		u.resolveErr = err
		u.mu.Unlock()
		if err != nil {
			return false, err
		}
	}
	return u.setEndpoint(as, uint16(n))
}

// setEndpoint takes the first of several addresses, or the one after the present: that one does not answer.
func (u *userNetwork) setEndpoint(as []netip.Addr, port uint16) (moved bool, err error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	next := 0
	for i, a := range as {
		if a.Unmap() == u.endpoint.Addr() {
			next = (i + 1) % len(as)
		}
	}
	to := netip.AddrPortFrom(as[next].Unmap(), port)
	first, moved := !u.endpoint.IsValid(), to != u.endpoint
	u.endpoint = to
	if first {
		// The device has tried without an endpoint, and would now wait 5 s: begin anew.
		err := u.configure(to)
		close(u.located)
		return true, err
	}
	// Set again also when it is the same: WireGuard follows the peer to whatever address it was heard from last.
	line := fmt.Sprintf("public_key=%x\nupdate_only=true\nendpoint=%s\n", u.peer.PublicKey[:], to)
	if err := u.dev.IpcSet(line); err != nil {
		return false, fmt.Errorf("set the endpoint: %w", err)
	}
	return moved, nil
}

// firstEndpoint resolves the endpoint's name, again and again until it has an address.
func (u *userNetwork) firstEndpoint(ctx context.Context) {
	for wait := 500 * time.Millisecond; ; wait = min(2*wait, 10*time.Second) {
		u.mu.Lock()
		known := u.endpoint.IsValid()
		u.mu.Unlock()
		if known {
			return
		}
		bounded, cancel := context.WithTimeout(ctx, 5*time.Second)
		_, err := u.resolve(bounded)
		cancel()
		if err == nil {
			return
		}
		u.o.logger.Debug("endpoint does not resolve", "endpoint", u.peer.Endpoint, "err", err)
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case <-timer.C:
		}
	}
}
