package deploy

import (
	"fmt"
	"time"
)

// Decision is the next step: records to write, or calls to make, or nothing but to wait for an answer or the next look.
type Decision struct {
	Records []Record  // facts that follow from what was seen; write them, then ask again
	Intents []Intent  // write them, then carry them out; ask again as their answers come
	Waiting string    // what for
	Until   time.Time // nothing can change before, and no look is needed; zero: look again soon
	Over    bool      // nothing is left to do: State says how it ended, or why it stands still
}

// Next says what to do now. It is a pure function: the same journal, looks and time give the same step, whoever asks.
func Next(s *State, o *Observed, now time.Time) Decision { return next(s, o, now, 0) }

func next(s *State, o *Observed, now time.Time, off rules) Decision {
	r := &reducer{p: s.Plan, t: &s.Plan.Timings, s: s, o: o, now: now, off: off}
	r.next()
	if len(r.d.Records) > 0 {
		r.d.Intents = nil // what was seen is written down before anything is done because of it
	}
	for i := range r.d.Records {
		r.d.Records[i].At = now
	}
	return r.d
}

// reducer is one call of Next.
type reducer struct {
	p   *Plan
	t   *Timings
	s   *State
	o   *Observed
	now time.Time
	off rules
	d   Decision
}

func (r *reducer) next() {
	s := r.s
	switch {
	case s.Outcome != "":
		r.letGo()
	case s.Halt != "":
		r.stand()
	case s.leave != "":
		r.finish(Abandoned, "left as it is by "+s.leave)
	case r.overtaken():
	case s.Abort != "" && s.Back == "" && !s.CutOver && !s.Commit:
		r.record(Record{Kind: RecBack, Text: "asked for by " + s.Abort, By: s.Abort})
	case s.Back != "" && !s.altered() && (!r.prepared() || !r.o.At.IsZero()):
		if r.retracted() && r.tidy() && len(r.d.Records) == 0 {
			r.finish(Unchanged, s.Back)
		}
	case r.late():
	case r.o.At.IsZero():
		r.wait("the first look")
	case s.Commit:
		r.clean()
	case !r.leases(), !r.marked():
	case s.Back != "":
		r.backward()
	default:
		r.forward()
	}
}

func (r *reducer) record(rec Record) { r.d.Records = append(r.d.Records, rec) }
func (r *reducer) wait(text string)  { r.d.Waiting = text }
func (r *reducer) back(why string)   { r.record(Record{Kind: RecBack, Text: why}) }
func (r *reducer) halt(h Halt, why string) {
	r.record(Record{Kind: RecHalt, Halt: h, Text: why})
}

// do adds a call. Calls that are written down get their number here.
func (r *reducer) do(in Intent) {
	if !in.Verb.Volatile() {
		n := r.s.calls + 1
		for i := range r.d.Intents {
			if !r.d.Intents[i].Verb.Volatile() {
				n++
			}
		}
		in.N = n
	}
	r.d.Intents = append(r.d.Intents, in)
}

// free tells whether another call may be begun.
func (r *reducer) free() bool { return len(r.s.open)+len(r.d.Intents) < r.t.Parallel }

// from is where a bound counts from that began at a time: not before somebody asked to go on, or a process took it up.
func (r *reducer) from(t time.Time) time.Time { return later(t, later(r.s.bound, r.s.sessionAt)) }

// since tells whether the latest look began after a time: what it shows was not there before.
func (r *reducer) since(t time.Time) bool { return r.o.At.After(t) }

// settled tells whether what is seen can be believed after a call whose outcome is unclear: whatever it did, it has done.
func (r *reducer) settled(a *attempt) bool { return r.since(r.settling(a)) }

// settling is until when a call may still show an effect.
func (r *reducer) settling(a *attempt) time.Time {
	if r.off.broken(ruleSettle) {
		return a.ended
	}
	return a.ended.Add(r.t.Settle)
}

// spent tells whether something was tried often enough. A platform that was busy has not been tried.
func (r *reducer) spent(a *attempt) bool { return a.tries() >= r.t.Tries || a.n >= 16*r.t.Tries }

// backoff is how long to leave the platform alone after a try.
func (r *reducer) backoff(a *attempt) time.Duration {
	return min(time.Duration(max(1, a.n))*r.t.Poll, max(r.t.Settle, r.t.Poll))
}

