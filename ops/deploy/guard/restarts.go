package guard

import (
	"strconv"
	"time"

	"ops-console/ops/config"
	"ops-console/ops/deploy"
)

// lately is how long ago a process may have ended to count: one that did so once is no reason to wait for ever, and one that
// does so again and again is seen again.
const lately = 2 * time.Minute

// restarts counts machines whose process ended without anybody asking for it, from the events that every look reads anyway. What
// a deployment itself asks for is not among them, nor a machine that did so before it began and was not changed since.
type restarts struct {
	meter  meter
	limit  float64
	plan   *deploy.Plan
	mark   string // of machines with the new release
	old    string // of machines that went back
	target map[string]*deploy.Target
	seen   map[string]int       // ends counted, by version of a machine
	last   map[string]time.Time // the latest end, by machine
	noted  time.Time            // when the latest reading went into the meter's recent ones
}

func newRestarts(p *deploy.Plan, l config.Guard) *restarts {
	r := &restarts{
		meter: meter{name: Restarts, mode: l.Mode}, limit: l.Limit, plan: p, mark: deploy.Mark(p.ID, deploy.New), old: deploy.Mark(p.ID, deploy.Old),
		target: map[string]*deploy.Target{}, seen: map[string]int{}, last: map[string]time.Time{},
	}
	for i := range p.Targets {
		r.target[p.Targets[i].Machine] = &p.Targets[i]
	}
	return r
}

// see takes a look in.
func (r *restarts) see(fleet []deploy.Machine, now time.Time) {
	for i := range fleet {
		r.machine(&fleet[i], now)
	}
	n, where := 0, ""
	for id, at := range r.last {
		if now.Sub(at) <= lately {
			n, where = n+1, "machine "+id
		}
	}
	if n != 1 {
		where = ""
	}
	recent, noted := r.meter.recent, r.noted
	r.meter.take(reading{
		at: now, value: float64(n), text: strconv.Itoa(n), where: where, over: float64(n) > r.limit,
		limit: r.limit, limits: strconv.Itoa(int(r.limit)),
	})
	// Looks come more often than readings: the worst of those in between counts.
	if now.Sub(noted) < every && len(recent) > 0 {
		r.meter.recent = recent
		recent[len(recent)-1] = max(recent[len(recent)-1], float64(n))
		return
	}
	r.noted = now
}

func (r *restarts) machine(m *deploy.Machine, now time.Time) {
	t := r.target[m.ID]
	base := 0
	switch {
	case m.Lost, m.Mark == r.old, t == nil && m.Key == "":
		return
	case m.Mark == r.mark, t == nil:
	default:
		if base = t.Prev.Crashes; base > 0 {
			return
		}
	}
	if t != nil && t.AutoStop && m.State == deploy.Stopped && (m.Exit == nil || m.Exit.Code == 0 && m.Exit.Signal == 0 && !m.Exit.OOM) {
		return // the platform stops it for want of traffic
	}
	key := m.ID + "/" + m.Version
	before, known := r.seen[key]
	if !known {
		before = base
	}
	r.seen[key] = m.Crashes // a request to start it begins to count anew
	if m.Crashes <= before {
		return
	}
	at := now
	if m.Exit != nil && m.Exit.At.Before(now) && m.Exit.At.After(r.plan.At) {
		at = m.Exit.At
	}
	r.last[m.ID] = at
}
