// Package overview is the first pane: what is wrong and since when, then the regions, then what changed lately and how
// well the sources of all this are doing. What needs a human comes first, and healthy is quiet.
//
// It holds what is looked at and what was acknowledged, never facts of its own: all it shows is in the snapshot.
package overview

import (
	"slices"
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"

	"ops-console/ops"
	backups "ops-console/ops/backup/watch"
	"ops-console/ops/ecto/watch"
	"ops-console/ops/feed"
	"ops-console/ops/health"
	"ops-console/ops/replication"
	"ops-console/tui/action"
	"ops-console/tui/glyph"
	"ops-console/tui/ident"
	"ops-console/tui/pane"
	"ops-console/tui/table"
	"ops-console/wg"
)

// Pane is the overview. Make one with New.
type Pane struct {
	feed    feed.Snapshot[*health.Snapshot]
	failing time.Time // of the first of the readings that failed in a row; zero: the latest was good
	net     wg.Status
	joining bool // net was heard of
	hasDB   bool // a database is configured
	db      feed.Snapshot[*replication.Snapshot]
	oldDB   bool // what is known of it is old, in the frame being drawn

	hasProject bool // a project's directory is known
	project    feed.Snapshot[*watch.Snapshot]

	keeps bool // a store of backups is configured
	kept  feed.Snapshot[*backups.Snapshot]

	deploys  []ops.Problem // of deployments
	names    ident.Names
	problems []problem // all
	listed   []problem // those that pass the filter
	regions  []region
	moments  []moment
	acks     acks
	filter   string
	needle   table.Filter

	table  table.Table // of regions, by status unless told otherwise
	inside bool        // the cursor is in the table, not in the list
	chosen bool        // somebody has put it there
	cursor string      // key of the selected problem; empty: the first one, whatever it is
	top    int         // first problem the list showed
	page   int         // how many it showed
	hits   []hit
	glyphs *glyph.Set // of the frame being drawn
	now    time.Time
}

var (
	_ pane.Pane     = (*Pane)(nil)
	_ pane.Selector = (*Pane)(nil)
)

// hit is where the last View put an entry of the list, or the table.
type hit struct {
	x, y, w, h int
	key        string // of a problem; empty: the table
}

// New is an overview that knows nothing yet.
func New() *Pane {
	p := &Pane{acks: acks{}, glyphs: glyph.Unicode()}
	p.table = regionsTable(p)
	return p
}

// Name is the tab's text at full width.
func (p *Pane) Name() string { return "Overview" }

// Short is the tab's text at 80 columns.
func (p *Pane) Short() string { return "Over" }

