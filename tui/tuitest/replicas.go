package tuitest

import (
	"fmt"
	"math"
	"slices"
	"time"

	"ops-console/ops"
	"ops-console/ops/feed"
	"ops-console/ops/postgres"
	"ops-console/ops/replication"
)

// Database says what a made-up cluster of PostgreSQL is like. The zero value is calm.
type Database struct {
	Now      time.Time // zero: Now()
	Past     int       // seconds that are known; 0: an hour
	Incident bool      // one far behind with a blocker, one detached, a slot that runs out, a region that times out
	Every    bool      // as many nodes as there are states, each in another one
	Cascade  bool      // two deep
	Basic    bool      // without pg_monitor
	Split    bool      // two primaries
	Headless bool      // no primary
	Hostile  bool      // names, queries and texts are as bad as the edge lets through, and worse
}

func ptr[T any](v T) *T { return &v }

const flush = replication.LSN(0x16_B375_B213)

// Replicas is a cluster of n nodes, the first of which is the primary.
func Replicas(n int, o Database) *replication.Snapshot {
	if o.Now.IsZero() {
		o.Now = Now()
	}
	if o.Past == 0 {
		o.Past = 3600
	}
	b := cluster{o}
	s := &replication.Snapshot{
		App: "changelog", PrimaryRegion: "fra", At: o.Now, Interval: 1, Warn: 1, Critical: 5, Verdict: replication.Healthy,
		SystemID: "7351928461038233981", Timeline: 3, Primary: "fra-1", Flush: flush, FlushAge: ptr(0.2),
		WALRate: &replication.Rate{Now: 11.2e6, Long: 10.8e6},
	}
	regions := []string{"fra", "ams", "iad", "lhr", "nrt", "ord", "sjc", "syd", "gru", "jnb"}
	if o.Every {
		n = 1 + len(states)
	}
	for i := range n {
		s.Nodes = append(s.Nodes, b.node(i, regions[i%len(regions)]))
	}
	for i := range s.Nodes {
		if i > 0 {
			s.Slots = append(s.Slots, replication.Slot{
				Node: "fra-1", Name: "repmgr_slot_" + fmt.Sprint(13498+i), Type: "physical", Active: true, Owner: s.Nodes[i].Name,
				Retained: ptr(int64(i) * 1_100_000), WALStatus: "reserved", Level: replication.LevelOK,
			})
			s.Nodes[i].Slot = s.Slots[i-1].Name
		}
	}
	if o.Every {
		b.everyState(s)
	}
	if o.Cascade && n > 3 {
		s.Nodes[2].Upstream, s.Nodes[2].Depth = s.Nodes[1].Name, 2
		s.Nodes[3].Upstream, s.Nodes[3].Depth = s.Nodes[2].Name, 3
	}
	if o.Incident && n > 3 {
		b.incident(s)
	}
	if o.Basic {
		b.basic(s)
	}
	if o.Split && n > 1 {
		b.split(s)
	}
	if o.Headless && n > 0 {
		b.headless(s)
	}
	b.regions(s)
	b.readiness(s)
	if o.Hostile {
		b.hostile(s)
	}
	for i := range s.Nodes {
		if n := &s.Nodes[i]; n.Lag.Kind != "" && n.Lag.At.IsZero() {
			n.Lag.At = s.At.Add(-600 * time.Millisecond)
		}
	}
	ops.SortProblems(s.Problems)
	slices.SortStableFunc(s.Events, func(a, b replication.Event) int { return b.At.Compare(a.At) })
	for _, p := range s.Problems {
		if p.Severity == ops.Critical {
			s.Verdict = replication.Unhealthy
		}
	}
	return s
}

// ReplicaFeed wraps a snapshot as a reading that succeeded.
func ReplicaFeed(seq uint64, s *replication.Snapshot) feed.Snapshot[*replication.Snapshot] {
	return feed.Snapshot[*replication.Snapshot]{Seq: seq, At: s.At, GoodAt: s.At, Value: s}
}

type cluster struct{ Database }

