package nearest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"

	"ops-console/ops/phoenix"
	"ops-console/ops/phoenix/source"
)

// ErrNoTrees is given where there is nothing to compare an application with.
var ErrNoTrees = errors.New("no source has a list of generated trees: name a snapshot of them")

// atOnce is how many trees are asked for at a time.
const atOnce = 4

// Search compares an application with what a source has: with all that Candidates chooses of its list, which are hundreds
// of trees. Notes name trees that could not be had.
func Search(ctx context.Context, app App, mine *phoenix.Tree, from source.Lister) (r Result, notes []string, err error) {
	specs, err := from.Specs(ctx)
	if len(specs) == 0 {
		if err == nil {
			err = ErrNoTrees
		}
		return Result{}, nil, err
	}
	if err != nil {
		notes = append(notes, err.Error())
	}
	candidates := app.Candidates(specs)
	trees := make([]*phoenix.Tree, len(candidates))
	errs := make([]error, len(candidates))
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(atOnce)
	for i, s := range candidates {
		g.Go(func() error {
			trees[i], errs[i] = from.Tree(gctx, s)
			return gctx.Err()
		})
	}
	if err := g.Wait(); err != nil {
		return Result{}, nil, fmt.Errorf("read the generated trees: %w", err)
	}
	var got []*phoenix.Tree
	for i, t := range trees {
		if errs[i] != nil {
			notes = append(notes, errs[i].Error())
			continue
		}
		got = append(got, t)
	}
	if len(got) == 0 {
		return Result{}, nil, fmt.Errorf("none of %d generated trees could be read: %w", len(candidates), errors.Join(errs[:min(3, len(errs))]...))
	}
	if r, err = Find(ctx, app, mine, got); err == nil {
		notes = append(notes, unseen(specs, r.Base())...)
	}
	return r, notes, err
}

// unseen says which versions beside the best could not be compared with its flags: the files may come from one of those as
// well.
func unseen(specs []phoenix.Spec, best phoenix.Spec) []string {
	seen := map[phoenix.Version]bool{}
	var all []phoenix.Version
	for _, s := range specs {
		if s.Axis != phoenix.Project || s.Version.Line() != best.Version.Line() {
			continue
		}
		all = append(all, s.Version)
		seen[s.Version] = seen[s.Version] || s.Flags.String() == best.Flags.String()
	}
	all = slices.Compact(all)
	without := slices.DeleteFunc(all, func(v phoenix.Version) bool { return seen[v] })
	if len(without) == 0 {
		return nil
	}
	which := fmt.Sprintf("%d other versions, %s to %s,", len(without), without[0], without[len(without)-1])
	if len(without) <= 3 {
		which = strings.Trim(fmt.Sprint(without), "[]")
		which = strings.ReplaceAll(which, " ", ", ")
	}
	return []string{fmt.Sprintf("of %s there is no tree with %s: the files may come from there as well", which, words(best))}
}

// Spec is what a version generates for an application: with its names and these flags.
func (a App) Spec(v phoenix.Version, f phoenix.Flags) phoenix.Spec {
	return phoenix.Spec{Axis: phoenix.Project, Version: v, Flags: f, App: a.Name, Module: a.Module}
}

// Tree gives a tree, or, where no source has it with those flags, the one of that version whose flags differ the least from
// near. Notes say so.
func Tree(ctx context.Context, from source.Lister, want phoenix.Spec, near phoenix.Flags) (*phoenix.Tree, []string, error) {
	t, err := from.Tree(ctx, want)
	if err == nil || ctx.Err() != nil {
		return t, nil, err
	}
	specs, _ := from.Specs(ctx) // what cannot be listed is no substitute
	like := want
	like.Flags = near
	s, ok := closest(specs, like)
	if !ok || s.Flags.String() == want.Flags.String() && s.Within.String() == want.Within.String() {
		return nil, nil, err
	}
	s.App, s.Module, s.Names = want.App, want.Module, want.Names
	if t, err = from.Tree(ctx, s); err != nil {
		return nil, nil, err
	}
	return t, []string{fmt.Sprintf("of %s there is no tree with %s: this is the one with %s", want.Version, words(want), words(s))}, nil
}

func words(s phoenix.Spec) string {
	text := s.Flags.String()
	if text == "" {
		text = "the default flags"
	}
	if len(s.Within) > 0 {
		text += " in a project with " + s.Within.String()
	}
	return text
}
