package scenario

import (
	"context"
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"ops-console/ops/deploy"
	"ops-console/ops/deploy/flyplan"
	"ops-console/ops/fly"
)

const ana = "ana@laptop"

func wasDeployed(says string) ended {
	return ended{outcome: deploy.Deployed, tag: "42", runs: 1, record: "complete", says: says}
}

func wentBack(says string) ended {
	return ended{outcome: deploy.RolledBack, tag: "41", runs: 1, record: "failed", says: says}
}

// TestFailures is what the platform's own client was recorded to end badly in: there it left two versions running, a
// record that says complete, a lease, or a migration that ran for nothing.
func TestFailures(t *testing.T) {
	for _, c := range []struct {
		name   string
		tag    string // 42
		fleet  fleet
		before func(*stage)
		during func(*stage, *console)
		want   ended
	}{
		{
			name: "the first machine is never healthy", tag: "42-unhealthy",
			want: wentBack(`not well after a restart: not well after 1m30s: check servicecheck-00-http-4000: 500`),
		},
		{
			name: "one machine is never healthy", fleet: fleet{},
			during: func(s *stage, c *console) {
				c.when(healthy(1), func() { s.fault("health region:iad status=500") })
			},
			// Nothing makes that machine well, so that the way back is not complete; it says which one.
			want: ended{},
		},
		{
			name: "nothing listens", tag: "42-deaf",
			want: wentBack(`connection refused`),
		},
		{
			name: "a crash loop in two process groups", tag: "42-crash", fleet: fleet{workers: 2},
			want: wentBack(`its process ended with 1`),
		},
		{
			name: "a crash loop in one process group", tag: "42-crash",
			want: wentBack(`its process ended with 1`),
		},
		{
			name: "out of memory", tag: "42-oom",
			want: wentBack(`its process ran out of memory`),
		},
		{
			name: "healthy for twenty seconds", tag: "42-late",
			want: wentBack(`500`),
		},
		{
			name: "the process ends well and stays stopped", tag: "42-exit", fleet: fleet{workers: 2},
			want: wentBack(`its process ended with 0`),
		},
		{
			name: "a worker exits at once", fleet: fleet{workers: 2},
			during: func(s *stage, c *console) {
				c.when(healthy(1), func() { s.fault("crash-loop group:worker exit=0 up=500ms max=1") })
				c.when2(func(e deploy.Event) bool { return e.Kind == deploy.EventBack }, func() { s.mend("crash-loop") })
			},
			want: wentBack(`its process ended with 0`),
		},
		{
			name: "a worker fails at once", fleet: fleet{workers: 2},
			during: func(s *stage, c *console) {
				c.when(healthy(1), func() { s.fault("crash-loop group:worker exit=1 up=500ms max=1") })
				c.when2(func(e deploy.Event) bool { return e.Kind == deploy.EventBack }, func() { s.mend("crash-loop") })
			},
			want: wentBack(`its process ended with 1`),
		},
		{
			name:   "the release command fails",
			before: func(s *stage) { s.code = 1 },
			want:   ended{outcome: deploy.RolledBack, tag: "41", runs: 1, record: "failed", says: `release command ended with 1`},
		},
		{
			name:   "somebody holds one machine",
			before: func(s *stage) { s.fault("lease-held region:lhr ttl=24h description=surgery") },
			want:   ended{outcome: deploy.Unchanged, tag: "41", held: "surgery", says: `is held by surgery until`},
		},
		{
			name:   "somebody holds one machine for a while",
			before: func(s *stage) { s.fault("lease-held region:lhr ttl=30s") },
			want:   wasDeployed(``),
		},
		{
			name: "the platform takes the update back", tag: "42-unpullable",
			want: wentBack(`the platform has taken the change of machine .* back`),
		},
		{
			name:   "the list is empty once",
			during: func(s *stage, c *console) { c.when(phase(deploy.Rolling), func() { s.fault("list-empty n=1") }) },
			want:   wasDeployed(`the list has 0 machines, and the platform counts 4`),
		},
		{
			name: "the list is short for a while",
			during: func(s *stage, c *console) {
				c.when(phase(deploy.Rolling), func() { s.fault("list-short drop=2"); s.mendLater("list-short", 30*time.Second) })
			},
			want: wasDeployed(`the list has 2 machines, and the platform counts 4`),
		},
		{
			name: "the list is stale for a while",
			during: func(s *stage, c *console) {
				c.when(healthy(1), func() { s.fault("list-stale"); s.mendLater("list-stale", 8*time.Second) })
			},
			want: wasDeployed(``),
		},
		{
			name:   "the platform answers 503 to a burst of requests",
			during: func(s *stage, c *console) { c.when(phase(deploy.Rolling), func() { s.fault("api-5xx-burst n=12") }) },
			want:   wasDeployed(``),
		},
		{
			name: "the platform is gone for a minute",
			during: func(s *stage, c *console) {
				c.when(healthy(1), func() { s.fault("api-down"); s.mendLater("api-down", time.Minute) })
			},
			want: wasDeployed(``),
		},
		{
			name: "every request is one too many for a while",
			during: func(s *stage, c *console) {
				c.when(healthy(1), func() { s.fault("rate-limited"); s.mendLater("rate-limited", 20*time.Second) })
			},
			want: wasDeployed(``),
		},
		{
			name: "the platform limits requests", fleet: fleet{strict: true, app: 8},
			want: wasDeployed(``),
		},
		{
			name: "checks flap", tag: "42",
			during: func(s *stage, c *console) {
				c.when(phase(deploy.Rolling), func() { s.fault("check-flapping region:iad period=4s"); s.mendLater("check-flapping", time.Minute) })
			},
			want: wasDeployed(``),
		},
		{
			name: "a host is gone for a minute",
			during: func(s *stage, c *console) {
				c.when(phase(deploy.Rolling), func() { s.fault("host-unreachable region:lhr"); s.mendLater("host-unreachable", time.Minute) })
			},
			want: wasDeployed(``),
		},
		{
			name: "a host is gone for longer than a machine may take",
			during: func(s *stage, c *console) {
				c.when(phase(deploy.Rolling), func() { s.fault("host-unreachable region:lhr"); s.mendLater("host-unreachable", 2*time.Minute) })
			},
			want: wentBack(`the host of machine .* cannot be reached for 1m`),
		},
		{
			name: "a machine whose process has ended before",
			before: func(s *stage) {
				s.fault("crash-loop region:lhr up=1s wait=1s")
				time.Sleep(10 * time.Second)
				s.mend("crash-loop")
				time.Sleep(10 * time.Second)
			},
			want: wasDeployed(``),
		},
		{
			name: "a stopped machine is tried and stopped again", fleet: fleet{cold: 2},
			want: wasDeployed(``),
		},
		{
			name: "a canary that cannot serve", tag: "42-unhealthy", fleet: fleet{toml: with(rollingToml, `"rolling"`, `"canary"`)},
			want: wentBack(`500`),
		},
		{
			name: "a canary whose making is answered with 408", fleet: fleet{toml: with(rollingToml, `"rolling"`, `"canary"`)},
			before: func(s *stage) { s.fault("408-after-create n=2") },
			want:   wasDeployed(``),
		},
		{
			name: "a canary of which nothing comes at first", fleet: fleet{toml: with(rollingToml, `"rolling"`, `"canary"`)},
			during: func(s *stage, c *console) { c.when(phase(deploy.Canarying), func() { s.fault("create-ignored n=1") }) },
			want:   wentBack(`is not there any more`),
		},
		{
			name: "all at once, and none is healthy", tag: "42-unhealthy", fleet: fleet{toml: with(rollingToml, `"rolling"`, `"immediate"`)},
			want: wentBack(`500`),
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			play(t, c.fleet, func(t *testing.T, s *stage) {
				if c.before != nil {
					c.before(s)
				}
				ana := s.console(ana)
				if c.during != nil {
					c.during(s, ana)
				}
				tag := c.tag
				if tag == "" {
					tag = "42"
				}
				st := ana.deploy(tag)
				if c.want == (ended{}) {
					if st.Halt != deploy.HaltRollback || !strings.Contains(st.Reason, "500") {
						t.Errorf("it ended %q, halt %q: %s\n%s", st.Outcome, st.Halt, st.Reason, ana.said())
					}
					return
				}
				ana.ends(st, c.want)
			})
		})
	}
}

