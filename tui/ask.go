package tui

import (
	"errors"
	"strings"

	tea "charm.land/bubbletea/v2"

	"ops-console/themes"
	"ops-console/tui/paint"
	"ops-console/tui/pane"
	"ops-console/tui/prompt"
	"ops-console/tui/prose"
)

// question asks for a line of text that an action needs.
type question struct {
	pane.AskMsg
	typed prompt.Prompt
}

// ask opens a question, where the action that needs the answer may be run now.
func (m *Model) ask(q pane.AskMsg) {
	switch why := m.refusal(q.Action); {
	case why != "":
		m.fail(errors.New(q.Action.Name + ": " + why))
	case m.over != nil:
		m.fail(errors.New(q.Action.Name + ": another question is open"))
	default:
		a := &question{AskMsg: q}
		a.typed.Set(q.Text)
		m.over = a
	}
}

func (q *question) text() string { return strings.TrimSpace(q.typed.Text()) }

func (q *question) key(m *Model, k tea.KeyPressMsg) tea.Cmd {
	switch k.String() {
	case "esc", "ctrl+c":
		m.over = nil
		return nil
	case "enter":
		if q.text() == "" && !q.Optional {
			return nil
		}
		m.over = nil
		return m.do(q.Action, q.text())
	}
	q.typed.Key(k)
	return nil
}

func (q *question) paste(text string)         { q.typed.Insert(text) }
func (q *question) click(*Model, int) tea.Cmd { return nil }
func (q *question) wheel(*Model, int) tea.Cmd { return nil }
func (q *question) width(w int) int           { return min(w, 84) }
func (q *question) frame() (themes.Role, []keyHint) {
	if q.text() == "" && !q.Optional {
		return themes.Border, []keyHint{{"type", "the " + q.Label}, {"esc", "leave it as it is"}}
	}
	return themes.Border, []keyHint{{"enter", q.Action.Name}, {"esc", "leave it as it is"}}
}

func (q *question) view(env *pane.Env, w, h int) []string {
	b := paint.NewBlock(env.Theme, env.Glyphs, w, h)
	line := func() *paint.Line { return b.Line().On(themes.Over) }
	line().Text(themes.Strong, q.Title)
	line()
	for part := range strings.SplitSeq(q.About, "\n") {
		for _, text := range prose.Wrap(env.Glyphs, part, w, 4) {
			line().Text(themes.Plain, text)
		}
	}
	line()
	l := line().Text(themes.Muted, q.Label+" ")
	q.typed.Draw(l, l.Rest(), "")
	line()
	n := h - b.Rest()
	return b.Lines()[:n]
}
