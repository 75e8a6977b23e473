package deploy

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
)

// Validate says what makes a plan one that cannot be run. It does not judge whether it is wise: that is preflight's.
func (p *Plan) Validate() error {
	bad := func(format string, a ...any) error { return fmt.Errorf("the plan cannot be run: "+format, a...) }
	t := &p.Timings
	switch {
	case p.ID == "" || p.App == "":
		return bad("it has no id, or no app")
	case len(p.Targets) == 0:
		return bad("it changes no machine")
	case p.Artifact.Image == "" || p.Artifact.Digest == "":
		return bad("it does not say which image goes out, with its digest")
	case !slices.Contains([]Kind{KindDeploy, KindRollback}, p.Kind):
		return bad("%q is neither deploy nor rollback", p.Kind)
	case !slices.Contains([]Strategy{StrategyRolling, StrategyCanary, StrategyBlueGreen, StrategyImmediate}, p.Strategy):
		return bad("there is no strategy %q", p.Strategy)
	case p.Kind == KindRollback && p.Command != nil:
		return bad("a rollback never runs a release command")
	case p.Command != nil && (p.Command.Text == "" || p.Command.Timeout <= 0 || !json.Valid(p.Command.Config)):
		return bad("its release command has no text, no time, or no configuration")
	case !slices.Contains([]Ability{Able, Unable, AbleUnknown}, p.Old.Able):
		return bad("it does not say whether the old release can run afterwards")
	case min(t.Poll, t.Call, t.LeaseTTL, t.LeaseWait, t.Health, t.Total) <= 0 || min(t.Settle, t.Grace, t.Stable, t.Soak, t.Drain) < 0:
		return bad("its timings have gaps")
	case min(t.Good, t.Bad, t.Tries, t.Parallel) < 1:
		return bad("its timings count to less than one")
	case t.LeaseTTL < 3*t.Poll:
		return bad("its leases end between two looks")
	}
	groups := map[string]bool{}
	for _, g := range p.Groups {
		if g.MaxUnavailable < 1 || groups[g.Name] {
			return bad("group %q is there twice, or lets no machine change", g.Name)
		}
		groups[g.Name] = true
	}
	ids := map[string]bool{}
	for i := range p.Targets {
		m := &p.Targets[i]
		switch {
		case m.Machine == "" || ids[m.Machine]:
			return bad("machine %q is there twice, or has no id", m.Machine)
		case !groups[m.Group]:
			return bad("machine %s is of group %q, which is not in it", m.Machine, m.Group)
		case m.Prev.Version == "" || m.Prev.Digest == "":
			return bad("it does not say what machine %s runs now", m.Machine)
		case !json.Valid(m.Config) || !json.Valid(m.Prev.Config):
			return bad("machine %s has no configuration, new and old", m.Machine)
		}
		ids[m.Machine] = true
	}
	names := map[string]bool{}
	for _, g := range p.Gates {
		if g.Name == "" || names[g.Name] || g.When != BeforeChange && g.When != BeforeCommit {
			return bad("gate %q is there twice, or at no known moment", g.Name)
		}
		names[g.Name] = true
	}
	if _, err := json.Marshal(p); err != nil {
		return errors.Join(bad("it cannot be written down"), err)
	}
	return nil
}

// made are the machines that the strategy makes, as units that do not exist yet.
func (p *Plan) made() []unit {
	var out []unit
	switch p.Strategy {
	case StrategyCanary:
		for _, g := range p.Groups {
			i := slices.IndexFunc(p.Targets, func(t Target) bool { return t.Group == g.Name && !t.Cold() })
			if i >= 0 {
				out = append(out, unit{target: i, role: roleCanary, key: p.ID + ":canary:" + g.Name})
			}
		}
	case StrategyBlueGreen:
		for i := range p.Targets {
			out = append(out, unit{target: i, role: roleGreen, key: p.ID + ":green:" + p.Targets[i].Machine})
		}
	case StrategyRolling, StrategyImmediate:
	}
	return out
}

// runKey is the TagKey of the release command's machine.
func (p *Plan) runKey() string { return p.ID + ":run" }

// maxUnavailable is how many machines of a group may be away; 0: there is no such group.
func (p *Plan) maxUnavailable(group string) int {
	i := slices.IndexFunc(p.Groups, func(g Group) bool { return g.Name == group })
	if i < 0 {
		return 0
	}
	return p.Groups[i].MaxUnavailable
}
