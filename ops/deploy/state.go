package deploy

import (
	"errors"
	"fmt"
	"time"

	"ops-console/ops/deploy/journal"
)

// State is what a journal says, and nothing else: folding the same records again gives the same state.
type State struct {
	Plan *Plan
	Hash string // of the plan

	phase   Phase                   // after the latest record
	phaseAt time.Time               // since when
	took    map[Phase]time.Duration // by the phases that are over

	Seq     int // of the latest record
	At      time.Time
	Head    string // hash of the latest record
	Began   time.Time
	Session int
	Holder  string
	From    *Head // of whom it was taken over; nil: it began here

	Locked   bool
	Migrated bool   // the release command ended well
	RunCode  int    // of one that did not
	RunBad   bool   // it ended badly
	RunText  string // the end of its output
	RunLeft  bool   // somebody decided to go on though its end is not known
	Soaked   bool
	CutOver  bool
	Verified [2]bool // by side
	Commit   bool
	Back     string // why it goes back; empty: it goes forward
	BackBy   string
	Force    bool // going back is wanted though the old release may not work with the schema
	Halt     Halt
	Reason   string // of the halt, or of the end
	Outcome  Outcome
	Paused   string // why no further machine is begun; empty: it is not paused
	PausedBy string // empty: by a guard
	// Overruled is who said to go on in spite of a guard: none pauses it any more. Empty: nobody.
	Overruled string
	Abort     string // who asked for it, while that is not done; empty: nobody
	Record    *ReleaseRecord
	Notes     []string
	TakenBy   string // who has taken it over, where it stands still because of that

	units      []unit
	open       map[int]Intent // begun, without a result
	calls      int            // begun
	gates      []attempt
	claim      attempt
	claimed    Phase     // of the latest claim that was tried
	claimedIn  int       // in which session
	claimedRun string    // machine of the release command that it names
	doubtAt    time.Time // the latest claim ended of which it is not known whether it was done: it may come late
	copying    bool      // it was with the copy of the plan
	announced  bool      // the first claim was written
	unmarked   bool      // its mark is not there, and somebody has said to go on all the same
	copied     bool      // the copy of the plan was written
	copyTries  int       // of which it is not known whether it was
	noCopy     string    // why it is not
	holders    []string  // of each session; empty: of those before it was taken over
	opened     attempt
	closed     attempt
	prepare    attempt
	startRun   attempt
	runsOn     bool               // it stands still because the release command still runs
	runner     string             // machine of the release command that was, or is to be, started
	discards   map[string]attempt // by machine
	sessionAt  time.Time
	lockedAt   time.Time
	ranAt      time.Time // the release command ended
	backAt     time.Time
	bound      time.Time // from which Timings.Total counts
	cutAt      time.Time
	pausedAt   time.Time
	closedAs   string    // status of the latest close that was tried
	leave      string    // who asked to leave it as it is
	steadyAt   time.Time // latest record that a machine is healthy
	commitAt   time.Time
}

func sideIndex(s Side) int {
	if s == Old {
		return 1
	}
	return 0
}

// Fold reads a journal's entries into a state. An error means that a record makes no sense where it is: the journal
// must not be acted upon.
func Fold(entries []journal.Entry) (*State, error) {
	if len(entries) == 0 {
		return nil, errors.New("the journal is empty: nothing was begun")
	}
	s := &State{}
	for _, e := range entries {
		r, err := decodeRecord(e)
		if err != nil {
			return nil, err
		}
		if err := s.apply(r, e.Hash); err != nil {
			return nil, fmt.Errorf("record %d (%s): %w", e.Seq, e.Kind, err)
		}
	}
	return s, nil
}

