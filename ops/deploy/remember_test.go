package deploy

import (
	"maps"
	"slices"
	"time"
)

// remembered are the states in which an exploration has been, and what can follow from each. An execution that comes to a
// state that is alike is not carried on: what would follow is counted as if it had been. So the executions that are told of
// are as many, and come to the same ends with as many calls and crashes, as if each had been run.
//
// Two things are not in a state, because they differ in nearly every execution and hardly ever matter: how old its leases are,
// as long as they are young, and how much there was of what is bounded, calls and time. A place knows the most that can follow;
// an execution joins it only if neither it nor the one that came there first gets near to a bound.
type remembered struct {
	places map[hash]*place
	trail  []*place // of the execution that is under way
	root   *place
	form   *form
}

// place is a state, as it was come to first.
type place struct {
	point
	budget int   // of faults
	fork   *path // to go on from with other choices; nil where there are none, or none any more
	done   bool  // what can follow is known
	near   bool  // something that follows gets near to a bound

	session time.Duration // since the process took it up, or somebody asked to go on
	abort   time.Duration // since an abort was asked for; 0: none was
	lease   time.Duration // age of the oldest lease that was taken for young

	after []sum // by how many faults follow
}

// point is how far an execution is.
type point struct {
	choices int
	spent   int
	now     time.Time
	calls   int
	crashes int
	lost    int
	step    int // of the process
}

func (p *path) point() point {
	return point{p.w.c.i, p.w.c.spent, p.w.now, p.w.calls, p.crashes, p.lost, p.step}
}

// left is where a process ended.
type left struct {
	now  time.Time
	step int
}

// sum is what all executions that follow come to.
type sum struct {
	ends                 [10]uint32 // how many, by endings
	calls, crashes, lost int

	// The most of one of them.
	mostCalls, mostSteps int           // steps of the process that runs
	rest, whole          time.Duration // to its end, and to the end of all
}

// endings are the outcomes and halts, and none.
var endings = [10]string{
	"", string(Deployed), string(RolledBack), string(Unchanged), string(Abandoned),
	string(HaltSchema), string(HaltCutover), string(HaltRollback), string(HaltMigration), string(HaltLease),
}

func (s *sum) paths() int {
	n := 0
	for _, k := range s.ends {
		n += int(k)
	}
	return n
}

func (s *sum) add(x *sum) {
	for i, n := range x.ends {
		s.ends[i] += n
	}
	s.calls, s.crashes, s.lost = s.calls+x.calls, s.crashes+x.crashes, s.lost+x.lost
	s.mostCalls, s.mostSteps = max(s.mostCalls, x.mostCalls), max(s.mostSteps, x.mostSteps)
	s.rest, s.whole = max(s.rest, x.rest), max(s.whole, x.whole)
}

// remember begins with an execution that begins.
func remember(p *path) *remembered {
	r := &remembered{places: map[hash]*place{}, form: newForm()}
	if !p.m.lazy {
		p.m.known = map[string]Record{}
	}
	p.mem = r
	r.root = &place{point: p.point(), budget: p.w.c.budget, after: make([]sum, p.w.c.budget+1), fork: p.copy()}
	return r
}

// come takes in that an execution is between two steps. True: it need not go on.
func (r *remembered) come(p *path) bool {
	c := p.w.c
	if c.i < len(c.pre) || len(p.m.held) > 0 || len(p.s.open) > 0 {
		return false // it was here before; or something is under way
	}
	at := &place{point: p.point(), budget: c.budget, session: p.w.now.Sub(later(p.s.bound, p.s.sessionAt))}
	if !p.w.abortAt.IsZero() {
		at.abort = p.w.now.Sub(p.w.abortAt) + 1
	}
	for _, exact := range []bool{false, true} {
		h := r.form.of(p, exact)
		at.lease = r.form.aged
		known := r.places[h]
		if known != nil && known.done && !known.near && known.budget >= at.budget && !at.nearBound(known.after, p) {
			p.joined = known
			return true
		}
		if known == nil || known.done && known.budget < at.budget {
			r.places[h] = at
			break
		}
		if at.lease == 0 {
			break
		}
	}
	at.after = make([]sum, c.budget+1)
	if c.budget > 0 {
		at.fork = p.copy()
	}
	r.trail = append(r.trail, at)
	return false
}

// nearBound tells whether what follows gets near to something that is bounded.
func (at *place) nearBound(after []sum, p *path) bool {
	var all sum
	for k := range at.budget + 1 {
		all.add(&after[k])
	}
	t := &p.s.Plan.Timings
	return at.calls+all.mostCalls >= maxCalls || at.step+all.mostSteps >= maxSteps || at.session+all.rest > t.Total-time.Minute ||
		at.lease > 0 && at.lease+all.rest > young(t) || at.abort > 0 && at.abort+all.whole > maxAbort-time.Minute
}

