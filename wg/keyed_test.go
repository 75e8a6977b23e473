package wg

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/miekg/dns"
	"go.uber.org/goleak"

	"ops-console/wg/conf"
	"ops-console/wg/gateway"
)

// private is a gateway with one instance, which answers every line with its own text, and one peer.
type private struct {
	gw       *gateway.Gateway
	instance netip.Addr
	cfg      *conf.Config
	silent   *atomic.Bool // its DNS server
}

func newPrivate(t testing.TB, o gateway.Options) private {
	t.Helper()
	o.PrivateKey, o.Prefix = conf.GenerateKey(), netip.MustParsePrefix("fdaa:0:18::/48")
	if !o.Listen.IsValid() {
		o.Listen = netip.MustParseAddrPort("127.0.0.1:0")
	}
	p := private{instance: netip.MustParseAddr("fdaa:0:18:a7b::2"), silent: new(atomic.Bool)}
	o.DNS = dns.HandlerFunc(p.answer)
	gw, err := gateway.Start(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = gw.Close() })
	p.gw = gw
	if err := gw.Stack().AddAddr(p.instance); err != nil {
		t.Fatal(err)
	}
	l, err := gw.Stack().ListenTCP(netip.AddrPortFrom(netip.IPv6Unspecified(), 7))
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() { defer func() { _ = c.Close() }(); _, _ = io.Copy(c, c) }()
		}
	}()
	p.cfg = p.join(t, 1)
	return p
}

// join admits a peer and returns its configuration.
func (p private) join(t testing.TB, n uint16) *conf.Config {
	t.Helper()
	b := gateway.At(p.gw.Prefix(), n<<8|2).As16()
	b[11] = 0xa
	address := netip.PrefixFrom(netip.AddrFrom16(b), 120)
	key := conf.GenerateKey()
	if err := p.gw.AddPeer(key.Public(), address); err != nil {
		t.Fatal(err)
	}
	return &conf.Config{
		PrivateKey: key,
		Addresses:  []netip.Prefix{address},
		DNS:        []netip.Addr{p.gw.DNSAddr()},
		Peers: []conf.Peer{{
			PublicKey: p.gw.PublicKey(), AllowedIPs: []netip.Prefix{p.gw.Prefix()},
			Endpoint: p.gw.Endpoint().String(), Keepalive: 15,
		}},
	}
}

func (p private) answer(w dns.ResponseWriter, r *dns.Msg) {
	if p.silent.Load() {
		return
	}
	m := new(dns.Msg).SetReply(r)
	q := r.Question[0]
	h := dns.RR_Header{Name: q.Name, Rrtype: q.Qtype, Class: dns.ClassINET, Ttl: 5}
	switch {
	case q.Name == "app.internal." && q.Qtype == dns.TypeAAAA:
		m.Answer = append(m.Answer, &dns.AAAA{Hdr: h, AAAA: p.instance.AsSlice()})
	case q.Name == "vms.app.internal." && q.Qtype == dns.TypeTXT:
		m.Answer = append(m.Answer, &dns.TXT{Hdr: h, Txt: []string{strings.Repeat("x", 200) + " iad,", strings.Repeat("y", 200) + " ams"}})
	case q.Name == "_api.internal.":
	default:
		m.Rcode = dns.RcodeNameError
	}
	_ = w.WriteMsg(m)
}

// quickly makes the watch fast enough for tests.
func quickly() timings {
	return timings{
		tick: 20 * time.Millisecond, idle: 100 * time.Millisecond, fast: 50 * time.Millisecond,
		timeout: time.Second, verdict: time.Second,
	}
}

func testKeyed(dir string) keyedOptions {
	return keyedOptions{dir: dir, user: userOptions{transport: transportUDP, timings: quickly()}, log: slog.New(slog.DiscardHandler)}
}

func openTestKeyed(t testing.TB, cfg *conf.Config, dir string) *keyedNetwork {
	t.Helper()
	k, err := openKeyed(t.Context(), cfg, testKeyed(dir))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = k.Close() })
	return k
}

// say sends a line to the instance, by name, and wants it back.
func say(ctx context.Context, n Network) error {
	c, err := n.DialContext(ctx, "tcp", "app.internal:7")
	if err != nil {
		return err
	}
	defer func() { _ = c.Close() }()
	if d, ok := ctx.Deadline(); ok {
		_ = c.SetDeadline(d)
	}
	if _, err := io.WriteString(c, "hello\n"); err != nil {
		return err
	}
	line, err := bufio.NewReader(c).ReadString('\n')
	if err != nil || line != "hello\n" {
		return fmt.Errorf("answer %q, %w", line, err)
	}
	return nil
}

// until waits for a Status.
func until(t testing.TB, n Network, what string, ok func(Status) bool) Status {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		s := n.Status()
		if ok(s) {
			return s
		}
		select {
		case <-ctx.Done():
			t.Fatalf("not %s after %s: %+v", what, patience, s)
		case <-tick.C:
		}
	}
}

func isUp(s Status) bool { return s.State == StateUp }

