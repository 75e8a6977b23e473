// Package hex reads packages as hex.pm publishes them: it asks for one, verifies it against the registry's checksum, and
// unpacks it. It needs no client of hex, and neither builds nor runs what it unpacks.
//
// Formats: https://github.com/hexpm/specifications (package_tarball.md, endpoints.md).
package hex

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"strings"
)

// What a package may be. Hex itself takes 16 MB packed and 128 MB unpacked.
const (
	MaxTarball  = 16 << 20
	maxContents = 128 << 20
	maxFiles    = 10_000
	maxMetadata = 1 << 20
)

// Package is a published package, unpacked.
type Package struct {
	Name    string
	Version string
	Elixir  string // requirement: ~> 1.15; empty: none
	Files   []File
}

// File of a package. Paths are checked: they stay within, and none is another's directory.
type File struct {
	Path string
	Data []byte
}

// Open reads a package's tar, whose checksum was verified before.
func Open(tarball []byte) (*Package, error) {
	parts, err := outer(tarball)
	if err != nil {
		return nil, fmt.Errorf("read the package: %w", err)
	}
	if v := strings.TrimSpace(string(parts["VERSION"])); v != "3" {
		return nil, fmt.Errorf("read the package: its format is %.20q, and 3 is known", v)
	}
	meta, err := readMetadata(parts["metadata.config"])
	if err != nil {
		return nil, fmt.Errorf("read the package: metadata.config: %w", err)
	}
	p := &Package{Name: meta["name"], Version: meta["version"], Elixir: meta["elixir"]}
	if p.Files, err = contents(parts["contents.tar.gz"]); err != nil {
		return nil, fmt.Errorf("read the package: contents.tar.gz: %w", err)
	}
	return p, nil
}

// outer reads the tar's own files. Others than the known ones are left alone, so that the format can grow.
func outer(tarball []byte) (map[string][]byte, error) {
	if len(tarball) > MaxTarball {
		return nil, fmt.Errorf("it is larger than %d MB", MaxTarball>>20)
	}
	limits := map[string]int64{"VERSION": 16, "metadata.config": maxMetadata, "contents.tar.gz": MaxTarball}
	parts := map[string][]byte{}
	in := tar.NewReader(bytes.NewReader(tarball))
	for n := 0; n < 100; n++ {
		h, err := in.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, err
		}
		limit, known := limits[h.Name]
		if !known {
			continue
		}
		if h.Typeflag != tar.TypeReg || h.Size > limit || parts[h.Name] != nil {
			return nil, fmt.Errorf("%s is not one plain file of up to %d bytes", h.Name, limit)
		}
		if parts[h.Name], err = io.ReadAll(in); err != nil {
			return nil, err
		}
	}
	for name := range limits {
		if parts[name] == nil {
			return nil, fmt.Errorf("it has no %s", name)
		}
	}
	return parts, nil
}

// contents unpacks the files. Directories come about by their files; links, devices and the like are refused.
func contents(packed []byte) ([]File, error) {
	z, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		return nil, err
	}
	var files []File
	left := int64(maxContents)
	seen, dirs := map[string]bool{}, map[string]bool{}
	in := tar.NewReader(io.LimitReader(z, maxContents+maxFiles*2048))
	for {
		h, err := in.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, err
		}
		name := strings.TrimPrefix(h.Name, "./")
		if h.Typeflag == tar.TypeDir {
			continue
		}
		if h.Typeflag != tar.TypeReg {
			return nil, fmt.Errorf("%.120q is not a plain file", name)
		}
		if !fs.ValidPath(name) || name == "." || strings.ContainsAny(name, "\\\x00") {
			return nil, fmt.Errorf("%.120q leads out of the package", name)
		}
		if seen[name] || len(files) >= maxFiles {
			return nil, fmt.Errorf("%.120q is there twice, or there are more than %d files", name, maxFiles)
		}
		if left -= h.Size; left < 0 {
			return nil, fmt.Errorf("it is larger than %d MB", maxContents>>20)
		}
		data, err := io.ReadAll(in)
		if err != nil {
			return nil, err
		}
		seen[name] = true
		for dir := path.Dir(name); dir != "."; dir = path.Dir(dir) {
			dirs[dir] = true
		}
		files = append(files, File{Path: name, Data: data})
	}
	for _, f := range files {
		if dirs[f.Path] {
			return nil, fmt.Errorf("%.120q is a file and a directory", f.Path)
		}
	}
	return files, nil
}
