package config

import (
	"strings"
	"testing"
)

func TestGuards(t *testing.T) {
	for text, want := range map[string]string{
		`errors = "off"`: "", `errors = "watch"`: "", `errors = "0.5%"`: "", `p99 = "off"`: "", `p99 = "750ms"`: "", `p99 = "1.5x"`: "", `restarts = "off"`: "",
		`restarts = 3`: "", `restarts = "3"`: "", `lag = "off"`: "", `lag = "critical"`: "", `lag = "1m"`: "",
		`errors = "1"`: `a share like "1%"`, `errors = "0%"`: `a share`, `errors = "101%"`: `a share`, `errors = "NaN%"`: `a share`, `errors = true`: `a share`, `errors = "on"`: `"off", "watch" or`,
		`p99 = "1x"`: `twice what it was before`, `p99 = "x"`: "twice", `p99 = "-1s"`: "twice", `p99 = 3`: "twice",
		`restarts = -1`: "a number of machines", `restarts = "1%"`: "a number", `lag = "0s"`: "a duration", `settle = "-1s"`: "a duration", `latency = "1s"`: "no such key",
	} {
		w := newWorld(t)
		w.user("[app.changelog.deploy.guards]\n" + text)
		_, err := w.load(Options{Name: "changelog"})
		switch {
		case want == "" && err != nil:
			t.Errorf("%s: %v", text, err)
		case want != "" && (err == nil || !strings.Contains(err.Error(), want)):
			t.Errorf("%s: got %v, want %q", text, err, want)
		}
	}
}
