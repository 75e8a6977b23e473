package lint

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"

	"golang.org/x/sync/errgroup"

	"ops-console/ops/ecto"
	"ops-console/ops/ecto/app"
	"ops-console/ops/ecto/lower"
	"ops-console/ops/ecto/project"
)

// Load reads the migrations of a repo, and the schemas of the application that it belongs to. A file that cannot be read
// is a migration with a note; an error is returned where the context ends. Live and Options are the caller's to set.
func Load(ctx context.Context, p *project.Project, r project.Repo) (Input, error) {
	in := Input{Repo: r, Migrations: make([]ecto.Migration, len(r.Files)), Sources: make(map[string][]byte, len(r.Files))}
	read := func(name string) ([]byte, error) {
		if !filepath.IsLocal(filepath.FromSlash(name)) {
			return nil, fmt.Errorf("%s: outside of the project", name)
		}
		return os.ReadFile(filepath.Join(p.Dir, filepath.FromSlash(name)))
	}
	lowering := &lower.Lowering{Settings: r.Settings, Read: read}
	sources := make([][]byte, len(r.Files))
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(max(runtime.GOMAXPROCS(0), 2))
	g.Go(func() error {
		s, err := app.Read(ctx, p.Dir, p.Sources...)
		in.App = s
		return err
	})
	var notes []project.Note
	if r.Dump != "" && len(r.Dumped) > 0 {
		g.Go(func() error {
			src, err := read(r.Dump)
			if err == nil {
				in.Dump, err = readDump(r.Dump, src)
			}
			if err != nil {
				notes = append(notes, unreadDump(r.Dump, err))
			}
			return ctx.Err()
		})
	}
	for i, f := range r.Files {
		g.Go(func() error {
			if err := ctx.Err(); err != nil {
				return err
			}
			src, err := read(f.Path)
			in.Migrations[i] = unreadable(f, err)
			if err == nil {
				sources[i], in.Migrations[i] = src, lowering.Migration(f, src)
			}
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		return Input{}, fmt.Errorf("read the migrations of %s: %w", r.Module, err)
	}
	in.Notes = notes
	for i := range in.Migrations {
		in.Migrations[i].Repo = r.Module
		in.Sources[in.Migrations[i].Path] = sources[i]
	}
	return in, nil
}

// unreadable is a file that is there and cannot be read.
func unreadable(f project.File, err error) ecto.Migration {
	return ecto.Migration{
		Path: f.Path, Version: f.Version, Name: f.Name,
		Notes: []ecto.Note{{At: ecto.Span{Line: 1, Column: 1}, Code: "unreadable", Text: fmt.Sprint(err)}},
	}
}
