package scenario

import (
	"context"
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"ops-console/ops/deploy"
	"ops-console/ops/fly"
)

// fileEnv names a fly.toml that the bluegreen scenarios are played with in place of their own.
const fileEnv = "OPS_CONSOLE_FLY_TOML"

// bluegreenToml is shaped like that of a Phoenix application which deploys this way: one service with an HTTP check, long
// grace, long drain, migrations by a script of the image.
const bluegreenToml = `app = "changelog"
primary_region = "iad"
kill_signal = "SIGTERM"
kill_timeout = 30
[[vm]]
size = "performance-1x"
[deploy]
strategy = "bluegreen"
release_command = "on.deploy"
wait_timeout = "90s"
[[services]]
internal_port = 4000
processes = ["app"]
protocol = "tcp"
[[services.http_checks]]
grace_period = "30s"
interval = "15s"
method = "get"
path = "/health"
protocol = "http"
timeout = "10s"
[[services.ports]]
handlers = ["tls", "http"]
port = 443
[[services.ports]]
handlers = ["http"]
port = "80"
force_https = true
[services.concurrency]
hard_limit = 2500
soft_limit = 2000
type = "connections"
[experimental]
cmd = ["app.start"]
`

// bluegreen is a fleet that is deployed that way.
func bluegreen(t *testing.T) fleet {
	t.Helper()
	text := bluegreenToml
	if path := os.Getenv(fileEnv); path != "" {
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		text = string(b)
	}
	return fleet{toml: text}
}

// versions are the machines there are, by what each runs.
func (s *stage) versions() map[string]string {
	s.t.Helper()
	mm, err := s.client.Machines(s.t.Context(), appName)
	if err != nil {
		s.t.Fatal(err)
	}
	out := map[string]string{}
	for _, m := range mm {
		out[m.ID] = m.InstanceID
	}
	return out
}

