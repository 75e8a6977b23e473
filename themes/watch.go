package themes

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/fsnotify/fsnotify"
)

// settle is how long a burst of changes has to be over: editors write a file in several steps.
const settle = 50 * time.Millisecond

// Watcher tells when theme files change. Make one with Watch.
type Watcher struct {
	changed chan struct{}
	cancel  context.CancelFunc
	done    chan struct{}
}

// Watch watches directories of themes until ctx ends or Close is called. A directory that does not exist yet is
// noticed when it appears, as long as the one above it exists.
func Watch(ctx context.Context, dirs []string) (*Watcher, error) {
	fw, err := fsnotify.NewWatcher()
	if err != nil {
		return nil, fmt.Errorf("watch theme files: %w", err)
	}
	ctx, cancel := context.WithCancel(ctx)
	w := &Watcher{changed: make(chan struct{}, 1), cancel: cancel, done: make(chan struct{})}
	clean := make([]string, len(dirs))
	for i, d := range dirs {
		clean[i] = filepath.Clean(d)
	}
	attach(fw, clean)
	go w.run(ctx, fw, clean)
	return w, nil
}

// Changed carries a value after files have changed. Changes that nobody has taken notice of yet are one.
func (w *Watcher) Changed() <-chan struct{} { return w.changed }

// Close ends the watcher and waits for it.
func (w *Watcher) Close() {
	w.cancel()
	<-w.done
}

// attach watches each directory that exists, and the one above it, where it would appear.
func attach(fw *fsnotify.Watcher, dirs []string) {
	for _, d := range dirs {
		for _, x := range []string{d, filepath.Dir(d)} {
			if st, err := os.Stat(x); err == nil && st.IsDir() {
				_ = fw.Add(x) // where it cannot be watched, themes are read at the next start
			}
		}
	}
}

func (w *Watcher) run(ctx context.Context, fw *fsnotify.Watcher, dirs []string) {
	defer close(w.done)
	defer func() { _ = fw.Close() }() // nothing was written that could be lost
	t := time.NewTimer(settle)
	t.Stop()
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case e, ok := <-fw.Events:
			if !ok {
				return
			}
			if matters(e.Name, dirs) {
				attach(fw, dirs)
				t.Reset(settle)
			}
		case _, ok := <-fw.Errors:
			if !ok {
				return
			}
			t.Reset(settle) // events were lost: something may have changed
		case <-t.C:
			select {
			case w.changed <- struct{}{}:
			default:
			}
		}
	}
}

// matters is true for theme files and for the directories themselves.
func matters(path string, dirs []string) bool {
	for _, d := range dirs {
		if path == d || filepath.Dir(path) == d && strings.HasSuffix(path, ".toml") {
			return true
		}
	}
	return false
}
