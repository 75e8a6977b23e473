// Package shell splits scripts of the Bourne shell and its kin into their simple commands, to see what they would run. It
// runs nothing, puts no values in, and follows no condition: a command that stands there counts, whether or not it would be
// reached. No input makes it fail.
package shell

import "strings"

// MaxSize is how many bytes of a script are read.
const MaxSize = 1 << 20

// maxNested is how deep $( ) is looked into.
const maxNested = 20

// Command is a simple command: its words without quotes, and the assignments before them.
type Command struct {
	Line  int
	Env   []string // NAME=value, as it stands there
	Words []string
	Maybe bool // it stands under if, case or a loop, or behind ||
}

// String is the words in one line.
func (c Command) String() string { return strings.Join(c.Words, " ") }

// Parse splits a script. line is that of its first one.
func Parse(script string, line int) []Command {
	if len(script) > MaxSize {
		script = script[:MaxSize]
	}
	p := &parser{text: script, line: line}
	p.run()
	return p.out
}

// Words splits one command line at its spaces, quotes respected, as execve gets it where no shell is in between.
func Words(s string) []string {
	p := &parser{text: s, plain: true}
	p.run()
	var out []string
	for _, c := range p.out {
		out = append(append(out, c.Env...), c.Words...)
	}
	return out
}

type parser struct {
	text  string
	at    int
	line  int
	plain bool // nothing but quotes means anything
	depth int

	out     []Command
	current Command
	word    strings.Builder
	some    bool // there is a word, perhaps an empty one
	quoted  bool // part of it was
	ends    []string
	under   int  // how many conditions and loops the command stands in
	or      bool // it stands behind ||
}

func (p *parser) run() {
	p.current.Line = p.line
	for p.at < len(p.text) {
		c := p.text[p.at]
		switch {
		case c == '\\':
			p.escape()
		case c == '\'':
			p.single()
		case c == '"':
			p.double()
		case c == ' ' || c == '\t' || c == '\r':
			p.end()
			p.at++
		case c == '\n':
			p.newline()
		case p.plain:
			p.add(c)
		case c == '`' || strings.HasPrefix(p.text[p.at:], "$("):
			p.nested()
		case strings.HasPrefix(p.text[p.at:], "${"):
			p.braces()
		case c == '#' && !p.some:
			for p.at < len(p.text) && p.text[p.at] != '\n' {
				p.at++
			}
		case strings.HasPrefix(p.text[p.at:], "<<") && !strings.HasPrefix(p.text[p.at:], "<<<"):
			p.heredoc()
		case c == '<' || c == '>':
			p.redirect()
		case strings.HasPrefix(p.text[p.at:], "||"):
			p.finish()
			p.or = true
			p.at += 2
		case strings.IndexByte(";&|()", c) >= 0:
			p.finish()
			p.at++
		default:
			p.add(c)
		}
	}
	p.finish()
}

func (p *parser) add(c byte) {
	p.word.WriteByte(c)
	p.some = true
	p.at++
}

func (p *parser) escape() {
	p.at++
	if p.at == len(p.text) {
		return
	}
	if p.text[p.at] == '\n' { // the line goes on
		p.line++
		p.at++
		return
	}
	p.quoted = true
	p.add(p.text[p.at])
}

func (p *parser) single() {
	p.at++
	p.some, p.quoted = true, true
	for p.at < len(p.text) && p.text[p.at] != '\'' {
		p.count()
		p.add(p.text[p.at])
	}
	p.at++
}

func (p *parser) double() {
	p.at++
	p.some, p.quoted = true, true
	for p.at < len(p.text) && p.text[p.at] != '"' {
		switch c := p.text[p.at]; {
		case c == '\\' && p.at+1 < len(p.text) && strings.IndexByte("\"\\$`\n", p.text[p.at+1]) >= 0:
			p.at++
			if p.count(); p.text[p.at] == '\n' {
				p.at++
				continue
			}
			p.add(p.text[p.at])
		case !p.plain && (c == '`' || strings.HasPrefix(p.text[p.at:], "$(")):
			p.nested()
		default:
			p.count()
			p.add(c)
		}
	}
	p.at++
}

// count keeps the number of the line while a quoted text goes over several.
func (p *parser) count() {
	if p.text[p.at] == '\n' {
		p.line++
	}
}

