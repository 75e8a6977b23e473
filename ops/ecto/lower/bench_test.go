package lower

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"testing"

	"ops-console/ops/ecto/project"
)

// sources are n migrations of the generator; those with raw SQL need PostgreSQL's grammar.
func sources(b *testing.B, n int) (all [][]byte, bytes int64) {
	b.Helper()
	g := newGenerator(3)
	for i := range n {
		src := []byte(g.migration(i))
		all = append(all, src)
		bytes += int64(len(src))
	}
	return all, bytes
}

// BenchmarkMigrations reads 3,000 generated migrations, parsing included.
func BenchmarkMigrations(b *testing.B) {
	all, bytes := sources(b, 3000)
	file := project.File{Path: "priv/repo/migrations/1_a.exs", Version: 1, Name: "a"}
	for _, workers := range []int{1, runtime.GOMAXPROCS(0)} {
		b.Run(fmt.Sprintf("workers=%d", workers), func(b *testing.B) {
			b.SetBytes(bytes)
			b.ReportAllocs()
			for b.Loop() {
				l := Lowering{Settings: project.DefaultSettings()}
				var wg sync.WaitGroup
				for w := range workers {
					wg.Go(func() {
						for i := w; i < len(all); i += workers {
							l.Migration(file, all[i])
						}
					})
				}
				wg.Wait()
			}
		})
	}
}

// BenchmarkFixtures reads one file at a time.
func BenchmarkFixtures(b *testing.B) {
	paths, err := filepath.Glob("testdata/migrations/*.exs")
	if err != nil || len(paths) == 0 {
		b.Fatalf("no fixtures: %v", err)
	}
	for _, path := range paths {
		src, err := os.ReadFile(path)
		if err != nil {
			b.Fatal(err)
		}
		b.Run(filepath.Base(path), func(b *testing.B) {
			b.SetBytes(int64(len(src)))
			b.ReportAllocs()
			for b.Loop() {
				Migration(fileOf(path), src, project.DefaultSettings())
			}
		})
	}
}

// BenchmarkDirectory reads the migrations of the directory that LOWER_DIR names.
func BenchmarkDirectory(b *testing.B) {
	paths, err := filepath.Glob(filepath.Join(os.Getenv("LOWER_DIR"), "*.exs"))
	if err != nil || len(paths) == 0 || os.Getenv("LOWER_DIR") == "" {
		b.Skip("LOWER_DIR names no directory of migrations: set it to one to measure it")
	}
	var all [][]byte
	var bytes int64
	for _, path := range paths {
		src, err := os.ReadFile(path)
		if err != nil {
			b.Fatal(err)
		}
		all = append(all, src)
		bytes += int64(len(src))
	}
	b.SetBytes(bytes)
	b.ReportAllocs()
	for b.Loop() {
		for i, src := range all {
			Migration(fileOf(paths[i]), src, project.DefaultSettings())
		}
	}
}
