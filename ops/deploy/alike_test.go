package deploy

import (
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
)

// old makes a time no older than it can matter.
func (f *form) old(t *time.Time, most time.Duration) {
	if at := f.now.Add(-most - 1); !t.IsZero() && t.Before(at) {
		*t = at
	}
}

// said keeps of a text only that there is one.
func said(s *string) {
	if *s != "" {
		*s = "x"
	}
}

func (f *form) state(s *State) {
	// The same in all executions of an environment.
	s.Plan, s.Hash, s.Holder = nil, "", ""
	// Only told, to people.
	s.Seq, s.At, s.Head, s.Began, s.phase, s.phaseAt, s.took, s.commitAt = 0, time.Time{}, "", time.Time{}, "", time.Time{}, nil, time.Time{}
	for _, x := range []*string{&s.RunText, &s.Back, &s.BackBy, &s.Reason, &s.Paused, &s.PausedBy, &s.Abort, &s.leave} {
		said(x)
	}
	s.calls = 0                   // numbers calls
	s.Session, s.holders = 0, nil // are asked for by leases and marks, which say whether they are ours
	if s.claimedIn == f.s.Session {
		s.claimedIn = -1
	} else {
		s.claimedIn = 0
	}
	if s.From != nil {
		s.From = &Head{} // of whom it was taken over is only told
	}
	said(&s.noCopy)

	since := later(s.bound, s.sessionAt) // which is all that from asks for
	switch {
	case !s.Locked, f.o.At.IsZero():
		f.old(&since, f.t.LeaseWait+f.t.LeaseTTL)
	case f.unasked():
		since = time.Time{}
	default:
		f.old(&since, f.longest())
	}
	s.bound, s.sessionAt = since, since
	if f.s.Plan.Command == nil || f.s.runBegun() {
		s.lockedAt = time.Time{}
	}
	f.old(&s.lockedAt, f.longest())
	steady := max(f.t.Stable, f.t.Soak) + f.seen
	most := steady
	if s.Back != "" || !f.runOver() || !s.Soaked {
		most = max(f.longest(), f.streak)
	}
	f.old(&s.ranAt, most)
	f.old(&s.steadyAt, most)
	f.old(&s.backAt, steady)
	f.old(&s.cutAt, f.t.Stable+f.seen)
	if s.Paused == "" {
		s.pausedAt = time.Time{}
	}

	s.gates = slices.Clone(s.gates)
	for i := range s.gates {
		f.attempt(&s.gates[i], f.t.Settle, 0)
	}
	f.attempt(&s.claim, f.t.Settle, f.t.Settle)
	if s.claim.word == Done && !s.claim.pending {
		s.claim.n, s.claim.busy = 1, 0 // how often it was tried
		f.old(&s.claim.ended, max(f.seen, f.streak))
	}
	f.old(&s.doubtAt, f.t.Settle+f.seen)
	f.attempt(&s.opened, f.t.Settle, f.t.Settle)
	if s.Record != nil {
		s.opened = attempt{}
	}
	f.attempt(&s.closed, f.t.Settle, 0)
	f.attempt(&s.prepare, max(f.t.Settle, f.t.Health), f.t.Settle)
	if s.runBegun() {
		s.prepare = attempt{}
	}
	first := s.startRun.first
	f.attempt(&s.startRun, f.longest(), f.t.Settle)
	if f.runOver() && s.startRun.n > 0 {
		s.startRun = attempt{n: 1, word: Done}
	}
	if f.soaks() {
		s.startRun.first = first
	}
	type discard struct {
		id string
		a  attempt
	}
	var dd []discard
	for _, id := range slices.Sorted(maps.Keys(s.discards)) {
		d := discard{id, s.discards[id]}
		f.attempt(&d.a, f.t.Settle, 0)
		dd = append(dd, d)
	}
	s.discards = nil
	f.walk(reflect.ValueOf(&dd).Elem())
}

// unasked tells whether nothing is left that counts from when the process began or the bound: what does, began later.
func (f *form) unasked() bool {
	s := f.s
	if s.Commit {
		return true
	}
	if s.Back != "" || s.Plan.Command != nil && !s.Soaked {
		return false
	}
	since := later(s.bound, s.sessionAt)
	for i := range s.units {
		u := &s.units[i]
		if u.put[0].n == 0 && !u.touched || u.healthy[0] && u.restart[0].n+u.start[0].n == 0 {
			continue
		}
		if !u.base(0).After(since) {
			return false
		}
	}
	return true
}

