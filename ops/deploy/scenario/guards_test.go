package scenario

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"ops-console/ops/config"
	"ops-console/ops/deploy"
	"ops-console/ops/deploy/flyplatform"
	"ops-console/ops/deploy/guard"
	"ops-console/ops/replication"
	"ops-console/ops/session"
)

// patient is rollingToml with time enough for a pause to end.
var patient = with(rollingToml, `"90s"`, `"3m"`)

// limits are the profile's own, with a p99 that pauses.
func limits() config.Guards {
	return config.Guards{
		Errors: config.Guard{Mode: config.GuardPause, Limit: .01}, P99: config.Guard{Mode: config.GuardPause, Times: 2},
		Restarts: config.Guard{Mode: config.GuardPause}, Lag: config.Guard{Mode: config.GuardPause, Other: true}, Settle: 30 * time.Second,
	}
}

// guarded carries a deployment out with what the console carries it out with: the guards measure what the simulated platform's
// metrics and machines say.
func (c *console) guarded(tag string, g config.Guards, during func(*stage, *console, *deploy.Plan)) *deploy.State {
	t := c.s.t
	t.Helper()
	p, err := c.plan(tag)
	if err != nil {
		t.Fatal(err)
	}
	if during != nil {
		during(c.s, c, &p)
	}
	client := c.s.newClient()
	s := &session.Session{Platform: client, Profile: &config.Profile{App: appName, Deploy: config.Deploy{Guards: g, Preflight: "off"}}}
	defer func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}()
	if g.Settle > 0 {
		p.Gates = append(p.Gates, deploy.Gate{Name: deploy.GateGuards, When: deploy.BeforeCommit, Required: true, Timeout: 10 * time.Minute})
	}
	return c.carry(&p, s.DeployPlatform(&p, json.RawMessage(`{}`), session.Options{}, time.Now, nil))
}

// carry carries a plan out.
func (c *console) carry(p *deploy.Plan, on deploy.Platform) *deploy.State {
	t := c.s.t
	t.Helper()
	d, err := deploy.Start(c.s.dir, p, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	err = d.Run(t.Context(), deploy.Options{Platform: on, Holder: c.name, Emit: c.emit})
	if err := errors.Join(err, d.Close()); err != nil {
		t.Fatalf("%v\n%s", err, c.said())
	}
	return d.State()
}

// burst switches a fault on when machines begin to change, and off after a while.
func burst(fault string, d time.Duration) func(*stage, *console, *deploy.Plan) {
	return func(s *stage, c *console, _ *deploy.Plan) {
		name, _, _ := strings.Cut(fault, " ")
		c.when(healthy(1), func() { s.fault(fault); s.mendLater(name, d) })
	}
}

// What is told of pauses.
const (
	paused = "paused: "
	goesOn = "goes on: "
	tooFor = "paused for too long: "
)

// pauses are what was told of them, in order.
func (c *console) pauses() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	var out []string
	for _, e := range c.events {
		for _, word := range []string{paused, goesOn, tooFor} {
			if strings.HasPrefix(e.Text, word) && e.Kind != deploy.EventWaiting && e.Kind != deploy.EventEnded {
				out = append(out, word)
			}
		}
	}
	return out
}

