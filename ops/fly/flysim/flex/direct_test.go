package flex

import (
	"sync/atomic"
	"testing"
	"time"

	"ops-console/ops/fly/flysim/platform"
	"ops-console/ops/postgres/pgcluster"
)

// healthy is a platform all of whose machines run.
type healthy struct{}

func (healthy) Instance(id string) (platform.Instance, bool) {
	return platform.Instance{ID: id, Started: true}, true
}
func (healthy) Report(string, string, string, string) error { return nil }
func (healthy) Up(string) error                             { return nil }

// TestChangesThatAreInterruptedAreGoneOnWith interrupts every attempt to change the cluster, each a little later than the
// one before, until one is not.
func TestChangesThatAreInterruptedAreGoneOnWith(t *testing.T) {
	t.Parallel()
	bb, err := pgcluster.Find()
	if err != nil {
		t.Skipf("%v: apt-get install postgresql", err)
	}
	var limit atomic.Int64
	d := Start(Options{
		App: "db", Binaries: bb[0], Platform: healthy{}, Sessions: []Session{{Name: "app", Region: "ord"}},
		Members: []Member{{ID: "home", Region: "ord"}, {ID: "near", Region: "sin", Upstream: "home"}, {ID: "far", Region: "syd", Upstream: "near"}},
		retry:   10 * time.Millisecond,
		limit:   func() time.Duration { return time.Duration(limit.Add(int64(30 * time.Millisecond))) },
	})
	t.Cleanup(func() {
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	})
	late := time.Now().Add(time.Minute)
	until := func(what string, ok func() error) {
		t.Helper()
		for {
			err := ok()
			if err == nil {
				return
			}
			if time.Now().After(late) {
				t.Fatalf("%s: %v\n%s\n%s", what, err, d.Log("near"), d.Log("far"))
			}
			time.Sleep(5 * time.Millisecond)
		}
	}
	until("start", func() error { return d.Ready(t.Context()) })
	change := func(what string, wishes ...*wish) {
		t.Helper()
		limit.Store(0)
		d.mu.Lock()
		d.wishes = wishes
		plan := d.again()
		d.mu.Unlock()
		began := time.Now()
		until(what, func() error { return d.await(t.Context(), plan) })
		t.Logf("%s after %s, the last attempt within %s", what, time.Since(began).Round(time.Millisecond), time.Duration(limit.Load()))
	}
	for _, w := range []struct {
		what  string
		apply func(*target)
	}{
		{"promoted", func(w *target) { w.nodes["near"].promoted = true }},
		{"lost", func(w *target) { w.nodes["near"].lost = true }},
		{"blocked and delayed", func(w *target) {
			w.nodes["near"].blocked, w.nodes["far"].delay = true, 2*time.Second
		}},
	} {
		change(w.what, &wish{w.apply})
		change(w.what + " no more")
		for _, n := range d.nodes[1:] {
			until(n.ID+" streams", func() error {
				return n.pg.Exec(t.Context(), "postgres", "SELECT 1 / count(*) FROM pg_stat_wal_receiver WHERE status = 'streaming' AND pg_is_in_recovery()")
			})
		}
	}
}
