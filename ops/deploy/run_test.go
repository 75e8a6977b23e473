package deploy

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"ops-console/ops/deploy/journal"
)

// live is the world in the time of a synctest bubble, whose calls take time and can run beside each other.
type live struct {
	mu    sync.Mutex
	w     *world
	took  func(in Intent) time.Duration
	fault func(in Intent, nth int) (err error, applied bool)
	verbs map[Verb]int
	done  []Intent
}

func newLive(e env) *live {
	if e.strategy == "" {
		e.strategy = StrategyRolling
	}
	if e.declared == "" {
		e.declared = Able
	}
	if e.mig == "" {
		e.mig = "none"
	}
	if e.image == "" {
		e.image = "good"
	}
	w := newWorld(e, &chooser{})
	w.now = time.Now()
	w.start = w.now
	return &live{w: w, verbs: map[Verb]int{}}
}

func (l *live) Do(ctx context.Context, in Intent) (Answer, error) {
	d := 200 * time.Millisecond
	if l.took != nil {
		d = l.took(in)
	}
	select {
	case <-time.After(d):
	case <-ctx.Done():
		return Answer{}, ctx.Err()
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.verbs[in.Verb]++
	l.w.advance(time.Now())
	if l.fault != nil {
		err, applied := l.fault(in, l.verbs[in.Verb])
		if err != nil {
			if applied {
				_, _ = l.w.effect(in)
			}
			return Answer{}, err
		}
	}
	l.done = append(l.done, in)
	return l.w.effect(in)
}

func (l *live) Observe(ctx context.Context, want Want) (Reading, error) {
	select {
	case <-time.After(50 * time.Millisecond):
	case <-ctx.Done():
		return Reading{}, ctx.Err()
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	now := time.Now()
	r, err := l.w.Observe(ctx, want)
	l.w.now = now
	return r, err
}

func (l *live) violations(t *testing.T) {
	t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, v := range l.w.viol {
		t.Error(v)
	}
}

func (l *live) start(t *testing.T, change func(*Plan)) *Deployment {
	t.Helper()
	p := l.w.plan()
	p.ID = "D"
	p.Timings = DefaultTimings()
	if change != nil {
		change(p)
	}
	d, err := Start(t.TempDir(), p, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	return d
}

type heard struct {
	mu sync.Mutex
	ee []Event
}

func (h *heard) emit(e Event) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.ee = append(h.ee, e)
}

func (h *heard) text() string {
	h.mu.Lock()
	defer h.mu.Unlock()
	var b strings.Builder
	for _, e := range h.ee {
		fmt.Fprintf(&b, "%s %s\n", e.At.Format("04:05"), e.Line())
	}
	return b.String()
}

// TestAMachineThatWasStoppedIsSaidToBeStopped follows one that the platform had stopped for want of traffic.
func TestAMachineThatWasStoppedIsSaidToBeStopped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLive(env{mig: "none", auto: true})
		d := l.start(t, func(p *Plan) { p.Targets[2].AutoStop = false })
		var last Progress
		if err := d.Run(t.Context(), Options{Platform: l, Holder: "a@b", Progress: func(p Progress) { last = p }}); err != nil {
			t.Fatal(err)
		}
		if m := last.Machines[2]; m.Step != "stopped" || m.State != StepDone || m.Passing != 0 || m.Checks != 1 || last.Done != 3 {
			t.Errorf("it is %+v, %d are done", m, last.Done)
		}
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	})
}

