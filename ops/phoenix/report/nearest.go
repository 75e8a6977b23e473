package report

import (
	"bufio"
	"fmt"
	"io"
	"math"
	"strings"

	"ops-console/ops/phoenix"
	"ops-console/ops/phoenix/nearest"
)

// Nearest is which version an application's files come from.
type Nearest struct {
	Dir    string
	App    nearest.App
	Result nearest.Result
	Notes  []string
}

// shownMatches is how many of them are listed for people.
const shownMatches = 5

// Text writes the answer, how far it is to be trusted, and what each file is most like.
func (n *Nearest) Text(w io.Writer, o Options) error {
	p := &printer{w: bufio.NewWriter(w), o: o}
	r := n.Result
	best := r.Best()
	p.words(word{fmt.Sprintf("%s: Phoenix %s", name(n.App.Name), best.Spec.Version), strong}, word{"  confidence " + string(r.Level), levelStyles[r.Level]},
		word{fmt.Sprintf(" (%d %% of the generated lines are there)", percent(best.Recall())), muted})
	if len(r.Ties) > 1 {
		p.line("", "  as near: "+versions(r.Ties))
	}
	if r.Other != nil {
		p.line("", fmt.Sprintf("  the nearest of another minor version: %s (%d %% of its lines)", r.Other.Spec.Version, percent(r.Other.Recall())))
	}
	if n.App.Requirement != "" {
		p.line("", "  mix.exs asks for phoenix "+name(n.App.Requirement))
	}
	p.wrapped("", "  ", "flags, by dependencies and files: "+name(n.App.Flags.String()))
	for _, g := range n.App.Also {
		p.wrapped("", "  ", strings.TrimSpace("and of mix "+name(g.String())+" "+name(g.Flags.String())))
	}
	if r.Level == nearest.Low {
		p.wrapped(yellow, "  ", "little of what any version generates is left: say what you know of it with --from, or in generator.base")
	}
	for _, s := range append(n.App.Notes, n.Notes...) {
		p.wrapped("", "  ", "note: "+note(s))
	}
	p.line("", "")
	p.line(strong, "  version       lines  identical  modified  missing  flags")
	for _, m := range r.Matches[:min(shownMatches, len(r.Matches))] {
		p.line("", fmt.Sprintf("  %-12s %4d %%  %9d  %8d  %7d  %s", m.Spec.Version, percent(m.Recall()), m.Identical, m.Modified, m.Missing, name(m.Spec.Flags.String())))
	}
	if len(r.Files) == 0 {
		return p.close()
	}
	p.line("", "")
	p.line(strong, "  likeness  version                 file")
	for _, f := range r.Files {
		mark := ""
		if f.Better {
			mark = "  nearer than to the base"
		}
		p.words(word{fmt.Sprintf("  %6d %%  %-22s  ", f.Likeness, span(f)), ""}, word{name(f.Path), ""}, word{mark, cyan})
	}
	return p.close()
}

var levelStyles = map[nearest.Level]string{nearest.High: green, nearest.Fair: yellow, nearest.Low: red}

func percent(share float64) int { return int(math.Round(100 * share)) }

func versions(vv []phoenix.Version) string {
	var ss []string
	for _, v := range vv {
		ss = append(ss, v.String())
	}
	if len(ss) > 12 {
		ss = []string{fmt.Sprintf("%d versions, %s to %s", len(ss), ss[0], ss[len(ss)-1])}
	}
	return strings.Join(ss, ", ")
}

func span(f nearest.File) string {
	if f.First == f.Last {
		return f.First.String()
	}
	return f.First.String() + " to " + f.Last.String()
}

// Found says in a sentence how a base is known that was found.
func Found(r nearest.Result) string {
	s := fmt.Sprintf("found by the files, confidence %s (%d %% of the generated lines are there)", r.Level, percent(r.Best().Recall()))
	if len(r.Ties) > 1 {
		s += "; as near: " + versions(r.Ties)
	}
	return s
}

