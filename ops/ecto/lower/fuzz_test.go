package lower

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"ops-console/ops/ecto"
	"ops-console/ops/ecto/elixir"
	"ops-console/ops/ecto/locks"
	"ops-console/ops/ecto/project"
	"ops-console/ops/ecto/schema"
)

// check holds for every file whatever is in it.
func check(t interface {
	Helper()
	Fatalf(string, ...any)
}, src []byte,
) {
	t.Helper()
	l := Lowering{Settings: project.DefaultSettings(), Read: func(path string) ([]byte, error) {
		if strings.HasPrefix(path, "lib/") {
			return src, nil // a module that is found leads back to itself
		}
		return nil, errors.New("none")
	}}
	l.Settings.Macros = map[string]string{"M": "lib/m.ex"}
	file := project.File{Path: "priv/repo/migrations/1_a.exs", Version: 1, Name: "a"}
	m := l.Migration(file, src)
	if again := l.Migration(file, src); !cmp.Equal(m, again) {
		t.Fatalf("two readings differ: %s", cmp.Diff(m, again))
	}
	lines := strings.Count(string(src), "\n") + 1
	for _, oo := range [][]ecto.Operation{m.Up, m.Down} {
		last := 0
		for _, o := range oo {
			if o.Statement != last && o.Statement != last+1 {
				t.Fatalf("statement %d comes after %d", o.Statement, last)
			}
			last = o.Statement
			if o.At.Line < 1 || o.At.Column < 1 || o.At.Line > lines+1 || o.At.EndLine < o.At.Line {
				t.Fatalf("%s is at %+v of %d lines", o.Kind, o.At, lines)
			}
			if o.Kind == "" {
				t.Fatalf("an operation without a kind: %+v", o)
			}
		}
		if got := len(ecto.Sequence(oo)); got != len(oo) {
			t.Fatalf("%d operations in sequence, of %d", got, len(oo))
		}
	}
	// What is read can be applied, in either order, and locks predicted of it.
	for _, complete := range []bool{false, true} {
		s := &schema.State{Complete: complete}
		for _, oo := range [][]ecto.Operation{m.Up, m.Down, m.Down, m.Up} {
			for _, o := range oo {
				locks.Predict(o, s, file.Path, locks.Target{})
				s.Apply(file.Path, o)
			}
		}
		s.Clone()
	}
}

func FuzzMigration(f *testing.F) {
	for _, pattern := range []string{"testdata/migrations/*.exs", "testdata/sent/*.exs", "testdata/app/lib/demo/*.ex"} {
		paths, err := filepath.Glob(pattern)
		if err != nil || len(paths) == 0 {
			f.Fatalf("no files %s: %v", pattern, err)
		}
		for _, path := range paths {
			src, err := os.ReadFile(path)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(src)
		}
	}
	g := newGenerator(7)
	for n := range 60 {
		f.Add([]byte(g.migration(n)))
	}
	f.Fuzz(func(t *testing.T, src []byte) { check(t, src) })
}

// TestAnyArguments calls every function of the DSL and every one that is folded with any arguments: none panics, and what
// comes out can be applied.
func TestAnyArguments(t *testing.T) {
	var names []string
	for n := range verbs {
		names = append(names, n)
	}
	for n := range kernel {
		if _, errs := elixir.Parse([]byte(n+"(1, 2)"), "a.exs"); plainAtom(n) && len(errs) == 0 {
			names = append(names, n)
		}
	}
	for n := range functions {
		names = append(names, n)
	}
	atoms := []string{
		":a", "nil", "true", `"text"`, `"#{x}"`, `"a#{x}b"`, "'chars'", "1", "-5", "99999999999999999999", "0.5", "[]", "[1, :b]", "[a: 1]", "{:a, :b}", "{1}", "%{}",
		"%{a: 1}", "%{x | a: 1}", "1..3", "3..1//-1", "1..99999999999", "fn -> 1 end", "fn a, b -> a end", "fn x -> x end", "&(&1)", "&add/2", "&String.trim/1", "x", "prefix()",
		"repo()", "table(:t)", "index(:t, [:a])", `index(:t, ["a(b)"])`, "constraint(:t, :c, check: \"a\")", "references(:t)", "fragment(\"now()\")", "Mod", "Mod.Sub",
		"~w(a b)a", "~r/x/", `~s(a)`, "@attr", "@none", "[a: 1, b: 2]", "[:a | [1]]", "[null: false, default: [1]]", "[primary_key: [1]]", "[name: 1, type: {:array, 1}]",
		"[on_delete: {:nilify, 1}, with: 5]", "[from: {references(:t), 5}]", "[columns: 1, where: [1], include: 3]", "[prefix: 1]", "[mode: 5]", "[to: table(:x)]", "[to: 5]",
		`%{"k" => fn -> 1 end}`, "<<1, 2>>", "?a", "if(x, do: 1)", "for(i <- [1, 2], do: i)", "quote(do: 1)", "unquote(x)", "__MODULE__", "__ENV__.file",
	}
	rapid.Check(t, func(t *rapid.T) {
		var b strings.Builder
		b.WriteString("defmodule M do\n  use Ecto.Migration\n  @attr [a: 1]\n  def change do\n")
		for range rapid.IntRange(1, 6).Draw(t, "statements") {
			name := rapid.SampledFrom(names).Draw(t, "name")
			args := rapid.SliceOfN(rapid.SampledFrom(atoms), 0, 4).Draw(t, "args")
			call := name + "(" + strings.Join(args, ", ") + ")"
			switch rapid.IntRange(0, 6).Draw(t, "shape") {
			case 0:
				call = "create(" + call + ")"
			case 1:
				call = "alter table(:t) do\n" + call + "\nend"
			case 2:
				call = "create " + call + " do\n add :x, " + rapid.SampledFrom(atoms).Draw(t, "kind") + "\nend"
			case 3:
				call = "x = " + call
			case 4:
				call = "execute(" + call + ", " + rapid.SampledFrom(atoms).Draw(t, "down") + ")"
			case 5:
				call = rapid.SampledFrom(atoms).Draw(t, "left") + " |> " + call
			}
			b.WriteString("    " + call + "\n")
		}
		b.WriteString("  end\nend\n")
		if _, errs := elixir.Parse([]byte(b.String()), "a.exs"); len(errs) > 0 {
			t.Fatalf("not Elixir: %v\n%s", errs, b.String())
		}
		check(t, []byte(b.String()))
	})
}

