package replication

import (
	"cmp"
	"time"

	"ops-console/ops/postgres"
)

// member is what is remembered of one node.
type member struct {
	key      string
	name     string
	conf     postgres.Node // without Config
	ghost    bool          // known only from what its upstream says
	mistaken bool          // a ghost that turned out to be a listed node

	last   *Reading // the newest good one; nil: never
	broken *outage  // nil: it could be read the last time
	ticks  int      // readings and failures
	clock  clock
	system string // identifier, the last known

	ring     ring // of its flush LSN, while it is a primary
	inserted inserted
	back     *wentBack

	waiting  []pending
	judged   judgement
	replayed LSN // the furthest that it told itself, on this system
	// When it had told that. What is claimed for a moment before must not use it.
	replayedBy time.Time
	flushed    LSN
	timeline   uint32 // of its receiver, the last known
	slot       string // of its receiver, or the one that it is told to use; the last known
	up         *member
	heard      *heard
	slots      []*slotMemory // on it, by name
	served     *slotMemory   // what it uses or last used on another
	twin       *member       // the node that this address leads to, where that is another one

	history  history // of its positions
	visible  visibility
	received sightings // of its receiver
	sent     sightings // of its sender
	lone     time.Time // since when nothing connects it with an upstream; zero: something does
	word     time.Time // its receiver had word from upstream after that; zero: it had none since it was first read
	cancels  []cancelled
	standing standing
	trail    trail
	lag      Lag // as of the newest snapshot
}

// outage is a streak of failed readings.
type outage struct {
	*postgres.Failure
	since time.Time
}

// sighting of a process.
type sighting struct {
	pid      int
	at       time.Time
	position LSN // what had been received by then
}

// wentBack is a primary that was seen to have less WAL than before.
type wentBack struct {
	at       time.Time
	from, to LSN
	timeline uint32 // before
}

// inserted is how long the insert LSN of a primary has been past what can be replayed.
type inserted struct {
	lsn   LSN
	since time.Time
	times int
}

// alive tells whether the newest attempt to read it succeeded.
func (m *member) alive() bool { return m.last != nil && m.broken == nil }

func (m *member) recovering() bool { return m.last != nil && m.last.InRecovery }

// leading tells whether it answers and says it is a primary.
func (m *member) leading() bool { return m.alive() && !m.last.InRecovery }

// take remembers what concerns the node alone.
func (m *member) take(r *Reading) {
	before := m.last
	m.last, m.broken = r, nil
	m.ticks++
	m.clock.add(r)
	if r.SystemID != "" {
		m.system = r.SystemID
	}
	p := r.Positions
	if r.InRecovery {
		p.Flush = 0
	}
	m.history.add(r.Received, max(p.Receive, p.Flush), max(p.Replay, p.Flush))
	if w := r.Receiver; w != nil {
		// Zero where it may not be seen: what was known before says nothing of this receiver.
		m.timeline = w.TLI
		m.slot = cmp.Or(w.Slot, r.UsesSlot, m.slot)
		m.received.add(w.PID, r.Received, received(r))
		if before != nil && before.Receiver != nil && !w.LastGot.Equal(before.Receiver.LastGot) {
			m.word = before.Sent
		}
	} else {
		m.slot = cmp.Or(r.UsesSlot, m.slot)
		m.word = time.Time{}
	}
	m.noteConflicts(before, r)
}

// enqueue puts what a replica said to what has to be judged.
func (m *member) enqueue(r *Reading) {
	replay := r.Positions.Replay
	if replay == 0 {
		return
	}
	if replay > m.replayed {
		m.replayed, m.replayedBy = replay, r.Received
	}
	m.flushed = max(m.flushed, received(r))
	p := pending{asked: r.Sent, came: r.Received, replay: replay, flush: received(r), commit: r.LastCommit}
	if len(m.waiting) == maxPending {
		m.waiting = append(m.waiting[:0], m.waiting[1:]...)
	}
	m.waiting = append(m.waiting, p)
}

// received is what a replica has on disk.
func received(r *Reading) LSN {
	p := max(r.Positions.Receive, r.Positions.Replay)
	if r.Receiver != nil {
		p = max(p, r.Receiver.Flushed)
	}
	return p
}

// head is the last WAL that others can get from it.
func head(r *Reading) LSN {
	if r.InRecovery {
		return received(r)
	}
	return r.Positions.Flush
}

// top is where its upstreams end; nil where that is unknown. A ring of upstreams has no top.
func (m *member) top() *member {
	u := m
	for range 64 {
		if u.last != nil && !u.last.InRecovery {
			return u
		}
		if u.up == nil {
			return nil
		}
		u = u.up
	}
	return nil
}

// sightings are the last processes of a kind, oldest first.
type sightings []sighting

func (ss *sightings) add(pid int, at time.Time, position LSN) {
	if pid == 0 {
		return
	}
	if n := len(*ss); n > 0 && (*ss)[n-1].pid == pid {
		(*ss)[n-1].at, (*ss)[n-1].position = at, position
		return
	}
	if len(*ss) == 16 {
		*ss = append((*ss)[:0], (*ss)[1:]...)
	}
	*ss = append(*ss, sighting{pid, at, position})
}

// flapping counts the processes of the last half minute, and tells whether they got anywhere.
func (ss sightings) flapping(now time.Time) (n int, moved bool) {
	var from, to LSN
	for _, s := range ss {
		if now.Sub(s.at) > flapsIn {
			continue
		}
		n++
		if s.position == 0 {
			continue // one that has just begun
		}
		if from == 0 || s.position < from {
			from = s.position
		}
		to = max(to, s.position)
	}
	return n, to > from
}

// insert notes an insert LSN that no replica can reach: what lies between it and the flush LSN is only the header of a page
// that nothing has been written to.
func (m *member) insert(insert, flush LSN, at time.Time) {
	if insert == 0 {
		return
	}
	segment := int64(16 << 20)
	if m.last != nil && m.last.SegmentSize > 0 {
		segment = m.last.SegmentSize
	}
	switch {
	case insert <= flush || pageStart(insert, segment) != flush:
		m.inserted = inserted{}
	case m.inserted.lsn == insert:
		m.inserted.times++
	default:
		m.inserted = inserted{lsn: insert, since: at, times: 1}
	}
}

// Sizes of what PostgreSQL puts at the start of a WAL page, and of a segment's first page (SizeOfXLogShortPHD and
// SizeOfXLogLongPHD in access/xlog_internal.h).
const (
	walPage       = 8192
	pageHeader    = 24
	segmentHeader = 40
)

// pageStart is l without the header of its page, where there is nothing but that.
func pageStart(l LSN, segment int64) LSN {
	switch {
	case segment > 0 && uint64(l)%uint64(segment) == segmentHeader:
		return l - segmentHeader
	case uint64(l)%walPage == pageHeader:
		return l - pageHeader
	}
	return l
}
