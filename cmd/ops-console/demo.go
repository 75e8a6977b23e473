package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"ops-console/ops/fly/flysim"
)

func demoCommand(e *env) *cobra.Command {
	o, look := flysim.Options{Scenario: "ailing"}, &consoleFlags{}
	var database databaseFlag
	c := &cobra.Command{
		Use:   "demo",
		Short: "Open the console on a simulated world",
		Long: `Starts a simulated platform behind a real WireGuard gateway in this process, and opens the
console on it. Nothing needs to be configured and nothing outside this machine is asked.`,
		Example: `  ops-console demo --scenario calm
  ops-console demo --scenario incident
  ops-console demo --regions 12 --instances 200`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) (err error) {
			if err := database.decide(&o, e.stderr); err != nil {
				return err
			}
			s, err := startWorld(c.Context(), o)
			if err != nil {
				return usage(fmt.Errorf("start the simulated world: %w", err))
			}
			defer func() { err = errors.Join(err, unknown(s.Close())) }()
			return runDemo(c.Context(), e, s, look)
		},
	}
	simFlags(c, &o, &database)
	look.flags(c)
	return c
}

// runDemo opens the console the way a user would: on the profile that the world wrote.
func runDemo(ctx context.Context, e *env, s *flysim.Sim, look *consoleFlags) error {
	p, err := (&target{app: s.App(), config: s.ProfilePath()}).profile(e)
	if err != nil {
		return err
	}
	return openConsole(ctx, e, p, look)
}
