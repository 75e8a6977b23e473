package report

import (
	"io"
	"slices"
	"time"

	"ops-console/ops/ecto/catalog"
	"ops-console/ops/ecto/lint"
	"ops-console/ops/ecto/locks"
	"ops-console/ops/ecto/project"
	"ops-console/ops/ecto/rehearse"
)

// The types below are the JSON that docs/lint-json.md describes. Paths are relative to the project's directory.

type reportJSON struct {
	Tool    toolJSON   `json:"tool"`
	Verdict string     `json:"verdict"`
	FailOn  string     `json:"fail_on"`
	Checked int        `json:"checked"`
	Counts  Counts     `json:"counts"`
	Repos   []repoJSON `json:"repos"`
}

type toolJSON struct {
	Name    string `json:"name"`
	Version string `json:"version"`
}

type repoJSON struct {
	Module      string            `json:"module"`
	Project     string            `json:"project"`
	Directories []string          `json:"directories"`
	Tenant      bool              `json:"tenant,omitempty"`
	Target      int               `json:"target"`
	Checked     int               `json:"checked"`
	Database    *databaseJSON     `json:"database,omitempty"`
	Findings    []findingJSON     `json:"findings"`
	Notes       []noteJSON        `json:"notes"`
	Unused      []suppressionJSON `json:"unused"`
	Rehearsal   *rehearsalJSON    `json:"rehearsal,omitempty"`
}

type databaseJSON struct {
	Node     string    `json:"node"`
	Name     string    `json:"name"`
	Version  int       `json:"version"`
	At       time.Time `json:"at"`
	Standby  bool      `json:"standby"`
	Unread   string    `json:"unread,omitempty"`
	Warnings []string  `json:"warnings"`
}

type findingJSON struct {
	Rule        string           `json:"rule"`
	Severity    string           `json:"severity"`
	Path        string           `json:"path"`
	Version     int64            `json:"version"`
	Line        int              `json:"line"`
	Column      int              `json:"column"`
	EndLine     int              `json:"end_line"`
	EndColumn   int              `json:"end_column"`
	Down        bool             `json:"down"`
	Text        string           `json:"text"`
	Table       string           `json:"table,omitempty"`
	Lock        string           `json:"lock,omitempty"`
	Blocks      string           `json:"blocks,omitempty"`
	Hold        *holdJSON        `json:"hold,omitempty"`
	Why         []string         `json:"why"`
	Recipe      string           `json:"recipe,omitempty"`
	Code        string           `json:"code,omitempty"`
	SQL         []string         `json:"sql"`
	Fingerprint string           `json:"fingerprint"`
	Suppressed  *suppressionJSON `json:"suppressed,omitempty"`
}

type holdJSON struct {
	Lo    time.Duration `json:"lo_ns"`
	Hi    time.Duration `json:"hi_ns"`
	Basis string        `json:"basis,omitempty"`
}

type suppressionJSON struct {
	Reason string `json:"reason"`
	Path   string `json:"path,omitempty"`
	Line   int    `json:"line,omitempty"`
}

type noteJSON struct {
	Path   string `json:"path,omitempty"`
	Line   int    `json:"line,omitempty"`
	Column int    `json:"column,omitempty"`
	Code   string `json:"code,omitempty"`
	Text   string `json:"text"`
}

type rehearsalJSON struct {
	Agreement
	Notes []string   `json:"notes"`
	Error string     `json:"error,omitempty"`
	Steps []stepJSON `json:"steps"`
}

type stepJSON struct {
	Path      string        `json:"path"`
	Version   int64         `json:"version"`
	Line      int           `json:"line"`
	Column    int           `json:"column"`
	Down      bool          `json:"down"`
	SQL       string        `json:"sql"`
	Took      time.Duration `json:"took_ns"`
	Measured  []lockJSON    `json:"measured"`
	Predicted []lockJSON    `json:"predicted"`
	Differs   []string      `json:"differs"`
	Error     string        `json:"error,omitempty"`
	Skipped   string        `json:"skipped,omitempty"`
}

type lockJSON struct {
	Table   string   `json:"table"`
	Lock    string   `json:"lock"`
	Held    bool     `json:"held,omitempty"`
	Rewrite bool     `json:"rewrite,omitempty"`
	Scan    bool     `json:"scan,omitempty"`
	Build   []string `json:"build,omitempty"`
}

// JSON writes what docs/lint-json.md describes.
func JSON(w io.Writer, r *Report) error {
	out := reportJSON{
		Tool: tool(r), Verdict: "fine", FailOn: max(r.FailOn, lint.Info).String(), Checked: r.checked(), Counts: r.Count(), Repos: []repoJSON{},
	}
	if r.Bad() {
		out.Verdict = "findings"
	}
	known := newFingerprints()
	for i := range r.Repos {
		out.Repos = append(out.Repos, repoOf(&r.Repos[i], known))
	}
	return encode(w, out)
}

