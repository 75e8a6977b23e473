// Package page writes reports for people who read them outside the console: plain lines in a fixed reading order that a
// screen reader follows, cut or wrapped at a width, with tables that leave columns out before they break. Colour only
// repeats what a word says. It knows what a problem is, and nothing else of what it writes.
package page

import (
	"fmt"
	"io"
	"strings"

	"github.com/mattn/go-runewidth"

	"ops-console/ops"
	"ops-console/ops/plaintext"
)

// Options of a Page.
type Options struct {
	Width int  // of a line, in cells; 0: as wide as it gets
	Color bool // levels in colour, beside their words
	ASCII bool // nothing but ASCII
}

// Page is a text that is being written. Make one with New. All text it is given is made safe to show.
type Page struct {
	b strings.Builder
	o Options
}

// New is an empty page.
func New(o Options) *Page { return &Page{o: o} }

// WriteTo implements io.WriterTo.
func (p *Page) WriteTo(w io.Writer) (int64, error) {
	n, err := io.WriteString(w, p.b.String())
	return int64(n), err
}

// width measures as a terminal outside East Asia does, whatever the environment says: the same report gives the same
// text everywhere.
var width = &runewidth.Condition{}

func cells(s string) int { return width.StringWidth(s) }

func truncate(s string, n int) string { return width.Truncate(s, n, "") }

// Word is a short text with the level that colours it: critical, warning, unknown, ok, stopped, or none.
type Word struct {
	Text  string
	Level string
}

// Head writes words as the first line: they are separated by three spaces, and those that do not fit begin another one.
// The first is a title, with what its level is after a colon: Head("changelog", Word{"healthy", "ok"}, …).
func (p *Page) Head(title string, verdict Word, rest ...string) {
	first := p.Clean(title) + ": "
	p.b.WriteString(first + p.paint(verdict.Level, verdict.Text))
	used := cells(first + verdict.Text)
	for _, part := range rest {
		part = p.Clean(part)
		n := cells(part)
		if p.o.Width > 0 && used+3+n > p.o.Width {
			p.b.WriteString("\n")
			used = 0
		} else {
			p.b.WriteString("   ")
			used += 3
		}
		p.b.WriteString(part)
		used += n
	}
	p.b.WriteString("\n")
}

// Section begins a part of the page.
func (p *Page) Section(title, note string) {
	p.b.WriteByte('\n')
	p.Line(0, strings.TrimRight(title+"  "+note, " "))
}

// Line writes one line, cut at the width.
func (p *Page) Line(indent int, s string) {
	lead := len(s) - len(strings.TrimLeft(s, " "))
	indent += lead
	p.b.WriteString(strings.Repeat(" ", indent))
	p.b.WriteString(p.cut(p.Clean(s), p.o.Width-indent))
	p.b.WriteByte('\n')
}

// Wrapped writes text over as many lines as it needs; none where it is empty.
func (p *Page) Wrapped(indent int, s string) {
	if s == "" {
		return
	}
	for _, l := range p.wrap(s, indent) {
		p.Line(indent, l)
	}
}

// margin is where the text of labelled lines and of problems begins.
const margin = 11

// Labelled is Wrapped with a word of at most 8 characters before it.
func (p *Page) Labelled(label, s string) {
	for i, l := range p.wrap(s, margin) {
		p.Line(1, fmt.Sprintf("%-8s  %s", label, l))
		if i == 0 {
			label = ""
		}
	}
}

// Numbered is a line that begins with a number, aligned to the right.
func (p *Page) Numbered(n int, s string) {
	number := fmt.Sprint(n)
	p.Line(max(5-len(number), 1), number+"  "+s)
}

// wrap makes s safe and breaks it at spaces into lines that fit beside an indentation.
func (p *Page) wrap(s string, indent int) []string {
	s = p.Clean(s)
	room := p.o.Width - indent
	if p.o.Width == 0 || room <= 0 || cells(s) <= room {
		return []string{s}
	}
	var out []string
	line := ""
	for word := range strings.FieldsSeq(s) {
		switch {
		case line == "":
			line = word
		case cells(line)+1+cells(word) <= room:
			line += " " + word
		default:
			out = append(out, line)
			line = word
		}
	}
	return append(out, line)
}

func (p *Page) cut(s string, width int) string {
	if p.o.Width == 0 || cells(s) <= width {
		return s
	}
	mark := "…"
	if p.o.ASCII {
		mark = "~"
	}
	if width <= 1 {
		return mark
	}
	return truncate(s, width-1) + mark
}

// inASCII are the characters that reports use and ASCII has other ways to write.
var inASCII = strings.NewReplacer("…", "~", "≥", ">=", "≤", "<=", "±", "+/-", "→", "->", "└", "`")

// Clean makes a text safe to show, as one line, in ASCII where that is asked for.
func (p *Page) Clean(s string) string {
	s = plaintext.Line(s, 4000)
	if !p.o.ASCII {
		return s
	}
	return strings.Map(func(r rune) rune {
		if r > '~' {
			return '?'
		}
		return r
	}, inASCII.Replace(s))
}

// sgr are the colours of levels.
var sgr = map[string]string{
	string(ops.Critical): "1;31",
	string(ops.Warning):  "33",
	string(ops.Unknown):  "36",
	"ok":                 "32",
	"stopped":            "2",
}

// paint puts a level's colour around text.
func (p *Page) paint(level, text string) string {
	if !p.o.Color || sgr[level] == "" {
		return text
	}
	return "\x1b[" + sgr[level] + "m" + text + "\x1b[0m"
}
