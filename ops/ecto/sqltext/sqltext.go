// Package sqltext finds the parts of SQL text that are not to be read as code: literals, comments and quoted names. It
// follows the lexical structure of PostgreSQL (https://www.postgresql.org/docs/current/sql-syntax-lexical.html) as far as
// that goes without parsing, on text that may be cut off anywhere.
package sqltext

import "strings"

// Kind is what begins at a place.
type Kind int

// The kinds. Code is everything else.
const (
	Code    Kind = iota
	Literal      // '…', E'…', $tag$…$tag$
	Comment      // -- to the end of the line, /* … */ with others in it
	Quoted       // "…", a name
)

// At is what begins at s[i], and where the text behind it begins: len(s) where it is cut off, i for Code. The E of E'…' is
// Code, looked at when the quote is reached.
func At(s string, i int) (Kind, int) {
	switch c := s[i]; {
	case c == '\'':
		escapes := i > 0 && (s[i-1] == 'E' || s[i-1] == 'e')
		return Literal, quoted(s, i, escapes)
	case c == '"':
		return Quoted, quoted(s, i, false)
	case c == '$' && (i == 0 || !Word(s[i-1])):
		if tag := dollarTag(s[i:]); tag != "" {
			return Literal, behind(s, i+len(tag), tag)
		}
	case strings.HasPrefix(s[i:], "--"):
		return Comment, behind(s, i, "\n")
	case strings.HasPrefix(s[i:], "/*"):
		return Comment, comment(s, i)
	}
	return Code, i
}

// Word says whether a byte can stand within a name or a number without a sign.
func Word(c byte) bool {
	return c == '_' || c == '$' || c >= 0x80 || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9'
}

func behind(s string, i int, end string) int {
	if n := strings.Index(s[i:], end); n >= 0 {
		return i + n + len(end)
	}
	return len(s)
}

// quoted is where the text begins behind what is between two of s[i]; doubled, it stands for itself.
func quoted(s string, i int, escapes bool) int {
	q := s[i]
	for i++; i < len(s); i++ {
		switch {
		case s[i] == '\\' && escapes:
			i++
		case s[i] == q && i+1 < len(s) && s[i+1] == q:
			i++
		case s[i] == q:
			return i + 1
		}
	}
	return len(s)
}

func comment(s string, i int) int {
	for depth := 0; i < len(s); {
		switch {
		case strings.HasPrefix(s[i:], "/*"):
			depth++
			i += 2
		case strings.HasPrefix(s[i:], "*/"):
			depth--
			i += 2
			if depth == 0 {
				return i
			}
		default:
			i++
		}
	}
	return len(s)
}

// dollarTag is the $tag$ that a text begins with; empty: none. $1 is a parameter.
func dollarTag(s string) string {
	for i := 1; i < len(s); i++ {
		switch {
		case s[i] == '$':
			return s[:i+1]
		case !Word(s[i]), i == 1 && s[i] >= '0' && s[i] <= '9':
			return ""
		}
	}
	return ""
}
