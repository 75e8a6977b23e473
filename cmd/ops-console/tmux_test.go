package main

import (
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// terminal is a real terminal that runs one program.
type terminal struct {
	t      testing.TB
	socket string
}

// openTerminal runs a command in a terminal of w×h cells, with an environment and nothing else of ours.
func openTerminal(t testing.TB, w, h int, env []string, argv ...string) *terminal {
	t.Helper()
	tm := &terminal{t: t, socket: filepath.Join(t.TempDir(), "tmux")}
	args := []string{"-f", "/dev/null", "new-session", "-d", "-x", strconv.Itoa(w), "-y", strconv.Itoa(h), "env", "-i"}
	for _, e := range env {
		if !strings.HasPrefix(e, "TERM=") {
			args = append(args, e)
		}
	}
	// tmux can miss the end of its child, so a shell says on the screen how the program ended.
	args = append(args, "TERM=screen-256color", "sh", "-c", `"$@"; echo "ended: $?"; exec cat`, "sh")
	tm.tmux(append(args, argv...)...)
	t.Cleanup(func() { _ = exec.Command("tmux", "-S", tm.socket, "kill-server").Run() })
	return tm
}

func (tm *terminal) tmux(args ...string) string {
	tm.t.Helper()
	out, err := exec.CommandContext(tm.t.Context(), "tmux", append([]string{"-S", tm.socket}, args...)...).CombinedOutput()
	if err != nil {
		tm.t.Fatalf("tmux %v: %v: %s", args, err, out)
	}
	return string(out)
}

// screen is what the terminal shows.
func (tm *terminal) screen() string { return tm.tmux("capture-pane", "-p") }

// keys types, each argument one key in tmux's spelling.
func (tm *terminal) keys(kk ...string) { tm.tmux(append([]string{"send-keys"}, kk...)...) }

// until waits for a text on the screen.
func (tm *terminal) until(limit time.Duration, text string) {
	tm.t.Helper()
	tm.when(limit, strconv.Quote(text), func(s string) bool { return strings.Contains(s, text) })
}

// when waits for a screen, and fails with the one there is.
func (tm *terminal) when(limit time.Duration, what string, ok func(screen string) bool) {
	tm.t.Helper()
	var last string
	deadline := time.Now().Add(limit)
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		if last = tm.screen(); ok(last) {
			return
		}
		if time.Now().After(deadline) {
			tm.t.Fatalf("after %s no %s on the screen:\n%s", limit, what, last)
		}
		<-tick.C
	}
}

// pid of the program.
func (tm *terminal) pid() int {
	tm.t.Helper()
	shell := strings.TrimSpace(tm.tmux("list-panes", "-F", "#{pane_pid}"))
	out, err := exec.CommandContext(tm.t.Context(), "pgrep", "-P", shell).Output()
	if err != nil {
		tm.t.Fatalf("find the child of %s: %v", shell, err)
	}
	n, err := strconv.Atoi(strings.TrimSpace(string(out)))
	if err != nil {
		tm.t.Fatal(err)
	}
	return n
}

// ended waits for the end of the program, and gives its exit status.
func (tm *terminal) ended(limit time.Duration) int {
	tm.t.Helper()
	status := -1
	tm.when(limit, "end of the program", func(screen string) bool {
		_, after, ok := strings.Cut(screen, "ended: ")
		if ok {
			status, _ = strconv.Atoi(strings.Fields(after)[0])
		}
		return ok
	})
	return status
}
