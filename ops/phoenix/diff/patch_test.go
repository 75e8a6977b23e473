package diff

import (
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"ops-console/ops/phoenix"
	"ops-console/ops/phoenix/phoenixtest"
)

func TestThePatchOfAnyTwoTreesTurnsOneIntoTheOther(t *testing.T) {
	needGit(t)
	dir := t.TempDir()
	n := 0
	rapid.Check(t, func(t *rapid.T) {
		old := tree(t, "old")
		new := descendant(t, old)
		n++
		applies(t, filepath.Join(dir, fmt.Sprint(n)), old, new)
	})
}

func TestThePatchOfTheFixturesTurnsOneIntoTheOther(t *testing.T) {
	needGit(t)
	for _, a := range phoenixtest.Trees(t) {
		for _, b := range phoenixtest.Trees(t) {
			t.Run(a.Spec.Version.String()+" to "+b.Spec.Version.String(), func(t *testing.T) {
				applies(t, filepath.Join(t.TempDir(), "tree"), a, b)
			})
		}
	}
}

func needGit(t *testing.T) {
	t.Helper()
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("git is not installed: apt-get install git")
	}
}

type failer interface {
	Helper()
	Fatal(...any)
	Fatalf(string, ...any)
	Errorf(string, ...any)
}

// applies asks git to apply the patch of two trees.
func applies(t failer, dir string, old, new *phoenix.Tree) {
	t.Helper()
	pairs, err := Trees(old, new, Options{})
	if err != nil {
		t.Fatal(err)
	}
	var patch bytes.Buffer
	if err := Patch(&patch, pairs); err != nil {
		t.Fatal(err)
	}
	writeTree(t, dir, old)
	if patch.Len() > 0 {
		cmd := exec.Command("git", "apply", "--whitespace=nowarn", "-")
		cmd.Dir, cmd.Stdin = dir, bytes.NewReader(patch.Bytes())
		cmd.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_NOSYSTEM=1", "GIT_CEILING_DIRECTORIES="+filepath.Dir(dir))
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("git apply: %v\n%s\n%s", err, out, patch.Bytes())
		}
	}
	if diff := cmp.Diff(new.Files, readTree(t, dir)); diff != "" {
		t.Errorf("applied, the patch does not give the new tree: %s\n%s", diff, patch.Bytes())
	}
}

func writeTree(t failer, dir string, tree *phoenix.Tree) {
	t.Helper()
	for p, f := range tree.Files {
		at := filepath.Join(dir, filepath.FromSlash(p))
		if err := os.MkdirAll(filepath.Dir(at), 0o755); err != nil {
			t.Fatal(err)
		}
		perm := fs.FileMode(0o644)
		if f.Executable {
			perm = 0o755
		}
		if err := os.WriteFile(at, f.Data, perm); err != nil {
			t.Fatal(err)
		}
	}
}

func readTree(t failer, dir string) map[string]phoenix.File {
	t.Helper()
	out := map[string]phoenix.File{}
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
		rel, _ := filepath.Rel(dir, p)
		out[filepath.ToSlash(rel)] = phoenix.File{Data: data, Executable: info.Mode()&0o100 != 0}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

var (
	parts = []string{
		"a", "b", "config", "lib", "mix.exs", "with space", " lead", "trail ", "tab\there", `quo"te`, `back\slash`, "naïve", "日本", "\x01\x7f",
		"new\nline", "invalid\xff", "-dash", "'single'", "a/b", "b/a", "dev/null", "=>", "{x}", "*", "…", "C:", ".hidden", "a b/c d", "e.ex => f.ex",
	}
	texts = []string{
		"", "\n", "one\n", "one", "one\ntwo\nthree\n", "one\r\ntwo\r\nthree\r\n", "one\r\ntwo\n", "\\ No newline at end of file\n", "--- a/x\n+++ b/x\n@@ -1 +1 @@\n",
		"\n\n\n\n", "trailing \t\n", "\r", "\r\n", "a\rb\n", "caf\xe9\n", "secret_key_base: \"abc\"\n", "diff --git a/a b/b\n", "GIT binary patch\n",
		"\x00\x01\x02", "PNG\x00\n\n\n", strings.Repeat("\x00\xff\x7f", 40), strings.Repeat("line of text\n", 12), " \n", "-- \n2.39.5\n",
	}
)

func file(t *rapid.T, label string) phoenix.File {
	var b strings.Builder
	for _, s := range rapid.SliceOfN(rapid.SampledFrom(texts), 0, 6).Draw(t, label) {
		b.WriteString(s)
	}
	if rapid.IntRange(0, 3).Draw(t, label+": numbered") == 0 {
		for i := range rapid.IntRange(1, 40).Draw(t, label+": lines") {
			fmt.Fprintf(&b, "%s line %d\n", label, i)
		}
	}
	return phoenix.File{Data: []byte(b.String()), Executable: rapid.IntRange(0, 4).Draw(t, label+": executable") == 0}
}

// put adds a file where its path leaves the others theirs: not beneath one, nor where one has its directory.
func put(files map[string]phoenix.File, p string, f phoenix.File) {
	for q := range files {
		if strings.HasPrefix(q, p+"/") || strings.HasPrefix(p, q+"/") {
			return
		}
	}
	files[p] = f
}

func draw(t *rapid.T, label string) string {
	return strings.Join(rapid.SliceOfN(rapid.SampledFrom(parts), 1, 3).Draw(t, label), "/")
}

func tree(t *rapid.T, label string) *phoenix.Tree {
	files := map[string]phoenix.File{}
	for len(files) == 0 {
		for range rapid.IntRange(1, 6).Draw(t, label+": files") {
			put(files, draw(t, label+": path"), file(t, label))
		}
	}
	return &phoenix.Tree{Files: files}
}

// descendant is what became of a tree: files kept, changed, moved, removed, added.
func descendant(t *rapid.T, old *phoenix.Tree) *phoenix.Tree {
	files := map[string]phoenix.File{}
	for _, p := range old.Paths() {
		f := old.Files[p]
		if rapid.IntRange(0, 3).Draw(t, "change") == 0 {
			f = edit(t, f)
		}
		switch rapid.IntRange(0, 5).Draw(t, "fate") {
		case 0:
		case 1, 2:
			put(files, draw(t, "moved to"), f)
		default:
			put(files, p, f)
		}
	}
	for range rapid.IntRange(0, 3).Draw(t, "more") {
		put(files, draw(t, "new path"), file(t, "new"))
	}
	if len(files) == 0 {
		files["one"] = file(t, "new")
	}
	return &phoenix.Tree{Files: files}
}

func edit(t *rapid.T, f phoenix.File) phoenix.File {
	switch rapid.IntRange(0, 4).Draw(t, "edit") {
	case 0:
		return file(t, "edited")
	case 1:
		return phoenix.File{Data: f.Data, Executable: !f.Executable}
	case 2:
		return phoenix.File{Data: append([]byte("first\n"), f.Data...), Executable: f.Executable}
	case 3:
		return phoenix.File{Data: bytes.TrimSuffix(f.Data, []byte("\n")), Executable: f.Executable}
	}
	return phoenix.File{Data: append(bytes.Clone(f.Data), "last"...), Executable: f.Executable}
}