// runOver tells whether the release command has ended for everybody.
func (f *form) runOver() bool {
	if f.s.Plan.Command == nil {
		return true
	}
	for _, r := range f.w.runs {
		if r.key != "" && (r.state == RunStarted || r.state == RunCreated) {
			return false
		}
	}
	for _, a := range f.s.discards {
		if a.word != Done {
			return false // whether they are gone is asked for too
		}
	}
	return f.s.runBegun() && (f.s.Migrated || f.s.RunBad)
}

// soaks tells whether the beginning of the release command is held against when a machine turned bad.
func (f *form) soaks() bool { return f.s.Plan.Command != nil && !f.s.Soaked && f.s.startRun.n > 0 }

// longest is the longest that is asked for of what is not the world's.
func (f *form) longest() time.Duration {
	most := f.t.Health + max(f.t.Grace, f.t.Stable, f.t.Soak)
	if f.s.Plan.Command != nil && !f.runOver() {
		most = max(most, f.s.Plan.Command.Timeout)
	}
	return most + f.seen
}

// attempt keeps of a call what the next one depends on.
func (f *form) attempt(a *attempt, most, settle time.Duration) {
	// Only told.
	a.began, a.text, a.machine = time.Time{}, "", ""
	a.version = "" // a hint for the platform what to wait for
	if !a.pending {
		a.first = time.Time{} // only asked for where the end is not known
	}
	// What is asked for of its end: how long ago it was, and whether enough looks began a settling after it.
	most += f.seen
	if f.o.alien.looks > 0 {
		settle = f.t.Settle
	}
	if settle > 0 {
		most = max(most, settle+f.streak)
	}
	f.old(&a.ended, most)
}

func (f *form) unit(u *unit) {
	u.changed, u.took = time.Time{}, 0 // only told
	said(&u.gaveUp)
	said(&u.sick)
	for i := range 2 {
		most := f.t.Health + f.t.Grace
		if u.healthy[i] {
			most = f.t.Settle // of one that was seen healthy, only whether what it was told has settled
		}
		f.attempt(&u.put[i], most, f.t.Settle)
		f.attempt(&u.restart[i], most, 0)
		f.attempt(&u.start[i], most, 0)
	}
	f.attempt(&u.stop, f.t.Settle+f.t.Drain, 0)
	f.attempt(&u.cordon, max(f.t.Settle, f.t.Drain), 0)
	f.attempt(&u.uncordon, max(f.t.Settle, f.t.Stable), 0)
	f.attempt(&u.destroy, f.t.Settle, f.t.Settle)
	if u.role != roleTarget || f.broken {
		return
	}
	back := f.s.Back != ""
	for i := range 2 {
		a := &u.put[i]
		if a.n == 0 || a.pending || !u.healthy[i] && !(back && i == 0) {
			continue
		}
		// It has got there, or is not going there any more: how often it was told does not matter again.
		a.n, a.busy = 1, 0
		if u.healthy[i] && i == 1 && f.now.Sub(a.ended) > f.t.Settle+max(f.seen, f.streak) {
			a.word = Done
		}
	}
}

// rests tells whether a machine is where it is to be, and was seen healthy there, or is not to change yet.
func (f *form) rests(id string) bool {
	side := 0
	if f.s.Back != "" {
		side = 1
	}
	u := f.s.find(id, "")
	if u == nil || u.role != roleTarget {
		return false
	}
	m := f.o.of(u)
	if m == nil {
		return false
	}
	where := (&reducer{p: f.s.Plan, o: f.o}).side(u, m)
	return u.healthy[side] && where == side || u.put[side].n == 0 && where == 1-side
}

func (f *form) observed(o *Observed) {
	o.expects = nil        // the plan's
	o.Looks, o.Err = 0, "" // only told
	if !o.Failed.After(o.At) {
		o.Failed = time.Time{}
	}
	if f.s.Paused == "" {
		o.calm = streak{} // counts only while it is paused
	}
	o.noRun.since, o.guards.since, o.calm.since, o.alien.since = time.Time{}, time.Time{}, time.Time{}, time.Time{} // nobody asks
	o.guards.last, o.calm.last = [sure]time.Time{}, [sure]time.Time{}
	if f.runOver() {
		o.noRun, o.runs = streak{}, nil // asked for until its end is known
	}
	tracks := map[string]*track{}
	for id, t := range o.tracks {
		if f.shown(id) {
			x := *t
			if f.rests(id) {
				x.same = streak{}
			}
			tracks[id] = &x
		}
	}
	o.tracks = tracks
}

