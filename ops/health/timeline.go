package health

import (
	"fmt"
	"slices"

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
