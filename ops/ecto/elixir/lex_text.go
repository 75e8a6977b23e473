package elixir

import (
	"strings"
	"unicode/utf8"

	"github.com/rivo/uniseg"
)

// textState is where the lexer is inside quotes, kept while it reads an interpolation.
type textState struct {
	begin    int32 // token that opened the quotes
	closer   byte
	heredoc  bool
	interpol bool // #{} is read
}

// sigilCloser is what closes a sigil opened by a delimiter, 0 for what opens none.
func sigilCloser(c byte) byte {
	switch c {
	case '(':
		return ')'
	case '[':
		return ']'
	case '{':
		return '}'
	case '<':
		return '>'
	case '/', '|', '"', '\'':
		return c
	}
	return 0
}

// quoted reads a string, a charlist, a quoted keyword, or a quoted atom, whose quotes begin after skip bytes.
func (l *lexer) quoted(k kind, skip int) {
	q := l.at(skip)
	var flags uint8
	if q == '\'' {
		flags |= flagSingle
		if k == kString {
			k = kCharlist
		}
	}
	st := textState{begin: int32(len(l.toks)), closer: q, interpol: true}
	n := skip + 1
	if skip == 0 && l.at(1) == q && l.at(2) == q {
		st.heredoc = true
		flags |= flagHeredoc
		n = 3
	}
	t := l.add(k, n)
	t.flags, t.quote = flags, uint8(n)
	l.openText(st)
}

func (l *lexer) sigil() {
	n := 2
	if isUpper(l.at(1)) {
		for isUpper(l.at(n)) || isDigit(l.at(n)) {
			n++
		}
	}
	if isLower(l.at(n)) {
		l.fail(l.here(), "invalid sigil name: one lowercase letter, or uppercase letters and digits")
		return
	}
	q := l.at(n)
	st := textState{begin: int32(len(l.toks)), closer: sigilCloser(q), interpol: isLower(l.at(1))}
	if st.closer == 0 {
		l.fail(l.here(), "invalid sigil delimiter: %q", q)
		return
	}
	var flags uint8
	if (q == '"' || q == '\'') && l.at(n+1) == q && l.at(n+2) == q {
		st.heredoc = true
		flags = flagHeredoc
		n += 2
	}
	t := l.add(kSigil, n+1)
	t.flags, t.quote = flags, uint8(n+1)
	l.openText(st)
}

// quotedName reads the quotes after a dot into one name.
func (l *lexer) quotedName() {
	at := len(l.toks)
	t := l.add(kIdent, 1)
	t.quote = 1
	l.text(textState{begin: int32(at), closer: l.src[t.off]})
	if l.err != nil {
		return
	}
	name := &l.toks[at]
	for _, part := range l.toks[at+1:] {
		name.flags |= part.flags & flagEscapes
	}
	name.off++
	name.end = l.toks[len(l.toks)-1].off
	name.flags |= flagQuoted
	if n := utf8.RuneCountInString(l.src[name.off:name.end]); n > maxAtom {
		l.tooLong(n)
	}
	if strings.Contains(l.src[name.off:name.end], "#{") {
		l.fail(name.pos(), "interpolation is not allowed in the name of a call")
	}
	name.match = -1
	l.toks = l.toks[:at+1]
	l.callKind()
}

// openText steps over the rest of a heredoc's first line and reads the text.
func (l *lexer) openText(st textState) {
	if st.heredoc {
		n := l.blanks(0)
		if l.pos+n == l.end {
			l.unclosed(st)
			return
		}
		if l.breakLen(n) == 0 {
			l.fail(l.here(), "a heredoc's text begins on a new line after its opening quotes")
			return
		}
		l.newline(n + l.breakLen(n))
		if l.closeHeredoc(st, l.part(st, l.pos)) {
			return
		}
		l.heredocHead(st)
		return
	}
	l.text(st)
}

// part begins a piece of literal text at the current place.
func (l *lexer) part(_ textState, from int) token {
	return token{kind: kPart, line: l.line, col: l.col(), off: int32(from), match: -1}
}

// heredocHead reads the first piece of a heredoc's text, which is there even when it is empty.
func (l *lexer) heredocHead(st textState) {
	t := l.part(st, l.pos)
	t.flags = flagHead
	l.textFrom(st, t)
}

func (l *lexer) text(st textState) { l.textFrom(st, l.part(st, l.pos)) }

