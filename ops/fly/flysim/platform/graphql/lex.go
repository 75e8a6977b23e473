package graphql

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

type kind int

const (
	end kind = iota
	name
	punct // one of ! $ & ( ) : = @ [ ] { | } or ...
	number
	text
)

type token struct {
	kind kind
	s    string // name, punctuation or number as written; a text decoded
	at   int    // byte offset
}

// lexer cuts a query into tokens.
type lexer struct {
	src string
	pos int
}

func (l *lexer) fail(at int, format string, args ...any) error {
	line, col := l.where(at)
	return Error{
		Message:    fmt.Sprintf("Parse error: %s at [%d, %d]", fmt.Sprintf(format, args...), line, col),
		Locations:  []Location{{line, col}},
		Extensions: map[string]any{"code": "parseError"},
	}
}

// where is the line and column of an offset.
func (l *lexer) where(at int) (line, col int) {
	return 1 + strings.Count(l.src[:at], "\n"), at - strings.LastIndexByte(l.src[:at], '\n')
}

func isNameStart(c byte) bool { return c == '_' || c|0x20 >= 'a' && c|0x20 <= 'z' }
func isDigit(c byte) bool     { return c >= '0' && c <= '9' }

func (l *lexer) next() (token, error) {
	for l.pos < len(l.src) {
		switch c := l.src[l.pos]; {
		case c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == ',':
			l.pos++
		case strings.HasPrefix(l.src[l.pos:], "\ufeff"):
			l.pos += 3
		case c == '#':
			if i := strings.IndexByte(l.src[l.pos:], '\n'); i >= 0 {
				l.pos += i
			} else {
				l.pos = len(l.src)
			}
		default:
			return l.token(c)
		}
	}
	return token{kind: end, at: l.pos}, nil
}

func (l *lexer) token(c byte) (token, error) {
	at := l.pos
	switch {
	case isNameStart(c):
		for l.pos < len(l.src) && (isNameStart(l.src[l.pos]) || isDigit(l.src[l.pos])) {
			l.pos++
		}
		return token{name, l.src[at:l.pos], at}, nil
	case isDigit(c) || c == '-':
		l.pos++
		for l.pos < len(l.src) && (isDigit(l.src[l.pos]) || strings.IndexByte(".eE+-", l.src[l.pos]) >= 0) {
			l.pos++
		}
		return token{number, l.src[at:l.pos], at}, nil
	case strings.IndexByte("!$&():=@[]{|}", c) >= 0:
		l.pos++
		return token{punct, string(c), at}, nil
	case strings.HasPrefix(l.src[at:], "..."):
		l.pos += 3
		return token{punct, "...", at}, nil
	case strings.HasPrefix(l.src[at:], `"""`):
		return l.block(at)
	case c == '"':
		return l.str(at)
	}
	r, _ := utf8.DecodeRuneInString(l.src[at:])
	return token{}, l.fail(at, "unexpected %q", r)
}

func (l *lexer) str(at int) (token, error) {
	var b strings.Builder
	for l.pos++; l.pos < len(l.src); {
		c := l.src[l.pos]
		l.pos++
		switch {
		case c == '"':
			return token{text, b.String(), at}, nil
		case c == '\n' || c == '\r':
			return token{}, l.fail(at, "text without end")
		case c != '\\':
			b.WriteByte(c)
		case l.pos >= len(l.src):
			return token{}, l.fail(at, "text without end")
		default:
			e := l.src[l.pos]
			l.pos++
			if e == 'u' {
				if l.pos+4 > len(l.src) {
					return token{}, l.fail(at, "text without end")
				}
				n, err := strconv.ParseUint(l.src[l.pos:l.pos+4], 16, 32)
				if err != nil {
					return token{}, l.fail(l.pos, "bad escape")
				}
				b.WriteRune(rune(n))
				l.pos += 4
				continue
			}
			i := strings.IndexByte(`"\/bfnrt`, e)
			if i < 0 {
				return token{}, l.fail(l.pos, "bad escape")
			}
			b.WriteByte("\"\\/\b\f\n\r\t"[i])
		}
	}
	return token{}, l.fail(at, "text without end")
}

func (l *lexer) block(at int) (token, error) {
	for i := at + 3; i < len(l.src); i++ {
		if strings.HasPrefix(l.src[i:], `\"""`) {
			i += 3
			continue
		}
		if strings.HasPrefix(l.src[i:], `"""`) {
			l.pos = i + 3
			return token{text, strings.ReplaceAll(l.src[at+3:i], `\"""`, `"""`), at}, nil
		}
	}
	return token{}, l.fail(at, "text without end")
}
