package replication

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"ops-console/ops/plaintext"
	"ops-console/ops/postgres"
)

// maxReason bounds a reason, in characters.
const maxReason = 240

// check says whether a state holds for a node, and why.
type check struct {
	state State
	holds func(*view, *member) (reason string, ok bool)
}

// checks are in the order of precedence.
var checks = []check{
	{Unreachable, unreachable},
	{Foreign, foreign},
	{Misrouted, misrouted},
	{SplitBrain, splitBrain},
	{Restored, restored},
	{Primary, leads},
	{Diverged, diverged},
	{Orphaned, orphaned},
	{Lost, lost},
	{Paused, paused},
	{Detached, detached},
	{Silent, silent},
	{Blocked, blocked},
	{Delayed, delayed},
	{CatchUp, catchesUp},
	{FallingBehind, fallsBehind},
	{Lagging, lags},
	{Streaming, streams},
}

// raw is the state that the newest readings show.
func (v *view) raw(m *member) (State, string) {
	for _, c := range checks {
		if reason, ok := c.holds(v, m); ok {
			return c.state, plaintext.Line(reason, maxReason)
		}
	}
	return StateUnknown, ""
}

func unreachable(v *view, m *member) (string, bool) {
	if m.broken == nil {
		return "", false
	}
	return joined("; ", fmt.Sprintf("no answer for %s: %s", length(v.now.Sub(m.broken.since)), m.broken.Text), v.seenElsewhere(m)), true
}

// seenElsewhere is what others say of a node that cannot be read.
func (v *view) seenElsewhere(m *member) string {
	switch h := m.heard; {
	case h == nil:
		var got []string
		for _, o := range v.t.list {
			if o.alive() && o.recovering() && o.up == m && v.hears(o) {
				got = append(got, o.name)
			}
		}
		if len(got) > 0 {
			return "it still sends WAL to " + strings.Join(got, ", ")
		}
		return ""
	case !h.of.alive():
		return ""
	case !h.gone.IsZero():
		return fmt.Sprintf("%s lost it %s ago", h.of.name, length(v.now.Sub(h.gone)))
	case h.everything && !h.fresh && h.came.Sub(h.replied) >= silence:
		return fmt.Sprintf("%s has a connection to it, but no reply for %s", h.of.name, length(v.now.Sub(h.replied)))
	default:
		return fmt.Sprintf("%s still sends to it", h.of.name)
	}
}

// hears tells whether a replica had word from its upstream lately.
func (v *view) hears(m *member) bool {
	w := m.last.Receiver
	if w == nil || w.Status != "" && w.Status != "streaming" {
		return false
	}
	age, ok := m.messageAge()
	return ok && age < idleSilent && v.now.Sub(m.last.Received) < idleSilent
}

func foreign(v *view, m *member) (string, bool) {
	if !v.t.foreign(m) {
		return "", false
	}
	return fmt.Sprintf("its system identifier is %s, that of the cluster %s: another database", m.system, v.t.system), true
}

func misrouted(_ *view, m *member) (string, bool) {
	if m.twin == nil {
		return "", false
	}
	what := m.twin.name
	if m.leading() {
		what = "the primary, " + what
	}
	reason := "this address leads to " + what
	if m.last.Address != "" && m.last.Address != m.conf.Host {
		reason += " (" + m.last.Address + ")"
	}
	if m.conf.Port == flexProxyPort && m.conf.Expect == postgres.RoleReplica {
		reason += fmt.Sprintf("; port %d is the machine's own", flexOwnPort)
	}
	return reason, true
}

// Ports of Fly Postgres: on every machine the first leads to the primary, the second to the machine's own server.
const (
	flexProxyPort = 5432
	flexOwnPort   = 5433
)

func splitBrain(v *view, m *member) (string, bool) {
	if len(v.t.primaries) < 2 || !slices.Contains(v.t.primaries, m) {
		return "", false
	}
	var others []string
	for _, o := range v.t.primaries {
		if o != m {
			others = append(others, fmt.Sprintf("%s (timeline %d, at %s)", o.name, o.last.WALFileTLI, o.last.Positions.Flush))
		}
	}
	reason := fmt.Sprintf("takes writes on timeline %d at %s, and so does %s", m.last.WALFileTLI, m.last.Positions.Flush, strings.Join(others, " and "))
	if m.back != nil {
		reason += fmt.Sprintf("; its WAL ends before where it was seen to be (%s): a restored backup", m.back.from)
	}
	return reason, true
}

func restored(_ *view, m *member) (string, bool) {
	if m.back == nil || !m.leading() {
		return "", false
	}
	return fmt.Sprintf("its WAL was seen to reach %s and ended at %s, %s before: a restored backup; replicas that have more cannot follow",
		m.back.from, m.back.to, size(int64(m.back.from-m.back.to))), true
}

func leads(_ *view, m *member) (string, bool) {
	if !m.leading() {
		return "", false
	}
	if m.conf.Expect == postgres.RoleReplica {
		return "listed as a replica: it was promoted, or this address leads to the primary", true
	}
	return "", true
}

