package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"ops-console/ops/config"
	"ops-console/ops/deploy"
	"ops-console/ops/page"
	"ops-console/ops/plaintext"
	"ops-console/ops/session"
)

// takeOver goes on with a deployment that somebody else began, and whose journal is not here. none is the error where there is
// none.
func (o *deployFlags) takeOver(ctx context.Context, e *env, s *session.Session, p *config.Profile, args []string, choice deploy.Choice, none error) error {
	others, look, err := s.Elsewhere(ctx, e.now())
	if err != nil {
		return unknown(err)
	}
	if len(args) == 1 {
		others = slices.DeleteFunc(others, func(x deploy.Elsewhere) bool { return !strings.HasPrefix(x.Head.Deploy, strings.ToUpper(args[0])) })
	}
	if len(others) == 0 {
		return none
	}
	x := others[0]
	whose := x.Head.Whose()
	switch {
	case len(others) > 1:
		return usage(fmt.Errorf("%s has not ended, nor has %s: say which", whose, others[1].Head.Whose()))
	case x.Err != nil:
		return &exit{statusBadNews, fmt.Errorf("%s cannot be taken over: %w", whose, x.Err)}
	}
	state, err := x.State(look, e.operator(), e.now())
	if err != nil {
		return unknown(err)
	}
	if choice != "" && !slices.Contains(state.Choices(), choice) {
		return usage(fmt.Errorf("%s is not to be chosen now: %s", choice, choicesText(state)))
	}
	if o.format == "text" {
		text := "it was " + strings.ReplaceAll(string(x.Head.Phase), "_", " ")
		if state.Halt != "" || state.Back != "" {
			text = standing(state)
		}
		line := fmt.Sprintf("%s of %s, %s by %s, whose journal is not here: %s", state.Plan.Kind, state.Plan.Artifact.Image,
			page.Since(state.Plan.At, e.now()), plaintext.Line(x.Head.Holder, 80), text)
		fmt.Fprintln(e.stdout, plaintext.Line(line, 2000))
	}
	verb := "go on with it"
	if choice != "" {
		verb = string(choice)
	}
	if err := e.confirm(o.yes, fmt.Sprintf("take it over from %s, and %s?", plaintext.Line(x.Head.Holder, 80), verb)); err != nil {
		return err
	}
	dir, err := config.StateDir(e.getenv)
	if err != nil {
		return usage(err)
	}
	return e.record(ctx, p, "deploy take over", x.Head.Deploy+" of "+plaintext.Line(x.Head.Holder, 80), func(ctx context.Context) (string, error) {
		dep, err := s.TakeOver(ctx, x.Head.Deploy, e.operator(), dir, e.now)
		if err != nil {
			return "", unknown(err)
		}
		if choice != "" {
			if err := dep.Ask(choice, e.operator(), e.now()); err != nil {
				return "", unknown(errors.Join(err, dep.Close()))
			}
		}
		definition, err := s.DeployDefinition(ctx)
		if err != nil {
			return "", unknown(errors.Join(err, dep.Close()))
		}
		return o.follow(ctx, e, s, p, dep, definition)
	})
}
