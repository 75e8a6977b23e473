package deploy

import (
	"errors"
	"fmt"
	"time"

	"ops-console/ops/deploy/journal"
	"ops-console/ops/plaintext"
)

// recorder is where records go. When Append fails, nothing may be done that depends on them.
type recorder interface {
	Append(items ...journal.Item) ([]journal.Entry, error)
}

// engine holds a deployment while a process runs it. It decides and writes down; it calls nobody, and is used by one
// goroutine.
type engine struct {
	s    *State
	o    *Observed
	log  recorder
	off  rules
	tell func(s *State, r *Record) // of each record, once it is on disk
}

// write puts records on disk and folds them in.
func (e *engine) write(rr ...Record) error {
	if len(rr) == 0 {
		return nil
	}
	items := make([]journal.Item, len(rr))
	for i := range rr {
		items[i] = rr[i].item()
	}
	entries, err := e.log.Append(items...)
	if err != nil {
		return err
	}
	for i := range rr {
		r := rr[i]
		r.Seq, r.At = entries[i].Seq, entries[i].At
		if err := e.s.apply(r, entries[i].Hash); err != nil {
			return fmt.Errorf("record %d (%s): %w", r.Seq, r.Kind, err)
		}
		if e.tell != nil {
			e.tell(e.s, &r)
		}
	}
	return nil
}

// atRest bounds how many records may follow from one look.
const atRest = 1000

// turn writes down what follows from what is known now, until there is something to do or to wait for.
func (e *engine) turn(now time.Time) (Decision, error) {
	for range atRest {
		d := next(e.s, e.o, now, e.off)
		if len(d.Records) == 0 {
			return d, nil
		}
		if err := e.write(d.Records...); err != nil {
			return Decision{}, err
		}
	}
	return Decision{}, errors.New("the deployment does not come to rest: its journal is kept, nothing more is done")
}

// begin writes intents down and makes them whole. They may be carried out when it returns.
func (e *engine) begin(intents []Intent, now time.Time) ([]Intent, error) {
	var rr []Record
	for i := range intents {
		in := &intents[i]
		if !in.Verb.Volatile() {
			rr = append(rr, Record{At: now, Kind: RecIntent, Intent: in})
		}
	}
	if err := e.write(rr...); err != nil {
		return nil, err
	}
	out := make([]Intent, len(intents))
	for i, in := range intents {
		out[i] = e.whole(in)
		if in.Verb.Volatile() {
			l := e.o.leases[in.Machine]
			if l == nil {
				l = &lease{}
				e.o.leases[in.Machine] = l
			}
			l.pending = true
		}
	}
	return out, nil
}

// whole puts in what the journal does not repeat: configuration, metadata, lease.
func (e *engine) whole(in Intent) Intent {
	p := e.s.Plan
	in.App, in.Image, in.Timeout, in.Strategy = p.App, p.Artifact.Image, p.Timings.Call, p.Strategy
	if l := e.o.leases[in.Machine]; l != nil {
		in.Nonce = l.nonce
	}
	switch in.Verb {
	case VerbLease, VerbRenew:
		in.TTL = p.Timings.LeaseTTL
		in.Description = e.lessee().String()
	case VerbCreate:
		in.TTL = p.Timings.LeaseTTL
		in.Description = e.lessee().String()
		u := e.s.unit(&in)
		t := &p.Targets[u.target]
		in.Config, in.Group = t.Config, t.Group
		in.Tags = map[string]string{TagMark: Mark(p.ID, New), TagKey: u.key}
	case VerbUpdate:
		u := e.s.unit(&in)
		t := &p.Targets[u.target]
		in.Group, in.Config = t.Group, t.Config
		if in.Side == Old {
			in.Config, in.Image = t.Prev.Config, t.Prev.Image
		}
		in.Tags = map[string]string{TagMark: Mark(p.ID, in.Side)}
		if u == &e.s.units[0] {
			in.Tags[TagHead] = e.head(e.s.Phase()).String()
			if in.Copy {
				in.Plan = p
			}
		}
	case VerbPrepare:
		in.Config = p.Command.Config
		in.Tags = map[string]string{TagKey: p.runKey()}
		in.Text = p.Command.Text
	case VerbClaim:
		in.Tags = e.mark(&in)
		if in.Copy {
			in.Plan = p
		}
	case VerbGate:
		for i := range p.Gates {
			if p.Gates[i].Name == in.Gate && p.Gates[i].Timeout > 0 {
				in.Timeout = p.Gates[i].Timeout
			}
		}
	}
	if (in.Verb == VerbUpdate || in.Verb == VerbCreate) && e.s.Record != nil && in.Side == New {
		in.Record = e.s.Record
	}
	return in
}

