// Package gather finds out what a preflight judges: it reads the source tree, and asks git, the registry, the platform and
// the database, all at once, each with a deadline of its own. It only reads, but for git fetch where that is asked for. What
// cannot be found out is left unknown, with the reason; nothing that fails here fails the whole.
package gather

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"ops-console/ops/fly"
	"ops-console/ops/fly/flytoml"
	"ops-console/ops/postgres"
	"ops-console/ops/preflight"
	"ops-console/ops/preflight/git"
	"ops-console/ops/preflight/registry"
	"ops-console/ops/preflight/source"
	"ops-console/ops/replication"
)

// Platform is what is asked of the platform. *fly.Client is one.
type Platform interface {
	App(ctx context.Context, name string) (fly.App, error)
	Machines(ctx context.Context, app string) ([]fly.Machine, error)
	LeaseOf(ctx context.Context, app, id string) (*fly.Lease, error)
	WebReleases(ctx context.Context, app string, limit int) ([]fly.Release, error)
	Secrets(ctx context.Context, app string) ([]fly.Secret, error)
	Volumes(ctx context.Context, app string) ([]fly.Volume, error)
	Regions(ctx context.Context) (regions []fly.Region, nearest string, err error)
}

var _ Platform = (*fly.Client)(nil)

// Registry is what is asked of registries. *registry.Client is one.
type Registry interface {
	Image(ctx context.Context, ref registry.Ref) (registry.Image, error)
}

// Options of Facts. What is nil is not asked.
type Options struct {
	Project      string // directory; empty: there is none
	FlyToml      string // the fly.toml that is meant; empty: found in the project
	App          string // that is meant; empty: fly.toml's
	Named        bool   // App was named by hand
	Image        string // reference; empty: none
	MaxPerRegion int
	Fetch        bool   // ask the remote what it has
	Own          string // ID of the deployment that asks; empty: none does
	BackupFirst  bool   // that deployment takes a backup before it changes anything

	Platform Platform
	Registry Registry
	// Primary connects to the database's primary. The caller of it closes the connection.
	Primary     func(ctx context.Context) (*postgres.Conn, error)
	Replication func(ctx context.Context) (*replication.Snapshot, error)
	Migrations  func(ctx context.Context) (preflight.Migrations, error)
	Backups     func(ctx context.Context) (preflight.Backups, error)

	// Missing is why Platform, Primary, Replication, Migrations or Backups is nil, by its name.
	Missing map[string]string

	Timeout time.Duration // for each of them; 0: 10 s
	Now     func() time.Time
}

const defaultTimeout = 10 * time.Second

// Facts finds out what it can.
func Facts(ctx context.Context, o Options) *preflight.Facts {
	if o.Timeout == 0 {
		o.Timeout = defaultTimeout
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	f := &preflight.Facts{At: o.Now(), Project: o.Project, App: o.App, Named: o.Named, ImageRef: o.Image, MaxPerRegion: o.MaxPerRegion, Own: o.Own, BackupFirst: o.BackupFirst}
	meant := "" // where nobody named it, the files decide
	if o.Named {
		meant = o.App
	}
	f.Source = preflight.Found(Source(o.Project, o.FlyToml, meant))
	if t, ok := f.Source.Get(); ok && t.Fly != nil {
		if f.App == "" {
			f.App = t.Fly.App
		}
		if f.ImageRef == "" {
			f.ImageRef = t.Fly.Build.Image
		}
	}
	g := &gatherer{o: o, f: f}
	g.all(ctx)
	f.At = o.Now()
	return f
}

// Source reads a project's source tree. flyToml, where it lies elsewhere, is read all the same.
func Source(dir, flyToml, app string) (*source.Tree, error) {
	if dir == "" {
		return nil, errors.New("no project's directory is known")
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("open the project: %w", err)
	}
	defer root.Close() //nolint:errcheck // it was only read
	o := source.Options{App: app}
	if flyToml != "" {
		if o.FlyPath, o.Fly, err = flyFile(dir, flyToml); err != nil {
			return nil, err
		}
	}
	return source.Read(root.FS(), o)
}

// flyFile is a fly.toml that was named: its path relative to the project, and what is in it where it lies elsewhere.
func flyFile(dir, path string) (string, *flytoml.File, error) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return "", nil, fmt.Errorf("find %s: %w", path, err)
	}
	if _, err := os.Stat(abs); err != nil {
		return "", nil, fmt.Errorf("--fly-toml %s: %w", path, errors.Unwrap(err))
	}
	if top, err := filepath.Abs(dir); err == nil {
		if rel, err := filepath.Rel(top, abs); err == nil && filepath.IsLocal(rel) {
			return filepath.ToSlash(rel), nil, nil
		}
	}
	f, err := flytoml.Load(abs)
	if f == nil {
		return "", nil, err
	}
	return filepath.ToSlash(abs), f, nil
}

