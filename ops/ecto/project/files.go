package project

import (
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"sort"
	"strconv"
	"strings"

	"ops-console/ops/ecto"
)

// maxFiles is how many files one repo can have. No project comes near it; a directory that does is another kind of
// directory.
const maxFiles = 100_000

// migrations adds the files of the repo's directories to it. Ecto looks for **/*.{ex,exs}, takes a file as a migration
// where a number and an underscore begin its name, and ignores .ex with a warning
// (https://github.com/elixir-ecto/ecto_sql, lib/ecto/migrator.ex).
func (o *opening) migrations(r *Repo) {
	for _, dir := range r.Dirs {
		o.walk(dir, func(p string) {
			base := path.Base(p)
			ext := path.Ext(base)
			if ext != ".ex" && ext != ".exs" {
				return
			}
			f, ok := migrationFile(p)
			switch {
			case ext == ".ex" && ok && !r.Tenant:
				r.Skipped = append(r.Skipped, note(p, "extension-ex", "Ecto runs .exs files only: rename it to "+strings.TrimSuffix(base, ext)+".exs"))
			case ok && len(r.Files) >= maxFiles:
				r.Skipped = append(r.Skipped, note(p, "too-many", fmt.Sprintf("left out: more than %d files", maxFiles)))
			case ok:
				r.Files = append(r.Files, f)
			case ext == ".exs" && tooLarge.MatchString(base):
				r.Skipped = append(r.Skipped, note(p, "no-version", "the number before its name is more than a bigint holds"))
			case ext == ".exs":
				r.Skipped = append(r.Skipped, note(p, "no-version", "no number and underscore before its name: Ecto passes over it"))
			}
		})
	}
	sort.Slice(r.Files, func(i, j int) bool {
		a, b := r.Files[i], r.Files[j]
		if a.Version != b.Version {
			return a.Version < b.Version
		}
		return a.Path < b.Path
	})
	o.duplicates(r)
}

// tooLarge is a version that migrationFile refuses for its size alone.
var tooLarge = regexp.MustCompile(`^[0-9]{19,}_`)

// migrationFile takes the name of a file apart; ok is false where Ecto would not take it as a migration.
func migrationFile(p string) (f File, ok bool) {
	base := path.Base(p)
	stem := strings.TrimSuffix(base, path.Ext(base))
	digits, name, ok := strings.Cut(stem, "_")
	// Integer.parse takes a sign too; nobody's version has one.
	if !ok || digits == "" || strings.Trim(digits, "0123456789") != "" {
		return File{}, false
	}
	v, err := strconv.ParseInt(digits, 10, 64)
	if err != nil {
		return File{}, false // more than a bigint holds
	}
	return File{Path: p, Version: v, Name: name}, true
}

// duplicates notes what makes Ecto refuse to run any migration of a repo: a version or a name that is there twice.
func (o *opening) duplicates(r *Repo) {
	versions, names := map[int64]string{}, map[string]string{}
	for _, f := range r.Files {
		if first, ok := versions[f.Version]; ok {
			o.note(f.Path, "duplicate-version", fmt.Sprintf("version %d is also that of %s: Ecto runs nothing until one of them is renamed", f.Version, first))
		} else {
			versions[f.Version] = f.Path
		}
		if first, ok := names[f.Name]; ok {
			o.note(f.Path, "duplicate-name", fmt.Sprintf("the name %s is also that of %s: Ecto runs nothing until one of them is renamed", clean(f.Name), first))
		} else {
			names[f.Name] = f.Path
		}
	}
}

// walk calls visit for each regular file below a directory, by path relative to the project. What is hidden is left
// out, as Path.wildcard does; a link to a directory is not followed, so that no circle is.
func (o *opening) walk(dir string, visit func(p string)) {
	root, err := filepath.EvalSymlinks(o.abs(dir))
	if err != nil {
		o.unreadable(dir, err)
		return
	}
	err = filepath.WalkDir(root, func(p string, e fs.DirEntry, err error) error {
		rel, relErr := filepath.Rel(root, p)
		if relErr != nil {
			return relErr
		}
		name := path.Join(dir, filepath.ToSlash(rel))
		switch {
		case err != nil:
			o.unreadable(name, err)
			if e != nil && e.IsDir() {
				return fs.SkipDir
			}
			return nil
		case rel != "." && strings.HasPrefix(e.Name(), "."):
			if e.IsDir() {
				return fs.SkipDir
			}
			return nil
		case e.IsDir():
			return nil
		case e.Type()&fs.ModeSymlink != 0:
			info, err := os.Stat(p)
			if err != nil {
				o.unreadable(name, err)
				return nil
			}
			if !info.Mode().IsRegular() {
				return nil
			}
		case !e.Type().IsRegular():
			return nil
		}
		visit(name)
		return nil
	})
	if err != nil {
		o.unreadable(dir, err)
	}
}

// note is a note about a whole file.
func note(p, code, text string) Note {
	return Note{Path: p, Note: ecto.Note{Code: code, Text: text}}
}
