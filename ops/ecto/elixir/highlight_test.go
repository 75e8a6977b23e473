package elixir

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const highlighted = `defmodule A.B do # a comment
  @doc false
  # another, "quoted"
  def change do
    alter table(:users), null: not true and 1.5 > ?a do
      add "x#{:y}z", ~s(a)m
    end
    execute """
    SELECT # no comment
    """
  end
end
`

var letters = map[Class]string{
	ClassKeyword: "k", ClassText: "s", ClassComment: "c", ClassNumber: "n", ClassAtom: "a", ClassModule: "m", ClassAttribute: "@",
}

// drawn is what Highlight says of a text, a letter under each character.
func drawn(src string) string {
	b := []byte(strings.Map(func(r rune) rune {
		if r == '\n' {
			return r
		}
		return '.'
	}, src))
	for _, p := range Highlight(src) {
		for i := p.From; i < p.To; i++ {
			if b[i] != '\n' {
				b[i] = letters[p.Class][0]
			}
		}
	}
	return string(b)
}

func TestHighlight(t *testing.T) {
	want := `kkkkkkkkk.m.m.kk.ccccccccccc
..@@@@.aaaaa
..ccccccccccccccccccc
..kkk........kk
................aaaaaa.........kkk.aaaa.kkk.nnn...nn.kk
..........ss..aa.ss..ssssss
....kkk
............sss
sssssssssssssssssssssss
....sss
..kkk
kkk
`
	if d := cmp.Diff(want, drawn(highlighted)); d != "" {
		t.Error(d)
	}
}

func TestHighlightGoesOnBehindWhatIsBroken(t *testing.T) {
	want := "....aa\n.................\n....aa.ccc\n"
	if d := cmp.Diff(want, drawn("x = :a\ny = \"never closed\nz = :b # c\n")); d != "" {
		t.Error(d)
	}
}

func FuzzHighlight(f *testing.F) {
	f.Add(highlighted)
	f.Add("x = \"#{\n\"\"\"\n:é #é")
	f.Fuzz(func(t *testing.T, src string) {
		at := 0
		for _, p := range Highlight(src) {
			if p.From < at || p.To <= p.From || p.To > len(src) {
				t.Fatalf("%+v after %d of %d", p, at, len(src))
			}
			at = p.To
		}
	})
}
