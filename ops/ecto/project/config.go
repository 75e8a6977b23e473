package project

import (
	"fmt"
	"path"
	"path/filepath"
	"sort"
	"strings"

	"ops-console/ops/ecto"
	"ops-console/ops/ecto/elixir"
)

const (
	maxImports = 200   // files of one configuration
	maxSteps   = 50000 // expressions of one configuration, loops counted as often as they run
	maxMerge   = 5_000_000
)

// configuration is what config/*.exs say in one environment, without running them.
type configuration struct {
	env    string
	values map[string]map[string]value // by app, then by key: an atom's name or a module's
	files  map[string]bool             // that were read, relative to the project

	steps  int
	budget int // pairs that may still be compared in joining keyword lists
	open   *opening
	seen   map[string]bool // what was noted already
}

func newConfiguration(o *opening, env string) *configuration {
	return &configuration{
		env: env, open: o, budget: maxMerge,
		values: map[string]map[string]value{}, files: map[string]bool{}, seen: map[string]bool{},
	}
}

// read evaluates one file and what it imports. A file that is not there is no mistake of the reader's: it is a note
// where another file imports it.
func (c *configuration) read(p string, from *scope) {
	if c.files[p] || len(c.files) >= maxImports {
		return
	}
	src, err := c.open.readFile(p)
	if err != nil {
		if from != nil {
			c.note(from.path, ecto.Span{}, "config-missing", fmt.Sprintf("it imports %s, which is not here: what that one says is not known", clean(path.Base(p))))
		}
		return
	}
	c.files[p] = true
	f, errs := elixir.Parse(src, p)
	for _, e := range errs {
		c.note(p, ecto.Span{Line: int(e.Line), Column: int(e.Column)}, "parse-error", "this part of the configuration cannot be read: "+e.Msg)
	}
	s := scope{file: f, path: p, env: c.env, vars: map[string]value{}, aliases: map[string]string{}}
	c.block(&s, f.Exprs())
}

// block goes through expressions in order; variables and aliases hold until its end.
func (c *configuration) block(s *scope, exprs []*elixir.Node) {
	for _, n := range exprs {
		if c.steps++; c.steps > maxSteps {
			return
		}
		c.statement(s, n)
	}
}

func (c *configuration) statement(s *scope, n *elixir.Node) {
	switch {
	case n.IsCall("config", 2), n.IsCall("config", 3):
		c.config(s, n)
	case n.IsCall("import_config", 1):
		c.imports(s, n)
	case n.IsCall("alias", 1), n.IsCall("alias", 2):
		s.alias(n)
	case n.IsCall("=", 2):
		if left := n.Args[0]; left.Kind == elixir.Var {
			*s = s.with(left.Text, s.eval(n.Args[1]))
		}
	case n.IsCall("if", elixir.AnyArity), n.IsCall("unless", elixir.AnyArity):
		c.branch(s, n)
	case n.IsCall("case", elixir.AnyArity), n.IsCall("cond", elixir.AnyArity):
		c.clauses(s, n)
	case n.IsCall("for", elixir.AnyArity):
		c.loop(s, n.Positional(), n.Section("do"))
	case n.IsRemote("Enum", "each", 2):
		c.each(s, n)
	case n.IsBlock():
		c.block(s, n.Exprs())
	}
}

// config is config :app, key: value and config :app, Key, value.
func (c *configuration) config(s *scope, n *elixir.Node) {
	app := s.eval(n.Args[0])
	if app.kind != atom {
		return
	}
	set := func(key string, v value) {
		if c.values[app.text] == nil {
			c.values[app.text] = map[string]value{}
		}
		old, ok := c.values[app.text][key]
		if ok {
			v = merge(old, v, &c.budget)
		}
		c.values[app.text][key] = v
	}
	last := s.eval(n.Args[len(n.Args)-1])
	if len(n.Args) == 2 {
		for _, p := range last.pairs {
			set(p.key, p.value)
		}
		return
	}
	if key := s.eval(n.Args[1]); key.kind == atom || key.kind == module {
		set(key.text, last)
	}
}

