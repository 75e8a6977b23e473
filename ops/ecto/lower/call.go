package lower

import (
	"slices"
	"strings"

	"ops-console/ops/ecto"
	"ops-console/ops/ecto/elixir"
)

// local is the call of a function by its plain name: the module's own, an operator, one of Ecto.Migration, of Kernel, or
// one that is imported.
func (m *machine) local(e *env, n *elixir.Node, name string, nodes []*elixir.Node, piped []value) value {
	arity := len(nodes) + len(piped)
	if ff := e.mod.calls(name, arity); len(ff) > 0 {
		if ff[0].macro {
			return m.expand(e, n, ff, nodes, piped)
		}
		return m.invoke(e, head(e, n), ff, append(piped, m.evalAll(e, nodes)...), m.unknown(e, n))
	}
	if f := verbs[name]; f != nil {
		return f(m, e, n, append(piped, m.evalAll(e, nodes)...))
	}
	if f := kernel[name]; f != nil {
		args := append(piped, m.evalAll(e, nodes)...)
		if v, ok := m.fold(f, args); ok {
			return v
		}
		m.discover(args, marks{conditional: true})
		return m.unknown(e, n)
	}
	for _, imported := range e.mod.imports {
		other := m.module(e, imported)
		if other == nil {
			continue
		}
		if ff := other.calls(name, arity); len(ff) > 0 {
			if ff[0].macro {
				return m.expand(e, n, ff, nodes, piped)
			}
			return m.invoke(e, head(e, n), ff, append(piped, m.evalAll(e, nodes)...), m.unknown(e, n))
		}
	}
	if _, ok := narrowing[name]; ok && e.mod.imported("Ecto.Query") {
		return m.narrow(e, n, name, nodes, piped)
	}
	args := append(piped, m.evalAll(e, nodes)...)
	if e.mod.imported("Ecto.Changeset") && changes(name) {
		return m.unknown(e, n)
	}
	if n.Kind == elixir.Var && len(piped) == 0 {
		return m.unknown(e, n) // a variable of something that is not followed: Elixir takes it for no call
	}
	m.foreign(e, n, "", name, args)
	return m.unknown(e, n)
}

// module finds a module in the same file, or in one that the settings name.
func (m *machine) module(e *env, name string) *module {
	if mod := e.src.byName[name]; mod != nil {
		return mod
	}
	if e.src != m.src {
		if mod := m.src.byName[name]; mod != nil {
			return mod
		}
	}
	if quiet(name) || m.isRepo(name) {
		return nil
	}
	return m.low.module(m.path, name)
}

// enter is the scope of another function: nothing of the caller's is seen, but the place where code of another file was
// called from.
func (m *machine) enter(e *env, mod *module, at ecto.Span) *env {
	inner := &env{src: mod.src, mod: mod, vars: &scope{}}
	switch {
	case mod.src == m.src:
	case e.outer != nil:
		inner.outer = e.outer
	default:
		inner.outer = &at
	}
	return inner
}

// invoke calls a function with clauses in the source.
func (m *machine) invoke(e *env, at ecto.Span, ff []function, args []value, otherwise value) value {
	if m.calls >= mostCalls {
		return otherwise
	}
	m.calls++
	defer func() { m.calls-- }()
	cc := make([]clause, 0, len(ff))
	var vv []value
	for _, f := range ff {
		inner := m.enter(e, f.mod, at)
		if f.Body == nil && len(ff) > 1 {
			continue
		}
		// Arguments that have defaults are left out from the right.
		vv = args
		if missing := len(f.Args) - len(args); missing > 0 {
			vv = m.fill(inner, ff, f, args, missing)
		}
		cc = append(cc, clause{f.Args, f.Guard, f.Body, inner, f.maybe})
	}
	return m.take(cc, vv, otherwise)
}

// fill puts defaults in the place of arguments that were not given: the first of them that have one are given first.
func (m *machine) fill(e *env, ff []function, f function, args []value, missing int) []value {
	head := f
	for _, g := range ff {
		if len(g.Args) == len(f.Args) && g.least < len(g.Args) {
			head = g
		}
	}
	given := len(head.Args) - head.least - missing // how many of those with defaults are given
	var out []value
	for _, a := range head.Args {
		switch {
		case a.IsCall(`\\`, 2) && given <= 0:
			out = append(out, m.eval(e, a.Args[1]))
			continue
		case a.IsCall(`\\`, 2):
			given--
		}
		if len(args) == 0 {
			out = append(out, null)
			continue
		}
		out = append(out, args[0])
		args = args[1:]
	}
	return out
}

