package source

import (
	"archive/tar"
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"strings"

	"github.com/klauspost/compress/zstd"

	"ops-console/ops/phoenix"
)

// tarStore is a snapshot in an archive, in memory. Files that are the same are held once: all versions of Phoenix with all
// flags are 10 MB of them.
type tarStore struct {
	name  string
	all   []place
	trees map[string][]tarFile
	bad   map[string]error // trees that cannot be given
}

type tarFile struct {
	path       string
	data       []byte
	executable bool
}

// openTar reads an archive: plain, gzip or zstd, by its first bytes.
func openTar(ctx context.Context, at string) (*tarStore, error) {
	f, err := os.Open(at)
	if err != nil {
		return nil, fmt.Errorf("open the snapshot: %w", err)
	}
	defer f.Close()
	s, err := readTar(ctx, f)
	if err != nil {
		return nil, fmt.Errorf("read the snapshot %s: %w", at, err)
	}
	s.name = at
	return s, nil
}

// readTar reads all of an archive.
func readTar(ctx context.Context, from io.Reader) (*tarStore, error) {
	r, done, err := expand(from)
	if err != nil {
		return nil, err
	}
	defer done()
	s := &tarStore{trees: map[string][]tarFile{}, bad: map[string]error{}}
	known := map[[sha256.Size]byte][]byte{} // content that was met before
	paths := map[string]tarFile{}           // for links to it
	var unique, all int64
	var lay places
	in := tar.NewReader(&limited{r: r, ctx: ctx, left: maxExpanded})
	for n := 0; ; n++ {
		h, err := in.Next()
		if errors.Is(err, io.EOF) {
			return s, nil
		}
		if err != nil {
			return nil, err
		}
		if n >= maxPaths {
			return nil, fmt.Errorf("there are more than %d entries", maxPaths)
		}
		name := strings.TrimPrefix(path.Clean(h.Name), "./")
		at, rest, ok := lay.of(name)
		if !ok || h.Typeflag == tar.TypeDir {
			continue
		}
		// What a sparse file has is more than what there is of it in the archive.
		if all += h.Size; all > maxExpanded {
			return nil, errors.New("it is larger than a snapshot may be")
		}
		f := tarFile{path: rest}
		switch {
		case h.Typeflag == tar.TypeLink:
			to, ok := paths[strings.TrimPrefix(path.Clean(h.Linkname), "./")]
			if !ok {
				s.bad[at.dir] = fmt.Errorf("%.120q is a link to what is not there", rest)
				continue
			}
			f.data, f.executable = to.data, to.executable
		case h.Typeflag != tar.TypeReg:
			s.bad[at.dir] = fmt.Errorf("%.120q is not a plain file", rest)
			continue
		case h.Size > maxFile:
			s.bad[at.dir] = fmt.Errorf("%.120q is larger than %d MB", rest, maxFile>>20)
			continue
		default:
			data, err := io.ReadAll(in)
			if err != nil {
				return nil, err
			}
			sum := sha256.Sum256(data)
			if _, ok := known[sum]; !ok {
				known[sum] = data
				if unique += int64(len(data)); unique > maxSnapshot {
					return nil, fmt.Errorf("it is more than %d MB", maxSnapshot>>20)
				}
			}
			f.data, f.executable = known[sum], h.Mode&0o100 != 0
		}
		paths[name] = f
		if _, ok := s.trees[at.dir]; !ok {
			s.all = append(s.all, at)
		}
		s.trees[at.dir] = append(s.trees[at.dir], f)
	}
}

// expand undoes compression.
func expand(from io.Reader) (io.Reader, func(), error) {
	in := bufio.NewReaderSize(from, 64<<10)
	magic, err := in.Peek(4)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, nil, err
	}
	switch {
	case bytes.HasPrefix(magic, []byte{0x1f, 0x8b}):
		z, err := gzip.NewReader(in)
		if err != nil {
			return nil, nil, err
		}
		return z, func() { _ = z.Close() }, nil
	case bytes.Equal(magic, []byte{0x28, 0xb5, 0x2f, 0xfd}):
		z, err := zstd.NewReader(in, zstd.WithDecoderMaxMemory(1<<30), zstd.WithDecoderMaxWindow(256<<20), zstd.WithDecoderConcurrency(1))
		if err != nil {
			return nil, nil, err
		}
		return z, z.Close, nil
	}
	return in, func() {}, nil
}

func (s *tarStore) places() []place { return s.all }
func (s *tarStore) detail() string  { return s.name }

func (s *tarStore) files(_ context.Context, dir string) (map[string]phoenix.File, error) {
	if err := s.bad[dir]; err != nil {
		return nil, err
	}
	var g gathering
	for _, f := range s.trees[dir] {
		if err := g.add(f.path, f.data, f.executable); err != nil {
			return nil, err
		}
	}
	return g.done(dir)
}

// limited ends with an error after a number of bytes, or with its context.
type limited struct {
	r    io.Reader
	ctx  context.Context
	left int64
}

func (l *limited) Read(b []byte) (int, error) {
	if err := l.ctx.Err(); err != nil {
		return 0, err
	}
	if l.left <= 0 {
		return 0, errors.New("it is larger than a snapshot may be")
	}
	if int64(len(b)) > l.left {
		b = b[:l.left]
	}
	n, err := l.r.Read(b)
	l.left -= int64(n)
	return n, err
}