// Badge is how many entries need attention and have not been acknowledged.
func (p *Pane) Badge() int {
	n := 0
	for _, e := range p.problems {
		if !p.acks.holds(e) {
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
	case pane.ReplicationMsg:
		p.takeDatabase(m)
	case pane.MigrationsMsg:
		p.takeMigrations(m)
	case pane.BackupsMsg:
		p.takeBackups(m)
	case pane.DeploysMsg:
		p.takeDeploys(m)
	case pane.NetworkMsg:
		p.takeNetwork(m.Status)
	case tea.MouseClickMsg:
		if m.Button == tea.MouseLeft {
			return p.click(m.X, m.Y)
		}
	case tea.MouseWheelMsg:
		switch m.Button {
		case tea.MouseWheelDown:
			p.move(1)
		case tea.MouseWheelUp:
			p.move(-1)
		}
	}
	return nil
}

// take shows a newer reading; one that arrives late is dropped.
func (p *Pane) take(s feed.Snapshot[*health.Snapshot]) {
	if s.Seq < p.feed.Seq {
		return
	}
	switch {
	case s.Err == nil:
		p.failing = time.Time{}
	case p.failing.IsZero():
		p.failing = s.At
	}
	fresh := s.Value != nil && s.Value != p.feed.Value
	p.feed = s
	if !fresh {
		return
	}
	p.takeNetwork(s.Value.Network)
	p.names = ident.Of(s.Value.Instances)
	p.build()
}

// build makes what is shown of the latest readings.
func (p *Pane) build() {
	s, db := p.feed.Value, p.replicas()
	if s == nil {
		return
	}
	p.problems = problems(s, db, p.kept.Value, p.deploys, p.names)
	p.acks.prune(p.problems)
	p.regions = withReplicas(regions(s), db)
	slices.SortStableFunc(p.regions, byStatus)
	p.moments = moments(withEvents(s.Timeline, db))
	p.list()
	p.table.SetLen(len(p.regions))
}

func (p *Pane) takeNetwork(s wg.Status) {
	if s.State == "" || s.At.Before(p.net.At) {
		return
	}
	p.net, p.joining = s, true
}

// list applies the filter to the problems.
func (p *Pane) list() {
	p.listed = p.listed[:0]
	for _, e := range p.problems {
		if p.needle.Empty() || p.needle.Match(strings.Join([]string{e.subject, e.title, e.detail, e.code, string(e.severity)}, " ")) {
			p.listed = append(p.listed, e)
		}
	}
	if p.index() < 0 {
		p.cursor = ""
	}
	p.inside = p.chosen && p.inside || len(p.listed) == 0 && len(p.regions) > 0
	p.table.Blurred = !p.inside
}

// choose notes that the cursor is where somebody has put it.
func (p *Pane) choose() {
	p.chosen, p.table.Blurred = p.inside, !p.inside
}

// index is the selected problem's place in the list; -1 where it is not there.
func (p *Pane) index() int {
	if p.cursor == "" {
		return min(0, len(p.listed)-1)
	}
	return slices.IndexFunc(p.listed, func(e problem) bool { return e.key == p.cursor })
}

// Filter keeps the problems and regions that match.
func (p *Pane) Filter(text string) (n, total int) {
	p.filter = text
	p.needle = table.ParseFilter(text)
	p.list()
	n, total = p.table.SetFilter(text)
	return n + len(p.listed), total + len(p.problems)
}

// Back has nothing to leave.
func (p *Pane) Back() bool { return false }

// Address is the overview's.
func (p *Pane) Address() string { return "overview" }

// move moves the cursor by n entries, through the problems and then the regions.
func (p *Pane) move(n int) {
	rows, _ := p.table.Len()
	for ; n != 0; n -= sign(n) {
		i := p.index()
		switch {
		case !p.inside && n > 0 && i+1 < len(p.listed):
			p.cursor = p.listed[i+1].key
		case !p.inside && n > 0 && rows > 0:
			p.inside = true
			p.table.Top()
		case !p.inside && n < 0 && i > 0:
			p.cursor = p.listed[i-1].key
		case p.inside && n < 0 && p.atTop() && len(p.listed) > 0:
			p.inside = false
			p.cursor = p.listed[len(p.listed)-1].key
		case p.inside:
			p.table.Move(sign(n))
		}
	}
	p.choose()
}

// atTop is true where the table's cursor cannot go further up.
func (p *Pane) atTop() bool {
	before, _ := p.table.Cursor()
	p.table.Move(-1)
	after, ok := p.table.Cursor()
	if !ok || before == after {
		return true
	}
	p.table.Move(1)
	return false
}

func sign(n int) int {
	if n < 0 {
		return -1
	}
	return 1
}

// end moves the cursor to the first or the last entry.
func (p *Pane) end(last bool) {
	rows, _ := p.table.Len()
	p.inside = len(p.listed) == 0 || last && rows > 0
	switch {
	case p.inside && last:
		p.table.Bottom()
	case p.inside:
		p.table.Top()
	case last:
		p.cursor = p.listed[len(p.listed)-1].key
	default:
		p.cursor = p.listed[0].key
	}
	p.choose()
}

// selected is the problem under the cursor.
func (p *Pane) selected() (problem, bool) {
	if i := p.index(); !p.inside && i >= 0 {
		return p.listed[i], true
	}
	return problem{}, false
}

// Selected is what "y" offers to copy: the problem under the cursor in words, or the region.
func (p *Pane) Selected() (what, text string) {
	if e, ok := p.selected(); ok {
		text = e.subject + ": " + e.title
		if e.detail != "" {
			text += " (" + e.detail + ")"
		}
		return "problem", text
	}
	if i, ok := p.table.Cursor(); ok && p.inside {
		return "region", p.regions[i].Code
	}
	return "", ""
}

// target is the address that enter opens; empty where there is none.
func (p *Pane) target() string {
	if e, ok := p.selected(); ok {
		return e.address
	}
	if i, ok := p.table.Cursor(); ok && p.inside {
		if r := &p.regions[i]; r.Total == 0 && r.db != nil && len(r.db.Nodes) > 0 {
			return ident.To("replication", "node", r.db.Nodes[0])
		}
		return ident.To("instances", "region", p.regions[i].Code)
	}
	return ""
}

func (p *Pane) open(string) tea.Cmd {
	to := p.target()
	if to == "" {
		return nil
	}
	return func() tea.Msg { return pane.OpenMsg{Address: to} }
}

// click selects what is under the pointer, and opens it where it was selected before.
func (p *Pane) click(x, y int) tea.Cmd {
	for _, h := range p.hits {
		if x < h.x || x >= h.x+h.w || y < h.y || y >= h.y+h.h {
			continue
		}
		if h.key == "" {
			before, _ := p.table.Cursor()
			row, ok := p.table.Click(x-h.x, y-h.y)
			again := ok && p.inside && row == before
			p.inside = p.inside || ok
			p.choose()
			if again {
				return p.open("")
			}
			return nil
		}
		i := p.index()
		again := !p.inside && i >= 0 && p.listed[i].key == h.key
		p.inside, p.cursor = false, h.key
		p.choose()
		if again {
			return p.open("")
		}
		return nil
	}
	return nil
}

// Actions are what can be done here.
func (p *Pane) Actions() []action.Action {
	do := func(f func()) func(string) tea.Cmd {
		return func(string) tea.Cmd { f(); return nil }
	}
	open := action.Action{Name: "open", Help: "open", Keys: []string{"enter"}, Run: p.open}
	if p.target() == "" {
		open.Disabled = "nothing is selected that has a view of its own"
	}
	ack := action.Action{Name: "ack", Help: "ack", Keys: []string{"a"}, Run: do(func() {
		if e, ok := p.selected(); ok {
			p.acks.toggle(e)
		}
	})}
	if e, ok := p.selected(); !ok {
		ack.Disabled = "no problem is selected"
	} else if p.acks.holds(e) {
		ack.Help = "take ack back"
	}
	out := []action.Action{
		open, ack,
		{Name: "down", Help: "next entry", Keys: []string{"j", "down"}, Hidden: true, Run: do(func() { p.move(1) })},
		{Name: "up", Help: "previous entry", Keys: []string{"k", "up"}, Hidden: true, Run: do(func() { p.move(-1) })},
		{Name: "half page down", Help: "half a page down", Keys: []string{"ctrl+d", "pgdown"}, Hidden: true, Run: do(func() { p.move(max(p.page, 3)) })},
		{Name: "half page up", Help: "half a page up", Keys: []string{"ctrl+u", "pgup"}, Hidden: true, Run: do(func() { p.move(-max(p.page, 3)) })},
		{Name: "top", Help: "first entry", Keys: []string{"g", "home"}, Hidden: true, Run: do(func() { p.end(false) })},
		{Name: "bottom", Help: "last entry", Keys: []string{"G", "end"}, Hidden: true, Run: do(func() { p.end(true) })},
	}
	for _, a := range p.table.Actions() {
		switch a.Name {
		case "sort":
			a.Help, a.Hidden = "sort regions", false
			out = append(out, a)
		case "reverse sort":
			out = append(out, a)
		}
	}
	return out
}
