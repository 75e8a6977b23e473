// Package compare keeps one comparison of two generated trees up to date for somebody who looks at it: which versions there
// are, what changed between the two that were chosen, what that means for the project's files, and which files are done. It
// loads in the background, one comparison at a time, each within a deadline; what was asked for last wins.
//
// It loads nothing before somebody looks, and never runs what a source asks about before it was answered. It writes into the
// project only what Apply is given.
package compare

import (
	"cmp"
	"context"
	"errors"
	"io"
	"maps"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"ops-console/ops/feed"
	"ops-console/ops/phoenix"
	"ops-console/ops/phoenix/diff"
	"ops-console/ops/phoenix/merge"
	"ops-console/ops/phoenix/nearest"
	"ops-console/ops/phoenix/source"
)

// Choice is what to compare. The zero version is for the comparison to choose.
type Choice struct {
	Axis     phoenix.Axis // empty: Project
	From, To phoenix.Version
	Flags    phoenix.Flags // of To, as the axis' generator takes them; of From those that ask the same of it
	Names    phoenix.Names // of Auth; zero: the project's, or else the default
}

// Equal says whether two choices are the same.
func (c Choice) Equal(d Choice) bool {
	return c.Generator() == d.Generator() && c.From == d.From && c.To == d.To && c.Names == d.Names && maps.Equal(c.Flags, d.Flags)
}

// Generator is whose trees are compared.
func (c Choice) Generator() phoenix.Axis { return cmp.Or(c.Axis, phoenix.Project) }

// With is the choice with a flag set; a flag that says what To does anyway is left out.
func (c Choice) With(flag, value string) Choice {
	f := maps.Clone(c.Flags)
	if f == nil {
		f = phoenix.Flags{}
	}
	f[flag] = value
	if def, ok := phoenix.Knowledge(c.To).Default(c.Generator(), flag); ok && def == value {
		delete(f, flag)
	}
	c.Flags = f
	return c
}

// Specs are the trees that the choice is about.
func (c Choice) Specs() (old, new phoenix.Spec) {
	old, new, _ = specs(c)
	return old, new
}

// Snapshot is a comparison at one moment. It is never changed after it was published.
type Snapshot struct {
	At       time.Time
	Source   string            // where trees come from; empty: nowhere, none is configured
	Versions []phoenix.Version // that there are trees of, oldest first
	Others   []phoenix.Version // that there may be trees of, though none is at hand, oldest first
	Specs    []phoenix.Spec    // the trees that are at hand, without names; of all generators
	Whole    bool              // there are no others

	Wanted  Choice
	Loading bool // Wanted is being loaded; what is below is what was there before
	// Question is what loading waits for: whether a generator may be run. See Watcher.Answer. nil: it waits for nobody.
	Question *source.Question
	Err      error // why Wanted could not be loaded; nothing is below then

	Choice   Choice // what the following is about
	Old, New Side
	Notes    []string
	Pairs    []diff.Pair // empty: nothing is loaded yet

	Dir        string // of the project, absolute; empty: none is known
	App        string // its name; empty: that of the sample
	Base       string // why From was chosen, in a sentence; empty: somebody chose it
	Unsure     bool   // somebody should say which version the files come from: Base is a guess
	Plan       *merge.Plan
	ProjectErr error // why there is no Plan; nil where there is no project

	Done   map[string]bool            // by Key
	Bases  map[string]phoenix.Version // by Key: files that come from another version than From, as somebody said
	Nearer map[string]nearest.File    // by path in the project: files that are more like another version than From's; as far as was looked
}

// Side is one of the two trees.
type Side struct {
	Spec       phoenix.Spec
	Provenance phoenix.Provenance
}

// Key names a file of the comparison for its done mark.
func Key(p diff.Pair) string { return diff.Key(p.Path()) }

// Options of Start.
type Options struct {
	Source source.Source // nil: none is configured
	// Listed are those of its trees that are at hand and can be listed: versions are offered of them where there are any, and
	// what the project's files come from is looked for among them. nil: none.
	Listed source.Lister
	Dir    string    // of the project; empty: none
	State  string    // directory in which is kept what is done; empty: it is not kept
	Rand   io.Reader // see merge.Options
	Now    func() time.Time
	// Base is the version that the project's files come from; the zero version: it is found out.
	Base phoenix.Version
	// Timeout of loading; 0: 2 minutes.
	Timeout time.Duration
	// Whole says that the source has no tree that is not listed.
	Whole bool
	// Desk is where Source asks whether it may run a generator; nil: it does not ask.
	Desk *Desk
}

const loadTimeout = 2 * time.Minute

// Watcher publishes snapshots until it is closed. Make one with Start.
type Watcher struct {
	o      Options
	loader loader
	cancel context.CancelFunc
	done   chan struct{}
	kick   chan struct{}

	mu       sync.Mutex // guards what follows
	latest   feed.Snapshot[*Snapshot]
	changed  chan struct{}
	want     Choice
	asked    int                // grows with every question; an answer to an earlier one is dropped
	stop     context.CancelFunc // of the load that is running; nil: none is
	deadline *time.Timer        // of the same; nil: none is
	looking  bool
	progress string // the file in which is kept what is done; empty: it is not

	keeping sync.Mutex // guards the files in which is kept what is done; taken before mu
}

