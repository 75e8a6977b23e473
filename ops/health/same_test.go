package health

import (
	"testing"

	"ops-console/ops"
)

func TestSameLooksAtWhatIsWrongOnly(t *testing.T) {
	failing := ops.Problem{Code: "instance.check_failing", Severity: ops.Critical, Subject: ops.Subject{Instance: "a"}, Detail: "503"}
	other := failing
	other.Subject.Instance = "b"
	detailed := failing
	detailed.Detail = "504"
	base := Snapshot{Verdict: Unhealthy, Problems: []ops.Problem{failing}}
	for _, tc := range []struct {
		name string
		with Snapshot
		want bool
	}{
		{"itself", base, true},
		{"another detail", Snapshot{Verdict: Unhealthy, Problems: []ops.Problem{detailed}}, true},
		{"another instance", Snapshot{Verdict: Unhealthy, Problems: []ops.Problem{other}}, false},
		{"one problem fewer", Snapshot{Verdict: Unhealthy}, false},
		{"another verdict", Snapshot{Verdict: Healthy, Problems: []ops.Problem{failing}}, false},
	} {
		if got := base.Same(&tc.with); got != tc.want {
			t.Errorf("%s: %v, want %v", tc.name, got, tc.want)
		}
	}
}
