package migrations

import (
	"cmp"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"ops-console/ops/ecto"
	"ops-console/ops/ecto/lint"
	"ops-console/ops/ecto/project"
	"ops-console/ops/ecto/watch"
	"ops-console/themes"
	"ops-console/tui/paint"
	"ops-console/tui/table"
)

// row is one migration of the list.
type row struct {
	key      string // stays the same as long as the migration is there
	text     string // for the filter
	repo     int    // index into the snapshot's
	module   string // of the repo
	version  int64
	name     string
	state    state
	at       time.Time // when it ran; zero: it did not, or nobody says
	m        *ecto.Migration
	findings []lint.Finding // in the order of the file
	silenced []lint.Finding // suppressed
	worst    lint.Severity
	broken   bool // it does not parse
}

// state is what a database says of a migration, in the order of the list.
type state uint8

const (
	pending state = iota
	late          // pending, though later ones ran
	unknown       // no database says
	applied
	gone // it ran, and there is no file
)

var stateNames = [...]string{"pending", "pending out-of-order", "", "applied", "applied file-not-found"}

var states = map[lint.State]state{lint.Up: applied, lint.Down: pending, lint.FileNotFound: gone, lint.OutOfOrder: late}

// pending says that it has not run.
func (s state) pending() bool { return s == pending || s == late }

// rank orders the states in the list.
func (s state) rank() int {
	switch s {
	case applied, gone:
		return 1
	}
	return 0
}

// repoName is what the repo is called.
func (r *row) repoName() string { return cmp.Or(r.module, "migrations") }

// rows are the migrations of a snapshot: by repo, what is pending first, the newest first.
func rows(s *watch.Snapshot) []row {
	var out []row
	for i := range s.Repos {
		out = append(out, rowsOf(i, &s.Repos[i])...)
	}
	slices.SortStableFunc(out, func(a, b row) int {
		return cmp.Or(cmp.Compare(a.repo, b.repo), cmp.Compare(a.state.rank(), b.state.rank()), cmp.Compare(b.version, a.version), cmp.Compare(a.key, b.key))
	})
	return out
}

func rowsOf(repo int, in *watch.Repo) []row {
	byPath := map[string]*ecto.Migration{}
	for i := range in.Input.Migrations {
		byPath[in.Input.Migrations[i].Path] = &in.Input.Migrations[i]
	}
	found, silenced := map[string][]lint.Finding{}, map[string][]lint.Finding{}
	if in.Result != nil {
		for _, f := range in.Result.Findings {
			if f.Suppressed != nil {
				silenced[f.Path] = append(silenced[f.Path], f)
			} else {
				found[f.Path] = append(found[f.Path], f)
			}
		}
	}
	var out []row
	add := func(r row) {
		r.repo, r.module = repo, in.Input.Repo.Module
		if r.m != nil {
			r.findings, r.silenced = inOrder(found[r.m.Path]), inOrder(silenced[r.m.Path])
			r.broken = slices.ContainsFunc(r.m.Notes, func(n ecto.Note) bool { return n.Code == "parse-error" })
		}
		for _, f := range r.findings {
			r.worst = max(r.worst, f.Severity)
		}
		if r.broken {
			r.worst = lint.Error
		}
		r.text = r.words()
		out = append(out, r)
	}
	if in.Statuses == nil {
		for i := range in.Input.Migrations {
			m := &in.Input.Migrations[i]
			add(row{key: m.Path, version: m.Version, name: m.Name, state: unknown, m: m})
		}
		return out
	}
	for _, s := range in.Statuses {
		st, ok := states[s.State]
		if !ok {
			st = unknown
		}
		if s.Dumped {
			continue // a dump of the structure has it, and its file need not be there
		}
		r := row{key: s.Path, version: s.Version, name: s.Name, state: st, at: s.InsertedAt, m: byPath[s.Path]}
		if r.key == "" {
			r.key = strconv.FormatInt(s.Version, 10)
		}
		add(r)
	}
	return out
}

