package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"ops-console/ops/health"
	"ops-console/ops/health/report"
	"ops-console/ops/plaintext"
	"ops-console/ops/session"
)

func statusCommand(e *env, t *target) *cobra.Command {
	var (
		format  string
		watch   bool
		timeout time.Duration
	)
	c := &cobra.Command{
		Use:   "status",
		Short: "Say how the instances are: problems first, then regions and instances",
		Long: `Asks the platform, the network's DNS and every instance once, and prints what they say.

Exit status: 0 all is well; 1 something is wrong; 3 it could not be found out.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) (err error) {
			write, err := statusFormat(e, format)
			if err != nil {
				return err
			}
			p, err := t.profile(e)
			if err != nil {
				return err
			}
			for _, note := range p.Notes {
				fmt.Fprintln(e.stderr, "note: "+plaintext.Line(note, 300))
			}
			s := session.Open(c.Context(), p, e.session())
			defer func() { err = errors.Join(err, unknown(s.Close())) }()
			if watch {
				return watchStatus(c.Context(), s, write)
			}
			ctx, cancel := context.WithTimeout(c.Context(), timeout)
			defer cancel()
			snapshot, err := health.Read(ctx, s.HealthOptions())
			if err != nil {
				return unknown(err)
			}
			if err := write(snapshot); err != nil {
				return unknown(err)
			}
			return verdict(snapshot)
		},
	}
	formatFlag(c, &format)
	c.Flags().BoolVarP(&watch, "watch", "w", false, "go on, and print again at every change")
	c.Flags().DurationVar(&timeout, "timeout", 20*time.Second, "how long finding out may take")
	return c
}

func formatFlag(c *cobra.Command, format *string) {
	c.Flags().StringVarP(format, "format", "f", "text", "text or json")
	_ = c.RegisterFlagCompletionFunc("format", cobra.FixedCompletions([]string{"text", "json"}, cobra.ShellCompDirectiveNoFileComp))
}

func badFormat(format string) error {
	return usage(fmt.Errorf("--format %s: want text or json", format))
}

func statusFormat(e *env, format string) (func(*health.Snapshot) error, error) {
	switch format {
	case "text":
		return func(s *health.Snapshot) error {
			return report.Text(e.stdout, s, report.Options{Width: e.width(), Color: e.color(), Now: e.now()})
		}, nil
	case "json":
		return func(s *health.Snapshot) error { return report.JSON(e.stdout, s) }, nil
	}
	return nil, badFormat(format)
}

// watchStatus prints every snapshot that differs in verdict or problems from the one before, until interrupted.
func watchStatus(ctx context.Context, s *session.Session, write func(*health.Snapshot) error) error {
	w := health.Watch(ctx, s.HealthOptions())
	defer w.Close()
	var last *health.Snapshot
	for {
		changed := w.Changed()
		if now := w.Latest().Value; now != nil && (last == nil || !now.Same(last)) {
			if err := write(now); err != nil {
				return unknown(err)
			}
			last = now
		}
		select {
		case <-ctx.Done():
			if last == nil {
				return unknown(fmt.Errorf("nothing was found out before the interrupt"))
			}
			return verdict(last)
		case <-changed:
		}
	}
}

func verdict(s *health.Snapshot) error {
	switch s.Verdict {
	case health.Healthy:
		return nil
	case health.Unhealthy:
		return &exit{status: statusBadNews}
	}
	return &exit{status: statusUnknown}
}
