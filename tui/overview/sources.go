package overview

import (
	"cmp"

	"ops-console/ops/health"
	"ops-console/themes"
	"ops-console/tui/paint"
	"ops-console/tui/pane"
	"ops-console/tui/prose"
	"ops-console/tui/stack"
	"ops-console/wg"
)

// fact is a source and how it is doing: a line with its name, a word and a figure at the end, and more below.
type fact struct {
	mark  paint.Mark
	name  string
	word  string
	right paint.Part
	more  []paint.Part // wrapped
}

const nameCells = 10 // of the longest name, "platform", and two blanks

// longestFact is how many lines an error, or what to do about it, may take.
const longestFact = 5

// sources says how well each source of facts is doing. It is what there is to look at while nothing else is known, so
// errors are told in full, with what to do about them.
//
// lead is how far the lines under the heading are indented.
func (p *Pane) sources(env *pane.Env, s *health.Snapshot, w, lead int) stack.Section {
	facts := []fact{
		p.network(env),
		p.source(env, "platform", s.Sources.Platform),
		p.source(env, "DNS", s.Sources.DNS),
		p.source(env, "probes", s.Sources.Probes),
	}
	if p.hasDB {
		facts = append(facts, p.database(env))
	}
	return p.factsSection(env, "SOURCES", "", facts, w, lead)
}

func (p *Pane) factsSection(env *pane.Env, title, right string, facts []fact, w, lead int) stack.Section {
	indent := lead + 2
	type line struct {
		of   *fact
		role themes.Role
		text string
	}
	var lines []line
	for i := range facts {
		f := &facts[i]
		lines = append(lines, line{of: f})
		for _, m := range f.more {
			room := w - indent
			if m.Role == themes.Accent {
				room -= 2
			}
			for j, text := range prose.Wrap(env.Glyphs, m.Text, room, longestFact) {
				switch {
				case m.Role == themes.Accent && j == 0:
					text = env.Glyphs.Right + " " + text
				case m.Role == themes.Accent:
					text = "  " + text
				}
				lines = append(lines, line{nil, m.Role, text})
			}
		}
	}
	most := 1 + len(lines)
	return stack.Section{Least: min(most, 1+len(facts)), Most: most, Draw: func(b *paint.Block, w, x, y int) {
		var parts []paint.Part
		if right != "" {
			parts = []paint.Part{{Role: themes.Muted, Text: right}}
		}
		b.Line().Rule(title, parts...)
		// Where there is no room for all that is to be said, one line for each source comes first, then what is wrong
		// and what to do about it, then the rest.
		spare := b.Rest() - len(facts)
		urgent := 0
		for _, ln := range lines {
			if ln.of == nil && ln.role != themes.Faint {
				urgent++
			}
		}
		quiet := spare - urgent
		for _, ln := range lines {
			if ln.of == nil {
				left := &spare
				if ln.role == themes.Faint {
					left = &quiet
				}
				if *left--; *left >= 0 {
					b.Line().Gap(indent).Text(ln.role, ln.text)
				}
				continue
			}
			l := b.Line().Gap(lead).Text(ln.of.mark.Role, ln.of.mark.Glyph).Gap(1)
			l.Cell(themes.Plain, ln.of.name, nameCells, paint.Left).Text(ln.of.mark.Role, ln.of.word)
			l.Right(ln.of.right)
		}
	}}
}

