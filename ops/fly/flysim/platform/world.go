package platform

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/netip"
	"sync"
	"time"

	"ops-console/ops/fly"
)

// Options is what a World is made from. The zero value of every field has a usable default.
type Options struct {
	Org              fly.Organization // slug changelog-media unless set
	App              string           // name of the first app; changelog unless set
	OrgNetworkPrefix netip.Prefix     // the organization's /48; fdaa:0:2f::/48 unless set

	// Now is the clock. Where it is nil, the world runs by itself in real time until Close. Where it is set, time
	// passes only when somebody looks: every method and request first does what is due, and Tick does only that.
	Now    func() time.Time
	Rand   *rand.Rand // of ids and jitter; the world guards it. nil: seeded from the system
	Delays Delays     // zero: DefaultDelays

	Token string   // the accepted bearer; "": any, even none
	User  fly.User // whom Token belongs to

	EndpointIP    string   // where peers reach the gateway: an address or name without port
	GatewayPubkey string   // of the gateway, base64
	Peers         PeerSink // told of peers; may be nil, may be set later by SetPeerSink

	RateLimit bool // answer 429 as the platform does

	// Exec runs a command in an instance. It is called without locks held. nil: a shell that knows no commands.
	Exec func(ctx context.Context, i Instance, command []string) fly.ExecResult
	// Job is how a machine that does not stay up (a release command) runs: for how long, and its exit code.
	// nil: Delays.Job and 0.
	Job func(i Instance, command []string) (time.Duration, int)
	// Program says how the run of such a machine is really carried out, or of one with a schedule: by a function that
	// returns its exit code, and ends early with ctx when the machine is stopped. It is called with the world locked,
	// what it returns without. nil, or nil from it: nobody knows, and Job decides.
	Program func(r Run) func(ctx context.Context) int
}

// Delays is how long the transitions of machines take.
type Delays struct {
	Create  time.Duration // created → starting
	Start   time.Duration // starting → started
	Boot    time.Duration // started → the app listens
	Stop    time.Duration // stopping → stopped
	Replace time.Duration // replacing → starting
	Suspend time.Duration // suspending → suspended
	Destroy time.Duration // destroying → destroyed
	Check   time.Duration // a change of an instance → the checks notice
	Job     time.Duration // a release command from start to exit
	Hour    time.Duration // that schedules go by; 0: a real one
}

// DefaultDelays is a quick platform: a replaced machine is healthy again after about three seconds.
func DefaultDelays() Delays {
	return Delays{
		Create:  150 * time.Millisecond,
		Start:   600 * time.Millisecond,
		Boot:    1200 * time.Millisecond,
		Stop:    500 * time.Millisecond,
		Replace: 900 * time.Millisecond,
		Suspend: 400 * time.Millisecond,
		Destroy: 300 * time.Millisecond,
		Check:   time.Second,
		Job:     1500 * time.Millisecond,
	}
}

// World is the whole simulated platform. All methods are safe for concurrent use.
type World struct {
	opts   Options
	prefix netip.Prefix

	mu        sync.Mutex // guards everything below
	rand      *rand.Rand
	now       time.Time // of the event being handled, or of the latest look at the clock
	due       schedule
	seq       int // counts machines, events, peers: whatever needs an order
	closed    bool
	dirty     bool          // something changed since changed was last closed
	changed   chan struct{} // closed at the next change
	tokens    map[string]fly.User
	apps      map[string]*app
	appOrder  []*app
	machines  map[string]*machine // of all apps, destroyed ones too
	peers     []*peer
	peerSink  PeerSink
	limits    map[string]*bucket
	rateLimit bool
	kinds     []FaultKind
	faults    []*activeFault
	placed    map[string]int // machines ever placed in a region, for hosts
	ulidMS    uint64
	ulidN     uint64
	requests  uint64
	tap       func(Logged) // told of every line of a log; nil: nobody
	speech    speech
	traffic   traffic

	faultMu sync.Mutex // one SetFault or ClearFault at a time; taken before peerMu
	peerMu  sync.Mutex // one call of the peer sink at a time; taken before mu

	wake chan struct{} // pokes the runner: something earlier is due
	stop context.CancelFunc
	done chan struct{}

	programs sync.WaitGroup // those that run on machines
}

// NewWorld makes a world with one app and no machines. Close must be called where Options.Now is nil.
func NewWorld(o Options) *World {
	if o.Org.Slug == "" {
		o.Org.Slug = "changelog-media"
	}
	if o.Org.Name == "" {
		o.Org.Name = "Changelog Media"
	}
	if o.Org.ID == "" {
		o.Org.ID = "org_" + o.Org.Slug
	}
	if o.App == "" {
		o.App = "changelog"
	}
	if !o.OrgNetworkPrefix.IsValid() {
		o.OrgNetworkPrefix = netip.MustParsePrefix("fdaa:0:2f::/48")
	}
	if o.Delays == (Delays{}) {
		o.Delays = DefaultDelays()
	}
	if o.Delays.Hour == 0 {
		o.Delays.Hour = time.Hour
	}
	if o.User.Email == "" {
		o.User = fly.User{ID: "usr_operator", Email: "operator@example.com", Name: "Operator"}
	}
	if o.EndpointIP == "" {
		o.EndpointIP = "127.0.0.1"
	}
	if o.GatewayPubkey == "" {
		o.GatewayPubkey = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
	}
	r := o.Rand
	if r == nil {
		r = rand.New(rand.NewPCG(rand.Uint64(), rand.Uint64()))
	}
	w := &World{
		opts:      o,
		prefix:    netip.PrefixFrom(o.OrgNetworkPrefix.Addr(), 48).Masked(),
		rand:      r,
		changed:   make(chan struct{}),
		tokens:    map[string]fly.User{},
		apps:      map[string]*app{},
		machines:  map[string]*machine{},
		peerSink:  o.Peers,
		limits:    map[string]*bucket{},
		rateLimit: o.RateLimit,
		placed:    map[string]int{},
		wake:      make(chan struct{}, 1),
		kinds:     BuiltinFaults(),
	}
	if o.Token != "" {
		w.tokens[o.Token] = o.User
	}
	w.now = w.clock()
	if o.Now == nil {
		ctx, cancel := context.WithCancel(context.Background())
		w.stop, w.done = cancel, make(chan struct{})
		go w.run(ctx)
	}
	w.lock()
	w.addApp(fly.App{Name: o.App})
	w.unlock()
	return w
}

