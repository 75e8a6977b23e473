package replication

import (
	"strconv"
	"strings"
	"time"

	"ops-console/ops"
	"ops-console/ops/postgres"
	"ops-console/ops/replication"
	"ops-console/themes"
	"ops-console/tui/page"
	"ops-console/tui/paint"
	"ops-console/tui/pane"
	"ops-console/tui/stack"
)

// besideAt is the width from which there is a second column; roomyAt the height from which the plot comes first.
const (
	besideAt = 160
	roomyAt  = 26
)

// View draws the pane: exactly h lines of exactly w cells.
func (p *Pane) View(env *pane.Env, w, h int) []string {
	p.glyphs, p.now, p.wide = env.Glyphs, env.Now, w >= besideAt
	p.hits = p.hits[:0]
	inner := max(w-2, 0)
	s := p.feed.Value
	if s == nil {
		b := paint.NewBlock(env.Theme, env.Glyphs, inner, h)
		if h >= 16 {
			b.Blank()
		}
		b.Append(p.unknown(env, inner).View(0, b.Rest())...)
		return paint.Margins(env.Theme, env.Glyphs, b.Lines(), w)
	}
	p.aged = p.age() > max(3*p.late(), 15*time.Second)
	r := p.selected()
	switch {
	case p.open && r != nil && !p.wide:
		return paint.Margins(env.Theme, env.Glyphs, p.drawDetail(env, r, inner, h, 1), w)
	case p.wide:
		side := min(max(inner*3/10, 54), 76)
		left := inner - side - 3
		main := stack.Column(env, left, h, 1, some(p.headline(env, left), p.plotSection(env), p.tableSection(env), p.why(env, left)))
		var second []string
		if p.open && r != nil {
			second = p.drawDetail(env, r, side, h, 1+left+3)
		} else {
			second = stack.Column(env, side, h, 1+left+3, some(p.notes(env, side), p.probeSection(env), p.regions(env), p.slots(env), p.readiness(env, side), p.events(env)))
		}
		return paint.Margins(env.Theme, env.Glyphs, paint.Beside(env.Theme, env.Glyphs, main, second), w)
	}
	return paint.Margins(env.Theme, env.Glyphs, stack.Column(env, inner, h, 1, p.oneColumn(env, inner, h)), w)
}

// oneColumn are the sections of a pane that has room for one column: where that is short, the nodes come before the plot.
func (p *Pane) oneColumn(env *pane.Env, w, h int) []stack.Section {
	head, chart, nodes, why := p.headline(env, w), p.plotSection(env), p.tableSection(env), p.why(env, w)
	var rest []stack.Section
	for _, s := range []stack.Section{p.regions(env), p.slots(env), p.readiness(env, w), p.events(env)} {
		rest = append(rest, stack.Beside(s))
	}
	if h < roomyAt {
		nodes.Least, chart.Least = min(nodes.Least, 7), min(chart.Least, 7)
		return some(append([]stack.Section{head, nodes, chart, stack.Beside(why)}, rest...)...)
	}
	first := []stack.Section{head, chart, nodes}
	if why.Aside { // nothing is wrong there
		rest = append(rest, why)
	} else {
		first = append(first, why)
	}
	return some(append(append(first, p.notes(env, w), p.probeSection(env)), rest...)...)
}

// age is how old the snapshot is.
func (p *Pane) age() time.Duration {
	if s := p.feed.Value; s != nil && !s.At.IsZero() {
		return p.now.Sub(s.At)
	}
	return p.now.Sub(p.feed.GoodAt)
}

// unknown is the pane before the first snapshot.
func (p *Pane) unknown(env *pane.Env, w int) *page.Page {
	g := page.New(env, w)
	lead := paint.Part{Role: themes.Stale, Text: env.Glyphs.Unknown}
	switch {
	case p.told && !p.known:
		g.Heading("REPLICATION", paint.Part{Role: themes.Muted, Text: "no database is configured"})
		g.Text(themes.Plain, 3, paint.Part{Role: themes.Muted, Text: env.Glyphs.Dot}, "Where the application's PostgreSQL is has not been said. One of these in ops-console.toml says it:", 3)
		for _, e := range []struct{ key, means string }{
			{`app = "changelog-db"`, "a Fly Postgres app: its machines are the nodes"},
			{`url_env = "DATABASE_URL"`, "an environment variable with the primary's URL"},
			{`url_file = "~/.secrets/db"`, "a file with nothing but that URL in it"},
			{`service = "changelog"`, "a name in your pg_service.conf"},
		} {
			g.Line(func(l *paint.Line) {
				l.Gap(5).Cell(themes.String, e.key, min(30, max(l.Rest()/2, 0)), paint.Left).Gap(2).Text(themes.Muted, e.means)
			})
		}
		g.Text(themes.Muted, 3, paint.Part{}, "They stand under [app.NAME.database]. docs/configuration.md lists them all, with those for replicas and for how lag is judged.", 3)
	case p.feed.Err != nil:
		g.Heading("REPLICATION", paint.Part{Role: themes.Stale, Text: "not known"})
		g.Text(themes.Plain, 3, lead, "The database could not be read: "+p.feed.Err.Error(), 6)
		g.Text(themes.Muted, 3, paint.Part{}, "Tried "+paint.Ago(env.Now, p.feed.At)+", and again all the time.", 1)
	case p.known:
		g.Heading("REPLICATION", paint.Part{Role: themes.Stale, Text: "not known yet"})
		g.Text(themes.Plain, 3, lead, "The nodes of the database are being asked for the first time.", 2)
	default:
		g.Heading("REPLICATION", paint.Part{Role: themes.Stale, Text: "not known yet"})
		g.Text(themes.Plain, 3, lead, "Nothing is known before the console is connected.", 2)
	}
	return g
}

