package deploy

import (
	"fmt"
)

// canaries run one more machine per group with the new release before any other changes. True: they were well, and
// are gone.
func (r *reducer) canaries() bool {
	var up []*unit
	done := true
	for _, u := range r.s.of(roleCanary) {
		switch {
		case u.healthy[0]:
			done = r.remove(u) && done
		default:
			up = append(up, u)
		}
	}
	if len(up) > 0 {
		r.roll(up, 0)
		return false
	}
	return done && len(r.d.Intents) == 0
}

// greens brings up a new machine beside each old one, without traffic. True: all are there, and well together.
func (r *reducer) greens() bool {
	uu := r.s.of(roleGreen)
	if !r.roll(uu, 0) {
		return false
	}
	if r.s.CutOver || r.off.broken(ruleVerify) {
		return true
	}
	for _, u := range uu {
		if !r.steady(u, 0, r.t.Stable) {
			return false
		}
	}
	return r.alone()
}

// cutover sends traffic to the new machines. It is written down before the first of them gets any, and from then on
// they are not taken away again. True: all have traffic, and are well.
func (r *reducer) cutover() bool {
	s := r.s
	if !s.CutOver && s.Paused != "" {
		r.wait("paused: " + s.Paused)
		return false
	}
	if !s.CutOver {
		if r.claim(Cutover) {
			r.record(Record{Kind: RecCutover})
		}
		return false
	}
	all := true
	last := s.cutAt
	for _, u := range s.of(roleGreen) {
		m, a := r.o.of(u), &u.uncordon
		last = later(last, a.ended)
		switch {
		case m == nil || a.pending || a.word != "" && !r.since(a.ended):
			all = false
			r.wait("the new machines to get traffic")
		case !m.Cordoned || m.Lost:
		case a.word == Refused || r.spent(a):
			r.fail(fmt.Sprintf("machine %s gets no traffic: %s", m.ID, a.text))
			return false
		default:
			all = false
			r.wait("the new machines to get traffic")
			if r.free() && r.held(m.ID) && !r.now.Before(a.ended.Add(r.backoff(a))) {
				r.do(Intent{Verb: VerbUncordon, Machine: m.ID, Key: u.key})
			}
		}
	}
	if !all {
		return false
	}
	for _, u := range s.of(roleGreen) {
		m := r.o.of(u)
		if m.Lost || r.p.Targets[u.target].Cold() {
			continue
		}
		tr := r.o.track(m.ID)
		if !tr.idle && (tr.good.looks < r.t.Good || r.o.At.Sub(later(last, tr.good.since)) < r.t.Stable) {
			r.wait("the new machines to be well with traffic")
			return false
		}
	}
	return true
}

// clean removes what is not needed any more, once it is committed, and ends. What cannot be removed is named.
func (r *reducer) clean() {
	if r.p.Strategy == StrategyBlueGreen && (!r.leases() || !r.claim(Cleaning) || !r.retire()) {
		return
	}
	if !r.tidy() {
		return
	}
	if len(r.d.Records) > 0 {
		return
	}
	why := ""
	for i := range r.s.units {
		if u := &r.s.units[i]; u.gaveUp != "" {
			if why != "" {
				why += "; "
			}
			why += u.gaveUp
		}
	}
	r.finish(Deployed, why)
}

