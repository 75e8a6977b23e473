package source

import (
	"context"
	"crypto/sha256"
	_ "embed"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"ops-console/ops/phoenix"
	"ops-console/ops/phoenix/source/hex"
)

// The packages that generators are published in.
const (
	installer  = "phx_new"      // phx.new
	library    = "phoenix"      // phx.gen.auth since 1.6, phx.gen.release; and what they are made of
	authBefore = "phx_gen_auth" // phx.gen.auth for 1.5
)

var (
	firstPackage = phoenix.MustVersion("1.4.0-rc.0")
	authWithin   = phoenix.MustVersion("1.6.0-rc.0") // from here on phx.gen.auth is Phoenix's own
	authLast     = phoenix.MustVersion("0.7.0")      // of phx_gen_auth, for 1.5.2 and later
)

// recipe is how a package is compiled so that its generators run without dependencies.
type recipe struct {
	begins string            // what the names of modules begin with
	needed func(string) bool // those of its files that are needed
	add    map[string]string // files that are put beside them
}

//go:embed generators.ex
var stubs string

var recipes = map[string]recipe{
	installer: {begins: "PhxNew", needed: func(string) bool { return true }},
	library: {
		begins: "Phoenix",
		needed: func(p string) bool {
			// phx.gen.cert reads headers of Erlang's that are not installed everywhere.
			return p != "lib/mix/tasks/phx.gen.cert.ex" &&
				(strings.HasPrefix(p, "lib/mix/") || strings.HasPrefix(p, "priv/templates/") || p == "lib/phoenix/naming.ex")
		},
		add: map[string]string{"lib/generators.ex": stubs},
	},
	authBefore: {
		begins: "PhxGenAuth",
		needed: func(p string) bool { return strings.HasPrefix(p, "lib/") || strings.HasPrefix(p, "priv/") },
	},
}

// project replaces a package's own mix.exs, which names dependencies.
const project = `defmodule %s.MixProject do
  use Mix.Project

  def project do
    [app: :%s, version: %q, elixir: ">= 1.4.0", deps: [], prune_code_paths: false]
  end

  def application do
    [extra_applications: [:eex, :crypto, :public_key]]
  end
end
`

// built is a package that is ready to run.
type built struct {
	name    string
	version phoenix.Version
	sum     string
	ebin    string
}

func (b *built) String() string { return fmt.Sprintf("%s %s, SHA-256 %s", b.name, b.version, b.sum) }

// prepare gives what is needed to make a tree, from the cache or newly compiled.
func (m *Mix) prepare(ctx context.Context, s phoenix.Spec) (*runner, error) {
	if err := m.gate.enter(ctx); err != nil {
		return nil, err
	}
	defer m.gate.leave()
	if m.tools == nil {
		t, err := findElixir(ctx, m.Program)
		if err != nil {
			return nil, err
		}
		m.tools = t
	}
	if r, ok := phoenix.FindRelease(s.Version); ok {
		if err := m.tools.runs("the generator of Phoenix "+s.Version.String(), r.Elixir); err != nil {
			return nil, err
		}
	}
	r := &runner{tools: m.tools}
	var err error
	if s.Axis != phoenix.Project {
		if r.generators, err = m.buildGenerators(ctx, s); err != nil {
			return nil, err
		}
	}
	r.installer, r.notes, err = m.buildInstaller(ctx, s.Version)
	return r, err
}

// buildGenerators gives the packages that phx.gen.auth and phx.gen.release are in.
func (m *Mix) buildGenerators(ctx context.Context, s phoenix.Spec) ([]*built, error) {
	phx, err := m.build(ctx, library, s.Version)
	if err != nil || s.Axis != phoenix.Auth || !s.Version.Before(authWithin) {
		return []*built{phx}, err
	}
	before, err := m.build(ctx, authBefore, authLast, phx)
	return []*built{before, phx}, err
}

// buildInstaller gives phx_new of a version, or where that was not published, the one that Phoenix was released with.
func (m *Mix) buildInstaller(ctx context.Context, v phoenix.Version) (*built, []string, error) {
	b, err := m.build(ctx, installer, v)
	r, ok := phoenix.FindRelease(v)
	if !errors.Is(err, hex.ErrUnknown) || !ok || r.Installer == v {
		return b, nil, err
	}
	if b, err = m.build(ctx, installer, r.Installer); err != nil {
		return nil, nil, err
	}
	return b, []string{fmt.Sprintf("%s %s was not published; this is %s, which Phoenix %s was released with", installer, v, r.Installer, v)}, nil
}

