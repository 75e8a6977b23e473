package tui

import (
	"errors"
	"fmt"
	"strconv"

	tea "charm.land/bubbletea/v2"

	"ops-console/themes"
	"ops-console/tui/action"
	"ops-console/tui/pane"
)

// globalActions is what can be done everywhere. Panes come first, then what the help row shows, then the rest.
func (m *Model) globalActions() []action.Action {
	do := func(f func()) func(string) tea.Cmd {
		return func(string) tea.Cmd { f(); return nil }
	}
	cmd := func(f func() tea.Cmd) func(string) tea.Cmd {
		return func(string) tea.Cmd { return f() }
	}
	var aa []action.Action
	for i, p := range m.panes {
		var keys []string
		if i < 9 {
			keys = []string{strconv.Itoa(i + 1)}
		}
		aa = append(aa, action.Action{Name: paneName(p), Help: "go to " + p.Name(), Keys: keys, Hidden: true, Run: do(func() { m.show(i) })})
	}
	aa = append(
		aa,
		action.Action{Name: "filter", Help: "filter", About: "show only the rows that match", Keys: []string{"/"}, Args: func(string) []string { return nil }, Run: m.startFilter},
		action.Action{Name: "command", Help: "command", About: "type a command", Keys: []string{":"}, Run: do(m.startCommand)},
		action.Action{Name: "zoom", Help: "zoom", About: "give the pane the whole screen", Keys: []string{"z"}, Run: do(func() { m.zoom = !m.zoom })},
		action.Action{Name: "copy", Help: "copy", About: "copy the address, the selected id or the frame", Keys: []string{"y"}, Run: do(m.openCopy)},
		action.Action{Name: "freeze", Help: "freeze", About: "hold the picture still; readings go on behind it", Keys: []string{"space"}, Run: cmd(m.freeze)},
		action.Action{Name: "refresh", Help: "read again now", Keys: []string{"r"}, Hidden: true, Run: cmd(m.refresh)},
		action.Action{Name: "reconnect", Help: "close the connection and open it again", Keys: []string{"ctrl+r"}, Hidden: true, Run: cmd(m.reconnect)},
		action.Action{Name: "arm", Help: "arm for 5 minutes, or end it", Keys: []string{"A"}, Hidden: true, Run: do(m.toggleArm)},
		action.Action{Name: "palette", Help: "everything that can be done", Keys: []string{"ctrl+p"}, Hidden: true, Run: do(m.openPalette)},
		action.Action{Name: "messages", Help: "what the console said", Keys: []string{"L"}, Hidden: true, Run: do(m.openLog)},
		action.Action{
			Name: "theme", Help: "choose a theme", Keys: []string{"T"}, Hidden: true, Run: m.theme,
			Args: func(string) []string { return append([]string{"auto"}, themes.Names(m.o.ThemeDirs)...) },
		},
		action.Action{Name: "save", Help: "save the frame as text", Keys: []string{"w"}, Hidden: true, Args: func(string) []string { return nil }, Run: m.save},
		action.Action{Name: "next pane", Help: "next pane", Keys: []string{"tab"}, Hidden: true, Run: do(func() { m.turn(1) })},
		action.Action{Name: "previous pane", Help: "previous pane", Keys: []string{"shift+tab"}, Hidden: true, Run: do(func() { m.turn(-1) })},
		action.Action{Name: "back", Help: "one level back", Keys: []string{"esc"}, Hidden: true, Run: cmd(m.back)},
		action.Action{Name: "redraw", Help: "draw everything again", Keys: []string{"ctrl+l"}, Hidden: true, Run: cmd(func() tea.Cmd { return tea.ClearScreen })},
		action.Action{Name: "suspend", Help: "back to the shell until fg", Keys: []string{"ctrl+z"}, Hidden: true, Run: cmd(func() tea.Cmd { return tea.Suspend })},
		action.Action{Name: "help", Help: "help", About: "list all keys, or find one", Keys: []string{"?"}, Run: do(m.openHelp)},
		action.Action{Name: "quit", Help: "quit", About: "close the console", Keys: []string{"q", "ctrl+c"}, Run: cmd(m.quit)},
	)
	for i := range aa {
		if aa[i].Name == "arm" && m.o.ReadOnly {
			aa[i].Disabled = "the console was started with --read-only"
		}
	}
	return aa
}