// expand calls a macro, and evaluates what it gives where it was called.
func (m *machine) expand(e *env, n *elixir.Node, ff []function, nodes []*elixir.Node, piped []value) value {
	args := slices.Clone(piped)
	for _, a := range nodes {
		args = append(args, quote(a, e))
	}
	v := m.invoke(e, head(e, n), ff, args, m.unknown(e, n))
	q, ok := v.(quoted)
	if !ok {
		return v
	}
	if m.calls >= mostCalls {
		return m.unknown(e, n)
	}
	m.calls++
	defer func() { m.calls-- }()
	inner := q.env.inner()
	inner.macro = q.env
	return m.block(inner, q.node.Exprs())
}

// quote is the syntax tree of an argument: literals are their own.
func quote(n *elixir.Node, e *env) value {
	switch n.Kind {
	case elixir.Atom:
		return atom(n.Text)
	case elixir.String:
		return literal(n)
	case elixir.Int:
		if i := n.BigInt(); i != nil {
			return i
		}
	case elixir.List:
		out := make(list, len(n.Args))
		for i, a := range n.Args {
			out[i] = quote(a, e)
		}
		return out
	case elixir.Tuple:
		return tuple{quote(n.Args[0], e), quote(n.Args[1], e)}
	}
	return quoted{n, e}
}

// apply calls an anonymous function.
func (m *machine) apply(c *closure, args []value) value {
	if m.calls >= mostCalls {
		return unknown{text: "…"}
	}
	m.calls++
	defer func() { m.calls-- }()
	switch {
	case c.capture != nil:
		inner := c.env.inner()
		for i, a := range args {
			inner.vars.set("&"+integer(int64(i+1)).(interface{ String() string }).String(), a)
		}
		return m.eval(inner, c.capture)
	case c.module != "":
		if mod := m.module(c.env, c.module); mod != nil {
			if ff := mod.calls(c.name, len(args)); len(ff) > 0 && !ff[0].macro {
				return m.invoke(c.env, c.env.at(c.node), ff, args, unknown{text: "&" + c.module + "." + c.name})
			}
		}
		if f := functions[c.module+"."+c.name]; f != nil {
			if v, ok := m.fold(f, args); ok {
				return v
			}
		}
		return unknown{text: "&" + c.module + "." + c.name}
	case c.name != "":
		if ff := c.env.mod.calls(c.name, len(args)); len(ff) > 0 && !ff[0].macro {
			return m.invoke(c.env, c.env.at(c.node), ff, args, unknown{text: "&" + c.name})
		}
		if f := verbs[c.name]; f != nil {
			called := *c.node
			called.Kind, called.Fun, called.Text = elixir.Call, nil, c.name
			return f(m, c.env, &called, args)
		}
		if f := kernel[c.name]; f != nil {
			if v, ok := m.fold(f, args); ok {
				return v
			}
		}
		return unknown{text: "&" + c.name}
	}
	return m.take(clauses(c.clauses, c.env), args, unknown{text: "fn"})
}

// discover goes through functions that something calls of which it is not known how.
func (m *machine) discover(args []value, k marks) {
	for _, a := range args {
		c, ok := a.(*closure)
		if !ok {
			continue
		}
		arity := c.arity
		if len(c.clauses) > 0 {
			arity = len(c.clauses[0].Args)
		}
		if c.capture != nil {
			arity = 2
		}
		vv := make([]value, arity)
		for i := range vv {
			vv[i] = unknown{text: "…"}
		}
		m.under(k, func() { m.apply(c, vv) })
	}
}

// remote is Module.function(…), or value.field.
func (m *machine) remote(e *env, n *elixir.Node, left *elixir.Node, name string, piped []value) value {
	if name == "{}" {
		return m.unknown(e, n)
	}
	target := m.eval(e, left)
	switch t := target.(type) {
	case alias:
		return m.remoteCall(e, n, string(t), name, piped)
	case atom:
		return m.remoteCall(e, n, ":"+string(t), name, piped)
	case own:
		if t == "repo" {
			return m.repoCall(e, n, name, append(piped, m.evalAll(e, n.Args)...))
		}
	case *mapping:
		if v, ok := t.get(atom(name)); ok && len(n.Args) == 0 {
			return v
		}
	case *object:
		if v, ok := t.field(name); ok && len(n.Args) == 0 {
			return v
		}
	}
	m.discover(append(piped, m.evalAll(e, n.Args)...), marks{conditional: true})
	return m.unknown(e, n)
}

