package deploy

import (
	"context"
	"fmt"
	"reflect"
	"slices"
	"time"

	"ops-console/ops/deploy/journal"
)

// chooser replays a prefix of choices and takes the first of each behind it.
type chooser struct {
	pre    []int8
	i      int
	widths []int8
	trace  []string
	faults int // that are allowed
	budget int // that are left
	spent  int
	draw   func(n int) int // chooses instead
}

func (c *chooser) pick(n int) int {
	if c.draw != nil {
		return c.draw(n)
	}
	v := int8(0)
	if c.i < len(c.pre) {
		v = c.pre[c.i]
	} else {
		c.pre = append(c.pre, 0)
	}
	c.widths = append(c.widths, int8(n))
	c.i++
	return int(v)
}

// order is the one in which calls that were begun together are answered.
func (c *chooser) order(n int) []int {
	out := make([]int, n)
	for i := range out {
		out[i] = i
	}
	if c.draw != nil {
		for i := n - 1; i > 0; i-- {
			k := c.draw(i + 1)
			out[i], out[k] = out[k], out[i]
		}
	}
	return out
}

func (c *chooser) spend(n int, label func(int) string) int {
	if c.budget <= 0 {
		return 0
	}
	v := c.pick(n)
	if v != 0 {
		c.budget--
		c.spent++
		c.trace = append(c.trace, label(v))
	}
	return v
}

var (
	machineFaults = []int{fOK, fNot, fApplied, fHang, fCrashBefore, fCrashAfter, fTaken, fBusy}
	otherFaults   = []int{fOK, fNot, fApplied, fHang, fCrashBefore, fCrashAfter}
	leaseFaults   = []int{fOK, fNot, fApplied, fTaken, fCrashAfter}
)

func (c *chooser) fault(in *Intent) int {
	kinds := machineFaults
	switch in.Verb {
	case VerbLease, VerbRenew:
		kinds = leaseFaults
	case VerbRelease:
		kinds = leaseFaults[:2]
	case VerbOpen, VerbClose, VerbPrepare, VerbStartRun, VerbDiscard, VerbGate, VerbCreate:
		kinds = otherFaults
	}
	return kinds[c.spend(len(kinds), func(v int) string {
		return fmt.Sprintf("%s %s:%s", in.Verb, in.Machine+in.Key, faultNames[kinds[v]])
	})]
}

func (c *chooser) look() int {
	// A look that fails is a longer wait: it is left out where faults are combined.
	n := 4
	if c.faults > 1 {
		n = 3
	}
	return c.spend(n, func(v int) string { return "look:" + [...]string{"", "stale", "empty", "failed"}[v] })
}

// memory is a journal that is kept in memory, encoded as on disk.
type memory struct {
	data  []byte
	chain journal.Chain
	lazy  bool // a mutant: intents reach the disk only with what follows them
	held  []byte
	// known are records that were read before: nil where the journal is encoded, and read, as on disk.
	known   map[string]Record
	entries []journal.Entry
}

func (m *memory) Append(items ...journal.Item) ([]journal.Entry, error) {
	out := make([]journal.Entry, 0, len(items))
	for _, it := range items {
		var e journal.Entry
		var err error
		if m.held, e, err = m.chain.Append(m.held, it.At, it.Kind, it.Data); err != nil {
			return nil, err
		}
		out = append(out, e)
		if m.known == nil && (!m.lazy || it.Kind != string(RecIntent)) {
			m.data = append(m.data, m.held...)
			m.held = m.held[:0]
		}
	}
	if m.known != nil {
		m.held = m.held[:0]
	}
	m.entries = append(m.entries, out...)
	return out, nil
}

// open reads the journal as a new process does.
func (m *memory) open() (*State, error) {
	if m.known != nil {
		return m.fold()
	}
	m.held = m.held[:0]
	entries, _, err := journal.Decode(m.data)
	if err != nil {
		return nil, err
	}
	m.chain = journal.Chain{}
	if len(entries) > 0 {
		m.chain = journal.After(entries[len(entries)-1])
	}
	return Fold(entries)
}

