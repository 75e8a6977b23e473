package deploy

import (
	"slices"
	"time"
)

// Observed is what was seen since this process took the deployment up: the latest look, and of each machine how long
// it has been what it is. It is not in the journal: whoever goes on looks again, and every wait begins anew.
type Observed struct {
	Reading
	At    time.Time // when the latest good look began; zero: there was none
	Looks int
	// Failed is when the latest look that failed began; Err what it said.
	Failed time.Time
	Err    string

	leases  map[string]*lease
	tracks  map[string]*track // by machine
	runs    map[string]*streak
	absent  map[string]*streak // by unit: machine or key
	noRun   streak             // looks in a row without a machine of our release command
	alien   streak             // looks in a row that show the first machine without our mark
	marked  bool               // our mark was seen
	guards  streak             // looks in a row with a guard over its limit
	calm    streak             // and without
	expects map[string]*Target
	mark    [2]string
}

// lease is a lease of ours, or what became of the latest try to get it.
type lease struct {
	nonce   string
	expires time.Time // by our clock, never later than by the platform's
	pending bool
	word    Word
	at      time.Time // the latest try ended
	text    string
	free    bool // given back
	kept    bool // its nonce is that of a process before: renewing it shows whether it is still ours
	doubt   bool // the platform refused something as if it were not ours: renewing it shows
}

func (l *lease) held(now time.Time) bool { return l != nil && l.nonce != "" && now.Before(l.expires) }

// streak counts looks in a row that saw the same.
type streak struct {
	looks int
	since time.Time
	last  [sure]time.Time // the latest of them, the oldest first
	state RunState
}

func (k *streak) see(at time.Time) {
	if k.looks == 0 {
		k.since = at
	}
	k.looks++
	copy(k.last[:], k.last[1:])
	k.last[sure-1] = at
}

// firm tells whether enough looks agree that all began after a time: one of them may have shown what was before.
func (k *streak) firm(after time.Time) bool {
	return k != nil && k.looks >= sure && !k.last[0].Before(after)
}

// track is what looks in a row saw of one machine. It begins anew with each version, and with each call for the machine.
type track struct {
	version string
	same    streak // looks with this version
	good    streak // running, checks passing, without an exit
	bad     streak // running with a failing check, or not running
	crash   streak // with an exit that nobody asked for
	down    streak // not running
	lost    streak // its host could not be reached
	idle    bool   // stopped by the platform for want of traffic, after it was good
	wasGood bool
}

// observe begins with nothing seen.
func newObserved(p *Plan) *Observed {
	o := &Observed{
		leases: map[string]*lease{}, tracks: map[string]*track{}, runs: map[string]*streak{}, absent: map[string]*streak{},
		expects: map[string]*Target{}, mark: [2]string{Mark(p.ID, New), Mark(p.ID, Old)},
	}
	for i := range p.Targets {
		o.expects[p.Targets[i].Machine] = &p.Targets[i]
	}
	return o
}

// see takes a look in that began at a time. wanted are the units that should be there.
func (o *Observed) see(r Reading, at time.Time, s *State) {
	once := map[string]bool{}
	r.Machines = slices.DeleteFunc(slices.Clone(r.Machines), func(m Machine) bool {
		twice := once[m.ID]
		once[m.ID] = true
		return twice || m.State == Destroyed
	})
	o.Reading, o.At, o.Looks, o.Err = r, at, o.Looks+1, ""
	for i := range r.Machines {
		m := &r.Machines[i]
		t := o.tracks[m.ID]
		if t == nil || t.version != m.Version {
			t = &track{version: m.Version}
			o.tracks[m.ID] = t
		}
		t.see(m, at, o.target(m, s), m.Mark == o.mark[0], m.Mark == o.mark[1])
	}
	if m := o.of(&s.units[0]); m != nil && !m.Lost && !s.marks(m) {
		o.alien.see(at)
	} else {
		o.alien, o.marked = streak{}, o.marked || m != nil && !m.Lost
	}
	for i := range s.units {
		u := &s.units[i]
		name := u.name()
		if o.of(u) != nil {
			delete(o.absent, name)
			continue
		}
		if o.absent[name] == nil {
			o.absent[name] = &streak{}
		}
		o.absent[name].see(at)
	}
	seen, mine := map[string]bool{}, false
	for _, run := range r.Runs {
		mine = mine || run.Key == s.Plan.runKey()
		k := o.runs[run.Machine]
		if k == nil || k.state != run.State {
			k = &streak{state: run.State}
			o.runs[run.Machine] = k
		}
		k.see(at)
		seen[run.Machine] = true
	}
	for id := range s.discards {
		if !seen[id] && o.runs[id] == nil {
			o.runs[id] = &streak{state: RunLost} // whether it is gone is asked for by several looks
		}
	}
	for id, k := range o.runs {
		if seen[id] {
			continue
		}
		if k.state != RunLost {
			k = &streak{state: RunLost}
			o.runs[id] = k
		}
		k.see(at)
	}
	if mine {
		o.noRun = streak{}
	} else {
		o.noRun.see(at)
	}
	over := false
	for _, g := range r.Guards {
		over = over || g.Over && !g.Unknown
	}
	if over {
		o.guards.see(at)
		o.calm = streak{}
	} else {
		o.calm.see(at)
		o.guards = streak{}
	}
}

