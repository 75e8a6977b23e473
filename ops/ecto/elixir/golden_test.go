package elixir

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// fixtures are the files of testdata that are valid Elixir.
func fixtures(t testing.TB) []string {
	t.Helper()
	var files []string
	for _, dir := range []string{"syntax", "newer", "migrations", "schemas", "config"} {
		files = append(files, sources(t, filepath.Join("testdata", dir))...)
	}
	return files
}

// golden is where what Elixir made of a fixture is kept.
func golden(file string) string {
	rel, _ := filepath.Rel("testdata", file)
	return filepath.Join("testdata", "golden", strings.ReplaceAll(rel, string(filepath.Separator), "_")+".quoted")
}

// TestGolden compares every fixture with the tree that Elixir gave for it. UPDATE_GOLDEN=1 asks Elixir again, which for
// the fixtures in newer has to be 1.18 or later.
func TestGolden(t *testing.T) {
	files := fixtures(t)
	if os.Getenv("UPDATE_GOLDEN") != "" {
		if err := os.MkdirAll(filepath.Join("testdata", "golden"), 0o755); err != nil {
			t.Fatal(err)
		}
		knows := knowsNewer(t)
		for i, v := range ask(t, "dump", files) {
			newer := filepath.Base(filepath.Dir(files[i])) == "newer"
			switch {
			case v.ok && (!newer || knows):
				if err := os.WriteFile(golden(files[i]), []byte(v.tree), 0o644); err != nil {
					t.Fatal(err)
				}
			case newer:
				t.Logf("%s: this Elixir is too old for it, its golden tree stays", files[i])
			default:
				t.Errorf("%s: Elixir refuses it at %s: %s", files[i], v.place, v.msg)
			}
		}
	}
	for _, file := range files {
		src, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		want, err := os.ReadFile(golden(file))
		if err != nil {
			t.Fatal(err)
		}
		f, errs := Parse(src, file)
		if errs != nil {
			t.Errorf("%s: %v", file, errs)
		}
		if diff := cmp.Diff(strings.Split(string(want), "\n"), strings.Split(f.Quoted(), "\n")); diff != "" {
			t.Errorf("%s (-Elixir +this parser):\n%s", file, diff)
		}
	}
}
