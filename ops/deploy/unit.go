package deploy

import "time"

// role is what a machine is for.
type role string

const (
	roleTarget role = "" // it was there before
	roleCanary role = "canary"
	roleGreen  role = "green"
)

// unit is what the journal says of one machine that is steered: those of the plan in its order, then those made for it.
type unit struct {
	target  int // in Plan.Targets
	role    role
	key     string // of one that was made
	id      string // empty: one to be made, of which the platform's id is not in the journal
	touched bool   // its configuration may have been changed, or it may have been made

	put      [2]attempt // by side: update, or create
	restart  [2]attempt
	start    [2]attempt
	stop     attempt
	cordon   attempt
	uncordon attempt
	destroy  attempt
	healthy  [2]bool
	gaveUp   string
	sick     string

	changed time.Time     // its latest change was begun
	took    time.Duration // from that until it was healthy
}

// attempt is the history of one kind of call for one thing.
type attempt struct {
	busy    int       // of them, those for which the platform had no time
	n       int       // begun since the beginning, or since somebody asked to try again
	first   time.Time // of them
	began   time.Time // the latest
	pending bool
	word    Word      // of the latest that ended; empty: none did
	ended   time.Time // when
	text    string
	version string // answered by the latest that was Done
	machine string
	verdict Verdict
	seen    []string // Intent.Prior of the latest
}

func (a *attempt) begin(at time.Time, in *Intent) {
	if a.n == 0 {
		a.first = at
	}
	a.n++
	a.began = at
	a.pending = true
	a.seen = in.Prior
}

func (a *attempt) end(at time.Time, w Word, ans *Answer, text string) {
	a.pending, a.word, a.ended, a.text = false, w, at, text
	a.version, a.machine, a.verdict = "", "", ""
	if w == Busy {
		a.busy++
	}
	if ans != nil && w == Done {
		a.version, a.machine, a.verdict = ans.Version, ans.Machine, ans.Verdict
		if a.text == "" {
			a.text = ans.Text
		}
	}
}

// tries is how often it was really tried.
func (a *attempt) tries() int { return a.n - a.busy }

// again lets it be tried as if it had not been, but for what is still settling.
func (a *attempt) again() {
	a.n, a.busy, a.first = 0, 0, time.Time{}
	if a.word == Refused || a.verdict != "" {
		a.word, a.verdict = Conflict, ""
	}
}

// attempt lets f change the history that an intent belongs to; false where there is none.
func (s *State) attempt(in *Intent, f func(*attempt)) bool {
	switch in.Verb {
	case VerbGate:
		for i := range s.Plan.Gates {
			if s.Plan.Gates[i].Name == in.Gate {
				f(&s.gates[i])
				return true
			}
		}
		return false
	case VerbClaim:
		f(&s.claim)
	case VerbOpen:
		f(&s.opened)
	case VerbClose:
		f(&s.closed)
	case VerbPrepare:
		f(&s.prepare)
	case VerbStartRun:
		f(&s.startRun)
	case VerbDiscard:
		a := s.discards[in.Machine]
		f(&a)
		s.discards[in.Machine] = a
	default:
		u := s.unit(in)
		if u == nil {
			return false
		}
		a := u.attempt(in)
		if a == nil {
			return false
		}
		f(a)
	}
	return true
}

func (u *unit) attempt(in *Intent) *attempt {
	i := sideIndex(in.Side)
	switch in.Verb {
	case VerbUpdate, VerbCreate:
		return &u.put[i]
	case VerbRestart:
		return &u.restart[i]
	case VerbStart:
		return &u.start[i]
	case VerbStop:
		return &u.stop
	case VerbCordon:
		return &u.cordon
	case VerbUncordon:
		return &u.uncordon
	case VerbDestroy:
		return &u.destroy
	}
	return nil
}
