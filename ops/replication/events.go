package replication

import "slices"

// Events that are remembered, and those of them that a snapshot shows.
const (
	maxEvents   = 200
	shownEvents = 50
)

// event puts e in front of what happened before. What a snapshot got of the list is not written to.
func (t *Tracker) event(e Event) {
	i := 0
	for i < len(t.events) && t.events[i].At.After(e.At) {
		i++
	}
	next := make([]Event, 0, min(len(t.events)+1, maxEvents))
	next = append(next, t.events[:i]...)
	next = append(next, e)
	next = append(next, t.events[i:]...)
	t.events = next[:min(len(next), maxEvents)]
}

func (t *Tracker) shownEvents() []Event {
	n := min(len(t.events), shownEvents)
	return slices.Clip(t.events[:n])
}

// transition tells of a state that is told from now on.
func (t *Tracker) transition(m *member, from State) {
	s := m.standing
	e := Event{At: s.since, Node: m.name, From: from, To: s.state, Text: string(from) + " → " + string(s.state)}
	if s.reason != "" {
		e.Text += ": " + s.reason
	}
	if m.last != nil {
		e.LSN = max(m.last.Positions.Replay, m.last.Positions.Flush)
	}
	t.event(e)
}
