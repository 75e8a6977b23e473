package source

import (
	"path"
	"strings"
	"unicode"
	"unicode/utf8"

	"ops-console/ops/ecto/elixir"
)

// longest text that is divided into pieces, in bytes; longer ones are plain.
const longest = 1 << 20

// For is source text in the language that a file's name speaks of.
func For(name, src string) *Text {
	t := Plain(src)
	if len(src) > longest {
		return t
	}
	base := path.Base(name)
	switch ext := path.Ext(base); ext {
	case ".ex", ".exs":
		t.pieces = elixir.Highlight(src)
	case ".heex", ".leex", ".eex", ".html", ".svg":
		t.pieces = markup(src)
	default:
		l, ok := languages[ext]
		if named, is := files[base]; is {
			l, ok = languages[named], true
		}
		if ok {
			t.pieces = l.divide(src)
		}
	}
	return t
}

// language is how comments, texts and words look.
type language struct {
	line     []string // begin a comment up to the end of the line
	open     string   // and one up to close; empty: there is none
	close    string
	quotes   string
	keywords map[string]bool
	sigils   string // begin words that count as keywords: @media
	heads    bool   // lines that begin with # are headings
}

func words(s string) map[string]bool {
	out := map[string]bool{}
	for w := range strings.FieldsSeq(s) {
		out[w] = true
	}
	return out
}

var (
	script = language{
		line: []string{"//"}, open: "/*", close: "*/", quotes: "'\"`",
		keywords: words(`import export from default const let var function return if else for while do switch case break continue new delete
			typeof instanceof in of class extends super this null undefined true false async await yield try catch finally throw void`),
	}
	yaml      = language{line: []string{"#"}, quotes: `'"`, keywords: words("true false null")}
	gettext   = language{line: []string{"#"}, quotes: `"`, keywords: words("msgid msgstr msgctxt msgid_plural")}
	languages = map[string]language{
		".js": script, ".ts": script, ".mjs": script, ".cjs": script,
		".json":      {quotes: `"`, keywords: words("true false null")},
		".css":       {open: "/*", close: "*/", quotes: `'"`, sigils: "@"},
		".scss":      {line: []string{"//"}, open: "/*", close: "*/", quotes: `'"`, sigils: "@$"},
		".sh":        {line: []string{"#"}, quotes: `'"`, keywords: words("if then else elif fi for do done while case esac in function exec set export cd")},
		".toml":      {line: []string{"#"}, quotes: `'"`, keywords: words("true false")},
		".yml":       yaml,
		".md":        {quotes: "`", heads: true},
		"Dockerfile": {line: []string{"#"}, quotes: `'"`, keywords: words("FROM RUN CMD LABEL EXPOSE ENV ADD COPY ENTRYPOINT VOLUME USER WORKDIR ARG ONBUILD STOPSIGNAL HEALTHCHECK SHELL AS")},
		".gitignore": {line: []string{"#"}},
		".yaml":      yaml, ".po": gettext, ".pot": gettext,
	}
	files = map[string]string{
		"Dockerfile": "Dockerfile", ".dockerignore": ".gitignore", ".gitignore": ".gitignore", "server": ".sh", "migrate": ".sh",
	}
)

// divide is one pass over a text.
func (l *language) divide(src string) []elixir.Piece {
	var out []elixir.Piece
	piece := func(c elixir.Class, from, to int) { out = append(out, elixir.Piece{Class: c, From: from, To: to}) }
	fresh := true // nothing but blanks is before i on its line
	for i := 0; i < len(src); {
		c := src[i]
		rest := src[i:]
		switch {
		case c == '\n':
			fresh = true
			i++
			continue
		case c == ' ' || c == '\t':
			i++
			continue
		case l.heads && fresh && c == '#':
			n := lineEnd(rest)
			piece(elixir.ClassKeyword, i, i+n)
			i += n
		case l.open != "" && strings.HasPrefix(rest, l.open):
			n := strings.Index(rest[len(l.open):], l.close)
			if n < 0 {
				n = len(rest)
			} else {
				n += len(l.open) + len(l.close)
			}
			piece(elixir.ClassComment, i, i+n)
			i += n
		case l.comments(rest, src, i):
			n := lineEnd(rest)
			piece(elixir.ClassComment, i, i+n)
			i += n
		case strings.IndexByte(l.quotes, c) >= 0:
			n := quoted(rest)
			piece(elixir.ClassText, i, i+n)
			i += n
		case c >= '0' && c <= '9':
			n := wordEnd(rest)
			piece(elixir.ClassNumber, i, i+n)
			i += n
		case strings.IndexByte(l.sigils, c) >= 0:
			n := 1 + wordEnd(rest[1:])
			piece(elixir.ClassKeyword, i, i+n)
			i += n
		default:
			n := wordEnd(rest)
			if n == 0 {
				_, n = utf8.DecodeRuneInString(rest)
			} else if l.keywords[rest[:n]] {
				piece(elixir.ClassKeyword, i, i+n)
			}
			i += n
		}
		fresh = false
	}
	return out
}

