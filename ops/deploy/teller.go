package deploy

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	"ops-console/ops/deploy/journal"
)

// teller turns records into events.
type teller struct {
	emit   func(Event)
	deploy string
	began  map[int]Record // intents without a result
	phase  Phase
	waits  string
	s      *State
}

func newTeller(s *State, emit func(Event)) *teller {
	if emit == nil {
		emit = func(Event) {}
	}
	return &teller{emit: emit, deploy: s.Plan.ID, s: s, phase: s.phase, began: map[int]Record{}}
}

// Tell tells a journal again, from its beginning.
func Tell(entries []journal.Entry) ([]Event, error) {
	var out []Event
	var t *teller
	s := &State{}
	for _, e := range entries {
		r, err := decodeRecord(e)
		if err != nil {
			return out, err
		}
		if err := s.apply(r, e.Hash); err != nil {
			return out, fmt.Errorf("record %d (%s): %w", e.Seq, e.Kind, err)
		}
		if t == nil {
			t = newTeller(s, func(e Event) { out = append(out, e) })
		}
		t.record(s, &r)
	}
	return out, nil
}

func (t *teller) event(at time.Time, seq int, k EventKind) Event {
	done, total := t.s.count()
	return Event{At: at, Seq: seq, Deploy: t.deploy, Phase: t.s.phase, Kind: k, Done: done, Total: total}
}

// record tells a record that was just folded in.
func (t *teller) record(s *State, r *Record) {
	t.s = s
	if ph := s.phase; ph != t.phase {
		t.phase = ph
		if ph != Ended && ph != Parked {
			t.emit(t.event(r.At, r.Seq, EventPhase))
		}
	}
	e := t.event(r.At, r.Seq, EventNotice)
	e.Machine, e.Text = r.Machine, r.Text
	if tell := tales[r.Kind]; tell == nil || !tell(t, r, &e) {
		return
	}
	if i := s.target(e.Machine); i >= 0 {
		e.Region, e.Group = s.Plan.Targets[i].Region, s.Plan.Targets[i].Group
	}
	t.emit(e)
}

// target is the index of a machine's entry in the plan, or that of the one it was made after; -1: none.
func (s *State) target(machine string) int {
	if u := s.find(machine, ""); u != nil {
		return u.target
	}
	return -1
}

