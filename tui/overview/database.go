package overview

import (
	"cmp"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"ops-console/ops"
	backups "ops-console/ops/backup/watch"
	"ops-console/ops/health"
	"ops-console/ops/postgres"
	"ops-console/ops/replication"
	"ops-console/themes"
	"ops-console/tui/ident"
	"ops-console/tui/paint"
	"ops-console/tui/pane"
)

// takeDatabase shows a newer reading of the database, or that there is none.
func (p *Pane) takeDatabase(m pane.ReplicationMsg) {
	if m.Known && p.hasDB && m.Snapshot.Seq < p.db.Seq {
		return
	}
	changed := m.Known != p.hasDB
	p.hasDB, p.db = m.Known, m.Snapshot
	if changed {
		p.remake()
	}
	p.build()
}

// remake makes the table anew: its columns depend on whether there is a database.
func (p *Pane) remake() {
	by, desc := p.table.Sort()
	p.table = regionsTable(p)
	p.table.SetFilter(p.filter)
	p.table.SetLen(len(p.regions))
	p.table.SetSort(by, desc)
	p.table.Blurred = !p.inside
}

// replicas is what was last read of the database; nil where nothing was.
func (p *Pane) replicas() *replication.Snapshot {
	if !p.hasDB {
		return nil
	}
	return p.db.Value
}

// joined are the problems of the instances, of the database, of the backups and of deployments in one order, and for those
// that are not of the instances what makes an entry of them.
func joined(s *health.Snapshot, db *replication.Snapshot, bb *backups.Snapshot, deploys []ops.Problem) ([]ops.Problem, map[string]func(problem, ops.Subject, string) problem) {
	pp := slices.Clone(s.Problems)
	of := map[string]func(problem, ops.Subject, string) problem{}
	add := func(more []ops.Problem, entry func(problem, ops.Subject, string) problem) {
		for _, q := range more {
			of[problemKey(q)] = entry
		}
		pp = append(pp, more...)
	}
	if db != nil {
		add(db.Problems, ofDatabase)
	}
	if bb != nil {
		add(bb.Problems, ofBackups)
	}
	add(deploys, ofDeploys)
	ops.SortProblems(pp)
	return pp, of
}

// ofDatabase makes an entry one of the database.
func ofDatabase(e problem, s ops.Subject, app string) problem {
	e.subject = cmp.Or(nodeName(s.Region, s.Instance), app)
	e.address = ident.To("replication", "node", s.Instance)
	return e
}

// nodeName is "syd 9185a", or the name alone where it says the region already.
func nodeName(region, node string) string {
	if strings.HasPrefix(node, region) {
		return node
	}
	return strings.TrimSpace(region + " " + node)
}

// withReplicas adds what is known of the database to the regions, and those regions that have a node of it only.
func withReplicas(rr []region, db *replication.Snapshot) []region {
	if db == nil {
		return rr
	}
	at := make(map[string]int, len(rr))
	for i := range rr {
		at[rr[i].Code] = i
	}
	for i := range db.Regions {
		r := &db.Regions[i]
		k, ok := at[r.Code]
		if !ok {
			k = len(rr)
			at[r.Code] = k
			rr = append(rr, region{Region: health.Region{Code: r.Code, Level: health.LevelOK, Primary: r.Code == db.PrimaryRegion}})
		}
		rr[k].db = r
		l := health.Level(r.Level)
		if l == health.LevelOK && len(r.Nodes) > 0 && r.Lag.Kind == replication.LagUnknown && !holdsPrimary(db, r) {
			l = health.LevelUnknown // nothing being known to be wrong is not well
		}
		if l.Rank() < rr[k].Level.Rank() {
			rr[k].Level = l
		}
	}
	for i := range db.Nodes {
		n := &db.Nodes[i]
		k, ok := at[n.Region]
		if !ok || n.Region == "" {
			continue
		}
		if isPrimary(n) {
			rr[k].primary = true
		} else {
			rr[k].lag = worse(rr[k].lag, n, db.At)
		}
	}
	return rr
}

// isPrimary says that a node is a primary, or should be as far as is known.
func isPrimary(n *replication.Node) bool {
	return n.Role == postgres.RolePrimary || n.Role == postgres.RoleUnknown && n.Expected == postgres.RolePrimary
}

// holdsPrimary says that a primary is in a region.
func holdsPrimary(db *replication.Snapshot, r *replication.Region) bool {
	return slices.ContainsFunc(db.Nodes, func(n replication.Node) bool { return n.Region == r.Code && isPrimary(&n) })
}

// The lag of a region is drawn a cell a minute, in decades above 10 ms.
const lagCells = 15

