package wg

import (
	"net/netip"
	"strings"
)

// openDirect uses the machine's own network, for a machine that is inside. w is the interface through which it is, nil
// where none was found.
func openDirect(o Options, w *way, why string) Network {
	base := Status{Kind: KindDirect, Why: why}
	h := machine()
	servers := []netip.AddrPort{netip.AddrPortFrom(insideDNS(), 53)}
	if o.DNS.IsValid() {
		servers = []netip.AddrPort{netip.AddrPortFrom(o.DNS, 53)}
	}
	// Without an own address there is no telling which of the platform's networks this is.
	allowed := []netip.Prefix{netip.MustParsePrefix("fdaa::/16")}
	if o.Config != nil && o.Config.Prefix().IsValid() {
		allowed = []netip.Prefix{o.Config.Prefix()}
	}
	if w != nil {
		base.Device, base.MTU, base.Addresses = w.name, w.mtu, w.address
		allowed, servers = []netip.Prefix{w.network}, w.servers
	}
	return openWatched(watchedOptions{
		base: base, allowed: withServers(allowed, servers), servers: servers,
		connect: dialMachine(h.dial), advice: adviseDirect, finish: finishDirect,
	})
}

func adviseDirect(s Status) string {
	if s.State != StateDead {
		return ""
	}
	return "nothing answers at " + s.DNS + ": is this machine inside the network? Otherwise join it (ops-console wg join)"
}

// finishDirect speaks of no tunnel where there is none.
func finishDirect(s Status) Status {
	if rest, ok := strings.CutPrefix(s.Cause, "tunnel "); ok {
		s.Cause = "network " + rest
	}
	return s
}
