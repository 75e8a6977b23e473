package paint

import (
	"strings"
	"testing"

	"pgregory.net/rapid"

	"ops-console/tui/glyph"
)

func TestCutLosesNothingAndFits(t *testing.T) {
	g := glyph.Unicode()
	rapid.Check(t, func(t *rapid.T) {
		s, n := rapid.String().Draw(t, "text"), rapid.IntRange(-1, 12).Draw(t, "cells")
		var whole strings.Builder
		for rest := s; rest != ""; {
			head, after := Cut(rest, n, g)
			if w := Width(head, g); w > max(n, 2) {
				t.Fatalf("%q is %d cells, of %d", head, w, n)
			}
			if head == "" {
				t.Fatalf("nothing is taken of %q", rest)
			}
			whole.WriteString(head)
			rest = after
		}
		if whole.String() != s {
			t.Fatalf("%q, want %q", whole.String(), s)
		}
	})
}

func TestCutKeepsGraphemesWhole(t *testing.T) {
	for _, tt := range []struct {
		s    string
		n    int
		head string
	}{
		{"timeout", 4, "time"},
		{"timeout", 7, "timeout"},
		{"größe", 3, "grö"},
		{"日本語", 3, "日"},
		{"e\u0301cole", 1, "e\u0301"},
		{"x", 0, "x"},
	} {
		if head, rest := Cut(tt.s, tt.n, glyph.Unicode()); head != tt.head || head+rest != tt.s {
			t.Errorf("%q in %d: %q and %q, want %q", tt.s, tt.n, head, rest, tt.head)
		}
	}
}
