package migrations

import (
	"path/filepath"
	"strconv"
	"strings"

	tea "charm.land/bubbletea/v2"

	"ops-console/tui/action"
	"ops-console/tui/pane"
)

// mostShift is how far to the right can be looked.
const mostShift = 400

// Actions are what can be done here.
func (p *Pane) Actions() []action.Action {
	do := func(f func()) func(string) tea.Cmd {
		return func(string) tea.Cmd { f(); return nil }
	}
	scroll := func(n func(h int) int) func(string) tea.Cmd {
		return do(func() {
			if p.doc {
				p.rule.Move(n(max(p.rule.Height, 2)))
			} else {
				p.code.Move(n(max(p.code.Height, 2)))
			}
		})
	}
	open := action.Action{Name: "open", Help: "source", About: "give the source the whole pane, or leave it", Keys: []string{"enter"}, Run: do(func() { p.open, p.doc, p.jump = !p.open || p.doc, false, true })}
	explain := action.Action{Name: "explain", Help: "explain", About: "explain the rule: the lock, what it blocks, what to write instead", Keys: []string{"x"}, Run: do(func() { p.doc = !p.doc; p.rule.Top = 0 })}
	if p.current() == nil {
		explain.Disabled = "no finding is selected"
	}
	if p.row() == nil {
		open.Disabled = p.none()
	}
	out := []action.Action{
		{Name: "next finding", Help: "finding", About: "next finding, on into the next file", Keys: []string{"j"}, Run: do(func() { p.step(1) })},
		{Name: "previous finding", Help: "previous finding", Keys: []string{"k"}, Hidden: true, Run: do(func() { p.step(-1) })},
		{Name: "down", Help: "file", About: "next file", Keys: []string{"n", "down"}, Run: do(func() { p.move(1) })},
		{Name: "up", Help: "previous file", Keys: []string{"p", "up"}, Hidden: true, Run: do(func() { p.move(-1) })},
		open, explain, p.suppressAction(), p.editAction(), p.rehearseAction(),
		{Name: "top", Help: "first file", Keys: []string{"g", "home"}, Hidden: true, Run: do(func() { p.move(-len(p.rows)) })},
		{Name: "bottom", Help: "last file", Keys: []string{"G", "end"}, Hidden: true, Run: do(func() { p.move(len(p.rows)) })},
		{Name: "scroll down", Help: "scroll the source down", Keys: []string{"J", "ctrl+d"}, Hidden: true, Run: scroll(func(h int) int { return h / 2 })},
		{Name: "scroll up", Help: "scroll the source up", Keys: []string{"K", "ctrl+u"}, Hidden: true, Run: scroll(func(h int) int { return -h / 2 })},
		{Name: "shift right", Help: "show more at the right of long lines", Keys: []string{"right", "l"}, Hidden: true, Run: do(func() { p.shift = min(p.shift+8, mostShift) })},
		{Name: "shift left", Help: "go back to the left", Keys: []string{"left", "h"}, Hidden: true, Run: do(func() { p.shift = max(p.shift-8, 0) })},
		{Name: "page down", Help: "a page of the source down", Keys: []string{"pgdown", "ctrl+f"}, Hidden: true, Run: scroll(func(h int) int { return h - 1 })},
		{Name: "page up", Help: "a page of the source up", Keys: []string{"pgup", "ctrl+b"}, Hidden: true, Run: scroll(func(h int) int { return 1 - h })},
	}
	return out
}

// none is why there is no migration under the cursor.
func (p *Pane) none() string {
	switch {
	case p.told && !p.known:
		return "no project is known; --project says where it is"
	case len(p.rows) == 0:
		return "there is no migration"
	}
	return "no migration matches"
}

