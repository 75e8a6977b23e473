package merge

import (
	"slices"

	"ops-console/ops/phoenix/diff/lines"
)

// Kind is what a stretch of a three-way merge is.
type Kind string

// The stretches of a merge.
const (
	Same     Kind = "same"     // all three agree
	Mine     Kind = "mine"     // only mine changed it
	Theirs   Kind = "theirs"   // only theirs did
	Both     Kind = "both"     // both did, alike
	Conflict Kind = "conflict" // both did, differently
)

// Chunk is a stretch of the three texts. Its lines keep their ends.
type Chunk struct {
	Kind               Kind
	Base, Mine, Theirs []string
	AtBase, AtMine     int // first line, counted from 0
	AtTheirs           int
}

// Text is a three-way merge: chunks that together are each of the three texts.
type Text struct {
	Chunks []Chunk

	base, mine, theirs []string
}

// Three merges two texts that come from one. It agrees with git merge-file --diff3 about what is a conflict, and about
// every byte of the result.
func Three(base, mine, theirs string) Text {
	t := Text{base: lines.Split(base), mine: lines.Split(mine), theirs: lines.Split(theirs)}
	m := merger{t: &t, last: -1}
	m.run(lines.Changes(t.base, t.mine), lines.Changes(t.base, t.theirs))
	t.Chunks = m.chunks()
	return t
}

// Conflicts is their number.
func (t Text) Conflicts() int {
	n := 0
	for _, c := range t.Chunks {
		if c.Kind == Conflict {
			n++
		}
	}
	return n
}

// stretch is a chunk by its places: start and length in each text.
type stretch struct {
	kind  Kind
	b, bn int
	m, mn int
	t, tn int
}

type merger struct {
	t    *Text
	out  []stretch
	last int // the last one that is not Both; -1: none
}

// run walks the changes of both sides in the order of the base's lines.
func (m *merger) run(mine, theirs []lines.Change) {
	for len(mine) > 0 && len(theirs) > 0 {
		x, y := mine[0], theirs[0]
		xEnd, yEnd := x.Old+x.Removed, y.Old+y.Removed
		switch {
		case xEnd < y.Old:
			m.add(ofMine(x, y.New-y.Old))
			mine = mine[1:]
			continue
		case yEnd < x.Old:
			m.add(ofTheirs(y, x.New-x.Old))
			theirs = theirs[1:]
			continue
		case m.alike(x, y):
			m.out = append(m.out, stretch{kind: Both, b: x.Old, bn: x.Removed, m: x.New, mn: x.Added, t: y.New, tn: y.Added})
		default:
			m.add(clash(x, y))
		}
		if xEnd >= yEnd {
			theirs = theirs[1:]
		}
		if yEnd >= xEnd {
			mine = mine[1:]
		}
	}
	for _, x := range mine {
		m.add(ofMine(x, len(m.t.theirs)-len(m.t.base)))
	}
	for _, y := range theirs {
		m.add(ofTheirs(y, len(m.t.mine)-len(m.t.base)))
	}
}

// ofMine is a change that theirs does not have; theirs is shift lines further there than the base.
func ofMine(x lines.Change, shift int) stretch {
	return stretch{kind: Mine, b: x.Old, bn: x.Removed, m: x.New, mn: x.Added, t: x.Old + shift, tn: x.Removed}
}

func ofTheirs(y lines.Change, shift int) stretch {
	return stretch{kind: Theirs, b: y.Old, bn: y.Removed, m: y.Old + shift, mn: y.Removed, t: y.New, tn: y.Added}
}

// clash is two changes that touch or overlap, widened to the same lines of the base.
func clash(x, y lines.Change) stretch {
	start, end := min(x.Old, y.Old), max(x.Old+x.Removed, y.Old+y.Removed)
	widen := func(c lines.Change) (at, n int) {
		at = c.New - (c.Old - start)
		return at, c.New + c.Added + end - (c.Old + c.Removed) - at
	}
	s := stretch{kind: Conflict, b: start, bn: end - start}
	s.m, s.mn = widen(x)
	s.t, s.tn = widen(y)
	return s
}

func (m *merger) alike(x, y lines.Change) bool {
	return x.Old == y.Old && x.Removed == y.Removed &&
		slices.Equal(m.t.mine[x.New:x.New+x.Added], m.t.theirs[y.New:y.New+y.Added])
}

// add appends a stretch, or joins it to the one before if they touch on either side; what joins unlike ones is a conflict.
func (m *merger) add(s stretch) {
	if m.last >= 0 {
		l := &m.out[m.last]
		if s.m <= l.m+l.mn || s.t <= l.t+l.tn {
			if s.kind != l.kind {
				l.kind = Conflict
			}
			l.bn, l.mn, l.tn = s.b+s.bn-l.b, s.m+s.mn-l.m, s.t+s.tn-l.t
			return
		}
	}
	m.last = len(m.out)
	m.out = append(m.out, s)
}

// chunks are the stretches with what is the same between them.
func (m *merger) chunks() []Chunk {
	var out []Chunk
	var b, i, j int
	to := func(kind Kind, bEnd, iEnd, jEnd int) {
		if bEnd > b || iEnd > i || jEnd > j {
			out = append(out, Chunk{kind, m.t.base[b:bEnd], m.t.mine[i:iEnd], m.t.theirs[j:jEnd], b, i, j})
		}
		b, i, j = bEnd, iEnd, jEnd
	}
	for _, s := range m.out {
		to(Same, s.b, s.m, s.t)
		to(s.kind, s.b+s.bn, s.m+s.mn, s.t+s.tn)
	}
	to(Same, len(m.t.base), len(m.t.mine), len(m.t.theirs))
	return out
}
