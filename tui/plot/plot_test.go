package plot

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/charmbracelet/colorprofile"
	"github.com/charmbracelet/x/ansi"
	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"ops-console/themes"
	"ops-console/tui/glyph"
	"ops-console/tui/golden"
	"ops-console/tui/pane"
)

var noon = time.Date(2026, 3, 4, 14, 7, 32, 0, time.UTC)

func colours(t testing.TB, p colorprofile.Profile) *themes.Theme {
	t.Helper()
	f, err := themes.Load("catppuccin-mocha", nil)
	if err != nil {
		t.Fatal(err)
	}
	return f.Compile(p)
}

// every is a series of one value a second, the last one now.
func every(name string, n int, f func(i int) float64) Series {
	s := Series{Name: name, Role: themes.Plot1, Gap: 3 * time.Second}
	for i := range n {
		s.T = append(s.T, noon.Add(time.Duration(i-n+1)*time.Second).UnixNano())
		s.V = append(s.V, f(i))
	}
	return s
}

func text(lines []string) string {
	var b strings.Builder
	for _, l := range lines {
		b.WriteString(strings.TrimRight(ansi.Strip(l), " "))
		b.WriteByte('\n')
	}
	return b.String()
}

func draw(env *pane.Env, c *Chart, w, h int) string { return text(new(Plot).View(env, c, w, h)) }

func unicode() *pane.Env { return &pane.Env{Glyphs: glyph.Blocks(), Now: noon} }

func TestASpikeOfOneReadingIsNotAveragedAway(t *testing.T) {
	for _, at := range []int{100, 1700, 1801, 3598} {
		s := every("x", 3600, func(i int) float64 {
			if i == at {
				return 90
			}
			return 0.05
		})
		for _, g := range []*glyph.Set{glyph.Unicode(), glyph.Blocks(), glyph.ASCII()} {
			c := &Chart{Series: []Series{s}, Scale: LogSeconds(90, 10), To: noon, Span: time.Hour, Bare: true}
			out := strings.Split(draw(&pane.Env{Glyphs: g}, c, 80, 12), "\n")
			above := "" // all but labels, from 1m down to 10s
			for _, l := range out[:4] {
				above += strings.Map(func(r rune) rune {
					if r < '*' || r >= '0' && r <= 'z' && r != 'x' || r == '┤' || r == '+' {
						return -1
					}
					return r
				}, l)
			}
			if above == "" {
				t.Errorf("the spike at %d is gone:\n%s", at, strings.Join(out, "\n"))
			}
		}
	}
}

func TestWhatIsMissingIsNotJoined(t *testing.T) {
	s := every("x", 60, func(i int) float64 {
		if i >= 20 && i < 40 {
			return math.NaN()
		}
		return 5
	})
	silent := every("y", 60, func(int) float64 { return 5 })
	silent.T, silent.V = append(silent.T[:20:20], silent.T[40:]...), append(silent.V[:20:20], silent.V[40:]...)
	want := "********************                    ********************"
	for _, s := range []Series{s, silent} {
		c := &Chart{Series: []Series{s}, Scale: LinearSeconds(10, 10), To: noon, Span: time.Minute, Bare: true}
		lines := strings.Split(draw(&pane.Env{Glyphs: glyph.ASCII()}, c, 67, 4), "\n")
		got := ""
		for _, l := range lines {
			if strings.Contains(l, "*") {
				got += l[7:]
			}
		}
		if d := cmp.Diff(want, strings.TrimSpace(got)); d != "" {
			t.Error(d, strings.Join(lines, "\n"))
		}
	}
}

