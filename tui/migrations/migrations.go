// Package migrations is the fourth pane: which Ecto migrations are pending, which of them would hurt this database
// today, why, and what to do instead. The list of migrations, the findings of one, its source with the findings marked,
// the locks it would take and what the way back does.
//
// It holds what is looked at, never facts of its own: all it shows is in the snapshot. What was predicted is told from
// what was measured, and without a database it says so and judges the files alone.
package migrations

import (
	"slices"
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"

	"ops-console/ops/ecto/lint"
	"ops-console/ops/ecto/plan"
	"ops-console/ops/ecto/watch"
	"ops-console/ops/feed"
	"ops-console/tui/glyph"
	"ops-console/tui/ident"
	"ops-console/tui/page"
	"ops-console/tui/pane"
	"ops-console/tui/source"
	"ops-console/tui/table"
)

// Pane is the migrations pane. Make one with New.
type Pane struct {
	explain func(id string) (lint.Rule, bool)

	told  bool // it was said whether there is a project
	known bool // there is one
	feed  feed.Snapshot[*watch.Snapshot]
	rows  []row

	table    table.Table
	filter   string
	chosen   bool // somebody has put the cursor where it is
	finding  int  // index into the selected row's findings
	open     bool // the source has the whole pane
	doc      bool // the rule is explained
	code     page.Scroll
	rule     page.Scroll
	shift    int  // characters of the source that are hidden at its left
	jump     bool // the source has to move to the finding
	view     selected
	rehearse map[string]*rehearsal // by repo

	// Of the frame drawn last.
	glyphs *glyph.Set
	now    time.Time
	wide   bool
	hits   []hit
}

// selected is what was made for the migration under the cursor, until there is another one or another snapshot.
type selected struct {
	key  string
	of   *watch.Snapshot
	text *source.Text
	plan plan.Plan
}

var (
	_ pane.Pane     = (*Pane)(nil)
	_ pane.Selector = (*Pane)(nil)
	_ pane.Copier   = (*Pane)(nil)
)

// hit is where the last View put the list or the source.
type hit struct {
	what       part
	x, y, w, h int
}

type part uint8

const (
	partList part = iota
	partCode
	partDoc
)

// New is a pane that does not know yet whether there is a project. explain finds a rule by its id: lint.Find.
func New(explain func(id string) (lint.Rule, bool)) *Pane {
	p := &Pane{explain: explain, glyphs: glyph.Unicode(), rehearse: map[string]*rehearsal{}}
	p.table = table.Table{
		Columns: p.columns(),
		Key:     func(i int) string { return p.rows[i].key },
		Text:    func(i int) string { return p.rows[i].text },
		Empty:   "no migration matches",
	}
	return p
}

// Name is the tab's text at full width.
func (p *Pane) Name() string { return "Migrations" }

// Short is the tab's text at 80 columns.
func (p *Pane) Short() string { return "Migr" }

// Badge is how many pending migrations have an error or a warning. Where no database says what is pending, none is
// known to be.
func (p *Pane) Badge() int {
	n := 0
	for i := range p.rows {
		if r := &p.rows[i]; r.state.pending() && r.worst >= lint.Warning {
			n++
		}
	}
	return n
}

