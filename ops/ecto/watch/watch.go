// Package watch keeps what is known of a project's migrations up to date: it reads the files again when they change, a
// live database from time to time where there is one, and judges both together. It publishes snapshots, and never waits
// for a database before it says what the files alone tell. The one thing it writes, and only when asked to, is a comment
// in a migration of the project.
package watch

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"ops-console/ops/ecto"
	"ops-console/ops/ecto/catalog"
	"ops-console/ops/ecto/lint"
	"ops-console/ops/ecto/project"
	"ops-console/ops/ecto/rehearse"
	"ops-console/ops/feed"
)

// Snapshot is a project's migrations at one moment. It is never changed after it was published.
type Snapshot struct {
	At       time.Time
	Dir      string // absolute
	Repos    []Repo // empty: there are no migrations
	Notes    []project.Note
	Database Database
	// Polled is why changes of files are looked for every few seconds instead of being told; empty: they are told.
	Polled string
}

// Repo is one Ecto repo, judged.
type Repo struct {
	// Input is what was judged. Its Live is nil where no database is known to be this repo's.
	Input  lint.Input
	Result *lint.Result
	// Statuses are those of all versions, ascending; nil where no database says what ran.
	Statuses []lint.Status
}

// Database is how reading the live database goes.
type Database struct {
	Configured bool
	OnDemand   bool      // it is read only where somebody asks for it
	Node       string    // that was read; empty: none yet
	At         time.Time // of what is shown; zero: nothing was read yet
	Err        error     // of the latest try; what is shown is older then
}

// Options of Watch.
type Options struct {
	Dir  string // of the project: where mix.exs is
	Lint lint.Options
	// Catalog reads what a database says of a repo; nil: there is none.
	Catalog func(ctx context.Context, r project.Repo) (*catalog.Snapshot, error)
	// Every is how often that is done; 0: every 30 s. OnDemand: only when Refresh asks.
	Every    time.Duration
	OnDemand bool
	// Rehearse runs pending migrations on a throw-away cluster; nil: it cannot be done here.
	Rehearse func(ctx context.Context, in lint.Input, progress func(string)) ([]rehearse.Step, error)
	Now      func() time.Time // nil: time.Now
}

// Deadlines: of reading a database, and of reading and judging files.
const (
	catalogTimeout = 20 * time.Second
	judgeTimeout   = time.Minute
	catalogEvery   = 30 * time.Second
	catalogAgain   = 5 * time.Second // after one that failed
)

// never is an interval for what is done on demand only.
const never = 1 << 62

// Watcher publishes snapshots until it is closed. Make one with Watch.
type Watcher struct {
	o      Options
	engine engine
	cancel context.CancelFunc
	done   chan struct{}
	kick   chan struct{}
	live   *feed.Feed[map[source]*catalog.Snapshot] // nil: no database
	known  chan struct{}                            // closed once repos is set

	mu      sync.Mutex // guards what follows
	latest  feed.Snapshot[*Snapshot]
	changed chan struct{}
	repos   []project.Repo
}

// source is the table of versions that a repo has, by which databases are read.
type source struct{ table, prefix string }

func sourceOf(r project.Repo) source { return source{r.Settings.Source, r.Settings.Prefix} }

