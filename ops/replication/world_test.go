package replication

import (
	"fmt"
	"slices"
	"time"

	"ops-console/ops/postgres"
)

// beginning of the time of tests.
var beginning = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func at(seconds float64) time.Time {
	return beginning.Add(time.Duration(seconds * float64(time.Second)))
}

// log is what a primary flushed, in order of time.
type log []mark

// upTo is what was flushed at a moment.
func (l log) upTo(t time.Time) LSN {
	i, _ := slices.BinarySearchFunc(l, t, func(m mark, t time.Time) int {
		if m.sent.After(t) {
			return 1
		}
		return -1
	})
	if i == 0 {
		return 1 << 24
	}
	return l[i-1].lsn
}

// lag is the truth: how long ago at t the primary flushed the first byte beyond p.
func (l log) lag(p LSN, t time.Time) time.Duration {
	i, _ := slices.BinarySearchFunc(l, p, func(m mark, p LSN) int {
		if m.lsn > p {
			return 1
		}
		return -1
	})
	if i == len(l) || l[i].sent.After(t) {
		return 0
	}
	return t.Sub(l[i].sent)
}

// writes is size bytes every interval.
func writes(from, to, every float64, size LSN) log {
	var l log
	p := LSN(1 << 24)
	for s := from; s < to; s += every {
		p += size
		l = append(l, mark{sent: at(s), lsn: p})
	}
	return l
}

// cluster is a primary and replicas whose readings are made up. Time is in seconds since the beginning.
type cluster struct {
	t     *Tracker
	nodes []postgres.Node
	boots map[string]time.Time
	log   log
	rtt   time.Duration
	// edit changes a reading before the Tracker gets it.
	edit func(name string, r *Reading)
}

const systemID = "7312345678901234567"

func newCluster(s Settings, replicas ...string) *cluster {
	c := &cluster{t: NewTracker(s), boots: map[string]time.Time{}, rtt: 10 * time.Millisecond}
	for i, n := range append([]string{"p"}, replicas...) {
		c.nodes = append(c.nodes, postgres.Node{
			Name: n, Region: n + "x", Host: n + ".example.com", Port: 5433, Expect: postgres.RoleReplica,
		})
		c.boots[n] = at(-3600 - float64(i)*1.25)
	}
	c.nodes[0].Expect = postgres.RolePrimary
	c.t.Nodes(c.nodes, at(0))
	return c
}

func (c *cluster) key(name string) string {
	return c.nodes[slices.IndexFunc(c.nodes, func(n postgres.Node) bool { return n.Name == name })].Key()
}

// reading is what any healthy node says at t.
func (c *cluster) reading(name string, t time.Time) *Reading {
	return &Reading{
		Sent: t.Add(-c.rtt / 2), Received: t.Add(c.rtt / 2), Now: t, Boot: c.boots[name], SystemID: systemID,
		Version: 150018, ControlTLI: 1, Monitor: true, SegmentSize: 16 << 20, MaxSlotKeep: -1, Conflicts: 0,
		WALLogHints: true, Watchers: -1, AppSessions: -1, FreeSenders: 10,
	}
}

// primary reads the primary at t; senders are replicas and what they have replayed.
func (c *cluster) primary(t time.Time, senders map[string]LSN) {
	r := c.reading("p", t)
	r.WALFileTLI = 1
	flush := c.log.upTo(t)
	r.Positions = Positions{Flush: flush, Write: flush, Insert: flush}
	pid := 100
	for _, n := range c.nodes {
		pid++
		p, ok := senders[n.Name]
		if !ok {
			continue
		}
		r.Senders = append(r.Senders, SenderRow{PID: pid, Application: n.Name, State: "streaming", Sent: flush, Write: p, Flush: p, Replay: p, Reply: t, Sync: "async"})
	}
	c.add("p", r)
}

// replica reads a replica at t that has replayed up to p.
func (c *cluster) replica(name string, t time.Time, p LSN) {
	r := c.reading(name, t)
	r.InRecovery = true
	r.Positions = Positions{Receive: p, Replay: p}
	r.Receiver = &ReceiverRow{PID: 7, Status: "streaming", Written: p, Flushed: p, TLI: 1, Host: "p.example.com", Port: 5433, LastGot: t}
	r.LastCommit = t
	c.add(name, r)
}

func (c *cluster) add(name string, r *Reading) {
	if c.edit != nil {
		c.edit(name, r)
	}
	if r.Sent.IsZero() {
		return // edited away
	}
	c.t.Add(c.key(name), r)
}

func (c *cluster) sample(t time.Time) {
	c.t.Sample(c.key("p"), Sample{Sent: t.Add(-c.rtt / 2), Received: t.Add(c.rtt / 2), Flush: c.log.upTo(t)})
}

func (c *cluster) fail(name string, t time.Time, kind postgres.FailureKind) {
	c.t.Fail(c.key(name), &postgres.Failure{Kind: kind, Text: "no answer within 0.9s"}, t)
}

// run reads everything once a second and the primary five times, from one second to another. delay says how far behind a
// replica is at a moment.
func (c *cluster) run(from, to float64, delay func(name string, s float64) float64, each func(s float64, snap *Snapshot)) *Snapshot {
	var snap *Snapshot
	for s := from; s < to; s++ {
		has := map[string]LSN{}
		for _, n := range c.nodes[1:] {
			if d := delay(n.Name, s); d >= 0 {
				has[n.Name] = c.log.upTo(at(s - d))
			}
		}
		c.primary(at(s), has)
		for i, n := range c.nodes[1:] {
			m := s + 0.05 + 0.01*float64(i)
			if d := delay(n.Name, m); d >= 0 {
				c.replica(n.Name, at(m), c.log.upTo(at(m-d)))
			}
		}
		for k := 1; k < 5; k++ {
			c.sample(at(s + 0.2*float64(k)))
		}
		snap = c.t.Snapshot(at(s + 0.95))
		if each != nil {
			each(s, snap)
		}
	}
	return snap
}

func behind(d float64) func(string, float64) float64 {
	return func(string, float64) float64 { return d }
}

func find(s *Snapshot, name string) Node {
	i := slices.IndexFunc(s.Nodes, func(n Node) bool { return n.Name == name })
	if i < 0 {
		return Node{Name: fmt.Sprintf("%s is not there", name)}
	}
	return s.Nodes[i]
}
