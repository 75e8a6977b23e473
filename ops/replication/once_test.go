package replication

import (
	"bytes"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

// TestAtOnceStatesAndProblemsNeedNoPast looks at each fault 40 s after it began, for two readings of each node.
func TestAtOnceStatesAndProblemsNeedNoPast(t *testing.T) {
	want := map[State][]string{
		Primary: nil, Streaming: nil, Delayed: nil,
		Unreachable: {codeUnreachable}, Foreign: {codeForeign}, Misrouted: {codeMisrouted},
		SplitBrain: {codeSplitBrain}, Paused: {codePaused}, Detached: {codeDetached}, Silent: {codeSilent}, Blocked: {codeBlocked},
		CatchUp: nil, FallingBehind: nil, Lagging: {codeLag}, Lost: {codeLost},
	}
	for _, f := range faults {
		if f.name == "receivers that come and go" || f.name == "further behind than the delay" {
			continue // the first needs a past; of the second the bounds do not say so much yet
		}
		t.Run(f.name, func(t *testing.T) {
			c := newCluster(Settings{Once: true}, "r1", "r2")
			c.log = writes(-10, 100, 0.05, 100)
			if f.idle {
				c.log = writes(-10, -5, 0.05, 100)
			}
			c.edit = func(name string, r *Reading) {
				if name == "r1" {
					r.UsesSlot = "s1"
				}
				if f.edit != nil {
					f.edit(name, r)
				}
			}
			node := f.node
			if node == "" {
				node = "r1"
			}
			var last *Snapshot
			to := 42.0
			if f.delay > 0 {
				to = 47 // until that is certain
			}
			c.run2(20, 40, to, f, func(_ float64, s *Snapshot) { consistent(t, s); last = s })
			n := find(last, node)
			if n.State != f.state || !n.StateSince.IsZero() {
				t.Errorf("state %s (%s) since %v, want %s and since unknown", n.State, n.Reason, n.StateSince, f.state)
			}
			if !strings.Contains(n.Reason, f.reason) && !f.grows && f.delay >= 0 {
				t.Errorf("reason %q, want %q in it", n.Reason, f.reason)
			}
			got := codes(last)
			for _, code := range want[f.state] {
				if !slices.Contains(got, code) {
					t.Errorf("problems %q, want %q among them", got, code)
				}
			}
			if f.state == Streaming && len(got) > 0 {
				t.Errorf("problems %q, want none", got)
			}
			if len(last.Events) > 0 {
				t.Errorf("events %v", last.Events)
			}
		})
	}
}

// TestACutReplicaAtOnce has never seen the replica attached.
func TestACutReplicaAtOnce(t *testing.T) {
	c := newCluster(Settings{Once: true}, "r1")
	c.log = writes(-60, 100, 0.05, 100)
	c.edit = func(name string, r *Reading) {
		if name == "p" {
			r.Senders = nil
			r.Slots = []SlotRow{{Name: "s1", Type: "physical", Restart: 1 << 24, WALStatus: "reserved"}}
			return
		}
		r.Receiver, r.UsesSlot, r.LastCommit = nil, "s1", at(-20)
	}
	s := c.run(0, 3, func(_ string, s float64) float64 { return s + 20 }, nil)
	n := find(s, "r1")
	if n.State != Detached || n.Reason != "no receiver, and p does not send to it; its slot s1 on p is not used" {
		t.Errorf("state %s: %s", n.State, n.Reason)
	}
	if n.Lag.Lo == nil || *n.Lag.Lo < 1.9 || n.Lag.Hi != nil || n.Lag.String() != "~22s" {
		t.Errorf("lag %s, shown as %s", show(n.Lag), n.Lag)
	}
	if n.Behind.Total == nil || *n.Behind.Total == 0 {
		t.Errorf("behind %+v", n.Behind)
	}
	if got := codes(s); !slices.Equal(got, []string{codeDetached, codeLag}) {
		t.Errorf("problems %q", got)
	}
}

func TestAtOnceASlotThatNobodyIsKnownToUse(t *testing.T) {
	old, young := at(0).Add(-time.Hour), at(0).Add(-time.Minute)
	for _, tt := range []struct {
		name string
		slot SlotRow
		want bool
	}{
		{"of nobody", SlotRow{Name: "gone"}, true},
		{"of a replica", SlotRow{Name: "s1"}, false},
		{"in use", SlotRow{Name: "gone", Active: true, ActivePID: 9}, false},
		{"not used for a minute", SlotRow{Name: "gone", InactiveAt: young}, false},
		{"not used for an hour", SlotRow{Name: "gone", InactiveAt: old}, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := newCluster(Settings{Once: true}, "r1")
			c.log = writes(-60, 100, 0.05, 100)
			c.edit = func(name string, r *Reading) {
				if name == "p" {
					tt.slot.Type, tt.slot.Restart, tt.slot.WALStatus = "physical", 1<<24, "reserved"
					r.Slots = []SlotRow{tt.slot}
					return
				}
				r.UsesSlot = "s1"
			}
			s := c.run(0, 3, behind(0.04), nil)
			if got := slices.Contains(codes(s), codeSlotInactive); got != tt.want {
				t.Errorf("problems %v", s.Problems)
			}
			if got := s.Slots[0].Level == LevelWarning; got != tt.want {
				t.Errorf("level %s", s.Slots[0].Level)
			}
		})
	}
}

