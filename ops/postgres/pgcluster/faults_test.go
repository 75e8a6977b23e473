package pgcluster

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// fault is something wrong with the replica r1, how it shows, and how it ends.
type fault struct {
	name  string
	begin func(*Node) error
	// shows is what node says while a row that was written meanwhile does not arrive.
	node, want, query string
	end               func(*Node) error
	since             int // the version that can do it
}

func TestFaultsShowAndEnd(t *testing.T) {
	quiet := func(f func(*Node)) func(*Node) error {
		return func(n *Node) error {
			f(n)
			return nil
		}
	}
	freeze := func(p Process) func(*Node) error { return func(n *Node) error { return n.Freeze(p) } }
	ctx := t.Context()
	faults := []fault{
		{"cut", quiet((*Node).Cut), "primary", "", senders, quiet((*Node).Heal), 0},
		{"cut, seen from the replica", quiet((*Node).Cut), "r1", "0", "select count(*) from pg_stat_wal_receiver", quiet((*Node).Heal), 0},
		{"hole", quiet((*Node).Hole), "primary", "r1 streaming", senders, quiet((*Node).Heal), 0},
		{"hole, seen from the replica", quiet((*Node).Hole), "r1", "streaming", "select status from pg_stat_wal_receiver", quiet((*Node).Heal), 0},
		{
			"delay", quiet(func(n *Node) { n.Delay(time.Hour) }), "primary", "r1 streaming", senders,
			quiet(func(n *Node) { n.Delay(0) }), 0,
		},
		{
			"pause", func(n *Node) error { return n.Pause(ctx) }, "r1", "true", "select pg_is_wal_replay_paused()",
			func(n *Node) error { return n.Resume(ctx) }, 0,
		},
		{
			"apply delay", func(n *Node) error { return n.ApplyDelay(ctx, time.Hour) }, "r1", "1h", "select current_setting('recovery_min_apply_delay')",
			func(n *Node) error { return n.ApplyDelay(ctx, 0) }, 0,
		},
		{
			"frozen startup", freeze(Startup), "primary", "true", "select flush_lsn > replay_lsn from pg_stat_replication where application_name = 'r1'",
			(*Node).Thaw, 0,
		},
		{"frozen receiver", freeze(WALReceiver), "primary", "r1 streaming", senders, (*Node).Thaw, 0},
		{"frozen server", freeze(WholeServer), "primary", "r1 streaming", senders, (*Node).Thaw, 0},
		{
			"stopped", func(n *Node) error { return n.Stop(ctx) }, "primary", "", senders,
			func(n *Node) error { return n.Start(ctx) }, 0,
		},
		{
			"lost slot", func(n *Node) error { return n.LoseSlot(ctx) }, "primary", "lost", "select wal_status from pg_replication_slots where slot_name = 'r1'",
			func(n *Node) error {
				// What streams from it has lost as much.
				return errors.Join(n.Restore(ctx), n.cluster.Node("r2").Restore(ctx))
			}, 13,
		},
	}
	versions(t, func(t *testing.T, b Binaries) {
		c := start(t, Options{Binaries: b, Replicas: []Replica{{Name: "r1", Slot: "r1"}, {Name: "r2", Upstream: "r1"}}})
		p, r1 := c.Primary(), c.Node("r1")
		for _, f := range faults {
			t.Run(f.name, func(t *testing.T) {
				if b.Version < f.since {
					return
				}
				if err := f.begin(r1); err != nil {
					t.Fatal(err)
				}
				id, query := row(t, p)
				wait(t, c.Node(f.node), f.want, f.query)
				if f.name != "frozen server" && f.name != "stopped" {
					if got, err := ask(ctx, r1.URL("postgres"), query); got == id {
						t.Errorf("row %s arrived all the same (%v)", id, err)
					}
				}
				if err := f.end(r1); err != nil {
					t.Fatal(err)
				}
				// The cascade beneath comes along.
				for _, n := range c.Nodes() {
					wait(t, n, id, query)
				}
				wait(t, p, "r1 streaming", senders)
			})
		}
	})
}

