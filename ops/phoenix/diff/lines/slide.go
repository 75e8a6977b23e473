package lines

// group is a run of changed lines, from start to before end; empty between any two lines that are not changed.
type group struct{ start, end int }

func (s *side) first() group {
	g := group{}
	for s.isChanged(g.end) {
		g.end++
	}
	return g
}

// next group; false: there is none.
func (s *side) next(g *group) bool {
	if g.end == len(s.ids) {
		return false
	}
	g.start = g.end + 1
	for g.end = g.start; s.isChanged(g.end); {
		g.end++
	}
	return true
}

func (s *side) previous(g *group) {
	g.end = g.start - 1
	for g.start = g.end; s.isChanged(g.start - 1); {
		g.start--
	}
}

// up moves a group one line towards the start if its last line is the one before it; a group that it meets joins it.
func (s *side) up(g *group) bool {
	if g.start == 0 || s.ids[g.start-1] != s.ids[g.end-1] {
		return false
	}
	g.start--
	g.end--
	s.changed[g.start], s.changed[g.end] = true, false
	for s.isChanged(g.start - 1) {
		g.start--
	}
	return true
}

// down is up towards the end.
func (s *side) down(g *group) bool {
	if g.end == len(s.ids) || s.ids[g.start] != s.ids[g.end] {
		return false
	}
	s.changed[g.start], s.changed[g.end] = false, true
	g.start++
	g.end++
	for s.isChanged(g.end) {
		g.end++
	}
	return true
}

// slide moves each group of s as far down as it goes, or to where the other side has changes too, so that one change is
// not shown as two, or where its text is read best. Groups of both sides are walked in step: the n-th of one lies against the n-th of the other.
func slide(s, other *side) {
	g, o := s.first(), other.first()
	for {
		if g.end > g.start {
			slideOne(s, other, &g, &o)
		}
		if !s.next(&g) {
			return
		}
		other.next(&o)
	}
}

func slideOne(s, other *side, g, o *group) {
	for {
		size := g.end - g.start
		for s.up(g) {
			other.previous(o)
		}
		highest := g.end
		aligned := o.end > o.start
		for s.down(g) {
			other.next(o)
			aligned = aligned || o.end > o.start
		}
		if size != g.end-g.start {
			continue // it met another group: from the beginning, as one
		}
		switch {
		case g.end == highest:
		case aligned:
			for o.end == o.start {
				s.up(g)
				other.previous(o)
			}
		case s.text != nil:
			for best := s.bestEnd(size, highest, g.end); g.end > best; {
				s.up(g)
				other.previous(o)
			}
		}
		return
	}
}
