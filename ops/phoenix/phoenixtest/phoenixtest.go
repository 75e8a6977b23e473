// Package phoenixtest gives tests the generated trees of testdata/phoenix: small, of our own writing, and shaped like what
// four versions of Phoenix generate. It is for tests only.
package phoenixtest

import (
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"ops-console/ops/phoenix"
)

// Names are the trees there are, as VERSION/FLAGS, oldest first.
var Names = []string{"1.5.8/live", "1.6.16/default", "1.7.14/default", "1.8.8/default"}

// The application that the trees are of.
const (
	App    = "sample_app"
	Module = "SampleApp"
)

// Dir is the directory with the trees, laid out VERSION/FLAGS/FILES.
func Dir() string {
	_, here, _, _ := runtime.Caller(0)
	return filepath.Join(filepath.Dir(here), "..", "..", "..", "testdata", "phoenix")
}

// Tree is one of Names.
func Tree(t testing.TB, name string) *phoenix.Tree {
	t.Helper()
	version, flags := filepath.Split(filepath.FromSlash(name))
	tree := &phoenix.Tree{
		Spec:       phoenix.Spec{Axis: phoenix.Project, Version: phoenix.MustVersion(filepath.Clean(version)), App: App, Module: Module},
		Files:      Read(t, filepath.Join(Dir(), filepath.FromSlash(name))),
		Provenance: phoenix.Provenance{Source: "fixture", Detail: name},
	}
	if flags == "live" {
		tree.Spec.Flags = phoenix.Flags{"live": "true"}
	}
	return tree
}

// Trees are all of Names.
func Trees(t testing.TB) []*phoenix.Tree {
	t.Helper()
	var out []*phoenix.Tree
	for _, n := range Names {
		out = append(out, Tree(t, n))
	}
	return out
}

// Read is the files of a directory.
func Read(t testing.TB, dir string) map[string]phoenix.File {
	t.Helper()
	files := map[string]phoenix.File{}
	err := filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		data, err := os.ReadFile(p)
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(dir, p)
		files[filepath.ToSlash(rel)] = phoenix.File{Data: data, Executable: info.Mode()&0o100 != 0}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// Write puts files into a directory.
func Write(t testing.TB, dir string, files map[string]phoenix.File) {
	t.Helper()
	for p, f := range files {
		at := filepath.Join(dir, filepath.FromSlash(p))
		perm := fs.FileMode(0o644)
		if f.Executable {
			perm = 0o755
		}
		if err := os.MkdirAll(filepath.Dir(at), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(at, f.Data, perm); err != nil {
			t.Fatal(err)
		}
	}
}
