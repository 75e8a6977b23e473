package source

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"

	"ops-console/ops/phoenix"
)

// dirStore is a snapshot in a directory. It is read anew each time, so that one that is being made can be watched.
type dirStore struct {
	root string
	all  []place
}

// openDir looks for trees where the layouts have them, without reading them.
func openDir(root string) (*dirStore, error) {
	r, err := os.OpenRoot(root)
	if err != nil {
		return nil, fmt.Errorf("open the snapshot: %w", err)
	}
	defer shut(r)
	d := &dirStore{root: root}
	for _, base := range []string{".", string(phoenix.Project), string(phoenix.Auth), string(phoenix.ReleaseFiles), "priv/data/sample-app", "data/sample-app"} {
		versions, err := fs.ReadDir(r.FS(), base)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("look through the snapshot: %w", err)
		}
		for _, v := range versions {
			if !v.IsDir() || !versionDir.MatchString(v.Name()) {
				continue
			}
			flags, err := fs.ReadDir(r.FS(), path.Join(base, v.Name()))
			if err != nil {
				return nil, fmt.Errorf("look through the snapshot: %w", err)
			}
			for _, f := range flags {
				if !f.IsDir() {
					continue
				}
				if at, _, ok := placeOf(path.Join(base, v.Name(), f.Name(), "mix.exs")); ok {
					d.all = append(d.all, at)
				}
			}
		}
	}
	return d, nil
}

func (d *dirStore) places() []place { return d.all }
func (d *dirStore) detail() string  { return d.root }

func (d *dirStore) files(ctx context.Context, dir string) (map[string]phoenix.File, error) {
	r, err := os.OpenRoot(d.root)
	if err != nil {
		return nil, err
	}
	defer shut(r)
	sub, err := r.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	defer shut(sub)
	return readTree(ctx, sub)
}

// readTree reads all files beneath a directory, and never follows a link out of it.
func readTree(ctx context.Context, r *os.Root) (map[string]phoenix.File, error) {
	var g gathering
	err := fs.WalkDir(r.FS(), ".", func(p string, d fs.DirEntry, err error) error {
		if err == nil {
			err = ctx.Err()
		}
		if err != nil || d.IsDir() {
			return err
		}
		if !d.Type().IsRegular() {
			return fmt.Errorf("%.120q is not a plain file", p)
		}
		f, err := r.Open(p)
		if err != nil {
			return err
		}
		defer f.Close()
		info, err := f.Stat()
		if err != nil {
			return err
		}
		data, err := io.ReadAll(io.LimitReader(f, maxFile+1))
		if err != nil {
			return err
		}
		if len(data) > maxFile {
			return fmt.Errorf("%.120q is larger than %d MB", p, maxFile>>20)
		}
		return g.add(p, data, info.Mode()&0o100 != 0)
	})
	if err != nil {
		return nil, err
	}
	return g.done("the directory")
}

// shut closes a directory that was only read.
func shut(r *os.Root) { _ = r.Close() }
