package tui

import (
	"encoding/base64"
	"fmt"
	"slices"
	"strings"

	tea "charm.land/bubbletea/v2"

	"ops-console/themes"
	"ops-console/tui/action"
	"ops-console/tui/menu"
	"ops-console/tui/pane"
)

// longestCopy is what terminals take for the clipboard, encoded; longer ones are dropped without a word.
const longestCopy = 74_994

// openHelp lists every key, the pane's own first. Typing searches, enter runs.
func (m *Model) openHelp() {
	own := 0
	if p := m.pane(); p != nil {
		own = len(m.paneActions(p))
	}
	m.openActions("Keys", func(i int) string {
		if i < own {
			return m.pane().Name()
		}
		return "Everywhere"
	})
}

// openPalette lists everything that can be done, to be found by name.
func (m *Model) openPalette() { m.openActions("Everything that can be done", nil) }

func (m *Model) openActions(title string, section func(i int) string) {
	aa := slices.Clone(m.actions())
	items := make([]menu.Item, len(aa))
	for i, a := range aa {
		items[i] = menu.Item{Key: keysText(a.Keys), Text: a.Sentence(), Note: ":" + a.Name, Why: m.refusal(a)}
		if section != nil {
			items[i].Section = section(i)
		}
	}
	m.over = &list{menu: menu.New(title, items), choose: func(i int) tea.Cmd { return m.do(aa[i], "") }}
}

// keysText is how keys are written for people.
func keysText(keys []string) string {
	out := make([]string, len(keys))
	for i, k := range keys {
		out[i] = keyText(k)
	}
	return strings.Join(out, " ")
}

func keyText(k string) string {
	switch k {
	case "pgdown":
		return "PgDn"
	case "pgup":
		return "PgUp"
	}
	return k
}

// openThemes lists the themes; the one under the cursor is in effect until it is chosen or not.
func (m *Model) openThemes() {
	before := m.look.wanted
	names := append([]string{"auto"}, themes.Names(m.o.ThemeDirs)...)
	items := make([]menu.Item, len(names))
	for i, n := range names {
		items[i] = menu.Item{Text: n}
		if n == "auto" {
			items[i].Note = "by the terminal's background"
		}
		if _, err := m.look.load(n, m.o.ThemeDirs); err != nil {
			items[i].Why = err.Error()
		}
	}
	mn := menu.New("Theme", items)
	mn.Point(slices.Index(names, before))
	try := func(i int) {
		if items[i].Why == "" {
			_ = m.apply(names[i]) // it has just been loaded
		}
	}
	m.over = &list{
		menu: mn, move: try, last: slices.Index(names, before),
		choose: func(i int) tea.Cmd { return m.theme(names[i]) },
		cancel: func() { _ = m.apply(before) },
	}
}

// openCopy lists what can be copied: the address of the view, what the cursor is on, the frame.
func (m *Model) openCopy() {
	var things []pane.Copy
	if p := m.pane(); p != nil {
		things = append(things, pane.Copy{What: "address of this view", Text: p.Address()})
		if s, ok := p.(pane.Selector); ok {
			if what, text := s.Selected(); text != "" {
				things = append(things, pane.Copy{What: what, Text: text})
			}
		}
		if c, ok := p.(pane.Copier); ok {
			things = append(things, c.Copies()...)
		}
	}
	things = append(things, pane.Copy{What: "frame as text", Text: m.text()})
	items := make([]menu.Item, len(things))
	for i, t := range things {
		items[i] = menu.Item{Text: t.What, Note: t.Text}
		if strings.Contains(t.Text, "\n") {
			items[i].Note = fmt.Sprintf("%d lines", strings.Count(t.Text, "\n"))
		}
		if base64.StdEncoding.EncodedLen(len(t.Text)) > longestCopy {
			items[i].Why = "too long for a terminal's clipboard, save it instead"
		}
	}
	m.over = &list{menu: menu.New("Copy", items), choose: func(i int) tea.Cmd {
		if items[i].Why != "" {
			m.fail(fmt.Errorf("copy %s: %s", things[i].What, items[i].Why))
			return nil
		}
		m.say("copied: " + things[i].What)
		return tea.SetClipboard(things[i].Text)
	}}
}

// helpRow is what the bottom line shows: what cannot be done is not worth its place.
func helpRow(aa []action.Action) []action.Action {
	out := make([]action.Action, 0, len(aa))
	for _, a := range aa {
		if !a.Hidden && a.Disabled == "" && len(a.Keys) > 0 {
			out = append(out, a)
		}
	}
	return out
}
