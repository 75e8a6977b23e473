package project

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"ops-console/ops/ecto/elixir"
	"ops-console/ops/plaintext"
)

// ErrNone is what Open's error wraps where a directory has no Ecto repo and no migrations.
var ErrNone = errors.New("no Ecto repo and no migrations")

// searchDepth is how many directories deep a mix.exs is looked for where the directory itself has none.
const searchDepth = 3

// opening is one call of Open.
type opening struct {
	dir     string // absolute
	options Options
	mixes   []mixProject
	config  *configuration
	repos   []*Repo
	privs   map[*Repo]string // priv/repo, relative to the project
	notes   []Note
	missing map[string]bool // what unreadable said already
	foreign []string        // repos of other databases, as their directories are called
	uses    []repoUse       // set by usesOfRepo
	scanned bool
}

// Open reads a source tree. The directory is that of a mix project or an umbrella, or has mix projects below it. What
// cannot be read in it is a note; an error is returned for a directory that cannot be read, that has no migrations at
// all (it wraps ErrNone), or that has no repo of the name that the options give.
func Open(dir string, options Options) (*Project, error) {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("read the project in %s: %w", clean(dir), err)
	}
	if info, err := os.Stat(abs); err != nil {
		return nil, fmt.Errorf("read the project in %s: %w", clean(dir), err)
	} else if !info.IsDir() {
		return nil, fmt.Errorf("read the project in %s: it is not a directory: name the one with mix.exs", clean(dir))
	}
	o := &opening{dir: abs, options: options, privs: map[*Repo]string{}, missing: map[string]bool{}}
	o.mixProjects(false)
	o.configure()
	if len(o.repos) == 0 && len(o.mixes) > 0 && o.mixes[0].root == "." && o.mixes[0].apps == "" {
		// A mix project that only holds others, each by itself.
		o.mixProjects(true)
		o.configure()
	}
	o.directories()
	if err := o.choose(); err != nil {
		return nil, err
	}
	if !slices.ContainsFunc(o.repos, func(r *Repo) bool { return r.Module != "" || len(r.Files) > 0 }) {
		return nil, o.none(dir)
	}
	o.macros()
	return o.project(), nil
}

func (o *opening) project() *Project {
	p := &Project{Dir: o.dir, Sources: o.sources(), Notes: o.notes}
	for _, r := range o.repos {
		p.Repos = append(p.Repos, *r)
	}
	slices.SortStableFunc(p.Repos, func(a, b Repo) int {
		if a.Tenant != b.Tenant {
			if a.Tenant {
				return 1
			}
			return -1
		}
		return cmp.Or(cmp.Compare(a.Module, b.Module), cmp.Compare(a.Root, b.Root), slices.Compare(a.Dirs, b.Dirs))
	})
	slices.SortStableFunc(p.Notes, func(a, b Note) int {
		return cmp.Or(cmp.Compare(a.Path, b.Path), cmp.Compare(a.At.Line, b.At.Line), cmp.Compare(a.Code, b.Code))
	})
	return p
}

// none says what was looked for.
func (o *opening) none(dir string) error {
	where := "there is no mix.exs here or up to three directories below"
	if len(o.mixes) > 0 {
		roots := make([]string, 0, len(o.mixes))
		for _, m := range o.mixes {
			roots = append(roots, path.Join(m.root, "mix.exs"))
		}
		const shown = 3
		if len(roots) > shown {
			roots = append(roots[:shown], "…")
		}
		where = "looked at " + strings.Join(roots, ", ") + " for ecto_repos in its configuration, use Ecto.Repo in its code, and priv/*/migrations"
	}
	return fmt.Errorf("read the project in %s: %w: %s; name the application's directory, or its directories of migrations",
		clean(dir), ErrNone, clean(where))
}

// mixProjects finds the mix projects: the directory's own and an umbrella's apps, or those below it.
func (o *opening) mixProjects(deep bool) {
	o.mixes = nil
	if m, ok := o.mix("."); ok {
		o.umbrella(m)
		if !deep {
			return
		}
	}
	o.below(".", 0)
}

// umbrella adds a mix project and those that it says it is made of.
func (o *opening) umbrella(m mixProject) {
	o.mixes = append(o.mixes, m)
	if m.apps == "" {
		return
	}
	apps := path.Join(m.root, m.apps)
	for _, name := range o.subdirectories(apps) {
		if child, ok := o.mix(path.Join(apps, name)); ok {
			o.mixes = append(o.mixes, child)
		}
	}
}

func (o *opening) below(dir string, depth int) {
	if depth >= searchDepth {
		return
	}
	for _, name := range o.subdirectories(dir) {
		if slices.Contains(notOwn, name) {
			continue
		}
		sub := path.Join(dir, name)
		if m, ok := o.mix(sub); ok {
			o.umbrella(m)
			continue
		}
		o.below(sub, depth+1)
	}
}

// notOwn are directories with code of others, and with what was built.
var notOwn = []string{"deps", "_build", "node_modules", "vendor", "assets", "cover", "doc", "test", "fixtures"}

func (o *opening) subdirectories(dir string) []string {
	entries, err := os.ReadDir(o.abs(dir))
	if err != nil {
		o.unreadable(dir, err)
		return nil
	}
	var out []string
	for _, e := range entries {
		if e.IsDir() && !strings.HasPrefix(e.Name(), ".") {
			out = append(out, e.Name())
		}
	}
	return out
}

// sources are the directories with code that are there, each once.
func (o *opening) sources() []string {
	var out []string
	for _, m := range o.mixes {
		for _, l := range m.libs {
			if info, err := os.Stat(o.abs(l)); err == nil && info.IsDir() && !slices.Contains(out, l) {
				out = append(out, l)
			}
		}
	}
	return out
}

func (o *opening) abs(p string) string { return filepath.Join(o.dir, filepath.FromSlash(p)) }

// readFile reads a regular file, and not more of it than a source file can have.
func (o *opening) readFile(p string) ([]byte, error) {
	name := o.abs(p)
	info, err := os.Stat(name)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s: %w", p, errNotRegular)
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, elixir.MaxSize))
}

var errNotRegular = errors.New("not a regular file")

func (o *opening) note(p, code, text string) { o.notes = append(o.notes, note(p, code, text)) }

// unreadable notes once what could not be read.
func (o *opening) unreadable(p string, err error) {
	if o.missing[p] {
		return
	}
	o.missing[p] = true
	var pathErr *fs.PathError
	if errors.As(err, &pathErr) {
		err = pathErr.Err // the path is the note's own
	}
	o.note(p, "unreadable", "cannot be read: "+clean(err.Error()))
}

// maxShown is how many characters of a name or of an error are shown.
const maxShown = 300

// clean makes text from outside fit to be shown.
func clean(s string) string { return plaintext.Line(s, maxShown) }
