package project

import (
	"strings"

	"ops-console/ops/ecto"
	"ops-console/ops/ecto/elixir"
)

// kind is what a value of the configuration is.
type kind uint8

const (
	unknown kind = iota // what only running it would tell
	atom                // true, false and nil too
	text
	number
	module // an alias, such as Changelog.Repo
	list
	keyword
	tuple
)

// maxItems is how long a list can become by joining.
const maxItems = 10_000

// value is an expression of the configuration as far as it can be known without running it. Values are not changed
// once they are made.
type value struct {
	kind  kind
	text  string // of an atom, a text, a number, a module; the source of what is unknown
	items []value
	pairs []pair
	// guess is true where the environment can say something else: System.get_env("X") || "this".
	guess bool
	// maybe is true where it stands under a condition that was not decided.
	maybe bool
	at    ecto.Span
	file  string
}

type pair struct {
	key   string
	value value
}

// get is what a keyword list has for a key, the last of several as Keyword.merge leaves it.
func (v value) get(key string) (value, bool) {
	for i := len(v.pairs) - 1; i >= 0; i-- {
		if v.pairs[i].key == key {
			return v.pairs[i].value, true
		}
	}
	return value{}, false
}

func (v value) isAtom(name string) bool { return v.kind == atom && v.text == name }

// str is the text of a string or the name of an atom.
func (v value) str() (string, bool) {
	return v.text, v.kind == text || v.kind == atom && v.text != "nil" && v.text != "true" && v.text != "false"
}

// merge is what config/2 makes of an older value and a newer one: keyword lists are joined deeply, anything else is
// replaced (https://hexdocs.pm/elixir/Config.html). What is not known does not replace what is.
func merge(old, v value, budget *int) value {
	switch {
	case old.kind == keyword && v.kind == keyword:
	case v.kind == unknown, v.maybe && !old.maybe:
		old.guess = old.kind != unknown
		return old
	default:
		return v
	}
	out := v
	out.pairs = append([]pair{}, old.pairs...)
	for _, p := range v.pairs {
		if *budget -= len(out.pairs); *budget < 0 {
			return v
		}
		found := false
		for i := range out.pairs {
			if out.pairs[i].key == p.key {
				out.pairs[i].value, found = merge(out.pairs[i].value, p.value, budget), true
			}
		}
		if !found {
			out.pairs = append(out.pairs, p)
		}
	}
	return out
}

// scope is what names mean at a place of a configuration file.
type scope struct {
	file    *elixir.File
	path    string
	env     string // dev, test, prod
	vars    map[string]value
	attrs   map[string]value  // module attributes
	aliases map[string]string // last part to whole name
	maybe   bool              // under a condition that was not decided
}

// with is the scope with one more variable.
func (s scope) with(name string, v value) scope {
	vars := make(map[string]value, len(s.vars)+1)
	for k, old := range s.vars {
		vars[k] = old
	}
	vars[name] = v
	s.vars = vars
	return s
}

func (s scope) span(n *elixir.Node) ecto.Span {
	from, to := s.file.Extent(n)
	return ecto.Span{Line: int(from.Line), Column: int(from.Column), EndLine: int(to.Line), EndColumn: int(to.Column)}
}

// module is the whole name of a module that is written short.
func (s scope) module(name string) string {
	first, rest, dotted := strings.Cut(name, ".")
	whole, ok := s.aliases[first]
	switch {
	case !ok:
		return strings.TrimPrefix(name, "Elixir.")
	case dotted:
		return whole + "." + rest
	}
	return whole
}

// eval is what an expression comes to.
func (s scope) eval(n *elixir.Node) value {
	if n == nil {
		return value{file: s.path, maybe: s.maybe}
	}
	v := s.literal(n)
	if v.kind == unknown {
		v.text = s.file.Text(n)
	}
	v.maybe = v.maybe || s.maybe
	v.at, v.file = s.span(n), s.path
	return v
}

func (s scope) literal(n *elixir.Node) value {
	if t, ok := n.Str(); ok {
		return value{kind: text, text: t}
	}
	if words, ok := n.Words(); ok {
		return s.words(n, words)
	}
	if m, ok := n.Module(); ok && !strings.HasPrefix(m, "__MODULE__") {
		if n.Kind != elixir.Atom {
			return value{kind: module, text: s.module(m)}
		}
	}
	if pairs, ok := n.Pairs(); ok && (len(pairs) > 0 || n.Kind == elixir.List) {
		return s.keyword(pairs)
	}
	if name, ok := n.AttributeRef(); ok {
		return s.attrs[name]
	}
	switch n.Kind {
	case elixir.Atom:
		return value{kind: atom, text: n.Text}
	case elixir.Int, elixir.Float:
		return value{kind: number, text: strings.ReplaceAll(n.Text, "_", "")}
	case elixir.Charlist:
		return value{kind: text, text: n.Text}
	case elixir.Var:
		return s.vars[n.Text]
	case elixir.List:
		return value{kind: list, items: s.items(n.Args)}
	case elixir.Tuple:
		return value{kind: tuple, items: s.items(n.Args)}
	case elixir.Call:
		return s.call(n)
	}
	return value{}
}

func (s scope) items(nodes []*elixir.Node) []value {
	out := make([]value, 0, len(nodes))
	for _, n := range nodes {
		out = append(out, s.eval(n))
	}
	return out
}

func (s scope) keyword(pairs []elixir.Pair) value {
	v := value{kind: keyword}
	for _, p := range pairs {
		if key := p.Name(); key != "" {
			v.pairs = append(v.pairs, pair{key, s.eval(p.Value)})
		}
	}
	return v
}

