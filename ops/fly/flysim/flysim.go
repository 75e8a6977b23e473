// Package flysim runs a whole simulated world in this process: the platform's state and APIs (platform), a real
// WireGuard gateway, and behind it the names and instances of the private network (sixpn). Clients cannot tell it from
// the real platform but by its addresses. Tests, the demo and `ops-console sim` stand on it.
//
// It needs no rights, listens on loopback addresses only, and never reaches out of the machine. Nothing of the console
// knows it: what goes wrong is switched on here, never by a branch in a client.
package flysim

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"ops-console/ops/backup/store/s3server"
	"ops-console/ops/fly"
	"ops-console/ops/fly/flysim/flex"
	"ops-console/ops/fly/flysim/logstream"
	"ops-console/ops/fly/flysim/platform"
	"ops-console/ops/fly/flysim/sixpn"
	"ops-console/ops/postgres/pgcluster"
	"ops-console/wg/conf"
	"ops-console/wg/gateway"
)

// DefaultApp is the application of every scenario.
const DefaultApp = "changelog"

// apiPort is where the Machines API answers inside the network, at _api.internal.
const apiPort = 4280

// settle is how long changes of the world are gathered before the network follows.
const settle = 3 * time.Millisecond

// consolePeer is the name of the peer whose configuration is written.
const consolePeer = "console"

// Options of Start. The zero value is the calm world in a directory of its own.
type Options struct {
	Dir       string // for the files; empty: a temporary one that Close removes
	Temporary bool   // Close removes Dir, whatever it is
	Scenario  string // one of Scenarios; empty: the first
	Regions   int    // 0: the scenario's own
	Instances int    // of the application, all process groups together; 0: the scenario's own
	Seed      uint64 // of ids, addresses and latencies; 0: another one each time
	Database  bool   // with a database; needs PostgreSQL's server binaries
	Plays     int    // rows of the database's largest table, which fills up once it runs; 0: it is empty
	RateLimit bool   // refuse requests as often as the platform says it does; its own clients cannot live with that
	Logger    *slog.Logger

	// Program is what machines run whose command is ours (ProgramName), once they are up. It returns the exit status, and
	// ends early with ctx, when the machine is stopped or the world ends. nil: they run for a moment and end well.
	Program func(ctx context.Context, p *Process) (status int)
}

// Sim is a running world. All methods are safe for concurrent use.
type Sim struct {
	dir     string
	temp    bool // dir goes with Close
	log     *slog.Logger
	lock    *dirLock
	world   *platform.World
	gateway *gateway.Gateway
	zone    *sixpn.Zone
	hosts   *sixpn.Hosts
	control *controller
	url     string

	database *flex.Database    // nil: none
	lines    *logstream.Stream // of the log, live
	store    *s3server.Server  // of backups; nil: none, or they lie in a directory
	ready    chan struct{}     // closed when the file that says so is there
	unready  error             // why the world is not all that it should be; set before ready is closed

	background context.Context    // of everything that goes on after the start
	cancel     context.CancelFunc // of background
	work       sync.WaitGroup     // everything in the background
	servers    []*http.Server
	close      sync.Once
	closed     error // of the one Close

	apply  sync.Mutex                 // one sync at a time
	latest atomic.Pointer[sixpn.View] // what the last sync went by
}

