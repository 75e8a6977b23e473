package netstack

import (
	"context"
	"io"
	"net"
	"net/netip"
	"sync"
	"testing"
	"time"
)

// far takes packets one way, a few at a time and slowly, as a long line does.
func far(from, to *Stack) {
	n := from.BatchSize()
	bufs, sizes := make([][]byte, n), make([]int, n)
	for i := range bufs {
		bufs[i] = make([]byte, 65536)
	}
	for {
		k, err := from.Read(bufs, sizes, 16)
		if err != nil {
			return
		}
		var out [][]byte
		for i := range k {
			out = append(out, bufs[i][:16+sizes[i]])
		}
		time.Sleep(20 * time.Millisecond) // the length of the line
		if _, err := to.Write(out, 16); err != nil {
			return
		}
	}
}

// TestTheLastWordArrives: what is written right before the stack is closed, and that no more comes, reaches the other side,
// which would wait for it as long as it keeps connections alive.
func TestTheLastWordArrives(t *testing.T) {
	a, b := newStack(t, addrA, Options{}), newStack(t, addrB, Options{})
	var wg sync.WaitGroup
	wg.Go(func() { far(a, b) })
	wg.Go(func() { far(b, a) })
	t.Cleanup(func() { a.Close(); b.Close(); wg.Wait() })
	at := netip.AddrPortFrom(addrB, 5432)
	heard := make(chan string, 1)
	serve(t, b, at, func(c net.Conn) {
		text, err := io.ReadAll(c)
		if err != nil {
			text = []byte(err.Error())
		}
		heard <- string(text)
	})
	c, err := a.DialTCP(within(t, 5*time.Second), at)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(c, "terminate"); err != nil {
		t.Fatal(err)
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	a.Linger(within(t, 5*time.Second))
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	select {
	case text := <-heard:
		if text != "terminate" {
			t.Errorf("heard %q", text)
		}
	case <-time.After(5 * time.Second):
		t.Error("the other side waits still")
	}
}

// TestLingerIsBounded: where nobody answers any more, and where nothing is to be waited for.
func TestLingerIsBounded(t *testing.T) {
	a, b := pair(t, Options{}, Options{})
	at := netip.AddrPortFrom(addrB, 5432)
	serve(t, b, at, echo)
	open, err := a.DialTCP(within(t, 5*time.Second), at)
	if err != nil {
		t.Fatal(err)
	}
	a.Linger(context.Background()) // an open connection is nothing to wait for
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	if err := open.Close(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	a.Linger(ctx)
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	a.Linger(context.Background()) // nor is anything of a closed stack
}
