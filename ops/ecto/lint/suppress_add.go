package lint

import (
	"bytes"
	"slices"
	"strings"

	"ops-console/ops/ecto"
	"ops-console/ops/ecto/elixir"
	"ops-console/ops/plaintext"
)

// AddSuppression gives a file's text with a comment that suppresses a rule at a place: on a line of its own before the
// statement, with its indentation, and where no line would do, for the whole file. Without a reason, and where the comment
// is there already, the text is as it was.
func AddSuppression(src []byte, at ecto.Span, rule, reason string) []byte {
	reason = strings.TrimSpace(plaintext.Line(reason, 400))
	if reason == "" || at.Line < 1 || suppresses(src, at, rule) {
		return src
	}
	f, _ := elixir.Parse(src, "")
	if at.Line > 1 || at.Column > 1 {
		for _, line := range places(f, at.Line) {
			out := insertLine(src, line, "# ops-console:ignore "+rule+" -- "+reason)
			moved := at
			moved.Line, moved.EndLine = at.Line+1, max(at.EndLine, at.Line)+1
			if suppresses(out, moved, rule) {
				return out
			}
		}
	}
	return insertLine(src, 1, "# ops-console:ignore-file "+rule+" -- "+reason)
}

// suppresses says whether a comment is there that is about a place.
func suppresses(src []byte, at ecto.Span, rule string) bool {
	gg, _ := ignores("", src)
	return slices.ContainsFunc(gg, func(g *ignore) bool { return slices.Contains(g.rules, rule) && g.reaches(at) })
}

// places are the lines before which a comment could stand that is to be about a line, best first: that of the innermost
// statement that the line is part of, then those around it, then the line itself.
func places(f *elixir.File, line int) []int {
	var out []int
	add := func(n *elixir.Node) {
		from, to := f.Extent(n)
		if int(from.Line) <= line && line <= int(to.Line) {
			out = append(out, int(from.Line))
		}
	}
	elixir.Walk(f.Root, func(n *elixir.Node) bool {
		switch {
		case n.IsBlock():
			for _, e := range n.Exprs() {
				add(e)
			}
		case n.HasDo():
			for _, e := range n.Body() {
				add(e)
			}
		}
		return true
	})
	slices.Sort(out)
	out = slices.Compact(out)
	slices.Reverse(out)
	return append(out, line)
}

// insertLine puts a line before another, with the indentation and the line ending that the other has.
func insertLine(src []byte, line int, text string) []byte {
	at := 0
	if bytes.HasPrefix(src, []byte("\ufeff")) {
		at = len("\ufeff")
	}
	for n := 1; n < line; n++ {
		i := bytes.IndexByte(src[at:], '\n')
		if i < 0 {
			return src
		}
		at += i + 1
	}
	rest := src[at:]
	indent := rest[:len(rest)-len(bytes.TrimLeft(rest, " \t"))]
	end := "\n"
	if i := bytes.IndexByte(rest, '\n'); i > 0 && rest[i-1] == '\r' {
		end = "\r\n"
	}
	return slices.Concat(src[:at], indent, []byte(text+end), rest)
}
