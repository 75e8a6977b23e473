package store

import (
	"context"
	"encoding/base32"
	"errors"
	"hash/crc32"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// nonceBytes tell files of one key apart that are written at once.
const nonceBytes = 10

var base32Text = base32.StdEncoding.WithPadding(base32.NoPadding)

// tempName is what a file is called while it is written: its key and a nonce. Of a long key it has the beginning, marked
// with a dot, which no key begins with.
func tempName(key string, nonce []byte) string {
	const most = 200
	name := strings.ReplaceAll(strings.ReplaceAll(key, "%", "%25"), "/", "%2F")
	if len(name) > most {
		name = name[:most]
		if i := strings.LastIndexByte(name, '%'); i > most-3 {
			name = name[:i]
		}
		name = "." + strings.ToValidUTF8(name, "")
	}
	return name + "~" + base32Text.EncodeToString(nonce)
}

// keyOf reads the key from such a name, or its beginning.
func keyOf(name string) (key string, whole bool) {
	if i := strings.LastIndexByte(name, '~'); i >= 0 {
		name = name[:i]
	}
	name, cut := strings.CutPrefix(name, ".")
	return strings.ReplaceAll(strings.ReplaceAll(name, "%2F", "/"), "%25", "%"), !cut
}

// Begin implements Store.
func (d *Dir) Begin(ctx context.Context, key string, _ PutOpt) (Upload, error) {
	if err := CheckKey(key); err != nil {
		return nil, err
	}
	if err := d.check(ctx, "write", key); err != nil {
		return nil, err
	}
	u := &dirUpload{d: d, ctx: ctx, key: key}
	if err := u.create(); err != nil {
		return nil, d.failed("write", key, err)
	}
	return u, nil
}

// dirUpload is a file beneath incoming. It is locked while it is written, so that no sweep takes it away.
type dirUpload struct {
	d    *Dir
	ctx  context.Context
	key  string
	path string
	f    *os.File // nil: committed or aborted
	sum  uint32
	size int64
	err  error // the first
}

func (u *dirUpload) create() error {
	dir := filepath.Join(u.d.root, incoming)
	if err := os.Mkdir(dir, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	nonce := make([]byte, nonceBytes)
	if _, err := io.ReadFull(u.d.o.Rand, nonce); err != nil {
		return err
	}
	u.path = filepath.Join(dir, tempName(u.key, nonce))
	f, err := os.OpenFile(u.path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	u.f = f
	// A file system without locks loses no more than that a sweep may take files younger than it was told to.
	unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB) //nolint:errcheck // as above
	return nil
}

func (u *dirUpload) check(ctx context.Context, op string) error {
	switch {
	case u.err != nil:
	case u.f == nil:
		u.err = &Error{Op: op, Key: u.key, Store: u.d.root, Kind: ErrClosed}
	case u.ctx.Err() != nil:
		u.err = &Error{Op: op, Key: u.key, Store: u.d.root, Err: context.Cause(u.ctx)}
	case ctx.Err() != nil:
		u.err = &Error{Op: op, Key: u.key, Store: u.d.root, Err: context.Cause(ctx)}
	}
	return u.err
}

// Write implements io.Writer.
func (u *dirUpload) Write(b []byte) (int, error) {
	n := 0
	for len(b) > 0 {
		if err := u.check(u.ctx, "write"); err != nil {
			return n, err
		}
		p := b
		if u.d.limit != nil {
			p = p[:min(len(p), u.d.limit.Burst())]
			if err := u.d.limit.WaitN(u.ctx, len(p)); err != nil {
				u.err = &Error{Op: "write", Key: u.key, Store: u.d.root, Err: err}
				return n, u.err
			}
		}
		m, err := u.f.Write(p)
		u.sum = crc32.Update(u.sum, castagnoli, p[:m])
		u.size += int64(m)
		b, n = b[m:], n+m
		if err != nil {
			u.err = u.d.failed("write", u.key, err)
			return n, u.err
		}
	}
	return n, nil
}

// Commit implements Upload.
func (u *dirUpload) Commit(ctx context.Context) (Info, error) {
	if err := u.check(ctx, "commit"); err != nil {
		return Info{}, err
	}
	st, err := u.publish()
	if err != nil {
		u.err = u.d.failed("commit", u.key, err)
		return Info{}, u.err
	}
	u.f.Close()
	u.f = nil
	return Info{Key: u.key, Size: u.size, ModTime: st.ModTime(), CRC32C: crcText(u.sum)}, nil
}

// errSize says that the system took less than it said.
var errSize = errors.New("the file has not the size that was written")

func (u *dirUpload) publish() (fs.FileInfo, error) {
	if err := u.f.Sync(); err != nil {
		return nil, err
	}
	st, err := u.f.Stat()
	if err != nil {
		return nil, err
	}
	if st.Size() != u.size {
		return nil, errSize
	}
	if err := u.link(); err != nil {
		return nil, err
	}
	if err := syncDir(filepath.Dir(u.d.path(u.key))); err != nil {
		unix.Unlink(u.d.path(u.key)) //nolint:errcheck // the first error is the one to tell
		return nil, err
	}
	// It is gone already where it was renamed. What a crash leaves here is a second name of a good file, and swept.
	unix.Unlink(u.path) //nolint:errcheck // as above
	return st, nil
}

// link gives the file its name, unless that is taken.
func (u *dirUpload) link() error {
	const tries = 100 // against somebody who removes the directory, which was empty, between the two steps
	var err error
	for range tries {
		if _, err = u.d.mkdirs(u.key); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		to := u.d.path(u.key)
		err = os.Link(u.path, to)
		if errors.Is(err, syscall.EPERM) || errors.Is(err, syscall.ENOTSUP) || errors.Is(err, syscall.ENOSYS) || errors.Is(err, syscall.EMLINK) {
			err = renameIfAbsent(u.path, to) // a file system without links
		}
		if !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return err
}

// Abort implements Upload.
func (u *dirUpload) Abort(context.Context) error {
	if u.f == nil {
		return nil
	}
	err := os.Remove(u.path)
	u.f.Close()
	u.f = nil
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return u.d.failed("abort", u.key, err)
	}
	return nil
}

// PutIfAbsent implements Store.
func (d *Dir) PutIfAbsent(ctx context.Context, key string, b []byte) (Info, error) {
	u, err := d.Begin(ctx, key, PutOpt{})
	if err != nil {
		return Info{}, err
	}
	defer u.Abort(ctx) //nolint:errcheck // it is swept
	if _, err := u.Write(b); err != nil {
		return Info{}, err
	}
	return u.Commit(ctx)
}
