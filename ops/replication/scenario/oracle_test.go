package scenario_test

import (
	"context"
	"fmt"
	"slices"
	"sort"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"ops-console/ops/postgres/pgcluster"
)

const (
	// beatEvery is how often the heartbeat is written, and read on every replica.
	beatEvery = 25 * time.Millisecond
	// longestGap is how far apart two heartbeats may be before the pause between them was meant.
	longestGap = 2 * time.Second
)

// beat is one value of the heartbeat: it became durable on the primary at some moment between sent and got.
type beat struct {
	sent, got time.Time // got zero: not known to be there
}

// flushed is one answer of the primary to where it is.
type flushed struct {
	sent, got time.Time
	lsn       uint64
}

// look is one answer of a replica to what it shows.
type look struct {
	sent, got time.Time
	beat      int // the newest heartbeat that is visible
	replay    uint64
}

// stretch is a time in which a replica's replay certainly stood still.
type stretch struct{ from, to time.Time }

// oracle knows how stale every replica was at any moment, within its own uncertainty, from two things that it writes down:
// when each heartbeat was committed on the primary, and which one each replica showed when. Nothing in it uses what it
// judges. Besides, it writes down positions, for the one scenario in which WAL is not commits.
type oracle struct {
	mu      sync.Mutex
	on      bool // whether hearts beat
	beats   []beat
	flushes []flushed
	looks   map[string][]look
	still   map[string][]stretch
	failed  error
}

func newOracle() *oracle {
	return &oracle{on: true, beats: []beat{{}}, looks: map[string][]look{}, still: map[string][]stretch{}}
}

// watch lets the oracle write and read until ctx ends. Its goroutines end with ctx, and wait waits for them.
func (o *oracle) watch(ctx context.Context, t *testing.T, wait *sync.WaitGroup, c *pgcluster.Cluster) {
	t.Helper()
	if err := c.Primary().Exec(ctx, "postgres", "create table heartbeat (v bigint)", "insert into heartbeat values (0)"); err != nil {
		t.Fatal(err)
	}
	o.beats[0].sent = time.Now()
	o.beats[0].got = o.beats[0].sent
	wait.Go(func() { o.fail(ctx, o.write(ctx, c.Primary())) })
	wait.Go(func() { o.fail(ctx, o.follow(ctx, c.Primary())) })
	for _, n := range c.Nodes() {
		if n != c.Primary() {
			wait.Go(func() { o.read(ctx, n) })
		}
	}
}

func (o *oracle) fail(ctx context.Context, err error) {
	if err != nil && ctx.Err() == nil {
		o.mu.Lock()
		defer o.mu.Unlock()
		o.failed = fmt.Errorf("the truth could not be written down: %w", err)
	}
}

// stop stops the heart, and returns once the last heartbeat is durable.
func (o *oracle) stop() error {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.on = false
	return o.until("the last heartbeat", func() bool { return !o.beats[len(o.beats)-1].got.IsZero() })
}

// beat lets the heart beat. Where it did not before, it returns once a new beat has arrived at all nodes: what a replica
// misses then was written after that.
func (o *oracle) beat(nodes []string) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.on {
		return nil
	}
	o.on = true
	first := len(o.beats)
	return o.until("the first heartbeat", func() bool {
		return !slices.ContainsFunc(nodes, func(n string) bool {
			ll := o.looks[n]
			return len(ll) == 0 || ll[len(ll)-1].beat < first
		})
	})
}

// until waits for a condition. o.mu is held.
func (o *oracle) until(what string, ok func() bool) error {
	deadline := time.Now().Add(20 * time.Second)
	for !ok() {
		if o.failed != nil {
			return o.failed
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("%s is late by 20 s", what)
		}
		o.mu.Unlock()
		time.Sleep(time.Millisecond)
		o.mu.Lock()
	}
	return nil
}

