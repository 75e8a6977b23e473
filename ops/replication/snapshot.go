package replication

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"time"

	"ops-console/ops/plaintext"
)

// view is the Tracker at one moment.
type view struct {
	t     *Tracker
	now   time.Time
	order []*member // primaries first, each followed by what streams from it; then the rest
	depth []int
	slots []Slot
}

// Snapshot is what is known at now.
func (t *Tracker) Snapshot(now time.Time) *Snapshot {
	t.survey()
	t.assign()
	v := &view{t: t, now: now}
	for _, m := range t.list {
		v.measure(m)
	}
	for _, m := range t.list {
		v.stand(m)
	}
	v.arrange()
	s := &Snapshot{
		App:           t.s.App,
		PrimaryRegion: t.s.PrimaryRegion,
		At:            now,
		Interval:      t.s.Interval.Seconds(),
		Warn:          t.s.Warn.Seconds(),
		Critical:      t.s.Critical.Seconds(),
		SystemID:      t.system,
		Nodes:         make([]Node, len(v.order)),
	}
	for i, m := range v.order {
		s.Nodes[i] = v.node(m, v.depth[i])
	}
	if p := t.primary; p != nil {
		s.Primary = p.name
		s.Timeline, _ = timelineOf(p)
		s.WALRate = v.walRate(p)
		if k, ok := p.ring.newest(); ok {
			s.Flush, s.FlushAge = k.lsn, secs(now.Sub(k.received))
		}
	}
	v.slots = v.allSlots()
	s.Slots = v.slots
	s.Regions = v.regions()
	s.Readiness = v.readiness()
	s.Problems = t.problems.judge(v.findings(s), now)
	s.Verdict = v.verdict(s)
	s.Notes = v.notes()
	s.Events = t.shownEvents()
	return s
}

// measure judges the lag of a replica.
func (v *view) measure(m *member) {
	root := v.t.root(m)
	m.connected()
	before := m.lag
	m.lag = Lag{Kind: LagUnknown}
	if root == m || m.twin != nil || v.t.foreign(m) {
		m.waiting = m.waiting[:0]
		return
	}
	if root == nil {
		m.waiting = m.waiting[:0]
		if m.last != nil {
			m.lag.At = m.last.Received
		}
		return
	}
	if a, ok := auroraLag(m, root); ok {
		m.lag = a
		return
	}
	m.judge(root, v.now, overdue*v.t.s.Interval)
	if m.judged.lag.Kind != "" {
		m.lag = m.judged.lag
	}
	if m.alive() {
		// One that answers again is not judged anew before the next sample: what it said of itself last is older than what
		// was said of it.
		if before.Source == FromPrimary && before.At.After(m.lag.At) && len(m.waiting) > 0 {
			m.lag = before
		}
		return
	}
	if l := m.primaryView(&root.ring); l.At.After(m.lag.At) {
		m.lag = l
	}
}

// stand judges the state of a node.
func (v *view) stand(m *member) {
	ticks := m.ticks
	if m.heard != nil && (m.ghost || m.broken != nil) {
		ticks += m.heard.ticks
	}
	raw, reason := v.raw(m)
	from := m.standing.state
	if m.standing.judge(raw, reason, ticks, v.now, v.t.s.Once) {
		v.t.transition(m, from)
	}
	var replay, flush LSN
	if m.last != nil {
		replay = max(m.last.Positions.Replay, m.last.Positions.Flush)
	} else if m.heard != nil {
		replay = m.heard.row.Replay
	}
	l := m.lag
	if root := v.t.root(m); root != nil {
		k, _ := root.ring.newest()
		flush = k.lsn
		if root == m {
			replay = flush
			if m.alive() {
				l = Lag{At: m.last.Received, Kind: LagCaughtUp}
			}
		}
	}
	m.trail.step(l, m.standing.state, replay, flush, v.now, v.t.s.Interval)
}

// arrange orders the nodes.
func (v *view) arrange() {
	rest := slices.Clone(v.t.list)
	slices.SortStableFunc(rest, func(a, b *member) int {
		return cmp.Or(cmp.Compare(a.conf.Region, b.conf.Region), cmp.Compare(a.name, b.name))
	})
	v.order = make([]*member, 0, len(rest))
	v.depth = make([]int, 0, len(rest))
	placed := make(map[*member]bool, len(rest))
	var place func(m *member, depth int)
	place = func(m *member, depth int) {
		if placed[m] {
			return
		}
		placed[m] = true
		v.order = append(v.order, m)
		v.depth = append(v.depth, depth)
		for _, o := range rest {
			if o.up == m && o.twin == nil && !placed[o] {
				place(o, depth+1)
			}
		}
	}
	for _, m := range rest {
		if slices.Contains(v.t.primaries, m) || m == v.t.primary {
			place(m, 0)
		}
	}
	for _, m := range rest {
		if !placed[m] && (m.up == nil || m.twin != nil) {
			place(m, 0)
		}
	}
	for _, m := range rest {
		place(m, 0)
	}
}

