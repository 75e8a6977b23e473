package flysim

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"ops-console/ops/plaintext"
	"ops-console/testdata/demo"
	"ops-console/testdata/generated"
	"ops-console/testdata/phoenix"
)

const (
	projectDir  = "project"     // the application's source tree, as the world runs it
	projectMark = ".simulated"  // in it: that the tree is a world's own, and may be written over
	treesFile   = "phoenix.tar" // what Phoenix's generators make, in some versions
	remoteDir   = "project.git" // what the project is pushed to
)

// writeProject puts the application's source tree into dir. What a user has changed in one of an earlier world is
// written over; a directory of that name that no world made is left alone.
func writeProject(dir string) error {
	root := filepath.Join(dir, projectDir)
	if _, err := os.Stat(root); err == nil {
		if _, err := os.Stat(filepath.Join(root, projectMark)); err != nil {
			return fmt.Errorf("write the application's project: %s is there already, and is no simulated world's: give another directory", root)
		}
	} else if !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("write the application's project: %w", err)
	}
	tree := demo.Changelog()
	err := fs.WalkDir(tree, ".", func(name string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		to := filepath.Join(root, filepath.FromSlash(name))
		if e.IsDir() {
			return os.MkdirAll(to, 0o755)
		}
		data, err := fs.ReadFile(tree, name)
		if err != nil {
			return err
		}
		return os.WriteFile(to, data, modeOf(name))
	})
	if err != nil {
		return fmt.Errorf("write the application's project: %w", err)
	}
	if err := writeFile(root, projectMark, []byte("# A simulated world wrote this directory, and writes it again.\n"+projectMark+"\n"), 0o644); err != nil {
		return err
	}
	return commitProject(root)
}

// commitTime is how long git may take.
const commitTime = 20 * time.Second

// commitProject makes a git repository of the project, as applications are kept, with a remote beside it: what is written into
// it can be taken back, and its one commit is demo.Commit, which images say they are built from. Where git is not installed
// there is none.
func commitProject(root string) error {
	at, err := exec.LookPath("git")
	if err != nil {
		return nil //nolint:nilerr // the project is there without its history
	}
	ctx, cancel := context.WithTimeout(context.Background(), commitTime)
	defer cancel()
	if err := os.RemoveAll(filepath.Join(root, ".git")); err != nil { // an earlier world's: history begins anew
		return fmt.Errorf("make a repository of the application's project: %w", err)
	}
	remote := filepath.Join(filepath.Dir(root), remoteDir)
	date := demo.When().Format(time.RFC3339)
	for _, args := range [][]string{
		{"init", "-q"},
		{"config", "core.excludesFile", filepath.Join(root, projectMark)}, // which names itself
		{"add", "-A"},
		{"-c", "user.name=" + demo.Author, "-c", "user.email=" + demo.Email, "-c", "commit.gpgsign=false", "commit", "-q", "-m", demo.Message},
		{"branch", "-M", "main"},
		{"init", "-q", "--bare", remote},
		{"remote", "add", "origin", remote},
		{"push", "-q", "--force", "--set-upstream", "origin", "main"},
	} {
		c := exec.CommandContext(ctx, at, args...)
		c.Dir = root
		c.Env = append(withoutGit(os.Environ()), "GIT_CONFIG_GLOBAL="+os.DevNull, "GIT_CONFIG_SYSTEM="+os.DevNull, "LC_ALL=C",
			"GIT_AUTHOR_DATE="+date, "GIT_COMMITTER_DATE="+date)
		if out, err := c.CombinedOutput(); err != nil {
			return fmt.Errorf("make a repository of the application's project: git %s: %w: %s", args[0], err, plaintext.Line(string(out), 200))
		}
	}
	return nil
}

// withoutGit is an environment that points git at no other repository.
func withoutGit(env []string) []string {
	return slices.DeleteFunc(env, func(v string) bool { return strings.HasPrefix(v, "GIT_") })
}

// modeOf a file of a source tree, which is embedded and so has none: scripts of a release are to be run.
func modeOf(name string) fs.FileMode {
	if demo.Executable(name) {
		return 0o755
	}
	return 0o644
}

// generatedTrees is an archive of the trees that the application's project can be compared with.
func generatedTrees() ([]byte, error) {
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	var errs []error
	for _, trees := range []fs.FS{phoenix.Trees(), generated.Trees()} {
		errs = append(errs, addTrees(w, trees))
	}
	if err := errors.Join(append(errs, w.Close())...); err != nil {
		return nil, fmt.Errorf("write the generated trees: %w", err)
	}
	return b.Bytes(), nil
}

func addTrees(w *tar.Writer, trees fs.FS) error {
	return fs.WalkDir(trees, ".", func(name string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		data, err := fs.ReadFile(trees, name)
		if err != nil {
			return err
		}
		if err := w.WriteHeader(&tar.Header{Name: name, Mode: int64(modeOf(name)), Size: int64(len(data))}); err != nil {
			return err
		}
		_, err = w.Write(data)
		return err
	})
}
