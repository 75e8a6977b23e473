package elixir

import (
	"fmt"
	"sort"
	"strings"
)

// parser turns tokens into the quoted form. It follows elixir_parser.yrl: an expression is matched, unmatched (there is a
// do block in it that no parentheses enclose) or noParens (a call without parentheses whose arguments a comma
// separates), and the places that take only some of these are what makes `foo a, bar b, c` an error and `foo bar a, b`
// not. The first error ends the parse.
type parser struct {
	src      string
	toks     []token
	i        int
	depth    int32
	nodes    slab
	stack    []*Node // nodes of lists that are being read
	comments []Comment
	bare     bool // a name takes no arguments without parentheses: it is that of a struct
	err      *Error
}

type class uint8

const (
	matched class = iota
	unmatched
	noParens
)

// join is the class of an operator's node by the classes of its operands.
func join(left, right class) class {
	if right == matched || right == noParens && left == unmatched {
		return left
	}
	return right
}

func (p *parser) tok() *token { return &p.toks[p.i] }
func (p *parser) kind() kind  { return p.toks[p.i].kind }
func (p *parser) peek(n int) *token {
	return &p.toks[min(p.i+n, len(p.toks)-1)]
}

// next steps over a token. The last one, kEOF, is never stepped over.
func (p *parser) next() *token {
	t := &p.toks[p.i]
	if p.i < len(p.toks)-1 {
		p.i++
	}
	return t
}

// fail keeps the first error and moves to the end, so that every loop ends.
func (p *parser) fail(at Pos, format string, args ...any) *Node {
	if p.err == nil {
		p.err = &Error{Pos: at, Msg: fmt.Sprintf(format, args...)}
	}
	p.i = len(p.toks) - 1
	return &Node{Kind: Broken, Pos: at}
}

func (p *parser) unexpected() *Node {
	t := p.tok()
	if p.err != nil {
		return &Node{Kind: Broken}
	}
	return p.fail(t.pos(), "syntax error before: %s", p.show(t))
}

// show is a token for a message.
func (p *parser) show(t *token) string {
	switch t.kind {
	case kEOF:
		return "the end of the text"
	case kEOL:
		return "the end of the line"
	case kTextEnd, kInterpEnd:
		return "the end of the interpolation"
	}
	return fmt.Sprintf("%q", p.src[t.off:t.end])
}

func (p *parser) expect(k kind) *token {
	if p.kind() != k {
		p.unexpected()
	}
	return p.next()
}

func (p *parser) skipEOL() {
	if p.kind() == kEOL {
		p.i++
	}
}

// skipEOE steps over what separates expressions, and tells whether there was any.
func (p *parser) skipEOE() bool {
	at := p.i
	p.skipEOL()
	if p.kind() == kSemi {
		p.i++
	}
	return p.i > at
}

// enter bounds the recursion.
func (p *parser) enter() bool {
	p.depth++
	if p.depth > maxHeight {
		p.fail(p.tok().pos(), "nested more than %d deep", maxHeight)
	}
	return p.err == nil
}

func (p *parser) leave() { p.depth-- }

// lastEnd is the offset where the last token read ends.
func (p *parser) lastEnd() int32 { return p.toks[max(p.i-1, 0)].end }

// file reads a whole file, or the whole of an interpolation.
func (p *parser) file() *Node {
	n := p.exprs()
	if p.kind() != kEOF && p.kind() != kInterpEnd {
		p.unexpected()
	}
	return n
}

// exprs reads expressions up to something that belongs to no expression.
func (p *parser) exprs() *Node {
	from := p.tok().off
	base := len(p.stack)
	p.skipEOE()
	for p.kind() >= kFirstOperand && p.kind() < kPart && p.err == nil {
		at := p.i
		n, _ := p.expr(0, true)
		p.statement(at, n)
		p.stack = append(p.stack, n)
		if !p.skipEOE() {
			break
		}
	}
	return p.block(p.pop(base), from)
}

