package paint

import (
	"math"
	"strings"
	"testing"
	"time"

	"github.com/charmbracelet/x/ansi"
	"pgregory.net/rapid"

	"ops-console/themes"
	"ops-console/tui/glyph"
)

// nasty are pieces of text that break naive measuring.
var nasty = []string{
	"abc", " ", "ä", "é", "日本", "本", "●", "⠋⠙", "\x1b[31m", "\x1b]0;pwned\x07", "\r\n", "\t", "\u202eevil\u202c",
	"\u200b", "\u200d", "\ufe0f", "👩‍👩‍👧‍👦", "🇩🇪", "🇩", "☺️", "❤️", "\xff\xfe", "\u0301", strings.Repeat("\u0301", 90),
	"Z͑ͫ̓ͪ̂ͫ̽͏̴̙̤̞͉͚̯̞̠͍A̴̵̜̰͔ͫ͗͢L", "क्ष", "க்ஷி", "한글", "ᄀ", "ᅡ", "ｶﾞ", "ﾞ", "\u2028", "\u00ad", "\U000e0041", "\u0600", "🏽", "👍🏽", "﷽", "𒐫", "\u0903",
	"…", "—", "✓", "▶", "◽", "©", "™", "ﬀ", "\u3000", "\u1100\u1161\u11a8", "\u0085", "\u009b31m",
}

func text(t *rapid.T, label string) string {
	return strings.Join(rapid.SliceOfN(rapid.OneOf(rapid.SampledFrom(nasty), rapid.String()), 0, 8).Draw(t, label), "")
}

func TestALineIsExactlyAsWideAsAskedWhateverIsPutIn(t *testing.T) {
	sets := []*glyph.Set{glyph.Unicode(), glyph.ASCII()}
	rapid.Check(t, func(t *rapid.T) {
		g := rapid.SampledFrom(sets).Draw(t, "glyphs")
		w := rapid.IntRange(0, 60).Draw(t, "w")
		l := New(nil, g, w)
		for range rapid.IntRange(0, 6).Draw(t, "calls") {
			s := text(t, "s")
			n := rapid.IntRange(-1, 30).Draw(t, "n")
			switch rapid.IntRange(0, 9).Draw(t, "call") {
			case 0:
				l.Text(themes.Plain, s)
			case 1:
				l.Cell(themes.OK, s, n, Left)
			case 2:
				l.Cell(themes.OK, s, n, Right)
			case 3:
				l.Max(themes.OK, s, n)
			case 4:
				l.To(n)
			case 5:
				l.Gap(n)
			case 6:
				l.Right(Part{themes.Crit, s}, Part{themes.Plain, "x"})
			case 7:
				l.Rule(s, Part{themes.Muted, s})
			case 8:
				l.Spark(themes.OK, []float64{1, math.NaN(), float64(n)}, n, 0)
			case 9:
				l.Bar(themes.OK, themes.Faint, float64(n)/20, n)
			}
		}
		got := l.String()
		if a, b := ansi.StringWidth(got), ansi.StringWidthWc(got); a != w || b != w {
			t.Fatalf("%q is %d cells by grapheme, %d by rune, want %d", got, a, b, w)
		}
		for _, r := range got {
			if r < 0x20 || r >= 0x7f && r < 0xa0 || g.ASCII && r > 0x7e {
				t.Fatalf("%q lets %U through", got, r)
			}
		}
	})
}

func TestRunesOfTheFastPathAreOneCellForEverybody(t *testing.T) {
	for r := rune(0x80); r <= 0x3000; r++ {
		if !plainCell(r) {
			continue
		}
		if g, w := ansi.StringWidth(string(r)), ansi.StringWidthWc(string(r)); g != 1 || w != 1 {
			t.Errorf("%U is %d cells by grapheme, %d by rune", r, g, w)
		}
	}
}

func TestTextIsClippedBetweenGraphemesWithAnEllipsis(t *testing.T) {
	for _, c := range []struct {
		s    string
		n    int
		want string
	}{
		{"hello", 5, "hello"},
		{"hello!", 5, "hell…"},
		{"hello", 1, "…"},
		{"hello", 0, ""},
		{"日本語", 6, "日本語"},
		{"日本語", 5, "日本…"},
		{"日本語", 4, "日… "},
		{"日本語", 2, "… "},
		{"naïve café", 6, "naïve…"},
		{"e\u0301e\u0301e\u0301", 2, "e\u0301…"},
		{"a\tb", 3, "a b"},
		{"a\x1b[31mb", 7, "a\uFFFD[31mb"},
	} {
		got := New(nil, glyph.Unicode(), c.n).Text(themes.Plain, c.s).String()
		if got != c.want {
			t.Errorf("%q in %d cells is %q, want %q", c.s, c.n, got, c.want)
		}
	}
	if got := New(nil, glyph.ASCII(), 5).Text(themes.Plain, "hello!").String(); got != "hel.." {
		t.Errorf("in ASCII %q, want %q", got, "hel..")
	}
}

