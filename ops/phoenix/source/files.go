package source

import (
	"fmt"
	"io/fs"
	"path"
	"strings"
	"unicode"
	"unicode/utf8"

	"ops-console/ops/phoenix"
)

// What a tree, and all of a snapshot, may be. The largest generated tree has 922 files and is under 2 MB; a snapshot of all
// versions with all flags has 220,000 files, of which 4,000 differ.
const (
	maxFile       = 16 << 20
	maxTreeBytes  = 128 << 20
	maxTreeFiles  = 20_000
	maxSnapshot   = 512 << 20 // of files that differ
	maxPaths      = 2_000_000
	maxExpanded   = 8 << 30 // of an archive, unpacked
	maxDownloaded = 512 << 20
)

// checkPath says what is wrong with the path of a file in a tree: it must stay within, out of git's own directory, and be
// text that can be shown.
func checkPath(p string) error {
	if !fs.ValidPath(p) || p == "." || len(p) > 1024 || !utf8.ValidString(p) || strings.ContainsRune(p, '\\') {
		return fmt.Errorf("%.120q is no path of a generated file", p)
	}
	for _, r := range p {
		if !unicode.IsPrint(r) {
			return fmt.Errorf("%.120q is no path of a generated file", p)
		}
	}
	for dir := range strings.SplitSeq(p, "/") {
		if strings.EqualFold(dir, ".git") {
			return fmt.Errorf("%.120q is within git's own directory", p)
		}
	}
	return nil
}

// gathering is files that are read, within bounds.
type gathering struct {
	files map[string]phoenix.File
	bytes int64
}

// add takes a file, or says why it cannot be part of a tree.
func (g *gathering) add(p string, data []byte, executable bool) error {
	if err := checkPath(p); err != nil {
		return err
	}
	if g.files == nil {
		g.files = map[string]phoenix.File{}
	}
	if _, ok := g.files[p]; ok {
		return fmt.Errorf("%.120q is there twice", p)
	}
	g.bytes += int64(len(data))
	if len(g.files) >= maxTreeFiles || g.bytes > maxTreeBytes {
		return fmt.Errorf("there are more than %d files or %d MB: that is no generated application", maxTreeFiles, maxTreeBytes>>20)
	}
	g.files[p] = phoenix.File{Data: data, Executable: executable}
	return nil
}

// done gives what was gathered; nothing is an error, so that an empty directory is never «everything was removed».
func (g *gathering) done(where string) (map[string]phoenix.File, error) {
	if len(g.files) == 0 {
		return nil, fmt.Errorf("%s has no files", where)
	}
	for p := range g.files {
		for dir := path.Dir(p); dir != "."; dir = path.Dir(dir) {
			if _, ok := g.files[dir]; ok {
				return nil, fmt.Errorf("%.120q is a file and a directory", dir)
			}
		}
	}
	return g.files, nil
}
