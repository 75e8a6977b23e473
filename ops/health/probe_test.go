package health

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"ops-console/ops/config"
	"ops-console/ops/fly"
	"ops-console/wg"
)

// probe1 is one probe of an instance that answers with h.
func probe1(t *testing.T, w *world, o Options) Probe {
	t.Helper()
	o, err := o.withDefaults()
	if err != nil {
		t.Fatal(err)
	}
	p := newProber(o)
	defer p.forget()
	m := w.machines[0]
	to := target{id: m.ID, region: m.Region, address: netip.AddrPortFrom(netip.MustParseAddr(m.PrivateIP), 4000), path: "/health"}
	p.sweep(context.Background(), []target{to}, func() {})
	return p.facts().results[m.ID]
}

func TestProbe(t *testing.T) {
	status := func(n int) http.HandlerFunc {
		return func(rw http.ResponseWriter, _ *http.Request) { rw.WriteHeader(n) }
	}
	hang := func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }
	tests := []struct {
		name    string
		handler http.HandlerFunc
		change  func(*world, *Options)
		want    Probe
	}{
		{name: "ok", want: Probe{State: ProbeOK, Status: 200}},
		{name: "error", handler: status(500), want: Probe{State: ProbeBadStatus, Status: 500}},
		{name: "not found", handler: status(404), want: Probe{State: ProbeBadStatus, Status: 404}},
		{
			name: "not found is what is wanted", handler: status(404), change: func(_ *world, o *Options) { o.Probe.Status = "200,404" },
			want: Probe{State: ProbeOK, Status: 404},
		},
		{
			name: "redirects are answers", handler: func(rw http.ResponseWriter, r *http.Request) {
				http.Redirect(rw, r, "http://elsewhere.example/", http.StatusFound)
			},
			want: Probe{State: ProbeOK, Status: 302},
		},
		{
			name: "release header", handler: func(rw http.ResponseWriter, _ *http.Request) { rw.Header().Set("X-Release", "v41 \u202etest") },
			change: func(_ *world, o *Options) { o.Probe.ReleaseHeader = "x-release" },
			want:   Probe{State: ProbeOK, Status: 200, Release: "v41 test"},
		},
		{name: "refused", change: func(w *world, _ *Options) { w.refuse(w.machines[0]) }, want: Probe{State: ProbeRefused, Error: "connection refused"}},
		{
			name: "no route", change: func(w *world, _ *Options) {
				w.dead[netip.MustParseAddr(w.machines[0].PrivateIP)] = syscall.EHOSTUNREACH
			},
			want: Probe{State: ProbeError, Error: "dial tcp: no route to host"},
		},
		{
			name: "silent host", change: func(w *world, o *Options) {
				w.dead[netip.MustParseAddr(w.machines[0].PrivateIP)] = nil
				o.Probe.Timeout = 20 * time.Millisecond
			},
			want: Probe{State: ProbeTimeout, Error: "no answer within 20ms"},
		},
		{
			name: "hanging instance", handler: hang, change: func(_ *world, o *Options) { o.Probe.Timeout = 50 * time.Millisecond },
			want: Probe{State: ProbeTimeout, Error: "no answer within 50ms"},
		},
		{
			name: "network down", change: func(w *world, _ *Options) { w.status.State = wg.StateDead },
			want: Probe{State: ProbeNoNetwork},
		},
		{
			name: "refused while the network is suspect", change: func(w *world, _ *Options) {
				w.refuse(w.machines[0])
				w.status.State = wg.StateSuspect
			},
			want: Probe{State: ProbeNoNetwork, Error: "dial tcp: connection refused"},
		},
		{
			name: "huge body", handler: func(rw http.ResponseWriter, _ *http.Request) {
				for range 1000 {
					if _, err := rw.Write(make([]byte, 64<<10)); err != nil {
						return
					}
				}
			}, want: Probe{State: ProbeOK, Status: 200},
		},
		{
			name: "body without end", handler: func(rw http.ResponseWriter, r *http.Request) {
				rw.WriteHeader(http.StatusOK)
				rw.(http.Flusher).Flush()
				<-r.Context().Done()
			}, change: func(_ *world, o *Options) { o.Probe.Timeout = 50 * time.Millisecond },
			want: Probe{State: ProbeOK, Status: 200},
		},
		{
			name: "huge head", handler: func(rw http.ResponseWriter, _ *http.Request) { rw.Header().Set("X", strings.Repeat("x", 1<<20)) },
			want: Probe{State: ProbeError, Error: "net/http: server response headers exceeded 65536 bytes; aborted"},
		},
		{
			name: "not HTTP", handler: func(rw http.ResponseWriter, _ *http.Request) {
				c, _, err := rw.(http.Hijacker).Hijack()
				if err == nil {
					fmt.Fprint(c, "\x1b[2J\x00nonsense\r\n\r\n")
					c.Close()
				}
			}, want: Probe{State: ProbeError, Error: `malformed HTTP response "\x1b[2J\x00nonsense"`},
		},
		{
			name: "what is sent", handler: func(rw http.ResponseWriter, r *http.Request) {
				if r.Host != "changelog.fly.dev" || r.Method != http.MethodGet || r.URL.Path != "/health" || r.Header.Get("X-Forwarded-Proto") != "https" || r.Header.Get("Accept-Encoding") != "" {
					rw.WriteHeader(http.StatusInternalServerError)
				}
			}, want: Probe{State: ProbeOK, Status: 200},
		},
		{
			name: "what is sent, as the profile wants it", handler: func(rw http.ResponseWriter, r *http.Request) {
				if r.Host != "www.example.com" || r.Header.Get("X-Forwarded-Proto") != "http" || r.Header.Get("X-Probe") != "1" {
					rw.WriteHeader(http.StatusInternalServerError)
				}
			}, change: func(_ *world, o *Options) {
				o.Probe.Headers = map[string]string{"host": "www.example.com", "x-forwarded-proto": "http", "X-Probe": "1"}
			}, want: Probe{State: ProbeOK, Status: 200},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t, newMachine(0, "iad"))
			o := w.options()
			if tt.handler != nil {
				w.handle(w.machines[0], tt.handler)
			}
			if tt.change != nil {
				tt.change(w, &o)
			}
			got := probe1(t, w, o)
			if diff := cmp.Diff(tt.want, got, cmpopts.IgnoreFields(Probe{}, "At", "Since", "URL", "Latency", "LastOK", "History")); diff != "" {
				t.Errorf("probe (-want +got):\n%s", diff)
			}
			if (got.Latency > 0) != (got.Status > 0) || (got.State == ProbeOK) == got.LastOK.IsZero() || len(got.History) != 1 {
				t.Errorf("probe %+v", got)
			}
			if got.URL != "http://[fdaa:0:18:a7b:1::2]:4000/health" {
				t.Errorf("URL %q", got.URL)
			}
		})
	}
}

