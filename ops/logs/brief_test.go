package logs

import (
	"testing"
	"time"
)

func TestBriefSaysATimeOnce(t *testing.T) {
	at := time.Date(2026, 3, 4, 14, 7, 32, 104e6, time.UTC)
	for message, want := range map[string]string{
		"14:07:32.104 [info] GET /":    "[info] GET /",
		"14:07:32.099 [info] GET /":    "[info] GET /",
		"14:07:32 GET /":               "GET /",
		"14:07:31.999 [info] GET /":    "14:07:31.999 [info] GET /",
		"14:07:32.104":                 "14:07:32.104",
		"14:07:32,104 GET /":           "14:07:32,104 GET /",
		"2026-03-04 14:07:32.104 GET ": "2026-03-04 14:07:32.104 GET ",
		"":                             "",
	} {
		l := Line{At: at, Message: message}
		if got := l.Brief(); got != want {
			t.Errorf("%q: %q, want %q", message, got, want)
		}
	}
}
