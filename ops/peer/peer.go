// Package peer makes, renews and removes this user's own WireGuard peer at the platform, and keeps its key. The private
// key is made here and never leaves: the platform gets the public one. It does not join the network: wg does.
package peer

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"time"

	"ops-console/ops/fly"
	"ops-console/wg/conf"
)

// Port is where a gateway of the platform listens; its answers carry an address only.
const Port = 51820

// Platform is what is asked of the platform's API. *fly.Client is one.
type Platform interface {
	Organization(ctx context.Context, slug string) (fly.Organization, error)
	Peers(ctx context.Context, org string) ([]fly.WireGuardPeer, error)
	AddPeer(ctx context.Context, orgID, region, name, pubkey string) (fly.NewPeer, error)
	RemovePeer(ctx context.Context, orgID, name string) error
}

// Peer is a peer of ours: what its file says of it, without the key.
type Peer struct {
	Path    string     `json:"path"`
	Name    string     `json:"name"` // at the platform
	Org     string     `json:"org"`
	Region  string     `json:"region,omitempty"` // of its gateway; empty: the nearest
	Address netip.Addr `json:"address"`
	Created time.Time  `json:"created"`
}

// ErrNone is returned where there is no peer to renew or remove.
var ErrNone = errors.New("no peer of ours")

// Join is the request for a peer.
type Join struct {
	Path   string // of the file, 0600; its directory is made
	Org    string // slug
	Region string // gateway region; empty: the platform chooses the nearest
	Base   string // what the name begins with, see BaseName
	Renew  bool   // a new key even where there is a peer already
	Now    time.Time
}

// Do makes a peer, or returns the one there is where the platform still knows it (made is false then). A renewed peer
// replaces the old one only when it is complete; a peer that could not be stored is removed again.
func (j Join) Do(ctx context.Context, p Platform) (peer Peer, made bool, err error) {
	old, err := Load(j.Path)
	if err != nil && !errors.Is(err, ErrNone) {
		return Peer{}, false, err
	}
	org, err := p.Organization(ctx, j.Org)
	if err != nil {
		return Peer{}, false, fmt.Errorf("join %s: %w", j.Org, err)
	}
	if old.Name != "" && !j.Renew {
		known, err := registered(ctx, p, j.Org, old.Name)
		if err != nil {
			return Peer{}, false, fmt.Errorf("join %s: %w", j.Org, err)
		}
		if known {
			return old, false, nil
		}
	}
	key := conf.GenerateKey()
	defer key.Zero()
	pub := key.Public()
	peer = Peer{Path: j.Path, Name: name(j.Base, pub), Org: j.Org, Region: j.Region, Created: j.Now}
	answer, err := p.AddPeer(ctx, org.ID, j.Region, peer.Name, pub.String())
	if err != nil {
		return Peer{}, false, errors.Join(fmt.Errorf("create peer %s: %w", peer.Name, err), undo(p, org.ID, peer.Name, err))
	}
	peer.Address = answer.PeerIP
	c, err := configuration(key, answer)
	if err == nil {
		err = save(peer, c)
	}
	if err != nil {
		err = fmt.Errorf("keep peer %s: %w", peer.Name, err)
		return Peer{}, false, errors.Join(err, undo(p, org.ID, peer.Name, nil))
	}
	if old.Name != "" && old.Name != peer.Name {
		if err := p.RemovePeer(ctx, org.ID, old.Name); err != nil && !errors.Is(err, fly.ErrNotFound) {
			return peer, true, fmt.Errorf("the new peer %s is ready, but the old one %s could not be removed: %w", peer.Name, old.Name, err)
		}
	}
	return peer, true, nil
}

// Leave removes the peer of the file from the platform, then the file.
func Leave(ctx context.Context, p Platform, path string) (Peer, error) {
	peer, err := Load(path)
	if err != nil {
		return Peer{}, err
	}
	org, err := p.Organization(ctx, peer.Org)
	if err != nil {
		return Peer{}, fmt.Errorf("leave %s: %w", peer.Org, err)
	}
	if err := p.RemovePeer(ctx, org.ID, peer.Name); err != nil && !errors.Is(err, fly.ErrNotFound) {
		return Peer{}, fmt.Errorf("remove peer %s: %w", peer.Name, err)
	}
	if err := os.Remove(path); err != nil {
		return Peer{}, fmt.Errorf("peer %s is gone at the platform, its file is not: %w", peer.Name, err)
	}
	return peer, nil
}