// nested is a command whose output becomes a word: it is run, so that it is listed too, and its text stays in the word.
func (p *parser) nested() {
	from := p.at
	open, shut := byte(0), byte('`')
	if p.text[p.at] == '$' {
		open, shut = '(', ')'
		p.at++
	}
	p.at++
	begin, line := p.at, p.line
	for depth := 1; p.at < len(p.text); p.at++ {
		c := p.text[p.at]
		p.count()
		if c == shut {
			if depth--; depth == 0 {
				break
			}
		} else if c == open && open != 0 {
			depth++
		}
	}
	inside := p.text[begin:min(p.at, len(p.text))]
	p.at = min(p.at+1, len(p.text))
	if p.depth < maxNested && !strings.HasPrefix(inside, "(") { // $(( )) is arithmetic
		sub := &parser{text: inside, line: line, depth: p.depth + 1}
		sub.run()
		p.out = append(p.out, sub.out...)
	}
	p.word.WriteString(p.text[from:p.at])
	p.some, p.quoted = true, true
}

// braces is ${NAME:-text}, which is one word whatever stands in it.
func (p *parser) braces() {
	for depth := 0; p.at < len(p.text); {
		c := p.text[p.at]
		p.count()
		p.add(c)
		switch c {
		case '{':
			depth++
		case '}':
			if depth--; depth == 0 {
				return
			}
		}
	}
}

// redirect passes over what a stream goes to or comes from.
func (p *parser) redirect() {
	if w := p.word.String(); p.some && strings.Trim(w, "0123456789") == "" { // 2>
		p.word.Reset()
		p.some, p.quoted = false, false
	}
	p.end()
	for p.at < len(p.text) && strings.IndexByte("<>&|", p.text[p.at]) >= 0 {
		p.at++
	}
	for p.at < len(p.text) && (p.text[p.at] == ' ' || p.text[p.at] == '\t') {
		p.at++
	}
	for p.at < len(p.text) && strings.IndexByte(" \t\r\n;&|()", p.text[p.at]) < 0 {
		p.at++
	}
}

// heredoc remembers what ends the text that begins on the next line.
func (p *parser) heredoc() {
	p.end()
	p.at += 2
	dash := ""
	if p.at < len(p.text) && p.text[p.at] == '-' {
		dash = "-"
		p.at++
	}
	for p.at < len(p.text) && (p.text[p.at] == ' ' || p.text[p.at] == '\t') {
		p.at++
	}
	from := p.at
	for p.at < len(p.text) && strings.IndexByte(" \t\r\n;&|()<>", p.text[p.at]) < 0 {
		p.at++
	}
	if name := strings.Trim(p.text[from:p.at], `'"\`); name != "" {
		p.ends = append(p.ends, dash+name)
	}
}

func (p *parser) newline() {
	p.at++
	p.line++
	p.finish()
	for _, name := range p.ends {
		for p.at < len(p.text) {
			l, _, _ := strings.Cut(p.text[p.at:], "\n")
			p.at = min(p.at+len(l)+1, len(p.text))
			p.line++
			l = strings.TrimSuffix(l, "\r")
			if end, dash := strings.CutPrefix(name, "-"); l == name || dash && strings.TrimLeft(l, "\t") == end {
				break
			}
		}
	}
	p.ends = nil
	p.current.Line = p.line
}

// reserved are words that stand before a command without being it, with how many conditions they begin or end.
var reserved = map[string]int{
	"if": 1, "then": 0, "else": 0, "elif": 0, "fi": -1, "while": 1, "until": 1, "do": 0, "done": -1, "esac": -1, "!": 0, "{": 0, "}": 0, "time": 0,
}

// end ends a word.
func (p *parser) end() {
	if !p.some {
		return
	}
	w, quoted := p.word.String(), p.quoted
	p.word.Reset()
	p.some, p.quoted = false, false
	if p.plain || len(p.current.Words) > 0 {
		p.current.Words = append(p.current.Words, w)
		return
	}
	if assignment(w) {
		p.current.Env = append(p.current.Env, w)
		return
	}
	if by, ok := reserved[w]; ok && !quoted {
		p.under = max(p.under+by, 0)
		return
	}
	if !quoted && (w == "case" || w == "for" || w == "select") { // the command is the word itself, and what it goes over
		p.under++
	}
	p.current.Words = append(p.current.Words, w)
}

// assignment tells NAME=value.
func assignment(w string) bool {
	name, _, ok := strings.Cut(w, "=")
	if !ok || name == "" || name[0] >= '0' && name[0] <= '9' {
		return false
	}
	return strings.Trim(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_") == ""
}

// finish ends a command.
func (p *parser) finish() {
	p.end()
	if len(p.current.Words)+len(p.current.Env) > 0 {
		p.current.Maybe = p.under > 0 || p.or
		p.out = append(p.out, p.current)
		p.or = false
	}
	p.current = Command{Line: p.line}
}
