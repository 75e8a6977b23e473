package watch

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"time"

	"ops-console/ops/audit"
	"ops-console/ops/deploy"
)

// fresh is how long a plan may be started after it was made: what it was made from changes.
const fresh = 15 * time.Minute

// run is a deployment that this process carries on, or did. What is not said otherwise is guarded by Watcher.mu.
type run struct {
	id, path string
	plan     *deploy.Plan
	d        *deploy.Deployment // nil before it is open and after it was closed
	stop     context.CancelFunc
	holder   string
	runs     bool
	opened   bool // its journal was
	progress deploy.Progress
	events   []deploy.Event // only appended to: snapshots share it
	seq      int
	err      error
}

// deployment is the run for a snapshot.
func (r *run) deployment() Deployment {
	return Deployment{
		ID: r.id, Path: r.path, Plan: r.plan, Progress: r.progress, Events: slices.Clip(r.events), Seq: r.seq, Holder: r.holder,
		Here: r.runs, Err: r.err,
	}
}

// look begins a job that changes nothing.
func (w *Watcher) look(kind JobKind, title string, work func(context.Context) error) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case w.closed:
		return errors.New("the console is closing")
	case w.job.Runs():
		return fmt.Errorf("%s: another look is still under way (%s)", title, w.job.Title)
	}
	w.job = &Job{Kind: kind, Title: title, Started: w.o.Now()}
	w.touch()
	w.wait.Go(func() {
		ctx, cancel := context.WithTimeout(w.ctx, jobTimeout)
		defer cancel()
		err := work(ctx)
		w.mu.Lock()
		defer w.mu.Unlock()
		w.job.Ended, w.job.Err = w.o.Now(), err
		w.touch()
	})
	return nil
}

// PlanDeploy plans to bring an image onto every machine. The plan comes as a snapshot, and changes nothing.
func (w *Watcher) PlanDeploy(image string) error {
	return w.makePlan("plan a deployment of "+image, image, 0)
}

// PlanRollback plans to go back to a release; 0: to the one before.
func (w *Watcher) PlanRollback(release int) error {
	title := "plan a rollback"
	if release > 0 {
		title = fmt.Sprintf("plan a rollback to v%d", release)
	}
	return w.makePlan(title, "", release)
}

func (w *Watcher) makePlan(title, image string, release int) error {
	w.Forget()
	return w.look(JobPlan, title, func(ctx context.Context) error {
		if err := w.unfinished(); err != nil {
			return err
		}
		p, err := w.o.Plan(ctx, image, release)
		if err == nil {
			err = p.Plan.Validate()
		}
		if err != nil {
			return err
		}
		w.mu.Lock()
		defer w.mu.Unlock()
		p.At = w.o.Now()
		w.planned = p
		return nil
	})
}

// Forget forgets the plan that waits.
func (w *Watcher) Forget() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.planned != nil {
		w.planned = nil
		w.touch()
	}
}

// Check makes a preflight for an image; empty: of what runs.
func (w *Watcher) Check(image string) error {
	return w.look(JobCheck, "preflight", func(ctx context.Context) error {
		c, err := w.o.Check(ctx, image)
		if err != nil {
			return err
		}
		w.mu.Lock()
		defer w.mu.Unlock()
		w.checked = c
		return nil
	})
}

// unfinished says which deployment has not ended; nil: all have.
func (w *Watcher) unfinished() error {
	ff, err := deploy.Unfinished(w.o.Dir)
	if err != nil || len(ff) == 0 {
		return err
	}
	return fmt.Errorf("deployment %s has not ended: it is to be brought to its end first", ff[0].ID())
}

