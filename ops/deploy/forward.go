package deploy

import (
	"cmp"
	"fmt"
	"strings"
	"time"
)

// forward takes the next step towards the new release. Every earlier step is looked at again: it says whether it still
// stands.
func (r *reducer) forward() {
	s := r.s
	steps := []func() bool{
		func() bool { return r.gates(BeforeChange) },
		func() bool { return r.claim(Announcing) },
		r.kept,
		r.open,
		r.migrate,
		func() bool { return r.p.Command == nil || s.Soaked || r.t.Soak == 0 || r.claim(Soaking) },
		r.soak,
		func() bool { return r.claim(r.p.firstChange()) },
		r.guards,
	}
	switch r.p.Strategy {
	case StrategyBlueGreen:
		steps = append(steps, r.greens, func() bool { return r.gates(BeforeCommit) }, r.cutover)
	case StrategyCanary:
		steps = append(steps, r.canaries, func() bool { return r.claim(Rolling) }, r.rollNew, func() bool { return r.verify(0) }, func() bool { return r.gates(BeforeCommit) }, r.calm)
	case StrategyRolling, StrategyImmediate:
		steps = append(steps, r.rollNew, func() bool { return r.verify(0) }, func() bool { return r.gates(BeforeCommit) }, r.calm)
	}
	for _, step := range steps {
		if !step() {
			return
		}
		if len(r.d.Records) > 0 {
			return
		}
	}
	if len(r.d.Intents) > 0 {
		return
	}
	r.record(Record{Kind: RecCommit})
}

// gates asks what has to be answered well at a moment.
func (r *reducer) gates(when Moment) bool {
	for i := range r.p.Gates {
		g, a := &r.p.Gates[i], &r.s.gates[i]
		if g.When != when || g.Name == GateGuards && r.s.Overruled != "" {
			continue
		}
		bad := ""
		switch {
		case a.pending:
			r.wait(g.Name)
			return false
		case a.word == Done && (a.verdict == Pass || a.verdict == Warn):
			continue
		case a.word == Done && a.verdict == Fail, a.word == Refused, a.word != "" && r.spent(a):
			bad = fmt.Sprintf("%s does not let it go on: %s", g.Name, a.text)
		case a.word != "" && a.n > 0 && r.now.Before(a.ended.Add(max(r.backoff(a), r.t.Settle))):
			r.wait(g.Name + ", to be asked again")
			return false
		default:
			r.do(Intent{Verb: VerbGate, Gate: g.Name})
			return false
		}
		if g.Required {
			r.fail(bad)
			return false
		}
	}
	return true
}

// fail ends the way forward: it goes back, or stands still where there is no way back.
func (r *reducer) fail(why string) {
	if r.s.CutOver && !r.off.broken(ruleCutover) {
		r.halt(HaltCutover, why)
		return
	}
	r.back(why)
}

// open makes the platform's release record. It is not worth failing for.
func (r *reducer) open() bool {
	s, a := r.s, &r.s.opened
	switch {
	case s.Record != nil || a.word == Refused || a.word == Gone:
		return true
	case a.pending:
		r.wait("the release record")
		return false
	case a.word == "":
	case r.o.Record != nil && r.since(a.ended):
		r.record(Record{Kind: RecOpened, Record: r.o.Record})
		return false
	case r.spent(a):
		return true
	case a.word == Unclear && !r.settled(a), r.now.Before(a.ended.Add(r.backoff(a))):
		r.wait("what became of the release record")
		return false
	}
	r.do(Intent{Verb: VerbOpen})
	return false
}

// guards pauses while a measurement is over its limit.
func (r *reducer) guards() bool {
	s := r.s
	switch {
	case s.CutOver, s.Overruled != "":
	case s.Paused == "" && r.o.guards.looks >= r.t.Bad:
		r.record(Record{Kind: RecPaused, Text: cmp.Or(r.over(), "a guard is over its limit")})
		return false
	case s.Paused != "" && s.PausedBy == "" && r.o.calm.looks >= r.t.Good:
		r.record(Record{Kind: RecGoesOn, Text: r.under()})
		return false
	case s.Paused != "" && s.PausedBy == "" && r.now.After(s.patience()):
		r.fail("paused for too long: " + cmp.Or(r.over(), s.Paused))
		return false
	}
	return true
}

// patience is until when a guard may have it paused; then it goes back.
func (s *State) patience() time.Time {
	return later(s.pausedAt, later(s.bound, s.sessionAt)).Add(s.Plan.Timings.Health)
}

// calm holds the commit back as long as it is paused; the cutover looks for itself.
func (r *reducer) calm() bool {
	if r.s.Paused == "" {
		return true
	}
	r.wait("paused: " + r.s.Paused)
	return false
}

// over says which guards are over their limits; empty: none is now.
func (r *reducer) over() string {
	return r.readings(func(g Guard) bool { return g.Over && !g.Unknown }, "%s is %s, over %s")
}

// under says what the guards measure that could pause it, and do not.
func (r *reducer) under() string {
	return r.readings(func(g Guard) bool { return !g.Over && !g.Unknown && g.Limit != "" }, "%s is %s, the limit %s")
}

func (r *reducer) readings(which func(Guard) bool, form string) string {
	var out []string
	for _, g := range r.o.Guards {
		if which(g) {
			name := g.Name
			if g.Where != "" {
				name += " of " + g.Where
			}
			out = append(out, fmt.Sprintf(form, name, g.Value, g.Limit))
		}
	}
	return strings.Join(out, "; ")
}

// of gives the units with a role.
func (s *State) of(x role) []*unit {
	var out []*unit
	for i := range s.units {
		if s.units[i].role == x {
			out = append(out, &s.units[i])
		}
	}
	return out
}

