package project

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestProjects compares what is found in the trees of testdata/projects with what was found and reviewed before.
func TestProjects(t *testing.T) {
	names, err := filepath.Glob("testdata/projects/*.txtar")
	if err != nil || len(names) == 0 {
		t.Fatalf("no fixtures: %v", err)
	}
	for _, name := range names {
		t.Run(strings.TrimSuffix(filepath.Base(name), ".txtar"), func(t *testing.T) {
			text, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			p, err := Open(tree(t, string(text)), Options{})
			if err != nil {
				t.Fatal(err)
			}
			p.Dir = ""
			got, err := json.MarshalIndent(p, "", "  ")
			if err != nil {
				t.Fatal(err)
			}
			golden := strings.TrimSuffix(name, ".txtar") + ".json"
			if os.Getenv("UPDATE_GOLDEN") != "" {
				if err := os.WriteFile(golden, append(got, '\n'), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(strings.TrimSpace(string(want)), string(got)); d != "" {
				t.Errorf("not as reviewed; UPDATE_GOLDEN=1 writes it (-want +got):\n%s", d)
			}
		})
	}
}

// tree writes the files of an archive, each behind a line -- NAME --, into a directory.
func tree(t testing.TB, archive string) string {
	t.Helper()
	dir := t.TempDir()
	for _, part := range strings.Split("\n"+archive, "\n-- ")[1:] {
		name, text, ok := strings.Cut(part, " --\n")
		if !ok {
			t.Fatalf("not an archive: %q", part)
		}
		write(t, filepath.Join(dir, name), text+"\n")
	}
	return dir
}

func write(t testing.TB, name, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

const small = `
-- mix.exs --
defmodule Blog.MixProject do
  use Mix.Project
  def project, do: [app: :blog]
end
-- config/config.exs --
import Config
config :blog, ecto_repos: [Blog.Repo, Blog.Other]
-- priv/repo/migrations/1_a.exs --
use Ecto.Migration
-- priv/other/migrations/2_b.exs --
use Ecto.Migration
-- elsewhere/3_c.exs --
use Ecto.Migration
`

func TestNoProjectSaysWhatWasLookedFor(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	write(t, file, "")
	for name, tt := range map[string]struct {
		dir  string
		none bool
		want []string
	}{
		"nothing":   {t.TempDir(), true, []string{"no mix.exs"}},
		"no Ecto":   {tree(t, "\n-- mix.exs --\ndefmodule M do\n  def project, do: [app: :m]\nend\n-- priv/migrations/1_a.ex --\nx\n"), true, []string{"looked at mix.exs", "ecto_repos", "use Ecto.Repo", "priv/*/migrations"}},
		"broken":    {tree(t, "\n-- mix.exs --\ndefmodule do ( %{\n-- config/config.exs --\n)))\n"), true, []string{"looked at mix.exs"}},
		"not there": {filepath.Join(file, "x"), false, []string{"file/x"}},
		"a file":    {file, false, []string{"not a directory"}},
		"a control character in its name": {
			filepath.Join(t.TempDir(), "a\x1b]0;b"), false, []string{"no such file"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			p, err := Open(tt.dir, Options{})
			if err == nil {
				t.Fatalf("found %+v", p.Repos)
			}
			if errors.Is(err, ErrNone) != tt.none {
				t.Errorf("%v: ErrNone %v, want %v", err, !tt.none, tt.none)
			}
			for _, w := range tt.want {
				if !strings.Contains(err.Error(), w) {
					t.Errorf("error %q, want %q in it", err, w)
				}
			}
		})
	}
}

func TestOptions(t *testing.T) {
	dir := tree(t, small)
	for name, tt := range map[string]struct {
		o    Options
		want map[string][]string // paths of the files by repo
		err  string
	}{
		"all":                   {Options{}, map[string][]string{"Blog.Repo": {"priv/repo/migrations/1_a.exs"}, "Blog.Other": {"priv/other/migrations/2_b.exs"}}, ""},
		"one repo":              {Options{Repos: []string{"Blog.Other"}}, map[string][]string{"Blog.Other": {"priv/other/migrations/2_b.exs"}}, ""},
		"no such repo":          {Options{Repos: []string{"Blog.Rope"}}, nil, "there is no repo Blog.Rope; there are: Blog.Repo, Blog.Other"},
		"another directory":     {Options{Repos: []string{"Blog.Repo"}, Dirs: []string{"elsewhere"}}, map[string][]string{"Blog.Repo": {"elsewhere/3_c.exs"}}, ""},
		"an absolute one":       {Options{Repos: []string{"Blog.Repo"}, Dirs: []string{filepath.Join(dir, "elsewhere")}}, map[string][]string{"Blog.Repo": {"elsewhere/3_c.exs"}}, ""},
		"a directory of nobody": {Options{Dirs: []string{"elsewhere"}}, map[string][]string{"": {"elsewhere/3_c.exs"}}, ""},
		"a repo's own":          {Options{Dirs: []string{"priv/other/migrations"}}, map[string][]string{"Blog.Other": {"priv/other/migrations/2_b.exs"}}, ""},
		"a missing one":         {Options{Dirs: []string{"missing"}}, nil, "no Ecto repo and no migrations"},
	} {
		t.Run(name, func(t *testing.T) {
			p, err := Open(dir, tt.o)
			if err != nil {
				if tt.err == "" || !strings.Contains(err.Error(), tt.err) {
					t.Errorf("error %v, want %q", err, tt.err)
				}
				return
			}
			got := map[string][]string{}
			for _, r := range p.Repos {
				for _, f := range r.Files {
					got[r.Module] = append(got[r.Module], f.Path)
				}
			}
			if d := cmp.Diff(tt.want, got); d != "" {
				t.Errorf("files (-want +got):\n%s", d)
			}
		})
	}
}

func TestWhatCannotBeReadIsANote(t *testing.T) {
	dir := tree(t, small)
	migrations := filepath.Join(dir, "priv/repo/migrations")
	for _, err := range []error{
		os.Symlink("nowhere", filepath.Join(migrations, "4_gone.exs")),
		os.Symlink(filepath.Join(dir, "elsewhere/3_c.exs"), filepath.Join(migrations, "5_linked.exs")),
		os.Symlink(migrations, filepath.Join(migrations, "around")),
		os.Mkdir(filepath.Join(migrations, "6_directory.exs"), 0o755),
		syscall.Mkfifo(filepath.Join(migrations, "7_pipe.exs"), 0o644),
		syscall.Mkfifo(filepath.Join(dir, "config/runtime.exs"), 0o644),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	p, err := Open(dir, Options{})
	if err != nil {
		t.Fatal(err)
	}
	var files, notes []string
	for _, r := range p.Repos {
		for _, f := range r.Files {
			files = append(files, f.Path)
		}
	}
	for _, n := range p.Notes {
		notes = append(notes, n.Path+" "+n.Code)
	}
	if d := cmp.Diff([]string{"priv/other/migrations/2_b.exs", "priv/repo/migrations/1_a.exs", "priv/repo/migrations/5_linked.exs"}, files); d != "" {
		t.Errorf("files (-want +got):\n%s", d)
	}
	if d := cmp.Diff([]string{"priv/repo/migrations/4_gone.exs unreadable"}, notes); d != "" {
		t.Errorf("notes (-want +got):\n%s", d)
	}
}

func TestUnderscore(t *testing.T) {
	for in, want := range map[string]string{
		"Repo": "repo", "ReadRepo": "read_repo", "DBRepo": "db_repo", "RSK": "rsk", "Repo2": "repo2", "HTTP2Repo": "http2_repo", "A_B": "a_b", "": "",
		"ABC2D": "abc2_d", "aB1C": "a_b1_c", "R2D2": "r2_d2", "OBan2Bc": "o_ban2_bc",
	} {
		if got := underscore(in); got != want {
			t.Errorf("%s: %s, want %s", in, got, want)
		}
	}
}

func TestMigrationFile(t *testing.T) {
	for in, want := range map[string]File{
		"a/20240101_add_b.exs":        {"a/20240101_add_b.exs", 20240101, "add_b"},
		"1_.exs":                      {"1_.exs", 1, ""},
		"007_bond.exs":                {"007_bond.exs", 7, "bond"},
		"1_a.b.exs":                   {"1_a.b.exs", 1, "a.b"},
		"_a.exs":                      {},
		"20240101.exs":                {},
		"x20240101_a.exs":             {},
		"-1_a.exs":                    {},
		"2024-01-01_a.exs":            {},
		"99999999999999999999_a.exs":  {},
		"1\u0665_a.exs":               {},
		"20240101000000_a.exs.backup": {"20240101000000_a.exs.backup", 20240101000000, "a.exs"},
	} {
		if got, ok := migrationFile(in); got != want || ok != (want != File{}) {
			t.Errorf("%s: %+v %v, want %+v", in, got, ok, want)
		}
	}
}