// suppressAction asks for the reason where none is given.
func (p *Pane) suppressAction() action.Action {
	a := action.Action{
		Name: "suppress", Help: "suppress", Keys: []string{"s"},
		About: "ignore the finding, for a reason: writes a comment above the place into the migration's file",
		Args:  func(string) []string { return nil },
	}
	f := p.current()
	switch {
	case f == nil:
		a.Disabled = "no finding is selected"
		a.Run = func(string) tea.Cmd { return nil }
		return a
	case p.row().broken:
		a.Disabled = "the file cannot be read"
	}
	path, at, rule := f.Path, f.At, f.Rule
	a.Run = func(reason string) tea.Cmd {
		if reason = strings.TrimSpace(reason); reason != "" {
			return func() tea.Msg { return pane.SuppressMsg{Path: path, At: at, Rule: rule, Reason: reason} }
		}
		return func() tea.Msg {
			return pane.AskMsg{
				Action: a, Title: "Ignore " + rule, Label: "reason",
				About: "Writes one line into " + path + ", above the statement at line " + strconv.Itoa(max(at.Line, 1)) + ":\n# ops-console:ignore " + rule + " -- REASON",
			}
		}
	}
	return a
}

func (p *Pane) editAction() action.Action {
	a := action.Action{Name: "edit", Help: "edit", About: "open the file at the finding in $VISUAL or $EDITOR", Keys: []string{"e"}}
	r := p.row()
	if r == nil || r.m == nil {
		a.Disabled = "there is no file"
		a.Run = func(string) tea.Cmd { return nil }
		return a
	}
	m := pane.EditMsg{Path: filepath.Join(p.feed.Value.Dir, filepath.FromSlash(r.m.Path))}
	if f := p.current(); f != nil {
		m.Line, m.Column = f.At.Line, f.At.Column
	}
	a.Run = func(string) tea.Cmd { return func() tea.Msg { return m } }
	return a
}

func (p *Pane) rehearseAction() action.Action {
	a := action.Action{
		Name: "rehearse", Help: "rehearse", Keys: []string{"R"}, Run: p.toggleRehearsal,
		About: "run the pending migrations on a throw-away PostgreSQL of this machine and measure their locks, or stop that",
	}
	if _, ok := p.running(); ok {
		a.Help = "stop rehearsal"
		return a
	}
	r := p.row()
	switch {
	case r == nil:
		a.Disabled = p.none()
	case !p.anyToRun(r.module):
		a.Disabled = "nothing is pending"
	}
	return a
}

// anyToRun says that a repo has migrations that have not run, as far as is known.
func (p *Pane) anyToRun(module string) bool {
	for i := range p.rows {
		if r := &p.rows[i]; r.module == module && r.state.rank() == 0 {
			return true
		}
	}
	return false
}

// Selected is what "y" offers to copy: where the cursor is.
func (p *Pane) Selected() (what, text string) {
	r := p.row()
	if r == nil {
		return "", ""
	}
	if f := p.current(); f != nil && f.At.Line > 0 {
		return "place", f.Path + ":" + f.At.String()
	}
	return "file", r.key
}

// Copies are what else can be copied: the safe version of the place, what it sends, and what is said of it.
func (p *Pane) Copies() []pane.Copy {
	var out []pane.Copy
	add := func(what, text string) {
		if strings.TrimSpace(text) != "" {
			out = append(out, pane.Copy{What: what, Text: text})
		}
	}
	if p.feed.Value != nil {
		for i := range p.feed.Value.Repos {
			if live := p.feed.Value.Repos[i].Input.Live; live != nil {
				add("the missing grant", grant(live.Unread))
			}
		}
	}
	f := p.current()
	if f == nil {
		if r := p.row(); r != nil && r.m != nil {
			add("SQL of the migration", p.sql(r))
		}
		return out
	}
	add("safe version", f.Code)
	add("SQL of the finding", strings.Join(f.SQL, ";\n"))
	add("SQL of the migration", p.sql(p.row()))
	add("rule", f.Rule)
	add("finding", f.Rule+": "+f.Text)
	add("comment that suppresses it", "# ops-console:ignore "+f.Rule+" -- ")
	return out
}

// grant is the statement in a text; empty where there is none.
func grant(text string) string {
	i := strings.Index(text, "GRANT ")
	if i < 0 {
		return ""
	}
	s, _, _ := strings.Cut(text[i:], ";")
	return strings.TrimSpace(s) + ";"
}

// sql is what a migration sends on the way up, as far as that is known.
func (p *Pane) sql(r *row) string {
	var b strings.Builder
	for i := range r.m.Up {
		for _, s := range r.m.Up[i].SQL {
			b.WriteString(strings.TrimRight(strings.TrimSpace(s), ";") + ";\n")
		}
	}
	return b.String()
}
