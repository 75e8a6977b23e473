package elixir

import (
	"os"
	"strings"
	"testing"
	"time"
)

// migration is a realistic one, with heredocs and options.
func migration(b testing.TB) []byte {
	b.Helper()
	src, err := os.ReadFile("testdata/migrations/20240103000000_dynamic.exs")
	if err != nil {
		b.Fatal(err)
	}
	return src
}

func BenchmarkParseMigration(b *testing.B) {
	src := migration(b)
	b.SetBytes(int64(len(src)))
	b.ReportAllocs()
	for b.Loop() {
		if _, errs := Parse(src, "a.exs"); errs != nil {
			b.Fatal(errs)
		}
	}
}

// BenchmarkParseLarge reads one file of half a megabyte.
func BenchmarkParseLarge(b *testing.B) {
	src := []byte(strings.Repeat(string(migration(b)), 300))
	b.SetBytes(int64(len(src)))
	b.ReportAllocs()
	for b.Loop() {
		if _, errs := Parse(src, "a.exs"); errs != nil {
			b.Fatal(errs)
		}
	}
}

// BenchmarkParseBroken reads a file whose every function but one has to be read alone.
func BenchmarkParseBroken(b *testing.B) {
	src := []byte("defmodule A do\n" + strings.Repeat("  def fine(a, b) do\n    a + foo(b)\n  end\n\n", 500) + "  def bad do\n    [1\n  end\nend\n")
	b.SetBytes(int64(len(src)))
	b.ReportAllocs()
	for b.Loop() {
		if _, errs := Parse(src, "a.exs"); len(errs) != 1 {
			b.Fatal(errs)
		}
	}
}

// TestHostileInputTakesLinearTime reads inputs made to nest, to chain and to be read again, at two sizes. Reading ten
// times as much may take ten times as long, and a good deal more on a busy machine, but not a hundred times.
func TestHostileInputTakesLinearTime(t *testing.T) {
	repeat := func(s string) func(int) string {
		return func(n int) string { return strings.Repeat(s, n/len(s)) }
	}
	inputs := map[string]func(int) string{
		"open parentheses":   repeat("("),
		"open brackets":      repeat("[{"),
		"closed parentheses": func(n int) string { return strings.Repeat("(", n/2) + strings.Repeat(")", n/2) },
		"clause heads":       repeat("(a, (b, "),
		"unary operators":    repeat("!"),
		"attributes":         repeat("@"),
		"calls":              repeat("a b."),
		"dots":               repeat("a."),
		"pipes":              repeat("a |> "),
		"concatenations":     repeat("a <> "),
		"interpolations":     repeat(`"#{`),
		"open strings":       repeat("\"\n"),
		"open heredocs":      repeat("\"\"\"\n"),
		"sigils":             repeat("~s("),
		"blocks":             repeat("a do\n"),
		"modules":            repeat("defmodule A do\n"),
		"functions":          repeat("fn "),
		"maps":               repeat("%{a | "),
		"maps as keys":       repeat("%{"),
		"structs":            repeat("%A"),
		"not in":             repeat("a not in "),
		"comments":           repeat("#\n"),
		"marks":              func(n int) string { return "\"a" + strings.Repeat("\u0301", n/2) + "\"" },
		"broken lines":       repeat("def a do\n"),
		"ends":               repeat("end\n"),
		"numbers":            repeat("9"),
		"escapes":            func(n int) string { return "\"" + strings.Repeat(`\`, n/2*2) + "\"" },
		"defaults":           repeat(`a \\ `),
		"doubled dots":       repeat("a.."),
		"quotes after dots":  repeat(`a."b".`),
		"keys":               repeat("a: "),
		"do keys":            repeat("do: "),
		"arrows":             repeat("-> "),
		"whens":              repeat("a when "),
	}
	took := func(src string) time.Duration {
		start := time.Now()
		f, _ := Parse([]byte(src), "hostile.exs")
		d := time.Since(start)
		checkFile(t, f)
		return d
	}
	for name, input := range inputs {
		t.Run(name, func(t *testing.T) {
			small, large := took(input(20_000)), took(input(200_000))
			if large > 2*time.Second && large > 40*small {
				t.Errorf("20 kB take %v, 200 kB %v", small, large)
			}
		})
	}
}
