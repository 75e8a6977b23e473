package tui

import (
	"context"
	"errors"
	"fmt"

	tea "charm.land/bubbletea/v2"

	"ops-console/ops/deploy"
	"ops-console/ops/deploy/watch"
	"ops-console/ops/feed"
	"ops-console/tui/action"
	"ops-console/tui/pane"
)

// Deploys is where snapshots of the releases and deployments come from, and what runs a deployment: a *watch.Watcher. All
// but Forget, Detach and LookForImages may take as long as reading and writing some files does.
type Deploys interface {
	Latest() feed.Snapshot[*watch.Snapshot]
	Changed() <-chan struct{}
	PlanDeploy(image string) error
	PlanRollback(release int) error
	Forget()
	Start(id string) error
	Choose(id string, c deploy.Choice) error
	SetAside(id string) error
	Detach()
	Check(image string) error
	LookForImages()
}

// deploys is the stream of the releases and deployments.
type deploys struct {
	stream[*watch.Snapshot]
	known bool // they are watched
	told  bool // that panes know of
}

// tellDeploys tells the panes whether there is anything to come.
func (m *Model) tellDeploys() tea.Cmd {
	d := &m.deploys
	if m.frozen != nil {
		return nil
	}
	d.told = d.known
	if !d.known {
		d.shown = feed.Snapshot[*watch.Snapshot]{}
		m.sum()
	}
	return m.toPanes(pane.DeploysMsg{Known: d.known, Snapshot: d.shown})
}

// deploying is the deployment that this console runs; nil: it runs none.
func (m *Model) deploying() *watch.Deployment {
	s := m.deploys.newest.Value
	if s == nil || m.conn.session == nil {
		return nil
	}
	for i := range s.Deployments {
		if s.Deployments[i].Here {
			return &s.Deployments[i]
		}
	}
	return nil
}

// onlyLooks are the deeds that change nothing outside, or that let go of what changes.
var onlyLooks = map[pane.DeployDo]bool{
	pane.DeployPlan: true, pane.DeployBack: true, pane.DeployForget: true, pane.DeployInspect: true, pane.DeployDetach: true,
	pane.DeployImages: true,
}

// deploy does what a pane asks for. What only looks needs no arming.
func (m *Model) deploy(msg pane.DeployMsg) tea.Cmd {
	if m.conn.session == nil {
		m.fail(fmt.Errorf("%s: there is no connection yet", msg.Do))
		return nil
	}
	src := m.conn.session.Deploys()
	if src == nil {
		m.fail(fmt.Errorf("%s: deployments are not watched here", msg.Do))
		return nil
	}
	if !onlyLooks[msg.Do] {
		if why := m.refusal(action.Action{Danger: action.Changes}); why != "" {
			m.fail(fmt.Errorf("%s: %s", msg.Do, why))
			return nil
		}
		// A session that comes with a network takes the place of this one, and would let go of what it runs.
		if m.conn.trying {
			m.fail(errors.New(string(msg.Do) + ": the private network is being looked for; try again in a moment"))
			return nil
		}
	}
	do := map[pane.DeployDo]func() error{
		pane.DeployPlan:    func() error { return src.PlanDeploy(msg.Image) },
		pane.DeployBack:    func() error { return src.PlanRollback(msg.Release) },
		pane.DeployForget:  func() error { src.Forget(); return nil },
		pane.DeployStart:   func() error { return src.Start(msg.ID) },
		pane.DeployChoose:  func() error { return src.Choose(msg.ID, msg.Choice) },
		pane.DeployAside:   func() error { return src.SetAside(msg.ID) },
		pane.DeployDetach:  func() error { src.Detach(); return nil },
		pane.DeployInspect: func() error { return src.Check(msg.Image) },
		pane.DeployImages:  func() error { src.LookForImages(); return nil },
	}[msg.Do]
	if do == nil {
		m.fail(fmt.Errorf("nobody knows how to %q", msg.Do))
		return nil
	}
	return m.jobs.cmd(func(context.Context) tea.Msg {
		if err := do(); err != nil {
			return pane.ToastMsg{Err: err}
		}
		return nil
	})
}

// quit closes the console, at once where nothing goes on in it.
func (m *Model) quit() tea.Cmd {
	if d := m.deploying(); d != nil {
		m.leaveRunning(d, "quit", "Close the console.", func() tea.Cmd { return tea.Quit })
		return nil
	}
	if j := m.keeping(); j != nil {
		m.leaveJob(j, "quit", "Close the console.", func() tea.Cmd { return tea.Quit })
		return nil
	}
	return tea.Quit
}

// leaveRunning asks before something is done that lets go of the deployment that runs here.
func (m *Model) leaveRunning(d *watch.Deployment, name, sentence string, do func() tea.Cmd) {
	p := &d.Progress
	m.over = newConfirm(m.target(), action.Action{
		Name: name,
		Plan: sentence + " The deployment that runs in it is let go of where it stands: it goes neither on nor back by itself.",
		Touches: []action.Touch{
			{What: "deployment " + d.ID, How: fmt.Sprintf("%s, %d of %d machines", p.Phase, p.Done, p.Total), Warn: true},
			{What: "machines as they are by then", How: "releases may stay mixed until somebody goes on", Warn: true},
			{What: "its journal and every machine's state", How: "kept; the console offers to resume it"},
			{What: "without the console", How: "ops-console resume, or ops-console abort"},
		},
		Run: func(string) tea.Cmd { return do() },
	}, "")
}