func TestAHugeTextCostsNoMoreThanItsVisiblePart(t *testing.T) {
	for _, s := range []string{strings.Repeat("x", 10<<20), strings.Repeat("\u0301", 5<<20), strings.Repeat("日", 3<<20)} {
		start := time.Now()
		l := New(nil, glyph.Unicode(), 80)
		for range 100 {
			_ = l.Reset(80).Text(themes.Plain, s).String()
		}
		if d := time.Since(start); d > time.Second {
			t.Errorf("100 lines of %.6q… took %v", s, d)
		}
	}
}

func TestRightKeepsItsLastPartLongest(t *testing.T) {
	parts := []Part{{themes.Muted, "every 2s  "}, {themes.Plain, "14:07:32Z"}}
	for _, c := range []struct {
		w    int
		want string
	}{
		{30, "left       every 2s  14:07:32Z"},
		{24, "left every 2s  14:07:32Z"},
		{23, "left          14:07:32Z"},
		{13, "left         "},
	} {
		if got := New(nil, glyph.Unicode(), c.w).Text(themes.Plain, "left").Right(parts...).String(); got != c.want {
			t.Errorf("w %d: %q, want %q", c.w, got, c.want)
		}
	}
}

func TestRule(t *testing.T) {
	got := New(nil, glyph.Unicode(), 30).Rule("REGIONS", Part{themes.Muted, "2 of 2"}).String()
	if want := "REGIONS ─────────────── 2 of 2"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestBlockIsExactlyAsHighAsAsked(t *testing.T) {
	b := NewBlock(nil, glyph.Unicode(), 5, 3)
	b.Line().Text(themes.Plain, "one")
	b.Append("two  ")
	if b.Rest() != 1 {
		t.Errorf("rest %d, want 1", b.Rest())
	}
	got := strings.Join(b.Lines(), "|")
	if want := "one  |two  |     "; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	b = NewBlock(nil, glyph.Unicode(), 3, 1)
	b.Line().Text(themes.Plain, "a")
	b.Line().Text(themes.Plain, "b")
	b.Append("c", "d")
	if got := b.Lines(); len(got) != 1 || got[0] != "a  " {
		t.Errorf("got %q", got)
	}
}

func TestFormats(t *testing.T) {
	now := time.Date(2026, 3, 4, 14, 7, 32, 0, time.UTC)
	for _, c := range []struct{ got, want string }{
		{Duration(-time.Second), "0s"},
		{Duration(400 * time.Millisecond), "400ms"},
		{Duration(12 * time.Second), "12s"},
		{Duration(207 * time.Second), "3m 27s"},
		{Duration(3 * time.Minute), "3m"},
		{Duration(130 * time.Minute), "2h 10m"},
		{Duration(76 * time.Hour), "3d 4h"},
		{Short(207 * time.Second), "3m"},
		{Short(50 * time.Hour), "2d"},
		{Latency(400 * time.Microsecond), "0.4ms"},
		{Latency(12 * time.Millisecond), "12ms"},
		{Latency(999_600 * time.Microsecond), "1.00s"},
		{Latency(12300 * time.Millisecond), "12.3s"},
		{Ago(now, now.Add(-12*time.Minute)), "12m ago"},
		{Ago(now, time.Time{}), "never"},
		{Old(now, now.Add(-12500*time.Millisecond)), "12s old"},
		{Clock(now, now.Add(-time.Hour)), "13:07:32Z"},
		{Clock(now, now.Add(-24*time.Hour)), "03-03 14:07Z"},
		{Bytes(812), "812 B"},
		{Bytes(999_999), "1.0 MB"},
		{Bytes(453e6), "453 MB"},
		{Bytes(18.2e9), "18.2 GB"},
		{Bytes(math.MaxInt64), "9.2 EB"},
		{Count(1, "machine", "machines"), "1 machine"},
		{Count(2, "machine", "machines"), "2 machines"},
	} {
		if c.got != c.want {
			t.Errorf("got %q, want %q", c.got, c.want)
		}
	}
}

func BenchmarkLineASCII(b *testing.B) {
	l := New(nil, glyph.Unicode(), 120)
	b.ReportAllocs()
	for b.Loop() {
		l.Reset(120)
		for range 10 {
			l.Cell(themes.Muted, "machine-12", 11, Left)
		}
		_ = l.String()
	}
}
