// Package paint builds lines of an exact width. Text is measured once, while it is appended: clipped between
// graphemes, marked with an ellipsis where something is missing, padded where something is short. Whatever text comes
// in, what goes out moves no cursor, changes no colour outside its cell, and is as wide by the terminal's measure as
// by ours.
//
// It never decides what is shown, and knows nothing of the terminal but the glyphs and the theme it is given.
package paint

import (
	"ops-console/themes"
	"ops-console/tui/glyph"
)

// Align says which side of its cell a text keeps to.
type Align uint8

// The alignments.
const (
	Left Align = iota
	Right
)

// Line builds one line of W cells. Appending past the end is clipped. Methods return the Line, so that calls chain.
// The zero value is useless, use New; one Line can be used for many lines by Reset.
type Line struct {
	Theme  *themes.Theme
	Glyphs *glyph.Set

	buf    []byte
	w, x   int
	ground themes.Ground
	open   string // the escape sequence in effect at the end of buf
}

// New is an empty line of w cells.
func New(th *themes.Theme, g *glyph.Set, w int) *Line {
	l := &Line{Theme: th, Glyphs: g}
	return l.Reset(w)
}

// Reset empties the line and gives it a new width, on the base ground.
func (l *Line) Reset(w int) *Line {
	l.buf, l.w, l.x, l.ground, l.open = l.buf[:0], max(w, 0), 0, themes.Base, ""
	return l
}

// On changes what the rest of the line is drawn on: themes.Selection for the selected row, themes.Over in dialogs.
func (l *Line) On(g themes.Ground) *Line {
	l.ground = g
	return l
}

// X is the column the next text goes to.
func (l *Line) X() int { return l.x }

// Rest is how many cells are left.
func (l *Line) Rest() int { return l.w - l.x }

// Width is the width of the finished line.
func (l *Line) Width() int { return l.w }

// Text appends s, clipped with an ellipsis at the end of the line.
func (l *Line) Text(r themes.Role, s string) *Line {
	l.style(r)
	l.put(s, l.Rest())
	return l
}

// Max appends s, clipped with an ellipsis at n cells; a shorter one is not padded.
func (l *Line) Max(r themes.Role, s string, n int) *Line {
	l.style(r)
	l.put(s, min(n, l.Rest()))
	return l
}

// Cell appends s in exactly n cells (fewer at the end of the line). What pads it has no look of its own: a role that
// is drawn reversed or underlined marks the text, not the column.
func (l *Line) Cell(r themes.Role, s string, n int, a Align) *Line {
	n = min(n, l.Rest())
	if n <= 0 {
		return l
	}
	end := l.x + n
	if a == Right {
		// No cluster is longer than what next looks at, so more of s than this cannot matter.
		l.Gap(n - Width(s[:min(len(s), (n+1)*2*longestCluster)], l.Glyphs))
	}
	l.style(r)
	l.put(s, end-l.x)
	return l.To(end)
}

// Gap appends n blanks.
func (l *Line) Gap(n int) *Line {
	if n <= 0 {
		return l
	}
	l.style(themes.Plain)
	l.spaces(min(n, l.Rest()))
	return l
}

// To appends blanks up to column x; nothing where the line is already past it.
func (l *Line) To(x int) *Line { return l.Gap(x - l.x) }

// Repeat appends a one-cell glyph n times.
func (l *Line) Repeat(r themes.Role, g string, n int) *Line {
	l.style(r)
	for n = min(n, l.Rest()); n > 0; n-- {
		l.buf = append(l.buf, g...)
		l.x++
	}
	return l
}

// Glyph appends a shape of the glyph set, or several that are one cell each.
func (l *Line) Glyph(r themes.Role, g string) *Line { return l.Text(r, g) }

// Within lets draw append to the next n cells only, and pads what it leaves.
func (l *Line) Within(n int, draw func(*Line)) *Line {
	w := l.w
	end := min(w, l.x+max(n, 0))
	l.w = end
	draw(l)
	l.To(end)
	l.w = w
	return l
}

// Splice appends a finished line of n cells as it is; it has to fit.
func (l *Line) Splice(finished string, n int) *Line {
	if n > l.Rest() {
		return l
	}
	if l.open != "" {
		l.buf = append(l.buf, themes.Off...)
		l.open = ""
	}
	l.buf = append(l.buf, finished...)
	l.x += n
	return l
}

// Key appends "key help", as the help row shows it.
func (l *Line) Key(key, help string) *Line {
	l.Text(themes.Accent, key)
	if help != "" {
		l.Text(themes.Muted, " ").Text(themes.Muted, help)
	}
	return l
}

// Part is a piece of text with a role.
type Part struct {
	Role themes.Role
	Text string
}

// Parts appends several.
func (l *Line) Parts(pp ...Part) *Line {
	for _, p := range pp {
		l.Text(p.Role, p.Text)
	}
	return l
}

// Right appends parts so that the last one ends at the end of the line, with at least one blank before the first.
// Where they do not all fit, the first ones are left out whole, so that the last one is dropped last.
func (l *Line) Right(pp ...Part) *Line {
	for len(pp) > 0 {
		n := 0
		for _, p := range pp {
			n += Width(p.Text, l.Glyphs)
		}
		if gap := l.Rest() - n; gap >= 1 || gap == 0 && l.x == 0 {
			return l.Gap(gap).Parts(pp...)
		}
		pp = pp[1:]
	}
	return l.Gap(l.Rest())
}

// String is the finished line: exactly Width cells, with no style left open.
func (l *Line) String() string {
	if l.x < l.w {
		l.Gap(l.w - l.x)
	}
	if l.open != "" {
		l.buf = append(l.buf, themes.Off...)
		l.open = ""
	}
	return string(l.buf)
}

func (l *Line) style(r themes.Role) {
	on := l.Theme.OnGround(l.ground, r)
	if on == l.open {
		return
	}
	if on == "" {
		l.buf = append(l.buf, themes.Off...)
	}
	l.buf = append(l.buf, on...)
	l.open = on
}

func (l *Line) spaces(n int) {
	for ; n > 0; n-- {
		l.buf = append(l.buf, ' ')
		l.x++
	}
}
