package diff

import (
	"bytes"
	"cmp"
	"path"
	"slices"
	"strings"

	"ops-console/ops/phoenix"
	"ops-console/ops/phoenix/diff/lines"
)

func hasZero(data []byte) bool { return bytes.IndexByte(data, 0) >= 0 }

// matching is which file became which, while it is being found out.
type matching struct {
	old, new *phoenix.Tree
	names    names
	pairs    []Pair
	gone     map[string]bool // old paths without a partner
	come     map[string]bool // new ones
	notes    map[string][]Relation
}

// match pairs the files of two trees, each at most once, by the first of the ways of By that fits.
func match(old, new *phoenix.Tree, n names) []Pair {
	m := &matching{old: old, new: new, names: n, gone: map[string]bool{}, come: map[string]bool{}, notes: map[string][]Relation{}}
	m.byPath()
	m.byContent()
	m.byRule()
	m.byLikeness()
	for p := range m.gone {
		m.pairs = append(m.pairs, Pair{Old: p, OldFile: old.Files[p], Relations: m.notes["-"+p]})
	}
	for p := range m.come {
		m.pairs = append(m.pairs, Pair{New: p, NewFile: new.Files[p], Relations: m.notes["+"+p]})
	}
	for i := range m.pairs {
		p := &m.pairs[i]
		if p.Old != "" && p.New != "" {
			p.Relations = slices.DeleteFunc(append(m.notes["-"+p.Old], m.notes["+"+p.New]...), func(r Relation) bool {
				return r.Path == p.Old && r.Kind == Absorbs || r.Path == p.New && r.Kind == AbsorbedBy
			})
		}
	}
	return m.pairs
}

// pair takes two files off the lists.
func (m *matching) pair(old, new string, by By, since phoenix.Version) {
	delete(m.gone, old)
	delete(m.come, new)
	m.pairs = append(m.pairs, Pair{
		Old: old, New: new, By: by, Since: since,
		OldFile: m.old.Files[old], NewFile: m.new.Files[new],
		timed: by == ByPath && old != new,
	})
}

// relate notes that old had a part in new.
func (m *matching) relate(old string, k RelationKind, new string, since phoenix.Version) {
	back := map[RelationKind]RelationKind{AbsorbedBy: Absorbs, SplitInto: SplitFrom}[k]
	m.notes["-"+old] = append(m.notes["-"+old], Relation{k, new, since})
	m.notes["+"+new] = append(m.notes["+"+new], Relation{back, old, since})
}

func (m *matching) byPath() {
	byKey := map[string]string{}
	for _, p := range m.new.Paths() {
		m.come[p] = true
		byKey[Key(p)] = p
	}
	for _, p := range m.old.Paths() {
		m.gone[p] = true
	}
	for _, p := range m.old.Paths() {
		if m.come[p] {
			m.pair(p, p, ByPath, phoenix.Version{})
		}
	}
	for _, p := range sorted(m.gone) {
		if at, ok := byKey[Key(m.names.path.Replace(p))]; ok && m.come[at] {
			m.pair(p, at, ByPath, phoenix.Version{})
		}
	}
}

// byContent pairs files with the same bytes, those with the most alike paths first. Empty files are alike in nothing.
func (m *matching) byContent() {
	bySize := map[int][]string{}
	for _, p := range sorted(m.come) {
		if n := len(m.new.Files[p].Data); n > 0 {
			bySize[n] = append(bySize[n], p)
		}
	}
	var cc []candidate
	for _, p := range sorted(m.gone) {
		data := m.old.Files[p].Data
		for _, at := range bySize[len(data)] {
			if bytes.Equal(data, m.new.Files[at].Data) {
				cc = append(cc, candidate{p, at, nearness(p, at)})
			}
		}
	}
	m.best(cc, ByContent)
}

// leastLikeness of two files that are called one, in percent: git's rule.
const leastLikeness = 50

// byLikeness pairs what is left by how much text two files have in common, as git does it.
func (m *matching) byLikeness() {
	type file struct {
		path  string
		size  int
		lines []string
	}
	list := func(set map[string]bool, t *phoenix.Tree, n *names) []file {
		var ff []file
		for _, p := range sorted(set) {
			f := t.Files[p]
			if len(f.Data) == 0 || hasZero(f.Data) {
				continue
			}
			text := Normalise(p, string(f.Data))
			if n != nil {
				text = n.replace(text)
			}
			ff = append(ff, file{p, len(text), lines.Split(text)})
		}
		return ff
	}
	gone, come := list(m.gone, m.old, &m.names), list(m.come, m.new, nil)
	if len(gone) == 0 {
		return
	}
	var cc []candidate
	for _, b := range come {
		have := tally(b.lines)
		for _, a := range gone {
			if 100*min(a.size, b.size) < leastLikeness*max(a.size, b.size) {
				continue
			}
			if s := 100 * have.common(a.lines) / max(a.size, b.size); s >= leastLikeness {
				cc = append(cc, candidate{a.path, b.path, 100*s + nearness(a.path, b.path)})
			}
		}
	}
	m.best(cc, ByLikeness)
}

// candidate is a pair that could be.
type candidate struct {
	old, new string
	score    int
}

// best pairs candidates, the best first; each file once.
func (m *matching) best(cc []candidate, by By) {
	slices.SortFunc(cc, func(a, b candidate) int {
		return cmp.Or(b.score-a.score, strings.Compare(a.old, b.old), strings.Compare(a.new, b.new))
	})
	for _, c := range cc {
		if m.gone[c.old] && m.come[c.new] {
			m.pair(c.old, c.new, by, phoenix.Version{})
		}
	}
}

// nearness of two paths: same name, and as many directories in common as possible; below 100.
func nearness(a, b string) int {
	n := 0
	if path.Base(a) == path.Base(b) {
		n = 50
	}
	in := strings.Split(path.Dir(b), "/")
	for _, d := range strings.Split(path.Dir(a), "/") {
		if n < 99 && slices.Contains(in, d) {
			n++
		}
	}
	return n
}

// count is how often a text has each line.
type count map[string]int

func tally(ll []string) count {
	c := count{}
	for _, l := range ll {
		c[l]++
	}
	return c
}

// common is the length, in bytes, of the lines that ll has in common with what was counted.
func (c count) common(ll []string) int {
	n := 0
	for l, times := range tally(ll) {
		n += len(l) * min(times, c[l])
	}
	return n
}

// similarity in percent of the larger text.
func similarity(a, b []string, rawA, rawB []byte) int {
	if a == nil && b == nil {
		if bytes.Equal(rawA, rawB) {
			return 100
		}
		return 0
	}
	size := func(ll []string) (n int) {
		for _, l := range ll {
			n += len(l)
		}
		return n
	}
	if larger := max(size(a), size(b)); larger > 0 {
		return 100 * tally(b).common(a) / larger
	}
	return 100
}

func sorted(set map[string]bool) []string {
	pp := make([]string, 0, len(set))
	for p := range set {
		pp = append(pp, p)
	}
	slices.Sort(pp)
	return pp
}

// Likeness of two texts, in percent: how much of the larger one, line by line, is in the other.
func Likeness(a, b string) int { return similarity(lines.Split(a), lines.Split(b), nil, nil) }
