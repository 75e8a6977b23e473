// Package golden compares frames with files: the text as it stands, and below it which look each stretch has. The
// environment variable UPDATE_GOLDEN=1 writes the files anew; they are reviewed like code.
package golden

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/charmbracelet/x/ansi"
	"github.com/google/go-cmp/cmp"
)

// Frame compares a frame with testdata/NAME.golden.
func Frame(t testing.TB, name string, lines []string) {
	t.Helper()
	File(t, filepath.Join("testdata", name+".golden"), Text(lines)+"\n"+Looks(lines))
}

// File compares a text with a file.
func File(t testing.TB, path, got string) {
	t.Helper()
	if os.Getenv("UPDATE_GOLDEN") != "" {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatalf("%v (UPDATE_GOLDEN=1 writes it)", err)
	}
	if d := cmp.Diff(strings.Split(string(want), "\n"), strings.Split(got, "\n")); d != "" {
		t.Errorf("%s differs (-want +got); UPDATE_GOLDEN=1 accepts it:\n%s", path, d)
	}
}

// Text is the frame without its looks, a line each, with a bar at both ends so that blanks are seen.
func Text(lines []string) string {
	var b strings.Builder
	for _, l := range lines {
		b.WriteString("|" + ansi.Strip(l) + "|\n")
	}
	return b.String()
}

// Looks is the frame's looks by line, in stretches of cells: "0: 3×a 5×b", and what each letter stands for.
func Looks(lines []string) string {
	var b, legend strings.Builder
	names := map[string]string{}
	name := func(sgr string) string {
		n, ok := names[sgr]
		if !ok {
			n = letters(len(names))
			names[sgr] = n
			fmt.Fprintf(&legend, "%s = %s\n", n, sgr)
		}
		return n
	}
	for y, l := range lines {
		fmt.Fprintf(&b, "%d:", y)
		look, run := "", 0
		flush := func() {
			if run > 0 {
				fmt.Fprintf(&b, " %d×%s", run, name(look))
			}
			run = 0
		}
		for l != "" {
			seq, width, n, _ := ansi.GraphemeWidth.DecodeSequenceInString(l, 0, nil)
			if width == 0 && strings.HasPrefix(seq, "\x1b[") {
				if next := strings.Trim(seq, "\x1b[m"); next != look {
					flush()
					look = next
				}
			}
			run += width
			l = l[n:]
		}
		flush()
		b.WriteByte('\n')
	}
	return b.String() + legend.String()
}

// letters counts a, b, … z, aa, ab, …
func letters(n int) string {
	s := string(rune('a' + n%26))
	if n >= 26 {
		return letters(n/26-1) + s
	}
	return s
}
