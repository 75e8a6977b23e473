package lower

import (
	"ops-console/ops/ecto/elixir"
)

type form func(m *machine, e *env, n *elixir.Node) value

// forms are what Elixir evaluates in its own way, by name.
var forms map[string]form

func init() {
	forms = map[string]form{
		"__block__":   func(m *machine, e *env, n *elixir.Node) value { return m.block(e, n.Args) },
		"__aliases__": (*machine).aliases,
		"=":           (*machine).assign,
		"|>":          (*machine).pipe,
		"@":           (*machine).attribute,
		"<<>>":        (*machine).binary,
		"{}":          func(m *machine, e *env, n *elixir.Node) value { return m.weighed(tuple(m.evalAll(e, n.Args))) },
		"%{}":         (*machine).mapping,
		"%":           (*machine).structure,
		"if":          (*machine).when,
		"unless":      (*machine).when,
		"case":        func(m *machine, e *env, n *elixir.Node) value { return m.choose(e, n, nil) },
		"cond":        (*machine).cond,
		"with":        (*machine).with,
		"for":         (*machine).loop,
		"try":         (*machine).try,
		"fn":          (*machine).fn,
		"&":           (*machine).capture,
		"quote":       func(_ *machine, e *env, n *elixir.Node) value { return quoted{n.Section("do"), e} },
		"unquote":     (*machine).insert,
		"raise":       (*machine).raise,
		"throw":       (*machine).raise,
		"exit":        (*machine).raise,
		"&&":          (*machine).either,
		"||":          (*machine).either,
		"and":         (*machine).either,
		"or":          (*machine).either,
		"alias":       (*machine).nothing,
		"import":      (*machine).nothing,
		"require":     (*machine).nothing,
		"use":         (*machine).nothing,
		"from":        (*machine).query,
	}
}

func (m *machine) nothing(*env, *elixir.Node) value { return null }

func (m *machine) aliases(e *env, n *elixir.Node) value {
	name, ok := n.Module()
	if !ok {
		return m.unknown(e, n)
	}
	return alias(e.src.resolve(e.mod.name, name))
}

// assign is pattern = value.
func (m *machine) assign(e *env, n *elixir.Node) value {
	if len(n.Args) != 2 {
		return m.unknown(e, n)
	}
	v := m.eval(e, n.Args[1])
	m.match(e, n.Args[0], v)
	return v
}

// attribute is @name, and @name value within a function, which is an error that Elixir finds.
func (m *machine) attribute(e *env, n *elixir.Node) value {
	name, ok := n.AttributeRef()
	if !ok {
		return null
	}
	values, gathers := e.mod.attribute(name, n.From)
	if len(values) == 0 && !gathers {
		return m.unknown(e, n)
	}
	if m.calls > mostCalls {
		return m.unknown(e, n)
	}
	m.calls++
	defer func() { m.calls-- }()
	outer := &env{src: e.mod.src, mod: e.mod, vars: &scope{}, outer: e.outer}
	if gathers {
		return list(m.evalAll(outer, values))
	}
	return m.eval(outer, values[0])
}

// binary is a string with interpolation; a bitstring is not followed.
func (m *machine) binary(e *env, n *elixir.Node) value {
	if parts, ok := n.Parts(); ok {
		return m.interpolate(e, parts)
	}
	return m.unknown(e, n)
}

func (m *machine) mapping(e *env, n *elixir.Node) value {
	out := &mapping{}
	items := n.Args
	if len(items) == 1 && items[0].IsCall("|", 2) {
		base, ok := m.eval(e, items[0].Args[0]).(*mapping)
		if !ok {
			return m.unknown(e, n)
		}
		out, items = base, items[0].Args[1].Args
	}
	for _, a := range items {
		if a.Kind != elixir.Tuple {
			return m.unknown(e, n)
		}
		k, v := m.eval(e, a.Args[0]), m.eval(e, a.Args[1])
		if len(out.pairs) > mostKeys {
			return m.unknown(e, n)
		}
		out = out.put(k, v)
	}
	return m.weighed(out)
}

// structure is %Name{}: what is in it is looked at, what it is stays unknown.
func (m *machine) structure(e *env, n *elixir.Node) value {
	if len(n.Args) == 2 {
		m.eval(e, n.Args[1])
	}
	return m.unknown(e, n)
}

