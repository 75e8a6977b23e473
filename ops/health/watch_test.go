package health

import (
	"context"
	"net/http"
	"sync"
	"testing"
	"time"

	"ops-console/ops/config"
	"ops-console/ops/fly"
	"ops-console/wg"
)

func TestWatchWithBadOptions(t *testing.T) {
	w := newWorld(t)
	for name, change := range map[string]func(*Options){
		"no app":      func(o *Options) { o.App = "" },
		"no platform": func(o *Options) { o.Platform = nil },
		"bad status":  func(o *Options) { o.Probe.Status = "well" },
		"bad rule":    func(o *Options) { o.Agree = []config.AgreePath{{Path: "/", Ignore: []string{"("}}} },
	} {
		t.Run(name, func(t *testing.T) {
			o := w.options()
			change(&o)
			watcher := Watch(t.Context(), o)
			if s := watcher.Latest(); s.Err == nil || s.Value != nil || s.Seq != 1 {
				t.Errorf("latest %+v", s)
			}
			watcher.Refresh()
			watcher.Close()
			if _, err := Read(t.Context(), o); err == nil {
				t.Error("Read takes them")
			}
		})
	}
}

func TestWatchEndsWithItsContext(t *testing.T) {
	t.Parallel()
	w := newWorld(t, fleet(1, "iad")...)
	w.handle(w.machines[0], func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	ctx, cancel := context.WithCancel(t.Context())
	watcher := Watch(ctx, w.options())
	until(t, watcher, "anything", func(*Snapshot) bool { return true })
	cancel()
	watcher.Close()
	watcher.Close()
}

func TestSnapshotsArePublishedAtMostTenTimesASecond(t *testing.T) {
	t.Parallel()
	w := newWorld(t, fleet(25, "iad", "fra")...)
	o := w.options()
	ms := time.Millisecond
	o.Interval = config.Interval{Platform: ms, DNS: ms, Probe: ms, Releases: ms}
	watcher := Watch(t.Context(), o)
	defer watcher.Close()
	until(t, watcher, "health", func(s *Snapshot) bool { return s.Verdict == Healthy })
	first := watcher.Latest()
	until(t, watcher, "ten more", func(*Snapshot) bool { return watcher.Latest().Seq >= first.Seq+10 })
	if d := watcher.Latest().At.Sub(first.At); d < 9*publishEvery {
		t.Errorf("ten snapshots in %s", d)
	}
}

func TestPublishedSnapshotsDoNotChange(t *testing.T) {
	t.Parallel()
	w := newWorld(t, fleet(5, "iad", "fra")...)
	o := w.options()
	ms := time.Millisecond
	o.Interval = config.Interval{Platform: ms, DNS: ms, Probe: ms, Releases: ms}
	watcher := Watch(t.Context(), o)
	defer watcher.Close()
	s := until(t, watcher, "health", func(s *Snapshot) bool { return s.Verdict == Healthy })
	// The race detector sees writes to what readers read.
	var readers sync.WaitGroup
	for range 2 {
		readers.Go(func() {
			for range 100 {
				n := 0
				for _, i := range s.Instances {
					for _, h := range i.Probe.History {
						n += int(h.Latency)
					}
				}
				for _, r := range s.Regions {
					for _, l := range r.Latency {
						n += int(l)
					}
				}
				if n == 0 {
					t.Error("nothing to read")
				}
			}
		})
	}
	seq := watcher.Latest().Seq
	until(t, watcher, "more", func(*Snapshot) bool { return watcher.Latest().Seq > seq+5 })
	readers.Wait()
}

func TestRefreshReadsNow(t *testing.T) {
	t.Parallel()
	w := newWorld(t, fleet(1, "iad", "fra")...)
	o := w.options()
	o.Interval = config.Interval{Platform: time.Hour, DNS: time.Hour, Probe: time.Hour, Releases: time.Hour}
	watcher := Watch(t.Context(), o)
	defer watcher.Close()
	until(t, watcher, "health", func(s *Snapshot) bool { return s.Verdict == Healthy })
	w.with(func() { w.machines = append(w.machines, newMachine(7, "syd")) })
	watcher.Refresh()
	until(t, watcher, "the new machine", func(s *Snapshot) bool { return len(s.Instances) == 3 })
}

func TestNetworkThatComesUpLaterIsUsedAtOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t, fleet(1, "iad", "fra")...)
	w.status = wg.Status{State: wg.StateConnecting, Since: time.Now()}
	o := w.options()
	o.Interval = config.Interval{Platform: time.Hour, DNS: time.Hour, Probe: time.Hour, Releases: time.Hour}
	watcher := Watch(t.Context(), o)
	defer watcher.Close()
	until(t, watcher, "the platform", func(s *Snapshot) bool {
		return len(s.Instances) == 2 && s.Instances[0].State == fly.StateStarted && s.Instances[0].Probe.State != ProbeOK
	})
	w.setState(wg.StateUp)
	until(t, watcher, "answers", func(s *Snapshot) bool { return s.Instances[0].Probe.State == ProbeOK })
}

func TestReadKeepsToItsTime(t *testing.T) {
	w := newWorld(t, fleet(1, "iad", "fra")...)
	w.handle(w.machines[0], func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	o := w.options()
	o.Platform = slow{w}
	o.Probe = config.Probe{Port: 4000}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
	defer cancel()
	s, err := Read(ctx, o)
	if err != nil {
		t.Fatal(err)
	}
	if ctx.Err() != nil {
		t.Error("the whole time was used up")
	}
	answered := 0
	for _, i := range s.Instances {
		if i.Probe.State == ProbeOK {
			answered++
		}
	}
	if s.Verdict != NotKnown || answered != 1 {
		t.Errorf("verdict %s, %d answered: %+v", s.Verdict, answered, s.Instances)
	}
	ctx, cancel = context.WithCancel(t.Context())
	cancel()
	if _, err := Read(ctx, o); err == nil {
		t.Error("a cancelled Read gives a snapshot")
	}
}

// slow is a platform that answers nothing.
type slow struct{ *world }

func (slow) Machines(ctx context.Context, _ string) ([]fly.Machine, error) {
	<-ctx.Done()
	return nil, ctx.Err()
}

func (slow) App(ctx context.Context, _ string) (fly.App, error) {
	<-ctx.Done()
	return fly.App{}, ctx.Err()
}
