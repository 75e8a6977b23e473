package conf

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"slices"
	"strings"
)

// Config is one WireGuard configuration file.
type Config struct {
	PrivateKey Key
	Addresses  []netip.Prefix // our own, inside the network
	DNS        []netip.Addr   // the network's servers
	Search     []string       // names among the DNS values
	MTU        int            // 0: not given
	ListenPort int            // 0: any
	FwMark     uint32         // 0: none
	Peers      []Peer
	Ignored    []string // keys that only wg-quick acts on (PostUp, Table, …), as written
}

// Peer is one [Peer] section.
type Peer struct {
	PublicKey    PublicKey
	PresharedKey Key            // zero: none
	AllowedIPs   []netip.Prefix // masked
	Endpoint     string         // host:port, [ipv6]:port, or empty; the host may be a name
	Keepalive    int            // seconds; 0: off
}

// Zero overwrites the secrets. Copies of the Config share them.
func (c *Config) Zero() {
	c.PrivateKey.Zero()
	for i := range c.Peers {
		c.Peers[i].PresharedKey.Zero()
	}
}

// Clone copies the Config with keys of its own, which Zero of the original leaves alone.
func (c *Config) Clone() *Config {
	d := *c
	d.PrivateKey = NewKey(c.PrivateKey.Bytes())
	d.Addresses, d.DNS = slices.Clone(c.Addresses), slices.Clone(c.DNS)
	d.Search, d.Ignored = slices.Clone(c.Search), slices.Clone(c.Ignored)
	d.Peers = slices.Clone(c.Peers)
	for i := range d.Peers {
		p := &d.Peers[i]
		p.PresharedKey, p.AllowedIPs = NewKey(p.PresharedKey.Bytes()), slices.Clone(p.AllowedIPs)
	}
	return &d
}

// Prefix is the /48 of the private network: the one around our first IPv6 address. It is the zero Prefix when we
// have no IPv6 address.
func (c *Config) Prefix() netip.Prefix {
	for _, a := range c.Addresses {
		if a.Addr().Is6() {
			return netip.PrefixFrom(a.Addr(), 48).Masked()
		}
	}
	return netip.Prefix{}
}

// Nameservers are the servers of the file, or where it names none, the server of the network: Prefix() with ::3.
func (c *Config) Nameservers() []netip.Addr {
	if len(c.DNS) > 0 {
		return c.DNS
	}
	p := c.Prefix()
	if !p.IsValid() {
		return nil
	}
	b := p.Addr().As16()
	b[15] = 3
	return []netip.Addr{netip.AddrFrom16(b)}
}

// HostAddrs are Addresses without their lengths.
func (c *Config) HostAddrs() []netip.Addr {
	out := make([]netip.Addr, 0, len(c.Addresses))
	for _, p := range c.Addresses {
		out = append(out, p.Addr())
	}
	return out
}

// Allowed reports that some peer takes packets for a.
func (c *Config) Allowed(a netip.Addr) bool {
	a = a.Unmap()
	for i := range c.Peers {
		for _, p := range c.Peers[i].AllowedIPs {
			if p.Contains(a) {
				return true
			}
		}
	}
	return false
}

// Marshal returns what Write writes.
func (c *Config) Marshal() ([]byte, error) {
	var b bytes.Buffer
	if err := c.Write(&b); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

// Write writes the file as `fly wireguard create` does: the same keys in the same order, and the further keys of a
// Config only where they are set. It contains the private key. A Config that Parse would refuse is an error, so that
// nothing can be smuggled in through a value.
func (c *Config) Write(w io.Writer) error {
	if err := c.check(); err != nil {
		return err
	}
	var b bytes.Buffer
	defer func() { clear(b.Bytes()) }()
	line := func(k, v string) { b.WriteString(k + " = " + v + "\n") }
	b.WriteString("\n[Interface]\n")
	line("PrivateKey", c.PrivateKey.Base64())
	line("Address", join(c.Addresses))
	if len(c.DNS)+len(c.Search) > 0 {
		v := join(c.DNS)
		if len(c.DNS) > 0 && len(c.Search) > 0 {
			v += ", "
		}
		line("DNS", v+strings.Join(c.Search, ", "))
	}
	number := func(k string, n int) {
		if n != 0 {
			line(k, fmt.Sprint(n))
		}
	}
	number("MTU", c.MTU)
	number("ListenPort", c.ListenPort)
	number("FwMark", int(c.FwMark))
	for i := range c.Peers {
		p := &c.Peers[i]
		b.WriteString("\n[Peer]\n")
		line("PublicKey", p.PublicKey.String())
		if !p.PresharedKey.IsZero() {
			line("PresharedKey", p.PresharedKey.Base64())
		}
		if len(p.AllowedIPs) > 0 {
			line("AllowedIPs", join(p.AllowedIPs))
		}
		if p.Endpoint != "" {
			line("Endpoint", p.Endpoint)
		}
		number("PersistentKeepalive", p.Keepalive)
	}
	b.WriteString("\n")
	if _, err := Parse(b.Bytes()); err != nil {
		return fmt.Errorf("wireguard configuration: %w", err)
	}
	_, err := w.Write(b.Bytes())
	return err
}

// check holds what Parse demands of a whole file, for values that were not parsed.
func (c *Config) check() error {
	switch {
	case c.PrivateKey.IsZero():
		return errors.New("wireguard configuration: no private key")
	case len(c.Addresses) == 0:
		return errors.New("wireguard configuration: no address")
	case len(c.Peers) == 0:
		return errors.New("wireguard configuration: no peer")
	case c.ListenPort < 0 || c.ListenPort > 65535:
		return errors.New("wireguard configuration: listen port out of range")
	case c.MTU != 0 && (c.MTU < minMTU || c.MTU > maxMTU):
		return errors.New("wireguard configuration: MTU out of range")
	}
	for _, s := range c.Search {
		if !validHost(s) {
			return errors.New("wireguard configuration: malformed search domain")
		}
	}
	for _, a := range c.Addresses {
		if !a.IsValid() || a.Addr().Zone() != "" {
			return errors.New("wireguard configuration: malformed address")
		}
	}
	for _, a := range c.DNS {
		if !a.IsValid() || a.Zone() != "" {
			return errors.New("wireguard configuration: malformed DNS address")
		}
	}
	for i := range c.Peers {
		p := &c.Peers[i]
		if p.PublicKey.IsZero() {
			return fmt.Errorf("wireguard configuration: peer %d has no public key", i+1)
		}
		if p.Endpoint != "" {
			if _, err := parseEndpoint(p.Endpoint); err != nil {
				return fmt.Errorf("wireguard configuration: endpoint of peer %d: %w", i+1, err)
			}
		}
		if p.Keepalive < 0 || p.Keepalive > 65535 {
			return fmt.Errorf("wireguard configuration: keepalive of peer %d out of range", i+1)
		}
		for _, a := range p.AllowedIPs {
			if !a.IsValid() {
				return fmt.Errorf("wireguard configuration: malformed allowed IPs of peer %d", i+1)
			}
		}
	}
	return nil
}

func join[T fmt.Stringer](vv []T) string {
	ss := make([]string, len(vv))
	for i, v := range vv {
		ss[i] = v.String()
	}
	return strings.Join(ss, ", ")
}
