package replication

import (
	"cmp"
	"fmt"
	"slices"
	"time"
)

// What fly_postgres adds to a wait: its watcher looks at the replay LSN every 50 ms (watch_for_lsn_change, 0.3), so a write
// that is visible is noticed after a time between none and that.
const watcherSleep = 50 * time.Millisecond

// growthOver is how far back the growth of a lag is looked at.
const growthOver = 15 * time.Second

// growth is the lag of a region a while ago.
type growth struct {
	seen []grown
}

type grown struct {
	at  time.Time
	lag float64
}

// add takes a lag in and gives how much it grows, in seconds per second; 0: unknown, or not at all.
func (g *growth) add(at time.Time, lag float64) float64 {
	if n := len(g.seen); n == 0 || at.After(g.seen[n-1].at) {
		g.seen = append(g.seen, grown{at, lag})
	}
	drop := 0
	for drop < len(g.seen)-1 && at.Sub(g.seen[drop].at) > growthOver {
		drop++
	}
	g.seen = append(g.seen[:0], g.seen[drop:]...)
	first, last := g.seen[0], g.seen[len(g.seen)-1]
	d := last.at.Sub(first.at).Seconds()
	if d < growthOver.Seconds()/3 {
		return 0
	}
	return (last.lag - first.lag) / d
}

// regions is what writers feel, by region.
func (v *view) regions() []Region {
	codes := slices.Clone(v.t.s.AppRegions)
	for _, m := range v.order {
		if m.conf.Region != "" {
			codes = append(codes, m.conf.Region)
		}
	}
	slices.Sort(codes)
	codes = slices.Compact(codes)
	out := make([]Region, 0, len(codes))
	for _, c := range codes {
		out = append(out, v.region(c))
	}
	for c := range v.t.growth {
		if !slices.Contains(codes, c) {
			delete(v.t.growth, c)
		}
	}
	return out
}

func (v *view) region(code string) Region {
	r := Region{Code: code, Nodes: []string{}, Lag: Lag{Kind: LagUnknown}, Level: LevelOK}
	var furthest, primary *member
	for _, m := range v.order {
		if m.conf.Region != code {
			continue
		}
		r.Nodes = append(r.Nodes, m.name)
		if m.twin != nil || v.t.foreign(m) {
			continue
		}
		if m == v.t.primary || slices.Contains(v.t.primaries, m) {
			primary = m
			continue
		}
		if furthest == nil || further(m.lag, furthest.lag) {
			furthest = m
		}
	}
	switch {
	case primary != nil:
		v.primaryRegion(&r, primary)
	case furthest == nil && len(r.Nodes) == 0:
		r.Verdict = "no replica: instances here read over the distance"
		if v.t.primary != nil {
			r.Verdict = fmt.Sprintf("no replica: instances here read from %s, and write by RPC", place(v.t.primary))
		}
	case furthest == nil:
		r.Level, r.Verdict = LevelUnknown, "no node of this cluster answers here"
	default:
		v.replicaRegion(&r, furthest)
	}
	return r
}

// further tells whether a lag is worse than another: what is unknown is, unless the other is known to be long.
func further(a, b Lag) bool {
	return cmp.Compare(weight(a), weight(b)) > 0
}

func weight(l Lag) float64 {
	if d, ok := lagOf(l); ok {
		return d.Seconds()
	}
	return 1 // unknown: between what is fine and what is not
}

func (v *view) primaryRegion(r *Region, m *member) {
	r.Local = m.name
	if !m.alive() {
		r.Level, r.Verdict = LevelUnknown, "the primary cannot be read"
		if v.down(m) {
			r.Level = LevelCritical
		}
		return
	}
	r.Lag = caughtUp(m.last.Received)
	r.Verdict = "writes are local"
	if len(v.t.primaries) > 1 {
		r.Level, r.Verdict = LevelCritical, "writes go to one of two primaries"
	}
	if slices.ContainsFunc(v.order, func(o *member) bool {
		return o.conf.Region == r.Code && o != m && o.twin == nil && v.atLeast(o.lag, v.t.s.Warn)
	}) && r.Level == LevelOK {
		r.Verdict += "; a replica here is behind"
	}
}

// place names a node by its region, where that is known.
func place(m *member) string { return cmp.Or(m.conf.Region, m.name) }

func (v *view) replicaRegion(r *Region, m *member) {
	r.Local = m.name
	r.Lag = m.lag
	r.Level = v.level(m)
	r.Visible = m.visible.distribution(v.now)
	if r.Visible != nil && m.alive() {
		w := *r.Visible
		sleep := watcherSleep.Seconds()
		w.P50 += sleep / 2
		w.P95 += sleep * 0.95
		w.Max += sleep
		r.Waits = &w
	}
	r.TimesOut = v.atLeast(m.lag, v.t.s.Critical)
	r.InsertGap = v.insertGap(m)
	if d, ok := lagOf(m.lag); ok && !r.TimesOut && v.now.Sub(m.lag.At) < v.stale() {
		g := v.t.growth[r.Code]
		if g == nil {
			g = &growth{}
			v.t.growth[r.Code] = g
		}
		if slope := g.add(m.lag.At, d.Seconds()); slope > 0.05 && d > v.t.s.Warn/2 {
			left := max(v.t.s.Critical-d, 0).Seconds() / slope
			r.UntilRaise = &left
		}
	}
	r.Verdict = v.feels(r, m)
}

// insertGap tells whether the primary's insert LSN is one that this replica cannot reach, although it has everything.
func (v *view) insertGap(m *member) bool {
	p := v.t.root(m)
	if p == nil || !p.leading() || p.inserted.times < 2 || !m.alive() || !m.recovering() {
		return false
	}
	k, ok := p.ring.newest()
	return ok && m.replayed >= k.lsn && m.replayed < p.inserted.lsn
}

// feels says in one line what a writer in a region feels.
func (v *view) feels(r *Region, m *member) string {
	limit := length(v.t.s.Critical)
	switch {
	case v.now.Sub(m.lag.At) >= v.stale() || r.Lag.Kind == LagUnknown:
		return "what a writer here waits is unknown"
	case r.TimesOut:
		return fmt.Sprintf("rpc_and_wait raises after %s, when the write is committed already", limit)
	case r.InsertGap:
		return "a wait that writes nothing times out: the primary's insert LSN is past what can be replayed"
	case r.UntilRaise != nil:
		return fmt.Sprintf("rpc_and_wait raises in about %s if the lag grows on like this", length(duration(*r.UntilRaise)))
	case v.watcherMissing(m):
		return "nobody watches the replay position here: rpc_and_wait times out"
	case r.Waits != nil:
		return fmt.Sprintf("a write is waited for %s (p95 %s)", r.Waits.Text(r.Waits.P50), r.Waits.Text(r.Waits.P95))
	}
	return "writes become visible at once, as far as was seen"
}

// watcherMissing tells whether an app that has fly_postgres 0.3 has sessions here, and none of them watches.
func (v *view) watcherMissing(m *member) bool {
	r := m.last
	return m.alive() && m.recovering() && r.Watchers == 0 && r.AppSessions > 0 && r.Capabilities.WatchFunction
}
