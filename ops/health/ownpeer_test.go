package health

import (
	"context"
	"errors"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"ops-console/wg"
)

// registrar is a world whose platform knows WireGuard peers.
type registrar struct {
	*world
	known []string
	err   error
	asked int
}

func (r *registrar) ValidatePeers(_ context.Context, peerIPs []string) ([]string, error) {
	r.asked++
	if r.err != nil {
		return nil, r.err
	}
	return slices.DeleteFunc(slices.Clone(peerIPs), func(ip string) bool { return slices.Contains(r.known, ip) }), nil
}

const ourAddress = "fdaa:0:18:a7b:1::a02"

func silent(state wg.State, since time.Time) wg.Status {
	return wg.Status{
		State: state, Kind: wg.KindUser, Since: since, Cause: "no answer",
		Addresses: []netip.Prefix{netip.MustParsePrefix("10.0.0.2/32"), netip.MustParsePrefix(ourAddress + "/120")},
	}
}

func TestARemovedPeerIsNoDeadNetwork(t *testing.T) {
	tests := []struct {
		name    string
		network wg.Status
		known   []string
		err     error
		want    []string
	}{
		{"dead, and unknown to the platform", silent(wg.StateDead, t0), nil, nil, []string{codePeerRemoved}},
		{"connecting, and unknown to the platform", silent(wg.StateConnecting, t0), nil, nil, []string{codePeerRemoved}},
		{"dead, and known to the platform", silent(wg.StateDead, t0), []string{ourAddress}, nil, []string{codeNetworkDead}},
		{"dead, and the platform refuses to say", silent(wg.StateDead, t0), nil, errors.New("forbidden"), []string{codeNetworkDead}},
		{"dead, without an address", wg.Status{State: wg.StateDead}, nil, nil, []string{codeNetworkDead}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, fleet(1, "iad", "fra")...)
			w.status, w.dnsErr = tt.network, errors.New("no answer")
			o := w.options()
			o.NetworkWait = 5 * time.Millisecond
			o.Platform = &registrar{world: w, known: tt.known, err: tt.err}
			s := read1(t, o)
			if diff := cmp.Diff(tt.want, codes(s.Problems)); diff != "" {
				t.Errorf("codes (-want +got):\n%s", diff)
			}
			if told := s.Network.Cause == condition(codePeerRemoved).Title; told != (tt.want[0] == codePeerRemoved) {
				t.Errorf("the network's cause is %q", s.Network.Cause)
			}
		})
	}
}

func TestThePlatformIsAskedAboutOurPeerAtMostOnceAMinute(t *testing.T) {
	now := t0
	w := newWorld(t)
	w.status = silent(wg.StateConnecting, t0)
	r := &registrar{world: w}
	o := w.options()
	o.Platform, o.Now = r, func() time.Time { return now }
	o, err := o.withDefaults()
	if err != nil {
		t.Fatal(err)
	}
	c := newCollector(o)
	defer c.close()
	steps := []struct {
		after   time.Duration
		state   wg.State
		err     error
		asked   int
		removed bool
	}{
		{5 * time.Second, wg.StateConnecting, nil, 0, false}, // it may still come up
		{11 * time.Second, wg.StateConnecting, nil, 1, true},
		{15 * time.Second, wg.StateDead, nil, 1, true},
		{70 * time.Second, wg.StateDead, nil, 1, true},
		{72 * time.Second, wg.StateDead, errors.New("timeout"), 2, true}, // no answer takes nothing back
		{90 * time.Second, wg.StateUp, nil, 2, false},
		{200 * time.Second, wg.StateUp, nil, 2, false},
	}
	for _, step := range steps {
		now, w.status.State, r.err = t0.Add(step.after), step.state, step.err
		if err := c.readPeer(t.Context()); !errors.Is(err, step.err) && r.asked > 0 {
			t.Errorf("after %s: %v", step.after, err)
		}
		f := c.known()
		f.network = w.Status()
		if r.asked != step.asked || f.peerRemoved() != step.removed {
			t.Errorf("after %s: asked %d times, removed %v; want %d, %v", step.after, r.asked, f.peerRemoved(), step.asked, step.removed)
		}
	}
}
