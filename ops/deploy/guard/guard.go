// Package guard measures what pauses a deployment by itself: the share of 5xx among the answers, the response time, processes
// that end without being asked to, and the lag of replicas.
//
// It reads in the background, and never makes who asks wait: what is answered is what was read last, with its age. What is not
// known never pauses anything. Nothing here pauses, goes on, or goes back: the engine does.
package guard

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"
	"strings"
	"sync"
	"time"

	"ops-console/ops/config"
	"ops-console/ops/deploy"
	"ops-console/ops/metrics"
	"ops-console/ops/plaintext"
	"ops-console/ops/replication"
)

// Names of the guards.
const (
	Errors   = "5xx"
	P99      = "p99"
	Restarts = "restarts"
	Lag      = "lag"
)

const (
	// every is how often what the guards watch is read at most: metrics are scraped as often.
	every = 15 * time.Second
	// timeout is how long one reading may take.
	timeout = 10 * time.Second
	// stale is how old the newest of what was read may be: a scrape, what the platform holds back before it answers, and the
	// time between two readings are a minute together.
	stale = 90 * time.Second
	// held is how old a reading over its limit may be and still count, where newer ones say nothing: what was bad and cannot
	// be seen any more is not well by that.
	held = 3 * time.Minute
	// kept is how many readings a guard remembers.
	kept = 24
)

// Options of New.
type Options struct {
	Plan   *deploy.Plan
	Limits config.Guards
	// Critical is the lag that counts where Limits name that of the database.
	Critical time.Duration
	// Metrics gives who is asked for metrics. It is called until it succeeds. nil: nobody.
	Metrics func(ctx context.Context) (*metrics.Client, error)
	// Lag reads the replicas; nil: there are none.
	Lag func(ctx context.Context) (*replication.Snapshot, error)
	Now func() time.Time
}

// Guards measure for one deployment. Make them with New and Close them. They are safe for concurrent use.
type Guards struct {
	o        Options
	ctx      context.Context // ends with Close
	cancel   context.CancelFunc
	work     sync.WaitGroup
	restarts *restarts // nil: not measured

	mu      sync.Mutex // guards what follows
	sources []*source
	closed  bool
}

// source is what is read at once, and what comes of it.
type source struct {
	meters []*meter
	// read gives a reading for each meter. It may change what is said of their limits with the lock that set takes.
	read  func(ctx context.Context, fleet []deploy.Machine) []reading
	began time.Time // the latest reading did
	busy  bool
}

// meter is one guard with what was read of it.
type meter struct {
	name   string
	mode   config.GuardMode
	limit  string
	top    float64 // the limit
	before string
	last   reading   // the latest that is known
	tried  time.Time // when what the latest reading was about was so, known or not
	why    string    // it is not known; empty: it is
	recent []float64
}

// reading is one measurement. A value that is NaN is not known, and why says why.
type reading struct {
	at     time.Time // when it was so
	value  float64
	text   string
	where  string // what part it is of; empty: all
	over   bool
	why    string
	limit  float64 // 0: none
	limits string  // limit for people
	before string
	past   []float64 // readings from before the first, the oldest first
}

func unknown(at time.Time, why string) reading { return reading{at: at, value: math.NaN(), why: why} }

// New measures nothing until Measure. It is nil where nothing is to be measured. What goes back to an earlier release is never
// paused: it is what ends the errors that are measured.
func New(o Options) *Guards {
	if o.Plan.Kind == deploy.KindRollback {
		for _, l := range []*config.Guard{&o.Limits.Errors, &o.Limits.P99, &o.Limits.Restarts, &o.Limits.Lag} {
			if l.Mode == config.GuardPause {
				l.Mode = config.GuardWatch
			}
		}
	}
	g := &Guards{o: o}
	g.ctx, g.cancel = context.WithCancel(context.Background())
	on := func(l config.Guard) bool { return l.Mode != config.GuardOff && l.Mode != "" }
	if o.Metrics != nil && (on(o.Limits.Errors) || on(o.Limits.P99)) {
		m := &measured{o: o}
		g.sources = append(g.sources, &source{read: m.read, meters: []*meter{
			{name: Errors, mode: o.Limits.Errors.Mode}, {name: P99, mode: o.Limits.P99.Mode},
		}})
	}
	if o.Lag != nil && on(o.Limits.Lag) {
		g.sources = append(g.sources, &source{read: lags(o), meters: []*meter{{name: Lag, mode: o.Limits.Lag.Mode}}})
	}
	if on(o.Limits.Restarts) {
		g.restarts = newRestarts(o.Plan, o.Limits.Restarts)
	}
	if len(g.sources) == 0 && g.restarts == nil {
		g.cancel()
		return nil
	}
	return g
}

// Close ends what is being read, and waits for it.
func (g *Guards) Close() {
	g.mu.Lock()
	g.closed = true
	g.mu.Unlock()
	g.cancel()
	g.work.Wait()
}

