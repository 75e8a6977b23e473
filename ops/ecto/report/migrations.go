package report

import (
	"cmp"
	"fmt"
	"io"
	"strings"
	"time"

	"ops-console/ops/ecto/lint"
	"ops-console/ops/page"
)

type migrationsJSON struct {
	At      time.Time    `json:"at"`
	Project string       `json:"project"`
	Node    string       `json:"node,omitempty"`
	ReadAt  *time.Time   `json:"read_at,omitempty"`
	Error   string       `json:"error,omitempty"`
	Verdict string       `json:"verdict"`
	Repos   []statesJSON `json:"repos"`
}

type statesJSON struct {
	Module     string      `json:"module"`
	Tenant     bool        `json:"tenant,omitempty"`
	Known      bool        `json:"known"`
	Source     string      `json:"source,omitempty"`
	Unread     string      `json:"unread,omitempty"`
	Pending    int         `json:"pending"`
	Migrations []stateJSON `json:"migrations"`
}

type stateJSON struct {
	Version    int64      `json:"version"`
	Name       string     `json:"name,omitempty"`
	Path       string     `json:"path,omitempty"`
	State      string     `json:"state"`
	InsertedAt *time.Time `json:"inserted_at,omitempty"`
	Dumped     bool       `json:"dumped,omitempty"`
	Findings   *Counts    `json:"findings,omitempty"`
}

// MigrationsJSON writes what docs/lint-json.md describes.
func MigrationsJSON(w io.Writer, m *Migrations) error {
	out := migrationsJSON{At: m.At.UTC(), Project: clean(m.Dir), Node: clean(m.Node), ReadAt: moment(m.Read), Verdict: m.verdict(), Repos: []statesJSON{}}
	if m.Err != nil {
		out.Error = clean(m.Err.Error())
	}
	for i := range m.Repos {
		s := &m.Repos[i]
		r := statesJSON{Module: clean(s.Module), Tenant: s.Tenant, Known: s.Known(), Pending: s.pending(), Migrations: []stateJSON{}}
		if s.Live != nil {
			r.Source, r.Unread = clean(s.Live.Source.String()), clean(s.Live.Unread)
		}
		for _, t := range s.Statuses {
			j := stateJSON{
				Version: t.Version, Name: clean(t.Name), Path: clean(t.Path), State: cmp.Or(string(t.State), "unknown"),
				InsertedAt: moment(t.InsertedAt), Dumped: t.Dumped,
			}
			if c, ok := s.Pending[t.Path]; ok && t.Path != "" {
				j.Findings = &c
			}
			r.Migrations = append(r.Migrations, j)
		}
		out.Repos = append(out.Repos, r)
	}
	return encode(w, out)
}

// moment is nil where it is not known.
func moment(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC()
	return &t
}

// verdict is one word: bad, fine, or unknown where no database says what ran.
func (m *Migrations) verdict() string {
	switch {
	case m.Bad():
		return "bad"
	case m.Known() || len(m.Repos) == 0:
		return "fine"
	}
	return "unknown"
}

// pending counts the migrations that have not run.
func (s *Status) pending() int {
	n := 0
	for _, t := range s.Statuses {
		if t.State == lint.Down || t.State == lint.OutOfOrder {
			n++
		}
	}
	return n
}

// stateWords are how people call the states.
var stateWords = map[lint.State]string{
	lint.Up:           "up",
	lint.Down:         "down",
	lint.OutOfOrder:   "out of order",
	lint.FileNotFound: "file not found",
	"":                "unknown",
}

// MigrationsText writes the migrations of each repo, the latest last, as mix ecto.migrations does; what it finds in those
// that are pending stands beside them.
func MigrationsText(w io.Writer, m *Migrations, o Options) error {
	p := page.New(page.Options{Width: o.Width, Color: o.Color})
	word := map[string]page.Word{
		"bad": {Text: "needs a look", Level: "critical"}, "fine": {Text: "fine", Level: "ok"}, "unknown": {Text: "unknown", Level: "unknown"},
	}[m.verdict()]
	var about []string
	if m.Node != "" {
		about = append(about, "read on "+m.Node, page.Stamp(m.Read))
	}
	p.Head("migrations", word, about...)
	if m.Err != nil {
		p.Wrapped(0, "What ran is not known: "+m.Err.Error())
	}
	for i := range m.Repos {
		m.repo(p, &m.Repos[i])
	}
	if len(m.Repos) == 0 {
		p.Line(0, "There are none.")
	}
	if _, err := p.WriteTo(w); err != nil {
		return fmt.Errorf("write migrations: %w", err)
	}
	return nil
}

func (m *Migrations) repo(p *page.Page, s *Status) {
	note := fmt.Sprintf("%d, %d pending", len(s.Statuses), s.pending())
	if !s.Known() {
		note = fmt.Sprint(len(s.Statuses))
	}
	if s.Tenant {
		note += ", of tenants"
	}
	p.Section(cmp.Or(s.Module, "MIGRATIONS"), note)
	switch {
	case s.Live == nil && m.Err == nil && m.Node != "":
		p.Wrapped(0, "None of them ran in the database that was read: it is not known to be this repo's.")
	case s.Live != nil && s.Live.Unread != "":
		p.Wrapped(0, "What ran is not known: "+s.Live.Unread)
	case s.Live != nil && s.Live.Missing:
		p.Wrapped(0, "There is no table "+s.Live.Source.String()+" yet: none has run.")
	}
	t := page.NewTable(
		page.Column{Title: "VERSION", Right: true}, page.Column{Title: "STATE"}, page.Column{Title: "NAME"},
		page.Column{Title: "RAN", Drop: 1}, page.Column{Title: "FINDINGS", Drop: 2},
	)
	for _, st := range s.Statuses {
		ran := ""
		if !st.InsertedAt.IsZero() {
			ran = page.Stamp(st.InsertedAt)
		}
		state := stateWords[st.State]
		if st.Dumped {
			state = "up (in the dump)"
		}
		found := ""
		if c, ok := s.Pending[st.Path]; ok && st.Path != "" {
			found = c.String()
		}
		t.Row(fmt.Sprint(st.Version), state, cmp.Or(st.Name, "** no file **"), ran, found)
	}
	p.Table(t)
}

// String names what there is, the worst first.
func (c Counts) String() string {
	var parts []string
	for _, p := range []struct {
		n    int
		word string
	}{{c.Error, "error"}, {c.Warning, "warning"}} {
		if p.n > 0 {
			parts = append(parts, plural(p.n, p.word))
		}
	}
	if c.Info > 0 {
		parts = append(parts, fmt.Sprintf("%d info", c.Info))
	}
	if c.Suppressed > 0 {
		parts = append(parts, fmt.Sprintf("%d suppressed", c.Suppressed))
	}
	return cmp.Or(strings.Join(parts, ", "), "none")
}
