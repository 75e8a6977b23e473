package health

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"ops-console/ops/config"
	"ops-console/ops/fly"
)

func TestListIsConfirmedBeforeAnythingIsGone(t *testing.T) {
	t.Parallel()
	was := fleet(1, "iad", "fra", "syd")
	leaving := newMachine(9, "gru", state(fly.StateDestroying, t0))
	tests := []struct {
		name     string
		was      []fly.Machine
		l        list
		retained []string // ids
		doubt    string
	}{
		{name: "complete", was: was, l: list{machines: was, count: 3}},
		{name: "grown", was: was[:1], l: list{machines: was, count: 3}},
		{name: "gone, the count agrees", was: was, l: list{machines: was[:2], count: 2}},
		{name: "gone, no count, DNS agrees", was: was, l: list{machines: was[:2], count: -1, listed: map[string]bool{was[0].ID: true, was[1].ID: true}}},
		{
			name: "short, the count knows better", was: was, l: list{machines: was[:2], count: 3},
			retained: []string{was[2].ID}, doubt: "the list has 2 machines and lacks " + was[2].ID + ", the platform counts 3",
		},
		{
			name: "short, DNS knows better", was: was, l: list{machines: was[:2], count: 2, listed: map[string]bool{was[2].ID: true}},
			retained: []string{was[2].ID}, doubt: "the list has 2 machines and lacks " + was[2].ID + ", DNS lists 1 of those left out",
		},
		{
			name: "short, nothing to compare with", was: was, l: list{machines: was[:2], count: -1},
			retained: []string{was[2].ID}, doubt: "the list has 2 machines and lacks " + was[2].ID,
		},
		{
			name: "empty", was: was, l: list{count: 3},
			retained: []string{was[0].ID, was[1].ID, was[2].ID},
			doubt:    "the list has 0 machines and lacks " + was[0].ID + ", " + was[1].ID + ", " + was[2].ID + ", the platform counts 3",
		},
		{name: "empty, and all agree", was: was, l: list{count: 0, listed: map[string]bool{}}},
		{name: "empty from the beginning", l: list{count: 0}},
		{name: "empty from the beginning, no count", l: list{count: -1}, doubt: "the list is empty and the platform's count cannot be read"},
		{name: "empty from the beginning, DNS knows better", l: list{count: 0, listed: map[string]bool{"x": true}}, doubt: "the list is empty, DNS lists 1 of those left out"},
		{name: "short from the beginning", l: list{machines: was, count: 5}, doubt: "the list has 3 machines, the platform counts 5"},
		{name: "destroyed in the meantime", was: []fly.Machine{was[0], leaving}, l: list{machines: was[:1], count: -1}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			machines, retained, doubt := tt.l.confirmed(tt.was)
			if doubt != tt.doubt {
				t.Errorf("doubt %q, want %q", doubt, tt.doubt)
			}
			var got []string
			for _, m := range machines {
				if retained[m.ID] {
					got = append(got, m.ID)
				}
			}
			if diff := cmp.Diff(tt.retained, got); diff != "" {
				t.Errorf("retained (-want +got):\n%s", diff)
			}
			if len(machines) != len(tt.l.machines)+len(tt.retained) {
				t.Errorf("%d machines", len(machines))
			}
		})
	}
}

func TestOneEmptyListChangesNothing(t *testing.T) {
	t.Parallel()
	mm := fleet(2, "iad", "fra")
	w := newWorld(t, mm...)
	w.listing = func(call int) ([]fly.Machine, error) {
		if call%2 == 1 {
			return nil, nil
		}
		return slices.Clone(mm), nil
	}
	o := w.options()
	ms := time.Millisecond
	o.Interval = config.Interval{Platform: 5 * ms, DNS: 5 * ms, Probe: 5 * ms, Releases: 5 * ms}
	watcher := Watch(context.Background(), o)
	defer watcher.Close()
	until(t, watcher, "health", func(s *Snapshot) bool { return s.Verdict == Healthy })
	for range 10 {
		seq := watcher.Latest().Seq
		until(t, watcher, "more", func(*Snapshot) bool { return watcher.Latest().Seq > seq })
		if s := watcher.Latest().Value; len(s.Instances) != 4 || s.Verdict != Healthy {
			t.Fatalf("%d instances, verdict %s, problems %+v", len(s.Instances), s.Verdict, s.Problems)
		}
	}
}

