package logs

import (
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
		p.forget(0, p.now.First())
	} else {
		// What came after what is held, and was dropped since.
		p.forget(p.held.Last()+1, p.now.First())
	}
	p.add(p.now.From(p.seen + 1))
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
	p.collect()
}

// line is a line by its number; nil where it is not kept any more.
func (p *Pane) line(seq uint64) *logs.Line {
	if l := p.now.Line(seq); l != nil {
		return l
	}
	return p.held.Line(seq)
}

// collect looks at all lines anew. The cursor stays on its line, or goes to the next one that is still shown.
func (p *Pane) collect() {
	var at uint64
	if p.cursor >= 0 && p.cursor < len(p.rows) {
		at = p.rows[p.cursor]
	}
	p.rows, p.hits = p.rows[:0], p.hits[:0]
	p.seen = 0
	if !p.following {
		p.add(func(yield func(*logs.Line) bool) {
			for l := range p.held.From(0) {
				if l.Seq >= p.now.First() || !yield(l) {
					return
				}
			}
		})
	}
	p.add(p.now.From(max(p.seen+1, p.now.First())))
	p.cursor = min(p.index(at), max(len(p.rows)-1, 0))
	if p.following {
		p.cursor = max(len(p.rows)-1, 0)
	}
	p.top = p.cursor // the next View makes room above it
	if len(p.rows) == 0 {
		p.open = false
	}
}

// add takes in lines that come after those that were looked at.
func (p *Pane) add(lines func(func(*logs.Line) bool)) {
	context := p.inContext()
	for l := range lines {
		p.seen = l.Seq
		if !p.only.Match(l) {
			continue
		}
		matches := p.match.Empty() || p.match.Match(searched(l))
		if matches || context {
			p.rows = append(p.rows, l.Seq)
		}
		if matches && context {
			p.hits = append(p.hits, l.Seq)
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

// index is that of the first row whose line has this number or a higher one.
func (p *Pane) index(seq uint64) int { return first(p.rows, seq) }

func first(numbers []uint64, seq uint64) int {
	return sort.Search(len(numbers), func(i int) bool { return numbers[i] >= seq })
}

// forget lets go of the rows from a number up to, not with, another.
func (p *Pane) forget(from, to uint64) {
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
	p.held, p.read = p.now, p.now.Last()
}

// follow goes to the newest line, and stays with it.
func (p *Pane) follow() {
	p.following, p.resume, p.held = true, false, logs.View{}
	p.forget(0, p.now.First())
	p.cursor = max(len(p.rows)-1, 0)
}

// place puts the cursor on a row. Who reads what came since following ended reads from there on: that is held then.
func (p *Pane) place(row int) {
	p.cursor = max(min(row, len(p.rows)-1), 0)
	l := p.selected()
	if l == nil || p.following {
		return
	}
	p.read = max(p.read, l.Seq)
	if l.Seq > p.held.Last() {
		p.held = p.now
		p.forget(0, p.now.First())
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
		p.place(p.cursor + n)
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
	p.place(max(min(p.cursor, top+max(p.height, 1)-1), top))
	p.top = max(top-(before-len(p.rows)), 0)
}

// next goes to the next line that matters, or to the one before (by is 1 or -1): in context one that matches, else one that
// is a warning or an error. It says whether there is one.
func (p *Pane) next(by int) bool {
	if p.inContext() {
		l := p.selected()
		if l == nil {
			return false
		}
		i := first(p.hits, l.Seq)
		if by > 0 && i < len(p.hits) && p.hits[i] == l.Seq {
			i++
		}
		if by < 0 {
			i--
		}
		if i < 0 || i >= len(p.hits) {
			return false
		}
		p.hold()
		p.place(p.index(p.hits[i]))
		return true
	}
	for i := p.cursor + by; i >= 0 && i < len(p.rows); i += by {
		if l := p.line(p.rows[i]); l != nil && l.Level >= logs.Warn {
			p.hold()
			p.place(i)
			return true
		}
	}
	return false
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
