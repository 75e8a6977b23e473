package session_test

import (
	"regexp"
	"strings"
	"testing"
	"time"

	"ops-console/ops/config"
	"ops-console/ops/fly/flysim/platform"
	"ops-console/ops/logs"
)

// untilLogs waits for a snapshot of the log that is as wanted.
func untilLogs(t *testing.T, s *logs.Stream, want string, ok func(logs.Snapshot) bool) logs.Snapshot {
	t.Helper()
	deadline := time.After(60 * time.Second)
	for {
		changed := s.Changed()
		now := s.Latest()
		if ok(now) {
			return now
		}
		select {
		case <-changed:
		case <-deadline:
			t.Fatalf("never %s: %+v, %d lines", want, now.State, now.Lines.Len())
		}
	}
}

func TestTheLogComesThroughTheTunnelAndIsPolledWithoutIt(t *testing.T) {
	s, sim := simulated(t, func(p *config.Profile) { p.Org = "" }) // it is found out
	stream, err := logs.Start(t.Context(), s.LogOptions())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(stream.Close)

	say := func(message string) {
		t.Helper()
		machine := sim.World().Instances()[0].ID
		if err := sim.World().AddLog(platform.LogLine{App: sim.App(), Instance: machine, Level: "info", Provider: "app", Message: message}); err != nil {
			t.Fatal(err)
		}
	}
	// said is how often a message was.
	said := func(s logs.Snapshot, message string) int {
		return len(s.Lines.Tail(logs.Filter{Text: regexp.MustCompile("^" + message + "$")}, 10))
	}
	got := untilLogs(t, stream, "live, with a past", func(s logs.Snapshot) bool { return s.State.Source == logs.Live && s.Lines.Len() > 20 })
	if n := len(got.Lines.Tail(logs.Filter{Provider: logs.App}, 100)); n == 0 {
		t.Error("no instance said anything")
	}
	say("first")
	untilLogs(t, stream, "first", func(s logs.Snapshot) bool { return said(s, "first") == 1 })

	// What comes live does not need the web interface.
	if err := sim.World().SetFault(platform.Fault{Name: "log-history-down"}); err != nil {
		t.Fatal(err)
	}
	say("second")
	untilLogs(t, stream, "second", func(s logs.Snapshot) bool { return said(s, "second") == 1 })
	if err := sim.World().ClearFault("log-history-down"); err != nil {
		t.Fatal(err)
	}

	if err := sim.World().SetFault(platform.Fault{Name: "log-stream-down"}); err != nil {
		t.Fatal(err)
	}
	got = untilLogs(t, stream, "polling", func(s logs.Snapshot) bool { return s.State.Source == logs.Polled })
	if f := got.State.LiveFailure; f == nil || !strings.Contains(f.Text, "]:4223") {
		t.Errorf("it does not say why: %+v", f)
	}
	say("third")
	untilLogs(t, stream, "third", func(s logs.Snapshot) bool { return said(s, "third") == 1 })
	if err := sim.World().ClearFault("log-stream-down"); err != nil {
		t.Fatal(err)
	}
	untilLogs(t, stream, "live again", func(s logs.Snapshot) bool { return s.State.Source == logs.Live })
	say("fourth")
	got = untilLogs(t, stream, "fourth", func(s logs.Snapshot) bool { return said(s, "fourth") == 1 })
	for _, message := range []string{"first", "second", "third", "fourth"} {
		if n := said(got, message); n != 1 {
			t.Errorf("%s was shown %d times", message, n)
		}
	}
	seen := map[string]bool{}
	for l := range got.Lines.From(0) {
		key := l.At.String() + l.Machine + l.Message
		if seen[key] {
			t.Errorf("twice: %s %s %s", l.At, l.Machine, l.Message)
		}
		seen[key] = true
	}
}
