package wg

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/netip"
	"slices"
	"sync"
	"time"
)

// interfaceInterval is the time between looks at an existing interface.
const interfaceInterval = time.Second

// existing is what is known of an existing interface. Its owner looks again and again; Status only reads.
type existing struct {
	h      host
	way    *way
	inside netip.Addr // whose peer counts: the DNS server

	mu       sync.Mutex
	counters counters // guarded by mu; known false where the device cannot be read
	err      error    // of the latest look at the device, guarded by mu
	gone     bool     // the interface itself, guarded by mu
	rx, tx   int64    // of the interface, guarded by mu
	rxRate   float64  // guarded by mu
	txRate   float64  // guarded by mu
	at       time.Time
}

// openInterface uses an interface that somebody else keeps. Nothing about it is changed.
func openInterface(o Options, w *way, why string, t timings) Network {
	e := &existing{h: machine(), way: w, inside: w.servers[0].Addr()}
	e.take(time.Now(), w.device, w.deviceErr)
	allowed := []netip.Prefix{w.network}
	for _, p := range w.device.peers {
		allowed = append(allowed, p.allowed...)
	}
	if o.Config != nil {
		allowed = append(allowed, allowedIPs(o.Config.Peers)...)
	}
	base := Status{
		Kind: KindInterface, Why: why, Device: w.name, Transport: transportUDP, MTU: w.mtu, Addresses: w.address,
	}
	if !w.device.key.IsZero() {
		base.PublicKey = w.device.key.String()
	}
	return openWatched(watchedOptions{
		base: base, allowed: withServers(allowed, w.servers), servers: w.servers, timings: t,
		connect: dialMachine(e.h.dial), counters: e.read, reason: e.reason, advice: e.advice, finish: e.finish, run: e.run,
	})
}

// interfaceTimings: nothing is repaired from here, so that a verdict may take its time. With the time between two probes
// before it and that of the last one after it, a dead network is called so within 15 s.
func interfaceTimings() timings { return timings{verdict: 5 * time.Second} }

// withServers adds servers that are outside of the network, as fdaa::3 is.
func withServers(allowed []netip.Prefix, servers []netip.AddrPort) []netip.Prefix {
	for _, s := range servers {
		if !slices.ContainsFunc(allowed, func(p netip.Prefix) bool { return p.Contains(s.Addr()) }) {
			allowed = append(allowed, netip.PrefixFrom(s.Addr(), s.Addr().BitLen()))
		}
	}
	return allowed
}

func dialMachine(dial func(ctx context.Context, network, addr string) (net.Conn, error)) func(context.Context, string, netip.AddrPort) (net.Conn, error) {
	return func(ctx context.Context, network string, to netip.AddrPort) (net.Conn, error) {
		return dial(ctx, network, to.String())
	}
}

func (e *existing) run(ctx context.Context) {
	tick := time.NewTicker(interfaceInterval)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		d, err := e.h.device(ctx, e.way.name)
		if ctx.Err() != nil {
			return
		}
		e.take(time.Now(), d, err)
	}
}

func (e *existing) take(now time.Time, d existingDevice, err error) {
	interfaces, listErr := e.h.interfaces()
	gone := listErr == nil && !slices.ContainsFunc(interfaces, func(i net.Interface) bool { return i.Name == e.way.name })
	rx, tx, ok := interfaceBytes(e.way.name)
	e.mu.Lock()
	defer e.mu.Unlock()
	e.err, e.gone = err, gone
	e.counters = counters{}
	if err == nil {
		e.counters = e.peer(d)
	}
	if !ok {
		return
	}
	if dt := now.Sub(e.at).Seconds(); !e.at.IsZero() && dt > 0 {
		e.rxRate, e.txRate = float64(max(0, rx-e.rx))/dt, float64(max(0, tx-e.tx))/dt
	}
	e.rx, e.tx, e.at = rx, tx, now
}

// peer is the one that leads to the DNS server.
func (e *existing) peer(d existingDevice) counters {
	for _, p := range d.peers {
		if slices.ContainsFunc(p.allowed, func(a netip.Prefix) bool { return a.Contains(e.inside) }) {
			return countersOf(p.PeerState)
		}
	}
	return counters{}
}

func (e *existing) read() counters {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.counters
}

func (e *existing) reason(Status) string {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.gone {
		return "interface " + e.way.name + " is gone"
	}
	return ""
}

func (e *existing) advice(s Status) string {
	e.mu.Lock()
	gone := e.gone
	e.mu.Unlock()
	name := e.way.name
	switch {
	case gone:
		return fmt.Sprintf("bring it up again (sudo wg-quick up %s), or start anew: the console can open a tunnel of its own", name)
	case s.State == StateDead || s.State == StateConnecting && s.At.Sub(s.Since) > 10*time.Second:
		return fmt.Sprintf("nothing can be repaired from here: sudo wg-quick down %s && sudo wg-quick up %s; if that does not help, the peer may have been removed: see fly wireguard list", name, name)
	}
	return ""
}

// finish adds what there is without the right to read the device.
func (e *existing) finish(s Status) Status {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.err == nil && e.counters.known {
		return s
	}
	// The verdict remembers the last counters it saw; they are of no use any more.
	s.HandshakeKnown, s.HandshakeAt = false, time.Time{}
	s.Rx, s.Tx, s.RxRate, s.TxRate = e.rx, e.tx, e.rxRate, e.txRate
	if s.Advice != "" {
		return s
	}
	switch {
	case errors.Is(e.err, fs.ErrPermission):
		s.Advice = "handshake age needs root; shown: DNS round trip"
	case errors.Is(e.err, errDeviceSilent):
		s.Advice = fmt.Sprintf("the process behind %s does not answer questions about it: no handshake age", e.way.name)
	case errors.Is(e.err, fs.ErrNotExist):
		s.Advice = e.way.name + " does not show itself as WireGuard: no handshake age"
	case e.err != nil:
		s.Advice = "no handshake age: " + e.err.Error()
	default:
		s.Advice = fmt.Sprintf("no peer of %s leads to %s", e.way.name, e.inside)
	}
	return s
}
