package store

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
	"golang.org/x/time/rate"
)

// Dir keeps objects as files of a directory, named by their keys, which only its owner can read. A file is written aside,
// beneath incoming, synced, and then linked to its name, which fails where the name is taken; then the directory is
// synced. So a file with a key's name is a whole object, also after a power cut.
type Dir struct {
	root   string
	o      Options
	limit  *rate.Limiter // nil: none
	closed atomic.Bool
}

// incoming is where files lie that are being written. No key's name begins with a dot.
const incoming = ".incoming"

func openDir(root string, o Options) (*Dir, error) {
	d := &Dir{root: filepath.Clean(root), o: o}
	if o.Rate > 0 {
		d.limit = rate.NewLimiter(rate.Limit(o.Rate), int(min(max(o.Rate/10, 4<<10), 1<<20)))
	}
	if o.Create {
		if err := os.MkdirAll(d.root, 0o700); err != nil {
			return nil, d.failed("make the directory of", "", err)
		}
	}
	return d, nil
}

// String implements Store.
func (d *Dir) String() string { return d.root }

// Close implements Store.
func (d *Dir) Close() error {
	d.closed.Store(true)
	return nil
}

// dirErrors say what a failure of the system means, the first that fits.
var dirErrors = []struct {
	err, kind error
	hint      string
}{
	{syscall.ENOSPC, ErrFull, "Make room on that disk: prune backups, or keep them elsewhere"},
	{syscall.EDQUOT, ErrFull, "Make room within the quota: prune backups, or keep them elsewhere"},
	{syscall.EFBIG, ErrFull, "A file may not become that large: raise the limit (ulimit -f), or keep them on another file system"},
	{syscall.EROFS, ErrDenied, "The file system is mounted read-only"},
	{fs.ErrPermission, ErrDenied, "Check who owns the directory"},
	{syscall.ENOTDIR, ErrConfig, "Something on the way to it is a file"},
	{fs.ErrNotExist, ErrNotFound, ""},
	{fs.ErrExist, ErrExists, ""},
}

func (d *Dir) failed(op, key string, err error) error {
	e := &Error{Op: op, Key: key, Store: d.root, Err: err}
	for _, w := range dirErrors {
		if errors.Is(err, w.err) {
			e.Kind, e.Hint = w.kind, w.hint
			break
		}
	}
	var pe *fs.PathError
	var le *os.LinkError
	switch {
	case errors.As(err, &pe): // the key says which file
		e.Text = pe.Err.Error()
	case errors.As(err, &le):
		e.Text = le.Err.Error()
	}
	return e
}

// check says why a call cannot be made.
func (d *Dir) check(ctx context.Context, op, key string) error {
	if err := ctx.Err(); err != nil {
		return &Error{Op: op, Key: key, Store: d.root, Err: context.Cause(ctx)}
	}
	if d.closed.Load() {
		return &Error{Op: op, Key: key, Store: d.root, Kind: ErrClosed}
	}
	st, err := os.Stat(d.root)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return &Error{Op: op, Key: key, Store: d.root, Kind: ErrNoBucket, Hint: "Make it (mkdir -m 700), or mount what it should be on"}
	case err != nil:
		return d.failed(op, key, err)
	case !st.IsDir():
		return &Error{Op: op, Key: key, Store: d.root, Kind: ErrConfig, Text: "it is a file, not a directory"}
	}
	return nil
}

func (d *Dir) path(key string) string { return filepath.Join(d.root, filepath.FromSlash(key)) }

// Stat implements Store.
func (d *Dir) Stat(ctx context.Context, key string) (Info, error) {
	if err := CheckKey(key); err != nil {
		return Info{}, err
	}
	if err := d.check(ctx, "look at", key); err != nil {
		return Info{}, err
	}
	st, err := os.Lstat(d.path(key))
	return d.info("look at", key, st, err)
}

func (d *Dir) info(op, key string, st fs.FileInfo, err error) (Info, error) {
	switch {
	case errors.Is(err, syscall.ENOTDIR), err == nil && !st.Mode().IsRegular():
		return Info{}, &Error{Op: op, Key: key, Store: d.root, Kind: ErrNotFound}
	case err != nil:
		return Info{}, d.failed(op, key, err)
	}
	return Info{Key: key, Size: st.Size(), ModTime: st.ModTime()}, nil
}