// tally counts the problems that need a human.
func tally(s *replication.Snapshot) (critical, warning int) {
	for i := range s.Problems {
		switch s.Problems[i].Severity {
		case ops.Critical:
			critical++
		case ops.Warning:
			warning++
		}
	}
	return critical, warning
}

// headline is what is most wrong, or that nothing is, and what the primary does.
func (p *Pane) headline(env *pane.Env, w int) stack.Section {
	return stack.Section{Least: 2, Most: 2, Draw: func(b *paint.Block, w, x, y int) {
		p.verdict(b.Line())
		p.primaryLine(b.Line())
	}}
}

func (p *Pane) verdict(l *paint.Line) {
	s := p.feed.Value
	var right []paint.Part
	if critical, warning := tally(s); critical+warning > 0 {
		for _, c := range []struct {
			n    int
			role themes.Role
			word string
		}{{critical, themes.Crit, "critical"}, {warning, themes.Warn, "warning"}} {
			if c.n > 0 {
				right = append(right, paint.Part{Text: "  "}, paint.Part{Role: c.role, Text: strconv.Itoa(c.n) + " " + c.word})
			}
		}
	}
	if n := len(s.Notes); n > 0 {
		right = append(right, paint.Part{Role: themes.Stale, Text: "  " + p.glyphs.Unknown + " " + paint.Count(n, "note", "notes")})
	}
	if p.aged || p.feed.Err != nil {
		right = append(right, paint.Part{Role: themes.Stale, Text: "  " + p.glyphs.Unknown + " " + paint.Duration(p.age().Truncate(time.Second)) + " old"})
	}
	mark, strong, text := p.said(s)
	room := l.Rest()
	for _, r := range right {
		room -= paint.Width(r.Text, l.Glyphs)
	}
	l.Text(mark.Role, mark.Glyph).Gap(1)
	if strong != "" {
		l.Max(themes.Strong, strong, max(room/3, 12)).Gap(1)
	}
	l.Max(themes.Plain, text, room-l.X()-1).Right(right...)
}

// said is the headline: a mark, whom it is about, and what there is to say.
func (p *Pane) said(s *replication.Snapshot) (mark paint.Mark, who, text string) {
	unknown := paint.Level(p.glyphs, "")
	switch {
	case p.feed.Err != nil:
		return unknown, "", "The last reading failed: " + p.feed.Err.Error()
	case p.aged:
		return unknown, "", "Nothing new was read for " + paint.Duration(p.age().Truncate(time.Second)) + ": it may be different now."
	case len(s.Problems) > 0:
		pr := s.Problems[0]
		text = pr.Title
		if pr.Detail != "" {
			text += ": " + pr.Detail
		}
		who = pr.Subject.Instance
		if pr.Subject.Region != "" && !strings.HasPrefix(who, pr.Subject.Region) {
			who = strings.TrimSpace(pr.Subject.Region + " " + who)
		}
		return paint.Severity(p.glyphs, pr.Severity), who, text
	case s.Verdict == replication.NotKnown || s.Primary == "":
		return unknown, "", "Not everything is known yet."
	}
	var worst *row
	replicas, silent := 0, 0
	for i := range p.rows {
		r := &p.rows[i]
		if p.mark(r) == unknown {
			silent++
		}
		if !isPrimary(r.Node) {
			replicas++
			if worst == nil || lagOrder(r.Lag) > lagOrder(worst.Lag) {
				worst = r
			}
		}
	}
	if silent > 0 {
		return unknown, "", strconv.Itoa(silent) + " of " + paint.Count(len(p.rows), "node", "nodes") + ": not known how it is now."
	}
	if worst == nil {
		return paint.Level(p.glyphs, "ok"), "", "There is a primary and no replica."
	}
	text = "All " + paint.Count(replicas, "replica follows", "replicas follow")
	if replicas == 1 {
		text = "The one replica follows"
	}
	return paint.Level(p.glyphs, "ok"), "", text + ". Furthest behind: " + worst.label + ", " + paint.Lag(p.glyphs, worst.Lag) + "."
}

