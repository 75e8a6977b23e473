package archive

import "strings"

// Name is a qualified name as SQL wants it, quoted only where it must be for sure. Two spellings of one name are compared with
// Same.
func Name(schema, name string) string {
	if schema == "" {
		return quote(name)
	}
	return quote(schema) + "." + quote(name)
}

// quote puts a name in quotes unless it is plain. That a plain one may be a keyword, which the server's quote_ident would
// quote, does no harm to who compares with Same.
func quote(s string) string {
	plain := s != "" && (s[0] == '_' || 'a' <= s[0] && s[0] <= 'z')
	for i := 0; plain && i < len(s); i++ {
		c := s[i]
		plain = c == '_' || 'a' <= c && c <= 'z' || '0' <= c && c <= '9'
	}
	if plain {
		return s
	}
	return `"` + strings.ReplaceAll(s, `"`, `""`) + `"`
}

// Split takes a qualified name apart; ok is false for what is none. One without a schema has an empty one.
func Split(s string) (schema, name string, ok bool) {
	first, rest, ok := CutName(s)
	if !ok {
		return "", "", false
	}
	if rest == "" {
		return "", first, true
	}
	if rest[0] != '.' {
		return "", "", false
	}
	second, rest, ok := CutName(rest[1:])
	return first, second, ok && rest == ""
}

// Same says whether two spellings are of one name.
func Same(a, b string) bool { return Key(a) == Key(b) }

// Key is a spelling that all spellings of a name share; for what is no name, the text itself.
func Key(s string) string {
	schema, name, ok := Split(s)
	if !ok {
		return s
	}
	return Name(schema, name)
}

// CutName reads one name at the beginning of SQL text, quoted or not, and gives what follows it.
func CutName(s string) (name, rest string, ok bool) {
	if s == "" || s[0] != '"' {
		end := strings.IndexAny(s, ". (\";,\n\t")
		if end < 0 {
			end = len(s)
		}
		return s[:end], s[end:], end > 0
	}
	var b strings.Builder
	for i := 1; i < len(s); i++ {
		if s[i] != '"' {
			b.WriteByte(s[i])
			continue
		}
		if i+1 < len(s) && s[i+1] == '"' {
			b.WriteByte('"')
			i++
			continue
		}
		return b.String(), s[i+1:], b.Len() > 0
	}
	return "", "", false
}

// tableName is how pg_dump itself spells the table of an entry, which quotes keywords too; else Name.
func tableName(e *Entry) string {
	spelled, ok := strings.CutPrefix(e.Copy, "COPY ")
	if ok {
		first, rest, ok1 := CutName(spelled)
		if ok1 && strings.HasPrefix(rest, ".") {
			second, after, ok2 := CutName(rest[1:])
			if ok2 && first == e.Schema && second == e.Tag {
				return spelled[:len(spelled)-len(after)]
			}
		}
	}
	return Name(e.Schema, e.Tag)
}
