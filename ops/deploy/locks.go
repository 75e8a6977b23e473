package deploy

import (
	"fmt"
	"time"
)

// held tells whether a machine's lease is ours, and will be for long enough to begin something.
func (r *reducer) held(machine string) bool {
	if r.off.broken(ruleFence | ruleLeaseFirst) {
		return true
	}
	l := r.o.leases[machine]
	return l.held(r.now.Add(r.t.LeaseTTL/5)) && !l.doubt
}

// leases keeps every machine of the deployment held. True: they are, as far as machines can be reached, and the next
// step may be taken.
func (r *reducer) leases() bool {
	s := r.s
	if r.off.broken(ruleLeaseFirst) && !s.Locked {
		r.record(Record{Kind: RecLocked})
		return false
	}
	all, waiting := true, ""
	var last, until time.Time
	ours := true // all that is waited for is a lease of our own to end
	for i := range s.units {
		u := &s.units[i]
		m := r.o.of(u)
		if m == nil || u.gaveUp != "" || s.Locked && m.Lost {
			continue
		}
		if m.Lost && r.o.track(m.ID).lost.looks >= sure {
			r.back(fmt.Sprintf("the host of machine %s cannot be reached", u.id))
			return false
		}
		ok, why := r.lease(m)
		if len(r.d.Records) > 0 {
			return false
		}
		if l := r.o.leases[m.ID]; l != nil && l.at.After(last) {
			last = l.at
		}
		if !ok {
			all, waiting = false, why
		}
		switch l := r.o.leases[m.ID]; {
		case l.held(r.now):
			until = earlier(until, l.expires.Add(-r.t.LeaseTTL*2/3))
		case l != nil && l.kept:
			ours = false
		case m.Lease != nil && !r.foreign(m) && m.Lease.Expires.After(r.now) && (l == nil || !l.pending && r.since(l.at)):
			until = earlier(until, m.Lease.Expires)
		default:
			ours = false
		}
	}
	switch {
	case all && s.Locked:
		return true
	case all:
		r.lock(last)
	case !s.Locked && r.now.Sub(r.from(s.bound)) > r.t.LeaseWait+r.t.LeaseTTL:
		r.back(waiting)
	default:
		r.wait(waiting)
		if ours && len(r.d.Intents) == 0 {
			r.d.Until = until
		}
	}
	return false
}

