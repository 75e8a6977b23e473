package replication

import (
	"slices"
	"strings"
	"testing"
	"time"

	"ops-console/ops/postgres"
)

func namesOf(s *Snapshot) []string {
	var out []string
	for _, n := range s.Nodes {
		out = append(out, n.Name)
	}
	return out
}

func TestWhoseSenderARowIs(t *testing.T) {
	// Both replicas are read; the primary has two rows whose application names are not theirs.
	rows := func(edit func(i int, s *SenderRow)) func(string, *Reading) {
		return func(name string, r *Reading) {
			if name != "p" {
				r.Receiver.Slot = "slot_" + name
				r.Address = map[string]string{"r1": "10.0.0.1", "r2": "10.0.0.2"}[name]
				return
			}
			for i := range r.Senders {
				r.Senders[i].Application = "walreceiver"
				edit(i, &r.Senders[i])
				r.Slots = append(r.Slots, SlotRow{Name: "other", Type: "physical"})
			}
		}
	}
	tests := []struct {
		name string
		edit func(string, *Reading)
		want []string // nodes
		pids map[string]int
	}{
		{"by name", nil, []string{"p", "r1", "r2"}, map[string]int{"r1": 102, "r2": 103}},
		{"by address", rows(func(i int, s *SenderRow) { s.Client = []string{"10.0.0.1", "10.0.0.2"}[i] }), []string{"p", "r1", "r2"}, map[string]int{"r1": 102, "r2": 103}},
		{
			"by slot", func(name string, r *Reading) {
				rows(func(i int, s *SenderRow) {
					r.Slots = append(r.Slots, SlotRow{Name: []string{"slot_r1", "slot_r2"}[i], Type: "physical", Active: true, ActivePID: s.PID})
				})(name, r)
			},
			[]string{"p", "r1", "r2"},
			map[string]int{"r1": 102, "r2": 103},
		},
		{"by what is left", rows(func(i int, s *SenderRow) { s.Client = []string{"10.0.0.1", ""}[i] }), []string{"p", "r1", "r2"}, map[string]int{"r1": 102, "r2": 103}},
		{"two that cannot be told apart are nobody's, and nobody new", rows(func(int, *SenderRow) {}), []string{"p", "r1", "r2"}, map[string]int{}},
		{
			"programs are not replicas", only("p", func(r *Reading) {
				r.Senders = append(r.Senders, SenderRow{PID: 7, Application: "pg_basebackup", State: "backup"}, SenderRow{PID: 8, Application: "sub", State: "streaming"})
				r.Slots = []SlotRow{{Name: "sub", Type: "logical", Active: true, ActivePID: 8}}
			}),
			[]string{"p", "r1", "r2"},
			map[string]int{"r1": 102, "r2": 103},
		},
		{
			"one that is not listed", only("p", func(r *Reading) {
				r.Senders = append(r.Senders, SenderRow{PID: 9, Application: "extra", State: "streaming", Sent: 5000, Write: 5000, Flush: 5000, Replay: 5000})
			}),
			[]string{"p", "extra", "r1", "r2"},
			map[string]int{"r1": 102, "r2": 103, "extra": 9},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := newCluster(Settings{}, "r1", "r2")
			c.log = writes(-10, 30, 0.05, 100)
			c.edit = tt.edit
			s := c.run(0, 10, behind(0.04), nil)
			consistent(t, s)
			if got := namesOf(s); !slices.Equal(got, tt.want) {
				t.Errorf("nodes %v, want %v", got, tt.want)
			}
			for _, n := range s.Nodes {
				pid := 0
				if n.Sender != nil {
					pid = n.Sender.PID
				}
				if pid != tt.pids[n.Name] {
					t.Errorf("%s: sender %d, want %d", n.Name, pid, tt.pids[n.Name])
				}
			}
			if n := find(s, "r1"); n.Upstream != "p" {
				t.Errorf("r1 follows %q", n.Upstream)
			}
		})
	}
}

func TestAReplicaThatIsNotListedStaysWhenItsRowGoes(t *testing.T) {
	c := newCluster(Settings{}, "r1")
	c.log = writes(-10, 60, 0.05, 100)
	var stuck LSN
	c.edit = only("p", func(r *Reading) {
		p := r.Positions.Flush
		if r.Received.Before(at(20)) {
			stuck = p
			r.Senders = append(r.Senders, SenderRow{PID: 9, Application: "extra", State: "streaming", Sent: p, Write: p, Flush: p, Replay: p, Reply: r.Now})
		}
	})
	s := c.run(0, 40, behind(0.04), nil)
	n := find(s, "extra")
	if n.State != Detached || !strings.HasPrefix(n.Reason, "p lost it") || n.Address != "" || !n.Sender.Gone || n.Sender.Replay != stuck {
		t.Errorf("%s: %s, sender %+v", n.State, n.Reason, n.Sender)
	}
	if n.Lag.Source != FromPrimary || n.Lag.Lo == nil || *n.Lag.Lo < 18 || *n.Lag.Hi > 20.5 {
		t.Errorf("lag %v", show(n.Lag))
	}
	// Once it is listed it is one node, not two.
	c.nodes = append(c.nodes, postgres.Node{Name: "extra", Host: "extra.example.com", Port: 5433, Expect: postgres.RoleReplica})
	c.boots["extra"] = at(-77)
	c.t.Nodes(c.nodes, at(40))
	s = c.run(40, 43, behind(0.04), nil)
	consistent(t, s)
	if got := namesOf(s); !slices.Equal(got, []string{"p", "extra", "r1"}) {
		t.Errorf("nodes %v", got)
	}
}

