package replication

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"ops-console/ops/feed"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestEveryNodeIsReadAtItsOwnRhythm(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newFakeWorld(3)
		w.server("r1").hung = true
		w.server("r2").delay = 700 * time.Millisecond
		watcher := watchFake(t, w, Options{})
		time.Sleep(10*time.Second + time.Millisecond)
		watcher.Close()
		for name, want := range map[string]int{"primary": 11, "r1": 0, "r2": 11, "r3": 11} {
			if got := len(w.server(name).asked); got != want {
				t.Errorf("%s was read %d times, want %d", name, got, want)
			}
		}
		// Five times a second, from the end of the first reading on.
		if got := w.server("primary").sampled; got < 49 || got > 52 {
			t.Errorf("the primary was sampled %d times in ten seconds", got)
		}
		for _, s := range w.servers {
			want := 1
			if s.primary {
				want = 2
			}
			if s.open != 0 || s.most > want {
				t.Errorf("%s: %d connections are open, at most %d were, want 0 and %d", s.name, s.open, s.most, want)
			}
		}
	})
}

func TestReadingsOfANodeDoNotOverlap(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newFakeWorld(1)
		w.server("r1").delay = 2500 * time.Millisecond // the fake panics at two questions at a time
		watchFake(t, w, Options{})
		time.Sleep(9 * time.Second)
		r := w.server("r1")
		r.with(func() {
			if got := len(r.asked); got != 4 {
				t.Errorf("read %d times in nine seconds at 2.5 s each, want 4", got)
			}
		})
	})
}

func TestANodeThatIsDownIsWaitedWith(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newFakeWorld(1)
		r := w.server("r1")
		r.down = true
		watcher := watchFake(t, w, Options{})
		time.Sleep(60 * time.Second)
		var tried []time.Time
		r.with(func() { tried = slices.Clone(r.tried) })
		want := []time.Duration{time.Second, 2 * time.Second, 5 * time.Second, 15 * time.Second, 15 * time.Second}
		if len(tried) < len(want)+1 {
			t.Fatalf("tried %d times in a minute", len(tried))
		}
		for i, d := range want {
			if got := tried[i+1].Sub(tried[i]); got < d*8/10 || got > d*12/10 {
				t.Errorf("pause %d is %s, want %s give or take a fifth", i, got, d)
			}
		}

		before := len(tried)
		watcher.Refresh()
		synctest.Wait()
		r.with(func() {
			if len(r.tried) != before+1 {
				t.Errorf("Refresh tried %d times, want once", len(r.tried)-before)
			}
			r.down = false
		})
		// Refresh began the pauses anew.
		time.Sleep(1300 * time.Millisecond)
		r.with(func() {
			if r.open != 1 {
				t.Error("not read although it is up again")
			}
		})
	})
}

func TestAQuestionThatTakesTooLongKeepsTheRhythm(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newFakeWorld(1)
		r := w.server("r1")
		watchFake(t, w, Options{})
		time.Sleep(1500 * time.Millisecond)
		r.with(func() { r.refuses = []string{core} }) // an error, and the session goes on
		time.Sleep(3 * time.Second)
		r.with(func() {
			if len(r.tried) != 1 || r.open != 1 {
				t.Errorf("connected %d times, %d open", len(r.tried), r.open)
			}
			r.refuses = nil
			r.asked = nil
		})
		time.Sleep(3 * time.Second)
		r.with(func() {
			if len(r.asked) != 3 {
				t.Errorf("read %d times in three seconds", len(r.asked))
			}
		})
	})
}

func TestSamplingFollowsThePrimary(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newFakeWorld(2)
		old, promoted := w.server("primary"), w.server("r1")
		watchFake(t, w, Options{})
		time.Sleep(3500 * time.Millisecond)
		old.with(func() { old.down = true })
		promoted.with(func() { promoted.primary = true })
		time.Sleep(time.Second)
		promoted.with(func() {
			if promoted.sampled == 0 || promoted.open != 2 {
				t.Errorf("sampled %d times over %d connections within a second of promotion", promoted.sampled, promoted.open)
			}
		})
		old.with(func() {
			old.down, old.primary = false, false // it comes back as a standby
			old.sampled = 0
		})
		time.Sleep(10 * time.Second)
		old.with(func() {
			if old.sampled != 0 || old.open != 1 {
				t.Errorf("the old primary was sampled %d times over %d connections", old.sampled, old.open)
			}
		})
	})
}

func TestAPrimaryBehindTwoAddressesIsSampledOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newFakeWorld(2)
		w.server("r1").primary = true
		w.server("r1").boot = w.server("primary").boot
		watchFake(t, w, Options{})
		time.Sleep(5 * time.Second)
		for name, want := range map[string]int{"primary": 2, "r1": 1, "r2": 1} {
			s := w.server(name)
			s.with(func() {
				if s.open != want {
					t.Errorf("%s: %d sessions, want %d", name, s.open, want)
				}
			})
		}
	})
}

