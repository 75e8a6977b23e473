package plaintext

import (
	"strings"
	"testing"
)

func TestWorkIsBoundedByWhatIsAskedFor(t *testing.T) {
	hostile := map[string]string{
		"spaces":         strings.Repeat(" ", 10<<20),
		"newlines":       strings.Repeat("\n", 10<<20),
		"open strings":   strings.Repeat("\x1b]", 5<<20),
		"open strings 8": strings.Repeat("\u009d", 5<<20),
		"one string":     "\x1b]" + strings.Repeat("x", 10<<20),
		"one CSI":        "\x1b[" + strings.Repeat("1;", 5<<20),
		"marks":          "a" + strings.Repeat("\u0301", 5<<20),
		"invisible":      strings.Repeat("\u200b", 3<<20),
		"invalid":        strings.Repeat("\xff", 10<<20),
	}
	const runes = 80
	for name, s := range hostile {
		t.Run(name, func(t *testing.T) {
			c := newCleaner(s, runes)
			for {
				if _, ok := c.next(); !ok {
					break
				}
			}
			if bound := 64*runes + 2*maxString; c.pos > bound {
				t.Errorf("looked at %d bytes, want at most %d", c.pos, bound)
			}
			if !c.cut {
				t.Error("stopped early without noting it")
			}
			for _, out := range []string{Line(s, runes), Block(s, 10, runes)} {
				if !strings.HasSuffix(out, string(ellipsis)) {
					t.Errorf("%q does not say that it was cut", out)
				}
			}
		})
	}
}
