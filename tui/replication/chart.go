package replication

import (
	"cmp"
	"math"
	"slices"
	"strings"
	"time"

	"ops-console/ops/replication"
	"ops-console/themes"
	"ops-console/tui/paint"
	"ops-console/tui/pane"
	"ops-console/tui/plot"
)

// Lag that is worth a line across the plot, in seconds, where the snapshot does not say: what is a warning, and where
// rpc_and_wait raises.
const (
	warnLag  = 1
	raiseLag = 5
)

// fewNamed is how many nodes have a colour of their own; of more, those that are well stay in the background.
const fewNamed = 12

// lines are the values of the plot, made from the snapshot they belong to.
type lines struct {
	of      *replication.Snapshot
	version uint64
	series  []plot.Series // by row
}

// chart is what the plot shows. Values are made anew only when there is another snapshot.
func (p *Pane) chart(env *pane.Env) *plot.Chart {
	s := p.feed.Value
	if p.data.of != s {
		p.data.of = s
		p.data.version++
		for len(p.data.series) < len(p.rows) {
			p.data.series = append(p.data.series, plot.Series{})
		}
		for i := range p.rows {
			p.fill(&p.data.series[i], &p.rows[i])
		}
	}
	warn, raise := cmp.Or(max(s.Warn, 0), warnLag), cmp.Or(max(s.Critical, 0), raiseLag)
	leastTop := 2 * max(warn, raise) // so that both lines are on it
	c := &plot.Chart{
		Version: p.version<<20 | p.data.version&(1<<20-1), Data: p.data.version, To: env.Now, Span: spans[p.span], Cursor: p.cursor,
		Limits: []plot.Limit{{Value: warn, Name: plot.Seconds(warn), Role: themes.Faint}, {Value: raise, Name: "rpc raises", Role: themes.Warn}},
	}
	chosen, worst := p.selected(), p.worst()
	names := p.order()
	for i := range p.rows {
		r := &p.rows[i]
		if isPrimary(r.Node) {
			continue
		}
		line := p.data.series[i]
		line.Style = 1 + names[r.Name]%5
		line.Role = themes.Plot1 + themes.Role(names[r.Name]%6)
		switch r.Level {
		case replication.LevelCritical:
			line.Rank = 3
			if r == worst {
				line.Role = themes.Crit
			}
		case replication.LevelWarning:
			line.Rank = 2
		case replication.LevelUnknown:
			line.Rank = 1
		default:
			if len(names) > fewNamed {
				line.Role, line.Quiet = themes.Faint, true
			}
		}
		if chosen == nil || chosen.Name != r.Name {
			line.Lo, line.Hi = nil, nil
		} else {
			line.Rank, line.Quiet, line.Style = 9, false, 0
		}
		c.Series = append(c.Series, line)
	}
	top := c.Max(c.To.Add(-c.Span), c.To)
	c.Scale = plot.LogSeconds(top, leastTop)
	if !p.log {
		c.Scale = plot.LinearSeconds(top, leastTop)
	}
	if p.marked {
		c.Marks = p.chartMarks(env)
	}
	return c
}

// worst is the critical replica that is furthest behind: its line is the red one.
func (p *Pane) worst() *row {
	var worst *row
	for i := range p.rows {
		r := &p.rows[i]
		if r.Level == replication.LevelCritical && !isPrimary(r.Node) && (worst == nil || lagOrder(r.Lag) > lagOrder(worst.Lag)) {
			worst = r
		}
	}
	return worst
}

// order numbers the replicas by name, so that each keeps its colour whatever happens to the others.
func (p *Pane) order() map[string]int {
	var names []string
	for i := range p.rows {
		if !isPrimary(p.rows[i].Node) {
			names = append(names, p.rows[i].Name)
		}
	}
	slices.Sort(names)
	out := make(map[string]int, len(names))
	for i, n := range names {
		out[n] = i
	}
	return out
}

// fill makes a series the past of a node. It takes the place of what was there before.
func (p *Pane) fill(s *plot.Series, r *row) {
	s.Name, s.Gap = r.label, time.Duration(3.5*p.interval()*float64(time.Second))
	n := len(r.Trail)
	s.T = slices.Grow(s.T[:0], n)[:n]
	s.V, s.Lo, s.Hi = slices.Grow(s.V[:0], n)[:n], slices.Grow(s.Lo[:0], n)[:n], slices.Grow(s.Hi[:0], n)[:n]
	for i := range r.Trail {
		pt := &r.Trail[i]
		s.T[i], s.V[i] = pt.At.UnixNano(), value(pt)
		s.Lo[i], s.Hi[i] = float64(pt.Lo), float64(pt.Hi)
	}
}

// promoted is what a mark for a new primary is drawn as, and deployed one for a release.
const (
	promoted = "P"
	deployed = "d"
)

// chartMarks are what happened to the instances and to the nodes.
func (p *Pane) chartMarks(env *pane.Env) []plot.Mark {
	var out []plot.Mark
	for _, m := range p.marks {
		if m.Kind == "release" {
			out = append(out, plot.Mark{At: m.At, Glyph: deployed, Role: themes.Info, Rank: 2})
		}
	}
	for _, e := range p.feed.Value.Events {
		if e.To == "" {
			continue
		}
		if e.To == replication.Primary {
			out = append(out, plot.Mark{At: e.At, Glyph: promoted, Role: themes.Info, Rank: 5})
			continue
		}
		level := paint.StateLevel(e.To)
		m := paint.Level(env.Glyphs, level)
		out = append(out, plot.Mark{At: e.At, Glyph: m.Glyph, Role: m.Role, Rank: 4 - level.Rank()})
	}
	return out
}

// readings are what all lines say at the cursor, the largest first.
func (p *Pane) readings(c *plot.Chart) []paint.Part {
	w := p.plot.Window
	from := w.Start(w.Cell(p.cursor))
	type reading struct {
		part paint.Part
		lag  float64
	}
	var rr []reading
	drawn := 0 // of the lines, which are those of the replicas in their order
	for i := range p.rows {
		if isPrimary(p.rows[i].Node) || drawn >= len(c.Series) {
			continue
		}
		line, all := &c.Series[drawn], &p.data.series[i]
		drawn++
		text, lag := "?", math.Inf(-1)
		if at := line.Worst(from, from.Add(w.Step)); at >= 0 {
			lag = line.V[at]
			text = paint.Span(lag)
			if math.IsInf(all.Hi[at], 1) {
				text = paint.Lag(p.glyphs, replication.Lag{Kind: replication.LagAtLeast, Lo: &lag})
			}
		}
		rr = append(rr, reading{paint.Part{Role: line.Role, Text: line.Name + " " + text}, lag})
	}
	slices.SortStableFunc(rr, func(a, b reading) int { return cmp.Compare(b.lag, a.lag) })
	out := make([]paint.Part, len(rr))
	for i := range rr {
		out[i] = rr[i].part
	}
	return out
}

// nearMarks are what happened in the column of the cursor, in words.
func (p *Pane) nearMarks() string {
	w := p.plot.Window
	from := w.Start(w.Cell(p.cursor))
	in := func(t time.Time) bool { return !t.Before(from) && t.Before(from.Add(w.Step)) }
	var said []string
	for _, m := range p.marks {
		if m.Kind == "release" && in(m.At) {
			said = append(said, m.Text)
		}
	}
	for _, e := range p.feed.Value.Events {
		if in(e.At) {
			said = append(said, strings.TrimSpace(e.Node+" "+e.Text))
		}
	}
	return strings.Join(said, ", ")
}
