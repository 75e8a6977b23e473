package sixpn

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"ops-console/ops/fly/flysim/platform"
	"ops-console/wg/netstack"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var epoch = time.Date(2026, 3, 14, 9, 0, 0, 0, time.UTC)

// network is a client stack wired to a stack that carries Hosts.
func network(t *testing.T, services ...Service) (*Hosts, *http.Client) {
	t.Helper()
	newStack := func(a string) *netstack.Stack {
		s, err := netstack.New([]netip.Addr{netip.MustParseAddr(a)}, netstack.Options{})
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	client, server := newStack("fdaa:0:2f::c"), newStack("fdaa:0:2f::3")
	var wg sync.WaitGroup
	wg.Go(func() { pump(client, server) })
	wg.Go(func() { pump(server, client) })
	hosts := NewHosts(server, NewSite(epoch, time.Now), services...)
	tr := &http.Transport{
		DialContext: func(ctx context.Context, _, addr string) (net.Conn, error) {
			return client.DialTCP(ctx, netip.MustParseAddrPort(addr))
		},
	}
	t.Cleanup(func() {
		tr.CloseIdleConnections()
		if err := hosts.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
		client.Close()
		server.Close()
		wg.Wait()
	})
	return hosts, &http.Client{Transport: tr}
}

func pump(from, to *netstack.Stack) {
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
		out := make([][]byte, k)
		for i := range k {
			out[i] = bufs[i][:16+sizes[i]]
		}
		if _, err := to.Write(out, 16); err != nil {
			return
		}
	}
}

func instance(n int, change ...func(*platform.Instance)) platform.Instance {
	i := platform.Instance{
		ID: fmt.Sprintf("%014x", n), App: "changelog", Region: "iad", Group: "app", Release: 41, Port: 4000, Started: true,
		Addr: netip.MustParseAddr(fmt.Sprintf("fdaa:0:2f:a7b:1:2:%x:2", n)),
	}
	for _, f := range change {
		f(&i)
	}
	return i
}

func url(i platform.Instance, path string) string {
	return "http://" + netip.AddrPortFrom(i.Addr, 4000).String() + path
}

type answer struct {
	status int
	header http.Header
	body   string
}

func get(t *testing.T, c *http.Client, url string, timeout time.Duration) (answer, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := c.Do(r)
	if err != nil {
		return answer{}, err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	return answer{resp.StatusCode, resp.Header, string(b)}, err
}

func TestEachInstanceAnswersAsItself(t *testing.T) {
	hosts, c := network(t)
	var ii []platform.Instance
	for n := range 40 {
		ii = append(ii, instance(n, func(i *platform.Instance) { i.Release = 100 + n }))
	}
	if err := hosts.Set(ii); err != nil {
		t.Fatal(err)
	}
	for n, i := range ii {
		a, err := get(t, c, url(i, "/health"), 5*time.Second)
		if err != nil {
			t.Fatal(err)
		}
		var body struct{ Machine, Status string }
		if err := json.Unmarshal([]byte(a.body), &body); err != nil {
			t.Fatal(err)
		}
		got := []string{body.Machine, body.Status, a.header.Get("x-release"), a.header.Get("fly-machine-id")}
		if diff := cmp.Diff([]string{i.ID, "ok", fmt.Sprint(100 + n), i.ID}, got); diff != "" {
			t.Errorf("instance %d (-want +got):\n%s", n, diff)
		}
	}
}

func TestBehaviourIsHonoured(t *testing.T) {
	hosts, c := network(t)
	with := func(b platform.Behaviour) platform.Instance {
		return instance(1, func(i *platform.Instance) { i.Behaviour = b })
	}
	probe := func(i platform.Instance) (answer, error) {
		if err := hosts.Set([]platform.Instance{i}); err != nil {
			t.Fatal(err)
		}
		return get(t, c, url(i, "/health"), 500*time.Millisecond)
	}
	if a, err := probe(with(platform.Behaviour{})); err != nil || a.status != 200 {
		t.Fatalf("healthy: %d %v", a.status, err)
	}
	// The connection of the request before is kept alive: it has to learn of the change too.
	if _, err := probe(with(platform.Behaviour{Hang: true})); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("hang: %v, want a deadline", err)
	}
	if _, err := probe(with(platform.Behaviour{Dead: true})); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("dead: %v, want connection refused", err)
	}
	if _, err := probe(with(platform.Behaviour{Silent: true})); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("silent: %v, want a deadline", err)
	}
	if a, err := probe(with(platform.Behaviour{Health: 503})); err != nil || a.status != 503 {
		t.Errorf("unhealthy: %d %v, want 503", a.status, err)
	}
	began := time.Now()
	if a, err := probe(with(platform.Behaviour{Delay: 80 * time.Millisecond})); err != nil || time.Since(began) < 80*time.Millisecond {
		t.Errorf("delay: %d %v after %s", a.status, err, time.Since(began))
	}
	if a, err := probe(with(platform.Behaviour{Hostile: true})); err != nil || !strings.Contains(a.body, "\x1b[2J") || !strings.Contains(a.header.Get("x-release"), "\u009b31m") {
		t.Errorf("hostile: %v %q", err, a.header)
	}
	if _, err := probe(instance(1, func(i *platform.Instance) { i.Port = 0 })); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("without a service: %v, want connection refused", err)
	}
	if _, err := probe(instance(1, func(i *platform.Instance) { i.Started = false })); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("stopped: %v, want a deadline", err)
	}
	if a, err := probe(with(platform.Behaviour{})); err != nil || a.status != 200 {
		t.Errorf("healthy again: %d %v", a.status, err)
	}
}

