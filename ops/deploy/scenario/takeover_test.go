package scenario

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"ops-console/ops/deploy"
	"ops-console/ops/deploy/flyplan"
	"ops-console/ops/deploy/journal"
	"ops-console/ops/fly"
)

const (
	ben  = "ben@desk"
	cleo = "cleo@home"
)

// takeOver is a console's that has no journal.
func (c *console) takeOver(id string) (*deploy.Deployment, error) {
	return deploy.TakeOver(c.s.t.Context(), deploy.Takeover{
		Platform: platformOf(c.client, nil), App: appName, Deploy: id, Dir: filepath.Join(c.s.dir, c.name), Holder: c.name,
	})
}

// leave begins a deployment and lets go of it at an event, with its leases given back.
func (c *console) leave(tag string, when func(deploy.Event) bool) *deploy.Deployment {
	c.s.t.Helper()
	d := c.start(tag)
	ctx, cancel := context.WithCancel(c.s.t.Context())
	defer cancel()
	c.when(when, cancel)
	if _, err := c.run(ctx, d); !errors.Is(err, deploy.ErrDetached) {
		c.s.t.Fatalf("it was not let go of: %v\n%s", err, c.said())
	}
	return d
}

// Somebody else brings it to its end, and whoever began it sees that and stops.
func TestAColleagueTakesOver(t *testing.T) {
	for name, x := range map[string]struct {
		fleet func(*testing.T) fleet
		tag   string
		when  func(deploy.Event) bool
		want  ended
	}{
		"under the release command": {func(*testing.T) fleet { return fleet{} }, "42", func(e deploy.Event) bool {
			return e.Kind == deploy.EventDone && e.Step == string(deploy.VerbStartRun)
		}, wasDeployed(`taken over from ana@laptop`)},
		"soaking":             {func(*testing.T) fleet { return fleet{} }, "42", phase(deploy.Soaking), wasDeployed(``)},
		"in the middle":       {func(*testing.T) fleet { return fleet{} }, "42", healthy(2), wasDeployed(``)},
		"a bad image":         {func(*testing.T) fleet { return fleet{} }, "42-unhealthy", phase(deploy.Rolling), wentBack(``)},
		"on the way back":     {func(*testing.T) fleet { return fleet{} }, "42-crash", phase(deploy.Reverting), wentBack(`it goes back|its process ended`)},
		"before the cutover":  {bluegreen, "42", healthy(2), wasDeployed(``)},
		"after the cutover":   {bluegreen, "42", func(e deploy.Event) bool { return e.Phase == deploy.Cutover && e.Kind == deploy.EventDone }, wasDeployed(``)},
		"old machines going":  {bluegreen, "42", func(e deploy.Event) bool { return e.Kind == deploy.EventDone && e.Step == string(deploy.VerbDestroy) }, wasDeployed(``)},
		"new ones, and a bad": {bluegreen, "42-unhealthy", phase(deploy.GreenUp), wentBack(``)},
	} {
		t.Run(name, func(t *testing.T) {
			play(t, x.fleet(t), func(t *testing.T, s *stage) {
				a := s.console(ana)
				d := a.leave(x.tag, x.when)
				b := s.console(ben)
				over, err := b.takeOver(d.State().Plan.ID)
				if err != nil {
					t.Fatal(err)
				}
				st, err := b.run(t.Context(), over)
				if err != nil {
					t.Fatal(err)
				}
				b.ends(st, x.want)
				s.noOpenRecords()
				// The first console wakes up, and does nothing.
				mine, err := deploy.Open(d.Path())
				if err != nil {
					t.Fatal(err)
				}
				s.link.forget()
				old, err := a.run(t.Context(), mine)
				if err != nil {
					t.Fatal(err)
				}
				gone := x.fleet(t).toml != "" && x.want.outcome == deploy.Deployed // and with it the machine that carried the mark
				if !gone && (old.Halt != deploy.HaltLease || old.TakenBy == "") {
					t.Errorf("the first console: outcome %q, halt %q: %s", old.Outcome, old.Halt, old.Reason)
				}
				if _, calls := s.link.counted(); !gone {
					for kind := range calls {
						if !strings.HasPrefix(kind, "GET ") && !strings.HasSuffix(kind, "/lease") {
							t.Errorf("the first console has called %s", kind)
						}
					}
				}
				b.ends(st, x.want)
			})
		})
	}
}