func TestGuards(t *testing.T) {
	gone := []string{paused, tooFor}
	again := []string{paused, goesOn}
	for _, c := range []struct {
		name   string
		tag    string // 42
		fleet  fleet
		limits func(*config.Guards)
		before func(*stage)
		during func(*stage, *console, *deploy.Plan)
		pauses []string
		want   ended
	}{
		{name: "all is well", want: wasDeployed(`guards: pass: 5xx 0% of 1%; p99 \d+ms of 500ms; restarts 0 of 0`)},
		{
			name: "a fifth of the new release's answers are errors", tag: "42-errors", pauses: gone,
			want: wentBack(`paused: 5xx( of the new machines)? is \d+(\.\d)?%, over 1%(?s:.*)paused for too long: 5xx`),
		},
		{
			name: "a large fleet is not changed any further", tag: "42-errors", pauses: gone,
			fleet: fleet{app: 8, toml: with(patient, "[deploy]", "[deploy]\nmax_unavailable = 1")},
			want:  wentBack(`paused: 5xx of the new machines is \d+(\.\d)?%, over 1%(?s:.*)[2-6]/8\n(?s:.*)back +paused for too long: 5xx of the new machines is`),
		},
		{
			name: "a fleet that is changed before it can be measured", tag: "42-errors", fleet: fleet{app: 2}, pauses: gone,
			want: wentBack(`paused for too long: 5xx`),
		},
		{
			name: "a short burst of errors", during: burst("errors all percent=30", 20*time.Second), pauses: again,
			want: wasDeployed(`paused: 5xx.* is \d+(\.\d)?%, over 1%(?s:.*)goes on: 5xx is \d+(\.\d+)?%, the limit 1%`),
		},
		{
			name: "what was so before is no reason", before: func(s *stage) { s.fault("errors all percent=10") },
			want: wasDeployed(`guards: pass: 5xx \d+(\.\d)?% of \d\d`),
		},
		{
			name: "a release that is slow for some", tag: "42-slow", pauses: gone,
			want: wentBack(`paused: p99.* is [12]\.\ds, over 500ms`),
		},
		{
			name: "a machine that is slow for a while", during: burst("sluggish region:iad by=9s percent=50", 20*time.Second), pauses: again,
			want: wasDeployed(`goes on: .*p99 is \d+ms, the limit 500ms`),
		},
		{
			name: "the process of a new machine ends once", pauses: again,
			during: func(s *stage, c *console, p *deploy.Plan) {
				c.when(healthy(1), func() {
					s.fault("crash-loop " + p.Targets[0].Machine + " up=1s wait=1s")
					s.mendLater("crash-loop", 2*time.Second)
				})
			},
			want: wasDeployed(`paused: restarts of machine \w+ is 1, over 0(?s:.*)goes on: .*restarts is 0, the limit 0`),
		},
		{
			name: "the process of a new machine ends again and again", pauses: []string{paused},
			during: func(s *stage, c *console, p *deploy.Plan) {
				c.when(healthy(1), func() { s.fault("crash-loop " + p.Targets[0].Machine + " up=20s wait=1s") })
				c.when2(func(e deploy.Event) bool { return e.Kind == deploy.EventBack }, func() { s.mend("crash-loop") })
			},
			want: wentBack(`paused: restarts of machine(?s:.*)is not well after a restart: its process ended with 1`),
		},
		{
			name: "there are no metrics", tag: "42-errors", before: func(s *stage) { s.fault("metrics-down") },
			want: wasDeployed(`guards: warn: 5xx is not known: .*503`),
		},
		{
			name: "the metrics do not come in", during: burst("metrics-stale", time.Hour),
			want: wasDeployed(`guards: warn: 5xx is not known: the platform's metrics are \d+m\d+s old`),
		},
		{
			name: "nothing came in for long", before: func(s *stage) { s.fault("metrics-stale") },
			want: wasDeployed(`guards: warn: 5xx is not known: the platform has no metrics of answers of changelog`),
		},
		{
			name: "hardly anybody comes", before: func(s *stage) { s.world.Visitors(appName, 0); time.Sleep(2 * time.Minute) },
			want: wasDeployed(`guards: warn: 5xx is not known: \d answers in a minute, it takes 30`),
		},
		{
			name: "all is off", tag: "42-errors", limits: func(g *config.Guards) { *g = config.Guards{} },
			want: wasDeployed(``),
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			if c.fleet.toml == "" {
				c.fleet.toml = patient
			}
			play(t, c.fleet, func(t *testing.T, s *stage) {
				s.world.Visitors(appName, 20)
				time.Sleep(5 * time.Minute)
				if c.before != nil {
					c.before(s)
					time.Sleep(10 * time.Minute)
				}
				ana := s.console(ana)
				g := limits()
				if c.limits != nil {
					c.limits(&g)
				}
				tag := c.tag
				if tag == "" {
					tag = "42"
				}
				if strings.HasPrefix(tag, "42-") && c.want.outcome == deploy.Deployed {
					c.want.tag = tag
				}
				st := ana.guarded(tag, g, c.during)
				if got := ana.pauses(); !slices.Equal(got, c.pauses) {
					t.Errorf("it said %q, not %q", got, c.pauses)
				}
				ana.ends(st, c.want)
			})
		})
	}
}

// Somebody who looks and says to go on is not paused again.
func TestAGuardCanBeOverruled(t *testing.T) {
	play(t, fleet{toml: patient}, func(t *testing.T, s *stage) {
		s.world.Visitors(appName, 20)
		time.Sleep(5 * time.Minute)
		c := s.console(ana)
		p, err := c.plan("42-errors")
		if err != nil {
			t.Fatal(err)
		}
		p.Gates = append(p.Gates, deploy.Gate{Name: deploy.GateGuards, When: deploy.BeforeCommit, Required: true, Timeout: time.Hour})
		client := s.newClient()
		sess := &session.Session{Platform: client, Profile: &config.Profile{App: appName, Deploy: config.Deploy{Guards: limits()}}}
		defer sess.Close()
		d, err := deploy.Start(s.dir, &p, time.Now())
		if err != nil {
			t.Fatal(err)
		}
		c.when(func(e deploy.Event) bool { return strings.HasPrefix(e.Text, paused) }, func() {
			time.AfterFunc(20*time.Second, func() {
				if err := d.Ask(deploy.Resume, ana, time.Now()); err != nil {
					t.Error(err)
				}
			})
		})
		err = d.Run(t.Context(), deploy.Options{Platform: sess.DeployPlatform(&p, json.RawMessage(`{}`), session.Options{}, time.Now, nil), Holder: ana, Emit: c.emit})
		if err := errors.Join(err, d.Close()); err != nil {
			t.Fatal(err)
		}
		want := wasDeployed(`ana@laptop has it go on in spite of the guards`)
		want.tag = "42-errors"
		c.ends(d.State(), want)
		if got := c.pauses(); !slices.Equal(got, []string{paused}) {
			t.Errorf("it said %q", got)
		}
	})
}