func TestFrozenServerIsSilent(t *testing.T) {
	c := start(t, Options{Binaries: binaries(t)[0], Replicas: []Replica{{Name: "r1"}}})
	r1 := c.Node("r1")
	if err := r1.Freeze(WholeServer); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if got, err := ask(ctx, r1.URL("postgres"), "select 1"); err == nil {
		t.Errorf("it says %q", got)
	}
	// One more process that the server will start has to take nobody by surprise.
	if err := r1.Thaw(); err != nil {
		t.Fatal(err)
	}
	if got := value(t, r1, "select 1"); got != "1" {
		t.Errorf("it says %q", got)
	}
	if err := r1.Freeze("nothing"); err == nil {
		t.Error("a process that is not was frozen")
	}
}

func TestPromotionAndWhoFollows(t *testing.T) {
	const timeline = "select substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8)"
	versions(t, func(t *testing.T, b Binaries) {
		ctx := t.Context()
		c := start(t, Options{Binaries: b, Replicas: []Replica{{Name: "r1"}, {Name: "r2", Slot: "r2"}, {Name: "r3", Upstream: "r1"}}})
		p, r1, r2, r3 := c.Primary(), c.Node("r1"), c.Node("r2"), c.Node("r3")
		if err := p.Follow(ctx, r3); err == nil {
			t.Error("the primary follows what streams from it")
		}
		if err := p.Restore(ctx); err == nil {
			t.Error("the primary is restored from nowhere")
		}
		if err := p.LoseSlot(ctx); err == nil {
			t.Error("the primary has a slot to lose")
		}
		if err := r1.Promote(ctx); err != nil {
			t.Fatal(err)
		}
		// Two primaries now.
		for n, want := range map[*Node]string{p: "00000001", r1: "00000002"} {
			if got := value(t, n, timeline); got != want {
				t.Errorf("%s is on timeline %s, not %s", n.Name(), got, want)
			}
		}
		if err := r2.Follow(ctx, r1); err != nil {
			t.Fatal(err)
		}
		// What only the old one knows is gone when it comes back as a standby.
		row(t, p)
		if err := p.Follow(ctx, r1); err != nil {
			t.Fatal(err)
		}
		if err := r1.Restore(ctx); err == nil {
			t.Error("two standbys stream from each other")
		}
		if err := r3.Follow(ctx, p); err != nil {
			t.Fatal(err)
		}
		if err := r3.Follow(ctx, r1); err != nil {
			t.Fatal(err)
		}
		id, query := row(t, r1)
		for _, n := range []*Node{p, r2, r3} {
			wait(t, n, id, query)
			wait(t, n, "2", "select received_tli from pg_stat_wal_receiver")
		}
		wait(t, r1, "primary streaming,r2 streaming,r3 streaming", senders)
		wait(t, r1, "true", "select active from pg_replication_slots where slot_name = 'r2'")
		// And back again: the promoted one is a replica of what it was one of.
		if err := p.Promote(ctx); err != nil {
			t.Fatal(err)
		}
		if err := r1.Restore(ctx); err != nil {
			t.Fatal(err)
		}
		wait(t, p, "r1 streaming", senders)
	})
}

func TestLosingASlotHurtsNobodyElse(t *testing.T) {
	c := start(t, Options{Binaries: binaries(t)[0], Replicas: []Replica{
		{Name: "near", Slot: "near"}, {Name: "far", Slot: "far", Delay: 150 * time.Millisecond}, {Name: "loser", Slot: "loser"},
	}})
	p := c.Primary()
	if err := c.Node("loser").LoseSlot(t.Context()); err != nil {
		t.Fatal(err)
	}
	const slots = "select string_agg(slot_name || ' ' || wal_status, ',' order by slot_name) from pg_replication_slots"
	wait(t, p, "far reserved,loser lost,near reserved", slots)
	wait(t, p, "-1 64", `select (select setting from pg_settings where name = 'max_slot_wal_keep_size') || ' ' ||
		(select setting from pg_settings where name = 'wal_keep_size')`)
	// The loser has its link, and no use for it.
	until(t, "the loser's log", func() (bool, string) {
		log := c.Node("loser").Log()
		return strings.Contains(log, "FATAL"), log
	})
	if err := c.Node("loser").Restore(t.Context()); err != nil {
		t.Fatal(err)
	}
	wait(t, p, "far reserved,loser reserved,near reserved", slots)
	wait(t, p, "far streaming,loser streaming,near streaming", senders)
}

func TestClockIsAhead(t *testing.T) {
	if _, err := skewed(time.Second); err != nil {
		t.Skip(err)
	}
	for _, b := range binaries(t) {
		t.Run(fmt.Sprintf("PostgreSQL %d", b.Version), func(t *testing.T) { clockIsAhead(t, b) })
	}
}

