package elixir

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// outline is what a reader of a file sees of its definitions.
func outline(f *File) []string {
	var out []string
	var list func(nodes []*Node, indent string)
	list = func(nodes []*Node, indent string) {
		for _, n := range nodes {
			text := n.Name()
			switch d, ok := n.Def(); {
			case n.Kind == Broken:
				text = "broken: " + n.Text
			case ok:
				text += " " + d.Name
			case n.IsCall("@", 1):
				text += n.Args[0].Name()
			}
			out = append(out, indent+n.Pos.String()+" "+text)
			if n.IsCall("defmodule", 2) || n.Name() == "defimpl" {
				list(n.Body(), indent+"  ")
			}
		}
	}
	list(f.Exprs(), "")
	for _, e := range f.Errors {
		out = append(out, "error "+e.Error()+" in "+e.In)
	}
	for _, c := range f.Comments {
		next := "nothing"
		if c.Next != nil {
			next = c.Next.Pos.String()
		}
		out = append(out, "comment "+c.Pos.String()+" before "+next)
	}
	return out
}

// TestBrokenFilesCostOneDefinition reads every file of testdata/broken and compares what is left of it with the outline
// beside it.
func TestBrokenFilesCostOneDefinition(t *testing.T) {
	files := sources(t, filepath.Join("testdata", "broken"))
	if len(files) == 0 {
		t.Fatal("no broken files")
	}
	for _, file := range files {
		src, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		f, errs := Parse(src, file)
		if len(errs) == 0 {
			t.Errorf("%s: no error", file)
		}
		got := strings.Join(outline(f), "\n") + "\n"
		name := strings.TrimSuffix(file, ".exs") + ".outline"
		if os.Getenv("UPDATE_GOLDEN") != "" {
			if err := os.WriteFile(name, []byte(got), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(want), got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", file, diff)
		}
	}
}