// Start starts the plan that waits, if it is the one of that ID.
func (w *Watcher) Start(id string) error {
	if err := w.unfinished(); err != nil {
		return err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	p := w.planned
	now := w.o.Now()
	switch {
	case p == nil || p.Plan.ID != id:
		return errors.New("that plan is not there any more: plan again")
	case now.Sub(p.At) > fresh:
		return fmt.Errorf("the plan is %s old, and much can have changed: plan again", now.Sub(p.At).Round(time.Minute))
	}
	begin := func() (*deploy.Deployment, error) { return deploy.Start(w.o.Dir, p.Plan, w.o.Now()) }
	if err := w.carry(id, deploy.Path(w.o.Dir, id), p.Plan, p.Definition, act{string(p.Plan.Kind), command(p.Plan)}, begin); err != nil {
		return err
	}
	w.planned = nil
	return nil
}

// command is the command line that does what a plan does.
func command(p *deploy.Plan) string {
	if p.Kind == deploy.KindRollback {
		return fmt.Sprintf("ops-console rollback %d", p.Artifact.Release)
	}
	return "ops-console deploy --image " + p.Artifact.Image
}

// act is what the record says of something.
type act struct{ action, command string }

// Choose asks something of a deployment: of the one that this console runs, or of one that lies still, which is then
// taken up.
func (w *Watcher) Choose(id string, c deploy.Choice) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if r := w.run; r != nil && r.runs {
		if r.id != id {
			return fmt.Errorf("deployment %s runs: one at a time", r.id)
		}
		return w.ask(r, c)
	}
	path := deploy.Path(w.o.Dir, id)
	s, err := deploy.Read(path)
	if errors.Is(err, fs.ErrNotExist) {
		return w.takeOver(id, path, c)
	}
	if err != nil {
		return err
	}
	offered := slices.Contains(s.Choices(), c)
	if !offered && (c != deploy.Resume || s.Outcome != "") {
		return fmt.Errorf("deployment %s cannot %s as it is", id, words(c))
	}
	begin := func() (*deploy.Deployment, error) {
		d, err := deploy.Open(path)
		if err != nil || !offered {
			return d, err
		}
		if err := d.Ask(c, w.o.Holder, w.o.Now()); err != nil {
			return nil, errors.Join(err, d.Close())
		}
		return d, nil
	}
	return w.carry(id, path, s.Plan, nil, act{"deploy " + words(c), choice(c)}, begin)
}

// takeOver takes a deployment over whose journal is elsewhere, and asks something of it. w.mu is held.
func (w *Watcher) takeOver(id, path string, c deploy.Choice) error {
	dd := w.fleet.Latest().Value.Elsewhere
	i := slices.IndexFunc(dd, func(d Deployment) bool { return d.ID == id })
	switch {
	case i < 0 || w.o.TakeOver == nil:
		return fmt.Errorf("deployment %s is not there any more", id)
	case dd[i].Plan == nil || dd[i].InUse:
		return fmt.Errorf("deployment %s cannot be taken over: %w", id, dd[i].Err)
	}
	offered := slices.Contains(dd[i].Progress.Choices, c)
	if !offered && c != deploy.Resume {
		return fmt.Errorf("deployment %s cannot %s as it is", id, words(c))
	}
	begin := func() (*deploy.Deployment, error) {
		d, err := w.o.TakeOver(w.ctx, id)
		if err != nil || !offered {
			return d, err
		}
		if err := d.Ask(c, w.o.Holder, w.o.Now()); err != nil {
			return nil, errors.Join(err, d.Close())
		}
		return d, nil
	}
	return w.carry(id, path, dd[i].Plan, nil, act{"deploy take over", choice(c)}, begin)
}

// choice is the command line that chooses; empty: there is none.
func choice(c deploy.Choice) string {
	switch c {
	case deploy.Pause:
		return ""
	case deploy.Abort, deploy.Resume:
		return "ops-console " + string(c)
	}
	return "ops-console resume --choose " + string(c)
}

// words is a choice for people.
func words(c deploy.Choice) string {
	switch c {
	case deploy.RollBackAnyway:
		return "roll back anyway"
	case deploy.Ran:
		return "take the release command for done"
	}
	return string(c)
}

// ask passes something on to the deployment that runs. w.mu is held.
func (w *Watcher) ask(r *run, c deploy.Choice) error {
	d := r.d
	if d == nil {
		return errors.New("it is only beginning")
	}
	w.wait.Go(func() {
		a := act{"deploy " + words(c), choice(c)}
		w.tell("", w.o.Record(w.ctx, a.action, r.id, a.command, func(context.Context) (string, error) {
			return "asked for", d.Ask(c, w.o.Holder, w.o.Now())
		}))
	})
	return nil
}

// SetAside puts a journal that cannot be read out of the way.
func (w *Watcher) SetAside(id string) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed {
		return errors.New("the console is closing")
	}
	path := deploy.Path(w.o.Dir, id)
	w.wait.Go(func() {
		w.tell("its journal is kept as "+path+".removed", w.o.Record(w.ctx, "set a journal aside", id, "", func(context.Context) (string, error) {
			if _, err := deploy.Read(path); err == nil {
				return "", errors.New("the journal can be read: abandon the deployment instead")
			}
			return "", deploy.Remove(path)
		}))
		w.local.Refresh()
	})
	return nil
}

// Detach lets go of the deployment that runs. It stays as it is, and can be resumed.
func (w *Watcher) Detach() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.run != nil && w.run.runs {
		w.run.stop()
	}
}

// tell says what came of something.
func (w *Watcher) tell(text string, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if err == nil && text == "" {
		return
	}
	w.told = Told{N: w.told.N + 1, Text: text, Err: err}
	w.touch()
}

