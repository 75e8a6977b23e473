package dockerfile

import (
	"strings"
)

// lines gives one instruction after the other.
type lines struct {
	text   []string
	at     int
	escape byte // that continues a line
}

// directives reads the comments at the very beginning that say how to read on.
func (r *lines) directives() {
	for _, l := range r.text {
		l = strings.TrimSpace(l)
		name, value, ok := strings.Cut(strings.TrimPrefix(l, "#"), "=")
		if !strings.HasPrefix(l, "#") || !ok || strings.ContainsAny(strings.TrimSpace(name), " \t") {
			return
		}
		if strings.EqualFold(strings.TrimSpace(name), "escape") && strings.TrimSpace(value) == "`" {
			r.escape = '`'
		}
	}
}

// next is the next instruction; comments and empty lines are passed over, within one that goes on over several lines too.
func (r *lines) next() (Instruction, bool) {
	for r.at < len(r.text) {
		first := r.at + 1
		text, ok := r.joined()
		if !ok {
			continue
		}
		name, rest, _ := cut(text)
		i := Instruction{Line: first, Name: strings.ToUpper(name)}
		i.Flags, i.Text = flags(rest)
		switch i.Name {
		case "RUN", "COPY", "ADD":
			i.Heredocs = r.heredocs(i.Text)
		}
		switch i.Name {
		case "CMD", "ENTRYPOINT", "RUN", "COPY", "ADD", "SHELL", "VOLUME":
			i.Words = jsonWords(i.Text)
		}
		return i, true
	}
	return Instruction{}, false
}

// joined is a line with those that continue it; false for one that says nothing.
func (r *lines) joined() (string, bool) {
	var parts []string
	for r.at < len(r.text) {
		l := strings.TrimSpace(r.text[r.at])
		r.at++
		if l == "" || strings.HasPrefix(l, "#") {
			if len(parts) == 0 {
				return "", false
			}
			continue
		}
		if l[len(l)-1] != r.escape {
			parts = append(parts, l)
			break
		}
		parts = append(parts, strings.TrimSpace(l[:len(l)-1]))
	}
	text := strings.TrimSpace(strings.Join(parts, " "))
	return text, text != ""
}

// heredocs takes the lines that follow an instruction with <<NAME in it.
func (r *lines) heredocs(text string) []Heredoc {
	var out []Heredoc
	for _, d := range heredocNames(text) {
		h := Heredoc{Name: d.name, Line: r.at + 1}
		var body []string
		for r.at < len(r.text) {
			l := strings.TrimSuffix(r.text[r.at], "\r")
			r.at++
			if d.dash {
				l = strings.TrimLeft(l, "\t")
			}
			if l == d.name {
				break
			}
			body = append(body, l)
		}
		h.Text = strings.Join(body, "\n")
		out = append(out, h)
	}
	return out
}

type heredocName struct {
	name string
	dash bool // <<-: tabs before its lines are left out
}

// heredocNames finds <<NAME, <<-NAME, <<"NAME" outside of quotes. <<< is something else.
func heredocNames(text string) []heredocName {
	var out []heredocName
	quote := byte(0)
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case quote != 0:
			if c == quote {
				quote = 0
			}
		case c == '\'' || c == '"':
			quote = c
		case c == '\\':
			i++
		case strings.HasPrefix(text[i:], "<<<"):
			i += 2
		case strings.HasPrefix(text[i:], "<<"):
			i += 2
			d := heredocName{}
			if i < len(text) && text[i] == '-' {
				d.dash = true
				i++
			}
			end := i
			for end < len(text) && !strings.ContainsRune(" \t;&|<>()", rune(text[end])) {
				end++
			}
			if d.name = strings.Trim(text[i:end], `'"`); d.name != "" {
				out = append(out, d)
			}
			i = end - 1
		}
	}
	return out
}

// flags takes --name=value from the front.
func flags(text string) (map[string]string, string) {
	var out map[string]string
	for strings.HasPrefix(text, "--") {
		word, rest, _ := cut(text)
		name, value, _ := strings.Cut(strings.TrimPrefix(word, "--"), "=")
		if out == nil {
			out = map[string]string{}
		}
		out[strings.ToLower(name)] = value
		text = rest
	}
	return out, text
}

// cut splits the first word off.
func cut(text string) (word, rest string, more bool) {
	i := strings.IndexAny(text, " \t")
	if i < 0 {
		return text, "", false
	}
	return text[:i], strings.TrimSpace(text[i:]), true
}

// pairs splits NAME=VALUE words, whose values may be quoted; quotes and escapes are taken away.
func pairs(text string) []string {
	var (
		out   []string
		b     strings.Builder
		quote byte
		some  bool
	)
	flush := func() {
		if some {
			out = append(out, b.String())
		}
		b.Reset()
		some = false
	}
	for i := 0; i < len(text); i++ {
		c := text[i]
		switch {
		case c == '\\' && quote != '\'' && i+1 < len(text):
			i++
			if text[i] == '$' { // stays escaped for expand
				b.WriteByte('\\')
			}
			b.WriteByte(text[i])
			some = true
		case quote != 0:
			if c == quote {
				quote = 0
				continue
			}
			b.WriteByte(c)
		case c == '"' || c == '\'':
			quote, some = c, true
		case c == ' ' || c == '\t':
			flush()
		default:
			b.WriteByte(c)
			some = true
		}
	}
	flush()
	return out
}