func with(text, old, now string) string { return strings.ReplaceAll(text, old, now) }

// mendLater switches a fault off after a while.
func (s *stage) mendLater(name string, d time.Duration) {
	timer := time.AfterFunc(d, func() {
		if err := s.world.ClearFault(name); err != nil {
			s.t.Error(err)
		}
	})
	s.t.Cleanup(func() { timer.Stop() })
}

// when2 is a second thing to happen.
func (c *console) when2(is func(deploy.Event) bool, f func()) {
	first := c.on
	c.when(is, f)
	second := c.on
	c.on = func(e deploy.Event) { first(e); second(e) }
}

func TestAnImageThatIsNotThereIsNotDeployed(t *testing.T) {
	play(t, fleet{}, func(t *testing.T, s *stage) {
		if _, err := s.console(ana).plan("42-missing"); !errors.Is(err, fly.ErrNotFound) {
			t.Errorf("got %v", err)
		}
		s.whole(ended{outcome: deploy.Unchanged, tag: "41"})
	})
}

func TestAnEmptyListIsNoPlan(t *testing.T) {
	play(t, fleet{}, func(t *testing.T, s *stage) {
		s.fault("list-empty n=1")
		if _, err := s.console(ana).plan("42"); err == nil {
			t.Error("it plans to deploy to nothing")
		}
		s.whole(ended{outcome: deploy.Unchanged, tag: "41"})
	})
}

