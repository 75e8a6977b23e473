package compare

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
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
	nearer map[string]nearest.File // files that are more like another version, by path
	over   over
}

// load makes a comparison. What goes wrong is in it. progress is the file in which is kept what is done; empty: it is not.
func (l *loader) load(ctx context.Context, want Choice) (s *Snapshot, progress string) {
	s = &Snapshot{At: l.o.Now(), Source: l.o.Source.Name(), Dir: l.o.Dir, Wanted: want}
	progress, err := l.fill(ctx, s)
	s.At = l.o.Now()
	if err != nil {
		if late(ctx) {
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
	s.Versions = sorted(vv)
	s.Others = l.others(s)
	if len(vv) == 0 && (len(s.Others) == 0 || ctx.Err() != nil) {
		if err == nil {
			err = errors.New("it has no tree of any version of mix " + s.Wanted.Generator().Task())
		}
		return "", fmt.Errorf("%s: %w", s.Source, err)
	}
	mine, app := l.project(ctx, s)
	s.App = app.Name
	s.Choice = l.choose(ctx, s, mine, app)
	guessed := len(s.Choice.Flags) > 0 && s.Wanted.Flags == nil
	without := func() {
		s.Notes = append(s.Notes, "the application looks like one made with "+s.Choice.Flags.String()+", of which there are no two trees: compared without flags")
		s.Choice.Flags, guessed = nil, false
	}
	if old, new, _ := l.specs(s, s.Choice, app); guessed && (!atHand(s, new) || !atHand(s, old) && !atHand(s, flagged(old, s.Choice.Flags))) {
		without() // nobody is asked to have a tree made for a guess
	}
	old, new, from, to, err := l.chosen(ctx, s, app)
	if guessed && err != nil && ctx.Err() == nil {
		without()
		old, new, from, to, err = l.chosen(ctx, s, app)
	}
	s.Wanted = s.Choice
	if err != nil {
		return "", err
	}
	s.Old, s.New = Side{from.Spec, from.Provenance}, Side{to.Spec, to.Provenance}
	from, to = l.also(ctx, s, app, from, to, mine)
	if s.Pairs, err = diff.Trees(from, to, diff.Options{}); err != nil {
		return "", fmt.Errorf("compare %s with %s: %w", source.Title(old), source.Title(new), err)
	}
	s.Done = map[string]bool{}
	file := ""
	if l.o.State != "" {
		file = progressFile(l.o, from.Spec, to.Spec)
		p, err := merge.OpenProgress(file)
		if err != nil {
			return "", err
		}
		s.Done, s.Bases = doneIn(p), p.Bases()
	}
	if mine != nil {
		l.classify(ctx, s, app, from, to, mine)
	}
	return file, nil
}

// classify sets the project's files against both trees, and those that come from another version against that.
func (l *loader) classify(ctx context.Context, s *Snapshot, app nearest.App, from, to, mine *phoenix.Tree) {
	p, err := merge.Classify(from, to, mine, merge.Options{Rand: l.o.Rand, Bases: l.bases(ctx, s, app, mine)})
	if err != nil {
		s.ProjectErr = err
		return
	}
	s.Plan = &p
	if s.Choice.From == l.base { // what is better is better than that
		s.Nearer = l.nearer
	}
}

// bases are the trees that single files come from, by key.
func (l *loader) bases(ctx context.Context, s *Snapshot, app nearest.App, mine *phoenix.Tree) map[string]*phoenix.Tree {
	out := map[string]*phoenix.Tree{}
	for _, key := range slices.Sorted(maps.Keys(s.Bases)) {
		t, err := l.baseTree(ctx, s, app, mine, s.Bases[key])
		if err != nil {
			s.Notes = append(s.Notes, fmt.Sprintf("%s is compared with %s like the rest: %v", key, s.Choice.From, err))
			continue
		}
		out[key] = t
	}
	return out
}

// baseTree is what a version generates for the application.
func (l *loader) baseTree(ctx context.Context, s *Snapshot, app nearest.App, mine *phoenix.Tree, v phoenix.Version) (*phoenix.Tree, error) {
	c := s.Choice
	c.To = v
	if c.Flags != nil {
		c.Flags = l.closest(s, app, v)
	}
	_, spec, _ := l.specs(s, c, app)
	t := l.trees[id(spec)]
	if t == nil {
		var err error
		if t, err = l.o.Source.Tree(ctx, spec); err != nil {
			return nil, err
		}
		l.trees[id(spec)] = t
	}
	if c.Generator() != phoenix.Project || l.o.Listed == nil || len(app.Also) == 0 {
		return t, nil
	}
	over, _, _, err := app.Over(ctx, l.o.Listed, mine, t, t, map[phoenix.Axis]phoenix.Version{phoenix.Auth: v, phoenix.ReleaseFiles: v})
	return over, err
}

// over are the trees of a project with what other generators made for the application: as far as that is at hand.
type over struct {
	key      string
	from, to *phoenix.Tree
	notes    []string
}

// also lays over both trees what other generators made for the application.
func (l *loader) also(ctx context.Context, s *Snapshot, app nearest.App, from, to, mine *phoenix.Tree) (*phoenix.Tree, *phoenix.Tree) {
	if s.Choice.Generator() != phoenix.Project || mine == nil || l.o.Listed == nil || len(app.Also) == 0 {
		return from, to
	}
	key := fmt.Sprint(id(from.Spec), id(to.Spec), app.Also)
	if l.over.key != key {
		o := over{key: key}
		var err error
		if o.from, o.to, o.notes, err = app.Over(ctx, l.o.Listed, mine, from, to, nil); err != nil {
			s.Notes = append(s.Notes, "what other generators made is compared with nothing: "+err.Error())
			return from, to
		}
		l.over = o
	}
	s.Notes = append(s.Notes, l.over.notes...)
	return l.over.from, l.over.to
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
			if spec.Axis == s.Wanted.Generator() {
				vv = append(vv, spec.Version)
			}
		}
		if len(vv) > 0 || l.o.Whole {
			return vv, err
		}
	}
	vv, err := l.o.Source.Versions(ctx, s.Wanted.Generator())
	return vv, cmp.Or(failed, err)
}