// statement gives the comments before token at to the expression that begins there.
func (p *parser) statement(at int, n *Node) {
	i := sort.Search(len(p.comments), func(i int) bool { return p.comments[i].next >= int32(at) })
	for ; i < len(p.comments) && p.comments[i].next == int32(at); i++ {
		p.comments[i].Next = n
	}
}

// expr reads an expression of operators that bind at least as tightly as least. Only where do is true can a do block be
// part of it; elsewhere the block belongs to a call further out.
func (p *parser) expr(least uint16, do bool) (*Node, class) {
	if !p.enter() {
		p.leave()
		return &Node{Kind: Broken}, matched
	}
	bare := p.bare
	p.bare = false
	n, c, access := p.operand(do)
	if c == matched && least <= precDot {
		n, c = p.postfix(n, access, do)
	}
	n, c = p.operators(n, c, least, do)
	p.bare = bare
	p.leave()
	return n, c
}

// operators reads the operators after an operand, and their right sides.
func (p *parser) operators(n *Node, c class, least uint16, do bool) (*Node, class) {
	for c != noParens {
		t := p.tok()
		if t.kind < kFirstBinary || t.kind > kLastBinary {
			return n, c
		}
		o := &ops[t.op]
		if o.prec < least {
			return n, c
		}
		kw := isKw(p.peek(1).kind) || p.peek(1).kind == kEOL && isKw(p.peek(2).kind)
		if kw && t.op == opPipe { // %{map | key: value}, which the map reads
			if least > 0 || !do {
				p.next()
				return p.unexpected(), c
			}
			return n, c
		}
		p.next()
		p.skipEOL()
		if kw && t.op == opWhen { // only when takes keywords
			right := p.kwNoParens()
			return p.binary(t, n, right), join(c, noParens)
		}
		binds := o.prec
		if !o.right {
			binds++
		}
		right, rc := p.expr(binds, do)
		n = p.binary(t, n, right)
		c = join(c, rc)
	}
	return n, c
}

// binary builds the node of an operator between two operands.
func (p *parser) binary(t *token, left, right *Node) *Node {
	o := &ops[t.op]
	switch {
	case t.kind == kTernaryOp:
		if left.Kind != Call || left.Text != ".." || len(left.Args) != 2 {
			return p.fail(t.pos(), "the step operator // must follow the range operator .., as in 1..9//2")
		}
		n := p.call("..//", left.Pos, left.Args[0], left.Args[1], right)
		return p.extent(n, left.From, right.To)
	case t.op == opNotIn:
		in := p.extent(p.call("in", t.pos(), left, right), left.From, right.To)
		return p.extent(p.call("not", t.pos(), in), left.From, right.To)
	case t.op == opIn && isNegation(left): // not a in b is deprecated, and means not(a in b)
		in := p.extent(p.call("in", t.pos(), left.Args[0], right), left.Args[0].From, right.To)
		return p.extent(p.call(left.Text, left.Pos, in), left.From, right.To)
	}
	return p.extent(p.call(o.text, t.pos(), left, right), left.From, right.To)
}

// isNegation tells a not or ! that is not in parentheses.
func isNegation(n *Node) bool {
	return n.Kind == Call && n.Fun == nil && len(n.Args) == 1 && (n.Text == "not" || n.Text == "!") && !n.parens
}

// operand reads what an operator works on, with the operators before it. access tells whether [key] may follow.
func (p *parser) operand(do bool) (n *Node, c class, access bool) {
	t := p.tok()
	switch t.kind {
	case kUnaryOp, kDualOp, kCaptureOp:
		n, c = p.unary(t, do)
		return n, c, false
	case kTernaryOp: // //2 is / applied to the name /, as in &//2
		p.next()
		p.skipEOL()
		arg, c := p.unaryOperand(precUnary, do)
		slash := p.extent(&Node{Kind: Var, Text: "/", Pos: t.pos()}, t.off, t.off+1)
		n = p.call("/", Pos{t.line, t.col + 1}, slash, arg)
		return p.extent(n, t.off, arg.To), c, false
	case kAtOp:
		return p.attribute(t, do)
	case kEllipsis, kRangeOp:
		p.next()
		if k := p.kind(); t.kind == kEllipsis && k > kFirstOperand && k < kFirstBinary {
			arg, c := p.unaryOperand(precCapture, do)
			return p.extent(p.call("...", t.pos(), arg), t.off, arg.To), c, false
		}
		return p.extent(p.call(ops[t.op].text, t.pos()), t.off, t.end), matched, false
	}
	return p.primary(do)
}

