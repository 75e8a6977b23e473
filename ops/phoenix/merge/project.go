package merge

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"

	"ops-console/ops/phoenix"
)

// Limits of what is read of an application.
const (
	maxFile  = 2 << 20 // bytes; larger ones are none of the generator's
	maxFiles = 100_000
)

// skipped directories hold what is built or fetched.
var skipped = []string{".git", "_build", "deps", "node_modules", "cover", ".elixir_ls"}

// Project reads an application's files, without what is built or fetched, and without following links. A directory without
// mix.exs is an error.
func Project(ctx context.Context, dir string) (*phoenix.Tree, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("read the application: %w", err)
	}
	defer func() { _ = root.Close() }()
	t := &phoenix.Tree{Files: map[string]phoenix.File{}, Provenance: phoenix.Provenance{Source: "application", Detail: dir}}
	err = fs.WalkDir(root.FS(), ".", func(p string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case ctx.Err() != nil:
			return ctx.Err()
		case d.IsDir() && slices.Contains(skipped, path.Base(p)):
			return fs.SkipDir
		case !d.Type().IsRegular():
			return nil
		}
		info, err := d.Info()
		if err != nil || info.Size() > maxFile {
			return err
		}
		if len(t.Files) == maxFiles {
			return fmt.Errorf("it has more than %d files", maxFiles)
		}
		data, err := root.ReadFile(filepath.FromSlash(p))
		if err != nil {
			return err
		}
		t.Files[p] = phoenix.File{Data: data, Executable: info.Mode()&0o100 != 0}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read the application in %s: %w", dir, err)
	}
	if _, ok := t.Files["mix.exs"]; !ok {
		return nil, fmt.Errorf("read the application in %s: it has no mix.exs; give the directory that has one", dir)
	}
	return t, nil
}
