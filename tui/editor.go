package tui

import (
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	tea "charm.land/bubbletea/v2"

	"ops-console/tui/pane"
)

type editedMsg struct {
	path string
	err  error
}

// edit opens a file in the user's editor and gives it the terminal until it is done.
func (m *Model) edit(msg pane.EditMsg) tea.Cmd {
	args, err := editor(m.o.getenv, msg)
	if err != nil {
		m.fail(err)
		return nil
	}
	c := exec.CommandContext(m.jobs.ctx, args[0], args[1:]...)
	return tea.ExecProcess(c, func(err error) tea.Msg { return editedMsg{msg.Path, err} })
}

// edited says what went wrong, and reads again what may have changed.
func (m *Model) edited(msg editedMsg) tea.Cmd {
	if msg.err != nil {
		m.fail(fmt.Errorf("edit %s: %w", msg.path, msg.err))
	}
	if m.conn.session != nil {
		m.conn.session.Refresh()
	}
	return tea.ClearScreen
}

// How editors want to be told the line: before the file, or after it and a colon.
var (
	lineBefore = []string{"vi", "vim", "nvim", "view", "nano", "pico", "emacs", "emacsclient", "kak", "micro", "joe", "ne", "mg", "ed", "jed", "less", "vis", "elvis", "mcedit"}
	lineAfter  = []string{"hx", "helix", "subl", "zed", "zeditor"}
	goTo       = []string{"code", "code-insiders", "codium", "cursor", "windsurf"}
)

// editor is the command line that opens a file at a line: $VISUAL or $EDITOR, which may have arguments of their own.
func editor(getenv func(string) string, f pane.EditMsg) ([]string, error) {
	args := strings.Fields(getenv("VISUAL"))
	if len(args) == 0 {
		args = strings.Fields(getenv("EDITOR"))
	}
	if len(args) == 0 {
		return nil, errors.New("edit: set EDITOR to the editor to open files in, such as EDITOR=vim")
	}
	name := strings.TrimSuffix(filepath.Base(args[0]), ".exe")
	line, place := strconv.Itoa(f.Line), fmt.Sprintf("%s:%d:%d", f.Path, f.Line, max(f.Column, 1))
	switch {
	case f.Line <= 0:
		return append(args, f.Path), nil
	case slices.Contains(lineBefore, name):
		return append(args, "+"+line, f.Path), nil
	case slices.Contains(lineAfter, name):
		return append(args, place), nil
	case slices.Contains(goTo, name):
		return append(args, "--goto", place), nil
	}
	return append(args, f.Path), nil
}
