package prose

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"ops-console/tui/glyph"
	"ops-console/tui/paint"
)

func TestWrap(t *testing.T) {
	g := glyph.Unicode()
	for _, c := range []struct {
		s    string
		w, n int
		want []string
	}{
		{"", 10, 3, nil},
		{"one", 10, 3, []string{"one"}},
		{"one two three", 8, 3, []string{"one two", "three"}},
		{"one two three four", 8, 2, []string{"one two", "three four"}},
		{"one\ntwo", 8, 3, []string{"one", "two"}},
		{"\n  one", 8, 3, []string{"one"}},
		{"unbreakable-and-long", 8, 2, []string{"unbreakable-and-long"}},
		{"a unbreakable-and-long b", 8, 3, []string{"a", "unbreakable-and-long", "b"}},
		{"日本語 日本", 7, 2, []string{"日本語", "日本"}},
	} {
		if diff := cmp.Diff(c.want, Wrap(g, c.s, c.w, c.n)); diff != "" {
			t.Errorf("Wrap(%q, %d, %d): %s", c.s, c.w, c.n, diff)
		}
	}
}

func TestWrapLosesNoWordAndKeepsItsBounds(t *testing.T) {
	g := glyph.Unicode()
	rapid.Check(t, func(t *rapid.T) {
		words := rapid.SliceOf(rapid.StringMatching(`[a-zé日]{1,12}`)).Draw(t, "words")
		sep := rapid.SampledFrom([]string{" ", "  ", "\n", " \n"}).Draw(t, "sep")
		w, n := rapid.IntRange(1, 40).Draw(t, "w"), rapid.IntRange(1, 6).Draw(t, "n")
		lines := Wrap(g, strings.Join(words, sep), w, n)
		if len(lines) > n {
			t.Fatalf("%d lines, want at most %d", len(lines), n)
		}
		for i, l := range lines {
			if paint.Width(l, g) > w && strings.Contains(l, " ") && i < n-1 {
				t.Fatalf("line %q is wider than %d and could have been broken", l, w)
			}
		}
		if len(lines) < n {
			if got := strings.Fields(strings.Join(lines, " ")); cmp.Diff(words, got) != "" && len(words) > 0 {
				t.Fatalf("words %q became %q", words, got)
			}
		}
	})
}

func TestWrapLooksOnlyAtWhatFits(t *testing.T) {
	g := glyph.Unicode()
	huge := strings.Repeat("x", 10<<20)
	if got := Wrap(g, huge, 40, 3); len(got) != 1 || len(got[0]) > 10_000 {
		t.Errorf("%d lines, the first of %d bytes", len(got), len(got[0]))
	}
}
