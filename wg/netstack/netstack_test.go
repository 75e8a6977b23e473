package netstack

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"sync"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"
)

var (
	addrA = netip.MustParseAddr("fdaa:0:abcd:a7b::2")
	addrB = netip.MustParseAddr("fdaa:0:abcd::3")
)

// pair wires two stacks together without a device between them.
func pair(t testing.TB, oa, ob Options) (a, b *Stack) {
	t.Helper()
	a, b = newStack(t, addrA, oa), newStack(t, addrB, ob)
	var wg sync.WaitGroup
	wg.Go(func() { pump(a, b) })
	wg.Go(func() { pump(b, a) })
	t.Cleanup(func() { a.Close(); b.Close(); wg.Wait() })
	return a, b
}

func newStack(t testing.TB, a netip.Addr, o Options) *Stack {
	t.Helper()
	s, err := New([]netip.Addr{a}, o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func pump(from, to *Stack) {
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
		if _, err := to.Write(out, 16); err != nil {
			return
		}
	}
}

func serve(t testing.TB, s *Stack, at netip.AddrPort, h func(net.Conn)) net.Listener {
	t.Helper()
	l, err := s.ListenTCP(at)
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				if !errors.Is(err, net.ErrClosed) {
					t.Errorf("accept ended with %v, want net.ErrClosed", err)
				}
				return
			}
			wg.Go(func() { defer c.Close(); h(c) })
		}
	})
	t.Cleanup(func() { l.Close(); s.Close(); wg.Wait() })
	return l
}

func echo(c net.Conn) { io.Copy(c, c) }

func within(t testing.TB, d time.Duration) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), d)
	t.Cleanup(cancel)
	return ctx
}

func TestTCPHalfCloseArrives(t *testing.T) {
	a, b := pair(t, Options{}, Options{})
	at := netip.AddrPortFrom(addrB, 80)
	serve(t, b, at, func(c net.Conn) {
		got, _ := io.ReadAll(c) // ends only when the other side closes its half
		fmt.Fprintf(c, "got %d", len(got))
	})
	c, err := a.DialTCP(within(t, 5*time.Second), at)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	want := bytes.Repeat([]byte("x"), 3<<20)
	if _, err := c.Write(want); err != nil {
		t.Fatal(err)
	}
	if err := c.(interface{ CloseWrite() error }).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	got, err := io.ReadAll(c)
	if err != nil || string(got) != fmt.Sprintf("got %d", len(want)) {
		t.Errorf("got %q, %v", got, err)
	}
}

