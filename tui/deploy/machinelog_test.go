package deploy

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/charmbracelet/x/ansi"

	"ops-console/ops/logs"
	"ops-console/tui/golden"
	"ops-console/tui/pane"
	"ops-console/tui/tuitest"
)

// speaking is a pane over a world whose machines say something; id does what is written in a deployment.
func speaking(world, id string, change func(*logs.Snapshot)) *Pane {
	p := with(worlds()[world])
	r := logs.NewRing(0, 0)
	at := tuitest.Now().Add(-20 * time.Second)
	say := func(machine string, from logs.Provider, level logs.Level, message string) {
		at = at.Add(time.Second)
		r.Add(logs.Line{At: at, Received: at, Region: "lhr", Machine: machine, Provider: from, Level: level, Message: message})
	}
	for range 12 {
		say(machineID(0), logs.App, logs.Info, "request_id=F1 [info] Sent 200 in 3ms")
	}
	say(id, logs.Runner, logs.Info, "Pulling container image registry.example.com/changelog@sha256:9f2c")
	say(id, logs.Runner, logs.Info, "Successfully prepared image (4.1s)")
	say(id, logs.Runner, logs.Info, "Machine started in 812ms")
	say(id, logs.App, logs.Warn, "[warning] Changelog.Repo: connection not available and request was dropped from queue")
	say(id, logs.App, logs.Error, "[error] Health check on port 4000 has failed")
	s := logs.Snapshot{Seq: 1, At: tuitest.Now(), Lines: r.View(), State: logs.State{Source: logs.Live, Since: at, LastAt: at, Primed: true}}
	if change != nil {
		change(&s)
	}
	p.Update(pane.LogsMsg{Known: true, Snapshot: tuitest.LogFeed(s)})
	return p
}

// busy is the machine that the cursor of a world is put on.
func busyOf(world string) string { return with(worlds()[world]).chosen().ID }

func TestFramesWithWhatTheMachineSays(t *testing.T) {
	for name, make := range map[string]func() *Pane{
		"says":        func() *Pane { return speaking("rolling", busyOf("rolling"), nil) },
		"says-halted": func() *Pane { return speaking("halted", busyOf("halted"), nil) },
		"says-nothing": func() *Pane {
			return speaking("rolling", "e2865f", func(s *logs.Snapshot) { s.State.Source = logs.Polled })
		},
		"says-cut": func() *Pane {
			return speaking("rolling", busyOf("rolling"), func(s *logs.Snapshot) {
				s.State = logs.State{LiveFailure: &logs.Failure{Text: "i/o timeout"}, PollFailure: &logs.Failure{Text: "503"}, Primed: true}
			})
		},
		"says-detail": func() *Pane {
			p := speaking("rolling", busyOf("rolling"), nil)
			p.View(env(t), 120, 36)
			press(t, p, "enter")
			return p
		},
	} {
		for _, size := range [][2]int{{80, 20}, {120, 36}, {200, 56}} {
			name := fmt.Sprintf("%s-%dx%d", name, size[0], size[1])
			t.Run(name, func(t *testing.T) { golden.Frame(t, name, make().View(env(t), size[0], size[1])) })
		}
	}
}

func TestTheMachineOfTheCursorIsListenedTo(t *testing.T) {
	p := speaking("rolling", busyOf("rolling"), nil)
	text := func() string { return ansi.Strip(strings.Join(p.View(env(t), 120, 36), "\n")) }
	if s := text(); !strings.Contains(s, "Machine started in 812ms") || strings.Contains(s, "Sent 200") {
		t.Errorf("the machine that changes now is not listened to:\n%s", s)
	}
	press(t, p, "g")
	if s := text(); strings.Contains(s, "Machine started") || !strings.Contains(s, "Sent 200") {
		t.Errorf("the machine under the cursor is not listened to:\n%s", s)
	}
}

func TestEnterLeadsToTheDetailThenToTheLog(t *testing.T) {
	p := speaking("rolling", busyOf("rolling"), nil)
	want := pane.OpenMsg{Address: "logs?machine=" + p.chosen().ID}
	if said := press(t, p, "l"); said != want {
		t.Errorf("l: %v, want %v", said, want)
	}
	if said := press(t, p, "enter"); said != nil || !p.open {
		t.Errorf("enter: %v, the detail is open: %v", said, p.open)
	}
	if said := press(t, p, "enter"); said != want {
		t.Errorf("enter again: %v, want %v", said, want)
	}
	if !p.Back() || p.open {
		t.Error("esc does not close the detail")
	}
}

func TestTheLogIsWantedWhileADeploymentGoesOn(t *testing.T) {
	for world, want := range map[string]bool{"rolling": true, "halted": true, "calm": false, "rolledback": false, "planned": false} {
		if got := with(worlds()[world]).AttendsLogs(); got != want {
			t.Errorf("%s: %v, want %v", world, got, want)
		}
	}
	p := with(worlds()["rolling"])
	press(t, p, "t")
	if p.AttendsLogs() {
		t.Error("the log is wanted while releases are shown")
	}
}
