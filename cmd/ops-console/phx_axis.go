package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"ops-console/ops/phoenix"
)

// phxAxis is which generator a command is about.
type phxAxis struct {
	auth, release, docker bool
	within                string
}

func (a *phxAxis) flags(c *cobra.Command) {
	f := c.Flags()
	f.BoolVar(&a.auth, "auth", false, "mix phx.gen.auth instead of mix phx.new")
	f.BoolVar(&a.release, "release", false, "mix phx.gen.release instead of mix phx.new")
	c.MarkFlagsMutuallyExclusive("auth", "release")
}

// projectFlags are those that say what is generated into.
func (a *phxAxis) projectFlags(c *cobra.Command) {
	f := c.Flags()
	f.BoolVar(&a.docker, "docker", false, "with a Dockerfile (for --release)")
	f.StringVar(&a.within, "within", "", "flags of mix phx.new for the project that is generated into, such as '--umbrella --binary-id' (for --auth and --release)")
}

func (a *phxAxis) axis() phoenix.Axis {
	switch {
	case a.auth:
		return phoenix.Auth
	case a.release:
		return phoenix.ReleaseFiles
	}
	return phoenix.Project
}

// spec is what is asked for, without a version: flags are the generator's, of the command line.
func (a *phxAxis) spec(names []string, words []string) (s phoenix.Spec, err error) {
	s.Axis = a.axis()
	if s.Flags, err = phoenix.ReadFlags(words); err != nil {
		return s, usage(err)
	}
	if s.Within, err = phoenix.ReadFlags(strings.Fields(a.within)); err != nil {
		return s, usage(fmt.Errorf("--within: %w", err))
	}
	switch {
	case a.docker && !a.release:
		return s, usage(errors.New("--docker is for --release"))
	case len(s.Within) > 0 && s.Axis == phoenix.Project:
		return s, usage(errors.New("--within is for --auth and --release; a project's own flags stand behind --"))
	case a.docker:
		s.Flags["docker"] = "true"
	}
	if len(names) == 3 {
		s.Names = phoenix.Names{Context: names[0], Schema: names[1], Plural: names[2]}
	}
	return s, nil
}
