package lower

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"ops-console/ops/ecto"
	"ops-console/ops/ecto/project"
)

// fileOf is what project makes of the name of a migration.
func fileOf(path string) project.File {
	base := filepath.Base(path)
	base = strings.TrimSuffix(base, filepath.Ext(base))
	digits, name, _ := strings.Cut(base, "_")
	version, _ := strconv.ParseInt(digits, 10, 64)
	return project.File{Path: filepath.ToSlash(path), Version: version, Name: name}
}

// lowered reads a fixture, with the files beside it in reach.
func lowered(t testing.TB, path string) ecto.Migration {
	t.Helper()
	src, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	s := project.DefaultSettings()
	s.Macros = map[string]string{"Demo.Migration": "lib/demo/migration.ex"}
	l := Lowering{Settings: s, Read: func(p string) ([]byte, error) {
		return os.ReadFile(filepath.Join("testdata", "app", filepath.FromSlash(p)))
	}}
	return l.Migration(fileOf(path), src)
}

// TestFixtures compares every fixture with its golden file. UPDATE_GOLDEN=1 writes them anew.
func TestFixtures(t *testing.T) {
	paths, err := filepath.Glob("testdata/migrations/*.exs")
	if err != nil || len(paths) == 0 {
		t.Fatalf("no fixtures: %v", err)
	}
	for _, path := range paths {
		t.Run(filepath.Base(path), func(t *testing.T) {
			got := dump(lowered(t, path))
			golden := strings.TrimSuffix(path, ".exs") + ".golden"
			if os.Getenv("UPDATE_GOLDEN") != "" {
				if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(string(want), got); d != "" {
				t.Errorf("%s (-want +got):\n%s", path, d)
			}
		})
	}
}