// sure is how many looks in a row have to agree that something is not there, or was undone.
const sure = 3

// altered tells whether the deployment may have changed anything.
func (s *State) altered() bool {
	if s.runBegun() {
		return true
	}
	for i := range s.units {
		if s.units[i].touched {
			return true
		}
	}
	return false
}

// runBegun tells whether the release command may have been started.
func (s *State) runBegun() bool {
	return s.startRun.n > 0 || s.startRun.pending || s.startRun.word != ""
}

// prepared tells whether machines for the release command may be there that were never started.
func (r *reducer) prepared() bool {
	a := &r.s.prepare
	return a.n > 0 || a.pending || a.word != ""
}

// late stops what has taken longer than the plan allows.
func (r *reducer) late() bool {
	s := r.s
	if s.PausedBy != "" || r.now.Sub(r.from(s.bound)) <= r.t.Total {
		return false
	}
	why := fmt.Sprintf("it took longer than %s", r.t.Total)
	switch {
	case s.Commit:
		return false // what is left over is given up piece by piece
	case s.CutOver:
		r.halt(HaltCutover, why)
	case s.Back != "":
		r.halt(HaltRollback, why+": "+r.unfinished())
	default:
		r.back(why)
	}
	return true
}

// stand ends the process of a deployment that needs a human.
func (r *reducer) stand() {
	if r.s.TakenBy != "" || (r.s.Halt == HaltLease || r.claim(Parked)) && r.close("interrupted", r.s.Reason) {
		r.letGo()
	}
}

// finish writes down how it ended, after what can be tidied up was.
func (r *reducer) finish(out Outcome, why string) {
	s := r.s
	if len(s.open) > 0 {
		r.wait("calls under way")
		return
	}
	if s.TakenBy != "" {
		r.record(Record{Kind: RecEnd, Outcome: out, Text: why}) // the mark and the release record are another's now
		return
	}
	status := map[Outcome]string{Deployed: "complete", RolledBack: "failed", Unchanged: "failed", Abandoned: "interrupted"}[out]
	if s.claimed != "" && s.claimed != Ended && r.o.At.IsZero() && !r.o.Failed.After(s.sessionAt.Add(r.t.Settle)) {
		r.wait("the first look")
		return
	}
	// One whose making was cut off would be said to be under way for ever.
	if s.Record == nil && s.opened.word == Unclear && !r.spent(&s.opened) && !r.o.At.IsZero() && !r.open() {
		return
	}
	// As long as the mark is there, somebody else can bring to its end what is left.
	text := why
	if v := r.p.From.Release; out == RolledBack && v > 0 {
		text = fmt.Sprintf("rolled back to v%d: %s", v, why) // no record of its own says so: see docs/deploy.md
	}
	if !r.close(status, text) || !r.claim(Ended) {
		return
	}
	if s.Record != nil && s.closed.word != Done {
		s.note(r, "the platform's release record could not be closed: "+s.closed.text)
		if len(r.d.Records) > 0 {
			return
		}
	}
	r.record(Record{Kind: RecEnd, Outcome: out, Text: why})
}

// note writes something down once.
func (s *State) note(r *reducer, text string) {
	for _, n := range s.Notes {
		if n == text {
			return
		}
	}
	r.record(Record{Kind: RecNote, Text: text})
}

// close gives the platform's release record its status. It is tried a few times; true: it is done, or given up.
func (r *reducer) close(status, why string) bool {
	s, a := r.s, &r.s.closed
	switch {
	case s.Record == nil:
		return true
	case a.pending:
		r.wait("the release record")
		return false
	case s.closedAs == status && (a.word == Done || a.word == Refused || a.word == Gone || r.spent(a)):
		return true
	case s.closedAs == status && r.now.Before(a.ended.Add(r.backoff(a))):
		r.wait("the platform, to close the release record")
		return false
	}
	text := why
	if status == "complete" {
		text = ""
	}
	if r.off.broken(ruleTruth) {
		status, text = "complete", ""
		if s.closedAs == status && a.word == Done {
			return true
		}
	}
	r.do(Intent{Verb: VerbClose, Record: s.Record, Status: status, Text: text})
	return false
}
