package health

import (
	"bytes"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"ops-console/ops"
)

func TestConditionsAreWellFormed(t *testing.T) {
	seen := map[string]bool{}
	for _, c := range Conditions() {
		seen[c.Code] = true
	}
	if len(seen) != len(conditions) {
		t.Errorf("%d conditions with %d different codes", len(conditions), len(seen))
	}
	for _, c := range Conditions() {
		if c.Title == "" || c.Hint == "" || strings.TrimSpace(c.Title) != c.Title || strings.HasSuffix(c.Title, ".") {
			t.Errorf("%s: title %q, hint %q", c.Code, c.Title, c.Hint)
		}
		switch c.Severity {
		case ops.Critical, ops.Warning, ops.Unknown:
		default:
			t.Errorf("%s: severity %q", c.Code, c.Severity)
		}
		for _, d := range c.DependsOn {
			if !seen[d] || d == c.Code {
				t.Errorf("%s depends on %s", c.Code, d)
			}
		}
	}
}

// TestProblemsAreDocumented keeps docs/problems.md in step with the table; UPDATE_GOLDEN rewrites it.
func TestProblemsAreDocumented(t *testing.T) {
	const path = "../../docs/problems.md"
	var b bytes.Buffer
	b.WriteString(`# Problems

What ` + "`ops-console status`" + ` and the Overview can report. The codes are stable. Critical needs a human now, warning will need
one; unknown is not a fault of the app but of what can be found out about it. A problem is shown when it has held for
as long as its third column says, and not while one of those in the last column explains it.

This file is generated from the table in ops/health: ` + "`UPDATE_GOLDEN=1 go test ./ops/health -run TestProblemsAreDocumented`" + `.

| code | severity | shown after | what | what to do | explained by |
|---|---|---|---|---|---|
`)
	for _, c := range Conditions() {
		after := "at once"
		if c.After > 0 {
			after = c.After.String()
		}
		var by []string
		for _, d := range c.DependsOn {
			by = append(by, "`"+d+"`")
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s | %s | %s |\n", c.Code, c.Severity, after, c.Title, c.Hint, strings.Join(by, ", "))
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
		t.Errorf("docs/problems.md (-file +table):\n%s", diff)
	}
}
