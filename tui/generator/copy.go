package generator

import (
	"bytes"
	"strconv"
	"strings"

	"ops-console/ops/phoenix"
	"ops-console/ops/phoenix/compare"
	"ops-console/ops/phoenix/diff"
	"ops-console/ops/phoenix/merge"
	"ops-console/ops/phoenix/report"
	"ops-console/tui/pane"
)

// Selected is what "y" offers to copy: the file.
func (p *Pane) Selected() (what, text string) {
	r := p.row()
	if r == nil {
		return "", ""
	}
	return "file", r.path
}

// Copies are what else can be copied: the change under the cursor, the file's patch, the patch of all files that are shown.
func (p *Pane) Copies() []pane.Copy {
	var out []pane.Copy
	add := func(what, text string) {
		if text != "" {
			out = append(out, pane.Copy{What: what, Text: text})
		}
	}
	s, r := p.value(), p.row()
	if r == nil {
		return nil
	}
	add("change", p.changeText(r))
	if p.mine && r.file != nil && r.file.Actionable() {
		if p.byHunk(r) {
			add("patch that takes this change", p.takePatch(r.file.Path(), []int{min(p.hunk, len(r.file.Hunks)-1)}))
		}
		add("patch that takes all of the file", p.takePatch(r.file.Path(), nil))
	}
	if r.pair != nil {
		add("patch of "+r.name, string(r.pair.Patch()))
	}
	var shown []diff.Pair
	for i := range p.rows {
		if d := p.rows[i].pair; d != nil {
			shown = append(shown, *d)
		}
	}
	var b bytes.Buffer
	if err := diff.Patch(&b, shown); err == nil && len(shown) > 1 {
		add("patch of the "+strconv.Itoa(len(shown))+" files", b.String())
	}
	if p.mine && r.file != nil {
		add("command", upgradeCommand(s.Choice, r.file.Path()))
	} else {
		add("command", diffCommand(s.Choice))
	}
	add("link to what is new", report.Changelog(s.Choice.To))
	return out
}

// upgradeCommand is what a choice means for the application's files, with the words behind it.
func upgradeCommand(c compare.Choice, words ...string) string {
	from := map[phoenix.Axis]string{phoenix.Project: "--from", phoenix.Auth: "--auth-from", phoenix.ReleaseFiles: "--release-from"}[c.Generator()]
	return strings.Join(append([]string{"ops-console", "phx", "upgrade", c.To.String(), from, c.From.String()}, words...), " ")
}

// diffCommand prints what a choice compares.
func diffCommand(c compare.Choice) string {
	words := []string{"ops-console", "phx", "diff", c.From.String(), c.To.String()}
	if a := axisWord(c); a != "" {
		words = append(words, "--"+a)
	}
	if n := c.Names.String(); n != "" {
		words = append(words, n)
	}
	if f := c.Flags.String(); f != "" {
		words = append(words, "--", f)
	}
	return strings.Join(words, " ")
}

// takePatch is what taking changes of a file does to the application, as a patch; what would say a secret is left out of it.
func (p *Pane) takePatch(path string, hunks []int) string {
	var b bytes.Buffer
	if _, err := p.value().Plan.Patch(&b, []merge.Choice{{Path: path, Hunks: hunks}}); err != nil {
		return ""
	}
	return b.String()
}

// changeText is the change under the cursor as it is shown, in the form of a patch's hunk.
func (p *Pane) changeText(r *row) string {
	var b strings.Builder
	switch {
	case p.byHunk(r):
		h := r.file.Hunks[min(p.hunk, len(r.file.Hunks)-1)]
		b.WriteString(strings.Join(h.New, "\n"))
		b.WriteString("\n")
	case r.pair != nil && !p.collapsed(r.pair):
		hh := r.pair.Hunks(p.context)
		if len(hh) == 0 {
			return ""
		}
		h := hh[min(p.hunk, len(hh)-1)]
		b.WriteString("@@ -" + strconv.Itoa(h.OldStart) + "," + strconv.Itoa(h.OldLines) + " +" + strconv.Itoa(h.NewStart) + "," + strconv.Itoa(h.NewLines) + " @@\n")
		for _, l := range h.Lines {
			b.WriteString(string(l.Op) + l.Text + "\n")
		}
	}
	return b.String()
}
