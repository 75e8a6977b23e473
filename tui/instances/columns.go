package instances

import (
	"cmp"
	"math"
	"strconv"
	"time"

	"ops-console/ops/health"
	"ops-console/themes"
	"ops-console/tui/paint"
	"ops-console/tui/table"
)

// The column of notes says what is wrong in words, so it has more room before others get any. How much is a matter of
// the width alone: nothing moves when the rows change.
const (
	noteID     = "note"
	fewestNote = 20
	mostNote   = 44
)

// roomForNote sets how many cells the notes need in a table of w cells.
func (p *Pane) roomForNote(w int) {
	for i := range p.table.Columns {
		if c := &p.table.Columns[i]; c.ID == noteID {
			c.Min = min(max((w-58)*3/5, fewestNote), mostNote)
		}
	}
}

// columns are those of the table, without the region where the rows are grouped by it.
func (p *Pane) columns(grouped bool) []table.Column {
	at := func(i int) *row { return &p.rows[i] }
	text := func(f func(r *row) (string, themes.Role)) func(int) (string, themes.Role) {
		return func(i int) (string, themes.Role) {
			s, role := f(at(i))
			if s == "" {
				return p.glyphs.Dash, themes.Faint
			}
			return s, role
		}
	}
	by := func(f func(a, b *row) int) func(a, b int) int {
		return func(a, b int) int { return cmp.Or(f(at(a), at(b)), cmp.Compare(at(a).ID, at(b).ID)) }
	}
	cc := []table.Column{
		{
			ID: "level", Width: 1, Tight: true,
			Cell: func(i int) (string, themes.Role) {
				m := paint.Level(p.glyphs, at(i).Level)
				return m.Glyph, m.Role
			},
			Compare: by(func(a, b *row) int { return cmp.Compare(a.Level.Rank(), b.Level.Rank()) }),
		},
		{
			ID: "id", Title: "ID", Width: 14, Min: 9,
			Draw: func(l *paint.Line, i, w int) {
				id, role := at(i).ID, themes.Plain
				if paint.Width(head(id, 64), l.Glyphs) > w {
					id = at(i).short
				}
				if !quiet(at(i)) {
					role = themes.Strong
				}
				l.Text(role, id)
			},
			Compare: by(func(a, b *row) int { return 0 }),
		},
		{
			ID: "region", Title: "REGION", Width: 6,
			Cell:    text(func(r *row) (string, themes.Role) { return r.Region, plain(r) }),
			Compare: by(func(a, b *row) int { return cmp.Compare(a.Region, b.Region) }),
		},
		{
			ID: "group", Title: "GROUP", Width: 8, Min: 6, Drop: 7,
			Cell:    text(func(r *row) (string, themes.Role) { return r.ProcessGroup, themes.Muted }),
			Compare: by(func(a, b *row) int { return cmp.Compare(a.ProcessGroup, b.ProcessGroup) }),
		},
		{
			ID: "state", Title: "STATE", Width: 10,
			Cell: func(i int) (string, themes.Role) {
				switch r := at(i); {
				case r.State == "":
					return "unknown", themes.Stale
				case r.HostStatus != "" && r.HostStatus != "ok":
					return r.State, themes.Stale
				case r.State == "started" || r.Level == health.LevelStopped:
					return r.State, themes.Muted
				default:
					return r.State, themes.Plain
				}
			},
			Compare: by(func(a, b *row) int { return cmp.Compare(a.State, b.State) }),
		},
		{
			ID: "release", Title: "RELEASE", Width: 9,
			Cell: text(func(r *row) (string, themes.Role) {
				if r.old {
					return release(r.Release) + " old", themes.Warn
				}
				return release(r.Release), plain(r)
			}),
			Compare: by(func(a, b *row) int { return cmp.Compare(a.Release, b.Release) }), Desc: true,
		},
		{
			ID: "checks", Title: "CHECKS", Width: 6,
			Cell: text(func(r *row) (string, themes.Role) {
				if len(r.Checks) == 0 || r.Level == health.LevelStopped {
					return "", themes.Faint // the results of a stopped machine are from before
				}
				role := themes.Muted
				if r.passing < len(r.Checks) {
					role = paint.Level(p.glyphs, r.Level).Role
				}
				return strconv.Itoa(r.passing) + "/" + strconv.Itoa(len(r.Checks)), role
			}),
			Compare: by(func(a, b *row) int { return cmp.Compare(a.failing(), b.failing()) }), Desc: true,
		},
		{
			ID: "probe", Title: "PROBE", Width: 11, Align: paint.Right,
			Cell:    func(i int) (string, themes.Role) { return probe(at(i)) },
			Compare: by(func(a, b *row) int { return cmp.Compare(probeRank(a), probeRank(b)) }), Desc: true,
		},
		{
			ID: "uptime", Title: "UPTIME", Width: 7, Drop: 5, Align: paint.Right,
			Cell: text(func(r *row) (string, themes.Role) {
				if r.StartedAt.IsZero() {
					return "", themes.Faint
				}
				return paint.Duration(p.now.Sub(r.StartedAt).Truncate(time.Second)), themes.Muted
			}),
			Compare: by(func(a, b *row) int { return b.StartedAt.Compare(a.StartedAt) }),
		},
		{
			ID: "restarts", Title: "RST", Width: 3, Drop: 6, Align: paint.Right,
			Cell:    func(i int) (string, themes.Role) { return counted(at(i).Restarts) },
			Compare: by(func(a, b *row) int { return cmp.Compare(a.Restarts, b.Restarts) }), Desc: true,
		},
		{
			ID: "oom", Title: "OOM", Width: 3, Drop: 8, Align: paint.Right,
			Cell:    func(i int) (string, themes.Role) { return counted(at(i).OOMKills) },
			Compare: by(func(a, b *row) int { return cmp.Compare(a.OOMKills, b.OOMKills) }), Desc: true,
		},
		{
			ID: "image", Title: "IMAGE", Width: 12, Drop: 9,
			Cell: text(func(r *row) (string, themes.Role) {
				if r.odd {
					return digest(r.Digest) + " odd", themes.Warn
				}
				return digest(r.Digest), themes.Faint
			}),
			Compare: by(func(a, b *row) int { return cmp.Compare(a.Digest, b.Digest) }),
		},
		{
			ID: "size", Title: "SIZE", Width: 14, Drop: 11,
			Cell:    text(func(r *row) (string, themes.Role) { return size(r.Instance), themes.Faint }),
			Compare: by(func(a, b *row) int { return cmp.Compare(a.MemoryMB, b.MemoryMB) }), Desc: true,
		},
		{
			ID: "address", Title: "ADDRESS", Width: 28, Drop: 12,
			Cell:    text(func(r *row) (string, themes.Role) { return r.Address, themes.Faint }),
			Compare: by(func(a, b *row) int { return cmp.Compare(a.Address, b.Address) }),
		},
		{
			ID: "age", Title: "AGE", Width: 4, Drop: 10, Align: paint.Right,
			Cell: text(func(r *row) (string, themes.Role) {
				t := oldest(r.Instance)
				if t.IsZero() {
					return "", themes.Faint
				}
				return paint.Short(p.now.Sub(t)), themes.Faint
			}),
			Compare: by(func(a, b *row) int { return oldest(a.Instance).Compare(oldest(b.Instance)) }),
		},
		{
			ID: noteID, Title: "NOTE", Width: 30, Min: fewestNote, Flex: 1, Drop: 4,
			Cell: func(i int) (string, themes.Role) { return at(i).note(), plain(at(i)) },
		},
	}
	if grouped {
		return append(cc[:2], cc[3:]...)
	}
	return cc
}