// target is the plan's word on a machine: its own, or that of the one it was made after.
func (o *Observed) target(m *Machine, s *State) *Target {
	if t := o.expects[m.ID]; t != nil || m.Key == "" {
		return t
	}
	if u := s.find("", m.Key); u != nil {
		return &s.Plan.Targets[u.target]
	}
	return nil
}

func (t *track) see(m *Machine, at time.Time, want *Target, isNew, isOld bool) {
	t.same.see(at)
	if m.Lost {
		t.lost.see(at)
		// Of a host that cannot be reached nothing is known: it is neither well nor ill.
		t.good, t.bad, t.crash, t.down, t.idle = streak{}, streak{}, streak{}, streak{}, false
		return
	}
	t.lost = streak{}
	checks, crashes, auto := 0, 0, false
	if want != nil {
		auto = want.AutoStop
		checks = want.Prev.Checks
		if isNew {
			checks = want.Checks
		} else if !isOld {
			crashes = want.Prev.Crashes // those of before it all are not this deployment's
		}
	}
	passing := 0
	for _, c := range m.Checks {
		if c.Passing {
			passing++
		}
	}
	crashed := m.Crashes > crashes && !(auto && m.State == Stopped && clean(m))
	switch {
	case m.State == Changing && crashed:
		// It is being started again after an exit that nobody asked for: in a loop of those it is seen so most of the time.
		t.crash.see(at)
		t.good, t.bad, t.down, t.idle = streak{}, streak{}, streak{}, false
		return
	case m.State == Changing:
		t.good, t.bad, t.crash, t.down, t.idle = streak{}, streak{}, streak{}, streak{}, false
		return
	case crashed:
		t.crash.see(at)
		t.bad.see(at)
		t.good = streak{}
	case m.State == Started && passing == len(m.Checks) && passing >= checks:
		t.good.see(at)
		t.wasGood = true
		t.bad, t.crash = streak{}, streak{}
	default:
		t.bad.see(at)
		t.good, t.crash = streak{}, streak{}
	}
	if m.State == Started {
		t.down = streak{}
	} else {
		t.down.see(at)
	}
	t.idle = auto && m.State == Stopped && clean(m) && t.wasGood
}

// clean tells whether the latest exit, if there was one, was a good one.
func clean(m *Machine) bool {
	return m.Exit == nil || m.Exit.Code == 0 && m.Exit.Signal == 0 && !m.Exit.OOM
}

// called forgets what was seen of what a call was for: only what comes after counts.
func (o *Observed) called(in *Intent) {
	if in.Verb == VerbClaim {
		return // it changes nothing of the machine
	}
	if t := o.tracks[in.Machine]; t != nil {
		*t = track{version: t.version}
	}
	if in.Verb == VerbPrepare || in.Verb == VerbStartRun {
		o.noRun = streak{}
	}
	delete(o.runs, in.Machine)
	delete(o.absent, in.Machine)
	delete(o.absent, in.Key)
}

// of is the machine of a unit as it was seen last, or nil. Of several that were made for one key, it is the one whose
// id is in the journal, else the first.
func (o *Observed) of(u *unit) *Machine {
	var found *Machine
	for i := range o.Machines {
		m := &o.Machines[i]
		if u.id != "" && m.ID == u.id {
			return m
		}
		if u.key != "" && m.Key == u.key && (found == nil || m.ID < found.ID) {
			found = m
		}
	}
	if u.id != "" {
		// Its id is known, and it is not in the list: another one with its key is not it.
		return nil
	}
	return found
}

// doubles are the machines that were made for a unit besides its own.
func (o *Observed) doubles(u *unit) []*Machine {
	if u.key == "" {
		return nil
	}
	own := o.of(u)
	var out []*Machine
	for i := range o.Machines {
		if m := &o.Machines[i]; m.Key == u.key && (own == nil || m.ID != own.ID) && m.State != Destroyed {
			out = append(out, m)
		}
	}
	return out
}

func (o *Observed) track(machine string) *track {
	if t := o.tracks[machine]; t != nil {
		return t
	}
	return &track{}
}

// name is how a unit is kept apart from others.
func (u *unit) name() string {
	if u.key != "" {
		return u.key
	}
	return u.id
}