// inOrder are findings by their place in the file: what is said of the whole file first, and of one place the worst.
func inOrder(ff []lint.Finding) []lint.Finding {
	slices.SortStableFunc(ff, func(a, b lint.Finding) int {
		return cmp.Or(cmp.Compare(a.At.Line, b.At.Line), cmp.Compare(a.At.Column, b.At.Column), cmp.Compare(b.Severity, a.Severity), cmp.Compare(a.Rule, b.Rule))
	})
	return ff
}

// words is what the filter looks at.
func (r *row) words() string {
	out := []string{strconv.FormatInt(r.version, 10), r.name, stateNames[r.state], r.module}
	if r.broken {
		out = append(out, "broken")
	}
	for _, f := range r.findings {
		out = append(out, f.Rule, f.Table.Name, severityWord(f.Severity))
	}
	for _, f := range r.silenced {
		out = append(out, "ignored", f.Rule)
	}
	return lower(out...)
}

// title is what the file is called.
func (r *row) title() string {
	if r.m != nil {
		return path.Base(r.m.Path)
	}
	return strings.TrimSuffix(strconv.FormatInt(r.version, 10)+"_"+r.name, "_")
}

// columns are those of the list.
func (p *Pane) columns() []table.Column {
	return []table.Column{
		{ID: "state", Width: 1, Tight: true, Draw: func(l *paint.Line, i, _ int) {
			m := p.mark(&p.rows[i])
			l.Text(m.Role, m.Glyph)
		}},
		{ID: "name", Width: 20, Min: 10, Flex: 1, Draw: func(l *paint.Line, i, w int) {
			r := &p.rows[i]
			role := themes.Plain
			if r.state.rank() > 0 {
				role = themes.Muted
			}
			if w >= 48 {
				l.Text(themes.Faint, strconv.FormatInt(r.version, 10)+" ")
			}
			name := cmp.Or(r.name, r.title())
			if r.name == "" && w >= 48 {
				name = ""
			}
			l.Text(role, name)
		}},
		{ID: "count", Width: 8, Align: paint.Right, Cell: func(i int) (string, themes.Role) { return p.count(&p.rows[i]) }},
	}
}

// mark is how a migration looks.
func (p *Pane) mark(r *row) paint.Mark {
	g := p.glyphs
	switch {
	case r.state == gone:
		return paint.Mark{Glyph: g.Unknown, Role: themes.Stale, Word: "no file"}
	case r.state == applied:
		return paint.Mark{Glyph: g.Done, Role: themes.Muted, Word: "applied"}
	case r.worst == lint.Off && r.state == unknown:
		return paint.Mark{Glyph: g.Queued, Role: themes.Muted, Word: "nothing found"}
	}
	if r.state == late {
		return severity(g, max(r.worst, lint.Warning))
	}
	return severity(g, r.worst)
}

// count is what stands at the end of a migration's line: how many findings, or when it ran.
func (p *Pane) count(r *row) (string, themes.Role) {
	switch {
	case r.broken:
		return "broken", themes.Crit
	case r.state == gone:
		return "no file", themes.Stale
	case r.state == applied && !r.at.IsZero() && !p.now.IsZero():
		return paint.Short(p.now.Sub(r.at)), themes.Faint
	case r.state == applied:
		return "applied", themes.Faint
	case len(r.findings) > 0:
		n := strconv.Itoa(len(r.findings))
		if r.state == late {
			n = "late " + n
		}
		return n, p.mark(r).Role
	case r.state == late:
		return "late", themes.Warn
	case len(r.silenced) > 0:
		return "ignored", themes.Faint
	}
	return "", themes.Plain
}

// pendingCount is how many have not run, and whether that is known of any.
func (p *Pane) pendingCount() (n int, ok bool) {
	for i := range p.rows {
		switch s := p.rows[i].state; {
		case s.pending():
			n, ok = n+1, true
		case s != unknown:
			ok = true
		}
	}
	return n, ok
}

// noteText is a note without what nobody needs to read twice.
func noteText(n project.Note) string {
	if n.Path == "" {
		return n.Text
	}
	return n.Path + ": " + n.Text
}
