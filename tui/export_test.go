package tui

import (
	"strings"

	tea "charm.land/bubbletea/v2"

	"ops-console/ops/phoenix/compare"
	"ops-console/tui/pane"
)

// Tick is the message of the clock.
func Tick() tea.Msg { return tickMsg{} }

// Lines is the frame as View would draw it, never an older one.
func (m *Model) Lines() []string {
	m.version++
	return strings.Split(m.View().Content, "\n")
}

// Busy keeps a job waiting, for tests of Close.
func (m *Model) Busy() tea.Cmd { return m.jobs.after(1<<40, tickMsg{}) }

// Address is where the console is.
func (m *Model) Address() string { return m.pane().Address() }

// Comparison is the newest that there is; never nil.
func (m *Model) Comparison() *compare.Snapshot {
	if s := m.generator.newest.Value; s != nil {
		return s
	}
	return &compare.Snapshot{}
}

// Editor is the command line that opens a file.
func Editor(getenv func(string) string, f pane.EditMsg) ([]string, error) { return editor(getenv, f) }
