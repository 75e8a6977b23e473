package elixir

import (
	"bufio"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// verdict is what Elixir makes of one text.
type verdict struct {
	ok    bool
	tree  string // its SHA-256, or the tree itself
	place string // of the error
	msg   string
}

// oracle is the elixir to ask. ELIXIR names another one than that on PATH.
func oracle(t testing.TB) string {
	t.Helper()
	name := os.Getenv("ELIXIR")
	if name == "" {
		name = "elixir"
	}
	path, err := exec.LookPath(name)
	if err != nil {
		t.Skip("Elixir's own parser is not there to compare with: install the package elixir (apt-get install elixir, brew install elixir)")
	}
	return path
}

// ask has one Elixir process parse every line of list: paths, or = and a text in base64.
func ask(t testing.TB, mode string, list []string) []verdict {
	t.Helper()
	file := filepath.Join(t.TempDir(), "list")
	if err := os.WriteFile(file, []byte(strings.Join(list, "\n")+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(oracle(t), filepath.Join("testdata", "oracle.exs"), mode, file)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	var stderr strings.Builder
	cmd.Stderr = &stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	verdicts := make([]verdict, 0, len(list))
	lines := bufio.NewScanner(out)
	lines.Buffer(nil, 1<<30)
	for lines.Scan() {
		f := strings.Split(lines.Text(), " ")
		v := verdict{ok: f[0] == "ok"}
		switch {
		case !v.ok:
			v.place, v.msg = f[1], decode(t, f[2])
		case mode == "dump":
			v.tree = decode(t, f[1])
		default:
			v.tree = f[1]
		}
		verdicts = append(verdicts, v)
	}
	if err := cmd.Wait(); err != nil || len(verdicts) != len(list) {
		t.Fatalf("elixir read %d of %d: %v\n%s", len(verdicts), len(list), err, stderr.String())
	}
	return verdicts
}

func decode(t testing.TB, s string) string {
	t.Helper()
	b, err := base64.StdEncoding.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// knowsNewer tells whether Elixir reads the fixtures in newer as today's does: their syntax came with 1.15 and later. What
// it makes of them is in their golden trees.
func knowsNewer(t testing.TB) bool {
	t.Helper()
	text := base64.StdEncoding.EncodeToString([]byte("~AB(c)"))
	return ask(t, "digest", []string{"=" + text})[0].ok
}

func digest(s string) string {
	sum := sha256.Sum256([]byte(s))
	return hex.EncodeToString(sum[:])
}

// sources are all Elixir files under a directory.
func sources(t testing.TB, dir string) []string {
	t.Helper()
	var files []string
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() && d.Name() != "oracle.exs" && (strings.HasSuffix(path, ".ex") || strings.HasSuffix(path, ".exs")) {
			files = append(files, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// TestDirectoryReadsAsElixirReadsIt compares every file of a directory, testdata unless ELIXIR_ORACLE_DIR names another:
// the same tree with the same lines and columns, the same comments, or an error on both sides.
func TestDirectoryReadsAsElixirReadsIt(t *testing.T) {
	dir := os.Getenv("ELIXIR_ORACLE_DIR")
	var files []string
	if dir == "" {
		dir = "testdata"
		knows := knowsNewer(t)
		for _, file := range sources(t, dir) {
			if knows || filepath.Base(filepath.Dir(file)) != "newer" {
				files = append(files, file)
			}
		}
	} else {
		files = sources(t, dir)
	}
	verdicts := ask(t, "digest", files)
	var same, refused int
	var differ []string
	bytes := 0
	for i, file := range files {
		src, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		bytes += len(src)
		f, errs := Parse(src, file)
		v := verdicts[i]
		switch {
		case !v.ok && errs != nil:
			refused++
		case !v.ok:
			t.Errorf("%s: Elixir refuses it at %s: %s", file, v.place, v.msg)
		case errs != nil:
			t.Errorf("%s: Elixir reads it, this parser does not: %v", file, errs)
		case digest(f.Quoted()) == v.tree:
			same++
		default:
			differ = append(differ, file)
		}
	}
	t.Logf("%s: %d files, %d bytes: %d identical, %d refused by both, %d different", dir, len(files), bytes, same, refused, len(differ))
	if len(differ) == 0 {
		return
	}
	for i, v := range ask(t, "dump", differ[:min(len(differ), 40)]) {
		src, err := os.ReadFile(differ[i])
		if err != nil {
			t.Fatal(err)
		}
		f, _ := Parse(src, differ[i])
		t.Errorf("%s: %s", differ[i], firstDifference(v.tree, f.Quoted()))
	}
	if n := len(differ) - 40; n > 0 {
		t.Errorf("and %d more files differ", n)
	}
}

// firstDifference shows the first lines that differ, with the one before.
func firstDifference(want, got string) string {
	w, g := strings.Split(want, "\n"), strings.Split(got, "\n")
	for i := range min(len(w), len(g)) {
		if w[i] != g[i] {
			return "after " + w[max(i-1, 0)] + "\n\twant " + w[i] + "\n\tgot  " + g[i]
		}
	}
	return "one is longer"
}
