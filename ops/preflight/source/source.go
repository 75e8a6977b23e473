// Package source reads what an application's source tree says of how it is built, started, configured and deployed: mix.exs,
// mix.lock, config/*.exs, the release's scripts, the Dockerfile, fly.toml, and the files that pin versions of tools. It reads
// files and runs none of them, and judges nothing.
package source

import (
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"ops-console/ops/fly/flytoml"
	"ops-console/ops/preflight/dockerfile"
)

// Tree is a source tree as far as deploying it goes. Paths are relative to it, with slashes.
type Tree struct {
	Mix        *Mix              // nil: there is no mix.exs
	Lock       map[string]Locked // of mix.lock, by package; nil: there is none
	Config     Config
	Fly        *flytoml.File // nil: there is none, or it cannot be read
	FlyPath    string
	FlyOthers  []string // other files of that kind
	FlyWhy     string   // why this one was taken, where there are others
	FlyErr     string   // why it cannot be read
	Dockerfile string   // path; empty: there is none
	Docker     *dockerfile.File
	Image      dockerfile.Image // what the Dockerfile comes to
	Exports    []Variable       // that the release's env.sh sets
	VMArgs     []Variable       // flags of the release's vm.args
	Migrators  []Mention        // of running migrations while the application starts
	Boots      []Boot           // what starts in the machines, by process group
	Release    Boot             // the release command; Line of Command.At is 0 where there is none
	Pins       []Pin            // versions of tools
	Assets     bool             // there is a package.json: Node builds something
	Notes      []string         // what could not be read
}

// Place is a line of a file; Line 0: the file, or nothing in particular.
type Place struct {
	Path string
	Line int
}

// String is FILE:LINE.
func (p Place) String() string {
	if p.Line == 0 {
		return p.Path
	}
	return fmt.Sprintf("%s:%d", p.Path, p.Line)
}

// Variable is a value that a file gives a name.
type Variable struct {
	Name, Value string
	At          Place
}

// Mention is a piece of code, and where it stands.
type Mention struct {
	Text string
	At   Place
}

// Options of Read. The zero value takes the fly.toml that is there.
type Options struct {
	App     string // the application that is meant; empty: any
	FlyPath string // the fly.toml to take, relative to the tree; empty: found
	// Fly, where set, is the file itself, and FlyPath only names it: it may lie elsewhere.
	Fly *flytoml.File
}

// Read reads a tree. What cannot be read in it is noted; the error is for a tree that cannot be listed at all.
func Read(fsys fs.FS, o Options) (*Tree, error) {
	r := &reader{fsys: fsys, tree: &Tree{}}
	if err := r.list(); err != nil {
		return nil, err
	}
	r.fly(o)
	r.mix()
	r.lock()
	r.config()
	r.docker()
	r.release()
	r.application()
	r.boots()
	r.pins()
	r.tree.Assets = len(r.matching(func(name string) bool { return path.Base(name) == "package.json" && strings.Count(name, "/") <= 2 })) > 0
	return r.tree, nil
}

const (
	maxFile  = 1 << 20
	maxFiles = 60_000
	maxDepth = 9
)

// skipped are directories that hold nothing of the application's own.
var skipped = map[string]bool{
	".git": true, "_build": true, "deps": true, "node_modules": true, ".elixir_ls": true, ".direnv": true, "cover": true, "vendor": true,
	".terraform": true, "tmp": true,
}

// reader reads one tree.
type reader struct {
	fsys  fs.FS
	files []string // sorted
	tree  *Tree
}

func (r *reader) note(format string, args ...any) {
	r.tree.Notes = append(r.tree.Notes, fmt.Sprintf(format, args...))
}

// list finds the files. A tree that is too large is read in part, and that is noted.
func (r *reader) list() error {
	err := fs.WalkDir(r.fsys, ".", func(name string, e fs.DirEntry, err error) error {
		switch {
		case err != nil && name == ".":
			return fmt.Errorf("list the project's files: %w", err)
		case err != nil:
			r.note("%s cannot be read", name)
			if e != nil && e.IsDir() {
				return fs.SkipDir
			}
			return nil
		case e.IsDir() && name != "." && (skipped[path.Base(name)] || strings.Count(name, "/") >= maxDepth):
			return fs.SkipDir
		case len(r.files) >= maxFiles:
			r.note("there are more than %d files: the rest was not looked at", maxFiles)
			return fs.SkipAll
		case !e.IsDir():
			r.files = append(r.files, name)
		}
		return nil
	})
	slices.Sort(r.files)
	return err
}

func (r *reader) has(name string) bool {
	_, ok := slices.BinarySearch(r.files, name)
	return ok
}

// read is a file's text; false where it is not there, too large, or cannot be read.
func (r *reader) read(name string) ([]byte, bool) {
	if !r.has(name) {
		return nil, false
	}
	fi, err := fs.Stat(r.fsys, name)
	if err != nil || !fi.Mode().IsRegular() || fi.Size() > maxFile {
		r.note("%s is not read: it is no regular file of at most %d kB that can be opened here", name, maxFile>>10)
		return nil, false
	}
	b, err := fs.ReadFile(r.fsys, name)
	if err != nil {
		r.note("%s cannot be read", name)
		return nil, false
	}
	return b, true
}

// matching are the files that ok accepts.
func (r *reader) matching(ok func(name string) bool) []string {
	var out []string
	for _, f := range r.files {
		if ok(f) {
			out = append(out, f)
		}
	}
	return out
}

// root is the directory of the mix project: "." or a directory of the tree.
func (r *reader) root() string {
	if r.tree.Mix == nil {
		return "."
	}
	return path.Dir(r.tree.Mix.Path)
}