func (r *reducer) rollNew() bool { return r.roll(r.s.of(roleTarget), 0) }

// roll brings machines to a side, no more of them away at a time than the plan allows. True: all are there and well.
func (r *reducer) roll(units []*unit, side int) bool {
	stands := make([]standing, len(units))
	for i, u := range units {
		stands[i] = r.look(u, side)
	}
	if len(r.d.Records) > 0 {
		return false
	}
	all := true
	for i := range stands {
		st := &stands[i]
		switch {
		case st.foreign != "":
			r.lost(st.foreign)
			return false
		case st.fail != "" && side == 0:
			r.fail(st.fail)
			return false
		case st.fail != "":
			r.record(Record{Kind: RecGaveUp, Machine: st.u.id, Key: st.u.key, Text: st.fail})
		case st.u.gaveUp != "":
		case !st.ok:
			all = false
			if st.wait != "" {
				r.wait(st.wait)
			}
		}
	}
	if len(r.d.Records) > 0 {
		return false
	}
	for i := range stands {
		st := &stands[i]
		if st.urgent && r.free() && r.held(st.m.ID) {
			r.do(st.next)
		}
	}
	r.begin(stands, side)
	return all && len(r.d.Intents) == 0
}

// begin starts the changes whose turn it is.
func (r *reducer) begin(stands []standing, side int) {
	for i := range stands {
		st := &stands[i]
		if !st.wanted || !r.free() || st.m != nil && !r.held(st.m.ID) {
			continue
		}
		if st.u.put[side].tries() == 0 && side == 0 && r.s.Paused != "" && !r.s.CutOver {
			r.wait("paused: " + r.s.Paused)
			continue
		}
		if st.u.role != roleTarget || r.turn(stands, i, side) {
			r.do(st.change)
			st.begun, st.away = true, true
		}
	}
}

// turn tells whether a machine may be changed now.
func (r *reducer) turn(stands []standing, i, side int) bool {
	c := &stands[i]
	if r.p.Strategy == StrategyImmediate || r.off.broken(ruleRoom) {
		return true
	}
	gone, under, proven, warm, left := 0, 0, false, false, false
	for k := range stands {
		st := &stands[k]
		if st.t.Group != c.t.Group || st.u.gaveUp != "" {
			continue
		}
		cold := st.t.Cold()
		if side == 0 {
			proven = proven || st.u.healthy[0] && st.ok && !cold
			warm = warm || !cold
		}
		if k == i {
			continue
		}
		if st.begun && !st.ok {
			under++
		}
		if !cold && (st.away || st.begun && !st.ok) {
			gone++
		}
		if !cold && st.t.Region == c.t.Region && !st.away && !(st.begun && !st.ok) {
			left = true
		}
	}
	// The first machine of a group goes alone: it shows whether the release works at all.
	if side == 0 && warm && !proven {
		return under == 0 && !c.t.Cold() && (c.away || gone < r.max(c))
	}
	// One that does not serve cannot be taken away; nor one that was not running.
	if c.away || c.begun || c.t.Cold() {
		return true
	}
	if gone >= r.max(c) {
		return false
	}
	// The last machine of a region is left for when another one there serves again.
	return left || !r.others(stands, i)
}

func (r *reducer) max(st *standing) int { return r.p.maxUnavailable(st.t.Group) }

// others tells whether the group has further machines in the region that could serve.
func (r *reducer) others(stands []standing, i int) bool {
	for k := range stands {
		st := &stands[k]
		if k != i && st.t.Group == stands[i].t.Group && st.t.Region == stands[i].t.Region && !st.t.Cold() && st.u.gaveUp == "" &&
			st.begun && !st.ok {
			return true
		}
	}
	return false
}

// verify sees the whole fleet well at once, for long enough. roll has seen each machine on its side in the same look.
func (r *reducer) verify(side int) bool {
	s := r.s
	if r.off.broken(ruleVerify) {
		s = &State{Verified: [2]bool{true, true}}
	}
	if s.Verified[side] {
		return true
	}
	if side == 0 && !r.alone() {
		return false
	}
	for _, u := range r.s.of(roleTarget) {
		if !r.steady(u, side, r.t.Stable) {
			return false
		}
	}
	r.record(Record{Kind: RecVerified, Side: sides[side]})
	return false
}

// alone goes back where a machine appeared that nobody planned for: it runs the old release beside the new one.
func (r *reducer) alone() bool {
	why, maybe := r.stranger()
	if why != "" {
		r.fail(why)
	}
	return why == "" && !maybe
}

// steady tells whether a machine is well since the last one became so.
func (r *reducer) steady(u *unit, side int, long time.Duration) bool {
	t, m := &r.p.Targets[u.target], r.o.of(u)
	switch {
	case u.gaveUp != "", t.Cold(), side == 1 && !u.touched && !t.Prev.Healthy:
		return true
	case m == nil && side == 1 && !u.touched && r.gone(u, time.Time{}):
		r.s.note(r, "machine "+u.id+", which was not touched, is not there any more: somebody destroyed it")
		return true
	case m == nil:
		r.wait("machine " + u.id + " to be in the list")
		return false
	case m.Lost && (u.healthy[side] || side == 1 && !u.touched):
		return true
	}
	tr := r.o.track(m.ID)
	from := later(tr.good.since, later(r.s.steadyAt, later(r.s.ranAt, r.s.backAt)))
	if tr.idle || tr.good.looks >= r.t.Good && r.o.At.Sub(from) >= long {
		return true
	}
	r.wait("the whole fleet to be healthy at once")
	return false
}
