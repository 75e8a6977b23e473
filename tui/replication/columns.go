package replication

import (
	"cmp"
	"math"
	"slices"
	"strings"
	"time"

	"ops-console/ops/health"
	"ops-console/ops/postgres"
	"ops-console/ops/replication"
	"ops-console/themes"
	"ops-console/tui/glyph"
	"ops-console/tui/paint"
	"ops-console/tui/table"
)

// row is a node as the table shows it.
type row struct {
	*replication.Node
	below int    // how many nodes it streams through
	label string // in the plot
	trend []float64
}

// rows are the nodes as a tree by upstream, and what the filter looks at. Those that stream from the same node come in the
// order of the snapshot, but for the ones that are not well, or have such below them: they come first.
func rows(s *replication.Snapshot) ([]row, []string) {
	var (
		out     = make([]row, 0, len(s.Nodes))
		texts   = make([]string, 0, len(s.Nodes))
		regions = map[string]int{}
	)
	for i := range s.Nodes {
		if !isPrimary(&s.Nodes[i]) {
			regions[s.Nodes[i].Region]++
		}
	}
	tree(s.Nodes, func(n *replication.Node, below int) {
		r := row{Node: n, below: below, label: n.Region, trend: trend(n.Trail, s.At)}
		switch {
		case n.Region == "":
			r.label = n.Name
		case regions[n.Region] > 1 && strings.HasPrefix(n.Name, n.Region):
			r.label = n.Name
		case regions[n.Region] > 1:
			r.label = n.Region + " " + n.Name
		}
		out = append(out, r)
		texts = append(texts, strings.Join([]string{n.Region, n.Name, paint.State(n.State), string(n.Level), string(n.Role), n.Upstream, n.Slot, n.Address, n.Reason}, " "))
	})
	return out, texts
}

// tree visits every node once, each after the one that it streams from, if that is among them.
func tree(nn []replication.Node, visit func(n *replication.Node, below int)) {
	var (
		at       = map[string]int{}
		children = make([][]int, len(nn))
		roots    []int
		worst    = make([]int, len(nn))
		done     = make([]bool, len(nn))
	)
	for i := range nn {
		at[nn[i].Name] = i
	}
	for i := range nn {
		worst[i] = -1
		if up, ok := at[nn[i].Upstream]; ok && nn[i].Upstream != "" && up != i && !isPrimary(&nn[i]) {
			children[up] = append(children[up], i)
		} else {
			roots = append(roots, i)
		}
	}
	var rank func(i int) int
	rank = func(i int) int {
		if worst[i] < 0 {
			worst[i] = health.Level(nn[i].Level).Rank() // also what a circle finds
			for _, c := range children[i] {
				worst[i] = min(worst[i], rank(c))
			}
		}
		return worst[i]
	}
	sorted := func(ii []int) []int {
		slices.SortStableFunc(ii, func(a, b int) int { return cmp.Compare(rank(a), rank(b)) })
		return ii
	}
	var walk func(i, below int)
	walk = func(i, below int) {
		if done[i] {
			return
		}
		done[i] = true
		visit(&nn[i], below)
		for _, c := range sorted(children[i]) {
			walk(c, below+1)
		}
	}
	slices.SortStableFunc(roots, func(a, b int) int {
		pa, pb := isPrimary(&nn[a]), isPrimary(&nn[b])
		switch {
		case pa && !pb:
			return -1
		case pb && !pa:
			return 1
		case pa && pb:
			return 0
		}
		return cmp.Compare(rank(a), rank(b))
	})
	for _, i := range roots {
		walk(i, 0)
	}
	for i := range nn { // those of a circle have no root
		walk(i, 0)
	}
}

// isPrimary says that a node is a primary, or should be as far as is known: it is not behind anybody.
func isPrimary(n *replication.Node) bool {
	return n.Role == postgres.RolePrimary || n.State == replication.Primary || n.Role == postgres.RoleUnknown && n.Expected == postgres.RolePrimary
}

// Trends are a cell a minute.
const (
	trendCells = 15
	trendCell  = time.Minute
)

