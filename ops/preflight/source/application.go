package source

import (
	"bytes"
	"path"
	"strings"

	"ops-console/ops/ecto/elixir"
)

// application looks into the modules that start applications for what runs migrations, and into repos for an init/2.
func (r *reader) application() {
	root := r.root()
	for _, name := range r.files {
		if path.Ext(name) != ".ex" || !strings.HasPrefix(path.Join("/", name), path.Join("/", root)) || !within(name, "lib") {
			continue
		}
		src, ok := r.read(name)
		if !ok {
			continue
		}
		starts, repo := bytes.Contains(src, []byte("use Application")), bytes.Contains(src, []byte("use Ecto.Repo"))
		if !starts && !repo {
			continue
		}
		f, _ := elixir.Parse(src, name)
		for _, m := range f.Modules() {
			if uses(m, "Application") {
				r.migrators(f, name, m)
			}
			if uses(m, "Ecto.Repo") {
				r.repoInit(m)
			}
		}
	}
}

// within says whether a path goes through a directory.
func within(name, dir string) bool { return strings.Contains("/"+name, "/"+dir+"/") }

func uses(m elixir.Module, module string) bool {
	for _, n := range m.Body {
		if n.IsCall("use", elixir.AnyArity) {
			if name, ok := n.Arg(0).Module(); ok && name == module {
				return true
			}
		}
	}
	return false
}

// migrators finds Ecto.Migrator, as a child of the supervisor or called, and functions named after migrating of other modules.
func (r *reader) migrators(f *elixir.File, name string, m elixir.Module) {
	seen := map[int]bool{}
	add := func(n *elixir.Node) {
		at := place(f, name, n)
		if seen[at.Line] {
			return
		}
		seen[at.Line] = true
		r.tree.Migrators = append(r.tree.Migrators, Mention{strings.Join(strings.Fields(f.Text(n)), " "), at})
	}
	for _, body := range m.Body {
		if _, ok := body.Def(); !ok {
			continue
		}
		elixir.Walk(body, func(n *elixir.Node) bool {
			if left, fn, ok := n.Remote(); ok {
				if mod, ok := left.Module(); ok && (mod == "Ecto.Migrator" || migrates(fn)) {
					add(n)
					return false
				}
			}
			if d, ok := n.Def(); ok && d.Body != nil && d.Name != "start" && migrates(d.Name) {
				return true // what it does is what counts
			}
			if n.Kind == elixir.Tuple {
				if mod, ok := n.Args[0].Module(); ok && mod == "Ecto.Migrator" {
					add(n)
					return false
				}
			}
			if mod, ok := n.Module(); ok && n.Kind == elixir.Call && mod == "Ecto.Migrator" {
				add(n)
				return false
			}
			return true
		})
	}
}

// migrates tells names of functions that run migrations.
func migrates(fn string) bool {
	switch fn {
	case "migrate", "migrate!", "migrate_all", "run_migrations", "run_migrations!", "migrate_and_seed", "create_and_migrate":
		return true
	}
	return false
}

func (r *reader) repoInit(m elixir.Module) {
	for _, n := range m.Body {
		d, ok := n.Def()
		if !ok || d.Name != "init" || len(d.Args) != 2 {
			continue
		}
		for i := range r.tree.Config.Repos {
			if r.tree.Config.Repos[i].Module == m.Name {
				r.tree.Config.Repos[i].Init = true
			}
		}
	}
}
