package tui

import (
	"cmp"
	"errors"
	"slices"
	"strings"

	tea "charm.land/bubbletea/v2"

	"ops-console/themes"
	"ops-console/tui/action"
	"ops-console/tui/paint"
	"ops-console/tui/pane"
	"ops-console/tui/prompt"
	"ops-console/tui/prose"
)

// confirm asks before something outside is changed. What can be changed back needs one key, which is never the one
// that asked for it; what cannot needs the application's name, typed. Pasting does nothing.
type confirm struct {
	target string
	act    action.Action
	arg    string
	key1   string // what says yes where nothing has to be typed
	word   string // what has to be typed; empty: nothing
	typed  prompt.Prompt
}

func newConfirm(target string, a action.Action, arg string) *confirm {
	c := &confirm{target: target, act: a, arg: arg, key1: "y"}
	if slices.Contains(a.Keys, "y") {
		c.key1 = "Y"
	}
	if a.Danger == action.Destroys {
		c.word = strings.Join(strings.Fields(strings.ReplaceAll(target, "/", " ")), " ")
	}
	return c
}

// confirmLater asks for an action that came up by itself. Keys on their way were meant for something else.
func (m *Model) confirmLater(a action.Action, arg string) {
	if why := m.refusal(a); why != "" || m.over != nil {
		m.fail(errors.New(a.Name + ": " + cmp.Or(why, "another question is open")))
		return
	}
	m.over, m.graceUntil = newConfirm(m.target(), a, arg), m.o.Now().Add(grace)
}

func (c *confirm) key(m *Model, k tea.KeyPressMsg) tea.Cmd {
	s := k.String()
	if s == "esc" || s == "ctrl+c" || s == "q" && c.word == "" {
		m.over = nil
		m.say(c.act.Name + ": not done")
		return nil
	}
	if c.word == "" {
		if s == c.key1 {
			return m.perform(c.act, c.arg)
		}
		return nil
	}
	if s == "enter" {
		if c.typed.Text() == c.word {
			return m.perform(c.act, c.arg)
		}
		return nil
	}
	c.typed.Key(k)
	return nil
}

func (c *confirm) paste(string)              {}
func (c *confirm) click(*Model, int) tea.Cmd { return nil }
func (c *confirm) wheel(*Model, int) tea.Cmd { return nil }
func (c *confirm) width(w int) int           { return min(w, 72) }
func (c *confirm) frame() (themes.Role, []keyHint) {
	yes := keyHint{c.key1, c.act.Name}
	if c.word != "" {
		yes.key = "enter"
		if c.typed.Text() != c.word {
			yes.help += " (locked)"
		}
	}
	return themes.Crit, []keyHint{yes, {"esc", "leave it as it is"}}
}

func (c *confirm) view(env *pane.Env, w, h int) []string {
	b := paint.NewBlock(env.Theme, env.Glyphs, w, h)
	line := func() *paint.Line { return b.Line().On(themes.Over) }
	line().Text(themes.Prod, " "+strings.ToUpper(c.act.Name)+" ").Right(paint.Part{Role: themes.Strong, Text: c.target})
	line()
	for _, text := range prose.Wrap(env.Glyphs, c.act.Sentence(), w, 6) {
		line().Text(themes.Strong, text)
	}
	if c.arg != "" {
		line().Text(themes.Muted, "what     ").Text(themes.Plain, c.arg)
	}
	if c.act.Command != "" {
		line().Text(themes.Muted, "runs     ").Text(themes.Plain, c.act.Command)
	}
	if c.act.Danger == action.Destroys {
		line().Text(themes.Muted, "undo     ").Text(themes.Crit, "there is none")
	}
	line()
	if c.word != "" {
		line().Text(themes.Plain, "Type ").Text(themes.Strong, c.word).Text(themes.Plain, " to continue")
		l := line().Text(themes.Accent, "> ")
		c.typed.Draw(l, l.Rest(), "")
		line()
	}
	n := h - b.Rest()
	return b.Lines()[:n]
}
