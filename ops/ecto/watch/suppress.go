package watch

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/google/renameio/v2"

	"ops-console/ops/ecto"
)

// Suppress writes the comment that silences a rule at a place into a migration of the project, by its path relative to
// the project's directory. It replaces the file at once or not at all, and refuses where the file is not the one that was
// judged any more.
func (w *Watcher) Suppress(path string, at ecto.Span, rule, reason string) error {
	s := w.Latest().Value
	if s == nil {
		return errors.New("suppress: the migrations have not been read yet")
	}
	if reason = strings.Join(strings.Fields(reason), " "); reason == "" {
		return errors.New("suppress: a reason is needed: it is what the next reader has")
	}
	for i := range s.Repos {
		if src, ok := s.Repos[i].Input.Sources[path]; ok {
			return replace(s.Dir, path, src, w.engine.suppress(src, at, rule, reason))
		}
	}
	return fmt.Errorf("suppress: %s is no migration of %s", path, s.Dir)
}

// replace writes a file of the project that has to be as it was.
func replace(dir, path string, was, is []byte) error {
	if !filepath.IsLocal(filepath.FromSlash(path)) {
		return fmt.Errorf("write %s: it is outside of %s", path, dir)
	}
	// A link is followed, so that it stays one, but not out of the project.
	root, err := filepath.EvalSymlinks(dir)
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	full, err := filepath.EvalSymlinks(filepath.Join(root, filepath.FromSlash(path)))
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	if rel, err := filepath.Rel(root, full); err != nil || !filepath.IsLocal(rel) {
		return fmt.Errorf("write %s: it leads out of %s", path, dir)
	}
	st, err := os.Stat(full)
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	now, err := os.ReadFile(full)
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	switch {
	case !bytes.Equal(now, was):
		return fmt.Errorf("write %s: it has changed since it was read; look again", path)
	case bytes.Equal(is, was):
		return fmt.Errorf("write %s: there is no place for a comment there; write it by hand", path)
	}
	if err := renameio.WriteFile(full, is, st.Mode().Perm(), renameio.IgnoreUmask()); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return nil
}
