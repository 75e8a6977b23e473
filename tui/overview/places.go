package overview

import (
	"slices"
	"strconv"
	"strings"

	"ops-console/ops/health"
	"ops-console/themes"
	"ops-console/tui/paint"
	"ops-console/tui/pane"
	"ops-console/tui/stack"
)

// fewRegions is how many regions stay on the screen however many problems there are.
const fewRegions = 4

// regionsSection is the table of regions, with a line for those that do not fit.
func (p *Pane) regionsSection(env *pane.Env) stack.Section {
	rows, total := p.table.Len()
	most := 2 + max(rows, 1)
	return stack.Section{Least: min(most, 3+fewRegions), Most: most, Draw: func(b *paint.Block, w, x, y int) {
		var right []paint.Part
		s := p.feed.Value
		if !s.Sources.Platform.OK {
			right = append(right, paint.Part{Role: themes.Stale, Text: env.Glyphs.Unknown + " platform " + paint.Old(env.Now, s.Sources.Platform.GoodAt)}, paint.Part{Text: "  "})
		}
		if !s.Sources.Probes.OK {
			right = append(right, paint.Part{Role: themes.Stale, Text: env.Glyphs.Unknown + " probes " + paint.Old(env.Now, s.Sources.Probes.GoodAt)}, paint.Part{Text: "  "})
		}
		if rows < total {
			right = append(right, paint.Part{Role: themes.Muted, Text: strconv.Itoa(rows) + of(total) + "  "})
		}
		h := b.Rest()
		b.Line().Rule("REGIONS", append(right, paint.Part{Role: themes.Muted, Text: p.sorted(env)})...)
		below := 0
		if h < most && h >= 4 {
			below = 1
		}
		b.Append(p.table.View(env, w, h-1-below)...)
		if below > 0 {
			b.Line().Gap(3).Text(themes.Muted, p.unseen(h-2-below))
		}
		p.hits = append(p.hits, hit{x: x, y: y + 1, w: w, h: h - 1 - below})
	}}
}

// sorted says how the table is sorted.
func (p *Pane) sorted(env *pane.Env) string {
	id, desc := p.table.Sort()
	if id == "" {
		return "sort: status"
	}
	if desc {
		return "sort: " + id + " " + env.Glyphs.Down
	}
	return "sort: " + id + " " + env.Glyphs.Up
}

// unseen says what the table has no room for, and whether any of it needs a look.
func (p *Pane) unseen(rows int) string {
	if at := p.table.Position(); at != "" && !strings.HasPrefix(at, "1-") {
		return at
	}
	shown, _ := p.table.Len()
	hidden := shown - rows
	if id, _ := p.table.Sort(); id == "" && shown == len(p.regions) {
		bad := 0
		for _, r := range p.regions[min(rows, len(p.regions)):] {
			if wrong(r.Level) || r.Level == health.LevelUnknown {
				bad++
			}
		}
		if bad > 0 {
			return strconv.Itoa(hidden) + " more, " + strconv.Itoa(bad) + " of them not healthy"
		}
		return strconv.Itoa(hidden) + " more healthy"
	}
	return strconv.Itoa(hidden) + " more"
}

// machines is a strip with one shape for each machine of a region, or how many there are of each where that is too
// long.
func (p *Pane) machines(env *pane.Env, w int) stack.Section {
	label, longest, widest := 0, 0, 0
	rr := slices.DeleteFunc(slices.Clone(p.regions), func(r region) bool { return r.Total == 0 })
	for _, r := range rr {
		label = max(label, min(paint.Width(r.Code, env.Glyphs), 12))
		longest = max(longest, len(r.machines))
		widest = max(widest, countCells(r.machines))
	}
	lines := func(cells int) (columns, n int) {
		columns = max((w-2+4)/(label+1+cells+4), 1)
		return columns, (len(rr) + columns - 1) / columns
	}
	_, most := lines(max(longest, 8))
	_, least := lines(max(widest, 8))
	if label+1+longest+2 > w {
		most = least
	}
	least, most = min(least, most)+1, most+1
	return stack.Section{Least: least, Most: most, Draw: func(b *paint.Block, w, x, y int) {
		p.machinesRule(b.Line(), env)
		each := max(longest, 8)
		columns, n := lines(each)
		counted := n > b.Rest() || label+1+longest+2 > w
		if counted {
			each = max(widest, 8)
			columns, n = lines(each)
		}
		for row := range n {
			l := b.Line().Gap(2)
			for c := range columns {
				i := row*columns + c
				if i >= len(rr) {
					break
				}
				r := rr[i]
				l.To(2+c*(label+1+each+4)).Cell(themes.Muted, r.Code, label, paint.Left).Gap(1)
				if counted {
					counts(l, r.machines)
				} else {
					shapes(l, r.machines)
				}
			}
		}
	}}
}

