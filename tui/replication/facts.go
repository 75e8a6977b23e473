package replication

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
	"time"

	"ops-console/ops/health"
	"ops-console/ops/replication"
	"ops-console/themes"
	"ops-console/tui/paint"
	"ops-console/tui/pane"
	"ops-console/tui/prose"
	"ops-console/tui/stack"
)

// some are those sections that have anything to show.
func some(ss ...stack.Section) []stack.Section {
	return slices.DeleteFunc(ss, func(s stack.Section) bool { return s.Most == 0 })
}

// notes are what keeps the console from knowing more, and how to mend it.
func (p *Pane) notes(env *pane.Env, w int) stack.Section {
	type line struct {
		first bool
		text  string
	}
	var lines []line
	for _, n := range p.feed.Value.Notes {
		for i, text := range prose.Wrap(env.Glyphs, n, w-3, 3) {
			lines = append(lines, line{i == 0, text})
		}
	}
	if len(lines) == 0 {
		return stack.Section{}
	}
	return stack.Section{Least: 2, Most: 1 + len(lines), Draw: func(b *paint.Block, w, x, y int) {
		b.Line().Rule("NOT READABLE", paint.Part{Role: themes.Muted, Text: "y copies the statement"})
		for _, ln := range lines {
			l := b.Line().Gap(1)
			if ln.first {
				l.Text(themes.Stale, env.Glyphs.Unknown).Gap(1)
			} else {
				l.Gap(2)
			}
			l.Text(themes.Plain, ln.text)
		}
	}}
}

// nowAs is a level that was made from what some nodes said: it is not known any more where one of them says nothing now.
func (p *Pane) nowAs(l replication.Level, nodes ...string) paint.Mark {
	unknown := paint.Level(p.glyphs, health.LevelUnknown)
	m := paint.Level(p.glyphs, health.Level(l))
	if l != replication.LevelOK {
		return m
	}
	for i := range p.rows {
		if r := &p.rows[i]; slices.Contains(nodes, r.Name) && (p.mark(r) == unknown || r.State == replication.Unreachable) {
			return unknown
		}
	}
	return m
}

// regions are what somebody who writes from there feels.
func (p *Pane) regions(env *pane.Env) stack.Section {
	rr := p.feed.Value.Regions
	if len(rr) == 0 {
		return stack.Section{}
	}
	return stack.Section{Least: 2 + min(len(rr), 3), Most: 2 + len(rr), Draw: func(b *paint.Block, w, x, y int) {
		b.Line().Rule("WRITERS", paint.Part{Role: themes.Muted, Text: "what a region sees of its own writes"})
		b.Line().Gap(3).Cell(themes.Faint, "REGION", 7, paint.Left).Cell(themes.Faint, "P50", 7, paint.Right).Gap(1).Cell(themes.Faint, "P95", 7, paint.Right).Gap(2).Text(themes.Faint, "RPC_AND_WAIT")
		for i := range rr[:min(len(rr), b.Rest())] {
			p.regionLine(b.Line(), &rr[i])
		}
	}}
}

func (p *Pane) regionLine(l *paint.Line, r *replication.Region) {
	m := p.nowAs(r.Level, r.Nodes...)
	l.Gap(1).Text(m.Role, m.Glyph).Gap(1).Cell(themes.Plain, r.Code, 7, paint.Left)
	p50, p95 := p.glyphs.Dash, p.glyphs.Dash
	d := r.Waits
	if d == nil {
		d = r.Visible
	}
	if d != nil && d.N > 0 {
		p50, p95 = d.Text(d.P50), d.Text(d.P95)
	}
	l.Cell(themes.Muted, p50, 7, paint.Right).Gap(1).Cell(themes.Muted, p95, 7, paint.Right).Gap(2)
	text, role := r.Verdict, themes.Muted
	switch {
	case r.TimesOut:
		text, role = cmp.Or(text, "raises"), themes.Crit
	case r.InsertGap:
		text, role = cmp.Or(text, "may raise although nothing is behind"), themes.Warn
	case r.UntilRaise != nil:
		text, role = "raises in "+span(r.UntilRaise)+prefixed(", ", text), themes.Warn
	}
	l.Text(role, text)
}

