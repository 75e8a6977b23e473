// Package report writes a health snapshot for people who read it without the console: as text in a fixed reading
// order that a screen reader follows, and as JSON for scripts. It decides nothing; what it shows is in the snapshot.
package report

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"

	"ops-console/ops"
	"ops-console/ops/health"
	"ops-console/ops/plaintext"
)

// Options of Text.
type Options struct {
	Width int       // of a line, in cells; 0: as wide as it gets
	Color bool      // levels in colour, beside their words
	ASCII bool      // nothing but ASCII
	Now   time.Time // what ages are counted from; zero: the snapshot's own time
}

// JSON writes the snapshot as docs/status-json.md describes it.
func JSON(w io.Writer, s *health.Snapshot) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	if err := e.Encode(s); err != nil {
		return fmt.Errorf("write status: %w", err)
	}
	return nil
}

// Text writes what needs a human first: problems, then regions, instances, agreement, the cluster, and last how each
// source was doing.
func Text(w io.Writer, s *health.Snapshot, o Options) error {
	if o.Now.IsZero() {
		o.Now = s.At
	}
	p := printer{o: o, s: s}
	p.head()
	p.problems()
	p.regions()
	p.instances()
	p.agreement()
	p.cluster()
	p.releases()
	p.sources()
	if _, err := io.WriteString(w, p.b.String()); err != nil {
		return fmt.Errorf("write status: %w", err)
	}
	return nil
}

type printer struct {
	b strings.Builder
	o Options
	s *health.Snapshot
}

// line writes one line, cut at the width.
func (p *printer) line(indent int, s string) {
	lead := len(s) - len(strings.TrimLeft(s, " "))
	indent += lead
	p.b.WriteString(strings.Repeat(" ", indent))
	p.b.WriteString(p.cut(p.ascii(s), p.o.Width-indent))
	p.b.WriteByte('\n')
}

// wrapped writes text over as many lines as it needs.
func (p *printer) wrapped(indent int, s string) {
	if s == "" {
		return
	}
	room := p.o.Width - indent
	if p.o.Width == 0 {
		room = 0
	}
	for _, l := range wrap(p.ascii(s), room) {
		p.line(indent, l)
	}
}

// labelled is wrapped with a word of at most 8 characters before it.
func (p *printer) labelled(label, s string) {
	room := 0
	if p.o.Width > 0 {
		room = p.o.Width - 11
	}
	for i, l := range wrap(p.ascii(s), room) {
		p.line(1, fmt.Sprintf("%-8s  %s", label, l))
		if i == 0 {
			label = ""
		}
	}
}

// numbered is a line that begins with a number, aligned to the right.
func (p *printer) numbered(n int, s string) {
	number := fmt.Sprint(n)
	p.line(max(5-len(number), 1), number+"  "+s)
}

func (p *printer) section(title, note string) {
	p.b.WriteByte('\n')
	p.line(0, strings.TrimRight(title+"  "+note, " "))
}

func (p *printer) cut(s string, width int) string {
	if p.o.Width == 0 || cells(s) <= width {
		return s
	}
	mark := "…"
	if p.o.ASCII {
		mark = "~"
	}
	if width <= 1 {
		return mark
	}
	return truncate(s, width-1) + mark
}

func (p *printer) head() {
	s := p.s
	parts := []string{p.ascii(s.App) + ": " + p.paint(verdictLevel(s.Verdict), string(s.Verdict))}
	if s.PrimaryRegion != "" {
		parts = append(parts, "primary "+s.PrimaryRegion)
	}
	if len(s.Releases) > 0 {
		r := s.Releases[0]
		parts = append(parts, fmt.Sprintf("release v%d %s", r.Version, r.Status))
	}
	parts = append(parts, stamp(s.At))
	used := 0
	for i, part := range parts {
		n := cells(part)
		if i == 0 { // without its colour
			n = cells(s.App + ": " + string(s.Verdict))
		}
		switch {
		case i == 0:
		case p.o.Width > 0 && used+3+n > p.o.Width:
			p.b.WriteString("\n")
			used = 0
		default:
			p.b.WriteString("   ")
			used += 3
		}
		p.b.WriteString(part)
		used += n
	}
	p.b.WriteString("\n")
}