func (w *World) clock() time.Time {
	if w.opts.Now != nil {
		return w.opts.Now()
	}
	return time.Now()
}

// Close ends the world: its goroutine has returned, waiting requests are answered, nothing changes any more.
func (w *World) Close() error {
	w.lock()
	already := w.closed
	w.closed = true
	w.dirty = true
	for _, m := range w.machines {
		if m.end != nil {
			m.end()
		}
	}
	w.unlock()
	if w.stop != nil && !already {
		w.stop()
	}
	if w.done != nil {
		<-w.done
	}
	w.programs.Wait()
	return nil
}

// Changed is closed at the next change of anything that Instances or the APIs show. Take it before looking, or a
// change in between is missed.
func (w *World) Changed() <-chan struct{} {
	w.lock()
	defer w.unlock()
	return w.changed
}

// Tick does what is due by the clock.
func (w *World) Tick() {
	w.lock()
	w.unlock()
}

// Now is the world's time.
func (w *World) Now() time.Time {
	w.lock()
	defer w.unlock()
	return w.now
}

// Org is the organization of the world.
func (w *World) Org() fly.Organization { return w.opts.Org }

// Prefix is the organization's network, a /48.
func (w *World) Prefix() netip.Prefix { return w.prefix }

// DNSAddr is where the network's DNS server, API gateway and log stream are to be: prefix::3.
func (w *World) DNSAddr() netip.Addr {
	a := w.prefix.Addr().As16()
	a[15] = 3
	return netip.AddrFrom16(a)
}

// Delays is how long transitions take.
func (w *World) Delays() Delays { return w.opts.Delays }

// AddUser makes a further token acceptable, and says whom it belongs to.
func (w *World) AddUser(u fly.User, token string) {
	w.lock()
	defer w.unlock()
	w.tokens[token] = u
}

// SetRateLimit switches the platform's rate limits on or off.
func (w *World) SetRateLimit(on bool) {
	w.lock()
	defer w.unlock()
	w.rateLimit = on
	w.limits = map[string]*bucket{}
}

// SetExec replaces Options.Exec.
func (w *World) SetExec(f func(ctx context.Context, i Instance, command []string) fly.ExecResult) {
	w.lock()
	defer w.unlock()
	w.opts.Exec = f
}

// Apps is the apps of the world, in the order they were made.
func (w *World) Apps() []fly.App {
	w.lock()
	defer w.unlock()
	aa := make([]fly.App, 0, len(w.appOrder))
	for _, a := range w.appOrder {
		aa = append(aa, w.appView(a))
	}
	return aa
}

// SetBehaviour changes how a machine's instance answers. Faults on it are laid over b.
func (w *World) SetBehaviour(id string, b Behaviour) error {
	w.lock()
	defer w.unlock()
	m, ok := w.machines[id]
	if !ok {
		return fmt.Errorf("set behaviour: no machine %q", id)
	}
	m.base = b
	w.behaves(m)
	return nil
}

// Instances is every machine that is not destroyed, in the order they were made.
func (w *World) Instances() []Instance {
	w.lock()
	defer w.unlock()
	var ii []Instance
	for _, a := range w.appOrder {
		for _, m := range a.machines {
			if m.gone() {
				continue
			}
			ii = append(ii, w.instance(m))
		}
	}
	return ii
}

// Instance is one machine as the network sees it, and whether there is such a machine.
func (w *World) Instance(id string) (Instance, bool) {
	w.lock()
	defer w.unlock()
	m, ok := w.machines[id]
	if !ok || m.gone() {
		return Instance{}, false
	}
	return w.instance(m), true
}

func (w *World) instance(m *machine) Instance {
	b := w.behaviour(m)
	// What is starting up refuses connections as a dead one does.
	b.Dead = b.Dead || !m.booted
	i := Instance{
		ID:        m.id,
		App:       m.app.name,
		Region:    m.region,
		Group:     m.cfg.group(),
		Addr:      m.addr,
		Started:   m.state == fly.StateStarted,
		SkipDNS:   m.cfg.DNS != nil && m.cfg.DNS.SkipRegistration,
		Metadata:  maps.Clone(m.cfg.Metadata),
		Release:   m.cfg.release(),
		ReleaseID: m.cfg.Metadata[fly.MetaReleaseID],
		Image:     m.cfg.Image,
		Behaviour: b,
	}
	if len(m.cfg.Services) > 0 {
		i.Port = uint16(m.cfg.Services[0].InternalPort)
	}
	return i
}
