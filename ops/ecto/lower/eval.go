package lower

import (
	"path"
	"strings"

	"ops-console/ops/ecto/elixir"
)

// eval is what an expression is known to be. What it would queue on the way is queued.
func (m *machine) eval(e *env, n *elixir.Node) value {
	if n == nil {
		return null
	}
	m.steps++
	if m.steps > mostSteps || m.depth > mostDepth {
		if m.steps > mostSteps {
			m.note(e.at(n), "too-long", "too many steps: the rest is not followed")
		}
		return unknown{text: "…"}
	}
	m.depth++
	defer func() { m.depth-- }()

	switch n.Kind {
	case elixir.Atom:
		if name, ok := strings.CutPrefix(n.Text, "Elixir."); ok {
			return alias(name)
		}
		return atom(n.Text)
	case elixir.Int:
		if i := n.BigInt(); i != nil {
			return i
		}
		return m.unknown(e, n)
	case elixir.Float:
		if f, ok := n.Float(); ok {
			return f
		}
		return m.unknown(e, n)
	case elixir.String:
		return literal(n)
	case elixir.Charlist:
		return charlist{literal(n)}
	case elixir.List:
		return m.list(e, n)
	case elixir.Tuple:
		return m.weighed(tuple(m.evalAll(e, n.Args)))
	case elixir.Var:
		return m.variable(e, n)
	case elixir.Call:
		return m.call(e, n, nil)
	}
	return unknown{text: "…"}
}

func literal(n *elixir.Node) text {
	if n.Text == "" {
		return text{}
	}
	return text{{s: n.Text, node: n}}
}

func (m *machine) evalAll(e *env, nn []*elixir.Node) []value {
	out := make([]value, 0, len(nn))
	for _, n := range nn {
		if n.IsCall("unquote_splicing", 1) && e.macro != nil {
			if l, ok := m.eval(e.macro, n.Args[0]).(list); ok {
				for _, v := range l {
					out = append(out, m.unquote(v))
				}
				continue
			}
		}
		out = append(out, m.eval(e, n))
	}
	return out
}

func (m *machine) list(e *env, n *elixir.Node) value {
	if k := len(n.Args); k > 0 && n.Args[k-1].IsCall("|", 2) {
		tail := n.Args[k-1]
		head := m.evalAll(e, n.Args[:k-1])
		head = append(head, m.eval(e, tail.Args[0]))
		if rest, ok := m.eval(e, tail.Args[1]).(list); ok && len(rest) < mostElements {
			return m.weighed(append(list(head), rest...))
		}
		return m.unknown(e, n)
	}
	return m.weighed(list(m.evalAll(e, n.Args)))
}

// variable is a variable's value, or the call of a function without arguments.
func (m *machine) variable(e *env, n *elixir.Node) value {
	if v, ok := e.vars.get(n.Text); ok {
		return v
	}
	switch n.Text {
	case "__MODULE__":
		return alias(e.mod.name)
	case "__DIR__":
		return words(path.Dir(e.src.path))
	case "__ENV__":
		return &mapping{pairs: []tuple{{atom("file"), words(e.src.path)}, {atom("module"), alias(e.mod.name)}}}
	}
	return m.local(e, n, n.Text, nil, nil)
}

// call is a call of any kind; piped are the arguments that a pipeline puts first.
func (m *machine) call(e *env, n *elixir.Node, piped []value) value {
	if n.Fun != nil {
		return m.called(e, n, piped)
	}
	if f := forms[n.Text]; f != nil && len(piped) == 0 {
		return f(m, e, n)
	}
	if s, ok := n.Sigil(); ok {
		return m.sigil(e, n, s)
	}
	if f := blocks[n.Text]; f != nil && n.HasDo() && m.mod != nil && len(e.mod.calls(n.Text, len(n.Args)+len(piped))) == 0 {
		return f(m, e, n, piped)
	}
	return m.local(e, n, n.Text, n.Args, piped)
}

// called is a call of what an expression gives: a module's function, or a function in a variable.
func (m *machine) called(e *env, n *elixir.Node, piped []value) value {
	if left, name, ok := n.Remote(); ok {
		return m.remote(e, n, left, name, piped)
	}
	if n.Fun.IsCall(".", 1) {
		f := m.eval(e, n.Fun.Args[0])
		args := append(piped, m.evalAll(e, n.Args)...)
		if c, ok := f.(*closure); ok {
			return m.apply(c, args)
		}
		m.discover(args, marks{conditional: true})
	}
	return m.unknown(e, n)
}

// pipe is left |> right.
func (m *machine) pipe(e *env, n *elixir.Node) value {
	left := m.eval(e, n.Args[0])
	right := n.Args[1]
	switch right.Kind {
	case elixir.Call:
		if right.IsCall("case", elixir.AnyArity) && right.HasDo() {
			return m.choose(e, right, left)
		}
		return m.call(e, right, []value{left})
	case elixir.Var:
		return m.local(e, right, right.Text, nil, []value{left})
	}
	return m.unknown(e, n)
}

func (m *machine) sigil(e *env, n *elixir.Node, s elixir.Sigil) value {
	switch s.Name {
	case "s", "S":
		if parts, ok := n.Parts(); ok {
			return m.interpolate(e, parts)
		}
	case "c", "C":
		if len(s.Parts) == 1 && s.Parts[0].Kind == elixir.String {
			return charlist{literal(s.Parts[0])}
		}
	case "r", "R":
		if len(s.Parts) == 1 && s.Parts[0].Kind == elixir.String && s.Mods == "" {
			return pattern(s.Parts[0].Text)
		}
	case "w", "W":
		ww, ok := n.Words()
		if !ok {
			if len(s.Parts) == 0 {
				return list{}
			}
			break
		}
		out := make(list, len(ww))
		for i, w := range ww {
			switch s.Mods {
			case "a":
				out[i] = atom(w)
			case "c":
				out[i] = charlist{words(w)}
			default:
				out[i] = words(w)
			}
		}
		return out
	}
	return m.unknown(e, n)
}

// interpolate puts the pieces of a string together.
func (m *machine) interpolate(e *env, parts []*elixir.Node) value {
	out := text{}
	for _, p := range parts {
		if p.Kind == elixir.String {
			out = out.join(literal(p))
			continue
		}
		v := m.eval(e, p)
		t := textOf(v)
		if len(t) == 1 && t[0].hole && !t[0].prefix {
			t = hole(e.source(p))
		}
		out = out.join(t)
	}
	return m.weighed(out)
}
