package paint

import (
	"unicode"
	"unicode/utf8"

	"github.com/charmbracelet/x/ansi"

	"ops-console/tui/glyph"
)

// longestCluster bounds what one cell may carry, in bytes: real text stays far below it, stacked combining marks that
// slow a terminal do not.
const longestCluster = 32

// put appends s in at most limit cells and says how many it took.
func (l *Line) put(s string, limit int) int {
	if limit <= 0 {
		return 0
	}
	if n := asciiPrefix(s, limit+1); n == len(s) && n <= limit {
		l.buf = append(l.buf, s...)
		l.x += n
		return n
	}
	var (
		dots    = l.Glyphs.Ellipsis
		keep    = max(limit-cells(dots), 0)
		cut     = len(l.buf) // where the ellipsis would go,
		cutAt   = 0          // and at which cell
		used    = 0
		overrun = false
	)
	for s != "" {
		if used <= keep {
			cut, cutAt = len(l.buf), used
		}
		text, w, n := next(s, l.Glyphs.ASCII)
		if used+w > limit {
			overrun = true
			break
		}
		l.buf = append(l.buf, text...)
		used += w
		s = s[n:]
	}
	if overrun {
		l.buf, used = l.buf[:cut], cutAt
		for _, r := range dots {
			if used < limit {
				l.buf = utf8.AppendRune(l.buf, r)
				used++
			}
		}
	}
	l.x += used
	return used
}

// cells is the width of one of our own glyphs.
func cells(g string) int { return utf8.RuneCountInString(g) }

// Width is how many cells s takes when it is appended whole.
func Width(s string, g *glyph.Set) int {
	if n := asciiPrefix(s, len(s)); n == len(s) {
		return n
	}
	total := 0
	for s != "" {
		_, w, n := next(s, g.ASCII)
		total += w
		s = s[n:]
	}
	return total
}

// asciiPrefix is how many bytes at the start of s are printable ASCII; it looks at no more than limit.
func asciiPrefix(s string, limit int) int {
	limit = min(limit, len(s))
	for i := range limit {
		if s[i] < 0x20 || s[i] > 0x7e {
			return i
		}
	}
	return limit
}

// next takes the first grapheme of s: what to draw for it, how wide that is, how many bytes of s it stands for. What
// cannot be shown safely, or has no width that every terminal agrees on, becomes a replacement of one cell.
func next(s string, asciiOnly bool) (text string, width, n int) {
	if c := s[0]; c >= 0x20 && c < 0x7f && (len(s) == 1 || s[1] < 0x80) {
		return s[:1], 1, 1
	}
	r, size := utf8.DecodeRuneInString(s)
	if !asciiOnly && plainCell(r) {
		if len(s) == size || s[size] < 0x80 {
			return s[:size], 1, size
		}
		if q, _ := utf8.DecodeRuneInString(s[size:]); plainCell(q) {
			return s[:size], 1, size
		}
	}
	bad := "\uFFFD"
	if asciiOnly {
		bad = "?"
	}
	if r == utf8.RuneError || !unicode.IsGraphic(r) || joinsThePrevious(r) {
		if r == '\t' {
			return " ", 1, size
		}
		return bad, 1, size
	}
	// A cluster is looked for in a bounded window, so that a megabyte of combining marks costs nothing.
	window := s[:min(len(s), 2*longestCluster)]
	cluster, byGrapheme := ansi.FirstGraphemeCluster(window, ansi.GraphemeWidth)
	n = max(len(cluster), size)
	if len(cluster) == 1 && s[0] < 0x80 {
		return s[:1], 1, 1
	}
	if asciiOnly || len(cluster) > longestCluster || byGrapheme < 1 || byGrapheme > 2 || !utf8.ValidString(cluster) {
		return bad, 1, n
	}
	if ansi.StringWidthWc(cluster) != byGrapheme || !allGraphic(cluster) {
		return bad, 1, n
	}
	return cluster, byGrapheme, n
}

// plainCell is true for runes outside ASCII that are one cell wide for everybody and start a grapheme of their own:
// letters of Latin-1, lines, blocks, shapes and Braille. It spares the grapheme machinery for nearly all we draw.
func plainCell(r rune) bool {
	return r >= 0x2500 && r <= 0x25f8 || r >= 0x2800 && r <= 0x28ff ||
		r >= 0xa1 && r <= 0xff && r != 0xad && r != 0xa9 && r != 0xae || r == '…' || r == '—' || r == '✓'
}

// joinsThePrevious is true for runes that would become part of whatever was drawn just before.
func joinsThePrevious(r rune) bool {
	return unicode.Is(unicode.M, r) || r >= 0x1f1e6 && r <= 0x1f1ff || r >= 0x1f3fb && r <= 0x1f3ff ||
		r == 0xff9e || r == 0xff9f || r >= 0x1160 && r <= 0x11ff || r >= 0xd7b0 && r <= 0xd7fb
}

// allGraphic refuses clusters that hide a format character, such as a joiner or a tag.
func allGraphic(s string) bool {
	for _, r := range s {
		if !unicode.IsGraphic(r) || unicode.Is(unicode.Cf, r) || unicode.Is(unicode.Variation_Selector, r) {
			return false
		}
	}
	return true
}
