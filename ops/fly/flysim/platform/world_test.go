package platform

import (
	"bytes"
	"context"
	"encoding/json"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"ops-console/ops/fly"
)

// clock is a clock that goes when it is told to.
type clock struct {
	mu sync.Mutex
	t  time.Time
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.t
}

func (c *clock) forward(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.t = c.t.Add(d)
}

// bench is a world with a clock of its own and its handler.
type bench struct {
	*testing.T
	*clock
	w *World
	h http.Handler
}

func newBench(t *testing.T, o Options) *bench {
	t.Helper()
	c := &clock{t: time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)}
	o.Now = c.now
	if o.Rand == nil {
		o.Rand = rand.New(rand.NewPCG(1, 2))
	}
	w := NewWorld(o)
	t.Cleanup(func() { w.Close() })
	return &bench{T: t, clock: c, w: w, h: w.Handler()}
}

// answer is what came back.
type answer struct {
	status int
	header http.Header
	text   string
	json   any
}

// get is the value at a path of names, or nil.
func (a answer) get(path ...string) any {
	v := a.json
	for _, p := range path {
		m, _ := v.(map[string]any)
		v = m[p]
	}
	return v
}

// do makes a request. Headers come as name, value pairs.
func (b *bench) do(method, path string, body any, headers ...string) answer {
	b.Helper()
	var raw []byte
	switch body := body.(type) {
	case nil:
	case string:
		raw = []byte(body)
	default:
		var err error
		if raw, err = json.Marshal(body); err != nil {
			b.Fatal(err)
		}
	}
	r := httptest.NewRequest(method, path, bytes.NewReader(raw))
	r.Header.Set("Authorization", "Bearer fo1_test")
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	rec := httptest.NewRecorder()
	b.h.ServeHTTP(rec, r)
	a := answer{status: rec.Code, header: rec.Header(), text: rec.Body.String()}
	if strings.HasPrefix(rec.Header().Get("Content-Type"), "application/json") {
		if err := json.Unmarshal(rec.Body.Bytes(), &a.json); err != nil && b.w.on("garbled-json") == nil {
			b.Errorf("%s %s: %v in %s", method, path, err, a.text)
		}
	}
	return a
}

// want makes a request and fails unless the status is as expected.
func (b *bench) want(status int, method, path string, body any, headers ...string) answer {
	b.Helper()
	a := b.do(method, path, body, headers...)
	if a.status != status {
		b.Fatalf("%s %s: got status %d, want %d: %s", method, path, a.status, status, a.text)
	}
	return a
}

func (b *bench) add(n int, s MachineSpec, regions ...string) []string {
	b.Helper()
	ids, err := b.w.AddMachines(n, s, regions...)
	if err != nil {
		b.Fatal(err)
	}
	return ids
}

func (b *bench) state(id string) string {
	b.Helper()
	s, _ := b.want(200, "GET", "/v1/apps/changelog/machines/"+id, nil).get("state").(string)
	return s
}

// machine is a machine as a client decodes it.
func (b *bench) machine(id string) fly.Machine {
	b.Helper()
	var m fly.Machine
	if err := json.Unmarshal([]byte(b.want(200, "GET", "/v1/apps/changelog/machines/"+id, nil).text), &m); err != nil {
		b.Fatal(err)
	}
	return m
}

// fault switches a fault on, as help texts write it.
func (b *bench) fault(s string) {
	b.Helper()
	f, err := ParseFault(s)
	if err == nil {
		err = b.w.SetFault(f)
	}
	if err != nil {
		b.Fatal(err)
	}
}

// in returns what f answers while the clock goes on in small steps.
func (b *bench) in(f func() answer) answer {
	b.Helper()
	ch := make(chan answer, 1)
	go func() { ch <- f() }()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	// The clock goes a hundred times as fast as real time: slow enough for an answer to be taken when it is there.
	tick := time.NewTicker(500 * time.Microsecond)
	defer tick.Stop()
	for {
		select {
		case a := <-ch:
			return a
		case <-ctx.Done():
			b.Fatal("no answer")
		case <-tick.C:
			b.forward(50 * time.Millisecond)
			b.w.Tick()
		}
	}
}

