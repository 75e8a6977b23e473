package scenario_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"sort"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"go.uber.org/goleak"

	"ops-console/ops/postgres"
	"ops-console/ops/postgres/pgcluster"
	"ops-console/ops/replication"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// upstreams of the replicas: r1 is next to the primary, r2 is 40 ms away, r3 streams from r1, r4's clock is half a minute
// ahead.
var upstreams = map[string]string{"r1": "primary", "r2": "primary", "r3": "r1", "r4": "primary"}

var replicas = []string{"r1", "r2", "r3", "r4"}

func topology() pgcluster.Options {
	return pgcluster.Options{Replicas: []pgcluster.Replica{
		{Name: "r1", Slot: "r1"},
		{Name: "r2", Slot: "r2", Delay: 40 * time.Millisecond},
		{Name: "r3", Upstream: "r1"},
		{Name: "r4", Skew: 30 * time.Second},
	}}
}

// phase is a stretch of a run in which the same things hold.
type phase struct {
	name  string
	lasts time.Duration // at least, in a short run; three times that in a long one
	idle  bool          // nobody writes, and the heart does not beat
	bulk  bool          // one transaction writes all the time, and the heart does not beat
	far   time.Duration // round trip between console and primary

	scenarios map[string]string              // what to call it for a node; "": not in the table
	states    map[string][]replication.State // of nodes that do not just stream
	begin     func(context.Context, *run) error
	end       func(context.Context, *run) error
	unjudged  []string // nodes without a lag from here to the end
}

// run is a cluster that goes through phases, with everybody who looks.
type run struct {
	c       *pgcluster.Cluster
	o       *oracle
	net     *network
	phases  phases
	loading atomic.Bool
	turns   map[string][]turn

	console *console

	hold  func() // ends the query that blocks replay
	froze map[string]time.Time
}

// phases are those that were entered, each with its beginning.
type phases struct {
	mu    sync.Mutex
	all   []*phase
	began []time.Time
}

func (pp *phases) enter(p *phase) {
	pp.mu.Lock()
	defer pp.mu.Unlock()
	pp.all, pp.began = append(pp.all, p), append(pp.began, time.Now())
}

// at is the phase of a moment; the first, where it is earlier.
func (pp *phases) at(t time.Time) *phase {
	pp.mu.Lock()
	defer pp.mu.Unlock()
	i := sort.Search(len(pp.began), func(i int) bool { return pp.began[i].After(t) })
	return pp.all[max(0, i-1)]
}

func (r *run) node(name string) *pgcluster.Node { return r.c.Node(name) }

// freeze stops processes of a node, and melt lets them run again.
func (r *run) freeze(name string, p pgcluster.Process) error {
	if err := r.node(name).Freeze(p); err != nil {
		return err
	}
	r.froze[name] = time.Now()
	return nil
}

func (r *run) melt(name string) error {
	r.o.stood(name, r.froze[name], time.Now())
	delete(r.froze, name)
	return r.node(name).Thaw()
}

// block has a query on a node hold up replay until release.
func (r *run) block(ctx context.Context, name string) error {
	conn, err := pgx.Connect(ctx, r.node(name).URL("postgres"))
	if err != nil {
		return err
	}
	r.hold = func() { conn.Close(context.WithoutCancel(ctx)) }
	for _, s := range []string{"begin", "select count(*) from victim"} {
		if _, err := conn.Exec(ctx, s); err != nil {
			return err
		}
	}
	return r.c.Primary().Exec(ctx, "postgres", "truncate victim")
}