func TestBlueGreen(t *testing.T) {
	t.Run("the new machines take over and the old ones go", func(t *testing.T) {
		play(t, bluegreen(t), func(t *testing.T, s *stage) {
			before := s.versions()
			c := s.console(ana)
			c.ends(c.deploy("42"), wasDeployed(`from here on there is no way back`))
			for id := range s.versions() {
				if before[id] != "" {
					t.Errorf("machine %s is still there", id)
				}
			}
			t.Log(c.said())
		})
	})
	untouched := func(tag, says string, during func(*stage, *console, *deploy.Deployment)) func(*testing.T) {
		return func(t *testing.T) {
			play(t, bluegreen(t), func(t *testing.T, s *stage) {
				before := s.versions()
				c := s.console(ana)
				d := c.start(tag)
				if during != nil {
					during(s, c, d)
				}
				st, err := c.run(t.Context(), d)
				if err != nil {
					t.Fatal(err)
				}
				c.ends(st, wentBack(says))
				if d := cmp.Diff(before, s.versions()); d != "" {
					t.Errorf("the old machines are not as they were: %s", d)
				}
			})
		}
	}
	t.Run("new machines that are never healthy go again", untouched("42-unhealthy", `500 Internal`, nil))
	t.Run("new machines that crash go again", untouched("42-crash", `its process ended with 1`, nil))
	t.Run("one making of which nothing comes", untouched("42", `is not there any more`, func(s *stage, c *console, _ *deploy.Deployment) {
		c.when(phase(deploy.GreenUp), func() { s.fault("create-ignored n=1") })
	}))
	t.Run("aborted before the traffic", untouched("42", `asked for by ana`, func(s *stage, c *console, d *deploy.Deployment) {
		c.when(healthy(2), func() {
			if err := d.Ask(deploy.Abort, ana, time.Now()); err != nil {
				s.t.Error(err)
			}
		})
	}))
	t.Run("aborted after the traffic it goes on", func(t *testing.T) {
		play(t, bluegreen(t), func(t *testing.T, s *stage) {
			c := s.console(ana)
			d := c.start("42")
			c.when(phase(deploy.Cutover), func() {
				if err := d.Ask(deploy.Abort, ana, time.Now()); err != nil {
					t.Error(err)
				}
			})
			st, err := c.run(t.Context(), d)
			if err != nil {
				t.Fatal(err)
			}
			c.ends(st, wasDeployed(`cannot abort as it is`))
		})
	})
	t.Run("detached after the traffic it goes on later", func(t *testing.T) {
		play(t, bluegreen(t), func(t *testing.T, s *stage) {
			c := s.console(ana)
			d := c.start("42")
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			c.when(func(e deploy.Event) bool { return e.Phase == deploy.Cutover && e.Kind == deploy.EventDone }, cancel)
			if _, err := c.run(ctx, d); !errors.Is(err, deploy.ErrDetached) {
				t.Fatal(err)
			}
			time.Sleep(time.Hour)
			c.on = nil
			d, err := deploy.Open(d.Path())
			if err != nil {
				t.Fatal(err)
			}
			st, err := c.run(t.Context(), d)
			if err != nil {
				t.Fatal(err)
			}
			c.ends(st, wasDeployed(``))
		})
	})
	t.Run("two makings that are answered with 408", func(t *testing.T) {
		play(t, bluegreen(t), func(t *testing.T, s *stage) {
			c := s.console(ana)
			c.when(phase(deploy.GreenUp), func() { s.fault("408-after-create n=2") })
			c.ends(c.deploy("42"), wasDeployed(``))
		})
	})
	t.Run("new machines that fail under traffic stand beside the old ones", func(t *testing.T) {
		play(t, bluegreen(t), func(t *testing.T, s *stage) {
			c := s.console(ana)
			c.when(phase(deploy.Cutover), func() { s.fault("health all status=500") })
			st := c.deploy("42")
			if st.Halt != deploy.HaltCutover || st.Outcome != "" {
				t.Fatalf("it ended %q, halt %q: %s\n%s", st.Outcome, st.Halt, st.Reason, c.said())
			}
			mm, err := s.client.MachinesWhere(t.Context(), appName, fly.Where{Leases: true})
			if err != nil {
				t.Fatal(err)
			}
			images := map[string]int{}
			for _, m := range mm {
				images[m.Config.Image]++
				if m.Lease != nil {
					t.Errorf("machine %s is still held", m.ID)
				}
			}
			if d := cmp.Diff(map[string]int{repo + "41": 4, repo + "42": 4}, images); d != "" {
				t.Error(d)
			}
			if rr, err := s.client.WebReleases(t.Context(), appName, 1); err != nil || rr[0].Status != "interrupted" {
				t.Errorf("the record says %+v, %v", rr, err)
			}
			if !strings.Contains(c.said(), "500") {
				t.Errorf("it does not say why: %s", c.said())
			}
			s.mend("health")
			d, err := deploy.Open(deploy.Path(s.dir+"/"+ana, "01JANALAPTOP01"))
			if err != nil {
				t.Fatal(err)
			}
			if err := d.Ask(deploy.Resume, ana, time.Now()); err != nil {
				t.Fatal(err)
			}
			if st, err = c.run(t.Context(), d); err != nil {
				t.Fatal(err)
			}
			c.ends(st, wasDeployed(``))
		})
	})
}

// A colleague without the journal is not to make a fleet of twice the size out of two.
func TestBlueGreenWithoutItsJournalIsNotDeployedOver(t *testing.T) {
	for name, c := range map[string]struct {
		when func(deploy.Event) bool
		says string
	}{
		"before the traffic": {healthy(2), "the new ones have had no traffic"},
		"with the traffic":   {func(e deploy.Event) bool { return e.Phase == deploy.Cutover && e.Kind == deploy.EventDone }, "traffic goes to the new ones"},
	} {
		t.Run(name, func(t *testing.T) {
			play(t, bluegreen(t), func(t *testing.T, s *stage) {
				a := s.console(ana)
				d := a.start("42")
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				a.when(c.when, cancel)
				if _, err := a.run(ctx, d); !errors.Is(err, deploy.ErrDetached) {
					t.Fatal(err)
				}
				ben := s.console("ben@desk")
				_, err := ben.plan("43")
				if err == nil || !strings.Contains(err.Error(), "deployment 01JANALAPTOP01 of ana@laptop has not ended") || !strings.Contains(err.Error(), c.says) {
					t.Fatalf("got %v", err)
				}
				// What it says to destroy is destroyed, and then it goes on.
				_, rest, _ := strings.Cut(err.Error(), "destroy ")
				rest, _, _ = strings.Cut(rest, " with `fly")
				for _, id := range strings.Fields(rest) {
					if err := s.client.Destroy(t.Context(), fly.Ref{App: appName, ID: id}, true); err != nil {
						t.Fatal(err)
					}
				}
				time.Sleep(time.Minute)
				want := wasDeployed(``)
				want.tag, want.runs = "43", 2
				ben.ends(ben.deploy("43"), want)
			})
		})
	}
}
