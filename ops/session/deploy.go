package session

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"ops-console/ops/backup"
	"ops-console/ops/backup/retain"
	"ops-console/ops/deploy"
	"ops-console/ops/deploy/flyplan"
	"ops-console/ops/deploy/flyplatform"
	"ops-console/ops/ecto"
	"ops-console/ops/ecto/additive"
	"ops-console/ops/ecto/lint"
	"ops-console/ops/ecto/project"
	"ops-console/ops/ecto/watch"
	"ops-console/ops/fly"
	"ops-console/ops/fly/flytoml"
	"ops-console/ops/health"
	"ops-console/ops/preflight"
	"ops-console/ops/preflight/gather"
	"ops-console/ops/preflight/registry"
	"ops-console/ops/scale"
)

// Names of the gates that this package answers.
const (
	GatePreflight = "preflight"
	GateBackup    = "backup"
	GateContent   = "content"
)

// Times of the gates.
const (
	preflightTimeout = time.Minute
	backupTimeout    = 6 * time.Hour
	contentTimeout   = 2 * time.Minute
	planTimeout      = time.Minute
)

// DeployOptions are what a deployment may say besides fly.toml and the profile.
type DeployOptions struct {
	ID, By         string
	At             time.Time
	Image          string
	Strategy       deploy.Strategy // empty: as fly.toml says
	MaxUnavailable float64         // 0: as fly.toml says
	NoCommand      bool            // the release command is left out
	LeaveCold      bool            // machines that are stopped are not tried
	NoBackup       bool
	NoPreflight    bool
	Timings        deploy.Timings // zero values: as the profile and fly.toml say
}

// Deployment is a plan with what carries it out.
type Deployment struct {
	Plan       deploy.Plan
	Notes      []string
	Definition json.RawMessage // fly.toml as JSON, for the release record
}

