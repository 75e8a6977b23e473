// Package backups is the sixth pane: when the last good backup was taken, how far each is proven, what becomes of it, and
// how it is got back. The jobs that take, prove, restore and remove are begun from here and followed here.
//
// It holds what is looked at, never facts of its own: all it shows is in the snapshot. It changes nothing itself: it asks
// the console, which asks its user.
package backups

import (
	"slices"
	"time"

	tea "charm.land/bubbletea/v2"

	"ops-console/ops"
	"ops-console/ops/backup/watch"
	"ops-console/ops/feed"
	"ops-console/tui/glyph"
	"ops-console/tui/ident"
	"ops-console/tui/page"
	"ops-console/tui/pane"
	"ops-console/tui/table"
)

// Pane is the backups pane. Make one with New.
type Pane struct {
	profile string // as --app names it, for command lines
	told    bool   // it was said whether there is a store
	known   bool   // there is one
	feed    feed.Snapshot[*watch.Snapshot]
	all     []row // newest first
	rows    []row // those of all that only lets through
	only    only

	table  table.Table
	filter string
	open   bool // the detail of the backup under the cursor is shown
	detail page.Scroll
	shown  string // ID of the backup whose detail was last drawn
	wanted string // ID of one that is to be opened when it comes

	// Of the frame drawn last.
	glyphs *glyph.Set
	now    time.Time
	still  bool
	wide   bool
	hits   []hit
}

var (
	_ pane.Pane     = (*Pane)(nil)
	_ pane.Selector = (*Pane)(nil)
	_ pane.Copier   = (*Pane)(nil)
)

// hit is where the last View put the table or the detail.
type hit struct {
	what       part
	x, y, w, h int
}

type part uint8

const (
	partTable part = iota
	partDetail
)

// New is a pane that does not know yet whether there is a store. profile is what --app calls the application.
func New(profile string) *Pane {
	p := &Pane{profile: profile, glyphs: glyph.Unicode()}
	p.table = table.Table{
		Columns: p.columns(),
		Key:     func(i int) string { return string(p.rows[i].Manifest.ID) },
		Text:    func(i int) string { return p.rows[i].text },
		Empty:   "no backup matches",
	}
	return p
}

// Name is the tab's text at full width.
func (p *Pane) Name() string { return "Backups" }

// Short is the tab's text at 80 columns.
func (p *Pane) Short() string { return "Back" }

// Badge is how many problems are critical or a warning.
func (p *Pane) Badge() int {
	critical, warning := p.tally()
	return critical + warning
}

// tally counts the problems that need a human.
func (p *Pane) tally() (critical, warning int) {
	if p.feed.Value == nil {
		return 0, 0
	}
	for i := range p.feed.Value.Problems {
		switch p.feed.Value.Problems[i].Severity {
		case ops.Critical:
			critical++
		case ops.Warning:
			warning++
		}
	}
	return critical, warning
}

// read is what was last read of the store; nil where nothing was yet.
func (p *Pane) read() *watch.Snapshot {
	if s := p.feed.Value; s != nil && !s.At.IsZero() {
		return s
	}
	return nil
}

// job is the one that runs, or the last one; nil where there was none.
func (p *Pane) job() *watch.Job {
	if p.feed.Value == nil {
		return nil
	}
	return p.feed.Value.Job
}

// Update takes a message in.
func (p *Pane) Update(msg tea.Msg) tea.Cmd {
	switch m := msg.(type) {
	case pane.BackupsMsg:
		return p.take(m)
	case pane.OpenMsg:
		p.goTo(m.Address)
	case tea.MouseClickMsg:
		if m.Button == tea.MouseLeft {
			p.click(m.X, m.Y)
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

// take shows a newer reading; one that arrives late is dropped. That a job ended is said, wherever its user looks by then.
func (p *Pane) take(m pane.BackupsMsg) tea.Cmd {
	if !m.Known {
		p.told, p.known, p.open, p.wanted = true, false, false, ""
		p.feed, p.all = feed.Snapshot[*watch.Snapshot]{}, nil
		p.choose()
		return nil
	}
	if p.known && m.Snapshot.Seq < p.feed.Seq {
		return nil
	}
	ran := p.job()
	p.told, p.known = true, true
	fresh := m.Snapshot.Value != nil && m.Snapshot.Value != p.feed.Value
	p.feed = m.Snapshot
	if !fresh {
		return nil
	}
	p.all = rows(m.Snapshot.Value)
	p.choose()
	return ended(ran, p.job())
}

// choose makes the rows of what is shown.
func (p *Pane) choose() {
	p.rows = p.all
	if p.only != everything {
		p.rows = slices.DeleteFunc(slices.Clone(p.all), func(r row) bool { return !p.only.lets(&r) })
	}
	p.table.Empty = "no backup matches"
	if len(p.all) == 0 {
		p.table.Empty = "none yet: B takes the first one"
	}
	p.table.SetLen(len(p.rows))
	if p.wanted != "" && p.table.Select(p.wanted) {
		p.open, p.wanted = true, ""
	}
	if p.selected() == nil {
		p.open = false
	}
}

// goTo shows what an address of this pane names.
func (p *Pane) goTo(address string) {
	a := ident.Parse(address)
	if a.Pane != "backups" {
		return
	}
	p.open, p.wanted = false, a.Values.Get("id")
	p.only = onlyNamed(a.Values.Get("show"))
	p.choose()
}

// Filter keeps the backups that match.
func (p *Pane) Filter(text string) (n, total int) {
	p.filter = text
	n, total = p.table.SetFilter(text)
	if p.selected() == nil {
		p.open = false
	}
	return n, total
}

// Back leaves the detail, then shows all backups again.
func (p *Pane) Back() bool {
	switch {
	case p.open:
		p.open = false
	case p.only != everything:
		p.only = everything
		p.choose()
	default:
		return false
	}
	return true
}

// Address is the view in words.
func (p *Pane) Address() string {
	id, show := p.wanted, ""
	if r := p.selected(); p.open && r != nil {
		id = string(r.Manifest.ID)
	}
	if p.only != everything {
		show = p.only.String()
	}
	return ident.To("backups", "id", id, "show", show)
}

// selected is the row under the cursor; nil where there is none.
func (p *Pane) selected() *row {
	if i, ok := p.table.Cursor(); ok && i < len(p.rows) {
		return &p.rows[i]
	}
	return nil
}

// Selected is what "y" offers to copy: the ID of the backup under the cursor.
func (p *Pane) Selected() (what, text string) {
	if r := p.selected(); r != nil {
		return "backup id", string(r.Manifest.ID)
	}
	return "", ""
}

// click selects what is under the pointer, and opens it where it was selected before.
func (p *Pane) click(x, y int) {
	for _, h := range p.hits {
		if x < h.x || x >= h.x+h.w || y < h.y || y >= h.y+h.h || h.what != partTable {
			continue
		}
		before, had := p.table.Cursor()
		if row, ok := p.table.Click(x-h.x, y-h.y); ok {
			p.open = p.open || had && row == before
		}
		return
	}
}

// wheel moves what is under the pointer.
func (p *Pane) wheel(x, y, n int) {
	for _, h := range p.hits {
		if h.what == partDetail && x >= h.x && x < h.x+h.w && y >= h.y && y < h.y+h.h {
			p.detail.Move(3 * n)
			return
		}
	}
	p.table.Move(n)
}
