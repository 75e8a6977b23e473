package tui_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/google/go-cmp/cmp"

	engine "ops-console/ops/deploy"
	"ops-console/ops/deploy/watch"
	"ops-console/ops/feed"
	"ops-console/tui"
	"ops-console/tui/deploy"
	"ops-console/tui/pane"
	"ops-console/tui/tuitest"
)

var _ tui.Deploys = (*watch.Watcher)(nil)

const planID = "01KAP7Q4ZD0000000000000042"

// releases are a reading of two releases of which the second one's plan may wait, and of a deployment.
func releases(seq uint64, p *watch.Planned, dd ...watch.Deployment) feed.Snapshot[*watch.Snapshot] {
	s := &watch.Snapshot{Planned: p, Deployments: dd}
	s.Releases = []watch.Release{
		{Version: 41, Status: "complete", Image: "registry.example.com/changelog:41", At: tuitest.Now()},
		{Version: 40, Status: "complete", Image: "registry.example.com/changelog:40", At: tuitest.Now()},
	}
	s.Machines = []watch.Machine{{ID: "91857a", Region: "fra", Release: 41}, {ID: "4d8901", Region: "ams", Release: 41}}
	return feed.Snapshot[*watch.Snapshot]{Seq: seq, At: tuitest.Now(), GoodAt: tuitest.Now(), Value: s}
}

func aPlan() *watch.Planned {
	return &watch.Planned{At: tuitest.Now(), Plan: &engine.Plan{
		ID: planID, App: "changelog", Kind: engine.KindDeploy, Strategy: engine.StrategyRolling, Artifact: engine.Artifact{Image: "registry.example.com/changelog:42"},
		Groups: []engine.Group{{Name: "app", MaxUnavailable: 1}}, Targets: []engine.Target{{Machine: "91857a", Region: "fra", Group: "app"}, {Machine: "4d8901", Region: "ams", Group: "app"}},
		Old: engine.Eligibility{Able: engine.Able}, Timings: engine.DefaultTimings(),
	}}
}

func aDeployment(here bool) watch.Deployment {
	return watch.Deployment{ID: planID, Plan: aPlan().Plan, Here: here, Progress: engine.Progress{
		Phase: engine.Rolling, Began: tuitest.Now().Add(-time.Minute), Done: 1, Total: 2, Choices: []engine.Choice{engine.Pause, engine.Abort, engine.Abandon},
	}}
}

// deploying is a console on pane 7 with a reading.
func deploying(t *testing.T, f feed.Snapshot[*watch.Snapshot]) *console {
	t.Helper()
	c := connected(t, incident(), func(o *tui.Options) { o.Panes, o.Open = append(o.Panes, deploy.New("changelog")), "deploy" })
	c.sess.PublishDeploys(f)
	c.press("ctrl+r")
	c.until("the releases", func() bool { return strings.Contains(c.text(), "changelog") && c.sess.Deploys() != nil })
	return c
}

// shows waits until the frame says something.
func (c *console) shows(want string) {
	c.t.Helper()
	c.until(want, func() bool { return strings.Contains(c.text(), want) })
}

