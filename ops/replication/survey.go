package replication

import (
	"fmt"
	"slices"
	"time"

	"ops-console/ops/postgres"
)

// survey finds out who is who.
func (t *Tracker) survey() {
	t.twins()
	t.identify()
	t.primaries = t.primaries[:0]
	for _, m := range t.list {
		if m.leading() && m.twin == nil && !t.foreign(m) {
			t.primaries = append(t.primaries, m)
		}
	}
	switch {
	case len(t.primaries) == 1:
		t.primary = t.primaries[0]
	case len(t.primaries) > 1:
		t.primary = nil
	case t.primary != nil && (t.primary.recovering() || t.primary.twin != nil || t.foreign(t.primary)):
		t.primary = nil
	}
	for _, m := range t.list {
		t.link(m)
	}
}

// twins finds addresses that lead to a server which another address leads to as well: the same system, started at the same
// moment, to the microsecond.
func (t *Tracker) twins() {
	for i, m := range t.list {
		m.twin = nil
		if !m.alive() || m.last.Boot.IsZero() || m.last.SystemID == "" {
			continue
		}
		for _, o := range t.list[:i] {
			if o.twin != nil || !o.alive() || !sameServer(m.last, o.last) {
				continue
			}
			if m.fits() > o.fits() {
				o.twin = m
			} else {
				m.twin = o
				break
			}
		}
	}
	for _, m := range t.list {
		for m.twin != nil && m.twin.twin != nil {
			m.twin = m.twin.twin
		}
	}
}

func sameServer(a, b *Reading) bool {
	return a.SystemID == b.SystemID && a.Boot.Equal(b.Boot) && a.InRecovery == b.InRecovery
}

// fits says how well an address fits what answers there.
func (m *member) fits() int {
	n := 0
	switch m.conf.Expect {
	case role(m.last):
		n += 4
	case postgres.RoleUnknown:
		n += 2
	}
	if m.last.Address != "" && m.last.Address == m.conf.Host {
		n++
	}
	return n
}

func role(r *Reading) postgres.Role {
	if r.InRecovery {
		return postgres.RoleReplica
	}
	return postgres.RolePrimary
}

// identify chooses the cluster: that of most nodes, the one it was before among equals, and then that of the node that is
// said to be the primary.
func (t *Tracker) identify() {
	count, votes := 0, 0
	best := ""
	for _, m := range t.list {
		if !m.alive() || m.last.SystemID == "" {
			continue
		}
		n, v := 0, 0
		for _, o := range t.list {
			if o.alive() && o.last.SystemID == m.last.SystemID {
				v++
				n += 2
				if o.conf.Expect == postgres.RolePrimary {
					n++
				}
			}
		}
		if n > count || n == count && m.last.SystemID == t.system {
			best, count, votes = m.last.SystemID, n, v
		}
	}
	if best == "" || best == t.system {
		return
	}
	// Few that answer do not outvote those that just now do not.
	if t.system != "" && votes*2 <= len(t.list) && slices.ContainsFunc(t.list, func(m *member) bool { return m.system == t.system }) {
		return
	}
	t.system = best
	t.high = highest{}
	clear(t.forks)
	for _, m := range t.list {
		if m.leading() && !t.foreign(m) {
			t.lead(m, m.last)
		}
	}
}

// foreign tells whether the node is of another cluster, as far as it last said.
func (t *Tracker) foreign(m *member) bool {
	return m.system != "" && t.system != "" && m.system != t.system
}

// link finds the upstream of a replica that no upstream has in its list.
func (t *Tracker) link(m *member) {
	if m.up != nil && (m.up == m || m.up.twin == m) {
		m.up = nil
	}
	if m.up != nil && m.up.twin != nil {
		m.up = m.up.twin
	}
	if !m.recovering() || m.heard.attached() {
		return
	}
	for _, u := range t.list {
		if u != m && u.twin == nil && m.streamsFrom(u) {
			m.up = u
			return
		}
	}
}

// root is the primary that a replica is judged against: where its upstreams end, and otherwise the only one there is. It is
// nil where that cannot be told.
func (t *Tracker) root(m *member) *member {
	if m.last != nil && !m.last.InRecovery {
		return m
	}
	top := m.top()
	if top != nil && top != m && top.leading() && top.twin == nil && !t.foreign(top) {
		return top
	}
	return t.primary
}