func (b *cluster) node(i int, region string) replication.Node {
	n := replication.Node{
		Name: fmt.Sprintf("%s-%d", region, i/10+1), Region: region, Address: fmt.Sprintf("[fdaa:0:18:a7b:%x::3]:5433", i+1), Role: postgres.RoleReplica,
		Expected: postgres.RoleReplica, Upstream: "fra-1", Depth: 1, State: replication.Streaming, Level: replication.LevelOK,
		StateSince: b.Now.Add(-77 * time.Hour), Version: "15.18", SystemID: "7351928461038233981", Timeline: 3, TimelineFrom: "receiver",
		BootAt: b.Now.Add(-400 * time.Hour), ReadAt: b.Now.Add(-600 * time.Millisecond), RTT: ptr(0.012 * float64(i+1)),
		Skew: &replication.Skew{Offset: 0.004, Error: 0.006}, Privileges: "full", Visible: &replication.Distribution{P50: 0.03 * float64(i+1), P95: 0.041 * float64(i+1), Max: 0.2 * float64(i+1), N: 290, Resolution: 0.21},
		Watcher: "0.3", Receive: &replication.Rate{Now: 11.2e6, Long: 10.8e6}, Replay: &replication.Rate{Now: 11.2e6, Long: 10.8e6}, WaitEvent: "RecoveryWalStream",
	}
	if i == 0 {
		n.Role, n.Expected, n.Upstream, n.Depth, n.State, n.TimelineFrom = postgres.RolePrimary, postgres.RolePrimary, "", 0, replication.Primary, "walfile"
		n.LSN = replication.Positions{Flush: flush, Write: flush + 4096, Insert: flush + 8192}
		n.Visible, n.Receive, n.Replay, n.WaitEvent = nil, nil, nil, ""
		b.trail(&n, func(float64) float64 { return 0 })
		return n
	}
	behind := int64(i) * 220_000
	n.LSN = replication.Positions{Receive: flush - replication.LSN(behind/2), Replay: flush - replication.LSN(behind)}
	n.Behind = replication.Behind{Total: &behind, Unsent: ptr(int64(0)), InFlight: ptr(behind / 2), ToFlush: ptr(int64(0)), ToReplay: ptr(behind / 2)}
	n.Lag = replication.Lag{Kind: replication.LagBounded, Lo: ptr(0.02), Hi: ptr(0.22), Est: ptr(0.05), Source: replication.FromRing}
	n.ReplayLag = ptr(0.04)
	n.Receiver = &replication.Receiver{PID: 900 + i, Status: "streaming", Host: "fdaa:0:18:a7b:1::3", Port: 5433, Slot: "repmgr_slot_" + fmt.Sprint(13498+i), LastMessage: ptr(0.04)}
	n.Sender = &replication.Sender{Of: "fra-1", PID: 4000 + i, State: "streaming", Sent: flush, Write: n.LSN.Receive, Flush: n.LSN.Receive, Replay: n.LSN.Replay, LastReply: ptr(0.1), At: b.Now.Add(-500 * time.Millisecond)}
	b.trail(&n, func(ago float64) float64 {
		return 0.02 * math.Pow(1.7, float64(i%7)) * (1.6 + math.Sin(ago/45+float64(i)))
	})
	return n
}

// trail makes a node's past; lag is by seconds ago, NaN where it was not known, negative for "at least".
func (b *cluster) trail(n *replication.Node, lag func(ago float64) float64) {
	n.Trail = make([]replication.Point, 0, b.Past)
	for i := range b.Past {
		ago := b.Past - 1 - i
		v := lag(float64(ago))
		head := flush - replication.LSN(ago)*11_000_000
		p := replication.Point{At: b.Now.Add(-time.Duration(ago) * time.Second), State: n.State, Flush: head, Replay: head - replication.LSN(max(math.Abs(v), 0)*11e6)}
		switch {
		case math.IsNaN(v):
			p.Lo, p.Hi, p.Est, p.Replay = float32(v), float32(v), float32(v), 0
		case v < 0:
			p.Lo, p.Hi, p.Est = float32(-v), float32(math.Inf(1)), float32(math.NaN())
		default:
			p.Lo, p.Hi, p.Est = float32(v*0.8), float32(v*1.2+0.2), float32(v)
		}
		n.Trail = append(n.Trail, p)
	}
}