func TestAbortInTheMiddleGoesBack(t *testing.T) {
	play(t, fleet{}, func(t *testing.T, s *stage) {
		c := s.console(ana)
		d := c.start("42")
		c.when(healthy(2), func() {
			if err := d.Ask(deploy.Abort, ana, time.Now()); err != nil {
				t.Error(err)
			}
		})
		st, err := c.run(t.Context(), d)
		if err != nil {
			t.Fatal(err)
		}
		c.ends(st, wentBack(`asked for by ana@laptop`))
	})
}

func TestDetachedInTheMiddleItIsHeldByNobodyAndGoesOn(t *testing.T) {
	for _, where := range []deploy.Phase{deploy.Locking, deploy.Migrating, deploy.Soaking, deploy.Rolling, deploy.Verifying} {
		t.Run(string(where), func(t *testing.T) {
			play(t, fleet{}, func(t *testing.T, s *stage) {
				c := s.console(ana)
				d := c.start("42")
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				c.when(func(e deploy.Event) bool {
					return e.Phase == where && (where == deploy.Locking || e.Kind != deploy.EventPhase)
				}, cancel)
				if _, err := c.run(ctx, d); !errors.Is(err, deploy.ErrDetached) {
					t.Fatalf("got %v\n%s", err, c.said())
				}
				mm, err := s.client.MachinesWhere(t.Context(), appName, fly.Where{Leases: true})
				if err != nil {
					t.Fatal(err)
				}
				for _, m := range mm {
					if m.Lease != nil {
						t.Errorf("machine %s is held by nobody that runs: %s", m.ID, m.Lease.Description)
					}
				}
				d, err = deploy.Open(d.Path())
				if err != nil {
					t.Fatal(err)
				}
				c.on = nil
				st, err := c.run(t.Context(), d)
				if err != nil {
					t.Fatal(err)
				}
				c.ends(st, wasDeployed(`taken up again by ana@laptop`))
			})
		})
	}
}

// foreignRun is a release command as the platform's own client starts one: without a lease, in a machine of its own.
func (s *stage) foreignRun() fly.Machine {
	s.t.Helper()
	m, err := s.client.Create(s.t.Context(), appName, "ord", "", fly.Launch{Config: fly.MachineConfig{Raw: []byte(
		`{"image":"` + repo + `40","init":{"cmd":["/app/bin/migrate"]},"auto_destroy":true,"restart":{"policy":"no"},` +
			`"metadata":{"fly_platform_version":"v2","fly_process_group":"fly_app_release_command"}}`)}})
	if err != nil {
		s.t.Fatal(err)
	}
	return m
}

