package wg

import (
	"context"
	"errors"
	"sync"
	"time"
)

// connectWait is the most that a dial without a deadline waits for a network that never answered.
const connectWait = 30 * time.Second

// monitorOptions tie a monitor to one network. Functions that a network cannot offer are nil.
type monitorOptions struct {
	base    Status // what does not change by itself; the monitor fills in the rest
	timings timings
	// probe asks the network's DNS server once: Resolver.Ping.
	probe func(ctx context.Context, timeout time.Duration) (time.Duration, error)
	// counters reads the device. It must be quick.
	counters func() counters
	// ask makes the peer show a handshake if it lives.
	ask func()
	// resolve finds out where the endpoint is now, and says whether it moved.
	resolve func(context.Context) (bool, error)
	// rebind leaves from another local port.
	rebind func() error
	// change changes to the other transport and returns its name.
	change func() (string, error)
	// reason adds what the network itself knows about why it does not work, such as a name that does not resolve.
	reason func(Status) string
	// advice replaces the usual text, in every state, unless it is empty. It gets the Status with all else filled in.
	advice func(Status) string
}

// monitor watches one network, keeps its Status, and repairs what it can. One goroutine owns all decisions.
type monitor struct {
	o      monitorOptions
	cancel context.CancelFunc
	wg     sync.WaitGroup

	mu      sync.Mutex
	base    Status        // guarded by mu
	status  Status        // guarded by mu
	changed chan struct{} // guarded by mu
}

// startMonitor begins to watch, with a probe at once.
func startMonitor(o monitorOptions) *monitor {
	ctx, cancel := context.WithCancel(context.Background())
	m := &monitor{o: o, cancel: cancel, base: o.base, changed: make(chan struct{})}
	v := newVerdict(time.Now(), o.timings)
	v.canAsk, v.canResolve, v.canRebind, v.canSwitch = o.ask != nil, o.resolve != nil, o.rebind != nil, o.change != nil
	v.web = o.base.Transport == transportWeb
	m.publish(time.Now(), v)
	m.wg.Go(func() { m.run(ctx, v) })
	return m
}

// close stops watching, waits for everything under way, and makes the state closed.
func (m *monitor) close() {
	m.cancel()
	m.wg.Wait()
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.status.State != StateClosed {
		now := time.Now()
		m.status.At, m.status.Since, m.status.State = now, now, StateClosed
		m.status.Cause, m.status.Advice, m.status.RxRate, m.status.TxRate = "", "", 0, 0
		close(m.changed)
		m.changed = make(chan struct{})
	}
}

// Status is the latest snapshot.
func (m *monitor) Status() Status {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.status
}

// Changed is closed at the next change of the state.
func (m *monitor) Changed() <-chan struct{} {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.changed
}

// edit changes what the owner knows; it shows at the next tick.
func (m *monitor) edit(f func(*Status)) {
	m.mu.Lock()
	defer m.mu.Unlock()
	f(&m.base)
}

// ready is for dialers: it waits while the network has never answered, and fails at once where it is known to be dead.
func (m *monitor) ready(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, connectWait)
	defer cancel()
	for {
		m.mu.Lock()
		s, changed := m.status, m.changed
		m.mu.Unlock()
		switch s.State {
		case StateClosed:
			return ErrClosed
		case StateDead:
			if time.Since(s.Since) > m.o.timings.withDefaults().patience {
				return ErrDead{Since: s.Since, Cause: s.Cause}
			}
			return nil
		case StateConnecting:
		default:
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			if s = m.Status(); s.State == StateConnecting && s.Cause != "" {
				return &notConnectedError{s.Cause, ctx.Err()}
			}
			return ctx.Err()
		}
	}
}

// notConnectedError is the end of a dial's patience, with the reason.
type notConnectedError struct {
	cause string
	err   error
}

func (e *notConnectedError) Error() string { return e.cause }
func (e *notConnectedError) Unwrap() error { return e.err }
func (e *notConnectedError) Timeout() bool { return errors.Is(e.err, context.DeadlineExceeded) }

type probeResult struct {
	sent time.Time
	rtt  time.Duration
	err  error
}

func (m *monitor) run(ctx context.Context, v *verdict) {
	probes, repairs := make(chan probeResult, 1), make(chan string, 1)
	tick := time.NewTicker(v.t.tick)
	defer tick.Stop()
	for {
		now := time.Now()
		o := v.tick(now, m.counters())
		m.publish(now, v)
		if o.probe {
			m.wg.Go(func() {
				rtt, err := m.o.probe(ctx, v.t.timeout)
				probes <- probeResult{now, rtt, err}
			})
		}
		if len(o.repairs) > 0 {
			m.wg.Go(func() { repairs <- m.repair(ctx, o) })
		}
		select {
		case <-ctx.Done():
			return
		case p := <-probes:
			if ctx.Err() != nil {
				return
			}
			v.probed(p.sent, time.Now(), p.rtt, p.err, m.counters())
		case what := <-repairs:
			v.repaired(what)
		case <-tick.C:
		}
	}
}

func (m *monitor) counters() counters {
	if m.o.counters == nil {
		return counters{}
	}
	return m.o.counters()
}

// repair does what was ordered and says it in words.
func (m *monitor) repair(ctx context.Context, o orders) string {
	what := o.why
	for _, r := range o.repairs {
		if ctx.Err() != nil {
			return ""
		}
		switch r {
		case repairAsk:
			if m.o.ask != nil {
				m.o.ask()
			}
		case repairResolve:
			bounded, cancel := context.WithTimeout(ctx, 5*time.Second)
			moved, err := m.o.resolve(bounded)
			cancel()
			if err != nil {
				what += " (re-resolve failed)"
			} else if moved {
				what += " (endpoint moved)"
			}
		case repairRebind:
			if err := m.o.rebind(); err != nil {
				what += " (new port failed: " + err.Error() + ")"
			}
		case repairSwitch:
			name, err := m.o.change()
			if err != nil {
				what += " (failed: " + err.Error() + ")"
				continue
			}
			m.edit(func(s *Status) { s.Transport = name })
		}
	}
	return what
}

// publish makes the Status from the verdict.
func (m *monitor) publish(now time.Time, v *verdict) {
	m.mu.Lock()
	s := m.base
	before := m.status.State
	m.mu.Unlock()
	s.At, s.State, s.Since = now, v.state, v.since
	s.RTT, s.LastOK = v.rtt, v.lastOK
	if c := v.last; c.known {
		s.HandshakeKnown, s.HandshakeAt = true, c.handshake
		s.Rx, s.Tx, s.RxRate, s.TxRate = v.rx, v.tx, settle(v.rxRate), settle(v.txRate)
		if c.endpoint != "" {
			s.Endpoint = c.endpoint
		}
	}
	s.Heals, s.LastHeal = v.heals, v.lastHeal
	reason := ""
	if m.o.reason != nil && s.State != StateUp {
		reason = m.o.reason(s)
	}
	s.Cause = causeOf(s, v, reason)
	s.Advice = adviceOf(s, v)
	if m.o.advice != nil {
		if a := m.o.advice(s); a != "" {
			s.Advice = a
		}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.status = s
	if s.State != before {
		close(m.changed)
		m.changed = make(chan struct{})
	}
}

// settle lets a rate reach zero.
func settle(r float64) float64 {
	if r < 1 {
		return 0
	}
	return r
}