// Start begins to wait for somebody to look, until ctx ends or the Watcher is closed.
func Start(ctx context.Context, o Options) *Watcher {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Timeout <= 0 {
		o.Timeout = loadTimeout
	}
	if o.Dir != "" {
		if abs, err := filepath.Abs(o.Dir); err == nil {
			o.Dir = abs
		}
	}
	ctx, cancel := context.WithCancel(ctx)
	w := &Watcher{o: o, loader: loader{o: o, trees: map[string]*phoenix.Tree{}}, cancel: cancel, done: make(chan struct{}), kick: make(chan struct{}, 1), changed: make(chan struct{})}
	first := &Snapshot{At: o.Now(), Dir: o.Dir}
	if o.Source != nil {
		first.Source = o.Source.Name()
	}
	w.publish(first)
	o.Desk.attend(w.questioned)
	go w.run(ctx)
	return w
}

// Latest is the newest snapshot. Its Value is never nil.
func (w *Watcher) Latest() feed.Snapshot[*Snapshot] {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.latest
}

// Changed is closed at the next publication. Take it before Latest, and none is missed.
func (w *Watcher) Changed() <-chan struct{} {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.changed
}

// Attend says whether somebody looks: only then is anything loaded, and the project read again.
func (w *Watcher) Attend(looking bool) {
	w.mu.Lock()
	begins := looking && !w.looking
	w.looking = looking
	w.mu.Unlock()
	if begins {
		w.again()
	}
}

// Refresh reads the project again, and loads what could not be loaded, if anybody has looked yet. What was refused may be
// asked again.
func (w *Watcher) Refresh() {
	w.o.Desk.reopen()
	w.mu.Lock()
	looked := w.looking || w.asked > 0
	w.mu.Unlock()
	if looked {
		w.again()
	}
}

// Ask for another comparison. What is being loaded is given up.
func (w *Watcher) Ask(c Choice) {
	w.mu.Lock()
	w.want = c
	w.want.Flags = maps.Clone(c.Flags)
	w.mu.Unlock()
	w.again()
}

// again loads what is wanted.
func (w *Watcher) again() {
	if w.o.Source == nil {
		return
	}
	w.mu.Lock()
	w.asked++
	if w.stop != nil {
		w.stop()
	}
	s := *w.latest.Value
	s.At, s.Wanted, s.Loading, s.Err, s.Question = w.o.Now(), w.want, true, nil, nil
	w.put(&s)
	w.mu.Unlock()
	select {
	case w.kick <- struct{}{}:
	default:
	}
}

// Close ends the watcher and waits for it. It is idempotent.
func (w *Watcher) Close() {
	w.o.Desk.attend(nil)
	w.cancel()
	<-w.done
}

func (w *Watcher) run(ctx context.Context) {
	defer close(w.done)
	for {
		select {
		case <-ctx.Done():
			return
		case <-w.kick:
			w.load(ctx)
		}
	}
}

// load makes the comparison that was asked for last. Its deadline is none of a context's own, since it waits while somebody
// is asked.
func (w *Watcher) load(ctx context.Context) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	w.mu.Lock()
	want, asked := w.want, w.asked
	w.stop = func() { cancel(context.Canceled) }
	w.deadline = time.AfterFunc(w.o.Timeout, func() { cancel(context.DeadlineExceeded) })
	w.mu.Unlock()
	s, progress := w.loader.load(ctx, want)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.deadline.Stop()
	w.stop, w.deadline = nil, nil
	if asked != w.asked || ctx.Err() != nil && !late(ctx) {
		return // the next one is wanted already, or nobody looks any more
	}
	w.progress = progress
	w.put(s)
}

// late says whether a load has missed its deadline.
func late(ctx context.Context) bool { return errors.Is(context.Cause(ctx), context.DeadlineExceeded) }

// Answer says whether a generator may be run, for a question that a snapshot had. One that waits no longer is passed over.
func (w *Watcher) Answer(q *source.Question, run bool) { w.o.Desk.reply(q, run) }

// questioned publishes which question waits. The load's deadline does not pass meanwhile.
func (w *Watcher) questioned() {
	w.mu.Lock()
	defer w.mu.Unlock()
	s := *w.latest.Value
	s.Question = w.o.Desk.first()
	if s.Question == w.latest.Value.Question || s.Question != nil && w.deadline == nil {
		return
	}
	if w.deadline != nil {
		w.deadline.Stop()
		if s.Question == nil {
			w.deadline.Reset(w.o.Timeout)
		}
	}
	w.put(&s)
}

func (w *Watcher) publish(s *Snapshot) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.put(s)
}

// put publishes; the lock is held.
func (w *Watcher) put(s *Snapshot) {
	now := w.o.Now()
	w.latest = feed.Snapshot[*Snapshot]{Seq: w.latest.Seq + 1, At: now, GoodAt: now, Value: s}
	close(w.changed)
	w.changed = make(chan struct{})
}

// sorted are versions without repetitions, oldest first.
func sorted(vv []phoenix.Version) []phoenix.Version {
	out := slices.Clone(vv)
	slices.SortFunc(out, phoenix.Version.Compare)
	return slices.Compact(out)
}