// slots are what keeps WAL on the primary, those in trouble first.
func (p *Pane) slots(env *pane.Env) stack.Section {
	ss := p.feed.Value.Slots
	if len(ss) == 0 {
		return stack.Section{}
	}
	var bad, good []*replication.Slot
	for i := range ss {
		if ss[i].Active && p.nowAs(ss[i].Level, ss[i].Node) == paint.Level(env.Glyphs, health.LevelOK) {
			good = append(good, &ss[i])
		} else {
			bad = append(bad, &ss[i])
		}
	}
	all := append(bad, good...)
	return stack.Section{Least: 1 + min(max(len(bad), 1), 3), Most: 1 + len(all), Draw: func(b *paint.Block, w, x, y int) {
		b.Line().Rule("SLOTS", paint.Part{Role: themes.Muted, Text: strconv.Itoa(len(ss)-len(bad)) + " of " + strconv.Itoa(len(ss)) + " well"})
		for i, s := range all {
			if left := len(all) - i; left > 1 && b.Rest() == 1 {
				text := strconv.Itoa(left) + " more"
				if i == 0 && len(bad) == 0 {
					text = "all in use, none near its limit"
				}
				b.Line().Gap(3).Text(themes.Muted, text)
				return
			}
			if b.Rest() == 0 {
				return
			}
			p.slotLine(b.Line(), s)
		}
	}}
}

func (p *Pane) slotLine(l *paint.Line, s *replication.Slot) {
	m := p.nowAs(s.Level, s.Node)
	l.Gap(1).Text(m.Role, m.Glyph).Gap(1).Max(themes.Plain, s.Name, 20).Gap(2)
	if s.Owner != "" && l.Rest() > 40 {
		l.Max(themes.Faint, s.Owner, 16).Gap(2)
	}
	l.Text(slotRole(s), slotText(s))
}

func slotRole(s *replication.Slot) themes.Role {
	switch s.Level {
	case replication.LevelCritical:
		return themes.Crit
	case replication.LevelWarning:
		return themes.Warn
	}
	return themes.Muted
}

// slotText is "lost in about 38m, inactive 2m 14s, keeps 188 MB of 16 GB".
func slotText(s *replication.Slot) string {
	var said []string
	say := func(t string) { said = append(said, t) }
	if s.WALStatus == "lost" {
		text := "lost"
		if s.Invalidation != "" {
			text += ": " + s.Invalidation
		}
		say(text)
	}
	switch {
	case s.WALStatus == "lost":
	case s.ETAToLoss != nil:
		say("lost in about " + span(s.ETAToLoss))
	case s.Safe != nil && *s.Safe < 0:
		say("may be lost at any time")
	}
	if !s.Active {
		text := "inactive"
		if s.InactiveFor != nil {
			text += " " + span(s.InactiveFor)
		}
		say(text)
	}
	if s.Retained != nil {
		text := "keeps " + size(s.Retained)
		if s.Safe != nil && *s.Safe > 0 {
			text += " of " + paint.Bytes(*s.Retained+*s.Safe)
		}
		say(text)
	}
	return strings.Join(said, ", ")
}

// readiness is what a failover now would mean.
func (p *Pane) readiness(env *pane.Env, w int) stack.Section {
	r := p.feed.Value.Readiness
	if r == nil {
		return stack.Section{}
	}
	mark := paint.Level(env.Glyphs, health.LevelOK)
	if !r.Safe {
		mark = paint.Level(env.Glyphs, health.LevelWarning)
	}
	if r.Safe {
		mark = p.nowAs(replication.LevelOK, r.Candidate, p.feed.Value.Primary)
	}
	var said []string
	if r.Candidate != "" {
		name := r.Candidate
		if r.Region != "" && !strings.HasPrefix(name, r.Region) {
			name = r.Region + " " + name
		}
		said = append(said, "best: "+name)
	}
	loss := size(r.LossBytes)
	if r.Loss != nil {
		loss = strings.TrimPrefix(loss+" or ", " or ") + paint.Lag(env.Glyphs, *r.Loss)
	}
	if loss != "" {
		said = append(said, "would lose "+loss)
	}
	if r.Backlog != nil {
		said = append(said, "ready after "+span(r.Backlog))
	}
	if len(r.Missing) > 0 {
		said = append(said, "lacks slots "+strings.Join(r.Missing, ", "))
	}
	said = append(said, r.Obstacles...)
	lines := prose.Wrap(env.Glyphs, strings.Join(said, ", "), w-3, 3)
	n := 2 + len(lines)
	return stack.Section{Least: 2, Most: n, Draw: func(b *paint.Block, w, x, y int) {
		b.Line().Rule("FAILOVER NOW")
		b.Line().Gap(1).Text(mark.Role, mark.Glyph).Gap(1).Text(themes.Plain, r.Verdict)
		for _, text := range lines[:min(len(lines), b.Rest())] {
			b.Line().Gap(3).Text(themes.Muted, text)
		}
	}}
}