func (v *view) walRate(m *member) *Rate {
	if m == nil {
		return nil
	}
	r, _ := m.history.rates()
	return r
}

func (v *view) eta(m *member) *float64 {
	if m.judged.lag.Kind == "" || m.judged.total < 0 {
		return nil
	}
	return eta(&m.judged.total, m.history.replayRate(), v.walRate(v.t.root(m)))
}

// node is what a snapshot says of m.
func (v *view) node(m *member, depth int) Node {
	n := Node{
		Name: m.name, Region: m.conf.Region, Expected: m.conf.Expect, Depth: depth,
		State: m.standing.state, StateSince: m.standing.since, Reason: m.standing.reason,
		Lag: m.lag, Skew: m.clock.skew(), Slot: m.slot,
		Level: v.level(m), Watcher: "unknown",
	}
	if !m.ghost {
		n.Address = m.key
	}
	if m.up != nil && m.twin == nil && m != v.t.root(m) {
		n.Upstream = m.up.name
	}
	if b := m.broken; b != nil {
		n.Failure = &NodeFailure{Kind: b.Kind, SQLState: b.SQLState, Text: b.Text, Hint: b.Hint, Since: b.since}
	}
	if sl, _ := v.t.slotOf(m); sl != nil {
		n.Slot = sl.Name
	}
	n.Timeline, n.TimelineFrom = timelineOf(m)
	n.SystemID = m.system
	v.fillHeard(&n, m)
	v.fillReading(&n, m)
	n.Trail = m.trail.view()
	return n
}

// fillHeard says what the upstream says.
func (v *view) fillHeard(n *Node, m *member) {
	h := m.heard
	if h == nil {
		return
	}
	row := h.row
	n.Sender = &Sender{
		Of: h.of.name, PID: row.PID, State: plaintext.Line(row.State, 32),
		Sent: row.Sent, Write: row.Write, Flush: row.Flush, Replay: row.Replay,
		LastReply: secs(v.now.Sub(h.replied)), Gone: !h.gone.IsZero(), At: h.seen,
	}
	n.Sync = plaintext.Line(row.Sync, 16)
	if m.ghost {
		n.Role = "replica"
		n.LSN.Replay, n.LSN.Receive = row.Replay, row.Flush
	}
	if !h.gone.IsZero() {
		return
	}
	if row.ReplayLag != nil {
		n.ReplayLag = secs(*row.ReplayLag)
	}
}

// fillReading says what the node itself said.
func (v *view) fillReading(n *Node, m *member) {
	r := m.last
	if r == nil {
		v.behind(n, m)
		return
	}
	n.Role = role(r)
	n.Version = version(r.Version)
	n.BootAt, n.ReadAt = r.Boot, r.Received
	n.RTT = secs(r.Received.Sub(r.Sent))
	n.Privileges = "basic"
	if r.Monitor {
		n.Privileges = "full"
	}
	n.ReadOnly = r.ReadOnly
	n.LSN = r.Positions
	n.Feedback = r.Feedback
	n.Waiters = r.SyncWaiters
	n.WaitEvent = plaintext.Line(r.StartupWait, 64)
	switch {
	case r.Watchers > 0:
		n.Watcher = "0.3"
	case r.Watchers == 0:
		n.Watcher = "none"
	}
	if !r.InRecovery {
		if k, ok := m.ring.newest(); ok {
			n.LSN.Flush = max(n.LSN.Flush, k.lsn)
			n.LSN.Write = max(n.LSN.Write, n.LSN.Flush)
		}
		return
	}
	n.LSN.Flush, n.LSN.Write, n.LSN.Insert = 0, 0, 0
	n.Paused = r.Paused
	n.ApplyDelay = r.ApplyDelay.Seconds()
	if w := r.Receiver; w != nil {
		n.Receiver = &Receiver{PID: w.PID, Status: plaintext.Line(w.Status, 32), Host: shownHost(w.Host), Port: w.Port, Slot: w.Slot}
		if age, ok := m.messageAge(); ok {
			n.Receiver.LastMessage = secs(age)
		}
	}
	if len(r.Blockers) > 0 {
		n.Blocker = &r.Blockers[0]
	}
	n.Conflicts = m.conflictRate()
	v.behind(n, m)
	if n.State == Unreachable || m.twin != nil {
		return
	}
	n.Receive, n.Replay = m.history.rates()
	if !good(n.State) { // or it is as far behind as it is meant to be
		n.ETA = eta(n.Behind.Total, n.Replay, v.walRate(v.t.root(m)))
	}
	n.Visible = m.visible.distribution(v.now)
}

