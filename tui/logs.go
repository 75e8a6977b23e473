package tui

import (
	"context"
	"errors"
	"time"

	tea "charm.land/bubbletea/v2"

	"ops-console/ops/feed"
	"ops-console/ops/logs"
	"ops-console/tui/pane"
)

// Logs is where the application's log comes from: a *logs.Tap. Nothing but Past may block.
type Logs interface {
	Latest() logs.Snapshot
	Changed() <-chan struct{}
	Attend(looking bool)
	Past(ctx context.Context, machine, region string) ([]logs.Line, error)
}

// longestPast is how long lines of the past may take.
const longestPast = 20 * time.Second

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

// past reads lines of the past. Whoever asked gets an answer, whatever it is.
func (m *Model) past(msg pane.PastMsg) tea.Cmd {
	known := pane.PastKnownMsg{Machine: msg.Machine, Region: msg.Region}
	if m.conn.session == nil {
		known.Err = errors.New("there is no connection yet")
		return m.toPanes(known)
	}
	src := m.conn.session.Logs()
	if src == nil {
		known.Err = errors.New("the log is not followed here")
		return m.toPanes(known)
	}
	return m.jobs.cmd(func(ctx context.Context) tea.Msg {
		ctx, cancel := context.WithTimeout(ctx, longestPast)
		defer cancel()
		known.Lines, known.Err = src.Past(ctx, msg.Machine, msg.Region)
		return known
	})
}