var tales = map[RecordKind]func(*teller, *Record, *Event) bool{
	RecBegin: func(t *teller, r *Record, e *Event) bool {
		e.Text = fmt.Sprintf("%s of %s to %d machines, %s", r.Plan.Kind, r.Plan.Artifact.Image, len(r.Plan.Targets), r.Plan.Strategy)
		return true
	},
	RecSession: func(_ *teller, r *Record, e *Event) bool {
		e.Text = "taken up by " + r.Holder
		if r.Session > 1 {
			e.Text = fmt.Sprintf("taken up again by %s: looking at what became of what was under way", r.Holder)
		}
		return true
	},
	RecAdopted: func(_ *teller, _ *Record, e *Event) bool { e.Step = stepTakeover; return true },
	RecIntent:  (*teller).begun,
	RecResult:  (*teller).ended,
	RecLocked: func(t *teller, _ *Record, e *Event) bool {
		e.Kind, e.Step, e.Text = EventDone, "lock", fmt.Sprintf("%d machines are held", len(t.s.Plan.Targets))
		return true
	},
	RecMigrated: func(t *teller, r *Record, e *Event) bool {
		e.Kind, e.Step, e.Took = EventDone, "release command", t.s.took[Migrating]
		return true
	},
	RecRunBad: func(t *teller, r *Record, e *Event) bool {
		e.Kind, e.Step, e.Text, e.Took = EventFailed, "release command", t.s.ranBadly(), r.At.Sub(t.s.phaseAt)
		return true
	},
	RecSoaked: func(_ *teller, _ *Record, e *Event) bool {
		e.Kind, e.Step, e.Text = EventDone, "soak", "the old release goes on well with the new schema"
		return true
	},
	RecHealthy: func(t *teller, r *Record, e *Event) bool {
		e.Kind, e.Step = EventHealthy, string(r.Side)
		if u := t.s.find(r.Machine, r.Key); u != nil {
			e.Took = u.took
		}
		e.Text = fmt.Sprintf("runs the %s release and is healthy", r.Side)
		return true
	},
	RecSick: func(_ *teller, r *Record, e *Event) bool {
		e.Kind, e.Step = EventFailed, string(r.Side)
		return true
	},
	RecCutover: func(_ *teller, _ *Record, e *Event) bool {
		e.Step, e.Text = "cutover", "traffic goes to the new machines now: from here on there is no way back"
		return true
	},
	RecVerified: func(_ *teller, r *Record, e *Event) bool {
		e.Kind, e.Step, e.Text = EventDone, "verify", fmt.Sprintf("every machine runs the %s release and is healthy", r.Side)
		return true
	},
	RecCommit: func(_ *teller, _ *Record, e *Event) bool {
		e.Kind, e.Step, e.Text = EventDone, "commit", "the new release stays"
		return true
	},
	RecBack: func(_ *teller, r *Record, e *Event) bool {
		e.Kind = EventBack
		return true
	},
	RecGaveUp: func(_ *teller, _ *Record, e *Event) bool { e.Kind = EventFailed; return true },
	RecPaused: func(_ *teller, r *Record, e *Event) bool {
		e.Step, e.Text = "pause", "paused: "+r.Text
		return true
	},
	RecGoesOn: func(_ *teller, r *Record, e *Event) bool {
		e.Step, e.Text = "pause", "goes on: "+cmp.Or(r.Text, "every guard is under its limit")
		return true
	},
	RecRequest: func(t *teller, r *Record, e *Event) bool {
		if r.Choice == Resume && t.s.Overruled == r.By && r.By != "" {
			e.Step, e.Text = string(r.Choice), r.By+" has it go on in spite of the guards: none pauses it any more"
			return true
		}
		e.Step, e.Text = string(r.Choice), fmt.Sprintf("%s asks to %s", r.By, strings.ReplaceAll(string(r.Choice), "_", " "))
		return true
	},
	RecHalt: func(_ *teller, r *Record, e *Event) bool {
		e.Kind, e.Step = EventHalted, string(r.Halt)
		return true
	},
	RecEnd: func(t *teller, r *Record, e *Event) bool {
		e.Kind, e.Step, e.Took = EventEnded, string(r.Outcome), r.At.Sub(t.s.Began)
		return true
	},
	RecNote: func(*teller, *Record, *Event) bool { return true },
}

func (t *teller) begun(r *Record, e *Event) bool {
	in := r.Intent
	t.began[in.N] = *r
	e.Kind, e.Step, e.Machine, e.Text = EventBegun, string(in.Verb), in.Machine, in.what()
	return true
}

func (t *teller) ended(r *Record, e *Event) bool {
	b, ok := t.began[r.N]
	if !ok {
		return false
	}
	delete(t.began, r.N)
	in := b.Intent
	e.Step, e.Machine, e.Took = string(in.Verb), in.Machine, r.At.Sub(b.At)
	e.Text = in.what()
	if r.Answer != nil && r.Answer.Machine != "" {
		e.Machine = r.Answer.Machine
	}
	switch r.Word {
	case Done:
		t.answered(in, r.Answer, e)
		return true
	case Unclear:
		e.Kind = EventUnclear
		e.Text += ": not known whether it happened, looking: " + r.Text
		return true
	case Busy:
		e.Kind = EventUnclear
		e.Text += ": the platform is busy, asking again: " + r.Text
		return true
	case Conflict, Refused, Gone:
	}
	e.Kind = EventFailed
	e.Text += ": " + r.Text
	return true
}

