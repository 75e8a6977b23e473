package guard_test

import (
	"context"
	"math"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"ops-console/ops/config"
	"ops-console/ops/deploy"
	"ops-console/ops/deploy/guard"
	"ops-console/ops/fly"
	"ops-console/ops/fly/flysim/platform"
	"ops-console/ops/metrics"
)

// measuring is Guards over a simulated platform whose time is the test's.
type measuring struct {
	*guard.Guards
	t     *testing.T
	world *platform.World
	now   *time.Time
	fleet []deploy.Machine

	plan    *deploy.Plan
	options guard.Options
}

func newMeasuring(t *testing.T, images ...string) *measuring {
	now := time.Date(2026, 1, 2, 3, 0, 0, 0, time.UTC)
	m := &measuring{t: t, now: &now}
	m.world = platform.NewWorld(platform.Options{Token: "fo1_world", Now: func() time.Time { return now }})
	t.Cleanup(func() { m.world.Close() })
	for i, image := range images {
		added, err := m.world.AddMachine(platform.MachineSpec{Region: "ord", Image: "registry.fly.io/changelog:" + image})
		if err != nil {
			t.Fatal(err)
		}
		d := deploy.Machine{ID: added, State: deploy.Started}
		if i > 0 {
			d.Mark = deploy.Mark("01J", deploy.New)
		}
		m.fleet = append(m.fleet, d)
	}
	m.world.Visitors("changelog", 20)
	now = now.Add(15 * time.Minute)
	s := httptest.NewServer(m.world.Handler())
	t.Cleanup(s.Close)
	c := fly.New(fly.Options{MetricsURL: s.URL + "/prometheus", Token: fly.StaticToken("fo1_world"), Tries: 1})
	t.Cleanup(c.Close)
	limits := config.Guards{Errors: config.Guard{Mode: config.GuardPause, Limit: .01}, P99: config.Guard{Mode: config.GuardPause, Times: 2}}
	m.plan = &deploy.Plan{ID: "01J", App: "changelog", At: now.Add(-time.Minute)}
	m.options = guard.Options{
		Plan: m.plan, Limits: limits, Now: func() time.Time { return now },
		Metrics: func(context.Context) (*metrics.Client, error) {
			return &metrics.Client{Source: c, Org: m.world.Org().Slug}, nil
		},
	}
	m.Guards = guard.New(m.options)
	t.Cleanup(m.Close)
	return m
}

// read measures, and waits until that was taken in.
func (m *measuring) read() (errors, p99 deploy.Guard) {
	m.t.Helper()
	*m.now = m.now.Add(15 * time.Second)
	n := len(m.Measure(m.fleet)[0].Recent)
	for end := time.Now().Add(10 * time.Second); ; time.Sleep(time.Millisecond) {
		gg := m.Measure(m.fleet)
		if len(gg[0].Recent) != n {
			return gg[0], gg[1]
		}
		if time.Now().After(end) {
			m.t.Fatalf("nothing was read: %+v", gg)
		}
	}
}

func TestTheCourseBeforeTheFirstReadingIsKnown(t *testing.T) {
	m := newMeasuring(t, "deployment-1", "deployment-1")
	e, p := m.read()
	if e.Unknown || e.Value != "0%" || e.Before != "0%" || e.Over || e.Limit != "1%" || len(e.Recent) != 13 {
		t.Errorf("got %+v", e)
	}
	for i, v := range e.Recent {
		if math.IsNaN(v) {
			t.Errorf("reading %d is not known", i)
		}
	}
	if p.Unknown || p.Limit != "500ms" || p.Over || !strings.HasSuffix(p.Value, "ms") {
		t.Errorf("got %+v", p)
	}
}

func TestWhatIsBadOnTheNewMachinesOnly(t *testing.T) {
	// Sixty old ones in the way: of the whole, a fifth of one is a third of a hundredth.
	images := []string{"deployment-1", "deployment-2-errors"}
	m := newMeasuring(t, images...)
	for range 60 {
		if _, err := m.world.AddMachine(platform.MachineSpec{Region: "iad", Image: "registry.fly.io/changelog:deployment-1"}); err != nil {
			t.Fatal(err)
		}
	}
	m.world.Visitors("changelog", 200)
	*m.now = m.now.Add(2 * time.Minute)
	e, p := m.read()
	if !e.Over || e.Where != "the new machines" || e.Unknown {
		t.Errorf("got %+v", e)
	}
	if p.Over || p.Unknown {
		t.Errorf("got %+v", p)
	}
	// Without knowing which are new, it does not show.
	m.fleet[1].Mark = ""
	if e, _ := m.read(); e.Over {
		t.Errorf("got %+v", e)
	}
}

func TestWhatHasJustBegunIsNoReasonAndGoingBackNeverIs(t *testing.T) {
	m := newMeasuring(t, "deployment-1", "deployment-1")
	f := platform.Fault{Name: "errors", Target: "all", Args: []string{"50"}}
	if err := m.world.SetFault(f); err != nil {
		t.Fatal(err)
	}
	*m.now = m.now.Add(90 * time.Second)
	m.plan.At = *m.now
	if e, _ := m.read(); e.Over || e.Unknown || e.Before < "4" {
		t.Errorf("errors that are there for a minute: %+v", e)
	}
	m = newMeasuring(t, "deployment-1", "deployment-1")
	m.plan.Kind = deploy.KindRollback
	m.Guards = guard.New(m.options)
	t.Cleanup(m.Close)
	if err := m.world.SetFault(f); err != nil {
		t.Fatal(err)
	}
	*m.now = m.now.Add(time.Minute)
	if e, _ := m.read(); e.Over || e.Unknown || e.Limit != "" || e.Value == "0%" {
		t.Errorf("going back: %+v", e)
	}
}

func TestAnAnswerThatIsMissingIsNotKnown(t *testing.T) {
	m := newMeasuring(t, "deployment-1")
	f := platform.Fault{Name: "metrics-down"}
	if err := m.world.SetFault(f); err != nil {
		t.Fatal(err)
	}
	if e, p := m.read(); !e.Unknown || !strings.Contains(e.Why, "503") || !p.Unknown || e.Value != "" {
		t.Errorf("got %+v, %+v", e, p)
	}
	if err := m.world.ClearFault("metrics-down"); err != nil {
		t.Fatal(err)
	}
	if e, _ := m.read(); e.Unknown || e.Before != "0%" {
		t.Errorf("got %+v", e)
	}
}
