package schedule

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func zoneNamed(t *testing.T, name string) *time.Location {
	t.Helper()
	l, err := time.LoadLocation(name)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func TestNext(t *testing.T) {
	const layout = "Mon 2006-01-02 15:04 -0700"
	for _, tc := range []struct {
		when, zone, after string
		want              []string
	}{
		{"hourly", "UTC", "2026-03-04T05:06:07Z", []string{"Wed 2026-03-04 06:00 +0000", "Wed 2026-03-04 07:00 +0000"}},
		{"daily", "UTC", "2026-03-04T03:00:00Z", []string{"Thu 2026-03-05 03:00 +0000"}},
		{"weekly", "UTC", "2026-03-04T05:06:07Z", []string{"Sun 2026-03-08 03:00 +0000", "Sun 2026-03-15 03:00 +0000"}},
		{"monthly", "UTC", "2026-01-31T05:06:07Z", []string{"Sun 2026-02-01 03:00 +0000", "Sun 2026-03-01 03:00 +0000"}},
		{"every 6h", "UTC", "2026-03-04T05:06:07Z", []string{"Wed 2026-03-04 06:00 +0000", "Wed 2026-03-04 12:00 +0000"}},
		{"every 20m", "UTC", "2026-03-04T05:46:07Z", []string{"Wed 2026-03-04 06:00 +0000", "Wed 2026-03-04 06:20 +0000"}},
		{"At 03:30,  15:30", "UTC", "2026-03-04T05:06:07Z", []string{"Wed 2026-03-04 15:30 +0000", "Thu 2026-03-05 03:30 +0000"}},
		{"0 0 29 2 *", "UTC", "2026-03-04T05:06:07Z", []string{"Tue 2028-02-29 00:00 +0000", "Sun 2032-02-29 00:00 +0000"}},
		{"0 4 13 * fri", "UTC", "2026-03-04T05:06:07Z", []string{"Fri 2026-03-06 04:00 +0000", "Fri 2026-03-13 04:00 +0000"}},     // either
		{"0 4 */10 * 1-5/2", "UTC", "2026-03-01T05:00:00Z", []string{"Wed 2026-03-11 04:00 +0000", "Wed 2026-04-01 04:00 +0000"}}, // both
		{"5,10 1 * jan-mar,dec 7", "UTC", "2026-03-29T01:06:00Z", []string{"Sun 2026-03-29 01:10 +0000", "Sun 2026-12-06 01:05 +0000"}},
		{"at 12:00", "Asia/Kathmandu", "2026-03-04T06:15:00Z", []string{"Thu 2026-03-05 12:00 +0545"}},
		// Half past two is not there on the 29th, and there twice on the 25th of October.
		{"at 02:30", "Europe/Paris", "2026-03-28T02:00:00Z", []string{"Sun 2026-03-29 03:00 +0200", "Mon 2026-03-30 02:30 +0200"}},
		{"at 02:30", "Europe/Paris", "2026-10-24T12:00:00Z", []string{"Sun 2026-10-25 02:30 +0200", "Mon 2026-10-26 02:30 +0100"}},
		{"at 03:00", "Europe/Paris", "2026-03-28T12:00:00Z", []string{"Sun 2026-03-29 03:00 +0200", "Mon 2026-03-30 03:00 +0200"}},
		{"hourly", "Europe/Paris", "2026-10-24T23:30:00Z", []string{"Sun 2026-10-25 02:00 +0200", "Sun 2026-10-25 02:00 +0100", "Sun 2026-10-25 03:00 +0100"}},
		{"hourly", "Europe/Paris", "2026-03-29T00:00:00Z", []string{"Sun 2026-03-29 03:00 +0200", "Sun 2026-03-29 04:00 +0200"}},
		{"0 1-3 * * *", "Europe/Paris", "2026-10-24T22:30:00Z", []string{"Sun 2026-10-25 01:00 +0200", "Sun 2026-10-25 02:00 +0200", "Sun 2026-10-25 03:00 +0100"}},
		// Midnight is not there in Havana.
		{"at 00:00", "America/Havana", "2026-03-07T12:00:00Z", []string{"Sun 2026-03-08 01:00 -0400", "Mon 2026-03-09 00:00 -0400"}},
		{"at 02:15", "Australia/Lord_Howe", "2026-10-03T00:00:00Z", []string{"Sun 2026-10-04 02:30 +1100", "Mon 2026-10-05 02:15 +1100"}},
		{"at 01:45", "Australia/Lord_Howe", "2026-04-04T00:00:00Z", []string{"Sun 2026-04-05 01:45 +1100", "Mon 2026-04-06 01:45 +1030"}},
		// There was no 30 December 2011 in Apia.
		{"at 12:00", "Pacific/Apia", "2011-12-29T12:00:00Z", []string{"Thu 2011-12-29 12:00 -1000", "Sat 2011-12-31 12:00 +1400"}},
	} {
		w, err := ParseWhen(tc.when, zoneNamed(t, tc.zone))
		if err != nil {
			t.Error(err)
			continue
		}
		at, err := time.Parse(time.RFC3339, tc.after)
		if err != nil {
			t.Fatal(err)
		}
		for _, want := range tc.want {
			at = w.Next(at)
			if got := at.In(w.Zone()).Format(layout); got != want {
				t.Errorf("%s in %s after %s: %s, want %s", tc.when, tc.zone, tc.after, got, want)
			}
		}
	}
}

func TestParseWhenRefuses(t *testing.T) {
	for text, want := range map[string]string{
		"":              "five fields",
		"sometimes":     "five fields",
		"* * * *":       "five fields",
		"60 * * * *":    `minute "60"`,
		"* * 0 * *":     `day "0"`,
		"* * * foo *":   `month "foo"`,
		"*/0 * * * *":   "the step",
		"5-3 * * * *":   "ends before",
		"-1 * * * *":    "no number",
		"0 0 30 2 *":    "no such day",
		"every 7h":      "equal parts",
		"every 90s":     "no number of minutes",
		"every 0m":      "no number of minutes",
		"every day":     "no number of minutes",
		"at 25:00":      "no time",
		"at 3, 4":       "no time",
		"at 3:00,04:30": "same minute",
	} {
		if w, err := ParseWhen(text, nil); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, %v; want %q", text, w, err, want)
		}
	}
	if got := (When{}).Next(time.Now()); !got.IsZero() {
		t.Errorf("never is %v", got)
	}
}

