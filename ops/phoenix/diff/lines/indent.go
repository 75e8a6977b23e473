package lines

import "cmp"

// A run of changed lines that can lie in several places is read most easily where it begins and ends with what is
// indented least, and after blank lines. The weights are git's, which were found by trying them on a large corpus
// (https://github.com/mhagger/diff-slider-tools).
const (
	startOfFile        = 1
	endOfFile          = 21
	blankLine          = -30 // for each around a split
	blankAfter         = 6   // for each after it
	indented           = -4  // more than the line before
	indentedBlank      = 10  // the same, with blank lines between
	outdented          = 24  // less, and what follows is indented again
	outdentedBlank     = 17
	dedented           = 23 // less, and that was the end of a block
	dedentedBlank      = 17
	indentWeight       = 60
	maxIndent          = 200
	maxBlank           = 20
	maxSliding         = 100
	noIndent           = -1 // of a blank line
	spacesPerTabulator = 8
)

// score of a place; the smaller the better.
type score struct{ indent, penalty int }

func (s score) compare(t score) int {
	return indentWeight*cmp.Compare(s.indent, t.indent) + s.penalty - t.penalty
}

// bestEnd is where a run of size lines that can end anywhere from highest to lowest is best to end.
func (s *side) bestEnd(size, highest, lowest int) int {
	best, at := score{}, -1
	for end := max(highest, lowest-size-1, lowest-maxSliding); end <= lowest; end++ {
		var here score
		s.split(end, &here)
		s.split(end-size, &here)
		if at < 0 || here.compare(best) <= 0 {
			best, at = here, end
		}
	}
	return at
}

// split adds what a split before line i is worth.
func (s *side) split(i int, sc *score) {
	at := noIndent
	if i < len(s.text) {
		at = indentOf(s.text[i])
	} else {
		sc.penalty += endOfFile
	}
	before, blanksBefore := s.nearest(i-1, -1)
	after, blanksAfter := s.nearest(i+1, +1)
	if before == noIndent && blanksBefore == 0 {
		sc.penalty += startOfFile
	}
	blanks := 0
	if at == noIndent {
		blanks = 1 + blanksAfter
		at = after
	}
	all := blanksBefore + blanks
	sc.penalty += blankLine*all + blankAfter*blanks
	sc.indent += at

	pick := func(plain, withBlanks int) {
		if all > 0 {
			plain = withBlanks
		}
		sc.penalty += plain
	}
	switch {
	case at == noIndent || before == noIndent || at == before:
	case at > before:
		pick(indented, indentedBlank)
	case after != noIndent && after > at:
		pick(outdented, outdentedBlank)
	default:
		pick(dedented, dedentedBlank)
	}
}

// nearest is the indentation of the nearest line from i on that is not blank, and the number of blank ones before it.
func (s *side) nearest(i, step int) (indent, blanks int) {
	for ; i >= 0 && i < len(s.text); i += step {
		if indent = indentOf(s.text[i]); indent != noIndent {
			return indent, blanks
		}
		if blanks++; blanks == maxBlank {
			return 0, blanks
		}
	}
	return noIndent, blanks
}

func indentOf(line string) int {
	n := 0
	for i := range len(line) {
		switch line[i] {
		case ' ':
			n++
		case '\t':
			n += spacesPerTabulator - n%spacesPerTabulator
		case '\n', '\r', '\v', '\f':
		default:
			return n
		}
		if n >= maxIndent {
			return maxIndent
		}
	}
	return noIndent
}
