// Package plaintext makes text from outside (names, check output, DNS answers, page titles, error text) safe to show
// in one cell of a terminal: what is left cannot move the cursor, change a colour, reverse the reading order, or pile
// up on one column. It is the only place that decides so, and it knows nothing of what the text means.
//
// What is removed: ANSI and VT sequences whole (CSI, OSC, DCS, APC, PM, SOS, in their seven- and eight-bit forms),
// every other control character, everything invisible (zero width, bidirectional controls, variation selectors, tags),
// and combining marks beyond the second on one base. Invalid UTF-8, private and unassigned characters become U+FFFD.
//
// The work is linear in what is looked at, and what is looked at is bounded by what was asked for, not by the text.
package plaintext

import (
	"strings"
	"unicode/utf8"
)

const ellipsis = '…'

// Line is s as one line of at most max characters (runes). Line breaks and tabs become spaces, space at either end is
// dropped, and a text that is too long ends in an ellipsis. Line(Line(s, max), max) is Line(s, max).
func Line(s string, max int) string {
	if max <= 0 {
		return ""
	}
	if printable(s, max) {
		return s
	}
	w := writer{max: max}
	c := newCleaner(s, max)
	for {
		r, ok := c.next()
		switch {
		case !ok:
			return w.finish(c.cut)
		case r == '\n':
			r = ' '
		}
		if !w.line(r) {
			return w.finish(true)
		}
	}
}

// Block is s as at most maxLines lines of together at most maxRunes characters, separated by "\n". Indentation stays
// (a tab is one space), blank lines at either end and space before a line break go. A text that is too long ends in
// an ellipsis. Block is idempotent as Line is.
func Block(s string, maxLines, maxRunes int) string {
	if maxLines <= 0 || maxRunes <= 0 {
		return ""
	}
	w := writer{max: maxRunes, maxLines: maxLines}
	c := newCleaner(s, maxRunes)
	for {
		r, ok := c.next()
		if !ok {
			return w.finish(c.cut)
		}
		if !w.block(r) {
			return w.finish(true)
		}
	}
}

// printable tells whether s is already what Line would make of it, for the common case of short ASCII text.
func printable(s string, max int) bool {
	if len(s) > max {
		return false
	}
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' {
			return false
		}
	}
	return s == "" || s[0] != ' ' && s[len(s)-1] != ' '
}

// writer collects characters up to a limit. Spaces and line breaks wait until something visible follows them.
type writer struct {
	b        strings.Builder
	n        int // runes written
	max      int
	maxLines int
	breaks   int // line breaks written
	waiting  int // spaces not yet written
	newlines int // line breaks not yet written, before the waiting spaces
}

// line takes one character of a Line and tells whether there was room.
func (w *writer) line(r rune) bool {
	if r == ' ' {
		if w.n > 0 {
			w.waiting++
		}
		return true
	}
	return w.flush() && w.put(r)
}

// block takes one character of a Block and tells whether there was room.
func (w *writer) block(r rune) bool {
	switch r {
	case '\n':
		if w.n > 0 {
			w.newlines++
		}
		w.waiting = 0
		return true
	case ' ':
		w.waiting++
		return true
	}
	return w.flush() && w.put(r)
}

func (w *writer) flush() bool {
	for ; w.newlines > 0; w.newlines-- {
		if w.breaks+1 >= w.maxLines || !w.put('\n') {
			return false
		}
		w.breaks++
	}
	for ; w.waiting > 0; w.waiting-- {
		if !w.put(' ') {
			return false
		}
	}
	return true
}

func (w *writer) put(r rune) bool {
	if w.n == w.max {
		return false
	}
	w.n++
	w.b.WriteRune(r)
	return true
}

// finish is the text so far; where something was left out, an ellipsis says so, in place of the last character where
// there is no room for one more.
func (w *writer) finish(cut bool) string {
	s := w.b.String()
	if !cut {
		return s
	}
	for w.n == w.max {
		_, size := utf8.DecodeLastRuneInString(s)
		s = s[:len(s)-size]
		w.n--
	}
	return strings.TrimRight(s, " \n") + string(ellipsis)
}
