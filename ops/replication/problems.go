package replication

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"ops-console/ops"
	"ops-console/ops/plaintext"
	"ops-console/ops/postgres"
)

// steady is how long a condition has to be gone before its next appearance counts as new.
const steady = 2 * time.Minute

// about tells problems apart.
type about struct {
	code    string
	subject ops.Subject
}

// memory is since when a condition holds, also across short gaps.
type memory struct {
	held map[about]held
	once bool // there is no past: nothing needs to have held
}

type held struct {
	since time.Time // as shown
	seen  time.Time // when it last held
}

// judge says what of what was found is shown: what has held long enough and is not explained by something else.
func (m *memory) judge(found []ops.Problem, now time.Time) []ops.Problem {
	maps.DeleteFunc(m.held, func(_ about, h held) bool { return now.Sub(h.seen) > steady })
	holds := make(map[about]bool, len(found))
	for _, p := range found {
		holds[about{p.Code, node(p.Subject)}] = true
	}
	shown := []ops.Problem{}
	for _, p := range found {
		c := condition(p.Code)
		if !m.once { // where what is seen for the first time may be old
			p.Since = m.since(p, now)
			if now.Sub(p.Since) < c.After {
				continue
			}
		}
		if explained(c, p.Subject, holds) {
			continue
		}
		shown = append(shown, p)
	}
	ops.SortProblems(shown)
	return shown
}

// since is since when p, which holds now, has held.
func (m *memory) since(p ops.Problem, now time.Time) time.Time {
	k := about{p.Code, p.Subject}
	h, known := m.held[k]
	if !known {
		h = held{since: now}
	}
	if !p.Since.IsZero() && p.Since.Before(h.since) {
		h.since = p.Since
	}
	h.seen = now
	m.held[k] = h
	return h.since
}

// node is a subject without its path.
func node(s ops.Subject) ops.Subject {
	s.Path = ""
	return s
}

// explained tells whether something that c depends on holds for the same node, or for the whole cluster.
func explained(c ops.Condition, s ops.Subject, holds map[about]bool) bool {
	return slices.ContainsFunc(c.DependsOn, func(code string) bool {
		return holds[about{code, ops.Subject{}}] || holds[about{code, node(s)}]
	})
}

// byState are the states that are problems by themselves.
var byState = map[State]string{
	Foreign: codeForeign, Misrouted: codeMisrouted, Restored: codeRestored, Diverged: codeDiverged, Orphaned: codeOrphaned,
	Lost: codeLost, Paused: codePaused, Detached: codeDetached, Silent: codeSilent, Blocked: codeBlocked,
}

// findings are all conditions that hold, whether or not they are shown in the end.
func (v *view) findings(s *Snapshot) []ops.Problem {
	var pp []ops.Problem
	add := func(code string, sub ops.Subject, since time.Time, detail string) {
		pp = append(pp, condition(code).Of(sub, since, plaintext.Line(detail, maxReason)))
	}
	v.primaryFindings(add)
	for _, m := range v.order {
		v.nodeFindings(m, add)
	}
	v.slotFindings(add)
	for _, r := range s.Regions {
		v.regionFindings(r, add)
	}
	return pp
}

type adder func(code string, s ops.Subject, since time.Time, detail string)

func subject(m *member) ops.Subject { return ops.Subject{Region: m.conf.Region, Instance: m.name} }

func (v *view) primaryFindings(add adder) {
	t := v.t
	split := slices.DeleteFunc(slices.Clone(t.primaries), func(m *member) bool { return m.standing.state != SplitBrain })
	if len(split) > 1 {
		var names []string
		for _, m := range split {
			name := m.name
			if m.conf.Region != "" {
				name += " in " + m.conf.Region
			}
			names = append(names, fmt.Sprintf("%s on timeline %d", name, m.last.WALFileTLI))
		}
		add(codeSplitBrain, ops.Subject{}, split[0].standing.since, strings.Join(names, ", "))
	}
	switch p := t.primary; {
	case p != nil && !p.alive() && p.standing.state == Unreachable:
		code := codePrimaryUnread
		if v.down(p) {
			code = codePrimaryDown
		}
		add(code, ops.Subject{}, p.broken.since, p.name+": "+p.standing.reason)
	case p == nil && len(t.primaries) == 0 && len(t.list) > 0:
		v.headless(add)
	}
}

// headless finds out why no primary is known.
func (v *view) headless(add adder) {
	var unread []string
	answers := 0
	since := v.now
	for _, m := range v.t.list {
		switch {
		case m.ghost:
		case m.broken != nil:
			unread = append(unread, m.name)
			if m.broken.since.Before(since) {
				since = m.broken.since
			}
		case m.alive():
			answers++
		}
	}
	switch {
	case len(unread) > 0:
		add(codePrimaryUnread, ops.Subject{}, since, "no answer from "+strings.Join(unread, ", "))
	case answers > 0:
		add(codeNoPrimary, ops.Subject{}, time.Time{}, fmt.Sprintf("%d nodes answer, all in recovery", answers))
	}
}

