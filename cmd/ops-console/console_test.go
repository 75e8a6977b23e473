package main

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// openOn runs the console on a world in a terminal, as one user: consoles of one test share a runtime directory.
func openOn(t testing.TB, s *sim, w, h int, env []string, more ...string) *terminal {
	t.Helper()
	tm := openTerminal(t, w, h, env, append([]string{program}, s.args(more...)...)...)
	tm.until(30*time.Second, "◆")
	return tm
}

// quit presses q and waits for a clean end.
func (tm *terminal) quit() {
	tm.t.Helper()
	tm.keys("q")
	if status := tm.ended(30 * time.Second); status != 0 {
		tm.t.Errorf("the console ended with status %d:\n%s", status, tm.screen())
	}
}

func TestConsoleShowsTheIncident(t *testing.T) {
	t.Parallel()
	s := startSim(t, "--scenario", "incident")
	for _, size := range []struct{ w, h int }{{120, 40}, {80, 24}, {60, 15}} {
		tm := openOn(t, s, size.w, size.h, sandbox(t))
		tm.until(30*time.Second, "crash loop")
		tm.keys("2")
		tm.until(30*time.Second, "INSTANCES")
		tm.keys("Enter")
		tm.until(30*time.Second, "more lines")
		tm.keys("Escape")
		tm.when(30*time.Second, "table without a detail", func(s string) bool { return !strings.Contains(s, "more lines") })
		tm.keys("l")
		tm.until(30*time.Second, "● live")
		tm.keys("Escape")
		tm.until(30*time.Second, "INSTANCES")
		tm.keys("?")
		tm.until(30*time.Second, "to search")
		tm.keys("Escape")
		tm.when(30*time.Second, "table without help", func(s string) bool { return !strings.Contains(s, "to search") })
		tm.keys("1")
		tm.until(30*time.Second, "ATTENTION")
		tm.quit()
	}
}

func TestTwoConsolesRecoverFromAFrozenGateway(t *testing.T) {
	t.Parallel()
	s := startSim(t, "--scenario", "calm")
	env := sandbox(t)
	a, b := openOn(t, s, 120, 40, env), openOn(t, s, 120, 40, env)
	well := func(screen string) bool {
		return strings.Contains(screen, "are well") && strings.Contains(screen, "wg ●")
	}
	a.when(30*time.Second, "healthy world", well)
	b.when(30*time.Second, "healthy world", well)
	if err := s.cmd.Process.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	silent := func(screen string) bool {
		return !strings.Contains(screen, "wg ●") && !strings.Contains(screen, "are well")
	}
	a.when(30*time.Second, "silent network", silent)
	b.when(30*time.Second, "silent network", silent)
	if err := s.cmd.Process.Signal(syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	a.when(60*time.Second, "healthy world again", well)
	b.when(60*time.Second, "healthy world again", well)
	a.quit() // the other one has to take the key over
	b.when(30*time.Second, "healthy world alone", func(screen string) bool {
		return well(screen) && strings.Contains(screen, "user-mode")
	})
	b.quit()
}

func TestKilledConsoleLeavesNothingTheNextTripsOver(t *testing.T) {
	t.Parallel()
	s := startSim(t, "--scenario", "calm")
	env := sandbox(t)
	tm := openOn(t, s, 120, 40, env)
	tm.until(30*time.Second, "are well")
	if err := syscall.Kill(tm.pid(), syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	tm.ended(30 * time.Second)
	again := openOn(t, s, 120, 40, env)
	again.until(30*time.Second, "are well")
	again.quit()
}

func TestWithoutATerminalTheConsoleSaysWhatElseThereIs(t *testing.T) {
	s := startSim(t, "--scenario", "calm")
	r := run(t, sandbox(t), program, s.args()...)
	if r.status != 2 || !strings.Contains(r.stderr, "ops-console status") {
		t.Errorf("status %d, stderr %q, want 2 and a hint at the status command", r.status, r.stderr)
	}
}

// What an instance serves must not be reachable but through the tunnel.
func TestInstancesListenOnlyInsideTheNetwork(t *testing.T) {
	s := startSim(t, "--scenario", "calm")
	fds, err := os.ReadDir(filepath.Join("/proc", strconv.Itoa(s.cmd.Process.Pid), "fd"))
	if err != nil {
		t.Skip("no /proc here: the sockets of a process cannot be counted")
	}
	mine := map[string]bool{}
	for _, fd := range fds {
		if l, err := os.Readlink(filepath.Join("/proc", strconv.Itoa(s.cmd.Process.Pid), "fd", fd.Name())); err == nil {
			mine[strings.Trim(strings.TrimPrefix(l, "socket:"), "[]")] = true
		}
	}
	listening := 0
	for _, table := range []string{"/proc/net/tcp", "/proc/net/tcp6"} {
		b, err := os.ReadFile(table)
		if err != nil {
			continue
		}
		for _, line := range strings.Split(string(b), "\n")[1:] {
			f := strings.Fields(line)
			if len(f) > 9 && f[3] == "0A" && mine[f[9]] {
				listening++
			}
		}
	}
	// The platform's API and the gateway's websocket.
	if listening != 2 {
		t.Errorf("%d TCP listeners on this machine's addresses, want the API and the websocket gateway", listening)
	}
	r := run(t, sandbox(t), program, s.args("wg", "status", "--format", "json")...)
	if r.status != 0 {
		t.Errorf("wg status: %d %s", r.status, r.stderr)
	}
}
