package source

import (
	"path"
	"slices"
	"strconv"
	"strings"

	"ops-console/ops/ecto/elixir"
)

// Config is what config/*.exs say for production.
type Config struct {
	Files     []string
	Repos     []Repo // by module
	Endpoints []Endpoint
}

// Repo is the configuration of an Ecto repo. Numbers are 0 and texts empty where nothing is said.
type Repo struct {
	Module    string
	PoolSize  Setting
	PoolCount Setting
	Inet6     Inet6
	URL       Setting // whose Env is where the address comes from
	Host      Setting
	At        Place
	Init      bool // the module has an init/2, which may change all of this
}

// Setting is a value that the environment may change.
type Setting struct {
	Text string // where it is literal, or the default; empty: not known
	Env  string // the variable that sets it; empty: none does
	At   Place  // Line 0: nothing is said
}

// Int is Text as a number; 0: it is none.
func (s Setting) Int() int {
	n, _ := strconv.Atoi(strings.ReplaceAll(s.Text, "_", ""))
	return n
}

// Inet6 is whether a repo connects over IPv6.
type Inet6 struct {
	Said bool   // socket_options has :inet6
	Env  string // where this depends on a variable; empty: it always does
	At   Place
}

// Endpoint is the configuration of a Phoenix endpoint.
type Endpoint struct {
	Module   string
	IP       Mention  // http: [ip: …]; empty: nothing is said
	ForceSSL *Mention // nil: requests are not redirected to https
	Host     Setting  // url: [host: …]
}

// entry is a key of a module's configuration.
type entry struct {
	value *elixir.Node
	file  *elixir.File
	path  string
	vars  map[string]*elixir.Node
}

func (e entry) place() Place { return place(e.file, e.path, e.value) }

// resolved follows variables of the file.
func (e entry) resolved() *elixir.Node {
	n := e.value
	for range 5 {
		if n == nil || n.Kind != elixir.Var || e.vars[n.Text] == nil {
			return n
		}
		n = e.vars[n.Text]
	}
	return n
}

type configReader struct {
	r     *reader
	seen  map[string]bool
	files []string
	// order is the modules as they come; keys is what is said of each, the latest last to be said.
	order []string
	keys  map[string]map[string]entry
	repos map[string]bool
}

func (r *reader) config() {
	c := &configReader{r: r, seen: map[string]bool{}, keys: map[string]map[string]entry{}, repos: map[string]bool{}}
	for _, name := range []string{"config.exs", "prod.exs", "releases.exs", "runtime.exs"} {
		c.read(path.Join(r.root(), "config", name))
	}
	out := Config{Files: c.files}
	for _, mod := range c.order {
		last := mod[strings.LastIndexByte(mod, '.')+1:]
		switch {
		case c.repos[mod], strings.HasSuffix(last, "Repo"), strings.Contains(mod, ".Repo."):
			out.Repos = append(out.Repos, c.repo(mod))
		case strings.HasSuffix(last, "Endpoint"):
			out.Endpoints = append(out.Endpoints, c.endpoint(mod))
		}
	}
	slices.SortFunc(out.Repos, func(a, b Repo) int { return strings.Compare(a.Module, b.Module) })
	r.tree.Config = out
}

func (c *configReader) read(name string) {
	if c.seen[name] {
		return
	}
	c.seen[name] = true
	src, ok := c.r.read(name)
	if !ok {
		return
	}
	c.files = append(c.files, name)
	f, errs := elixir.Parse(src, name)
	for _, e := range errs {
		c.r.note("%s:%d is not understood: %s", name, e.Line, e.Msg)
	}
	s := &configScope{c: c, file: f, path: name, vars: map[string]*elixir.Node{}, aliases: map[string]string{}}
	s.block(f.Exprs())
}

type configScope struct {
	c       *configReader
	file    *elixir.File
	path    string
	vars    map[string]*elixir.Node
	aliases map[string]string
}

// block reads expressions as production would run them: what is for other environments is passed over, what depends on
// anything else counts.
func (s *configScope) block(exprs []*elixir.Node) {
	for _, n := range exprs {
		switch {
		case n.IsCall("config", 3):
			s.config(n.Args[1], n.Args[2])
		case n.IsCall("config", 2):
			s.ectoRepos(n.Args[1])
		case n.IsCall("import_config", 1):
			if t, ok := n.Args[0].Str(); ok {
				s.c.read(path.Join(path.Dir(s.path), t))
			} else { // "#{config_env()}.exs", whatever it is written with
				s.c.read(path.Join(path.Dir(s.path), "prod.exs"))
			}
		case n.IsCall("=", 2) && n.Args[0].Kind == elixir.Var:
			s.vars[n.Args[0].Text] = n.Args[1]
		case n.IsCall("alias", elixir.AnyArity):
			if m, ok := n.Arg(0).Module(); ok {
				s.aliases[m[strings.LastIndexByte(m, '.')+1:]] = m
			}
		case n.IsCall("if", elixir.AnyArity), n.IsCall("unless", elixir.AnyArity):
			yes, known := production(n.Arg(0))
			if n.Name() == "unless" {
				yes = !yes
			}
			if yes || !known {
				s.block(n.Section("do").Exprs())
			}
			if !yes || !known {
				s.block(n.Section("else").Exprs())
			}
		case n.IsCall("case", elixir.AnyArity), n.IsCall("cond", elixir.AnyArity):
			for _, cl := range n.Section("do").Clauses() {
				if len(cl.Args) == 1 && (cl.Args[0].IsAtom("dev") || cl.Args[0].IsAtom("test")) {
					continue
				}
				s.block(cl.Body.Exprs())
			}
		}
	}
}

