package main

import (
	"context"

	"github.com/spf13/cobra"

	"ops-console/ops/preflight"
	"ops-console/ops/preflight/report"
	"ops-console/ops/preflight/versions"
)

func versionsCommand(e *env, t *target) *cobra.Command {
	o := &preflightFlags{versionsOnly: true}
	c := &cobra.Command{
		Use:   "versions",
		Short: "Show which versions of Elixir, Erlang, Node, PostgreSQL and Phoenix each place names",
		Long: `Puts side by side what .tool-versions and its kin, mix.exs, mix.lock, workflows, compose files,
the Dockerfile, the image, the fleet and the database's server say, and whether they agree: in
major and minor for Elixir and Phoenix, in the major for the others.

Exit status: 0 they agree; 1 they differ, or a requirement is not fulfilled; 3 nobody names any.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return o.versions(c.Context(), e, t) },
	}
	formatFlag(c, &o.format)
	o.sourceFlags(c)
	c.Flags().StringVar(&o.image, "image", "", "an image to look at, too")
	return c
}

func (o *preflightFlags) versions(ctx context.Context, e *env, t *target) error {
	var write func(*report.Versions) error
	switch o.format {
	case "text":
		write = func(v *report.Versions) error { return report.VersionsText(e.stdout, v, e.preflightText()) }
	case "json":
		write = func(v *report.Versions) error { return report.VersionsJSON(e.stdout, v) }
	default:
		return badFormat(o.format)
	}
	f, err := o.facts(ctx, e, t)
	if err != nil {
		return err
	}
	v := &report.Versions{At: f.At, App: f.App, Project: f.Project, Rows: preflight.Matrix(f)}
	for _, x := range []struct {
		what, why string
		asked     bool
	}{{"the project", f.Source.Why(), true}, {"the image", f.Image.Why(), f.ImageRef != ""}, {"the fleet", f.Fleet.Why(), true}, {"the database's server", f.Server.Why(), true}} {
		if x.why != "" && x.asked {
			v.Unread = append(v.Unread, x.what+": "+x.why)
		}
	}
	if err := write(v); err != nil {
		return unknown(err)
	}
	return versionsVerdict(v.Rows)
}

func versionsVerdict(rows []versions.Row) error {
	said := false
	for _, r := range rows {
		switch r.Verdict {
		case versions.Differ, versions.Violated:
			return &exit{status: statusBadNews}
		case versions.Silent:
		default:
			said = true
		}
	}
	if !said {
		return &exit{status: statusUnknown}
	}
	return nil
}
