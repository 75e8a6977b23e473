package replication

import (
	"cmp"
	"math"
	"slices"
	"strings"

	"ops-console/ops/replication"
	"ops-console/themes"
	"ops-console/tui/paint"
)

// probeParts are what a probe measured, the slowest first.
func probeParts(r *replication.ProbeResult) []paint.Part {
	type seen struct {
		name string
		took float64 // +Inf: not within the time
	}
	var ss []seen
	for name, v := range r.Visible {
		took := number(v)
		if math.IsNaN(took) {
			took = math.Inf(1)
		}
		ss = append(ss, seen{name, took})
	}
	slices.SortFunc(ss, func(a, b seen) int { return cmp.Or(cmp.Compare(b.took, a.took), cmp.Compare(a.name, b.name)) })
	out := make([]paint.Part, 0, len(ss))
	for _, s := range ss {
		switch {
		case math.IsInf(s.took, 1):
			out = append(out, paint.Part{Role: themes.Crit, Text: s.name + " not seen"})
		case s.took >= warnLag:
			out = append(out, paint.Part{Role: themes.Warn, Text: s.name + " " + r.Text(s.name)})
		default:
			out = append(out, paint.Part{Role: themes.Muted, Text: s.name + " " + r.Text(s.name)})
		}
	}
	return out
}

// probeText is the result in a line.
func probeText(r *replication.ProbeResult) string {
	parts := probeParts(r)
	if len(parts) == 0 {
		return "the write was made; there is no replica that could see it"
	}
	text := make([]string, 0, 4)
	for _, p := range parts[:min(len(parts), 4)] {
		text = append(text, p.Text)
	}
	more := ""
	if len(parts) > 4 {
		more = ", and faster on " + paint.Count(len(parts)-4, "other", "others")
	}
	return "write to visible: " + strings.Join(text, ", ") + more
}
