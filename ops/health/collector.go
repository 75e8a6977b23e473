package health

import (
	"context"
	"sync"
	"time"

	"ops-console/ops/config"
	"ops-console/ops/fly"
	"ops-console/ops/plaintext"
	"ops-console/wg"
)

// facts is what every source said last. The slices and maps in it are never written to after they were put there.
type facts struct {
	app           string
	primaryRegion string
	interval      config.Interval
	oneShot       bool // there is no second look: what was seen once is said
	network       wg.Status
	networkErr    error
	peer          peerFacts
	platform      platformFacts
	releases      releaseFacts
	dns           dnsFacts
	probes        probeFacts
	agreement     []agreementFacts
	cluster       clusterFacts
}

// reading is when a source was read, and how that went.
type reading struct {
	at, good time.Time
	err      error
}

func (r *reading) note(at time.Time, err error) {
	r.at, r.err = at, err
	if err == nil {
		r.good = at
	}
}

// source is the reading as a snapshot shows it.
func (r reading) source() Source {
	s := Source{OK: r.err == nil && !r.good.IsZero(), At: r.at, GoodAt: r.good}
	if r.err != nil {
		s.Error = plaintext.Line(r.err.Error(), maxLine)
		s.Hint = plaintext.Line(fly.HintOf(r.err), maxLine)
	}
	return s
}

// stale tells whether what was last read well is too old to be believed at now.
func (r reading) stale(now time.Time, interval time.Duration) bool {
	return r.good.IsZero() || r.err != nil && now.Sub(r.good) > max(30*time.Second, 3*interval)
}

// collector reads the sources and holds what they said.
type collector struct {
	o      Options
	prober *prober
	signal chan struct{} // something was learnt

	normalisers []*normaliser // of each path of o.Agree

	mu      sync.Mutex // guards facts, configs and raw
	facts   facts
	configs map[string]*fly.MachineConfig // last whole configuration of each machine
	raw     []fly.Machine                 // the list as last believed

	merging sync.Mutex // guards memory
	memory  memory
}

// newCollector wants options with their defaults.
func newCollector(o Options) *collector {
	c := &collector{
		o:       o,
		signal:  make(chan struct{}, 1),
		configs: map[string]*fly.MachineConfig{},
		facts: facts{
			app:           word(o.App),
			primaryRegion: word(o.PrimaryRegion),
			interval:      o.Interval,
			networkErr:    o.NetworkErr,
			platform:      platformFacts{count: -1},
		},
	}
	if o.Network != nil {
		c.prober = newProber(o)
	}
	for _, a := range o.Agree {
		n, _ := newNormaliser(a.Ignore) // withDefaults refused what cannot be compiled
		c.normalisers = append(c.normalisers, n)
	}
	return c
}

// learn changes the facts and says so.
func (c *collector) learn(change func(*facts)) {
	c.mu.Lock()
	change(&c.facts)
	c.mu.Unlock()
	select {
	case c.signal <- struct{}{}:
	default:
	}
}

func (c *collector) known() facts {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.facts
}

// snapshot merges what is known now.
func (c *collector) snapshot() *Snapshot {
	f := c.known()
	if c.o.Network != nil {
		f.network = c.o.Network.Status()
	}
	if c.prober != nil {
		f.probes = c.prober.facts()
	}
	c.merging.Lock()
	defer c.merging.Unlock()
	s, m := merge(f, c.memory, c.o.Now())
	c.memory = m
	return s
}

func (c *collector) close() {
	if c.prober != nil {
		c.prober.forget()
	}
}

// networkUp tells whether the private network carries anything now.
func (c *collector) networkUp() bool {
	return c.o.Network != nil && carries(c.o.Network.Status().State)
}

// carries tells whether it is worth sending anything through a network in state s. Without DNS it still is.
func carries(s wg.State) bool { return vouched(s) || s == wg.StateSuspect }

// vouched tells whether a failure of something sent through a network in state s is not the network's.
func vouched(s wg.State) bool { return s == wg.StateUp || s == wg.StateDNSDown }

// pause waits for d or until ctx ends.
func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-t.C:
		return nil
	}
}
