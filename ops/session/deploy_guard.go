package session

import (
	"context"
	"fmt"
	"slices"
	"time"

	"ops-console/ops/config"
	"ops-console/ops/deploy"
	"ops-console/ops/deploy/guard"
	"ops-console/ops/metrics"
	"ops-console/ops/replication"
)

// How much longer than asked for measurements may take to be calm before a deployment is committed: at most, and besides how long
// a guard may pause it.
const (
	settleTimeout = time.Hour
	settleSlack   = 2 * time.Minute
)

// guards measure what pauses a deployment by itself, until the session ends; nil where the profile wants nothing measured.
func (s *Session) guards(p *deploy.Plan, now func() time.Time) *guard.Guards {
	o := guard.Options{Plan: p, Limits: s.Profile.Deploy.Guards, Critical: s.Profile.Database.Critical, Now: now, Metrics: s.metrics}
	if r, ok := s.ReplicationOptions(); ok {
		o.Lag = func(ctx context.Context) (*replication.Snapshot, error) { return replication.Read(ctx, r) }
	}
	g := guard.New(o)
	if g != nil {
		s.mu.Lock()
		s.ends = append(s.ends, g.Close)
		s.mu.Unlock()
	}
	return g
}

// metrics is who is asked for the metrics of the application's organization.
func (s *Session) metrics(ctx context.Context) (*metrics.Client, error) {
	org := s.Profile.Org
	if org == "" {
		app, err := s.Platform.App(ctx, s.Profile.App)
		if err != nil {
			return nil, fmt.Errorf("find the organization whose metrics %s is in: %w (or set org in the profile)", s.Profile.App, err)
		}
		org = app.Organization.Slug
	}
	return &metrics.Client{Source: s.Platform, Org: org}, nil
}

// pauses says whether one of the guards can pause a deployment.
func pauses(g config.Guards) bool {
	return slices.ContainsFunc([]config.Guard{g.Errors, g.P99, g.Restarts, g.Lag}, func(x config.Guard) bool { return x.Mode == config.GuardPause })
}

// measurable are the gates of a plan without the one that waits for measurements where there is nothing to measure before the
// commit: new machines beside the old ones have no traffic before.
func measurable(p *deploy.Plan) []deploy.Gate {
	if p.Strategy != deploy.StrategyBlueGreen {
		return p.Gates
	}
	return slices.DeleteFunc(slices.Clone(p.Gates), func(g deploy.Gate) bool { return g.Name == deploy.GateGuards })
}

// guardsGate waits until the measurements are of a time in which everything runs on the new release. It does not wait much
// longer than a guard may pause it.
func (s *Session) guardsGate(ctx context.Context, g *guard.Guards, p *deploy.Plan) (deploy.Verdict, string) {
	if g == nil {
		return deploy.Warn, "the profile has nothing measured any more"
	}
	long := s.Profile.Deploy.Guards.Settle
	ctx, cancel := context.WithTimeout(ctx, long+p.Timings.Health+settleSlack)
	defer cancel()
	return g.Settled(ctx, long)
}
