package main

import (
	"fmt"

	mcobra "github.com/muesli/mango-cobra"
	"github.com/muesli/roff"
	"github.com/spf13/cobra"
)

func manCommand(e *env) *cobra.Command {
	return &cobra.Command{
		Use:   "man",
		Short: "Print the manual page (ops-console man | man -l -)",
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			page, err := mcobra.NewManPage(1, c.Root())
			if err != nil {
				return fmt.Errorf("build the manual page: %w", err)
			}
			page = page.WithSection("Exit status", "0 fine; 1 the answer is bad news; 2 usage or configuration; 3 could not find out.").
				WithSection("Files", "$XDG_CONFIG_HOME/ops-console/config.toml, ops-console.toml in the project, fly.toml; see docs/configuration.md.")
			fmt.Fprintln(e.stdout, page.Build(roff.NewDocument()))
			return nil
		},
	}
}
