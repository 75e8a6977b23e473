// Package menu is a box with a list to choose from, narrowed down by typing: the help screen, the palette, the themes,
// what to copy. It runs nothing itself.
package menu

import (
	"strconv"
	"strings"

	tea "charm.land/bubbletea/v2"
	"github.com/sahilm/fuzzy"

	"ops-console/themes"
	"ops-console/tui/paint"
	"ops-console/tui/pane"
	"ops-console/tui/prompt"
)

// Item is one line of a menu.
type Item struct {
	Section string // a heading goes before the first item of each section, while nothing is typed
	Key     string // shown at the left
	Text    string
	Note    string // shown at the right
	Why     string // why it cannot be chosen; empty: it can
}

// Menu is an open menu. Make one with New.
type Menu struct {
	Title string
	Empty string // what to say where nothing matches
	// Reading menus are for looking at: enter closes them.
	Reading bool

	items  []Item
	keyed  int // width of the keys
	shown  []int
	query  prompt.Prompt
	cursor int // index into shown
	top    int
	rows   int // of the last View
	first  int // line of the box on which the list began
}

// New is a menu over items, with the cursor on the first.
func New(title string, items []Item) *Menu {
	m := &Menu{Title: title, Empty: "nothing matches", items: items}
	for _, it := range items {
		m.keyed = max(m.keyed, len(it.Key))
	}
	m.keyed = min(m.keyed, 24)
	m.narrow()
	return m
}

// Choice is the index of the item under the cursor; false where there is none.
func (m *Menu) Choice() (int, bool) {
	if m.cursor >= len(m.shown) {
		return 0, false
	}
	return m.shown[m.cursor], true
}

// Point puts the cursor on an item.
func (m *Menu) Point(item int) {
	for at, i := range m.shown {
		if i == item {
			m.cursor = at
		}
	}
}

// Typed is what was typed to narrow the list down.
func (m *Menu) Typed() string { return m.query.Text() }

// Paste adds text to what was typed.
func (m *Menu) Paste(s string) {
	m.query.Insert(s)
	m.narrow()
}

// Key takes a key that is not for opening or closing.
func (m *Menu) Key(k tea.KeyPressMsg) {
	switch k.String() {
	case "down", "ctrl+n", "ctrl+j":
		m.Move(1)
	case "up", "ctrl+p", "ctrl+k":
		m.Move(-1)
	case "pgdown", "ctrl+f":
		m.Move(max(m.rows-1, 1))
	case "pgup", "ctrl+b":
		m.Move(-max(m.rows-1, 1))
	case "home":
		m.Move(-len(m.shown))
	case "end":
		m.Move(len(m.shown))
	default:
		before := m.query.Text()
		if m.query.Key(k) && m.query.Text() != before {
			m.narrow()
		}
	}
}

// Move moves the cursor by n items.
func (m *Menu) Move(n int) { m.cursor = max(min(m.cursor+n, len(m.shown)-1), 0) }

// Click puts the cursor on the item at line y of the box, and says whether there is one.
func (m *Menu) Click(y int) bool {
	lines := m.lines()
	at := m.top + y - m.first
	if y < m.first || y >= m.first+m.rows || at < 0 || at >= len(lines) || lines[at] < 0 {
		return false
	}
	m.cursor = lines[at]
	return true
}

func (m *Menu) narrow() {
	m.shown, m.cursor, m.top = m.shown[:0], 0, 0
	q := strings.TrimSpace(m.query.Text())
	if q == "" {
		for i := range m.items {
			m.shown = append(m.shown, i)
		}
		return
	}
	for _, hit := range fuzzy.FindFrom(q, source(m.items)) {
		m.shown = append(m.shown, hit.Index)
	}
}

type source []Item

func (s source) String(i int) string { return s[i].Text + " " + s[i].Key + " " + s[i].Note }
func (s source) Len() int            { return len(s) }

// lines is what the list shows: indexes into shown, or -1-item for the heading of an item's section.
func (m *Menu) lines() []int {
	var out []int
	last := ""
	for at, i := range m.shown {
		if s := m.items[i].Section; s != last && m.query.Text() == "" {
			out = append(out, -1-i)
			last = s
		}
		out = append(out, at)
	}
	return out
}

// View draws the inside of the box: at most h lines of exactly w cells, fewer where the list is short.
func (m *Menu) View(env *pane.Env, w, h int) []string {
	l := paint.New(env.Theme, env.Glyphs, w)
	lines := m.lines()
	out := make([]string, 0, h)
	count := paint.Part{Role: themes.Faint, Text: strconv.Itoa(len(m.shown)) + " of " + strconv.Itoa(len(m.items))}
	out = append(out, l.On(themes.Over).Text(themes.Strong, m.Title).Right(count).String())
	l.Reset(w).On(themes.Over).Text(themes.Accent, "/ ")
	m.query.Draw(l, l.Rest(), "")
	out = append(out, l.String())
	m.first, m.rows = len(out), max(min(h-len(out), len(lines)), 0)
	m.scroll(lines)
	for _, n := range lines[m.top:min(m.top+m.rows, len(lines))] {
		l.Reset(w).On(themes.Over)
		if n < 0 {
			out = append(out, l.Rule(m.items[-1-n].Section).String())
			continue
		}
		m.item(l, m.items[m.shown[n]], n == m.cursor)
		out = append(out, l.String())
	}
	if len(lines) == 0 && len(out) < h {
		out = append(out, l.Reset(w).On(themes.Over).Text(themes.Muted, m.Empty).String())
	}
	return out[:min(len(out), h)]
}

// scroll keeps the cursor in sight, with the heading above it.
func (m *Menu) scroll(lines []int) {
	for y, n := range lines {
		if n == m.cursor {
			from := y
			if y > 0 && lines[y-1] < 0 {
				from--
			}
			m.top = max(min(m.top, from), y-m.rows+1)
		}
	}
	m.top = max(min(m.top, len(lines)-m.rows), 0)
}

func (m *Menu) item(l *paint.Line, it Item, selected bool) {
	role, key := themes.Plain, themes.Accent
	if it.Why != "" {
		role, key = themes.Faint, themes.Faint
	}
	if selected {
		l.On(themes.Selection).Text(themes.Accent, l.Glyphs.Gutter)
	} else {
		l.Gap(1)
	}
	if m.keyed > 0 {
		l.Cell(key, it.Key, m.keyed, paint.Left).Gap(2)
	}
	l.Text(role, it.Text)
	note := it.Note
	if it.Why != "" {
		note = it.Why
	}
	if note != "" {
		rest := l.Rest() - 2
		l.Gap(2).Cell(themes.Muted, note, rest, paint.Right)
	}
}