// comments says that a comment begins here: a # only where a word could.
func (l *language) comments(rest, src string, i int) bool {
	for _, m := range l.line {
		if strings.HasPrefix(rest, m) && (m != "#" || i == 0 || strings.IndexByte(" \t\n", src[i-1]) >= 0) {
			return true
		}
	}
	return false
}

// quoted is the length of a text in quotes; one of ' or " ends with its line at the latest.
func quoted(s string) int {
	q := s[0]
	for i := 1; i < len(s); i++ {
		switch {
		case s[i] == '\\':
			i++
		case s[i] == q:
			return i + 1
		case s[i] == '\n' && q != '`':
			return i
		}
	}
	return len(s)
}

func lineEnd(s string) int {
	if n := strings.IndexByte(s, '\n'); n >= 0 {
		return n
	}
	return len(s)
}

func wordEnd(s string) int {
	for i, r := range s {
		if r != '_' && !unicode.IsLetter(r) && !unicode.IsDigit(r) {
			return i
		}
	}
	return len(s)
}

// markup divides HTML with Elixir in it: EEx and HEEx.
func markup(src string) []elixir.Piece {
	m := &tags{src: src}
	for m.i < len(src) {
		m.step()
	}
	return m.out
}

// tags is the state of markup.
type tags struct {
	src string
	i   int
	out []elixir.Piece
	tag bool // within < and >
	// open is where a brace may have a counterpart again: none before it was found to have one.
	open int
}

func (m *tags) piece(c elixir.Class, n int) {
	m.out = append(m.out, elixir.Piece{Class: c, From: m.i, To: m.i + n})
	m.i += n
}

// code is Elixir of n bytes, in brackets of lead and tail bytes.
func (m *tags) code(lead, n, tail int) {
	m.piece(elixir.ClassAttribute, lead)
	for _, p := range elixir.Highlight(m.src[m.i : m.i+n]) {
		p.From, p.To = p.From+m.i, p.To+m.i
		m.out = append(m.out, p)
	}
	m.i += n
	if tail > 0 {
		m.piece(elixir.ClassAttribute, tail)
	}
}

func (m *tags) step() {
	rest := m.src[m.i:]
	switch c := rest[0]; {
	case strings.HasPrefix(rest, "<%!--"):
		m.piece(elixir.ClassComment, through(rest, "--%>"))
	case strings.HasPrefix(rest, "<!--"):
		m.piece(elixir.ClassComment, through(rest, "-->"))
	case strings.HasPrefix(rest, "<%"):
		lead := 2
		if len(rest) > 2 && strings.IndexByte("=#%/|", rest[2]) >= 0 {
			lead = 3
		}
		n, tail := strings.Index(rest[lead:], "%>"), 2
		if n < 0 {
			n, tail = len(rest)-lead, 0
		}
		m.code(lead, n, tail)
	case c == '{' && m.i >= m.open:
		if n := braces(rest); n > 0 {
			m.code(1, n-2, 1)
		} else {
			m.open = m.i + reach
		}
	case c == '<' && len(rest) > 1 && (rest[1] == '/' || rest[1] == ':' || rest[1] == '.' || rest[1] == '!' || isLetter(rest[1])):
		n := 1
		for n < len(rest) && strings.IndexByte(" \t\n>", rest[n]) < 0 {
			n++
		}
		m.piece(elixir.ClassKeyword, n)
		m.tag = true
	case m.tag && c == '>':
		m.piece(elixir.ClassKeyword, 1)
		m.tag = false
	case m.tag && (c == '"' || c == '\''):
		n := strings.IndexByte(rest[1:], c)
		if n < 0 {
			n = len(rest) - 2
		}
		m.piece(elixir.ClassText, min(n+2, len(rest)))
	case m.tag && (isLetter(c) || c == ':' || c == '@'):
		n := 1
		for n < len(rest) && strings.IndexByte(" \t\n>=", rest[n]) < 0 {
			n++
		}
		m.piece(elixir.ClassModule, n)
	default:
		m.i++
	}
}

func isLetter(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' }

// through is how far it is to the end of a mark; all, where there is none.
func through(s, mark string) int {
	if n := strings.Index(s, mark); n >= 0 {
		return n + len(mark)
	}
	return len(s)
}

// reach bounds how far the counterpart of a brace is looked for, in bytes.
const reach = 4000

// braces is the length of what a brace and its counterpart hold, both included; 0: it has none within reach.
func braces(s string) int {
	depth := 0
	for i := range min(len(s), reach) {
		switch s[i] {
		case '{':
			depth++
		case '}':
			if depth--; depth == 0 {
				return i + 1
			}
		}
	}
	return 0
}
