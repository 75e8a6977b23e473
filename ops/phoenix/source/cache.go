package source

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/google/renameio/v2"

	"ops-console/ops/phoenix"
)

// Cache keeps trees by content, beside what sources download and build. All of it can be deleted at any time; what is broken
// in it counts as missing. The zero value keeps nothing.
//
//	trees/KEY           paths, hashes and provenance of one tree as JSON, after a line with that text's SHA-256
//	blobs/AB/ABCD…      a file's content, under its SHA-256
//	packages/           packages of generators, as published
//	builds/             the same, compiled
//	snapshots/          snapshots from elsewhere
//	tmp/                work in progress
type Cache struct {
	Dir      string // for example $XDG_CACHE_HOME/ops-console/phx; it is made when it is needed
	MaxBytes int64  // of all of it; 0: 512 MB
}

const defaultCacheBytes = 512 << 20

// manifest of a tree, as written.
type manifest struct {
	Format     int
	Source     string
	Axis       phoenix.Axis
	Version    phoenix.Version
	Flags      phoenix.Flags
	App        string
	Module     string
	Names      phoenix.Names `json:",omitzero"`
	Within     phoenix.Flags `json:",omitempty"`
	Provenance phoenix.Provenance
	Files      []manifestFile
}

type manifestFile struct {
	Path       string
	SHA256     string
	Size       int64
	Executable bool `json:",omitempty"`
}

const manifestFormat = 1

// key is the name of the entry for a tree of a source.
func key(source string, s phoenix.Spec) string {
	words := []string{source, string(s.Axis), s.Version.String(), s.Flags.String(), s.App, s.Module}
	if s.Axis != phoenix.Project {
		words = append(words, s.Names.String(), s.Within.String())
	}
	sum := sha256.Sum256([]byte(strings.Join(words, "\x00")))
	return hex.EncodeToString(sum[:])
}

// Load gives a tree that was stored; false: it is not there whole.
func (c *Cache) Load(source string, s phoenix.Spec) (*phoenix.Tree, bool) {
	if c == nil || c.Dir == "" {
		return nil, false
	}
	at := filepath.Join(c.Dir, "trees", key(source, s))
	m, ok := readManifest(at)
	if !ok {
		return nil, false
	}
	was := phoenix.Spec{Axis: m.Axis, Version: m.Version, Flags: m.Flags, App: m.App, Module: m.Module, Names: m.Names, Within: m.Within}
	if m.Source != source || compareSpecs(was, s) != 0 || was.App != s.App || was.Module != s.Module {
		return nil, false
	}
	var g gathering
	for _, f := range m.Files {
		data, ok := c.blob(f.SHA256)
		if !ok || int64(len(data)) != f.Size || g.add(f.Path, data, f.Executable) != nil {
			return nil, false
		}
	}
	files, err := g.done(at)
	if err != nil {
		return nil, false
	}
	touch(at)
	m.Provenance.Cached = true
	return &phoenix.Tree{Spec: s, Files: files, Provenance: m.Provenance}, true
}

// Store keeps a tree. It is there whole or not at all.
func (c *Cache) Store(source string, t *phoenix.Tree) error {
	if c == nil || c.Dir == "" {
		return nil
	}
	m := manifest{
		Format: manifestFormat, Source: source, Axis: t.Spec.Axis, Version: t.Spec.Version, Flags: t.Spec.Flags,
		App: t.Spec.App, Module: t.Spec.Module, Names: t.Spec.Names, Within: t.Spec.Within, Provenance: t.Provenance,
	}
	for _, p := range t.Paths() {
		f := t.Files[p]
		sum := f.Hash()
		name := hex.EncodeToString(sum[:])
		if err := c.keep(name, f.Data); err != nil {
			return fmt.Errorf("keep a generated tree: %w", err)
		}
		m.Files = append(m.Files, manifestFile{Path: p, SHA256: name, Size: int64(len(f.Data)), Executable: f.Executable})
	}
	text, err := json.Marshal(m)
	if err != nil {
		return fmt.Errorf("keep a generated tree: %w", err)
	}
	sum := sha256.Sum256(text)
	text = append(hex.AppendEncode(nil, sum[:]), append([]byte("\n"), text...)...)
	if err := c.write(filepath.Join("trees", key(source, t.Spec)), text); err != nil {
		return fmt.Errorf("keep a generated tree: %w", err)
	}
	return c.Trim(time.Now())
}

