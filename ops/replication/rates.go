package replication

import (
	"sort"
	"time"
)

// How far back the rates look.
const (
	rateNow  = 10 * time.Second
	rateLong = 5 * time.Minute
)

// history is where a node was in the last five minutes.
type history struct {
	points []passed
	start  int // of those that count

	known    bool // the rates are those of the points
	received *Rate
	replayed *Rate
}

type passed struct {
	at               time.Time
	received, replay LSN
}

func (h *history) add(at time.Time, received, replay LSN) {
	if n := len(h.points); n > h.start {
		last := h.points[n-1]
		if replay < last.replay || received < last.received && received != 0 || !at.After(last.at) {
			h.points, h.start = h.points[:0], 0
		}
	}
	for h.start < len(h.points) && at.Sub(h.points[h.start].at) > rateLong {
		h.start++
	}
	if h.start > 64 && h.start > len(h.points)/2 {
		h.points = h.points[:copy(h.points, h.points[h.start:])]
		h.start = 0
	}
	h.points = append(h.points, passed{at, received, replay})
	h.known = false
}

// rates are how fast it received and replayed, in bytes per second; nil: unknown.
func (h *history) rates() (received, replayed *Rate) {
	if !h.known {
		h.received, h.replayed, h.known = h.rate(byReceived), h.rate(byReplay), true
	}
	return h.received, h.replayed
}

func (h *history) replayRate() *Rate {
	_, r := h.rates()
	return r
}

// ago is the point that is nearest to being d before the newest, and the newest.
func (h *history) ago(d time.Duration) (then, now passed, ok bool) {
	pp := h.points[h.start:]
	if len(pp) < 2 {
		return passed{}, passed{}, false
	}
	now = pp[len(pp)-1]
	i := sort.Search(len(pp)-1, func(i int) bool { return now.at.Sub(pp[i].at) <= d })
	i = min(i, len(pp)-2)
	return pp[i], now, true
}

// rate of what pick chooses, in bytes per second; nil: unknown.
func (h *history) rate(pick func(passed) LSN) *Rate {
	var r Rate
	for _, w := range []struct {
		d   time.Duration
		out *float64
	}{{rateNow, &r.Now}, {rateLong, &r.Long}} {
		then, now, ok := h.ago(w.d)
		dt := now.at.Sub(then.at).Seconds()
		if !ok || dt <= 0 || pick(now) == 0 || pick(then) == 0 {
			return nil
		}
		*w.out = float64(bytesBehind(pick(now), pick(then))) / dt
	}
	return &r
}

func byReceived(p passed) LSN { return p.received }
func byReplay(p passed) LSN   { return p.replay }

// eta is how long it takes to replay what is behind at these rates; nil: never, nothing to do, or unknown.
func eta(behind *int64, replay, write *Rate) *float64 {
	if behind == nil || *behind <= 0 || replay == nil {
		return nil
	}
	gain := replay.Now
	if write != nil {
		gain -= write.Now
	}
	// A gain that is lost in the noise would promise days.
	if gain <= replay.Now/100 {
		return nil
	}
	s := float64(*behind) / gain
	return &s
}

// cancelled is how many queries recovery had cancelled by then.
type cancelled struct {
	at time.Time
	n  int64
}

// noteConflicts remembers cancelled queries for five minutes.
func (m *member) noteConflicts(before, r *Reading) {
	if r.Conflicts < 0 || !r.InRecovery || before != nil && !before.Boot.Equal(r.Boot) {
		m.cancels = m.cancels[:0]
	}
	if r.Conflicts < 0 || !r.InRecovery {
		return
	}
	if n := len(m.cancels); n > 0 && r.Conflicts < m.cancels[n-1].n {
		m.cancels = m.cancels[:0]
	}
	n := len(m.cancels)
	// Only changes, and the moment of the newest reading, are of interest.
	if n >= 2 && m.cancels[n-1].n == r.Conflicts && m.cancels[n-2].n == r.Conflicts {
		m.cancels[n-1].at = r.Received
	} else {
		m.cancels = append(m.cancels, cancelled{r.Received, r.Conflicts})
	}
	drop := 0
	for drop < len(m.cancels)-2 && r.Received.Sub(m.cancels[drop+1].at) > rateLong {
		drop++
	}
	m.cancels = append(m.cancels[:0], m.cancels[drop:]...)
}

// conflictRate is how many queries recovery cancelled per minute; nil: unknown.
func (m *member) conflictRate() *float64 {
	n := len(m.cancels)
	if n < 2 {
		return nil
	}
	a, b := m.cancels[0], m.cancels[n-1]
	d := b.at.Sub(a.at).Minutes()
	if d <= 0 {
		return nil
	}
	f := float64(b.n-a.n) / max(d, 1)
	return &f
}