// primaryLine is what the primary does.
func (p *Pane) primaryLine(l *paint.Line) {
	s := p.feed.Value
	l.Gap(2)
	say := func(label, value string, r themes.Role) {
		if value != "" && l.Rest() > 12 {
			l.Text(themes.Faint, label+" ").Max(r, value, 30).Gap(3)
		}
	}
	if s.Primary == "" {
		n := 0
		for i := range p.rows {
			if p.rows[i].Role == postgres.RolePrimary {
				n++
			}
		}
		text := "no primary is known"
		if n > 1 {
			text = strconv.Itoa(n) + " nodes say that they are the primary"
		}
		l.Text(themes.Crit, text).Gap(3)
	} else {
		region := ""
		for i := range p.rows {
			if p.rows[i].Name == s.Primary {
				region = p.rows[i].Region
			}
		}
		name := s.Primary
		if region != "" && !strings.HasPrefix(name, region) {
			name = region + " " + name
		}
		say("primary", name, themes.Plain)
	}
	if s.Flush != 0 {
		text, role := s.Flush.String(), themes.Plain
		if age := number(s.FlushAge); age >= 3 {
			text, role = text+", "+paint.Span(age)+" old", themes.Stale
		}
		say("at", text, role)
	}
	say("writes", speed(s.WALRate), themes.Plain)
	if s.Timeline != 0 {
		say("timeline", strconv.FormatUint(uint64(s.Timeline), 10), themes.Plain)
	}
	if active := 0; len(s.Slots) > 0 {
		for i := range s.Slots {
			if s.Slots[i].Active {
				active++
			}
		}
		role := themes.Plain
		if active < len(s.Slots) {
			role = themes.Warn
		}
		say("slots", strconv.Itoa(active)+"/"+strconv.Itoa(len(s.Slots)), role)
	}
	if s.SystemID != "" && p.wide {
		say("system", s.SystemID, themes.Muted)
	}
}

// plotSection is the plot of the lag.
func (p *Pane) plotSection(env *pane.Env) stack.Section {
	readout := 0
	if !p.cursor.IsZero() {
		readout = 2
	}
	most := 15
	if p.wide {
		most = 40
	}
	return stack.Section{Least: 8 + readout, Most: most + readout, Patient: true, Draw: func(b *paint.Block, w, x, y int) {
		c := p.chart(env)
		right := []paint.Part{{Role: themes.Plain, Text: spanName(spans[p.span])}, {Role: themes.Muted, Text: "  log"}}
		if !p.log {
			right[1].Text = "  linear"
		}
		if p.marked {
			right = append(right, paint.Part{Role: themes.Muted, Text: "  " + deployed + " deploy " + promoted + " promoted"})
		} else {
			right = append(right, paint.Part{Role: themes.Muted, Text: "  no marks"})
		}
		b.Line().Rule("LAG", right...)
		h := b.Rest() - readout
		p.hits = append(p.hits, hit{partPlot, x, y + 1, w, h})
		b.Append(p.plot.View(env, c, w, h)...)
		if readout == 0 {
			return
		}
		l := b.Line().Gap(2)
		parts := p.readings(c)
		for i, part := range parts {
			more := p.glyphs.Ellipsis + strconv.Itoa(len(parts)-i) + " more"
			if paint.Width(part.Text, l.Glyphs)+2+len(more) > l.Rest() && i < len(parts)-1 {
				l.Text(themes.Muted, more)
				break
			}
			l.Text(part.Role, part.Text).Gap(2)
		}
		l = b.Line().Gap(2).Text(themes.Accent, paint.Clock(env.Now, p.plot.Window.Start(p.plot.Window.Cell(p.cursor)))).Gap(2)
		l.Text(themes.Muted, p.nearMarks())
	}}
}

// tableSection is the table of the nodes.
func (p *Pane) tableSection(env *pane.Env) stack.Section {
	n, total := p.table.Len()
	return stack.Section{Least: 2 + min(max(n, 1), 6), Most: 2 + max(n, 1), Draw: func(b *paint.Block, w, x, y int) {
		h := b.Rest()
		rows := p.table.View(env, w, h-1)
		var right []paint.Part
		if by, desc := p.table.Sort(); by != "" {
			arrow := env.Glyphs.Up
			if desc {
				arrow = env.Glyphs.Down
			}
			right = append(right, paint.Part{Role: themes.Muted, Text: "sort: " + by + " " + arrow + "  "})
		}
		if p.filter != "" {
			right = append(right, paint.Part{Role: themes.Accent, Text: "/" + p.filter[:min(len(p.filter), 30)] + "  "})
		}
		count := strconv.Itoa(n) + " of " + strconv.Itoa(total)
		if at := p.table.Position(); at != "" {
			count = at
		}
		b.Line().Rule("NODES", append(right, paint.Part{Role: themes.Muted, Text: count})...)
		b.Append(rows...)
		p.hits = append(p.hits, hit{partTable, x, y + 1, w, h - 1})
	}}
}
