// Package watch keeps what is known of an application's backups up to date, and runs what changes them: one job at a time,
// in the background, with its progress. It decides nothing about what is good or may go, and knows neither a database nor
// a store: what it is given does that.
package watch

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"ops-console/ops"
	"ops-console/ops/backup"
	"ops-console/ops/backup/catalog"
	"ops-console/ops/backup/retain"
	"ops-console/ops/feed"
)

// Snapshot is an application's backups at one moment. It is never changed after it was published.
type Snapshot struct {
	At        time.Time
	Store     string // as it may be shown
	Source    backup.Source
	Encrypted bool // new ones are
	Listing   catalog.Listing
	// Retention has a decision for each record, newest first; PolicyErr says why there is none.
	Retention []retain.Decision
	Policy    retain.Policy
	PolicyErr error
	Scheduled []Scheduled
	Problems  []ops.Problem
	Job       *Job // that runs, or the last one; nil: none was
	// Restored is what a restore of this session made and no swap has put in its place yet; nil: nothing is.
	Restored *Restored
}

// Scheduled is something that takes backups by itself.
type Scheduled struct {
	What string // "machine 91857a in iad", "systemd timer"
	When string // "daily", a cron expression
	ID   string // of the machine; empty: it is none
}

// Kind of a job.
type Kind string

// The kinds.
const (
	Take    Kind = "take"
	Verify  Kind = "verify"
	Restore Kind = "restore"
	Swap    Kind = "swap"
	Prune   Kind = "prune"
)

// Job is something that changes backups or databases.
type Job struct {
	Kind    Kind
	Backup  backup.ID // that it is about; empty: of a take, until it is done
	Title   string    // "verify 01J… by restoring it"
	Started time.Time
	Ended   time.Time // zero: it runs
	Moved   time.Time // when it last got on, as far as can be seen
	// Stopping says that it was cancelled, and takes back what it began.
	Stopping bool
	Progress
	Outcome string // what came of it, in a sentence
	Err     error  // nil where it went well, and while it runs
	// Restored is what a restore made, which can be swapped in.
	Restored *Restored
}

// Runs says whether a job is under way.
func (j *Job) Runs() bool { return j != nil && j.Ended.IsZero() }

// Restored is a database beside the original one.
type Restored struct {
	Server   string // node
	Database string // that was made
	Original string
}

// Progress is how far a job is.
type Progress struct {
	Step        string // what is being done: "dump", "decode", "restore"
	Text        string // of what; may be empty
	Done, Total int64  // bytes, or things; Total 0: not known
	Rate        float64
	ETA         time.Duration // 0: not known
	Tables      []Table
}

// Table is how far one table is.
type Table struct {
	Name        string
	Done, Total int64 // bytes of its rows; Total 0: not known
	State       State
}

// State of a table.
type State uint8

// The states.
const (
	Waiting State = iota
	Running
	Finished
)

// Fraction is how much is done, from 0 to 1; ok is false where that is not known.
func (p *Progress) Fraction() (f float64, ok bool) {
	if p.Total <= 0 {
		return 0, false
	}
	return min(1, float64(p.Done)/float64(p.Total)), true
}

// Work is what a job does. What it returns is what came of it.
type Work func(ctx context.Context, progress func(Progress)) (Result, error)

// Result of a job.
type Result struct {
	Backup   backup.ID
	Text     string
	Restored *Restored
}

// Reading is what one look at the store and the platform gave.
type Reading struct {
	Store     string // as it may be shown
	Source    backup.Source
	Listing   catalog.Listing
	Scheduled []Scheduled
}

// Options of Watch.
type Options struct {
	Encrypted bool
	Policy    retain.Policy
	PolicyErr error
	// Read looks at the store.
	Read func(ctx context.Context) (Reading, error)
	// Problems are what is wrong with what was read, or with the store, where err says why it cannot be read any more.
	Problems func(r Reading, err error, now time.Time) []ops.Problem
	Every    time.Duration    // between looks; 0: a minute
	Now      func() time.Time // nil: time.Now
}

const (
	every       = time.Minute
	readTimeout = 30 * time.Second
	soon        = time.Second // after the first look failed; then twice as long each time
	// publishEvery bounds how often progress is published: a terminal shows no more.
	publishEvery = 150 * time.Millisecond
	// silent is how many looks may fail in a row before that is a problem.
	silent = 3
)

// Watcher publishes snapshots until it is closed. Make one with Watch.
type Watcher struct {
	o      Options
	ctx    context.Context
	cancel context.CancelFunc
	feed   *feed.Feed[Reading]
	wait   sync.WaitGroup

	mu      sync.Mutex // guards what follows
	latest  feed.Snapshot[*Snapshot]
	changed chan struct{}
	job     *Job
	made    *Restored
	stop    context.CancelFunc // of the job; nil: none runs
	told    time.Time          // when progress was last published
	closed  bool
}

