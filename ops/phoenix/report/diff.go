package report

import (
	"bufio"
	"fmt"
	"io"
	"strings"

	"ops-console/ops/phoenix"
	"ops-console/ops/phoenix/diff"
)

// Diff is a comparison of two generated trees.
type Diff struct {
	From, To *phoenix.Tree
	Notes    []string
	Pairs    []diff.Pair
}

// Keep leaves only the files of a kind.
func (d *Diff) Keep(k Kind) {
	var kept []diff.Pair
	for _, p := range d.Pairs {
		if k.Of(p.Path()) || p.Old != "" && k.Of(p.Old) {
			kept = append(kept, p)
		}
	}
	d.Pairs = kept
}

// changed are the pairs that there is something to say of.
func (d *Diff) changed() []diff.Pair {
	var out []diff.Pair
	for _, p := range d.Pairs {
		if p.Status != diff.Same || p.Moved() || len(p.Relations) > 0 {
			out = append(out, p)
		}
	}
	return out
}

// Stat writes one line for each file that changed, and what they come to.
func (d *Diff) Stat(w io.Writer, o Options) error {
	p := &printer{w: bufio.NewWriter(w), o: o}
	d.head(p)
	d.list(p)
	d.sums(p)
	return p.close()
}

// Text writes what Stat writes, and the changes themselves, as far as they are worth reading.
func (d *Diff) Text(w io.Writer, o Options) error {
	p := &printer{w: bufio.NewWriter(w), o: o}
	d.head(p)
	d.list(p)
	for _, pair := range d.changed() {
		d.file(p, pair)
	}
	d.sums(p)
	return p.close()
}

// Patch writes what turns the first tree into the second, for git apply.
func (d *Diff) Patch(w io.Writer) error { return diff.Patch(w, d.Pairs) }

func (d *Diff) head(p *printer) {
	p.line(strong, title(d.From)+" → "+title(d.To))
	for _, t := range []*phoenix.Tree{d.From, d.To} {
		p.wrapped(muted, "  ", t.Spec.Version.String()+" from "+origin(t))
		for _, s := range t.Provenance.Notes {
			p.wrapped("", "  ", "note: "+note(s))
		}
	}
	for _, s := range d.Notes {
		p.wrapped("", "  ", "note: "+note(s))
	}
	p.line("", "")
}

// signs of what happened to a file, as git has them.
var signs = map[diff.Status]string{diff.Same: "=", diff.Changed: "M", diff.Added: "A", diff.Removed: "D"}

var signStyles = map[string]string{"A": green, "D": red, "M": yellow, "R": cyan}

func (d *Diff) list(p *printer) {
	all := d.changed()
	width := 0
	for _, pair := range all {
		width = max(width, len(fmt.Sprint(pair.Added)), len(fmt.Sprint(pair.Removed)))
	}
	for _, pair := range all {
		sign := signs[pair.Status]
		if pair.Moved() {
			sign = "R"
		}
		counts := fmt.Sprintf("%*s %*s", width+1, plus(pair.Added), width+1, minus(pair.Removed))
		if pair.Status == diff.Same || pair.Collapse == "binary" {
			counts = strings.Repeat(" ", 2*width+3)
		}
		p.words(word{sign, signStyles[sign]}, word{" " + counts + "  ", ""}, word{moved(pair), ""}, word{remarks(pair), muted})
	}
}

func plus(n int) string {
	if n == 0 {
		return ""
	}
	return fmt.Sprintf("+%d", n)
}

func minus(n int) string {
	if n == 0 {
		return ""
	}
	return fmt.Sprintf("-%d", n)
}

func moved(p diff.Pair) string {
	if p.Moved() {
		return name(p.Old) + " → " + name(p.New)
	}
	return name(p.Path())
}

func remarks(p diff.Pair) string {
	var rr []string
	if p.Moved() {
		how := map[diff.By]string{diff.ByRule: "moved in " + p.Since.String(), diff.ByContent: "moved", diff.ByLikeness: fmt.Sprintf("%d %% alike", p.Similarity)}[p.By]
		rr = append(rr, how)
	}
	for _, r := range p.Relations {
		rr = append(rr, string(r.Kind)+" "+name(r.Path))
	}
	switch p.Only {
	case diff.OnlyNoise:
		rr = append(rr, "random values only")
	case diff.OnlyRequirement:
		rr = append(rr, "the required version only")
	case diff.OnlyFormat:
		rr = append(rr, "format only")
	case diff.OnlyMode:
		rr = append(rr, "mode only")
	}
	if p.Collapse != "" {
		rr = append(rr, p.Collapse)
	}
	if len(rr) == 0 {
		return ""
	}
	return "  (" + strings.Join(rr, ", ") + ")"
}

