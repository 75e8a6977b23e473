package lines

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func TestSplit(t *testing.T) {
	for text, want := range map[string][]string{
		"":            nil,
		"a":           {"a"},
		"a\n":         {"a\n"},
		"a\r\n\nb":    {"a\r\n", "\n", "b"},
		"\n\n":        {"\n", "\n"},
		"a\rb\nc\n":   {"a\rb\n", "c\n"},
		"a\x00\n\xff": {"a\x00\n", "\xff"},
	} {
		if diff := cmp.Diff(want, Split(text)); diff != "" {
			t.Errorf("%q: %s", text, diff)
		}
	}
}

func TestChanges(t *testing.T) {
	for _, c := range []struct {
		name, a, b string
		want       []Change
	}{
		{"nothing", "a b c", "a b c", nil},
		{"from nothing", "", "a b", []Change{{0, 0, 0, 2}}},
		{"to nothing", "a b", "", []Change{{0, 2, 0, 0}}},
		{"one line", "a b c", "a x c", []Change{{1, 1, 1, 1}}},
		{"a block that repeats goes to its end", "a { } { } b", "a { } { } { } b", []Change{{5, 0, 5, 2}}},
		{"slid to meet the other side's change", "a x end y", "a x end z end y", []Change{{3, 0, 3, 2}}},
		{"two changes", "a b c d e", "b c X d e f", []Change{{0, 1, 0, 0}, {3, 0, 2, 1}, {5, 0, 5, 1}}},
	} {
		if diff := cmp.Diff(c.want, Changes(strings.Fields(c.a), strings.Fields(c.b))); diff != "" {
			t.Errorf("%s: %s", c.name, diff)
		}
	}
}

func TestChangesTurnOneTextIntoTheOther(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := edited(t)
		if got := apply(a, b, Changes(a, b)); got != strings.Join(b, "") {
			t.Errorf("%q to %q: %q", a, b, got)
		}
	})
}

func TestReadableChangesBeginWhereBlocksDo(t *testing.T) {
	code := func(names ...string) []string {
		var b strings.Builder
		for _, n := range names {
			fmt.Fprintf(&b, "  def %s do\n    :ok\n  end\n\n", n)
		}
		return Split(b.String() + "end\n")
	}
	a, b := code("one", "three"), code("one", "two", "three")
	if diff := cmp.Diff([]Change{{4, 0, 4, 4}}, Readable(a, b)); diff != "" {
		t.Error(diff)
	}
}

func TestReadableChangesAreGits(t *testing.T) {
	git := newGit(t)
	rapid.Check(t, func(t *rapid.T) {
		line := rapid.SampledFrom([]string{"", "", " ", "a", "  a", "  b", "    c", "\td", "  end", "end", "\r"})
		a := rapid.SliceOfN(line, 0, 40).Draw(t, "a")
		var b []string
		for i := 0; i < len(a); {
			n := min(rapid.IntRange(1, 9).Draw(t, "run"), len(a)-i)
			switch rapid.IntRange(0, 3).Draw(t, "edit") {
			case 0:
			case 1:
				b = append(append(b, a[i:i+n]...), a[i:i+n]...)
			default:
				b = append(b, a[i:i+n]...)
			}
			i += n
		}
		git.check(t, Split(strings.Join(a, "\n")), Split(strings.Join(b, "\n")))
	})
}

func TestChangesAreGits(t *testing.T) {
	git := newGit(t)
	rapid.Check(t, func(t *rapid.T) {
		a, b := edited(t)
		git.check(t, a, b)
	})
}

