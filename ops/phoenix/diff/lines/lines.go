// Package lines compares two texts line by line. Its answers are those of git's default algorithm, line for line: Myers'
// O(ND) difference algorithm in linear space (Algorithmica 1, 1986), behind a filter that drops lines which cannot match,
// with git's limits on effort, and with runs of changed lines slid together. A merge built on it therefore agrees with
// git's about what touches what.
//
// It knows nothing of files, and never looks inside a line.
package lines

import "strings"

// Change is a run of lines that differ: Removed lines from line Old of the old text gave way to Added lines from line New
// of the new one. Lines are counted from 0; one of the lengths may be 0, not both.
type Change struct {
	Old, Removed int
	New, Added   int
}

// Split cuts a text after each "\n". The last line has none if the text does not end in one; an empty text has no lines.
func Split(text string) []string {
	if text == "" {
		return nil
	}
	ll := make([]string, 0, strings.Count(text, "\n")+1)
	for text != "" {
		n := strings.IndexByte(text, '\n') + 1
		if n == 0 {
			n = len(text)
		}
		ll = append(ll, text[:n])
		text = text[n:]
	}
	return ll
}

// Changes are what turns the lines a into the lines b, in order. Between two changes there is at least one line that
// both have.
func Changes(a, b []string) []Change { return changes(a, b, false) }

// Readable is Changes for people: runs of changed lines that could lie in several places lie where blocks of indented text
// begin and end, as git diff has them. A merge does not: it needs Changes.
func Readable(a, b []string) []Change { return changes(a, b, true) }

func changes(a, b []string, readable bool) []Change {
	old, new := number(a, b)
	x, y := newSide(old), newSide(new)
	if readable {
		x.text, y.text = a, b
	}
	filter(x, y)
	compare(x, y)
	slide(x, y)
	slide(y, x)
	return script(x, y)
}

// number gives equal lines equal numbers, from 0 without gaps.
func number(a, b []string) (old, new []int) {
	ids := make(map[string]int, len(a)+len(b))
	numbers := func(ll []string) []int {
		out := make([]int, len(ll))
		for i, l := range ll {
			id, ok := ids[l]
			if !ok {
				id = len(ids)
				ids[l] = id
			}
			out[i] = id
		}
		return out
	}
	return numbers(a), numbers(b)
}

// side is one of two texts.
type side struct {
	ids     []int
	changed []bool   // by line
	kept    []int    // lines that the comparison proper looks at
	text    []string // by line; nil: where groups lie does not depend on it
}

func newSide(ids []int) *side { return &side{ids: ids, changed: make([]bool, len(ids))} }

// isChanged is false beyond either end.
func (s *side) isChanged(i int) bool { return i >= 0 && i < len(s.changed) && s.changed[i] }

// at is the number of the i-th line that was kept.
func (s *side) at(i int) int { return s.ids[s.kept[i]] }

// script reads the changes off two sides whose lines are marked.
func script(x, y *side) []Change {
	var out []Change
	i, j := 0, 0
	for i < len(x.ids) || j < len(y.ids) {
		c := Change{Old: i, New: j}
		for x.isChanged(i) {
			i++
		}
		for y.isChanged(j) {
			j++
		}
		c.Removed, c.Added = i-c.Old, j-c.New
		if c.Removed+c.Added > 0 {
			out = append(out, c)
		}
		i++
		j++
	}
	return out
}
