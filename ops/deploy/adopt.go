package deploy

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"ops-console/ops/deploy/journal"
)

// HeldError says that a deployment cannot be taken over, because somebody still holds one of its machines.
type HeldError struct {
	Machine string
	By      string // as the lease says
	Until   time.Time
}

// Error names who, and until when.
func (e *HeldError) Error() string {
	return fmt.Sprintf("machine %s is held by %s until %s: it is carried on there; once that lease has lapsed it can be taken over", e.Machine, e.By, e.Until.UTC().Format("15:04:05Z"))
}

// Adopt gives the records of a journal for a deployment whose journal is somewhere else, or lost: from the copy of its plan,
// the mark on its first machine, and a look. by takes it over. What the mark does not prove counts as begun with an outcome
// that nobody knows, as if the process had been killed right after it wrote its intents down: every target may be about to
// change, everything that the plan makes may be about to be made. After cutover it never goes back. It calls nobody, and
// does not check that the plan is the mark's, or that nobody holds the machines: see Offer.
func Adopt(p *Plan, h Head, r Reading, by string, now time.Time) []Record {
	a := &adoption{p: p, h: h, r: r, now: now}
	begun := p.At
	if begun.After(now) {
		begun = now
	}
	a.rr = append(a.rr, Record{At: begun, Kind: RecBegin, Plan: p, Hash: p.Hash()})
	a.add(Record{
		Kind: RecAdopted, Head: h.String(), By: by,
		Text: takenOver(&h, p),
	})
	a.gates(BeforeChange)
	a.add(Record{Kind: RecLocked})
	a.did(Intent{Verb: VerbClaim, Machine: p.Targets[0].Machine, Status: string(h.Phase), Copy: true}, Answer{Machine: p.Targets[0].Machine})
	if h.Record != nil {
		a.add(Record{Kind: RecOpened, Record: h.Record})
	} else {
		a.begin(Intent{Verb: VerbOpen})
	}
	a.command()
	a.made()
	cut := h.CutOver || !h.Back && a.traffic()
	if cut || h.Commit {
		a.gates(BeforeCommit)
	}
	if cut {
		a.add(Record{Kind: RecCutover})
	}
	if h.Commit {
		a.add(Record{Kind: RecCommit})
	}
	why := h.Why
	if why == "" {
		why = "the reason is in the journal of " + h.Holder
	}
	if h.Back && !cut && !h.Commit {
		a.add(Record{Kind: RecBack, Text: why})
	}
	if h.Halt != "" {
		halt := Record{Kind: RecHalt, Halt: h.Halt, Text: why}
		if h.RunsOn {
			halt.Machine = h.Run
		}
		a.add(halt)
	}
	return a.rr
}

// stepTakeover is Event.Step of a takeover.
const stepTakeover = "take over"

// takenOver tells of a takeover, and on what evidence it is one.
func takenOver(h *Head, p *Plan) string {
	return fmt.Sprintf("taken over from %s, whose journal is not here: by the mark on machine %s it was %s", h.Holder, p.Targets[0].Machine, strings.ReplaceAll(string(h.Phase), "_", " "))
}

// adoption is one call of Adopt.
type adoption struct {
	p   *Plan
	h   Head
	r   Reading
	now time.Time
	n   int
	rr  []Record
}

func (a *adoption) add(r Record) {
	r.At = a.now
	a.rr = append(a.rr, r)
}

// begin adds a call whose outcome nobody knows.
func (a *adoption) begin(in Intent) int {
	a.n++
	in.N = a.n
	a.add(Record{Kind: RecIntent, Intent: &in})
	return in.N
}

// did adds a call that was done.
func (a *adoption) did(in Intent, ans Answer) {
	a.add(Record{Kind: RecResult, N: a.begin(in), Word: Done, Answer: &ans})
}

// gates are not asked again that it has passed: their answers are where the journal is.
func (a *adoption) gates(when Moment) {
	for _, g := range a.p.Gates {
		if g.When != when {
			continue
		}
		v, text := Pass, "it passed before the takeover"
		if !g.Required {
			v, text = Warn, "it was asked before the takeover; its answer is in the journal of "+a.h.Holder
		}
		a.did(Intent{Verb: VerbGate, Gate: g.Name}, Answer{Verdict: v, Text: text})
	}
}

// command is what is known of the release command. That it was not started is proven by the mark: it says so before.
func (a *adoption) command() {
	p, h := a.p, a.h
	switch {
	case p.Command == nil:
		return
	case h.Run == "" && !h.Migrated:
		a.begin(Intent{Verb: VerbPrepare, Key: p.runKey(), Region: p.Command.Region})
		return
	case h.Run != "":
		a.did(Intent{Verb: VerbPrepare, Key: p.runKey(), Region: p.Command.Region}, Answer{Machine: h.Run})
		a.begin(Intent{Verb: VerbStartRun, Machine: h.Run, Key: p.runKey()})
	}
	so := "so says the mark on machine " + p.Targets[0].Machine
	switch {
	case h.Migrated:
		a.add(Record{Kind: RecMigrated, Machine: h.Run, Text: so})
	case h.RunBad:
		a.add(Record{Kind: RecRunBad, Machine: h.Run, Code: h.RunCode, Text: so})
	}
	if h.Soaked {
		a.add(Record{Kind: RecSoaked})
	}
}