// TestReadWaitsUntilALagIsCriticalForCertain has a replica that shows what was there before the first reading.
func TestReadWaitsUntilALagIsCriticalForCertain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newFakeWorld(1)
		w.apart = true
		r := w.server("r1")
		r.with(func() { r.flush -= 1000 })
		var recorded bytes.Buffer
		start := time.Now()
		s, err := read(t.Context(), Options{Locator: w, Record: &recorded}, w.connect)
		if err != nil {
			t.Fatal(err)
		}
		if d := time.Since(start); d < 5*time.Second || d > 7*time.Second {
			t.Errorf("it took %s", d)
		}
		if s.Verdict != Unhealthy || !slices.Contains(codes(s), codeLagCritical) {
			t.Errorf("%s: %v", s.Verdict, s.Problems)
		}
		var again *Snapshot
		for s, err := range Replay(&recorded, Settings{Interval: time.Second / 2}) {
			if err != nil {
				t.Fatal(err)
			}
			again = s
		}
		if diff := cmp.Diff(s.Problems, again.Problems); diff != "" {
			t.Errorf("problems of the recording (-read +recording):\n%s", diff)
		}
	})
}

// TestBelowACutAtOnce has r2 stream from r1, which is cut off.
func TestBelowACutAtOnce(t *testing.T) {
	c := newCluster(Settings{Once: true}, "r1", "r2")
	c.log = writes(-60, 100, 0.05, 100)
	c.edit = func(name string, r *Reading) {
		switch name {
		case "p":
			r.Senders = nil
		case "r1":
			p := r.Positions.Replay
			r.Receiver, r.LastCommit = nil, at(-20)
			r.Senders = []SenderRow{{PID: 9, Application: "r2", State: "streaming", Sent: p, Write: p, Flush: p, Replay: p, Reply: r.Now}}
		case "r2":
			r.Receiver.Host, r.LastCommit = "r1.example.com", at(-20)
		}
	}
	s := c.run(0, 8, func(_ string, s float64) float64 { return s + 20 }, nil)
	n := find(s, "r2")
	if n.State != FallingBehind || n.Upstream != "r1" || !strings.HasPrefix(n.Reason, "its upstream r1 is detached; replays ") {
		t.Errorf("%s below %s: %s", n.State, n.Upstream, n.Reason)
	}
	for _, p := range s.Problems {
		if p.Code != codeLagCritical {
			continue
		}
		state := map[string]string{"r1": "detached", "r2": "falling behind; " + n.Reason}[p.Subject.Instance]
		if want := "lag " + n.Lag.String() + ", for certain ≥"; !strings.HasPrefix(p.Detail, want) || !strings.HasSuffix(p.Detail, "; "+state) {
			t.Errorf("%s: %q, want %q … %q", p.Subject.Instance, p.Detail, want, state)
		}
	}
	if got := codes(s); !slices.Equal(got, []string{codeLagCritical, codeLagCritical, codeDetached}) {
		t.Errorf("problems %q", got)
	}
}

func TestWhatIsNotSaidOfAReplica(t *testing.T) {
	c := newCluster(Settings{}, "r1")
	c.log = writes(-60, 100, 0.05, 100)
	c.edit = func(name string, r *Reading) {
		if name == "r1" {
			r.ApplyDelay = 4 * time.Second
			return
		}
		setSender(r, "r1", func(s *SenderRow) { *s = SenderRow{PID: s.PID, Application: "r1", State: "startup", Reply: s.Reply} })
	}
	n := find(c.run(0, 12, behind(4), nil), "r1")
	if n.State != Delayed || n.ETA != nil {
		t.Errorf("%s, caught up in %v: a delay is never caught up", n.State, n.ETA)
	}
	if n.Behind.Unsent != nil || n.Behind.InFlight != nil || n.Behind.ToFlush != nil {
		t.Errorf("behind %+v of a sender that has just begun", n.Behind)
	}
}