func (b *cluster) ago(seconds float64) time.Time {
	return b.Now.Add(-time.Duration(seconds * float64(time.Second)))
}

func (b *cluster) set(n *replication.Node, s replication.State, l replication.Level, since float64, reason string) {
	n.State, n.Level, n.StateSince, n.Reason = s, l, b.ago(since), reason
}

// lagging makes a node's lag what it is now, growing since some seconds ago.
func (b *cluster) lagging(n *replication.Node, now, since float64) {
	n.Lag = replication.Lag{Kind: replication.LagBounded, Lo: ptr(now - 0.4), Hi: ptr(now + 0.4), Est: ptr(now), Source: replication.FromRing}
	b.trail(n, func(ago float64) float64 {
		if ago > since {
			return 0.3
		}
		return 0.3 + (now-0.3)*(since-ago)/since
	})
}

func problem(code string, sev ops.Severity, n *replication.Node, title, detail, hint string) ops.Problem {
	return ops.Problem{Code: code, Severity: sev, Subject: ops.Subject{Region: n.Region, Instance: n.Name}, Title: title, Detail: detail, Hint: hint, Since: n.StateSince}
}

func (b *cluster) incident(s *replication.Snapshot) {
	n := &s.Nodes[len(s.Nodes)-1]
	b.set(n, replication.Blocked, replication.LevelCritical, 207, "replay waits for pid 4411, which reads public.events since 6m 2s")
	b.lagging(n, 41.2, 207)
	total := int64(453e6)
	n.Behind = replication.Behind{Total: &total, Unsent: ptr(int64(0)), InFlight: ptr(int64(1.2e6)), ToFlush: ptr(int64(4e5)), ToReplay: ptr(total - 1_600_000)}
	n.LSN.Replay = flush - replication.LSN(total)
	n.LSN.Receive = flush - 1_200_000
	n.Replay = &replication.Rate{Now: 9.1e6, Long: 9.9e6}
	n.WaitEvent = "RecoveryConflictSnapshot"
	n.Blocker = &replication.Blocker{PID: 4411, Query: "SELECT count(*) FROM events WHERE inserted_at > now() - interval '90 days' GROUP BY kind", User: "analytics", Application: "metabase", Age: 362, MaxDelay: "-1"}
	n.Visible = &replication.Distribution{P50: 12.1, P95: 40.2, Max: 41.2, N: 211, Resolution: 0.21}
	s.Problems = append(s.Problems, problem("replication.lag", ops.Critical, n, "is 41.2s behind", "rpc_and_wait raises there; replays 9.1 MB/s, receives 11.2 MB/s: waits for pid 4411", "cancel pid 4411 there, or set max_standby_streaming_delay"))
	s.Events = append(s.Events, replication.Event{At: n.StateSince, Node: n.Name, From: replication.Streaming, To: replication.Blocked, Text: "replay waits for a query", LSN: n.LSN.Replay})

	d := &s.Nodes[2]
	b.set(d, replication.Detached, replication.LevelCritical, 134, "no WAL receiver, and no sender knows it: the link is cut")
	d.Lag = replication.Lag{Kind: replication.LagAtLeast, Lo: ptr(134.0), Source: replication.FromPrimary}
	d.Behind = replication.Behind{Total: ptr(int64(188e6))}
	d.Receiver, d.Receive, d.Replay, d.ETA, d.WaitEvent = nil, &replication.Rate{}, &replication.Rate{}, nil, "RecoveryRetrieveRetryInterval"
	d.Sender.Gone, d.Sender.At = true, b.ago(134)
	d.Visible = nil
	b.trail(d, func(ago float64) float64 {
		switch {
		case ago > 134:
			return 0.05
		case ago > 124:
			return math.NaN()
		}
		return -(134 - ago)
	})
	s.Problems = append(s.Problems, problem("replication.detached", ops.Critical, d, "receives nothing", "no receiver since 14:05:18Z, 188 MB behind", "look at its log; check primary_conninfo and the network between"))
	s.Events = append(s.Events, replication.Event{At: d.StateSince, Node: d.Name, From: replication.Streaming, To: replication.Detached, Text: "the receiver is gone"})
	slot := &s.Slots[1]
	slot.Active, slot.Retained, slot.Safe, slot.InactiveFor, slot.ETAToLoss, slot.Level = false, ptr(int64(188e6)), ptr(int64(15.8e9)), ptr(134.0), ptr(38*60.0), replication.LevelWarning

	c := &s.Nodes[1]
	b.set(c, replication.CatchUp, replication.LevelWarning, 61, "was restarted, and replays faster than is written")
	c.Lag = replication.Lag{Kind: replication.LagBounded, Lo: ptr(2.1), Hi: ptr(3.1), Est: ptr(2.6), Source: replication.FromRing}
	c.ETA, c.Replay = ptr(40.0), &replication.Rate{Now: 31e6, Long: 12e6}
	c.Behind.Total, c.Behind.ToReplay = ptr(int64(29e6)), ptr(int64(28e6))
	s.Problems = append(s.Problems, problem("replication.lag", ops.Warning, c, "is 2.6s behind", "catches up in about 40s", ""))
	s.Events = append(s.Events, replication.Event{At: b.ago(500), Node: c.Name, From: replication.Streaming, To: replication.Unreachable, Text: "refuses connections"}, replication.Event{At: c.StateSince, Node: c.Name, From: replication.Unreachable, To: replication.CatchUp, Text: "answers again"})
}

