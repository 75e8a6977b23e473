package elixir

func isKw(k kind) bool { return k == kKw || k == kKwText }

// callee is what a call calls: a name, or what stands before the dot.
type callee struct {
	name string
	fun  *Node
	pos  Pos
	from int32
}

// to builds the call of c with arguments.
func (p *parser) to(c callee, args []*Node) *Node {
	var n *Node
	if c.fun != nil {
		n = p.callFunList(c.fun, c.pos, args)
	} else {
		n = p.callList(c.name, c.pos, args)
	}
	return p.extent(n, c.from, p.lastEnd())
}

// identifier reads what follows the name t: arguments, a do block, or nothing, which makes it a variable.
func (p *parser) identifier(t *token, c callee, do bool) (n *Node, cl class, access bool) {
	switch t.kind {
	case kParenIdent:
		return p.parensCall(c, do)
	case kDoIdent:
		if do {
			n = p.to(c, nil)
			p.doBlock(n)
			return n, unmatched, false
		}
	case kIdent, kOpIdent:
		if p.bare || !p.beginsArgument(t) {
			break
		}
		base := len(p.stack)
		cl = p.argsNoParens()
		n = p.to(c, p.pop(base))
		if do && p.kind() == kDo {
			p.doBlock(n)
			return n, unmatched, false
		}
		return n, cl, false
	}
	if c.fun != nil {
		return p.to(c, nil), matched, t.kind == kBracketIdent
	}
	n = p.nodes.node()
	n.Kind, n.Text, n.Pos = Var, c.name, c.pos
	return p.extent(n, t.off, t.end), matched, t.kind == kBracketIdent
}

// beginsArgument tells whether what follows the name t is its first argument.
func (p *parser) beginsArgument(t *token) bool {
	k := p.kind()
	return t.kind == kOpIdent || isKw(k) || k > kFirstOperand && k < kFirstBinary
}

// argsNoParens pushes the arguments of a call without parentheses.
func (p *parser) argsNoParens() class {
	if isKw(p.kind()) {
		p.push(p.kwNoParens())
		return matched
	}
	n, c := p.expr(0, false)
	p.push(n)
	if c == noParens || p.kind() != kComma {
		return c
	}
	p.moreArgsNoParens()
	return noParens
}

// moreArgsNoParens pushes the arguments from the first comma on.
func (p *parser) moreArgsNoParens() {
	for p.kind() == kComma {
		p.next()
		if isKw(p.kind()) {
			p.push(p.kwNoParens())
			return
		}
		n, c := p.expr(0, false)
		if c == noParens {
			p.ambiguous(n)
		}
		p.push(n)
	}
}

func (p *parser) ambiguous(n *Node) {
	p.fail(n.Pos, "unexpected comma: parentheses are required to say which call its arguments belong to")
}

// parensCall reads the one or two argument lists in parentheses of a call, and its do block.
func (p *parser) parensCall(c callee, do bool) (*Node, class, bool) {
	args, end := p.parenArgs()
	n := p.to(c, args)
	n.End = end
	if p.kind() == kLParen {
		args, end = p.parenArgs()
		n = p.extent(p.callFunList(n, c.pos, args), c.from, p.lastEnd())
		n.End = end
	}
	if do && p.kind() == kDo {
		p.doBlock(n)
		return n, unmatched, false
	}
	return n, matched, true
}

// parenArgs reads (a, b, key: value).
func (p *parser) parenArgs() ([]*Node, Pos) {
	p.expect(kLParen)
	p.skipEOL()
	base := len(p.stack)
	for first := true; p.kind() != kRParen && p.err == nil; first = false {
		if isKw(p.kind()) {
			p.push(p.kwData())
			break
		}
		n, c := p.expr(0, true)
		if c == noParens && (!first || p.kind() == kComma) {
			p.ambiguous(n)
		}
		p.push(n)
		if p.kind() != kComma {
			break
		}
		p.next()
		if p.kind() == kRParen {
			p.unexpected()
		}
	}
	p.skipEOL()
	return p.pop(base), p.expect(kRParen).pos()
}