// Nobody takes over what is carried on.
func TestWhatIsCarriedOnIsNotTakenOver(t *testing.T) {
	play(t, fleet{}, func(t *testing.T, s *stage) {
		a := s.console(ana)
		d := a.start("42")
		var refused error
		a.when(healthy(1), func() { _, refused = s.console(ben).takeOver(d.State().Plan.ID) })
		st, err := a.run(t.Context(), d)
		if err != nil {
			t.Fatal(err)
		}
		a.ends(st, wasDeployed(``))
		held := new(deploy.HeldError)
		if !errors.As(refused, &held) || !strings.Contains(held.By, ana) || !held.Until.After(st.Began) {
			t.Errorf("taking it over: %v", refused)
		}
		if _, err := s.console(ben).takeOver(st.Plan.ID); err == nil || !strings.Contains(err.Error(), "no machine carries its mark") {
			t.Errorf("taking over what has ended: %v", err)
		}
	})
}

// Of several one gets it, and the others are told who.
func TestOneOfTwoTakesOver(t *testing.T) {
	play(t, fleet{}, func(t *testing.T, s *stage) {
		id := s.console(ana).leave("42", healthy(2)).State().Plan.ID
		who := []*console{s.console(ben), s.console(cleo)}
		got := make([]*deploy.Deployment, len(who))
		errs := make([]error, len(who))
		var wg sync.WaitGroup
		for i, c := range who {
			wg.Go(func() { got[i], errs[i] = c.takeOver(id) })
		}
		wg.Wait()
		first := 0
		if got[0] == nil {
			first = 1
		}
		held := new(deploy.HeldError)
		if got[first] == nil || got[1-first] != nil || !errors.As(errs[1-first], &held) || !strings.Contains(held.By, who[first].name) {
			t.Fatalf("%v %v", errs[0], errs[1])
		}
		st, err := who[first].run(t.Context(), got[first])
		if err != nil {
			t.Fatal(err)
		}
		who[first].ends(st, wasDeployed(``))
	})
}

// Who took over and has left as well is followed by a third, and is told so when they come back.
func TestTakenOverTwice(t *testing.T) {
	play(t, fleet{}, func(t *testing.T, s *stage) {
		id := s.console(ana).leave("42", healthy(1)).State().Plan.ID
		b := s.console(ben)
		over, err := b.takeOver(id)
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		b.when(healthy(2), cancel)
		if _, err := b.run(ctx, over); !errors.Is(err, deploy.ErrDetached) {
			t.Fatal(err)
		}
		c := s.console(cleo)
		third, err := c.takeOver(id)
		if err != nil {
			t.Fatal(err)
		}
		if third.State().Session != 2 {
			t.Errorf("it follows session %d", third.State().Session)
		}
		ctx, cancel = context.WithCancel(t.Context())
		defer cancel()
		c.when(healthy(3), cancel)
		if _, err := c.run(ctx, third); !errors.Is(err, deploy.ErrDetached) {
			t.Fatal(err)
		}
		again, err := deploy.Open(over.Path())
		if err != nil {
			t.Fatal(err)
		}
		st, err := b.run(t.Context(), again)
		if err != nil {
			t.Fatal(err)
		}
		if st.Halt != deploy.HaltLease || st.TakenBy != cleo || !strings.Contains(st.Reason, cleo) {
			t.Errorf("halt %q, taken by %q: %s", st.Halt, st.TakenBy, st.Reason)
		}
		last, err := deploy.Open(third.Path())
		if err != nil {
			t.Fatal(err)
		}
		if st, err = c.run(t.Context(), last); err != nil {
			t.Fatal(err)
		}
		c.ends(st, wasDeployed(``))
	})
}

// A plan that the platform does not keep can be gone on with only where its journal is, and it says so.
func TestAPlanThatIsTooLargeIsNotKept(t *testing.T) {
	play(t, fleet{}, func(t *testing.T, s *stage) {
		a := s.console(ana)
		p, err := a.plan("42")
		if err != nil {
			t.Fatal(err)
		}
		for i := range p.Migrations {
			p.Migrations[i].Why = ""
		}
		x := uint32(7)
		var b strings.Builder
		for range 60 << 10 {
			x = x*1664525 + 1013904223
			b.WriteByte("0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"[x>>26%62])
		}
		p.Old.Reason = b.String()
		d, err := deploy.Start(filepath.Join(s.dir, ana), &p, time.Now())
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		a.when(healthy(2), cancel)
		if _, err := a.run(ctx, d); !errors.Is(err, deploy.ErrDetached) {
			t.Fatal(err)
		}
		if !strings.Contains(a.said(), "only where its journal is can it be gone on with") {
			t.Errorf("it does not say so:\n%s", a.said())
		}
		if _, err := s.console(ben).takeOver(p.ID); err == nil || !strings.Contains(err.Error(), "only "+ana) {
			t.Errorf("taking it over: %v", err)
		}
		if d, err = deploy.Open(d.Path()); err != nil {
			t.Fatal(err)
		}
		st, err := a.run(t.Context(), d)
		if err != nil {
			t.Fatal(err)
		}
		a.ends(st, wasDeployed(``))
	})
}

