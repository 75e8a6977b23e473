package table

import (
	stdcmp "cmp"
	"fmt"
	"strings"
	"testing"

	"github.com/charmbracelet/x/ansi"
	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"ops-console/themes"
	"ops-console/tui/glyph"
	"ops-console/tui/paint"
	"ops-console/tui/pane"
)

type machine struct{ id, region, note string }

// fleet is a table over machines, which a test may change before SetLen.
type fleet struct {
	Table
	mm []machine
}

func newFleet(n int) *fleet {
	f := &fleet{}
	for i := range n {
		f.mm = append(f.mm, machine{fmt.Sprintf("m%03d", i), []string{"fra", "iad", "syd"}[i%3], "ok"})
	}
	f.Columns = []Column{
		{
			ID: "id", Title: "ID", Width: 6, Cell: func(i int) (string, themes.Role) { return f.mm[i].id, themes.Plain },
			Compare: func(a, b int) int { return stdcmp.Compare(f.mm[a].id, f.mm[b].id) },
		},
		{
			ID: "region", Title: "REGION", Width: 6, Drop: 1, Cell: func(i int) (string, themes.Role) { return f.mm[i].region, themes.Muted },
			Compare: func(a, b int) int { return stdcmp.Compare(f.mm[a].region, f.mm[b].region) }, Desc: true,
		},
		{ID: "note", Title: "NOTE", Width: 8, Min: 4, Flex: 1, Drop: 2, Draw: func(l *paint.Line, i, w int) { l.Text(themes.OK, f.mm[i].note) }},
	}
	f.Key = func(i int) string { return f.mm[i].id }
	f.Text = func(i int) string { return f.mm[i].id + " " + f.mm[i].region }
	f.Empty = "nothing here"
	f.SetLen(n)
	return f
}

func (f *fleet) at(t *testing.T) string {
	t.Helper()
	i, ok := f.Cursor()
	if !ok {
		return ""
	}
	return f.mm[i].id
}

func env() *pane.Env { return &pane.Env{Glyphs: glyph.Unicode(), Focused: true} }

func (f *fleet) frame(w, h int) string { return strings.Join(f.View(env(), w, h), "\n") }

func TestViewShowsTitlesCursorAndRows(t *testing.T) {
	f := newFleet(3)
	want := strings.Join([]string{
		" ID      REGION  NOTE      ",
		"▌m000    fra     ok        ",
		" m001    iad     ok        ",
		" m002    syd     ok        ",
		"                           ",
	}, "\n")
	if d := cmp.Diff(want, f.frame(27, 5)); d != "" {
		t.Error(d)
	}
}

func TestNarrowTablesDropColumnsInOrder(t *testing.T) {
	f := newFleet(1)
	for _, c := range []struct {
		w    int
		want string
	}{
		{25, " ID      REGION  NOTE    "},
		{21, " ID      REGION  NOTE"},
		{20, " ID      REGION     "},
		{14, " ID           "},
		{4, " ID "},
	} {
		if got := f.View(env(), c.w, 2)[0]; got != c.want {
			t.Errorf("w %d: %q, want %q", c.w, got, c.want)
		}
	}
}

func TestTheCursorStaysOnItsRow(t *testing.T) {
	f := newFleet(10)
	f.Move(4)
	f.mm = f.mm[2:]
	f.SetLen(len(f.mm))
	if got := f.at(t); got != "m004" {
		t.Errorf("after rows above it went: %s, want m004", got)
	}
	f.SetSort("id", true)
	if got := f.at(t); got != "m004" {
		t.Errorf("after sorting: %s, want m004", got)
	}
	f.mm = append(f.mm[:2:2], f.mm[3:]...)
	f.SetLen(len(f.mm))
	if got := f.at(t); got != "m003" {
		t.Errorf("after it went itself: %s, want the one in its place, m003", got)
	}
	if f.Select("m042") {
		t.Error("a row that is not there was selected")
	}
	f.mm = append(f.mm, machine{"m042", "fra", ""})
	f.SetLen(len(f.mm))
	if got := f.at(t); got != "m042" {
		t.Errorf("after it came: %s, want m042", got)
	}
	f.SetLen(0)
	if _, ok := f.Cursor(); ok {
		t.Error("an empty table has a cursor")
	}
	f.Move(1)
	f.Bottom()
	f.Page(-2)
}

func TestGroupsHaveHeadersTheCursorPassesOver(t *testing.T) {
	f := newFleet(6)
	f.Group = func(i int) string { return f.mm[i].region }
	f.SetLen(6)
	want := strings.Join([]string{
		" ID      REGION  NOTE    ",
		" fra ───────────── 2 rows",
		"▌m000    fra     ok      ",
		" m003    fra     ok      ",
		" iad ───────────── 2 rows",
		" m001    iad     ok      ",
	}, "\n")
	if d := cmp.Diff(want, f.frame(25, 6)); d != "" {
		t.Error(d)
	}
	f.Move(2)
	if got := f.at(t); got != "m001" {
		t.Errorf("two down: %s, want m001", got)
	}
	f.Move(-1)
	if got := f.at(t); got != "m003" {
		t.Errorf("one up: %s, want m003", got)
	}
	f.Top()
	f.frame(25, 6)
	if _, ok := f.Click(3, 4); ok {
		t.Error("a header could be clicked")
	}
	if i, ok := f.Click(3, 5); !ok || f.mm[i].id != "m001" || f.at(t) != "m001" {
		t.Errorf("clicked %v %v", i, ok)
	}
}