func TestErrorsAreThoseOfPackageNet(t *testing.T) {
	a, b := pair(t, Options{}, Options{})
	at := netip.AddrPortFrom(addrB, 80)
	accepted := make(chan net.Conn, 4)
	release := make(chan struct{})
	serve(t, b, at, func(c net.Conn) { accepted <- c; <-release })
	defer close(release)
	dial := func() net.Conn {
		c, err := a.DialTCP(within(t, 5*time.Second), at)
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	buf := make([]byte, 1)

	_, refused := a.DialTCP(within(t, 5*time.Second), netip.AddrPortFrom(addrB, 81))
	canceled, cancel := context.WithCancel(context.Background())
	cancel()
	_, early := a.DialTCP(canceled, at)
	_, late := a.DialTCP(within(t, 50*time.Millisecond), netip.MustParseAddrPort("[fdaa:0:abcd::99]:1"))
	_, zone := a.DialTCP(within(t, time.Second), netip.MustParseAddrPort("[fe80::1%eth0]:1"))

	c := dial()
	c.SetReadDeadline(time.Now().Add(10 * time.Millisecond))
	_, deadline := c.Read(buf)
	c.Close()
	_, closed := c.Read(buf)
	_, closedWrite := c.Write(buf)
	twice := c.Close()

	c = dial()
	<-accepted
	peer := <-accepted
	c.Write([]byte("unread"))
	if _, err := io.ReadFull(peer, buf); err != nil {
		t.Fatal(err)
	}
	peer.Close() // with unread data: RST
	_, reset := c.Read(buf)
	c.Close()

	for _, tt := range []struct {
		name      string
		got, want error
	}{
		{"refused", refused, syscall.ECONNREFUSED},
		{"cancelled before", early, context.Canceled},
		{"no answer", late, context.DeadlineExceeded},
		{"deadline", deadline, os.ErrDeadlineExceeded},
		{"read after close", closed, net.ErrClosed},
		{"write after close", closedWrite, net.ErrClosed},
		{"second close", twice, net.ErrClosed},
		{"reset", reset, syscall.ECONNRESET},
	} {
		if !errors.Is(tt.got, tt.want) {
			t.Errorf("%s: got %v, want %v", tt.name, tt.got, tt.want)
		}
	}
	if zone == nil {
		t.Error("an address with a zone was dialled")
	}
	if ne := net.Error(nil); !errors.As(deadline, &ne) || !ne.Timeout() {
		t.Errorf("deadline: %v is no timeout", deadline)
	}
}

func TestCloseEndsEverythingPending(t *testing.T) {
	a, b := pair(t, Options{}, Options{})
	at := netip.AddrPortFrom(addrB, 80)
	serve(t, b, at, echo)
	c, err := a.DialTCP(within(t, 5*time.Second), at)
	if err != nil {
		t.Fatal(err)
	}
	u, err := a.DialUDP(netip.AddrPortFrom(addrB, 99))
	if err != nil {
		t.Fatal(err)
	}
	errs := make(chan error, 4)
	var started sync.WaitGroup
	started.Add(3)
	go func() { started.Done(); _, err := c.Read(make([]byte, 1)); errs <- err }()
	go func() { started.Done(); _, err := u.Read(make([]byte, 1)); errs <- err }()
	go func() {
		started.Done()
		_, err := a.DialTCP(within(t, 10*time.Second), netip.MustParseAddrPort("[fdaa:0:abcd::99]:1"))
		errs <- err
	}()
	started.Wait()
	a.Close()
	for range 3 {
		select {
		case err := <-errs:
			if !errors.Is(err, net.ErrClosed) {
				t.Errorf("got %v, want net.ErrClosed", err)
			}
		case <-time.After(3 * time.Second):
			t.Fatal("something still waits after Close")
		}
	}
	if _, err := a.DialTCP(within(t, time.Second), at); !errors.Is(err, net.ErrClosed) {
		t.Errorf("dial after Close: %v", err)
	}
	if _, err := a.ListenTCP(netip.AddrPortFrom(addrA, 80)); !errors.Is(err, net.ErrClosed) {
		t.Errorf("listen after Close: %v", err)
	}
}

func TestCloseUnderTraffic(t *testing.T) {
	at := netip.AddrPortFrom(addrB, 80)
	for i := range 200 {
		a, b := newStack(t, addrA, Options{Queue: 16}), newStack(t, addrB, Options{Queue: 16})
		var wires, traffic sync.WaitGroup
		wires.Go(func() { pump(a, b) })
		wires.Go(func() { pump(b, a) })
		l, err := b.ListenTCP(at)
		if err != nil {
			t.Fatal(err)
		}
		traffic.Go(func() {
			for {
				c, err := l.Accept()
				if err != nil {
					return
				}
				traffic.Go(func() { defer c.Close(); io.Copy(c, c) })
			}
		})
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		enough := make(chan struct{}, 8)
		for range 8 {
			traffic.Go(func() {
				c, err := a.DialTCP(ctx, at)
				if err != nil {
					return
				}
				defer c.Close()
				traffic.Go(func() { io.Copy(io.Discard, c) })
				for b := make([]byte, 16<<10); ; {
					if _, err := c.Write(b); err != nil {
						return
					}
					select {
					case enough <- struct{}{}:
					default:
					}
				}
			})
		}
		for range i % 9 {
			<-enough
		}
		first, second := a, b
		if i%2 == 1 {
			first, second = b, a
		}
		first.Close()
		cancel() // what dials the closed end would wait
		second.Close()
		wires.Wait()
		traffic.Wait()
	}
}

func TestWildcardListenerAnswersForLaterAddresses(t *testing.T) {
	a, b := pair(t, Options{}, Options{})
	serve(t, b, netip.AddrPortFrom(netip.IPv6Unspecified(), 80), func(c net.Conn) {
		io.WriteString(c, c.LocalAddr().(*net.TCPAddr).IP.String())
	})
	late := netip.MustParseAddr("fdaa:0:abcd:a7b:1::1")
	for range 2 { // the second time it is there already
		if err := b.AddAddr(late); err != nil {
			t.Fatal(err)
		}
	}
	for _, ip := range []netip.Addr{addrB, late} {
		c, err := a.DialTCP(within(t, 5*time.Second), netip.AddrPortFrom(ip, 80))
		if err != nil {
			t.Fatal(err)
		}
		got, _ := io.ReadAll(c)
		c.Close()
		if string(got) != ip.String() {
			t.Errorf("%s was answered as %s", ip, got)
		}
	}
	if err := b.RemoveAddr(late); err != nil {
		t.Fatal(err)
	}
	if c, err := a.DialTCP(within(t, 300*time.Millisecond), netip.AddrPortFrom(late, 80)); err == nil {
		c.Close()
		t.Error("a removed address still answers")
	}
}

func TestPromiscuousStackAnswersForAll(t *testing.T) {
	a, b := pair(t, Options{}, Options{Promiscuous: true})
	pc, err := b.ListenUDP(netip.AddrPortFrom(addrB, 53))
	if err != nil {
		t.Fatal(err)
	}
	defer pc.Close()
	var wg sync.WaitGroup
	wg.Go(func() {
		buf := make([]byte, 64)
		for {
			n, from, err := pc.ReadFrom(buf)
			if err != nil {
				return
			}
			pc.WriteTo(buf[:n], from)
		}
	})
	serve(t, b, netip.AddrPortFrom(netip.IPv6Unspecified(), 80), echo)
	c, err := a.DialTCP(within(t, 5*time.Second), netip.MustParseAddrPort("[fdaa:0:abcd:1:2:3:4:5]:80"))
	if err != nil {
		t.Fatal(err)
	}
	c.Close()
	u, err := a.DialUDP(netip.AddrPortFrom(addrB, 53))
	if err != nil {
		t.Fatal(err)
	}
	defer u.Close()
	u.SetDeadline(time.Now().Add(5 * time.Second))
	u.Write([]byte("ping"))
	buf := make([]byte, 8)
	if n, err := u.Read(buf); err != nil || string(buf[:n]) != "ping" {
		t.Errorf("got %q, %v", buf[:n], err)
	}
	pc.Close()
	wg.Wait()
}

func TestPingMeasuresTheMTU(t *testing.T) {
	a, _ := pair(t, Options{MTU: 1400}, Options{MTU: 1400})
	for _, size := range []int{0, 1280, 1400} {
		if d, err := a.Ping(within(t, 5*time.Second), addrB, size); err != nil || d <= 0 {
			t.Errorf("size %d: %v %v", size, d, err)
		}
	}
	_, err := a.Ping(within(t, 30*time.Millisecond), netip.MustParseAddr("fdaa:0:abcd::77"), 0)
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("nobody there: %v", err)
	}
}

