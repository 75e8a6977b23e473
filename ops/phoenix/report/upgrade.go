package report

import (
	"bufio"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"

	"ops-console/ops/phoenix"
	"ops-console/ops/phoenix/diff"
	"ops-console/ops/phoenix/merge"
	"ops-console/ops/phoenix/nearest"
)

// Upgrade is an application against what the generator made then and makes now.
type Upgrade struct {
	Dir       string // of the project, absolute
	App       nearest.App
	Base, New *phoenix.Tree
	BaseFrom  string          // how the base is known: given, configured, or found by its files
	Nearest   *nearest.Result // where it was found
	Notes     []string
	Plan      merge.Plan
	Done      []string // paths that are marked as done
	Show      []string // paths whose hunks are shown; empty: only their numbers
	Written   []merge.Written
}

// Keep leaves only the files of a kind. Those of authentication are known by the application's names, too.
func (u *Upgrade) Keep(k Kind) {
	of := k.Of
	if g, ok := u.App.Of(phoenix.Auth); ok && k == Auth {
		of = func(p string) bool { return k.Of(p) || named(g.Names).MatchString(p) }
	}
	u.Plan.Files = slices.DeleteFunc(slices.Clone(u.Plan.Files), func(f merge.File) bool {
		return !of(f.Path()) && !of(f.Target())
	})
}

// named are files that phx.gen.auth names after its schema: person_token.ex, person_live/login.ex, person_session_html/new.html.heex.
func named(n phoenix.Names) *regexp.Regexp {
	last := n.Schema[strings.LastIndexByte(n.Schema, '.')+1:]
	return regexp.MustCompile(`(^|/)(lib|test)/(.*/)?` + regexp.QuoteMeta(strings.ToLower(inner.ReplaceAllString(last, "${1}_$2"))) + `(_[a-z_]+)?(/|\.exs?$)`)
}

var inner = regexp.MustCompile(`([a-z0-9])([A-Z])`)

// Mine leaves only the files that the application has.
func (u *Upgrade) Mine() {
	u.Plan.Files = slices.DeleteFunc(slices.Clone(u.Plan.Files), func(f merge.File) bool { return f.Mine == "" })
}

// meanings of the states, for people. None of them says that a file may be deleted.
var meanings = map[merge.State]string{
	merge.Unchanged: "the generator makes them as before: nothing to do",
	merge.Untouched: "you never changed them: take the new ones",
	merge.Has:       "yours are the new ones already",
	merge.Merges:    "you changed them, and what is new merges cleanly",
	merge.Applied:   "you changed them, and all that is new is there already",
	merge.Conflicts: "you changed them, and some of what is new conflicts",
	merge.Differs:   "you changed them, and they are not text",
	merge.Marked:    "conflict markers are in them: resolve them first",
	merge.New:       "the generator makes them now, and you have nothing there",
	merge.Own:       "the generator makes them now, and you have files of your own there",
	merge.Absent:    "you do not have them: deleted, or moved beyond recognition",
	merge.Dropped:   "you never changed them; the new generator no longer makes them",
	merge.Kept:      "you changed them; the new generator no longer makes them",
	merge.Gone:      "the new generator no longer makes them, and you do not have them",
}

var stateStyles = map[merge.State]string{
	merge.Marked: red, merge.Conflicts: red, merge.Differs: red, merge.Own: yellow, merge.Merges: green, merge.Untouched: green, merge.New: green,
	merge.Absent: yellow, merge.Kept: yellow, merge.Dropped: yellow,
}

// quiet states need nobody: their files are counted, not listed.
var quiet = []merge.State{merge.Unchanged, merge.Gone, merge.Has, merge.Applied}

// Text writes files by state, those that need a decision first, and what they come to.
func (u *Upgrade) Text(w io.Writer, o Options) error {
	p := &printer{w: bufio.NewWriter(w), o: o}
	u.head(p)
	counts := u.Plan.Count()
	for _, s := range merge.States {
		if counts[s] == 0 {
			continue
		}
		p.line("", "")
		p.words(word{string(s), stateStyles[s]}, word{fmt.Sprintf(" %d", counts[s]), strong}, word{"  " + meanings[s], muted})
		if slices.Contains(quiet, s) {
			continue
		}
		for _, f := range u.Plan.Files {
			if f.State == s {
				u.file(p, f)
			}
		}
	}
	u.shown(p)
	p.line("", "")
	p.wrapped(strong, "", u.sums())
	return p.close()
}

