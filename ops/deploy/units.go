package deploy

import (
	"fmt"
	"strings"
	"time"
)

// standing is how one machine stands to the side it is to have.
type standing struct {
	u *unit
	t *Target
	m *Machine // nil: it is not there

	ok      bool   // it runs that side and is well, or as well as it can be known
	away    bool   // it does not serve, because of us or not
	begun   bool   // its change to that side was begun
	fail    string // it cannot get there: why
	foreign string // somebody else changed it
	change  Intent // to make next, if one is wanted
	wanted  bool   // change waits for its turn
	next    Intent // to make at once: it takes nothing away
	urgent  bool
	wait    string
}

// side is what a machine runs: 0 new, 1 old, 2 something else.
func (r *reducer) side(u *unit, m *Machine) int {
	prev := &r.p.Targets[u.target].Prev
	switch {
	case m.Mark == r.o.mark[0] && m.Digest == r.p.Artifact.Digest:
		return 0
	case r.off.broken(ruleIdentity) && u.put[0].word == Done:
		return 0
	case u.role != roleTarget:
		return 2
	case m.Version == prev.Version,
		(m.Mark == r.o.mark[1] || m.Mark == prev.Mark) && m.Digest == prev.Digest:
		return 1
	}
	return 2
}

// pending tells whether a call for the machine is under way.
func (u *unit) pending() bool {
	for i := range 2 {
		if u.put[i].pending || u.restart[i].pending || u.start[i].pending {
			return true
		}
	}
	return u.stop.pending || u.cordon.pending || u.uncordon.pending || u.destroy.pending
}

// base is when a machine was last told to start with a side.
func (u *unit) base(side int) time.Time {
	return later(u.put[side].ended, later(u.restart[side].ended, u.start[side].ended))
}

// look says how a machine stands to a side.
func (r *reducer) look(u *unit, side int) standing {
	st := standing{u: u, t: &r.p.Targets[u.target], m: r.o.of(u)}
	st.begun = u.put[side].n > 0 || u.put[side].pending
	name := "machine " + u.id
	if u.id == "" && st.m != nil {
		name = "machine " + st.m.ID
	} else if u.id == "" {
		name = fmt.Sprintf("the new machine in %s", st.t.Region)
	}
	if st.m != nil {
		tr := r.o.track(st.m.ID)
		st.away = tr.good.looks == 0 && !(st.t.Cold() && st.m.State == Stopped) && !tr.idle
	}
	switch {
	case u.gaveUp != "":
		return st
	case u.pending():
		st.away, st.wait = true, name+" to answer"
		return st
	case st.m == nil:
		r.missing(&st, side)
		return st
	}
	if st.m.Lost && !r.off.broken(ruleLost) {
		st.away = true
		lost := r.lostFor(st.m)
		switch {
		case (u.healthy[side] || side == 1 && !u.touched) && lost >= max(r.t.Settle, 1):
			st.ok, st.away = true, false // it got there before its host was lost, and is not away because of us
		case lost > r.t.Health:
			st.fail = fmt.Sprintf("the host of %s cannot be reached for %s", name, lost.Round(time.Second))
		default:
			st.wait = "the host of " + name + ", which cannot be reached"
		}
		return st
	}
	if !r.since(r.latest(u)) {
		st.away, st.wait = true, "a look at "+name // what the latest one shows is from before the latest call
		return st
	}
	if where := r.side(u, st.m); where != side {
		r.put(&st, side, where)
	} else {
		r.gate(&st, side)
	}
	return st
}

// lostFor is for how long several looks have agreed that a machine's host cannot be reached; 0: they do not yet.
func (r *reducer) lostFor(m *Machine) time.Duration {
	k := &r.o.track(m.ID).lost
	if k.looks < sure {
		return 0
	}
	return r.o.At.Sub(k.since)
}

// latest is when the latest call for a machine ended.
func (r *reducer) latest(u *unit) time.Time {
	t := later(u.base(0), u.base(1))
	for _, a := range []*attempt{&u.stop, &u.cordon, &u.uncordon, &u.destroy} {
		t = later(t, a.ended)
	}
	return t
}

// missing is for a machine that is not in the list: one that is to be made, or one that somebody took away.
func (r *reducer) missing(st *standing, side int) {
	u, a := st.u, &st.u.put[side]
	name := "machine " + u.id
	if u.role == roleTarget {
		st.away = true
		if r.gone(u, time.Time{}) || r.off.broken(ruleLost) {
			st.fail = name + " is not there any more: somebody destroyed it"
		}
		st.wait = name + " to be in the list"
		return
	}
	st.change = Intent{
		Verb: VerbCreate, Side: New, Target: st.t.Machine, Key: u.key, Region: st.t.Region,
		Cordoned: u.role == roleGreen, SkipLaunch: st.t.Cold() && !st.t.Try,
	}
	what := fmt.Sprintf("a %s machine in %s", u.role, st.t.Region)
	switch {
	case a.word == "":
		st.wanted = true
	case a.word == Done:
		st.wait = what + " to be in the list"
		if r.gone(u, r.settling(a)) {
			st.fail = fmt.Sprintf("machine %s, which was made, is not there any more", a.machine)
		}
	case a.word == Refused:
		st.fail = what + " is refused: " + a.text
	case a.word == Unclear && !r.gone(u, r.settling(a)) && !r.off.broken(ruleLook),
		!r.since(a.ended), r.now.Before(a.ended.Add(r.backoff(a))):
		st.wait = "what became of " + what
	case r.spent(a):
		st.fail = fmt.Sprintf("%s could not be made in %d tries: %s", what, a.n, a.text)
	default:
		st.wanted = true
	}
}

