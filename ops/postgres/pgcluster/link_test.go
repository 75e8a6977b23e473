package pgcluster

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// line is a link to a listener, with its two ends.
func line(t *testing.T, delay time.Duration) (k *link, down, up net.Conn) {
	t.Helper()
	dir := shared(t)
	l, err := net.Listen("unix", filepath.Join(dir, "server"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	k, err = newLink(account{}, filepath.Join(dir, "link"), 5432, filepath.Join(dir, "server"), delay, linkOpen)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(k.close)
	down = dial(t, k)
	if up, err = l.Accept(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { up.Close() })
	return k, down, up
}

func dial(t *testing.T, k *link) net.Conn {
	t.Helper()
	conn, err := net.Dial("unix", k.listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn
}

func send(t *testing.T, c net.Conn, text string) {
	t.Helper()
	if _, err := io.WriteString(c, text); err != nil {
		t.Fatal(err)
	}
}

func receive(t *testing.T, c net.Conn, want string) {
	t.Helper()
	c.SetReadDeadline(time.Now().Add(10 * time.Second))
	got := make([]byte, len(want))
	if n, err := io.ReadFull(c, got); err != nil || string(got) != want {
		t.Fatalf("got %q, %v, want %q", got[:n], err, want)
	}
}

func silent(t *testing.T, c net.Conn) {
	t.Helper()
	c.SetReadDeadline(time.Now().Add(30 * time.Millisecond))
	if n, err := c.Read(make([]byte, 10)); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatalf("got %d bytes, %v, want silence", n, err)
	}
}

func TestLinkIsLateAndNotNarrow(t *testing.T) {
	const late = 100 * time.Millisecond
	k, down, up := line(t, late)
	began := time.Now()
	send(t, down, "first")
	receive(t, up, "first")
	if took := time.Since(began); took < late {
		t.Errorf("it came after %v", took)
	}
	// Nothing arrives yet, and still all of this can be sent: the way back of an answer does not count.
	k.setDelay(time.Hour)
	sent := make([]byte, inFlight/2)
	rand.NewChaCha8([32]byte{}).Read(sent)
	down.SetWriteDeadline(time.Now().Add(20 * time.Second))
	if n, err := down.Write(sent); err != nil {
		t.Fatalf("%d bytes were sent, and then: %v", n, err)
	}
	if err := down.(*net.UnixConn).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	silent(t, up)
	k.setDelay(0)
	up.SetReadDeadline(time.Now().Add(20 * time.Second))
	if got, err := io.ReadAll(up); err != nil || !bytes.Equal(got, sent) {
		t.Errorf("%d bytes came, %v, and they are not the %d that were sent", len(got), err, len(sent))
	}
	// The other direction is still open.
	send(t, up, "thanks")
	receive(t, down, "thanks")
}

func TestLinkFaultsReachOpenConnections(t *testing.T) {
	k, down, up := line(t, 0)
	send(t, down, "a")
	receive(t, up, "a")
	k.setDelay(time.Hour)
	send(t, down, "b")
	silent(t, up)
	send(t, down, "c")
	k.setDelay(0)
	receive(t, up, "bc")

	k.setMode(linkHole)
	send(t, down, "d")
	send(t, up, "D")
	silent(t, up)
	silent(t, down)
	k.setMode(linkOpen)
	receive(t, up, "d")
	receive(t, down, "D")

	// What ends in a hole is not heard of, either.
	k.setMode(linkHole)
	send(t, down, "e")
	down.Close()
	silent(t, up)
	k.setMode(linkCut)
	up.SetReadDeadline(time.Now().Add(10 * time.Second))
	if b, err := io.ReadAll(up); err != nil || len(b) > 0 {
		t.Errorf("after the cut came %q, %v", b, err)
	}
	refused := dial(t, k)
	refused.SetReadDeadline(time.Now().Add(10 * time.Second))
	if _, err := refused.Read(make([]byte, 1)); err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("a new connection through a cut: %v", err)
	}
}

func TestLinkHoldsNewConnectionsInAHole(t *testing.T) {
	dir := shared(t)
	server := filepath.Join(dir, "server")
	l, err := net.Listen("unix", server)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	k, err := newLink(account{}, filepath.Join(dir, "link"), 5432, server, 0, linkHole)
	if err != nil {
		t.Fatal(err)
	}
	defer k.close()
	down := dial(t, k)
	send(t, down, "hello")
	l.(*net.UnixListener).SetDeadline(time.Now().Add(30 * time.Millisecond))
	if _, err := l.Accept(); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatalf("the server was reached: %v", err)
	}
	k.setMode(linkOpen)
	l.(*net.UnixListener).SetDeadline(time.Now().Add(10 * time.Second))
	up, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer up.Close()
	receive(t, up, "hello")
}

func TestProcessTitles(t *testing.T) {
	for title, want := range map[string]bool{
		"postgres: startup recovering 000000010000000000000003":         true,
		"postgres: startup   recovering 000000010000000000000003":       true,
		"postgres: r1: startup recovering 000000010000000000000003":     true,
		"postgres: r1: startup":                                         true,
		"postgres: r1: walreceiver streaming 0/3000148":                 false,
		"postgres: startups postgres [local] idle":                      false,
		"postgres: r1: postgres startup [local] idle":                   false,
		"/usr/lib/postgresql/15/bin/postgres -D /dev/shm/startup":       false,
		"postgres: r1: someone postgres [local] SELECT: startup is odd": false,
	} {
		if got := isProcess(title, Startup); got != want {
			t.Errorf("%q is the startup process: %t", title, got)
		}
	}
}

func TestSegmentNames(t *testing.T) {
	for _, c := range []struct {
		lsn  string
		size uint64
		want string
	}{
		{"0/2000000", 1 << 20, "000000000000001F"},
		{"0/2000001", 1 << 20, "0000000000000020"},
		{"0/2000028", 16 << 20, "0000000000000002"},
		{"1/0", 16 << 20, "00000000000000FF"},
		{"2D/9A4458", 16 << 20, "0000002D00000000"},
		{"2D", 16 << 20, ""},
		{"x/y", 16 << 20, ""},
		{"0/1", 0, ""},
	} {
		got, err := segmentOf(c.lsn, c.size)
		if got != c.want || (err == nil) != (c.want != "") {
			t.Errorf("%s of %d: got %q, %v, want %q", c.lsn, c.size, got, err, c.want)
		}
	}
}