func (m *machine) remoteCall(e *env, n *elixir.Node, module, name string, piped []value) value {
	if module == "Ecto.Migration" || module == "Kernel" {
		if f := blocks[name]; f != nil && n.HasDo() {
			return f(m, e, n, piped)
		}
		return m.local(e, n, name, n.Args, piped)
	}
	args := piped
	if mod := m.module(e, module); mod != nil {
		if ff := mod.calls(name, len(n.Args)+len(piped)); len(ff) > 0 {
			if ff[0].macro {
				return m.expand(e, n, ff, n.Args, piped)
			}
			return m.invoke(e, head(e, n), ff, append(args, m.evalAll(e, n.Args)...), m.unknown(e, n))
		}
	}
	if module == "Ecto.Query" {
		if name == "from" {
			return m.query(e, n)
		}
		return m.narrow(e, n, name, n.Args, piped)
	}
	args = append(args, m.evalAll(e, n.Args)...)
	if f := functions[module+"."+name]; f != nil {
		if v, ok := m.fold(f, args); ok {
			return v
		}
		m.discover(args, marks{repeated: true})
		return m.unknown(e, n)
	}
	if module == "Ecto.Adapters.SQL" && len(args) > 0 {
		return m.repoCall(e, n, name, args[1:])
	}
	if m.isRepo(module) {
		return m.repoCall(e, n, name, args)
	}
	if v, ok := m.readFile(e, module, name, args); ok {
		return v
	}
	if quiet(module) {
		m.discover(args, marks{repeated: true})
		return m.unknown(e, n)
	}
	m.foreign(e, n, module, name, args)
	return m.unknown(e, n)
}

// isRepo says whether a module looks like a repo.
func (m *machine) isRepo(module string) bool {
	_, last, _ := cutLast(module)
	return strings.HasSuffix(last, "Repo") || module == m.low.Settings.MigrationRepo
}

// changes says whether a name is a function of Ecto.Changeset.
func changes(name string) bool {
	return strings.HasPrefix(name, "cast") || strings.HasPrefix(name, "validate_") || strings.HasPrefix(name, "put_") ||
		strings.HasSuffix(name, "_constraint") || strings.HasPrefix(name, "change") || strings.HasPrefix(name, "get_") || strings.HasPrefix(name, "apply_")
}

// quiet says whether a module is one of Elixir's or Erlang's own, or a library's that touches no database.
func quiet(module string) bool {
	if strings.HasPrefix(module, ":") {
		return true
	}
	first, _, _ := strings.Cut(module, ".")
	return libraries[first]
}

var libraries = map[string]bool{
	"Access": true, "Agent": true, "Application": true, "Atom": true, "Base": true, "Bitwise": true, "Calendar": true, "Code": true,
	"Config": true, "Date": true, "DateTime": true, "Decimal": true, "Ecto": true, "Enum": true, "Exception": true, "File": true, "Float": true,
	"Function": true, "GenServer": true, "IO": true, "Inspect": true, "Integer": true, "Jason": true, "Kernel": true, "Keyword": true,
	"List": true, "Logger": true, "Macro": true, "Map": true, "MapSet": true, "Mix": true, "Module": true, "NaiveDateTime": true,
	"Node": true, "Path": true, "Poison": true, "Process": true, "Range": true, "Regex": true, "Registry": true, "Stream": true, "String": true,
	"Supervisor": true, "System": true, "Task": true, "Time": true, "Timex": true, "Tuple": true, "URI": true, "UUID": true, "Version": true,
	"Faker": true, "Postgrex": true, "DBConnection": true, "Ecto.UUID": true,
}

// foreign is a call of what is not in reach: it may do anything.
func (m *machine) foreign(e *env, n *elixir.Node, module, name string, args []value) {
	for _, a := range args {
		if o, ok := a.(*object); ok {
			o.used = true
		}
	}
	m.queue(&command{
		ops: []ecto.Operation{{Kind: ecto.ModuleCall, Name: ecto.Name{Prefix: module, Name: name}, Text: e.source(n)}},
		at:  e.at(n), immediate: !m.deferred,
	})
	m.discover(args, marks{conditional: true})
}

func noteOf(at ecto.Span, code, text string) ecto.Note {
	return ecto.Note{At: at, Code: code, Text: text}
}