// forked is what a replica on an older timeline than its primary has to do with the fork.
type forked struct {
	own, primary uint32
	name         string
	fork         LSN
	replay       LSN
}

func (v *view) forked(m *member) (forked, bool) {
	root := v.t.root(m)
	if !m.recovering() || root == nil || root == m || root.last == nil {
		return forked{}, false
	}
	own, from := timelineOf(m)
	primary, _ := timelineOf(root)
	// The control file of a node that follows can be old.
	if own == 0 || own >= primary || from == "control" && (m.heard.attached() || m.last.Receiver != nil) {
		return forked{}, false
	}
	return forked{own, primary, root.name, v.t.forkAfter(own, primary), m.last.Positions.Replay}, true
}

func diverged(v *view, m *member) (string, bool) {
	f, ok := v.forked(m)
	if !ok || f.fork == 0 || f.replay <= f.fork {
		return "", false
	}
	return fmt.Sprintf("replayed %s of timeline %d past %s, where timeline %d of %s begins: it cannot follow; pg_rewind or a new copy",
		size(int64(f.replay-f.fork)), f.own, f.fork, f.primary, f.name), true
}

func orphaned(v *view, m *member) (string, bool) {
	f, ok := v.forked(m)
	switch {
	case !ok:
		return "", false
	case f.fork == 0:
		return fmt.Sprintf("on timeline %d, %s is on %d; where that begins is unknown", f.own, f.name, f.primary), true
	}
	return fmt.Sprintf("on timeline %d, %s is on %d since %s: it can follow if it is pointed there (primary_conninfo)", f.own, f.name, f.primary, f.fork), true
}

func lost(v *view, m *member) (string, bool) {
	if m.last != nil && !m.recovering() {
		return "", false
	}
	if sl, on := v.t.slotOf(m); sl != nil && sl.WALStatus == "lost" {
		return joined("; ", fmt.Sprintf("its slot %s on %s is lost: WAL that it needs is gone", sl.Name, on.name), sl.Invalidation, "it needs a new copy"), true
	}
	n, moved := m.received.flapping(v.now)
	sent, sentMoved := m.sent.flapping(v.now)
	n = max(n, sent)
	if n < flaps || moved || sentMoved {
		return "", false
	}
	return fmt.Sprintf("its receiver was started %d times in %s and received nothing: the WAL that it needs is gone, or refused", n, flapsIn), true
}

func pausing(r *Reading) bool { return r.Paused != "" && r.Paused != "not paused" }

func paused(_ *view, m *member) (string, bool) {
	if !m.recovering() || !pausing(m.last) {
		return "", false
	}
	if m.last.Paused == "pause requested" {
		return "replay is asked to pause", true
	}
	return "replay is paused: pg_wal_replay_resume() goes on", true
}

func detached(v *view, m *member) (string, bool) {
	if m.lone.IsZero() || v.now.Sub(m.lone) <= detachedAfter && !v.t.s.Once {
		return "", false
	}
	if m.ghost {
		return fmt.Sprintf("%s lost it %s ago; no address of it is known", m.heard.of.name, length(v.now.Sub(m.lone))), true
	}
	reason := "no receiver"
	// Where its upstream was never seen, none of those that are read is it, and the primary is what it lacks.
	switch u := cmp.Or(m.up, v.t.root(m)); {
	case u != nil && u.alive():
		reason += ", and " + u.name + " does not send to it"
	case u != nil:
		reason += "; " + u.name + " cannot be read"
	}
	if sl, on := v.t.slotOf(m); sl != nil && !sl.Active {
		reason += fmt.Sprintf("; its slot %s on %s is not used", sl.Name, on.name)
	}
	// What has come over the network does not reach that far.
	if r := m.history.replayRate(); r != nil && r.Now > 0 && m.last.Positions.Replay > m.last.Positions.Receive {
		reason += "; it replays what an archive gives"
	}
	return reason, true
}

// connected says since when nothing connects a replica with an upstream.
func (m *member) connected() {
	lone := time.Time{}
	switch {
	case m.ghost:
		if m.heard != nil {
			lone = m.heard.gone
		}
	case !m.recovering(), m.last.Receiver != nil, m.heard.attached(), m.last.Capabilities.Aurora, m.last.Capabilities.Neon:
	default:
		lone = cmp.Or(m.lone, m.last.Received)
	}
	m.lone = lone
}

// messageAge is how long the receiver had heard nothing: by the node's own clock, but no longer than since the last reading
// before it was seen to hear something. A clock that was set meanwhile says anything.
func (m *member) messageAge() (time.Duration, bool) {
	r := m.last
	if r.Receiver == nil || r.Receiver.LastGot.IsZero() || r.Now.IsZero() {
		return 0, false
	}
	age := max(r.Now.Sub(r.Receiver.LastGot), 0)
	if !m.word.IsZero() {
		age = min(age, r.Received.Sub(m.word))
	}
	return age, true
}

