package gateway

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"

	"ops-console/wg/conf"
)

// Peer is one client as the gateway sees it. Its Endpoint is where its last packet came from, also by a websocket.
type Peer struct {
	conf.PeerState
	Prefix netip.Prefix
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
	states, err := conf.ParsePeers([]byte(text))
	if err != nil {
		return nil, fmt.Errorf("gateway: read peers: %w", err)
	}
	peers := make([]Peer, len(states))
	for i, s := range states {
		peers[i] = Peer{s, g.peers[s.PublicKey]}
	}
	slices.SortFunc(peers, func(a, b Peer) int { return slices.Compare(a.PublicKey[:], b.PublicKey[:]) })
	return peers, nil
}