func (r *run) script() []*phase {
	bad := func(ss ...replication.State) []replication.State { return ss }
	s := time.Second
	behind := bad(replication.Lagging, replication.FallingBehind)
	all := func(name string) map[string]string {
		return map[string]string{"r1": name + ", r1", "r2": name + ", r2 40 ms away", "r3": name + ", cascade", "r4": name + ", clock +30 s"}
	}
	return []*phase{
		{name: "beginning", lasts: 3 * s},
		{name: "idle", lasts: 5 * s, idle: true, scenarios: all("idle")},
		{name: "load", lasts: 4 * s, scenarios: all("load")},
		{name: "far", lasts: 4 * s, far: 60 * time.Millisecond, scenarios: all("load, primary 60 ms away")},
		{
			name: "delay and frozen replay", lasts: 8 * s,
			scenarios: map[string]string{"r1": "apply delay 3 s", "r2": "replay process stopped"},
			states:    map[string][]replication.State{"r1": bad(replication.Delayed), "r2": behind},
			begin: func(ctx context.Context, r *run) error {
				return errors.Join(r.node("r1").ApplyDelay(ctx, 3*s), r.freeze("r2", pgcluster.Startup))
			},
			end: func(ctx context.Context, r *run) error {
				return errors.Join(r.node("r1").ApplyDelay(ctx, 0), r.melt("r2"))
			},
		},
		{
			name: "pause and black hole", lasts: 5 * s,
			scenarios: map[string]string{"r3": "paused, load", "r2": "black hole"},
			states:    map[string][]replication.State{"r3": bad(replication.Paused), "r2": bad(replication.Silent)},
			begin: func(ctx context.Context, r *run) error {
				r.node("r2").Hole()
				return r.node("r3").Pause(ctx)
			},
		},
		{
			name: "pause and black hole, idle", lasts: 4 * s, idle: true,
			scenarios: map[string]string{"r3": "paused, primary idle", "r2": "black hole, primary idle"},
			states:    map[string][]replication.State{"r3": bad(replication.Paused), "r2": bad(replication.Silent)},
			end: func(ctx context.Context, r *run) error {
				r.node("r2").Heal()
				return r.node("r3").Resume(ctx)
			},
		},
		{
			name: "frozen", lasts: 9 * s,
			scenarios: map[string]string{"r4": "whole replica stopped"},
			states:    map[string][]replication.State{"r4": bad(replication.Unreachable)},
			begin:     func(_ context.Context, r *run) error { return r.freeze("r4", pgcluster.WholeServer) },
			end:       func(_ context.Context, r *run) error { return r.melt("r4") },
		},
		{
			name: "cut and conflict", lasts: 8 * s,
			scenarios: map[string]string{"r1": "network cut", "r3": "cascade below the cut", "r2": "query conflict"},
			states:    map[string][]replication.State{"r1": bad(replication.Detached), "r3": behind, "r2": bad(replication.Blocked)},
			begin: func(ctx context.Context, r *run) error {
				r.node("r1").Cut()
				return r.block(ctx, "r2")
			},
			end: func(_ context.Context, r *run) error {
				r.node("r1").Heal()
				r.hold()
				return nil
			},
		},
		{
			name: "one transaction", lasts: 6 * s, bulk: true,
			scenarios: map[string]string{"r1": "one long transaction, r1", "r2": "one long transaction, r2 40 ms away", "r4": "one long transaction, clock +30 s"},
		},
		{
			name: "slot loss", lasts: 6 * s,
			scenarios: map[string]string{"r2": "slot lost"},
			states:    map[string][]replication.State{"r2": bad(replication.Lost)},
			begin:     func(ctx context.Context, r *run) error { return r.node("r2").LoseSlot(ctx) },
		},
		{
			name: "promotion", lasts: 6 * s, unjudged: []string{"r1", "r3"},
			scenarios: map[string]string{"r2": "slot lost"},
			states: map[string][]replication.State{
				"primary": bad(replication.SplitBrain), "r1": bad(replication.SplitBrain), "r2": bad(replication.Lost),
			},
			begin: func(ctx context.Context, r *run) error { return r.node("r1").Promote(ctx) },
		},
	}
}

// load writes for as long as it is switched on.
func (r *run) load(ctx context.Context) error {
	conn, err := pgx.Connect(ctx, r.c.Primary().URL("postgres"))
	if err != nil {
		return err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		if !r.loading.Load() {
			continue
		}
		if _, err := conn.Exec(ctx, "insert into load select repeat('x', 200) from generate_series(1, 10)"); err != nil {
			return err
		}
	}
}

// bulk writes in one transaction until ctx ends, and commits.
func (r *run) bulk(ctx context.Context, until <-chan struct{}) error {
	conn, err := pgx.Connect(ctx, r.c.Primary().URL("postgres"))
	if err != nil {
		return err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	if _, err := conn.Exec(ctx, "begin"); err != nil {
		return err
	}
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-until:
			_, err := conn.Exec(ctx, "rollback")
			return err
		case <-tick.C:
		}
		if _, err := conn.Exec(ctx, "insert into load select repeat('x', 500) from generate_series(1, 100)"); err != nil {
			return err
		}
	}
}

// turn notes that from now on a node's states are others.
func (r *run) turn(node string, states []replication.State, told bool, from time.Time, why string) {
	tt := r.turns[node]
	if n := len(tt); n > 0 && slices.Equal(tt[n-1].states, states) {
		return
	}
	r.turns[node] = append(tt, turn{from: from, shown: time.Now(), states: states, told: told, why: why})
}

func (r *run) expect(p *phase, from time.Time, why string, begun bool) {
	for _, n := range append([]string{"primary"}, replicas...) {
		states, special := p.states[n]
		switch {
		case special && !begun:
			continue
		case !special && n == "primary":
			states = []replication.State{replication.Primary}
		case !special:
			states = []replication.State{replication.Streaming}
		}
		r.turn(n, states, special, from, why)
	}
}

