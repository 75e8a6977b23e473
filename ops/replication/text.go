package replication

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"ops-console/ops/plaintext"
)

// length is a length of time for people, in its two largest units: 40s, 6m 02s, 3h 10m, 2d 4h.
func length(d time.Duration) string {
	s := int64(max(d, 0).Round(time.Second) / time.Second)
	switch {
	case d < 10*time.Second:
		return fmt.Sprintf("%.1fs", max(d, 0).Seconds())
	case s < 60:
		return fmt.Sprintf("%ds", s)
	case s < 3600:
		return fmt.Sprintf("%dm %02ds", s/60, s%60)
	case s < 86400:
		return fmt.Sprintf("%dh %02dm", s/3600, s/60%60)
	}
	return fmt.Sprintf("%dd %dh", s/86400, s/3600%24)
}

// size is a number of bytes for people: 0 B, 31 MB, 1.2 GB, by thousands like the figures beside it.
func size(n int64) string {
	f, units := float64(n), []string{"B", "kB", "MB", "GB", "TB", "PB"}
	i := 0
	for f >= 999.5 && i < len(units)-1 {
		f /= 1000
		i++
	}
	if i == 0 || f >= 99.95 {
		return fmt.Sprintf("%.0f %s", f, units[i])
	}
	return fmt.Sprintf("%.1f %s", f, units[i])
}

// shownHost is what is shown of the host that a server says it is connected to: a name or an address. The path of a unix
// socket (an abstract one begins with @) says only that the other is on the same machine.
func shownHost(host string) string {
	if strings.HasPrefix(host, "/") || strings.HasPrefix(host, "@") {
		return "local socket"
	}
	return plaintext.Line(host, 128)
}

// joined puts a separator between those parts that say something.
func joined(sep string, parts ...string) string {
	return strings.Join(slices.DeleteFunc(parts, func(s string) bool { return s == "" }), sep)
}

// duration is a number of seconds. One that is too long for a time.Duration is the longest there is.
func duration(seconds float64) time.Duration {
	const longest = float64(1<<63-1024) / float64(time.Second)
	return time.Duration(min(max(seconds, -longest), longest) * float64(time.Second))
}
