// Package report writes a preflight, and the versions of tools, for people and for programs. It decides nothing.
package report

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/mattn/go-runewidth"

	"ops-console/ops/page"
	"ops-console/ops/plaintext"
	"ops-console/ops/preflight"
)

// Options of the texts.
type Options struct {
	Width int  // of a line, in cells; 0: as wide as it gets
	Color bool // beside the signs that say the same
	ASCII bool
}

// JSON writes what docs/preflight.md describes.
func JSON(w io.Writer, r *preflight.Report) error { return encode(w, cleaned(r)) }

func encode(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return fmt.Errorf("write the preflight: %w", err)
	}
	return nil
}

const longest = 2000

func clean(s string) string { return plaintext.Line(s, longest) }

// cleaned is a report whose texts are safe to show.
func cleaned(r *preflight.Report) *preflight.Report {
	out := *r
	out.At = r.At.UTC()
	out.App, out.Project, out.FlyToml, out.Image = clean(r.App), clean(r.Project), clean(r.FlyToml), clean(r.Image)
	out.Items = make([]preflight.Item, len(r.Items))
	for i, it := range r.Items {
		it.Why, it.Mend = clean(it.Why), clean(it.Mend)
		ee := it.Evidence
		it.Evidence = nil
		for _, e := range ee {
			e.Path, e.Machine, e.Region, e.Text = clean(e.Path), clean(e.Machine), clean(e.Region), clean(e.Text)
			it.Evidence = append(it.Evidence, e)
		}
		out.Items[i] = it
	}
	return &out
}

// Styles, as parameters of SGR. Each only repeats what a sign or word says.
const (
	bold   = "1"
	dim    = "2"
	red    = "1;31"
	green  = "32"
	yellow = "33"
	cyan   = "36"
)

// sign is what stands before an item.
type sign struct{ unicode, ascii, style, word string }

var signs = map[preflight.Result]sign{
	preflight.Pass:    {"✓", "+", green, "pass"},
	preflight.Warn:    {"!", "!", yellow, "warn"},
	preflight.Fail:    {"✗", "x", red, "fail"},
	preflight.Unknown: {"?", "?", cyan, "unknown"},
}

// cells measures as a terminal outside East Asia does, whatever the environment says.
var cells = &runewidth.Condition{}

type printer struct {
	w *bufio.Writer
	o Options
}

func (p *printer) paint(style, s string) string {
	if !p.o.Color || style == "" || s == "" {
		return s
	}
	return "\x1b[" + style + "m" + s + "\x1b[0m"
}

// text makes a text safe to show.
func (p *printer) text(s string) string {
	if s = clean(s); !p.o.ASCII {
		return s
	}
	s = strings.NewReplacer("…", "...", "“", `"`, "”", `"`, "×", "x", "≥", ">=", "→", "->", "·", "-").Replace(s)
	return strings.Map(func(r rune) rune {
		if r > '~' {
			return '?'
		}
		return r
	}, s)
}

// wrap breaks a text at spaces into lines of at most width cells; 0: it is one line.
func wrap(s string, width int) []string {
	if width <= 0 || cells.StringWidth(s) <= width {
		return []string{s}
	}
	var out []string
	line := ""
	for word := range strings.FieldsSeq(s) {
		if line != "" && cells.StringWidth(line)+1+cells.StringWidth(word) > width {
			out = append(out, line)
			line = ""
		}
		if line != "" {
			line += " "
		}
		line += word
	}
	return append(out, line)
}

// labelled writes text beside a word, indented.
func (p *printer) labelled(label, style, s string) {
	const indent, column = 4, 10
	width := p.o.Width - column
	if p.o.Width > 0 {
		width = max(width, 20)
	}
	for i, l := range wrap(p.text(s), width) {
		if i > 0 {
			label = ""
		}
		fmt.Fprintf(p.w, "%*s%s%s\n", indent, "", p.paint(dim, fmt.Sprintf("%-*s", column-indent, label)), p.paint(style, l))
	}
}

// names of the groups, as headings.
var headings = map[preflight.Group]string{
	preflight.GroupImage: "Image", preflight.GroupSource: "Source", preflight.GroupStart: "Release and start", preflight.GroupSettings: "Settings",
	preflight.GroupFleet: "Fleet", preflight.GroupDatabase: "Database", preflight.GroupMigrations: "Migrations and backup", preflight.GroupTools: "Tools",
}

