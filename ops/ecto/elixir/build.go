package elixir

// slab hands out nodes and lists of nodes from chunks, as a file has thousands of both and they live equally long.
type slab struct {
	nodes []Node
	lists []*Node
	chunk int // how many nodes at once
}

// newSlab is for a text of so many tokens, which has about as many nodes.
func newSlab(tokens int) slab { return slab{chunk: min(max(tokens, 8), 256)} }

func (s *slab) grow(k int) {
	if k > len(s.lists) {
		s.lists = make([]*Node, max(2*s.chunk, k))
	}
}

func (s *slab) node() *Node {
	if len(s.nodes) == 0 {
		s.nodes = make([]Node, max(s.chunk, 8))
	}
	n := &s.nodes[0]
	s.nodes = s.nodes[1:]
	return n
}

// list copies nodes. What is appended to the result never reaches another list.
func (s *slab) list(nodes ...*Node) []*Node {
	k := len(nodes)
	if k == 0 {
		return nil
	}
	s.grow(k)
	l := s.lists[:k:k]
	s.lists = s.lists[k:]
	copy(l, nodes)
	return l
}

func (s *slab) extend(l []*Node, more ...*Node) []*Node {
	k := len(l) + len(more)
	s.grow(k)
	all := s.lists[:k:k]
	s.lists = s.lists[k:]
	copy(all, l)
	copy(all[len(l):], more)
	return all
}

func (p *parser) push(n *Node) { p.stack = append(p.stack, n) }

// pop takes what was pushed since base.
func (p *parser) pop(base int) []*Node {
	l := p.nodes.list(p.stack[base:]...)
	p.stack = p.stack[:base]
	return l
}

func (p *parser) extent(n *Node, from, to int32) *Node {
	n.From, n.To = from, to
	return n
}

// measure bounds the height of n, whose children are complete.
func (p *parser) measure(n *Node) {
	var h int32
	if n.Fun != nil {
		h = n.Fun.height
	}
	for _, a := range n.Args {
		h = max(h, a.height)
	}
	n.height = h + 1
	if n.height > maxHeight {
		p.fail(n.Pos, "nested more than %d deep", maxHeight)
	}
}

func (p *parser) call(name string, pos Pos, args ...*Node) *Node {
	return p.callList(name, pos, p.nodes.list(args...))
}

func (p *parser) callList(name string, pos Pos, args []*Node) *Node {
	n := p.nodes.node()
	n.Kind, n.Text, n.Pos, n.Args = Call, name, pos, args
	p.measure(n)
	return n
}

func (p *parser) callFun(fun *Node, pos Pos, args ...*Node) *Node {
	return p.callFunList(fun, pos, p.nodes.list(args...))
}

func (p *parser) callFunList(fun *Node, pos Pos, args []*Node) *Node {
	n := p.nodes.node()
	n.Kind, n.Fun, n.Pos, n.Args = Call, fun, pos, args
	p.measure(n)
	return n
}

// maxHeight leaves room below MaxDepth for the modules that are put together from parts.
const maxHeight = MaxDepth - 4*maxModules
