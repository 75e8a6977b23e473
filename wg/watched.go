package wg

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"sync"
	"syscall"
	"time"
)

// watchedOptions describe a network that somebody else keeps: this process only dials through it and watches.
type watchedOptions struct {
	base    Status
	allowed []netip.Prefix // what the network carries
	servers []netip.AddrPort
	connect func(ctx context.Context, network string, to netip.AddrPort) (net.Conn, error)
	timings timings
	// The rest may be nil: what is known of the peer, why the network does not work, what to do about it, and what to
	// add to a Status.
	counters func() counters
	reason   func(Status) string
	advice   func(Status) string
	finish   func(Status) Status
	// run is stopped and waited for by Close.
	run func(context.Context)
}

// watchedNetwork is a Network that cannot be repaired from here.
type watchedNetwork struct {
	dialer  *dialer
	monitor *monitor
	finish  func(Status) Status
	cancel  context.CancelFunc
	wg      sync.WaitGroup
	once    sync.Once
}

var _ Network = (*watchedNetwork)(nil)

func openWatched(o watchedOptions) *watchedNetwork {
	ctx, cancel := context.WithCancel(context.Background())
	w := &watchedNetwork{finish: o.finish, cancel: cancel}
	w.dialer = &dialer{allowed: o.allowed, connect: o.connect}
	r := &Resolver{Dial: w.dialer.dialServer, Servers: o.servers}
	w.dialer.resolver = r
	if len(o.servers) > 0 {
		o.base.DNS = o.servers[0].String()
	}
	w.monitor = startMonitor(monitorOptions{
		base:     o.base,
		timings:  o.timings,
		probe:    w.probe,
		counters: o.counters,
		reason:   o.reason,
		advice:   o.advice,
	})
	w.dialer.ready, r.check = w.monitor.ready, w.monitor.ready
	if o.run != nil {
		w.wg.Go(func() { o.run(ctx) })
	}
	return w
}

// probe asks the DNS server, and where that is silent whether its machine takes or refuses a connection: a peer cannot be
// asked for a handshake from here.
func (w *watchedNetwork) probe(ctx context.Context, d time.Duration) (time.Duration, error) {
	r := w.dialer.resolver
	rtt, err := r.Ping(ctx, probeName, d)
	if err == nil || errors.As(err, new(RcodeError)) || len(r.Servers) == 0 {
		return rtt, err
	}
	ctx, cancel := context.WithTimeout(ctx, d)
	defer cancel()
	c, dialErr := r.Dial(ctx, "tcp", r.Servers[0].String())
	if dialErr == nil {
		_ = c.Close()
	}
	if dialErr == nil || errors.Is(dialErr, syscall.ECONNREFUSED) {
		return 0, errServerSilent
	}
	return 0, err
}

// DialContext is part of Network.
func (w *watchedNetwork) DialContext(ctx context.Context, network, addr string) (net.Conn, error) {
	return w.dialer.DialContext(ctx, network, addr)
}

// Resolver is part of Network.
func (w *watchedNetwork) Resolver() *Resolver { return w.dialer.resolver }

// Status is part of Network.
func (w *watchedNetwork) Status() Status {
	s := w.monitor.Status()
	if w.finish != nil && s.State != StateClosed {
		s = w.finish(s)
	}
	return s
}

// Changed is part of Network.
func (w *watchedNetwork) Changed() <-chan struct{} { return w.monitor.Changed() }

// Close is part of Network. Connections made through it stay: they are not ours.
func (w *watchedNetwork) Close() error {
	w.once.Do(func() {
		w.cancel()
		w.monitor.close()
		w.wg.Wait()
	})
	return nil
}