func TestAuroraSaysTheLagItself(t *testing.T) {
	c := newCluster(Settings{}, "r1")
	c.log = writes(-10, 30, 0.05, 100)
	c.edit = func(name string, r *Reading) {
		r.Aurora = []AuroraRow{{Server: "p", Writer: true}, {Server: "r1", Lag: 22 * time.Millisecond, At: r.Now.Add(-300 * time.Millisecond)}}
		r.Capabilities.Aurora, r.Receiver, r.Senders = true, nil, nil
		r.Positions.Receive = 0
	}
	s := c.run(0, 12, behind(0.02), nil)
	n := find(s, "r1")
	if n.State != Streaming || n.Lag.Source != FromAurora || *n.Lag.Lo != 0.022 || *n.Lag.Hi != 0.322 {
		t.Errorf("%s: %s, lag %v", n.State, n.Reason, show(n.Lag))
	}
	if len(s.Notes) != 1 || !strings.Contains(s.Notes[0], "Aurora says the lag itself") {
		t.Errorf("notes %q", s.Notes)
	}
}

func TestBytesByStage(t *testing.T) {
	c := newCluster(Settings{}, "r1")
	c.log = log{{sent: at(-1), lsn: 1_000_000}}
	c.edit = func(name string, r *Reading) {
		if name == "p" {
			r.Senders[0].Sent, r.Senders[0].Write, r.Senders[0].Flush, r.Senders[0].Replay = 900_000, 700_000, 600_000, 100_000
			return
		}
		r.Positions = Positions{Receive: 600_000, Replay: 150_000}
		r.Receiver.Written, r.Receiver.Flushed = 700_000, 600_000
	}
	s := c.run(0, 3, behind(0), nil)
	b := find(s, "r1").Behind
	for _, x := range []struct {
		name string
		got  *int64
		want int64
	}{{"total", b.Total, 850_000}, {"unsent", b.Unsent, 100_000}, {"in flight", b.InFlight, 200_000}, {"to flush", b.ToFlush, 100_000}, {"to replay", b.ToReplay, 450_000}} {
		if x.got == nil || *x.got != x.want {
			t.Errorf("%s: got %v, want %d", x.name, x.got, x.want)
		}
	}
}

func TestRatesAndTheTimeToCatchUp(t *testing.T) {
	c := newCluster(Settings{}, "r1")
	c.log = writes(-100, 200, 0.05, 1000) // 20 kB/s
	// From second 0 on it replays twice as fast as is written: half a second less each second.
	s := c.run(0, 30, func(_ string, s float64) float64 { return 60 - s }, nil)
	n := find(s, "r1")
	if n.State != CatchUp || n.ETA == nil || *n.ETA < 28 || *n.ETA > 32 {
		t.Errorf("%s: %s, eta %v", n.State, n.Reason, n.ETA)
	}
	if n.Replay == nil || n.Replay.Now < 39_000 || n.Replay.Now > 41_000 || s.WALRate == nil || s.WALRate.Now < 19_500 || s.WALRate.Now > 20_500 {
		t.Errorf("replays %+v, primary writes %+v", n.Replay, s.WALRate)
	}
}

func TestTrailsAreNotWrittenToOnceTheyAreOut(t *testing.T) {
	var tr trail
	var views [][]Point
	for i := range 3 * 3600 {
		tr.add(Point{At: at(float64(i)), Replay: LSN(i)})
		views = append(views, tr.view())
	}
	for i, v := range views {
		if len(v) > 3601 || v[len(v)-1].Replay != LSN(i) {
			t.Fatalf("view %d: %d points, the last is %d", i, len(v), v[len(v)-1].Replay)
		}
		if want := LSN(max(0, i-3600)); v[0].Replay != want {
			t.Fatalf("view %d begins at %d, want %d", i, v[0].Replay, want)
		}
		if cap(v) != len(v) {
			t.Fatalf("view %d can be appended to", i)
		}
	}
	if cap(tr.points) > 3*3601 {
		t.Errorf("room for %d points", cap(tr.points))
	}
}

func TestATrailHasGapsWhereNothingIsKnown(t *testing.T) {
	c := newCluster(Settings{}, "r1")
	c.log = writes(-10, 20, 0.05, 100)
	c.run(0, 10, behind(0.04), nil)
	var s *Snapshot
	for i := 10.0; i < 30; i++ {
		c.fail("p", at(i), postgres.FailTimeout)
		c.fail("r1", at(i), postgres.FailTimeout)
		s = c.t.Snapshot(at(i + 0.95))
	}
	tr := find(s, "r1").Trail
	last := tr[len(tr)-1]
	if last.At.Before(at(28)) || last.Lo == last.Lo || last.Est == last.Est || last.State != Unreachable {
		t.Errorf("the last point is %+v", last)
	}
	if first := tr[0]; first.Est != first.Est || first.State != Streaming {
		t.Errorf("the first point is %+v", first)
	}
}
