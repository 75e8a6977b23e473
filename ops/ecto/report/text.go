package report

import (
	"cmp"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"

	"github.com/mattn/go-runewidth"

	"ops-console/ops/ecto"
	"ops-console/ops/ecto/lint"
	"ops-console/ops/ecto/project"
	"ops-console/ops/page"
	"ops-console/ops/plaintext"
)

// Options of texts for people.
type Options struct {
	Width      int  // of a line, in cells; 0: as wide as it gets
	Color      bool // beside the words that say the same
	Suppressed bool // also findings that something suppresses
}

// Text writes findings for people: by file in the order in which they run, within one the most severe first, and last what
// they come to.
func Text(w io.Writer, r *Report, o Options) error {
	p := &printer{o: o, shown: map[string]string{}}
	for i := range r.Repos {
		p.repo(r, &r.Repos[i])
	}
	p.notes(r)
	p.summary(r)
	if _, err := io.WriteString(w, p.b.String()); err != nil {
		return fmt.Errorf("write findings: %w", err)
	}
	return nil
}

// printer writes lines. All text that it is given is made safe to show.
type printer struct {
	b     strings.Builder
	o     Options
	shown map[string]string // where a code was shown first
}

// Styles, as parameters of SGR. Each only repeats what a word says.
const (
	strong = "1"
	muted  = "2"
)

var severityStyles = map[lint.Severity]string{lint.Error: "1;31", lint.Warning: "33", lint.Info: "36"}

func (p *printer) paint(style, s string) string {
	if !p.o.Color || s == "" || style == "" {
		return s
	}
	return "\x1b[" + style + "m" + s + "\x1b[0m"
}

// cells measures as a terminal outside East Asia does, whatever the environment says.
func cells(s string) int { return measure.StringWidth(s) }

var measure = &runewidth.Condition{}

func (p *printer) repo(r *Report, repo *Repo) {
	several := len(r.Repos) > 1
	for _, ff := range byFile(repo.Result.Findings) {
		for _, f := range ff {
			if f.Suppressed != nil && !p.o.Suppressed {
				continue
			}
			p.finding(repo, f, several)
		}
	}
	if repo.Rehearsal != nil {
		p.rehearsal(repo)
	}
}

// byFile are findings by file, in the order of the first, each file's most severe first.
func byFile(ff []lint.Finding) [][]*lint.Finding {
	var out [][]*lint.Finding
	for i := range ff {
		f := &ff[i]
		if n := len(out); n > 0 && out[n-1][0].Path == f.Path {
			out[n-1] = append(out[n-1], f)
			continue
		}
		out = append(out, []*lint.Finding{f})
	}
	for _, g := range out {
		slices.SortStableFunc(g, func(a, b *lint.Finding) int { return cmp.Compare(b.Severity, a.Severity) })
	}
	return out
}

func (p *printer) finding(repo *Repo, f *lint.Finding, several bool) {
	p.head(f)
	where := cmp.Or(repo.path(f.Path), repo.Input.Repo.Module, "the database")
	if f.At.Line > 0 {
		where += ":" + f.At.String()
	}
	where = clean(where)
	about := ""
	if several && f.Path != "" && repo.Input.Repo.Module != "" {
		about = p.paint(muted, "  ("+clean(repo.Input.Repo.Module)+")")
	}
	p.b.WriteString("  " + p.paint(muted, "-->") + " " + p.paint(strong, where) + about + "\n")
	p.excerpt(repo.Input.Sources[f.Path], f)
	if s := f.Suppressed; s != nil {
		at := s.Path
		if s.Line > 0 {
			at += fmt.Sprintf(":%d", s.Line)
		}
		p.labelled("quiet", cmp.Or(s.Reason, "no reason given")+" ("+at+")")
	}
	p.labelled("lock", lockText(f))
	label := "why"
	for _, why := range f.Why {
		p.labelled(label, why)
		label = ""
	}
	p.labelled("instead", f.Recipe)
	p.code(path.Base(where), f.Code)
	p.b.WriteByte('\n')
}

