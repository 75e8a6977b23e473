package replication

import (
	"slices"
	"strings"
	"testing"
	"time"

	"ops-console/ops"
	"ops-console/ops/postgres"
)

func codes(s *Snapshot) []string {
	var out []string
	for _, p := range s.Problems {
		out = append(out, p.Code)
	}
	return out
}

// failover has p die at second 20 and r1 promoted at 22 on timeline 2; what r2 does from then on is said by after. Seconds
// from 20 on are r1's.
func failover(t *testing.T, fork LSN, seconds float64, after func(c *cluster, s float64, r1 LSN)) (*cluster, *Snapshot) {
	t.Helper()
	c := newCluster(Settings{}, "r1", "r2")
	c.log = writes(-10, 20, 0.05, 100)
	c.run(0, 20, behind(0.04), nil)
	end := c.log.upTo(at(20))
	if fork == 0 {
		fork = end
	}
	var snap *Snapshot
	for s := 20.0; s < 20+seconds; s++ {
		c.fail("p", at(s), postgres.FailRefused)
		if s < 22 {
			c.replica("r1", at(s+0.05), min(fork, end))
			c.replica("r2", at(s+0.06), end)
		} else {
			now := fork + LSN((s-22)*1000)
			r := c.reading("r1", at(s+0.05))
			r.WALFileTLI = 2
			r.Positions = Positions{Flush: now, Write: now, Insert: now, Fork: fork}
			c.t.Add(c.key("r1"), r)
			after(c, s, now)
		}
		snap = c.t.Snapshot(at(s + 0.95))
		consistent(t, snap)
	}
	return c, snap
}

// follower is a reading of r2 that streams from r1, or from nobody.
func follower(c *cluster, s float64, p LSN, streams bool) {
	r := c.reading("r2", at(s+0.5))
	r.InRecovery = true
	r.Positions = Positions{Receive: p, Replay: p}
	if streams {
		r.Receiver = &ReceiverRow{PID: 9, Status: "streaming", Written: p, Flushed: p, TLI: 2, Host: "r1.example.com", Port: 5433, LastGot: r.Now}
	}
	c.t.Add(c.key("r2"), r)
}

func TestLagGoesOnAcrossAPromotion(t *testing.T) {
	var fork LSN
	_, s := failover(t, 0, 8, func(c *cluster, s float64, r1 LSN) {
		fork = c.log.upTo(at(20))
		// It follows, but stopped at the fork when r1 went on.
		follower(c, s, fork-500, true)
	})
	r1, r2 := find(s, "r1"), find(s, "r2")
	if s.Primary != "r1" || s.Timeline != 2 || r1.State != Primary || r1.LSN.Fork != fork {
		t.Errorf("primary %s, timeline %d, r1 %s (%s)", s.Primary, s.Timeline, r1.State, r1.Reason)
	}
	if r2.Upstream != "r1" || r2.Depth != 1 {
		t.Errorf("r2 follows %q at depth %d", r2.Upstream, r2.Depth)
	}
	// It has not replayed what p wrote a quarter of a second before it died.
	if r2.Lag.Kind != LagBounded || *r2.Lag.Lo < 7 || *r2.Lag.Hi > 8.2 {
		t.Errorf("lag %v", show(r2.Lag))
	}
	if s.Events[0].Node == "" || !slices.ContainsFunc(s.Events, func(e Event) bool { return e.Text == "promoted: timeline 2" && e.Node == "r1" }) {
		t.Errorf("events %+v", s.Events)
	}
	if slices.Contains(codes(s), codeRestored) {
		t.Errorf("a promotion was taken for a restored backup: %v", s.Problems)
	}
}

