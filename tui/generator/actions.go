package generator

import (
	"errors"
	"path/filepath"
	"slices"
	"strings"

	tea "charm.land/bubbletea/v2"

	"ops-console/ops/phoenix"
	"ops-console/ops/phoenix/merge"
	"ops-console/tui/action"
	"ops-console/tui/pane"
)

// mostShift is how far to the right can be looked.
const mostShift = 400

// Actions are what can be done here. While something is chosen, only what belongs to the choice can.
func (p *Pane) Actions() []action.Action {
	do := func(f func()) func(string) tea.Cmd {
		return func(string) tea.Cmd { f(); return nil }
	}
	// cursor moves the choice's where one is open.
	cursor := func(in, out func()) func(string) tea.Cmd {
		return do(func() {
			if p.pick != nil {
				in()
			} else {
				out()
			}
		})
	}
	scroll := func(n func(h int) int) func(string) tea.Cmd {
		h := func() int { return n(max(p.text.Height, 2)) }
		return cursor(func() { p.pick.move(h()) }, func() { p.text.Move(h()) })
	}
	by := func(n int) func(string) tea.Cmd {
		return cursor(func() { p.pick.move(n) }, func() { p.move(n) })
	}
	step := func(n int) func(string) tea.Cmd {
		return cursor(func() { p.pick.move(n) }, func() { p.step(n) })
	}
	aa := []action.Action{
		{Name: "next change", Help: "change", About: "next change, on into the next file", Keys: []string{"j"}, Run: step(1)},
		{Name: "previous change", Help: "previous change", Keys: []string{"k"}, Hidden: true, Run: step(-1)},
		{Name: "down", Help: "file", About: "next file", Keys: []string{"n", "down"}, Run: by(1)},
		{Name: "up", Help: "previous file", Keys: []string{"p", "up"}, Hidden: true, Run: by(-1)},
		p.mineAction(),
	}
	aa = append(aa, p.pickActions()...)
	aa = append(
		aa,
		p.doneAction(),
		p.pickAction("from", "the version to start from", "f", chooseFrom),
		p.pickAction("to", "the version to go to", "t", chooseTo),
		p.flagsAction(), p.axisAction(), p.baseAction(), p.namesAction(),
		action.Action{Name: "side by side", Help: "side by side", About: "set the changes side by side, or below one another", Keys: []string{"u"}, Run: do(p.turn)},
		p.openAction(), p.editAction(),
		p.partAction(),
		action.Action{Name: "context", Help: "context", About: "show more unchanged lines around a change: 3, 10, all; and the text of files that are left out", Keys: []string{"c"}, Hidden: true, Run: do(p.widen)},
		action.Action{Name: "top", Help: "first file", Keys: []string{"g", "home"}, Hidden: true, Run: by(-1 << 20)},
		action.Action{Name: "bottom", Help: "last file", Keys: []string{"G", "end"}, Hidden: true, Run: by(1 << 20)},
		action.Action{Name: "scroll down", Help: "scroll the changes down", Keys: []string{"J", "ctrl+d"}, Hidden: true, Run: scroll(func(h int) int { return h / 2 })},
		action.Action{Name: "scroll up", Help: "scroll the changes up", Keys: []string{"K", "ctrl+u"}, Hidden: true, Run: scroll(func(h int) int { return -h / 2 })},
		action.Action{Name: "shift right", Help: "show more at the right of long lines", Keys: []string{"right", "l"}, Hidden: true, Run: do(func() { p.shift = min(p.shift+8, mostShift) })},
		action.Action{Name: "shift left", Help: "go back to the left", Keys: []string{"left", "h"}, Hidden: true, Run: do(func() { p.shift = max(p.shift-8, 0) })},
		action.Action{Name: "page down", Help: "a page of the changes down", Keys: []string{"pgdown", "ctrl+f"}, Hidden: true, Run: scroll(func(h int) int { return h - 1 })},
		action.Action{Name: "page up", Help: "a page of the changes up", Keys: []string{"pgup", "ctrl+b"}, Hidden: true, Run: scroll(func(h int) int { return 1 - h })},
	)
	if p.pick == nil {
		return aa
	}
	aa[0].Help, aa[2].Hidden = "down", true
	for i := range aa {
		if a := &aa[i]; a.Disabled == "" && !p.choosable(a.Name) {
			a.Disabled, a.Hidden = "something is being chosen; esc leaves that", true
		}
	}
	return aa
}

// choosable actions go on while something is chosen.
func (p *Pane) choosable(name string) bool {
	switch name {
	case "next change", "previous change", "down", "up", "top", "bottom", "scroll down", "scroll up", "page down", "page up", "open", "from", "to", "flags", "axis":
		return true
	case "done":
		return p.pick.what == chooseFlags
	}
	return false
}

