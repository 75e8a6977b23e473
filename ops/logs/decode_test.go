package logs

import (
	"encoding/json"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

var received = time.Date(2026, 11, 21, 20, 0, 5, 0, time.UTC)

func TestDecode(t *testing.T) {
	at := time.Date(2026, 11, 21, 20, 0, 1, 123456789, time.UTC)
	for _, tc := range []struct {
		name, subject, data string
		want                Line
		odd                 bool
	}{
		{
			name: "live, of an instance", subject: "logs.changelog.ord.148e21ab",
			data: `{"event":{"provider":"app"},"fly":{"app":{"instance":"148e21ab","name":"changelog"},"region":"ord"},"host":"a1b2",
				"log":{"level":"info"},"message":"GET /","timestamp":"2026-11-21T20:00:01.123456789Z"}`,
			want: Line{At: at, Region: "ord", Machine: "148e21ab", Host: "a1b2", Provider: App, Level: Info, Message: "GET /"},
		},
		{
			name: "live, of the proxy", subject: "logs.changelog.ord.148e21ab",
			data: `{"event":{"provider":"proxy"},"fly":{"app":{"instance":"148e21ab"},"region":"ord"},"log":{"level":"error"},"message":"refused",
				"timestamp":"2026-11-21T20:00:01.123456789Z","http":{"request":{"id":"R1","method":"GET","version":"2"},"response":{"status_code":502}},
				"error":{"code":2001,"message":"no route"},"url":{"full":"https://changelog.example/x"}}`,
			want: Line{
				At: at, Region: "ord", Machine: "148e21ab", Provider: Proxy, Level: Error, Message: "refused",
				Request: &Request{ID: "R1", Method: "GET", URL: "https://changelog.example/x", Status: 502, Code: 2001, Error: "no route"},
			},
		},
		{
			name: "of the web interface",
			data: `{"timestamp":"2026-11-21T21:00:01.123456789+01:00","message":"Configuring firecracker","level":"info","instance":"148e21ab","region":"ord",
				"meta":{"instance":"148e21ab","region":"ord","event":{"provider":"runner"}}}`,
			want: Line{At: at, Region: "ord", Machine: "148e21ab", Provider: Runner, Level: Info, Message: "Configuring firecracker"},
		},
		{
			name: "of the web interface, of the proxy",
			data: `{"timestamp":"2026-11-21T20:00:01.123456789Z","message":"late","level":"warn","instance":"","region":"ord",
				"meta":{"instance":"148e21ab","event":{"provider":"proxy"},"http":{"request":{"id":"R2"}},"error":{"code":1}}}`,
			want: Line{At: at, Region: "ord", Machine: "148e21ab", Provider: Proxy, Level: Warn, Message: "late", Request: &Request{ID: "R2", Code: 1}},
		},
		{
			name: "an application names its level itself", data: `{"timestamp":"2026-11-21T20:00:01.123456789Z","message":"20:00:01.123 request_id=GG [error] no","level":"info"}`,
			want: Line{At: at, Level: Error, Message: "20:00:01.123 request_id=GG [error] no"},
		},
		{
			name: "the subject says what the message leaves out", subject: "logs.changelog.syd.90", data: `{"message":"x","timestamp":"2026-11-21T20:00:01.123456789Z"}`,
			want: Line{At: at, Region: "syd", Machine: "90", Message: "x"},
		},
		{
			name: "one field of another type spoils no other", data: `{"message":"x","timestamp":"2026-11-21T20:00:01.123456789Z","log":{"level":7},"host":{"a":1},"fly":{"region":"ord"}}`,
			want: Line{At: at, Region: "ord", Message: "x"}, odd: true,
		},
		{
			name: "no JSON", subject: "logs.changelog.ord.1", data: "panic: \x1b[31mred\x1b[0m",
			want: Line{At: received, Unstamped: true, Region: "ord", Machine: "1", Message: "panic: red"}, odd: true,
		},
		{name: "nothing", data: "", want: Line{At: received, Unstamped: true}, odd: true},
		{name: "null", data: "null", want: Line{At: received, Unstamped: true}, odd: true},
		{name: "no time", data: `{"message":"x"}`, want: Line{At: received, Unstamped: true, Message: "x"}, odd: true},
		{
			name: "a time in the far future", data: `{"message":"x","timestamp":"2126-11-21T20:00:01Z"}`,
			want: Line{At: received, Unstamped: true, Message: "x"}, odd: true,
		},
		{
			name: "a time before there was a log", data: `{"message":"x","timestamp":"0001-01-01T00:00:00Z"}`,
			want: Line{At: received, Unstamped: true, Message: "x"}, odd: true,
		},
		{
			name: "a clock that is ahead is believed", data: `{"message":"x","timestamp":"2026-11-21T20:07:00Z"}`,
			want: Line{At: received.Add(6*time.Minute + 55*time.Second), Message: "x"},
		},
		{
			name: "indentation and line breaks", data: `{"message":"    (app 1.0) lib/a.ex:1\n  at b\r\n","timestamp":"2026-11-21T20:00:01.123456789Z"}`,
			want: Line{At: at, Message: "    (app 1.0) lib/a.ex:1   at b"},
		},
		{
			name: "made to hurt", data: `{"message":"\u001b[2J\u001b]0;owned\u0007a\u202egnp\u200b\u0000z","timestamp":"2026-11-21T20:00:01.123456789Z","fly":{"app":{"instance":"\u001b[31m1"},"region":"o\nd"}}`,
			want: Line{At: at, Region: "o d", Machine: "1", Message: "agnpz"},
		},
		{
			name: "not UTF-8", data: "{\"message\":\"a\xff\xfeb\",\"timestamp\":\"2026-11-21T20:00:01.123456789Z\"}",
			want: Line{At: at, Message: "a\ufffd\ufffdb"},
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, whole := decodeLive(tc.subject, []byte(tc.data), received)
			tc.want.Received = received
			if diff := cmp.Diff(tc.want, got, cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
			if whole == tc.odd {
				t.Errorf("whole is %t, want %t", whole, !tc.odd)
			}
		})
	}
}

func TestLongMessagesAreCut(t *testing.T) {
	for name, message := range map[string]string{
		"letters":   strings.Repeat("x", 1<<20),
		"colours":   strings.Repeat("\x1b[31mx", 1<<18),
		"spaces":    "a" + strings.Repeat(" ", 1<<20) + "b",
		"marks":     "a" + strings.Repeat("\u0301", 1<<19),
		"newlines":  "a" + strings.Repeat("\n", 1<<20) + "b",
		"not UTF-8": strings.Repeat("\xff", 1<<20),
		"too long":  strings.Repeat("y", 3<<20),
	} {
		data, err := json.Marshal(map[string]string{"message": message, "timestamp": "2026-11-21T20:00:01Z"})
		if err != nil {
			t.Fatal(err)
		}
		l, _ := decode(data, received)
		if n := utf8.RuneCountInString(l.Message); n > MaxMessage {
			t.Errorf("%s: %d characters, want at most %d", name, n, MaxMessage)
		}
		if l.Message == "" {
			t.Errorf("%s: nothing is left", name)
		}
		if cap := len(l.Message); cap > 4*MaxMessage {
			t.Errorf("%s: %d bytes are kept", name, cap)
		}
	}
}

func TestLevels(t *testing.T) {
	for message, want := range map[string]Level{
		"20:00:01.123 [info] GET /":                     Info,
		"20:00:01.123 request_id=GG [warning] slow":     Warn,
		"[notice] SIGTERM received":                     Info,
		"[critical] no":                                 Error,
		"[GG41] [debug] x":                              Debug,
		"level=error msg=x":                             Error,
		`time=1 level="warn" msg=x`:                     Warn,
		"nothing [else] here":                           NoLevel,
		"[error":                                        NoLevel,
		strings.Repeat("x", levelWithin) + " [error] x": NoLevel,
		"": NoLevel,
	} {
		if got := levelOf(message); got != want {
			t.Errorf("%q is %q, want %q", message, got, want)
		}
	}
	for _, l := range Levels() {
		if got, err := ParseLevel(strings.ToUpper(l.String())); got != l || err != nil {
			t.Errorf("%s: got %s, %v", l, got, err)
		}
	}
	if _, err := ParseLevel("loud"); err == nil {
		t.Error("there is a level loud")
	}
}

func TestFilter(t *testing.T) {
	re, err := Pattern("Timeout|closed")
	if err != nil {
		t.Fatal(err)
	}
	any, err := Pattern("timeout")
	if err != nil {
		t.Fatal(err)
	}
	l := Line{Region: "ord", Machine: "148e21ab", Provider: App, Level: Warn, Message: "a Timeout"}
	for _, tc := range []struct {
		name string
		f    Filter
		want bool
	}{
		{"all", Filter{}, true},
		{"machine", Filter{Machine: "148e"}, true},
		{"another machine", Filter{Machine: "148f"}, false},
		{"region", Filter{Region: "ord"}, true},
		{"another region", Filter{Region: "or"}, false},
		{"provider", Filter{Provider: App}, true},
		{"another provider", Filter{Provider: Runner}, false},
		{"level", Filter{Level: Warn}, true},
		{"worse", Filter{Level: Error}, false},
		{"text", Filter{Text: re}, true},
		{"text in any case", Filter{Text: any}, true},
		{"all of it, but one", Filter{Machine: "148e", Region: "ord", Provider: App, Level: Error, Text: re}, false},
	} {
		if got := tc.f.Match(&l); got != tc.want {
			t.Errorf("%s: %t, want %t", tc.name, got, tc.want)
		}
	}
	if _, err := Pattern("("); err == nil {
		t.Error("( is a pattern")
	}
	if re, err := Pattern(""); re != nil || err != nil {
		t.Errorf("no text: %v, %v", re, err)
	}
}

func FuzzDecode(f *testing.F) {
	f.Add("logs.changelog.ord.1", []byte(`{"event":{"provider":"app"},"fly":{"app":{"instance":"1"},"region":"ord"},"message":"x","timestamp":"2026-11-21T20:00:01Z"}`))
	f.Add("logs.a.b.c", []byte(`{"timestamp":"2026-11-21T20:00:01Z","message":"\u001b[31m","level":"info","meta":{"event":{"provider":"proxy"},"error":{"code":1}}}`))
	f.Add("", []byte("\x1b]0;\xff"))
	f.Add("....", []byte(`{"message":7,"timestamp":{}}`))
	f.Fuzz(func(t *testing.T, subject string, data []byte) {
		l, whole := decodeLive(subject, data, received)
		texts := []string{l.Region, l.Machine, l.Host, string(l.Provider), l.Message}
		if r := l.Request; r != nil {
			texts = append(texts, r.ID, r.Method, r.URL, r.Error)
		}
		for _, s := range texts {
			if !utf8.ValidString(s) {
				t.Errorf("%q is not UTF-8", s)
			}
			for _, r := range s {
				if unicode.IsControl(r) || unicode.Is(unicode.Cf, r) {
					t.Errorf("%q has %U in it", s, r)
				}
			}
			if n := utf8.RuneCountInString(s); n > MaxMessage {
				t.Errorf("%d characters", n)
			}
		}
		if l.At.IsZero() || l.At.After(received.Add(newest*time.Hour)) || l.At.Location() != time.UTC {
			t.Errorf("at %s", l.At)
		}
		if whole && (l.Unstamped || !json.Valid(data)) {
			t.Errorf("%q is not written as it should be", data)
		}
	})
}
