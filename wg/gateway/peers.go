package gateway

import (
	"encoding/hex"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"ops-console/wg/conf"
)

// Peer is one client as the gateway sees it.
type Peer struct {
	PublicKey   conf.PublicKey
	Prefix      netip.Prefix
	Endpoint    string    // where its last packet came from; empty: never
	HandshakeAt time.Time // zero: never
	Rx, Tx      int64     // bytes, WireGuard's own included
}

// AddPeer admits a peer with any source address of prefix, a /120: some clients send from the address they were given,
// others from the masked base of it. Adding a peer again changes its prefix; its session stays.
func (g *Gateway) AddPeer(k conf.PublicKey, prefix netip.Prefix) error {
	prefix = prefix.Masked()
	switch {
	case k.IsZero():
		return errors.New("gateway: peer without a public key")
	case k == g.PublicKey():
		return errors.New("gateway: a peer with the gateway's own key")
	case !prefix.IsValid() || prefix.Bits() < g.o.Prefix.Bits() || !g.o.Prefix.Contains(prefix.Addr()):
		return fmt.Errorf("gateway: peer address %s is not in %s", prefix, g.o.Prefix)
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	err := g.dev.IpcSet(fmt.Sprintf("public_key=%x\nreplace_allowed_ips=true\nallowed_ip=%s\n", k[:], prefix))
	if err != nil {
		return fmt.Errorf("gateway: add peer %s: %w", k.Short(), err)
	}
	g.peers[k] = prefix
	return nil
}

// RemovePeer forgets a peer. Its packets get no answer from then on. Removing an unknown one does nothing.
func (g *Gateway) RemovePeer(k conf.PublicKey) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if err := g.dev.IpcSet(fmt.Sprintf("public_key=%x\nremove=true\n", k[:])); err != nil {
		return fmt.Errorf("gateway: remove peer %s: %w", k.Short(), err)
	}
	delete(g.peers, k)
	return nil
}

// Peers are the admitted ones, sorted by public key.
func (g *Gateway) Peers() ([]Peer, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	text, err := g.dev.IpcGet()
	if err != nil {
		return nil, fmt.Errorf("gateway: read peers: %w", err)
	}
	peers, err := parsePeers(text)
	if err != nil {
		return nil, fmt.Errorf("gateway: read peers: %w", err)
	}
	for i := range peers {
		peers[i].Prefix = g.peers[peers[i].PublicKey]
	}
	slices.SortFunc(peers, func(a, b Peer) int { return slices.Compare(a.PublicKey[:], b.PublicKey[:]) })
	return peers, nil
}

// parsePeers reads what the device says of itself, and skips its secrets.
func parsePeers(text string) (peers []Peer, err error) {
	for line := range strings.Lines(text) {
		key, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "=")
		if key == "public_key" {
			var k conf.PublicKey
			if n, err := hex.Decode(k[:], []byte(value)[:min(len(value), 64)]); err != nil || n != len(k) {
				return nil, errors.New("malformed public key")
			}
			peers = append(peers, Peer{PublicKey: k})
			continue
		}
		if len(peers) == 0 {
			continue
		}
		p := &peers[len(peers)-1]
		var n int64
		switch key {
		case "endpoint":
			p.Endpoint = value
		case "last_handshake_time_sec", "last_handshake_time_nsec", "rx_bytes", "tx_bytes":
			if n, err = strconv.ParseInt(value, 10, 64); err != nil {
				return nil, fmt.Errorf("%s is no number", key)
			}
		}
		switch {
		case key == "rx_bytes":
			p.Rx = n
		case key == "tx_bytes":
			p.Tx = n
		case n == 0: // never, or a whole second
		case key == "last_handshake_time_sec":
			p.HandshakeAt = time.Unix(n, 0)
		case key == "last_handshake_time_nsec":
			p.HandshakeAt = p.HandshakeAt.Add(time.Duration(n))
		}
	}
	return peers, nil
}
