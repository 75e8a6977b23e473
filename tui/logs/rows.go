package logs

import (
	"iter"
	"slices"
	"sort"

	"ops-console/ops/logs"
	"ops-console/tui/page"
	"ops-console/tui/pane"
)

// take shows a newer reading; one that arrives late is dropped.
func (p *Pane) take(m pane.LogsMsg) {
	p.told = true
	if !m.Known {
		p.known, p.seq, p.state = false, 0, logs.State{}
		p.begin(logs.View{})
		return
	}
	p.known = true
	s := m.Snapshot.Value
	if s == nil || m.Snapshot.Seq < p.seq {
		return
	}
	p.seq, p.at, p.state = m.Snapshot.Seq, s.At, s.State
	if !continues(p.now, s.Lines) {
		p.begin(s.Lines)
		return
	}
	p.now = s.Lines
	if p.following {
		p.forget(born+1, born+place(p.now.First()))
	} else {
		// What came after what is held, and was dropped since.
		p.forget(born+place(p.held.Last())+1, born+place(p.now.First()))
	}
	p.add(born, p.now.From(p.seen+1))
}

// continues says whether a view has the lines of the one before and those after them: following was not begun anew. What
// is kept of both is the same line in memory.
func continues(before, now logs.View) bool {
	last := before.Last()
	switch {
	case last == 0:
		return true
	case now.Last() < last:
		return false
	}
	l := now.Line(last)
	return l == nil || l == before.Line(last)
}

// begin shows a log from its beginning.
func (p *Pane) begin(v logs.View) {
	p.now, p.held, p.following, p.open = v, logs.View{}, true, false
	p.past = past{}
	p.collect()
}

// line is the line at a place; nil where it is not kept any more.
func (p *Pane) line(at place) *logs.Line {
	if at <= born {
		if i := int(at - p.past.base() - 1); i < len(p.past.lines) {
			return &p.past.lines[i]
		}
		return nil
	}
	if l := p.now.Line(uint64(at - born)); l != nil {
		return l
	}
	return p.held.Line(uint64(at - born))
}

// collect looks at all lines anew. The cursor stays on its line, or goes to the next one that is still shown.
func (p *Pane) collect() {
	at := func(row int) place {
		if row < 0 || row >= len(p.rows) {
			return 0
		}
		return p.rows[row]
	}
	cursor, top := at(p.cursor), at(p.top)
	p.rows, p.hits = p.rows[:0], p.hits[:0]
	if p.past.is(p.only) {
		p.add(p.past.base(), p.past.all())
	}
	p.seen = 0
	if !p.following {
		p.add(born, func(yield func(*logs.Line) bool) {
			for l := range p.held.From(0) {
				if l.Seq >= p.now.First() || !yield(l) {
					return
				}
			}
		})
	}
	p.add(born, p.now.From(max(p.seen+1, p.now.First())))
	last := max(len(p.rows)-1, 0)
	p.cursor, p.top = min(p.index(cursor), last), min(p.index(top), last)
	if p.following {
		p.cursor = last
	}
	if len(p.rows) == 0 {
		p.open = false
	}
}

// add takes in lines that come after those that were looked at. Their places are their numbers after base.
func (p *Pane) add(base place, lines iter.Seq[*logs.Line]) {
	context := p.inContext()
	for l := range lines {
		p.seen = l.Seq
		at := base + place(l.Seq)
		if !p.only.Match(l) {
			continue
		}
		matches := p.match.Empty() || p.match.Match(searched(l))
		if matches || context {
			p.rows = append(p.rows, at)
		}
		if matches && context {
			p.hits = append(p.hits, at)
		}
	}
	if p.following {
		p.cursor = max(len(p.rows)-1, 0)
	}
}

// searched is what the filter looks at.
func searched(l *logs.Line) string {
	s := l.Region + " " + l.Machine + " " + string(l.Provider) + " " + l.Level.String() + " " + l.Message
	if r := l.Request; r != nil {
		s += " " + r.ID + " " + r.URL
	}
	return s
}

// index is that of the first row at this place or after it.
func (p *Pane) index(at place) int { return first(p.rows, at) }

func first(places []place, at place) int {
	return sort.Search(len(places), func(i int) bool { return places[i] >= at })
}