func TestRunDeploys(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLive(env{mig: "ok"})
		d := l.start(t, nil)
		h := &heard{}
		var last Progress
		if err := d.Run(t.Context(), Options{Platform: l, Holder: "a@b", Emit: h.emit, Progress: func(p Progress) { last = p }}); err != nil {
			t.Fatal(err)
		}
		if s := d.State(); s.Outcome != Deployed {
			t.Errorf("%s %s %s", s.Outcome, s.Halt, s.Reason)
		}
		l.violations(t)
		if last.Done != 3 || last.Total != 3 || last.Outcome != Deployed {
			t.Errorf("progress at the end: %+v", last)
		}
		for _, want := range []string{"3 machines are held", "migrating", "runs the new release and is healthy", "3/3", "deployed"} {
			if !strings.Contains(h.text(), want) {
				t.Errorf("no event says %q in\n%s", want, h.text())
			}
		}
		entries, err := journal.Read(d.Path())
		if err != nil {
			t.Fatal(err)
		}
		again, err := Tell(entries)
		if err != nil {
			t.Fatal(err)
		}
		if got := again[len(again)-1].Line(); !strings.Contains(got, "deployed") {
			t.Errorf("told again it ends with %q", got)
		}
		if err := d.Close(); err != nil {
			t.Fatal(err)
		}
	})
}

// Calls that take longer than a lease lasts do not cost the lease.
func TestLeasesAreKeptAliveDuringSlowCalls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLive(env{vulture: true})
		l.took = func(in Intent) time.Duration {
			if in.Verb == VerbUpdate {
				return 55 * time.Second
			}
			return 100 * time.Millisecond
		}
		d := l.start(t, func(p *Plan) { p.Timings.LeaseTTL = 15 * time.Second })
		defer d.Close()
		if err := d.Run(t.Context(), Options{Platform: l, Holder: "a@b"}); err != nil {
			t.Fatal(err)
		}
		l.violations(t)
		if s := d.State(); s.Outcome != Deployed {
			t.Errorf("%s %s %s", s.Outcome, s.Halt, s.Reason)
		}
		if l.verbs[VerbRenew] < 3*3*55/15 {
			t.Errorf("leases were renewed %d times", l.verbs[VerbRenew])
		}
	})
}

func TestDetachedDeploymentIsResumed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLive(env{mig: "ok"})
		d := l.start(t, nil)
		ctx, cancel := context.WithCancel(t.Context())
		late := make(chan error, 1) // what is asked when nothing is taken in any more
		l.took = func(in Intent) time.Duration {
			if in.Verb == VerbUpdate && in.Machine == "m2" {
				cancel() // under an update: its answer is waited for
				time.AfterFunc(time.Second, func() { late <- d.Ask(Abort, "a@b", time.Now()) })
				return 3 * time.Second
			}
			return 100 * time.Millisecond
		}
		err := d.Run(ctx, Options{Platform: l, Holder: "a@b"})
		if !errors.Is(err, ErrDetached) || !errors.Is(err, context.Canceled) {
			t.Fatal(err)
		}
		if err := <-late; err == nil || !strings.Contains(err.Error(), "just stopped here") || d.State().Abort != "" {
			t.Errorf("asked too late: %v", err)
		}
		for _, m := range l.w.ms {
			if m.nonce != "" {
				t.Errorf("machine %s is still leased", m.id)
			}
		}
		if err := d.Close(); err != nil {
			t.Fatal(err)
		}
		found, err := Unfinished(filepath.Dir(d.Path()))
		if err != nil || len(found) != 1 || found[0].ID() != "D" {
			t.Fatalf("%v %v", found, err)
		}
		l.took = nil
		d, err = Open(d.Path())
		if err != nil {
			t.Fatal(err)
		}
		defer d.Close()
		if _, err := Open(d.Path()); !errors.Is(err, journal.ErrInUse) {
			t.Errorf("opened twice: %v", err)
		}
		begun := time.Now()
		if err := d.Run(t.Context(), Options{Platform: l, Holder: "c@d"}); err != nil {
			t.Fatal(err)
		}
		l.violations(t)
		if s := d.State(); s.Outcome != Deployed || s.Session != 2 {
			t.Errorf("%s %s %s, session %d", s.Outcome, s.Halt, s.Reason, s.Session)
		}
		if took := time.Since(begun); took > 2*time.Minute {
			t.Errorf("it took %s", took)
		}
		if n := l.verbs[VerbUpdate]; n != 3 {
			t.Errorf("%d updates of 3 machines", n)
		}
	})
}

