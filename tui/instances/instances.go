// Package instances is the second pane: every machine of the app, grouped by region, with what the platform, the
// network's DNS and the machine itself say of it; the detail of one; and who serves what, side by side.
//
// It holds what is looked at, never facts of its own: all it shows is in the snapshot.
package instances

import (
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"

	"ops-console/ops/feed"
	"ops-console/ops/health"
	"ops-console/tui/action"
	"ops-console/tui/glyph"
	"ops-console/tui/ident"
	"ops-console/tui/page"
	"ops-console/tui/pane"
	"ops-console/tui/table"
	"ops-console/wg"
)

// Pane is the instances pane. Make one with New.
type Pane struct {
	feed  feed.Snapshot[*health.Snapshot]
	net   wg.Status
	names ident.Names
	all   []row // of every region
	rows  []row // of those shown
	texts []string

	table   table.Table
	grouped bool
	region  string // the only one shown; empty: all
	narrow  string // a filter that came with an address, on top of
	filter  string // the one that was typed

	open      bool   // the detail of the row under the cursor is shown
	compared  bool   // agreement is shown in place of the table
	path      string // the one to go to when it is drawn next
	detailAt  page.Scroll
	compareAt page.Scroll
	detailOf  string // id the detail was last drawn for

	// Of the frame drawn last.
	glyphs *glyph.Set
	now    time.Time
	wide   bool // the detail is beside the table, not in its place
	tableY int
	tableW int
}

var (
	_ pane.Pane     = (*Pane)(nil)
	_ pane.Selector = (*Pane)(nil)
)

// New is a pane that knows of no instance yet.
func New() *Pane {
	p := &Pane{glyphs: glyph.Unicode(), grouped: true}
	p.build()
	return p
}

// build makes the table for the way it is grouped, and keeps cursor, order and filter.
func (p *Pane) build() {
	var (
		key      = p.selectedID()
		by, desc = p.table.Sort()
	)
	p.table = table.Table{
		Columns:   p.columns(p.grouped),
		Key:       func(i int) string { return p.rows[i].ID },
		Text:      func(i int) string { return p.texts[i] },
		GroupLine: p.groupLine,
		Empty:     "no instance matches",
	}
	if p.grouped {
		p.table.Group = func(i int) string { return p.rows[i].Region }
	}
	p.table.SetFilter(p.needle())
	p.table.SetLen(len(p.rows))
	p.table.SetSort(by, desc)
	if key != "" {
		p.table.Select(key)
	}
}

// Name is the tab's text at full width.
func (p *Pane) Name() string { return "Instances" }

// Short is the tab's text at 80 columns.
func (p *Pane) Short() string { return "Inst" }

// Badge is how many instances are critical or have a warning.
func (p *Pane) Badge() int {
	n := 0
	for i := range p.all {
		if l := p.all[i].Level; l == health.LevelCritical || l == health.LevelWarning {
			n++
		}
	}
	return n
}

// Update takes a message in.
func (p *Pane) Update(msg tea.Msg) tea.Cmd {
	switch m := msg.(type) {
	case pane.HealthMsg:
		p.take(m.Snapshot)
	case pane.NetworkMsg:
		p.net = m.Status
	case pane.OpenMsg:
		p.goTo(m.Address)
	case tea.MouseClickMsg:
		if m.Button == tea.MouseLeft {
			p.click(m.X, m.Y)
		}
	case tea.MouseWheelMsg:
		switch m.Button {
		case tea.MouseWheelDown:
			p.wheel(m.X, 1)
		case tea.MouseWheelUp:
			p.wheel(m.X, -1)
		}
	}
	return nil
}

// take shows a newer reading; one that arrives late is dropped.
func (p *Pane) take(s feed.Snapshot[*health.Snapshot]) {
	if s.Seq < p.feed.Seq {
		return
	}
	fresh := s.Value != nil && s.Value != p.feed.Value
	p.feed = s
	if !fresh {
		return
	}
	p.names = ident.Of(s.Value.Instances)
	p.all = rows(s.Value, p.names)
	p.choose()
}

// choose applies the region.
func (p *Pane) choose() {
	p.rows = p.all
	if p.region != "" {
		p.rows = nil
		for _, r := range p.all {
			if r.Region == p.region {
				p.rows = append(p.rows, r)
			}
		}
	}
	p.texts = make([]string, len(p.rows))
	for i := range p.rows {
		p.texts[i] = p.rows[i].text()
	}
	p.table.SetLen(len(p.rows))
}

// goTo shows what an address of this pane names.
func (p *Pane) goTo(address string) {
	a := ident.Parse(address)
	if a.Pane != "instances" {
		return
	}
	p.region = a.Values.Get("region")
	p.compared = a.Values.Get("view") == "agreement"
	p.open = false
	p.compareAt, p.path = page.Scroll{}, a.Values.Get("path")
	p.narrow = a.Values.Get("filter")
	p.table.SetFilter(p.needle())
	p.choose()
	if id := a.Values.Get("id"); id != "" {
		p.table.Select(id)
		p.open = true
	} else {
		p.table.Top()
	}
}

// Filter keeps the instances that match.
func (p *Pane) Filter(text string) (n, total int) {
	p.filter = text
	return p.table.SetFilter(p.needle())
}

