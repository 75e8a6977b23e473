package deploy

import (
	"slices"
	"strings"
	"time"
)

// backward takes the next step towards what was there before.
func (r *reducer) backward() {
	if !r.runEnded() {
		return
	}
	s := r.s
	if (s.Migrated || s.RunLeft) && r.p.Old.Able != Able && !s.Force && !r.off.broken(ruleEligible) {
		why := r.p.Old.Reason
		if why == "" {
			why = "it is not known whether the old release works with the schema as it is now"
		}
		r.halt(HaltSchema, s.Back+"; it does not go back by itself: "+why)
		return
	}
	if !r.unmake() || !r.putBack() || !r.tidy() || len(r.d.Records) > 0 {
		return
	}
	if why := r.givenUp(); why != "" {
		r.halt(HaltRollback, s.Back+"; not everything could be put back: "+why)
		return
	}
	out := RolledBack
	if !s.altered() {
		out = Unchanged
	}
	r.finish(out, s.Back)
}

// unmake removes the machines that were made.
func (r *reducer) unmake() bool {
	done := true
	for i := range r.s.units {
		if u := &r.s.units[i]; u.role != roleTarget {
			done = r.remove(u) && done
		}
	}
	return done && len(r.d.Records) == 0 && len(r.d.Intents) == 0
}

// putBack gives every machine that may have been changed what it had, the latest first, and sees the fleet well.
func (r *reducer) putBack() bool {
	var touched []*unit
	for _, u := range slices.Backward(r.s.of(roleTarget)) {
		if u.touched && (!r.off.broken(ruleTouched) || u.healthy[0] || u.healthy[1]) {
			touched = append(touched, u)
		}
	}
	if !r.roll(touched, 1) {
		return false
	}
	if r.s.Verified[1] || r.off.broken(ruleVerify) {
		return true
	}
	long := r.t.Stable
	if r.s.RunBad {
		long = max(long, r.t.Soak) // what it did before it failed is judged by how the old release does now
	}
	from := r.from(later(r.s.steadyAt, r.s.ranAt))
	for _, u := range r.s.of(roleTarget) {
		if r.steady(u, 1, long) {
			continue
		}
		m := r.o.of(u)
		switch {
		case r.o.At.Sub(from) < r.t.Health+long, m == nil && !r.gone(u, time.Time{}), m != nil && r.o.track(m.ID).bad.looks < r.t.Bad:
			return false
		}
		why := "machine " + u.id + " is not there"
		if m != nil {
			why = "machine " + u.id + " is not well with the old release: " + failing(m, nil)
		}
		if r.s.RunBad || r.s.Migrated || r.s.RunLeft {
			r.halt(HaltSchema, r.s.Back+"; and "+why)
		} else {
			r.record(Record{Kind: RecGaveUp, Machine: u.id, Text: why})
		}
		return false
	}
	r.record(Record{Kind: RecVerified, Side: Old})
	return false
}

// givenUp says what could not be put back, and why.
func (r *reducer) givenUp() string {
	var out []string
	for i := range r.s.units {
		if why := r.s.units[i].gaveUp; why != "" {
			out = append(out, why)
		}
	}
	return strings.Join(out, "; ")
}

// unfinished says what is not where it is to be.
func (r *reducer) unfinished() string {
	if why := r.givenUp(); why != "" {
		return why
	}
	for i := range r.s.units {
		if u := &r.s.units[i]; u.touched && !u.healthy[1] {
			return "machine " + u.name()
		}
	}
	if r.d.Waiting != "" {
		return r.d.Waiting
	}
	return "the old release was not seen well"
}
