package app

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"

	"ops-console/ops/ecto"
	"ops-console/ops/ecto/elixir"
	"ops-console/ops/plaintext"
)

const (
	maxFiles  = 100_000 // source files of an application
	maxSource = 8 << 20 // bytes of one
	maxShown  = 300     // characters of an error
)

// Read reads the schemas in the .ex files below some directories of a project, such as lib and apps/web/lib; without
// any, below lib, web and apps/*/lib. Several files are read at a time. A file that cannot be read is a note; an error
// is returned where the context ends.
func Read(ctx context.Context, dir string, roots ...string) (*Schemas, error) {
	if len(roots) == 0 {
		roots = usual(dir)
	}
	s := &Schemas{}
	paths := s.files(dir, roots)
	found := make([]file, len(paths))
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(max(runtime.GOMAXPROCS(0), 2))
	for i, p := range paths {
		g.Go(func() error {
			if err := ctx.Err(); err != nil {
				return err
			}
			found[i] = read(dir, p)
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		return nil, fmt.Errorf("read the schemas of the application: %w", err)
	}
	s.join(found)
	return s, nil
}

func usual(dir string) []string {
	out := []string{"lib", "web"}
	apps, err := os.ReadDir(filepath.Join(dir, "apps"))
	if err != nil {
		return out
	}
	for _, e := range apps {
		if e.IsDir() {
			out = append(out, path.Join("apps", e.Name(), "lib"))
		}
	}
	return out
}

// files are the source files below the roots, each once, by path.
func (s *Schemas) files(dir string, roots []string) []string {
	var out []string
	for _, root := range roots {
		root = path.Clean(filepath.ToSlash(root))
		top := filepath.Join(dir, filepath.FromSlash(root))
		if _, err := os.Stat(top); os.IsNotExist(err) {
			continue
		}
		err := filepath.WalkDir(top, func(p string, e fs.DirEntry, err error) error {
			rel, relErr := filepath.Rel(dir, p)
			if relErr != nil {
				return relErr
			}
			rel = filepath.ToSlash(rel)
			switch {
			case err != nil:
				s.note(rel, err)
				if e != nil && e.IsDir() {
					return fs.SkipDir
				}
				return nil
			case e.IsDir() && rel != root && skipped(e.Name()):
				return fs.SkipDir
			case e.Type().IsRegular() && strings.HasSuffix(p, ".ex") && len(out) < maxFiles:
				out = append(out, rel)
			}
			return nil
		})
		if err != nil {
			s.note(root, err)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// skipped are directories that are not the application's own code: dependencies, what was built, what is hidden.
func skipped(name string) bool {
	return name == "deps" || name == "_build" || name == "node_modules" || strings.HasPrefix(name, ".")
}

func (s *Schemas) note(p string, err error) {
	s.Notes = append(s.Notes, Note{Path: p, Note: ecto.Note{Code: "unreadable", Text: plaintext.Line(err.Error(), maxShown)}})
}

// file is what one source file says.
type file struct {
	path    string
	modules []module
	using   map[string]attributes // what a module's __using__ sets in those that use it
	queries []Query
	notes   []Note
}

// words are what a file must contain one of to be parsed.
var words = [][]byte{[]byte("schema"), []byte("__using__"), []byte(` in "`), []byte(`_all(`), []byte(`|> where(`), []byte(`from("`), []byte(`from "`)}

func read(dir, p string) (f file) {
	f.path = p
	src, err := os.ReadFile(filepath.Join(dir, filepath.FromSlash(p)))
	if err == nil && len(src) > maxSource {
		err = fmt.Errorf("%d bytes are more than a source file has", len(src))
	}
	if err != nil {
		f.notes = append(f.notes, Note{Path: p, Note: ecto.Note{Code: "unreadable", Text: plaintext.Line(err.Error(), maxShown)}})
		return f
	}
	if !slices.ContainsFunc(words, func(w []byte) bool { return bytes.Contains(src, w) }) {
		return f
	}
	tree, errs := elixir.Parse(src, p)
	for _, e := range errs {
		f.notes = append(f.notes, Note{Path: p, Note: ecto.Note{
			At: ecto.Span{Line: int(e.Line), Column: int(e.Column)}, Code: "parse-error", Text: plaintext.Line(e.Msg, maxShown),
		}})
	}
	f.read(tree)
	return f
}

// join makes schemas of what the files say, now that it is known what the application's own use macros set.
func (s *Schemas) join(found []file) {
	using := map[string]attributes{}
	for _, f := range found {
		for name, a := range f.using {
			using[name] = a
		}
	}
	for _, f := range found {
		s.Files++
		s.Notes = append(s.Notes, f.notes...)
		s.Queries = append(s.Queries, f.queries...)
		for _, m := range f.modules {
			sc, queries := m.schema(f.path, using)
			s.List = append(s.List, sc)
			s.Queries = append(s.Queries, queries...)
		}
	}
	slices.SortStableFunc(s.List, func(a, b Schema) int {
		return cmp.Or(cmp.Compare(a.Path, b.Path), cmp.Compare(a.At.Line, b.At.Line), cmp.Compare(a.At.Column, b.At.Column))
	})
}
