package source

import (
	"strings"
	"testing"

	"github.com/charmbracelet/colorprofile"
	"github.com/charmbracelet/x/ansi"
	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"ops-console/themes"
	"ops-console/tui/glyph"
	"ops-console/tui/golden"
	"ops-console/tui/paint"
)

const migration = `defmodule Shop.Repo.Migrations.AddSlug do
  use Ecto.Migration

  @disable_ddl_transaction true

  # The slug is filled in later.
  def change do
    alter table(:products) do
      add :slug, :string, null: true, size: 80
    end

    execute """
    CREATE INDEX CONCURRENTLY products_slug ON products (slug)
    """
  end
end
`

func frame(th *themes.Theme, t *Text, w int) []string {
	var out []string
	l := paint.New(th, glyph.Unicode(), w)
	for n := range t.Len() {
		l.Reset(w)
		t.Draw(l, n+1, 0)
		out = append(out, l.String())
	}
	return out
}

func TestElixirInColours(t *testing.T) {
	f, err := themes.Load("catppuccin-mocha", nil)
	if err != nil {
		t.Fatal(err)
	}
	golden.Frame(t, "elixir", frame(f.Compile(colorprofile.TrueColor), Elixir(migration), 60))
}

func TestLinesAndCells(t *testing.T) {
	s := Plain("one\r\n\tzwö é\n\nlast")
	if d := cmp.Diff([]string{"one", "\tzwö é", "", "last", "", ""}, []string{s.Line(1), s.Line(2), s.Line(3), s.Line(4), s.Line(5), s.Line(0)}); d != "" || s.Len() != 4 {
		t.Errorf("%d lines: %s", s.Len(), d)
	}
	for column, want := range map[int]int{1: 0, 2: 1, 5: 4, 9: 8} {
		if got := s.Cells(glyph.Unicode(), 2, column); got != want {
			t.Errorf("column %d is behind %d cells, want %d", column, got, want)
		}
	}
}

func TestALineCanBeginFurtherRight(t *testing.T) {
	s := Elixir("  add :größe, \"x\" # y\n")
	l := paint.New(nil, glyph.Unicode(), 12)
	s.Draw(l, 1, 8)
	if got := l.String(); got != "röße, \"x\" #…" {
		t.Errorf("got %q", got)
	}
	if l.Reset(3); l.String() != "   " {
		t.Error("not blank")
	}
	s.Draw(l.Reset(3), 1, 99)
	if got := l.String(); got != "   " {
		t.Errorf("got %q behind the end", got)
	}
}

func TestWhatIsDrawnIsTheText(t *testing.T) {
	g := glyph.Unicode()
	rapid.Check(t, func(t *rapid.T) {
		src := rapid.StringOf(rapid.SampledFrom([]rune("ab :\"#{}\n\r\tdo end@'12é界\x1b\u202e"))).Draw(t, "src")
		w := rapid.IntRange(0, 30).Draw(t, "w")
		s := Elixir(src)
		for i, line := range frame(nil, s, w) {
			if got := ansi.StringWidth(line); got != w {
				t.Fatalf("line %d has %d cells, want %d: %q", i, got, w, line)
			}
			whole := paint.New(nil, g, w).Text(themes.Plain, strings.TrimRight(s.Line(i+1), " ")).String()
			if paint.Width(strings.TrimRight(s.Line(i+1), " "), g) <= w && ansi.Strip(line) != whole {
				t.Fatalf("line %d is %q, want %q", i, line, whole)
			}
		}
	})
}