// Whoever is busy, slow or broken now is asked again, and nothing is done twice for it.
func TestTransientAnswersAreNotFailures(t *testing.T) {
	for _, c := range []struct {
		name    string
		err     error
		applied bool
		updates int
	}{
		{"429", fmt.Errorf("429: %w", ErrBusy), false, 3 + 1},
		{"504, done", errors.New("504 gateway timeout"), true, 3},
		{"504, not done", errors.New("504 gateway timeout"), false, 3 + 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := newLive(env{mig: "ok"})
				l.fault = func(in Intent, nth int) (error, bool) {
					if nth == 1 && in.Verb != VerbRelease {
						return c.err, c.applied
					}
					return nil, false
				}
				d := l.start(t, nil)
				defer d.Close()
				if err := d.Run(t.Context(), Options{Platform: l, Holder: "a@b"}); err != nil {
					t.Fatal(err)
				}
				l.violations(t)
				if s := d.State(); s.Outcome != Deployed {
					t.Errorf("%s %s %s", s.Outcome, s.Halt, s.Reason)
				}
				if got := l.verbs[VerbUpdate]; got != c.updates {
					t.Errorf("%d updates, want %d", got, c.updates)
				}
				if l.w.ran != 1 {
					t.Errorf("the release command ran %d times", l.w.ran)
				}
			})
		})
	}
}

// An abort does not wait for a gate that takes long.
func TestAbortEndsWaitingForAGate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLive(env{gate: Pass})
		l.took = func(in Intent) time.Duration {
			if in.Verb == VerbGate {
				return 20 * time.Minute
			}
			return 100 * time.Millisecond
		}
		d := l.start(t, func(p *Plan) { p.Gates[0].Timeout = time.Hour })
		defer d.Close()
		go func() {
			time.Sleep(30 * time.Second)
			if err := d.Ask(Abort, "op", time.Now()); err != nil {
				t.Error(err)
			}
		}()
		begun := time.Now()
		if err := d.Run(t.Context(), Options{Platform: l, Holder: "a@b"}); err != nil {
			t.Fatal(err)
		}
		l.violations(t)
		if s := d.State(); s.Outcome != Unchanged || !strings.Contains(s.Reason, "op") {
			t.Errorf("%s %s %s", s.Outcome, s.Halt, s.Reason)
		}
		if took := time.Since(begun); took > time.Minute {
			t.Errorf("it took %s", took)
		}
	})
}

func TestPauseBeginsNoFurtherMachine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLive(env{})
		d := l.start(t, nil)
		defer d.Close()
		asked := false
		l.took = func(in Intent) time.Duration {
			if in.Verb == VerbUpdate && !asked {
				asked = true
				if err := d.Ask(Pause, "op", time.Now()); err != nil {
					t.Error(err)
				}
				go func() {
					time.Sleep(2 * time.Hour)
					l.mu.Lock()
					n := l.verbs[VerbUpdate]
					l.mu.Unlock()
					if n != 1 {
						t.Errorf("%d machines were changed while it was paused", n)
					}
					if err := d.Ask(Resume, "op", time.Now()); err != nil {
						t.Error(err)
					}
				}()
			}
			return 100 * time.Millisecond
		}
		if err := d.Run(t.Context(), Options{Platform: l, Holder: "a@b"}); err != nil {
			t.Fatal(err)
		}
		l.violations(t)
		if s := d.State(); s.Outcome != Deployed {
			t.Errorf("%s %s %s", s.Outcome, s.Halt, s.Reason)
		}
	})
}