// Update takes a message in.
func (p *Pane) Update(msg tea.Msg) tea.Cmd {
	switch m := msg.(type) {
	case pane.MigrationsMsg:
		p.take(m)
	case pane.RehearsalMsg:
		p.takeRehearsal(m)
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

// take shows a newer snapshot; one that arrives late is dropped.
func (p *Pane) take(m pane.MigrationsMsg) {
	if !m.Known {
		p.told, p.known = true, false
		p.feed, p.rows, p.open, p.doc = feed.Snapshot[*watch.Snapshot]{}, nil, false, false
		p.rehearse = map[string]*rehearsal{}
		p.table.SetLen(0)
		return
	}
	if p.known && m.Snapshot.Seq < p.feed.Seq {
		return
	}
	p.told, p.known = true, true
	fresh := m.Snapshot.Value != nil && m.Snapshot.Value != p.feed.Value
	p.feed = m.Snapshot
	if !fresh {
		return
	}
	before := p.current()
	p.rows = rows(m.Snapshot.Value)
	p.table.Group = nil
	if len(m.Snapshot.Value.Repos) > 1 {
		p.table.Group = func(i int) string { return p.rows[i].repoName() }
	}
	p.table.SetLen(len(p.rows))
	if r := p.mostWorthALook(); r != nil && !p.chosen {
		p.table.Select(r.key)
	}
	p.sameFinding(before)
}

// mostWorthALook is the migration with the worst finding; of several the one that runs first, and where it is not known what
// is to run the newest. It is nil where there is none.
func (p *Pane) mostWorthALook() *row {
	var out *row
	for i := range p.rows {
		r := &p.rows[i]
		if r.state == applied || out != nil && (r.state == gone) {
			continue
		}
		if out == nil || r.worst > out.worst || r.worst == out.worst && r.state.pending() && r.version < out.version {
			out = r
		}
	}
	return out
}

// row is the migration under the cursor; nil where there is none.
func (p *Pane) row() *row {
	if i, ok := p.table.Cursor(); ok && i < len(p.rows) {
		return &p.rows[i]
	}
	return nil
}

// current is the finding under the cursor; nil where there is none.
func (p *Pane) current() *lint.Finding {
	r := p.row()
	if r == nil || len(r.findings) == 0 {
		return nil
	}
	return &r.findings[min(p.finding, len(r.findings)-1)]
}

// sameFinding puts the cursor on the finding that it was on before the migrations were judged again, wherever that is now.
func (p *Pane) sameFinding(before *lint.Finding) {
	r := p.row()
	if r == nil {
		return
	}
	p.finding = max(min(p.finding, len(r.findings)-1), 0)
	if before == nil {
		p.jump = true
		return
	}
	best := -1
	for i := range r.findings {
		f := &r.findings[i]
		if f.Path != before.Path || f.Rule != before.Rule || f.Down != before.Down {
			continue
		}
		if best < 0 || distance(f, before) < distance(&r.findings[best], before) {
			best = i
		}
	}
	if best >= 0 {
		p.finding = best
	} else {
		p.jump = true
	}
}

// distance is how many lines are between two findings.
func distance(a, b *lint.Finding) int { return max(a.At.Line-b.At.Line, b.At.Line-a.At.Line) }

// move goes n files down.
func (p *Pane) move(n int) {
	p.chosen = true
	before := p.row()
	p.table.Move(n)
	p.moved(before)
}

// moved resets what belongs to one file.
func (p *Pane) moved(before *row) {
	if p.row() != before {
		p.finding, p.jump, p.shift = 0, true, 0
		p.rule.Top = 0
	}
}

// step goes to the next finding, or to the one before (by is 1 or -1): through the files, of which one without findings
// is a place to stop at too.
func (p *Pane) step(by int) {
	r := p.row()
	if r == nil {
		return
	}
	p.chosen, p.jump, p.rule.Top = true, true, 0
	if at := p.finding + by; at >= 0 && at < len(r.findings) {
		p.finding = at
		return
	}
	p.table.Move(by)
	if now := p.row(); now != r {
		p.finding, p.shift = 0, 0
		if by < 0 {
			p.finding = max(len(now.findings)-1, 0)
		}
	}
}

// goTo shows what an address of this pane names.
func (p *Pane) goTo(address string) {
	a := ident.Parse(address)
	if a.Pane != "migrations" {
		return
	}
	p.open, p.doc = false, false
	file := a.Values.Get("file")
	if file == "" {
		return
	}
	p.table.Select(file)
	p.chosen = true
	p.finding, p.jump = 0, true
	p.open = a.Values.Get("view") == "source"
	if rule := a.Values.Get("rule"); rule != "" {
		if r := p.row(); r != nil {
			p.finding = max(slices.IndexFunc(r.findings, func(f lint.Finding) bool { return f.Rule == rule }), 0)
		}
	}
}

// Filter keeps the migrations that match: names, states, tables, rules.
func (p *Pane) Filter(text string) (n, total int) {
	p.filter, p.chosen = text, p.chosen || text != ""
	before := p.row()
	n, total = p.table.SetFilter(text)
	p.moved(before)
	return n, total
}

// Back leaves the explanation, then the source.
func (p *Pane) Back() bool {
	switch {
	case p.doc:
		p.doc = false
	case p.open:
		p.open = false
	default:
		return false
	}
	return true
}

// Address is the view in words.
func (p *Pane) Address() string {
	r := p.row()
	if r == nil {
		return "migrations"
	}
	rule, view := "", ""
	if f := p.current(); f != nil {
		rule = f.Rule
	}
	if p.open {
		view = "source"
	}
	return ident.To("migrations", "file", r.key, "rule", rule, "view", view)
}

// selection is what is shown of the migration under the cursor.
func (p *Pane) selection(r *row) *selected {
	v := &p.view
	if v.key != r.key || v.of != p.feed.Value {
		*v = selected{key: r.key, of: p.feed.Value, text: source.Plain("")}
		if r.m != nil {
			in := p.repo(r).Input
			v.text = source.Elixir(string(in.Sources[r.m.Path]))
			v.plan = plan.Of(in, r.m.Path)
		}
	}
	return v
}

// repo is the one that a row belongs to.
func (p *Pane) repo(r *row) *watch.Repo { return &p.feed.Value.Repos[r.repo] }

// click selects the file under the pointer, and opens it where it was selected before.
func (p *Pane) click(x, y int) {
	for _, h := range p.hits {
		if x < h.x || x >= h.x+h.w || y < h.y || y >= h.y+h.h || h.what != partList {
			continue
		}
		before := p.row()
		// The list is drawn without the line of its titles.
		if _, ok := p.table.Click(x-h.x, y-h.y+1); ok {
			p.chosen, p.open = true, p.open || p.row() == before
			p.moved(before)
		}
		return
	}
}

// wheel moves what is under the pointer.
func (p *Pane) wheel(x, y, n int) {
	for _, h := range p.hits {
		if x < h.x || x >= h.x+h.w || y < h.y || y >= h.y+h.h {
			continue
		}
		switch h.what {
		case partCode:
			p.code.Move(3 * n)
		case partDoc:
			p.rule.Move(3 * n)
		case partList:
			p.move(n)
		}
		return
	}
}

// lower joins words to what the filter looks at.
func lower(words ...string) string { return strings.Join(words, " ") }
