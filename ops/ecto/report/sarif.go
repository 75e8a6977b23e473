package report

import (
	"io"
	"net/url"
	"slices"
	"strings"

	"ops-console/ops/ecto/lint"
	"ops-console/ops/ecto/project"
)

// The parts of SARIF 2.1.0 that are written.
// https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html

type sarifLog struct {
	Schema  string     `json:"$schema"`
	Version string     `json:"version"`
	Runs    []sarifRun `json:"runs"`
}

type sarifRun struct {
	Tool        sarifTool                `json:"tool"`
	Invocations []sarifInvocation        `json:"invocations"`
	BaseIDs     map[string]sarifArtifact `json:"originalUriBaseIds"`
	ColumnKind  string                   `json:"columnKind"`
	Results     []sarifResult            `json:"results"`
}

type sarifTool struct {
	Driver sarifDriver `json:"driver"`
}

type sarifDriver struct {
	Name    string      `json:"name"`
	Version string      `json:"version,omitempty"`
	Rules   []sarifRule `json:"rules"`
}

type sarifRule struct {
	ID         string          `json:"id"`
	Short      sarifText       `json:"shortDescription"`
	Full       sarifText       `json:"fullDescription"`
	Help       sarifText       `json:"help"`
	Default    sarifDefault    `json:"defaultConfiguration"`
	Properties sarifProperties `json:"properties"`
}

type sarifProperties struct {
	Tags []string `json:"tags,omitempty"`
}

type sarifDefault struct {
	Enabled bool   `json:"enabled"`
	Level   string `json:"level"`
}

type sarifText struct {
	Text     string `json:"text"`
	Markdown string `json:"markdown,omitempty"`
}

type sarifInvocation struct {
	OK            bool                `json:"executionSuccessful"`
	Notifications []sarifNotification `json:"toolExecutionNotifications,omitempty"`
}

type sarifNotification struct {
	Level     string          `json:"level"`
	Message   sarifText       `json:"message"`
	Locations []sarifLocation `json:"locations,omitempty"`
}

type sarifResult struct {
	RuleID       string             `json:"ruleId"`
	RuleIndex    int                `json:"ruleIndex"`
	Level        string             `json:"level"`
	Message      sarifText          `json:"message"`
	Locations    []sarifLocation    `json:"locations"`
	Fingerprints map[string]string  `json:"partialFingerprints"`
	Suppressions []sarifSuppression `json:"suppressions,omitempty"`
}

type sarifSuppression struct {
	Kind          string         `json:"kind"`
	Justification string         `json:"justification,omitempty"`
	Location      *sarifLocation `json:"location,omitempty"`
}

type sarifLocation struct {
	Physical sarifPhysical `json:"physicalLocation"`
}

type sarifPhysical struct {
	Artifact sarifArtifact `json:"artifactLocation"`
	Region   *sarifRegion  `json:"region,omitempty"`
}

type sarifArtifact struct {
	URI         string     `json:"uri,omitempty"`
	BaseID      string     `json:"uriBaseId,omitempty"`
	Description *sarifText `json:"description,omitempty"`
}

type sarifRegion struct {
	StartLine   int `json:"startLine"`
	StartColumn int `json:"startColumn,omitempty"`
	EndLine     int `json:"endLine,omitempty"`
	EndColumn   int `json:"endColumn,omitempty"`
}

// sarifBase is what paths are relative to.
const sarifBase = "%SRCROOT%"

var sarifLevels = map[lint.Severity]string{lint.Error: "error", lint.Warning: "warning", lint.Info: "note", lint.Off: "none"}

// SARIF writes findings as one run of SARIF 2.1.0. What is suppressed is there too, as such.
func SARIF(w io.Writer, r *Report) error {
	rules, index := sarifRules(r)
	run := sarifRun{
		Tool:        sarifTool{sarifDriver{Name: name, Version: clean(r.Tool), Rules: rules}},
		Invocations: []sarifInvocation{{OK: true}},
		BaseIDs:     map[string]sarifArtifact{sarifBase: {Description: &sarifText{Text: "the root of the repository"}}},
		ColumnKind:  "unicodeCodePoints",
		Results:     []sarifResult{},
	}
	known := newFingerprints()
	for i := range r.Repos {
		p := &r.Repos[i]
		for j := range p.Result.Findings {
			f := &p.Result.Findings[j]
			run.Results = append(run.Results, p.sarifResult(f, index[f.Rule], known.of(p, f)))
		}
		for _, n := range slices.Concat(p.Notes, p.Result.Notes) {
			run.Invocations[0].Notifications = append(run.Invocations[0].Notifications, p.sarifNote(n))
		}
	}
	return encode(w, sarifLog{"https://json.schemastore.org/sarif-2.1.0.json", "2.1.0", []sarifRun{run}})
}