var states = []replication.State{
	replication.Unreachable, replication.Foreign, replication.Misrouted, replication.SplitBrain, replication.Restored, replication.Diverged, replication.Orphaned, replication.Lost,
	replication.Paused, replication.Detached, replication.Silent, replication.Blocked, replication.Delayed, replication.CatchUp, replication.FallingBehind, replication.Lagging,
	replication.Streaming, replication.StateUnknown,
}

// everyState gives the replicas one state each, and the kinds of lag in turn.
func (b *cluster) everyState(s *replication.Snapshot) {
	lags := []replication.Lag{
		{Kind: replication.LagUnknown},
		{Kind: replication.LagCaughtUp, Lo: ptr(0.0), Hi: ptr(0.4), Est: ptr(0.0), Source: replication.FromRing},
		{Kind: replication.LagBounded, Lo: ptr(11.9), Hi: ptr(12.9), Est: ptr(12.4), Source: replication.FromRing},
		{Kind: replication.LagAtLeast, Lo: ptr(134.0), Source: replication.FromPrimary},
		{Kind: replication.LagHint, Est: ptr(185.0), Source: replication.FromTimestamp},
	}
	levels := []replication.Level{replication.LevelCritical, replication.LevelWarning, replication.LevelUnknown, replication.LevelOK}
	for i, st := range states {
		n := &s.Nodes[i+1]
		n.Lag = lags[i%len(lags)]
		switch st {
		case replication.Streaming:
			n.State, n.Level = st, replication.LevelOK
			continue
		case replication.StateUnknown:
			*n = replication.Node{Name: n.Name, State: st, Level: replication.LevelUnknown, Lag: replication.Lag{Kind: replication.LagUnknown}, Reason: "never answered"}
			continue
		}
		b.set(n, st, levels[min(i/5, 2)], float64(20+i*17), "made up for a test: "+string(st))
		s.Problems = append(s.Problems, problem("replication."+string(st), ops.Warning, n, "is "+string(st), n.Reason, "nothing can be done"))
		s.Events = append(s.Events, replication.Event{At: n.StateSince, Node: n.Name, From: replication.Streaming, To: st, Text: "became " + string(st)})
	}
	u := &s.Nodes[1]
	u.Failure = &replication.NodeFailure{Kind: postgres.FailTimeout, Text: "ams-1: no answer within 1.5s", Hint: "is the machine stopped?", Since: b.ago(15)}
	u.ReadAt, u.RTT, u.Receiver, u.Skew = b.ago(16), nil, nil, nil
	s.Nodes[9].Paused = "paused"
	s.Nodes[13].ApplyDelay = 3
	lost := &s.Slots[7]
	lost.Active, lost.WALStatus, lost.Invalidation, lost.Retained, lost.Level = false, "lost", "wal_removed", nil, replication.LevelCritical
	neg := &s.Slots[6]
	neg.WALStatus, neg.Safe, neg.Level = "unreserved", ptr(int64(-12e6)), replication.LevelCritical
}