func (p *parser) unary(t *token, do bool) (*Node, class) {
	prec := ops[t.op].prec
	if t.kind == kDualOp {
		prec = precUnary
	}
	p.next()
	p.skipEOL()
	arg, c := p.unaryOperand(prec, do)
	return p.extent(p.call(ops[t.op].text, t.pos(), arg), t.off, arg.To), c
}

// unaryOperand reads the operand of an operator before it.
func (p *parser) unaryOperand(prec uint16, do bool) (*Node, class) {
	arg, c := p.expr(prec, do)
	return p.afterUnary(arg, c, do)
}

// afterUnary follows a turn of the grammar: after a do block, all further operators belong to the operand of an operator
// before it, whatever they bind.
func (p *parser) afterUnary(arg *Node, c class, do bool) (*Node, class) {
	if c == unmatched {
		return p.operators(arg, c, 0, do)
	}
	return arg, c
}

// attribute reads @name, which binds tighter than a dot, and @name[key].
func (p *parser) attribute(t *token, do bool) (*Node, class, bool) {
	if !p.enter() {
		p.leave()
		return &Node{Kind: Broken}, matched, false
	}
	p.next()
	p.skipEOL()
	arg, c, access := p.operand(do)
	arg, c = p.afterUnary(arg, c, do)
	p.leave()
	n := p.extent(p.call("@", t.pos(), arg), t.off, arg.To)
	if c != matched || !access || p.kind() != kLBracket {
		return n, c, false
	}
	return p.access(n), matched, true
}

// postfix reads dots, calls and [key] after an operand.
func (p *parser) postfix(n *Node, access, do bool) (*Node, class) {
	for p.err == nil {
		switch t := p.tok(); {
		case t.kind == kDot:
			var c class
			p.next()
			n, c, access = p.afterDot(t, n, do)
			if c != matched {
				return n, c
			}
		case t.kind == kDotCall:
			var c class
			p.next()
			dot := p.extent(p.call(".", t.pos(), n), n.From, t.end)
			n, c, access = p.parensCall(callee{fun: dot, pos: t.pos(), from: n.From}, do)
			if c != matched {
				return n, c
			}
		case t.kind == kLBracket && access:
			n = p.access(n)
		default:
			return n, matched
		}
	}
	return n, matched
}

// access reads [key] after n.
func (p *parser) access(n *Node) *Node {
	open := p.next()
	p.skipEOL()
	var key *Node
	if isKw(p.kind()) {
		key = p.kwData()
	} else {
		key = p.containerExpr()
		if p.kind() == kComma {
			p.next()
			if p.kind() != kRBracket {
				return p.fail(open.pos(), "too many arguments when accessing a value: value[key] takes one")
			}
		}
	}
	p.skipEOL()
	end := p.expect(kRBracket)
	dot := p.call(".", open.pos(), &Node{Kind: Atom, Text: "Elixir.Access"}, &Node{Kind: Atom, Text: "get"})
	dot.End = end.pos()
	a := p.callFun(dot, open.pos(), n, key)
	a.End = end.pos()
	return p.extent(a, n.From, end.end)
}

