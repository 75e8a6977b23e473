package elixir

import "sort"

// mapOpen steps to the { of a map and over it.
func (p *parser) mapOpen() *token {
	p.skipEOL()
	return p.expect(kLCurly)
}

// mapBody reads the rest of a map: %{}, %{key => value, key: value}, %{map | key: value}.
func (p *parser) mapBody(open *token) *Node {
	p.skipEOL()
	base := len(p.stack)
	var left *Node // what is updated
	var pipe *token
	if p.kind() != kRCurly {
		left, pipe = p.mapFirst()
		p.mapRest()
	}
	p.skipEOL()
	end := p.expect(kRCurly)
	args := p.pop(base)
	if left != nil {
		items := p.nodes.node()
		items.Kind, items.Args = List, args
		p.measure(items)
		from, to := left.To, left.To
		if len(args) > 0 {
			from, to = args[0].From, args[len(args)-1].To
		}
		p.extent(items, from, to)
		args = p.nodes.list(p.extent(p.call("|", pipe.pos(), left, items), left.From, to))
	}
	n := p.callList("%{}", open.pos(), args)
	n.End = end.pos()
	return p.extent(n, open.off, end.end)
}

// mapFirst pushes the first element. If it is an update, left is the map that is updated and pipe the operator.
func (p *parser) mapFirst() (left *Node, pipe *token) {
	if isKw(p.kind()) {
		p.pushKwData()
		return nil, nil
	}
	at := p.i
	n := p.mapExpr()
	if p.kind() == kBinary && p.tok().op == opPipe { // keywords follow, or operators would have taken it
		pipe = p.next()
		p.skipEOL()
		p.pushKwData()
		return n, pipe
	}
	if !n.parens && n.Kind == Call && n.Text == "|" && len(n.Args) == 2 {
		left = n.Args[0]
		pipe = &token{line: n.Pos.Line, col: n.Pos.Column}
		n = n.Args[1]
		at += sort.Search(p.i-at, func(i int) bool { return p.toks[at+i].off >= n.From })
	}
	p.push(p.assoc(at, n))
	return left, pipe
}

// assoc reads => value after a key that begins at token at. Elixir also takes an element without one, for macros, if it
// is no operator and no call without parentheses.
func (p *parser) assoc(at int, key *Node) *Node {
	if p.kind() != kAssoc {
		if p.err == nil && !p.isOperand(at, key) {
			return p.unexpected()
		}
		return key
	}
	p.next()
	p.skipEOL()
	return p.pair(key, p.mapExpr())
}

// mapExpr reads a key or a value. A call without parentheses and with commas is an error here as in any container, but
// after an operator the grammar happens to allow it.
func (p *parser) mapExpr() *Node {
	k := p.kind()
	n, c := p.expr(0, true)
	if c == noParens && k != kUnaryOp && k != kDualOp && k != kAtOp && k != kCaptureOp && k != kEllipsis {
		p.ambiguous(n)
	}
	return n
}

// mapRest pushes the elements from the first comma on.
func (p *parser) mapRest() {
	for p.kind() == kComma {
		p.next()
		switch {
		case p.kind() == kRCurly:
			return
		case isKw(p.kind()):
			p.pushKwData()
			return
		}
		at := p.i
		p.push(p.assoc(at, p.mapExpr()))
	}
}

// isOperand tells whether n, which begins at token at, is neither a binary operator nor a call without parentheses.
func (p *parser) isOperand(at int, n *Node) bool {
	t := &p.toks[at]
	if n.Kind != Call || n.parens {
		return true
	}
	switch {
	case n.Do.IsValid(), t.kind == kCaptureOp, n.Text == "..//":
		return false
	case n.End.IsValid():
		return true
	}
	if n.Fun != nil {
		return len(n.Args) == 0 || n.Pos == t.pos() && (t.kind == kAtomText || t.kind == kCharlist)
	}
	if i, ok := opNamed[n.Text]; ok {
		switch {
		case n.Pos != t.pos(): // between its operands
			return false
		case len(n.Args) == 1 && ops[i].kind != kCaptureOp:
			return p.isOperand(at+1, n.Args[0])
		}
	}
	return len(n.Args) == 0 || t.kind < kIdent || t.kind > kOpIdent || n.Text == aliasName
}

// structure reads %Name{...} after the %.
func (p *parser) structure(t *token) *Node {
	name := p.structName()
	p.skipEOL()
	if p.kind() != kLCurly {
		return p.unexpected()
	}
	body := p.mapBody(p.next())
	return p.extent(p.call("%", t.pos(), name, body), t.off, body.To)
}

// structName reads the name of a struct: an alias, an attribute, a variable, a call; a { after it is the struct's.
func (p *parser) structName() *Node {
	if !p.enter() {
		p.leave()
		return &Node{Kind: Broken}
	}
	bare := p.bare
	p.bare = true
	n := p.structBase()
	p.bare = bare
	p.leave()
	return n
}

func (p *parser) structBase() *Node {
	t := p.tok()
	var n *Node
	access := false
	switch t.kind {
	case kUnaryOp, kDualOp:
		p.next()
		p.skipEOL()
		arg := p.structName()
		return p.extent(p.call(ops[t.op].text, t.pos(), arg), t.off, arg.To)
	case kAtOp, kRangeOp, kEllipsis:
		n, _, access = p.operand(false)
	default:
		n, _, access = p.primary(false)
	}
	for p.kind() == kDot && p.peek(1).kind != kLCurly || p.kind() == kDotCall || p.kind() == kLBracket && access {
		n, access = p.structPostfix(n)
	}
	return n
}

func (p *parser) structPostfix(n *Node) (*Node, bool) {
	var access bool
	switch t := p.tok(); t.kind {
	case kDot:
		p.next()
		n, _, access = p.afterDot(t, n, false)
	case kDotCall:
		p.next()
		dot := p.extent(p.call(".", t.pos(), n), n.From, t.end)
		n, _, access = p.parensCall(callee{fun: dot, pos: t.pos(), from: n.From}, false)
	default:
		n, access = p.access(n), true
	}
	return n, access
}