// apply takes one record in.
func (s *State) apply(r Record, hash string) error {
	if (s.Plan == nil) != (r.Kind == RecBegin) {
		return errors.New("a journal begins with its plan, and has one")
	}
	f := folds[r.Kind]
	if f == nil {
		return errors.New("a kind of record that is not known: it was written by another version")
	}
	if s.Outcome != "" {
		return errors.New("it comes after the end")
	}
	if err := f(s, &r); err != nil {
		return err
	}
	s.Seq, s.At, s.Head = r.Seq, r.At, hash
	if ph := s.Phase(); ph != s.phase {
		if s.phase != "" {
			s.took[s.phase] += r.At.Sub(s.phaseAt)
		}
		s.phase, s.phaseAt = ph, r.At
	}
	return nil
}

var folds = map[RecordKind]func(*State, *Record) error{
	RecBegin:    (*State).begin,
	RecSession:  (*State).session,
	RecAdopted:  (*State).adopted,
	RecIntent:   (*State).intent,
	RecResult:   (*State).result,
	RecHealthy:  (*State).wasHealthy,
	RecSick:     (*State).wasSick,
	RecGaveUp:   (*State).gaveUp,
	RecRequest:  (*State).request,
	RecLocked:   func(s *State, r *Record) error { s.Locked, s.lockedAt = true, r.At; return nil },
	RecMigrated: func(s *State, r *Record) error { s.Migrated, s.ranAt = true, r.At; return nil },
	RecRunBad: func(s *State, r *Record) error {
		s.RunBad, s.RunCode, s.RunText, s.ranAt = true, r.Code, r.Text, r.At
		return nil
	},
	RecSoaked:   func(s *State, _ *Record) error { s.Soaked = true; return nil },
	RecCutover:  func(s *State, r *Record) error { s.CutOver, s.cutAt = true, r.At; return nil },
	RecVerified: func(s *State, r *Record) error { s.Verified[sideIndex(r.Side)] = true; return nil },
	RecCommit:   func(s *State, r *Record) error { s.Commit, s.commitAt = true, r.At; return nil },
	RecPaused:   func(s *State, r *Record) error { s.Paused, s.pausedAt = r.Text, r.At; return nil },
	RecGoesOn:   func(s *State, _ *Record) error { s.Paused, s.PausedBy = "", ""; return nil },
	RecHalt: func(s *State, r *Record) error {
		s.Halt, s.Reason, s.runsOn, s.TakenBy = r.Halt, r.Text, r.Machine != "", r.By
		return nil
	},
	RecEnd:    func(s *State, r *Record) error { s.Outcome, s.Reason = r.Outcome, r.Text; return nil },
	RecOpened: func(s *State, r *Record) error { s.Record = r.Record; return nil },
	RecNote:   func(s *State, r *Record) error { s.Notes = append(s.Notes, r.Text); return nil },
	RecBack: func(s *State, r *Record) error {
		if s.CutOver || s.Commit {
			return errors.New("it goes back after the point of no return")
		}
		s.Back, s.BackBy, s.backAt, s.bound, s.Abort = r.Text, r.By, r.At, r.At, ""
		s.Paused, s.PausedBy = "", ""
		return nil
	},
}

func (s *State) begin(r *Record) error {
	if r.Plan == nil {
		return errors.New("it has no plan")
	}
	if err := r.Plan.Validate(); err != nil {
		return err
	}
	s.Plan, s.Hash, s.Began, s.bound = r.Plan, r.Hash, r.At, r.At
	s.units = make([]unit, len(r.Plan.Targets), len(r.Plan.Targets)+4)
	for i := range s.units {
		s.units[i] = unit{target: i, id: r.Plan.Targets[i].Machine}
	}
	s.units = append(s.units, r.Plan.made()...)
	s.open, s.discards, s.took = map[int]Intent{}, map[string]attempt{}, map[Phase]time.Duration{}
	s.gates = make([]attempt, len(r.Plan.Gates))
	return nil
}