func TestSecondConsoleSharesAndTakesOver(t *testing.T) {
	base := goleak.IgnoreCurrent()
	p := newPrivate(t, gateway.Options{})
	dir := shortDir(t)
	a, b := openTestKeyed(t, p.cfg, dir), openTestKeyed(t, p.cfg, dir)
	sa, sb := until(t, a, "up", isUp), until(t, b, "up", isUp)
	if sa.Kind != KindUser || sb.Kind != KindShared {
		t.Fatalf("kinds %s and %s, want user and shared", sa.Kind, sb.Kind)
	}
	if want := fmt.Sprintf("process %d", os.Getpid()); !strings.Contains(sb.Why, want) {
		t.Errorf("why %q does not name %s", sb.Why, want)
	}
	sb = until(t, b, "known to have a handshake", func(s Status) bool { return s.HandshakeKnown && !s.HandshakeAt.IsZero() && s.Rx > 0 })
	if sb.PublicKey != sa.PublicKey || sb.Transport != "udp" || sb.MTU != sa.MTU || sb.DNS != sa.DNS {
		t.Errorf("shared %+v\nheld   %+v", sb, sa)
	}
	for _, n := range []Network{a, b} {
		if err := say(soon(t), n); err != nil {
			t.Error(err)
		}
		txt, err := n.Resolver().LookupTXT(soon(t), "vms.app.internal")
		if err != nil || len(txt) != 1 || len(txt[0]) != 409 {
			t.Errorf("TXT %q, %v", txt, err)
		}
		if _, err := n.DialContext(soon(t), "tcp", "10.1.2.3:80"); !errors.Is(err, ErrOutside) {
			t.Errorf("dial outside: %v", err)
		}
		if _, err := n.DialContext(soon(t), "tcp", netip.AddrPortFrom(p.instance, 81).String()); !errors.Is(err, syscall.ECONNREFUSED) {
			t.Errorf("dial a closed port: %v", err)
		}
	}

	changed := b.Changed()
	_ = a.Close()
	start := time.Now()
	if err := say(soon(t), b); err != nil { // asked for while nobody holds the key
		t.Errorf("dial during the change: %v", err)
	}
	t.Logf("first answer %s after the holder ended", time.Since(start).Round(time.Millisecond))
	<-changed
	if s := until(t, b, "up", isUp); s.Kind != KindUser {
		t.Errorf("kind %s after the takeover", s.Kind)
	}
	c := openTestKeyed(t, p.cfg, dir)
	if s := until(t, c, "up", isUp); s.Kind != KindShared {
		t.Errorf("kind %s of the third console", s.Kind)
	}
	for _, n := range []Network{b, c} {
		for range 2 {
			_ = n.Close()
		}
		if s := n.Status(); s.State != StateClosed {
			t.Errorf("state %s after Close", s.State)
		}
		if _, err := n.DialContext(soon(t), "tcp", "app.internal:7"); !errors.Is(err, net.ErrClosed) {
			t.Errorf("dial after Close: %v", err)
		}
		if _, err := n.Resolver().LookupNetIP(soon(t), "app.internal"); !errors.Is(err, net.ErrClosed) {
			t.Errorf("lookup after Close: %v", err)
		}
	}
	left, _ := os.ReadDir(dir)
	if len(left) > 0 {
		t.Errorf("files left: %v", left)
	}
	_ = p.gw.Close()
	goleak.VerifyNone(t, base)
}

func playRole(role string) int {
	args := strings.Split(role, "\n")
	switch args[0] {
	case "hold": // until killed
		cfg, err := conf.LoadFile(args[1])
		if err == nil {
			var k *keyedNetwork
			if k, err = openKeyed(context.Background(), cfg, testKeyed(args[2])); err == nil {
				for k.Status().State != StateUp {
					<-k.Changed()
				}
				fmt.Println(k.Status().Kind)
				select {}
			}
		}
		fmt.Println(err)
	}
	return 1
}

// process starts the test binary in a role and waits for its first line.
func process(t *testing.T, role ...string) (*exec.Cmd, string) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self)
	cmd.Env = append(os.Environ(), roleEnv+"="+strings.Join(role, "\n"))
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	return cmd, strings.TrimSpace(line)
}

