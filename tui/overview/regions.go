package overview

import (
	"cmp"
	"math"
	"slices"
	"strconv"
	"time"

	"ops-console/ops/health"
	"ops-console/ops/replication"
	"ops-console/themes"
	"ops-console/tui/paint"
	"ops-console/tui/table"
)

// region is one row of the regions table, with its instances for the strip below it.
type region struct {
	health.Region
	machines []health.Level // one an instance, by id
	latency  []float64      // seconds, NaN where none answered
	usual    float64        // the median of latency: it is drawn at half height, so that what doubles stands out
	old      bool           // runs a release other than the newest one that any instance runs
	db       *replication.Region
	primary  bool      // of the database is there
	lag      []float64 // of the replicas there, by minute
}

// regions are the rows for a snapshot, by code.
func regions(s *health.Snapshot) []region {
	out := make([]region, len(s.Regions))
	at := make(map[string]int, len(s.Regions))
	newest := 0
	for i, r := range s.Regions {
		out[i] = region{Region: r, latency: seconds(r)}
		out[i].usual = median(out[i].latency)
		at[r.Code] = i
		for _, v := range r.Releases {
			newest = max(newest, v)
		}
	}
	for i := range out {
		out[i].old = slices.ContainsFunc(out[i].Releases, func(v int) bool { return v != newest })
	}
	byID := make([]*health.Instance, len(s.Instances))
	for i := range s.Instances {
		byID[i] = &s.Instances[i]
	}
	slices.SortFunc(byID, func(a, b *health.Instance) int { return cmp.Compare(a.ID, b.ID) })
	for _, in := range byID {
		if i, ok := at[in.Region]; ok {
			out[i].machines = append(out[i].machines, in.Level)
		}
	}
	return out
}

func seconds(r health.Region) []float64 {
	out := make([]float64, len(r.Latency))
	for i, d := range r.Latency {
		if out[i] = d.Seconds(); d <= 0 {
			out[i] = math.NaN()
		}
	}
	return out
}

// median is the middle of those of vv that are known; 0 where none is.
func median(vv []float64) float64 {
	known := slices.DeleteFunc(slices.Clone(vv), math.IsNaN)
	if len(known) == 0 {
		return 0
	}
	slices.Sort(known)
	return known[len(known)/2]
}

// releases is what a region runs: "v1482", "v1483 v1482" while it is mixed, "v1483 +2" where there are more.
func (r region) releases() string {
	switch n := len(r.Releases); n {
	case 0:
		return ""
	case 1:
		return version(r.Releases[0])
	case 2:
		return version(r.Releases[0]) + " " + version(r.Releases[1])
	default:
		return version(r.Releases[0]) + " +" + strconv.Itoa(n-1)
	}
}

// version is a release's name; 0 is unknown.
func version(v int) string {
	if v == 0 {
		return "unknown"
	}
	return "v" + strconv.Itoa(v)
}

// byStatus orders regions: those that need a look first, then the primary, then by code.
func byStatus(a, b region) int {
	primary := 0
	switch {
	case a.Primary && !b.Primary:
		primary = -1
	case b.Primary && !a.Primary:
		primary = 1
	}
	return cmp.Or(cmp.Compare(a.Level.Rank(), b.Level.Rank()), primary, cmp.Compare(a.Code, b.Code))
}

