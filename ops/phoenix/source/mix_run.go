package source

import (
	"context"
	_ "embed"
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
)

// runner makes trees with packages that are ready to run.
type runner struct {
	tools      *toolchain
	installer  *built
	generators []*built // that the other generators are in; none for projects
	notes      []string
}

// detail says what was run.
func (r *runner) detail(s phoenix.Spec) string {
	by := fmt.Sprintf("run by Elixir %s on OTP %s", r.tools.version, r.tools.otp)
	if s.Axis == phoenix.Project {
		return fmt.Sprintf("%s, %s", r.installer, by)
	}
	var from []string
	for _, b := range r.generators {
		from = append(from, b.String())
	}
	return fmt.Sprintf("mix %s of %s, in a project of %s, %s", strings.Join(append([]string{s.Axis.Task()}, generatorArguments(s)...), " "), strings.Join(from, " and "), r.installer, by)
}

// run makes the files of a tree, in a directory for work in progress.
func (r *runner) run(ctx context.Context, within time.Duration, work string, s phoenix.Spec) (map[string]phoenix.File, error) {
	made, err := r.newProject(ctx, within, work, s)
	if err != nil || s.Axis == phoenix.Project {
		return fixed(made.files), err
	}
	files, err := r.generate(ctx, within, work, made, s)
	return fixed(files), err
}

// fixed is files without what differs from run to run, so that they can be compared with those of a snapshot.
func fixed(files map[string]phoenix.File) map[string]phoenix.File {
	out := make(map[string]phoenix.File, len(files))
	for p, f := range files {
		f.Data = derandomise(p, f.Data)
		out[generatedAt.ReplaceAllString(p, "${1}20000101000000${2}")] = f
	}
	return out
}

var (
	randomValue = regexp.MustCompile(`((?:secret_key_base|signing_salt): )"[^"]*"`)
	generatedAt = regexp.MustCompile(`^((?:apps/[a-z0-9_]+/)?priv/repo/migrations/)\d{14}(_create_\w+_auth_tables\.exs)$`)
)

// derandomise takes random values out, with the value that snapshots have in their place.
func derandomise(p string, data []byte) []byte {
	dir, file := filepath.Split(p)
	if file == "endpoint.ex" || strings.HasSuffix(file, ".exs") && filepath.Base(dir) == "config" {
		return randomValue.ReplaceAll(data, []byte(`$1"aaaaaaaa"`))
	}
	return data
}

// made is a project that was generated.
type made struct {
	dir   string
	files map[string]phoenix.File
}

// newProject runs mix phx.new in a directory of its own, and reads what it made.
func (r *runner) newProject(ctx context.Context, within time.Duration, work string, s phoenix.Spec) (made, error) {
	dir := filepath.Join(work, "run", "here")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return made{}, err
	}
	args := append([]string{"-pa", r.installer.ebin, "-S", "mix", "phx.new"}, arguments(s, r.installer.version)...)
	if err := r.tools.run(ctx, within, work, dir, args...); err != nil {
		return made{}, fmt.Errorf("run mix phx.new of %s: %w", r.installer.version, err)
	}
	name := s.App
	if projectFlags(s)["umbrella"] == "true" {
		name += "_umbrella"
	}
	here, err := os.OpenRoot(dir)
	if err != nil {
		return made{}, err
	}
	defer shut(here)
	root, err := here.OpenRoot(name)
	if errors.Is(err, fs.ErrNotExist) {
		return made{}, fmt.Errorf("run mix phx.new of %s: it ended well and did not make %s", r.installer.version, name)
	}
	if err != nil {
		return made{}, fmt.Errorf("read what mix phx.new of %s made: %w", r.installer.version, err)
	}
	defer shut(root)
	// From 1.8 on the generator makes a repository where git is found.
	if err := root.RemoveAll(".git"); err != nil {
		return made{}, err
	}
	files, err := readTree(ctx, root)
	if err != nil {
		return made{}, fmt.Errorf("read what mix phx.new of %s made: %w", r.installer.version, err)
	}
	return made{dir: filepath.Join(dir, name), files: files}, nil
}

