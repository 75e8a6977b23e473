package fly

import (
	"context"
	"encoding/base64"
	"net/http"
	"net/netip"
	"regexp"
)

// Peers are the WireGuard peers of an organization.
func (c *Client) Peers(ctx context.Context, org string) ([]WireGuardPeer, error) {
	op := "list WireGuard peers of " + org
	if err := named(op, org); err != nil {
		return nil, err
	}
	v, err := ask[struct {
		Organization *struct {
			Peers struct {
				Nodes []WireGuardPeer `json:"nodes"`
			} `json:"wireGuardPeers"`
		} `json:"organization"`
	}](ctx, c, query{
		op:   op,
		text: `query($slug: String!) { organization(slug: $slug) { wireGuardPeers { nodes { id name pubkey region peerip } } } }`,
		vars: map[string]any{"slug": org},
	})
	if err == nil && v.Organization == nil {
		err = missing(op, "organization "+org)
	}
	if err != nil {
		return nil, err
	}
	return v.Organization.Peers.Nodes, nil
}

// AddPeer creates a WireGuard peer for a public key (base64); the private one never gets here. region empty: the
// platform chooses the gateway. The answer has been checked: what is in it can go into a configuration file.
func (c *Client) AddPeer(ctx context.Context, orgID, region, name, pubkey string) (NewPeer, error) {
	op := "create WireGuard peer " + name
	if err := named(op, orgID, name); err != nil {
		return NewPeer{}, err
	}
	if !wireGuardKey(pubkey) {
		return NewPeer{}, &Error{Op: op, Message: "the public key is not a WireGuard key", kind: ErrInvalid}
	}
	input := map[string]any{"organizationId": orgID, "name": name, "pubkey": pubkey, "nats": false}
	if region != "" {
		input["region"] = region
	}
	v, err := ask[struct {
		Peer *struct {
			PeerIP     string `json:"peerip"`
			EndpointIP string `json:"endpointip"`
			Pubkey     string `json:"pubkey"`
		} `json:"addWireGuardPeer"`
	}](ctx, c, query{
		op: op, act: action{"add-peer", orgID}, writes: true,
		text: `mutation($input: AddWireGuardPeerInput!) { addWireGuardPeer(input: $input) { peerip endpointip pubkey } }`,
		vars: map[string]any{"input": input},
	})
	if err != nil {
		return NewPeer{}, err
	}
	bad := func(what string) error {
		return &AmbiguousError{Op: op, Err: &Error{Op: op, Status: http.StatusOK, Message: "the answer " + what, Hint: hintBase, kind: ErrBadAnswer}}
	}
	if v.Peer == nil {
		return NewPeer{}, bad("has no peer in it")
	}
	ip, err := netip.ParseAddr(v.Peer.PeerIP)
	switch {
	case err != nil || !ip.Is6() || ip.Zone() != "":
		return NewPeer{}, bad("has no IPv6 address for the peer")
	case !endpoint(v.Peer.EndpointIP):
		return NewPeer{}, bad("has no address of the gateway")
	case !wireGuardKey(v.Peer.Pubkey):
		return NewPeer{}, bad("has no key of the gateway")
	}
	return NewPeer{PeerIP: ip, EndpointIP: v.Peer.EndpointIP, PublicKey: v.Peer.Pubkey}, nil
}

// RemovePeer removes a WireGuard peer by its name.
func (c *Client) RemovePeer(ctx context.Context, orgID, name string) error {
	op := "remove WireGuard peer " + name
	if err := named(op, orgID, name); err != nil {
		return err
	}
	_, err := ask[struct{}](ctx, c, query{
		op: op, act: action{"remove-peer", orgID}, writes: true,
		text: `mutation($input: RemoveWireGuardPeerInput!) { removeWireGuardPeer(input: $input) { organization { id } } }`,
		vars: map[string]any{"input": map[string]any{"organizationId": orgID, "name": name}},
	})
	return err
}

// ValidatePeers are those of the peer addresses that the platform does not know (any more).
func (c *Client) ValidatePeers(ctx context.Context, peerIPs []string) (invalid []string, err error) {
	v, err := ask[struct {
		Validate *struct {
			Invalid []string `json:"invalidPeerIps"`
		} `json:"validateWireGuardPeers"`
	}](ctx, c, query{
		op:   "validate WireGuard peers",
		text: `mutation($input: ValidateWireGuardPeersInput!) { validateWireGuardPeers(input: $input) { invalidPeerIps } }`,
		vars: map[string]any{"input": map[string]any{"peerIps": peerIPs}},
	})
	if err == nil && v.Validate == nil {
		err = &Error{Op: "validate WireGuard peers", Message: "the answer has no verdict in it", Hint: hintBase, kind: ErrBadAnswer}
	}
	if err != nil {
		return nil, err
	}
	return v.Validate.Invalid, nil
}

// NearestRegion is the region whose WireGuard gateway is nearest to us.
func (c *Client) NearestRegion(ctx context.Context) (Region, error) {
	const op = "find the nearest gateway"
	v, err := ask[struct {
		Nearest *struct {
			Code             string `json:"code"`
			Name             string `json:"name"`
			GatewayAvailable bool   `json:"gatewayAvailable"`
			Deprecated       bool   `json:"deprecated"`
		} `json:"nearestRegion"`
	}](ctx, c, query{
		op:   op,
		text: `query { nearestRegion(wireguardGateway: true) { code name gatewayAvailable deprecated } }`,
	})
	if err == nil && (v.Nearest == nil || v.Nearest.Code == "") {
		err = missing(op, "a region with a gateway")
	}
	if err != nil {
		return Region{}, err
	}
	n := v.Nearest
	return Region{Code: n.Code, Name: n.Name, GatewayAvailable: n.GatewayAvailable, Deprecated: n.Deprecated}, nil
}

func wireGuardKey(s string) bool {
	b, err := base64.StdEncoding.DecodeString(s)
	return err == nil && len(b) == 32 && len(s) == 44
}

var hostname = regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9-]{0,62}\.?)+$`)

// endpoint tells of an address or a host name, without a port and without anything else.
func endpoint(s string) bool {
	if ip, err := netip.ParseAddr(s); err == nil {
		return ip.Zone() == ""
	}
	return len(s) <= 253 && hostname.MatchString(s)
}
