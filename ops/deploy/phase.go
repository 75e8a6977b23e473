package deploy

// Phase is where the deployment is.
func (s *State) Phase() Phase {
	switch {
	case s.Outcome != "":
		return Ended
	case s.Halt != "":
		return Parked
	case s.Commit, s.leave != "":
		return Cleaning
	case s.Back != "" && s.reverted():
		return Rechecking
	case s.Back != "":
		return Reverting
	case !s.Locked:
		return Locking
	case !s.gatesPassed(BeforeChange):
		return Gating
	case s.claimed == "" || s.Plan.Command == nil && !s.moving() && s.Record == nil && s.opened.word == "":
		return Announcing
	case s.Plan.Command != nil && !s.Migrated:
		return Migrating
	case s.Plan.Command != nil && !s.Soaked && s.Plan.Timings.Soak > 0 && !s.moving():
		return Soaking
	case s.CutOver:
		return Cutover
	case s.Plan.Strategy == StrategyBlueGreen && s.all(roleGreen):
		return Verifying
	case s.Plan.Strategy == StrategyBlueGreen:
		return GreenUp
	case s.all(roleTarget):
		return Verifying
	case s.Plan.Strategy == StrategyCanary && !s.all(roleCanary):
		return Canarying
	}
	return Rolling
}

func (s *State) moving() bool {
	for i := range s.units {
		if s.units[i].touched {
			return true
		}
	}
	return false
}

// all tells whether every machine of a role was seen healthy with the new release.
func (s *State) all(x role) bool {
	for i := range s.units {
		if u := &s.units[i]; u.role == x && !u.healthy[0] {
			return false
		}
	}
	return true
}

// reverted tells whether every machine that was touched was seen healthy with the old release.
func (s *State) reverted() bool {
	for i := range s.units {
		if u := &s.units[i]; u.touched && u.role == roleTarget && !u.healthy[1] && u.gaveUp == "" {
			return false
		}
	}
	return true
}

func (s *State) gatesPassed(when Moment) bool {
	for i := range s.Plan.Gates {
		a := &s.gates[i]
		if s.Plan.Gates[i].When == when && (a.word != Done || a.pending || a.verdict == Unknown) {
			return false
		}
	}
	return true
}

// Choices is what can be asked of the deployment as it is.
func (s *State) Choices() []Choice {
	switch {
	case s.Outcome != "":
		return nil
	case s.Halt == HaltSchema && s.Back == "":
		return []Choice{Resume, RollBackAnyway, Abandon}
	case s.Halt == HaltSchema:
		return []Choice{Forward, RollBackAnyway, Abandon}
	case s.Halt == HaltCutover:
		return []Choice{Resume, Abandon}
	case s.Halt == HaltRollback:
		return []Choice{Resume, Forward, Abandon}
	case s.Halt == HaltMigration && s.runsOn:
		return []Choice{Resume, Abandon}
	case s.Halt == HaltMigration:
		return []Choice{Resume, Ran, RollBackAnyway, Abandon}
	case s.Halt == HaltLease && s.TakenBy != "" && s.TakenBy != Somebody:
		return []Choice{Abandon}
	case s.Halt == HaltLease && s.Commit:
		return []Choice{Resume, Abandon}
	case s.Halt == HaltLease:
		return []Choice{Resume, Abort, Abandon}
	case s.Commit || s.CutOver:
		return []Choice{Abandon}
	case s.Back != "":
		return []Choice{Forward, Abandon}
	case s.Paused != "":
		return []Choice{Resume, Abort, Abandon}
	}
	return []Choice{Pause, Abort, Abandon}
}