func TestAPrimaryWithRoomForOneSession(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newFakeWorld(0)
		p := w.server("primary")
		p.room = 1
		watchFake(t, w, Options{})
		time.Sleep(61 * time.Second)
		p.with(func() {
			if len(p.asked) < 60 || len(p.tried) > 6 {
				t.Errorf("%d readings, %d sessions tried in a minute, want one and one in 15 s", len(p.asked), len(p.tried))
			}
			p.room = 2
		})
		time.Sleep(16 * time.Second)
		p.with(func() {
			if p.sampled == 0 {
				t.Error("not sampled although there is room")
			}
		})
	})
}

func TestNodesComeAndGo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newFakeWorld(3)
		w.gone = []string{"r3"}
		watchFake(t, w, Options{})
		time.Sleep(29 * time.Second)
		r := w.server("r3")
		r.with(func() {
			if n := len(r.tried); n != 0 {
				t.Errorf("a node that is not in the list was tried %d times", n)
			}
		})
		w.with(func() { w.gone = []string{"r1"} })
		time.Sleep(2 * time.Second)
		for name, want := range map[string]int{"r1": 0, "r2": 1, "r3": 1} {
			s := w.server(name)
			s.with(func() {
				if s.open != want {
					t.Errorf("%s: %d sessions, want %d", name, s.open, want)
				}
			})
		}

		// A list that may lack some takes nobody away.
		w.with(func() { w.gone, w.err = []string{"r2", "r3"}, errors.New("half of it") })
		time.Sleep(35 * time.Second)
		for _, name := range []string{"r1", "r2", "r3"} {
			s := w.server(name)
			s.with(func() {
				if s.open != 1 {
					t.Errorf("%s: %d sessions, want 1", name, s.open)
				}
			})
		}
	})
}

func TestAFailureHasTheListReadAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newFakeWorld(1)
		watchFake(t, w, Options{})
		time.Sleep(10 * time.Second)
		r := w.server("r1")
		r.with(func() { r.down = true })
		time.Sleep(1100 * time.Millisecond)
		w.with(func() {
			if len(w.asked) != 2 {
				t.Errorf("the list was read %d times, want at the beginning and after the failure", len(w.asked))
			}
		})
	})
}

func TestNobodyLooks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newFakeWorld(1)
		watcher := watchFake(t, w, Options{Attended: true})
		time.Sleep(time.Minute)
		primary := w.server("primary")
		tried := func() (n, open int) {
			primary.with(func() { n, open = len(primary.tried), primary.open })
			return n, open
		}
		if n, _ := tried(); n != 0 || len(w.asked) != 0 {
			t.Errorf("connected %d times, looked for nodes %d times, before anybody looked", n, len(w.asked))
		}
		if s := watcher.Latest(); s.Seq != 1 || len(s.Value.Notes) == 0 || s.Err != nil {
			t.Errorf("latest %+v", s)
		}
		watcher.Attend(true)
		time.Sleep(10 * time.Second)
		if _, open := tried(); open != 2 {
			t.Errorf("%d sessions while somebody looks", open)
		}
		if s := watcher.Latest(); slices.ContainsFunc(s.Value.Notes, func(n string) bool { return strings.Contains(n, "nobody looks") }) {
			t.Errorf("notes %q", s.Value.Notes)
		}
		watcher.Attend(false)
		time.Sleep(14 * time.Second)
		if _, open := tried(); open != 2 {
			t.Errorf("%d sessions 14 s after", open)
		}
		watcher.Attend(true)
		time.Sleep(20 * time.Second)
		watcher.Attend(false)
		time.Sleep(16 * time.Second)
		n, open := tried()
		if open != 0 {
			t.Errorf("%d sessions 16 s after", open)
		}
		s := watcher.Latest()
		if !slices.ContainsFunc(s.Value.Notes, func(n string) bool { return strings.Contains(n, "nobody looks") }) {
			t.Errorf("notes %q", s.Value.Notes)
		}
		time.Sleep(time.Hour)
		if m, _ := tried(); m != n || watcher.Latest().Seq != s.Seq {
			t.Error("it still reads")
		}
		watcher.Attend(true)
		time.Sleep(2 * time.Second)
		if _, open := tried(); open != 2 {
			t.Errorf("%d sessions when somebody looks again", open)
		}
	})
}

func TestServersThatSleepAreLeftAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newFakeWorld(0)
		p := w.server("primary")
		p.neon = true
		watcher := watchFake(t, w, Options{})
		watcher.Attend(false) // before it is known
		time.Sleep(20 * time.Second)
		p.with(func() {
			if p.open != 0 {
				t.Errorf("%d sessions keep it awake", p.open)
			}
		})
	})
}

