package pgcluster

import (
	"archive/tar"
	"bufio"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// template gives an archive of a cluster that initdb just made and nobody ever started. It is kept in the user's cache
// directory; a file that appears there is whole, whoever else is making the same one.
func (c *Cluster) template(ctx context.Context) (string, error) {
	args := []string{
		"-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync",
		// Small segments make small clusters, and let WAL be lost quickly.
		"--wal-segsize=1",
	}
	_, full, err := version(c.bin.Dir)
	if err != nil {
		return "", err
	}
	info, err := os.Stat(filepath.Join(c.bin.Dir, "postgres"))
	if err != nil {
		return "", err
	}
	key := sha256.Sum256([]byte(fmt.Sprint(c.bin.Dir, info.Size(), info.ModTime().UnixNano(), args)))
	name := fmt.Sprintf("%s-%x.tar", full, key[:6])
	dir := c.root
	if cache, err := os.UserCacheDir(); err == nil {
		kept := filepath.Join(cache, "ops-console", "pgcluster")
		if os.MkdirAll(kept, 0o700) == nil {
			dir = kept
		}
	}
	path := filepath.Join(dir, name)
	if _, err := os.Stat(path); err == nil {
		return path, nil
	}
	made := filepath.Join(c.root, "initdb")
	if err := c.run(ctx, "initdb", append(args, "-D", made)...); err != nil {
		return "", err
	}
	defer os.RemoveAll(made) //nolint:errcheck // Close removes what is left
	if err := pack(path, made); err != nil {
		return "", fmt.Errorf("keeping a new cluster in %s: %w", path, err)
	}
	prune(dir, time.Now().AddDate(0, -1, 0))
	return path, nil
}

// prune removes archives older than a time, of servers that may be gone since; one that is missed is made again.
func prune(dir string, before time.Time) {
	for _, pattern := range []string{"*.tar", ".new-*"} {
		found, err := filepath.Glob(filepath.Join(dir, pattern))
		if err != nil {
			continue
		}
		for _, path := range found {
			if info, err := os.Stat(path); err == nil && info.ModTime().Before(before) {
				os.Remove(path) //nolint:errcheck // somebody else did
			}
		}
	}
}

// pack archives a directory; the file appears at once and whole.
func pack(path, dir string) (err error) {
	f, err := os.CreateTemp(filepath.Dir(path), ".new-*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			f.Close()
			os.Remove(f.Name()) //nolint:errcheck // the first error is the one to tell
		}
	}()
	buffered := bufio.NewWriterSize(f, 1<<20)
	w := tar.NewWriter(buffered)
	if err := w.AddFS(os.DirFS(dir)); err != nil {
		return err
	}
	if err := errors.Join(w.Close(), buffered.Flush(), f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}

// unpack makes a directory of the servers' user out of an archive.
func unpack(ctx context.Context, a account, archive, dir string) error {
	f, err := os.Open(archive)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := a.mkdir(dir); err != nil {
		return err
	}
	r := tar.NewReader(bufio.NewReaderSize(f, 1<<20))
	for ctx.Err() == nil {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("%s: %w (remove it, and it is made again)", archive, err)
		}
		name := filepath.FromSlash(strings.TrimSuffix(h.Name, "/"))
		if name == "." {
			continue
		}
		if !filepath.IsLocal(name) {
			return fmt.Errorf("%s: a file called %q (remove it, and it is made again)", archive, h.Name)
		}
		path := filepath.Join(dir, name)
		switch h.Typeflag {
		case tar.TypeDir:
			err = a.mkdir(path)
		case tar.TypeReg:
			err = a.copy(path, r)
		default:
			err = fmt.Errorf("%s: %q is neither a file nor a directory", archive, h.Name)
		}
		if err != nil {
			return err
		}
	}
	return ctx.Err()
}

// copy writes what r gives to a new file of the servers' user.
func (a account) copy(path string, r io.Reader) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	if _, err := io.Copy(f, r); err != nil {
		f.Close()
		return err
	}
	if a.credential != nil {
		if err := f.Chown(int(a.credential.Uid), int(a.credential.Gid)); err != nil {
			f.Close()
			return err
		}
	}
	return f.Close()
}

// copyTree copies a cluster's directory, whose server may be writing to it, without what keep refuses.
func copyTree(ctx context.Context, a account, from, to string, keep func(path string, dir bool) bool) error {
	return filepath.WalkDir(from, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			if errors.Is(err, fs.ErrNotExist) && path != from {
				return nil
			}
			return err
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		name, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		target := filepath.Join(to, name)
		switch {
		case name != "." && !keep(name, d.IsDir()):
			if d.IsDir() {
				return fs.SkipDir
			}
			return nil
		case d.IsDir():
			return a.mkdir(target)
		case !d.Type().IsRegular():
			return fmt.Errorf("%s: copying clusters with tablespaces elsewhere is not supported", path)
		}
		f, err := os.Open(path)
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil {
			return err
		}
		defer f.Close()
		return a.copy(target, f)
	})
}
