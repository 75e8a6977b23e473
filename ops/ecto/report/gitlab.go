package report

import (
	"encoding/json"
	"fmt"
	"io"

	"ops-console/ops/ecto/lint"
)

// gitlabIssue is an entry of GitLab's code quality report.
// https://docs.gitlab.com/ci/testing/code_quality/#code-quality-report-format
type gitlabIssue struct {
	Type        string         `json:"type"`
	CheckName   string         `json:"check_name"`
	Description string         `json:"description"`
	Content     gitlabContent  `json:"content"`
	Categories  []string       `json:"categories"`
	Severity    string         `json:"severity"`
	Fingerprint string         `json:"fingerprint"`
	Location    gitlabLocation `json:"location"`
}

type gitlabContent struct {
	Body string `json:"body"`
}

type gitlabLocation struct {
	Path  string      `json:"path"`
	Lines gitlabLines `json:"lines"`
}

type gitlabLines struct {
	Begin int `json:"begin"`
	End   int `json:"end"`
}

var gitlabSeverities = map[lint.Severity]string{lint.Error: "critical", lint.Warning: "major", lint.Info: "info"}

// GitLab writes findings as a code quality report: an array of JSON, whose fingerprints stay the same while the line of a
// finding stays the same.
func GitLab(w io.Writer, r *Report) error {
	out := []gitlabIssue{}
	known := newFingerprints()
	for i := range r.Repos {
		p := &r.Repos[i]
		for j := range p.Result.Findings {
			f := &p.Result.Findings[j]
			print := known.of(p, f)
			if f.Suppressed != nil {
				continue
			}
			begin := max(f.At.Line, 1)
			out = append(out, gitlabIssue{
				Type: "issue", CheckName: f.Rule, Description: clean(f.Rule + ": " + headline(f)), Content: gitlabContent{message(f)},
				Categories: []string{"Bug Risk"}, Severity: gitlabSeverities[f.Severity], Fingerprint: print,
				Location: gitlabLocation{clean(p.anchor(f)), gitlabLines{begin, max(begin, f.At.EndLine)}},
			})
		}
	}
	return encode(w, out)
}

// anchor is the path of a finding, and of one that is of no file the directory of the repo's migrations.
func (p *Repo) anchor(f *lint.Finding) string {
	switch {
	case f.Path != "":
		return p.path(f.Path)
	case len(p.Input.Repo.Dirs) > 0:
		return p.path(p.Input.Repo.Dirs[0])
	}
	return p.path(".")
}

// encode writes indented JSON.
func encode(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return fmt.Errorf("write findings: %w", err)
	}
	return nil
}
