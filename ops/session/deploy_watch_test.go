package session_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"ops-console/ops/config"
	"ops-console/ops/deploy"
	"ops-console/ops/deploy/watch"
	"ops-console/ops/fly/flysim"
	"ops-console/ops/session"
)

// simulated is a session with a simulated world of three machines, on its profile with some of it changed.
func simulated(t *testing.T, change func(*config.Profile)) (*session.Session, *flysim.Sim) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	sim, err := flysim.Start(ctx, flysim.Options{Seed: 3, Dir: t.TempDir(), Regions: 2, Instances: 3})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := sim.Close(); err != nil {
			t.Error(err)
		}
	})
	env := map[string]string{"XDG_CONFIG_HOME": t.TempDir(), "XDG_STATE_HOME": t.TempDir(), "HOME": t.TempDir(), "XDG_RUNTIME_DIR": t.TempDir()}
	getenv := func(k string) string { return env[k] }
	p, err := config.Load(config.Options{Name: sim.App(), ConfigFile: sim.ProfilePath(), Dir: t.TempDir(), Env: getenv})
	if err != nil {
		t.Fatal(err)
	}
	change(p)
	s := session.Open(ctx, p, session.Options{Version: "test", Getenv: getenv})
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s, sim
}

// until waits for a snapshot that is as wanted.
func until(t *testing.T, w *watch.Watcher, want string, ok func(*watch.Snapshot) bool) *watch.Snapshot {
	t.Helper()
	deadline := time.After(60 * time.Second)
	for {
		changed := w.Changed()
		if s := w.Latest().Value; s != nil && ok(s) {
			return s
		}
		select {
		case <-changed:
		case <-deadline:
			t.Fatalf("never %s: %+v", want, w.Latest())
		}
	}
}

func TestReleasesArePlannedAndRolledBackFromTheConsole(t *testing.T) {
	s, _ := simulated(t, func(p *config.Profile) {
		p.Deploy = config.Deploy{Backup: "never", Preflight: "off", Soak: time.Second, TotalLimit: time.Hour}
	})
	state := t.TempDir()
	record := func(ctx context.Context, _, _, _ string, act func(context.Context) (string, error)) error {
		_, err := act(ctx)
		return err
	}
	w := s.WatchDeploys(t.Context(), session.Options{}, time.Now, "ana@laptop", state, record)
	t.Cleanup(w.Close)
	snap := until(t, w, "read", func(s *watch.Snapshot) bool { return len(s.Releases) > 1 && len(s.Machines) == 3 })
	now := snap.Releases[0]
	if now.Image == "" || now.At.IsZero() || now.By == "" {
		t.Errorf("the newest release is %+v", now)
	}
	for _, m := range snap.Machines {
		if m.Release != now.Version || m.Group == "" || m.Region == "" || m.Image == "" {
			t.Errorf("machine %+v, release %d", m, now.Version)
		}
	}

	image := now.Image[:strings.LastIndexByte(now.Image, ':')] + ":deployment-43"
	if err := w.PlanDeploy(image); err != nil {
		t.Fatal(err)
	}
	snap = until(t, w, "planned", func(s *watch.Snapshot) bool { return s.Job != nil && !s.Job.Runs() })
	if snap.Job.Err != nil || snap.Planned == nil {
		t.Fatalf("planned %+v: %v", snap.Planned, snap.Job.Err)
	}
	p := snap.Planned
	if p.Plan.Artifact.Image == "" || len(p.Plan.Targets) != 3 || p.Plan.By != "ana@laptop" || p.Plan.Command == nil || len(p.Definition) == 0 {
		t.Errorf("planned %+v", p.Plan)
	}

	// The way back runs nothing, and has no gate that looks at what is to come.
	if err := w.PlanRollback(snap.Releases[1].Version); err != nil {
		t.Fatal(err)
	}
	snap = until(t, w, "planned back", func(s *watch.Snapshot) bool {
		return s.Job != nil && !s.Job.Runs() && s.Planned != nil && s.Planned.Plan.Kind == deploy.KindRollback
	})
	p = snap.Planned
	if p.Plan.Command != nil || p.Plan.Artifact.Release != snap.Releases[1].Version || slices.ContainsFunc(p.Plan.Gates, func(g deploy.Gate) bool { return g.Name == session.GatePreflight }) {
		t.Errorf("planned %+v", p.Plan)
	}

	for _, bad := range []string{image[:strings.LastIndexByte(image, ':')+1], image + "-missing"} {
		if err := w.PlanDeploy(bad); err != nil {
			t.Fatal(err)
		}
		snap = until(t, w, bad+" refused", func(s *watch.Snapshot) bool {
			return s.Job != nil && !s.Job.Runs() && s.Job.Err != nil && strings.Contains(s.Job.Title, bad)
		})
		if snap.Planned != nil {
			t.Error("a plan is left from before")
		}
	}
	if err := w.Check(now.Image); err != nil {
		t.Fatal(err)
	}
	snap = until(t, w, "checked", func(s *watch.Snapshot) bool { return s.Checked != nil })
	if c := snap.Checked.Report; c.Image != now.Image || len(c.Items) < 20 || len(snap.Checked.Matrix) == 0 {
		t.Errorf("checked %+v", c.Counts)
	}

	// What can be deployed: the newest first, among them what runs.
	w.LookForImages()
	snap = until(t, w, "listed", func(s *watch.Snapshot) bool { return len(s.Images) > 0 })
	if !slices.Contains(snap.Images, now.Image) || !strings.Contains(snap.Images[0], ":deployment-v") || slices.Index(snap.Images, now.Image) == 0 {
		t.Errorf("lists %q", snap.Images)
	}

	d, err := s.DeployDefinition(t.Context())
	if err != nil || !strings.Contains(string(d), "release_command") {
		t.Errorf("the definition is %.200s: %v", d, err)
	}
}