func TestOnlyWhatCanBeDoneIsTaken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLive(env{mig: "ok", image: "bad", declared: AbleUnknown})
		d := l.start(t, nil)
		defer d.Close()
		if err := d.Run(t.Context(), Options{Platform: l, Holder: "a@b"}); err != nil {
			t.Fatal(err)
		}
		if s := d.State(); s.Halt != HaltSchema {
			t.Fatalf("%s %s %s", s.Outcome, s.Halt, s.Reason)
		}
		if err := d.Ask(Pause, "op", time.Now()); err == nil || !strings.Contains(err.Error(), "rollback_anyway") {
			t.Errorf("pause: %v", err)
		}
		l.w.forced = true
		if err := d.Ask(RollBackAnyway, "op", time.Now()); err != nil {
			t.Fatal(err)
		}
		if err := d.Run(t.Context(), Options{Platform: l, Holder: "a@b"}); err != nil {
			t.Fatal(err)
		}
		l.violations(t)
		if s := d.State(); s.Outcome != RolledBack {
			t.Errorf("%s %s %s", s.Outcome, s.Halt, s.Reason)
		}
	})
}

// A journal that cannot be written ends everything that depends on it.
func TestNothingIsDoneThatIsNotWrittenDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLive(env{})
		d := l.start(t, nil)
		l.took = func(in Intent) time.Duration {
			if in.Verb == VerbOpen {
				d.file.Close() // as a full disk does
			}
			return 100 * time.Millisecond
		}
		err := d.Run(t.Context(), Options{Platform: l, Holder: "a@b"})
		if err == nil || !strings.Contains(err.Error(), "write the journal") {
			t.Fatalf("err = %v", err)
		}
		if l.verbs[VerbUpdate] != 0 {
			t.Errorf("%d updates were sent", l.verbs[VerbUpdate])
		}
		l.took = nil
		d, err = Open(d.Path())
		if err != nil {
			t.Fatal(err)
		}
		defer d.Close()
		if err := d.Run(t.Context(), Options{Platform: l, Holder: "a@b"}); err != nil {
			t.Fatal(err)
		}
		l.violations(t)
		if s := d.State(); s.Outcome != Deployed {
			t.Errorf("%s %s %s", s.Outcome, s.Halt, s.Reason)
		}
	})
}

func TestGuardPausesAndGoesOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLive(env{})
		begun := time.Now()
		g := guarded{l, func() bool { d := time.Since(begun); return d > 5*time.Second && d < 90*time.Second }}
		d := l.start(t, nil)
		defer d.Close()
		h := &heard{}
		if err := d.Run(t.Context(), Options{Platform: g, Holder: "a@b", Emit: h.emit}); err != nil {
			t.Fatal(err)
		}
		l.violations(t)
		if s := d.State(); s.Outcome != Deployed {
			t.Errorf("%s %s %s", s.Outcome, s.Halt, s.Reason)
		}
		for _, want := range []string{"paused: 5xx is 3%, over 1%", "goes on"} {
			if !strings.Contains(h.text(), want) {
				t.Errorf("no event says %q in\n%s", want, h.text())
			}
		}
		if time.Since(begun) < 90*time.Second {
			t.Errorf("it did not pause")
		}
	})
}

// TestAGuardThatStaysOverItsLimitHasItGoBackWhenItWasSaid sees the way back begin at Progress.BackAt.
func TestAGuardThatStaysOverItsLimitHasItGoBackWhenItWasSaid(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLive(env{})
		begun := time.Now()
		d := l.start(t, nil)
		defer d.Close()
		var said, back time.Time
		h := func(p Progress) {
			if p.ByGuard && p.Back == "" {
				said = p.BackAt
			}
			if p.Back != "" && back.IsZero() {
				back = p.At
			}
		}
		g := guarded{l, func() bool { return time.Since(begun) > 5*time.Second }}
		if err := d.Run(t.Context(), Options{Platform: g, Holder: "a@b", Progress: h}); err != nil {
			t.Fatal(err)
		}
		l.violations(t)
		if s := d.State(); s.Outcome != RolledBack {
			t.Errorf("%s %s %s", s.Outcome, s.Halt, s.Reason)
		}
		if late := back.Sub(said); said.IsZero() || late < 0 || late > 5*time.Second {
			t.Errorf("it was to go back at %s, and did at %s", said, back)
		}
	})
}