// gatherer asks all at once. Each question writes what only it writes.
type gatherer struct {
	o  Options
	f  *preflight.Facts
	wg sync.WaitGroup
}

func (g *gatherer) all(ctx context.Context) {
	var image, repository sync.WaitGroup
	image.Add(1)
	repository.Add(1)
	g.start(ctx, func(ctx context.Context) { defer image.Done(); g.image(ctx) })
	patience := g.o.Timeout
	if g.o.Fetch {
		patience += fetchTime
	}
	g.startFor(ctx, patience, func(ctx context.Context) { defer repository.Done(); g.git(ctx) })
	g.start(ctx, func(ctx context.Context) { g.server(ctx) })
	g.start(ctx, func(ctx context.Context) { g.f.Replication = lag(g.replication(ctx)) })
	g.start(ctx, func(ctx context.Context) {
		g.f.Migrations = ask(ctx, g.o.Migrations, g.missing("Migrations", "no project's directory is known"))
	})
	g.start(ctx, func(ctx context.Context) {
		g.f.Backups = ask(ctx, g.o.Backups, g.missing("Backups", "the profile names no place where backups are kept"))
	})
	g.platform(ctx)
	image.Wait()
	repository.Wait()
	g.start(ctx, g.revision)
	g.wg.Wait()
}

// fetchTime is how much longer asking the remote may take.
const fetchTime = time.Minute

// start runs a question with its deadline.
func (g *gatherer) start(ctx context.Context, question func(context.Context)) {
	g.startFor(ctx, g.o.Timeout, question)
}

func (g *gatherer) startFor(ctx context.Context, patience time.Duration, question func(context.Context)) {
	g.wg.Go(func() {
		ctx, cancel := context.WithTimeout(ctx, patience)
		defer cancel()
		question(ctx)
	})
}

func (g *gatherer) missing(what, otherwise string) string {
	if why := g.o.Missing[what]; why != "" {
		return why
	}
	return otherwise
}

// ask asks, where there is somebody to be asked.
func ask[T any](ctx context.Context, question func(context.Context) (T, error), missing string) preflight.Fact[T] {
	if question == nil {
		return preflight.NotKnown[T](missing)
	}
	v, err := question(ctx)
	return preflight.Found(v, err)
}

func (g *gatherer) image(ctx context.Context) {
	if g.f.ImageRef == "" {
		return
	}
	ref, err := registry.ParseRef(g.f.ImageRef)
	switch {
	case err != nil:
		g.f.Image = preflight.Found(registry.Image{}, err)
	case g.o.Registry == nil:
		g.f.Image = preflight.NotKnown[registry.Image]("no registry is asked")
	default:
		g.f.Image = preflight.Found(g.o.Registry.Image(ctx, ref))
	}
}

func (g *gatherer) git(ctx context.Context) {
	if g.o.Project == "" {
		g.f.Git = preflight.NotKnown[git.State]("no project's directory is known")
		return
	}
	s, err := git.Read(ctx, g.o.Project)
	if err == nil && g.o.Fetch {
		if ferr := s.Fetch(ctx); ferr != nil {
			g.f.Fetch = ferr.Error()
		} else {
			s, err = git.Read(ctx, g.o.Project)
		}
	}
	g.f.Git = preflight.Found(s, err)
}

func (g *gatherer) revision(ctx context.Context) {
	img, known := g.f.Image.Get()
	s, ok := g.f.Git.Get()
	if !known || !ok {
		g.f.Revision = preflight.NotKnown[git.Revision]("there is nothing to compare")
		return
	}
	commit, _, _ := preflight.RevisionOf(g.f.ImageRef, img.Labels)
	if !git.Hash(commit) {
		g.f.Revision = preflight.NotKnown[git.Revision]("the image names no commit")
		return
	}
	g.f.Revision = preflight.Found(s.Locate(ctx, commit))
}
