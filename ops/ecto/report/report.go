// Package report writes findings and the state of migrations for people and for programs: text, JSON, SARIF, and the
// forms that code hosts read. It decides nothing.
package report

import (
	"cmp"
	"path"
	"slices"
	"time"

	"ops-console/ops/ecto/catalog"
	"ops-console/ops/ecto/lint"
	"ops-console/ops/ecto/project"
	"ops-console/ops/ecto/rehearse"
)

// Report is what one run of the linter said.
type Report struct {
	Tool   string // version of this program
	FailOn lint.Severity
	Repos  []Repo
}

// Repo is one Ecto repo, judged.
type Repo struct {
	Dir    string // of the project, absolute
	Prefix string // what paths begin with where they do not start from the project but from the directory above; may be empty
	Input  lint.Input
	Result *lint.Result
	// Notes are those of the project. Where several repos are of one project, the first has them.
	Notes     []project.Note
	Rehearsal *Rehearsal // nil: there was none
}

// Rehearsal is how the pending migrations of a repo went on a throw-away server.
type Rehearsal struct {
	Steps []rehearse.Step
	Notes []string // what one should know of it as a whole
	Err   error    // why it ended early; nil: it did not
}

// Failed says whether a statement failed.
func (h *Rehearsal) Failed() bool {
	return h != nil && slices.ContainsFunc(h.Steps, func(s rehearse.Step) bool { return s.Err != "" })
}

// Counts of findings that nothing suppresses, and of those that something does.
type Counts struct {
	Error      int `json:"error"`
	Warning    int `json:"warning"`
	Info       int `json:"info"`
	Suppressed int `json:"suppressed"`
}

// Count counts the findings of all repos.
func (r *Report) Count() Counts {
	var c Counts
	for i := range r.Repos {
		for _, f := range r.Repos[i].Result.Findings {
			c.add(f)
		}
	}
	return c
}

func (c *Counts) add(f lint.Finding) {
	switch {
	case f.Suppressed != nil:
		c.Suppressed++
	case f.Severity == lint.Error:
		c.Error++
	case f.Severity == lint.Warning:
		c.Warning++
	default:
		c.Info++
	}
}

// Bad says whether there is a finding at least as severe as FailOn, or a rehearsed statement failed.
func (r *Report) Bad() bool {
	return slices.ContainsFunc(r.Repos, func(p Repo) bool {
		return p.Rehearsal.Failed() || slices.ContainsFunc(p.Result.Findings, func(f lint.Finding) bool {
			return f.Suppressed == nil && f.Severity >= max(r.FailOn, lint.Info)
		})
	})
}

// checked is how many migrations were looked at.
func (r *Report) checked() int {
	n := 0
	for i := range r.Repos {
		n += r.Repos[i].Result.Checked
	}
	return n
}

// defaultTarget is the major version that package lint assumes where nothing tells one.
const defaultTarget = 15

// target is the major version of PostgreSQL that a repo was judged for.
func (p *Repo) target() int {
	live := 0
	if p.Input.Live != nil {
		live = p.Input.Live.Version / 10000
	}
	return cmp.Or(p.Input.Options.Target, live, defaultTarget)
}

// path is where a file of the project is, from the directory that paths start from.
func (p *Repo) path(file string) string {
	if file == "" {
		return ""
	}
	return path.Join(p.Prefix, file)
}

// place is a finding with the repo that it was made in.
type place struct {
	repo *Repo
	*lint.Finding
}

// worstFirst is all findings that nothing suppresses, the most severe first, otherwise in their order.
func (r *Report) worstFirst() []place {
	var out []place
	for i := range r.Repos {
		p := &r.Repos[i]
		for j := range p.Result.Findings {
			if f := &p.Result.Findings[j]; f.Suppressed == nil {
				out = append(out, place{p, f})
			}
		}
	}
	slices.SortStableFunc(out, func(a, b place) int { return cmp.Compare(b.Severity, a.Severity) })
	return out
}

// Status is the migrations of one repo beside what a database says of them.
type Status struct {
	Module   string
	Tenant   bool
	Statuses []lint.Status
	// Pending counts the findings of each migration that has not run, by path.
	Pending map[string]Counts
	Live    *catalog.Snapshot // nil: it was not read, or this repo is not known to be in it
}

// NewStatus joins a repo's states with its findings.
func NewStatus(in lint.Input, statuses []lint.Status, res *lint.Result) Status {
	s := Status{Module: in.Repo.Module, Tenant: in.Repo.Tenant, Statuses: statuses, Pending: map[string]Counts{}, Live: in.Live}
	if s.Statuses == nil {
		s.Statuses = lint.Statuses(in)
	}
	for _, t := range s.Statuses {
		if t.State != lint.Up && t.State != lint.FileNotFound {
			s.Pending[t.Path] = Counts{}
		}
	}
	for _, f := range res.Findings {
		if c, ok := s.Pending[f.Path]; ok {
			c.add(f)
			s.Pending[f.Path] = c
		}
	}
	return s
}

// Known says whether a database told what ran.
func (s *Status) Known() bool { return s.Live != nil && s.Live.Unread == "" }

// Bad says whether a version that ran has no file, one is out of order, or a pending one has an error. What is not known is
// not bad.
func (s *Status) Bad() bool {
	return s.Known() && slices.ContainsFunc(s.Statuses, func(t lint.Status) bool {
		return t.State == lint.FileNotFound || t.State == lint.OutOfOrder || s.Pending[t.Path].Error > 0
	})
}

// Migrations is the state of all repos' migrations at one moment.
type Migrations struct {
	At    time.Time
	Dir   string // of the project, absolute
	Repos []Status
	Node  string    // of the database that was read; empty: none
	Read  time.Time // when, by its clock
	// Err is why no database says what ran; nil: one does, or none was to be asked.
	Err error
}

// Bad says whether one of the repos' is.
func (m *Migrations) Bad() bool {
	return slices.ContainsFunc(m.Repos, func(s Status) bool { return s.Bad() })
}

// Known says whether a database told what ran, of one repo at least.
func (m *Migrations) Known() bool {
	return slices.ContainsFunc(m.Repos, func(s Status) bool { return s.Known() })
}