func TestSetMTUShrinksNewConnections(t *testing.T) {
	a, b := pair(t, Options{MTU: 1400}, Options{MTU: 1400})
	if err := a.SetMTU(1280); err != nil {
		t.Fatal(err)
	}
	if n, _ := a.MTU(); n != 1280 {
		t.Errorf("MTU is %d", n)
	}
	at := netip.AddrPortFrom(addrB, 80)
	serve(t, b, at, echo)
	c, err := a.DialTCP(within(t, 5*time.Second), at)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	want := bytes.Repeat([]byte("y"), 64<<10)
	go c.Write(want)
	got := make([]byte, len(want))
	if _, err := io.ReadFull(c, got); err != nil || !bytes.Equal(got, want) {
		t.Errorf("echo after SetMTU: %v", err)
	}
	for range 10 { // more changes than the device reads events
		if err := a.SetMTU(1300); err != nil {
			t.Fatal(err)
		}
	}
	if a.SetMTU(0) == nil {
		t.Error("MTU 0 accepted")
	}
}

func TestWriteSurvivesGarbage(t *testing.T) {
	s := newStack(t, addrA, Options{})
	defer s.Close()
	bad := [][]byte{{}, {0}, {0x40}, {0x60}, {0xff, 1, 2}, bytes.Repeat([]byte{0x60}, 1280), bytes.Repeat([]byte{0x45}, 60)}
	if n, err := s.Write(bad, 0); err != nil || n != len(bad) {
		t.Errorf("got %d, %v", n, err)
	}
}

func FuzzWrite(f *testing.F) {
	f.Add([]byte{0x60, 0, 0, 0, 0, 0, 58, 255})
	f.Add(bytes.Repeat([]byte{0x45}, 60))
	s, err := New([]netip.Addr{addrA, netip.MustParseAddr("10.0.0.1")}, Options{})
	if err != nil {
		f.Fatal(err)
	}
	go func() {
		bufs, sizes := [][]byte{make([]byte, 65536)}, make([]int, 1)
		for {
			if _, err := s.Read(bufs, sizes, 0); err != nil {
				return
			}
		}
	}()
	f.Cleanup(func() { s.Close() })
	f.Fuzz(func(_ *testing.T, b []byte) { s.Write([][]byte{b}, 0) })
}

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }
