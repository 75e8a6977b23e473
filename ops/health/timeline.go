package health

import (
	"fmt"
	"slices"
	"time"

	"ops-console/ops"
)

// timeline is what happened lately, newest first: what the machines' events tell, releases, and problems that hold.
func timeline(s *Snapshot, f facts) []Mark {
	out := slices.Clone(f.platform.marks)
	for _, r := range s.Releases {
		k := Mark{At: r.At, Kind: "release", Level: LevelOK, Text: fmt.Sprintf("v%d %s", r.Version, r.Status)}
		if r.Description != "" {
			k.Text += ": " + r.Description
		}
		if r.Status == "failed" || r.Status == "interrupted" {
			k.Level = LevelWarning
		}
		out = append(out, k)
	}
	for _, p := range s.Problems {
		if p.Since.IsZero() {
			continue
		}
		kind := "problem"
		if p.Code == codeCheckFailing || p.Code == codeCheckWarning {
			kind = "check"
		}
		out = append(out, Mark{At: p.Since, Kind: kind, Level: levelOf(p.Severity), Subject: p.Subject, Text: about(p)})
	}
	return newest(out, maxMarks)
}

func about(p ops.Problem) string {
	if p.Subject.Path != "" {
		return p.Title + " at " + p.Subject.Path
	}
	return p.Title
}

// newest sorts marks, newest first, and keeps n.
func newest(mm []Mark, n int) []Mark {
	slices.SortStableFunc(mm, func(a, b Mark) int { return b.At.Compare(a.At) })
	return mm[:min(len(mm), n):min(len(mm), n)]
}

// together is how far apart the marks of one rollout, or of one crash loop, may be.
const together = 10 * time.Minute

// folded has one mark for what happened again and again: the updates of a rollout to all instances, the exits of a crash
// loop of one. It stands where the newest of them was.
func folded(mm []Mark) []Mark {
	type story struct {
		kind, text, instance string
	}
	type run struct {
		first  int // in out
		times  int
		oldest time.Time
	}
	runs := map[story]*run{}
	var all []*run
	var out []Mark
	for _, m := range newest(mm, len(mm)) {
		k := story{m.Kind, m.Text, m.Subject.Instance}
		if shared(m) {
			k.instance = ""
		}
		r := runs[k]
		if r == nil || r.oldest.Sub(m.At) > together {
			r = &run{first: len(out)}
			runs[k], all = r, append(all, r)
			out = append(out, m)
		}
		r.times++
		r.oldest = m.At
		if out[r.first].Subject.Region != m.Subject.Region {
			out[r.first].Subject.Region = ""
		}
	}
	for _, r := range all {
		m := &out[r.first]
		switch {
		case r.times == 1:
		case shared(*m):
			m.Subject.Instance = ""
			m.Text = counted(r.times, "instance") + " " + m.Text
		default:
			m.Text += fmt.Sprintf(", %d times in %s", r.times, m.At.Sub(r.oldest).Round(time.Second))
		}
	}
	return out
}

// shared tells of what happens to many instances for one reason: a rollout, a count that grows, visitors who come back.
func shared(m Mark) bool { return m.Kind == "update" || m.Kind == "start" }
