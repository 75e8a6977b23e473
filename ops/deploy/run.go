package deploy

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"ops-console/ops/deploy/journal"
)

// ErrDetached says that Run stopped because its context ended. Nothing was taken back: Open goes on from there.
var ErrDetached = errors.New("detached: the deployment can be resumed")

// Deployment is one deployment whose journal this process has open.
type Deployment struct {
	path   string
	file   *journal.File
	nonces map[string]string // of leases that were taken with it

	mu      sync.Mutex // guards state where Run does not run, and running
	state   *State
	running bool
	leaving bool // Run takes nothing in any more
	asks    chan ask
}

type ask struct {
	choice Choice
	by     string
}

const journalExt = ".jsonl"

// Path is where the journal of a deployment is.
func Path(dir, id string) string { return filepath.Join(dir, id+journalExt) }

// Start writes the plan of a new deployment into its journal, under dir. Nothing else is done before Run.
func Start(dir string, p *Plan, now time.Time) (*Deployment, error) {
	if err := p.Validate(); err != nil {
		return nil, err
	}
	path := Path(dir, p.ID)
	f, err := journal.Create(path)
	if err != nil {
		return nil, err
	}
	entries, err := f.Append(Record{At: now, Kind: RecBegin, Plan: p, Hash: p.Hash()}.item())
	if err != nil {
		return nil, errors.Join(err, f.Close(), os.Remove(path)) // nothing was begun
	}
	s, err := Fold(entries)
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return &Deployment{path: path, file: f, state: s, asks: make(chan ask, 8)}, nil
}

// Open takes a deployment up again. Damage is a journal.ErrDamaged, another process that has it a journal.ErrInUse.
func Open(path string) (*Deployment, error) {
	f, entries, err := journal.Open(path)
	if err != nil {
		return nil, err
	}
	s, err := Fold(entries)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("%s: %w", path, err), f.Close())
	}
	return &Deployment{path: path, file: f, state: s, asks: make(chan ask, 8)}, nil
}

// Read tells a deployment's state without taking it up: it may be running elsewhere.
func Read(path string) (*State, error) {
	entries, err := journal.Read(path)
	if err != nil {
		return nil, err
	}
	return Fold(entries)
}

// Found is a journal in a directory.
type Found struct {
	Path  string
	State *State // nil where it cannot be read
	Err   error
}

// List reads the journals of a directory, the newest first. One that cannot be read is among them, with its error.
func List(dir string) ([]Found, error) {
	names, err := filepath.Glob(filepath.Join(dir, "*"+journalExt))
	if err != nil {
		return nil, fmt.Errorf("list the journals of %s: %w", dir, err)
	}
	slices.Sort(names)
	slices.Reverse(names) // ULIDs sort by time
	out := make([]Found, len(names))
	for i, n := range names {
		s, err := Read(n)
		out[i] = Found{Path: n, State: s, Err: err}
	}
	return out, nil
}

// Unfinished are those of List that have not ended, or cannot be read: each wants a decision.
func Unfinished(dir string) ([]Found, error) {
	all, err := List(dir)
	return slices.DeleteFunc(all, func(f Found) bool { return f.State != nil && f.State.Outcome != "" }), err
}

// ID is the deployment's, from its journal's name.
func (f Found) ID() string { return strings.TrimSuffix(filepath.Base(f.Path), journalExt) }

// Path is where its journal is.
func (d *Deployment) Path() string { return d.path }

// State is what the journal says. It must not be looked at while Run runs; Options.Progress is for then.
func (d *Deployment) State() *State {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.state
}

// Ask asks something of the deployment, by whom. While Run runs it is taken in between two steps; before, it is written
// down at once. What Choices does not offer has no effect.
func (d *Deployment) Ask(c Choice, by string, now time.Time) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	switch {
	case d.leaving:
		return fmt.Errorf("ask the deployment to %s: it has just stopped here, ask again in a moment", c)
	case d.running:
		select {
		case d.asks <- ask{c, by}:
			return nil
		default:
			return fmt.Errorf("ask the deployment to %s: it has not answered what was asked before", c)
		}
	}
	return d.engine(nil).ask(ask{c, by}, now)
}

func (d *Deployment) engine(tell func(*State, *Record)) *engine {
	return &engine{s: d.state, o: newObserved(d.state.Plan), log: d.file, tell: tell}
}

