package backups

import (
	"strconv"
	"strings"
	"time"

	"ops-console/ops"
	"ops-console/ops/backup/watch"
	"ops-console/themes"
	"ops-console/tui/page"
	"ops-console/tui/paint"
	"ops-console/tui/pane"
	"ops-console/tui/stack"
)

// besideAt is the width from which there is a second column.
const besideAt = 160

// View draws the pane: exactly h lines of exactly w cells.
func (p *Pane) View(env *pane.Env, w, h int) []string {
	p.glyphs, p.now, p.still, p.wide = env.Glyphs, env.Now, env.ReducedMotion, w >= besideAt
	p.hits = p.hits[:0]
	inner := max(w-2, 0)
	s := p.read()
	if s == nil {
		return paint.Margins(env.Theme, env.Glyphs, p.unread(env, inner, h), w)
	}
	r := p.selected()
	switch {
	case p.open && r != nil && !p.wide:
		return paint.Margins(env.Theme, env.Glyphs, p.drawDetail(env, r, inner, h, 1), w)
	case p.wide:
		side := min(max(inner*2/5, 64), 92)
		left := inner - side - 3
		main := stack.Column(env, left, h, 1, some(p.headline(env, left), p.problems(env, left), p.jobSection(env, left), p.tableSection(env)))
		var second []string
		if p.open && r != nil {
			second = p.drawDetail(env, r, side, h, 1+left+3)
		} else {
			second = stack.Column(env, side, h, 1+left+3, some(p.whole(env, side), p.failures(env, side), p.lying(env, side), p.scheduled(env, side)))
		}
		return paint.Margins(env.Theme, env.Glyphs, paint.Beside(env.Theme, env.Glyphs, main, second), w)
	}
	return paint.Margins(env.Theme, env.Glyphs, stack.Column(env, inner, h, 1, some(
		p.headline(env, inner), p.problems(env, inner), p.jobSection(env, inner), p.tableSection(env),
		stack.Beside(p.failures(env, inner)), stack.Beside(p.preview(env, inner)), stack.Beside(p.lying(env, inner)), stack.Beside(p.scheduled(env, inner)),
	)), w)
}

// some are those sections that have anything to show.
func some(ss ...stack.Section) []stack.Section {
	out := ss[:0]
	for _, s := range ss {
		if s.Most > 0 {
			out = append(out, s)
		}
	}
	return out
}

// section is a page as a section: at least so many of its lines.
func section(g *page.Page, least int) stack.Section {
	return stack.Section{Least: min(g.Len(), least), Most: g.Len(), Draw: func(b *paint.Block, _, _, _ int) { b.Append(g.View(0, b.Rest())...) }}
}

// unread is the pane while nothing was read of a store.
func (p *Pane) unread(env *pane.Env, w, h int) []string {
	b := paint.NewBlock(env.Theme, env.Glyphs, w, h)
	if h >= 16 {
		b.Blank()
	}
	if j := p.job(); j != nil {
		g := page.New(env, w)
		p.jobPage(g, j, 6)
		g.Line(func(*paint.Line) {})
		b.Append(g.View(0, min(g.Len(), b.Rest()))...)
	}
	b.Append(p.unknown(env, w).View(0, b.Rest())...)
	return b.Lines()
}

// unknown says why nothing is known.
func (p *Pane) unknown(env *pane.Env, w int) *page.Page {
	g := page.New(env, w)
	lead := paint.Part{Role: themes.Stale, Text: env.Glyphs.Unknown}
	switch {
	case p.told && !p.known:
		g.Heading("BACKUPS", paint.Part{Role: themes.Muted, Text: "no store is configured"})
		g.Text(themes.Plain, 3, paint.Part{Role: themes.Muted, Text: env.Glyphs.Dot}, "Where backups are kept has not been said, and nothing is backed up by ops-console. One of these in ops-console.toml says it:", 3)
		setting := func(key, means string) {
			g.Line(func(l *paint.Line) {
				l.Gap(5).Cell(themes.String, key, min(38, max(l.Rest()/2, 0)), paint.Left).Gap(2).Text(themes.Muted, means)
			})
		}
		setting(`store = "s3://changelog-backups/db"`, "a bucket; with ?endpoint=https://… where it is not Amazon's")
		setting(`store = "/var/backups/changelog"`, "a directory, best on another machine's disk")
		g.Text(themes.Plain, 3, paint.Part{}, "And who can decrypt them, without which they are not encrypted:", 2)
		setting(`recipients = ["age1…"]`, "public keys; age-keygen makes a pair")
		g.Text(themes.Muted, 3, paint.Part{}, "They stand under [app.NAME.backup]. The bucket's keys come from AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY. docs/backups.md says how to begin, docs/configuration.md what else there is.", 4)
	case p.feed.Err != nil:
		g.Heading("BACKUPS", paint.Part{Role: themes.Stale, Text: "not known"})
		g.Text(themes.Plain, 3, lead, "The store could not be read: "+p.feed.Err.Error(), 6)
		g.Text(themes.Muted, 3, paint.Part{}, "Tried "+paint.Ago(env.Now, p.feed.At)+", and again every minute.", 1)
	case p.known:
		g.Heading("BACKUPS", paint.Part{Role: themes.Stale, Text: "not known yet"})
		g.Text(themes.Plain, 3, lead, "The store is being read for the first time.", 2)
	default:
		g.Heading("BACKUPS", paint.Part{Role: themes.Stale, Text: "not known yet"})
		g.Text(themes.Plain, 3, lead, "Nothing is known before the console is connected.", 2)
	}
	return g
}

// oldAt is how old a look at the store may be: there is one a minute.
const oldAt = 3 * time.Minute

