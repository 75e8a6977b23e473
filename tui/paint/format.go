package paint

import (
	"fmt"
	"strconv"
	"time"
)

// Duration is d in at most two units, as people say it: "0.4s", "12s", "3m 27s", "2h 10m", "3d 4h". Negative ones,
// which come from clocks that disagree, are "0s".
func Duration(d time.Duration) string {
	switch {
	case d <= 0:
		return "0s"
	case d < time.Second:
		return Latency(d)
	case d < time.Minute:
		return strconv.Itoa(int(d/time.Second)) + "s"
	case d < time.Hour:
		return two(int(d/time.Minute), 'm', int(d/time.Second)%60, 's')
	case d < 24*time.Hour:
		return two(int(d/time.Hour), 'h', int(d/time.Minute)%60, 'm')
	}
	return two(int(d/(24*time.Hour)), 'd', int(d/time.Hour)%24, 'h')
}

// Short is d in its largest unit only: "12s", "3m", "2h", "3d". It stays within four cells up to 999 days.
func Short(d time.Duration) string {
	switch {
	case d <= 0:
		return "0s"
	case d < time.Minute:
		return strconv.Itoa(int(d/time.Second)) + "s"
	case d < time.Hour:
		return strconv.Itoa(int(d/time.Minute)) + "m"
	case d < 24*time.Hour:
		return strconv.Itoa(int(d/time.Hour)) + "h"
	}
	return strconv.Itoa(int(d/(24*time.Hour))) + "d"
}

func two(a int, ua byte, b int, ub byte) string {
	s := make([]byte, 0, 12)
	s = append(strconv.AppendInt(s, int64(a), 10), ua)
	if b > 0 {
		s = append(strconv.AppendInt(append(s, ' '), int64(b), 10), ub)
	}
	return string(s)
}

// Latency is the time something took: "0.4ms", "12ms", "1.25s", "12.3s".
func Latency(d time.Duration) string {
	ms := float64(d) / float64(time.Millisecond)
	switch {
	case d <= 0:
		return "0ms"
	case ms < 9.95:
		return strconv.FormatFloat(ms, 'f', 1, 64) + "ms"
	case ms < 999.5:
		return strconv.FormatFloat(ms, 'f', 0, 64) + "ms"
	case ms < 9995:
		return strconv.FormatFloat(ms/1000, 'f', 2, 64) + "s"
	case ms < 59_950:
		return strconv.FormatFloat(ms/1000, 'f', 1, 64) + "s"
	}
	return Duration(d)
}

// Ago is how long before now t was: "12m 3s ago". The zero time is "never".
func Ago(now, t time.Time) string {
	if t.IsZero() {
		return "never"
	}
	return Duration(now.Sub(t).Truncate(time.Second)) + " ago"
}

// Old is the age of a reading: "12s old".
func Old(now, t time.Time) string {
	if t.IsZero() {
		return "never read"
	}
	return Duration(now.Sub(t).Truncate(time.Second)) + " old"
}

// Clock is a time of day in UTC, "14:07:32Z"; a time of another day than now is led by its date, "11-21 14:07Z".
func Clock(now, t time.Time) string {
	t, now = t.UTC(), now.UTC()
	if y, m, d := t.Date(); y == now.Year() && m == now.Month() && d == now.Day() {
		return t.Format("15:04:05Z")
	}
	return t.Format("01-02 15:04Z")
}

// Bytes is n in the decimal unit that keeps it short: "812 B", "453 MB", "18.2 GB".
func Bytes(n int64) string {
	if n < 1000 && n > -1000 {
		return strconv.FormatInt(n, 10) + " B"
	}
	v, unit := float64(n), 0
	for (v >= 999.5 || v <= -999.5) && unit < 6 {
		v /= 1000
		unit++
	}
	digits := 0
	if v < 99.95 && v > -99.95 {
		digits = 1
	}
	return fmt.Sprintf("%.*f %cB", digits, v, " kMGTPE"[unit])
}

// Count is n with its unit in the right number: "1 machine", "3 machines".
func Count(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return strconv.Itoa(n) + " " + many
}