// others are the versions that a source besides those that are listed may have.
func (l *loader) others(s *Snapshot) []phoenix.Version {
	if s.Whole {
		return nil
	}
	var out []phoenix.Version
	for _, r := range phoenix.Releases() {
		if r.Switches(s.Wanted.Generator()) != nil && !slices.Contains(s.Versions, r.Version) {
			out = append(out, r.Version)
		}
	}
	return out
}

// atHand says whether trees are among those that are listed; where none are, that there is nothing to say.
func atHand(s *Snapshot, want ...phoenix.Spec) bool {
	for _, spec := range want {
		fit, _, err := source.Fit(spec)
		if named := fit.Names != (phoenix.Names{}) && fit.Names != phoenix.DefaultNames; err != nil || named && len(s.Specs) > 0 {
			return false // snapshots are made with the default names
		}
		if len(s.Specs) > 0 && !slices.ContainsFunc(s.Specs, func(o phoenix.Spec) bool { return source.Dir(o) == source.Dir(fit) }) {
			return false
		}
	}
	return true
}

// flagged is a spec with other flags.
func flagged(s phoenix.Spec, f phoenix.Flags) phoenix.Spec {
	s.Flags = f
	return s
}

// chosen are the two trees of the choice, with the application's names. The older one is that of a fair comparison, with what
// became a default in between: where that one is not there, the one with the flags as they are. Nobody is asked to have it
// made for versions that nobody chose.
func (l *loader) chosen(ctx context.Context, s *Snapshot, app nearest.App) (old, new phoenix.Spec, from, to *phoenix.Tree, err error) {
	old, new, notes := l.specs(s, s.Choice, app)
	plain := flagged(old, s.Choice.Flags)
	unfair := fmt.Sprintf("of %s there is no tree with %s: this is the one without", old.Version, old.Flags)
	fair := len(old.Flags) > len(plain.Flags)
	if fair && s.Wanted.From == (phoenix.Version{}) && !atHand(s, old) && atHand(s, plain) {
		old, notes, fair = plain, []string{unfair}, false
	}
	from, to, err = l.both(ctx, old, new)
	if err != nil && fair && ctx.Err() == nil {
		if was, is, again := l.both(ctx, plain, new); again == nil {
			old, from, to, notes, err = plain, was, is, []string{unfair}, nil
		}
	}
	if err == nil {
		s.Notes = append(s.Notes, notes...)
	}
	return old, new, from, to, err
}

// specs are the trees that a choice is about, with the project's names and into what they were generated, and what to know
// of their flags.
func (l *loader) specs(s *Snapshot, c Choice, app nearest.App) (old, new phoenix.Spec, notes []string) {
	old, new, notes = specs(c)
	for _, spec := range []*phoenix.Spec{&old, &new} {
		spec.App, spec.Module = app.Name, app.Module
		if spec.Axis != phoenix.Project {
			spec.Within = within(s.Specs, *spec, app)
		}
	}
	return old, new, notes
}

// specs are the trees that a choice is about, and what to know of their flags.
func specs(c Choice) (old, new phoenix.Spec, notes []string) {
	fair, notes := phoenix.Fair(c.Generator(), phoenix.Knowledge(c.From), phoenix.Knowledge(c.To), c.Flags)
	old = phoenix.Spec{Axis: c.Generator(), Version: c.From, Flags: fair, Names: c.Names}
	new = phoenix.Spec{Axis: c.Generator(), Version: c.To, Flags: c.Flags, Names: c.Names}
	return old, new, notes
}

// within are the flags of the project that a generator was run in: of the trees that are at hand those that are the most like
// the application's, else the application's own.
func within(all []phoenix.Spec, want phoenix.Spec, app nearest.App) phoenix.Flags {
	var in []phoenix.Spec
	flags := want.Flags
	if fit, _, err := phoenix.Knowledge(want.Version).Fit(want.Axis, flags); err == nil {
		flags = fit // a version that does not know a flag has its trees without it
	}
	for _, s := range all {
		if s.Axis == want.Axis && s.Version == want.Version && maps.Equal(s.Flags, flags) {
			in = append(in, phoenix.Spec{Axis: phoenix.Project, Version: s.Version, Flags: s.Within})
		}
	}
	if spec, ok := nearest.Closest(in, phoenix.Project, want.Version, app.Flags); ok {
		return spec.Flags
	}
	if app.Flags == nil {
		return nil
	}
	return app.For(want.Version)
}

// both trees, at once.
func (l *loader) both(ctx context.Context, old, new phoenix.Spec) (from, to *phoenix.Tree, err error) {
	g, gctx := errgroup.WithContext(ctx)
	get := func(spec phoenix.Spec, known *phoenix.Tree, out **phoenix.Tree) {
		g.Go(func() (err error) {
			if *out = known; known != nil {
				return nil
			}
			*out, err = l.o.Source.Tree(gctx, spec) // it says what it is of
			return err
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