// session takes the deployment up: whatever was under way may have happened, and may still.
func (s *State) session(r *Record) error {
	if r.Session != s.Session+1 {
		return fmt.Errorf("session %d follows session %d", r.Session, s.Session)
	}
	s.Session, s.Holder, s.sessionAt = r.Session, r.Holder, r.At
	s.holders = append(s.holders, r.Holder)
	for n, in := range s.open {
		s.attempt(&in, func(a *attempt) { a.end(r.At, Unclear, nil, "the console ended before the answer came") })
		s.doubt(&in, r.At)
		delete(s.open, n)
	}
	return nil
}

func (s *State) intent(r *Record) error {
	in := r.Intent
	if in == nil || in.N != s.calls+1 || in.Verb.Volatile() {
		return errors.New("an intent that does not follow")
	}
	if in.Verb == VerbClaim && (s.claimed != Phase(in.Status) || s.claimedIn != s.Session) {
		s.claim = attempt{} // each is tried by itself
	}
	if !s.attempt(in, func(a *attempt) { a.begin(r.At, in) }) {
		return fmt.Errorf("an intent to %s something that is not in the plan", in.Verb)
	}
	s.calls = in.N
	s.open[in.N] = *in
	switch in.Verb {
	case VerbUpdate, VerbCreate:
		s.unit(in).touched, s.unit(in).changed = true, r.At
		s.unit(in).healthy[1-sideIndex(in.Side)] = false
	case VerbClaim:
		s.claimed, s.claimedIn, s.claimedRun, s.copying = Phase(in.Status), s.Session, in.Target, in.Copy
		if in.Target != "" {
			s.runner = in.Target
		}
	case VerbClose:
		s.closedAs = in.Status
	case VerbStartRun:
		s.runner = in.Machine
	}
	return nil
}

func (s *State) result(r *Record) error {
	in, ok := s.open[r.N]
	if !ok {
		return fmt.Errorf("a result of call %d, which is not open", r.N)
	}
	delete(s.open, r.N)
	word := r.Word
	if in.Copy && in.Verb == VerbUpdate && word == Refused {
		word = Conflict // perhaps because of the copy: it is tried without
		s.copied = false
	}
	s.attempt(&in, func(a *attempt) { a.end(r.At, word, r.Answer, r.Text) })
	if word == Unclear {
		s.doubt(&in, r.At)
	}
	if in.Copy {
		s.copyTold(r)
	}
	if r.Word != Done || r.Answer == nil {
		return nil
	}
	switch in.Verb {
	case VerbClaim:
		s.announced, s.unmarked = true, false
	case VerbCreate:
		s.unit(&in).id = r.Answer.Machine
	case VerbOpen:
		s.Record = r.Answer.Record
	case VerbPrepare:
		if s.runner == "" {
			s.runner = r.Answer.Machine
		}
	}
	return nil
}

// doubt notes when a claim ended of which it is not known whether it was done.
func (s *State) doubt(in *Intent, at time.Time) {
	if in.Verb == VerbClaim {
		s.doubtAt = at
	}
}

// copyTries is how often the copy of the plan is written where it is not known whether that worked.
const copyTries = 2

// copyTold takes in what became of a call with the copy of the plan.
func (s *State) copyTold(r *Record) {
	switch r.Word {
	case Done:
		s.copied, s.noCopy = true, ""
	case Refused:
		s.noCopy = r.Text
	case Unclear:
		if s.copied {
			return // it was there before
		}
		if s.copyTries++; s.copyTries >= copyTries {
			s.noCopy = r.Text
		}
	case Conflict, Busy, Gone:
	}
}

// unit is the unit an intent is for, or nil.
func (s *State) unit(in *Intent) *unit { return s.find(in.Machine, in.Key) }

// find looks a unit up: by key where one is given, else by machine.
func (s *State) find(machine, key string) *unit {
	for i := range s.units {
		u := &s.units[i]
		if key != "" && u.key == key || key == "" && machine != "" && u.id == machine {
			return u
		}
	}
	return nil
}

func (s *State) named(r *Record) (*unit, error) {
	u := s.find(r.Machine, r.Key)
	if u == nil {
		return nil, fmt.Errorf("machine %q is not in the plan", r.Machine)
	}
	return u, nil
}

