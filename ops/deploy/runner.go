package deploy

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// The release command runs in a machine of its own, which is made first and started second: a making whose outcome is
// unclear can be repeated, because what was made twice and never started can be removed, and a start can be repeated,
// because it does nothing to a machine that runs or has ended.

// run is the machine of our release command as it was seen: the one that is or will be started.
func (r *reducer) run() *Run {
	if r.off.broken(ruleRunKey) {
		for i := range r.o.Runs {
			if r.o.Runs[i].Machine == r.s.runner {
				return &r.o.Runs[i]
			}
		}
		return nil
	}
	var own *Run
	for i := range r.o.Runs {
		run := &r.o.Runs[i]
		switch {
		case run.Key != r.p.runKey():
		case r.s.runner != "" && run.Machine == r.s.runner:
			return run
		case r.s.runner == "" && (own == nil || run.Machine < own.Machine):
			own = run
		}
	}
	return own
}

// runs tells whether our release command was seen running in the latest look.
func (r *reducer) runs() bool {
	run := r.run()
	return run != nil && run.State == RunStarted
}

// goesOn tells whether it is seen running though its end is written down: somebody was wrong. One look can be.
func (r *reducer) goesOn() bool {
	return r.runs() && r.o.runs[r.run().Machine].firm(r.s.ranAt)
}

// foreignRun is a release command of somebody else that may be running.
func (r *reducer) foreignRun() *Run {
	if r.off.broken(ruleForeignRun) {
		return nil
	}
	i := slices.IndexFunc(r.o.Runs, func(run Run) bool {
		return run.Key != r.p.runKey() && (run.State == RunStarted || run.State == RunCreated)
	})
	if i < 0 {
		return nil
	}
	return &r.o.Runs[i]
}

// migrate runs the release command. True: it has ended well, or there is none.
func (r *reducer) migrate() bool {
	s := r.s
	switch {
	case r.p.Command == nil:
		return true
	case s.Migrated && r.goesOn():
		// Somebody said that it did its work, and it is seen to go on.
		return r.poll()
	case s.Migrated:
		return true
	case s.runBegun():
		return r.poll()
	}
	if f := r.foreignRun(); f != nil {
		why := fmt.Sprintf("another release command is running, in machine %s: it is not ended, only waited for", f.Machine)
		if f.State == RunCreated {
			why = fmt.Sprintf("another release command was made and not started yet, in machine %s: destroy that if nobody needs it", f.Machine)
		}
		if r.now.Sub(r.from(s.lockedAt)) > r.p.Command.Timeout {
			r.back(why)
		} else {
			r.wait(why)
		}
		return false
	}
	if !r.prepareRun() {
		return false
	}
	if s.Paused != "" {
		r.wait("paused: " + s.Paused)
		return false
	}
	if !r.off.broken(ruleMarkRun) && !r.claim(Migrating) {
		return false
	}
	// The first start: from here on the command may have run.
	r.do(Intent{Verb: VerbStartRun, Machine: r.s.runnerOr(r.run()), Key: r.p.runKey()})
	return false
}

func (s *State) runnerOr(run *Run) string {
	if s.runner != "" || run == nil {
		return s.runner
	}
	return run.Machine
}

// prepareRun makes the machine of the release command. True: it is there.
func (r *reducer) prepareRun() bool {
	a := &r.s.prepare
	why := "the machine of the release command"
	switch {
	case a.pending:
	case a.word == "":
		r.do(Intent{Verb: VerbPrepare, Key: r.p.runKey(), Region: r.p.Command.Region})
		return false
	case !r.since(a.ended):
	case r.run() != nil:
		return true
	case a.word == Done && r.off.broken(ruleRunKey):
		return true
	case a.word == Done:
		why += " to be seen"
		if r.now.Sub(r.from(a.ended)) > r.t.Health {
			r.back("the machine of the release command was made and is not there")
			return false
		}
	case a.word == Refused:
		r.back("the machine of the release command is refused: " + a.text)
		return false
	case r.spent(a) && r.settled(a):
		r.back(fmt.Sprintf("the machine of the release command could not be made in %d tries: %s", a.n, a.text))
		return false
	case r.settled(a) && (a.word != Unclear || r.lookedFor(a)):
		r.do(Intent{Verb: VerbPrepare, Key: r.p.runKey(), Region: r.p.Command.Region})
		return false
	}
	r.wait(why)
	return false
}

// lookedFor tells whether there were enough looks, each after an unclear outcome had settled, to believe that there is
// nothing. A list that was wrong once is not believed.
func (r *reducer) lookedFor(a *attempt) bool {
	return r.off.broken(ruleLook) || r.o.noRun.firm(r.settling(a))
}

// poll waits for the end of the release command. It never ends it.
func (r *reducer) poll() bool {
	s, a, run := r.s, &r.s.startRun, r.run()
	if s.RunBad && s.Back == "" {
		r.back(s.ranBadly())
		return false
	}
	switch {
	case a.pending:
		r.wait("the release command to start")
	case !r.since(a.ended):
		r.wait("a look at the release command")
	case run != nil && run.State == RunExited && run.Code == 0 && !run.OOM:
		r.record(Record{Kind: RecMigrated, Machine: run.Machine, Text: run.Text})
	case run != nil && run.State == RunExited:
		text := run.Text
		if run.OOM {
			text = strings.TrimSpace("it ran out of memory " + text)
		}
		r.record(Record{Kind: RecRunBad, Machine: run.Machine, Code: run.Code, Text: text})
	case run == nil || run.State == RunLost:
		// One look that does not show it is not the end of it.
		if r.o.runs[s.runner].firm(r.settling(a)) || run == nil && r.lookedFor(a) {
			r.halt(HaltMigration, "the platform does not say how the release command ended: see in the database whether its migrations ran")
			return false
		}
		r.wait("the release command to be seen")
	case run.State == RunCreated && r.notStarted(a):
		r.startAgain(a)
	case run.State == RunStarted && r.now.Sub(r.from(a.ended)) > r.p.Command.Timeout && r.o.runs[run.Machine].firm(a.ended):
		r.record(Record{
			Kind: RecHalt, Halt: HaltMigration, Machine: run.Machine,
			Text: fmt.Sprintf("the release command still runs after %s: it is not ended, and nothing is done under it", r.p.Command.Timeout),
		})
	default:
		r.wait("the release command")
	}
	return false
}

