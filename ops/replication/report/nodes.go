package report

import (
	"cmp"
	"fmt"
	"strings"

	"ops-console/ops/page"
	"ops-console/ops/postgres"
	"ops-console/ops/replication"
)

func (p *printer) nodes() {
	if len(p.s.Nodes) == 0 {
		p.Section("NODES", "none known")
		return
	}
	p.Section("NODES", fmt.Sprint(len(p.s.Nodes)))
	t := page.NewTable(
		page.Column{Title: "NODE"},
		page.Column{Title: "REGION"},
		page.Column{Title: "STATE"},
		page.Column{Title: "LEVEL"},
		page.Column{Title: "LAG", Right: true},
		page.Column{Title: "BEHIND", Right: true},
		page.Column{Title: "SINCE", Right: true, Drop: 9},
		page.Column{Title: "VISIBLE P50/P95", Right: true, Drop: 7},
		page.Column{Title: "ETA", Right: true, Drop: 8},
		page.Column{Title: "RTT", Right: true, Drop: 5},
		page.Column{Title: "CLOCK", Right: true, Drop: 4},
		page.Column{Title: "VERSION", Drop: 3},
		page.Column{Title: "TIMELINE", Right: true, Drop: 2},
		page.Column{Title: "AT", Drop: 6},
		page.Column{Title: "ADDRESS", Drop: 1},
	)
	for _, n := range p.s.Nodes {
		since := "?"
		if !n.StateSince.IsZero() {
			since = page.Ago(p.now.Sub(n.StateSince))
		}
		t.Row(branch(n), cmp.Or(n.Region, "?"), strings.ReplaceAll(string(n.State), "_", " "), string(n.Level), lag(n), behind(n), since,
			percentiles(n.Visible), eta(n), optional(n.RTT, latency), skew(n.Skew), n.Version, timeline(n), position(n).String(), n.Address)
		for _, line := range p.why(n) {
			t.Note(line)
		}
	}
	p.Table(t)
}

// branch draws the tree.
func branch(n replication.Node) string {
	if n.Depth == 0 {
		return n.Name
	}
	return strings.Repeat("  ", n.Depth-1) + "└ " + n.Name
}

func isPrimary(n replication.Node) bool { return n.Role == postgres.RolePrimary }

func lag(n replication.Node) string {
	if isPrimary(n) && n.Lag.Kind == replication.LagUnknown || isPrimary(n) && n.Lag.Kind == "" {
		return ""
	}
	return n.Lag.String()
}

func behind(n replication.Node) string {
	if isPrimary(n) && n.Behind.Total == nil {
		return ""
	}
	return bytes(n.Behind.Total)
}

func eta(n replication.Node) string {
	if n.ETA == nil {
		return ""
	}
	return span(*n.ETA)
}

func skew(s *replication.Skew) string {
	if s == nil {
		return ""
	}
	if max(s.Offset, -s.Offset) <= s.Error {
		return "ok"
	}
	return fmt.Sprintf("%+.1fs", s.Offset)
}

func timeline(n replication.Node) string {
	if n.Timeline == 0 {
		return ""
	}
	if n.TimelineFrom == "control" {
		return fmt.Sprintf("≥%d", n.Timeline)
	}
	return fmt.Sprint(n.Timeline)
}

type lsn replication.LSN

// String is empty for no position.
func (l lsn) String() string {
	if l == 0 {
		return ""
	}
	return replication.LSN(l).String()
}

// position is what a node has written or replayed.
func position(n replication.Node) lsn {
	if isPrimary(n) {
		return lsn(n.LSN.Flush)
	}
	return lsn(n.LSN.Replay)
}

// why is what is to be said of a node beyond its row; of one that is well, only what sets it apart.
func (p *printer) why(n replication.Node) []string {
	var out []string
	add := func(ok bool, format string, args ...any) {
		if ok {
			out = append(out, fmt.Sprintf(format, args...))
		}
	}
	bad := n.Level != replication.LevelOK
	add(n.Reason != "", "%s", n.Reason)
	add(len(n.ReadOnly) > 0, "writes are refused: %s", readOnly(n.ReadOnly))
	if f := n.Failure; f != nil {
		add(f.Text != n.Reason, "%s", f.Text)
		add(!f.Since.IsZero(), "cannot be read %s", page.Since(f.Since, p.now))
		add(f.Hint != "", "next: %s", f.Hint)
		add(n.ReadAt.IsZero(), "it was never read")
		add(!n.ReadAt.IsZero(), "last read %s ago", page.Ago(p.now.Sub(n.ReadAt)))
	}
	if b := n.Blocker; b != nil {
		text := fmt.Sprintf("waits for pid %d, in a transaction for %s", b.PID, span(b.Age))
		for _, who := range []string{b.User, b.Application} {
			if who != "" {
				text += ", " + who
			}
		}
		add(true, "%s: %s", text, b.Query)
		add(b.MaxDelay != "", "max_standby_streaming_delay is %s", b.MaxDelay)
	}
	if !isPrimary(n) && bad {
		of := "" // stages are between a node and who sends to it
		if n.Upstream != "" && n.Upstream != p.s.Primary {
			of = " " + n.Upstream
		}
		add(staged(n.Behind), "behind%s by stage: %s", of, stages(n.Behind))
		add(n.Lag.Source != "" && n.Lag.Source != replication.FromRing, "the lag is %s%s", sources[n.Lag.Source], certain(n.Lag))
		add(n.Receive != nil || n.Replay != nil, "receives %s, replays %s", per(n.Receive), per(n.Replay))
	}
	add(n.ApplyDelay > 0 && n.State != replication.Delayed, "recovery_min_apply_delay is %s", span(n.ApplyDelay))
	add(n.Waiters > 0, "%d sessions wait for a synchronous standby", n.Waiters)
	return out
}

func readOnly(databases []string) string {
	for _, d := range databases {
		if d == "*" {
			return "default_transaction_read_only is on for every database"
		}
	}
	return "default_transaction_read_only is on for " + strings.Join(databases, ", ")
}

var sources = map[replication.LagSource]string{
	replication.FromPrimary:   "what its upstream last heard of it",
	replication.FromTimestamp: "a guess from commit time and clocks, until there are bounds",
	replication.FromAurora:    "what aurora_replica_status says",
}

// certain is what is certain of a lag that is a guess.
func certain(l replication.Lag) string {
	if l.Kind != replication.LagHint || l.Lo == nil {
		return ""
	}
	return "; at least " + span(*l.Lo) + " is certain"
}

// stages lists the parts of b, those that are nothing too: that is what tells where it is stuck. Of a replica that nobody
// sends to all that it has not received is one part.
func stages(b replication.Behind) string {
	var out []string
	if b.Unsent == nil && b.InFlight == nil && b.ToFlush == nil && b.Total != nil && b.ToReplay != nil {
		missing := max(*b.Total-*b.ToReplay, 0)
		return bytes(&missing) + " not received, " + bytes(b.ToReplay) + " to replay"
	}
	for _, s := range []struct {
		n    *int64
		word string
	}{{b.Unsent, "not sent"}, {b.InFlight, "in flight"}, {b.ToFlush, "to flush"}, {b.ToReplay, "to replay"}} {
		out = append(out, bytes(s.n)+" "+s.word)
	}
	return strings.Join(out, ", ")
}

func staged(b replication.Behind) bool {
	return b.Unsent != nil || b.InFlight != nil || b.ToFlush != nil || b.ToReplay != nil
}

func per(r *replication.Rate) string {
	if r == nil {
		return "at an unknown rate"
	}
	return rate(r.Now)
}
