// Package replication is the third pane: how far the replicas of the database are behind, why, and what somebody who
// writes from their regions feels. A plot of the lag, the nodes as a tree by upstream, and the detail of one.
//
// It holds what is looked at, never facts of its own: all it shows is in the snapshot. What is not known is shown as not
// known, and what is old with its age.
package replication

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	tea "charm.land/bubbletea/v2"

	"ops-console/ops/feed"
	"ops-console/ops/health"
	"ops-console/ops/replication"
	"ops-console/tui/glyph"
	"ops-console/tui/ident"
	"ops-console/tui/page"
	"ops-console/tui/pane"
	"ops-console/tui/plot"
	"ops-console/tui/table"
)

// Pane is the replication pane. Make one with New.
type Pane struct {
	told  bool // it was said whether there is a database
	known bool // there is one
	feed  feed.Snapshot[*replication.Snapshot]
	marks []health.Mark // what happened to the instances
	rows  []row
	texts []string

	table  table.Table
	filter string
	open   bool // the detail of the node under the cursor is shown
	detail page.Scroll
	shown  string // name of the node whose detail was last drawn

	span    int // index in spans
	log     bool
	marked  bool
	cursor  time.Time // of the plot; zero: none
	plot    plot.Plot
	data    lines
	wal     plot.Plot // of the detail
	version uint64    // of what the plot shows, but for the values

	probing  bool
	probed   *replication.ProbeResult
	probeErr error
	probeAt  time.Time // when the answer came

	// Of the frame drawn last.
	glyphs *glyph.Set
	now    time.Time
	aged   bool // the snapshot is old
	wide   bool
	hits   []hit
}

var (
	_ pane.Pane     = (*Pane)(nil)
	_ pane.Selector = (*Pane)(nil)
	_ pane.Copier   = (*Pane)(nil)
	_ pane.Attender = (*Pane)(nil)
)

// hit is where the last View put the table, the plot or the detail.
type hit struct {
	what       part
	x, y, w, h int
}

type part uint8

const (
	partTable part = iota
	partPlot
	partDetail
)

// spans are the ranges of the plot; the third one is shown first.
var spans = []time.Duration{time.Minute, 5 * time.Minute, 15 * time.Minute, time.Hour}

const firstSpan = 2

// New is a pane that does not know yet whether there is a database.
func New() *Pane {
	p := &Pane{glyphs: glyph.Unicode(), span: firstSpan, log: true, marked: true, version: 1}
	p.table = table.Table{
		Columns: p.columns(),
		Key:     func(i int) string { return p.rows[i].Name },
		Text:    func(i int) string { return p.texts[i] },
		Empty:   "no node matches",
	}
	return p
}

// Name is the tab's text at full width.
func (p *Pane) Name() string { return "Replication" }

// Short is the tab's text at 80 columns.
func (p *Pane) Short() string { return "Repl" }

// AttendsReplication says that readings are wanted while it is shown.
func (p *Pane) AttendsReplication() bool { return true }

// Badge is how many problems of the database are critical or a warning.
func (p *Pane) Badge() int {
	if p.feed.Value == nil {
		return 0
	}
	critical, warning := tally(p.feed.Value)
	return critical + warning
}

