package deploy

import (
	"fmt"
	"strings"
)

// The mark on the first machine says how far a deployment is, for whoever has no journal of it. It is written before each
// step that somebody without the journal has to know of: before the release command is started, after it was seen to end
// well, before the first machine changes, before the traffic moves, when it goes back, when it is committed, and when a
// process takes it up. What it does not say counts as not known to whoever goes on from it.

// order is that of the marks on the way forward.
var order = map[Phase]int{
	Announcing: 1, Migrating: 2, Soaking: 3, Canarying: 4, GreenUp: 4, Rolling: 5, Verifying: 6, Cutover: 7, Cleaning: 8,
}

// firstChange is the phase in which the first machine changes.
func (p *Plan) firstChange() Phase {
	switch p.Strategy {
	case StrategyCanary:
		return Canarying
	case StrategyBlueGreen:
		return GreenUp
	case StrategyRolling, StrategyImmediate:
	}
	return Rolling
}

// backwards tells whether a mark is of a deployment that goes back.
func backwards(p Phase) bool { return p == Reverting || p == Rechecking }

// marked has the mark say whose it is and in which direction it goes. True: it does, or that does not matter.
func (r *reducer) marked() bool {
	s := r.s
	switch {
	case !s.announced && !s.unmarked, s.claimed == Ended:
		return true
	case !s.claim.pending && s.claimedIn == s.Session && s.claimed != Parked && backwards(s.claimed) == (s.Back != ""):
		return true
	}
	return r.claim(s.Phase())
}

// passed tells whether the mark says already that it got to a phase, or further.
func (r *reducer) passed(phase Phase) bool {
	s := r.s
	if order[phase] > 0 && order[s.claimed] > order[phase] {
		return true
	}
	return s.claimed == phase && r.claimed() && (phase != Migrating || s.claimedRun != "")
}

// claimTries is how often a mark is tried that may be missing.
const claimTries = 2

// claimed tells whether the latest mark was written, or tried often enough. One that has to be there was only tried.
func (r *reducer) claimed() bool {
	s, a := r.s, &r.s.claim
	if s.needs(s.claimed) {
		return a.word == Done
	}
	return !a.pending && (a.word == Done || a.word == Gone || a.word == Refused && !s.copying || a.n >= claimTries && a.word != "")
}

// needs tells whether nothing may be done before a mark is seen to be written: somebody without it would do harm.
func (s *State) needs(p Phase) bool {
	switch p {
	case Announcing:
		return !s.announced
	case Migrating:
		return !s.runBegun()
	case Cutover:
		return !s.CutOver
	}
	return false
}

// claim writes onto the first machine how far it is. True: it is done, or does not matter.
func (r *reducer) claim(phase Phase) bool {
	s, a := r.s, &r.s.claim
	first := &s.units[0]
	m := r.o.of(first)
	must := s.needs(phase)
	switch {
	case a.pending:
		r.wait("the mark on machine " + first.id)
		return false
	case phase == Announcing && s.announced, phase == Parked && s.claimed == Ended:
		return true
	case phase != Ended && phase != Announcing && s.claimedIn == s.Session && r.passed(phase):
		return true
	case phase == Ended && s.claimed == Ended && (a.word == Done || a.word == Refused || a.word == Gone || a.n >= 4*r.t.Tries):
		return true // one that may not have been written, because this was cut off, is written again
	case phase == Ended && s.claimed == "":
		return true // there is nothing to take back
	case must && m != nil && m.Lost && r.lostFor(m) > r.t.Health:
		return r.without(phase, fmt.Sprintf("the host of machine %s cannot be reached", first.id))
	case phase == Ended && r.regain(first):
		r.wait("the lease of machine " + first.id)
		return false
	case must && m == nil && r.gone(first, later(s.claim.ended, s.sessionAt)):
		return r.without(phase, fmt.Sprintf("machine %s is not there any more: somebody destroyed it", first.id))
	case m == nil || m.Lost || !r.held(first.id):
		if must {
			r.wait("machine " + first.id)
		}
		return !must
	case must && s.claimed == phase && (r.spent(a) || a.word == Refused && !s.copying):
		r.back(fmt.Sprintf("the mark that it is under way could not be written onto machine %s: %s", first.id, a.text))
		return false
	case s.claimed == phase && r.now.Before(a.ended.Add(r.backoff(a))), s.claimed != phase && !r.since(s.doubtAt.Add(r.t.Settle)):
		r.wait("the mark on machine " + first.id) // one of before that comes late must not stay
		return false
	}
	in := Intent{Verb: VerbClaim, Machine: first.id, Status: string(phase), Copy: phase != Ended && !s.copied && s.noCopy == ""}
	if phase == Migrating {
		in.Target = s.runnerOr(r.run())
	}
	r.do(in)
	return false
}

