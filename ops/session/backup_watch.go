package session

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"ops-console/ops/backup"
	"ops-console/ops/backup/catalog"
	"ops-console/ops/backup/restore"
	"ops-console/ops/backup/retain"
	"ops-console/ops/backup/take"
	"ops-console/ops/backup/verify"
	"ops-console/ops/backup/watch"
	"ops-console/ops/page"
)

// Record has act done with a record of it: see audit.Log.Do.
type Record func(ctx context.Context, action, target, command string, act func(context.Context) (string, error)) error

// BackupWatch keeps an application's backups in view and runs what changes them, one at a time. Make one with WatchBackups.
type BackupWatch struct {
	*watch.Watcher
	s      *Session
	o      Options
	now    func() time.Time
	record Record
	by     string // who asks

	mu   sync.Mutex // guards open
	open *Backups
}

// WatchBackups begins to watch. Where the profile names no store, there is nothing to watch and ok is false.
func (s *Session) WatchBackups(ctx context.Context, o Options, now func() time.Time, by string, record Record) (w *BackupWatch, ok bool) {
	p := s.Profile.Backup
	if p.Store == "" {
		return nil, false
	}
	w = &BackupWatch{s: s, o: o, now: now, record: record, by: by}
	options := watch.Options{Encrypted: len(p.Recipients) > 0, Now: now, Read: w.read, Problems: w.s.backupProblems}
	options.Policy, options.PolicyErr = retain.Parse(p.Keep)
	w.Watcher = watch.Watch(ctx, options)
	return w, true
}

// backups opens the store when it is first needed, and again after that failed.
func (w *BackupWatch) backups(ctx context.Context) (*Backups, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.open == nil {
		b, err := w.s.Backups(ctx, w.o, w.now)
		if err != nil {
			return nil, err
		}
		w.open = b
	}
	return w.open, nil
}

func (w *BackupWatch) read(ctx context.Context) (watch.Reading, error) {
	b, err := w.backups(ctx)
	if err != nil {
		return watch.Reading{}, err
	}
	return b.Read(ctx)
}

// Close ends the watcher, what it runs, and lets go of the store.
func (w *BackupWatch) Close() {
	w.Watcher.Close()
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.open != nil {
		_ = w.open.Close() // nothing is under way any more
	}
}

// run begins a job with a record of it.
func (w *BackupWatch) run(kind watch.Kind, about backup.ID, title, action, command string, work func(context.Context, *Backups, func(watch.Progress)) (watch.Result, error)) error {
	return w.Run(kind, about, title, func(ctx context.Context, progress func(watch.Progress)) (r watch.Result, err error) {
		b, err := w.backups(ctx)
		if err != nil {
			return r, err
		}
		err = w.record(ctx, action, string(about), command, func(ctx context.Context) (string, error) {
			r, err = work(ctx, b, progress)
			return r.Text, err
		})
		return r, err
	})
}

// program is how this program is called for the application.
func (w *BackupWatch) program() string { return "ops-console --app " + w.s.Profile.Name }

// Take takes a backup and proves it as far as the profile says.
func (w *BackupWatch) Take() error {
	return w.run(watch.Take, "", "take a backup", "backup run", w.program()+" backup run", func(ctx context.Context, b *Backups, progress func(watch.Progress)) (watch.Result, error) {
		m, err := b.Take(ctx, TakeOptions{Reason: backup.Manual, Progress: func(p take.Progress) { progress(ofTake(p)) }})
		r := backup.Record{Manifest: m}
		if err != nil {
			r.Manifest.Reason = backup.Manual
			if !errors.Is(err, take.ErrBusy) {
				b.Told(ctx, r, err)
			}
			return watch.Result{}, err
		}
		text := fmt.Sprintf("%s of %s in %s", page.Size(m.Stored()), m.Database, page.Ago(m.Finished.Sub(m.Started)))
		level, err := backup.ParseLevel(w.s.Profile.Backup.Verify)
		if err != nil {
			return watch.Result{Backup: m.ID, Text: text}, err
		}
		v, err := w.prove(ctx, b, r, level, progress)
		if err == nil {
			r.Verifications = append(r.Verifications, v)
			text += ", " + verdict(v)
		}
		b.Told(ctx, r, nil)
		return watch.Result{Backup: m.ID, Text: text}, broken(v, err)
	})
}