// timelineOf is the timeline of a node and where that is known from: walfile, receiver, or control, which may be old.
func timelineOf(m *member) (uint32, string) {
	switch r := m.last; {
	case r == nil:
		return 0, ""
	case !r.InRecovery && r.WALFileTLI != 0:
		return r.WALFileTLI, "walfile"
	case m.timeline != 0 && r.InRecovery && m.timeline >= r.ControlTLI:
		return m.timeline, "receiver"
	case r.ControlTLI != 0:
		return r.ControlTLI, "control"
	}
	return 0, ""
}

// forkAfter is where a timeline was left by those after it, up to the one given; 0: unknown.
func (t *Tracker) forkAfter(old, now uint32) LSN {
	var fork LSN
	for tli, f := range t.forks {
		if tli > old && tli <= now && (fork == 0 || f < fork) {
			fork = f
		}
	}
	return fork
}

// changes compares a reading with the one before and remembers what that tells.
func (t *Tracker) changes(m *member, r *Reading) {
	was := m.last
	if was == nil {
		t.older(m, r, 0)
		return
	}
	e := Event{At: r.Received, Node: m.name}
	tell := func(l LSN, format string, args ...any) {
		e.LSN, e.Text = l, fmt.Sprintf(format, args...)
		t.event(e)
	}
	if was.SystemID != "" && r.SystemID != "" && was.SystemID != r.SystemID {
		tell(0, "another cluster answers at this address: system identifier %s, was %s", r.SystemID, was.SystemID)
		m.restart()
		m.replayed, m.flushed, m.back = 0, 0, nil
		return
	}
	booted := !was.Boot.Equal(r.Boot)
	if booted {
		tell(0, "PostgreSQL was started at %s by its clock", r.Boot.UTC().Format(time.TimeOnly))
	}
	switch {
	case was.InRecovery && !r.InRecovery:
		tell(r.Positions.Fork, "promoted: timeline %d", r.WALFileTLI)
		own := m.replayed
		m.restart()
		if p := t.primary; p != nil && p != m && p.system == r.SystemID && r.Positions.Fork != 0 {
			m.ring.adopt(&p.ring, r.Positions.Fork)
		}
		t.older(m, r, own)
	case !was.InRecovery && r.InRecovery:
		tell(r.Positions.Replay, "was a primary, is a replica now")
		m.restart()
	case !r.InRecovery && booted:
		t.older(m, r, was.Positions.Flush)
	case !r.InRecovery && was.WALFileTLI != r.WALFileTLI && was.WALFileTLI != 0:
		tell(r.Positions.Flush, "timeline %d, was %d", r.WALFileTLI, was.WALFileTLI)
	case r.InRecovery && r.Positions.Replay < was.Positions.Replay && r.Positions.Replay != 0:
		tell(r.Positions.Replay, "replay is %s behind where it was: it went back to its restart point, or is a new copy",
			size(int64(was.Positions.Replay-r.Positions.Replay)))
		m.replayed, m.flushed = 0, 0
		m.waiting = m.waiting[:0]
	}
	if m.back != nil && !r.InRecovery && r.Positions.Flush > m.back.from && r.Received.Sub(m.back.at) > backShown {
		m.back = nil
	}
}

// backShown is how long a primary whose WAL went back is told of at least.
const backShown = 15 * time.Minute

// older notes that a node says it is a primary, but has less WAL than it had (own), or, where it was never seen before, less
// than the cluster had on that timeline: a backup was restored.
func (t *Tracker) older(m *member, r *Reading, own LSN) {
	flush := r.Positions.Flush
	if r.InRecovery || flush == 0 {
		return
	}
	from := own
	if own == 0 && m.last == nil && r.SystemID == t.system && r.Sent.After(t.high.at) && r.WALFileTLI <= t.high.timeline && !t.served(r) {
		from = t.high.lsn
	}
	if from <= flush {
		return
	}
	m.back = &wentBack{at: r.Received, from: from, to: flush, timeline: t.high.timeline}
	t.event(Event{At: r.Received, Node: m.name, LSN: flush, Text: fmt.Sprintf("its WAL ends %s before where it was seen to be (%s)", size(int64(from-flush)), from)})
}

// served tells whether another address leads to the server that gave r.
func (t *Tracker) served(r *Reading) bool {
	return slices.ContainsFunc(t.list, func(o *member) bool { return o.last != nil && sameServer(o.last, r) })
}

// restart forgets what a node's role gave meaning to.
func (m *member) restart() {
	m.ring.reset()
	m.waiting = m.waiting[:0]
	m.judged = judgement{}
	m.history = history{}
	m.visible = visibility{}
	m.heard, m.up, m.inserted = nil, nil, inserted{}
	m.timeline = 0
	m.received, m.sent = nil, nil
	m.lone = time.Time{}
}