// Texts so large and so different that the search gives up on the shortest answer.
func TestChangesOfLargeTextsAreGits(t *testing.T) {
	git := newGit(t)
	for seed := range uint64(24) {
		r := rand.New(rand.NewPCG(seed, 7))
		words := []int{2, 5, 40, 400, 5000}[seed%5]
		text := func(n int) []string {
			ll := make([]string, n)
			for i := range ll {
				ll[i] = strconv.Itoa(r.IntN(words)) + "\n"
			}
			return ll
		}
		a := text(800 + r.IntN(2500))
		b := text(r.IntN(400))
		for i := 0; i < len(a); {
			n := min(1+r.IntN(60), len(a)-i)
			switch r.IntN(4) {
			case 0:
				b = append(b, text(r.IntN(40))...)
			case 1:
			default:
				b = append(b, a[i:i+n]...)
			}
			i += n
		}
		git.check(t, a, b)
	}
}

// Texts that are mostly the same, with many lines that moved: the search stops at a path that has come far, which it does
// from 65,536 lines on, both texts together.
func TestChangesOfTextsWithManyMovedLinesAreGits(t *testing.T) {
	git := newGit(t)
	for seed := range uint64(6) {
		r := rand.New(rand.NewPCG(seed, 11))
		n := 38_000 + r.IntN(8000)
		a := make([]string, n)
		for i := range a {
			a[i] = fmt.Sprintf("line %d\n", r.IntN(3*n))
		}
		b := append([]string(nil), a...)
		apart := []int{12, 19, 21, 23}[seed/2%4]
		for i := r.IntN(apart); i < len(b); i += apart + r.IntN(4) {
			switch r.IntN(3) {
			case 0:
				b[i] = a[r.IntN(n)]
			case 1:
				b[i], b[r.IntN(len(b))] = b[r.IntN(len(b))], b[i]
			default:
				b = append(b[:i], b[i+1:]...)
			}
		}
		if seed%2 == 0 {
			b = append(b, a[n/2:n/2+n/5]...)
		} else {
			b = append(append([]string(nil), a[n/3:n/3+n/5]...), b...)
		}
		git.check(t, a, b)
	}
}

// Texts with little in common but lines such as "end": those go with their neighbours, or stay.
func TestChangesOfTextsWithCommonLinesAreGits(t *testing.T) {
	git := newGit(t)
	for seed := range uint64(40) {
		r := rand.New(rand.NewPCG(seed, 13))
		share := 15 + r.IntN(20) // percent of common lines
		text := func(own string) []string {
			var ll []string
			for i := range 300 + r.IntN(900) {
				switch n := r.IntN(1000); {
				case n < 10*share:
					ll = append(ll, []string{"end\n", "\n", "  end\n"}[r.IntN(1+int(seed%3))])
				case n > 1000-int(seed%7):
					ll = append(ll, fmt.Sprintf("both %d\n", i/20))
				default:
					ll = append(ll, fmt.Sprintf("%s %d\n", own, i))
				}
			}
			return ll
		}
		git.check(t, text("a"), text("b"))
	}
}

// edited draws two texts that have some lines in common, of a small vocabulary, so that much repeats.
func edited(t *rapid.T) (a, b []string) {
	vocabulary := rapid.SampledFrom([]int{2, 3, 6, 30}).Draw(t, "vocabulary")
	text := func(label string) []string {
		var ll []string
		for _, n := range rapid.SliceOfN(rapid.IntRange(0, vocabulary), 0, 30).Draw(t, label) {
			ll = append(ll, strconv.Itoa(n)+"\n")
		}
		return ll
	}
	a = text("a")
	for i := 0; i < len(a); {
		n := min(rapid.IntRange(1, 8).Draw(t, "run"), len(a)-i)
		switch rapid.IntRange(0, 3).Draw(t, "edit") {
		case 0:
			b = append(b, text("instead")...)
		case 1:
			b = append(append(b, text("before")...), a[i:i+n]...)
		default:
			b = append(b, a[i:i+n]...)
		}
		i += n
	}
	cut := func(ll []string, label string) {
		if len(ll) > 0 && rapid.Bool().Draw(t, label) {
			ll[len(ll)-1] = strings.TrimSuffix(ll[len(ll)-1], "\n")
		}
	}
	a, b = append([]string(nil), a...), append([]string(nil), b...)
	cut(a, "a's last line is open")
	cut(b, "b's last line is open")
	return a, b
}