func TestAReleaseCommandOfSomebodyElseIsWaitedForAndNotEnded(t *testing.T) {
	play(t, fleet{}, func(t *testing.T, s *stage) {
		s.slow = time.Minute
		theirs := s.foreignRun()
		c := s.console(ana)
		p, err := c.plan("42")
		if err != nil {
			t.Fatal(err)
		}
		d, err := deploy.Start(s.dir, &p, time.Now())
		if err != nil {
			t.Fatal(err)
		}
		st, err := c.run(t.Context(), d)
		if err != nil {
			t.Fatal(err)
		}
		want := wasDeployed(`another release command is running, in machine ` + theirs.ID + `: it is not ended, only waited for`)
		want.runs = 2 // theirs and ours
		c.ends(st, want)
		dead, err := s.client.MachinesWhere(t.Context(), appName, fly.Where{Deleted: true})
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range dead {
			if m.ID == theirs.ID && (len(m.Events) == 0 || exitCode(m) != 0) {
				t.Errorf("theirs did not end by itself: %+v", m.Events)
			}
		}
	})
}

func exitCode(m fly.Machine) int {
	for _, e := range m.Events {
		if x := e.Exit(); x != nil {
			return x.ExitCode
		}
	}
	return -1
}

// Two consoles of two people, each with journals of its own: the second one is refused, and says by whom.
func TestASecondDeploymentIsRefusedWhileOneRuns(t *testing.T) {
	for _, where := range []deploy.Phase{deploy.Migrating, deploy.Rolling} {
		t.Run(string(where), func(t *testing.T) {
			play(t, fleet{}, func(t *testing.T, s *stage) {
				s.slow = 3 * time.Minute
				first, second := s.console(ana), s.console("ben@desk")
				second.client = s.newClient()
				defer second.client.Close()
				begun, over := make(chan struct{}), make(chan *deploy.State, 1)
				first.when(phase(where), func() { close(begun) })
				d := first.start("42")
				go func() {
					st, err := first.run(t.Context(), d)
					if err != nil {
						t.Error(err)
					}
					over <- st
				}()
				<-begun
				st := second.deploy("43")
				if st.Outcome != deploy.Unchanged || !strings.Contains(second.said(), "is held by ops-console deploy 01JANALAPTOP01/1 by ana@laptop until") {
					t.Errorf("the second ended %q, %s\n%s", st.Outcome, st.Reason, second.said())
				}
				first.ends(<-over, wasDeployed(``))
			})
		})
	}
}

func TestSomebodyWhoForcesTheirWayInStopsIt(t *testing.T) {
	play(t, fleet{}, func(t *testing.T, s *stage) {
		c := s.console(ana)
		// They take the lease away while ours is held, and change the machine: only a fault can do that.
		c.when(healthy(2), func() {
			s.fault("lease-held all ttl=1h owner=ben@example.com description=mine")
			s.mendLater("lease-held", time.Minute)
		})
		d := c.start("42")
		st, err := c.run(t.Context(), d)
		if err != nil {
			t.Fatal(err)
		}
		if st.Halt != deploy.HaltLease || st.Outcome != "" {
			t.Fatalf("it ended %q, halt %q: %s\n%s", st.Outcome, st.Halt, st.Reason, c.said())
		}
		time.Sleep(2 * time.Minute)
		if d, err = deploy.Open(d.Path()); err != nil {
			t.Fatal(err)
		}
		if err := d.Ask(deploy.Resume, ana, time.Now()); err != nil {
			t.Fatal(err)
		}
		if st, err = c.run(t.Context(), d); err != nil {
			t.Fatal(err)
		}
		c.ends(st, wasDeployed(`is held by mine until`))
	})
}

func TestASchemaThatForbidsTheWayBackHaltsThere(t *testing.T) {
	play(t, fleet{}, func(t *testing.T, s *stage) {
		c := s.console(ana)
		c.change = func(in *flyplan.Input) {
			in.Old = deploy.Eligibility{Able: deploy.Unable, Reason: "migration 20260101000000_drop_name drops users.name"}
		}
		d := c.start("42-unhealthy")
		st, err := c.run(t.Context(), d)
		if err != nil {
			t.Fatal(err)
		}
		if st.Halt != deploy.HaltSchema || !strings.Contains(st.Reason, "users.name") {
			t.Fatalf("it ended %q, halt %q: %s", st.Outcome, st.Halt, st.Reason)
		}
		rr, err := s.client.WebReleases(t.Context(), appName, 1)
		if err != nil || rr[0].Status != "interrupted" {
			t.Errorf("the record says %+v, %v", rr, err)
		}
		if d, err = deploy.Open(d.Path()); err != nil {
			t.Fatal(err)
		}
		if err := d.Ask(deploy.RollBackAnyway, ana, time.Now()); err != nil {
			t.Fatal(err)
		}
		if st, err = c.run(t.Context(), d); err != nil {
			t.Fatal(err)
		}
		c.ends(st, wentBack(``))
	})
}