// retracted has the mark not name a release command any more that will never be started: whoever goes on from it would look for
// what has become of it. True: it does not, or that was tried.
func (r *reducer) retracted() bool {
	s := r.s
	named := s.claimed == Migrating && s.claimedRun != "" || s.claimed == Reverting
	return !named || r.claim(Reverting)
}

// without goes on without the mark where nobody can be misled by it: who cannot read it sees by the new machines' traffic that
// it was cut over. Where nothing is changed yet it goes back.
func (r *reducer) without(phase Phase, why string) bool {
	if phase == Cutover {
		return true
	}
	r.back(why)
	return false
}

// kept notes, once, where nobody else can go on with it.
func (r *reducer) kept() bool {
	s := r.s
	if s.copied || s.noCopy == "" || !s.announced {
		return true
	}
	s.note(r, "only where its journal is can it be gone on with: the plan could not be kept on the platform: "+s.noCopy)
	return len(r.d.Records) == 0
}

// Somebody is who has taken a deployment over where that is not known.
const Somebody = "somebody"

// overtaken stops a deployment that somebody else has taken over, or brought to its end: the mark on its first machine is
// not its own any more. True: it was, or it may have been, and nothing is done before that is known.
func (r *reducer) overtaken() bool {
	s := r.s
	first := &s.units[0]
	m := r.o.of(first)
	if r.off.broken(ruleFence) || !s.announced || s.unmarked || s.claimed == Ended || m == nil || m.Lost || s.marks(m) ||
		s.claim.pending || first.pending() || !r.since(later(s.claim.ended, r.latest(first))) {
		return false
	}
	after := later(later(s.claim.ended, r.latest(first)), s.sessionAt)
	if m.Head == "" {
		if !r.o.marked && s.claimedIn == s.Session {
			return false // it is not shown yet what this process has written
		}
		after = after.Add(r.t.Settle)
	}
	if !r.o.alien.firm(after) {
		r.leases()
		r.wait("machine " + m.ID + " to say whose it is")
		return true
	}
	h, ok := ParseHead(m.Head)
	switch {
	case m.Head == "":
		r.taken(Somebody, fmt.Sprintf("its mark on machine %s is not there any more: somebody else has brought it to its end, or begun another", m.ID))
	case !ok:
		r.taken(Somebody, fmt.Sprintf("the mark on machine %s is of another version of this program", m.ID))
	case h.Deploy != r.p.ID:
		r.taken(h.Holder, fmt.Sprintf("machine %s carries the mark of %s", m.ID, h.Whose()))
	default:
		r.taken(h.Holder, fmt.Sprintf("%s has taken it over, and was %s when heard of last", h.Holder, strings.ReplaceAll(string(h.Phase), "_", " ")))
	}
	return true
}

// marks tells whether a machine carries the mark of this deployment as this journal knows it.
func (s *State) marks(m *Machine) bool {
	h, ok := ParseHead(m.Head)
	return ok && h.Deploy == s.Plan.ID && s.mine(h.Session, h.Holder)
}

// mine tells whether a session of this deployment was one of this journal, or of the one that this journal was made from.
func (s *State) mine(session int, holder string) bool {
	if session < 1 || session > len(s.holders) {
		return false
	}
	who := s.holders[session-1]
	return who == "" || who == holder
}

// taken stops a deployment that is another's now.
func (r *reducer) taken(by, why string) {
	r.record(Record{Kind: RecHalt, Halt: HaltLease, Text: why, By: by})
}