func TestInstancesFollowMachines(t *testing.T) {
	b := newBench(t, Options{})
	if _, err := b.w.AddRelease(ReleaseSpec{Version: 41}); err != nil {
		t.Fatal(err)
	}
	ids := b.add(2, MachineSpec{Metadata: map[string]string{"k": "v"}}, "ord", "iad")
	b.add(1, MachineSpec{Group: "worker", Region: "fra", SkipDNS: true, State: fly.StateStopped})
	ii := b.w.Instances()
	if len(ii) != 3 {
		t.Fatalf("got %d instances, want 3", len(ii))
	}
	got := ii[0]
	if got.ID != ids[0] || got.Region != "ord" || got.Group != "app" || !got.Started || got.Port != 4000 || got.Release != 41 ||
		got.Metadata["k"] != "v" || got.Behaviour != (Behaviour{}) || !b.w.Prefix().Contains(got.Addr) {
		t.Errorf("first instance is %+v", got)
	}
	if w := ii[2]; w.Started || !w.SkipDNS || w.Port != 0 || w.Group != "worker" {
		t.Errorf("worker is %+v", w)
	}
	if ii[0].Addr == ii[1].Addr || ii[1].Addr == ii[2].Addr {
		t.Error("instances share an address")
	}
}

func TestChangedIsClosedByChanges(t *testing.T) {
	b := newBench(t, Options{})
	id := b.add(1, MachineSpec{})[0]
	ch := b.w.Changed()
	select {
	case <-ch:
		t.Fatal("closed without a change")
	default:
	}
	b.want(200, "POST", "/v1/apps/changelog/machines/"+id+"/cordon", nil)
	select {
	case <-ch:
	default:
		t.Error("not closed by a change")
	}
}

func TestSameSeedSameWorld(t *testing.T) {
	make := func() string {
		b := newBench(t, Options{Rand: rand.New(rand.NewPCG(7, 7))})
		b.add(5, MachineSpec{}, "ord", "iad")
		b.want(200, "POST", "/v1/apps/changelog/machines", map[string]any{"region": "fra", "config": map[string]any{"image": "a/b:1"}})
		b.forward(time.Minute)
		return b.want(200, "GET", "/v1/apps/changelog/machines", nil).text
	}
	if a, b := make(), make(); a != b {
		t.Errorf("two runs differ:\n%s\n%s", a, b)
	}
}

func TestRealTimeWorldRunsAndCloses(t *testing.T) {
	w := NewWorld(Options{Delays: Delays{Create: time.Millisecond, Start: time.Millisecond, Boot: time.Millisecond}})
	id, err := w.AddMachine(MachineSpec{State: fly.StateStopped})
	if err != nil {
		t.Fatal(err)
	}
	rec := httptest.NewRecorder()
	w.Handler().ServeHTTP(rec, httptest.NewRequest(http.MethodPost, "/v1/apps/changelog/machines/"+id+"/start", nil))
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	for {
		ch := w.Changed()
		i, ok := w.Instance(id)
		if ok && i.Started && !i.Behaviour.Dead {
			break
		}
		select {
		case <-ch:
		case <-ctx.Done():
			t.Fatalf("never started: %+v", i)
		}
	}
	if err := w.Close(); err != nil {
		t.Error(err)
	}
	if err := w.Close(); err != nil {
		t.Error("second close:", err)
	}
}

func BenchmarkList1000(b *testing.B) {
	w := NewWorld(Options{Now: time.Now})
	ids, err := w.AddMachines(1000, MachineSpec{}, "ord", "iad", "fra")
	if err != nil {
		b.Fatal(err)
	}
	h := w.Handler()
	for i := 0; b.Loop(); i++ {
		// One machine in a list is usually new since the last one.
		if err := w.SetBehaviour(ids[i%len(ids)], Behaviour{}); err != nil {
			b.Fatal(err)
		}
		rec := httptest.NewRecorder()
		h.ServeHTTP(rec, httptest.NewRequest(http.MethodGet, "/v1/apps/changelog/machines", nil))
		b.SetBytes(int64(rec.Body.Len()))
	}
}

func BenchmarkInstances1000(b *testing.B) {
	w := NewWorld(Options{Now: time.Now})
	if _, err := w.AddMachines(1000, MachineSpec{}, "ord", "iad", "fra"); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if n := len(w.Instances()); n != 1000 {
			b.Fatal(n)
		}
	}
}