// Open implements Store.
func (d *Dir) Open(ctx context.Context, key string, off int64) (io.ReadCloser, Info, error) {
	if err := CheckKey(key); err != nil {
		return nil, Info{}, err
	}
	if off < 0 {
		return nil, Info{}, badOffset(d.root, key, off)
	}
	if err := d.check(ctx, "read", key); err != nil {
		return nil, Info{}, err
	}
	// Not to wait for a writer, should somebody have put a pipe there.
	f, err := os.OpenFile(d.path(key), os.O_RDONLY|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0)
	if err != nil {
		_, err = d.info("read", key, nil, err)
		return nil, Info{}, err
	}
	st, err := f.Stat()
	info, err := d.info("read", key, st, err)
	if err == nil && off > 0 {
		if _, err = f.Seek(min(off, info.Size), io.SeekStart); err != nil {
			err = d.failed("read", key, err)
		}
	}
	if err != nil {
		f.Close()
		return nil, Info{}, err
	}
	return &dirReader{d: d, ctx: ctx, key: key, f: f, left: info.Size - min(off, info.Size)}, info, nil
}

type dirReader struct {
	d    *Dir
	ctx  context.Context
	key  string
	f    *os.File
	left int64
}

func (r *dirReader) Read(p []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, &Error{Op: "read", Key: r.key, Store: r.d.root, Err: context.Cause(r.ctx)}
	}
	n, err := r.f.Read(p)
	r.left -= int64(n)
	switch {
	case r.left < 0, errors.Is(err, io.EOF) && r.left != 0:
		return 0, &Error{Op: "read", Key: r.key, Store: r.d.root, Kind: ErrCorrupt, Text: "it changed while it was read"}
	case err != nil && !errors.Is(err, io.EOF):
		return n, r.d.failed("read", r.key, err)
	}
	return n, err
}

func (r *dirReader) Close() error { return r.f.Close() }

// List implements Store.
func (d *Dir) List(ctx context.Context, prefix string) iter.Seq2[Info, error] {
	return func(yield func(Info, error) bool) {
		if err := d.check(ctx, "list", prefix); err != nil {
			yield(Info{}, err)
			return
		}
		d.walk(ctx, "", prefix, yield)
	}
}

// walk gives what is in one directory and beneath it. In the order of keys a directory stands where its name with a slash
// does.
func (d *Dir) walk(ctx context.Context, dir, prefix string, yield func(Info, error) bool) bool {
	entries, err := os.ReadDir(d.path(dir))
	if err != nil {
		if dir != "" && errors.Is(err, fs.ErrNotExist) { // removed meanwhile
			return true
		}
		return yield(Info{}, d.failed("list", dir, err)) && false
	}
	slices.SortFunc(entries, func(a, b fs.DirEntry) int { return cmp.Compare(sortName(a), sortName(b)) })
	for _, entry := range entries {
		if ctx.Err() != nil {
			return yield(Info{}, &Error{Op: "list", Key: prefix, Store: d.root, Err: context.Cause(ctx)}) && false
		}
		key := dir + entry.Name()
		switch {
		case CheckKey(key) != nil:
		case entry.IsDir():
			under := key + "/"
			if (strings.HasPrefix(under, prefix) || strings.HasPrefix(prefix, under)) && !d.walk(ctx, under, prefix, yield) {
				return false
			}
		case strings.HasPrefix(key, prefix):
			st, err := entry.Info()
			if errors.Is(err, fs.ErrNotExist) || err == nil && !st.Mode().IsRegular() {
				continue
			}
			info, err := d.info("list", key, st, err)
			if !yield(info, err) || err != nil {
				return false
			}
		}
	}
	return true
}

func sortName(e fs.DirEntry) string {
	if e.IsDir() {
		return e.Name() + "/"
	}
	return e.Name()
}

