package overview

import (
	"slices"
	"testing"

	"ops-console/ops"
	"ops-console/ops/deploy/watch"
	"ops-console/ops/feed"
	"ops-console/tui/pane"
	"ops-console/tui/tuitest"
)

func TestADeploymentThatWasLeftNeedsAttention(t *testing.T) {
	p := New()
	p.Update(pane.HealthMsg{Snapshot: tuitest.Feed(1, tuitest.Snapshot(6, tuitest.Options{}))})
	is := func(x problem) bool {
		return x.subject == "deploy" && x.address == "deploy" && x.severity == ops.Critical
	}
	told := func(pp ...ops.Problem) {
		p.Update(pane.DeploysMsg{Known: true, Snapshot: feed.Snapshot[*watch.Snapshot]{Seq: 1, Value: &watch.Snapshot{Problems: pp}}})
	}
	if told(); slices.ContainsFunc(p.problems, is) {
		t.Error("all is well, and a deployment is listed")
	}
	told(watch.Conditions()[0].Of(ops.Subject{}, tuitest.Now(), "why"))
	if !slices.ContainsFunc(p.problems, is) {
		t.Errorf("it is not listed: %+v", p.problems)
	}
	if p.Update(pane.DeploysMsg{}); slices.ContainsFunc(p.problems, is) {
		t.Error("it is still listed")
	}
}
