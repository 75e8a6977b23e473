package dockerfile

import "strings"

// scope is the values of arguments and of the environment.
type scope map[string]string

// maxExpanded is how long text can become by putting values in.
const maxExpanded = 64 << 10

// maxNested is how deep one ${NAME:-…} may stand in another.
const maxNested = 20

// expand puts values in: $NAME, ${NAME}, ${NAME:-default}, ${NAME:+other}. What has no value is left out, as the builder does.
func (s scope) expand(text string) string { return s.nested(text, 0) }

func (s scope) nested(text string, depth int) string {
	if !strings.ContainsAny(text, "$\\") {
		return text
	}
	var b strings.Builder
	for i := 0; i < len(text) && b.Len() < maxExpanded; i++ {
		switch {
		case text[i] == '\\' && i+1 < len(text) && text[i+1] == '$':
			b.WriteByte('$')
			i++
		case text[i] != '$' || i+1 == len(text):
			b.WriteByte(text[i])
		case text[i+1] == '{':
			end := closing(text, i+2)
			if end < 0 || depth == maxNested {
				b.WriteString(text[i:])
				return b.String()
			}
			b.WriteString(s.braced(text[i+2:end], depth+1))
			i = end
		default:
			end := i + 1
			for end < len(text) && nameByte(text[end]) {
				end++
			}
			if end == i+1 {
				b.WriteByte('$')
				continue
			}
			b.WriteString(s[text[i+1:end]])
			i = end - 1
		}
	}
	return b.String()
}

// closing is where the } is that ends what begins at i; -1: nowhere.
func closing(text string, i int) int {
	depth := 1
	for ; i < len(text); i++ {
		switch {
		case strings.HasPrefix(text[i:], "${"):
			depth++
		case text[i] == '}':
			if depth--; depth == 0 {
				return i
			}
		}
	}
	return -1
}

// braced is what stands between ${ and }.
func (s scope) braced(text string, depth int) string {
	end := 0
	for end < len(text) && nameByte(text[end]) {
		end++
	}
	value, rest := s[text[:end]], text[end:]
	colon := strings.HasPrefix(rest, ":")
	rest = strings.TrimPrefix(rest, ":")
	_, there := s[text[:end]]
	missing := !there || colon && value == ""
	switch {
	case strings.HasPrefix(rest, "-") && missing:
		return s.nested(rest[1:], depth)
	case strings.HasPrefix(rest, "+") && !missing:
		return s.nested(rest[1:], depth)
	case strings.HasPrefix(rest, "+"):
		return ""
	}
	return value
}

func nameByte(c byte) bool {
	return c == '_' || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}