// TestBounds reads what would never end, or never fit, if it were followed as it stands.
func TestBounds(t *testing.T) {
	tests := map[string]string{
		"recursion":    "def up, do: again()\n defp again, do: again()",
		"two by two":   "def up, do: a()\n defp a do\n a()\n a()\n end",
		"growth":       `def up, do: execute(Enum.reduce(1..60, "x", fn _, s -> s <> s end))`,
		"lists":        "def up, do: Enum.each(Enum.reduce(1..60, [1], fn _, l -> l ++ l end), fn i -> execute(\"SELECT #{i}\") end)",
		"ranges":       "def up, do: for(a <- 1..15_000, b <- 1..15_000, do: execute(\"SELECT #{a + b}\"))",
		"far":          "def up, do: for(a <- 1..999_999_999_999, do: execute(\"SELECT #{a}\"))",
		"powers":       "def up, do: execute(\"SELECT #{Enum.reduce(1..60, 10, fn _, n -> n * n end)}\")",
		"attributes":   "@a @b\n @b @a\n def up, do: execute(@a)",
		"macros":       "defmacro m(x) do\n quote do\n m(unquote(x))\n end\n end\n def up, do: m(1)",
		"closures":     "def up do\n f = fn f -> f.(f) end\n f.(f)\n end",
		"captures":     "def up, do: Enum.map([1], &up/0)",
		"deep":         "def up, do: " + strings.Repeat("[", 3000) + strings.Repeat("]", 3000),
		"regexps":      "def up, do: execute(String.replace(String.duplicate(\"a\", 60_000), ~r/(a*)*b/, \"\"))",
		"nested maps":  "def up, do: Enum.reduce(1..2000, %{}, fn i, m -> Map.put(m, i, m) end) |> inspect() |> execute()",
		"one in two":   `def up, do: execute(inspect(Enum.reduce(1..60, [1], fn _, l -> [l, l] end)))`,
		"maps in maps": `def up, do: execute(inspect(Enum.reduce(1..60, %{}, fn i, m -> Map.put(m, i, {m, m}) end)))`,
		"compared":     "def up do\n l = Enum.to_list(1..5000)\n for i <- 1..5000, l == [i | l], do: :ok\n end",
		"texts":        `def up, do: Enum.map(1..5000, fn _ -> String.duplicate("x", 1_000_000) end) |> Enum.join() |> execute()`,
		"iodata":       `def up, do: execute(List.duplicate(String.duplicate("x", 1_000_000), 5000))`,
		"columns":      "def up, do: for(a <- 1..5000, do: create(index(:t, Enum.map(1..5000, fn i -> :\"c#{i}\" end))))",
		"tables":       "def up, do: for(a <- 1..5000, do: create(table(\"t#{a}\")))",
		"uses":         "use M\n def up, do: :ok\n defmacro __using__(_) do\n quote do\n use M\n end\n end",
		"imports":      "import M\n def up, do: missing()",
	}
	for name, body := range tests {
		t.Run(name, func(t *testing.T) { check(t, []byte("defmodule M do\n use Ecto.Migration\n"+body+"\nend\n")) })
	}
}