// name of this program.
const name = "ops-console"

func tool(r *Report) toolJSON { return toolJSON{name, clean(r.Tool)} }

func repoOf(p *Repo, known *fingerprints) repoJSON {
	out := repoJSON{
		Module: clean(p.Input.Repo.Module), Project: clean(p.Dir), Directories: cleanAll(p.Input.Repo.Dirs), Tenant: p.Input.Repo.Tenant,
		Target: p.target(), Checked: p.Result.Checked, Database: databaseOf(p.Input.Live),
		Findings: []findingJSON{}, Notes: []noteJSON{}, Unused: []suppressionJSON{}, Rehearsal: rehearsalOf(p.Rehearsal),
	}
	for i := range p.Result.Findings {
		f := &p.Result.Findings[i]
		out.Findings = append(out.Findings, findingOf(f, known.of(p, f)))
	}
	for _, n := range slices.Concat(p.Notes, p.Result.Notes) {
		out.Notes = append(out.Notes, noteOf(n))
	}
	for _, s := range p.Result.Unused {
		out.Unused = append(out.Unused, *suppressionOf(&s))
	}
	return out
}

func databaseOf(s *catalog.Snapshot) *databaseJSON {
	if s == nil {
		return nil
	}
	return &databaseJSON{
		Node: clean(s.Node), Name: clean(s.Database), Version: s.Version, At: s.At.UTC(), Standby: s.Standby,
		Unread: clean(s.Unread), Warnings: cleanAll(s.Warnings),
	}
}

// blocking is what waits for a lock, as one word.
func blocking(m locks.Mode) string {
	switch {
	case m == locks.None:
		return ""
	case m.BlocksReads():
		return "reads"
	case m.Conflicts(locks.RowExclusive):
		return "writes"
	}
	return "nothing"
}

func findingOf(f *lint.Finding, fingerprint string) findingJSON {
	out := findingJSON{
		Rule: f.Rule, Severity: f.Severity.String(), Path: clean(f.Path), Version: f.Version,
		Line: f.At.Line, Column: f.At.Column, EndLine: f.At.EndLine, EndColumn: f.At.EndColumn, Down: f.Down,
		Text: clean(f.Text), Table: clean(f.Table.String()), Lock: f.Mode.String(), Blocks: blocking(f.Mode),
		Why: cleanAll(f.Why), Recipe: clean(f.Recipe), Code: block(f.Code), SQL: cleanAll(f.SQL),
		Fingerprint: fingerprint, Suppressed: suppressionOf(f.Suppressed),
	}
	if f.Hold.Lo != 0 || f.Hold.Hi != 0 {
		out.Hold = &holdJSON{f.Hold.Lo, f.Hold.Hi, clean(f.Hold.Basis)}
	}
	return out
}

func suppressionOf(s *lint.Suppression) *suppressionJSON {
	if s == nil {
		return nil
	}
	return &suppressionJSON{clean(s.Reason), clean(s.Path), s.Line}
}

func noteOf(n project.Note) noteJSON {
	return noteJSON{clean(n.Path), n.At.Line, n.At.Column, n.Code, clean(n.Text)}
}

func rehearsalOf(h *Rehearsal) *rehearsalJSON {
	if h == nil {
		return nil
	}
	out := &rehearsalJSON{Agreement: h.Agreement(), Notes: cleanAll(h.Notes), Steps: []stepJSON{}}
	if h.Err != nil {
		out.Error = clean(h.Err.Error())
	}
	for _, s := range h.Steps {
		out.Steps = append(out.Steps, stepOf(s))
	}
	return out
}

func stepOf(s rehearse.Step) stepJSON {
	out := stepJSON{
		Path: clean(s.Path), Version: s.Version, Line: s.At.Line, Column: s.At.Column, Down: s.Down, SQL: clean(s.SQL), Took: s.Took,
		Measured: []lockJSON{}, Predicted: []lockJSON{}, Differs: cleanAll(s.Differs), Error: clean(s.Err), Skipped: clean(s.Skipped),
	}
	for _, l := range s.Measured {
		out.Measured = append(out.Measured, lockJSON{clean(l.Table.String()), l.Mode.String(), l.Held, l.Rewrite, l.Scan, cleanAll(l.Build)})
	}
	for _, e := range s.Predicted {
		out.Predicted = append(out.Predicted, effectOf(e))
	}
	return out
}

func effectOf(e locks.Effect) lockJSON {
	return lockJSON{Table: clean(e.Table.String()), Lock: e.Mode.String(), Rewrite: e.Rewrite, Scan: e.Scan, Build: cleanAll(e.Build)}
}
