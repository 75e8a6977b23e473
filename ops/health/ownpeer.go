package health

import (
	"context"
	"net/netip"
	"slices"
	"time"

	"ops-console/wg"
)

const (
	// peerCheckEvery is how often it is looked whether the platform has to be asked, peerAskEvery how often it is asked.
	peerCheckEvery = 5 * time.Second
	peerAskEvery   = time.Minute
	peerTimeout    = 5 * time.Second
	// peerSilence is how long a network may take to come up before our peer is doubted.
	peerSilence = 10 * time.Second
)

// PeerValidator is a Platform that can also tell which WireGuard peers it does not know. *fly.Client is one.
type PeerValidator interface {
	ValidatePeers(ctx context.Context, peerIPs []string) (invalid []string, err error)
}

// peerFacts is what the platform said of our own peer while the network was silent.
type peerFacts struct {
	reading
	address netip.Addr // of the peer that was asked about
	removed bool       // the platform does not know it
}

// readPeer asks the platform about our own peer where the network carries nothing. A tunnel whose peer was removed
// looks like one whose packets are lost, and no waiting heals it.
func (c *collector) readPeer(ctx context.Context) error {
	platform, ok := c.o.Platform.(PeerValidator)
	if !ok || c.o.Network == nil {
		return nil
	}
	s, f, now := c.o.Network.Status(), c.known(), c.o.Now()
	address := ownAddress(s)
	switch {
	case carries(s.State), s.State == wg.StateClosed, s.Kind == wg.KindDirect, !address.IsValid():
		return nil
	case s.State == wg.StateConnecting && !f.oneShot && now.Sub(s.Since) < peerSilence:
		return nil
	case f.peer.address == address && now.Sub(f.peer.at) < peerAskEvery:
		return nil
	}
	invalid, err := platform.ValidatePeers(ctx, []string{address.String()})
	c.learn(func(f *facts) {
		if f.peer.address != address {
			f.peer = peerFacts{address: address}
		}
		f.peer.note(c.o.Now(), err)
		if err == nil {
			f.peer.removed = slices.Contains(invalid, address.String())
		}
	})
	return err
}

// ownAddress is our peer's address inside the network, invalid where the network does not tell.
func ownAddress(s wg.Status) netip.Addr {
	for _, p := range s.Addresses {
		if a := p.Addr(); a.Is6() {
			return a
		}
	}
	return netip.Addr{}
}

// peerRemoved tells whether the network is silent because the platform does not know our peer.
func (f *facts) peerRemoved() bool {
	return f.peer.removed && f.networkErr == nil && !carries(f.network.State) && f.peer.address == ownAddress(f.network)
}