// young is how old a lease can be without being renewed.
func young(t *Timings) time.Duration { return t.LeaseTTL/3 - 20*time.Second }

// end takes in that an execution came to its end, or to a state that is known.
func (r *remembered) end(p *path) {
	here := r.root
	if n := len(r.trail); n > 0 {
		here = r.trail[n-1]
	}
	p.left = append(p.left, left{p.w.now, p.step})
	now := p.point()
	if p.joined != nil {
		here.follows(&now, p.joined.after, p.left)
		return
	}
	one := make([]sum, 1)
	one[0].ends[slices.Index(endings[:], p.end())] = 1
	here.follows(&now, one, p.left)
}

// follows adds what follows a later point of the same execution.
func (at *place) follows(then *point, after []sum, processes []left) {
	faults, calls, crashes, lost := then.spent-at.spent, then.calls-at.calls, then.crashes-at.crashes, then.lost-at.lost
	for k := range min(len(after), len(at.after)-faults) {
		s := after[k]
		n := s.paths()
		if n == 0 {
			continue
		}
		s.calls, s.crashes, s.lost = s.calls+n*calls, s.crashes+n*crashes, s.lost+n*lost
		s.mostCalls += calls
		s.whole += then.now.Sub(at.now)
		if crashes == 0 {
			s.rest += then.now.Sub(at.now)
			s.mostSteps += then.step - at.step
		} else {
			l := processes[at.crashes]
			s.rest, s.mostSteps = l.now.Sub(at.now), l.step-at.step
		}
		at.after[k+faults].add(&s)
	}
}

// back takes in that all that can follow a choice was tried.
func (r *remembered) back(choice int, p *path) {
	for len(r.trail) > 0 {
		n := len(r.trail) - 1
		at := r.trail[n]
		if at.choices <= choice {
			return
		}
		r.trail = r.trail[:n]
		at.done, at.fork = true, nil
		at.near = at.nearBound(at.after, p)
		before := r.root
		if n > 0 {
			before = r.trail[n-1]
		}
		before.follows(&at.point, at.after, p.left)
	}
}

// resume goes on with other choices, from where the first of them is made.
func (r *remembered) resume(pre []int8) *path {
	from := r.root
	if n := len(r.trail); n > 0 {
		from = r.trail[n-1]
	}
	p := from.fork.copy()
	p.w.c.pre = pre
	return p
}

// tell adds up what an exploration found.
func (r *remembered) tell(t *tally) {
	for i := range r.root.after {
		s := &r.root.after[i]
		t.paths += s.paths()
		t.calls, t.crashes, t.lost = t.calls+s.calls, t.crashes+s.crashes, t.lost+s.lost
		for k, n := range s.ends {
			if n > 0 {
				t.ends[endings[k]] += int(n)
			}
		}
	}
	t.states += len(r.places)
}

// copy is an execution that is between two steps once more. The two share only what nobody changes.
func (p *path) copy() *path {
	x, m := *p, *p.m
	m.data, m.held, m.entries = slices.Clip(m.data), slices.Clone(m.held), slices.Clip(m.entries)
	x.m, x.w, x.left = &m, p.w.copy(), slices.Clip(p.left)
	if p.s != nil {
		x.s = p.s.copy()
	}
	if p.g != nil {
		g := *p.g
		g.s, g.o, g.log = x.s, p.g.o.copy(), x.m
		x.g = &g
	}
	return &x
}

func (w *world) copy() *world {
	x, c := *w, *w.c
	c.widths, c.trace = slices.Clip(c.widths), slices.Clip(c.trace)
	x.c = &c
	x.ms, x.runs, x.lates, x.viol = copies(w.ms), copies(w.runs), slices.Clone(w.lates), slices.Clip(w.viol)
	if w.record != nil {
		r := *w.record
		x.record = &r
	}
	return &x
}

func (s *State) copy() *State {
	x := *s
	x.units, x.gates, x.Notes, x.holders = slices.Clone(s.units), slices.Clone(s.gates), slices.Clip(s.Notes), slices.Clip(s.holders)
	x.open, x.discards, x.took = maps.Clone(s.open), maps.Clone(s.discards), maps.Clone(s.took)
	return &x
}

func (o *Observed) copy() *Observed {
	x := *o
	x.leases, x.tracks, x.runs, x.absent = copyMap(o.leases), copyMap(o.tracks), copyMap(o.runs), copyMap(o.absent)
	return &x
}

func copies[T any](xx []*T) []*T {
	all, out := make([]T, len(xx)), make([]*T, len(xx))
	for i, x := range xx {
		all[i] = *x
		out[i] = &all[i]
	}
	return out
}

func copyMap[T any](m map[string]*T) map[string]*T {
	out := make(map[string]*T, len(m))
	for k, x := range m {
		c := *x
		out[k] = &c
	}
	return out
}
