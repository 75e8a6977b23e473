package watch

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"

	"ops-console/ops/deploy"
)

func TestWhatNeedsAHumanIsAProblem(t *testing.T) {
	p := newFake(1).plan("01D")
	for name, c := range map[string]struct {
		d    Deployment
		want string
	}{
		"over":       {Deployment{Plan: p, Progress: deploy.Progress{Outcome: deploy.Deployed}}, ""},
		"running":    {Deployment{Plan: p, Here: true}, ""},
		"elsewhere":  {Deployment{Plan: p, InUse: true}, ""},
		"left":       {Deployment{Plan: p}, codeLeft},
		"halted":     {Deployment{Plan: p, Progress: deploy.Progress{Halt: deploy.HaltSchema, Reason: "why"}}, codeStill},
		"unreadable": {Deployment{Err: errors.New("line 7")}, codeUnreadable},
		"paused":     {Deployment{Plan: p, Here: true, Progress: deploy.Progress{Paused: "asked for by ana"}}, codePaused},
		"guarded":    {Deployment{Plan: p, Here: true, Progress: deploy.Progress{Paused: "5xx is 3%, over 1%", ByGuard: true}}, codeGuarded},
	} {
		got := ""
		for _, x := range problems([]Deployment{c.d}, nil) {
			got += x.Code
		}
		if got != c.want {
			t.Errorf("%s: got %q, want %q", name, got, c.want)
		}
	}
}

// TestProblemsAreDocumented keeps docs/deploy-problems.md in step with the table; UPDATE_GOLDEN rewrites it.
func TestProblemsAreDocumented(t *testing.T) {
	const path = "../../../docs/deploy-problems.md"
	var b bytes.Buffer
	b.WriteString(`# Problems of deployments

What the console's alert line and pane 7 can report of the deployments whose journals are on this machine. The codes are stable.
Critical needs a human now, warning will need one.

This file is generated from the table in ops/deploy/watch: ` + "`UPDATE_GOLDEN=1 go test ./ops/deploy/watch -run TestProblemsAreDocumented`" + `.

| code | severity | what | what to do |
|---|---|---|---|
`)
	for _, c := range Conditions() {
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", c.Code, c.Severity, c.Title, c.Hint)
	}
	if os.Getenv("UPDATE_GOLDEN") != "" {
		if err := os.WriteFile(path, b.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), b.String()); diff != "" {
		t.Errorf("docs/deploy-problems.md (-file +table):\n%s", diff)
	}
}
