package elixir

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// lexer turns a span of a file into tokens, once, from the left, following elixir_tokenizer: which token something is
// often depends on the one before it and on the space between, so both are decided here and not in the grammar.
type lexer struct {
	src      string
	pos, end int   // offsets into src
	line     int32 // of pos
	base     int   // the column of pos is pos-base+1
	toks     []token
	open     []opened // brackets, blocks and interpolations that are not closed yet
	comments []Comment
	fresh    bool // no token yet on this line
	err      *Error
}

// opened is an opening token. For an interpolation, text is the quoted text that it is in.
type opened struct {
	tok  int32
	text textState
}

func newLexer(src string, s span) *lexer {
	l := &lexer{src: src, pos: int(s.from), end: int(s.to), line: s.line, base: int(s.from), fresh: true}
	if strings.HasPrefix(src[s.from:s.to], "\ufeff") { // a byte order mark, which editors leave and which is no code
		l.pos += 3
		l.base += 3
	}
	l.toks = make([]token, 0, (l.end-l.pos)/5+16)
	return l
}

func (l *lexer) fail(at Pos, format string, args ...any) {
	if l.err == nil {
		l.err = &Error{Pos: at, Msg: fmt.Sprintf(format, args...)}
	}
}

// at is the byte i bytes ahead, or 0 past the end.
func (l *lexer) at(i int) byte {
	if i += l.pos; i < l.end {
		return l.src[i]
	}
	return 0
}

func (l *lexer) rest() string { return l.src[l.pos:l.end] }
func (l *lexer) col() int32   { return int32(l.pos - l.base + 1) }
func (l *lexer) here() Pos    { return Pos{l.line, l.col()} }

// newline steps over the line break of n bytes at pos.
func (l *lexer) newline(n int) {
	l.pos += n
	l.line++
	l.base = l.pos
	l.fresh = true
}

// breakLen is the length of the line break i bytes ahead, 0 if there is none.
func (l *lexer) breakLen(i int) int {
	switch l.at(i) {
	case '\n':
		return 1
	case '\r':
		if l.at(i+1) == '\n' {
			return 2
		}
	}
	return 0
}

func isBlank(c byte) bool { return c == ' ' || c == '\t' }
func isSpace(c byte) bool { return c == ' ' || c == '\t' || c == '\n' || c == '\r' }
func isDigit(c byte) bool { return c-'0' < 10 }
func isLower(c byte) bool { return c-'a' < 26 }
func isUpper(c byte) bool { return c-'A' < 26 }

// add appends a token of n bytes at pos and steps over it.
func (l *lexer) add(k kind, n int) *token {
	l.toks = append(l.toks, token{
		kind: k, line: l.line, col: l.col(), off: int32(l.pos), end: int32(l.pos + n), match: -1,
	})
	l.pos += n
	l.fresh = false
	return &l.toks[len(l.toks)-1]
}

// last is the kind of the last token.
func (l *lexer) last() kind {
	if n := len(l.toks); n > 0 {
		return l.toks[n-1].kind
	}
	return kEOF
}

// joinLines forgets a line break before a token that continues the line before.
func (l *lexer) joinLines() {
	if l.last() == kEOL {
		l.toks = l.toks[:len(l.toks)-1]
	}
}

func (l *lexer) run() {
	for l.err == nil && l.pos < l.end {
		c := l.src[l.pos]
		switch {
		case isBlank(c):
			l.space()
		case c == '\n', c == '\r' && l.at(1) == '\n':
			l.eol()
		case isLower(c), c == '_', isUpper(c), c >= utf8.RuneSelf:
			l.name()
		case isDigit(c):
			l.number()
		case c == '#':
			l.comment()
		default:
			l.punct(c)
		}
	}
	if l.err == nil && len(l.open) > 0 {
		o := l.toks[l.open[len(l.open)-1].tok]
		l.fail(o.pos(), "missing terminator: %s (for %q at line %d)", closes(o.kind), l.src[o.off:o.end], o.line)
	}
	l.add(kEOF, 0)
}

func (l *lexer) eol() {
	switch l.last() {
	case kEOL, kComma, kSemi:
	default:
		t := l.add(kEOL, 0)
		t.end++
	}
	l.newline(l.breakLen(0))
}

// space skips blanks. After a name they tell `name -1`, a call, from `name - 1`, a subtraction.
func (l *lexer) space() {
	l.skipBlanks()
	c := l.at(0)
	if c != '-' && c != '+' || l.last() != kIdent {
		return
	}
	switch n := l.at(1); {
	case n == 0, isSpace(n), n == c, n == '/', n == '>', n == '\\':
		return
	case n == ':' && isSpace(l.at(2)):
		return
	}
	l.toks[len(l.toks)-1].kind = kOpIdent
	t := l.add(kDualOp, 1)
	t.op = opNamed[string(c)]
}