func (u *Upgrade) head(p *printer) {
	p.line(strong, fmt.Sprintf("%s: %s → %s", name(u.App.Name), title(u.Base), title(u.New)))
	p.wrapped(muted, "  ", "base "+u.Base.Spec.Version.String()+": "+note(u.BaseFrom))
	for _, t := range []*phoenix.Tree{u.Base, u.New} {
		p.wrapped(muted, "  ", t.Spec.Version.String()+" from "+origin(t))
		for _, s := range t.Provenance.Notes {
			p.wrapped("", "  ", "note: "+note(s))
		}
	}
	for _, s := range u.Notes {
		p.wrapped("", "  ", "note: "+note(s))
	}
	if u.Base.Spec.Version != u.New.Spec.Version {
		p.wrapped(muted, "  ", Changelog(u.New.Spec.Version))
	}
}

func (u *Upgrade) file(p *printer, f merge.File) {
	mark := "  "
	if slices.Contains(u.Done, f.Path()) {
		mark = "✓ "
	}
	at := name(f.Path())
	if t := f.Target(); t != "" && t != f.Path() && f.New != "" {
		at += " → " + name(t)
	}
	var rr []string
	if f.Found == diff.ByLikeness {
		rr = append(rr, "found by likeness, "+name(f.Base)+" in the generator")
	}
	for _, r := range f.Relations {
		rr = append(rr, string(r.Kind)+" "+name(r.Path))
	}
	if f.OnlyFormat {
		rr = append(rr, "your changes are format only")
	}
	if f.Collapse != "" {
		rr = append(rr, f.Collapse)
	}
	if h := hunks(f); h != "" {
		rr = append(rr, h)
	}
	more := ""
	if len(rr) > 0 {
		more = "  (" + strings.Join(rr, "; ") + ")"
	}
	p.words(word{mark, green}, word{at, ""}, word{more, muted})
}

// hunkStates in the order in which they are counted out.
var hunkStates = []merge.HunkState{merge.Contended, merge.Likely, merge.Applies, merge.Already}

// hunks counts those of a customised file.
func hunks(f merge.File) string {
	if !slices.Contains([]merge.State{merge.Conflicts, merge.Merges, merge.Own}, f.State) {
		return ""
	}
	n := map[merge.HunkState]int{}
	for _, h := range f.Hunks {
		n[h.State]++
	}
	var parts []string
	for _, s := range hunkStates {
		if n[s] > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n[s], hunkWords[s]))
		}
	}
	return strings.Join(parts, ", ")
}

var hunkWords = map[merge.HunkState]string{
	merge.Contended: "in conflict", merge.Likely: "likely there", merge.Applies: "to take", merge.Already: "there already",
}

// shown writes the hunks of the files that were asked for.
func (u *Upgrade) shown(p *printer) {
	for _, f := range u.Plan.Files {
		if !slices.Contains(u.Show, f.Path()) {
			continue
		}
		p.line("", "")
		p.words(word{name(f.Path()), strong}, word{"  " + string(f.State), stateStyles[f.State]})
		if len(f.Hunks) > 0 {
			p.line(muted, "| as generated then, - yours where it differs, + as generated now")
		}
		for i, h := range f.Hunks {
			p.line(cyan, fmt.Sprintf("hunk %d, line %d: %s", i, h.AtMine, h.State))
			lines(p, "|", muted, h.Base)
			if h.State != merge.Applies {
				lines(p, "-", red, h.Mine)
			}
			lines(p, "+", green, h.New)
		}
	}
}

func lines(p *printer, sign, style string, ll []string) {
	for _, l := range ll {
		p.line(style, sign+code(l))
	}
}

func (u *Upgrade) sums() string {
	var parts []string
	counts, h := u.Plan.Count(), u.Plan.CountHunks()
	for _, s := range merge.States {
		if counts[s] > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", counts[s], s))
		}
	}
	text := count(len(u.Plan.Files), "file", "files") + ": " + strings.Join(parts, ", ")
	parts = parts[:0]
	for _, s := range hunkStates {
		parts = append(parts, fmt.Sprintf("%d %s", h[s], hunkWords[s]))
	}
	text += "; hunks of changed files: " + strings.Join(parts, ", ")
	if n := len(u.Done); n > 0 {
		text += fmt.Sprintf("; %d done", n)
	}
	return text
}

