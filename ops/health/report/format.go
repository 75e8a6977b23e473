package report

import (
	"fmt"
	"strings"
	"time"

	"github.com/mattn/go-runewidth"

	"ops-console/ops"
	"ops-console/ops/health"
)

// width measures as a terminal outside East Asia does, whatever the environment says: the same snapshot gives the
// same text everywhere.
var width = &runewidth.Condition{}

func cells(s string) int { return width.StringWidth(s) }

func truncate(s string, n int) string { return width.Truncate(s, n, "") }

// stamp is a moment in UTC.
func stamp(t time.Time) string {
	if t.IsZero() {
		return "unknown"
	}
	return t.UTC().Format("2006-01-02 15:04:05Z")
}

// ago is a length of time in its two largest units.
func ago(d time.Duration) string {
	d = max(d, 0)
	switch {
	case d < time.Minute:
		return fmt.Sprintf("%ds", int(d.Seconds()))
	case d < time.Hour:
		return fmt.Sprintf("%dm %02ds", int(d.Minutes()), int(d.Seconds())%60)
	case d < 24*time.Hour:
		return fmt.Sprintf("%dh %02dm", int(d.Hours()), int(d.Minutes())%60)
	}
	return fmt.Sprintf("%dd %02dh", int(d.Hours())/24, int(d.Hours())%24)
}

// millis is a latency with the digits that matter.
func millis(d time.Duration) string {
	switch {
	case d <= 0:
		return "-"
	case d < 10*time.Millisecond:
		return fmt.Sprintf("%.1fms", float64(d)/float64(time.Millisecond))
	case d < 10*time.Second:
		return fmt.Sprintf("%dms", d.Milliseconds())
	}
	return fmt.Sprintf("%ds", int(d.Seconds()))
}

func size(n int) string {
	switch {
	case n < 1000:
		return fmt.Sprintf("%d B", n)
	case n < 1000_000:
		return fmt.Sprintf("%.1f kB", float64(n)/1000)
	}
	return fmt.Sprintf("%.1f MB", float64(n)/1000_000)
}

// wrap breaks s at spaces into lines of at most n cells; n of 0 or less means one line.
func wrap(s string, n int) []string {
	if n <= 0 || cells(s) <= n {
		return []string{s}
	}
	var out []string
	line := ""
	for _, word := range strings.Fields(s) {
		switch {
		case line == "":
			line = word
		case cells(line)+1+cells(word) <= n:
			line += " " + word
		default:
			out = append(out, line)
			line = word
		}
	}
	return append(out, line)
}

// paint puts a level's colour around text.
func (p *printer) paint(l health.Level, text string) string {
	if !p.o.Color {
		return text
	}
	sgr := map[health.Level]string{
		health.LevelCritical: "1;31",
		health.LevelWarning:  "33",
		health.LevelUnknown:  "36",
		health.LevelOK:       "32",
		health.LevelStopped:  "2",
	}[l]
	if sgr == "" {
		return text
	}
	return "\x1b[" + sgr + "m" + text + "\x1b[0m"
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

func severityLevel(s ops.Severity) health.Level {
	switch s {
	case ops.Critical:
		return health.LevelCritical
	case ops.Warning:
		return health.LevelWarning
	}
	return health.LevelUnknown
}
