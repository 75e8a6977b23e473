package lint

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"ops-console/ops/ecto/project"
)

// many writes an application with n migrations, half of them with SQL where raw is set: tables, indexes, columns, keys.
func many(b *testing.B, n int, raw bool) *project.Project {
	b.Helper()
	dir := b.TempDir()
	write := func(name, text string) {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			b.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			b.Fatal(err)
		}
	}
	write("mix.exs", "defmodule Demo.MixProject do\n  use Mix.Project\n  def project, do: [app: :demo]\nend\n")
	write("config/config.exs", "import Config\nconfig :demo, ecto_repos: [Demo.Repo]\n")
	write("lib/demo/repo.ex", "defmodule Demo.Repo do\n  use Ecto.Repo, otp_app: :demo, adapter: Ecto.Adapters.Postgres\nend\n")
	for i := range n {
		table := fmt.Sprintf("things_%d", i/6)
		var body []string
		switch i % 6 {
		case 0:
			body = []string{
				"create table(:" + table + ") do", "  add :name, :string, null: false", "  add :state, :string, default: \"new\"",
				"  add :parent_id, references(:things_0)", "  timestamps()", "end", "", "create index(:" + table + ", [:parent_id])",
				"create unique_index(:" + table + ", [:name])",
			}
		case 1:
			body = []string{"create index(:" + table + ", [:state, :name])"}
		case 2:
			body = []string{"alter table(:" + table + ") do", "  add :token, :uuid, default: fragment(\"gen_random_uuid()\")", "  add :seen_at, :utc_datetime", "end"}
		case 3:
			body = []string{"alter table(:" + table + ") do", "  modify :name, :text, null: false, from: :string", "end"}
		case 4:
			body = []string{"create constraint(:" + table + ", :" + table + "_name, check: \"name <> ''\")", "rename table(:" + table + "), :state, to: :status"}
			if raw {
				body = append(body, "execute \"ALTER TABLE "+table+" ADD COLUMN n bigint NOT NULL DEFAULT 0\", \"ALTER TABLE "+table+" DROP COLUMN n\"")
			}
		case 5:
			body = []string{"alter table(:" + table + ") do", "  remove :seen_at, :utc_datetime", "end", "drop index(:" + table + ", [:parent_id])"}
			if raw {
				body = append(body, "execute \"UPDATE "+table+" SET name = 'x' WHERE name IS NULL\", \"SELECT 1\"", "execute \"CREATE INDEX ON "+table+" (lower(name))\", \"SELECT 1\"")
			}
		}
		write(fmt.Sprintf("priv/repo/migrations/%d_m%d.exs", 20200101000000+i, i), migrationOf(fmt.Sprintf("M%d", i), body...))
	}
	p, err := project.Open(dir, project.Options{})
	if err != nil {
		b.Fatal(err)
	}
	return p
}

// BenchmarkLint is reading and judging 3,000 migrations. The bound is a second.
func BenchmarkLint(b *testing.B) {
	for _, raw := range []bool{false, true} {
		b.Run(strings.ReplaceAll(fmt.Sprintf("sql=%t", raw), "true", "raw"), func(b *testing.B) {
			p := many(b, 3000, raw)
			for b.Loop() {
				in, err := Load(context.Background(), p, p.Repos[0])
				if err != nil {
					b.Fatal(err)
				}
				res, err := Run(context.Background(), in)
				if err != nil {
					b.Fatal(err)
				}
				b.ReportMetric(float64(len(res.Findings)), "findings")
			}
		})
	}
}
