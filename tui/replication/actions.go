package replication

import (
	"fmt"
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"

	"ops-console/ops/replication"
	"ops-console/tui/action"
	"ops-console/tui/pane"
)

// Actions are what can be done here.
func (p *Pane) Actions() []action.Action {
	do := func(f func()) func(string) tea.Cmd {
		return func(string) tea.Cmd { f(); return nil }
	}
	open := action.Action{Name: "open", Help: "detail", Keys: []string{"enter"}, Run: do(func() { p.open = !p.open })}
	switch {
	case p.selected() == nil:
		open.Disabled = "no node is selected"
	case p.open:
		open.Help = "close"
	}
	scale := action.Action{Name: "scale", Help: "linear", About: "switch the plot between a logarithmic and a linear scale", Keys: []string{"l"}, Run: do(func() { p.log = !p.log; p.version++ })}
	if !p.log {
		scale.Help = "log"
	}
	marks := action.Action{Name: "marks", Help: "marks", About: "show or hide deploys and changes of state on the plot", Keys: []string{"m"}, Run: do(func() { p.marked = !p.marked; p.version++ })}
	next := action.Action{Name: "next problem", Help: "next problem", Keys: []string{"n"}, Run: do(func() { p.nextProblem(1) })}
	previous := action.Action{Name: "previous problem", Help: "previous problem", Keys: []string{"N"}, Hidden: true, Run: do(func() { p.nextProblem(-1) })}
	aa := []action.Action{
		open,
		{Name: "longer range", Help: "range", About: "show a longer range", Keys: []string{"+", "="}, Run: do(func() { p.zoom(1) })},
		{Name: "shorter range", Help: "show a shorter range", Keys: []string{"-"}, Hidden: true, Run: do(func() { p.zoom(-1) })},
		{Name: "range", Help: "show that much time: 1m, 5m, 15m or 1h", Hidden: true, Args: spanNames, Run: p.rangeCmd},
		{Name: "cursor left", Help: "cursor", About: "read the plot at an earlier moment", Keys: []string{"left"}, Run: do(func() { p.moveCursor(-1) })},
		{Name: "cursor right", Help: "read the plot at a later moment", Keys: []string{"right"}, Hidden: true, Run: do(func() { p.moveCursor(1) })},
		{Name: "cursor far left", Help: "ten steps earlier", Keys: []string{"shift+left", "["}, Hidden: true, Run: do(func() { p.moveCursor(-10) })},
		{Name: "cursor far right", Help: "ten steps later", Keys: []string{"shift+right", "]"}, Hidden: true, Run: do(func() { p.moveCursor(10) })},
		scale, marks, next, previous,
		{Name: "csv", Help: "save CSV", About: "save what the plot shows as CSV", Keys: []string{"W"}, Run: func(string) tea.Cmd { return p.saveCSV() }},
	}
	if p.feed.Value == nil {
		for i := range aa {
			aa[i].Disabled = p.nothing()
		}
	}
	aa = append(aa, p.probeAction())
	if p.open && !p.wide {
		return append(aa, p.detail.Actions(true)...)
	}
	for _, a := range p.table.Actions() {
		if p.open && (a.Name == "half page down" || a.Name == "half page up") {
			continue
		}
		if a.Name == "sort" {
			a.Hidden = p.feed.Value == nil
			a.Help = "sort"
		}
		run := a.Run
		a.Run = func(arg string) tea.Cmd { p.version++; return run(arg) }
		aa = append(aa, a)
	}
	if p.open {
		aa = append(aa, p.detail.Actions(false)...)
	}
	return aa
}

// nothing says why there is nothing to act on.
func (p *Pane) nothing() string {
	if p.told && !p.known {
		return "no database is configured"
	}
	return "nothing has been read yet"
}

func (p *Pane) probeAction() action.Action {
	a := action.Action{
		Name: "probe", Help: "probe", Keys: []string{"p"}, Danger: action.Changes,
		About: "measure write to visible: one message of a hundred bytes and a transaction id are written on the primary, and waited for on each replica. " +
			"Consumers of logical decoding that ask for messages see it",
		Run: func(string) tea.Cmd {
			p.probing = true
			return func() tea.Msg { return pane.ProbeMsg{} }
		},
	}
	switch {
	case p.feed.Value == nil:
		a.Disabled = p.nothing()
	case p.probing:
		a.Disabled = "it is being measured"
	case p.feed.Value.Primary == "":
		a.Disabled = "there is not one primary that is known"
	}
	return a
}

func spanNames(string) []string {
	out := make([]string, len(spans))
	for i, d := range spans {
		out[i] = spanName(d)
	}
	return out
}

func (p *Pane) rangeCmd(arg string) tea.Cmd {
	if p.setSpan(arg) {
		return nil
	}
	err := fmt.Errorf("range %q: want %s", arg, strings.Join(spanNames(""), ", "))
	return func() tea.Msg { return pane.ToastMsg{Err: err} }
}

func (p *Pane) zoom(by int) {
	p.span = min(max(p.span+by, 0), len(spans)-1)
	p.version++
}

// moveCursor moves the cursor of the plot by cells; at the right end it goes away.
func (p *Pane) moveCursor(by int) {
	w := p.plot.Window
	if w.Cells == 0 {
		return
	}
	at := w.Cells
	if !p.cursor.IsZero() {
		at = w.Cell(p.cursor)
	}
	at += by
	if at >= w.Cells {
		p.cursor = time.Time{}
		return
	}
	p.cursor = w.Start(max(at, 0))
}

// nextProblem moves the cursor to the next node that is not well, or to the one before (by is 1 or -1), around the end.
func (p *Pane) nextProblem(by int) {
	p.version++
	n, _ := p.table.Len()
	for range n {
		before, _ := p.table.Cursor()
		p.table.Move(by)
		if now, _ := p.table.Cursor(); now == before {
			if by > 0 {
				p.table.Top()
			} else {
				p.table.Bottom()
			}
		}
		if r := p.selected(); r != nil && r.Level != replication.LevelOK {
			return
		}
	}
}
