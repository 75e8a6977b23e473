package wg

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"sync"
	"time"
)

const (
	// frozenAfter is how long a holder may say nothing before it counts as stopped; it speaks every second.
	frozenAfter = 3 * time.Second
	// visitWait bounds the opening of a connection to the holder.
	visitWait = 2 * time.Second
)

// lent is a tunnel as other consoles get it. Questions to its DNS servers pass even when it is not well: they are how
// the others find that out.
type lent struct{ *userNetwork }

// DialContext gets addresses only.
func (l lent) DialContext(ctx context.Context, network, addr string) (net.Conn, error) {
	if to, err := netip.ParseAddrPort(addr); err == nil && slices.Contains(l.Resolver().Servers, to) {
		return l.Resolver().Dial(ctx, network, addr)
	}
	return l.userNetwork.DialContext(ctx, network, addr)
}

// guest is what a console knows of the holder of its key.
type guest struct {
	client shareClient

	mu    sync.Mutex
	pid   int       // guarded by mu
	heard time.Time // guarded by mu
	last  Status    // guarded by mu
}

// visit uses the tunnel of the process that holds the key. An error says that it lends none, or not yet; a holder that
// is stopped is none.
func (k *keyedNetwork) visit(ctx context.Context, pid int, deadline time.Time) (role, Network, error) {
	servers, err := (&userNetwork{cfg: k.cfg}).choose()
	if err != nil {
		return nil, nil, err
	}
	g := &guest{client: shareClient{k.path + ".sock"}, pid: pid}
	ended := make(chan error, 1)
	first := make(chan struct{}, 1)
	life, cancel := context.WithCancel(context.Background())
	stopped := sync.WaitGroup{}
	stopped.Go(func() { ended <- g.listen(life, first) })
	timer := time.NewTimer(max(time.Until(deadline), 200*time.Millisecond))
	defer timer.Stop()
	select {
	case <-first:
	case <-timer.C: // stopped; the socket would have refused otherwise
	case err = <-ended:
	case <-ctx.Done():
		err = ctx.Err()
	}
	if err != nil {
		cancel()
		stopped.Wait()
		return nil, nil, err
	}
	w := openWatched(watchedOptions{
		base: Status{
			Kind: KindShared, Device: "shared", Endpoint: k.cfg.Peers[0].Endpoint,
			Why:       "another console of this user has the tunnel open: " + g.name(),
			PublicKey: k.key.String(), Addresses: k.cfg.Addresses,
		},
		allowed: allowedIPs(k.cfg.Peers), servers: servers, timings: k.o.user.timings,
		connect: g.connect, counters: g.counters, reason: g.reason, finish: g.finish,
	})
	return func(ctx context.Context) {
		select {
		case <-ended:
		case <-ctx.Done():
		}
		cancel()
		_ = w.Close()
		stopped.Wait()
	}, w, nil
}

// listen takes the holder's Status until there is no holder any more. first gets a value after the first one.
func (g *guest) listen(ctx context.Context, first chan<- struct{}) error {
	for {
		err := g.client.watch(ctx, func(pid int, st Status) {
			g.mu.Lock()
			g.pid, g.heard, g.last = pid, time.Now(), st
			g.mu.Unlock()
			select {
			case first <- struct{}{}:
			default:
			}
		})
		if ctx.Err() != nil || !errors.Is(err, errHolderSilent) {
			return err
		}
	}
}

func (g *guest) name() string {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.pid == 0 {
		return "a process"
	}
	return fmt.Sprintf("process %d", g.pid)
}

func (g *guest) frozen() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return time.Since(g.heard) > frozenAfter
}

func (g *guest) connect(ctx context.Context, network string, to netip.AddrPort) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, connectWait)
	defer cancel()
	return g.client.dial(ctx, network, to)
}

func (g *guest) counters() counters {
	g.mu.Lock()
	defer g.mu.Unlock()
	s := g.last
	return counters{known: s.HandshakeKnown, handshake: s.HandshakeAt, rx: s.Rx, tx: s.Tx, endpoint: s.Endpoint}
}

func (g *guest) reason(Status) string {
	if g.frozen() {
		return g.name() + " holds the tunnel and does not answer"
	}
	return ""
}

// finish adds what only the holder knows.
func (g *guest) finish(s Status) Status {
	if g.frozen() {
		if s.State != StateUp {
			s.Advice = "let it go on (kill -CONT) or end it: this console then takes over"
		}
		return s
	}
	g.mu.Lock()
	h := g.last
	g.mu.Unlock()
	s.Transport, s.MTU, s.Heals, s.LastHeal = h.Transport, h.MTU, h.Heals, h.LastHeal
	if s.State == h.State {
		s.Cause, s.Advice = h.Cause, h.Advice
	}
	return s
}