// write beats.
func (o *oracle) write(ctx context.Context, n *pgcluster.Node) error {
	conn, err := pgx.Connect(ctx, n.URL("postgres"))
	if err != nil {
		return err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	tick := time.NewTicker(beatEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		o.mu.Lock()
		if !o.on {
			o.mu.Unlock()
			continue
		}
		v := len(o.beats)
		o.beats = append(o.beats, beat{sent: time.Now()})
		o.mu.Unlock()
		if _, err := conn.Exec(ctx, "update heartbeat set v = $1", v); err != nil {
			return err
		}
		o.mu.Lock()
		o.beats[v].got = time.Now()
		o.mu.Unlock()
	}
}

// follow reads where the primary is.
func (o *oracle) follow(ctx context.Context, n *pgcluster.Node) error {
	conn, err := pgx.Connect(ctx, n.URL("postgres"))
	if err != nil {
		return err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	tick := time.NewTicker(beatEvery)
	defer tick.Stop()
	for {
		f := flushed{sent: time.Now()}
		var text string
		if err := conn.QueryRow(ctx, "select pg_current_wal_flush_lsn()::text").Scan(&text); err != nil {
			return err
		}
		f.got = time.Now()
		if f.lsn, err = position(text); err != nil {
			return err
		}
		o.mu.Lock()
		o.flushes = append(o.flushes, f)
		o.mu.Unlock()
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// read looks at a replica, for as long as it takes it to answer.
func (o *oracle) read(ctx context.Context, n *pgcluster.Node) {
	tick := time.NewTicker(beatEvery)
	defer tick.Stop()
	var conn *pgx.Conn
	defer func() {
		if conn != nil {
			conn.Close(context.WithoutCancel(ctx))
		}
	}()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if conn == nil {
			var err error
			if conn, err = pgx.Connect(ctx, n.URL("postgres")); err != nil {
				conn = nil
				continue
			}
		}
		l := look{sent: time.Now()}
		var text string
		err := conn.QueryRow(ctx, "select coalesce((select v from heartbeat), 0), coalesce(pg_last_wal_replay_lsn(), '0/0')::text").Scan(&l.beat, &text)
		l.got = time.Now()
		if err == nil {
			l.replay, err = position(text)
		}
		if err != nil {
			conn.Close(context.WithoutCancel(ctx))
			conn = nil
			continue
		}
		o.mu.Lock()
		o.looks[n.Name()] = append(o.looks[n.Name()], l)
		o.mu.Unlock()
	}
}

func position(s string) (uint64, error) {
	hi, lo, _ := strings.Cut(s, "/")
	h, err1 := strconv.ParseUint(hi, 16, 32)
	l, err2 := strconv.ParseUint(lo, 16, 32)
	if err1 != nil || err2 != nil {
		return 0, fmt.Errorf("position %q", s)
	}
	return h<<32 | l, nil
}

// stood notes that replay of a node stood still from the end of a freeze until the thaw.
func (o *oracle) stood(node string, from, to time.Time) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.still[node] = append(o.still[node], stretch{from, to})
}

// truth is what is known of a staleness: it was between lo and hi.
type truth struct{ lo, hi time.Duration }

func (t truth) middle() float64 { return (t.lo + t.hi).Seconds() / 2 }

// before and after are what a replica showed last before from and first after to: what it showed in between is between
// them. A replica that stood still shows afterwards what it could have shown before. ok is false where nobody looked.
func (o *oracle) before(node string, from time.Time) (look, bool) {
	ll := o.looks[node]
	i := sort.Search(len(ll), func(i int) bool { return ll[i].got.After(from) })
	if i == 0 {
		return look{}, false
	}
	return ll[i-1], true
}

func (o *oracle) after(node string, to time.Time) (look, bool) {
	ll := o.looks[node]
	i := sort.Search(len(ll), func(i int) bool { return !ll[i].sent.Before(to) })
	for _, s := range o.still[node] {
		if to.Before(s.from) || to.After(s.to) {
			continue
		}
		// What was not written before it stood still cannot be there.
		l := look{beat: sort.Search(len(o.beats), func(i int) bool { return o.beats[i].sent.After(s.from) }) - 1}
		k := sort.Search(len(o.flushes), func(i int) bool { return o.flushes[i].sent.After(s.from) })
		if k == len(o.flushes) {
			return look{}, false
		}
		l.replay = o.flushes[k].lsn
		if i < len(ll) {
			l.beat, l.replay = min(l.beat, ll[i].beat), min(l.replay, ll[i].replay)
		}
		return l, true
	}
	if i == len(ll) {
		return look{}, false
	}
	return ll[i], true
}

// commits is the staleness of a replica by what a reader misses: how long ago the oldest heartbeat that it did not show was
// committed. The answer holds for a claim that was made for one moment between from and to: its upper bound for from, its
// lower bound for to.
//
// Two heartbeats are a little apart, and other WAL lies between them: that the replica lacks it can be said up to so much
// earlier. That is part of what is not known, unless the heart was stopped.
func (o *oracle) commits(node string, from, to time.Time) (truth, bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	least, ok1 := o.before(node, from)
	most, ok2 := o.after(node, to)
	if !ok1 || !ok2 {
		return truth{}, false
	}
	var t truth
	if m := least.beat + 1; m < len(o.beats) {
		since := o.beats[m].sent
		if b := o.beats[m-1].sent; since.Sub(b) < longestGap {
			since = b
		}
		t.hi = max(0, to.Sub(since))
	}
	if m := most.beat + 1; m < len(o.beats) && !o.beats[m].got.IsZero() {
		t.lo = max(0, to.Sub(o.beats[m].got))
	}
	t.lo = min(t.lo, t.hi)
	return t, true
}

// wal is the staleness by what the replica has not replayed, committed or not.
func (o *oracle) wal(node string, from, to time.Time) (truth, bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	least, ok1 := o.before(node, from)
	most, ok2 := o.after(node, to)
	if !ok1 || !ok2 || len(o.flushes) == 0 || o.flushes[len(o.flushes)-1].sent.Before(to) {
		return truth{}, false
	}
	beyond := func(l uint64) int {
		return sort.Search(len(o.flushes), func(i int) bool { return o.flushes[i].lsn > l })
	}
	var t truth
	if i := beyond(least.replay); i > 0 {
		t.hi = max(0, to.Sub(o.flushes[i-1].sent))
	} else {
		return truth{}, false
	}
	if i := beyond(most.replay); i < len(o.flushes) {
		t.lo = max(0, to.Sub(o.flushes[i].got))
	}
	t.lo = min(t.lo, t.hi)
	return t, true
}