// forget lets go of the rows from a place up to, not with, another.
func (p *Pane) forget(from, to place) {
	if from >= to {
		return
	}
	i, j := p.index(from), p.index(to)
	if i < j {
		p.rows = slices.Delete(p.rows, i, j)
		p.cursor, p.top = without(p.cursor, i, j), without(p.top, i, j)
		p.cursor = max(min(p.cursor, len(p.rows)-1), 0)
	}
	if i, j = first(p.hits, from), first(p.hits, to); i < j {
		p.hits = slices.Delete(p.hits, i, j)
	}
}

// without is what becomes of an index when those from i to j are taken out.
func without(at, i, j int) int {
	if at >= j {
		return at - (j - i)
	}
	return min(at, i)
}

// hold ends following: what is on the screen stays there.
func (p *Pane) hold() {
	if !p.following {
		return
	}
	p.following = false
	p.held, p.read = p.now, born+place(p.now.Last())
}

// follow goes to the newest line, and stays with it.
func (p *Pane) follow() {
	p.following, p.resume, p.held = true, false, logs.View{}
	p.forget(born+1, born+place(p.now.First()))
	p.cursor = max(len(p.rows)-1, 0)
}

// put puts the cursor on a row. Who reads what came since following ended reads from there on: that is held then.
func (p *Pane) put(row int) {
	p.cursor = max(min(row, len(p.rows)-1), 0)
	if len(p.rows) == 0 || p.following {
		return
	}
	at := p.rows[p.cursor]
	p.read = max(p.read, at)
	if at > born+place(p.held.Last()) {
		p.held = p.now
		p.forget(born+1, born+place(p.now.First()))
	}
}

// fresh is how many lines came, of those that are shown, that nobody has read yet.
func (p *Pane) fresh() int {
	if p.following {
		return 0
	}
	return len(p.rows) - p.index(p.read+1)
}

// move moves the cursor by n rows. Up ends following; going on at the end begins it again.
func (p *Pane) move(n int) {
	if n < 0 {
		p.hold()
	}
	if n > 0 && p.cursor >= len(p.rows)-1 && !p.open {
		p.follow()
	}
	if !p.following {
		p.put(p.cursor + n)
	}
}

// page moves the cursor and what is around it by n rows.
func (p *Pane) page(n int) {
	top := p.top
	before := len(p.rows)
	p.move(n)
	p.top = max(top+n-(before-len(p.rows)), 0)
}

// scroll moves what is shown by n rows, and takes the cursor along where it would leave it.
func (p *Pane) scroll(n int) {
	if n > 0 && p.top+p.height >= len(p.rows) {
		p.move(n)
		return
	}
	p.hold()
	top := max(min(p.top+n, len(p.rows)-1), 0)
	before := len(p.rows)
	p.put(max(min(p.cursor, top+max(p.height, 1)-1), top))
	p.top = max(top-(before-len(p.rows)), 0)
}

// next goes to the next line that matters, or to the one before (by is 1 or -1): in context one that matches, else one that
// is a warning or an error. It says whether there is one.
func (p *Pane) next(by int) bool {
	if p.inContext() {
		if len(p.rows) == 0 {
			return false
		}
		at := p.rows[p.cursor]
		i := first(p.hits, at)
		if by > 0 && i < len(p.hits) && p.hits[i] == at {
			i++
		}
		if by < 0 {
			i--
		}
		if i < 0 || i >= len(p.hits) {
			return false
		}
		p.hold()
		p.reach(p.index(p.hits[i]))
		return true
	}
	for i := p.cursor + by; i >= 0 && i < len(p.rows); i += by {
		if l := p.line(p.rows[i]); l != nil && l.Level >= logs.Warn {
			p.hold()
			p.reach(i)
			return true
		}
	}
	return false
}

// reach puts the cursor on a row; where that is not among those that are shown, with what is around it.
func (p *Pane) reach(row int) {
	at := p.rows[row]
	p.put(row)
	if row = p.index(at); row <= p.top || row >= p.top+p.height-1 {
		p.top = max(row-p.height/2, 0)
	}
}

// toggle shows the line under the cursor in full, or not any more.
func (p *Pane) toggle() {
	if p.open {
		p.shut()
		return
	}
	if p.selected() == nil {
		return
	}
	p.resume = p.following
	p.hold()
	p.open, p.detail = true, page.Scroll{}
}

// shut closes the detail. What was followed before is followed again.
func (p *Pane) shut() {
	p.open = false
	if p.resume {
		p.follow()
	}
}