// earlier is the earlier of two times, of which the first may not be set yet.
func earlier(a, b time.Time) time.Time {
	if a.IsZero() || b.Before(a) {
		return b
	}
	return a
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// lease keeps one machine held; why says what is in the way.
func (r *reducer) lease(m *Machine) (ok bool, why string) {
	l := r.o.leases[m.ID]
	switch {
	case l.held(r.now) && !l.doubt && r.foreign(m) && r.since(l.at):
		// Ours by our clock, and the platform shows another's.
	case l.held(r.now):
		left := l.expires.Sub(r.now)
		due := (left < r.t.LeaseTTL*2/3 || l.doubt) && !r.off.broken(ruleRenew)
		if due && !l.pending && (l.word == Done || !r.now.Before(l.at.Add(r.t.Poll))) {
			r.do(Intent{Verb: VerbRenew, Machine: m.ID})
		}
		return r.held(m.ID) && !l.doubt, fmt.Sprintf("the lease of machine %s, which is about to end, to be renewed", m.ID)
	case l != nil && l.pending:
		return false, "the lease of machine " + m.ID
	case l != nil && !r.since(l.at):
		return false, "a look at machine " + m.ID
	}
	if h := m.Lease; h != nil && h.Expires.After(r.o.At) {
		if l != nil && l.kept && !r.foreign(m) {
			if l.word == "" || !r.now.Before(l.at.Add(r.t.Poll)) {
				r.do(Intent{Verb: VerbRenew, Machine: m.ID})
			}
			return false, fmt.Sprintf("the lease of machine %s, which was held from here before, to be renewed", m.ID)
		}
		if !r.foreign(m) {
			return false, fmt.Sprintf("our own lease of machine %s from before, which ends at %s", m.ID, h.Expires.UTC().Format("15:04:05Z"))
		}
		why = fmt.Sprintf("machine %s is held by %s until %s", m.ID, holder(h), h.Expires.UTC().Format("15:04:05Z"))
		if r.s.Locked && !r.off.broken(ruleFence) {
			r.lostTo(h, why)
		} else if !r.s.Locked && r.now.Sub(r.from(r.s.bound)) > r.t.LeaseWait {
			r.back(why)
		}
		return false, why
	}
	if l != nil && l.word != Done && r.now.Before(l.at.Add(r.t.Poll)) {
		return false, "the lease of machine " + m.ID
	}
	if l != nil && l.word == Refused && !r.s.Locked {
		r.back(fmt.Sprintf("the lease of machine %s is refused: %s", m.ID, l.text))
		return false, ""
	}
	if r.free() {
		r.do(Intent{Verb: VerbLease, Machine: m.ID})
	}
	return false, "the lease of machine " + m.ID
}

// foreign tells whether somebody else holds a machine. A later process of the same deployment is somebody else: it has
// taken over.
func (r *reducer) foreign(m *Machine) bool {
	h := m.Lease
	if h == nil || !h.Expires.After(r.o.At) {
		return false
	}
	who, ours := ParseLessee(h.Description)
	return !ours || who.Deploy != r.p.ID || !r.s.mine(who.Session, who.Holder)
}

// lostTo stops a deployment one of whose machines another holds.
func (r *reducer) lostTo(h *Held, why string) {
	if who, ours := ParseLessee(h.Description); ours && who.Deploy == r.p.ID && r.s.announced {
		r.taken(who.Holder, fmt.Sprintf("%s has taken it over: %s", who.Holder, why))
		return
	}
	r.lost(why)
}

func holder(h *Held) string {
	switch {
	case h.Description != "":
		return h.Description
	case h.Owner != "":
		return h.Owner
	}
	return "somebody else"
}

// regain takes the lease of a machine back for the last thing to do on it: a process that took the deployment up after it was
// committed holds nothing. False: it is held, or cannot be had.
func (r *reducer) regain(u *unit) bool {
	m, l := r.o.of(u), r.o.leases[u.id]
	switch {
	case m == nil || m.Lost || r.held(u.id) || r.foreign(m):
		return false
	case l != nil && !l.pending && l.word != "" && l.word != Done:
		return false // it was tried
	}
	r.lease(m)
	return true
}

// lost stops a deployment whose machines are not its own any more.
func (r *reducer) lost(why string) {
	if r.s.altered() {
		r.halt(HaltLease, why)
		return
	}
	r.back(why)
}

// lock checks, with every machine held, that they are what the plan was made for.
func (r *reducer) lock(last time.Time) {
	if !r.since(last) {
		r.wait("a look at the machines that are held")
		return
	}
	for i := range r.s.units[:len(r.p.Targets)] {
		u, t := &r.s.units[i], &r.p.Targets[i]
		m := r.o.of(u)
		switch {
		case m == nil:
			if r.gone(u, time.Time{}) {
				r.back(fmt.Sprintf("machine %s is not there any more: make the plan again", u.id))
			} else {
				r.wait("machine " + u.id + " to be in the list")
			}
			return
		case m.Lost:
			r.back(fmt.Sprintf("the host of machine %s cannot be reached", u.id))
			return
		case m.Version != t.Prev.Version && !r.off.broken(ruleUnchanged):
			r.back(fmt.Sprintf("machine %s was changed since the plan was made: make it again", u.id))
			return
		}
	}
	switch why, maybe := r.stranger(); {
	case why != "":
		r.back(why + ": make the plan again")
		return
	case maybe:
		return
	}
	r.record(Record{Kind: RecLocked})
}

// gone tells whether a machine is certainly not there any more: not in several complete lists, for long enough.
func (r *reducer) gone(u *unit, after time.Time) bool {
	k := r.o.absent[u.name()]
	return k.firm(after) && r.o.At.Sub(k.since) >= r.t.Settle
}

// stranger names a machine of the plan's groups that nobody planned for. maybe: one was seen, but not often enough yet.
func (r *reducer) stranger() (why string, maybe bool) {
	for i := range r.o.Machines {
		m := &r.o.Machines[i]
		switch {
		case r.planned(m):
		case r.o.track(m.ID).same.looks >= sure:
			return fmt.Sprintf("machine %s of group %s appeared, which is not in the plan", m.ID, m.Group), false
		default:
			maybe = true
			r.wait("machine " + m.ID + ", which is not in the plan, to be there or not")
		}
	}
	return "", maybe
}

func (r *reducer) planned(m *Machine) bool {
	group := false
	for i := range r.p.Groups {
		group = group || r.p.Groups[i].Name == m.Group
	}
	if !group || m.State == Destroyed || r.o.expects[m.ID] != nil {
		return true
	}
	for _, id := range r.p.Others {
		if id == m.ID {
			return true
		}
	}
	return m.Key != "" && r.s.find("", m.Key) != nil
}

// letGo gives the leases back, each once, and ends.
func (r *reducer) letGo() {
	busy := false
	for i := range r.s.units {
		u := &r.s.units[i]
		id := u.id
		if m := r.o.of(u); m != nil {
			id = m.ID
		}
		l := r.o.leases[id]
		switch {
		case l == nil || l.free:
		case l.pending:
			busy = true
		case l.held(r.now):
			r.do(Intent{Verb: VerbRelease, Machine: id})
		}
	}
	if len(r.s.open) > 0 {
		busy = true
	}
	r.d.Over = !busy && len(r.d.Intents) == 0
	if busy {
		r.wait("calls under way")
	}
}
