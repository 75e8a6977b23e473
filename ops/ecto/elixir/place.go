package elixir

import (
	"sort"
	"strings"
	"unicode/utf8"
)

func lineStarts(src string) []int32 {
	starts := make([]int32, 1, strings.Count(src, "\n")+1)
	for at := 0; ; {
		i := strings.IndexByte(src[at:], '\n')
		if i < 0 {
			return starts
		}
		at += i + 1
		starts = append(starts, int32(at))
	}
}

// Position is the place of a byte offset in Source; the column counts code points.
func (f *File) Position(offset int) Pos {
	offset = min(max(offset, 0), len(f.Source))
	if len(f.lines) == 0 {
		return Pos{1, 1}
	}
	i := sort.Search(len(f.lines), func(i int) bool { return int(f.lines[i]) > offset }) - 1
	column := utf8.RuneCountInString(f.Source[f.lines[i]:offset]) + 1
	return Pos{int32(i + 1), int32(column)}
}

// Extent is where the whole of n begins, and the place behind its last character.
func (f *File) Extent(n *Node) (from, to Pos) {
	return f.Position(int(n.From)), f.Position(int(n.To))
}

// Line is the text of a line counted from 1, without its line break; empty outside of the file.
func (f *File) Line(number int) string {
	if number < 1 || number > len(f.lines) {
		return ""
	}
	line := f.Source[f.lines[number-1]:]
	if i := strings.IndexByte(line, '\n'); i >= 0 {
		line = line[:i]
	}
	return strings.TrimSuffix(line, "\r")
}

// Locate is the byte offset in Source of byte i of the value of a string, or of a piece of one that [Node.Parts] gave:
// through its quotes, its escapes, and the indentation of a heredoc. For other nodes it is where they begin.
func (f *File) Locate(n *Node, i int) int {
	if n.Kind != String || n.text == 0 && n.indent == 0 && !n.part {
		return int(n.From)
	}
	at, end := int(n.text), int(n.To)
	indent := int(n.indent)
	fresh := indent > 0
	indent = max(indent, -indent)
	for at < end {
		if fresh {
			line := f.Source[at:end]
			at += len(line) - len(trimBlanks(line, indent))
			fresh = false
			continue
		}
		width, out := 1, 1
		if f.Source[at] == '\\' && n.escapes != escapesNothing {
			width, out = n.escapeWidth(f.Source[at:end])
		}
		if i < out {
			return at
		}
		i -= out
		at += width
		fresh = f.Source[at-1] == '\n' && indent > 0
	}
	return min(at, end)
}

// escapeWidth is the length of the escape that s begins with, and that of what it stands for.
func (n *Node) escapeWidth(s string) (width, out int) {
	switch {
	case len(s) < 2:
		return 1, 1
	case n.escapes == escapesCloser:
		if strings.ContainsRune(`)]}>|/"'`, rune(s[1])) {
			return 2, 1
		}
		return 2, 2
	case s[1] == '\r' && strings.HasPrefix(s[2:], "\n"):
		return 3, 0
	case s[1] == '\n':
		return 2, 0
	}
	width = 2
	switch s[1] {
	case 'x':
		_, w, _ := hexEscape(s[2:], 2)
		width += w
	case 'u':
		_, w, _ := hexEscape(s[2:], 4)
		width += w
	}
	text, _ := unescape(s[:width])
	return width, max(len(text), 1)
}
