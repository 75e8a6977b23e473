package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/creack/pty"
)

// logLine is what docs/logs.md says of a line.
type logLine struct {
	Time                                            time.Time
	Region, Machine, Host, Provider, Level, Message string
}

func logLines(t *testing.T, out string) []logLine {
	t.Helper()
	var ll []logLine
	for d := json.NewDecoder(strings.NewReader(out)); ; {
		var l logLine
		switch err := d.Decode(&l); err {
		case nil:
			ll = append(ll, l)
		case io.EOF:
			return ll
		default:
			t.Fatalf("%v in %s", err, out)
		}
	}
}

func TestLogs(t *testing.T) {
	t.Parallel()
	s := startSim(t, "--scenario", "restarts")
	env := sandbox(t)
	logs := func(args ...string) result {
		return run(t, env, program, s.args(append([]string{"logs"}, args...)...)...)
	}

	all := logLines(t, logs("--since", "3m", "--format", "json").stdout)
	if len(all) < 200 {
		t.Fatalf("%d lines in three minutes", len(all))
	}
	for i := 1; i < len(all); i++ {
		if all[i].Time.Before(all[i-1].Time) {
			t.Errorf("line %d of %s is after one of %s", i, all[i].Time, all[i-1].Time)
		}
	}
	if n := len(logLines(t, logs("--format", "json").stdout)); n != 100 {
		t.Errorf("%d lines without --since, want 100", n)
	}
	for _, tc := range []struct {
		args []string
		ok   func(logLine) bool
	}{
		{[]string{"--level", "error"}, func(l logLine) bool { return l.Level == "error" }},
		{[]string{"--region", "fra"}, func(l logLine) bool { return l.Region == "fra" }},
		{[]string{"--provider", "runner"}, func(l logLine) bool { return l.Provider == "runner" }},
		{[]string{"--grep", "oom KILLED"}, func(logLine) bool { return false }},
		{[]string{"--grep", "oom killed"}, func(l logLine) bool { return strings.Contains(l.Message, "OOM killed") }},
		{[]string{"--machine", all[len(all)-1].Machine}, func(l logLine) bool { return l.Machine == all[len(all)-1].Machine }},
		{[]string{"--machine", all[len(all)-1].Machine[:6]}, func(l logLine) bool { return strings.HasPrefix(l.Machine, all[len(all)-1].Machine[:6]) }},
	} {
		r := logs(append(tc.args, "--since", "3m", "--format", "json", "--limit", "7")...)
		ll := logLines(t, r.stdout)
		if r.status != 0 || len(ll) > 7 || len(ll) == 0 && tc.args[1] != "oom KILLED" {
			t.Errorf("%v: status %d, %d lines\n%s", tc.args, r.status, len(ll), r.stderr)
		}
		for _, l := range ll {
			if !tc.ok(l) {
				t.Errorf("%v: %+v", tc.args, l)
			}
		}
	}

	text := logs("--limit", "3")
	if n := strings.Count(text.stdout, "\n"); text.status != 0 || n != 3 || strings.Contains(text.stdout, "\x1b") {
		t.Errorf("status %d, %d lines\n%q", text.status, n, text.stdout)
	}
	for _, args := range [][]string{{"--level", "loud"}, {"--grep", "("}, {"--format", "xml"}, {"--limit", "-1"}, {"--since", "-1h"}, {"more"}} {
		if r := logs(args...); r.status != 2 || r.stdout != "" || r.stderr == "" {
			t.Errorf("%v: status %d, %q", args, r.status, r.stderr)
		}
	}

	t.Run("follow", func(t *testing.T) { followLogs(t, s, env) })
	t.Run("pipe", func(t *testing.T) {
		c := exec.CommandContext(t.Context(), program, s.args("logs", "--follow")...)
		c.Env = env
		out, err := c.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		var errs bytes.Buffer
		c.Stderr = &errs
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		if _, err := bufio.NewReader(out).ReadString('\n'); err != nil {
			t.Fatal(err)
		}
		out.Close()
		if err := c.Wait(); err != nil || strings.Contains(errs.String(), "pipe") {
			t.Errorf("it ended with %v: %s", err, errs.String())
		}
	})
	t.Run("colour", func(t *testing.T) {
		for want, extra := range map[bool][]string{true: nil, false: {"NO_COLOR=1"}} {
			c := exec.CommandContext(t.Context(), program, s.args("logs", "--limit", "5")...)
			c.Env = append(env[:len(env):len(env)], extra...)
			f, err := pty.StartWithSize(c, &pty.Winsize{Rows: 24, Cols: 120})
			if err != nil {
				t.Fatal(err)
			}
			out, _ := io.ReadAll(f) // ends with an error of the terminal where the process is gone
			f.Close()
			if err := c.Wait(); err != nil {
				t.Fatal(err)
			}
			if got := bytes.Contains(out, []byte("\x1b[")); got != want {
				t.Errorf("%v: colour %t, want %t\n%q", extra, got, want, out)
			}
		}
	})
	s.control(t, "fault", "log-history-down")
	if r := logs(); r.status != 3 || r.stdout != "" || !strings.Contains(r.stderr, "503") {
		t.Errorf("status %d, %q", r.status, r.stderr)
	}
	if err := os.WriteFile(filepath.Join(s.dir, "token"), []byte("fo1_somethingelse\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	s.control(t, "clear")
	for _, args := range [][]string{nil, {"--follow"}} {
		if r := logs(args...); r.status != 3 || strings.Contains(r.stderr, "somethingelse") || !strings.Contains(r.stderr, "fly auth login") {
			t.Errorf("%v with a token that is not accepted: status %d, %q", args, r.status, r.stderr)
		}
	}
}

// followLogs follows what comes live, while the stream goes away and comes back, until the interrupt.
func followLogs(t *testing.T, s *sim, env []string) {
	c := exec.CommandContext(t.Context(), program, s.args("logs", "--follow", "--format", "json")...)
	c.Env = env
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	notes, err := c.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	said := make(chan string, 100)
	go func() {
		defer close(said)
		for sc := bufio.NewScanner(notes); sc.Scan(); {
			said <- sc.Text()
		}
	}()
	lines := make(chan logLine, 100_000)
	go func() {
		defer close(lines)
		for d := json.NewDecoder(out); ; {
			var l logLine
			if d.Decode(&l) != nil {
				return
			}
			lines <- l
		}
	}()
	note := func(want string) {
		t.Helper()
		limit := time.After(40 * time.Second)
		for {
			select {
			case got, open := <-said:
				if !open {
					t.Fatalf("it ended before it said %q", want)
				}
				if strings.Contains(got, want) {
					return
				}
			case <-limit:
				t.Fatalf("it does not say %q", want)
			}
		}
	}
	note("lines come live")
	s.control(t, "fault", "log-stream-down")
	note("lines are polled")
	s.control(t, "clear", "log-stream-down")
	note("lines come live")
	if err := c.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	n := 0
	for l := range lines {
		if n++; l.Message == "" && l.Provider == "" {
			t.Errorf("%+v", l)
		}
	}
	if n < 100 {
		t.Errorf("%d lines", n)
	}
	for range said {
		continue
	}
	if err := c.Wait(); err != nil {
		t.Errorf("after the interrupt it ended with %v (%v)", err, c.ProcessState.Sys().(syscall.WaitStatus))
	}
}