func TestConnectionsDieWithTheirInstanceOnly(t *testing.T) {
	hosts, c := network(t)
	hang := func(i *platform.Instance) { i.Behaviour.Hang = true }
	stays, goes := instance(1), instance(2, hang)
	if err := hosts.Set([]platform.Instance{stays, goes}); err != nil {
		t.Fatal(err)
	}
	if _, err := get(t, c, url(stays, "/"), 5*time.Second); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() {
		_, err := get(t, c, url(goes, "/"), 10*time.Second)
		ended <- err
	}()
	waitFor(t, func() bool {
		hosts.mu.Lock()
		defer hosts.mu.Unlock()
		ho := hosts.hosts[goes.Addr]
		ho.mu.Lock()
		defer ho.mu.Unlock()
		return len(ho.conns) == 1
	})
	if err := hosts.Set([]platform.Instance{stays}); err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-ended:
		if err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("request to an instance that went ended with %v", err)
		}
	case <-time.After(5 * time.Second):
		t.Error("request to an instance that went still waits")
	}
	if a, err := get(t, c, url(stays, "/"), 5*time.Second); err != nil || a.status != 200 {
		t.Errorf("instance that stayed: %d %v", a.status, err)
	}
}

func waitFor(t *testing.T, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(5 * time.Second)
	for !ok() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatal("did not come about within 5 s")
		}
	}
}

// volatile is what differs between two requests for the same edition, as a console has to know it.
var volatile = regexp.MustCompile(`(?:content|value|nonce|data-phx-session|data-phx-static|id|data-rendered)="[^"]*"|<lastBuildDate>[^<]*</lastBuildDate>`)

func TestPagesDifferByEditionOnly(t *testing.T) {
	hosts, c := network(t)
	one := instance(1)
	two := instance(2, func(i *platform.Instance) { i.Region, i.Release = "fra", 40 })
	stale := instance(3, func(i *platform.Instance) { i.Behaviour.Content = EditionPrevious })
	if err := hosts.Set([]platform.Instance{one, two, stale}); err != nil {
		t.Fatal(err)
	}
	differs := map[string]bool{"/": true, "/feed": true, "/news": true, "/episodes/the-long-tail-of-latency": false}
	for _, path := range AgreePaths() {
		var bare, tags []string
		raw := map[string]bool{}
		for _, i := range []platform.Instance{one, one, two, stale} {
			a, err := get(t, c, url(i, path), 5*time.Second)
			if err != nil || a.status != 200 {
				t.Fatalf("%s: %d %v", path, a.status, err)
			}
			raw[a.body+a.header.Get("x-request-id")] = true
			bare = append(bare, volatile.ReplaceAllString(a.body, ""))
			tags = append(tags, a.header.Get("etag"))
		}
		if len(raw) != 4 {
			t.Errorf("%s: two answers were the same to the byte", path)
		}
		if bare[0] != bare[1] || bare[0] != bare[2] || tags[0] != tags[2] {
			t.Errorf("%s: the same edition differs:\n%s\n%s", path, bare[0], bare[2])
		}
		if got := bare[0] != bare[3]; got != differs[path] {
			t.Errorf("%s: the older edition differs: %v, want %v", path, got, differs[path])
		}
	}
}

func TestSiteStatuses(t *testing.T) {
	hosts, c := network(t)
	i := instance(1)
	if err := hosts.Set([]platform.Instance{i}); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]int{"/nothing": 404, "/episodes/none": 404, "/news": 200, "/health": 200} {
		a, err := get(t, c, url(i, path), 5*time.Second)
		if err != nil || a.status != want {
			t.Errorf("%s: %d %v, want %d", path, a.status, err, want)
		}
	}
	first, err := get(t, c, url(i, "/"), 5*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	r, err := http.NewRequest(http.MethodGet, url(i, "/"), nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("if-none-match", first.header.Get("etag"))
	resp, err := c.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusNotModified {
		t.Errorf("if-none-match: %d, want 304", resp.StatusCode)
	}
	if got, want := first.header.Get("last-modified"), "Sat, 14 Mar 2026 09:00:00 GMT"; got != want {
		t.Errorf("last-modified %q, want %q", got, want)
	}
	resp, err = c.Post(url(i, "/"), "text/plain", strings.NewReader("x"))
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusMethodNotAllowed {
		t.Errorf("post: %d, want 405", resp.StatusCode)
	}
}

func TestAnInstanceComesBackWhileItsOldConnectionsLinger(t *testing.T) {
	hosts, c := network(t)
	one := instance(1)
	for round, b := range []platform.Behaviour{{Silent: true}, {Dead: true}, {Silent: true}} {
		if err := hosts.Set([]platform.Instance{one}); err != nil {
			t.Fatalf("round %d: %v", round, err)
		}
		if _, err := get(t, c, url(one, "/health"), 5*time.Second); err != nil {
			t.Fatalf("round %d: %v", round, err)
		}
		gone := one
		gone.Behaviour = b
		if err := hosts.Set([]platform.Instance{gone}); err != nil {
			t.Fatalf("round %d: %v", round, err)
		}
	}
	if err := hosts.Set([]platform.Instance{one}); err != nil {
		t.Fatal(err)
	}
	c.CloseIdleConnections()
	if _, err := get(t, c, url(one, "/health"), 5*time.Second); err != nil {
		t.Error(err)
	}
}
