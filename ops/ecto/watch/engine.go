package watch

import (
	"context"
	"errors"
	"path/filepath"

	"ops-console/ops/ecto/lint"
	"ops-console/ops/ecto/project"
)

// Watch begins to read at once, and goes on until ctx ends or the Watcher is closed.
func Watch(ctx context.Context, o Options) *Watcher {
	return watch(ctx, o, engine{open: open, load: lint.Load, run: lint.Run, statuses: lint.Statuses, suppress: lint.AddSuppression})
}

// open reads a project. One without migrations is no failure: they may come.
func open(dir string) (*project.Project, error) {
	p, err := project.Open(dir, project.Options{})
	if errors.Is(err, project.ErrNone) {
		abs, err := filepath.Abs(dir)
		return &project.Project{Dir: abs}, err
	}
	return p, err
}
