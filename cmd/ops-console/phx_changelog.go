package main

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/spf13/cobra"

	"ops-console/ops/phoenix/changelog"
	"ops-console/ops/phoenix/report"
	"ops-console/ops/plaintext"
	"ops-console/ops/session"
)

type phxChangelogFlags struct {
	phxFlags
	format string
}

func phxChangelogCommand(e *env, t *target) *cobra.Command {
	o := &phxChangelogFlags{}
	c := &cobra.Command{
		Use:   "changelog FROM TO",
		Short: "Say what Phoenix's authors wrote of the versions between two",
		Long: `Prints the sections of Phoenix's changelog after FROM, up to and with TO, oldest first. They
are in the published packages of phoenix, one for each minor version, which are fetched once,
verified and kept; nothing of them is run. What was released after TO is left out, whatever its
number: what it fixed, TO does not have.

Exit status: 0; 2 usage; 3 no package could be had.`,
		Example:           "  ops-console phx changelog 1.6.16 1.7.14",
		Args:              cobra.ExactArgs(2),
		ValidArgsFunction: phxVersionCompletion,
		RunE:              func(c *cobra.Command, args []string) error { return o.run(c.Context(), e, t, args[0], args[1]) },
	}
	phxFormats(c, &o.format, "text", "json")
	c.Flags().DurationVar(&o.timeout, "timeout", defaultPhxTimeout, "how long it may all take")
	return c
}

func (o *phxChangelogFlags) run(ctx context.Context, e *env, t *target, from, to string) error {
	if err := checkWord("format", o.format, []string{"text", "json"}); err != nil {
		return err
	}
	old, err := phxVersion(from)
	if err != nil {
		return err
	}
	new, err := phxVersion(to)
	if err != nil {
		return err
	}
	if !old.Before(new) {
		return usage(fmt.Errorf("%s is not newer than %s: there is nothing between them", new, old))
	}
	x, err := o.load(e, t)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, o.timeout)
	defer cancel()
	sections, notes, err := session.GeneratorChangelogs(x, e.getenv).Between(ctx, old, new)
	if err != nil {
		return unknown(err)
	}
	if o.format == "json" {
		return unknown(changelogJSON(e, sections, notes))
	}
	for _, n := range notes {
		e.note(n)
	}
	for i, s := range sections {
		if i > 0 {
			fmt.Fprintln(e.stdout)
		}
		fmt.Fprintf(e.stdout, "## %s (%s)\n%s\n\n", s.Version, plaintext.Line(s.Date, 20), report.Changelog(s.Version))
		fmt.Fprintln(e.stdout, plaintext.Block(s.Text, 20_000, 1<<20))
	}
	return nil
}

func changelogJSON(e *env, sections []changelog.Section, notes []string) error {
	type section struct {
		changelog.Section
		URL string `json:"url"`
	}
	out := struct {
		Sections []section `json:"sections"`
		Notes    []string  `json:"notes"`
	}{Sections: []section{}, Notes: append([]string{}, notes...)}
	for _, s := range sections {
		out.Sections = append(out.Sections, section{s, report.Changelog(s.Version)})
	}
	enc := json.NewEncoder(e.stdout)
	enc.SetIndent("", "  ")
	return enc.Encode(out)
}
