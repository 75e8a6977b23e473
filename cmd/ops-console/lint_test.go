package main

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// demo is the source tree of the application that the simulated world runs.
const demo = "../../testdata/demo/changelog"

// linted is what these tests read of lint --format json.
type linted struct {
	Verdict string
	Checked int
	Counts  struct{ Error, Warning, Info, Suppressed int }
	Repos   []struct {
		Module   string
		Target   int
		Database *struct {
			Node    string
			Version int
		}
		Findings []struct {
			Rule, Severity, Path, Text, Table, Lock, Blocks string
			Version                                         int64
			Line                                            int
			Why                                             []string
			Hold                                            *struct {
				Hi int64 `json:"hi_ns"`
			}
			Suppressed *struct{ Reason string }
		}
		Rehearsal *struct {
			Ran, Agree, Differ, Failed, Skipped int
			Error                               string
			Steps                               []struct {
				Version    int64
				SQL, Error string
				Measured   []struct{ Table, Lock string }
				Predicted  []struct{ Table, Lock string }
				Differs    []string
			}
		}
	}
}

// lint runs lint --format json, and gives what it says.
func lintJSON(t *testing.T, want int, args ...string) linted {
	t.Helper()
	r := run(t, sandbox(t), program, append(args, "--format", "json")...)
	var out linted
	if err := json.Unmarshal([]byte(r.stdout), &out); err != nil || r.status != want {
		t.Fatalf("%v: status %d, want %d: %v\n%s%s", args, r.status, want, err, r.stdout, r.stderr)
	}
	return out
}