// kwNoParens reads key: value pairs outside of any brackets, at least one.
func (p *parser) kwNoParens() *Node {
	base := len(p.stack)
	for p.err == nil {
		key := p.key()
		value, _ := p.expr(0, false)
		p.push(p.pair(key, value))
		if p.kind() != kComma {
			break
		}
		comma := p.next()
		if !isKw(p.kind()) {
			p.afterKeywords(comma)
		}
	}
	return p.keywords(base)
}

// kwData reads key: value pairs within brackets, at least one; a comma may follow the last.
func (p *parser) kwData() *Node {
	base := len(p.stack)
	p.pushKwData()
	return p.keywords(base)
}

// pushKwData pushes the pairs themselves.
func (p *parser) pushKwData() {
	for p.err == nil {
		key := p.key()
		p.push(p.pair(key, p.containerExpr()))
		if p.kind() != kComma {
			return
		}
		comma := p.next()
		switch k := p.kind(); {
		case isKw(k):
		case k == kRParen, k == kRBracket, k == kRCurly, k == kRBit:
			return
		default:
			p.afterKeywords(comma)
		}
	}
}

func (p *parser) afterKeywords(comma *token) {
	p.fail(comma.pos(), "unexpected expression after keyword list: keywords come last, or in brackets")
}

// keywords makes a list of the pairs pushed since base.
func (p *parser) keywords(base int) *Node {
	from := int32(0)
	if len(p.stack) > base {
		from = p.stack[base].From
	}
	n := p.nodes.node()
	n.Kind, n.Args = List, p.pop(base)
	p.measure(n)
	return p.extent(n, from, p.lastEnd())
}

func (p *parser) key() *Node {
	t := p.next()
	var n *Node
	if t.kind == kKwText {
		n = p.quoted(t)
	} else {
		n = p.extent(p.literal(Atom, p.atomText(t), t), t.off, t.end)
	}
	p.skipEOL()
	return n
}

func (p *parser) pair(key, value *Node) *Node {
	n := p.nodes.node()
	n.Kind = Tuple
	n.Args = p.nodes.list(key, value)
	p.measure(n)
	return p.extent(n, key.From, value.To)
}

// containerExpr reads an expression within brackets that commas separate.
func (p *parser) containerExpr() *Node {
	n, c := p.expr(0, true)
	if c == noParens {
		p.ambiguous(n)
	}
	return n
}

// list reads a list after its [.
func (p *parser) list(open *token) *Node {
	p.skipEOL()
	base := len(p.stack)
	for p.kind() != kRBracket && p.err == nil {
		if isKw(p.kind()) {
			p.pushKwData()
			break
		}
		p.push(p.containerExpr())
		if p.kind() != kComma {
			break
		}
		p.next()
	}
	p.skipEOL()
	end := p.expect(kRBracket)
	n := p.nodes.node()
	n.Kind, n.Pos, n.End, n.Args = List, open.pos(), end.pos(), p.pop(base)
	p.measure(n)
	return p.extent(n, open.off, end.end)
}

// container reads the elements up to a closing bracket. Keywords at the end are one element, a list.
func (p *parser) container(open *token, end kind) ([]*Node, *token) {
	p.skipEOL()
	base := len(p.stack)
	if isKw(p.kind()) {
		p.fail(open.pos(), "unexpected keyword list after %q: write %%{...} for a map or [...] for a list", p.src[open.off:open.end])
	}
	for p.kind() != end && p.err == nil {
		if isKw(p.kind()) {
			p.push(p.kwData())
			break
		}
		p.push(p.containerExpr())
		if p.kind() != kComma {
			break
		}
		p.next()
	}
	p.skipEOL()
	return p.pop(base), p.expect(end)
}

func (p *parser) tuple(open *token) *Node {
	args, end := p.container(open, kRCurly)
	n := p.nodes.node()
	n.Kind, n.Pos, n.End, n.Args = Call, open.pos(), end.pos(), args
	if len(args) == 2 {
		n.Kind = Tuple
	} else {
		n.Text = "{}"
	}
	p.measure(n)
	return p.extent(n, open.off, end.end)
}

func (p *parser) bitstring(open *token) *Node {
	args, end := p.container(open, kRBit)
	n := p.callList(binaryName, open.pos(), args)
	n.End = end.pos()
	return p.extent(n, open.off, end.end)
}
