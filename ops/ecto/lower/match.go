package lower

import (
	"strings"

	"ops-console/ops/ecto/elixir"
)

// verdict is whether a value matches a pattern.
type verdict int

const (
	no verdict = iota
	maybe
	yes
)

// match binds the variables of a pattern in e.
func (m *machine) match(e *env, p *elixir.Node, v value) verdict {
	switch p.Kind {
	case elixir.Var:
		if p.Text != "_" {
			e.vars.set(p.Text, v)
		}
		return yes
	case elixir.List:
		return m.matchList(e, p, v)
	case elixir.Tuple:
		return m.matchTuple(e, p, p.Args, v)
	case elixir.Atom, elixir.Int, elixir.Float, elixir.String, elixir.Charlist:
		return verdictOf(equal(m.eval(e, p), v))
	}
	switch {
	case p.IsCall("=", 2):
		return min(m.match(e, p.Args[0], v), m.match(e, p.Args[1], v))
	case p.IsCall("{}", elixir.AnyArity):
		return m.matchTuple(e, p, p.Args, v)
	case p.IsCall("%{}", elixir.AnyArity):
		return m.matchMap(e, p, v)
	case p.IsCall("^", 1), p.IsCall("@", 1), p.IsCall("__aliases__", elixir.AnyArity), p.IsCall("-", 1):
		if p.IsCall("^", 1) {
			p = p.Args[0]
		}
		return verdictOf(equal(m.eval(e, p), v))
	case p.IsCall("<>", 2):
		start, ok := m.eval(e, p.Args[0]).(text)
		t, isText := v.(text)
		if ok && isText && start.known() && t.known() {
			if !strings.HasPrefix(t.String(), start.String()) {
				return no
			}
			return m.match(e, p.Args[1], t.cut(len(start.String()), len(t.String())))
		}
	}
	m.forget(e, p)
	return maybe
}

func verdictOf(same, ok bool) verdict {
	switch {
	case !ok:
		return maybe
	case same:
		return yes
	}
	return no
}

// forget makes the variables of a pattern unknown.
func (m *machine) forget(e *env, p *elixir.Node) {
	elixir.Walk(p, func(n *elixir.Node) bool {
		if n.IsCall("^", 1) {
			return false
		}
		if n.Kind == elixir.Var && n.Text != "_" {
			e.vars.set(n.Text, unknown{text: n.Text})
		}
		return true
	})
}

func (m *machine) matchAll(e *env, pp []*elixir.Node, vv []value) verdict {
	r := yes
	for i, p := range pp {
		if p.IsCall(`\\`, 2) {
			p = p.Args[0]
		}
		r = min(r, m.match(e, p, vv[i]))
		if r == no {
			return no
		}
	}
	return r
}

func (m *machine) matchTuple(e *env, p *elixir.Node, pp []*elixir.Node, v value) verdict {
	t, ok := v.(tuple)
	switch {
	case ok && len(t) == len(pp):
		return m.matchAll(e, pp, t)
	case ok || known(v):
		return no
	}
	m.forget(e, p)
	return maybe
}

func (m *machine) matchList(e *env, p *elixir.Node, v value) verdict {
	l, ok := v.(list)
	if !ok {
		if known(v) {
			return no
		}
		m.forget(e, p)
		return maybe
	}
	pp := p.Args
	if k := len(pp); k > 0 && pp[k-1].IsCall("|", 2) {
		tail := pp[k-1]
		if len(l) < k {
			return no
		}
		r := m.matchAll(e, pp[:k-1], l[:k-1])
		r = min(r, m.match(e, tail.Args[0], l[k-1]))
		return min(r, m.match(e, tail.Args[1], l[k:]))
	}
	if len(l) != len(pp) {
		return no
	}
	return m.matchAll(e, pp, l)
}

func (m *machine) matchMap(e *env, p *elixir.Node, v value) verdict {
	mp, ok := v.(*mapping)
	if !ok {
		if known(v) {
			return no
		}
		m.forget(e, p)
		return maybe
	}
	r := yes
	for _, a := range p.Args {
		if a.Kind != elixir.Tuple {
			m.forget(e, p)
			return maybe
		}
		found, ok := mp.get(m.eval(e, a.Args[0]))
		if !ok {
			if known(v) {
				return no
			}
			m.forget(e, p)
			return maybe
		}
		r = min(r, m.match(e, a.Args[1], found))
	}
	return r
}

func (mp *mapping) get(key value) (value, bool) {
	for _, p := range mp.pairs {
		if same, ok := equal(p[0], key); ok && same {
			return p[1], true
		}
	}
	return null, false
}

func (mp *mapping) put(key, v value) *mapping {
	out := &mapping{}
	done := false
	for _, p := range mp.pairs {
		if same, ok := equal(p[0], key); ok && same {
			p, done = tuple{p[0], v}, true
		}
		out.pairs = append(out.pairs, p)
	}
	if !done {
		out.pairs = append(out.pairs, tuple{key, v})
	}
	return out
}

// clause is one way to go on with values: of a function, an anonymous one, or a case.
type clause struct {
	args  []*elixir.Node
	guard *elixir.Node
	body  *elixir.Node
	env   *env
	maybe bool // whether there is such a clause is not known
}

// take goes on with the clause whose patterns match. Where that is not known, all that may are taken, each under condition.
func (m *machine) take(cc []clause, vv []value, otherwise value) value {
	type way struct {
		clause
		inner *env
	}
	var ways []way
	for _, c := range cc {
		if len(c.args) != len(vv) {
			continue
		}
		w := way{c, c.env.inner()}
		r := m.matchAll(w.inner, c.args, vv)
		if r != no && c.guard != nil {
			pass, ok := truthy(m.guard(w.inner, c.guard))
			switch {
			case !ok:
				r = maybe
			case !pass:
				r = no
			}
		}
		if r == no {
			continue
		}
		if c.maybe {
			r = maybe
		}
		ways = append(ways, w)
		if r == yes {
			break
		}
	}
	switch len(ways) {
	case 0:
		return otherwise
	case 1:
		return m.block(ways[0].inner, ways[0].body.Exprs())
	}
	for _, w := range ways {
		m.under(marks{conditional: true}, func() { m.block(w.inner, w.body.Exprs()) })
	}
	return otherwise
}

// guard is the value of a guard, which queues nothing.
func (m *machine) guard(e *env, n *elixir.Node) value { return m.eval(e, n) }
