package plaintext_test

import (
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"ops-console/ops/plaintext"
)

func TestLine(t *testing.T) {
	tests := []struct{ name, in, want string }{
		{"plain", "iad-1", "iad-1"},
		{"empty", "", ""},
		{"only space", " \t\n ", ""},
		{"trimmed", "  a b \n", "a b"},
		{"line breaks", "a\nb\r\nc\rd\te\vf\fg\u0085h\u2028i\u2029j", "a b c d e f g h i j"},
		{"colour", "\x1b[31mred\x1b[0m", "red"},
		{"colour, eight bit", "\u009b31mred\u009b0m", "red"},
		{"colour with colons", "\x1b[38:2::255:0:0mred", "red"},
		{"private CSI", "a\x1b[?1049hb\x1b[>0qc", "abc"},
		{"CSI with intermediates", "a\x1b[0 qb\x1b[!pc", "abc"},
		{"cursor", "a\x1b[2J\x1b[Hb", "ab"},
		{"CSI cut by ESC", "a\x1b[12\x1b[31mb", "ab"},
		{"CSI cut by text", "a\x1b[12\u00e9", "aé"},
		{"CSI at the end", "a\x1b[", "a"},
		{"ESC at the end", "a\x1b", "a"},
		{"title, BEL", "a\x1b]0;evil\x07b", "ab"},
		{"title, ST", "a\x1b]0;evil\x1b\\b", "ab"},
		{"title, eight bit", "a\u009d0;evil\u009cb", "ab"},
		{"link", "\x1b]8;;http://evil.example/\x1b\\text\x1b]8;;\x1b\\", "text"},
		{"clipboard", "\x1b]52;c;ZXZpbA==\x07a", "a"},
		{"sixel", "a\x1bPq#0;2;0;0;0\x1b\\b", "ab"},
		{"kitty graphics", "a\x1b_Gf=24;AAAA\x1b\\b", "ab"},
		{"privacy message", "a\x1b^x\x1b\\b", "ab"},
		{"start of string", "a\x1bXx\x1b\\b", "ab"},
		{"unterminated title hides nothing", "a\x1b]0;the error is here", "a0;the error is here"},
		{"string cut by another", "a\x1b]0;x\x1b[31my", "a0;xy"},
		{"string cut by CAN", "a\x1b]0;x\x18y", "a0;xy"},
		{"reset", "a\x1bcb", "ab"},
		{"charset", "a\x1b(0b", "ab"},
		{"double height", "a\x1b#3b", "ab"},
		{"save, restore", "\x1b7a\x1b8", "a"},
		{"keypad", "a\x1b=b\x1b>", "ab"},
		{"C0", "a\x00b\x07c\x08d\x0ee\x7f", "abcde"},
		{"C1", "a\u0080b\u0084c\u008dd\u0099e", "abcde"},
		{"raw eight bit", "a\x9b31mb", "a\ufffd31mb"},
		{"invalid", "a\xff\xfe\xfdb\xc3", "a\ufffdb\ufffd"},
		{"surrogate", "a\xed\xa0\x80b", "a\ufffdb"},
		{"overlong", "a\xc0\xafb", "a\ufffdb"},
		{"bidi", "a\u202eb\u2066c\u2069d\u200ee\u061cf", "abcdef"},
		{"zero width", "a\u200bb\u200cc\u200dd\u2060e\ufefff\u00adg\u034fh", "abcdefgh"},
		{"variation", "☁\ufe0f\u2764\ufe0e a\U000e0100", "☁❤ a"},
		{"tags", "a\U000e0041\U000e007fb", "ab"},
		{"fillers", "a\u115fb\u3164c\uffa0d\u17b4e\u180ef", "abcdef"},
		{"interlinear", "a\ufff9b\ufffac\ufffb", "abc"},
		{"spaces", "a\u00a0b\u3000c\u2007d", "a b c d"},
		{"private use", "a\ue0b0b\U000f0000", "a\ufffdb\ufffd"},
		{"noncharacter", "a\uffffb\ufdd0", "a\ufffdb\ufffd"},
		{"marks", "e\u0301\u0327\u0300\u0300\u0300x", "e\u0301\u0327x"},
		{"marks across invisibles", "e\u0301\u200b\u0301\u200b\u0301", "e\u0301\u0301"},
		{"mark without base", "\u0301a \u0301b", "a b"},
		{"jamo", "\u1100\u1161\u1161\u1161\u1161", "\u1100\u1161\u1161"},
		{"wide", "日本語 한국어 👍", "日本語 한국어 👍"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, plaintext.Line(tt.in, 80)); diff != "" {
				t.Errorf("Line(%q) (-want +got):\n%s", tt.in, diff)
			}
		})
	}
}

