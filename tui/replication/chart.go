package replication

import (
	"cmp"
	"math"
	"slices"
	"strings"
	"time"

	"ops-console/ops/health"
	"ops-console/ops/replication"
	"ops-console/themes"
	"ops-console/tui/paint"
	"ops-console/tui/pane"
	"ops-console/tui/plot"
)

// Lag that is worth a line across the plot, in seconds: what is a warning, and where rpc_and_wait raises.
const (
	warnLag  = 1
	raiseLag = 5
)

// leastTop is what the scale goes to at least, so that both lines are on it.
const leastTop = 10

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
		p.data.series = p.data.series[:0]
		for i := range p.rows {
			p.data.series = append(p.data.series, p.series(&p.rows[i]))
		}
	}
	c := &plot.Chart{
		Version: p.version<<20 | p.data.version&(1<<20-1), Data: p.data.version, To: env.Now, Span: spans[p.span], Cursor: p.cursor,
		Limits: []plot.Limit{{Value: warnLag, Name: "1s", Role: themes.Faint}, {Value: raiseLag, Name: "rpc raises", Role: themes.Warn}},
	}
	chosen, worst := p.selected(), p.worst()
	names := p.order()
	for i := range p.rows {
		r := &p.rows[i]
		if isPrimary(r.Node) {
			continue
		}
		line := p.data.series[i]
		line.Style = names[r.Name]
		line.Role = themes.Plot1 + themes.Role(line.Style%6)
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
			line.Rank, line.Quiet = 9, false
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

func (p *Pane) series(r *row) plot.Series {
	n := len(r.Trail)
	all := make([]float64, 3*n)
	s := plot.Series{
		Name: r.label, Gap: time.Duration(3.5 * p.interval() * float64(time.Second)),
		T: make([]int64, n), V: all[:n:n], Lo: all[n : 2*n : 2*n], Hi: all[2*n:],
	}
	for i := range r.Trail {
		pt := &r.Trail[i]
		s.T[i], s.V[i] = pt.At.UnixNano(), value(pt)
		s.Lo[i], s.Hi[i] = float64(pt.Lo), float64(pt.Hi)
	}
	return s
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
		level := levelOf(e.To)
		m := paint.Level(env.Glyphs, level)
		out = append(out, plot.Mark{At: e.At, Glyph: m.Glyph, Role: m.Role, Rank: 4 - level.Rank()})
	}
	return out
}

// levelOf is how bad a state is where nothing more is known.
func levelOf(s replication.State) health.Level {
	switch s {
	case replication.Primary, replication.Streaming, replication.Delayed:
		return health.LevelOK
	case replication.Paused, replication.Silent, replication.Blocked, replication.CatchUp, replication.FallingBehind, replication.Lagging, replication.Orphaned:
		return health.LevelWarning
	case replication.StateUnknown, replication.Foreign, replication.Misrouted:
		return health.LevelUnknown
	}
	return health.LevelCritical
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