// Measure is what the guards say now. fleet is what a look has just seen. It returns at once, and has read what is too old.
func (g *Guards) Measure(fleet []deploy.Machine) []deploy.Guard {
	now := g.o.Now()
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, s := range g.sources {
		if s.busy || g.closed || !s.began.IsZero() && now.Sub(s.began) < every {
			continue
		}
		s.busy, s.began = true, now
		seen := slices.Clone(fleet)
		g.work.Go(func() { g.read(s, seen) })
	}
	if g.restarts != nil {
		g.restarts.see(fleet, now)
	}
	return g.say(now)
}

// read has a source read.
func (g *Guards) read(s *source, fleet []deploy.Machine) {
	ctx, cancel := context.WithTimeout(g.ctx, timeout)
	defer cancel()
	rr := s.read(ctx, fleet)
	g.mu.Lock()
	defer g.mu.Unlock()
	s.busy = false
	for i, r := range rr {
		s.meters[i].take(r)
	}
}

// say is what was read last, in the order in which it is shown. The lock is held.
func (g *Guards) say(now time.Time) []deploy.Guard {
	var out []deploy.Guard
	for _, s := range g.sources {
		for _, m := range s.meters {
			if m.mode != config.GuardOff && m.mode != "" {
				out = append(out, m.guard(now))
			}
		}
	}
	if g.restarts != nil {
		out = append(out, g.restarts.meter.guard(now))
	}
	return out
}

// take notes a reading.
func (m *meter) take(r reading) {
	m.tried, m.why = r.at, r.why
	if r.limits != "" {
		m.limit, m.top = r.limits, r.limit
	}
	m.before = cmp.Or(r.before, m.before)
	if metrics.Known(r.value) {
		m.last, m.why = r, ""
		m.last.over = r.over && m.mode == config.GuardPause
	} else {
		m.why = cmp.Or(plaintext.Line(r.why, 200), "it is not known")
	}
	m.recent = append(append(m.recent, r.past...), r.value)
	m.recent = m.recent[max(len(m.recent)-kept, 0):]
}

// guard is what a meter says at a time.
func (m *meter) guard(now time.Time) deploy.Guard {
	g := deploy.Guard{Name: m.name, Before: m.before, Recent: slices.Clone(m.recent), Unknown: true}
	if m.mode == config.GuardPause {
		g.Limit, g.Top = m.limit, m.top
	}
	age := now.Sub(m.last.at)
	switch {
	case m.last.at.IsZero():
		g.Why = cmp.Or(m.why, "it has not been measured yet")
	case age > stale && !(m.last.over && age <= held):
		g.Why = cmp.Or(m.why, fmt.Sprintf("what is known is %s old", age.Round(time.Second)))
	default:
		g.Unknown, g.Value, g.Where, g.Over, g.At = false, m.last.text, m.last.where, m.last.over, m.last.at
	}
	return g
}

// Between two looks at what was read, and how long it is waited for measurements that come late.
const (
	lookEvery = time.Second
	patience  = 90 * time.Second
)

// Settled waits until what the guards measure is of a time that lies so long after now, and none that can pause is over its
// limit. It fails where one is when ctx ends, and warns where one is not known. Somebody has to call Measure meanwhile.
func (g *Guards) Settled(ctx context.Context, long time.Duration) (deploy.Verdict, string) {
	until := g.o.Now().Add(long)
	for {
		now := g.o.Now()
		late := now.After(until.Add(patience))
		ok, over, text := g.settled(now, until, late)
		switch {
		case ok && !now.Before(until):
			if strings.Contains(text, "not known") {
				return deploy.Warn, text
			}
			return deploy.Pass, text
		case ctx.Err() != nil && over:
			return deploy.Fail, text
		case ctx.Err() != nil:
			return deploy.Unknown, text
		}
		t := time.NewTimer(lookEvery)
		select {
		case <-ctx.Done():
		case <-t.C:
		}
		t.Stop()
	}
}

// settled tells whether all that can pause was read of a time, or is not to be had, and is not over its limit.
func (g *Guards) settled(now, until time.Time, late bool) (ok, over bool, text string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	ok = true
	var said []string
	each := func(m *meter, live bool) {
		if m.mode != config.GuardPause {
			return
		}
		x := m.guard(now)
		over = over || x.Over
		ok = ok && !x.Over && (live || late || !m.tried.Before(until))
		if x.Unknown {
			said = append(said, x.Name+" is not known: "+x.Why)
			return
		}
		said = append(said, x.Name+" "+x.Value+" of "+x.Limit)
	}
	for _, s := range g.sources {
		for _, m := range s.meters {
			each(m, false)
		}
	}
	if g.restarts != nil {
		each(&g.restarts.meter, true)
	}
	return ok, over, strings.Join(said, "; ")
}
