package graphql

import (
	"strconv"
)

// document is a parsed query.
type document struct {
	src       string
	ops       []*operation
	fragments map[string]*fragment
}

// loc is where an offset of the query is.
func (d *document) loc(at int) []Location {
	line, col := (&lexer{src: d.src}).where(at)
	return []Location{{line, col}}
}

type operation struct {
	kind string // query, mutation or subscription
	name string
	vars []variable
	sel  []selection
}

type variable struct {
	name     string
	typ      string // the innermost type
	list     bool
	required bool
	def      value
}

type fragment struct {
	on  string
	sel []selection
}

// selection is a field, or (with spread or inline set) a fragment.
type selection struct {
	alias, name string
	args        []argument
	sel         []selection
	directives  []directive
	spread      string // name of a fragment
	inline      bool
	on          string // type of an inline fragment; "": any
	at          int    // byte offset
}

type argument struct {
	name string
	v    value
}

type directive struct {
	name string
	args []argument
}

// value is a variable, a list, an object, or a plain JSON value.
type value struct {
	variable string
	plain    any
	list     []value
	object   []argument
	kind     byte // 0: none, 'p', 'v', 'l', 'o'
}

type parser struct {
	lexer
	tok token
}

func parse(src string) (*document, error) {
	if len(src) > MaxQuery {
		return nil, Errorf("queryTooLong", "query is longer than %d bytes", MaxQuery)
	}
	p := &parser{lexer: lexer{src: src}}
	if err := p.advance(); err != nil {
		return nil, err
	}
	doc := &document{src: src, fragments: map[string]*fragment{}}
	for p.tok.kind != end {
		if err := p.definition(doc); err != nil {
			return nil, err
		}
	}
	if len(doc.ops) == 0 {
		return nil, p.fail(p.tok.at, "no operation")
	}
	return doc, nil
}

func (p *parser) advance() (err error) {
	p.tok, err = p.next()
	return err
}

func (p *parser) is(s string) bool { return p.tok.kind == punct && p.tok.s == s }

func (p *parser) expect(s string) error {
	if !p.is(s) {
		return p.unexpected("expected " + strconv.Quote(s))
	}
	return p.advance()
}

func (p *parser) unexpected(what string) error {
	if p.tok.kind == end {
		return p.fail(p.tok.at, "%s, not the end of the query", what)
	}
	return p.fail(p.tok.at, "%s, not %q", what, p.tok.s)
}

func (p *parser) ident() (string, error) {
	if p.tok.kind != name {
		return "", p.unexpected("expected a name")
	}
	s := p.tok.s
	return s, p.advance()
}

func (p *parser) definition(doc *document) error {
	if p.is("{") {
		sel, err := p.selections(0)
		doc.ops = append(doc.ops, &operation{kind: "query", sel: sel})
		return err
	}
	word, err := p.ident()
	if err != nil {
		return err
	}
	switch word {
	case "query", "mutation", "subscription":
		op := &operation{kind: word}
		doc.ops = append(doc.ops, op)
		return p.operation(op)
	case "fragment":
		f := &fragment{}
		fname, err := p.ident()
		if err != nil {
			return err
		}
		if on, err := p.ident(); err != nil || on != "on" {
			return p.unexpected("expected on")
		}
		if f.on, err = p.ident(); err != nil {
			return err
		}
		if _, err = p.directives(0); err != nil {
			return err
		}
		doc.fragments[fname] = f
		f.sel, err = p.selections(0)
		return err
	}
	return p.fail(p.tok.at, "unexpected %q", word)
}

func (p *parser) operation(op *operation) (err error) {
	if p.tok.kind == name {
		if op.name, err = p.ident(); err != nil {
			return err
		}
	}
	if p.is("(") {
		if err := p.advance(); err != nil {
			return err
		}
		for !p.is(")") {
			v, err := p.variable()
			if err != nil {
				return err
			}
			op.vars = append(op.vars, v)
		}
		if err := p.advance(); err != nil {
			return err
		}
	}
	if _, err := p.directives(0); err != nil {
		return err
	}
	op.sel, err = p.selections(0)
	return err
}

func (p *parser) variable() (v variable, err error) {
	if err = p.expect("$"); err != nil {
		return v, err
	}
	if v.name, err = p.ident(); err != nil {
		return v, err
	}
	if err = p.expect(":"); err != nil {
		return v, err
	}
	depth := 0
	for p.is("[") {
		v.list = true
		if depth++; depth > maxDepth {
			return v, p.fail(p.tok.at, "too deep")
		}
		if err = p.advance(); err != nil {
			return v, err
		}
	}
	if v.typ, err = p.ident(); err != nil {
		return v, err
	}
	for {
		v.required = false
		if p.is("!") {
			v.required = true
			if err = p.advance(); err != nil {
				return v, err
			}
		}
		if depth == 0 {
			break
		}
		if err = p.expect("]"); err != nil {
			return v, err
		}
		depth--
	}
	if p.is("=") {
		if err = p.advance(); err != nil {
			return v, err
		}
		if v.def, err = p.value(0); err != nil {
			return v, err
		}
	}
	_, err = p.directives(0)
	return v, err
}

