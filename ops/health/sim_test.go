package health_test

import (
	"bytes"
	"context"
	"io"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/google/go-cmp/cmp"

	"ops-console/ops/config"
	"ops-console/ops/fly/flysim"
	"ops-console/ops/health"
	"ops-console/ops/health/report"
	"ops-console/ops/session"
)

// join starts a simulated world and joins it as a console does: its profile, its tunnel, its platform.
func join(t testing.TB, o flysim.Options) (*flysim.Sim, *session.Session) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	o.Seed = 1
	o.Dir = t.TempDir()
	sim, err := flysim.Start(ctx, o)
	if err != nil {
		t.Fatalf("start the world: %v", err)
	}
	t.Cleanup(func() {
		if err := sim.Close(); err != nil {
			t.Errorf("close the world: %v", err)
		}
	})
	env := map[string]string{"XDG_CONFIG_HOME": t.TempDir(), "XDG_STATE_HOME": t.TempDir(), "HOME": t.TempDir(), "XDG_RUNTIME_DIR": t.TempDir()}
	p, err := config.Load(config.Options{Name: sim.App(), ConfigFile: sim.ProfilePath(), Dir: t.TempDir(), Env: func(k string) string { return env[k] }})
	if err != nil {
		t.Fatalf("load the profile: %v", err)
	}
	s := session.Open(ctx, p, session.Options{Version: "test", Getenv: func(k string) string { return env[k] }})
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("close the session: %v", err)
		}
	})
	return sim, s
}

func read(t *testing.T, s *session.Session, within time.Duration) *health.Snapshot {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), within)
	defer cancel()
	o := s.HealthOptions()
	o.Probe.Timeout = 5 * time.Second
	o.RetryAfter = 200 * time.Millisecond
	snapshot, err := health.Read(ctx, o)
	if err != nil {
		t.Fatalf("Read: %v", err)
	}
	return snapshot
}