// readManifest reads one that is whole.
func readManifest(at string) (m manifest, ok bool) {
	text, err := readFile(at, maxFile)
	if err != nil {
		return m, false
	}
	line, text, _ := bytes.Cut(text, []byte("\n"))
	sum := sha256.Sum256(text)
	if string(line) != hex.EncodeToString(sum[:]) {
		return m, false
	}
	return m, json.Unmarshal(text, &m) == nil && m.Format == manifestFormat
}

func blobPath(name string) string { return filepath.Join("blobs", name[:2], name) }

// blob reads content by its hash, and checks it.
func (c *Cache) blob(name string) ([]byte, bool) {
	if len(name) != 2*sha256.Size {
		return nil, false
	}
	if _, err := hex.DecodeString(name); err != nil {
		return nil, false
	}
	data, err := readFile(filepath.Join(c.Dir, blobPath(name)), maxFile)
	if err != nil {
		return nil, false
	}
	sum := sha256.Sum256(data)
	return data, hex.EncodeToString(sum[:]) == name
}

func (c *Cache) keep(name string, data []byte) error {
	if _, ok := c.blob(name); ok {
		return nil
	}
	return c.write(blobPath(name), data)
}

// write replaces a file of the cache at once.
func (c *Cache) write(name string, data []byte) error {
	at := filepath.Join(c.Dir, name)
	if err := os.MkdirAll(filepath.Dir(at), 0o700); err != nil {
		return err
	}
	return renameio.WriteFile(at, data, 0o600, renameio.WithTempDir(filepath.Dir(at)))
}

// temp makes a directory for work in progress; the caller removes it. What cannot be removed is Trim's to find.
func (c *Cache) temp(what string) (dir string, remove func(), err error) {
	all := filepath.Join(c.Dir, "tmp")
	if err := os.MkdirAll(all, 0o700); err != nil {
		return "", nil, err
	}
	if dir, err = os.MkdirTemp(all, what+"-*"); err != nil {
		return "", nil, err
	}
	return dir, func() { _ = os.RemoveAll(dir) }, nil
}

// Trim deletes what was used longest ago until the cache is within its bound, and what a killed process left behind. What was
// used within the last hour stays.
func (c *Cache) Trim(now time.Time) error {
	if c == nil || c.Dir == "" {
		return nil
	}
	limit := c.MaxBytes
	if limit == 0 {
		limit = defaultCacheBytes
	}
	all, err := c.units(now)
	if err != nil {
		return fmt.Errorf("look through the cache %s: %w", c.Dir, err)
	}
	var total int64
	for _, u := range all {
		total += u.bytes
	}
	if total <= limit {
		return nil
	}
	slices.SortFunc(all, func(a, b unit) int { return a.used.Compare(b.used) })
	used := map[string]int{} // blobs, by how many trees need them
	for _, u := range all {
		for _, b := range u.blobs {
			used[b]++
		}
	}
	var errs []error
	for _, u := range all {
		if total <= limit*3/4 {
			break
		}
		if now.Sub(u.used) < time.Hour {
			continue
		}
		if u.blob != "" {
			continue
		}
		errs = append(errs, os.RemoveAll(u.path))
		total -= u.bytes
		for _, b := range u.blobs {
			used[b]--
		}
	}
	for _, u := range all {
		if u.blob != "" && used[u.blob] == 0 && now.Sub(u.used) >= time.Hour {
			errs = append(errs, os.Remove(u.path))
		}
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("trim the cache %s: %w", c.Dir, err)
	}
	return nil
}

// unit is what is deleted at once.
type unit struct {
	path  string
	used  time.Time
	bytes int64    // without blobs that trees refer to
	blobs []string // that a tree refers to
	blob  string   // the name, if it is one
}

