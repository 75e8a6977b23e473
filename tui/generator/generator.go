// Package generator is the fifth pane: what Phoenix's generators changed between two versions, and what of it concerns the
// application's own files. The versions and flags to choose, the files with what changed in each, the changes of one, and
// for the application's files what can be taken, what is there already and what conflicts.
//
// It holds what is looked at, never trees of its own: all it shows is in the snapshot. What it shows of the application was
// masked before it came here. It writes nothing itself: what was chosen to be taken goes to the console, which asks first.
package generator

import (
	"slices"
	"time"

	tea "charm.land/bubbletea/v2"

	"ops-console/ops/feed"
	"ops-console/ops/phoenix"
	"ops-console/ops/phoenix/compare"
	"ops-console/ops/phoenix/diff"
	"ops-console/ops/phoenix/merge"
	"ops-console/tui/glyph"
	"ops-console/tui/ident"
	"ops-console/tui/page"
	"ops-console/tui/pane"
	"ops-console/tui/table"
)

// Pane is the generator's pane. Make one with New.
type Pane struct {
	feed feed.Snapshot[*compare.Snapshot]
	want compare.Choice // that was asked for last; zero: nothing was
	rows []row

	table   table.Table
	filter  string
	part    part
	mine    bool // the application's files are shown, against both trees
	open    bool // the changes have the whole pane
	split   layout
	context int // unchanged lines around a change
	hunk    int // under the cursor, of the selected file's
	shift   int // characters that are hidden at the left
	jump    bool
	text    page.Scroll
	drawn   drawn
	pick    *picker // nil: nothing is being chosen

	own      []row   // the application's files, whatever is shown of them
	picked   picks   // what is to be taken of them
	ready    ready   // to be written: what was chosen, when it was last looked at
	applying bool    // it is being written
	taken    *taking // what was written last; nil: nothing was, or it has been seen

	// Of the frame drawn last.
	glyphs  *glyph.Set
	now     time.Time
	grouped bool
	hits    []hit
}

// layout is how changes are set.
type layout uint8

const (
	fitting layout = iota // side by side where there is room
	unified
	beside
)

var (
	_ pane.Pane              = (*Pane)(nil)
	_ pane.Selector          = (*Pane)(nil)
	_ pane.Copier            = (*Pane)(nil)
	_ pane.GeneratorAttender = (*Pane)(nil)
)

// hit is where the last View put the list, the changes or the choices.
type hit struct {
	what       where
	x, y, w, h int
}

type where uint8

const (
	inList where = iota
	inText
	inChoices
)

// usual is how many unchanged lines are around a change at first; all is more than any file has.
const (
	usual = 3
	all   = 1 << 20
)

// New is a pane that does not know of any tree yet.
func New() *Pane {
	p := &Pane{glyphs: glyph.Unicode(), context: usual, grouped: true, picked: picks{}}
	p.table = table.Table{
		Columns: p.columns(),
		Key:     func(i int) string { return p.rows[i].id },
		Text:    func(i int) string { return p.rows[i].text },
		Empty:   "no file matches",
	}
	p.regroup()
	return p
}

// Name is the tab's text at full width.
func (p *Pane) Name() string { return "Generator" }

// Short is the tab's text at 80 columns.
func (p *Pane) Short() string { return "Gen" }

// Badge is nothing: an old version is no emergency.
func (p *Pane) Badge() int { return 0 }

// AttendsGenerator says that trees are to be loaded while the pane is shown.
func (p *Pane) AttendsGenerator() bool { return true }

// Update takes a message in.
func (p *Pane) Update(msg tea.Msg) tea.Cmd {
	switch m := msg.(type) {
	case pane.GeneratorMsg:
		p.take(m.Snapshot)
	case pane.AppliedMsg:
		p.took(m)
	case pane.OpenMsg:
		return p.goTo(m.Address)
	case tea.MouseClickMsg:
		if m.Button == tea.MouseLeft {
			return p.click(m.X, m.Y)
		}
	case tea.MouseWheelMsg:
		switch m.Button {
		case tea.MouseWheelDown:
			p.wheel(m.X, m.Y, 1)
		case tea.MouseWheelUp:
			p.wheel(m.X, m.Y, -1)
		}
	}
	return nil
}

// take shows a newer snapshot; one that arrives late is dropped.
func (p *Pane) take(s feed.Snapshot[*compare.Snapshot]) {
	if s.Value == nil || s.Seq < p.feed.Seq {
		return
	}
	before := p.value()
	first := before == nil || len(before.Pairs) == 0
	p.feed = s
	p.keepPicks(before)
	if !s.Value.Loading && s.Value.Err == nil {
		p.want = s.Value.Choice
	}
	p.fill()
	p.offer()
	if first && len(p.rows) > 0 {
		p.jump = true
	}
}

// value is the snapshot that is shown; nil: there is none yet.
func (p *Pane) value() *compare.Snapshot { return p.feed.Value }

// fill makes the rows anew.
func (p *Pane) fill() {
	before := p.id()
	p.rows, p.own = nil, nil
	if s := p.value(); s != nil {
		p.own = mineRows(s)
		p.rows = slices.Clone(p.own)
		if !p.mine {
			p.rows = rows(s)
		}
		p.rows = p.part.of(p.rows)
	}
	p.table.SetLen(len(p.rows))
	if p.id() != before {
		p.reset()
	}
}

// regroup puts files under their directories, or under what they are to the application.
func (p *Pane) regroup() {
	p.table.Group = nil
	switch {
	case p.mine:
		p.table.Group = func(i int) string { return p.rows[i].state() }
	case p.grouped:
		p.table.Group = func(i int) string { return p.rows[i].dir }
	}
	p.table.GroupLine = p.groupLine
	p.table.SetLen(len(p.rows))
}