func TestSortGoesThroughTheColumnsAndBack(t *testing.T) {
	f := newFleet(3)
	f.frame(30, 5)
	var got []string
	for range 4 {
		f.NextSort()
		id, desc := f.Sort()
		got = append(got, fmt.Sprint(id, desc))
	}
	if d := cmp.Diff([]string{"idfalse", "regiontrue", "false", "idfalse"}, got); d != "" {
		t.Error(d)
	}
	f.ReverseSort()
	if title := f.View(env(), 30, 2)[0]; !strings.HasPrefix(title, " ID ▾") {
		t.Errorf("titles %q do not show the order", title)
	}
	f.frame(30, 5)
	f.Click(10, 0)
	if id, desc := f.Sort(); id != "region" || !desc {
		t.Errorf("a click on a title sorts by %s %v", id, desc)
	}
}

func TestOnlyVisibleRowsAreAskedFor(t *testing.T) {
	f := newFleet(1000)
	asked := 0
	f.Columns = []Column{{ID: "id", Title: "ID", Width: 6, Cell: func(i int) (string, themes.Role) { asked++; return "x", themes.Plain }}}
	f.Move(500)
	f.frame(20, 11)
	if asked != 10 {
		t.Errorf("asked for %d cells, want 10", asked)
	}
	if got, want := f.Position(), "494-503 of 1000"; got != want {
		t.Errorf("position %q, want %q", got, want)
	}
}

func TestEveryFrameIsExactAndHasTheCursor(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		f := newFleet(rapid.IntRange(0, 40).Draw(t, "n"))
		if rapid.Bool().Draw(t, "grouped") {
			f.Group = func(i int) string { return f.mm[i].region }
		}
		for range 8 {
			switch rapid.IntRange(0, 7).Draw(t, "do") {
			case 0:
				f.Move(rapid.IntRange(-50, 50).Draw(t, "by"))
			case 1:
				f.Page(rapid.IntRange(-2, 2).Draw(t, "halves"))
			case 2:
				f.SetFilter(rapid.SampledFrom([]string{"", "fra", "!fra", "m00[1-4]", "~m2", "zzz"}).Draw(t, "filter"))
			case 3:
				f.NextSort()
			case 4:
				f.mm = f.mm[:rapid.IntRange(0, len(f.mm)).Draw(t, "left")]
				f.SetLen(len(f.mm))
			case 5:
				f.Bottom()
			case 6:
				f.Top()
			case 7:
				f.Click(rapid.IntRange(-1, 30).Draw(t, "x"), rapid.IntRange(-1, 30).Draw(t, "y"))
			}
			w, h := rapid.IntRange(0, 60).Draw(t, "w"), rapid.IntRange(0, 30).Draw(t, "h")
			lines := f.View(env(), w, h)
			if len(lines) != h {
				t.Fatalf("%d lines, want %d", len(lines), h)
			}
			gutter := false
			for _, s := range lines {
				if got := ansi.StringWidth(s); got != w {
					t.Fatalf("%q is %d cells, want %d", s, got, w)
				}
				gutter = gutter || strings.HasPrefix(s, "▌")
			}
			if _, ok := f.Cursor(); ok && h > 1 && w > 1 && !gutter {
				t.Fatalf("the cursor is not on the screen:\n%s", strings.Join(lines, "\n"))
			}
		}
	})
}

func TestFilter(t *testing.T) {
	for _, c := range []struct {
		filter, text string
		want         bool
	}{
		{"", "anything", true},
		{"FRA", "m1 fra", true},
		{"fra m1", "m1 fra", true},
		{"fra m2", "m1 fra", false},
		{"!fra", "m1 fra", false},
		{"!fra", "m1 iad", true},
		{"!", "m1 iad", true},
		{"^m1", "m1 iad", true},
		{"m[2-4]", "m1 iad", false},
		{"!m[2-4]", "m1 iad", true},
		{"m[2", "m[2 x", true},
		{"~mi", "m1 iad", true},
		{"~im", "m1 iad", false},
		{"!~mi", "m1 iad", false},
		{"~", "m1", true},
		{"ÄÖ", "xäöx", true},
		{strings.Repeat("a", 1000), "b", false},
	} {
		if got := ParseFilter(c.filter).Match(c.text); got != c.want {
			t.Errorf("%q on %q = %v, want %v", c.filter, c.text, got, c.want)
		}
	}
}

func FuzzFilter(f *testing.F) {
	for _, s := range []string{"a !b ~c", "[", "(?P<x>", `\`, "!~", "\xff"} {
		f.Add(s, s)
	}
	f.Fuzz(func(t *testing.T, filter, text string) {
		p := ParseFilter(filter)
		if got := p.Match(text); p.Empty() && !got {
			t.Errorf("empty filter %q refuses %q", filter, text)
		}
	})
}

func BenchmarkView1000Rows(b *testing.B) {
	for _, size := range [][2]int{{120, 36}, {200, 56}} {
		b.Run(fmt.Sprintf("%dx%d", size[0], size[1]), func(b *testing.B) {
			f := newFleet(1000)
			for range 7 {
				c := f.Columns[0]
				c.ID += "x"
				f.Columns = append(f.Columns, c)
			}
			e := env()
			b.ReportAllocs()
			for b.Loop() {
				f.Move(1)
				f.View(e, size[0], size[1])
			}
		})
	}
}

func BenchmarkSetLen1000SortedAndGrouped(b *testing.B) {
	f := newFleet(1000)
	f.Group = func(i int) string { return f.mm[i].region }
	f.SetSort("id", true)
	f.SetFilter("m")
	b.ReportAllocs()
	for b.Loop() {
		f.SetLen(1000)
	}
}
