// Package relay stands for the network between a WireGuard client and its gateway: it passes datagrams on and loses,
// delays, cuts or redirects them as told. The tests of wg and the simulated platform put it in front of a gateway.
//
// It knows nothing of WireGuard, never changes a datagram, and serves loopback addresses; it is no proxy for real use.
package relay

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"net"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// Faults is what goes wrong on the way. The zero value loses nothing.
type Faults struct {
	Drop      bool           // everything, both ways
	DropIn    bool           // from the clients to the target
	DropOut   bool           // from the target to the clients
	BlockPort uint16         // everything of the client with this source port; 0 none
	Loss      float64        // share of datagrams lost in each direction, 0 to 1
	Delay     time.Duration  // one way; the order is kept
	MaxSize   int            // longer datagrams are lost, as on a path with a smaller MTU; 0 any
	Random    func() float64 // decides Loss, in [0,1); nil takes math/rand. Called by several goroutines.
}

// Stats counts datagrams since the start.
type Stats struct {
	In, Out int64 // arrived from clients, from the target
	Dropped int64 // of both
}

// Relay passes datagrams between any number of clients and one target. Each client has a socket of its own towards the
// target, as behind a NAT, so that the target sees one source port per client.
type Relay struct {
	front  *net.UDPConn
	faults atomic.Pointer[Faults]
	in     *line
	out    *line
	done   chan struct{}
	wg     sync.WaitGroup
	close  sync.Once

	arrived, returned, dropped atomic.Int64

	mu       sync.Mutex
	target   netip.AddrPort                  // guarded by mu
	mappings map[netip.AddrPort]*net.UDPConn // by client, guarded by mu
	closed   bool                            // guarded by mu
}

// New listens on an address such as "127.0.0.1:0" and passes everything on to target.
func New(listen string, target netip.AddrPort) (*Relay, error) {
	addr, err := net.ResolveUDPAddr("udp", listen)
	if err != nil {
		return nil, fmt.Errorf("relay: listen address: %w", err)
	}
	front, err := net.ListenUDP("udp", addr)
	if err != nil {
		return nil, fmt.Errorf("relay: %w", err)
	}
	// A small buffer would add losses of its own to those asked for.
	_ = front.SetReadBuffer(4 << 20)
	r := &Relay{
		front: front, target: target,
		mappings: map[netip.AddrPort]*net.UDPConn{}, done: make(chan struct{}),
	}
	r.faults.Store(&Faults{})
	r.in, r.out = newLine(r.done), newLine(r.done)
	r.wg.Go(r.in.run)
	r.wg.Go(r.out.run)
	r.wg.Go(r.forward)
	return r, nil
}

// Addr is where clients send to.
func (r *Relay) Addr() netip.AddrPort {
	a := r.front.LocalAddr().(*net.UDPAddr).AddrPort()
	return netip.AddrPortFrom(a.Addr().Unmap(), a.Port())
}

// Set replaces the faults. Datagrams already under way keep their delay.
func (r *Relay) Set(f Faults) { r.faults.Store(&f) }

// Faults is what Set set last.
func (r *Relay) Faults() Faults { return *r.faults.Load() }

// Stats counts what passed so far.
func (r *Relay) Stats() Stats {
	return Stats{In: r.arrived.Load(), Out: r.returned.Load(), Dropped: r.dropped.Load()}
}

// Clients lists the source addresses seen since the last Forget, sorted.
func (r *Relay) Clients() []netip.AddrPort {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.SortedFunc(maps.Keys(r.mappings), netip.AddrPort.Compare)
}

// Move sends everything to another target from now on, as when a name points to a new gateway. Replies of the old target
// no longer reach the clients.
func (r *Relay) Move(target netip.AddrPort) {
	r.mu.Lock()
	r.target = target
	r.mu.Unlock()
	r.Forget()
}

// Forget drops the mappings of all clients, as a rebooted NAT does: the target sees new source ports.
func (r *Relay) Forget() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for client, up := range r.mappings {
		_ = up.Close()
		delete(r.mappings, client)
	}
}

// Close ends the relay and waits for its goroutines. It is idempotent.
func (r *Relay) Close() error {
	r.close.Do(func() {
		r.mu.Lock()
		r.closed = true
		r.mu.Unlock()
		close(r.done)
		_ = r.front.Close()
		r.Forget()
	})
	r.wg.Wait()
	return nil
}

func (r *Relay) forward() {
	buf := make([]byte, 1<<16)
	for {
		n, client, err := r.front.ReadFromUDPAddrPort(buf)
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			continue
		}
		r.arrived.Add(1)
		f := r.faults.Load()
		if f.DropIn || r.loses(f, client, n) {
			r.dropped.Add(1)
			continue
		}
		up, err := r.mapping(client)
		if err != nil {
			r.dropped.Add(1)
			continue
		}
		if !r.in.send(f.Delay, buf[:n], func(p []byte) { _, _ = up.Write(p) }) {
			r.dropped.Add(1)
		}
	}
}

func (r *Relay) mapping(client netip.AddrPort) (*net.UDPConn, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return nil, net.ErrClosed
	}
	if up := r.mappings[client]; up != nil {
		return up, nil
	}
	up, err := net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(r.target))
	if err != nil {
		return nil, err
	}
	_ = up.SetReadBuffer(4 << 20)
	r.mappings[client] = up
	r.wg.Go(func() { r.backward(up, client) })
	return up, nil
}

func (r *Relay) backward(up *net.UDPConn, client netip.AddrPort) {
	buf := make([]byte, 1<<16)
	for {
		n, err := up.Read(buf)
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			// ECONNREFUSED while the target is down. One error answers one datagram sent, so this cannot spin.
			continue
		}
		r.returned.Add(1)
		f := r.faults.Load()
		if f.DropOut || r.loses(f, client, n) || !r.out.send(f.Delay, buf[:n], func(p []byte) {
			_, _ = r.front.WriteToUDPAddrPort(p, client)
		}) {
			r.dropped.Add(1)
		}
	}
}

func (r *Relay) loses(f *Faults, client netip.AddrPort, size int) bool {
	if f.Drop || f.MaxSize > 0 && size > f.MaxSize || f.BlockPort != 0 && f.BlockPort == client.Port() {
		return true
	}
	if f.Loss <= 0 {
		return false
	}
	random := f.Random
	if random == nil {
		random = rand.Float64
	}
	return random() < f.Loss
}