// Start makes a world and returns once everything of it answers and the files are there, but for the database, which
// Ready waits for. ctx bounds the start only: Close ends the world.
func Start(ctx context.Context, o Options) (*Sim, error) {
	sc, err := scenarioNamed(cmp.Or(o.Scenario, scenarios()[0].Name))
	if err != nil {
		return nil, err
	}
	s := &Sim{log: o.Logger, zone: &sixpn.Zone{}, ready: make(chan struct{})}
	s.background, s.cancel = context.WithCancel(context.Background())
	s.latest.Store(&sixpn.View{})
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	s.temp = o.Temporary
	if err := s.takeDir(o.Dir); err != nil {
		return nil, err
	}
	if err := s.start(ctx, o, sc); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// takeDir makes the directory ours and takes away what says that a world is ready in it.
func (s *Sim) takeDir(dir string) (err error) {
	if dir == "" {
		s.temp = true
		if dir, err = os.MkdirTemp("", "ops-console-"); err != nil {
			return fmt.Errorf("make a directory for the simulated world: %w", err)
		}
	}
	if s.dir, err = filepath.Abs(dir); err != nil {
		return fmt.Errorf("directory of the simulated world: %w", err)
	}
	if err := os.MkdirAll(s.dir, 0o700); err != nil {
		return fmt.Errorf("make the directory of the simulated world: %w", err)
	}
	if s.lock, err = lockDir(s.dir); err != nil {
		return err
	}
	if err := removeFile(s.dir, readyFile); err != nil {
		return errors.Join(fmt.Errorf("remove a stale %s: %w", readyFile, err), s.lock.release())
	}
	return nil
}

func (s *Sim) start(ctx context.Context, o Options, sc Scenario) error {
	var bin pgcluster.Binaries
	if o.Database {
		found, err := pgcluster.Find()
		if err != nil {
			return fmt.Errorf("database of the simulated world: %w", err)
		}
		bin = found[0]
	}
	seed := cmp.Or(o.Seed, rand.Uint64())
	random := rand.New(rand.NewPCG(seed, 1))
	token := fmt.Sprintf("fo1_%016x%016x", random.Uint64(), random.Uint64())
	accepted := token
	if sc.WrongToken {
		accepted += "x"
	}
	var clock clock
	clock.back.Store(int64(history))
	s.world = platform.NewWorld(platform.Options{
		App: DefaultApp, Token: accepted, Rand: rand.New(rand.NewPCG(seed, 2)), RateLimit: o.RateLimit, Now: clock.now,
		Exec: func(ctx context.Context, i platform.Instance, command []string) fly.ExecResult {
			return sixpn.Exec(ctx, s.latest.Load().Instances, i, command)
		},
		Program: s.program(o.Program),
	})
	if err := sc.Fleet.populate(s.world, random, o.Regions, o.Instances); err != nil {
		return fmt.Errorf("scenario %s: %w", sc.Name, err)
	}
	if o.Database {
		if err := s.addDatabase(rand.New(rand.NewPCG(seed, 4)), sc.Fleet, bin, o.Plays); err != nil {
			return fmt.Errorf("scenario %s: %w", sc.Name, err)
		}
	}
	if err := s.startNetwork(ctx, rand.New(rand.NewPCG(seed, 3))); err != nil {
		return err
	}
	if err := s.startAPI(ctx, sc, accepted); err != nil {
		return err
	}
	key := conf.GenerateKey()
	peer, err := s.world.AddPeer(consolePeer, key.Public().String(), "")
	if err != nil {
		return fmt.Errorf("make a peer for the console: %w", err)
	}
	kept, err := s.startBackups(ctx)
	if err != nil {
		return fmt.Errorf("backups of the simulated world: %w", err)
	}
	access := access{
		backups: kept,
		app:     DefaultApp, org: s.world.Org().Slug, environment: "simulated", api: s.url, token: token,
		websocket: s.gateway.WebsocketURL(), database: s.databaseURL(),
		conf: peerConf(key, peer.PeerIP, s.world.Prefix(), s.gateway.PublicKey(), s.gateway.Endpoint().String()),
	}
	defer key.Zero()
	if err := access.write(s.dir); err != nil {
		return err
	}
	if err := s.register(); err != nil {
		return err
	}
	if err := s.tell(sc, &clock); err != nil {
		return fmt.Errorf("scenario %s: %w", sc.Name, err)
	}
	s.world.Run()
	s.sync()
	s.work.Go(func() { s.follow(s.background) })
	s.work.Go(func() { s.visit(s.background) })
	if s.control, err = listenControl(ctx, s.dir, s.command); err != nil {
		return err
	}
	if s.database == nil {
		return s.sayReady(sc)
	}
	s.work.Go(func() {
		s.unready = s.database.Ready(s.background)
		if s.background.Err() == nil {
			s.unready = errors.Join(s.unready, s.sayReady(sc))
		}
		close(s.ready)
	})
	return nil
}

func (s *Sim) sayReady(sc Scenario) error {
	if s.database == nil {
		defer close(s.ready)
	}
	return writeFile(s.dir, readyFile, fmt.Appendf(nil, "pid=%d\nurl=%s\nscenario=%s\n", os.Getpid(), s.url, sc.Name), 0o600)
}

// Ready waits until all of the world answers, the database too. The error says what of it does not; the rest is there.
func (s *Sim) Ready(ctx context.Context) error {
	select {
	case <-s.ready:
		return s.unready
	case <-ctx.Done():
		return fmt.Errorf("wait for the simulated world: %w", ctx.Err())
	}
}

// startNetwork starts the gateway and what lives behind it.
func (s *Sim) startNetwork(ctx context.Context, r *rand.Rand) (err error) {
	s.gateway, err = startGateway(ctx, gateway.Options{
		PrivateKey: conf.GenerateKey(), Prefix: s.world.Prefix(), DNS: s.zone, Logger: s.log,
	}, r)
	if err != nil {
		return err
	}
	s.world.SetGateway(s.gateway.Endpoint().Addr().String(), s.gateway.PublicKey().String())
	if err := s.world.SetPeerSink(peers{s.gateway}); err != nil {
		return fmt.Errorf("connect the gateway to the platform: %w", err)
	}
	if err := s.startLogs(); err != nil {
		return err
	}
	s.hosts = sixpn.NewHosts(s.gateway.Stack(), sixpn.NewSite(time.Now().Add(-contentAge), time.Now), s.services()...)
	return nil
}

// startAPI serves the platform's interfaces and its registry on a free loopback port, and inside the network. token is the
// one that the registry accepts.
func (s *Sim) startAPI(ctx context.Context, sc Scenario, token string) error {
	outside, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return fmt.Errorf("listen for the API: %w", err)
	}
	s.url = "http://" + outside.Addr().String()
	if sc.ExpiredCert {
		if outside, err = withExpiredCertificate(outside); err != nil {
			return err
		}
		s.url = "https://" + outside.Addr().String()
	}
	inside, err := s.gateway.Stack().ListenTCP(netip.AddrPortFrom(s.gateway.DNSAddr(), apiPort))
	if err != nil {
		return errors.Join(fmt.Errorf("listen for the API inside the network: %w", err), outside.Close())
	}
	handler := http.NewServeMux()
	handler.Handle("/", s.world.Handler())
	handler.Handle("/v2/", &images{token: token, tags: s.world.Tags})
	for _, ln := range []net.Listener{outside, inside} {
		srv := &http.Server{Handler: handler, ReadHeaderTimeout: 10 * time.Second, ErrorLog: log.New(io.Discard, "", 0)}
		s.servers = append(s.servers, srv)
		s.work.Go(func() { _ = srv.Serve(ln) })
	}
	return nil
}