// go through a phase.
func (r *run) play(ctx context.Context, p *phase, lasts time.Duration) error {
	r.net.far.Store(int64(p.far / 2))
	r.loading.Store(!p.idle && !p.bulk)
	heart := func() error { return r.o.beat(replicas) }
	if p.idle || p.bulk {
		heart = r.o.stop
	}
	if err := heart(); err != nil {
		return fmt.Errorf("beginning of %s: %w", p.name, err)
	}
	from := time.Now()
	if p.begin != nil {
		if err := p.begin(ctx, r); err != nil {
			return fmt.Errorf("beginning of %s: %w", p.name, err)
		}
	}
	r.expect(p, from, p.name, true)
	r.phases.enter(p)
	done := make(chan struct{})
	wrote := make(chan error, 1)
	if p.bulk {
		go func() { wrote <- r.bulk(ctx, done) }()
	} else {
		wrote <- nil
	}
	timer := time.NewTimer(lasts)
	defer timer.Stop()
	select {
	case <-timer.C:
		r.more(ctx, p, from)
	case <-ctx.Done():
	}
	close(done)
	between := *p
	between.scenarios, between.name, between.states = nil, "after "+p.name, nil
	r.phases.enter(&between)
	if err := <-wrote; err != nil {
		return fmt.Errorf("%s: %w", p.name, err)
	}
	if p.end != nil {
		if err := p.end(ctx, r); err != nil {
			return fmt.Errorf("end of %s: %w", p.name, err)
		}
	}
	return ctx.Err()
}

// longest is how much longer than it has to a phase may go on. A query that blocks replay is ended after 30 seconds.
const longest = 15 * time.Second

// more lets a phase that began at a time go on until enough was said in it: where the machine is busy that takes longer.
func (r *run) more(ctx context.Context, p *phase, from time.Time) {
	deadline := time.Now().Add(longest)
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for time.Now().Before(deadline) && !r.enough(p, from) {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// enough tells whether each state of a phase was told, and as much as is asked for can be judged of each of its scenarios. Of
// one who is frozen nobody knows before he is not.
func (r *run) enough(p *phase, from time.Time) bool {
	for n, states := range p.states {
		if !r.console.told(n, states, from) {
			return false
		}
	}
	for n, scenario := range p.scenarios {
		if _, frozen := r.froze[n]; !frozen && r.console.sure(scenario, r.o) < fewest {
			return false
		}
	}
	return true
}

// scenario is what ran at a moment, for a node. What is said of it may be said in the next phase.
func (r *run) scenario(node string, at time.Time) string {
	p := r.phases.at(at)
	if slices.Contains(p.unjudged, node) {
		return unjudged
	}
	if s := p.scenarios[node]; s != "" {
		return s
	}
	if p.bulk || strings.HasPrefix(p.name, "after one") {
		return otherBulk
	}
	return others
}

// What claims belong to that are in no scenario: those of a healthy replica or one that recovers while something happens to
// another, those while uncommitted WAL is on its way, and those of a node that has left the cluster.
const (
	others    = "at other times"
	otherBulk = "at other times, one long transaction"
	unjudged  = "unjudged"
)

func TestTruthIsInsideTheBounds(t *testing.T) {
	for _, b := range servers(t) {
		t.Run(fmt.Sprintf("PostgreSQL %d", b.Version), func(t *testing.T) {
			t.Parallel() // they wait most of the time
			truthIsInsideTheBounds(t, b)
		})
	}
}

func truthIsInsideTheBounds(t *testing.T, b pgcluster.Binaries) {
	o := topology()
	o.Binaries = b
	r := &run{c: start(t, o), o: newOracle(), turns: map[string][]turn{}, froze: map[string]time.Time{}}
	r.net = &network{c: r.c}
	r.phases.enter(&phase{name: "before"})
	ctx, cancel := context.WithCancel(t.Context())
	var wait sync.WaitGroup
	defer wait.Wait()
	defer cancel()

	if err := r.c.Primary().Exec(ctx, "postgres", "create table load (x text)", "create table victim (x int)", "insert into victim values (1)"); err != nil {
		t.Fatal(err)
	}
	r.o.watch(ctx, t, &wait, r.c)
	wait.Go(func() { r.o.fail(ctx, r.load(ctx)) })
	others := &rivals{scenario: r.scenario}
	others.watch(ctx, &wait, r.c, upstreams)
	nodes := []postgres.Node{node(t, "primary", "ams", postgres.RolePrimary)}
	for _, n := range replicas {
		nodes = append(nodes, node(t, n, "x"+n, postgres.RoleReplica))
	}
	c := &console{scenario: r.scenario}
	r.console = c
	c.watch(ctx, &wait, nodes, r.net)

	factor := time.Duration(1)
	if os.Getenv("OPS_CONSOLE_SCENARIO") == "long" {
		factor = 3
	}
	var failed error
	for _, p := range r.script() {
		if failed = r.play(ctx, p, p.lasts*factor); failed != nil {
			break
		}
	}
	if failed != nil {
		for _, n := range r.c.Nodes() {
			t.Logf("log of %s:\n%s", n.Name(), n.Log())
		}
		t.Fatal(failed)
	}
	// The oracle looks a little longer than what it judges.
	time.Sleep(4 * beatEvery)
	cancel()
	wait.Wait()
	if r.o.failed != nil {
		t.Fatal(r.o.failed)
	}
	examine(t, r, c, others)
}
