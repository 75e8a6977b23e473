package tui

import (
	"context"
	"time"

	tea "charm.land/bubbletea/v2"

	"ops-console/ops/feed"
	"ops-console/ops/health"
	"ops-console/tui/pane"
	"ops-console/wg"
)

// The program is given one snapshot per coalesce at most.
const coalesce = 100 * time.Millisecond

type (
	healthMsg struct {
		number int
		snap   feed.Snapshot[*health.Snapshot]
		next   <-chan struct{}
	}
	networkMsg struct {
		number int
		next   <-chan struct{}
	}
)

// takeHealth gives the panes the latest snapshot and waits for the next one.
func (m *Model) takeHealth() tea.Cmd {
	src := m.conn.session.Health()
	next, snap := src.Changed(), src.Latest()
	return tea.Batch(m.gotHealth(snap), m.waitHealth(src, next, time.Now()))
}

func (m *Model) waitHealth(src Health, next <-chan struct{}, last time.Time) tea.Cmd {
	number := m.conn.number
	return m.jobs.cmd(func(ctx context.Context) tea.Msg {
		select {
		case <-next:
		case <-ctx.Done():
			return nil
		}
		if !sleep(ctx, coalesce-time.Since(last)) {
			return nil
		}
		// The channel is taken first: what is published between the two is seen by both, never by none.
		next := src.Changed()
		return healthMsg{number, src.Latest(), next}
	})
}

func (m *Model) gotHealth(s feed.Snapshot[*health.Snapshot]) tea.Cmd {
	s.Seq += m.conn.base
	if s.Seq <= m.health.Seq {
		return nil
	}
	m.health = s
	if m.frozen != nil {
		return nil
	}
	m.shown = s
	return m.toPanes(pane.HealthMsg{Snapshot: s})
}

func (m *Model) takeNetwork() tea.Cmd {
	src := m.conn.session.Network()
	if src == nil {
		return nil
	}
	next, number := src.Changed(), m.conn.number
	return tea.Batch(m.gotNetwork(src.Status()), m.jobs.cmd(func(ctx context.Context) tea.Msg {
		select {
		case <-next:
			return networkMsg{number, next}
		case <-ctx.Done():
			return nil
		}
	}))
}

// gotNetwork takes the network's state in. A network that is lost takes the arming with it.
func (m *Model) gotNetwork(s wg.Status) tea.Cmd {
	before := m.net
	m.net, m.netKnown = s, true
	if (s.State == wg.StateDead || s.State == wg.StateClosed) && before.State != s.State {
		m.disarm("the network is " + string(s.State))
	}
	if m.frozen != nil || before.State == s.State && before.At.Equal(s.At) && before.RTT == s.RTT && before.Rx == s.Rx && before.Tx == s.Tx {
		return nil
	}
	return m.toPanes(pane.NetworkMsg{Status: s})
}

// pollNetwork reads the figures that change without a change of state.
func (m *Model) pollNetwork() tea.Cmd {
	if m.conn.session == nil {
		return nil
	}
	if src := m.conn.session.Network(); src != nil {
		return m.gotNetwork(src.Status())
	}
	return nil
}

// toPanes gives a message to every pane: those that are not shown keep up too.
func (m *Model) toPanes(msg tea.Msg) tea.Cmd {
	cmds := make([]tea.Cmd, 0, len(m.panes))
	for i, p := range m.panes {
		cmds = append(cmds, p.Update(msg))
		if m.filters[i].text != "" {
			m.filters[i].n, m.filters[i].total = p.Filter(m.filters[i].text)
		}
	}
	return tea.Batch(cmds...)
}

// frozen is what the screen shows while it is frozen: the moment. Feeds go on behind it.
type frozen struct{ at time.Time }

// freeze stops the picture, or lets it go on with what has come meanwhile.
func (m *Model) freeze() tea.Cmd {
	if m.frozen == nil {
		m.frozen = &frozen{m.o.Now()}
		return nil
	}
	m.frozen = nil
	var cmds []tea.Cmd
	if m.health.Seq > 0 {
		m.shown = m.health
		cmds = append(cmds, m.toPanes(pane.HealthMsg{Snapshot: m.health}))
	}
	if m.netKnown {
		cmds = append(cmds, m.toPanes(pane.NetworkMsg{Status: m.net}))
	}
	return tea.Batch(cmds...)
}
