package health_test

import (
	"bytes"
	"context"
	"fmt"
	"testing"
	"time"

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

func TestExplore(t *testing.T) {
	for _, name := range []string{"calm", "incident", "blackout"} {
		t.Run(name, func(t *testing.T) {
			_, s := join(t, flysim.Options{Scenario: name})
			ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
			defer cancel()
			start := time.Now()
			snap, err := health.Read(ctx, s.HealthOptions())
			if err != nil {
				t.Fatal(err)
			}
			var b bytes.Buffer
			if err := report.Text(&b, snap, report.Options{Width: 150}); err != nil {
				t.Fatal(err)
			}
			fmt.Println(name, time.Since(start))
			fmt.Println(b.String())
		})
	}
}
