package report

import (
	"bufio"
	"fmt"
	"strings"

	"github.com/mattn/go-runewidth"
)

// Styles, as parameters of SGR. Each only repeats what a sign or word says.
const (
	strong = "1"
	muted  = "2"
	red    = "31"
	green  = "32"
	yellow = "33"
	cyan   = "36"
)

// cells measures as a terminal outside East Asia does, whatever the environment says.
var cells = &runewidth.Condition{}

// word is a part of a line, with its style.
type word struct{ text, style string }

// printer writes lines, cut at the width. What it is given is safe to show already.
type printer struct {
	w *bufio.Writer
	o Options
}

func (p *printer) line(style, s string) { p.words(word{s, style}) }

func (p *printer) words(ww ...word) {
	room := p.o.Width
	var b strings.Builder
	cut := false
	for _, w := range ww {
		text := w.text
		if p.o.Width > 0 {
			if text != "" && room == 0 {
				break
			}
			if cells.StringWidth(text) > room {
				text, cut = cells.Truncate(text, room, "…"), true
			}
			room -= cells.StringWidth(text)
		}
		if p.o.Color && w.style != "" && text != "" {
			text = "\x1b[" + w.style + "m" + text + "\x1b[0m"
		}
		b.WriteString(text)
		if cut {
			break
		}
	}
	s := b.String()
	if !p.o.Color {
		s = strings.TrimRight(s, " ")
	}
	fmt.Fprintln(p.w, s)
}

// wrapped writes a text over as many lines as it needs, all but the first moved in by two.
func (p *printer) wrapped(style, indent, s string) {
	line, more := indent, indent+"  "
	for word := range strings.FieldsSeq(s) {
		if p.o.Width > 0 && strings.TrimSpace(line) != "" && cells.StringWidth(line)+cells.StringWidth(word) > p.o.Width {
			p.line(style, strings.TrimRight(line, " "))
			line = more
		}
		line += word + " "
	}
	p.line(style, strings.TrimRight(line, " "))
}

// close writes what is left, and says what went wrong on the way.
func (p *printer) close() error {
	if err := p.w.Flush(); err != nil {
		return fmt.Errorf("write the report: %w", err)
	}
	return nil
}