// Delete implements Store.
func (d *Dir) Delete(ctx context.Context, key string) error {
	if err := CheckKey(key); err != nil {
		return err
	}
	if err := d.check(ctx, "delete", key); err != nil {
		return err
	}
	err := unix.Unlink(d.path(key)) // os.Remove would take a directory too
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ENOTDIR), errors.Is(err, syscall.EISDIR), errors.Is(err, syscall.EPERM) && d.isDir(key):
		return nil
	case err != nil:
		return d.failed("delete", key, err)
	}
	if err := d.prune(filepath.Dir(d.path(key))); err != nil {
		return d.failed("delete", key, err)
	}
	return nil
}

// isDir says whether a key is a directory, which some systems refuse to unlink with the word for a lack of rights.
func (d *Dir) isDir(key string) bool {
	st, err := os.Lstat(d.path(key))
	return err == nil && st.IsDir()
}

// prune syncs a directory from which something was removed, and removes those that are empty now: a store has no empty
// directories.
func (d *Dir) prune(dir string) error {
	for dir != d.root && unix.Rmdir(dir) == nil {
		dir = filepath.Dir(dir)
	}
	if err := syncDir(dir); err != nil && !errors.Is(err, fs.ErrNotExist) { // somebody else pruned it
		return err
	}
	return nil
}

// syncDir makes what was linked, renamed and removed in a directory last.
func syncDir(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := f.Sync(); err != nil && !errors.Is(err, syscall.EINVAL) && !errors.Is(err, syscall.ENOTSUP) { // file systems that cannot
		return err
	}
	return nil
}

// mkdirs makes the directories above a key, and syncs what it made.
func (d *Dir) mkdirs(key string) (string, error) {
	at := d.root
	dir, _, _ := cutLast(key)
	if dir == "" {
		return at, nil
	}
	for name := range strings.SplitSeq(dir, "/") {
		parent := at
		at = filepath.Join(at, name)
		switch err := os.Mkdir(at, 0o700); {
		case err == nil:
			if err := syncDir(parent); err != nil {
				return at, err
			}
		case !errors.Is(err, fs.ErrExist):
			return at, err
		}
	}
	return at, nil
}

func cutLast(key string) (dir, name string, found bool) {
	i := strings.LastIndexByte(key, '/')
	if i < 0 {
		return "", key, false
	}
	return key[:i], key[i+1:], true
}

// Sweep implements Store. A file that is being written is locked by its writer, and is left alone at any age.
func (d *Dir) Sweep(ctx context.Context, prefix string, olderThan time.Duration) ([]Leftover, error) {
	if err := d.check(ctx, "sweep", prefix); err != nil {
		return nil, err
	}
	entries, err := os.ReadDir(filepath.Join(d.root, incoming))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, d.failed("sweep", prefix, err)
	}
	var found []Leftover
	var errs []error
	for _, entry := range entries {
		if err := ctx.Err(); err != nil {
			errs = append(errs, &Error{Op: "sweep", Key: prefix, Store: d.root, Err: context.Cause(ctx)})
			break
		}
		key, whole := keyOf(entry.Name())
		if !strings.HasPrefix(key, prefix) && (whole || !strings.HasPrefix(prefix, key)) {
			continue
		}
		l, ok, err := d.sweepOne(entry.Name(), olderThan)
		switch {
		case err != nil:
			errs = append(errs, d.failed("sweep", key, err))
		case ok:
			l.Key = key
			found = append(found, l)
		}
	}
	if len(found) > 0 {
		if err := syncDir(filepath.Join(d.root, incoming)); err != nil {
			errs = append(errs, d.failed("sweep", prefix, err))
		}
	}
	sortLeftovers(found)
	return found, errors.Join(errs...)
}

func (d *Dir) sweepOne(name string, olderThan time.Duration) (Leftover, bool, error) {
	path := filepath.Join(d.root, incoming, name)
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return Leftover{}, false, nil
	}
	if err != nil {
		return Leftover{}, false, err
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		return Leftover{}, false, err
	}
	if !st.Mode().IsRegular() || olderThan > 0 && d.o.Now().Sub(st.ModTime()) < olderThan {
		return Leftover{}, false, nil
	}
	if unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB) != nil {
		return Leftover{}, false, nil
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return Leftover{}, false, fmt.Errorf("remove %s: %w", path, err)
	}
	return Leftover{ID: name, Started: st.ModTime(), Size: st.Size()}, true, nil
}