// reset is for when another file is selected.
func (p *Pane) reset() { p.hunk, p.shift, p.jump = 0, 0, true }

// row is the file under the cursor; nil where there is none.
func (p *Pane) row() *row {
	if i, ok := p.table.Cursor(); ok && i < len(p.rows) {
		return &p.rows[i]
	}
	return nil
}

func (p *Pane) id() string {
	if r := p.row(); r != nil {
		return r.id
	}
	return ""
}

// move goes n files down.
func (p *Pane) move(n int) {
	before := p.id()
	p.table.Move(n)
	if p.id() != before {
		p.reset()
	}
}

// step goes to the next change, or to the one before (by is 1 or -1): on into the next file.
func (p *Pane) step(by int) {
	r := p.row()
	if r == nil {
		return
	}
	p.jump = true
	n := p.hunks(r)
	if at := min(p.hunk, max(n-1, 0)) + by; at >= 0 && at < n {
		p.hunk = at
		return
	}
	before := r.id
	p.table.Move(by)
	if now := p.row(); now.id != before {
		p.reset()
		if by < 0 {
			p.hunk = max(p.hunks(now)-1, 0)
		}
	}
}

// hunks is how many changes of a file can be gone through.
func (p *Pane) hunks(r *row) int {
	switch {
	case p.byHunk(r):
		return len(r.file.Hunks)
	case r.pair == nil || p.collapsed(r.pair):
		return 0
	}
	return len(r.pair.Hunks(p.context))
}

// byHunk says that a file is shown against the application's, change by change.
func (p *Pane) byHunk(r *row) bool {
	if !p.mine || r.file == nil || len(r.file.Hunks) == 0 {
		return false
	}
	return slices.Contains([]merge.State{merge.Merges, merge.Conflicts, merge.Applied, merge.Has}, r.file.State)
}

// collapsed says that a file's text is left out until all of it is asked for.
func (p *Pane) collapsed(d *diff.Pair) bool { return d.Collapse != "" && p.context != all }

// goTo shows what an address of this pane names.
func (p *Pane) goTo(address string) tea.Cmd {
	a := ident.Parse(address)
	if a.Pane != "generator" {
		return nil
	}
	p.pick, p.open = nil, false
	if mine := a.Values.Get("view") == "mine"; mine != p.mine {
		p.setMine(mine)
	}
	if file := a.Values.Get("file"); file != "" {
		p.table.Select(file)
		p.reset()
	}
	c, ok := choiceOf(a.Values)
	if !ok || p.value() != nil && c.Equal(p.value().Choice) {
		return nil
	}
	return p.ask(c)
}

// ask for another comparison.
func (p *Pane) ask(c compare.Choice) tea.Cmd {
	p.want, p.taken = c, nil
	return func() tea.Msg { return pane.CompareMsg{Choice: c} }
}

// choice is what is wanted, as far as it is known: versions that are still to be found out are those that are shown.
func (p *Pane) choice() compare.Choice {
	c, s := p.want, p.value()
	if s == nil {
		return c
	}
	if c.Equal(compare.Choice{}) {
		return s.Choice
	}
	if c.To == (phoenix.Version{}) {
		c.From, c.To = s.Choice.From, s.Choice.To
	}
	return c
}

func (p *Pane) setMine(mine bool) {
	p.mine = mine
	p.fill()
	p.regroup()
	p.reset()
}

// Filter keeps the files that match: paths, states, kinds of change.
func (p *Pane) Filter(text string) (n, total int) {
	p.filter = text
	before := p.id()
	n, total = p.table.SetFilter(text)
	if p.id() != before {
		p.reset()
	}
	return n, total
}

// Back leaves a choice, then the changes, then the part of the files.
func (p *Pane) Back() bool {
	switch {
	case p.pick != nil:
		p.pick = nil
	case p.open:
		p.open = false
	case p.taken != nil:
		p.taken = nil
	case p.part != everything:
		p.part = everything
		p.fill()
	default:
		return false
	}
	return true
}

// Address is the view in words.
func (p *Pane) Address() string {
	s := p.value()
	if s == nil || len(s.Pairs) == 0 {
		return "generator"
	}
	view := ""
	if p.mine {
		view = "mine"
	}
	return ident.To(
		"generator", "axis", axisWord(s.Choice), "from", s.Choice.From.String(), "to", s.Choice.To.String(), "names", s.Choice.Names.String(),
		"flags", s.Choice.Flags.String(), "file", p.id(), "view", view,
	)
}

// click selects the file under the pointer, and opens it where it was selected before.
func (p *Pane) click(x, y int) tea.Cmd {
	for _, h := range p.hits {
		if x < h.x || x >= h.x+h.w || y < h.y || y >= h.y+h.h {
			continue
		}
		switch h.what {
		case inChoices:
			if p.pick != nil && p.pick.point(y-h.y) {
				return p.choose()
			}
		case inList:
			before := p.id()
			// The list is drawn without the line of its titles.
			if _, ok := p.table.Click(x-h.x, y-h.y+1); ok {
				p.open = p.open || p.id() == before
				if p.id() != before {
					p.reset()
				}
			}
		}
		return nil
	}
	return nil
}

// wheel moves what is under the pointer.
func (p *Pane) wheel(x, y, n int) {
	for _, h := range p.hits {
		if x < h.x || x >= h.x+h.w || y < h.y || y >= h.y+h.h {
			continue
		}
		switch h.what {
		case inText:
			p.text.Move(3 * n)
		case inList:
			p.move(n)
		case inChoices:
			if p.pick != nil {
				p.pick.move(n)
			}
		}
		return
	}
}