// proofs are the titles of jobs that verify.
var proofs = map[backup.Level]string{
	backup.Present: "look whether %s is there", backup.Decoded: "read %s back", backup.Counted: "read %s back and count its rows",
	backup.Restored: "prove %s by restoring it",
}

// tail is the end of an ID, which tells those of one day apart and is what commands take, too.
func tail(id backup.ID) string { return string(id[max(0, len(id)-8):]) }

// Verify proves a backup up to a level.
func (w *BackupWatch) Verify(id backup.ID, level backup.Level) error {
	title := fmt.Sprintf(proofs[level], tail(id))
	return w.run(watch.Verify, id, title, "backup verify", w.program()+" backup verify "+string(id)+" --level "+level.String(), func(ctx context.Context, b *Backups, progress func(watch.Progress)) (watch.Result, error) {
		r, err := b.Catalog.Get(ctx, b.Source, string(id))
		if err != nil {
			return watch.Result{}, err
		}
		v, err := w.prove(ctx, b, r, level, progress)
		if err != nil {
			return watch.Result{}, err
		}
		return watch.Result{Backup: id, Text: fmt.Sprintf("%s in %.1f s", verdict(v), v.Seconds)}, broken(v, nil)
	})
}

func (w *BackupWatch) prove(ctx context.Context, b *Backups, r backup.Record, level backup.Level, progress func(watch.Progress)) (backup.Verification, error) {
	ids, err := b.Identities("", nil)
	if err != nil {
		return backup.Verification{}, err
	}
	return b.Verify(ctx, r, level, ids, func(p verify.Progress) {
		progress(watch.Progress{Step: string(p.Step), Text: p.Text, Done: p.Done, Total: p.Of})
	})
}

func verdict(v backup.Verification) string {
	if v.OK {
		return v.Level.String()
	}
	return "BROKEN: " + v.Failure
}

// broken is an error of a backup that is not what it should be.
func broken(v backup.Verification, err error) error {
	if err == nil && !v.OK {
		return fmt.Errorf("the backup is broken: %s", v.Failure)
	}
	return err
}

// Restore restores a backup beside the original.
func (w *BackupWatch) Restore(id backup.ID) error {
	return w.run(watch.Restore, id, "restore "+tail(id), "backup restore", w.program()+" backup restore "+string(id), func(ctx context.Context, b *Backups, progress func(watch.Progress)) (watch.Result, error) {
		r, err := b.Catalog.Get(ctx, b.Source, string(id))
		if err != nil {
			return watch.Result{}, err
		}
		ids, err := b.Identities("", nil)
		if err != nil {
			return watch.Result{}, err
		}
		o, err := b.RestoreOptions(ctx, r, ids, func(p restore.Progress) {
			progress(watch.Progress{Step: string(p.Step), Text: p.Text, Done: p.Bytes, Total: p.OfBytes})
		})
		if err != nil {
			return watch.Result{}, err
		}
		plan, err := restore.Make(ctx, o)
		if err != nil {
			return watch.Result{}, err
		}
		if len(plan.Problems) > 0 {
			return watch.Result{}, inTheWay(plan.Problems)
		}
		res, err := restore.Run(ctx, o, plan)
		if err != nil {
			return watch.Result{}, err
		}
		text := fmt.Sprintf("%s holds it: %d tables in %.1f s", res.Database, len(res.Tables), res.Seconds)
		return watch.Result{Backup: id, Text: text, Restored: &watch.Restored{Server: o.Node.Name, Database: res.Database, Original: b.Source.Database}}, nil
	})
}

func inTheWay(pp []restore.Problem) error {
	var texts []string
	for _, p := range pp {
		if p.Hint != "" {
			p.Text += " (" + p.Hint + ")"
		}
		texts = append(texts, p.Text)
	}
	return fmt.Errorf("in the way: %s", strings.Join(texts, "; "))
}