func TestConnectionsAreKept(t *testing.T) {
	w := newWorld(t, fleet(10, "iad")...)
	c := newCollector(must(w.options().withDefaults()))
	defer c.close()
	if err := c.readPlatform(t.Context()); err != nil {
		t.Fatal(err)
	}
	for range 5 {
		if err := c.readProbes(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if w.dials != 10 {
		t.Errorf("%d connections for 5 sweeps over 10 instances, want 10", w.dials)
	}
	f := c.prober.facts()
	if len(f.regions["iad"]) != 5 || f.regions["iad"][4] <= 0 {
		t.Errorf("region history %v", f.regions)
	}
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func TestHistoryIsBoundedAndNeverRewritten(t *testing.T) {
	p := &prober{results: map[string]Probe{}, now: func() time.Time { return t0 }}
	var seen []Probe
	for n := range 500 {
		p.keep("x", Probe{State: ProbeOK, At: t0.Add(time.Duration(n) * time.Second)})
		seen = append(seen, p.results["x"])
	}
	for n, r := range seen {
		if want := min(n+1, maxSamples); len(r.History) != want {
			t.Fatalf("after %d probes %d samples, want %d", n+1, len(r.History), want)
		}
		if last := r.History[len(r.History)-1].At; !last.Equal(t0.Add(time.Duration(n) * time.Second)) {
			t.Fatalf("the last sample of snapshot %d is of %s", n, last)
		}
	}
}

func TestTargets(t *testing.T) {
	check := func(c fly.MachineConfig) string {
		port, path := endpoint(&c)
		return fmt.Sprintf("%d%s", port, path)
	}
	http80 := []fly.Port{{Port: 80, Handlers: []string{"http"}}}
	tests := []struct {
		name string
		c    fly.MachineConfig
		want string
	}{
		{"nothing", fly.MachineConfig{}, "0"},
		{"service", fly.MachineConfig{Services: []fly.Service{{InternalPort: 8080, Ports: http80}}}, "8080/"},
		{"service that is not HTTP", fly.MachineConfig{Services: []fly.Service{{InternalPort: 5432, Ports: []fly.Port{{Port: 5432}}}}}, "0"},
		{"service check", fly.MachineConfig{Services: []fly.Service{{InternalPort: 8080, Checks: []fly.MachineCheck{{Type: "http", Path: "/up"}}}}}, "8080/up"},
		{"service check on another port", fly.MachineConfig{Services: []fly.Service{{InternalPort: 8080, Checks: []fly.MachineCheck{{Type: "http", Port: 9000}}}}}, "9000/"},
		{"tcp check", fly.MachineConfig{Services: []fly.Service{{InternalPort: 8080, Ports: http80, Checks: []fly.MachineCheck{{Type: "tcp"}}}}}, "8080/"},
		{"check of its own", fly.MachineConfig{
			Services: []fly.Service{{InternalPort: 8080, Ports: http80}},
			Checks:   map[string]fly.MachineCheck{"b": {Type: "http", Port: 2, Path: "/b"}, "a": {Type: "http", Port: 1, Path: "/a"}, "0": {Type: "tcp", Port: 9}},
		}, "1/a"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := check(tt.c); got != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
		})
	}
}

func TestOnlyWhatCanAnswerIsAsked(t *testing.T) {
	w := newWorld(t,
		newMachine(0, "iad"),
		newMachine(1, "iad", state(fly.StateStopped, t0)),
		newMachine(2, "iad", func(m *fly.Machine) { m.Config.Services = nil }),
		newMachine(3, "iad", func(m *fly.Machine) { m.PrivateIP = "nonsense" }),
		newMachine(4, "iad", func(m *fly.Machine) { m.Config.Metadata[fly.MetaProcessGroup] = "fly_app_console" }),
	)
	for _, o := range []config.Probe{{}, {Port: 4000}} {
		opt := w.options()
		opt.Probe = o
		c := newCollector(must(opt.withDefaults()))
		if err := c.readPlatform(t.Context()); err != nil {
			t.Fatal(err)
		}
		if tt := c.targets(); len(tt) != 1 || tt[0].id != id(0) {
			t.Errorf("targets %+v, want the first only", tt)
		}
		c.close()
	}
}

func TestAgreementNamesTheStaleInstance(t *testing.T) {
	mm := fleet(3, "iad", "fra")
	w := newWorld(t, mm...)
	var n atomic.Int64
	page := func(body string) http.HandlerFunc {
		return func(rw http.ResponseWriter, _ *http.Request) {
			rw.Header().Set("Content-Type", "text/html; charset=utf-8")
			fmt.Fprintf(rw, `<title>%s</title><meta name="csrf-token" content="%d">`, body, n.Add(1))
		}
	}
	for _, m := range mm {
		w.handle(m, page("new"))
	}
	w.handle(mm[4], page("old"))
	o := w.options()
	o.Agree = []config.AgreePath{{Path: "/feed"}, {Path: "/news"}}
	s := read1(t, o)
	if len(s.Agreement) != 2 {
		t.Fatalf("agreement %+v", s.Agreement)
	}
	for _, a := range s.Agreement {
		if a.Agree || len(a.Groups) != 2 || len(a.Groups[0].Instances) != 5 || a.Groups[0].Title != "new" ||
			len(a.Groups[1].Instances) != 1 || a.Groups[1].Instances[0] != mm[4].ID || a.Groups[1].Title != "old" {
			t.Errorf("agreement %+v", a)
		}
	}
	if len(s.Problems) != 1 || s.Problems[0].Code != codeContentDisagrees || s.Problems[0].Subject.Instance != mm[4].ID || s.Problems[0].Subject.Region != "fra" {
		t.Errorf("problems %+v", s.Problems)
	}
}

func TestContentMayDifferBetweenReleases(t *testing.T) {
	mm := []fly.Machine{newMachine(0, "iad"), newMachine(1, "iad"), newMachine(2, "iad", onRelease(40))}
	w := newWorld(t, mm...)
	w.handle(mm[2], func(rw http.ResponseWriter, _ *http.Request) { fmt.Fprint(rw, "old") })
	o := w.options()
	o.Agree = []config.AgreePath{{Path: "/"}}
	s := read1(t, o)
	if got := codes(s.Problems); len(got) != 1 || got[0] != codeReleaseMixed || s.Agreement[0].Agree {
		t.Errorf("problems %v, agreement %+v", got, s.Agreement)
	}
}

func TestSilentInstancesDoNotDisagree(t *testing.T) {
	mm := fleet(3, "iad")
	w := newWorld(t, mm...)
	w.refuse(mm[1])
	o := w.options()
	o.Agree = []config.AgreePath{{Path: "/"}}
	s := read1(t, o)
	a := s.Agreement[0]
	if got := codes(s.Problems); len(got) != 1 || got[0] != codeProbeFailed || !a.Agree || a.Groups[1].Error == "" {
		t.Errorf("problems %v, agreement %+v", got, a)
	}
}

func TestAnInstanceThatHangsIsNotWaitedForByAllOthers(t *testing.T) {
	mm := fleet(3, "iad")
	w := newWorld(t, mm...)
	w.handle(mm[1], func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	o := w.options()
	o.Agree = []config.AgreePath{{Path: "/"}}
	o.Probe.Timeout = 50 * time.Millisecond
	began := time.Now()
	a := read1(t, o).Agreement[0]
	if d := time.Since(began); d > bodyTimeout/2 {
		t.Errorf("it took %s", d)
	}
	if len(a.Groups) != 2 || a.Groups[1].Error != "no answer within 100ms" || len(a.Groups[0].Instances) != 2 {
		t.Errorf("agreement %+v", a)
	}
}

func TestWorkersAreLeftOutOfTheComparison(t *testing.T) {
	mm := fleet(3, "iad")
	w := newWorld(t, mm...)
	w.refuse(mm[1])
	w.err = errors.New("the platform says nothing")
	o := w.options()
	o.Probe.Port = 4000
	o.Agree = []config.AgreePath{{Path: "/"}}
	s := read1(t, o)
	if a := s.Agreement[0]; !a.Agree || len(a.Groups) != 1 || len(a.Groups[0].Instances) != 2 {
		t.Errorf("agreement %+v", a)
	}
	if len(s.Instances) != 3 {
		t.Errorf("%d instances", len(s.Instances))
	}
}

func TestCluster(t *testing.T) {
	mm := fleet(2, "iad", "fra")
	node := func(m fly.Machine) string { return "app@" + m.PrivateIP }
	tests := []struct {
		name    string
		exec    func(string) (fly.ExecResult, error)
		codes   []string
		groups  int
		unknown int
	}{
		{"whole", func(string) (fly.ExecResult, error) {
			return fly.ExecResult{Stdout: strings.Join([]string{node(mm[0]), node(mm[1]), node(mm[2]), node(mm[3])}, "\n")}, nil
		}, []string{}, 1, 0},
		{"split", func(id string) (fly.ExecResult, error) {
			if id == mm[3].ID {
				return fly.ExecResult{Stdout: node(mm[3])}, nil
			}
			return fly.ExecResult{Stdout: fmt.Sprintf("[:%q, :%q, :%q]", node(mm[0]), node(mm[1]), node(mm[2]))}, nil
		}, []string{codeClusterSplit}, 2, 0},
		{"one fails", func(id string) (fly.ExecResult, error) {
			if id == mm[3].ID {
				return fly.ExecResult{ExitCode: 1, Stderr: "\x1b[31mnot running"}, nil
			}
			return fly.ExecResult{Stdout: strings.Join([]string{node(mm[0]), node(mm[1]), node(mm[2])}, " ")}, nil
		}, []string{}, 1, 1},
		{"all fail", func(string) (fly.ExecResult, error) { return fly.ExecResult{}, errors.New("403") }, []string{codeClusterUnknown}, 0, 4},
		{"nonsense", func(string) (fly.ExecResult, error) { return fly.ExecResult{Stdout: "** (EXIT) no process"}, nil }, []string{codeClusterUnknown}, 0, 4},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t, mm...)
			w.exec = tt.exec
			o := w.options()
			o.Cluster.Command = []string{"/app/bin/app", "rpc", "x"}
			s := read1(t, o)
			if diff := cmp.Diff(tt.codes, codes(s.Problems)); diff != "" {
				t.Errorf("problems (-want +got):\n%s", diff)
			}
			if s.Cluster == nil || len(s.Cluster.Groups) != tt.groups || len(s.Cluster.Unknown) != tt.unknown {
				t.Errorf("cluster %+v", s.Cluster)
			}
			for _, u := range s.Cluster.Unknown {
				if u.Error == "" || strings.Contains(u.Error, "\x1b") {
					t.Errorf("unknown %q", u.Error)
				}
			}
		})
	}
}