// paneActions are a pane's own, with the keys the user wants.
func (m *Model) paneActions(p pane.Pane) []action.Action {
	aa := p.Actions()
	if len(m.o.Keys) > 0 {
		action.Remap(paneName(p), aa, m.o.Keys)
	}
	return aa
}

// actions is everything that can be done now, the pane's own first.
func (m *Model) actions() []action.Action {
	p := m.pane()
	if p == nil {
		return m.global
	}
	own := m.paneActions(p)
	return append(own[:len(own):len(own)], m.global...)
}

// do runs an action if it may be run now.
func (m *Model) do(a action.Action, arg string) tea.Cmd {
	if why := m.refusal(a); why != "" {
		m.fail(fmt.Errorf("%s: %s", a.Name, why))
		return nil
	}
	if a.Danger > action.Looks {
		m.over = newConfirm(m.target(), a, arg)
		return nil
	}
	return a.Run(arg)
}

// refusal is why an action cannot be run now; empty: it can.
func (m *Model) refusal(a action.Action) string {
	switch {
	case a.Disabled != "":
		return a.Disabled
	case a.Danger == action.Looks:
		return ""
	case m.o.ReadOnly:
		return "the console was started with --read-only"
	case m.arm.left(m.o.Now()) == 0:
		return "read-only; " + m.keyOf("arm", "A") + " arms for 5 minutes"
	}
	return ""
}

// perform runs a confirmed action. What was asked may have taken long: it must still be allowed.
func (m *Model) perform(a action.Action, arg string) tea.Cmd {
	m.over = nil
	if why := m.refusal(a); why != "" {
		m.fail(fmt.Errorf("%s: %s", a.Name, why))
		return nil
	}
	text := a.Name
	if arg != "" {
		text += " " + arg
	}
	if a.Command != "" {
		text += "   " + a.Command
	}
	m.note(entry{at: m.o.Now(), text: text})
	return a.Run(arg)
}

// keyOf is the key an action is on now.
func (m *Model) keyOf(name, fallback string) string {
	if a, ok := action.Named(m.global, name); ok && len(a.Keys) > 0 {
		return a.Keys[0]
	}
	return fallback
}

// target is what actions are done to, in the words of its owner.
func (m *Model) target() string {
	if m.o.Environment == "" {
		return m.o.App
	}
	return m.o.App + " / " + m.o.Environment
}

func (m *Model) turn(by int) {
	if n := len(m.panes); n > 0 {
		m.show(((m.at+by)%n + n) % n)
	}
}

// back leaves one level: what another pane opened, a detail, a filter, the zoom, the freeze, in this order.
func (m *Model) back() tea.Cmd {
	p := m.pane()
	switch {
	case p != nil && m.came != nil && m.came.to == m.at && m.came.address == p.Address():
		// What was opened from elsewhere is left as a whole: the pane is as it was when it is gone to by its number.
		for p.Back() {
		}
		m.show(m.came.from)
	case p != nil && p.Back():
	case p != nil && m.filters[m.at].text != "":
		m.setFilter("")
	case m.zoom:
		m.zoom = false
	case m.frozen != nil:
		return m.freeze()
	}
	return nil
}

// theme chooses by name, or opens the list of themes.
func (m *Model) theme(arg string) tea.Cmd {
	if arg == "" {
		m.openThemes()
		return nil
	}
	if err := m.apply(arg); err != nil {
		m.fail(err)
	}
	return nil
}

// run takes a whole command line.
func (m *Model) run(line string) tea.Cmd {
	a, arg, ok := action.Parse(m.actions(), line)
	if !ok {
		m.fail(errors.New("there is no command \"" + line + "\"; " + m.keyOf("help", "?") + " lists them"))
		return nil
	}
	return m.do(a, arg)
}
