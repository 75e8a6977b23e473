package conf

import (
	"encoding/hex"
	"net/netip"
	"strconv"
)

// AppendUAPI appends the configuration in the form that a WireGuard device takes (set operation, whole: peers that
// are not named are removed). endpoint gives the address of a peer, or the zero AddrPort where it is not known yet;
// names are never put in. The result contains the private key: clear it after use.
//
// FwMark is left out: setting it needs rights that a user-mode tunnel does without.
func (c *Config) AppendUAPI(b []byte, endpoint func(Peer) netip.AddrPort) []byte {
	line := func(k string) { b = append(b, k...); b = append(b, '=') }
	key := func(k string, v [32]byte) { line(k); b = hex.AppendEncode(b, v[:]); b = append(b, '\n') }
	num := func(k string, n int) { line(k); b = strconv.AppendInt(b, int64(n), 10); b = append(b, '\n') }
	key("private_key", c.PrivateKey.Bytes())
	if c.ListenPort != 0 {
		num("listen_port", c.ListenPort)
	}
	b = append(b, "replace_peers=true\n"...)
	for _, p := range c.Peers {
		key("public_key", p.PublicKey)
		if !p.PresharedKey.IsZero() {
			key("preshared_key", p.PresharedKey.Bytes())
		}
		if ap := endpoint(p); ap.IsValid() {
			line("endpoint")
			b = ap.AppendTo(b)
			b = append(b, '\n')
		}
		num("persistent_keepalive_interval", p.Keepalive)
		b = append(b, "replace_allowed_ips=true\n"...)
		for _, a := range p.AllowedIPs {
			line("allowed_ip")
			b = a.AppendTo(b)
			b = append(b, '\n')
		}
	}
	return b
}

// FixedEndpoint is the endpoint of p where it is written as an address, for AppendUAPI.
func FixedEndpoint(p Peer) netip.AddrPort {
	ap, err := netip.ParseAddrPort(p.Endpoint)
	if err != nil {
		return netip.AddrPort{}
	}
	return netip.AddrPortFrom(ap.Addr().Unmap(), ap.Port())
}
