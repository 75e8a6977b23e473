package health

import (
	"context"
	"errors"
	"flag"
	"net/http"
	"testing"
	"time"

	"go.uber.org/goleak"

	"ops-console/ops"
	"ops-console/ops/config"
	"ops-console/ops/fly"
	"ops-console/wg"
)

func TestMain(m *testing.M) {
	// These tests wait more than they compute; -parallel still overrides it.
	_ = flag.Set("test.parallel", "4")
	goleak.VerifyTestMain(m)
}

func read1(t *testing.T, o Options) *Snapshot {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	s, err := Read(ctx, o)
	if err != nil {
		t.Fatalf("Read: %v", err)
	}
	return s
}

func codes(pp []ops.Problem) []string {
	out := []string{}
	for _, p := range pp {
		out = append(out, p.Code)
	}
	return out
}

func TestReadOfAHealthyApp(t *testing.T) {
	w := newWorld(t, fleet(2, "iad", "fra", "syd", "gru")...)
	w.releases = []fly.Release{{Version: 41, Status: "complete", CreatedAt: t0.Add(-time.Hour)}}
	s := read1(t, w.options())
	if s.Verdict != Healthy || len(s.Problems) != 0 {
		t.Errorf("verdict %s, problems %+v, want healthy and none", s.Verdict, s.Problems)
	}
	if len(s.Instances) != 8 || len(s.Regions) != 4 {
		t.Fatalf("%d instances in %d regions, want 8 in 4", len(s.Instances), len(s.Regions))
	}
	for _, i := range s.Instances {
		if i.Level != LevelOK || i.Probe.State != ProbeOK || i.Probe.Status != http.StatusOK || i.Probe.Latency <= 0 || !i.DNS.Listed {
			t.Errorf("instance %+v, want ok", i)
		}
	}
	for _, r := range s.Regions {
		if r.OK != 2 || r.P50 <= 0 || r.Primary != (r.Code == "iad") {
			t.Errorf("region %+v", r)
		}
	}
	if s.Releases[0].Instances != 8 {
		t.Errorf("release 41 on %d instances, want 8", s.Releases[0].Instances)
	}
}

func TestReadWithoutThePlatform(t *testing.T) {
	w := newWorld(t, fleet(1, "iad", "fra")...)
	w.err = errors.New("dial tcp: connection refused")
	o := w.options()
	o.Probe = config.Probe{Port: 4000}
	s := read1(t, o)
	if s.Verdict != NotKnown || s.Sources.Platform.OK || s.Sources.Platform.Error == "" {
		t.Errorf("verdict %s, platform %+v, want unknown", s.Verdict, s.Sources.Platform)
	}
	if len(s.Instances) != 2 {
		t.Fatalf("instances %+v, want the two that DNS lists", s.Instances)
	}
	for _, i := range s.Instances {
		if i.Probe.State != ProbeOK || i.State != "" || i.Level != LevelOK {
			t.Errorf("instance %+v: want its answer, and no state", i)
		}
	}
}

func TestReadWithoutANetwork(t *testing.T) {
	w := newWorld(t, fleet(1, "iad", "fra")...)
	o := w.options()
	o.Network, o.Resolver, o.NetworkErr = nil, nil, errors.New("no WireGuard configuration")
	s := read1(t, o)
	if got := codes(s.Problems); s.Verdict != NotKnown || len(got) != 1 || got[0] != "network.unconfigured" {
		t.Errorf("verdict %s, problems %v", s.Verdict, got)
	}
	for _, i := range s.Instances {
		if i.Probe.State != ProbeNone || i.Level != LevelOK {
			t.Errorf("instance %+v: its checks pass, and nothing was asked", i)
		}
	}
}

func TestReadWithADeadNetworkBlamesNoInstance(t *testing.T) {
	t.Parallel()
	w := newWorld(t, fleet(1, "iad", "fra")...)
	w.status = wg.Status{State: wg.StateDead, Cause: "no handshake"}
	w.dnsErr = errors.New("no answer")
	s := read1(t, w.options())
	if got := codes(s.Problems); s.Verdict != NotKnown || len(got) != 1 || got[0] != "network.dead" {
		t.Errorf("verdict %s, problems %v", s.Verdict, got)
	}
	for _, i := range s.Instances {
		if i.Probe.State != ProbeNoNetwork {
			t.Errorf("probe %+v, want no-network", i.Probe)
		}
	}
}

func TestReadOfAnIncident(t *testing.T) {
	mm := fleet(2, "iad", "fra", "syd", "gru")
	w := newWorld(t, mm...)
	w.refuse(mm[0])
	w.handle(mm[3], func(rw http.ResponseWriter, _ *http.Request) { rw.WriteHeader(http.StatusServiceUnavailable) })
	s := read1(t, w.options())
	if s.Verdict != Unhealthy {
		t.Errorf("verdict %s", s.Verdict)
	}
	want := map[string]string{mm[0].ID: "instance.probe_failed", mm[3].ID: "instance.probe_status"}
	for _, p := range s.Problems {
		if want[p.Subject.Instance] != p.Code {
			t.Errorf("unexpected %+v", p)
		}
		delete(want, p.Subject.Instance)
	}
	if len(want) > 0 {
		t.Errorf("missing %v", want)
	}
}

func TestWatchFollows(t *testing.T) {
	t.Parallel()
	mm := fleet(2, "iad", "fra")
	w := newWorld(t, mm...)
	o := w.options()
	ms := time.Millisecond
	o.Interval = config.Interval{Platform: 20 * ms, DNS: 20 * ms, Probe: 20 * ms, Releases: 20 * ms}
	watcher := Watch(context.Background(), o)
	defer watcher.Close()
	until(t, watcher, "health", func(s *Snapshot) bool { return s.Verdict == Healthy && len(s.Instances) == 4 })
	w.refuse(mm[1])
	// A failing connection is kept alive until it is dropped.
	watcher.c.prober.forget()
	until(t, watcher, "the refusal", func(s *Snapshot) bool {
		return s.Instances[3].Probe.State == ProbeRefused || s.Instances[2].Probe.State == ProbeRefused || s.Instances[1].Probe.State == ProbeRefused
	})
	w.setState(wg.StateDead)
	until(t, watcher, "the dead network", func(s *Snapshot) bool { return len(s.Problems) == 1 && s.Problems[0].Code == "network.dead" })
	w.setState(wg.StateUp)
	w.with(func() { clear(w.dead) })
	until(t, watcher, "recovery", func(s *Snapshot) bool { return s.Verdict == Healthy })
}

func TestWatchAsksTheClusterOnceThePlatformNamesMachines(t *testing.T) {
	t.Parallel()
	mm := fleet(1, "iad", "fra")
	w := newWorld(t, mm...)
	w.err = errors.New("dial tcp: connection refused")
	w.exec = func(string) (fly.ExecResult, error) { return fly.ExecResult{Stdout: "app@a\n"}, nil }
	o := w.options()
	o.Probe = config.Probe{Port: 4000}
	o.Cluster.Command = []string{"nodes"}
	ms := time.Millisecond
	o.Interval = config.Interval{Platform: 20 * ms, DNS: 20 * ms, Probe: 20 * ms, Releases: 20 * ms, Cluster: time.Hour}
	watcher := Watch(context.Background(), o)
	defer watcher.Close()
	until(t, watcher, "instances that DNS names", func(s *Snapshot) bool { return len(s.Instances) == 2 && s.Instances[0].Probe.State == ProbeOK })
	w.with(func() { w.err = nil })
	until(t, watcher, "the cluster", func(s *Snapshot) bool { return s.Cluster != nil })
}
