package source

import (
	"path"
	"slices"
	"strings"

	"ops-console/ops/ecto/elixir"
)

// Mix is what a mix.exs says.
type Mix struct {
	Path     string
	App      string   // empty in an umbrella
	Elixir   Variable // the requirement
	Umbrella bool
	Deps     map[string]Dep // an umbrella's apps' too
	Releases []MixRelease
	Aliases  map[string][]string // what each alias runs, as far as it is written as texts
}

// Dep is a dependency.
type Dep struct {
	Name        string
	Requirement string // empty: from git or a path
	DevOnly     bool   // it has an only: without :prod
	At          Place
}

// MixRelease is a release that is configured in mix.exs.
type MixRelease struct {
	Name   string
	At     Place
	Cookie *Mention // the fixed cookie's key, without its value; nil: there is none
}

// Locked is a version that mix.lock has.
type Locked struct {
	Version string // empty: from git
	At      Place
}

// mixPath is the project's mix.exs: the one at the top, or the only one in a directory below; empty: there is none.
func (r *reader) mixPath() string {
	if r.has("mix.exs") {
		return "mix.exs"
	}
	found := r.matching(func(name string) bool { return path.Base(name) == "mix.exs" && strings.Count(name, "/") == 1 })
	if len(found) == 1 {
		return found[0]
	}
	return ""
}

func (r *reader) mix() {
	m := r.readMix(r.mixPath())
	if r.tree.Mix = m; m == nil || !m.Umbrella {
		return
	}
	apps := path.Join(path.Dir(m.Path), "apps") + "/"
	for _, f := range r.matching(func(name string) bool {
		return strings.HasPrefix(name, apps) && path.Base(name) == "mix.exs" && strings.Count(strings.TrimPrefix(name, apps), "/") == 1
	}) {
		if sub := r.readMix(f); sub != nil {
			for name, d := range sub.Deps {
				if _, ok := m.Deps[name]; !ok {
					m.Deps[name] = d
				}
			}
			if m.Elixir.Value == "" {
				m.Elixir = sub.Elixir
			}
		}
	}
}

func (r *reader) readMix(name string) *Mix {
	src, ok := r.read(name)
	if name == "" || !ok {
		return nil
	}
	f, _ := elixir.Parse(src, name)
	m := &Mix{Path: name, Deps: map[string]Dep{}, Aliases: map[string][]string{}}
	at := func(n *elixir.Node) Place { return place(f, name, n) }
	for _, mod := range f.Modules() {
		defs := map[string]*elixir.Node{}
		attrs := map[string]*elixir.Node{}
		for _, n := range mod.Body {
			if d, ok := n.Def(); ok && defs[d.Name] == nil {
				defs[d.Name] = d.Body
			}
			if a, v, ok := n.Attribute(); ok {
				attrs[a] = v
			}
		}
		// What project/0 leaves to another function is that function's.
		value := func(key string) *elixir.Node {
			n := defs["project"].Key(key)
			if n == nil {
				n = lastExpr(defs["project"]).Key(key)
			}
			return resolve(n, defs, attrs)
		}
		if t, ok := atomOrText(value("app")); ok {
			m.App = t
		}
		if v := value("elixir"); v != nil {
			if t, ok := v.Str(); ok {
				m.Elixir = Variable{"elixir", t, at(v)}
			}
		}
		m.Umbrella = m.Umbrella || value("apps_path") != nil
		for fn, body := range defs {
			if strings.Contains(fn, "dep") {
				m.deps(body, at)
			}
		}
		m.deps(value("deps"), at)
		m.releases(value("releases"), defs, attrs, at)
		if pairs, ok := value("aliases").Pairs(); ok {
			for _, p := range pairs {
				elixir.Walk(p.Value, func(n *elixir.Node) bool {
					if t, ok := n.Str(); ok {
						m.Aliases[p.Name()] = append(m.Aliases[p.Name()], t)
					}
					return true
				})
			}
		}
	}
	return m
}

