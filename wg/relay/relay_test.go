package relay_test

import (
	"fmt"
	"net"
	"net/netip"
	"runtime"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"ops-console/wg/relay"
)

// echo answers every datagram with its name, the source port it saw, and the datagram.
func echo(t *testing.T, name string) netip.AddrPort {
	t.Helper()
	c, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		buf := make([]byte, 1<<16)
		for {
			n, from, err := c.ReadFromUDPAddrPort(buf)
			if err != nil {
				return
			}
			_, _ = c.WriteToUDPAddrPort(fmt.Appendf(nil, "%s %d %s", name, from.Port(), buf[:n]), from)
		}
	}()
	t.Cleanup(func() { _ = c.Close(); <-done })
	return c.LocalAddr().(*net.UDPAddr).AddrPort()
}

type client struct {
	t *testing.T
	c net.Conn
}

func newClient(t *testing.T, r *relay.Relay) client {
	t.Helper()
	c, err := net.Dial("udp", r.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return client{t, c}
}

func (c client) send(s string) {
	c.t.Helper()
	if _, err := c.c.Write([]byte(s)); err != nil {
		c.t.Fatal(err)
	}
}

// receive waits for one datagram; "" says that none came within the time.
func (c client) receive(wait time.Duration) string {
	c.t.Helper()
	_ = c.c.SetReadDeadline(time.Now().Add(wait))
	buf := make([]byte, 1<<16)
	n, err := c.c.Read(buf)
	if err != nil {
		return ""
	}
	return string(buf[:n])
}

func (c client) ask(s string, wait time.Duration) (target string, port uint16, text string) {
	c.t.Helper()
	c.send(s)
	_, _ = fmt.Sscanf(c.receive(wait), "%s %d %s", &target, &port, &text)
	return target, port, text
}

func newRelay(t *testing.T, target netip.AddrPort) *relay.Relay {
	t.Helper()
	r, err := relay.New("127.0.0.1:0", target)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.Close() })
	return r
}

const (
	soon  = 2 * time.Second
	never = 60 * time.Millisecond
)

func TestFaultsLoseWhatTheySay(t *testing.T) {
	r := newRelay(t, echo(t, "a"))
	c := newClient(t, r)
	port := uint16(c.c.LocalAddr().(*net.UDPAddr).Port)
	tests := []struct {
		name   string
		faults relay.Faults
		text   string
		lost   bool
	}{
		{"none", relay.Faults{}, "x", false},
		{"drop", relay.Faults{Drop: true}, "x", true},
		{"drop in", relay.Faults{DropIn: true}, "x", true},
		{"drop out", relay.Faults{DropOut: true}, "x", true},
		{"our port", relay.Faults{BlockPort: port}, "x", true},
		{"other port", relay.Faults{BlockPort: port ^ 1}, "x", false},
		{"too long", relay.Faults{MaxSize: 4}, "12345", true},
		{"all lost", relay.Faults{Loss: 1}, "x", true},
		{"decided by the caller", relay.Faults{Loss: 0.5, Random: func() float64 { return 0.6 }}, "x", false},
		{"decided against", relay.Faults{Loss: 0.5, Random: func() float64 { return 0.4 }}, "x", true},
		{"none again", relay.Faults{}, "x", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r.Set(tt.faults)
			wait := soon
			if tt.lost {
				wait = never
			}
			_, _, got := c.ask(tt.text, wait)
			if (got == "") != tt.lost {
				t.Errorf("answer %q, want lost = %v", got, tt.lost)
			}
		})
	}
	if s := r.Stats(); s.Dropped != 7 || s.In != 11 {
		t.Errorf("stats %+v, want 11 in and 7 dropped", s)
	}
}

func TestDelayKeepsOrder(t *testing.T) {
	r := newRelay(t, echo(t, "a"))
	c := newClient(t, r)
	r.Set(relay.Faults{Delay: 30 * time.Millisecond})
	start := time.Now()
	var want, got []string
	for i := range 50 {
		s := fmt.Sprint(i)
		want = append(want, s)
		c.send(s)
		if i == 25 { // a shorter delay must not let the rest overtake
			for r.Stats().In <= 25 {
				runtime.Gosched()
			}
			r.Set(relay.Faults{Delay: time.Millisecond})
		}
	}
	for range want {
		var target, text string
		var port int
		_, _ = fmt.Sscanf(c.receive(soon), "%s %d %s", &target, &port, &text)
		got = append(got, text)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("order (-want +got):\n%s", diff)
	}
	if d := time.Since(start); d < 30*time.Millisecond {
		t.Errorf("all back after %s, before the delay", d)
	}
}

func TestForgetGivesANewSourcePortAndMoveANewTarget(t *testing.T) {
	r := newRelay(t, echo(t, "a"))
	c := newClient(t, r)
	target, first, _ := c.ask("x", soon)
	if target != "a" {
		t.Fatalf("answered by %q, want a", target)
	}
	r.Forget()
	if _, second, _ := c.ask("x", soon); second == first || second == 0 {
		t.Errorf("source port %d after Forget, %d before", second, first)
	}
	r.Move(echo(t, "b"))
	if target, _, _ := c.ask("x", soon); target != "b" {
		t.Errorf("answered by %q after Move, want b", target)
	}
	if got := len(r.Clients()); got != 1 {
		t.Errorf("%d clients, want 1", got)
	}
}

func TestTargetMayBeDownForAWhile(t *testing.T) {
	gone, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	addr := gone.LocalAddr().(*net.UDPAddr).AddrPort()
	_ = gone.Close()
	r := newRelay(t, addr)
	c := newClient(t, r)
	if got, _, _ := c.ask("x", never); got != "" {
		t.Fatalf("answer %q from nobody", got)
	}
	r.Move(echo(t, "a"))
	if got, _, _ := c.ask("x", soon); got != "a" {
		t.Errorf("answered by %q, want a", got)
	}
}

func TestCloseLeavesNothing(t *testing.T) {
	base := goleak.IgnoreCurrent()
	r, err := relay.New("127.0.0.1:0", echo(t, "a"))
	if err != nil {
		t.Fatal(err)
	}
	c := newClient(t, r)
	r.Set(relay.Faults{Delay: time.Hour})
	c.send("x")
	for range 2 {
		if err := r.Close(); err != nil {
			t.Fatal(err)
		}
	}
	goleak.VerifyNone(t, base, goleak.IgnoreAnyFunction("ops-console/wg/relay_test.echo.func1"))
}
