package wg

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"time"

	"ops-console/wg/conf"
)

const (
	// settleWait keeps a new tunnel with an old key from being taken for an attack: a gateway drops handshakes that come
	// within some 20 ms of the last one of the same key, and the next try is 5 s later.
	settleWait = 60 * time.Millisecond
	// keyWait is how long Open looks for an understanding with the holder of the key.
	keyWait = time.Second
	// keyRetry is the time between attempts at a key that its holder neither lends nor lets go.
	keyRetry = 250 * time.Millisecond
	// switchWait is how long a dial waits for the next holder when the present one has ended.
	switchWait = 3 * time.Second
)

// keyedOptions of openKeyed.
type keyedOptions struct {
	dir    string // of locks and sockets; empty: the default
	user   userOptions
	log    *slog.Logger
	settle func() // called before a tunnel is opened in place of another; nil: waits
}

// keyedNetwork is the network of a private key. One process at a time may use a key: whoever locks it first opens the
// tunnel and lends it to the other consoles of the same user; when it ends, one of them takes over. To its owner it is
// one Network all the time.
type keyedNetwork struct {
	o        keyedOptions
	cfg      *conf.Config // our own copy
	key      conf.PublicKey
	path     string // of lock and socket, without their endings
	resolver *Resolver
	cancel   context.CancelFunc
	wg       sync.WaitGroup
	once     sync.Once

	mu      sync.Mutex
	current Network       // guarded by mu
	swapped chan struct{} // closed and replaced when current changes, guarded by mu
	changed chan struct{} // as in Changed, guarded by mu
	state   State         // the last one announced, guarded by mu
	closed  bool          // guarded by mu
}

var _ Network = (*keyedNetwork)(nil)

// openKeyed opens the tunnel of a configuration, or finds the console that has it open. It fails with ErrKeyInUse where
// that process lends nothing.
func openKeyed(ctx context.Context, cfg *conf.Config, o keyedOptions) (*keyedNetwork, error) {
	dir, err := runtimeDir(o.dir)
	if err != nil {
		return nil, err
	}
	k := &keyedNetwork{
		o: o, cfg: cfg.Clone(), key: cfg.PrivateKey.Public(),
		swapped: make(chan struct{}), changed: make(chan struct{}),
	}
	k.o.dir, k.path = dir, keyPath(dir, k.key)
	run, first, err := k.begin(ctx)
	if err != nil {
		k.cfg.Zero()
		return nil, err
	}
	k.current, k.state = first, first.Status().State
	k.resolver = &Resolver{
		Dial: func(ctx context.Context, network, addr string) (net.Conn, error) {
			return k.again(ctx, func(n Network) (net.Conn, error) { return n.Resolver().Dial(ctx, network, addr) })
		},
		Servers: first.Resolver().Servers,
		check:   k.check,
	}
	var life context.Context
	life, k.cancel = context.WithCancel(context.Background())
	k.wg.Go(func() { k.run(life, run) })
	k.wg.Go(func() { k.announce(life) })
	return k, nil
}

// role is a period as holder or as guest: it lasts until its context ends or there is reason to look for another.
type role func(context.Context)

// begin takes a role, and returns the Network that goes with it.
func (k *keyedNetwork) begin(ctx context.Context) (role, Network, error) {
	deadline := time.Now().Add(keyWait)
	for {
		lock, err := lockKey(k.o.dir, k.key)
		if err == nil {
			return k.hold(ctx, lock)
		}
		busy := ErrKeyInUse{}
		if !errors.As(err, &busy) {
			return nil, nil, err
		}
		run, n, err := k.visit(ctx, busy.PID, deadline)
		if err == nil {
			return run, n, nil
		}
		if ctx.Err() != nil {
			return nil, nil, ctx.Err()
		}
		// The holder has just begun, or has just ended; or does not lend.
		if time.Now().After(deadline) {
			if busy.Why = err.Error(); errors.Is(err, errHolderGone) {
				busy.Why = "it does not lend its tunnel"
			}
			return nil, nil, busy
		}
		if !pause(ctx, keyRetry/5) {
			return nil, nil, ctx.Err()
		}
	}
}

// hold opens the tunnel and lends it.
func (k *keyedNetwork) hold(ctx context.Context, lock *keyLock) (role, Network, error) {
	u, err := openUser(ctx, k.cfg, k.o.user)
	if err != nil {
		lock.release()
		return nil, nil, err
	}
	share, err := serveShare(k.path+".sock", lent{u}, k.o.log)
	if err != nil {
		// The tunnel is worth more than its sharing.
		k.o.log.Warn("other consoles cannot use this tunnel", "err", err)
	}
	return func(ctx context.Context) {
		<-ctx.Done()
		if share != nil {
			share.close()
		}
		_ = u.Close()
		lock.release()
	}, u, nil
}

// run goes from role to role.
func (k *keyedNetwork) run(ctx context.Context, run role) {
	for {
		run(ctx)
		for run = nil; run == nil; {
			if ctx.Err() != nil {
				return
			}
			next, n, err := k.beginAgain(ctx)
			if err != nil {
				if ctx.Err() != nil {
					return
				}
				k.swap(brokenNetwork(k.last(), err))
				pause(ctx, keyRetry)
				continue
			}
			k.swap(n)
			run = next
		}
	}
}

func (k *keyedNetwork) beginAgain(ctx context.Context) (role, Network, error) {
	if k.o.settle != nil {
		k.o.settle()
	} else if !pause(ctx, settleWait) {
		return nil, nil, ctx.Err()
	}
	return k.begin(ctx)
}

// swap puts another Network in place of the current one. The old one has been closed by its role.
func (k *keyedNetwork) swap(n Network) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.current = n
	close(k.swapped)
	k.swapped = make(chan struct{})
}

func (k *keyedNetwork) now() (Network, <-chan struct{}) {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.current, k.swapped
}

func (k *keyedNetwork) last() Status {
	n, _ := k.now()
	return n.Status()
}

// announce closes Changed when the state is another one, whichever Network it is of.
func (k *keyedNetwork) announce(ctx context.Context) {
	for {
		n, swapped := k.now()
		changed := n.Changed()
		s := between(n.Status()).State
		k.mu.Lock()
		if s != k.state {
			k.state = s
			close(k.changed)
			k.changed = make(chan struct{})
		}
		k.mu.Unlock()
		select {
		case <-changed:
		case <-swapped:
		case <-ctx.Done():
			return
		}
	}
}

// between is the Status while one role has closed its Network and the next one has none yet: that is not our end.
func between(s Status) Status {
	if s.State == StateClosed {
		s.State, s.Cause = StateConnecting, "the console that held the tunnel has ended; taking over"
	}
	return s
}

// DialContext is part of Network.
func (k *keyedNetwork) DialContext(ctx context.Context, network, addr string) (net.Conn, error) {
	return k.again(ctx, func(n Network) (net.Conn, error) { return n.DialContext(ctx, network, addr) })
}

// again dials by the network of now. When the holder ends meanwhile, it waits a moment for the next one.
func (k *keyedNetwork) again(ctx context.Context, dial func(Network) (net.Conn, error)) (net.Conn, error) {
	for {
		n, swapped := k.now()
		c, err := dial(n)
		if err == nil || !k.moved(ctx, err, swapped) {
			return c, err
		}
	}
}

// moved reports that err came from the end of a holder, and that there is another one now.
func (k *keyedNetwork) moved(ctx context.Context, err error, swapped <-chan struct{}) bool {
	if !errors.Is(err, ErrClosed) && !errors.Is(err, errHolderGone) || k.ended() {
		return false
	}
	timer := time.NewTimer(switchWait)
	defer timer.Stop()
	select {
	case <-swapped:
		return ctx.Err() == nil && !k.ended()
	case <-ctx.Done():
	case <-timer.C:
	}
	return false
}

func (k *keyedNetwork) ended() bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.closed
}

func (k *keyedNetwork) check(ctx context.Context) error {
	for {
		n, swapped := k.now()
		r := n.Resolver()
		if r.check == nil {
			return nil
		}
		if err := r.check(ctx); err == nil || !k.moved(ctx, err, swapped) {
			return err
		}
	}
}

// Resolver is part of Network.
func (k *keyedNetwork) Resolver() *Resolver { return k.resolver }

// Status is part of Network.
func (k *keyedNetwork) Status() Status {
	k.mu.Lock()
	n, closed := k.current, k.closed
	k.mu.Unlock()
	if closed {
		return n.Status()
	}
	return between(n.Status())
}

// Changed is part of Network.
func (k *keyedNetwork) Changed() <-chan struct{} {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.changed
}

// Close is part of Network.
func (k *keyedNetwork) Close() error {
	k.once.Do(func() {
		k.cancel()
		k.wg.Wait()
		last := k.last()
		last.At = time.Now()
		last.Since = last.At
		k.mu.Lock()
		k.current, k.closed = closedNetwork(last), true
		close(k.swapped)
		close(k.changed)
		k.swapped, k.changed = make(chan struct{}), make(chan struct{})
		k.mu.Unlock()
		k.cfg.Zero()
	})
	return nil
}

// pause waits, and reports false when ctx ended first.
func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// brokenNetwork stands in while there is no tunnel and none can be opened.
func brokenNetwork(s Status, err error) Network {
	s.At = time.Now()
	if s.State != StateDead {
		s.Since = s.At
	}
	s.State, s.Cause, s.RxRate, s.TxRate = StateDead, err.Error(), 0, 0
	return &fixedNetwork{s, fmt.Errorf("no tunnel: %w", err)}
}

func closedNetwork(s Status) Network {
	s.State, s.Cause, s.Advice, s.RxRate, s.TxRate = StateClosed, "", "", 0, 0
	return &fixedNetwork{s, ErrClosed}
}

// fixedNetwork dials nothing.
type fixedNetwork struct {
	status Status
	err    error
}

func (f *fixedNetwork) DialContext(_ context.Context, network, addr string) (net.Conn, error) {
	return nil, &net.OpError{Op: "dial", Net: network, Addr: dialAddr{network, addr}, Err: f.err}
}

func (f *fixedNetwork) Resolver() *Resolver {
	return &Resolver{Dial: f.DialContext, check: func(context.Context) error { return f.err }}
}
func (f *fixedNetwork) Status() Status           { return f.status }
func (f *fixedNetwork) Changed() <-chan struct{} { return nil }
func (f *fixedNetwork) Close() error             { return nil }

func allowedIPs(peers []conf.Peer) (out []netip.Prefix) {
	for _, p := range peers {
		out = append(out, p.AllowedIPs...)
	}
	return out
}
