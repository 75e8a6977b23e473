package report

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"ops-console/ops/ecto"
	"ops-console/ops/ecto/catalog"
	"ops-console/ops/ecto/lint"
	"ops-console/ops/ecto/locks"
	"ops-console/ops/ecto/project"
	"ops-console/ops/ecto/rehearse"
)

// golden compares with a file of testdata, and rewrites it where UPDATE_GOLDEN is set.
func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if os.Getenv("UPDATE_GOLDEN") != "" {
		if err := os.MkdirAll("testdata", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s (-want +got):\n%s", name, diff)
	}
}

const (
	indexFile  = "priv/repo/migrations/20260112094500_index_plays.exs"
	removeFile = "priv/repo/migrations/20260202160000_remove_summary.exs"
	brokenFile = "priv/repo/migrations/20260302170000_broken file, with: signs%.exs"
)

var sources = map[string][]byte{
	indexFile: []byte(`defmodule Shop.Repo.Migrations.IndexPlays do
  use Ecto.Migration

  def change do
    create index(:plays, [:post_id, :day])
    create index(:plays, [:post_id, :day], name: :the_same_again_with_a_name_that_makes_this_line_too_long_for_a_terminal)
  end
end
`),
	removeFile: []byte("defmodule Shop.Repo.Migrations.RemoveSummary do\n  use Ecto.Migration\n\n  def up do\n\talter table(:posts) do\n      remove :summary\n      remove :größe # 漢字\n    end\n  end\n\n" +
		"  def down do\n    execute \"ALTER TABLE posts ADD \x1b[31msummary\u202e text\"\n  end\nend\n"),
	brokenFile: []byte("defmodule Shop.Repo.Migrations.Broken do\n  def change do\n    create table(:a\n  end\nend\n"),
}

const concurrently = `@disable_ddl_transaction true

def change do
  create index(:plays, [:post_id, :day], concurrently: true)
end`

func findings() []lint.Finding {
	plays, posts := ecto.Name{Name: "plays"}, ecto.Name{Prefix: "app", Name: "posts"}
	return []lint.Finding{
		{
			Rule: "missing-lock-timeout", Severity: lint.Warning, Repo: "Shop.Repo", Path: indexFile, Version: 20260112094500, At: ecto.Span{Line: 5, Column: 5, EndLine: 5, EndColumn: 43},
			Text: "create index waits for SHARE on plays as long as it takes", Table: plays, Mode: locks.Share, Why: []string{"plays sees 3 reads and 40 writes a second"},
			Recipe: "set a lock_timeout in after_begin", Code: "def after_begin do\n  repo().query!(\"SET LOCAL lock_timeout TO '5s'\")\nend",
		},
		{
			Rule: "index-not-concurrent", Severity: lint.Error, Repo: "Shop.Repo", Path: indexFile, Version: 20260112094500, At: ecto.Span{Line: 5, Column: 5, EndLine: 5, EndColumn: 43},
			Text: "index plays_post_id_day_index is built under a SHARE lock on plays: writes to it wait until the build is done", Table: plays, Mode: locks.Share,
			Why: []string{"plays has 2.0 M rows, 89 MB", "something else that one should know of it, at a length that takes more than one line"}, Recipe: "build it concurrently, in a migration of its own",
			Code: concurrently, SQL: []string{`CREATE INDEX "plays_post_id_day_index" ON "plays" ("post_id", "day")`},
			Hold: lint.Hold{Lo: 221 * time.Millisecond, Hi: 3 * time.Second, Basis: "89 MB at 30-400 MB/s"},
		},
		{
			Rule: "index-not-concurrent", Severity: lint.Error, Repo: "Shop.Repo", Path: indexFile, Version: 20260112094500, At: ecto.Span{Line: 6, Column: 5, EndLine: 6, EndColumn: 123},
			Text: "index the_same_again is built under a SHARE lock on plays", Table: plays, Mode: locks.Share, Code: concurrently,
		},
		{
			Rule: "remove-column", Severity: lint.Error, Repo: "Shop.Repo", Path: removeFile, Version: 20260202160000, At: ecto.Span{Line: 5, Column: 2, EndLine: 8, EndColumn: 8},
			Text: "posts.summary goes: instances that run with a schema that has it fail at every query of posts (42703)", Table: posts, Mode: locks.AccessExclusive,
			Why: []string{"schema Shop.Post has field summary (lib/shop/post.ex:8)"}, Recipe: "first deploy code whose schema does not have the field",
		},
		{
			Rule: "remove-column", Severity: lint.Info, Repo: "Shop.Repo", Path: removeFile, Version: 20260202160000, At: ecto.Span{Line: 7, Column: 14, EndLine: 7, EndColumn: 20},
			Text: "posts.größe goes", Table: posts, Mode: locks.AccessExclusive,
			Suppressed: &lint.Suppression{Reason: "nobody reads it", Path: removeFile, Line: 4},
		},
		{
			Rule: "sql-syntax", Severity: lint.Error, Repo: "Shop.Repo", Path: removeFile, Version: 20260202160000, At: ecto.Span{Line: 12, Column: 13, EndLine: 12, EndColumn: 52}, Down: true,
			Text: "the SQL is broken at \"\x1b[31msummary\u202e\"",
		},
		{
			Rule: "parse-error", Severity: lint.Error, Repo: "Shop.Repo", Path: brokenFile, Version: 20260302170000, At: ecto.Span{Line: 4, Column: 3},
			Text: "in def change do: unexpected \"end\": 100% of it\nis :: lost", Suppressed: &lint.Suppression{Reason: "there before", Path: "lint-baseline.json"},
		},
		{Rule: "file-not-found", Severity: lint.Warning, Repo: "Shop.Repo", Text: "20250101000000 ran, and there is no file of it"},
	}
}

