package hex

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

// readMetadata reads metadata.config, Erlang terms of the form {<<"name">>,<<"phx_new">>}. each, and gives those whose value
// is text. All terms are read, so that a file that is broken anywhere is refused.
func readMetadata(text []byte) (map[string]string, error) {
	if !utf8.Valid(text) {
		return nil, errors.New("it is not UTF-8")
	}
	p := &terms{text: string(text)}
	found := map[string]string{}
	for p.space(); p.at < len(p.text); p.space() {
		v, err := p.term(0)
		if err == nil {
			err = p.take(".")
		}
		if err != nil {
			return nil, fmt.Errorf("%w, at byte %d", err, p.at)
		}
		pair, ok := v.(tuple)
		if !ok || len(pair) != 2 {
			return nil, fmt.Errorf("a term is no pair, at byte %d", p.at)
		}
		key, isText := pair[0].(string)
		value, isText2 := pair[1].(string)
		if !isText || !isText2 {
			continue
		}
		if _, ok := found[key]; ok {
			return nil, fmt.Errorf("%.40q is there twice", key)
		}
		found[key] = value
	}
	return found, nil
}

// Terms are strings (of <<"…">> and "…"), atom, int64, tuple and []any.
type (
	atom  string
	tuple []any
)

type terms struct {
	text string
	at   int
}

func (p *terms) space() {
	for p.at < len(p.text) {
		switch p.text[p.at] {
		case ' ', '\t', '\n', '\r':
			p.at++
		case '%':
			end := strings.IndexByte(p.text[p.at:], '\n')
			if end < 0 {
				p.at = len(p.text)
				return
			}
			p.at += end
		default:
			return
		}
	}
}

func (p *terms) take(token string) error {
	p.space()
	if !strings.HasPrefix(p.text[p.at:], token) {
		return fmt.Errorf("%q is missing", token)
	}
	p.at += len(token)
	return nil
}

// maxDepth of nested terms. Metadata has four.
const maxDepth = 32

func (p *terms) term(depth int) (any, error) {
	if depth > maxDepth {
		return nil, errors.New("the terms are nested too deeply")
	}
	p.space()
	rest := p.text[p.at:]
	switch {
	case strings.HasPrefix(rest, "<<"):
		return p.binary()
	case strings.HasPrefix(rest, `"`):
		return p.quoted('"')
	case strings.HasPrefix(rest, "'"):
		s, err := p.quoted('\'')
		return atom(s), err
	case strings.HasPrefix(rest, "{"):
		all, err := p.list("{", "}", depth)
		return tuple(all), err
	case strings.HasPrefix(rest, "["):
		return p.list("[", "]", depth)
	}
	end := 0
	for end < len(rest) && (rest[end] == '_' || rest[end] == '@' || rest[end] == '-' && end == 0 || isWord(rest[end])) {
		end++
	}
	word := rest[:end]
	if word == "" {
		return nil, errors.New("there is no term")
	}
	if n, err := strconv.ParseInt(word, 10, 64); err == nil {
		p.at += end
		return n, nil
	}
	if word[0] < 'a' || word[0] > 'z' {
		return nil, fmt.Errorf("%.40q is no term", word)
	}
	p.at += end
	return atom(word), nil
}

func isWord(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
}

func (p *terms) list(open, shut string, depth int) ([]any, error) {
	if err := p.take(open); err != nil {
		return nil, err
	}
	all := []any{}
	if p.take(shut) == nil {
		return all, nil
	}
	for {
		v, err := p.term(depth + 1)
		if err != nil {
			return nil, err
		}
		all = append(all, v)
		if p.take(shut) == nil {
			return all, nil
		}
		if err := p.take(","); err != nil {
			return nil, err
		}
	}
}

// binary is <<>>, <<"text">> or <<"text"/utf8>>.
func (p *terms) binary() (any, error) {
	if err := p.take("<<"); err != nil {
		return nil, err
	}
	if p.take(">>") == nil {
		return "", nil
	}
	p.space()
	s, err := p.quoted('"')
	if err != nil {
		return nil, err
	}
	// Whether it says /utf8 does not matter for what is read here: names, versions, requirements are ASCII.
	_ = p.take("/utf8")
	return s, p.take(">>")
}

var escapes = map[byte]string{'n': "\n", 't': "\t", 'r': "\r", 's': " ", 'e': "\x1b", 'b': "\b", 'f': "\f", 'v': "\v", 'd': "\x7f", '0': "\x00"}

func (p *terms) quoted(quote byte) (string, error) {
	if p.at >= len(p.text) || p.text[p.at] != quote {
		return "", fmt.Errorf("%q is missing", string(quote))
	}
	var b strings.Builder
	for i := p.at + 1; i < len(p.text); i++ {
		switch c := p.text[i]; c {
		case quote:
			p.at = i + 1
			return b.String(), nil
		case '\\':
			i++
			if i >= len(p.text) {
				return "", errors.New("a text does not end")
			}
			switch e, ok := escapes[p.text[i]]; {
			case ok:
				b.WriteString(e)
			case p.text[i] == 'x' && i+1 < len(p.text) && p.text[i+1] == '{':
				end := strings.IndexByte(p.text[i:], '}')
				if end < 0 {
					return "", errors.New("an escape does not end")
				}
				n, err := strconv.ParseUint(p.text[i+2:i+end], 16, 21)
				if err != nil {
					return "", errors.New("an escape is no number")
				}
				b.WriteRune(rune(n))
				i += end
			default:
				b.WriteByte(p.text[i])
			}
		default:
			b.WriteByte(c)
		}
	}
	return "", errors.New("a text does not end")
}