// rules are the rules that count in a version's migration, sorted; with 0 those of all.
func (l linted) rules(version int64) []string {
	out := []string{}
	for _, r := range l.Repos {
		for _, f := range r.Findings {
			if (version == 0 || f.Version == version) && f.Suppressed == nil {
				out = append(out, f.Rule)
			}
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// copied is the demo's source tree in a directory of its own.
func copied(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "changelog")
	if err := os.CopyFS(dir, os.DirFS(demo)); err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestLintWithoutADatabase(t *testing.T) {
	dir := copied(t)
	migrations := filepath.Join(dir, "priv", "repo", "migrations")
	all := lintJSON(t, 1, "lint", dir)
	if all.Verdict != "findings" || all.Repos[0].Module != "Changelog.Repo" || all.Repos[0].Target != 15 || all.Repos[0].Database != nil {
		t.Errorf("got %s of %+v", all.Verdict, all.Repos[0])
	}
	for version, want := range map[int64]string{
		20260112094500: "index-not-concurrent", 20260119110000: "index-concurrent-under-migration-lock", 20260126083000: "set-not-null",
		20260202160000: "remove-column", 20260209101500: "rename-column", 20260216143000: "backfill-in-ddl-tx", 20260302170000: "parse-error",
	} {
		if got := all.rules(version); !slices.Contains(got, want) {
			t.Errorf("%d: %v, want %s among them", version, got, want)
		}
	}
	if got := all.rules(20260105101500); len(got) > 0 {
		t.Errorf("a migration that sets a timeout and makes a table: %v, want nothing", got)
	}

	if got := lintJSON(t, 1, "lint", migrations); got.Checked != all.Checked || got.Counts != all.Counts {
		t.Errorf("the directory of migrations: %d, %+v; the project: %d, %+v", got.Checked, got.Counts, all.Checked, all.Counts)
	}
	one := filepath.Join(migrations, "20260112094500_index_plays_by_post.exs")
	if got := lintJSON(t, 1, "lint", one); got.Checked != 1 || !slices.Contains(got.rules(0), "index-not-concurrent") || !slices.Equal(got.rules(0), got.rules(20260112094500)) {
		t.Errorf("one file: %d checked, %v", got.Checked, got.rules(0))
	}
	if got := lintJSON(t, 1, "lint", dir, "--since", "20260300000000"); got.Checked != 1 || !slices.Equal(got.rules(0), []string{"parse-error"}) {
		t.Errorf("--since: %d checked, %v", got.Checked, got.rules(0))
	}
	off := []string{"lint", one, "--severity", "index-not-concurrent=off", "--severity", "transactions=info"}
	if got := lintJSON(t, 0, off...); slices.Contains(got.rules(0), "index-not-concurrent") || got.Counts.Warning > 0 {
		t.Errorf("--severity: %v", got.rules(0))
	}
	if got := lintJSON(t, 1, append(off, "--fail-on", "info")...); got.Verdict != "findings" {
		t.Errorf("--fail-on info: %s", got.Verdict)
	}
	if got := lintJSON(t, 1, "lint", dir, "--target", "10"); !slices.Contains(got.rules(0), "add-column-default-pg10") {
		t.Errorf("--target 10: %v", got.rules(0))
	}
}

func TestABaselineKeepsWhatWasThereQuiet(t *testing.T) {
	dir := copied(t)
	baseline := filepath.Join(dir, "lint.json")
	if r := run(t, sandbox(t), program, "lint", dir, "--write-baseline", baseline); r.status != 0 {
		t.Fatalf("status %d: %s", r.status, r.stderr)
	}
	before := lintJSON(t, 0, "lint", dir, "--baseline", baseline)
	if before.Counts.Suppressed == 0 || before.Counts.Error != 0 {
		t.Errorf("%+v", before.Counts)
	}
	added := filepath.Join(dir, "priv", "repo", "migrations", "20260401000000_drop_posts.exs")
	const text = "defmodule Changelog.Repo.Migrations.DropPosts do\n  use Ecto.Migration\n\n  def change do\n    drop table(:posts)\n  end\nend\n"
	if err := os.WriteFile(added, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	// The profile says the same as the flag, for the project's own file stands above what is looked at.
	if err := os.WriteFile(filepath.Join(dir, "ops-console.toml"), []byte("[app.changelog.lint]\nbaseline = \"lint.json\"\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	after := lintJSON(t, 1, "lint", dir)
	if got := after.rules(0); !slices.Contains(got, "drop-table") || !slices.Equal(got, after.rules(20260401000000)) {
		t.Errorf("%v, want those of the new migration alone: %v", got, after.rules(20260401000000))
	}
}

func TestLintOfWhatChanged(t *testing.T) {
	dir := copied(t)
	git := func(args ...string) {
		t.Helper()
		c := exec.CommandContext(t.Context(), "git", append([]string{"-C", dir, "-c", "user.name=a", "-c", "user.email=a@example.com", "-c", "commit.gpgsign=false"}, args...)...)
		if out, err := c.CombinedOutput(); err != nil {
			t.Fatalf("git %v: %v: %s", args, err, out)
		}
	}
	git("init", "-q", "-b", "main")
	git("add", "-A")
	git("commit", "-q", "-m", "all")
	if got := lintJSON(t, 0, "lint", dir, "--git-diff", "main"); got.Checked != 0 {
		t.Errorf("nothing changed, and %d were checked", got.Checked)
	}
	git("checkout", "-q", "-b", "branch")
	name := filepath.Join(dir, "priv", "repo", "migrations", "20260112094500_index_plays_by_post.exs")
	src, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, append(src, "# looked at again\n"...), 0o644); err != nil {
		t.Fatal(err)
	}
	git("commit", "-q", "-a", "-m", "one")
	if got := lintJSON(t, 1, "lint", dir, "--git-diff", "main"); got.Checked != 1 || !slices.Contains(got.rules(0), "index-not-concurrent") {
		t.Errorf("%d were checked, %v", got.Checked, got.rules(0))
	}
	// Paths for a code host start at the root of the repository, wherever the command is run.
	r := run(t, sandbox(t), program, "lint", dir, "--git-diff", "main", "--format", "github")
	if !strings.HasPrefix(r.stdout, "::error file=priv/repo/migrations/20260112094500_index_plays_by_post.exs,line=") {
		t.Errorf("github: %s", r.stdout)
	}
	if r := run(t, sandbox(t), program, "lint", dir, "--git-diff", "nonsense"); r.status != 2 || strings.Count(r.stderr, "\n") != 1 {
		t.Errorf("a commit that there is not: status %d, %q", r.status, r.stderr)
	}
}

func TestLintForPeople(t *testing.T) {
	env := sandbox(t)
	r := run(t, env, program, "lint", demo, "--since", "20260112094500")
	if r.status != 1 || strings.Contains(r.stdout, "\x1b") {
		t.Errorf("status %d, or colour without a terminal:\n%s", r.status, r.stdout)
	}
	for _, want := range []string{
		"error[index-not-concurrent]: ", "20260112094500_index_plays_by_post.exs:5:5\n", "    5 |     create index(:plays, [:post_id, :day])\n      |     ^^^^^^",
		"No database was asked",
	} {
		if !strings.Contains(r.stdout, want) {
			t.Errorf("no %q in\n%s", want, r.stdout)
		}
	}
	if r := run(t, env, program, "lint", demo, "--show-suppressed"); !strings.Contains(r.stdout, "\n  quiet  ") {
		t.Errorf("--show-suppressed shows none:\n%s", r.stdout)
	}
	if r := run(t, env, program, "lint", demo, "--down", "--severity", "missing-lock-timeout=off"); !strings.Contains(r.stdout, ": on the way back: ") {
		t.Errorf("--down finds nothing:\n%s", r.stdout)
	}
	for _, tt := range []struct {
		args []string
		want string
	}{
		{[]string{"lint", "--rules"}, "index-not-concurrent"},
		{[]string{"lint", "--rules", "--format", "json"}, `"id": "set-not-null"`},
		{[]string{"lint", "--explain", "set-not-null"}, "ACCESS EXCLUSIVE"},
		{[]string{"__complete", "lint", "--explain", "set-"}, "set-not-null"},
		{[]string{"__complete", "lint", "--format", ""}, "sarif"},
	} {
		if r := run(t, env, program, tt.args...); r.status != 0 || !strings.Contains(r.stdout, tt.want) {
			t.Errorf("%v: status %d, no %q in\n%s%s", tt.args, r.status, tt.want, r.stdout, r.stderr)
		}
	}
}

func TestLintRefusesWhatItDoesNotUnderstand(t *testing.T) {
	env := sandbox(t)
	for _, args := range [][]string{
		{"lint", demo, "--format", "xml"},
		{"lint", demo, "--severity", "no-such-rule=off"},
		{"lint", demo, "--severity", "set-not-null=grave"},
		{"lint", demo, "--fail-on", "off"},
		{"lint", demo, "--database", "maybe"},
		{"lint", demo, "--pending"},
		{"lint", demo, "--target", "-1"},
		{"lint", demo, "--baseline", "/nonexistent.json"},
		{"lint", demo, "--baseline", "/dev/zero"},
		{"lint", demo, "--git-diff=--output=x"},
		{"lint", "--explain", "no-such-rule"},
		{"lint", "/nonexistent"},
		{"lint", t.TempDir()},
		{"lint", filepath.Join(demo, "mix.exs")},
		{"migrations", "--format", "xml"},
	} {
		r := run(t, env, program, args...)
		if r.status != 2 || strings.Count(r.stderr, "\n") != 1 || r.stdout != "" {
			t.Errorf("%v: status %d, stdout %q, stderr %q, want 2, nothing and one line", args, r.status, r.stdout, r.stderr)
		}
	}
}