// build gives a package that is compiled, with those that it needs, from the cache or anew.
func (m *Mix) build(ctx context.Context, name string, v phoenix.Version, with ...*built) (*built, error) {
	p, err := fetchPackage(ctx, m.Registry, m.Cache, name, v)
	if errors.Is(err, hex.ErrUnknown) {
		return nil, fmt.Errorf("%w: %s %s was not published: %w", ErrNone, name, v, err)
	}
	if err != nil {
		return nil, err
	}
	if err := m.tools.runs(name+" "+v.String(), p.elixir); err != nil {
		return nil, err
	}
	if err := m.ask(ctx, name, p); err != nil {
		return nil, err
	}
	made := m.sources(name, p)
	dir := filepath.Join(m.Cache.Dir, "builds", fmt.Sprintf("%s-%s-%.16s-elixir-%s-otp-%s", name, v, digest(made, with), m.tools.version, m.tools.otp))
	b := &built{name: name, version: v, sum: p.sum, ebin: filepath.Join(dir, "_build", "prod", "lib", name, "ebin")}
	if was, ok := readStamp(dir); ok && was.SHA256 == p.sum {
		if _, err := os.Stat(filepath.Join(b.ebin, name+".app")); err == nil {
			touch(dir)
			return b, nil
		}
	}
	return b, m.compile(ctx, b, made, with, dir)
}

func (m *Mix) ask(ctx context.Context, name string, p *pack) error {
	if m.allowed[p.sum] {
		return nil
	}
	ok, err := m.Ask(ctx, Question{
		Package: name, Version: p.version.String(), URL: show(m.Registry.TarballURL(name, p.version.String())), SHA256: p.sum,
		Retired: p.retired, Elixir: m.tools.version.String(), Program: m.tools.program,
	})
	if err != nil {
		return fmt.Errorf("ask whether to run %s %s: %w", name, p.version, err)
	}
	if !ok {
		return fmt.Errorf("%w: running %s %s was not allowed", ErrNone, name, p.version)
	}
	if m.allowed == nil {
		m.allowed = map[string]bool{}
	}
	m.allowed[p.sum] = true
	return nil
}

func show(at string) string { return redact(at) }

// sources are the files that are compiled, by path.
func (m *Mix) sources(name string, p *pack) map[string][]byte {
	r := recipes[name]
	files := map[string][]byte{}
	for _, f := range p.files {
		if strings.HasPrefix(f.Path, "_build/") || strings.HasPrefix(f.Path, "deps/") || !r.needed(f.Path) {
			continue // not of the published source
		}
		files[f.Path] = f.Data
	}
	for at, text := range r.add {
		files[at] = []byte(text)
	}
	files["mix.exs"] = fmt.Appendf(nil, project, r.begins, name, p.version.String())
	return files
}

// digest of all that goes into a build.
func digest(files map[string][]byte, with []*built) string {
	h := sha256.New()
	for _, at := range slices.Sorted(maps.Keys(files)) {
		fmt.Fprintf(h, "%q %x\n", at, sha256.Sum256(files[at]))
	}
	for _, b := range with {
		fmt.Fprintf(h, "%s\n", b.sum)
	}
	return fmt.Sprintf("%x", h.Sum(nil))
}

// compile puts a compiled package at dir.
func (m *Mix) compile(ctx context.Context, b *built, files map[string][]byte, with []*built, dir string) error {
	work, remove, err := m.Cache.temp("build")
	if err != nil {
		return err
	}
	defer remove()
	src := filepath.Join(work, "src")
	for p, data := range files {
		at := filepath.Join(src, filepath.FromSlash(p))
		if err := os.MkdirAll(filepath.Dir(at), 0o700); err != nil {
			return err
		}
		if err := os.WriteFile(at, data, 0o600); err != nil {
			return err
		}
	}
	within := m.Compile
	if within == 0 {
		within = 2 * time.Minute
	}
	var args []string
	for _, w := range with {
		args = append(args, "-pa", w.ebin)
	}
	if err := m.tools.run(ctx, within, work, src, append(args, "-S", "mix", "compile")...); err != nil {
		return fmt.Errorf("compile %s %s: %w", b.name, b.version, err)
	}
	if err := writeStamp(src, stamped{SHA256: b.sum, At: time.Now()}); err != nil {
		return err
	}
	return swap(src, dir)
}