// head is severity, rule and what is the matter.
func (p *printer) head(f *lint.Finding) {
	word := f.Severity.String()
	head := word + "[" + f.Rule + "]:"
	for i, l := range p.wrap(head+" "+headline(f), 2) {
		if rest, ok := strings.CutPrefix(l, head); ok && i == 0 {
			p.b.WriteString(p.paint(severityStyles[f.Severity], head) + p.paint(strong, rest) + "\n")
			continue
		}
		p.b.WriteString("  " + p.paint(strong, l) + "\n")
	}
}

// code shows a safe version; where it was shown before, only where.
func (p *printer) code(where, code string) {
	code = block(code)
	if code == "" {
		return
	}
	if first, ok := p.shown[code]; ok {
		p.labelled("code", "as above, at "+first)
		return
	}
	p.shown[code] = where
	for line := range strings.SplitSeq(code, "\n") {
		if line != "" {
			line = " " + line
		}
		p.b.WriteString("    " + p.paint(muted, "|") + line + "\n")
	}
}

// margin is before what has a label.
const margin = "            "

// labelled writes text behind a word, over as many lines as it needs; nothing where it is empty.
func (p *printer) labelled(label, s string) {
	if s == "" {
		return
	}
	for i, l := range p.wrap(s, len(margin)) {
		if i > 0 {
			label = ""
		}
		p.b.WriteString("  " + p.paint(muted, label) + strings.Repeat(" ", len(margin)-2-len(label)) + l + "\n")
	}
}

// wrapped writes text, its lines after the first moved in by hanging.
func (p *printer) wrapped(indent, hanging int, s string) {
	if s == "" {
		return
	}
	for _, l := range p.wrap(s, max(indent, hanging)) {
		p.b.WriteString(strings.Repeat(" ", indent) + l + "\n")
		indent = hanging
	}
}

// wrap makes s safe and breaks it at spaces into lines that fit beside an indentation. A word that does not fit has a line
// of its own: to break a name would make it another one.
func (p *printer) wrap(s string, indent int) []string {
	s = clean(s)
	room := p.o.Width - indent
	if p.o.Width <= 0 || room <= 0 || cells(s) <= room {
		return []string{s}
	}
	var out []string
	line := ""
	for word := range strings.FieldsSeq(s) {
		switch {
		case line == "":
			line = word
		case cells(line)+1+cells(word) <= room:
			line += " " + word
		default:
			out = append(out, line)
			line = word
		}
	}
	return append(out, line)
}

// notes are what one should know of the files, besides findings.
func (p *printer) notes(r *Report) {
	var all []project.Note
	for i := range r.Repos {
		repo := &r.Repos[i]
		for _, n := range slices.Concat(repo.Notes, repo.Result.Notes) {
			n.Path = repo.path(n.Path)
			all = append(all, n)
		}
		for _, u := range repo.Result.Unused {
			if u.Line == 0 {
				// Comments that nothing needs are findings; entries of the baseline are not.
				all = append(all, note(u.Path, "the baseline's "+u.Reason+" is not needed any more"))
			}
		}
	}
	for _, n := range all {
		where := ""
		if n.Path != "" {
			where = n.Path
			if n.At.Line > 0 {
				where += ":" + n.At.String()
			}
			where += ": "
		}
		p.wrapped(0, 2, where+"note: "+n.Text)
	}
	if len(all) > 0 {
		p.b.WriteByte('\n')
	}
}

func note(path, text string) project.Note {
	n := project.Note{Path: path}
	n.Text = text
	return n
}

func (p *printer) summary(r *Report) {
	c := r.Count()
	worst := lint.Off
	for s, n := range map[lint.Severity]int{lint.Error: c.Error, lint.Warning: c.Warning, lint.Info: c.Info} {
		if n > 0 {
			worst = max(worst, s)
		}
	}
	text := r.summary()
	style := severityStyles[worst]
	if worst == lint.Off {
		style = "32"
	}
	p.b.WriteString(p.paint(style, text) + "\n")
	for _, s := range r.basis() {
		p.wrapped(0, 2, s)
	}
}