// trend is the worst lag of each of the last minutes, in decades above 10 ms; NaN where nothing was known.
func trend(pp []replication.Point, at time.Time) []float64 {
	out := make([]float64, trendCells)
	for i := range out {
		out[i] = math.NaN()
	}
	for i := len(pp) - 1; i >= 0; i-- {
		ago := at.Sub(pp[i].At)
		c := trendCells - 1 - int(ago/trendCell)
		if c < 0 {
			break
		}
		v := value(&pp[i])
		if c >= trendCells || math.IsNaN(v) {
			continue
		}
		if v = max(math.Log10(v/0.01), 0); !(out[c] >= v) {
			out[c] = v
		}
	}
	return out
}

// value is what a point says of the lag: the least it can be where it has no upper bound. NaN: nothing.
func value(p *replication.Point) float64 {
	if v := float64(p.Est); !math.IsNaN(v) {
		return v
	}
	return float64(p.Lo)
}

// number is what an optional figure says; NaN where it is absent.
func number(v *float64) float64 {
	if v == nil {
		return math.NaN()
	}
	return *v
}

// span is an optional number of seconds; empty where it is absent.
func span(v *float64) string {
	if v == nil || math.IsNaN(*v) {
		return ""
	}
	return paint.Span(*v)
}

// size is an optional number of bytes; empty where it is absent.
func size(v *int64) string {
	if v == nil {
		return ""
	}
	return paint.Bytes(max(*v, 0))
}

// speed is an optional rate; empty where it is absent or none.
func speed(r *replication.Rate) string {
	if r == nil || math.IsNaN(r.Now) || math.IsInf(r.Now, 0) || r.Now < 0 {
		return ""
	}
	return paint.Bytes(int64(min(r.Now, 1e18))) + "/s"
}

// lagOrder is by how much is certain, then by the rest; nothing known comes last.
func lagOrder(l replication.Lag) float64 {
	for _, v := range []*float64{l.Est, l.Lo, l.Hi} {
		if v != nil && !math.IsNaN(*v) {
			return *v
		}
	}
	return -1
}