// retire takes the old machines out of the traffic, all of them, then stops and destroys them.
func (r *reducer) retire() bool {
	blues := r.s.of(roleTarget)
	done, drained := true, true
	for _, u := range blues {
		m, a := r.o.of(u), &u.cordon
		if m == nil || m.Cordoned || u.gaveUp != "" || u.stop.n > 0 || u.destroy.n > 0 {
			if a.word != "" && r.o.At.Sub(a.ended) < r.t.Drain {
				drained = false
				r.wait("requests to the old machines to end")
			}
			continue
		}
		switch {
		case m.Lost:
			if r.lostFor(m) >= max(r.t.Settle, 1) {
				r.record(Record{Kind: RecGaveUp, Machine: u.id, Text: fmt.Sprintf("machine %s is left over: its host cannot be reached", u.id)})
			}
			drained = false
		case a.pending || a.word != "" && (!r.since(a.ended) || r.now.Before(a.ended.Add(r.backoff(a)))):
			drained = false
		case r.spent(a) || a.word == Refused:
			// It is destroyed all the same.
		default:
			drained = false
			if r.free() && r.held(m.ID) {
				r.do(Intent{Verb: VerbCordon, Machine: m.ID})
			}
		}
	}
	if len(r.d.Records) > 0 {
		return false
	}
	if !drained {
		if r.d.Waiting == "" {
			r.wait("the old machines to be out of the traffic")
		}
		return false
	}
	for _, u := range blues[1:] {
		done = r.remove(u) && done
	}
	// The first machine carries the mark: what is left to do without it nobody else needs to know of.
	switch {
	case !done:
		r.still(blues[0])
	case r.close("complete", ""):
		done = r.remove(blues[0])
	default:
		done = false
	}
	return done && len(r.d.Records) == 0 && len(r.d.Intents) == 0
}

// still stops a machine that is removed later.
func (r *reducer) still(u *unit) {
	if m := r.o.of(u); m != nil && !m.Lost && u.gaveUp == "" && !u.pending() && u.stop.n == 0 && m.State == Started && r.held(m.ID) && r.free() {
		r.do(Intent{Verb: VerbStop, Machine: m.ID})
	}
}

// remove stops and destroys a machine. True: it is gone, or was given up.
func (r *reducer) remove(u *unit) bool {
	m, a := r.o.of(u), &u.destroy
	name := "machine " + u.id
	if m != nil {
		name = "machine " + m.ID
	}
	made := &u.put[0]
	switch {
	case u.gaveUp != "":
		return true
	case u.pending():
	case m == nil && u.role != roleTarget && made.word == "":
		return true // it never was
	case m == nil && a.word == Done && r.since(a.ended):
		return true
	case m == nil:
		if r.gone(u, later(r.settling(made), a.ended)) {
			return true
		}
	case a.word != "" && !r.since(a.ended):
	case m.Lost:
		if r.lostFor(m) >= max(r.t.Settle, 1) {
			r.record(Record{Kind: RecGaveUp, Machine: m.ID, Key: u.key, Text: name + " is left over: its host cannot be reached"})
		}
	case r.spent(a) || a.word == Refused:
		r.record(Record{Kind: RecGaveUp, Machine: m.ID, Key: u.key, Text: fmt.Sprintf("%s is left over: it could not be destroyed: %s", name, a.text)})
	case !r.held(m.ID) || !r.free():
	case u.role == roleTarget && u.stop.n == 0 && m.State == Started:
		r.do(Intent{Verb: VerbStop, Machine: m.ID, Key: u.key})
	case u.role == roleTarget && u.stop.n > 0 && m.State == Started && r.o.At.Sub(u.stop.ended) < r.t.Settle+r.t.Drain:
	case r.now.Before(a.ended.Add(r.backoff(a))) && a.word != "":
	default:
		r.do(Intent{Verb: VerbDestroy, Machine: m.ID, Key: u.key})
	}
	r.wait(name + " to be removed")
	return false
}

// tidy removes what was made twice, or for nothing. True: nothing of that is left, or it was given up.
func (r *reducer) tidy() bool {
	if r.off.broken(ruleDoubles) {
		return true
	}
	clean := r.tidyRuns()
	for i := range r.s.units {
		u := &r.s.units[i]
		if u.role == roleTarget {
			continue
		}
		// A making whose outcome is unclear may show up late.
		if a := &u.put[0]; a.n > a.busy+1 && a.word == Done && !r.settled(a) {
			r.wait("what was made twice to show")
			clean = false
		}
		for _, m := range r.o.doubles(u) {
			if !r.discard(m.ID, "") {
				clean = false
			}
		}
	}
	return clean && len(r.d.Intents) == 0
}