// Text writes the checklist: by group, with why and how to mend below what does not pass, and the sum last.
func Text(w io.Writer, r *preflight.Report, o Options) error {
	p := &printer{bufio.NewWriter(w), o}
	p.head(r)
	column := 0
	for _, i := range r.Items {
		column = max(column, cells.StringWidth(i.Title))
	}
	var group preflight.Group
	for n := 0; n < len(r.Items); {
		if g := r.Items[n].Group; g != group {
			group = g
			fmt.Fprintf(p.w, "\n%s\n", p.paint(bold, headings[g]))
		}
		n += p.items(r.Items[n:], column)
	}
	p.sum(r)
	if err := p.w.Flush(); err != nil {
		return fmt.Errorf("write the preflight: %w", err)
	}
	return nil
}

func (p *printer) head(r *preflight.Report) {
	title := "preflight"
	if r.App != "" {
		title += " of " + r.App
	}
	fmt.Fprintf(p.w, "%s   %s\n", p.paint(bold, p.text(title)), page.Stamp(r.At))
	for _, l := range []struct{ label, text string }{{"project", r.Project}, {"config", r.FlyToml}, {"image", r.Image}} {
		if l.text != "" {
			fmt.Fprintf(p.w, "%s%s\n", p.paint(dim, fmt.Sprintf("%-10s", l.label)), p.text(l.text))
		}
	}
}

// items writes the first item, with those that follow it and come to the same for the same reason, and says how many.
func (p *printer) items(all []preflight.Item, column int) int {
	i := all[0]
	s := signs[i.Result]
	mark := s.unicode
	if p.o.ASCII {
		mark = s.ascii
	}
	mark = p.paint(s.style, mark)
	if i.Result == preflight.Pass {
		p.passed(mark, i, column)
		return 1
	}
	n := 1
	titles := []string{i.Title}
	for n < len(all) && all[n].Group == i.Group && all[n].Result == i.Result && all[n].Why == i.Why && all[n].Mend == i.Mend {
		titles = append(titles, all[n].Title)
		n++
	}
	for k, t := range titles {
		if k > 0 {
			mark = p.paint(s.style, signMark(s, p.o.ASCII))
		}
		fmt.Fprintf(p.w, "  %s %s\n", mark, p.text(t))
	}
	p.labelled("why", "", i.Why)
	if i.Mend != "" {
		p.labelled("mend", "", i.Mend)
	}
	p.evidence(i)
	return n
}

func signMark(s sign, ascii bool) string {
	if ascii {
		return s.ascii
	}
	return s.unicode
}

// passed is an item on one line, as far as it fits.
func (p *printer) passed(mark string, i preflight.Item, column int) {
	title := p.text(i.Title)
	why := p.text(i.Why)
	pad := strings.Repeat(" ", max(column-cells.StringWidth(title), 0)+2)
	if room := p.o.Width - 4 - column - 2; p.o.Width > 0 && cells.StringWidth(why) > room {
		tail := "…"
		if p.o.ASCII {
			tail = "~"
		}
		if room < 12 {
			why, pad = "", ""
		} else {
			why = cells.Truncate(why, room, tail)
		}
	}
	fmt.Fprintf(p.w, "  %s %s%s%s\n", mark, title, pad, p.paint(dim, why))
}

// mostEvidence is how many places are shown of one item.
const mostEvidence = 4

func (p *printer) evidence(i preflight.Item) {
	label := "at"
	shown := 0
	for _, e := range i.Evidence {
		where := place(e)
		if where == "" {
			continue
		}
		if shown == mostEvidence {
			p.labelled("", dim, fmt.Sprintf("and %d more", len(i.Evidence)-shown))
			return
		}
		if e.Text != "" && !strings.Contains(i.Why, e.Text) {
			where += "  " + e.Text
		}
		p.labelled(label, dim, where)
		label = ""
		shown++
	}
}

func place(e preflight.Evidence) string {
	switch {
	case e.Path != "" && e.Line > 0:
		return fmt.Sprintf("%s:%d", e.Path, e.Line)
	case e.Path != "":
		return e.Path
	case e.Machine != "" && e.Region != "":
		return e.Machine + " in " + e.Region
	case e.Machine != "":
		return e.Machine
	}
	return e.Region
}

func (p *printer) sum(r *preflight.Report) {
	var parts []string
	for _, c := range []struct {
		n      int
		result preflight.Result
	}{{r.Counts.Fail, preflight.Fail}, {r.Counts.Warn, preflight.Warn}, {r.Counts.Unknown, preflight.Unknown}, {r.Counts.Pass, preflight.Pass}} {
		if c.n > 0 {
			s := signs[c.result]
			parts = append(parts, p.paint(s.style, fmt.Sprintf("%s %d %s", signMark(s, p.o.ASCII), c.n, s.word)))
		}
	}
	fmt.Fprintf(p.w, "\n%s\n", strings.Join(parts, "   "))
}
