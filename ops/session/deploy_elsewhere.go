package session

import (
	"context"
	"errors"
	"fmt"
	"time"

	"ops-console/ops/deploy"
	"ops-console/ops/deploy/flyplatform"
	"ops-console/ops/deploy/watch"
	"ops-console/ops/fly"
)

// Elsewhere finds the deployments of the application that have not ended, as the marks on its machines say. That a journal of
// one is here does not show. The look is what Elsewhere.State needs.
func (s *Session) Elsewhere(ctx context.Context, now time.Time) ([]deploy.Elsewhere, deploy.Reading, error) {
	mm, err := s.Platform.MachinesWhere(ctx, s.Profile.App, fly.Where{Leases: true})
	if err != nil {
		return nil, deploy.Reading{}, fmt.Errorf("look for deployments that have not ended: %w", err)
	}
	r := deploy.Reading{Machines: flyplatform.Machines(mm), Count: -1}
	return deploy.Others(s.Profile.App, r, now), r, nil
}

// ElsewhereOf finds them among machines that were read with their leases.
func ElsewhereOf(app string, mm []fly.Machine, now time.Time) []deploy.Elsewhere {
	return deploy.Others(app, deploy.Reading{Machines: flyplatform.Machines(mm), Count: -1}, now)
}

// TakeOver makes a journal of a deployment whose journal is elsewhere, under the directory of the program's state.
func (s *Session) TakeOver(ctx context.Context, id, by, state string, now func() time.Time) (*deploy.Deployment, error) {
	return deploy.TakeOver(ctx, deploy.Takeover{
		Platform: flyplatform.New(flyplatform.Options{API: s.Platform, Now: now}), App: s.Profile.App, Deploy: id,
		Dir: DeployDir(state, s.Profile.App), Holder: by, Now: now,
	})
}

// elsewhere are deployments as the marks on machines show them.
func elsewhere(app string, mm []fly.Machine, by string, now time.Time) []watch.Deployment {
	r := deploy.Reading{Machines: flyplatform.Machines(mm), Count: -1}
	var out []watch.Deployment
	for _, e := range deploy.Others(app, r, now) {
		d := watch.Deployment{ID: e.Head.Deploy, Holder: e.Head.Holder, Seq: e.Head.Seq, Elsewhere: true, Err: e.Err}
		held := new(deploy.HeldError)
		d.InUse = errors.As(e.Err, &held)
		if e.Plan != nil {
			st, err := e.State(r, by, now)
			if err != nil {
				d.Err = err
			} else {
				d.Plan, d.Progress = e.Plan, deploy.ProgressOf(st)
				d.Progress.Phase = e.Head.Phase
			}
			if d.InUse && err == nil {
				d.Err, d.Progress.Waiting = nil, held.Error()
			}
		}
		out = append(out, d)
	}
	return out
}