// A journal that is lost leaves machines that say whose they are.
func TestAColleagueSeesWhoseDeploymentItIs(t *testing.T) {
	play(t, fleet{}, func(t *testing.T, s *stage) {
		c := s.console(ana)
		d := c.start("42")
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		c.when(healthy(2), cancel)
		if _, err := c.run(ctx, d); !errors.Is(err, deploy.ErrDetached) {
			t.Fatal(err)
		}
		if err := os.Remove(d.Path()); err != nil {
			t.Fatal(err)
		}
		mm, err := s.client.Machines(t.Context(), appName)
		if err != nil {
			t.Fatal(err)
		}
		found := 0
		for _, m := range mm {
			h, ok := deploy.ParseHead(m.Config.Metadata[deploy.TagHead])
			if !ok {
				continue
			}
			found++
			if h.Deploy != "01JANALAPTOP01" || h.Holder != ana || h.Image != repo+"42" || h.Seq == 0 {
				t.Errorf("got %+v", h)
			}
		}
		if found != 1 {
			t.Errorf("%d machines say that a deployment is under way", found)
		}
		// A colleague plans from what runs, and brings all machines to one release.
		ben := s.console("ben@desk")
		st := ben.deploy("43")
		want := wasDeployed(``)
		want.tag, want.runs = "43", 2
		ben.ends(st, want)
	})
}

// The platform's own client ends any release command that it finds. What ours did by then, nobody knows.
func TestOurReleaseCommandIsEndedBySomebodyElse(t *testing.T) {
	t.Run("destroyed", func(t *testing.T) {
		endedBySomebodyElse(t, func(ctx context.Context, c *fly.Client, r fly.Ref) error { return c.Destroy(ctx, r, true) })
	})
	t.Run("stopped, and it ends with 0", func(t *testing.T) {
		endedBySomebodyElse(t, func(ctx context.Context, c *fly.Client, r fly.Ref) error { return c.Stop(ctx, r, "", 0) })
	})
}

func endedBySomebodyElse(t *testing.T, end func(context.Context, *fly.Client, fly.Ref) error) {
	t.Helper()
	play(t, fleet{}, func(t *testing.T, s *stage) {
		s.slow = time.Minute
		c := s.console(ana)
		c.when(func(e deploy.Event) bool { return e.Kind == deploy.EventDone && e.Step == string(deploy.VerbStartRun) }, func() {
			time.AfterFunc(5*time.Second, func() {
				mm, err := s.client.Machines(t.Context(), appName)
				if err != nil {
					t.Error(err)
				}
				for _, m := range mm {
					if strings.HasPrefix(m.Config.Metadata[deploy.TagKey], "01JANALAPTOP01:run") {
						if err := end(t.Context(), s.client, fly.Ref{App: appName, ID: m.ID}); err != nil {
							t.Error(err)
						}
					}
				}
			})
		})
		st := c.deploy("42")
		if st.Halt != deploy.HaltMigration || st.Outcome != "" {
			t.Fatalf("it ended %q, halt %q: %s\n%s", st.Outcome, st.Halt, st.Reason, c.said())
		}
		s.noOpenRecords()
		d, err := deploy.Open(deploy.Path(s.dir+"/"+ana, "01JANALAPTOP01"))
		if err != nil {
			t.Fatal(err)
		}
		if err := d.Ask(deploy.Ran, ana, time.Now()); err != nil {
			t.Fatal(err)
		}
		if st, err = c.run(t.Context(), d); err != nil {
			t.Fatal(err)
		}
		c.ends(st, wasDeployed(``))
	})
}