func (b *cluster) basic(s *replication.Snapshot) {
	for i := range s.Nodes {
		n := &s.Nodes[i]
		n.Privileges = "basic"
		n.Behind.Unsent, n.Behind.InFlight, n.Behind.ToFlush, n.Behind.ToReplay = nil, nil, nil, nil
		n.WaitEvent, n.Watcher, n.ReplayLag = "", "unknown", nil
		if n.Receiver != nil {
			n.Receiver = &replication.Receiver{PID: n.Receiver.PID}
		}
		if n.Sender != nil {
			n.Sender = &replication.Sender{Of: "fra-1", PID: n.Sender.PID, At: n.Sender.At}
		}
	}
	s.Notes = append(s.Notes, "the role console may not read statistics: GRANT pg_monitor TO console; until then stages, receivers and reasons are not known")
}

func (b *cluster) split(s *replication.Snapshot) {
	o := &s.Nodes[1]
	b.set(o, replication.SplitBrain, replication.LevelCritical, 41, "takes writes on timeline 4 since 16/B1000000; fra-1 takes them on 3")
	o.Role, o.Depth, o.Upstream, o.Timeline, o.Receiver, o.Sender = postgres.RolePrimary, 0, "", 4, nil, nil
	o.LSN = replication.Positions{Flush: flush + 9999, Fork: 0x16_B100_0000}
	o.Behind, o.Lag = replication.Behind{}, replication.Lag{Kind: replication.LagUnknown}
	s.Primary, s.Timeline = "", 0
	s.Problems = append(s.Problems, problem("replication.split_brain", ops.Critical, o, "is a second primary", "fra-1 on timeline 3 and ams-1 on timeline 4 both take writes", "fence one of them now"))
	s.Events = append(s.Events, replication.Event{At: o.StateSince, Node: o.Name, From: replication.Streaming, To: replication.SplitBrain, Text: "was promoted", LSN: o.LSN.Fork})
}

func (b *cluster) headless(s *replication.Snapshot) {
	p := &s.Nodes[0]
	b.set(p, replication.Unreachable, replication.LevelCritical, 51, "no answer within 1.5s")
	p.Role = postgres.RoleUnknown
	p.Failure = &replication.NodeFailure{Kind: postgres.FailTimeout, Text: "no answer within 1.5s", Hint: "is the machine running?", Since: p.StateSince}
	p.ReadAt, p.RTT = b.ago(52), nil
	s.Primary, s.FlushAge, s.WALRate, s.Verdict = "", ptr(52.0), nil, replication.NotKnown
	for i := range s.Nodes[1:] {
		n := &s.Nodes[i+1]
		n.Lag = replication.Lag{Kind: replication.LagUnknown}
		n.Behind = replication.Behind{}
	}
	s.Problems = append(s.Problems, problem("replication.primary_unreachable", ops.Critical, p, "the primary does not answer", "for 51s; most advanced: ams-1", "see whether its machine runs"))
}