func watch(ctx context.Context, o Options, e engine) *Watcher {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Every <= 0 {
		o.Every = catalogEvery
	}
	ctx, cancel := context.WithCancel(ctx)
	w := &Watcher{o: o, engine: e, cancel: cancel, done: make(chan struct{}), kick: make(chan struct{}, 1), known: make(chan struct{}), changed: make(chan struct{})}
	if o.Catalog != nil && !o.OnDemand {
		w.live = feed.Start(ctx, o.Every, catalogTimeout, w.readCatalogs)
	}
	go w.run(ctx)
	return w
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

// Refresh reads the files and the database now.
func (w *Watcher) Refresh() {
	select {
	case w.kick <- struct{}{}:
	default:
	}
}

// Close ends the watcher and waits for it. It is idempotent.
func (w *Watcher) Close() {
	w.cancel()
	<-w.done
}

// Rehearse runs the pending migrations of a repo, by its module, on a throw-away cluster, and says on the way what it
// does.
func (w *Watcher) Rehearse(ctx context.Context, repo string, progress func(string)) ([]rehearse.Step, error) {
	if w.o.Rehearse == nil {
		return nil, rehearse.ErrNoServer
	}
	s := w.Latest().Value
	if s == nil {
		return nil, errors.New("rehearse: the migrations have not been read yet")
	}
	for i := range s.Repos {
		if in := s.Repos[i].Input; in.Repo.Module == repo {
			return w.o.Rehearse(ctx, in, progress)
		}
	}
	return nil, fmt.Errorf("rehearse: there is no repo %s", repo)
}

// state is what a run goes by.
type state struct {
	project *project.Project
	inputs  []lint.Input
	live    feed.Snapshot[map[source]*catalog.Snapshot]
}

func (w *Watcher) run(ctx context.Context) {
	defer close(w.done)
	defer func() {
		if w.live != nil {
			w.live.Close()
		}
	}()
	files := watchFiles(ctx)
	defer files.close()
	var (
		s      state
		reload = true
	)
	again := time.NewTimer(0)
	again.Stop()
	defer again.Stop()
	for {
		var asked <-chan struct{}
		if w.live != nil {
			asked = w.live.Changed()
			s.live = w.live.Latest()
			if s.live.Err != nil && !w.o.OnDemand {
				again.Reset(catalogAgain)
			}
		}
		if reload {
			// The watches come first: what changes after the files were read is told.
			files.follow(w.o.Dir, s.project)
			err := w.load(ctx, &s)
			if ctx.Err() != nil {
				return
			}
			if err != nil {
				w.publish(nil, err)
			}
			reload = err != nil
		}
		if !reload {
			snap, err := w.judge(ctx, &s, files.polled())
			if ctx.Err() != nil {
				return
			}
			w.publish(snap, err)
		}
		reload = false
		select {
		case <-ctx.Done():
			return
		case <-files.changed:
			reload = true
		case <-w.kick:
			reload = true
			w.askAgain(ctx)
		case <-again.C:
			w.live.Refresh()
		case <-asked:
			reload = s.project == nil
		}
	}
}

// askAgain has the database read now.
func (w *Watcher) askAgain(ctx context.Context) {
	switch {
	case w.o.Catalog == nil:
	case w.live == nil:
		w.live = feed.Start(ctx, never, catalogTimeout, w.readCatalogs)
	default:
		w.live.Refresh()
	}
}

// load reads the project and its files.
func (w *Watcher) load(ctx context.Context, s *state) error {
	ctx, cancel := context.WithTimeout(ctx, judgeTimeout)
	defer cancel()
	p, err := w.engine.open(w.o.Dir)
	if err != nil {
		return fmt.Errorf("read the migrations of %s: %w", w.o.Dir, err)
	}
	inputs := make([]lint.Input, 0, len(p.Repos))
	for _, r := range p.Repos {
		in, err := w.engine.load(ctx, p, r)
		if err != nil {
			return fmt.Errorf("read the migrations of %s: %w", r.Module, err)
		}
		inputs = append(inputs, in)
	}
	s.project, s.inputs = p, inputs
	w.mu.Lock()
	first := w.repos == nil
	w.repos = slices.Clip(append([]project.Repo{}, p.Repos...))
	w.mu.Unlock()
	if first {
		close(w.known)
	}
	return nil
}

// judge joins files and database.
func (w *Watcher) judge(ctx context.Context, s *state, polled string) (*Snapshot, error) {
	ctx, cancel := context.WithTimeout(ctx, judgeTimeout)
	defer cancel()
	out := &Snapshot{
		At: w.o.Now(), Dir: s.project.Dir, Notes: s.project.Notes, Polled: polled,
		Database: Database{Configured: w.o.Catalog != nil, OnDemand: w.o.OnDemand, Err: s.live.Err},
	}
	for _, in := range s.inputs {
		r := Repo{Input: in}
		r.Input.Options = w.o.Lint
		if live := s.live.Value[sourceOf(in.Repo)]; live != nil {
			out.Database.Node, out.Database.At = live.Node, live.At
			if len(s.inputs) == 1 || Belongs(in, live) {
				r.Input.Live = live
				if live.Unread == "" {
					r.Input.Options.Check = both(r.Input.Options.Check, pendingIn(live))
					r.Statuses = w.engine.statuses(r.Input)
				}
			}
		}
		res, err := w.engine.run(ctx, r.Input)
		if err != nil {
			return nil, fmt.Errorf("judge the migrations of %s: %w", in.Repo.Module, err)
		}
		r.Result = res
		out.Repos = append(out.Repos, r)
	}
	return out, nil
}

// Belongs says that a migration of the repo ran in a database. Of several repos only those are known to be in it.
func Belongs(in lint.Input, live *catalog.Snapshot) bool {
	return slices.ContainsFunc(live.Applied, func(a catalog.Applied) bool {
		return slices.ContainsFunc(in.Repo.Files, func(f project.File) bool { return f.Version == a.Version })
	})
}

// pendingIn says which versions have not run in a database.
func pendingIn(live *catalog.Snapshot) func(int64) bool {
	ran := make(map[int64]bool, len(live.Applied))
	for _, a := range live.Applied {
		ran[a.Version] = true
	}
	return func(v int64) bool { return !ran[v] }
}

// both is true where both are; a nil one always is.
func both(a, b func(int64) bool) func(int64) bool {
	if a == nil {
		return b
	}
	return func(v int64) bool { return a(v) && b(v) }
}

// readCatalogs reads the database once for each table of versions.
func (w *Watcher) readCatalogs(ctx context.Context) (map[source]*catalog.Snapshot, error) {
	select {
	case <-w.known:
	case <-ctx.Done():
		return nil, errors.New("the project's files have not been read yet")
	}
	w.mu.Lock()
	repos := w.repos
	w.mu.Unlock()
	out := map[source]*catalog.Snapshot{}
	for _, r := range repos {
		if out[sourceOf(r)] != nil {
			continue
		}
		s, err := w.o.Catalog(ctx, r)
		if err != nil {
			return nil, err
		}
		out[sourceOf(r)] = s
	}
	return out, nil
}

func (w *Watcher) publish(s *Snapshot, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.latest.Seq++
	w.latest.At, w.latest.Err = w.o.Now(), err
	if err == nil {
		w.latest.Value, w.latest.GoodAt = s, w.latest.At
	}
	close(w.changed)
	w.changed = make(chan struct{})
}

// engine is what reads and judges.
type engine struct {
	open     func(dir string) (*project.Project, error)
	load     func(ctx context.Context, p *project.Project, r project.Repo) (lint.Input, error)
	run      func(ctx context.Context, in lint.Input) (*lint.Result, error)
	statuses func(in lint.Input) []lint.Status
	suppress func(src []byte, at ecto.Span, rule, reason string) []byte
}