// needle is what the rows have to match: both what an address asked for and what was typed.
func (p *Pane) needle() string { return strings.TrimSpace(p.narrow + " " + p.filter) }

// Back leaves the detail, then the comparison, then what an address narrowed the table to.
func (p *Pane) Back() bool {
	switch {
	case p.open && !p.compared:
		p.open = false
	case p.compared:
		p.compared = false
	case p.region != "" || p.narrow != "":
		p.region, p.narrow = "", ""
		p.table.SetFilter(p.needle())
		p.choose()
	default:
		return false
	}
	return true
}

// Address is the view in words.
func (p *Pane) Address() string {
	view, id := "", ""
	switch {
	case p.compared:
		view = "agreement"
	case p.open:
		id = p.selectedID()
	}
	return ident.To("instances", "region", p.region, "id", id, "filter", p.needle(), "view", view)
}

// selected is the row under the cursor; nil where there is none.
func (p *Pane) selected() *row {
	if i, ok := p.table.Cursor(); ok && i < len(p.rows) {
		return &p.rows[i]
	}
	return nil
}

// Selected is what "y" offers to copy: the id of the instance under the cursor.
func (p *Pane) Selected() (what, text string) {
	if p.compared {
		return "", ""
	}
	return "instance id", p.selectedID()
}

func (p *Pane) selectedID() string {
	if r := p.selected(); r != nil {
		return r.ID
	}
	return ""
}

// nextProblem moves the cursor to the next row that is not well, or to the one before (by is 1 or -1), around the end.
func (p *Pane) nextProblem(by int) {
	n, _ := p.table.Len()
	for range n {
		before := p.selectedID()
		p.table.Move(by)
		if p.selectedID() == before {
			if by > 0 {
				p.table.Top()
			} else {
				p.table.Bottom()
			}
		}
		if r := p.selected(); r != nil && !quiet(r) {
			return
		}
	}
}

func (p *Pane) click(x, y int) {
	if p.compared || p.open && !p.wide || x >= p.tableW || y < p.tableY {
		return
	}
	before := p.selectedID()
	if _, ok := p.table.Click(x, y-p.tableY); ok && p.selectedID() == before {
		p.open = true
	}
}

// wheel moves what is under the pointer.
func (p *Pane) wheel(x, n int) {
	switch {
	case p.compared:
		p.compareAt.Move(3 * n)
	case p.open && (!p.wide || x >= p.tableW):
		p.detailAt.Move(3 * n)
	default:
		p.table.Move(n)
	}
}

// Actions are what can be done here.
func (p *Pane) Actions() []action.Action {
	do := func(f func()) func(string) tea.Cmd {
		return func(string) tea.Cmd { f(); return nil }
	}
	var out []action.Action
	add := func(a action.Action) { out = append(out, a) }
	reading := p.compared || p.open && !p.wide // a page in place of the table
	if !p.compared {
		a := action.Action{Name: "open", Help: "detail", Keys: []string{"enter"}, Run: do(func() { p.open = !p.open })}
		switch {
		case p.selected() == nil:
			a.Disabled = "no instance is selected"
		case p.open:
			a.Help = "close"
		}
		add(a)
	}
	next := action.Action{Name: "next problem", Help: "next problem", Keys: []string{"n"}, Run: do(func() { p.nextProblem(1) })}
	previous := action.Action{Name: "previous problem", Help: "previous problem", Keys: []string{"N"}, Hidden: true, Run: do(func() { p.nextProblem(-1) })}
	if p.Badge() == 0 {
		next.Disabled = "no instance has a problem"
		previous.Disabled = next.Disabled
	}
	compare := action.Action{Name: "agreement", Help: "who agrees", Keys: []string{"c"}, Run: do(func() { p.compared = !p.compared })}
	switch {
	case p.feed.Value == nil:
		compare.Disabled = "nothing has been read yet"
	case p.compared:
		compare.Help = "instances"
	}
	if !p.compared {
		add(next)
		add(previous)
	}
	add(compare)
	if !p.compared {
		to := ident.To("logs", "machine", p.selectedID())
		log := action.Action{
			Name: "log", Help: "log", About: "what this instance says", Keys: []string{"l"},
			Run: func(string) tea.Cmd { return func() tea.Msg { return pane.OpenMsg{Address: to} } },
		}
		if p.selected() == nil {
			log.Disabled = "no instance is selected"
		}
		add(log)
	}
	if !reading {
		group := action.Action{Name: "group", Help: "group by region", Keys: []string{"b"}, Run: do(func() { p.grouped = !p.grouped; p.build() })}
		if p.grouped {
			group.Help = "ungroup"
		}
		add(group)
		for _, a := range p.table.Actions() {
			if p.open && (a.Name == "half page down" || a.Name == "half page up") {
				continue
			}
			if a.Name == "sort" {
				a.Help, a.Hidden = "sort", false
			}
			add(a)
		}
		if p.open {
			out = append(out, p.detailAt.Actions(false)...)
		}
		return out
	}
	if p.compared {
		return append(out, p.compareAt.Actions(true)...)
	}
	return append(out, p.detailAt.Actions(true)...)
}
