// Package source gets generated trees: out of snapshots that somebody made (a directory, an archive, a git repository), by
// running the user's own mix, or from a public site. Sources stand behind one interface and are tried in order; each tree
// says where it is from.
//
// It writes nothing outside of its cache, runs nothing that was downloaded without asking first, and compares nothing.
// Everything that waits for a network or a program has a deadline and ends with its context.
package source

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"unicode"

	"ops-console/ops/phoenix"
)

// The application that a tree is of when nothing else is asked for, and that snapshots are made with. It is not my_app:
// from 1.8 on, generated text speaks of an imagined my_app too.
const (
	App    = "sample_app"
	Module = "SampleApp"
)

// ErrNone is what a source answers when it does not have a tree, and nothing went wrong.
var ErrNone = errors.New("not there")

// Source has generated trees, or makes them. It may be used by several goroutines at once.
type Source interface {
	// Name is what it is called: snapshot ~/trees, mix, phoenixdiff.org.
	Name() string
	// Versions that it has of a generator, oldest first.
	Versions(ctx context.Context, a phoenix.Axis) ([]phoenix.Version, error)
	// Tree gives one, with the names that are asked for. The error is an ErrNone where it does not have it.
	Tree(ctx context.Context, s phoenix.Spec) (*phoenix.Tree, error)
}

// Lister is a source that has a certain set of trees and can say which.
type Lister interface {
	Source
	// Specs of all trees, by generator, version and flags, without names.
	Specs(ctx context.Context) ([]phoenix.Spec, error)
}

// Fit checks what is asked for against what the version's generator knows, and gives it in the one form that sources
// compare: flags that say a default are left out, names that are not said are those of the sample application.
func Fit(s phoenix.Spec) (fit phoenix.Spec, notes []string, err error) {
	if s.Version == (phoenix.Version{}) {
		return s, nil, errors.New("which version of Phoenix is not said")
	}
	if s.Axis == "" {
		s.Axis = phoenix.Project
	}
	for _, name := range []string{"app", "module"} {
		if _, ok := s.Flags[name]; ok {
			return s, nil, fmt.Errorf("--%s is not taken as a flag: it is the application's name", name)
		}
	}
	if s.Flags, notes, err = phoenix.Knowledge(s.Version).Fit(s.Axis, s.Flags); err != nil {
		return s, nil, err
	}
	for name, v := range s.Flags {
		if !flagName.MatchString(name) || !flagValue.MatchString(v) {
			return s, nil, fmt.Errorf("%.80q is no flag of a generator", phoenix.Flags{name: v}.String())
		}
	}
	if s.Names, err = fitNames(s.Axis, s.Names); err != nil {
		return s, nil, err
	}
	if s.Flags, s.Within, err = fitWithin(s); err != nil {
		return s, nil, err
	}
	if s.App == "" {
		s.App = App
	}
	if s.Module == "" {
		s.Module = Camelize(s.App)
	}
	if !appName.MatchString(s.App) {
		return s, nil, fmt.Errorf("%.80q is no name of an application: small letters, digits and _", s.App)
	}
	if !moduleName.MatchString(s.Module) {
		return s, nil, fmt.Errorf("%.80q is no name of a module, such as MyApp", s.Module)
	}
	return s, notes, nil
}

// fitNames gives the names that phx.gen.auth is asked for; other generators are asked for none.
func fitNames(a phoenix.Axis, n phoenix.Names) (phoenix.Names, error) {
	switch {
	case a != phoenix.Auth:
		return phoenix.Names{}, nil
	case n == (phoenix.Names{}):
		return phoenix.DefaultNames, nil
	case !moduleName.MatchString(n.Context) || !moduleName.MatchString(n.Schema) || n.Context == n.Schema || !appName.MatchString(n.Plural):
		return n, fmt.Errorf("%.200q does not name a context, a schema and its plural, such as %s", n, phoenix.DefaultNames)
	}
	return n, nil
}

// fitWithin gives the flags of the project that a generator is run in, and those of the generator that follow from them.
func fitWithin(s phoenix.Spec) (flags, within phoenix.Flags, err error) {
	if s.Axis == phoenix.Project {
		return s.Flags, nil, nil
	}
	know := phoenix.Knowledge(s.Version)
	if within, _, err = know.Fit(phoenix.Project, s.Within); err != nil {
		return nil, nil, fmt.Errorf("the project that %s is to be run in: %w", s.Axis.Task(), err)
	}
	if s.Axis == phoenix.Auth && (within["ecto"] == "false" || within["html"] == "false") {
		return nil, nil, fmt.Errorf("mix phx.gen.auth needs a project with a database and with pages, not one with %s", within)
	}
	flags = s.Flags
	for _, name := range map[phoenix.Axis][]string{phoenix.Auth: {"live"}, phoenix.ReleaseFiles: {"ecto"}}[s.Axis] {
		if _, known := know.Switch(s.Axis, name); known && flags[name] == "" && within[name] == "false" {
			flags = maps.Clone(flags)
			flags[name] = "false"
		}
	}
	if len(within) == 0 {
		within = nil
	}
	return flags, within, nil
}