// source is one of the three sources of a snapshot. One that failed is unknown, not red: it says nothing of the app.
func (p *Pane) source(env *pane.Env, name string, s health.Source) fact {
	f := fact{name: name, right: paint.Part{Role: themes.Muted, Text: paint.Ago(env.Now, s.GoodAt)}}
	switch {
	case s.OK:
		f.mark, f.word = paint.Mark{Glyph: env.Glyphs.OK, Role: themes.OK}, "ok"
		return f
	case s.At.IsZero():
		f.mark, f.word = paint.Mark{Glyph: env.Glyphs.Queued, Role: themes.Pending}, "not asked yet"
		f.right.Text = ""
	case s.GoodAt.IsZero():
		f.mark, f.word = paint.Mark{Glyph: env.Glyphs.Unknown, Role: themes.Stale}, "not answered"
		f.right.Text = "asked " + paint.Ago(env.Now, s.At)
	default:
		f.mark, f.word = paint.Mark{Glyph: env.Glyphs.Unknown, Role: themes.Stale}, "not answering"
		f.right = paint.Part{Role: themes.Stale, Text: "facts " + paint.Old(env.Now, s.GoodAt)}
	}
	f.more = told(s.Error, s.Hint)
	return f
}

// told is an error and what to do about it, where there is one.
func told(text, hint string) []paint.Part {
	var out []paint.Part
	if text != "" {
		out = append(out, paint.Part{Role: themes.Muted, Text: text})
	}
	if hint != "" {
		out = append(out, paint.Part{Role: themes.Accent, Text: hint})
	}
	return out
}

// network is how the private network is doing.
func (p *Pane) network(env *pane.Env) fact {
	s := p.net
	f := fact{name: "network"}
	switch {
	case p.joining:
	case p.feed.Value != nil:
		f.mark, f.word = paint.Mark{Glyph: env.Glyphs.Unknown, Role: themes.Stale}, "not joined"
		f.more = []paint.Part{{Role: themes.Muted, Text: "tried again every 30 s"}}
		return f
	default:
		f.mark, f.word = paint.Mark{Glyph: env.Glyphs.Queued, Role: themes.Pending}, "not joined yet"
		return f
	}
	held := since(env.Now, s.Since)
	f.right = paint.Part{Role: themes.Muted, Text: held}
	switch s.State {
	case wg.StateUp:
		f.mark, f.word = paint.Mark{Glyph: env.Glyphs.OK, Role: themes.OK}, "up"
		if s.RTT > 0 {
			f.right.Text = "answers in " + paint.Latency(s.RTT)
		}
	case wg.StateConnecting:
		f.mark, f.word = paint.Mark{Glyph: p.spinner(env), Role: themes.Info}, "connecting"
		f.right.Text = prefixed("for ", held)
	case wg.StateSuspect:
		f.mark, f.word = paint.Mark{Glyph: env.Glyphs.Warn, Role: themes.Warn}, "being checked"
		f.right.Text = prefixed("for ", held)
	case wg.StateDNSDown:
		f.mark, f.word = paint.Mark{Glyph: env.Glyphs.Warn, Role: themes.Warn}, "up, without DNS"
		f.right.Text = prefixed("for ", held)
	case wg.StateClosed:
		f.mark, f.word = paint.Mark{Glyph: env.Glyphs.Stopped, Role: themes.Muted}, "left"
	default:
		f.mark, f.word = paint.Mark{Glyph: env.Glyphs.Warn, Role: themes.Warn}, "dead"
		f.right.Text = prefixed("for ", held)
	}
	f.more = append(told(s.Cause, s.Advice), paint.Part{Role: themes.Faint, Text: way(s)})
	if s.State == wg.StateUp || s.Rx+s.Tx > 0 {
		if s.HandshakeKnown {
			f.more = append(f.more, paint.Part{Role: themes.Faint, Text: "handshake " + paint.Ago(env.Now, s.HandshakeAt)})
		}
		f.more = append(f.more, paint.Part{Role: themes.Faint, Text: "rx " + rate(s.RxRate) + ", tx " + rate(s.TxRate)})
	}
	if s.Heals > 0 {
		text := paint.Count(s.Heals, "repair", "repairs")
		if s.LastHeal != "" {
			text += ", the latest: " + s.LastHeal
		}
		f.more = append(f.more, paint.Part{Role: themes.Faint, Text: text})
	}
	return f
}

