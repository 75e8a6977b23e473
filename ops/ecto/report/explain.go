package report

import (
	"fmt"
	"io"
	"strings"

	"ops-console/ops/ecto/lint"
)

type ruleJSON struct {
	ID       string   `json:"id"`
	Title    string   `json:"title"`
	Severity string   `json:"severity"`
	Group    string   `json:"group"`
	Lock     string   `json:"lock,omitempty"`
	Blocks   string   `json:"blocks,omitempty"`
	Versions string   `json:"versions,omitempty"`
	Why      string   `json:"why,omitempty"`
	Bad      string   `json:"bad,omitempty"`
	Good     string   `json:"good,omitempty"`
	Steps    []string `json:"steps,omitempty"`
	See      []string `json:"see,omitempty"`
}

func ruleOf(r lint.Rule) ruleJSON {
	return ruleJSON{
		r.ID, r.Title, r.Severity.String(), r.Group,
		r.Doc.Lock, r.Doc.Blocks, r.Doc.Versions, r.Doc.Why, r.Doc.Bad, r.Doc.Good, r.Doc.Steps, r.Doc.See,
	}
}

// RulesJSON writes rules with their documentation as a JSON array.
func RulesJSON(w io.Writer, rules []lint.Rule) error {
	out := make([]ruleJSON, 0, len(rules))
	for _, r := range rules {
		out = append(out, ruleOf(r))
	}
	return encode(w, out)
}

// ExplainJSON writes one rule with its documentation as a JSON object.
func ExplainJSON(w io.Writer, r lint.Rule) error { return encode(w, ruleOf(r)) }

// Rules writes a list of rules by group, with what each looks for.
func Rules(w io.Writer, rules []lint.Rule, o Options) error {
	p := &printer{o: o}
	group := ""
	for _, r := range rules {
		if r.Group != group {
			if group != "" {
				p.b.WriteByte('\n')
			}
			group = r.Group
			p.b.WriteString(p.paint(strong, strings.ToUpper(group)) + "\n")
		}
		p.b.WriteString("  " + p.paint(severityStyles[r.Severity], fmt.Sprintf("%-8s", r.Severity)) + "  " + r.ID + "\n")
		p.wrapped(12, 12, r.Title)
	}
	if _, err := io.WriteString(w, p.b.String()); err != nil {
		return fmt.Errorf("write rules: %w", err)
	}
	return nil
}

// Explain writes what is to be said of one rule.
func Explain(w io.Writer, r lint.Rule, o Options) error {
	p := &printer{o: o}
	p.b.WriteString(p.paint(strong, r.ID) + "  " + p.paint(severityStyles[r.Severity], r.Severity.String()) + ", " + r.Group + "\n")
	p.wrapped(0, 0, r.Title)
	p.b.WriteByte('\n')
	d := r.Doc
	p.labelled("lock", d.Lock)
	p.labelled("blocks", d.Blocks)
	p.labelled("versions", d.Versions)
	if d.Lock != "" || d.Blocks != "" || d.Versions != "" {
		p.b.WriteByte('\n')
	}
	for part := range strings.SplitSeq(d.Why, "\n\n") {
		p.wrapped(0, 0, part)
		p.b.WriteByte('\n')
	}
	p.listing("Instead of", d.Bad)
	p.listing("write", d.Good)
	for i, s := range d.Steps {
		p.wrapped(0, 3, fmt.Sprintf("%d. %s", i+1, s))
	}
	if len(d.Steps) > 0 {
		p.b.WriteByte('\n')
	}
	for _, s := range d.See {
		p.b.WriteString(clean(s) + "\n")
	}
	text := strings.TrimRight(p.b.String(), "\n") + "\n"
	if _, err := io.WriteString(w, text); err != nil {
		return fmt.Errorf("write rule: %w", err)
	}
	return nil
}

// listing is code under a title.
func (p *printer) listing(title, code string) {
	code = block(code)
	if code == "" {
		return
	}
	p.b.WriteString(title + "\n\n")
	for line := range strings.SplitSeq(code, "\n") {
		p.b.WriteString(strings.TrimRight("    "+line, " ") + "\n")
	}
	p.b.WriteByte('\n')
}

// markdown is the documentation of a rule for where Markdown is shown.
func markdown(r lint.Rule) string {
	var b strings.Builder
	part := func(format, s string) {
		if s != "" {
			fmt.Fprintf(&b, format, s)
		}
	}
	d := r.Doc
	part("%s\n\n", r.Title)
	part("- Lock: %s\n", d.Lock)
	part("- Blocks: %s\n", d.Blocks)
	part("- PostgreSQL: %s\n", d.Versions)
	part("\n%s\n", d.Why)
	part("\nInstead of\n\n```elixir\n%s\n```\n", strings.TrimSpace(d.Bad))
	part("\nwrite\n\n```elixir\n%s\n```\n", strings.TrimSpace(d.Good))
	for i, s := range d.Steps {
		part("\n%s", fmt.Sprintf("%d. %s", i+1, s))
	}
	part("\n%s", strings.Join(d.See, "\n"))
	return strings.TrimSpace(b.String())
}
