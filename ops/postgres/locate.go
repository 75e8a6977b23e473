package postgres

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"regexp"
	"slices"
	"strings"
	"time"

	"ops-console/ops/config"
	"ops-console/ops/fly"
	"ops-console/ops/postgres/conninfo"
)

const (
	// freshFor is how long a list is given again without asking anybody.
	freshFor = 10 * time.Second
	// repmgrEvery is how often repmgr's own list is read, for which a second session is made.
	repmgrEvery = 5 * time.Minute
)

// Platform is what is asked of the platform. *fly.Client is one.
type Platform interface {
	Machines(ctx context.Context, app string) ([]fly.Machine, error)
}

// Resolver is what is asked of the private network's DNS. *wg.Resolver is one.
type Resolver interface {
	LookupTXT(ctx context.Context, name string) ([]string, error)
	LookupNetIP(ctx context.Context, host string) ([]netip.Addr, error)
}

// Options of NewLocator.
type Options struct {
	Database      config.Database
	PrimaryRegion string              // of the application: where a primary in the private network is taken to be
	Platform      Platform            // nil: machines are looked for in the network's DNS
	Network       Dialer              // nil: not joined
	Resolver      Resolver            // nil: not joined
	Getenv        func(string) string // nil: os.Getenv
	Now           func() time.Time    // nil: time.Now
}

// Finder is the Locator of a profile. The nodes are
//
//   - the started machines of a Fly Postgres app (database.app), as the platform lists them, or the network's DNS where
//     that cannot be asked; each at its own PostgreSQL, port 5433;
//   - or the hosts of the connection string; or instead those that repmgr knows, where a server in the private network has
//     its tables and nobody configured replicas;
//   - and the replicas that are configured.
type Finder struct {
	o    Options
	turn chan struct{} // holds a token while nobody uses what follows

	at   time.Time // of the last attempt; zero: none
	last []Node    // the last list with anything in it
	err  error     // of the last attempt

	asked   time.Time // when repmgr's list was read; zero: never
	known   []Node    // what it had
	unknown error     // why its nodes are not used
}

