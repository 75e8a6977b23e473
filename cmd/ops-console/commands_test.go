package main

import (
	"bufio"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"ops-console/ops/health"
)

func TestCommandsThatOnlyPrint(t *testing.T) {
	env := sandbox(t)
	for _, tc := range []struct {
		args []string
		want string
	}{
		{[]string{"version"}, "golang.zx2c4.com/wireguard"},
		{[]string{"--version"}, "ops-console "},
		{[]string{"man"}, ".SH EXIT STATUS"},
		{[]string{"completion", "bash"}, "__start_ops-console"},
		{[]string{"completion", "fish"}, "complete -c ops-console"},
		{[]string{"__complete", "sim", "--scenario", ""}, "blackout"},
		{[]string{"__complete", "status", "--format", ""}, "json"},
		{[]string{"--help"}, "Exit status"},
	} {
		r := run(t, env, program, tc.args...)
		if r.status != 0 || !strings.Contains(r.stdout, tc.want) {
			t.Errorf("%v: status %d, no %q in\n%s%s", tc.args, r.status, tc.want, r.stdout, r.stderr)
		}
	}
}

func TestStatusWatchPrintsWhatChanges(t *testing.T) {
	t.Parallel()
	s := startSim(t, "--scenario", "calm")
	c := exec.CommandContext(t.Context(), program, s.args("status", "--watch", "--format", "json")...)
	c.Env = sandbox(t)
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	snapshots := make(chan health.Snapshot)
	go func() {
		defer close(snapshots)
		for d := json.NewDecoder(bufio.NewReader(out)); ; {
			var snapshot health.Snapshot
			if d.Decode(&snapshot) != nil {
				return
			}
			snapshots <- snapshot
		}
	}()
	next := func(what string, ok func(health.Snapshot) bool) {
		t.Helper()
		limit := time.After(40 * time.Second)
		for {
			select {
			case snapshot, open := <-snapshots:
				if !open {
					t.Fatalf("the output ended before %s", what)
				}
				if ok(snapshot) {
					return
				}
			case <-limit:
				t.Fatalf("no snapshot with %s", what)
			}
		}
	}
	next("health", func(s health.Snapshot) bool { return s.Verdict == health.Healthy })
	s.control(t, "fault", "list-empty")
	next("a list that nothing confirms", func(s health.Snapshot) bool {
		return codes(s)["platform.list_unconfirmed"] && len(s.Instances) > 0
	})
	s.control(t, "clear")
	next("health again", func(s health.Snapshot) bool { return s.Verdict == health.Healthy })
	if err := c.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	for range snapshots { // to the end, so that Wait may close the pipe
	}
	if err := c.Wait(); err != nil {
		t.Errorf("interrupted while all was well: %v, want status 0", err)
	}
}

func TestASimulatedWorldHasItsDirectoryAlone(t *testing.T) {
	s := startSim(t, "--scenario", "calm")
	r := run(t, sandbox(t), program, "sim", "--dir", s.dir)
	if r.status != 2 || !strings.Contains(r.stderr, strconv.Itoa(s.cmd.Process.Pid)) {
		t.Errorf("a second world in the directory: status %d, %q, want 2 and the pid of the first", r.status, r.stderr)
	}
	st, err := os.Stat(filepath.Join(s.dir, "wg.conf"))
	if err != nil || st.Mode().Perm() != 0o600 {
		t.Errorf("wg.conf: %v, %v, want 0600", st.Mode(), err)
	}
}
