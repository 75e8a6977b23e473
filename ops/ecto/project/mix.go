package project

import (
	"os"
	"path"
	"regexp"
	"strings"

	"ops-console/ops/ecto/elixir"
)

// mixProject is what a mix.exs says, as far as it matters here.
type mixProject struct {
	root   string   // its directory, relative to the project
	app    string   // without colon; empty: not found
	module string   // that mix.exs defines: Changelog.MixProject
	apps   string   // directory of an umbrella's apps: apps; empty: it is none
	config string   // path of config.exs, relative to the project
	libs   []string // directories with its code, relative to the project
	paths  []string // that its aliases give as --migrations-path, relative to the project
	strict bool     // an alias says --strict-version-order
}

var migrationsPath = regexp.MustCompile(`--migrations-path[= ]+([^\s"']+)`)

// mix reads a directory's mix.exs; ok is false where it has none.
func (o *opening) mix(root string) (m mixProject, ok bool) {
	p := path.Join(root, "mix.exs")
	src, err := o.readFile(p)
	if err != nil {
		if !os.IsNotExist(err) {
			o.unreadable(p, err)
		}
		return mixProject{}, false
	}
	m = mixProject{root: root, config: "config/config.exs"}
	f, _ := elixir.Parse(src, p)
	libs := []string{"lib"}
	for _, mod := range f.Modules() {
		if m.module == "" {
			m.module = mod.Name
		}
		s := scope{file: f, path: p, env: "prod", vars: map[string]value{}, attrs: map[string]value{}}
		for _, n := range mod.Body {
			if name, v, ok := n.Attribute(); ok {
				s.attrs[name] = s.eval(v)
			}
		}
		for _, n := range mod.Body {
			d, ok := n.Def()
			if !ok || d.Name != "project" || len(d.Args) != 0 {
				continue
			}
			body := s.eval(d.Body)
			setStr(&m.app, first(body, "app"))
			setStr(&m.apps, first(body, "apps_path"))
			setStr(&m.config, first(body, "config_path"))
			if found := sourcePaths(s, mod, first(body, "elixirc_paths")); len(found) > 0 {
				libs = found
			}
		}
	}
	m.config = path.Join(root, m.config)
	for _, l := range libs {
		m.libs = append(m.libs, path.Join(root, l))
	}
	for _, found := range migrationsPath.FindAllSubmatch(src, -1) {
		m.paths = append(m.paths, path.Join(root, string(found[1])))
	}
	m.strict = strings.Contains(string(src), "--strict-version-order")
	return m, true
}

func first(v value, key string) value {
	out, _ := v.get(key)
	return out
}

// sourcePaths is elixirc_paths, which is a list, or a function of the environment.
func sourcePaths(s scope, m elixir.Module, v value) []string {
	if v.kind == unknown {
		for _, n := range m.Body {
			d, ok := n.Def()
			if !ok || d.Name != "elixirc_paths" || len(d.Args) != 1 {
				continue
			}
			if d.Args[0].IsAtom(s.env) || d.Args[0].Kind == elixir.Var {
				v = s.eval(d.Body)
				break
			}
		}
	}
	var out []string
	for _, x := range v.items {
		if x.kind == text && !path.IsAbs(x.text) {
			out = append(out, x.text)
		}
	}
	return out
}