// headline is how old the newest backup is and how far it is proven, then where they are and how they are kept.
func (p *Pane) headline(env *pane.Env, _ int) stack.Section {
	return stack.Section{Least: 2, Most: 2, Draw: func(b *paint.Block, _, _, _ int) {
		p.verdict(b.Line())
		p.storeLine(b.Line())
	}}
}

func (p *Pane) verdict(l *paint.Line) {
	s := p.read()
	var right []paint.Part
	critical, warning := p.tally()
	for _, c := range []struct {
		n    int
		role themes.Role
		word string
	}{{critical, themes.Crit, "critical"}, {warning, themes.Warn, "warning"}} {
		if c.n > 0 {
			right = append(right, paint.Part{Text: "  "}, paint.Part{Role: c.role, Text: strconv.Itoa(c.n) + " " + c.word})
		}
	}
	age := p.now.Sub(s.At)
	old := p.feed.Err != nil || age > oldAt
	if old {
		right = append(right, paint.Part{Role: themes.Stale, Text: "  " + l.Glyphs.Unknown + " read " + paint.Duration(age.Truncate(time.Second)) + " ago"})
	}
	mark := paint.Level(l.Glyphs, "ok")
	switch {
	case len(s.Problems) > 0:
		mark = paint.Severity(l.Glyphs, s.Problems[0].Severity)
	case old:
		mark = paint.Level(l.Glyphs, "")
	}
	room := l.Rest()
	for _, r := range right {
		room -= paint.Width(r.Text, l.Glyphs)
	}
	strong, text := p.newest(s)
	l.Text(mark.Role, mark.Glyph).Gap(1).Max(themes.Strong, strong, room-2)
	if text != "" {
		l.Max(themes.Plain, text, room-l.X()-1)
	}
	l.Right(right...)
}

// newest is what there is to say of the newest backup.
func (p *Pane) newest(s *watch.Snapshot) (strong, text string) {
	if len(p.all) == 0 {
		return "There is no backup.", ""
	}
	r := &p.all[0]
	strong = "Newest " + paint.Duration(p.now.Sub(r.at).Truncate(time.Second)) + " old"
	switch {
	case r.broken != "":
		text = ", BROKEN: " + r.broken
	case r.known:
		text = ", " + r.proven.Level.String() + " " + paint.Ago(p.now, r.proven.At)
	default:
		text = ", not proven"
	}
	return strong, text + "."
}

// storeLine is where they are, how many, and how they are kept.
func (p *Pane) storeLine(l *paint.Line) {
	s := p.read()
	var bytes int64
	for i := range p.all {
		bytes += p.all[i].Manifest.Stored()
	}
	count := paint.Count(len(p.all), "backup", "backups") + ", " + paint.Bytes(bytes)
	sealed, role := "encrypted", themes.Muted
	if !s.Encrypted {
		sealed, role = "not encrypted", themes.Warn
	}
	keeps, keepsRole := "keeps "+s.Policy.String(), themes.Muted
	if s.PolicyErr != nil {
		keeps, keepsRole = "retention: "+s.PolicyErr.Error(), themes.Crit
	}
	l.Gap(2).Text(themes.Plain, s.Source.Database).Gap(2).Text(themes.Muted, count).Gap(2).Text(role, sealed)
	store, _, _ := strings.Cut(s.Store, "?") // the endpoint is in the detail
	room := l.Rest() - 2
	if room > 12 {
		l.Gap(2).Max(themes.Muted, store, min(room, max(room/2, 28)))
	}
	if room = l.Rest() - 2; room > 12 {
		l.Gap(2).Max(keepsRole, keeps, room)
	}
}

// problems are what is wrong, and what to do about it.
func (p *Pane) problems(env *pane.Env, w int) stack.Section {
	pp := p.read().Problems
	if len(pp) == 0 {
		return stack.Section{}
	}
	g := page.New(env, w)
	for i := range pp {
		p.problem(g, &pp[i])
	}
	return section(g, min(2*len(pp), 4))
}

func (p *Pane) problem(g *page.Page, q *ops.Problem) {
	m := paint.Severity(g.Env.Glyphs, q.Severity)
	text := q.Title
	if q.Detail != "" {
		text += ": " + q.Detail
	}
	if !q.Since.IsZero() {
		text += " (since " + paint.Clock(p.now, q.Since) + ")"
	}
	g.Text(themes.Plain, 3, paint.Part{Role: m.Role, Text: m.Glyph}, text, 3)
	g.Text(themes.Muted, 5, paint.Part{Role: themes.Accent, Text: g.Env.Glyphs.Right}, q.Hint, 2)
}

// tableSection is the table of the backups.
func (p *Pane) tableSection(env *pane.Env) stack.Section {
	n, _ := p.table.Len()
	return stack.Section{Least: 2 + min(max(n, 1), 5), Most: 2 + max(n, 1), Draw: func(b *paint.Block, w, x, y int) {
		h := b.Rest()
		lines := p.table.View(env, w, h-1)
		var right []paint.Part
		if p.only != everything {
			right = append(right, paint.Part{Role: themes.Accent, Text: onlys[p.only].means + "  "})
		}
		if p.filter != "" {
			right = append(right, paint.Part{Role: themes.Accent, Text: "/" + p.filter[:min(len(p.filter), 30)] + "  "})
		}
		count := strconv.Itoa(n) + " of " + strconv.Itoa(len(p.all))
		if at := p.table.Position(); at != "" {
			count = at
		}
		b.Line().Rule("BACKUPS", append(right, paint.Part{Role: themes.Muted, Text: count})...)
		b.Append(lines...)
		p.hits = append(p.hits, hit{partTable, x, y + 1, w, h - 1})
	}}
}
