package platform

import (
	"time"

	"ops-console/ops/fly"
	"ops-console/ops/fly/flysim/platform/graphql"
)

func mutationFields() fields[struct{}] {
	return fields[struct{}]{
		"addWireGuardPeer":       withInput((*call).addPeer),
		"removeWireGuardPeer":    withInput((*call).removePeer),
		"validateWireGuardPeers": withInput((*call).validatePeers),
		"lockApp":                withInput((*call).lockApp),
		"unlockApp":              withInput((*call).unlockApp),
	}
}

// withInput is a mutation, which takes everything in one argument.
func withInput(do func(c *call, in graphql.Args) (any, error)) func(*call, struct{}, graphql.Args) (any, error) {
	return func(c *call, _ struct{}, a graphql.Args) (any, error) {
		in, ok := a["input"].(map[string]any)
		if !ok {
			return nil, graphql.Errorf("missingRequiredArguments", "Field is missing required arguments: input")
		}
		return do(c, graphql.Args(in))
	}
}

func (c *call) checkOrg(in graphql.Args) error {
	if id := in.Text("organizationId"); id != c.w.opts.Org.ID {
		return gqlNotFound("Organization", id)
	}
	return nil
}

func (c *call) addPeer(in graphql.Args) (any, error) {
	if err := c.checkOrg(in); err != nil {
		return nil, err
	}
	var p fly.NewPeer
	var err error
	c.unlocked(func() { p, err = c.w.AddPeer(in.Text("name"), in.Text("pubkey"), in.Text("region")) })
	if err != nil {
		return nil, gqlError(err)
	}
	return record{"AddWireGuardPeerPayload", map[string]any{
		"peerip": p.PeerIP.String(), "endpointip": p.EndpointIP, "pubkey": p.PublicKey, "network": in.Text("network"), "clientMutationId": nil,
	}}, nil
}

func (c *call) removePeer(in graphql.Args) (any, error) {
	if err := c.checkOrg(in); err != nil {
		return nil, err
	}
	var err error
	c.unlocked(func() { err = c.w.RemovePeer(in.Text("name")) })
	if err != nil {
		return nil, gqlError(err)
	}
	return record{"RemoveWireGuardPeerPayload", map[string]any{"organization": c.gqlOrg(), "clientMutationId": nil}}, nil
}

// unlocked runs f without the world's lock: what f calls takes it by itself.
func (c *call) unlocked(f func()) {
	c.w.unlock()
	defer c.w.lock()
	f()
}

func (c *call) validatePeers(in graphql.Args) (any, error) {
	list, _ := in["peerIps"].([]any)
	ips := make([]string, 0, len(list))
	for _, v := range list {
		s, ok := v.(string)
		if !ok {
			return nil, graphql.Errorf("argumentLiteralsIncompatible", "peerIps must be a list of texts")
		}
		ips = append(ips, s)
	}
	invalid, valid := c.w.invalidPeers(ips)
	return record{"ValidateWireGuardPeersPayload", map[string]any{"invalidPeerIps": texts(invalid), "validPeerIps": texts(valid), "clientMutationId": nil}}, nil
}

func texts(ss []string) []any {
	out := make([]any, 0, len(ss))
	for _, s := range ss {
		out = append(out, s)
	}
	return out
}

// lockTime is how long the lock of an app lasts.
const lockTime = 5 * time.Minute

func (c *call) lockApp(in graphql.Args) (any, error) {
	a := c.w.apps[in.Text("appId")]
	switch {
	case a == nil:
		return nil, gqlNotFound("App", in.Text("appId"))
	case a.lock != nil && c.w.now.Before(a.lock.expires):
		return nil, graphql.Errorf("UNPROCESSABLE", "App is already locked until %s", stamp(a.lock.expires))
	}
	a.lock = &appLock{id: c.w.newHex(8), expires: c.w.now.Add(lockTime)}
	return record{"LockAppPayload", map[string]any{"lockId": a.lock.id, "expiration": stamp(a.lock.expires), "clientMutationId": nil}}, nil
}

func (c *call) unlockApp(in graphql.Args) (any, error) {
	a := c.w.apps[in.Text("appId")]
	switch {
	case a == nil:
		return nil, gqlNotFound("App", in.Text("appId"))
	case a.lock == nil || a.lock.id != in.Text("lockId"):
		return nil, graphql.Errorf("UNPROCESSABLE", "App is not locked with this lock")
	}
	a.lock = nil
	app, err := c.gqlApp(a.name)
	if err != nil {
		return nil, err
	}
	return record{"UnlockAppPayload", map[string]any{"app": app, "clientMutationId": nil}}, nil
}
