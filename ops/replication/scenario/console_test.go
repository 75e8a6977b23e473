package scenario_test

import (
	"context"
	"math"
	"slices"
	"sync"
	"testing"
	"time"

	"ops-console/ops/postgres"
	"ops-console/ops/replication"
)

// interval is how often the console reads every node, as by default.
const interval = time.Second

// seen is a snapshot and when it was published here.
type seen struct {
	at       time.Time
	snapshot *replication.Snapshot
}

// console is what is tested: a Watcher, and everything that it published.
type console struct {
	mu       sync.Mutex
	seen     []seen
	claims   []claim
	said     map[string]time.Time // moment of the latest claim, by node
	stalest  map[string]old
	scenario func(node string, at time.Time) string
}

// old is a lag that is shown long after the moment that it is stated for.
type old struct {
	age  time.Duration
	at   time.Time
	node replication.Node
}

// watch lets a Watcher run until ctx ends.
func (c *console) watch(ctx context.Context, wait *sync.WaitGroup, nodes []postgres.Node, d postgres.Dialer) {
	c.said, c.stalest = map[string]time.Time{}, map[string]old{}
	w := replication.Watch(ctx, replication.Options{
		Settings: replication.Settings{App: "test", PrimaryRegion: nodes[0].Region, Interval: interval},
		Locator:  list(nodes), Dialer: d, Sampling: 200 * time.Millisecond,
	})
	wait.Go(func() {
		defer w.Close()
		for {
			changed := w.Changed()
			if s := w.Latest().Value; s != nil {
				c.take(s)
			}
			select {
			case <-ctx.Done():
				return
			case <-changed:
			}
		}
	})
}

// take writes down what a snapshot says of every replica, each claim once.
func (c *console) take(s *replication.Snapshot) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if n := len(c.seen); n > 0 && c.seen[n-1].snapshot == s {
		return
	}
	c.seen = append(c.seen, seen{time.Now(), s})
	for _, n := range s.Nodes {
		if n.Expected != postgres.RoleReplica {
			continue
		}
		now := c.scenario(n.Name, s.At)
		l := n.Lag
		if l.At.IsZero() || l.At.Equal(c.said[n.Name]) {
			if l.At.IsZero() {
				c.claims = append(c.claims, claim{scenario: now, node: n.Name, method: byConsole, from: s.At, to: s.At, lo: math.NaN(), hi: math.NaN(), est: math.NaN()})
			}
		} else {
			c.said[n.Name] = l.At
			from := l.At.Add(-roundTrip(s, n))
			c.claims = append(c.claims, claim{
				scenario: c.scenario(n.Name, from), node: n.Name, method: byConsole, from: from, to: l.At,
				lo: figure(l.Lo), hi: figure(l.Hi), est: figure(l.Est),
			})
		}
		if !l.At.IsZero() {
			if age := s.At.Sub(l.At); age > c.stalest[now].age {
				c.stalest[now] = old{age, s.At, n}
			}
		}
	}
}

// sure is how many claims of a scenario the oracle can judge by now.
func (c *console) sure(scenario string, o *oracle) int {
	c.mu.Lock()
	claims := slices.DeleteFunc(slices.Clone(c.claims), func(x claim) bool { return x.scenario != scenario })
	c.mu.Unlock()
	known := o.commits
	if bulky(scenario) {
		known = o.wal
	}
	return sum(judge(claims, known)).sure()
}

// told says whether one of some states was told of a node since a time.
func (c *console) told(node string, states []replication.State, since time.Time) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.ContainsFunc(c.seen, func(s seen) bool {
		return !s.at.Before(since) && slices.ContainsFunc(s.snapshot.Nodes, func(n replication.Node) bool {
			return n.Name == node && slices.Contains(states, n.State)
		})
	})
}

func figure(v *float64) float64 {
	if v == nil {
		return math.NaN()
	}
	return *v
}

// roundTrip is how long the reading took from which the lag was made.
func roundTrip(s *replication.Snapshot, n replication.Node) time.Duration {
	rtt := n.RTT
	if n.Lag.Source == replication.FromPrimary && n.Sender != nil {
		for _, u := range s.Nodes {
			if u.Name == n.Sender.Of {
				rtt = u.RTT
			}
		}
	}
	if rtt == nil {
		return 0
	}
	return time.Duration(*rtt * float64(time.Second))
}

// turn is a moment from which on the servers show other states of a node.
type turn struct {
	from, shown time.Time // it began, and was complete
	states      []replication.State
	told        bool // whether it has to be told before the next one
	why         string
}

// within is how soon a turn has to be told: what the rules of its states allow, and what publishing takes.
func (t turn) within() time.Duration {
	var w time.Duration
	for _, s := range t.states {
		w = max(w, replication.RuleOf(s).Within)
	}
	return w + slack
}

// slack is what a busy machine may take longer.
const slack = 1500 * time.Millisecond

// passing are states that are on the way to others.
var passing = []replication.State{replication.Lagging, replication.CatchUp, replication.FallingBehind}

// states compares what was told of a node with its turns, the first of which is what it begins with.
func (c *console) states(t *testing.T, node string, turns []turn, behind func(from, to time.Time) bool) {
	t.Helper()
	told := make([]bool, len(turns))
	var last replication.State
	complaints := 0
	for _, s := range c.seen {
		i := 0
		for i+1 < len(turns) && !s.at.Before(turns[i+1].from) {
			i++
		}
		if s.at.Before(turns[0].from) {
			continue
		}
		k := slices.IndexFunc(s.snapshot.Nodes, func(n replication.Node) bool { return n.Name == node })
		if k < 0 {
			t.Errorf("%s is missing in a snapshot", node)
			return
		}
		n := s.snapshot.Nodes[k]
		if n.State != last {
			t.Logf("%s %-8s %s: %s", s.at.Format("05.000"), node, n.State, n.Reason)
			last = n.State
		}
		now := turns[i]
		if slices.Contains(now.states, n.State) {
			told[i] = true
			continue
		}
		late := s.at.Sub(now.shown) - now.within()
		ok := late <= 0 && (i == 0 || slices.Contains(turns[i-1].states, n.State) || slices.Contains(passing, n.State) ||
			i > 1 && s.at.Sub(turns[i-1].shown) <= turns[i-1].within() && slices.Contains(turns[i-2].states, n.State))
		// A query that stood still with its server holds replay up until it is answered.
		ok = ok || late <= 0 && i > 0 && slices.Contains(turns[i-1].states, replication.Unreachable) && n.State == replication.Blocked
		// Whoever is behind is called that, however he came to be.
		ok = ok || slices.Contains(passing, n.State) && behind(s.at.Add(-replication.RuleOf(replication.Streaming).Within-slack), s.at)
		if !ok {
			if complaints++; complaints <= 3 {
				t.Errorf("%s of %s: told %s (%s) %.1f s after it began, want %v within %.1f s",
					now.why, node, n.State, n.Reason, s.at.Sub(now.shown).Seconds(), now.states, now.within().Seconds())
			}
		}
	}
	for i, turn := range turns {
		if turn.told && !told[i] {
			t.Errorf("%s of %s: %v was never told", turn.why, node, turn.states)
		}
	}
}