type nearestJSON struct {
	Version    string            `json:"version"`
	Line       string            `json:"line"`
	Flags      map[string]string `json:"flags"`
	Confidence nearest.Level     `json:"confidence"`
	Recall     float64           `json:"recall"`
	Ties       []string          `json:"ties"`
	Other      *matchJSON        `json:"other,omitempty"`
	Matches    []matchJSON       `json:"matches"`
	Files      []likeJSON        `json:"files"`
}

type matchJSON struct {
	Version   string            `json:"version"`
	Flags     map[string]string `json:"flags"`
	Score     float64           `json:"score"`
	Recall    float64           `json:"recall"`
	Identical int               `json:"identical"`
	Modified  int               `json:"modified"`
	Missing   int               `json:"missing"`
	Lines     int               `json:"lines"`
	Surviving int               `json:"surviving"`
}

type likeJSON struct {
	Path     string `json:"path"`
	First    string `json:"first"`
	Last     string `json:"last"`
	Versions int    `json:"versions"`
	Likeness int    `json:"likeness"`
	Better   bool   `json:"better_than_base"`
}

// most matches are in JSON: those of a whole snapshot say no more.
const mostMatches = 20

func nearestOf(r nearest.Result) nearestJSON {
	best := matchOf(r.Best())
	out := nearestJSON{
		Version: best.Version, Line: r.Best().Spec.Version.Line(), Flags: best.Flags, Confidence: r.Level, Recall: best.Recall,
		Ties: []string{}, Matches: []matchJSON{}, Files: []likeJSON{},
	}
	for _, v := range r.Ties {
		out.Ties = append(out.Ties, v.String())
	}
	if r.Other != nil {
		m := matchOf(*r.Other)
		out.Other = &m
	}
	for _, m := range r.Matches[:min(mostMatches, len(r.Matches))] {
		out.Matches = append(out.Matches, matchOf(m))
	}
	for _, f := range r.Files {
		out.Files = append(out.Files, likeJSON{name(f.Path), f.First.String(), f.Last.String(), f.Versions, f.Likeness, f.Better})
	}
	return out
}

func matchOf(m nearest.Match) matchJSON {
	out := matchJSON{
		Version: m.Spec.Version.String(), Flags: map[string]string{}, Score: m.Score, Recall: math.Round(m.Recall()*1e4) / 1e4,
		Identical: m.Identical, Modified: m.Modified, Missing: m.Missing, Lines: m.Lines, Surviving: m.Surviving,
	}
	for k, v := range m.Spec.Flags {
		out.Flags[name(k)] = name(v)
	}
	return out
}

// JSON writes the answer as docs/phx-json.md says.
func (n *Nearest) JSON(w io.Writer) error {
	flags := map[string]string{}
	for k, v := range n.App.Flags {
		flags[name(k)] = name(v)
	}
	return indented(w, struct {
		Project     string            `json:"project"`
		App         string            `json:"app"`
		Module      string            `json:"module"`
		Requirement string            `json:"requirement,omitempty"`
		AppFlags    map[string]string `json:"app_flags"`
		Also        []alsoJSON        `json:"also"`
		Notes       []string          `json:"notes"`
		nearestJSON
	}{name(n.Dir), name(n.App.Name), name(n.App.Module), name(n.App.Requirement), flags, alsoOf(n.App), notes(append(n.App.Notes, n.Notes...)), nearestOf(n.Result)})
}

// alsoJSON is what an application has of another generator.
type alsoJSON struct {
	Axis  string            `json:"axis"`
	Names []string          `json:"names,omitempty"`
	Flags map[string]string `json:"flags"`
}

func alsoOf(a nearest.App) []alsoJSON {
	out := []alsoJSON{}
	for _, g := range a.Also {
		j := alsoJSON{Axis: string(g.Axis), Flags: map[string]string{}}
		if g.Axis == phoenix.Auth {
			j.Names = namesOf(g.Names)
		}
		for k, v := range g.Flags {
			j.Flags[name(k)] = name(v)
		}
		out = append(out, j)
	}
	return out
}
