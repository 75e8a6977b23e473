package flysim

import (
	"archive/tar"
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"ops-console/testdata/demo"
	"ops-console/testdata/phoenix"
)

const (
	projectDir  = "project"     // the application's source tree, as the world runs it
	projectMark = ".simulated"  // in it: that the tree is a world's own, and may be written over
	treesFile   = "phoenix.tar" // what Phoenix's generators make, in some versions
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
		return os.WriteFile(to, data, 0o644)
	})
	if err != nil {
		return fmt.Errorf("write the application's project: %w", err)
	}
	return writeFile(root, projectMark, []byte("A simulated world wrote this directory, and writes it again.\n"), 0o644)
}

// generatedTrees is an archive of the trees that the application's project can be compared with.
func generatedTrees() ([]byte, error) {
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	trees := phoenix.Trees()
	err := fs.WalkDir(trees, ".", func(name string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		data, err := fs.ReadFile(trees, name)
		if err != nil {
			return err
		}
		if err := w.WriteHeader(&tar.Header{Name: name, Mode: 0o644, Size: int64(len(data))}); err != nil {
			return err
		}
		_, err = w.Write(data)
		return err
	})
	if err := errors.Join(err, w.Close()); err != nil {
		return nil, fmt.Errorf("write the generated trees: %w", err)
	}
	return b.Bytes(), nil
}
