package health

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"slices"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"

	"ops-console/ops/fly"
	"ops-console/wg"
)

const testApp = "changelog"

// world is a platform, its private network and its DNS in one, as a test wants them. All instances are served by real
// HTTP on loopback; the network finds them by their 6PN address.
type world struct {
	mu       sync.Mutex // guards everything below
	machines []fly.Machine
	listing  func(call int) ([]fly.Machine, error) // overrides the machine list
	calls    int
	count    int // overrides machine_count where not negative
	appErr   error
	err      error // of every platform call
	releases []fly.Release
	exec     func(id string) (fly.ExecResult, error)
	dns      map[string]string // id to region; nil: the started machines
	dnsErr   error
	status   wg.Status
	changed  chan struct{}
	handlers map[netip.Addr]http.Handler
	dead     map[netip.Addr]error // what dialling gives; a nil error hangs

	server *httptest.Server
	dials  int
}

func newWorld(t testing.TB, machines ...fly.Machine) *world {
	t.Helper()
	w := &world{
		machines: machines,
		count:    -1,
		status:   wg.Status{State: wg.StateUp, Kind: wg.KindUser},
		changed:  make(chan struct{}),
		handlers: map[netip.Addr]http.Handler{},
		dead:     map[netip.Addr]error{},
	}
	w.server = httptest.NewServer(http.HandlerFunc(w.serve))
	t.Cleanup(w.server.Close)
	return w
}

// with changes the world.
func (w *world) with(change func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	change()
}

// setState changes the network's state and says so.
func (w *world) setState(s wg.State) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.status.State = s
	close(w.changed)
	w.changed = make(chan struct{})
}

// options are those of a console in this world, without waiting.
func (w *world) options() Options {
	return Options{
		App:           testApp,
		PrimaryRegion: "iad",
		Platform:      w,
		Network:       w,
		Resolver:      resolver{w},
		NetworkWait:   100 * time.Millisecond,
		RetryAfter:    10 * time.Millisecond,
	}
}

func (w *world) App(context.Context, string) (fly.App, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if err := errors.Join(w.err, w.appErr); err != nil {
		return fly.App{}, err
	}
	n := len(w.machines)
	if w.count >= 0 {
		n = w.count
	}
	return fly.App{Name: testApp, MachineCount: n}, nil
}

func (w *world) Machines(context.Context, string) ([]fly.Machine, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.calls++
	if w.err != nil {
		return nil, w.err
	}
	if w.listing != nil {
		return w.listing(w.calls)
	}
	return slices.Clone(w.machines), nil
}

func (w *world) Releases(context.Context, string, int) ([]fly.Release, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.releases), w.err
}

func (w *world) Exec(_ context.Context, _, id string, _ []string, _ time.Duration) (fly.ExecResult, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.exec == nil {
		return fly.ExecResult{}, errors.New("no exec here")
	}
	return w.exec(id)
}

type resolver struct{ w *world }

func (r resolver) LookupTXT(_ context.Context, name string) ([]string, error) {
	r.w.mu.Lock()
	defer r.w.mu.Unlock()
	if r.w.dnsErr != nil {
		return nil, r.w.dnsErr
	}
	if name != "vms."+testApp+".internal" {
		return nil, &net.DNSError{Err: "no such host", Name: name, IsNotFound: true}
	}
	listed := r.w.dns
	if listed == nil {
		listed = map[string]string{}
		for _, m := range r.w.machines {
			if m.State == fly.StateStarted {
				listed[m.ID] = m.Region
			}
		}
	}
	if len(listed) == 0 {
		return nil, &net.DNSError{Err: "no such host", Name: name, IsNotFound: true}
	}
	s := ""
	for _, id := range slices.Sorted(maps.Keys(listed)) {
		s += "," + id + " " + listed[id]
	}
	return []string{s[1:]}, nil
}

func (r resolver) LookupNetIP(_ context.Context, host string) ([]netip.Addr, error) {
	r.w.mu.Lock()
	defer r.w.mu.Unlock()
	for _, m := range r.w.machines {
		if host == m.ID+".vm."+testApp+".internal" {
			return []netip.Addr{netip.MustParseAddr(m.PrivateIP)}, nil
		}
	}
	return nil, &net.DNSError{Err: "no such host", Name: host, IsNotFound: true}
}

// DialContext connects to loopback, whatever the address; the connection tells serve which instance was meant.
func (w *world) DialContext(ctx context.Context, network, addr string) (net.Conn, error) {
	a, err := netip.ParseAddrPort(addr)
	if err != nil {
		return nil, fmt.Errorf("dial %s: %w", addr, err)
	}
	w.mu.Lock()
	w.dials++
	err, dead := w.dead[a.Addr()]
	w.mu.Unlock()
	if dead {
		if err == nil {
			<-ctx.Done()
			err = ctx.Err()
		}
		return nil, &net.OpError{Op: "dial", Net: network, Err: err}
	}
	var d net.Dialer
	c, err := d.DialContext(ctx, "tcp", w.server.Listener.Addr().String())
	if err != nil {
		return nil, err
	}
	return &instanceConn{Conn: c, instance: a.Addr()}, nil
}

