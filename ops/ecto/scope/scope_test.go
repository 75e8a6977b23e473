package scope

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"ops-console/ops/ecto/project"
)

// tree is a repository with an umbrella of two apps, a directory of migrations that is nobody's, and a project beside it.
func tree(t *testing.T) string {
	t.Helper()
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	const migration = "defmodule M do\n  use Ecto.Migration\n  def change, do: :ok\nend\n"
	for name, text := range map[string]string{
		".git/HEAD":              "",
		"shop/mix.exs":           "defmodule Shop.MixProject do\n  use Mix.Project\n  def project, do: [apps_path: \"apps\"]\nend\n",
		"shop/config/config.exs": "import Config\nconfig :web, ecto_repos: [Web.Repo]\nconfig :ledger, ecto_repos: [Ledger.Repo]\n",
		"shop/apps/web/mix.exs":  "defmodule Web.MixProject do\n  use Mix.Project\n  def project, do: [app: :web]\nend\n",
		"shop/apps/web/priv/repo/migrations/1_a.exs":      migration,
		"shop/apps/web/priv/repo/migrations/2_b.exs":      migration,
		"shop/apps/ledger/mix.exs":                        "defmodule Ledger.MixProject do\n  use Mix.Project\n  def project, do: [app: :ledger]\nend\n",
		"shop/apps/ledger/priv/repo/migrations/3_c.exs":   migration,
		"shop/apps/ledger/priv/repo/migrations/notes.txt": "",
		"shop/later/4_d.exs":                              migration,
		"shop/empty/README":                               "",
		"other/mix.exs":                                   "defmodule Other.MixProject do\n  use Mix.Project\n  def project, do: [app: :other]\nend\n",
		"other/priv/repo/migrations/5_e.exs":              migration,
		"loose/6_f.exs":                                   migration,
	} {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestFind(t *testing.T) {
	dir := tree(t)
	web := "shop/apps/web/priv/repo/migrations"
	for name, tt := range map[string]struct {
		paths []string
		want  []string // files that are meant, as project: file
		err   string
	}{
		"an umbrella":              {[]string{"shop"}, []string{"shop: 1_a", "shop: 2_b", "shop: 3_c"}, ""},
		"an app of it":             {[]string{"shop/apps/web"}, []string{"shop: 1_a", "shop: 2_b"}, ""},
		"a directory":              {[]string{web}, []string{"shop: 1_a", "shop: 2_b"}, ""},
		"a file":                   {[]string{web + "/2_b.exs"}, []string{"shop: 2_b"}, ""},
		"files of two repos":       {[]string{web + "/2_b.exs", "shop/apps/ledger/priv/repo/migrations/3_c.exs"}, []string{"shop: 2_b", "shop: 3_c"}, ""},
		"a directory of nobody":    {[]string{"shop/later"}, []string{"shop: 4_d"}, ""},
		"a file of nobody":         {[]string{"shop/later/4_d.exs"}, []string{"shop: 4_d"}, ""},
		"without a project":        {[]string{"loose"}, []string{"loose: 6_f"}, ""},
		"a file without a project": {[]string{"loose/6_f.exs"}, []string{"loose: 6_f"}, ""},
		"two projects":             {[]string{"shop/apps/ledger", "other"}, []string{"shop: 3_c", "other: 5_e"}, ""},
		"the repository":           {[]string{"."}, []string{".: 1_a", ".: 2_b", ".: 3_c", ".: 5_e"}, ""},
		"nothing":                  {[]string{"shop/empty"}, nil, "no migration"},
		"no migration":             {[]string{"shop/mix.exs"}, nil, "VERSION_NAME.exs"},
		"nowhere":                  {[]string{"nowhere"}, nil, "no such file"},
	} {
		t.Run(name, func(t *testing.T) {
			var paths []string
			for _, p := range tt.paths {
				paths = append(paths, filepath.Join(dir, filepath.FromSlash(p)))
			}
			ss, err := Find(paths)
			if tt.err != "" {
				if err == nil || !strings.Contains(err.Error(), tt.err) {
					t.Fatalf("error %v, want %q in it", err, tt.err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, s := range ss {
				rel, err := filepath.Rel(dir, s.Project.Dir)
				if err != nil {
					t.Fatal(err)
				}
				for _, r := range s.Project.Repos {
					check, ok := s.Check(r, Options{})
					for _, f := range r.Files {
						if ok && (check == nil || check(f.Version)) {
							got = append(got, rel+": "+strings.TrimSuffix(filepath.Base(f.Path), ".exs"))
						}
					}
				}
			}
			slices.SortStableFunc(got, func(a, b string) int { return strings.Compare(a[len(a)-3:], b[len(b)-3:]) })
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestOfTheCurrentDirectory(t *testing.T) {
	dir := tree(t)
	for from, want := range map[string]int{
		"shop": 3, "shop/apps": 3, "shop/apps/web": 2, "shop/apps/web/priv": 2, "shop/empty": 3, "other/priv/repo/migrations": 1, "loose": 1,
	} {
		t.Chdir(filepath.Join(dir, filepath.FromSlash(from)))
		ss, err := Of("")
		if err != nil {
			t.Errorf("%s: %v", from, err)
			continue
		}
		got := 0
		for _, r := range ss[0].Project.Repos {
			for _, f := range r.Files {
				if ss[0].Has(f.Path) {
					got++
				}
			}
		}
		if got != want {
			t.Errorf("%s: %d migrations, want %d", from, got, want)
		}
	}
}

func TestCheckJoinsConditions(t *testing.T) {
	r := project.Repo{Files: []project.File{{Path: "m/1_a.exs", Version: 1}, {Path: "m/2_b.exs", Version: 2}, {Path: "m/3_c.exs", Version: 3}}}
	for name, tt := range map[string]struct {
		scope Scope
		o     Options
		want  []int64
		all   bool
	}{
		"all":                              {Scope{}, Options{}, []int64{1, 2, 3}, true},
		"all, by name":                     {Scope{Paths: []string{"m"}}, Options{Since: 1}, []int64{1, 2, 3}, true},
		"since":                            {Scope{}, Options{Since: 2}, []int64{2, 3}, false},
		"pending":                          {Scope{}, Options{Pending: map[int64]bool{3: true}}, []int64{3}, false},
		"changed":                          {Scope{}, Options{Changed: map[string]bool{"m/2_b.exs": true, "lib/x.ex": true}}, []int64{2}, false},
		"all of them":                      {Scope{Paths: []string{"m/2_b.exs", "m/3_c.exs"}}, Options{Since: 3, Pending: map[int64]bool{2: true, 3: true}}, []int64{3}, false},
		"none":                             {Scope{}, Options{Changed: map[string]bool{}}, nil, false},
		"a name that is a part of another": {Scope{Paths: []string{"m/1"}}, Options{}, nil, false},
	} {
		check, ok := tt.scope.Check(r, tt.o)
		if (check == nil) != tt.all || ok != (len(tt.want) > 0) {
			t.Errorf("%s: all %t, any %t", name, check == nil, ok)
		}
		var got []int64
		for _, f := range r.Files {
			if check == nil || check(f.Version) {
				got = append(got, f.Version)
			}
		}
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

// repository is one with a commit on main and another on a branch.
func repository(t *testing.T) (dir string, git func(env string, args ...string)) {
	t.Helper()
	dir = t.TempDir()
	git = func(env string, args ...string) {
		t.Helper()
		c := exec.CommandContext(t.Context(), "git", append([]string{"-C", dir, "-c", "user.name=a", "-c", "user.email=a@example.com", "-c", "commit.gpgsign=false"}, args...)...)
		c.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL=/dev/null", "GIT_COMMITTER_DATE="+env, "GIT_AUTHOR_DATE="+env)
		if out, err := c.CombinedOutput(); err != nil {
			t.Fatalf("git %v: %v: %s", args, err, out)
		}
	}
	return dir, git
}

func put(t *testing.T, dir, name, text string) {
	t.Helper()
	path := filepath.Join(dir, filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func TestChangedAndEdited(t *testing.T) {
	dir, git := repository(t)
	first, second, third := "2024-01-01T00:00:00Z", "2024-02-01T00:00:00Z", "2024-03-01T00:00:00Z"
	for _, n := range []string{"app/m/1_a.exs", "app/m/2_b.exs", "app/m/3_ü c.exs", "elsewhere/x"} {
		put(t, dir, n, "1")
	}
	git(first, "init", "-q", "-b", "main")
	git(first, "add", "-A")
	git(first, "commit", "-q", "-m", "one")
	git(second, "checkout", "-q", "-b", "branch")
	put(t, dir, "app/m/3_ü c.exs", "2")
	put(t, dir, "elsewhere/x", "2")
	git(second, "commit", "-q", "-a", "-m", "two")
	// What happens on main meanwhile is not the branch's.
	git(third, "checkout", "-q", "main")
	put(t, dir, "app/m/1_a.exs", "2")
	git(third, "commit", "-q", "-a", "-m", "three")
	git(third, "checkout", "-q", "branch")
	put(t, dir, "app/m/2_b.exs", "not committed")
	put(t, dir, "app/m/4_d.exs", "not added")
	app := filepath.Join(dir, "app")

	got, err := Changed(t.Context(), app, "main")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string]bool{"m/2_b.exs": true, "m/3_ü c.exs": true, "m/4_d.exs": true}, got); diff != "" {
		t.Error(diff)
	}
	for _, ref := range []string{"", "--output=/tmp/x", "nonsense", "-O"} {
		if _, err := Changed(t.Context(), app, ref); err == nil {
			t.Errorf("%q is taken as a commit", ref)
		}
	}
	if _, err := Changed(t.Context(), t.TempDir(), "HEAD"); err == nil {
		t.Error("a directory outside of any repository has changed files")
	}

	edited, err := Edited(t.Context(), app, "m")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string]time.Time{"m/3_ü c.exs": time.Date(2024, 2, 1, 0, 0, 0, 0, time.UTC)}, edited); diff != "" {
		t.Error(diff)
	}
}

func FuzzEdits(f *testing.F) {
	f.Add([]byte("\x011700000000\x00\nm/1_a.exs\x00m/2_b.exs\x00\x011600000000\x00\nm/1_a.exs\x00"))
	f.Add([]byte("\x01\x00\x01x\x00\n"))
	f.Fuzz(func(t *testing.T, out []byte) {
		for name, at := range edits(out) {
			if name == "" || strings.ContainsAny(name, "\x00\x01") || at.Location() != time.UTC {
				t.Errorf("%q at %s", name, at)
			}
		}
	})
}
