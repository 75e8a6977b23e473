package netstack

import (
	"errors"
	"net"
	"net/netip"
	"syscall"
	"testing"
	"time"
)

func TestAPortIsListenedAtAgainWhileOldConnectionsLive(t *testing.T) {
	a, b := pair(t, Options{}, Options{})
	at := netip.AddrPortFrom(addrB, 80)
	accept := make(chan net.Conn)
	l := serve(t, b, at, func(c net.Conn) { accept <- c; echo(c) })
	old, err := a.DialTCP(within(t, 5*time.Second), at)
	if err != nil {
		t.Fatal(err)
	}
	defer old.Close()
	<-accept
	if _, err := b.ListenTCP(at); !errors.Is(err, syscall.EADDRINUSE) {
		t.Errorf("two listeners at once: %v, want EADDRINUSE", err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	serve(t, b, at, func(c net.Conn) { accept <- c; echo(c) })
	c, err := a.DialTCP(within(t, 5*time.Second), at)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	<-accept
	if _, err := old.Write([]byte("x")); err != nil {
		t.Errorf("the old connection: %v", err)
	}
}

// TestAClosedConnectionStillHasItsAddresses: drivers ask for them then.
func TestAClosedConnectionStillHasItsAddresses(t *testing.T) {
	a, b := pair(t, Options{}, Options{})
	ln, err := b.ListenTCP(netip.AddrPortFrom(addrB, 80))
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	c, err := a.DialTCP(t.Context(), netip.AddrPortFrom(addrB, 80))
	if err != nil {
		t.Fatal(err)
	}
	s, err := ln.Accept()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []net.Conn{c, s} {
		local, remote := c.LocalAddr().String(), c.RemoteAddr().String()
		if err := c.Close(); err != nil {
			t.Fatal(err)
		}
		if c.LocalAddr() == nil || c.LocalAddr().String() != local || c.RemoteAddr() == nil || c.RemoteAddr().String() != remote {
			t.Errorf("closed: %v to %v, want %s to %s", c.LocalAddr(), c.RemoteAddr(), local, remote)
		}
	}
}