// regionsTable shows p.regions.
func regionsTable(p *Pane) table.Table {
	// quiet is how a fact of a region looks: only those of regions that are not well are brighter than the rest.
	quiet := func(i int) themes.Role {
		if l := p.regions[i].Level; l == health.LevelOK || l == health.LevelStopped {
			return themes.Muted
		}
		return themes.Plain
	}
	probe := func(i int, d time.Duration) (string, themes.Role) {
		switch {
		case d <= 0:
			return p.glyphs.Dash, themes.Faint
		case !p.feed.Value.Sources.Probes.OK:
			return paint.Latency(d), themes.Stale
		}
		return paint.Latency(d), quiet(i)
	}
	t := table.Table{
		Key:   func(i int) string { return p.regions[i].Code },
		Text:  func(i int) string { return p.regions[i].text() },
		Empty: "no region matches",
		Columns: []table.Column{
			{
				ID: "", Width: 1, Tight: true,
				Cell: func(i int) (string, themes.Role) {
					m := paint.Level(p.glyphs, p.regions[i].Level)
					return m.Glyph, m.Role
				},
			},
			{
				ID: "region", Title: "REGION", Width: 6,
				Cell: func(i int) (string, themes.Role) {
					if quiet(i) == themes.Muted {
						return p.regions[i].Code, themes.Plain
					}
					return p.regions[i].Code, themes.Strong
				},
				Compare: func(a, b int) int { return cmp.Compare(p.regions[a].Code, p.regions[b].Code) },
			},
			{
				ID: "role", Title: "ROLE", Width: 7, Drop: 4,
				Cell: func(i int) (string, themes.Role) {
					switch r := &p.regions[i]; {
					case p.hasDB && r.primary, !p.hasDB && r.Primary:
						return "primary", quiet(i)
					case r.lag != nil:
						return "replica", quiet(i)
					}
					return "", themes.Faint
				},
			},
			{
				ID: "machines", Title: "MACH", Width: 7, Min: 5, Align: paint.Right,
				Cell: func(i int) (string, themes.Role) {
					r := p.regions[i]
					if r.Total == 0 {
						return p.glyphs.Dash, themes.Faint
					}
					return strconv.Itoa(r.OK) + "/" + strconv.Itoa(r.Total), quiet(i)
				},
				Compare: func(a, b int) int { return cmp.Compare(p.regions[a].Total, p.regions[b].Total) }, Desc: true,
			},
			{
				ID: "restarts", Title: "RST", Width: 4, Drop: 3, Align: paint.Right,
				Cell: func(i int) (string, themes.Role) {
					if p.regions[i].Total == 0 {
						return p.glyphs.Dash, themes.Faint
					}
					if n := p.regions[i].Restarts; n > 0 {
						return strconv.Itoa(n), themes.Warn
					}
					return "0", quiet(i)
				},
				Compare: func(a, b int) int { return cmp.Compare(p.regions[a].Restarts, p.regions[b].Restarts) }, Desc: true,
			},
			{
				ID: "release", Title: "RELEASE", Width: 13, Min: 11, Drop: 2,
				Cell: func(i int) (string, themes.Role) {
					switch r := p.regions[i]; {
					case len(r.Releases) == 0:
						return p.glyphs.Dash, themes.Faint
					case len(r.Releases) > 1, r.old:
						return r.releases(), themes.Warn
					default:
						return r.releases(), quiet(i)
					}
				},
				Compare: func(a, b int) int { return slices.Compare(p.regions[a].Releases, p.regions[b].Releases) }, Desc: true,
			},
			{
				ID: "p50", Title: "P50", Width: 6, Align: paint.Right,
				Cell:    func(i int) (string, themes.Role) { return probe(i, p.regions[i].P50) },
				Compare: func(a, b int) int { return cmp.Compare(p.regions[a].P50, p.regions[b].P50) }, Desc: true,
			},
			{
				ID: "max", Title: "MAX", Width: 6, Drop: 5, Align: paint.Right,
				Cell:    func(i int) (string, themes.Role) { return probe(i, p.regions[i].Max) },
				Compare: func(a, b int) int { return cmp.Compare(p.regions[a].Max, p.regions[b].Max) }, Desc: true,
			},
			{
				ID: "latency", Title: "LATENCY", Width: 12, Min: 8, Flex: 1, Drop: 6,
				Draw: func(l *paint.Line, i, w int) {
					role := themes.Faint
					if quiet(i) == themes.Plain {
						role = themes.Muted
					}
					l.Spark(role, p.regions[i].latency, min(w, 60), p.regions[i].usual*2)
				},
			},
		},
	}
	if p.hasDB {
		at := slices.IndexFunc(t.Columns, func(c table.Column) bool { return c.ID == "release" })
		t.Columns = slices.Insert(t.Columns, at, lagColumns(p, quiet)...)
	}
	return t
}

// lagColumns say how far behind the database is in a region.
func lagColumns(p *Pane, quiet func(i int) themes.Role) []table.Column {
	return []table.Column{
		{
			ID: "lag", Title: "LAG", Width: 11, Desc: true,
			Cell:    func(i int) (string, themes.Role) { return p.lagText(&p.regions[i]) },
			Compare: func(a, b int) int { return cmp.Compare(lagOrder(&p.regions[a]), lagOrder(&p.regions[b])) },
		},
		{
			ID: "trend", Title: "LAG 15M", Width: lagCells, Min: 7, Drop: 1,
			Draw: func(l *paint.Line, i, w int) {
				l.Spark(quiet(i), p.regions[i].lag, w, 4) // four decades: a full cell is 100 s
			},
		},
	}
}

// text is what the filter looks at.
func (r region) text() string {
	role := ""
	if r.Primary {
		role = " primary"
	}
	if r.db != nil {
		role += " " + r.db.Verdict
	}
	return r.Code + role + " " + string(r.Level) + " " + r.releases()
}