// certain are failures in which the server, or its machine, says itself that it does not serve.
var certain = []postgres.FailureKind{postgres.FailRefused, postgres.FailStarting, postgres.FailShuttingDown, postgres.FailNoHotStandby}

// down tells whether a primary that cannot be read is down as far as can be told: it says so itself, or everybody who
// streamed from it has lost it too.
func (v *view) down(p *member) bool {
	if p.broken == nil {
		return false
	}
	heard, lone := 0, 0
	for _, m := range v.t.list {
		if m == p || m.up != p || !m.alive() || !m.recovering() {
			continue
		}
		if v.hears(m) {
			heard++
		} else if m.last.Receiver == nil {
			lone++
		}
	}
	return heard == 0 && (lone > 0 || slices.Contains(certain, p.broken.Kind))
}

func (v *view) nodeFindings(m *member, add adder) {
	st := m.standing
	sub := subject(m)
	if code, ok := byState[st.state]; ok {
		add(code, sub, st.since, st.reason)
	}
	if m.back != nil && st.state == SplitBrain {
		add(codeRestored, sub, m.back.at, st.reason)
	}
	if st.state == Unreachable && m != v.t.primary {
		add(codeUnreachable, sub, m.since(), st.reason)
	}
	if st.state == Unreachable || st.state == Foreign || st.state == Misrouted || !m.alive() {
		v.lagFindings(m, add)
		return
	}
	v.lagFindings(m, add)
	r := m.last
	if e := m.conf.Expect; e != "" && e != role(r) {
		add(codeRole, sub, time.Time{}, fmt.Sprintf("listed as %s, answers as %s", e, role(r)))
	}
	if k := m.clock.skew(); k != nil && max(k.Offset, -k.Offset)-k.Error > skewWarns.Seconds() {
		way := "ahead"
		if k.Offset < 0 {
			way = "behind"
		}
		add(codeSkew, sub, time.Time{}, fmt.Sprintf("%s %s of ours", length(duration(max(k.Offset, -k.Offset))), way))
	}
	if v.watcherMissing(m) {
		add(codeWatcher, sub, time.Time{}, fmt.Sprintf("%d sessions of the app", r.AppSessions))
	}
	if d := m.visible.distribution(v.now); r.InRecovery && d != nil && d.N >= fewestForDistributon && d.P95 > visibleWarns.Seconds() && r.ApplyDelay == 0 {
		add(codeVisible, sub, time.Time{}, fmt.Sprintf("p95 %s over 5 minutes", d.Text(d.P95)))
	}
	if r.InRecovery {
		return
	}
	if len(r.ReadOnly) > 0 {
		add(codeReadOnly, sub, time.Time{}, strings.Join(r.ReadOnly, ", "))
	}
	if r.SyncWaiters > 0 && r.SyncNames != "" && !slices.ContainsFunc(r.Senders, func(s SenderRow) bool { return s.Sync == "sync" || s.Sync == "quorum" }) {
		add(codeSyncBlocked, sub, time.Time{}, fmt.Sprintf("%d commits wait; synchronous_standby_names = %s", r.SyncWaiters, r.SyncNames))
	}
	if r.ArchiveFailing {
		add(codeArchive, sub, time.Time{}, "")
	}
}

// since is since when it cannot be read.
func (m *member) since() time.Time {
	if m.broken == nil {
		return m.standing.since
	}
	return m.broken.since
}

func (v *view) lagFindings(m *member, add adder) {
	l := m.lag
	if d := m.delay(); d > 0 && l.Lo != nil {
		lo := *l.Lo - d.Seconds()
		l.Lo = &lo
	}
	detail := func() string {
		lag := "lag " + m.lag.String()
		if l := m.lag; l.Kind == LagHint && l.Lo != nil {
			lag += ", for certain " + atLeast(*l.Lo)
		}
		reason := m.standing.reason
		if _, own := byState[m.standing.state]; own {
			reason = "" // which a problem of its own tells
		}
		return joined("; ", lag, strings.ReplaceAll(string(m.standing.state), "_", " "), reason)
	}
	if v.atLeast(l, v.t.s.Critical) {
		code := codeLag
		if v.served(m) {
			code = codeLagCritical
		}
		add(code, subject(m), time.Time{}, detail())
		return
	}
	if v.atLeast(l, v.t.s.Warn) {
		add(codeLag, subject(m), time.Time{}, detail())
	}
}

// delay is recovery_min_apply_delay: as far behind as that is as wanted.
func (m *member) delay() time.Duration {
	if m.last == nil {
		return 0
	}
	return m.last.ApplyDelay
}

