package glyph

import (
	"reflect"
	"testing"

	"github.com/charmbracelet/x/ansi"
)

// wide holds the fields that may take more than one cell in ASCII.
var wide = map[string]bool{"Ellipsis": true, "Enter": true, "Left": true}

func TestEveryGlyphIsOneCellByBothWaysOfMeasuring(t *testing.T) {
	for name, set := range map[string]*Set{"unicode": Unicode(), "blocks": Blocks(), "ascii": ASCII()} {
		v := reflect.ValueOf(*set)
		for i := range v.NumField() {
			f := v.Type().Field(i)
			var ss []string
			switch x := v.Field(i).Interface().(type) {
			case string:
				ss = []string{x}
			case []string:
				ss = x
			case [4]string:
				ss = x[:]
			default:
				continue
			}
			if len(ss) == 0 {
				t.Errorf("%s: %s is empty", name, f.Name)
			}
			for _, s := range ss {
				if s == "" {
					t.Errorf("%s: %s has an empty shape", name, f.Name)
				}
				if set.ASCII && wide[f.Name] {
					continue
				}
				if g, w := ansi.StringWidth(s), ansi.StringWidthWc(s); g != 1 || w != 1 {
					t.Errorf("%s: %s %q is %d cells by grapheme, %d by rune, want 1", name, f.Name, s, g, w)
				}
			}
			for _, s := range ss {
				for _, r := range s {
					if set.ASCII && r > 0x7e {
						t.Errorf("%s: %s %q is not ASCII", name, f.Name, s)
					}
				}
			}
		}
	}
}

func TestChooseFollowsTheLocaleAndTheTerminal(t *testing.T) {
	for _, c := range []struct {
		mode  string
		env   map[string]string
		ascii bool
	}{
		{"auto", map[string]string{"TERM": "xterm-256color", "LANG": "en_US.UTF-8"}, false},
		{"", map[string]string{"TERM": "tmux-256color", "LC_ALL": "C.utf8"}, false},
		{"auto", map[string]string{"TERM": "xterm", "LC_ALL": "C", "LANG": "en_US.UTF-8"}, true},
		{"auto", map[string]string{"TERM": "xterm", "LC_CTYPE": "UTF-8", "LANG": "C"}, false},
		{"auto", map[string]string{"TERM": "xterm"}, true},
		{"auto", map[string]string{"TERM": "linux", "LANG": "en_US.UTF-8"}, true},
		{"auto", map[string]string{"TERM": "vt220", "LANG": "en_US.UTF-8"}, true},
		{"unicode", nil, false},
		{"ascii", map[string]string{"TERM": "xterm", "LANG": "en_US.UTF-8"}, true},
	} {
		got, err := Choose(c.mode, func(k string) string { return c.env[k] })
		if err != nil {
			t.Fatal(err)
		}
		if got.ASCII != c.ascii {
			t.Errorf("Choose(%q, %v) ascii = %v, want %v", c.mode, c.env, got.ASCII, c.ascii)
		}
	}
	if _, err := Choose("emoji", func(string) string { return "" }); err == nil {
		t.Error("an unknown mode was accepted")
	}
}
