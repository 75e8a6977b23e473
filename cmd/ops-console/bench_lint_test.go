package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// BenchmarkLint runs the whole program on projects of many migrations: one in four has raw SQL.
func BenchmarkLint(b *testing.B) {
	for _, files := range []int{128, 3000} {
		b.Run(fmt.Sprint(files), func(b *testing.B) {
			dir := manyMigrations(b, files)
			env := sandbox(b)
			var user float64
			for b.Loop() {
				c := exec.CommandContext(b.Context(), program, "lint", dir)
				c.Env = env
				var failed *exec.ExitError
				if err := c.Run(); !errors.As(err, &failed) || failed.ExitCode() != statusBadNews {
					b.Fatalf("%v, want findings", err)
				}
				user += c.ProcessState.UserTime().Seconds() + c.ProcessState.SystemTime().Seconds()
			}
			b.ReportMetric(1000*user/float64(b.N), "cpu-ms/op")
		})
	}
}

// manyMigrations is a project that makes tables, and changes each of them three times.
func manyMigrations(b *testing.B, files int) string {
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
	write("mix.exs", "defmodule Shop.MixProject do\n  use Mix.Project\n\n  def project do\n    [app: :shop, version: \"0.1.0\"]\n  end\nend\n")
	write("config/config.exs", "import Config\n\nconfig :shop, ecto_repos: [Shop.Repo]\n")
	bodies := []string{
		"create table(:t%d) do\n      add :name, :string, null: false\n      add :other_id, references(:t0, on_delete: :delete_all)\n      timestamps()\n    end\n\n    create index(:t%[1]d, [:other_id])",
		"alter table(:t%d) do\n      add :state, :string, default: \"new\"\n      modify :name, :text, from: :string\n    end",
		"create unique_index(:t%d, [:name])",
		"execute \"ALTER TABLE t%d ADD CONSTRAINT named CHECK (length(name) > 0)\", \"ALTER TABLE t%[1]d DROP CONSTRAINT named\"",
	}
	for i := range files {
		body := fmt.Sprintf(bodies[i%len(bodies)], i/len(bodies))
		text := fmt.Sprintf("defmodule Shop.Repo.Migrations.M%d do\n  use Ecto.Migration\n\n  def change do\n    %s\n  end\nend\n", i, body)
		write(fmt.Sprintf("priv/repo/migrations/%d_m%d.exs", 20200101000000+i, i), text)
		if i%len(bodies) == 0 {
			write(fmt.Sprintf("lib/shop/t%d.ex", i/len(bodies)),
				strings.ReplaceAll("defmodule Shop.TN do\n  use Ecto.Schema\n\n  schema \"tN\" do\n    field :name, :string\n    field :state, :string\n  end\nend\n", "N", fmt.Sprint(i/len(bodies))))
		}
	}
	return dir
}