type guarded struct {
	*live
	over func() bool
}

func (g guarded) Observe(ctx context.Context, w Want) (Reading, error) {
	r, err := g.live.Observe(ctx, w)
	r.Guards = []Guard{{Name: "5xx", Value: "3%", Limit: "1%", Over: g.over()}}
	return r, err
}

func TestStartRefusesAPlanThatCannotRun(t *testing.T) {
	dir := t.TempDir()
	p := newWorld(env{declared: Able, mig: "none", strategy: StrategyRolling}, &chooser{}).plan()
	p.Targets[1].Machine = p.Targets[0].Machine
	if _, err := Start(dir, p, epoch); err == nil || !strings.Contains(err.Error(), "twice") {
		t.Errorf("err = %v", err)
	}
	if ff, _ := os.ReadDir(dir); len(ff) != 0 {
		t.Errorf("%d files were made", len(ff))
	}
}

// Where nothing can be seen, it does not wait for ever, and says that it changed nothing.
func TestUnreachablePlatformEndsUnchanged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLive(env{})
		d := l.start(t, nil)
		defer d.Close()
		h := &heard{}
		if err := d.Run(t.Context(), Options{Platform: blind{l}, Holder: "a@b", Emit: h.emit}); err != nil {
			t.Fatal(err)
		}
		if s := d.State(); s.Outcome != Unchanged || !strings.Contains(s.Reason, "1h0m0s") {
			t.Errorf("%s %s %s", s.Outcome, s.Halt, s.Reason)
		}
		if !strings.Contains(h.text(), "asking again: dial: no route") {
			t.Errorf("no event says why in\n%.500s", h.text())
		}
	})
}

type blind struct{ *live }

func (blind) Observe(context.Context, Want) (Reading, error) {
	return Reading{}, errors.New("dial: no route")
}

// What went back has no record of its own: the one of the release that failed says what runs.
func TestTheRecordOfWhatWentBackSaysWhatRuns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLive(env{image: "bad"})
		d := l.start(t, func(p *Plan) { p.From.Release = 41 })
		defer d.Close()
		if err := d.Run(t.Context(), Options{Platform: l, Holder: "a@b"}); err != nil {
			t.Fatal(err)
		}
		l.violations(t)
		closed := ""
		for _, in := range l.done {
			if in.Verb == VerbClose {
				closed = in.Status + ": " + in.Text
			}
		}
		if s := d.State(); s.Outcome != RolledBack || !strings.HasPrefix(closed, "failed: rolled back to v41: machine m1 is not well") {
			t.Errorf("%s, and the record says %q", s.Outcome, closed)
		}
	})
}

// unmarking is a platform whose list does not show what was written onto a machine.
type unmarking struct{ *live }

func (u unmarking) Observe(ctx context.Context, w Want) (Reading, error) {
	r, err := u.live.Observe(ctx, w)
	for i := range r.Machines {
		r.Machines[i].Head = ""
	}
	return r, err
}

// A mark that is not shown yet is no mark that somebody took away.
func TestAMarkThatIsNotShownIsNotMissed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLive(env{mig: "ok"})
		d := l.start(t, nil)
		defer d.Close()
		if err := d.Run(t.Context(), Options{Platform: unmarking{l}, Holder: "a@b"}); err != nil {
			t.Fatal(err)
		}
		l.violations(t)
		if s := d.State(); s.Outcome != Deployed {
			t.Errorf("%s %s %s", s.Outcome, s.Halt, s.Reason)
		}
	})
}
