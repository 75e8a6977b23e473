package replication

import (
	"time"
)

// overdue is how many intervals a reading that is not beyond anything the primary said waits for the primary's next
// answer before its lag is called unknown.
const overdue = 3

// bounds are those of a moment for an answer that was asked for and came at these times. Zero is a bound too: nil is none.
func bounds(m moment, asked, came time.Time) Lag {
	l := Lag{At: came, Kind: LagUnknown}
	if !m.to.IsZero() {
		l.Kind, l.Lo = LagAtLeast, secs(asked.Sub(m.to))
	}
	if !m.from.IsZero() {
		l.Hi = secs(came.Sub(m.from))
	}
	if l.Lo == nil || l.Hi == nil {
		return l
	}
	l.Kind = LagBounded
	est := secs(middle(asked, came).Sub(m.est))
	*est = min(max(*est, *l.Lo), *l.Hi)
	l.Est = est
	return l
}

// judge says what lag a position that was read between asked and came has, or that it is too early to say.
func (r *ring) judge(p LSN, asked, came time.Time) (l Lag, ok bool) {
	last, known := r.newest()
	if !known {
		return Lag{At: came, Kind: LagUnknown}, false
	}
	l = bounds(r.when(p), asked, came)
	if l.Kind != LagUnknown {
		return l, true
	}
	if last.sent.Before(came) {
		return l, false
	}
	return caughtUp(came), true
}

func caughtUp(at time.Time) Lag {
	return Lag{At: at, Lo: new(float64), Hi: new(float64), Est: new(float64), Kind: LagCaughtUp}
}

// secs is d, and zero where it is negative.
func secs(d time.Duration) *float64 {
	f := max(d, 0).Seconds()
	return &f
}

// pending is a reading of a replica that has not been judged.
type pending struct {
	asked, came   time.Time
	replay, flush LSN
	commit        time.Time // of the last transaction replayed, by the clock of the primary; zero: unknown
}

// maxPending bounds what waits when nobody takes snapshots.
const maxPending = 64

// judgement is the newest that is known of a replica's lag by its own word.
type judgement struct {
	lag   Lag
	loss  Lag // of the WAL that it has flushed
	total int64
	lack  int64 // bytes that it has not flushed
}

// judge takes in what has become certain of the lag behind root. A reading is certain at once where the primary was beyond it already, and
// otherwise with the first answer of the primary that was asked for after it.
func (m *member) judge(root *member, now time.Time, patience time.Duration) {
	r := &root.ring
	if len(r.marks) == 0 {
		// There never was an answer of a primary: nothing can be said, and the newest is as good as any.
		if n := len(m.waiting); n > 0 {
			m.judged = judgement{lag: Lag{At: m.waiting[n-1].came, Kind: LagUnknown}, loss: Lag{At: m.waiting[n-1].came, Kind: LagUnknown}, total: -1, lack: -1}
			m.waiting = m.waiting[:0]
		}
		return
	}
	done := 0
	for _, p := range m.waiting {
		l, ok := r.judge(p.replay, p.asked, p.came)
		if !ok && now.Sub(p.came) < patience {
			break
		}
		done++
		l.Source = FromRing
		j := judgement{lag: l, total: -1, lack: -1}
		j.loss, _ = r.judge(max(p.flush, p.replay), p.asked, p.came)
		j.loss.Source = FromRing
		at, known := r.since(p.came)
		if !known {
			at, known = r.newest()
		}
		if known {
			j.total = bytesBehind(at.lsn, p.replay)
			j.lack = bytesBehind(at.lsn, max(p.flush, p.replay))
		}
		if l.Kind == LagAtLeast && !p.commit.IsZero() && root.clock.known() {
			j.lag.Kind, j.lag.Source = LagHint, FromTimestamp
			est := max(*l.Lo, p.came.Sub(p.commit.Add(-root.clock.offset())).Seconds())
			j.lag.Est = &est
		}
		m.judged = j
		m.visible.note(j.lag)
	}
	m.waiting = append(m.waiting[:0], m.waiting[done:]...)
}

// bytesBehind is how far b is behind a, never negative: a replica that was read after the primary can be ahead of what the
// primary said.
func bytesBehind(a, b LSN) int64 {
	if a <= b {
		return 0
	}
	return int64(a - b)
}

// primaryView is the lag of a replica that cannot be read, by what its upstream said of it at its newest reading.
func (m *member) primaryView(r *ring) Lag {
	last, known := r.newest()
	if !known {
		return Lag{Kind: LagUnknown}
	}
	h := m.heard
	if h == nil || !h.of.alive() {
		// Nobody can say what it got since: it can have caught up, but what it had is older by now.
		l := Lag{At: last.received, Kind: LagUnknown, Source: FromPrimary}
		if m.replayed != 0 && !m.replayedBy.After(last.sent) {
			l.Hi = bounds(r.when(m.replayed), last.sent, last.received).Hi
		}
		return l
	}
	told := h.row.Replay
	if !m.replayedBy.After(h.asked) {
		told = max(told, m.replayed)
	}
	if told == 0 {
		return Lag{At: h.came, Kind: LagUnknown, Source: FromPrimary}
	}
	l := bounds(r.when(told), h.asked, h.came)
	l.Source = FromPrimary
	if l.Kind == LagUnknown {
		if !last.sent.Before(h.came) {
			l = caughtUp(h.came)
			l.Source = FromPrimary
		}
		return l
	}
	// It may have replayed more than it told.
	if most := h.most(told); most > told {
		l.Lo = new(float64)
		if upper := r.when(most); !upper.to.IsZero() {
			l.Lo = secs(h.asked.Sub(upper.to))
		}
	}
	return l
}
