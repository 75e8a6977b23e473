// Package logs is the eighth pane: what the instances say, the newest line last. It follows until somebody reads further up,
// and keeps what is being read where it is, however much comes meanwhile.
//
// It holds what is looked at, never facts of its own: all it shows is in the snapshot.
package logs

import (
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"

	"ops-console/ops/health"
	"ops-console/ops/logs"
	"ops-console/tui/glyph"
	"ops-console/tui/ident"
	"ops-console/tui/page"
	"ops-console/tui/pane"
	"ops-console/tui/table"
	"ops-console/wg"
)

// Pane is the pane of the log. Make one with New.
type Pane struct {
	told  bool   // it was said whether a log is followed
	known bool   // it is
	seq   uint64 // of the reading that is shown
	at    time.Time
	state logs.State
	net   wg.Status

	now  logs.View // the log as it is
	held logs.View // as it was when somebody began to read; empty while it is followed
	seen uint64    // number of the last line of it that was looked at
	past past      // of the only machine or region

	only    logs.Filter  // machine, region, level
	narrow  string       // a filter that came with an address, on top of
	typed   string       // the one that was typed
	match   table.Filter // both
	context bool         // every line is shown, and what matches is gone to

	rows []place // of the lines that are shown, ascending
	hits []place // of those that match, in context

	following bool
	cursor    int   // index into rows
	top       int   // the first row of the last View
	read      place // of the last line before those that came since it is not followed
	wrap      bool
	open      bool // the line under the cursor is shown in full
	resume    bool // it is followed again when that is closed
	detail    page.Scroll
	detailOf  place

	machines []machine
	names    ident.Names
	regions  []string

	// Of the frame drawn last.
	glyphs *glyph.Set
	height int   // rows of the list
	listY  int   // where it begins
	drawn  []int // the row on each of its lines
	whole  bool  // the detail is in the place of the list
}

// machine is what an instance is called, and where it runs.
type machine struct{ id, region string }

var (
	_ pane.Pane         = (*Pane)(nil)
	_ pane.Selector     = (*Pane)(nil)
	_ pane.Copier       = (*Pane)(nil)
	_ pane.LogsAttender = (*Pane)(nil)
)

// New is a pane that knows of no line yet.
func New() *Pane { return &Pane{glyphs: glyph.Unicode(), following: true} }

// Name is the tab's text at full width.
func (p *Pane) Name() string { return "Logs" }

// Short is the tab's text at 80 columns.
func (p *Pane) Short() string { return "Logs" }

// Badge is none: that instances complain is no news, and what it means is the other panes' to say.
func (p *Pane) Badge() int { return 0 }

// AttendsLogs says that the log is followed while the pane is shown.
func (p *Pane) AttendsLogs() bool { return true }

// Update takes a message in.
func (p *Pane) Update(msg tea.Msg) tea.Cmd {
	switch m := msg.(type) {
	case pane.LogsMsg:
		p.take(m)
		return p.askPast()
	case pane.PastKnownMsg:
		p.takePast(m)
	case pane.HealthMsg:
		if s := m.Snapshot.Value; s != nil {
			p.instances(s)
		}
	case pane.NetworkMsg:
		p.net = m.Status
	case pane.OpenMsg:
		p.goTo(m.Address)
		return p.askPast()
	case tea.MouseClickMsg:
		if m.Button == tea.MouseLeft {
			p.click(m.Y)
		}
	case tea.MouseWheelMsg:
		switch m.Button {
		case tea.MouseWheelDown:
			p.wheel(m.Y, 3)
		case tea.MouseWheelUp:
			p.wheel(m.Y, -3)
		}
	}
	return nil
}

// instances takes in what machines are called.
func (p *Pane) instances(s *health.Snapshot) {
	p.names = ident.Of(s.Instances)
	p.machines, p.regions = p.machines[:0], p.regions[:0]
	for i := range s.Instances {
		p.machines = append(p.machines, machine{s.Instances[i].ID, s.Instances[i].Region})
	}
	for _, r := range s.Regions {
		p.regions = append(p.regions, r.Code)
	}
}

// goTo shows what an address of this pane names, and follows it.
func (p *Pane) goTo(address string) {
	a := ident.Parse(address)
	if a.Pane != "logs" {
		return
	}
	level, err := logs.ParseLevel(a.Values.Get("level"))
	if err != nil {
		level = logs.NoLevel
	}
	p.only = logs.Filter{Machine: a.Values.Get("machine"), Region: a.Values.Get("region"), Level: level}
	p.narrow = a.Values.Get("filter")
	p.open, p.context = false, a.Values.Get("view") == "context"
	p.matching()
	p.follow()
}