// columns are those of the table. What is most worth knowing at 80 columns has no Drop.
func (p *Pane) columns() []table.Column {
	at := func(i int) *row { return &p.rows[i] }
	text := func(f func(r *row) string) func(int) (string, themes.Role) {
		return func(i int) (string, themes.Role) {
			r := at(i)
			if s := f(r); s != "" {
				return s, p.quiet(r)
			}
			return p.glyphs.Dash, themes.Faint
		}
	}
	replica := func(f func(r *row) string) func(i int) (string, themes.Role) {
		return text(func(r *row) string {
			if isPrimary(r.Node) {
				return ""
			}
			return f(r)
		})
	}
	by := func(f func(a, b *row) int) func(a, b int) int {
		return func(a, b int) int { return cmp.Or(f(at(a), at(b)), cmp.Compare(at(a).Name, at(b).Name)) }
	}
	return []table.Column{
		{ID: "", Width: 1, Tight: true, Cell: func(i int) (string, themes.Role) {
			m := p.mark(at(i))
			return m.Glyph, m.Role
		}},
		{
			ID: "region", Title: "REGION", Width: 6, Cell: text(func(r *row) string { return r.Region }),
			Compare: by(func(a, b *row) int { return cmp.Compare(a.Region, b.Region) }),
		},
		{
			ID: "node", Title: "NODE", Width: 15, Min: 11, Flex: 1, Draw: func(l *paint.Line, i, w int) { p.nodeCell(l, at(i)) },
			Compare: by(func(a, b *row) int { return 0 }),
		},
		{
			ID: "state", Title: "STATE", Width: 14, Draw: func(l *paint.Line, i, w int) { p.stateCell(l, at(i)) },
			Compare: by(func(a, b *row) int {
				return cmp.Or(cmp.Compare(health.Level(a.Level).Rank(), health.Level(b.Level).Rank()), cmp.Compare(a.State, b.State))
			}),
		},
		{
			ID: "lag", Title: "LAG", Width: 13, Min: 12, Desc: true, Cell: func(i int) (string, themes.Role) { return p.lagCell(at(i)) },
			Compare: by(func(a, b *row) int { return cmp.Compare(lagOrder(a.Lag), lagOrder(b.Lag)) }),
		},
		{
			ID: "behind", Title: "BEHIND", Width: 8, Align: paint.Right, Desc: true, Drop: 1, Cell: replica(func(r *row) string { return size(r.Behind.Total) }),
			Compare: by(func(a, b *row) int { return cmp.Compare(bytesOrder(a.Behind.Total), bytesOrder(b.Behind.Total)) }),
		},
		{ID: "stages", Title: "SWFR", Width: 11, Drop: 5, Draw: func(l *paint.Line, i, w int) { p.stagesCell(l, at(i), w) }},
		{
			ID: "receive", Title: "RECV/S", Width: 9, Align: paint.Right, Desc: true, Drop: 8, Cell: replica(func(r *row) string { return speed(r.Receive) }),
			Compare: by(func(a, b *row) int { return cmp.Compare(rateOrder(a.Receive), rateOrder(b.Receive)) }),
		},
		{
			ID: "replay", Title: "REPLAY/S", Width: 9, Align: paint.Right, Desc: true, Drop: 7, Cell: replica(func(r *row) string { return speed(r.Replay) }),
			Compare: by(func(a, b *row) int { return cmp.Compare(rateOrder(a.Replay), rateOrder(b.Replay)) }),
		},
		{
			ID: "eta", Title: "ETA", Width: 7, Align: paint.Right, Desc: true, Drop: 3, Cell: replica(p.etaText),
			Compare: by(func(a, b *row) int { return cmp.Compare(number(a.ETA), number(b.ETA)) }),
		},
		{
			ID: "visible", Title: "SEEN P95", Width: 8, Align: paint.Right, Desc: true, Drop: 6, Cell: replica(func(r *row) string {
				if r.Visible == nil || r.Visible.N == 0 {
					return ""
				}
				return r.Visible.Text(r.Visible.P95)
			}),
			Compare: by(func(a, b *row) int { return cmp.Compare(p95(a), p95(b)) }),
		},
		{
			ID: "since", Title: "SINCE", Width: 7, Align: paint.Right, Drop: 2, Cell: text(func(r *row) string {
				if age := r.old(p); age > 0 && r.State != replication.Unreachable {
					return paint.Short(age) + " old"
				}
				if r.StateSince.IsZero() {
					return ""
				}
				return paint.Duration(p.now.Sub(r.StateSince).Truncate(time.Second))
			}),
			Compare: by(func(a, b *row) int { return b.StateSince.Compare(a.StateSince) }),
		},
		{ID: "trend", Title: "LAST 15M", Width: trendCells, Drop: 9, Draw: func(l *paint.Line, i, w int) {
			if !isPrimary(at(i).Node) {
				l.Spark(p.quiet(at(i)), at(i).trend, w, 4) // four decades: a full cell is 100 s
			}
		}},
		{ID: "slot", Title: "SLOT", Width: 18, Drop: 10, Cell: text(func(r *row) string { return r.Slot })},
	}
}

func bytesOrder(v *int64) int64 {
	if v == nil {
		return -1
	}
	return *v
}

func rateOrder(r *replication.Rate) float64 {
	if r == nil {
		return -1
	}
	return r.Now
}

func p95(r *row) float64 {
	if r.Visible == nil {
		return -1
	}
	return r.Visible.P95
}

// quiet is how a fact of a node looks: only those of nodes that are not well are brighter than the rest.
func (p *Pane) quiet(r *row) themes.Role {
	switch {
	case p.aged || r.old(p) > 0:
		return themes.Stale
	case r.Level == replication.LevelOK:
		return themes.Muted
	}
	return themes.Plain
}

// mark is a node's level. What was said too long ago is not known any more.
func (p *Pane) mark(r *row) paint.Mark {
	unknown := p.aged || r.old(p) > 0 || !isPrimary(r.Node) && paint.Lag(p.glyphs, r.Lag) == "?"
	if unknown && r.Level == replication.LevelOK {
		return paint.Level(p.glyphs, health.LevelUnknown)
	}
	return paint.Level(p.glyphs, health.Level(r.Level))
}

