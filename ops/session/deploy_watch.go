package session

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"github.com/oklog/ulid/v2"
	"golang.org/x/sync/errgroup"

	"ops-console/ops/audit"
	"ops-console/ops/deploy"
	"ops-console/ops/deploy/flyplatform"
	"ops-console/ops/deploy/watch"
	"ops-console/ops/fly"
	"ops-console/ops/plaintext"
	"ops-console/ops/preflight"
	"ops-console/ops/preflight/gather"
	"ops-console/ops/preflight/registry"
)

// How many are listed at most. Images are gone through at each keystroke of whoever chooses one, and older ones can be typed.
const (
	mostReleases = 50
	mostImages   = 500
)

// DeployDir is where the journals of an application's deployments lie, beneath the directory of the program's state.
func DeployDir(state, app string) string { return filepath.Join(state, "deploys", app) }

// WatchDeploys begins to watch the application's releases and deployments. state is the directory of the program's state.
func (s *Session) WatchDeploys(ctx context.Context, o Options, now func() time.Time, by, state string, record Record) *watch.Watcher {
	app := s.Profile.App
	return watch.Watch(ctx, watch.Options{
		Dir: DeployDir(state, app), Audit: audit.Path(state, app), Holder: by, Record: record, Now: now,
		Fleet: func(ctx context.Context) (watch.Fleet, error) { return s.fleet(ctx, by, now()) }, Images: func(ctx context.Context) ([]string, error) { return s.Images(ctx, o) },
		Plan: func(ctx context.Context, image string, release int) (*watch.Planned, error) {
			return s.planned(ctx, DeployOptions{
				ID: ulid.MustNew(ulid.Timestamp(now()), ulid.DefaultEntropy()).String(), By: by, At: now(), Image: image,
			}, release)
		},
		Platform: func(ctx context.Context, p *deploy.Plan, definition json.RawMessage, told func(string)) (deploy.Platform, error) {
			if definition == nil {
				d, err := s.DeployDefinition(ctx)
				if err != nil {
					return nil, err
				}
				definition = d
			}
			return s.DeployPlatform(p, definition, o, now, told), nil
		},
		TakeOver: func(ctx context.Context, id string) (*deploy.Deployment, error) {
			return s.TakeOver(ctx, id, by, state, now)
		},
		Check: func(ctx context.Context, image string) (*watch.Checked, error) {
			in := s.PreflightOptions()
			in.Named, in.Image, in.Now, in.Timeout = true, image, now, 10*time.Second
			f := gather.Facts(ctx, in)
			return &watch.Checked{Report: preflight.Evaluate(f), Matrix: preflight.Matrix(f)}, nil
		},
	})
}

// planned plans to deploy an image, or, where there is none, to go back.
func (s *Session) planned(ctx context.Context, o DeployOptions, release int) (*watch.Planned, error) {
	var (
		d   *Deployment
		err error
	)
	if o.Image == "" {
		o.NoPreflight = true
		d, err = s.PlanRollback(ctx, o, release)
	} else {
		d, err = s.PlanDeploy(ctx, o)
	}
	if err != nil {
		return nil, err
	}
	return &watch.Planned{Plan: &d.Plan, Notes: d.Notes, Definition: d.Definition}, nil
}

// DeployDefinition is the fly.toml, as JSON, for the release record of a deployment that is taken up again: the project's,
// or else that of the release of now. It is empty where there is neither.
func (s *Session) DeployDefinition(ctx context.Context) (json.RawMessage, error) {
	_, d, err := s.flyToml()
	if err != nil || d != nil {
		return d, err
	}
	d, err = s.Platform.CurrentReleaseConfig(ctx, s.Profile.App)
	if errors.Is(err, fly.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("find what the release record is to say of the configuration: %w", err)
	}
	return d, nil
}

// Images lists the references of the images in the repository that the newest release's image is in, the highest tag first.
// Nil: there is no release with an image yet.
func (s *Session) Images(ctx context.Context, o Options) ([]string, error) {
	rr, err := s.Platform.WebReleases(ctx, s.Profile.App, mostReleases)
	if err != nil {
		return nil, fmt.Errorf("find where the images of %s are: %w", s.Profile.App, err)
	}
	i := slices.IndexFunc(rr, func(r fly.Release) bool { return r.ImageRef != "" })
	if i < 0 {
		return nil, nil
	}
	ref, err := registry.ParseRef(rr[i].ImageRef)
	if err != nil {
		return nil, fmt.Errorf("find where the images of %s are: %w", s.Profile.App, err)
	}
	tags, err := Registry(s.Profile, o).Tags(ctx, ref)
	if err != nil {
		return nil, err
	}
	out := make([]string, min(len(tags), mostImages))
	for i, t := range tags[:len(out)] {
		out[i] = registry.Ref{Registry: ref.Registry, Repository: ref.Repository, Tag: t}.String()
	}
	return out, nil
}

// plain is a text of the platform as it may be shown.
func plain(s string) string { return plaintext.Line(s, 300) }

// fleet reads the releases, and what runs.
func (s *Session) fleet(ctx context.Context, by string, now time.Time) (out watch.Fleet, err error) {
	app := s.Profile.App
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error {
		rr, err := s.Platform.WebReleases(ctx, app, mostReleases)
		if err != nil {
			return err
		}
		for _, r := range rr {
			out.Releases = append(out.Releases, watch.Release{
				Version: r.Version, Status: plain(r.Status), Description: plain(cmp.Or(r.Description, r.Reason)), Image: plain(r.ImageRef),
				By: plain(cmp.Or(r.User.Email, r.User.Name)), At: r.CreatedAt, Strategy: plain(r.Strategy),
			})
		}
		return nil
	})
	var mm []fly.Machine
	g.Go(func() (err error) {
		mm, err = s.Platform.MachinesWhere(ctx, app, fly.Where{Leases: true})
		return err
	})
	if err := g.Wait(); err != nil {
		return watch.Fleet{}, fmt.Errorf("read the releases of %s: %w", app, err)
	}
	out.Elsewhere = elsewhere(app, mm, by, now)
	for i := range mm {
		m := &mm[i]
		x := watch.Machine{ID: m.ID, Region: m.Region, State: m.State}
		if m.Config != nil {
			x.Group, x.Image = plain(m.Config.Metadata[fly.MetaProcessGroup]), plain(m.Config.Image)
			// What is no number is not known.
			x.Release, _ = strconv.Atoi(m.Config.Metadata[fly.MetaReleaseVersion])
		}
		if x.Group == flyplatform.GroupReleaseCommand {
			continue
		}
		out.Machines = append(out.Machines, x)
	}
	return out, nil
}
