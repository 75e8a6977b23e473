package platform

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"ops-console/ops/fly"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// FuzzRequests sends anything to anywhere: no panic, no server error, and JSON wherever there is a body.
func FuzzRequests(f *testing.F) {
	for _, s := range []string{
		"POST /v1/apps/changelog/machines\n{\"config\":{\"image\":\"a/b:1\",\"services\":[{\"internal_port\":1}]},\"region\":\"ord\"}",
		"POST /v1/apps/changelog/machines/M\n{\"config\":{\"image\":\"a@sha256:1\",\"checks\":{\"x\":{\"interval\":\"1s\"}},\"restart\":{\"policy\":\"no\"},\"auto_destroy\":true}}",
		"POST /v1/apps/changelog/machines/M/lease?ttl=5\n{\"description\":\"x\"}",
		"PATCH /v1/apps/changelog/machines/M/metadata\n{\"metadata\":{\"a\":null}}",
		"GET /v1/apps/changelog/machines/M/wait?state=settled&timeout=0\n",
		"POST /v1/apps/changelog/machines/M/exec\n{\"cmd\":\"a 'b c'\"}",
		"GET /v1/apps/changelog/machines?limit=2&cursor=bTE&metadata.k=v\n",
		"POST /v1/apps/changelog/volumes\n{\"region\":\"ord\",\"size_gb\":1}",
		"POST /v1/apps/changelog/secrets\n{\"values\":{\"A\":\"b\"}}",
		"POST /api/v1/releases\n{\"app_name\":\"changelog\",\"definition\":{}}",
		"GET /api/v1/apps/changelog/logs?next_token=1\n",
		"POST /graphql\n{\"query\":\"{apps(first:1){nodes{name}}}\"}",
		"POST /graphql\n{\"query\":\"mutation($i:X!){addWireGuardPeer(input:$i){peerip}}\",\"variables\":{\"i\":{\"pubkey\":\"\"}}}",
		"DELETE /v1/apps/changelog/machines/M?force=true\n",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		line, body, _ := strings.Cut(s, "\n")
		method, target, _ := strings.Cut(line, " ")
		if !slices.Contains([]string{"GET", "POST", "PUT", "PATCH", "DELETE"}, method) || !strings.HasPrefix(target, "/") {
			return
		}
		c := &clock{t: time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)}
		w := NewWorld(Options{Now: c.now, Rand: rand.New(rand.NewPCG(1, 2))})
		defer w.Close()
		id, err := w.AddMachine(MachineSpec{Volume: true})
		if err != nil {
			t.Fatal(err)
		}
		r, err := http.NewRequest(method, "http://sim"+strings.Replace(target, "M", id, 1), bytes.NewReader([]byte(body)))
		if err != nil || strings.Contains(r.URL.Path, "/wait") && !strings.Contains(r.URL.RawQuery, "timeout=0") {
			return
		}
		h := w.Handler()
		for range 3 {
			rec := httptest.NewRecorder()
			r.Body = http.NoBody
			if body != "" {
				r.Body = readCloser{bytes.NewReader([]byte(body))}
			}
			h.ServeHTTP(rec, r)
			// A mux answers an unclean path with a redirect of its own.
			if rec.Code >= 300 && rec.Code < 400 {
				return
			}
			if rec.Code == 500 {
				t.Fatalf("%s: %d %s", line, rec.Code, rec.Body)
			}
			if rec.Body.Len() > 0 && !json.Valid(rec.Body.Bytes()) {
				t.Fatalf("%s: %d, not JSON: %s", line, rec.Code, rec.Body)
			}
			c.forward(time.Minute)
			w.Instances()
		}
	})
}

type readCloser struct{ *bytes.Reader }

func (readCloser) Close() error { return nil }

// gateway is a PeerSink that remembers.
type gateway struct {
	mu    sync.Mutex
	calls []string
}