func TestReplicasOfAnOlderTimeline(t *testing.T) {
	tests := []struct {
		name   string
		over   int // bytes that r2 replayed beyond the fork
		state  State
		reason string
	}{
		{"at the fork", 0, Orphaned, "on timeline 1, r1 is on 2 since 0/100"},
		{"beyond it", 300, Diverged, "replayed 300 B of timeline 1 past 0/100"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			end := writes(-10, 20, 0.05, 100).upTo(at(20))
			_, s := failover(t, end-LSN(tt.over), 10, func(c *cluster, s float64, _ LSN) {
				follower(c, s, end, false)
			})
			r2 := find(s, "r2")
			if r2.State != tt.state || !strings.HasPrefix(r2.Reason, tt.reason) {
				t.Errorf("%s: %s", r2.State, r2.Reason)
			}
			if r2.TimelineFrom != "receiver" || r2.Timeline != 1 {
				t.Errorf("timeline %d from %s", r2.Timeline, r2.TimelineFrom)
			}
			if tt.state == Diverged && s.Verdict != Unhealthy {
				t.Errorf("verdict %s: %v", s.Verdict, s.Problems)
			}
		})
	}
}

func TestAFollowerWithAnOldControlFileIsNotOrphaned(t *testing.T) {
	_, s := failover(t, 0, 10, func(c *cluster, s float64, r1 LSN) {
		r := c.reading("r2", at(s+0.5))
		r.InRecovery, r.Monitor, r.ControlTLI = true, false, 1
		r.Positions = Positions{Receive: r1, Replay: r1}
		r.Receiver = &ReceiverRow{PID: 9} // all that can be seen without pg_monitor
		c.t.Add(c.key("r2"), r)
	})
	if r2 := find(s, "r2"); r2.State != Streaming {
		t.Errorf("%s: %s", r2.State, r2.Reason)
	}
	if !slices.ContainsFunc(s.Notes, func(n string) bool { return strings.HasSuffix(n, "GRANT pg_monitor TO current_user") }) {
		t.Errorf("notes %q", s.Notes)
	}
}

func TestTwoPrimariesAreNeverAveraged(t *testing.T) {
	c := newCluster(Settings{}, "r1", "r2")
	c.log = writes(-10, 60, 0.05, 100)
	c.run(0, 20, behind(0.04), nil)
	c.edit = of("r1", func(r *Reading) { promoted(r, 2) })
	var s *Snapshot
	for i := 20.0; i < 30; i++ {
		s = c.run(i, i+1, behind(0.04), nil)
		consistent(t, s)
	}
	if s.Primary != "" || s.Timeline != 0 || s.Flush != 0 || s.Verdict != Unhealthy {
		t.Errorf("primary %q, timeline %d, flush %s, verdict %s", s.Primary, s.Timeline, s.Flush, s.Verdict)
	}
	i := slices.IndexFunc(s.Problems, func(p ops.Problem) bool { return p.Code == codeSplitBrain })
	if i < 0 || s.Problems[i].Detail != "p in px on timeline 1, r1 in r1x on timeline 2" {
		t.Errorf("problems %+v", s.Problems)
	}
	// r2 follows p, and is judged by p.
	if r2 := find(s, "r2"); r2.State != Streaming || r2.Upstream != "p" || r2.Lag.Kind == LagUnknown || r2.Reason != "follows p, one of 2 primaries" {
		t.Errorf("r2: %s (%s), upstream %q, lag %v", r2.State, r2.Reason, r2.Upstream, show(r2.Lag))
	}
	if s.Readiness == nil || s.Readiness.Safe {
		t.Errorf("readiness %+v", s.Readiness)
	}
}