func silent(v *view, m *member) (string, bool) {
	if !m.recovering() || m.last.Receiver == nil {
		return "", false
	}
	w := m.last.Receiver
	if w.Status != "" && w.Status != "streaming" {
		return "", false
	}
	age, known := m.messageAge()
	who := "its receiver has heard nothing"
	if !known {
		h := m.heard
		if !h.attached() || !h.everything {
			return "", false
		}
		age = h.came.Sub(h.replied)
		who = h.of.name + " has had no reply"
	}
	missing := v.missing(m)
	switch {
	case age > silentAfter && missing > 0:
		return fmt.Sprintf("%s for %s, and %s have not arrived: the link is dead", who, length(age), size(missing)), true
	case age > idleSilent:
		return fmt.Sprintf("%s for %s: the link is dead", who, length(age)), true
	}
	return "", false
}

// missing is how much WAL there was upstream, before the node was read, that it had not received.
func (v *view) missing(m *member) int64 {
	got := received(m.last)
	if m.last.Receiver != nil {
		got = max(got, m.last.Receiver.Written)
	}
	u := cmp.Or(m.up, v.t.root(m))
	if u == nil || u.last == nil {
		return 0
	}
	if u.last.InRecovery {
		return bytesBehind(head(u.last), got)
	}
	newest, _ := u.ring.newest()
	return bytesBehind(newest.lsn, got)
}

func blocked(_ *view, m *member) (string, bool) {
	if !m.recovering() || !strings.HasPrefix(m.last.StartupWait, "RecoveryConflict") {
		return "", false
	}
	if len(m.last.Blockers) == 0 {
		return "replay waits for a query (" + m.last.StartupWait + ")", true
	}
	b := m.last.Blockers[0]
	reason := fmt.Sprintf("replay waits for pid %d (%s): %s", b.PID, length(duration(b.Age)), cmp.Or(plaintext.Line(b.Query, 120), "its query cannot be read"))
	if b.MaxDelay != "" {
		reason += "; max_standby_streaming_delay = " + b.MaxDelay
	}
	return reason, true
}

// lagOf is the best single figure of a lag.
func lagOf(l Lag) (time.Duration, bool) {
	f := l.Est
	if f == nil {
		f = l.Lo
	}
	if f == nil || l.Kind == LagUnknown {
		return 0, false
	}
	return duration(*f), true
}

func delayed(v *view, m *member) (string, bool) {
	if !m.recovering() || m.last.ApplyDelay <= 0 {
		return "", false
	}
	l, known := lagOf(m.lag)
	if !known || l > m.last.ApplyDelay+v.t.s.Critical {
		return "", false
	}
	return "recovery_min_apply_delay = " + m.last.ApplyDelay.String(), true
}

func catchesUp(v *view, m *member) (string, bool) {
	sender := m.heard.attached() && m.heard.row.State == "catchup"
	l, known := lagOf(m.lag)
	far := known && l > v.t.s.Critical
	e := v.eta(m)
	switch {
	case !sender && (!far || e == nil), m.last != nil && !m.recovering():
		return "", false
	case e == nil:
		return "its sender reads older WAL (catchup)", true
	}
	return fmt.Sprintf("caught up in about %s at this rate", length(duration(*e))), true
}

func fallsBehind(v *view, m *member) (string, bool) {
	l, known := lagOf(m.lag)
	if !known || l <= v.t.s.Critical {
		return "", false
	}
	reason := "not getting nearer"
	if r := m.history.replayRate(); r != nil {
		reason = "replays " + size(int64(r.Now)) + "/s"
		if w := v.walRate(v.t.root(m)); w != nil {
			reason += ", the primary writes " + size(int64(w.Now)) + "/s"
		}
	}
	return joined("; ", v.upstreamStuck(m), reason), true
}

// upstreamStuck says what keeps the upstream of a cascaded replica from getting WAL itself; empty: nothing.
func (v *view) upstreamStuck(m *member) string {
	u := m.up
	if u == nil || u == v.t.root(m) {
		return ""
	}
	switch u.standing.state {
	case Lost, Detached, Silent, Unreachable:
		return fmt.Sprintf("its upstream %s is %s", u.name, u.standing.state)
	}
	return ""
}

func lags(v *view, m *member) (string, bool) {
	l, known := lagOf(m.lag)
	return "", known && l > v.t.s.Warn
}

func streams(v *view, m *member) (string, bool) {
	_, known := lagOf(m.lag)
	if m.ghost {
		return "", m.heard.attached() && (m.heard.row.State == "streaming" || m.heard.row.State == "")
	}
	if !m.recovering() || !known && m.last.Receiver == nil && !m.heard.attached() {
		return "", false
	}
	if len(v.t.primaries) > 1 {
		if root := v.t.root(m); root != nil {
			return fmt.Sprintf("follows %s, one of %d primaries", root.name, len(v.t.primaries)), true
		}
	}
	return "", true
}