// put is for a machine that does not run the side it is to have.
func (r *reducer) put(st *standing, side, where int) {
	u, m, a := st.u, st.m, &st.u.put[side]
	tr := r.o.track(m.ID)
	name := "machine " + m.ID
	if u.role != roleTarget {
		// It was made with the right configuration, and is something else: that is not waited for long.
		st.wait = name + " to be what it was made as"
		if tr.same.firm(r.settling(a)) {
			st.fail = name + " runs another image than the one asked for"
		}
		return
	}
	st.change = Intent{
		Verb: VerbUpdate, Machine: m.ID, Version: m.Version, Side: sides[side],
		SkipLaunch: st.t.Cold(), Copy: u == &r.s.units[0] && r.s.copied,
	}
	if r.off.broken(ruleVersion) {
		st.change.Version = ""
	}
	if where == 2 && m.State != Changing && tr.same.looks >= sure {
		if m.Mark == r.o.mark[0] || m.Mark == r.o.mark[1] {
			st.fail = fmt.Sprintf("%s runs image %s, not the one asked for", name, m.Digest)
		} else {
			st.foreign = name + " was changed by somebody else"
		}
		return
	}
	switch {
	case a.n == 0:
		if m.State == Changing || a.word == Unclear && !r.settled(a) || where == 2 {
			st.wait = name + " to settle"
		} else {
			st.wanted = true
		}
		return
	case a.word == Refused:
		st.fail = fmt.Sprintf("the change of %s is refused: %s", name, a.text)
		return
	case m.State == Changing:
		st.wait = name + " to be changed"
		if r.o.At.Sub(r.from(a.ended)) > r.t.Health && tr.same.looks >= sure {
			st.fail = fmt.Sprintf("%s has not taken the %s release in %s", name, word(side), r.t.Health)
		}
		return
	}
	switch a.word {
	case Done:
		st.wait = name + " to take the change"
		if !tr.same.firm(r.settling(a)) {
			return
		}
		if side == 0 || r.spent(a) {
			st.fail = fmt.Sprintf("the platform has taken the change of %s back, or not carried it out (often because the image cannot be had)", name)
			return
		}
	case Unclear:
		st.wait = "what became of the change of " + name
		if !r.settled(a) {
			return
		}
	case Busy: // however long ago: it was not tried
		if r.now.Before(a.ended.Add(r.backoff(a))) {
			st.wait = "the platform to take the change of " + name
			return
		}
	case Conflict, Gone, Refused:
	}
	if r.spent(a) {
		st.fail = fmt.Sprintf("%s could not be changed in %d tries: %s", name, a.n, a.text)
		return
	}
	st.wanted = true
}

var sides = [2]Side{New, Old}

func word(side int) string { return [2]string{"new", "old"}[side] }

// gate is for a machine that runs the side it is to have: is it well?
func (r *reducer) gate(st *standing, side int) {
	u, m, t := st.u, st.m, st.t
	tr := r.o.track(m.ID)
	if side == 1 && !u.touched {
		st.ok = true
		return
	}
	if t.Cold() && r.cold(st, side) {
		return
	}
	name, now, base := "machine "+m.ID, r.o.At, u.base(side)
	if u.healthy[side] {
		why := ""
		if !r.off.broken(ruleMonitor) {
			why = r.ill(m)
		}
		if why != "" {
			r.sick(st, side, why)
			return
		}
		st.ok = true
		return
	}
	st.away = true
	for _, a := range []*attempt{&u.put[1-side], &u.restart[0], &u.restart[1], &u.start[0], &u.start[1], &u.stop} {
		if a.word == Unclear && !r.settled(a) {
			st.wait = "what became of the latest call for " + name // it may come late, and take it away again
			return
		}
	}
	if a := &u.put[1-side]; a.word == Unclear && a.ended.After(u.put[side].ended) && !tr.same.firm(r.settling(a)) {
		st.wait = "what became of the change of " + name // one look that does not show it may be from before it
		return
	}
	need, stable := r.t.Good, r.t.Stable
	if r.off.broken(ruleStable) {
		need, stable = 1, 0
	}
	switch {
	case tr.good.looks >= need && now.Sub(tr.good.since) >= stable, tr.idle:
		r.record(Record{Kind: RecHealthy, Machine: m.ID, Key: u.key, Side: sides[side]})
	case tr.crash.looks >= 2:
		r.sick(st, side, exited(m))
	case u.sick != "" && tr.good.looks == 0 && u.restart[side].n == 0 && u.start[side].n == 0:
		r.sick(st, side, u.sick)
	case t.AutoStop && m.State == Stopped && clean(m) && tr.down.looks >= 2:
		r.startIt(st, side, name+" was stopped for want of traffic before it was seen well")
	case tr.down.looks >= r.t.Bad && now.Sub(base) >= r.t.Grace:
		r.sick(st, side, "it is "+state(m))
	case now.Sub(r.from(base)) >= r.t.Health+r.t.Grace && tr.good.looks == 0 && tr.same.looks >= sure:
		r.sick(st, side, fmt.Sprintf("not well after %s: %s", r.t.Health, failing(m, t)))
	default:
		st.wait = name + " to be healthy"
	}
}