// codesOf are the different codes of the problems, sorted.
func codesOf(s *health.Snapshot) []string {
	out := []string{}
	for _, p := range s.Problems {
		out = append(out, p.Code)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

func TestScenarios(t *testing.T) {
	t.Parallel()
	tests := []struct {
		scenario string
		verdict  health.Verdict
		codes    []string
	}{
		{"calm", health.Healthy, []string{}},
		{"incident", health.Unhealthy, []string{
			"content.disagrees", "instance.check_failing", "instance.cordoned", "instance.crash_loop", "instance.host_unreachable", "release.mixed",
		}},
		{"blackout", health.NotKnown, []string{"platform.unreachable"}},
		{"split-brain", health.Unhealthy, []string{"cluster.split"}},
		{"list-short", health.NotKnown, []string{"platform.list_unconfirmed"}},
		{"wrong-token", health.NotKnown, []string{"platform.unauthorized"}},
		{"empty-org", health.Unhealthy, []string{"app.empty"}},
		{"hostile", health.Unhealthy, []string{"content.disagrees", "instance.check_failing"}},
	}
	for _, tt := range tests {
		t.Run(tt.scenario, func(t *testing.T) {
			t.Parallel()
			_, s := join(t, flysim.Options{Scenario: tt.scenario})
			within := 20 * time.Second
			if tt.scenario == "blackout" {
				within = 6 * time.Second // nearly half of it is spent on the platform
			}
			got := read(t, s, within)
			// A starved machine answers too late, and then the reading rightly says so.
			for again := 2; again <= 4 && !(got.Verdict == tt.verdict && slices.Equal(tt.codes, codesOf(got))); again++ {
				got = read(t, s, time.Duration(again)*within)
			}
			if got.Verdict != tt.verdict {
				t.Errorf("verdict %s, want %s", got.Verdict, tt.verdict)
			}
			if diff := cmp.Diff(tt.codes, codesOf(got)); diff != "" {
				t.Errorf("codes (-want +got):\n%s", diff)
			}
			switch tt.scenario {
			case "incident":
				showsTheIncident(t, got)
			case "blackout":
				answersWithoutThePlatform(t, got)
			}
			var b bytes.Buffer
			if err := report.Text(&b, got, report.Options{Width: 120}); err != nil {
				t.Fatal(err)
			}
			if strings.ContainsFunc(b.String(), func(r rune) bool { return r != '\n' && !unicode.IsPrint(r) }) {
				t.Errorf("the report holds what does not print: %q", b.String())
			}
		})
	}
}

// showsTheIncident holds for the snapshot of the scenario of that name.
func showsTheIncident(t *testing.T, s *health.Snapshot) {
	t.Helper()
	if len(s.Regions) < 4 || len(s.Instances) != 18 {
		t.Errorf("%d instances in %d regions", len(s.Instances), len(s.Regions))
	}
	stale := 0
	for _, a := range s.Agreement {
		if !a.Agree {
			stale++
			if last := a.Groups[len(a.Groups)-1]; len(a.Groups) < 2 || last.Error == "" && len(last.Instances) != 1 {
				t.Errorf("%s: groups %+v", a.Path, a.Groups)
			}
		}
	}
	if stale == 0 {
		t.Error("no path shows the stale instance")
	}
	for _, p := range s.Problems {
		if p.Code == "content.disagrees" && p.Subject.Instance == "" {
			t.Errorf("the stale instance does not stand out: %+v", p)
		}
	}
	if len(s.Cluster.Groups) != 1 || len(s.Cluster.Unknown) != 1 {
		t.Errorf("cluster %+v, want one group and one that cannot be asked", s.Cluster)
	}
}

// answersWithoutThePlatform holds where the platform says nothing and the instances answer.
func answersWithoutThePlatform(t *testing.T, s *health.Snapshot) {
	t.Helper()
	answered := 0
	for _, i := range s.Instances {
		if i.Probe.State == health.ProbeOK && i.Level == health.LevelOK {
			answered++
		}
		if i.State != "" || i.Release != 0 {
			t.Errorf("%s: state %q, release %d, though nobody said so", i.ID, i.State, i.Release)
		}
	}
	if answered < 12 {
		t.Errorf("%d instances answered", answered)
	}
	if s.Sources.Platform.OK || s.Sources.Platform.Error == "" || s.Sources.Platform.Hint == "" {
		t.Errorf("platform %+v", s.Sources.Platform)
	}
}

// TestWatchThroughTheTunnel follows a world in which things break and heal.
func TestWatchThroughTheTunnel(t *testing.T) {
	t.Parallel()
	sim, s := join(t, flysim.Options{Scenario: "calm"})
	o := s.HealthOptions()
	fast := 300 * time.Millisecond
	o.Interval.Platform, o.Interval.DNS, o.Interval.Probe, o.Interval.Agreement = fast, fast, fast, fast
	w := health.Watch(context.Background(), o)
	defer w.Close()
	until := func(what string, ok func(*health.Snapshot) bool) {
		t.Helper()
		deadline := time.NewTimer(30 * time.Second)
		defer deadline.Stop()
		for {
			changed := w.Changed()
			got := w.Latest().Value
			if got != nil && ok(got) {
				return
			}
			select {
			case <-changed:
			case <-deadline.C:
				t.Fatalf("waited in vain for %s; verdict %s, problems %+v", what, got.Verdict, got.Problems)
			}
		}
	}
	fault := func(args ...string) {
		t.Helper()
		if err := flysim.Control(t.Context(), sim.Dir(), args, io.Discard); err != nil {
			t.Fatalf("fault %v: %v", args, err)
		}
	}
	has := func(code string) func(*health.Snapshot) bool {
		return func(s *health.Snapshot) bool { return slices.Contains(codesOf(s), code) }
	}
	until("health", func(s *health.Snapshot) bool { return s.Verdict == health.Healthy && len(s.Agreement) > 0 })
	id := w.Latest().Value.Instances[0].ID
	fault("fault", "health", id, "503")
	until("the failing instance", func(s *health.Snapshot) bool {
		return has("instance.probe_status")(s) || has("instance.check_failing")(s)
	})
	fault("clear", "health", id)
	until("its recovery", func(s *health.Snapshot) bool { return s.Instances[0].Probe.State == health.ProbeOK })
	// Refused at once, where silence is waited out.
	fault("fault", "unauthorized")
	until("the platform's refusal", has("platform.unauthorized"))
	fault("clear", "unauthorized")
	until("its return", func(s *health.Snapshot) bool { return s.Sources.Platform.OK })
}