// follow keeps the network as the world is.
func (s *Sim) follow(ctx context.Context) {
	for {
		changed := s.world.Changed()
		s.sync()
		select {
		case <-ctx.Done():
			return
		case <-changed:
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(settle):
		}
	}
}

// sync brings names, addresses and listeners to what the world is now.
func (s *Sim) sync() {
	s.apply.Lock()
	defer s.apply.Unlock()
	v := s.view()
	s.latest.Store(&v)
	s.zone.Set(v)
	if err := s.hosts.Set(v.Instances); err != nil {
		s.log.Warn("the network does not follow the platform", "err", err)
	}
	if s.database != nil {
		s.database.Look()
	}
}

func (s *Sim) view() sixpn.View {
	v := sixpn.View{Prefix: s.world.Prefix(), Instances: s.world.Instances(), Nearest: nearest()}
	for _, a := range s.world.Apps() {
		v.Apps = append(v.Apps, a.Name)
	}
	for _, p := range s.world.Peers() {
		if a, err := netip.ParseAddr(p.PeerIP); err == nil {
			v.Peers = append(v.Peers, sixpn.Peer{Name: p.Name, Addr: a})
		}
	}
	return v
}

// nearest is all regions by their distance from where the gateway is.
func nearest() []string {
	home, _ := platform.RegionNamed(primaryRegion)
	rr := platform.Regions()
	slices.SortStableFunc(rr, func(a, b fly.Region) int {
		return cmp.Compare(platform.Distance(home, a), platform.Distance(home, b))
	})
	codes := make([]string, len(rr))
	for n, r := range rr {
		codes[n] = r.Code
	}
	return codes
}

// App is the name of the application.
func (s *Sim) App() string { return DefaultApp }

// Dir is where the files are.
func (s *Sim) Dir() string { return s.dir }

// ProfilePath is the file for --config.
func (s *Sim) ProfilePath() string { return ProfileIn(s.dir) }

// ProfileIn is where the file for --config is in a world's directory.
func ProfileIn(dir string) string { return filepath.Join(dir, profileFile) }

// ConfPath is the WireGuard configuration of the console's peer.
func (s *Sim) ConfPath() string { return filepath.Join(s.dir, confFile) }

// URL is the base of the platform's interfaces.
func (s *Sim) URL() string { return s.url }

// World is the simulated platform, for tests that change it in ways no fault does.
func (s *Sim) World() *platform.World { return s.world }

// Gateway is the gateway of the private network, for tests that look at its counters.
func (s *Sim) Gateway() *gateway.Gateway { return s.gateway }

// Close ends the world and waits for all of it. It is idempotent.
func (s *Sim) Close() error {
	s.close.Do(func() { s.closed = s.shutdown() })
	return s.closed
}

func (s *Sim) shutdown() error {
	errs := []error{removeFile(s.dir, readyFile)}
	s.cancel()
	if s.store != nil {
		errs = append(errs, s.store.Close())
	}
	if s.database != nil {
		// Commands that wait for it end with it.
		errs = append(errs, s.database.Close())
	}
	if s.control != nil {
		s.control.close()
	}
	if s.world != nil {
		errs = append(errs, s.world.Close()) // answers requests that wait
	}
	for _, srv := range s.servers {
		errs = append(errs, srv.Close())
	}
	if s.lines != nil {
		errs = append(errs, s.lines.Close())
	}
	if s.hosts != nil {
		errs = append(errs, s.hosts.Close())
	}
	s.work.Wait()
	errs = append(errs, removeFile(s.dir, readyFile)) // it may have been written just now
	if s.gateway != nil {
		errs = append(errs, s.gateway.Close())
	}
	errs = append(errs, s.lock.release())
	if s.temp {
		errs = append(errs, os.RemoveAll(s.dir))
	}
	return errors.Join(errs...)
}

// peers tells the gateway of the platform's peers.
type peers struct{ g *gateway.Gateway }

func (p peers) AddPeer(pubkey string, ip netip.Addr) error {
	k, err := conf.ParsePublicKey(pubkey)
	if err != nil {
		return err
	}
	return p.g.AddPeer(k, netip.PrefixFrom(ip, 120))
}

func (p peers) RemovePeer(pubkey string) error {
	k, err := conf.ParsePublicKey(pubkey)
	if err != nil {
		return err
	}
	return p.g.RemovePeer(k)
}
