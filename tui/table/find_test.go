package table

import (
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestFilterFindsWhatItMatchesBy(t *testing.T) {
	for _, tt := range []struct{ filter, text, want string }{
		{"time", "a Timeout, and another timeout", "a [Time]out, and another [time]out"},
		{"time out", "timeout", "[time][out]"},
		{"timeout time", "timeout", "[timeout]"},
		{`5\d\d`, "GET / 502 in 503ms", "GET / [502] in [503]ms"},
		{"^GET", "GET /GET", "[GET] /GET"},
		{"!time", "timeout", "timeout"},
		{"~tmt", "timeout", "timeout"},
		{"größe", "Die größe", "Die [größe]"},
		{"x+", "axxb", "a[xx]b"},
		{`5\d`, "5152", "[51][52]"},
		{"x*", "axxb", "axxb"},
		{"", "timeout", "timeout"},
	} {
		f := ParseFilter(tt.filter)
		var b strings.Builder
		at := 0
		for {
			begin, end, ok := f.Find(tt.text, at)
			if !ok {
				break
			}
			b.WriteString(tt.text[at:begin] + "[" + tt.text[begin:end] + "]")
			at = end
		}
		b.WriteString(tt.text[at:])
		if got := b.String(); got != tt.want {
			t.Errorf("%q in %q: %s, want %s", tt.filter, tt.text, got, tt.want)
		}
	}
}

func TestFindGoesForward(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		f := ParseFilter(rapid.StringOf(rapid.RuneFrom([]rune("ab! ~.*ö^$"))).Draw(t, "filter"))
		s := rapid.StringOf(rapid.RuneFrom([]rune("aAbBöÖ "))).Draw(t, "text")
		for at := 0; ; {
			begin, end, ok := f.Find(s, at)
			if !ok {
				return
			}
			if begin < at || end <= begin || end > len(s) {
				t.Fatalf("from %d: %d to %d of %d", at, begin, end, len(s))
			}
			at = end
		}
	})
}
