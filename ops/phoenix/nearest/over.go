package nearest

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"golang.org/x/sync/errgroup"

	"ops-console/ops/phoenix"
	"ops-console/ops/phoenix/source"
)

// Over lays what other generators made for an application over the trees of its project, as an upgrade compares them: the
// files that they make or change. What cannot be had of both versions is left out of both, and named in notes. bases say
// which versions their files come from; where they do not, it is found among the trees that can be listed, or is the
// project's own.
func (a App) Over(ctx context.Context, from source.Lister, mine, old, new *phoenix.Tree, bases map[phoenix.Axis]phoenix.Version) (base, next *phoenix.Tree, notes []string, err error) {
	base, next = old, new
	for _, g := range a.Also {
		was, is, why, more, err := a.sides(ctx, from, mine, g, old, new, bases[g.Axis])
		if ctx.Err() != nil {
			return nil, nil, nil, fmt.Errorf("mix %s: %w", g, ctx.Err())
		}
		if err != nil {
			notes = append(notes, fmt.Sprintf("what mix %s made is compared with nothing: %v", g, err))
			continue
		}
		notes = append(notes, fmt.Sprintf("with what mix %s makes, %s; and %s (%s)", g, why, is.Spec.Version, is.Provenance.Detail))
		notes = append(append(notes, more...), is.Provenance.Notes...)
		// What it changed belongs to a project of its own version.
		whole := was.Spec.Version == old.Spec.Version
		base, next = lay(base, was, old, whole), lay(next, is, new, whole)
	}
	return base, next, notes, nil
}

// lay puts files over a tree; where not the whole is wanted, only those that the project itself does not have.
func lay(t, over, project *phoenix.Tree, whole bool) *phoenix.Tree {
	out := &phoenix.Tree{Spec: t.Spec, Files: maps.Clone(t.Files), Provenance: t.Provenance}
	for p, f := range over.Files {
		if _, ok := project.Files[p]; whole || !ok {
			out.Files[p] = f
		}
	}
	return out
}

// sides are what a generator makes in the version that its files come from, and in the new one. why says how the first is
// known; notes, where trees differ from what was wanted.
func (a App) sides(ctx context.Context, from source.Lister, mine *phoenix.Tree, g Generated, old, new *phoenix.Tree, said phoenix.Version) (was, is *phoenix.Tree, why string, notes []string, err error) {
	v, why := said, "from "+said.String()+", as was said"
	if v == (phoenix.Version{}) {
		if v, why, err = a.BaseOf(ctx, from, mine, g, old.Spec); err != nil {
			return nil, nil, "", nil, err
		}
	}
	within := old.Spec.Flags
	if v != old.Spec.Version {
		within = a.For(v)
	}
	if new.Spec.Version.Before(v) {
		return nil, nil, "", nil, fmt.Errorf("its files come from %s, which is newer than %s", v, new.Spec.Version)
	}
	specs := []phoenix.Spec{g.Spec(a, v, within), g.Spec(a, new.Spec.Version, new.Spec.Flags)}
	trees, missed := make([]*phoenix.Tree, len(specs)), make([][]string, len(specs))
	eg, gctx := errgroup.WithContext(ctx)
	for i, s := range specs {
		eg.Go(func() (err error) {
			trees[i], missed[i], err = Tree(gctx, from, s, s.Flags)
			return err
		})
	}
	if err := eg.Wait(); err != nil {
		return nil, nil, "", nil, err
	}
	return trees[0], trees[1], why, slices.Concat(missed...), nil
}

// BaseOf finds the version that the files of a generator come from: among the trees of it that can be listed, or else it
// is the project's. The text says how it is known.
func (a App) BaseOf(ctx context.Context, from source.Lister, mine *phoenix.Tree, g Generated, project phoenix.Spec) (phoenix.Version, string, error) {
	specs, _ := from.Specs(ctx) // what cannot be listed is not searched
	seen := map[phoenix.Version]bool{}
	var trees []*phoenix.Tree
	for _, s := range specs {
		if s.Axis != g.Axis || seen[s.Version] {
			continue
		}
		seen[s.Version] = true
		c, _ := Closest(specs, g.Axis, s.Version, g.For(s.Version))
		c.App, c.Module, c.Names = a.Name, a.Module, g.Names
		if t, err := from.Tree(ctx, c); err == nil {
			trees = append(trees, t)
		}
	}
	// A search without the project's own version would find another one.
	has := phoenix.Knowledge(project.Version).Switches(g.Axis) != nil
	if len(trees) > 0 && (seen[project.Version] || !has) {
		r, err := Find(ctx, a, mine, trees)
		if ctx.Err() != nil {
			return phoenix.Version{}, "", ctx.Err()
		}
		if err == nil && r.Level != Low {
			v := r.Base().Version
			return v, fmt.Sprintf("from %s, of which %d %% of its lines are in the application (confidence: %s)", v, int(100*r.Best().Recall()+0.5), r.Level), nil
		}
	}
	if !has {
		return phoenix.Version{}, "", fmt.Errorf("the project comes from %s, which has no mix %s: say which version those come from", project.Version, g.Axis.Task())
	}
	return project.Version, "from " + project.Version.String() + " as the project", nil
}

// Beside adds to each of two trees of another generator than that of projects what the other one changes of its project, as
// it is there: what only one version of the generator changes is not a file that appears, or is gone. Where the projects
// cannot be had, the trees stay as they are.
func Beside(ctx context.Context, from source.Lister, old, new *phoenix.Tree) (was, is *phoenix.Tree) {
	return beside(ctx, from, old, new), beside(ctx, from, new, old)
}

func beside(ctx context.Context, from source.Lister, t, other *phoenix.Tree) *phoenix.Tree {
	var lacking []string
	for p := range other.Files {
		if _, ok := t.Files[p]; !ok {
			lacking = append(lacking, p)
		}
	}
	s := t.Spec
	if s.Axis == phoenix.Project || len(lacking) == 0 {
		return t
	}
	s.Axis, s.Flags, s.Within, s.Names = phoenix.Project, s.Within, nil, phoenix.Names{}
	project, err := from.Tree(ctx, s)
	if err != nil {
		return t
	}
	out := *t
	out.Files = maps.Clone(t.Files)
	for _, p := range lacking {
		if f, ok := project.Files[p]; ok {
			out.Files[p] = f
		}
	}
	return &out
}
