package source

import (
	"bytes"
	"context"
	"fmt"
	"path"
	"slices"
	"time"

	"ops-console/ops/phoenix"
	"ops-console/ops/phoenix/source/hex"
)

// Mix has trees made by the generator itself, run with the user's own Elixir: with exact names, with any flags, and of
// versions that are newer than any snapshot. The generator's package is fetched from the registry, verified against its
// checksum, compiled and run in isolation: with a home of its own, without the user's environment, and within a time. That
// is code from elsewhere all the same, so it asks first.
//
// It makes projects (phx.new) from 1.4 on; older versions were published compiled. Into such a project it generates
// authentication and release files, without the project's dependencies: see generators.exs.
type Mix struct {
	Registry hex.Registry
	Cache    *Cache                                        // packages, builds and work in progress are in it; it must have a directory
	Ask      func(context.Context, Question) (bool, error) // whether a package may be run; nil: none may
	Program  string                                        // elixir; empty: as found in PATH

	Compile  time.Duration // how long compiling may take; 0: 2 min
	Generate time.Duration // how long generating may take; 0: 1 min

	gate    gate // held while asking and building, so that one package is asked for and built once
	tools   *toolchain
	allowed map[string]bool // by checksum
}

// Question is what is asked before a package is compiled and run.
type Question struct {
	Package string // phx_new
	Version string
	URL     string // where it was fetched from
	SHA256  string // verified against the registry
	Retired string // what the registry warns of; empty: nothing
	Elixir  string // version that runs it
	Program string // path of that
}

// String is the question in one sentence.
func (q Question) String() string {
	s := fmt.Sprintf("Run the generator of %s %s (from %s, SHA-256 %s) with Elixir %s (%s)?", q.Package, q.Version, q.URL, q.SHA256, q.Elixir, q.Program)
	if q.Retired != "" {
		s += " The registry says that it was retired: " + q.Retired
	}
	return s
}

// Name is mix.
func (m *Mix) Name() string { return "mix" }

// Versions that the registry has.
func (m *Mix) Versions(ctx context.Context, a phoenix.Axis) ([]phoenix.Version, error) {
	var all []phoenix.Version
	from := map[phoenix.Axis]string{phoenix.Project: installer, phoenix.Auth: library, phoenix.ReleaseFiles: library}[a]
	texts, err := m.Registry.Versions(ctx, from)
	if err != nil {
		return nil, err
	}
	for _, text := range texts {
		v, err := phoenix.ParseVersion(text)
		if err == nil && v.String() == text && !v.Before(firstPackage) && phoenix.Knowledge(v).Switches(a) != nil {
			all = append(all, v)
		}
	}
	slices.SortFunc(all, phoenix.Version.Compare)
	return slices.Compact(all), nil
}

// Tree runs the generator.
func (m *Mix) Tree(ctx context.Context, s phoenix.Spec) (*phoenix.Tree, error) {
	s, notes, err := Fit(s)
	if err != nil {
		return nil, err
	}
	switch {
	case s.Version.Before(firstPackage):
		return nil, fmt.Errorf("%w: before 1.4 the generator was published compiled only; take a snapshot", ErrNone)
	case m.Ask == nil:
		return nil, fmt.Errorf("%w: it may not run generators", ErrNone)
	case m.Cache == nil || m.Cache.Dir == "":
		return nil, fmt.Errorf("%w: it needs the cache, which is off", ErrNone)
	}
	r, err := m.prepare(ctx, s)
	if err != nil {
		return nil, err
	}
	work, remove, err := m.Cache.temp("generate")
	if err != nil {
		return nil, err
	}
	defer remove()
	within := m.Generate
	if within == 0 {
		within = time.Minute
	}
	files, err := r.run(ctx, within, work, s)
	if err != nil {
		return nil, err
	}
	return &phoenix.Tree{Spec: s, Files: files, Provenance: phoenix.Provenance{
		Source: "mix",
		Detail: r.detail(s),
		Notes:  slices.Concat(notes, r.notes, lookedUp(files)),
	}}, nil
}

// lookedUp says what a tree does not have because nobody was asked for it.
func lookedUp(files map[string]phoenix.File) []string {
	for p, f := range files {
		if path.Base(p) == "Dockerfile" && bytes.Contains(f.Data, []byte("-00000000-slim")) {
			return []string{"which images there are was not looked up: the ARGs at the top of the Dockerfile are to be set"}
		}
	}
	return nil
}