func TestOfManyInstancesASampleIsAskedAndSplitsAreStillSeen(t *testing.T) {
	mm := fleet(40, "iad", "fra", "syd")
	var all []string
	for _, m := range mm {
		all = append(all, "app@"+m.PrivateIP)
	}
	lonely := mm[77]
	tests := []struct {
		name   string
		sees   func(m fly.Machine) []string // without its own node
		groups []int                        // sizes
	}{
		{"whole", func(fly.Machine) []string { return all }, []int{120}},
		{"one region apart", func(m fly.Machine) []string {
			if m.Region == "syd" {
				return all[80:]
			}
			return all[:80]
		}, []int{80, 40}},
		{"one apart", func(m fly.Machine) []string {
			if m.ID == lonely.ID {
				return nil
			}
			return slices.Delete(slices.Clone(all), 77, 78)
		}, []int{119, 1}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t, mm...)
			asked := 0
			w.exec = func(id string) (fly.ExecResult, error) {
				asked++
				m := mm[slices.IndexFunc(mm, func(m fly.Machine) bool { return m.ID == id })]
				return fly.ExecResult{Stdout: "app@" + m.PrivateIP + "\n" + strings.Join(tt.sees(m), "\n")}, nil
			}
			o := w.options()
			o.Cluster.Command = []string{"/app/bin/app", "rpc", "x"}
			c := read1(t, o).Cluster
			var sizes []int
			for _, g := range c.Groups {
				sizes = append(sizes, len(g.Instances))
			}
			if diff := cmp.Diff(tt.groups, sizes); diff != "" {
				t.Errorf("sizes of groups (-want +got):\n%s", diff)
			}
			if len(c.Unknown) > 0 || c.Asked != asked || asked > 2*clusterSample {
				t.Errorf("%d asked of which the answer says %d, unknown %v", asked, c.Asked, c.Unknown)
			}
		})
	}
}

// BenchmarkSweepLoopback is a sweep of 1,000 instances over kept connections on loopback, server included.
func BenchmarkSweepLoopback(b *testing.B) {
	regions := []string{"iad", "fra", "syd", "gru", "ams", "lhr", "ord", "sjc", "nrt", "sin"}
	w := newWorld(b, fleet(100, regions...)...)
	c := newCollector(must(w.options().withDefaults()))
	defer c.close()
	if err := c.readPlatform(b.Context()); err != nil {
		b.Fatal(err)
	}
	var once sync.Once
	for b.Loop() {
		if err := c.readProbes(b.Context()); err != nil {
			b.Fatal(err)
		}
		once.Do(func() {
			for id, r := range c.prober.facts().results {
				if r.State != ProbeOK {
					b.Fatalf("%s: %+v", id, r)
				}
			}
		})
	}
}
