// Package watch keeps an application's releases and deployments in view, and carries one deployment on for a console: it
// has it planned, starts it or takes it up again, passes on what is asked of it, and lets go of it so that it can be
// resumed. It decides nothing: what it is given plans, carries out and records.
package watch

import (
	"context"
	"encoding/json"
	"slices"
	"sync"
	"time"

	"ops-console/ops"
	"ops-console/ops/audit"
	"ops-console/ops/deploy"
	"ops-console/ops/feed"
	"ops-console/ops/preflight"
	"ops-console/ops/preflight/versions"
)

// Snapshot is an application's releases and deployments at one moment. It is never changed after it was published.
type Snapshot struct {
	Fleet
	// Images are references of what is in the application's registry, the highest tag first; nil: not known.
	Images []string
	// Deployments are those whose journals this machine has, newest first, and the one that this console runs; before them
	// those whose journals are elsewhere and that have not ended.
	Deployments []Deployment
	Planned     *Planned // waits to be started; nil: nothing does
	Checked     *Checked // the last preflight; nil: none was made
	Job         *Job     // that looks at something, or the last one; nil: none was
	Told        Told     // what came of the last thing that was asked for
	Problems    []ops.Problem
	// Acts are what was done to the application from this account, newest first; Flaws what is wrong with the record.
	Acts  []audit.Act
	Flaws []string
	// LocalErr is why journals or the record could not be read.
	LocalErr error
}

// Fleet is what the platform says.
type Fleet struct {
	// Elsewhere are deployments that have not ended, as the marks on machines say: whether their journals are here is not known.
	Elsewhere []Deployment
	Releases  []Release // newest first
	Machines  []Machine // of the app, release command machines excepted
}

// Release is one of the platform's records of a release.
type Release struct {
	Version     int
	Status      string // running, complete, failed, interrupted, …
	Description string
	Image       string
	By          string
	At          time.Time
	Strategy    string
}

// Machine is what one machine runs.
type Machine struct {
	ID, Region, Group, State string
	Release                  int // 0: not known
	Image                    string
}

// Planned is a plan that nobody has started yet.
type Planned struct {
	Plan       *deploy.Plan
	Notes      []string
	Definition json.RawMessage // for the release record
	At         time.Time
}

// Checked is a preflight.
type Checked struct {
	Report *preflight.Report
	Matrix []versions.Row
}

// Deployment is one whose journal is known.
type Deployment struct {
	ID, Path string
	Plan     *deploy.Plan // nil where the journal cannot be read: Err says why
	Progress deploy.Progress
	Events   []deploy.Event // oldest first
	Holder   string         // who took it up last
	Seq      int            // of the journal's last record
	Here     bool           // this console runs it now
	InUse    bool           // another process of this machine does, or, with Elsewhere, somebody else
	// Elsewhere says that its journal is not here. It can be taken over where nobody carries it on and there is a Plan.
	Elsewhere bool
	Err       error // why it cannot be read, or why running it ended
}

// Over says that nothing is left to decide.
func (d *Deployment) Over() bool { return d.Progress.Outcome != "" }

// Runs says that somebody carries it on, on this machine or as the platform shows.
func (d *Deployment) Runs() bool { return d.Here || d.InUse }

// Waits says that it is neither over nor carried on: somebody has to decide.
func (d *Deployment) Waits() bool { return !d.Over() && !d.Runs() }

// JobKind is what a job looks at.
type JobKind string

// The kinds.
const (
	JobPlan  JobKind = "plan"
	JobCheck JobKind = "check"
)

// Job looks at something, and changes nothing.
type Job struct {
	Kind    JobKind
	Title   string
	Started time.Time
	Ended   time.Time // zero: it runs
	Err     error
}

// Runs says whether the job is under way.
func (j *Job) Runs() bool { return j != nil && j.Ended.IsZero() }

// Told is what came of something that was asked for.
type Told struct {
	N    int // counts them
	Text string
	Err  error
}

// Options of Watch.
type Options struct {
	Dir    string // where the journals are
	Holder string // who runs deployments, user@host

	// Fleet asks the platform.
	Fleet func(ctx context.Context) (Fleet, error)
	// Images lists the registry; nil: it is not asked.
	Images func(ctx context.Context) ([]string, error)
	// Plan plans a deployment of an image, or, where there is none, going back to a release; 0: to the one before.
	Plan func(ctx context.Context, image string, release int) (*Planned, error)
	// Platform is what carries a plan out. definition is nil for one that is taken up again.
	Platform func(ctx context.Context, p *deploy.Plan, definition json.RawMessage, told func(string)) (deploy.Platform, error)
	// TakeOver makes a journal of a deployment whose journal is elsewhere; nil: it cannot be done.
	TakeOver func(ctx context.Context, id string) (*deploy.Deployment, error)
	// Check makes a preflight for an image; empty: of what runs.
	Check func(ctx context.Context, image string) (*Checked, error)
	// Record has something done with a record of it.
	Record func(ctx context.Context, action, target, command string, act func(context.Context) (string, error)) error
	// Audit is the file of those records.
	Audit string

	Every time.Duration    // between looks at the platform; 0: 10 s
	Local time.Duration    // between looks at the journals; 0: 2 s
	Now   func() time.Time // nil: time.Now
}

const (
	every        = 10 * time.Second
	localEvery   = 2 * time.Second
	fleetTimeout = 30 * time.Second
	imagesEvery  = 10 * time.Minute // besides when somebody is about to choose one
	jobTimeout   = 2 * time.Minute
	// atMost is how often a snapshot is published at most: a terminal shows no more.
	atMost = 60 * time.Millisecond
)

