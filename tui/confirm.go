package tui

import (
	"cmp"
	"errors"
	"slices"
	"strconv"
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
	no     func() tea.Cmd // what follows where the answer is no; nil: nothing does
	top    int            // of the touches, the first that is shown
	rows   int            // of them that the last view had room for
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
		if c.no != nil {
			return c.no()
		}
		return nil
	}
	if by := c.scrolls(s); by != 0 {
		c.move(by)
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

// scrolls is how far a key goes through what is touched; 0: it is none for that.
func (c *confirm) scrolls(key string) int {
	page := max(c.rows-1, 1)
	by := map[string]int{"down": 1, "up": -1, "pgdown": page, "pgup": -page}[key]
	if by == 0 && c.word == "" {
		by = map[string]int{"j": 1, "k": -1}[key]
	}
	return by
}

func (c *confirm) move(by int) { c.top = max(min(c.top+by, len(c.act.Touches)-c.rows), 0) }

func (c *confirm) paste(string)                   {}
func (c *confirm) click(*Model, int) tea.Cmd      { return nil }
func (c *confirm) wheel(_ *Model, by int) tea.Cmd { c.move(3 * by); return nil }
func (c *confirm) width(w int) int {
	if len(c.act.Touches) > 0 {
		return min(w, 92)
	}
	return min(w, 72)
}

func (c *confirm) frame() (themes.Role, []keyHint) {
	yes := keyHint{c.key1, c.act.Name}
	if c.word != "" {
		yes.key = "enter"
		if c.typed.Text() != c.word {
			yes.help += " (locked)"
		}
	}
	no := keyHint{"esc", "leave it as it is"}
	if c.no != nil {
		no.help = "no"
	}
	return themes.Crit, []keyHint{yes, no}
}

func (c *confirm) view(env *pane.Env, w, h int) []string {
	b := paint.NewBlock(env.Theme, env.Glyphs, w, h)
	line := func() *paint.Line { return b.Line().On(themes.Over) }
	line().Text(themes.Prod, " "+strings.ToUpper(c.act.Name)+" ").Right(paint.Part{Role: themes.Strong, Text: c.target})
	line()
	for _, text := range prose.Wrap(env.Glyphs, cmp.Or(c.act.Plan, c.act.Sentence()), w, 6) {
		line().Text(themes.Strong, text)
	}
	if c.arg != "" {
		line().Text(themes.Muted, "what     ").Text(themes.Plain, c.arg)
	}
	if c.act.Command != "" {
		line().Text(themes.Muted, "runs     ").Text(themes.Plain, c.act.Command)
	}
	if c.act.Danger == action.Destroys {
		undo := paint.Part{Role: themes.Crit, Text: "there is none"}
		if c.act.Undo != "" {
			undo = paint.Part{Role: themes.Warn, Text: c.act.Undo}
		}
		line().Text(themes.Muted, "undo     ").Parts(undo)
	}
	c.touches(b, line)
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

// touches lists what is changed, as much of it as there is room for beside what follows.
func (c *confirm) touches(b *paint.Block, line func() *paint.Line) {
	tt := c.act.Touches
	if len(tt) == 0 {
		return
	}
	after := 2
	if c.word != "" {
		after += 3
	}
	line()
	c.rows = max(min(b.Rest()-after, len(tt)), 1)
	c.move(0)
	for i := range tt[c.top : c.top+c.rows] {
		t, l := &tt[c.top+i], line()
		mark := paint.Part{Role: themes.Muted, Text: l.Glyphs.Dot}
		if t.Warn {
			mark = paint.Part{Role: themes.Warn, Text: l.Glyphs.Warn}
		}
		l.Parts(mark).Gap(1)
		how := min(paint.Width(t.How, l.Glyphs), max(l.Rest()-2-min(paint.Width(t.What, l.Glyphs), 24), 0))
		l.Max(themes.Plain, t.What, l.Rest()-how-2)
		l.To(l.Width()-how).Max(mark.Role, t.How, how)
	}
	if hidden := len(tt) - c.rows; hidden > 0 {
		line().Gap(2).Text(themes.Faint, "up and down scroll: "+strconv.Itoa(c.top+1)+"-"+strconv.Itoa(c.top+c.rows)+" of "+strconv.Itoa(len(tt)))
	}
}