// answered tells of a call that was done.
func (t *teller) answered(in *Intent, ans *Answer, e *Event) {
	e.Kind = EventDone
	switch {
	case ans == nil:
	case ans.Verdict != "":
		e.Text = strings.TrimSuffix(fmt.Sprintf("%s: %s: %s", in.Gate, ans.Verdict, ans.Text), ": ")
		if ans.Verdict == Fail || ans.Verdict == Unknown {
			e.Kind = EventFailed
		}
	case ans.Record != nil:
		e.Text = fmt.Sprintf("release %d is recorded", ans.Record.Version)
	}
}

// what says what an intent is, for people.
func (in *Intent) what() string {
	f, ok := whats[in.Verb]
	if !ok {
		return string(in.Verb)
	}
	return f(in)
}

var whats = map[Verb]func(*Intent) string{
	VerbGate:     func(in *Intent) string { return in.Gate },
	VerbClaim:    func(in *Intent) string { return "mark machine " + in.Machine + ": " + in.Status },
	VerbOpen:     func(*Intent) string { return "record the release" },
	VerbClose:    func(in *Intent) string { return "record the release as " + in.Status },
	VerbPrepare:  func(*Intent) string { return "make the machine of the release command" },
	VerbStartRun: func(*Intent) string { return "start the release command" },
	VerbDiscard:  func(in *Intent) string { return "remove machine " + in.Machine + ", which was never used" },
	VerbUpdate:   func(in *Intent) string { return fmt.Sprintf("put the %s release onto machine %s", in.Side, in.Machine) },
	VerbRestart:  func(in *Intent) string { return "restart machine " + in.Machine + " once, in place" },
	VerbStart:    func(in *Intent) string { return "start machine " + in.Machine },
	VerbStop:     func(in *Intent) string { return "stop machine " + in.Machine },
	VerbCreate:   func(in *Intent) string { return "make a machine in " + in.Region },
	VerbDestroy:  func(in *Intent) string { return "destroy machine " + in.Machine },
	VerbCordon:   func(in *Intent) string { return "take machine " + in.Machine + " out of the traffic" },
	VerbUncordon: func(in *Intent) string { return "send traffic to machine " + in.Machine },
}

// waiting tells what is waited for, once.
func (t *teller) waiting(now time.Time, text string) {
	if text == t.waits {
		return
	}
	t.waits = text
	if text == "" {
		return
	}
	e := t.event(now, 0, EventWaiting)
	e.Text = text
	t.emit(e)
}

func (t *teller) notice(now time.Time, text string) {
	e := t.event(now, 0, EventNotice)
	e.Text = text
	t.emit(e)
}

// count is how many machines are where they are to be.
func (s *State) count() (done, total int) {
	side, who := 0, roleTarget
	if s.Back != "" {
		side = 1
	} else if s.Plan.Strategy == StrategyBlueGreen {
		who = roleGreen
	}
	for i := range s.units {
		u := &s.units[i]
		if u.role != who {
			continue
		}
		total++
		if u.healthy[side] || side == 1 && !u.touched {
			done++
		}
	}
	return done, total
}

// Line is the event as a line of a log, without its time.
func (e Event) Line() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%-9s ", e.Kind)
	if e.Kind == EventPhase {
		b.WriteString(strings.ReplaceAll(string(e.Phase), "_", " "))
		return b.String()
	}
	if e.Machine != "" && !strings.Contains(e.Text, e.Machine) {
		b.WriteString("machine " + e.Machine + " ")
	}
	switch {
	case e.Kind == EventEnded || e.Kind == EventHalted:
		b.WriteString(strings.TrimSuffix(e.Step+": "+e.Text, ": "))
	case e.Text != "":
		b.WriteString(e.Text)
	default:
		b.WriteString(e.Step)
	}
	if e.Took > 0 {
		fmt.Fprintf(&b, " (%s)", e.Took.Round(100*time.Millisecond))
	}
	if e.Kind == EventHealthy {
		fmt.Fprintf(&b, " %d/%d", e.Done, e.Total)
	}
	return b.String()
}
