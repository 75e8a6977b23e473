package replication

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"
)

// What a failover may cost and still be called safe.
const (
	safeLoss    = time.Second
	safeBacklog = 5 * time.Second
)

// hopeless are the states in which a node cannot take over.
var hopeless = []State{Unreachable, Foreign, Misrouted, SplitBrain, Restored, Primary, Diverged, Lost, StateUnknown}

// readiness is what a failover now would mean; nil: there is nothing to fail over from, or to.
func (v *view) readiness() *Readiness {
	if len(v.t.list) < 2 || v.t.primary == nil && len(v.t.primaries) == 0 && !slices.ContainsFunc(v.t.list, (*member).recovering) {
		return nil
	}
	if len(v.t.primaries) > 1 {
		return &Readiness{Verdict: "not before one of the two primaries is stopped", Obstacles: []string{"two primaries"}}
	}
	var best *member
	for _, m := range v.order {
		if !v.eligible(m) {
			continue
		}
		if best == nil || v.better(m, best) {
			best = m
		}
	}
	if best == nil {
		return &Readiness{Verdict: "no replica can take over", Obstacles: []string{"no replica that answers and follows"}}
	}
	r := &Readiness{Candidate: best.name, Region: best.conf.Region, Obstacles: v.obstacles(best)}
	v.cost(r, best)
	r.Missing = v.missingSlots(best)
	r.Safe = len(r.Obstacles) == 0 && r.Loss != nil && r.Loss.Hi != nil && *r.Loss.Hi <= safeLoss.Seconds() &&
		(r.Backlog == nil || *r.Backlog <= safeBacklog.Seconds())
	r.Verdict = v.verdictOf(r)
	return r
}

func (v *view) eligible(m *member) bool {
	return m.alive() && m.recovering() && m.twin == nil && !slices.Contains(hopeless, m.standing.state)
}

// better tells whether a is the better candidate: the one with nothing against it, then the one that has more WAL.
func (v *view) better(a, b *member) bool {
	return cmp.Or(
		cmp.Compare(len(v.against(b)), len(v.against(a))),
		cmp.Compare(received(a.last), received(b.last)),
		cmp.Compare(a.last.Positions.Replay, b.last.Positions.Replay),
		strings.Compare(b.name, a.name),
	) > 0
}

// against is what speaks against a candidate itself.
func (v *view) against(m *member) []string {
	var out []string
	add := func(holds bool, format string, args ...any) {
		if holds {
			out = append(out, fmt.Sprintf(format, args...))
		}
	}
	r := m.last
	add(v.t.s.PrimaryRegion != "" && m.conf.Region != "" && m.conf.Region != v.t.s.PrimaryRegion,
		"%s is in %s, writers look in %s (PRIMARY_REGION)", m.name, m.conf.Region, v.t.s.PrimaryRegion)
	add(r.Paused != "" && r.Paused != "not paused", "replay of %s is paused", m.name)
	add(r.ApplyDelay > 0, "%s replays with a delay of %s", m.name, r.ApplyDelay)
	add(m.standing.state == Orphaned, "%s is on an older timeline", m.name)
	add(m.standing.state == Detached || m.standing.state == Silent, "%s receives nothing (%s)", m.name, m.standing.state)
	if p := v.t.root(m); p != nil && p.last != nil && p != m {
		add(major(p.last.Version) != major(r.Version) && r.Version != 0 && p.last.Version != 0,
			"%s runs PostgreSQL %s, the primary %s", m.name, version(r.Version), version(p.last.Version))
	}
	add(r.FreeSenders == 0, "%s has no free sender (max_wal_senders)", m.name)
	return out
}

func major(v int) int { return v / 10000 }

// obstacles are what speaks against a failover to m.
func (v *view) obstacles(m *member) []string {
	out := v.against(m)
	add := func(holds bool, format string, args ...any) {
		if holds {
			out = append(out, fmt.Sprintf(format, args...))
		}
	}
	p := v.t.primary
	if p != nil && p.last != nil {
		add(!p.alive(), "%s cannot be read: what would be lost is not known", p.name)
		add(!p.last.WALLogHints, "%s has neither wal_log_hints nor checksums: it has to be copied anew afterwards", p.name)
		add(p.last.ArchiveFailing, "archiving fails on %s", p.name)
	}
	var behind []string
	for _, o := range v.order {
		if o != m && o.alive() && o.recovering() && o.twin == nil && v.t.root(o) == v.t.root(m) && o.last.Positions.Replay > received(m.last) {
			// A sibling that was read a moment later can be ahead by what was written in between.
			if o.last.Sent.Before(m.last.Received) {
				behind = append(behind, o.name)
			}
		}
	}
	add(len(behind) > 0, "%s replayed more than %s has: it could not follow", strings.Join(behind, ", "), m.name)
	return out
}

// cost fills in what would be lost and how long it would take.
func (v *view) cost(r *Readiness, m *member) {
	if m.judged.loss.Kind != "" && m.judged.loss.Kind != LagUnknown && v.now.Sub(m.judged.loss.At) < v.stale() {
		l := m.judged.loss
		r.Loss = &l
	}
	if m.judged.lack >= 0 && r.Loss != nil {
		n := m.judged.lack
		r.LossBytes = &n
	}
	todo := bytesBehind(received(m.last), m.last.Positions.Replay)
	if rate := m.history.rate(byReplay); todo == 0 {
		r.Backlog = new(float64)
	} else if rate != nil && max(rate.Now, rate.Long) > 0 {
		s := float64(todo) / max(rate.Now, rate.Long)
		r.Backlog = &s
	}
}

// missingSlots are the slots of the primary that others than m use and that m does not have.
func (v *view) missingSlots(m *member) []string {
	p := v.t.primary
	if p == nil {
		return nil
	}
	var out []string
	for _, s := range v.t.slots {
		if s.on != p || s.member == m || s.row.WALStatus == "lost" {
			continue
		}
		if v.t.slots[ref{m.key, s.row.Name}] == nil {
			out = append(out, s.row.Name)
		}
	}
	slices.Sort(out)
	return out
}

func (v *view) verdictOf(r *Readiness) string {
	who := r.Candidate
	if r.Region != "" {
		who += " (" + r.Region + ")"
	}
	loss := "what would be lost is not known"
	if r.Loss != nil {
		loss = "would lose " + r.Loss.String()
		if r.Loss.Kind == LagCaughtUp {
			loss = "has all that was flushed"
		}
		if r.LossBytes != nil && *r.LossBytes > 0 {
			loss += ", " + size(*r.LossBytes)
		}
	}
	backlog := ""
	switch {
	case r.Backlog == nil:
		backlog = "replay backlog unknown"
	case *r.Backlog >= 1:
		backlog = "replay backlog " + length(time.Duration(*r.Backlog*float64(time.Second)))
	}
	word := "safe"
	if !r.Safe {
		word = "not safe"
	}
	return joined("; ", word+": "+who+" "+loss, backlog, first(r.Obstacles))
}

func first(ss []string) string {
	if len(ss) == 0 {
		return ""
	}
	return ss[0]
}