// skipBlanks skips blanks and line breaks that a backslash hides.
func (l *lexer) skipBlanks() {
	for {
		switch {
		case isBlank(l.at(0)):
			l.pos++
		case l.at(0) == '\\' && l.breakLen(1) > 0 && l.pos+1+l.breakLen(1) < l.end:
			l.newline(1 + l.breakLen(1))
			l.fresh = false
		default:
			return
		}
	}
}

func (l *lexer) comment() {
	line := l.rest()
	if i := strings.IndexByte(line, '\n'); i >= 0 {
		line = strings.TrimSuffix(line[:i], "\r")
	}
	if i := strings.IndexFunc(line, isBidi); i >= 0 {
		l.fail(l.here(), "the comment has a bidirectional formatting character, which can hide what the code says")
	}
	l.comments = append(l.comments, Comment{
		Pos: l.here(), Text: line, Trailing: !l.fresh, next: int32(len(l.toks)),
	})
	l.pos += len(line)
}

// isBidi tells the characters that can make code read differently from what it is.
func isBidi(r rune) bool {
	return r >= 0x202A && r <= 0x202E || r >= 0x2066 && r <= 0x2069
}

func (l *lexer) punct(c byte) {
	switch c {
	case '"', '\'':
		l.quoted(kString, 0)
	case ':':
		if !l.atom() {
			l.operator()
		}
	case '?':
		l.char()
	case ',':
		l.add(kComma, 1)
		l.mark(flagComma)
	case ';':
		if l.last() == kSemi {
			l.fail(l.here(), "unexpected token: \";\"")
			return
		}
		l.add(kSemi, 1)
	case '(':
		if l.last() == kAlias {
			l.fail(l.here(), "unexpected ( after the alias %s", l.src[l.toks[len(l.toks)-1].off:l.pos])
			return
		}
		l.opening(kLParen, 1)
	case '[':
		l.opening(kLBracket, 1)
	case '{':
		l.curly()
	case ')':
		l.closing(kRParen, 1)
	case ']':
		l.closing(kRBracket, 1)
	case '}':
		l.closing(kRCurly, 1)
	case '%':
		l.percent()
	case '.':
		l.dot()
	case '~':
		if isLower(l.at(1)) || isUpper(l.at(1)) {
			l.sigil()
			return
		}
		l.operator()
	case '&':
		l.ampersand()
	case '\\':
		if n := l.breakLen(1); n > 0 && l.pos+1+n < l.end {
			l.newline(1 + n)
			l.fresh = false
			return
		}
		l.operator()
	default:
		l.operator()
	}
}

// keyword adds the keyword of n bytes at pos if a colon and a space make it one.
func (l *lexer) keyword(n int) bool {
	if l.at(n) != ':' || !isSpace(l.at(n+1)) {
		return false
	}
	l.add(kKw, n)
	l.pos++
	return true
}

func (l *lexer) curly() {
	switch {
	case l.at(1) == '}' && l.keyword(2):
	case l.last() == kPercent:
		l.fail(l.here(), "unexpected space between %% and {")
	default:
		l.opening(kLCurly, 1)
	}
}

func (l *lexer) percent() {
	switch {
	case l.keyword(1), strings.HasPrefix(l.rest(), "%{}") && l.keyword(3):
	case l.at(1) == '(' || l.at(1) == '[':
		l.fail(l.here(), "expected %%{ to define a map")
	case l.at(1) == '{':
		l.add(kMap, 0)
		l.opening(kLCurly, 2)
	default:
		l.add(kPercent, 1)
	}
}

// ampersand: `&1`, `&name/1`, and `&` itself as a name in `&/1`.
func (l *lexer) ampersand() {
	if l.at(1) == '&' || l.keyword(1) {
		if l.at(1) == '&' {
			l.operator()
		}
		return
	}
	t := l.add(kCaptureOp, 1)
	t.op = opNamed["&"]
	if isDigit(l.at(0)) {
		t.kind = kCaptureInt
		return
	}
	i := l.blanks(0)
	if l.at(i) == '/' && l.at(l.blanks(i+1)) != '/' {
		t.kind = kIdent
	}
}

// blanks is the offset of the first byte from i ahead that is no blank.
func (l *lexer) blanks(i int) int {
	for isBlank(l.at(i)) {
		i++
	}
	return i
}