// What there is no way back from is not done while a guard says pause, though every machine is changed.
func TestAGuardHoldsWhatCannotBeTakenBack(t *testing.T) {
	for name, c := range map[string]struct {
		fleet fleet
		from  func(deploy.Event) bool // the guard is over its limit from then on, for a minute
		held  func(deploy.Event) bool // must not be told before that minute is over
	}{
		"the commit":  {fleet{toml: patient}, phase(deploy.Verifying), phase(deploy.Cleaning)},
		"the cutover": {bluegreen(t), func(e deploy.Event) bool { return e.Kind == deploy.EventDone && e.Step == string(deploy.VerbCreate) }, func(e deploy.Event) bool { return e.Step == "cutover" }},
	} {
		t.Run(name, func(t *testing.T) {
			play(t, c.fleet, func(t *testing.T, s *stage) {
				var (
					ana  = s.console(ana)
					over = time.Now()
					done time.Time
				)
				p, err := ana.plan("42")
				if err != nil {
					t.Fatal(err)
				}
				p.Timings.Stable = 10 * time.Second
				ana.when(c.from, func() { over = time.Now() })
				ana.when2(c.held, func() { done = time.Now() })
				begun := over
				st := ana.carry(&p, flyplatform.New(flyplatform.Options{API: ana.client, Definition: json.RawMessage(`{}`), Guards: func([]deploy.Machine) []deploy.Guard {
					return []deploy.Guard{{Name: "5xx", Value: "3%", Limit: "1%", Over: over.After(begun) && time.Since(over) < time.Minute}}
				}}))
				if got := ana.pauses(); !slices.Equal(got, []string{paused, goesOn}) {
					t.Errorf("it said %q", got)
				}
				if at := done.Sub(over); at < time.Minute {
					t.Errorf("done %s after the guard was over its limit", at)
				}
				ana.ends(st, wasDeployed(`paused: 5xx is 3%, over 1%`))
			})
		})
	}
}

// A replica that falls behind pauses, and one that catches up lets it go on.
func TestAReplicaThatFallsBehindPauses(t *testing.T) {
	for name, c := range map[string]struct {
		behind time.Duration // for how long
		pauses []string
		want   ended
	}{
		"for a while":    {time.Minute, []string{paused, goesOn}, wasDeployed(`paused: lag of syd is 41.0s, over 5s(?s:.*)goes on: .*lag of syd is 0.2s, the limit 5s`)},
		"for too long":   {time.Hour, []string{paused, tooFor}, wentBack(`paused for too long: lag of syd is 41.0s, over 5s`)},
		"nobody can say": {0, nil, wasDeployed(``)},
	} {
		t.Run(name, func(t *testing.T) {
			play(t, fleet{toml: patient}, func(t *testing.T, s *stage) {
				ana := s.console(ana)
				p, err := ana.plan("42")
				if err != nil {
					t.Fatal(err)
				}
				begun := time.Now()
				g := guard.New(guard.Options{
					Plan: &p, Limits: config.Guards{Lag: config.Guard{Mode: config.GuardPause, Other: true}}, Critical: 5 * time.Second, Now: time.Now,
					Lag: func(context.Context) (*replication.Snapshot, error) {
						lag := .2
						switch at := time.Since(begun); {
						case c.behind == 0:
							return nil, fmt.Errorf("no node answers")
						case at > 40*time.Second && at < 40*time.Second+c.behind:
							lag = 41
						}
						return &replication.Snapshot{Nodes: []replication.Node{{Name: "syd", Depth: 1, Lag: replication.Lag{Lo: &lag}}}}, nil
					},
				})
				defer g.Close()
				st := ana.carry(&p, flyplatform.New(flyplatform.Options{API: ana.client, Definition: json.RawMessage(`{}`), Guards: g.Measure}))
				if got := ana.pauses(); !slices.Equal(got, c.pauses) {
					t.Errorf("it said %q, not %q", got, c.pauses)
				}
				ana.ends(st, c.want)
			})
		})
	}
}
