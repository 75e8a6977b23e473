package replication

import (
	"strings"
	"testing"
	"time"

	"ops-console/ops/postgres"
)

// fault makes the readings of a cluster p → r1, r2 what they are while something is wrong from second 20 on.
type fault struct {
	name   string
	node   string // whose state is looked at; empty: r1
	state  State
	reason string  // part of it
	level  Level   // empty: that of the rule
	idle   bool    // nothing is written
	delay  float64 // of r1 from second 20 on; negative: it is not read, but fails
	grows  bool    // the delay grows by a second each second
	noRow  bool    // the primary has no row of r1 from then on
	edit   func(name string, r *Reading)
	check  func(t *testing.T, n Node)
}

var faults = []fault{
	{name: "nothing", state: Streaming},
	{name: "it cannot be read", state: Unreachable, delay: -1, reason: "no answer within 0.9s; p still sends to it", check: func(t *testing.T, n Node) {
		if n.Failure == nil || n.Failure.Kind != postgres.FailTimeout || !n.Failure.Since.Equal(at(20.05)) {
			t.Errorf("failure %+v", n.Failure)
		}
		if n.Lag.Source != FromPrimary || n.Lag.Hi == nil {
			t.Errorf("lag %v", show(n.Lag))
		}
	}},
	{name: "another cluster", state: Foreign, reason: "its system identifier is 42", edit: of("r1", func(r *Reading) { r.SystemID = "42" })},
	{
		name: "its address leads to the primary", state: Misrouted, reason: "this address leads to the primary, p (10.0.0.1)",
		edit: of("r1", func(r *Reading) { *r = primaryAgain(r); r.Address = "10.0.0.1" }),
	},
	{
		name: "it was promoted and the primary lives on", state: SplitBrain, reason: "and so does p (timeline 1, at",
		edit: of("r1", func(r *Reading) { promoted(r, 2) }),
	},
	{
		name: "the old primary, then", node: "p", state: SplitBrain, reason: "and so does r1 (timeline 2, at",
		edit: of("r1", func(r *Reading) { promoted(r, 2) }),
	},
	{name: "paused", state: Paused, grows: true, reason: "replay is paused", edit: of("r1", func(r *Reading) { r.Paused = "paused" })},
	{name: "asked to pause", state: Paused, reason: "asked to pause", edit: of("r1", func(r *Reading) { r.Paused = "pause requested" })},
	{name: "cut off", state: Detached, grows: true, noRow: true, reason: "no receiver, and p does not send to it", edit: of("r1", func(r *Reading) { r.Receiver = nil })},
	{
		name: "black hole", state: Silent, grows: true, reason: "have not arrived: the link is dead",
		edit: of("r1", func(r *Reading) { r.Receiver.LastGot = at(20) }),
	},
	{
		name: "idle for long is not silent", state: Streaming, idle: true,
		edit: of("r1", func(r *Reading) { r.Receiver.LastGot = r.Now.Add(-29 * time.Second) }),
	},
	{
		name: "idle for too long is", state: Silent, idle: true, reason: "the link is dead",
		edit: func(name string, r *Reading) {
			if name == "r1" {
				r.Receiver.LastGot = at(-14.5)
			}
		},
	},
	{
		name: "a query in the way", state: Blocked, grows: true, reason: "replay waits for pid 4411 (6m 02s): SELECT 1 FROM events; max_standby_streaming_delay = -1",
		edit: of("r1", func(r *Reading) {
			r.StartupWait = "RecoveryConflictSnapshot"
			r.Blockers = []Blocker{{PID: 4411, Age: 362, Query: "SELECT 1\nFROM events", MaxDelay: "-1"}}
		}),
	},
	{
		name: "delayed on purpose", state: Delayed, delay: 3, reason: "recovery_min_apply_delay = 3s",
		edit: of("r1", func(r *Reading) { r.ApplyDelay = 3 * time.Second }),
	},
	{name: "further behind than the delay", state: FallingBehind, delay: 9, grows: true, edit: of("r1", func(r *Reading) { r.ApplyDelay = 3 * time.Second }), level: LevelCritical},
	{name: "falls behind", state: FallingBehind, grows: true, delay: 6, reason: "replays 0 B/s, the primary writes", level: LevelCritical},
	{name: "lags", state: Lagging, delay: 2},
	{
		name: "its sender reads old WAL", state: CatchUp, reason: "catchup",
		edit: of("p", func(r *Reading) { setSender(r, "r1", func(s *SenderRow) { s.State = "catchup" }) }),
	},
	{
		name: "its slot is lost", state: Lost, grows: true, noRow: true, reason: "its slot s1 on p is lost: WAL that it needs is gone; wal_removed",
		edit: func(name string, r *Reading) {
			lost := r.Received.After(at(20))
			if name == "p" {
				s := SlotRow{Name: "s1", Type: "physical", Active: !lost, Restart: 1 << 24, WALStatus: "reserved"}
				if !lost {
					s.ActivePID = 102
				} else {
					s.WALStatus, s.Invalidation, s.Restart = "lost", "wal_removed", 0
				}
				r.Slots = []SlotRow{s}
			}
			if name == "r1" && lost {
				r.Receiver = nil
			}
		},
	},
	{
		name: "receivers that come and go", state: Lost, grows: true, noRow: true, reason: "its receiver was started",
		edit: of("r1", func(r *Reading) {
			n := int(r.Received.Sub(at(20)).Seconds())
			r.Receiver.PID = 1000 + n
			r.Receiver.Written, r.Receiver.Flushed = r.Positions.Replay, r.Positions.Replay
			if n%4 > 0 {
				r.Receiver = nil
			}
		}),
	},
}