// afterDot reads what follows the dot token and n: a name, an alias, or {...}.
func (p *parser) afterDot(dot *token, n *Node, do bool) (*Node, class, bool) {
	t := p.tok()
	switch t.kind {
	case kAlias:
		p.next()
		segment := p.extent(&Node{Kind: Atom, Text: p.src[t.off:t.end]}, t.off, t.end)
		switch {
		case n.Kind == Call && n.Text == aliasName:
			n = p.callList(aliasName, n.Pos, append(append(make([]*Node, 0, len(n.Args)+1), n.Args...), segment))
			return p.extent(n, n.Args[0].From, t.end), matched, true
		case n.Kind == Atom:
			return p.fail(dot.pos(), "an atom cannot be followed by an alias"), matched, false
		}
		from := n.From
		return p.extent(p.call(aliasName, dot.pos(), n, segment), from, t.end), matched, true
	case kLCurly:
		open := p.next()
		args, end := p.container(open, kRCurly)
		name := p.call(".", dot.pos(), n, &Node{Kind: Atom, Text: "{}"})
		c := p.callFunList(p.extent(name, n.From, dot.end), dot.pos(), args)
		c.End = end.pos()
		return p.extent(c, n.From, end.end), matched, true
	case kIdent, kParenIdent, kBracketIdent, kDoIdent, kOpIdent:
		p.next()
		name := p.extent(&Node{Kind: Atom, Text: p.name(t)}, t.off, t.end)
		fun := p.extent(p.call(".", dot.pos(), n, name), n.From, t.end)
		return p.identifier(t, callee{fun: fun, pos: t.pos(), from: n.From}, do)
	}
	return p.unexpected(), matched, false
}

// primary reads an operand that begins with no operator.
func (p *parser) primary(do bool) (n *Node, c class, access bool) {
	t := p.next()
	switch t.kind {
	case kIdent, kParenIdent, kBracketIdent, kDoIdent, kOpIdent:
		return p.identifier(t, callee{name: p.name(t), pos: t.pos(), from: t.off}, do)
	case kAlias:
		segment := p.extent(&Node{Kind: Atom, Text: p.src[t.off:t.end]}, t.off, t.end)
		n = p.call(aliasName, t.pos(), segment)
	case kAtom:
		n = p.literal(Atom, p.atomText(t), t)
	case kTrue, kFalse, kNil:
		n = p.literal(Atom, p.src[t.off:t.end], t)
	case kInt:
		n = p.literal(Int, p.src[t.off:t.end], t)
	case kChar:
		n = p.literal(Int, p.src[t.off:t.end], t)
	case kFloat:
		n = p.literal(Float, p.src[t.off:t.end], t)
	case kString, kCharlist, kAtomText, kSigil:
		return p.quoted(t), matched, true
	case kCaptureInt:
		number := p.expect(kInt)
		arg := p.extent(&Node{Kind: Int, Text: p.src[number.off:number.end]}, number.off, number.end)
		n = p.extent(p.call("&", t.pos(), arg), t.off, number.end)
		return n, matched, true
	case kFn:
		return p.fn(t), matched, true
	case kLParen:
		return p.paren(t), matched, true
	case kLBracket:
		return p.list(t), matched, true
	case kLCurly:
		return p.tuple(t), matched, true
	case kLBit:
		return p.bitstring(t), matched, true
	case kMap:
		return p.mapBody(p.mapOpen()), matched, true
	case kPercent:
		return p.structure(t), matched, true
	default:
		if p.err == nil && t.kind != kEOF {
			p.i--
		}
		return p.unexpected(), matched, false
	}
	return p.extent(n, t.off, t.end), matched, true
}

func (p *parser) literal(k Kind, text string, t *token) *Node {
	n := p.nodes.node()
	n.Kind, n.Text, n.Pos = k, text, t.pos()
	return n
}

// name is the name that an identifier token stands for.
func (p *parser) name(t *token) string {
	text := p.src[t.off:t.end]
	switch {
	case t.flags&flagQuoted != 0:
		if t.flags&flagEscapes != 0 {
			var msg string
			if text, msg = unescape(text); msg != "" {
				p.fail(t.pos(), "%s", msg)
			}
		}
		return strings.Clone(text)
	case t.flags&flagNotASCII != 0:
		return normalise(text)
	}
	return text
}

// atomText is the name of an unquoted atom or keyword.
func (p *parser) atomText(t *token) string {
	text := p.src[t.off:t.end]
	if t.kind == kAtom {
		text = text[1:]
	}
	if t.flags&flagNotASCII != 0 {
		return normalise(text)
	}
	return text
}
