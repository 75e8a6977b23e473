package wg

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
)

// loopback lends the machine's own network.
type loopback struct {
	net.Dialer
	mu      sync.Mutex
	status  Status
	changed chan struct{}
	dial    func(ctx context.Context, network, addr string) (net.Conn, error)
}

func (l *loopback) DialContext(ctx context.Context, network, addr string) (net.Conn, error) {
	if l.dial != nil {
		return l.dial(ctx, network, addr)
	}
	return l.Dialer.DialContext(ctx, network, addr)
}

func (l *loopback) Status() Status {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.status
}

func (l *loopback) Changed() <-chan struct{} {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.changed
}

func (l *loopback) set(s Status) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.status = s
	close(l.changed)
	l.changed = make(chan struct{})
}

// shortDir is a directory whose path leaves room for a socket's name.
func shortDir(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "wg")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

func lend(t testing.TB, h holder) shareClient {
	t.Helper()
	path := filepath.Join(shortDir(t), "x.sock")
	s, err := serveShare(path, h, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.close)
	return shareClient{path}
}

func newLoopback() *loopback { return &loopback{changed: make(chan struct{})} }

// serveTCP runs f for each connection at a loopback address.
func serveTCP(t testing.TB, f func(*net.TCPConn)) netip.AddrPort {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			wg.Go(func() { defer func() { _ = c.Close() }(); f(c.(*net.TCPConn)) })
		}
	})
	t.Cleanup(func() { _ = l.Close(); wg.Wait() })
	return l.Addr().(*net.TCPAddr).AddrPort()
}

func soon(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	return ctx
}

func TestSharedStreamPassesHalfCloses(t *testing.T) {
	to := serveTCP(t, func(c *net.TCPConn) {
		b, _ := io.ReadAll(c) // until the client's half ends
		_, _ = c.Write(bytes.ToUpper(b))
		_ = c.CloseWrite()
		_, _ = io.Copy(io.Discard, c)
	})
	c, err := lend(t, newLoopback()).dial(soon(t), "tcp", to)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	if c.RemoteAddr().String() != to.String() || c.RemoteAddr().Network() != "tcp" {
		t.Errorf("remote address %s, want %s", c.RemoteAddr(), to)
	}
	sent := strings.Repeat("hello ", 100_000)
	if _, err := io.WriteString(c, sent); err != nil {
		t.Fatal(err)
	}
	if err := c.(interface{ CloseWrite() error }).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Write([]byte("x")); !errors.Is(err, syscall.EPIPE) {
		t.Errorf("write after the end of our half: %v", err)
	}
	got, err := io.ReadAll(c)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != strings.ToUpper(sent) {
		t.Errorf("%d bytes came back, %d were sent", len(got), len(sent))
	}
}

func TestSharedStreamEndsByReset(t *testing.T) {
	to := serveTCP(t, func(c *net.TCPConn) {
		_, _ = c.Read(make([]byte, 1))
		_ = c.SetLinger(0)
	})
	c, err := lend(t, newLoopback()).dial(soon(t), "tcp", to)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	_, _ = c.Write([]byte("x"))
	if _, err := c.Read(make([]byte, 1)); !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("read: %v, want a reset and not an end", err)
	}
}

func TestSharedErrorsAreThoseOfTheNetwork(t *testing.T) {
	h := newLoopback()
	client := lend(t, h)
	free := serveTCP(t, func(*net.TCPConn) {})
	tests := []struct {
		name string
		err  error // of the holder's dial; nil dials a closed port
		want error
	}{
		{"refused", nil, syscall.ECONNREFUSED},
		{"outside", fmt.Errorf("10.0.0.1 is %w", ErrOutside), ErrOutside},
		{"deadline", context.DeadlineExceeded, context.DeadlineExceeded},
		{"timeout", os.ErrDeadlineExceeded, os.ErrDeadlineExceeded},
		{"no route", &net.OpError{Op: "dial", Err: syscall.EHOSTUNREACH}, syscall.EHOSTUNREACH},
		{"closed", ErrClosed, net.ErrClosed},
		{"dead", &net.OpError{Op: "dial", Err: ErrDead{Since: time.Unix(1, 0).UTC(), Cause: "silent"}}, ErrDead{Since: time.Unix(1, 0).UTC(), Cause: "silent"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			h.dial = nil
			to := netip.AddrPortFrom(free.Addr(), 1)
			if tt.err != nil {
				h.dial = func(context.Context, string, string) (net.Conn, error) { return nil, tt.err }
			}
			c, err := client.dial(soon(t), "tcp", to)
			if err == nil {
				_ = c.Close()
			}
			if !errors.Is(err, tt.want) {
				t.Errorf("error %v, want %v", err, tt.want)
			}
			if oe := (*net.OpError)(nil); !errors.As(err, &oe) || oe.Addr.String() != to.String() {
				t.Errorf("error %#v does not name %s", err, to)
			}
		})
	}
}