// Swap puts a restored database in the original's place.
func (w *BackupWatch) Swap(database string) error {
	return w.run(watch.Swap, "", "swap in "+database, "backup swap", w.program()+" backup swap "+database, func(ctx context.Context, b *Backups, progress func(watch.Progress)) (watch.Result, error) {
		o, err := b.SwapOptions(ctx, database, func(s string) { progress(watch.Progress{Step: "swap", Text: s}) })
		if err != nil {
			return watch.Result{}, err
		}
		plan, err := restore.MakeSwap(ctx, o)
		if err != nil {
			return watch.Result{}, err
		}
		if len(plan.Problems) > 0 {
			return watch.Result{}, inTheWay(plan.Problems)
		}
		if err := restore.Swap(ctx, o, plan); err != nil {
			return watch.Result{}, err
		}
		return watch.Result{Text: fmt.Sprintf("%s is now what was %s; the one before is %s; back again: ops-console --app %s backup swap --undo %s", plan.Original, plan.Restored, plan.Aside, w.s.Profile.Name, plan.Aside)}, nil
	})
}

func removal(n int) string {
	if n == 1 {
		return "remove a backup"
	}
	return fmt.Sprintf("remove %d backups", n)
}

// Prune removes what retention lets go, as it was shown: what changed meanwhile is left alone.
func (w *BackupWatch) Prune(shown []backup.ID) error {
	return w.run(watch.Prune, "", removal(len(shown)), "backup prune", w.program()+" backup prune", func(ctx context.Context, b *Backups, progress func(watch.Progress)) (watch.Result, error) {
		if b.PolicyErr != nil {
			return watch.Result{}, b.PolicyErr
		}
		l, err := b.Catalog.List(ctx, b.Source)
		if err != nil {
			return watch.Result{}, err
		}
		want := map[backup.ID]bool{}
		for _, id := range shown {
			want[id] = true
		}
		n := 0
		for _, d := range retain.Decide(l.Records, l.Failures, b.Policy, w.now()) {
			if d.Keep || d.Frozen != "" || !want[d.ID] {
				continue
			}
			progress(watch.Progress{Step: "remove", Text: string(d.ID), Done: int64(n), Total: int64(len(shown))})
			if err := b.Catalog.Remove(ctx, catalog.Tombstone{ID: d.ID, Source: b.Source, At: w.now().UTC(), By: w.by, Why: strings.Join(d.Reasons, ", ")}); err != nil {
				return watch.Result{}, fmt.Errorf("remove backup %s: %w", d.ID, err)
			}
			n++
		}
		return watch.Result{Text: fmt.Sprintf("%d of %d removed", n, len(shown))}, nil
	})
}

// Pin keeps a backup whatever retention says; an empty text lets retention decide again.
func (w *BackupWatch) Pin(ctx context.Context, id backup.ID, why string) error {
	b, err := w.backups(ctx)
	if err != nil {
		return err
	}
	defer w.Refresh()
	if why == "" {
		return w.record(ctx, "backup unpin", string(id), w.program()+" backup unpin "+string(id), func(ctx context.Context) (string, error) {
			return "", b.Catalog.Unpin(ctx, b.Source, id)
		})
	}
	return w.record(ctx, "backup pin", string(id), w.program()+" backup pin "+string(id), func(ctx context.Context) (string, error) {
		return why, b.Catalog.Pin(ctx, b.Source, id, backup.Pin{Why: why, By: w.by, At: w.now().UTC()})
	})
}

// ofTake is the progress of a run for a screen.
func ofTake(p take.Progress) watch.Progress {
	const whole = 1000
	out := watch.Progress{Step: string(p.Stage), Text: p.Node, Done: int64(p.Fraction * whole), Total: whole, Rate: p.Rate, ETA: p.ETA}
	if p.Bytes.Raw > 0 {
		out.Text += fmt.Sprintf(", %s read, %s stored", page.Size(p.Bytes.Raw), page.Size(p.Bytes.Stored))
	}
	if p.Blocked > 0 {
		out.Text = fmt.Sprintf("%s: %d sessions wait because of it", p.Node, p.Blocked)
	}
	for _, t := range p.Tables {
		x := watch.Table{Name: t.Name, Done: t.Bytes, Total: t.Expect}
		switch {
		case t.Done:
			x.State = watch.Finished
		case t.Name == p.Table:
			x.State = watch.Running
		}
		out.Tables = append(out.Tables, x)
	}
	return out
}