// TestAPlotThatMovesOnKeepsItsShape compares what two moments have in common.
func TestAPlotThatMovesOnKeepsItsShape(t *testing.T) {
	s := every("x", 4000, func(i int) float64 { return math.Abs(math.Sin(float64(i)*0.7)+math.Sin(float64(i)*0.011)) * 3 })
	for _, span := range []time.Duration{time.Minute, 15 * time.Minute, time.Hour} {
		frame := func(to time.Time) (Window, []string) {
			var p Plot
			lines := p.View(unicode(), &Chart{Series: []Series{s}, Scale: LogSeconds(10, 10), To: to, Span: span, Bare: true}, 100, 10)
			for i := range lines {
				lines[i] = ansi.Strip(lines[i])
			}
			return p.Window, lines
		}
		w0, before := frame(noon.Add(-20 * time.Second))
		for move := range 20 {
			w1, after := frame(noon.Add(time.Duration(move-20) * time.Second))
			by := int(w1.first - w0.first)
			for y := range 8 {
				a, b := []rune(before[y])[7:], []rune(after[y])[7:]
				// The last column is still being filled, and what is left of the first one lies outside.
				if got, want := string(b[1:len(b)-by-1]), string(a[by+1:len(a)-1]); got != want {
					t.Fatalf("%v, row %d after %d columns:\n%q, want\n%q", span, y, by, got, want)
				}
			}
		}
	}
}

func TestNamesStandWhereLinesEndAndDoNotOverlap(t *testing.T) {
	c := &Chart{Scale: LinearSeconds(10, 10), To: noon, Span: time.Minute, Limits: []Limit{{5, "raises", themes.Crit}}}
	for i, v := range []float64{9.9, 9.8, 2, 0.1, 0, 0} {
		s := every(fmt.Sprintf("s%d", i), 60, func(int) float64 { return v })
		s.Rank = -i
		c.Series = append(c.Series, s)
	}
	got := strings.Fields(draw(unicode(), c, 60, 12))
	if d := cmp.Diff("s0 s1 raises s2 s3 s4 s5", strings.Join(words(got), " ")); d != "" {
		t.Error(d)
	}
	few := strings.Fields(draw(unicode(), c, 60, 4))
	if s := strings.Join(words(few), " "); s != "s0 s1 s2 s3" {
		t.Errorf("with four lines: %q, want the most important four", s)
	}
}

func words(ss []string) (out []string) {
	for _, s := range ss {
		if strings.HasPrefix(s, "s") || s == "raises" {
			out = append(out, s)
		}
	}
	return out
}

func TestTimeLabelsAreRound(t *testing.T) {
	for span, want := range map[time.Duration]string{
		time.Minute:      "14:06:40  14:06:50  14:07:00  14:07:10  14:07:20  14:07:30",
		5 * time.Minute:  "14:03  14:04  14:05  14:06  14:07",
		15 * time.Minute: "13:55  14:00  14:05",
		time.Hour:        "13:10  13:20  13:30  13:40  13:50  14:00",
	} {
		c := &Chart{Series: []Series{every("x", 60, func(int) float64 { return 1 })}, Scale: LogSeconds(1, 10), To: noon, Span: span, Bare: true}
		lines := strings.Split(draw(unicode(), c, 100, 8), "\n")
		if got := strings.Join(strings.Fields(lines[7]), "  "); got != want {
			t.Errorf("%v: %q, want %q\n%s", span, got, want, strings.Join(lines, "\n"))
		}
	}
}

func TestTheCursorTakesTheWordsInItsWay(t *testing.T) {
	c := &Chart{Series: []Series{every("x", 60, func(int) float64 { return 1 })}, Scale: LogSeconds(1, 10), To: noon, Span: time.Minute, Bare: true}
	c.Cursor = noon.Add(-31 * time.Second)
	out := draw(unicode(), c, 100, 8)
	if !strings.Contains(out, "14:07:00Z") || strings.Contains(out, "14:07:00 ") || !strings.Contains(out, "14:07:10 ") {
		t.Error(out)
	}
}

func TestScalesAreMonotone(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		top := rapid.Float64Range(0, 1e9).Draw(t, "top")
		lo := rapid.Uint64().Draw(t, "lo")
		for _, s := range []Scale{LogSeconds(top, 10), LinearSeconds(top, 1), Bytes(lo, lo+rapid.Uint64Range(0, 1<<50).Draw(t, "more"), 11, func(uint64) string { return "" })} {
			a, b := rapid.Float64().Draw(t, "a"), rapid.Float64().Draw(t, "b")
			if a > b {
				a, b = b, a
			}
			x, y := s.Pos(a), s.Pos(b)
			if !(x >= 0 && x <= y && y <= 1) {
				t.Fatalf("%g is at %g, %g at %g of %g to %g", a, x, b, y, s.Lo, s.Hi)
			}
			ticks := s.Ticks(rapid.IntRange(0, 200).Draw(t, "rows"))
			for i, v := range ticks {
				if i > 0 && v <= ticks[i-1] || math.IsNaN(v) {
					t.Fatalf("ticks %v", ticks)
				}
			}
		}
	})
}