// ask writes a request down where it is one that can be made.
func (e *engine) ask(a ask, now time.Time) error {
	if !slices.Contains(e.s.Choices(), a.choice) {
		return fmt.Errorf("the deployment cannot %s as it is: it can %s", a.choice, choices(e.s.Choices()))
	}
	return e.write(Record{At: now, Kind: RecRequest, Choice: a.choice, By: a.by})
}

func choices(cc []Choice) string {
	if len(cc) == 0 {
		return "do nothing any more"
	}
	out := make([]string, len(cc))
	for i, c := range cc {
		out[i] = string(c)
	}
	return strings.Join(out, ", ")
}

// Close gives the journal up. It is for after Run.
func (d *Deployment) Close() error { return d.file.Close() }

// Remove deletes a journal that is damaged or empty, after somebody has seen it. It is kept beside, under another name.
func Remove(path string) error {
	if err := os.Rename(path, path+".removed"); err != nil {
		return fmt.Errorf("put the journal aside: %w", err)
	}
	return nil
}

// Options are what Run needs besides the journal.
type Options struct {
	Platform Platform
	Holder   string           // user@host, as others see it
	Emit     func(Event)      // of each thing that happens; must not block
	Progress func(Progress)   // after each step; must not block
	Now      func() time.Time // nil: time.Now
	Leave    time.Duration    // how long calls under way are waited for when the context ends; 0: 10 s
}

// Run carries a deployment on until it has ended or needs a human: State says which. When ctx ends it detaches, with
// ErrDetached: calls under way are waited for, the leases are given back, and the deployment stays as it is.
func (d *Deployment) Run(ctx context.Context, o Options) error {
	d.mu.Lock()
	if d.running {
		d.mu.Unlock()
		return errors.New("the deployment runs already")
	}
	d.running = true
	d.mu.Unlock()
	defer func() {
		d.mu.Lock()
		d.running, d.leaving = false, false
		d.mu.Unlock()
	}()
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Leave <= 0 {
		o.Leave = 10 * time.Second
	}
	if d.state.Outcome != "" {
		return nil
	}
	base, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	o.Holder = name(o.Holder)
	t := newTeller(d.state, o.Emit)
	r := &run{d: d, o: o, e: d.engine(t.record), t: t, keeper: d.keeper(o.Holder), base: base, cancel: cancel, results: make(chan result), looks: make(chan looked)}
	r.e.know(r.keeper.Nonces)
	d.nonces = nil
	if h := d.state.From; h != nil && h.Session == d.state.Session {
		e := t.event(o.Now(), 1, EventNotice)
		e.Step, e.Text = stepTakeover, takenOver(h, d.state.Plan)
		t.emit(e)
	}
	if err := r.e.write(Record{At: o.Now(), Kind: RecSession, Session: d.state.Session + 1, Holder: o.Holder}); err != nil {
		return err
	}
	err := r.loop(ctx)
	r.deaf()
	r.leave(err)
	return err
}

// run is one Run. Its goroutines do one call each, and are waited for.
type run struct {
	d       *Deployment
	o       Options
	e       *engine
	t       *teller
	keeper  *keeper
	base    context.Context // of every call: it outlives the context of Run, to let calls under way end
	cancel  context.CancelFunc
	results chan result
	looks   chan looked

	calls   int                        // under way
	looking bool                       // a look is under way
	failing int                        // looks in a row that failed
	lastAt  time.Time                  // when the latest look began
	gates   map[int]context.CancelFunc // of gates under way
}

type result struct {
	in    Intent
	ans   Answer
	err   error
	begun time.Time
}

type looked struct {
	r     Reading
	err   error
	begun time.Time
}

func (r *run) loop(ctx context.Context) error {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		now := r.o.Now()
		r.keeper.keep(r.e.nonces(now))
		d, err := r.e.turn(now)
		if err != nil {
			return err
		}
		r.show(d, now)
		if d.Over {
			return nil
		}
		if len(d.Intents) > 0 {
			if err := r.begin(d.Intents); err != nil {
				return err
			}
			continue
		}
		r.calmGates()
		wait := r.due(d).Sub(now)
		if !r.looking && wait <= 0 {
			r.look()
			continue
		}
		timer.Reset(max(wait, time.Millisecond))
		select {
		case x := <-r.results:
			err = r.take(x)
		case x := <-r.looks:
			r.saw(x)
		case a := <-r.d.asks:
			if err := r.e.ask(a, r.o.Now()); err != nil {
				if !slices.Contains(r.e.s.Choices(), a.choice) {
					r.t.notice(r.o.Now(), err.Error())
				} else {
					return err
				}
			}
		case <-timer.C:
		case <-ctx.Done():
			return fmt.Errorf("%w (%w)", ErrDetached, context.Cause(ctx))
		}
		if err != nil {
			return err
		}
	}
}