func TestLineEndsInAnEllipsis(t *testing.T) {
	tests := []struct {
		in   string
		max  int
		want string
	}{
		{"abcdef", 6, "abcdef"},
		{"abcdef", 5, "abcd…"},
		{"abcdef   ", 6, "abcdef"},
		{"abc   def", 6, "abc…"},
		{"abc", 1, "…"},
		{"a", 1, "a"},
		{"abc", 0, ""},
		{"abc", -1, ""},
		{"ééééé", 5, "ééééé"},
		{"éééééé", 5, "éééé…"},
		{"abcd\x1b[31mef", 5, "abcd…"},
		{"abcde\x1b[31m", 5, "abcde"},
	}
	for _, tt := range tests {
		if got := plaintext.Line(tt.in, tt.max); got != tt.want {
			t.Errorf("Line(%q, %d) = %q, want %q", tt.in, tt.max, got, tt.want)
		}
	}
}

func TestBlock(t *testing.T) {
	tests := []struct {
		name         string
		in           string
		lines, runes int
		want         string
	}{
		{"lines stay", "a\nb\n", 9, 99, "a\nb"},
		{"indentation stays", "a\n  b\n\tc  \n", 9, 99, "a\n  b\n c"},
		{"blank ends go", "\n \n\na\n\nb\n\n\n", 9, 99, "a\n\nb"},
		{"first indentation stays", "\n  a", 9, 99, "  a"},
		{"too many lines", "a\nb\nc\nd", 3, 99, "a\nb\nc…"},
		{"exactly enough lines", "a\nb\nc\n\n\n", 3, 99, "a\nb\nc"},
		{"too many runes", "abc\ndef", 9, 5, "abc…"},
		{"one line", "a\nb", 1, 99, "a…"},
		{"sequence over lines", "a\x1b]0;x\ny\x07b", 9, 99, "ab"},
		{"nothing", "a", 0, 9, ""},
		{"no room", "a", 9, 0, ""},
		{"separators", "a\u2028b\u2029c\u0085d\r\ne", 9, 99, "a\nb\nc\nd\ne"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, plaintext.Block(tt.in, tt.lines, tt.runes)); diff != "" {
				t.Errorf("Block(%q, %d, %d) (-want +got):\n%s", tt.in, tt.lines, tt.runes, diff)
			}
		})
	}
}

// check holds for every input and every limit.
func check(t *testing.T, in string, lines, runes int) {
	t.Helper()
	line, block := plaintext.Line(in, runes), plaintext.Block(in, lines, runes)
	safe(t, "line", in, line)
	safe(t, "block", in, strings.ReplaceAll(block, "\n", ""))
	if n := utf8.RuneCountInString(line); n > max(runes, 0) {
		t.Errorf("Line(%q, %d) has %d runes", in, runes, n)
	}
	if n := utf8.RuneCountInString(block); n > max(runes, 0) {
		t.Errorf("Block(%q, %d, %d) has %d runes", in, lines, runes, n)
	}
	if n := strings.Count(block, "\n") + 1; n > max(lines, 1) {
		t.Errorf("Block(%q, %d, %d) has %d lines", in, lines, runes, n)
	}
	if again := plaintext.Line(line, runes); again != line {
		t.Errorf("Line(%q, %d) is %q, and of that %q", in, runes, line, again)
	}
	if again := plaintext.Block(block, lines, runes); again != block {
		t.Errorf("Block(%q, %d, %d) is %q, and of that %q", in, lines, runes, block, again)
	}
}

func safe(t *testing.T, what, in, out string) {
	t.Helper()
	if !utf8.ValidString(out) {
		t.Errorf("%s of %q is not UTF-8: %q", what, in, out)
	}
	marks := 0
	for _, r := range out {
		if !unicode.IsPrint(r) || unicode.In(r, unicode.C, unicode.Variation_Selector) {
			t.Errorf("%s of %q holds %U: %q", what, in, r, out)
		}
		if unicode.Is(unicode.M, r) {
			marks++
		} else {
			marks = 0
		}
		if marks > 2 {
			t.Errorf("%s of %q piles up marks: %q", what, in, out)
		}
	}
}

func FuzzPlain(f *testing.F) {
	for _, s := range []string{
		"", "a", " a\n", "\x1b[31mred\x1b[0m", "\x1b]0;t\x07x", "\x1bPq\x1b\\", "\u009b1m", "\u202e", "e\u0301\u0301\u0301",
		"a \u0301", "\xff\x9b", "\U000e0041", "\ue000", "a\r\n\r b\t", "\u1100\u1161\u1161\u1161", "\x1b\x1b[[", "…", "\x1b]\x1b]\x07",
	} {
		f.Add(s, 3, 5)
		f.Add(s, 1, 1)
	}
	f.Fuzz(func(t *testing.T, s string, lines, runes int) {
		check(t, s, lines%64, runes%256)
	})
}

func BenchmarkLine(b *testing.B) {
	for name, s := range map[string]string{
		"ascii":   "servicecheck-00-http-4000",
		"colours": strings.Repeat("\x1b[31mx\x1b[0m", 40),
		"10MB":    strings.Repeat("日本", 2<<20),
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				plaintext.Line(s, 80)
			}
		})
	}
}
