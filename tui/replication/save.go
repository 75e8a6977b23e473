package replication

import (
	"encoding/csv"
	"math"
	"strconv"
	"strings"

	tea "charm.land/bubbletea/v2"

	"ops-console/ops/replication"
	"ops-console/tui/pane"
)

// saveCSV asks the console to save what the plot shows.
func (p *Pane) saveCSV() tea.Cmd {
	if p.feed.Value == nil {
		return nil
	}
	text := p.csv()
	return func() tea.Msg { return pane.SaveMsg{Kind: "lag.csv", Text: text} }
}

// csv has a line for each node and moment of the range: seconds with nothing where they are not known, and positions.
func (p *Pane) csv() string {
	var b strings.Builder
	w := csv.NewWriter(&b)
	put := func(fields ...string) { _ = w.Write(fields) } // a strings.Builder takes everything
	put("time", "node", "region", "state", "lag_lo", "lag_est", "lag_hi", "replay_lsn", "primary_flush_lsn")
	end := p.now
	if end.IsZero() {
		end = p.feed.Value.At
	}
	from := end.Add(-spans[p.span])
	for i := range p.rows {
		r := &p.rows[i]
		for k := range r.Trail {
			pt := &r.Trail[k]
			if pt.At.Before(from) || pt.At.After(end) {
				continue
			}
			put(pt.At.UTC().Format("2006-01-02T15:04:05.000Z"), r.Name, r.Region, string(pt.State),
				field(pt.Lo), field(pt.Est), field(pt.Hi), position(pt.Replay), position(pt.Flush))
		}
	}
	w.Flush()
	return b.String()
}

func field(v float32) string {
	if f := float64(v); math.IsNaN(f) || math.IsInf(f, 0) {
		return ""
	}
	return strconv.FormatFloat(float64(v), 'f', 3, 32)
}

func position(l replication.LSN) string {
	if l == 0 {
		return ""
	}
	return l.String()
}
