package elixir

// Pair is key: value, or key => value of a map.
type Pair struct {
	Key, Value *Node
}

// Name is the key where it is an atom, and "" otherwise.
func (p Pair) Name() string {
	if p.Key == nil || p.Key.Kind != Atom {
		return ""
	}
	return p.Key.Text
}

// Pairs are the elements of a keyword list or of a map. It is not ok for any other node, and for a list with an element
// that is no pair of an atom and a value; an empty list is an empty keyword list. Of %{map | a: 1}, only what is
// updated is given.
func (n *Node) Pairs() (pairs []Pair, ok bool) {
	if n == nil {
		return nil, false
	}
	items := n.Args
	switch {
	case n.Kind == List:
	case n.IsCall("%{}", AnyArity):
		if len(items) == 1 && items[0].IsCall("|", 2) {
			items = items[0].Args[1].Args
		}
	default:
		return nil, false
	}
	pairs = make([]Pair, len(items))
	for i, item := range items {
		if item.Kind != Tuple || n.Kind == List && item.Args[0].Kind != Atom {
			return nil, false
		}
		pairs[i] = Pair{item.Args[0], item.Args[1]}
	}
	return pairs, true
}

// Key is the value of the first pair with the given key in a keyword list or a map, nil if there is none. Unlike Pairs
// it also looks at the pairs of a list that has other elements.
func (n *Node) Key(name string) *Node {
	if n == nil || n.Kind != List && !n.IsCall("%{}", AnyArity) {
		return nil
	}
	items := n.Args
	if n.Kind == Call && len(items) == 1 && items[0].IsCall("|", 2) {
		items = items[0].Args[1].Args
	}
	for _, item := range items {
		if item.Kind == Tuple && item.Args[0].IsAtom(name) {
			return item.Args[1]
		}
	}
	return nil
}

// isKeywords tells a keyword list of at least one pair.
func isKeywords(n *Node) bool {
	if n.Kind != List || len(n.Args) == 0 {
		return false
	}
	for _, item := range n.Args {
		if item.Kind != Tuple || item.Args[0].Kind != Atom {
			return false
		}
	}
	return true
}

// block is the keyword list of a call's do block, nil without one. `if a, do: b` has none, but see Section.
func (n *Node) block() *Node {
	if n == nil || !n.Do.IsValid() || len(n.Args) == 0 {
		return nil
	}
	return n.Args[len(n.Args)-1]
}

// Options are the keywords among the arguments of a call: a keyword list in the last place, or before a do block. Nil if
// there are none.
func (n *Node) Options() *Node {
	args := n.withoutBlock()
	if len(args) == 0 || !isKeywords(args[len(args)-1]) {
		return nil
	}
	return args[len(args)-1]
}

// Option is the value of one keyword of a call, nil if it is not given.
func (n *Node) Option(name string) *Node { return n.Options().Key(name) }

// Positional are the arguments of a call without its keywords and its do block.
func (n *Node) Positional() []*Node {
	args := n.withoutBlock()
	if len(args) > 0 && isKeywords(args[len(args)-1]) {
		return args[:len(args)-1]
	}
	return args
}

// Arg is a positional argument counted from 0, nil if there are not so many.
func (n *Node) Arg(i int) *Node {
	if args := n.Positional(); i < len(args) {
		return args[i]
	}
	return nil
}

func (n *Node) withoutBlock() []*Node {
	if n == nil || n.Kind != Call {
		return nil
	}
	if n.block() != nil {
		return n.Args[:len(n.Args)-1]
	}
	return n.Args
}

// Section is what stands after do, else, rescue, catch or after: in a do block, or as keyword: `if a, do: b, else: c`.
// Nil if the call has no such section.
func (n *Node) Section(name string) *Node {
	if b := n.block(); b != nil {
		return b.Key(name)
	}
	return n.Option(name)
}

// HasDo tells a call with a body: do ... end, or do: as keyword.
func (n *Node) HasDo() bool { return n.Section("do") != nil }

// Body are the expressions of a call's do section.
func (n *Node) Body() []*Node { return n.Section("do").Exprs() }

// Clause is one `args -> body` of fn, case, cond and the like.
type Clause struct {
	Node *Node   // the -> itself
	Args []*Node // without the guard
	// Guard is what stands after when, nil without one.
	Guard *Node
	Body  *Node
}

