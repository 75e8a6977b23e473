// Package preflight judges whether an application is fit to be deployed: what would go out, how it starts, how it is
// configured, where it runs, and what it would meet there. It is a pure function of facts: it reads and asks nothing, and
// changes nothing. What is not known is unknown, with the reason, and never passes.
//
//	source      what the source tree says
//	dockerfile  what a Dockerfile says
//	shell       what a script would run
//	git         where a commit stands
//	registry    what stands behind an image's reference
//	versions    versions of tools, side by side
//	gather      finds the facts out
//	report      writes the judgement
package preflight

import (
	"slices"
	"time"

	"ops-console/ops/plaintext"
	"ops-console/ops/preflight/source"
)

// Result is what an item came to.
type Result string

// The results. Only Fail is bad news.
const (
	Pass    Result = "pass"
	Warn    Result = "warn"
	Fail    Result = "fail"
	Unknown Result = "unknown"
)

// Group is what an item is about.
type Group string

// The groups, in the order in which they are judged and shown.
const (
	GroupImage      Group = "image"
	GroupSource     Group = "source"
	GroupStart      Group = "start"
	GroupSettings   Group = "settings"
	GroupFleet      Group = "fleet"
	GroupDatabase   Group = "database"
	GroupMigrations Group = "migrations"
	GroupTools      Group = "tools"
)

// Evidence is where something was seen.
type Evidence struct {
	Path    string `json:"path,omitempty"`    // relative to the project, with slashes
	Line    int    `json:"line,omitempty"`    // from 1; 0: the whole file
	Machine string `json:"machine,omitempty"` // id
	Region  string `json:"region,omitempty"`
	Text    string `json:"text,omitempty"` // what stands there
}

// Item is one thing that was looked at.
type Item struct {
	ID       string     `json:"id"` // stable: image.exists
	Group    Group      `json:"group"`
	Title    string     `json:"title"`
	Result   Result     `json:"result"`
	Why      string     `json:"why"`            // what was found, one or two sentences
	Mend     string     `json:"mend,omitempty"` // what to do about it; empty where it passes
	Evidence []Evidence `json:"evidence,omitempty"`
}

// Counts are how many items came to each result.
type Counts struct {
	Pass    int `json:"pass"`
	Warn    int `json:"warn"`
	Fail    int `json:"fail"`
	Unknown int `json:"unknown"`
}

// Report is the judgement.
type Report struct {
	At      time.Time `json:"at"`
	App     string    `json:"app,omitempty"`      // at the platform
	Project string    `json:"project,omitempty"`  // directory
	FlyToml string    `json:"fly_toml,omitempty"` // relative to the project
	Image   string    `json:"image,omitempty"`    // the reference that was asked about
	Counts  Counts    `json:"counts"`
	Items   []Item    `json:"items"` // by group, in a fixed order
}

// Failed says whether an item fails.
func (r *Report) Failed() bool { return r.Counts.Fail > 0 }

// Known says whether anything was found out at all.
func (r *Report) Known() bool { return r.Counts.Unknown < len(r.Items) }

// Item is the item of an id.
func (r *Report) Item(id string) (Item, bool) {
	i := slices.IndexFunc(r.Items, func(i Item) bool { return i.ID == id })
	if i < 0 {
		return Item{}, false
	}
	return r.Items[i], true
}

// Check is one thing that is looked at.
type Check struct {
	ID    string
	Group Group
	Title string // a short statement that is true where it passes
	Doc   string // what warns and fails, in a sentence or two
	judge func(f *Facts) verdict
}

// Checks is everything that is looked at, in order.
func Checks() []Check {
	return slices.Concat(imageChecks(), sourceChecks(), startChecks(), settingsChecks(), fleetChecks(), databaseChecks(), migrationChecks(), toolChecks())
}

// Evaluate judges facts.
func Evaluate(f *Facts) *Report {
	r := &Report{At: f.At, App: f.App, Project: f.Project, Image: f.ImageRef}
	if t, ok := f.Source.Get(); ok {
		r.FlyToml = t.FlyPath
	}
	for _, c := range Checks() {
		v := c.judge(f)
		i := Item{ID: c.ID, Group: c.Group, Title: c.Title, Result: v.result, Why: clean(v.why)}
		if v.result != Pass {
			i.Mend = clean(v.mend)
		}
		for _, e := range v.evidence {
			i.Evidence = append(i.Evidence, Evidence{clean(e.Path), e.Line, clean(e.Machine), clean(e.Region), clean(e.Text)})
		}
		r.Items = append(r.Items, i)
		switch v.result {
		case Pass:
			r.Counts.Pass++
		case Warn:
			r.Counts.Warn++
		case Fail:
			r.Counts.Fail++
		default:
			r.Counts.Unknown++
		}
	}
	return r
}

// clean makes text that came from outside safe to show.
func clean(s string) string { return plaintext.Line(s, 2000) }

// verdict is what a check came to.
type verdict struct {
	result    Result
	why, mend string
	evidence  []Evidence
}

func pass(why string, ee ...Evidence) verdict       { return verdict{Pass, why, "", ee} }
func warn(why, mend string, ee ...Evidence) verdict { return verdict{Warn, why, mend, ee} }
func fail(why, mend string, ee ...Evidence) verdict { return verdict{Fail, why, mend, ee} }
func unknown(why, mend string) verdict              { return verdict{Unknown, why, mend, nil} }

// at is a place as evidence.
func at(p source.Place, text string) Evidence {
	return Evidence{Path: p.Path, Line: p.Line, Text: text}
}
