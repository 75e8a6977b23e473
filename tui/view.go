package tui

import (
	"fmt"
	"strings"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"

	"ops-console/themes"
	"ops-console/tui/paint"
	"ops-console/tui/pane"
	"ops-console/tui/prose"
)

// The least a frame needs. Below it, it says so.
const (
	leastW = 60
	leastH = 15
)

// frame is what the last View drew, and where.
type frame struct {
	version uint64
	ok      bool
	view    tea.View

	tabs         []tab
	tabsY        int // -1: there are none
	paneY, paneH int
	box          rect // inside of the open box
}

// tab is where a tab is drawn.
type tab struct{ pane, x, w int }

// View implements tea.Model. It is called after every message, so it draws only where something has changed.
func (m *Model) View() tea.View {
	if m.w <= 0 || m.h <= 0 {
		return tea.View{AltScreen: true} // without it the renderer would clear a line that is not there, again and again
	}
	if m.frame.ok && m.frame.version == m.version {
		return m.frame.view
	}
	env := m.env()
	lines := m.base(env)
	m.frame.box = rect{}
	if m.over != nil {
		lines, m.frame.box = compose(env, lines, m.w, m.h, m.over)
	}
	v := tea.NewView(strings.Join(lines, "\n"))
	v.AltScreen = true
	v.ReportFocus = true
	v.WindowTitle = m.title()
	if m.o.Mouse {
		v.MouseMode = tea.MouseModeCellMotion
	}
	m.frame.view, m.frame.version, m.frame.ok = v, m.version, true
	m.pace.hurry()
	return v
}

// env is what this frame is drawn with.
func (m *Model) env() *pane.Env {
	now := m.o.Now()
	if m.frozen != nil {
		now = m.frozen.at
	}
	return &pane.Env{
		Theme: m.look.theme, Glyphs: m.look.glyphs, Now: now,
		Focused: m.over == nil && m.typing != typingCommand, ReducedMotion: m.o.ReducedMotion,
	}
}

// title names the window: what is wrong comes first, where a row of tabs has room for little.
func (m *Model) title() string {
	t := m.target()
	if n := m.worst().total(); n > 0 {
		t = fmt.Sprintf("(%d) %s", n, t)
	}
	return ansi.Strip(strings.Map(func(r rune) rune {
		if r < 0x20 || r >= 0x7f && r < 0xa0 {
			return -1
		}
		return r
	}, t))
}

// base is the frame without what may lie over it: exactly h lines of w cells.
func (m *Model) base(env *pane.Env) []string {
	w, h := m.w, m.h
	l := paint.New(env.Theme, env.Glyphs, w)
	m.frame.tabs, m.frame.tabsY, m.frame.paneH = m.frame.tabs[:0], -1, 0
	if w < leastW || h < leastH {
		return m.tooSmall(l, env)
	}
	out := make([]string, 0, h)
	if !m.zoom {
		out = append(out, m.identity(l, env))
		m.frame.tabsY = len(out)
		out = append(out, m.tabRow(l.Reset(w)))
	}
	out = append(out, m.alertRow(l.Reset(w), env))
	m.frame.paneY, m.frame.paneH = len(out), h-len(out)-1
	out = append(out, m.paneLines(l, env)...)
	return append(out, m.bottom(l.Reset(w)))
}

func (m *Model) paneLines(l *paint.Line, env *pane.Env) []string {
	h := m.frame.paneH
	p := m.pane()
	if p == nil {
		return paint.NewBlock(l.Theme, l.Glyphs, m.w, h).Lines()
	}
	if m.conn.session == nil && m.conn.err != nil && m.health.shown.Seq == 0 {
		return m.unconnected(env, m.w, h)
	}
	lines := p.View(env, m.w, h)
	for len(lines) < h {
		lines = append(lines, l.Reset(m.w).String())
	}
	return lines[:h]
}

// tooSmall keeps the alert, and says what the rest needs.
func (m *Model) tooSmall(l *paint.Line, env *pane.Env) []string {
	b := paint.NewBlock(env.Theme, env.Glyphs, m.w, m.h)
	b.Append(m.alertRow(l, env))
	for b.Rest() > (m.h+1)/2 {
		b.Blank()
	}
	text := fmt.Sprintf("needs %dx%d, have %dx%d", leastW, leastH, m.w, m.h)
	b.Line().Gap((m.w-len(text))/2).Text(themes.Muted, text)
	return b.Lines()
}

// unconnected is what there is to see before the first session: why there is none, in full, and what comes next.
func (m *Model) unconnected(env *pane.Env, w, h int) []string {
	b := paint.NewBlock(env.Theme, env.Glyphs, max(w-2, 0), h)
	b.Blank()
	b.Line().Rule("NOT CONNECTED", paint.Part{Role: themes.Muted, Text: strings.TrimSpace(ageOf(env.Now, m.conn.since))})
	for _, line := range prose.Wrap(env.Glyphs, m.conn.err.Error(), w-6, 12) {
		b.Line().Gap(2).Text(themes.Plain, line)
	}
	b.Blank()
	l := b.Line().Gap(2)
	if m.conn.trying {
		l.Text(themes.Muted, "trying again now")
	} else {
		l.Text(themes.Muted, "tried "+paint.Count(m.conn.tries, "time", "times")+", next "+paint.Clock(env.Now, m.conn.next)).Gap(3).Key(m.keyOf("refresh", "r"), "now")
	}
	b.Line().Gap(2).Text(themes.Muted, "nothing is known of the instances yet")
	return paint.Margins(env.Theme, env.Glyphs, b.Lines(), w)
}
