package deploy

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"ops-console/themes"
	"ops-console/tui/page"
	"ops-console/tui/paint"
	"ops-console/tui/pane"
	"ops-console/tui/stack"
	"ops-console/tui/table"
)

// besideAt is the width from which there is a second column.
const besideAt = 100

// View draws the pane: exactly h lines of exactly w cells.
func (p *Pane) View(env *pane.Env, w, h int) []string {
	p.glyphs, p.now, p.still, p.wide = env.Glyphs, env.Now, env.ReducedMotion, w >= besideAt
	p.hits = p.hits[:0]
	inner := max(w-2, 0)
	var lines []string
	switch p.scene() {
	case sceneUnread:
		lines = padded(env, p.unread(env, inner), inner, h)
	case sceneChecks:
		lines = p.textPage(env, p.checksPage(env, inner), inner, h)
	case sceneRecord:
		lines = p.textPage(env, p.recordPage(env, inner), inner, h)
	case scenePlan:
		lines = p.columns(env, inner, h, nil, func(w int) []stack.Section {
			return []stack.Section{p.planSection(env, w)}
		}, func(w int) []stack.Section { return []stack.Section{p.hatch(env, w)} })
	case sceneDeployment:
		lines = p.columns(env, inner, h, p.machineDetail, func(w int) []stack.Section { return p.deploymentMain(env, w) }, func(w int) []stack.Section { return p.deploymentSide(env, w) })
	case sceneReleases:
		lines = p.columns(env, inner, h, p.releaseDetail, func(w int) []stack.Section { return p.releasesMain(env, w) }, func(w int) []stack.Section { return p.releasesSide(env, w) })
	}
	return paint.Margins(env.Theme, env.Glyphs, lines, w)
}

// columns lays out what matters and what stands beside it, or the detail in the place of one of the two.
func (p *Pane) columns(env *pane.Env, w, h int, detail func(*pane.Env, int) (string, *page.Page), main, side func(w int) []stack.Section) []string {
	var (
		key string
		g   *page.Page
	)
	drawDetail := func(w, x int) []string {
		if p.shown != key {
			p.shown, p.detail = key, page.Scroll{}
		}
		b := paint.NewBlock(env.Theme, env.Glyphs, w, h)
		lead := 0
		if h >= 16 {
			b.Blank()
			lead = 1
		}
		p.hits = append(p.hits, hit{partDetail, x, lead, w, h - lead})
		b.Append(p.detail.Draw(g, h-lead)...)
		return b.Lines()
	}
	if !p.wide {
		if p.open && detail != nil {
			if key, g = detail(env, w); g != nil {
				return drawDetail(w, 1)
			}
		}
		ss := main(w)
		for _, s := range side(w) {
			ss = append(ss, stack.Beside(s))
		}
		return stack.Column(env, w, h, 1, some(ss))
	}
	right := min(max(w*3/8, 38), 84)
	left := w - right - 3
	mainLines := stack.Column(env, left, h, 1, some(main(left)))
	if p.open && detail != nil {
		if key, g = detail(env, right); g != nil {
			return paint.Beside(env.Theme, env.Glyphs, mainLines, drawDetail(right, 1+left+3))
		}
	}
	return paint.Beside(env.Theme, env.Glyphs, mainLines, stack.Column(env, right, h, 1+left+3, some(side(right))))
}