func TestOthersAreReadAlthoughNobodyLooks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newFakeWorld(0)
		p := w.server("primary")
		watcher := watchFake(t, w, Options{})
		watcher.Attend(false)
		time.Sleep(time.Minute)
		p.with(func() {
			if p.open != 2 || len(p.asked) < 59 {
				t.Errorf("%d sessions, %d readings", p.open, len(p.asked))
			}
		})
	})
}

func TestPublications(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newFakeWorld(20)
		for i, s := range w.servers {
			s.delay = time.Duration(i) * 10 * time.Millisecond // a round takes 200 ms
		}
		watcher := watchFake(t, w, Options{})
		var times []time.Time
		end := time.After(10 * time.Second)
		for run := true; run; {
			select {
			case <-watcher.Changed():
				times = append(times, time.Now())
			case <-end:
				run = false
			}
		}
		if n := len(times); n < 10 || n > 51 {
			t.Errorf("%d snapshots in ten seconds", n)
		}
		for i := range times[1:] {
			if d := times[i+1].Sub(times[i]); d < publishEvery || d > time.Second {
				t.Errorf("%s between two snapshots", d)
			}
		}
	})
}

func TestWhatIsRefusedIsNotAskedForAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newFakeWorld(2)
		for _, name := range []string{"r1", "r2"} {
			w.server(name).refuses = []string{"receive", "receiver", "archiver"}
		}
		watcher := watchFake(t, w, Options{})
		s := until(t, watcher, "a note", func(s feed.Snapshot[*Snapshot]) bool {
			return slices.Contains(s.Value.Notes, "r1, r2: the server does not say: what was received, the WAL receiver, the archiver")
		})
		if len(s.Nodes) > 0 && len(s.Nodes) != 3 {
			t.Errorf("%d nodes", len(s.Nodes))
		}
		r := w.server("r1")
		var before int
		r.with(func() { before = len(r.asked) })
		time.Sleep(5 * time.Second)
		r.with(func() {
			if n := len(r.asked) - before; n != 5 {
				t.Errorf("%d questions in five seconds", n)
			}
		})
		if limit := 30; before > limit {
			t.Errorf("%d questions to find out, want at most %d", before, limit)
		}
	})
}

func TestWhatIsAskedAgainIsPrepared(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newFakeWorld(2)
		w.server("r2").forgets = true
		watcher := watchFake(t, w, Options{})
		time.Sleep(5*time.Second + time.Millisecond)
		watcher.Close()
		for name, want := range map[string]int{"r1": 5, "r2": 1} {
			if s := w.server(name); s.named != want || len(s.asked) != 6 {
				t.Errorf("%s: %d of %d questions by name, want %d of 6", name, s.named, len(s.asked), want)
			}
		}
	})
}

func TestWithoutNodes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for name, o := range map[string]Options{
			"no locator": {},
			"no nodes":   {Locator: &fakeWorld{}},
			"an error":   {Locator: &fakeWorld{err: errors.New("the platform does not answer")}},
		} {
			watcher := watch(t.Context(), o, patience, nil)
			time.Sleep(time.Second)
			if s := watcher.Latest(); s.Err == nil || s.Value != nil {
				t.Errorf("%s: latest %+v", name, s)
			}
			watcher.Refresh()
			watcher.Attend(true)
			watcher.Close()
			watcher.Close()
			if s, err := read(t.Context(), o, nil); err == nil {
				t.Errorf("%s: Read gives %+v", name, s)
			} else {
				t.Log(err)
			}
		}
	})
}

func TestReadEndsWhenEveryNodeAnsweredOrFailedTwice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newFakeWorld(1)
		w.server("r1").down = true
		start := time.Now()
		s, err := read(t.Context(), Options{Locator: w}, w.connect)
		if err != nil || s == nil {
			t.Fatal(s, err)
		}
		if d := time.Since(start); d > time.Second {
			t.Errorf("it took %s", d)
		}
		w.server("r1").with(func() {
			r := w.server("r1")
			r.down, r.hung = false, true
		})
		start = time.Now()
		if _, err := read(t.Context(), Options{Locator: w}, w.connect); err != nil {
			t.Fatal(err)
		}
		if d := time.Since(start); d > readFor-100*time.Millisecond {
			t.Errorf("it took %s", d)
		}
		for _, s := range w.servers {
			if s.open != 0 {
				t.Errorf("%s: %d sessions are left", s.name, s.open)
			}
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := read(ctx, Options{Locator: w}, w.connect); !errors.Is(err, context.Canceled) {
			t.Errorf("a cancelled Read: %v", err)
		}
	})
}
