package tui

import (
	"context"
	"errors"
	"time"

	tea "charm.land/bubbletea/v2"

	"ops-console/ops/feed"
	"ops-console/ops/replication"
	"ops-console/tui/action"
	"ops-console/tui/pane"
	"ops-console/wg"
)

// The program is given one snapshot per coalesce at most.
const coalesce = 100 * time.Millisecond

// longestProbe is how long a write may take until it is visible everywhere.
const longestProbe = 30 * time.Second

type (
	// feedMsg is a new reading of one of the session's feeds; take gives it to the panes and waits for the next one.
	feedMsg struct {
		number int
		take   func() tea.Cmd
	}
	networkMsg struct {
		number int
		next   <-chan struct{}
	}
)

// source is where the readings of a stream come from: Health and Replication are.
type source[T any] interface {
	Latest() feed.Snapshot[T]
	Changed() <-chan struct{}
}

// stream passes one feed of the session on to the panes: coalesced, in order from session to session, and not while the
// picture is frozen.
type stream[T any] struct {
	base   uint64                         // added to the numbers of this session's readings: they go on where the last session's ended
	newest feed.Snapshot[T]               // that there is
	shown  feed.Snapshot[T]               // that the panes have
	tell   func(feed.Snapshot[T]) tea.Msg // what panes are told of a reading
}

// follow gives the panes the latest reading of a session's feed and waits for the next one.
func (s *stream[T]) follow(m *Model, src source[T]) tea.Cmd {
	s.base = s.newest.Seq
	next, latest := src.Changed(), src.Latest()
	return tea.Batch(s.got(m, latest), s.wait(m, src, next, time.Now()))
}

func (s *stream[T]) wait(m *Model, src source[T], next <-chan struct{}, last time.Time) tea.Cmd {
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
		latest := src.Latest()
		return feedMsg{number, func() tea.Cmd {
			return tea.Batch(s.got(m, latest), s.wait(m, src, next, time.Now()))
		}}
	})
}

func (s *stream[T]) got(m *Model, r feed.Snapshot[T]) tea.Cmd {
	r.Seq += s.base
	if r.Seq <= s.newest.Seq {
		return nil
	}
	s.newest = r
	return s.pass(m)
}

// pass shows the panes the newest reading, unless they have it already or the picture is frozen.
func (s *stream[T]) pass(m *Model) tea.Cmd {
	if m.frozen != nil || s.newest.Seq == s.shown.Seq {
		return nil
	}
	s.shown = s.newest
	m.sum()
	return m.toPanes(s.tell(s.shown))
}

// takeFeeds follows the feeds of the session.
func (m *Model) takeFeeds() tea.Cmd {
	cmds := []tea.Cmd{m.health.follow(m, m.conn.session.Health())}
	src := m.conn.session.Replication()
	m.replicas.known = src != nil
	cmds = append(cmds, m.tellDatabase())
	if src != nil {
		cmds = append(cmds, m.replicas.follow(m, src))
	}
	project := m.conn.session.Migrations()
	m.migrations.known = project != nil
	cmds = append(cmds, m.tellProject())
	if project != nil {
		cmds = append(cmds, m.migrations.follow(m, project))
	}
	kept := m.conn.session.Backups()
	m.backups.known = kept != nil
	cmds = append(cmds, m.tellBackups())
	if kept != nil {
		cmds = append(cmds, m.backups.follow(m, kept))
	}
	released := m.conn.session.Deploys()
	m.deploys.known = released != nil
	cmds = append(cmds, m.tellDeploys())
	if released != nil {
		cmds = append(cmds, m.deploys.follow(m, released))
	}
	if src := m.conn.session.Generator(); src != nil {
		cmds = append(cmds, m.generator.follow(m, src))
	}
	said := m.conn.session.Logs()
	m.logs.known = said != nil
	cmds = append(cmds, m.tellLogs())
	if said != nil {
		cmds = append(cmds, m.logs.follow(m, logReadings{said}))
	}
	return tea.Batch(cmds...)
}

// replicas is the stream of the database, which an application need not have.
type replicas struct {
	stream[*replication.Snapshot]
	known    bool // a database is configured
	told     bool // that panes know of
	attended bool // the session was told that somebody looks
}

// tellDatabase tells the panes whether there is a database, before anything was read from it.
func (m *Model) tellDatabase() tea.Cmd {
	r := &m.replicas
	if m.frozen != nil {
		return nil
	}
	r.told = r.known
	if !r.known {
		r.shown = feed.Snapshot[*replication.Snapshot]{}
		m.sum()
	}
	return m.toPanes(pane.ReplicationMsg{Known: r.known, Snapshot: r.shown})
}

// attend lets the session know whether a pane is shown that wants the replicas' readings, generated trees, or the log.
func (m *Model) attend() {
	if m.conn.session == nil {
		m.replicas.attended, m.generator.attended, m.logs.attended = false, false, false
		return
	}
	m.attendGenerator()
	m.attendLogs()
	a, ok := m.pane().(pane.Attender)
	looking := ok && a.AttendsReplication()
	if looking == m.replicas.attended {
		return
	}
	if src := m.conn.session.Replication(); src != nil {
		src.Attend(looking)
		m.replicas.attended = looking
	}
}

// probe measures what a write takes until it is visible. Whoever asked gets an answer, whatever it is.
func (m *Model) probe() tea.Cmd {
	failed := func(err error) tea.Cmd { return m.toPanes(pane.ProbedMsg{Err: err}) }
	if m.conn.session == nil {
		return failed(errors.New("probe: there is no connection"))
	}
	src := m.conn.session.Replication()
	if src == nil {
		return failed(errors.New("probe: no database is configured"))
	}
	if why := m.refusal(action.Action{Danger: action.Changes}); why != "" {
		return failed(errors.New("probe: " + why))
	}
	return m.jobs.cmd(func(ctx context.Context) tea.Msg {
		ctx, cancel := context.WithTimeout(ctx, longestProbe)
		defer cancel()
		r, err := src.Probe(ctx)
		return pane.ProbedMsg{Result: r, Err: err}
	})
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
	if m.replicas.told != m.replicas.known {
		cmds = append(cmds, m.tellDatabase())
	}
	if m.migrations.told != m.migrations.known {
		cmds = append(cmds, m.tellProject())
	}
	if m.backups.told != m.backups.known {
		cmds = append(cmds, m.tellBackups())
	}
	if m.deploys.told != m.deploys.known {
		cmds = append(cmds, m.tellDeploys())
	}
	if m.logs.told != m.logs.known {
		cmds = append(cmds, m.tellLogs())
	}
	cmds = append(cmds, m.health.pass(m), m.replicas.pass(m), m.migrations.pass(m), m.generator.pass(m), m.backups.pass(m), m.deploys.pass(m), m.logs.pass(m))
	if m.netKnown {
		cmds = append(cmds, m.toPanes(pane.NetworkMsg{Status: m.net}))
	}
	return tea.Batch(cmds...)
}