// events are what changed, the newest first.
func (p *Pane) events(env *pane.Env) stack.Section {
	ee := p.feed.Value.Events
	if len(ee) == 0 {
		return stack.Section{}
	}
	return stack.Section{Least: 2, Most: 1 + len(ee), Patient: true, Draw: func(b *paint.Block, w, x, y int) {
		b.Line().Rule("EVENTS", paint.Part{Role: themes.Muted, Text: "newest first"})
		for i := range ee[:min(len(ee), b.Rest())] {
			p.eventLine(b.Line(), &ee[i], true)
		}
	}}
}

func (p *Pane) eventLine(l *paint.Line, e *replication.Event, named bool) {
	m := paint.Mark{Glyph: p.glyphs.Dot, Role: themes.Muted}
	if e.To != "" {
		m = paint.Level(p.glyphs, paint.StateLevel(e.To))
	}
	l.Text(themes.Faint, paint.Clock(p.now, e.At)).Gap(1).Text(m.Role, m.Glyph).Gap(1)
	if named && e.Node != "" {
		l.Max(themes.Muted, e.Node, 16).Gap(1)
	}
	l.Text(themes.Plain, e.Text)
	if e.LSN != 0 {
		l.Right(paint.Part{Role: themes.Faint, Text: "  " + e.LSN.String()})
	}
}

// probeFor is how long the result of a probe stays on the screen.
const probeFor = 10 * time.Minute

// probeSection is what was measured last.
func (p *Pane) probeSection(env *pane.Env) stack.Section {
	switch {
	case p.probing:
		return stack.Section{Least: 2, Most: 2, Draw: func(b *paint.Block, w, x, y int) {
			b.Line().Rule("PROBE")
			b.Line().Gap(1).Spinner(themes.Info, env.Now.UnixMilli()/125, env.ReducedMotion).Text(themes.Muted, " waiting until the write is seen everywhere")
		}}
	case p.probeAt.IsZero() || env.Now.Sub(p.probeAt) > probeFor || p.probed == nil && p.probeErr == nil:
		return stack.Section{}
	case p.probeErr != nil:
		return stack.Section{Least: 2, Most: 2, Draw: func(b *paint.Block, w, x, y int) {
			b.Line().Rule("PROBE", paint.Part{Role: themes.Muted, Text: paint.Ago(env.Now, p.probeAt)})
			b.Line().Gap(1).Text(themes.Stale, env.Glyphs.Unknown).Gap(1).Text(themes.Plain, p.probeErr.Error())
		}}
	}
	parts := probeParts(p.probed)
	return stack.Section{Least: 2, Most: 1 + (len(parts)+2)/3, Draw: func(b *paint.Block, w, x, y int) {
		b.Line().Rule("PROBE", paint.Part{Role: themes.Muted, Text: "write to visible, " + paint.Ago(env.Now, p.probeAt)})
		each := max((w-3)/3, 1)
		for len(parts) > 0 && b.Rest() > 0 {
			l := b.Line().Gap(3)
			for range min(3, len(parts)) {
				l.Cell(parts[0].Role, parts[0].Text, each-2, paint.Left).Gap(2)
				parts = parts[1:]
			}
		}
	}}
}
