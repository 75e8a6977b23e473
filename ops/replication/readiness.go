package replication

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"ops-console/ops/plaintext"
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
	flaws := 0
	for _, m := range v.order {
		if !v.eligible(m) {
			continue
		}
		n := v.flaws(m)
		if best == nil || better(m, n, best, flaws) {
			best, flaws = m, n
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

// better tells whether a is the better candidate: the one with less against it, then the one that has more WAL.
func better(a *member, flawsA int, b *member, flawsB int) bool {
	return cmp.Or(
		cmp.Compare(flawsB, flawsA),
		cmp.Compare(received(a.last), received(b.last)),
		cmp.Compare(a.last.Positions.Replay, b.last.Positions.Replay),
		strings.Compare(b.name, a.name),
	) > 0
}

// objection is something that speaks against a candidate.
type objection struct {
	holds func(v *view, m *member) bool
	text  func(v *view, m *member) string
}

// objections is never written to.
var objections = []objection{
	{
		func(v *view, m *member) bool {
			return v.t.s.PrimaryRegion != "" && m.conf.Region != "" && m.conf.Region != v.t.s.PrimaryRegion
		},
		func(v *view, m *member) string {
			return fmt.Sprintf("%s is in %s, writers look in %s (PRIMARY_REGION)", m.name, m.conf.Region, v.t.s.PrimaryRegion)
		},
	},
	{
		func(_ *view, m *member) bool { return pausing(m.last) },
		func(_ *view, m *member) string { return "replay of " + m.name + " is paused" },
	},
	{
		func(_ *view, m *member) bool { return m.last.ApplyDelay > 0 },
		func(_ *view, m *member) string {
			return fmt.Sprintf("%s replays with a delay of %s", m.name, m.last.ApplyDelay)
		},
	},
	{
		func(_ *view, m *member) bool { return m.standing.state == Orphaned },
		func(_ *view, m *member) string { return m.name + " is on an older timeline" },
	},
	{
		func(_ *view, m *member) bool { return m.standing.state == Detached || m.standing.state == Silent },
		func(_ *view, m *member) string {
			return fmt.Sprintf("%s receives nothing (%s)", m.name, m.standing.state)
		},
	},
	{
		func(v *view, m *member) bool {
			p := v.t.root(m)
			return p != nil && p != m && p.last != nil && major(p.last.Version) != major(m.last.Version) && p.last.Version*m.last.Version != 0
		},
		func(v *view, m *member) string {
			return fmt.Sprintf("%s runs PostgreSQL %s, the primary %s", m.name, version(m.last.Version), version(v.t.root(m).last.Version))
		},
	},
	{
		func(_ *view, m *member) bool { return m.last.FreeSenders == 0 },
		func(_ *view, m *member) string { return m.name + " has no free sender (max_wal_senders)" },
	},
}

// flaws counts what speaks against a candidate.
func (v *view) flaws(m *member) int {
	n := 0
	for _, o := range objections {
		if o.holds(v, m) {
			n++
		}
	}
	return n
}

func major(v int) int { return v / 10000 }

// obstacles are what speaks against a failover to m.
func (v *view) obstacles(m *member) []string {
	var out []string
	for _, o := range objections {
		if o.holds(v, m) {
			out = append(out, o.text(v, m))
		}
	}
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
	if rate := m.history.replayRate(); todo == 0 {
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
	for _, s := range p.slots {
		if s.member == m || s.row.WALStatus == "lost" {
			continue
		}
		if !slices.ContainsFunc(m.slots, func(o *slotMemory) bool { return o.row.Name == s.row.Name }) {
			out = append(out, plaintext.Line(s.row.Name, 64))
		}
	}
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
		backlog = "replay backlog " + length(duration(*r.Backlog))
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
