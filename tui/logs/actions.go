package logs

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	tea "charm.land/bubbletea/v2"

	"ops-console/ops/logs"
	"ops-console/tui/action"
	"ops-console/tui/pane"
)

// Actions are what can be done here.
func (p *Pane) Actions() []action.Action {
	do := func(f func()) func(string) tea.Cmd {
		return func(string) tea.Cmd { f(); return nil }
	}
	l := p.selected()
	open := action.Action{Name: "open", Help: "whole line", About: "show the line under the cursor in full", Keys: []string{"enter"}, Run: do(p.toggle)}
	switch {
	case p.open:
		open.Help = "close"
	case l == nil:
		open.Disabled = "there is no line"
	}
	follow := action.Action{Name: "follow", Help: "follow", About: "follow the newest line, or hold the lines where they are", Keys: []string{"f"}, Run: do(p.follow)}
	if p.following {
		follow.Help, follow.Run = "hold", do(p.hold)
	}
	out := []action.Action{open, follow, p.machineAction(l), p.regionAction(l), p.levelAction()}
	context := action.Action{
		Name: "context", Help: "in context", About: "show the lines around those that match too, and go from match to match with n and N",
		Keys: []string{"c"}, Run: do(func() { p.context = !p.context; p.collect() }),
	}
	next := action.Action{Name: "next", Help: "next problem", About: "next warning or error; in context, the next match", Keys: []string{"n"}, Run: p.nextCmd(1)}
	switch {
	case p.match.Empty():
		context.Disabled = "nothing is being looked for"
	case p.context:
		context.Help, next.Help = "matches only", "next match"
	}
	wrap := action.Action{Name: "wrap", Help: "wrap", About: "break long lines, or cut them off", Keys: []string{"W"}, Run: do(func() { p.wrap = !p.wrap })}
	if p.wrap {
		wrap.Help = "cut off"
	}
	save := action.Action{Name: "save lines", Help: "save", About: "save the lines that are shown as text", Keys: []string{"S"}, Run: p.save}
	if l == nil {
		save.Disabled = "there is no line"
	}
	out = append(out, context, next,
		action.Action{Name: "previous", Help: "previous problem", About: "previous warning or error; in context, the previous match", Keys: []string{"N"}, Hidden: true, Run: p.nextCmd(-1)},
		wrap, save)
	if p.open && p.whole {
		return append(out, p.detail.Actions(true)...)
	}
	add := func(name, help string, run func(), keys ...string) {
		out = append(out, action.Action{Name: name, Help: help, Keys: keys, Hidden: true, Run: do(run)})
	}
	half := max(p.height/2, 1)
	add("down", "next line", func() { p.move(1) }, "j", "down")
	add("up", "previous line", func() { p.move(-1) }, "k", "up")
	if p.open {
		out = append(out, p.detail.Actions(false)...)
	} else {
		add("half page down", "half a page down", func() { p.page(half) }, "ctrl+d")
		add("half page up", "half a page up", func() { p.page(-half) }, "ctrl+u")
	}
	add("page down", "a page down", func() { p.page(2 * half) }, "pgdown", "ctrl+f")
	add("page up", "a page up", func() { p.page(-2 * half) }, "pgup", "ctrl+b")
	add("top", "oldest line", func() { p.hold(); p.put(0) }, "g", "home")
	add("bottom", "newest line, and follow", func() { p.follow() }, "G", "end")
	return out
}

// machineAction shows one machine only: that of the line under the cursor, or one by its id.
func (p *Pane) machineAction(l *logs.Line) action.Action {
	a := action.Action{
		Name: "machine", Help: "this machine", About: "show only the lines of the machine under the cursor, or of all again", Keys: []string{"m"},
		Args: func(string) []string {
			out := make([]string, len(p.machines))
			for i, m := range p.machines {
				out[i] = m.id
			}
			return out
		},
	}
	if p.only.Machine != "" {
		a.Help = "all machines"
	} else if l == nil || l.Machine == "" {
		a.Help = "one machine"
	}
	a.Run = func(id string) tea.Cmd {
		f := p.only
		switch {
		case id != "":
			f.Machine, f.Region = p.completed(id), ""
		case f.Machine != "":
			f.Machine = ""
		case l == nil || l.Machine == "":
			return fail("machine", "the line under the cursor is of none; :machine ID names one")
		default:
			f.Machine = l.Machine
		}
		return p.restrict(f)
	}
	return a
}

// completed is the id that begins with this one, where there is one such machine only.
func (p *Pane) completed(id string) string {
	found := id
	for _, m := range p.machines {
		if strings.HasPrefix(m.id, id) {
			if found != id {
				return id
			}
			found = m.id
		}
	}
	return found
}

// regionAction shows one region only.
func (p *Pane) regionAction(l *logs.Line) action.Action {
	a := action.Action{
		Name: "region", Help: "this region", About: "show only the lines of the region under the cursor, or of all again", Keys: []string{"b"},
		Args: func(string) []string { return p.regions },
	}
	if p.only.Region != "" {
		a.Help = "all regions"
	} else if l == nil || l.Region == "" {
		a.Help = "one region"
	}
	a.Run = func(code string) tea.Cmd {
		f := p.only
		switch {
		case code != "":
			f.Region, f.Machine = code, ""
		case f.Region != "":
			f.Region = ""
		case l == nil || l.Region == "":
			return fail("region", "the line under the cursor is of none; :region CODE names one")
		default:
			f.Region = l.Region
		}
		return p.restrict(f)
	}
	return a
}

// steps are the levels that the key goes through.
var steps = []logs.Level{logs.NoLevel, logs.Info, logs.Warn, logs.Error}

// levelAction shows lines from a level on.
func (p *Pane) levelAction() action.Action {
	return action.Action{
		Name: "level", Help: "level", About: "show only lines from a level on: info, warn, error, then all again", Keys: []string{"l"},
		Args: func(string) []string { return []string{"all", "debug", "info", "warn", "error"} },
		Run: func(name string) tea.Cmd {
			f := p.only
			switch name {
			case "":
				f.Level = steps[(slices.Index(steps, f.Level)+1)%len(steps)]
			case "all":
				f.Level = logs.NoLevel
			default:
				level, err := logs.ParseLevel(name)
				if err != nil {
					return fail("level", err.Error())
				}
				f.Level = level
			}
			return p.restrict(f)
		},
	}
}

func (p *Pane) nextCmd(by int) func(string) tea.Cmd {
	return func(string) tea.Cmd {
		if p.next(by) {
			return nil
		}
		what, where := "warning or error", "below"
		if p.inContext() {
			what = "match"
		}
		if by < 0 {
			where = "above"
		}
		text := fmt.Sprintf("no %s %s, of what is shown", what, where)
		return func() tea.Msg { return pane.ToastMsg{Text: text} }
	}
}

// save asks the console to save the lines that are shown.
func (p *Pane) save(string) tea.Cmd {
	text := p.text(1 << 30)
	return func() tea.Msg { return pane.SaveMsg{Kind: "log.txt", Text: text} }
}

func fail(what, why string) tea.Cmd {
	return func() tea.Msg { return pane.ToastMsg{Err: errors.New(what + ": " + why)} }
}
