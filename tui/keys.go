package tui

import (
	"slices"
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"

	"ops-console/tui/action"
	"ops-console/tui/prompt"
)

// grace is how long a dialog that came by itself ignores keys: they were meant for what was there before.
const grace = 400 * time.Millisecond

// typing says where keys go.
type typing uint8

const (
	typingNothing typing = iota
	typingFilter
	typingCommand
)

// lineEdit is the line at the bottom while something is typed into it.
type lineEdit struct {
	prompt.Prompt
	history []string // commands, oldest first; in memory only
	back    int      // how far the arrow keys went back in it
	draft   string   // what was typed before that
}

// filter is what "/" typed for one pane, and what is left.
type filter struct {
	text     string
	n, total int
}

// key is where every key comes in: a dialog takes all of them, then the line being typed, then the pane's actions,
// then the console's own, and what nobody wants goes to the pane.
func (m *Model) key(k tea.KeyPressMsg) tea.Cmd {
	if m.toast.err {
		m.toast = entry{}
	}
	if m.over != nil {
		if m.o.Now().Before(m.graceUntil) {
			return nil
		}
		return m.over.key(m, k)
	}
	if m.typing != typingNothing {
		return m.typeKey(k)
	}
	if a, ok := action.Find(m.actions(), k.String()); ok {
		return m.do(a, "")
	}
	if p := m.pane(); p != nil {
		return p.Update(k)
	}
	return nil
}

// paste adds to what is being typed, and does nothing else: it presses no key, and confirms nothing.
func (m *Model) paste(text string) {
	switch {
	case m.over != nil:
		m.over.paste(text)
	case m.typing != typingNothing:
		m.line.Insert(text)
		m.typed()
	}
}

func (m *Model) startFilter(arg string) tea.Cmd {
	if arg != "" {
		m.setFilter(arg)
		return nil
	}
	if m.pane() == nil {
		return nil
	}
	m.typing = typingFilter
	m.line.Set(m.filters[m.at].text)
	m.setFilter(m.line.Text())
	return nil
}

func (m *Model) startCommand() {
	m.typing = typingCommand
	m.line.Set("")
	m.line.back = 0
}

func (m *Model) setFilter(text string) {
	f := &m.filters[m.at]
	f.text = text
	f.n, f.total = m.pane().Filter(text)
}

// typed reacts to a change of the line.
func (m *Model) typed() {
	if m.typing == typingFilter {
		m.setFilter(m.line.Text())
	}
}

func (m *Model) typeKey(k tea.KeyPressMsg) tea.Cmd {
	switch k.String() {
	case "esc", "ctrl+c":
		if m.typing == typingFilter {
			m.setFilter("")
		}
		m.typing = typingNothing
		return nil
	case "enter":
		text, was := m.line.Text(), m.typing
		m.typing = typingNothing
		if was == typingCommand && strings.TrimSpace(text) != "" {
			m.line.remember(text)
			return m.run(text)
		}
		return nil
	case "backspace":
		if m.line.Text() == "" {
			m.typing = typingNothing
			return nil
		}
	case "up", "ctrl+p":
		if m.typing == typingCommand {
			m.line.recall(1)
			return nil
		}
		return m.movePane(-1)
	case "down", "ctrl+n":
		if m.typing == typingCommand {
			m.line.recall(-1)
			return nil
		}
		return m.movePane(1)
	case "tab":
		if m.typing == typingCommand {
			m.complete()
			return nil
		}
	}
	if m.line.Key(k) {
		m.typed()
	}
	return nil
}

// movePane moves the cursor of the pane while its filter is being typed.
func (m *Model) movePane(by int) tea.Cmd {
	name := "down"
	if by < 0 {
		name = "up"
	}
	if a, ok := action.Named(m.paneActions(m.pane()), name); ok {
		return m.do(a, "")
	}
	return nil
}

// complete fills in as much of the command line as all its completions have in common.
func (m *Model) complete() {
	cc := action.Complete(m.actions(), m.line.Text(), 100)
	if len(cc) == 0 {
		return
	}
	common := cc[0]
	for _, c := range cc[1:] {
		n := 0
		for n < len(common) && n < len(c) && common[n] == c[n] {
			n++
		}
		common = common[:n]
	}
	if a, ok := action.Named(m.actions(), common); ok && len(cc) == 1 && a.Args != nil {
		common += " "
	}
	if len(common) > len(m.line.Text()) {
		m.line.Set(common)
	}
}

// remember keeps a command, the latest of equal ones only.
func (l *lineEdit) remember(text string) {
	l.history = slices.DeleteFunc(l.history, func(s string) bool { return s == text })
	l.history = append(l.history, text)
	if len(l.history) > 200 {
		l.history = l.history[1:]
	}
}

// recall goes back in the history, or forward again.
func (l *lineEdit) recall(by int) {
	if l.back == 0 {
		l.draft = l.Text()
	}
	l.back = min(max(l.back+by, 0), len(l.history))
	if l.back == 0 {
		l.Set(l.draft)
		return
	}
	l.Set(l.history[len(l.history)-l.back])
}

// mouse takes clicks and the wheel. Nothing needs a mouse: each has a key.
func (m *Model) mouse(msg tea.MouseMsg, before uint64) tea.Cmd {
	e := msg.Mouse()
	_, click := msg.(tea.MouseClickMsg)
	_, wheel := msg.(tea.MouseWheelMsg)
	if !m.o.Mouse || !click && !wheel {
		m.version = before
		return nil
	}
	box := m.frame.box
	switch {
	case m.over != nil:
		if m.o.Now().Before(m.graceUntil) {
			return nil
		}
		if wheel {
			return m.over.wheel(m, wheelStep(e))
		}
		if e.X >= box.x && e.X < box.x+box.w && e.Y >= box.y && e.Y < box.y+box.h {
			return m.over.click(m, e.Y-box.y)
		}
		return nil
	case m.frame.tabsY == e.Y && click:
		for _, t := range m.frame.tabs {
			if e.X >= t.x && e.X < t.x+t.w {
				m.show(t.pane)
			}
		}
		return nil
	}
	y := e.Y - m.frame.paneY
	if y < 0 || y >= m.frame.paneH || m.pane() == nil {
		return nil
	}
	e.Y = y
	if wheel {
		return m.pane().Update(tea.MouseWheelMsg(e))
	}
	return m.pane().Update(tea.MouseClickMsg(e))
}

func wheelStep(e tea.Mouse) int {
	if e.Button == tea.MouseWheelUp {
		return -1
	}
	return 1
}
