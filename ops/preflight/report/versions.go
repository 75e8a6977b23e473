package report

import (
	"bufio"
	"fmt"
	"io"
	"strings"
	"time"

	"ops-console/ops/preflight/source"
	"ops-console/ops/preflight/versions"
)

// Versions is what places say of tools, at one moment.
type Versions struct {
	At      time.Time
	App     string
	Project string
	Rows    []versions.Row
	Unread  []string // what else could have told, and why it did not
}

type versionsJSON struct {
	At      time.Time  `json:"at"`
	App     string     `json:"app,omitempty"`
	Project string     `json:"project,omitempty"`
	Tools   []toolJSON `json:"tools"`
	Unread  []string   `json:"unread,omitempty"`
}

type toolJSON struct {
	Tool     source.Tool      `json:"tool"`
	Verdict  versions.Verdict `json:"verdict"`
	Why      string           `json:"why,omitempty"`
	Versions []pinJSON        `json:"versions"`
}

type pinJSON struct {
	Source      string `json:"source"`
	Version     string `json:"version"`
	Requirement bool   `json:"requirement,omitempty"`
	Path        string `json:"path,omitempty"`
	Line        int    `json:"line,omitempty"`
}

// VersionsJSON writes what docs/preflight.md describes.
func VersionsJSON(w io.Writer, v *Versions) error {
	out := versionsJSON{At: v.At.UTC(), App: clean(v.App), Project: clean(v.Project)}
	for _, u := range v.Unread {
		out.Unread = append(out.Unread, clean(u))
	}
	for _, r := range v.Rows {
		t := toolJSON{Tool: r.Tool, Verdict: r.Verdict, Why: clean(r.Why), Versions: []pinJSON{}}
		for _, p := range r.Pins {
			t.Versions = append(t.Versions, pinJSON{p.From, clean(p.Version), p.Requirement, clean(p.At.Path), p.At.Line})
		}
		out.Tools = append(out.Tools, t)
	}
	return encode(w, out)
}

// verdictStyles colour what the word says.
var verdictStyles = map[versions.Verdict]string{
	versions.Agree: green, versions.Close: green, versions.Differ: yellow, versions.Violated: red, versions.Alone: cyan, versions.Silent: dim,
}

// VersionsText writes places below each other, tools side by side, and last what they come to.
func VersionsText(w io.Writer, v *Versions, o Options) error {
	p := &printer{bufio.NewWriter(w), o}
	places := versions.Sources(v.Rows)
	table := [][]string{{""}}
	for _, r := range v.Rows {
		table[0] = append(table[0], strings.ToUpper(string(r.Tool)))
	}
	for _, from := range places {
		line := []string{from}
		for _, r := range v.Rows {
			line = append(line, p.text(cell(r, from)))
		}
		table = append(table, line)
	}
	verdicts := []string{"together"}
	for _, r := range v.Rows {
		verdicts = append(verdicts, string(r.Verdict))
	}
	table = append(table, verdicts)
	widths := make([]int, len(table[0]))
	for _, l := range table {
		for i, c := range l {
			widths[i] = max(widths[i], cells.StringWidth(c))
		}
	}
	for n, l := range table {
		var b strings.Builder
		for i, c := range l {
			style := ""
			switch {
			case n == 0:
				style = bold
			case n == len(table)-1 && i > 0:
				style = verdictStyles[v.Rows[i-1].Verdict]
			case i == 0 || c == "-":
				style = dim
			}
			pad := ""
			if i < len(l)-1 {
				pad = strings.Repeat(" ", widths[i]-cells.StringWidth(c)+2)
			}
			b.WriteString(p.paint(style, c) + pad)
		}
		fmt.Fprintln(p.w, b.String())
	}
	for _, r := range v.Rows {
		if r.Why == "" {
			continue
		}
		fmt.Fprintf(p.w, "\n%s  %s\n", p.paint(verdictStyles[r.Verdict], string(r.Tool)), p.text(r.Why))
		for _, pin := range r.Pins {
			if pin.At.Path != "" {
				p.labelled("", dim, pin.At.String()+"  "+pin.Version)
			}
		}
	}
	if len(v.Unread) > 0 {
		fmt.Fprintln(p.w)
		for _, u := range v.Unread {
			fmt.Fprintln(p.w, p.paint(dim, p.text("not asked: "+u)))
		}
	}
	if err := p.w.Flush(); err != nil {
		return fmt.Errorf("write the versions: %w", err)
	}
	return nil
}

// cell is what a place says of a tool.
func cell(r versions.Row, from string) string {
	var all []string
	for _, p := range r.Pins {
		if p.From == from {
			all = append(all, p.Version)
		}
	}
	if len(all) == 0 {
		return "-"
	}
	const few = 3
	if len(all) > few {
		all = append(all[:few], "…")
	}
	return strings.Join(all, " ")
}
