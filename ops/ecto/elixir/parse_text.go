package elixir

import (
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// quoted reads a quoted text after the token that opens it.
func (p *parser) quoted(t *token) *Node {
	base := len(p.stack)
	first := p.tok()
	interpolated := false
	for p.kind() != kTextEnd && p.err == nil {
		switch part := p.next(); part.kind {
		case kPart:
			p.push(p.textPart(t, part))
		case kInterp:
			interpolated = true
			p.push(p.interpolation(part, t.kind != kCharlist))
		default:
			p.i--
			p.unexpected()
		}
	}
	end := p.expect(kTextEnd)
	parts := p.pop(base)
	if t.kind != kSigil && !interpolated {
		return p.plainText(t, end, parts)
	}
	if len(parts) == 0 {
		empty := p.nodes.node()
		empty.Kind, empty.Pos, empty.part = String, first.pos(), true
		parts = p.nodes.list(p.extent(empty, first.off, first.off))
	}
	return p.extent(p.builtText(t, end, parts), t.off, end.end)
}

// textPart is a piece of literal text between interpolations.
func (p *parser) textPart(begin, part *token) *Node {
	closer := p.src[begin.off+int32(begin.quote)-1]
	if c := sigilCloser(closer); c != 0 {
		closer = c
	}
	text, err := cook(p.src, begin, part, closer)
	if err != nil {
		p.fail(err.Pos, "%s", err.Msg)
	}
	n := p.nodes.node()
	n.Kind, n.Text, n.Pos, n.part = String, text, part.pos(), true
	n.text, n.indent = part.off, begin.indent
	if part.flags&flagHead == 0 && begin.indent > 0 {
		n.indent = -begin.indent // its first line began before it
	}
	switch {
	case part.flags&flagEscapes == 0:
	case begin.kind == kSigil:
		n.escapes = escapesCloser
	default:
		n.escapes = escapesAll
	}
	return p.extent(n, part.off, part.end)
}

// plainText is a text without interpolation: one literal.
func (p *parser) plainText(t, end *token, parts []*Node) *Node {
	var n *Node
	if len(parts) == 0 {
		n = p.nodes.node()
	} else {
		n = parts[0]
		n.part = false
	}
	n.Pos = t.pos()
	switch t.kind {
	case kString:
		n.Kind = String
	case kCharlist:
		n.Kind = Charlist
	default:
		n.Kind = Atom
		if utf8.RuneCountInString(n.Text) > maxAtom {
			p.fail(t.pos(), "the atom has more than the %d characters that Elixir allows", maxAtom)
		}
	}
	return p.extent(n, t.off, end.end)
}

// builtText is a sigil, or a text with interpolation.
func (p *parser) builtText(t, end *token, parts []*Node) *Node {
	pos := t.pos()
	switch t.kind {
	case kString:
		return p.callList(binaryName, pos, parts)
	case kCharlist:
		list := p.nodes.node()
		list.Kind, list.Args = List, parts
		p.measure(list)
		p.extent(list, t.off, end.end)
		return p.callFun(p.remote(pos, "Elixir.List", "to_charlist"), pos, list)
	case kSigil:
		name := t.off + 1
		to := t.end - 1
		if t.flags&flagHeredoc != 0 {
			to -= 2
		}
		mods := p.nodes.node()
		mods.Kind, mods.Text, mods.part = Charlist, p.src[end.off+int32(end.quote):end.end], true
		p.extent(mods, end.off+int32(end.quote), end.end)
		binary := p.extent(p.callList(binaryName, pos, parts), t.off, end.end)
		return p.call("sigil_"+p.src[name:to], pos, binary, mods)
	}
	binary := p.extent(p.callList(binaryName, pos, parts), t.off, end.end)
	return p.callFun(p.remote(pos, "erlang", "binary_to_atom"), pos, binary, &Node{Kind: Atom, Text: "utf8"})
}

// remote is module.function without its arguments, as Elixir builds it for its own use.
func (p *parser) remote(pos Pos, module, function string) *Node {
	return p.call(".", pos, &Node{Kind: Atom, Text: module}, &Node{Kind: Atom, Text: function})
}

// interpolation reads #{...} after its opening: Kernel.to_string(...), in a binary with the type binary.
func (p *parser) interpolation(t *token, binary bool) *Node {
	pos := t.pos()
	inner := &Node{Kind: Broken}
	if p.enter() {
		inner = p.exprs()
	}
	p.leave()
	end := p.expect(kInterpEnd)
	n := p.callFun(p.remote(pos, "Elixir.Kernel", "to_string"), pos, inner)
	n.End = end.pos()
	p.extent(n, t.off, end.end)
	if !binary {
		return n
	}
	v := p.nodes.node()
	v.Kind, v.Text, v.Pos = Var, "binary", pos
	p.extent(v, t.off, t.off)
	return p.extent(p.call("::", pos, n, v), t.off, end.end)
}

// normalise is a name as Elixir keeps it: in NFC, with the micro sign as the Greek letter.
func normalise(s string) string {
	b := []rune(norm.NFC.String(s))
	for i, r := range b {
		if r == 'µ' {
			b[i] = 'μ'
		}
	}
	return string(b)
}