// instanceConn puts the instance's address into each request, as its first header.
type instanceConn struct {
	net.Conn
	instance netip.Addr
}

func (c *instanceConn) Write(b []byte) (int, error) {
	i := slices.Index(b, '\n')
	if i < 0 || string(b[:4]) != "GET " {
		return c.Conn.Write(b)
	}
	head := append(slices.Clone(b[:i+1]), "X-Test-Instance: "+c.instance.String()+"\r\n"...)
	if _, err := c.Conn.Write(append(head, b[i+1:]...)); err != nil {
		return 0, err
	}
	return len(b), nil
}

func (w *world) serve(rw http.ResponseWriter, r *http.Request) {
	a, err := netip.ParseAddr(r.Header.Get("X-Test-Instance"))
	if err != nil {
		http.Error(rw, err.Error(), http.StatusBadGateway)
		return
	}
	w.mu.Lock()
	h := w.handlers[a]
	w.mu.Unlock()
	if h == nil {
		fmt.Fprintln(rw, "ok")
		return
	}
	h.ServeHTTP(rw, r)
}

func (w *world) Resolver() *wg.Resolver { return nil }

func (w *world) Status() wg.Status {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.status
}

func (w *world) Changed() <-chan struct{} {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.changed
}

func (w *world) Close() error { return nil }

// handle has one instance answer with h.
func (w *world) handle(m fly.Machine, h http.HandlerFunc) {
	w.with(func() { w.handlers[netip.MustParseAddr(m.PrivateIP)] = h })
}

// refuse has nothing listen at an instance.
func (w *world) refuse(m fly.Machine) {
	w.with(func() { w.dead[netip.MustParseAddr(m.PrivateIP)] = syscall.ECONNREFUSED })
}

// t0 is when tests take place.
var t0 = time.Date(2026, 3, 4, 14, 0, 0, 0, time.UTC)

// newMachine is the n-th machine of the app: started an hour before t0, on release 41, with an HTTP service, a passing
// check and an address of its own.
func newMachine(n int, region string, changes ...func(*fly.Machine)) fly.Machine {
	started := t0.Add(-time.Hour)
	checked := started.Add(30 * time.Second)
	m := fly.Machine{
		ID:         fmt.Sprintf("%014x", 0x48e000+n),
		Name:       "machine-" + strconv.Itoa(n),
		State:      fly.StateStarted,
		Region:     region,
		ImageRef:   fly.ImageRef{Repository: testApp, Tag: "v41", Digest: "sha256:41"},
		InstanceID: "01J" + strconv.Itoa(n),
		PrivateIP:  fmt.Sprintf("fdaa:0:18:a7b:1::%x", n+2),
		CreatedAt:  started.Add(-time.Hour),
		UpdatedAt:  started,
		HostStatus: fly.HostOK,
		Config: &fly.MachineConfig{
			Guest: &fly.Guest{CPUKind: "shared", CPUs: 2, MemoryMB: 1024},
			Services: []fly.Service{{
				Protocol: "tcp", InternalPort: 4000,
				Ports:  []fly.Port{{Port: 443, Handlers: []string{"tls", "http"}}},
				Checks: []fly.MachineCheck{{Type: "http", Path: "/health", GracePeriod: fly.Duration(30 * time.Second)}},
			}},
			Metadata: map[string]string{
				fly.MetaPlatformVersion: "v2",
				fly.MetaProcessGroup:    "app",
				fly.MetaReleaseVersion:  "41",
				fly.MetaReleaseID:       "rel41",
			},
		},
		Events: []fly.Event{event("start", fly.StateStarted, started)},
		Checks: []fly.CheckStatus{{Name: "servicecheck-00-http-4000", Status: fly.CheckPassing, Output: "ok", UpdatedAt: &checked}},
	}
	for _, change := range changes {
		change(&m)
	}
	return m
}

func event(kind, status string, at time.Time) fly.Event {
	return fly.Event{Type: kind, Status: status, Source: "flyd", Timestamp: at.UnixMilli()}
}

func exitEvent(at time.Time, x fly.ExitEvent) fly.Event {
	e := event("exit", fly.StateStopped, at)
	e.Request = &fly.EventRequest{ExitEvent: &x}
	return e
}

// fleet is n healthy machines in each region.
func fleet(n int, regions ...string) []fly.Machine {
	var mm []fly.Machine
	for i, r := range regions {
		for j := range n {
			mm = append(mm, newMachine(i*n+j, r))
		}
	}
	return mm
}

// until waits for a snapshot of which ok holds.
func until(t *testing.T, w *Watcher, what string, ok func(*Snapshot) bool) *Snapshot {
	t.Helper()
	deadline := time.NewTimer(20 * time.Second)
	defer deadline.Stop()
	for {
		changed := w.Changed()
		if s := w.Latest().Value; s != nil && ok(s) {
			return s
		}
		select {
		case <-changed:
		case <-deadline.C:
			t.Fatalf("waited in vain for %s; last: %+v", what, w.Latest().Value)
		}
	}
}