func fixture() *Report {
	in := lint.Input{
		Repo:    project.Repo{Module: "Shop.Repo", App: "shop", Root: ".", Dirs: []string{"priv/repo/migrations"}},
		Sources: sources,
		Live: &catalog.Snapshot{
			At: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC), Node: "db-1", Database: "shop", Version: 160004,
			Warnings: []string{"sizes of 3 tables: GRANT pg_read_all_stats TO ops"},
		},
	}
	noted := project.Note{Path: "priv/repo/migrations/notes.exs", Note: ecto.Note{At: ecto.Span{Line: 1, Column: 1}, Code: "no-version", Text: "no number and underscore before its name: Ecto passes over it"}}
	plays := ecto.Name{Name: "plays"}
	return &Report{
		Tool: "1.2.3", FailOn: lint.Error,
		Repos: []Repo{
			{
				Dir: "/src/shop", Prefix: "shop", Input: in, Notes: []project.Note{noted},
				Result: &lint.Result{
					Findings: findings(), Checked: 4,
					Unused: []lint.Suppression{{Reason: "set-not-null in priv/repo/migrations/1_a.exs: there before", Path: "lint-baseline.json"}},
				},
				Rehearsal: &Rehearsal{
					Notes: []string{"2 operations of earlier migrations were left out: only the application could run them"},
					Err:   errors.New("what the migrations wrote is more than a gigabyte"),
					Steps: []rehearse.Step{
						{
							Path: indexFile, Version: 20260112094500, At: ecto.Span{Line: 5, Column: 5}, SQL: `CREATE INDEX "plays_post_id_day_index" ON "plays" ("post_id", "day")`, Took: 3 * time.Millisecond,
							Measured:  []rehearse.Lock{{Table: plays, Mode: locks.Share, Scan: true, Build: []string{"plays_post_id_day_index"}}},
							Predicted: []locks.Effect{{Table: plays, Mode: locks.Share, Scan: true, Build: []string{"plays_post_id_day_index"}}},
						},
						{
							Path: removeFile, Version: 20260202160000, At: ecto.Span{Line: 6, Column: 7}, SQL: `ALTER TABLE "posts" DROP COLUMN "summary"`,
							Measured: []rehearse.Lock{{Table: ecto.Name{Prefix: "app", Name: "posts"}, Mode: locks.AccessExclusive, Held: true, Rewrite: true}},
							Differs:  []string{"app.posts was written again, and that was not predicted"},
						},
						{Path: removeFile, Version: 20260202160000, At: ecto.Span{Line: 12, Column: 13}, Down: true, SQL: "ALTER TABLE posts ADD summary text", Err: "ERROR: syntax error at or near \"summary\" (SQLSTATE 42601)"},
						{Path: brokenFile, Version: 20260302170000, At: ecto.Span{Line: 1, Column: 1}, Skipped: "only the application could run it"},
					},
				},
			},
			{
				Dir: "/src/shop", Prefix: "shop", Input: lint.Input{Repo: project.Repo{Module: "Shop.Events", Dirs: []string{"priv/events/migrations"}, Tenant: true}},
				Result: &lint.Result{Checked: 1},
			},
		},
	}
}

// status is the states of two repos, one of which a database knows.
func states() *Migrations {
	at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	repo := fixture().Repos[0]
	s := NewStatus(repo.Input, []lint.Status{
		{Version: 20240101000000, Path: "priv/repo/migrations/20240101000000_create_posts.exs", Name: "create_posts", State: lint.Up, InsertedAt: at.Add(-time.Hour)},
		{Version: 20240102000000, State: lint.Up, Dumped: true},
		{Version: 20250101000000, State: lint.FileNotFound, InsertedAt: at.Add(-time.Minute)},
		{Version: 20260112094500, Path: indexFile, Name: "index_plays", State: lint.OutOfOrder},
		{Version: 20260202160000, Path: removeFile, Name: "remove_summary", State: lint.Down},
		{Version: 20260303000000, Path: "priv/repo/migrations/20260303000000_clean\x1b[2J.exs", Name: "clean\x1b[2J", State: lint.Down},
	}, repo.Result)
	other := Status{Module: "Shop.Events", Tenant: true, Statuses: []lint.Status{{Version: 1, Path: "priv/events/migrations/1_a.exs", Name: "a"}}}
	return &Migrations{At: at, Dir: "/src/shop", Repos: []Status{s, other}, Node: "db-1", Read: at}
}