// textFrom reads on to the next interpolation or the closing quotes.
func (l *lexer) textFrom(st textState, t token) {
	for l.pos < l.end && l.err == nil {
		c := l.src[l.pos]
		switch {
		case c == st.closer && !st.heredoc:
			l.endPart(t, l.pos)
			l.closeText(st, 1)
			return
		case c == '\n', c == '\r' && l.at(1) == '\n':
			l.newline(l.breakLen(0))
			if st.heredoc && l.closeHeredoc(st, t) {
				return
			}
		case c == '\\':
			t.flags |= flagEscapes
			if l.escape(st) && l.closeHeredoc(st, t) {
				return
			}
		case c == '#' && st.interpol && l.at(1) == '{':
			l.endPart(t, l.pos)
			l.open = append(l.open, opened{tok: int32(len(l.toks)), text: st})
			l.add(kInterp, 2)
			return
		case c >= utf8.RuneSelf || l.at(1) >= utf8.RuneSelf:
			l.grapheme()
		default:
			l.pos++
		}
	}
	l.unclosed(st)
}

func (l *lexer) unclosed(st textState) {
	b := &l.toks[st.begin]
	closer := string(st.closer)
	if st.heredoc {
		closer = strings.Repeat(closer, 3)
	}
	l.fail(b.pos(), "missing terminator: %s (for the text starting at line %d)", closer, b.line)
}

// endPart adds the piece of text that ends at offset end, if there is any or if it is the first of a heredoc.
func (l *lexer) endPart(t token, end int) {
	t.end = int32(end)
	if t.end > t.off || t.flags&flagHead != 0 {
		l.toks = append(l.toks, t)
	}
}

// escape steps over a backslash and what it escapes. It returns true at the beginning of a heredoc's line.
func (l *lexer) escape(st textState) bool {
	switch {
	case l.breakLen(1) > 0:
		l.newline(1 + l.breakLen(1))
		return st.heredoc
	case st.interpol && l.at(1) == '#' && l.at(2) == '{':
		l.pos += 3
	case st.heredoc && l.tripled(l.pos+1, st.closer):
		l.pos += 4
	case l.at(1) >= utf8.RuneSelf || l.at(2) >= utf8.RuneSelf:
		l.pos++
		if l.at(0) == st.closer {
			l.pos++
			return false
		}
		l.grapheme()
	default:
		l.pos = min(l.pos+2, l.end)
	}
	return false
}

func (l *lexer) tripled(at int, q byte) bool {
	return at+2 < l.end && l.src[at] == q && l.src[at+1] == q && l.src[at+2] == q
}

// closeHeredoc ends a heredoc if the line at pos holds its closing quotes.
func (l *lexer) closeHeredoc(st textState, t token) bool {
	n := l.blanks(0)
	if !l.tripled(l.pos+n, st.closer) {
		return false
	}
	if int(st.begin) == len(l.toks)-1 {
		t.flags |= flagHead
	}
	l.endPart(t, l.pos)
	l.toks[st.begin].indent = int32(n)
	l.pos += n
	l.closeText(st, 3)
	return true
}

// closeText adds the closing quotes of n bytes, and what may stand directly after them.
func (l *lexer) closeText(st textState, n int) {
	begin := &l.toks[st.begin]
	begin.match = int32(len(l.toks))
	mods := 0
	if begin.kind == kSigil {
		for c := l.at(n); isLower(c) || isUpper(c) || isDigit(c); c = l.at(n + mods) {
			mods++
		}
	}
	k := begin.kind
	t := l.add(kTextEnd, n+mods)
	t.quote = uint8(n)
	if (k == kString || k == kCharlist) && !st.heredoc && l.at(0) == ':' && isSpace(l.at(1)) {
		l.toks[st.begin].kind = kKwText
		l.pos++
	}
}

// grapheme steps over what Elixir counts as one column of a text: a code point of Latin-1 that another one of Latin-1
// follows, else a grapheme cluster.
func (l *lexer) grapheme() {
	r, n := utf8.DecodeRuneInString(l.src[l.pos:l.end])
	next, _ := utf8.DecodeRuneInString(l.src[l.pos+n : l.end])
	if isBidi(r) {
		l.fail(l.here(), "the text has a bidirectional formatting character, which can hide what it says")
		return
	}
	if r > 0xFF || next > 0xFF && l.pos+n < l.end {
		cluster, _, _, _ := uniseg.FirstGraphemeClusterInString(l.src[l.pos:l.end], -1)
		n = len(cluster)
	}
	l.pos += n
	l.wide(n, 1)
}