// Update takes a message in.
func (p *Pane) Update(msg tea.Msg) tea.Cmd {
	switch m := msg.(type) {
	case pane.ReplicationMsg:
		p.take(m)
	case pane.HealthMsg:
		if m.Snapshot.Value != nil {
			p.marks = m.Snapshot.Value.Timeline
			p.version++
		}
	case pane.ProbedMsg:
		return p.takeProbe(m)
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

// take shows a newer reading; one that arrives late is dropped.
func (p *Pane) take(m pane.ReplicationMsg) {
	if !m.Known {
		p.told, p.known = true, false
		p.feed, p.rows, p.texts, p.open = feed.Snapshot[*replication.Snapshot]{}, nil, nil, false
		p.probing, p.probed, p.probeErr = false, nil, nil
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
	first := len(p.rows) == 0
	p.rows, p.texts = rows(m.Snapshot.Value)
	p.version++
	p.table.SetLen(len(p.rows))
	if r := p.mostWorthALook(); first && r != nil && !p.open {
		p.table.Select(r.Name)
	}
}

// mostWorthALook is the replica in the worst state, of several the one furthest behind; nil where there is none.
func (p *Pane) mostWorthALook() *row {
	var out *row
	for i := range p.rows {
		r := &p.rows[i]
		if isPrimary(r.Node) && r.Level == replication.LevelOK {
			continue
		}
		if out == nil || cmp.Or(cmp.Compare(rank(r), rank(out)), cmp.Compare(lagOrder(out.Lag), lagOrder(r.Lag))) < 0 {
			out = r
		}
	}
	return out
}

// rank orders levels, the worst first.
func rank(r *row) int { return health.Level(r.Level).Rank() }

func (p *Pane) takeProbe(m pane.ProbedMsg) tea.Cmd {
	if !p.probing && m.Result == nil && m.Err == nil {
		return nil
	}
	p.probing = false
	p.probed, p.probeErr, p.probeAt = m.Result, m.Err, p.now
	if m.Err != nil {
		p.probed = nil
		err := fmt.Errorf("measure write to visible: %w", m.Err)
		return func() tea.Msg { return pane.ToastMsg{Err: err} }
	}
	if m.Result == nil {
		return nil
	}
	p.probeAt = m.Result.At
	text := probeText(m.Result)
	return func() tea.Msg { return pane.ToastMsg{Text: text} }
}

// goTo shows what an address of this pane names.
func (p *Pane) goTo(address string) {
	a := ident.Parse(address)
	if a.Pane != "replication" {
		return
	}
	p.open = false
	p.setSpan(a.Values.Get("range"))
	if name := a.Values.Get("node"); name != "" {
		p.table.Select(name)
		p.open = true
	}
	p.version++
}

func (p *Pane) setSpan(name string) bool {
	i := slices.IndexFunc(spans, func(d time.Duration) bool { return spanName(d) == name })
	if i < 0 {
		return false
	}
	p.span = i
	p.version++
	return true
}

// spanName is "15m".
func spanName(d time.Duration) string {
	if d >= time.Hour {
		return fmt.Sprint(int(d/time.Hour)) + "h"
	}
	return fmt.Sprint(int(d/time.Minute)) + "m"
}

// Filter keeps the nodes that match.
func (p *Pane) Filter(text string) (n, total int) {
	p.filter = text
	n, total = p.table.SetFilter(text)
	p.version++
	return n, total
}

// Back leaves the detail, then takes the cursor off the plot.
func (p *Pane) Back() bool {
	switch {
	case p.open:
		p.open = false
	case !p.cursor.IsZero():
		p.cursor = time.Time{}
	default:
		return false
	}
	return true
}

// Address is the view in words.
func (p *Pane) Address() string {
	node, span := "", ""
	if p.open {
		if r := p.selected(); r != nil {
			node = r.Name
		}
	}
	if p.span != firstSpan {
		span = spanName(spans[p.span])
	}
	return ident.To("replication", "node", node, "range", span)
}

// selected is the row under the cursor; nil where there is none.
func (p *Pane) selected() *row {
	if i, ok := p.table.Cursor(); ok && i < len(p.rows) {
		return &p.rows[i]
	}
	return nil
}

// Selected is what "y" offers to copy: the name of the node under the cursor.
func (p *Pane) Selected() (what, text string) {
	if r := p.selected(); r != nil {
		return "node name", r.Name
	}
	return "", ""
}

// click selects what is under the pointer, and opens it where it was selected before; on the plot it puts the cursor.
func (p *Pane) click(x, y int) {
	for _, h := range p.hits {
		if x < h.x || x >= h.x+h.w || y < h.y || y >= h.y+h.h {
			continue
		}
		switch h.what {
		case partPlot:
			if t, ok := p.plot.Window.At(x - h.x); ok {
				p.cursor = t
			}
		case partTable:
			before, had := p.table.Cursor()
			if row, ok := p.table.Click(x-h.x, y-h.y); ok {
				p.version++
				p.open = p.open || had && row == before
			}
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
	p.version++
}