func (d *Diff) sums(p *printer) {
	s := diff.Total(d.Pairs)
	p.line("", "")
	p.wrapped(strong, "", fmt.Sprintf("%d changed, %d added, %d removed, %d the same; %d moved, %d absorbed or split; +%d -%d lines",
		s.Changed, s.Added, s.Removed, s.Same, s.Moved, s.Related, s.LinesAdded, s.LinesRemoved))
}

// file writes a pair's hunks.
func (d *Diff) file(p *printer, pair diff.Pair) {
	if pair.Collapse != "" || pair.Only == diff.OnlyNoise || pair.Only == diff.OnlyMode || pair.Status == diff.Same {
		return
	}
	p.line("", "")
	p.words(word{moved(pair), strong}, word{remarks(pair), muted})
	for _, h := range pair.Hunks(3) {
		p.line(cyan, strings.TrimRight(fmt.Sprintf("@@ -%d,%d +%d,%d @@ %s", h.OldStart, h.OldLines, h.NewStart, h.NewLines, code(h.Section)), " "))
		for _, l := range h.Lines {
			p.line(lineStyles[l.Op], string(l.Op)+code(l.Text))
		}
	}
}

var lineStyles = map[diff.Op]string{diff.Add: green, diff.Remove: red}

type diffJSON struct {
	From  tree       `json:"from"`
	To    tree       `json:"to"`
	Notes []string   `json:"notes"`
	Stat  statJSON   `json:"stat"`
	Files []pairJSON `json:"files"`
}

type statJSON struct {
	Same         int `json:"same"`
	Changed      int `json:"changed"`
	Added        int `json:"added"`
	Removed      int `json:"removed"`
	Moved        int `json:"moved"`
	Related      int `json:"related"`
	LinesAdded   int `json:"lines_added"`
	LinesRemoved int `json:"lines_removed"`
}

type pairJSON struct {
	Path       string         `json:"path"`
	Old        string         `json:"old,omitempty"`
	New        string         `json:"new,omitempty"`
	Status     diff.Status    `json:"status"`
	Moved      bool           `json:"moved,omitempty"`
	By         diff.By        `json:"by,omitempty"`
	Since      string         `json:"since,omitempty"`
	Similarity int            `json:"similarity"`
	Only       diff.Only      `json:"only,omitempty"`
	Collapse   string         `json:"collapse,omitempty"`
	Relations  []relationJSON `json:"relations,omitempty"`
	Added      int            `json:"lines_added"`
	Removed    int            `json:"lines_removed"`
	Hunks      []hunkJSON     `json:"hunks,omitempty"`
}

type relationJSON struct {
	Kind  diff.RelationKind `json:"kind"`
	Path  string            `json:"path"`
	Since string            `json:"since"`
}

type hunkJSON struct {
	OldStart int        `json:"old_start"`
	OldLines int        `json:"old_lines"`
	NewStart int        `json:"new_start"`
	NewLines int        `json:"new_lines"`
	Section  string     `json:"section,omitempty"`
	Lines    []lineJSON `json:"lines"`
}

type lineJSON struct {
	Op   string `json:"op"`
	Old  int    `json:"old,omitempty"`
	New  int    `json:"new,omitempty"`
	Text string `json:"text"`
}

// JSON writes the comparison as docs/phx-json.md says. The hunks of what views leave out are left out.
func (d *Diff) JSON(w io.Writer) error {
	s := diff.Total(d.Pairs)
	out := diffJSON{
		From: treeOf(d.From), To: treeOf(d.To), Notes: notes(d.Notes),
		Stat:  statJSON{s.Same, s.Changed, s.Added, s.Removed, s.Moved, s.Related, s.LinesAdded, s.LinesRemoved},
		Files: []pairJSON{},
	}
	for _, p := range d.changed() {
		out.Files = append(out.Files, pairOf(p))
	}
	return indented(w, out)
}

func pairOf(p diff.Pair) pairJSON {
	out := pairJSON{
		Path: name(p.Path()), Old: name(p.Old), New: name(p.New), Status: p.Status, Moved: p.Moved(), By: p.By, Similarity: p.Similarity,
		Only: p.Only, Collapse: p.Collapse, Relations: relationsOf(p.Relations), Added: p.Added, Removed: p.Removed,
	}
	if p.Since != (phoenix.Version{}) {
		out.Since = p.Since.String()
	}
	if p.Collapse != "" {
		return out
	}
	for _, h := range p.Hunks(3) {
		hunk := hunkJSON{OldStart: h.OldStart, OldLines: h.OldLines, NewStart: h.NewStart, NewLines: h.NewLines, Section: code(h.Section)}
		for _, l := range h.Lines {
			hunk.Lines = append(hunk.Lines, lineJSON{string(l.Op), l.Old, l.New, code(l.Text)})
		}
		out.Hunks = append(out.Hunks, hunk)
	}
	return out
}

func relationsOf(rr []diff.Relation) []relationJSON {
	var out []relationJSON
	for _, r := range rr {
		out = append(out, relationJSON{r.Kind, name(r.Path), r.Since.String()})
	}
	return out
}