// when is if and unless.
func (m *machine) when(e *env, n *elixir.Node) value {
	if n.Arg(0) == nil {
		return m.unknown(e, n)
	}
	inner := e.inner()
	then, other := n.Section("do"), n.Section("else")
	if n.Text == "unless" {
		then, other = other, then
	}
	pass, ok := truthy(m.eval(inner, n.Arg(0)))
	switch {
	case ok && pass:
		return m.block(inner, then.Exprs())
	case ok:
		return m.block(inner, other.Exprs())
	}
	m.under(marks{conditional: true}, func() { m.block(inner.inner(), then.Exprs()) })
	m.under(marks{conditional: true}, func() { m.block(inner.inner(), other.Exprs()) })
	return m.unknown(e, n)
}

// choose is case; a pipeline may give its subject.
func (m *machine) choose(e *env, n *elixir.Node, subject value) value {
	if subject == nil {
		if n.Arg(0) == nil {
			return m.unknown(e, n)
		}
		subject = m.eval(e, n.Arg(0))
	}
	return m.take(clauses(n.Section("do").Clauses(), e), []value{subject}, m.unknown(e, n))
}

func clauses(cc []elixir.Clause, e *env) []clause {
	out := make([]clause, len(cc))
	for i, c := range cc {
		out[i] = clause{args: c.Args, guard: c.Guard, body: c.Body, env: e}
	}
	return out
}

func (m *machine) cond(e *env, n *elixir.Node) value {
	sure := true
	for _, c := range n.Section("do").Clauses() {
		if len(c.Args) != 1 {
			continue
		}
		inner := e.inner()
		pass, ok := truthy(m.eval(inner, c.Args[0]))
		switch {
		case ok && !pass:
			continue
		case ok && sure:
			return m.block(inner, c.Body.Exprs())
		}
		sure = false
		m.under(marks{conditional: true}, func() { m.block(inner, c.Body.Exprs()) })
		if ok {
			break
		}
	}
	return m.unknown(e, n)
}

func (m *machine) with(e *env, n *elixir.Node) value {
	inner, sure := e.inner(), true
	for _, a := range n.Positional() {
		if !a.IsCall("<-", 2) {
			m.eval(inner, a)
			continue
		}
		p := a.Args[0]
		if p.IsCall("when", 2) {
			p = p.Args[0]
		}
		switch m.match(inner, p, m.eval(inner, a.Args[1])) {
		case no:
			return m.unknown(e, n)
		case maybe:
			sure = false
		}
	}
	if sure {
		return m.block(inner, n.Body())
	}
	m.under(marks{conditional: true}, func() { m.block(inner, n.Body()) })
	for _, c := range n.Section("else").Clauses() {
		way := e.inner()
		for _, p := range c.Args {
			m.forget(way, p)
		}
		m.under(marks{conditional: true}, func() { m.block(way, c.Body.Exprs()) })
	}
	return m.unknown(e, n)
}

func (m *machine) try(e *env, n *elixir.Node) value {
	v := m.block(e.inner(), n.Body())
	for _, name := range []string{"rescue", "catch", "else"} {
		for _, c := range n.Section(name).Clauses() {
			way := e.inner()
			for _, p := range c.Args {
				m.forget(way, p)
			}
			m.under(marks{conditional: true}, func() { m.block(way, c.Body.Exprs()) })
		}
	}
	m.block(e.inner(), n.Section("after").Exprs())
	return v
}