func TestSharedDialEndsWithItsContext(t *testing.T) {
	h := newLoopback()
	started, ended := make(chan struct{}), make(chan struct{})
	h.dial = func(ctx context.Context, _, _ string) (net.Conn, error) {
		close(started)
		<-ctx.Done()
		close(ended)
		return nil, ctx.Err()
	}
	client := lend(t, h)
	ctx, cancel := context.WithCancel(t.Context())
	go func() { <-started; cancel() }()
	if _, err := client.dial(ctx, "tcp", netip.MustParseAddrPort("127.0.0.1:1")); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, want canceled", err)
	}
	select {
	case <-ended: // the holder's own dial as well
	case <-time.After(5 * time.Second):
		t.Error("the holder dials on")
	}
}

func TestSharedDeadlinesLoseNothing(t *testing.T) {
	step := make(chan struct{})
	to := serveTCP(t, func(c *net.TCPConn) {
		for _, s := range []string{"one", "two"} {
			<-step
			_, _ = io.WriteString(c, s)
		}
	})
	c, err := lend(t, newLoopback()).dial(soon(t), "tcp", to)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	buf := make([]byte, 3)
	for _, want := range []string{"one", "two"} {
		_ = c.SetReadDeadline(time.Now().Add(20 * time.Millisecond))
		if _, err := c.Read(buf); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Fatalf("read: %v, want a passed deadline", err)
		}
		_ = c.SetReadDeadline(time.Time{})
		step <- struct{}{}
		if _, err := io.ReadFull(c, buf); err != nil || string(buf) != want {
			t.Errorf("read %q, %v, want %q", buf, err, want)
		}
	}
	_ = c.Close()
	if _, err := c.Read(buf); !errors.Is(err, net.ErrClosed) {
		t.Errorf("read after close: %v", err)
	}
	if err := c.Close(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("second close: %v", err)
	}
}

func TestSharedDatagramsKeepTheirBounds(t *testing.T) {
	echo, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		buf := make([]byte, 1<<16)
		for {
			n, from, err := echo.ReadFrom(buf)
			if err != nil {
				return
			}
			_, _ = echo.WriteTo(buf[:n], from)
		}
	}()
	c, err := lend(t, newLoopback()).dial(soon(t), "udp", echo.LocalAddr().(*net.UDPAddr).AddrPort())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	_ = c.SetDeadline(time.Now().Add(5 * time.Second))
	var want, got []int
	for _, size := range []int{1, 0, 1232, 40000, 3} {
		if _, err := c.Write(make([]byte, size)); err != nil {
			t.Fatal(err)
		}
		n, err := c.Read(make([]byte, 1<<16))
		if err != nil {
			t.Fatal(err)
		}
		want, got = append(want, size), append(got, n)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("sizes (-want +got):\n%s", diff)
	}
	if _, err := c.Write(make([]byte, 1<<16)); !errors.Is(err, syscall.EMSGSIZE) {
		t.Errorf("too long a datagram: %v", err)
	}
	// A refused datagram is an error of one read only.
	_ = echo.Close()
	<-done
	_, _ = c.Write([]byte("x"))
	if _, err := c.Read(make([]byte, 1)); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("read: %v, want refused", err)
	}
	_ = c.SetReadDeadline(time.Now().Add(20 * time.Millisecond))
	if _, err := c.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("read: %v, want to wait on", err)
	}
}

func TestSharedConnectionsEndWithTheHolder(t *testing.T) {
	to := serveTCP(t, func(c *net.TCPConn) { _, _ = io.Copy(c, c) })
	path := filepath.Join(shortDir(t), "x.sock")
	base := goleak.IgnoreCurrent()
	s, err := serveShare(path, newLoopback(), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	client := shareClient{path}
	c, err := client.dial(soon(t), "tcp", to)
	if err != nil {
		t.Fatal(err)
	}
	s.close()
	if _, err := c.Read(make([]byte, 1)); !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("read: %v, want a reset and not an end", err)
	}
	_ = c.Close()
	if _, err := client.dial(soon(t), "tcp", to); !errors.Is(err, errHolderGone) {
		t.Errorf("dial: %v, want that the holder is gone", err)
	}
	if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the socket is still there: %v", err)
	}
	goleak.VerifyNone(t, base, goleak.IgnoreAnyFunction("io.Copy"))
}

func TestWatchFollowsTheHolder(t *testing.T) {
	h := newLoopback()
	h.status = Status{State: StateConnecting}
	client := lend(t, h)
	ctx, cancel := context.WithCancel(t.Context())
	seen := make(chan State, 16)
	done := make(chan error, 1)
	go func() {
		done <- client.watch(ctx, func(pid int, st Status) {
			if pid != os.Getpid() {
				t.Errorf("pid %d", pid)
			}
			seen <- st.State
		})
	}()
	for _, want := range []State{StateConnecting, StateUp, StateDead} {
		h.set(Status{State: want})
		for got := range seen {
			if got == want {
				break
			}
		}
	}
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Errorf("watch ended with %v", err)
	}
}