func apply(a, b []string, cc []Change) string {
	var out strings.Builder
	i := 0
	for _, c := range cc {
		out.WriteString(strings.Join(a[i:c.Old], ""))
		out.WriteString(strings.Join(b[c.New:c.New+c.Added], ""))
		i = c.Old + c.Removed
	}
	out.WriteString(strings.Join(a[i:], ""))
	return out.String()
}

// git asks the real one.
type git struct{ dir string }

func newGit(t *testing.T) git {
	t.Helper()
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("git is not installed: apt-get install git")
	}
	return git{t.TempDir()}
}

var header = regexp.MustCompile(`(?m)^@@ -(\d+)(?:,(\d+))? \+(\d+)(?:,(\d+))? @@`)

type failer interface {
	Helper()
	Fatal(...any)
	Errorf(string, ...any)
}

func (g git) check(t failer, a, b []string) {
	t.Helper()
	for name, ll := range map[string][]string{"a": a, "b": b} {
		if err := os.WriteFile(filepath.Join(g.dir, name), []byte(strings.Join(ll, "")), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for flag, got := range map[string][]Change{"--no-indent-heuristic": Changes(a, b), "--indent-heuristic": Readable(a, b)} {
		cmd := exec.Command("git", "diff", "--no-index", flag, "--diff-algorithm=myers", "-U0", "a", "b")
		cmd.Dir = g.dir
		cmd.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_NOSYSTEM=1")
		out, err := cmd.Output()
		if exit := (*exec.ExitError)(nil); err != nil && (!errors.As(err, &exit) || exit.ExitCode() != 1) {
			t.Fatal(err)
		}
		var want []Change
		for _, m := range header.FindAllStringSubmatch(string(out), -1) {
			var c Change
			c.Old, c.Removed = span(m[1], m[2])
			c.New, c.Added = span(m[3], m[4])
			want = append(want, c)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s, %d against %d lines: %s", flag, len(a), len(b), diff)
		}
	}
}

// span reads a range of a hunk's header: counted from 1, and an empty one names the line before it.
func span(at, n string) (int, int) {
	length := 1
	if n != "" {
		length, _ = strconv.Atoi(n)
	}
	start, _ := strconv.Atoi(at)
	if length > 0 {
		start--
	}
	return start, length
}

func FuzzChanges(f *testing.F) {
	f.Add("a\nb\nc\n", "a\nc\nd")
	f.Add("", "\n")
	f.Fuzz(func(t *testing.T, x, y string) {
		a, b := Split(x), Split(y)
		cc := Changes(a, b)
		if got := apply(a, b, cc); got != y {
			t.Errorf("got %q, want %q", got, y)
		}
		if got := apply(a, b, Readable(a, b)); got != y {
			t.Errorf("readable: got %q, want %q", got, y)
		}
		for i, c := range cc {
			if c.Removed+c.Added == 0 || i > 0 && cc[i-1].Old+cc[i-1].Removed >= c.Old {
				t.Errorf("%+v of %+v", c, cc)
			}
		}
	})
}

func BenchmarkChanges(b *testing.B) {
	for _, n := range []int{100, 1000, 10_000} {
		r := rand.New(rand.NewPCG(1, 2))
		var x, y []string
		for i := range n {
			l := fmt.Sprintf("line %d\n", r.IntN(n))
			if r.IntN(10) > 0 {
				x = append(x, l)
			}
			if r.IntN(10) > 0 {
				y = append(y, l)
			}
			if i%17 == 0 {
				y = append(y, "\n")
			}
		}
		b.Run(strconv.Itoa(n), func(b *testing.B) {
			for b.Loop() {
				Changes(x, y)
			}
		})
	}
}
