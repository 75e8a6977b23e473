package main

import (
	"context"

	"github.com/spf13/cobra"

	"ops-console/ops/phoenix/nearest"
	"ops-console/ops/phoenix/report"
)

type phxNearestFlags struct {
	phxFlags
	format string
}

func phxNearestCommand(e *env, t *target) *cobra.Command {
	o := &phxNearestFlags{}
	c := &cobra.Command{
		Use:   "nearest",
		Short: "Say which version of Phoenix an application's files come from",
		Long: `Compares the application of --project, of the profile, or in the current directory with every
version's generated tree, and says which it is most like, and how far that is to be trusted.
The dependency in mix.exs does not tell: files are often years older than it, and some of
them newer than the rest; the list says so for each. It needs a snapshot with many versions.

Exit status: 0 a version is named; 1 one is, but little speaks for it; 3 none is.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return o.run(c.Context(), e, t) },
	}
	phxFormats(c, &o.format, "text", "json")
	o.flags(c)
	return c
}

func (o *phxNearestFlags) run(ctx context.Context, e *env, t *target) error {
	if err := checkWord("format", o.format, []string{"text", "json"}); err != nil {
		return err
	}
	x, err := o.open(e, t)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, o.timeout)
	defer cancel()
	app, mine, err := x.project(ctx)
	if err != nil {
		return err
	}
	n := &report.Nearest{Dir: x.dir, App: app}
	if n.Result, n.Notes, err = x.nearest(ctx, app, mine); err != nil {
		return err
	}
	if o.format == "json" {
		err = n.JSON(e.stdout)
	} else {
		err = n.Text(e.stdout, e.report())
	}
	if err == nil && n.Result.Level == nearest.Low {
		return &exit{status: statusBadNews}
	}
	return unknown(err)
}