func (c *Cache) units(now time.Time) ([]unit, error) {
	var all []unit
	for _, dir := range []string{"trees", "packages", "builds", "snapshots", "tmp", "blobs"} {
		entries, err := os.ReadDir(filepath.Join(c.Dir, dir))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		for _, e := range entries {
			at := filepath.Join(c.Dir, dir, e.Name())
			switch dir {
			case "blobs":
				all = append(all, blobUnits(at)...)
				continue
			case "tmp":
				if info, err := e.Info(); err == nil && now.Sub(info.ModTime()) > 24*time.Hour {
					if err := os.RemoveAll(at); err != nil {
						return nil, err
					}
					continue
				}
			}
			u := unit{path: at}
			u.bytes, u.used = weigh(at)
			if dir == "trees" {
				u.blobs = blobsOf(at)
			}
			all = append(all, u)
		}
	}
	// What a tree weighs is its blobs, shared among those that have them.
	sizes, sharers := map[string]int64{}, map[string]int64{}
	for _, u := range all {
		if u.blob != "" {
			sizes[u.blob] = u.bytes
		}
		for _, b := range u.blobs {
			sharers[b]++
		}
	}
	for i := range all {
		u := &all[i]
		for _, b := range u.blobs {
			u.bytes += sizes[b] / sharers[b]
		}
		if u.blob != "" && sharers[u.blob] > 0 {
			u.bytes = 0
		}
	}
	return all, nil
}

func blobUnits(dir string) []unit {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil // gone, or not a directory of ours
	}
	var all []unit
	for _, e := range entries {
		u := unit{path: filepath.Join(dir, e.Name()), blob: e.Name()}
		u.bytes, u.used = weigh(u.path)
		all = append(all, u)
	}
	return all
}

func blobsOf(manifestPath string) []string {
	m, ok := readManifest(manifestPath)
	if !ok {
		return nil
	}
	seen := map[string]bool{}
	for _, f := range m.Files {
		seen[f.SHA256] = true
	}
	var names []string
	for n := range seen {
		names = append(names, n)
	}
	return names
}

// weigh is the size of a file or directory, and when it was touched itself.
func weigh(at string) (bytes int64, used time.Time) {
	if info, err := os.Lstat(at); err == nil {
		used = info.ModTime()
	}
	err := filepath.WalkDir(at, func(_ string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return nil //nolint:nilerr // what cannot be read is not weighed
		}
		if info, err := d.Info(); err == nil {
			bytes += info.Size()
		}
		return nil
	})
	if err != nil {
		return 0, used
	}
	return bytes, used
}

// touch says that an entry was used. That it may fail costs no more than the entry's place in the order.
func touch(at string) {
	now := time.Now()
	_ = os.Chtimes(at, now, now)
}

// readFile reads a regular file of up to a size.
func readFile(at string, limit int64) ([]byte, error) {
	info, err := os.Stat(at)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() || info.Size() > limit {
		return nil, fmt.Errorf("%s is no file of up to %d MB", at, limit>>20)
	}
	return os.ReadFile(at)
}

// Cached is a source whose trees are kept. Trees that are at hand need neither the network nor a program nor a question.
func Cached(c *Cache, s Source) Source { return &cached{Source: s, cache: c} }

type cached struct {
	Source
	cache *Cache
}

func (c *cached) Tree(ctx context.Context, s phoenix.Spec) (*phoenix.Tree, error) {
	s, notes, err := Fit(s)
	if err != nil {
		return nil, err
	}
	if t, ok := c.cache.Load(c.Name(), s); ok {
		return t, nil
	}
	t, err := c.Source.Tree(ctx, s)
	if err != nil {
		return nil, err
	}
	if err := c.cache.Store(c.Name(), t); err != nil {
		t.Provenance.Notes = append(t.Provenance.Notes, err.Error())
	}
	t.Provenance.Notes = append(notes, t.Provenance.Notes...)
	return t, nil
}