// due is when the next look is.
func (r *run) due(d Decision) time.Time {
	if r.looking {
		return r.o.Now().Add(time.Hour)
	}
	pause := r.e.s.Plan.Timings.Poll << min(r.failing, 4)
	return later(r.lastAt.Add(pause), d.Until)
}

func (r *run) look() {
	begun, want := r.o.Now(), r.e.want()
	r.looking, r.lastAt = true, begun
	ctx, cancel := context.WithTimeout(r.base, r.e.s.Plan.Timings.Call)
	go func() {
		defer cancel()
		got, err := r.o.Platform.Observe(ctx, want)
		r.looks <- looked{got, err, begun}
	}()
}

func (r *run) saw(x looked) {
	r.looking = false
	if x.err != nil && r.base.Err() != nil {
		return // nobody waited for it any more
	}
	r.e.look(x.r, x.err, x.begun)
	if r.e.o.Err == "" {
		r.failing = 0
		return
	}
	r.failing++
	r.t.notice(r.o.Now(), "looking at the machines failed, asking again: "+r.e.o.Err)
}

func (r *run) begin(intents []Intent) error {
	ii, err := r.e.begin(intents, r.o.Now())
	if err != nil {
		return err
	}
	for _, in := range ii {
		begun := r.o.Now()
		ctx, cancel := context.WithTimeout(r.base, in.Timeout)
		if in.Verb == VerbGate {
			if r.gates == nil {
				r.gates = map[int]context.CancelFunc{}
			}
			r.gates[in.N] = cancel
		}
		r.calls++
		go func() {
			defer cancel()
			ans, err := r.o.Platform.Do(ctx, in)
			r.results <- result{in, ans, err, begun}
		}()
	}
	return nil
}

func (r *run) take(x result) error {
	r.calls--
	delete(r.gates, x.in.N)
	return r.e.done(x.in, x.ans, x.err, x.begun, r.o.Now())
}

// calmGates ends questions whose answer does not matter any more. A backup can take long; the way back does not wait.
func (r *run) calmGates() {
	if s := r.e.s; s.Back == "" && s.Halt == "" && s.leave == "" {
		return
	}
	for _, cancel := range r.gates {
		cancel()
	}
}

func (r *run) show(d Decision, now time.Time) {
	r.t.waiting(now, d.Waiting)
	if r.o.Progress != nil {
		r.o.Progress(progress(r.e.s, r.e.o, d, now))
	}
}

// deaf takes nothing in any more, and says so of what was asked too late.
func (r *run) deaf() {
	r.d.mu.Lock()
	r.d.leaving = true
	r.d.mu.Unlock()
	for {
		select {
		case a := <-r.d.asks:
			r.t.notice(r.o.Now(), fmt.Sprintf("%s asked it to %s when it had just stopped here: that was not taken in, ask again", a.by, a.choice))
		default:
			return
		}
	}
}

// leave waits for what is under way. Where the run did not come to its end, the leases are given back, so that whoever
// goes on does not have to wait for them.
func (r *run) leave(err error) {
	timer := time.NewTimer(r.o.Leave)
	defer timer.Stop()
	for r.calls > 0 || r.looking {
		if r.calls == 0 {
			r.cancel() // a look that nobody waits for
		}
		select {
		case x := <-r.results:
			if e := r.take(x); e != nil && err == nil {
				err = e
			}
		case x := <-r.looks:
			r.saw(x)
		case <-timer.C:
			r.cancel()
		}
	}
	if r.e.s.Outcome != "" {
		r.keeper.keep(nil)
	}
	if err == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.base), r.o.Leave)
	defer cancel()
	var wg sync.WaitGroup
	now := r.o.Now()
	for id, l := range r.e.o.leases {
		if !l.held(now) || l.free {
			continue
		}
		in := r.e.whole(Intent{Verb: VerbRelease, Machine: id})
		l.free = true
		// One that fails lapses by itself.
		wg.Go(func() { _, _ = r.o.Platform.Do(ctx, in) })
	}
	wg.Wait()
	r.keeper.keep(r.e.nonces(now))
}
