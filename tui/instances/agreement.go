package instances

import (
	"slices"
	"strconv"
	"strings"

	"ops-console/ops/health"
	"ops-console/themes"
	"ops-console/tui/page"
	"ops-console/tui/paint"
	"ops-console/tui/pane"
)

// fewNamed is how many instances of a group are named in full; a larger one is told by regions.
const fewNamed = 8

// agreement is who serves what, path by path, and who sees whom; at is the line where p.path begins.
func (p *Pane) agreement(env *pane.Env, w int) (g *page.Page, at int) {
	g = page.New(env, w)
	s := p.feed.Value
	for i, a := range s.Agreement {
		if a.Path == p.path && i > 0 {
			at = g.Len() + 1
		}
		p.agreementPath(g, a)
	}
	if len(s.Agreement) == 0 {
		g.Heading("CONTENT")
		g.Text(themes.Muted, 2, paint.Part{}, "No path is compared. Profiles name paths under \"agree\".", 2)
	}
	p.agreementCluster(g, s.Cluster)
	return g, at
}

func (p *Pane) agreementPath(g *page.Page, a health.Agreement) {
	asked, answers := 0, 0
	for _, group := range a.Groups {
		asked += len(group.Instances)
		if group.Error == "" {
			answers++
		}
	}
	verdict := paint.Part{Role: themes.Muted, Text: "all agree"}
	switch {
	case asked == 0:
		verdict = paint.Part{Role: themes.Stale, Text: g.Env.Glyphs.Unknown + " nobody answered"}
	case !a.Agree:
		verdict = paint.Part{Role: themes.Warn, Text: g.Env.Glyphs.Warn + " " + strconv.Itoa(answers) + " answers"}
	}
	g.Heading("CONTENT "+head(a.Path, 200), verdict, paint.Part{Role: themes.Faint, Text: prefixed("  ", aged(g.Env.Now, a.At))})
	for i, group := range a.Groups {
		mark := paint.Level(g.Env.Glyphs, health.LevelOK)
		text := themes.Muted
		switch {
		case group.Error != "":
			mark, text = paint.Level(g.Env.Glyphs, health.LevelUnknown), themes.Plain
		case i > 0 || !a.Agree && len(group.Instances)*2 <= asked:
			mark, text = paint.Level(g.Env.Glyphs, health.LevelWarning), themes.Plain
		}
		g.Line(func(l *paint.Line) {
			l.Gap(2).Text(mark.Role, mark.Glyph).Gap(1)
			l.Cell(text, strconv.Itoa(len(group.Instances))+" of "+strconv.Itoa(asked), 12, paint.Left).Gap(1)
			if group.Error != "" {
				l.Text(themes.Plain, group.Error)
				return
			}
			l.Cell(text, group.Hash, 12, paint.Left).Gap(2)
			l.Cell(text, strconv.Itoa(group.Status), 3, paint.Right).Gap(2).Cell(themes.Muted, paint.Bytes(int64(group.Bytes)), 8, paint.Right).Gap(2)
			held := prefixed("for ", since(g.Env.Now, group.Since))
			l.Max(themes.Muted, group.Title, l.Rest()-len(held)-2)
			l.Right(paint.Part{Role: themes.Faint, Text: held})
		})
		p.members(g, group.Instances)
		if i > 0 && (group.ETag != "" || group.Age != "") {
			g.Text(themes.Faint, 4, paint.Part{}, strings.TrimSpace(prefixed("etag ", group.ETag)+" "+prefixed("age ", group.Age)), 1)
		}
	}
}

func (p *Pane) agreementCluster(g *page.Page, c *health.Cluster) {
	if c == nil {
		g.Heading("CLUSTER")
		g.Text(themes.Muted, 2, paint.Part{}, "Which instances see each other is not known: it has not been asked yet, or the profile names no command under \"cluster\".", 2)
		return
	}
	verdict := paint.Part{Role: themes.Muted, Text: "one"}
	switch {
	case len(c.Groups) > 1:
		verdict = paint.Part{Role: themes.Crit, Text: g.Env.Glyphs.Crit + " split into " + strconv.Itoa(len(c.Groups))}
	case len(c.Groups) == 0:
		verdict = paint.Part{Role: themes.Stale, Text: g.Env.Glyphs.Unknown + " not known"}
	}
	g.Heading("CLUSTER", verdict, paint.Part{Role: themes.Faint, Text: prefixed("  ", aged(g.Env.Now, c.At))})
	for i, group := range c.Groups {
		mark, text := paint.Level(g.Env.Glyphs, health.LevelOK), themes.Muted
		if i > 0 {
			mark, text = paint.Level(g.Env.Glyphs, health.LevelWarning), themes.Plain
		}
		n := len(group.Instances)
		words := paint.Count(n, "instance sees", "instances see") + " each other"
		if n == 1 {
			words = "1 instance sees no other"
		}
		if extra := len(group.Nodes) - n; extra > 0 {
			words += ", and " + paint.Count(extra, "node", "nodes") + " more"
		}
		g.Line(func(l *paint.Line) { l.Gap(2).Text(mark.Role, mark.Glyph).Gap(1).Text(text, words) })
		p.members(g, group.Instances)
	}
	unknown := paint.Level(g.Env.Glyphs, health.LevelUnknown)
	for _, u := range c.Unknown {
		g.Text(themes.Muted, 4, paint.Part{Role: unknown.Role, Text: unknown.Glyph},
			p.names.Region(u.Instance)+" "+p.names.Short(u.Instance)+" could not be asked: "+u.Error, 2)
	}
	if c.Command != "" {
		g.Text(themes.Faint, 2, paint.Part{}, "asked with "+c.Command, 1)
	}
}

// members names the instances of a group, or says how many there are in each region.
func (p *Pane) members(g *page.Page, ids []string) {
	regions := map[string][]string{}
	for _, id := range ids {
		code := p.names.Region(id)
		regions[code] = append(regions[code], p.names.Short(id))
	}
	codes := make([]string, 0, len(regions))
	for code := range regions {
		codes = append(codes, code)
	}
	slices.Sort(codes)
	said := make([]string, 0, len(codes))
	for _, code := range codes {
		if len(ids) <= fewNamed {
			said = append(said, strings.TrimSpace(code+" "+strings.Join(regions[code], " ")))
		} else {
			said = append(said, strings.TrimSpace(code+" "+strconv.Itoa(len(regions[code]))))
		}
	}
	g.Text(themes.Faint, 4, paint.Part{}, strings.Join(said, ", "), 3)
}