// of edits the readings of one node from second 20 on.
func of(node string, edit func(*Reading)) func(string, *Reading) {
	return func(name string, r *Reading) {
		if name == node && r.Received.After(at(20)) {
			edit(r)
		}
	}
}

func setSender(r *Reading, name string, edit func(*SenderRow)) {
	for i := range r.Senders {
		if r.Senders[i].Application == name {
			edit(&r.Senders[i])
		}
	}
}

// primaryAgain is what the primary says at the moment of r.
func primaryAgain(r *Reading) Reading {
	p := *r
	p.InRecovery, p.Receiver, p.Boot, p.WALFileTLI = false, nil, at(-3600), 1
	p.Positions = Positions{Flush: r.Positions.Replay, Write: r.Positions.Replay, Insert: r.Positions.Replay}
	return p
}

// promoted makes of a replica's reading that of a primary.
func promoted(r *Reading, timeline uint32) {
	end := r.Positions.Replay
	r.InRecovery, r.Receiver, r.WALFileTLI = false, nil, timeline
	r.Positions = Positions{Flush: end, Write: end, Insert: end, Fork: end - 50}
}

func TestEachStateIsToldInTime(t *testing.T) {
	covered := map[State]bool{Primary: true}
	for _, f := range faults {
		covered[f.state] = true
		t.Run(f.name, func(t *testing.T) {
			c := newCluster(Settings{}, "r1", "r2")
			c.log = writes(-10, -5, 0.05, 100)
			if !f.idle {
				c.log = writes(-10, 100, 0.05, 100)
			}
			c.edit = f.edit
			node, told, from := f.node, -1.0, at(0)
			if node == "" {
				node = "r1"
			}
			var last Node
			run := func(s float64, snap *Snapshot) {
				consistent(t, snap)
				n := find(snap, node)
				if s < 20 {
					return
				}
				if n.State == f.state && told < 0 {
					told, from = s+0.95-20, n.StateSince
				}
				if n.State != f.state && told >= 0 {
					t.Fatalf("second %v: %s (%s) after %s", s, n.State, n.Reason, f.state)
				}
				last = n
			}
			c.run(0, 20, behind(0.04), run)
			c.run2(20, 20, 20+RuleOf(f.state).Within.Seconds()+1, f, run)
			if told < 0 || told > RuleOf(f.state).Within.Seconds() {
				t.Fatalf("told after %v s, want within %s; in the end %s: %s", told, RuleOf(f.state).Within, last.State, last.Reason)
			}
			if f.state != Streaming && (from.Before(at(20)) || from.After(at(20+told))) {
				t.Errorf("since %v s", from.Sub(at(20)))
			}
			if !strings.Contains(last.Reason, f.reason) {
				t.Errorf("reason %q, want %q in it", last.Reason, f.reason)
			}
			want := f.level
			if want == "" {
				want = RuleOf(f.state).Level
			}
			if f.state != Detached && f.state != Silent && f.state != Paused && f.state != Blocked && last.Level != want {
				t.Errorf("level %s, want %s", last.Level, want)
			}
			if f.check != nil {
				f.check(t, last)
			}
		})
	}
	// Restored, Diverged, Orphaned and Unknown have tests of their own.
	for _, s := range []State{Restored, Diverged, Orphaned, StateUnknown} {
		covered[s] = true
	}
	for _, r := range Rules() {
		if !covered[r.State] {
			t.Errorf("no fault leads to %s", r.State)
		}
	}
}

// run2 is run with a fault that began at a second.
func (c *cluster) run2(began, from, to float64, f fault, each func(float64, *Snapshot)) {
	for s := from; s < to; s++ {
		delay := func(name string, m float64) float64 {
			switch {
			case name != "r1":
				return 0.04
			case f.grows:
				return f.delay + m - began + 0.04
			case f.delay < 0:
				return 0.04
			case f.delay != 0:
				return f.delay
			}
			return 0.04
		}
		edit := c.edit
		if f.delay < 0 {
			c.fail("r1", at(s+0.05), postgres.FailTimeout)
			c.edit = of("r1", func(r *Reading) { r.Sent = time.Time{} })
		}
		if f.noRow {
			c.edit = func(name string, r *Reading) {
				if name == "p" {
					r.Senders = r.Senders[1:]
				}
				if edit != nil {
					edit(name, r)
				}
			}
		}
		c.run(s, s+1, delay, each)
		c.edit = edit
	}
}
