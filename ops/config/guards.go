package config

import (
	"strconv"
	"strings"
	"time"

	"ops-console/ops/config/tomlfile"
)

// limit reads the limit of a guard; want says what is wanted instead.
type limit struct {
	read func(text string) (Guard, bool)
	want string
}

var (
	percentLimit = limit{func(s string) (Guard, bool) {
		number, ok := strings.CutSuffix(s, "%")
		v, err := strconv.ParseFloat(number, 64)
		return Guard{Limit: v / 100}, ok && err == nil && v > 0 && v <= 100
	}, `a share like "1%"`}

	timesOrDuration = limit{func(s string) (Guard, bool) {
		if number, ok := strings.CutSuffix(s, "x"); ok {
			v, err := strconv.ParseFloat(number, 64)
			return Guard{Times: v}, err == nil && v > 1 && v <= 100
		}
		g, ok := seconds(s)
		return g, ok
	}, `a duration like "800ms", or "2x" for twice what it was before`}

	countLimit = limit{func(s string) (Guard, bool) {
		n, err := strconv.Atoi(s)
		return Guard{Limit: float64(n)}, err == nil && n >= 0 && n <= 1000
	}, `a number of machines like "0"`}

	criticalOrDuration = limit{func(s string) (Guard, bool) {
		if s == "critical" {
			return Guard{Other: true}, true
		}
		return seconds(s)
	}, `a duration like "10s", or "critical" for database.critical`}
)

func seconds(s string) (Guard, bool) {
	d, err := time.ParseDuration(s)
	return Guard{Limit: d.Seconds()}, err == nil && d >= time.Millisecond && d <= 24*time.Hour
}

// guard sets one guard: off, watch, or its limit.
func guard(field func(*Guards) *Guard, l limit) setter {
	return func(p *Profile, v *tomlfile.Value, _ place) string {
		s, ok := v.Text()
		if n, whole := v.Int(); whole {
			s, ok = strconv.Itoa(n), true
		}
		if mode := GuardMode(s); ok && (mode == GuardOff || mode == GuardWatch) {
			*field(&p.Deploy.Guards) = Guard{Mode: mode}
			return ""
		}
		g, good := l.read(s)
		if !ok || !good {
			return `"off", "watch" or ` + l.want
		}
		g.Mode = GuardPause
		*field(&p.Deploy.Guards) = g
		return ""
	}
}