var (
	appName    = regexp.MustCompile(`^[a-z][a-z0-9_]{0,99}$`)
	moduleName = regexp.MustCompile(`^[A-Z][A-Za-z0-9_]{0,99}(\.[A-Z][A-Za-z0-9_]{0,99})*$`)
	flagName   = regexp.MustCompile(`^[a-z][a-z_]*$`)
	flagValue  = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_.]*$`)
)

// Camelize is the module that a generator makes of an application's name, as Elixir's Macro.camelize does: chat_api is
// ChatApi.
func Camelize(app string) string {
	var b strings.Builder
	up := true
	for _, r := range app {
		switch {
		case r == '_':
			up = true
		case up:
			b.WriteRune(unicode.ToUpper(r))
			up = false
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

// Chain is sources that are tried in order.
type Chain []Source

// Name is the names of all.
func (c Chain) Name() string {
	var names []string
	for _, s := range c {
		names = append(names, s.Name())
	}
	return strings.Join(names, ", ")
}

// Versions that any of the sources has. The error is there when one could not be asked, beside what the others have.
func (c Chain) Versions(ctx context.Context, a phoenix.Axis) ([]phoenix.Version, error) {
	var all []phoenix.Version
	var errs failures
	for _, s := range c {
		vv, err := s.Versions(ctx, a)
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", s.Name(), err))
		}
		all = append(all, vv...)
	}
	slices.SortFunc(all, phoenix.Version.Compare)
	return slices.Compact(all), errs.err("versions of Phoenix")
}

// Specs of all trees that the sources with a certain set have.
func (c Chain) Specs(ctx context.Context) ([]phoenix.Spec, error) {
	var all []phoenix.Spec
	var errs failures
	for _, s := range c {
		l, ok := s.(Lister)
		if !ok {
			continue
		}
		ss, err := l.Specs(ctx)
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", s.Name(), err))
		}
		all = append(all, ss...)
	}
	slices.SortFunc(all, compareSpecs)
	return slices.CompactFunc(all, func(a, b phoenix.Spec) bool { return compareSpecs(a, b) == 0 }), errs.err("generated trees")
}

// Tree is the first source's that has it. Notes say which sources before it failed, and what of the flags was left out.
func (c Chain) Tree(ctx context.Context, s phoenix.Spec) (*phoenix.Tree, error) {
	fit, notes, err := Fit(s)
	if err != nil {
		return nil, err
	}
	var errs failures
	for _, src := range c {
		t, err := src.Tree(ctx, fit)
		if err == nil && len(t.Files) == 0 {
			err = errors.New("the tree has no files")
		}
		if err == nil {
			t.Provenance.Notes = append(notes, t.Provenance.Notes...)
			return t, nil
		}
		if ctx.Err() != nil {
			return nil, fmt.Errorf("%s: %s: %w", Title(fit), src.Name(), err)
		}
		if !errors.Is(err, ErrNone) {
			notes = append(notes, fmt.Sprintf("%s failed: %v", src.Name(), err))
		}
		errs = append(errs, fmt.Errorf("%s: %w", src.Name(), err))
	}
	if len(c) == 0 {
		return nil, fmt.Errorf("%s: %w: no source of generated trees is configured", Title(fit), ErrNone)
	}
	return nil, errs.err(Title(fit))
}

// Title names a spec for people: Phoenix 1.7.14 --no-ecto, Phoenix 1.7.14 phx.gen.auth Accounts User users --no-live.
func Title(s phoenix.Spec) string {
	words := []string{"Phoenix", s.Version.String()}
	if s.Axis != phoenix.Project && s.Axis != "" {
		words = append(words, s.Axis.Task())
	}
	for _, more := range []string{s.Names.String(), s.Flags.String()} {
		if more != "" {
			words = append(words, more)
		}
	}
	if f := s.Within.String(); f != "" {
		words = append(words, "in a project with", f)
	}
	return strings.Join(words, " ")
}

// failures of several sources, as one line.
type failures []error

func (f failures) err(what string) error {
	if len(f) == 0 {
		return nil
	}
	return &failed{what: what, all: f}
}

type failed struct {
	what string
	all  []error
}

func (f *failed) Error() string {
	var texts []string
	for _, e := range f.all {
		texts = append(texts, e.Error())
	}
	return f.what + ": " + strings.Join(texts, "; ")
}

func (f *failed) Unwrap() []error { return f.all }

// compareSpecs orders by generator, version, flags and names.
func compareSpecs(a, b phoenix.Spec) int {
	if n := strings.Compare(string(a.Axis), string(b.Axis)); n != 0 {
		return n
	}
	if n := a.Version.Compare(b.Version); n != 0 {
		return n
	}
	return cmp.Or(
		strings.Compare(a.Flags.String(), b.Flags.String()),
		strings.Compare(a.Within.String(), b.Within.String()),
		strings.Compare(a.Names.String(), b.Names.String()),
	)
}

// versionsOf an axis among specs that are sorted.
func versionsOf(ss []phoenix.Spec, a phoenix.Axis) []phoenix.Version {
	var vv []phoenix.Version
	for _, s := range ss {
		if s.Axis == a {
			vv = append(vv, s.Version)
		}
	}
	return slices.Compact(vv)
}