// carry runs a deployment until it ends, stands still or is let go of, with a record of it. w.mu is held.
func (w *Watcher) carry(id, path string, p *deploy.Plan, definition json.RawMessage, a act, begin func() (*deploy.Deployment, error)) error {
	switch {
	case w.closed:
		return errors.New("the console is closing")
	case w.run != nil && w.run.runs:
		return fmt.Errorf("deployment %s runs: one at a time", w.run.id)
	}
	ctx, cancel := context.WithCancel(w.ctx)
	r := &run{id: id, path: path, plan: p, stop: cancel, holder: w.o.Holder, runs: true}
	if before := w.run; before != nil && before.id == id {
		r.events, r.progress, r.seq = before.events, before.progress, before.seq
	} else if l := w.local.Latest().Value; l != nil {
		if i := slices.IndexFunc(l.found, func(d Deployment) bool { return d.ID == id }); i >= 0 {
			r.events, r.progress, r.seq = slices.Clip(l.found[i].Events), l.found[i].Progress, l.found[i].Seq
		}
	}
	w.run = r
	w.touch()
	w.wait.Go(func() {
		defer cancel()
		text := ""
		err := w.o.Record(ctx, a.action, p.Artifact.Image, a.command, func(ctx context.Context) (_ string, err error) {
			text, err = w.carryOut(ctx, r, definition, begin)
			return text, err
		})
		w.mu.Lock()
		r.runs, r.d = false, nil
		switch {
		case !r.opened:
			w.run = nil // what its journal says is all there is
		case !ended(err):
			r.err = err
		}
		w.mu.Unlock()
		w.local.Refresh()
		w.fleet.Refresh()
		w.tell(text, err)
		w.touch()
	})
	return nil
}

// ended says whether an error is how a deployment came out, rather than why it could not be carried on.
func ended(err error) bool {
	var e *audit.Ended
	return err == nil || errors.As(err, &e)
}

func (w *Watcher) carryOut(ctx context.Context, r *run, definition json.RawMessage, begin func() (*deploy.Deployment, error)) (text string, err error) {
	d, err := begin()
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, d.Close()) }()
	w.mu.Lock()
	r.opened = true
	w.mu.Unlock()
	platform, err := w.o.Platform(ctx, r.plan, definition, func(s string) { w.said(r, s) })
	if err != nil {
		return "", err
	}
	w.mu.Lock()
	r.d = d
	s := d.State()
	r.progress, r.seq = deploy.ProgressOf(s), s.Seq
	w.mu.Unlock()
	err = d.Run(ctx, deploy.Options{
		Platform: platform, Holder: w.o.Holder, Now: w.o.Now,
		Emit:     func(e deploy.Event) { w.happened(r, e) },
		Progress: func(p deploy.Progress) { w.stands(r, p) },
	})
	return verdict(d.State(), err)
}

// verdict is what came of a run, for the record and for people.
func verdict(s *deploy.State, err error) (string, error) {
	what := string(s.Plan.Kind) + " of " + s.Plan.Artifact.Image
	if s.Plan.Kind == deploy.KindRollback {
		what = fmt.Sprintf("rollback to v%d", s.Plan.Artifact.Release)
	}
	why := cmp.Or(s.Reason, s.Back)
	if why != "" {
		why = ": " + why
	}
	end := func(o audit.Outcome, text string) (string, error) {
		return "", &audit.Ended{Outcome: o, Err: errors.New(what + " " + text)}
	}
	switch {
	case errors.Is(err, deploy.ErrDetached):
		return end(audit.Detached, "was let go of, and can be resumed")
	case err != nil:
		return "", fmt.Errorf("%s: %w", what, err)
	case s.Outcome == deploy.Deployed:
		return what + " is done: every machine runs it and is healthy", nil
	case s.Outcome == deploy.RolledBack:
		return end(audit.Failed, "went back"+why)
	case s.Outcome == deploy.Unchanged:
		return end(audit.Failed, "ended before anything was changed"+why)
	case s.Outcome == deploy.Abandoned:
		return end(audit.Cancelled, "was left as it is")
	case s.Halt != "":
		return end(audit.Failed, "stands still, and needs a decision: "+cmp.Or(s.Reason, string(s.Halt)))
	}
	return end(audit.Failed, "stopped")
}

// said notes what a gate found out on the way.
func (w *Watcher) said(r *run, text string) {
	w.happened(r, deploy.Event{At: w.o.Now(), Deploy: r.id, Kind: deploy.EventNotice, Text: text})
}

// happened notes an event.
func (w *Watcher) happened(r *run, e deploy.Event) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(r.events) >= mostTold {
		r.events = slices.Clone(r.events[len(r.events)-mostTold/2:])
	}
	r.events = append(r.events, e)
	r.seq = max(r.seq, e.Seq)
	w.touch()
}

// stands notes where a deployment stands.
func (w *Watcher) stands(r *run, p deploy.Progress) {
	w.mu.Lock()
	defer w.mu.Unlock()
	r.progress = p
	w.touch()
}
