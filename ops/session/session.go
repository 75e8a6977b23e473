// Package session connects one application: its platform client, its private network, and the feeds that read them.
// It decides nothing about what they say.
package session

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"slices"
	"sync"
	"time"

	"ops-console/ops/config"
	"ops-console/ops/fly"
	"ops-console/ops/health"
	"ops-console/ops/peer"
	"ops-console/ops/postgres"
	"ops-console/ops/replication"
	"ops-console/wg"
	"ops-console/wg/conf"
)

// Session is a connected application. Network is nil where NetworkErr says why.
type Session struct {
	Profile    *config.Profile
	Platform   *fly.Client
	Network    wg.Network
	NetworkErr error

	getenv func(string) string
	joined bool // the network is ours to leave

	mu   sync.Mutex // guards ends
	ends []func()   // of what goes on in the background
}

// Options of Open.
type Options struct {
	Version string              // of this program, for the platform's request logs
	Getenv  func(string) string // nil: os.Getenv
	Logger  *slog.Logger        // nil: none
	// Network is the private network where this process is in it already; nil: it is joined as the profile says. Its owner
	// closes it.
	Network wg.Network
}

// Open connects. A network that cannot be joined is not an error of Open: the platform can be asked without it, and
// what it says is worth showing. A platform that cannot be asked shows itself in the readings.
func Open(ctx context.Context, p *config.Profile, o Options) *Session {
	if o.Getenv == nil {
		o.Getenv = os.Getenv
	}
	s := &Session{Profile: p, getenv: o.Getenv}
	s.Platform = Platform(p, o, s.dial)
	if s.Network = o.Network; s.Network == nil {
		s.joined = true
		s.Network, s.NetworkErr = s.join(ctx, o)
	}
	return s
}

// Close ends what Open began.
func (s *Session) Close() error {
	s.mu.Lock()
	ends := s.ends
	s.ends = nil
	s.mu.Unlock()
	for _, end := range ends {
		end()
	}
	s.Platform.Close()
	if s.Network == nil || !s.joined {
		return nil
	}
	return s.Network.Close()
}

// dial carries the platform client's requests to hosts inside the private network.
func (s *Session) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	switch {
	case s.Network != nil:
		return s.Network.DialContext(ctx, network, addr)
	case s.NetworkErr != nil:
		return nil, s.NetworkErr
	}
	return nil, errors.New("the private network is not joined yet")
}

// HealthOptions is how the instances' health is read.
func (s *Session) HealthOptions() health.Options {
	p := s.Profile
	return health.Options{
		App:           p.App,
		PrimaryRegion: p.PrimaryRegion,
		Platform:      s.Platform,
		Network:       s.Network,
		NetworkErr:    s.NetworkErr,
		Probe:         p.Probe,
		Agree:         p.Agree,
		Cluster:       p.Cluster,
		Interval:      p.Interval,
	}
}

// ReplicationOptions is how the database's replicas are read. Where the profile names no database, there is nothing to
// read and ok is false.
func (s *Session) ReplicationOptions() (o replication.Options, ok bool) {
	p := s.Profile
	l, dialer, ok := s.locator()
	if !ok {
		return replication.Options{}, false
	}
	return replication.Options{
		Settings: replication.Settings{
			App: p.App, PrimaryRegion: p.PrimaryRegion, Interval: p.Interval.Replicas, Warn: p.Database.Warn, Critical: p.Database.Critical,
		},
		Attended: p.Database.Poll == "pane",
		Locator:  l,
		Dialer:   dialer,
	}, true
}

// locator finds the nodes of the database, and says how those in the private network are reached; nil: they are not. ok is
// false where the profile names no database.
func (s *Session) locator() (l postgres.Locator, d postgres.Dialer, ok bool) {
	return s.locatorOf(s.Profile.Database)
}

func (s *Session) locatorOf(db config.Database) (l postgres.Locator, d postgres.Dialer, ok bool) {
	p := s.Profile
	if !db.Known() {
		return nil, nil, false
	}
	o := postgres.Options{Database: db, PrimaryRegion: p.PrimaryRegion, Platform: s.Platform, Getenv: s.getenv}
	if s.Network != nil {
		o.Network, o.Resolver, d = s.Network, s.Network.Resolver(), s.Network
	}
	return postgres.NewLocator(o), d, true
}

// AppRegions is where instances of the application run.
func (s *Session) AppRegions(ctx context.Context) ([]string, error) {
	mm, err := s.Platform.Machines(ctx, s.Profile.App)
	if err != nil {
		return nil, err
	}
	var codes []string
	for _, m := range mm {
		if m.State == fly.StateStarted && !slices.Contains(codes, m.Region) {
			codes = append(codes, m.Region)
		}
	}
	slices.Sort(codes)
	return codes, nil
}

// join opens the network of the profile.
func (s *Session) join(ctx context.Context, o Options) (wg.Network, error) {
	n := s.Profile.Network
	w := wg.Options{
		Mode:         n.Mode,
		Interface:    n.Interface,
		Transport:    n.Transport,
		WebsocketURL: n.Websocket,
		Logger:       o.Logger,
	}
	if n.DNS != "" {
		a, err := netip.ParseAddr(n.DNS)
		if err != nil {
			return nil, fmt.Errorf("network.dns: %w", err)
		}
		w.DNS = a
	}
	path, err := s.configuration(ctx, o)
	if err != nil {
		return nil, err
	}
	c, err := conf.LoadFile(path)
	switch {
	case err == nil:
		w.Config, w.ConfigPath = c, path
	case errors.Is(err, os.ErrNotExist) && n.Config == "":
		// A machine inside the network needs none; wg says so where it does.
	default:
		return nil, fmt.Errorf("network configuration: %w", err)
	}
	return wg.Open(ctx, w)
}

// configuration is the path of the tunnel's file: the profile's, or the one of the peer that `wg join` made for the
// application's organization.
func (s *Session) configuration(ctx context.Context, o Options) (string, error) {
	if s.Profile.Network.Config != "" {
		return s.Profile.Network.Config, nil
	}
	org := s.Profile.Org
	if org == "" {
		ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
		defer cancel()
		app, err := s.Platform.App(ctx, s.Profile.App)
		if err != nil {
			return "", fmt.Errorf("find the organization whose network %s is in: %w (or set org in the profile)", s.Profile.App, err)
		}
		org = app.Organization.Slug
	}
	return config.PeerPath(o.Getenv, org)
}

// Platform makes the platform's client of a profile. dial carries requests to hosts inside the private network; nil
// refuses them.
func Platform(p *config.Profile, o Options, dial func(context.Context, string, string) (net.Conn, error)) *fly.Client {
	return fly.New(fly.Options{
		MachinesURL: p.API.Machines,
		GraphQLURL:  p.API.GraphQL,
		WebURL:      p.API.Web,
		MetricsURL:  p.API.Metrics,
		Token:       p.TokenSource(o.Getenv),
		Dial:        dial,
		UserAgent:   "ops-console/" + o.Version,
	})
}

var _ peer.Platform = (*fly.Client)(nil)