// quiet is true for rows of which nothing stands out.
func quiet(r *row) bool { return r.Level == health.LevelOK || r.Level == health.LevelStopped }

func plain(r *row) themes.Role {
	if quiet(r) && r.disagree == "" {
		return themes.Muted
	}
	return themes.Plain
}

func (r *row) failing() int { return len(r.Checks) - r.passing }

// counted is a number that should be zero.
func counted(n int) (string, themes.Role) {
	if n > 0 {
		return strconv.Itoa(n), themes.Warn
	}
	return "0", themes.Faint
}

// probe is how the latest probe ended, in eleven cells: "200   12ms".
func probe(r *row) (string, themes.Role) {
	p := r.Probe
	switch p.State {
	case health.ProbeOK:
		return status(p), themes.Muted
	case health.ProbeBadStatus:
		return status(p), themes.Crit
	case health.ProbeRefused, health.ProbeTimeout:
		return string(p.State), themes.Crit
	case health.ProbeError:
		return "failed", themes.Crit
	case health.ProbeNoNetwork:
		return "no network", themes.Stale
	}
	return "none", themes.Faint
}

func status(p health.Probe) string {
	lat := paint.Latency(p.Latency)
	for len(lat) < 6 {
		lat = " " + lat
	}
	if p.Status == 0 {
		return lat
	}
	return strconv.Itoa(p.Status) + "  " + lat
}

// probeRank orders probes: the slower the later, and those that failed last.
func probeRank(r *row) float64 {
	switch r.Probe.State {
	case health.ProbeOK:
		return r.Probe.Latency.Seconds()
	case health.ProbeNone, health.ProbeNoNetwork, "":
		return -1
	}
	return math.Inf(1)
}

// oldest is when the oldest of an instance's facts was read.
func oldest(in *health.Instance) time.Time {
	t := in.PlatformAt
	for _, other := range []time.Time{in.DNS.At, in.Probe.At} {
		if !other.IsZero() && (t.IsZero() || other.Before(t)) {
			t = other
		}
	}
	return t
}
