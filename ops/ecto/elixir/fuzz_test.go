package elixir

import (
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// checkFile holds what is true of every file, broken or not.
func checkFile(t *testing.T, f *File) {
	t.Helper()
	lines := int32(strings.Count(f.Source, "\n") + 1)
	in := func(p Pos) bool {
		return p == Pos{} || p.Line >= 1 && p.Line <= lines && p.Column >= 1 && int(p.Column) <= len(f.Source)+2
	}
	size := int32(len(f.Source))
	depth := 0
	var check func(n *Node)
	check = func(n *Node) {
		if depth++; depth > MaxDepth {
			t.Fatal("the tree is deeper than MaxDepth")
		}
		if !in(n.Pos) || !in(n.Do) || !in(n.End) {
			t.Fatalf("%s %q at %v, do %v, end %v is outside of the file of %d lines", n.Kind, n.Text, n.Pos, n.Do, n.End, lines)
		}
		if n.From < 0 || n.From > n.To || n.To > size {
			t.Fatalf("%s %q at %v stands from %d to %d in a file of %d bytes", n.Kind, n.Text, n.Pos, n.From, n.To, size)
		}
		if n.Fun != nil {
			check(n.Fun)
		}
		for _, a := range n.Args {
			check(a)
		}
		depth--
	}
	check(f.Root)
	for i, c := range f.Comments {
		if !in(c.Pos) || !strings.HasPrefix(c.Text, "#") || strings.Contains(c.Text, "\n") {
			t.Fatalf("comment %q at %v", c.Text, c.Pos)
		}
		if i > 0 && c.Before(f.Comments[i-1].Pos) {
			t.Fatalf("comment %v comes after %v", c.Pos, f.Comments[i-1].Pos)
		}
	}
	for _, e := range f.Errors {
		if !in(e.Pos) || e.Msg == "" {
			t.Fatalf("error %v", e)
		}
	}
}

// checkCode holds that a tree written as fully parenthesised code reads as the same tree.
func checkCode(t *testing.T, f *File) {
	t.Helper()
	first := code(f.Root)
	again, errs := Parse([]byte(first), "")
	if errs != nil {
		t.Fatalf("%v in\n%s\nwhich is\n%s", errs, first, f.Source)
	}
	if second := code(again.Root); second != first {
		t.Fatalf("%s: reads as\n%s\nnot as\n%s\nwhich is\n%s", cmp.Diff(first, second), second, first, f.Source)
	}
}

// canWrite tells whether code can write the tree: the name of an operator, as in +/2, reads as one only right before a /.
func canWrite(n *Node) bool {
	bound := map[*Node]bool{}
	return Find(n, func(m *Node) bool {
		if m.IsCall("/", 2) {
			bound[m.Args[0]] = true
		}
		return m.Kind == Var && (words[m.Text] != 0 || !plainName.MatchString(m.Text)) && !bound[m]
	}) == nil
}

func TestFixturesReadTheSameWithAllParentheses(t *testing.T) {
	for _, file := range fixtures(t) {
		src, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		f, errs := Parse(src, file)
		if errs != nil {
			t.Fatalf("%s: %v", file, errs)
		}
		checkFile(t, f)
		checkCode(t, f)
	}
}

func FuzzParse(f *testing.F) {
	for _, file := range append(fixtures(f), sources(f, "testdata/broken")...) {
		src, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(src)
		for line := range strings.Lines(string(src)) {
			f.Add([]byte(line))
		}
	}
	f.Fuzz(func(t *testing.T, src []byte) {
		file, errs := Parse(src, "fuzz.exs")
		checkFile(t, file)
		file.Quoted()
		if errs == nil && canWrite(file.Root) {
			checkCode(t, file)
		}
	})
}
