package tui

import (
	"errors"
	"slices"
	"strconv"
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
	typed  prompt.Prompt
	picked string // the choice under the cursor, wherever it is by now; empty: the cursor is on the text that is typed
	top    int    // the first choice that is shown
	first  int    // line of the inside on which the choices begin, of the last View
	rows   int    // of them that the last View showed
}

// mostRows is how many choices are shown at a time.
const mostRows = 8

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

// offered are the choices that have what is typed in them, or, behind what was there to begin with, what was typed after that.
func (q *question) offered() []pane.Choice {
	if q.Choices == nil {
		return nil
	}
	typed := q.typed.Text()
	more, after := strings.CutPrefix(typed, q.Text)
	return slices.DeleteFunc(slices.Clone(q.Choices()), func(c pane.Choice) bool {
		rest, begins := strings.CutPrefix(c.Text, q.Text)
		return !contains(c.Text, typed) && !(after && begins && contains(rest, more))
	})
}

// contains tells whether part is in s, whatever its case.
func contains(s, part string) bool {
	return strings.Contains(strings.ToLower(s), strings.ToLower(part))
}

// cursor is where the choice under it is in what is offered, from 1; 0: it is on the text that is typed.
func (q *question) cursor(cc []pane.Choice) int {
	if q.picked == "" {
		return 0
	}
	return slices.IndexFunc(cc, func(c pane.Choice) bool { return c.Text == q.picked }) + 1
}

// text is the answer as it stands: the choice under the cursor, or what was typed.
func (q *question) text() string {
	if q.cursor(q.offered()) > 0 {
		return q.picked
	}
	return strings.TrimSpace(q.typed.Text())
}

// begun tells whether the text is as it was to begin with, and no answer by itself: what is offered goes on from it.
func (q *question) begun() bool {
	return q.Choices != nil && q.picked == "" && q.Text != "" && q.typed.Text() == q.Text &&
		!slices.ContainsFunc(q.Choices(), func(c pane.Choice) bool { return c.Text == q.Text })
}

// take puts what was chosen where it can be edited.
func (q *question) take(text string) {
	q.typed.Set(text)
	q.picked = ""
}

// ghost is what tab makes of what was typed: the first choice that begins so, or else the first that has it in it; empty:
// nothing.
func (q *question) ghost() string {
	cc := q.offered()
	if i := slices.IndexFunc(cc, func(c pane.Choice) bool { return strings.HasPrefix(c.Text, q.typed.Text()) }); i >= 0 {
		return cc[i].Text
	}
	if len(cc) > 0 {
		return cc[0].Text
	}
	return ""
}

// moves is how far a key goes through what is offered; 0: it is none for that.
func (q *question) moves(key string) int {
	page := max(q.rows-1, 1)
	return map[string]int{"down": 1, "ctrl+n": 1, "up": -1, "ctrl+p": -1, "pgdown": page, "pgup": -page}[key]
}

func (q *question) move(by int) {
	cc := q.offered()
	at := min(max(q.cursor(cc)+by, 0), len(cc))
	q.picked = ""
	if at > 0 {
		q.picked = cc[at-1].Text
	}
}

func (q *question) key(m *Model, k tea.KeyPressMsg) tea.Cmd {
	s := k.String()
	if by := q.moves(s); by != 0 && q.Choices != nil {
		q.move(by)
		return nil
	}
	switch s {
	case "esc", "ctrl+c":
		m.over = nil
		return nil
	case "enter":
		if q.begun() {
			q.move(1)
			return nil
		}
		return q.answer(m)
	case "tab":
		if q.picked != "" {
			q.take(q.text())
		} else if g := q.ghost(); g != "" {
			q.take(g)
		}
		return nil
	}
	if q.picked != "" {
		q.take(q.text())
	}
	q.typed.Key(k)
	return nil
}

func (q *question) answer(m *Model) tea.Cmd {
	text := q.text()
	if text == "" && !q.Optional {
		return nil
	}
	m.over = nil
	return m.do(q.Action, text)
}

func (q *question) paste(text string) {
	q.picked = ""
	q.typed.Insert(text)
}

// click puts the cursor on a choice; on the one that it is on, it answers.
func (q *question) click(m *Model, y int) tea.Cmd {
	i, cc := y-q.first, q.offered()
	if i < 0 || i >= q.rows || q.top+i >= len(cc) {
		return nil
	}
	if text := cc[q.top+i].Text; q.picked != text {
		q.picked = text
		return nil
	}
	return q.answer(m)
}

func (q *question) wheel(_ *Model, by int) tea.Cmd {
	q.move(by)
	return nil
}

func (q *question) width(w int) int { return min(w, 84) }
func (q *question) frame() (themes.Role, []keyHint) {
	hints := []keyHint{{"enter", q.Action.Name}}
	switch {
	case q.text() == "" && !q.Optional:
		hints = []keyHint{{"type", "the " + q.Label}}
	case q.begun():
		hints = []keyHint{{"enter", "the first"}}
	}
	if q.Choices != nil {
		hints = append(hints, keyHint{"↑↓", "choose"}, keyHint{"tab", "complete"})
	}
	return themes.Border, append(hints, keyHint{"esc", "leave it as it is"})
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
	q.typed.Draw(l, l.Rest(), q.ghost())
	line()
	q.first = h - b.Rest()
	q.choices(line, b.Rest()-1)
	n := h - b.Rest()
	return b.Lines()[:n]
}

// choices draws what is offered in at most h lines.
func (q *question) choices(line func() *paint.Line, h int) {
	if q.rows = 0; q.Choices == nil {
		return
	}
	cc := q.offered()
	at := q.cursor(cc)
	q.rows = max(min(len(cc), mostRows, h), 0)
	q.top = max(min(q.top, at-1, len(cc)-q.rows), at-q.rows, 0)
	for i := q.top; i < q.top+q.rows; i++ {
		l, role := line(), themes.Plain
		if i == at-1 {
			l.On(themes.Selection)
			role = themes.Strong
		}
		note := paint.Part{Role: themes.Muted, Text: cc[i].Note}
		l.Within(l.Rest()-paint.Width(note.Text, l.Glyphs)-2, func(l *paint.Line) { l.Text(role, cc[i].Text) })
		l.Right(note)
	}
	switch more := len(cc) - q.rows; {
	case len(cc) == 0:
		line().Text(themes.Muted, "none that is known has this in it")
	case more > 0:
		line().Text(themes.Muted, strconv.Itoa(more)+" more")
	}
}
