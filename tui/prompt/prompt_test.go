package prompt

import (
	"testing"
	"unicode/utf8"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"
	"pgregory.net/rapid"

	"ops-console/tui/glyph"
	"ops-console/tui/paint"
)

func key(s string) tea.KeyPressMsg {
	named := map[string]rune{"left": tea.KeyLeft, "right": tea.KeyRight, "home": tea.KeyHome, "end": tea.KeyEnd, "backspace": tea.KeyBackspace, "delete": tea.KeyDelete}
	if c, ok := named[s]; ok {
		return tea.KeyPressMsg{Code: c}
	}
	if len(s) == 6 && s[:5] == "ctrl+" {
		return tea.KeyPressMsg{Code: rune(s[5]), Mod: tea.ModCtrl}
	}
	return tea.KeyPressMsg{Code: []rune(s)[0], Text: s}
}

func TestEditing(t *testing.T) {
	for _, c := range []struct {
		keys []string
		want string
	}{
		{[]string{"a", "b", "left", "x"}, "axb"},
		{[]string{"a", "ä", "backspace", "b"}, "ab"},
		{[]string{"a", "b", "home", "delete"}, "b"},
		{[]string{"a", " ", "b", "ctrl+w", "c"}, "a c"},
		{[]string{"a", "b", "ctrl+u"}, ""},
		{[]string{"a", "b", "left", "ctrl+k"}, "a"},
		{[]string{"backspace", "delete", "left", "right", "end"}, ""},
	} {
		var p Prompt
		for _, k := range c.keys {
			if !p.Key(key(k)) {
				t.Errorf("%q is no key for editing", k)
			}
		}
		if p.Text() != c.want {
			t.Errorf("%v gives %q, want %q", c.keys, p.Text(), c.want)
		}
	}
	var p Prompt
	if p.Key(tea.KeyPressMsg{Code: 'x', Mod: tea.ModAlt}) || p.Key(tea.KeyPressMsg{Code: tea.KeyF1}) {
		t.Error("a key that types nothing was taken")
	}
}

func TestPastingKeepsOneVisibleLine(t *testing.T) {
	var p Prompt
	p.Insert("\r\nfirst\x1b[31m\nsecond")
	if got, want := p.Text(), "first[31m"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	p.Set(string(make([]byte, 1<<20)))
	if p.Text() != "" {
		t.Error("control characters were kept")
	}
}

func TestWhateverIsTypedTheLineIsExact(t *testing.T) {
	keys := []string{"a", "日", "e", "\u0301", "👩‍👩‍👧", "left", "right", "home", "end", "backspace", "delete", "ctrl+w", "ctrl+u", "ctrl+k", " "}
	rapid.Check(t, func(t *rapid.T) {
		var p Prompt
		for range rapid.IntRange(0, 40).Draw(t, "n") {
			p.Key(key(rapid.SampledFrom(keys).Draw(t, "key")))
			if !utf8.ValidString(p.Text()) || p.at > len(p.Text()) {
				t.Fatalf("%q at %d", p.Text(), p.at)
			}
		}
		n := rapid.IntRange(0, 30).Draw(t, "cells")
		l := paint.New(nil, glyph.Unicode(), n+5)
		p.Draw(l, n, p.Text()+"ghost")
		if l.X() != n {
			t.Fatalf("drawn in %d cells, want %d", l.X(), n)
		}
		if got := ansi.StringWidth(l.String()); got != n+5 {
			t.Fatalf("line of %d cells, want %d", got, n+5)
		}
	})
}