// Watch begins to look at once, and then every o.Every.
func Watch(ctx context.Context, o Options) *Watcher {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Every <= 0 {
		o.Every = every
	}
	ctx, cancel := context.WithCancel(ctx)
	w := &Watcher{o: o, ctx: ctx, cancel: cancel, changed: make(chan struct{})}
	w.feed = feed.Start(ctx, o.Every, readTimeout, o.Read)
	w.wait.Go(w.follow)
	return w
}

// follow publishes what the feed reads. As long as nothing was ever read it has it look again soon: the network may be on its
// way up.
func (w *Watcher) follow() {
	again, wait := time.NewTimer(w.o.Every), soon
	again.Stop()
	defer again.Stop()
	for seen := uint64(0); ; {
		changed := w.feed.Changed()
		if s := w.feed.Latest(); s.Seq > seen {
			seen = s.Seq
			w.mu.Lock()
			w.publish()
			w.mu.Unlock()
			if s.GoodAt.IsZero() {
				again.Reset(min(wait, w.o.Every))
				wait *= 2
			}
		}
		select {
		case <-w.ctx.Done():
			return
		case <-changed:
		case <-again.C:
			w.feed.Refresh()
		}
	}
}

// publish makes a snapshot of what was read last and of the job. w.mu is held.
func (w *Watcher) publish() {
	read, now := w.feed.Latest(), w.o.Now()
	s := &Snapshot{
		At: read.GoodAt, Store: read.Value.Store, Source: read.Value.Source, Encrypted: w.o.Encrypted, Listing: read.Value.Listing,
		Policy: w.o.Policy, PolicyErr: w.o.PolicyErr, Scheduled: read.Value.Scheduled,
	}
	if w.o.PolicyErr == nil && !read.GoodAt.IsZero() {
		s.Retention = retain.Decide(s.Listing.Records, s.Listing.Failures, w.o.Policy, now)
	}
	if w.o.Problems != nil && !read.GoodAt.IsZero() {
		s.Problems = w.o.Problems(read.Value, nil, now)
	}
	// One look that failed is no news: the next may tell more.
	if w.o.Problems != nil && read.Err != nil && now.Sub(read.GoodAt) > silent*w.o.Every {
		s.Problems = append(s.Problems, w.o.Problems(read.Value, read.Err, now)...)
	}
	ops.SortProblems(s.Problems)
	if w.job != nil {
		j := *w.job
		j.Tables = slices.Clone(j.Tables)
		s.Job = &j
	}
	if w.made != nil {
		made := *w.made
		s.Restored = &made
	}
	w.latest = feed.Snapshot[*Snapshot]{Seq: w.latest.Seq + 1, At: now, Value: s, GoodAt: read.GoodAt, Err: read.Err}
	close(w.changed)
	w.changed = make(chan struct{})
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

// Refresh looks at the store now.
func (w *Watcher) Refresh() { w.feed.Refresh() }

// ErrBusy says that a job runs already.
var ErrBusy = errors.New("another job is still running")

// Run begins a job and returns at once; snapshots tell how it goes. ErrBusy where one runs already.
func (w *Watcher) Run(kind Kind, about backup.ID, title string, work Work) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case w.closed:
		return errors.New("the console is closing")
	case w.job.Runs():
		return fmt.Errorf("%s: %w (%s)", title, ErrBusy, w.job.Title)
	}
	ctx, cancel := context.WithCancel(w.ctx)
	w.job, w.stop, w.told = &Job{Kind: kind, Backup: about, Title: title, Started: w.o.Now(), Moved: w.o.Now()}, cancel, time.Time{}
	w.publish()
	w.wait.Go(func() {
		defer cancel()
		r, err := work(ctx, w.progress)
		w.end(r, err)
	})
	return nil
}

// progress takes what a job says of itself, and publishes it now and then.
func (w *Watcher) progress(p Progress) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.job.Runs() {
		return
	}
	now, was := w.o.Now(), &w.job.Progress
	if p.Step != was.Step || p.Text != was.Text || p.Done != was.Done {
		w.job.Moved = now
	}
	w.job.Progress = p
	if now.Sub(w.told) >= publishEvery {
		w.told = now
		w.publish()
	}
}

func (w *Watcher) end(r Result, err error) {
	w.mu.Lock()
	j := w.job
	j.Ended, j.Err, j.Outcome, j.Restored = w.o.Now(), err, r.Text, r.Restored
	if r.Backup != "" {
		j.Backup = r.Backup
	}
	switch {
	case r.Restored != nil:
		w.made = r.Restored
	case j.Kind == Swap && err == nil:
		w.made = nil
	}
	w.stop = nil
	w.publish()
	w.mu.Unlock()
	w.feed.Refresh()
}

// Cancel has the job that runs come to an end, if there is one. It still ends by itself, with an error.
func (w *Watcher) Cancel() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.stop != nil && !w.job.Stopping {
		w.job.Stopping = true
		w.stop()
		w.publish()
	}
}

// Close ends the watcher and the job that runs, and waits for both. It is idempotent.
func (w *Watcher) Close() {
	w.mu.Lock()
	w.closed = true
	w.mu.Unlock()
	w.cancel()
	w.feed.Close()
	w.wait.Wait()
}