// PlanDeploy looks at everything that a deployment depends on, and plans it. It changes nothing.
func (s *Session) PlanDeploy(ctx context.Context, o DeployOptions) (*Deployment, error) {
	// The platform takes a reference that ends before its tag for another image.
	if _, err := registry.ParseRef(o.Image); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, planTimeout)
	defer cancel()
	in, err := s.planInput(ctx, o)
	if err != nil {
		return nil, err
	}
	var notes []string
	g, gctx := errgroup.WithContext(ctx)
	g.Go(func() error {
		image, err := s.Platform.Image(gctx, s.Profile.App, o.Image)
		if err != nil {
			return fmt.Errorf("find the image to deploy: %w", err)
		}
		in.Artifact = deploy.Artifact{Image: cmp.Or(image.Ref, o.Image), Digest: image.Digest}
		return nil
	})
	if in.File != nil && in.File.Deploy.ReleaseCommand != "" && !o.NoCommand {
		g.Go(func() error {
			in.Migrations, in.Old, notes = s.pending(gctx)
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	in.Gates = s.gates(o, len(in.Migrations) > 0 || in.Old.Able == deploy.AbleUnknown)
	p, more, err := flyplan.Deploy(in)
	if err != nil {
		return nil, fmt.Errorf("plan the deployment of %s: %w", s.Profile.App, err)
	}
	p.Gates = measurable(&p)
	return &Deployment{Plan: p, Notes: append(more, notes...), Definition: in.Definition}, nil
}

// PlanRollback plans to go back to a release; 0: to the newest one before that of now which ended well.
func (s *Session) PlanRollback(ctx context.Context, o DeployOptions, to int) (*Deployment, error) {
	ctx, cancel := context.WithTimeout(ctx, planTimeout)
	defer cancel()
	in, err := s.planInput(ctx, o)
	if err != nil {
		return nil, err
	}
	rr, err := s.Platform.WebReleases(ctx, s.Profile.App, 50)
	if err != nil {
		return nil, fmt.Errorf("find the release to go back to: %w", err)
	}
	target, err := rollbackTo(rr, in.Machines, to)
	if err != nil {
		return nil, err
	}
	image, err := s.Platform.Image(ctx, s.Profile.App, target.ImageRef)
	if err != nil {
		return nil, fmt.Errorf("find the image of v%d, %s: %w", target.Version, target.ImageRef, err)
	}
	in.Artifact = deploy.Artifact{Image: cmp.Or(image.Ref, target.ImageRef), Digest: image.Digest, Release: target.Version}
	versions := make([][]fly.MachineVersion, len(in.Machines))
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(8)
	for i, m := range in.Machines {
		g.Go(func() (err error) {
			versions[i], err = s.Platform.Versions(gctx, s.Profile.App, m.ID)
			if errors.Is(err, fly.ErrNotFound) {
				return nil // the platform remembers none: said in the plan's notes
			}
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return nil, fmt.Errorf("read what the machines ran before: %w", err)
	}
	byID := map[string][]fly.MachineVersion{}
	for i, m := range in.Machines {
		byID[m.ID] = versions[i]
	}
	p, notes, err := flyplan.Rollback(in, target.Version, byID)
	if err != nil {
		return nil, fmt.Errorf("plan the rollback of %s: %w", s.Profile.App, err)
	}
	notes = append(notes, fmt.Sprintf("back to v%d of %s; migrations, secrets and data stay as they are", target.Version, target.CreatedAt.UTC().Format("2006-01-02 15:04Z")))
	return &Deployment{Plan: p, Notes: notes, Definition: in.Definition}, nil
}

// rollbackTo is the release to go back to.
func rollbackTo(rr []fly.Release, mm []fly.Machine, to int) (fly.Release, error) {
	now := 0
	running := map[string]bool{}
	for _, m := range mm {
		if m.Config == nil {
			continue
		}
		n, err := strconv.Atoi(m.Config.Metadata[fly.MetaReleaseVersion])
		if err == nil {
			now = max(now, n)
		}
		running[m.Config.Image] = true
	}
	for _, r := range rr {
		switch {
		case r.ImageRef == "":
		case to > 0 && r.Version == to:
			return r, nil
		case to == 0 && r.Version < now && strings.EqualFold(r.Status, "complete") && !running[r.ImageRef]:
			return r, nil
		}
	}
	if to > 0 {
		return fly.Release{}, fmt.Errorf("there is no release v%d with an image among the newest 50: `ops-console releases` lists them", to)
	}
	return fly.Release{}, fmt.Errorf("there is no release before v%d that ended well and has another image: say which, as `ops-console releases` lists them", now)
}

// planInput is what every plan needs.
func (s *Session) planInput(ctx context.Context, o DeployOptions) (in flyplan.Input, err error) {
	p := s.Profile
	in = flyplan.Input{
		ID: o.ID, App: p.App, By: o.By, At: o.At, Strategy: o.Strategy, MaxUnavailable: o.MaxUnavailable,
		NoCommand: o.NoCommand, LeaveCold: o.LeaveCold, Timings: o.Timings,
	}
	in.Timings.Soak = cmp.Or(in.Timings.Soak, p.Deploy.Soak)
	in.Timings.Total = cmp.Or(in.Timings.Total, p.Deploy.TotalLimit)
	if in.File, in.Definition, err = s.flyToml(); err != nil {
		return in, err
	}
	g, ctx := errgroup.WithContext(ctx)
	var count int
	g.Go(func() (err error) {
		in.Machines, err = s.Platform.Machines(ctx, p.App)
		return err
	})
	g.Go(func() error {
		app, err := s.Platform.App(ctx, p.App)
		count = app.MachineCount
		return err
	})
	g.Go(func() (err error) {
		in.Previous, err = s.Platform.CurrentReleaseConfig(ctx, p.App)
		if errors.Is(err, fly.ErrNotFound) {
			return nil // there is no release yet
		}
		return err
	})
	if err := g.Wait(); err != nil {
		return in, fmt.Errorf("look at %s: %w", p.App, err)
	}
	if count > len(in.Machines) {
		return in, fmt.Errorf("the platform counts %d machines and lists %d: a plan made from a list that is short would leave machines behind; try again", count, len(in.Machines))
	}
	if in.Definition == nil {
		in.Definition = in.Previous
	}
	return in, nil
}

// PlanScale plans how many machines a group has.
func (s *Session) PlanScale(ctx context.Context, want scale.Want) (scale.Plan, error) {
	ctx, cancel := context.WithTimeout(ctx, planTimeout)
	defer cancel()
	in, err := s.planInput(ctx, DeployOptions{})
	if err != nil {
		return scale.Plan{}, err
	}
	input := scale.Input{App: s.Profile.App, Primary: s.Profile.PrimaryRegion, Machines: in.Machines, Want: want}
	if in.File != nil {
		if input.First, err = s.firstConfig(ctx, in, cmp.Or(want.Group, flytoml.DefaultGroup)); err != nil {
			return scale.Plan{}, err
		}
	}
	return scale.Make(input)
}

// firstConfig is what the first machine of a group gets: what fly.toml says, with the image of the newest release that ended
// well; nil where there is none.
func (s *Session) firstConfig(ctx context.Context, in flyplan.Input, group string) (json.RawMessage, error) {
	rr, err := s.Platform.WebReleases(ctx, s.Profile.App, 50)
	if err != nil {
		return nil, fmt.Errorf("find what is released: %w", err)
	}
	for _, r := range rr {
		if r.ImageRef != "" && strings.EqualFold(r.Status, "complete") {
			in.Artifact = deploy.Artifact{Image: r.ImageRef, Release: r.Version}
			return flyplan.First(in, group, r.ID)
		}
	}
	return nil, nil
}

// flyToml is the project's, where it is this app's.
func (s *Session) flyToml() (*flytoml.File, json.RawMessage, error) {
	if s.Profile.Project == "" {
		return nil, nil, nil
	}
	path := filepath.Join(s.Profile.Project, flytoml.Name)
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil, nil
	}
	if err != nil {
		return nil, nil, err
	}
	f, err := flytoml.Parse(path, data)
	if err != nil {
		return nil, nil, err
	}
	if f.App != "" && f.App != s.Profile.App {
		return nil, nil, fmt.Errorf("%s is of the app %s, not of %s: say --project", path, f.App, s.Profile.App)
	}
	d, err := flyplan.Definition(data)
	return f, d, err
}

// pending is the migrations that the release command is expected to run, and whether the release of now can live with them.
func (s *Session) pending(ctx context.Context) ([]deploy.Migration, deploy.Eligibility, []string) {
	mm, err := s.pendingMigrations(ctx)
	if err != nil {
		why := "which migrations are pending is not known: " + err.Error()
		return nil, deploy.Eligibility{Able: deploy.AbleUnknown, Reason: why}, []string{why}
	}
	var (
		out []deploy.Migration
		old = deploy.Eligibility{Able: deploy.Able}
	)
	for _, v := range additive.Judge(mm) {
		m := deploy.Migration{Version: v.Migration.Version, Name: v.Migration.Name, Additive: v.Additive, Why: v.Why}
		if !m.Additive && slices.Contains(s.Profile.Deploy.Additive, strconv.FormatInt(m.Version, 10)) {
			m.Additive, m.Why = true, ""
		}
		if !m.Additive && old.Able == deploy.Able {
			old = deploy.Eligibility{Able: deploy.Unable, Reason: fmt.Sprintf("migration %d_%s: %s", m.Version, m.Name, m.Why)}
		}
		out = append(out, m)
	}
	return out, old, nil
}

func (s *Session) pendingMigrations(ctx context.Context) ([]ecto.Migration, error) {
	o, ok := s.MigrationOptions()
	if !ok {
		return nil, errors.New("no project's directory is known")
	}
	p, err := project.Open(o.Dir, project.Options{})
	if errors.Is(err, project.ErrNone) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if o.Catalog == nil {
		return nil, errNoDatabase
	}
	var out []ecto.Migration
	known := false
	for _, r := range p.Repos {
		in, err := lint.Load(ctx, p, r)
		if err != nil {
			return nil, err
		}
		if in.Live, err = o.Catalog(ctx, r); err != nil {
			return nil, err
		}
		if in.Live.Unread != "" {
			return nil, errors.New(in.Live.Unread)
		}
		if len(p.Repos) > 1 && !watch.Belongs(in, in.Live) {
			continue
		}
		known = true
		pending := map[int64]bool{}
		for _, st := range lint.Statuses(in) {
			pending[st.Version] = st.State == lint.Down || st.State == lint.OutOfOrder
		}
		for _, m := range in.Migrations {
			if pending[m.Version] {
				out = append(out, m)
			}
		}
	}
	if !known {
		return nil, errors.New("the database is not known to be this project's")
	}
	return out, nil
}

// gates are those that the profile wants.
func (s *Session) gates(o DeployOptions, migrates bool) []deploy.Gate {
	p := s.Profile
	var out []deploy.Gate
	if p.Deploy.Preflight != "off" && !o.NoPreflight {
		out = append(out, deploy.Gate{Name: GatePreflight, When: deploy.BeforeChange, Required: p.Deploy.Preflight == "require", Timeout: preflightTimeout})
	}
	wanted := p.Deploy.Backup == "always" || p.Deploy.Backup == "auto" && migrates && p.Backup.Store != "" && p.Database.Known()
	if wanted && !o.NoBackup {
		out = append(out, deploy.Gate{Name: GateBackup, When: deploy.BeforeChange, Required: true, Timeout: backupTimeout})
	}
	if p.Deploy.Content && len(p.Agree) > 0 && s.Network != nil {
		out = append(out, deploy.Gate{Name: GateContent, When: deploy.BeforeCommit, Required: true, Timeout: contentTimeout})
	}
	if g := p.Deploy.Guards; g.Settle > 0 && pauses(g) {
		out = append(out, deploy.Gate{Name: deploy.GateGuards, When: deploy.BeforeCommit, Required: true, Timeout: g.Settle + settleTimeout})
	}
	return out
}

// DeployPlatform is what carries a plan out. told is given what the gates find out on the way; nil: nobody is.
func (s *Session) DeployPlatform(p *deploy.Plan, definition json.RawMessage, o Options, now func() time.Time, told func(string)) *flyplatform.Platform {
	if told == nil {
		told = func(string) {}
	}
	guards := s.guards(p, now)
	var measure func([]deploy.Machine) []deploy.Guard
	if guards != nil {
		measure = guards.Measure
	}
	return flyplatform.New(flyplatform.Options{
		API: s.Platform, Definition: definition, Now: now, Guards: measure,
		Gates: map[string]flyplatform.Gate{
			GatePreflight:     func(ctx context.Context) (deploy.Verdict, string) { return s.preflightGate(ctx, p, now) },
			GateBackup:        func(ctx context.Context) (deploy.Verdict, string) { return s.backupGate(ctx, p.ID, o, now, told) },
			GateContent:       s.contentGate,
			deploy.GateGuards: func(ctx context.Context) (deploy.Verdict, string) { return s.guardsGate(ctx, guards, p) },
		},
	})
}

func (s *Session) preflightGate(ctx context.Context, p *deploy.Plan, now func() time.Time) (deploy.Verdict, string) {
	in := s.PreflightOptions()
	in.Named, in.Image, in.Now, in.Timeout = true, p.Artifact.Image, now, 10*time.Second
	in.Own, in.BackupFirst = p.ID, slices.ContainsFunc(p.Gates, func(g deploy.Gate) bool { return g.Name == GateBackup })
	r := preflight.Evaluate(gather.Facts(ctx, in))
	var failed, warned []string
	for _, i := range r.Items {
		switch i.Result {
		case preflight.Fail:
			failed = append(failed, i.Title+": "+i.Why)
		case preflight.Warn:
			warned = append(warned, i.Title)
		}
	}
	switch {
	case len(failed) > 0:
		return deploy.Fail, strings.Join(failed, "; ") + " (`ops-console preflight` says how to mend it)"
	case !r.Known():
		return deploy.Unknown, "nothing could be found out"
	case len(warned) > 0:
		return deploy.Warn, strings.Join(warned, "; ")
	}
	return deploy.Pass, ""
}

// backupGate has a backup that is young and proven, or takes one.
func (s *Session) backupGate(ctx context.Context, id string, o Options, now func() time.Time, told func(string)) (deploy.Verdict, string) {
	b, err := s.Backups(ctx, o, now)
	if err != nil {
		return deploy.Unknown, err.Error()
	}
	defer func() { _ = b.Close() }() // what it was for is done
	level, err := backup.ParseLevel(s.Profile.Backup.Verify)
	if err != nil {
		return deploy.Fail, err.Error()
	}
	l, err := b.Catalog.List(ctx, b.Source)
	if err != nil {
		return deploy.Unknown, err.Error()
	}
	for i := range l.Records {
		r := &l.Records[i]
		if v, ok := r.Proven(); ok && v.Level >= level && now().Sub(retain.When(r)) <= s.Profile.Deploy.BackupAge {
			return deploy.Pass, fmt.Sprintf("backup %s, %s", r.Manifest.ID, v.Level)
		}
	}
	told("taking a backup of " + b.Source.Database)
	m, err := b.Take(ctx, TakeOptions{Reason: backup.PreDeploy, DeployID: id})
	if err != nil {
		return deploy.Fail, "no backup could be taken: " + err.Error()
	}
	ids, err := b.Identities("", nil)
	if err != nil {
		return deploy.Fail, "the backup could not be proven: " + err.Error()
	}
	v, err := b.Verify(ctx, backup.Record{Manifest: m}, level, ids, nil)
	switch {
	case err != nil:
		return deploy.Fail, "the backup could not be proven: " + err.Error()
	case !v.OK:
		return deploy.Fail, "the backup that was taken is broken: " + v.Failure
	}
	return deploy.Pass, fmt.Sprintf("took backup %s, %s", m.ID, v.Level)
}

// contentGate asks every instance for the paths of agree.
func (s *Session) contentGate(ctx context.Context) (deploy.Verdict, string) {
	snap, err := health.Read(ctx, s.HealthOptions())
	if err != nil {
		return deploy.Unknown, err.Error()
	}
	if len(snap.Agreement) == 0 {
		return deploy.Unknown, "no instance was asked"
	}
	var apart []string
	for _, a := range snap.Agreement {
		if !a.Agree {
			apart = append(apart, fmt.Sprintf("%s has %d versions", a.Path, len(a.Groups)))
		}
	}
	if len(apart) > 0 {
		return deploy.Fail, "instances disagree: " + strings.Join(apart, ", ")
	}
	return deploy.Pass, ""
}