// fold does what Fold does, and reads no record twice that says the same.
func (m *memory) fold() (*State, error) {
	s := &State{}
	for _, e := range m.entries {
		key := e.Kind + string(e.Data)
		r, ok := m.known[key]
		if !ok {
			var err error
			if r, err = decodeRecord(e); err != nil {
				return nil, err
			}
			m.known[key] = r
		}
		r.Seq, r.At = e.Seq, e.At
		if err := s.apply(r, e.Hash); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// path is one execution.
type path struct {
	w       *world
	m       *memory
	s       *State
	g       *engine // of the process that runs; nil: none does
	off     rules
	step    int // of the process
	crashes int
	lost    int // of them, after which somebody else went on who has no journal
	asked   bool
	looked  bool              // and did nothing since
	nonces  map[string]string // that the process before has kept

	mem    *remembered // nil: nothing is remembered
	left   []left      // where processes ended
	joined *place      // it came to a state that is known: it need not go on
}

const (
	maxSteps    = 600 // of a process
	maxRestarts = 8
	maxCalls    = 700
	maxAbort    = 130 * time.Minute // until an abort is obeyed, but for processes that were killed
)

// one runs a deployment to its end, through crashes.
func one(e env, pre []int8, budget int, off rules, lazy bool) (*chooser, *path) {
	c := &chooser{pre: pre, faults: budget, budget: budget}
	return c, c.run(e, off, lazy)
}

// run runs a deployment in an environment.
func (c *chooser) run(e env, off rules, lazy bool) *path {
	p := c.start(e, off, lazy)
	p.goOn()
	return p
}

// start is a deployment that was written down, and nothing more.
func (c *chooser) start(e env, off rules, lazy bool) *path {
	w := newWorld(e, c)
	p := &path{w: w, m: &memory{lazy: lazy}, off: off}
	plan := w.plan()
	if e.changed {
		plan.Targets[1].Prev.Version = "m2v1"
	}
	if _, err := p.m.Append(Record{At: w.now, Kind: RecBegin, Plan: plan, Hash: "h"}.item()); err != nil {
		panic(err)
	}
	return p
}

// goOn runs it to its end, or to where it joins what is known.
func (p *path) goOn() {
	for p.crashes < maxRestarts && !p.session() {
		p.left = append(p.left, left{p.w.now, p.step})
		p.crashes++
		down := p.w.env.down
		if down == 0 {
			down = p.s.Plan.Timings.LeaseTTL + time.Second
		}
		p.w.advance(p.w.now.Add(down))
		if p.w.env.lost {
			p.lose()
		}
	}
	if p.joined == nil {
		p.check()
	}
}

// begin is a new process. False: it has nothing to do.
func (p *path) begin() bool {
	w := p.w
	if p.s == nil {
		var err error
		if p.s, err = p.m.open(); err != nil {
			w.v("I8 the journal cannot be read: %v", err)
			return false
		}
	}
	if p.s.Outcome != "" {
		return false // it ended, and was killed before it gave its leases back: they lapse
	}
	p.looked = true
	p.g, p.step = &engine{s: p.s, o: newObserved(p.s.Plan), log: p.m, off: p.off}, 0
	p.g.know(p.nonces)
	if err := p.g.write(Record{At: w.now, Kind: RecSession, Session: p.s.Session + 1, Holder: "me"}); err != nil {
		panic(err)
	}
	return true
}

// session is one process. False: it crashed.
func (p *path) session() (ended bool) {
	if p.g == nil && !p.begin() {
		return true
	}
	w, s, g := p.w, p.s, p.g
	defer func() {
		if x := recover(); x != nil {
			if _, ok := x.(crash); !ok {
				panic(x)
			}
			again, err := p.m.open()
			switch {
			case err != nil:
				w.v("I8 the journal cannot be read: %v", err)
				ended = true
			case !p.m.lazy && !reflect.DeepEqual(again, p.s):
				w.v("I8 the journal does not say what the process knew")
			}
			p.s, p.g = again, nil
		}
	}()
	ctx := context.Background()
	for ; p.step < maxSteps; p.step++ {
		if p.mem != nil && p.looked && p.mem.come(p) {
			return true
		}
		p.looked = false
		before := s.Seq
		d, err := g.turn(w.now)
		if err != nil {
			w.v("I8 %v", err)
			return true
		}
		if s.Seq != before && w.c.spend(2, func(int) string { return "crash after a record" }) == 1 {
			panic(crash{})
		}
		if d.Over {
			if s.Halt != "" && !p.asked && w.env.ask != "" {
				p.asked = true
				if slices.Contains(s.Choices(), w.env.ask) {
					w.forced = w.env.ask == RollBackAnyway
					if err := g.ask(ask{w.env.ask, "op"}, w.now); err != nil {
						panic(err)
					}
					continue
				}
			}
			return true
		}
		if at := w.env.abortAt; at > 0 && w.abortAt.IsZero() && w.now.Sub(w.start) >= at && s.Outcome == "" && s.Halt == "" {
			p.abort(g)
			continue
		}
		if len(d.Intents) > 0 {
			if hasRecorded(d.Intents) && w.abortAt.IsZero() && s.Outcome == "" && s.Halt == "" &&
				w.c.spend(2, func(int) string { return "abort" }) == 1 {
				p.abort(g)
				continue
			}
			p.perform(ctx, g, d.Intents)
			continue
		}
		next := g.o.At.Add(s.Plan.Timings.Poll)
		if g.o.Failed.After(g.o.At) {
			next = g.o.Failed.Add(s.Plan.Timings.Poll)
		}
		if d.Until.After(next) {
			next = d.Until.Add(time.Millisecond)
		}
		w.advance(next)
		begun := w.now
		r, err := w.Observe(ctx, g.want())
		g.look(r, err, begun)
		p.looked = true
	}
	w.v("I0 no end after %d steps: %s", maxSteps, s.Phase())
	return true
}

func (p *path) abort(g *engine) {
	p.w.abortAt = p.w.now
	if err := g.write(Record{At: p.w.now, Kind: RecRequest, Choice: Abort, By: "op"}); err != nil {
		panic(err)
	}
}

func hasRecorded(ii []Intent) bool {
	for _, in := range ii {
		if !in.Verb.Volatile() {
			return true
		}
	}
	return false
}

func (p *path) perform(ctx context.Context, g *engine, intents []Intent) {
	w := p.w
	ii, err := g.begin(intents, w.now)
	if err != nil {
		panic(err)
	}
	for _, i := range w.c.order(len(ii)) {
		in := ii[i]
		begun := w.now
		ans, err := w.Do(ctx, in)
		if err := g.done(in, ans, err, begun, w.now); err != nil {
			w.v("I8 %v", err)
		}
		if w.env.kept {
			p.nonces = g.nonces(w.now)
		}
	}
}

// check holds the end against the world.
func (p *path) check() {
	w, s := p.w, p.s
	w.advance(w.now.Add(time.Minute)) // what was late comes
	e := &w.env
	count := map[string]int{}
	for _, m := range w.ms {
		if m.gone {
			continue
		}
		count[m.digest]++
		if s.Outcome == Deployed || s.Outcome == RolledBack || s.Outcome == Unchanged {
			dead := w.isDead(m)
			if m.key != "" && !dead && (e.strategy != StrategyBlueGreen || s.Outcome != Deployed) {
				w.v("I5 machine %s (%s) was left", m.id, m.key)
			}
			if m.cordoned && !dead {
				w.v("I5 machine %s was left without traffic", m.id)
			}
			if m.key == "" && e.strategy == StrategyBlueGreen && s.Outcome == Deployed && !dead {
				w.v("I5 old machine %s was left", m.id)
			}
			if !dead && !m.stopped && !w.healthy(m) && s.Outcome != Unchanged && !w.stale {
				w.v("I9 %s, and %s is not healthy", s.Outcome, m.id)
			}
		}
	}
	if s.Outcome != "" && s.Outcome != Abandoned {
		for _, r := range w.runs {
			if r.key != "" && r.state == RunCreated {
				w.v("I5 release command machine %s was left", r.id)
			}
			if r.key != "" && r.state == RunStarted {
				w.v("I3 %s while the release command runs", s.Outcome)
			}
		}
	}
	want := ""
	switch s.Outcome {
	case Deployed:
		want = "complete"
		if count[oldDigest] > 0 && !(e.dead > 0 && e.strategy == StrategyBlueGreen) {
			w.v("I1 deployed, and %v", count)
		}
		if e.mig != "none" && w.schema != 1 && e.ask != Ran {
			w.v("I2 deployed without its migrations")
		}
	case RolledBack:
		want = "failed"
		if count[newDigest] > 0 {
			w.v("I1 rolled back, and %v", count)
		}
		if w.schema == 1 && e.unfit && !w.forced {
			w.v("I7 rolled back to code that does not work with the schema")
		}
	case Unchanged:
		want = "failed"
		if count[newDigest] > 0 || w.ran > 0 {
			w.v("I2 unchanged, and %v, %d release commands", count, w.ran)
		}
		for _, m := range w.ms[:w.size] {
			if m.n > 1 && !e.changed {
				w.v("I2 unchanged, and %s is at %s", m.id, m.version())
			}
		}
	case Abandoned:
		want = "interrupted"
	case "":
		want = "interrupted"
		p.checkHalt()
	}
	if w.record != nil && s.Record != nil && s.Record.ID == w.record.ID && w.record.Status != want && s.closed.word == Done && !w.hung {
		w.v("I15 %s%s, and the release record says %s", s.Outcome, s.Halt, w.record.Status)
	}
	if w.calls > maxCalls {
		w.v("I10 %d calls", w.calls)
	}
	if !w.abortAt.IsZero() && w.now.Sub(w.abortAt) > maxAbort+time.Duration(p.crashes)*(s.Plan.Timings.LeaseTTL+time.Minute) {
		w.v("I13 %s after the abort", w.now.Sub(w.abortAt))
	}
	if w.c.spent == 0 {
		if got, want := p.end(), expected(e); got != want {
			w.v("I0 %s, want %s (%s)", got, want, s.Reason)
		}
	}
}

func (p *path) end() string {
	if p.s.Outcome != "" {
		return string(p.s.Outcome)
	}
	return string(p.s.Halt)
}

// checkHalt holds that it stands still only for a reason that is not its own (I11, I12).
func (p *path) checkHalt() {
	w, s, e := p.w, p.s, &p.w.env
	switch s.Halt {
	case HaltSchema:
		if !e.unfit && e.declared == Able {
			w.v("I12 halted for the schema, which the old release works with: %s", s.Reason)
		}
	case HaltRollback:
		if e.dead == 0 && e.vanish == 0 && !e.unfit {
			w.v("I11 gave up without a cause: %s", s.Reason)
		}
	case HaltCutover:
		if e.image == "good" && e.dead == 0 {
			w.v("I11 halted after cutover without a cause: %s", s.Reason)
		}
	case HaltMigration:
		never := p.lost > 0 && w.ran == 0 // that it was never started is in the journal that is lost
		if e.mig != "slow" && e.mig != "lost" && !never && !e.forgets && w.blind < sure {
			w.v("I11 does not know how the release command ended: %s", s.Reason)
		}
	case HaltLease:
		if !w.other {
			w.v("I11 lost a lease that nobody took: %s", s.Reason)
		}
	default:
		w.v("I0 no end: %s", s.Phase())
	}
}

// expected is the end where nothing goes wrong that is not in the environment.
func expected(e *env) string {
	bad := e.image != "good" && e.image != "sleepy"
	switch {
	case e.want != "":
		return e.want
	case e.held, e.changed, e.gate == Fail:
		return string(Unchanged)
	case e.dead > 0 && e.deadAt == 0:
		return string(Unchanged)
	case e.mig == "lost", e.mig == "slow":
		return string(HaltMigration)
	case e.mig == "fail":
		return string(RolledBack)
	case e.mig == "partial" && e.unfit:
		return string(HaltSchema)
	case e.mig == "partial":
		return string(RolledBack)
	case e.mig == "ok" && e.unfit:
		return string(HaltSchema) // the soak shows it
	case bad && e.mig != "none" && e.declared != Able:
		return string(HaltSchema)
	case bad:
		return string(RolledBack)
	}
	return string(Deployed)
}