// cold is for a machine that was not running before. True: there is nothing more to judge.
func (r *reducer) cold(st *standing, side int) bool {
	u, m, t := st.u, st.m, st.t
	name := "machine " + m.ID
	settled := u.healthy[side] || side == 1 || !t.Try
	switch {
	case !settled && m.State == Stopped && u.start[side].n == 0:
		r.startIt(st, side, "")
		return true
	case !settled:
		return false // it runs, or was to run: it is judged like the others
	case !u.healthy[side] && m.State != Changing:
		r.record(Record{Kind: RecHealthy, Machine: m.ID, Side: sides[side]})
		return true
	case m.State == Started && !t.AutoStop && !r.spent(&u.stop) && u.stop.word != Refused && (u.role == roleGreen || u.start[0].n > 0 || u.start[1].n > 0):
		// It was only started to be looked at.
		st.wait = name + " to stop again"
		if !r.now.Before(u.stop.ended.Add(r.t.Poll)) {
			st.next, st.urgent = Intent{Verb: VerbStop, Machine: m.ID, Key: u.key}, true
		}
		return true
	}
	st.ok = u.healthy[side]
	return true
}

func (r *reducer) startIt(st *standing, side int, why string) {
	u, a := st.u, &st.u.start[side]
	st.wait = "machine " + st.m.ID + " to start"
	switch {
	case r.spent(a) || a.word == Refused:
		r.sick(st, side, strings.TrimSpace(why+" it cannot be started: "+a.text))
	case a.word != "" && r.now.Before(a.ended.Add(r.t.Settle)):
	default:
		st.next, st.urgent = Intent{Verb: VerbStart, Machine: st.m.ID, Key: u.key, Side: sides[side]}, true
	}
}

// ill says what is wrong with a machine that was well, or nothing.
func (r *reducer) ill(m *Machine) string {
	tr := r.o.track(m.ID)
	switch {
	case tr.idle || m.Lost:
		return ""
	case tr.crash.looks >= 2:
		return exited(m)
	case tr.bad.looks >= r.t.Bad && m.State != Started:
		return "it is " + state(m)
	case tr.bad.looks >= r.t.Bad:
		return failing(m, nil)
	}
	return ""
}

// sick judges a machine that is not well: it is restarted once, in place, before it has failed.
func (r *reducer) sick(st *standing, side int, why string) {
	u, m, a := st.u, st.m, &st.u.restart[side]
	st.away = true
	if u.sick == "" {
		r.record(Record{Kind: RecSick, Machine: m.ID, Key: u.key, Side: sides[side], Text: why})
		return
	}
	again := a.tries() == 0 && !r.spent(a)
	if again && !r.off.broken(ruleRestart) {
		verb := VerbRestart
		if m.State != Started {
			verb = VerbStart
		}
		if verb == VerbStart && u.start[side].n > 1 {
			st.fail = fmt.Sprintf("machine %s is not well: %s", m.ID, why)
			return
		}
		st.next, st.urgent = Intent{Verb: verb, Machine: m.ID, Key: u.key, Side: sides[side]}, true
		st.wait = "machine " + m.ID + " to be restarted"
		return
	}
	st.fail = fmt.Sprintf("machine %s is not well after a restart: %s", m.ID, why)
}

func exited(m *Machine) string {
	switch {
	case m.Exit == nil:
		return "its process ended"
	case m.Exit.OOM:
		return "its process ran out of memory"
	case m.Exit.Signal != 0:
		return fmt.Sprintf("its process was ended by signal %d", m.Exit.Signal)
	}
	return fmt.Sprintf("its process ended with %d", m.Exit.Code)
}

func state(m *Machine) string {
	if m.Detail != "" {
		return m.Detail
	}
	return string(m.State)
}

// failing names the first check that does not pass.
func failing(m *Machine, t *Target) string {
	for _, c := range m.Checks {
		if c.Passing {
			continue
		}
		if c.Output == "" {
			return "check " + c.Name + " fails"
		}
		return fmt.Sprintf("check %s: %s", c.Name, c.Output)
	}
	if t != nil && len(m.Checks) < t.Checks {
		return fmt.Sprintf("%d of %d checks have a result", len(m.Checks), t.Checks)
	}
	return "it is " + state(m)
}