// shown tells whether a machine can be seen by this look or a later one. One that is gone never comes back.
func (f *form) shown(id string) bool {
	if f.w.find(id) != nil {
		return true
	}
	for _, mm := range [][]Machine{f.o.Machines, f.lastMachines()} {
		if slices.ContainsFunc(mm, func(m Machine) bool { return m.ID == id }) {
			return true
		}
	}
	return false
}

func (f *form) lastMachines() []Machine {
	if f.w.last == nil {
		return nil
	}
	return f.w.last.Machines
}

// oldest is the age of the oldest look that is held against the end of a call.
func (f *form) oldest() time.Duration {
	age := time.Duration(0)
	see := func(k *streak) {
		for _, at := range k.last {
			if !at.IsZero() {
				age = max(age, f.now.Sub(at))
			}
		}
	}
	if !f.runOver() {
		see(&f.o.noRun)
		for _, k := range f.o.runs {
			see(k)
		}
	}
	for _, k := range f.o.absent {
		see(k)
	}
	see(&f.o.alien)
	for id, t := range f.o.tracks {
		if f.shown(id) && !f.rests(id) {
			see(&t.same)
		}
	}
	return age
}

func (f *form) streaks(k *streak) {
	k.looks = min(k.looks, sure)
	f.old(&k.since, f.t.Health+f.seen)
}

func (f *form) track(t *track) {
	t.version = f.version(t.version)
	t.same.since, t.crash.since, t.down.since = time.Time{}, time.Time{}, time.Time{} // nobody asks
	t.good.looks = min(t.good.looks, f.t.Good)
	t.bad.looks, t.down.looks, t.crash.looks = min(t.bad.looks, f.t.Bad), min(t.down.looks, max(f.t.Bad, 2)), min(t.crash.looks, 2)
	f.old(&t.good.since, max(f.t.Stable, f.t.Soak)+f.seen)
	if !f.soaks() {
		t.bad.since = time.Time{}
	}
	none := [sure]time.Time{}
	t.good.last, t.bad.last, t.crash.last, t.down.last, t.lost.last = none, none, none, none, none
}

// version counts back from the one that a machine has; the first one is the plan's.
func (f *form) version(v string) string {
	i := strings.LastIndexByte(v, 'v')
	if i < 0 || v[i+1:] == "1" {
		return v
	}
	n, err := strconv.Atoi(v[i+1:])
	if err != nil {
		panic("what version is " + v)
	}
	for _, m := range f.w.ms {
		if m.id == v[:i] {
			return v[:i+1] + "-" + strconv.Itoa(m.n-n)
		}
	}
	return v
}

func (f *form) release(r *ReleaseRecord) {
	r.Version = 0 // only told
	if f.w.record != nil && r.ID == f.w.record.ID {
		r.ID = "now"
	}
}

// young tells whether the lease of a machine is ours, known, and so fresh that nothing is asked of its end before it is
// renewed or the process is killed, and that the next process finds it lapsed. remember checks that it is so.
func (f *form) young(id string) bool {
	e := &f.w.env
	if f.exact || e.ttl > 0 || e.down > 0 {
		return false
	}
	l, m := f.o.leases[id], f.w.find(id)
	if m == nil || !l.held(f.now) || l.nonce != m.nonce {
		return false
	}
	age := f.t.LeaseTTL - l.expires.Sub(f.now)
	if age > young(f.t) {
		return false
	}
	f.aged = max(f.aged, age)
	return true
}

// nonce says whether a lease is the one that the platform knows.
func (f *form) nonce(s string) string {
	if s == "" || s == "other" {
		return s
	}
	for _, m := range f.w.ms {
		if m.nonce == s && m.expires.After(f.now) {
			return "now"
		}
	}
	return "was"
}

// long is when something ends that outlasts everything.
func (f *form) long() time.Time { return f.now.Add(time.Hour * 1000) }

func (f *form) lease(l *lease) {
	l.text = "" // only told
	for id, x := range f.o.leases {
		if x.nonce == l.nonce && f.young(id) {
			l.expires = f.long()
		}
	}
	if !l.expires.After(f.now) {
		l.expires = time.Time{}
	}
	l.nonce = f.nonce(l.nonce)
	if most := f.t.Poll; l.word != Done {
		f.old(&l.at, max(most, f.seen))
	} else {
		f.old(&l.at, f.seen)
	}
}