// served tells whether instances read from m: where it is unknown where they run, they may. Nobody reads from a replica that
// is delayed on purpose, or waits there in the primary's region.
func (v *view) served(m *member) bool {
	if m.delay() > 0 || m.ghost && m.conf.Region == "" {
		return false
	}
	if p := v.t.root(m); p != nil && p.conf.Region != "" && p.conf.Region == m.conf.Region {
		return false
	}
	return len(v.t.s.AppRegions) == 0 || slices.Contains(v.t.s.AppRegions, m.conf.Region) || m.last != nil && (m.last.Watchers > 0 || m.last.AppSessions > 0)
}

func (v *view) slotFindings(add adder) {
	i := 0
	for _, m := range v.order {
		for _, known := range m.slots {
			s := &v.slots[i]
			i++
			if known.member != nil && known.member.standing.state == Lost {
				continue // which says all
			}
			sub := subject(m)
			sub.Path = s.Name
			switch {
			case s.WALStatus == "lost":
				add(codeSlotLost, sub, time.Time{}, joined(", ", s.Invalidation, figures(s)))
			case !s.Active && nearLoss(*s, m.last):
				add(codeSlotNearLoss, sub, time.Time{}, figures(s))
			}
			if unused(*s) {
				since := time.Time{}
				if s.InactiveFor != nil {
					since = v.now.Add(-duration(*s.InactiveFor))
				}
				add(codeSlotInactive, sub, since, figures(s))
			}
			if s.WALStatus != "lost" && retainsMuch(*s, m.last) {
				add(codeSlotRetains, sub, time.Time{}, figures(s))
			}
		}
	}
}

// figures of a slot, in one line.
func figures(s *Slot) string {
	var out []string
	if s.Owner != "" {
		out = append(out, "of "+s.Owner)
	}
	if s.InactiveFor != nil {
		out = append(out, "not used for "+length(duration(*s.InactiveFor)))
	}
	if s.Retained != nil {
		out = append(out, "keeps "+size(*s.Retained))
	}
	if s.Safe != nil {
		out = append(out, size(*s.Safe)+" left")
	}
	if s.ETAToLoss != nil {
		out = append(out, "lost in about "+length(duration(*s.ETAToLoss)))
	}
	return strings.Join(out, ", ")
}

func (v *view) regionFindings(r Region, add adder) {
	if r.InsertGap {
		add(codeInsertGap, ops.Subject{Region: r.Code}, time.Time{}, "")
	}
}

func (v *view) verdict(s *Snapshot) Verdict {
	switch {
	case slices.ContainsFunc(s.Problems, func(p ops.Problem) bool { return p.Severity == ops.Critical }):
		return Unhealthy
	case len(v.t.primaries) > 1:
		return Unhealthy
	case v.t.primary == nil || !v.t.primary.alive():
		return NotKnown
	}
	return Healthy
}

// notes are what limits the snapshot.
func (v *view) notes() []string {
	var out []string
	var basic []string
	user := ""
	var pooled, aurora []string
	for _, m := range v.order {
		if !m.alive() {
			continue
		}
		if c := m.last.Capabilities; !m.last.Monitor && !c.Aurora {
			basic = append(basic, m.name)
			user = cmp.Or(user, c.User)
		}
		if m.last.Capabilities.Pooler {
			pooled = append(pooled, m.name)
		}
		if m.last.Capabilities.Aurora {
			aurora = append(aurora, m.name)
		}
	}
	if len(basic) > 0 {
		out = append(out, fmt.Sprintf("%s: states of senders and receivers, what replay waits for and stages cannot be seen: on the primary: GRANT pg_monitor TO %s",
			some(basic), quoteIdent(cmp.Or(user, "current_user"))))
	}
	if len(pooled) > 0 {
		out = append(out, some(pooled)+": behind a pooler, which may lead to another server each time: give the server's own address")
	}
	if len(aurora) > 0 {
		out = append(out, some(aurora)+": Aurora says the lag itself, every second or so; positions and stages are not known there")
	}
	return out
}

func some(names []string) string {
	if len(names) > 4 {
		return strings.Join(names[:3], ", ") + fmt.Sprintf(" and %d more", len(names)-3)
	}
	return strings.Join(names, ", ")
}

// quoteIdent is a name as an SQL identifier.
func quoteIdent(s string) string {
	s = plaintext.Line(s, 63)
	plain := s != "" && strings.IndexFunc(s, func(r rune) bool { return !(r == '_' || r >= 'a' && r <= 'z' || r >= '0' && r <= '9') }) < 0
	if plain && (s[0] < '0' || s[0] > '9') {
		return s
	}
	return `"` + strings.ReplaceAll(s, `"`, `""`) + `"`
}
