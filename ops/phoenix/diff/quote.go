package diff

import (
	"fmt"
	"strings"
)

// quote writes a path as git reads it: as it is if it is plain, else in quotes, in C's way and with bytes in octal.
func quote(p string) string {
	if plainPath(p) {
		return p
	}
	var b strings.Builder
	b.WriteByte('"')
	for i := range len(p) {
		switch c := p[i]; {
		case c == '"' || c == '\\':
			b.WriteByte('\\')
			b.WriteByte(c)
		case c < ' ' || c >= 0x7f:
			fmt.Fprintf(&b, `\%03o`, c)
		default:
			b.WriteByte(c)
		}
	}
	b.WriteByte('"')
	return b.String()
}

func plainPath(p string) bool {
	for i := range len(p) {
		c := p[i]
		if c <= ' ' || c >= 0x7f || c == '"' || c == '\\' {
			return false
		}
	}
	return true
}