// A mark that somebody removed stops it; whoever has looked says that it is theirs, and it is marked anew.
func TestAMarkThatIsGoneStopsIt(t *testing.T) {
	play(t, fleet{}, func(t *testing.T, s *stage) {
		a := s.console(ana)
		d := a.start("42")
		first := d.State().Plan.Targets[0].Machine
		a.when(healthy(2), func() {
			mm, err := s.client.MachinesWhere(t.Context(), appName, fly.Where{Leases: true})
			if err != nil {
				t.Error(err)
			}
			for _, m := range mm {
				if m.ID == first {
					if err := s.client.SetMetadata(t.Context(), fly.Ref{App: appName, ID: m.ID}, "", map[string]*string{deploy.TagHead: nil, deploy.TagPlan: nil}); err != nil {
						t.Error(err)
					}
				}
			}
		})
		st, err := a.run(t.Context(), d)
		if err != nil {
			t.Fatal(err)
		}
		if st.Halt != deploy.HaltLease || st.TakenBy != deploy.Somebody || !strings.Contains(st.Reason, "is not there any more") {
			t.Fatalf("outcome %q, halt %q by %q: %s\n%s", st.Outcome, st.Halt, st.TakenBy, st.Reason, a.said())
		}
		if _, err := s.console(ben).takeOver(st.Plan.ID); err == nil {
			t.Error("without its mark it is taken over")
		}
		if d, err = deploy.Open(d.Path()); err != nil {
			t.Fatal(err)
		}
		if err := d.Ask(deploy.Resume, ana, time.Now()); err != nil {
			t.Fatal(err)
		}
		seen := false
		a.when(healthy(4), func() {
			mm, err := s.client.Machines(t.Context(), appName)
			if err != nil {
				t.Error(err)
			}
			for _, m := range mm {
				md := m.Config.Metadata
				seen = seen || md[deploy.TagHead] != "" && md[deploy.TagPlan] != ""
			}
		})
		if st, err = a.run(t.Context(), d); err != nil {
			t.Fatal(err)
		}
		if !seen {
			t.Error("it is not marked anew")
		}
		a.ends(st, wasDeployed(``))
	})
}

// What stands still elsewhere stands still here, and the choice is the same.
func TestWhatStandsStillIsTakenOverAndDecided(t *testing.T) {
	play(t, fleet{}, func(t *testing.T, s *stage) {
		a := s.console(ana)
		a.change = func(in *flyplan.Input) {
			in.Old = deploy.Eligibility{Able: deploy.Unable, Reason: "posts.title is dropped"}
		}
		st := a.deploy("42-crash")
		if st.Halt != deploy.HaltSchema {
			t.Fatalf("halt %q: %s", st.Halt, st.Reason)
		}
		b := s.console(ben)
		d, err := b.takeOver(st.Plan.ID)
		if err != nil {
			t.Fatal(err)
		}
		got := d.State()
		if got.Halt != st.Halt || !strings.Contains(st.Reason, got.Reason[:60]) || !slices.Equal(got.Choices(), st.Choices()) || got.Record == nil || got.Record.ID != st.Record.ID {
			t.Errorf("it stands still as %q (%s), choices %q; there as %q (%s), %q", got.Halt, got.Reason, got.Choices(), st.Halt, st.Reason, st.Choices())
		}
		if err := d.Ask(deploy.RollBackAnyway, ben, time.Now()); err != nil {
			t.Fatal(err)
		}
		if got, err = b.run(t.Context(), d); err != nil {
			t.Fatal(err)
		}
		b.ends(got, wentBack(``))
	})
}

// Whoever has a journal that cannot be read any more goes on like somebody who has none.
func TestADamagedJournalIsPutAsideAndTakenOver(t *testing.T) {
	play(t, fleet{}, func(t *testing.T, s *stage) {
		a := s.console(ana)
		d := a.leave("42", healthy(2))
		b, err := os.ReadFile(d.Path())
		if err != nil {
			t.Fatal(err)
		}
		b[len(b)/2] ^= 1
		if err := os.WriteFile(d.Path(), b, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := deploy.Open(d.Path()); !errors.Is(err, journal.ErrDamaged) {
			t.Fatalf("opened: %v", err)
		}
		if _, err := a.takeOver(d.State().Plan.ID); !errors.Is(err, journal.ErrDamaged) {
			t.Errorf("with its journal still there: %v", err)
		}
		if err := deploy.Remove(d.Path()); err != nil {
			t.Fatal(err)
		}
		again, err := a.takeOver(d.State().Plan.ID)
		if err != nil {
			t.Fatal(err)
		}
		st, err := a.run(t.Context(), again)
		if err != nil {
			t.Fatal(err)
		}
		if st.Session != 2 {
			t.Errorf("it ended in session %d", st.Session)
		}
		a.ends(st, wasDeployed(``))
	})
}
