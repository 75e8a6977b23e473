package tui

import (
	tea "charm.land/bubbletea/v2"

	"ops-console/ops/feed"
	"ops-console/ops/logs"
	"ops-console/tui/pane"
)

// Logs is where the application's log comes from: a *logs.Tap. None of it may block.
type Logs interface {
	Latest() logs.Snapshot
	Changed() <-chan struct{}
	Attend(looking bool)
}

// logLines is the stream of the log.
type logLines struct {
	stream[*logs.Snapshot]
	known    bool // it can be followed
	told     bool // that panes know of
	attended bool // the session was told that somebody looks
}

// logReadings are the snapshots of a log as those of any other feed.
type logReadings struct{ Logs }

// Latest implements source.
func (l logReadings) Latest() feed.Snapshot[*logs.Snapshot] {
	s := l.Logs.Latest()
	return feed.Snapshot[*logs.Snapshot]{Seq: s.Seq, At: s.At, GoodAt: s.At, Value: &s}
}

// tellLogs tells the panes whether there is a log, before anything was read of it.
func (m *Model) tellLogs() tea.Cmd {
	l := &m.logs
	if m.frozen != nil {
		return nil
	}
	l.told = l.known
	if !l.known {
		l.shown = feed.Snapshot[*logs.Snapshot]{}
	}
	return m.toPanes(pane.LogsMsg{Known: l.known, Snapshot: l.shown})
}

// attendLogs lets the session know whether somebody looks at the log: a pane that is shown wants it, or a deployment runs
// here, of whose machines the log tells what happened.
func (m *Model) attendLogs() {
	src := m.conn.session.Logs()
	if src == nil {
		return
	}
	a, ok := m.pane().(pane.LogsAttender)
	if looking := ok && a.AttendsLogs() || m.deploying() != nil; looking != m.logs.attended {
		src.Attend(looking)
		m.logs.attended = looking
	}
}
