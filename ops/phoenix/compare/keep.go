package compare

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"path/filepath"

	"ops-console/ops/phoenix"
	"ops-console/ops/phoenix/diff"
	"ops-console/ops/phoenix/merge"
)

// FileKey names a file of a plan as Key names a file of the comparison: by the generator's path, so that it stays when the
// application's file moves.
func FileKey(f *merge.File) string {
	if f.New != "" {
		return diff.Key(f.New)
	}
	return diff.Key(f.Base)
}

// Mark a file as done, or not, and keep it. key is as Key makes it.
func (w *Watcher) Mark(key string, done bool) error {
	return w.keep(func(p *merge.Progress) error { return p.Mark(key, done) }, func(s *Snapshot) {
		s.Done = maps.Clone(s.Done)
		if delete(s.Done, key); done {
			s.Done[key] = true
		}
	})
}

// Rebase says which version a file comes from, keeps it, and compares again; the zero version: the one that the rest comes
// from. key is as Key makes it.
func (w *Watcher) Rebase(key string, v phoenix.Version) error {
	if w.o.State == "" {
		return errors.New("give a file a version of its own: there is no directory to keep it in, since HOME is not set")
	}
	err := w.keep(func(p *merge.Progress) error { return p.Rebase(key, v) }, func(*Snapshot) {})
	if err == nil {
		w.again()
	}
	return err
}

// keep changes what is kept of the comparison that is shown, or, where nothing is kept, what is shown.
func (w *Watcher) keep(file func(*merge.Progress) error, shown func(*Snapshot)) error {
	w.keeping.Lock()
	defer w.keeping.Unlock()
	w.mu.Lock()
	defer w.mu.Unlock()
	s := *w.latest.Value
	if len(s.Pairs) == 0 {
		return errors.New("mark a file: nothing is compared yet")
	}
	if w.progress == "" {
		shown(&s)
		w.put(&s)
		return nil
	}
	// It is read again: a command may have marked something meanwhile.
	p, err := merge.OpenProgress(w.progress)
	if err == nil {
		err = file(p)
	}
	if err != nil {
		return err
	}
	s.Done, s.Bases = doneIn(p), p.Bases()
	w.put(&s)
	return nil
}

// Apply writes changes of a plan, which a snapshot had, into the project: as merge.Plan.Apply does, with all its demands.
// Files that were taken whole, without a conflict, are marked as done. The project is then compared again.
func (w *Watcher) Apply(ctx context.Context, plan *merge.Plan, choices []merge.Choice) ([]merge.Written, error) {
	switch {
	case w.o.Dir == "":
		return nil, errors.New("no project is known; --project says where it is")
	case plan == nil || len(choices) == 0:
		return nil, errors.New("nothing was chosen")
	}
	written, err := w.apply(ctx, plan, choices)
	if len(written) > 0 {
		w.again()
	}
	return written, err
}

func (w *Watcher) apply(ctx context.Context, plan *merge.Plan, choices []merge.Choice) ([]merge.Written, error) {
	w.keeping.Lock()
	defer w.keeping.Unlock()
	if w.o.State == "" {
		return plan.Apply(ctx, w.o.Dir, choices, nil)
	}
	kept, err := merge.OpenProgress(progressFile(w.o, plan.Base, plan.New))
	if err != nil {
		return nil, err
	}
	written, err := plan.Apply(ctx, w.o.Dir, choices, kept)
	if err == nil && cmp.Or(plan.New.Axis, phoenix.Project) == phoenix.Project {
		// The project's files do not tell any more where they come from.
		err = merge.KeepBase(w.o.State, w.o.Dir, plan.Base.Version, plan.New.Version)
	}
	if err != nil {
		return written, err
	}
	for i, c := range choices {
		if f, ok := plan.File(c.Path); ok && c.Hunks == nil && written[i].Conflicts == 0 {
			if err := kept.Mark(FileKey(&f), true); err != nil {
				return written, err
			}
		}
	}
	return written, nil
}

// progressFile is where is kept how far an upgrade of the project is.
func progressFile(o Options, base, new phoenix.Spec) string {
	return filepath.Join(o.State, merge.ProgressName(o.Dir, base, new))
}

// doneIn is what progress has, as a set.
func doneIn(p *merge.Progress) map[string]bool {
	out := map[string]bool{}
	for _, path := range p.Paths() {
		out[path] = true
	}
	return out
}
