package tui

import (
	"context"
	"errors"

	tea "charm.land/bubbletea/v2"

	"ops-console/ops/phoenix/compare"
	"ops-console/tui/pane"
)

// generator is the stream of the comparison of generated trees.
type generator struct {
	stream[*compare.Snapshot]
	attended bool // the session was told that somebody looks
}

// comparing is where comparisons come from, or why they do not.
func (m *Model) comparing() (Generator, error) {
	if m.conn.session == nil {
		return nil, errors.New("there is no connection yet")
	}
	if src := m.conn.session.Generator(); src != nil {
		return src, nil
	}
	return nil, errors.New("generated trees are not compared here")
}

// attendGenerator lets the session know whether a pane is shown that wants generated trees.
func (m *Model) attendGenerator() {
	a, ok := m.pane().(pane.GeneratorAttender)
	looking := ok && a.AttendsGenerator()
	if looking == m.generator.attended {
		return
	}
	if src := m.conn.session.Generator(); src != nil {
		src.Attend(looking)
		m.generator.attended = looking
	}
}

// compare asks for another comparison. It comes as a snapshot.
func (m *Model) compare(msg pane.CompareMsg) {
	src, err := m.comparing()
	if err != nil {
		m.fail(err)
		return
	}
	src.Ask(msg.Choice)
}

// mark keeps whether a file is done.
func (m *Model) mark(msg pane.MarkMsg) tea.Cmd {
	src, err := m.comparing()
	if err != nil {
		m.fail(err)
		return nil
	}
	return m.jobs.cmd(func(context.Context) tea.Msg {
		if err := src.Mark(msg.Key, msg.Done); err != nil {
			return pane.ToastMsg{Err: err}
		}
		return nil
	})
}