// Address is the view in words.
func (p *Pane) Address() string {
	view := ""
	if p.inContext() {
		view = "context"
	}
	return ident.To("logs", "machine", p.only.Machine, "region", p.only.Region, "level", p.only.Level.String(), "filter", p.needle(), "view", view)
}

// Filter keeps the lines that match.
func (p *Pane) Filter(text string) (n, total int) {
	if text != p.typed {
		p.typed = text
		p.matching()
	}
	if p.inContext() {
		return len(p.hits), p.kept()
	}
	return len(p.rows), max(p.kept(), len(p.rows))
}

// kept is how many lines there are.
func (p *Pane) kept() int { return p.now.Len() + len(p.past.lines) }

// needle is what lines have to match: both what an address asked for and what was typed.
func (p *Pane) needle() string { return strings.TrimSpace(p.narrow + " " + p.typed) }

// inContext says whether lines that do not match are shown too.
func (p *Pane) inContext() bool { return p.context && !p.match.Empty() }

// matching parses the filter and applies it.
func (p *Pane) matching() {
	p.match = table.ParseFilter(p.needle())
	if p.match.Empty() {
		p.context = false
	}
	p.collect()
}

// restrict shows other lines.
func (p *Pane) restrict(f logs.Filter) tea.Cmd {
	p.only = f
	p.collect()
	return p.askPast()
}

// Back closes the line, then takes back one restriction after the other.
func (p *Pane) Back() bool {
	f := p.only
	switch {
	case p.open:
		p.shut()
		return true
	case p.context:
		p.context = false
		p.collect()
		return true
	case f.Level != logs.NoLevel:
		f.Level = logs.NoLevel
	case f.Machine != "":
		f.Machine = ""
	case f.Region != "":
		f.Region = ""
	case p.narrow != "":
		p.narrow = ""
		p.matching()
		return true
	default:
		return false
	}
	p.only = f
	p.collect()
	return true
}

// selected is the line under the cursor; nil where there is none.
func (p *Pane) selected() *logs.Line {
	if p.cursor < 0 || p.cursor >= len(p.rows) {
		return nil
	}
	return p.line(p.rows[p.cursor])
}

// Selected is what "y" offers to copy first: the line under the cursor.
func (p *Pane) Selected() (what, text string) {
	if l := p.selected(); l != nil {
		return "line", plain(l)
	}
	return "", ""
}

// longestCopy is how much of the lines that are shown is offered to be copied: what terminals take, with room to spare.
const longestCopy = 48_000

// Copies are what else can be copied.
func (p *Pane) Copies() []pane.Copy {
	var out []pane.Copy
	add := func(what, text string) {
		if text != "" {
			out = append(out, pane.Copy{What: what, Text: text})
		}
	}
	if l := p.selected(); l != nil {
		add("message", l.Message)
		add("machine id", l.Machine)
		if r := l.Request; r != nil {
			add("request id", r.ID)
			add("URL", r.URL)
		}
	}
	add("the newest lines that are shown", p.text(longestCopy))
	return out
}

// text is the newest lines that are shown, oldest first, in at most so many bytes.
func (p *Pane) text(most int) string {
	var lines []string
	for i := len(p.rows) - 1; i >= 0; i-- {
		l := p.line(p.rows[i])
		if l == nil {
			continue
		}
		s := plain(l)
		if most -= len(s) + 1; most < 0 {
			break
		}
		lines = append(lines, s)
	}
	var b strings.Builder
	for i := len(lines) - 1; i >= 0; i-- {
		b.WriteString(lines[i])
		b.WriteByte('\n')
	}
	return b.String()
}

// plain is a line as text.
func plain(l *logs.Line) string {
	parts := []string{l.At.UTC().Format("2006-01-02T15:04:05.000Z")}
	for _, s := range []string{l.Region, l.Machine, l.Level.String(), l.Message} {
		if s != "" {
			parts = append(parts, s)
		}
	}
	return strings.Join(parts, " ")
}

// click puts the cursor on a line, and opens the one that it is on.
func (p *Pane) click(y int) {
	y -= p.listY
	if p.whole || y < 0 || y >= len(p.drawn) || p.drawn[y] < 0 {
		return
	}
	row := p.drawn[y]
	if row == p.cursor && !p.following {
		p.toggle()
		return
	}
	p.hold()
	p.put(row)
}

// wheel moves what is under the pointer.
func (p *Pane) wheel(y, n int) {
	if p.open && (p.whole || y >= p.listY+p.height) {
		p.detail.Move(n)
		return
	}
	p.scroll(n)
}