// way is how the network is reached: "user-mode, udp 203.0.113.7:51820".
func way(s wg.Status) string {
	var text string
	switch s.Kind {
	case wg.KindUser:
		text = "user-mode"
	case wg.KindInterface:
		text = "interface " + cmp.Or(s.Device, "of this machine")
	case wg.KindShared:
		text = "tunnel of another console"
	case wg.KindDirect:
		text = "directly: this machine is inside"
	default:
		text = string(s.Kind)
	}
	if s.Transport != "" {
		text += ", " + s.Transport
	}
	if s.Endpoint != "" {
		text += " " + s.Endpoint
	}
	return text
}

// rate is bytes a second.
func rate(perSecond float64) string { return paint.Bytes(int64(perSecond)) + "/s" }

func prefixed(prefix, s string) string {
	if s == "" {
		return ""
	}
	return prefix + s
}

// spinner is the frame of the spinner for a moment.
func (p *Pane) spinner(env *pane.Env) string {
	frames := env.Glyphs.Running
	if env.ReducedMotion {
		return frames[0]
	}
	eighth := env.Now.UnixMilli() / 125
	return frames[int(uint64(eighth)%uint64(len(frames)))]
}

// waiting is the whole pane before the first snapshot: what is being done, and what waits for what.
func (p *Pane) waiting(env *pane.Env, w int) []stack.Section {
	facts := []fact{p.network(env)}
	machines := fact{mark: paint.Mark{Glyph: p.spinner(env), Role: themes.Info}, name: "platform", word: "being asked for the machines"}
	if p.feed.Err != nil {
		machines = fact{
			mark: paint.Mark{Glyph: env.Glyphs.Unknown, Role: themes.Stale}, name: "machines", word: "could not be read",
			right: paint.Part{Role: themes.Muted, Text: prefixed("for ", since(env.Now, p.failing))},
			more:  told(p.feed.Err.Error(), ""),
		}
	}
	queued := paint.Mark{Glyph: env.Glyphs.Queued, Role: themes.Pending}
	facts = append(facts, machines,
		fact{mark: queued, name: "DNS", word: "after the network"},
		fact{mark: queued, name: "probes", word: "after the network and the list of machines"},
	)
	right := ""
	if !p.net.Since.IsZero() {
		right = since(env.Now, p.net.Since)
	}
	s := p.factsSection(env, "JOINING THE NETWORK", right, facts, w, 1)
	if p.net.State == wg.StateUp {
		s = p.factsSection(env, "FIRST READING", right, facts, w, 1)
	}
	s.Least = s.Most
	return []stack.Section{s}
}

// nothing takes the place of regions and machines where none is known.
func (p *Pane) nothing(env *pane.Env, w int) stack.Section {
	s := p.feed.Value
	mark, text := paint.Level(env.Glyphs, health.LevelUnknown), ""
	switch src := s.Sources.Platform; {
	case src.OK:
		mark = paint.Level(env.Glyphs, health.LevelStopped)
		text = "The platform lists no machine of " + cmp.Or(s.App, "this app") + " (asked " + paint.Ago(env.Now, src.GoodAt) + ")."
		if d := s.Sources.DNS; d.OK {
			text += " The network's DNS knows none either."
		}
	case src.At.IsZero():
		text = "Not known yet: the platform has not been asked."
	default:
		text = "Not known: the platform has never answered."
		if src.Error != "" {
			text += " What it said is below."
		}
	}
	lines := prose.Wrap(env.Glyphs, text, w-3, 3)
	n := 1 + len(lines)
	return stack.Section{Least: n, Most: n, Draw: func(b *paint.Block, w, x, y int) {
		b.Line().Rule("MACHINES")
		for i, text := range lines {
			l := b.Line().Gap(1)
			if i == 0 {
				l.Text(mark.Role, mark.Glyph).Gap(1).Text(themes.Plain, text)
			} else {
				l.Gap(2).Text(themes.Plain, text)
			}
		}
	}}
}