func TestStrangersGetAnAnswerOrNothing(t *testing.T) {
	client := lend(t, newLoopback())
	for name, tt := range map[string]struct{ sent, want string }{
		"garbage":   {"GET / HTTP/1.1\r\n\r\n", ""},
		"huge":      {"q\xff\xff\xff\xff", ""},
		"no JSON":   {"q\x00\x00\x00\x01{", ""},
		"version":   {"q\x00\x00\x00\x0d{\"version\":9}", "version"},
		"operation": {"q\x00\x00\x00\x1a{\"version\":1,\"op\":\"steal\"}", "unknown request"},
		"network":   {"q\x00\x00\x00\x2a{\"version\":1,\"op\":\"dial\",\"network\":\"ip\"}  ", "unknown network"},
		"name":      {"q\x00\x00\x00\x3d{\"version\":1,\"op\":\"dial\",\"network\":\"tcp\",\"addr\":\"host:80\"}   ", "not an address"},
	} {
		t.Run(name, func(t *testing.T) {
			c, err := net.Dial("unix", client.path)
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = c.Close() }()
			_ = c.SetDeadline(time.Now().Add(2 * time.Second))
			_, _ = io.WriteString(c, tt.sent)
			_ = c.(*net.UnixConn).CloseWrite()
			got, err := io.ReadAll(c)
			if err != nil && !errors.Is(err, syscall.ECONNRESET) {
				t.Fatal(err)
			}
			if !strings.Contains(string(got), tt.want) || tt.want == "" && len(got) > 0 {
				t.Errorf("answer %q, want %q in it", got, tt.want)
			}
		})
	}
}

func FuzzFrames(f *testing.F) {
	f.Add([]byte{}, 3)
	f.Add(appendFrame(appendFrame(nil, frameData, []byte("hello")), frameEnd, nil), 1)
	f.Add([]byte("d\x00\x00\x00\x05hel"), 2)
	f.Add([]byte("q\xff\xff\xff\xff"), 2)
	f.Fuzz(func(t *testing.T, in []byte, step int) {
		// Whole, and with a deadline passing between any two pieces.
		whole := readAllFrames(newFrameReader(bytes.NewReader(in)))
		cut := readAllFrames(newFrameReader(&stutter{b: in, step: 1 + (step&7+8)%8}))
		if diff := cmp.Diff(whole, cut); diff != "" {
			t.Errorf("frames differ when read in pieces (-whole +pieces):\n%s", diff)
		}
		if again := join(whole); !bytes.HasPrefix(in, again) {
			t.Errorf("written again: %q is no prefix of %q", again, in)
		}
	})
}

type oneFrame struct {
	Kind byte
	Body string
}

func join(ff []oneFrame) (b []byte) {
	for _, f := range ff {
		b = appendFrame(b, f.Kind, []byte(f.Body))
	}
	return b
}

func readAllFrames(r *frameReader) (out []oneFrame) {
	for {
		kind, err := r.header()
		if isTimeout(err) {
			continue
		}
		if err != nil {
			return out
		}
		b, err := r.payload()
		for isTimeout(err) {
			b, err = r.payload()
		}
		if err != nil {
			return out
		}
		out = append(out, oneFrame{kind, string(b)})
	}
}

// stutter fails by a passed deadline before every piece.
type stutter struct {
	b     []byte
	step  int
	ready bool
}

func (s *stutter) Read(p []byte) (int, error) {
	if s.ready = !s.ready; s.ready {
		return 0, os.ErrDeadlineExceeded
	}
	n := copy(p, s.b[:min(s.step, len(s.b))])
	s.b = s.b[n:]
	if n == 0 {
		return 0, io.EOF
	}
	return n, nil
}

// TestADialUnderWayLearnsThatTheHolderEnded ends the holder while it dials: whoever asked is not told that somebody cancelled.
func TestADialUnderWayLearnsThatTheHolderEnded(t *testing.T) {
	for range 200 {
		dialing := make(chan struct{}, 1)
		lender := &loopback{dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
			dialing <- struct{}{}
			<-ctx.Done()
			return nil, ctx.Err()
		}}
		path := filepath.Join(t.TempDir(), "s")
		s, err := serveShare(path, lender, slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		ended := make(chan error, 1)
		go func() {
			_, err := shareClient{path}.dial(t.Context(), "tcp", netip.MustParseAddrPort("[fdaa::3]:53"))
			ended <- err
		}()
		<-dialing
		s.close()
		if err := <-ended; !errors.Is(err, errHolderGone) {
			t.Fatalf("it is told %v", err)
		}
	}
}