// operator reads any operator or the brackets << and >>.
func (l *lexer) operator() {
	if l.col() == 1 && strings.HasPrefix(l.rest(), "<<<<<<<") {
		l.fail(l.here(), "unexpected version control marker: the conflict is not resolved")
		return
	}
	rest := l.rest()
	for _, i := range opsByFirst[rest[0]] {
		if strings.HasPrefix(rest, ops[i].text) {
			l.operatorAt(i)
			return
		}
	}
	l.unexpected()
}

func (l *lexer) operatorAt(i uint8) {
	o := &ops[i]
	n := len(o.text)
	switch o.kind {
	case kLBit:
		if strings.HasPrefix(l.rest(), "<<>>") && l.keyword(4) {
			return
		}
		l.opening(kLBit, 2)
		return
	case kRBit:
		l.closing(kRBit, 2)
		return
	case kAssoc, kTernaryOp:
		l.joinLines()
		t := l.add(o.kind, n)
		t.op = i
		return
	}
	if l.keyword(n) {
		return
	}
	if l.at(l.blanks(n)) == '/' { // the name of an operator, as in &+/2
		l.add(kIdent, n)
		return
	}
	switch o.kind {
	case kUnaryOp, kAtOp, kCaptureOp, kDualOp, kEllipsis:
	default:
		l.joinLines()
	}
	t := l.add(o.kind, n)
	t.op = i
	if o.kind == kStab {
		l.mark(flagArrow)
	}
}

// mark sets a flag on the innermost open token.
func (l *lexer) mark(flag uint8) {
	if n := len(l.open); n > 0 {
		l.toks[l.open[n-1].tok].flags |= flag
	}
}

func (l *lexer) opening(k kind, n int) {
	l.open = append(l.open, opened{tok: int32(len(l.toks))})
	l.add(k, n)
}

// closing adds a closing bracket or end, which must be the one that is due. A } can end an interpolation.
func (l *lexer) closing(k kind, n int) {
	text := l.src[l.pos : l.pos+n]
	if len(l.open) == 0 {
		l.fail(l.here(), "unexpected %q: nothing is open that it could close", text)
		return
	}
	o := l.open[len(l.open)-1]
	from := &l.toks[o.tok]
	switch {
	case from.kind == kInterp && k == kRCurly:
		k = kInterpEnd
	case closer(from.kind) != k:
		l.fail(l.here(), "unexpected %q: the %q at line %d is missing its %q",
			text, l.src[from.off:from.end], from.line, closes(from.kind))
		return
	}
	from.match = int32(len(l.toks))
	l.open = l.open[:len(l.open)-1]
	l.add(k, n)
	if k == kInterpEnd {
		l.text(o.text)
	}
}

func (l *lexer) unexpected() {
	r, _ := utf8.DecodeRuneInString(l.rest())
	l.fail(l.here(), "unexpected token: %q (U+%04X)", r, r)
}

// dot reads a dot and, where an operator or quotes follow it, the name that they are.
func (l *lexer) dot() {
	rest := l.rest()
	switch {
	case strings.HasPrefix(rest, "..//"):
		l.steppedRange()
		return
	case strings.HasPrefix(rest, ".."):
		l.operator()
		return
	case l.keyword(1):
		return
	}
	l.joinLines()
	at := len(l.toks)
	l.add(kDot, 1)
	l.skipToName()
	c := l.at(0)
	switch {
	case c == '(':
		l.toks[at].kind = kDotCall
	case c == '"' || c == '\'':
		l.quotedName()
	case c == '.' || c >= utf8.RuneSelf:
	default:
		for _, i := range opsByFirst[c] {
			o := &ops[i]
			switch o.kind {
			case kStab, kAssoc, kLBit, kRBit:
				continue
			case kTernaryOp: // a single slash is the name
				continue
			}
			if strings.HasPrefix(l.rest(), o.text) && !isLower(c) {
				l.add(kIdent, len(o.text))
				l.callKind()
				return
			}
		}
	}
}

// skipToName skips blanks, comments and line breaks between a dot and what it is for.
func (l *lexer) skipToName() {
	for l.err == nil {
		l.skipBlanks()
		switch {
		case l.at(0) == '#' && l.pos < l.end:
			l.comment()
		case l.breakLen(0) > 0:
			l.newline(l.breakLen(0))
		default:
			return
		}
	}
}

// steppedRange: `..//` is only a name, as in &..//3 and `..//: 1`.
func (l *lexer) steppedRange() {
	switch {
	case l.keyword(4):
	case l.at(l.blanks(4)) == '/':
		l.add(kIdent, 4)
	default:
		l.unexpected()
	}
}

// callKind says of the name just added whether a bracket follows it directly.
func (l *lexer) callKind() {
	t := &l.toks[len(l.toks)-1]
	switch l.at(0) {
	case '(':
		t.kind = kParenIdent
	case '[':
		t.kind = kBracketIdent
	}
}