func TestFrozenAndKilledHolder(t *testing.T) {
	t.Parallel()
	p := newPrivate(t, gateway.Options{})
	dir := shortDir(t)
	file := filepath.Join(t.TempDir(), "peer.conf")
	if err := conf.SaveFile(file, p.cfg); err != nil {
		t.Fatal(err)
	}
	cmd, kind := process(t, "hold", file, dir)
	if kind != string(KindUser) {
		t.Fatalf("the holder says %q", kind)
	}
	b := openTestKeyed(t, p.cfg, dir)
	if s := until(t, b, "up", isUp); s.Kind != KindShared {
		t.Fatalf("kind %s, want shared", s.Kind)
	}
	if err := say(soon(t), b); err != nil {
		t.Fatal(err)
	}

	holder := fmt.Sprintf("process %d holds the tunnel and does not answer", cmd.Process.Pid)
	if err := cmd.Process.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	start := time.Now()
	if err := say(ctx, b); err == nil || time.Since(start) > 8*time.Second {
		t.Errorf("dial through a stopped holder: %v after %s", err, time.Since(start))
	}
	cancel()
	s := until(t, b, "dead", func(s Status) bool { return s.State == StateDead && strings.Contains(s.Cause, holder) })
	if s.Advice == "" {
		t.Error("no advice about a stopped holder")
	}
	third, err := openKeyed(t.Context(), p.cfg, testKeyed(dir)) // also one that starts now gets along
	if err != nil {
		t.Fatal(err)
	}
	_ = third.Close()

	if err := cmd.Process.Signal(syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	until(t, b, "up again", isUp)

	if err := cmd.Process.Signal(syscall.SIGSTOP); err != nil { // killed while stopped
		t.Fatal(err)
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	start = time.Now()
	if err := say(soon(t), b); err != nil {
		t.Errorf("dial after the holder was killed: %v", err)
	}
	t.Logf("first answer %s after the kill", time.Since(start).Round(time.Millisecond))
	if s := until(t, b, "up", isUp); s.Kind != KindUser {
		t.Errorf("kind %s after the takeover", s.Kind)
	}
}

func TestKeyHeldByAProcessThatLendsNothing(t *testing.T) {
	p := newPrivate(t, gateway.Options{})
	dir := shortDir(t)
	lock, err := lockKey(dir, p.cfg.PrivateKey.Public())
	if err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		_, err := openKeyed(t.Context(), p.cfg, testKeyed(dir))
		var busy ErrKeyInUse
		if !errors.As(err, &busy) || busy.PID != os.Getpid() || busy.Why == "" {
			t.Errorf("error %v, want one that names process %d", err, os.Getpid())
		}
		if d := time.Since(start); d > keyWait+keyRetry {
			t.Errorf("found out after %s, want %s", d, keyWait)
		}
	})
	lock.release()
	k := openTestKeyed(t, p.cfg, dir)
	if s := until(t, k, "up", isUp); s.Kind != KindUser {
		t.Errorf("kind %s after the release", s.Kind)
	}
}

func TestLockIsForOneAtATime(t *testing.T) {
	dir := shortDir(t)
	key := conf.GenerateKey().Public()
	const tries = 50
	holding, done := make(chan struct{}, 1), make(chan error, 8)
	for range cap(done) {
		go func() {
			for range tries {
				l, err := lockKey(dir, key)
				if errors.As(err, new(ErrKeyInUse)) {
					continue
				}
				if err != nil {
					done <- err
					return
				}
				select {
				case holding <- struct{}{}:
				default:
					done <- errors.New("two hold the lock at once")
					return
				}
				<-holding
				l.release()
			}
			done <- nil
		}()
	}
	for range cap(done) {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	if left, _ := os.ReadDir(dir); len(left) > 0 {
		t.Errorf("files left: %v", left)
	}
}

func TestRuntimeDirIsPrivate(t *testing.T) {
	for _, tt := range []struct {
		name  string
		make  func(path string) error
		wants error
	}{
		{"new", func(string) error { return nil }, nil},
		{"ours", func(p string) error { return os.Mkdir(p, 0o700) }, nil},
		{"open to others", func(p string) error { return errors.Join(os.Mkdir(p, 0o755), os.Chmod(p, 0o755)) }, conf.ErrPermissions},
		{"a link", func(p string) error { return os.Symlink(t.TempDir(), p) }, errors.ErrUnsupported},
		{"a file", func(p string) error { return os.WriteFile(p, nil, 0o600) }, errors.ErrUnsupported},
	} {
		t.Run(tt.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "run")
			if err := tt.make(path); err != nil {
				t.Fatal(err)
			}
			got, err := runtimeDir(path)
			switch {
			case tt.wants == nil && (err != nil || got != path):
				t.Errorf("%s, %v", got, err)
			case tt.wants != nil && err == nil:
				t.Error("was taken")
			case errors.Is(tt.wants, conf.ErrPermissions) && (!errors.Is(err, conf.ErrPermissions) || !strings.Contains(err.Error(), "chmod 700")):
				t.Errorf("error %v, want one that says what to do", err)
			}
		})
	}
}

// TestALookupUnderWayWaitsForTheNextHolder asks when the holder has just ended: all its rounds would be over at once.
func TestALookupUnderWayWaitsForTheNextHolder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := &keyedNetwork{current: &fixedNetwork{err: errHolderGone}, swapped: make(chan struct{}), changed: make(chan struct{})}
		next := errors.New("asked of the next")
		time.AfterFunc(switchWait/2, func() { k.swap(&fixedNetwork{err: next}) })
		_, err := k.again(t.Context(), func(n Network) (net.Conn, error) { return n.Resolver().Dial(t.Context(), "udp", "[fdaa::3]:53") })
		if !errors.Is(err, next) {
			t.Errorf("it gives %v", err)
		}
	})
}