func TestScaleLabels(t *testing.T) {
	for v, want := range map[float64]string{0: "0s", 0.01: "10ms", 0.5: "500ms", 1: "1s", 10: "10s", 60: "1m", 90: "1.5m", 600: "10m", 3600: "1h", 86400 * 4: "4d"} {
		if got := Seconds(v); got != want {
			t.Errorf("%g is %q, want %q", v, got, want)
		}
	}
}

func TestPlotsAreOfTheSizeTheyAreAskedFor(t *testing.T) {
	sets := []*glyph.Set{glyph.Unicode(), glyph.Blocks(), glyph.ASCII()}
	odd := []float64{0, -1, 1, 1e308, -1e308, math.NaN(), math.Inf(1), math.Inf(-1), 0.01, 5e-324}
	rapid.Check(t, func(t *rapid.T) {
		c := &Chart{To: noon.Add(time.Duration(rapid.Int64Range(-1e9, 1e9).Draw(t, "to"))), Span: time.Duration(rapid.Int64Range(0, 4e12).Draw(t, "span")), Bare: rapid.Bool().Draw(t, "bare")}
		for range rapid.IntRange(0, 9).Draw(t, "series") {
			s := Series{
				Name: rapid.StringN(0, 30, 90).Draw(t, "name"), Rank: rapid.IntRange(-2, 2).Draw(t, "rank"), Style: rapid.IntRange(-3, 9).Draw(t, "style"),
				Gap: time.Duration(rapid.Int64Range(-5, 5e9).Draw(t, "gap")),
			}
			at := noon.UnixNano() - rapid.Int64Range(0, 4e12).Draw(t, "start")
			for range rapid.IntRange(0, 60).Draw(t, "values") {
				at += rapid.Int64Range(0, 9e10).Draw(t, "step")
				s.T = append(s.T, at)
				s.V = append(s.V, rapid.SampledFrom(odd).Draw(t, "v"))
				s.Lo, s.Hi = append(s.Lo, rapid.SampledFrom(odd).Draw(t, "lo")), append(s.Hi, rapid.SampledFrom(odd).Draw(t, "hi"))
			}
			if rapid.Bool().Draw(t, "torn") {
				s.V, s.Lo = s.V[:len(s.V)/2], nil
			}
			c.Series = append(c.Series, s)
		}
		c.Limits = []Limit{{rapid.SampledFrom(odd).Draw(t, "limit"), "limit", themes.Crit}}
		c.Marks = []Mark{{At: noon.Add(-time.Second), Glyph: "d"}, {At: noon.Add(-time.Hour), Glyph: "日"}, {}}
		c.Cursor = noon.Add(-time.Duration(rapid.Int64Range(0, 4e12).Draw(t, "cursor")))
		top := c.Max(c.To.Add(-c.Span), c.To)
		c.Scale = []Scale{LogSeconds(top, 10), LinearSeconds(top, 1), Bytes(0, uint64(min(top, 1e18)), 11, func(uint64) string { return "0/0" }), {}}[rapid.IntRange(0, 3).Draw(t, "scale")]
		if c.Scale.Label == nil {
			c.Scale.Label = Seconds
		}
		w, h := rapid.IntRange(-1, 140).Draw(t, "w"), rapid.IntRange(-1, 40).Draw(t, "h")
		var p Plot
		lines := p.View(&pane.Env{Glyphs: rapid.SampledFrom(sets).Draw(t, "glyphs")}, c, w, h)
		if len(lines) != max(h, 0) {
			t.Fatalf("%d lines, want %d", len(lines), h)
		}
		for i, l := range lines {
			if a, b := ansi.StringWidth(l), ansi.StringWidthWc(l); a != max(w, 0) || b != a {
				t.Fatalf("line %d has %d or %d cells, want %d: %q", i, a, b, w, l)
			}
		}
		for i := range c.Series {
			if n := c.Series[i].Worst(c.To.Add(-time.Minute), c.To); n >= 0 && math.IsNaN(c.Series[i].V[n]) {
				t.Fatal("the worst is not known")
			}
		}
	})
}

