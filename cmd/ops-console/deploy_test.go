package main

import (
	"bufio"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"ops-console/ops/deploy"
)

// deployArgs are for a fleet whose machines boot in a second.
func deployArgs(s *sim, image string, more ...string) []string {
	return append(s.args("deploy", "--image", "registry.fly.io/changelog:deployment-"+image, "--yes", "--format", "json",
		"--soak", "1ms", "--stable", "1ms", "--grace", "1s", "--no-preflight", "--no-backup", "--no-release-command"), more...)
}

// newestReleases is the newest releases, newest first, as "status image machines".
func newestReleases(t *testing.T, s *sim, env []string) []string {
	t.Helper()
	r := run(t, env, program, s.args("releases", "--format", "json", "--limit", "3")...)
	var v struct {
		Releases []struct {
			Status, Image string
			Machines      int
		}
		Unfinished []string
	}
	if err := json.Unmarshal([]byte(r.stdout), &v); err != nil || r.status != 0 {
		t.Fatalf("releases: %v: %s%s", err, r.stdout, r.stderr)
	}
	var out []string
	for _, x := range v.Releases {
		on := "none"
		if x.Machines > 0 {
			on = "some"
		}
		out = append(out, x.Status+" "+strings.TrimPrefix(x.Image, "registry.fly.io/changelog:deployment-")+" "+on)
	}
	for _, u := range v.Unfinished {
		out = append(out, "unfinished "+u)
	}
	return out
}

// killedDeployment is one whose process was killed after the first machine was changed.
func killedDeployment(t *testing.T, env, args []string) (id string) {
	t.Helper()
	c := exec.CommandContext(t.Context(), program, args...)
	c.Env = env
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	for lines := bufio.NewScanner(out); lines.Scan(); {
		var e deploy.Event
		if err := json.Unmarshal(lines.Bytes(), &e); err != nil {
			t.Fatalf("%v: %s", err, lines.Text())
		}
		if id = e.Deploy; e.Kind == deploy.EventDone && e.Step == "update" {
			break
		}
	}
	_ = c.Process.Kill()
	if err := c.Wait(); err == nil {
		t.Fatal("it was not killed")
	}
	return id
}