// production decides a condition for production, as far as it is about the environment.
func production(n *elixir.Node) (yes, known bool) {
	switch {
	case n == nil:
		return false, false
	case n.IsCall("and", 2), n.IsCall("&&", 2):
		a, ka := production(n.Args[0])
		b, kb := production(n.Args[1])
		return a && b, ka && kb || ka && !a || kb && !b
	case n.IsCall("or", 2), n.IsCall("||", 2):
		a, ka := production(n.Args[0])
		b, kb := production(n.Args[1])
		return ka && a || kb && b, ka && kb || ka && a || kb && b
	case n.IsCall("==", 2), n.IsCall("!=", 2):
		if !environment(n.Args[0]) || n.Args[1].Kind != elixir.Atom {
			return false, false
		}
		return n.Args[1].IsAtom("prod") == (n.Name() == "=="), true
	case n.IsCall("in", 2):
		if !environment(n.Args[0]) {
			return false, false
		}
		if words, ok := n.Args[1].Words(); ok {
			return slices.Contains(words, "prod"), true
		}
		return slices.ContainsFunc(n.Args[1].Args, func(x *elixir.Node) bool { return x.IsAtom("prod") }), n.Args[1].Kind == elixir.List
	}
	return false, false
}

func environment(n *elixir.Node) bool {
	return n.IsCall("config_env", 0) || n.IsRemote("Mix", "env", 0) || n.IsVar("env")
}

// config takes one call apart.
func (s *configScope) config(module, value *elixir.Node) {
	name, ok := module.Module()
	if !ok || module.Kind == elixir.Atom {
		return
	}
	first, rest, dotted := strings.Cut(name, ".")
	if whole, ok := s.aliases[first]; ok {
		if name = whole; dotted {
			name += "." + rest
		}
	}
	pairs, ok := value.Pairs()
	if !ok {
		if v := (entry{value: value, vars: s.vars}).resolved(); v != nil {
			pairs, ok = v.Pairs()
		}
	}
	if !ok {
		return
	}
	if s.c.keys[name] == nil {
		s.c.keys[name] = map[string]entry{}
		s.c.order = append(s.c.order, name)
	}
	for _, p := range pairs {
		s.c.keys[name][p.Name()] = entry{p.Value, s.file, s.path, s.vars}
	}
}

func (s *configScope) ectoRepos(value *elixir.Node) {
	repos := value.Key("ecto_repos")
	if repos == nil {
		return
	}
	for _, n := range repos.Args {
		if m, ok := n.Module(); ok {
			s.c.repos[m] = true
		}
	}
}

func (c *configReader) repo(module string) Repo {
	keys := c.keys[module]
	r := Repo{Module: module, PoolSize: setting(keys["pool_size"]), PoolCount: setting(keys["pool_count"]), URL: setting(keys["url"]), Host: setting(keys["hostname"])}
	for _, k := range []string{"pool_size", "url", "hostname", "database"} {
		if e, ok := keys[k]; ok {
			r.At = e.place()
			break
		}
	}
	if e, ok := keys["socket_options"]; ok {
		v := e.resolved()
		if elixir.Find(v, func(n *elixir.Node) bool { return n.IsAtom("inet6") }) != nil {
			r.Inet6 = Inet6{Said: true, Env: variable(v), At: e.place()}
		}
	}
	return r
}

func (c *configReader) endpoint(module string) Endpoint {
	keys := c.keys[module]
	out := Endpoint{Module: module}
	if e, ok := keys["http"]; ok {
		if ip := e.resolved().Key("ip"); ip != nil {
			ip = entry{value: ip, vars: e.vars}.resolved()
			out.IP = Mention{e.file.Text(ip), place(e.file, e.path, ip)}
		}
	}
	if e, ok := keys["force_ssl"]; ok && !e.value.IsAtom("false") && !e.value.IsAtom("nil") {
		out.ForceSSL = &Mention{e.file.Text(e.value), e.place()}
	}
	if e, ok := keys["url"]; ok {
		if host := e.resolved().Key("host"); host != nil {
			out.Host = setting(entry{host, e.file, e.path, e.vars})
		}
	}
	return out
}

// setting is what a value comes to: a literal, or a variable of the environment with its default.
func setting(e entry) Setting {
	v := e.resolved()
	if v == nil {
		return Setting{}
	}
	s := Setting{At: e.place(), Env: variable(v)}
	if t, ok := literal(v); ok {
		s.Text = t
		return s
	}
	// One literal among calls is the default, whatever turns it into what is wanted.
	var found []string
	elixir.Walk(v, func(n *elixir.Node) bool {
		if t, ok := literal(n); ok && n.Kind != elixir.Atom && t != s.Env {
			found = append(found, t)
		}
		return true
	})
	if len(found) == 1 {
		s.Text = found[0]
	}
	return s
}

func literal(n *elixir.Node) (string, bool) {
	if i, ok := n.Int(); ok {
		return strconv.FormatInt(i, 10), true
	}
	return n.Str()
}

// readers of the environment that are in use beside System's: their first argument is the variable's name.
var readers = []string{"get_env", "fetch_env", "fetch_env!"}

// variable is the variable of the environment that an expression reads; empty: none, or one whose name is not literal.
func variable(n *elixir.Node) string {
	name := ""
	elixir.Walk(n, func(x *elixir.Node) bool {
		if name != "" {
			return false
		}
		for _, fn := range readers {
			if x.IsRemote("System", fn, elixir.AnyArity) {
				name, _ = x.Arg(0).Str()
			}
		}
		return true
	})
	return name
}
