package replication

import (
	"bytes"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

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
		if c.Title == "" || c.Hint == "" || strings.TrimSpace(c.Title) != c.Title || strings.HasSuffix(c.Title, ".") || !strings.HasPrefix(c.Code, "replication.") {
			t.Errorf("%s: title %q, hint %q", c.Code, c.Title, c.Hint)
		}
		for _, d := range c.DependsOn {
			if !seen[d] || d == c.Code {
				t.Errorf("%s depends on %s", c.Code, d)
			}
		}
	}
}

func TestRulesAndChecksHaveOneOrder(t *testing.T) {
	rr := Rules()
	for i, c := range checks {
		if rr[i].State != c.state {
			t.Errorf("check %d is for %s, rule for %s", i, c.state, rr[i].State)
		}
	}
	if len(rr) != len(checks)+1 || rr[len(checks)].State != StateUnknown {
		t.Errorf("%d rules, %d checks", len(rr), len(checks))
	}
	for _, r := range rr {
		if r.What == "" || r.Within < r.Holds+time.Duration(r.Readings)*time.Second {
			t.Errorf("%s: %d readings and %s take longer than %s", r.State, r.Readings, r.Holds, r.Within)
		}
	}
}

// TestDocumentation keeps docs/replication-problems.md in step with the tables; UPDATE_GOLDEN rewrites it.
func TestDocumentation(t *testing.T) {
	const path = "../../docs/replication-problems.md"
	var b bytes.Buffer
	b.WriteString(`# States of replication, and its problems

What pane 3 and ` + "`ops-console replication`" + ` tell of nodes, and what they report. Codes and states are stable. This file is
generated: ` + "`UPDATE_GOLDEN=1 go test ./ops/replication -run TestDocumentation`" + `.

## States

Of the states that hold the first in this list is told. A bad one is told when two readings in a row say so, a good one
after five; *within* is how long that takes at most where every node is read once a second. At a lag that is at or above
the critical limit (5 s) for certain, a state that is a warning is critical. One reading without ` + "`--watch`" + ` has no past: it
tells at once what the newest answers say, and *within* and *shown after* do not count.

| state | level | told within | what makes it |
|---|---|---|---|
`)
	for _, r := range Rules() {
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", r.State, r.Level, r.Within, r.What)
	}
	b.WriteString(`
## Problems

Critical needs a human now, warning will need one; unknown is not a fault of the database but of what can be found out
about it. A problem is shown when it has held for as long as its third column says, and not while one of those in the last
column explains it. Lag counts by its lower bound: what is only possible alarms nobody.

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
		t.Errorf("docs/replication-problems.md (-file +tables):\n%s", diff)
	}
}

func TestAProblemIsShownWhenItHasHeldForLongEnough(t *testing.T) {
	m := memory{held: map[about]held{}}
	lag := condition(codeLag)
	sub := ops.Subject{Region: "syd", Instance: "r1"}
	found := []ops.Problem{lag.Of(sub, time.Time{}, "")}
	steps := []struct {
		s     float64
		found bool
		shown bool
		since float64
	}{
		{0, true, false, 0},
		{14, true, false, 0},
		{15, true, true, 0},
		{16, false, false, 0},
		{20, true, true, 0}, // a short gap does not begin it anew
		{21, false, false, 0},
		{200, true, false, 200},
		{215, true, true, 200},
	}
	for _, st := range steps {
		var in []ops.Problem
		if st.found {
			in = found
		}
		got := m.judge(in, at(st.s))
		if (len(got) == 1) != st.shown {
			t.Errorf("second %v: %v", st.s, got)
		}
		if len(got) == 1 && !got[0].Since.Equal(at(st.since)) {
			t.Errorf("second %v: since %v", st.s, got[0].Since.Sub(beginning))
		}
	}
}

func TestWhatExplainsAProblemHidesIt(t *testing.T) {
	m := memory{held: map[about]held{}}
	r1, r2 := ops.Subject{Instance: "r1"}, ops.Subject{Instance: "r2"}
	slot := r1
	slot.Path = "s1" // a slot that is on r1
	found := []ops.Problem{
		condition(codeLost).Of(r1, at(-100), ""),
		condition(codeDetached).Of(r1, at(-100), ""),
		condition(codeDetached).Of(r2, at(-100), ""),
		condition(codeSlotRetains).Of(slot, at(-100), ""),
		condition(codeSlotInactive).Of(slot, at(-100), ""),
	}
	var got []string
	for _, p := range m.judge(found, at(0)) {
		got = append(got, p.Subject.Instance+" "+p.Code)
	}
	slices.Sort(got)
	if want := []string{"r1 " + codeLost, "r1 " + codeSlotInactive, "r2 " + codeDetached}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestProblemsOfANode(t *testing.T) {
	tests := []struct {
		name  string
		edit  func(name string, r *Reading)
		delay func(string, float64) float64
		until float64
		want  []string
	}{
		{name: "none", want: nil},
		{name: "read-only databases", edit: only("p", func(r *Reading) { r.ReadOnly = []string{"app"} }), want: []string{codeReadOnly}},
		{name: "commits that nobody confirms", edit: only("p", func(r *Reading) { r.SyncNames, r.SyncWaiters = "r9", 3 }), want: []string{codeSyncBlocked}},
		{
			name: "commits that somebody confirms", want: nil,
			edit: only("p", func(r *Reading) {
				r.SyncNames, r.SyncWaiters = "r1", 3
				setSender(r, "r1", func(s *SenderRow) { s.Sync = "sync" })
			}),
		},
		{name: "archiving", edit: only("p", func(r *Reading) { r.ArchiveFailing = true }), want: []string{codeArchive}},
		{name: "clock", edit: only("r1", func(r *Reading) { r.Now = r.Now.Add(-2 * time.Second); r.Receiver.LastGot = r.Now }), want: []string{codeSkew}},
		{name: "lag of a second", delay: behind(2), want: []string{codeLag}, until: 18},
		{name: "slow to become visible", delay: behind(0.8), want: []string{codeVisible}, until: 70},
		{
			name: "a delay is as wanted", delay: behind(8),
			edit: only("r1", func(r *Reading) { r.ApplyDelay = 8 * time.Second }), want: nil,
		},
		{
			name: "more than the delay", delay: behind(20), until: 25,
			edit: only("r1", func(r *Reading) { r.ApplyDelay = 8 * time.Second }), want: []string{codeLag},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := newCluster(Settings{}, "r1")
			c.log = writes(-40, 100, 0.05, 100)
			c.edit = tt.edit
			if tt.delay == nil {
				tt.delay = behind(0.04)
			}
			if tt.until == 0 {
				tt.until = 14
			}
			s := c.run(0, tt.until, tt.delay, nil)
			if got := codes(s); !slices.Equal(got, tt.want) {
				t.Errorf("problems %v, want %v", s.Problems, tt.want)
			}
		})
	}
}

// only edits the readings of one node.
func only(node string, edit func(*Reading)) func(string, *Reading) {
	return func(name string, r *Reading) {
		if name == node {
			edit(r)
		}
	}
}
