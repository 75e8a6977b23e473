package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"ops-console/ops/health"
)

// program is the built command, made once for all end-to-end tests.
var program string

// programEnv hands it to tests that run again in a network namespace.
const programEnv = "OPS_CONSOLE_TEST_PROGRAM"

func TestMain(m *testing.M) {
	// What tests wait for is worlds in processes of their own: more of them than there are cores go on at once.
	if err := flag.Set("test.parallel", strconv.Itoa(max(5, runtime.GOMAXPROCS(0)))); err != nil {
		panic(err)
	}
	if program = os.Getenv(programEnv); program != "" {
		os.Exit(m.Run())
	}
	dir, err := os.MkdirTemp("", "ops-console-e2e-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	program = filepath.Join(dir, "ops-console")
	build := exec.Command("go", "build", "-o", program, ".")
	build.Stderr = os.Stderr
	status := 1
	if err := build.Run(); err == nil {
		os.Setenv(programEnv, program)
		status = m.Run()
	}
	os.RemoveAll(dir)
	os.Exit(status)
}

// until waits for a condition of the world outside the test, which has no channel to wait on.
func until(t testing.TB, limit time.Duration, what string, ok func() bool) {
	t.Helper()
	deadline, tick := time.After(limit), time.NewTicker(20*time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-deadline:
			t.Fatalf("after %s still waiting for %s", limit, what)
		case <-tick.C:
		}
	}
}

// sandbox is the environment of a user who has nothing configured.
func sandbox(t testing.TB) []string {
	t.Helper()
	home := t.TempDir()
	run := filepath.Join(home, "run")
	if err := os.Mkdir(run, 0o700); err != nil {
		t.Fatal(err)
	}
	return []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + home, "XDG_RUNTIME_DIR=" + run, "LANG=C.UTF-8", "TERM=xterm-256color",
		"XDG_CONFIG_HOME=" + filepath.Join(home, "config"), "XDG_STATE_HOME=" + filepath.Join(home, "state"),
	}
}

// sim is a simulated world in a process of its own.
type sim struct {
	dir string
	cmd *exec.Cmd
}

// startSim starts a world, without a database unless the arguments say otherwise.
func startSim(t testing.TB, args ...string) *sim {
	t.Helper()
	s := &sim{dir: filepath.Join(t.TempDir(), "sim")}
	s.cmd = exec.Command(program, append([]string{"sim", "--dir", s.dir, "--database", "off"}, args...)...)
	s.cmd.Env = sandbox(t)
	var stderr bytes.Buffer
	s.cmd.Stderr = &stderr
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- s.cmd.Wait() }()
	t.Cleanup(func() {
		_ = s.cmd.Process.Signal(syscall.SIGCONT)
		_ = s.cmd.Process.Signal(syscall.SIGTERM)
		select {
		case err := <-ended:
			if err != nil {
				t.Errorf("the simulated world ended with %v: %s", err, stderr.String())
			}
		case <-time.After(30 * time.Second):
			_ = s.cmd.Process.Kill()
			t.Error("the simulated world did not end on SIGTERM")
		}
	})
	until(t, time.Minute, "the simulated world to be ready", func() bool {
		select {
		case err := <-ended:
			t.Fatalf("the simulated world ended: %v: %s", err, stderr.String())
		default:
		}
		_, err := os.Stat(filepath.Join(s.dir, "ready"))
		return err == nil
	})
	return s
}

// control runs one of the simulator's own commands: fault, clear, …
func (s *sim) control(t testing.TB, args ...string) {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), program, append([]string{"sim", "--dir", s.dir}, args...)...).CombinedOutput()
	if err != nil {
		t.Fatalf("sim %v: %v: %s", args, err, out)
	}
}

// args are the flags that point a command at the world.
func (s *sim) args(more ...string) []string {
	return append([]string{"--config", filepath.Join(s.dir, "profile.toml"), "--app", "changelog"}, more...)
}

// result is how a command ended.
type result struct {
	status         int
	stdout, stderr string
}