// undo takes back a peer that may have been made: after a refusal there is none, after silence there may be.
func undo(p Platform, orgID, name string, cause error) error {
	var unsure *fly.AmbiguousError
	if cause != nil && !errors.As(cause, &unsure) {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if err := p.RemovePeer(ctx, orgID, name); err != nil && !errors.Is(err, fly.ErrNotFound) {
		return fmt.Errorf("peer %s may be left at the platform (fly wireguard remove): %w", name, err)
	}
	return nil
}

func registered(ctx context.Context, p Platform, org, name string) (bool, error) {
	peers, err := p.Peers(ctx, org)
	if err != nil {
		return false, err
	}
	for _, q := range peers {
		if q.Name == name {
			return true, nil
		}
	}
	return false, nil
}

// configuration is the tunnel of a platform's answer. The network is the /48 around our own address, its DNS server
// that network's ::3.
func configuration(key conf.Key, a fly.NewPeer) (*conf.Config, error) {
	gateway, err := conf.ParsePublicKey(a.PublicKey)
	if err != nil {
		return nil, fmt.Errorf("the platform's gateway key: %w", err)
	}
	if !a.PeerIP.Is6() || a.PeerIP.Is4In6() {
		return nil, fmt.Errorf("the platform gave the peer address %s, which is not IPv6", a.PeerIP)
	}
	network, err := a.PeerIP.Prefix(48)
	if err != nil {
		return nil, err
	}
	dns := network.Addr().As16()
	dns[15] = 3
	endpoint := a.EndpointIP
	if _, _, err := net.SplitHostPort(endpoint); err != nil {
		endpoint = net.JoinHostPort(endpoint, fmt.Sprint(Port))
	}
	return &conf.Config{
		PrivateKey: key,
		Addresses:  []netip.Prefix{netip.PrefixFrom(a.PeerIP, 120)},
		DNS:        []netip.Addr{netip.AddrFrom16(dns)},
		Peers: []conf.Peer{{
			PublicKey:  gateway,
			AllowedIPs: []netip.Prefix{network},
			Endpoint:   endpoint,
			Keepalive:  15,
		}},
	}, nil
}

func save(p Peer, c *conf.Config) error {
	if err := os.MkdirAll(filepath.Dir(p.Path), 0o700); err != nil {
		return err
	}
	return conf.SaveFile(p.Path, c,
		"Made by ops-console wg join. Do not use this file in two programs at once.",
		"peer: "+p.Name,
		"org: "+p.Org,
		"region: "+p.Region,
		"created: "+p.Created.UTC().Format(time.RFC3339),
	)
}

// Load reads what the file of a peer says of it. Without a file it is ErrNone.
func Load(path string) (Peer, error) {
	c, err := conf.LoadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return Peer{}, fmt.Errorf("%w at %s: run ops-console wg join", ErrNone, path)
	}
	if err != nil {
		return Peer{}, err
	}
	defer c.Zero()
	b, err := os.ReadFile(path)
	if err != nil {
		return Peer{}, err
	}
	defer clear(b)
	p := Peer{Path: path, Address: c.Addresses[0].Addr()}
	s := bufio.NewScanner(bytes.NewReader(b))
	for s.Scan() {
		k, v, ok := strings.Cut(strings.TrimPrefix(s.Text(), "# "), ": ")
		if !ok || !strings.HasPrefix(s.Text(), "# ") {
			continue
		}
		switch k {
		case "peer":
			p.Name = v
		case "org":
			p.Org = v
		case "region":
			p.Region = v
		case "created":
			p.Created, _ = time.Parse(time.RFC3339, v) // an unreadable age is an unknown one
		}
	}
	if p.Name == "" || p.Org == "" {
		return Peer{}, fmt.Errorf("%s: not made by ops-console wg join: it names no peer and organization", path)
	}
	return p, nil
}

// BaseName is what a peer's name begins with: one peer per user and machine, told apart from those of other clients.
func BaseName(host, user string) string {
	var b strings.Builder
	b.WriteString("ops-console")
	for _, part := range []string{host, user} {
		part, _, _ = strings.Cut(part, ".")
		word := strings.Map(func(r rune) rune {
			switch {
			case r >= 'a' && r <= 'z', r >= '0' && r <= '9':
				return r
			case r >= 'A' && r <= 'Z':
				return r + 'a' - 'A'
			}
			return '-'
		}, part)
		if word = strings.Trim(word, "-"); word != "" {
			b.WriteString("-" + word[:min(len(word), 16)])
		}
	}
	return b.String()
}

// name tells the keys of one base apart, so that a renewed peer can stand beside the one it replaces.
func name(base string, pub conf.PublicKey) string {
	sum := sha256.Sum256(pub[:])
	return base + "-" + hex.EncodeToString(sum[:3])
}