func TestAShrunkenListKeepsTheOthers(t *testing.T) {
	t.Parallel()
	mm := fleet(2, "iad", "fra")
	w := newWorld(t, mm...)
	o := w.options()
	ms := time.Millisecond
	o.Interval = config.Interval{Platform: 5 * ms, DNS: 5 * ms, Probe: 5 * ms, Releases: 5 * ms}
	watcher := Watch(context.Background(), o)
	defer watcher.Close()
	until(t, watcher, "health", func(s *Snapshot) bool { return s.Verdict == Healthy })
	w.with(func() {
		w.listing = func(int) ([]fly.Machine, error) { return slices.Clone(mm[:1]), nil }
	})
	s := until(t, watcher, "doubt", func(s *Snapshot) bool { return len(s.Problems) > 0 })
	retained := 0
	for _, i := range s.Instances {
		if i.Retained {
			retained++
		}
	}
	if len(s.Instances) != 4 || retained != 3 || s.Problems[0].Code != codeListUnconfirmed || s.Verdict != NotKnown {
		t.Errorf("%d instances, %d retained, verdict %s, problems %+v", len(s.Instances), retained, s.Verdict, s.Problems)
	}
	// Now they are really gone, and everything says so.
	w.with(func() { w.machines = mm[:1] })
	until(t, watcher, "their end", func(s *Snapshot) bool { return len(s.Instances) == 1 && s.Verdict == Healthy })
}

func TestConfigIsRememberedWhileTheHostIsUnreachable(t *testing.T) {
	t.Parallel()
	mm := fleet(1, "iad", "fra")
	w := newWorld(t, mm...)
	o := w.options()
	ms := time.Millisecond
	o.Interval = config.Interval{Platform: 5 * ms, DNS: 5 * ms, Probe: 5 * ms, Releases: 5 * ms}
	watcher := Watch(context.Background(), o)
	defer watcher.Close()
	until(t, watcher, "health", func(s *Snapshot) bool { return s.Verdict == Healthy })
	w.with(func() {
		w.machines = slices.Clone(mm)
		w.machines[0].HostStatus, w.machines[0].Config = fly.HostUnreachable, nil
	})
	s := until(t, watcher, "the unreachable host", func(s *Snapshot) bool { return slices.Contains(codes(s.Problems), codeHostDisputed) })
	i := s.Instances[slices.IndexFunc(s.Instances, func(i Instance) bool { return i.ID == mm[0].ID })]
	if i.Release != 41 || i.ProcessGroup != "app" || i.Unmanaged || i.Probe.State != ProbeOK {
		t.Errorf("instance %+v: what was known of it is lost", i)
	}
}

func TestPlatformErrorsKeepWhatIsKnown(t *testing.T) {
	t.Parallel()
	mm := fleet(1, "iad", "fra")
	w := newWorld(t, mm...)
	o := w.options()
	ms := time.Millisecond
	o.Interval = config.Interval{Platform: 5 * ms, DNS: 5 * ms, Probe: 5 * ms, Releases: 5 * ms}
	watcher := Watch(context.Background(), o)
	defer watcher.Close()
	until(t, watcher, "health", func(s *Snapshot) bool { return s.Verdict == Healthy })
	w.with(func() { w.err = errors.New("502 bad gateway") })
	s := until(t, watcher, "the error", func(s *Snapshot) bool { return s.Sources.Platform.Error != "" })
	if len(s.Instances) != 2 || s.Instances[0].State != fly.StateStarted || s.Instances[0].PlatformAt.IsZero() || s.Sources.Platform.GoodAt.IsZero() {
		t.Errorf("%+v", s)
	}
}