func run(t testing.TB, env []string, name string, args ...string) result {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	c := exec.CommandContext(ctx, name, args...)
	c.Env = env
	var out, errs bytes.Buffer
	c.Stdout, c.Stderr = &out, &errs
	err := c.Run()
	var ee *exec.ExitError
	if err != nil && !errors.As(err, &ee) {
		t.Fatalf("%s %v: %v", name, args, err)
	}
	return result{c.ProcessState.ExitCode(), out.String(), errs.String()}
}

func status(t testing.TB, s *sim) (health.Snapshot, result) {
	t.Helper()
	r := run(t, sandbox(t), program, s.args("status", "--format", "json")...)
	return decode(t, r), r
}

func decode(t testing.TB, r result) health.Snapshot {
	t.Helper()
	var snapshot health.Snapshot
	if err := json.NewDecoder(strings.NewReader(r.stdout)).Decode(&snapshot); err != nil && !errors.Is(err, io.EOF) {
		t.Fatalf("status printed no JSON: %v\n%s%s", err, r.stdout, r.stderr)
	}
	return snapshot
}

func codes(s health.Snapshot) map[string]bool {
	m := map[string]bool{}
	for _, p := range s.Problems {
		m[p.Code] = true
	}
	return m
}

func TestStatusSaysAllIsWell(t *testing.T) {
	snapshot, r := status(t, startSim(t, "--scenario", "calm"))
	if r.status != 0 || snapshot.Verdict != health.Healthy {
		t.Errorf("exit status %d, verdict %s, problems %v, want 0 and healthy: %s", r.status, snapshot.Verdict, snapshot.Problems, r.stderr)
	}
	if len(snapshot.Agreement) == 0 {
		t.Error("no path was compared")
	}
	for _, a := range snapshot.Agreement {
		if !a.Agree {
			t.Errorf("%s: the instances disagree: %+v", a.Path, a.Groups)
		}
	}
}

func TestStatusNamesWhatIsWrong(t *testing.T) {
	t.Parallel()
	snapshot, r := status(t, startSim(t, "--scenario", "incident"))
	if r.status != 1 {
		t.Errorf("exit status %d, want 1: %s", r.status, r.stderr)
	}
	if len(snapshot.Regions) < 4 {
		t.Errorf("%d regions, want at least four", len(snapshot.Regions))
	}
	got := codes(snapshot)
	for _, code := range []string{"instance.check_failing", "instance.crash_loop", "instance.host_unreachable", "content.disagrees", "release.mixed"} {
		if !got[code] {
			t.Errorf("%s is not among the problems %v", code, got)
		}
	}
	probed := 0
	for _, i := range snapshot.Instances {
		if i.ID == "" || i.Region == "" || i.State == "" {
			t.Errorf("an instance without identity or state: %+v", i)
		}
		if i.Probe.State == health.ProbeOK && i.Probe.Latency > 0 {
			probed++
		}
	}
	if probed == 0 {
		t.Error("no instance answered a probe")
	}
}

func TestStatusInABlackoutKnowsWhatTheNetworkKnows(t *testing.T) {
	t.Parallel()
	snapshot, r := status(t, startSim(t, "--scenario", "blackout"))
	if r.status != 3 || snapshot.Sources.Platform.OK {
		t.Errorf("exit status %d, platform %+v, want 3 and not ok: %s", r.status, snapshot.Sources.Platform, r.stderr)
	}
	answered := 0
	for _, i := range snapshot.Instances {
		if i.Probe.State == health.ProbeOK {
			answered++
		}
		if i.State != "" {
			t.Errorf("%s: state %q, want unknown", i.ID, i.State)
		}
	}
	if answered == 0 {
		t.Error("no instance answered a probe")
	}
}

func TestUsageErrorsAreOneLineAndStatus2(t *testing.T) {
	env := sandbox(t)
	for _, args := range [][]string{
		{"status"},
		{"status", "--app", "Not A Name"},
		{"status", "--nonsense"},
		{"--app", "x", "--config", "/nonexistent.toml", "status"},
		{"sim"},
		{"wg", "leave", "--org", "example", "--yes"},
	} {
		r := run(t, env, program, args...)
		if r.status != 2 || strings.Count(r.stderr, "\n") != 1 || r.stdout != "" {
			t.Errorf("%v: status %d, stdout %q, stderr %q, want 2, nothing and one line", args, r.status, r.stdout, r.stderr)
		}
	}
}
