package diff

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"ops-console/ops/phoenix/diff/lines"
)

// Limits of looking for counterparts.
const (
	maxCells   = 4096 // removed times added lines of one change
	maxWords   = 400  // of a line
	leastAlike = 40   // percent of words that counterparts have in common
)

// highlight finds, within one change, which added line took the place of which removed one, and marks what of them
// changed. removed lines are from start to before added, added ones from there to the end.
func (h *Hunk) highlight(start, added int) {
	old, new := h.Lines[start:added], h.Lines[added:]
	if len(old) == 0 || len(new) == 0 || len(old)*len(new) > maxCells {
		return
	}
	for _, p := range counterparts(old, new) {
		o, n := &old[p[0]], &new[p[1]]
		o.Words, n.Words = Words(o.Text, n.Text)
		o.Partner, n.Partner = added+p[1], start+p[0]
	}
}

// counterparts are the lines, in order, that have the most words in common altogether.
func counterparts(old, new []Line) [][2]int {
	a, b := tallies(old), tallies(new)
	best := make([][]int, len(a)+1)
	for i := range best {
		best[i] = make([]int, len(b)+1)
	}
	score := make([][]int, len(a))
	for i := len(a) - 1; i >= 0; i-- {
		score[i] = make([]int, len(b))
		for j := len(b) - 1; j >= 0; j-- {
			score[i][j] = a[i].likeness(b[j])
			best[i][j] = max(best[i+1][j], best[i][j+1])
			if score[i][j] >= leastAlike {
				best[i][j] = max(best[i][j], best[i+1][j+1]+score[i][j])
			}
		}
	}
	var out [][2]int
	for i, j := 0, 0; i < len(a) && j < len(b); {
		switch {
		case score[i][j] >= leastAlike && best[i][j] == best[i+1][j+1]+score[i][j]:
			out = append(out, [2]int{i, j})
			i, j = i+1, j+1
		case best[i][j] == best[i+1][j]:
			i++
		default:
			j++
		}
	}
	return out
}

// wordCount is the words of a line, spaces apart.
type wordCount struct {
	words map[string]int
	total int
}

func tallies(ll []Line) []wordCount {
	out := make([]wordCount, len(ll))
	for i, l := range ll {
		out[i].words = map[string]int{}
		for _, w := range split(l.Text) {
			if strings.TrimSpace(w) != "" {
				out[i].words[w]++
				out[i].total++
			}
		}
	}
	return out
}

// likeness in percent: twice the words in common of all words.
func (c wordCount) likeness(d wordCount) int {
	if c.total == 0 || d.total == 0 || c.total > maxWords || d.total > maxWords {
		return 0
	}
	n := 0
	for w, times := range c.words {
		n += min(times, d.words[w])
	}
	return 200 * n / (c.total + d.total)
}

// Words are two lines in pieces, with what changed between them marked.
func Words(old, new string) (o, n []Word) {
	a, b := split(old), split(new)
	i, j := 0, 0
	for _, c := range lines.Changes(a, b) {
		o = piece(o, a[i:c.Old], false)
		n = piece(n, b[j:c.New], false)
		o = piece(o, a[c.Old:c.Old+c.Removed], true)
		n = piece(n, b[c.New:c.New+c.Added], true)
		i, j = c.Old+c.Removed, c.New+c.Added
	}
	return piece(o, a[i:], false), piece(n, b[j:], false)
}

func piece(ww []Word, parts []string, changed bool) []Word {
	if len(parts) == 0 {
		return ww
	}
	return append(ww, Word{strings.Join(parts, ""), changed})
}

// split cuts a line into names and numbers, runs of space, and single characters.
func split(line string) []string {
	var out []string
	for line != "" {
		n := prefix(line, isName)
		if n == 0 {
			n = prefix(line, unicode.IsSpace)
		}
		if n == 0 {
			_, n = utf8.DecodeRuneInString(line)
		}
		out = append(out, line[:n])
		line = line[n:]
	}
	return out
}

func isName(r rune) bool { return r == '_' || unicode.IsLetter(r) || unicode.IsDigit(r) }

// prefix is the length of the characters at the start that are like this.
func prefix(s string, like func(rune) bool) int {
	if n := strings.IndexFunc(s, func(r rune) bool { return !like(r) }); n >= 0 {
		return n
	}
	return len(s)
}