func clockIsAhead(t *testing.T, b Binaries) {
	c := start(t, Options{Binaries: b, Replicas: []Replica{{Name: "ahead", Skew: 30 * time.Second}, {Name: "behind", Skew: -90 * time.Second}}})
	for name, want := range map[string]time.Duration{"primary": 0, "ahead": 30 * time.Second, "behind": -90 * time.Second} {
		before := time.Now()
		seconds, err := strconv.ParseFloat(value(t, c.Node(name), "select extract(epoch from clock_timestamp())"), 64)
		if err != nil {
			t.Fatal(err)
		}
		took := time.Since(before)
		ahead := time.UnixMicro(int64(seconds * 1e6)).Sub(before)
		if ahead < want-time.Millisecond || ahead > want+took+time.Millisecond {
			t.Errorf("%s is ahead by %v, not %v", name, ahead, want)
		}
		if want == 0 {
			continue
		}
		// All processes of a server have one clock, and what waits by it ends.
		wait(t, c.Node(name), "true", "select abs(extract(epoch from clock_timestamp() - last_msg_receipt_time)) < 15 from pg_stat_wal_receiver")
		before = time.Now()
		value(t, c.Node(name), "select sum(numbackends) from pg_stat_database")
		if took := time.Since(before); took > 5*time.Second {
			t.Errorf("the statistics of %s are there after %s", name, took)
		}
		_, err = ask(t.Context(), c.Node(name).URL("postgres")+"&statement_timeout=200", "select pg_sleep(20)")
		if err == nil || !strings.Contains(err.Error(), "57014") {
			t.Errorf("a statement that takes too long on %s ends with %v", name, err)
		}
	}
}

// die is the parent that dies, in the way it is told on its input, with frozen servers.
func die(dir string) {
	c, err := Start(context.Background(), Options{Dir: dir, Replicas: []Replica{{Name: "r1"}, {Name: "r2"}}})
	if err != nil {
		os.Stdout.WriteString(err.Error())
		os.Exit(1)
	}
	for name, p := range map[string]Process{"r1": WholeServer, "r2": Startup} {
		if err := c.Node(name).Freeze(p); err != nil {
			os.Stdout.WriteString(err.Error())
			os.Exit(1)
		}
	}
	os.Stdout.WriteString("ready\n")
	how := make([]byte, 1)
	os.Stdin.Read(how)
	if how[0] == 'p' {
		go panic("as told")
	}
	select {}
}

func TestNothingOutlivesADeadParent(t *testing.T) {
	binaries(t)
	for _, how := range []string{"panic", "kill"} {
		t.Run(how, func(t *testing.T) {
			dir := shared(t)
			cmd, in, out := child(t, dir)
			line := make([]byte, 1000)
			n, err := out.Read(line)
			if got := string(line[:n]); got != "ready\n" || err != nil {
				t.Fatalf("it says %q, %v", got, err)
			}
			// Two of them stopped whole, one in part: there is something to be left behind.
			if got := running(t, dir); len(got) < 4 {
				t.Fatalf("running is only %v", got)
			}
			if how == "panic" {
				in.Write([]byte("p"))
			} else if err := cmd.Process.Signal(syscall.SIGKILL); err != nil {
				t.Fatal(err)
			}
			cmd.Wait()
			until(t, "nothing left", func() (bool, string) {
				left := slices.Concat(files(t, dir), running(t, dir))
				return len(left) == 0, strings.Join(left, "\n")
			})
		})
	}
}

func TestCancelledStartLeavesNothing(t *testing.T) {
	b := binaries(t)[0]
	dir := shared(t)
	for _, after := range []time.Duration{0, 20 * time.Millisecond, 60 * time.Millisecond, 110 * time.Millisecond, 160 * time.Millisecond} {
		ctx, cancel := context.WithTimeout(t.Context(), after)
		c, err := Start(ctx, Options{Binaries: b, Dir: dir, Replicas: []Replica{{Name: "r1"}, {Name: "r2", Upstream: "r1", Slot: "r2"}}})
		cancel()
		if err == nil {
			c.Close()
		} else if ctx.Err() == nil {
			t.Errorf("after %v: %v", after, err)
		}
		if left := append(files(t, dir), running(t, dir)...); len(left) > 0 {
			t.Errorf("after %v left behind: %v", after, left)
		}
	}
}