// sarifRules are the rules that found something, by id, and their places.
func sarifRules(r *Report) ([]sarifRule, map[string]int) {
	var ids []string
	for i := range r.Repos {
		for _, f := range r.Repos[i].Result.Findings {
			ids = append(ids, f.Rule)
		}
	}
	slices.Sort(ids)
	ids = slices.Compact(ids)
	rules, index := make([]sarifRule, 0, len(ids)), map[string]int{}
	for i, id := range ids {
		index[id] = i
		rule, ok := lint.Find(id)
		if !ok {
			rule = lint.Rule{ID: id, Title: id, Severity: lint.Warning}
		}
		rules = append(rules, sarifRuleOf(rule))
	}
	return rules, index
}

func sarifRuleOf(r lint.Rule) sarifRule {
	out := sarifRule{
		ID: r.ID, Short: sarifText{Text: r.Title}, Full: sarifText{Text: r.Title},
		Help:    sarifText{Text: r.Title, Markdown: markdown(r)},
		Default: sarifDefault{r.Severity != lint.Off, sarifLevels[r.Severity]},
	}
	if r.Doc.Why != "" {
		out.Full.Text, out.Help.Text = clean(r.Doc.Why), clean(r.Doc.Why)
	}
	if r.Group != "" {
		out.Properties.Tags = []string{r.Group}
	}
	return out
}

func (p *Repo) sarifResult(f *lint.Finding, index int, fingerprint string) sarifResult {
	out := sarifResult{
		RuleID: f.Rule, RuleIndex: index, Level: sarifLevels[f.Severity], Message: sarifText{Text: message(f)},
		Locations:    []sarifLocation{location(p.anchor(f), region(f))},
		Fingerprints: map[string]string{name + "/v1": fingerprint},
	}
	if s := f.Suppressed; s != nil {
		in := sarifSuppression{Kind: "external", Justification: clean(s.Reason)}
		if s.Line > 0 {
			at := location(p.path(s.Path), &sarifRegion{StartLine: s.Line})
			in.Kind, in.Location = "inSource", &at
		}
		out.Suppressions = []sarifSuppression{in}
	}
	return out
}

func (p *Repo) sarifNote(n project.Note) sarifNotification {
	out := sarifNotification{Level: "note", Message: sarifText{Text: clean(n.Text)}}
	if n.Path != "" {
		var at *sarifRegion
		if n.At.Line > 0 {
			at = &sarifRegion{StartLine: n.At.Line, StartColumn: n.At.Column}
		}
		out.Locations = []sarifLocation{location(p.path(n.Path), at)}
	}
	return out
}

// region is nil where the line is not known.
func region(f *lint.Finding) *sarifRegion {
	if f.At.Line <= 0 {
		return nil
	}
	r := &sarifRegion{StartLine: f.At.Line, StartColumn: max(f.At.Column, 0)}
	if f.At.EndLine >= f.At.Line && f.At.EndColumn > 0 {
		r.EndLine, r.EndColumn = f.At.EndLine, f.At.EndColumn
	}
	return r
}

func location(path string, at *sarifRegion) sarifLocation {
	return sarifLocation{sarifPhysical{sarifArtifact{URI: uri(path), BaseID: sarifBase}, at}}
}

// uri is a relative path as a relative reference.
func uri(path string) string {
	parts := strings.Split(path, "/")
	for i, s := range parts {
		parts[i] = url.PathEscape(s)
	}
	out := strings.Join(parts, "/")
	if strings.Contains(parts[0], ":") {
		// A colon in the first part would make it a scheme.
		return "./" + out
	}
	return out
}
