// Package report writes a health snapshot for people who read it without the console: as text in a fixed reading
// order that a screen reader follows, and as JSON for scripts. It decides nothing; what it shows is in the snapshot.
package report

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"

	"ops-console/ops/health"
	"ops-console/ops/page"
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
	p := printer{Page: page.New(page.Options{Width: o.Width, Color: o.Color, ASCII: o.ASCII}), now: o.Now, s: s}
	p.head()
	p.Problems(s.Problems, o.Now)
	p.regions()
	p.instances()
	p.agreement()
	p.cluster()
	p.releases()
	p.sources()
	if _, err := p.WriteTo(w); err != nil {
		return fmt.Errorf("write status: %w", err)
	}
	return nil
}

type printer struct {
	*page.Page
	now time.Time
	s   *health.Snapshot
}

func (p *printer) head() {
	s := p.s
	var parts []string
	if s.PrimaryRegion != "" {
		parts = append(parts, "primary "+s.PrimaryRegion)
	}
	if len(s.Releases) > 0 {
		r := s.Releases[0]
		parts = append(parts, fmt.Sprintf("release v%d %s", r.Version, r.Status))
	}
	p.Head(s.App, page.Word{Text: string(s.Verdict), Level: string(verdictLevel(s.Verdict))}, append(parts, page.Stamp(s.At))...)
}

func verdictLevel(v health.Verdict) health.Level {
	switch v {
	case health.Unhealthy:
		return health.LevelCritical
	case health.Healthy:
		return health.LevelOK
	}
	return health.LevelUnknown
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
		p.Section("AGREEMENT "+a.Path, note+p.age(a.At))
		for _, g := range a.Groups {
			what := "no answer: " + g.Error
			if g.Error == "" {
				what = fmt.Sprintf("status %d  %s  %s", g.Status, g.Hash, page.Size(int64(g.Bytes)))
				for _, more := range []string{g.Title, g.Age} {
					if more != "" {
						what += "  " + more
					}
				}
			}
			p.Numbered(len(g.Instances), what+p.since(g.Since))
			if !a.Agree {
				p.Wrapped(7, some(g.Instances, 12))
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
	p.Section("CLUSTER", note+p.age(c.At))
	for _, g := range c.Groups {
		what := "see each other: " + some(g.Nodes, 2)
		if len(g.Instances) == 1 {
			what = "alone: " + some(g.Nodes, 2)
		}
		p.Numbered(len(g.Instances), what)
		if len(c.Groups) > 1 {
			p.Wrapped(7, some(g.Instances, 12))
		}
	}
	for i, u := range c.Unknown {
		if i == 3 {
			p.Line(7, fmt.Sprintf("%d more could not be asked", len(c.Unknown)-3))
			break
		}
		p.Line(7, u.Instance+" could not be asked: "+u.Error)
	}
}

func (p *printer) releases() {
	if len(p.s.Releases) == 0 {
		return
	}
	p.Section("RELEASES", "")
	t := page.NewTable(page.Column{Title: "RELEASE"}, page.Column{Title: "STATUS"}, page.Column{Title: "INSTANCES", Right: true}, page.Column{Title: "AT"}, page.Column{Title: "BY", Drop: 2}, page.Column{Title: "DESCRIPTION", Drop: 1})
	for _, r := range p.s.Releases[:min(len(p.s.Releases), 5)] {
		t.Row(fmt.Sprintf("v%d", r.Version), r.Status, fmt.Sprint(r.Instances), page.Stamp(r.At), r.By, r.Description)
	}
	p.Table(t)
}

func (p *printer) sources() {
	p.Section("SOURCES", "")
	for _, src := range []struct {
		name string
		s    health.Source
	}{{"platform", p.s.Sources.Platform}, {"dns", p.s.Sources.DNS}, {"probes", p.s.Sources.Probes}} {
		text := "ok" + p.age(src.s.At)
		switch {
		case src.s.Error != "" && src.s.GoodAt.IsZero():
			text = "unknown, never read: " + src.s.Error
		case src.s.Error != "":
			text = "unknown since " + page.Stamp(src.s.GoodAt) + " (" + page.Ago(p.now.Sub(src.s.GoodAt)) + "): " + src.s.Error
		case src.s.GoodAt.IsZero():
			text = "unknown, never read"
		}
		p.Labelled(src.name, text)
		p.Wrapped(11, src.s.Hint)
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
			text += ", round trip " + page.Millis(n.RTT)
		}
		if n.HandshakeKnown && !n.HandshakeAt.IsZero() {
			text += ", handshake " + page.Ago(p.now.Sub(n.HandshakeAt)) + " ago"
		}
	}
	if n.Cause != "" {
		text += ": " + n.Cause
	}
	p.Labelled("network", text)
	p.Wrapped(11, n.Advice)
}

func (p *printer) since(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return "  " + page.Since(t, p.now)
}

func (p *printer) age(at time.Time) string {
	if at.IsZero() {
		return ""
	}
	return ", " + page.Ago(p.now.Sub(at)) + " ago"
}

// some lists the first n, and how many there are besides.
func some(ss []string, n int) string {
	if len(ss) <= n {
		return strings.Join(ss, ", ")
	}
	return strings.Join(ss[:n], ", ") + fmt.Sprintf(" and %d more", len(ss)-n)
}
