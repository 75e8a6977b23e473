package compare

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"

	"ops-console/ops/phoenix"
	"ops-console/ops/phoenix/diff"
	"ops-console/ops/phoenix/merge"
	"ops-console/ops/phoenix/nearest"
	"ops-console/ops/phoenix/source"
)

// loader makes snapshots. It is used by one goroutine.
type loader struct {
	o     Options
	trees map[string]*phoenix.Tree // those of the comparison before, by spec

	base   phoenix.Version // that the project's files come from; zero: not known yet
	why    string
	unsure bool
}

// load makes a comparison. What goes wrong is in it. progress is the file in which is kept what is done; empty: it is not.
func (l *loader) load(ctx context.Context, want Choice) (s *Snapshot, progress string) {
	s = &Snapshot{At: l.o.Now(), Source: l.o.Source.Name(), Dir: l.o.Dir, Wanted: want}
	progress, err := l.fill(ctx, s)
	s.At = l.o.Now()
	if err != nil {
		if errors.Is(ctx.Err(), context.DeadlineExceeded) {
			err = fmt.Errorf("no answer within %s: %w", l.o.Timeout, err)
		}
		s.Err, s.Pairs, s.Plan = err, nil, nil
		return s, ""
	}
	return s, progress
}

// fill loads and compares, and gives the file in which is kept what is done.
func (l *loader) fill(ctx context.Context, s *Snapshot) (string, error) {
	vv, err := l.versions(ctx, s)
	if len(vv) == 0 {
		if err == nil {
			err = errors.New("it has no tree of any version")
		}
		return "", fmt.Errorf("%s: %w", s.Source, err)
	}
	s.Versions = sorted(vv)
	mine, app := l.project(ctx, s)
	s.App = app.Name
	s.Choice = l.choose(ctx, s, mine, app)
	guessed := len(s.Choice.Flags) > 0 && s.Wanted.Flags == nil
	old, new, from, to, err := l.chosen(ctx, s, app)
	if guessed && err != nil && ctx.Err() == nil {
		s.Notes = append(s.Notes, "the application looks like one made with "+s.Choice.Flags.String()+", of which there are no two trees: compared without flags")
		s.Choice.Flags = nil
		old, new, from, to, err = l.chosen(ctx, s, app)
	}
	s.Wanted = s.Choice
	if err != nil {
		return "", err
	}
	s.Old, s.New = Side{from.Spec, from.Provenance}, Side{to.Spec, to.Provenance}
	if s.Pairs, err = diff.Trees(from, to, diff.Options{}); err != nil {
		return "", fmt.Errorf("compare %s with %s: %w", source.Title(old), source.Title(new), err)
	}
	if mine != nil {
		if p, err := merge.Classify(from, to, mine, merge.Options{Rand: l.o.Rand}); err != nil {
			s.ProjectErr = err
		} else {
			s.Plan = &p
		}
	}
	s.Done = map[string]bool{}
	if l.o.State == "" {
		return "", nil
	}
	file := filepath.Join(l.o.State, merge.ProgressName(l.o.Dir, from.Spec, to.Spec))
	p, err := merge.OpenProgress(file)
	if err != nil {
		return "", err
	}
	s.Done = doneIn(p)
	return file, nil
}

// versions that are offered: of the trees that are at hand, or else of all.
func (l *loader) versions(ctx context.Context, s *Snapshot) ([]phoenix.Version, error) {
	s.Whole = l.o.Whole
	var failed error
	if l.o.Listed != nil {
		specs, err := l.o.Listed.Specs(ctx)
		s.Specs, failed = specs, err
		var vv []phoenix.Version
		for _, spec := range specs {
			if spec.Axis == s.Wanted.axis() {
				vv = append(vv, spec.Version)
			}
		}
		if len(vv) > 0 || l.o.Whole {
			return vv, err
		}
	}
	vv, err := l.o.Source.Versions(ctx, s.Wanted.axis())
	return vv, cmp.Or(failed, err)
}

// chosen are the two trees of the choice, with the application's names.
func (l *loader) chosen(ctx context.Context, s *Snapshot, app nearest.App) (old, new phoenix.Spec, from, to *phoenix.Tree, err error) {
	old, new, notes := specs(s.Choice)
	old.App, old.Module, new.App, new.Module = app.Name, app.Module, app.Name, app.Module
	if from, to, err = l.both(ctx, old, new); err == nil {
		s.Notes = append(s.Notes, notes...)
	}
	return old, new, from, to, err
}

