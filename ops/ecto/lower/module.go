package lower

import (
	"slices"
	"strings"

	"ops-console/ops/ecto/elixir"
)

// source is a file that was parsed, with what it defines.
type source struct {
	file    *elixir.File
	path    string
	modules []*module
	byName  map[string]*module
	aliases map[string]string // short name to full one; where in the file an alias holds is not kept
	schemas map[string]string // module to the table that its Ecto schema names
}

// module is a defmodule, with its functions in the order of the source.
type module struct {
	src     *source
	name    string
	node    *elixir.Node
	funcs   map[string][]function // by name
	attrs   map[string][]attribute
	uses    []use
	imports []string
}

// function is one clause of a function or macro.
type function struct {
	elixir.Def
	node  *elixir.Node
	macro bool
	least int  // arguments without those that have defaults
	maybe bool // defined under a condition that only compiling would decide
	mod   *module
}

// attribute is one @name value, and where it was set.
type attribute struct {
	value   *elixir.Node
	from    int32
	gathers bool // Module.register_attribute …, accumulate: true
}

// use is one `use Module, options`.
type use struct {
	module string
	opts   *elixir.Node
	node   *elixir.Node
}

func newSource(path string, src []byte) (*source, elixir.ErrorList) {
	file, errs := elixir.Parse(src, path)
	s := &source{file: file, path: path, byName: map[string]*module{}, aliases: map[string]string{}, schemas: map[string]string{}}
	for _, m := range file.Modules() {
		mod := &module{src: s, name: m.Name, node: m.Node, funcs: map[string][]function{}, attrs: map[string][]attribute{}}
		s.modules = append(s.modules, mod)
		if s.byName[m.Name] == nil {
			s.byName[m.Name] = mod
		}
		mod.read(m.Body)
		if outer, short, ok := cutLast(m.Name); ok && s.byName[outer] != nil {
			s.aliases[short] = m.Name
		}
	}
	return s, errs
}

// module by its full name; nil: the file does not define it.
func (s *source) module(name string) *module {
	if s == nil {
		return nil
	}
	return s.byName[name]
}

// cutLast takes the last segment off a module's name.
func cutLast(name string) (before, last string, ok bool) {
	i := strings.LastIndexByte(name, '.')
	if i < 0 {
		return "", name, false
	}
	return name[:i], name[i+1:], true
}

// read takes the body of a module apart.
func (m *module) read(body []*elixir.Node) {
	for _, n := range body {
		if d, ok := n.Def(); ok {
			m.define(n, d, false)
			continue
		}
		if name, v, ok := n.Attribute(); ok {
			m.attrs[name] = append(m.attrs[name], attribute{value: v, from: n.From})
			continue
		}
		switch {
		case n.IsCall("use", elixir.AnyArity):
			if name, ok := n.Arg(0).Module(); ok {
				m.uses = append(m.uses, use{name, n.Options(), n})
			}
		case n.IsCall("import", elixir.AnyArity):
			if name, ok := n.Arg(0).Module(); ok {
				m.imports = append(m.imports, m.src.resolve(m.name, name))
			}
		case n.IsCall("schema", 2):
			if table, ok := n.Arg(0).Str(); ok {
				m.src.schemas[m.name] = table
			}
		case n.IsCall("defmodule", 2):
		case n.IsRemote("Module", "register_attribute", 3):
			if len(n.Args) == 3 && n.Args[1].Kind == elixir.Atom {
				yes, _ := n.Args[2].Key("accumulate").Bool()
				m.attrs[n.Args[1].Text] = append(m.attrs[n.Args[1].Text], attribute{gathers: yes, from: n.From})
			}
		case n.HasDo():
			m.maybe(n)
		default:
			m.scan(n)
		}
	}
}

func (m *module) define(n *elixir.Node, d elixir.Def, maybe bool) {
	f := function{Def: d, node: n, mod: m, macro: strings.HasPrefix(d.Kind, "defmacro"), maybe: maybe}
	for _, a := range d.Args {
		if !a.IsCall(`\\`, 2) {
			f.least++
		}
	}
	m.funcs[d.Name] = append(m.funcs[d.Name], f)
	m.scan(d.Body)
}

// maybe reads definitions within an if or the like, of which none is sure.
func (m *module) maybe(n *elixir.Node) {
	found := false
	elixir.Walk(n, func(n *elixir.Node) bool {
		d, ok := n.Def()
		if ok {
			found = true
			m.define(n, d, true)
		}
		return !ok && !n.IsCall("quote", elixir.AnyArity) && !n.IsCall("defmodule", elixir.AnyArity)
	})
	if !found {
		m.scan(n)
	}
}

// scan looks for aliases and imports.
func (m *module) scan(n *elixir.Node) {
	elixir.Walk(n, func(n *elixir.Node) bool {
		switch {
		case n.IsCall("alias", elixir.AnyArity):
			m.src.alias(m.name, n)
			return false
		case n.IsCall("import", elixir.AnyArity):
			if name, ok := n.Arg(0).Module(); ok {
				m.imports = append(m.imports, m.src.resolve(m.name, name))
			}
			return false
		case n.IsCall("quote", elixir.AnyArity):
			return false
		}
		return true
	})
}

// alias reads alias A.B, alias A.B, as: C and alias A.{B, C}.
func (s *source) alias(mod string, n *elixir.Node) {
	target := n.Arg(0)
	if name, ok := target.Module(); ok {
		name = s.resolve(mod, name)
		_, short, _ := cutLast(name)
		if as, ok := n.Option("as").Module(); ok {
			short = as
		}
		s.aliases[short] = name
		return
	}
	left, name, ok := target.Remote()
	base, isModule := left.Module()
	if !ok || name != "{}" || !isModule {
		return
	}
	for _, a := range target.Args {
		if rest, ok := a.Module(); ok {
			full := s.resolve(mod, base) + "." + rest
			_, short, _ := cutLast(full)
			s.aliases[short] = full
		}
	}
}

// resolve is the full name of a module as it is written within another.
func (s *source) resolve(mod, name string) string {
	first, rest, more := strings.Cut(name, ".")
	switch full, ok := s.aliases[first]; {
	case first == "__MODULE__":
		first = mod
	case ok && full != first:
		first = full
	}
	if more {
		return first + "." + rest
	}
	return first
}

// imported says whether the module imports another.
func (m *module) imported(name string) bool { return slices.Contains(m.imports, name) }

// calls is the clauses of a function that take so many arguments.
func (m *module) calls(name string, arity int) []function {
	var out []function
	for _, f := range m.funcs[name] {
		if f.least <= arity && arity <= len(f.Args) {
			out = append(out, f)
		}
	}
	return out
}

// attribute is the value that @name has at an offset of the source.
func (m *module) attribute(name string, at int32) (values []*elixir.Node, gathers bool) {
	for _, a := range m.attrs[name] {
		switch {
		case a.value == nil:
			gathers = a.gathers
		case a.from >= at:
		case gathers:
			values = append([]*elixir.Node{a.value}, values...)
		default:
			values = []*elixir.Node{a.value}
		}
	}
	return values, gathers
}