// Watcher publishes snapshots until it is closed. Make one with Watch.
type Watcher struct {
	o      Options
	ctx    context.Context
	cancel context.CancelFunc
	fleet  *feed.Feed[Fleet]
	images *feed.Feed[[]string]
	local  *feed.Feed[*local]
	wait   sync.WaitGroup
	dirty  chan struct{} // something of the following changed

	mu      sync.Mutex // guards what follows
	latest  feed.Snapshot[*Snapshot]
	changed chan struct{}
	run     *run // that goes on, or the last one
	job     *Job
	planned *Planned
	checked *Checked
	told    Told
	closed  bool
}

// Watch begins to look at once.
func Watch(ctx context.Context, o Options) *Watcher {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Every <= 0 {
		o.Every = every
	}
	if o.Local <= 0 {
		o.Local = localEvery
	}
	if o.Record == nil {
		o.Record = func(ctx context.Context, _, _, _ string, act func(context.Context) (string, error)) error {
			_, err := act(ctx)
			return err
		}
	}
	ctx, cancel := context.WithCancel(ctx)
	w := &Watcher{o: o, ctx: ctx, cancel: cancel, dirty: make(chan struct{}, 1), changed: make(chan struct{})}
	reader := &reader{dir: o.Dir, audit: o.Audit}
	w.local = feed.Start(ctx, o.Local, fleetTimeout, func(context.Context) (*local, error) { return reader.read(), nil })
	w.fleet = feed.Start(ctx, o.Every, fleetTimeout, o.Fleet)
	if o.Images == nil {
		o.Images = func(context.Context) ([]string, error) { return nil, nil }
	}
	w.images = feed.Start(ctx, imagesEvery, fleetTimeout, o.Images)
	w.wait.Go(w.follow)
	return w
}

// follow publishes what is read and what happens, as often as can be looked at.
func (w *Watcher) follow() {
	var (
		seq  uint64
		mine *local
	)
	for {
		fleet, journals, images := w.fleet.Changed(), w.local.Changed(), w.images.Changed()
		f, l := w.fleet.Latest(), w.local.Latest()
		select {
		case <-w.dirty:
			seq = f.Seq + 1 // whatever was read: this has to be told
		default:
		}
		if l.Seq > 0 && (f.Seq != seq || l.Value != mine) {
			w.publish(f, l.Value)
			seq, mine = f.Seq, l.Value
			if !rest(w.ctx, atMost) {
				return
			}
			continue
		}
		select {
		case <-w.ctx.Done():
			return
		case <-fleet:
		case <-journals:
		case <-images:
			w.touch()
		case <-w.dirty:
			w.touch()
		}
	}
}

// rest waits, and says false where ctx ended first.
func rest(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}

// touch has a snapshot published.
func (w *Watcher) touch() {
	select {
	case w.dirty <- struct{}{}:
	default:
	}
}

func (w *Watcher) publish(f feed.Snapshot[Fleet], l *local) {
	w.mu.Lock()
	defer w.mu.Unlock()
	s := &Snapshot{
		Fleet: f.Value, Images: w.images.Latest().Value, Deployments: w.deployments(f.Value, l), Planned: w.planned, Checked: w.checked, Told: w.told,
		Acts: l.acts, Flaws: l.flaws, LocalErr: l.err,
	}
	if w.job != nil {
		j := *w.job
		s.Job = &j
	}
	s.Problems = problems(s.Deployments, f.Value.Elsewhere)
	w.latest = feed.Snapshot[*Snapshot]{Seq: w.latest.Seq + 1, At: w.o.Now(), Value: s, GoodAt: f.GoodAt, Err: f.Err}
	close(w.changed)
	w.changed = make(chan struct{})
}

// deployments are those of the journals, with what only the process that runs one knows. w.mu is held.
func (w *Watcher) deployments(f Fleet, l *local) []Deployment {
	out := make([]Deployment, 0, len(l.found)+1)
	for _, d := range f.Elsewhere {
		here := w.run != nil && w.run.id == d.ID || slices.ContainsFunc(l.found, func(x Deployment) bool { return x.ID == d.ID })
		if !here && d.Plan != nil {
			out = append(out, d)
		}
	}
	known := w.run == nil || w.run.plan == nil
	for _, d := range l.found {
		// Of what happens outside the journal, such as checks, a run knows more; unless somebody went on after it.
		if w.run != nil && d.ID == w.run.id {
			known = true
			if w.run.runs || w.run.seq >= d.Seq && d.Err == nil && w.run.plan != nil {
				d = w.run.deployment()
			}
		}
		out = append(out, d)
	}
	if !known {
		out = append([]Deployment{w.run.deployment()}, out...)
	}
	return out
}

// Latest is the newest snapshot. Its Value is nil before the first.
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

// Refresh looks at everything now.
func (w *Watcher) Refresh() {
	w.local.Refresh()
	w.fleet.Refresh()
}

// LookForImages lists the registry now.
func (w *Watcher) LookForImages() { w.images.Refresh() }

// Close lets go of what runs, so that it can be resumed, and waits for that.
func (w *Watcher) Close() {
	w.mu.Lock()
	w.closed = true
	w.mu.Unlock()
	w.cancel()
	w.fleet.Close()
	w.images.Close()
	w.local.Close()
	w.wait.Wait()
}
