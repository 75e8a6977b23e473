package source

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

var (
	scpLike     = regexp.MustCompile(`^[A-Za-z0-9._-]+@[A-Za-z0-9.-]+:`)
	archiveName = regexp.MustCompile(`\.(tar|tgz|tzst|tar\.(gz|zst))$`)
	bundleName  = regexp.MustCompile(`\.bundle$`)
)

// find opens a snapshot by what it turns out to be. The note says what a reader of its trees should know.
func (s *Snapshot) find(ctx context.Context) (store, string, error) {
	at, ref, _ := strings.Cut(s.at, "#")
	if at == "" {
		return nil, "", errors.New("the snapshot's place is empty")
	}
	if !isURL(at) {
		st, err := s.local(ctx, at, ref)
		return st, "", err
	}
	name := redact(at)
	file, _, _ := strings.Cut(at, "?")
	switch {
	case !archiveName.MatchString(file) && !bundleName.MatchString(file):
		return s.remote(ctx, at, name, ref)
	case strings.HasPrefix(at, "http://"), strings.HasPrefix(at, "https://"):
		path, note, err := s.download(ctx, at, ref)
		if err != nil {
			return nil, "", err
		}
		if strings.HasPrefix(ref, pin) {
			ref = ""
		}
		st, err := s.local(ctx, path, ref)
		if err != nil {
			_ = os.Remove(path) // what cannot be read is asked for again
		}
		return st, note, err
	}
	return nil, "", fmt.Errorf("%s: archives and bundles are fetched by http and https", name)
}

func (s *Snapshot) local(ctx context.Context, at, ref string) (store, error) {
	info, err := os.Stat(at)
	if err != nil {
		return nil, fmt.Errorf("open the snapshot: %w", err)
	}
	if !info.IsDir() {
		return s.file(ctx, at, ref)
	}
	if ref == "" {
		d, err := openDir(at)
		if err != nil {
			return nil, err
		}
		if len(d.all) > 0 {
			return d, nil
		}
	}
	if dir, ok := gitDir(at); ok {
		if ref == "" {
			ref = "HEAD"
		}
		return openGit(ctx, dir, at, ref)
	}
	if ref != "" {
		return nil, fmt.Errorf("%s is not a git repository, so it has no %s", at, ref)
	}
	return openDir(at)
}

func (s *Snapshot) file(ctx context.Context, at, ref string) (store, error) {
	f, err := os.Open(at)
	if err != nil {
		return nil, fmt.Errorf("open the snapshot: %w", err)
	}
	defer f.Close()
	head := make([]byte, 16)
	n, err := io.ReadFull(f, head)
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
		return nil, fmt.Errorf("read the snapshot %s: %w", at, err)
	}
	if !bytes.HasPrefix(head[:n], []byte("# v2 git bundle")) && !bytes.HasPrefix(head[:n], []byte("# v3 git bundle")) {
		return openTar(ctx, at)
	}
	// A bundle's commits can be read once they are in a repository: one in the cache, named after the bundle's content.
	sum := sha256.New()
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return nil, err
	}
	size, err := io.Copy(sum, io.LimitReader(f, maxDownloaded+1))
	if err != nil {
		return nil, fmt.Errorf("read the bundle %s: %w", at, err)
	}
	if size > maxDownloaded {
		return nil, fmt.Errorf("the bundle %s is larger than %d MB", at, maxDownloaded>>20)
	}
	path, err := filepath.Abs(at)
	if err != nil {
		return nil, err
	}
	dir, _, err := s.repository(ctx, "bundle-"+hex.EncodeToString(sum.Sum(nil)), path, ref)
	if err != nil {
		return nil, fmt.Errorf("read the bundle %s: %w", at, err)
	}
	return openGit(ctx, dir, at, fetched)
}
