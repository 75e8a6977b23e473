// Package prose breaks sentences into lines. It measures as tui/paint does, and never looks at more of a text than
// fits.
package prose

import (
	"strings"
	"unicode/utf8"

	"ops-console/tui/glyph"
	"ops-console/tui/paint"
)

// perCell bounds how many bytes a cell is worth looking at. The longest cluster that paint draws is shorter.
const perCell = 32

// Wrap is s in at most n lines of at most w cells, broken at spaces and line breaks. What is left over stays in the
// last line, for the caller to clip with an ellipsis; so does a word that is longer than a line in its own.
func Wrap(g *glyph.Set, s string, w, n int) []string {
	if w <= 0 || n <= 0 || s == "" {
		return nil
	}
	s = head(s, (w+1)*n*perCell)
	var (
		out  []string
		line strings.Builder
		used int
	)
	for rest := s; rest != ""; {
		word, after := cutWord(rest)
		breaks := strings.HasPrefix(rest, "\n") && (len(out) > 0 || used > 0)
		width := paint.Width(head(word, (w+1)*perCell), g)
		if used > 0 && (breaks || used+1+width > w) {
			if len(out) == n-1 {
				if left := strings.TrimLeft(rest, " \n"); left != "" {
					line.WriteByte(' ')
					line.WriteString(head(strings.ReplaceAll(left, "\n", " "), (w+1)*perCell))
				}
				return append(out, line.String())
			}
			out = append(out, line.String())
			line.Reset()
			used = 0
		}
		if word != "" {
			if used > 0 {
				line.WriteByte(' ')
				used++
			}
			line.WriteString(word)
			used += width
		}
		rest = after
	}
	if used > 0 {
		out = append(out, line.String())
	}
	return out
}

// cutWord takes the first word of s, without the space before it, and gives what follows. A line break ends a word and
// begins what follows it.
func cutWord(s string) (word, after string) {
	s = strings.TrimLeft(s, " \n")
	i := strings.IndexAny(s, " \n")
	if i < 0 {
		return s, ""
	}
	return s[:i], s[i:]
}

// head is at most n bytes of s, cut between characters.
func head(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}