func (e *engine) lessee() Lessee {
	return Lessee{Deploy: e.s.Plan.ID, Session: e.s.Session, Holder: e.s.Holder}
}

// mark is the metadata that a claim writes.
func (e *engine) mark(in *Intent) map[string]string {
	ph := Phase(in.Status)
	if ph == Ended {
		return map[string]string{TagHead: "", TagPlan: ""} // are removed
	}
	h := e.head(ph)
	// What is about to be done counts as done.
	if in.Target != "" {
		h.Run = in.Target
	}
	h.CutOver = h.CutOver || ph == Cutover
	return map[string]string{TagHead: h.String()}
}

func (e *engine) head(ph Phase) Head {
	h := e.s.Head
	if len(h) > 16 {
		h = h[:16]
	}
	return Head{
		Deploy: e.s.Plan.ID, Seq: e.s.Seq, Hash: h, Phase: ph,
		Session: e.s.Session, Holder: e.s.Holder, Image: e.s.Plan.Artifact.Image, Plan: e.s.Hash, Facts: e.s.facts(),
	}
}

// wordOf is what an error of Platform.Do says. What is not known for certain is unclear.
func wordOf(err error) Word {
	switch {
	case err == nil:
		return Done
	case errors.Is(err, ErrConflict):
		return Conflict
	case errors.Is(err, ErrRefused):
		return Refused
	case errors.Is(err, ErrBusy):
		return Busy
	case errors.Is(err, ErrGone):
		return Gone
	}
	return Unclear
}

// maxText bounds what a journal keeps of a text from outside.
const maxText = 600

// done takes in what became of an intent that was begun at a time.
func (e *engine) done(in Intent, ans Answer, err error, begun, now time.Time) error {
	w := wordOf(err)
	text := ""
	if err != nil {
		text = plaintext.Line(err.Error(), maxText)
	}
	if in.Verb.Volatile() {
		e.leased(in, ans, w, text, begun, now)
		return nil
	}
	r := Record{At: now, Kind: RecResult, N: in.N, Word: w, Text: text}
	if w == Done {
		ans.Text = plaintext.Line(ans.Text, maxText)
		r.Answer = &ans
	}
	if err := e.write(r); err != nil {
		return err
	}
	if l := e.o.leases[in.Machine]; l != nil && w == Conflict && in.Nonce != "" {
		l.doubt = true
	}
	e.o.called(&in)
	if in.Verb == VerbCreate && w == Done && ans.Nonce != "" {
		e.o.leases[ans.Machine] = &lease{nonce: ans.Nonce, expires: begun.Add(in.TTL), word: Done, at: now}
	}
	return nil
}

// leased takes in what became of a call about a lease.
func (e *engine) leased(in Intent, ans Answer, w Word, text string, begun, now time.Time) {
	l := e.o.leases[in.Machine]
	l.pending, l.word, l.at, l.text = false, w, journal.Stamp(now), text
	switch {
	case in.Verb == VerbRelease:
		*l = lease{free: true, word: w, at: l.at}
	case w == Done:
		l.kept = false
		// Counted from before the call was sent, so that it ends here before it ends there.
		l.expires, l.free, l.doubt = begun.Add(in.TTL), false, false
		if ans.Nonce != "" {
			l.nonce = ans.Nonce
		}
	case in.Verb == VerbRenew && (w == Conflict || w == Gone):
		l.nonce, l.expires, l.doubt, l.kept = "", time.Time{}, false, false // it is not ours any more
	}
}

// look takes in what a look saw that began at a time.
func (e *engine) look(r Reading, err error, begun time.Time) {
	begun = journal.Stamp(begun)
	if err == nil && r.Count > len(r.Machines)+len(r.Runs) {
		err = fmt.Errorf("the list has %d machines, and the platform counts %d", len(r.Machines), r.Count)
	}
	if err != nil {
		e.o.Failed, e.o.Err = begun, plaintext.Line(err.Error(), maxText)
		return
	}
	if r.Record != nil && e.s.Record != nil && r.Record.ID != e.s.Record.ID {
		r.Record = nil
	}
	e.o.see(r, begun, e.s)
}

// want is what to look for.
func (e *engine) want() Want {
	w := Want{App: e.s.Plan.App, Deploy: e.s.Plan.ID, Patience: e.s.Plan.Timings.Poll}
	if e.s.Plan.Command != nil {
		w.RunKey = e.s.Plan.runKey()
	}
	if e.s.Record != nil {
		w.Record = e.s.Record.ID
	}
	for i := range e.s.units {
		u := &e.s.units[i]
		for side := range 2 {
			if v := u.put[side].version; v != "" && !u.healthy[side] {
				w.Watch = append(w.Watch, Watched{Machine: u.id, Version: v})
			}
		}
	}
	return w
}
