package watch

import (
	"context"
	"errors"
	"testing"
	"time"

	"go.uber.org/goleak"

	"ops-console/ops"
	"ops-console/ops/backup"
	"ops-console/ops/backup/catalog"
	"ops-console/ops/backup/retain"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// until waits for a snapshot that is as wanted.
func until(t *testing.T, w *Watcher, want string, ok func(*Snapshot) bool) *Snapshot {
	t.Helper()
	deadline := time.After(20 * time.Second)
	for {
		changed := w.Changed()
		if s := w.Latest().Value; s != nil && ok(s) {
			return s
		}
		select {
		case <-changed:
		case <-deadline:
			t.Fatalf("never %s: %+v", want, w.Latest().Value)
		}
	}
}

func start(t *testing.T, o Options) *Watcher {
	t.Helper()
	if o.Read == nil {
		o.Read = func(context.Context) (Reading, error) { return Reading{}, nil }
	}
	w := Watch(t.Context(), o)
	t.Cleanup(w.Close)
	return w
}

func TestWhatWasReadIsPublishedWithWhatFollowsFromIt(t *testing.T) {
	id, err := backup.NewID(time.Now(), nil)
	if err != nil {
		t.Fatal(err)
	}
	r := backup.Record{Manifest: backup.Manifest{ID: id}}
	w := start(t, Options{
		Policy: retain.Default(),
		Read: func(context.Context) (Reading, error) {
			return Reading{Store: "file:///backups", Listing: catalog.Listing{Records: []backup.Record{r}}}, nil
		},
		Problems: func(r Reading, err error, _ time.Time) []ops.Problem {
			if err != nil {
				return []ops.Problem{{Code: "unread"}}
			}
			return make([]ops.Problem, len(r.Listing.Records))
		},
	})
	s := until(t, w, "read", func(s *Snapshot) bool { return len(s.Listing.Records) == 1 })
	if len(s.Retention) != 1 || !s.Retention[0].Keep || len(s.Problems) != 1 || s.Store != "file:///backups" || s.Job != nil {
		t.Errorf("got %+v", s)
	}
}

func TestAJobTellsHowItGoesAndIsTheOnlyOne(t *testing.T) {
	w := start(t, Options{})
	told, finish := make(chan struct{}), make(chan struct{})
	if err := w.Run(Take, "", "take a backup", func(_ context.Context, progress func(Progress)) (Result, error) {
		progress(Progress{Step: "dump", Done: 1, Total: 4, Tables: []Table{{Name: "users", State: Running}}})
		close(told)
		<-finish
		return Result{Backup: "01J", Text: "4 bytes"}, nil
	}); err != nil {
		t.Fatal(err)
	}
	<-told
	s := until(t, w, "under way", func(s *Snapshot) bool { return s.Job.Runs() && s.Job.Done == 1 })
	if f, ok := s.Job.Fraction(); f != 0.25 || !ok || s.Job.Step != "dump" || len(s.Job.Tables) != 1 {
		t.Errorf("got %+v", s.Job)
	}
	if err := w.Run(Prune, "", "prune", nil); !errors.Is(err, ErrBusy) {
		t.Errorf("a second one: %v", err)
	}
	close(finish)
	s = until(t, w, "done", func(s *Snapshot) bool { return s.Job != nil && !s.Job.Runs() })
	if s.Job.Err != nil || s.Job.Backup != "01J" || s.Job.Outcome != "4 bytes" || s.Job.Done != 1 {
		t.Errorf("got %+v", s.Job)
	}
}

func TestAJobIsCancelled(t *testing.T) {
	for name, stop := range map[string]func(*Watcher){"by the user": (*Watcher).Cancel, "by closing": (*Watcher).Close} {
		t.Run(name, func(t *testing.T) {
			w := start(t, Options{})
			w.Cancel() // nothing to cancel is fine
			running := make(chan struct{})
			if err := w.Run(Verify, "01J", "verify", func(ctx context.Context, _ func(Progress)) (Result, error) {
				close(running)
				<-ctx.Done()
				return Result{}, ctx.Err()
			}); err != nil {
				t.Fatal(err)
			}
			<-running
			stop(w)
			if s := w.Latest().Value; name == "by the user" && s.Job.Runs() && !s.Job.Stopping {
				t.Error("nobody sees that it is being cancelled")
			}
			until(t, w, "cancelled", func(s *Snapshot) bool { return s.Job != nil && errors.Is(s.Job.Err, context.Canceled) })
			w.Close()
			if err := w.Run(Prune, "", "prune", nil); err == nil {
				t.Error("a job began after the end")
			}
		})
	}
}

func TestAStoreThatDoesNotAnswerLeavesWhatWasKnown(t *testing.T) {
	down := errors.New("down")
	n := 0
	w := start(t, Options{
		Every: time.Millisecond,
		Read: func(context.Context) (Reading, error) {
			if n++; n > 1 {
				return Reading{}, down
			}
			return Reading{Scheduled: []Scheduled{{What: "timer"}}}, nil
		},
	})
	s := until(t, w, "failed", func(*Snapshot) bool { return w.Latest().Err != nil })
	if len(s.Scheduled) != 1 || w.Latest().GoodAt.IsZero() {
		t.Errorf("got %+v", s)
	}
}

func TestTheFirstLookIsTriedAgainSoon(t *testing.T) {
	n := 0
	begun := time.Now()
	w := start(t, Options{
		Every: time.Hour,
		Read: func(context.Context) (Reading, error) {
			if n++; n == 1 {
				return Reading{}, errors.New("the network is on its way up")
			}
			return Reading{Store: "memory"}, nil
		},
		Problems: func(_ Reading, err error, _ time.Time) []ops.Problem {
			if err != nil {
				return []ops.Problem{{Code: "unread"}}
			}
			return nil
		},
	})
	if s := until(t, w, "failed", func(*Snapshot) bool { return w.Latest().Err != nil }); !s.At.IsZero() || len(s.Problems) != 1 {
		t.Errorf("got %+v", s)
	}
	if s := until(t, w, "read", func(s *Snapshot) bool { return s.Store == "memory" }); len(s.Problems) != 0 {
		t.Errorf("got %+v after %v", s, time.Since(begun))
	}
}

func TestWhatWasRestoredIsKeptUntilItIsSwappedIn(t *testing.T) {
	w := start(t, Options{})
	run := func(kind Kind, r Result, err error) *Snapshot {
		t.Helper()
		before := w.Latest().Seq
		if err := w.Run(kind, "", string(kind), func(context.Context, func(Progress)) (Result, error) { return r, err }); err != nil {
			t.Fatal(err)
		}
		return until(t, w, "done", func(s *Snapshot) bool {
			return w.Latest().Seq > before && s.Job != nil && s.Job.Kind == kind && !s.Job.Runs()
		})
	}
	made := &Restored{Database: "shop_restore_1", Original: "shop"}
	for _, c := range []struct {
		kind Kind
		r    Result
		err  error
		want bool
	}{
		{Verify, Result{}, nil, false},
		{Restore, Result{Restored: made}, nil, true},
		{Verify, Result{}, nil, true},
		{Swap, Result{}, errors.New("a session does not end"), true},
		{Swap, Result{}, nil, false},
	} {
		if s := run(c.kind, c.r, c.err); (s.Restored != nil) != c.want {
			t.Errorf("after %s (%v): %+v", c.kind, c.err, s.Restored)
		}
	}
}
