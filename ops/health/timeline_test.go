package health

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"ops-console/ops"
	"ops-console/ops/fly"
)

func marked(mm []Mark) []string {
	out := []string{}
	for _, m := range mm {
		out = append(out, fmt.Sprintf("%s %s/%s %s: %s", t0.Sub(m.At), m.Subject.Region, m.Subject.Instance, m.Kind, m.Text))
	}
	return out
}

func TestWhatFollowsFromAnUpdateIsNoMark(t *testing.T) {
	ago := func(s int) time.Time { return t0.Add(-time.Duration(s) * time.Second) }
	by := func(source string, e fly.Event) fly.Event { e.Source = source; return e }
	m := read(newMachine(0, "iad", func(m *fly.Machine) {
		m.Events = []fly.Event{
			event("start", fly.StateStarted, ago(5)),
			exitEvent(ago(3600), fly.ExitEvent{RequestedStop: true}), // a person stopped it
			event("stop", fly.StateStopping, ago(3601)),
			event("start", fly.StateStarted, ago(7000)),
			event("restart", fly.StateStarting, ago(7002)),
			exitEvent(ago(7003), fly.ExitEvent{ExitCode: 1, Restarting: true}),
			event("start", fly.StateStarted, ago(7190)),
			event("start", fly.StateStarting, ago(7192)),
			event("launch", fly.StateCreated, ago(7193)),
			exitEvent(ago(7195), fly.ExitEvent{RequestedStop: true}),
			event("update", fly.StateReplacing, ago(7200)),
			event("start", fly.StateStarted, ago(8000)),
			event("update", fly.StateReplacing, ago(8010)),
			event("start", fly.StateStarted, ago(9000)),
			by("user", event("launch", fly.StateCreated, ago(9010))),
		}
	}), nil, t0)
	id := m.ID
	want := []string{
		"5s iad/" + id + " start: started",
		"1h0m0s iad/" + id + " exit: stopped as asked",
		"1h56m43s iad/" + id + " exit: exit code 1",
		"2h0m0s iad/" + id + " update: updated, now v41",
		"2h13m30s iad/" + id + " update: updated",
		"2h30m10s iad/" + id + " start: created",
	}
	if diff := cmp.Diff(want, marked(m.marks)); diff != "" {
		t.Errorf("marks (-want +got):\n%s", diff)
	}
}

func TestARolloutAndACrashLoopAreOneMarkEach(t *testing.T) {
	mark := func(seconds int, region, instance, kind, text string) Mark {
		return Mark{At: t0.Add(-time.Duration(seconds) * time.Second), Kind: kind, Text: text, Subject: ops.Subject{Region: region, Instance: instance}}
	}
	const v41 = "updated, now v41"
	got := folded([]Mark{
		mark(100, "iad", "a", "update", v41), mark(104, "iad", "b", "update", v41), mark(108, "fra", "c", "update", v41),
		mark(5000, "iad", "a", "update", "updated"), mark(5004, "iad", "b", "update", "updated"),
		mark(6000, "iad", "a", "start", "created"), mark(6060, "iad", "b", "start", "created"),
		mark(9000, "iad", "a", "update", "updated"),
		mark(10, "iad", "a", "exit", "exit code 1"), mark(30, "iad", "a", "exit", "exit code 1"), mark(50, "iad", "a", "exit", "exit code 1"),
		mark(20, "iad", "b", "exit", "exit code 1"),
		mark(2000, "iad", "a", "exit", "exit code 1"),
		mark(40, "iad", "a", "oom", "killed for want of memory"),
	})
	want := []string{
		"10s iad/a exit: exit code 1, 3 times in 40s",
		"20s iad/b exit: exit code 1",
		"40s iad/a oom: killed for want of memory",
		"1m40s / update: 3 instances updated, now v41",
		"33m20s iad/a exit: exit code 1",
		"1h23m20s iad/ update: 2 instances updated",
		"1h40m0s iad/ start: 2 instances created",
		"2h30m0s iad/a update: updated",
	}
	if diff := cmp.Diff(want, marked(got)); diff != "" {
		t.Errorf("marks (-want +got):\n%s", diff)
	}
}
