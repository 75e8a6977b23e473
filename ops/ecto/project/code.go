package project

import (
	"bytes"
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"
	"sync"

	"ops-console/ops/ecto/elixir"
)

const (
	readers   = 4       // files read at the same time
	maxSource = 4 << 20 // bytes of a source file that is looked into
)

// repoUse is a module with use Ecto.Repo.
type repoUse struct {
	module   string
	path     string
	app      string // otp_app
	adapter  string // empty: not said, or not known
	readOnly bool
}

// repoMacros are the modules that make a repo of the module that uses them.
var repoMacros = []string{"Ecto.Repo", "AshPostgres.Repo"}

// usesOfRepo finds the repos in the code. It is looked for once.
func (o *opening) usesOfRepo() []repoUse {
	if o.scanned {
		return o.uses
	}
	o.scanned = true
	var libs []string
	for _, m := range o.mixes {
		libs = append(libs, m.libs...)
	}
	o.scan(libs, repoMacros, func(p string, src []byte) {
		f, _ := elixir.Parse(src, p)
		for _, m := range f.Modules() {
			if u, ok := repoOf(f, m, p); ok {
				o.uses = append(o.uses, u)
			}
		}
	})
	return o.uses
}

func repoOf(f *elixir.File, m elixir.Module, p string) (repoUse, bool) {
	s := scope{file: f, path: p, env: "prod", vars: map[string]value{}, attrs: map[string]value{}}
	for _, n := range m.Body {
		if name, v, ok := n.Attribute(); ok {
			s.attrs[name] = s.eval(v)
		}
		if n.IsCall("alias", elixir.AnyArity) && len(n.Args) > 0 {
			s.alias(n)
		}
		if !n.IsCall("use", elixir.AnyArity) || len(n.Args) == 0 {
			continue
		}
		name, ok := n.Args[0].Module()
		if !ok || !slices.Contains(repoMacros, name) {
			continue
		}
		u := repoUse{module: m.Name, path: p}
		if len(n.Args) > 1 {
			opts := s.eval(n.Args[1])
			setStr(&u.app, first(opts, "otp_app"))
			if v := first(opts, "adapter"); v.kind == module {
				u.adapter = v.text
			}
			u.readOnly = first(opts, "read_only").isAtom("true")
		}
		return u, true
	}
	return repoUse{}, false
}

// scan reads the .ex files below directories and calls visit, one at a time and in the order of their paths, for those
// in which one of the words stands.
func (o *opening) scan(dirs, words []string, visit func(p string, src []byte)) {
	var paths []string
	for _, d := range dirs {
		if o.isDir(d) {
			o.walk(d, func(p string) {
				if strings.HasSuffix(p, ".ex") {
					paths = append(paths, p)
				}
			})
		}
	}
	slices.Sort(paths)
	paths = slices.Compact(paths)
	sources := o.readAll(paths, func(src []byte) bool {
		return slices.ContainsFunc(words, func(w string) bool { return bytes.Contains(src, []byte(w)) })
	})
	for i, src := range sources {
		if src != nil {
			visit(paths[i], src)
		}
	}
}

// readAll reads files, several at a time, and gives those that are wanted; nil stands for the others.
func (o *opening) readAll(paths []string, wanted func(src []byte) bool) [][]byte {
	out, errs := make([][]byte, len(paths)), make([]error, len(paths))
	var group sync.WaitGroup
	for w := range min(readers, len(paths)) {
		group.Go(func() {
			for i := w; i < len(paths); i += readers {
				src, err := o.readFile(paths[i])
				if err != nil {
					errs[i] = err
				} else if len(src) <= maxSource && wanted(src) {
					out[i] = src
				}
			}
		})
	}
	group.Wait()
	for i, err := range errs {
		if err != nil {
			o.unreadable(paths[i], err)
		}
	}
	return out
}

var usesModule = regexp.MustCompile(`(?m)^[ \t]*use[ \t(]+([A-Z][A-Za-z0-9_.]*)`)

// macros finds the modules of the application that migrations use, mostly instead of Ecto.Migration.
func (o *opening) macros() {
	var paths []string
	for _, r := range o.repos {
		for _, f := range r.Files {
			paths = append(paths, f.Path)
		}
	}
	used := map[string]bool{}
	for _, src := range o.readAll(paths, func([]byte) bool { return true }) {
		for _, m := range usesModule.FindAllSubmatch(src, -1) {
			if name := string(m[1]); name != "Ecto.Migration" {
				used[name] = true
			}
		}
	}
	if len(used) == 0 {
		return
	}
	defined := map[string]string{}
	o.scan(o.sources(), []string{"__using__"}, func(p string, src []byte) {
		f, _ := elixir.Parse(src, p)
		for _, m := range f.Modules() {
			if used[m.Name] && defined[m.Name] == "" && slices.ContainsFunc(m.Body, isUsing) {
				defined[m.Name] = p
			}
		}
	})
	for _, r := range o.repos {
		r.Settings.Macros = defined
	}
}

func isUsing(n *elixir.Node) bool {
	d, ok := n.Def()
	return ok && d.Kind == "defmacro" && d.Name == "__using__"
}

// tenantModules finds migrations that are modules of the application and run by it for each tenant: directories called
// migrations in its code, with files that have a version.
func (o *opening) tenantModules(own []*Repo) {
	for _, m := range o.mixes {
		found := map[string]bool{}
		for _, lib := range m.libs {
			if !o.isDir(lib) {
				continue
			}
			o.walk(lib, func(p string) {
				if f, ok := migrationFile(p); ok && f.Version > 0 && strings.HasSuffix(p, ".ex") && strings.HasSuffix(path.Dir(p), "migrations") {
					found[path.Dir(p)] = true
				}
			})
		}
		for _, dir := range slices.Sorted(maps.Keys(found)) {
			if !o.hasMigrations(dir) {
				continue
			}
			var owner *Repo
			if len(own) == 1 {
				owner = own[0]
			}
			o.tenant(owner, m.root, dir)
		}
	}
}
