package source

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"ops-console/ops/phoenix"
	"ops-console/ops/phoenix/source/hex"
)

// Mix has trees made by the generator itself, run with the user's own Elixir: with exact names, with any flags, and of
// versions that are newer than any snapshot. The generator's package is fetched from the registry, verified against its
// checksum, compiled and run in isolation: with a home of its own, without the user's environment, and within a time. That
// is code from elsewhere all the same, so it asks first.
//
// It makes projects (phx.new) from 1.4 on. Older versions were published compiled, and phx.gen.auth and phx.gen.release need
// a project's dependencies; for those there are snapshots.
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

const installer = "phx_new"

var firstPackage = phoenix.MustVersion("1.4.0-rc.0")

// Name is mix.
func (m *Mix) Name() string { return "mix" }

// Versions that the registry has.
func (m *Mix) Versions(ctx context.Context, a phoenix.Axis) ([]phoenix.Version, error) {
	if a != phoenix.Project {
		return nil, nil
	}
	texts, err := m.Registry.Versions(ctx, installer)
	if err != nil {
		return nil, err
	}
	var all []phoenix.Version
	for _, text := range texts {
		v, err := phoenix.ParseVersion(text)
		if err == nil && v.String() == text && !v.Before(firstPackage) {
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
	case s.Axis != phoenix.Project:
		return nil, fmt.Errorf("%w: phx.gen.%s needs a project with its dependencies; take a snapshot", ErrNone, s.Axis)
	case s.Version.Before(firstPackage):
		return nil, fmt.Errorf("%w: before 1.4 the generator was published compiled only; take a snapshot", ErrNone)
	case m.Ask == nil:
		return nil, fmt.Errorf("%w: it may not run generators", ErrNone)
	case m.Cache == nil || m.Cache.Dir == "":
		return nil, fmt.Errorf("%w: it needs the cache, which is off", ErrNone)
	}
	b, more, err := m.build(ctx, s.Version)
	if err != nil {
		return nil, err
	}
	files, err := m.generate(ctx, b, s)
	if err != nil {
		return nil, err
	}
	return &phoenix.Tree{Spec: s, Files: files, Provenance: phoenix.Provenance{
		Source: "mix",
		Detail: fmt.Sprintf("%s %s, SHA-256 %s, run by Elixir %s on OTP %s", installer, b.version, b.sum, b.tools.version, b.tools.otp),
		Notes:  append(notes, more...),
	}}, nil
}

// built is a generator that is ready to run.
type built struct {
	tools   *toolchain
	version phoenix.Version
	sum     string
	ebin    string
}

// build gives the generator of a version, from the cache or newly compiled.
func (m *Mix) build(ctx context.Context, v phoenix.Version) (*built, []string, error) {
	if err := m.gate.enter(ctx); err != nil {
		return nil, nil, err
	}
	defer m.gate.leave()
	if m.tools == nil {
		t, err := findElixir(ctx, m.Program)
		if err != nil {
			return nil, nil, err
		}
		m.tools = t
	}
	if r, ok := phoenix.FindRelease(v); ok {
		if err := m.tools.runs(v, r.Elixir); err != nil {
			return nil, nil, err
		}
	}
	var notes []string
	p, err := m.fetch(ctx, v)
	if r, ok := phoenix.FindRelease(v); errors.Is(err, hex.ErrUnknown) && ok && r.Installer != v {
		if p, err = m.fetch(ctx, r.Installer); err == nil {
			notes = append(notes, fmt.Sprintf("%s %s was not published; this is %s, which Phoenix %s was released with", installer, v, r.Installer, v))
			v = r.Installer
		}
	}
	if errors.Is(err, hex.ErrUnknown) {
		return nil, nil, fmt.Errorf("%w: %s %s was not published: %w", ErrNone, installer, v, err)
	}
	if err != nil {
		return nil, nil, err
	}
	if err := m.tools.runs(v, p.elixir); err != nil {
		return nil, nil, err
	}
	if err := m.ask(ctx, v, p); err != nil {
		return nil, nil, err
	}
	dir := filepath.Join(m.Cache.Dir, "builds", fmt.Sprintf("%s-%s-%.16s-elixir-%s-otp-%s", installer, v, p.sum, m.tools.version, m.tools.otp))
	b := &built{tools: m.tools, version: v, sum: p.sum, ebin: filepath.Join(dir, "_build", "prod", "lib", installer, "ebin")}
	if was, ok := readStamp(dir); ok && was.SHA256 == p.sum {
		if _, err := os.Stat(filepath.Join(b.ebin, installer+".app")); err == nil {
			touch(dir)
			return b, notes, nil
		}
	}
	return b, notes, m.compile(ctx, p, dir)
}

func (m *Mix) ask(ctx context.Context, v phoenix.Version, p *pack) error {
	if m.allowed[p.sum] {
		return nil
	}
	ok, err := m.Ask(ctx, Question{
		Package: installer, Version: v.String(), URL: show(m.Registry.TarballURL(installer, v.String())), SHA256: p.sum,
		Retired: p.retired, Elixir: m.tools.version.String(), Program: m.tools.program,
	})
	if err != nil {
		return fmt.Errorf("ask whether to run %s %s: %w", installer, v, err)
	}
	if !ok {
		return fmt.Errorf("%w: running %s %s was not allowed", ErrNone, installer, v)
	}
	if m.allowed == nil {
		m.allowed = map[string]bool{}
	}
	m.allowed[p.sum] = true
	return nil
}

func show(at string) string { return redact(at) }

// pack is a package that is what the registry published.
type pack struct {
	version phoenix.Version
	sum     string
	elixir  string
	retired string
	files   []hex.File
}

func (m *Mix) fetch(ctx context.Context, v phoenix.Version) (*pack, error) {
	return fetchPackage(ctx, m.Registry, m.Cache, installer, v)
}

// fetchPackage gives a package, from the cache or from the registry.
func fetchPackage(ctx context.Context, registry hex.Registry, c *Cache, name string, v phoenix.Version) (*pack, error) {
	dir := filepath.Join(c.Dir, "packages", name+"-"+v.String())
	at := filepath.Join(dir, "package.tar")
	if was, ok := readStamp(dir); ok {
		if data, err := readFile(at, hex.MaxTarball); err == nil && hex.Sum(data) == was.SHA256 {
			if p, err := openPackage(data, name, v); err == nil {
				touch(dir)
				return p, nil
			}
		}
	}
	rel, err := registry.Release(ctx, name, v.String())
	if err != nil {
		return nil, err
	}
	data, err := registry.Tarball(ctx, name, v.String(), rel.SHA256)
	if err != nil {
		return nil, err
	}
	p, err := openPackage(data, name, v)
	if err != nil {
		return nil, err
	}
	p.retired = rel.Retired
	work, remove, err := c.temp("package")
	if err != nil {
		return nil, err
	}
	defer remove()
	if err := os.WriteFile(filepath.Join(work, "package.tar"), data, 0o600); err != nil {
		return nil, err
	}
	if err := writeStamp(work, stamped{URL: show(registry.TarballURL(name, v.String())), SHA256: p.sum, At: time.Now()}); err != nil {
		return nil, err
	}
	return p, swap(work, dir)
}

func openPackage(data []byte, name string, v phoenix.Version) (*pack, error) {
	p, err := hex.Open(data)
	if err != nil {
		return nil, err
	}
	if p.Name != name || p.Version != v.String() {
		return nil, fmt.Errorf("the package says that it is %.40q %.40q, not %s %s", p.Name, p.Version, name, v)
	}
	return &pack{version: v, sum: hex.Sum(data), elixir: p.Elixir, files: p.Files}, nil
}

// project replaces the package's own mix.exs, which names dependencies that are for its developers.
const project = `defmodule PhxNew.MixProject do
  use Mix.Project

  def project do
    [app: :phx_new, version: %q, elixir: ">= 1.4.0", deps: []]
  end

  def application do
    [extra_applications: [:eex, :crypto, :public_key]]
  end
end
`

// compile puts a compiled package at dir.
func (m *Mix) compile(ctx context.Context, p *pack, dir string) error {
	work, remove, err := m.Cache.temp("build")
	if err != nil {
		return err
	}
	defer remove()
	src := filepath.Join(work, "src")
	for _, f := range p.files {
		if strings.HasPrefix(f.Path, "_build/") || strings.HasPrefix(f.Path, "deps/") {
			continue // not of the published source
		}
		at := filepath.Join(src, filepath.FromSlash(f.Path))
		if err := os.MkdirAll(filepath.Dir(at), 0o700); err != nil {
			return err
		}
		if err := os.WriteFile(at, f.Data, 0o600); err != nil {
			return err
		}
	}
	if err := os.MkdirAll(src, 0o700); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(src, "mix.exs"), fmt.Appendf(nil, project, p.version.String()), 0o600); err != nil {
		return err
	}
	within := m.Compile
	if within == 0 {
		within = 2 * time.Minute
	}
	if err := m.tools.run(ctx, within, work, src, "-S", "mix", "compile"); err != nil {
		return fmt.Errorf("compile %s %s: %w", installer, p.version, err)
	}
	if err := writeStamp(src, stamped{SHA256: p.sum, At: time.Now()}); err != nil {
		return err
	}
	return swap(src, dir)
}

