package platform

import (
	"encoding/base64"
	"fmt"
	"net/netip"
	"slices"

	"ops-console/ops/fly"
)

// PeerSink is told of the peers that come and go: the gateway of the network. It is called without locks held, one
// call at a time.
type PeerSink interface {
	// AddPeer lets the holder of a public key (base64) in, from the /120 around ip.
	AddPeer(pubkey string, ip netip.Addr) error
	// RemovePeer shuts it out. An unknown key is no error.
	RemovePeer(pubkey string) error
}

// peer is a WireGuard peer of the organization.
type peer struct {
	n       int
	id      string
	name    string
	pubkey  string
	region  string
	network string
	ip      netip.Addr
}

// Peers is the peers of the organization, in the order they were made.
func (w *World) Peers() []fly.WireGuardPeer {
	w.lock()
	defer w.unlock()
	pp := make([]fly.WireGuardPeer, 0, len(w.peers))
	for _, p := range w.peers {
		pp = append(pp, p.view())
	}
	return pp
}

func (p *peer) view() fly.WireGuardPeer {
	return fly.WireGuardPeer{ID: p.id, Name: p.name, Pubkey: p.pubkey, Region: p.region, PeerIP: p.ip.String()}
}

// SetPeerSink makes s hear of peers, first of those there are.
func (w *World) SetPeerSink(s PeerSink) error {
	w.peerMu.Lock()
	defer w.peerMu.Unlock()
	w.lock()
	w.peerSink = s
	peers := slices.Clone(w.peers)
	w.unlock()
	for _, p := range peers {
		if err := s.AddPeer(p.pubkey, p.ip); err != nil {
			return fmt.Errorf("give peer %s to the gateway: %w", p.name, err)
		}
	}
	return nil
}

// SetGateway says where peers reach the gateway from now on, and its public key; "" leaves one as it is.
func (w *World) SetGateway(endpointIP, pubkey string) {
	w.lock()
	defer w.unlock()
	if endpointIP != "" {
		w.opts.EndpointIP = endpointIP
	}
	if pubkey != "" {
		w.opts.GatewayPubkey = pubkey
	}
}

// AddPeer makes a peer for a public key (base64). The errors are the platform's.
func (w *World) AddPeer(name, pubkey, region string) (fly.NewPeer, error) {
	key, err := base64.StdEncoding.DecodeString(pubkey)
	if err != nil || len(key) != 32 {
		return fly.NewPeer{}, apiError{422, "Validation failed: Pubkey is invalid", "UNPROCESSABLE"}
	}
	w.peerMu.Lock()
	defer w.peerMu.Unlock()
	w.lock()
	if name == "" {
		name = "interactive-" + w.newULID()
	}
	if region == "" {
		region = w.nearest()
	}
	if _, ok := RegionNamed(region); !ok {
		w.unlock()
		return fly.NewPeer{}, apiError{404, fmt.Sprintf("Could not find Region %q", region), "NOT_FOUND"}
	}
	for _, p := range w.peers {
		if p.name == name {
			w.unlock()
			return fly.NewPeer{}, apiError{422, "Validation failed: Name has already been taken", "UNPROCESSABLE"}
		}
		if p.pubkey == pubkey {
			w.unlock()
			return fly.NewPeer{}, apiError{422, "Validation failed: Pubkey has already been taken", "UNPROCESSABLE"}
		}
	}
	n := 1
	for slices.ContainsFunc(w.peers, func(p *peer) bool { return p.n == n }) {
		n++
	}
	p := &peer{n: n, id: "wgp_" + w.newHex(6), name: name, pubkey: pubkey, region: region, ip: w.peerAddr(n)}
	w.peers = append(w.peers, p)
	w.dirty = true
	sink := w.peerSink
	answer := fly.NewPeer{PeerIP: p.ip, EndpointIP: w.opts.EndpointIP, PublicKey: w.opts.GatewayPubkey}
	w.unlock()
	if sink == nil {
		return answer, nil
	}
	if err := sink.AddPeer(pubkey, p.ip); err != nil {
		w.lock()
		w.peers = slices.DeleteFunc(w.peers, func(q *peer) bool { return q == p })
		w.unlock()
		return fly.NewPeer{}, fmt.Errorf("the gateway refused the peer: %w", err)
	}
	return answer, nil
}

// RemovePeer removes a peer by name.
func (w *World) RemovePeer(name string) error {
	w.peerMu.Lock()
	defer w.peerMu.Unlock()
	w.lock()
	i := slices.IndexFunc(w.peers, func(p *peer) bool { return p.name == name })
	if i < 0 {
		w.unlock()
		return apiError{404, fmt.Sprintf("Could not find WireGuardPeer %q", name), "NOT_FOUND"}
	}
	p := w.peers[i]
	w.peers = slices.Delete(w.peers, i, i+1)
	w.dirty = true
	sink := w.peerSink
	w.unlock()
	if sink == nil {
		return nil
	}
	if err := sink.RemovePeer(p.pubkey); err != nil {
		return fmt.Errorf("take peer %s from the gateway: %w", name, err)
	}
	return nil
}

// invalidPeers is those of the given addresses that belong to no peer.
func (w *World) invalidPeers(ips []string) (invalid, valid []string) {
	invalid, valid = []string{}, []string{}
	for _, ip := range ips {
		a, err := netip.ParseAddr(ip)
		known := err == nil && slices.ContainsFunc(w.peers, func(p *peer) bool { return p.ip == a })
		if known {
			valid = append(valid, ip)
		} else {
			invalid = append(invalid, ip)
		}
	}
	return invalid, valid
}

// nearest is the region that the caller is taken to be near to: the one with the most machines.
func (w *World) nearest() string {
	n := map[string]int{}
	best := "ord"
	for _, a := range w.appOrder {
		for _, m := range a.machines {
			if m.gone() {
				continue
			}
			n[m.region]++
			if n[m.region] > n[best] {
				best = m.region
			}
		}
	}
	return best
}
