package menu

import (
	"fmt"
	"strings"
	"testing"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"
	"pgregory.net/rapid"

	"ops-console/tui/glyph"
	"ops-console/tui/pane"
)

func items(n int) []Item {
	out := make([]Item, n)
	for i := range out {
		out[i] = Item{Section: fmt.Sprint("section ", i/3), Key: fmt.Sprint(i), Text: fmt.Sprintf("item %c", 'a'+i%26), Note: "note"}
	}
	return out
}

func press(m *Menu, keys ...rune) {
	for _, k := range keys {
		msg := tea.KeyPressMsg{Code: k}
		if k < 0x80 {
			msg.Text = string(k)
		}
		m.Key(msg)
	}
}

func TestTypingNarrowsAndArrowsChoose(t *testing.T) {
	m := New("Things", items(10))
	press(m, tea.KeyDown, tea.KeyDown)
	if i, _ := m.Choice(); i != 2 {
		t.Errorf("choice %d, want 2", i)
	}
	press(m, 'm', ' ', 'c')
	if i, ok := m.Choice(); !ok || i != 2 {
		t.Errorf("choice %d %v, want 2", i, ok)
	}
	press(m, 'z', 'z', 'z')
	if _, ok := m.Choice(); ok {
		t.Error("nothing matches, but something is chosen")
	}
	if got := ansi.Strip(strings.Join(m.View(&pane.Env{Glyphs: glyph.Unicode()}, 40, 10), "\n")); !strings.Contains(got, "nothing matches") {
		t.Errorf("got:\n%s", got)
	}
}

func TestEveryViewIsExactAndShowsTheChoice(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := New("Things", items(rapid.IntRange(0, 40).Draw(t, "n")))
		for range rapid.IntRange(0, 10).Draw(t, "steps") {
			switch rapid.IntRange(0, 3).Draw(t, "what") {
			case 0:
				m.Move(rapid.IntRange(-50, 50).Draw(t, "by"))
			case 1:
				press(m, rapid.SampledFrom([]rune{'a', 'e', tea.KeyBackspace, tea.KeyHome, tea.KeyEnd, tea.KeyPgDown}).Draw(t, "key"))
			case 2:
				m.Click(rapid.IntRange(-1, 40).Draw(t, "y"))
			case 3:
				m.Paste(rapid.SampledFrom([]string{"item", "\x1b[2J", "日本"}).Draw(t, "text"))
			}
			w, h := rapid.IntRange(1, 100).Draw(t, "w"), rapid.IntRange(0, 40).Draw(t, "h")
			lines := m.View(&pane.Env{Glyphs: glyph.Unicode()}, w, h)
			if len(lines) > h {
				t.Fatalf("%d lines, want at most %d", len(lines), h)
			}
			marked := false
			for _, l := range lines {
				if got := ansi.StringWidth(l); got != w {
					t.Fatalf("%q is %d cells, want %d", l, got, w)
				}
				marked = marked || strings.HasPrefix(l, "▌")
			}
			if _, ok := m.Choice(); ok && h > 2 && !marked {
				t.Fatalf("the choice is not on the screen:\n%s", strings.Join(lines, "\n"))
			}
		}
	})
}

func TestClickChoosesTheLineItIsOn(t *testing.T) {
	m := New("Things", items(9))
	m.View(&pane.Env{Glyphs: glyph.Unicode()}, 40, 20)
	if m.Click(2) {
		t.Error("a heading was chosen")
	}
	if !m.Click(7) {
		t.Fatal("an item was not chosen")
	}
	if i, _ := m.Choice(); i != 3 {
		t.Errorf("choice %d, want 3", i)
	}
}
