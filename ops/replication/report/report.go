// Package report writes a replication snapshot for people who read it without the console: as text in a fixed reading
// order that a screen reader follows, and as JSON for scripts. It decides nothing; what it shows is in the snapshot, and
// what the snapshot does not know it calls unknown.
package report

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"

	"ops-console/ops/page"
	"ops-console/ops/postgres"
	"ops-console/ops/replication"
)

// Options of Text.
type Options struct {
	Width int       // of a line, in cells; 0: as wide as it gets
	Color bool      // levels in colour, beside their words
	ASCII bool      // nothing but ASCII
	Now   time.Time // what ages are counted from; zero: the snapshot's own time
}

// JSON writes the snapshot as docs/replication.md describes it.
func JSON(w io.Writer, s *replication.Snapshot) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	if err := e.Encode(s); err != nil {
		return fmt.Errorf("write replication: %w", err)
	}
	return nil
}

// Text writes what needs a human first: problems, then the nodes as a tree by who streams from whom, what writers feel
// by region, slots, what a failover would mean, what changed lately, and last what limits all that.
func Text(w io.Writer, s *replication.Snapshot, o Options) error {
	if o.Now.IsZero() {
		o.Now = s.At
	}
	p := printer{Page: page.New(page.Options{Width: o.Width, Color: o.Color, ASCII: o.ASCII}), now: o.Now, s: s}
	p.head()
	p.Problems(s.Problems, o.Now)
	p.nodes()
	p.regions()
	p.slots()
	p.readiness()
	p.events()
	p.notes()
	if _, err := p.WriteTo(w); err != nil {
		return fmt.Errorf("write replication: %w", err)
	}
	return nil
}

type printer struct {
	*page.Page
	now time.Time
	s   *replication.Snapshot
}

func (p *printer) head() {
	s := p.s
	var rest []string
	switch {
	case s.Primary != "":
		rest = append(rest, "primary "+s.Primary)
	case p.primaries() > 1:
		rest = append(rest, fmt.Sprintf("%d primaries", p.primaries()))
	default:
		rest = append(rest, "primary unknown")
	}
	if s.PrimaryRegion != "" {
		rest = append(rest, "primary region "+s.PrimaryRegion)
	}
	if s.Timeline != 0 {
		rest = append(rest, fmt.Sprintf("timeline %d", s.Timeline))
	}
	if s.Flush != 0 {
		flush := "flush " + s.Flush.String()
		if s.FlushAge != nil && *s.FlushAge >= 3 {
			flush += ", " + span(*s.FlushAge) + " old"
		}
		rest = append(rest, flush)
	}
	if s.WALRate != nil {
		wal := "WAL " + rate(s.WALRate.Now)
		if s.WALRate.Long != s.WALRate.Now { // or there are not five minutes to look back at
			wal += ", 5 min " + rate(s.WALRate.Long)
		}
		rest = append(rest, wal)
	}
	p.Head(s.App, page.Word{Text: string(s.Verdict), Level: string(verdictLevel(s.Verdict))}, append(rest, page.Stamp(s.At))...)
}

func (p *printer) primaries() int {
	n := 0
	for _, node := range p.s.Nodes {
		if node.Role == postgres.RolePrimary {
			n++
		}
	}
	return n
}

func verdictLevel(v replication.Verdict) replication.Level {
	switch v {
	case replication.Unhealthy:
		return replication.LevelCritical
	case replication.Healthy:
		return replication.LevelOK
	}
	return replication.LevelUnknown
}

func (p *printer) readiness() {
	r := p.s.Readiness
	if r == nil {
		return
	}
	verdict := "not safe"
	if r.Safe {
		verdict = "safe"
	}
	p.Section("FAILOVER NOW", verdict)
	p.Wrapped(1, r.Verdict)
	best := "nobody"
	if r.Candidate != "" {
		best = r.Candidate
		if r.Region != "" {
			best += " in " + r.Region
		}
	}
	p.Labelled("best", best)
	p.Labelled("loses", loss(r))
	backlog := "unknown"
	if r.Backlog != nil {
		backlog = span(*r.Backlog) + " until it has replayed what it holds"
		if *r.Backlog == 0 {
			backlog = "nothing left to replay"
		}
	}
	p.Labelled("replay", backlog)
	if len(r.Missing) > 0 {
		p.Labelled("slots", "it lacks "+strings.Join(r.Missing, ", "))
	}
	for _, o := range r.Obstacles {
		p.Labelled("but", o)
	}
}

// loss is what a failover now would lose. Unlike a replica's lag it can be nothing for certain.
func loss(r *replication.Readiness) string {
	size, length := "unknown", ""
	if r.LossBytes != nil {
		size = bytes(r.LossBytes) + " of WAL"
	}
	if r.Loss != nil && (r.Loss.Hi == nil || *r.Loss.Hi > 0) {
		if s := r.Loss.String(); s != "?" {
			length = ", the writes of " + s
		}
	}
	return size + length
}

// shownEvents is how many of the latest events a report tells.
const shownEvents = 10

func (p *printer) events() {
	if len(p.s.Events) == 0 {
		return
	}
	p.Section("LATELY", "")
	for i, e := range p.s.Events {
		if i == shownEvents {
			p.Wrapped(1, fmt.Sprintf("and %d earlier", len(p.s.Events)-shownEvents))
			return
		}
		line := page.Stamp(e.At) + "  "
		if e.Node != "" {
			line += e.Node + ": "
		}
		line += e.Text
		if e.LSN != 0 {
			line += "  at " + e.LSN.String()
		}
		p.Wrapped(1, line)
	}
}

// notes are never cut: they hold statements to be copied.
func (p *printer) notes() {
	if len(p.s.Notes) == 0 {
		return
	}
	p.Section("NOTES", "")
	for _, n := range p.s.Notes {
		p.Wrapped(1, n)
	}
}