// worse adds the past of a node to the worst lag of a region by minute; NaN where nothing was known.
func worse(lag []float64, n *replication.Node, at time.Time) []float64 {
	if lag == nil {
		lag = make([]float64, lagCells)
		for i := range lag {
			lag[i] = math.NaN()
		}
	}
	for i := len(n.Trail) - 1; i >= 0; i-- {
		pt := &n.Trail[i]
		c := lagCells - 1 - int(at.Sub(pt.At)/time.Minute)
		if c < 0 {
			break
		}
		v := float64(pt.Est)
		if math.IsNaN(v) {
			v = float64(pt.Lo)
		}
		if c >= lagCells || math.IsNaN(v) {
			continue
		}
		if v = max(math.Log10(v/0.01), 0); !(lag[c] >= v) {
			lag[c] = v
		}
	}
	return lag
}

// databaseAge is how old the reading of the database is, where that is longer than it should be; 0 where it is not.
func (p *Pane) databaseAge(now time.Time) time.Duration {
	db := p.replicas()
	if db == nil || db.At.IsZero() {
		return 0
	}
	age := now.Sub(db.At)
	if age > max(time.Duration(min(db.Interval, 3600)*12*float64(time.Second)), 15*time.Second) {
		return age
	}
	return 0
}

// lagText is a region's lag, and how it looks.
func (p *Pane) lagText(r *region) (string, themes.Role) {
	switch {
	case r.db == nil, r.primary && len(r.lag) == 0, len(r.db.Nodes) == 0:
		return p.glyphs.Dash, themes.Faint
	}
	text := paint.Lag(p.glyphs, r.db.Lag)
	switch {
	case text == "?" || p.oldDB:
		return text, themes.Stale
	case r.db.Level == replication.LevelCritical:
		return text, themes.Crit
	case r.db.Level == replication.LevelWarning:
		return text, themes.Warn
	}
	return text, themes.Muted
}

// lagOrder sorts by lag; what is not known comes last.
func lagOrder(r *region) float64 {
	if r.db == nil {
		return -2
	}
	for _, v := range []*float64{r.db.Lag.Est, r.db.Lag.Lo, r.db.Lag.Hi} {
		if v != nil && !math.IsNaN(*v) {
			return *v
		}
	}
	return -1
}

// database is how reading the database does.
func (p *Pane) database(env *pane.Env) fact {
	f := fact{name: "database"}
	unknown := paint.Mark{Glyph: env.Glyphs.Unknown, Role: themes.Stale}
	db := p.db.Value
	switch {
	case db == nil && p.db.Err != nil:
		f.mark, f.word, f.more = unknown, "not answered", told(p.db.Err.Error(), "")
		return f
	case db == nil:
		f.mark, f.word = paint.Mark{Glyph: env.Glyphs.Queued, Role: themes.Pending}, "not asked yet"
		return f
	}
	f.right = paint.Part{Role: themes.Muted, Text: paint.Ago(env.Now, db.At)}
	silent := 0
	for i := range db.Nodes {
		if fail := db.Nodes[i].Failure; fail != nil {
			silent++
			f.more = append(f.more, told(db.Nodes[i].Name+": "+fail.Text, fail.Hint)...)
		}
	}
	all := len(db.Nodes)
	switch {
	case p.db.Err != nil:
		f.mark, f.word, f.more = unknown, "not answering", told(p.db.Err.Error(), "")
		f.right = paint.Part{Role: themes.Stale, Text: "facts " + paint.Old(env.Now, db.At)}
	case p.databaseAge(env.Now) > 0:
		f.mark, f.word = unknown, "not read now"
		f.right = paint.Part{Role: themes.Stale, Text: "facts " + paint.Old(env.Now, db.At)}
	case silent > 0:
		f.mark, f.word = paint.Mark{Glyph: env.Glyphs.Warn, Role: themes.Warn}, strconv.Itoa(all-silent)+of(all)+" nodes answer"
	case db.Verdict == replication.NotKnown:
		f.mark, f.word = unknown, "not all is known"
	default:
		f.mark, f.word = paint.Mark{Glyph: env.Glyphs.OK, Role: themes.OK}, "ok, "+paint.Count(all, "node", "nodes")
	}
	for _, n := range db.Notes {
		f.more = append(f.more, paint.Part{Role: themes.Muted, Text: n})
	}
	return f
}

// withEvents are the marks of the instances and the events of the database, newest first.
func withEvents(marks []health.Mark, db *replication.Snapshot) []health.Mark {
	if db == nil || len(db.Events) == 0 {
		return marks
	}
	region := make(map[string]string, len(db.Nodes))
	for i := range db.Nodes {
		region[db.Nodes[i].Name] = db.Nodes[i].Region
	}
	out := slices.Clone(marks)
	for _, e := range db.Events {
		m := health.Mark{At: e.At, Kind: "database", Level: health.LevelOK, Text: strings.TrimSpace(nodeName(region[e.Node], e.Node) + " " + e.Text)}
		if e.To != "" {
			m.Level = paint.StateLevel(e.To)
		}
		out = append(out, m)
	}
	slices.SortStableFunc(out, func(a, b health.Mark) int { return b.At.Compare(a.At) })
	return out
}
