package report

import (
	"fmt"
	"time"

	"ops-console/ops/page"
	"ops-console/ops/replication"
)

func bytes(n *int64) string {
	if n == nil {
		return "?"
	}
	return page.Size(*n)
}

func rate(bytesPerSecond float64) string { return page.Size(int64(bytesPerSecond)) + "/s" }

// span is a length of time in seconds for people; below ten seconds with a tenth.
func span(seconds float64) string {
	if seconds < 9.95 {
		return fmt.Sprintf("%.1fs", max(seconds, 0))
	}
	return page.Ago(time.Duration(seconds * float64(time.Second)))
}

// latency is seconds as milliseconds.
func latency(seconds float64) string {
	return page.Millis(time.Duration(seconds * float64(time.Second)))
}

func optional(v *float64, text func(float64) string) string {
	if v == nil {
		return ""
	}
	return text(*v)
}

func percentiles(d *replication.Distribution) string {
	if d == nil || d.N == 0 {
		return ""
	}
	return d.Text(d.P50) + " " + d.Text(d.P95)
}