func (c *console) asked(want ...pane.DeployMsg) {
	c.t.Helper()
	c.until("what was asked", func() bool { return len(c.sess.Deployed()) >= len(want) })
	if diff := cmp.Diff(want, c.sess.Deployed()); diff != "" {
		c.t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestADeploymentIsPlannedThenConfirmedThenStarted(t *testing.T) {
	c := deploying(t, releases(1, nil))
	c.shows("v40")
	c.press("D")
	c.shows("Deploy an image to all machines of changelog")
	c.has("registry.example.com/changelog:")
	c.send(tea.PasteMsg{Content: "42"})
	c.press("enter")
	plan := pane.DeployMsg{Do: pane.DeployPlan, Image: "registry.example.com/changelog:42"}
	c.asked(plan)

	// Not armed: the plan is shown, nothing can start.
	c.sess.PublishDeploys(releases(2, aPlan()))
	c.shows("read-only; A arms")
	c.has("Deploy 42 to 2 machines in 2 regions.")
	c.press("S")
	c.has("start: read-only; A arms")
	c.press("A", "S")
	c.has("Type changelog prod to continue")
	c.has("fra 1, ams 1")
	c.has("migrations, secrets, data")
	c.send(tea.PasteMsg{Content: "changelog prod"})
	c.press("enter", "y")
	c.press("backspace")
	c.asked(plan)
	c.typeText("changelog prod")
	c.press("enter")
	c.asked(plan, pane.DeployMsg{Do: pane.DeployStart, ID: planID})
}

// TestAnImageIsChosenOfThoseInTheRegistry narrows the list down by typing, walks it, completes, and takes one.
func TestAnImageIsChosenOfThoseInTheRegistry(t *testing.T) {
	s := releases(1, nil)
	for _, tag := range []string{"42-b", "42-a", "41", "40"} {
		s.Value.Images = append(s.Value.Images, "registry.example.com/changelog:"+tag)
	}
	c := deploying(t, s)
	c.shows("v40")
	c.press("D")
	c.shows("changelog:42-b")
	c.has("v41, runs on all 2")
	c.until("a look at the registry", func() bool { return c.sess.LookedForImages() == 1 })
	c.typeText("42-a")
	c.until("the list to be narrowed down", func() bool { return !strings.Contains(c.text(), "42-b") })
	c.press("backspace", "backspace", "tab") // the first that begins so
	c.shows("changelog:42-b█")
	c.press("ctrl+u")
	c.typeText("registry.example.com/changelog:-a") // in the middle of a tag
	c.until("the list to be narrowed down", func() bool { return strings.Contains(c.text(), ":42-a") && !strings.Contains(c.text(), ":42-b") })
	c.press("tab")
	c.shows("changelog:42-a█")
	c.press("ctrl+u", "down", "down", "up", "down", "tab")
	c.shows("changelog:42-a█")
	c.press("ctrl+u", "end", "down", "x") // what is typed goes on from the choice
	c.shows("none that is known has this in it")
	c.press("backspace", "enter")
	c.asked(pane.DeployMsg{Do: pane.DeployPlan, Image: "registry.example.com/changelog:42-b"})
}

// TestABeginningIsNoAnswer has nothing typed where the text only says where images are: no tag means another image.
func TestABeginningIsNoAnswer(t *testing.T) {
	s := releases(1, nil)
	s.Value.Images = []string{"registry.example.com/changelog:42"}
	c := deploying(t, s)
	c.shows("v40")
	c.press("D")
	c.shows("changelog:42")
	c.has("enter the first")
	c.press("enter")
	c.has("enter plan")
	c.press("enter")
	c.asked(pane.DeployMsg{Do: pane.DeployPlan, Image: "registry.example.com/changelog:42"})
}

// TestWhatWasChosenStaysChosen has the registry answer between the choice and enter, with an image above it.
func TestWhatWasChosenStaysChosen(t *testing.T) {
	c := deploying(t, releases(1, nil))
	c.shows("v40")
	c.press("D")
	c.shows("Deploy an image to all machines of changelog")
	c.press("down")
	s := releases(2, nil)
	s.Value.Images = []string{"registry.example.com/changelog:42"}
	c.sess.PublishDeploys(s)
	c.shows("changelog:42")
	c.press("enter")
	c.asked(pane.DeployMsg{Do: pane.DeployPlan, Image: "registry.example.com/changelog:41"})
}

func TestAPlanThatIsReadyIsAskedAboutAfterItsGrace(t *testing.T) {
	c := deploying(t, releases(1, nil))
	c.press("A")
	c.sess.PublishDeploys(releases(2, aPlan()))
	c.shows("Type changelog prod")
	c.typeText("changelog prod") // was meant for something else
	c.press("enter")
	if got := c.sess.Deployed(); len(got) > 0 {
		t.Fatalf("asked for %v", got)
	}
	c.later(time.Second)
	c.typeText("changelog prod")
	c.press("enter")
	c.asked(pane.DeployMsg{Do: pane.DeployStart, ID: planID})
}

func TestARunningDeploymentIsBrakedAndNotLeftByAccident(t *testing.T) {
	c := deploying(t, releases(1, nil, aDeployment(true)))
	c.shows("1/2")
	c.press("a")
	c.has("abort: read-only")
	c.press("A", "a")
	c.has("each machine that was changed gets")
	c.press("a", "enter")
	c.press("y")
	abort := pane.DeployMsg{Do: pane.DeployChoose, ID: planID, Choice: engine.Abort}
	c.asked(abort)

	quits := func() bool {
		for _, m := range c.all {
			if _, ok := m.(tea.QuitMsg); ok {
				return true
			}
		}
		return false
	}
	c.press("q")
	c.has("is let go of where it stands")
	c.press("esc", "ctrl+c", "ctrl+c", "ctrl+r")
	c.has("Close the connection and open it again.")
	c.press("esc")
	if quits() {
		t.Fatal("it was left without a yes")
	}
	c.press("q", "y")
	c.until("it is left", func() bool { c.later(0); return quits() })
}

func TestWhatIsRefusedAboutADeploymentIsSaid(t *testing.T) {
	c := deploying(t, releases(1, nil))
	c.shows("v40")
	c.sess.RefuseDeploys(errors.New("another look is still under way"))
	c.press("j", "R")
	c.shows("another look is still under way")
	c.asked(pane.DeployMsg{Do: pane.DeployBack, Release: 40})
	c.press("x")
	c.has("no plan waits")
}

func TestADeploymentThatWasLeftIsOffered(t *testing.T) {
	d := aDeployment(false)
	c := deploying(t, releases(1, nil, d))
	c.shows("NEEDS A DECISION")
	c.has("nobody carries it on")
	c.press("D")
	c.has("wants a decision first")
	c.press("A", "u", "y")
	c.asked(pane.DeployMsg{Do: pane.DeployChoose, ID: planID, Choice: engine.Resume})
	// With nothing running here, nothing keeps the console open.
	c.press("q")
	c.hasNot("is let go of")
}
