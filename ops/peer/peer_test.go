package peer_test

import (
	"context"
	"errors"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"ops-console/ops/fly"
	"ops-console/ops/peer"
	"ops-console/wg/conf"
)

// platform keeps peers, and fails where told.
type platform struct {
	gateway string
	peers   []string
	addErr  error // after the peer was added
	badKey  bool
	pubkeys map[string]string
}

func newPlatform(t *testing.T) *platform {
	t.Helper()
	return &platform{gateway: conf.GenerateKey().Public().String(), pubkeys: map[string]string{}}
}

func (p *platform) Organization(_ context.Context, slug string) (fly.Organization, error) {
	if slug != "example" {
		return fly.Organization{}, fly.ErrNotFound
	}
	return fly.Organization{ID: "org1", Slug: slug}, nil
}

func (p *platform) Peers(context.Context, string) ([]fly.WireGuardPeer, error) {
	var out []fly.WireGuardPeer
	for _, n := range p.peers {
		out = append(out, fly.WireGuardPeer{Name: n})
	}
	return out, nil
}

func (p *platform) AddPeer(_ context.Context, orgID, _, name, pubkey string) (fly.NewPeer, error) {
	if orgID != "org1" {
		return fly.NewPeer{}, errors.New("wrong organization id")
	}
	p.peers = append(p.peers, name)
	p.pubkeys[name] = pubkey
	a := fly.NewPeer{PeerIP: netip.MustParseAddr("fdaa:0:2f:a7b:7d6b:0:a:102"), EndpointIP: "192.0.2.1", PublicKey: p.gateway}
	if p.badKey {
		a.PublicKey = "x"
	}
	return a, p.addErr
}

func (p *platform) RemovePeer(_ context.Context, _, name string) error {
	for i, n := range p.peers {
		if n == name {
			p.peers = append(p.peers[:i], p.peers[i+1:]...)
			return nil
		}
	}
	return fly.ErrNotFound
}

func join(path string) peer.Join {
	return peer.Join{Path: path, Org: "example", Base: "ops-console-host-user", Now: time.Date(2026, 11, 21, 9, 0, 0, 0, time.UTC)}
}

func TestJoinKeepsAKeyOnlyItsOwnerCanRead(t *testing.T) {
	p, path := newPlatform(t), filepath.Join(t.TempDir(), "peers", "example.conf")
	got, made, err := join(path).Do(t.Context(), p)
	if err != nil || !made {
		t.Fatalf("made %v, err %v", made, err)
	}
	st, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if st.Mode().Perm() != 0o600 {
		t.Errorf("mode %04o, want 0600", st.Mode().Perm())
	}
	c, err := conf.LoadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := c.PrivateKey.Public().String(), p.pubkeys[got.Name]; got != want {
		t.Errorf("the platform has another public key than the file: %s, want %s", want, got)
	}
	if got, want := c.Peers[0].Endpoint, "192.0.2.1:51820"; got != want {
		t.Errorf("endpoint %s, want %s", got, want)
	}
	if got, want := c.DNS, []netip.Addr{netip.MustParseAddr("fdaa:0:2f::3")}; !cmp.Equal(got, want, cmp.Comparer(func(a, b netip.Addr) bool { return a == b })) {
		t.Errorf("dns %v, want %v", got, want)
	}
	loaded, err := peer.Load(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(got, loaded, cmp.Comparer(func(a, b netip.Addr) bool { return a == b })); diff != "" {
		t.Errorf("loaded peer differs (-made +loaded):\n%s", diff)
	}
}

func TestJoinAgainKeepsThePeerThePlatformKnows(t *testing.T) {
	p, path := newPlatform(t), filepath.Join(t.TempDir(), "example.conf")
	first, _, err := join(path).Do(t.Context(), p)
	if err != nil {
		t.Fatal(err)
	}
	second, made, err := join(path).Do(t.Context(), p)
	if err != nil || made || second.Name != first.Name {
		t.Errorf("second join: made %v, name %s (first %s), err %v", made, second.Name, first.Name, err)
	}
	p.peers = nil // swept by the platform
	third, made, err := join(path).Do(t.Context(), p)
	if err != nil || !made || third.Name == first.Name {
		t.Errorf("join after a sweep: made %v, name %s, err %v", made, third.Name, err)
	}
}

func TestRenewReplacesThePeer(t *testing.T) {
	p, path := newPlatform(t), filepath.Join(t.TempDir(), "example.conf")
	first, _, err := join(path).Do(t.Context(), p)
	if err != nil {
		t.Fatal(err)
	}
	j := join(path)
	j.Renew = true
	second, made, err := j.Do(t.Context(), p)
	if err != nil || !made || second.Name == first.Name {
		t.Fatalf("made %v, name %s (first %s), err %v", made, second.Name, first.Name, err)
	}
	if diff := cmp.Diff([]string{second.Name}, p.peers); diff != "" {
		t.Errorf("peers at the platform (-want +got):\n%s", diff)
	}
}

func TestJoinLeavesNothingBehindWhenItFails(t *testing.T) {
	for _, tc := range []struct {
		name string
		fail func(*platform)
		path func(dir string) string
	}{
		{"silence after the request", func(p *platform) { p.addErr = &fly.AmbiguousError{Op: "create peer"} }, nil},
		{"a gateway key that is none", func(p *platform) { p.badKey = true }, nil},
		{"a directory that cannot be made", func(*platform) {}, func(dir string) string {
			f := filepath.Join(dir, "file")
			if err := os.WriteFile(f, nil, 0o600); err != nil {
				t.Fatal(err)
			}
			return filepath.Join(f, "example.conf")
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			p, dir := newPlatform(t), t.TempDir()
			path := filepath.Join(dir, "example.conf")
			if tc.path != nil {
				path = tc.path(dir)
			}
			tc.fail(p)
			if _, _, err := join(path).Do(t.Context(), p); err == nil {
				t.Fatal("no error")
			}
			if len(p.peers) != 0 {
				t.Errorf("left at the platform: %v", p.peers)
			}
			if _, err := os.Stat(path); err == nil {
				t.Error("left a file")
			}
		})
	}
}

func TestLeaveRemovesBoth(t *testing.T) {
	p, path := newPlatform(t), filepath.Join(t.TempDir(), "example.conf")
	if _, _, err := join(path).Do(t.Context(), p); err != nil {
		t.Fatal(err)
	}
	if _, err := peer.Leave(t.Context(), p, path); err != nil {
		t.Fatal(err)
	}
	if len(p.peers) != 0 {
		t.Errorf("left at the platform: %v", p.peers)
	}
	if _, err := peer.Leave(t.Context(), p, path); !errors.Is(err, peer.ErrNone) {
		t.Errorf("leaving twice: %v, want ErrNone", err)
	}
}

func TestBaseNameIsSafeForTheNetworksDNS(t *testing.T) {
	for _, tc := range []struct{ host, user, want string }{
		{"laptop.example.net", "ada", "ops-console-laptop-ada"},
		{"Büro PC", "A B", "ops-console-b-ro-pc-a-b"},
		{"", "", "ops-console"},
		{strings.Repeat("x", 99), "u", "ops-console-" + strings.Repeat("x", 16) + "-u"},
	} {
		if got := peer.BaseName(tc.host, tc.user); got != tc.want {
			t.Errorf("BaseName(%q, %q) = %q, want %q", tc.host, tc.user, got, tc.want)
		}
	}
}
