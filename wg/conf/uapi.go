package conf

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"net/netip"
	"strconv"
	"time"
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

// PeerState is what a WireGuard device says of one peer.
type PeerState struct {
	PublicKey   PublicKey
	Endpoint    netip.AddrPort // zero: none yet
	HandshakeAt time.Time      // zero: never
	Rx, Tx      int64          // bytes, WireGuard's own included
}

// ParsePeers takes the peers out of a device's answer to a get operation, in its order, and passes over all secrets.
// Errors name the key of a line only.
func ParsePeers(b []byte) (peers []PeerState, err error) {
	for line := range bytes.Lines(b) {
		key, value, _ := bytes.Cut(bytes.TrimSuffix(line, []byte("\n")), []byte("="))
		if string(key) == "public_key" {
			var p PeerState
			if len(value) != hex.EncodedLen(len(p.PublicKey)) {
				return nil, malformed(key)
			}
			if _, err := hex.Decode(p.PublicKey[:], value); err != nil {
				return nil, malformed(key)
			}
			peers = append(peers, p)
			continue
		}
		if len(peers) == 0 { // the device's own lines come first
			continue
		}
		if err := peers[len(peers)-1].read(string(key), string(value)); err != nil {
			return nil, malformed(key)
		}
	}
	return peers, nil
}

func malformed(key []byte) error {
	return fmt.Errorf("state of the WireGuard device: malformed %s", key)
}

// read takes one line. The seconds of a handshake come before its nanoseconds.
func (p *PeerState) read(key, value string) (err error) {
	var n int64
	switch key {
	case "endpoint":
		p.Endpoint, err = netip.ParseAddrPort(value)
	case "rx_bytes":
		p.Rx, err = strconv.ParseInt(value, 10, 64)
	case "tx_bytes":
		p.Tx, err = strconv.ParseInt(value, 10, 64)
	case "last_handshake_time_sec":
		if n, err = strconv.ParseInt(value, 10, 64); n != 0 {
			p.HandshakeAt = time.Unix(n, 0)
		}
	case "last_handshake_time_nsec":
		if n, err = strconv.ParseInt(value, 10, 64); n != 0 {
			p.HandshakeAt = p.HandshakeAt.Add(time.Duration(n))
		}
	}
	return err
}