// generate runs the generator in a directory of its own, and reads what it made.
func (m *Mix) generate(ctx context.Context, b *built, s phoenix.Spec) (map[string]phoenix.File, error) {
	work, remove, err := m.Cache.temp("generate")
	if err != nil {
		return nil, err
	}
	defer remove()
	dir := filepath.Join(work, "run", "here")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	within := m.Generate
	if within == 0 {
		within = time.Minute
	}
	args := append([]string{"-pa", b.ebin, "-S", "mix", "phx.new"}, arguments(s)...)
	if err := b.tools.run(ctx, within, work, dir, args...); err != nil {
		return nil, fmt.Errorf("run mix phx.new of %s: %w", b.version, err)
	}
	name := s.App
	if s.Flags["umbrella"] == "true" {
		name += "_umbrella"
	}
	here, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	defer shut(here)
	root, err := here.OpenRoot(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("run mix phx.new of %s: it ended well and did not make %s", b.version, name)
	}
	if err != nil {
		return nil, fmt.Errorf("read what mix phx.new of %s made: %w", b.version, err)
	}
	defer shut(root)
	// From 1.8 on the generator makes a repository where git is found.
	if err := root.RemoveAll(".git"); err != nil {
		return nil, err
	}
	files, err := readTree(ctx, root)
	if err != nil {
		return nil, fmt.Errorf("read what mix phx.new of %s made: %w", b.version, err)
	}
	for p, f := range files {
		f.Data = derandomise(p, f.Data)
		files[p] = f
	}
	return files, nil
}

// arguments of phx.new: names, flags, and what keeps the result the same on every machine.
func arguments(s phoenix.Spec) []string {
	args := []string{s.App, "--module", s.Module}
	for _, name := range slices.Sorted(maps.Keys(s.Flags)) {
		args = append(args, strings.Fields(phoenix.Flags{name: s.Flags[name]}.String())...)
	}
	know := phoenix.Knowledge(s.Version)
	for _, name := range []string{"install", "inside_docker_env", "version_check"} {
		if _, ok := know.Switch(s.Axis, name); ok {
			args = append(args, phoenix.Flags{name: "false"}.String())
		}
	}
	return args
}

var randomValue = regexp.MustCompile(`((?:secret_key_base|signing_salt): )"[^"]*"`)

// derandomise takes out what differs from run to run, with the value that snapshots have in its place, so that a tree that
// was generated can be compared with one of a snapshot.
func derandomise(p string, data []byte) []byte {
	dir, file := filepath.Split(p)
	if file == "endpoint.ex" || strings.HasSuffix(file, ".exs") && filepath.Base(dir) == "config" {
		return randomValue.ReplaceAll(data, []byte(`$1"aaaaaaaa"`))
	}
	return data
}