func TestARestoredBackupIsNamed(t *testing.T) {
	c := newCluster(Settings{}, "r1", "r2")
	c.log = writes(-10, 20, 0.05, 100)
	c.run(0, 20, behind(0.04), nil)
	end := c.log.upTo(at(20))
	c.log = append(log{}, c.log[:100]...)
	c.log = append(c.log, mark{sent: at(21), lsn: c.log.upTo(at(20)) + 50})
	c.boots["p"] = at(20)
	var s *Snapshot
	for i := 22.0; i < 30; i++ {
		c.primary(at(i), nil)
		c.replica("r1", at(i+0.1), end)
		s = c.t.Snapshot(at(i + 0.95))
		consistent(t, s)
	}
	p := find(s, "p")
	if p.State != Restored || !strings.Contains(p.Reason, "a restored backup") || s.Primary != "p" || s.Verdict != Unhealthy {
		t.Errorf("%s (%s), primary %q, verdict %s", p.State, p.Reason, s.Primary, s.Verdict)
	}
	if got := codes(s); !slices.Contains(got, codeRestored) {
		t.Errorf("problems %v", got)
	}
	// What r1 has is beyond all that the primary has: that is not lag.
	if r1 := find(s, "r1"); r1.Lag.Kind == LagBounded {
		t.Errorf("r1 lag %v", show(r1.Lag))
	}
}

func TestAPrimaryThatCannotBeReadLeavesNoZero(t *testing.T) {
	tests := []struct {
		name    string
		kind    postgres.FailureKind
		cut     bool // replicas lose it too
		code    string
		verdict Verdict
	}{
		{"hidden from us", postgres.FailTimeout, false, codePrimaryUnread, NotKnown},
		{"hidden from all", postgres.FailTimeout, true, codePrimaryDown, Unhealthy},
		{"refuses connections", postgres.FailRefused, true, codePrimaryDown, Unhealthy},
		{"refuses ours", postgres.FailRefused, false, codePrimaryUnread, NotKnown},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := newCluster(Settings{}, "r1", "r2")
			c.log = writes(-10, 20, 0.05, 100)
			c.run(0, 20, behind(0.04), nil)
			end := c.log.upTo(at(20)) + 5000
			var s *Snapshot
			for i := 20.0; i < 35; i++ {
				c.fail("p", at(i), tt.kind)
				for _, name := range []string{"r1", "r2"} {
					r := c.reading(name, at(i+0.1))
					r.InRecovery = true
					r.Positions = Positions{Receive: end, Replay: end}
					if tt.cut && name == "r2" { // it has a little less, and stays there
						r.Positions = Positions{Receive: end - 7000, Replay: end - 7000}
					}
					if !tt.cut {
						r.Receiver = &ReceiverRow{PID: 7, Status: "streaming", TLI: 1, LastGot: r.Now}
					}
					c.t.Add(c.key(name), r)
				}
				s = c.t.Snapshot(at(i + 0.95))
				consistent(t, s)
			}
			if s.Verdict != tt.verdict || !slices.Contains(codes(s), tt.code) {
				t.Errorf("verdict %s, problems %v", s.Verdict, codes(s))
			}
			if s.Primary != "p" || s.FlushAge == nil || *s.FlushAge < 15 {
				t.Errorf("primary %q, flush age %v", s.Primary, s.FlushAge)
			}
			r1, r2 := find(s, "r1"), find(s, "r2")
			if r1.Lag.Kind != LagUnknown || r1.Lag.Lo != nil || r1.Lag.Est != nil {
				t.Errorf("r1 has all that is known of, its lag is told as %v", show(r1.Lag))
			}
			// What the primary is known to have had bounds the other's.
			if tt.cut && (r2.Lag.Kind != LagBounded || *r2.Lag.Lo < 14) {
				t.Errorf("r2 lacks what the primary had; lag %v", show(r2.Lag))
			}
			if s.Readiness == nil || s.Readiness.Candidate != "r1" || s.Readiness.Safe {
				t.Errorf("readiness %+v", s.Readiness)
			}
		})
	}
}

func TestNobodyIsPrimary(t *testing.T) {
	c := newCluster(Settings{}, "r1")
	c.edit = func(_ string, r *Reading) { r.InRecovery = true; r.Positions = Positions{Replay: 5000} }
	var s *Snapshot
	for i := 0.0; i < 15; i++ {
		c.primary(at(i), nil)
		c.replica("r1", at(i+0.1), 5000)
		s = c.t.Snapshot(at(i + 0.95))
		consistent(t, s)
	}
	if got := codes(s); !slices.Contains(got, codeNoPrimary) || !slices.Contains(got, codeRole) || s.Verdict != Unhealthy {
		t.Errorf("verdict %s, problems %v", s.Verdict, got)
	}
}

