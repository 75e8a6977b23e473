package flysim

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"ops-console/ops/config"
	"ops-console/ops/ecto/project"
	"ops-console/ops/fly/flysim/flex"
	"ops-console/testdata/demo"

	"github.com/google/go-cmp/cmp"
)

func TestProfileNamesTheProject(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := start(t, Options{Dir: dir})
	p, err := config.Load(config.Options{Name: s.App(), ConfigFile: s.ProfilePath(), Dir: t.TempDir(), Env: func(string) string { return "" }})
	if err != nil {
		t.Fatal(err)
	}
	tree, err := project.Open(p.Project, project.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if len(tree.Repos) != 1 || tree.Repos[0].Module != "Changelog.Repo" || len(tree.Notes)+len(tree.Repos[0].Skipped) > 0 {
		t.Errorf("repos %+v, notes %v; want one repo and none", tree.Repos, tree.Notes)
	}

	if git, err := exec.LookPath("git"); err == nil {
		c := exec.CommandContext(t.Context(), git, "status", "--porcelain")
		c.Dir = p.Project
		if out, err := c.CombinedOutput(); err != nil || len(out) > 0 {
			t.Errorf("the project is no clean repository: %v: %s", err, out)
		}
	}
	mix := filepath.Join(p.Project, "mix.exs")
	if err := os.WriteFile(mix, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	start(t, Options{Dir: dir})
	if b, err := os.ReadFile(mix); err != nil || len(b) == 0 {
		t.Errorf("the next world left %d bytes of mix.exs: %v", len(b), err)
	}
}

func TestProjectOfAnotherIsLeftAlone(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	mix := filepath.Join(dir, projectDir, "mix.exs")
	if err := os.MkdirAll(filepath.Dir(mix), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(mix, []byte("mine"), 0o644); err != nil {
		t.Fatal(err)
	}
	s, err := Start(t.Context(), Options{Dir: dir})
	if err == nil {
		t.Error("a world began over it", s.Close())
	} else if !strings.Contains(err.Error(), filepath.Dir(mix)) {
		t.Errorf("error %q does not name the directory", err)
	}
	if b, err := os.ReadFile(mix); err != nil || string(b) != "mine" {
		t.Errorf("mix.exs is %q, %v", b, err)
	}
}

func TestDatabaseIsTheProjects(t *testing.T) {
	t.Parallel()
	const plays = 5000
	o := near
	o.Plays = plays
	l := startLab(t, o)
	tree, err := project.Open(filepath.Join(l.sim.Dir(), projectDir), project.Options{})
	if err != nil {
		t.Fatal(err)
	}
	var want []string
	for _, f := range tree.Repos[0].Files {
		if !demo.Pending(f.Version) {
			want = append(want, strconv.FormatInt(f.Version, 10))
		}
	}
	got, err := l.ask("sin", "SELECT string_agg(version::text, ' ' ORDER BY version) FROM schema_migrations")
	if d := cmp.Diff(want, strings.Fields(got)); err != nil || d != "" {
		t.Errorf("versions (-want +got): %v\n%s", err, d)
	}
	if pending := len(tree.Repos[0].Files) - len(want); pending < 8 || !slices.Contains(want, "20250818120044") {
		t.Errorf("%d pending", pending)
	}
	until(t, "the table of plays is full", func() bool {
		n, err := l.ask(primaryRegion, "SELECT reltuples::bigint FROM pg_class WHERE oid = 'plays'::regclass")
		return err == nil && n == fmt.Sprint(plays)
	})
	conn, err := l.dial(primaryRegion, flex.PortDirect, flex.ConsoleRole, flex.DatabaseName)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	var ran int
	if err := conn.QueryRow(t.Context(), "SELECT count(*) FROM schema_migrations").Scan(&ran); err != nil || ran != len(want) {
		t.Errorf("a console sees %d migrations, %v; want %d", ran, err, len(want))
	}
	for table, least := range map[string]int{"sponsors": 10, "topics": 8, "posts": 800, "events": 8000, "transcripts": 600} {
		n, err := l.ask(primaryRegion, "SELECT count(*) FROM "+table)
		if count, _ := strconv.Atoi(n); err != nil || count < least {
			t.Errorf("%s rows of %s, %v; want at least %d", n, table, err, least)
		}
	}
}

func TestTheProjectsCommitIsTheOneThatImagesName(t *testing.T) {
	t.Parallel()
	git, err := exec.LookPath("git")
	if err != nil {
		t.Skip("git is not installed: apt-get install git")
	}
	dir := t.TempDir()
	for range 2 { // over an earlier one, too
		if err := writeProject(dir); err != nil {
			t.Fatal(err)
		}
		for _, ref := range []string{"HEAD", "refs/remotes/origin/main"} {
			c := exec.CommandContext(t.Context(), git, "rev-parse", ref)
			c.Dir = filepath.Join(dir, projectDir)
			out, err := c.CombinedOutput()
			if got := strings.TrimSpace(string(out)); err != nil || got != demo.Commit() {
				t.Errorf("%s is %s, %v; want %s", ref, got, err, demo.Commit())
			}
		}
		if err := os.WriteFile(filepath.Join(dir, projectDir, "mix.exs"), nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
}
