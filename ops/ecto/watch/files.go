package watch

import (
	"context"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/fsnotify/fsnotify"

	"ops-console/ops/ecto/project"
)

// A burst of changes is told when it has been over for settle, and after longest at the latest: editors write a file in
// several steps, and version control many files.
const (
	settle  = 120 * time.Millisecond
	longest = time.Second
)

// pollEvery is how often files are read again where the system does not tell of changes.
const pollEvery = 10 * time.Second

// mostDirs bounds how many directories are watched.
const mostDirs = 4000

// skipped are directories of a project that hold no source of its own.
var skipped = []string{"deps", "_build", "node_modules", "assets", "static"}

// files tells when files that matter change. Directories are watched, not files: what replaces a file by another, as
// editors do, is seen too.
type files struct {
	changed chan struct{}

	fw     *fsnotify.Watcher // nil: the system does not tell
	why    string            // it does not
	cancel context.CancelFunc
	done   chan struct{}
}

func watchFiles(ctx context.Context) *files {
	ctx, cancel := context.WithCancel(ctx)
	f := &files{changed: make(chan struct{}, 1), cancel: cancel, done: make(chan struct{})}
	fw, err := fsnotify.NewWatcher()
	if err != nil {
		f.why = err.Error()
		go f.poll(ctx)
		return f
	}
	f.fw = fw
	go f.run(ctx)
	return f
}

func (f *files) close() {
	f.cancel()
	<-f.done
}

// polled is why changes are not told; empty: they are.
func (f *files) polled() string { return f.why }

// follow watches the directories of a project, and those above where it expects some that are not there yet. p may be
// nil: nothing was read yet.
func (f *files) follow(dir string, p *project.Project) {
	if f.fw == nil {
		return
	}
	watched := f.fw.WatchList()
	add := func(path string) bool {
		if slices.Contains(watched, path) {
			return true
		}
		if len(watched) >= mostDirs {
			return false
		}
		if err := f.fw.Add(path); err == nil {
			watched = append(watched, path)
		}
		return true
	}
	for _, d := range places(dir, p) {
		switch d = nearest(dir, d); d {
		case dir:
			add(d)
		default:
			tree(d, add)
		}
	}
}

// places are the directories whose files say something about migrations: settings, schemas, migrations.
func places(dir string, p *project.Project) []string {
	roots := []string{"."}
	var dirs []string
	if p != nil {
		for _, r := range p.Repos {
			roots = append(roots, r.Root)
			dirs = append(dirs, r.Dirs...)
		}
	}
	slices.Sort(roots)
	for _, r := range slices.Compact(roots) {
		dirs = append(dirs, r, r+"/config", r+"/lib", r+"/priv")
	}
	out := []string{dir, filepath.Join(dir, "apps")}
	for _, d := range dirs {
		if full := filepath.Join(dir, filepath.FromSlash(d)); !slices.Contains(out, full) {
			out = append(out, full)
		}
	}
	return out
}

// nearest is the directory, or the one above it that exists, within root.
func nearest(root, d string) string {
	for d != root && len(d) > len(root) {
		if st, err := os.Stat(d); err == nil && st.IsDir() {
			return d
		}
		d = filepath.Dir(d)
	}
	return root
}

// tree calls add for a directory and those in it until add has had enough.
func tree(d string, add func(string) bool) {
	_ = filepath.WalkDir(d, func(path string, e fs.DirEntry, err error) error { // what cannot be read is not watched
		switch {
		case err != nil:
			return fs.SkipDir
		case !e.IsDir():
			return nil
		case path != d && (strings.HasPrefix(e.Name(), ".") || slices.Contains(skipped, e.Name())):
			return fs.SkipDir
		case !add(path):
			return fs.SkipAll
		}
		return nil
	})
}

// matters says whether a change of a path can change what is known.
func matters(e fsnotify.Event) bool {
	name := filepath.Base(e.Name)
	if e.Op == fsnotify.Chmod || strings.HasPrefix(name, ".") || strings.HasSuffix(name, "~") {
		return false
	}
	switch filepath.Ext(name) {
	case ".ex", ".exs", ".sql":
		return true
	case "":
		// A directory that came, or one that went: what it was cannot be asked any more.
		st, err := os.Stat(e.Name)
		return err != nil && !e.Has(fsnotify.Write) || err == nil && st.IsDir() && e.Has(fsnotify.Create)
	}
	return false
}

func (f *files) run(ctx context.Context) {
	defer close(f.done)
	defer func() { _ = f.fw.Close() }() // nothing was written that could be lost
	t := time.NewTimer(settle)
	t.Stop()
	defer t.Stop()
	var since time.Time // of the burst; zero: there is none
	soon := func() {
		now := time.Now()
		if since.IsZero() {
			since = now
		}
		t.Reset(max(min(settle, longest-now.Sub(since)), 0))
	}
	for {
		select {
		case <-ctx.Done():
			return
		case e, ok := <-f.fw.Events:
			if !ok {
				return
			}
			if matters(e) {
				soon()
			}
		case _, ok := <-f.fw.Errors:
			if !ok {
				return
			}
			soon() // events were lost: something may have changed
		case <-t.C:
			since = time.Time{}
			f.tell()
		}
	}
}

func (f *files) poll(ctx context.Context) {
	defer close(f.done)
	t := time.NewTicker(pollEvery)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-t.C:
			f.tell()
		}
	}
}

func (f *files) tell() {
	select {
	case f.changed <- struct{}{}:
	default:
	}
}