// basis is what the findings rest on, each said once.
func (r *Report) basis() []string {
	var out []string
	add := func(s string) {
		if !slices.Contains(out, s) {
			out = append(out, s)
		}
	}
	for i := range r.Repos {
		p := &r.Repos[i]
		if l := p.Input.Live; l != nil {
			add(fmt.Sprintf("Judged by %s on %s, PostgreSQL %d, read at %s.", clean(l.Database), clean(l.Node), p.target(), page.Stamp(l.At)))
			if l.Unread != "" {
				add("What ran is not known: " + clean(l.Unread))
			}
			for _, s := range l.Warnings {
				add("Not known: " + clean(s))
			}
			continue
		}
		add(fmt.Sprintf("No database was asked: tables count as large, PostgreSQL %d is assumed.", p.target()))
	}
	return out
}

// excerptLines is how many lines of a place are shown.
const excerptLines = 6

// excerpt shows the source of a finding: one line with carets under the place, or several with a bar beside them.
func (p *printer) excerpt(src []byte, f *lint.Finding) {
	lines := strings.Split(string(src), "\n")
	first, last := f.At.Line, max(f.At.Line, f.At.EndLine)
	if first <= 0 || first > len(lines) || len(src) == 0 || f.At == (ecto.Span{Line: 1, Column: 1}) {
		return // it is about the file as a whole
	}
	last = min(last, len(lines))
	shown := min(last, first+excerptLines-1)
	if shown == last-1 {
		shown = last // saying that there is one more takes as much room
	}
	gutter := max(len(fmt.Sprint(shown)), 4)
	bar := strings.Repeat(" ", gutter+2) + p.paint(muted, "|")
	p.b.WriteString(bar + "\n")
	for n := first; n <= shown; n++ {
		number := p.paint(muted, fmt.Sprintf("%*d |", gutter+1, n))
		line := strings.TrimSuffix(lines[n-1], "\r")
		if first == last {
			text, under := p.underlined(line, f, gutter+4)
			p.b.WriteString(strings.TrimRight(number+" "+text, " ") + "\n")
			if under != "" {
				p.b.WriteString(bar + " " + under + "\n")
			}
			return
		}
		text := p.cut(cleanPart(line), gutter+6)
		p.b.WriteString(strings.TrimRight(number+" "+p.paint(severityStyles[f.Severity], ">")+" "+text, " ") + "\n")
	}
	if shown < last {
		p.b.WriteString(bar + "   " + plural(last-shown, "more line") + "\n")
	}
}

// underlined is a line of source and the carets under a finding's place in it. Where the line is too long, it begins with
// the place.
func (p *printer) underlined(line string, f *lint.Finding, indent int) (text, under string) {
	runes := []rune(line)
	from := min(max(f.At.Column-1, 0), len(runes))
	to := min(from+1, len(runes))
	if f.At.EndLine == f.At.Line && f.At.EndColumn-1 > from {
		to = min(f.At.EndColumn-1, len(runes))
	}
	before, marked, after := cleanPart(string(runes[:from])), cleanPart(string(runes[from:to])), cleanPart(string(runes[to:]))
	if room := p.o.Width - indent; p.o.Width > 0 && cells(before+marked) > room {
		// The indentation tells nothing; what stands before the place may.
		before = strings.TrimLeft(before, " ")
		if cells(before+marked) > room && before != "" {
			before = "... "
		}
	}
	text = p.cut(before+marked+after, indent)
	width := min(max(cells(marked), 1), max(cells(text)-cells(before), 1))
	return text, strings.Repeat(" ", cells(before)) + p.paint(severityStyles[f.Severity], strings.Repeat("^", width))
}

// maxSource is how much of a line of source is looked at.
const maxSource = 2000

// cleanPart makes a part of a line of source safe to show. Unlike Line it keeps the space at either end.
func cleanPart(s string) string {
	const guard = "x"
	s = plaintext.Line(guard+s+guard, maxSource)
	return strings.TrimSuffix(strings.TrimPrefix(s, guard), guard)
}

// cut shortens a line that would be wider than the width allows.
func (p *printer) cut(s string, indent int) string {
	room := p.o.Width - indent
	if p.o.Width <= 0 || cells(s) <= room {
		return s
	}
	return measure.Truncate(s, max(room, 4), "...")
}
