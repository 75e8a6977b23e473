package flysim

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"ops-console/ops/config"
)

func start(t *testing.T, o Options) *Sim {
	t.Helper()
	if o.Dir == "" {
		o.Dir = filepath.Join(t.TempDir(), "sim")
	}
	began := time.Now()
	s, err := Start(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%s: ready after %s", o.Scenario, time.Since(began))
	t.Cleanup(func() {
		began := time.Now()
		if err := s.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
		t.Logf("%s: closed after %s", o.Scenario, time.Since(began))
	})
	return s
}

func control(t *testing.T, s *Sim, args ...string) string {
	t.Helper()
	var out bytes.Buffer
	if err := Control(t.Context(), s.Dir(), args, &out); err != nil {
		t.Fatalf("%q: %v", args, err)
	}
	return out.String()
}

func TestEveryScenarioStarts(t *testing.T) {
	t.Parallel()
	for _, name := range Scenarios() {
		t.Run(name, func(t *testing.T) {
			s := start(t, Options{Scenario: name})
			t.Log(control(t, s, "machines"))
		})
	}
}

func TestProfileIsWhatTheConsoleReads(t *testing.T) {
	t.Parallel()
	s := start(t, Options{})
	p, err := config.Load(config.Options{
		Name: s.App(), ConfigFile: s.ProfilePath(), Dir: t.TempDir(), Env: func(string) string { return "" },
	})
	if err != nil {
		t.Fatal(err)
	}
	if p.API.Machines != s.URL() || p.API.GraphQL != s.URL() || p.API.Web != s.URL() {
		t.Errorf("API %+v, want %s", p.API, s.URL())
	}
	if p.Network.Config != s.ConfPath() || p.Network.Websocket != s.Gateway().WebsocketURL() {
		t.Errorf("network %+v", p.Network)
	}
	if len(p.Agree) < 3 || len(p.Cluster.Command) != 3 || p.Probe.ReleaseHeader != "x-release" {
		t.Errorf("agree %v, cluster %v, probe %+v", p.Agree, p.Cluster, p.Probe)
	}
	if len(p.Notes) > 0 {
		t.Errorf("notes %v", p.Notes)
	}
}

func TestDirectoryHoldsNoSecretForOthers(t *testing.T) {
	t.Parallel()
	s := start(t, Options{})
	want := map[string]bool{profileFile: false, confFile: true, envFile: true, tokenFile: true, readyFile: false}
	for name := range want {
		info, err := os.Stat(filepath.Join(s.Dir(), name))
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s: mode %04o", name, info.Mode().Perm())
		}
	}
	if info, err := os.Stat(s.Dir()); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("directory: %v %v, want 0700", info.Mode(), err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{readyFile, controlFile} {
		if _, err := os.Lstat(filepath.Join(s.Dir(), name)); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s is still there after Close: %v", name, err)
		}
	}
	if err := Control(t.Context(), s.Dir(), []string{"machines"}, new(bytes.Buffer)); !errors.Is(err, ErrNotRunning) {
		t.Errorf("control after Close: %v", err)
	}
}

func TestWhatThereIsIsListedWithoutAWorld(t *testing.T) {
	t.Parallel()
	s := start(t, Options{})
	for _, args := range [][]string{{"fault"}, {"fault", "list"}, {"scenario"}, {"help"}} {
		var out bytes.Buffer
		if err := Control(t.Context(), t.TempDir(), args, &out); err != nil {
			t.Fatalf("%q: %v", args, err)
		}
		if want := control(t, s, args...); out.String() != want || want == "" {
			t.Errorf("%q without a world:\n%s\nwith one:\n%s", args, out.String(), want)
		}
	}
	for _, args := range [][]string{{"fault", "api-down"}, {"clear"}, {"scenario", "calm"}, {"peers"}} {
		if err := Control(t.Context(), t.TempDir(), args, new(bytes.Buffer)); !errors.Is(err, ErrNotRunning) {
			t.Errorf("%q: %v, want ErrNotRunning", args, err)
		}
	}
}

func TestDirectoryIsHeldByOneWorld(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "sim")
	s := start(t, Options{Dir: dir})
	_, err := Start(context.Background(), Options{Dir: dir})
	var inUse ErrInUse
	if !errors.As(err, &inUse) || inUse.PID != os.Getpid() {
		t.Errorf("second start: %v, want ErrInUse with our pid", err)
	}
	if _, err := os.Stat(filepath.Join(dir, readyFile)); err != nil {
		t.Errorf("the refused start took %s away: %v", readyFile, err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	// What a killed world leaves behind: every file, and a socket that nobody listens on.
	for _, name := range []string{readyFile, controlFile} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("stale"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	again := start(t, Options{Dir: dir})
	if got := control(t, again, "scenario"); !strings.Contains(got, "blackout") {
		t.Errorf("scenarios: %q", got)
	}
}

func TestControlSocketOfALongPath(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), strings.Repeat("long", 30))
	s := start(t, Options{Dir: dir})
	to, err := os.Readlink(filepath.Join(dir, controlFile))
	if err != nil {
		t.Fatal(err)
	}
	control(t, s, "machines")
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Dir(to)); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%s is left: %v", filepath.Dir(to), err)
	}
}
