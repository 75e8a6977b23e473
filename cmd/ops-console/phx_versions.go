package main

import (
	"context"

	"github.com/spf13/cobra"

	"ops-console/ops/phoenix/report"
)

type phxVersionsFlags struct {
	phxFlags
	phxAxis
	format string
	online bool
}

func phxVersionsCommand(e *env, t *target) *cobra.Command {
	o := &phxVersionsFlags{}
	c := &cobra.Command{
		Use:   "versions",
		Short: "List the versions of Phoenix, and of which there are generated trees",
		Long: `Lists the versions that this program knows, or that a source has: when they were released
(security releases come out of order), the Elixir they need, and the trees at hand. With
--format json also the flags that each version's generator knows, and their defaults. With
--online the package registry and the public site are asked, too.

Exit status: 0; 3 a source could not be asked (the rest is listed).`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return o.run(c.Context(), e, t) },
	}
	phxFormats(c, &o.format, "text", "json")
	o.phxAxis.flags(c)
	c.Flags().BoolVar(&o.online, "online", false, "ask the package registry and the public site, too")
	o.phxFlags.flags(c)
	return c
}

func (o *phxVersionsFlags) run(ctx context.Context, e *env, t *target) error {
	if err := checkWord("format", o.format, []string{"text", "json"}); err != nil {
		return err
	}
	x, err := o.open(e, t)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, o.timeout)
	defer cancel()
	v := &report.Versions{Axis: o.axis()}
	failed := false
	sources := x.Snapshots
	if o.online {
		sources = x.All
	}
	if v.Specs, err = sources.Specs(ctx); err != nil {
		v.Notes, failed = append(v.Notes, err.Error()), true
	}
	if v.Have, err = sources.Versions(ctx, v.Axis); err != nil && !failed {
		v.Notes, failed = append(v.Notes, err.Error()), true
	}
	if o.format == "json" {
		err = v.JSON(e.stdout)
	} else {
		err = v.Text(e.stdout, e.report())
	}
	if err == nil && failed {
		return &exit{status: statusUnknown}
	}
	return unknown(err)
}