// NewLocator makes the Locator of a profile. It reads and asks nothing before Nodes is called.
func NewLocator(o Options) *Finder {
	if o.Getenv == nil {
		o.Getenv = os.Getenv
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	f := &Finder{o: o, turn: make(chan struct{}, 1)}
	f.turn <- struct{}{}
	return f
}

// Nodes lists the nodes. Lists are remembered for 10 s; where none can be had, the last one comes with the error.
// Configuration that cannot be right is a *Failure of kind FailConfig.
func (f *Finder) Nodes(ctx context.Context) ([]Node, error) {
	select {
	case <-f.turn:
	case <-ctx.Done():
		return nil, fmt.Errorf("find the nodes of the database: %w", ctx.Err())
	}
	defer func() { f.turn <- struct{}{} }()
	if now := f.o.Now(); f.at.IsZero() || now.Sub(f.at) >= freshFor || now.Before(f.at) {
		nn, err := f.find(ctx)
		if len(nn) > 0 {
			f.last = nn
		}
		f.at, f.err = now, err
	}
	return slices.Clone(f.last), f.err
}

// find makes a new list.
func (f *Finder) find(ctx context.Context) ([]Node, error) {
	d := f.o.Database
	if !d.Known() {
		return nil, &Failure{Kind: FailConfig, Text: "nothing says where the database is", Hint: "set database.app, or database.url or database.url_env, in the profile"}
	}
	l, err := readLogin(d, f.o.Getenv)
	if err != nil {
		return nil, err
	}
	var nn []Node
	var errs []error
	if d.App != "" {
		nn, err = f.machines(ctx, l)
	} else {
		nn, err = f.hosts(l)
	}
	errs = append(errs, err)
	rr, err := f.replicas(l)
	errs = append(errs, err)
	if d.App == "" && len(d.Replicas) == 0 {
		nn, err = f.withRepmgr(ctx, l, nn)
		errs = append(errs, err)
	}
	return distinct(append(nn, rr...)), errors.Join(errs...)
}

// hosts are the nodes of the connection string.
func (f *Finder) hosts(l login) ([]Node, error) {
	hh, err := l.settings.Hosts()
	if err != nil || len(hh) == 0 {
		return nil, &Failure{Kind: FailConfig, Text: "the connection string names no host", Hint: "name one, as in postgres://user@host:5432/database", Err: err}
	}
	var nn []Node
	var errs []error
	for _, h := range hh {
		n, err := l.node(l.settings, h, f.o.Database.Via)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		n.From = "profile"
		n.Name, n.Region = placed(n)
		if len(hh) == 1 {
			n.Expect = RolePrimary
			if n.Region == "" && !n.Direct {
				n.Region = f.o.PrimaryRegion
			}
		}
		nn = append(nn, n)
	}
	return nn, errors.Join(errs...)
}

// The names of Fly's DNS that stand for one machine and for one region.
var (
	machineName = regexp.MustCompile(`^([0-9a-f]{14})\.vm\.[a-z0-9-]+\.internal\.?$`)
	regionName  = regexp.MustCompile(`^([a-z]{3})\.[a-z0-9-]+\.internal\.?$`)
)

// placed is what the host's name says of a node: its machine and its region.
func placed(n Node) (name, region string) {
	name = n.Name
	if m := machineName.FindStringSubmatch(n.Host); m != nil {
		name = m[1]
	}
	if m := regionName.FindStringSubmatch(n.Host); m != nil && m[1] != "top" {
		region = m[1]
	}
	return name, region
}

// replicas are those that are configured. What their connection string leaves out is the primary's.
func (f *Finder) replicas(l login) ([]Node, error) {
	var nn []Node
	var errs []error
	for _, r := range f.o.Database.Replicas {
		n, err := f.replica(l, r)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		nn = append(nn, n)
	}
	return nn, errors.Join(errs...)
}

func (f *Finder) replica(l login, r config.DatabaseNode) (Node, error) {
	where := "replica " + r.Name
	text := r.URL.Reveal()
	if text == "" {
		if text = f.o.Getenv(r.URLEnv); text == "" {
			return Node{}, misconfigured("%s: $%s, which its url_env names, is not set", where, r.URLEnv)
		}
	}
	own, err := parsed(where, text)
	if err != nil {
		return Node{}, err
	}
	if own["host"] == "" {
		return Node{}, misconfigured("%s: its connection string names no host", where)
	}
	s := overlaid(own, l.settings)
	hh, err := s.Hosts()
	if err != nil || len(hh) != 1 {
		return Node{}, misconfigured("%s: its connection string must name one host", where)
	}
	n, err := l.node(s, hh[0], f.o.Database.Via)
	if err != nil {
		return Node{}, err
	}
	_, region := placed(n)
	n.Name, n.Region, n.Expect, n.From = r.Name, r.Region, RoleReplica, "profile"
	if n.Region == "" {
		n.Region = region
	}
	return n, nil
}

// distinct leaves out nodes that are there already, and makes names unique.
func distinct(nn []Node) []Node {
	keys, names := map[string]bool{}, map[string]bool{}
	var out []Node
	for _, n := range nn {
		if keys[n.Key()] {
			continue
		}
		if names[n.Name] {
			n.Name = n.Key()
		}
		keys[n.Key()], names[n.Name] = true, true
		out = append(out, n)
	}
	return out
}

// both is the port of a node's own PostgreSQL and that of the proxy in front, for the password file: people write the one
// they know.
func both(names ...string) []conninfo.Host {
	var out []conninfo.Host
	for _, n := range names {
		out = append(out, conninfo.Host{Name: strings.TrimSuffix(n, "."), Port: flexPort}, conninfo.Host{Name: n, Port: conninfo.DefaultPort})
	}
	return out
}
