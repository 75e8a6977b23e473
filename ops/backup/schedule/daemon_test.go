package schedule

import (
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// served runs a daemon in time that is not real until a moment of it, and returns when its runs began.
type served struct {
	*testing.T
	when   string
	jitter time.Duration
	start  time.Time   // of the daemon; the zero Time of a bubble is midnight of 1 January 2000, UTC
	runs   []time.Time // those there were before, and those of the daemon
	fail   func(n int) error
	long   time.Duration   // each takes
	sleeps []time.Duration // the machine's, one after the other, each after an hour awake
	blind  int             // so often the store does not answer
}

func (s *served) until(end time.Time) []time.Time {
	s.Helper()
	w, err := ParseWhen(s.when, nil)
	if err != nil {
		s.Fatal(err)
	}
	before := len(s.runs)
	synctest.Test(s.T, func(t *testing.T) {
		var asleep atomic.Int64
		now := func() time.Time { return time.Now().Add(time.Duration(asleep.Load())) }
		ctx, cancel := context.WithCancel(t.Context())
		d := &Daemon{
			When: w, Jitter: s.jitter, Now: now,
			Last: func(context.Context) (time.Time, error) {
				if s.blind--; s.blind >= 0 {
					return time.Time{}, errors.New("no answer")
				}
				if len(s.runs) == 0 {
					return time.Time{}, nil
				}
				return slices.MaxFunc(s.runs, time.Time.Compare), nil
			},
			Run: func(ctx context.Context) error {
				s.runs = append(s.runs, now())
				time.Sleep(s.long)
				if s.fail != nil {
					return s.fail(len(s.runs) - before)
				}
				return nil
			},
		}
		time.Sleep(s.start.Sub(now()))
		done := make(chan error)
		go func() { done <- d.Serve(ctx) }()
		for _, sleep := range s.sleeps {
			time.Sleep(time.Hour)
			synctest.Wait()
			asleep.Add(int64(sleep))
		}
		time.Sleep(end.Sub(now()))
		synctest.Wait()
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return s.runs[before:]
}

func day(d, h, m int) time.Time { return time.Date(2000, 1, d, h, m, 0, 0, time.UTC) }

func equalWithin(got, want []time.Time, d time.Duration) bool {
	return slices.EqualFunc(got, want, func(a, b time.Time) bool { return !a.Before(b) && a.Sub(b) <= d })
}

func TestDaemon(t *testing.T) {
	failing := errors.New("disk full")
	for _, tc := range []struct {
		name string
		s    served
		end  time.Time
		want []time.Time
	}{
		{"takes one at its time", served{when: "at 03:30", start: day(2, 0, 0), runs: []time.Time{day(1, 3, 30)}}, day(4, 12, 0), []time.Time{day(2, 3, 30), day(3, 3, 30), day(4, 3, 30)}},
		{"takes one at once where there is none", served{when: "at 03:30", start: day(2, 0, 0)}, day(3, 0, 0), []time.Time{day(2, 0, 0), day(2, 3, 30)}},
		{"makes up once for what was missed", served{when: "at 03:30", start: day(9, 12, 0), runs: []time.Time{day(1, 3, 30)}}, day(10, 12, 0), []time.Time{day(9, 12, 0), day(10, 3, 30)}},
		{"makes up once after a sleep", served{when: "hourly", start: day(2, 0, 10), runs: []time.Time{day(2, 0, 0)}, sleeps: []time.Duration{9*time.Hour + 5*time.Minute}}, day(2, 12, 10), []time.Time{day(2, 1, 0), day(2, 10, 15), day(2, 11, 0), day(2, 12, 0)}},
		{"does not run behind itself", served{when: "hourly", start: day(2, 0, 10), runs: []time.Time{day(2, 0, 0)}, long: 70 * time.Minute}, day(2, 6, 30), []time.Time{day(2, 1, 0), day(2, 3, 0), day(2, 5, 0)}},
		{"leaves to another what he began", served{when: "hourly", start: day(2, 0, 10), runs: []time.Time{day(2, 0, 0), day(2, 0, 5)}, fail: func(int) error { return ErrBusy }}, day(2, 2, 30), []time.Time{day(2, 1, 0), day(2, 2, 0)}},
		{"is not fooled by a backup of the future", served{when: "at 03:30", start: day(2, 0, 0), runs: []time.Time{day(30, 0, 0)}}, day(3, 12, 0), []time.Time{day(2, 3, 30), day(3, 3, 30)}},
		{"waits for a store that is away", served{when: "at 03:30", start: day(2, 3, 25), runs: []time.Time{day(1, 3, 30)}, blind: 8}, day(2, 12, 0), []time.Time{day(2, 3, 40)}},
		{
			"tries again where it failed", served{when: "at 03:30", start: day(2, 0, 0), runs: []time.Time{day(1, 3, 30)}, fail: func(n int) error {
				if n == 2 {
					return nil
				}
				return failing
			}}, day(2, 12, 0), []time.Time{day(2, 3, 30), day(2, 3, 40)},
		},
		{"gives up until the next time", served{when: "at 03:30", start: day(2, 0, 0), runs: []time.Time{day(1, 3, 30)}, fail: func(int) error { return failing }}, day(3, 3, 35), []time.Time{day(2, 3, 30), day(2, 3, 40), day(2, 3, 50), day(3, 3, 30)}},
		{"comes a little later each time", served{when: "at 03:30", start: day(2, 0, 0), runs: []time.Time{day(1, 3, 30)}, jitter: 20 * time.Minute}, day(4, 12, 0), []time.Time{day(2, 3, 30), day(3, 3, 30), day(4, 3, 30)}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			tc.s.T = t
			// The wall clock is looked at twice a minute.
			if got := tc.s.until(tc.end); !equalWithin(got, tc.want, glance+tc.s.jitter) {
				t.Errorf("began at %v, want %v", got, tc.want)
			}
		})
	}
}

// Two daemons with one store: whoever comes second finds that it is done.
func TestTwoDaemonsTakeOneBackup(t *testing.T) {
	w, err := ParseWhen("at 03:30", nil)
	if err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex // guards runs and busy
		runs := []time.Time{time.Now()}
		busy := false
		daemon := func() *Daemon {
			return &Daemon{
				When: w, Jitter: 10 * time.Minute,
				Last: func(context.Context) (time.Time, error) {
					mu.Lock()
					defer mu.Unlock()
					return runs[len(runs)-1], nil
				},
				Run: func(context.Context) error {
					mu.Lock()
					if busy {
						mu.Unlock()
						return ErrBusy
					}
					busy = true
					runs = append(runs, time.Now())
					mu.Unlock()
					time.Sleep(2 * time.Minute)
					mu.Lock()
					busy = false
					mu.Unlock()
					return nil
				},
			}
		}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		for range 2 {
			go func() { done <- daemon().Serve(ctx) }()
		}
		time.Sleep(20 * 24 * time.Hour)
		synctest.Wait()
		cancel()
		if err := errors.Join(<-done, <-done); err != nil {
			t.Error(err)
		}
		if got := len(runs) - 1; got != 20 {
			t.Errorf("%d backups in twenty days", got)
		}
	})
}

func TestADaemonThatIsNotToldWhen(t *testing.T) {
	if err := new(Daemon).Serve(t.Context()); err == nil {
		t.Error("it serves")
	}
}