// words is ~w, whose last letter says what it is a list of.
func (s scope) words(n *elixir.Node, words []string) value {
	k := text
	if g, ok := n.Sigil(); ok && g.Mods == "a" {
		k = atom
	}
	v := value{kind: list}
	for _, w := range words {
		v.items = append(v.items, value{kind: k, text: w})
	}
	return v
}

// call is what those calls come to that configurations are written with.
func (s scope) call(n *elixir.Node) value {
	switch {
	case n.IsCall("{}", elixir.AnyArity):
		return value{kind: tuple, items: s.items(n.Args)}
	case n.IsCall("config_env", 0), n.IsRemote("Mix", "env", 0):
		return value{kind: atom, text: s.env}
	case n.IsCall("||", 2):
		return s.either(s.eval(n.Args[0]), n.Args[1])
	case n.IsCall("++", 2):
		return join(s.eval(n.Args[0]), s.eval(n.Args[1]))
	case n.IsCall("if", elixir.AnyArity), n.IsCall("unless", elixir.AnyArity):
		return s.branch(n)
	case n.IsRemote("System", "get_env", 2):
		return guessed(s.eval(n.Args[1]))
	case n.IsBlock():
		if exprs := n.Exprs(); len(exprs) > 0 {
			return s.eval(exprs[len(exprs)-1])
		}
	}
	return value{}
}

func (s scope) either(first value, second *elixir.Node) value {
	switch {
	case first.kind == unknown:
		return guessed(s.eval(second))
	case first.isAtom("nil"), first.isAtom("false"):
		return s.eval(second)
	}
	return first
}

// branch is if and unless as expressions; of two that are possible neither is taken.
func (s scope) branch(n *elixir.Node) value {
	yes, known := s.holds(n.Arg(0))
	if n.Name() == "unless" {
		yes = !yes
	}
	switch part := n.Section("else"); {
	case !known:
		return value{}
	case yes:
		return s.eval(n.Section("do"))
	case part == nil:
		return value{kind: atom, text: "nil"}
	default:
		return s.eval(part)
	}
}

func guessed(v value) value {
	v.guess = v.kind != unknown
	return v
}

// join is a ++ b.
func join(a, b value) value {
	switch {
	case a.kind == unknown:
		return guessed(b)
	case b.kind == unknown:
		return guessed(a)
	case len(a.items)+len(a.pairs) == 0:
		return b
	case len(b.items)+len(b.pairs) == 0 || a.kind != b.kind:
		return a
	}
	if len(a.items)+len(b.items)+len(a.pairs)+len(b.pairs) > maxItems {
		return a // no list that people write
	}
	v := a
	v.items = append(append([]value{}, a.items...), b.items...)
	v.pairs = append(append([]pair{}, a.pairs...), b.pairs...)
	return v
}

// holds decides a condition, as far as it is about the environment that the configuration is read for.
func (s scope) holds(n *elixir.Node) (yes, known bool) {
	if n == nil {
		return false, false
	}
	switch {
	case n.IsCall("not", 1), n.IsCall("!", 1):
		yes, known = s.holds(n.Args[0])
		return !yes, known
	case n.IsCall("and", 2), n.IsCall("&&", 2):
		a, knowA := s.holds(n.Args[0])
		b, knowB := s.holds(n.Args[1])
		return a && b, knowA && knowB || knowA && !a || knowB && !b
	case n.IsCall("or", 2), n.IsCall("||", 2):
		a, knowA := s.holds(n.Args[0])
		b, knowB := s.holds(n.Args[1])
		return knowA && a || knowB && b, knowA && knowB || knowA && a || knowB && b
	case n.IsCall("==", 2), n.IsCall("!=", 2):
		a, b := s.eval(n.Args[0]), s.eval(n.Args[1])
		yes = a.kind == b.kind && a.text == b.text
		return yes == (n.Name() == "=="), a.simple() && b.simple()
	case n.IsCall("in", 2):
		a, in := s.eval(n.Args[0]), s.eval(n.Args[1])
		known = a.simple() && in.kind == list
		for _, v := range in.items {
			yes = yes || v.kind == a.kind && v.text == a.text
			known = known && v.simple()
		}
		return yes, known
	}
	v := s.eval(n)
	return !v.isAtom("nil") && !v.isAtom("false"), v.kind != unknown && !v.guess
}

// simple tells a value that is known and whose text is all of it.
func (v value) simple() bool {
	return !v.guess && (v.kind == atom || v.kind == text || v.kind == number || v.kind == module)
}

// alias makes a short name known: alias A.B, alias A.{B, C}, alias A.B, as: C.
func (s *scope) alias(n *elixir.Node) {
	aliases := make(map[string]string, len(s.aliases)+1)
	for k, v := range s.aliases {
		aliases[k] = v
	}
	s.aliases = aliases
	if left, name, ok := n.Args[0].Remote(); ok && name == "{}" {
		base, _ := left.Module()
		for _, m := range n.Args[0].Args {
			if name, ok := m.Module(); ok {
				aliases[lastPart(name)] = s.module(base) + "." + name
			}
		}
		return
	}
	name, ok := n.Args[0].Module()
	if !ok {
		return
	}
	short := lastPart(name)
	if as, ok := n.Option("as").Module(); ok {
		short = as
	}
	aliases[short] = s.module(name)
}

// lastPart is Repo of Changelog.Repo.
func lastPart(module string) string { return module[strings.LastIndexByte(module, '.')+1:] }
