// Package source draws source text in colours, a line at a time and only what is asked for. It does not judge it.
package source

import (
	"iter"
	"sort"
	"strings"
	"unicode/utf8"

	"ops-console/ops/ecto/elixir"
	"ops-console/themes"
	"ops-console/tui/glyph"
	"ops-console/tui/paint"
)

// Text is source text divided into lines and pieces. The zero value is empty.
type Text struct {
	src    string
	starts []int // offsets of the lines
	pieces []elixir.Piece
}

// roles are the looks of the classes of Elixir.
var roles = map[elixir.Class]themes.Role{
	elixir.ClassKeyword: themes.Keyword, elixir.ClassText: themes.String, elixir.ClassComment: themes.Comment, elixir.ClassNumber: themes.Number,
	elixir.ClassAtom: themes.Info, elixir.ClassModule: themes.Type, elixir.ClassAttribute: themes.Number,
}

// Elixir is source text of that language.
func Elixir(src string) *Text {
	t := Plain(src)
	t.pieces = elixir.Highlight(src)
	return t
}

// Plain is text without colours.
func Plain(src string) *Text {
	t := &Text{src: src}
	for at := 0; at < len(src); {
		t.starts = append(t.starts, at)
		n := strings.IndexByte(src[at:], '\n')
		if n < 0 {
			break
		}
		at += n + 1
	}
	return t
}

// Len is how many lines there are.
func (t *Text) Len() int { return len(t.starts) }

// Line is line n, counted from 1, without its end; empty where there is none.
func (t *Text) Line(n int) string {
	from, to := t.span(n)
	return t.src[from:to]
}

func (t *Text) span(n int) (from, to int) {
	if n < 1 || n > len(t.starts) {
		return 0, 0
	}
	from, to = t.starts[n-1], len(t.src)
	if n < len(t.starts) {
		to = t.starts[n] - 1
	}
	return from, from + len(strings.TrimRight(t.src[from:to], "\r\n"))
}

// Cells is how many cells of line n are before a column, both counted from 1.
func (t *Text) Cells(g *glyph.Set, n, column int) int {
	s := t.Line(n)
	at := 0
	for ; column > 1 && at < len(s); column-- {
		_, size := utf8.DecodeRuneInString(s[at:])
		at += size
	}
	return paint.Width(s[:at], g) + max(column-1, 0)
}

// Draw appends line n, counted from 1, without its first skip characters, clipped at the end of l.
func (t *Text) Draw(l *paint.Line, n, skip int) {
	line := strings.TrimRight(t.Line(n), " ")
	at := 0
	for ; skip > 0 && at < len(line); skip-- {
		_, size := utf8.DecodeRuneInString(line[at:])
		at += size
	}
	for s := range t.Roles(n) {
		from, to, role := max(s.From, at), min(s.To, len(line)), s.Role
		if from >= to {
			continue
		}
		if l.Rest() <= 0 {
			return
		}
		if to < len(line) && paint.Width(line[from:to], l.Glyphs) >= l.Rest() {
			l.Text(role, line[from:]) // what follows is clipped with it, so that it is seen that something does
			return
		}
		l.Text(role, line[from:to])
	}
}

// Stretch is a part of a line, by byte offsets, and its look.
type Stretch struct {
	From, To int
	Role     themes.Role
}

// Roles are the stretches of line n, counted from 1: all of the line, in order.
func (t *Text) Roles(n int) iter.Seq[Stretch] {
	return func(yield func(Stretch) bool) {
		start, end := t.span(n)
		i := sort.Search(len(t.pieces), func(i int) bool { return t.pieces[i].To > start })
		for from := start; from < end; {
			to, role := end, themes.Plain
			if i < len(t.pieces) {
				if p := t.pieces[i]; p.From > from {
					to = min(p.From, end)
				} else {
					to, role = min(p.To, end), roles[p.Class]
					i++
				}
			}
			if !yield(Stretch{from - start, to - start, role}) {
				return
			}
			from = to
		}
	}
}
