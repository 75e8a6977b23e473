package diff

import (
	"regexp"
	"strings"

	"ops-console/ops/phoenix/diff/lines"
)

// Op is what a line of a hunk is.
type Op byte

// The lines of a hunk.
const (
	Context Op = ' '
	Remove  Op = '-'
	Add     Op = '+'
)

// Hunk is a run of changes with the lines around them, as shown.
type Hunk struct {
	OldStart, OldLines int // counted from 1
	NewStart, NewLines int
	Section            string // the definition that the first line is in; empty: none
	Lines              []Line
}

// Line of a hunk.
type Line struct {
	Op       Op
	Old, New int    // counted from 1; 0: that side does not have it
	Text     string // without its end
	Words    []Word // for a line with a counterpart: what of it changed; else nil
	Partner  int    // index of the counterpart in the hunk's lines; -1: none
}

// Word is a piece of a line; the pieces together are the line.
type Word struct {
	Text    string
	Changed bool
}

// Row is a hunk's lines side by side; nil: nothing on that side.
type Row struct{ Old, New *Line }

// Hunks are a pair's changes with as many unchanged lines around each, as shown. Changes whose surroundings touch share a
// hunk. Binary files have none; collapsed text has.
func (p Pair) Hunks(context int) []Hunk {
	var out []Hunk
	for _, cc := range gather(p.changes, context) {
		out = append(out, p.hunk(cc, context))
	}
	return out
}

// gather puts changes together that are not further apart than twice the context.
func gather(cc []lines.Change, context int) [][]lines.Change {
	var out [][]lines.Change
	for i := 0; i < len(cc); {
		j := i + 1
		for j < len(cc) && cc[j].Old-(cc[j-1].Old+cc[j-1].Removed) <= 2*context {
			j++
		}
		out = append(out, cc[i:j])
		i = j
	}
	return out
}

// extent of a hunk, counted from 0.
type extent struct{ old, removed, new, added int }

// around is what a run of changes takes up with its context, in an old text of n lines.
func around(cc []lines.Change, n, context int) extent {
	first, last := cc[0], cc[len(cc)-1]
	before := min(context, first.Old)
	after := min(context, n-(last.Old+last.Removed))
	return extent{
		old: first.Old - before, removed: last.Old + last.Removed + after - (first.Old - before),
		new: first.New - before, added: last.New + last.Added + after - (first.New - before),
	}
}

func (p Pair) hunk(cc []lines.Change, context int) Hunk {
	e := around(cc, len(p.old), context)
	h := Hunk{OldStart: e.old + 1, OldLines: e.removed, NewStart: e.new + 1, NewLines: e.added, Section: section(p.old, e.old)}
	i, j := e.old, e.new
	keep := func(to int) {
		for ; i < to; i, j = i+1, j+1 {
			h.Lines = append(h.Lines, Line{Context, i + 1, j + 1, bare(p.old[i]), nil, -1})
		}
	}
	for _, c := range cc {
		keep(c.Old)
		at := len(h.Lines)
		for range c.Removed {
			h.Lines = append(h.Lines, Line{Remove, i + 1, 0, bare(p.old[i]), nil, -1})
			i++
		}
		for range c.Added {
			h.Lines = append(h.Lines, Line{Add, 0, j + 1, bare(p.new[j]), nil, -1})
			j++
		}
		h.highlight(at, at+c.Removed)
	}
	keep(e.old + e.removed)
	return h
}

func bare(line string) string { return strings.TrimSuffix(strings.TrimSuffix(line, "\n"), "\r") }

// definition is a line that opens something with a name, in what Phoenix generates.
var definition = regexp.MustCompile(`^\s*(defmodule|defp?|defmacrop?|describe|test|scope|pipeline|config|schema|attr|slot|function|class|const|FROM)\b`)

// section is the definition that a line is in: the nearest before it that is indented less.
func section(ll []string, at int) string {
	if at >= len(ll) {
		return ""
	}
	indent := indentOf(ll[at])
	for i := at - 1; i >= 0; i-- {
		if strings.TrimSpace(ll[i]) == "" {
			continue
		}
		if n := indentOf(ll[i]); n < indent || indent < 0 {
			if definition.MatchString(ll[i]) {
				return strings.TrimSpace(ll[i])
			}
			indent = n
		}
	}
	return ""
}

// indentOf a line; -1: it is blank.
func indentOf(l string) int {
	t := strings.TrimLeft(l, " \t")
	if strings.TrimSpace(t) == "" {
		return -1
	}
	return len(l) - len(t)
}

// Rows sets a hunk's lines side by side: counterparts in one row, and what has none beside what else has none.
func (h Hunk) Rows() []Row {
	var out []Row
	for i := 0; i < len(h.Lines); {
		if l := &h.Lines[i]; l.Op == Context {
			out = append(out, Row{l, l})
			i++
			continue
		}
		added := i
		for added < len(h.Lines) && h.Lines[added].Op == Remove {
			added++
		}
		end := added
		for end < len(h.Lines) && h.Lines[end].Op == Add {
			end++
		}
		out = append(out, h.rows(i, added, end)...)
		i = end
	}
	return out
}

// rows of a change: removed lines from start to before added, added ones from there to before end.
func (h Hunk) rows(start, added, end int) []Row {
	var out []Row
	zip := func(toOld, toNew int) {
		for start < toOld || added < toNew {
			var r Row
			if start < toOld {
				r.Old = &h.Lines[start]
				start++
			}
			if added < toNew {
				r.New = &h.Lines[added]
				added++
			}
			out = append(out, r)
		}
	}
	last := added
	for i := start; i < last; i++ {
		if j := h.Lines[i].Partner; j >= 0 {
			zip(i, j)
			out = append(out, Row{&h.Lines[i], &h.Lines[j]})
			start, added = i+1, j+1
		}
	}
	zip(last, end)
	return out
}