func (f *form) machine(m *Machine) {
	m.Version, m.Head = f.version(m.Version), f.head(m.Head)
	if m.Lease == nil {
		return
	}
	h := *m.Lease
	h.Description = f.holding(h.Description)
	switch {
	case f.young(m.ID), h.Expires.Sub(f.now) > 12*time.Hour:
		h.Expires = f.long()
	default:
		f.old(&h.Expires, f.seen)
	}
	m.Lease = &h
}

// holding tells of a lease whether it is ours, and not which process took it.
func (f *form) holding(desc string) string {
	l, ok := ParseLessee(desc)
	if !ok {
		return desc
	}
	if l.Session, l.Holder = f.session(l.Session, l.Holder); l.Session == ours {
		return "us"
	}
	return l.String()
}

// ours is written for a session that is one of this journal's.
const ours = 1

// session tells whether a process of ours, or which, counted from the latest. Where a journal can be lost the number of the
// latest that left a mark is that of the next journal.
func (f *form) session(n int, holder string) (int, string) {
	if f.s.mine(n, holder) && !f.w.env.lost {
		return ours, "us"
	}
	return ours + 1000 + f.s.Session - n, holder
}

// head is a mark without what is only told.
func (f *form) head(s string) string {
	h, ok := ParseHead(s)
	if !ok {
		return s
	}
	h.Session, h.Holder = f.session(h.Session, h.Holder)
	h.Seq, h.Hash = 0, ""
	if h.Record != nil {
		f.release(h.Record)
	}
	said(&h.Why)
	return h.String()
}

func (f *form) intent(in *Intent) {
	in.N, in.Text = 0, ""
	in.Nonce, in.Version, in.Description = f.nonce(in.Nonce), f.version(in.Version), f.holding(in.Description)
	in.Plan = nil // the same for all
	if h, ok := in.Tags[TagHead]; ok {
		in.Tags = maps.Clone(in.Tags)
		in.Tags[TagHead] = f.head(h)
	}
}

func (f *form) world(w *world) {
	e := &w.env
	since := w.start
	f.old(&since, max(e.deadAt, e.then, e.abortAt))
	w.start, w.now = since, time.Time{}
	w.env = env{then: e.then} // the rest never changes
	w.c = nil
	w.calls, w.viol = 0, nil
	if f.w.blind+f.w.c.budget < sure {
		w.blind = 0 // is asked for where there were that many
	}
	w.opens, w.nonces = 0, 0 // make names that nothing else has
	if !w.abortAt.IsZero() {
		w.abortAt = f.now // how long ago it was is judged by remember
	}
	w.last = nil // is written apart
	w.ran = min(w.ran, 2)
	w.ms = slices.Clone(w.ms)
	w.ms = append(w.ms[:w.size:w.size], slices.DeleteFunc(w.ms[w.size:], func(m *fmachine) bool { return m.gone })...)
}

func (f *form) fmachine(m *fmachine) {
	m.n, m.head = min(m.n, 2), f.head(m.head)
	if m.gone {
		*m = fmachine{id: m.id, n: m.n, gone: true, head: m.head, desc: m.desc, nonce: m.nonce, expires: m.expires}
	}
	e := &f.w.env
	switch e.image {
	case "flap":
		if !m.changing.IsZero() {
			m.changing = f.now.Add(-(f.now.Sub(m.changing) % (16 * time.Second)))
		}
	case "brief":
		f.old(&m.changing, 2*time.Second)
	default:
		f.old(&m.changing, 0)
	}
	f.old(&m.made, 0)
	if m.nonce != "other" {
		m.conflicts = 0
	}
	m.conflicts = min(m.conflicts, 2)
	m.desc = f.holding(m.desc)
	switch {
	case f.young(m.id), m.expires.Sub(f.now) > 12*time.Hour:
		m.expires = f.long()
	case !m.expires.After(f.now):
		m.expires = time.Time{}
		if m.nonce != "other" {
			m.nonce = ""
		}
		m.desc = ""
	}
	m.nonce = f.nonce(m.nonce)
}

func (f *form) frun(r *frun) {
	if f.w.env.forgets {
		f.old(&r.ended, time.Minute)
	} else {
		r.ended = time.Time{}
	}
	f.old(&r.made, modelTimings.Settle)
	if r.state != RunStarted {
		r.until = time.Time{}
	}
	f.old(&r.until, 0)
}