// behind fills in the bytes.
func (v *view) behind(n *Node, m *member) {
	root := v.t.root(m)
	if root == nil || root == m || m.twin != nil || v.t.foreign(m) {
		return
	}
	h := m.heard
	if m.alive() && m.judged.lag.Kind != "" && m.judged.total >= 0 {
		total := m.judged.total
		n.Behind.Total = &total
		local := bytesBehind(received(m.last), m.last.Positions.Replay)
		n.Behind.ToReplay = &local
	}
	if h == nil || !h.everything || !h.gone.IsZero() {
		v.behindHeld(n, m, root)
		return
	}
	row := h.row
	flush := max(row.Flush, n.Behind.flushed(m))
	write := max(row.Write, flush)
	stage := func(a, b LSN) *int64 {
		d := bytesBehind(a, b)
		return &d
	}
	if row.Sent != 0 { // or the sender has just begun
		n.Behind.Unsent = stage(h.limit, row.Sent)
		n.Behind.InFlight = stage(row.Sent, write)
		n.Behind.ToFlush = stage(write, flush)
	}
	if n.Behind.ToReplay == nil {
		n.Behind.ToReplay = stage(flush, max(row.Replay, m.replayed))
	}
	v.behindHeld(n, m, root)
}

// flushed is what the node itself says it has on disk; 0: it cannot be asked.
func (Behind) flushed(m *member) LSN {
	if !m.alive() {
		return 0
	}
	return received(m.last)
}

// behindHeld is the total for a node that cannot be asked: from what it last told.
func (v *view) behindHeld(n *Node, m, root *member) {
	if n.Behind.Total != nil || m.alive() {
		return
	}
	told := m.replayed
	if m.heard != nil {
		told = max(told, m.heard.row.Replay)
	}
	k, ok := root.ring.newest()
	if !ok || told == 0 {
		return
	}
	d := bytesBehind(k.lsn, told)
	n.Behind.Total = &d
}

// level of a node's state, which a lag at the critical limit raises.
func (v *view) level(m *member) Level {
	l := RuleOf(m.standing.state).Level
	switch m.standing.state {
	case CatchUp, FallingBehind, Lagging, Paused, Detached, Silent, Blocked:
		if v.atLeast(m.lag, v.t.s.Critical) {
			return LevelCritical
		}
	case Unreachable:
		if v.atLeast(m.lag, v.t.s.Critical) || m == v.t.primary && v.down(m) {
			return LevelCritical
		}
	}
	return l
}

// atLeast tells whether a lag is that long for certain, and was judged lately.
func (v *view) atLeast(l Lag, d time.Duration) bool {
	return l.Lo != nil && l.Kind != LagUnknown && *l.Lo >= d.Seconds() && v.now.Sub(l.At) < v.stale()
}

// stale is when what was judged says nothing of now any more.
func (v *view) stale() time.Duration { return max(10*v.t.s.Interval, 15*time.Second) }

// version is server_version_num as people write it.
func version(n int) string {
	switch {
	case n <= 0:
		return ""
	case n < 100000:
		return fmt.Sprintf("%d.%d.%d", n/10000, n/100%100, n%100)
	}
	return strconv.Itoa(n/10000) + "." + strconv.Itoa(n%10000)
}

// auroraLag is what Aurora says of a node.
func auroraLag(m, root *member) (Lag, bool) {
	for _, of := range []*member{m, root} {
		if of.last == nil {
			continue
		}
		for _, row := range of.last.Aurora {
			if row.Writer || !isServer(m, row.Server) {
				continue
			}
			lo := row.Lag.Seconds()
			hi := lo
			if !row.At.IsZero() && !of.last.Now.IsZero() {
				hi += max(of.last.Now.Sub(row.At), 0).Seconds()
			}
			est := lo
			return Lag{At: of.last.Received, Lo: &lo, Hi: &hi, Est: &est, Kind: LagBounded, Source: FromAurora}, true
		}
	}
	return Lag{}, false
}

// isServer tells whether an instance of Aurora is m: its endpoint begins with the name of the instance.
func isServer(m *member, server string) bool {
	if server == "" {
		return false
	}
	host := m.conf.Host
	return m.conf.Name == server || host == server || len(host) > len(server) && host[:len(server)] == server && host[len(server)] == '.'
}