func TestADeploymentIsKilledAndResumed(t *testing.T) {
	t.Parallel()
	s := startSim(t, "--scenario", "calm", "--regions", "1", "--instances", "2")
	env := sandbox(t)
	args := deployArgs(s, "42")
	id := killedDeployment(t, env, args)
	if r := run(t, env, program, args...); r.status != 1 || !strings.Contains(r.stderr, "deployment "+id+" has not ended") {
		t.Errorf("another deployment: %d, %s", r.status, r.stderr)
	}
	if got := newestReleases(t, s, env); !strings.HasPrefix(got[0], "running 42") || got[len(got)-1] != "unfinished "+id {
		t.Errorf("got %q", got)
	}
	// A colleague has no journal, and is told whose deployment it is.
	if r := run(t, sandbox(t), program, append(args, "--plan")...); r.status != 0 || !strings.Contains(r.stdout, "deployment "+id+" of ") {
		t.Errorf("a colleague's plan: %d: %s%s", r.status, r.stdout, r.stderr)
	}
	// Its leases last for some time still; what it kept of them goes on at once.
	begun := time.Now()
	if r := run(t, env, program, s.args("resume", "--yes")...); r.status != 0 || !strings.Contains(r.stdout, "it was cut off while rolling") {
		t.Fatalf("resume: %d: %s%s", r.status, r.stdout, r.stderr)
	}
	if took := time.Since(begun); took > 40*time.Second {
		t.Errorf("it took %s: it has waited for its own leases", took)
	}
	if got := newestReleases(t, s, env); got[0] != "complete 42 some" || strings.Contains(got[1], "some") || strings.HasPrefix(got[len(got)-1], "unfinished") {
		t.Errorf("got %q", got)
	}
	if r := run(t, env, program, s.args("resume", "--yes")...); r.status != 2 || !strings.Contains(r.stderr, "nothing to go on with") {
		t.Errorf("resume again: %d, %s", r.status, r.stderr)
	}
	// A disk that was full can have left a journal without a word in it.
	for _, e := range env {
		state, ok := strings.CutPrefix(e, "XDG_STATE_HOME=")
		if !ok {
			continue
		}
		journals, err := filepath.Glob(filepath.Join(state, "ops-console", "deploys", "*", "*.jsonl"))
		if err != nil || len(journals) != 1 {
			t.Fatalf("journals: %v, %v", journals, err)
		}
		if err := os.WriteFile(filepath.Join(filepath.Dir(journals[0]), "01JEMPTY.jsonl"), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, args := range [][]string{args, s.args("resume", "--yes")} {
		if r := run(t, env, program, args...); r.status != 3 || !strings.Contains(r.stderr, "put it aside: mv ") {
			t.Errorf("beside an empty journal: %d, %s", r.status, r.stderr)
		}
	}
}

// A colleague has no journal: what the platform shows is enough, once nobody holds the machines.
func TestADeploymentIsKilledAndTakenOver(t *testing.T) {
	t.Parallel()
	s := startSim(t, "--scenario", "calm", "--regions", "1", "--instances", "2")
	first, colleague := sandbox(t), sandbox(t)
	id := killedDeployment(t, first, deployArgs(s, "42"))
	if r := run(t, colleague, program, s.args("resume", "--yes")...); r.status != 1 || !strings.Contains(r.stderr, "cannot be taken over: machine ") || !strings.Contains(r.stderr, "is held by ops-console deploy "+id) {
		t.Errorf("while its leases last: %d: %s%s", r.status, r.stdout, r.stderr)
	}
	if r := run(t, colleague, program, s.args("releases")...); !strings.Contains(r.stdout, "its journal is not here") {
		t.Errorf("releases: %s%s", r.stdout, r.stderr)
	}
	// They lapse by themselves; nobody waits for that here.
	s.control(t, "fault", "lease-held", "all")
	s.control(t, "clear", "lease-held")
	if r := run(t, colleague, program, s.args("resume", "01NONE", "--yes")...); r.status != 2 || !strings.Contains(r.stderr, "no unfinished deployment is called 01NONE") {
		t.Errorf("another one: %d: %s%s", r.status, r.stdout, r.stderr)
	}
	r := run(t, colleague, program, s.args("abort", "--yes", "--format", "json")...)
	if r.status != 1 || !strings.Contains(r.stderr, "rolled_back: asked for by ") || !strings.Contains(r.stdout, `"step":"take over"`) {
		t.Fatalf("taking it back: %d: %s%s", r.status, r.stdout, r.stderr)
	}
	if got := newestReleases(t, s, colleague); got[0] != "failed 42 none" || !strings.HasSuffix(got[1], "some") {
		t.Errorf("got %q", got)
	}
	if audited := run(t, colleague, program, s.args("audit")...); !strings.Contains(audited.stdout, "deploy take over") {
		t.Errorf("the audit does not know of it: %s%s", audited.stdout, audited.stderr)
	}
	// Whoever began it is told, and can do nothing but let it be.
	if r := run(t, first, program, s.args("resume", "--yes")...); r.status != 1 || !strings.Contains(r.stderr, "lost_lease: ") {
		t.Errorf("the first console: %d: %s%s", r.status, r.stdout, r.stderr)
	}
	if r := run(t, first, program, s.args("resume", "--choose", "abandon", "--yes")...); r.status != 1 || !strings.Contains(r.stderr, "abandoned") {
		t.Errorf("leaving it: %d: %s%s", r.status, r.stdout, r.stderr)
	}
	if got := newestReleases(t, s, first); got[0] != "failed 42 none" || strings.HasPrefix(got[len(got)-1], "unfinished") {
		t.Errorf("got %q", got)
	}
}

func TestABadImageGoesBackByItself(t *testing.T) {
	t.Parallel()
	s := startSim(t, "--scenario", "calm", "--regions", "1", "--instances", "2")
	env := sandbox(t)
	if r := run(t, env, program, s.args("deploy", "--image", "registry.fly.io/changelog:", "--plan")...); r.status != 2 || !strings.Contains(r.stderr, "no tag") {
		t.Errorf("an image without its tag: %d\n%s", r.status, r.stderr)
	}
	begun := time.Now()
	// Whoever reads what it prints ends after the first line, and it goes on.
	r := run(t, env, "sh", append([]string{"-c", `{ "$0" "$@"; echo "status $?" >&2; } | head -1`, program}, deployArgs(s, "42-crash")...)...)
	if !strings.Contains(r.stderr, "status 1\n") || !strings.Contains(r.stderr, "rolled_back: machine ") || !strings.Contains(r.stderr, "its process ended with 1") {
		t.Fatalf("after %s: %d: %s%s", time.Since(begun), r.status, r.stdout, r.stderr)
	}
	if got := newestReleases(t, s, env); got[0] != "failed 42-crash none" || !strings.HasSuffix(got[1], "some") {
		t.Errorf("got %q", got)
	}
	if audited := run(t, env, program, s.args("audit")...); !strings.Contains(audited.stdout, "deploy") {
		t.Errorf("the audit does not know of it: %s%s", audited.stdout, audited.stderr)
	}
}

// What the demo shows at first is unwell in many ways, and none of them stands in the way of what it is to show then.
func TestADeploymentMendsTheDemo(t *testing.T) {
	t.Parallel()
	s := startSim(t, "--scenario", "ailing", "--regions", "2", "--instances", "10")
	env := sandbox(t)
	before, r := status(t, s)
	for _, code := range []string{"instance.check_failing", "instance.crash_loop", "content.disagrees"} {
		if !codes(before)[code] {
			t.Errorf("%s is not among the problems %v: %s", code, codes(before), r.stderr)
		}
	}
	if r := run(t, env, program, deployArgs(s, "v42")...); r.status != 0 {
		t.Fatalf("deploy: %d: %s%s", r.status, r.stdout, r.stderr)
	}
	until(t, time.Minute, "all to be well", func() bool {
		after, _ := status(t, s)
		for code := range codes(after) {
			if code != "instance.oom" { // it was, in the last hour
				return false
			}
		}
		return len(after.Agreement) > 0
	})
	if r := run(t, env, program, s.args("rollback", "--yes", "--stable", "1ms", "--grace", "1s")...); r.status != 0 {
		t.Errorf("rollback: %d: %s%s", r.status, r.stdout, r.stderr)
	}
}

// The platform answers well to the request that makes the first machine, and nothing comes of it.
func TestScaleUpFromZeroAndDownAgain(t *testing.T) {
	t.Parallel()
	s := startSim(t, "--scenario", "calm", "--regions", "1", "--instances", "1")
	env := sandbox(t)
	count := func() (n int) {
		snapshot, _ := status(t, s)
		for _, i := range snapshot.Instances {
			if i.ProcessGroup == "app" {
				n++
			}
		}
		return n
	}
	if r := run(t, env, program, s.args("scale", "--region", "ord=0", "--yes")...); r.status != 2 || !strings.Contains(r.stderr, "--allow-empty") {
		t.Errorf("the last machine of a region: %d: %s%s", r.status, r.stdout, r.stderr)
	}
	if r := run(t, env, program, s.args("scale", "--region", "ord=0", "--allow-empty", "--drain", "1ms", "--yes")...); r.status != 0 || count() != 0 {
		t.Fatalf("down: %d: %s%s", r.status, r.stdout, r.stderr)
	}
	s.control(t, "fault", "create-ignored", "n=1")
	r := run(t, env, program, s.args("scale", "--region", "ord=2", "--settle", "1s", "--yes")...)
	if r.status != 0 || !strings.Contains(r.stdout, "missing") || count() != 2 {
		t.Fatalf("up: %d, %d machines: %s%s", r.status, count(), r.stdout, r.stderr)
	}
}