// old is how long ago a node was last read, where that is longer than it should be; 0 where it is not.
func (r *row) old(p *Pane) time.Duration {
	if r.ReadAt.IsZero() {
		return 0 // its state says so
	}
	if age := p.now.Sub(r.ReadAt); age > p.late() {
		return age
	}
	return 0
}

// late is how old a reading of a node may be.
func (p *Pane) late() time.Duration {
	return max(time.Duration(4*p.interval()*float64(time.Second)), 5*time.Second)
}

// interval is how many seconds lie between two readings.
func (p *Pane) interval() float64 {
	if s := p.feed.Value; s != nil && s.Interval > 0 && s.Interval < 1e6 {
		return s.Interval
	}
	return 1
}

// nodeCell is the name, below what it streams from where the rows are in that order.
func (p *Pane) nodeCell(l *paint.Line, r *row) {
	if by, _ := p.table.Sort(); by == "" && r.below > 1 {
		l.Gap(2*min(r.below-2, 4)).Text(themes.Faint, l.Glyphs.Foot).Gap(1)
	}
	role := themes.Plain
	if r.Level != replication.LevelOK || isPrimary(r.Node) {
		role = themes.Strong
	}
	l.Text(role, r.Name)
}

func (p *Pane) stateCell(l *paint.Line, r *row) {
	role := p.quiet(r)
	if r.Level != replication.LevelOK && role != themes.Stale {
		role = p.mark(r).Role
	}
	l.Text(role, paint.State(r.State))
}

func (p *Pane) lagCell(r *row) (string, themes.Role) {
	if isPrimary(r.Node) {
		return p.glyphs.Dash, themes.Faint
	}
	text := paint.Lag(p.glyphs, r.Lag)
	switch {
	case text == "?", p.aged, p.judgedLate(r):
		return text, themes.Stale
	case r.Level == replication.LevelCritical:
		return text, themes.Crit
	case r.Level == replication.LevelWarning:
		return text, themes.Warn
	}
	return text, p.quiet(r)
}

// judgedLate says that a node's lag is from longer ago than it should be.
func (p *Pane) judgedLate(r *row) bool {
	return !r.Lag.At.IsZero() && p.now.Sub(r.Lag.At) > p.late()
}

// etaText is when a node will have caught up. That it never will is worth saying only where there is something to catch up.
func (p *Pane) etaText(r *row) string {
	switch {
	case r.ETA != nil:
		return span(r.ETA)
	case r.State == replication.FallingBehind, r.State == replication.Blocked:
		return "never"
	}
	return ""
}

// stages are the four parts of the way, in order.
func stages(b replication.Behind) [4]stage {
	return [4]stage{{"send", b.Unsent}, {"write", b.InFlight}, {"flush", b.ToFlush}, {"replay", b.ToReplay}}
}

type stage struct {
	name  string
	bytes *int64
}

// worthNaming is how many bytes a stage holds up before it is named.
const worthNaming = 1 << 20

// stagesCell is how much waits at each stage, on a scale of decades, and which of them holds up most.
func (p *Pane) stagesCell(l *paint.Line, r *row, w int) {
	if isPrimary(r.Node) {
		l.Text(themes.Faint, p.glyphs.Dash)
		return
	}
	most, name, known := int64(worthNaming), "", false
	for _, s := range stages(r.Behind) {
		if s.bytes == nil {
			l.Text(themes.Stale, "?")
			continue
		}
		known = true
		l.Text(p.quiet(r), bar(p.glyphs, *s.bytes))
		if *s.bytes >= most {
			most, name = *s.bytes, s.name
		}
	}
	if known && name != "" && w > 6 {
		l.Gap(1).Text(p.quiet(r), name)
	}
}

// bar is a count of bytes as one cell: a dot for less than 100 kB, then a step for each factor of ten.
func bar(g *glyph.Set, n int64) string {
	if n < 100_000 {
		return g.Dot
	}
	step := int(math.Log10(float64(n))) - 4
	return g.Spark[min(max(step, 1), len(g.Spark)-1)]
}
