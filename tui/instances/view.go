package instances

import (
	"strconv"

	"ops-console/ops/health"
	"ops-console/themes"
	"ops-console/tui/page"
	"ops-console/tui/paint"
	"ops-console/tui/pane"
	"ops-console/wg"
)

// besideAt is the width from which the detail has a column of its own.
const besideAt = 120

// View draws the pane: exactly h lines of exactly w cells.
func (p *Pane) View(env *pane.Env, w, h int) []string {
	p.glyphs, p.now, p.wide, p.tableY, p.tableW = env.Glyphs, env.Now, w >= besideAt, h, 0
	inner := max(w-2, 0)
	lead := 0
	if h >= 16 {
		lead = 1
	}
	b := paint.NewBlock(env.Theme, env.Glyphs, inner, h)
	if lead == 1 {
		b.Blank()
	}
	rest := h - lead
	r := p.selected()
	switch {
	case p.feed.Value == nil:
		b.Append(p.unknown(env, inner).View(0, rest)...)
	case p.compared:
		g, at := p.agreement(env, inner)
		p.compareAt.Fit(g.Len(), rest)
		if p.path != "" {
			p.compareAt.Top = 0
			p.compareAt.Move(at)
			p.path = ""
		}
		b.Append(g.View(p.compareAt.Top, rest)...)
	case p.open && r != nil && !p.wide:
		b.Append(p.drawDetail(env, r, inner, rest)...)
	case p.open && r != nil:
		side := min(max(inner*5/12, 48), 84)
		left := inner - side - 3
		b.Append(paint.Beside(env.Theme, env.Glyphs, p.drawTable(env, left, rest, lead), p.drawDetail(env, r, side, rest))...)
	default:
		b.Append(p.drawTable(env, inner, rest, lead)...)
	}
	return paint.Margins(env.Theme, env.Glyphs, b.Lines(), w)
}

func (p *Pane) drawTable(env *pane.Env, w, h, y int) []string {
	b := paint.NewBlock(env.Theme, env.Glyphs, w, h)
	if len(p.rows) == 0 && p.needle() == "" {
		b.Line().Rule("INSTANCES", p.summary(env)...)
		b.Line().Gap(2).Text(themes.Muted, p.none())
		return b.Lines()
	}
	p.roomForNote(w)
	// The heading says which rows are visible, so they are laid out before it.
	rows := p.table.View(env, w, h-1)
	b.Line().Rule("INSTANCES", p.summary(env)...)
	b.Append(rows...)
	p.tableY, p.tableW = y+1, w+1
	return b.Lines()
}

// none says why there is no row.
func (p *Pane) none() string {
	switch s := p.feed.Value; {
	case p.region != "":
		return "no instance is known in " + p.region
	case s.Sources.Platform.OK:
		return "the platform lists no machine of this app"
	default:
		return "not known: the platform has never answered; the overview says why"
	}
}

// summary is what the heading says at its end: which rows these are, and which of their facts are old.
func (p *Pane) summary(env *pane.Env) []paint.Part {
	var out []paint.Part
	say := func(r themes.Role, text string) {
		out = append(out, paint.Part{Role: r, Text: text}, paint.Part{Text: "  "})
	}
	src := p.feed.Value.Sources
	for _, s := range []struct {
		name string
		health.Source
	}{{"platform", src.Platform}, {"DNS", src.DNS}, {"probes", src.Probes}} {
		if !s.OK {
			say(themes.Stale, env.Glyphs.Unknown+" "+s.name+" "+paint.Old(env.Now, s.GoodAt))
		}
	}
	if by, desc := p.table.Sort(); by != "" {
		arrow := env.Glyphs.Up
		if desc {
			arrow = env.Glyphs.Down
		}
		say(themes.Muted, "sort: "+by+" "+arrow)
	}
	if p.region != "" {
		say(themes.Accent, "only "+p.region)
	}
	if f := p.needle(); f != "" {
		say(themes.Accent, "/"+head(f, 40))
	}
	n, _ := p.table.Len()
	count := strconv.Itoa(n) + " of " + strconv.Itoa(len(p.all))
	if at := p.table.Position(); at != "" {
		count = at
	}
	return append(out, paint.Part{Role: themes.Muted, Text: count})
}

// groupLine draws the heading of a region.
func (p *Pane) groupLine(l *paint.Line, group string, items []int) {
	ok := 0
	for _, i := range items {
		if p.rows[i].Level == health.LevelOK {
			ok++
		}
	}
	level, primary := health.LevelUnknown, false
	for _, r := range p.feed.Value.Regions {
		if r.Code == group {
			level, primary = r.Level, r.Primary
		}
	}
	right := []paint.Part{{Role: themes.Muted, Text: strconv.Itoa(ok) + "/" + strconv.Itoa(len(items)) + " ok"}}
	if level != health.LevelOK {
		mark := paint.Level(l.Glyphs, level)
		right = append([]paint.Part{{Role: mark.Role, Text: mark.Word}, {Text: "  "}}, right...)
	}
	name := group
	if name == "" {
		name = "region unknown"
	}
	if primary {
		name += " primary"
	}
	l.Rule(name, right...)
}

func (p *Pane) drawDetail(env *pane.Env, r *row, w, h int) []string {
	if p.detailOf != r.ID {
		p.detailOf, p.detailAt = r.ID, page.Scroll{}
	}
	return p.detailAt.Draw(p.detail(env, r, w), h)
}

// unknown is the pane before the first snapshot.
func (p *Pane) unknown(env *pane.Env, w int) *page.Page {
	g := page.New(env, w)
	g.Heading("INSTANCES", paint.Part{Role: themes.Stale, Text: "not known yet"})
	lead := paint.Part{Role: themes.Stale, Text: env.Glyphs.Unknown}
	if err := p.feed.Err; err != nil {
		g.Text(themes.Plain, 3, lead, "The machines could not be read: "+err.Error(), 6)
		return g
	}
	g.Text(themes.Plain, 3, lead, "No machine is known yet: the platform is being asked.", 2)
	switch s := p.net; s.State {
	case wg.StateUp, "":
	default:
		text := "The private network is " + string(s.State)
		if held := since(env.Now, s.Since); held != "" {
			text += " for " + held
		}
		if s.Cause != "" {
			text += ": " + s.Cause
		}
		g.Text(themes.Muted, 3, paint.Part{}, text, 4)
		g.Text(themes.Accent, 5, paint.Part{Role: themes.Accent, Text: env.Glyphs.Right}, s.Advice, 3)
	}
	return g
}