// none is why there is no file under the cursor.
func (p *Pane) none() string {
	s := p.value()
	switch {
	case s == nil || s.Source == "":
		return "no source of generated trees is configured"
	case len(s.Pairs) == 0:
		return "nothing is compared yet"
	}
	return "no file matches"
}

// pickAction opens the choice of a version, or takes the one it is given.
func (p *Pane) pickAction(name, about, key string, what choosing) action.Action {
	a := action.Action{Name: name, Help: name, About: "choose " + about, Keys: []string{key}, Args: func(string) []string { return p.versions() }}
	a.Run = func(arg string) tea.Cmd {
		if arg == "" {
			p.begin(what)
			return nil
		}
		v, err := phoenix.ParseVersion(arg)
		if err != nil {
			return func() tea.Msg { return pane.ToastMsg{Err: err} }
		}
		c := p.choice()
		if what == chooseFrom {
			c.From = v
		} else {
			c.To = v
		}
		p.pick = nil
		return p.ask(c)
	}
	if s := p.value(); s == nil || len(s.Versions)+len(s.Others) == 0 {
		a.Disabled = p.unknownVersions()
	}
	return a
}

func (p *Pane) unknownVersions() string {
	if s := p.value(); s != nil && s.Source != "" {
		return "which versions there are is not known yet"
	}
	return p.none()
}

// versions that can be typed, newest first.
func (p *Pane) versions() []string {
	s := p.value()
	if s == nil {
		return nil
	}
	var out []string
	for _, v := range slices.Backward(offered(s)) {
		out = append(out, v.String())
	}
	return out
}

// partAction goes on to the next part of the files, or to the one it is given.
func (p *Pane) partAction() action.Action {
	a := action.Action{
		Name: "part", Help: "part", About: "all files, configuration only, authentication only, those that the application has, or what is still to decide", Keys: []string{"o"},
		Args: func(string) []string { return partNames[:] },
	}
	a.Run = func(arg string) tea.Cmd {
		k := part(slices.Index(partNames[:], arg))
		if arg == "" {
			k = (p.part + 1) % numParts
		}
		if k >= numParts {
			return func() tea.Msg {
				return pane.ToastMsg{Err: errors.New("part: want " + strings.Join(partNames[:], ", "))}
			}
		}
		p.part = k
		p.fill()
		return nil
	}
	return a
}

// axisAction chooses whose trees are compared.
func (p *Pane) axisAction() action.Action {
	a := action.Action{
		Name: "axis", Help: "generator", About: "choose the generator: of a project, of authentication, of release files", Keys: []string{"X"},
		Args: func(string) []string { return []string{"new", "auth", "release"} },
	}
	a.Run = func(arg string) tea.Cmd {
		switch axis := phoenix.Axis(arg); {
		case arg == "":
			p.begin(chooseAxis)
			return nil
		case slices.Contains(phoenix.Axes(), axis):
			p.pick = nil
			return p.turnTo(axis)
		}
		return func() tea.Msg { return pane.ToastMsg{Err: errors.New("axis: want new, auth or release")} }
	}
	if s := p.value(); s == nil || s.Source == "" {
		a.Disabled = p.none()
	}
	return a
}

// namesAction says what phx.gen.auth is asked for.
func (p *Pane) namesAction() action.Action {
	a := action.Action{
		Name: "names", Help: "names of authentication", About: "say what phx.gen.auth was asked for: a context, a schema and its plural", Keys: []string{"N"}, Hidden: true,
		Args: func(string) []string { return []string{phoenix.DefaultNames.String()} },
	}
	a.Run = func(arg string) tea.Cmd {
		if arg == "" {
			return func() tea.Msg {
				return pane.AskMsg{Action: a, Title: "Names of authentication", Label: "names", About: "What phx.gen.auth was asked for: a context, a schema and its plural, such as " + phoenix.DefaultNames.String() + "."}
			}
		}
		n, err := readNames(arg)
		if err != nil {
			return func() tea.Msg { return pane.ToastMsg{Err: err} }
		}
		c := p.choice()
		c.Names = n
		return p.ask(c)
	}
	if s := p.value(); s == nil || p.choice().Generator() != phoenix.Auth {
		a.Disabled = "only phx.gen.auth is asked for names; X chooses it"
	}
	return a
}