// resolve follows a value to the function or the attribute that gives it.
func resolve(n *elixir.Node, defs, attrs map[string]*elixir.Node) *elixir.Node {
	for range 5 {
		if n == nil {
			return nil
		}
		if a, ok := n.AttributeRef(); ok {
			n = attrs[a]
			continue
		}
		if (n.Kind == elixir.Var || n.Kind == elixir.Call && n.Fun == nil && len(n.Args) == 0) && defs[n.Name()] != nil {
			n = lastExpr(defs[n.Name()])
			continue
		}
		return n
	}
	return n
}

// lastExpr is what a body gives back.
func lastExpr(n *elixir.Node) *elixir.Node {
	if exprs := n.Exprs(); len(exprs) > 0 {
		return exprs[len(exprs)-1]
	}
	return n
}

func (m *Mix) deps(body *elixir.Node, at func(*elixir.Node) Place) {
	if body == nil {
		return
	}
	elixir.Walk(body, func(n *elixir.Node) bool {
		args := n.Args
		if n.Kind != elixir.Tuple && !n.IsCall("{}", elixir.AnyArity) || len(args) < 2 || args[0].Kind != elixir.Atom {
			return true
		}
		d := Dep{Name: args[0].Text, At: at(n)}
		req, isText := args[1].Str()
		if _, isOptions := args[len(args)-1].Pairs(); !isText && !isOptions {
			return true
		}
		d.Requirement = req
		if only := args[len(args)-1].Key("only"); only != nil {
			d.DevOnly = elixir.Find(only, func(x *elixir.Node) bool { return x.IsAtom("prod") }) == nil
			if words, ok := only.Words(); ok {
				d.DevOnly = !slices.Contains(words, "prod")
			}
		}
		if _, ok := m.Deps[d.Name]; !ok {
			m.Deps[d.Name] = d
		}
		return false
	})
}

func (m *Mix) releases(n *elixir.Node, defs, attrs map[string]*elixir.Node, at func(*elixir.Node) Place) {
	pairs, _ := n.Pairs()
	for _, p := range pairs {
		rel := MixRelease{Name: p.Name(), At: at(p.Key)}
		options := resolve(p.Value, defs, attrs)
		if c := options.Key("cookie"); c != nil {
			rel.Cookie = &Mention{Text: "cookie: …", At: at(c)}
		}
		m.Releases = append(m.Releases, rel)
	}
}

func atomOrText(n *elixir.Node) (string, bool) {
	if n == nil {
		return "", false
	}
	if t, ok := n.Str(); ok {
		return t, true
	}
	return n.Text, n.Kind == elixir.Atom
}

// place is where a node stands.
func place(f *elixir.File, name string, n *elixir.Node) Place {
	if n == nil {
		return Place{Path: name}
	}
	from, _ := f.Extent(n)
	return Place{name, int(from.Line)}
}

// lock reads mix.lock, which is a map of tuples: "phoenix": {:hex, :phoenix, "1.8.1", …}.
func (r *reader) lock() {
	name := path.Join(r.root(), "mix.lock")
	src, ok := r.read(name)
	if !ok {
		return
	}
	f, _ := elixir.Parse(src, name)
	r.tree.Lock = map[string]Locked{}
	for _, e := range f.Exprs() {
		pairs, _ := e.Pairs()
		for _, p := range pairs {
			key, ok := atomOrText(p.Key)
			if !ok {
				continue
			}
			l := Locked{At: place(f, name, p.Key)}
			if a := p.Value.Args; len(a) >= 3 && a[0].IsAtom("hex") {
				l.Version, _ = a[2].Str()
			}
			r.tree.Lock[key] = l
		}
	}
}

// Has says whether a package is a dependency in production.
func (t *Tree) Has(names ...string) bool {
	if t.Mix == nil {
		return false
	}
	return slices.ContainsFunc(names, func(n string) bool {
		d, ok := t.Mix.Deps[n]
		return ok && !d.DevOnly
	})
}
