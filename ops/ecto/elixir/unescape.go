package elixir

import (
	"strings"
	"unicode/utf8"
)

// cook is the value of a piece of quoted text: without the indentation of a heredoc, with its escapes resolved. For a
// sigil only the escape of the closing delimiter is, the rest is the sigil's own business.
func cook(src string, begin, part *token, closer byte) (string, *Error) {
	raw := src[part.off:part.end]
	if begin.flags&flagHeredoc != 0 && begin.indent > 0 {
		raw = unindent(raw, int(begin.indent), part.flags&flagHead != 0)
	}
	switch {
	case part.flags&flagEscapes == 0:
		return raw, nil
	case begin.kind == kSigil:
		return unescapeCloser(raw, closer, begin.flags&flagHeredoc != 0), nil
	}
	text, msg := unescape(raw)
	if msg != "" {
		return "", &Error{Pos: begin.pos(), Msg: msg}
	}
	return text, nil
}

// unindent removes up to n blanks from the beginning of every line.
func unindent(raw string, n int, head bool) string {
	var b strings.Builder
	b.Grow(len(raw))
	if head {
		raw = trimBlanks(raw, n)
	}
	for {
		i := strings.IndexByte(raw, '\n')
		if i < 0 {
			b.WriteString(raw)
			return b.String()
		}
		b.WriteString(raw[:i+1])
		raw = trimBlanks(raw[i+1:], n)
	}
}

func trimBlanks(s string, n int) string {
	i := 0
	for i < n && i < len(s) && isBlank(s[i]) {
		i++
	}
	return s[i:]
}

func unescapeCloser(raw string, closer byte, heredoc bool) string {
	var b strings.Builder
	b.Grow(len(raw))
	for i := 0; i < len(raw); i++ {
		if raw[i] != '\\' || i+1 == len(raw) {
			b.WriteByte(raw[i])
			continue
		}
		rest := raw[i+1:]
		switch {
		case heredoc && len(rest) >= 3 && rest[0] == closer && rest[1] == closer && rest[2] == closer:
			b.WriteString(rest[:3])
			i += 3
		case !heredoc && rest[0] == closer:
			b.WriteByte(closer)
			i++
		default:
			b.WriteByte('\\')
			b.WriteByte(rest[0])
			i++
		}
	}
	return b.String()
}

// escapes are the one-letter escapes; every other character stands for itself.
var escapes = [256]byte{
	'0': 0, 'a': 7, 'b': 8, 'd': 0x7f, 'e': 0x1b, 'f': 12, 'n': 10, 'r': 13, 's': ' ', 't': 9, 'v': 11,
}

func unescapeByte(c byte) byte {
	if c == '0' || escapes[c] != 0 {
		return escapes[c]
	}
	return c
}

// unescape resolves the escapes of a string. The second value says what is wrong with one.
func unescape(raw string) (string, string) {
	var b strings.Builder
	b.Grow(len(raw))
	for {
		i := strings.IndexByte(raw, '\\')
		if i < 0 || i+1 == len(raw) {
			b.WriteString(raw)
			return b.String(), ""
		}
		b.WriteString(raw[:i])
		c := raw[i+1]
		raw = raw[i+2:]
		switch {
		case c == '\n':
		case c == '\r' && strings.HasPrefix(raw, "\n"):
			raw = raw[1:]
		case c == 'x':
			n, width, ok := hexEscape(raw, 2)
			if !ok {
				return "", `invalid hex escape character, expected \xHH where H is a hexadecimal digit`
			}
			if width == 2 {
				b.WriteByte(byte(n))
			} else { // \xH and \x{H} are deprecated, and code points
				b.WriteRune(rune(n))
			}
			raw = raw[width:]
		case c == 'u':
			n, width, ok := hexEscape(raw, 4)
			if !ok || width < 3 || width == 3 && raw[0] != '{' {
				return "", `invalid Unicode escape character, expected \uHHHH or \u{H*} where H is a hexadecimal digit`
			}
			if !utf8.ValidRune(rune(n)) {
				return "", `invalid or reserved Unicode code point in a \u escape`
			}
			b.WriteRune(rune(n))
			raw = raw[width:]
		default:
			b.WriteByte(unescapeByte(c))
		}
	}
}

// hexEscape reads up to digits hexadecimal digits, or any number up to six of them in braces.
func hexEscape(s string, digits int) (n, width int, ok bool) {
	if strings.HasPrefix(s, "{") {
		for width = 1; width < len(s) && width <= 6 && isHex(s[width]); width++ {
			n = n<<4 | hexValue(s[width])
		}
		if width == 1 || width == len(s) || s[width] != '}' {
			return 0, 0, false
		}
		return n, width + 1, true
	}
	for width < digits && width < len(s) && isHex(s[width]) {
		n = n<<4 | hexValue(s[width])
		width++
	}
	if width == 0 || digits == 4 && width < 4 {
		return 0, 0, false
	}
	return n, width, true
}

func hexValue(c byte) int {
	if isDigit(c) {
		return int(c - '0')
	}
	return int(c|0x20-'a') + 10
}
