package page_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/mattn/go-runewidth"
	"pgregory.net/rapid"

	"ops-console/ops"
	"ops-console/ops/page"
)

func TestFigures(t *testing.T) {
	tests := []struct{ got, want string }{
		{page.Size(0), "0 B"},
		{page.Size(999), "999 B"},
		{page.Size(-5), "-5 B"},
		{page.Size(1000), "1.0 kB"},
		{page.Size(999_949), "999.9 kB"},
		{page.Size(999_950), "1.0 MB"},
		{page.Size(16_000_000_000), "16.0 GB"},
		{page.Size(1<<63 - 1), "9.2 EB"},
		{page.Ago(-time.Second), "0s"},
		{page.Ago(59900 * time.Millisecond), "59s"},
		{page.Ago(134 * time.Second), "2m 14s"},
		{page.Ago(3700 * time.Second), "1h 01m"},
		{page.Ago(50 * time.Hour), "2d 02h"},
		{page.Millis(0), "-"},
		{page.Millis(3200 * time.Microsecond), "3.2ms"},
		{page.Millis(12 * time.Second), "12s"},
		{page.Stamp(time.Time{}), "unknown"},
	}
	for _, tt := range tests {
		if tt.got != tt.want {
			t.Errorf("got %q, want %q", tt.got, tt.want)
		}
	}
}

func write(o page.Options) string {
	p := page.New(o)
	p.Head("app", page.Word{Text: "unhealthy", Level: "critical"}, "primary ams", "2026-03-04 14:00:00Z")
	p.Problems([]ops.Problem{{Code: "x.y", Severity: ops.Critical, Subject: ops.Subject{Region: "lax"}, Title: "far behind", Detail: "≥ 12 s\x1b[2J", Hint: "look"}}, time.Time{})
	t := page.NewTable(page.Column{Title: "NODE"}, page.Column{Title: "LEVEL"}, page.Column{Title: "LSN", Right: true, Drop: 1})
	t.Row("a", "ok", "2D/9A4458")
	t.Row("  └ b", "critical", "")
	t.Note("replay waits for a query that has been running for a long time")
	p.Section("NODES", "2")
	p.Table(t)
	var b strings.Builder
	if _, err := p.WriteTo(&b); err != nil {
		panic(err)
	}
	return b.String()
}

func TestPage(t *testing.T) {
	want := `app: unhealthy   primary ams
2026-03-04 14:00:00Z

PROBLEMS  1 critical
 CRITICAL  lax: far behind
           since unknown [x.y]
           ≥ 12 s
           next: look

NODES  2
 NODE   LEVEL     LSN
 a      ok        2D/9A4458
   └ b  critical          -
       replay waits for a
       query that has been
       running for a long time
`
	want = strings.Replace(want, "LSN\n", "      LSN\n", 1)
	if diff := cmp.Diff(want, write(page.Options{Width: 30})); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	narrow := write(page.Options{Width: 26, ASCII: true})
	for _, not := range []string{"2D/9A4458", "≥", "└"} {
		if strings.Contains(narrow, not) {
			t.Errorf("26 cells of ASCII have %q:\n%s", not, narrow)
		}
	}
	if s := write(page.Options{Color: true}); !strings.Contains(s, "\x1b[1;31mcritical\x1b[0m") {
		t.Errorf("no colour:\n%q", s)
	}
}

func TestNoLineIsWiderThanThePage(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		width := rapid.IntRange(20, 90).Draw(t, "width")
		ascii := rapid.Bool().Draw(t, "ascii")
		p := page.New(page.Options{Width: width, ASCII: ascii})
		text := rapid.StringN(0, 60, 200)
		p.Section("A", text.Draw(t, "note"))
		p.Wrapped(7, strings.ReplaceAll(text.Draw(t, "wrapped"), "\x1b", ""))
		p.Labelled("label", text.Draw(t, "labelled"))
		tab := page.NewTable(page.Column{Title: "A"}, page.Column{Title: "B", Drop: 2, Right: true}, page.Column{Title: "C", Drop: 1})
		tab.Row(text.Draw(t, "a"), text.Draw(t, "b"), text.Draw(t, "c"))
		tab.Note(text.Draw(t, "below"))
		p.Table(tab)
		var b strings.Builder
		if _, err := p.WriteTo(&b); err != nil {
			t.Fatal(err)
		}
		for l := range strings.Lines(b.String()) {
			l = strings.TrimSuffix(l, "\n")
			if w := (&runewidth.Condition{}).StringWidth(l); w > width {
				t.Fatalf("%d cells, want at most %d: %q", w, width, l)
			}
			for _, r := range l {
				if r < ' ' || ascii && r > '~' {
					t.Fatalf("%q has %U", l, r)
				}
			}
		}
	})
}