func (b *cluster) regions(s *replication.Snapshot) {
	at := map[string]int{}
	for i := range s.Nodes {
		n := &s.Nodes[i]
		if n.Region == "" {
			continue
		}
		k, ok := at[n.Region]
		if !ok {
			k = len(s.Regions)
			at[n.Region] = k
			s.Regions = append(s.Regions, replication.Region{Code: n.Region, Local: n.Name, Level: replication.LevelOK, Lag: n.Lag, Visible: n.Visible, Verdict: "a write is seen there at once"})
		}
		r := &s.Regions[k]
		r.Nodes = append(r.Nodes, n.Name)
		if n.Visible != nil {
			r.Waits = &replication.Distribution{P50: n.Visible.P50 + 0.025, P95: n.Visible.P95 + 0.05, Max: n.Visible.Max + 0.05, N: n.Visible.N, Resolution: n.Visible.Resolution}
		}
		if n.Level != replication.LevelOK && r.Level == replication.LevelOK {
			r.Level, r.Lag, r.Verdict = n.Level, n.Lag, "readers there see old rows"
		}
		if n.Lag.Lo != nil && *n.Lag.Lo >= 5 {
			r.TimesOut, r.Verdict = true, "rpc_and_wait raises after 5s, although the write is committed"
		}
	}
	slices.SortFunc(s.Regions, func(a, b replication.Region) int {
		if a.Code < b.Code {
			return -1
		}
		return 1
	})
}

func (b *cluster) readiness(s *replication.Snapshot) {
	if len(s.Nodes) < 2 {
		s.Readiness = &replication.Readiness{Verdict: "there is no replica to fail over to"}
		return
	}
	c := &s.Nodes[min(3, len(s.Nodes)-1)]
	s.Readiness = &replication.Readiness{
		Safe: !b.Headless && !b.Split, Candidate: c.Name, Region: c.Region, LossBytes: ptr(int64(220_000)), Loss: &c.Lag, Backlog: ptr(0.1),
		Missing: []string{"repmgr_slot_13500"}, Verdict: "safe: loses at most 220 kB",
	}
	if !s.Readiness.Safe {
		s.Readiness.Obstacles, s.Readiness.Verdict = []string{"not everything is known of the primary"}, "not now"
	}
}

func (b *cluster) hostile(s *replication.Snapshot) {
	hh := Hostile()
	for i := range s.Nodes {
		h := hh[i%len(hh)]
		n := &s.Nodes[i]
		n.Name += h
		n.Region, n.Reason, n.Version, n.Address, n.WaitEvent = h, h+" "+h, h, h, h
		n.ReadOnly = []string{h, "*"}
		n.Blocker = &replication.Blocker{PID: -1, Query: "'; DROP TABLE x; --" + h, User: h, Application: h, Age: math.NaN(), MaxDelay: h}
		n.Failure = &replication.NodeFailure{Text: h, Hint: h}
		n.Lag.Est, n.Behind.Total, n.ETA = ptr(math.Inf(1)), ptr(int64(math.MinInt64)), ptr(math.NaN())
		n.Replay, n.Receive = &replication.Rate{Now: math.Inf(1)}, &replication.Rate{Now: math.NaN()}
	}
	for i := range s.Slots {
		s.Slots[i].Name, s.Slots[i].Owner, s.Slots[i].Active = hh[i%len(hh)]+"'", hh[i%len(hh)], false
		s.Slots[i].Level, s.Slots[i].ETAToLoss = replication.LevelWarning, ptr(math.Inf(1))
	}
	for i := range s.Regions {
		s.Regions[i].Code, s.Regions[i].Verdict = hh[i%len(hh)], hh[i%len(hh)]
	}
	for _, h := range hh {
		s.Notes = append(s.Notes, h+" GRANT pg_monitor TO \""+h+"\"; "+h)
		s.Events = append(s.Events, replication.Event{At: b.Now, Node: h, Text: h, To: replication.State(h)})
		s.Problems = append(s.Problems, ops.Problem{Code: h, Severity: ops.Severity(h), Subject: ops.Subject{Region: h, Instance: h}, Title: h, Detail: h, Hint: h})
	}
	s.Readiness.Verdict, s.Readiness.Candidate, s.Primary, s.SystemID = hh[0], hh[1], hh[2], hh[5]
}