// Whatever the zone: Next is later, no time lies between, and asking again on the way gives the same.
func TestNextIsTheFirst(t *testing.T) {
	zones := []string{"UTC", "Europe/Paris", "America/New_York", "Australia/Lord_Howe", "America/Havana", "Asia/Kathmandu", "Africa/Casablanca"}
	rapid.Check(t, func(t *rapid.T) {
		zone, err := time.LoadLocation(rapid.SampledFrom(zones).Draw(t, "zone"))
		if err != nil {
			t.Fatal(err)
		}
		text := fmt.Sprintf("%s %s %s * %s",
			rapid.SampledFrom([]string{"0", "30", "*/20", "15,45"}).Draw(t, "minute"), rapid.SampledFrom([]string{"*", "0", "1-3", "*/6", "2"}).Draw(t, "hour"),
			rapid.SampledFrom([]string{"*", "1", "*/10", "28-31"}).Draw(t, "day"), rapid.SampledFrom([]string{"*", "sun", "1-5"}).Draw(t, "weekday"))
		w, err := ParseWhen(text, zone)
		if err != nil {
			t.Fatal(err)
		}
		start := time.Unix(rapid.Int64Range(1767225600, 1861920000).Draw(t, "start"), 0)
		next := w.Next(start)
		if !next.After(start) || next.Second() != 0 {
			t.Fatalf("%s after %s: %s", text, start, next)
		}
		between := start.Add(time.Duration(rapid.Int64Range(0, int64(next.Sub(start)-1)).Draw(t, "between")))
		if again := w.Next(between); !again.Equal(next) {
			t.Fatalf("%s after %s is %s, and after %s is %s", text, start, next, between, again)
		}
	})
}

func FuzzParseWhen(f *testing.F) {
	for _, s := range []string{"hourly", "every 6h", "at 03:30, 15:30", "*/5 1-3,7 1 jan-mar/2 sun"} {
		f.Add(s)
	}
	start := time.Date(2026, 3, 28, 0, 0, 0, 0, time.UTC)
	f.Fuzz(func(t *testing.T, text string) {
		w, err := ParseWhen(text, nil)
		if err != nil {
			return
		}
		if next := w.Next(start); !next.After(start) {
			t.Errorf("%q: %v", text, next)
		}
		if again, err := ParseWhen(w.String(), nil); err != nil || again != w {
			t.Errorf("%q became %q, which is %v, %v", text, w.String(), again, err)
		}
	})
}
