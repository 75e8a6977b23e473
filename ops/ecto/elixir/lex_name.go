package elixir

import (
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// nameLen is the length in bytes of the name at pos+i, its length in code points, and whether it is all ASCII. A name
// ends after its first ? or !; @ is part of it, which only atoms and keywords may have.
func (l *lexer) nameLen(i int) (n, points int, ascii, at bool) {
	ascii = true
	for n = i; ; {
		c := l.at(n)
		switch {
		case isLower(c), isUpper(c), c == '_':
			n++
			points++
			continue
		case isDigit(c) && n > i:
			n++
			points++
			continue
		case c == '@' && n > i:
			at = true
			n++
			points++
			continue
		case (c == '?' || c == '!') && n > i:
			return n + 1 - i, points + 1, ascii, at
		case c >= utf8.RuneSelf:
			r, size := utf8.DecodeRuneInString(l.src[l.pos+n : l.end])
			if !isNameRune(r, n > i) {
				return n - i, points, ascii, at
			}
			ascii = false
			n += size
			points++
			continue
		}
		return n - i, points, ascii, at
	}
}

// isNameRune follows Unicode's identifier rules; Elixir further leaves out scripts that are no longer in use.
func isNameRune(r rune, inside bool) bool {
	if unicode.In(r, unicode.L, unicode.Nl, unicode.Other_ID_Start) && !unicode.In(r, unicode.Pattern_Syntax, unicode.Pattern_White_Space) {
		return true
	}
	return inside && unicode.In(r, unicode.Mn, unicode.Mc, unicode.Nd, unicode.Pc, unicode.Other_ID_Continue)
}

// wide makes up for n bytes that were counted as columns but are points code points.
func (l *lexer) wide(n, points int) { l.base += n - points }

func (l *lexer) name() {
	n, points, ascii, at := l.nameLen(0)
	if n == 0 {
		l.unexpected()
		return
	}
	c := l.at(0)
	text := l.src[l.pos : l.pos+n]
	switch {
	case points > maxAtom:
		l.tooLong(points)
		return
	case l.at(n) == ':' && isSpace(l.at(n+1)):
		t := l.add(kKw, n)
		if !ascii {
			t.flags |= flagNotASCII
		}
		l.wide(n, points)
		l.pos++
		return
	case l.at(n) == ':' && l.at(n+1) != ':' && l.pos+n+1 < l.end:
		l.fail(l.here(), "keyword argument must be followed by space after: %s:", text)
		return
	}
	k, reserved := words[text]
	switch {
	case reserved && l.last() != kDot:
		l.word(k, n)
		return
	case at:
		l.fail(l.here(), "invalid character \"@\" in the name %s", text)
		return
	case text == "__aliases__" || text == "__block__":
		l.fail(l.here(), "reserved token: %s", text)
		return
	case isUpper(c):
		if !ascii || strings.HasSuffix(text, "?") || strings.HasSuffix(text, "!") {
			l.fail(l.here(), "an alias has only ASCII letters, digits and underscores: %s", text)
			return
		}
		l.add(kAlias, n)
		return
	case !ascii:
		if r, _ := utf8.DecodeRuneInString(text); unicode.In(r, unicode.Lu, unicode.Lt) {
			l.unexpected()
			return
		}
	}
	t := l.add(kIdent, n)
	if !ascii {
		t.flags |= flagNotASCII
		l.wide(n, points)
	}
	l.callKind()
}

// word adds a reserved word.
func (l *lexer) word(k kind, n int) {
	text := l.src[l.pos : l.pos+n]
	switch k {
	case kDo:
		l.do()
	case kFn:
		l.opening(kFn, n)
	case kEnd:
		l.closing(kEnd, n)
	case kBinary, kUnaryOp:
		if l.at(l.blanks(n)) == '/' {
			l.add(kIdent, n)
			return
		}
		op := opNamed[text]
		if op == opIn && l.last() == kUnaryOp && l.toks[len(l.toks)-1].op == opNot {
			not := l.toks[len(l.toks)-1]
			l.toks = l.toks[:len(l.toks)-1]
			l.joinLines()
			l.add(kBinary, n)
			in := &l.toks[len(l.toks)-1]
			in.op, in.line, in.col = opNotIn, not.line, not.col
			return
		}
		if k == kBinary {
			l.joinLines()
		}
		t := l.add(k, n)
		t.op = op
	default:
		l.add(k, n)
	}
}

// do opens a block. The name directly before it is the call that the block belongs to, unless an outer one takes it.
func (l *lexer) do() {
	switch l.last() {
	case kIdent:
		l.toks[len(l.toks)-1].kind = kDoIdent
	case kFn, kComma, kSemi:
		l.fail(l.here(), "unexpected reserved word: do")
		return
	}
	l.joinLines()
	l.opening(kDo, 2)
}

// atom reads what begins with a colon, except the operator ::.
func (l *lexer) atom() bool {
	switch c := l.at(1); {
	case c == '"' || c == '\'':
		l.quoted(kAtomText, 1)
		return true
	case isLower(c), isUpper(c), c == '_', c >= utf8.RuneSelf:
		n, points, ascii, _ := l.nameLen(1)
		if n == 0 {
			l.pos++
			l.unexpected()
			return true
		}
		if points > maxAtom {
			l.tooLong(points)
		}
		t := l.add(kAtom, n+1)
		if !ascii {
			t.flags |= flagNotASCII
		}
		l.wide(n, points)
		return true
	}
	rest := l.rest()[1:]
	for _, s := range [...]string{"<<>>", "%{}", "%", "{}", "..//"} {
		if strings.HasPrefix(rest, s) {
			l.add(kAtom, 1+len(s))
			return true
		}
	}
	if rest == "" {
		l.unexpected()
		return true
	}
	for _, i := range opsByFirst[rest[0]] {
		o := &ops[i]
		switch {
		case !strings.HasPrefix(rest, o.text):
			continue
		case o.kind == kLBit, o.kind == kRBit, o.kind == kTernaryOp, o.kind == kAssoc:
			continue
		}
		l.add(kAtom, 1+len(o.text))
		return true
	}
	switch rest[0] {
	case '.':
		l.add(kAtom, 2)
		return true
	case ':':
		return false
	}
	l.pos++
	l.unexpected()
	return true
}

// maxAtom is how many characters an atom can have, and so any name.
const maxAtom = 255

func (l *lexer) tooLong(points int) {
	l.fail(l.here(), "a name of %d characters, Elixir allows %d", points, maxAtom)
}

// char reads a character literal, ?a or ?\n.
func (l *lexer) char() {
	n := 1
	if l.at(n) == '\\' && l.pos+2 < l.end {
		n++
	}
	if l.pos+n >= l.end {
		l.unexpected()
		return
	}
	if l.at(n) == '\n' { // deprecated, but the character it is
		l.add(kChar, n)
		l.toks[len(l.toks)-1].end++
		l.newline(1)
		l.fresh = false
		return
	}
	if l.at(n) == '\r' {
		l.fail(l.here(), "a carriage return after ?, write ?\\r")
		return
	}
	_, size := utf8.DecodeRuneInString(l.src[l.pos+n : l.end])
	l.add(kChar, n+size)
	l.wide(size, 1)
}

func (l *lexer) number() {
	n, k := l.numberLen()
	if c := l.at(n); (isLower(c) || isUpper(c) || c == '_') && !(l.at(0) == '0' && isLower(l.at(1)) && n > 2) {
		l.fail(l.here(), "invalid character %q after the number %s", c, l.src[l.pos:l.pos+n])
		return
	}
	if k == kFloat {
		text := strings.ReplaceAll(l.src[l.pos:l.pos+n], "_", "")
		if _, err := strconv.ParseFloat(text, 64); err != nil {
			l.fail(l.here(), "invalid float number %s", text)
			return
		}
	}
	l.add(k, n)
}

func isHex(c byte) bool { return isDigit(c) || c-'a' < 6 || c-'A' < 6 }

// baseDigit tells the digits of the base that a letter after a zero stands for.
func baseDigit(letter byte) func(byte) bool {
	switch letter {
	case 'x':
		return isHex
	case 'o':
		return func(c byte) bool { return c-'0' < 8 }
	case 'b':
		return func(c byte) bool { return c-'0' < 2 }
	}
	return nil
}

// numberLen is the length of the number at pos.
func (l *lexer) numberLen() (int, kind) {
	if l.at(0) == '0' {
		if digit := baseDigit(l.at(1)); digit != nil && digit(l.at(2)) {
			return l.digits(2, digit), kInt
		}
	}
	n := l.digits(0, isDigit)
	if l.at(n) != '.' || !isDigit(l.at(n+1)) {
		return n, kInt
	}
	n = l.digits(n+1, isDigit)
	for l.at(n)|0x20 == 'e' {
		m := n + 1
		if l.at(m) == '+' || l.at(m) == '-' {
			m++
		}
		if !isDigit(l.at(m)) {
			break
		}
		n = l.digits(m, isDigit)
	}
	return n, kFloat
}

// digits is the offset after the digits from i ahead; single underscores may stand between them.
func (l *lexer) digits(i int, digit func(byte) bool) int {
	for digit(l.at(i)) || l.at(i) == '_' && digit(l.at(i+1)) {
		i++
	}
	return i
}