// loop is for: unrolled where what it goes over is known, gone through once where it is not.
func (m *machine) loop(e *env, n *elixir.Node) value {
	var out list
	whole := true
	body := n.Section("do")
	reduce := n.Option("reduce")
	var acc value = null
	if reduce != nil {
		acc = m.eval(e, reduce)
	}
	var run func(e *env, clauses []*elixir.Node)
	run = func(inner *env, rest []*elixir.Node) {
		if m.stopped {
			return
		}
		if len(rest) == 0 {
			if reduce != nil {
				acc = m.take(clauses(body.Clauses(), inner), []value{acc}, m.unknown(e, n))
				return
			}
			out = append(out, m.block(inner.inner(), body.Exprs()))
			return
		}
		first, rest := rest[0], rest[1:]
		if !first.IsCall("<-", 2) {
			scoped := inner.inner()
			pass, ok := truthy(m.eval(scoped, first))
			switch {
			case ok && !pass:
			case ok:
				run(scoped, rest)
			default:
				whole = false
				m.under(marks{conditional: true}, func() { run(scoped, rest) })
			}
			return
		}
		over := m.eval(inner, first.Args[1])
		p, guard := first.Args[0], (*elixir.Node)(nil)
		if p.IsCall("when", 2) {
			p, guard = p.Args[0], p.Args[1]
		}
		items, ok := elements(over)
		if !ok {
			whole = false
			scoped := inner.inner()
			m.forget(scoped, p)
			m.under(marks{repeated: true}, func() { run(scoped, rest) })
			return
		}
		for _, v := range items {
			scoped := inner.inner()
			r := m.match(scoped, p, v)
			if r != no && guard != nil {
				if pass, ok := truthy(m.eval(scoped, guard)); ok && !pass {
					r = no
				} else if !ok {
					r = maybe
				}
			}
			switch r {
			case yes:
				run(scoped, rest)
			case maybe:
				whole = false
				m.under(marks{conditional: true}, func() { run(scoped, rest) })
			}
		}
	}
	run(e.inner(), n.Positional())
	switch {
	case reduce != nil && whole:
		return acc
	case whole && n.Option("into") == nil && len(out) <= mostElements:
		return out
	}
	return m.unknown(e, n)
}

// elements is what a loop goes over.
func elements(v value) ([]value, bool) {
	switch v := v.(type) {
	case list:
		return v, true
	case *mapping:
		out := make([]value, len(v.pairs))
		for i, p := range v.pairs {
			out[i] = p
		}
		return out, true
	case ranging:
		var out []value
		for i := v.first; v.step > 0 && i <= v.last || v.step < 0 && i >= v.last; i += v.step {
			if len(out) == mostElements {
				return nil, false
			}
			out = append(out, integer(i))
		}
		return out, true
	}
	return nil, false
}

func (m *machine) fn(e *env, n *elixir.Node) value {
	return &closure{clauses: n.Clauses(), env: e}
}

// capture is &name/1, &Module.name/1 and &(… &1 …); and &1 itself.
func (m *machine) capture(e *env, n *elixir.Node) value {
	if len(n.Args) != 1 {
		return m.unknown(e, n)
	}
	a := n.Args[0]
	if a.Kind == elixir.Int {
		if v, ok := e.vars.get("&" + a.Text); ok {
			return v
		}
		return m.unknown(e, n)
	}
	if a.IsCall("/", 2) {
		if arity, ok := a.Args[1].Int(); ok && arity >= 0 && arity < 256 {
			f := a.Args[0]
			if f.Kind == elixir.Var {
				return &closure{name: f.Text, arity: int(arity), env: e, node: n}
			}
			if left, name, ok := f.Remote(); ok {
				if mod, ok := left.Module(); ok {
					return &closure{name: name, module: e.src.resolve(e.mod.name, mod), arity: int(arity), env: e, node: n}
				}
			}
		}
	}
	return &closure{capture: a, env: e}
}

// insert is unquote within the quote of a macro that is followed.
func (m *machine) insert(e *env, n *elixir.Node) value {
	if e.macro == nil || len(n.Args) != 1 {
		return m.unknown(e, n)
	}
	return m.unquote(m.eval(e.macro, n.Args[0]))
}

// unquote is what a syntax tree stands for where it is put.
func (m *machine) unquote(v value) value {
	if q, ok := v.(quoted); ok {
		return m.block(q.env, q.node.Exprs())
	}
	return v
}

// raise ends the migration, if nothing decides whether it is reached.
func (m *machine) raise(e *env, n *elixir.Node) value {
	if m.marks != (marks{}) || m.deferred {
		return null
	}
	m.stopped = true
	m.raises = append(m.raises, noteOf(e.at(n), "raises", "it raises here: "+e.source(n)))
	return null
}

// either is && and ||, and and or.
func (m *machine) either(e *env, n *elixir.Node) value {
	if len(n.Args) != 2 {
		return m.unknown(e, n)
	}
	left := m.eval(e, n.Args[0])
	pass, ok := truthy(left)
	and := n.Text == "&&" || n.Text == "and"
	switch {
	case !ok:
		m.under(marks{conditional: true}, func() { m.eval(e, n.Args[1]) })
		return m.unknown(e, n)
	case pass == and:
		return m.eval(e, n.Args[1])
	}
	return left
}