// made are the machines that the strategy makes. One that is seen was made; another of its key may still come.
func (a *adoption) made() {
	for _, u := range a.p.made() {
		t := &a.p.Targets[u.target]
		in := Intent{Verb: VerbCreate, Side: New, Target: t.Machine, Key: u.key, Region: t.Region, Cordoned: u.role == roleGreen, SkipLaunch: t.Cold() && !t.Try}
		m := a.of(u.key)
		switch {
		case m != nil:
			a.add(Record{Kind: RecResult, N: a.begin(in), Word: Unclear, Text: "its answer is in the journal of " + a.h.Holder})
			a.did(in, Answer{Machine: m.ID, Version: m.Version})
		case u.role == roleCanary && a.h.Canaries:
			a.begin(in)
			a.add(Record{Kind: RecHealthy, Key: u.key, Side: New})
		default:
			a.begin(in)
		}
	}
}

// of is the machine that was made for a key: of several the one with traffic, which is the one that it went on with.
func (a *adoption) of(key string) *Machine {
	var found *Machine
	for i := range a.r.Machines {
		m := &a.r.Machines[i]
		if m.Key != key || m.State == Destroyed {
			continue
		}
		if found == nil || found.Cordoned && !m.Cordoned || found.Cordoned == m.Cordoned && m.ID < found.ID {
			found = m
		}
	}
	return found
}

// traffic tells whether a new machine beside the old ones has traffic: nothing but the cutover gives it any.
func (a *adoption) traffic() bool {
	return slices.ContainsFunc(a.p.made(), func(u unit) bool {
		m := a.of(u.key)
		return u.role == roleGreen && m != nil && !m.Lost && !m.Cordoned
	})
}

// adopted takes in that the deployment was begun elsewhere.
func (s *State) adopted(r *Record) error {
	h, ok := ParseHead(r.Head)
	if !ok || s.Session != 0 || s.calls != 0 {
		return errors.New("it was taken over from nobody, or in its middle")
	}
	s.From, s.Session, s.Holder = &h, h.Session, h.Holder
	s.holders = make([]string, h.Session)
	s.RunLeft, s.Force = h.RunLeft, h.Force
	if s.Plan.Strategy == StrategyBlueGreen {
		return nil
	}
	const unknown = "what became of it is in another journal"
	for i := range s.Plan.Targets {
		u := &s.units[i]
		u.touched = true
		u.put[0] = attempt{word: Unclear, ended: r.At, text: unknown}
		if h.Back {
			u.put[1] = attempt{word: Unclear, ended: r.At, text: unknown}
		}
	}
	return nil
}

// entries are records as a journal has them.
func entries(rr []Record) ([]journal.Entry, error) {
	var c journal.Chain
	out := make([]journal.Entry, 0, len(rr))
	for i := range rr {
		it := rr[i].item()
		_, e, err := c.Append(nil, it.At, it.Kind, it.Data)
		if err != nil {
			return nil, err
		}
		out = append(out, e)
	}
	return out, nil
}

// Elsewhere is a deployment that has not ended and whose journal is not here, as the platform shows it.
type Elsewhere struct {
	Head    Head
	Machine string // that carries the mark
	Plan    *Plan  // nil where it cannot be taken over
	Err     error  // why it cannot be taken over now, or ever: who holds it is a HeldError

	copy string
}

// Others finds, in a look, the deployments of an app that have not ended.
func Others(app string, r Reading, now time.Time) []Elsewhere {
	var out []Elsewhere
	for i := range r.Machines {
		m := &r.Machines[i]
		if h, ok := ParseHead(m.Head); ok {
			e := Elsewhere{Head: h, Machine: m.ID, copy: m.Copy}
			e.offer(app, r, "", now)
			out = append(out, e)
		}
	}
	return out
}

// offer finds out whether it can be taken over. besides is the description of a lease that is no obstacle.
func (e *Elsewhere) offer(app string, r Reading, besides string, now time.Time) {
	h := &e.Head
	e.Plan, e.Err = nil, nil
	only := fmt.Sprintf("only %s, where its journal is, can go on with it: ", h.Holder)
	if h.Plan == "" || e.copy == "" {
		e.Err = errors.New(only + "its plan is not kept on the platform")
		return
	}
	p, err := Unpack(e.copy)
	switch {
	case err != nil:
		e.Err = fmt.Errorf("%s%w", only, err)
		return
	case p.Hash() != h.Plan || p.ID != h.Deploy || p.App != app || p.Targets[0].Machine != e.Machine:
		e.Err = errors.New(only + "the copy of its plan on the platform is not the plan that it follows")
		return
	}
	e.Plan = p
	if held := p.held(r, besides, now); held != nil {
		e.Err = held
	}
}

// held says who holds a machine of the deployment; nil: nobody does.
func (p *Plan) held(r Reading, besides string, now time.Time) error {
	for i := range r.Machines {
		m := &r.Machines[i]
		ours := strings.HasPrefix(m.Key, p.ID+":") || slices.ContainsFunc(p.Targets, func(t Target) bool { return t.Machine == m.ID })
		if l := m.Lease; ours && l != nil && l.Expires.After(now) && (besides == "" || l.Description != besides) {
			return &HeldError{Machine: m.ID, By: holder(l), Until: l.Expires}
		}
	}
	return nil
}

// State is what a journal would say that somebody begins by taking it over now, from the same look. Its Plan must be known.
func (e *Elsewhere) State(r Reading, by string, now time.Time) (*State, error) {
	if e.Plan == nil {
		return nil, e.Err
	}
	ee, err := entries(Adopt(e.Plan, e.Head, r, name(by), now))
	if err != nil {
		return nil, err
	}
	return Fold(ee)
}