// projectFlags are those of the project that a tree is of, or is generated into.
func projectFlags(s phoenix.Spec) phoenix.Flags {
	if s.Axis == phoenix.Project {
		return s.Flags
	}
	return s.Within
}

// words of flags, sorted by name.
func words(f phoenix.Flags) []string {
	var out []string
	for _, name := range slices.Sorted(maps.Keys(f)) {
		out = append(out, strings.Fields(phoenix.Flags{name: f[name]}.String())...)
	}
	return out
}

// arguments of phx.new: names, flags, and what keeps the result the same on every machine.
func arguments(s phoenix.Spec, installed phoenix.Version) []string {
	args := append([]string{s.App, "--module", s.Module}, words(projectFlags(s))...)
	know := phoenix.Knowledge(installed)
	for _, name := range []string{"install", "inside_docker_env", "version_check"} {
		if _, ok := know.Switch(phoenix.Project, name); ok {
			args = append(args, phoenix.Flags{name: "false"}.String())
		}
	}
	return args
}

//go:embed generators.exs
var generatorScript string

// generate runs the other generators in a project, and gives the files that they make or change.
func (r *runner) generate(ctx context.Context, within time.Duration, work string, p made, s phoenix.Spec) (map[string]phoenix.File, error) {
	script := filepath.Join(work, "generators.exs")
	if err := os.WriteFile(script, []byte(generatorScript), 0o600); err != nil {
		return nil, err
	}
	app, dir := s.App, p.dir
	if s.Within["umbrella"] == "true" {
		app += "_web"
		dir = filepath.Join(dir, "apps", app)
	}
	what := "mix " + s.Axis.Task() + " of " + s.Version.String()
	var args []string
	for _, b := range r.generators {
		args = append(args, "-pa", b.ebin)
	}
	args = append(args, script, s.Axis.Task(), app, adapters[s.Within["database"]])
	if err := r.tools.run(ctx, within, work, dir, append(args, generatorArguments(s)...)...); err != nil {
		return nil, fmt.Errorf("run %s: %w", what, err)
	}
	root, err := os.OpenRoot(p.dir)
	if err != nil {
		return nil, err
	}
	defer shut(root)
	after, err := readTree(ctx, root)
	if err != nil {
		return nil, fmt.Errorf("read what %s made: %w", what, err)
	}
	out := map[string]phoenix.File{}
	for at, f := range after {
		if was, ok := p.files[at]; !ok || was.Executable != f.Executable || was.Hash() != f.Hash() {
			out[at] = f
		}
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("run %s: it ended well and made nothing", what)
	}
	return out, nil
}

// adapters of databases, as phx.gen.auth wants them named.
var adapters = map[string]string{
	"": "Ecto.Adapters.Postgres", "postgres": "Ecto.Adapters.Postgres", "mysql": "Ecto.Adapters.MyXQL", "mssql": "Ecto.Adapters.Tds",
	"sqlite3": "Ecto.Adapters.SQLite3",
}

// generatorArguments are those of phx.gen.auth and phx.gen.release: what they would ask, or find out of the project's
// dependencies, is said.
func generatorArguments(s phoenix.Spec) []string {
	know := phoenix.Knowledge(s.Version)
	f := maps.Clone(s.Flags)
	if f == nil {
		f = phoenix.Flags{}
	}
	say := func(name, value string) {
		if _, ok := know.Switch(s.Axis, name); ok && f[name] == "" {
			f[name] = value
		}
	}
	if s.Axis == phoenix.Auth {
		say("live", "true")
		say("compile", "false")
		return append([]string{s.Names.Context, s.Names.Schema, s.Names.Plural}, words(f)...)
	}
	say("ecto", "true")
	if _, ok := know.Switch(s.Axis, "ecto"); !ok && s.Within["ecto"] != "false" {
		f["ecto"] = "true" // up to 1.6.6 it looks for the word
	}
	return words(f)
}