// TestManyAtOnce is for the race detector: clients, faults and time all at once.
func TestManyAtOnce(t *testing.T) {
	w := NewWorld(Options{RateLimit: true, Delays: Delays{Create: time.Millisecond, Start: time.Millisecond, Boot: time.Millisecond, Stop: time.Millisecond, Replace: time.Millisecond, Destroy: time.Millisecond, Check: time.Millisecond}})
	defer w.Close()
	ids, err := w.AddMachines(20, MachineSpec{}, "ord", "iad")
	if err != nil {
		t.Fatal(err)
	}
	h := w.Handler()
	do := func(method, path, body string) {
		h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(method, path, strings.NewReader(body)))
	}
	cfg, err := json.Marshal(map[string]any{"config": configFor("a/b:2")})
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for n := range 4 {
		wg.Go(func() {
			for i := range 40 {
				id := ids[(n*7+i)%len(ids)]
				do("GET", "/v1/apps/changelog/machines?include_leases=true", "")
				do("POST", "/v1/apps/changelog/machines/"+id, string(cfg))
				do("POST", "/v1/apps/changelog/machines/"+id+"/lease?ttl=1", "")
				do("GET", "/v1/apps/changelog/machines/"+id+"/wait?timeout=0", "")
				do("POST", "/graphql", `{"query":"{organization(slug:\"changelog-media\"){wireGuardPeers{nodes{id}} apps{nodes{releasesUnprocessed(first:3){nodes{version}}}}}}"}`)
				w.Instances()
			}
		})
	}
	wg.Go(func() {
		for range 20 {
			for _, k := range w.FaultKinds() {
				f := Fault{Name: k.Name}
				if k.Target != "" {
					f.Target = "all"
				}
				// These need a connection, or time.
				if k.Name == "api-slow" || k.Name == "api-down" {
					continue
				}
				if err := w.SetFault(f); err != nil {
					t.Errorf("%s: %v", f, err)
				}
			}
			if err := w.ClearFault("all"); err != nil {
				t.Error(err)
			}
		}
	})
	wg.Wait()
}

func TestPeersReachTheGateway(t *testing.T) {
	g := &gateway{}
	b := newBench(t, Options{EndpointIP: "127.0.0.9", GatewayPubkey: "gw"})
	first, err := b.w.AddPeer("one", key(1), "ord")
	if err != nil {
		t.Fatal(err)
	}
	if first.PeerIP.String() != "fdaa:0:2f:a7b::a:102" || first.EndpointIP != "127.0.0.9" || first.PublicKey != "gw" {
		t.Errorf("peer is %+v", first)
	}
	if err := b.w.SetPeerSink(g); err != nil {
		t.Fatal(err)
	}
	second, err := b.w.AddPeer("two", key(2), "")
	if err != nil {
		t.Fatal(err)
	}
	if second.PeerIP.String() != "fdaa:0:2f:a7b::a:202" {
		t.Errorf("second peer has %s", second.PeerIP)
	}
	for _, bad := range []struct{ name, key, region string }{
		{"two", key(3), ""}, {"three", key(2), ""}, {"three", "short", ""}, {"three", key(3), "xxx"},
	} {
		if _, err := b.w.AddPeer(bad.name, bad.key, bad.region); err == nil {
			t.Errorf("%+v: no error", bad)
		}
	}
	if err := b.w.RemovePeer("one"); err != nil {
		t.Fatal(err)
	}
	if err := b.w.RemovePeer("one"); err == nil {
		t.Error("removed twice")
	}
	if again, err := b.w.AddPeer("three", key(3), ""); err != nil || again.PeerIP != first.PeerIP {
		t.Errorf("the free address is not used again: %+v, %v", again, err)
	}
	want := []string{"add fdaa:0:2f:a7b::a:102", "add fdaa:0:2f:a7b::a:202", "remove", "add fdaa:0:2f:a7b::a:102"}
	if !slices.Equal(g.calls, want) {
		t.Errorf("gateway heard %q, want %q", g.calls, want)
	}
	if pp := b.w.Peers(); len(pp) != 2 || pp[0] != (fly.WireGuardPeer{ID: pp[0].ID, Name: "two", Pubkey: key(2), Region: "ord", PeerIP: second.PeerIP.String()}) {
		t.Errorf("peers are %+v", pp)
	}
}

func (g *gateway) AddPeer(_ string, ip netip.Addr) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.calls = append(g.calls, "add "+ip.String())
	return nil
}

func (g *gateway) RemovePeer(string) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.calls = append(g.calls, "remove")
	return nil
}

// key is a public key, in base64.
func key(n byte) string { return base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{n}, 32)) }
