package lint

import (
	"bytes"
	"strings"
	"unicode/utf8"

	"ops-console/ops/ecto"
	"ops-console/ops/ecto/elixir"
)

// source is the text of the migration's file.
func (p *pass) source() []byte { return p.Sources[p.Migration.Path] }

// definition is where the migration defines a function; its first character where it does not.
func (p *pass) definition(name string) ecto.Span {
	f, _ := elixir.Parse(p.source(), p.Migration.Path)
	if ss := spans(f, name); len(ss) > 0 {
		ss[0].EndLine, ss[0].EndColumn = ss[0].Line, ss[0].Column+len("def "+name)
		return ss[0]
	}
	return ecto.Span{Line: 1, Column: 1}
}

// between is the text from the end of one place to the beginning of another; not ok where they are not in that order.
func between(src []byte, a, b ecto.Span) (string, bool) {
	from, okA := offset(src, a.EndLine, a.EndColumn)
	to, okB := offset(src, b.Line, b.Column)
	if !okA || !okB || from > to {
		return "", false
	}
	return string(src[from:to]), true
}

// offset is the byte at a line and a column, both counted from 1, columns in characters.
func offset(src []byte, line, column int) (int, bool) {
	at := 0
	for n := 1; n < line; n++ {
		i := bytes.IndexByte(src[at:], '\n')
		if i < 0 {
			return 0, false
		}
		at += i + 1
	}
	for n := 1; n < column && at < len(src); n++ {
		_, size := utf8.DecodeRune(src[at:])
		at += size
	}
	return at, line > 0 && column > 0
}

// onlyEnds says whether there is nothing in a piece of SQL but the end of a statement, space and comments.
func onlyEnds(s string) bool {
	ended := false
	for s != "" {
		switch {
		case strings.HasPrefix(s, "--"):
			_, rest, _ := strings.Cut(s, "\n")
			s = rest
		case strings.HasPrefix(s, "/*"):
			_, rest, ok := strings.Cut(s, "*/")
			if !ok {
				return false
			}
			s = rest
		case s[0] == ';':
			ended, s = true, s[1:]
		case strings.IndexByte(" \t\r\n", s[0]) >= 0:
			s = s[1:]
		default:
			return false
		}
	}
	return ended
}