// baseAction chooses which version the file under the cursor comes from.
func (p *Pane) baseAction() action.Action {
	a := action.Action{
		Name: "base", Help: "base", About: "choose which version the file comes from, where that is another than the rest's; it is kept", Keys: []string{"b"}, Hidden: !p.mine,
		Args: func(string) []string { return append([]string{"rest"}, p.versions()...) },
	}
	a.Run = func(arg string) tea.Cmd {
		r := p.row()
		if r == nil {
			return nil
		}
		if arg == "" {
			p.begin(chooseBase)
			return nil
		}
		msg := pane.RebaseMsg{Key: r.id}
		if arg != "rest" {
			v, err := phoenix.ParseVersion(arg)
			if err != nil {
				return func() tea.Msg { return pane.ToastMsg{Err: err} }
			}
			msg.Version = v
		}
		if s := p.value(); msg.Version == s.Choice.From {
			msg.Version = phoenix.Version{}
		}
		return func() tea.Msg { return msg }
	}
	if a.Disabled = p.unplanned(); a.Disabled != "" {
		return a
	}
	switch r := p.row(); {
	case r == nil:
		a.Disabled = p.none()
	case r.file == nil || r.file.Mine == "":
		a.Disabled = "the application has no such file"
	}
	return a
}

// flagsAction opens the choice of flags, or takes those it is given.
func (p *Pane) flagsAction() action.Action {
	a := action.Action{
		Name: "flags", Help: "flags", About: "choose the flags of the generator, of those that the version knows", Keys: []string{"F"},
		Args: func(string) []string { return nil },
	}
	a.Run = func(arg string) tea.Cmd {
		if arg == "" {
			p.begin(chooseFlags)
			return nil
		}
		f, err := phoenix.ReadFlags(strings.Fields(arg))
		if err != nil {
			return func() tea.Msg { return pane.ToastMsg{Err: err} }
		}
		c := p.choice()
		c.Flags = f
		p.pick = nil
		return p.ask(c)
	}
	if s := p.value(); s == nil || len(s.Versions)+len(s.Others) == 0 {
		a.Disabled = p.unknownVersions()
	}
	return a
}

// openAction gives the changes the whole pane; while something is chosen, it is what chooses.
func (p *Pane) openAction() action.Action {
	a := action.Action{Name: "open", Help: "open", About: "give the changes the whole pane, or leave that", Keys: []string{"enter"}}
	if p.pick != nil {
		a.Help, a.Run = "choose", func(string) tea.Cmd { return p.choose() }
		return a
	}
	a.Run = func(string) tea.Cmd { p.open, p.jump = !p.open, true; return nil }
	if p.row() == nil {
		a.Disabled = p.none()
	}
	return a
}

// mineAction shows what the changes are to the application's files.
func (p *Pane) mineAction() action.Action {
	a := action.Action{Name: "mine", Help: "my files", About: "show what the changes are to the application's own files, or only what the generator changed", Keys: []string{"m"}}
	if p.mine {
		a.Help = "both versions"
	}
	a.Run = func(string) tea.Cmd { p.setMine(!p.mine); return nil }
	return a
}

// doneAction marks a file; while flags are chosen, its key sets one.
func (p *Pane) doneAction() action.Action {
	a := action.Action{Name: "done", Help: "done", About: "mark the file as done, or not; it is kept", Keys: []string{"x"}}
	if p.pick != nil && p.pick.what == chooseFlags {
		a.Help, a.Run = "set", func(string) tea.Cmd { return p.choose() }
		return a
	}
	r := p.row()
	if r == nil {
		a.Disabled = p.none()
		a.Run = func(string) tea.Cmd { return nil }
		return a
	}
	msg := pane.MarkMsg{Key: r.id, Done: !r.done}
	a.Run = func(string) tea.Cmd {
		if msg.Done {
			p.move(1)
		}
		return func() tea.Msg { return msg }
	}
	return a
}

// editAction opens the application's file.
func (p *Pane) editAction() action.Action {
	a := action.Action{Name: "edit", Help: "edit", About: "open the application's file in $VISUAL or $EDITOR", Keys: []string{"e"}, Run: func(string) tea.Cmd { return nil }}
	r, s := p.row(), p.value()
	switch {
	case r == nil:
		a.Disabled = p.none()
		return a
	case s.Dir == "":
		a.Disabled = "no project is known; --project says where it is"
		return a
	case r.file == nil || r.file.Mine == "":
		a.Disabled = "the application has no such file"
		return a
	}
	m := pane.EditMsg{Path: filepath.Join(s.Dir, filepath.FromSlash(r.file.Mine))}
	switch {
	case r.file.State == merge.Marked:
		m.Line = r.file.Marker()
	case p.byHunk(r) && p.hunk < len(r.file.Hunks):
		m.Line = max(r.file.Hunks[p.hunk].AtMine, 1)
	}
	a.Run = func(string) tea.Cmd { return func() tea.Msg { return m } }
	return a
}

// turn goes from one setting of the changes to the other.
func (p *Pane) turn() {
	now := p.drawn.split
	p.split = beside
	if now {
		p.split = unified
	}
	p.jump = true
}

// widen shows more lines around each change.
func (p *Pane) widen() {
	p.context = map[int]int{usual: 10, 10: all, all: usual}[p.context]
	p.hunk, p.jump = 0, true
}