// notStarted tells whether a start of the release command certainly did nothing.
func (r *reducer) notStarted(a *attempt) bool {
	return r.o.runs[r.s.runner].firm(r.settling(a))
}

func (r *reducer) startAgain(a *attempt) {
	if a.word == Refused || r.spent(a) {
		if r.s.Back == "" {
			r.back("the release command could not be started: " + a.text)
		}
		return
	}
	if r.off.broken(ruleRunOnce) {
		r.do(Intent{Verb: VerbPrepare, Key: r.p.runKey(), Region: r.p.Command.Region})
		return
	}
	r.do(Intent{Verb: VerbStartRun, Machine: r.s.runner, Key: r.p.runKey()})
}

func (s *State) ranBadly() string {
	why := fmt.Sprintf("the release command ended with %d", s.RunCode)
	if s.RunText != "" {
		why += ": " + s.RunText
	}
	return why
}

// runEnded waits, on the way back, until nothing can run under it any more.
func (r *reducer) runEnded() bool {
	s, a := r.s, &r.s.startRun
	switch {
	case !s.runBegun(), r.off.broken(ruleWaitRun),
		(s.Migrated || s.RunBad) && !r.goesOn(),
		s.RunLeft && !r.runs():
		return true
	case s.discards[s.runner].word != "" || s.discards[s.runner].pending:
		return true // it never began, and is being removed
	case !a.pending && r.since(a.ended):
		if run := r.run(); run != nil && run.State == RunCreated && r.notStarted(a) {
			// It never began. What was made for it is removed at the end.
			return true
		}
	}
	r.poll()
	return false
}

// soak watches the old release on the new schema, before the first machine changes. True: it went on well.
func (r *reducer) soak() bool {
	s := r.s
	if s.Soaked || r.p.Command == nil || r.t.Soak == 0 || r.off.broken(ruleSoak) {
		return true
	}
	well, known, begun := true, true, s.startRun.first
	if s.From != nil {
		begun = s.Began // when it was really started is in another journal
	}
	for i := range r.p.Targets {
		t, u := &r.p.Targets[i], &s.units[i]
		m := r.o.of(u)
		if !t.Prev.Healthy || t.Cold() {
			continue
		}
		if m == nil {
			well, known = false, known && r.gone(u, time.Time{})
		} else if !m.Lost {
			tr := r.o.track(m.ID)
			if why := r.ill(m); why != "" && tr.bad.since.After(begun) {
				r.halt(HaltSchema, fmt.Sprintf("the release command has run, and machine %s with the old release is not well since: %s", m.ID, why))
				return false
			}
			well = well && tr.bad.looks == 0
			known = known && (tr.bad.looks == 0 || tr.bad.looks >= r.t.Bad)
		}
	}
	if long := r.o.At.Sub(r.from(s.ranAt)); long >= r.t.Soak && (well || known && long >= r.t.Soak+r.t.Health) {
		r.record(Record{Kind: RecSoaked})
		return false
	}
	r.wait("the old release to go on well with the new schema")
	return false
}

// tidyRuns removes machines of the release command that were never started. True: none is left, or it was tried.
func (r *reducer) tidyRuns() bool {
	clean := true
	if r.s.prepare.pending {
		r.wait("the machine of the release command")
		return false
	}
	if a := &r.s.prepare; a.word != "" && a.word != Refused && !r.s.runBegun() && r.run() == nil &&
		r.s.discards[r.s.runner].word != Done && !r.lookedFor(a) {
		r.wait("what became of the machine of the release command")
		return false
	}
	for id, a := range r.s.discards {
		if a.word == Unclear && !r.spent(&a) && !slices.ContainsFunc(r.o.Runs, func(run Run) bool { return run.Machine == id }) && !r.o.runs[id].firm(r.settling(&a)) {
			r.wait("what became of a machine that was made and never used")
			clean = false
		}
	}
	for i := range r.o.Runs {
		run := &r.o.Runs[i]
		// One that was told to start is left alone, unless it was seen for long enough that it never did.
		mine := run.Key == r.p.runKey() && run.State == RunCreated
		if mine && run.Machine == r.s.runner && r.s.runBegun() && r.s.discards[run.Machine].word == "" && !r.notStarted(&r.s.startRun) {
			continue
		}
		if mine && !r.off.broken(ruleDoubles) && !r.discard(run.Machine, "") {
			clean = false
		}
	}
	return clean
}

// discard destroys something that was made for this deployment and never used. True: it was tried often enough.
func (r *reducer) discard(machine, key string) bool {
	a := r.s.discards[machine]
	switch {
	case a.pending || a.word != "" && !r.since(a.ended):
	case r.spent(&a) || a.word == Refused:
		r.s.note(r, fmt.Sprintf("machine %s, which was made and never used, could not be removed: %s", machine, a.text))
		return true
	case a.word == Done && !r.settled(&a), a.word != "" && r.now.Before(a.ended.Add(r.t.Poll)):
	case r.free():
		r.do(Intent{Verb: VerbDiscard, Machine: machine, Key: key})
	}
	r.wait("machine " + machine + " to be removed")
	return false
}
