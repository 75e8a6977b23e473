package tui_test

import (
	"strings"
	"testing"
	"time"

	engine "ops-console/ops/deploy"
	"ops-console/ops/logs"
	"ops-console/tui"
	deploypane "ops-console/tui/deploy"
	logpane "ops-console/tui/logs"
	"ops-console/tui/pane"
	"ops-console/tui/tuitest"
)

var _ tui.Logs = (*logs.Tap)(nil)

// listening is a console whose application has a log.
func listening(t *testing.T, open string) *console {
	t.Helper()
	c := connected(t, incident(), func(o *tui.Options) {
		o.Panes, o.Open = append(o.Panes, deploypane.New("changelog"), logpane.New()), open
	})
	c.sess.Says()
	c.sess.Releases()
	c.press("ctrl+r")
	c.until("the log", func() bool { return c.sess.Logs() != nil })
	return c
}

func TestTheLogIsFollowedWhileItIsShown(t *testing.T) {
	c := listening(t, "overview")
	if c.sess.Reading() {
		t.Fatal("the log is followed while nobody looks")
	}
	c.press("4")
	c.until("somebody looks", c.sess.Reading)
	ring := tuitest.NewLog(tuitest.Log{Lines: 50})
	c.sess.PublishLog(ring.Snapshot(1))
	c.shows("50 of 50")
	ring.Say(7)
	c.sess.PublishLog(ring.Snapshot(2))
	c.shows("57 of 57")
	c.press("1")
	c.until("nobody looks", func() bool { return !c.sess.Reading() })
}

func TestAFrozenPictureOfTheLogStays(t *testing.T) {
	c := listening(t, "logs")
	ring := tuitest.NewLog(tuitest.Log{Lines: 50})
	c.sess.PublishLog(ring.Snapshot(1))
	c.shows("50 of 50")
	c.press("space")
	ring.Say(7)
	c.sess.PublishLog(ring.Snapshot(2))
	c.shows("FROZEN")
	c.has("50 of 50")
	c.press("space")
	c.shows("57 of 57")
}

func TestAMachineLeadsToItsLogAndBack(t *testing.T) {
	c := listening(t, "deploy")
	c.sess.PublishLog(tuitest.NewLog(tuitest.Log{Lines: 200}).Snapshot(1))
	d := aDeployment(true)
	d.Progress.Machines = []engine.MachineStatus{{ID: "91857a", Region: "fra", Step: "rolling", State: engine.StepRunning}}
	c.sess.PublishDeploys(releases(1, nil, d))
	c.shows("91857a")
	c.press("l")
	c.shows("only 91857a")
	c.press("esc")
	c.shows("MACHINES")
	c.press("4")
	c.shows("LOGS")
	if strings.Contains(c.text(), "only 91857a") {
		t.Error("what a machine led to is still there:", c.text())
	}
}

func TestALogIsFollowedWhileADeploymentIsShown(t *testing.T) {
	c := listening(t, "deploy")
	d := aDeployment(false)
	d.InUse = true
	c.sess.PublishDeploys(releases(1, nil, d))
	c.until("somebody looks", c.sess.Reading)
	c.press("1")
	c.until("nobody looks", func() bool { return !c.sess.Reading() })
	c.sess.PublishDeploys(releases(2, nil, aDeployment(true)))
	c.until("it runs here", c.sess.Reading)
}

func TestASessionWithoutALogSaysSo(t *testing.T) {
	c := connected(t, incident(), func(o *tui.Options) {
		o.Panes, o.Open = append(o.Panes, logpane.New()), "logs"
	})
	c.shows("the log is not followed here")
}

func TestTheLogOfAMachineBeginsBeforeThatOfAll(t *testing.T) {
	c := listening(t, "logs?machine=91857a")
	asked := make(chan pane.PastMsg, 1)
	c.sess.Past(func(m pane.PastMsg) ([]logs.Line, error) {
		asked <- m
		return []logs.Line{{At: tuitest.Now().Add(-time.Hour), Machine: m.Machine, Message: "said an hour ago"}}, nil
	})
	c.sess.PublishLog(tuitest.NewLog(tuitest.Log{Lines: 200}).Snapshot(1))
	c.shows("said an hour ago")
	if got, want := <-asked, (pane.PastMsg{Machine: "91857a"}); got != want {
		t.Errorf("asked %+v, want %+v", got, want)
	}
}