// some are those sections that have anything to show.
func some(ss []stack.Section) []stack.Section {
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

// padded is a page from its beginning in h lines.
func padded(env *pane.Env, g *page.Page, w, h int) []string {
	b := paint.NewBlock(env.Theme, env.Glyphs, w, h)
	if h >= 16 {
		b.Blank()
	}
	b.Append(g.View(0, b.Rest())...)
	return b.Lines()
}

// textPage is a page that scrolls.
func (p *Pane) textPage(env *pane.Env, g *page.Page, w, h int) []string {
	b := paint.NewBlock(env.Theme, env.Glyphs, w, h)
	lead := 0
	if h >= 16 {
		b.Blank()
		lead = 1
	}
	p.hits = append(p.hits, hit{partText, 1, lead, w, h - lead})
	b.Append(p.text.Draw(g, h-lead)...)
	return b.Lines()
}

// planSection is the plan that waits; it scrolls.
func (p *Pane) planSection(env *pane.Env, w int) stack.Section {
	g := p.planPage(env, w)
	return stack.Section{Least: min(g.Len(), 8), Most: max(g.Len(), 1), Draw: func(b *paint.Block, w, x, y int) {
		h := b.Rest()
		p.hits = append(p.hits, hit{partText, x, y, w, h})
		b.Append(p.text.Draw(g, h)...)
	}}
}

// unread says why nothing is known.
func (p *Pane) unread(env *pane.Env, w int) *page.Page {
	g := page.New(env, w)
	lead := paint.Part{Role: themes.Stale, Text: env.Glyphs.Unknown}
	g.Heading("DEPLOYMENTS", paint.Part{Role: themes.Stale, Text: "not known yet"})
	switch {
	case p.told && !p.known:
		g.Text(themes.Plain, 3, lead, "There is no directory for the journals of deployments: set HOME, or XDG_STATE_HOME.", 3)
	case p.known:
		g.Text(themes.Plain, 3, lead, "The releases are being read for the first time.", 2)
	default:
		g.Text(themes.Plain, 3, lead, "Nothing is known before the console is connected.", 2)
	}
	return g
}

// oldAt is how old what the platform said may be: it is asked every ten seconds.
const oldAt = time.Minute

// staleParts say how old what is shown is, where that matters.
func (p *Pane) staleParts(g string) []paint.Part {
	age := p.now.Sub(p.feed.GoodAt)
	switch {
	case p.feed.GoodAt.IsZero():
		return nil
	case p.feed.Err != nil || age > oldAt:
		return []paint.Part{{Role: themes.Stale, Text: "  " + g + " read " + paint.Duration(age.Truncate(time.Second)) + " ago"}}
	}
	return nil
}

// headline is what runs.
func (p *Pane) headline(env *pane.Env, w int) stack.Section {
	g := page.New(env, w)
	s := p.snap()
	shares := p.shares()
	all := len(s.Machines)
	switch {
	case p.feed.GoodAt.IsZero() && p.feed.Err != nil:
		g.Text(themes.Plain, 2, paint.Part{Role: themes.Stale, Text: env.Glyphs.Unknown}, "What runs is not known: "+p.feed.Err.Error(), 4)
		return section(g, 2)
	case p.feed.GoodAt.IsZero():
		g.Text(themes.Plain, 2, paint.Part{Role: themes.Stale, Text: env.Glyphs.Unknown}, "The platform is being asked for the first time.", 1)
		return section(g, 1)
	case all == 0:
		g.Text(themes.Plain, 2, paint.Part{Role: themes.Warn, Text: env.Glyphs.Warn}, "There is no machine.", 1)
		return section(g, 1)
	}
	strong, text, mark := "", "", paint.Level(env.Glyphs, "ok")
	if len(shares) == 1 {
		strong = fmt.Sprintf("%s runs on all %d machines", named(shares[0].release), all)
		for i := range p.rows {
			if r := &p.rows[i]; r.Version == shares[0].release {
				text = ", since " + paint.Duration(p.now.Sub(r.At).Truncate(time.Second))
				if r.By != "" {
					text += ", by " + r.By
				}
			}
		}
	} else {
		mark = paint.Level(env.Glyphs, "warning")
		var parts []string
		for _, x := range shares {
			name := named(x.release)
			if x.release == 0 {
				name = "not known"
			}
			parts = append(parts, name+" on "+strconv.Itoa(x.n))
		}
		strong, text = "Mixed: "+strings.Join(parts, ", "), " of "+paint.Count(all, "machine", "machines")
		if d := p.unfinished(); d != nil && d.Runs() {
			mark.Role = themes.Info
		}
	}
	g.Line(func(l *paint.Line) {
		l.Text(mark.Role, mark.Glyph).Gap(1).Text(themes.Strong, strong).Text(themes.Plain, text+".").Right(p.staleParts(l.Glyphs.Unknown)...)
	})
	if d := p.unfinished(); d != nil {
		g.Line(func(l *paint.Line) {
			word := "runs"
			switch {
			case d.Waits():
				word = "has not ended, and wants a decision"
			case d.InUse && d.Elsewhere:
				word = "is carried on by " + d.Holder
			case d.InUse && !d.Here:
				word = "is carried on by another process of this machine"
			}
			l.Gap(2).Text(themes.Warn, "Deployment "+short(d.ID)+" "+word).Text(themes.Muted, ": ").Text(themes.Accent, "t").Text(themes.Muted, " shows it")
		})
	}
	return section(g, g.Len())
}

// named is a release for people.
func named(n int) string {
	if n == 0 {
		return "a release that is not known"
	}
	return "v" + strconv.Itoa(n)
}

func (p *Pane) releasesMain(env *pane.Env, w int) []stack.Section {
	return []stack.Section{p.headline(env, w), p.jobSection(env, w), p.tableSection(env, &p.releases, partReleases, "RELEASES", len(p.rows))}
}

func (p *Pane) releasesSide(env *pane.Env, w int) []stack.Section {
	return []stack.Section{p.releasePreview(env, w), p.checksSection(env, w), p.history(env, w), p.hatch(env, w)}
}

// tableSection is a table under its heading.
func (p *Pane) tableSection(env *pane.Env, t *table.Table, what part, title string, all int) stack.Section {
	n, _ := t.Len()
	return stack.Section{Least: 2 + min(max(n, 1), 4), Most: 2 + max(n, 1), Draw: func(b *paint.Block, w, x, y int) {
		h := b.Rest()
		lines := t.View(env, w, h-1)
		var right []paint.Part
		if p.filter != "" {
			right = append(right, paint.Part{Role: themes.Accent, Text: "/" + p.filter[:min(len(p.filter), 30)] + "  "})
		}
		text := strconv.Itoa(n) + " of " + strconv.Itoa(all)
		if at := t.Position(); at != "" {
			text = at
		}
		b.Line().Rule(title, append(right, paint.Part{Role: themes.Muted, Text: text})...)
		b.Append(lines...)
		p.hits = append(p.hits, hit{what, x, y + 1, w, h - 1})
	}}
}

// jobSection is what is being looked at, as long as that goes on.
func (p *Pane) jobSection(env *pane.Env, w int) stack.Section {
	j := p.snap().Job
	g := page.New(env, w)
	switch {
	case j.Runs():
		g.Line(func(l *paint.Line) {
			l.Spinner(themes.Info, p.now.UnixMilli()/125, p.still).Gap(1).Text(themes.Plain, j.Title).Text(themes.Muted, "  "+paint.Duration(p.now.Sub(j.Started).Truncate(time.Second))+", it only looks")
		})
	case j != nil && j.Err != nil && p.now.Sub(j.Ended) < news:
		g.Text(themes.Plain, 2, paint.Part{Role: themes.Warn, Text: env.Glyphs.Warn}, j.Title+": "+j.Err.Error(), 5)
	}
	return section(g, 2)
}