func (s *State) wasHealthy(r *Record) error {
	u, err := s.named(r)
	if err != nil {
		return err
	}
	if u.id == "" {
		u.id = r.Machine // found by its key: the answer to its creation was lost
	}
	u.healthy[sideIndex(r.Side)], u.sick, s.steadyAt = true, "", r.At
	if !u.changed.IsZero() {
		u.took = r.At.Sub(u.changed)
	}
	return nil
}

func (s *State) wasSick(r *Record) error {
	u, err := s.named(r)
	if err != nil {
		return err
	}
	u.healthy[sideIndex(r.Side)], u.sick = false, r.Text
	return nil
}

func (s *State) gaveUp(r *Record) error {
	u, err := s.named(r)
	if err != nil {
		return err
	}
	u.gaveUp = r.Text
	return nil
}

// request takes in what somebody asked for. What cannot be done any more has no effect.
func (s *State) request(r *Record) error {
	halted := s.Halt
	if halted == HaltLease && (r.Choice == Resume || r.Choice == Abort) {
		// Somebody has looked, and says that it is theirs: it is marked anew.
		s.TakenBy, s.unmarked, s.claimedIn, s.copied, s.noCopy, s.copyTries = "", true, 0, false, "", 0
	}
	switch r.Choice {
	case Pause:
		s.Paused, s.PausedBy, s.pausedAt = "asked for by "+r.By, r.By, r.At
		return nil
	case Abandon:
	case Abort, RollBackAnyway:
		s.Paused, s.PausedBy = "", ""
		if s.CutOver || s.Commit {
			return nil // there is no way back: a halt stays
		}
		s.Abort, s.Force = r.By, s.Force || r.Choice == RollBackAnyway
		if halted == HaltMigration && !s.runsOn {
			s.RunLeft = s.RunLeft || r.Choice == RollBackAnyway
		}
	case Forward:
		if s.Commit {
			return nil
		}
		s.anew()
		s.Back, s.BackBy, s.Abort, s.Force = "", "", "", false
		s.Soaked = s.Soaked || s.Migrated
	case Ran:
		if halted != HaltMigration || s.runsOn {
			return nil
		}
		s.Migrated, s.ranAt = true, r.At
	case Resume:
		if s.Paused != "" && s.PausedBy == "" {
			s.Overruled = r.By
		}
		s.Soaked = s.Soaked || halted == HaltSchema && s.Migrated
	default:
		return fmt.Errorf("a request for %q", r.Choice)
	}
	if r.Choice == Abandon {
		s.Halt, s.Reason = "", ""
		s.Abort, s.Back, s.BackBy = "", "", ""
		s.leave = r.By
		return nil
	}
	s.Paused, s.PausedBy = "", ""
	s.Halt, s.Reason, s.bound = "", "", r.At
	s.again()
	return nil
}

// anew forgets what going back has removed, so that it can be made again.
func (s *State) anew() {
	for i := range s.units {
		u := &s.units[i]
		if u.role != roleTarget && u.destroy.n > 0 && !u.healthy[0] {
			*u = unit{target: u.target, role: u.role, key: u.key}
		}
	}
	if s.startRun.n == 0 && !s.startRun.pending && s.startRun.word == "" {
		s.prepare, s.runner = attempt{}, ""
	}
}

// again lets everything be tried once more.
func (s *State) again() {
	for i := range s.units {
		u := &s.units[i]
		u.gaveUp, u.sick = "", ""
		for k := range 2 {
			u.put[k].again()
			u.restart[k].again()
			u.start[k].again()
		}
		u.stop.again()
		u.cordon.again()
		u.uncordon.again()
		u.destroy.again()
	}
	for i := range s.gates {
		s.gates[i].again()
	}
	s.claim.again()
	s.opened.again()
	s.closed.again()
	s.prepare.again()
	s.startRun.again()
	s.Verified = [2]bool{}
}
