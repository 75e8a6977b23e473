// Package scope says which migrations are meant: those of the projects that paths are in, of some files only, from a
// version on, changed against a commit. It judges nothing, and runs no program but git.
package scope

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"ops-console/ops/ecto/project"
	"ops-console/ops/plaintext"
)

// Scope is a project, and what of it is meant.
type Scope struct {
	Project *project.Project
	// Paths are the files and directories that are meant, relative to the project's directory, with slashes; nil: all.
	Paths []string
}

// Find opens the projects that paths are in: files of migrations, directories of them, or directories of projects. Paths of
// one project make one Scope.
func Find(paths []string) ([]Scope, error) {
	var roots []string
	byRoot := map[string][]string{}
	for _, p := range paths {
		abs, err := filepath.Abs(p)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", clean(p), err)
		}
		if _, err := os.Stat(abs); err != nil {
			return nil, fmt.Errorf("read migrations: %w", err)
		}
		root := Root(abs)
		if !slices.Contains(roots, root) {
			roots = append(roots, root)
		}
		byRoot[root] = append(byRoot[root], abs)
	}
	var out []Scope
	for _, root := range roots {
		ss, err := open(root, byRoot[root])
		if err != nil {
			return nil, err
		}
		out = append(out, ss...)
	}
	return out, nil
}

// Of opens the project in a directory, or the one that the current directory is in where dir is empty: of an umbrella, the
// app that it is in, if that has migrations.
func Of(dir string) ([]Scope, error) {
	if dir != "" {
		return Find([]string{dir})
	}
	here, err := filepath.Abs(".")
	if err != nil {
		return nil, fmt.Errorf("find the current directory: %w", err)
	}
	root, near := Root(here), here
	for near != root && !isFile(filepath.Join(near, "mix.exs")) {
		near = filepath.Dir(near)
	}
	ss, err := Find([]string{near})
	if err != nil && near != root {
		return Find([]string{root})
	}
	return ss, err
}

// Root is the directory of the project that a path is in: the highest one with a mix.exs, up to the root of the repository.
// Where there is none, it is the path itself, or the directory of the file.
func Root(path string) string {
	dir := path
	if info, err := os.Stat(path); err == nil && !info.IsDir() {
		dir = filepath.Dir(path)
	}
	best := dir
	for d := dir; ; d = filepath.Dir(d) {
		if isFile(filepath.Join(d, "mix.exs")) {
			best = d
		}
		if _, err := os.Lstat(filepath.Join(d, ".git")); err == nil || filepath.Dir(d) == d {
			return best
		}
	}
}

func isFile(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular()
}

// open opens a project for paths in it. What is in no repo's directory of migrations is taken as one of its own.
func open(root string, paths []string) ([]Scope, error) {
	p, err := project.Open(root, project.Options{})
	if err != nil && !errors.Is(err, project.ErrNone) {
		return nil, err
	}
	none := err
	var own, other []string
	for _, abs := range paths {
		rel, err := filepath.Rel(root, abs)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", clean(abs), err)
		}
		rel = filepath.ToSlash(rel)
		switch {
		case none == nil && (rel == "." || covered(p, rel)):
			own = append(own, rel)
		case none != nil && rel == "." && !hasMigrations(abs):
			return nil, none
		default:
			other = append(other, rel)
		}
	}
	var out []Scope
	if len(own) > 0 {
		s := Scope{Project: p, Paths: own}
		if slices.Contains(own, ".") {
			s.Paths = nil
		}
		out = append(out, s)
	}
	if len(other) == 0 {
		return out, nil
	}
	dirs := make([]string, 0, len(other))
	for _, rel := range other {
		if isFile(filepath.Join(root, filepath.FromSlash(rel))) {
			rel = slash(filepath.Dir(filepath.FromSlash(rel)))
		}
		if !slices.Contains(dirs, rel) {
			dirs = append(dirs, rel)
		}
	}
	p, err = project.Open(root, project.Options{Dirs: dirs})
	if err != nil {
		return nil, err
	}
	for _, rel := range other {
		if !covered(p, rel) {
			return nil, fmt.Errorf("%s: no migration: its name has to be VERSION_NAME.exs", clean(rel))
		}
	}
	return append(out, Scope{Project: p, Paths: other}), nil
}

func slash(p string) string { return filepath.ToSlash(p) }

// clean makes a path fit to be shown.
func clean(s string) string { return plaintext.Line(s, 300) }

// covered says whether a path has migrations of a project's repos in it.
func covered(p *project.Project, rel string) bool {
	for _, r := range p.Repos {
		if slices.ContainsFunc(r.Files, func(f project.File) bool { return under(f.Path, rel) }) {
			return true
		}
		if slices.ContainsFunc(r.Skipped, func(n project.Note) bool { return under(n.Path, rel) && n.Path != rel }) {
			return true
		}
	}
	return false
}

// hasMigrations says whether a directory has a file that Ecto would take for a migration, in itself.
func hasMigrations(dir string) bool {
	names, err := filepath.Glob(filepath.Join(quote(dir), "[0-9]*_*.exs"))
	return err == nil && len(names) > 0
}

// quote makes a directory's name mean itself in a pattern.
func quote(dir string) string {
	return strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `[`, `\[`).Replace(dir)
}

// under says whether a file is a path or below it.
func under(file, path string) bool {
	return path == "." || file == path || strings.HasPrefix(file, path+"/")
}

// Options are the conditions that a migration has to meet. The zero value has none.
type Options struct {
	Since   int64           // the first version
	Changed map[string]bool // paths relative to the project; nil: all
	Pending map[int64]bool  // versions that have not run; nil: all
}

// Check says which versions of a repo are meant: nil for all of them. ok is false where there are none.
func (s Scope) Check(r project.Repo, o Options) (check func(v int64) bool, ok bool) {
	chosen := map[int64]bool{}
	all := true
	for _, f := range r.Files {
		if s.Has(f.Path) && f.Version >= o.Since && (o.Changed == nil || o.Changed[f.Path]) && (o.Pending == nil || o.Pending[f.Version]) {
			chosen[f.Version] = true
		} else {
			all = false
		}
	}
	if all {
		return nil, true
	}
	return func(v int64) bool { return chosen[v] }, len(chosen) > 0
}

// Has says whether a file of the project, or a directory, is meant.
func (s Scope) Has(file string) bool {
	return s.Paths == nil || slices.ContainsFunc(s.Paths, func(p string) bool { return under(file, p) })
}

// Top is the root of the repository that a directory is in; where it is in none, the directory itself.
func Top(dir string) string {
	for d := dir; ; d = filepath.Dir(d) {
		if _, err := os.Lstat(filepath.Join(d, ".git")); err == nil {
			return d
		}
		if filepath.Dir(d) == d {
			return dir
		}
	}
}