// sample is a chart with much on it.
func sample(n int) *Chart {
	c := &Chart{
		To: noon, Span: 15 * time.Minute, Scale: LogSeconds(60, 10),
		Limits: []Limit{{1, "warn", themes.Warn}, {5, "raises", themes.Crit}},
		Marks: []Mark{
			{At: noon.Add(-12 * time.Minute), Glyph: "d", Role: themes.Info},
			{At: noon.Add(-200 * time.Second), Glyph: "■", Role: themes.Crit, Rank: 2},
			{At: noon.Add(-200 * time.Second), Glyph: "d", Role: themes.Info},
		},
		Cursor: noon.Add(-207 * time.Second),
	}
	for i := range n {
		s := every(fmt.Sprintf("r%02d", i), 3600, func(k int) float64 {
			return 0.02 * math.Pow(1.6, float64(i)) * (1.5 + math.Sin(float64(k)/40+float64(i)))
		})
		s.Role, s.Style = themes.Plot1+themes.Role(i%6), i
		c.Series = append(c.Series, s)
	}
	worst := &c.Series[0]
	worst.Name, worst.Role, worst.Rank = "syd", themes.Crit, 9
	worst.Lo, worst.Hi = make([]float64, 3600), make([]float64, 3600)
	for k := range worst.V {
		if k > 3300 {
			worst.V[k] = 0.1 * math.Exp(float64(k-3300)/50)
		}
		worst.Lo[k], worst.Hi[k] = worst.V[k]*0.6, worst.V[k]*1.4
	}
	return c
}

func TestFrames(t *testing.T) {
	colour, mono := colours(t, colorprofile.TrueColor), colours(t, colorprofile.ASCII)
	for name, env := range map[string]*pane.Env{
		"braille": {Glyphs: glyph.Unicode(), Theme: colour},
		"blocks":  {Glyphs: glyph.Blocks(), Theme: colour},
		"ascii":   {Glyphs: glyph.ASCII(), Theme: mono},
		"mono":    {Glyphs: glyph.Unicode(), Theme: mono},
	} {
		t.Run(name, func(t *testing.T) { golden.Frame(t, name, new(Plot).View(env, sample(5), 110, 18)) })
	}
}

func TestTheSameChartIsNotDrawnAgain(t *testing.T) {
	c, e := sample(3), &pane.Env{Glyphs: glyph.Unicode()}
	c.Version = 1
	var p Plot
	p.View(e, c, 100, 20)
	if n := testing.AllocsPerRun(10, func() { p.View(e, c, 100, 20) }); n > 0 {
		t.Errorf("%v allocations", n)
	}
	before := text(p.View(e, c, 100, 20))
	c.Cursor = noon.Add(-time.Minute)
	if text(p.View(e, c, 100, 20)) == before {
		t.Error("the cursor did not move")
	}
}

// BenchmarkPlot is a frame of 200×60 with 20 series of 3600 values: all of it anew, with another one on top, and
// nothing new at all.
func BenchmarkPlot(b *testing.B) {
	c, e := sample(20), &pane.Env{Glyphs: glyph.Unicode(), Theme: colours(b, colorprofile.TrueColor)}
	c.Span = time.Hour
	b.Run("anew", func(b *testing.B) {
		var p Plot
		b.ReportAllocs()
		for b.Loop() {
			p.View(e, c, 200, 60)
		}
	})
	b.Run("another is selected", func(b *testing.B) {
		var p Plot
		c.Data = 1
		b.ReportAllocs()
		for b.Loop() {
			p.View(e, c, 200, 60)
		}
	})
	b.Run("same", func(b *testing.B) {
		var p Plot
		c.Version = 1
		b.ReportAllocs()
		for b.Loop() {
			p.View(e, c, 200, 60)
		}
	})
}
