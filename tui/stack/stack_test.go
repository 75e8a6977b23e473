package stack_test

import (
	"strings"
	"testing"

	"github.com/charmbracelet/x/ansi"
	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"ops-console/themes"
	"ops-console/tui/glyph"
	"ops-console/tui/paint"
	"ops-console/tui/pane"
	"ops-console/tui/stack"
)

func env() *pane.Env { return &pane.Env{Glyphs: glyph.Unicode()} }

// named is a section that writes its name into each of its lines.
func named(name string, least, most int) stack.Section {
	return stack.Section{Least: least, Most: most, Draw: func(b *paint.Block, w, x, y int) {
		for b.Rest() > 0 {
			b.Line().Text(themes.Plain, name)
		}
	}}
}

func TestColumn(t *testing.T) {
	aside := stack.Beside(named("c", 2, 2))
	for name, c := range map[string]struct {
		h    int
		want string
	}{
		"all of it":                  {24, " aaa bbbb cc"},
		"the blank at its head goes": {12, "aaa bbbb cc"},
		"then those between":         {9, "aaabbbbcc"},
		"then what is aside":         {8, "aaabbbb"},
		"then what all would have":   {5, "aaabb"},
		"then whole sections":        {3, "aaa"},
		"and at last the one there":  {1, "a"},
	} {
		t.Run(name, func(t *testing.T) {
			var got strings.Builder
			for _, l := range stack.Column(env(), 1, c.h, 0, []stack.Section{named("a", 2, 3), named("b", 2, 4), aside}) {
				got.WriteString(ansi.Strip(l))
			}
			if d := cmp.Diff(strings.TrimRight(c.want, " "), strings.TrimRight(got.String(), " ")); d != "" {
				t.Error(d)
			}
		})
	}
}

func TestColumnsAreOfTheSizeTheyAreAskedFor(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var ss []stack.Section
		for range rapid.IntRange(0, 6).Draw(t, "sections") {
			least := rapid.IntRange(0, 9).Draw(t, "least")
			s := named("x", least, least+rapid.IntRange(0, 20).Draw(t, "more"))
			s.Aside, s.Patient = rapid.Bool().Draw(t, "aside"), rapid.Bool().Draw(t, "patient")
			ss = append(ss, s)
		}
		w, h := rapid.IntRange(0, 40).Draw(t, "w"), rapid.IntRange(0, 60).Draw(t, "h")
		lines := stack.Column(env(), w, h, 0, ss)
		if len(lines) != h {
			t.Fatalf("%d lines, want %d", len(lines), h)
		}
		for i, l := range lines {
			if got := ansi.StringWidth(l); got != w {
				t.Fatalf("line %d has %d cells, want %d", i, got, w)
			}
		}
	})
}