// Wrote writes what was applied.
func (u *Upgrade) Wrote(w io.Writer, o Options) error {
	p := &printer{w: bufio.NewWriter(w), o: o}
	for _, x := range u.Written {
		ww := []word{{"wrote ", green}, {name(x.Path), ""}}
		if x.Conflicts > 0 {
			ww = append(ww, word{", with " + count(x.Conflicts, "conflict", "conflicts") + " to resolve", red})
		}
		if x.Left != "" {
			ww = append(ww, word{"; " + name(x.Left) + " is where it was", muted})
		}
		p.words(ww...)
	}
	return p.close()
}

type upgradeJSON struct {
	Project  string         `json:"project"`
	App      string         `json:"app"`
	Module   string         `json:"module"`
	Also     []alsoJSON     `json:"also"`
	Base     tree           `json:"base"`
	BaseFrom string         `json:"base_from"`
	Nearest  *nearestJSON   `json:"nearest,omitempty"`
	New      tree           `json:"new"`
	Notes    []string       `json:"notes"`
	Counts   map[string]int `json:"counts"`
	Hunks    map[string]int `json:"hunks"`
	Files    []fileJSON     `json:"files"`
	Written  []writtenJSON  `json:"written,omitempty"`
}

type fileJSON struct {
	Path       string         `json:"path"`
	Target     string         `json:"target,omitempty"`
	Base       string         `json:"base,omitempty"`
	New        string         `json:"new,omitempty"`
	Mine       string         `json:"mine,omitempty"`
	State      merge.State    `json:"state"`
	Found      diff.By        `json:"found,omitempty"`
	Done       bool           `json:"done"`
	OnlyFormat bool           `json:"only_format,omitempty"`
	Collapse   string         `json:"collapse,omitempty"`
	Relations  []relationJSON `json:"relations,omitempty"`
	Hunks      []changeJSON   `json:"hunks,omitempty"`
}

type changeJSON struct {
	Index int             `json:"index"`
	State merge.HunkState `json:"state"`
	Line  int             `json:"line"`
	Base  []string        `json:"base"`
	Mine  []string        `json:"mine"`
	New   []string        `json:"new"`
}

type writtenJSON struct {
	Path      string `json:"path"`
	Conflicts int    `json:"conflicts"`
	Left      string `json:"left,omitempty"`
}

// JSON writes the classification as docs/phx-json.md says.
func (u *Upgrade) JSON(w io.Writer) error {
	out := upgradeJSON{
		Project: name(u.Dir), App: name(u.App.Name), Module: name(u.App.Module), Also: alsoOf(u.App), Base: treeOf(u.Base), BaseFrom: note(u.BaseFrom),
		New: treeOf(u.New), Notes: notes(u.Notes), Counts: map[string]int{}, Hunks: map[string]int{}, Files: []fileJSON{},
	}
	if u.Nearest != nil {
		n := nearestOf(*u.Nearest)
		out.Nearest = &n
	}
	for s, n := range u.Plan.Count() {
		out.Counts[string(s)] = n
	}
	for s, n := range u.Plan.CountHunks() {
		out.Hunks[string(s)] = n
	}
	for _, f := range u.Plan.Files {
		out.Files = append(out.Files, u.fileOf(f))
	}
	for _, x := range u.Written {
		out.Written = append(out.Written, writtenJSON{name(x.Path), x.Conflicts, name(x.Left)})
	}
	return indented(w, out)
}

func (u *Upgrade) fileOf(f merge.File) fileJSON {
	out := fileJSON{
		Path: name(f.Path()), Target: name(f.Target()), Base: name(f.Base), New: name(f.New), Mine: name(f.Mine), State: f.State, Found: f.Found,
		Done: slices.Contains(u.Done, f.Path()), OnlyFormat: f.OnlyFormat, Collapse: f.Collapse, Relations: relationsOf(f.Relations),
	}
	for i, h := range f.Hunks {
		out.Hunks = append(out.Hunks, changeJSON{i, h.State, h.AtMine, cleaned(h.Base), cleaned(h.Mine), cleaned(h.New)})
	}
	return out
}
