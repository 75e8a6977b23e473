package ops_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"ops-console/ops"
)

func TestProblemsAreSortedByWhatNeedsAHumanFirst(t *testing.T) {
	t0 := time.Date(2026, 3, 4, 14, 0, 0, 0, time.UTC)
	at := func(minutes int) time.Time { return t0.Add(time.Duration(minutes) * time.Minute) }
	in := func(region, instance string) ops.Subject { return ops.Subject{Region: region, Instance: instance} }
	want := []ops.Problem{
		{Code: "a", Severity: ops.Critical, Since: at(1), Subject: in("syd", "z")},
		{Code: "b", Severity: ops.Critical, Since: at(2), Subject: in("fra", "b")},
		{Code: "a", Severity: ops.Critical, Since: at(2), Subject: in("iad", "a")},
		{Code: "b", Severity: ops.Critical, Since: at(2), Subject: in("iad", "a")},
		{Code: "c", Severity: ops.Critical, Since: at(2), Subject: in("iad", "b")},
		{Code: "a", Severity: ops.Warning, Since: time.Time{}},
		{Code: "a", Severity: ops.Warning, Since: at(0)},
		{Code: "a", Severity: ops.Unknown, Since: at(0)},
	}
	for first := range want {
		got := append(append([]ops.Problem{}, want[first:]...), want[:first]...)
		ops.SortProblems(got)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("begun at %d (-want +got):\n%s", first, diff)
		}
	}
}

func TestSortingIsStable(t *testing.T) {
	pp := []ops.Problem{{Code: "x", Severity: ops.Warning, Detail: "1"}, {Code: "x", Severity: ops.Warning, Detail: "2"}}
	ops.SortProblems(pp)
	if pp[0].Detail != "1" {
		t.Error("equal problems changed places")
	}
}

func TestProblemOfACondition(t *testing.T) {
	c := ops.Condition{Code: "instance.check_failing", Severity: ops.Critical, Title: "check failing", Hint: "read its output", After: time.Minute}
	since := time.Date(2026, 3, 4, 14, 0, 0, 0, time.UTC)
	want := ops.Problem{
		Code: c.Code, Severity: c.Severity, Subject: ops.Subject{Region: "iad", Instance: "48e0a1"},
		Title: c.Title, Detail: "503 on /health", Hint: c.Hint, Since: since,
	}
	if diff := cmp.Diff(want, c.Of(want.Subject, since, "503 on /health")); diff != "" {
		t.Errorf("problem (-want +got):\n%s", diff)
	}
}