// imports is import_config, whose path can have the environment in it, and * for the apps of an umbrella.
func (c *configuration) imports(s *scope, n *elixir.Node) {
	name, ok := c.path(*s, n.Args[0])
	if !ok {
		c.note(s.path, s.span(n), "config-unknown", "which file this imports is only known when it runs")
		return
	}
	p := path.Join(path.Dir(s.path), name)
	if !strings.ContainsAny(name, "*?{[") {
		c.read(p, s)
		return
	}
	found, err := filepath.Glob(c.open.abs(p))
	if err != nil {
		return
	}
	sort.Strings(found)
	for _, f := range found {
		if rel, err := filepath.Rel(c.open.dir, f); err == nil {
			c.read(filepath.ToSlash(rel), s)
		}
	}
}

// path is a string in which the environment's name may be interpolated.
func (c *configuration) path(s scope, n *elixir.Node) (string, bool) {
	parts, ok := n.Parts()
	if !ok {
		v := s.eval(n)
		return v.text, v.kind == text
	}
	var b strings.Builder
	for _, p := range parts {
		t, ok := p.Str()
		if !ok {
			if v := s.eval(p); v.kind == atom || v.kind == text {
				t, ok = v.text, true
			}
		}
		if !ok {
			return "", false
		}
		b.WriteString(t)
	}
	return b.String(), true
}

// branch follows an if whose condition is about the environment, and both sides of any other, marked as perhaps.
func (c *configuration) branch(s *scope, n *elixir.Node) {
	yes, known := s.holds(n.Arg(0))
	if n.Name() == "unless" {
		yes = !yes
	}
	for _, part := range []string{"do", "else"} {
		section := n.Section(part)
		if section == nil || known && yes != (part == "do") {
			continue
		}
		inner := *s
		inner.maybe = s.maybe || !known
		c.block(&inner, section.Exprs())
	}
}

// clauses follows case config_env() do … and takes the sides of any other case or cond as possible.
func (c *configuration) clauses(s *scope, n *elixir.Node) {
	subject := value{}
	if n.Name() == "case" {
		subject = s.eval(n.Arg(0))
	}
	for _, cl := range n.Section("do").Clauses() {
		inner := *s
		inner.maybe = true
		if subject.kind != unknown && len(cl.Args) == 1 && cl.Guard == nil {
			pattern := s.eval(cl.Args[0])
			switch {
			case pattern.kind == subject.kind && pattern.text == subject.text, cl.Args[0].Kind == elixir.Var:
				inner.maybe = s.maybe
				c.block(&inner, cl.Body.Exprs())
				return
			case pattern.kind != unknown:
				continue
			}
		}
		c.block(&inner, cl.Body.Exprs())
	}
}

// loop unrolls for x <- [A, B], do: ….
func (c *configuration) loop(s *scope, args []*elixir.Node, body *elixir.Node) {
	if len(args) != 1 || body == nil || !args[0].IsCall("<-", 2) || args[0].Arg(0).Kind != elixir.Var {
		return
	}
	c.unroll(s, args[0].Arg(0).Text, s.eval(args[0].Arg(1)), body)
}

// each unrolls Enum.each([A, B], fn x -> … end).
func (c *configuration) each(s *scope, n *elixir.Node) {
	clauses := n.Args[1].Clauses()
	if len(clauses) != 1 || len(clauses[0].Args) != 1 || clauses[0].Args[0].Kind != elixir.Var {
		return
	}
	c.unroll(s, clauses[0].Args[0].Text, s.eval(n.Args[0]), clauses[0].Body)
}

func (c *configuration) unroll(s *scope, name string, over value, body *elixir.Node) {
	for _, v := range over.items {
		inner := s.with(name, v)
		c.block(&inner, body.Exprs())
	}
}

// note says something once.
func (c *configuration) note(p string, at ecto.Span, code, txt string) {
	key := p + code + txt
	if c.seen[key] {
		return
	}
	c.seen[key] = true
	c.open.notes = append(c.open.notes, Note{Path: p, Note: ecto.Note{At: at, Code: code, Text: txt}})
}
