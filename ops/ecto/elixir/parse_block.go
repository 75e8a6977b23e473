package elixir

// doBlock reads do ... end and appends it to the arguments of n, as a keyword list.
func (p *parser) doBlock(n *Node) {
	t := p.expect(kDo)
	base := len(p.stack)
	p.section(p.extent(p.literal(Atom, "do", t), t.off, t.end))
	for p.kind() == kBlock {
		s := p.next()
		p.section(p.extent(p.literal(Atom, p.src[s.off:s.end], s), s.off, s.end))
	}
	end := p.expect(kEnd)
	block := p.keywords(base)
	p.extent(block, t.off, end.end)
	args := p.nodes.list(n.Args...)
	n.Args = p.nodes.extend(args, block)
	n.Do, n.End = t.pos(), end.pos()
	n.To = end.end
	p.measure(n)
}

// section reads what follows do, else, rescue and so on, and pushes it under its key.
func (p *parser) section(key *Node) {
	p.skipEOE()
	body, _ := p.clauses()
	p.push(p.pair(key, body))
}

// fn reads an anonymous function after its fn.
func (p *parser) fn(t *token) *Node {
	p.skipEOE()
	body, stab := p.clauses()
	if !stab {
		return p.fail(t.pos(), "expected anonymous functions to be defined with -> inside")
	}
	end := p.expect(kEnd)
	n := p.callList("fn", t.pos(), body.Args)
	n.End = end.pos()
	return p.extent(n, t.off, end.end)
}

// paren reads an expression, several, or clauses in parentheses, after the (.
func (p *parser) paren(open *token) *Node {
	p.skipEOE()
	n, _ := p.clauses()
	end := p.expect(kRParen)
	if n.Kind == Broken {
		return n
	}
	n.parens = true
	return p.extent(n, open.off, end.end)
}

// clauses reads expressions or, where there are arrows, clauses of the form `args -> body`. The first make a block, the
// others a list of -> nodes.
func (p *parser) clauses() (n *Node, stab bool) {
	from := p.tok().off
	base := len(p.stack) // finished clauses
	body := base         // expressions of the last clause, or of the block
	var clause *Node
	finish := func() {
		if clause == nil {
			return
		}
		clause.Args[1] = p.block(p.pop(body), clause.To)
		clause.To = max(clause.To, clause.Args[1].To)
		p.measure(clause)
		p.push(clause)
		clause = nil
	}
	for p.beginsClause() && p.err == nil {
		at := p.i
		n, arrow := p.clauseHead()
		if arrow == nil {
			p.statement(at, n)
			p.push(n)
		} else {
			if clause == nil && len(p.stack) > base {
				p.fail(arrow.pos(), "unexpected ->: where clauses are defined, the first expression must have one too")
			}
			finish()
			clause, body = n, len(p.stack)
			p.statement(at, clause)
			p.clauseBody(arrow)
		}
		if !p.skipEOE() {
			break
		}
	}
	if clause == nil {
		return p.block(p.pop(base), from), false
	}
	finish()
	return p.keywords(base), true
}

func (p *parser) beginsClause() bool {
	k := p.kind()
	return k == kStab || isKw(k) || k > kFirstOperand && k < kPart
}

// clauseBody pushes the expression after an arrow, nil if there is none.
func (p *parser) clauseBody(arrow *token) {
	p.skipEOL()
	if k := p.kind(); k <= kFirstOperand {
		p.push(p.extent(p.literal(Atom, "nil", arrow), arrow.off, arrow.end))
		return
	}
	at := p.i
	n, _ := p.expr(0, true)
	p.statement(at, n)
	p.push(n)
}

// clauseHead reads an expression or, if an arrow follows, the arguments of a clause and the arrow. The node is the
// clause then, without its body.
func (p *parser) clauseHead() (*Node, *token) {
	from := p.tok().off
	base := len(p.stack)
	var when *token // of a guard after arguments in parentheses
	switch t := p.tok(); {
	case t.kind == kStab:
	case isKw(t.kind):
		p.push(p.kwNoParens())
	case p.parenHead(t):
		when = p.parenArgsHead()
	default:
		n, c := p.expr(0, true)
		if p.kind() != kComma && p.kind() != kStab {
			return n, nil
		}
		if c == unmatched || c == noParens && p.kind() == kComma {
			return p.unexpected(), nil
		}
		p.push(n)
		p.moreArgsNoParens()
	}
	args := p.pop(base)
	if when == nil {
		args = p.unwrap(args)
	}
	if p.kind() != kStab {
		return p.unexpected(), nil
	}
	arrow := p.next()
	list := p.nodes.node()
	list.Kind, list.Args = List, args
	p.measure(list)
	p.extent(list, from, arrow.off)
	return p.extent(p.call("->", arrow.pos(), list, list), from, arrow.end), arrow
}

// parenHead tells whether the ( at t opens the arguments of a clause: none, several, or keywords, and then an arrow or a
// guard. One argument is an expression in parentheses like any other.
func (p *parser) parenHead(t *token) bool {
	if t.kind != kLParen || t.match < 0 || t.flags&flagArrow != 0 {
		return false
	}
	after := &p.toks[t.match+1]
	if after.kind != kStab && (after.kind != kBinary || after.op != opWhen) {
		return false
	}
	first := p.peek(1)
	if first.kind == kEOL {
		first = p.peek(2)
	}
	return first.kind == kRParen || isKw(first.kind) || t.flags&flagComma != 0
}

// parenArgsHead pushes the arguments of such a clause, with their guard as one `when` if there is one, which it returns.
func (p *parser) parenArgsHead() (when *token) {
	base := len(p.stack)
	from := p.next().off
	p.skipEOL()
	if p.kind() != kRParen {
		p.argsNoParens()
	}
	p.skipEOL()
	p.expect(kRParen)
	if p.kind() == kStab || p.err != nil {
		return nil
	}
	when = p.next()
	guard, _ := p.expr(0, true)
	args := p.unwrap(p.pop(base))
	n := p.callList("when", when.pos(), p.nodes.extend(p.nodes.list(args...), guard))
	p.push(p.extent(n, from, guard.To))
	return when
}

// unwrap takes the block off a lone unquote_splicing, and moves the guard of the last argument around all of them.
func (p *parser) unwrap(args []*Node) []*Node {
	if len(args) == 1 && args[0].Kind == Call && args[0].Text == blockName && len(args[0].Args) == 1 {
		return args[0].Args
	}
	if len(args) == 0 {
		return args
	}
	last := args[len(args)-1]
	if last.Kind != Call || last.Text != "when" || len(last.Args) != 2 {
		return args
	}
	all := p.nodes.extend(p.nodes.list(args[:len(args)-1]...), last.Args...)
	n := p.callList("when", last.Pos, all)
	return p.nodes.list(p.extent(n, args[0].From, last.To))
}

// block makes one node of expressions.
func (p *parser) block(exprs []*Node, from int32) *Node {
	if len(exprs) == 1 && !isSplice(exprs[0]) {
		return exprs[0]
	}
	n := p.callList(blockName, Pos{}, exprs)
	to := from
	if len(exprs) > 0 {
		from, to = exprs[0].From, exprs[len(exprs)-1].To
	}
	return p.extent(n, from, to)
}

func isSplice(n *Node) bool {
	return n.Kind == Call && n.Text == "unquote_splicing" && len(n.Args) == 1
}
