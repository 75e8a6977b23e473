package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"

	"ops-console/ops/config"
	"ops-console/ops/plaintext"
	"ops-console/ops/preflight"
	"ops-console/ops/preflight/gather"
	"ops-console/ops/preflight/report"
	"ops-console/ops/session"
)

// preflightFlags say what is judged, and how it is told.
type preflightFlags struct {
	format       string
	image        string
	flyToml      string
	maxPerRegion int
	fetch        bool
	timeout      time.Duration
	versionsOnly bool // nothing else is asked for
}

func preflightCommand(e *env, t *target) *cobra.Command {
	o := &preflightFlags{}
	c := &cobra.Command{
		Use:   "preflight",
		Short: "Say whether the application is fit to be deployed, and how to mend what is not",
		Long: `Reads the application's source, and asks git, the image's registry, the platform and the
database, each for some seconds; then it judges: the image and its commit, how machines start,
fly.toml, the fleet, the database, pending migrations, the newest backup, and the versions of
tools. It changes nothing. What cannot be found out is unknown, and says why; it never passes.

Exit status: 0 nothing fails, warnings included; 1 something fails; 3 nothing could be found out.`,
		Example: `  ops-console preflight                                   what the source here says, and the platform
  ops-console --app changelog preflight --image REF --fetch
  ops-console preflight --project ~/src/app --format json | jq '.items[] | select(.result == "fail")'`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return o.run(c.Context(), e, t) },
	}
	formatFlag(c, &o.format)
	o.sourceFlags(c)
	f := c.Flags()
	f.StringVar(&o.image, "image", "", "the image that would go out")
	f.IntVar(&o.maxPerRegion, "max-per-region", 0, "machines that a region may have at any time; 0: as many as one likes")
	f.BoolVar(&o.fetch, "fetch", false, "ask the remote what its main branch has (git fetch)")
	return c
}

// sourceFlags are those that versions has too.
func (o *preflightFlags) sourceFlags(c *cobra.Command) {
	c.Flags().StringVar(&o.flyToml, "fly-toml", "", "the fly.toml that is meant, where there are several")
	c.Flags().DurationVar(&o.timeout, "timeout", 10*time.Second, "how long finding out any one thing may take")
	_ = c.MarkFlagFilename("fly-toml", "toml")
}

func (o *preflightFlags) run(ctx context.Context, e *env, t *target) error {
	write, err := o.writer(e)
	if err != nil {
		return err
	}
	f, err := o.facts(ctx, e, t)
	if err != nil {
		return err
	}
	r := preflight.Evaluate(f)
	if err := write(r); err != nil {
		return unknown(err)
	}
	switch {
	case r.Failed():
		return &exit{status: statusBadNews}
	case !r.Known():
		return &exit{status: statusUnknown}
	}
	return nil
}

func (o *preflightFlags) writer(e *env) (func(*preflight.Report) error, error) {
	switch o.format {
	case "text":
		return func(r *preflight.Report) error { return report.Text(e.stdout, r, e.preflightText()) }, nil
	case "json":
		return func(r *preflight.Report) error { return report.JSON(e.stdout, r) }, nil
	}
	return nil, badFormat(o.format)
}

func (e *env) preflightText() report.Options {
	return report.Options{Width: e.width(), Color: e.color()}
}

// facts finds out what it can about the application that is named, or that fly.toml names. Where none is, what the source
// says is all.
func (o *preflightFlags) facts(ctx context.Context, e *env, t *target) (f *preflight.Facts, err error) {
	p, named, err := o.profile(e, t)
	if err != nil {
		return nil, err
	}
	for _, note := range p.Notes {
		fmt.Fprintln(e.stderr, "note: "+plaintext.Line(note, 300))
	}
	in := gather.Options{Project: p.Project, Registry: session.Registry(p, e.session())}
	if p.Name != "" {
		s := session.Open(ctx, p, e.session())
		defer func() { err = errors.Join(err, unknown(s.Close())) }()
		in = s.PreflightOptions()
	} else {
		in.Migrations = gather.Migrations(p.Project, session.LintOptions(p), nil, "no application is named")
	}
	in.Named, in.FlyToml, in.Image, in.MaxPerRegion, in.Fetch = named, o.flyToml, o.image, o.maxPerRegion, o.fetch
	in.Timeout, in.Now = o.timeout, e.now
	if o.versionsOnly {
		in.Migrations, in.Replication, in.Backups = nil, nil, nil
	}
	return gather.Facts(ctx, in), nil
}

// profile finds the application: the one that is named; else the one of the fly.toml that is, or would be, taken. named says
// that it was named by hand. Where nothing says where its source is, it is the current directory, unless that is another
// application's.
func (o *preflightFlags) profile(e *env, t *target) (p *config.Profile, named bool, err error) {
	options := config.Options{Name: t.app, ConfigFile: t.config, ProjectDir: t.project, Env: e.getenv, Anonymous: true}
	if p, err = config.Load(options); err != nil {
		return nil, false, usage(err)
	}
	named = p.Name != "" && (p.Origins["app"] != "" || t.app != "" || e.getenv("OPS_CONSOLE_APP") != "") // else fly.toml says it
	dir := p.Project
	if dir == "" {
		if dir, err = os.Getwd(); err != nil {
			return nil, false, usage(fmt.Errorf("find the current directory: %w", err))
		}
	}
	app, err := o.appOf(dir, t.app)
	if err != nil {
		return nil, false, usage(err)
	}
	switch {
	case p.Name == "" && app == "", p.Name != "" && (p.Project != "" || app == p.App):
		p.Project = dir
		return p, named, nil
	case p.Name != "":
		return p, named, nil
	}
	options.Name, options.ProjectDir = app, dir
	if again, err := config.Load(options); err == nil {
		return again, false, nil
	}
	p.Project = dir // the name is none that a profile could have: what the source says is all
	return p, false, nil
}

// appOf is the application of the fly.toml that a directory has; empty: it has none. The error is for a file that was named.
func (o *preflightFlags) appOf(dir, meant string) (string, error) {
	tree, err := gather.Source(dir, o.flyToml, meant)
	switch {
	case err != nil && o.flyToml != "":
		return "", err
	case err != nil || tree.Fly == nil:
		return "", nil //nolint:nilerr // what cannot be read is said of each item
	}
	return tree.Fly.App, nil
}