// Clauses are the clauses of an anonymous function, or of a section of a do block such as n.Section("do"). Nil if there
// are none.
func (n *Node) Clauses() []Clause {
	if n == nil || n.Kind != List && !n.IsCall("fn", AnyArity) {
		return nil
	}
	var clauses []Clause
	for _, a := range n.Args {
		if !a.IsCall("->", 2) {
			return nil
		}
		c := Clause{Node: a, Args: a.Args[0].Args, Body: a.Args[1]}
		if len(c.Args) == 1 && c.Args[0].IsCall("when", AnyArity) {
			w := c.Args[0].Args
			c.Args, c.Guard = w[:len(w)-1], w[len(w)-1]
		}
		clauses = append(clauses, c)
	}
	return clauses
}

// Pipeline are the stages of a |> b() |> c(), first to last. Anything else is one stage.
func (n *Node) Pipeline() []*Node {
	var stages []*Node
	for n.IsCall("|>", 2) {
		stages = append(stages, n.Args[1])
		n = n.Args[0]
	}
	if n != nil {
		stages = append(stages, n)
	}
	for i, j := 0, len(stages)-1; i < j; i, j = i+1, j-1 {
		stages[i], stages[j] = stages[j], stages[i]
	}
	return stages
}

// Unpipe is n with a |> b(c) written as the call b(a, c) that Elixir makes of it, at every stage. Nodes that are no
// pipeline, or whose stages are no calls, are returned as they are.
func (n *Node) Unpipe() *Node {
	stages := n.Pipeline()
	if len(stages) < 2 {
		return n
	}
	value := stages[0]
	for _, s := range stages[1:] {
		if s.Kind != Call && s.Kind != Var {
			return n
		}
		call := *s
		call.Kind = Call
		call.Args = append([]*Node{value}, s.Args...)
		call.From = value.From
		value = &call
	}
	return value
}

// Def is a function or macro definition taken apart.
type Def struct {
	Kind string // def, defp, defmacro, defmacrop, ...
	Name string
	Args []*Node
	// Guard is what stands after when, nil without one.
	Guard *Node
	// Body is nil in a head without one.
	Body *Node
}

// Def takes a definition of a function or a macro apart.
func (n *Node) Def() (Def, bool) {
	d := Def{Kind: n.Name()}
	switch d.Kind {
	case "def", "defp", "defmacro", "defmacrop", "defguard", "defguardp":
	default:
		return Def{}, false
	}
	head := n.Arg(0)
	if n.Kind != Call || n.Fun != nil || head == nil {
		return Def{}, false
	}
	if head.IsCall("when", 2) {
		head, d.Guard = head.Args[0], head.Args[1]
	}
	if head.Kind != Call && head.Kind != Var || head.Fun != nil {
		return Def{}, false
	}
	d.Name, d.Args, d.Body = head.Text, head.Args, n.Section("do")
	return d, true
}

// Attribute is what a module attribute is set to by `@name value`.
func (n *Node) Attribute() (name string, value *Node, ok bool) {
	if !n.IsCall("@", 1) || n.Args[0].Kind != Call || n.Args[0].Fun != nil || len(n.Args[0].Args) != 1 {
		return "", nil, false
	}
	return n.Args[0].Text, n.Args[0].Args[0], true
}

// AttributeRef is the name in a use of a module attribute, `@name`.
func (n *Node) AttributeRef() (string, bool) {
	if !n.IsCall("@", 1) || n.Args[0].Kind != Var {
		return "", false
	}
	return n.Args[0].Text, true
}

// Module is a defmodule taken apart.
type Module struct {
	Node *Node
	// Name is as it stands in the source: a module within another has only its own part.
	Name string
	Body []*Node
}

// Modules are the modules defined in a file, those within others included, in the order of the file. A nested one has
// the full name that Elixir gives it.
func (f *File) Modules() []Module {
	return modules(nil, f.Exprs(), "")
}

func modules(found []Module, exprs []*Node, outer string) []Module {
	for _, n := range exprs {
		if !n.IsCall("defmodule", 2) {
			continue
		}
		name, ok := n.Args[0].Module()
		if !ok {
			continue
		}
		if outer != "" {
			name = outer + "." + name
		}
		m := Module{n, name, n.Body()}
		found = modules(append(found, m), m.Body, name)
	}
	return found
}
