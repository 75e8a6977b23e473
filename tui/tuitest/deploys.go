package tuitest

import (
	"slices"

	"ops-console/ops/deploy"
	released "ops-console/ops/deploy/watch"
	"ops-console/ops/feed"
	"ops-console/tui"
	"ops-console/tui/pane"
)

// Releases makes it a session whose releases and deployments are watched.
func (s *Session) Releases() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.releases = true
}

// PublishDeploys makes a reading of the releases and deployments the latest one, failed or not.
func (s *Session) PublishDeploys(f feed.Snapshot[*released.Snapshot]) {
	s.Releases()
	s.deploys.set(f)
}

// RefuseDeploys has everything that is asked about deployments fail.
func (s *Session) RefuseDeploys(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.forbid = err
}

// Deployed is what was asked about deployments.
func (s *Session) Deployed() []pane.DeployMsg {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.deployed)
}

// Deploys implements tui.Session.
func (s *Session) Deploys() tui.Deploys {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.releases {
		return nil
	}
	return deploySource{&s.deploys, s}
}

type deploySource struct {
	*source[feed.Snapshot[*released.Snapshot]]
	s *Session
}

func (d deploySource) asked(m pane.DeployMsg) error {
	d.s.mu.Lock()
	defer d.s.mu.Unlock()
	d.s.deployed = append(d.s.deployed, m)
	return d.s.forbid
}

// Latest implements tui.Deploys.
func (d deploySource) Latest() feed.Snapshot[*released.Snapshot] { return d.get() }

// PlanDeploy implements tui.Deploys.
func (d deploySource) PlanDeploy(image string) error {
	return d.asked(pane.DeployMsg{Do: pane.DeployPlan, Image: image})
}

// PlanRollback implements tui.Deploys.
func (d deploySource) PlanRollback(release int) error {
	return d.asked(pane.DeployMsg{Do: pane.DeployBack, Release: release})
}

// Forget implements tui.Deploys.
func (d deploySource) Forget() { _ = d.asked(pane.DeployMsg{Do: pane.DeployForget}) }

// Start implements tui.Deploys.
func (d deploySource) Start(id string) error {
	return d.asked(pane.DeployMsg{Do: pane.DeployStart, ID: id})
}

// Choose implements tui.Deploys.
func (d deploySource) Choose(id string, c deploy.Choice) error {
	return d.asked(pane.DeployMsg{Do: pane.DeployChoose, ID: id, Choice: c})
}

// SetAside implements tui.Deploys.
func (d deploySource) SetAside(id string) error {
	return d.asked(pane.DeployMsg{Do: pane.DeployAside, ID: id})
}

// Detach implements tui.Deploys.
func (d deploySource) Detach() { _ = d.asked(pane.DeployMsg{Do: pane.DeployDetach}) }

// Check implements tui.Deploys.
func (d deploySource) Check(image string) error {
	return d.asked(pane.DeployMsg{Do: pane.DeployInspect, Image: image})
}

// LookForImages implements tui.Deploys. It goes on beside what is asked: it is counted by itself.
func (d deploySource) LookForImages() {
	d.s.mu.Lock()
	defer d.s.mu.Unlock()
	d.s.looked++
}

// LookedForImages is how often the registry was to be looked at.
func (s *Session) LookedForImages() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.looked
}
