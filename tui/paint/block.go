package paint

import (
	"strings"

	"github.com/charmbracelet/x/ansi"

	"ops-console/themes"
	"ops-console/tui/glyph"
)

// Block builds h lines of w cells. The zero value is useless, use NewBlock.
type Block struct {
	w, h  int
	line  *Line
	begun bool
	out   []string
}

// NewBlock is an empty block.
func NewBlock(th *themes.Theme, g *glyph.Set, w, h int) *Block {
	return &Block{w: max(w, 0), h: max(h, 0), line: New(th, g, w), out: make([]string, 0, max(h, 0))}
}

// Line begins the next line and finishes the one before; it is valid until the next call. Lines past the end of the
// block are drawn nowhere.
func (b *Block) Line() *Line {
	b.flush()
	b.begun = true
	return b.line.Reset(b.w)
}

// Blank appends an empty line.
func (b *Block) Blank() { b.Line() }

// Append adds finished lines, which must be as wide as the block.
func (b *Block) Append(lines ...string) {
	b.flush()
	b.out = append(b.out, lines[:min(len(lines), b.h-len(b.out))]...)
}

// Rest is how many lines still fit.
func (b *Block) Rest() int {
	n := b.h - len(b.out)
	if b.begun {
		n--
	}
	return max(n, 0)
}

// Lines are exactly h lines.
func (b *Block) Lines() []string {
	b.flush()
	for len(b.out) < b.h {
		b.out = append(b.out, b.line.Reset(b.w).String())
	}
	return b.out
}

func (b *Block) flush() {
	if b.begun && len(b.out) < b.h {
		b.out = append(b.out, b.line.String())
	}
	b.begun = false
}

// Beside joins two blocks of equal height line by line, with a column line in three cells between them: the result is
// as wide as both plus 3.
func Beside(th *themes.Theme, g *glyph.Set, left, right []string) []string {
	sep := New(th, g, 3).Gap(1).Text(themes.Border, g.Col).String()
	out := make([]string, min(len(left), len(right)))
	var s strings.Builder
	for i := range out {
		s.Reset()
		s.Grow(len(left[i]) + len(sep) + len(right[i]))
		s.WriteString(left[i])
		s.WriteString(sep)
		s.WriteString(right[i])
		out[i] = s.String()
	}
	return out
}

// Margins puts one blank of the theme's own ground on either side of lines of w-2 cells; below three cells there is
// nothing but them.
func Margins(th *themes.Theme, g *glyph.Set, lines []string, w int) []string {
	if w <= 2 {
		blank := New(th, g, w).String()
		for i := range lines {
			lines[i] = blank
		}
		return lines
	}
	blank := New(th, g, 1).String()
	for i := range lines {
		lines[i] = blank + lines[i] + blank
	}
	return lines
}

// Rule appends a heading over the rest of the line: the title, a line, and words at its end.
//
//	NEEDS ATTENTION ─────────────────── 2 of 2
func (l *Line) Rule(title string, right ...Part) *Line {
	if title != "" {
		l.Text(themes.Title, title).Gap(1)
	}
	for len(right) > 0 {
		n := 1
		for _, p := range right {
			n += Width(p.Text, l.Glyphs)
		}
		if rest := l.Rest() - n; rest >= 1 {
			return l.Repeat(themes.Border, l.Glyphs.Rule, rest).Gap(1).Parts(right...)
		}
		right = right[1:]
	}
	return l.Repeat(themes.Border, l.Glyphs.Rule, l.Rest())
}

// Dim draws the text of a finished line of w cells in the quietest role, in two parts: up to column from, and from
// column to on. What is between them is left to whoever covers it.
func Dim(th *themes.Theme, g *glyph.Set, finished string, from, to, w int) (left, right string) {
	text := ansi.Strip(finished)
	left = New(th, g, from).Text(themes.Faint, ansi.Cut(text, 0, from)).String()
	if to < w {
		right = New(th, g, w-to).Text(themes.Faint, ansi.Cut(text, to, w)).String()
	}
	return left, right
}
