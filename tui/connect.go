package tui

import (
	"cmp"
	"context"
	"fmt"
	"sync"
	"time"

	tea "charm.land/bubbletea/v2"

	"ops-console/wg"
)

// A connection that could not be made is tried again after retryFirst, then twice as long each time up to retryLast.
// One that came up without a network looks for it every rejoin.
const (
	retryFirst = 5 * time.Second
	retryLast  = time.Minute
	rejoin     = 30 * time.Second
)

// connection is the session, and how getting it went.
type connection struct {
	session Session
	trying  bool
	err     error
	tries   int
	since   time.Time // of the first failure in a row
	next    time.Time // of the next try
	number  int       // grows with each session: messages of an earlier one are dropped
}

type (
	connectedMsg struct {
		session Session
		err     error
		closing error // of the session before it
	}
	// joinedMsg ends a search for the network; session is nil where there is still none.
	joinedMsg struct {
		session Session
		closing error // of the session that is not used any more
	}
	retryMsg struct{ tries int }
)

// missing says whether the session came up without a network.
func (c *connection) missing() bool { return c.session != nil && c.session.Network() == nil }

// connect opens a session where there is none, and ends the one before it first.
func (m *Model) connect() tea.Cmd {
	if m.o.Connect == nil || m.conn.session != nil || m.conn.trying {
		return nil
	}
	m.conn.trying = true
	drawn := m.drawn
	return m.jobs.cmd(func(ctx context.Context) tea.Msg {
		select {
		case <-drawn:
		case <-ctx.Done():
			return nil
		}
		closing := m.held.set(nil)
		s, err := m.openSession(ctx)
		if err != nil {
			return connectedMsg{err: err, closing: closing}
		}
		_ = m.held.set(s) // there is none before it
		return connectedMsg{session: s, closing: closing}
	})
}

// openSession is Connect, for jobs.
func (m *Model) openSession(ctx context.Context) (Session, error) {
	s, err := m.o.Connect(ctx)
	if err = cmp.Or(err, ctx.Err()); err != nil {
		if s != nil {
			_ = s.Close() // what could not be opened is not worth a second error
		}
		return nil, err
	}
	return s, nil
}

// reconnect ends the session and opens another. What was read last stays on the screen meanwhile.
func (m *Model) reconnect() tea.Cmd {
	c := &m.conn
	if c.trying || m.o.Connect == nil {
		m.say("connecting already")
		return nil
	}
	if d := m.deploying(); d != nil {
		m.leaveRunning(d, "reconnect", "Close the connection and open it again.", m.connectAgain)
		return nil
	}
	if j := m.keeping(); j != nil {
		m.leaveJob(j, "reconnect", "Close the connection and open it again.", m.connectAgain)
		return nil
	}
	return m.connectAgain()
}

func (m *Model) connectAgain() tea.Cmd {
	c := &m.conn
	m.disarm("connecting again")
	c.session = nil
	c.number++
	m.net, m.netKnown = wg.Status{}, false
	m.say("connecting again")
	return m.connect()
}

// joinLater looks for a network that is missing, from time to time.
func (m *Model) joinLater(now time.Time) tea.Cmd {
	if !m.conn.missing() || now.Before(m.conn.next) {
		return nil
	}
	return m.join()
}

// join opens a second session beside one that has no network: what the first one reads is not given up for a network
// that may still be missing. Nor is what runs, a deployment or a job with backups: its session stays until it has ended.
func (m *Model) join() tea.Cmd {
	if m.conn.trying || m.deploying() != nil || m.keeping() != nil {
		return nil
	}
	m.conn.trying = true
	m.conn.next = m.o.Now().Add(rejoin)
	return m.jobs.cmd(func(ctx context.Context) tea.Msg {
		s, err := m.openSession(ctx)
		switch {
		case err != nil:
			return joinedMsg{}
		case s.Network() == nil:
			return joinedMsg{closing: s.Close()}
		}
		return joinedMsg{session: s, closing: m.held.set(s)}
	})
}

// holder keeps the session for Close, which may come before the program has heard of it.
type holder struct {
	mu sync.Mutex // guards s
	s  Session
}

// set takes the place of the session before, and closes that.
func (h *holder) set(s Session) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	before := h.s
	h.s = s
	if before == nil {
		return nil
	}
	return before.Close()
}

func (m *Model) connected(msg connectedMsg) tea.Cmd {
	c := &m.conn
	c.trying = false
	m.closed(msg.closing)
	if msg.err != nil {
		now := m.o.Now()
		if c.err == nil {
			c.since = now
		}
		c.err = msg.err
		wait := min(retryFirst<<min(c.tries, 10), retryLast)
		c.tries++
		c.next = now.Add(wait)
		m.note(entry{at: now, text: "could not connect: " + msg.err.Error(), err: true})
		return m.jobs.after(wait, retryMsg{c.tries})
	}
	return m.take(msg.session)
}

// joined ends a search for the network. That it failed is no news: the readings say why there is none.
func (m *Model) joined(msg joinedMsg) tea.Cmd {
	m.conn.trying = false
	m.closed(msg.closing)
	if msg.session == nil {
		return nil
	}
	m.say("the network is joined")
	return m.take(msg.session)
}

// closed says what closing a session had to say.
func (m *Model) closed(err error) {
	if err != nil {
		m.note(entry{at: m.o.Now(), text: fmt.Sprintf("closing the connection before: %v", err), err: true})
	}
}

// take makes s the session that is read from.
func (m *Model) take(s Session) tea.Cmd {
	c := &m.conn
	c.session, c.err, c.tries = s, nil, 0
	c.next = m.o.Now().Add(rejoin)
	c.number++
	m.replicas.attended, m.generator.attended, m.logs.attended = false, false, false
	return tea.Batch(m.takeFeeds(), m.takeNetwork())
}

// refresh asks for new readings, and for what they need where that is missing.
func (m *Model) refresh() tea.Cmd {
	switch {
	case m.conn.trying && m.conn.session == nil:
		m.say("still connecting")
		return nil
	case m.conn.session == nil:
		return m.connect()
	}
	m.conn.session.Refresh()
	m.say("reading again")
	if m.conn.missing() {
		return m.join()
	}
	return nil
}