func (p *parser) selections(depth int) ([]selection, error) {
	if depth > maxDepth {
		return nil, p.fail(p.tok.at, "too deep")
	}
	if err := p.expect("{"); err != nil {
		return nil, err
	}
	var out []selection
	for !p.is("}") {
		s, err := p.selection(depth)
		if err != nil {
			return nil, err
		}
		out = append(out, s)
	}
	if len(out) == 0 {
		return nil, p.fail(p.tok.at, "empty selection")
	}
	return out, p.advance()
}

func (p *parser) selection(depth int) (s selection, err error) {
	s.at = p.tok.at
	if p.is("...") {
		if err = p.advance(); err != nil {
			return s, err
		}
		if p.tok.kind == name && p.tok.s != "on" {
			s.spread = p.tok.s
			if err = p.advance(); err != nil {
				return s, err
			}
			s.directives, err = p.directives(depth)
			return s, err
		}
		s.inline = true
		if p.tok.kind == name {
			if err = p.advance(); err != nil {
				return s, err
			}
			if s.on, err = p.ident(); err != nil {
				return s, err
			}
		}
		if s.directives, err = p.directives(depth); err != nil {
			return s, err
		}
		s.sel, err = p.selections(depth + 1)
		return s, err
	}
	if s.name, err = p.ident(); err != nil {
		return s, err
	}
	s.alias = s.name
	if p.is(":") {
		if err = p.advance(); err != nil {
			return s, err
		}
		if s.name, err = p.ident(); err != nil {
			return s, err
		}
	}
	if s.args, err = p.arguments(depth); err != nil {
		return s, err
	}
	if s.directives, err = p.directives(depth); err != nil {
		return s, err
	}
	if p.is("{") {
		s.sel, err = p.selections(depth + 1)
	}
	return s, err
}

func (p *parser) arguments(depth int) ([]argument, error) {
	if !p.is("(") {
		return nil, nil
	}
	if err := p.advance(); err != nil {
		return nil, err
	}
	return p.pairs(")", depth)
}

// pairs reads name: value until a closing sign.
func (p *parser) pairs(closing string, depth int) (out []argument, err error) {
	for !p.is(closing) {
		var a argument
		if a.name, err = p.ident(); err != nil {
			return nil, err
		}
		if err = p.expect(":"); err != nil {
			return nil, err
		}
		if a.v, err = p.value(depth + 1); err != nil {
			return nil, err
		}
		out = append(out, a)
	}
	return out, p.advance()
}

func (p *parser) directives(depth int) (out []directive, err error) {
	for p.is("@") {
		if err = p.advance(); err != nil {
			return nil, err
		}
		var d directive
		if d.name, err = p.ident(); err != nil {
			return nil, err
		}
		if d.args, err = p.arguments(depth); err != nil {
			return nil, err
		}
		out = append(out, d)
	}
	return out, nil
}

func (p *parser) value(depth int) (v value, err error) {
	if depth > maxDepth {
		return v, p.fail(p.tok.at, "too deep")
	}
	t := p.tok
	v.kind = 'p'
	switch {
	case t.kind == text:
		v.plain = t.s
	case t.kind == number:
		if n, err := strconv.ParseInt(t.s, 10, 64); err == nil {
			v.plain = n
		} else if f, err := strconv.ParseFloat(t.s, 64); err == nil {
			v.plain = f
		} else {
			return v, p.fail(t.at, "bad number %q", t.s)
		}
	case t.kind == name && (t.s == "true" || t.s == "false"):
		v.plain = t.s == "true"
	case t.kind == name && t.s == "null":
	case t.kind == name:
		v.plain = t.s
	case p.is("$"):
		if err = p.advance(); err != nil {
			return v, err
		}
		v.kind = 'v'
		v.variable, err = p.ident()
		return v, err
	case p.is("["):
		v.kind = 'l'
		if err = p.advance(); err != nil {
			return v, err
		}
		for !p.is("]") {
			e, err := p.value(depth + 1)
			if err != nil {
				return v, err
			}
			v.list = append(v.list, e)
		}
	case p.is("{"):
		v.kind = 'o'
		if err = p.advance(); err != nil {
			return v, err
		}
		v.object, err = p.pairs("}", depth)
		return v, err
	default:
		return v, p.unexpected("expected a value")
	}
	return v, p.advance()
}
