package compare

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"ops-console/ops/phoenix"
	"ops-console/ops/phoenix/merge"
	"ops-console/ops/phoenix/nearest"
)

// choose fills in what a choice leaves open: from what the project's files come from, to the newest.
func (l *loader) choose(ctx context.Context, s *Snapshot, mine *phoenix.Tree, app nearest.App) Choice {
	c, all := s.Wanted, s.Versions
	if len(all) == 0 {
		all = s.Others // as when a registry cannot be asked: what was made before is at hand all the same
	}
	if c.To == (phoenix.Version{}) {
		c.To = newest(all, func(phoenix.Version) bool { return true })
	}
	if g, ok := app.Of(c.Generator()); ok && c.Names == (phoenix.Names{}) {
		c.Names = g.Names
	}
	if c.From != (phoenix.Version{}) {
		return c
	}
	if mine != nil {
		if c.Flags == nil {
			c.Flags = l.closest(s, app, c.To)
		}
		base, why, unsure := l.baseOf(ctx, s, mine, app, c)
		switch {
		case base == (phoenix.Version{}):
		case base.Before(c.To):
			c.From, s.Base, s.Unsure = base, why, unsure
			return c
		default:
			s.Notes = append(s.Notes, "the project's files are those of "+c.To.String()+" already, the newest that there is a tree of")
		}
	}
	// The last version of the line before, where the jump is worth looking at.
	c.From = newest(all, func(v phoenix.Version) bool { return v.Before(c.To) && v.Line() != c.To.Line() })
	if c.From == (phoenix.Version{}) {
		c.From = all[0]
	}
	return c
}

// baseOf is the version that what a generator made for the project comes from, and how that is known; the zero version: it is
// not known.
func (l *loader) baseOf(ctx context.Context, s *Snapshot, mine *phoenix.Tree, app nearest.App, c Choice) (base phoenix.Version, why string, unsure bool) {
	project := c.Generator() == phoenix.Project
	if v, ok, err := merge.KeptBase(l.o.State, l.o.Dir, c.To); project && ok && err == nil && l.o.State != "" {
		return v, "this upgrade began there", false
	}
	if l.base == (phoenix.Version{}) {
		l.base, l.why = l.nearest(ctx, s, mine, app)
	}
	if project {
		return l.base, l.why, l.unsure
	}
	g, ok := app.Of(c.Generator())
	if !ok {
		s.Notes = append(s.Notes, "the application has nothing that mix "+c.Generator().Task()+" made")
		return phoenix.Version{}, "", false
	}
	if l.o.Listed == nil || l.base == (phoenix.Version{}) {
		return l.closestBase(s), "the last one before the project's", true
	}
	v, why, err := app.BaseOf(ctx, l.o.Listed, mine, g, phoenix.Spec{Version: l.base, Flags: app.For(l.base)})
	if err != nil || !slices.Contains(s.Versions, v) && !slices.Contains(s.Others, v) {
		return l.closestBase(s), "the last one before the project's", true
	}
	return v, why, false
}

// closestBase is the version that the project's files come from, or, where there is no tree of that, the last one before it;
// the zero version: there is none.
func (l *loader) closestBase(s *Snapshot) phoenix.Version {
	if slices.Contains(s.Versions, l.base) || slices.Contains(s.Others, l.base) {
		return l.base
	}
	return newest(s.Versions, func(v phoenix.Version) bool { return !l.base.Before(v) })
}

// closest are the flags, of those that there is a tree for, which differ the least from the application's.
func (l *loader) closest(s *Snapshot, app nearest.App, v phoenix.Version) phoenix.Flags {
	axis := s.Wanted.Generator()
	if axis == phoenix.Project {
		if len(s.Specs) == 0 {
			return app.For(v)
		}
		spec, _ := nearest.Closest(s.Specs, axis, v, app.Flags)
		return spec.Flags
	}
	var own phoenix.Flags
	if g, ok := app.Of(axis); ok {
		own = g.For(v)
	}
	if spec, ok := nearest.Closest(s.Specs, axis, v, own); ok {
		return spec.Flags
	}
	return own
}

// nearest is the version that the application's files come from, and a sentence about that; the zero version: it is not
// known.
func (l *loader) nearest(ctx context.Context, s *Snapshot, mine *phoenix.Tree, app nearest.App) (phoenix.Version, string) {
	if l.o.Base != (phoenix.Version{}) {
		return l.o.Base, "the profile says so"
	}
	if l.o.Listed == nil || len(s.Specs) == 0 {
		return required(s, app)
	}
	var trees []*phoenix.Tree
	for _, spec := range app.Candidates(s.Specs) {
		if t, err := l.o.Listed.Tree(ctx, spec); err == nil {
			trees = append(trees, t)
		}
	}
	if len(trees) == 0 {
		return phoenix.Version{}, ""
	}
	r, err := nearest.Find(ctx, app, mine, trees)
	if err != nil {
		s.Notes = append(s.Notes, "which version the project's files come from is not known: "+err.Error())
		return phoenix.Version{}, ""
	}
	l.nearer = map[string]nearest.File{}
	for _, f := range r.Files {
		if f.Better {
			l.nearer[f.Path] = f
		}
	}
	best := r.Best()
	l.unsure = r.Level == nearest.Low
	return r.Base().Version, fmt.Sprintf("%d %% of its lines are in the project (confidence: %s)", int(100*best.Recall()+0.5), r.Level)
}

// required is the version that mix.exs asks for, where no trees are at hand to compare with.
func required(s *Snapshot, app nearest.App) (phoenix.Version, string) {
	v, err := phoenix.ParseVersion(strings.TrimLeft(app.Requirement, "~>= "))
	if err != nil || !slices.Contains(s.Versions, v) {
		return phoenix.Version{}, ""
	}
	return v, "mix.exs asks for " + app.Requirement + "; no snapshot is at hand to find out more from"
}

// newest of the versions that will do: a release, where there is one.
func newest(vv []phoenix.Version, will func(phoenix.Version) bool) phoenix.Version {
	var out phoenix.Version
	for _, v := range vv {
		if will(v) && (v.Pre == "" || out.Pre != "" || out == (phoenix.Version{})) {
			out = v
		}
	}
	return out
}