func (p *printer) problems() {
	if len(p.s.Problems) == 0 {
		p.section("PROBLEMS", "none known")
		return
	}
	n := map[ops.Severity]int{}
	for _, q := range p.s.Problems {
		n[q.Severity]++
	}
	var tally []string
	for _, sev := range []ops.Severity{ops.Critical, ops.Warning, ops.Unknown} {
		if n[sev] > 0 {
			tally = append(tally, fmt.Sprintf("%d %s", n[sev], sev))
		}
	}
	p.section("PROBLEMS", strings.Join(tally, ", "))
	hinted := map[string]bool{}
	for _, q := range p.s.Problems {
		title := q.Title
		if about := about(q.Subject); about != "" {
			title = about + ": " + q.Title
		}
		word := fmt.Sprintf("%-8s", strings.ToUpper(string(q.Severity)))
		title, when := p.ascii(title), strings.TrimSpace(either(p.since(q.Since), "  since unknown")+"  ["+q.Code+"]")
		one := p.o.Width == 0 || cells(title)+2+cells(when) <= p.o.Width-11
		if one {
			title += "  " + when
		}
		lines := wrap(title, p.o.Width-11)
		p.b.WriteString(" " + p.paint(severityLevel(q.Severity), word) + "  " + p.cut(lines[0], p.o.Width-11) + "\n")
		for _, l := range lines[1:] {
			p.line(11, l)
		}
		if !one {
			p.wrapped(11, when)
		}
		p.wrapped(11, q.Detail)
		if q.Hint != "" && !hinted[q.Code] {
			hinted[q.Code] = true
			p.wrapped(11, "next: "+q.Hint)
		}
	}
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

func (p *printer) since(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return "  since " + stamp(t) + " (" + ago(p.o.Now.Sub(t)) + ")"
}

func (p *printer) agreement() {
	for _, a := range p.s.Agreement {
		note := "all that answered agree"
		answers, silent := tally(a)
		switch {
		case answers == 0:
			note = "nobody answered"
		case !a.Agree:
			note = fmt.Sprintf("%d different answers", answers)
		}
		if silent > 0 && answers > 0 {
			note += fmt.Sprintf(", %d without", silent)
		}
		p.section("AGREEMENT "+a.Path, note+p.age(a.At))
		for _, g := range a.Groups {
			what := "no answer: " + g.Error
			if g.Error == "" {
				what = fmt.Sprintf("status %d  %s  %s", g.Status, g.Hash, size(g.Bytes))
				for _, more := range []string{g.Title, g.Age} {
					if more != "" {
						what += "  " + more
					}
				}
			}
			p.numbered(len(g.Instances), what+p.since(g.Since))
			if !a.Agree {
				p.wrapped(7, some(g.Instances, 12))
			}
		}
	}
}

// tally counts the different answers, and the instances that gave none.
func tally(a health.Agreement) (answers, silent int) {
	for _, g := range a.Groups {
		if g.Error == "" {
			answers++
		} else {
			silent += len(g.Instances)
		}
	}
	return answers, silent
}

func (p *printer) cluster() {
	c := p.s.Cluster
	if c == nil {
		return
	}
	note := "one group"
	if len(c.Groups) != 1 {
		note = fmt.Sprintf("%d groups", len(c.Groups))
	}
	if c.Asked > 0 {
		note += fmt.Sprintf(", %d asked", c.Asked)
	}
	p.section("CLUSTER", note+p.age(c.At))
	for _, g := range c.Groups {
		what := "see each other: " + some(g.Nodes, 2)
		if len(g.Instances) == 1 {
			what = "alone: " + some(g.Nodes, 2)
		}
		p.numbered(len(g.Instances), what)
		if len(c.Groups) > 1 {
			p.wrapped(7, some(g.Instances, 12))
		}
	}
	for i, u := range c.Unknown {
		if i == 3 {
			p.line(7, fmt.Sprintf("%d more could not be asked", len(c.Unknown)-3))
			break
		}
		p.line(7, u.Instance+" could not be asked: "+u.Error)
	}
}

func (p *printer) releases() {
	if len(p.s.Releases) == 0 {
		return
	}
	p.section("RELEASES", "")
	t := table{{title: "RELEASE"}, {title: "STATUS"}, {title: "INSTANCES", right: true}, {title: "AT"}, {title: "BY", drop: 2}, {title: "DESCRIPTION", drop: 1}}
	for _, r := range p.s.Releases[:min(len(p.s.Releases), 5)] {
		t.row(fmt.Sprintf("v%d", r.Version), r.Status, fmt.Sprint(r.Instances), stamp(r.At), r.By, r.Description)
	}
	p.table(t)
}

func (p *printer) sources() {
	p.section("SOURCES", "")
	for _, src := range []struct {
		name string
		s    health.Source
	}{{"platform", p.s.Sources.Platform}, {"dns", p.s.Sources.DNS}, {"probes", p.s.Sources.Probes}} {
		text := "ok" + p.age(src.s.At)
		switch {
		case src.s.Error != "" && src.s.GoodAt.IsZero():
			text = "unknown, never read: " + src.s.Error
		case src.s.Error != "":
			text = "unknown since " + stamp(src.s.GoodAt) + " (" + ago(p.o.Now.Sub(src.s.GoodAt)) + "): " + src.s.Error
		case src.s.GoodAt.IsZero():
			text = "unknown, never read"
		}
		p.labelled(src.name, text)
		p.wrapped(11, src.s.Hint)
	}
	n := p.s.Network
	text := "unknown"
	if n.State != "" {
		text = string(n.State)
		for _, part := range []string{string(n.Kind), n.Transport, n.Device} {
			if part != "" {
				text += ", " + part
			}
		}
		if n.RTT > 0 {
			text += ", round trip " + millis(n.RTT)
		}
		if n.HandshakeKnown && !n.HandshakeAt.IsZero() {
			text += ", handshake " + ago(p.o.Now.Sub(n.HandshakeAt)) + " ago"
		}
	}
	if n.Cause != "" {
		text += ": " + n.Cause
	}
	p.labelled("network", text)
	p.wrapped(11, n.Advice)
}

func (p *printer) age(at time.Time) string {
	if at.IsZero() {
		return ""
	}
	return ", " + ago(p.o.Now.Sub(at)) + " ago"
}

// some lists the first n, and how many there are besides.
func some(ss []string, n int) string {
	if len(ss) <= n {
		return strings.Join(ss, ", ")
	}
	return strings.Join(ss[:n], ", ") + fmt.Sprintf(" and %d more", len(ss)-n)
}

// ascii replaces what is not ASCII where that is asked for.
func (p *printer) ascii(s string) string {
	s = plaintext.Line(s, 4000)
	if !p.o.ASCII {
		return s
	}
	return strings.Map(func(r rune) rune {
		switch {
		case r == '…':
			return '~'
		case r > '~':
			return '?'
		}
		return r
	}, s)
}