// specs are the trees that a choice is about, and what to know of their flags.
func specs(c Choice) (old, new phoenix.Spec, notes []string) {
	fair, notes := phoenix.Fair(c.axis(), phoenix.Knowledge(c.From), phoenix.Knowledge(c.To), c.Flags)
	old = phoenix.Spec{Axis: c.axis(), Version: c.From, Flags: fair, Names: c.Names}
	new = phoenix.Spec{Axis: c.axis(), Version: c.To, Flags: c.Flags, Names: c.Names}
	return old, new, notes
}

// both trees, at once.
func (l *loader) both(ctx context.Context, old, new phoenix.Spec) (from, to *phoenix.Tree, err error) {
	g, gctx := errgroup.WithContext(ctx)
	get := func(spec phoenix.Spec, known *phoenix.Tree, out **phoenix.Tree) {
		g.Go(func() (err error) {
			if *out = known; known != nil {
				return nil
			}
			if *out, err = l.o.Source.Tree(gctx, spec); err != nil {
				return fmt.Errorf("%s: %w", source.Title(spec), err)
			}
			return nil
		})
	}
	get(old, l.trees[id(old)], &from)
	get(new, l.trees[id(new)], &to)
	if err := g.Wait(); err != nil {
		return nil, nil, err
	}
	l.trees = map[string]*phoenix.Tree{id(old): from, id(new): to}
	return from, to, nil
}

func id(s phoenix.Spec) string {
	return strings.Join([]string{source.Dir(s), s.App, s.Module, s.Names.String()}, " ")
}

// project reads the application's files, and what they say of how they were generated. nil: there is no application, or what
// it has cannot be compared.
func (l *loader) project(ctx context.Context, s *Snapshot) (*phoenix.Tree, nearest.App) {
	if l.o.Dir == "" {
		return nil, nearest.App{}
	}
	mine, err := merge.Project(ctx, l.o.Dir)
	if err != nil {
		s.ProjectErr = err
		return nil, nearest.App{}
	}
	app, err := nearest.Inspect(mine)
	if err != nil {
		s.ProjectErr = fmt.Errorf("%s: %w", l.o.Dir, err)
		return nil, nearest.App{}
	}
	mine.Spec.App, mine.Spec.Module = app.Name, app.Module
	return mine, app
}

// choose fills in what a choice leaves open: from what the project's files come from, to the newest.
func (l *loader) choose(ctx context.Context, s *Snapshot, mine *phoenix.Tree, app nearest.App) Choice {
	c := s.Wanted
	if c.To == (phoenix.Version{}) {
		c.To = newest(s.Versions, func(phoenix.Version) bool { return true })
	}
	if c.From != (phoenix.Version{}) {
		return c
	}
	if mine != nil {
		if c.Flags == nil {
			c.Flags = l.closest(s, app, c.To)
		}
		if v, ok, err := merge.KeptBase(l.o.State, l.o.Dir, c.To); ok && err == nil && l.o.State != "" {
			c.From, s.Base = v, "this upgrade began there"
			return c
		}
		if l.base == (phoenix.Version{}) {
			l.base, l.why = l.nearest(ctx, s, mine, app)
		}
		if l.base != (phoenix.Version{}) {
			if l.base.Before(c.To) {
				c.From, s.Base, s.Unsure = l.base, l.why, l.unsure
				return c
			}
			s.Notes = append(s.Notes, "the project's files are those of "+c.To.String()+" already, the newest that there is a tree of")
		}
	}
	// The last version of the line before, where the jump is worth looking at.
	c.From = newest(s.Versions, func(v phoenix.Version) bool { return v.Before(c.To) && v.Line() != c.To.Line() })
	if c.From == (phoenix.Version{}) {
		c.From = s.Versions[0]
	}
	return c
}

// closest are the flags, of those that there is a tree for, which differ the least from the application's.
func (l *loader) closest(s *Snapshot, app nearest.App, v phoenix.Version) phoenix.Flags {
	if len(s.Specs) == 0 {
		return app.For(v)
	}
	spec, _ := nearest.Closest(s.Specs, s.Wanted.axis(), v, app.Flags)
	return spec.Flags
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
