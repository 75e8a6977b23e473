package wg

import (
	"sync"

	"golang.zx2c4.com/wireguard/conn"
)

// switchBind is a conn.Bind that is UDP or a websocket, and can change between being closed and being opened again.
type switchBind struct {
	udp conn.Bind
	web conn.Bind // nil: never

	mu   sync.Mutex
	next bool      // the websocket at the next Open, guarded by mu
	open conn.Bind // nil while closed, guarded by mu
}

var _ conn.Bind = (*switchBind)(nil)

// toggle makes the next Open take the other transport, and returns its name.
func (b *switchBind) toggle() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.next = !b.next && b.web != nil
	if b.next {
		return transportWeb
	}
	return transportUDP
}

func (b *switchBind) onWeb() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.next
}

func (b *switchBind) chosen() conn.Bind {
	if b.next {
		return b.web
	}
	return b.udp
}

// Open is part of conn.Bind.
func (b *switchBind) Open(port uint16) ([]conn.ReceiveFunc, uint16, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.open != nil {
		return nil, 0, conn.ErrBindAlreadyOpen
	}
	c := b.chosen()
	fns, at, err := c.Open(port)
	if err == nil {
		b.open = c
	}
	return fns, at, err
}

// Close is part of conn.Bind.
func (b *switchBind) Close() error {
	b.mu.Lock()
	c := b.open
	b.open = nil
	b.mu.Unlock()
	if c == nil {
		return nil
	}
	return c.Close()
}

// Send is part of conn.Bind.
func (b *switchBind) Send(bufs [][]byte, to conn.Endpoint) error {
	b.mu.Lock()
	c := b.open
	b.mu.Unlock()
	if c == nil {
		return nil // between two ports: WireGuard repeats itself
	}
	if _, fits := to.(*conn.StdNetEndpoint); c == b.udp && !fits {
		e, err := c.ParseEndpoint(to.DstToString()) // it was made by the other transport
		if err != nil {
			return err
		}
		to = e
	}
	return c.Send(bufs, to)
}

// ParseEndpoint is part of conn.Bind.
func (b *switchBind) ParseEndpoint(s string) (conn.Endpoint, error) {
	b.mu.Lock()
	c := b.chosen()
	b.mu.Unlock()
	return c.ParseEndpoint(s)
}

// SetMark is part of conn.Bind.
func (b *switchBind) SetMark(mark uint32) error { return b.udp.SetMark(mark) }

// BatchSize is part of conn.Bind. It must not change, and the websocket takes any.
func (b *switchBind) BatchSize() int { return b.udp.BatchSize() }