func (p *Pane) machinesRule(l *paint.Line, env *pane.Env) {
	var n [5]int
	for _, r := range p.regions {
		for _, level := range r.machines {
			n[level.Rank()]++
		}
	}
	parts := []paint.Part{{Role: themes.Muted, Text: strconv.Itoa(n[health.LevelOK.Rank()]) + " healthy"}}
	for _, c := range []struct {
		level health.Level
		word  string
	}{
		{health.LevelCritical, "critical"},
		{health.LevelWarning, "warning"},
		{health.LevelUnknown, "unknown"},
		{health.LevelStopped, "stopped"},
	} {
		if count := n[c.level.Rank()]; count > 0 {
			parts = append(parts, paint.Part{Text: "  "}, paint.Part{Role: paint.Level(env.Glyphs, c.level).Role, Text: strconv.Itoa(count) + " " + c.word})
		}
	}
	l.Rule("MACHINES", parts...)
}

// shapes draws one shape for each machine.
func shapes(l *paint.Line, machines []health.Level) {
	for len(machines) > 0 {
		same := 1
		for same < len(machines) && machines[same] == machines[0] {
			same++
		}
		mark := paint.Level(l.Glyphs, machines[0])
		l.Repeat(mark.Role, mark.Glyph, same)
		machines = machines[same:]
	}
}

// byLevel counts machines, worst first.
func byLevel(machines []health.Level) (levels []health.Level, n []int) {
	for _, level := range []health.Level{health.LevelCritical, health.LevelWarning, health.LevelUnknown, health.LevelOK, health.LevelStopped} {
		count := 0
		for _, m := range machines {
			if m.Rank() == level.Rank() {
				count++
			}
		}
		if count > 0 {
			levels, n = append(levels, level), append(n, count)
		}
	}
	return levels, n
}

// counts draws how many machines there are of each level: "■ 1  ● 47".
func counts(l *paint.Line, machines []health.Level) {
	levels, n := byLevel(machines)
	for i, level := range levels {
		if i > 0 {
			l.Gap(2)
		}
		mark := paint.Level(l.Glyphs, level)
		l.Text(mark.Role, mark.Glyph).Gap(1).Text(themes.Muted, strconv.Itoa(n[i]))
	}
}

func countCells(machines []health.Level) int {
	_, n := byLevel(machines)
	cells := 2 * (len(n) - 1)
	for _, c := range n {
		cells += 2 + len(strconv.Itoa(c))
	}
	return max(cells, 0)
}

// releases are those that instances run, and the newest one.
func (p *Pane) releases(env *pane.Env, s *health.Snapshot) stack.Section {
	var rr []health.Release
	for i, r := range s.Releases {
		if i == 0 || r.Instances > 0 {
			rr = append(rr, r)
		}
	}
	most := max(1+2*len(rr), 2)
	running := 0
	for _, r := range rr {
		running += r.Instances
	}
	return stack.Section{Least: min(most, 3), Most: most, Draw: func(b *paint.Block, w, x, y int) {
		var right []paint.Part
		if n := len(slices.DeleteFunc(slices.Clone(rr), func(r health.Release) bool { return r.Instances == 0 })); n > 1 {
			right = []paint.Part{{Role: themes.Warn, Text: strconv.Itoa(n) + " at once"}}
		}
		b.Line().Rule("RELEASE", right...)
		if len(rr) == 0 {
			b.Line().Text(themes.Stale, env.Glyphs.Unknown).Gap(1).Text(themes.Muted, "releases have not been read")
		}
		for _, r := range rr {
			p.drawRelease(env, b, r, running)
		}
	}}
}

func (p *Pane) drawRelease(env *pane.Env, b *paint.Block, r health.Release, running int) {
	name := themes.Plain
	if r.Instances == 0 {
		name = themes.Muted
	}
	l := b.Line().Text(name, version(r.Version)).Gap(2).Text(themes.Muted, "on "+strconv.Itoa(r.Instances)+of(running))
	if s := r.Status; s != "" && s != "complete" && s != "succeeded" {
		l.Gap(2).Text(themes.Warn, s)
	}
	if !r.At.IsZero() {
		l.Right(paint.Part{Role: themes.Muted, Text: paint.Ago(env.Now, r.At)})
	}
	l = b.Line().To(len(version(r.Version)) + 2)
	by := ""
	if r.By != "" {
		by = "by " + r.By
	}
	if r.Description != "" {
		l.Max(themes.Faint, r.Description, l.Rest()/2)
		if by != "" {
			by = ", " + by
		}
	}
	l.Text(themes.Faint, by)
}
