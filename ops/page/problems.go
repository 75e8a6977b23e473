package page

import (
	"fmt"
	"strings"
	"time"

	"ops-console/ops"
)

// Problems writes what is wrong, one after the other as given, with what to do next: once for each code.
func (p *Page) Problems(problems []ops.Problem, now time.Time) {
	if len(problems) == 0 {
		p.Section("PROBLEMS", "none known")
		return
	}
	n := map[ops.Severity]int{}
	for _, q := range problems {
		n[q.Severity]++
	}
	var tally []string
	for _, sev := range []ops.Severity{ops.Critical, ops.Warning, ops.Unknown} {
		if n[sev] > 0 {
			tally = append(tally, fmt.Sprintf("%d %s", n[sev], sev))
		}
	}
	p.Section("PROBLEMS", strings.Join(tally, ", "))
	hinted := map[string]bool{}
	for _, q := range problems {
		p.problem(q, now)
		if q.Hint != "" && !hinted[q.Code] {
			hinted[q.Code] = true
			p.Wrapped(margin, "next: "+q.Hint)
		}
	}
}

func (p *Page) problem(q ops.Problem, now time.Time) {
	title := q.Title
	if about := about(q.Subject); about != "" {
		title = about + ": " + q.Title
	}
	word := fmt.Sprintf("%-8s", strings.ToUpper(string(q.Severity)))
	title, when := p.Clean(title), strings.TrimSpace(Since(q.Since, now)+"  ["+q.Code+"]")
	one := p.o.Width == 0 || cells(title)+2+cells(when) <= p.o.Width-margin
	if one {
		title += "  " + when
	}
	lines := p.wrap(title, margin)
	p.b.WriteString(" " + p.paint(string(q.Severity), word) + "  " + p.cut(lines[0], p.o.Width-margin) + "\n")
	for _, l := range lines[1:] {
		p.Line(margin, l)
	}
	if !one {
		p.Wrapped(margin, when)
	}
	p.Wrapped(margin, q.Detail)
}

func about(s ops.Subject) string {
	var parts []string
	for _, part := range []string{s.Region, s.Instance, s.Path} {
		if part != "" {
			parts = append(parts, part)
		}
	}
	return strings.Join(parts, " ")
}