func TestTheFlexPortThatLeadsToThePrimary(t *testing.T) {
	c := newCluster(Settings{}, "r1")
	c.log = writes(-10, 20, 0.05, 100)
	c.nodes[1].Port = 5432
	c.t.Nodes(c.nodes, at(0))
	c.edit = func(name string, r *Reading) {
		if name == "r1" {
			*r = primaryAgain(r)
		}
	}
	s := c.run(0, 10, behind(0), nil)
	r1 := find(s, "r1")
	if r1.State != Misrouted || r1.Reason != "this address leads to the primary, p; port 5433 is the machine's own" {
		t.Errorf("%s: %s", r1.State, r1.Reason)
	}
	if got := codes(s); !slices.Equal(got, []string{codeMisrouted}) || s.Primary != "p" || s.Verdict != Healthy {
		t.Errorf("problems %v, primary %q, verdict %s", got, s.Primary, s.Verdict)
	}
	if r1.Lag.Kind != LagUnknown || r1.Lag.Lo != nil {
		t.Errorf("a lag of an address that leads elsewhere: %v", show(r1.Lag))
	}
}

func TestAColdStartHintsFromClocks(t *testing.T) {
	c := newCluster(Settings{}, "r1")
	c.log = writes(-100, 20, 0.05, 100)
	// Both clocks are wrong: the primary's by 40 s.
	c.edit = func(name string, r *Reading) {
		skew := 40 * time.Second
		if name == "r1" {
			skew = -7 * time.Second
			r.LastCommit = r.Now.Add(-30 * time.Second).Add(40 * time.Second)
		}
		r.Now = r.Now.Add(skew)
	}
	s := c.run(0, 3, behind(30), nil)
	r1 := find(s, "r1")
	if r1.Lag.Kind != LagHint || r1.Lag.Source != FromTimestamp || *r1.Lag.Est < 29.9 || *r1.Lag.Est > 30.1 || r1.Lag.Hi != nil {
		t.Errorf("lag %v", show(r1.Lag))
	}
	if *r1.Lag.Lo < 1.9 || *r1.Lag.Lo > 2.1 {
		t.Errorf("at least since the console runs, 2 s; got %v", show(r1.Lag))
	}
	if k := find(s, "p").Skew; k == nil || k.Offset != 40 || k.Error != 0.005 {
		t.Errorf("skew %+v", k)
	}
}

func TestCascadesAreJudgedByThePrimary(t *testing.T) {
	c := newCluster(Settings{}, "r1", "r2")
	c.log = writes(-10, 60, 0.05, 100)
	c.edit = func(name string, r *Reading) {
		switch name {
		case "p":
			r.Senders = slices.DeleteFunc(r.Senders, func(s SenderRow) bool { return s.Application == "r2" })
		case "r1":
			// r2 has all that r1 has.
			p := r.Positions.Replay
			r.Senders = []SenderRow{{PID: 55, Application: "r2", State: "streaming", Sent: p, Write: p, Flush: p, Replay: p, Reply: r.Now}}
		}
	}
	s := c.run(0, 20, behind(4), nil)
	r2 := find(s, "r2")
	if r2.Upstream != "r1" || r2.Depth != 2 || r2.Sender == nil || r2.Sender.Of != "r1" {
		t.Errorf("upstream %q, depth %d, sender %+v", r2.Upstream, r2.Depth, r2.Sender)
	}
	if *r2.Lag.Lo < 3.5 || *r2.Lag.Hi > 4.5 {
		t.Errorf("lag %v", show(r2.Lag))
	}
	var order []string
	for _, n := range s.Nodes {
		order = append(order, n.Name)
	}
	if !slices.Equal(order, []string{"p", "r1", "r2"}) {
		t.Errorf("order %v", order)
	}
}
